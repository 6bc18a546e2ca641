//! Judging: which fields of a record go back, which stay because of later edits, and what cannot be undone.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::id::RecordId;
use entente_model::mapping::Owner;
use entente_model::undo::{Inverse, Step, Turn, inverse};
use entente_model::value::{FieldKey, Value};
use entente_store::{Change, Changes, Entry, EntryId, Link, Record, RecordState, Tx};

use super::Asked;
use super::carry::is_undo;
use super::platforms::{CannotHold, cannot_hold};
use super::taken::{Answers, Given, Question, refuse_taken};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::records::overrule::{is_id, refusal};

/// Something that cannot be undone.
pub(super) struct Impossible {
    pub(super) field: Option<FieldKey>,
    pub(super) entry: Option<EntryId>,
    pub(super) reason: String,
    pub(super) remedy: String,
}

/// A record with what undoing comes to.
pub(super) struct Judged {
    pub(super) record: Record,
    pub(super) links: Vec<Link>,
    /// What undoing means for each field that the entries touched.
    pub(super) inverses: BTreeMap<FieldKey, Inverse>,
    /// Entries that are undos themselves.
    pub(super) undos: BTreeSet<EntryId>,
    pub(super) impossible: Vec<Impossible>,
}

impl Judged {
    fn refuse(&mut self, field: Option<&str>, entry: Option<EntryId>, reason: impl Into<String>, remedy: impl Into<String>) {
        let (reason, remedy) = (reason.into(), remedy.into());
        self.impossible.push(Impossible { field: field.map(str::to_owned), entry, reason, remedy });
    }

    /// Takes a field out of what goes back.
    pub(super) fn refuse_field(&mut self, field: &FieldKey, reason: impl Into<String>, remedy: impl Into<String>) {
        self.inverses.remove(field);
        self.refuse(Some(field), None, reason, remedy);
    }

    /// The fields that go back.
    pub(super) fn restored(&self) -> impl Iterator<Item = (&FieldKey, &Inverse)> {
        self.inverses.iter().filter(|(_, inverse)| inverse.changes())
    }
}

/// Judges records, with what the platforms answered. Answers as well what they have still to be asked before the judgement holds. `given` is what
/// goes back in the undo so far; a judgement without it is one on the way.
pub(super) fn judge(
    tx: &mut Tx<'_>,
    engine: &Engine,
    catalog: &Catalog,
    asked: &Asked,
    ids: &[RecordId],
    (answers, given): (&Answers, Option<&Given>),
) -> entente_store::Result<(Vec<Judged>, BTreeSet<Question>)> {
    let mut records = tx.records(&asked.viewer, ids)?;
    let mut histories = tx.histories_since(&asked.viewer, ids, asked.window.first)?;
    let firsts = tx.first_entries(ids)?;
    let mut links: BTreeMap<RecordId, Vec<Link>> = BTreeMap::new();
    for link in tx.links_of(ids)? {
        links.entry(link.record.clone()).or_default().push(link);
    }
    let waiting: BTreeSet<(RecordId, FieldKey)> =
        tx.conflicts_of(ids)?.into_iter().map(|waiting| (waiting.conflict.record, waiting.conflict.field)).collect();
    let erased = tx.erased_of(&records.values().map(|record| record.subject.clone()).collect())?;
    let mut judged = Vec::with_capacity(ids.len());
    for id in ids {
        let (Some(record), Some(history)) = (records.remove(id), histories.remove(id)) else { continue };
        let undos = history.iter().filter(|entry| is_undo(entry)).map(|entry| entry.id).collect();
        let links = links.remove(id).unwrap_or_default();
        let mut one = Judged { links, record, inverses: BTreeMap::new(), undos, impossible: Vec::new() };
        if is_open(&mut one, &history, &erased, asked) {
            let first = firsts.get(id).copied();
            let sight = first_sight(tx, asked, &history, first)?;
            let steps = steps(&mut one, &history, (first, sight.as_ref()), catalog, asked);
            one.inverses = inverse(&one.record.data, &steps);
            refuse_fields(&mut one, engine, catalog, &waiting);
        }
        judged.push(one);
    }
    refuse_lost_references(tx, &mut judged, asked)?;
    // Last, so that only what goes back otherwise costs a question.
    let open = refuse_taken(tx, engine, catalog, asked, &mut judged, answers, given)?;
    Ok((judged, open))
}

