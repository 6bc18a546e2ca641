//! From Zendesk's rows to flattened ones.
//!
//! Ids become texts without ever passing through a float, dates of custom fields lose the midnight Zendesk puts behind them, and what
//! Zendesk sends beside the rows (metric sets, users, groups) is joined in under dotted names.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::Row;
use serde_json::{Map, Value};

use crate::look::{Existence, Look};

use super::erase::ERASED_NAME;
use super::fields;
use super::kind::Kind;

/// An answer's moment, and how far Zendesk's clock was from ours then.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// When it was seen, by our clock.
    pub at: Timestamp,
    /// Zendesk's clock minus ours, in milliseconds.
    pub offset_ms: i64,
}

impl Seen {
    /// An instant of Zendesk's clock, by ours.
    #[must_use]
    pub fn ours(&self, theirs: &str) -> Option<Timestamp> {
        let theirs: Timestamp = theirs.parse().ok()?;
        theirs.checked_sub(jiff::SignedDuration::from_millis(self.offset_ms)).ok()
    }

    /// A mark for a row changed at that instant of Zendesk's clock.
    #[must_use]
    pub fn mark(&self, updated_at: Option<&str>, by: Actor) -> ChangeMark {
        ChangeMark { at: updated_at.and_then(|text| self.ours(text)), by, who: None }
    }
}

/// Which fields a look shall have.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// These.
    Fields(&'a [String]),
    /// Everything the row has: for answers to writes, where nobody says what is mapped.
    All,
}

/// What Zendesk sent beside the rows.
#[derive(Debug, Default)]
pub struct Beside {
    metric_sets: BTreeMap<String, Value>,
    users: BTreeMap<String, Value>,
    groups: BTreeMap<String, Value>,
    organizations: BTreeMap<String, Value>,
}

impl Beside {
    /// Takes the sideloads out of an answer.
    #[must_use]
    pub fn of(body: &Value) -> Self {
        let by = |list: &str, key: &str| -> BTreeMap<String, Value> {
            body[list].as_array().into_iter().flatten().filter_map(|item| id_text(&item[key]).map(|id| (id, item.clone()))).collect()
        };
        Self {
            metric_sets: by("metric_sets", "ticket_id"),
            users: by("users", "id"),
            groups: by("groups", "id"),
            organizations: by("organizations", "id"),
        }
    }
}

/// The sideloads that these fields need, for `include=`.
#[must_use]
pub fn includes(kind: Kind, names: &[String]) -> Vec<&'static str> {
    let mut needed = BTreeSet::new();
    for name in names {
        match (kind, name.split_once('.').map(|(first, _)| first)) {
            (Kind::Ticket, Some("metric_set")) => needed.insert("metric_sets"),
            (Kind::Ticket, Some("assignee" | "requester" | "submitter")) => needed.insert("users"),
            (Kind::Ticket, Some("group")) => needed.insert("groups"),
            (Kind::Ticket | Kind::User, Some("organization")) => needed.insert("organizations"),
            _ => false,
        };
    }
    needed.into_iter().collect()
}

/// An id as text, whether Zendesk sent a number or a text. Events write `"0"` and `""` for none.
#[must_use]
pub fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) if number.as_u64().is_some_and(|id| id > 0) => Some(number.to_string()),
        Value::String(text) if !text.is_empty() && text != "0" => Some(text.clone()),
        _ => None,
    }
}

/// Whether an attribute holds an id that is a number at Zendesk.
#[must_use]
pub fn is_id(name: &str) -> bool {
    name == "id" || (name.ends_with("_id") && name != "external_id" && name != "encoded_id")
}

/// An attribute's value in flattened form.
fn plain(name: &str, value: &Value) -> Value {
    match value {
        Value::Number(number) if is_id(name) => Value::String(number.to_string()),
        Value::Array(items) if name.ends_with("_ids") => {
            items.iter().map(|item| id_text(item).map_or_else(|| item.clone(), Value::String)).collect()
        }
        other => other.clone(),
    }
}

/// A custom field's value in flattened form: days lose the midnight that `user_fields` and `organization_fields` show.
fn custom(value: &Value) -> Value {
    match value.as_str() {
        Some(text) if is_midnight(text) => Value::String(text[..10].to_owned()),
        _ => value.clone(),
    }
}

/// Zendesk has no custom fields of type instant, so this shape is always a day.
fn is_midnight(text: &str) -> bool {
    text.len() > 10
        && text.is_char_boundary(10)
        && text[..10].parse::<jiff::civil::Date>().is_ok()
        && matches!(&text[10..], "T00:00:00+00:00" | "T00:00:00Z")
}

/// A metric: calendar minutes where Zendesk counts both calendar and business ones.
fn metric(value: &Value) -> Value {
    match value {
        Value::Object(both) => both.get("calendar").cloned().unwrap_or(Value::Null),
        other => other.clone(),
    }
}

