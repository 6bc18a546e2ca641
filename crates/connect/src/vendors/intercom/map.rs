//! From Intercom's rows to flattened ones.
//!
//! Ids become texts, seconds instants, escaped texts plain ones. Conversations and tickets come out alike: what one of them leaves to
//! arithmetic (times to the first response and to the resolution) or has no name for is worked out.

use std::collections::BTreeMap;

use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::{RemoteKind, Row};
use entente_model::normalise::html::decode;
use serde_json::{Map, Value};

use crate::html;
use crate::look::{Existence, Look};

use super::directory::{Names, OWN_TYPE};
use super::fields::{attribute, attributes, is_write_only};
use super::kind::{CUSTOM, Kind, TICKET, is_custom};
use super::schema::Fields;

/// Attribute of our own type of tickets that holds the company, which Intercom takes and never shows.
pub(crate) const COMPANY_OF_TICKET: &str = "entente_company";
/// Id of the account's own choice of the contact that our own tickets are made for: Intercom makes none without a contact.
pub(crate) const STAND_IN: &str = "entente-checklists";
/// Category of tickets that customers never see.
const BACK_OFFICE: &str = "Back-office";
/// Characters of a text that stand for the title of a conversation without one.
const TITLE_CHARS: usize = 80;

/// The moment of an answer or a message, and how far Intercom's clock was from ours then.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// When it was seen, by our clock.
    pub at: Timestamp,
    /// Intercom's clock minus ours, in milliseconds.
    pub offset_ms: i64,
}

impl Seen {
    /// An instant of Intercom's clock, by ours.
    pub(super) fn ours(&self, theirs: Timestamp) -> Option<Timestamp> {
        theirs.checked_sub(jiff::SignedDuration::from_millis(self.offset_ms)).ok()
    }

    pub(super) fn mark(&self, updated_at: Option<Timestamp>, by: Actor) -> ChangeMark {
        ChangeMark { at: updated_at.and_then(|at| self.ours(at)), by, who: None }
    }
}

/// Which fields a look shall have.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wanted<'a> {
    /// These.
    Fields(&'a [String]),
    /// Everything the row has: for answers to writes and for webhooks, where nobody says what is mapped.
    All,
}

/// What a row alone does not tell.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Beside<'a> {
    /// Names of admins, teams and tags, where they are known.
    pub names: Option<&'a Names>,
    /// Custom attributes of the object.
    pub fields: Option<&'a Fields>,
    /// Companies of contacts that conversations are with.
    pub companies: Option<&'a BTreeMap<String, Option<String>>>,
}

/// An id as text. Zero stands for nobody.
pub(crate) fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) if number.as_u64().is_some_and(|id| id > 0) => Some(number.to_string()),
        Value::String(text) if !text.is_empty() && text != "0" => Some(text.clone()),
        _ => None,
    }
}

/// A second since 1970 as an instant.
pub(crate) fn instant(value: &Value) -> Option<Timestamp> {
    let seconds = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64)).filter(|seconds| *seconds > 0)?;
    Timestamp::from_second(seconds).ok()
}

fn instant_or_null(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| Value::String(at.to_string()))
}

/// A text without the escapes that Intercom adds.
fn plain(value: &Value) -> Value {
    match value {
        Value::String(text) if text.is_empty() => Value::Null,
        Value::String(text) => Value::String(decode(text).into_owned()),
        other => other.clone(),
    }
}

/// An attribute's value in flattened form.
fn flat(kind: RemoteKind, value: &Value) -> Value {
    match kind {
        RemoteKind::Reference => id_text(value).map_or(Value::Null, Value::String),
        RemoteKind::Datetime => instant_or_null(instant(value)),
        _ => plain(value),
    }
}

/// The instant at which a row last changed.
pub(crate) fn updated_at(row: &Value) -> Option<Timestamp> {
    instant(&row["updated_at"])
}

/// A row's version: its stamp.
pub(crate) fn version(row: &Value) -> Option<String> {
    updated_at(row).map(|at| at.to_string())
}

/// Whether a row is a ticket.
pub(crate) fn is_ticket(row: &Value) -> bool {
    row["type"] == "ticket"
}

/// Whether a row is the contact that stands in for colleagues.
pub(crate) fn is_stand_in(row: &Value) -> bool {
    row["external_id"] == STAND_IN
}

