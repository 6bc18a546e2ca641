//! Addresses that somebody else has got since: an undo does not put them back, and says beforehand who has them and what to do.

use entente_engine::flaws::Flaws;
use entente_engine::records::undo::{NotUndone, UndoReport, UndoRequest, undo};
use entente_store::Viewer;
use serde_json::{Value, json};

use crate::hub::{Hub, SALESFORCE, ZENDESK, fields, seed_customer};
use crate::unmerging::record_at;

/// The address that was Ada's.
const WAS: &str = "ada@home.example";
/// The one she has.
const IS: &str = "ada.king@home.example";

/// Ada, whose address changed before she came to the desk, so that nothing of the old one is there.
async fn ada(seed: u64) -> (Hub, String) {
    let mut hub = Hub::new(seed, Flaws::none()).await;
    let (account, _) = seed_customer(&hub, "Acme", &[]);
    let rep = hub.rep();
    let ada = json!({ "FirstName": "Ada", "LastName": "Lovelace", "Email": WAS });
    let ada = hub.salesforce.insert("Contact", &fields(ada), &rep).unwrap();
    hub.run_for(40).await;
    hub.salesforce.update("Contact", &ada, &fields(json!({ "Email": IS })), &rep).unwrap();
    hub.run_for(20).await;
    hub.salesforce.update("Contact", &ada, &fields(json!({ "AccountId": account })), &rep).unwrap();
    hub.run_for(20).await;
    assert_eq!(addresses(&hub, &ada), (json!(IS), json!(IS)), "{}", hub.backlog().await);
    (hub, ada)
}

/// What the CRM and the desk show.
fn addresses(hub: &Hub, contact: &str) -> (Value, Value) {
    let row = hub.salesforce.get("Contact", contact).unwrap();
    let user = row.get("Support_Id__c").and_then(Value::as_str).and_then(|id| hub.zendesk.user(id.parse().unwrap()));
    (row["Email"].clone(), user.map(|user| user["email"].clone()).unwrap_or_default())
}

/// Somebody else comes to the desk with the old address.
fn eve(hub: &Hub) -> u64 {
    let eve = json!({ "name": "Eve Adams", "email": WAS, "role": "end-user" });
    hub.zendesk.create_user(&fields(eve), hub.agent()).unwrap()
}

async fn take_back(hub: &Hub, contact: &str, apply: bool) -> UndoReport {
    let record = format!("{SALESFORCE}/Contact/{contact}");
    let request = UndoRequest { record: Some(record), fields: vec!["email".to_owned()], ..UndoRequest::default() };
    undo(&hub.engine, &Viewer::new("olga", "admin"), &request, apply, &|_| {}).await.unwrap()
}

/// The plan and the undo itself refuse alike, and nothing moves. Answers what they say.
async fn refused(hub: &Hub, contact: &str) -> NotUndone {
    let mut told: Vec<NotUndone> = Vec::new();
    for apply in [false, true] {
        let mut report = take_back(hub, contact, apply).await;
        assert_eq!((report.restored, report.impossible), (0, 1), "{report:?}");
        told.push(report.items.remove(0).impossible.remove(0));
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(addresses(hub, contact), (json!(IS), json!(IS)));
    assert!(hub.store.read(|tx| tx.dead_letter_counts()).await.unwrap().is_empty(), "{}", hub.backlog().await);
    told.remove(0)
}

#[tokio::test]
async fn an_address_that_another_record_has_by_now_is_not_put_back_and_the_plan_says_whose_it_is() {
    let (mut hub, ada) = ada(66).await;
    let eve = eve(&hub);
    hub.run_for(40).await;
    let record = record_at(&hub, ZENDESK, "user", &eve.to_string()).await;
    let no = refused(&hub, &ada).await;
    assert_eq!(no.field.as_deref(), Some("email"));
    assert_eq!(no.reason, format!("Eve Adams ({record}) has it by now, and zendesk lets one row alone have it"));
    assert_eq!(no.remedy, "let the other have another value, or merge the two where they are one, then ask again");
    hub.run_for(20).await;
    assert_eq!(addresses(&hub, &ada), (json!(IS), json!(IS)));
}

#[tokio::test]
async fn an_address_of_a_user_whom_nobody_here_knows_is_found_at_the_desk_and_goes_back_once_it_is_free() {
    let (mut hub, ada) = ada(67).await;
    let eve = eve(&hub);
    let no = refused(&hub, &ada).await;
    assert_eq!(no.reason, format!("the user {eve} of zendesk (Eve Adams) has it by now, and zendesk lets one row alone have it"));
    hub.zendesk.delete_user(eve, hub.agent()).unwrap();
    assert_eq!(take_back(&hub, &ada, true).await.restored, 1);
    hub.run_for(20).await;
    assert_eq!(addresses(&hub, &ada), (json!(WAS), json!(WAS)), "{}", hub.backlog().await);
    // The address that she had in between stayed hers at the desk: it goes back as well.
    let again = UndoRequest { record: Some(format!("{SALESFORCE}/Contact/{ada}")), again: true, ..UndoRequest::default() };
    let done = undo(&hub.engine, &Viewer::new("olga", "admin"), &again, true, &|_| {}).await.unwrap();
    assert_eq!((done.restored, done.impossible), (1, 0), "{done:?}");
    hub.run_for(20).await;
    assert_eq!(addresses(&hub, &ada), (json!(IS), json!(IS)), "{}", hub.backlog().await);
}
