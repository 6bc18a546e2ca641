//! The dashboard tells what was counted, and tells apart what is not the same.

use std::collections::{BTreeMap, BTreeSet};

use entente_store::{DeadLetterState, Link, LinkState, NewSyncEvent, SyncStatus};

use super::*;

fn failed(record: &str, status: SyncStatus, at: Timestamp) -> NewSyncEvent {
    NewSyncEvent {
        at,
        direction: "CRM→Support".into(),
        subject: record.into(),
        record: record.parse().ok(),
        object: "contact".into(),
        connection: Some("zendesk".into()),
        external_id: None,
        error: "RecordInvalid: Email is taken".into(),
        status,
    }
}

#[tokio::test]
async fn failures_are_told_apart_by_what_became_of_them() {
    let server = server().await;
    let (open, fixed, gone, retried) =
        (server.contact(ada()).await, server.contact(ada()).await, server.contact(ada()).await, server.contact(ada()).await);
    let now = server.app.engine.now();
    let names = [open.clone(), fixed.clone(), gone.clone(), retried.clone()];
    server
        .app
        .engine
        .store()
        .write(move |tx| {
            for (record, status) in names.iter().zip([SyncStatus::Manual, SyncStatus::Manual, SyncStatus::Manual, SyncStatus::Failing]) {
                tx.sync_failed(&failed(record, status, now))?;
                if status == SyncStatus::Manual {
                    tx.bury(&NewDeadLetter {
                        subject: record.clone(),
                        record: record.parse().ok(),
                        connection: Some("zendesk".into()),
                        object: "contact".into(),
                        error_class: "data".into(),
                        error_code: "RecordInvalid".into(),
                        message: "Email is taken".into(),
                        vendor_answer: "422".into(),
                        attempts: Vec::new(),
                        advice: "correct the e-mail".into(),
                        first_at: now,
                        died_at: now,
                    })?;
                }
            }
            // One is put right by a person, one is put away, one goes through on a retry.
            tx.sync_succeeded(&[names[1].clone(), names[3].clone()], now)?;
            tx.close_dead_letters_of(&[names[1].clone()], "converged", now)?;
            let letters = tx.dead_letters(&entente_store::Viewer::system(), &entente_store::DeadLetterFilter::default(), 10)?;
            let letter =
                letters.iter().find(|letter| letter.letter.subject == names[2]).map(|letter| letter.id).into_iter().collect::<Vec<_>>();
            tx.close_dead_letters(&letter, DeadLetterState::Discarded, "not a customer", now).map(drop)
        })
        .await
        .unwrap();
    let (_, dashboard) = server.get("/api/v1/dashboard").await;
    let status = |record: &str| {
        let failures = dashboard["failures"].as_array().unwrap();
        failures.iter().find(|failure| failure["record"] == record).unwrap()["status"].as_str().unwrap().to_owned()
    };
    assert_eq!([&open, &fixed, &gone, &retried].map(|record| status(record)), ["manual", "fixed", "discarded", "recovered"]);
    let health = &dashboard["health"];
    assert_eq!(
        ["failed", "recovered", "fixed", "manual", "discarded"].map(|key| health[key].as_u64().unwrap()),
        [4, 1, 1, 1, 1],
        "{health}"
    );
    let alerts = dashboard["alerts"].to_string();
    assert!(alerts.contains("1 failure of the last 24 hours needs a person"), "{alerts}");
}

#[tokio::test]
async fn forged_requests_are_no_deliveries_and_failed_polls_are_jobs() {
    let server = server().await;
    let now = server.app.engine.now();
    let counted = server.app.engine.store().write(move |tx| {
        tx.count(
            now,
            &[
                ("webhooks", "zendesk", 10),
                ("webhooks_refused", "zendesk", 990),
                ("polls", "zendesk", 3),
                ("polls_failed", "zendesk", 2),
                ("network_us", "zendesk", 90_000),
                ("network_trips", "zendesk", 2),
            ],
        )
    });
    counted.await.unwrap();
    let (_, dashboard) = server.get("/api/v1/dashboard").await;
    let zendesk = dashboard["connections"].as_array().unwrap().iter().find(|connection| connection["name"] == "zendesk").unwrap();
    assert_eq!(
        ["webhooks", "webhooks_failed", "webhooks_refused", "polls", "polls_failed"].map(|key| zendesk[key].as_u64().unwrap()),
        [10, 0, 990, 3, 2]
    );
    assert_eq!(zendesk["network_ms"], 45.0);
    let page = crate::cli::dashboard_text(&serde_json::from_value(dashboard.clone()).unwrap());
    assert!(page.contains("Webhook deliveries: 10 (success rate: 100.0%)"), "{page}");
    assert!(page.contains("Webhook requests refused: 990"), "{page}");
    assert!(page.contains("Batch sync jobs: 5 today (3 completed, 2 failed)"), "{page}");
    assert!(page.contains("Network latency (zendesk): 45.0ms avg"), "{page}");
    assert!(page.contains("✅ No critical failures in last 24 hours"), "{page}");
}

