//! Reading the journal's files.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use entente_model::clock::Timestamp;
use http::Request;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::super::engagements::{ENGAGEMENTS, engagement};
use super::super::map::instant;
use super::super::webhook::objects_of;
use super::super::wire::id_text;
use super::super::{HubSpot, SPEC};
use super::Journal;
use super::window::File;
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::{Answer, Call};
use crate::transport::client::{answer, wire_error};
use crate::transport::offset::http_date;

/// Version of the journal's own paths, which are the same whatever the other ones are.
const VERSION: &str = "2026-03";
/// Files that are named by one call.
const FILES: usize = 20;
/// Events of one page, more or less: files are read whole.
const PAGE_EVENTS: usize = 500;
/// Time for which "there is no more" is believed, so that the polls of several objects ask once.
const DRY_FOR: Duration = Duration::from_secs(1);
/// Time between two looks at whether there is something new. They cost the account nothing.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What the journal has behind an offset.
pub(super) enum Supply {
    /// Files, whether there are more, and the journal's time if there are none.
    Files { files: Vec<File>, more: bool, dry: Option<Timestamp> },
    /// It does not know the offset any more.
    Expired,
}

/// Where a file is.
#[derive(Deserialize)]
pub(super) struct Entry {
    url: String,
    #[serde(rename = "currentOffset")]
    offset: String,
}

#[derive(Deserialize)]
struct Entries {
    #[serde(default)]
    results: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    #[serde(default)]
    journal_events: Vec<Value>,
    published_at: Option<String>,
}

/// Path of the journal's own surface.
pub(super) fn path(tail: &str) -> String {
    format!("/webhooks-journal/journal/{VERSION}/{tail}")
}

/// Path of the app's subscriptions.
pub(super) fn subscriptions() -> String {
    format!("/webhooks-journal/subscriptions/{VERSION}")
}

impl Journal {
    /// The offset that a read of an object takes over when it has ended, none while nothing was ever written. Looks begin there, so that they tell
    /// of what comes before the next poll.
    pub(super) async fn take_over(&self, object: &str, priority: Priority) -> Result<Option<String>, VendorError> {
        // What was told of the object until here is read now.
        self.heard(object);
        let latest = self.latest(priority).await?;
        if let Some(offset) = &latest {
            let mut window = self.window.lock().await;
            if window.tip().is_none() {
                window.begin(offset);
            }
        }
        Ok(latest)
    }

    /// The last offset there is; none while nothing was ever written.
    async fn latest(&self, priority: Priority) -> Result<Option<String>, VendorError> {
        Ok(self.last(priority).await?.map(|entry| entry.offset))
    }

    /// The last file there is.
    pub(super) async fn last(&self, priority: Priority) -> Result<Option<Entry>, VendorError> {
        let answer = self.client.call("journal", priority, Call::get(path("latest")).accept(&[404])).await?;
        if answer.status != 200 {
            return Ok(None);
        }
        Ok(Some(answer.json::<Entry>()?))
    }

    /// What there is behind an offset, for the poll of an object or for a look.
    pub(super) async fn behind(
        &self,
        hub: &HubSpot,
        offset: &str,
        object: Option<&str>,
        priority: Priority,
    ) -> Result<Supply, VendorError> {
        let mut window = self.window.lock().await;
        if window.behind(offset).is_none() {
            window.begin(offset);
        }
        loop {
            let files = window.behind(offset).unwrap_or_default();
            if files.iter().map(|file| file.events.len()).sum::<usize>() >= PAGE_EVENTS {
                return Ok(Supply::Files { files: page(files), more: true, dry: None });
            }
            let now = self.client.now();
            let fresh = |ours: Timestamp| Duration::try_from(now.duration_since(ours)).is_ok_and(|age| age < DRY_FOR);
            if let Some((theirs, _)) = window.dry.filter(|(_, ours)| fresh(*ours)) {
                object.into_iter().for_each(|object| self.heard(object));
                return Ok(Supply::Files { files, more: false, dry: Some(theirs) });
            }
            let tip = window.tip().unwrap_or(offset).to_owned();
            let named = self.client.call("journal", priority, Call::get(path(&format!("batch/{tip}/next/{FILES}"))).accept(&[404])).await?;
            if named.status == 404 {
                return Ok(Supply::Expired);
            }
            let entries = if named.body.is_empty() { Vec::new() } else { named.json::<Entries>()?.results };
            if entries.is_empty() {
                window.dry = Some((self.their_time(&named), self.client.now()));
                continue;
            }
            for entry in entries {
                let file = self.fetch(entry).await?;
                self.tell(hub, &file);
                window.push(file);
            }
        }
    }

    fn their_time(&self, answer: &Answer) -> Timestamp {
        answer.header("date").and_then(http_date).unwrap_or_else(|| self.client.offset().theirs(self.client.now()))
    }

