//! Comparing a page of rows with what Entente holds, field by field, in one read of the store.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use entente_connect::look::{Existence, Look};
use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::mapping::remote::Row;
use entente_model::mapping::{Direction, FieldMap, Owner};
use entente_model::object::FieldType;
use entente_model::value::{Fields, get};
use entente_store::{Counterpart, Link, LinkState, RecordState, RemoteKey, StoreError, Tx, Viewer};

use super::cause::Cause;
use super::classify::{Dead, Differing, Finding, Shown, classify, owns};
use super::fingerprint::{Leaf, NAME_BYTES, Printer, range_of};
use super::place::Place;
use crate::catalog::{Catalog, Mapped};
use crate::privacy::blocked::Blocked;
use crate::privacy::met::meets;
use crate::sync::rewrite::STOP_AT;

/// What comparisons go by.
pub(crate) struct Grounds {
    /// Mappings in force.
    pub(crate) catalog: Arc<Catalog>,
    /// Makes fingerprints.
    pub(crate) printer: Printer,
    /// Subjects whose sync failed for good.
    pub(crate) dead: Dead,
    /// Who was erased.
    pub(crate) blocked: Arc<Blocked>,
    /// Now.
    pub(crate) now: Timestamp,
}

/// Records by (remote object, external id), of one connection: what rows refer to.
pub(crate) type References = HashMap<(String, String), RecordId>;

/// References kept between pages; beyond, they are looked up again.
const REFERENCES_MAX: usize = 50_000;

/// How much Entente knows of a row as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Knowledge {
    /// The row has moved on since.
    None,
    /// A part: a message showed it, or Entente wrote it without having read the rest.
    Part,
    /// All of it.
    Whole,
}

/// The last change of a row, as its platform tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastChange {
    version: Option<String>,
    mark: ChangeMark,
}

impl LastChange {
    fn of(look: &Look) -> Self {
        Self { version: look.version.clone(), mark: look.mark }
    }

    /// What is known of the row as it stands. Values alone do not tell: several of the row's may come to the same value of ours. Nor does it
    /// that Entente itself made the version that the row has, unless it knew all of it before. What a platform tells nothing of is not known.
    pub(crate) fn known(&self, link: &Link) -> Knowledge {
        match (self.stands(link), link.is_whole) {
            (false, _) => Knowledge::None,
            (true, false) => Knowledge::Part,
            (true, true) => Knowledge::Whole,
        }
    }

    /// Whether the row stands as Entente saw it last, or made it itself.
    fn stands(&self, link: &Link) -> bool {
        match (&self.version, &link.version) {
            (Some(version), Some(seen)) => version == seen,
            // An answer to our write that named no version leaves none.
            _ if link.changed_by == Actor::Us && self.mark.by == Actor::Us => true,
            _ => self.mark.at.is_some_and(|at| link.changed_at.is_some_and(|seen| at <= seen)),
        }
    }
}

/// What a page came to.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    /// Rows that are there.
    pub(crate) rows: u64,
    /// Of those, rows compared with a record.
    pub(crate) compared: u64,
    /// Fields compared.
    pub(crate) fields: u64,
    /// Names of all rows shown, deleted ones included.
    pub(crate) shown: Vec<[u8; NAME_BYTES]>,
    /// Names of rows that are gone.
    pub(crate) gone: Vec<[u8; NAME_BYTES]>,
    /// Fingerprints, with their range.
    pub(crate) leaves: Vec<(u8, Leaf)>,
    /// Of rows that are not as a certificate has them, when one is checked: when and by whom they were changed last.
    pub(crate) marks: Vec<([u8; NAME_BYTES], LastChange)>,
    /// What differs.
    pub(crate) findings: Vec<Finding>,
    /// Places in the page of rows that tell something new.
    pub(crate) news: Vec<usize>,
    /// Time that it took, in microseconds.
    pub(crate) us: u64,
}