/// The value of one flattened field; `None` when Zendesk sent none at all.
fn value(kind: Kind, row: &Map<String, Value>, beside: &Beside, name: &str) -> Option<Value> {
    let Some((first, rest)) = name.split_once('.') else { return row.get(name).map(|found| plain(name, found)) };
    match first {
        "user_fields" | "organization_fields" if first == kind.custom() => row.get(first)?.get(rest).map(custom),
        "custom_fields" if kind == Kind::Ticket => {
            let list = row.get("custom_fields").or_else(|| row.get("fields"))?.as_array()?;
            list.iter().find(|item| id_text(&item["id"]).is_some_and(|id| id == rest)).map(|item| custom(&item["value"]))
        }
        "metric_set" => {
            let id = id_text(row.get("id")?)?;
            beside.metric_sets.get(&id).or_else(|| row.get("metric_set")).and_then(|set| set.get(rest)).map(metric)
        }
        "assignee" | "requester" | "submitter" => joined(row, &format!("{first}_id"), &beside.users, rest),
        "group" => joined(row, "group_id", &beside.groups, rest),
        "organization" => joined(row, "organization_id", &beside.organizations, rest),
        _ => match row.get(first)? {
            Value::Null => Some(Value::Null),
            inner => inner.get(rest).map(|found| plain(rest, found)),
        },
    }
}

/// An attribute of the row that an id points to: null without an id, nothing when the other row was not sent.
fn joined(row: &Map<String, Value>, id: &str, others: &BTreeMap<String, Value>, attribute: &str) -> Option<Value> {
    match id_text(row.get(id)?) {
        None => Some(Value::Null),
        Some(id) => others.get(&id)?.get(attribute).map(|found| plain(attribute, found)),
    }
}

/// Every flattened field that a row has.
fn names(kind: Kind, row: &Map<String, Value>) -> Vec<String> {
    let mut names = Vec::new();
    for (name, value) in row {
        match (name.as_str(), value) {
            ("user_fields" | "organization_fields", Value::Object(map)) => names.extend(map.keys().map(|key| format!("{name}.{key}"))),
            ("custom_fields", Value::Array(items)) => {
                names.extend(items.iter().filter_map(|item| id_text(&item["id"])).map(|id| format!("custom_fields.{id}")))
            }
            ("fields" | "photo" | "sharing_agreement_ids", _) => {}
            ("via" | "satisfaction_rating", _) => {
                let prefix = format!("{name}.");
                names.extend(
                    fields::attributes(kind).iter().filter(|known| known.name.starts_with(&prefix)).map(|known| known.name.to_owned()),
                );
            }
            (_, Value::Object(_)) => {}
            _ => names.push(name.clone()),
        }
    }
    names
}

/// Whether a row says of itself that it is deleted: inactive users, tickets of status `deleted` in exports.
fn is_gone(kind: Kind, row: &Map<String, Value>) -> bool {
    match kind {
        Kind::User => row.get("active") == Some(&Value::Bool(false)),
        Kind::Ticket => row.get("status").and_then(Value::as_str) == Some("deleted"),
        Kind::Organization => false,
    }
}

/// A look at a row that is gone.
#[must_use]
pub fn gone(kind: Kind, id: String, existence: Existence, version: Option<String>, seen: Seen) -> Look {
    let mark = seen.mark(version.as_deref(), Actor::Unknown);
    Look { object: kind.singular().to_owned(), id, existence, row: Row::new(), complete: true, version, mark, seen_at: seen.at }
}

