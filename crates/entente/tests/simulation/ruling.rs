//! How conflicts are decided is configuration: by field, by object and by connection. And what the latest change passed over is looked at.

use entente_engine::flaws::Flaws;
use entente_engine::metadata::mappings::{self, Proposal};
use entente_engine::records::conflicts::flagged::{Acknowledgement, acknowledge};
use entente_engine::records::conflicts::{self, Conflict, ConflictQuery, Resolution};
use entente_model::mapping::Mapping;
use entente_store::Viewer;
use serde_json::json;
use std::sync::atomic::Ordering;

use crate::hub::{Circumstances, Hub, SALESFORCE, ZENDESK, fields, seed_customer};

fn petra() -> Viewer {
    Viewer::new("petra", "admin")
}

async fn listed(hub: &Hub, state: &str) -> Vec<Conflict> {
    let query = ConflictQuery { state: Some(state.to_owned()), ..ConflictQuery::default() };
    conflicts::list(&hub.engine, &petra(), query).await.unwrap().items
}

/// Saves the mapping of contacts at a connection, changed.
async fn change(hub: &Hub, connection: &str, change: impl Fn(&mut Mapping)) {
    let mut version = mappings::list(&hub.engine, Some(connection), Some("contact")).await.unwrap().remove(0);
    change(&mut version.mapping);
    let proposal = Proposal { mapping: version.mapping, note: "as agreed".to_owned(), accept_loss: true, new_fields: Vec::new() };
    let saved = mappings::save(&hub.engine, &petra(), connection, proposal).await.unwrap();
    assert_eq!(saved.records, 0, "no record is looked at again for it");
}