    /// Fetches a file. Its address is as good as a credential: it is shown nowhere, and gets none of ours.
    pub(super) async fn fetch(&self, entry: Entry) -> Result<File, VendorError> {
        let broken = |reason: String| {
            VendorError::new(Class::Retry, "journal_file", format!("a file of the journal {reason}"), "nothing to do: it is fetched again")
        };
        let url = Url::parse(&entry.url).map_err(|_| broken("has no usable address".to_owned()))?;
        let is_here = matches!(url.host(), Some(url::Host::Ipv4(address)) if address.is_loopback());
        if url.scheme() != "https" && !is_here && url.origin() != self.client.settings().base_url.origin() {
            return Err(broken("would come over an unsafe connection".to_owned()));
        }
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = http::Uri::try_from(url.as_str()).map_err(|_| broken("has no usable address".to_owned()))?;
        let response = self.wire.send(request, SPEC.timeout).await.map_err(|error| wire_error(&error))?;
        let answer = answer(response);
        if answer.status != 200 {
            return Err(broken(format!("was answered with {}", answer.status)));
        }
        let content: Content = serde_json::from_slice(&answer.body).map_err(|error| broken(format!("is not readable: {error}")))?;
        let published = content.published_at.as_deref().and_then(instant);
        Ok(File { offset: entry.offset, published, events: Arc::new(content.journal_events) })
    }

    /// Notes which objects a file tells of.
    fn tell(&self, hub: &HubSpot, file: &File) {
        let types =
            file.events.iter().flat_map(|event| ["objectTypeId", "fromObjectTypeId", "toObjectTypeId"].map(|name| id_text(&event[name])));
        // Of lists, the kind of row may stand nowhere but with the list.
        let lists = file.events.iter().filter_map(|event| hub.lists.members_of(&id_text(&event["listId"])?));
        let mut news = self.news();
        for object in types.flatten().chain(lists).flat_map(|ty| objects_of(&ty, &hub.customs)) {
            if engagement(&object, "0").is_some() {
                news.insert(ENGAGEMENTS.to_owned());
            }
            news.insert(object);
        }
    }

    /// Forgets that an object has something, because its poll has read it.
    fn heard(&self, object: &str) {
        let mut news = self.news();
        news.remove(object);
        if engagement(object, "0").is_some() {
            news.remove(ENGAGEMENTS);
        }
    }
}

/// As many files as make up a page, at least one.
fn page(files: Vec<File>) -> Vec<File> {
    let mut events = 0;
    let fits = |file: &File| {
        let first = events == 0;
        events += file.events.len();
        first || events <= PAGE_EVENTS
    };
    let mut fits = fits;
    files.into_iter().take_while(|file| fits(file)).collect()
}

impl HubSpot {
    /// Waits until the journal may have something. A look goes on by itself when nobody waits any longer.
    pub(in crate::vendors::hubspot) async fn stir_journal(&self, journal: &Journal) {
        let due = {
            let mut look_at = journal.look_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let now = self.client.now();
            let due = look_at.is_none_or(|at| now >= at);
            if due {
                *look_at = now.checked_add(LOOK_EVERY).ok();
            }
            due
        };
        if due
            && !journal.looking.swap(true, Ordering::AcqRel)
            && let Some(this) = self.me.upgrade()
        {
            tokio::spawn(async move {
                if let Some(journal) = &this.journal {
                    journal.look(&this).await;
                    journal.looking.store(false, Ordering::Release);
                }
            });
        }
        journal.bell.notified().await;
    }
}

impl Journal {
    /// Looks whether a journal in which nothing ever stood has its first file. Whatever it tells of, everything that it was asked to tell of is
    /// read, because a read begins behind it.
    async fn look_for_the_first(&self) {
        let objects: Vec<String> = self.subscribed.lock().await.keys().cloned().collect();
        if objects.is_empty() {
            return;
        }
        match self.latest(Priority::Update).await {
            Ok(Some(offset)) => {
                self.window.lock().await.begin(&offset);
                self.news().extend(objects);
                self.bell.notify_one();
            }
            Ok(None) => {}
            // The next poll says so, where somebody hears it.
            Err(error) => tracing::debug!(%error, "the journal could not be looked at"),
        }
    }

    /// Looks whether there is something behind what is held.
    async fn look(&self, hub: &HubSpot) {
        let tip = self.window.lock().await.tip().map(str::to_owned);
        let Some(tip) = tip else { return self.look_for_the_first().await };
        match self.behind(hub, &tip, None, Priority::Update).await {
            Ok(Supply::Files { files, .. }) if !files.is_empty() => self.bell.notify_one(),
            Ok(_) => {}
            // The next poll says so, where somebody hears it.
            Err(error) => tracing::debug!(%error, "the journal could not be looked at"),
        }
    }
}
