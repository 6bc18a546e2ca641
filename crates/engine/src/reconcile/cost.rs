//! What a reconciliation costs in API calls, told before it starts: pages of every object, from the rows and the page sizes of the last
//! complete read, or from what is linked and the page sizes that platforms document.

use entente_store::StoreError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::object_read::ObjectRead;
use super::place::{Scope, places};
use crate::engine::Engine;
use crate::error::Result;

/// Rows of a page where nothing is known: what most platforms give at most.
const PAGE_ROWS: u64 = 100;

/// What was measured of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Rows.
    rows: u64,
    /// Rows of the largest page.
    page_rows: u64,
    /// Pages.
    pages: u64,
}

fn setting(connection: &str, object: &str) -> String {
    format!("reconcile/cost/{connection}/{object}")
}

/// Calls that a reconciliation is going to make.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct Cost {
    /// In all. Rows that turn out missing, and second looks at what differed, are fetched beside that, up to a hundred or more a call.
    pub calls: u64,
    /// By object.
    pub lines: Vec<CostLine>,
}

/// Calls for one object of one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CostLine {
    /// Connection.
    pub connection: String,
    /// The platform's name of the object.
    pub object: String,
    /// Rows that are known.
    pub rows: u64,
    /// Calls.
    pub calls: u64,
}

/// What a complete read takes, as the platform documents it.
struct Documented {
    page_rows: u64,
    /// Pages at the least: an object that is put together of several has a last one of each.
    pages_least: u64,
    /// Calls that come along with it.
    beside: u64,
}

fn documented(engine: &Engine, connection: &str, object: &str) -> Documented {
    let known = engine.connection(connection).ok().and_then(|ready| ready.connector.spec().capabilities(object));
    known.map_or(Documented { page_rows: PAGE_ROWS, pages_least: 1, beside: 0 }, |known| Documented {
        page_rows: u64::from(known.page_rows),
        pages_least: u64::from(known.parts),
        beside: u64::from(known.page_extra),
    })
}

/// Calls that were made for an object.
pub(crate) fn made(engine: &Engine, read: &ObjectRead) -> u64 {
    let Documented { beside, .. } = documented(engine, &read.place.connection, &read.place.object);
    read.pages + read.fetches + if read.pages > 0 { beside } else { 0 }
}

/// Calls that reading so many rows of an object takes.
pub(crate) fn pages(engine: &Engine, connection: &str, object: &str, rows: u64) -> u64 {
    let Documented { page_rows, pages_least, beside } = documented(engine, connection, object);
    rows.div_ceil(page_rows).max(pages_least) + beside
}

/// What a reconciliation of this scope is going to cost.
///
/// # Errors
/// When the object or connection does not exist, or the store fails.
pub async fn cost(engine: &Engine, scope: &Scope) -> Result<Cost> {
    scope.check(engine)?;
    let places = places(engine, scope);
    let keys: Vec<String> = places.iter().map(|place| setting(&place.connection, &place.object)).collect();
    let (links, measured) = engine
        .store()
        .read(move |tx| {
            let measured = keys.iter().map(|key| tx.setting::<Measured>(key)).collect::<Result<Vec<_>, StoreError>>()?;
            Ok((tx.link_counts()?, measured))
        })
        .await?;
    let lines = places.iter().zip(measured).map(|(place, measured)| {
        let linked = links.get(&(place.connection.clone(), place.object.clone())).copied().unwrap_or_default();
        let Documented { page_rows: page_size, pages_least, beside } = documented(engine, &place.connection, &place.object);
        // A single page says nothing of how large pages can be.
        let page_rows = measured.filter(|measured| measured.pages > 1).map_or(page_size, |measured| measured.page_rows).max(1);
        let rows = measured.map_or(linked, |measured| measured.rows.max(linked));
        CostLine {
            connection: place.connection.clone(),
            object: place.object.clone(),
            rows,
            calls: rows.div_ceil(page_rows).max(pages_least) + beside,
        }
    });
    let lines: Vec<CostLine> = lines.collect();
    Ok(Cost { calls: lines.iter().map(|line| line.calls).sum(), lines })
}

/// What was measured of objects that were read completely, with the settings that keep it.
pub(crate) fn measured(reads: &[ObjectRead]) -> Vec<(String, Measured)> {
    let whole = reads.iter().filter(|read| read.incomplete.is_none());
    whole
        .map(|read| {
            let measured = Measured { rows: read.rows, page_rows: read.page_rows, pages: read.pages };
            (setting(&read.place.connection, &read.place.object), measured)
        })
        .collect()
}
