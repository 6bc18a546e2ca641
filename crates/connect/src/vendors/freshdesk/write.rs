//! Writes, row by row: Freshdesk's bulk calls know tickets alone and tell nothing of single rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use entente_model::actor::Actor;
use futures::stream::{self, StreamExt};
use serde_json::{Map, Value, json};

use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::html;
use crate::look::Existence;
use crate::transport::call::{Answer, Call};
use crate::write::{Write, WriteKind, WriteOutcome, WriteTarget, Written};

use super::fields::{WRITE_ONLY, attribute};
use super::kind::{Kind, is_number};
use super::map::{Names, Wanted, gone, id_text, look, version};
use super::put::body;
use super::refusal::{self, ADVICE_TAKEN, flaws};
use super::rows::key_must_be;
use super::schema::Fields;
use super::wire::{NEW_TICKETS, Read, TICKET_UPDATES, read, seen, send};
use super::{Freshdesk, SPEC};

/// Codes of a new ticket that says nothing else: open, of low priority, from the portal.
const NEW_TICKET: [(&str, u64); 3] = [("status", 2), ("priority", 1), ("source", 2)];

/// One creation that is being carried out.
struct Creation<'a> {
    kind: Kind,
    key: &'a str,
    /// The attribute that carries the key: its place among custom fields, or nothing for contacts.
    custom_key: Option<String>,
    body: Map<String, Value>,
    /// The text that only colleagues may read.
    note: Option<String>,
}

impl Freshdesk {
    /// See [`Connector::write`](crate::connector::Connector::write).
    pub(super) async fn write_rows(
        &self,
        target: &WriteTarget,
        writes: &[Write],
        priority: Priority,
    ) -> Result<Vec<WriteOutcome>, VendorError> {
        let kind = Kind::named(&target.object)?;
        let creates: Vec<&Write> = writes.iter().filter(|write| write.kind == WriteKind::Create).collect();
        if kind == Kind::Contact && !creates.is_empty() {
            key_must_be(&target.key_field, "unique_external_id")?;
        }
        let names = writes.iter().flat_map(|write| write.row.keys()).filter(|name| name.starts_with(kind.custom()));
        let names: BTreeSet<String> = names.cloned().collect();
        let fields = if names.is_empty() { Arc::default() } else { self.fields_with(kind, &names, priority).await? };
        // Contacts tell by themselves that their key is taken.
        let known = if kind == Kind::Contact {
            BTreeMap::new()
        } else {
            let keys: Vec<&str> = creates.iter().map(|write| write.key.as_str()).collect();
            self.ids_by_key(kind, &keys, &target.key_field, priority).await?
        };
        let (fields, known) = (&fields, &known);
        Ok(stream::iter(writes.to_vec())
            .map(|write| async move {
                match write.kind {
                    WriteKind::Create => self.create(kind, target, &write, fields, known.get(&write.key), priority).await,
                    WriteKind::Update => self.update(kind, &write, fields, priority).await,
                    WriteKind::Delete => self.delete(kind, &write, priority).await,
                }
            })
            .buffered(SPEC.concurrency)
            .collect()
            .await)
    }

    async fn create(
        &self,
        kind: Kind,
        target: &WriteTarget,
        write: &Write,
        fields: &Fields,
        known: Option<&Vec<String>>,
        priority: Priority,
    ) -> WriteOutcome {
        let mut creation = Creation { kind, key: &write.key, custom_key: None, body: body(kind, &write.row, fields)?, note: None };
        if kind == Kind::Contact {
            creation.body.insert("unique_external_id".to_owned(), json!(write.key));
        } else {
            let name = self.key_name(kind, &target.key_field, priority).await?;
            creation.body.entry("custom_fields").or_insert_with(|| json!({}))[&name] = json!(write.key);
            creation.custom_key = Some(name);
        }
        // What an answer shows as null need not be said of a new row, and empty attributes are refused here and there.
        creation.body.retain(|_, value| !value.is_null());
        if let Some(custom) = creation.body.get_mut("custom_fields").and_then(Value::as_object_mut) {
            custom.retain(|_, value| !value.is_null());
        }
        if kind == Kind::Ticket {
            self.dress(&mut creation, write, priority).await?;
        }
        if let Some(id) = known.and_then(|ids| ids.first()) {
            return self.take_up(&creation, id, priority).await;
        }
        let mut call = Call::post(format!("/api/v2/{}", kind.plural()), Value::Object(creation.body.clone())).accept(&[400, 409]);
        if kind == Kind::Ticket {
            call = call.bucket(NEW_TICKETS);
        }
        let answer = self.client.call("create", priority, call).await?;
        if answer.status >= 400 {
            return self.refused_creation(&creation, &answer, priority).await;
        }
        let made = read(&self.client, &answer)?;
        if let (Some(note), Some(id)) = (&creation.note, id_text(&made.body["id"])) {
            // A ticket whose note is missing is found by its key and gets it then.
            self.add_note(&id, note, priority).await?;
        }
        self.written(kind, &made, Some(true))
    }

