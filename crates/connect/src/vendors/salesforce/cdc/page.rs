//! Polls that read what the stream brought.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::Row;
use serde_json::Value;

use super::super::cursor::{Phase, Position};
use super::super::describe::Described;
use super::super::dialect::CLIENT_NAME;
use super::super::map::{Seeing, parse_instant};
use super::super::{Salesforce, ids};
use super::avro;
use super::change::{Change, Kind, change};
use super::channel::{PubSub, StreamKey};
use super::stream::{End, Got, Stream, Supply};
use crate::connector::Priority;
use crate::error::VendorError;
use crate::look::{Existence, Look, Page, ReadSpec};

/// Events of one page.
const PAGE_EVENTS: usize = 200;

/// Time that a stream which was just opened has for its first word before a poll does without.
const FIRST_WORD: Duration = Duration::from_secs(1);

/// How late a change may be told that was committed before the stream said it had nothing more.
const LAG: Duration = Duration::from_secs(5 * 60);

/// Time until an object that the org does not tell of is asked for again.
const REFUSED_FOR: Duration = Duration::from_secs(60 * 60);

/// What a stream gave: events, whether there are more, and where it stands with the time of that, if it says so.
type Told = (Vec<Got>, bool, Option<(Vec<u8>, Timestamp)>);

impl PubSub {
    fn streams(&self) -> MutexGuard<'_, BTreeMap<StreamKey, Arc<Stream>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self) -> MutexGuard<'_, BTreeMap<String, Timestamp>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Objects whose streams have something for the next poll.
    pub(in crate::vendors::salesforce) fn stirred(&self) -> Vec<String> {
        let streams = self.streams();
        let readers: BTreeSet<&String> = streams.iter().filter(|(_, stream)| stream.has_news()).map(|((reader, _), _)| reader).collect();
        readers.into_iter().cloned().collect()
    }

    /// Waits until a stream has brought something.
    pub(in crate::vendors::salesforce) async fn stir(&self) {
        self.bell.notified().await;
    }
}

impl Salesforce {
    /// The stream of an object, opened behind a replay id if there is none.
    fn stream(&self, pubsub: &PubSub, key: &StreamKey, from: Option<&[u8]>) -> Arc<Stream> {
        let open = || Stream::open(pubsub, self.me.clone(), &key.1, from.map(<[u8]>::to_vec));
        Arc::clone(pubsub.streams().entry(key.clone()).or_insert_with(open))
    }

    /// What the stream has for a poll that stands at `position`; `None` when it is to be made in the ordinary way.
    pub(in crate::vendors::salesforce) async fn streamed_page(
        &self,
        pubsub: &PubSub,
        read: &ReadSpec,
        reader: &str,
        described: &Described,
        position: &mut Position,
        priority: Priority,
    ) -> Result<Option<Page>, VendorError> {
        let object = read.object.as_str();
        let key = (reader.to_owned(), object.to_owned());
        if pubsub.refused().get(object).is_some_and(|until| self.client.now() < *until) {
            return Ok(None);
        }
        if let Some(replay) = position.replay.as_deref().and_then(|text| STANDARD.decode(text).ok()) {
            let mut stream = self.stream(pubsub, &key, Some(&replay));
            stream.await_word(self, FIRST_WORD).await;
            let mut supply = stream.behind(&replay, PAGE_EVENTS);
            if matches!(supply, Supply::Elsewhere) {
                pubsub.streams().remove(&key);
                stream = self.stream(pubsub, &key, Some(&replay));
                stream.await_word(self, FIRST_WORD).await;
                supply = stream.behind(&replay, PAGE_EVENTS);
            }
            match supply {
                Supply::Events { events, more, tip } => {
                    return self.page_of(pubsub, read, described, position, (events, more, tip), priority).await.map(Some);
                }
                // Polls see to changes until it can be heard again; what it brings then is known by its values.
                Supply::Down | Supply::Elsewhere => return Ok(None),
                Supply::Ended(End::Expired) => {
                    tracing::warn!(object, "the stream of changes has lost our place; a poll fills the gap");
                    pubsub.streams().remove(&key);
                    position.replay = None;
                }
                Supply::Ended(End::Refused(error)) => {
                    position.replay = None;
                    return self.without(pubsub, &key, error);
                }
            }
        }
        let stream = self.stream(pubsub, &key, None);
        stream.await_word(self, FIRST_WORD).await;
        if let Supply::Ended(end) = stream.behind(&[], 0) {
            match end {
                End::Refused(error) => return self.without(pubsub, &key, error),
                End::Expired => drop(pubsub.streams().remove(&key)),
            }
            return Ok(None);
        }
        // The poll that begins now reads everything up to there.
        position.anchor = stream.anchor().map(|tip| STANDARD.encode(tip));
        Ok(None)
    }

