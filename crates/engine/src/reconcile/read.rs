//! Reading one remote object completely, page by page. What stops the read before the last page makes it incomplete, and says why.

use std::sync::Arc;
use std::time::Duration;

use entente_connect::connector::Priority;
use entente_connect::error::{Class, VendorError};
use entente_connect::look::{Cursor, Look, Page, ReadSpec};
use entente_model::clock::Timestamp;

use super::Stop;
use super::place::Place;
use crate::engine::Engine;

/// Waits before a page that failed is asked for again: a gateway needs seconds to come back.
const AGAIN_AFTER: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(10), Duration::from_secs(30)];

/// Longest that a vendor's pace may hold up one page: quotas of a minute pass, a day's quota that is used up ends the read.
const PACE_MAX: Duration = Duration::from_secs(15 * 60);

/// A complete read under way.
pub(crate) struct Reading<'a> {
    engine: &'a Engine,
    place: Arc<Place>,
    stop: Stop<'a>,
    at: Option<Cursor>,
    ended: bool,
    /// Pages read so far.
    pub(crate) pages: u64,
}

impl<'a> Reading<'a> {
    /// Before the first page.
    pub(crate) fn new(engine: &'a Engine, place: Arc<Place>, stop: Stop<'a>) -> Self {
        Self { engine, place, stop, at: None, ended: false, pages: 0 }
    }

    /// The next page; `None` after the last.
    ///
    /// # Errors
    /// Why the read ends here, in words.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Look>>, String> {
        if self.ended {
            return Ok(None);
        }
        let page = self.page().await?;
        self.pages += 1;
        self.ended = !page.more;
        self.at = Some(page.next);
        Ok(Some(page.looks))
    }

    async fn page(&self) -> Result<Page, String> {
        let ready = self.engine.connection(&self.place.connection).map_err(|error| error.to_string())?;
        let read = ReadSpec { object: self.place.object.clone(), fields: self.place.fields.clone() };
        let mut failures = AGAIN_AFTER.iter();
        loop {
            if (self.stop)() {
                return Err("it was stopped".to_owned());
            }
            let error = match ready.connector.page(&read, self.at.as_ref(), Priority::Backfill).await {
                Ok(page) => return Ok(page),
                Err(error) => error,
            };
            let wait = match error.class {
                Class::Wait { until } => pace(self.engine.now(), until),
                Class::Retry => failures.next().copied(),
                _ => None,
            };
            match wait {
                Some(wait) => self.engine.time().sleep(wait).await,
                None => return Err(words(&error)),
            }
        }
    }
}

fn pace(now: Timestamp, until: Timestamp) -> Option<Duration> {
    let ms = u64::try_from(until.as_millisecond() - now.as_millisecond()).unwrap_or(0).max(1);
    Some(Duration::from_millis(ms)).filter(|wait| *wait <= PACE_MAX)
}

/// A vendor's refusal with its remedy.
pub(crate) fn words(error: &VendorError) -> String {
    format!("{error}; {}", error.advice)
}

/// Rows by id, in as many calls as the platform needs. Answers the calls made.
///
/// # Errors
/// Why they could not be fetched, in words.
pub(crate) async fn fetch(engine: &Engine, place: &Place, ids: &[String], looks: &mut Vec<Look>) -> Result<u64, String> {
    let ready = engine.connection(&place.connection).map_err(|error| error.to_string())?;
    let read = ReadSpec { object: place.object.clone(), fields: place.fields.clone() };
    let mut calls = 0;
    for chunk in ids.chunks(ready.connector.spec().fetch_max.max(1)) {
        let mut failures = AGAIN_AFTER.iter();
        loop {
            calls += 1;
            let error = match ready.connector.fetch(&read, chunk, Priority::Backfill).await {
                Ok(found) => {
                    looks.extend(found);
                    break;
                }
                Err(error) => error,
            };
            let wait = match error.class {
                Class::Wait { until } => pace(engine.now(), until),
                Class::Retry => failures.next().copied(),
                _ => None,
            };
            match wait {
                Some(wait) => engine.time().sleep(wait).await,
                None => return Err(words(&error)),
            }
        }
    }
    Ok(calls)
}
