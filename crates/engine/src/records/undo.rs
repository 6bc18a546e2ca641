//! Undo: what entries of the ledger did is taken back by a merge with what happened since, shown as a plan, and applied as an edit of a
//! person that goes to every counterpart like any other. What cannot be undone is named with the reason.

mod carry;
mod judge;
mod platforms;
mod reigned;
mod select;
mod show;
mod taken;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use entente_model::id::RecordId;
use entente_model::value::Value;
use entente_store::{Change, Changes, Entry, Lane, PAGE_ROWS_MAX, StoreError, Tx, Viewer, Window};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::reigned::Reigned;
use self::taken::{Answers, Given};
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::sync::task::{LANE_UPDATE, LANE_URGENT};

/// Records of one transaction: few enough that nobody waits for it.
const BATCH: usize = 100;

/// Records that a report lists one by one; beyond them it counts.
const LISTED: usize = 200;

/// Times that records are tried again which somebody changes at the same moment.
const RACES_MAX: u32 = 8;

/// What is to be undone: an entry, a run of entries, a stretch of time, what a version of a mapping did, or the latest change of a record. The
/// other conditions narrow it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UndoRequest {
    /// Only this record: its id, a connection and external id, or words that fit one record. Alone, it means its latest change.
    pub record: Option<String>,
    /// Only these fields, by their keys or by what people call them.
    pub fields: Vec<String>,
    /// This entry of the ledger.
    pub entry: Option<String>,
    /// The run that this entry is part of: everything that the same hand did for the same cause without a pause of a minute.
    pub run: Option<String>,
    /// Everything from this instant on.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Up to this instant, it included; up to now without it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// What a version of this mapping did, as `CONNECTION/OBJECT`: what it took from the
    /// connection's rows, while it decided them, by lines that the version before did not have, or had otherwise.
    pub mapping: Option<String>,
    /// That version.
    pub version: Option<i64>,
    /// Only what came from this connection.
    pub connection: Option<String>,
    /// Only records of this object.
    pub object: Option<String>,
    /// Only entries with this cause: `webhook`, `poll`, `resync`, `import`, `user`, `flow`, `undo`, …
    pub cause: Option<String>,
    /// Only entries by this user, connection or flow.
    pub by: Option<String>,
    /// With a record alone: take its latest change back also where that is an undo itself.
    pub again: bool,
}

/// A field that is put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldUndo {
    /// Field.
    pub field: String,
    /// What people call it.
    pub label: String,
    /// The present value, as people read it; none for no value.
    pub now: Option<String>,
    /// The value it gets.
    pub then: Option<String>,
    /// The entries that this takes back.
    pub takes_back: Vec<String>,
    /// Those of them that were undos themselves: what they took back is done again.
    pub takes_back_undos: Vec<String>,
    /// Connections that it is written to.
    pub writes: Vec<String>,
}

/// A field that stays, in whole or, of a set, in part, because somebody changed it since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldKept {
    /// Field.
    pub field: String,
    /// What people call it.
    pub label: String,
    /// The value that stays.
    pub now: Option<String>,
    /// The later entries.
    pub edited_by: Vec<String>,
}

/// Something that cannot be undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NotUndone {
    /// The field, unless it is the whole of an entry or a record.
    pub field: Option<String>,
    /// The entry, where it is one.
    pub entry: Option<String>,
    /// Why not.
    pub reason: String,
    /// What to do instead.
    pub remedy: String,
}

/// What undoing comes to for one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecordUndo {
    /// Record id.
    pub record: String,
    /// Object.
    pub object: String,
    /// What people call the record.
    pub title: String,
    /// Fields that are put back.
    pub fields: Vec<FieldUndo>,
    /// Fields that stay because they were changed since.
    pub kept: Vec<FieldKept>,
    /// What cannot be undone.
    pub impossible: Vec<NotUndone>,
    /// The entry that did it, once it is applied. It can be undone like any other.
    pub entry: Option<String>,
}

