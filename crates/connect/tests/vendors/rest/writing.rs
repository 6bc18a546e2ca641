//! Writes through a description: values in their types, no twins, rows that moved on, fields that are made.

use entente_connect::connector::{NewField, Priority};
use entente_connect::error::Class;
use entente_connect::look::Existence;
use entente_connect::write::Write;
use entente_model::id::{RecordId, uuid_v7};
use entente_model::mapping::remote::{RemoteField, RemoteKind};
use entente_sims::faults::Fault;
use entente_sims::pipedrive::Kind;
use serde_json::json;

use super::described::company;
use crate::pipedrive::company::{START_MS, persons, target};
use crate::stage::rows::{create, delete, spec, update};

/// A record id made at an instant.
fn key(at_ms: i64, random: u128) -> String {
    RecordId::new("con", uuid_v7(u64::try_from(at_ms).unwrap(), random)).to_string()
}

#[tokio::test]
async fn a_new_customer_is_made_with_everything_and_comes_back_as_made() {
    let company = company();
    let row = json!({"name": "Acme", "website": "acme.example", "employee_count": "120", "entente_plan": "Pro", "entente_arr": "12000.50",
        "labels": ["Customer"], "address": null});
    let outcome = company.write("organizations", &[create("acc_1", row)]).await.remove(0).unwrap();
    assert_eq!(outcome.created, Some(true));
    let stored = company.row(Kind::Organization, &outcome.id);
    assert_eq!((&stored["name"], &stored["employee_count"], &stored["label_ids"]), (&json!("Acme"), &json!(120), &json!([5])));
    assert_eq!(company.custom(Kind::Organization, &outcome.id, "Entente arr"), 12000.5);
    assert_eq!(company.custom(Kind::Organization, &outcome.id, "Entente id"), "acc_1");
    let look = outcome.look.unwrap();
    assert_eq!((&look.row["entente_plan"], &look.row["labels"], look.complete), (&json!("Pro"), &json!(["Customer"]), false));
    let person = json!({"name": "Ada Lovelace", "email": "ada@acme.example", "phone": "+46 8 123", "org_id": outcome.id});
    let person = company.write("persons", &[create("con_1", person)]).await.remove(0).unwrap();
    let stored = company.row(Kind::Person, &person.id);
    assert_eq!(stored["emails"], json!([{"value": "ada@acme.example", "primary": true, "label": "work"}]));
    assert_eq!(stored["org_id"].to_string(), outcome.id);
}

#[tokio::test]
async fn a_creation_that_landed_unheard_is_found_before_it_is_made_again() {
    let company = company();
    let mut unheard = 0;
    for n in 0..20 {
        let key = key(START_MS, n);
        let writes = [create(&key, json!({"name": format!("Person {n}"), "email": format!("{n}@x.example")}))];
        company.faults.set_calls(Fault::TimeoutAfter, 500);
        let outcome = loop {
            if let Ok(mut outcomes) = company.crm.write(&target("persons"), &writes, Priority::Update).await {
                break outcomes.remove(0);
            }
        };
        company.faults.clear();
        unheard += u32::from(outcome.is_err());
        company.pass(30);
        let outcome = company.write("persons", &writes).await.remove(0).unwrap();
        assert_eq!(company.custom(Kind::Person, &outcome.id, "Entente id"), json!(key));
        assert_eq!(company.sim.count(Kind::Person), usize::try_from(n).unwrap() + 1);
    }
    assert!(unheard > 3, "{unheard} creations were not heard of");
}

#[tokio::test]
async fn another_process_that_made_the_row_is_noticed() {
    let company = company();
    company.write("persons", &[create("con_0", json!({"name": "Bob"}))]).await.remove(0).unwrap();
    company.pass(600);
    let key = key(START_MS, 2);
    let code = company.sim.code(Kind::Person, "Entente id").unwrap();
    let made = company.plant(Kind::Person, json!({"name": "Ada", "custom_fields": {code: &key}}));
    let outcome = company.write("persons", &[create(&key, json!({"name": "Ada Lovelace"}))]).await.remove(0).unwrap();
    assert_eq!((outcome.id.as_str(), outcome.created), (made.as_str(), Some(false)));
    assert_eq!(company.row(Kind::Person, &made)["name"], "Ada Lovelace");
}