    /// An object that the org does not tell of is polled, unless the connection insists on being told.
    fn without(&self, pubsub: &PubSub, key: &StreamKey, error: VendorError) -> Result<Option<Page>, VendorError> {
        let object = key.1.as_str();
        pubsub.streams().remove(key);
        if pubsub.required {
            return Err(error);
        }
        tracing::info!(object, %error, "the org does not tell of changes; they are polled");
        let until = self.client.now().checked_add(REFUSED_FOR).unwrap_or(Timestamp::MAX);
        pubsub.refused().insert(object.to_owned(), until);
        Ok(None)
    }

    async fn page_of(
        &self,
        pubsub: &PubSub,
        read: &ReadSpec,
        described: &Described,
        position: &mut Position,
        (events, more, tip): Told,
        priority: Priority,
    ) -> Result<Page, VendorError> {
        let mut shown = Vec::new();
        let mut fetched = BTreeSet::new();
        let mut told = Vec::with_capacity(events.len());
        for got in &events {
            let schema = self.event_schema(pubsub, &got.schema).await?;
            let read = avro::read(&schema, &got.payload).map(|fields| change(&fields, described));
            let readable = read.is_ok();
            told.push((got, read));
            if !readable {
                break;
            }
        }
        // Together for the page, not one by one.
        let users = told.iter().filter_map(|(_, read)| read.as_ref().ok()?.as_ref()?.user.clone());
        let strangers = self.strangers(users);
        self.meet(strangers, priority).await;
        for (got, change) in told {
            let change = match change {
                Ok(change) => change,
                Err(error) => {
                    tracing::warn!(object = %read.object, %error, "an event is not readable; a poll reads what it told of");
                    return self.instead(read, position, (shown, fetched), &got.replay, None, priority).await;
                }
            };
            let Some(change) = change else { continue };
            if change.kind == Kind::Overflow {
                return self.instead(read, position, (shown, fetched), &got.replay, change.committed, priority).await;
            }
            position.stamp = position.stamp.max(change.committed);
            self.sort(read, described, &change, &mut shown, &mut fetched, priority).await?;
        }
        let looks = self.looks_of(read, shown, fetched, priority).await?;
        if let Some(last) = events.last() {
            position.replay = Some(STANDARD.encode(&last.replay));
        }
        if let Some((tip, at)) = tip.filter(|_| !more) {
            position.replay = Some(STANDARD.encode(tip));
            position.stamp = position.stamp.max(at.checked_sub(LAG).ok());
        }
        Ok(Page { looks, next: position.to_text(), more, total: None })
    }

    /// A page after which an ordinary poll reads everything since an instant, because an event does not say what happened.
    async fn instead(
        &self,
        read: &ReadSpec,
        position: &mut Position,
        (shown, fetched): (Vec<Look>, BTreeSet<String>),
        replay: &[u8],
        since: Option<Timestamp>,
        priority: Priority,
    ) -> Result<Page, VendorError> {
        let looks = self.looks_of(read, shown, fetched, priority).await?;
        position.replay = Some(STANDARD.encode(replay));
        position.stamp = match (position.stamp, since) {
            (Some(stamp), Some(since)) => Some(stamp.min(since)),
            (stamp, since) => since.or(stamp),
        };
        position.phase = Phase::Poll;
        Ok(Page { looks, next: position.to_text(), more: true, total: None })
    }

