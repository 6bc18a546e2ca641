//! Tags, which are attached to contacts, companies, conversations and tickets, and notes of contacts and companies.

use serde_json::{Value, json};

use super::call::{Call, list};
use super::refusal::{Answer, Outcome, Refusal};
use super::state::{Kind, Record, State};
use super::text::{escaped, id, seconds, wrapped};

/// A tag. Names keep their case and their spaces.
#[derive(Debug, Clone)]
pub(crate) struct Tag {
    pub(crate) id: String,
    pub(crate) name: String,
}

impl Tag {
    fn shown(&self) -> Value {
        json!({"type": "tag", "id": self.id, "name": escaped(&self.name)})
    }
}

/// A note that colleagues wrote.
#[derive(Debug, Clone)]
pub(crate) struct Note {
    pub(crate) id: String,
    pub(crate) of: (Kind, String),
    author: String,
    body: String,
    created_ms: i64,
}

impl State {
    /// Tags of a record with who attached them, as companies, conversations and tickets show them.
    pub(crate) fn tags_shown(&self, record: &Record) -> Vec<Value> {
        let named = |id: &str| self.tags.iter().find(|tag| tag.id == id);
        let shown = record.tags.iter().filter_map(|(tag, by, at)| {
            let mut shown = named(tag)?.shown();
            shown["applied_at"] = json!(seconds(*at));
            shown["applied_by"] = json!({"type": "admin", "id": by});
            Some(shown)
        });
        shown.collect()
    }

    /// The tag of that name, made if need be.
    pub(crate) fn tag_named(&mut self, name: &str) -> String {
        if let Some(tag) = self.tags.iter().find(|tag| tag.name.eq_ignore_ascii_case(name)) {
            return tag.id.clone();
        }
        let id = self.small_id();
        self.tags.push(Tag { id: id.clone(), name: name.to_owned() });
        id
    }

    /// Attaches a tag, or takes it off.
    pub(crate) fn set_tag(&mut self, kind: Kind, of: &str, tag: &str, by: &str, attached: bool) -> Result<(), Refusal> {
        if !self.tags.iter().any(|known| known.id == tag) {
            return Err(Refusal::new(404, "tag_not_found", "Tag not found"));
        }
        let held = self.record(kind, of)?;
        let has = held.tags.iter().any(|(held, ..)| held == tag);
        let role = held.text("role").unwrap_or("user").to_owned();
        if has == attached {
            return Ok(());
        }
        let now = self.now_ms;
        if let Some(record) = self.touch(kind, of) {
            if attached {
                record.tags.push((tag.to_owned(), by.to_owned(), now));
            } else {
                record.tags.retain(|(held, ..)| held != tag);
            }
        }
        match kind {
            Kind::Contact => self.tell_tag(&role, of, tag, attached),
            Kind::Conversation if attached => self.tell("conversation_part.tag.created", kind, of),
            _ => {}
        }
        Ok(())
    }

