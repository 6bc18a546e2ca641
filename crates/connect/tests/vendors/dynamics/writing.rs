//! Writes: no twins, preconditions, outcomes by row, and what only messages can do.

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::look::{Existence, Find};
use entente_connect::write::{Write, WriteKind};
use entente_model::actor::Actor;
use entente_sims::faults::Fault;
use serde_json::json;

use crate::dynamics::company::{Company, accounts, target};
use crate::stage::rows::{create, delete, ids, map, spec, update};

#[tokio::test]
async fn a_new_customer_is_made_once_however_often_it_is_asked_for() {
    for fault in [Fault::TimeoutAfter, Fault::TimeoutBefore] {
        let company = Company::open();
        company.crm.check().await.unwrap();
        // What lists and currencies hold is asked for with the first write that needs it: the fault is to meet the creation.
        let first = json!({"name": "First", "industrycode": "Consulting", "currency": "EUR"});
        company.write("accounts", &[create("acc_0", first)]).await.remove(0).unwrap();
        company.faults.order([fault]);
        let row = json!({"name": "Acme", "industrycode": "Consulting", "revenue": "1200.50", "currency": "EUR", "telephone1": null});
        let writes = [create("acc_1", row)];
        assert_eq!(company.crm.write(&target("accounts"), &writes, Priority::Update).await.unwrap_err().class, Class::Retry);
        let outcome = company.write("accounts", &writes).await.remove(0).unwrap();
        assert_eq!((outcome.created, company.sim.count("accounts")), (Some(fault == Fault::TimeoutBefore), 2), "{fault:?}");
        let stored = company.row("accounts", &outcome.id);
        assert_eq!((&stored["industrycode"], &stored["revenue"], &stored["entente_id"]), (&json!(7), &json!(1200.5), &json!("acc_1")));
        let look = outcome.look.unwrap();
        assert_eq!((&look.row["industrycode"], &look.row["currency"], look.mark.by), (&json!("Consulting"), &json!("EUR"), Actor::Us));
    }
}

#[tokio::test]
async fn many_rows_travel_in_one_call_and_one_row_s_fault_is_its_own() {
    let company = Company::open();
    company.fetch(&accounts(&["name"]), "5e3a1c02-0a9d-ef11-8a6a-000d3a2f1b01").await;
    let writes: Vec<Write> = (0..50).map(|n| create(&format!("acc_{n}"), json!({"name": format!("Company {n}")}))).collect();
    let before = company.sim.calls().total;
    let outcomes = company.write("accounts", &writes).await;
    assert!(outcomes.iter().all(|outcome| outcome.as_ref().is_ok_and(|written| written.created == Some(true))));
    assert_eq!((company.sim.calls().total - before, company.calls("POST accounts/Microsoft.Dynamics.CRM.CreateMultiple")), (1, 1));
    // Asked again with one that cannot be: nobody is made twice, and the one at fault is named.
    let mut again = writes.clone();
    again.push(create("acc_50", json!({"name": "x".repeat(161)})));
    let outcomes = company.write("accounts", &again).await;
    assert!(outcomes[..50].iter().all(|outcome| outcome.as_ref().is_ok_and(|written| written.created == Some(false))));
    let error = outcomes[50].as_ref().unwrap_err();
    assert_eq!((error.class, error.code.as_str(), error.field.as_deref()), (Class::Data, "0x80044331", Some("name")));
    assert_eq!((company.sim.count("accounts"), company.calls("POST $batch")), (50, 1));
}

