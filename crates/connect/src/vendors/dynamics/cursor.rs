//! Where a poll stands: for each table of the object, a walk through all rows, then a look back at what changed meanwhile, then the
//! link of changes.

use entente_model::clock::Timestamp;
use serde::{Deserialize, Serialize};

use super::kind::Object;
use crate::error::VendorError;
use crate::look::{self, Cursor};

/// What the next page of a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// All rows, with changes tracked: the last page brings a link.
    #[default]
    Walk,
    /// What changed during the walk: the link stands at its end.
    LookBack,
    /// What changed since the link was made.
    Follow,
    /// Rows by the stamp of their change, of a table whose changes are not tracked.
    Since,
}

/// Where the poll of one table stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub(crate) struct Place {
    pub step: Step,
    /// Names of the columns that the link was made with.
    #[serde(default)]
    pub selected: Vec<String>,
    /// Path of the page to read next; nothing at the beginning of a step.
    #[serde(default)]
    pub next: Option<String>,
    /// Path of the link of changes, once there is one.
    #[serde(default)]
    pub delta: Option<String>,
    /// Versions of rows that the walk has seen of what changed shortly before it began, as ranges: the look back passes over them.
    #[serde(default)]
    pub seen: Vec<(u64, u64)>,
    /// The vendor's time when the walk began, or from which on rows by stamp are read.
    #[serde(default)]
    pub begun: Option<Timestamp>,
}

/// Where the poll of an object stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// The table whose page is next.
    pub at: usize,
    pub places: Vec<Place>,
    /// Whether all was read, and the next poll begins.
    pub resting: bool,
}

/// Ranges of versions that a place remembers: what changes in ten minutes of a busy environment. Above, rows are looked at twice.
const RANGES_MAX: usize = 4_096;

impl Place {
    /// Remembers that a row was seen in this version.
    pub fn note(&mut self, version: u64) {
        let at = self.seen.partition_point(|(_, last)| *last < version);
        let after = self.seen.get(at).map(|(first, last)| (*first, *last));
        if after.is_some_and(|(first, _)| first <= version) {
            return;
        }
        let joins_before = at.checked_sub(1).is_some_and(|before| self.seen[before].1 + 1 == version);
        let joins_after = after.is_some_and(|(first, _)| first == version + 1);
        match (joins_before, joins_after) {
            (true, true) => {
                self.seen[at - 1].1 = self.seen[at].1;
                self.seen.remove(at);
            }
            (true, false) => self.seen[at - 1].1 = version,
            (false, true) => self.seen[at].0 = version,
            (false, false) if self.seen.len() < RANGES_MAX => self.seen.insert(at, (version, version)),
            (false, false) => {}
        }
    }

    /// Whether a row was seen in this version.
    pub fn knows(&self, version: u64) -> bool {
        let at = self.seen.partition_point(|(_, last)| *last < version);
        self.seen.get(at).is_some_and(|(first, _)| *first <= version)
    }
}

impl Position {
    /// Before everything.
    pub fn start(object: Object) -> Self {
        Self { at: 0, places: vec![Place::default(); object.kinds().len()], resting: false }
    }

    /// Reads a stored cursor.
    ///
    /// # Errors
    /// `cursor` for one that is none of ours.
    pub fn from_text(object: Object, cursor: &str) -> Result<Self, VendorError> {
        let mut position: Self = look::position(cursor)?;
        // A table that was added to the object since is read from its beginning.
        position.places.resize(object.kinds().len(), Place::default());
        if position.resting || position.at >= position.places.len() {
            position.at = 0;
            position.resting = false;
        }
        Ok(position)
    }

    /// The cursor to store.
    pub fn to_text(&self) -> Cursor {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Goes on with the next table; whether there is one.
    pub fn turn(&mut self) -> bool {
        self.at += 1;
        self.resting = self.at >= self.places.len();
        !self.resting
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Class;

    #[test]
    fn versions_that_follow_each_other_are_one_range() {
        let mut place = Place::default();
        for version in [5, 9, 7, 6, 8, 20, 7] {
            place.note(version);
        }
        assert_eq!(place.seen, [(5, 9), (20, 20)]);
        assert!(place.knows(5) && place.knows(9) && place.knows(20) && !place.knows(4) && !place.knows(10) && !place.knows(21));
    }

    #[test]
    fn a_position_reads_back_and_a_resting_one_begins_again() {
        let mut position = Position::start(Object::Activities);
        assert_eq!(position.places.len(), 5);
        while position.turn() {}
        assert!(position.resting);
        let again = Position::from_text(Object::Activities, &position.to_text()).expect("cursor");
        assert_eq!((again.at, again.resting), (0, false));
        let error = Position::from_text(Object::Activities, "yesterday").expect_err("refused");
        assert!(error.class == Class::Configuration && error.advice.contains("reset"));
    }
}
