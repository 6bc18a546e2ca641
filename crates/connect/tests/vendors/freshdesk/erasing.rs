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

/// A contact into whom another one was merged, and that one.
fn merged(account: &Account) -> (String, String) {
    let [stays, goes] =
        ["ann@customer.example", "ann@home.example"].map(|email| account.plant(Kind::Contact, json!({"name": "Ann Lee", "email": email})));
    account.sim.merge_contacts(stays.parse().unwrap(), goes.parse().unwrap()).unwrap();
    (stays, goes)
}

#[tokio::test]
async fn whoever_goes_takes_the_contacts_along_that_were_merged_into_them() {
    let account = Account::open();
    let (stays, goes) = merged(&account);
    let stranger = account.plant(Kind::Contact, json!({"name": "Bo", "email": "bo@customer.example"}));
    account.sim.delete(Kind::Contact, stranger.parse().unwrap()).unwrap();
    let erased = account.desk.erase(&erase("contact", &stays, Manner::Delete, json!({})), Priority::Urgent).await.unwrap();
    assert!(erased.done.ends_with("and 1 deleted contacts with its addresses") && erased.left.is_empty(), "{erased:?}");
    let there = |id: &String| account.sim.get(Kind::Contact, id.parse().unwrap()).is_some();
    assert_eq!((there(&stays), there(&goes), there(&stranger)), (false, false, true));
}

#[tokio::test]
async fn of_whoever_stays_the_merged_away_are_left_to_people() {
    let account = Account::open();
    let (stays, goes) = merged(&account);
    let blank = json!({"name": "Erased person", "email": null});
    let erased = account.desk.erase(&erase("contact", &stays, Manner::Anonymise, blank), Priority::Urgent).await.unwrap();
    assert!(matches!(erased.left.as_slice(), [left] if left.contains("deletes it for good there")), "{erased:?}");
    assert_eq!(account.sim.get(Kind::Contact, goes.parse().unwrap()).unwrap()["deleted"], true);
}
