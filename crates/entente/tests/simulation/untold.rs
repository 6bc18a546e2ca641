//! Edits of which nobody was told, at both sides: whichever side is read first, the other one's is not written over unseen.

use entente_engine::flaws::Flaws;
use entente_engine::sync::poll::poll;
use entente_engine::sync::resync::{Scope, resync};
use entente_sims::faults::DeliveryFault;
use serde_json::json;

use crate::hub::{Hub, SALESFORCE, ZENDESK, fields, seed_customer};

/// Of a thousand webhooks, all.
const ALL: u32 = 1_000;

/// Ada at both sides, half a poll's interval after the last one.
async fn ada(seed: u64) -> (Hub, String, u64) {
    let mut hub = Hub::new(seed, Flaws::none()).await;
    let (_, contacts) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example")]);
    hub.run_for(38).await;
    let user = hub.salesforce.get("Contact", &contacts[0]).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
    (hub, contacts[0].clone(), user)
}

fn lose_mail(hub: &Hub, lose: bool) {
    for faults in hub.all_faults() {
        faults.set_deliveries(DeliveryFault::Lost, if lose { ALL } else { 0 });
    }
}

async fn read(hub: &Hub, connection: &str) {
    for (object, _) in hub.engine.catalog().reads(connection) {
        poll(&hub.engine, connection, &object, &|_, _, _, _| {}, &|| false).await.unwrap();
    }
}

/// What was entered is at both sides, or in the ledger.
async fn is_somewhere(hub: &Hub, value: &str) -> bool {
    hub.traces(0).await.1.contains(&format!("\"{value}\""))
}

/// Sales edits within the second of our own last write, so that the row has one stamp for both; an agent edits later. No webhook tells of either.
async fn both_untold(seed: u64) -> (Hub, String, u64) {
    let (mut hub, contact, user) = ada(seed).await;
    hub.zendesk.update_user(user, &fields(json!({ "name": "Ada King" })), hub.agent()).unwrap();
    for _ in 0..500 {
        if hub.salesforce.get("Contact", &contact).unwrap()["LastName"] == "King" {
            break;
        }
        let until = hub.now() + 10;
        hub.run_until(until).await;
    }
    let ours = hub.salesforce.get("Contact", &contact).unwrap();
    assert_eq!(ours["LastName"], "King", "we have written just now");
    lose_mail(&hub, true);
    hub.salesforce.update("Contact", &contact, &fields(json!({ "LastName": "Byron" })), &hub.rep()).unwrap();
    let stamped = hub.salesforce.get("Contact", &contact).unwrap()["SystemModstamp"].clone();
    assert_eq!(stamped, ours["SystemModstamp"], "both have the stamp of one second");
    hub.run_for(1).await;
    hub.zendesk.update_user(user, &fields(json!({ "name": "Ada Noel" })), hub.agent()).unwrap();
    hub.run_for(1).await;
    lose_mail(&hub, false);
    (hub, contact, user)
}

#[tokio::test]
async fn an_edit_within_the_second_of_our_own_write_is_seen_before_a_poll_writes_over_it() {
    let (mut hub, contact, user) = both_untold(64).await;
    read(&hub, ZENDESK).await;
    hub.run_for(3).await;
    assert!(is_somewhere(&hub, "Byron").await, "what sales entered was written over unseen; {}", hub.backlog().await);
    assert!(is_somewhere(&hub, "Noel").await);
    hub.run_for(40).await;
    let (crm, desk) = (hub.salesforce.get("Contact", &contact).unwrap(), hub.zendesk.user(user).unwrap());
    assert_eq!((&crm["LastName"], &desk["name"]), (&json!("Byron"), &json!("Ada Byron")), "sales' contact data wins");
}

#[tokio::test]
async fn nor_does_a_resync_of_the_other_side() {
    let (mut hub, contact, user) = both_untold(65).await;
    resync(&hub.engine, &Scope::Connection(ZENDESK.to_owned())).await.unwrap();
    read(&hub, ZENDESK).await;
    hub.run_for(3).await;
    assert!(is_somewhere(&hub, "Byron").await, "what sales entered was written over unseen; {}", hub.backlog().await);
    hub.run_for(40).await;
    let (crm, desk) = (hub.salesforce.get("Contact", &contact).unwrap(), hub.zendesk.user(user).unwrap());
    assert_eq!((&crm["LastName"], &desk["name"]), (&json!("Byron"), &json!("Ada Byron")));
}

