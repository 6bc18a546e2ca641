//! Converge: look at every side as it is now, merge, write, agree a new base. The one function behind every way of being woken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use entente_connect::error::{Class, VendorError};
use entente_model::actor::{Actor, ChangeMark, UserId};
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::plan::{NATIVE, Plan};
use entente_model::value::{FieldKey, get};
use entente_store::{Changes, EntryId, Hint, Outcome, Settled, Viewer};

use super::blanks::believe;
use super::commit::commit;
use super::creation::ask_about_shared_addresses;
use super::decide::{Decision, Grounds, Weighed, decide, weigh};
use super::deliver::{Delivered, deliver};
use super::first_read::FIRST_READ;
use super::gather::{load, look_at_winners, resolve};
use super::guard::guard;
use super::look_first::decide_seeing;
use super::parted::find_astray;
use super::settle::{settle, settle_failed};
use super::task::Task;
use super::{lost_creation, shadow};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::Result;
use crate::privacy::ask::{ASKED, ask_for};
use crate::privacy::blocked::Blocked;
use crate::privacy::person::Who;

/// Milliseconds of an hour.
const HOUR_MS: i64 = 60 * 60 * 1000;
use crate::schema::explain;

/// Loads the records of hints. Hints whose record does not exist have nothing to say, and end.
///
/// # Errors
/// When the store fails.
pub(crate) async fn take_up(engine: &Engine, hints: Vec<Hint>) -> Result<Vec<Task>> {
    if hints.is_empty() {
        return Ok(Vec::new());
    }
    let (tasks, orphans) = load(engine, hints).await?;
    end_orphans(engine, orphans).await?;
    Ok(tasks)
}

/// Decisions that are kept, and write something to a platform.
pub(crate) struct Committed {
    pub(crate) decisions: Arc<Vec<Decision>>,
}

/// Converges records that this worker holds, of which everything was fetched that they ask for.
///
/// # Errors
/// When the store fails. Failures of vendors are settled with the hints.
pub(crate) async fn converge(engine: &Engine, catalog: &Arc<Catalog>, tasks: Vec<Task>) -> Result<()> {
    let committed = conclude(engine, catalog, tasks).await?;
    carry_out(engine, catalog, committed.into_iter().collect()).await
}

/// Decides about records that this worker holds, of which everything was fetched that they ask for, and keeps what was decided. `None` where
/// nothing is to be written to a platform.
///
/// # Errors
/// When the store fails. Failures of vendors are settled with the hints.
pub(crate) async fn conclude(engine: &Engine, catalog: &Arc<Catalog>, tasks: Vec<Task>) -> Result<Option<Committed>> {
    let mut tasks = lost_creation::find(engine, catalog, tasks).await?;
    look_at_winners(engine, catalog, &mut tasks).await?;
    explain(engine, catalog, tasks.iter_mut().filter_map(Task::refusal).collect()).await;
    let (failed, tasks): (Vec<Task>, Vec<Task>) = tasks.into_iter().partition(|task| task.failure.is_some());
    settle_failed(engine, failed).await?;
    if tasks.is_empty() {
        return Ok(None);
    }
    let mut decisions = Vec::with_capacity(tasks.len());
    for (deciding, tasks) in by_version(catalog, tasks, |task| (task.record.id.as_str(), task.record.object.as_str())) {
        decisions.extend(decide_seeing(engine, &deciding, tasks).await?);
    }
    // Whoever asks to be erased is, whatever else is going on with the record.
    let decisions = take_erasures(engine, decisions).await?;
    let decisions = believe(engine, catalog, decisions).await?;
    shadow::compare(engine, catalog, &decisions).await?;
    let decisions = guard(engine, catalog, decisions).await?;
    if decisions.is_empty() {
        return Ok(None);
    }
    let decisions = Arc::new(decisions);
    let committed = commit(engine, catalog, Arc::clone(&decisions)).await?;
    let decisions = Arc::try_unwrap(decisions).unwrap_or_else(|shared| shared.as_ref().clone());
    let kept = decisions.into_iter().enumerate().filter(|(at, decision)| committed.fresh.contains(at) && !decision.writes.is_empty());
    let decisions: Vec<Decision> = kept.map(|(_, decision)| decision.lightened()).collect();
    Ok((!decisions.is_empty()).then(|| Committed { decisions: Arc::new(decisions) }))
}

/// Writes to the platforms what decisions say, all of it in as few calls as can be, and settles it.
///
/// # Errors
/// When the store fails.
pub(crate) async fn carry_out(engine: &Engine, catalog: &Arc<Catalog>, batches: Vec<Committed>) -> Result<()> {
    if batches.is_empty() {
        return Ok(());
    }
    let mut delivered = deliver(engine, &batches).await;
    explain(engine, catalog, delivered.iter_mut().flatten().filter_map(Delivered::refusal).collect()).await;
    let mut settled = Ok(());
    for (Committed { decisions }, delivered) in batches.into_iter().zip(delivered) {
        // What one batch has written is known, whatever becomes of the others.
        settled = settled.and(settle(engine, catalog, decisions, delivered).await);
    }
    settled
}

