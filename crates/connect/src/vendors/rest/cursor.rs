//! Where a poll of a described platform stands.
//!
//! A first read goes through every list of the object; a poll through what changed since the last one began, or through the lists again
//! where the platform cannot tell. From time to time a sweep looks for what is gone, and goes through the further lists.

use std::time::Duration;

use entente_model::clock::Timestamp;
use serde::{Deserialize, Serialize};

use super::ask::Place;
use super::description::object::ObjectPart;
use crate::error::VendorError;
use crate::look;

/// Time between two sweeps where the description has further lists and says nothing else.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

/// What is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// Every row.
    All,
    /// What changed.
    Changes,
    /// A further list, by number.
    Also(usize),
    /// What is gone.
    Removed,
    /// Nothing: between polls.
    Rest,
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
    /// The platform's time when this read began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Timestamp>,
    /// No poll goes back behind this, overlap or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Timestamp>,
    /// When the last sweep began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swept: Option<Timestamp>,
    /// Whether a sweep is part of this read.
    #[serde(default)]
    pub sweeping: bool,
}

impl Position {
    /// The beginning of a first read.
    pub fn start() -> Self {
        Self { step: Step::All, place: Place::default(), since: None, begun: None, floor: None, swept: None, sweeping: false }
    }

    /// At rest at an instant of the platform's clock, behind which no poll will go.
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

    /// Begins a poll if nothing is under way. `now` is the platform's, as far as it is known.
    pub fn set_out(self, now: Timestamp, part: &ObjectPart) -> Self {
        if self.step != Step::Rest {
            return self;
        }
        let overlap = part.changes.as_ref().map_or(Duration::ZERO, |changes| Duration::from_secs(changes.overlap_seconds));
        let from = self.begun.map(|begun| begun.checked_sub(overlap).unwrap_or(begun));
        let since = from.map(|from| self.floor.map_or(from, |floor| from.max(floor)));
        let every = part.removed.as_ref().map_or(SWEEP_EVERY, |removed| Duration::from_secs(removed.every_seconds));
        let due = self.swept.and_then(|swept| swept.checked_add(every).ok()).is_none_or(|due| now >= due);
        let step = if part.changes.is_some() && since.is_some() { Step::Changes } else { Step::All };
        Self { step, place: Place::default(), since, begun: None, sweeping: due, ..self }
    }

    /// On to what follows once the last page of a step is there.
    pub fn finished(self, part: &ObjectPart) -> Self {
        let first = self.since.is_none();
        let further = if first || self.sweeping || part.changes.is_none() { part.also.len() } else { 0 };
        let behind_lists = || if part.removed.is_some() && self.sweeping && !first { Step::Removed } else { Step::Rest };
        let step = match self.step {
            Step::All | Step::Changes if further > 0 => Step::Also(0),
            Step::Also(n) if n + 1 < further => Step::Also(n + 1),
            Step::All | Step::Changes | Step::Also(_) => behind_lists(),
            Step::Removed | Step::Rest => Step::Rest,
        };
        let swept = if step == Step::Rest && (first || self.sweeping) { self.begun } else { self.swept };
        Self { step, place: Place::default(), swept, ..self }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("timestamp")
    }

    fn part(change: impl FnOnce(&mut serde_json::Value)) -> ObjectPart {
        let list = json!({"path": "/x", "paging": {"none": true}});
        let mut described = json!({"list": list, "also": [list], "get": {"path": "/x/{id}"}, "row": {"id": "id", "changed_at": "at"}, "fields": {},
            "changes": {"call": {"path": "/x", "query": {"since": "{since}"}}}, "removed": {"call": list}});
        change(&mut described);
        serde_json::from_value(described).expect("description")
    }

    fn walk(mut position: Position, part: &ObjectPart) -> Vec<Step> {
        let mut steps = Vec::new();
        while position.step != Step::Rest {
            steps.push(position.step);
            position = position.finished(part);
        }
        steps
    }

    #[test]
    fn a_first_read_goes_through_every_list_and_a_poll_through_what_changed() {
        let part = part(|_| {});
        assert_eq!(walk(Position::start(), &part), [Step::All, Step::Also(0)]);
        let rest = Position::at(at("2026-01-01T12:00:00Z"));
        assert_eq!(walk(rest.clone().set_out(at("2026-01-01T12:10:00Z"), &part), &part), [Step::Changes]);
        let sweep = rest.set_out(at("2026-01-01T13:00:00Z"), &part);
        assert_eq!(walk(sweep, &part), [Step::Changes, Step::Also(0), Step::Removed]);
    }

    #[test]
    fn without_changes_every_poll_reads_every_row() {
        let part = part(|described| drop(described.as_object_mut().map(|all| (all.remove("changes"), all.remove("removed")))));
        let poll = Position::at(at("2026-01-01T12:00:00Z")).set_out(at("2026-01-01T12:10:00Z"), &part);
        assert_eq!(walk(poll, &part), [Step::All, Step::Also(0)]);
    }

    #[test]
    fn a_poll_goes_back_by_the_overlap_but_never_behind_the_present_it_was_told() {
        let part = part(|_| {});
        let first = Position::at(at("2026-01-01T12:00:00Z")).set_out(at("2026-01-01T12:10:00Z"), &part);
        assert_eq!(first.since, Some(at("2026-01-01T12:00:00Z")));
        let mut done = first.finished(&part);
        done.begun = Some(at("2026-01-01T12:10:00Z"));
        assert_eq!(done.set_out(at("2026-01-01T12:20:00Z"), &part).since, Some(at("2026-01-01T12:08:00Z")));
        assert!(Position::from_text("yesterday").expect_err("refused").advice.contains("reset"));
    }
}
