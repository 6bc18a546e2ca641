//! New columns: when a mapping gets further fields and nothing else of it changes, only these columns are read, page by page, and not every
//! row as a whole. A page is what the platform shows of the columns now; its records are converged with what else is known of their rows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::look::{Cursor, Existence, ReadSpec};
use entente_model::formula::Formula;
use entente_model::mapping::Mapping;
use entente_model::object::{FieldType, Object};
use entente_store::{LinkState, NewHint, RemoteKey, StoreError, Tx};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::sync::look::stored;
use crate::sync::task::LANE_BACKFILL;

/// Time between looks whether columns are to be read.
pub const EVERY: Duration = Duration::from_secs(2);

/// Longest that platforms keep back what has just changed, and a little more: Zendesk's exports withhold the newest minute, and rows are found by
/// searches once they are indexed. What changed right before a column was asked for is read this long after.
const KEPT_BACK: SignedDuration = SignedDuration::from_secs(70);

/// Settings that keep columns to be read begin with this.
const SETTING: &str = "column/";

/// Columns to be read of a remote object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Columns {
    connection: String,
    object: String,
    remote: String,
    columns: BTreeSet<String>,
    /// Where to go on; none before the first page.
    cursor: Option<Cursor>,
    since: Timestamp,
    /// When to go on, where all was read but what may have been kept back.
    #[serde(default)]
    again_at: Option<Timestamp>,
}

impl Columns {
    fn key(&self) -> String {
        format!("{SETTING}{}/{}", self.connection, self.object)
    }
}

/// Remote columns of the lines that a mapping has beyond another one, if nothing else differs and each can be read alone.
pub(crate) fn added(before: &Mapping, now: &Mapping, object: &Object) -> Option<BTreeSet<String>> {
    let bare = |mapping: &Mapping| Mapping { fields: Vec::new(), ..mapping.clone() };
    let in_use = |mapping: &Mapping| mapping.in_use(&BTreeSet::new()).fields;
    let (old, new) = (in_use(before), in_use(now));
    if bare(before) != bare(now) || !old.iter().all(|line| new.contains(line)) {
        return None;
    }
    let mut columns = BTreeSet::new();
    for line in new.iter().filter(|line| !old.contains(line)) {
        // Who a reference points to may not be known yet: that is found out with the whole row.
        if matches!(object.field(&line.field)?.kind, FieldType::Reference { .. }) {
            return None;
        }
        columns.insert(line.remote.clone());
        columns.extend(line.currency.clone());
        if let Some(get) = &line.get {
            columns.extend(Formula::parse(get).ok()?.reads().iter().cloned());
        }
    }
    (!columns.is_empty()).then_some(columns)
}

/// Has columns read, within the transaction of the caller. Those that are being read for the same mapping already are read anew with them.
pub(crate) fn start(
    tx: &mut Tx<'_>,
    connection: &str,
    mapping: &Mapping,
    columns: BTreeSet<String>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut wanted = Columns {
        connection: connection.to_owned(),
        object: mapping.object.clone(),
        remote: mapping.remote.clone(),
        columns,
        cursor: None,
        since: now,
        again_at: None,
    };
    if let Some(known) = tx.setting::<Columns>(&wanted.key())?.filter(|known| known.remote == wanted.remote) {
        wanted.columns.extend(known.columns);
    }
    tx.put_setting(&wanted.key(), &wanted)
}

/// Reads what is to be read, until there is no more, the platform asks for a pause, or `stop` says so. Answers the rows that were read.
///
/// # Errors
/// When a platform refuses or the store fails: the next call goes on where this one was.
pub async fn carry_on(engine: &Engine, stop: &(dyn Fn() -> bool + Send + Sync)) -> Result<u64> {
    let jobs: BTreeMap<String, serde_json::Value> = engine.store().read(|tx| tx.settings(SETTING)).await?;
    let mut rows = 0;
    for (key, job) in jobs {
        let mut job: Columns =
            serde_json::from_value(job).map_err(|error| EngineError::Corrupt { what: key, reason: error.to_string() })?;
        while !stop() {
            match page(engine, &job).await? {
                Some((next, many)) => {
                    rows += many;
                    job.cursor = Some(next);
                }
                None => break,
            }
        }
    }
    Ok(rows)
}

/// Reads one page. Answers where to go on and how many rows were read; nothing when it was the last, or the platform asks for a pause.
async fn page(engine: &Engine, job: &Columns) -> Result<Option<(Cursor, u64)>> {
    if job.again_at.is_some_and(|at| at > engine.now()) {
        return Ok(None);
    }
    let Ok(ready) = engine.connection(&job.connection) else { return Ok(None) };
    let read = ReadSpec { object: job.remote.clone(), fields: job.columns.iter().cloned().collect() };
    let page = match ready.connector.page(&read, job.cursor.as_ref(), Priority::Backfill).await {
        Ok(page) => page,
        Err(error) if matches!(error.class, Class::Wait { .. }) => return Ok(None),
        Err(error) => return Err(EngineError::vendor(&job.connection, error)),
    };
    let many = page.looks.len() as u64;
    let mut after = job.clone();
    after.cursor = Some(page.next.clone());
    let (job, more, now) = (job.clone(), page.more, engine.now());
    after.again_at = job.since.checked_add(KEPT_BACK).ok().filter(|until| !more && *until > now);
    let goes_on = more || after.again_at.is_some();
    let looks: Vec<_> = page
        .looks
        .iter()
        .filter(|look| look.existence == Existence::Present)
        // The version is of a row of which only this much was seen: a write that leans on it could overwrite what was not.
        .map(|look| entente_store::StoredLook { version: None, ..stored(&job.connection, look) })
        .collect();
    let kept = engine
        .store()
        .write(move |tx| {
            // Another mapping, or another process, has changed what is to be read.
            if tx.setting::<Columns>(&job.key())?.as_ref() != Some(&job) {
                return Ok(false);
            }
            take_in(tx, &job, &looks, now)?;
            if goes_on { tx.put_setting(&job.key(), &after) } else { tx.delete_setting(&job.key()).map(drop) }?;
            Ok(more)
        })
        .await?;
    Ok(kept.then_some((page.next, many)))
}

fn take_in(tx: &mut Tx<'_>, job: &Columns, looks: &[entente_store::StoredLook], now: Timestamp) -> Result<(), StoreError> {
    let keys: Vec<RemoteKey> = looks.iter().map(|look| look.key.clone()).collect();
    let links = tx.links_at(&keys)?;
    let waiting = tx.looks_for(&keys)?;
    let (mut fresh, mut hints) = (Vec::new(), Vec::new());
    for look in looks {
        let Some(link) = links.get(&look.key).filter(|link| link.state == LinkState::Present) else { continue };
        // A look that waits shows more than the columns: the row is fetched with it instead.
        let fetch = if waiting.contains_key(&look.key) { BTreeSet::from([job.connection.clone()]) } else { BTreeSet::new() };
        if fetch.is_empty() {
            fresh.push(look.clone());
        }
        hints.push(NewHint {
            subject: link.record.to_string(),
            object: job.object.clone(),
            lane: LANE_BACKFILL,
            due_at: now,
            cause: "resync".to_owned(),
            fetch,
            origin_at: None,
            is_news: true,
            at: now,
        });
    }
    tx.put_looks(&fresh)?;
    tx.hint(&hints)
}
