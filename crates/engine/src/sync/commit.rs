//! Committing decisions: ledger entry, record, links, conflicts, waits and finished hints in one transaction. Only then is anything
//! written to a vendor, so that a crash in between leaves the decision, and the next look carries it out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use entente_connect::look::Existence;
use entente_connect::write::WriteKind;
use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::mapping::Role;
use entente_model::plan::NATIVE;
use entente_model::plan::cascade::Candidate;
use entente_model::value::{Value, get};
use entente_store::{
    ConflictSide, Link, LinkState, MatchKey, NewConflict, NewEntry, NewHint, Outcome, PutRecord, Record, RecordState, RemoteKey,
    Resolution, Settled, StoreError, Tx, Viewer,
};

use super::adopt::{has_match_keys, match_keys};
use super::circle;
use super::decide::{Decision, Wait};
use super::edit::search_text;
use super::fate::{Fate, end_hints, fate};
use super::first_read;
use super::settle::{DUPLICATES_MERGED, lost_since};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::entry;
use crate::error::Result;
use crate::privacy::met::note;

/// What became of a batch of decisions.
pub(crate) struct Committed {
    /// Decisions that were carried out in the store, by index. The others met a record that had changed meanwhile and are looked at
    /// again, or lost their lease and are another worker's.
    pub(crate) fresh: BTreeSet<usize>,
}

/// Commits decisions of records that this worker still holds, and prolongs their leases for the writes that follow. Hints without writes
/// to make are settled with them.
pub(crate) async fn commit(engine: &Engine, catalog: &Arc<Catalog>, decisions: Arc<Vec<Decision>>) -> Result<Committed> {
    let now = engine.now();
    let fates: Arc<Vec<Option<Fate>>> = Arc::new(
        decisions
            .iter()
            .map(|decision| decision.writes.is_empty().then(|| fate(engine, &decision.task.hint, decision.task.failure.as_ref(), now)))
            .collect(),
    );
    // What can be made before the transaction is: everybody who writes waits for its end.
    let drafts: Vec<Option<Draft>> =
        decisions.iter().map(|decision| changes_record(decision).then(|| Draft::of(engine, decision, catalog, now))).collect();
    let (catalog, engine_) = (Arc::clone(catalog), engine.clone());
    let owner = engine.owner().to_owned();
    let lease_ms = i64::try_from(engine.options().lease_ms).unwrap_or(i64::MAX);
    let until = Timestamp::from_millisecond(now.as_millisecond().saturating_add(lease_ms)).unwrap_or(now);
    let committed = engine
        .store()
        .write(move |tx| {
            let ids: Vec<RecordId> = decisions.iter().map(|decision| decision.task.record.id.clone()).collect();
            let mut taken = circle::closing(tx, &decisions)?;
            let versions = tx.record_versions(&ids)?;
            taken.extend(taken_rows(tx, &decisions)?);
            taken.extend(linked_meanwhile(tx, &decisions)?);
            let subjects: Vec<String> = decisions.iter().map(|decision| decision.task.hint.subject.clone()).collect();
            let held = tx.held(&owner, &subjects)?;
            let ours = |decision: &Decision| held.contains(&decision.task.hint.subject);
            let fresh: BTreeSet<usize> = decisions
                .iter()
                .enumerate()
                .filter(|(at, decision)| ours(decision) && !taken.contains(at))
                .filter(|(_, decision)| versions.get(&decision.task.record.id) == Some(&decision.task.record.version))
                .map(|(at, _)| at)
                .collect();
            let chosen: Vec<&Decision> = fresh.iter().map(|at| &decisions[*at]).collect();
            write_records(tx, fresh.iter().filter_map(|at| drafts[*at].as_ref()))?;
            for decision in &chosen {
                circle::take_over(tx, decision, now)?;
            }
            tx.put_links(&changed_links(&chosen))?;
            ask_for_merges(tx, &catalog, &chosen, now)?;
            let consumed: Vec<(RemoteKey, i64)> = chosen.iter().flat_map(|decision| decision.consumed.iter().cloned()).collect();
            tx.consume_looks(&consumed)?;
            write_conflicts(tx, &engine_, &chosen, now)?;
            super::rewrite::keep(tx, &catalog, &chosen, now)?;
            super::guard::count(tx, &chosen, now)?;
            write_waits(tx, &chosen, now)?;
            for decision in &chosen {
                for ask in &decision.asks {
                    tx.open_review(ask)?;
                }
                for notice in &decision.notices {
                    tx.notify(notice)?;
                }
                for (row, met) in &decision.met {
                    note(tx, &engine_, met, row, &Existence::Present, now)?;
                }
            }
            look_again(tx, &chosen, now)?;
            let ended: Vec<&Fate> = fresh.iter().filter_map(|at| fates[*at].as_ref()).collect();
            // Somebody changed the record between our read and now: what was gathered is old.
            let stale = decisions.iter().enumerate().filter(|(at, decision)| ours(decision) && !fresh.contains(at));
            let later = stale.map(|(_, decision)| &decision.task.hint).map(|hint| Settled {
                subject: hint.subject.clone(),
                generation: hint.generation,
                outcome: Outcome::Later { at: now },
            });
            let settlement = end_hints(tx, &owner, &ended, later, now)?;
            lost_since(&settlement.lost)?;
            let written: Vec<String> =
                chosen.iter().filter(|decision| !decision.writes.is_empty()).map(|decision| decision.task.hint.subject.clone()).collect();
            let kept: BTreeSet<String> = tx.heartbeat(&owner, &written, until)?.into_iter().collect();
            lost_since(&written.into_iter().filter(|subject| !kept.contains(subject)).collect::<Vec<_>>())?;
            Ok(Committed { fresh })
        })
        .await?;
    Ok(committed)
}

