//! Reconciliations as people read them.

use entente_engine::reconcile::certificate::Certificate;
use entente_engine::reconcile::cost::Cost;
use entente_engine::reconcile::report::{Exception, FieldDrift};
use entente_engine::reconcile::verify::{Change, RowDifference, Verdict, Verification};

use super::output::{moment, table};
use super::reconcile::Answer;
use super::status_text::number;

/// Exceptions listed; `--output json` and the certificate have all of them.
const EXCEPTIONS: usize = 50;

/// Ranges listed.
const RANGES: usize = 20;

/// What it is going to cost.
pub fn cost(cost: &Cost) -> String {
    let lines = cost.lines.iter().map(|line| [line.connection.clone(), line.object.clone(), number(line.rows), number(line.calls)]);
    format!(
        "{}\nThis is going to take {} API calls, and one more for every hundred rows or so that have to be looked at again.\n",
        table(["CONNECTION", "OBJECT", "ROWS KNOWN", "CALLS"], lines),
        number(cost.calls)
    )
}

/// What it came to.
pub fn report(answer: &Answer) -> String {
    let report = &answer.report;
    let mut text = format!(
        "Reconciled {} for {}, {} to {}{}\n\n",
        report.scope,
        report.by,
        moment(report.began_at),
        moment(report.ended_at),
        if report.dry_run { ": compared only" } else { "" }
    );
    let objects = report.objects.iter().map(|line| {
        let state = line.incomplete.as_ref().map_or_else(|| "complete".to_owned(), |why| format!("NOT READ COMPLETELY: {why}"));
        [line.connection.clone(), line.object.clone(), number(line.rows), number(line.compared), state]
    });
    text.push_str(&table(["CONNECTION", "OBJECT", "ROWS", "COMPARED", "READ"], objects));
    let calls: Vec<String> = report
        .calls
        .iter()
        .map(|calls| format!("{} {} of {} expected", calls.connection, number(calls.made), number(calls.expected)))
        .collect();
    text.push_str(&format!("\n\nAPI calls: {}\n", calls.join(", ")));
    text.push_str(&format!(
        "Rows compared: {}, in {} fields\nDifferences: {}, in {} records or rows; gone at the second look: {}\n",
        number(report.compared),
        number(report.fields),
        number(report.differences),
        number(report.differing),
        number(report.resolved)
    ));
    if !report.drift.is_empty() {
        text.push_str("\nDrift:\n");
        text.extend(report.drift.iter().map(|line| format!("  {}\n", drift(line))));
    }
    if report.exceptions_total == 0 {
        text.push_str("\nBoth sides are in agreement, without exception.\n");
    } else {
        text.push_str(&format!(
            "\nNot in agreement: {} ({} rows without a record, {} records without a counterpart)\n",
            number(report.exceptions_total),
            number(report.unmatched),
            number(report.orphans)
        ));
        text.extend(report.exceptions.iter().take(EXCEPTIONS).map(|one| format!("  {}\n", exception(one))));
        let more = report.exceptions_total.saturating_sub(EXCEPTIONS as u64);
        if more > 0 {
            text.push_str(&format!("  … and {} more\n", number(more)));
        }
    }
    if let Some(file) = &answer.certificate {
        text.push_str(&format!("\nCertificate: {}, signed by the instance {}\n", file.display(), report.key));
    }
    text
}

fn drift(line: &FieldDrift) -> String {
    let records = if line.records == 1 { "record" } else { "records" };
    let since = line.since.map(|at| format!(", since {}", moment(at))).unwrap_or_default();
    let resolved = match line.resolved {
        0 => String::new(),
        all if all == line.records => "; put right".to_owned(),
        some => format!("; {} put right", number(some)),
    };
    format!("{}: {} {records} ({}{since}{resolved})", line.label, number(line.records), line.words)
}

fn exception(one: &Exception) -> String {
    let row = one.external_id.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
    let record = one.record.as_ref().map(|record| format!("{record} ")).unwrap_or_default();
    let field = one.field.as_ref().map(|field| format!(" {field}")).unwrap_or_default();
    let detail = one.detail.as_ref().map(|detail| format!(" — {detail}")).unwrap_or_default();
    format!("{record}{} {}{row}{field}: {}{detail}", one.connection, one.object, one.words)
}

/// What a check came to.
pub fn verification(answer: &Verification, certificate: &Certificate) -> String {
    let what = format!("{} rows in {} ranges, as they were at {}", number(answer.rows), number(answer.ranges), moment(answer.certified_at));
    let mut text = match answer.verdict {
        Verdict::Holds => format!("The certificate holds: {what}.\n"),
        Verdict::MovedOn => format!("The certificate holds but for rows that have changed since by way of Entente: {what}.\n"),
        Verdict::Unread => format!(
            "The certificate holds but for rows that have changed since by way of Entente, and some of them it has not read as a whole since: \
             {what}. Verify once more when they are read: the next poll does it, `entente resync --record RECORD` at once.\n"
        ),
        Verdict::Broken => format!("THE CERTIFICATE DOES NOT HOLD: {what}.\n"),
    };
    text.push_str(&format!("Signed by the instance {}; checked with {} API calls.\n", certificate.statement.key, number(answer.calls)));
    let listed = certificate.statement.exceptions.len() as u64;
    if listed > 0 {
        text.push_str(&format!("It lists {} exceptions of its own.\n", number(listed)));
    }
    text.extend(answer.unread.iter().map(|why| format!("  NOT CHECKED: {why}\n")));
    for range in answer.differing.iter().take(RANGES) {
        text.push_str(&format!("  range {} of {} at {}:\n", range.range, range.object, range.connection));
        text.extend(range.rows.iter().map(|row| format!("    {}\n", difference(row))));
    }
    if answer.differing.len() > RANGES {
        text.push_str(&format!("  … and {} more ranges\n", answer.differing.len() - RANGES));
    }
    text
}

fn difference(row: &RowDifference) -> String {
    let name = match (&row.record, &row.external_id) {
        (Some(record), Some(id)) => format!("{record} ({id})"),
        (None, Some(id)) => format!("row {id}"),
        _ => "a row that is neither there nor linked any more".to_owned(),
    };
    let what = match row.change {
        Change::Changed => "changed",
        Change::Gone => "gone",
        Change::New => "new",
    };
    let how = match (row.known, row.unread) {
        (true, _) => "by way of Entente; its history tells",
        (false, true) => "by way of Entente, which has seen a part of it since; whether anything else was changed nobody can tell yet",
        (false, false) => "behind Entente's back",
    };
    let fields = if row.fields.is_empty() { String::new() } else { format!(": {}", row.fields.join(", ")) };
    format!("{name} {what} {how}{fields}")
}