/// A plan of an undo, or what an applied one came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UndoReport {
    /// What was asked to be undone, in words.
    pub what: String,
    /// Whether it was applied; otherwise nothing was written.
    pub applied: bool,
    /// Records that the entries touched.
    pub records: u64,
    /// Fields that are put back.
    pub restored: u64,
    /// Fields that stay because they were changed since.
    pub kept: u64,
    /// Things that cannot be undone.
    pub impossible: u64,
    /// The first records of them that there is something to say about.
    pub items: Vec<RecordUndo>,
    /// Records that there is something to say about and that are not listed.
    pub left_out: u64,
}

impl UndoReport {
    fn add(&mut self, record: RecordUndo) {
        self.restored += record.fields.len() as u64;
        self.kept += record.kept.len() as u64;
        self.impossible += record.impossible.len() as u64;
        if record.fields.is_empty() && record.kept.is_empty() && record.impossible.is_empty() {
            return;
        }
        if self.items.len() < LISTED {
            self.items.push(record);
        } else {
            self.left_out += 1;
        }
    }
}

/// What an undo works by, settled before it begins.
struct Asked {
    window: Window,
    /// The version of a mapping whose doing is meant, if it is one.
    reigned: Option<Reigned>,
    fields: BTreeSet<String>,
    /// Why, in the words that the entries bear.
    why: String,
    lane: Lane,
    viewer: Viewer,
    /// Values that one row alone may have, and that go back.
    given: Given,
}

impl Asked {
    /// Whether an entry is among those that are to be taken back.
    fn holds(&self, entry: &Entry) -> bool {
        self.window.holds(entry) && self.reigned.as_ref().is_none_or(|reigned| reigned.decided(entry))
    }

    /// Whether a change of a field is meant, in an entry that is.
    fn wants(&self, field: &str, change: &Change) -> bool {
        (self.fields.is_empty() || self.fields.contains(field)) && self.reigned.as_ref().is_none_or(|reigned| reigned.took(field, change))
    }

    /// Whether an entry is about a field that is asked for, as far as that can be seen.
    fn means(&self, entry: &Entry) -> bool {
        match &entry.changes {
            // A deletion or a merge has no values, and is about all fields.
            Changes::Open(changes) => {
                let meant = |(field, change): (&String, &Change)| self.wants(field, change) || self.wrote_over(field, change).is_some();
                changes.is_empty() || changes.iter().any(meant)
            }
            _ => true,
        }
    }

    /// The connection at which a version of a mapping wrote over a value of a field that is asked for, and that value.
    fn wrote_over<'a>(&'a self, field: &str, change: &'a Change) -> Option<(&'a str, &'a Value)> {
        let reigned = self.reigned.as_ref().filter(|_| self.fields.is_empty() || self.fields.contains(field))?;
        Some((reigned.connection(), reigned.wrote_over(field, change)?))
    }
}

/// Told after each batch: records done so far.
pub type OnUndone<'a> = &'a (dyn Fn(u64) + Send + Sync);

