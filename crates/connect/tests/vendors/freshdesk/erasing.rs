//! Erasing people: for good, or so that nobody can tell whose the row was.

use entente_connect::connector::Priority;
use entente_connect::erase::{Erase, Manner};
use entente_sims::freshdesk::Kind;
use serde_json::{Value, json};

use super::account::Account;
use crate::stage::rows::create;

fn erase(object: &str, id: &str, manner: Manner, blank: Value) -> Erase {
    Erase { object: object.to_owned(), id: id.to_owned(), manner, blank: blank.as_object().cloned().unwrap() }
}

#[tokio::test]
async fn a_contact_who_goes_takes_the_tickets_along_and_is_gone_a_second_time_too() {
    let account = Account::open();
    let made = account.write("contact", &[create("con_1", json!({"name": "Ann Lee", "email": "ann@customer.example"}))]).await;
    let id = made[0].as_ref().unwrap().id.clone();
    for _ in 0..2 {
        let erased = account.desk.erase(&erase("contact", &id, Manner::Delete, json!({})), Priority::Urgent).await.unwrap();
        assert!(erased.done.contains("for good") && erased.left.is_empty(), "{erased:?}");
        assert!(account.sim.rows(Kind::Contact).is_empty());
    }
}

#[tokio::test]
async fn a_contact_who_stays_has_no_name_no_address_and_no_number() {
    let account = Account::open();
    let row = json!({"name": "Ann Lee", "email": "ann@customer.example", "phone": "+49301234567", "contact_fields.crm_id": "003A"});
    let made = account.write("contact", &[create("con_1", row)]).await;
    let id = made[0].as_ref().unwrap().id.clone();
    let blank = json!({"name": "Erased person", "email": null, "phone": null, "job_title": null, "description": null, "contact_fields.crm_id": null});
    account.desk.erase(&erase("contact", &id, Manner::Anonymise, blank), Priority::Urgent).await.unwrap();
    let left = account.row(Kind::Contact, &id);
    assert_eq!(left["name"], "Erased person");
    let words = left.to_string();
    assert!(["Ann", "ann@", "4930", "003A", "con_1"].iter().all(|word| !words.contains(word)), "{words}");
}

#[tokio::test]
async fn what_nobody_can_change_in_a_ticket_is_left_to_people() {
    let account = Account::open();
    let ticket =
        json!({"email": "ann@customer.example", "subject": "Ann", "description": "I am Ann", "status": 2, "priority": 1, "source": 2});
    let id = account.plant(Kind::Ticket, ticket);
    let erased = account.desk.erase(&erase("ticket", &id, Manner::Anonymise, json!({"subject": "Erased"})), Priority::Urgent).await;
    assert!(erased.unwrap().left[0].contains("an agent deletes it"));
}