/// What is written of a decision that changes its record, but for the number of its entry.
struct Draft {
    entry: NewEntry,
    put: PutRecord,
    /// Fields that the entry is to account for.
    fields: Vec<String>,
    /// Match keys, if they are others than before.
    keys: Option<BTreeSet<MatchKey>>,
    /// Records that a person has said are not this one.
    apart: Vec<RecordId>,
}

impl Draft {
    fn of(engine: &Engine, decision: &Decision, catalog: &Catalog, now: Timestamp) -> Self {
        let before = &decision.task.record;
        let mut record: Record = before.clone();
        let subject = subject_of(engine, decision);
        record.subject.clone_from(&subject);
        record.data.clone_from(&decision.after);
        record.state = decision.state;
        record.merged_into.clone_from(&decision.merged_into);
        record.updated_at = now;
        let keys = has_match_keys(&record.object).then(|| match_keys(&record.object, &record.data));
        Self {
            entry: new_entry(decision, subject, now),
            keys: keys.filter(|keys| *keys != match_keys(&before.object, &before.data)),
            fields: decision.changes.keys().cloned().collect(),
            apart: decision.task.apart.clone(),
            put: PutRecord { search_text: search_text(catalog, &record), record },
        }
    }
}

fn write_records<'a>(tx: &mut Tx<'_>, drafts: impl Iterator<Item = &'a Draft>) -> Result<(), StoreError> {
    let drafts: Vec<&Draft> = drafts.collect();
    let entries: Vec<NewEntry> = drafts.iter().map(|draft| draft.entry.clone()).collect();
    let numbers = tx.append(&entries)?;
    let mut puts = Vec::with_capacity(drafts.len());
    let mut keys = Vec::new();
    for (draft, number) in drafts.into_iter().zip(numbers) {
        let mut put = draft.put.clone();
        put.record.provenance.extend(draft.fields.iter().map(|field| (field.clone(), number)));
        if let Some(fresh) = &draft.keys {
            let mut known_by = fresh.clone();
            super::parted::keep_shared(tx, &put.record, &draft.apart, &mut known_by)?;
            keys.push((put.record.id.clone(), put.record.object.clone(), known_by));
        }
        puts.push(put);
    }
    tx.put_records(&puts)?;
    tx.put_match_keys(&keys)
}

