//! From Pipedrive's rows to flattened ones.

use std::sync::Arc;

use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::{RemoteKind, Row};
use serde_json::Value;

use super::attributes::{KEY_LINE, attribute, attributes};
use super::fields::Fields;
use super::hands::Hands;
use super::kind::{Kind, id_among};
use super::names::Names;
use super::wire::{changed_at, id_text, instant};
use super::{marker, values};
use crate::look::{Existence, Look};

/// What a look needs beside the row.
pub(crate) struct Seeing<'a> {
    /// The object that was asked for: notes are shown among activities, too.
    pub object: Kind,
    /// What the rows are.
    pub kind: Kind,
    pub fields: Arc<Fields>,
    pub names: Names,
    pub hands: &'a Hands,
    /// Pipedrive's clock minus ours, in milliseconds.
    pub offset_ms: i64,
    pub seen_at: Timestamp,
}

/// Whether a row says of itself that it is gone: each version, and each kind, has its own word.
pub(crate) fn is_gone(row: &Value) -> bool {
    row["is_deleted"] == true || row["deleted"] == true || row["active_flag"] == false || row["status"] == "deleted"
}

/// A row's version: its stamp, in one spelling.
pub(crate) fn version(row: &Value) -> Option<String> {
    changed_at(row).map(|at| at.to_string())
}

/// The entries of a list of addresses or numbers that hold one.
fn contacts(row: &Value, name: &str) -> Vec<(String, bool)> {
    let listed = row[name].as_array().into_iter().flatten();
    let held = listed.filter_map(|entry| Some((entry["value"].as_str()?.trim().to_owned(), entry["primary"] == true)));
    held.filter(|(value, _)| !value.is_empty()).collect()
}

/// The primary entry, else the first.
fn primary(row: &Value, name: &str) -> Value {
    let listed = contacts(row, name);
    let found = listed.iter().find(|(_, primary)| *primary).or(listed.first());
    found.map_or(Value::Null, |(value, _)| Value::from(value.as_str()))
}

fn all(row: &Value, name: &str) -> Value {
    contacts(row, name).into_iter().map(|(value, _)| Value::from(value)).collect()
}

/// The person an activity is about: the primary participant.
pub(crate) fn person_of(row: &Value) -> Option<String> {
    let people = row["participants"].as_array().into_iter().flatten();
    let primary = people.clone().find(|each| each["primary"] == true);
    id_text(&row["person_id"]).or_else(|| primary.or_else(|| people.clone().next()).and_then(|each| id_text(&each["person_id"])))
}

/// `call` → `Call`; types that an account made keep their own word.
fn kind_word(key: &str) -> String {
    let mut letters = key.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect()).replace('_', " ")
}

/// An attribute's value in flattened form.
fn plain(kind: RemoteKind, value: &Value) -> Value {
    match (kind, value) {
        (_, Value::String(text)) if text.is_empty() => Value::Null,
        (RemoteKind::Reference, _) => id_text(value).map_or(Value::Null, Value::String),
        (RemoteKind::Picklist | RemoteKind::Text, Value::Number(number)) => Value::String(number.to_string()),
        (RemoteKind::Datetime, Value::String(text)) => instant(text).map_or_else(|| value.clone(), |at| Value::String(at.to_string())),
        (RemoteKind::Date, Value::String(text)) => Value::String(text.chars().take("YYYY-MM-DD".len()).collect()),
        (RemoteKind::Boolean, Value::Number(flag)) => Value::Bool(flag.as_i64() == Some(1)),
        _ => value.clone(),
    }
}

