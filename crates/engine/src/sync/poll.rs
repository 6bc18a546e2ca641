//! Polling: from the last sync point on, every object of every connection, on a schedule. The first poll of an object reads all of it.

use std::sync::Arc;

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::look::{Page, ReadSpec};
use entente_model::clock::Timestamp;
use entente_store::RemoteKey;

use super::first_read;
use super::ingest::{Arrival, Way, ingest};
use super::wake::give_up;
use crate::engine::Engine;
use crate::error::{EngineError, Result};

/// What one poll of one object came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Polled {
    /// Rows read.
    pub rows: u64,
    /// Pages read.
    pub pages: u64,
    /// When to go on, if the vendor's pace ended the poll early.
    pub wait_until: Option<Timestamp>,
}

/// Told after each page: connection, remote object, rows read so far, rows in all if known.
pub type OnPage<'a> = &'a (dyn Fn(&str, &str, u64, Option<u64>) + Send + Sync);

/// The same, shared by loops.
pub type Progress = std::sync::Arc<dyn Fn(&str, &str, u64, Option<u64>) + Send + Sync>;

/// Name of the cursor of an object at a connection.
pub(crate) fn cursor_name(connection: &str, object: &str) -> String {
    format!("poll/{connection}/{object}")
}

/// Polls one object of a connection until there is nothing more right now, or the vendor asks for a pause. The cursor commits with
/// each page, so a poll that is interrupted goes on where it was.
///
/// # Errors
/// When the store fails, or the vendor refuses.
pub async fn poll(engine: &Engine, connection: &str, object: &str, on_page: OnPage<'_>) -> Result<Polled> {
    let ready = engine.connection(connection)?;
    let catalog = engine.catalog();
    let read = ReadSpec { object: object.to_owned(), fields: super::gather::read_fields(&catalog, connection, object) };
    let name = cursor_name(connection, object);
    let done_key = first_read::over_key(connection, object);
    let (mut cursor, first_done) = {
        let name = name.clone();
        let read = engine.store().read(move |tx| Ok((tx.cursor::<String>(&name)?, tx.setting::<serde_json::Value>(&done_key)?.is_some())));
        read.await?
    };
    let way = if first_done { Way::Poll } else { Way::FirstRead };
    let mut polled = Polled::default();
    let mut total = None;
    loop {
        let page = match ready.connector.page(&read, cursor.as_ref(), Priority::Backfill).await {
            Ok(page) => page,
            Err(error) => {
                ready.pressure.trouble(&error, engine.now());
                if let Class::Wait { until } = error.class {
                    polled.wait_until = Some(until);
                    return Ok(polled);
                }
                return Err(EngineError::vendor(connection, error));
            }
        };
        ready.pressure.calm();
        total = total.or(page.total);
        polled.rows += page.looks.len() as u64;
        polled.pages += 1;
        let more = page.more;
        cursor = Some(page.next.clone());
        keep(engine, connection, object, !more, page, way).await?;
        on_page(connection, object, polled.rows, total);
        if !more {
            return Ok(polled);
        }
    }
}

async fn keep(engine: &Engine, connection: &str, object: &str, done: bool, page: Page, way: Way) -> Result<()> {
    let arrivals: Arc<Vec<Arrival>> = Arc::new(
        page.looks
            .into_iter()
            .map(|look| Arrival {
                key: RemoteKey::new(connection, &look.object, &look.id),
                origin_at: look.mark.at,
                look: Some(look),
                omits_blanks: false,
            })
            .collect(),
    );
    let (engine_, catalog) = (engine.clone(), engine.catalog());
    let (name, connection, object) = (cursor_name(connection, object), connection.to_owned(), object.to_owned());
    let next = page.next;
    engine
        .store()
        .write(move |tx| {
            let now = engine_.now();
            ingest(tx, &engine_, &catalog, &arrivals, way)?;
            tx.put_cursor(&name, &next, now)?;
            if done {
                tx.count(now, &[("polls", &connection, 1)])?;
                give_up(tx, &connection, &object, now)?;
                if way == Way::FirstRead {
                    first_read::note_last_page(tx, &connection, &object, now)?;
                }
            }
            Ok(())
        })
        .await?;
    Ok(())
}

/// Forgets where the polls of a connection stand, so that the next ones read everything again: a full resync. What is there stays
/// linked; only what differs is written.
///
/// # Errors
/// When the store fails.
pub async fn rewind(engine: &Engine, connection: &str, object: Option<&str>) -> Result<()> {
    engine.connection(connection)?;
    let objects: Vec<String> = engine.catalog().reads(connection).into_iter().map(|(name, _)| name).collect();
    let names: Vec<String> =
        objects.iter().filter(|name| object.is_none_or(|wanted| wanted == *name)).map(|name| cursor_name(connection, name)).collect();
    engine
        .store()
        .write(move |tx| {
            for name in &names {
                tx.delete_cursor(name)?;
            }
            Ok(())
        })
        .await?;
    Ok(())
}

/// Whether an object was read completely at least once.
pub(crate) async fn first_read_is_done(engine: &Engine, connection: &str, object: &str) -> bool {
    let key = first_read::over_key(connection, object);
    let done = engine.store().read(move |tx| tx.setting::<serde_json::Value>(&key)).await;
    matches!(done, Ok(Some(_)))
}