/// Plans an undo, and applies it when asked to. It goes in batches of their own transaction; asked for again, it finds done what is done.
///
/// # Errors
/// When the request names nothing or something that is not there, or the store fails.
pub async fn undo(engine: &Engine, viewer: &Viewer, request: &UndoRequest, apply: bool, on_undone: OnUndone<'_>) -> Result<UndoReport> {
    let chosen = select::select(engine, viewer, request).await?;
    let lane = if chosen.window.record.is_some() || chosen.window.first == chosen.window.last { LANE_URGENT } else { LANE_UPDATE };
    let asked = Arc::new(Asked {
        why: format!("undo of {}", chosen.words),
        window: chosen.window,
        reigned: chosen.reigned,
        fields: chosen.fields,
        lane,
        viewer: viewer.clone(),
        given: Given::default(),
    });
    let mut report =
        UndoReport { what: chosen.words, applied: apply, records: 0, restored: 0, kept: 0, impossible: 0, items: Vec::new(), left_out: 0 };
    let mut known: HashSet<RecordId> = HashSet::new();
    let mut from = asked.window.first - 1;
    loop {
        let page_of = Arc::clone(&asked);
        let page = engine.store().read(move |tx| tx.touches(&page_of.viewer, &page_of.window, from, true, PAGE_ROWS_MAX)).await?;
        let is_last = page.len() < PAGE_ROWS_MAX;
        from = page.last().map_or(from, |touch| touch.entry);
        let meant = page.into_iter().filter(|touch| asked.reigned.as_ref().is_none_or(|reigned| reigned.rules(&touch.record, touch.entry)));
        let fresh: Vec<RecordId> = meant.map(|touch| touch.record).filter(|record| known.insert(record.clone())).collect();
        for batch in fresh.chunks(BATCH) {
            for record in batch_of(engine, &asked, batch, apply).await? {
                report.add(record);
            }
            report.records += batch.len() as u64;
            on_undone(report.records);
        }
        if is_last {
            return Ok(report);
        }
    }
}

/// One batch in one transaction. What somebody changes at the same moment is judged anew, record by record.
async fn batch_of(engine: &Engine, asked: &Arc<Asked>, batch: &[RecordId], apply: bool) -> Result<Vec<RecordUndo>> {
    match asked_first(engine, asked, batch, apply).await {
        Err(EngineError::Store(StoreError::Conflict { .. })) => {}
        done => return done,
    }
    let mut records = Vec::with_capacity(batch.len());
    for record in batch {
        let mut races = 0;
        records.extend(loop {
            match asked_first(engine, asked, std::slice::from_ref(record), apply).await {
                Err(EngineError::Store(StoreError::Conflict { .. })) if races < RACES_MAX => races += 1,
                done => break done?,
            }
        });
    }
    Ok(records)
}

/// One transaction, after the platforms were asked what it goes by.
async fn asked_first(engine: &Engine, asked: &Arc<Asked>, ids: &[RecordId], apply: bool) -> Result<Vec<RecordUndo>> {
    let mut answers = Answers::default();
    let catalog = engine.catalog();
    if taken::may_ask(engine, &catalog, asked) {
        let (engine_, judging, asked, ids) = (engine.clone(), Arc::clone(&catalog), Arc::clone(asked), ids.to_vec());
        let judged = move |tx: &mut Tx<'_>| Ok(judge::judge(tx, &engine_, &judging, &asked, &ids, (&Answers::default(), None))?.1);
        let open = engine.store().read(judged).await?;
        answers = taken::ask(engine, &catalog, open).await;
    }
    transaction(engine, asked, ids.to_vec(), Arc::new(answers), apply).await
}

async fn transaction(
    engine: &Engine,
    asked: &Arc<Asked>,
    ids: Vec<RecordId>,
    answers: Arc<Answers>,
    apply: bool,
) -> Result<Vec<RecordUndo>> {
    let (engine_, catalog, asked, now) = (engine.clone(), engine.catalog(), Arc::clone(asked), engine.now());
    let body = move |tx: &mut Tx<'_>| {
        let mut shown = Vec::with_capacity(ids.len());
        let (all, open) = judge::judge(tx, &engine_, &catalog, &asked, &ids, (answers.as_ref(), Some(&asked.given)))?;
        if !open.is_empty() {
            // Something else goes back than what the platforms were asked about: the record has changed meanwhile.
            return Err(StoreError::Conflict { what: "a record that is to be undone".to_owned() });
        }
        for judged in all {
            let entry = if apply { carry::carry(tx, &engine_, &catalog, &asked, &judged, now)? } else { None };
            shown.push(show::show(tx, &engine_, &catalog, &asked.viewer, judged, entry)?);
        }
        Ok(shown)
    };
    let done = if apply { engine.store().write(body).await } else { engine.store().read(body).await };
    Ok(done?)
}
