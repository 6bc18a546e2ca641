//! What parting comes to: which values, counterparts and references are whose.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::id::RecordId;
use entente_model::value::{FieldKey, Fields, Value};
use entente_store::{Changes, Entry, EntryId, Link, LinkState, Merge, Record, RecordState, StoreError, Tx, Viewer};
use jiff::Timestamp;

use super::pointing::{Pointing, pointing};
use super::values;
use crate::catalog::Catalog;
use crate::engine::Engine;

/// Something that stays as it is.
pub(super) struct Impossible {
    pub(super) reason: String,
    pub(super) remedy: String,
}

/// Something that happened since, and to whom it goes.
pub(super) struct Since {
    pub(super) entry: EntryId,
    pub(super) at: Timestamp,
    pub(super) by: String,
    pub(super) field: FieldKey,
    pub(super) value: Value,
    pub(super) goes_to: RecordId,
}

/// What parting comes to.
pub(super) struct Parting {
    pub(super) merge: Merge,
    /// Whether they are two already.
    pub(super) already: bool,
    /// The record that comes back, as it is kept.
    pub(super) absorbed: Record,
    /// From the record that it ended in to the one that is in use.
    pub(super) path: Vec<Record>,
    /// Values that change, by record of the path.
    pub(super) then: Vec<Fields>,
    /// Values of the record that comes back that were entered since.
    pub(super) entered: Fields,
    /// Connections at which the record that comes back has its rows: what came from there since is its own.
    pub(super) theirs: BTreeSet<String>,
    /// Counterparts that go back.
    pub(super) back: Vec<Link>,
    /// Counterparts of the record in use that stay its own.
    pub(super) keeps: Vec<Link>,
    /// Counterparts that the record that comes back has kept, those that a platform destroyed among them.
    pub(super) own: Vec<Link>,
    /// Connections at which it gets a new row.
    pub(super) creates_at: BTreeSet<String>,
    pub(super) pointing: Vec<Pointing>,
    pub(super) since: Vec<Since>,
    pub(super) impossible: Vec<Impossible>,
    /// Whether nothing of it can be done.
    pub(super) is_lost: bool,
}

impl Parting {
    /// The record in use that it is a part of.
    pub(super) fn stays(&self) -> &Record {
        self.path.last().unwrap_or(&self.absorbed)
    }

    /// Whether there is anything that can be done.
    pub(super) fn is_possible(&self) -> bool {
        !self.is_lost
    }

    /// Every record that is written.
    pub(super) fn records(&self) -> impl Iterator<Item = &RecordId> {
        self.path.iter().map(|record| &record.id).chain([&self.absorbed.id])
    }

    /// The values of the record in use afterwards.
    pub(super) fn stays_then(&self) -> Fields {
        let mut fields = self.stays().data.clone();
        if let Some(then) = self.then.last() {
            fields.extend(then.iter().map(|(field, value)| (field.clone(), value.clone())));
        }
        fields
    }

    /// The values of the record that comes back.
    pub(super) fn comes_back(&self) -> Fields {
        let mut fields = self.absorbed.data.clone();
        fields.extend(self.entered.iter().map(|(field, value)| (field.clone(), value.clone())));
        fields
    }
}

/// Works it out. `None` when the record never ended in another one.
pub(super) fn work_out(tx: &mut Tx<'_>, engine: &Engine, catalog: &Catalog, id: &RecordId) -> Result<Option<Parting>, StoreError> {
    let Some(absorbed) = tx.record(&Viewer::system(), id)? else { return Ok(None) };
    let merges = tx.merges_of(id)?;
    let standing = merges.iter().find(|one| one.undone_at.is_none()).cloned();
    let already = standing.is_none();
    let Some(merge) = standing.or_else(|| merges.into_iter().next()) else { return Ok(None) };
    let path = path(tx, &merge.merge.survivor, id)?;
    let mut parting = Parting {
        then: vec![Fields::new(); path.len()],
        merge,
        already,
        absorbed,
        path,
        entered: Fields::new(),
        theirs: BTreeSet::new(),
        back: Vec::new(),
        keeps: Vec::new(),
        own: Vec::new(),
        creates_at: BTreeSet::new(),
        pointing: Vec::new(),
        since: Vec::new(),
        impossible: Vec::new(),
        is_lost: false,
    };
    if already {
        parting.path.truncate(1);
        return Ok(Some(parting));
    }
    let histories = histories(tx, &parting)?;
    if is_erased(tx, &parting, &histories)? {
        parting.is_lost = true;
        parting.impossible.push(Impossible {
            reason: "the values of one of them were erased, and the keys that could open them are destroyed".to_owned(),
            remedy: "nothing can bring them back".to_owned(),
        });
        return Ok(Some(parting));
    }
    links(tx, &mut parting)?;
    values::part(catalog, &mut parting, &histories);
    rows_that_are_gone(engine, catalog, &mut parting);
    parting.pointing = pointing(tx, catalog, &parting)?;
    Ok(Some(parting))
}

