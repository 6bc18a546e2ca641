//! Writing rows through sObject Collections: up to 200 rows a call, each refused or taken on its own.

use std::collections::BTreeSet;
use std::time::Duration;

use http::Method;
use serde_json::{Map, Value, json};

use super::describe::Described;
use super::map::{parse_instant, unflatten};
use super::wire::RowResult;
use super::{SPEC, Salesforce, ids, refusal, soql};
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::Call;
use crate::transport::offset::to_http_date;
use crate::write::{Write, WriteKind, WriteOutcome, WriteTarget, Written};

/// Pause before a row that was locked is tried once more: long enough for an ordinary transaction to end.
const LOCK_PAUSE: Duration = Duration::from_millis(200);

/// A write together with its place in the batch.
type Placed<'a> = (usize, &'a Write);

impl Salesforce {
    /// See [`Connector::write`](crate::connector::Connector::write).
    pub(super) async fn write_rows(
        &self,
        target: &WriteTarget,
        writes: &[Write],
        priority: Priority,
    ) -> Result<Vec<WriteOutcome>, VendorError> {
        soql::name(&target.object)?;
        soql::name(&target.key_field)?;
        let fields: BTreeSet<String> = writes.iter().flat_map(|write| write.row.keys().cloned()).collect();
        let described = if writes.iter().all(|write| write.kind == WriteKind::Delete) {
            None
        } else {
            Some(self.described(&target.object, &fields.into_iter().collect::<Vec<_>>(), priority).await?)
        };
        let mut outcomes: Vec<Option<WriteOutcome>> = writes.iter().map(|_| None).collect();
        let mut landed = false;
        for kind in [WriteKind::Create, WriteKind::Update, WriteKind::Delete] {
            let placed: Vec<Placed<'_>> = writes.iter().enumerate().filter(|(_, write)| write.kind == kind).collect();
            for chunk in placed.chunks(SPEC.write_max) {
                match self.write_chunk(target, described.as_deref(), kind, chunk, priority).await {
                    Ok(results) => {
                        landed = true;
                        for ((place, _), outcome) in chunk.iter().zip(results) {
                            outcomes[*place] = Some(outcome);
                        }
                    }
                    // Rows of an earlier chunk are known to have landed, so this failure must not speak for them.
                    Err(error) if landed => chunk.iter().for_each(|(place, _)| outcomes[*place] = Some(Err(error.clone()))),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(unanswered()))).collect())
    }

