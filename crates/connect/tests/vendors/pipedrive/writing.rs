//! Writes: values in their types, no twins, and rows that moved on.

use std::collections::BTreeSet;
use std::time::Duration;

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::look::Existence;
use entente_connect::write::{Write, WriteKind};
use entente_model::id::{RecordId, uuid_v7};
use entente_sims::faults::Fault;
use entente_sims::pipedrive::Kind;
use serde_json::json;

use crate::pipedrive::company::{Company, START_MS, persons, target};
use crate::stage::rows::{create, delete, map, spec, update};

/// A record id made at an instant.
fn key(prefix: &str, at_ms: i64, random: u128) -> String {
    RecordId::new(prefix, uuid_v7(u64::try_from(at_ms).unwrap(), random)).to_string()
}

#[tokio::test]
async fn a_new_customer_is_made_with_everything_and_comes_back_as_made() {
    let company = Company::open();
    let row = json!({"name": "Acme", "website": "acme.example", "employee_count": "120", "entente_plan": "Pro", "entente_arr": "12000.50", "labels": ["Customer"], "address": null});
    let outcome = company.write("organizations", &[create("acc_1", row)]).await.remove(0).unwrap();
    assert_eq!(outcome.created, Some(true));
    let stored = company.row(Kind::Organization, &outcome.id);
    assert_eq!((&stored["name"], &stored["employee_count"], &stored["label_ids"]), (&json!("Acme"), &json!(120), &json!([5])));
    assert_eq!(company.custom(Kind::Organization, &outcome.id, "Entente arr"), 12000.5);
    assert_eq!(company.custom(Kind::Organization, &outcome.id, "Entente id"), "acc_1");
    let look = outcome.look.unwrap();
    assert_eq!((&look.row["entente_plan"], &look.row["labels"], look.complete), (&json!("Pro"), &json!(["Customer"]), false));
    let org = outcome.id;
    let person = json!({"name": "Ada Lovelace", "email": "ada@acme.example", "phone": "+46 8 123", "org_id": org});
    let person = company.write("persons", &[create("con_1", person)]).await.remove(0).unwrap();
    let stored = company.row(Kind::Person, &person.id);
    assert_eq!(stored["emails"], json!([{"value": "ada@acme.example", "primary": true, "label": "work"}]));
    assert_eq!(stored["org_id"].to_string(), org);
}

#[tokio::test]
async fn a_creation_that_landed_unheard_is_found_before_it_is_made_again() {
    for fault in [Fault::TimeoutAfter, Fault::TimeoutBefore] {
        let company = Company::open();
        let mut unheard = 0;
        for n in 0..30 {
            let key = key("con", START_MS, n);
            let writes = [create(&key, json!({"name": format!("Person {n}"), "email": format!("{n}@x.example")}))];
            company.faults.set_calls(fault, 500);
            // A list that is not heard of makes nothing; the creation itself is what counts.
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
            assert_eq!(company.sim.count(Kind::Person), usize::try_from(n).unwrap() + 1, "{fault:?}");
        }
        assert!(unheard > 5, "{unheard} creations were not heard of");
    }
}

#[tokio::test]
async fn another_process_that_made_the_row_is_noticed() {
    let company = Company::open();
    let key = key("con", START_MS, 2);
    company.write("persons", &[create("con_0", json!({"name": "Bob"}))]).await.remove(0).unwrap();
    company.pass(600);
    let code = company.sim.code(Kind::Person, "Entente id").unwrap();
    let made = company.plant(Kind::Person, json!({"name": "Ada", "custom_fields": {code: &key}}));
    let outcome = company.write("persons", &[create(&key, json!({"name": "Ada Lovelace"}))]).await.remove(0).unwrap();
    assert_eq!((outcome.id.as_str(), outcome.created), (made.as_str(), Some(false)));
    assert_eq!(company.row(Kind::Person, &made)["name"], "Ada Lovelace");
    // A row that was deleted meanwhile is no reason to make none.
    company.sim.delete(Kind::Person, &made, company.person()).unwrap();
    let outcome = company.write("persons", &[create(&key, json!({"name": "Ada Lovelace"}))]).await.remove(0).unwrap();
    assert!(outcome.created == Some(true) && outcome.id != made);
}

