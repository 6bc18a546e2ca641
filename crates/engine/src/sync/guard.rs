//! The guard: an unusual mass change (rows deleted, values blanked, owners changed, values overwritten) is not written on before a person
//! has seen it. Changes that pass are counted by connection, object and kind; what would go over the limit of the window is held.
//!
//! Holding is level-triggered like everything else: a held record is not converged. Nothing of it changes, here or at any side, and what its
//! sides show stays unweighed. Whatever wakes it is looked at and held again, until the hold is released or dropped or the danger is gone.

use std::collections::{BTreeMap, BTreeSet};

use entente_connect::write::WriteKind;
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::mapping::Owner;
use entente_model::value::{FieldKey, Value, get};
use entente_store::{HeldRecord, HoldState, LinkState, MassKey, Outcome, Settled, Severity, StoreError, Tx};
use serde::{Deserialize, Serialize};

use super::decide::Decision;
use super::ingest::Way;
use crate::alerts::raise::raise;
use crate::alerts::{AlertKind, Signal};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::Result;
use crate::options::Options;

/// Causes of hints behind which a person stands who has seen what will happen: it is not counted, and not held unless it is already.
const ASKED_FOR: &[&str] = &["user", "undo"];

/// Whether changes of a kind are not unusual, however many, when hints of a cause bring them: those that a person asked for, and those of
/// the first read of a platform, which changes much by its nature and which `entente plan` shows before. It has no reason to delete.
fn is_expected(cause: &str, key: &MassKey) -> bool {
    ASKED_FOR.contains(&cause) || (cause == Way::FirstRead.cause() && key.kind != DELETE)
}

/// Who closes a hold whose every change was taken back where it came from.
const TAKEN_BACK: &str = "entente: every change was taken back";

/// Kind of a deletion.
pub const DELETE: &str = "delete";
/// Kind of a value that becomes blank.
pub const BLANK: &str = "blank";
/// Kind of a change of who looks after a customer.
pub const OWNER: &str = "owner";
/// Kind of a value that another one takes the place of.
pub const OVERWRITE: &str = "overwrite";

/// One field of what is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldField {
    /// Field.
    pub field: FieldKey,
    /// The value agreed so far.
    pub before: Value,
    /// The value that would be written.
    pub after: Value,
}

/// What is held of a record.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Held {
    /// Fields that would be written.
    pub fields: Vec<HeldField>,
    /// Connections whose row is gone, for a deletion.
    #[serde(default)]
    pub gone: Vec<String>,
}

/// What a decision would do that may be a part of something unusual.
pub(crate) type Dangers = BTreeMap<MassKey, Held>;

fn dangers(catalog: &Catalog, decision: &Decision) -> Dangers {
    let object = &decision.task.record.object;
    let ours = |field: &str| catalog.policy(object).iter().any(|policy| policy.field == field && policy.owner == Owner::Native);
    let mut dangers = Dangers::new();
    for planned in &decision.writes {
        let key = |kind: &str| MassKey { connection: planned.connection.clone(), object: object.clone(), kind: kind.to_owned() };
        match planned.write.kind {
            WriteKind::Create => {}
            WriteKind::Delete => {
                let ended = decision.links.iter().filter(|link| link.state != LinkState::Present);
                let was = |connection: &str| decision.task.link(connection).is_some_and(|link| link.state == LinkState::Present);
                let gone = ended.filter(|link| was(&link.connection)).map(|link| link.connection.clone()).collect();
                dangers.insert(key(DELETE), Held { fields: Vec::new(), gone });
            }
            WriteKind::Update => {
                let Some(link) = decision.task.link(&planned.connection) else { continue };
                for (field, after) in planned.fields.iter().filter(|(field, _)| !ours(field)) {
                    // What was never agreed, or is only put back, is no change that comes from anywhere.
                    let before = get(&link.base, field);
                    if before.is_blank() || before.agrees(after) {
                        continue;
                    }
                    let kind = match () {
                        () if after.is_blank() => BLANK,
                        () if catalog.is_of_owner(object, field) => OWNER,
                        () => OVERWRITE,
                    };
                    let held = HeldField { field: field.clone(), before: before.clone(), after: after.clone() };
                    dangers.entry(key(kind)).or_default().fields.push(held);
                }
            }
        }
    }
    dangers
}

