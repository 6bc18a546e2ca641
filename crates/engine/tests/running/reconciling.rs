//! Reconciliation: drift behind our back, reads that are broken off, orphans, certificates, and the daily schedule.

use std::collections::BTreeSet;

use entente_connect::error::Class;
use entente_engine::Engine;
use entente_engine::reconcile::cause::Cause;
use entente_engine::reconcile::certificate::Certificate;
use entente_engine::reconcile::cost::cost;
use entente_engine::reconcile::report::{last, last_certificate};
use entente_engine::reconcile::verify::{Change, Part, Verdict, Verification, verify};
use entente_engine::reconcile::{Outcome, Scan, Scope, finish, reconcile, scan};
use entente_store::{LinkState, Viewer};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::house::{CRM, DESK, House, Process, eventually, read_all, work_off};
use crate::platform::failing;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Customers of the CRM, synced.
async fn in_agreement(house: &House, customers: usize) -> Engine {
    (0..customers).for_each(|number| drop(house.customer(&format!("Customer {number}"))));
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(house, &engine).await;
    house.watch.pass(1_000);
    engine
}

async fn scanned(engine: &Engine, repairs: bool) -> Scan {
    scan(engine, &Scope::default(), repairs, "a test", &|_, _, _| {}, &|| false).await.unwrap()
}

/// Everything is compared, put right and certified.
async fn reconciled(house: &House, engine: &Engine) -> Outcome {
    let scan = scanned(engine, true).await;
    work_off(house, engine).await;
    finish(engine, scan).await.unwrap()
}

/// What a scan found: side, field, cause.
fn causes(scan: &Scan) -> BTreeSet<(String, String, Cause)> {
    scan.found().iter().map(|found| (found.connection.clone(), found.field.clone().unwrap_or_default(), found.cause)).collect()
}

fn cause(side: &str, field: &str, cause: Cause) -> (String, String, Cause) {
    (side.to_owned(), field.to_owned(), cause)
}

async fn checked(engine: &Engine, certificate: &Certificate, part: &Part) -> Verification {
    verify(engine, certificate, part, &|_, _, _| {}, &|| false).await.unwrap()
}

fn range_of(record: &str) -> u8 {
    digest(&SHA256, record.as_bytes()).as_ref()[0]
}

#[tokio::test]
async fn drift_behind_our_back_is_found_with_its_cause_and_put_right_by_the_owner() {
    let house = House::sqlite().await;
    let engine = in_agreement(&house, 3).await;
    let accounts = house.accounts().await;
    let (bought, mined) = (&accounts["Customer 0"], &accounts["Customer 1"]);
    let (crm_row, desk_row) = (house.link(bought, CRM).await.external_id, house.link(bought, DESK).await.external_id);
    let drifted = house.link(mined, DESK).await.external_id;
    house.crm.put_silently("Account", &crm_row, &[("Industry", "Steel")]);
    house.desk.put_silently("organization", &drifted, &[("organization_fields.industry", "Mining")]);
    house.watch.pass(5_000);

    // A comparison alone changes nothing.
    let dry = scanned(&engine, false).await;
    let expected = BTreeSet::from([cause(CRM, "industry", Cause::NotTaken), cause(DESK, "industry", Cause::AgainstOwner)]);
    assert_eq!(causes(&dry), expected);
    let report = finish(&engine, dry).await.unwrap().report;
    assert!(report.dry_run && report.exceptions_total == 2 && report.resolved == 0, "{report:?}");
    let now = engine.now();
    assert!(house.store.read(move |tx| tx.hint_counts(now)).await.unwrap().is_empty());
    assert_ne!(house.desk.row("organization", &desk_row).unwrap()["organization_fields.industry"], "Steel");

    let fetched = house.crm.calls("fetch") + house.desk.calls("fetch");
    let scan = scanned(&engine, true).await;
    assert_eq!(causes(&scan), expected);
    work_off(&house, &engine).await;
    let more = house.crm.calls("fetch") + house.desk.calls("fetch") - fetched;
    assert!(more <= 1, "what was read in bulk is not fetched again, unless it crossed a write of ours: {more}");
    assert_eq!(house.desk.row("organization", &desk_row).unwrap()["organization_fields.industry"], "Steel");
    assert_eq!(house.desk.row("organization", &drifted).unwrap()["organization_fields.industry"], "Software");

    let report = finish(&engine, scan).await.unwrap().report;
    assert_eq!((report.differences, report.resolved, report.exceptions_total), (2, 2, 0), "{report:?}");
    let words: Vec<(&str, &str, u64, u64)> =
        report.drift.iter().map(|line| (line.label.as_str(), line.words.as_str(), line.records, line.resolved)).collect();
    assert_eq!(
        words,
        [
            ("Account: Industry", "CRM updated, not synced yet", 1, 1),
            ("Account: Industry", "changed in Support although CRM owns it", 1, 1)
        ]
    );
    let id = bought.id.clone();
    let history = house.store.read(move |tx| tx.history(&Viewer::system(), &id, 1, None)).await.unwrap();
    assert_eq!(history[0].cause, "reconcile");
}