#[tokio::test]
async fn a_creation_lists_only_what_changed_since_its_record_was_made() {
    let company = company();
    for n in 0..3_000 {
        company.contact("Somebody", &format!("{n}@example.com"));
    }
    company.pass(86_400);
    let now_ms = company.hands.now_ms();
    company.write("persons", &[create(&key(now_ms, 3), json!({"name": "Ada"}))]).await.remove(0).unwrap();
    assert_eq!(company.calls("GET persons"), 1);
    let writes: Vec<Write> = (0..20).map(|n| create(&key(now_ms, 100 + n), json!({"name": format!("Person {n}")}))).collect();
    company.write("persons", &writes).await.into_iter().for_each(|outcome| drop(outcome.unwrap()));
    assert_eq!(company.calls("GET persons"), 2, "one list for all of them");
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_a_row_that_moved_on_is_looked_at_again() {
    let company = company();
    let id = company.plant(
        Kind::Person,
        json!({"name": "Ada", "phones": [{"value": "+1", "primary": true, "label": "home"}],
               "emails": [{"value": "a@x.example", "primary": true}, {"value": "b@x.example", "primary": false}]}),
    );
    company.write("persons", &[update(&id, json!({"email": "c@x.example"}))]).await.remove(0).unwrap();
    let row = company.row(Kind::Person, &id);
    let addresses: Vec<(&str, bool)> =
        row["emails"].as_array().unwrap().iter().map(|entry| (entry["value"].as_str().unwrap(), entry["primary"] == true)).collect();
    assert_eq!(addresses, [("c@x.example", true), ("b@x.example", false)]);
    assert_eq!(row["phones"][0]["label"], "home");

    let seen = company.fetch(&persons(&["name"]), &id).await.version;
    company.pass(5);
    company.edit(Kind::Person, &id, json!({"name": "Ada King"}));
    let mut late = update(&id, json!({"name": "Ada Byron"}));
    late.expect = seen;
    let refused = company.write("persons", &[late]).await.remove(0).unwrap_err();
    assert_eq!((refused.class, refused.code.as_str()), (Class::LookAgain, "moved_on"));
    assert_eq!(company.row(Kind::Person, &id)["name"], "Ada King");

    company.write("persons", &[delete(&id)]).await.remove(0).unwrap();
    company.write("persons", &[delete(&id)]).await.remove(0).unwrap();
    let refused = company.write("persons", &[update(&id, json!({"email": "d@x.example"}))]).await.remove(0).unwrap_err();
    assert_eq!(refused.class, Class::LookAgain);
}

#[tokio::test]
async fn what_does_not_fit_names_its_field() {
    let company = company();
    let id = company.plant(Kind::Deal, json!({"title": "Deal"}));
    let refused = async |row| company.crm.write(&target("deals"), &[update(&id, row)], Priority::Update).await.map(|mut all| all.remove(0));
    let error = |outcome: Result<_, _>| match outcome {
        Ok(Err(error)) | Err(error) => error,
        Ok(Ok(_)) => panic!("it was taken"),
    };
    for (row, code, class) in [
        (json!({"value": "much"}), "bad_number", Class::Data),
        (json!({"org_id": "acme"}), "bad_reference", Class::Data),
        (json!({"status": "lukewarm"}), "unknown_choice", Class::Data),
        (json!({"is_won": true}), "read_only_field", Class::Configuration),
        (json!({"colour": "red"}), "unknown_field", Class::Configuration),
    ] {
        let field = row.as_object().unwrap().keys().next().unwrap().clone();
        let refused: entente_connect::error::VendorError = error(refused(row).await);
        assert_eq!((refused.code.as_str(), refused.class, refused.field.as_deref()), (code, class, Some(field.as_str())));
    }
    let refused: entente_connect::error::VendorError = error(refused(json!({"title": "x".repeat(300)})).await);
    assert_eq!((refused.class, refused.field.as_deref()), (Class::Data, Some("title")), "{refused:?}");
}

#[tokio::test]
async fn the_key_of_an_activity_is_the_last_line_of_its_text() {
    let company = company();
    let acme = company.plant(Kind::Organization, json!({"name": "Acme"}));
    let row = json!({"subject": "[Ticket #7] Help", "due_date": "2026-01-05", "done": false, "note": "Status: open", "org_id": acme});
    let made = company.write("activities", &[create("cas_1", row)]).await.remove(0).unwrap();
    let read = spec("activities", &["note", "entente_id", "kind", "done"]);
    let look = company.fetch(&read, &made.id).await;
    assert_eq!((&look.row["note"], &look.row["entente_id"], &look.row["kind"]), (&json!("Status: open"), &json!("cas_1"), &json!("Task")));
    let mut changed = update(&made.id, json!({"note": "Status: solved", "done": true}));
    changed.key = "cas_1".to_owned();
    company.write("activities", &[changed]).await.remove(0).unwrap();
    let look = company.fetch(&read, &made.id).await;
    assert_eq!((&look.row["note"], &look.row["entente_id"], &look.row["done"]), (&json!("Status: solved"), &json!("cas_1"), &json!(true)));
    let again = company.write("activities", &[create("cas_1", json!({"subject": "[Ticket #7] Help"}))]).await.remove(0).unwrap();
    assert_eq!((again.id, again.created), (made.id, Some(false)));
}

#[tokio::test]
async fn a_field_is_made_once_and_known_by_its_name() {
    let company = company();
    let field = |name: &str, kind: RemoteKind, values: &[&str]| NewField {
        object: "organizations".to_owned(),
        field: RemoteField {
            writable: true,
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            restricted: !values.is_empty(),
            ..RemoteField::new(name, name, kind)
        },
    };
    for new in [
        field("entente_status", RemoteKind::Picklist, &["Active", "Paused"]),
        field("entente_support_vip", RemoteKind::Boolean, &[]),
        field("entente_renewal_date", RemoteKind::Date, &[]),
    ] {
        company.crm.create_field(&new).await.unwrap();
        company.crm.create_field(&new).await.unwrap();
    }
    let object = company.crm.describe("organizations").await.unwrap();
    assert_eq!(object.field("entente_status").unwrap().values, ["Active", "Paused"]);
    assert_eq!(object.field("entente_support_vip").unwrap().kind, RemoteKind::Boolean);
    assert_eq!(object.field("entente_renewal_date").unwrap().kind, RemoteKind::Date);
    let refused = company.crm.create_field(&field("colour", RemoteKind::Text, &[])).await.unwrap_err();
    assert!(refused.advice.contains("entente_NAME"), "{refused:?}");
    let row = json!({"name": "Acme", "entente_support_vip": true, "entente_status": "Active"});
    let made = company.write("organizations", &[create("acc_1", row)]).await.remove(0).unwrap();
    let look = company.fetch(&spec("organizations", &["entente_support_vip", "entente_status"]), &made.id).await;
    assert_eq!((&look.row["entente_support_vip"], &look.row["entente_status"]), (&json!(true), &json!("Active")));
    assert_eq!(look.existence, Existence::Present);
}
