//! What failures come to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use entente_connect::error::{Class, VendorError};
use entente_engine::records::dead_letters::{self, DeadLetterEdit, DeadLetterQuery};
use entente_engine::reports::watch::watch;
use entente_engine::sync::pressure::{BREAK_MS, PAUSE_MS};
use entente_engine::sync::resync::{Scope, resync};
use entente_engine::sync::work;
use entente_model::clock::Timestamp;
use entente_store::{Changes, DeadLetterFilter, RecordQuery, Viewer};

use crate::house::{CRM, DESK, House, read_all, work_off};
use crate::platform::failing;

async fn wake(house: &House, engine: &entente_engine::Engine, name: &str) {
    let record = house.accounts().await.remove(name).unwrap();
    resync(engine, &Scope::Record(record.id)).await.unwrap();
}

/// Whether what somebody enters in a row that was just made at the desk stays, although nobody has heard that it was made: the answer is lost,
/// or the worker dies before it comes.
async fn an_edit_of_an_unheard_of_row_stays(worker_dies: bool) {
    let house = House::sqlite().await;
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.customer("Acme");
    read_all(&engine).await;
    house.watch.pass(60_000);
    if worker_dies {
        let hand = house.desk.hold_up("write organization");
        let hints = work::claim(&engine).await.unwrap();
        let dying = {
            let engine = engine.clone();
            tokio::spawn(async move { work::work(&engine, hints).await })
        };
        house.desk.called("write organization", 1).await;
        dying.abort();
        assert!(dying.await.unwrap_err().is_cancelled());
        hand.add_permits(100);
        let record = house.accounts().await.remove("Acme").unwrap();
        house.desk.put("organization", None, &[("external_id", record.id.as_str()), ("name", "Acme")]);
    } else {
        house.desk.lose_answers(1);
        work_off(&house, &engine).await;
    }
    let made = house.desk.ids("organization");
    assert_eq!(made.len(), 1, "it was made, and nobody has heard of it");
    house.desk.put_silently("organization", &made[0], &[("organization_fields.implementation_status", "live")]);
    house.watch.pass(10 * 60_000);
    work_off(&house, &engine).await;

    assert_eq!(house.desk.ids("organization"), made, "it is not made again");
    assert_eq!(house.desk.row("organization", &made[0]).unwrap()["organization_fields.implementation_status"], "live");
    let record = house.accounts().await.remove("Acme").unwrap();
    assert_eq!(record.data["implementation_status"].display(), "live", "what was entered there is taken in");
    assert_eq!(house.store.read(|tx| tx.next_due()).await.unwrap(), None);
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_is_found_before_it_is_tried_again() {
    an_edit_of_an_unheard_of_row_stays(false).await;
}

#[tokio::test]
async fn what_a_creation_of_which_nobody_has_heard_has_written_is_no_edit_of_anybody() {
    let house = House::sqlite().await;
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let row = house.customer("Acme");
    house.crm.put("Account", Some(&row), &[("Status__c", "Active")]);
    read_all(&engine).await;
    house.watch.pass(60_000);
    house.desk.lose_answers(1);
    work_off(&house, &engine).await;
    let made = house.desk.ids("organization").remove(0);
    assert_eq!(house.desk.row("organization", &made).unwrap()["organization_fields.account_status"], "Active");

    house.crm.put("Account", Some(&row), &[("Status__c", "Paused")]);
    read_all(&engine).await;
    house.watch.pass(10 * 60_000);
    work_off(&house, &engine).await;
    assert_eq!(house.desk.row("organization", &made).unwrap()["organization_fields.account_status"], "Paused");
    assert_eq!(house.crm.row("Account", &row).unwrap()["Status__c"], "Paused");
}

#[tokio::test]
async fn a_creation_whose_worker_died_is_found_before_it_is_tried_again() {
    an_edit_of_an_unheard_of_row_stays(true).await;
}

#[tokio::test]
async fn what_is_changed_while_a_record_waits_for_its_next_try_is_brought_over_at_once() {
    let house = House::sqlite().await;
    let row = house.customer("Acme");
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let desk_row = house.link(&house.accounts().await["Acme"], DESK).await.external_id;
    let industry = || house.desk.row("organization", &desk_row).unwrap()["organization_fields.industry"].clone();
    house.watch.pass(10_000);
    house.desk.refuse(|call| call.starts_with("write organization").then(|| failing(Class::Retry, "unavailable")));
    house.crm.put("Account", Some(&row), &[("Industry", "Steel")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.desk.relent();
    work_off(&house, &engine).await;
    assert_ne!(industry(), "Steel", "the next try comes in a minute");

    let failed_at = house.watch.now_ms();
    house.watch.pass(5_000);
    house.crm.put("Account", Some(&row), &[("Industry", "Mining")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    assert_eq!(industry(), "Mining");
    assert!(house.watch.now_ms() - failed_at < 20_000, "nobody waits for the minute to end");
    assert_eq!(house.store.read(|tx| tx.next_due()).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_urgent_and_always_fails_is_given_up_after_the_promised_tries_whatever_polls_show() {
    let house = House::sqlite().await;
    let row = house.customer("Acme");
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.watch.pass(10_000);
    house.desk.refuse(|call| call.starts_with("write organization").then(|| failing(Class::Retry, "unavailable")));
    let written = house.desk.calls("write organization");
    house.crm.put("Account", Some(&row), &[("Industry", "Steel")]);
    wake(&house, &engine, "Acme").await;
    for _ in 0..120 {
        work_off(&house, &engine).await;
        read_all(&engine).await;
        house.watch.pass(30_000);
    }
    let dead = house.store.read(|tx| tx.dead_letter_counts()).await.unwrap();
    assert_eq!(dead.len(), 1, "it was given up: {dead:?}");
    let tries = house.desk.calls("write organization") - written;
    assert!((4..=5).contains(&tries), "at once, after 1, 5 and 15 minutes, and once more when the change itself was told: {tries}");
}

#[tokio::test]
async fn a_connection_that_rests_is_not_called_and_nothing_is_spent() {
    let house = House::sqlite().await;
    (0..3).for_each(|number| drop(house.customer(&format!("Customer {number}"))));
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let calls = house.crm.calls("");
    house.crm.refuse(|_| Some(failing(Class::Reauthenticate, "invalid_grant")));
    wake(&house, &engine, "Customer 0").await;
    work_off(&house, &engine).await;
    assert_eq!(house.crm.calls(""), calls + 1, "the refusal is heard once");

    for number in 0..3 {
        wake(&house, &engine, &format!("Customer {number}")).await;
    }
    work_off(&house, &engine).await;
    let polled = entente_engine::sync::poll::poll(&engine, CRM, "Account", &|_, _, _, _| {}, &|| false).await.unwrap();
    assert!(polled.wait_until.is_some());
    assert_eq!(house.crm.calls(""), calls + 1, "a connection that rests is not called");
    let ids: Vec<String> = house.accounts().await.values().map(|record| record.id.to_string()).collect();
    for id in ids {
        let hint = house.store.read(move |tx| tx.hint_of(&id)).await.unwrap().unwrap();
        assert_eq!(hint.attempts, 0, "no attempt is spent");
    }

    house.watch.pass(PAUSE_MS);
    work_off(&house, &engine).await;
    assert_eq!(house.crm.calls(""), calls + 2, "one call shows that it is still so");

    house.crm.relent();
    house.watch.pass(PAUSE_MS + 1_000);
    work_off(&house, &engine).await;
    house.watch.pass(PAUSE_MS);
    work_off(&house, &engine).await;
    assert_eq!(house.store.read(|tx| tx.next_due()).await.unwrap(), None, "everything has converged");
    assert_eq!(house.store.read(|tx| tx.dead_letter_counts()).await.unwrap().len(), 0);
}

#[tokio::test]
async fn one_call_that_goes_through_ends_a_rest_whoever_else_asked_at_that_moment() {
    let house = House::sqlite().await;
    let account = house.customer("Acme");
    house.crm.put("Contact", None, &[("FirstName", "Ann"), ("LastName", "Lee"), ("Email", "ann@acme.example"), ("AccountId", &account)]);
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.crm.refuse(|_| Some(failing(Class::Configuration, "INVALID_FIELD")));
    wake(&house, &engine, "Acme").await;
    work_off(&house, &engine).await;
    house.crm.relent();

    // When the rest is over rows of two objects are wanted in one batch: one call leaves, the other is told to wait.
    house.watch.pass(PAUSE_MS + 1_000);
    let contacts = RecordQuery { object: Some("contact".to_owned()), ..RecordQuery::default() };
    let contacts = house.store.read(move |tx| tx.list_records(&Viewer::system(), &contacts, 10)).await.unwrap();
    wake(&house, &engine, "Acme").await;
    resync(&engine, &Scope::Record(contacts.records[0].id.clone())).await.unwrap();
    let under_way = house.crm.hold_up("fetch Account");
    tokio::join!(work_off(&house, &engine), async { under_way.add_permits(10) });
    assert!(engine.connection(CRM).unwrap().pressure.paused(engine.now()).is_none(), "the connection is in use again");
    house.watch.pass(PAUSE_MS + 1_000);
    work_off(&house, &engine).await;
    assert_eq!(house.store.read(|tx| tx.next_due()).await.unwrap(), None, "and everything has converged");
}

#[tokio::test]
async fn a_dead_letter_tells_of_every_attempt_and_what_the_vendor_said() {
    let house = House::sqlite().await;
    let row = house.customer("Acme");
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;

    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    house.desk.refuse(move |call| {
        if !call.starts_with("write") {
            return None;
        }
        let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
        let said = Some(format!("{{\"error\":\"try {number}\"}}"));
        Some(VendorError { answer: said, ..failing(Class::Retry, &format!("E{number}")) })
    });
    house.crm.put("Account", Some(&row), &[("Industry", "Steel")]);
    read_all(&engine).await;
    let mut times = Vec::new();
    for minutes in [0, 2, 6, 17] {
        house.watch.pass(minutes * 60_000);
        work_off(&house, &engine).await;
        times.push(house.watch.now_ms());
    }
    let filter = DeadLetterFilter::default();
    let letters = house.store.read(move |tx| tx.dead_letters(&Viewer::system(), &filter, 10)).await.unwrap();
    assert_eq!(letters.len(), 1, "after {} tries", tries.load(Ordering::SeqCst));
    let letter = &letters[0].letter;
    let codes: Vec<&str> = letter.attempts.iter().filter_map(|attempt| attempt.error.split(':').next()).collect();
    assert_eq!(codes, ["E1", "E2", "E3", "E4"]);
    for (attempt, time) in letter.attempts.iter().zip(times) {
        assert!((time - attempt.at.as_millisecond()).abs() < 10_000, "{} against {time}", attempt.at);
    }
    assert_eq!(letter.vendor_answer, "{\"error\":\"try 4\"}");
}

#[tokio::test]
async fn a_lost_race_is_no_failure() {
    let house = House::sqlite().await;
    let row = house.customer("Acme");
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let mut races = 3;
    house.desk.refuse(move |call| {
        let lost = call == "row" && races > 0;
        races -= i32::from(lost);
        lost.then(|| failing(Class::LookAgain, "UpdateConflict"))
    });
    house.crm.put("Account", Some(&row), &[("Industry", "Steel")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let desk_row = house.desk.ids("organization").remove(0);
    assert_eq!(house.desk.row("organization", &desk_row).unwrap()["organization_fields.industry"], "Steel");
    let events = house.store.read(|tx| tx.sync_events(&Viewer::system(), Timestamp::UNIX_EPOCH, 10)).await.unwrap();
    assert_eq!(events, []);
}

#[tokio::test]
async fn who_loses_race_after_race_is_looked_at_ever_later_and_has_failed_at_last() {
    let house = House::sqlite().await;
    let row = house.customer("Acme");
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.desk.refuse(|call| (call == "row").then(|| failing(Class::LookAgain, "UpdateConflict")));
    house.crm.put("Account", Some(&row), &[("Industry", "Steel")]);
    read_all(&engine).await;
    let (began, writes) = (house.watch.now_ms(), house.desk.calls("write organization"));
    let failures = || house.store.read(|tx| tx.sync_events(&Viewer::system(), Timestamp::UNIX_EPOCH, 10));
    for (seconds, tries) in [(0, 4), (4, 5), (8, 6)] {
        assert_eq!(failures().await.unwrap(), [], "a lost race is no failure");
        house.watch.pass(seconds * 1_000);
        work_off(&house, &engine).await;
        assert_eq!(house.desk.calls("write organization") - writes, tries, "{} ms after the first", house.watch.now_ms() - began);
    }
    assert_eq!(failures().await.unwrap().len(), 1);

    for minutes in [2, 6, 17] {
        house.watch.pass(minutes * 60_000);
        work_off(&house, &engine).await;
    }
    let letters = dead_letters::list(&engine, &Viewer::system(), DeadLetterQuery::default()).await.unwrap().items;
    assert_eq!(letters.iter().map(|letter| (letter.class.as_str(), letter.attempts)).collect::<Vec<_>>(), [("look_again", 4)]);
    assert_eq!(work::next_due(&engine).await.unwrap(), None, "what was given up does not begin again by itself");
}

#[tokio::test]
async fn what_could_not_be_put_back_is_told_once_however_often_it_is_tried() {
    let house = House::sqlite().await;
    house.customer("Acme");
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let desk_row = house.desk.ids("organization").remove(0);
    house.desk.refuse(|call| call.starts_with("write").then(|| failing(Class::Retry, "E1")));
    house.desk.put("organization", Some(&desk_row), &[("organization_fields.industry", "Oil")]);
    read_all(&engine).await;
    for minutes in [0, 2, 6] {
        house.watch.pass(minutes * 60_000);
        work_off(&house, &engine).await;
    }
    let record = house.accounts().await.remove("Acme").unwrap();
    let taken = house.link(&record, DESK).await.taken.unwrap();
    assert_eq!(taken["industry"].display(), "Oil", "it was weighed, and stands there still");
    let id = record.id.clone();
    let history = house.store.read(move |tx| tx.history(&Viewer::system(), &id, 100, None)).await.unwrap();
    let told = history.iter().filter(|entry| match &entry.changes {
        Changes::Open(changes) => {
            changes.get("industry").is_some_and(|change| change.lost.iter().any(|lost| lost.value.display() == "Oil"))
        }
        _ => false,
    });
    assert_eq!(told.count(), 1);

    house.desk.relent();
    wake(&house, &engine, "Acme").await;
    work_off(&house, &engine).await;
    assert_eq!(house.desk.row("organization", &desk_row).unwrap()["organization_fields.industry"], "Software");
    assert_eq!(house.link(&record, DESK).await.taken.and_then(|taken| taken.get("industry").cloned()), None, "it is the base again");
}

#[tokio::test]
async fn a_corrected_dead_letter_lands_at_both_sides_also_at_the_owner_s() {
    let house = House::sqlite().await;
    let row = house.customer("Acme");
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.desk.refuse(|call| (call == "row").then(|| failing(Class::Data, "RecordInvalid")));
    house.crm.put("Account", Some(&row), &[("Industry", "Stael")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let letters = dead_letters::list(&engine, &Viewer::system(), DeadLetterQuery::default()).await.unwrap().items;
    assert_eq!(letters.iter().map(|letter| letter.class.as_str()).collect::<Vec<_>>(), ["data"]);

    house.desk.relent();
    let fields = [("industry".to_owned(), "Steel".into())].into();
    dead_letters::edit(&engine, &Viewer::new("olga", "admin"), &letters[0].id, DeadLetterEdit { fields }).await.unwrap();
    work_off(&house, &engine).await;
    let desk_row = house.desk.ids("organization").remove(0);
    assert_eq!(house.desk.row("organization", &desk_row).unwrap()["organization_fields.industry"], "Steel");
    assert_eq!(house.crm.row("Account", &row).unwrap()["Industry"], "Steel", "the CRM owns the field, and is told");
    read_all(&engine).await;
    work_off(&house, &engine).await;
    assert_eq!(house.crm.row("Account", &row).unwrap()["Industry"], "Steel");
}

/// Titles of the notices so far, oldest first.
async fn told(house: &House) -> Vec<String> {
    let mut notices = house.store.read(|tx| tx.notices(entente_store::NoticeState::Pending, 100, None)).await.unwrap();
    notices.sort_by_key(|notice| notice.id);
    notices.into_iter().filter(|notice| notice.notice.recipient == "ops").map(|notice| notice.notice.title).collect()
}

#[tokio::test]
async fn a_platform_that_fails_call_after_call_is_left_alone_told_of_once_and_used_again_when_it_answers() {
    let mut house = House::sqlite().await;
    house.options.breaker_failures = 3;
    let rows: Vec<String> = (0..4).map(|number| house.customer(&format!("Customer {number}"))).collect();
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.desk.refuse(|_| Some(failing(Class::Retry, "bad_gateway")));
    for name in ["Customer 0", "Customer 1", "Customer 2"] {
        wake(&house, &engine, name).await;
        work_off(&house, &engine).await;
    }
    let calls = house.desk.calls("");
    house.crm.put("Account", Some(&rows[3]), &[("Industry", "Steel")]);
    wake(&house, &engine, "Customer 3").await;
    work_off(&house, &engine).await;
    assert_eq!(house.desk.calls(""), calls, "it is left alone");
    let id = house.accounts().await.remove("Customer 3").unwrap().id.to_string();
    let hint = house.store.read(move |tx| tx.hint_of(&id)).await.unwrap().unwrap();
    assert_eq!(hint.attempts, 0, "no attempt is spent on a record meanwhile");
    for _ in 0..3 {
        watch(&engine).await.unwrap();
    }
    assert_eq!(told(&house).await, ["⚠ desk fails and is left alone"]);

    house.watch.pass(BREAK_MS + 1_000);
    work_off(&house, &engine).await;
    assert_eq!(house.desk.calls(""), calls + 1, "one call alone shows that it still fails");
    watch(&engine).await.unwrap();

    house.desk.relent();
    for _ in 0..4 {
        house.watch.pass(2 * BREAK_MS);
        work_off(&house, &engine).await;
    }
    let industries = house.desk.ids("organization").into_iter().filter_map(|id| house.desk.row("organization", &id));
    assert_eq!(industries.filter(|row| row["organization_fields.industry"] == "Steel").count(), 1, "what waited has landed");
    assert_eq!(house.store.read(|tx| tx.dead_letter_counts()).await.unwrap().len(), 0);
    watch(&engine).await.unwrap();
    assert_eq!(told(&house).await, ["⚠ desk fails and is left alone", "✅ Over: desk fails and is left alone"]);
}
