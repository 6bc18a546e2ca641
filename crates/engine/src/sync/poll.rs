//! Polling: from the last sync point on, every object of every connection, on a schedule. The first poll of an object reads all of it,
//! and so does the one after a resync was asked for.

use std::sync::Arc;

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::look::{Cursor, Page, ReadSpec};
use entente_connect::webhook::Blanks;
use entente_model::clock::Timestamp;
use entente_store::{NewHint, RemoteKey, StoreError, Tx};
use serde::{Deserialize, Serialize};

use super::first_read;
use super::ingest::{Arrival, Sifted, Way, ingest, sift};
use super::resting_objects::Asked;
use super::resync::{self, Request};
use super::task::LANE_BACKFILL;
use super::wake::give_up;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::schema::explains;

/// Linked rows looked through at once for those that a complete read did not show.
const LINKED_ROWS: usize = 1_000;

/// What one poll of one object came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Polled {
    /// Rows read.
    pub rows: u64,
    /// Pages read.
    pub pages: u64,
    /// When to go on, if the vendor's pace or a rest of the connection ended the poll early.
    pub wait_until: Option<Timestamp>,
    /// Whether it was stopped, or another process polls meanwhile: then this one leaves it alone.
    pub stopped: bool,
    /// Whether the object is left alone for now, because the platform refuses it to us; others of the connection are not.
    pub rests: bool,
}

/// Told after each page: connection, remote object, rows read so far, rows in all if known.
pub type OnPage<'a> = &'a (dyn Fn(&str, &str, u64, Option<u64>) + Send + Sync);

/// The same, shared by loops.
pub type Progress = Arc<dyn Fn(&str, &str, u64, Option<u64>) + Send + Sync>;

/// Name of the cursor of an object at a connection.
fn cursor_name(connection: &str, object: &str) -> String {
    format!("poll/{connection}/{object}")
}

/// Asked before each page: whether to stop there.
pub type Stop<'a> = &'a (dyn Fn() -> bool + Send + Sync);

/// Where the polls of one object stand, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Standing {
    /// The connector's cursor; none before the first page of a complete read.
    at: Option<Cursor>,
    /// The complete read under way, if there is one.
    complete: Option<Complete>,
    /// Counts the complete reads.
    run: u64,
}

/// A complete read of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Complete {
    /// Whether the object was read completely before.
    resync: bool,
    /// Whether it is part of a read of everything, which the dashboard calls a full sync.
    whole: bool,
    /// When it began, or was asked for.
    started_at: Timestamp,
}

impl Standing {
    /// How rows come in that are read now, where the next ones after all of them come in by `usual`.
    fn way(&self, usual: Way) -> Way {
        match &self.complete {
            None => usual,
            Some(complete) if complete.resync => Way::Resync,
            Some(_) => Way::FirstRead,
        }
    }

    /// Where polls stand after a page.
    fn after(&self, next: &Cursor, more: bool) -> Self {
        Self { at: Some(next.clone()), complete: self.complete.clone().filter(|_| more), run: self.run }
    }
}

/// One object at one connection, and the names under which the store keeps what belongs to its polls.
struct Place {
    connection: String,
    object: String,
    cursor: String,
    request: String,
    done: String,
}

impl Place {
    fn new(connection: &str, object: &str) -> Self {
        Self {
            connection: connection.to_owned(),
            object: object.to_owned(),
            cursor: cursor_name(connection, object),
            request: resync::setting(connection, object),
            done: first_read::over_key(connection, object),
        }
    }

    /// Where the polls stand, unless a complete read is to begin first.
    fn standing(&self, tx: &mut Tx<'_>) -> Result<Option<Standing>, StoreError> {
        let asked = tx.setting::<Request>(&self.request)?.is_some();
        Ok(tx.cursor::<Standing>(&self.cursor)?.filter(|_| !asked))
    }

