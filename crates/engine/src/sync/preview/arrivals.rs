//! Looking ahead at rows that no record stands for yet: what changed at the platforms since the last poll is read, adopted in a
//! transaction as it would be in earnest, and the transaction is given up. No cursor moves and nothing is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use entente_connect::connector::Priority;
use entente_connect::look::{Existence, Look, ReadSpec};
use entente_model::id::RecordId;
use entente_store::{Hint, RemoteKey, ReviewState, StoreError, Tx, Viewer};
use serde::Serialize;
use utoipa::ToSchema;

use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::records::title;
use crate::sync::adopt::adopt_within;
use crate::sync::look::stored;
use crate::sync::poll::next_page;
use crate::sync::subject::RowKey;
use crate::sync::task::LANE_BACKFILL;

/// Rows adopted in one transaction at most, so that writers of other processes do not wait long for it. Rows of different transactions do
/// not know of each other: two new rows of one customer in different ones both show as new.
const ROWS: usize = 5_000;

/// What would become of a row that no record stands for yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AdoptionPreview {
    /// Connection.
    pub connection: String,
    /// The platform's name of the object.
    pub object: String,
    /// External id.
    pub external_id: String,
    /// `link` to a record there is, `create` a record, or `review`: a record is made, and a person is asked whether it is the same as
    /// another.
    pub outcome: String,
    /// The record that it would be linked to or may be the same as, for `link` and `review`.
    pub record: Option<String>,
    /// What people call that record.
    pub title: Option<String>,
    /// The row, as connection/object/external id, that makes the record it would be linked to, for `link` to one that is not there yet.
    pub with: Option<String>,
}

/// Reads what is new at every connection and foresees its adoption.
pub(super) async fn foresee(engine: &Engine, object: Option<&str>) -> Result<Vec<AdoptionPreview>> {
    let catalog = engine.catalog();
    let mut looks: Vec<(String, Look)> = Vec::new();
    for name in engine.connections().keys() {
        for (remote, fields) in catalog.reads(name) {
            let wanted = catalog
                .mappings(name)
                .iter()
                .any(|mapped| mapped.mapping().remote == remote && object.is_none_or(|object| mapped.mapping().object == object));
            if wanted {
                let read = ReadSpec { object: remote, fields };
                looks.extend(unlinked(engine, name, &read).await?.into_iter().map(|look| (name.clone(), look)));
            }
        }
    }
    let mut found = Vec::new();
    for batch in looks.chunks(ROWS) {
        found.extend(adopted(engine, &catalog, batch.to_vec()).await?);
    }
    Ok(found)
}

/// Rows that changed since the last poll, or all of them before the first, and that no record stands for.
async fn unlinked(engine: &Engine, connection: &str, read: &ReadSpec) -> Result<Vec<Look>> {
    let ready = engine.connection(connection)?;
    let mut cursor = next_page(engine, connection, &read.object).await?;
    let mut found = Vec::new();
    loop {
        let page = ready.connector.page(read, cursor.as_ref(), Priority::Update).await;
        let page = page.map_err(|source| EngineError::vendor(connection, source))?;
        let present: Vec<Look> = page.looks.into_iter().filter(|look| look.existence == Existence::Present).collect();
        let keys: Vec<RemoteKey> = present.iter().map(|look| RemoteKey::new(connection, &look.object, &look.id)).collect();
        let linked = engine.store().read(move |tx| tx.links_at(&keys)).await?;
        found.extend(present.into_iter().filter(|look| !linked.contains_key(&RemoteKey::new(connection, &look.object, &look.id))));
        if !page.more {
            return Ok(found);
        }
        cursor = Some(page.next);
    }
}

async fn adopted(engine: &Engine, catalog: &Arc<Catalog>, looks: Vec<(String, Look)>) -> Result<Vec<AdoptionPreview>> {
    let seen: Arc<Mutex<Vec<AdoptionPreview>>> = Arc::default();
    let (told, engine_, catalog) = (Arc::clone(&seen), engine.clone(), Arc::clone(catalog));
    let given_up = engine
        .store()
        .write(move |tx| -> entente_store::Result<()> {
            let found = within(tx, &engine_, &catalog, &looks)?;
            *told.lock().unwrap_or_else(PoisonError::into_inner) = found;
            Err(StoreError::abort("a look ahead is never kept"))
        })
        .await;
    match given_up {
        Ok(()) | Err(StoreError::Abort(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let found = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(found)
}

fn within(tx: &mut Tx<'_>, engine: &Engine, catalog: &Catalog, looks: &[(String, Look)]) -> entente_store::Result<Vec<AdoptionPreview>> {
    let now = engine.now();
    tx.put_looks(&looks.iter().map(|(connection, look)| stored(connection, look)).collect::<Vec<_>>())?;
    let keys: Vec<RemoteKey> = looks.iter().map(|(connection, look)| RemoteKey::new(connection, &look.object, &look.id)).collect();
    let hints: Vec<Hint> = keys
        .iter()
        .map(|key| Hint {
            failures: Vec::new(),
            taken_over: false,
            subject: RowKey { connection: key.connection.clone(), object: key.object.clone(), id: key.id.clone() }.to_string(),
            object: String::new(),
            lane: LANE_BACKFILL,
            due_at: now,
            first_at: now,
            origin_at: None,
            cause: "user".to_owned(),
            fetch: BTreeSet::new(),
            attempts: 0,
            races: 0,
            last_error: None,
            generation: 0,
        })
        .collect();
    adopt_within(tx, engine, catalog, &hints)?;
    let links = tx.links_at(&keys)?;
    let ids: Vec<_> = links.values().map(|link| link.record.clone()).collect();
    let records = tx.records(&Viewer::system(), &ids)?;
    let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let reviews: BTreeMap<String, String> = tx
        .reviews_of(&names)?
        .into_iter()
        .filter(|review| review.state == ReviewState::Waiting)
        .map(|review| (review.review.record.to_string(), review.review.other))
        .collect();
    let mut makers: BTreeMap<RecordId, String> = BTreeMap::new();
    let mut found = Vec::new();
    for key in keys {
        // A row that no mapping accepts has no link even now, and never will.
        let Some(record) = links.get(&key).and_then(|link| records.get(&link.record)) else { continue };
        let mut row = AdoptionPreview {
            outcome: "link".to_owned(),
            record: None,
            title: None,
            with: None,
            connection: key.connection,
            object: key.object,
            external_id: key.id,
        };
        if record.created_at < now {
            row.record = Some(record.id.to_string());
            row.title = Some(title(catalog.object(&record.object), &record.id, &record.data));
        } else if let Some(maker) = makers.get(&record.id) {
            row.with = Some(maker.clone());
        } else {
            makers.insert(record.id.clone(), format!("{}/{}/{}", row.connection, row.object, row.external_id));
            row.record = reviews.get(record.id.as_str()).cloned();
            (if row.record.is_some() { "review" } else { "create" }).clone_into(&mut row.outcome);
        }
        found.push(row);
    }
    Ok(found)
}
