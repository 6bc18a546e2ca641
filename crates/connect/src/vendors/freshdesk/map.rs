//! From Freshdesk's rows to flattened ones.
//!
//! Ids and codes become texts, instants are written in UTC whatever their zone was, texts of tickets lose their HTML, and what the API
//! leaves to arithmetic (times to the first response and to the resolution) is worked out from `stats`.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::{RemoteKind, Row};
use serde_json::{Map, Value};

use crate::html;
use crate::look::{Existence, Look};

use super::fields::{attribute, attributes, is_write_only};
use super::kind::Kind;
use super::people::Person;

/// An answer's moment, and how far Freshdesk's clock was from ours then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// When it was seen, by our clock.
    pub at: Timestamp,
    /// Freshdesk's clock minus ours, in milliseconds.
    pub offset_ms: i64,
}

impl Seen {
    pub(super) fn mark(&self, updated_at: Option<&str>, by: Actor) -> ChangeMark {
        let ours = |theirs: Timestamp| theirs.checked_sub(jiff::SignedDuration::from_millis(self.offset_ms)).ok();
        ChangeMark { at: updated_at.and_then(|text| text.parse().ok()).and_then(ours), by, who: None }
    }
}

/// Which fields a look shall have.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted<'a> {
    /// These.
    Fields(&'a [String]),
    /// Everything the row has: for answers to writes, where nobody says what is mapped.
    All,
}

/// Names of agents and groups, by id; none while they could not be read.
#[derive(Debug, Default, Clone)]
pub(crate) struct Names {
    /// Agents.
    pub agents: Option<BTreeMap<String, Person>>,
    /// Groups.
    pub groups: Option<BTreeMap<String, String>>,
}

/// The parts of a ticket that these fields need, for `include=`.
pub(crate) fn includes(kind: Kind, names: &[String], list: bool) -> Vec<&'static str> {
    let mut needed = BTreeSet::new();
    if kind == Kind::Ticket {
        for name in names {
            match name.split_once('.').map_or(name.as_str(), |(first, _)| first) {
                "stats" => drop(needed.insert("stats")),
                "requester" => drop(needed.insert("requester")),
                "company" => drop(needed.insert("company")),
                // Single views have it anyway.
                "description" if list => drop(needed.insert("description")),
                _ => {}
            }
        }
    }
    needed.into_iter().collect()
}

/// An id as text.
pub(crate) fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) if number.as_u64().is_some_and(|id| id > 0) => Some(number.to_string()),
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        _ => None,
    }
}

/// An instant in UTC; what is none stays as it is.
pub(crate) fn instant(text: &str) -> String {
    text.parse::<Timestamp>().map_or_else(|_| text.to_owned(), |at| at.to_string())
}

/// An instant as Freshdesk takes it: in whole seconds.
pub(crate) fn stamp(at: Timestamp) -> String {
    whole(at).to_string()
}

/// The second that an instant falls into.
pub(crate) fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// An attribute's value in flattened form.
fn plain(kind: RemoteKind, value: &Value) -> Value {
    match (kind, value) {
        (RemoteKind::Reference | RemoteKind::Picklist, Value::Number(number)) => Value::String(number.to_string()),
        (RemoteKind::Datetime, Value::String(text)) => Value::String(instant(text)),
        (RemoteKind::Date, Value::String(text)) => Value::String(text.chars().take("YYYY-MM-DD".len()).collect()),
        _ => value.clone(),
    }
}

/// The key under which a row holds a custom field: as it is called in mappings, or with the prefix that Freshdesk puts before some.
fn custom<'a>(row: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    let held = row.get("custom_fields")?.as_object()?;
    held.get(key).or_else(|| held.get(&format!("cf_{key}")))
}

fn stat(row: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    row.get("stats")?.get(name)?.as_str()?.parse().ok()
}

/// Whole minutes from the creation of a ticket to one of its moments.
fn minutes_to(row: &Map<String, Value>, name: &str) -> Value {
    let created: Option<Timestamp> = row.get("created_at").and_then(Value::as_str).and_then(|text| text.parse().ok());
    match (created, stat(row, name)) {
        (Some(created), Some(at)) => Value::from(at.duration_since(created).as_mins()),
        _ => Value::Null,
    }
}

