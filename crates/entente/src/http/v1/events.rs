//! The event stream: each entry of the ledger as it is committed, and headline numbers every two seconds. It resumes after the
//! `Last-Event-ID` that browsers send; events are hints, so a reader that missed some asks the API again.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use axum::routing::get;
use axum::{Extension, Router};
pub use entente_engine::reports::headline::Headline;
use entente_engine::reports::headline::headline;
use entente_engine::{Engine, records};
use entente_model::clock::Timestamp;
use entente_store::{Changes, EntryFilter, EntryId, StoreError, Viewer};
use futures::Stream;
use http::HeaderMap;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::http::App;
use crate::http::error::{ApiError, ErrorBody};

/// Time between headline numbers.
const TICK: Duration = Duration::from_secs(2);

/// Time for more entries to come together after a wake-up, so that a bulk load is pages and not single reads.
const GATHER: Duration = Duration::from_millis(100);

/// Entries read at once.
const BATCH: usize = 200;

/// How old shared headline numbers may be, in milliseconds: a little less than a tick, so that many streams cost as much as one.
const FRESH_MS: i64 = 1_900;

pub fn routes() -> Router<App> {
    Router::new().route("/api/v1/events", get(events))
}

/// An entry of the ledger, as the event `entry` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EntryEvent {
    /// Number of the entry.
    pub id: String,
    /// Record id.
    pub record: String,
    /// Object.
    pub object: String,
    /// What people call the record.
    pub title: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Why.
    pub cause: String,
    /// The connection it came from or went to.
    pub connection: Option<String>,
    /// Fields that changed.
    pub fields: Vec<String>,
}

/// Headline numbers that all streams share.
#[derive(Default)]
pub struct Shared(Mutex<Option<Headline>>);

impl Shared {
    async fn get(&self, engine: &Engine, viewer: &Viewer) -> Result<Headline, ApiError> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let now = engine.now().as_millisecond();
        if let Some(known) = known.filter(|known| now - known.at.as_millisecond() < FRESH_MS) {
            return Ok(known);
        }
        let fresh = headline(engine, viewer).await?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(fresh.clone());
        Ok(fresh)
    }
}

/// Changes as they happen: server-sent events `entry` and `tick`.
#[utoipa::path(get, path = "/api/v1/events", tag = "sync",
    params(("Last-Event-ID" = Option<String>, Header, description = "Number of the last entry seen; without it, from now on")),
    responses((status = 200, description = "Events `entry` (EntryEvent) and `tick` (Headline), without end", body = String, content_type = "text/event-stream"), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn events(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let last = match headers.get("last-event-id") {
        Some(value) => value.to_str().ok().and_then(|text| text.trim().parse::<EntryId>().ok()).ok_or_else(|| {
            ApiError::invalid(
                "Last-Event-ID",
                "this is not the number of an entry",
                "send the id of the last event, or leave the header out",
            )
        })?,
        None => {
            let seer = viewer.clone();
            let newest = app.engine.store().read(move |tx| tx.entries(&seer, &EntryFilter::default(), 1)).await?;
            newest.first().map_or(0, |entry| entry.id)
        }
    };
    let feed =
        Feed { woken: app.engine.store().wakeups(), next_tick: Instant::now(), pending: VecDeque::new(), look: true, app, viewer, last };
    Ok(Sse::new(futures::stream::unfold(feed, Feed::next)).keep_alive(KeepAlive::default()))
}

/// One reader's place in the feed.
struct Feed {
    app: App,
    viewer: Viewer,
    last: EntryId,
    pending: VecDeque<Event>,
    woken: watch::Receiver<u64>,
    next_tick: Instant,
    look: bool,
}

impl Feed {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some((Ok(event), self));
            }
            if self.look {
                self.look = false;
                if let Err(error) = self.read().await {
                    tracing::warn!(%error, "an event stream ends because the ledger cannot be read");
                    return None;
                }
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep_until(self.next_tick) => {
                    self.next_tick = Instant::now() + TICK;
                    // A wake-up from another process may have been lost: the clock is the fallback.
                    self.look = true;
                    match self.app.headline.get(&self.app.engine, &self.viewer).await {
                        Ok(headline) => self.pending.extend(Event::default().event("tick").json_data(headline).ok()),
                        Err(error) => tracing::warn!(message = %error.body.message, "headline numbers cannot be counted"),
                    }
                }
                changed = self.woken.changed() => {
                    if changed.is_err() {
                        return None;
                    }
                    tokio::time::sleep(GATHER).await;
                    self.woken.mark_unchanged();
                    self.look = true;
                }
            }
        }
    }

    async fn read(&mut self) -> Result<(), StoreError> {
        let (last, viewer) = (self.last, self.viewer.clone());
        let (entries, found) = self
            .app
            .engine
            .store()
            .read(move |tx| {
                let mut entries = tx.feed(last, BATCH)?;
                tx.open_entries(&mut entries)?;
                let ids: Vec<_> = entries.iter().map(|entry| entry.record.clone()).collect();
                let found = tx.records(&viewer, &ids)?;
                Ok((entries, found))
            })
            .await?;
        self.look = entries.len() == BATCH;
        let catalog = self.app.engine.catalog();
        let titles: BTreeMap<_, _> =
            found.iter().map(|(id, record)| (id, records::title(catalog.object(&record.object), id, &record.data))).collect();
        for entry in &entries {
            self.last = entry.id;
            // A record that the viewer may not see is not told of.
            let Some(title) = titles.get(&entry.record) else { continue };
            let fields = if let Changes::Open(changes) = &entry.changes { changes.keys().cloned().collect() } else { Vec::new() };
            let event = EntryEvent {
                id: entry.id.to_string(),
                record: entry.record.to_string(),
                object: entry.object.clone(),
                title: title.clone(),
                at: entry.at,
                cause: entry.cause.clone(),
                connection: entry.connection.clone(),
                fields,
            };
            self.pending.extend(Event::default().id(entry.id.to_string()).event("entry").json_data(event).ok());
        }
        Ok(())
    }
}
