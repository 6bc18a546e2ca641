//! How far two values agree.

use serde::{Deserialize, Serialize};

use super::field::Kind;

/// How two values of a field compare. The numbers fit the four bits that a pattern has for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Level {
    /// One side has no value: weight zero.
    Missing = 0,
    /// Equal after normalising.
    Exact = 1,
    /// Given and family name stand in each other's place.
    Swapped = 2,
    /// Forms of one given name.
    Nickname = 3,
    /// One slip of a finger apart.
    Near = 4,
    /// One is a part of the other.
    Part = 5,
    /// Written differently, pronounced alike.
    Sound = 6,
    /// Alike, and more than a slip apart.
    Similar = 7,
    /// E-mail addresses at one company.
    Domain = 8,
    /// Dates in or about the same year.
    Far = 9,
    /// Nothing in common.
    Different = 10,
}

/// Number of levels, [`Level::Missing`] included.
pub(super) const LEVELS: usize = 11;

impl Level {
    const ALL: [Self; LEVELS] = [
        Self::Missing,
        Self::Exact,
        Self::Swapped,
        Self::Nickname,
        Self::Near,
        Self::Part,
        Self::Sound,
        Self::Similar,
        Self::Domain,
        Self::Far,
        Self::Different,
    ];

    pub(super) fn of_number(number: u8) -> Self {
        Self::ALL.get(usize::from(number)).copied().unwrap_or(Self::Missing)
    }

    /// The level's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Exact => "exact",
            Self::Swapped => "swapped",
            Self::Nickname => "nickname",
            Self::Near => "near",
            Self::Part => "part",
            Self::Sound => "sound",
            Self::Similar => "similar",
            Self::Domain => "domain",
            Self::Far => "far",
            Self::Different => "different",
        }
    }

    /// The level in words, as an explanation prints it.
    #[must_use]
    pub const fn words(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::Missing, _) => "missing on one side",
            (Self::Exact, _) => "the same",
            (Self::Swapped, _) => "given and family name in each other's place",
            (Self::Nickname, _) => "forms of one name",
            (Self::Near, Kind::Date) => "one digit off, or day and month swapped",
            (Self::Near, _) => "one slip apart",
            (Self::Part, Kind::GivenName) => "an initial or one of several names",
            (Self::Part, Kind::Email) => "the same mailbox name elsewhere",
            (Self::Part, Kind::Phone) => "the same last digits",
            (Self::Part, Kind::Date) => "the same year, the day unknown",
            (Self::Part, Kind::Postcode) => "the same area",
            (Self::Part, _) => "one is part of the other",
            (Self::Sound, _) => "sound the same",
            (Self::Similar, Kind::Date) => "two digits off, or two of day, month and year the same",
            (Self::Similar, _) => "similar",
            (Self::Domain, _) => "mailboxes at the same company",
            (Self::Far, _) => "about a year apart at most",
            (Self::Different, _) => "different",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_found_by_its_number() {
        for level in Level::ALL {
            assert_eq!(Level::of_number(level as u8), level);
        }
    }
}
