//! Rows by what is known of them.

use entente_connect::connector::Priority;
use entente_connect::look::Find;
use serde_json::json;

use super::portal::{Portal, contacts};
use crate::stage::rows::spec;

#[tokio::test]
async fn contacts_are_found_by_key_address_phone_and_name() {
    let portal = Portal::open();
    let ada = portal.plant("contacts", json!({"email": "ada@example.com", "firstname": "Ada", "lastname": "Lovelace", "phone": "+49 (30) 123-4567", "entente_id": "con_1"}));
    let bob = portal.plant("contacts", json!({"email": "bob@example.com", "firstname": "Bob"}));
    portal.edit("contacts", &bob, json!({"hs_additional_emails": "bob@work.example"}));
    let questions = [
        Find::Key("con_1".to_owned()),
        Find::Email("ADA@example.com".to_owned()),
        Find::Email("bob@work.example".to_owned()),
        Find::Phone("+49301234567".to_owned()),
        Find::Name("ada lovelace".to_owned()),
        Find::Name("Nobody Here".to_owned()),
        Find::Email(String::new()),
    ];
    let answers = portal.crm.find(&contacts(&["jobtitle"]), &questions, "entente_id", Priority::Urgent).await.unwrap();
    let ids: Vec<Vec<&str>> = answers.iter().map(|looks| looks.iter().map(|look| look.id.as_str()).collect()).collect();
    let (ada, bob) = (vec![ada.as_str()], vec![bob.as_str()]);
    assert_eq!(ids, [ada.clone(), ada.clone(), bob, ada.clone(), ada, vec![], vec![]]);
    assert_eq!(answers[0][0].row.keys().collect::<Vec<_>>(), ["jobtitle"], "only what was asked for comes along");
    assert_eq!(portal.calls("POST objects/contacts/batch/read"), 2, "all keys in one call, all addresses in another");
    assert_eq!(portal.calls("POST objects/contacts/search"), 2);
}

#[tokio::test]
async fn a_hundred_companies_are_found_by_name_in_a_few_calls() {
    let portal = Portal::open();
    for n in 0..100 {
        portal.plant("companies", json!({"name": format!("Company {n}")}));
    }
    let questions: Vec<Find> = (0..100).map(|n| Find::Name(format!("COMPANY {n}"))).collect();
    let answers = portal.crm.find(&spec("companies", &["name"]), &questions, "entente_id", Priority::Urgent).await.unwrap();
    assert!(answers.iter().enumerate().all(|(n, looks)| looks.len() == 1 && looks[0].row["name"] == format!("Company {n}")));
    assert!(portal.calls("POST objects/companies/search") <= 2);
}
