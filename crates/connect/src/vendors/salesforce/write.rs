//! Writing rows through sObject Collections: up to 200 rows a call, each refused or taken on its own. Many at once go as a bulk job.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use http::Method;
use serde_json::{Map, Value, json};

use super::describe::{Described, RECORD_TYPE};
use super::map::{parse_instant, unflatten};
use super::wire::{Record, RowResult};
use super::{SPEC, Salesforce, currency, ids, lists, refusal, soql};
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::{Answer, Call};
use crate::transport::offset::to_http_date;
use crate::write::{Write, WriteKind, WriteOutcome, WriteTarget, Written};

/// Pause before a row that was locked is tried once more: long enough for an ordinary transaction to end.
const LOCK_PAUSE: Duration = Duration::from_millis(200);

/// Updates of one object that go row by row, each with its precondition, when there are no more of them: what people edit, a few at a
/// time. More go as a collection, which has none: the vendor works off single rows one after the other, so many would take long.
const ALONE_MAX: usize = 10;

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
        let described = match described {
            // A record type that was made, or a currency that was activated since, is known after another look.
            Some(known) if writes.iter().any(|write| self.unknown_name(write, &known).is_some()) => {
                Some(self.describe_now(&target.object, priority).await?)
            }
            described => described,
        };
        let whole = self.in_corporate_currency(writes, described.as_deref(), priority).await?;
        let writes = &*whole;
        let unfit = self.unfit(target, described.as_deref(), writes, priority).await;
        let mut outcomes: Vec<Option<WriteOutcome>> = unfit.into_iter().map(|unfit| unfit.map(Err)).collect();
        let mut landed = false;
        for kind in [WriteKind::Create, WriteKind::Update, WriteKind::Delete] {
            let mut placed: Vec<Placed<'_>> =
                writes.iter().enumerate().filter(|(place, write)| write.kind == kind && outcomes[*place].is_none()).collect();
            let jobs = if self.soap.is_some() { &[][..] } else { &placed[..] };
            match self.write_in_bulk(target, described.as_deref(), kind, jobs, priority).await {
                Ok(fates) => {
                    landed |= !fates.is_empty();
                    for (place, outcome) in fates.into_iter().filter(|(_, outcome)| !outcome.as_ref().is_err_and(is_lock)) {
                        outcomes[place] = Some(outcome);
                    }
                    // What was locked is tried once more, and what a job cannot carry goes otherwise.
                    placed.retain(|(place, _)| outcomes[*place].is_none());
                }
                Err(error) if landed => {
                    placed.iter().for_each(|(place, _)| outcomes[*place] = Some(Err(error.clone())));
                    continue;
                }
                Err(error) => return Err(error),
            }
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
        let mut outcomes: Vec<WriteOutcome> = outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(unanswered()))).collect();
        self.tell_why_locked(writes, &mut outcomes, priority).await;
        Ok(outcomes)
    }

    /// Why a write cannot be made by what it names: a record type or a currency that the org does not have.
    fn unknown_name(&self, write: &Write, described: &Described) -> Option<VendorError> {
        let home = match self.client.settings().salesforce.home_currency.as_str() {
            "" => "USD",
            home => home,
        };
        unknown_type(write, described).or_else(|| currency::unknown_currency(write, described, home))
    }

    /// Why writes cannot be made, in their order.
    async fn unfit(
        &self,
        target: &WriteTarget,
        described: Option<&Described>,
        writes: &[Write],
        priority: Priority,
    ) -> Vec<Option<VendorError>> {
        let Some(described) = described else { return writes.iter().map(|_| None).collect() };
        let mut held_to = self.lists_for(&target.object, described, writes, false, priority).await;
        if writes.iter().any(|write| lists::off_list(write, described, &held_to).is_some()) {
            // A value that was added since is known after another look.
            held_to = self.lists_for(&target.object, described, writes, true, priority).await;
        }
        let unfit = |write: &Write| self.unknown_name(write, described).or_else(|| lists::off_list(write, described, &held_to));
        writes.iter().map(unfit).collect()
    }

    /// Says of rows that are locked which approval they are in.
    async fn tell_why_locked(&self, writes: &[Write], outcomes: &mut [WriteOutcome], priority: Priority) {
        let is_locked = |outcome: &WriteOutcome| outcome.as_ref().is_err_and(VendorError::is_held_there);
        let locked: Vec<String> =
            writes.iter().zip(outcomes.iter()).filter(|(_, outcome)| is_locked(outcome)).map(|(write, _)| id_of(write)).collect();
        if locked.is_empty() {
            return;
        }
        let why = self.explain_locks(&locked, priority).await;
        for (write, outcome) in writes.iter().zip(outcomes.iter_mut()) {
            if let (Err(error), Some(why)) = (outcome, why.get(&id_of(write)))
                && error.is_held_there()
            {
                error.message = format!("{}; {why}", error.message.trim_end_matches('.'));
            }
        }
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

    /// Sends the rows of a chunk once: those with a precondition alone, the others as a collection, all in one bundle.
    async fn attempt(
        &self,
        target: &WriteTarget,
        described: Option<&Described>,
        kind: WriteKind,
        chunk: &[Placed<'_>],
        priority: Priority,
    ) -> Result<Vec<WriteOutcome>, VendorError> {
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
        let mut alone: Vec<(usize, String, Call)> = Vec::new();
        let moved_on = match &self.soap {
            Some(soap) if kind == WriteKind::Update => self.soap_moved_on(soap, &target.object, chunk, priority).await?,
            _ => BTreeSet::new(),
        };
        if self.soap.is_none()
            && kind == WriteKind::Update
            && chunk.len() <= ALONE_MAX
            && let Some(described) = described
        {
            alone =
                chunk.iter().enumerate().filter_map(|(at, (_, write))| self.update_alone(at, write, &target.object, described)).collect();
        }
        let together: Vec<usize> =
            (0..chunk.len()).filter(|at| !moved_on.contains(at) && !alone.iter().any(|(other, _, _)| other == at)).collect();
        let rows: Vec<&Write> = together.iter().map(|at| chunk[*at].1).collect();
        let collection =
            async { if rows.is_empty() { None } else { Some(self.collection(target, described, kind, &rows, priority).await) } };
        let places: Vec<usize> = alone.iter().map(|(at, _, _)| *at).collect();
        let singles = join_all(alone.into_iter().map(|(_, id, call)| self.update_one(call, id, priority)));
        let (collection, singles) = tokio::join!(collection, singles);
        let mut outcomes: Vec<Option<WriteOutcome>> = chunk.iter().map(|_| None).collect();
        moved_on.iter().for_each(|at| outcomes[*at] = Some(Err(moved())));
        let mut failure = None;
        let mut landed = false;
        for (at, single) in places.into_iter().zip(singles) {
            landed |= single.is_ok();
            failure = failure.or_else(|| single.as_ref().err().cloned());
            outcomes[at] = Some(single.unwrap_or_else(Err));
        }
        match collection {
            None => {}
            Some(Ok(results)) => {
                landed = true;
                together.into_iter().zip(results).for_each(|(at, result)| outcomes[at] = Some(result));
            }
            Some(Err(error)) => {
                together.into_iter().for_each(|at| outcomes[at] = Some(Err(error.clone())));
                failure = failure.or(Some(error));
            }
        }
        // A failure of the call speaks for all rows only if it befell all of them.
        match failure {
            Some(error) if !landed => Err(error),
            _ => Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(unanswered()))).collect()),
        }
    }

    /// The update of one row under a precondition, if its version is known.
    fn update_alone(&self, at: usize, write: &Write, object: &str, described: &Described) -> Option<(usize, String, Call)> {
        let expect = write.expect.as_deref().and_then(parse_instant)?;
        let id = id_of(write);
        let body = Value::Object(unflatten(&write.row, described));
        let path = format!("{}/sobjects/{object}/{id}", self.root);
        Some((at, id, Call::patch(path, body).header("if-unmodified-since", to_http_date(expect))))
    }

    /// Writes rows of one object as a collection.
    async fn collection(
        &self,
        target: &WriteTarget,
        described: Option<&Described>,
        kind: WriteKind,
        rows: &[&Write],
        priority: Priority,
    ) -> Result<Vec<WriteOutcome>, VendorError> {
        let root = &self.root;
        let object = &target.object;
        let records: Vec<Record> = rows
            .iter()
            .map(|write| {
                let mut record = described.map(|described| unflatten(&write.row, described)).unwrap_or_default();
                match kind {
                    WriteKind::Create => record.insert(target.key_field.clone(), Value::from(write.key.as_str())),
                    WriteKind::Update | WriteKind::Delete => record.insert("id".to_owned(), Value::from(id_of(write))),
                };
                record
            })
            .collect();
        if let Some(soap) = &self.soap {
            let (results, answer) = self.soap_write(soap, target, described, (kind, records), priority).await?;
            return self.row_fates(object, kind, rows, results, &answer);
        }
        let typed = || -> Vec<Value> {
            let typed = |record: &Record| {
                let mut typed = Map::from_iter([("attributes".to_owned(), json!({"type": object}))]);
                typed.extend(record.clone());
                Value::Object(typed)
            };
            records.iter().map(typed).collect()
        };
        let answer = match kind {
            WriteKind::Create => {
                let key = &target.key_field;
                let body = json!({"allOrNone": false, "records": typed()});
                let call = Call::patch(format!("{root}/composite/sobjects/{object}/{key}"), body);
                self.bundler.send(&self.client, root, "collections_upsert", priority, call).await?
            }
            WriteKind::Update => {
                let call = Call::patch(format!("{root}/composite/sobjects"), json!({"allOrNone": false, "records": typed()}));
                self.bundler.send(&self.client, root, "collections_update", priority, call).await?
            }
            WriteKind::Delete => {
                let ids: Vec<String> = rows.iter().map(|write| id_of(write)).collect();
                let call =
                    Call::new(Method::DELETE, format!("{root}/composite/sobjects")).query("ids", ids.join(",")).query("allOrNone", "false");
                self.client.call("collections_delete", priority, call).await?
            }
        };
        let results: Vec<RowResult> = answer.json()?;
        self.row_fates(object, kind, rows, results, &answer)
    }

    /// The outcomes of rows by what was said of each, in their order.
    fn row_fates(
        &self,
        object: &str,
        kind: WriteKind,
        rows: &[&Write],
        results: Vec<RowResult>,
        answer: &Answer,
    ) -> Result<Vec<WriteOutcome>, VendorError> {
        let now = self.client.now();
        if results.len() != rows.len() {
            return Err(VendorError::new(
                Class::Retry,
                "unreadable",
                format!("{} rows were sent and {} were answered", rows.len(), results.len()),
                "nothing to do: the rows are looked at again before anything is repeated",
            ));
        }
        let outcomes: Vec<WriteOutcome> = results
            .into_iter()
            .zip(rows)
            .map(|(result, write)| match result.id.map(|id| ids::to_18(&id)).or_else(|| write.id.clone()) {
                Some(id) if result.success => {
                    let created = result.created.or((kind == WriteKind::Create).then_some(true));
                    Ok(Written { id, created: created.filter(|_| kind == WriteKind::Create), version: None, look: None })
                }
                None if result.success => Err(unanswered()),
                _ => Err(refusal::row(&result.errors, answer, now)),
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
        match self.bundler.send(&self.client, &self.root, "update", priority, call).await {
            Ok(_) => Ok(Ok(Written { id, created: None, version: None, look: None })),
            Err(error) if matches!(error.class, Class::Data | Class::LookAgain) || error.is_held_there() => Ok(Err(error)),
            Err(error) => Err(error),
        }
    }
}

/// Why a write cannot be made whose record type the org does not have, or does not let our user have.
fn unknown_type(write: &Write, described: &Described) -> Option<VendorError> {
    let name = write.row.get(RECORD_TYPE)?.as_str()?;
    if described.record_type(name).is_some() {
        return None;
    }
    let known = described.record_types();
    let known = if known.is_empty() { "there are none".to_owned() } else { format!("there are {}", known.join(", ")) };
    let error = VendorError::new(
        Class::Data,
        "INVALID_RECORD_TYPE",
        format!("our user has no record type `{name}` there; {known}"),
        "correct the name, or assign the record type to our user's profile or a permission set",
    );
    Some(error.about(RECORD_TYPE))
}

fn id_of(write: &Write) -> String {
    ids::to_18(write.id.as_deref().unwrap_or_default())
}

/// What is said of an update whose row has left the version that it leans on, where the platform does not say it itself.
fn moved() -> VendorError {
    VendorError::new(
        Class::LookAgain,
        "PRECONDITION_FAILED",
        "the row has changed since it was looked at",
        "nothing to do: the record is looked at again, then decided anew",
    )
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
