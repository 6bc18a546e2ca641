//! Policy of a field: who owns it, how it merges, which rules apply in a conflict.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::mapping::Owner;
use crate::value::FieldKey;

/// How two changed values come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Merge {
    /// One of them wins.
    #[default]
    Scalar,
    /// What was added on any side is added, what was removed is removed; adding wins over removing.
    Set,
}

/// A rule of the cascade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The customer's own change wins.
    SelfService,
    /// A sales person's change at the CRM wins, for contact data.
    SalesContact,
    /// A change at the support desk by an agent or by its automation wins, for status fields.
    SupportStatus,
    /// Changes closer to each other than the window wait for a person.
    Simultaneous,
    /// The latest change wins, the older one is flagged.
    Latest,
}

impl Rule {
    /// Name in mappings and for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SelfService => "self_service",
            Self::SalesContact => "sales_contact",
            Self::SupportStatus => "support_status",
            Self::Simultaneous => "simultaneous",
            Self::Latest => "latest",
        }
    }

    /// Whether it lets the side win whose hand it was: such a rule may leave out a connection.
    #[must_use]
    pub fn is_about_hands(self) -> bool {
        matches!(self, Self::SelfService | Self::SalesContact | Self::SupportStatus)
    }
}

/// The cascade that applies unless an admin sets another.
pub const DEFAULT_RULES: &[Rule] = &[Rule::SelfService, Rule::SalesContact, Rule::SupportStatus, Rule::Simultaneous, Rule::Latest];

/// Milliseconds within which two changes count as simultaneous.
pub const SIMULTANEOUS_MS: i64 = 5_000;

/// What kind of data a field is, as far as rules care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Names, e-mail, phone, language: contact data.
    Contact,
    /// Status of the customer.
    Status,
    /// What a person has agreed to: "no" is an answer and differs from no answer, and rows that meet for the first time with different answers
    /// are for a person.
    Consent,
    /// Who looks after the customer: a user of a platform, by id, name or address. Conflicts are decided as of any other field; the guard against
    /// mass changes counts it by itself.
    Owner,
    /// Anything else.
    #[default]
    Other,
}

impl Kind {
    /// Whether it is nothing that rules care about, which files leave out.
    #[must_use]
    pub fn is_other(&self) -> bool {
        *self == Self::Other
    }
}

/// A rule that people adopted because they had decided alike again and again. It decides where a person would be asked otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adopted {
    /// Its id.
    pub id: String,
    /// The sides that changed the field, by name, and whose hand it was on each: it applies where all of that is so.
    pub sides: BTreeMap<String, Actor>,
    /// The side that wins.
    pub winner: String,
}

/// Policy of one field of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldPolicy {
    /// Field.
    pub field: FieldKey,
    /// Source of truth.
    pub owner: Owner,
    /// How changes merge.
    #[serde(default)]
    pub merge: Merge,
    /// What kind of data it is.
    #[serde(default)]
    pub kind: Kind,
    /// The cascade, in order.
    #[serde(default = "default_rules")]
    pub rules: Vec<Rule>,
    /// Window of the simultaneous rule, in milliseconds.
    #[serde(default = "simultaneous_ms")]
    pub simultaneous_ms: i64,
    /// Rules by which a change at a side never wins, by the side's name.
    #[serde(default)]
    pub without: BTreeMap<String, Vec<Rule>>,
    /// Rules that people adopted, for what the cascade leaves to a person.
    #[serde(default)]
    pub adopted: Vec<Adopted>,
}

fn default_rules() -> Vec<Rule> {
    DEFAULT_RULES.to_vec()
}

fn simultaneous_ms() -> i64 {
    SIMULTANEOUS_MS
}

impl FieldPolicy {
    /// A scalar field with the default cascade.
    #[must_use]
    pub fn new(field: impl Into<String>, owner: Owner) -> Self {
        Self {
            field: field.into(),
            owner,
            merge: Merge::Scalar,
            kind: Kind::Other,
            rules: default_rules(),
            simultaneous_ms: SIMULTANEOUS_MS,
            without: BTreeMap::new(),
            adopted: Vec::new(),
        }
    }

    /// Whether a change at a side may win by a rule.
    #[must_use]
    pub fn counts(&self, side: &str, rule: Rule) -> bool {
        self.without.get(side).is_none_or(|left_out| !left_out.contains(&rule))
    }
}
