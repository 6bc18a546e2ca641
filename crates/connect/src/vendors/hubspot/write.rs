//! Writing rows in batches of a hundred, each refused or taken on its own.
//!
//! A row is created by an upsert on the mapping's key, so that a repeat finds the first one; associations follow in a batch of their own.
//! Where HubSpot makes no row without an association (a lead without its contact), an upsert would not do, because it takes none: the key is
//! looked for, who is not there is inserted together with the association, and the key's uniqueness keeps a second insertion out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Value, json};

use super::kind::{ASSOCIATION, born_with, is_id};
use super::map::{self, version};
use super::schema::Schema;
use super::wire::{Batch, Record, context};
use super::{HubSpot, SPEC, lists, refusal};
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::look::ReadSpec;
use crate::transport::call::Call;
use crate::write::{Write, WriteKind, WriteOutcome, WriteTarget, Written};

/// A write together with its place in the batch.
type Placed<'a> = (usize, &'a Write);

/// What became of the rows of one call, by place.
type Outcomes = BTreeMap<usize, WriteOutcome>;

/// What a batch does with its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    /// Makes or changes them by key.
    Upsert,
    /// Makes them, together with the association that they cannot be without.
    Insert,
    /// Changes them by id.
    Update,
    /// Archives them.
    Archive,
}

