//! Writes, row by row: Intercom has no batches for them.

use std::sync::Arc;

use entente_model::actor::Actor;
use entente_model::mapping::remote::Row;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Map, Value, json};

use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::look::Existence;
use crate::transport::call::Call;
use crate::write::{Write, WriteKind, WriteOutcome, WriteTarget, Written};

use super::kind::{Kind, TICKET, is_id};
use super::map::{Beside, Wanted, gone, id_text, is_ticket, look, version};
use super::put::{body, case_body, is_blank, takes};
use super::refusal::{self, holder};
use super::rows::View;
use super::schema::Fields;
use super::wire::{read, seen, send};
use super::{Intercom, SPEC};

impl Intercom {
    /// See [`Connector::write`](crate::connector::Connector::write).
    pub(super) async fn write_rows(
        &self,
        target: &WriteTarget,
        writes: &[Write],
        priority: Priority,
    ) -> Result<Vec<WriteOutcome>, VendorError> {
        let kind = Kind::named(&target.object)?;
        if writes.iter().any(|write| write.kind == WriteKind::Create) {
            self.key_must_fit(kind, &target.key_field)?;
        }
        let names: Vec<String> = writes.iter().flat_map(|write| write.row.keys()).cloned().collect();
        let fields = self.fields_for(kind, &names, priority).await?;
        let fields = &fields;
        Ok(stream::iter(writes.to_vec())
            .map(|write| async move {
                match (write.kind, kind) {
                    (WriteKind::Create, Kind::Contact) => self.create_contact(&write, fields, priority).await,
                    (WriteKind::Create, Kind::Company) => self.create_company(&write, fields, priority).await,
                    (WriteKind::Create, Kind::Conversation) => self.create_ticket(target, &write, fields, priority).await,
                    (WriteKind::Update, _) => self.update(target, kind, &write, fields, priority).await,
                    (WriteKind::Delete, _) => self.delete(kind, &write, priority).await,
                }
            })
            .buffered(SPEC.concurrency)
            .collect()
            .await)
    }

    async fn create_contact(&self, write: &Write, fields: &Arc<Fields>, priority: Priority) -> WriteOutcome {
        let mut body = body(Kind::Contact, &write.row, fields)?;
        let role = body.remove("role").filter(|role| role.is_string()).unwrap_or_else(|| json!("user"));
        drop_blanks(&mut body);
        body.insert("role".to_owned(), role);
        body.insert("external_id".to_owned(), json!(write.key));
        let company = company_of(write);
        let call = Call::post("/contacts", Value::Object(body.clone())).accept(&[409]);
        let answer = self.client.call("create", priority, call).await?;
        if answer.status != 409 {
            let row = read(&self.client, &answer)?.body;
            return self.settled(write, row, company, Some(true), priority).await;
        }
        // The index may not know yet who has the address or the key; the refusal does.
        let told = refusal::refuse(&answer, self.client.now());
        let Some((id, archived)) = holder(&told) else { return Err(told) };
        let View::Row(row) = self.view(Kind::Contact, &id, priority).await? else { return Err(told) };
        if archived || row["archived"] == true {
            // Nobody else may have the address while its holder is in the archive.
            let call = Call::post(format!("/contacts/{id}/unarchive"), json!({})).idempotent();
            send(&self.client, "unarchive", priority, call).await?;
        }
        if row["external_id"] == *write.key {
            let call = Call::put(format!("/contacts/{id}"), Value::Object(body)).idempotent();
            let row = send(&self.client, "update", priority, call).await?.body;
            return self.settled(write, row, company, Some(false), priority).await;
        }
        // Somebody else's row, or nobody's yet: it is looked for, found and linked, and nothing of it is overwritten unseen.
        Err(told)
    }

    /// A contact that was written, put into its company.
    async fn settled(
        &self,
        write: &Write,
        row: Value,
        company: Option<Option<String>>,
        created: Option<bool>,
        priority: Priority,
    ) -> WriteOutcome {
        let id = id_text(&row["id"]).ok_or_else(untold)?;
        let Some(company) = company else { return self.written(Kind::Contact, &row, created) };
        if !self.move_into(&id, &row, company, priority).await? {
            return self.written(Kind::Contact, &row, created);
        }
        match self.view(Kind::Contact, &id, priority).await? {
            View::Row(row) => self.written(Kind::Contact, &row, created),
            View::Gone | View::MergedInto(_) => Err(VendorError { field: Some("company_id".to_owned()), ..vanished(write) }),
        }
    }

