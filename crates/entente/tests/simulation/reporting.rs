//! The monthly report against what the platforms saw and what the store holds: every sum is the sum of something that can be counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use entente_engine::flaws::Flaws;
use entente_engine::records::dead_letters::{self, RetryMany};
use entente_engine::reports::levels;
use entente_engine::reports::meter::Meter;
use entente_engine::reports::monthly::{self, MonthlyReport};
use entente_model::clock::Timestamp;
use entente_sims::faults::Fault;
use entente_store::{SyncStatus, Viewer};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::hub::{Hub, SALESFORCE, ZENDESK, fields, seed_customer};

/// What the CRM saw of our hand: how many writes set a field.
type Seen = Arc<Mutex<BTreeMap<String, u64>>>;

fn look_at_the_crm(hub: &Hub) -> Seen {
    let (seen, us) = (Seen::default(), hub.salesforce.users().integration);
    let kept = Arc::clone(&seen);
    hub.salesforce.on_write(Box::new(move |write| {
        if write.by == us {
            let mut kept = kept.lock().unwrap();
            for (field, _) in &write.changed {
                *kept.entry(format!("{}.{field}", write.object)).or_default() += 1;
            }
        }
    }));
    seen
}

/// Weeks of a company: customers are won, people edit, write to support and rate it, while platforms fail now and then.
async fn weeks(seed: u64) -> (Hub, Seen) {
    let mut hub = Hub::new(seed, Flaws::none()).await;
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let seen = look_at_the_crm(&hub);
    let mut meter = Meter::default();
    let mut contacts = Vec::new();
    for number in 0..4 {
        let name = format!("Customer{number}");
        let email = format!("ada@customer{number}.example");
        contacts.extend(seed_customer(&hub, &name, &[("Ada", &format!("Number{number}"), &email)]).1);
    }
    hub.run_for(40).await;
    for (fault, per_mille) in [(Fault::ServerError, 60), (Fault::Unavailable, 40)] {
        hub.crm_faults.set_calls(fault, per_mille);
        hub.desk_faults.set_calls(fault, per_mille);
    }
    let rep = hub.rep();
    for day in 0..12 {
        let account =
            json!({ "Name": format!("Newcomer{day}"), "Type": "Prospect", "CSM_Email__c": "cora@vendor.example", "Status__c": "Active" });
        let account = hub.salesforce.insert("Account", &fields(account), &rep).unwrap();
        let deal = json!({ "Name": "First deal", "AccountId": account, "StageName": "Closed Won", "CloseDate": "2026-02-01" });
        hub.salesforce.insert("Opportunity", &fields(deal), &rep).unwrap();
        hub.run_for(60 * chance.random_range(1..8)).await;
        let contact = &contacts[chance.random_range(0..contacts.len())];
        let row = hub.salesforce.get("Contact", contact).unwrap();
        let user: u64 = row["Support_Id__c"].as_str().unwrap().parse().unwrap();
        let ticket = json!({ "subject": format!("Trouble {day}"), "requester_id": user, "comment": { "body": "Help" } });
        let ticket = hub.zendesk.create_ticket(&fields(ticket), user).unwrap();
        hub.salesforce.update("Contact", contact, &fields(json!({ "Title": format!("Role {day}") })), &rep).unwrap();
        hub.run_for(90).await;
        hub.zendesk.solve(ticket, hub.agent()).unwrap();
        hub.zendesk.rate(ticket, if chance.random_bool(0.7) { "good" } else { "bad" }, None).unwrap();
        hub.run_for(60 * chance.random_range(4..12)).await;
        meter.write(&hub.engine).await.unwrap();
        levels::count(&hub.engine).await.unwrap();
    }
    hub.crm_faults.clear();
    hub.desk_faults.clear();
    // Operators retry what failed more often than the retries allow.
    dead_letters::retry_many(&hub.engine, &Viewer::new("olga", "admin"), &RetryMany::default()).await.unwrap();
    hub.run_for(240).await;
    levels::count(&hub.engine).await.unwrap();
    meter.write(&hub.engine).await.unwrap();
    (hub, seen)
}

async fn january(hub: &Hub) -> MonthlyReport {
    monthly::report(&hub.engine, "2026-01".parse().unwrap()).await.unwrap()
}

/// Activities in the CRM.
fn tasks(hub: &Hub) -> u64 {
    let mut many = 0;
    hub.salesforce.each("Task", &mut |_, _| many += 1);
    many
}

