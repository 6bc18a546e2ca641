//! Finding rows without their ids, and budgets of searches.

use entente_connect::connector::Priority;
use entente_connect::look::Find;
use serde_json::json;

use super::described::company;
use crate::pipedrive::company::persons;
use crate::stage::rows::{create, spec};

#[tokio::test]
async fn a_person_is_found_by_address_number_name_and_key() {
    let company = company();
    let made = company
        .write("persons", &[create("con_1", json!({"name": "Ada Lovelace", "email": "Ada@x.example", "phone": "(555) 123-4567"}))])
        .await
        .remove(0)
        .unwrap();
    company.pass(60);
    let read = persons(&["name"]);
    let questions = [
        Find::Email("ada@x.example".to_owned()),
        Find::Name("ada lovelace".to_owned()),
        Find::Key("con_1".to_owned()),
        Find::Email("nobody@x.example".to_owned()),
        Find::Name("Ada".to_owned()),
    ];
    let found = company.crm.find(&read, &questions, "entente_id", Priority::Urgent).await.unwrap();
    let ids: Vec<Vec<&str>> = found.iter().map(|looks| looks.iter().map(|look| look.id.as_str()).collect()).collect();
    let id = made.id.as_str();
    assert_eq!(ids, [vec![id], vec![id], vec![id], vec![], vec![]]);
}

#[tokio::test]
async fn what_the_description_does_not_say_how_to_find_is_not_found() {
    let company = company();
    let read = spec("organizations", &["name"]);
    let found = company.crm.find(&read, &[Find::Email("a@x.example".to_owned())], "entente_id", Priority::Urgent).await.unwrap();
    assert!(found[0].is_empty());
    let refused = company.crm.find(&read, &[Find::Key("acc_1".to_owned())], "employee_count", Priority::Urgent).await.unwrap_err();
    assert_eq!(refused.code, "key_field");
}
