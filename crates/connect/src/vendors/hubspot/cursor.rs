//! Where a poll of HubSpot stands.
//!
//! - A first read goes through the list, in order of id; where it may lean on the index, and there are many rows, through search.
//! - A poll searches for what changed since the last one began, in order of id as well, and goes on behind the last id it saw: ids
//!   do not change, so that rows that change meanwhile move nothing, equal stamps do no harm, and search's ceiling of ten thousand
//!   results is never met.
//! - Archived records leave search without a trace. They are swept up from the list of archived ones after a poll; the more pages
//!   that list has, the rarer.

use std::time::Duration;

use entente_model::clock::Timestamp;
use serde::{Deserialize, Serialize};

use super::journal::SETTLE;
use crate::error::VendorError;
use crate::look;

/// Time between two sweeps for each page that the last one took.
const SWEEP_EVERY: Duration = Duration::from_secs(300);
/// Longest time between two sweeps.
const SWEEP_AT_LEAST: Duration = Duration::from_secs(6 * 3_600);

/// What kind of read is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// The first read of all rows that are there.
    First,
    /// The same by search, of many rows.
    Index,
    /// A search for changes.
    Poll,
    /// A look through the archived rows.
    Sweep,
    /// Between polls.
    Rest,
}

/// A position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// What is under way.
    pub phase: Phase,
    /// Where the list goes on, or the id of the last row seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The instant up to which everything was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The server's time when this read began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Timestamp>,
    /// No poll goes back behind this, overlap or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Timestamp>,
    /// When the last whole sweep began: what was archived before is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swept: Option<Timestamp>,
    /// When the next sweep is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep_at: Option<Timestamp>,
    /// Offset in the journal behind which its next file stands, where the connection reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<String>,
    /// Offset that the read under way takes over when it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<String>,
    /// When search has caught up with what happened before the offset was taken over, and is asked once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle: Option<Timestamp>,
    /// Rows that are left of a first read by search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<u64>,
    /// Pages of the sweep under way.
    #[serde(default)]
    pub pages: u32,
}

impl Position {
    /// The beginning of a first read.
    pub fn start() -> Self {
        Self {
            phase: Phase::First,
            after: None,
            since: None,
            begun: None,
            floor: None,
            swept: None,
            sweep_at: None,
            journal: None,
            anchor: None,
            settle: None,
            left: None,
            pages: 0,
        }
    }

    /// At rest at an instant of the server's clock, behind which no poll will go.
    pub fn at(now: Timestamp) -> Self {
        Self { phase: Phase::Rest, since: Some(now), floor: Some(now), swept: Some(now), ..Self::start() }
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

    /// Begins a poll if nothing is under way.
    pub fn set_out(mut self) -> Self {
        if self.phase == Phase::Rest {
            (self.phase, self.after, self.begun) = (Phase::Poll, None, None);
        }
        self
    }

    /// The first stamp that a poll asks for.
    pub fn from(&self, overlap: Duration) -> Option<Timestamp> {
        let since = self.since?;
        let from = since.checked_sub(overlap).unwrap_or(since);
        Some(self.floor.map_or(from, |floor| from.max(floor)))
    }

    /// Whether a read has not begun yet.
    pub fn is_fresh(&self) -> bool {
        matches!(self.phase, Phase::First | Phase::Index | Phase::Poll) && self.after.is_none() && self.begun.is_none()
    }

    /// What follows once the last page of a read is there.
    pub fn finished(self) -> Self {
        let begun = self.begun.or(self.since);
        let mut next = self.turned(begun);
        if next.phase == Phase::Rest
            && let Some(anchor) = next.anchor.take()
        {
            next.journal = Some(anchor);
            next.settle = begun.and_then(|begun| begun.checked_add(SETTLE).ok());
        }
        next
    }

    fn turned(self, begun: Option<Timestamp>) -> Self {
        match self.phase {
            Phase::First | Phase::Index => {
                Self { phase: Phase::Rest, after: None, left: None, since: begun, begun: None, swept: begun, ..self }
            }
            Phase::Poll if self.sweep_at.is_none_or(|due| begun.is_some_and(|begun| begun >= due)) => {
                Self { phase: Phase::Sweep, after: None, pages: 0, ..self }
            }
            Phase::Sweep => {
                let pause = SWEEP_EVERY.saturating_mul(self.pages).min(SWEEP_AT_LEAST);
                let due = begun.and_then(|begun| begun.checked_add(pause).ok());
                Self { phase: Phase::Rest, after: None, since: begun, begun: None, swept: begun, sweep_at: due, ..self }
            }
            Phase::Poll | Phase::Rest => Self { phase: Phase::Rest, after: None, since: begun, begun: None, ..self },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    const OVERLAP: Duration = Duration::from_secs(300);

    fn at(text: &str) -> Timestamp {
        text.parse().expect("timestamp")
    }

    #[test]
    fn a_poll_goes_back_by_the_overlap_but_never_behind_the_present_it_was_told() {
        let present = Position::at(at("2026-01-01T12:00:00Z")).set_out();
        assert_eq!(present.from(OVERLAP), Some(at("2026-01-01T12:00:00Z")));
        let later = Position { begun: Some(at("2026-01-01T13:00:00Z")), ..present }.finished().finished().set_out();
        assert_eq!((later.phase, later.from(OVERLAP)), (Phase::Poll, Some(at("2026-01-01T12:55:00Z"))));
    }

    #[test]
    fn sweeps_are_rarer_the_longer_they_take() {
        let poll = Position { begun: Some(at("2026-01-01T13:00:00Z")), ..Position::at(at("2026-01-01T12:00:00Z")).set_out() };
        let sweep = Position { pages: 4, ..poll.finished() };
        assert_eq!(sweep.phase, Phase::Sweep);
        let rest = sweep.finished();
        assert_eq!((rest.phase, rest.sweep_at), (Phase::Rest, Some(at("2026-01-01T13:20:00Z"))));
        let soon = Position { begun: Some(at("2026-01-01T13:15:00Z")), ..rest.clone().set_out() }.finished();
        assert_eq!(soon.phase, Phase::Rest);
        let due = Position { begun: Some(at("2026-01-01T13:30:00Z")), ..rest.set_out() }.finished();
        assert_eq!(due.phase, Phase::Sweep);
    }

    #[test]
    fn a_broken_cursor_says_what_to_do() {
        let error = Position::from_text("yesterday").expect_err("refused");
        assert!(error.class == Class::Configuration && error.advice.contains("reset"));
        let midway = Position { after: Some("12".to_owned()), ..Position::start() };
        assert_eq!(Position::from_text(&midway.to_text()).expect("cursor"), midway);
    }
}
