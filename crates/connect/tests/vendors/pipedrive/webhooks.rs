//! Webhooks: made over the API, verified by their password, and taken for hints.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::look::Existence;
use entente_connect::settings::{Secret, WebhookSettings};
use entente_connect::webhook::{Delivery, Incoming, Subscribed, WebhookError};
use entente_model::actor::Actor;
use entente_sims::mailroom;
use entente_sims::pipedrive::Kind;
use serde_json::json;

use crate::pipedrive::company::{Company, persons, settings, token};
use crate::stage::rows::{spec, update};

const URL: &str = "https://hub.example/hooks/pipedrive";

fn objects() -> Vec<String> {
    ["persons", "organizations", "deals", "activities"].map(str::to_owned).to_vec()
}

fn incoming(letter: &mailroom::Delivery) -> Incoming {
    let headers: BTreeMap<String, String> = letter.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
    Incoming { headers, body: letter.body.clone() }
}

fn open(company: &Company, letter: &mailroom::Delivery) -> Result<Delivery, WebhookError> {
    company.crm.open(&incoming(letter), "", company.time())
}

fn told(deliveries: &[Delivery]) -> Vec<(String, String)> {
    deliveries.iter().flat_map(|delivery| &delivery.events).map(|event| (event.object.clone(), event.id.clone())).collect()
}

fn row(object: &str, id: &str) -> (String, String) {
    (object.to_owned(), id.to_owned())
}

#[tokio::test]
async fn subscriptions_are_made_once_for_each_object_and_mended() {
    let company = Company::open();
    assert_eq!(company.crm.subscribed(URL, &objects()).await.unwrap(), Subscribed::No);
    let secret = company.crm.subscribe(URL, &objects()).await.unwrap().unwrap();
    assert!(secret.reveal().len() >= 32 && !secret.reveal().contains("c0ffee"));
    assert_eq!(company.crm.subscribed(URL, &objects()).await.unwrap(), Subscribed::Yes);
    assert_eq!(company.calls("POST webhooks"), 5, "notes come along with activities");
    company.crm.subscribe(URL, &objects()).await.unwrap();
    assert_eq!(company.calls("POST webhooks"), 5);
    // Another password means other subscriptions.
    let webhooks = WebhookSettings { signing_secret: Secret::new("one that an admin chose"), ..WebhookSettings::default() };
    let other = entente_connect::settings::ConnectionSettings { webhooks, ..settings(token()) };
    let surroundings = crate::stage::surroundings(std::sync::Arc::clone(&company.line) as _, &company.hands);
    let other = entente_connect::registry::connect(other, surroundings).unwrap();
    assert_eq!(other.subscribed(URL, &objects()).await.unwrap(), Subscribed::No);
    other.subscribe(URL, &objects()).await.unwrap();
    assert_eq!((company.calls("DELETE webhooks/:id"), company.calls("POST webhooks")), (5, 10));
}

#[tokio::test]
async fn messages_are_verified_and_name_rows_to_look_at() {
    let company = Company::open();
    company.crm.subscribe(URL, &objects()).await.unwrap();
    let acme = company.plant(Kind::Organization, json!({"name": "Acme"}));
    let ada = company.contact("Ada", "ada@x.example");
    company.edit(Kind::Person, &ada, json!({"name": "Ada King"}));
    company.edit(Kind::Person, &ada, json!({"name": "Ada King"}));
    let note = company.plant(Kind::Note, json!({"content": "Hello", "org_id": acme.parse::<u64>().unwrap()}));
    company.sim.delete(Kind::Person, &ada, company.person()).unwrap();
    let letters = company.mail.take_due();
    let deliveries: Vec<Delivery> = letters.iter().map(|letter| open(&company, letter).unwrap()).collect();
    let among = row("activities", &format!("note-{note}"));
    assert_eq!(
        told(&deliveries),
        [row("organizations", &acme), row("persons", &ada), row("persons", &ada), row("notes", &note), among, row("persons", &ada)]
    );
    assert!(deliveries.iter().flat_map(|delivery| &delivery.events).all(|event| event.look.is_none()), "hints alone");
    // A repeated delivery is the same one, whatever its attempt says.
    let mut again = letters[0].clone();
    again.body = String::from_utf8(again.body).unwrap().replace("\"attempt\":1", "\"attempt\":3").into_bytes();
    assert_eq!(open(&company, &again).unwrap().id, deliveries[0].id);
    assert_eq!(company.fetch(&persons(&["name"]), &ada).await.existence, Existence::Deleted);
}

