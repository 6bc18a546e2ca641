//! Making one record of two: counterparts, references and everything that waits go to the one that stays.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::actor::{Actor, ChangeMark};
use entente_model::id::RecordId;
use entente_model::plan::NATIVE;
use entente_model::plan::cascade::Candidate;
use entente_model::value::{Fields, Value, get};
use entente_store::{
    EntryId, Link, LinkState, MergeWay, Moved, NewEntry, NewHint, NewMerge, PutRecord, Record, RecordState, RemoteKey, Resolution, Result,
    StoreError, Tx, Viewer,
};
use jiff::Timestamp;

use super::consent::{self, Dispute};
use super::{BY_ITSELF, entry, hint};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::entry::{self, Changes, FieldEntry};
use crate::options::MergeValue;
use crate::records::overrule::overruled;
use crate::sync::adopt::{has_match_keys, match_keys};
use crate::sync::circle::has_ended_in;
use crate::sync::edit::search_text;
use crate::sync::merged::{carry_reviews, tell_sales};
use crate::sync::redirect::{Author, redirect};
use crate::sync::task::LANE_UPDATE;
use crate::sync::wake::wake;

/// A merge that a person asked for, or that is certain.
pub(super) struct Merging<'a> {
    pub(super) engine: &'a Engine,
    pub(super) catalog: &'a Catalog,
    pub(super) viewer: &'a Viewer,
    pub(super) connections: &'a BTreeSet<String>,
    /// Connections at which the rows of both have been merged, that of the one that goes into the other's.
    pub(super) merged_at: &'a BTreeSet<String>,
    /// What it was asked for by.
    pub(super) why: String,
    /// A person, or we.
    pub(super) by: Actor,
    pub(super) now: Timestamp,
}