impl Verb {
    /// Name that calls are counted under, and the end of the path.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Upsert => ("batch_upsert", "/batch/upsert"),
            Self::Insert => ("batch_create", "/batch/create"),
            Self::Update => ("batch_update", "/batch/update"),
            Self::Archive => ("batch_archive", "/batch/archive"),
        }
    }

    /// Whether rows may be new afterwards.
    fn creates(self) -> bool {
        matches!(self, Self::Upsert | Self::Insert)
    }
}

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
        for (verb, work) in self.steps(target, writes, priority).await? {
            let mut work: VecDeque<Vec<Placed<'_>>> = work.into();
            while let Some(batch) = work.pop_front() {
                match self.write_batch(target, &schema, verb, &batch, priority).await {
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

    /// What is done in which order, in batches.
    async fn steps<'a>(
        &self,
        target: &WriteTarget,
        writes: &'a [Write],
        priority: Priority,
    ) -> Result<Vec<(Verb, Vec<Vec<Placed<'a>>>)>, VendorError> {
        let creations = batches(writes, WriteKind::Create);
        let mut steps = Vec::new();
        if born_with(&target.object).is_some() {
            let read = ReadSpec { object: target.object.clone(), fields: vec![target.key_field.clone()] };
            let (mut there, mut new) = (Vec::new(), Vec::new());
            for batch in creations {
                let keys: Vec<&str> = batch.iter().map(|(_, write)| write.key.as_str()).collect();
                let known = self.batch_read(&read, &keys, Some(&target.key_field), priority).await?.results;
                let known: BTreeSet<String> =
                    known.iter().filter_map(|record| record.text(&target.key_field)).map(str::to_lowercase).collect();
                let (old, first): (Vec<_>, Vec<_>) = batch.into_iter().partition(|(_, write)| known.contains(&write.key.to_lowercase()));
                there.extend(Some(old).filter(|rows| !rows.is_empty()));
                new.extend(Some(first).filter(|rows| !rows.is_empty()));
            }
            steps.extend([(Verb::Upsert, there), (Verb::Insert, new)]);
        } else {
            steps.push((Verb::Upsert, creations));
        }
        steps.push((Verb::Update, batches(writes, WriteKind::Update)));
        steps.push((Verb::Archive, batches(writes, WriteKind::Delete)));
        Ok(steps)
    }

    async fn write_batch(
        &self,
        target: &WriteTarget,
        schema: &Schema,
        verb: Verb,
        batch: &[Placed<'_>],
        priority: Priority,
    ) -> Result<Outcomes, VendorError> {
        let mut outcomes = Outcomes::new();
        let mut inputs = Vec::with_capacity(batch.len());
        for (place, write) in batch {
            let id = write.id.as_deref().filter(|id| is_id(id));
            let mut properties = map::properties(&write.row, schema);
            if verb.creates() {
                properties.insert(target.key_field.clone(), Value::from(write.key.as_str()));
            }
            let input = match (verb, id) {
                (Verb::Upsert, _) => Ok(json!({"id": write.key, "idProperty": target.key_field})),
                (Verb::Insert, _) => self.inserted(target, write, priority).await,
                (_, Some(id)) => Ok(json!({"id": id})),
                (_, None) => Err(no_id(write)),
            };
            let mut input = match input {
                Ok(input) => input,
                Err(error) => {
                    outcomes.insert(*place, Err(error));
                    continue;
                }
            };
            if verb == Verb::Update && properties.is_empty() {
                // Only associations differ.
                outcomes.insert(*place, Ok(written(id.unwrap_or_default().to_owned(), None, None)));
                continue;
            }
            if verb != Verb::Archive {
                input["properties"] = Value::Object(properties);
                input["objectWriteTraceId"] = Value::from(place.to_string());
            }
            inputs.push(input);
        }
        if inputs.is_empty() {
            return Ok(outcomes);
        }
        let (counted, tail) = verb.names();
        let place = self.place(&target.object, priority).await?;
        let call = Call::post(self.paths.objects(&place, tail), json!({"inputs": inputs}));
        // Whether an insertion landed is found by its key.
        let call = if verb == Verb::Insert { call } else { call.idempotent() };
        let answer = self.client.call(counted, priority, call).await?;
        if verb == Verb::Archive {
            // Nothing is told of single rows: those that were not there are as gone as the others.
            for (place, write) in batch.iter().filter(|(place, _)| !outcomes.contains_key(place)).collect::<Vec<_>>() {
                outcomes.insert(*place, Ok(written(write.id.clone().unwrap_or_default(), None, None)));
            }
            return Ok(outcomes);
        }
        let answered: Batch = answer.json()?;
        self.sort_out(target, verb, batch, answered, &mut outcomes);
        Ok(outcomes)
    }

    /// The input of a row that is made together with the association that it cannot be without.
    async fn inserted(&self, target: &WriteTarget, write: &Write, priority: Priority) -> Result<Value, VendorError> {
        let Some(partner) = born_with(&target.object) else { return Ok(json!({"associations": []})) };
        let field = format!("{ASSOCIATION}{partner}");
        let Some(end) = write.row.get(&field).and_then(Value::as_str).filter(|end| is_id(end)) else {
            return Err(alone(&target.object, partner).about(field));
        };
        let (ty, category, _) = self.association(&target.object, partner, priority).await?;
        let types = json!([{"associationCategory": category, "associationTypeId": ty}]);
        Ok(json!({"associations": [{"to": {"id": end}, "types": types}]}))
    }

    /// Gives each row its result or its error.
    fn sort_out(&self, target: &WriteTarget, verb: Verb, batch: &[Placed<'_>], answered: Batch, outcomes: &mut Outcomes) {
        let now = self.client.now();
        let place_of = |record: &Record| {
            let traced = record.object_write_trace_id.as_deref().and_then(|trace| trace.parse().ok());
            traced.or_else(|| {
                let fits = |write: &Write| {
                    if verb.creates() {
                        record.text(&target.key_field) == Some(&write.key)
                    } else {
                        write.id.as_deref() == Some(&record.id)
                    }
                };
                batch.iter().find(|(_, write)| fits(write)).map(|(place, _)| *place)
            })
        };
        for record in answered.results {
            let Some(place) = place_of(&record) else { continue };
            let Some((_, write)) = batch.iter().find(|(known, _)| *known == place) else { continue };
            let outcome = match &write.id {
                Some(id) if verb == Verb::Update && *id != record.id => Err(merged(id, &record.id)),
                _ => Ok(written(record.id, verb.creates().then_some(record.new.unwrap_or(true)), record.updated_at)),
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
            let new = landed.created == Some(true);
            for (to, end) in map::associations(&write.row) {
                // A row that is new has none to end, and one it was made with.
                if !new || (end.is_some() && born_with(&target.object) != Some(to)) {
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

fn alone(object: &str, partner: &str) -> VendorError {
    VendorError::new(
        Class::Data,
        "alone",
        format!("HubSpot makes none of its {object} without one of its {partner}, and the record has none there"),
        "let the record name one that is at HubSpot; it is tried again when it does",
    )
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
