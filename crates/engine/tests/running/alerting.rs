//! Alerts: each once, with its recovery, whatever happens in between.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entente_connect::error::Class;
use entente_connect::notify::webhook;
use entente_connect::settings::Secret;
use entente_connect::transport::wire::{Wire, WireError};
use entente_engine::Engine;
use entente_engine::alerts::list::{self, AlertQuery};
use entente_engine::alerts::quiet::QuietHours;
use entente_engine::alerts::raise::{end, raise};
use entente_engine::alerts::{AlertKind, Signal};
use entente_engine::notify::{Notifier, NotifierSettings, drain};
use entente_engine::reports::levels;
use entente_engine::reports::meter::{CALLS, CALLS_LIMITED};
use entente_engine::reports::watch::watch;
use entente_engine::sync::resync::{Scope, resync};
use entente_model::clock::{Clock, Timestamp};
use entente_model::value::Value;
use entente_store::{NewConflict, NewDeadLetter, NewSyncEvent, Severity, SyncStatus, Syncs};
use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::house::{CRM, DESK, House, read_all, work_off};
use crate::platform::failing;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// Tells a story on SQLite and, when there is one, on PostgreSQL.
macro_rules! story {
    (async fn $name:ident($house:ident) $body:block) => {
        mod $name {
            use super::*;

            async fn told($house: House) -> House $body

            #[tokio::test]
            async fn on_sqlite() {
                drop(told(House::sqlite().await).await);
            }

            #[tokio::test]
            async fn on_postgres() {
                let Some(house) = House::postgres().await else { return };
                told(house).await.pull_down().await;
            }
        }
    };
}

/// A Slack channel: keeps what it took, and refuses as often as it is told to.
#[derive(Default)]
struct Channel {
    taken: Mutex<Vec<String>>,
    refusals: Mutex<u32>,
}