/// Whether anything of the record can be undone at all.
fn is_open(one: &mut Judged, history: &[Entry], erased: &BTreeSet<String>, asked: &Asked) -> bool {
    let since = history.iter().skip_while(|entry| !asked.holds(entry));
    if erased.contains(&one.record.subject) || since.clone().any(|entry| entry.changes == Changes::Erased) {
        one.refuse(None, None, "its values were erased, and the keys that could open them are destroyed", "nothing can bring them back");
        return false;
    }
    match one.record.state {
        RecordState::Active => return true,
        RecordState::Erased => one.refuse(None, None, "its person was erased", "nothing can bring the values back"),
        RecordState::Deleted => {
            let remedy = "restore it at its platform; Entente takes it up again when it is back, and then it can be undone";
            one.refuse(None, None, "the record was deleted", remedy);
        }
        RecordState::Merged => {
            let into = one.record.merged_into.as_ref().map_or_else(|| "another record".to_owned(), ToString::to_string);
            one.refuse(
                None,
                None,
                format!("the record was merged into {into}"),
                format!("undo what is to be undone at {into}, or part the two with `entente unmerge {into}`"),
            );
        }
    }
    false
}

/// The history as steps. What stands for good is listed, and is no step to be undone.
fn steps(
    one: &mut Judged,
    history: &[Entry],
    (first, sight): (Option<EntryId>, Option<&Entry>),
    catalog: &Catalog,
    asked: &Asked,
) -> Vec<Step> {
    let policy = catalog.policy(&one.record.object);
    let ours = |field: &str| policy.iter().find(|policy| policy.field == field).is_none_or(|policy| policy.owner == Owner::Native);
    let mut steps = Vec::with_capacity(history.len());
    for entry in history {
        // Whoever asks for some fields is not told of what entries about others did.
        let mut undone = asked.holds(entry) && asked.means(entry);
        if undone {
            undone = !refuse_event(one, entry, first);
        }
        let mut step = Step { entry: entry.id, undone, turns: BTreeMap::new() };
        let mut standing = Step { entry: entry.id, undone: false, turns: BTreeMap::new() };
        let Changes::Open(changes) = &entry.changes else { continue };
        for (field, change) in changes {
            let turn = Turn { before: change.before.clone(), after: change.after.clone() };
            if let Some((connection, lost)) = asked.wrote_over(field, change).filter(|_| undone) {
                let reason = format!(
                    "it wrote over `{}` at {connection}; what a mapping without that line does not write is not put back",
                    lost.display()
                );
                one.refuse(Some(field), Some(entry.id), reason, format!("set the value at {connection}, if it is wanted there again"));
            }
            let wanted = asked.wants(field, change);
            let turned = !turn.before.agrees(&turn.after);
            if undone && wanted && turned && is_id(field) {
                one.refuse(
                    Some(field),
                    Some(entry.id),
                    "it names the counterpart that the record is linked to",
                    "unlink the two at a platform",
                );
            } else if undone && wanted && turned && entry.cause == "flow" && ours(field) {
                let reason = format!("the flow `{}` sets it and would set it again", entry.actor_name);
                one.refuse(Some(field), Some(entry.id), reason, "undo or change what the flow goes by");
            } else if undone && wanted && sight.is_some_and(|sight| was_there(sight, change)) {
                let reason = "it was there when the record came into being, and is known since what it points to is";
                one.refuse(Some(field), Some(entry.id), reason, "set it at its platform, if it is wrong");
            } else if wanted || !undone {
                step.turns.insert(field.clone(), turn);
                continue;
            }
            standing.turns.insert(field.clone(), turn);
        }
        steps.extend([step, standing].into_iter().filter(|step| !step.turns.is_empty()));
    }
    steps
}