/// A customer at both sides. Returns its rows.
async fn customer(hub: &mut Hub) -> (String, u64) {
    let (_, contacts) = seed_customer(hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example")]);
    hub.run_for(40).await;
    let user = hub.salesforce.get("Contact", &contacts[0]).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
    (contacts[0].clone(), user)
}

/// Sales changes a phone number and a name in the CRM, and an agent other ones at the desk, so many milliseconds later.
async fn both_change(hub: &mut Hub, contact: &str, user: u64, gap_ms: i64) {
    let row = json!({ "Phone": "+14155550111", "LastName": "King" });
    hub.salesforce.update("Contact", contact, &fields(row), &hub.rep()).unwrap();
    hub.clock.fetch_add(gap_ms, Ordering::Relaxed);
    let row = json!({ "phone": "+14155550222", "name": "Ada Byron" });
    hub.zendesk.update_user(user, &fields(row), hub.agent()).unwrap();
    hub.run_for(10).await;
}

fn phones(hub: &Hub, contact: &str, user: u64) -> [String; 2] {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    [text(&hub.salesforce.get("Contact", contact).unwrap()["Phone"]), text(&hub.zendesk.user(user).unwrap()["phone"])]
}

#[tokio::test]
async fn the_latest_wins_also_right_after_a_restart_although_a_clock_is_a_minute_behind() {
    let circumstances = Circumstances { clocks: (0, -60_000), lag: false, second_desk: None, flaws: Flaws::none() };
    let mut hub = Hub::with(57, circumstances).await;
    let (contact, user) = customer(&mut hub).await;
    hub.restart().await;
    let offset = hub.engine.connection(ZENDESK).unwrap().connector.clock().unwrap().ms().unwrap();
    assert!((-61_000..=-59_000).contains(&offset), "{offset}: it is known although nothing was asked yet");
    both_change(&mut hub, &contact, user, 7_000).await;
    assert_eq!(hub.salesforce.get("Contact", &contact).unwrap()["LastName"], "Byron");
    assert_eq!(hub.zendesk.user(user).unwrap()["name"], "Ada Byron");
}

#[tokio::test]
async fn a_field_without_rules_waits_for_a_person_while_its_neighbour_is_decided() {
    let mut hub = Hub::new(51, Flaws::none()).await;
    let (contact, user) = customer(&mut hub).await;
    // One of the two mappings says it, and the other follows.
    change(&hub, ZENDESK, |mapping| {
        let line = mapping.fields.iter_mut().find(|line| line.field == "phone").unwrap();
        line.conflicts = Some(serde_json::from_value(json!({ "rules": [] })).unwrap());
    })
    .await;
    both_change(&mut hub, &contact, user, 7_000).await;
    let open = listed(&hub, "waiting").await;
    let told: Vec<(&str, &str)> = open.iter().map(|one| (one.field.as_str(), one.reason.as_str())).collect();
    assert_eq!(told, [("phone", "no rule decides")], "{open:?}; {}", hub.backlog().await);
    assert_eq!(phones(&hub, &contact, user), ["+14155550111", "+14155550222"], "a waiting field is written nowhere");
    assert_eq!(hub.salesforce.get("Contact", &contact).unwrap()["LastName"], "King", "sales' own contact data");
    assert_eq!(hub.zendesk.user(user).unwrap()["name"], "Ada King");
}

#[tokio::test]
async fn a_connection_may_leave_a_rule_out_for_its_own_changes_and_a_window_may_be_longer() {
    let mut hub = Hub::new(52, Flaws::none()).await;
    let (contact, user) = customer(&mut hub).await;
    change(&hub, SALESFORCE, |mapping| {
        mapping.conflicts = Some(serde_json::from_value(json!({ "without": ["sales_contact"] })).unwrap());
        let line = mapping.fields.iter_mut().find(|line| line.field == "phone").unwrap();
        line.conflicts = Some(serde_json::from_value(json!({ "window": "1min" })).unwrap());
    })
    .await;
    both_change(&mut hub, &contact, user, 7_000).await;
    assert_eq!(hub.salesforce.get("Contact", &contact).unwrap()["LastName"], "Byron", "the later one, for sales has no say of its own");
    let open = listed(&hub, "waiting").await;
    let told: Vec<(&str, &str)> = open.iter().map(|one| (one.field.as_str(), one.reason.as_str())).collect();
    assert_eq!(told, [("phone", "the sides changed within 60 seconds of each other")], "{open:?}");
}

#[tokio::test]
async fn what_the_latest_change_passed_over_is_flagged_and_may_be_taken_after_all() {
    let mut hub = Hub::new(53, Flaws::none()).await;
    let (contact, user) = customer(&mut hub).await;
    change(&hub, SALESFORCE, |mapping| {
        mapping.conflicts = Some(serde_json::from_value(json!({ "rules": ["simultaneous", "latest"] })).unwrap());
    })
    .await;
    both_change(&mut hub, &contact, user, 7_000).await;
    let flagged = listed(&hub, "flagged").await;
    let phone = flagged.iter().find(|one| one.field == "phone").unwrap_or_else(|| panic!("{flagged:?}"));
    assert_eq!(phones(&hub, &contact, user), ["+14155550222", "+14155550222"], "the later one is everywhere meanwhile");
    let values: Vec<(&str, Option<&str>)> = phone.sides.iter().map(|side| (side.side.as_str(), side.value.as_deref())).collect();
    assert_eq!(values, [(SALESFORCE, Some("+14155550111")), (ZENDESK, Some("+14155550222"))]);
    assert_eq!(phone.resolved.as_ref().and_then(|decided| decided.side.as_deref()), Some(ZENDESK));

    let older = Resolution { side: Some(SALESFORCE.to_owned()), value: None };
    let done = conflicts::resolve(&hub.engine, &petra(), &phone.id, older).await.unwrap();
    assert!(done.reviewed.is_some_and(|reviewed| reviewed.overruled && reviewed.by == "petra"));
    hub.run_for(10).await;
    assert_eq!(phones(&hub, &contact, user), ["+14155550111", "+14155550111"], "{}", hub.backlog().await);
    let all = Acknowledgement { all: true, ..Acknowledgement::default() };
    assert_eq!(acknowledge(&hub.engine, &petra(), all).await.unwrap().acknowledged, flagged.len() as u64 - 1);
    assert!(listed(&hub, "flagged").await.is_empty() && listed(&hub, "waiting").await.is_empty());
}