impl Merging<'_> {
    /// Merges `gone` into `stays`. One that a platform's merge has ended in it already gives up what it has left.
    pub(super) fn merge(&self, tx: &mut Tx<'_>, stays: &RecordId, gone: &RecordId) -> Result<()> {
        if has_ended_in(tx, gone, stays)? {
            return self.give_up_the_rest(tx, stays, gone);
        }
        let mut records = tx.records(&Viewer::system(), &[stays.clone(), gone.clone()])?;
        let (Some(survivor), Some(absorbed)) = (records.remove(stays), records.remove(gone)) else {
            return Err(StoreError::Missing(format!("record {stays} or {gone}")));
        };
        if survivor.state != RecordState::Active || absorbed.state != RecordState::Active || survivor.object != absorbed.object {
            return Err(StoreError::Conflict { what: format!("record {stays} or {gone}") });
        }
        let after = tx.last_entry()?;
        let disputes = consent::disputes(tx, self.catalog, &survivor, &absorbed)?;
        let rows = self.move_links(tx, &survivor, &absorbed)?;
        let moved: Vec<String> = rows.iter().map(|row| row.connection.clone()).collect();
        self.keep_values(tx, survivor.clone(), &absorbed, &moved, &disputes)?;
        consent::ask(tx, &survivor, disputes, self.now)?;
        self.end(tx, absorbed.clone(), &survivor)?;
        self.point_to(tx, &survivor, &absorbed)?;
        self.close_what_waits(tx, &survivor, &absorbed)?;
        let (closed, opened) = carry_reviews(tx, &absorbed.id, &survivor.id, self.now)?;
        tx.keep_merge(&NewMerge {
            object: survivor.object.clone(),
            survivor: stays.clone(),
            absorbed: gone.clone(),
            way: MergeWay::Decided,
            connection: None,
            at: self.now,
            by: self.viewer.name.clone(),
            after,
            moved: Moved { rows, closed, opened, ..Moved::default() },
        })?;
        for connection in &moved {
            wake(tx, survivor.id.as_str(), connection, LANE_UPDATE, self.now)?;
        }
        tell_sales(tx, self.catalog, &survivor, &absorbed, &self.viewer.name, self.now)?;
        tx.hint(&[self.hint(&survivor)])
    }

    fn cause(&self) -> &'static str {
        if self.by == Actor::Person { "user" } else { BY_ITSELF }
    }

    fn entry(&self, record: &Record, detail: String) -> NewEntry {
        NewEntry { actor: self.by, cause: self.cause().to_owned(), ..entry(record, self.viewer, detail, self.now) }
    }

    fn hint(&self, record: &Record) -> NewHint {
        NewHint { cause: self.cause().to_owned(), ..hint(record, self.connections.clone(), self.now) }
    }

    /// What a platform's merge has left elsewhere goes over, or was merged there as well.
    fn give_up_the_rest(&self, tx: &mut Tx<'_>, stays: &RecordId, gone: &RecordId) -> Result<()> {
        let mut records = tx.records(&Viewer::system(), &[stays.clone(), gone.clone()])?;
        let (Some(survivor), Some(absorbed)) = (records.remove(stays), records.remove(gone)) else {
            return Err(StoreError::Missing(format!("record {stays} or {gone}")));
        };
        let rows = self.move_links(tx, &survivor, &absorbed)?;
        for row in &rows {
            tx.note_moved(gone, row, false)?;
            wake(tx, survivor.id.as_str(), &row.connection, LANE_UPDATE, self.now)?;
        }
        let names: Vec<&str> = rows.iter().map(|row| row.connection.as_str()).chain(self.merged_at.iter().map(String::as_str)).collect();
        let at = if names.is_empty() { String::new() } else { format!(" at {} as well", names.join(" and ")) };
        tx.append(&[self.entry(&survivor, format!("is one with {gone}{at} ({})", self.why))])?;
        self.point_to(tx, &survivor, &absorbed)?;
        self.close_what_waits(tx, &survivor, &absorbed)?;
        carry_reviews(tx, gone, stays, self.now)?;
        tx.hint(&[self.hint(&survivor)])
    }

    /// Counterparts that are present go over. Their bases do not: nothing was ever agreed between them and the record that stays, so
    /// the next look compares all of their values with it, as at a first sight.
    fn move_links(&self, tx: &mut Tx<'_>, survivor: &Record, absorbed: &Record) -> Result<Vec<RemoteKey>> {
        let links = tx.links_of(&[survivor.id.clone(), absorbed.id.clone()])?;
        let (theirs, ours): (Vec<Link>, Vec<Link>) = links.into_iter().partition(|link| link.record == absorbed.id);
        let mut moved = Vec::new();
        for link in theirs.into_iter().filter(|link| link.state == LinkState::Present) {
            if self.merged_at.contains(&link.connection) {
                tx.put_links(&[Link { state: LinkState::Merged, pending: None, seen_at: Some(self.now), ..link }])?;
                continue;
            }
            match ours.iter().find(|known| known.connection == link.connection) {
                Some(known) if known.state == LinkState::Present => {
                    return Err(StoreError::Conflict { what: format!("the counterparts of both records at {}", link.connection) });
                }
                Some(ended) => drop(tx.delete_link(&ended.record, &ended.connection)?),
                None => {}
            }
            tx.move_link(&absorbed.id, &link.connection, &survivor.id)?;
            moved.push(link.key());
            tx.put_links(&[Link {
                record: survivor.id.clone(),
                base: Fields::new(),
                seen: None,
                taken: None,
                waiting: BTreeMap::new(),
                version: None,
                seen_at: None,
                created_at: self.now,
                ..link
            }])?;
        }
        Ok(moved)
    }

    /// What only the absorbed record knew is taken over; of what both knew otherwise, the field's rule keeps one (`sync.merge_values`), and the
    /// other stays in the ledger as a value that lost. What people are asked about stays as it is.
    fn keep_values(&self, tx: &mut Tx<'_>, mut survivor: Record, absorbed: &Record, moved: &[String], disputes: &[Dispute]) -> Result<()> {
        let mark = ChangeMark { at: Some(self.now), by: self.by, who: None };
        let mut changes = Changes::new();
        let mut won = Fields::new();
        let is_disputed = |field: &String| disputes.iter().any(|dispute| dispute.field == *field);
        for (field, theirs) in absorbed.data.iter().filter(|(field, value)| !value.is_blank() && !is_disputed(field)) {
            let ours = get(&survivor.data, field).clone();
            if ours.agrees(theirs) {
                continue;
            }
            let set = |record: &Record| record.provenance.get(field).copied();
            let rule = self.engine.options().merge_value(&survivor.object, field);
            let (after, lost) = match kept(rule, (&ours, set(&survivor)), (theirs, set(absorbed))) {
                Kept::Both(union) => (union, None),
                Kept::Theirs if ours.is_blank() => (theirs.clone(), None),
                Kept::Theirs => {
                    won.insert(field.clone(), theirs.clone());
                    (theirs.clone(), Some(ours.clone()))
                }
                Kept::Ours => (ours.clone(), Some(theirs.clone())),
            };
            let lost = lost.map(|value| Candidate { side: NATIVE.to_owned(), role: None, value, mark });
            let lost = Vec::from_iter(lost);
            let kept = FieldEntry { before: ours, after, reason: "merged".to_owned(), from: NATIVE.to_owned(), mark, lost };
            changes.insert(field.clone(), kept);
        }
        // What won against the value of the record that stays is not put back by the owner of the field.
        let links = tx.links_of(std::slice::from_ref(&survivor.id))?;
        tx.put_links(&overruled(self.engine, self.catalog, &survivor, &links, &won))?;
        let links = if moved.is_empty() { String::new() } else { format!(", with its counterpart at {}", moved.join(" and ")) };
        let mut new = self.entry(&survivor, format!("merged with {}{links} ({})", absorbed.id, self.why));
        new.changes = entry::to_store(&changes);
        let number = tx.append(&[new])?.first().copied();
        for (field, change) in changes.into_iter().filter(|(_, change)| change.before != change.after) {
            survivor.data.insert(field.clone(), change.after);
            survivor.provenance.extend(number.map(|number| (field, number)));
        }
        survivor.updated_at = self.now;
        if has_match_keys(&survivor.object) {
            let mut keys = match_keys(&survivor.object, &survivor.data);
            keys.extend(match_keys(&absorbed.object, &absorbed.data));
            tx.put_match_keys(&[(survivor.id.clone(), survivor.object.clone(), keys)])?;
        }
        let search_text = search_text(self.catalog, &survivor);
        tx.put_records(&[PutRecord { record: survivor, search_text }])
    }

    fn end(&self, tx: &mut Tx<'_>, mut absorbed: Record, survivor: &Record) -> Result<()> {
        tx.append(&[self.entry(&absorbed, format!("merged into {} ({})", survivor.id, self.why))])?;
        tx.put_match_keys(&[(absorbed.id.clone(), absorbed.object.clone(), BTreeSet::new())])?;
        absorbed.state = RecordState::Merged;
        absorbed.merged_into = Some(survivor.id.clone());
        absorbed.updated_at = self.now;
        let search_text = search_text(self.catalog, &absorbed);
        tx.put_records(&[PutRecord { record: absorbed, search_text }])
    }

    fn point_to(&self, tx: &mut Tx<'_>, survivor: &Record, absorbed: &Record) -> Result<()> {
        let author = Author { actor: self.by, name: &self.viewer.name, cause: self.cause(), why: &self.why };
        redirect(tx, self.catalog, &absorbed.object, &absorbed.id, &survivor.id, &author, self.now)
    }

    /// Conflicts, dead letters and waits of the absorbed record have nothing to be about any more. Who waited for it is looked at again.
    fn close_what_waits(&self, tx: &mut Tx<'_>, survivor: &Record, absorbed: &Record) -> Result<()> {
        for open in tx.conflicts_of(std::slice::from_ref(&absorbed.id))? {
            let value = get(&survivor.data, &open.conflict.field).clone();
            let by = format!("merged into {}", survivor.id);
            tx.resolve_conflict(open.id, &Resolution { value, by, at: self.now, entry: None })?;
        }
        tx.close_dead_letters_of(&[absorbed.id.to_string()], "merged", self.now)?;
        tx.end_waits_of(std::slice::from_ref(&absorbed.id), &[])?;
        for connection in self.connections {
            wake(tx, absorbed.id.as_str(), connection, LANE_UPDATE, self.now)?;
        }
        Ok(())
    }
}