/// A field of `stats`, those that are worked out included.
fn of_stats(row: &Map<String, Value>, name: &str) -> Option<Value> {
    let stats = row.get("stats")?.as_object()?;
    Some(match name {
        "first_response_minutes" => minutes_to(row, "first_responded_at"),
        "resolution_minutes" => minutes_to(row, "resolved_at"),
        "last_reply_at" => {
            let last = ["agent_responded_at", "requester_responded_at"].iter().filter_map(|name| stat(row, name)).max();
            last.map_or(Value::Null, |at| Value::String(at.to_string()))
        }
        _ => plain(RemoteKind::Datetime, stats.get(name)?),
    })
}

/// An attribute of the agent or group that an id points to: null without an id, nothing while they are not known.
fn named(row: &Map<String, Value>, names: &Names, first: &str, rest: &str) -> Option<Value> {
    let Some(id) = id_text(row.get(&format!("{first}_id"))?) else { return Some(Value::Null) };
    let text = match first {
        "group" => names.groups.as_ref()?.get(&id).cloned(),
        _ => {
            let person = names.agents.as_ref()?.get(&id);
            person.map(|person| if rest == "email" { person.email.clone() } else { person.name.clone() })
        }
    };
    Some(text.map_or(Value::Null, Value::String))
}

/// The value of one flattened field; `None` when Freshdesk sent none at all.
fn value(kind: Kind, row: &Map<String, Value>, names: &Names, name: &str) -> Option<Value> {
    if let Some(key) = name.strip_prefix(kind.custom()) {
        return custom(row, key).cloned();
    }
    match name.split_once('.') {
        Some(("stats", rest)) => of_stats(row, rest),
        Some((first @ ("responder" | "group"), rest)) => named(row, names, first, rest),
        Some((first @ ("requester" | "company"), rest)) => match row.get(first)? {
            Value::Object(inner) => Some(inner.get(rest).cloned().unwrap_or(Value::Null)),
            _ => Some(Value::Null),
        },
        Some(_) => None,
        None if kind == Kind::Ticket && name == "description" => match (row.get("description_text"), row.get("description")) {
            // Its own text loses the line breaks of some clients, so the HTML goes first.
            (_, Some(Value::String(text))) | (Some(Value::String(text)), _) => Some(Value::String(html::to_text(text))),
            (None, None) => None,
            _ => Some(Value::Null),
        },
        None => {
            let kind = attribute(kind, name).map_or(RemoteKind::Text, |known| known.kind);
            row.get(name).map(|found| plain(kind, found))
        }
    }
}

/// Every flattened field that a row has.
fn all_names(kind: Kind, row: &Map<String, Value>) -> Vec<String> {
    let own = attributes(kind).iter().map(|known| known.name).filter(|name| !name.contains('.') && row.contains_key(*name));
    let custom = row.get("custom_fields").and_then(Value::as_object).into_iter().flat_map(Map::keys);
    let custom = custom.map(|key| format!("{}{}", kind.custom(), key.strip_prefix("cf_").unwrap_or(key)));
    own.map(str::to_owned).chain(custom).collect()
}

/// Whether a row says of itself that it is deleted, or a ticket that it is spam.
pub(crate) fn is_gone(row: &Value) -> bool {
    row["deleted"] == true || row["spam"] == true
}

/// A row's version: its stamp, in UTC.
pub(crate) fn version(row: &Value) -> Option<String> {
    row["updated_at"].as_str().map(instant)
}

/// A look at a row that is gone.
pub(crate) fn gone(kind: Kind, id: String, existence: Existence, version: Option<String>, seen: Seen) -> Look {
    let mark = seen.mark(version.as_deref(), Actor::Unknown);
    Look { object: kind.singular().to_owned(), id, existence, row: Row::new(), complete: true, version, mark, seen_at: seen.at }
}