    /// Puts a company first among a contact's: those before it are detached, because the first one counts; those after it stay.
    /// Whether anything had to be done.
    async fn move_into(&self, contact: &str, row: &Value, company: Option<String>, priority: Priority) -> Result<bool, VendorError> {
        let listed = |row: &Value| -> Vec<String> {
            let list = row["companies"]["data"].as_array().or_else(|| row["data"].as_array());
            list.into_iter().flatten().filter_map(|company| id_text(&company["id"])).collect()
        };
        let mut held = listed(row);
        if held.first() == company.as_ref() {
            return Ok(false);
        }
        let path = format!("/contacts/{contact}/companies");
        if let Some(company) = &company
            && !held.contains(company)
        {
            let call = Call::post(path.clone(), json!({"id": company})).idempotent();
            send(&self.client, "attach", priority, call).await?;
            held = listed(&send(&self.client, "view", priority, Call::get(path.clone())).await?.body);
        }
        let before = held.into_iter().take_while(|held| Some(held) != company.as_ref());
        let calls = stream::iter(before.map(|held| Call::delete(format!("{path}/{held}")).idempotent().accept(&[404])).collect::<Vec<_>>());
        calls.map(|call| send(&self.client, "detach", priority, call)).buffered(SPEC.concurrency).try_collect::<Vec<_>>().await?;
        Ok(true)
    }

    async fn create_company(&self, write: &Write, fields: &Arc<Fields>, priority: Priority) -> WriteOutcome {
        let mut body = body(Kind::Company, &write.row, fields)?;
        drop_blanks(&mut body);
        body.insert("company_id".to_owned(), json!(write.key));
        // The same call makes the company and, repeated, finds it.
        let call = Call::post("/companies", Value::Object(body)).idempotent();
        let read = send(&self.client, "create", priority, call).await?;
        self.written(Kind::Company, &read.body, None)
    }

    async fn update(&self, target: &WriteTarget, kind: Kind, write: &Write, fields: &Arc<Fields>, priority: Priority) -> WriteOutcome {
        let id = id_of(write)?;
        if kind == Kind::Conversation {
            return self.update_case(target, write, id, fields, priority).await;
        }
        let mut changes = body(kind, &write.row, fields)?;
        if kind == Kind::Contact && changes.remove("external_id").is_some_and(|given| !given.is_null()) {
            changes.extend(write.row.get("external_id").map(|given| ("external_id".to_owned(), given.clone())));
        }
        let company = company_of(write).filter(|_| kind == Kind::Contact);
        if changes.is_empty() && company.is_none() {
            return Ok(Written { id: id.to_owned(), created: None, version: None, look: None });
        }
        let looks_first = write.expect.is_some() || company.is_some();
        let _turn = if looks_first { Some(self.client.turn(priority).await) } else { None };
        let mut row = match (&write.expect, &company) {
            (None, None) => Value::Null,
            _ => self.as_expected(kind, write, id, priority).await?,
        };
        if !changes.is_empty() {
            let call = Call::put(format!("/{}/{id}", kind.plural()), Value::Object(changes)).idempotent();
            row = send(&self.client, "update", priority, call).await?.body;
        }
        if kind == Kind::Contact { self.settled(write, row, company, None, priority).await } else { self.written(kind, &row, None) }
    }

    /// The row as it is now, unless it has moved on: there are no preconditions, and a look right before leaves a race of seconds.
    async fn as_expected(&self, kind: Kind, write: &Write, id: &str, priority: Priority) -> Result<Value, VendorError> {
        let View::Row(row) = self.view(kind, id, priority).await? else { return Err(vanished(write)) };
        if row["archived"] == true {
            return Err(vanished(write));
        }
        match &write.expect {
            Some(expected) if version(&row).is_some_and(|found| found != *expected) => Err(moved_on()),
            _ => Ok(*row),
        }
    }

    async fn update_case(&self, target: &WriteTarget, write: &Write, id: &str, fields: &Arc<Fields>, priority: Priority) -> WriteOutcome {
        let _turn = self.client.turn(priority).await;
        let row = self.as_expected(Kind::Conversation, write, id, priority).await?;
        let mut wanted = write.row.clone();
        // Conversations have no attribute that could carry the key, nor have tickets of other types than ours: their ids link them.
        if let Some(key) = target.key_field.strip_prefix(TICKET)
            && !(is_ticket(&row) && takes(&row, key))
        {
            wanted.remove(&target.key_field);
        }
        let made = case_body(&row, &wanted, fields)?;
        self.has_already(&row, &wanted, made.refusals, priority).await?;
        if made.body.is_empty() {
            return Ok(Written { id: id.to_owned(), created: None, version: version(&row), look: None });
        }
        let path = if is_ticket(&row) { format!("/tickets/{id}") } else { format!("/conversations/{id}") };
        let read = send(&self.client, "update", priority, Call::put(path, Value::Object(made.body)).idempotent()).await?;
        Ok(Written { id: id.to_owned(), created: None, version: version(&read.body), look: None })
    }

