//! Checking again, a month later: every row that was erased is fetched, and everybody at each platform is looked at once, so that a person
//! who came back out of a bin, a backup or an import is seen. What is back is erased again.

use std::collections::{BTreeMap, BTreeSet};

use entente_connect::connector::Priority;
use entente_connect::error::VendorError;
use entente_connect::look::{Look, ReadSpec};
use entente_store::{Erasure, RemoteKey, StoreError};

use super::blocked::Blocked;
use super::met::{meets, note};
use super::platforms::of_people;
use super::work::Work;
use super::{PEOPLE, notice};
use crate::engine::Engine;
use crate::error::Result;
use crate::sync::fetch::read_fields;

/// Wait before a check that a platform refused is made again, in milliseconds.
const AGAIN_MS: i64 = 60 * 60 * 1000;

/// Checks a request again.
pub(crate) async fn recheck(engine: &Engine, erasure: &Erasure) -> Result<()> {
    let id = erasure.id;
    let checked = match look_at_all(engine, &Work::of(erasure)?).await {
        Ok(checked) => checked?,
        Err((connection, error)) => {
            tracing::warn!(
                erasure = id,
                connection,
                class = error.class.name(),
                code = error.code,
                "an erasure could not be checked again"
            );
            let at = jiff::Timestamp::from_millisecond(engine.now().as_millisecond() + AGAIN_MS).unwrap_or(engine.now());
            let put_off = engine.store().write(move |tx| {
                let Some(mut erasure) = tx.erasure_for_update(id)? else { return Ok(()) };
                erasure.due_at = Some(at);
                tx.put_erasure(&erasure)
            });
            return Ok(put_off.await?);
        }
    };
    let now = engine.now();
    engine
        .store()
        .write(move |tx| {
            let Some(mut erasure) = tx.erasure_for_update(id)? else { return Ok(()) };
            let mut work = Work::of(&erasure)?;
            work.rechecked_at = Some(now);
            // What was found to be back has made the request due at once.
            let back = erasure.state == entente_store::ErasureState::Working;
            if !back {
                erasure.due_at = None;
            }
            erasure.work = work.document()?;
            tx.put_erasure(&erasure)?;
            let outcome = if back { "Something of the person was back, and is erased again." } else { "Nobody came back." };
            let body = format!("{checked} rows were looked at. {outcome} `entente privacy show {id}` tells more.");
            tx.notify(&notice(now, format!("Erasure {id} was checked again"), body)).map(drop)
        })
        .await?;
    Ok(())
}

/// Looks at every row that was erased and at everybody. Answers how many rows that were.
async fn look_at_all(engine: &Engine, work: &Work) -> std::result::Result<Result<u64>, (String, VendorError)> {
    let catalog = engine.catalog();
    let mut many = 0;
    let mut by_object: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for row in &work.rows {
        by_object.entry((row.connection.clone(), row.object.clone())).or_default().insert(row.id.clone());
    }
    for ((connection, object), ids) in by_object {
        let Ok(ready) = engine.connection(&connection) else { continue };
        let read = ReadSpec { object: object.clone(), fields: read_fields(&catalog, &connection, &object) };
        let ids: Vec<String> = ids.into_iter().collect();
        for chunk in ids.chunks(ready.connector.spec().fetch_max) {
            let looks = ready.connector.fetch(&read, chunk, Priority::Backfill).await.map_err(|error| (connection.clone(), error))?;
            many += looks.len() as u64;
            if let Err(error) = take_note(engine, &connection, looks).await {
                return Ok(Err(error));
            }
        }
    }
    let people: Vec<(String, &'static str)> = of_people(engine, &catalog)
        .into_iter()
        .flat_map(|connection| PEOPLE.iter().map(move |object| (connection.clone(), *object)))
        .collect();
    for (connection, object) in &people {
        let (Ok(ready), Some(mapped)) = (engine.connection(connection), catalog.mapped(connection, object)) else { continue };
        let remote = mapped.mapping().remote.clone();
        let read = ReadSpec { object: remote.clone(), fields: read_fields(&catalog, connection, &remote) };
        let mut cursor = None;
        loop {
            let page =
                ready.connector.page(&read, cursor.as_ref(), Priority::Backfill).await.map_err(|error| (connection.clone(), error))?;
            many += page.looks.len() as u64;
            if let Err(error) = take_note(engine, connection, page.looks).await {
                return Ok(Err(error));
            }
            if !page.more {
                break;
            }
            cursor = Some(page.next);
        }
    }
    Ok(Ok(many))
}

async fn take_note(engine: &Engine, connection: &str, looks: Vec<Look>) -> Result<()> {
    let (engine_, catalog, connection) = (engine.clone(), engine.catalog(), connection.to_owned());
    engine
        .store()
        .write(move |tx| {
            let (blocked, now) = (Blocked::of(tx, &engine_)?, engine_.now());
            let shown: Vec<(RemoteKey, &Look)> =
                looks.iter().map(|look| (RemoteKey::new(&connection, &look.object, &look.id), look)).collect();
            let met: Vec<_> =
                shown.iter().filter_map(|(key, look)| Some((key, look, meets(&blocked, &catalog, key, Some(look), now)?))).collect();
            let keys: Vec<RemoteKey> = met.iter().map(|(key, ..)| (*key).clone()).collect();
            let linked = tx.links_at(&keys)?;
            for (key, look, met) in met.into_iter().filter(|(key, ..)| !linked.contains_key(*key)) {
                note(tx, &engine_, &met, key, &look.existence, now)?;
            }
            Ok::<_, StoreError>(())
        })
        .await?;
    Ok(())
}
