//! Where a poll of Pipedrive stands.
//!
//! - A first read goes through the lists in order of id, a poll through what changed since the last one began, in order of stamp. The
//!   vendor's cursors are opaque and outlive changes.
//! - Archived deals and leads are in lists of their own; they belong to a first read and to a sweep.
//! - Deleted rows are in no list but that of deleted deals. A sweep, from time to time, looks for them among the recent changes, and
//!   fetches each before it believes it.

use std::time::Duration;

use entente_model::clock::Timestamp;
use serde::{Deserialize, Serialize};

use super::kind::Kind;
use crate::error::VendorError;
use crate::look;

/// Time between two sweeps: a webhook tells of a deletion at once, and a sweep costs as much as two polls.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

/// What is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// Rows that are there.
    Rows,
    /// Notes, where they stand among activities.
    Notes,
    /// Archived rows.
    Archived,
    /// Deleted deals.
    Deleted,
    /// Recent changes, for what is no longer there.
    Recents,
    /// Nothing: between polls.
    Rest,
}

/// A place in one list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The vendor's cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// The stamp from which a list of the older version goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Rows behind that stamp that were seen.
    #[serde(default)]
    pub start: u64,
    /// The last of them: when it has moved, so have others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
}

/// A position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// What is under way.
    pub step: Step,
    /// Where in it.
    #[serde(default)]
    pub place: Place,
    /// The first stamp that is asked for; none for everything there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The vendor's time when this read began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Timestamp>,
    /// No poll goes back behind this, overlap or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Timestamp>,
    /// When the last sweep began: what was deleted before is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swept: Option<Timestamp>,
    /// Whether a sweep follows the rows of this poll.
    #[serde(default)]
    pub sweeping: bool,
}

impl Position {
    /// The beginning of a first read.
    pub fn start() -> Self {
        Self { step: Step::Rows, place: Place::default(), since: None, begun: None, floor: None, swept: None, sweeping: false }
    }

    /// At rest at an instant of the vendor's clock, behind which no poll will go.
    pub fn at(now: Timestamp) -> Self {
        Self { step: Step::Rest, begun: Some(now), floor: Some(now), swept: Some(now), ..Self::start() }
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

    /// Begins a poll if nothing is under way. `now` is the vendor's, as far as it is known.
    pub fn set_out(self, now: Timestamp, overlap: Duration) -> Self {
        if self.step != Step::Rest {
            return self;
        }
        let from = self.begun.map(|begun| begun.checked_sub(overlap).unwrap_or(begun));
        let since = from.map(|from| self.floor.map_or(from, |floor| from.max(floor)));
        let due = self.swept.and_then(|swept| swept.checked_add(SWEEP_EVERY).ok());
        Self { step: Step::Rows, place: Place::default(), since, begun: None, sweeping: due.is_none_or(|due| now >= due), ..self }
    }

    /// Whether this is the first read of everything.
    pub fn is_first(&self) -> bool {
        self.since.is_none()
    }

    /// On to what follows once the last page of a step is there.
    pub fn finished(self, kind: Kind) -> Self {
        let steps = steps(kind, self.is_first(), self.sweeping);
        let at = steps.iter().position(|step| *step == self.step);
        let step = at.and_then(|at| steps.get(at + 1)).copied().unwrap_or(Step::Rest);
        let swept = if step == Step::Rest && (self.is_first() || self.sweeping) { self.begun } else { self.swept };
        Self { step, place: Place::default(), swept, ..self }
    }
}

/// What a read goes through.
fn steps(kind: Kind, first: bool, sweeping: bool) -> Vec<Step> {
    let mut steps = vec![Step::Rows];
    if kind == Kind::Activity {
        steps.push(Step::Notes);
    }
    if matches!(kind, Kind::Deal | Kind::Lead) && (first || sweeping) {
        steps.push(Step::Archived);
    }
    if sweeping && !first {
        match kind {
            Kind::Deal => steps.push(Step::Deleted),
            // Recent changes do not know them: webhooks and reconciliations do.
            Kind::Lead => {}
            _ => steps.push(Step::Recents),
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    const OVERLAP: Duration = Duration::from_secs(120);

    fn at(text: &str) -> Timestamp {
        text.parse().expect("timestamp")
    }

    fn walk(mut position: Position, kind: Kind) -> Vec<Step> {
        let mut steps = Vec::new();
        while position.step != Step::Rest {
            steps.push(position.step);
            position = position.finished(kind);
        }
        steps
    }

    #[test]
    fn a_poll_goes_back_by_the_overlap_but_never_behind_the_present_it_was_told() {
        let first = Position::at(at("2026-01-01T12:00:00Z")).set_out(at("2026-01-01T12:10:00Z"), OVERLAP);
        assert_eq!((first.step, first.since), (Step::Rows, Some(at("2026-01-01T12:00:00Z"))));
        let mut done = first.finished(Kind::Person);
        done.begun = Some(at("2026-01-01T12:10:00Z"));
        assert_eq!(done.set_out(at("2026-01-01T12:20:00Z"), OVERLAP).since, Some(at("2026-01-01T12:08:00Z")));
    }

    #[test]
    fn sweeps_follow_polls_once_an_hour() {
        let rest = Position::at(at("2026-01-01T12:00:00Z"));
        assert_eq!(walk(rest.clone().set_out(at("2026-01-01T12:10:00Z"), OVERLAP), Kind::Deal), [Step::Rows]);
        let late = at("2026-01-01T13:00:00Z");
        assert_eq!(walk(rest.clone().set_out(late, OVERLAP), Kind::Deal), [Step::Rows, Step::Archived, Step::Deleted]);
        assert_eq!(walk(rest.clone().set_out(late, OVERLAP), Kind::Activity), [Step::Rows, Step::Notes, Step::Recents]);
        assert_eq!(walk(rest.set_out(late, OVERLAP), Kind::Person), [Step::Rows, Step::Recents]);
    }

    #[test]
    fn a_first_read_has_what_is_archived_and_not_what_is_gone() {
        assert_eq!(walk(Position::start(), Kind::Deal), [Step::Rows, Step::Archived]);
        assert_eq!(walk(Position::start(), Kind::Activity), [Step::Rows, Step::Notes]);
        assert_eq!(walk(Position::start(), Kind::Organization), [Step::Rows]);
    }

    #[test]
    fn a_broken_cursor_says_what_to_do() {
        let error = Position::from_text("yesterday").expect_err("refused");
        assert!(error.class == Class::Configuration && error.advice.contains("reset"));
        let midway = Position { place: Place { start: 7, last: Some("5".to_owned()), ..Place::default() }, ..Position::start() };
        assert_eq!(Position::from_text(&midway.to_text()).expect("cursor"), midway);
    }
}
