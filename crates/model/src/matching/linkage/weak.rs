//! What no weight makes certain. Two people at one switchboard, or behind `info@`, share a key and are two people; a merge without
//! asking needs more than that.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::field::{Kind, Topic};
use super::judge::KEY_WEIGHT;
use super::level::Level;

/// How far below the automatic threshold a doubtful pair stays.
const MARGIN: f64 = 0.01;

/// Why a pair is left to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// Only one thing agrees, and it is not one that belongs to a single customer.
    OneWeakKey,
    /// The names contradict each other.
    OtherName,
    /// All that agrees is what relatives or colleagues share.
    OneOfACrowd,
    /// No personal address, number or date agrees, and a company may have two people of one name.
    Namesakes,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneWeakKey => "only one thing agrees, and others may share it; a person decides",
            Self::OtherName => "the names contradict each other; a person decides",
            Self::OneOfACrowd => "all that agrees is what relatives or colleagues share; a person decides",
            Self::Namesakes => "no personal address or phone agrees, and two people of one name may work there; a person decides",
        })
    }
}

/// What a field says about a pair.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub kind: Kind,
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
        !self.role && self.level == Level::Exact && matches!(self.kind, Kind::Email | Kind::Number)
    }

    /// Whether it tells a person from their relatives and colleagues.
    fn is_personal(&self) -> bool {
        let mailbox = self.kind == Kind::Email && self.level != Level::Domain;
        self.agrees() && (mailbox || matches!(self.kind, Kind::GivenName | Kind::Date | Kind::Number) || self.level == Level::Swapped)
    }
}

/// Why a pair is not certain, if it is not.
pub(super) fn doubt(evidence: &[Piece], of_people: bool) -> Option<Doubt> {
    let identified = [Kind::Number, Kind::Date].map(|kind| evidence.iter().any(|piece| piece.kind == kind && piece.agrees()));
    let other = |kind: Kind| evidence.iter().any(|piece| piece.kind == kind && piece.level == Level::Different);
    let agrees = |kind: Kind| evidence.iter().any(|piece| piece.kind == kind && piece.weight > 0.0);
    // Relatives share a family name, a home, a phone and a mailbox. They do not share a number nor, twins aside, a date of birth.
    let relatives = other(Kind::GivenName) && !identified.contains(&true);
    // A given name and a switchboard are shared by colleagues; who has married keeps their own mailbox.
    let renamed = agrees(Kind::GivenName) && (identified.contains(&true) || evidence.iter().any(Piece::is_own));
    let strangers = other(Kind::FamilyName) && !renamed && identified.contains(&false);
    if relatives || strangers {
        return Some(Doubt::OtherName);
    }
    // A company's web domain is a thing of its own; at people it is another word for where they work.
    let topic = |kind: Kind| (kind.topic(), !of_people && kind == Kind::Domain);
    let mut topics: Vec<(Topic, bool)> = evidence.iter().filter(|piece| piece.agrees()).map(|piece| topic(piece.kind)).collect();
    topics.sort_unstable();
    topics.dedup();
    if topics.len() < 2 && !evidence.iter().any(Piece::is_own) {
        return Some(Doubt::OneWeakKey);
    }
    (of_people && !evidence.iter().any(Piece::is_personal)).then_some(Doubt::OneOfACrowd)
}

/// The probability, below the automatic threshold where there is a doubt.
pub(in crate::matching) fn bounded(probability: f64, threshold: f64, doubt: Option<Doubt>) -> f64 {
    if doubt.is_some() { probability.min(threshold - MARGIN) } else { probability }
}