/// Compares a page. `references` is kept between pages.
pub(crate) fn compare(
    tx: &mut Tx<'_>,
    grounds: &Grounds,
    place: &Place,
    looks: &[Look],
    references: &mut References,
) -> Result<Compared, StoreError> {
    let began = Instant::now();
    let mut done = Compared::default();
    let ids: Vec<String> = looks.iter().map(|look| look.id.clone()).collect();
    let linked: HashMap<String, Counterpart> =
        tx.counterparts(&place.connection, &place.object, &ids)?.into_iter().map(|found| (found.external_id.clone(), found)).collect();
    look_up(tx, grounds, place, looks, references)?;
    let mut differing = Vec::new();
    let mut strangers = Vec::new();
    for (at, look) in looks.iter().enumerate() {
        let name = grounds.printer.name(&place.connection, &place.object, &look.id);
        done.shown.push(name);
        let there = look.existence == Existence::Present;
        done.rows += u64::from(there);
        match linked.get(&look.id).map(|counterpart| (counterpart, counterpart.link == LinkState::Present)) {
            Some((counterpart, true)) if there => {
                let held = leaf(grounds, place, look, Some(&counterpart.record));
                if place.certified.as_ref().is_some_and(|certified| !certified.contains(&held.1)) {
                    done.marks.push((name, LastChange::of(look)));
                }
                done.leaves.push(held);
                let Some(mapped) = wanted(grounds, place, counterpart) else { continue };
                done.compared += 1;
                let fields = differences(grounds, place, look, counterpart, mapped, references, &mut done.fields);
                if !fields.is_empty() {
                    differing.push((at, Differing { look, counterpart, never_blank: &mapped.never_blank, fields }));
                }
            }
            Some((counterpart, was_there)) if there != was_there => {
                done.gone.extend((!there).then_some(name));
                if wanted(grounds, place, counterpart).is_some() {
                    let cause = if there { Cause::RowBack } else { Cause::RowGone };
                    done.findings.push(whole_row(place, look, Some(counterpart), cause));
                    done.news.push(at);
                }
            }
            Some(_) => done.gone.push(name),
            None if there => strangers.push(at),
            None => done.gone.push(name),
        }
    }
    leave_out_rewritten(tx, place, &mut differing)?;
    unlinked(tx, grounds, place, looks, &strangers, &mut done)?;
    let (places, rows): (Vec<usize>, Vec<Differing<'_>>) = differing.into_iter().unzip();
    let findings = classify(tx, place, &rows, &grounds.dead)?;
    for (at, row) in places.iter().zip(&rows) {
        let news = findings.iter().any(|finding| {
            finding.external_id.as_deref() == Some(row.look.id.as_str()) && matches!(finding.cause, Cause::NotTaken | Cause::AgainstOwner)
        });
        done.news.extend(news.then_some(*at));
    }
    done.findings.extend(findings);
    done.us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    Ok(done)
}

/// Takes out what differs only because the platform itself rewrites our value, again and again: that is its way of holding it.
fn leave_out_rewritten(tx: &mut Tx<'_>, place: &Place, differing: &mut Vec<(usize, Differing<'_>)>) -> Result<(), StoreError> {
    let records: Vec<RecordId> = differing.iter().map(|(_, row)| row.counterpart.record.clone()).collect();
    let rewritten = tx.rewrites_of(&records, STOP_AT)?;
    if rewritten.is_empty() {
        return Ok(());
    }
    for (_, row) in differing.iter_mut() {
        let Some(known) = rewritten.get(&row.counterpart.record) else { continue };
        let data = &row.counterpart.data;
        row.fields.retain(|(line, shown)| {
            let Shown::Value(shown) = shown else { return true };
            !known.iter().any(|one| {
                one.connection == place.connection
                    && one.field == line.field
                    && one.shown.agrees(shown)
                    && one.written.agrees(get(data, &line.field))
            })
        });
    }
    differing.retain(|(_, row)| !row.fields.is_empty());
    Ok(())
}