#[tokio::test]
async fn a_row_that_becomes_a_record_is_waited_for_until_that_record_is_written_too() {
    let house = House::sqlite().await;
    let engine = in_agreement(&house, 2).await;
    house.customer("Newcomer");
    house.watch.pass(5_000);
    let (everything, patience) = (Scope::default(), std::time::Duration::from_secs(60));
    let answer = house.desk.hold_up("write organization");
    let written = house.desk.calls("write organization");
    let worker = async {
        loop {
            work_off(&house, &engine).await;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let release = async {
        house.desk.called("write organization", written + 1).await;
        // Longer than the reconciliation takes from one look at what is left to the next.
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        answer.add_permits(100);
        std::future::pending().await
    };
    let outcome = tokio::select! {
        outcome = reconcile(&engine, &everything, true, "a test", patience, &|_, _, _| {}, &|| false) => outcome.unwrap(),
        ((), ()) = async { tokio::join!(worker, release) } => unreachable!("it works for ever"),
    };
    assert_eq!(house.desk.ids("organization").len(), 3, "the newcomer is at the desk");
    assert!(outcome.report.exceptions.is_empty(), "{:?}", outcome.report);
    let whole = checked(&engine, &outcome.certificate, &Part::Everything).await;
    assert_eq!(whole.verdict, Verdict::Holds, "{whole:?}");
}

#[tokio::test]
async fn the_cost_is_foretold_from_the_last_read() {
    let house = House::sqlite().await;
    let engine = in_agreement(&house, 5).await;
    reconciled(&house, &engine).await;
    let pages = house.crm.calls("page Account from the start") + house.crm.calls("page Account after row");
    let foretold = cost(&engine, &Scope { object: Some("account".to_owned()), connection: Some(CRM.to_owned()) }).await.unwrap();
    assert_eq!((foretold.lines.len(), foretold.calls, foretold.lines[0].rows), (1, 3, 5), "five rows in pages of two: {foretold:?}");
    reconciled(&house, &engine).await;
    assert_eq!(house.crm.calls("page Account from the start") + house.crm.calls("page Account after row") - pages, 3);
    let unknown = cost(&engine, &Scope { object: Some("unicorn".to_owned()), connection: None }).await.unwrap_err().to_string();
    assert!(unknown.contains("unicorn"), "{unknown}");
}

#[tokio::test]
async fn a_read_that_is_broken_off_says_nothing_about_rows_it_did_not_show() {
    let house = House::sqlite().await;
    let engine = in_agreement(&house, 5).await;
    let rows = house.desk.ids("organization");
    house.desk.delete_silently("organization", &rows[4]);
    house.desk.refuse(|call| call.starts_with("page organization after row").then(|| failing(Class::Data, "half_a_page")));
    let fetched = house.desk.calls("fetch");
    let scan = scanned(&engine, true).await;
    assert_eq!(causes(&scan), BTreeSet::from([cause(DESK, "", Cause::NotRead)]));
    work_off(&house, &engine).await;
    let outcome = finish(&engine, scan).await.unwrap();
    assert_eq!(house.desk.calls("fetch"), fetched, "nobody is looked for");
    for record in house.accounts().await.values() {
        assert_eq!(house.link(record, DESK).await.state, LinkState::Present);
    }
    let report = &outcome.report;
    assert!(!report.complete && report.orphans == 0, "{report:?}");
    assert!(report.exceptions[0].detail.as_ref().unwrap().contains("half_a_page"), "{report:?}");
    house.desk.relent();
    let answer = checked(&engine, &outcome.certificate, &Part::Everything).await;
    assert_eq!(answer.verdict, Verdict::Broken);
    assert!(answer.unread[0].contains("organization at desk was not read completely"), "{:?}", answer.unread);

    // The complete read that comes next looks for it, and finds it gone.
    let scan = scanned(&engine, true).await;
    assert_eq!(causes(&scan), BTreeSet::from([cause(DESK, "", Cause::RowGone)]));
}

#[tokio::test]
async fn a_platform_that_is_gone_is_waited_for_once_and_not_object_by_object() {
    let mut house = House::sqlite().await;
    house.options.reconcile_again_ms = vec![1, 2, 3];
    let engine = in_agreement(&house, 3).await;
    let asked = house.desk.calls("page");
    house.desk.refuse(|call| call.starts_with("page").then(|| failing(Class::Retry, "bad_gateway")));
    let scan = scanned(&engine, false).await;
    let objects = engine.catalog().reads(DESK).len();
    assert!(objects > 1);
    assert_eq!(house.desk.calls("page") - asked, 4 + objects - 1, "four times for the first object, and once for each other");
    assert!(scan.found().iter().filter(|found| found.connection == DESK).all(|found| found.cause == Cause::NotRead));
}

#[tokio::test]
async fn orphans_of_both_sides_and_rows_without_a_record_are_listed() {
    let house = House::sqlite().await;
    let engine = in_agreement(&house, 3).await;
    let accounts = house.accounts().await;
    let gone_at_desk = house.link(&accounts["Customer 1"], DESK).await.external_id;
    let gone_at_crm = house.link(&accounts["Customer 2"], CRM).await.external_id;
    house.desk.delete_silently("organization", &gone_at_desk);
    house.crm.delete_silently("Account", &gone_at_crm);
    let stranger = house.desk.put("organization", None, &[("name", "Stranger")]);
    let copied = accounts["Customer 0"].id.to_string();
    let copy = house.desk.put("organization", None, &[("name", "Copy"), ("external_id", copied.as_str())]);

    let scan = scanned(&engine, true).await;
    let expected = [
        cause(CRM, "", Cause::RowGone),
        cause(DESK, "", Cause::RowGone),
        cause(DESK, "", Cause::Unmatched),
        cause(DESK, "", Cause::ClaimedTwice),
    ];
    assert_eq!(causes(&scan), BTreeSet::from(expected));
    work_off(&house, &engine).await;
    let report = finish(&engine, scan).await.unwrap().report;
    assert!(house.accounts().await.contains_key("Stranger"), "a row without a record gets one: {stranger}");
    let left: BTreeSet<(&str, &str, Cause)> =
        report.exceptions.iter().map(|one| (one.connection.as_str(), one.external_id.as_deref().unwrap_or_default(), one.cause)).collect();
    let expected = [
        (CRM, gone_at_crm.as_str(), Cause::Orphan),
        (DESK, gone_at_desk.as_str(), Cause::Orphan),
        (DESK, copy.as_str(), Cause::ClaimedTwice),
    ];
    assert_eq!(left, BTreeSet::from(expected), "{report:?}");
    assert_eq!((report.orphans, report.unmatched), (2, 1));
    let words: Vec<&str> = report.exceptions.iter().map(|one| one.words.as_str()).collect();
    assert!(words.contains(&"deleted in Support, still present elsewhere") && words.contains(&"deleted in CRM, still present elsewhere"));
}

#[tokio::test]
async fn any_value_that_changes_behind_our_back_breaks_the_certificate_and_names_its_range() {
    let house = House::sqlite().await;
    let engine = in_agreement(&house, 4).await;
    let outcome = reconciled(&house, &engine).await;
    assert_eq!(outcome.report.exceptions_total, 0, "{:?}", outcome.report);
    let certificate = outcome.certificate;
    assert_eq!(checked(&engine, &certificate, &Part::Everything).await.verdict, Verdict::Holds);

    let record = house.accounts().await.remove("Customer 2").unwrap();
    let range = range_of(record.id.as_str());
    for (platform, connection, object) in [(&house.crm, CRM, "Account"), (&house.desk, DESK, "organization")] {
        let row = house.link(&record, connection).await.external_id;
        let fields = &certificate.statement.sides.iter().find(|side| side.object == object).unwrap().fields;
        assert!(fields.len() > 20);
        for field in fields {
            let before = platform.row(object, &row).unwrap().get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
            platform.put_silently(object, &row, &[(field.as_str(), "changed behind our back")]);
            for part in [Part::Range(range), Part::Record(record.id.clone())] {
                let answer = checked(&engine, &certificate, &part).await;
                assert_eq!((answer.verdict, answer.differing.len()), (Verdict::Broken, 1), "{connection} {field}: {answer:?}");
                let found = &answer.differing[0];
                assert_eq!((found.connection.as_str(), found.object.as_str(), found.range), (connection, object, range));
                assert_eq!((found.rows[0].record.as_deref(), found.rows[0].change), (Some(record.id.as_str()), Change::Changed));
            }
            platform.put_silently(object, &row, &[(field.as_str(), before.as_str())]);
            assert_eq!(checked(&engine, &certificate, &Part::Range(range)).await.verdict, Verdict::Holds, "{connection} {field}");
        }
    }
    let row = house.link(&record, DESK).await.external_id;
    house.desk.put_silently("organization", &row, &[("name", "Somebody else")]);
    let answer = checked(&engine, &certificate, &Part::Everything).await;
    assert_eq!((answer.verdict, answer.differing.len()), (Verdict::Broken, 1), "{answer:?}");
    assert_eq!((answer.differing[0].range, answer.differing[0].rows[0].fields.as_slice()), (range, ["name".to_owned()].as_slice()));
    house.desk.delete_silently("organization", &row);
    let answer = checked(&engine, &certificate, &Part::Everything).await;
    assert_eq!((answer.verdict, answer.differing[0].rows[0].change, answer.differing[0].range), (Verdict::Broken, Change::Gone, range));
}

#[tokio::test]
async fn what_changed_by_way_of_entente_is_told_apart() {
    let house = House::sqlite().await;
    let engine = in_agreement(&house, 3).await;
    let certificate = reconciled(&house, &engine).await.certificate;
    house.watch.pass(1_000);
    let record = house.accounts().await.remove("Customer 1").unwrap();
    let row = house.link(&record, CRM).await.external_id;
    house.crm.put("Account", Some(&row), &[("Industry", "Steel")]);
    house.customer("Newcomer");
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let answer = checked(&engine, &certificate, &Part::Everything).await;
    assert_eq!(answer.verdict, Verdict::MovedOn, "{answer:?}");
    let rows: Vec<Change> = answer.differing.iter().flat_map(|range| &range.rows).map(|row| row.change).collect();
    assert_eq!(rows.iter().filter(|change| **change == Change::Changed).count(), 2, "both sides of the one that was edited");
    assert_eq!(rows.iter().filter(|change| **change == Change::New).count(), 2, "both sides of the newcomer");
}

#[tokio::test]
async fn what_is_known_of_a_row_does_not_excuse_what_changed_in_it_behind_our_back() {
    let house = House::sqlite().await;
    let engine = in_agreement(&house, 3).await;
    let certificate = reconciled(&house, &engine).await.certificate;
    house.watch.pass(1_000);
    let record = house.accounts().await.remove("Customer 1").unwrap();
    let range = range_of(record.id.as_str());
    // The row was edited and its edit written to the other side: of both rows something was taken in since the certificate.
    let crm_row = house.link(&record, CRM).await.external_id;
    house.crm.put("Account", Some(&crm_row), &[("Industry", "Steel")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let (mut silent, mut edits) = (Vec::new(), 0);
    for (platform, connection, object) in [(&house.crm, CRM, "Account"), (&house.desk, DESK, "organization")] {
        let row = house.link(&record, connection).await.external_id;
        for field in &certificate.statement.sides.iter().find(|side| side.object == object).unwrap().fields {
            let known = checked(&engine, &certificate, &Part::Range(range)).await;
            assert_eq!(known.verdict, Verdict::MovedOn, "before {connection} {field}: {known:?}");
            let before = platform.row(object, &row).unwrap().get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
            platform.put_silently(object, &row, &[(field.as_str(), "changed behind our back")]);
            for part in [Part::Range(range), Part::Record(record.id.clone())] {
                let answer = checked(&engine, &certificate, &part).await;
                let rows: Vec<_> =
                    answer.differing.iter().filter(|found| found.connection == connection).flat_map(|found| &found.rows).collect();
                assert_eq!((answer.verdict, rows.len()), (Verdict::Broken, 1), "{connection} {field}: {answer:?}");
                assert!(!rows[0].known, "{connection} {field}: {answer:?}");
                if rows[0].fields.is_empty() {
                    silent.push(field.clone());
                }
            }
            // It is as it was again, and the row is edited once more for all to see, which is written to the other side.
            platform.put_silently(object, &row, &[(field.as_str(), before.as_str())]);
            edits += 1;
            house.crm.put("Account", Some(&crm_row), &[("Industry", &format!("Steel {edits}"))]);
            read_all(&engine).await;
            work_off(&house, &engine).await;
        }
    }
    assert!(!silent.is_empty(), "some fields come to no value of ours by themselves, and are vouched for all the same");
}

#[tokio::test]
async fn a_certificate_that_was_tampered_with_or_is_another_instance_s_is_refused() {
    let house = House::sqlite().await;
    let engine = in_agreement(&house, 2).await;
    let certificate = reconciled(&house, &engine).await.certificate;
    let text = serde_json::to_vec(&certificate).unwrap();
    assert_eq!(Certificate::read(&text).unwrap(), certificate);
    assert_eq!(last_certificate(&engine).await.unwrap(), Some(certificate.clone()));
    let whole: Value = serde_json::from_slice(&text).unwrap();
    let tampered = |change: &dyn Fn(&mut Value)| {
        let mut json = whole.clone();
        change(&mut json["statement"]);
        Certificate::read(&serde_json::to_vec(&json).unwrap()).unwrap_err().to_string()
    };
    for error in [
        tampered(&|statement| statement["ended_at"] = "2026-01-01T00:00:00Z".into()),
        tampered(&|statement| {
            statement["exceptions"] = serde_json::json!([{
                "connection": "crm", "object": "Account", "external_id": null, "record": null, "field": null, "cause": "not_taken",
                "words": "", "detail": null, "range": 1,
            }])
        }),
        tampered(&|statement| statement["sides"][0]["rows"] = 99.into()),
        tampered(&|statement| statement["sides"][0]["fields"].as_array_mut().unwrap().clear()),
        tampered(&|statement| statement["key"] = "0000000000000000".into()),
    ] {
        assert!(error.contains("it was changed after it was signed"), "{error}");
    }
    assert!(Certificate::read(b"{}").unwrap_err().to_string().contains("cannot be read"));
    assert!(tampered(&|statement| statement["version"] = 3.into()).contains("use a later version"));

    let elsewhere = House::sqlite().await;
    let other = in_agreement(&elsewhere, 2).await;
    let error = verify(&other, &certificate, &Part::Everything, &|_, _, _| {}, &|| false).await.unwrap_err().to_string();
    assert!(error.contains("it was signed by the instance") && error.contains(&certificate.statement.key), "{error}");
}

#[tokio::test]
async fn everything_is_reconciled_once_a_day_by_the_process_that_leads() {
    for house in [Some(House::sqlite().await), House::postgres().await].into_iter().flatten() {
        (0..3).for_each(|number| drop(house.customer(&format!("Customer {number}"))));
        let mut processes = vec![Process::start(house.engine().await)];
        if house.store.is_postgres() {
            processes.push(Process::start(house.another().await));
        }
        let engine = &processes[0].engine;
        eventually("the first reads", async || {
            let read = house.store.read(|tx| tx.settings("read/")).await.unwrap().len();
            let planned = house.store.read(|tx| tx.setting::<Value>("reconcile/daily")).await.unwrap();
            let now = engine.now();
            read == 10 && planned.is_some() && house.store.read(move |tx| tx.hint_counts(now)).await.unwrap().is_empty()
        })
        .await;
        assert!(last(engine).await.unwrap().is_none(), "nothing is due on the first day");
        let whole_reads = || house.crm.calls("page Account from the start");
        for day in 1..=2 {
            let (before, ended) = (whole_reads(), last(engine).await.unwrap().map(|report| report.ended_at));
            house.watch.pass(DAY_MS);
            eventually("the reconciliation of the day", async || {
                last(engine).await.unwrap().is_some_and(|report| Some(report.ended_at) != ended)
            })
            .await;
            tokio::time::sleep(entente_engine::reconcile::schedule::EVERY * 2).await;
            assert_eq!(whole_reads(), before + 1, "once on day {day}");
            assert_eq!(last(engine).await.unwrap().unwrap().by, "the daily schedule");
        }
        for process in processes {
            process.stop().await;
        }
        house.pull_down().await;
    }
}