#[tokio::test]
async fn drift_is_told_by_the_field_s_name_with_the_side_that_is_behind() {
    let server = server().await;
    let id = server.contact(ada()).await;
    let (now, record) = (server.app.engine.now(), id.clone());
    let settled = server.app.engine.store().write(move |tx| {
        let base = Fields::from([
            ("first_name".into(), Value::text("Ada")),
            ("last_name".into(), Value::text("Lovelace")),
            ("email".into(), Value::text("old@example.com")),
        ]);
        tx.put_links(&[Link {
            record: record.parse().unwrap(),
            connection: "zendesk".into(),
            remote_object: "user".into(),
            external_id: "42".into(),
            base,
            seen: None,
            taken: None,
            written: BTreeSet::new(),
            pending: None,
            is_whole: false,
            version: None,
            seen_at: Some(now),
            changed_at: Some(now),
            changed_by: Actor::Customer,
            told_at: None,
            waiting: BTreeMap::new(),
            state: LinkState::Present,
            created_at: now,
        }])
    });
    settled.await.unwrap();
    let (_, dashboard) = server.get("/api/v1/dashboard").await;
    let line = &dashboard["consistency"]["drift"][0];
    assert_eq!(
        line,
        &json!({ "field": "contact.email", "label": "Contact: E-mail", "records": 1, "behind": "zendesk", "cause": "on its way to zendesk" })
    );
}

#[tokio::test]
async fn a_conflict_is_one_line_of_drift_however_many_sides_differ() {
    let server = server().await;
    let id = server.contact(ada()).await;
    let (now, record) = (server.app.engine.now(), id.clone());
    let settled = server.app.engine.store().write(move |tx| {
        let link = |connection: &str, object: &str, name: &str| Link {
            record: record.parse().unwrap(),
            connection: connection.into(),
            remote_object: object.into(),
            external_id: "42".into(),
            base: ada(),
            seen: Some(Fields::from([("last_name".into(), Value::text(name))])),
            taken: None,
            written: BTreeSet::new(),
            pending: None,
            is_whole: false,
            version: None,
            seen_at: Some(now),
            changed_at: Some(now),
            changed_by: Actor::Customer,
            told_at: None,
            waiting: BTreeMap::new(),
            state: LinkState::Present,
            created_at: now,
        };
        tx.put_links(&[link("salesforce", "Contact", "Byron"), link("zendesk", "user", "King")])?;
        tx.open_conflicts(&[NewConflict {
            record: record.parse().unwrap(),
            object: "contact".into(),
            field: "last_name".into(),
            base: Value::text("Lovelace"),
            sides: Vec::new(),
            suggested: None,
            opened_at: now,
        }])?;
        Ok(())
    });
    settled.await.unwrap();
    let (_, dashboard) = server.get("/api/v1/dashboard").await;
    let line = json!({
        "field": "contact.last_name", "label": "Contact: Last name", "records": 1, "behind": "", "cause": "a conflict waits for a person",
    });
    assert_eq!(dashboard["consistency"]["drift"], json!([line]));
}

#[tokio::test]
async fn the_time_to_a_support_profile_is_a_mean_and_a_median() {
    let server = server().await;
    for (name, ms) in [("One", 10_000), ("Two", 20_000), ("Three", 90_000)] {
        let won = Timestamp::from_millisecond(server.app.engine.now().as_millisecond() - ms).unwrap();
        server
            .record(
                "account",
                "acc",
                Fields::from([
                    ("name".into(), Value::text(name)),
                    ("won_at".into(), Value::DateTime(won)),
                    ("support_id".into(), Value::text(name)),
                ]),
            )
            .await;
    }
    let (_, dashboard) = server.get("/api/v1/dashboard").await;
    let onboarding = &dashboard["onboarding"];
    let near = |key: &str, expected: u64| {
        let ms = onboarding[key].as_u64().unwrap();
        assert!((expected..expected + 3_000).contains(&ms), "{key}: {ms}");
    };
    near("mean_ms", 40_000);
    near("median_ms", 20_000);
}

/// A company of this kind with one contact, of whom no platform knows: how many records there are, and how many are linked wherever they belong.
async fn linked_of_a_company(kind: &str) -> (Json, Json) {
    let server = server().await;
    let account = Fields::from([("name".into(), Value::text("Analytical Engines")), ("kind".into(), Value::text(kind))]);
    let account = server.record("account", "acc", account).await;
    let contact = Fields::from([
        ("last_name".into(), Value::text("Lovelace")),
        ("email".into(), Value::text("ada@engines.example")),
        ("account".into(), Value::Ref(account.parse().unwrap())),
    ]);
    server.contact(contact).await;
    let (_, dashboard) = server.get("/api/v1/dashboard").await;
    (dashboard["consistency"]["records"].clone(), dashboard["consistency"]["linked"].clone())
}

#[tokio::test]
async fn prospects_and_their_contacts_are_where_they_belong_without_a_support_profile() {
    assert_eq!(linked_of_a_company("Prospect").await, (json!(2), json!(2)));
    // A customer belongs at the desk, and so do its people.
    assert_eq!(linked_of_a_company("Customer - Direct").await, (json!(2), json!(0)));
}