/// Records that were merged into another one at a side, and have counterparts left at others.
fn ask_for_merges(tx: &mut Tx<'_>, catalog: &Catalog, decisions: &[&Decision], now: Timestamp) -> Result<(), StoreError> {
    for decision in decisions.iter().filter(|decision| decision.state == RecordState::Merged) {
        if decision.task.record.state == RecordState::Merged {
            // It had ended before, and may have one row less now.
            let was_there = |link: &&Link| decision.task.link(&link.connection).is_some_and(|before| before.state == LinkState::Present);
            if let Some(link) = decision.links.iter().filter(was_there).find(|link| link.state != LinkState::Present) {
                super::merged::end_asking(tx, &decision.task.record.id, &link.connection, now)?;
            }
            continue;
        }
        let merged = decision.links.iter().find(|link| link.state == LinkState::Merged);
        let (Some(link), Some(survivor)) = (merged, &decision.merged_into) else { continue };
        tx.count(now, &[(DUPLICATES_MERGED, &link.connection, 1)])?;
        super::merged::answer(tx, &decision.task.record.id, survivor, &link.connection, now)?;
        let reviews = super::merged::carry_reviews(tx, &decision.task.record.id, survivor, now)?;
        super::merged::keep_followed(tx, &decision.task.record, survivor, &link.connection, reviews, now)?;
        super::merged::ask(tx, &decision.task.record, survivor, &link.connection, now)?;
        if let Some(stays) = tx.record(&Viewer::system(), survivor)? {
            super::merged::tell_sales(tx, catalog, &stays, &decision.task.record, &link.connection, now)?;
        }
    }
    Ok(())
}

/// Whether an object's row at a connection is something that was said at a support desk.
pub(crate) fn is_said_at_a_desk(engine: &Engine, object: &str, connection: &str) -> bool {
    object == "activity" && engine.connection(connection).is_ok_and(|connection| connection.role == Role::Support)
}

fn changes_record(decision: &Decision) -> bool {
    !decision.changes.is_empty() || !decision.notes.is_empty() || decision.state != decision.task.record.state
}

/// Whose key the values are kept under from now on: what is about somebody is theirs, and goes with them when they are erased. What is said at a desk has
/// a key of its own, because it goes with whom it is about as well as with whoever wrote it.
fn subject_of(engine: &Engine, decision: &Decision) -> String {
    let record = &decision.task.record;
    if decision.links.iter().any(|link| is_said_at_a_desk(engine, &record.object, &link.connection)) {
        return record.id.to_string();
    }
    match get(&decision.after, "contact") {
        Value::Ref(person) => person.to_string(),
        _ => record.subject.clone(),
    }
}

fn new_entry(decision: &Decision, subject: String, now: Timestamp) -> NewEntry {
    let record = &decision.task.record;
    let first = decision.changes.values().find(|change| change.from != NATIVE);
    let connection = first.map(|change| change.from.clone());
    let mut notes = decision.notes.clone();
    if record.version <= 1 && record.data.is_empty() {
        notes.insert(0, "first seen".to_owned());
    }
    NewEntry {
        record: record.id.clone(),
        object: record.object.clone(),
        subject,
        at: now,
        actor: first.map_or(Actor::Us, |change| change.mark.by),
        actor_name: connection.clone().unwrap_or_else(|| NATIVE.to_owned()),
        cause: decision.task.hint.cause.clone(),
        detail: notes.join("; "),
        connection,
        changes: entry::to_store(&decision.changes),
    }
}

/// Decisions that would take over a row, after a merge at its platform, which is another record's by now: of a decision of this batch or
/// of an adoption meanwhile. They are made anew, and one of them must not hold the others back.
fn taken_rows(tx: &mut Tx<'_>, decisions: &[Decision]) -> Result<BTreeSet<usize>, StoreError> {
    let mut moved: Vec<(usize, RemoteKey)> = Vec::new();
    for (at, decision) in decisions.iter().enumerate() {
        let links = decision
            .links
            .iter()
            .filter(|link| decision.task.link(&link.connection).is_some_and(|before| before.external_id != link.external_id));
        moved.extend(links.map(|link| (at, link.key())));
    }
    let keys: Vec<RemoteKey> = moved.iter().map(|(_, key)| key.clone()).collect();
    let mut owners: BTreeMap<RemoteKey, RecordId> = tx.records_at(&keys)?;
    let mut taken = BTreeSet::new();
    for (at, key) in moved {
        let record = &decisions[at].task.record.id;
        let owner = owners.entry(key).or_insert_with(|| record.clone()).clone();
        if owner != *record && !circle::has_ended_in(tx, &owner, record)? {
            taken.insert(at);
        }
    }
    Ok(taken)
}