/// The mapping of a linked row, if its record is in use and asked for.
fn wanted<'a>(grounds: &'a Grounds, place: &Place, counterpart: &Counterpart) -> Option<&'a Arc<Mapped>> {
    if counterpart.state != RecordState::Active || !place.scope.wants(&counterpart.object) {
        return None;
    }
    grounds.catalog.mapped(&place.connection, &counterpart.object)
}

pub(crate) fn leaf(grounds: &Grounds, place: &Place, look: &Look, record: Option<&RecordId>) -> (u8, Leaf) {
    let range = record.map_or_else(|| range_of(&format!("{}/{}/{}", place.connection, place.object, look.id)), |id| range_of(id.as_str()));
    let record = record.map(RecordId::as_str);
    (range, grounds.printer.leaf(&place.connection, &place.object, &look.id, record, &place.vouched, &look.row))
}

fn whole_row(place: &Place, look: &Look, counterpart: Option<&Counterpart>, cause: Cause) -> Finding {
    Finding {
        connection: place.connection.clone(),
        remote_object: place.object.clone(),
        external_id: Some(look.id.clone()),
        record: counterpart.map(|counterpart| counterpart.record.clone()),
        object: counterpart.map(|counterpart| counterpart.object.clone()).unwrap_or_default(),
        field: None,
        owner: None,
        cause,
        since: look.mark.at,
        detail: None,
    }
}

/// Rows that no record stands for, of those that a mapping wants.
fn unlinked(
    tx: &mut Tx<'_>,
    grounds: &Grounds,
    place: &Place,
    looks: &[Look],
    strangers: &[usize],
    done: &mut Compared,
) -> Result<(), StoreError> {
    let mut found = Vec::new();
    for at in strangers {
        let look = &looks[*at];
        let key = RemoteKey::new(&place.connection, &place.object, &look.id);
        if meets(&grounds.blocked, &grounds.catalog, &key, Some(look), grounds.now).is_some() {
            // Somebody who was erased: that no record stands for the row is as it should be. The sync takes note of who is back.
            done.news.push(*at);
            continue;
        }
        let accepting = grounds.catalog.mappings(&place.connection).iter();
        let mut accepting = accepting.filter(|mapped| mapped.mapping().remote == place.object && mapped.lens.accepts(&look.row));
        if let Some(mapped) = accepting.next().filter(|mapped| place.scope.wants(&mapped.mapping().object)) {
            done.leaves.push(leaf(grounds, place, look, None));
            let claimed = look.row.get(mapped.lens.key()).and_then(|key| key.as_str()).and_then(|key| key.parse::<RecordId>().ok());
            found.push((*at, mapped.mapping().object.clone(), claimed));
        }
    }
    let claimed: Vec<RecordId> = found.iter().filter_map(|(_, _, claimed)| claimed.clone()).collect();
    let known = tx.records(&Viewer::system(), &claimed)?;
    let standing: BTreeSet<RecordId> = tx
        .links_of(&claimed)?
        .into_iter()
        .filter(|link| link.connection == place.connection && link.state == LinkState::Present && known.contains_key(&link.record))
        .map(|link| link.record)
        .collect();
    let subject = |look: &Look| format!("{}/{}/{}", place.connection, place.object, look.id);
    let names: Vec<String> = found.iter().map(|(at, ..)| subject(&looks[*at])).collect();
    let moving = tx.hinted(&names)?;
    for ((at, object, claimed), name) in found.into_iter().zip(names) {
        let cause = if moving.contains(&name) {
            Cause::InProgress
        } else if grounds.dead.contains_key(&name) {
            Cause::Refused
        } else if claimed.is_some_and(|id| standing.contains(&id)) {
            Cause::ClaimedTwice
        } else {
            done.news.push(at);
            Cause::Unmatched
        };
        let detail = grounds.dead.get(&name).cloned();
        done.findings.push(Finding { object, detail, ..whole_row(place, &looks[at], None, cause) });
    }
    Ok(())
}