    /// Writes one chunk; rows that were locked are tried once more.
    async fn write_chunk(
        &self,
        target: &WriteTarget,
        described: Option<&Described>,
        kind: WriteKind,
        chunk: &[Placed<'_>],
        priority: Priority,
    ) -> Result<Vec<WriteOutcome>, VendorError> {
        let mut outcomes = match self.attempt(target, described, kind, chunk, priority).await {
            Err(error) if is_lock(&error) => chunk.iter().map(|_| Err(error.clone())).collect(),
            outcomes => outcomes?,
        };
        let locked: Vec<usize> =
            outcomes.iter().enumerate().filter(|(_, outcome)| outcome.as_ref().is_err_and(is_lock)).map(|(at, _)| at).collect();
        if locked.is_empty() {
            return Ok(outcomes);
        }
        self.client.sleep(LOCK_PAUSE).await;
        let again: Vec<Placed<'_>> = locked.iter().map(|at| chunk[*at]).collect();
        match self.attempt(target, described, kind, &again, priority).await {
            Ok(second) => locked.into_iter().zip(second).for_each(|(at, outcome)| outcomes[at] = outcome),
            // The first answer stands: those rows were locked, and did not land.
            Err(error) if error.class != Class::Retry => return if locked.len() == chunk.len() { Err(error) } else { Ok(outcomes) },
            Err(error) => locked.into_iter().for_each(|at| outcomes[at] = Err(error.clone())),
        }
        Ok(outcomes)
    }

    async fn attempt(
        &self,
        target: &WriteTarget,
        described: Option<&Described>,
        kind: WriteKind,
        chunk: &[Placed<'_>],
        priority: Priority,
    ) -> Result<Vec<WriteOutcome>, VendorError> {
        let root = &self.root;
        let object = &target.object;
        if kind != WriteKind::Create
            && let Some((_, orphan)) = chunk.iter().find(|(_, write)| !write.id.as_deref().is_some_and(ids::is_id))
        {
            return Err(VendorError::new(
                Class::LookAgain,
                "no_id",
                format!("the write for {} has no Salesforce id", orphan.key),
                "nothing to do: the record is looked up again",
            ));
        }
        let id = |write: &Write| ids::to_18(write.id.as_deref().unwrap_or_default());
        let record = |write: &Write, further: Option<(&str, Value)>| {
            let mut record = Map::from_iter([("attributes".to_owned(), json!({"type": object}))]);
            if let Some(described) = described {
                record.extend(unflatten(&write.row, described));
            }
            if let Some((name, value)) = further {
                record.insert(name.to_owned(), value);
            }
            Value::Object(record)
        };
        let (counted, call) = match kind {
            WriteKind::Create => {
                let key = &target.key_field;
                let records: Vec<Value> =
                    chunk.iter().map(|(_, write)| record(write, Some((key, Value::from(write.key.as_str()))))).collect();
                let body = json!({"allOrNone": false, "records": records});
                ("collections_upsert", Call::patch(format!("{root}/composite/sobjects/{object}/{key}"), body))
            }
            WriteKind::Update => {
                if let [(_, write)] = chunk
                    && let Some(expect) = write.expect.as_deref().and_then(parse_instant)
                    && let Some(described) = described
                {
                    let body = Value::Object(unflatten(&write.row, described));
                    let call = Call::patch(format!("{root}/sobjects/{object}/{}", id(write)), body)
                        .header("if-unmodified-since", to_http_date(expect));
                    return self.update_one(call, id(write), priority).await.map(|outcome| vec![outcome]);
                }
                let records: Vec<Value> = chunk.iter().map(|(_, write)| record(write, Some(("id", Value::from(id(write)))))).collect();
                ("collections_update", Call::patch(format!("{root}/composite/sobjects"), json!({"allOrNone": false, "records": records})))
            }
            WriteKind::Delete => {
                let ids: Vec<String> = chunk.iter().map(|(_, write)| id(write)).collect();
                let call =
                    Call::new(Method::DELETE, format!("{root}/composite/sobjects")).query("ids", ids.join(",")).query("allOrNone", "false");
                ("collections_delete", call)
            }
        };
        let answer = self.client.call(counted, priority, call).await?;
        let now = self.client.now();
        let results: Vec<RowResult> = answer.json()?;
        if results.len() != chunk.len() {
            return Err(VendorError::new(
                Class::Retry,
                "unreadable",
                format!("{} rows were sent and {} were answered", chunk.len(), results.len()),
                "nothing to do: the rows are looked at again before anything is repeated",
            ));
        }
        let outcomes: Vec<WriteOutcome> = results
            .into_iter()
            .zip(chunk)
            .map(|(result, (_, write))| match result.id.map(|id| ids::to_18(&id)).or_else(|| write.id.clone()) {
                Some(id) if result.success => {
                    let created = result.created.or((kind == WriteKind::Create).then_some(true));
                    Ok(Written { id, created: created.filter(|_| kind == WriteKind::Create), version: None, look: None })
                }
                None if result.success => Err(unanswered()),
                _ => Err(refusal::row(&result.errors, &answer, now)),
            })
            .collect();
        for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            // A field that has vanished is known from its row's refusal as well.
            drop(self.notice(object, error.clone()));
        }
        Ok(outcomes)
    }

    /// One update under a precondition. Refusals of the row are the row's outcome; failures of the call are the call's.
    async fn update_one(&self, call: Call, id: String, priority: Priority) -> Result<WriteOutcome, VendorError> {
        match self.client.call("update", priority, call).await {
            Ok(_) => Ok(Ok(Written { id, created: None, version: None, look: None })),
            Err(error) if matches!(error.class, Class::Data | Class::LookAgain) => Ok(Err(error)),
            Err(error) => Err(error),
        }
    }
}

fn is_lock(error: &VendorError) -> bool {
    error.code == "UNABLE_TO_LOCK_ROW" || error.message.contains("UNABLE_TO_LOCK_ROW")
}

fn unanswered() -> VendorError {
    VendorError::new(
        Class::Retry,
        "unreadable",
        "Salesforce did not say what became of the row",
        "nothing to do: the row is looked at again before anything is repeated",
    )
}
