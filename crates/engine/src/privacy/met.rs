//! Meeting an erased person again: a row came in that shows one. It is not taken in, whatever brought it.

use entente_connect::look::{Existence, Look};
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::value::{Fields, Value, get};
use entente_store::{ErasureState, Link, RemoteKey, StoreError, Tx};

use super::blocked::{Blocked, Hasher};
use super::work::{RowState, RowWork, Sighting, Work};
use super::{AUTHOR, PERSON, REQUESTED, is_person, notice};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::options::ErasePolicy;
use crate::sync::task::Task;

/// How a row shows an erased person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Met {
    /// It is a row of the erasure; `named` when it tells again whose it is.
    Row { erasure: i64, named: bool },
    /// It carries the key of an erased record: a creation that was under way.
    Key { erasure: i64, kind: String },
    /// Somebody with the same address or number.
    Person { erasure: i64 },
    /// A row that stands for somebody else has come to show that address or number: two rows were merged at the platform, or somebody has
    /// written over one.
    Turned { erasure: i64 },
    /// It is about an erased person's row.
    About { erasure: i64 },
    /// An erased person wrote it, on whoever's ticket.
    Written { erasure: i64, kind: String },
}

impl Met {
    /// The erasure whose person may be told of in what came in. An anonymised row that does not tell again whose it was tells of nobody.
    pub(crate) fn tells_of(&self) -> Option<i64> {
        match self {
            Self::Row { named: false, .. } => None,
            Self::Row { erasure, .. }
            | Self::Key { erasure, .. }
            | Self::Person { erasure }
            | Self::Turned { erasure }
            | Self::About { erasure }
            | Self::Written { erasure, .. } => Some(*erasure),
        }
    }
}

/// How a row that no record stands for shows an erased person, if it does.
pub(crate) fn meets(blocked: &Blocked, catalog: &Catalog, key: &RemoteKey, look: Option<&Look>, now: Timestamp) -> Option<Met> {
    if blocked.is_empty() {
        return None;
    }
    let of_row = blocked.row(key);
    let Some(look) = look.filter(|look| look.existence == Existence::Present) else {
        return of_row.map(|erasure| Met::Row { erasure, named: false });
    };
    let mut about = None;
    for mapped in catalog.mappings(&key.connection).iter().filter(|mapped| mapped.mapping().remote == key.object) {
        if !mapped.lens.accepts(&look.row) {
            continue;
        }
        let kind = &mapped.mapping().object;
        let got = mapped.lens.get(&look.row, &Fields::new(), &|_, _| None, now);
        let person = if is_person(kind) { blocked.person(&got.fields) } else { None };
        if let Some(erasure) = of_row {
            return Some(Met::Row { erasure, named: person.is_some() });
        }
        let carried = look.row.get(mapped.lens.key()).and_then(|key| key.as_str()).and_then(|key| key.parse::<RecordId>().ok());
        if let Some(erasure) = carried.and_then(|id| blocked.record(&id)) {
            return Some(Met::Key { erasure, kind: kind.clone() });
        }
        if let Some(erasure) = person {
            return Some(Met::Person { erasure });
        }
        let people = got.unresolved.iter().filter(|(_, object, _)| object == PERSON);
        let remote = catalog.mapped(&key.connection, PERSON).map(|mapped| &mapped.mapping().remote);
        let rows = people.filter_map(|(field, _, id)| Some((field, RemoteKey::new(&key.connection, remote?, id))));
        for (field, erasure) in rows.filter_map(|(field, row)| Some((field, blocked.row(&row)?))) {
            if field == AUTHOR {
                about = Some(Met::Written { erasure, kind: kind.clone() });
                break;
            }
            about = Some(Met::About { erasure });
        }
    }
    of_row.map(|erasure| Met::Row { erasure, named: false }).or(about)
}