/// Flattens one row. `None` for something without an id, which Freshdesk never sends. Names of fields that were asked for and that
/// Freshdesk sent no value of are added to `missing`; they stand as null in the look.
pub(crate) fn look(kind: Kind, row: &Value, names: &Names, wanted: Wanted<'_>, seen: Seen, missing: &mut BTreeSet<String>) -> Option<Look> {
    let id = id_text(&row["id"])?;
    let version = version(row);
    if is_gone(row) {
        return Some(gone(kind, id, Existence::Deleted, version, seen));
    }
    let held = row.as_object()?;
    let all = match wanted {
        Wanted::Fields(_) => Vec::new(),
        Wanted::All => all_names(kind, held),
    };
    let asked = match wanted {
        Wanted::Fields(asked) => asked,
        Wanted::All => &all,
    };
    // Answers to ticket writes come without what is embedded on request.
    let mut complete = !(kind == Kind::Ticket && matches!(wanted, Wanted::All));
    let mut flat = Row::new();
    for name in asked.iter().filter(|name| !is_write_only(kind, name)) {
        match value(kind, held, names, name) {
            Some(found) => drop(flat.insert(name.clone(), found)),
            None if attribute(kind, name).is_some() => complete = false,
            None => {
                missing.insert(name.clone());
                flat.insert(name.clone(), Value::Null);
            }
        }
    }
    let mark = seen.mark(version.as_deref(), Actor::Unknown);
    Some(Look {
        object: kind.singular().to_owned(),
        id,
        existence: Existence::Present,
        row: flat,
        complete,
        version,
        mark,
        seen_at: seen.at,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen() -> Seen {
        Seen { at: "2026-01-02T10:00:00Z".parse().expect("timestamp"), offset_ms: 2_000 }
    }

    fn fields(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_company_is_flattened_in_utc_and_without_losing_a_digit() {
        let row = json!({
            "id": 43_000_000_017_u64, "name": "Acme", "domains": ["acme.example"], "renewal_date": "2026-12-31T00:00:00Z",
            "updated_at": "2026-01-01T14:30:02+05:30", "custom_fields": {"entente_id": "acc_1", "seats": 4, "cf_plan": "Pro"},
        });
        let wanted =
            fields(&["name", "domains", "renewal_date", "company_fields.entente_id", "company_fields.plan", "company_fields.lost"]);
        let mut missing = BTreeSet::new();
        let look = look(Kind::Company, &row, &Names::default(), Wanted::Fields(&wanted), seen(), &mut missing).expect("look");
        assert_eq!((look.id.as_str(), look.version.as_deref()), ("43000000017", Some("2026-01-01T09:00:02Z")));
        assert_eq!((&look.row["renewal_date"], &look.row["company_fields.plan"]), (&json!("2026-12-31"), &json!("Pro")));
        assert_eq!(look.mark.at, Some("2026-01-01T09:00:00Z".parse().expect("timestamp")));
        assert_eq!(missing.into_iter().collect::<Vec<_>>(), ["company_fields.lost"]);
        assert!(look.complete);
    }

    #[test]
    fn a_ticket_tells_how_long_things_took() {
        let row = json!({
            "id": 7, "status": 4, "responder_id": 9, "group_id": null, "description": "<div>one<br>two</div>", "description_text": "one two",
            "created_at": "2026-01-01T09:00:00Z", "updated_at": "2026-01-01T12:00:00Z", "custom_fields": {},
            "stats": {"first_responded_at": "2026-01-01T09:20:30Z", "resolved_at": null, "agent_responded_at": "2026-01-01T09:20:30Z",
                      "requester_responded_at": "2026-01-01T11:00:00Z"},
        });
        let names = Names {
            agents: Some([("9".to_owned(), Person { name: "Grace".into(), email: "g@acme.example".into() })].into()),
            groups: None,
        };
        let wanted = fields(&[
            "status",
            "description",
            "responder.name",
            "stats.first_response_minutes",
            "stats.resolution_minutes",
            "stats.last_reply_at",
            "group.name",
        ]);
        let mut missing = BTreeSet::new();
        let look = look(Kind::Ticket, &row, &names, Wanted::Fields(&wanted), seen(), &mut missing).expect("look");
        assert_eq!(
            Value::Object(look.row),
            json!({"status": "4", "description": "one\ntwo", "responder.name": "Grace", "stats.first_response_minutes": 20,
                   "stats.resolution_minutes": null, "stats.last_reply_at": "2026-01-01T11:00:00Z", "group.name": null})
        );
        assert!(look.complete && missing.is_empty());
        assert_eq!(includes(Kind::Ticket, &wanted, true), ["description", "stats"]);
    }

    #[test]
    fn a_list_that_leaves_something_out_is_no_whole_look() {
        let row = json!({"id": 7, "responder_id": 9, "updated_at": "2026-01-01T12:00:00Z", "custom_fields": {}});
        let wanted = fields(&["responder.name", "tags"]);
        let mut missing = BTreeSet::new();
        let look = look(Kind::Ticket, &row, &Names::default(), Wanted::Fields(&wanted), seen(), &mut missing).expect("look");
        assert!(!look.complete && look.row.is_empty() && missing.is_empty());
    }

    #[test]
    fn deleted_rows_and_spam_are_gone() {
        let mut missing = BTreeSet::new();
        for row in [json!({"id": 1, "deleted": true}), json!({"id": 1, "spam": true})] {
            let look = look(Kind::Ticket, &row, &Names::default(), Wanted::All, seen(), &mut missing).expect("look");
            assert_eq!(look.existence, Existence::Deleted);
        }
    }
}