/// Flattens one row. `None` for something without an id, which Zendesk never sends. Names of fields that were asked for and that
/// Zendesk sent no value of are added to `missing`; they stand as null in the look.
pub fn look(kind: Kind, row: &Value, beside: &Beside, wanted: Wanted<'_>, seen: Seen, missing: &mut BTreeSet<String>) -> Option<Look> {
    let row = row.as_object()?;
    let id = id_text(row.get("id")?)?;
    let version = row.get("updated_at").and_then(Value::as_str).map(str::to_owned);
    if is_gone(kind, row) {
        let erased = kind == Kind::User && row.get("name").and_then(Value::as_str) == Some(ERASED_NAME);
        return Some(gone(kind, id, if erased { Existence::Erased } else { Existence::Deleted }, version, seen));
    }
    let mut flat = Row::new();
    let mut complete = true;
    let all = match wanted {
        Wanted::Fields(_) => Vec::new(),
        Wanted::All => names(kind, row),
    };
    let names = match wanted {
        Wanted::Fields(names) => names,
        Wanted::All => &all,
    };
    for name in names.iter().filter(|name| !fields::is_write_only(kind, name)) {
        match value(kind, row, beside, name) {
            Some(found) => drop(flat.insert(name.clone(), found)),
            // Sideloads may lack a row that has just been deleted: that is not a schema change.
            None if fields::attribute(kind, name).is_some_and(|known| known.name.contains('.')) => complete &= absent(name, &mut flat),
            None => {
                missing.insert(name.clone());
                flat.insert(name.clone(), Value::Null);
            }
        }
    }
    // Answers to ticket writes come without metrics, which most mappings read.
    let complete = complete && !(kind == Kind::Ticket && matches!(wanted, Wanted::All));
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

/// Settles a known dotted field that came without a value, and says whether the look can still be complete: a ticket without a metric
/// set (imported, or deleted since) has no metrics.
fn absent(name: &str, flat: &mut Row) -> bool {
    if name.starts_with("metric_set.") || name.starts_with("satisfaction_rating.") || name.starts_with("via.") {
        flat.insert(name.to_owned(), Value::Null);
        return true;
    }
    false
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
    fn a_user_is_flattened_without_losing_a_digit() {
        let row = json!({
            "id": 26_155_588_908_179_u64, "name": "Ada", "active": true, "organization_id": 9_007_199_254_740_993_u64, "tags": ["vip"],
            "updated_at": "2026-01-01T09:00:02Z", "external_id": null,
            "user_fields": {"since": "2018-11-04T00:00:00+00:00", "plan_tier": "gold", "score": 1.5},
        });
        let wanted =
            fields(&["name", "organization_id", "external_id", "tags", "user_fields.since", "user_fields.plan_tier", "user_fields.gone"]);
        let mut missing = BTreeSet::new();
        let look = look(Kind::User, &row, &Beside::default(), Wanted::Fields(&wanted), seen(), &mut missing).expect("look");
        assert_eq!(look.id, "26155588908179");
        assert_eq!(look.row["organization_id"], "9007199254740993");
        assert_eq!(look.row["user_fields.since"], "2018-11-04");
        assert_eq!(look.row["tags"], json!(["vip"]));
        assert_eq!(look.row["external_id"], Value::Null);
        assert_eq!(look.mark.at, Some("2026-01-01T09:00:00Z".parse().expect("timestamp")));
        assert_eq!(missing.into_iter().collect::<Vec<_>>(), ["user_fields.gone"]);
    }

    #[test]
    fn a_ticket_is_joined_with_what_came_beside_it() {
        let body = json!({
            "tickets": [{
                "id": 33, "status": "open", "assignee_id": 7, "group_id": null, "satisfaction_rating": null, "updated_at": "2026-01-01T09:00:00Z",
                "via": {"channel": "web"}, "custom_fields": [{"id": 26_155_630_658_963_u64, "value": "12.50"}],
            }],
            "users": [{"id": 7, "name": "Grace", "email": "grace@example.com"}],
            "metric_sets": [{"ticket_id": 33, "reply_time_in_minutes": {"calendar": 5, "business": 2}, "solved_at": null}],
        });
        let wanted = fields(&[
            "assignee_id",
            "assignee.name",
            "group.name",
            "satisfaction_rating.score",
            "via.channel",
            "metric_set.reply_time_in_minutes",
            "metric_set.solved_at",
            "custom_fields.26155630658963",
        ]);
        let mut missing = BTreeSet::new();
        let look =
            look(Kind::Ticket, &body["tickets"][0], &Beside::of(&body), Wanted::Fields(&wanted), seen(), &mut missing).expect("look");
        assert_eq!(
            Value::Object(look.row),
            json!({
                "assignee_id": "7", "assignee.name": "Grace", "group.name": null, "satisfaction_rating.score": null, "via.channel": "web",
                "metric_set.reply_time_in_minutes": 5, "metric_set.solved_at": null, "custom_fields.26155630658963": "12.50",
            })
        );
        assert!(look.complete && missing.is_empty());
        assert_eq!(includes(Kind::Ticket, &wanted), ["groups", "metric_sets", "users"]);
    }

    #[test]
    fn inactive_users_and_deleted_tickets_are_gone() {
        let mut missing = BTreeSet::new();
        for (kind, row) in [
            (Kind::User, json!({"id": 1, "active": false, "name": "Ada", "updated_at": "2026-01-01T09:00:00Z"})),
            (Kind::Ticket, json!({"id": 1, "status": "deleted", "updated_at": "2026-01-01T09:00:00Z"})),
        ] {
            let look = look(kind, &row, &Beside::default(), Wanted::All, seen(), &mut missing).expect("look");
            assert_eq!(look.existence, Existence::Deleted);
            assert!(look.row.is_empty());
        }
    }

    #[test]
    fn an_answer_to_a_write_shows_everything_it_has() {
        let row = json!({"id": 1, "active": true, "name": "Ada", "photo": null, "user_fields": {"plan_tier": null}, "updated_at": "2026-01-01T09:00:00Z"});
        let mut missing = BTreeSet::new();
        let look = look(Kind::User, &row, &Beside::default(), Wanted::All, seen(), &mut missing).expect("look");
        assert_eq!(look.row.keys().collect::<Vec<_>>(), ["id", "active", "name", "user_fields.plan_tier", "updated_at"]);
        assert!(look.complete);
    }
}
