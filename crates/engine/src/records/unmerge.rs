//! Unmerge: a record that ended in another one comes back, with its counterparts, what points to it, and what its own sides said since. Shown
//! as a plan, applied in one transaction, and carried to the platforms by the next look like any edit of a person. The two are never merged
//! by a rule again.

mod carry;
mod pointing;
mod show;
mod values;
mod work_out;

use std::collections::BTreeSet;
use std::time::Duration;

use entente_model::id::RecordId;
use entente_store::{StoreError, Viewer};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::records::undo::NotUndone;

/// Times that it is tried again while a worker has one of the records in hand.
const TRIES: u32 = 50;

/// Pause between them: a write to a platform takes about that long.
const PAUSE: Duration = Duration::from_millis(200);

/// Records that point to it and are listed one by one; beyond them it counts.
const LISTED: usize = 100;

/// One of the two records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PartedRecord {
    /// Record id.
    pub record: String,
    /// What people call it now.
    pub title: String,
}

/// How they became one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PastMerge {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who: a person, or the connection that merged the rows.
    pub by: String,
    /// `decided` by a person, `followed` from a platform, or `one_row` that both turned out to stand for.
    pub way: String,
}

/// A value that one of the records gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PartedField {
    /// The record.
    pub record: String,
    /// Field.
    pub field: String,
    /// What people call it.
    pub label: String,
    /// The value that the record they share has now, as people read it; none for no value.
    pub now: Option<String>,
    /// The value that this record gets.
    pub then: Option<String>,
    /// Whether it was entered since they became one, at a counterpart of this record.
    pub since: bool,
}

/// A counterpart with where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PartedLink {
    /// Connection.
    pub connection: String,
    /// The platform's name of the object.
    pub remote_object: String,
    /// External id.
    pub external_id: String,
    /// The record whose counterpart it is afterwards.
    pub goes_to: String,
}

/// A record that pointed to the one that ended, and points to it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PartedReference {
    /// The record that points.
    pub record: String,
    /// Its object: `case`, `activity`, …
    pub object: String,
    /// What people call it.
    pub title: String,
    /// The field by which it points.
    pub field: String,
    /// Whether it came to point since they became one, by a counterpart that goes back.
    pub since: bool,
}

/// Something that happened since and stays with the record that stayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PartedSince {
    /// The entry of the ledger.
    pub entry: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who: a connection, a person or a flow.
    pub by: String,
    /// The field.
    pub field: String,
    /// The value that it gave, as people read it.
    pub value: Option<String>,
    /// The record that it goes to.
    pub goes_to: String,
}

/// What parting two records comes to, planned or done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UnmergeReport {
    /// Object.
    pub object: String,
    /// The record that comes back.
    pub comes_back: PartedRecord,
    /// The record that it is a part of now.
    pub stays: PartedRecord,
    /// How they became one.
    pub merge: PastMerge,
    /// Whether they are two: applied now, or before. Otherwise nothing was written.
    pub applied: bool,
    /// Whether that was so already.
    pub already: bool,
    /// Values that either gets, where that is another one than now.
    pub fields: Vec<PartedField>,
    /// Counterparts that go back, and those that stay.
    pub links: Vec<PartedLink>,
    /// Connections at which the record that comes back gets a new row, as its row is not there any more.
    pub creates_at: Vec<String>,
    /// Records that point to the one that comes back again: tickets, activities, people of a company.
    pub references: Vec<PartedReference>,
    /// How many there are, the listed ones included.
    pub reference_count: u64,
    /// What happened since, and to whom it goes.
    pub since: Vec<PartedSince>,
    /// What cannot be undone.
    pub impossible: Vec<NotUndone>,
    /// The entry of the ledger of the record that comes back, once it is applied.
    pub entry: Option<String>,
}

fn invalid(reason: impl Into<String>, remedy: impl Into<String>) -> EngineError {
    EngineError::Invalid { field: "record".to_owned(), reason: reason.into(), remedy: remedy.into() }
}

/// Plans the parting of a record from the one that it ended in, and does it when asked to. The record is the one that ended; or the one that
/// stayed, where only one ended in it. Done again, it finds done what is done.
///
/// # Errors
/// When there is no such record, it did not end in another one, or its values were erased; or when the store fails.
pub async fn unmerge(engine: &Engine, viewer: &Viewer, text: &str, apply: bool) -> Result<UnmergeReport> {
    let named = super::find(engine, viewer, text).await?;
    let id = meant(engine, viewer, &named).await?;
    let mut tries = 0;
    loop {
        let (engine_, catalog, seer, wanted, now) = (engine.clone(), engine.catalog(), viewer.clone(), id.clone(), engine.now());
        let body = move |tx: &mut entente_store::Tx<'_>| {
            let Some(parting) = work_out::work_out(tx, &engine_, &catalog, &wanted)? else { return Ok(None) };
            if apply && !parting.already && parting.is_possible() {
                let records: Vec<RecordId> = parting.records().cloned().collect();
                if tx.is_any_leased(&records, now)? {
                    return Err(StoreError::Conflict {
                        what: format!("record {}: something is on its way to a platform for it", parting.stays().id),
                    });
                }
                let entry = carry::carry(tx, &engine_, &catalog, &seer, &parting, now)?;
                return show::show(tx, &engine_, &catalog, &seer, parting, Some(entry)).map(Some);
            }
            show::show(tx, &engine_, &catalog, &seer, parting, None).map(Some)
        };
        let done = if apply { engine.store().write(body).await } else { engine.store().read(body).await };
        match done {
            Err(StoreError::Conflict { .. }) if tries < TRIES => {
                tries += 1;
                engine.time().sleep(PAUSE).await;
            }
            Err(error) => return Err(error.into()),
            Ok(None) => return Err(invalid(format!("{id} did not end in another record"), "see its history: `entente history`")),
            Ok(Some(report)) => return Ok(report),
        }
    }
}

/// The record that ended: the named one, or the only one that ended in it.
async fn meant(engine: &Engine, viewer: &Viewer, named: &RecordId) -> Result<RecordId> {
    let (seer, wanted) = (viewer.clone(), named.clone());
    let (record, ended, into) =
        engine.store().read(move |tx| Ok((tx.record(&seer, &wanted)?, tx.merges_of(&wanted)?, tx.merges_into(&wanted)?))).await?;
    if record.is_none() {
        return Err(super::no_record(named));
    }
    let standing: BTreeSet<RecordId> = into.iter().filter(|one| one.undone_at.is_none()).map(|one| one.merge.absorbed.clone()).collect();
    match (ended.iter().any(|one| one.undone_at.is_none()), standing.into_iter().collect::<Vec<_>>().as_slice()) {
        (true, _) => Ok(named.clone()),
        (false, [one]) => Ok(one.clone()),
        (false, []) if !ended.is_empty() => Ok(named.clone()),
        // Nothing ends in it any more: the latest one that did.
        (false, []) => match into.into_iter().next() {
            Some(latest) => Ok(latest.merge.absorbed),
            None => Err(invalid(
                format!("{named} is nobody else's part, and nobody's record ended in it"),
                "see its history: `entente history`",
            )),
        },
        (false, many) => {
            let names = many.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            Err(invalid(format!("several records ended in {named}: {names}"), "give the one that is to come back"))
        }
    }
}