    /// What a new ticket needs beside its mapped attributes.
    async fn dress(&self, creation: &mut Creation<'_>, write: &Write, priority: Priority) -> Result<(), VendorError> {
        let body = &mut creation.body;
        for (name, code) in NEW_TICKET {
            body.entry(name).or_insert_with(|| json!(code));
        }
        let subject = body.get("subject").and_then(Value::as_str).filter(|text| !text.is_empty()).unwrap_or("-").to_owned();
        body.insert("subject".to_owned(), json!(subject));
        let description = write.row.get("description").and_then(Value::as_str).filter(|text| !text.is_empty());
        let internal = write.row.get("internal").is_some_and(|value| *value == true);
        if internal {
            // Whoever may see the company's tickets sees a description. What is meant for colleagues goes into a note.
            creation.note = description.map(str::to_owned);
        }
        if internal || description.is_none() {
            body.insert("description".to_owned(), json!(html::of_text(&subject)));
        }
        if !body.contains_key("requester_id") {
            let wanted = write.row.get("requester_agent_email").and_then(Value::as_str).filter(|email| !email.is_empty());
            let agent = match wanted {
                Some(email) => self.agent_of(email, priority).await,
                None => None,
            };
            // Without such an agent our own one asks: nobody is created, and no customer hears of the ticket.
            let id = match agent {
                Some(id) => Some(id),
                None => self.our_id(priority).await?,
            };
            if let Some(id) = id.and_then(|id| id.parse::<u64>().ok()) {
                body.insert("requester_id".to_owned(), json!(id));
            }
        }
        Ok(())
    }

    async fn add_note(&self, ticket: &str, text: &str, priority: Priority) -> Result<(), VendorError> {
        let note = json!({"body": html::of_text(text), "private": true});
        send(&self.client, "note", priority, Call::post(format!("/api/v2/tickets/{ticket}/notes"), note)).await.map(drop)
    }

    /// Goes on with a row that an earlier attempt made: what it may lack is written, and nothing is made twice.
    async fn take_up(&self, creation: &Creation<'_>, id: &str, priority: Priority) -> WriteOutcome {
        let kind = creation.kind;
        let mut body = creation.body.clone();
        if kind == Kind::Ticket {
            // Subject and description are what they were at the first attempt, and its agents may have gone on since.
            body.retain(|name, _| matches!(name.as_str(), "custom_fields" | "company_id" | "tags"));
            if let Some(note) = &creation.note
                && !self.has_note(id, priority).await?
            {
                self.add_note(id, note, priority).await?;
            }
        }
        let read = self.put(kind, id, Value::Object(body), priority).await?;
        self.written(kind, &read, Some(false))
    }

    async fn has_note(&self, ticket: &str, priority: Priority) -> Result<bool, VendorError> {
        let read = send(&self.client, "conversations", priority, Call::get(format!("/api/v2/tickets/{ticket}/conversations"))).await?;
        Ok(read.rows()?.iter().any(|each| each["private"] == true))
    }

    /// A creation that was refused, perhaps because the row is there already.
    async fn refused_creation(&self, creation: &Creation<'_>, answer: &Answer, priority: Priority) -> WriteOutcome {
        let told = refusal::refuse(answer, self.client.now());
        if told.code != "duplicate_value" {
            return Err(told);
        }
        let flaws = flaws(&answer.body);
        let text = |name: &str| creation.body.get(name).and_then(Value::as_str);
        let holder = match creation.kind {
            Kind::Ticket => None,
            Kind::Company => match text("name") {
                Some(name) => self.ids_by_name(Kind::Company, name, priority).await?.into_iter().next(),
                None => None,
            },
            Kind::Contact => match flaws.iter().find_map(|flaw| flaw.holder.clone()) {
                Some(id) => Some(id),
                None => self.holder_of(creation, text("email"), priority).await?,
            },
        };
        let Some(id) = holder else { return Err(told) };
        let Some(row) = self.view(creation.kind, &id, &[], priority).await? else {
            let reason = "the address belongs to an agent of the desk, who cannot be a contact as well";
            return Err(
                unusable("agent_address", reason, "give the contact another address, or stop the agent from being one").about("email")
            );
        };
        let key = match &creation.custom_key {
            Some(name) => row["custom_fields"][name].as_str(),
            None => row["unique_external_id"].as_str(),
        };
        let ours = key.is_some_and(|key| key.eq_ignore_ascii_case(creation.key));
        if row["deleted"] == true {
            let reason = format!("the value is kept by contact {id}, who is deleted at Freshdesk");
            return Err(unusable("deleted_holder", reason, "restore that contact at Freshdesk, or delete it there for good").about("email"));
        }
        if ours {
            return self.take_up(creation, &id, priority).await;
        }
        // Somebody else's row, or nobody's yet: it is looked for, found and linked, and nothing of it is overwritten unseen.
        Err(VendorError { advice: ADVICE_TAKEN, ..told })
    }

