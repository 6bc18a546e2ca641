//! Who changed a value, as far as the vendor's own marks tell.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// The kind of hand behind a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The customer, through self-service.
    Customer,
    /// A sales person in the CRM.
    Sales,
    /// An agent in the support desk.
    Support,
    /// A rule, flow or trigger inside a vendor's system, or another integration.
    Automation,
    /// Entente itself.
    Us,
    /// A person working in Entente.
    Person,
    /// The vendor does not say. Rules that need the actor do not apply.
    #[default]
    Unknown,
}

/// When and by whom a side's present values were last touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ChangeMark {
    /// The vendor's modification time, corrected by the measured clock offset of that vendor; `None` when it gives none.
    pub at: Option<Timestamp>,
    /// Who did it.
    pub by: Actor,
}

impl ChangeMark {
    /// The mark of a value that stood when this one was given and still stands as its row has a later one: what others of the row were
    /// changed by does not touch it. Where this mark does not say when or by whom, the later one may.
    #[must_use]
    pub fn still_at(self, later: Self) -> Self {
        let same_change = self.at.is_none() || self.at == later.at;
        let by = if self.by == Actor::Unknown && same_change { later.by } else { self.by };
        Self { at: self.at.or(later.at), by }
    }
}
