//! Writes, row by row.
//!
//! An update looks at the row's version right before it is sent, where it was decided on one; whoever came between is looked at again. A
//! creation is known not to make a twin, see [`super::keys`], or goes through the platform's own upsert.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use serde_json::{Map, Value};

use super::Rest;
use super::ask::Gaps;
use super::description::calls::Verb;
use super::description::object::ObjectPart;
use super::known::Fields;
use super::look::version;
use super::put::{Drafting, needs_present};
use super::refusal::{moved_on, not_described, untold, vanished};
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::look::Existence;
use crate::write::{Write, WriteKind, WriteOutcome, WriteTarget, Written};

/// What all writes of a batch share.
struct Batch<'a> {
    object: &'a str,
    part: &'a ObjectPart,
    target: &'a WriteTarget,
    fields: Arc<Fields>,
    /// Rows as they stand.
    present: BTreeMap<String, Value>,
    /// Rows that carry the key of a creation already.
    known: BTreeMap<String, String>,
    priority: Priority,
}

impl Rest {
    /// See [`Connector::write`](crate::connector::Connector::write).
    pub(super) async fn write_rows(
        &self,
        target: &WriteTarget,
        writes: &[Write],
        priority: Priority,
    ) -> Result<Vec<WriteOutcome>, VendorError> {
        let object = target.object.as_str();
        let part = self.object(object)?;
        let creates = || writes.iter().filter(|write| write.kind == WriteKind::Create);
        let mut names: Vec<String> = writes.iter().flat_map(|write| write.row.keys().cloned()).collect();
        names.extend(creates().next().map(|_| target.key_field.clone()));
        let fields = self.fields(object, &names, priority).await?;
        let keys: Vec<&str> = creates().map(|write| write.key.as_str()).collect();
        let known =
            if part.upsert.is_some() { BTreeMap::new() } else { self.ids_by_key(object, &keys, &target.key_field, priority).await? };
        let looked = writes
            .iter()
            .filter(|write| write.kind == WriteKind::Update && (write.expect.is_some() || needs_present(object, &write.row, &fields)));
        let ids: Vec<String> = looked.filter_map(|write| write.id.clone()).collect();
        let present = self.rows_by_id(object, &ids, priority).await?;
        let batch = Batch { object, part, target, fields, present, known, priority };
        let batch = &batch;
        Ok(stream::iter(writes.to_vec())
            .map(|write| async move {
                match write.kind {
                    WriteKind::Create => self.create(batch, &write).await,
                    WriteKind::Update => self.update(batch, &write).await,
                    WriteKind::Delete => self.delete(batch, &write).await,
                }
            })
            .buffered(self.spec.concurrency)
            .collect()
            .await)
    }