/// How many changes of a kind may pass within the window; `None` when the kind is not guarded.
struct Limit {
    least: u64,
    percent: u64,
}

impl Limit {
    fn of(options: &Options, kind: &str) -> Option<Self> {
        let (least, percent) = if kind == OVERWRITE {
            (options.hold_overwrites_above, options.hold_overwrite_percent)
        } else {
            (options.hold_above, options.hold_percent)
        };
        (percent > 0).then_some(Self { least, percent })
    }
}

/// What is known of the window.
struct Window {
    open: BTreeMap<MassKey, i64>,
    released: BTreeSet<MassKey>,
    passed: BTreeMap<MassKey, u64>,
    held: Vec<(RecordId, i64, MassKey, HoldState)>,
}

fn before(now: Timestamp, options: &Options) -> Timestamp {
    let ms = i64::try_from(options.hold_window_minutes.saturating_mul(60_000)).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(now.as_millisecond().saturating_sub(ms)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Lets decisions pass, and holds what is part of an unusual mass change. Answers those that pass.
pub(crate) async fn guard(engine: &Engine, catalog: &Catalog, mut decisions: Vec<Decision>) -> Result<Vec<Decision>> {
    let (options, now) = (engine.options(), engine.now());
    for decision in &mut decisions {
        decision.dangers = dangers(catalog, decision);
        decision.dangers.retain(|key, _| Limit::of(options, &key.kind).is_some());
    }
    let ids: Vec<RecordId> = decisions.iter().map(|decision| decision.task.record.id.clone()).collect();
    let (any, since) = (decisions.iter().any(|decision| !decision.dangers.is_empty()), before(now, options));
    let window = engine.store().read(move |tx| {
        let open = tx.open_holds()?;
        if !any && open.is_empty() {
            return Ok(None);
        }
        let released = tx.released_since(since)?.into_iter().collect();
        Ok(Some(Window { open, released, passed: tx.mass_since(since)?, held: tx.held_of(&ids)? }))
    });
    let Some(window) = window.await? else { return Ok(decisions) };
    for decision in &mut decisions {
        let (record, cause) = (decision.task.record.id.clone(), decision.task.hint.cause.clone());
        decision.dangers.retain(|key, _| !passes(&record, key, &window) && (!is_expected(&cause, key) || waits(&record, key, &window)));
    }
    let over = over(engine, catalog, &decisions, &window).await?;
    let is_held = |decision: &Decision| decision.dangers.keys().any(|key| window.open.contains_key(key) || over.contains_key(key));
    let (held, passing): (Vec<Decision>, Vec<Decision>) = decisions.into_iter().partition(is_held);
    let harmless = harmless(&passing, &window);
    if held.is_empty() && harmless.is_empty() {
        return Ok(passing);
    }
    hold(engine, held, over, harmless, now).await?;
    Ok(passing)
}

/// Whether a person let a change of a record pass, or changes of its kind altogether.
fn passes(record: &RecordId, key: &MassKey, window: &Window) -> bool {
    window.released.contains(key)
        || window.held.iter().any(|(held, _, of, state)| held == record && of == key && *state == HoldState::Released)
}

/// Whether a record waits with an open hold of a kind already.
fn waits(record: &RecordId, key: &MassKey, window: &Window) -> bool {
    window.held.iter().any(|(held, _, of, state)| held == record && of == key && *state == HoldState::Open)
}

/// Kinds of change that would go over their limit with these decisions: how many there would be, and how many may be.
async fn over(engine: &Engine, catalog: &Catalog, decisions: &[Decision], window: &Window) -> Result<BTreeMap<MassKey, (u64, u64)>> {
    let mut many: BTreeMap<MassKey, u64> = BTreeMap::new();
    for decision in decisions {
        for key in decision.dangers.keys().filter(|key| !window.open.contains_key(*key)) {
            *many.entry(key.clone()).or_default() += 1;
        }
    }
    let mut over = BTreeMap::new();
    for (key, fresh) in many {
        let Some(limit) = Limit::of(engine.options(), &key.kind) else { continue };
        let total = window.passed.get(&key).copied().unwrap_or(0) + fresh;
        if total <= limit.least {
            continue;
        }
        let remote = catalog.mapped(&key.connection, &key.object).map(|mapped| mapped.mapping().remote.clone()).unwrap_or_default();
        let connection = key.connection.clone();
        let linked = engine.store().read(move |tx| tx.linked_rows(&connection, &remote)).await?;
        let allowed = limit.least.max(linked.saturating_mul(limit.percent) / 100);
        if total > allowed {
            over.insert(key, (total, allowed));
        }
    }
    Ok(over)
}

/// Records that waited with an open hold and would do nothing of its kind any more: the change was taken back where it came from.
fn harmless(passing: &[Decision], window: &Window) -> Vec<(RecordId, i64)> {
    let mut harmless = Vec::new();
    for (record, hold, key, state) in &window.held {
        let now = passing.iter().find(|decision| decision.task.record.id == *record);
        if *state == HoldState::Open && now.is_some_and(|decision| !decision.dangers.contains_key(key)) {
            harmless.push((record.clone(), *hold));
        }
    }
    harmless
}

async fn hold(
    engine: &Engine,
    held: Vec<Decision>,
    over: BTreeMap<MassKey, (u64, u64)>,
    harmless: Vec<(RecordId, i64)>,
    now: Timestamp,
) -> Result<()> {
    let owner = engine.owner().to_owned();
    engine
        .store()
        .write(move |tx| {
            let mut open = tx.open_holds()?;
            for (key, (many, allowed)) in &over {
                let (id, fresh) = tx.open_hold(key, *many, *allowed, now)?;
                open.insert(key.clone(), id);
                if fresh {
                    raise(tx, &signal(id, key, *many, *allowed), now)?;
                }
            }
            let mut rows = Vec::new();
            for decision in &held {
                for (key, what) in &decision.dangers {
                    let Some(hold) = open.get(key) else { continue };
                    let preview = serde_json::to_value(what).map_err(|error| StoreError::Invalid(error.to_string()))?;
                    rows.push(HeldRecord { record: decision.task.record.id.clone(), hold: *hold, preview, since: now });
                }
            }
            tx.put_held(&rows)?;
            tx.end_held(&harmless)?;
            for hold in harmless.iter().map(|(_, hold)| *hold).collect::<BTreeSet<_>>() {
                // An empty hold would hold whatever comes next.
                if tx.held_by(hold, None, 1)?.is_empty() {
                    tx.close_hold(hold, HoldState::Dropped, TAKEN_BACK, now)?;
                }
            }
            // Whoever waits for nobody but a person has come to its end for now. One whose hold was closed this moment looks again.
            let settled = held.iter().map(|decision| {
                let waits = rows.iter().any(|row| row.record == decision.task.record.id);
                let hint = &decision.task.hint;
                let outcome = if waits { Outcome::Done } else { Outcome::Later { at: now } };
                Settled { subject: hint.subject.clone(), generation: hint.generation, outcome }
            });
            tx.settle(&owner, now, &settled.collect::<Vec<_>>()).map(drop)
        })
        .await?;
    Ok(())
}

/// What a kind of change does to things, in words.
#[must_use]
pub fn words(kind: &str) -> &'static str {
    match kind {
        DELETE => "would be deleted",
        BLANK => "would lose values",
        OWNER => "would get other owners",
        _ => "would be overwritten",
    }
}

/// What operators are told of a hold while it is open.
pub(crate) fn signal(id: i64, key: &MassKey, many: u64, allowed: u64) -> Signal {
    let (connection, object, what) = (&key.connection, &key.object, words(&key.kind));
    Signal {
        kind: AlertKind::MassChange,
        subject: id.to_string(),
        severity: Severity::Critical,
        title: format!("Held: {many} {object} records {what} at {connection}"),
        body: format!(
            "That many changes of the kind within a few minutes are unusual ({allowed} pass), so they wait for a person. \
             `entente holds show {id}` shows them, `entente holds release {id}` lets them go, `entente holds drop {id}` puts them back."
        ),
    }
}

/// Counts what passes, within the transaction that commits it. A decision that is only tried again was counted before.
pub(crate) fn count(tx: &mut Tx<'_>, decisions: &[&Decision], now: Timestamp) -> Result<(), StoreError> {
    let mut passed: BTreeMap<MassKey, u64> = BTreeMap::new();
    for decision in decisions.iter().filter(|decision| decision.task.hint.is_new()) {
        for key in decision.dangers.keys() {
            *passed.entry(key.clone()).or_default() += 1;
        }
    }
    tx.count_mass(now, &passed)
}
