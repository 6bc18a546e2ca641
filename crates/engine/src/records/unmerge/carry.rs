//! Carrying it out, in one transaction: values, counterparts, references, reviews, and the hints that take it to the platforms.

use std::collections::BTreeSet;

use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_model::mapping::Role;
use entente_model::plan::NATIVE;
use entente_model::value::{Fields, Value, get};
use entente_store::{
    EntryId, Link, LinkState, MergeWay, NewEntry, NewHint, NewNotice, PutRecord, Record, RecordState, Resolution, Result, ReviewState, Tx,
    Viewer,
};

use super::pointing::Pointing;
use super::work_out::Parting;
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::entry::{self, FieldEntry};
use crate::sync::adopt::{has_match_keys, match_keys};
use crate::sync::edit::{self, Edit, search_text};
use crate::sync::lasting::notes_of_parting;
use crate::sync::merged::merged_by;
use crate::sync::parted::{NOTICE, addresses, claim_ours, decided, known_by_these, known_by_too, shared};
use crate::sync::task::{LANE_UPDATE, LANE_URGENT, Task};
use crate::sync::wake::wake;

/// Cause of the entries: like an undo, a person has seen what will happen.
const CAUSE: &str = "undo";
/// What the ledger says of each value.
const RULE: &str = "unmerged";

/// Carries a parting out. Answers the entry of the record that comes back.
pub(super) fn carry(
    tx: &mut Tx<'_>,
    engine: &Engine,
    catalog: &Catalog,
    viewer: &Viewer,
    parting: &Parting,
    now: Timestamp,
) -> Result<EntryId> {
    let carrying = Carrying { engine, catalog, viewer, parting, now };
    tx.end_merge(parting.merge.id, &viewer.name, now)?;
    carrying.values_of_the_path(tx)?;
    let entry = carrying.come_back(tx)?;
    carrying.links(tx)?;
    carrying.conflicts(tx)?;
    for pointing in &parting.pointing {
        carrying.point_back(tx, pointing)?;
    }
    carrying.reviews(tx)?;
    carrying.hint_all(tx)?;
    carrying.tell(tx)?;
    Ok(entry)
}

struct Carrying<'a> {
    engine: &'a Engine,
    catalog: &'a Catalog,
    viewer: &'a Viewer,
    parting: &'a Parting,
    now: Timestamp,
}