    /// `/tags/…`. The creation is several calls in one: it also renames, attaches and takes off.
    pub(crate) fn tag_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        match (call.method.as_str(), rest) {
            ("GET", []) => list(self.tags.iter().map(Tag::shown).collect()),
            ("GET", [wanted]) => {
                let tag = self.tags.iter().find(|tag| tag.id == *wanted);
                Ok(Answer::ok(tag.ok_or_else(|| Refusal::new(404, "tag_not_found", "Tag not found"))?.shown()))
            }
            ("POST", []) => {
                let name = call.text("name").ok_or_else(|| Refusal::absent("name"))?.to_owned();
                let tag = match call.id("id") {
                    Some(wanted) => {
                        let tag = self.tags.iter_mut().find(|tag| tag.id == wanted).ok_or_else(Refusal::nothing)?;
                        tag.name.clone_from(&name);
                        wanted
                    }
                    None => self.tag_named(&name),
                };
                let us = self.us();
                for (list, kind) in [("users", Kind::Contact), ("companies", Kind::Company)] {
                    for item in call.body.get(list).and_then(Value::as_array).into_iter().flatten() {
                        let by_key = item["company_id"].as_str().and_then(|key| {
                            let mut all = self.records[kind.index()].values();
                            all.find(|record| record.text("company_id") == Some(key)).map(|record| record.id.clone())
                        });
                        let of = id(item.get("id")).or(by_key).ok_or_else(|| Refusal::missing(kind))?;
                        self.set_tag(kind, &of, &tag, &us, item["untag"] != true)?;
                    }
                }
                let shown = self.tags.iter().find(|known| known.id == tag).map(Tag::shown);
                Ok(Answer::ok(shown.unwrap_or_default()))
            }
            ("DELETE", [wanted]) => {
                self.tags.retain(|tag| tag.id != *wanted);
                for record in self.records.iter_mut().flat_map(|table| table.values_mut()) {
                    record.tags.retain(|(held, ..)| held != wanted);
                }
                Ok(Answer { status: 200, body: Some(json!({"id": wanted, "object": "tag", "deleted": true})) })
            }
            _ => Err(Refusal::nothing()),
        }
    }

    /// `/contacts/{id}/tags/…`, and the same of conversations and tickets, where an admin must be named.
    pub(crate) fn tagged_routes(&mut self, call: &Call, kind: Kind, of: &str, rest: &[&str]) -> Outcome {
        self.record(kind, of)?;
        let by = match kind {
            Kind::Contact => self.us(),
            _ if call.method == http::Method::GET => self.us(),
            _ => self.admin_of(call.id("admin_id"))?,
        };
        let tag = match (call.method.as_str(), rest) {
            ("GET", []) if kind == Kind::Contact => {
                let record = self.record(kind, of)?;
                return list(self.tags.iter().filter(|tag| record.tags.iter().any(|(held, ..)| *held == tag.id)).map(Tag::shown).collect());
            }
            ("POST", []) => {
                let tag = call.id("id").ok_or_else(|| Refusal::absent("id"))?;
                self.set_tag(kind, of, &tag, &by, true)?;
                tag
            }
            ("DELETE", [tag]) => {
                self.set_tag(kind, of, tag, &by, false)?;
                (*tag).to_owned()
            }
            _ => return Err(Refusal::nothing()),
        };
        let mut shown = self.tags.iter().find(|known| known.id == tag).map(Tag::shown).unwrap_or_default();
        shown["applied_at"] = json!(seconds(self.now_ms));
        shown["applied_by"] = json!({"type": "admin", "id": by});
        Ok(Answer::ok(shown))
    }

    fn note_shown(&self, note: &Note) -> Value {
        let (kind, of) = &note.of;
        let author = self.admins.iter().find(|admin| admin.id == note.author).map(super::people::Admin::shown);
        let mut shown = json!({"type": "note", "id": note.id, "created_at": seconds(note.created_ms), "author": author, "body": note.body});
        shown[kind.singular()] = json!({"type": kind.singular(), "id": of});
        shown
    }

    /// Writes a note; gives its id.
    pub(crate) fn add_note(&mut self, kind: Kind, of: &str, body: &str, by: &str) -> Result<String, Refusal> {
        self.record(kind, of)?;
        let id = self.small_id();
        let note = Note { id: id.clone(), of: (kind, of.to_owned()), author: by.to_owned(), body: wrapped(body), created_ms: self.now_ms };
        self.notes.push(note);
        Ok(id)
    }

    /// `/contacts/{id}/notes` and `/companies/{id}/notes`, and `/notes/{id}`.
    pub(crate) fn note_routes(&mut self, call: &Call, kind: Kind, of: &str) -> Outcome {
        self.record(kind, of)?;
        match call.method.as_str() {
            "GET" => {
                let rows: Vec<Value> =
                    self.notes.iter().rev().filter(|note| note.of.0 == kind && note.of.1 == of).map(|note| self.note_shown(note)).collect();
                let total = rows.len();
                let (rows, pages) = call.numbered(rows, 50, 150)?;
                Ok(Answer::ok(json!({"type": "list", "data": rows, "total_count": total, "pages": pages})))
            }
            "POST" => {
                let body = call.text("body").ok_or_else(|| Refusal::absent("body"))?.to_owned();
                let by = match call.id("admin_id") {
                    None => self.us(),
                    given => self.admin_of(given)?,
                };
                let id = self.add_note(kind, of, &body, &by)?;
                self.note(&id)
            }
            _ => Err(Refusal::nothing()),
        }
    }

    /// `GET /notes/{id}`.
    pub(crate) fn note(&self, id: &str) -> Outcome {
        let note = self.notes.iter().find(|note| note.id == id).ok_or_else(Refusal::nothing)?;
        Ok(Answer::ok(self.note_shown(note)))
    }
}
