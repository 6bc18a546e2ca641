//! What the compared fields are.

use serde::{Deserialize, Serialize};

use super::level::Level;

/// What a field holds; it decides how two values compare and which keys the field gives for finding candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A person's given name.
    GivenName,
    /// A person's family name.
    FamilyName,
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// A date, such as a date of birth; a year alone will do.
    Date,
    /// A number or code that identifies: customer number, tax number.
    Number,
    /// A company's name.
    Company,
    /// A web address or domain.
    Domain,
    /// A postal code.
    Postcode,
    /// A town, suburb or country.
    Place,
    /// A street, an address or any other text of a few words.
    Text,
    /// One of few values: gender, state, a house number.
    Category,
}

impl Kind {
    /// How two values of this kind can compare, the best first. A missing value is no level: it says nothing.
    #[must_use]
    pub const fn levels(self) -> &'static [Level] {
        use Level::{Different, Domain, Exact, Far, Near, Nickname, Part, Similar, Sound, Swapped};
        match self {
            Self::GivenName => &[Exact, Swapped, Nickname, Near, Part, Sound, Similar, Different],
            Self::FamilyName => &[Exact, Swapped, Near, Part, Sound, Similar, Different],
            Self::Email => &[Exact, Near, Similar, Part, Domain, Different],
            Self::Phone => &[Exact, Part, Near, Different],
            Self::Date => &[Exact, Near, Similar, Part, Far, Different],
            Self::Number => &[Exact, Near, Similar, Different],
            Self::Company | Self::Text => &[Exact, Near, Part, Similar, Different],
            Self::Domain => &[Exact, Near, Different],
            Self::Postcode => &[Exact, Near, Part, Different],
            Self::Place => &[Exact, Near, Similar, Different],
            Self::Category => &[Exact, Different],
        }
    }

    /// Kinds of one group describe one thing about a customer (all of an address, say): they are one key, not several.
    #[must_use]
    pub const fn topic(self) -> Topic {
        match self {
            Self::GivenName | Self::FamilyName => Topic::Name,
            Self::Email => Topic::Email,
            Self::Phone => Topic::Phone,
            Self::Date => Topic::Date,
            Self::Number => Topic::Number,
            Self::Company | Self::Domain => Topic::Company,
            Self::Postcode | Self::Place | Self::Text => Topic::Address,
            Self::Category => Topic::Trait,
        }
    }
}

/// What a piece of evidence is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Who it is.
    Name,
    /// Where mail reaches them.
    Email,
    /// Where a call reaches them.
    Phone,
    /// When they were born.
    Date,
    /// What somebody numbers them with.
    Number,
    /// Where they work, or what company it is.
    Company,
    /// Where they live or sit.
    Address,
    /// What many have in common.
    Trait,
}

/// A field that is compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The field's name, for explanations.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

impl Field {
    /// A field.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind }
    }
}
