//! What no weight makes certain. Two people at one switchboard, or behind `info@`, share a key and are two people; a merge without
//! asking needs more than that.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::field::Topic;
use super::judge::KEY_WEIGHT;
use super::level::Level;
use crate::matching::{AUTO_LINK, EXTRA_EVIDENCE};

/// Why a pair is left to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// Only one thing agrees, and it is not one that belongs to a single customer.
    OneWeakKey,
    /// The names contradict each other.
    OtherName,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneWeakKey => "only one thing agrees, and others may share it; a person decides",
            Self::OtherName => "the names contradict each other; a person decides",
        })
    }
}

/// What a field says about a pair.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub topic: Topic,
    pub level: Level,
    pub weight: f64,
    /// A value that many share by its nature.
    pub role: bool,
}

impl Piece {
    fn agrees(&self) -> bool {
        self.weight >= KEY_WEIGHT && !self.role
    }

    /// A key that belongs to one customer by its nature.
    fn is_own(&self) -> bool {
        !self.role && self.level == Level::Exact && matches!(self.topic, Topic::Email | Topic::Number)
    }
}

/// Why a pair is not certain, if it is not.
pub(super) fn doubt(evidence: &[Piece]) -> Option<Doubt> {
    let of_name = |level| evidence.iter().any(|piece| piece.topic == Topic::Name && piece.level == level);
    let name_agrees = evidence.iter().any(|piece| piece.topic == Topic::Name && piece.weight > 0.0);
    // Families share a home, a phone and a mailbox. They do not share a number and a date of birth.
    let identified = [Topic::Number, Topic::Date].iter().all(|topic| evidence.iter().any(|piece| piece.topic == *topic && piece.agrees()));
    if of_name(Level::Different) && !name_agrees && !identified {
        return Some(Doubt::OtherName);
    }
    let mut topics: Vec<Topic> = evidence.iter().filter(|piece| piece.agrees()).map(|piece| piece.topic).collect();
    topics.sort_unstable();
    topics.dedup();
    let own = evidence.iter().any(Piece::is_own);
    (topics.len() < 2 && !own).then_some(Doubt::OneWeakKey)
}

/// The probability, below the automatic threshold where there is a doubt.
pub(super) fn bounded(probability: f64, doubt: Option<Doubt>) -> f64 {
    if doubt.is_some() { probability.min(AUTO_LINK - EXTRA_EVIDENCE) } else { probability }
}
