//! The shapes that travel: envelopes of both versions of the API, ids, instants.

use entente_model::clock::Timestamp;
use serde_json::Value;

use super::Pipedrive;
use super::dialect::BURST;
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::{Answer, Call};
use crate::transport::offset::http_date;

/// Where a list goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Behind an opaque cursor.
    Cursor(String),
    /// At a place, counted from 0.
    Start(u64),
}

/// An answer's data and moment.
#[derive(Debug)]
pub(crate) struct Read {
    /// HTTP status.
    pub status: u16,
    /// What the envelope holds.
    pub data: Value,
    /// Where the list goes on.
    pub next: Option<Next>,
    /// The vendor's own time.
    pub theirs: Option<Timestamp>,
}

impl Read {
    /// The rows of a list; an empty one may be null.
    pub fn rows(&self) -> &[Value] {
        self.data.as_array().map_or(&[], Vec::as_slice)
    }
}

/// Where a list goes on, by what stands beside its rows. The older version says it in one of two places.
fn next(beside: &Value) -> Option<Next> {
    if let Some(cursor) = beside["next_cursor"].as_str().filter(|cursor| !cursor.is_empty()) {
        return Some(Next::Cursor(cursor.to_owned()));
    }
    let paging = if beside["pagination"].is_object() { &beside["pagination"] } else { beside };
    if paging["more_items_in_collection"] != true {
        return None;
    }
    let counted = || Some(paging["start"].as_u64()? + paging["limit"].as_u64()?);
    paging["next_start"].as_u64().or_else(counted).map(Next::Start)
}

impl Pipedrive {
    /// Makes a call and reads its envelope. Calls that name no budget draw on the burst limit.
    pub(super) async fn send(&self, kind: &'static str, priority: Priority, call: Call) -> Result<Read, VendorError> {
        let call = if call.bucket.is_none() { call.bucket(BURST) } else { call };
        let answer = self.client.call(kind, priority, call).await?;
        read(&answer)
    }
}

fn read(answer: &Answer) -> Result<Read, VendorError> {
    let envelope: Value = if answer.status < 300 {
        answer.json()?
    } else {
        // An accepted refusal may hold anything.
        serde_json::from_slice(&answer.body).unwrap_or_default()
    };
    if answer.status < 300 && !envelope.is_object() {
        return Err(VendorError::new(
            Class::Retry,
            "unreadable",
            "the answer is not the envelope that Pipedrive documents",
            "if this repeats, check that base_url points at Pipedrive's API and not at a login or maintenance page",
        ));
    }
    Ok(Read {
        status: answer.status,
        data: envelope["data"].clone(),
        next: next(&envelope["additional_data"]),
        theirs: answer.header("date").and_then(http_date),
    })
}

/// An id as text: a number, a text, or an older answer's object around it.
pub(crate) fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) if number.as_u64().is_some_and(|id| id > 0) => Some(number.to_string()),
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Object(inner) => inner.get("value").or_else(|| inner.get("id")).and_then(id_text),
        _ => None,
    }
}

/// An instant in either spelling: RFC 3339, or the older version's `YYYY-MM-DD HH:MM:SS` in UTC.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| format!("{}Z", text.replacen(' ', "T", 1)).parse().ok())
}

/// An instant as filters take it: whole seconds, because fractions are refused.
pub(crate) fn stamp(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// The same as the older version's `recents` takes it.
pub(crate) fn old_stamp(at: Timestamp) -> String {
    stamp(at).replacen('T', " ", 1).trim_end_matches('Z').to_owned()
}

/// When a row was last changed. Some rows have no such stamp until their first change.
pub(crate) fn changed_at(row: &Value) -> Option<Timestamp> {
    let of = |name: &str| row[name].as_str().and_then(instant);
    of("update_time").or_else(|| of("add_time"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_goes_on_where_either_version_says() {
        assert_eq!(next(&json!({"next_cursor": "abc"})), Some(Next::Cursor("abc".to_owned())));
        assert_eq!(next(&json!({"next_cursor": null})), None);
        let paging = json!({"start": 0, "limit": 100, "more_items_in_collection": true, "next_start": 100});
        assert_eq!(next(&json!({"pagination": paging})), Some(Next::Start(100)));
        assert_eq!(next(&json!({"start": 100, "limit": 50, "more_items_in_collection": true})), Some(Next::Start(150)));
        assert_eq!(next(&json!({"start": 0, "limit": 50, "more_items_in_collection": false})), None);
        assert_eq!(next(&Value::Null), None);
        let empty = Read { status: 200, data: Value::Null, next: None, theirs: None };
        assert!(empty.rows().is_empty(), "an empty list may be null");
    }

    #[test]
    fn instants_have_two_spellings() {
        let at: Timestamp = "2026-05-15T09:55:02Z".parse().expect("timestamp");
        assert_eq!((instant("2026-05-15T09:55:02Z"), instant("2026-05-15 09:55:02")), (Some(at), Some(at)));
        assert_eq!(instant("yesterday"), None);
        let late: Timestamp = "2026-05-15T09:55:02.999Z".parse().expect("timestamp");
        assert_eq!((stamp(late), old_stamp(late)), ("2026-05-15T09:55:02Z".to_owned(), "2026-05-15 09:55:02".to_owned()));
    }

    #[test]
    fn an_id_may_stand_in_an_object() {
        assert_eq!(id_text(&json!({"name": "Acme", "value": 7})).as_deref(), Some("7"));
        assert_eq!((id_text(&json!(0)), id_text(&Value::Null)), (None, None));
    }
}