/// Whether a ticket is one that we opened for colleagues.
fn is_ours(row: &Value) -> bool {
    is_ticket(row) && row["ticket_type"]["name"] == OWN_TYPE
}

/// The first contact of a conversation or ticket.
pub(crate) fn contact_of(row: &Value) -> Option<String> {
    if is_ours(row) { None } else { id_text(&row["contacts"]["contacts"][0]["id"]) }
}

/// The company that a conversation or ticket itself tells.
pub(crate) fn company_of(row: &Value) -> Option<String> {
    id_text(&row["company"]["id"]).or_else(|| id_text(&row["ticket_attributes"][COMPANY_OF_TICKET]))
}

/// The first company of a contact.
pub(crate) fn first_company(contact: &Value) -> Option<String> {
    id_text(&contact["companies"]["data"][0]["id"])
}

/// The names of tags: as they stand, or by their ids.
fn tags(row: &Value, names: Option<&Names>) -> Option<Value> {
    let listed = row["tags"]["tags"].as_array().or_else(|| row["tags"]["data"].as_array())?;
    let mut found = Vec::with_capacity(listed.len());
    for tag in listed {
        let name = match tag["name"].as_str() {
            Some(name) => decode(name).into_owned(),
            None => names?.tags.as_ref()?.get(&id_text(&tag["id"])?)?.clone(),
        };
        found.push(Value::String(name));
    }
    Some(Value::Array(found))
}

/// An attribute of whoever a conversation or ticket is assigned to; nothing while the names are not known.
fn assigned(row: &Value, names: Option<&Names>, team: bool, email: bool) -> Option<Value> {
    let Some(id) = id_text(&row[if team { "team_assignee_id" } else { "admin_assignee_id" }]) else { return Some(Value::Null) };
    let names = names?;
    let text = if team {
        names.teams.as_ref()?.get(&id).cloned()
    } else {
        let person = names.admins.as_ref()?.get(&id);
        person.map(|person| if email { person.email.clone() } else { person.name.clone() })
    };
    Some(text.map_or(Value::Null, Value::String))
}

/// Moments of a conversation or ticket.
struct Moments {
    first_reply: Option<Timestamp>,
    last_reply: Option<Timestamp>,
    solved: Option<Timestamp>,
}

/// What the statistics of a conversation tell, or the parts of a ticket.
fn moments(row: &Value) -> Moments {
    if is_ticket(row) {
        let parts = || row["ticket_parts"]["ticket_parts"].as_array().into_iter().flatten();
        let said = |part: &&Value| part["body"].as_str().is_some_and(|body| !body.is_empty()) && part["part_type"] != "note";
        let at = |part: &Value| instant(&part["created_at"]);
        let resolved = row["ticket_state"]["category"] == "resolved" || row["ticket_state"] == "resolved";
        return Moments {
            first_reply: parts().filter(said).filter(|part| part["author"]["type"] == "admin").filter_map(at).min(),
            last_reply: parts().filter(said).filter_map(at).max(),
            solved: parts().filter(|part| resolved && part["ticket_state"] == "resolved").filter_map(at).max(),
        };
    }
    let stats = &row["statistics"];
    let closed = row["state"] == "closed";
    Moments {
        first_reply: instant(&stats["first_admin_reply_at"]),
        last_reply: ["last_contact_reply_at", "last_admin_reply_at"].iter().filter_map(|name| instant(&stats[*name])).max(),
        solved: instant(&stats["last_close_at"]).filter(|_| closed),
    }
}

/// Whole minutes from the beginning of a conversation to one of its moments.
fn minutes(row: &Value, to: Option<Timestamp>) -> Value {
    match (instant(&row["created_at"]), to) {
        (Some(created), Some(at)) => Value::from(at.duration_since(created).as_mins()),
        _ => Value::Null,
    }
}

/// The title, or what comes nearest to one.
fn title(row: &Value) -> Value {
    let text = |value: &Value| value.as_str().map(html::to_text).filter(|text| !text.is_empty());
    if is_ticket(row) {
        return text(&row["ticket_attributes"]["_default_title_"]).map_or(Value::Null, Value::String);
    }
    let begins = || text(&row["source"]["body"]).and_then(|body| body.lines().next().map(|line| line.chars().take(TITLE_CHARS).collect()));
    text(&row["title"]).or_else(|| text(&row["source"]["subject"])).or_else(begins).map_or(Value::Null, Value::String)
}

