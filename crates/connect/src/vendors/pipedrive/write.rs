//! Writes, row by row: there are no calls that take several.
//!
//! Nothing refuses a write that crosses another one. An update looks at the row right before it is sent, for one token, so that seconds at
//! most are left for a race; whoever came between is looked at again. A creation is known not to make a twin, see [`super::keys`].

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use serde_json::{Map, Value};

use super::fields::Fields;
use super::kind::{Kind, id_among, row_of};
use super::map::{is_gone, version};
use super::put::{Drafting, needs_present};
use super::values::items;
use super::wire::id_text;
use super::{Pipedrive, SPEC};
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::look::Existence;
use crate::transport::call::Call;
use crate::write::{Write, WriteKind, WriteOutcome, WriteTarget, Written};

/// The type of an activity that names none: something that somebody has to do.
const USUAL_TYPE: &str = "task";

/// What all writes of a batch share.
struct Batch<'a> {
    object: Kind,
    target: &'a WriteTarget,
    fields: Arc<Fields>,
    lead_labels: BTreeMap<String, String>,
    currency: String,
    /// Rows as they stand, by kind and id.
    present: BTreeMap<(Kind, String), Value>,
    /// Rows that carry the key of a creation already.
    known: BTreeMap<String, String>,
    priority: Priority,
}

impl Pipedrive {
    /// See [`Connector::write`](crate::connector::Connector::write).
    pub(super) async fn write_rows(
        &self,
        target: &WriteTarget,
        writes: &[Write],
        priority: Priority,
    ) -> Result<Vec<WriteOutcome>, VendorError> {
        let object = Kind::named(&target.object)?;
        let names: Vec<String> = writes.iter().flat_map(|write| write.row.keys().cloned()).collect();
        let fields = self.fields(object, &names, priority).await?;
        let keys: Vec<&str> = writes.iter().filter(|write| write.kind == WriteKind::Create).map(|write| write.key.as_str()).collect();
        let known = self.ids_by_key(object, &keys, &target.key_field, priority).await?;
        let batch = Batch {
            object,
            target,
            lead_labels: self.lead_labels(object, writes, priority).await?,
            currency: self.currency(&fields, object, &names, priority).await?,
            present: self.present(object, writes, &fields, priority).await?,
            fields,
            known,
            priority,
        };
        let batch = &batch;
        Ok(stream::iter(writes.to_vec())
            .map(|write| async move {
                match write.kind {
                    WriteKind::Create => self.create(batch, &write).await,
                    WriteKind::Update => self.update(batch, &write).await,
                    WriteKind::Delete => self.delete(batch, &write).await,
                }
            })
            .buffered(SPEC.concurrency)
            .collect()
            .await)
    }

    /// Rows as they stand, of the updates for which that matters.
    async fn present(
        &self,
        object: Kind,
        writes: &[Write],
        fields: &Fields,
        priority: Priority,
    ) -> Result<BTreeMap<(Kind, String), Value>, VendorError> {
        let mut wanted: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
        for write in writes.iter().filter(|write| write.kind == WriteKind::Update) {
            let Some((kind, id)) = write.id.as_deref().map(|id| row_of(object, id)) else { continue };
            if write.expect.is_some() || needs_present(kind, &write.row, fields) {
                wanted.entry(kind).or_default().push(id.to_owned());
            }
        }
        let mut present = BTreeMap::new();
        for (kind, ids) in wanted {
            let rows = self.rows_by_id(kind, &ids, priority).await?;
            present.extend(rows.into_iter().map(|(id, row)| ((kind, id), row)));
        }
        Ok(present)
    }

    async fn lead_labels(&self, object: Kind, writes: &[Write], priority: Priority) -> Result<BTreeMap<String, String>, VendorError> {
        let mut known = BTreeMap::new();
        if object == Kind::Lead {
            for label in writes.iter().filter_map(|write| write.row.get("labels")).flat_map(items) {
                if let Some(id) = self.lead_label(label, priority).await? {
                    known.insert(label.to_owned(), id);
                }
            }
        }
        Ok(known)
    }

    /// The company's currency, where an amount may need one.
    async fn currency(&self, fields: &Fields, object: Kind, names: &[String], priority: Priority) -> Result<String, VendorError> {
        let money = |name: &String| {
            (object == Kind::Lead && name == "value")
                || fields.named(name).ok().flatten().is_some_and(|named| named.definition.ty == "monetary")
        };
        if names.iter().any(money) { Ok(self.me(priority).await?.currency) } else { Ok(String::new()) }
    }

    fn draft<'a>(batch: &'a Batch<'_>, kind: Kind, write: &'a Write, present: &'a Value) -> Drafting<'a> {
        Drafting { kind, fields: &batch.fields, present, key: &write.key, currency: &batch.currency, lead_labels: &batch.lead_labels }
    }