    /// Begins a complete read if one was asked for or none was ever made. The request ends in the same transaction, and only a poller
    /// moves the cursor: a request can come at any moment and is never lost.
    fn begin(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<Standing, StoreError> {
        let known = tx.cursor_for_update::<Standing>(&self.cursor)?;
        let request = tx.setting::<Request>(&self.request)?;
        let read_before = tx.setting::<serde_json::Value>(&self.done)?.is_some();
        let complete = match (&known, request) {
            (Some(known), None) => return Ok(known.clone()),
            (None, None) => Complete { resync: read_before, whole: true, started_at: now },
            (_, Some(request)) => {
                tx.delete_setting(&self.request)?;
                Complete { resync: read_before, whole: request.whole || !read_before, started_at: request.at }
            }
        };
        let standing = Standing { at: None, complete: Some(complete), run: known.map_or(1, |known| known.run + 1) };
        tx.put_cursor(&self.cursor, &standing, now)?;
        Ok(standing)
    }
}

/// What keeping a page came to.
enum Kept {
    /// The polls stand there now.
    On(Standing),
    /// Another process moved the cursor meanwhile; nothing was kept.
    Overtaken,
}

/// Polls one object of a connection until there is nothing more right now, the vendor asks for a pause, or `stop` says so. The cursor
/// commits with each page, so a poll that is interrupted goes on where it was; a resync asked for meanwhile begins at once.
///
/// # Errors
/// When the store fails, or the vendor refuses.
pub async fn poll(engine: &Engine, connection: &str, object: &str, on_page: OnPage<'_>, stop: Stop<'_>) -> Result<Polled> {
    read_on(engine, connection, object, Way::Poll, on_page, stop).await
}

/// The same, because the platform has told that something of the object changed.
///
/// # Errors
/// As for [`poll`].
pub async fn poll_told(engine: &Engine, connection: &str, object: &str, on_page: OnPage<'_>, stop: Stop<'_>) -> Result<Polled> {
    read_on(engine, connection, object, Way::Told, on_page, stop).await
}

async fn read_on(engine: &Engine, connection: &str, object: &str, usual: Way, on_page: OnPage<'_>, stop: Stop<'_>) -> Result<Polled> {
    let ready = engine.connection(connection)?;
    let catalog = engine.catalog();
    let read = ReadSpec { object: object.to_owned(), fields: super::fetch::read_fields(&catalog, connection, object) };
    let place = Arc::new(Place::new(connection, object));
    let mut polled = Polled::default();
    if let Some(trouble) = ready.pressure.paused(engine.now()) {
        polled.wait_until = Some(trouble.until);
        return Ok(polled);
    }
    if ready.objects.rests(Asked::Read, object, engine.now()) {
        polled.rests = true;
        return Ok(polled);
    }
    let mut standing = standing(engine, &place).await?;
    let mut total = None;
    loop {
        if stop() {
            polled.stopped = true;
            return Ok(polled);
        }
        let from = match (&standing.at, &standing.complete) {
            // A resync looks for what was overlooked.
            (None, Some(complete)) if !complete.resync => ready.connector.first_read_from(&read),
            (at, _) => at.clone(),
        };
        let page = match ready.connector.page(&read, from.as_ref(), Priority::Backfill).await {
            Ok(page) => page,
            Err(error) => {
                if let Class::Wait { until } = error.class {
                    polled.wait_until = Some(until);
                    return Ok(polled);
                }
                if explains(engine, &catalog, &[(connection, object, &error)]).await {
                    // What is read is another list of fields by now.
                    polled.wait_until = Some(engine.now());
                    return Ok(polled);
                }
                return Err(EngineError::vendor(connection, error));
            }
        };
        total = total.or(page.total);
        polled.rows += page.looks.len() as u64;
        polled.pages += 1;
        let more = page.more;
        let mut missing = Vec::new();
        if standing.complete.is_some() {
            ready.sweeps.saw(object, standing.run, standing.at.as_ref(), &page.looks, &page.next);
            if !more {
                missing = not_shown(engine, &place, &standing).await?;
            }
        }
        let before = standing.clone();
        match keep(engine, &place, standing, usual, page, missing).await? {
            Kept::On(now) => standing = now,
            Kept::Overtaken => {
                polled.stopped = true;
                return Ok(polled);
            }
        }
        on_page(connection, object, polled.rows, total);
        if !more && before.run == standing.run {
            return Ok(polled);
        }
    }
}

/// Where the connector's next page of an object begins; none before the first.
pub(crate) async fn next_page(engine: &Engine, connection: &str, object: &str) -> Result<Option<Cursor>> {
    let name = cursor_name(connection, object);
    Ok(engine.store().read(move |tx| tx.cursor::<Standing>(&name)).await?.and_then(|standing| standing.at))
}

async fn standing(engine: &Engine, place: &Arc<Place>) -> Result<Standing> {
    let of = Arc::clone(place);
    if let Some(standing) = engine.store().read(move |tx| of.standing(tx)).await? {
        return Ok(standing);
    }
    let (of, now) = (Arc::clone(place), engine.now());
    Ok(engine.store().write(move |tx| of.begin(tx, now)).await?)
}

/// Hints at the linked rows that a complete read did not show, if it saw every page.
async fn not_shown(engine: &Engine, place: &Arc<Place>, standing: &Standing) -> Result<Vec<NewHint>> {
    let ready = engine.connection(&place.connection)?;
    let (Some(complete), Some(shown)) = (&standing.complete, ready.sweeps.end(&place.object, standing.run)) else {
        return Ok(Vec::new());
    };
    let (cause, since, now) = (standing.way(Way::Poll).cause(), complete.started_at, engine.now());
    let mut hints = Vec::new();
    let mut after = String::new();
    loop {
        let (of, from) = (Arc::clone(place), after.clone());
        let rows = engine.store().read(move |tx| tx.present_rows(&of.connection, &of.object, since, &from, LINKED_ROWS)).await?;
        let Some(last) = rows.last() else { break };
        after.clone_from(&last.id);
        hints.extend(rows.into_iter().filter(|row| !shown(&row.id)).map(|row| NewHint {
            subject: row.record.to_string(),
            object: row.object,
            lane: LANE_BACKFILL,
            due_at: now,
            cause: cause.to_owned(),
            fetch: [place.connection.clone()].into(),
            origin_at: None,
            is_news: false,
            at: now,
        }));
    }
    if !hints.is_empty() {
        tracing::info!(
            connection = place.connection,
            object = place.object,
            rows = hints.len(),
            "linked rows were not among those read; they are fetched"
        );
    }
    Ok(hints)
}

async fn keep(engine: &Engine, place: &Arc<Place>, standing: Standing, usual: Way, page: Page, missing: Vec<NewHint>) -> Result<Kept> {
    let arrivals: Arc<Vec<Arrival>> = Arc::new(
        page.looks
            .into_iter()
            .map(|look| Arrival {
                key: RemoteKey::new(&place.connection, &look.object, &look.id),
                origin_at: look.mark.at,
                look: Some(look),
                blanks: Blanks::Shown,
                created: false,
            })
            .collect(),
    );
    // Rows of a first read are new, those of a later poll are known.
    let sifted = if standing.way(usual) == Way::FirstRead {
        Sifted::default()
    } else {
        let (engine_, catalog, arrivals) = (engine.clone(), engine.catalog(), Arc::clone(&arrivals));
        engine.store().read(move |tx| sift(tx, &engine_, &catalog, &arrivals.iter().collect::<Vec<_>>())).await?
    };
    let (engine_, catalog, place) = (engine.clone(), engine.catalog(), Arc::clone(place));
    let (next, more) = (page.next, page.more);
    let kept = engine
        .store()
        .write(move |tx| {
            let now = engine_.now();
            if tx.cursor_for_update::<Standing>(&place.cursor)?.as_ref() != Some(&standing) {
                return Ok(Kept::Overtaken);
            }
            ingest(tx, &engine_, &catalog, &arrivals.iter().collect::<Vec<_>>(), &sifted, standing.way(usual))?;
            if tx.setting::<Request>(&place.request)?.is_some() {
                return place.begin(tx, now).map(Kept::On);
            }
            let after = standing.after(&next, more);
            tx.put_cursor(&place.cursor, &after, now)?;
            if !more {
                tx.hint(&missing)?;
                finish(tx, &place, &standing, now)?;
            }
            Ok(Kept::On(after))
        })
        .await?;
    Ok(kept)
}

/// The last page of a poll is kept.
fn finish(tx: &mut Tx<'_>, place: &Place, standing: &Standing, now: Timestamp) -> Result<(), StoreError> {
    tx.count(now, &[("polls", &place.connection, 1)])?;
    give_up(tx, &place.connection, &place.object, now)?;
    match &standing.complete {
        Some(complete) if !complete.resync => first_read::note_last_page(tx, &place.connection, &place.object, complete.started_at, now),
        Some(complete) if complete.whole => {
            tx.put_setting(&place.done, &serde_json::json!({ "started_at": complete.started_at, "at": now }))
        }
        // A row of the first read that ended as a dead letter holds it up no longer.
        _ => first_read::end_if_adopted(tx, &place.connection, &place.object, now),
    }
}

/// Whether an object was read completely at least once.
///
/// # Errors
/// When the store fails.
pub(crate) async fn first_read_is_done(engine: &Engine, connection: &str, object: &str) -> Result<bool> {
    let key = Place::new(connection, object).done;
    Ok(engine.store().read(move |tx| tx.setting::<serde_json::Value>(&key)).await?.is_some())
}
