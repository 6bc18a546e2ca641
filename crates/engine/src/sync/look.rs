//! Looks between the connectors' shape and the store's.

use std::collections::{BTreeMap, BTreeSet};

use entente_connect::look::{Existence, Look};
use entente_model::actor::ChangeMark;
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::value::Fields;
use entente_store::{Existence as Stored, FieldMarks, Link, LinkState, RemoteKey, StoredLook};

/// Milliseconds by which the vendor's times and ours may differ, once the measured offset is taken out: both are measured in whole seconds.
/// A call rarely takes longer, so that a row which was read this much later was read after.
const CLOCKS_MS: i64 = 2_000;

/// Whether a look shows its row as it certainly was after an instant, if there is one: it was changed later, or the whole row was read later.
/// Webhooks are on their way for a while, so that the time at which one came in says nothing.
pub(crate) fn surely_after(look: &Look, known: Option<Timestamp>) -> bool {
    let known = known.map_or(i64::MIN, |at| at.as_millisecond().saturating_add(CLOCKS_MS));
    look.mark.at.is_some_and(|at| at.as_millisecond() > known) || (look.complete && look.seen_at.as_millisecond() > known)
}

/// A look as it is kept.
pub(crate) fn stored(connection: &str, look: &Look) -> StoredLook {
    StoredLook {
        key: RemoteKey::new(connection, &look.object, &look.id),
        row: look.row.clone(),
        complete: look.complete,
        existence: match &look.existence {
            Existence::Present => Stored::Present,
            Existence::Deleted => Stored::Deleted,
            Existence::Erased => Stored::Erased,
            Existence::MergedInto(id) => Stored::MergedInto(id.clone()),
        },
        version: look.version.clone(),
        changed_at: look.mark.at,
        changed_by: look.mark.by,
        changed_who: look.mark.who,
        marks: FieldMarks::new(),
        seen_at: look.seen_at,
        earlier: Vec::new(),
        stamp: 0,
    }
}

/// A link to a row that was seen, with nothing agreed yet.
pub(crate) fn link_to(record: &RecordId, row: RemoteKey, look: &Look, now: Timestamp) -> Link {
    Link {
        record: record.clone(),
        connection: row.connection,
        remote_object: row.object,
        external_id: row.id,
        base: Fields::new(),
        seen: None,
        taken: None,
        written: BTreeSet::new(),
        pending: None,
        is_whole: false,
        version: None,
        seen_at: None,
        changed_at: look.mark.at,
        changed_by: look.mark.by,
        told_at: None,
        waiting: BTreeMap::new(),
        state: LinkState::Present,
        created_at: now,
    }
}

/// What a look that waited knows of values before it, as looks of their own, oldest first.
pub(crate) fn earlier(stored: &StoredLook) -> Vec<Look> {
    let before = stored.earlier.iter().map(|earlier| {
        let (row, mark) = (earlier.row.clone(), ChangeMark { at: earlier.changed_at, by: earlier.changed_by, who: earlier.changed_who });
        Look { row, mark, complete: false, version: None, ..taken(StoredLook { row: Default::default(), ..stored.clone() }) }
    });
    before.collect()
}

/// A look as it was taken.
pub(crate) fn taken(stored: StoredLook) -> Look {
    Look {
        object: stored.key.object,
        id: stored.key.id,
        existence: match stored.existence {
            Stored::Present => Existence::Present,
            Stored::Deleted => Existence::Deleted,
            Stored::Erased => Existence::Erased,
            Stored::MergedInto(id) => Existence::MergedInto(id),
        },
        row: stored.row,
        complete: stored.complete,
        version: stored.version,
        mark: ChangeMark { at: stored.changed_at, by: stored.changed_by, who: stored.changed_who },
        seen_at: stored.seen_at,
    }
}