#[tokio::test]
async fn a_user_of_the_desk_who_has_no_precondition_is_looked_at_before_a_poll_of_the_crm_writes() {
    let (mut hub, contact, user) = ada(66).await;
    lose_mail(&hub, true);
    hub.zendesk.update_user(user, &fields(json!({ "name": "Ada Noel" })), hub.agent()).unwrap();
    hub.run_for(1).await;
    hub.salesforce.update("Contact", &contact, &fields(json!({ "LastName": "Byron" })), &hub.rep()).unwrap();
    hub.run_for(1).await;
    lose_mail(&hub, false);
    read(&hub, SALESFORCE).await;
    hub.run_for(3).await;
    assert!(is_somewhere(&hub, "Noel").await, "what the agent entered was written over unseen; {}", hub.backlog().await);
    assert!(is_somewhere(&hub, "Byron").await);
}

#[tokio::test]
async fn looking_before_writing_costs_one_call_for_many_rows_and_none_for_live_changes() {
    let mut hub = Hub::new(67, Flaws::none()).await;
    let people: Vec<(String, String)> = (0..30).map(|number| (format!("Number{number}"), format!("ada{number}@acme.example"))).collect();
    let people: Vec<(&str, &str, &str)> = people.iter().map(|(last, email)| ("Ada", last.as_str(), email.as_str())).collect();
    let (_, contacts) = seed_customer(&hub, "Acme", &people);
    hub.run_for(38).await;
    let shown = |hub: &Hub| {
        hub.zendesk.calls().by_route.iter().filter(|(route, _)| route.contains("users/show_many")).map(|(_, many)| *many).sum::<u64>()
    };
    let rename = |hub: &Hub, stem: &str| {
        for contact in &contacts {
            let title = json!({ "Title": format!("{stem} of {contact}") });
            hub.salesforce.update("Contact", contact, &fields(title), &hub.rep()).unwrap();
        }
    };
    let before = shown(&hub);
    rename(&hub, "Head");
    hub.run_for(2).await;
    assert_eq!(shown(&hub), before, "live changes are written as they come");
    lose_mail(&hub, true);
    rename(&hub, "Chief");
    hub.run_for(1).await;
    lose_mail(&hub, false);
    read(&hub, SALESFORCE).await;
    hub.run_for(3).await;
    assert_eq!(shown(&hub), before + 1, "thirty rows, one call: {:?}", hub.zendesk.calls().by_route);
}

/// Salesforce names the last hand of a row alone. After our own write of another field that is us, whoever entered the value just before.
#[tokio::test]
async fn what_sales_enters_right_before_our_own_write_is_theirs_however_often() {
    let mut hub = Hub::new(67, Flaws::none()).await;
    let (account, _) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example")]);
    hub.run_for(38).await;
    let organization: u64 = hub.salesforce.get("Account", &account).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
    let tier = |hub: &Hub| hub.zendesk.organization(organization).unwrap()["organization_fields"]["account_tier"].clone();
    for (round, status) in ["Suspended", "Active", "Suspended", "Active"].into_iter().enumerate() {
        hub.salesforce.update("Account", &account, &fields(json!({ "Account_Tier__c": "Pro" })), &hub.rep()).unwrap();
        hub.run_for(1).await;
        assert_eq!(tier(&hub), "Pro", "round {round}; {}", hub.backlog().await);

        // Our own write leaves the row at a version that we do not know, so that the next one has nothing to go by.
        hub.salesforce.faults().set_deliveries(DeliveryFault::Lost, ALL);
        let at_desk = async |hub: &mut Hub, value: serde_json::Value| {
            hub.zendesk.update_organization(organization, &fields(json!({ "organization_fields": value })), hub.agent()).unwrap();
            hub.run_for(1).await;
        };
        at_desk(&mut hub, json!({ "support_vip": round % 2 == 0 })).await;
        hub.salesforce.update("Account", &account, &fields(json!({ "Account_Tier__c": "Free" })), &hub.rep()).unwrap();
        at_desk(&mut hub, json!({ "account_status": status })).await;
        assert_eq!(hub.salesforce.get("Account", &account).unwrap()["Status__c"], status, "round {round}");
        hub.salesforce.faults().set_deliveries(DeliveryFault::Lost, 0);
        hub.run_for(20).await;
        assert_eq!(tier(&hub), "Free", "round {round}; {}", hub.backlog().await);
    }
    assert!(hub.store.read(|tx| tx.rewritten_fields(1)).await.unwrap().is_empty(), "nobody has rewritten anything");
}
