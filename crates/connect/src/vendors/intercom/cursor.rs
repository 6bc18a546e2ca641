//! Where a poll of Intercom stands.
//!
//! - A first read walks through lists, which know no order of changes and are never behind; tickets have none, and are searched.
//! - A poll searches from the newest change backwards and ends at the first row that is older than what it looks for. What changes
//!   meanwhile moves to the front and is seen by the next poll; nothing moves under the walk. Contacts' dates are compared by calendar
//!   day in the workspace's zone, so the question goes two days further back than the answer is read.
//! - Companies can only be scrolled through as a whole: the more there are, the longer a poll waits until it does so again.
//! - Conversations that were deleted are in a list of their own (from 2.16 on).

use std::time::Duration;

use entente_model::clock::Timestamp;
use serde::{Deserialize, Serialize};

use super::kind::Kind;
use crate::error::VendorError;
use crate::look;

/// Pause between two walks through all companies for each call that one takes: they use a hundredth of a small app's calls.
const PAUSE_PER_CALL: Duration = Duration::from_secs(6);

/// What is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Contacts, companies or conversations.
    Rows,
    /// Tickets.
    Tickets,
    /// Deleted conversations.
    Deleted,
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
    /// Where the vendor says that the list or the scroll goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Page of the list of deleted conversations, from 1.
    pub page: u32,
    /// The vendor's time when this read began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Timestamp>,
    /// No poll goes back behind this, overlap or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Timestamp>,
    /// Calls that the walk through the companies has taken.
    #[serde(default)]
    pub calls: u32,
    /// When companies are walked through again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
}

impl Position {
    /// The beginning of a first read.
    pub fn start() -> Self {
        Self { phase: Phase::Rows, since: None, token: None, page: 1, begun: None, floor: None, calls: 0, due: None }
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

    /// Begins a poll if nothing is under way and one is due. `now` is the vendor's.
    pub fn set_out(self, now: Timestamp, overlap: Duration) -> Self {
        match self.phase {
            Phase::Rest if self.due.is_some_and(|due| now < due) => self,
            Phase::Rest => {
                let from = self.begun.map(|begun| begun.checked_sub(overlap).unwrap_or(begun));
                let from = from.map(|from| self.floor.map_or(from, |floor| from.max(floor)));
                Self { since: from, begun: Some(now), floor: self.floor, ..Self::start() }
            }
            _ => Self { begun: self.begun.or(Some(now)), ..self },
        }
    }

    /// On to what the vendor names.
    pub fn turn(self, token: String) -> Self {
        Self { token: Some(token), calls: self.calls + 1, ..self }
    }

    /// On to what follows once the last page of a phase is there. A first read needs no list of what was deleted before.
    pub fn finished(self, kind: Kind, tells_deleted: bool) -> Self {
        let phase = match (self.phase, kind) {
            (Phase::Rows, Kind::Conversation) => Phase::Tickets,
            (Phase::Tickets, Kind::Conversation) if tells_deleted && self.since.is_some() => Phase::Deleted,
            _ => Phase::Rest,
        };
        let pause = PAUSE_PER_CALL * (self.calls + 1);
        let due = self.begun.filter(|_| kind == Kind::Company).and_then(|begun| begun.checked_add(pause).ok());
        Self { phase, token: None, page: 1, calls: 0, due, ..self }
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
        let first = Position::at(at("2026-01-01T12:00:00Z")).set_out(at("2026-01-01T13:00:00Z"), OVERLAP);
        assert_eq!((first.phase, first.since), (Phase::Rows, Some(at("2026-01-01T12:00:00Z"))));
        let later = first.finished(Kind::Contact, true).set_out(at("2026-01-01T14:00:00Z"), OVERLAP);
        assert_eq!(later.since, Some(at("2026-01-01T12:55:00Z")));
    }

    #[test]
    fn tickets_follow_conversations_and_what_was_deleted_follows_both() {
        let phases = |mut position: Position| {
            let mut phases = Vec::new();
            while position.phase != Phase::Rest {
                phases.push(position.phase);
                position = position.finished(Kind::Conversation, true);
            }
            phases
        };
        let now = at("2026-01-01T12:00:00Z");
        assert_eq!(phases(Position::start().set_out(now, OVERLAP)), [Phase::Rows, Phase::Tickets]);
        assert_eq!(phases(Position::at(now).set_out(now, OVERLAP)), [Phase::Rows, Phase::Tickets, Phase::Deleted]);
    }

    #[test]
    fn the_more_companies_there_are_the_later_they_are_walked_through_again() {
        let begun = at("2026-01-01T12:00:00Z");
        let mut position = Position::start().set_out(begun, OVERLAP);
        for _ in 0..9 {
            position = position.turn("scroll".to_owned());
        }
        let rest = position.finished(Kind::Company, true);
        assert_eq!(rest.clone().set_out(at("2026-01-01T12:00:59Z"), OVERLAP).phase, Phase::Rest);
        assert_eq!(rest.set_out(at("2026-01-01T12:01:00Z"), OVERLAP).phase, Phase::Rows);
    }

    #[test]
    fn a_broken_cursor_says_what_to_do() {
        let error = Position::from_text("yesterday").expect_err("refused");
        assert!(error.class == Class::Configuration && error.advice.contains("reset"));
        let midway = Position::start().turn("token".to_owned());
        assert_eq!(Position::from_text(&midway.to_text()).expect("cursor"), midway);
    }
}
