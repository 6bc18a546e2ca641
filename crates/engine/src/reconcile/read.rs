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

/// Longest that a vendor's pace may hold up one page: quotas of a minute pass, a day's quota that is used up ends the read.
const PACE_MAX: Duration = Duration::from_secs(15 * 60);

/// A complete read under way.
pub(crate) struct Reading<'a> {
    engine: &'a Engine,
    place: Arc<Place>,
    stop: Stop<'a>,
    at: Option<Cursor>,
    ended: bool,
    /// Whether a page that failed is asked for again.
    patient: bool,
    /// Whether the platform itself failed until nobody asked again.
    pub(crate) silent: bool,
    /// Pages read so far.
    pub(crate) pages: u64,
}

impl<'a> Reading<'a> {
    /// Before the first page. Without patience, a page that failed is not asked for again.
    pub(crate) fn new(engine: &'a Engine, place: Arc<Place>, patient: bool, stop: Stop<'a>) -> Self {
        Self { engine, place, stop, at: None, ended: false, patient, silent: false, pages: 0 }
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

    async fn page(&mut self) -> Result<Page, String> {
        let ready = self.engine.connection(&self.place.connection).map_err(|error| error.to_string())?;
        let read = ReadSpec { object: self.place.object.clone(), fields: self.place.fields.clone() };
        let mut failures = self.engine.options().reconcile_again_ms.iter().filter(|_| self.patient);
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
                Class::Retry => failures.next().copied().map(Duration::from_millis),
                _ => None,
            };
            match wait {
                Some(wait) => self.engine.time().sleep(wait).await,
                None => {
                    self.silent = error.class == Class::Retry;
                    return Err(words(&error));
                }
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
        let mut failures = engine.options().reconcile_again_ms.iter();
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
                Class::Retry => failures.next().copied().map(Duration::from_millis),
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
