//! What outbound messages carry, as their definitions say.

use std::collections::BTreeMap;

use entente_connect::connector::Priority;
use entente_connect::settings::{ConnectionSettings, Secret};
use entente_connect::webhook::{Blanks, Event, Incoming};
use entente_model::clock::Timestamp;
use serde_json::json;

use super::live::{Live, settings};
use crate::stage::rows::spec;

const URL: &str = "https://entente.example.com/hooks/salesforce/path-secret";

const MARKS: [&str; 3] = ["SystemModstamp", "LastModifiedDate", "LastModifiedById"];

fn with_secret() -> ConnectionSettings {
    let mut settings = settings();
    settings.webhooks.path_secret = Secret::new("path-secret");
    settings
}

/// An org that tells of tasks with these fields.
fn telling(fields: &[&str]) -> Live {
    let live = Live::with(with_secret());
    live.sim.subscribe_outbound("Task", URL, &[&MARKS, fields].concat());
    live
}

fn now(live: &Live) -> Timestamp {
    Timestamp::from_millisecond(live.hands.now_ms()).unwrap()
}

/// The event of the message that has come.
fn told(live: &Live) -> Event {
    let mut letters = live.mail.take_due();
    assert_eq!(letters.len(), 1);
    let letter = letters.remove(0);
    let incoming = Incoming { headers: BTreeMap::new(), body: letter.body };
    let mut delivery = live.crm.open(&incoming, "path-secret", now(live)).unwrap();
    delivery.events.remove(0)
}

async fn read(live: &Live, fields: &[&str]) {
    live.crm.page(&spec("Task", fields), None, Priority::Backfill).await.unwrap();
}

async fn fetch(live: &Live, fields: &[&str], id: &str) {
    live.crm.fetch(&spec("Task", fields), &[id.to_owned()], Priority::Update).await.unwrap();
}

#[tokio::test]
async fn a_message_that_carries_all_that_is_read_shows_a_new_row_whole_with_its_owner_by_name() {
    let read_fields = ["Subject", "Description", "Owner.Name"];
    let live = telling(&["Subject", "Description", "OwnerId", "Status"]);
    read(&live, &read_fields).await;
    let first = live.add("Task", json!({"Subject": "Call"}));
    assert_eq!(told(&live).blanks, Blanks::LeftOut, "nobody has asked yet what the message carries");
    fetch(&live, &read_fields, &first).await;
    assert_eq!(live.calls("tooling"), 2, "the list, and the one definition");

    live.add("Task", json!({"Subject": "Call again"}));
    let event = told(&live);
    assert_eq!(event.blanks, Blanks::Known(vec!["Description".to_owned()]));
    let row = event.look.unwrap().row;
    let owner = live.sim.get("User", &live.sim.users().sales[0]).unwrap()["Name"].clone();
    assert_eq!((&row["Subject"], &row["Owner.Name"]), (&json!("Call again"), &owner));

    fetch(&live, &read_fields, &first).await;
    assert_eq!(live.calls("tooling"), 2, "definitions count for a day");
}

#[tokio::test]
async fn a_message_that_lacks_something_that_is_read_shows_no_row_whole() {
    for lacking in ["Description", "OwnerId"] {
        let carried: Vec<&str> = ["Subject", "Description", "OwnerId"].into_iter().filter(|field| *field != lacking).collect();
        let live = telling(&carried);
        let fields = ["Subject", "Description", "Owner.Name"];
        read(&live, &fields).await;
        let first = live.add("Task", json!({"Subject": "Call"}));
        told(&live);
        fetch(&live, &fields, &first).await;
        live.add("Task", json!({"Subject": "Call", "Description": "long"}));
        assert_eq!(told(&live).blanks, Blanks::LeftOut, "without {lacking}");
    }
}

#[tokio::test]
async fn messages_to_others_and_orgs_that_send_none_cost_nothing() {
    let live = Live::with(with_secret());
    live.sim.subscribe_outbound("Task", "https://elsewhere.example.com/hook", &["Subject"]);
    let fields = ["Subject"];
    read(&live, &fields).await;
    let first = live.add("Task", json!({"Subject": "Call"}));
    assert_eq!(live.mail.take_due().len(), 1);
    fetch(&live, &fields, &first).await;
    assert_eq!(live.calls("tooling"), 0);

    live.sim.subscribe_outbound("Task", URL, &[&MARKS[..], &["Subject"]].concat());
    live.sim.subscribe_outbound("Task", URL, &MARKS);
    live.add("Task", json!({"Subject": "Call"}));
    let ours: Vec<_> = live.mail.take_due().into_iter().filter(|letter| letter.url == URL).collect();
    for letter in ours {
        live.crm.open(&Incoming { headers: BTreeMap::new(), body: letter.body }, "path-secret", now(&live)).unwrap();
    }
    fetch(&live, &fields, &first).await;
    live.add("Task", json!({"Subject": "Call"}));
    let letters = live.mail.take_due().into_iter().filter(|letter| letter.url == URL);
    let blanks = letters.map(|letter| {
        let incoming = Incoming { headers: BTreeMap::new(), body: letter.body };
        live.crm.open(&incoming, "path-secret", now(&live)).unwrap().events.remove(0).blanks
    });
    let shown = Blanks::Known(Vec::new());
    assert_eq!(blanks.collect::<Vec<_>>(), [shown, Blanks::LeftOut], "what only one of two messages carries is blank in neither");
}