impl Seeing<'_> {
    /// The value of one flattened field; nothing for one that the rows of this kind do not have.
    fn value(&self, row: &Value, name: &str) -> Option<Value> {
        let of_row = |key: &str| -> &Value { &row[key] };
        if let Some(found) = self.special(row, name) {
            return Some(found);
        }
        if let Some(known) = attribute(self.kind, name) {
            return Some(plain(known.kind, of_row(name)));
        }
        // Notes among activities lack what only activities have.
        if attribute(self.object, name).is_some() {
            return Some(Value::Null);
        }
        let named = self.fields.named(name).ok().flatten()?;
        Some(if self.kind == Kind::Lead {
            values::read_flat(named.definition, row, named.part)
        } else {
            values::read(named.definition, &row["custom_fields"][&named.definition.code], named.part)
        })
    }

    /// Attributes that are not there under their own name.
    fn special(&self, row: &Value, name: &str) -> Option<Value> {
        let text = |text: String| if text.is_empty() { Value::Null } else { Value::String(text) };
        let note = self.kind == Kind::Note;
        let owner = || id_text(if note { &row["user_id"] } else { &row["owner_id"] });
        Some(match (self.kind, name) {
            (_, "owner_id") => owner().map_or(Value::Null, Value::String),
            (_, "owner.name") => owner().and_then(|id| self.names.users.get(&id)).map_or(Value::Null, |user| text(user.name.clone())),
            (_, "owner.email") => owner().and_then(|id| self.names.users.get(&id)).map_or(Value::Null, |user| text(user.email.clone())),
            (Kind::Person, "email") => primary(row, "emails"),
            (Kind::Person, "phone") => primary(row, "phones"),
            (Kind::Person, "emails" | "phones") => all(row, name),
            (Kind::Organization, "address") => row["address"]["value"].as_str().map_or(Value::Null, |found| text(found.to_owned())),
            (Kind::Organization, "industry") => self.option("industry", &row["industry"]),
            (Kind::Lead, "org_id") => id_text(&row["organization_id"]).map_or(Value::Null, Value::String),
            (Kind::Lead, "value") => row["value"]["amount"].clone(),
            (Kind::Lead, "currency") => row["value"]["currency"].clone(),
            (Kind::Lead, "labels") => {
                let ids = row["label_ids"].as_array().into_iter().flatten().filter_map(id_text);
                ids.map(|id| Value::from(self.names.lead_labels.get(&id).cloned().unwrap_or(id))).collect()
            }
            (Kind::Person | Kind::Organization | Kind::Deal, "labels") => {
                let definition = self.fields.labels();
                let ids = row["label_ids"].as_array().into_iter().flatten();
                let labels = ids.filter_map(|id| {
                    let id = id.as_i64().or_else(|| id["id"].as_i64())?;
                    Some(definition.and_then(|definition| definition.label(id)).map_or_else(|| id.to_string(), str::to_owned))
                });
                labels.map(Value::from).collect()
            }
            (Kind::Deal, "stage") => {
                id_text(&row["stage_id"]).and_then(|id| self.names.stages.get(&id)).map_or(Value::Null, |name| text(name.clone()))
            }
            (Kind::Deal, "pipeline") => {
                id_text(&row["pipeline_id"]).and_then(|id| self.names.pipelines.get(&id)).map_or(Value::Null, |name| text(name.clone()))
            }
            (Kind::Deal, "is_won") => Value::Bool(row["status"] == "won"),
            (Kind::Deal, "is_closed") => Value::Bool(row["status"] == "won" || row["status"] == "lost"),
            (Kind::Activity, "location") => row["location"]["value"].as_str().map_or(Value::Null, |found| text(found.to_owned())),
            (Kind::Activity, "person_id") => person_of(row).map_or(Value::Null, Value::String),
            (Kind::Activity, "kind") => text(kind_word(row["type"].as_str().unwrap_or_default())),
            (Kind::Note, "kind") => Value::from("Note"),
            (Kind::Activity | Kind::Note, "note" | KEY_LINE) => {
                let (body, key) = marker::split(row[if note { "content" } else { "note" }].as_str().unwrap_or_default());
                if name == KEY_LINE { key.map_or(Value::Null, Value::String) } else { text(body) }
            }
            _ => return None,
        })
    }

    fn option(&self, code: &str, value: &Value) -> Value {
        match (self.fields.code(code), value) {
            (Some(definition), value) if !definition.options.is_empty() => {
                let id = value.as_i64().or_else(|| value["id"].as_i64());
                id.and_then(|id| definition.label(id)).map_or(Value::Null, Value::from)
            }
            (_, value) => plain(RemoteKind::Picklist, value),
        }
    }

    fn id(&self, row: &Value) -> Option<String> {
        id_text(&row["id"]).map(|id| id_among(self.object, self.kind, &id))
    }

    fn mark(&self, row: &Value, by: Actor) -> ChangeMark {
        let ours = |theirs: Timestamp| theirs.checked_sub(jiff::SignedDuration::from_millis(self.offset_ms)).ok();
        ChangeMark { at: changed_at(row).and_then(ours), by, who: None }
    }

    /// A whole look at a row. Nothing for something without an id, which Pipedrive never sends.
    pub fn look(&self, row: &Value, fields: &[String]) -> Option<Look> {
        if is_gone(row) {
            return self.id(row).map(|id| self.gone(id, version(row)));
        }
        let hand = self.hands.of(self.kind, &id_text(&row["id"])?, changed_at(row));
        Some(Look {
            object: self.object.plural().to_owned(),
            id: self.id(row)?,
            existence: Existence::Present,
            row: fields.iter().map(|name| (name.clone(), self.value(row, name).unwrap_or(Value::Null))).collect(),
            complete: true,
            version: version(row),
            mark: ChangeMark { who: hand.who, ..self.mark(row, hand.by) },
            seen_at: self.seen_at,
        })
    }

    /// What the answer to a write of ours shows: everything but what only names tell.
    pub fn written(&self, row: &Value) -> Option<Look> {
        let own =
            attributes(self.kind).map(|known| known.name).filter(|name| !name.contains('.') && !matches!(*name, "stage" | "pipeline"));
        let own = own.filter(|name| self.kind != Kind::Lead || *name != "labels").map(str::to_owned);
        let names: Vec<String> = own.chain(self.fields.custom().map(|(name, _)| name)).collect();
        let mut look = self.look(row, &names)?;
        look.complete = false;
        look.mark.by = Actor::Us;
        Some(look)
    }

    /// A look at a row that is gone; `id` is that among the rows of the object.
    pub fn gone(&self, id: String, version: Option<String>) -> Look {
        Look {
            object: self.object.plural().to_owned(),
            id,
            existence: Existence::Deleted,
            row: Row::new(),
            complete: true,
            version,
            mark: ChangeMark::default(),
            seen_at: self.seen_at,
        }
    }

    /// Whether a row holds a choice that its field's definition lacks.
    pub fn has_new_choice(&self, row: &Value, fields: &[String]) -> bool {
        let named = fields.iter().filter_map(|name| self.fields.named(name).ok().flatten());
        named.filter(|named| matches!(named.definition.ty.as_str(), "enum" | "set")).any(|named| {
            let code = &named.definition.code;
            let held = if self.kind == Kind::Lead { &row[code] } else { &row["custom_fields"][code] };
            let ids = held.as_array().map_or_else(|| std::slice::from_ref(held), Vec::as_slice);
            ids.iter().filter_map(Value::as_i64).any(|id| named.definition.label(id).is_none())
        })
    }

    /// Whether a row of the present version lacks a field that it should hold, be it as null: the field was removed at Pipedrive.
    pub fn lacks(&self, row: &Value, fields: &[String]) -> bool {
        let Some(held) = row["custom_fields"].as_object() else { return false };
        let named = fields.iter().filter_map(|name| self.fields.named(name).ok().flatten());
        named.into_iter().any(|named| !held.contains_key(&named.definition.code))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seeing(object: Kind, kind: Kind, hands: &Hands) -> Seeing<'_> {
        let users =
            [("7".to_owned(), super::super::names::Person { name: "Dana".to_owned(), email: "dana@acme.example".to_owned() })].into();
        let names = Names { users, ..Names::default() };
        Seeing { object, kind, fields: Arc::default(), names, hands, offset_ms: 0, seen_at: Timestamp::UNIX_EPOCH }
    }

    fn fields(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_person_s_primary_address_is_the_address_and_blank_numbers_are_none() {
        let hands = Hands::default();
        let row = json!({"id": 3, "name": "Ada", "owner_id": 7, "update_time": "2026-01-05T10:00:00Z", "custom_fields": null,
            "emails": [{"value": "old@x.example", "primary": false}, {"value": "ada@x.example", "primary": true}], "phones": [{"value": "", "primary": true}]});
        let look = seeing(Kind::Person, Kind::Person, &hands)
            .look(&row, &fields(&["email", "emails", "phone", "owner.name", "org_id"]))
            .expect("look");
        let expected = json!({"email": "ada@x.example", "emails": ["old@x.example", "ada@x.example"], "phone": null, "owner.name": "Dana", "org_id": null});
        assert_eq!((Value::Object(look.row), look.version.as_deref()), (expected, Some("2026-01-05T10:00:00Z")));
    }

    #[test]
    fn a_note_among_activities_has_their_fields_as_far_as_it_goes() {
        let hands = Hands::default();
        let row = json!({"id": 5, "user_id": 7, "content": "<p>They want more.</p>", "org_id": 1, "person_id": null, "active_flag": true,
            "add_time": "2026-01-05 10:00:00", "update_time": "2026-01-05 10:00:00"});
        let look = seeing(Kind::Activity, Kind::Note, &hands)
            .look(&row, &fields(&["kind", "note", "done", "org_id", "owner.name", "entente_id"]))
            .expect("look");
        assert_eq!((look.object.as_str(), look.id.as_str()), ("activities", "note-5"));
        let expected =
            json!({"kind": "Note", "note": "They want more.", "done": null, "org_id": "1", "owner.name": "Dana", "entente_id": null});
        assert_eq!(Value::Object(look.row), expected);
    }

    #[test]
    fn every_word_for_gone_is_known() {
        for row in [json!({"is_deleted": true}), json!({"active_flag": false}), json!({"deleted": true}), json!({"status": "deleted"})] {
            assert!(is_gone(&row), "{row}");
        }
        assert!(!is_gone(&json!({"is_deleted": false, "status": "lost"})));
    }
}