/// The fields of a row that are not what its record holds.
fn differences<'a>(
    grounds: &Grounds,
    place: &Place,
    look: &Look,
    counterpart: &Counterpart,
    mapped: &'a Mapped,
    references: &References,
    compared: &mut u64,
) -> Vec<(&'a FieldMap, Shown)> {
    let resolve = |object: &str, id: &str| {
        let remote = &grounds.catalog.mapped(&place.connection, object)?.mapping().remote;
        references.get(&(remote.clone(), id.to_owned())).cloned()
    };
    let got = mapped.lens.get(&look.row, &counterpart.data, &resolve, grounds.now);
    let mut differing = Vec::new();
    for line in mapped.mapping().fields.iter().filter(|line| counts(line, place, &counterpart.data)) {
        let held = get(&counterpart.data, &line.field);
        if let Some(value) = got.fields.get(&line.field) {
            *compared += 1;
            if !value.agrees(held) {
                differing.push((line, Shown::Value(value.clone())));
            }
        } else if let Some((_, why)) = got.faults.iter().find(|(field, _)| *field == line.field) {
            differing.push((line, Shown::Unreadable(why.clone())));
        } else if !held.is_blank() && got.unresolved.iter().any(|(field, ..)| *field == line.field) {
            differing.push((line, Shown::Unknown));
        }
    }
    differing
}

/// Whether a side and the record should hold the same in a field: not where a value of our own was never set, and not where a side is
/// only read and another one owns the field.
fn counts(line: &FieldMap, place: &Place, data: &Fields) -> bool {
    if line.direction == Direction::In {
        return owns(line.owner, place.role);
    }
    line.owner != Owner::Native || data.contains_key(&line.field)
}

/// Looks up the records that rows of a page refer to.
fn look_up(tx: &mut Tx<'_>, grounds: &Grounds, place: &Place, looks: &[Look], references: &mut References) -> Result<(), StoreError> {
    if references.len() > REFERENCES_MAX {
        references.clear();
    }
    let mut wanted: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (remote_field, target) in reference_fields(grounds, place) {
        for look in looks {
            if let Some(id) = id_in(&look.row, remote_field)
                && !references.contains_key(&(target.to_owned(), id.clone()))
            {
                wanted.entry(target).or_default().insert(id);
            }
        }
    }
    for (target, ids) in wanted {
        let ids: Vec<String> = ids.into_iter().collect();
        for (id, record) in tx.records_meant(&place.connection, target, &ids)? {
            references.insert((target.to_owned(), id), record);
        }
    }
    Ok(())
}

/// Remote fields that hold the id of another row, or may, with the remote object of that row.
fn reference_fields<'a>(grounds: &'a Grounds, place: &Place) -> Vec<(&'a str, &'a str)> {
    let mut found = Vec::new();
    for mapped in grounds.catalog.mappings(&place.connection).iter().filter(|mapped| mapped.mapping().remote == place.object) {
        let object = grounds.catalog.object(&mapped.mapping().object);
        for line in &mapped.mapping().fields {
            let kind = object.and_then(|object| object.field(&line.field)).map(|field| &field.kind);
            let Some(FieldType::Reference { object: target }) = kind else { continue };
            let Some(target) = grounds.catalog.mapped(&place.connection, target) else { continue };
            let target = target.mapping().remote.as_str();
            if line.get.is_some() {
                // A formula may take the id from anywhere in the row.
                found.extend(mapped.reads.iter().map(|name| (name.as_str(), target)));
            } else {
                found.push((line.remote.as_str(), target));
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn id_in(row: &Row, field: &str) -> Option<String> {
    match row.get(field)? {
        serde_json::Value::String(text) if !text.is_empty() => Some(text.trim().to_owned()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