/// How a look at a row that a record stands for shows an erased person, if it does: by an address or number that neither the link nor the record
/// has known. `shown` is what the look shows, in our fields. Then nothing that the look changes is taken in: whose the rest is, nobody can tell.
/// A row that asks to be erased is, with whatever it shows.
pub(crate) fn turns(blocked: &Blocked, object: &str, link: &Link, record: &Fields, shown: &Fields) -> Option<Met> {
    if blocked.is_empty() || !is_person(object) || *get(shown, REQUESTED) == Value::Bool(true) {
        return None;
    }
    let (known, nothing) = (Task::believed(link), Fields::new());
    let mut after = known.clone();
    after.extend(shown.iter().map(|(field, value)| (field.clone(), value.clone())));
    let pending = link.pending.as_ref().unwrap_or(&nothing);
    blocked.newcomer(&after, &[&known, pending, record]).map(|erasure| Met::Turned { erasure })
}

/// Notes such a meeting: what has to be erased again is, and legal and compliance are told of who came back.
pub(crate) fn note(
    tx: &mut Tx<'_>,
    engine: &Engine,
    met: &Met,
    key: &RemoteKey,
    existence: &Existence,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (Met::Row { erasure: id, .. }
    | Met::Key { erasure: id, .. }
    | Met::Person { erasure: id }
    | Met::Turned { erasure: id }
    | Met::Written { erasure: id, .. }) = met
    else {
        return Ok(());
    };
    let present = *existence == Existence::Present;
    if !present && !matches!(met, Met::Person { .. }) {
        return Ok(());
    }
    let Some(mut erasure) = tx.erasure_for_update(*id)? else { return Ok(()) };
    let mut work = Work::of(&erasure)?;
    let before = work.clone();
    let sighting = |what: &str| Sighting {
        connection: key.connection.clone(),
        object: key.object.clone(),
        id: key.id.clone(),
        at: now,
        what: what.to_owned(),
    };
    match met {
        Met::Row { named, .. } => {
            let Some(row) = work.row(&key.connection, &key.object, &key.id).filter(|row| row.state == RowState::Erased) else {
                return Ok(());
            };
            // An anonymised row stays, and is none of ours unless it tells again whose it is.
            if row.policy == ErasePolicy::Anonymise && !named {
                return Ok(());
            }
            row.state = RowState::Open;
            work.saw(sighting("the row is back, and is erased again"));
        }
        Met::Key { kind, .. } => {
            work.add(RowWork::open(&key.connection, &key.object, &key.id, kind, super::person::policy_at(engine, &key.connection)));
            let print = Hasher::of(tx)?.row(key);
            tx.block(*id, &[print])?;
        }
        Met::Person { .. } => {
            if work.saw(sighting("somebody with the same address or number; not taken in")) {
                // What refers to this row is not taken in either.
                let print = Hasher::of(tx)?.row(key);
                tx.block(*id, &[print])?;
                let body = format!(
                    "{} {} at {} has an address or number of the person of erasure {id}. Entente does not take it in. Erase it there, or let it in \
                     with `entente privacy unblock {id}` if the person has become a customer again.",
                    key.object, key.id, key.connection
                );
                tx.notify(&notice(now, format!("A person who was erased turned up at {}", key.connection), body))?;
            }
        }
        Met::Turned { .. } => {
            if work.saw(sighting("a row of somebody else has the same address or number now; not taken in")) {
                // From now on the whole row is looked at before anything is decided by it.
                let print = Hasher::of(tx)?.turned(key);
                tx.block(*id, &[print])?;
                let body = format!(
                    "{} {} at {} stands for somebody else and has an address or number of the person of erasure {id} now. Entente takes nothing \
                     in from it and writes nothing to it. Take the person out there, or let them in with `entente privacy unblock {id}` if they \
                     have become a customer again.",
                    key.object, key.id, key.connection
                );
                tx.notify(&notice(now, format!("A person who was erased turned up at {}", key.connection), body))?;
            }
        }
        Met::Written { kind, .. } => {
            // Written before the erasure and read after it.
            work.add(RowWork::open(&key.connection, &key.object, &key.id, kind, ErasePolicy::Anonymise));
            let print = Hasher::of(tx)?.row(key);
            tx.block(*id, &[print])?;
        }
        Met::About { .. } => {}
    }
    if work == before {
        return Ok(());
    }
    if work.rows.iter().any(|row| row.state == RowState::Open) {
        erasure.state = ErasureState::Working;
        erasure.due_at = Some(now);
        erasure.ended_at = None;
    }
    erasure.work = work.document()?;
    tx.put_erasure(&erasure)
}