#[tokio::test]
async fn a_creation_lists_only_what_changed_since_its_record_was_made() {
    let company = Company::open();
    for n in 0..3_000 {
        company.contact("Somebody", &format!("{n}@example.com"));
    }
    company.pass(86_400);
    let now_ms = company.hands.now_ms();
    let before = company.sim.tokens_spent();
    company.write("persons", &[create(&key("con", now_ms, 3), json!({"name": "Ada"}))]).await.remove(0).unwrap();
    assert_eq!(company.calls("GET persons"), 1);
    // Definitions, one list, one creation.
    assert_eq!(company.sim.tokens_spent() - before, 10 + 10 + 5);
    let writes: Vec<Write> = (0..20).map(|n| create(&key("con", now_ms, 100 + n), json!({"name": format!("Person {n}")}))).collect();
    let before = company.sim.tokens_spent();
    company.write("persons", &writes).await.into_iter().for_each(|outcome| drop(outcome.unwrap()));
    assert_eq!(company.sim.tokens_spent() - before, 10 + 20 * 5, "one list for all of them");
}

#[tokio::test]
async fn whoever_creates_side_by_side_shares_the_look_for_earlier_attempts() {
    let company = Company::open();
    let now_ms = company.hands.now_ms();
    company.write("persons", &[create(&key("con", now_ms, 1), json!({"name": "First"}))]).await.remove(0).unwrap();
    let before = company.calls("GET persons");
    let one = |n: u128| {
        let write = create(&key("con", now_ms, 10 + n), json!({"name": format!("Person {n}")}));
        let company = &company;
        async move { company.write("persons", &[write]).await.remove(0).unwrap().id }
    };
    let made: BTreeSet<String> = futures::future::join_all((0..6).map(one)).await.into_iter().collect();
    // The first one's list began before the others asked; the next one's serves them all.
    assert_eq!((made.len(), company.calls("GET persons") - before), (6, 2));
    // Whoever asks later looks again: others may have made rows meanwhile.
    company.write("persons", &[create(&key("con", now_ms, 2), json!({"name": "Last"}))]).await.remove(0).unwrap();
    assert_eq!(company.calls("GET persons") - before, 3);
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_nothing_else() {
    let company = Company::open();
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

    let budget = company.sim.add_field(Kind::Organization, &json!({"field_name": "Budget", "field_type": "monetary"})).unwrap();
    let acme = company.plant(Kind::Organization, json!({"name": "Acme", "custom_fields": {&budget: {"value": 10, "currency": "EUR"}}}));
    company.write("organizations", &[update(&acme, json!({format!("custom.{budget}"): "12.5"}))]).await.remove(0).unwrap();
    assert_eq!(company.row(Kind::Organization, &acme)["custom_fields"][&budget], json!({"value": 12.5, "currency": "EUR"}));
    company.write("organizations", &[update(&acme, json!({format!("custom.{budget}"): null}))]).await.remove(0).unwrap();
    assert_eq!(company.row(Kind::Organization, &acme)["custom_fields"], json!(null));
}

#[tokio::test]
async fn a_row_that_moved_on_is_looked_at_again() {
    let company = Company::open();
    let id = company.contact("Ada", "ada@x.example");
    let seen = company.fetch(&persons(&["name"]), &id).await;
    company.pass(5);
    company.edit(Kind::Person, &id, json!({"name": "Ada King"}));
    let late = Write {
        kind: WriteKind::Update,
        key: "con_1".to_owned(),
        id: Some(id.clone()),
        row: map(json!({"name": "Countess"})),
        expect: seen.version,
    };
    let error = company.write("persons", std::slice::from_ref(&late)).await.remove(0).unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::LookAgain, "moved_on"));
    assert_eq!(company.row(Kind::Person, &id)["name"], "Ada King");
    let seen = company.fetch(&persons(&["name"]), &id).await;
    company.write("persons", &[Write { expect: seen.version, ..late }]).await.remove(0).unwrap();
    assert_eq!(company.row(Kind::Person, &id)["name"], "Countess");
}

