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