/// Decisions about records that have got a counterpart since they were loaded: an adoption has found it, and what was decided may make
/// another one.
fn linked_meanwhile(tx: &mut Tx<'_>, decisions: &[Decision]) -> Result<BTreeSet<usize>, StoreError> {
    let creates = |decision: &Decision| decision.writes.iter().any(|planned| planned.write.kind == WriteKind::Create);
    let creating: Vec<(usize, &Decision)> = decisions.iter().enumerate().filter(|(_, decision)| creates(decision)).collect();
    let ids: Vec<RecordId> = creating.iter().map(|(_, decision)| decision.task.record.id.clone()).collect();
    let linked = tx.linked_connections(&ids)?;
    let found_since = |decision: &Decision| {
        let now = linked.get(&decision.task.record.id);
        now.is_some_and(|now| now.iter().any(|connection| decision.task.link(connection).is_none()))
    };
    Ok(creating.into_iter().filter(|(_, decision)| found_since(decision)).map(|(at, _)| at).collect())
}

/// Links that are not as they were read.
fn changed_links(decisions: &[&Decision]) -> Vec<Link> {
    let pairs = decisions.iter().flat_map(|decision| {
        decision.links.iter().filter(|link| decision.task.link(&link.connection).is_none_or(|before| before != *link))
    });
    pairs.cloned().collect()
}

/// The value that was entered last. None where it is not known of every side when that was: nothing speaks for any of them then.
fn latest(candidates: &[Candidate]) -> Option<Value> {
    if candidates.iter().any(|candidate| candidate.mark.at.is_none()) {
        return None;
    }
    candidates.iter().max_by_key(|candidate| candidate.mark.at).map(|candidate| candidate.value.clone())
}

fn write_conflicts(tx: &mut Tx<'_>, engine: &Engine, decisions: &[&Decision], now: Timestamp) -> Result<(), StoreError> {
    for decision in decisions {
        let record = &decision.task.record;
        for conflict in &decision.plan.conflicts {
            let opened = tx.open_conflicts(&[NewConflict {
                record: record.id.clone(),
                object: record.object.clone(),
                field: conflict.field.clone(),
                base: conflict.base.clone(),
                sides: conflict.candidates.iter().map(|candidate| side(engine, candidate)).collect(),
                suggested: latest(&conflict.candidates),
                opened_at: now,
            }])?;
            let fresh = opened.first().is_some_and(|(_, fresh)| *fresh);
            if fresh {
                tx.count(now, &[("conflicts", "", 1)])?;
            }
            if let (Some((reason, winner)), Some((id, _))) = (&conflict.resolved, opened.first()) {
                let value = conflict.candidates.iter().find(|candidate| candidate.side == *winner).map(|candidate| candidate.value.clone());
                resolve(tx, *id, value.unwrap_or_default(), &format!("rule {}", reason.name()), now)?;
            }
        }
        if decision.plan.thawed.is_empty() {
            continue;
        }
        for waiting in tx.conflicts_of(std::slice::from_ref(&record.id))? {
            let field = &waiting.conflict.field;
            if decision.plan.thawed.contains(field) {
                resolve(tx, waiting.id, get(&decision.after, field).clone(), "the sides agree", now)?;
            }
        }
    }
    Ok(())
}

fn side(engine: &Engine, candidate: &Candidate) -> ConflictSide {
    let who = candidate.mark.who.map(|user| called(engine, &candidate.side, user.as_str()));
    ConflictSide {
        who,
        side: candidate.side.clone(),
        value: candidate.value.clone(),
        at: candidate.mark.at,
        by: format!("{:?}", candidate.mark.by).to_lowercase(),
    }
}