/// The record that one ended in, the one that this ended in, and so on to the one in use.
fn path(tx: &mut Tx<'_>, first: &RecordId, absorbed: &RecordId) -> Result<Vec<Record>, StoreError> {
    let mut path: Vec<Record> = Vec::new();
    let mut next = Some(first.clone());
    while let Some(id) = next.take() {
        let Some(record) = tx.record(&Viewer::system(), &id)? else { return Err(StoreError::Missing(format!("record {id}"))) };
        if record.state == RecordState::Merged {
            // Where merges lead in a circle, nobody is in use: the last one before the record that comes back is, from then on.
            next = record.merged_into.clone().filter(|into| into != absorbed && path.iter().all(|known| known.id != *into));
        }
        path.push(record);
    }
    Ok(path)
}

/// Entries of the records of the path since they took the record in, and of the record that comes back.
fn histories(tx: &mut Tx<'_>, parting: &Parting) -> Result<BTreeMap<RecordId, Vec<Entry>>, StoreError> {
    let ids: Vec<RecordId> = parting.records().cloned().collect();
    tx.histories_since(&Viewer::system(), &ids, parting.merge.merge.after + 1)
}

fn is_erased(tx: &mut Tx<'_>, parting: &Parting, histories: &BTreeMap<RecordId, Vec<Entry>>) -> Result<bool, StoreError> {
    let records = parting.path.iter().chain([&parting.absorbed]);
    let subjects: BTreeSet<String> = records.clone().map(|record| record.subject.clone()).collect();
    let gone = records.into_iter().any(|record| record.state == RecordState::Erased);
    Ok(gone || !tx.erased_of(&subjects)?.is_empty() || histories.values().flatten().any(|entry| entry.changes == Changes::Erased))
}

/// Whose each counterpart is.
fn links(tx: &mut Tx<'_>, parting: &mut Parting) -> Result<(), StoreError> {
    let stays = parting.stays().id.clone();
    let rows = parting.merge.merge.moved.rows.clone();
    let found = tx.links_at(&rows)?;
    for row in parting.merge.merge.moved.swallowed.iter().filter(|row| found.get(*row).is_some_and(|link| link.record == stays)) {
        let (id, at) = (&row.id, &row.connection);
        parting.impossible.push(Impossible {
            reason: format!("{at} has merged the row of {stays} into row {id}, which goes back, and cannot take that back"),
            remedy: format!(
                "{stays} gets a new row at {at} if the mapping makes rows there; an address that {at} has given to row {id} must be taken off there \
                 first"
            ),
        });
    }
    for row in rows {
        match found.get(&row) {
            Some(link) if link.record == stays => parting.back.push(link.clone()),
            // It is a third one's, which was parted from the same before.
            Some(_) => continue,
            None => {}
        }
        parting.theirs.insert(row.connection.clone());
        if found.contains_key(&row) {
            continue;
        }
        // A row that was merged at its platform since has another id, and is the record's that stays.
        parting.impossible.push(Impossible {
            reason: format!("row {} at {} is not the counterpart any more that went over", row.id, row.connection),
            remedy: format!("if a new one is to be made at {}, that is done by the mapping's rule for new rows", row.connection),
        });
    }
    for link in tx.links_of(&[stays.clone(), parting.absorbed.id.clone()])? {
        if link.record != stays {
            parting.own.push(link);
        } else if !parting.back.iter().any(|back| back.connection == link.connection) {
            parting.keeps.push(link);
        }
    }
    Ok(())
}

/// Rows that a platform destroyed when it merged them: where the mapping makes rows, a new one is made, and the old id leads where the
/// platform has it lead.
fn rows_that_are_gone(engine: &Engine, catalog: &Catalog, parting: &mut Parting) {
    let values = parting.comes_back();
    for link in parting.own.iter().filter(|link| link.state == LinkState::Merged) {
        let creates = catalog
            .mapped(&link.connection, &parting.absorbed.object)
            .is_some_and(|mapped| mapped.lens.creates(&values, engine.now()) && mapped.lens.missing_required(&values).is_empty());
        let (row, at) = (&link.external_id, &link.connection);
        let reason = format!("{at} has merged row {row} into another one, and cannot take that back; its id leads to that one there");
        let remedy = if creates {
            parting.creates_at.insert(at.clone());
            format!(
                "a new row is made at {at}; what {at} moved with the old one is given to it as far as the mapping writes it. An address that {at} \
                 has given to the other row must be taken off there first"
            )
        } else {
            format!("the mapping of {} makes no rows at {at}: make one there, and Entente links it", parting.absorbed.object)
        };
        parting.impossible.push(Impossible { reason, remedy });
    }
}