impl Channel {
    fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

#[async_trait]
impl Wire for Channel {
    async fn send(&self, request: http::Request<Bytes>, _: Duration) -> Result<http::Response<Bytes>, WireError> {
        let mut refusals = self.refusals.lock().unwrap();
        if *refusals > 0 {
            *refusals -= 1;
            return Err(WireError::TimedOut { host: "hooks.slack.com".to_owned(), seconds: 15 });
        }
        let message: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        self.taken.lock().unwrap().push(message["text"].as_str().unwrap().to_owned());
        Ok(http::Response::new(Bytes::from_static(b"ok")))
    }
}

fn notifier(channel: &Arc<Channel>, quiet: Option<QuietHours>) -> Notifier {
    let settings = NotifierSettings { slack: Some(Secret::new("http://slack.example/hook")), quiet, ..NotifierSettings::default() };
    Notifier::new(settings, Arc::clone(channel) as Arc<dyn Wire>).unwrap()
}

/// Sends until nothing is due.
async fn send(engine: &Engine, notifier: &Notifier) {
    while drain(engine, notifier).await.unwrap() > 0 {}
}

/// Alerts so far, oldest first: kind, subject, and whether each is over.
async fn alerts(engine: &Engine) -> Vec<(String, String, bool)> {
    let page = list::list(engine, AlertQuery { state: Some("all".to_owned()), ..AlertQuery::default() }).await.unwrap();
    page.items.into_iter().rev().map(|alert| (alert.kind, alert.subject, alert.ended_at.is_some())).collect()
}

fn one(kind: AlertKind, subject: &str, over: bool) -> (String, String, bool) {
    (kind.as_str().to_owned(), subject.to_owned(), over)
}

async fn touch(house: &House, engine: &Engine, name: &str) {
    let record = house.accounts().await.remove(name).unwrap();
    resync(engine, &Scope::Record(record.id)).await.unwrap();
    work_off(house, engine).await;
}

/// Lets minutes pass as the running engine would: polls every quarter of an hour, work, and a look each minute.
async fn pass(house: &House, engine: &Engine, minutes: i64) {
    for minute in 0..minutes {
        house.watch.pass(MINUTE_MS);
        if minute % 15 == 0 {
            for connection in [CRM, DESK] {
                for (object, _) in engine.catalog().reads(connection) {
                    let _polled = entente_engine::sync::poll::poll(engine, connection, &object, &|_, _, _, _| {}, &|| false).await;
                }
            }
        }
        work_off(house, engine).await;
        watch(engine).await.unwrap();
    }
}

async fn customers(house: &House, engine: &Engine, many: usize) {
    (0..many).for_each(|number| drop(house.customer(&format!("Customer {number}"))));
    read_all(engine).await;
    work_off(house, engine).await;
}

story! {
    async fn an_outage_of_two_hours_is_told_once_and_its_end_once(house) {
        let engine = house.engine().await;
        let (channel, row) = (Arc::new(Channel::default()), house.customer("Acme"));
        let notifier = notifier(&channel, None);
        customers(&house, &engine, 12).await;
        house.desk.refuse(|_| Some(failing(Class::Retry, "bad_gateway")));
        for number in 0..12 {
            touch(&house, &engine, &format!("Customer {number}")).await;
            watch(&engine).await.unwrap();
        }
        house.crm.put("Account", Some(&row), &[("Industry", "Steel")]);
        // Meanwhile changes wait, the desk is not read, and failures are many: all for one reason.
        pass(&house, &engine, 120).await;
        send(&engine, &notifier).await;
        assert_eq!(alerts(&engine).await, [one(AlertKind::CircuitOpen, DESK, false)]);
        assert_eq!(channel.taken(), ["⚠ desk fails and is left alone"]);

        house.desk.relent();
        pass(&house, &engine, 45).await;
        send(&engine, &notifier).await;
        assert_eq!(alerts(&engine).await, [one(AlertKind::CircuitOpen, DESK, true)]);
        assert_eq!(channel.taken(), ["⚠ desk fails and is left alone", "✅ Over: desk fails and is left alone"]);
        house
    }
}

story! {
    async fn a_restart_in_between_neither_doubles_nor_loses_an_alert(house) {
        let (channel, engine) = (Arc::new(Channel::default()), house.engine().await);
        let notifier = notifier(&channel, None);
        customers(&house, &engine, 2).await;
        house.desk.refuse(|_| Some(failing(Class::Reauthenticate, "invalid_grant")));
        touch(&house, &engine, "Customer 0").await;
        watch(&engine).await.unwrap();
        drop(engine);

        // Raised, and not sent yet when the process ended: the next one sends it.
        let engine = house.engine().await;
        watch(&engine).await.unwrap();
        send(&engine, &notifier).await;
        assert_eq!(channel.taken(), ["⚠ desk refuses the credentials"]);
        // It knows of no trouble yet, and the trouble is there still: that is no end, and the next refusal is no beginning.
        pass(&house, &engine, 20).await;
        send(&engine, &notifier).await;
        assert_eq!(channel.taken(), ["⚠ desk refuses the credentials"]);
        drop(engine);

        house.desk.relent();
        let engine = house.engine().await;
        pass(&house, &engine, 20).await;
        drop(engine);
        let engine = house.engine().await;
        watch(&engine).await.unwrap();
        send(&engine, &notifier).await;
        assert_eq!(channel.taken(), ["⚠ desk refuses the credentials", "✅ Over: desk refuses the credentials"]);
        assert_eq!(alerts(&engine).await, [one(AlertKind::Credentials, DESK, true)]);
        house
    }
}

fn signal(kind: AlertKind, severity: Severity) -> Signal {
    Signal { kind, subject: "crm/account".to_owned(), severity, title: "Fields changed".to_owned(), body: "One is gone.".to_owned() }
}

story! {
    async fn quiet_hours_hold_an_alert_and_its_recovery_back_and_lose_neither(house) {
        let (channel, engine) = (Arc::new(Channel::default()), house.engine().await);
        let at = |hour| Time::new(hour, 0, 0, 0).unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let quiet = QuietHours { from: at(22), until: at(7), zone: zone.clone(), critical_passes: true };
        let notifier = notifier(&channel, Some(quiet));
        // It is eleven at night in Berlin.
        let night = house.watch.now().to_zoned(zone.clone()).with().hour(23).minute(0).second(0).build().unwrap().timestamp();
        house.watch.pass(night.as_millisecond() - house.watch.now_ms());
        let now = engine.now();
        house.store.write(move |tx| raise(tx, &signal(AlertKind::SchemaChange, Severity::Warning), now)).await.unwrap();
        house.store.write(move |tx| raise(tx, &signal(AlertKind::Erasure, Severity::Critical), now)).await.unwrap();
        send(&engine, &notifier).await;
        assert_eq!(channel.taken(), ["⚠ Fields changed"], "the critical one alone");
        house.watch.pass(5 * HOUR_MS);
        let now = engine.now();
        assert!(house.store.write(move |tx| end(tx, AlertKind::SchemaChange, "crm/account", now)).await.unwrap());
        send(&engine, &notifier).await;
        drop(engine);
        let engine = house.engine().await;
        send(&engine, &notifier).await;
        assert_eq!(channel.taken().len(), 1, "it is four in the morning");

        house.watch.pass(3 * HOUR_MS + MINUTE_MS);
        send(&engine, &notifier).await;
        assert_eq!(channel.taken()[1..], ["⚠ Fields changed", "✅ Over: Fields changed"], "at seven, in order");
        house
    }
}

story! {
    async fn a_channel_that_fails_gets_every_message_later_and_in_order(house) {
        let (channel, engine) = (Arc::new(Channel::default()), house.engine().await);
        let notifier = notifier(&channel, None);
        *channel.refusals.lock().unwrap() = 2;
        let now = engine.now();
        house.store.write(move |tx| raise(tx, &signal(AlertKind::Erasure, Severity::Warning), now)).await.unwrap();
        send(&engine, &notifier).await;
        house.store.write(move |tx| end(tx, AlertKind::Erasure, "crm/account", now)).await.unwrap();
        send(&engine, &notifier).await;
        assert_eq!(channel.taken(), [""; 0], "the end does not overtake the beginning");
        for minutes in [1, 6, 31] {
            house.watch.pass(minutes * MINUTE_MS);
            send(&engine, &notifier).await;
        }
        assert_eq!(channel.taken(), ["⚠ Fields changed", "✅ Over: Fields changed"]);
        let told = list::list(&engine, AlertQuery { state: Some("all".to_owned()), ..AlertQuery::default() }).await.unwrap();
        let states: Vec<(&str, &str, u32)> =
            told.items[0].messages.iter().map(|message| (message.kind.as_str(), message.state.as_str(), message.attempts)).collect();
        assert_eq!(states, [("alert", "sent", 2), ("recovery", "sent", 0)]);
        house
    }
}

story! {
    async fn of_many_processes_that_raise_one_alert_one_tells_of_it(house) {
        let engine = house.engine().await;
        let now = engine.now();
        let raised = futures::future::join_all((0..8).map(|_| {
            house.store.write(move |tx| raise(tx, &signal(AlertKind::Erasure, Severity::Warning), now))
        }));
        let fresh = raised.await.into_iter().filter(|raised| raised.as_ref().unwrap().is_some()).count();
        assert_eq!(fresh, 1);
        let notices = house.store.read(|tx| tx.notices(entente_store::NoticeState::Pending, 10, None)).await.unwrap();
        assert_eq!(notices.len(), 1);
        house
    }
}

async fn note_syncs(house: &House, ago_minutes: i64, connection: &str, syncs: Syncs) {
    let at = Timestamp::from_millisecond(house.watch.now_ms() - ago_minutes * MINUTE_MS).unwrap();
    let adds = BTreeMap::from([(connection.to_owned(), syncs)]);
    house.store.write(move |tx| tx.add_syncs(at, &adds)).await.unwrap();
}

story! {
    async fn a_failure_rate_above_one_percent_is_told_and_over_when_it_has_been_calm_for_a_while(house) {
        let engine = house.engine().await;
        // Hours ago nearly everything landed, so that the month's budget does not burn.
        note_syncs(&house, 8 * 60, DESK, Syncs { landed: 5_000, ..Syncs::default() }).await;
        note_syncs(&house, 10, DESK, Syncs { landed: 500, failed: 5, ..Syncs::default() }).await;
        watch(&engine).await.unwrap();
        assert_eq!(alerts(&engine).await, [], "one percent is allowed");
        note_syncs(&house, 10, DESK, Syncs { failed: 2, ..Syncs::default() }).await;
        watch(&engine).await.unwrap();
        assert_eq!(alerts(&engine).await, [one(AlertKind::FailureRate, DESK, false)]);
        for minutes in [45, 8] {
            house.watch.pass(minutes * MINUTE_MS);
            watch(&engine).await.unwrap();
        }
        assert_eq!(alerts(&engine).await, [one(AlertKind::FailureRate, DESK, false)], "not at once: one at the edge would come and go");
        house.watch.pass(5 * MINUTE_MS);
        watch(&engine).await.unwrap();
        assert_eq!(alerts(&engine).await, [one(AlertKind::FailureRate, DESK, true)]);
        house
    }
}

story! {
    async fn a_budget_that_burns_fast_is_told_as_that_and_nothing_beside_it(house) {
        let engine = house.engine().await;
        note_syncs(&house, 8 * 60, DESK, Syncs { landed: 20_000, ..Syncs::default() }).await;
        note_syncs(&house, 40, DESK, Syncs { landed: 500, failed: 60, ..Syncs::default() }).await;
        watch(&engine).await.unwrap();
        assert_eq!(alerts(&engine).await, [one(AlertKind::FailureRate, DESK, false)], "half an hour ago: it does not burn now");
        note_syncs(&house, 1, CRM, Syncs { landed: 100, failed: 20, ..Syncs::default() }).await;
        note_syncs(&house, 1, "", Syncs { timed: 20, slow: 18, ..Syncs::default() }).await;
        for _ in 0..3 {
            watch(&engine).await.unwrap();
        }
        let expected = [
            one(AlertKind::FailureRate, DESK, false),
            one(AlertKind::SloBurn, "success/crm/fast", false),
            one(AlertKind::SloBurn, "latency/fast", false),
        ];
        assert_eq!(alerts(&engine).await, expected);
        house.watch.pass(8 * HOUR_MS);
        watch(&engine).await.unwrap();
        assert!(alerts(&engine).await.iter().all(|(_, _, over)| *over), "{:?}", alerts(&engine).await);
        assert_eq!(alerts(&engine).await.len(), 3, "what was told as fast is not told as slow when it fades");
        house
    }
}

story! {
    async fn conflicts_dead_letters_and_the_queue_are_told_when_they_wait_too_long(house) {
        let engine = house.engine().await;
        customers(&house, &engine, 1).await;
        let record = house.accounts().await.remove("Customer 0").unwrap();
        let now = engine.now();
        let conflict = NewConflict {
            record: record.id.clone(),
            object: "account".to_owned(),
            field: "status".to_owned(),
            base: Value::text("Active"),
            sides: Vec::new(),
            suggested: None,
            opened_at: now,
        };
        let letter = NewDeadLetter {
            subject: record.id.to_string(),
            record: Some(record.id.clone()),
            connection: Some(DESK.to_owned()),
            object: "account".to_owned(),
            error_class: "data".to_owned(),
            error_code: "RecordInvalid".to_owned(),
            message: "no".to_owned(),
            vendor_answer: String::new(),
            attempts: Vec::new(),
            advice: "correct it".to_owned(),
            first_at: now,
            died_at: now,
        };
        let subject = letter.subject.clone();
        house.store.write(move |tx| {
            tx.open_conflicts(std::slice::from_ref(&conflict))?;
            tx.bury(&letter).map(drop)
        }).await.unwrap();
        watch(&engine).await.unwrap();
        assert_eq!(alerts(&engine).await, [one(AlertKind::DeadLetters, "some", false)]);
        // A day later, with polls as ever, and a change that nobody has looked at for an hour.
        house.watch.pass(24 * HOUR_MS + MINUTE_MS);
        read_all(&engine).await;
        work_off(&house, &engine).await;
        watch(&engine).await.unwrap();
        assert_eq!(alerts(&engine).await[1..], [one(AlertKind::ConflictAge, "oldest", false)]);
        resync(&engine, &Scope::Record(record.id.clone())).await.unwrap();
        house.watch.pass(HOUR_MS);
        let later = engine.now();
        house.store.write(move |tx| tx.close_dead_letters_of(std::slice::from_ref(&subject), "a test", later)).await.unwrap();
        watch(&engine).await.unwrap();
        let told: Vec<String> = alerts(&engine).await.into_iter().map(|(kind, _, over)| format!("{kind} {over}")).collect();
        assert!(told.contains(&"dead_letters true".to_owned()) && told.contains(&"queue_age false".to_owned()), "{told:?}");
        house
    }
}

story! {
    async fn a_platform_that_is_not_read_is_told_of(house) {
        let engine = house.engine().await;
        customers(&house, &engine, 1).await;
        watch(&engine).await.unwrap();
        assert_eq!(alerts(&engine).await, []);
        house.watch.pass(46 * MINUTE_MS);
        watch(&engine).await.unwrap();
        assert_eq!(alerts(&engine).await, [one(AlertKind::StaleCursor, CRM, false), one(AlertKind::StaleCursor, DESK, false)]);
        read_all(&engine).await;
        watch(&engine).await.unwrap();
        assert!(alerts(&engine).await.iter().all(|(_, _, over)| *over));
        house
    }
}

story! {
    async fn a_process_that_just_started_has_the_time_of_a_round_before_a_platform_counts_as_not_read(house) {
        let engine = house.engine().await;
        customers(&house, &engine, 1).await;
        house.watch.pass(8 * HOUR_MS);
        let (owner, now) = (engine.owner().to_owned(), engine.now());
        house.store.write(move |tx| tx.worker_seen(&owner, "here", now, now)).await.unwrap();
        watch(&engine).await.unwrap();
        assert_eq!(alerts(&engine).await, []);
        house
    }
}

story! {
    async fn a_rate_limit_is_told_once_however_often_it_is_reached_within_a_busy_while(house) {
        let engine = house.engine().await;
        let limited = |many: i64| {
            let now = house.watch.now();
            house.store.write(move |tx| tx.count(now, &[(CALLS_LIMITED, DESK, many)]))
        };
        limited(3).await.unwrap();
        watch(&engine).await.unwrap();
        assert_eq!(alerts(&engine).await, [], "what was refused before anybody looked is no news");
        for _ in 0..5 {
            limited(2).await.unwrap();
            watch(&engine).await.unwrap();
            house.watch.pass(5 * MINUTE_MS);
            watch(&engine).await.unwrap();
        }
        assert_eq!(alerts(&engine).await, [one(AlertKind::RateLimit, DESK, false)]);
        house.watch.pass(16 * MINUTE_MS);
        watch(&engine).await.unwrap();
        assert_eq!(alerts(&engine).await, [one(AlertKind::RateLimit, DESK, true)]);
        house
    }
}

story! {
    async fn levels_are_kept_by_hour_and_the_quota_is_told_before_it_ends(house) {
        let engine = house.engine().await;
        customers(&house, &engine, 3).await;
        levels::count(&engine).await.unwrap();
        let (from, to) = (Timestamp::UNIX_EPOCH, Timestamp::from_millisecond(house.watch.now_ms() + HOUR_MS).unwrap());
        let held = house.store.read(move |tx| tx.levels(levels::RECORDS, from, to)).await.unwrap();
        assert_eq!(held.iter().map(|level| (level.last, level.peak)).collect::<Vec<_>>(), [(3, 3)]);
        // Somebody changes a value behind our back, and nothing is in flight.
        let desk_row = house.desk.ids("organization").remove(0);
        house.desk.put("organization", Some(&desk_row), &[("organization_fields.industry", "Oil")]);
        assert!(!levels::due(&engine).await.unwrap(), "not twice within a quarter of an hour");

        let now = house.watch.now();
        let condition = serde_json::json!({
            "at": now, "state": "ok", "note": null, "limit": 1000, "remaining": 150, "daily_limit": 1000, "clock_offset_ms": null,
        });
        house.store.write(move |tx| {
            tx.count(now, &[(CALLS, CRM, 850)])?;
            tx.put_setting("condition/crm", &condition)
        }).await.unwrap();
        watch(&engine).await.unwrap();
        assert_eq!(alerts(&engine).await, [one(AlertKind::Quota, CRM, false)]);
        house
    }
}

story! {
    async fn what_was_counted_while_much_was_on_its_way_is_counted_anew_a_minute_later(house) {
        let engine = house.engine().await;
        customers(&house, &engine, 3).await;
        house.customer("Acme");
        read_all(&engine).await;
        levels::count(&engine).await.unwrap();
        house.watch.pass(MINUTE_MS / 2);
        assert!(!levels::due(&engine).await.unwrap(), "not twice within a minute");
        house.watch.pass(MINUTE_MS / 2);
        work_off(&house, &engine).await;
        assert!(levels::due(&engine).await.unwrap(), "one of four customers had not arrived when they were counted");
        let (from, to) = (Timestamp::UNIX_EPOCH, Timestamp::from_millisecond(house.watch.now_ms() + HOUR_MS).unwrap());
        let held = house.store.read(move |tx| tx.levels(levels::RECORDS, from, to)).await.unwrap();
        assert_eq!(held.last().unwrap().last, 4);
        house.watch.pass(14 * MINUTE_MS);
        assert!(!levels::due(&engine).await.unwrap(), "nothing is on its way any more");
        house
    }
}

story! {
    async fn failures_are_counted_by_the_hour_they_came_up_in_with_what_became_of_them(house) {
        let engine = house.engine().await;
        let now = engine.now();
        let failure = move |number: u32, at: Timestamp, status| NewSyncEvent {
            at,
            direction: "CRM→Support".to_owned(),
            subject: format!("acc_{number}"),
            record: None,
            object: "account".to_owned(),
            connection: Some(DESK.to_owned()),
            external_id: None,
            error: "no".to_owned(),
            status,
        };
        let later = Timestamp::from_millisecond(now.as_millisecond() + 3 * HOUR_MS).unwrap();
        house.store.write(move |tx| {
            for number in 0..3 {
                tx.sync_failed(&failure(number, now, SyncStatus::Failing))?;
                // The second attempt is the same failure.
                tx.sync_failed(&failure(number, now, if number == 2 { SyncStatus::Manual } else { SyncStatus::Failing }))?;
            }
            tx.sync_succeeded(&["acc_0".to_owned(), "acc_2".to_owned()], later).map(drop)
        }).await.unwrap();
        let end = Timestamp::from_millisecond(now.as_millisecond() + 1).unwrap();
        for (counter, many) in [(entente_store::FAILED, 3), (entente_store::FAILED_RECOVERED, 1), (entente_store::FAILED_FIXED, 1)] {
            assert_eq!(house.store.read(move |tx| tx.counted(counter, Some(DESK), now, end)).await.unwrap(), many, "{counter}");
        }
        house
    }
}

#[test]
fn a_key_of_a_webhook_is_what_the_specification_says() {
    assert_eq!(webhook::key(&Secret::new("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")).unwrap().len(), 32);
}