#[tokio::test]
async fn a_stranger_s_message_is_refused() {
    let company = Company::open();
    company.crm.subscribe(URL, &objects()).await.unwrap();
    company.contact("Ada", "ada@x.example");
    let letter = company.mail.take_due().remove(0);
    let refused = |headers: BTreeMap<String, String>| {
        company.crm.open(&Incoming { headers, body: letter.body.clone() }, "", company.time()).unwrap_err()
    };
    let with = |text: &str| BTreeMap::from([("authorization".to_owned(), text.to_owned())]);
    for headers in [
        BTreeMap::new(),
        with("Basic"),
        with(&format!("Basic {}", STANDARD.encode("entente-12345678:guess"))),
        with(&format!("Basic {}", STANDARD.encode("x:"))),
    ] {
        assert!(matches!(refused(headers), WebhookError::Unverified { .. }));
    }
    let broken = Incoming { body: b"{".to_vec(), ..incoming(&letter) };
    assert!(matches!(company.crm.open(&broken, "", company.time()).unwrap_err(), WebhookError::Malformed { .. }));
    // A secret in the address must be there as well, where one is set.
    let webhooks = WebhookSettings { path_secret: Secret::new("in-the-path"), ..WebhookSettings::default() };
    let company = Company::with(entente_connect::settings::ConnectionSettings { webhooks, ..settings(token()) }, |_| {});
    company.crm.subscribe(&format!("{URL}/in-the-path"), &objects()).await.unwrap();
    company.contact("Ada", "ada@x.example");
    let letter = company.mail.take_due().remove(0);
    assert!(company.crm.open(&incoming(&letter), "elsewhere", company.time()).is_err());
    assert!(company.crm.open(&incoming(&letter), "in-the-path", company.time()).is_ok());
}

#[tokio::test]
async fn a_merge_says_where_the_row_went() {
    let company = Company::open();
    company.crm.subscribe(URL, &objects()).await.unwrap();
    let (ada, twin) = (company.contact("Ada", "ada@x.example"), company.contact("Ada King", "king@x.example"));
    drop(company.mail.take_due());
    company.sim.merge(Kind::Person, &twin, &ada, company.person()).unwrap();
    let deliveries: Vec<Delivery> = company.mail.take_due().iter().map(|letter| open(&company, letter).unwrap()).collect();
    let merged: Vec<(&str, &Existence)> = deliveries
        .iter()
        .flat_map(|delivery| &delivery.events)
        .filter_map(|event| Some((event.id.as_str(), &event.look.as_ref()?.existence)))
        .collect();
    let into = Existence::MergedInto(ada.clone());
    assert_eq!(merged, [(twin.as_str(), &into), (twin.as_str(), &into)]);
    assert!(told(&deliveries).contains(&row("persons", &ada)));
    let read = persons(&["emails"]);
    assert_eq!(company.fetch(&read, &twin).await.existence, Existence::Deleted, "the row itself does not say");
    assert_eq!(company.fetch(&read, &ada).await.row["emails"], json!(["ada@x.example", "king@x.example"]));
}

#[tokio::test]
async fn whose_hand_it_was_is_known_from_the_message() {
    let company = Company::open();
    company.crm.check().await.unwrap();
    company.crm.subscribe(URL, &objects()).await.unwrap();
    let read = persons(&["name"]);
    let ada = company.contact("Ada", "ada@x.example");
    assert_eq!(company.fetch(&read, &ada).await.mark.by, Actor::Unknown, "the row itself does not say");
    let take = || company.mail.take_due().iter().for_each(|letter| drop(open(&company, letter).unwrap()));
    take();
    assert_eq!(company.fetch(&read, &ada).await.mark.by, Actor::Sales);
    company.pass(10);
    company.write("persons", &[update(&ada, json!({"name": "Ada King"}))]).await.remove(0).unwrap();
    take();
    assert_eq!(company.fetch(&read, &ada).await.mark.by, Actor::Us);
    company.pass(10);
    company.edit(Kind::Person, &ada, json!({"name": "Ada Byron"}));
    assert_eq!(company.fetch(&read, &ada).await.mark.by, Actor::Unknown, "of this change nothing was heard yet");
}

#[tokio::test]
async fn a_receiver_that_fails_loses_its_subscription_s_messages_for_a_while_and_polls_do_not_mind() {
    let company = Company::open();
    company.crm.subscribe(URL, &objects()).await.unwrap();
    let read = persons(&["name"]);
    let (_, cursor) = company.read_on(&read, None).await;
    for n in 0..10 {
        company.contact("Somebody", &format!("{n}@x.example"));
        company.mail.take_due().iter().for_each(|letter| company.sim.answer(letter, 500));
    }
    company.contact("Unheard", "unheard@x.example");
    assert!(company.mail.take_due().is_empty(), "the subscription rests");
    company.pass(31 * 60);
    company.contact("Heard", "heard@x.example");
    assert_eq!(company.mail.take_due().len(), 1);
    let (looks, _) = company.read_on(&read, Some(cursor)).await;
    assert_eq!(looks.len(), 12);
    // Three days without any success, and it is gone; provisioning makes it anew.
    company.pass(3 * 86_400);
    company.contact("Unheard", "again@x.example");
    assert_eq!(company.crm.subscribed(URL, &objects()).await.unwrap(), Subscribed::No);
    company.crm.subscribe(URL, &objects()).await.unwrap();
    assert_eq!(company.crm.subscribed(URL, &objects()).await.unwrap(), Subscribed::Yes);
}

#[tokio::test]
async fn too_many_subscriptions_are_a_matter_of_the_plan() {
    let company = Company::open();
    for n in 0..9 {
        company.crm.subscribe(&format!("{URL}/{n}"), &objects()).await.ok();
    }
    let error = company.crm.subscribe(&format!("{URL}/last"), &objects()).await.unwrap_err();
    assert_eq!((error.class, error.status), (Class::Configuration, 422));
    let read = spec("deals", &["title"]);
    company.crm.page(&read, None, Priority::Backfill).await.unwrap();
}
