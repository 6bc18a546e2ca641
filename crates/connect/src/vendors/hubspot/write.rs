//! Writing rows in batches of a hundred, each refused or taken on its own.
//!
//! A row is created by an upsert on the mapping's key, so that a repeat finds the first one; associations follow in a batch of their own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Value, json};

use super::kind::is_id;
use super::map::{self, version};
use super::schema::Schema;
use super::wire::{Batch, Record, context};
use super::{HubSpot, SPEC, lists, refusal};
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::Call;
use crate::write::{Write, WriteKind, WriteOutcome, WriteTarget, Written};

/// A write together with its place in the batch.
type Placed<'a> = (usize, &'a Write);

/// What became of the rows of one call, by place.
type Outcomes = BTreeMap<usize, WriteOutcome>;

impl HubSpot {
    /// See [`Connector::write`](crate::connector::Connector::write).
    pub(super) async fn write_rows(
        &self,
        target: &WriteTarget,
        writes: &[Write],
        priority: Priority,
    ) -> Result<Vec<WriteOutcome>, VendorError> {
        let mut names: BTreeSet<String> = writes.iter().flat_map(|write| write.row.keys().cloned()).collect();
        if writes.iter().any(|write| write.kind == WriteKind::Create) {
            names.insert(target.key_field.clone());
        }
        let schema = self.schema(&target.object, &names.into_iter().collect::<Vec<_>>(), priority).await?;
        let mut outcomes = Outcomes::new();
        for kind in [WriteKind::Create, WriteKind::Update, WriteKind::Delete] {
            let mut work: VecDeque<Vec<Placed<'_>>> = batches(writes, kind).into();
            while let Some(batch) = work.pop_front() {
                match self.write_batch(target, &schema, kind, &batch, priority).await {
                    Ok(known) => {
                        // A row whose failure HubSpot did not put a name to goes alone; alone, it needs none.
                        work.extend(batch.iter().filter(|(place, _)| !known.contains_key(place)).map(|placed| vec![*placed]));
                        outcomes.extend(known);
                    }
                    Err(error) if is_of_a_row(&error) && batch.len() > 1 => {
                        let (left, right) = batch.split_at(batch.len() / 2);
                        work.extend([left.to_vec(), right.to_vec()]);
                    }
                    // Rows of an earlier call are known to have landed, so that this failure must not speak for them.
                    Err(error) if is_of_a_row(&error) || !outcomes.is_empty() => {
                        outcomes.extend(batch.iter().map(|(place, _)| (*place, Err(error.clone()))));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        self.associate_rows(target, writes, &mut outcomes, priority).await;
        self.list_rows(target, writes, &mut outcomes, priority).await;
        self.subscribe_rows(target, writes, &mut outcomes, priority).await;
        Ok((0..writes.len()).map(|place| outcomes.remove(&place).unwrap_or_else(|| Err(unanswered()))).collect())
    }

    async fn write_batch(
        &self,
        target: &WriteTarget,
        schema: &Schema,
        kind: WriteKind,
        batch: &[Placed<'_>],
        priority: Priority,
    ) -> Result<Outcomes, VendorError> {
        let mut outcomes = Outcomes::new();
        let mut inputs = Vec::with_capacity(batch.len());
        for (place, write) in batch {
            let id = write.id.as_deref().filter(|id| is_id(id));
            let mut properties = map::properties(&write.row, schema);
            let input = match (kind, id) {
                (WriteKind::Create, _) => {
                    properties.insert(target.key_field.clone(), Value::from(write.key.as_str()));
                    Some(json!({"id": write.key, "idProperty": target.key_field}))
                }
                (_, Some(id)) => Some(json!({"id": id})),
                (_, None) => None,
            };
            let Some(mut input) = input else {
                outcomes.insert(*place, Err(no_id(write)));
                continue;
            };
            if kind == WriteKind::Update && properties.is_empty() {
                // Only associations differ.
                outcomes.insert(*place, Ok(written(id.unwrap_or_default().to_owned(), None, None)));
                continue;
            }
            if kind != WriteKind::Delete {
                input["properties"] = Value::Object(properties);
                input["objectWriteTraceId"] = Value::from(place.to_string());
            }
            inputs.push(input);
        }
        if inputs.is_empty() {
            return Ok(outcomes);
        }
        let (counted, verb) = match kind {
            WriteKind::Create => ("batch_upsert", "/batch/upsert"),
            WriteKind::Update => ("batch_update", "/batch/update"),
            WriteKind::Delete => ("batch_archive", "/batch/archive"),
        };
        let place = self.place(&target.object, priority).await?;
        let call = Call::post(self.paths.objects(&place, verb), json!({"inputs": inputs})).idempotent();
        let answer = self.client.call(counted, priority, call).await?;
        if kind == WriteKind::Delete {
            // Nothing is told of single rows: those that were not there are as gone as the others.
            for (place, write) in batch.iter().filter(|(place, _)| !outcomes.contains_key(place)).collect::<Vec<_>>() {
                outcomes.insert(*place, Ok(written(write.id.clone().unwrap_or_default(), None, None)));
            }
            return Ok(outcomes);
        }
        let answered: Batch = answer.json()?;
        self.sort_out(target, kind, batch, answered, &mut outcomes);
        Ok(outcomes)
    }

    /// Gives each row its result or its error.
    fn sort_out(&self, target: &WriteTarget, kind: WriteKind, batch: &[Placed<'_>], answered: Batch, outcomes: &mut Outcomes) {
        let now = self.client.now();
        let place_of = |record: &Record| {
            let traced = record.object_write_trace_id.as_deref().and_then(|trace| trace.parse().ok());
            traced.or_else(|| {
                let fits = |write: &Write| match kind {
                    WriteKind::Create => record.text(&target.key_field) == Some(&write.key),
                    _ => write.id.as_deref() == Some(&record.id),
                };
                batch.iter().find(|(_, write)| fits(write)).map(|(place, _)| *place)
            })
        };
        for record in answered.results {
            let Some(place) = place_of(&record) else { continue };
            let Some((_, write)) = batch.iter().find(|(known, _)| *known == place) else { continue };
            let outcome = match &write.id {
                Some(id) if kind == WriteKind::Update && *id != record.id => Err(merged(id, &record.id)),
                _ => Ok(written(record.id, (kind == WriteKind::Create).then_some(record.new.unwrap_or(true)), record.updated_at)),
            };
            outcomes.insert(place, outcome);
        }
        let mut nameless = Vec::new();
        for envelope in &answered.errors {
            let error = refusal::row(envelope, now);
            let mut places: Vec<usize> = context(envelope, "objectWriteTraceId").iter().filter_map(|trace| trace.parse().ok()).collect();
            let ids = context(envelope, "ids");
            let by_id = batch.iter().filter(|(_, write)| ids.iter().any(|id| write.id.as_deref() == Some(*id) || write.key == *id));
            places.extend(by_id.map(|(place, _)| *place));
            if places.is_empty() {
                nameless.push(error.clone());
            }
            for place in places {
                outcomes.entry(place).or_insert_with(|| Err(error.clone()));
            }
        }
        for error in &nameless {
            tracing::debug!(connection = %self.client.settings().name, code = %error.code, "HubSpot named no row with an error");
        }
        if let [(place, _)] = batch {
            outcomes.entry(*place).or_insert_with(|| Err(nameless.pop().unwrap_or_else(unanswered)));
        }
    }

    /// Sets the associations of rows that landed. A row whose association failed has failed: its repeat finds the row and goes on.
    async fn associate_rows(&self, target: &WriteTarget, writes: &[Write], outcomes: &mut Outcomes, priority: Priority) {
        let mut wanted: BTreeMap<String, Vec<(usize, String, Option<String>)>> = BTreeMap::new();
        for (place, write) in writes.iter().enumerate() {
            let Some(Ok(landed)) = outcomes.get(&place) else { continue };
            for (to, end) in map::associations(&write.row) {
                // A row that is new has none to end.
                if end.is_some() || landed.created != Some(true) {
                    wanted.entry(to.to_owned()).or_default().push((place, landed.id.clone(), end.map(str::to_owned)));
                }
            }
        }
        for (to, rows) in wanted {
            let pairs: Vec<(String, Option<String>)> = rows.iter().map(|(_, id, end)| (id.clone(), end.clone())).collect();
            match self.associate(&target.object, &to, &pairs, priority).await {
                Ok(failed) => {
                    for (place, id, _) in rows {
                        if let Some(error) = failed.get(&id) {
                            outcomes.insert(place, Err(error.clone()));
                        }
                    }
                }
                Err(error) => outcomes.extend(rows.into_iter().map(|(place, ..)| (place, Err(error.clone())))),
            }
        }
    }
}

impl HubSpot {
    /// Puts rows that landed into lists, and takes them out. A row for which that failed has failed, as with associations.
    async fn list_rows(&self, target: &WriteTarget, writes: &[Write], outcomes: &mut Outcomes, priority: Priority) {
        let mut rows = Vec::new();
        for (place, write) in writes.iter().enumerate() {
            if let (Some(Ok(landed)), Some(names)) = (outcomes.get(&place), lists::asked(&write.row)) {
                rows.push((place, (landed.id.clone(), names)));
            }
        }
        if rows.is_empty() {
            return;
        }
        let (places, wanted): (Vec<usize>, Vec<_>) = rows.into_iter().unzip();
        match self.change_lists(&target.object, &wanted, priority).await {
            Ok(failed) => outcomes.extend(
                places.into_iter().zip(&wanted).filter_map(|(place, (id, _))| failed.get(id).map(|error| (place, Err(error.clone())))),
            ),
            Err(error) => outcomes.extend(places.into_iter().map(|place| (place, Err(error.clone())))),
        }
    }

    /// Writes what rows that landed say of subscriptions.
    async fn subscribe_rows(&self, target: &WriteTarget, writes: &[Write], outcomes: &mut Outcomes, priority: Priority) {
        if target.object != "contacts" {
            return;
        }
        for (place, write) in writes.iter().enumerate() {
            let Some(Ok(landed)) = outcomes.get(&place) else { continue };
            if let Err(error) = self.subscribe_contact(&landed.id, &write.row, priority).await {
                outcomes.insert(place, Err(error));
            }
        }
    }
}

/// Writes of one kind in batches in which no row appears twice.
fn batches(writes: &[Write], kind: WriteKind) -> Vec<Vec<Placed<'_>>> {
    let mut all: Vec<(BTreeSet<String>, Vec<Placed<'_>>)> = Vec::new();
    for (place, write) in writes.iter().enumerate().filter(|(_, write)| write.kind == kind) {
        let name = match kind {
            WriteKind::Create => write.key.to_lowercase(),
            _ => write.id.clone().unwrap_or_default(),
        };
        match all.iter_mut().find(|(names, rows)| rows.len() < SPEC.write_max && !names.contains(&name)) {
            Some((names, rows)) => {
                names.insert(name);
                rows.push((place, write));
            }
            None => all.push((BTreeSet::from([name]), vec![(place, write)])),
        }
    }
    all.into_iter().map(|(_, rows)| rows).collect()
}

/// Whether a refusal of a whole batch may be about one of its rows.
fn is_of_a_row(error: &VendorError) -> bool {
    matches!(error.class, Class::Data | Class::LookAgain)
}

fn written(id: String, created: Option<bool>, stamp: Option<String>) -> Written {
    Written { id, created, version: stamp.as_deref().map(version), look: None }
}

fn no_id(write: &Write) -> VendorError {
    let message = format!("the write for {} has no HubSpot id", write.key);
    VendorError::new(Class::LookAgain, "no_id", message, "nothing to do: the record is looked up again")
}

fn merged(id: &str, survivor: &str) -> VendorError {
    let message = format!("record {id} was merged into {survivor} at HubSpot");
    VendorError::new(Class::LookAgain, "merged", message, "nothing to do: the record is looked at again")
}

/// The error of a row of which nothing was said.
pub(super) fn unanswered() -> VendorError {
    VendorError::new(
        Class::Retry,
        "unreadable",
        "HubSpot did not say what became of the row",
        "nothing to do: the row is looked at again before anything is repeated",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_batch_holds_a_row_twice_or_more_than_a_hundred() {
        let write = |id: u32| Write {
            kind: WriteKind::Update,
            key: String::new(),
            id: Some(id.to_string()),
            row: serde_json::Map::new(),
            expect: None,
        };
        let mut writes: Vec<Write> = (0..150).map(write).collect();
        writes.push(write(3));
        let sizes: Vec<usize> = batches(&writes, WriteKind::Update).iter().map(Vec::len).collect();
        assert_eq!(sizes, [100, 51]);
        let twice: Vec<Write> = [1, 1].map(write).into();
        assert_eq!(batches(&twice, WriteKind::Update).len(), 2);
    }
}
