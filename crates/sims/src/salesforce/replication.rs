//! Ids of records changed or deleted in a window of time.

use serde_json::{Value, json};

use super::State;
use super::cell::{datetime, read_datetime};
use super::fail::{Fail, Outcome};
use super::org::{BIN_DAYS, DAY_MS, Org};
use super::records::object;
use super::wire::{Answer, Call};

/// Days back that `updated` reaches.
const UPDATED_DAYS: i64 = 30;
/// Windows have the resolution of minutes.
const MINUTE_MS: i64 = 60_000;

fn bad_window(message: &str) -> Fail {
    Fail::bad("INVALID_REPLICATION_DATE", message)
}

/// Start and end, cut to minutes.
pub(crate) fn window(org: &Org, start: &str, end: &str, days: i64) -> Outcome<(i64, i64)> {
    // A plus sign that the client forgot to encode arrives as a space.
    let read = |text: &str| read_datetime(&text.replace(' ', "+")).map(|ms| ms.div_euclid(MINUTE_MS) * MINUTE_MS);
    let start = read(start).ok_or_else(|| bad_window("start is no date and time"))?;
    let end = read(end).ok_or_else(|| bad_window("end is no date and time"))?;
    if start >= end {
        return Err(bad_window("startDate must be at least one minute before endDate"));
    }
    if start < org.clock.now_ms() - days * DAY_MS {
        return Err(bad_window(&format!("startDate cannot be more than {days} days ago")));
    }
    Ok((start, end))
}

/// `GET /sobjects/{X}/updated`.
pub(crate) fn updated(state: &mut State, call: &Call, name: &str) -> Outcome<Answer> {
    let table = object(state, name)?;
    let org = &state.org;
    let (start, end) = window(org, call.param("start").unwrap_or_default(), call.param("end").unwrap_or_default(), UPDATED_DAYS)?;
    let (ids, covered) = updated_ids(org, table, start, end);
    Ok(Answer::json(200, json!({"ids": ids, "latestDateCovered": datetime(covered)})))
}

pub(crate) fn updated_ids(org: &Org, table: usize, start: i64, end: i64) -> (Vec<String>, i64) {
    let t = &org.tables[table];
    let rows = t.stamped(start, end - 1).filter_map(|ord| t.row(ord)).filter(|row| row.live());
    (rows.map(|row| row.id.to_string()).collect(), end.min(org.clock.now_ms().div_euclid(MINUTE_MS) * MINUTE_MS))
}

/// `GET /sobjects/{X}/deleted`.
pub(crate) fn deleted(state: &mut State, call: &Call, name: &str) -> Outcome<Answer> {
    let table = object(state, name)?;
    let org = &state.org;
    let (start, end) = window(org, call.param("start").unwrap_or_default(), call.param("end").unwrap_or_default(), BIN_DAYS)?;
    let (found, covered) = deleted_ids(org, table, start, end);
    let records: Vec<Value> = found.into_iter().map(|(id, at)| json!({"id": id, "deletedDate": datetime(at)})).collect();
    let body = json!({"deletedRecords": records, "earliestDateAvailable": datetime(earliest(org)), "latestDateCovered": datetime(covered)});
    Ok(Answer::json(200, body))
}

pub(crate) fn earliest(org: &Org) -> i64 {
    org.made_ms.max(org.clock.now_ms() - BIN_DAYS * DAY_MS)
}

pub(crate) fn deleted_ids(org: &Org, table: usize, start: i64, end: i64) -> (Vec<(String, i64)>, i64) {
    let t = &org.tables[table];
    let rows = t.rows().filter_map(|(_, row)| Some((row, row.deleted_ms?)));
    let binned = rows.map(|(row, at)| (row.id, at));
    // The log of deletions is not the bin: it keeps what the bin was emptied of.
    let gone = org.destroyed.iter().filter(|(of, _, _)| *of == table).map(|(_, id, at)| (*id, *at));
    let found = binned.chain(gone).filter(|(_, at)| (start..end).contains(at)).map(|(id, at)| (id.to_string(), at)).collect();
    (found, end.min(org.clock.now_ms().div_euclid(MINUTE_MS) * MINUTE_MS))
}
