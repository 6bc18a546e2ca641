//! What happened to the selected objects, in the order of the commits.

use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;
use tokio::sync::watch;

use super::super::org::{WriteKind, WriteNotice};
use super::Gap;

/// Milliseconds that events are kept.
const KEPT_MS: i64 = 72 * 60 * 60 * 1000;

/// Distance of two replay ids in a row: they are not contiguous.
const STRIDE: u64 = 7;

/// A replay id's first bytes: clients must take it as it is.
const MARK: &[u8] = b"\x00\xc5";

/// One event.
#[derive(Debug, Clone)]
pub(crate) struct Logged {
    pub place: u64,
    pub object: String,
    /// As the header names it.
    pub change: &'static str,
    pub ids: Vec<String>,
    pub changed: BTreeMap<String, Value>,
    pub by: String,
    pub origin: String,
    pub at_ms: i64,
    pub transaction: String,
    pub sequence: i32,
}

/// Events of the last 72 hours.
pub(crate) struct EventLog {
    selected: Vec<String>,
    kept: VecDeque<Logged>,
    last: u64,
    /// The last event that is no longer kept.
    forgotten: u64,
    transactions: u64,
    /// Place of the newest event, for streams that wait.
    pub news: watch::Sender<u64>,
    /// Counts orders to break streams off.
    pub breaks: watch::Sender<u64>,
}

impl Default for EventLog {
    fn default() -> Self {
        Self {
            selected: Vec::new(),
            kept: VecDeque::new(),
            last: 1_000,
            forgotten: 1_000,
            transactions: 0,
            news: watch::Sender::new(0),
            breaks: watch::Sender::new(0),
        }
    }
}

/// What a replay id says.
pub(crate) enum Replay {
    /// Behind this place.
    Behind(u64),
    /// The event is no longer kept.
    Stale,
    /// It is none of ours.
    Corrupted,
}

impl EventLog {
    pub fn select(&mut self, objects: &[&str]) {
        for object in objects {
            if !self.selected.iter().any(|known| known == object) {
                self.selected.push((*object).to_owned());
            }
        }
    }

    pub fn is_selected(&self, object: &str) -> bool {
        self.selected.iter().any(|known| known == object)
    }

    /// The replay id of a place.
    pub fn replay_id(place: u64) -> Vec<u8> {
        let mut id = MARK.to_vec();
        id.extend((place * STRIDE).to_be_bytes());
        id
    }

    pub fn place_of(&self, replay_id: &[u8]) -> Replay {
        let place = replay_id.strip_prefix(MARK).and_then(|rest| <[u8; 8]>::try_from(rest).ok()).map(u64::from_be_bytes);
        match place {
            Some(id) if id.is_multiple_of(STRIDE) && id / STRIDE <= self.last => {
                if id / STRIDE < self.forgotten {
                    Replay::Stale
                } else {
                    Replay::Behind(id / STRIDE)
                }
            }
            _ => Replay::Corrupted,
        }
    }

    /// Place of the newest event, of whatever object.
    pub fn newest(&self) -> u64 {
        self.last
    }

    /// Place before the oldest event that is kept.
    pub fn earliest(&self) -> u64 {
        self.forgotten
    }

    /// Events of an object behind a place, at most so many.
    pub fn behind(&self, object: &str, place: u64, many: usize) -> Vec<Logged> {
        self.kept.iter().filter(|logged| logged.place > place && logged.object == object).take(many).cloned().collect()
    }

    /// Takes in what one transaction did. Records that it changed in the same way share an event.
    pub fn keep(&mut self, notices: &[WriteNotice], origin: &str, now: i64) {
        self.expire(now);
        let mut events: Vec<Logged> = Vec::new();
        for notice in notices.iter().filter(|notice| self.is_selected(&notice.object)) {
            let change = match notice.kind {
                WriteKind::Create => "CREATE",
                WriteKind::Update => "UPDATE",
                WriteKind::Delete => "DELETE",
                WriteKind::Undelete => "UNDELETE",
            };
            let changed: BTreeMap<String, Value> = notice.changed.iter().cloned().collect();
            if let Some(same) = events.last_mut().filter(|last| {
                notice.kind == WriteKind::Update && last.change == change && last.object == notice.object && last.changed == changed
            }) {
                same.ids.push(notice.id.clone());
                continue;
            }
            events.push(Logged {
                place: 0,
                object: notice.object.clone(),
                change,
                ids: vec![notice.id.clone()],
                changed,
                by: notice.by.clone(),
                origin: origin.to_owned(),
                at_ms: notice.at_ms,
                transaction: String::new(),
                sequence: 0,
            });
        }
        self.publish(events);
    }

    /// An event that does not say what happened.
    pub fn gap(&mut self, object: &str, id: &str, gap: Gap, now: i64) {
        let (change, id) = match gap {
            Gap::Update => ("GAP_UPDATE", id.to_owned()),
            Gap::Create => ("GAP_CREATE", id.to_owned()),
            Gap::Delete => ("GAP_DELETE", id.to_owned()),
            Gap::Overflow => ("GAP_OVERFLOW", format!("{}*", id.get(..3).unwrap_or_default())),
        };
        let event = Logged {
            place: 0,
            object: object.to_owned(),
            change,
            ids: vec![id],
            changed: BTreeMap::new(),
            by: String::new(),
            origin: String::new(),
            at_ms: now,
            transaction: String::new(),
            sequence: 0,
        };
        self.publish(vec![event]);
    }

    fn publish(&mut self, events: Vec<Logged>) {
        if events.is_empty() {
            return;
        }
        self.transactions += 1;
        for (mut event, sequence) in events.into_iter().zip(1..) {
            self.last += 1;
            event.place = self.last;
            event.sequence = sequence;
            event.transaction = format!("0000{:04x}-0000-0000-0000-00000000000{}", self.transactions % 65_536, sequence % 10);
            self.kept.push_back(event);
        }
        self.news.send_replace(self.last);
    }

    fn expire(&mut self, now: i64) {
        while let Some(oldest) = self.kept.front().filter(|oldest| now - oldest.at_ms > KEPT_MS) {
            self.forgotten = oldest.place;
            self.kept.pop_front();
        }
    }

    /// Forgets everything, as if 72 hours had passed.
    pub fn forget(&mut self) {
        self.kept.clear();
        // Something else happened since, of which nobody here was told.
        self.last += 1;
        self.forgotten = self.last;
    }

    pub fn break_streams(&self) {
        self.breaks.send_modify(|count| *count += 1);
    }
}
