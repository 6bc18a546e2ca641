//! What this connector adds to a table's own columns: words that are the same in every language, and names of what ids stand for.

use entente_model::mapping::remote::{RemoteField, RemoteKind};

use super::kind::Kind;
use super::schema::field;
use RemoteKind::{Boolean, Email, Picklist, Text};

/// An added field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    /// State and status in one word; written, it closes and reopens.
    Status,
    /// Whether an opportunity is won.
    IsWon,
    /// Whether an opportunity is won or lost.
    IsClosed,
    /// Address of the owner, a user or a team.
    OwnerEmail,
    /// ISO code of the row's currency.
    Currency,
    /// What kind of activity it is.
    ActivityKind,
}

/// State, status and word; the first of a state with a word is what a write of that word sets.
pub(crate) type Word = (i64, Option<i64>, &'static str);

const ACTIVE: &[Word] = &[(0, None, "active"), (1, None, "inactive")];
const LEAD: &[Word] = &[(0, None, "open"), (1, None, "qualified"), (2, None, "disqualified")];
const OPPORTUNITY: &[Word] = &[(0, None, "open"), (1, Some(3), "won"), (2, Some(4), "lost")];
const INCIDENT: &[Word] = &[
    (0, Some(1), "in_progress"),
    (0, Some(2), "on_hold"),
    (0, Some(3), "waiting"),
    (0, Some(4), "researching"),
    (0, None, "in_progress"),
    (1, Some(5), "resolved"),
    (1, None, "resolved"),
    (2, Some(2000), "merged"),
    (2, Some(6), "cancelled"),
    (2, None, "cancelled"),
];
/// Numbers and states of the table reference of Dynamics 365 Sales, <https://learn.microsoft.com/dynamics365/sales/developer/entities/campaign>.
const CAMPAIGN: &[Word] = &[
    (0, Some(0), "proposed"),
    (0, Some(1), "ready"),
    (0, Some(2), "launched"),
    (0, Some(3), "completed"),
    (0, Some(4), "cancelled"),
    (0, Some(5), "suspended"),
    (0, None, "active"),
    (1, None, "inactive"),
];
const ACTIVITY: &[Word] = &[(0, None, "open"), (1, None, "completed"), (2, None, "cancelled"), (3, None, "scheduled")];

/// The words of a table's states.
pub(crate) fn words(kind: Kind) -> &'static [Word] {
    match kind {
        Kind::Account | Kind::Contact => ACTIVE,
        Kind::Lead => LEAD,
        Kind::Opportunity => OPPORTUNITY,
        Kind::Incident => INCIDENT,
        Kind::Campaign => CAMPAIGN,
        Kind::Task | Kind::PhoneCall | Kind::Email | Kind::Appointment => ACTIVITY,
        Kind::Note => &[],
    }
}

/// The word of a state and status.
pub(crate) fn word_of(kind: Kind, state: i64, status: i64) -> Option<&'static str> {
    let fits = |word: &&Word| word.0 == state && word.1 == Some(status);
    let usual = |word: &&Word| word.0 == state && word.1.is_none_or(|_| kind == Kind::Opportunity);
    words(kind).iter().find(fits).or_else(|| words(kind).iter().find(usual)).map(|word| word.2)
}

/// State and status of a word.
pub(crate) fn state_of(kind: Kind, word: &str) -> Option<(i64, Option<i64>)> {
    words(kind).iter().find(|known| known.2 == word).map(|known| (known.0, known.1))
}

/// The added fields of a table.
pub(crate) fn specials(kind: Kind) -> impl Iterator<Item = Special> {
    let all = [Special::Status, Special::IsWon, Special::IsClosed, Special::OwnerEmail, Special::Currency, Special::ActivityKind];
    all.into_iter().filter(move |special| special.is_of(kind))
}

impl Special {
    fn is_of(self, kind: Kind) -> bool {
        match self {
            Self::Status => kind != Kind::Note,
            Self::IsWon | Self::IsClosed => kind == Kind::Opportunity,
            Self::OwnerEmail => true,
            Self::Currency => matches!(kind, Kind::Account | Kind::Lead | Kind::Opportunity | Kind::Campaign),
            Self::ActivityKind => kind.is_activity(),
        }
    }

    /// The added field of that name.
    pub fn named(kind: Kind, name: &str) -> Option<Self> {
        specials(kind).find(|special| special.name() == name)
    }

    /// Flattened name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::IsWon => "is_won",
            Self::IsClosed => "is_closed",
            Self::OwnerEmail => "ownerid.email",
            Self::Currency => "currency",
            Self::ActivityKind => "kind",
        }
    }

    /// Columns that it is made of.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Status => &["statecode", "statuscode"],
            Self::IsWon | Self::IsClosed => &["statecode"],
            Self::OwnerEmail => &["ownerid"],
            Self::Currency => &["transactioncurrencyid"],
            Self::ActivityKind => &[],
        }
    }

    /// As `describe` tells of it.
    pub fn described(self) -> RemoteField {
        let (label, kind, writable) = match self {
            // Its words differ from table to table; those that do not fit are refused by name.
            Self::Status => ("Status in a word", Text, true),
            Self::IsWon => ("Is won", Boolean, false),
            Self::IsClosed => ("Is closed", Boolean, false),
            Self::OwnerEmail => ("Owner's e-mail", Email, false),
            Self::Currency => ("Currency code", Text, true),
            Self::ActivityKind => ("Kind of activity", Picklist, false),
        };
        RemoteField { of_owner: self == Self::OwnerEmail, ..field(self.name(), label, kind, writable) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_word_and_every_word_a_state() {
        assert_eq!(word_of(Kind::Incident, 0, 3), Some("waiting"));
        assert_eq!(word_of(Kind::Incident, 1, 1000), Some("resolved"));
        assert_eq!(word_of(Kind::Incident, 0, 100_000_001), Some("in_progress"), "a status that somebody added");
        assert_eq!(word_of(Kind::Opportunity, 2, 5), Some("lost"));
        assert_eq!(word_of(Kind::Campaign, 0, 2), Some("launched"));
        assert_eq!((word_of(Kind::Campaign, 0, 100_000_001), word_of(Kind::Campaign, 1, 6)), (Some("active"), Some("inactive")));
        assert_eq!(word_of(Kind::Account, 1, 2), Some("inactive"));
        assert_eq!(state_of(Kind::Incident, "resolved"), Some((1, Some(5))));
        assert_eq!(state_of(Kind::Task, "completed"), Some((1, None)));
        assert_eq!(state_of(Kind::Task, "resolved"), None);
    }
}