    fn draft<'a>(&'a self, batch: &'a Batch<'_>, write: &'a Write, present: &'a Value) -> Drafting<'a> {
        Drafting { object: batch.object, fields: &batch.fields, present, key: &write.key, clear: &self.description.answers.clear }
    }

    /// The body of a row that may be new: with the key, and without what is blank.
    fn whole_body(&self, batch: &Batch<'_>, write: &Write) -> Result<Map<String, Value>, VendorError> {
        let mut row = write.row.clone();
        row.retain(|_, value| !value.is_null());
        row.insert(batch.target.key_field.clone(), Value::from(write.key.as_str()));
        self.draft(batch, write, &Value::Null).body(&row)
    }

    async fn create(&self, batch: &Batch<'_>, write: &Write) -> WriteOutcome {
        if let Some(upsert) = &batch.part.upsert {
            let gaps = Gaps::from([("key", write.key.clone())]);
            let call = self.write_call(upsert, Verb::Put, &gaps, Some(Value::Object(self.whole_body(batch, write)?)));
            let got = self.ask("upsert", batch.priority, call.idempotent()).await?;
            let row = self.written_row(upsert).first(&got.body).cloned().unwrap_or(Value::Null);
            // 201 says that it is new (RFC 9110 §15.3.2); whatever else does not tell.
            let created = if got.status == 201 { Some(true) } else { None };
            return self.written(batch, &row, created).await;
        }
        if let Some(id) = batch.known.get(&write.key) {
            return self.take_up(batch, write, id).await;
        }
        let create = batch.part.create.as_ref().ok_or_else(|| not_described("create", batch.object))?;
        let body = self.whole_body(batch, write)?;
        let got = self.ask("create", batch.priority, self.write_call(create, Verb::Post, &Gaps::new(), Some(Value::Object(body)))).await?;
        let row = self.written_row(create).first(&got.body).cloned().unwrap_or(Value::Null);
        let id = batch.part.row.id.text_in(&row).ok_or_else(|| untold("the id of the row that was made"))?;
        self.remember_key(batch.object, &write.key, &id).await;
        self.written(batch, &row, Some(true)).await
    }

    /// Goes on with a row that an earlier attempt made: what it may lack is written, and nothing is made twice.
    async fn take_up(&self, batch: &Batch<'_>, write: &Write, id: &str) -> WriteOutcome {
        let rows = self.rows_by_id(batch.object, &[id.to_owned()], batch.priority).await?;
        let present = rows.get(id).ok_or_else(vanished)?;
        let body = self.draft(batch, write, present).body(&write.row)?;
        self.change(batch, id, body, present, Some(false)).await
    }

    async fn update(&self, batch: &Batch<'_>, write: &Write) -> WriteOutcome {
        let id = target_of(write)?;
        let present = batch.present.get(id);
        if write.expect.is_some() || needs_present(batch.object, &write.row, &batch.fields) {
            let row = present.ok_or_else(vanished)?;
            let seeing = self.seeing(batch.object, &[], &[], batch.priority).await?;
            if seeing.is_gone(row) {
                return Err(vanished());
            }
            if let (Some(expected), Some(found)) = (&write.expect, version(batch.part, row))
                && found != *expected
            {
                return Err(moved_on());
            }
        }
        let present = present.unwrap_or(&Value::Null);
        let body = self.draft(batch, write, present).body(&write.row)?;
        self.change(batch, id, body, present, None).await
    }

    async fn change(&self, batch: &Batch<'_>, id: &str, body: Map<String, Value>, present: &Value, created: Option<bool>) -> WriteOutcome {
        if body.is_empty() {
            return Ok(Written { id: id.to_owned(), created, version: version(batch.part, present), look: None });
        }
        let update = batch.part.update.as_ref().ok_or_else(|| not_described("change", batch.object))?;
        let gaps = Gaps::from([("id", id.to_owned())]);
        let call = self.write_call(update, Verb::Patch, &gaps, Some(Value::Object(body))).idempotent();
        let got = self.ask("update", batch.priority, call).await?;
        match self.written_row(update).first(&got.body) {
            Some(row) if batch.part.row.id.text_in(row).is_some() => self.written(batch, row, created).await,
            // An answer without the row: it was taken, and is looked at later.
            _ => Ok(Written { id: id.to_owned(), created, version: None, look: None }),
        }
    }

    async fn delete(&self, batch: &Batch<'_>, write: &Write) -> WriteOutcome {
        let id = target_of(write)?;
        let delete = batch.part.delete.as_ref().ok_or_else(|| not_described("delete", batch.object))?;
        let gaps = Gaps::from([("id", id.to_owned())]);
        // One that is gone already is as gone as it should be.
        let call = self.write_call(delete, Verb::Delete, &gaps, None).idempotent().accept(&[404, 410]);
        self.ask("delete", batch.priority, call).await?;
        let seeing = self.seeing(batch.object, &[], &[], batch.priority).await?;
        let look = seeing.gone(id.to_owned(), None);
        Ok(Written { id: look.id.clone(), created: None, version: None, look: Some(look) })
    }

    /// A write that landed, with the row as the answer shows it.
    async fn written(&self, batch: &Batch<'_>, row: &Value, created: Option<bool>) -> WriteOutcome {
        let seeing = self.seeing(batch.object, &[], &[], batch.priority).await?;
        let id = seeing.id(row).ok_or_else(|| untold("the id of the row that was written"))?;
        let mut look = seeing.partial(row).filter(|look| look.existence == Existence::Present);
        if let Some(look) = &mut look {
            look.mark.by = entente_model::actor::Actor::Us;
            // An answer may leave out what it was not asked for; only what it holds is told.
            look.row.retain(|_, value| !value.is_null());
        }
        Ok(Written { id, created, version: version(batch.part, row), look })
    }
}

fn target_of(write: &Write) -> Result<&str, VendorError> {
    write.id.as_deref().filter(|id| !id.is_empty()).ok_or_else(|| {
        VendorError::new(Class::Data, "bad_id", "the record's link carries no id", "unlink the record from the platform and link it again")
    })
}
