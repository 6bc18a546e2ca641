//! Writes: many rows in one call, each with its own outcome.
//!
//! A creation is an upsert by the alternate key that carries Entente's id, so that a repeat finds the first row. An update carries the row's
//! version as its precondition. What belongs to one row lands together: a change and the message that closes the row are a change set.
//! Many plain creations, and many updates without a precondition, go as one bulk message, which lands whole or not at all; if it does not, it
//! goes by parts, and of the part that is refused again each row goes by itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;
use serde_json::{Map, Value, json};

use super::Dynamics;
use super::kind::{Kind, Object};
use super::map::Seeing;
use super::multipart::{self, Inner};
use super::put::{Draft, closing, draft};
use super::refusal::{misfit, refuse, unusable};
use super::schema::Schema;
use super::wire::{ANNOTATIONS, ROOT, TAG, etag, quoted, version};
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::{Answer, Call};
use crate::write::{Write, WriteKind, WriteOutcome, WriteTarget, Written};

/// Rows from which on a bulk message is worth it: below, one batch is as fast and tells every row's outcome.
const BULK_MIN: usize = 20;

/// Rows of a bulk message at most, for background work: as many as the platform recommends. Whoever waits for a change shares a batch of
/// [`Spec::write_max`](crate::spec::Spec::write_max), which is done sooner and hinders nobody else there.
pub(super) const BULK_ROWS: usize = 1_000;

/// One write ready to go.
struct Ready<'a> {
    write: &'a Write,
    kind: Kind,
    /// Its own id, of rows that are there.
    id: Option<&'a str>,
    draft: Draft,
}

