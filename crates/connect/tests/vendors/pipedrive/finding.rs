//! Finding rows without knowing their ids.

use entente_connect::connector::Priority;
use entente_connect::look::Find;
use entente_sims::pipedrive::Kind;
use serde_json::json;

use crate::pipedrive::company::{Company, persons, settings, token};
use crate::stage::rows::ids;

#[tokio::test]
async fn people_are_found_by_any_address_number_name_and_key() {
    let company = Company::open();
    let code = company.sim.code(Kind::Person, "Entente id").unwrap();
    let ada = company.plant(
        Kind::Person,
        json!({"name": "Ada Lovelace", "phones": [{"value": "(555) 123-4567", "primary": true}], "custom_fields": {code: "con_1"},
               "emails": [{"value": "Ada@x.example", "primary": true}, {"value": "second@x.example", "primary": false}]}),
    );
    company.contact("Ada", "ada@x.example.org");
    let twin = company.contact("Somebody Else", "second@x.example");
    company.pass(10);
    let questions = [
        Find::Email("ada@X.example".to_owned()),
        Find::Email("second@x.example".to_owned()),
        Find::Phone("+15551234567".to_owned()),
        Find::Name("ada lovelace".to_owned()),
        Find::Key("con_1".to_owned()),
        Find::Key("con_2".to_owned()),
        Find::Email("nobody@x.example".to_owned()),
    ];
    let answers = company.crm.find(&persons(&["email"]), &questions, "entente_id", Priority::Update).await.unwrap();
    let found: Vec<Vec<&str>> = answers.iter().map(|looks| ids(looks)).collect();
    let ada = ada.as_str();
    assert_eq!(found, [vec![ada], vec![ada, twin.as_str()], vec![ada], vec![ada], vec![ada], vec![], vec![]]);
}

#[tokio::test]
async fn a_key_is_found_before_the_search_index_has_it() {
    let company = Company::with(settings(token()), |options| options.profile.index_lag_ms = 60_000);
    let code = company.sim.code(Kind::Person, "Entente id").unwrap();
    let fields = json!({"name": "Ada", "emails": [{"value": "ada@x.example", "primary": true}], "custom_fields": {code: "con_1"}});
    let id = company.plant(Kind::Person, fields);
    let questions = [Find::Key("con_1".to_owned()), Find::Email("ada@x.example".to_owned())];
    let answers = company.crm.find(&persons(&["email"]), &questions, "entente_id", Priority::Update).await.unwrap();
    assert_eq!((ids(&answers[0]), answers[1].len()), (vec![id.as_str()], 0), "search is behind, lists are not");
    company.pass(61);
    let answers = company.crm.find(&persons(&["email"]), &questions, "entente_id", Priority::Update).await.unwrap();
    assert_eq!(ids(&answers[1]), [id.as_str()]);
}

#[tokio::test]
async fn searches_stay_below_ten_in_two_seconds() {
    let company = Company::with(settings(token()), |options| options.profile.limits = true);
    let questions: Vec<Find> = (0..60).map(|n| Find::Email(format!("{n}@x.example"))).collect();
    let mut left = questions.as_slice();
    for _ in 0..20 {
        let part = &left[..left.len().min(10)];
        if company.crm.find(&persons(&["email"]), part, "entente_id", Priority::Urgent).await.is_ok() {
            left = &left[part.len()..];
        }
        if left.is_empty() {
            break;
        }
        company.pass(1);
    }
    assert!(left.is_empty());
    assert_eq!(company.sim.calls().limited, 0);
}
