//! Webhooks: rules of ours, made once, whose messages carry a secret.

use std::collections::BTreeMap;

use entente_connect::settings::{Secret, WebhookSettings};
use entente_connect::webhook::{Incoming, Proof, Subscribed};
use entente_sims::freshdesk::Kind;
use serde_json::json;

use super::account::{Account, settings};

const URL: &str = "https://hub.example/hooks/freshdesk";

fn objects() -> Vec<String> {
    ["contact", "company", "ticket"].map(str::to_owned).to_vec()
}

fn incoming(account: &Account) -> Vec<Incoming> {
    let mail = account.mail.take_due();
    mail.into_iter().map(|mail| Incoming { headers: mail.headers.into_iter().collect(), body: mail.body }).collect()
}

#[tokio::test]
async fn rules_are_made_once_and_their_messages_are_believed() {
    let account = Account::open();
    assert_eq!(account.desk.subscribed(URL, &objects()).await.unwrap(), Subscribed::No);
    let secret = account.desk.subscribe(URL, &objects()).await.unwrap().unwrap();
    assert!(secret.reveal().len() == 64 && !secret.reveal().contains("freshdesk-api-key"));
    assert_eq!(account.desk.subscribe(URL, &objects()).await.unwrap(), Some(secret));
    assert_eq!(account.desk.subscribed(URL, &objects()).await.unwrap(), Subscribed::Yes);
    assert_eq!(account.calls("POST automations/:id/rules"), 2);
    let id = account.ticket("Printer");
    account.edit(Kind::Ticket, &id, json!({"priority": 4}));
    let mail = incoming(&account);
    assert_eq!(mail.len(), 2);
    for message in &mail {
        let delivery = account.desk.open(message, "", account.time()).unwrap();
        assert_eq!((delivery.events[0].object.as_str(), &delivery.events[0].id), ("ticket", &id));
    }
}

#[tokio::test]
async fn what_does_not_know_the_secret_is_refused() {
    let account = Account::open();
    account.desk.subscribe(URL, &objects()).await.unwrap();
    account.ticket("Printer");
    let told = incoming(&account).remove(0);
    let bare = Incoming { headers: BTreeMap::new(), ..told.clone() };
    let mut forged = told;
    forged.headers.insert("x-entente-token".to_owned(), "guess".to_owned());
    for message in [bare, forged] {
        let refused = account.desk.open(&message, "", account.time()).unwrap_err().to_string();
        assert!(refused.contains("X-Entente-Token") && refused.contains("provision --apply"), "{refused}");
    }
}

#[tokio::test]
async fn each_connection_has_a_secret_of_its_own() {
    let account = Account::open();
    account.desk.subscribe(URL, &objects()).await.unwrap();
    let mut newer = settings();
    newer.webhooks.signing_secret = Secret::new("another secret");
    let second = Account::with(newer, |_| {});
    second.desk.subscribe(URL, &objects()).await.unwrap();
    second.ticket("Printer");
    let told = incoming(&second).remove(0);
    assert!(second.desk.open(&told, "", second.time()).is_ok());
    assert!(account.desk.open(&told, "", account.time()).is_err());
}

#[tokio::test]
async fn where_rules_are_closed_a_person_is_told_what_to_do() {
    let by_hand = Account::with(settings(), |options| options.automations = false);
    match by_hand.desk.subscribed(URL, &objects()).await.unwrap() {
        Subscribed::ByHand(by_hand) => assert!(by_hand.proof == Proof::Address && by_hand.steps.contains("automations")),
        other => panic!("{other:?}"),
    }
    let error = by_hand.desk.subscribe(URL, &objects()).await.unwrap_err();
    assert_eq!((error.class.name(), error.code.as_str()), ("configuration", "require_feature"));
    let mut secret = settings();
    secret.webhooks = WebhookSettings { path_secret: Secret::new("in-the-path"), ..WebhookSettings::default() };
    let account = Account::with(secret, |options| options.automations = false);
    let message = Incoming { headers: BTreeMap::new(), body: br#"{"freshdesk_webhook":{"ticket_id":"INC-7"}}"#.to_vec() };
    assert_eq!(account.desk.open(&message, "in-the-path", account.time()).unwrap().events[0].id, "7");
    assert!(account.desk.open(&message, "elsewhere", account.time()).is_err());
}

#[tokio::test]
async fn without_tickets_there_is_nothing_to_subscribe_to() {
    let account = Account::open();
    assert_eq!(account.desk.subscribed(URL, &["contact".to_owned()]).await.unwrap(), Subscribed::Yes);
    account.desk.subscribe(URL, &["contact".to_owned()]).await.unwrap();
    assert_eq!(account.calls("POST automations/:id/rules"), 0);
}
