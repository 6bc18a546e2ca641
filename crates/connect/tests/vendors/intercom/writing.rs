//! Writes: nobody twice, and only what is asked for.

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::look::Existence;
use entente_connect::merge::Merge;
use entente_sims::faults::Fault;
use entente_sims::intercom::Kind;
use serde_json::{Value, json};

use super::workspace::{Workspace, settings};
use crate::stage::rows::{create, delete, spec, update};

#[tokio::test]
async fn a_contact_is_created_with_our_key_and_put_into_its_company() {
    let workspace = Workspace::open();
    let company = workspace.company("acc_1", "Acme");
    let row =
        json!({"name": "Ann & Bob", "email": "Ann@Acme.example", "company_id": company, "custom_attributes.crm_id": "003", "phone": null});
    let written = workspace.write("contact", &[create("con_1", row)]).await.remove(0).unwrap();
    assert_eq!(written.created, Some(true));
    let row = workspace.row(Kind::Contact, &written.id);
    assert_eq!((&row["external_id"], &row["role"], &row["email"]), (&json!("con_1"), &json!("user"), &json!("ann@acme.example")));
    assert_eq!((&row["name"], &row["companies"]["data"][0]["id"]), (&json!("Ann &amp; Bob"), &json!(company)));
    let look = written.look.unwrap();
    assert_eq!((&look.row["name"], &look.row["company_id"], look.complete), (&json!("Ann & Bob"), &json!(company), true));
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_makes_no_twin() {
    let workspace = Workspace::with(settings(), |options| options.profile.index_lag_ms = 600_000);
    let company = workspace.company("acc_0", "Acme");
    workspace.desk.check().await.unwrap();
    workspace.desk.describe("contact").await.unwrap();
    let contact = [create("con_1", json!({"name": "Ann", "email": "ann@acme.example", "company_id": company}))];
    workspace.faults.order([Fault::TimeoutAfter]);
    assert_eq!(workspace.write("contact", &contact).await.remove(0).unwrap_err().class.name(), "retry");
    let again = workspace.write("contact", &contact).await.remove(0).unwrap();
    assert_eq!((again.created, workspace.sim.rows(Kind::Contact).len()), (Some(false), 1));
    assert_eq!(workspace.row(Kind::Contact, &again.id)["companies"]["total_count"], 1);
    let company = [create(
        "acc_1",
        json!({"name": "Bolt", "custom_attributes.arr": "1200.50", "custom_attributes.renewal": "2026-12-31", "size": 12.0}),
    )];
    workspace.desk.describe("company").await.unwrap();
    workspace.faults.order([Fault::TimeoutAfter]);
    assert_eq!(workspace.write("company", &company).await.remove(0).unwrap_err().class.name(), "retry");
    let again = workspace.write("company", &company).await.remove(0).unwrap();
    let row = workspace.row(Kind::Company, &again.id);
    assert_eq!((workspace.sim.rows(Kind::Company).len(), &row["company_id"], &row["size"]), (2, &json!("acc_1"), &json!(12)));
    assert_eq!((&row["custom_attributes"]["arr"], &row["custom_attributes"]["renewal"]), (&json!(1200.5), &json!(1_798_675_200)));
}

#[tokio::test]
async fn an_address_that_somebody_has_is_looked_at_again_even_when_search_knows_nobody() {
    let workspace = Workspace::with(settings(), |options| options.profile.index_lag_ms = 600_000);
    let ann = workspace.contact("Ann", "ann@acme.example");
    let refused =
        workspace.write("contact", &[create("con_1", json!({"name": "Anna", "email": "ann@acme.example"}))]).await.remove(0).unwrap_err();
    assert_eq!((refused.class.name(), refused.code.as_str()), ("look_again", "conflict"));
    assert_eq!((workspace.row(Kind::Contact, &ann)["name"].clone(), workspace.sim.rows(Kind::Contact).len()), (json!("Ann"), 1));
}

#[tokio::test]
async fn an_archived_twin_comes_back_and_is_ours_or_looked_at() {
    let workspace = Workspace::open();
    let ours = workspace.plant(Kind::Contact, json!({"email": "ann@acme.example", "external_id": "con_1"}));
    let theirs = workspace.contact("Ben", "ben@acme.example");
    for id in [&ours, &theirs] {
        workspace.sim.archive(id, true).unwrap();
    }
    let writes = [
        create("con_1", json!({"name": "Ann", "email": "ann@acme.example"})),
        create("con_2", json!({"name": "Benjamin", "email": "ben@acme.example"})),
    ];
    let mut outcomes = workspace.write("contact", &writes).await;
    assert_eq!(outcomes.pop().unwrap().unwrap_err().class.name(), "look_again");
    let first = outcomes.pop().unwrap().unwrap();
    assert_eq!((first.id, first.created), (ours.clone(), Some(false)));
    assert_eq!(workspace.row(Kind::Contact, &ours)["name"], "Ann");
    assert_eq!(workspace.sim.rows(Kind::Contact).len(), 2, "both are out of the archive, and the second was not written to");
    assert_eq!(workspace.row(Kind::Contact, &theirs)["name"], "Ben");
}

#[tokio::test]
async fn another_company_comes_first_and_what_was_before_it_goes() {
    let workspace = Workspace::open();
    let (first, second, third) = (workspace.company("acc_1", "A"), workspace.company("acc_2", "B"), workspace.company("acc_3", "C"));
    let ann = workspace.contact("Ann", "ann@acme.example");
    for company in [&first, &second, &third] {
        workspace.sim.attach(&ann, company, true).unwrap();
    }
    workspace.desk.describe("contact").await.unwrap();
    let written = workspace.write("contact", &[update(&ann, json!({"company_id": second}))]).await.remove(0).unwrap();
    assert_eq!(written.look.unwrap().row["company_id"], json!(second));
    let held = |workspace: &Workspace| -> Vec<String> {
        let row = workspace.row(Kind::Contact, &ann);
        row["companies"]["data"].as_array().unwrap().iter().map(|company| company["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(held(&workspace), [second.clone(), third.clone()]);
    workspace.write("contact", &[update(&ann, json!({"company_id": second}))]).await.remove(0).unwrap();
    assert_eq!(workspace.calls("POST contacts/:id/companies"), 0, "it was there already");
    workspace.write("contact", &[update(&ann, json!({"company_id": first}))]).await.remove(0).unwrap();
    assert_eq!(held(&workspace), [first]);
    workspace.write("contact", &[update(&ann, json!({"company_id": null}))]).await.remove(0).unwrap();
    assert!(held(&workspace).is_empty());
}

#[tokio::test]
async fn a_row_that_moved_on_or_is_gone_is_looked_at_again() {
    let workspace = Workspace::open();
    let ann = workspace.contact("Ann", "ann@acme.example");
    let look = workspace.fetch(&spec("contact", &["name"]), &ann).await;
    workspace.pass(5);
    workspace.edit(Kind::Contact, &ann, json!({"name": "Anna"}));
    let stale = entente_connect::write::Write { expect: look.version, ..update(&ann, json!({"name": "Annie"})) };
    let refused = workspace.write("contact", &[stale]).await.remove(0).unwrap_err();
    assert_eq!((refused.class.name(), refused.code.as_str()), ("look_again", "moved_on"));
    assert_eq!(workspace.row(Kind::Contact, &ann)["name"], "Anna");
    workspace.sim.delete(Kind::Contact, &ann).unwrap();
    let refused = workspace.write("contact", &[update(&ann, json!({"name": "Annie"}))]).await.remove(0).unwrap_err();
    assert_eq!(refused.class.name(), "look_again");
}

#[tokio::test]
async fn what_a_row_cannot_hold_is_an_error_of_that_row_alone() {
    let workspace = Workspace::open();
    let (acme, bolt) = (workspace.company("acc_1", "Acme"), workspace.company("acc_2", "Bolt"));
    let long = "x".repeat(256);
    let writes = [update(&acme, json!({"custom_attributes.tier": long})), update(&bolt, json!({"custom_attributes.tier": "Pro"}))];
    let mut outcomes = workspace.write("company", &writes).await;
    assert!(outcomes.pop().unwrap().is_ok());
    let refused = outcomes.pop().unwrap().unwrap_err();
    assert_eq!((refused.class.name(), refused.field.as_deref(), refused.status), ("data", Some("tier"), 422));
    assert_eq!(workspace.row(Kind::Company, &bolt)["custom_attributes"]["tier"], "Pro");
}

#[tokio::test]
async fn values_that_are_cleared_become_blank() {
    let workspace = Workspace::open();
    let acme = workspace.plant(
        Kind::Company,
        json!({"company_id": "acc_1", "name": "Acme", "website": "acme.example", "custom_attributes": {"tier": "Pro"}}),
    );
    workspace.write("company", &[update(&acme, json!({"website": null, "custom_attributes.tier": ""}))]).await.remove(0).unwrap();
    let row = workspace.fetch(&spec("company", &["website", "custom_attributes.tier", "name"]), &acme).await.row;
    assert_eq!(Value::Object(row), json!({"website": null, "custom_attributes.tier": null, "name": "Acme"}));
}

#[tokio::test]
async fn deletions_are_final_and_repeat_without_harm() {
    let workspace = Workspace::open();
    let ann = workspace.contact("Ann", "ann@acme.example");
    let acme = workspace.company("acc_1", "Acme");
    let conversation = workspace.conversation(&ann, "Help");
    let ty = workspace.sim.ticket_types()[0].0.clone();
    let ticket = workspace.plant(Kind::Ticket, json!({"ticket_type_id": ty, "contacts": [{"id": ann}]}));
    for (object, id) in [("conversation", &conversation), ("conversation", &ticket), ("contact", &ann), ("company", &acme)] {
        for _ in 0..2 {
            let written = workspace.write(object, &[delete(id)]).await.remove(0).unwrap();
            assert_eq!(written.look.unwrap().existence, Existence::Deleted);
        }
    }
    for kind in [Kind::Contact, Kind::Company, Kind::Conversation, Kind::Ticket] {
        assert!(workspace.sim.rows(kind).is_empty(), "{kind:?}");
    }
}

#[tokio::test]
async fn a_contact_that_is_written_as_it_is_read_does_not_change() {
    let workspace = Workspace::open();
    let ann = workspace.contact("Ann <A> & \"B\"", "ann@acme.example");
    let read = spec("contact", &["name", "email", "phone"]);
    let before = workspace.fetch(&read, &ann).await;
    workspace.pass(60);
    workspace.write("contact", &[update(&ann, Value::Object(before.row.clone()))]).await.remove(0).unwrap();
    let after = workspace.fetch(&read, &ann).await;
    assert_eq!((after.row, after.version), (before.row, before.version), "no escape was added");
}

#[tokio::test]
async fn a_lead_is_merged_into_a_user_and_two_users_are_said_not_to_be() {
    let workspace = Workspace::open();
    let person = |role: &str, name: &str| {
        let row = json!({"role": role, "name": name, "email": format!("{}@x.example", name.to_lowercase())});
        workspace.sim.create(Kind::Contact, row.as_object().unwrap()).unwrap()
    };
    let (lead, user, other) = (person("lead", "Ann"), person("user", "Anna"), person("user", "Annette"));
    let merge = |goes: &str, stays: &str| Merge {
        object: "contact".to_owned(),
        goes: goes.to_owned(),
        stays: stays.to_owned(),
        key: "con_1".to_owned(),
    };
    let refused = workspace.desk.merge(&merge(&other, &user), Priority::Urgent).await.unwrap_err();
    assert_eq!(refused.class, Class::Data);
    assert!(refused.advice.contains("a lead into a user"), "{}", refused.advice);
    let refused = workspace.desk.merge(&merge(&user, &lead), Priority::Urgent).await.unwrap_err();
    assert_eq!(refused.code, "invalid_merge");
    workspace.desk.merge(&merge(&lead, &user), Priority::Urgent).await.unwrap();
    assert!(workspace.sim.get(Kind::Contact, &lead).is_none() && workspace.sim.get(Kind::Contact, &user).is_some());
    assert!(!workspace.desk.merges("company"));
}