    /// Turns a change into looks, or into ids to fetch.
    async fn sort(
        &self,
        read: &ReadSpec,
        described: &Described,
        change: &Change,
        shown: &mut Vec<Look>,
        fetched: &mut BTreeSet<String>,
        priority: Priority,
    ) -> Result<(), VendorError> {
        let ids = change.ids.iter().map(|id| ids::to_18(id));
        match change.kind {
            // Whether it was merged, only the row itself tells.
            Kind::Delete if described.merges => fetched.extend(ids),
            Kind::Delete => {
                self.seeing(&read.object, described, priority, |seeing| {
                    let gone = |id: String| Look { mark: mark(seeing, change), seen_at: shown_at(seeing, change), ..seeing.gone(&id) };
                    shown.extend(ids.map(gone));
                })
                .await?;
            }
            Kind::Create | Kind::Update if change.told && shows_enough(read, described, change) => {
                self.seeing(&read.object, described, priority, |seeing| {
                    shown.extend(ids.filter_map(|id| look(seeing, read, change, id)));
                })
                .await?;
            }
            _ => fetched.extend(ids),
        }
        Ok(())
    }

    /// The looks of a page: what events showed, and the rows that had to be fetched.
    async fn looks_of(
        &self,
        read: &ReadSpec,
        mut shown: Vec<Look>,
        fetched: BTreeSet<String>,
        priority: Priority,
    ) -> Result<Vec<Look>, VendorError> {
        if fetched.is_empty() {
            return Ok(shown);
        }
        let wanted: Vec<String> = fetched.iter().cloned().collect();
        let rows = self.fetch_rows(read, &wanted, priority).await?;
        shown.retain(|look| !fetched.contains(&look.id));
        shown.extend(rows);
        Ok(shown)
    }
}

/// A value by name; names that differ in case only are the same to the vendor.
fn named<'a>(values: &'a BTreeMap<String, Value>, name: &str) -> Option<&'a Value> {
    values.get(name).or_else(|| values.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// Whether an event shows all that it changed among the fields that are read. Formulas, whole names and addresses are not in events; a
/// parent's fields change with the reference; long texts may come as differences.
fn shows_enough(read: &ReadSpec, described: &Described, change: &Change) -> bool {
    let carries = |name: &str| change.carried.iter().any(|carried| carried.eq_ignore_ascii_case(name));
    let differs = |name: &str| change.differences.iter().any(|field| field.eq_ignore_ascii_case(name));
    let asked = read.fields.iter().filter(|field| !field.eq_ignore_ascii_case("Id") && !described.stands_for_the_currency(field));
    asked.into_iter().all(|field| match field.split_once('.') {
        Some((parent, _)) => described.reference(parent).is_some_and(|reference| match named(&change.values, reference) {
            None => carries(reference),
            Some(Value::Null) => change.kind == Kind::Create,
            Some(_) => false,
        }),
        None => carries(field) && !differs(field),
    })
}

/// What an event shows of one row; `None` when nothing of it is read. A creation shows the whole row.
fn look(seeing: &Seeing<'_>, read: &ReadSpec, change: &Change, id: String) -> Option<Look> {
    let complete = change.kind == Kind::Create;
    let mut row = Row::new();
    for field in &read.fields {
        match named(&change.values, field) {
            Some(value) => row.insert(field.clone(), value.clone()),
            None if field.eq_ignore_ascii_case("Id") && complete => row.insert(field.clone(), Value::from(id.as_str())),
            None if complete => row.insert(field.clone(), Value::Null),
            None => continue,
        };
    }
    (!row.is_empty()).then(|| Look {
        object: seeing.object.to_owned(),
        id,
        existence: Existence::Present,
        row,
        complete,
        version: instant(change, "SystemModstamp").or_else(|| instant(change, "LastModifiedDate")).map(|at| at.to_string()),
        mark: mark(seeing, change),
        seen_at: shown_at(seeing, change),
    })
}

fn instant(change: &Change, field: &str) -> Option<Timestamp> {
    named(&change.values, field).and_then(Value::as_str).and_then(parse_instant)
}

/// When the row was as an event shows it: when it was committed, for events are told late, and again after an interruption.
fn shown_at(seeing: &Seeing<'_>, change: &Change) -> Timestamp {
    let committed = change.committed.or_else(|| instant(change, "LastModifiedDate"));
    committed.map_or(seeing.seen_at, |at| seeing.offset.correct(at).min(seeing.seen_at))
}

/// When and by whom it was done. A change that names our program is ours, whoever the user is.
fn mark(seeing: &Seeing<'_>, change: &Change) -> ChangeMark {
    let at = instant(change, "LastModifiedDate").or(change.committed).map(|at| seeing.offset.correct(at));
    if change.is_of(CLIENT_NAME) {
        return ChangeMark { at, by: Actor::Us, who: None };
    }
    seeing.actors.mark(at, change.user.as_deref(), seeing.ours)
}
