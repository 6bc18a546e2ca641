//! Where a poll of Freshdesk stands.
//!
//! - Tickets are walked in order of their stamps: every page asks for what changed since the last row of the page before, so that the
//!   wall behind page 300 is never met and rows that change meanwhile move nothing. Only rows of one second are paged by number.
//! - Contacts and companies know no order but that of their names. Their pages go by number; when something changed while several
//!   pages were read, the walk is made again, because a row that vanishes or is renamed pulls all later ones forward.
//! - Deleted contacts and tickets, and spam, are in lists of their own, which are read after every poll.

use std::collections::BTreeSet;
use std::time::Duration;

use entente_model::clock::Timestamp;
use serde::{Deserialize, Serialize};

use super::kind::Kind;
use super::wire::NextPage;
use crate::error::VendorError;
use crate::look;

/// Walks of one read at most: an account in which names change all the time must come to an end, too.
const WALKS_MAX: u32 = 3;

/// What is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Rows that are there.
    Rows,
    /// Deleted rows.
    Deleted,
    /// Tickets marked as spam.
    Spam,
    /// Nothing: between polls.
    Rest,
}

/// A position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// What is under way.
    pub phase: Phase,
    /// The first stamp that is asked for; none for everything there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Where a walk through tickets has come to: it goes on with this stamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Tickets of that stamp that were seen.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub seen: BTreeSet<String>,
    /// Page, from 1, and rows of a page where the vendor named them.
    pub page: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u32>,
    /// The vendor's time when this read began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Timestamp>,
    /// No poll goes back behind this, overlap or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Timestamp>,
    /// The vendor's time when this walk began, if it is not the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub walk_begun: Option<Timestamp>,
    /// Walks made through the rows of this read.
    #[serde(default)]
    pub walks: u32,
}

impl Position {
    /// The beginning of a first read.
    pub fn start() -> Self {
        Self {
            phase: Phase::Rows,
            since: None,
            at: None,
            seen: BTreeSet::new(),
            page: 1,
            size: None,
            begun: None,
            floor: None,
            walk_begun: None,
            walks: 0,
        }
    }

    /// At rest at an instant of the vendor's clock, behind which no poll will go.
    pub fn at(now: Timestamp) -> Self {
        Self { phase: Phase::Rest, begun: Some(now), floor: Some(now), ..Self::start() }
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

    /// Begins a poll if nothing is under way. `now` is the vendor's.
    pub fn set_out(self, now: Timestamp, overlap: Duration) -> Self {
        match self.phase {
            Phase::Rest => {
                let from = self.begun.map(|begun| begun.checked_sub(overlap).unwrap_or(begun));
                let from = from.map(|from| self.floor.map_or(from, |floor| from.max(floor)));
                Self { since: from, begun: Some(now), floor: self.floor, ..Self::start() }
            }
            _ => Self { begun: self.begun.or(Some(now)), ..self },
        }
    }

    /// On to a next page by number.
    pub fn turn(self, next: NextPage) -> Self {
        Self { page: next.page, size: Some(next.size), ..self }
    }

    /// On to what follows once the last page of a phase is there. A first read needs no list of what was deleted before.
    pub fn finished(self, kind: Kind) -> Self {
        let phase = match (self.phase, kind) {
            _ if self.since.is_none() => Phase::Rest,
            (Phase::Rows, Kind::Contact | Kind::Ticket) => Phase::Deleted,
            (Phase::Deleted, Kind::Ticket) => Phase::Spam,
            _ => Phase::Rest,
        };
        Self { phase, at: None, seen: BTreeSet::new(), page: 1, size: None, ..self }
    }

    /// At rest once the last page is there, where nothing lists what was deleted.
    pub fn at_rest(self) -> Self {
        Self { phase: Phase::Rest, at: None, seen: BTreeSet::new(), page: 1, size: None, ..self }
    }

    /// Whether the rows may have moved under a walk that has ended, if somebody changed something meanwhile.
    pub fn may_have_missed(&self) -> bool {
        self.page > 1 && self.walks + 1 < WALKS_MAX
    }

    /// Walks through the rows once more. What changed before `now` is seen by this walk, what changes later by the next poll.
    pub fn again(self, now: Timestamp) -> Self {
        Self { page: 1, size: None, walk_begun: Some(now), walks: self.walks + 1, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    const OVERLAP: Duration = Duration::from_secs(60);

    fn at(text: &str) -> Timestamp {
        text.parse().expect("timestamp")
    }

    #[test]
    fn a_poll_goes_back_by_the_overlap_but_never_behind_the_present_it_was_told() {
        let first = Position::at(at("2026-01-01T12:00:00Z")).set_out(at("2026-01-01T13:00:00Z"), OVERLAP);
        assert_eq!(
            (first.phase, first.since, first.begun),
            (Phase::Rows, Some(at("2026-01-01T12:00:00Z")), Some(at("2026-01-01T13:00:00Z")))
        );
        let later = first.finished(Kind::Company).set_out(at("2026-01-01T14:00:00Z"), OVERLAP);
        assert_eq!(later.since, Some(at("2026-01-01T12:59:00Z")));
    }

    #[test]
    fn what_was_deleted_is_read_after_the_rows_of_a_poll_and_not_of_a_first_read() {
        let phases = |position: Position, kind| {
            let mut position = position;
            let mut phases = Vec::new();
            while position.phase != Phase::Rest {
                phases.push(position.phase);
                position = position.finished(kind);
            }
            phases
        };
        let now = at("2026-01-01T12:00:00Z");
        assert_eq!(phases(Position::start().set_out(now, OVERLAP), Kind::Ticket), [Phase::Rows]);
        let poll = Position::at(now).set_out(now, OVERLAP);
        assert_eq!(phases(poll.clone(), Kind::Ticket), [Phase::Rows, Phase::Deleted, Phase::Spam]);
        assert_eq!(phases(poll.clone(), Kind::Contact), [Phase::Rows, Phase::Deleted]);
        assert_eq!(phases(poll, Kind::Company), [Phase::Rows]);
    }

    #[test]
    fn a_broken_cursor_says_what_to_do() {
        let error = Position::from_text("yesterday").expect_err("refused");
        assert!(error.class == Class::Configuration && error.advice.contains("reset"));
        let midway = Position { seen: ["7".to_owned()].into(), ..Position::start() };
        assert_eq!(Position::from_text(&midway.to_text()).expect("cursor"), midway);
    }
}
