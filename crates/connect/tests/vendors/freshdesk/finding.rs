//! Finding rows by address, number, name and Entente's id.

use entente_connect::connector::Priority;
use entente_connect::look::Find;
use entente_sims::freshdesk::Kind;
use serde_json::json;

use super::account::{Account, settings, target};
use crate::stage::rows::{ids, spec};

#[tokio::test]
async fn contacts_are_found_by_each_address_and_number_of_theirs() {
    let account = Account::open();
    let ann = account.plant(
        Kind::Contact,
        json!({"name": "Ann Lee", "email": "ann@customer.example", "other_emails": ["a+lee@customer.example"], "mobile": "+4917112345678",
               "unique_external_id": "con_1"}),
    );
    account.contact("Ann Leerdam", "leerdam@customer.example");
    let questions = [
        Find::Email("ANN@customer.example".to_owned()),
        Find::Email("a+lee@customer.example".to_owned()),
        Find::Email("nobody@customer.example".to_owned()),
        Find::Phone("+4917112345678".to_owned()),
        Find::Name("ann lee".to_owned()),
        Find::Key("con_1".to_owned()),
        Find::Key("con_2".to_owned()),
    ];
    let found = account.desk.find(&spec("contact", &["name"]), &questions, "unique_external_id", Priority::Update).await.unwrap();
    let found: Vec<Vec<&str>> = found.iter().map(|looks| ids(looks)).collect();
    let one = vec![ann.as_str()];
    assert_eq!(found, [one.clone(), one.clone(), vec![], one.clone(), one.clone(), one, vec![]]);
}

#[tokio::test]
async fn companies_and_tickets_are_found_by_key_before_the_index_has_them_and_after() {
    let account = Account::with(settings(), |options| options.profile.index_lag_ms = 60_000);
    let company = account.plant(Kind::Company, json!({"name": "Acme", "custom_fields": {"entente_id": "acc_1"}}));
    let ticket = account.plant(
        Kind::Ticket,
        json!({"email": "a@b.example", "subject": "A", "description": "B", "status": 2, "priority": 1, "source": 2, "custom_fields": {"cf_entente_id": "cas_1"}}),
    );
    for wait in [1, 3_600] {
        account.pass(wait);
        for (object, key, id) in [("company", "acc_1", &company), ("ticket", "cas_1", &ticket)] {
            let questions = [Find::Key(key.to_owned()), Find::Key("none".to_owned())];
            let found = account.desk.find(&spec(object, &["id"]), &questions, &target(object).key_field, Priority::Update).await.unwrap();
            assert_eq!((ids(&found[0]), found[1].len()), (vec![id.as_str()], 0), "{object} after {wait} s");
        }
    }
    let (read, questions) = (spec("company", &["name"]), [Find::Name("ACME".to_owned())]);
    let by_name = account.desk.find(&read, &questions, "company_fields.entente_id", Priority::Update).await.unwrap();
    assert_eq!(ids(&by_name[0]), [company.as_str()]);
}

#[tokio::test]
async fn a_key_that_freshdesk_cannot_find_is_refused() {
    let account = Account::open();
    for (object, key) in [("contact", "contact_fields.crm_id"), ("company", "name"), ("company", "company_fields.lost")] {
        let found = account.desk.find(&spec(object, &["name"]), &[Find::Key("x".to_owned())], key, Priority::Update).await;
        let error = found.unwrap_err();
        assert_eq!((error.class.name(), error.field.as_deref()), ("configuration", Some(key)), "{error}");
    }
}
