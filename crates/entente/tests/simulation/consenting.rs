//! What a person consents to is for people where two rows answer differently and have never agreed on it. No tick stands by itself.

use entente_engine::flaws::Flaws;
use entente_engine::records::conflicts::{self, Conflict, ConflictQuery, Resolution};
use entente_engine::records::reviews;
use entente_store::Viewer;
use serde_json::{Value, json};

use crate::hub::{Hub, SALESFORCE, ZENDESK, fields, seed_customer};
use crate::reviews::two_that_may_be_one;

fn petra() -> Viewer {
    Viewer::new("petra", "admin")
}

async fn waiting(hub: &Hub) -> Vec<Conflict> {
    conflicts::list(&hub.engine, &petra(), ConflictQuery::default()).await.unwrap().items
}

/// What the CRM and the desk show.
fn shown(hub: &Hub, contact: &str, user: u64) -> (bool, bool) {
    let ticked = |value: &Value| *value == Value::Bool(true);
    let there = hub.zendesk.user(user).unwrap();
    (ticked(&hub.salesforce.get("Contact", contact).unwrap()["Marketing_Consent__c"]), ticked(&there["user_fields"]["marketing_consent"]))
}

fn tick(hub: &Hub, contact: &str, value: bool) {
    hub.salesforce.update("Contact", contact, &fields(json!({ "Marketing_Consent__c": value })), &hub.rep()).unwrap();
}

fn tick_there(hub: &Hub, user: u64, value: bool) {
    let row = json!({ "user_fields": { "marketing_consent": value } });
    hub.zendesk.update_user(user, &fields(row), hub.agent()).unwrap();
}

#[tokio::test]
async fn a_tick_and_a_no_that_meet_for_the_first_time_wait_for_a_person_and_nothing_is_written() {
    for crm_says in [true, false] {
        let mut hub = Hub::new(41, Flaws::none()).await;
        let (_, contacts) = seed_customer(&hub, "Acme", &[("Grace", "Hopper", "grace@acme.example")]);
        let contact = &contacts[0];
        tick(&hub, contact, crm_says);
        let row = json!({
            "name": "Grace Hopper", "email": "grace@acme.example", "role": "end-user", "user_fields": { "marketing_consent": !crm_says },
        });
        let user = hub.zendesk.create_user(&fields(row), hub.agent()).unwrap();
        hub.run_for(40).await;
        assert_eq!(hub.salesforce.get("Contact", contact).unwrap()["Support_Id__c"], json!(user.to_string()), "{}", hub.backlog().await);
        assert_eq!(hub.zendesk.user(user).unwrap()["user_fields"]["job_title"], "Engineer", "the other fields go their way");
        let open = waiting(&hub).await;
        assert_eq!(open.iter().map(|one| one.field.as_str()).collect::<Vec<_>>(), ["marketing_consent"], "{open:?}");
        let mut sides: Vec<&str> = open[0].sides.iter().map(|side| side.side.as_str()).collect();
        sides.sort_unstable();
        assert_eq!(sides, [SALESFORCE, ZENDESK], "{open:?}");
        assert!(open[0].reason.contains("have never agreed on it"), "{open:?}");
        assert_eq!(shown(&hub, contact, user), (crm_says, !crm_says));

        let side = Resolution { side: Some(ZENDESK.to_owned()), value: None };
        conflicts::resolve(&hub.engine, &petra(), &open[0].id, side).await.unwrap();
        hub.run_for(20).await;
        assert_eq!(shown(&hub, contact, user), (!crm_says, !crm_says), "{}", hub.backlog().await);
        // From now on both have agreed, and whoever changes it anywhere changes it everywhere.
        tick_there(&hub, user, crm_says);
        hub.run_for(20).await;
        assert_eq!((shown(&hub, contact, user), waiting(&hub).await.len()), ((crm_says, crm_says), 0), "{}", hub.backlog().await);
    }
}

#[tokio::test]
async fn a_customer_who_was_asked_at_one_side_alone_is_no_conflict() {
    let mut hub = Hub::new(42, Flaws::none()).await;
    let (_, contacts) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example")]);
    tick(&hub, &contacts[0], true);
    hub.run_for(40).await;
    let user: u64 = hub.salesforce.get("Contact", &contacts[0]).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
    assert_eq!((shown(&hub, &contacts[0], user), waiting(&hub).await.len()), ((true, true), 0), "{}", hub.backlog().await);
    tick(&hub, &contacts[0], false);
    hub.run_for(20).await;
    assert_eq!((shown(&hub, &contacts[0], user), waiting(&hub).await.len()), ((false, false), 0), "{}", hub.backlog().await);
}

#[tokio::test]
async fn two_records_that_are_merged_do_not_take_over_a_tick_against_a_no() {
    for crm_says in [true, false] {
        let (mut hub, contact, user, review) = two_that_may_be_one(43).await;
        tick(&hub, &contact, crm_says);
        tick_there(&hub, user, !crm_says);
        hub.run_for(20).await;
        reviews::accept(&hub.engine, &petra(), &review.id).await.unwrap();
        let open = waiting(&hub).await;
        assert_eq!(open.iter().map(|one| one.field.as_str()).collect::<Vec<_>>(), ["marketing_consent"], "at once: {open:?}");
        hub.run_for(40).await;
        assert_eq!(hub.salesforce.get("Contact", &contact).unwrap()["Support_Id__c"], json!(user.to_string()), "{}", hub.backlog().await);
        assert_eq!((shown(&hub, &contact, user), waiting(&hub).await.len()), ((crm_says, !crm_says), 1), "nothing was taken over");
        let side = Resolution { side: Some(SALESFORCE.to_owned()), value: None };
        conflicts::resolve(&hub.engine, &petra(), &open[0].id, side).await.unwrap();
        hub.run_for(20).await;
        assert_eq!((shown(&hub, &contact, user), waiting(&hub).await.len()), ((crm_says, crm_says), 0), "{}", hub.backlog().await);
    }
}