/// What a record keeps of two values that differ.
#[derive(Debug, PartialEq)]
enum Kept {
    Ours,
    Theirs,
    Both(Value),
}

/// What the rule of a field keeps of ours and theirs, each with the entry that set it. Where it is not known when, ours stays.
fn kept(rule: MergeValue, (ours, our_entry): (&Value, Option<EntryId>), (theirs, their_entry): (&Value, Option<EntryId>)) -> Kept {
    if ours.is_blank() {
        return Kept::Theirs;
    }
    let when = our_entry.zip(their_entry);
    let is_theirs = match (rule, ours, theirs) {
        (MergeValue::Latest, ..) => when.is_some_and(|(ours, theirs)| theirs > ours),
        (MergeValue::Oldest, ..) => when.is_some_and(|(ours, theirs)| theirs < ours),
        // Tags and choices of which several may be made: the customer has those of both.
        (_, Value::Set(ours), Value::Set(theirs)) => return Kept::Both(Value::Set(ours.union(theirs).cloned().collect())),
        (MergeValue::Longest, ..) => theirs.display().chars().count() > ours.display().chars().count(),
        (MergeValue::Master, ..) => false,
    };
    if is_theirs { Kept::Theirs } else { Kept::Ours }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(items: &[&str]) -> Value {
        Value::Set(items.iter().map(|item| (*item).to_owned()).collect())
    }

    #[test]
    fn a_value_that_one_alone_has_is_kept_whatever_the_rule() {
        for rule in [MergeValue::Master, MergeValue::Latest, MergeValue::Oldest, MergeValue::Longest] {
            assert_eq!(kept(rule, (&Value::Null, Some(9)), (&Value::text("x"), Some(1))), Kept::Theirs, "{rule:?}");
        }
    }

    #[test]
    fn each_rule_keeps_its_own() {
        let (ours, theirs) = (Value::text("Countess"), Value::text("Countess of Lovelace"));
        let of = |rule, ours_at, theirs_at| kept(rule, (&ours, ours_at), (&theirs, theirs_at));
        assert_eq!(of(MergeValue::Master, Some(1), Some(2)), Kept::Ours);
        assert_eq!(of(MergeValue::Longest, Some(2), Some(1)), Kept::Theirs);
        assert_eq!((of(MergeValue::Latest, Some(1), Some(2)), of(MergeValue::Latest, Some(2), Some(1))), (Kept::Theirs, Kept::Ours));
        assert_eq!((of(MergeValue::Oldest, Some(1), Some(2)), of(MergeValue::Oldest, Some(2), Some(1))), (Kept::Ours, Kept::Theirs));
        assert_eq!(of(MergeValue::Latest, None, Some(2)), Kept::Ours, "nobody knows when ours was set");
    }

    #[test]
    fn of_several_values_those_of_both_are_kept() {
        let (ours, theirs) = (set(&["vip", "old"]), set(&["vip", "beta"]));
        assert_eq!(kept(MergeValue::Master, (&ours, Some(1)), (&theirs, Some(2))), Kept::Both(set(&["vip", "old", "beta"])));
        assert_eq!(kept(MergeValue::Latest, (&ours, Some(1)), (&theirs, Some(2))), Kept::Theirs);
    }
}
