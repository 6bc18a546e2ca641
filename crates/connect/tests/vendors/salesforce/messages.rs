//! Outbound messages and the flows that send them, as they are made.

use std::collections::{BTreeMap, BTreeSet};

use entente_connect::error::Class;
use entente_connect::settings::{Changes, ConnectionSettings, SalesforceApi, Secret};
use entente_connect::webhook::{Incoming, Subscribed};
use entente_model::clock::Timestamp;
use serde_json::{Value, json};

use super::live::{Live, settings};

const URL: &str = "https://hub.example/hooks/salesforce/path-secret";

fn with_secret() -> ConnectionSettings {
    let mut settings = settings();
    settings.webhooks.path_secret = Secret::new("path-secret");
    settings
}

/// A hub that reads tasks.
fn hub() -> Live {
    let live = Live::with(with_secret());
    live.crm.reads("Task", &texts(&["Subject", "Owner.Name"]));
    live
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn lacks(live: &Live, url: &str, objects: &[&str]) -> Vec<String> {
    match live.crm.subscribed(url, &texts(objects)).await.unwrap() {
        Subscribed::Chosen { lacks, carries } => {
            assert!(carries.contains(&"SystemModstamp"));
            lacks.into_iter().map(|lack| format!("{}: {}", lack.object, lack.what)).collect()
        }
        other => panic!("messages are made over the API: {other:?}"),
    }
}

/// Ids of the rows that the messages which came in tell of.
fn told(live: &Live, path_secret: &str) -> Vec<String> {
    let now = Timestamp::from_millisecond(live.hands.now_ms()).unwrap();
    let letters = live.mail.take_due();
    let open = |body| live.crm.open(&Incoming { headers: BTreeMap::new(), body }, path_secret, now).unwrap();
    letters.into_iter().flat_map(|letter| open(letter.body).events).map(|event| event.id).collect()
}

/// What was made and changed over the Tooling API.
fn made(live: &Live) -> Vec<(String, Value)> {
    let sent = live.line.sent.lock().unwrap();
    let wrote = sent.iter().filter(|(call, _)| call.contains("/tooling/") && !call.starts_with("GET"));
    wrote.cloned().collect()
}

fn carried(metadata: &Value) -> BTreeSet<&str> {
    metadata["fields"].as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

#[tokio::test]
async fn a_message_is_made_with_all_that_is_read_and_a_flow_sends_it_from_then_on() {
    let live = hub();
    assert_eq!(lacks(&live, URL, &["Task"]).await, ["Task: no outbound message"]);
    live.add("Task", json!({"Subject": "Before"}));
    assert!(told(&live, "path-secret").is_empty());

    assert_eq!(live.crm.subscribe(URL, &texts(&["Task"])).await.unwrap(), None, "nothing is signed: the address is the secret");
    let wrote = made(&live);
    let message = &wrote[0].1["Metadata"];
    assert_eq!(carried(message), BTreeSet::from(["Id", "LastModifiedById", "LastModifiedDate", "OwnerId", "Subject", "SystemModstamp"]));
    assert_eq!((&message["endpointUrl"], &message["includeSessionId"]), (&json!(URL), &json!(false)), "no session leaves the org");
    assert!(lacks(&live, URL, &["Task"]).await.is_empty());

    let after = live.add("Task", json!({"Subject": "After"}));
    assert_eq!(told(&live, "path-secret"), [after]);

    live.crm.subscribe(URL, &texts(&["Task"])).await.unwrap();
    assert_eq!(made(&live).len(), wrote.len(), "what is there is not made again");
}

#[tokio::test]
async fn a_message_that_lacks_a_field_is_shown_and_gets_it_and_keeps_its_own() {
    let live = hub();
    live.crm.subscribe(URL, &texts(&["Task"])).await.unwrap();
    live.crm.reads("Task", &texts(&["Status", "Description"]));
    assert_eq!(lacks(&live, URL, &["Task"]).await, ["Task: its outbound message lacks Description, Status"]);
    live.crm.subscribe(URL, &texts(&["Task"])).await.unwrap();
    assert!(lacks(&live, URL, &["Task"]).await.is_empty());
    let wrote = made(&live);
    let (call, body) = wrote.last().unwrap();
    assert!(call.starts_with("PATCH") && call.contains("WorkflowOutboundMessage"), "{call}");
    assert!(carried(&body["Metadata"]).is_superset(&BTreeSet::from(["Subject", "OwnerId", "Status", "Description"])), "{body}");
}

#[tokio::test]
async fn a_server_that_has_moved_takes_its_messages_along_and_another_hub_s_stay() {
    let live = hub();
    live.crm.subscribe(URL, &texts(&["Task"])).await.unwrap();
    let moved = "https://moved.example/hooks/salesforce/path-secret";
    assert_eq!(lacks(&live, moved, &["Task"]).await, ["Task: its outbound message goes to another address"]);
    live.crm.subscribe(moved, &texts(&["Task"])).await.unwrap();
    live.add("Task", json!({"Subject": "Call"}));
    let to: Vec<String> = live.mail.take_due().into_iter().map(|letter| letter.url).collect();
    assert_eq!(to, [moved]);

    let other = "https://moved.example/hooks/salesforce/of-another-hub";
    assert_eq!(lacks(&live, other, &["Task"]).await, ["Task: no outbound message"]);
    live.crm.subscribe(other, &texts(&["Task"])).await.unwrap();
    live.add("Task", json!({"Subject": "Call"}));
    let to: BTreeSet<String> = live.mail.take_due().into_iter().map(|letter| letter.url).collect();
    assert_eq!(to, BTreeSet::from([moved.to_owned(), other.to_owned()]), "each hub has a message of its own");
}

#[tokio::test]
async fn a_flow_that_an_admin_switched_off_is_told_and_put_in_force_again() {
    let live = hub();
    live.crm.subscribe(URL, &texts(&["Task"])).await.unwrap();
    live.sim.switch_flows_off();
    live.add("Task", json!({"Subject": "Unheard"}));
    assert!(told(&live, "path-secret").is_empty());
    assert_eq!(lacks(&live, URL, &["Task"]).await, ["Task: no active flow sends its outbound message"]);
    live.crm.subscribe(URL, &texts(&["Task"])).await.unwrap();
    let heard = live.add("Task", json!({"Subject": "Heard"}));
    assert_eq!(told(&live, "path-secret"), [heard]);
}

#[tokio::test]
async fn a_message_that_a_person_set_up_is_completed_and_not_sent_twice() {
    let live = hub();
    live.sim.subscribe_outbound("Task", URL, &["SystemModstamp", "LastModifiedDate", "LastModifiedById", "Subject"]);
    assert_eq!(lacks(&live, URL, &["Task"]).await, ["Task: its outbound message lacks OwnerId"]);
    live.crm.subscribe(URL, &texts(&["Task"])).await.unwrap();
    assert!(lacks(&live, URL, &["Task"]).await.is_empty());
    assert!(made(&live).iter().all(|(call, _)| call.contains("WorkflowOutboundMessage")), "whoever made the message made what sends it");
    let id = live.add("Task", json!({"Subject": "Call"}));
    assert_eq!(told(&live, "path-secret"), [id]);
}

#[tokio::test]
async fn what_the_org_does_not_have_is_in_no_message() {
    let live = Live::with(with_secret());
    live.crm.reads("Task", &texts(&["Subject", "CurrencyIsoCode"]));
    live.crm.subscribe(URL, &texts(&["Task"])).await.unwrap();
    assert!(!carried(&made(&live)[0].1["Metadata"]).contains("CurrencyIsoCode"), "an org of one currency has no such field");
    assert!(lacks(&live, URL, &["Task"]).await.is_empty());
}

#[tokio::test]
async fn one_object_that_is_refused_does_not_keep_the_next_from_its_message() {
    let live = hub();
    let error = live.crm.subscribe(URL, &texts(&["Nowhere__c", "Task"])).await.unwrap_err();
    assert!(error.message.starts_with("Nowhere__c: "), "{error}");
    assert!(error.advice.contains("in Setup"), "{}", error.advice);
    assert_eq!(lacks(&live, URL, &["Nowhere__c", "Task"]).await, ["Nowhere__c: no outbound message"]);
}

#[tokio::test]
async fn what_our_user_may_not_do_a_person_does() {
    let live = hub();
    live.line.interject_at("/tooling/", 403);
    let Subscribed::ByHand(by_hand) = live.crm.subscribed(URL, &texts(&["Task"])).await.unwrap() else { panic!("refused") };
    assert!(by_hand.steps.contains("outbound message") && by_hand.carries.contains(&"LastModifiedById"));
}

#[tokio::test]
async fn over_soap_by_polls_and_with_the_org_s_own_events_none_are_made() {
    let mut soap = with_secret();
    soap.salesforce.api = SalesforceApi::Soap;
    let mut polls = with_secret();
    polls.salesforce.changes = Changes::Poll;
    let mut events = with_secret();
    events.salesforce.changes = Changes::Cdc;
    let mut old = with_secret();
    old.api_version = Some("52.0".to_owned());
    for (settings, step) in
        [(soap, "record-triggered flow"), (polls, "record-triggered flow"), (events, "Change Data Capture"), (old, "in Setup")]
    {
        let live = hub();
        let crm = live.with_settings(settings);
        let Subscribed::ByHand(by_hand) = crm.subscribed(URL, &texts(&["Task"])).await.unwrap() else { panic!("made over the API") };
        assert!(by_hand.steps.contains(step), "{}", by_hand.steps);
        let error = crm.subscribe(URL, &texts(&["Task"])).await.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (Class::Configuration, "outbound_message"));
        assert!(!format!("{error}").contains("path-secret"));
        assert!(made(&live).is_empty());
    }
}
