//! Where a poll of Salesforce stands.
//!
//! A poll goes through `(SystemModstamp, Id)` in order. Within one poll the server's own locator is the cheapest way on; when it has
//! died (two days, or another user), the last row's stamp and id are as good. A finished poll stands at the server's time when it
//! began: whatever was committed until then has been seen, and what commits later with an earlier stamp falls into the overlap.

use std::time::Duration;

use entente_model::clock::Timestamp;
use ring::digest;
use serde::{Deserialize, Serialize};

use super::bulk::BulkRead;
use super::soql;
use super::wire::QueryKind;
use crate::error::VendorError;
use crate::look;

/// Bytes of the digest that tells whether a locator belongs to the query we want.
const DIGEST_BYTES: usize = 8;

/// What kind of read is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// The first read of all rows that are there.
    First,
    /// A poll for changes, deletions included.
    Poll,
    /// Between polls.
    Rest,
}

/// A position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// What is under way.
    pub phase: Phase,
    /// Stamp of the last row seen; between polls, the instant up to which everything was seen.
    pub stamp: Option<Timestamp>,
    /// Id of the last row seen, while a read is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The server's own way on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locator: Option<String>,
    /// Digest of the fields the locator reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<String>,
    /// The server's time when this read began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Timestamp>,
    /// No poll goes back behind this, overlap or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Timestamp>,
    /// The bulk job that reads the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bulk: Option<BulkRead>,
    /// Latest stamp that the job's rows showed; they come in no order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Timestamp>,
    /// Replay id up to which the stream of changes was kept, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
    /// Replay id that this poll takes over from, when it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<String>,
}

impl Position {
    /// The beginning of a first read.
    pub fn start() -> Self {
        Self {
            phase: Phase::First,
            stamp: None,
            id: None,
            locator: None,
            fields: None,
            begun: None,
            floor: None,
            bulk: None,
            seen: None,
            replay: None,
            anchor: None,
        }
    }

    /// At rest at an instant of the server's clock, behind which no poll will go.
    pub fn at(now: Timestamp) -> Self {
        Self { phase: Phase::Rest, stamp: Some(now), floor: Some(now), ..Self::start() }
    }

    /// Reads a stored cursor.
    ///
    /// # Errors
    /// `cursor` when the text is not one of ours.
    pub fn from_text(text: &str) -> Result<Self, VendorError> {
        look::position(text)
    }

    /// The text to store.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Begins a poll if none is under way.
    pub fn set_out(mut self) -> Self {
        if self.phase == Phase::Rest {
            self.phase = Phase::Poll;
            self.id = None;
            self.locator = None;
            self.begun = None;
            self.bulk = None;
            self.seen = None;
        }
        self
    }

    /// Whether what is read shows deleted rows: a first read has no use for them.
    pub fn kind(&self) -> QueryKind {
        if self.phase == Phase::First { QueryKind::Live } else { QueryKind::All }
    }

    /// The condition that selects what is still to read.
    pub fn condition(&self, overlap: Duration) -> Option<String> {
        let stamp = self.stamp?;
        let literal = soql::instant(stamp);
        if let Some(id) = &self.id {
            return Some(format!("((SystemModstamp = {literal} AND Id > {}) OR SystemModstamp > {literal})", soql::literal(id)));
        }
        let from = stamp.checked_sub(overlap).unwrap_or(stamp);
        let from = self.floor.map_or(from, |floor| from.max(floor));
        Some(format!("SystemModstamp >= {}", soql::instant(from)))
    }

    /// Where things stand once the last page is read.
    pub fn rest(&self) -> Self {
        let replay = self.anchor.clone().or_else(|| self.replay.clone());
        Self { phase: Phase::Rest, stamp: self.begun.or(self.stamp), floor: self.floor, replay, ..Self::start() }
    }
}

/// Digest of a select list.
pub(crate) fn digest_of(select: &str) -> String {
    let digest = digest::digest(&digest::SHA256, select.as_bytes());
    digest.as_ref().iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    const TEN_MINUTES: Duration = Duration::from_secs(600);

    fn at(text: &str) -> Timestamp {
        text.parse().expect("timestamp")
    }

    #[test]
    fn a_poll_goes_back_by_the_overlap_but_never_behind_the_present_it_was_told() {
        let present = Position::at(at("2026-01-01T12:00:00Z")).set_out();
        assert_eq!(present.condition(TEN_MINUTES).as_deref(), Some("SystemModstamp >= 2026-01-01T12:00:00.000Z"));
        let later = Position { begun: Some(at("2026-01-01T13:00:00Z")), ..present }.rest().set_out();
        assert_eq!(later.condition(TEN_MINUTES).as_deref(), Some("SystemModstamp >= 2026-01-01T12:50:00.000Z"));
    }

    #[test]
    fn a_read_that_was_cut_off_goes_on_behind_its_last_row() {
        let midway = Position {
            stamp: Some(at("2026-01-01T12:00:00Z")),
            id: Some("003R0000005hDFYIA2".to_owned()),
            locator: Some("/services/data/v62.0/query/0r8-2000".to_owned()),
            ..Position::start()
        };
        let restored = Position::from_text(&midway.to_text()).expect("cursor").set_out();
        assert_eq!(restored, midway);
        assert_eq!(
            restored.condition(TEN_MINUTES).as_deref(),
            Some(
                "((SystemModstamp = 2026-01-01T12:00:00.000Z AND Id > '003R0000005hDFYIA2') OR SystemModstamp > 2026-01-01T12:00:00.000Z)"
            )
        );
    }

    #[test]
    fn a_broken_cursor_says_what_to_do() {
        let error = Position::from_text("yesterday").expect_err("refused");
        assert_eq!(error.class, Class::Configuration);
        assert!(error.advice.contains("reset"));
    }
}