/// A worked-out field of a conversation or ticket; `None` for those that are attributes as they are.
fn worked_out(row: &Value, beside: Beside<'_>, name: &str) -> Option<Option<Value>> {
    let ticket = is_ticket(row);
    let text = |value: &Value| value.as_str().map(html::to_text).filter(|text| !text.is_empty()).map_or(Value::Null, Value::String);
    let id = |id: Option<String>| id.map_or(Value::Null, Value::String);
    Some(match name {
        "form" => Some(Value::from(if ticket { "ticket" } else { "conversation" })),
        "number" => Some(id(id_text(&row[if ticket { "ticket_id" } else { "id" }]))),
        "title" => Some(title(row)),
        "description" => Some(text(if ticket { &row["ticket_attributes"]["_default_description_"] } else { &row["source"]["body"] })),
        // Old versions show the state of a ticket as a text.
        "state" if ticket => {
            Some(row["ticket_state"]["category"].as_str().or_else(|| row["ticket_state"].as_str()).map_or(Value::Null, Value::from))
        }
        "ticket_type" => Some(plain(&row["ticket_type"]["name"])),
        "internal" => Some(Value::Bool(row["category"] == BACK_OFFICE)),
        "contact_id" => Some(id(contact_of(row))),
        "company_id" => match (company_of(row), contact_of(row)) {
            (Some(company), _) => Some(Value::String(company)),
            (None, None) => Some(Value::Null),
            (None, Some(contact)) => beside.companies?.get(&contact).cloned().map(id),
        },
        "tags" => tags(row, beside.names),
        "assignee.name" => assigned(row, beside.names, false, false),
        "assignee.email" => assigned(row, beside.names, false, true),
        "team.name" => assigned(row, beside.names, true, false),
        "rating" => Some(row["conversation_rating"]["rating"].clone()),
        "rating_remark" => Some(plain(&row["conversation_rating"]["remark"])),
        "first_response_minutes" => Some(minutes(row, moments(row).first_reply)),
        "resolution_minutes" => Some(minutes(row, moments(row).solved)),
        "solved_at" => Some(instant_or_null(moments(row).solved)),
        "last_reply_at" => Some(instant_or_null(moments(row).last_reply)),
        _ => return None,
    })
}

/// A custom attribute. Intercom leaves out what has no value.
fn custom(row: &Value, beside: Beside<'_>, name: &str) -> Value {
    let (list, key) = match name.strip_prefix(TICKET) {
        Some(key) => ("ticket_attributes", key),
        None => ("custom_attributes", name.strip_prefix(CUSTOM).unwrap_or(name)),
    };
    let kind = beside.fields.and_then(|fields| fields.get(name)).map_or(RemoteKind::Text, |field| field.kind);
    flat(if kind == RemoteKind::Reference { RemoteKind::Text } else { kind }, &row[list][key])
}

/// The value of one flattened field; `None` when Intercom does not tell it here.
fn value(kind: Kind, row: &Value, beside: Beside<'_>, name: &str) -> Option<Value> {
    if is_custom(kind, name) {
        return Some(custom(row, beside, name));
    }
    if kind == Kind::Conversation
        && let Some(found) = worked_out(row, beside, name)
    {
        return found;
    }
    match (kind, name) {
        (Kind::Contact, "company_id") => {
            return row["companies"].is_object().then(|| first_company(row).map_or(Value::Null, Value::String));
        }
        (Kind::Contact | Kind::Company, "tags") => return tags(row, beside.names),
        (Kind::Company, "plan") => return Some(plain(&row["plan"]["name"])),
        _ => {}
    }
    if let Some((outer, inner)) = name.split_once('.') {
        return Some(plain(&row[outer][inner]));
    }
    let ty = attribute(kind, name).map_or(RemoteKind::Text, |known| known.kind);
    match row.get(name) {
        Some(found) => Some(flat(ty, found)),
        // Companies leave out what they have not, and of conversations and tickets each lacks some of the other's.
        None if kind != Kind::Contact => Some(Value::Null),
        None => None,
    }
}

/// Every flattened field that a row can have.
fn all_names(kind: Kind, beside: Beside<'_>) -> Vec<String> {
    let own = attributes(kind).iter().map(|known| known.name.to_owned());
    own.chain(beside.fields.into_iter().flat_map(BTreeMap::keys).cloned()).collect()
}