    /// Lets pass what cannot be written and need not be, because the row shows it; the first other refusal stands.
    async fn has_already(&self, row: &Value, wanted: &Row, refusals: Vec<VendorError>, priority: Priority) -> Result<(), VendorError> {
        let names: Vec<String> = refusals.iter().filter_map(|refusal| refusal.field.clone()).collect();
        if names.is_empty() {
            return Ok(());
        }
        let looks = self.looks(Kind::Conversation, std::slice::from_ref(row), &names, seen(&self.client), priority).await?;
        let shown = looks.first().map(|look| &look.row);
        let differs = |refusal: &VendorError| {
            let name = refusal.field.as_deref().unwrap_or_default();
            let (wanted, shown) = (wanted.get(name).unwrap_or(&Value::Null), shown.and_then(|row| row.get(name)));
            // What no answer shows may be anything. Nothing ticked is no tick.
            let nothing = |value: &Value| is_blank(value) || *value == false;
            shown.is_none_or(|shown| shown != wanted && !(nothing(shown) && nothing(wanted)))
        };
        refusals.into_iter().find(differs).map_or(Ok(()), Err)
    }

    async fn delete(&self, kind: Kind, write: &Write, priority: Priority) -> WriteOutcome {
        let id = id_of(write)?;
        let mut path = format!("/{}/{id}", kind.plural());
        if kind == Kind::Conversation
            && let View::Row(row) = self.view(kind, id, priority).await?
            && is_ticket(&row)
        {
            path = format!("/tickets/{id}");
        }
        let read = send(&self.client, "delete", priority, Call::delete(path).idempotent().accept(&[404, 410])).await?;
        let look = gone(kind, id.to_owned(), Existence::Deleted, None, read.seen);
        Ok(Written { id: id.to_owned(), created: None, version: None, look: Some(look) })
    }

    /// A write that landed, with the row as the answer shows it.
    fn written(&self, kind: Kind, row: &Value, created: Option<bool>) -> WriteOutcome {
        let id = id_text(&row["id"]).ok_or_else(untold)?;
        let (known, fields) = (self.directory.known(), self.schemas.known(kind));
        // Without the schema nobody knows which attributes are blank.
        let mut look = fields.and_then(|fields| {
            let beside = Beside { names: Some(known.names()), fields: Some(&fields), companies: None };
            look(kind, row, beside, Wanted::All, seen(&self.client))
        });
        if let Some(look) = &mut look {
            look.mark.by = Actor::Us;
        }
        Ok(Written { id, created, version: version(row), look })
    }
}

/// What an answer shows as blank need not be said of a new row.
fn drop_blanks(body: &mut Map<String, Value>) {
    body.retain(|_, value| !value.is_null());
    if let Some(custom) = body.get_mut("custom_attributes").and_then(Value::as_object_mut) {
        custom.retain(|_, value| !value.is_null());
    }
}

/// The company that a write puts a contact into, or none; nothing when it says nothing of it.
fn company_of(write: &Write) -> Option<Option<String>> {
    write.row.get("company_id").map(id_text)
}

pub(super) fn id_of(write: &Write) -> Result<&str, VendorError> {
    write.id.as_deref().filter(|id| is_id(id)).ok_or_else(|| {
        VendorError::new(
            Class::Data,
            "bad_id",
            "the record's link to Intercom carries no usable id",
            "unlink the record from Intercom and link it again",
        )
    })
}

fn vanished(write: &Write) -> VendorError {
    let id = write.id.as_deref().unwrap_or("it");
    VendorError::new(Class::LookAgain, "vanished", format!("{id} is no longer there"), "nothing: the row is looked at again")
}

fn moved_on() -> VendorError {
    VendorError::new(
        Class::LookAgain,
        "moved_on",
        "the row was changed at Intercom since it was looked at",
        "nothing: the row is looked at again",
    )
}

/// The error of an answer that does not say what became of the row.
pub(super) fn untold() -> VendorError {
    VendorError::new(
        Class::Retry,
        "unreadable",
        "Intercom did not say what became of the row",
        "nothing: the row is looked at again before anything is repeated",
    )
}