#[tokio::test]
async fn one_row_s_fault_is_its_own() {
    let company = Company::open();
    let writes = [
        create("con_1", json!({"name": "Ada"})),
        create("con_2", json!({"name": "Bob", "email": "no address"})),
        create("con_3", json!({"name": "Eve", "org_id": "777"})),
        create("con_4", json!({"name": ""})),
        create("con_5", json!({"name": "𝒜da 🦊 Ünïcode"})),
    ];
    let outcomes = company.write("persons", &writes).await;
    let said: Vec<Option<(Class, Option<&str>)>> =
        outcomes.iter().map(|outcome| outcome.as_ref().err().map(|error| (error.class, error.field.as_deref()))).collect();
    assert_eq!(
        said,
        [None, Some((Class::Data, Some("emails"))), Some((Class::Data, Some("org_id"))), Some((Class::Data, Some("name"))), None]
    );
    assert_eq!(company.row(Kind::Person, &outcomes[4].as_ref().unwrap().id)["name"], "𝒜da 🦊 Ünïcode");
}

#[tokio::test]
async fn values_that_do_not_fit_name_their_field() {
    let company = Company::open();
    company
        .sim
        .add_field(Kind::Organization, &json!({"field_name": "Entente size", "field_type": "enum", "options": [{"label": "Small"}]}))
        .unwrap();
    let id = company.plant(Kind::Organization, json!({"name": "Acme"}));
    let refused = async |row| company.write("organizations", &[update(&id, row)]).await.remove(0).unwrap_err();
    let error = refused(json!({"entente_size": "Huge"})).await;
    assert_eq!((error.class, error.field.as_deref()), (Class::Data, Some("entente_size")));
    assert!(error.message.contains("Small"));
    let error = refused(json!({"entente_arr": "many"})).await;
    assert_eq!((error.code.as_str(), error.field.as_deref()), ("bad_number", Some("entente_arr")));
    let error = refused(json!({"owner.name": "Dana"})).await;
    assert_eq!((error.code.as_str(), error.class), ("read_only_field", Class::Configuration));
    let error =
        company.crm.write(&target("organizations"), &[update(&id, json!({"entente_nothing": 1}))], Priority::Update).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.class), ("unknown_field", Class::Configuration));
    let long = "x".repeat(300);
    let error = refused(json!({"entente_plan": long})).await;
    assert_eq!(error.class, Class::Data);
}

#[tokio::test]
async fn a_field_that_vanished_since_it_was_read_is_a_matter_of_configuration() {
    let company = Company::open();
    let id = company.plant(Kind::Organization, json!({"name": "Acme"}));
    company.write("organizations", &[update(&id, json!({"entente_plan": "Pro"}))]).await.remove(0).unwrap();
    company.sim.drop_field(Kind::Organization, &company.sim.code(Kind::Organization, "Entente plan").unwrap()).unwrap();
    let error = company.write("organizations", &[update(&id, json!({"entente_plan": "Free"}))]).await.remove(0).unwrap_err();
    assert_eq!(error.class, Class::Configuration);
    let error =
        company.crm.write(&target("organizations"), &[update(&id, json!({"entente_plan": "Free"}))], Priority::Update).await.unwrap_err();
    assert_eq!(error.code, "unknown_field", "and the schema is read anew");
}

#[tokio::test]
async fn what_is_deleted_twice_is_deleted() {
    let company = Company::open();
    let id = company.contact("Ada", "ada@x.example");
    for _ in 0..2 {
        let outcome = company.write("persons", &[delete(&id)]).await.remove(0).unwrap();
        assert_eq!(outcome.look.unwrap().existence, Existence::Deleted);
    }
    assert_eq!(company.sim.count(Kind::Person), 0);
    let error = company.write("persons", &[update(&id, json!({"email": "new@x.example"}))]).await.remove(0).unwrap_err();
    assert_eq!(error.class, Class::LookAgain);
    company.hands.pass(Duration::from_secs(40 * 86_400));
    assert!(company.write("persons", &[delete(&id)]).await.remove(0).is_ok(), "gone for good is gone as well");
}

#[tokio::test]
async fn a_key_needs_a_field_that_can_hold_it() {
    let company = Company::open();
    let number = entente_connect::write::WriteTarget { object: "organizations".to_owned(), key_field: "entente_arr".to_owned() };
    let error = company.crm.write(&number, &[create("acc_1", json!({"name": "Acme"}))], Priority::Update).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.class), ("key_field", Class::Configuration));
    let read = spec("nothing", &["id"]);
    assert_eq!(company.crm.page(&read, None, Priority::Backfill).await.unwrap_err().code, "unknown_object");
}