/// What people call a user of a platform: by name or address where the platform's list of users has one, else by the id there.
fn called(engine: &Engine, side: &str, user: &str) -> String {
    match engine.connection(side) {
        Ok(ready) => ready.connector.user_name(user).unwrap_or_else(|| format!("user {user}")),
        Err(_) => user.to_owned(),
    }
}

fn resolve(tx: &mut Tx<'_>, id: i64, value: Value, by: &str, now: Timestamp) -> Result<(), StoreError> {
    tx.resolve_conflict(id, &Resolution { value, by: by.to_owned(), at: now, entry: None })?;
    tx.count(now, &[("conflicts_resolved", "", 1)])
}

/// What the records wait for now, in place of what they waited for before.
fn write_waits(tx: &mut Tx<'_>, decisions: &[&Decision], now: Timestamp) -> Result<(), StoreError> {
    let ids: Vec<RecordId> = decisions.iter().map(|decision| decision.task.record.id.clone()).collect();
    let wanted = decisions.iter().flat_map(|decision| {
        decision.waits.iter().map(|wait| {
            let (target, connection) = wait.parts();
            (decision.task.record.id.clone(), target, connection.to_owned())
        })
    });
    tx.end_waits_of(&ids, &wanted.collect::<Vec<_>>())?;
    for decision in decisions {
        for wait in &decision.waits {
            if has_ended(tx, wait)? {
                // It came while the decision was made: nobody will wake the record for it any more.
                let fetch = if let Wait::Row(key) = wait { BTreeSet::from([key.connection.clone()]) } else { BTreeSet::new() };
                tx.hint(&[again(decision, fetch, now)])?;
                continue;
            }
            let (target, connection) = wait.parts();
            tx.wait_for(&decision.task.record.id, &target, connection, now)?;
        }
    }
    Ok(())
}

/// Whether what is waited for is there by now.
fn has_ended(tx: &mut Tx<'_>, wait: &Wait) -> Result<bool, StoreError> {
    match wait {
        Wait::Row(key) => Ok(!tx.links_at(std::slice::from_ref(key))?.is_empty()),
        Wait::Counterpart(record, connection) => {
            let links = tx.links_of(std::slice::from_ref(record))?;
            Ok(links.iter().any(|link| link.connection == *connection && link.state == LinkState::Present))
        }
        Wait::FirstRead(connection, object) => Ok(tx.setting::<serde_json::Value>(&first_read::over_key(connection, object))?.is_some()),
    }
}

/// A hint to look at the record of a decision again.
fn again(decision: &Decision, fetch: BTreeSet<String>, now: Timestamp) -> NewHint {
    NewHint {
        subject: decision.task.record.id.to_string(),
        object: decision.task.record.object.clone(),
        lane: decision.task.hint.lane,
        due_at: now,
        cause: decision.task.hint.cause.clone(),
        fetch,
        origin_at: decision.task.hint.origin_at,
        is_news: false,
        at: now,
    }
}

fn look_again(tx: &mut Tx<'_>, decisions: &[&Decision], now: Timestamp) -> Result<(), StoreError> {
    let hints: Vec<NewHint> = decisions
        .iter()
        .filter(|decision| !decision.look_again.is_empty())
        .map(|decision| again(decision, decision.look_again.clone(), now))
        .collect();
    tx.hint(&hints)
}

#[cfg(test)]
mod tests {
    use entente_model::actor::{Actor, ChangeMark};

    use super::*;

    fn candidate(value: &str, second: Option<i64>) -> Candidate {
        let mark = ChangeMark { at: second.and_then(|second| Timestamp::from_second(second).ok()), by: Actor::Unknown, who: None };
        Candidate { side: value.to_owned(), role: None, value: Value::text(value), mark }
    }

    #[test]
    fn what_was_entered_last_is_suggested_where_every_time_is_known_and_nothing_where_one_is_not() {
        assert_eq!(latest(&[candidate("crm", Some(5)), candidate("desk", Some(9))]), Some(Value::text("desk")));
        assert_eq!(latest(&[candidate("crm", Some(5)), candidate("desk", None)]), None);
        assert_eq!(latest(&[candidate("crm", None), candidate("desk", None)]), None);
        assert_eq!(latest(&[]), None);
    }
}