/// Erases the people of decisions that say so, and answers the others. So many at once that it looks like a slip wait for a person: what is
/// erased cannot be brought back.
async fn take_erasures(engine: &Engine, decisions: Vec<Decision>) -> Result<Vec<Decision>> {
    let (asked, others): (Vec<Decision>, Vec<Decision>) = decisions.into_iter().partition(|decision| decision.erasure.is_some());
    let mut held = Vec::new();
    for mut decision in asked {
        let Some(connection) = decision.erasure.take() else { continue };
        let (now, name) = (engine.now(), connection.clone());
        let hour_ago = Timestamp::from_millisecond(now.as_millisecond() - HOUR_MS).unwrap_or(now);
        let many = engine.store().read(move |tx| tx.counted(ASKED, Some(&name), hour_ago, now)).await?;
        if u64::try_from(many).unwrap_or(0) < engine.options().hold_above {
            ask_for(engine, Who::Record(decision.task.record.id.clone()), &connection, &connection).await?;
            continue;
        }
        let error = VendorError::new(
            Class::Data,
            "many_erasures",
            format!("{connection} asked for {many} erasures within the hour, and this one waits for a person"),
            "If it is meant, run `entente privacy erase` with the record, or retry; else take the mark away at the platform.",
        );
        decision.task.failure = Some((connection, error));
        held.push(decision.task);
    }
    settle_failed(engine, held).await?;
    Ok(others)
}

/// Things by the catalog that decides their records, which are told by id and object: the one in force, but for records of the share that
/// another version of a mapping decides already.
pub(crate) fn by_version<T>(catalog: &Arc<Catalog>, things: Vec<T>, record: impl Fn(&T) -> (&str, &str)) -> Vec<(Arc<Catalog>, Vec<T>)> {
    let mut parts: Vec<(Arc<Catalog>, Vec<T>)> = Vec::new();
    for thing in things {
        let (id, object) = record(&thing);
        let deciding = Arc::clone(catalog.deciding(id, object).unwrap_or(catalog));
        match parts.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &deciding)) {
            Some((_, part)) => part.push(thing),
            None => parts.push((deciding, vec![thing])),
        }
    }
    parts
}

/// Plans tasks without carrying anything out.
pub(crate) async fn decide_all(engine: &Engine, catalog: &Catalog, mut tasks: Vec<Task>) -> Result<Vec<Decision>> {
    find_astray(engine, catalog, &mut tasks).await?;
    let (rows, counterparts) = resolve(engine, catalog, &tasks).await?;
    let engine_ = engine.clone();
    let (reads, blocked) = engine.store().read(move |tx| Ok((tx.settings(FIRST_READ)?, Blocked::of(tx, &engine_)?))).await?;
    let first_reads: BTreeSet<String> = reads.keys().filter_map(|key| key.strip_prefix(FIRST_READ).map(str::to_owned)).collect();
    let none = BTreeMap::new();
    let mut grounds = Grounds {
        engine,
        catalog,
        rows: &rows,
        counterparts: &counterparts,
        first_reads: &first_reads,
        marks: &none,
        blocked: &blocked,
        now: engine.now(),
    };
    let weighed: Vec<Weighed> = tasks.into_iter().map(|task| weigh(task, &grounds)).collect();
    let marks = marks_in_question(engine, &weighed).await?;
    grounds.marks = &marks;
    let mut decisions: Vec<Decision> = weighed.into_iter().map(|weighed| decide(weighed, &grounds)).collect();
    ask_about_shared_addresses(engine, &mut decisions).await?;
    Ok(decisions)
}

/// When and by whom held values were set, for the records whose own value competes in a conflict. Rare, so it is looked up only then.
async fn marks_in_question(engine: &Engine, weighed: &[Weighed]) -> Result<BTreeMap<RecordId, BTreeMap<FieldKey, ChangeMark>>> {
    let mut wanted: Vec<(RecordId, FieldKey, EntryId, Option<String>)> = Vec::new();
    for Weighed { task, plan, sides, .. } in weighed {
        for field in contested_by_us(plan) {
            if let Some(entry) = task.record.provenance.get(&field) {
                let held = get(&task.record.data, &field);
                let mut showing = sides.present.iter().filter(|side| get(&side.values, &field).agrees(held));
                let only = showing.next().filter(|_| showing.next().is_none()).map(|side| side.name.clone());
                wanted.push((task.record.id.clone(), field, *entry, only));
            }
        }
    }
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let marks = engine
        .store()
        .read(move |tx| {
            let mut marks: BTreeMap<RecordId, BTreeMap<FieldKey, ChangeMark>> = BTreeMap::new();
            for (record, field, number, shown_by) in wanted {
                let Some(entry) = tx.entry(&Viewer::system(), number)? else { continue };
                let mark = match &entry.changes {
                    Changes::Open(changes) => changes.get(&field).map(|change| {
                        // A user is one of the platform that the value came from, and at another one a stranger goes by the same id.
                        let who = change.mark.who.filter(|_| change.from.is_some() && change.from == shown_by);
                        ChangeMark { who, ..change.mark }
                    }),
                    _ => None,
                };
                let mark = mark.filter(|mark| mark.at.is_some()).unwrap_or(ChangeMark { at: Some(entry.at), by: entry.actor, who: None });
                // Whoever works in Entente is known by name.
                let name = (mark.by == Actor::Person).then(|| UserId::new(&entry.actor_name)).flatten();
                let mark = ChangeMark { who: mark.who.or(name), ..mark };
                marks.entry(record).or_default().insert(field, mark);
            }
            Ok(marks)
        })
        .await?;
    Ok(marks)
}

fn contested_by_us(plan: &Plan) -> Vec<FieldKey> {
    let ours = plan.conflicts.iter().filter(|conflict| conflict.candidates.iter().any(|candidate| candidate.side == NATIVE));
    ours.map(|conflict| conflict.field.clone()).collect()
}

async fn end_orphans(engine: &Engine, orphans: Vec<Hint>) -> Result<()> {
    if orphans.is_empty() {
        return Ok(());
    }
    let (owner, now) = (engine.owner().to_owned(), engine.now());
    let settled: Vec<Settled> =
        orphans.into_iter().map(|hint| Settled { subject: hint.subject, generation: hint.generation, outcome: Outcome::Done }).collect();
    engine.store().write(move |tx| tx.settle(&owner, now, &settled).map(drop)).await?;
    Ok(())
}