#[tokio::test]
async fn a_row_that_moved_on_is_looked_at_again() {
    let company = Company::open();
    let id = company.plant("accounts", json!({"name": "Acme"}));
    let seen = company.fetch(&accounts(&["name"]), &id).await;
    company.edit("accounts", &id, json!({"telephone1": "1"}));
    let late = Write {
        kind: WriteKind::Update,
        key: String::new(),
        id: Some(id.clone()),
        row: map(json!({"name": "Late"})),
        expect: seen.version,
    };
    let error = company.write("accounts", std::slice::from_ref(&late)).await.remove(0).unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::LookAgain, "0x80060882"));
    let seen = company.fetch(&accounts(&["name"]), &id).await;
    let written = company.write("accounts", &[Write { expect: seen.version, ..late }]).await.remove(0).unwrap();
    assert_eq!(company.row("accounts", &id)["name"], "Late");
    assert_eq!(written.version, company.fetch(&accounts(&["name"]), &id).await.version);
    company.sim.delete("accounts", &id, &company.person()).unwrap();
    let error = company.write("accounts", &[update(&id, json!({"name": "New"}))]).await.remove(0).unwrap_err();
    assert_eq!((error.class, company.sim.count("accounts")), (Class::LookAgain, 0), "an update makes no row");
    assert_eq!(company.write("accounts", &[delete(&id)]).await.remove(0).unwrap().look.unwrap().existence, Existence::Deleted);
}

#[tokio::test]
async fn a_case_is_resolved_and_reopened_and_its_other_values_land_with_it() {
    let company = Company::open();
    let acme = company.plant("accounts", json!({"name": "Acme"}));
    let row = json!({"title": "Cannot log in", "status": "waiting", "prioritycode.code": 1, "customerid.account": acme});
    let made = company.write("incidents", &[create("cas_1", row)]).await.remove(0).unwrap();
    let stands = |row: &serde_json::Value| (row["statecode"].clone(), row["statuscode"].clone(), row["prioritycode"].clone());
    assert_eq!(stands(&company.row("incidents", &made.id)), (json!(0), json!(3), json!(1)));
    let change = json!({"status": "resolved", "title": "Could not log in"});
    let closed = company.write("incidents", &[update(&made.id, change.clone())]).await.remove(0).unwrap();
    let row = company.row("incidents", &made.id);
    assert_eq!((stands(&row), &row["title"]), ((json!(1), json!(5), json!(1)), &json!("Could not log in")));
    assert_eq!(closed.version, None, "the message came after what the answer shows");
    company.write("incidents", &[update(&made.id, change)]).await.remove(0).unwrap();
    company.write("incidents", &[update(&made.id, json!({"status": "in_progress"}))]).await.remove(0).unwrap();
    assert_eq!(stands(&company.row("incidents", &made.id)), (json!(0), json!(1), json!(1)));
    // A row that moved on is not closed either.
    let seen = company.fetch(&spec("incidents", &["title"]), &made.id).await;
    company.edit("incidents", &made.id, json!({"description": "More"}));
    let row = map(json!({"title": "Late", "status": "resolved"}));
    let late = Write { kind: WriteKind::Update, key: String::new(), id: Some(made.id.clone()), row, expect: seen.version };
    assert_eq!(company.write("incidents", &[late]).await.remove(0).unwrap_err().class, Class::LookAgain);
    assert_eq!(company.row("incidents", &made.id)["statecode"], 0);
    let error = company.write("incidents", &[update(&made.id, json!({"status": "finished"}))]).await.remove(0).unwrap_err();
    assert!(error.class == Class::Data && error.message.contains("resolved"), "{error}");
}

#[tokio::test]
async fn a_case_that_is_born_resolved_and_one_of_a_person_without_an_account() {
    let company = Company::open();
    let ada = company.plant("contacts", json!({"lastname": "Lovelace"}));
    let row = json!({"title": "Done", "status": "resolved", "primarycontactid": ada, "customerid.account": null});
    let made = company.write("incidents", &[create("cas_1", row)]).await.remove(0).unwrap();
    let row = company.row("incidents", &made.id);
    assert_eq!((&row["statecode"], &row["_customerid_value"], &row["_primarycontactid_value"]), (&json!(1), &json!(ada), &json!(ada)));
    let error = company.write("incidents", &[create("cas_2", json!({"title": "Nobody's"}))]).await.remove(0).unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::Data, "no_customer"));
}