async fn ties(seed: u64) {
    let (hub, seen) = weeks(seed).await;
    let report = january(&hub).await;
    let of = &report.performance;
    let seen = seen.lock().unwrap().clone();
    let wrote = |field: &str| seen.get(field).copied().unwrap_or(0);

    // Events are what landed and what failed; failures are those that are listed, each with what became of it.
    assert_eq!(of.events, of.landed + of.failed, "{of:?}");
    assert_eq!(of.failed, of.recovered + of.manual + of.retrying, "{of:?}");
    let listed = hub.store.read(|tx| tx.sync_events(&Viewer::system(), Timestamp::UNIX_EPOCH, 1_000)).await.unwrap();
    let many = |status: SyncStatus| listed.iter().filter(|event| event.event.status == status).count() as u64;
    assert_eq!(of.failed, listed.len() as u64);
    assert!(of.failed > 0, "seed {seed} has no bad day");
    assert_eq!((of.recovered, of.manual), (many(SyncStatus::Recovered), many(SyncStatus::Fixed) + many(SyncStatus::Manual)));
    let days: u64 = of.days.iter().map(|day| day.landed + day.failed).sum();
    assert_eq!(days, of.events, "the days are the month");

    // What landed is what was created, updated and deleted; each counterpart that is ours was created once.
    let now = hub.engine.now();
    let counted = async |name: &'static str, connection: Option<&'static str>| {
        let end = Timestamp::from_millisecond(now.as_millisecond() + 1).unwrap();
        u64::try_from(hub.store.read(move |tx| tx.counted(name, connection, Timestamp::UNIX_EPOCH, end)).await.unwrap()).unwrap()
    };
    assert_eq!(of.landed, counted("created", None).await + counted("updated", None).await + counted("deleted", None).await);
    let mut rows = 0;
    hub.zendesk.each_organization(&mut |_, _| rows += 1);
    let staff = hub.zendesk.agents().len() as u64;
    hub.zendesk.each_user(&mut |_, _| rows += 1);
    let mut checklists = 0;
    hub.zendesk.each_ticket(&mut |_, ticket| {
        checklists += u64::from(ticket["subject"].as_str().is_some_and(|text| text.starts_with("Onboarding")))
    });
    assert_eq!(counted("created", Some(ZENDESK)).await, rows - staff + checklists, "{}", hub.backlog().await);

    // What it was good for is what stands in the CRM.
    assert_eq!(report.impact.new_customers, 12);
    assert_eq!(report.impact.profiles, 12, "each newcomer has a profile");
    assert_eq!(report.impact.activities, tasks(&hub));
    // That nobody was asked yet is written when the activity is made, and is no rating.
    assert_eq!((report.impact.csat_scores, wrote("Task.CSAT__c")), (12, 12 + tasks(&hub)), "{seen:?}");
    assert!(report.impact.health_scores >= wrote("Account.Support_Health_Score__c"), "{:?} {seen:?}", report.impact);
    assert!(wrote("Account.Support_Health_Score__c") >= 12);

    // Calls are those that the connectors counted.
    for line in &report.api {
        assert_eq!(line.calls, hub.engine.connection(&line.connection).unwrap().connector.counts().calls, "{}", line.connection);
    }
    assert_eq!(report.api.iter().map(|line| line.connection.as_str()).collect::<Vec<_>>(), [SALESFORCE, ZENDESK]);

    // In the end everything agrees.
    let records = hub.store.read(|tx| tx.record_counts(&Viewer::system())).await.unwrap();
    let customers = records["account"] + records["contact"];
    assert_eq!(
        (report.consistency.records, report.consistency.in_agreement),
        (Some(customers), Some(customers)),
        "{}",
        hub.backlog().await
    );
    assert_eq!(report.consistency.drift, Some(0));
}

#[tokio::test]
async fn every_sum_of_a_month_is_the_sum_of_what_the_platforms_and_the_store_hold() {
    for seed in 301..305 {
        ties(seed).await;
    }
}

#[tokio::test]
async fn a_month_is_compared_with_the_one_before_and_one_to_come_is_refused() {
    let mut hub = Hub::new(311, Flaws::none()).await;
    let (_, contacts) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example")]);
    hub.run_for(40).await;
    let begun = january(&hub).await;
    assert!(!begun.complete && begun.performance.events_change_percent.is_none(), "{begun:?}");
    assert_eq!(begun.recommendations, [], "one customer is too few to recommend anything by");
    for _ in 0..30 {
        hub.run_for(24 * 60).await;
    }
    let full = january(&hub).await;
    assert!(full.complete && full.performance.days.len() == 31, "{full:?}");
    let rep = hub.rep();
    hub.salesforce.update("Contact", &contacts[0], &fields(json!({ "Title": "Countess" })), &rep).unwrap();
    hub.run_for(5).await;
    let february = monthly::report(&hub.engine, "2026-02".parse().unwrap()).await.unwrap();
    assert_eq!((february.before.as_str(), february.performance.landed >= 1), ("January", true));
    assert_eq!(january(&hub).await.performance, full.performance, "what is over stays as it was");
    let future = monthly::report(&hub.engine, "2027-01".parse().unwrap()).await.unwrap_err().to_string();
    assert!(future.contains("`2027-01` has not begun yet"), "{future}");
}
