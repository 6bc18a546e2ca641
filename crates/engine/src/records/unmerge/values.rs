//! Whose each value is: what the record that stays had before, what the one that comes back had, and what each one's own sides said since.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::id::RecordId;
use entente_model::plan::NATIVE;
use entente_model::undo::{Step, Turn, inverse};
use entente_model::value::{FieldKey, Fields, Value, get};
use entente_store::{Change, Changes, Entry, EntryId, MergeWay};

use super::work_out::{Parting, Since};
use crate::catalog::Catalog;
use crate::records::overrule::is_id;
use crate::sync::decide::follows_row;

/// What tells the doings of a merge from what happened since.
struct Telling<'a> {
    parting: &'a Parting,
    /// External ids of these rows.
    ids: BTreeSet<&'a str>,
    /// Since which entry connections tell of a row that came to the record that stays long after the merge. What they told before was of its own.
    since: BTreeMap<&'a str, EntryId>,
}

/// Works out the values of every record of the path and of the one that comes back.
pub(super) fn part(catalog: &Catalog, parting: &mut Parting, histories: &BTreeMap<RecordId, Vec<Entry>>) {
    let rows = parting.merge.merge.moved.rows.clone();
    let swallowed = &parting.merge.merge.moved.swallowed;
    let since_when = swallowed.iter().filter_map(|row| Some((row.connection.as_str(), taken_over_at(&row.connection, histories)?)));
    let telling = Telling { parting, ids: rows.iter().map(|row| row.id.as_str()).collect(), since: since_when.collect() };
    let (mut then, mut entered, mut since) = (Vec::new(), Fields::new(), Vec::new());
    // Values of the record before on the path that change: what the next one took over from it changes with them.
    let mut inherited = Fields::new();
    let mut previous = &parting.absorbed.id;
    for (at, record) in parting.path.iter().enumerate() {
        let history = histories.get(&record.id).map(Vec::as_slice).unwrap_or_default();
        let from = if at == 0 { 0 } else { history.iter().position(|entry| takes_in(entry, previous)).unwrap_or(history.len()) };
        let mut steps = Vec::new();
        for entry in &history[from..] {
            let Changes::Open(changes) = &entry.changes else { continue };
            let mut theirs = Step { entry: entry.id, undone: true, turns: BTreeMap::new() };
            let mut ours = Step { entry: entry.id, undone: false, turns: BTreeMap::new() };
            let merging = takes_in(entry, previous);
            for (field, change) in changes {
                let turn = Turn { before: change.before.clone(), after: change.after.clone() };
                let is_doing = if at == 0 { telling.is_doing(field, change, merging) } else { merging && inherited.contains_key(field) };
                let is_theirs = telling.is_theirs(entry, change);
                if !turn.before.agrees(&turn.after) && !merging {
                    if is_theirs {
                        enter(&mut entered, &parting.absorbed.data, field, &turn);
                    }
                    // What is older at its source was only compared for the first time.
                    let is_new = change.mark.at.is_none_or(|at| at > parting.merge.merge.at);
                    if is_new && (is_theirs || !is_doing) && !is_id(field) {
                        since.push(told(entry, field, change, if is_theirs { &parting.absorbed.id } else { &record.id }));
                    }
                }
                let step = if is_doing || is_theirs { &mut theirs } else { &mut ours };
                step.turns.insert(field.clone(), turn);
            }
            steps.extend([theirs, ours].into_iter().filter(|step| !step.turns.is_empty()));
        }
        let mut changed: Fields =
            inverse(&record.data, &steps).into_iter().filter(|(_, one)| one.changes()).map(|(field, one)| (field, one.then)).collect();
        for (field, value) in inherited.iter().filter(|(_, value)| !value.is_blank()) {
            // What it would have taken over from the record before, had that one been so.
            if changed.get(field).is_some_and(Value::is_blank) {
                changed.insert(field.clone(), value.clone());
            }
        }
        changed.retain(|field, value| !get(&record.data, field).agrees(value));
        inherited.clone_from(&changed);
        then.push(changed);
        previous = &record.id;
    }
    entered.retain(|field, value| !get(&parting.absorbed.data, field).agrees(value) && !is_id(field));
    // What is not known any more is nobody's: a field that was taken out of the object.
    let known = catalog.object(&parting.absorbed.object);
    entered.retain(|field, _| known.is_none_or(|object| object.field(field).is_some()));
    parting.then = then;
    parting.entered = entered;
    parting.since = since;
}

/// The entry by which a record went on with the row at a connection that its own was merged into.
fn taken_over_at(connection: &str, histories: &BTreeMap<RecordId, Vec<Entry>>) -> Option<EntryId> {
    let note = follows_row(connection);
    histories.values().flatten().filter(|entry| entry.detail.contains(&note)).map(|entry| entry.id).max()
}

/// Whether an entry is the one by which its record took another one in.
fn takes_in(entry: &Entry, other: &RecordId) -> bool {
    entry.detail.strip_prefix("merged with ").is_some_and(|rest| rest.starts_with(other.as_str()))
}

impl Telling<'_> {
    /// Whether a change came from a row of the record that comes back.
    fn is_theirs(&self, entry: &Entry, change: &Change) -> bool {
        let theirs = |from: &str| self.parting.theirs.contains(from) && self.since.get(from).is_none_or(|first| entry.id >= *first);
        change.from.as_deref().is_some_and(theirs)
    }

    /// Whether the merge did it: it is no edit of anybody.
    fn is_doing(&self, field: &str, change: &Change, merging: bool) -> bool {
        let merge = &self.parting.merge.merge;
        if merging {
            return true;
        }
        if is_id(field) && change.after.as_text().is_some_and(|id| self.ids.contains(id)) {
            return true;
        }
        // The sides were compared for the first time: items of both came together. What a platform gave the row that stayed when it merged the
        // two itself cannot be told from an edit there, and stays.
        let compared = change.from.as_deref() == Some(NATIVE) && change.rule.as_deref() == Some("set_merge");
        merge.way != MergeWay::Followed && compared && change.mark.at.is_some_and(|at| at <= merge.at)
    }
}

/// Gives the record that comes back what one of its rows said since.
fn enter(entered: &mut Fields, known: &Fields, field: &FieldKey, turn: &Turn) {
    let present = entered.get(field).unwrap_or_else(|| get(known, field)).clone();
    let value = match (&turn.before, &turn.after, &present) {
        (Value::Set(before), Value::Set(after), Value::Set(now)) => {
            let added = after.difference(before);
            Value::Set(now.iter().filter(|item| after.contains(*item) || !before.contains(*item)).chain(added).cloned().collect())
        }
        (_, after, _) => after.clone(),
    };
    entered.insert(field.clone(), value);
}

fn told(entry: &Entry, field: &FieldKey, change: &Change, goes_to: &RecordId) -> Since {
    let by = change.from.as_deref().filter(|from| *from != NATIVE).unwrap_or(&entry.actor_name);
    Since { entry: entry.id, at: entry.at, by: by.to_owned(), field: field.clone(), value: change.after.clone(), goes_to: goes_to.clone() }
}