/// The entry by which a record was first seen, where a later one may tell of what was there by then.
fn first_sight(tx: &mut Tx<'_>, asked: &Asked, history: &[Entry], first: Option<EntryId>) -> entente_store::Result<Option<Entry>> {
    let becomes_known = |entry: &Entry| matches!(&entry.changes, Changes::Open(changes) if changes.values().any(is_found));
    if !history.iter().any(becomes_known) {
        return Ok(None);
    }
    match (history.iter().find(|entry| entry.detail.starts_with("first seen")), first) {
        (Some(sight), _) => Ok(Some(sight.clone())),
        (None, Some(first)) => tx.entry(&asked.viewer, first),
        (None, None) => Ok(None),
    }
}

/// Whether a change tells what a row points to, of which nothing was known.
fn is_found(change: &Change) -> bool {
    change.before.is_blank() && matches!(change.after, Value::Ref(_))
}

/// Whether a change tells of what a row had pointed to when it was first seen: nobody has changed the row since.
fn was_there(sight: &Entry, change: &Change) -> bool {
    let Changes::Open(seen) = &sight.changes else { return false };
    let of_that_state = |one: &Change| one.from == change.from && one.mark.at == change.mark.at;
    is_found(change) && change.mark.at.is_some() && seen.values().any(of_that_state)
}

/// Lists what an entry tells of beyond values. Answers whether its values stand with it.
fn refuse_event(one: &mut Judged, entry: &Entry, first: Option<EntryId>) -> bool {
    let detail = entry.detail.clone();
    if first == Some(entry.id) || detail.starts_with("first seen") {
        let remedy = "delete it at its platform, if it should not be there";
        one.refuse(None, Some(entry.id), "the record came into being with it, and Entente deletes nothing that people made", remedy);
        return true;
    }
    if ["merged into ", "merged with ", "merged at "].iter().any(|word| detail.contains(word)) {
        let remedy = "take the merge back with `entente unmerge RECORD`, or set the values that are wrong at a platform";
        one.refuse(None, Some(entry.id), format!("a merge is no change of values alone: {detail}"), remedy);
        return true;
    }
    if let Some(at) = detail.split("; ").find_map(|note| note.strip_prefix("deleted at ")) {
        let remedy = format!("restore the row at {at}; Entente links it again");
        one.refuse(None, Some(entry.id), format!("the row was deleted at {at}, which only {at} can take back"), remedy);
    }
    false
}

/// Takes out the fields that cannot go back.
fn refuse_fields(one: &mut Judged, engine: &Engine, catalog: &Catalog, waiting: &BTreeSet<(RecordId, FieldKey)>) {
    let fields: Vec<FieldKey> = one.restored().map(|(field, _)| field.clone()).collect();
    for field in fields {
        let (reason, remedy) = if waiting.contains(&(one.record.id.clone(), field.clone())) {
            ("a conflict about it waits for a person".to_owned(), "decide it: `entente conflicts list`".to_owned())
        } else if let Some(refusal) = refusal(engine, catalog, &one.record, &one.links, &field) {
            (refusal.reason, refusal.remedy)
        } else {
            continue;
        };
        one.refuse_field(&field, reason, remedy);
    }
    for CannotHold { field, reason, remedy } in cannot_hold(engine, catalog, one, engine.now()) {
        one.refuse_field(&field, reason, remedy);
    }
}

/// References to records that are not there any more stay as they are.
fn refuse_lost_references(tx: &mut Tx<'_>, judged: &mut [Judged], asked: &Asked) -> entente_store::Result<()> {
    let reference = |value: &Value| if let Value::Ref(id) = value { Some(id.clone()) } else { None };
    let targets: BTreeSet<RecordId> =
        judged.iter().flat_map(|one| one.restored().filter_map(|(_, inverse)| reference(&inverse.then)).collect::<Vec<_>>()).collect();
    if targets.is_empty() {
        return Ok(());
    }
    let found = tx.records(&asked.viewer, &targets.into_iter().collect::<Vec<_>>())?;
    for one in judged {
        let lost: Vec<(FieldKey, RecordId)> = one
            .restored()
            .filter_map(|(field, inverse)| Some((field.clone(), reference(&inverse.then)?)))
            .filter(|(_, target)| found.get(target).is_none_or(|record| record.state != RecordState::Active))
            .collect();
        for (field, target) in lost {
            one.refuse_field(&field, format!("it pointed to {target}, which is not there any more"), "let it point to another record");
        }
    }
    Ok(())
}
