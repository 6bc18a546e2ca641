//! What becomes of a new customer whose e-mail address looks wrong.

use entente_engine::flaws::Flaws;
use entente_engine::options::EmailCheck;
use entente_store::{DeadLetterFilter, DeadLetterState, NoticeState, Viewer};
use serde_json::{Value, json};

use crate::hub::{Hub, ZENDESK, fields, seed_customer};

/// A customer in sync, and a contact that came to it since.
async fn newcomer(seed: u64, check: Option<EmailCheck>, email: &str) -> (Hub, String) {
    let mut hub = Hub::new(seed, Flaws::none()).await;
    if let Some(check) = check {
        hub.options.email_check.insert(ZENDESK.to_owned(), check);
        hub.restart().await;
    }
    let (account, _) = seed_customer(&hub, "Acme", &[("Grace", "Hopper", "grace@acme.example")]);
    hub.run_for(40).await;
    let ada = json!({ "FirstName": "Ada", "LastName": "Lovelace", "Email": email, "AccountId": account });
    let ada = hub.salesforce.insert("Contact", &fields(ada), &hub.rep()).unwrap();
    hub.run_for(20).await;
    (hub, ada)
}

fn is_created(hub: &Hub, contact: &str) -> bool {
    hub.salesforce.get("Contact", contact).unwrap().get("Support_Id__c").and_then(Value::as_str).is_some()
}

async fn open_letters(hub: &Hub) -> Vec<(String, String)> {
    let filter = DeadLetterFilter { state: Some(DeadLetterState::Open), ..DeadLetterFilter::default() };
    let letters = hub.store.read(move |tx| tx.dead_letters(&Viewer::system(), &filter, 10)).await.unwrap();
    letters.into_iter().map(|letter| (letter.letter.error_code, letter.letter.message)).collect()
}

#[tokio::test]
async fn a_mistyped_domain_is_told_with_what_was_meant_and_the_customer_is_created() {
    let (hub, ada) = newcomer(41, None, "ada@gmial.com").await;
    assert!(is_created(&hub, &ada), "{}", hub.backlog().await);
    assert!(open_letters(&hub).await.is_empty());
    let notices = hub.store.read(|tx| tx.notices(NoticeState::Pending, 100, None)).await.unwrap();
    let told: Vec<_> = notices.into_iter().map(|notice| notice.notice).filter(|notice| notice.kind == "email").collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].body.contains("its domain gmial.com looks mistyped; did they mean gmail.com?"), "{told:?}");
    let record = told[0].record.clone().unwrap();
    let ledger = hub.store.read(move |tx| tx.history(&Viewer::system(), &record, 50, None)).await.unwrap();
    assert_eq!(ledger.iter().filter(|entry| entry.detail.contains("gmial.com looks mistyped")).count(), 1, "{ledger:?}");
}

#[tokio::test]
async fn where_doubtful_addresses_hold_nothing_is_created_before_the_address_is_corrected() {
    let (mut hub, ada) = newcomer(42, Some(EmailCheck::Hold), "ada@mailinator.com").await;
    assert!(!is_created(&hub, &ada));
    let letters = open_letters(&hub).await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0].0, "doubtful_email");
    assert!(
        letters[0].1.contains("field email") && letters[0].1.contains("mailinator.com gives mailboxes that are thrown away"),
        "{letters:?}"
    );
    assert!(!letters[0].1.contains("ada@"), "whose address it is stays untold: {letters:?}");
    hub.salesforce.update("Contact", &ada, &fields(json!({ "Email": "ada@acme.example" })), &hub.rep()).unwrap();
    hub.run_for(20).await;
    assert!(is_created(&hub, &ada), "{}", hub.backlog().await);
    assert!(open_letters(&hub).await.is_empty());
}

#[tokio::test]
async fn an_address_that_can_reach_nobody_holds_unless_nobody_looks() {
    let (hub, ada) = newcomer(43, Some(EmailCheck::Flag), "ada@acme.con").await;
    assert!(!is_created(&hub, &ada));
    let letters = open_letters(&hub).await;
    assert!(letters.len() == 1 && letters[0].1.contains("did they mean acme.com?"), "{letters:?}");
    let (hub, ada) = newcomer(44, Some(EmailCheck::Off), "ada@acme.con").await;
    assert!(is_created(&hub, &ada) && open_letters(&hub).await.is_empty());
}