/// A look at a row that is gone.
pub(crate) fn gone(kind: Kind, id: String, existence: Existence, at: Option<Timestamp>, seen: Seen) -> Look {
    let mark = seen.mark(at, Actor::Unknown);
    let version = at.map(|at| at.to_string());
    Look { object: kind.singular().to_owned(), id, existence, row: Row::new(), complete: true, version, mark, seen_at: seen.at }
}

/// Flattens one row. `None` for something without an id, which Intercom never sends.
pub(crate) fn look(kind: Kind, row: &Value, beside: Beside<'_>, wanted: Wanted<'_>, seen: Seen) -> Option<Look> {
    let id = id_text(&row["id"])?;
    let at = updated_at(row);
    if row["archived"] == true {
        return Some(gone(kind, id, Existence::Deleted, at, seen));
    }
    let all = match wanted {
        Wanted::Fields(_) => Vec::new(),
        Wanted::All => all_names(kind, beside),
    };
    let asked = match wanted {
        Wanted::Fields(asked) => asked,
        Wanted::All => &all,
    };
    let mut complete = true;
    let mut flat: Map<String, Value> = Row::new();
    for name in asked.iter().filter(|name| !is_write_only(kind, name)) {
        match value(kind, row, beside, name) {
            Some(found) => drop(flat.insert(name.clone(), found)),
            None => complete = false,
        }
    }
    let mark = seen.mark(at, Actor::Unknown);
    let existence = Existence::Present;
    Some(Look { object: kind.singular().to_owned(), id, existence, row: flat, complete, version: version(row), mark, seen_at: seen.at })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::directory::Person;
    use super::super::schema::Custom;
    use super::*;

    fn seen() -> Seen {
        Seen { at: "2026-01-02T10:00:00Z".parse().expect("timestamp"), offset_ms: 2_000 }
    }

    fn fields(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn shown(kind: Kind, row: &Value, beside: Beside<'_>, names: &[&str]) -> (Value, bool) {
        let wanted = fields(names);
        let look = look(kind, row, beside, Wanted::Fields(&wanted), seen()).expect("look");
        (Value::Object(look.row), look.complete)
    }

    #[test]
    fn escaped_texts_come_out_as_people_wrote_them_and_seconds_as_instants() {
        let row = json!({
            "type": "contact", "id": "67a1b2c30000000000000001", "name": "Phone &amp; SMS", "owner_id": 991_267_001, "updated_at": 1_767_261_602,
            "tags": {"data": [{"type": "tag", "id": "81"}]}, "companies": {"data": [{"id": "67a1b2c30000000000000009"}]},
            "custom_attributes": {"renewal_at": 1_798_675_200, "motto": "a &lt; b"}, "signed_up_at": null,
        });
        let custom: Fields = [
            ("custom_attributes.renewal_at".to_owned(), Custom::of("renewal_at", "date")),
            ("custom_attributes.motto".to_owned(), Custom::of("motto", "string")),
        ]
        .into();
        let names = Names { tags: Some([("81".to_owned(), "Key account".to_owned())].into()), ..Names::default() };
        let beside = Beside { names: Some(&names), fields: Some(&custom), companies: None };
        let asked = [
            "name",
            "owner_id",
            "tags",
            "company_id",
            "custom_attributes.renewal_at",
            "custom_attributes.motto",
            "custom_attributes.unset",
            "signed_up_at",
        ];
        let (row, complete) = shown(Kind::Contact, &row, beside, &asked);
        assert_eq!(
            row,
            json!({"name": "Phone & SMS", "owner_id": "991267001", "tags": ["Key account"], "company_id": "67a1b2c30000000000000009",
                   "custom_attributes.renewal_at": "2026-12-31T00:00:00Z", "custom_attributes.motto": "a < b", "custom_attributes.unset": null,
                   "signed_up_at": null})
        );
        assert!(complete);
    }

    #[test]
    fn what_a_company_leaves_out_is_blank() {
        let row = json!({"type": "company", "id": "c1", "company_id": "acc_1", "name": "Acme", "plan": {}, "updated_at": 1_767_261_602});
        let (row, complete) = shown(Kind::Company, &row, Beside::default(), &["name", "website", "plan", "size"]);
        assert_eq!((row, complete), (json!({"name": "Acme", "website": null, "plan": null, "size": null}), true));
    }

    #[test]
    fn a_conversation_tells_how_long_things_took() {
        let row = json!({
            "type": "conversation", "id": "215474000000001", "title": null, "state": "closed", "priority": "high", "admin_assignee_id": 9,
            "team_assignee_id": null, "created_at": 1_767_258_000, "updated_at": 1_767_268_800, "contacts": {"contacts": [{"id": "p1"}]},
            "source": {"subject": "", "body": "<p>The printer smokes &amp; burns</p><p>Help!</p>"}, "tags": {"tags": [{"id": "1", "name": "hot"}]},
            "statistics": {"first_admin_reply_at": 1_767_259_230, "last_admin_reply_at": 1_767_259_230, "last_contact_reply_at": 1_767_265_200,
                           "last_close_at": 1_767_268_800},
            "conversation_rating": {"rating": 5, "remark": "Thanks"},
        });
        let names = Names {
            admins: Some([("9".to_owned(), Person { name: "Grace".into(), email: "g@acme.example".into() })].into()),
            ..Names::default()
        };
        let companies = [("p1".to_owned(), Some("c1".to_owned()))].into();
        let beside = Beside { names: Some(&names), fields: None, companies: Some(&companies) };
        let asked = [
            "form",
            "number",
            "title",
            "description",
            "state",
            "tags",
            "contact_id",
            "company_id",
            "assignee.name",
            "team.name",
            "rating",
            "first_response_minutes",
            "resolution_minutes",
            "solved_at",
            "last_reply_at",
            "internal",
        ];
        let (row, complete) = shown(Kind::Conversation, &row, beside, &asked);
        assert_eq!(
            row,
            json!({"form": "conversation", "number": "215474000000001", "title": "The printer smokes & burns",
                   "description": "The printer smokes & burns\nHelp!", "state": "closed", "tags": ["hot"], "contact_id": "p1", "company_id": "c1",
                   "assignee.name": "Grace", "team.name": null, "rating": 5, "first_response_minutes": 20, "resolution_minutes": 180,
                   "solved_at": "2026-01-01T12:00:00Z", "last_reply_at": "2026-01-01T11:00:00Z", "internal": false})
        );
        assert!(complete);
    }

    #[test]
    fn a_ticket_of_ours_names_its_company_and_no_contact_of_the_customer() {
        let row = json!({
            "type": "ticket", "id": "215474000000002", "ticket_id": "33", "category": "Back-office", "ticket_type": {"name": OWN_TYPE},
            "ticket_state": {"category": "resolved"}, "contacts": {"contacts": [{"id": "p0"}]}, "created_at": 1_767_258_000,
            "updated_at": 1_767_268_800, "ticket_attributes": {"_default_title_": "Onboarding: Smith &amp; Sons", "entente_company": "c1"},
            "ticket_parts": {"ticket_parts": [
                {"part_type": "note", "body": "<p>for us</p>", "author": {"type": "admin"}, "created_at": 1_767_258_060},
                {"part_type": "comment", "body": "<p>done</p>", "author": {"type": "admin"}, "created_at": 1_767_258_600},
                {"part_type": "ticket_state_updated_by_admin", "body": null, "ticket_state": "resolved", "author": {"type": "admin"}, "created_at": 1_767_261_600},
            ]},
        });
        let asked = ["number", "title", "state", "contact_id", "company_id", "internal", "first_response_minutes", "resolution_minutes"];
        let (row, _) = shown(Kind::Conversation, &row, Beside::default(), &asked);
        assert_eq!(
            row,
            json!({"number": "33", "title": "Onboarding: Smith & Sons", "state": "resolved", "contact_id": null, "company_id": "c1",
                   "internal": true, "first_response_minutes": 10, "resolution_minutes": 60})
        );
    }

    #[test]
    fn what_is_not_known_makes_a_look_incomplete_and_nobody_blank() {
        let row = json!({"type": "contact", "id": "p1", "updated_at": 1_767_261_602, "tags": {"data": [{"id": "81"}]}});
        let (row, complete) = shown(Kind::Contact, &row, Beside::default(), &["tags", "company_id", "email"]);
        assert_eq!((row, complete), (json!({}), false));
        let archived = json!({"type": "contact", "id": "p1", "archived": true, "updated_at": 1_767_261_602});
        let look = look(Kind::Contact, &archived, Beside::default(), Wanted::All, seen()).expect("look");
        assert_eq!((look.existence, look.mark.at), (Existence::Deleted, Some("2026-01-01T10:00:00Z".parse().expect("timestamp"))));
    }
}