#[tokio::test]
async fn a_deal_is_won_and_a_lost_one_lost_by_their_messages() {
    let company = Company::open();
    for (word, expected) in [("won", (json!(1), json!(3))), ("lost", (json!(2), json!(4)))] {
        let deal = company.plant("opportunities", json!({"name": "Deal", "estimatedvalue": 10}));
        company.write("opportunities", &[update(&deal, json!({"status": word}))]).await.remove(0).unwrap();
        let row = company.row("opportunities", &deal);
        assert_eq!((row["statecode"].clone(), row["statuscode"].clone()), expected);
    }
}

#[tokio::test]
async fn values_that_do_not_fit_name_their_field() {
    let company = Company::open();
    let id = company.plant("accounts", json!({"name": "Acme"}));
    let refused = async |row| company.write("accounts", &[update(&id, row)]).await.remove(0).unwrap_err();
    for (row, code, field) in [
        (json!({"industrycode": "Mining"}), "unknown_choice", "industrycode"),
        (json!({"revenue": "much"}), "bad_number", "revenue"),
        (json!({"parentaccountid": "7"}), "bad_reference", "parentaccountid"),
        (json!({"currency": "XXX"}), "unknown_currency", "currency"),
    ] {
        let error = refused(row).await;
        assert_eq!((error.class, error.code.as_str(), error.field.as_deref()), (Class::Data, code, Some(field)));
    }
    assert!(refused(json!({"industrycode": "Mining"})).await.message.contains("Consulting"));
    assert_eq!(refused(json!({"ownerid.name": "Dana"})).await.code, "read_only_field");
    let error = company.crm.write(&target("accounts"), &[update(&id, json!({"nothing": 1}))], Priority::Update).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.class), ("unknown_field", Class::Configuration));
    let circle = refused(json!({"parentaccountid": id})).await;
    assert_eq!(circle.class, Class::Data);
}

#[tokio::test]
async fn a_creation_needs_its_key() {
    let company = Company::open();
    let error = company.crm.write(&target("leads"), &[create("lea_1", json!({"subject": "Lead"}))], Priority::Update).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.class, error.field.as_deref()), ("key_field", Class::Configuration, Some("entente_id")));
    let error =
        company.crm.write(&target("activities"), &[create("act_1", json!({"subject": "Call"}))], Priority::Update).await.unwrap_err();
    assert_eq!(error.code, "no_creation");
}

#[tokio::test]
async fn rows_are_found_by_address_number_name_and_key() {
    let company = Company::open();
    company.plant(
        "contacts",
        json!({"firstname": "Ada", "lastname": "O'Neil", "emailaddress2": "ADA@x.example", "mobilephone": "0123456789"}),
    );
    company.plant("contacts", json!({"firstname": "Bob", "lastname": "Berg", "emailaddress1": "bob@x.example", "entente_id": "con_7"}));
    let read = spec("contacts", &["lastname"]);
    let questions = [
        Find::Email("ada@x.example".to_owned()),
        Find::Phone("+46123456789".to_owned()),
        Find::Name("ada o'neil".to_owned()),
        Find::Key("con_7".to_owned()),
        Find::Email("nobody@x.example".to_owned()),
    ];
    let found = company.crm.find(&read, &questions, "entente_id", Priority::Urgent).await.unwrap();
    let names: Vec<Vec<&str>> =
        found.iter().map(|looks| looks.iter().map(|look| look.row["lastname"].as_str().unwrap()).collect()).collect();
    assert_eq!(names, [vec!["O'Neil"], vec!["O'Neil"], vec!["O'Neil"], vec!["Berg"], vec![]]);
    assert_eq!(company.calls("GET contacts"), 1, "one call for all questions");
    // A row that was merged away answers nothing.
    let (winner, loser) = (
        company.plant("contacts", json!({"lastname": "Fox", "emailaddress1": "fox@x.example"})),
        company.plant("contacts", json!({"lastname": "Fox", "emailaddress1": "fox@x.example"})),
    );
    company.sim.merge("contacts", &loser, &winner, &company.person()).unwrap();
    let found = company.crm.find(&read, &[Find::Email("fox@x.example".to_owned())], "entente_id", Priority::Urgent).await.unwrap();
    assert_eq!(ids(&found[0]), [winner.as_str()]);
}