impl Carrying<'_> {
    /// Writes values of a record, with the entry that says so. It is written also where no value changes.
    fn put(&self, tx: &mut Tx<'_>, mut record: Record, fields: &Fields, links: &[Link], detail: String) -> Result<EntryId> {
        let kept = notes_of_parting(self.catalog, &record, fields, links);
        let detail = [vec![detail], kept].concat().join("; ");
        let mark = ChangeMark { at: Some(self.now), by: Actor::Person, who: None };
        let changes: entry::Changes = fields
            .iter()
            .map(|(field, after)| {
                let before = get(&record.data, field).clone();
                // What a side said since is its word still, so that a chain can come apart further.
                let said = self.parting.since.iter().rev().find(|one| one.goes_to == record.id && one.field == *field);
                let at = said.map(|one| one.by.clone()).filter(|by| self.parting.theirs.contains(by));
                let (reason, from) = (RULE.to_owned(), at.unwrap_or_else(|| NATIVE.to_owned()));
                (field.clone(), FieldEntry { before, after: after.clone(), reason, from, mark, lost: Vec::new() })
            })
            .collect();
        let number = tx.append(&[NewEntry {
            record: record.id.clone(),
            object: record.object.clone(),
            subject: record.subject.clone(),
            at: self.now,
            actor: Actor::Person,
            actor_name: self.viewer.name.clone(),
            cause: CAUSE.to_owned(),
            detail,
            connection: None,
            changes: entry::to_store(&changes),
        }])?;
        let number = number.first().copied().unwrap_or_default();
        for (field, after) in fields {
            record.data.insert(field.clone(), after.clone());
            record.provenance.insert(field.clone(), number);
        }
        record.updated_at = self.now;
        if has_match_keys(&record.object) {
            let in_use = record.state == RecordState::Active;
            let mut keys = if in_use { match_keys(&record.object, &record.data) } else { BTreeSet::new() };
            if in_use {
                keys.extend(shared(tx, &record)?);
            }
            tx.put_match_keys(&[(record.id.clone(), record.object.clone(), keys)])?;
        }
        let search_text = search_text(self.catalog, &record);
        tx.put_records(&[PutRecord { record, search_text }])?;
        Ok(number)
    }

    fn values_of_the_path(&self, tx: &mut Tx<'_>) -> Result<()> {
        for (record, then) in self.parting.path.iter().zip(&self.parting.then) {
            let in_use = record.id == self.parting.stays().id;
            if then.is_empty() && !in_use {
                continue;
            }
            let mut record = record.clone();
            if in_use && record.state == RecordState::Merged {
                // The merges led in a circle: each is a record of its own again.
                for merge in tx.merges_of(&record.id)?.iter().filter(|one| one.undone_at.is_none()) {
                    tx.end_merge(merge.id, &self.viewer.name, self.now)?;
                }
                record.state = RecordState::Active;
                record.merged_into = None;
            }
            let links = if in_use { self.parting.keeps.as_slice() } else { &[] };
            self.put(tx, record, then, links, format!("parted from {}", self.parting.absorbed.id))?;
        }
        Ok(())
    }

    fn come_back(&self, tx: &mut Tx<'_>) -> Result<EntryId> {
        let mut record = self.parting.absorbed.clone();
        record.state = RecordState::Active;
        record.merged_into = None;
        for link in &self.parting.back {
            claim_ours(self.catalog, &mut record, &Task::believed(link));
        }
        let rows: Vec<String> = self.parting.back.iter().map(|link| format!("{}/{}", link.connection, link.external_id)).collect();
        let with = if rows.is_empty() { String::new() } else { format!(", with {}", rows.join(" and ")) };
        self.put(tx, record, &self.parting.entered, &self.parting.back, format!("parted from {}{with}", self.parting.stays().id))
    }

    /// Counterparts go back, and what each side shows counts as weighed: the next look writes what was decided here.
    fn links(&self, tx: &mut Tx<'_>) -> Result<()> {
        let (parting, absorbed) = (self.parting, &self.parting.absorbed);
        let theirs = parting.comes_back();
        for back in &parting.back {
            tx.delete_link(&absorbed.id, &back.connection)?;
            tx.move_link(&back.record, &back.connection, &absorbed.id)?;
            let moved = Link { record: absorbed.id.clone(), pending: None, ..back.clone() };
            tx.put_links(&[decided(self.engine, self.catalog, absorbed, moved, &theirs)])?;
            tx.note_misnamed(&back.key(), &absorbed.id, &back.record)?;
            wake(tx, absorbed.id.as_str(), &back.connection, LANE_UPDATE, self.now)?;
            let is_desk = || self.engine.connection(&back.connection).is_ok_and(|connection| connection.role == Role::Support);
            if parting.merge.merge.moved.swallowed.contains(&back.key()) && is_desk() {
                // The desk has given the addresses of the one that stays to this row.
                known_by_too(tx, absorbed, &parting.stays_then())?;
            }
        }
        for own in &parting.own {
            if parting.creates_at.contains(&own.connection) {
                tx.delete_link(&own.record, &own.connection)?;
                if self.engine.connection(&own.connection).is_ok_and(|connection| connection.role == Role::Support) {
                    // A desk knows people by their addresses, and gives those of a merged user to the other one.
                    self.share_addresses(tx, &theirs)?;
                }
            } else if own.state == LinkState::Present {
                tx.put_links(&[decided(self.engine, self.catalog, absorbed, own.clone(), &theirs)])?;
            }
        }
        let (stays, then) = (parting.stays(), parting.stays_then());
        for kept in parting.keeps.iter().filter(|link| link.state == LinkState::Present) {
            tx.put_links(&[decided(self.engine, self.catalog, stays, kept.clone(), &then)])?;
        }
        Ok(())
    }

    fn share_addresses(&self, tx: &mut Tx<'_>, theirs: &Fields) -> Result<()> {
        let Some(stays) = tx.record(&Viewer::system(), &self.parting.stays().id)? else { return Ok(()) };
        // What the desk had given to that row before, by merges that were parted as well, went with it.
        let mut keys = shared(tx, &self.parting.absorbed)?;
        keys.extend(addresses(&stays.object, theirs));
        known_by_these(tx, &stays, keys)
    }

    /// Conflicts between sides of different records have nothing to be about any more.
    fn conflicts(&self, tx: &mut Tx<'_>) -> Result<()> {
        let ids: Vec<_> = self.parting.records().cloned().collect();
        let then = self.parting.stays_then();
        for open in tx.conflicts_of(&ids)? {
            let theirs = |side: &str| self.parting.back.iter().any(|back| back.connection == side);
            if open.conflict.sides.iter().any(|side| theirs(&side.side)) {
                let value = get(&then, &open.conflict.field).clone();
                let by = format!("parted from {}", self.parting.absorbed.id);
                tx.resolve_conflict(open.id, &Resolution { value, by, at: self.now, entry: None })?;
            }
        }
        Ok(())
    }

    /// A record points to the one that came back, and so does what is known of its rows at the platforms whose row went back: there the same
    /// row is meant as before.
    fn point_back(&self, tx: &mut Tx<'_>, pointing: &Pointing) -> Result<()> {
        let (old, new) = (Value::Ref(self.parting.stays().id.clone()), Value::Ref(self.parting.absorbed.id.clone()));
        let field = &pointing.field;
        let mut wanted = pointing.record.data.clone();
        wanted.insert(field.clone(), new.clone());
        let mut links = Vec::new();
        for link in &pointing.links {
            let went_back = self.parting.back.iter().any(|back| back.connection == link.connection);
            let mut link = link.clone();
            if went_back {
                let Link { base, seen, taken, pending, .. } = &mut link;
                for known in [Some(base), seen.as_mut(), taken.as_mut(), pending.as_mut()].into_iter().flatten() {
                    if let Some(value) = known.get_mut(field).filter(|value| **value == old) {
                        value.clone_from(&new);
                    }
                }
            } else {
                // Of this field alone: what else its sides show is no matter of the parting.
                let mut only = Task::believed(&link);
                only.insert(field.clone(), new.clone());
                link = decided(self.engine, self.catalog, &pointing.record, link, &only);
            }
            links.push(link);
        }
        tx.put_links(&links)?;
        let edit = Edit {
            record: pointing.record.id.clone(),
            fields: Fields::from([(field.clone(), new)]),
            actor: Actor::Person,
            actor_name: self.viewer.name.clone(),
            cause: CAUSE.to_owned(),
            detail: format!("{} was parted from {}", self.parting.absorbed.id, self.parting.stays().id),
            lane: LANE_UPDATE,
            window_ms: 0,
        };
        edit::apply(tx, self.catalog, &edit, self.now).map(drop)
    }

    /// They are two, and nobody asks again. What was asked about the one that comes back is asked again.
    fn reviews(&self, tx: &mut Tx<'_>) -> Result<()> {
        let merge = &self.parting.merge.merge;
        for id in &merge.moved.opened {
            let by = format!("parted from {}", self.parting.absorbed.id);
            tx.turn_review(*id, ReviewState::Waiting, ReviewState::Rejected, Some(&by), self.now)?;
        }
        let by_merge = merged_by(&merge.survivor);
        let known = tx.reviews_of(&[self.parting.absorbed.id.to_string()])?;
        for review in known.iter().filter(|review| merge.moved.closed.contains(&review.id)) {
            // What a person has decided since stays decided.
            if review.decided_by.as_ref() == Some(&by_merge) {
                tx.turn_review(review.id, ReviewState::Rejected, ReviewState::Waiting, None, self.now)?;
            }
        }
        for record in &self.parting.path {
            tx.remember_apart(&self.parting.absorbed.id, &record.id, &record.object, &self.viewer.name, self.now)?;
        }
        Ok(())
    }

    fn hint_all(&self, tx: &mut Tx<'_>) -> Result<()> {
        let present = |links: &[Link]| -> BTreeSet<String> {
            links.iter().filter(|link| link.state == LinkState::Present).map(|link| link.connection.clone()).collect()
        };
        let theirs = &present(&self.parting.back) | &present(&self.parting.own);
        for (record, fetch) in [(&self.parting.absorbed, theirs), (self.parting.stays(), present(&self.parting.keeps))] {
            tx.hint(&[NewHint {
                subject: record.id.to_string(),
                object: record.object.clone(),
                lane: LANE_URGENT,
                due_at: self.now,
                cause: CAUSE.to_owned(),
                fetch,
                origin_at: Some(self.now),
                is_news: true,
                at: self.now,
            }])?;
        }
        Ok(())
    }

    /// Whoever was told that they are one is told that they are not.
    fn tell(&self, tx: &mut Tx<'_>) -> Result<()> {
        let (absorbed, stays) = (&self.parting.absorbed, self.parting.stays());
        let followed = self.parting.merge.merge.way == MergeWay::Followed;
        let note = if followed { " The platform that merged them cannot take that back by itself; see the record's history." } else { "" };
        tx.notify(&NewNotice {
            at: self.now,
            kind: NOTICE.to_owned(),
            recipient: "ops".to_owned(),
            title: format!("Two {}s were parted again", absorbed.object),
            body: format!(
                "{} is a record of its own again; it was a part of {}. {} records point to it. They are not merged by a rule again.{note}",
                absorbed.id,
                stays.id,
                self.parting.pointing.len()
            ),
            record: Some(absorbed.id.clone()),
        })
        .map(drop)
    }
}