impl Dynamics {
    /// See [`Connector::write`](crate::connector::Connector::write).
    pub(super) async fn write_rows(
        &self,
        target: &WriteTarget,
        writes: &[Write],
        priority: Priority,
    ) -> Result<Vec<WriteOutcome>, VendorError> {
        let object = Object::named(&target.object)?;
        let mut by_kind: BTreeMap<Kind, Vec<usize>> = BTreeMap::new();
        let mut outcomes: Vec<Option<WriteOutcome>> = vec![None; writes.len()];
        for (at, write) in writes.iter().enumerate() {
            match (write.kind, object, write.id.as_deref().and_then(|id| object.row(id))) {
                (WriteKind::Create, Object::Table(kind), _) => by_kind.entry(kind).or_default().push(at),
                (WriteKind::Create, Object::Activities, _) => {
                    return Err(misfit(
                        "no_creation",
                        "`activities` are five tables: none says which one a new row belongs to",
                        "map tasks, phonecalls, emails, appointments or annotations",
                    ));
                }
                (_, _, Some((kind, _))) => by_kind.entry(kind).or_default().push(at),
                _ => outcomes[at] = Some(Err(bad_id())),
            }
        }
        for (kind, places) in by_kind {
            let chosen: Vec<&Write> = places.iter().map(|at| &writes[*at]).collect();
            let written = self.write_kind(object, kind, target, &chosen, priority).await?;
            for (at, outcome) in places.into_iter().zip(written) {
                outcomes[at] = Some(outcome);
            }
        }
        Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(unheard()))).collect())
    }

    async fn write_kind(
        &self,
        object: Object,
        kind: Kind,
        target: &WriteTarget,
        writes: &[&Write],
        priority: Priority,
    ) -> Result<Vec<WriteOutcome>, VendorError> {
        let fields: Vec<String> = writes.iter().flat_map(|write| write.row.keys().cloned()).collect();
        let seeing = self.seeing(object, kind, &fields, priority).await?;
        if writes.iter().any(|write| write.kind == WriteKind::Create) {
            has_key(&seeing.schema, &target.key_field)?;
        }
        let states = self.states(object, kind, writes, priority).await?;
        let mut ready = Vec::new();
        let mut outcomes: Vec<Option<WriteOutcome>> = vec![None; writes.len()];
        for (at, write) in writes.iter().enumerate() {
            let id = write.id.as_deref().and_then(|id| object.row(id)).map(|(_, own)| own);
            let present = id.and_then(|id| states.get(id)).copied();
            match draft(&seeing.schema, &seeing.names, &write.row, present, write.kind == WriteKind::Create) {
                Ok(draft) => ready.push((at, Ready { write, kind, id, draft })),
                Err(error) => outcomes[at] = Some(Err(error)),
            }
        }
        let done = self.send_rows(&seeing, target, &ready, priority).await?;
        for ((at, _), outcome) in ready.iter().zip(done) {
            outcomes[*at] = Some(outcome);
        }
        Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(unheard()))).collect())
    }

    /// Sends what is ready as one bulk message, or else in batches. Of more rows than a batch holds one at fault is found by parts: all but its
    /// own go whole, and of that each row goes by itself.
    async fn send_rows(
        &self,
        seeing: &Seeing<'_>,
        target: &WriteTarget,
        ready: &[(usize, Ready<'_>)],
        priority: Priority,
    ) -> Result<Vec<WriteOutcome>, VendorError> {
        if let Some(done) = self.in_bulk(target, ready, priority).await? {
            return Ok(done);
        }
        let most = super::SPEC.write_max;
        if ready.len() <= most {
            return self.in_batch(seeing, target, ready, priority).await;
        }
        let mut done: Vec<WriteOutcome> = Vec::with_capacity(ready.len());
        let mut stopped: Option<VendorError> = None;
        for part in ready.chunks(most) {
            // Who is asked to wait, or is no longer known, sends no more.
            if let Some(error) = &stopped {
                done.extend(part.iter().map(|_| Err(error.clone())));
                continue;
            }
            let sent = match self.in_bulk(target, part, priority).await {
                Ok(None) => self.in_batch(seeing, target, part, priority).await,
                Ok(Some(sent)) => Ok(sent),
                Err(error) => Err(error),
            };
            // What went before has landed: a part that fails is that part's.
            done.extend(sent.unwrap_or_else(|error| {
                let outcomes = part.iter().map(|_| Err(error.clone())).collect();
                stopped = matches!(error.class, Class::Wait { .. } | Class::Reauthenticate).then_some(error);
                outcomes
            }));
        }
        Ok(done)
    }

    /// State and status of the rows whose status is written.
    async fn states(
        &self,
        object: Object,
        kind: Kind,
        writes: &[&Write],
        priority: Priority,
    ) -> Result<BTreeMap<String, (i64, i64)>, VendorError> {
        let ids: Vec<&str> = writes
            .iter()
            .filter(|write| write.kind == WriteKind::Update && write.row.contains_key("status"))
            .filter_map(|write| Some(object.row(write.id.as_deref()?)?.1))
            .collect();
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let rows = self.rows_by_id(kind, &ids, "statecode,statuscode", priority).await?;
        let of =
            |row: &Value| Some((row[kind.id_column()].as_str()?.to_lowercase(), (row["statecode"].as_i64()?, row["statuscode"].as_i64()?)));
        Ok(rows.iter().filter_map(of).collect())
    }

    /// Sends plain rows as one bulk message; nothing where that is not worth it, or the platform takes not all of them.
    async fn in_bulk(
        &self,
        target: &WriteTarget,
        ready: &[(usize, Ready<'_>)],
        priority: Priority,
    ) -> Result<Option<Vec<WriteOutcome>>, VendorError> {
        let plain =
            |of: WriteKind| ready.iter().all(|(_, one)| one.write.kind == of && one.draft.closes.is_none() && one.write.expect.is_none());
        let creates = plain(WriteKind::Create);
        if ready.len() < BULK_MIN || !(creates || plain(WriteKind::Update)) {
            return Ok(None);
        }
        let Some((_, first)) = ready.first() else { return Ok(None) };
        let kind = first.kind;
        let targets = ready.iter().map(|(_, one)| {
            let mut body = one.draft.body.clone();
            body.insert("@odata.type".to_owned(), json!(format!("Microsoft.Dynamics.CRM.{}", kind.table())));
            match one.id {
                Some(id) => drop(body.insert(kind.id_column().to_owned(), json!(id))),
                None => drop(body.insert(target.key_field.clone(), json!(one.write.key))),
            }
            Value::Object(body)
        });
        let body = json!({"Targets": targets.collect::<Vec<_>>()});
        let message = if creates { "CreateMultiple" } else { "UpdateMultiple" };
        let call = Call::post(format!("{ROOT}/{}/Microsoft.Dynamics.CRM.{message}", kind.set()), body).query("tag", TAG);
        let said = match self.ask("bulk", priority, call).await {
            Ok(said) => said,
            // Nothing of it landed, and nobody says which row was at fault: each goes by itself.
            Err(error) if matches!(error.class, Class::Data | Class::LookAgain | Class::Configuration) => return Ok(None),
            Err(error) => return Err(error),
        };
        let id_at = |at: usize, one: &Ready<'_>| one.id.map(str::to_owned).or_else(|| said["Ids"][at].as_str().map(str::to_lowercase));
        let written = ready.iter().enumerate().map(|(at, (_, one))| {
            let id = id_at(at, one).ok_or_else(unheard)?;
            Ok(Written { id, created: creates.then_some(true), version: None, look: None })
        });
        Ok(Some(written.collect()))
    }

    async fn in_batch(
        &self,
        seeing: &Seeing<'_>,
        target: &WriteTarget,
        ready: &[(usize, Ready<'_>)],
        priority: Priority,
    ) -> Result<Vec<WriteOutcome>, VendorError> {
        // A write of nothing that is left is no call.
        let units: Vec<Vec<Inner>> = ready.iter().map(|(_, one)| requests(one, &seeing.schema, target)).collect();
        let sent: Vec<Vec<Inner>> = units.iter().filter(|unit| !unit.is_empty()).cloned().collect();
        let mut groups = Vec::new().into_iter();
        if !sent.is_empty() {
            let mut call = Call::new(Method::POST, format!("{ROOT}/$batch")).header("prefer", "odata.continue-on-error");
            call.body = multipart::body(&sent);
            groups = multipart::read(&self.client.call("batch", priority, call).await?)?.into_iter();
        }
        Ok(ready
            .iter()
            .zip(&units)
            .map(|((_, one), unit)| {
                if unit.is_empty() {
                    let id = one.write.id.clone().unwrap_or_default();
                    return Ok(Written { id, created: None, version: None, look: None });
                }
                self.outcome(seeing, one, groups.next().unwrap_or_default())
            })
            .collect())
    }

    fn outcome(&self, seeing: &Seeing<'_>, one: &Ready<'_>, replies: Vec<Answer>) -> WriteOutcome {
        let gone_already = |reply: &Answer| one.write.kind == WriteKind::Delete && reply.status == 404;
        if let Some(failed) = replies.iter().find(|reply| reply.status >= 300 && !gone_already(reply)) {
            return Err(refuse(failed, self.client.now()));
        }
        let Some(first) = replies.first() else { return Err(unheard()) };
        if one.write.kind == WriteKind::Delete {
            let look = seeing.gone(one.write.id.clone().unwrap_or_default());
            return Ok(Written { id: look.id.clone(), created: None, version: None, look: Some(look) });
        }
        let row: Value = serde_json::from_slice(&first.body).unwrap_or_default();
        let fields: Vec<String> = one.write.row.keys().cloned().collect();
        let look = seeing.written(&row, &fields);
        let id = look.as_ref().map(|look| look.id.clone()).or_else(|| one.write.id.clone()).ok_or_else(unheard)?;
        let created = (one.write.kind == WriteKind::Create).then_some(first.status == 201);
        // A message that closed the row came after what the answer shows.
        let closed = one.draft.closes.is_some();
        Ok(Written { id, created, version: version(&row).filter(|_| !closed), look: look.filter(|_| !closed) })
    }
}

/// What one write sends.
fn requests(one: &Ready<'_>, schema: &Arc<Schema>, target: &WriteTarget) -> Vec<Inner> {
    let set = one.kind.set();
    let row = match one.id {
        Some(id) => format!("{set}({id})"),
        None => format!("{set}({}={})", target.key_field, quoted(&one.write.key)),
    };
    let precondition = || one.write.expect.as_deref().map_or_else(|| "*".to_owned(), etag);
    if one.write.kind == WriteKind::Delete {
        let headers = one.write.expect.iter().map(|version| ("if-match", etag(version))).collect();
        return vec![Inner { method: Method::DELETE, path: format!("{ROOT}/{row}?tag={TAG}"), headers, body: None }];
    }
    let mut all = Vec::new();
    if one.write.kind == WriteKind::Create || !one.draft.body.is_empty() {
        let fields: Vec<String> = one.write.row.keys().cloned().collect();
        let select = schema.selection(&fields).join(",");
        let mut headers = vec![("prefer", format!("return=representation,{ANNOTATIONS}"))];
        let mut body: Map<String, Value> = one.draft.body.clone();
        if one.write.kind == WriteKind::Update {
            headers.push(("if-match", precondition()));
        } else {
            // What is null need not be said of a new row.
            body.retain(|_, value| !value.is_null());
        }
        let path = format!("{ROOT}/{row}?tag={TAG}&$select={select}");
        all.push(Inner { method: Method::PATCH, path, headers, body: Some(Value::Object(body)) });
    }
    if let Some((state, status)) = one.draft.closes {
        let (message, body) = closing(one.kind, &format!("/{row}"), state, status);
        all.push(Inner { method: Method::POST, path: format!("{ROOT}/{message}?tag={TAG}"), headers: Vec::new(), body: Some(body) });
    }
    all
}

/// Whether creations can be told apart by this field.
fn has_key(schema: &Schema, field: &str) -> Result<(), VendorError> {
    let found = schema.keys.iter().find(|(columns, _)| columns.as_slice() == [field.to_owned()]);
    match found.map(|(_, status)| status.as_str()) {
        Some("Active" | "") => Ok(()),
        Some("Failed") => Err(misfit(
            "key_field",
            format!("the index of the key on `{field}` has failed: two rows hold the same value"),
            "delete the key in the table's settings, clear the values that stand twice, and run `entente provision --apply`",
        )
        .about(field)),
        Some(_) => Err(VendorError::new(
            Class::Retry,
            "key_field",
            format!("the index of the key on `{field}` is still being made"),
            "nothing: the write is repeated",
        )
        .about(field)),
        None => {
            Err(misfit("key_field", format!("there is no alternate key on `{field}`"), "run `entente provision --apply`, which makes it")
                .about(field))
        }
    }
}

fn bad_id() -> VendorError {
    unusable("bad_id", "the record's link to Dynamics 365 carries no id of Dynamics 365's")
}

/// The error of a write whose outcome the answer does not tell.
fn unheard() -> VendorError {
    VendorError::new(
        Class::Retry,
        "unheard",
        "Dynamics 365 did not say what became of the row",
        "nothing: the row is looked at again before anything is repeated",
    )
}