    async fn create(&self, batch: &Batch<'_>, write: &Write) -> WriteOutcome {
        let kind = batch.object;
        if let Some(id) = batch.known.get(&write.key) {
            return self.take_up(batch, write, id).await;
        }
        let mut body = Self::draft(batch, kind, write, &Value::Null).body(&write.row)?;
        self.put_key(kind, &write.key, &batch.target.key_field, &mut body, batch.priority).await?;
        // What an answer shows as null need not be said of a new row.
        tidy(&mut body);
        if kind == Kind::Activity {
            body.entry("type").or_insert_with(|| Value::from(USUAL_TYPE));
        }
        let read = self.send("create", batch.priority, Call::post(kind.path(), Value::Object(body))).await?;
        let id = id_text(&read.data["id"]).ok_or_else(untold)?;
        self.remember_key(kind, &write.key, &id).await;
        self.written(batch, kind, &read.data, Some(true)).await
    }

    /// Goes on with a row that an earlier attempt made: what it may lack is written, and nothing is made twice.
    async fn take_up(&self, batch: &Batch<'_>, write: &Write, id: &str) -> WriteOutcome {
        let kind = batch.object;
        let present = self.view(kind, id, batch.priority).await?.filter(|row| !is_gone(row)).ok_or_else(vanished)?;
        let body = Self::draft(batch, kind, write, &present).body(&write.row)?;
        let row = if body.is_empty() { present } else { self.change(kind, id, body, batch.priority).await? };
        self.written(batch, kind, &row, Some(false)).await
    }

    async fn update(&self, batch: &Batch<'_>, write: &Write) -> WriteOutcome {
        let (kind, id) = target_of(batch.object, write)?;
        let looked = write.expect.is_some() || needs_present(kind, &write.row, &batch.fields);
        let present = batch.present.get(&(kind, id.to_owned())).filter(|row| !is_gone(row));
        if looked {
            let row = present.ok_or_else(vanished)?;
            if let (Some(expected), Some(found)) = (&write.expect, version(row))
                && found != *expected
            {
                return Err(moved_on());
            }
        }
        let body = Self::draft(batch, kind, write, present.unwrap_or(&Value::Null)).body(&write.row)?;
        if body.is_empty() {
            let id = id_among(batch.object, kind, id);
            return Ok(Written { id, created: None, version: None, look: None });
        }
        let row = self.change(kind, id, body, batch.priority).await?;
        self.written(batch, kind, &row, None).await
    }

    async fn change(&self, kind: Kind, id: &str, body: Map<String, Value>, priority: Priority) -> Result<Value, VendorError> {
        let path = format!("{}/{id}", kind.path());
        let body = Value::Object(body);
        let call = if kind == Kind::Note { Call::put(path, body) } else { Call::patch(path, body) };
        Ok(self.send("update", priority, call.idempotent()).await?.data)
    }

    async fn delete(&self, batch: &Batch<'_>, write: &Write) -> WriteOutcome {
        let (kind, id) = target_of(batch.object, write)?;
        // One that is gone already is as gone as it should be.
        let call = Call::delete(format!("{}/{id}", kind.path())).idempotent().accept(&[404, 410]);
        self.send("delete", batch.priority, call).await?;
        let seeing = self.seeing(batch.object, kind, &[], &[], batch.priority).await?;
        let look = seeing.gone(id_among(batch.object, kind, id), None);
        Ok(Written { id: look.id.clone(), created: None, version: None, look: Some(look) })
    }

    /// A write that landed, with the row as the answer shows it.
    async fn written(&self, batch: &Batch<'_>, kind: Kind, row: &Value, created: Option<bool>) -> WriteOutcome {
        let id = id_text(&row["id"]).ok_or_else(untold)?;
        let seeing = self.seeing(batch.object, kind, &[], &[], batch.priority).await?;
        let look = seeing.written(row).filter(|look| look.existence == Existence::Present);
        Ok(Written { id: id_among(batch.object, kind, &id), created, version: version(row), look })
    }
}

/// Takes out what is null.
fn tidy(body: &mut Map<String, Value>) {
    body.retain(|_, value| !value.is_null());
    if let Some(custom) = body.get_mut("custom_fields").and_then(Value::as_object_mut) {
        custom.retain(|_, value| !value.is_null());
    }
}

fn target_of(object: Kind, write: &Write) -> Result<(Kind, &str), VendorError> {
    let target = write.id.as_deref().map(|id| row_of(object, id)).filter(|(kind, id)| kind.is_id(id));
    target.ok_or_else(|| {
        VendorError::new(
            Class::Data,
            "bad_id",
            "the record's link to Pipedrive carries no id of Pipedrive's",
            "unlink the record from Pipedrive and link it again",
        )
    })
}

fn vanished() -> VendorError {
    VendorError::new(Class::LookAgain, "vanished", "the row is no longer there", "nothing: the row is looked at again")
}

fn moved_on() -> VendorError {
    VendorError::new(
        Class::LookAgain,
        "moved_on",
        "the row was changed at Pipedrive since it was looked at",
        "nothing: the row is looked at again",
    )
}

/// The error of an answer that does not say what became of the row.
fn untold() -> VendorError {
    VendorError::new(
        Class::Retry,
        "unreadable",
        "Pipedrive did not say what became of the row",
        "nothing: the row is looked at again before anything is repeated",
    )
}