    async fn holder_of(&self, creation: &Creation<'_>, email: Option<&str>, priority: Priority) -> Result<Option<String>, VendorError> {
        let mut rows = self.list_by(Kind::Contact, "unique_external_id", creation.key, priority).await?;
        if let Some(email) = email.filter(|_| rows.is_empty()) {
            rows = self.list_by(Kind::Contact, "email", email, priority).await?;
        }
        Ok(rows.first().and_then(|row| id_text(&row["id"])))
    }

    async fn update(&self, kind: Kind, write: &Write, fields: &Fields, priority: Priority) -> WriteOutcome {
        let id = id_of(write)?;
        if let Some(name) = write.row.keys().find(|name| WRITE_ONLY.contains(&name.as_str()) && attribute(kind, name).is_some()) {
            return Err(refusal::misfit(
                "immutable_field",
                format!("Freshdesk's {} take a value for `{name}` only when they are made", kind.plural()),
                "map the field so that it stays as it is once the ticket exists",
            )
            .about(name));
        }
        let body = body(kind, &write.row, fields)?;
        if body.is_empty() {
            return Ok(Written { id: id.to_owned(), created: None, version: None, look: None });
        }
        let _turn = if write.expect.is_some() { Some(self.client.turn(priority).await) } else { None };
        if let Some(expected) = &write.expect {
            // There are no preconditions: a look right before leaves seconds at most in which a write can cross another one.
            let row = self.view(kind, id, &[], priority).await?.ok_or_else(vanished)?;
            if version(&row).is_some_and(|found| found != *expected) {
                return Err(moved_on());
            }
        }
        let read = self.put(kind, id, Value::Object(body), priority).await?;
        self.written(kind, &read, None)
    }

    /// Changes a row. One that is set aside takes no writes: a blocked contact stays so until a person unblocks it.
    async fn put(&self, kind: Kind, id: &str, body: Value, priority: Priority) -> Result<Read, VendorError> {
        let mut call = Call::put(format!("/api/v2/{}/{id}", kind.plural()), body).idempotent();
        if kind == Kind::Ticket {
            call = call.bucket(TICKET_UPDATES);
        }
        match send(&self.client, "update", priority, call).await {
            Err(error) if error.status == 405 => match self.view(kind, id, &[], priority).await? {
                Some(row) if !super::map::is_gone(&row) => {
                    let reason = format!("{} {id} takes no changes at Freshdesk: it is blocked or archived", kind.singular());
                    Err(VendorError {
                        class: Class::Data,
                        code: "set_aside".to_owned(),
                        message: reason,
                        advice: "unblock it at Freshdesk, or discard this change",
                        ..error
                    })
                }
                _ => Err(error),
            },
            other => other,
        }
    }

    async fn delete(&self, kind: Kind, write: &Write, priority: Priority) -> WriteOutcome {
        let id = id_of(write)?;
        let call = Call::delete(format!("/api/v2/{}/{id}", kind.plural())).idempotent().accept(&[404, 405]);
        let read = send(&self.client, "delete", priority, call).await?;
        if read.status == 405 && !self.view(kind, id, &[], priority).await?.is_none_or(|row| super::map::is_gone(&row)) {
            let reason = format!("{} {id} cannot be deleted at Freshdesk", kind.singular());
            return Err(unusable("set_aside", reason, "unblock it at Freshdesk, or delete it there by hand"));
        }
        let look = gone(kind, id.to_owned(), Existence::Deleted, None, read.seen);
        Ok(Written { id: id.to_owned(), created: None, version: None, look: Some(look) })
    }

    /// A write that landed, with the row as the answer shows it.
    fn written(&self, kind: Kind, read: &Read, created: Option<bool>) -> WriteOutcome {
        let id = id_text(&read.body["id"]).ok_or_else(untold)?;
        let mut look = look(kind, &read.body, &Names::default(), Wanted::All, seen(&self.client), &mut BTreeSet::new());
        if let Some(look) = &mut look {
            look.mark.by = Actor::Us;
        }
        Ok(Written { id, created, version: version(&read.body), look })
    }
}

fn id_of(write: &Write) -> Result<&str, VendorError> {
    write.id.as_deref().filter(|id| is_number(id)).ok_or_else(|| {
        unusable("bad_id", "the record's link to Freshdesk carries no numeric id", "unlink the record from Freshdesk and link it again")
    })
}

fn unusable(code: &str, reason: impl Into<String>, advice: &'static str) -> VendorError {
    VendorError::new(Class::Data, code, reason, advice)
}

fn vanished() -> VendorError {
    VendorError::new(Class::LookAgain, "vanished", "the row is no longer there", "nothing: the row is looked at again")
}

fn moved_on() -> VendorError {
    VendorError::new(
        Class::LookAgain,
        "moved_on",
        "the row was changed at Freshdesk since it was looked at",
        "nothing: the row is looked at again",
    )
}

/// The error of an answer that does not say what became of the row.
fn untold() -> VendorError {
    VendorError::new(
        Class::Retry,
        "unreadable",
        "Freshdesk did not say what became of the row",
        "nothing: the row is looked at again before anything is repeated",
    )
}
