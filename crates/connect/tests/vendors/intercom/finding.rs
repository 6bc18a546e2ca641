//! Finding rows by address, number, name and Entente's id.

use entente_connect::connector::Priority;
use entente_connect::look::Find;
use entente_sims::intercom::Kind;
use serde_json::json;

use super::workspace::{Workspace, settings, target};
use crate::stage::rows::{ids, spec};

#[tokio::test]
async fn contacts_are_found_by_address_number_name_and_key() {
    let workspace = Workspace::open();
    let ann = workspace.plant(
        Kind::Contact,
        json!({"name": "Ann Lee & Co", "email": "ann@acme.example", "phone": "+4917112345678", "external_id": "con_1"}),
    );
    workspace.contact("Ann Leerdam", "leerdam@acme.example");
    let questions = [
        Find::Email("ANN@acme.example".to_owned()),
        Find::Email("nobody@acme.example".to_owned()),
        Find::Phone("+4917112345678".to_owned()),
        Find::Name("ann lee & co".to_owned()),
        Find::Key("con_1".to_owned()),
        Find::Key("con_2".to_owned()),
    ];
    let found = workspace.desk.find(&spec("contact", &["name"]), &questions, "external_id", Priority::Update).await.unwrap();
    let found: Vec<Vec<&str>> = found.iter().map(|looks| ids(looks)).collect();
    let one = vec![ann.as_str()];
    assert_eq!(found, [one.clone(), vec![], one.clone(), one.clone(), one, vec![]]);
}

#[tokio::test]
async fn companies_are_found_by_key_and_name_without_an_index() {
    let workspace = Workspace::with(settings(), |options| options.profile.index_lag_ms = 600_000);
    let acme = workspace.company("acc_1", "Acme & Sons");
    let questions =
        [Find::Key("acc_1".to_owned()), Find::Name("Acme & Sons".to_owned()), Find::Key("acc_2".to_owned()), Find::Name("Bolt".to_owned())];
    let found = workspace.desk.find(&spec("company", &["name"]), &questions, "company_id", Priority::Update).await.unwrap();
    let found: Vec<Vec<&str>> = found.iter().map(|looks| ids(looks)).collect();
    assert_eq!(found, [vec![acme.as_str()], vec![acme.as_str()], vec![], vec![]]);
}

#[tokio::test]
async fn what_is_found_in_the_index_is_dated_back_and_what_is_found_without_it_is_not() {
    let workspace = Workspace::with(settings(), |options| options.profile.index_lag_ms = 60_000);
    let ann = json!({"name": "Ann", "email": "ann@acme.example", "phone": "+4917112345678", "external_id": "con_1"});
    let ann = workspace.plant(Kind::Contact, ann);
    workspace.company("acc_1", "Acme");
    workspace.pass(600);
    let edited = workspace.time();
    workspace.edit(Kind::Contact, &ann, json!({"name": "Anna"}));
    workspace.pass(10);
    let contacts = [
        Find::Email("ann@acme.example".to_owned()),
        Find::Phone("+4917112345678".to_owned()),
        Find::Name("Ann".to_owned()),
        Find::Key("con_1".to_owned()),
    ];
    let read = spec("contact", &["name"]);
    let found = workspace.desk.find(&read, &contacts, "external_id", Priority::Update).await.unwrap().concat();
    let names: Vec<&str> = found.iter().map(|look| look.row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Ann", "Ann", "Ann", "Anna"]);
    assert!(found[..3].iter().all(|look| look.seen_at < edited), "{found:?}");
    assert_eq!(found[3].seen_at, workspace.time());
    let companies = [Find::Key("acc_1".to_owned()), Find::Name("Acme".to_owned())];
    let found = workspace.desk.find(&spec("company", &["name"]), &companies, "company_id", Priority::Update).await.unwrap().concat();
    assert!(found.len() == 2 && found.iter().all(|look| look.seen_at == workspace.time()), "{found:?}");
}

#[tokio::test]
async fn a_key_that_intercom_cannot_find_is_refused() {
    let workspace = Workspace::open();
    for (object, key) in [("contact", "email"), ("company", "custom_attributes.tier"), ("conversation", "title")] {
        let found = workspace.desk.find(&spec(object, &["id"]), &[Find::Key("x".to_owned())], key, Priority::Update).await;
        let error = found.unwrap_err();
        assert_eq!((error.class.name(), error.field.as_deref()), ("configuration", Some(key)), "{error}");
    }
    let read = spec("conversation", &["id"]);
    let lacking =
        workspace.desk.find(&read, &[Find::Key("x".to_owned())], &target("conversation").key_field, Priority::Update).await.unwrap_err();
    assert!(lacking.advice.contains("provision"), "{lacking}");
}
