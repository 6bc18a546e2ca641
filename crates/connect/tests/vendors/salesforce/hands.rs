//! Whose hand a change was, and what changes by nobody's.

use std::collections::BTreeMap;
use std::time::Duration;

use entente_connect::capability::Detection;
use entente_connect::connector::Priority;
use entente_connect::look::Look;
use entente_connect::settings::{ConnectionSettings, Secret, WebhookSettings};
use entente_connect::webhook::{Event, Incoming};
use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use entente_sims::salesforce::{FieldSpec, FieldType};
use serde_json::json;

use super::live::{self, Live};
use crate::stage::rows::{map, read_on, spec};

/// Where messages go.
const URL: &str = "https://entente.example/hooks/salesforce/path-secret";

fn open() -> Live {
    let webhooks = WebhookSettings { path_secret: Secret::new("path-secret"), ..WebhookSettings::default() };
    Live::with(ConnectionSettings { webhooks, ..live::settings() })
}

fn user(live: &Live, kind: &str) -> String {
    let name = format!("{}@portal.example.com", kind.to_lowercase());
    live.add("User", json!({"LastName": kind, "Username": name, "Email": name, "IsActive": true, "UserType": kind}))
}

fn told(live: &Live) -> Event {
    let mut letters = live.mail.take_due();
    assert_eq!(letters.len(), 1);
    let incoming = Incoming { headers: BTreeMap::new(), body: letters.remove(0).body };
    let now = Timestamp::from_millisecond(live.hands.now_ms()).unwrap();
    live.crm.open(&incoming, "path-secret", now).unwrap().events.remove(0)
}

fn hands(looks: &[Look], ids: &[String]) -> Vec<Actor> {
    ids.iter().filter_map(|id| looks.iter().rev().find(|look| look.id == *id)).map(|look| look.mark.by).collect()
}

#[tokio::test]
async fn customers_of_a_portal_are_recognised_and_partners_are_none() {
    let live = open();
    let kinds = ["CspLitePortal", "CustomerSuccess", "PowerCustomerSuccess", "PowerPartner"];
    let users = kinds.map(|kind| user(&live, kind));
    let rows = kinds.map(|kind| live.add("Contact", json!({"LastName": kind})));
    let read = spec("Contact", &["LastName"]);
    let (looks, mut cursor) = read_on(&*live.crm, &read, None).await;
    assert_eq!(hands(&looks, &rows), [Actor::Sales; 4]);
    let mut asked = Vec::new();
    for city in ["London", "Paris"] {
        live.hands.pass(Duration::from_secs(60));
        for (row, by) in rows.iter().zip(&users) {
            live.sim.update("Contact", row, &map(json!({"MailingCity": city})), by).unwrap();
        }
        let before = live.calls("query");
        let (looks, next) = read_on(&*live.crm, &read, Some(cursor)).await;
        cursor = next;
        assert_eq!(hands(&looks, &rows), [Actor::Customer, Actor::Customer, Actor::Customer, Actor::Unknown], "{city}");
        asked.push(live.calls("query") - before);
    }
    assert_eq!(asked[0], asked[1] + 1, "one call for all of them, and none once they are known");
}

#[tokio::test]
async fn a_message_about_a_change_by_somebody_unknown_is_a_reason_to_fetch_the_row() {
    let live = open();
    let portal = user(&live, "CspLitePortal");
    let ada = live.add("Contact", json!({"LastName": "King"}));
    let read = spec("Contact", &["LastName"]);
    read_on(&*live.crm, &read, None).await;
    live.sim.subscribe_outbound("Contact", URL, &["SystemModstamp", "LastModifiedDate", "LastModifiedById", "LastName"]);
    let mut shown = Vec::new();
    for name in ["Lovelace", "Byron"] {
        live.hands.pass(Duration::from_secs(60));
        live.sim.update("Contact", &ada, &map(json!({"LastName": name})), &portal).unwrap();
        shown.push(told(&live).look.map(|look| look.mark.by));
        let looks = live.crm.fetch(&read, std::slice::from_ref(&ada), Priority::Update).await.unwrap();
        assert_eq!((looks[0].mark.by, looks[0].row["LastName"].as_str()), (Actor::Customer, Some(name)));
    }
    assert_eq!(shown, [None, Some(Actor::Customer)], "the second message is believed");
}

#[tokio::test]
async fn a_formula_is_computed_and_what_is_read_of_another_row_is_seen_like_one() {
    let live = Live::open();
    live.sim.add_field("Contact", FieldSpec::formula("Score__c", FieldType::Double)).unwrap();
    let contact = live.crm.describe("Contact").await.unwrap();
    let flags = ["Score__c", "LastName"].map(|name| contact.field(name).map(|field| (field.derived, field.writable)).unwrap());
    assert_eq!(flags, [(true, false), (false, true)]);
    let known = live.crm.spec().capabilities("Contact").unwrap();
    assert_eq!(known.of_field("LastName", false), Detection::FULL);
    for (name, derived) in [("Score__c", true), ("ReportsTo.Name", false), ("CreatedBy.Name", false), ("Partner__r.Name", false)] {
        assert_eq!(known.of_field(name, derived), Detection::RECONCILIATION, "{name}");
    }
}
