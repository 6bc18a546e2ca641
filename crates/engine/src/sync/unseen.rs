//! Rows that a webhook named without showing them, on their way to being adopted.

use std::collections::BTreeMap;
use std::sync::Arc;

use entente_connect::look::Look;
use entente_store::{Hint, Lane, Link, RemoteKey, StoreError, StoredLook, Tx};

use super::fate::{end_hints, fate};
use super::fetch::{Fetched, Order};
use super::subject::Subject;
use super::task::{Task, priority};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::Result;
use crate::privacy::blocked::Blocked;
use crate::privacy::met::{meets, note};

/// Rows that are on their way: the looks that were kept of some, and the links that some had when the others were asked for.
#[derive(Default)]
pub(crate) struct Asked {
    seen: BTreeMap<RemoteKey, StoredLook>,
    linked: BTreeMap<RemoteKey, Link>,
}

impl Asked {
    /// The looks that were kept.
    pub(crate) fn seen(&self) -> impl Iterator<Item = (&RemoteKey, &StoredLook)> {
        self.seen.iter()
    }

    /// Whether a row that was linked when it was asked for has come.
    pub(crate) fn brought(&self, row: &RemoteKey, fetched: &Fetched) -> bool {
        self.linked.contains_key(row) && fetched.looks.contains_key(row)
    }

    /// Tells tasks which of the looks that they go by were asked for after their own last write: those of links that nobody has written
    /// through since.
    pub(crate) fn tell(&self, tasks: &mut [Task], fetched: &Fetched) {
        for task in tasks {
            for link in &task.links {
                let key = link.key();
                let unwritten = self.linked.get(&key).is_some_and(|then| then.changed_at == link.changed_at);
                let is_later = unwritten && self.brought(&key, fetched);
                if let Some(seen) = task.seen.get_mut(&link.connection) {
                    seen.is_later |= is_later;
                }
            }
        }
    }
}

/// Asks for the rows that a webhook named without showing them, also for those that a record was linked to meanwhile: what told of them
/// may be news to it, and a fetch with the others costs no call of its own.
///
/// # Errors
/// When the store fails.
pub(crate) async fn order(engine: &Engine, hints: &[Hint], order: &mut Order) -> Result<Asked> {
    let rows: Vec<(RemoteKey, Lane, bool)> =
        hints.iter().filter_map(|hint| Some((row_of(hint)?, hint.lane, !hint.fetch.is_empty()))).collect();
    if rows.is_empty() {
        return Ok(Asked::default());
    }
    let keys: Vec<RemoteKey> = rows.iter().map(|(key, ..)| key.clone()).collect();
    let (mut seen, linked) = engine.store().read(move |tx| Ok((tx.looks_for(&keys)?, tx.links_at(&keys)?))).await?;
    // Where messages have shown a row in ways whose order nobody knows, what was kept of it counts for nothing.
    seen.retain(|key, _| !rows.iter().any(|(row, _, doubtful)| row == key && *doubtful));
    for (key, lane, _) in rows.into_iter().filter(|(key, ..)| !seen.contains_key(key)) {
        order.add(key, priority(lane));
    }
    Ok(Asked { seen, linked })
}

/// Keeps what was fetched for hints. Hints whose fetch failed are settled; the others come back.
pub(super) async fn take(engine: &Engine, hints: Vec<Hint>, fetched: &Fetched) -> Result<Vec<Hint>> {
    let (mut looks, mut good, mut bad) = (Vec::new(), Vec::new(), Vec::new());
    let now = engine.now();
    for hint in hints {
        let key = row_of(&hint);
        if let Some((key, error)) = key.as_ref().and_then(|key| fetched.failed.get_key_value(key)) {
            bad.push(fate(engine, &hint, Some(&(key.connection.clone(), error.clone())), now));
            continue;
        }
        if let Some((key, look)) = key.as_ref().and_then(|key| fetched.looks.get_key_value(key)) {
            looks.push((key.clone(), look.clone()));
        }
        good.push(hint);
    }
    if !looks.is_empty() || !bad.is_empty() {
        let (owner, bad) = (engine.owner().to_owned(), Arc::new(bad));
        let (engine_, catalog) = (engine.clone(), engine.catalog());
        let keep = move |tx: &mut Tx<'_>| {
            keep_looks(tx, &engine_, &catalog, &looks)?;
            end_hints(tx, &owner, &bad.iter().collect::<Vec<_>>(), [], now).map(drop)
        };
        engine.store().write(keep).await?;
    }
    Ok(good)
}

fn row_of(hint: &Hint) -> Option<RemoteKey> {
    let Subject::Row(row) = Subject::parse(&hint.subject)? else { return None };
    Some(RemoteKey::new(row.connection, row.object, row.id))
}

/// Keeps looks that were fetched, but for those at somebody who was erased.
fn keep_looks(tx: &mut Tx<'_>, engine: &Engine, catalog: &Catalog, looks: &[(RemoteKey, Look)]) -> Result<(), StoreError> {
    let (blocked, now) = (Blocked::of(tx, engine)?, engine.now());
    let mut kept = Vec::with_capacity(looks.len());
    for (key, look) in looks {
        match meets(&blocked, catalog, key, Some(look), now) {
            Some(met) => note(tx, engine, &met, key, &look.existence, now)?,
            None => kept.push(super::look::stored(&key.connection, look)),
        }
    }
    tx.put_looks(&kept)
}
