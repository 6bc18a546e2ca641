//! What comes in by itself: a vendor's webhook, verified and taken apart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::look::Look;

/// A webhook as it arrived. Header names are lower case.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// Body, byte for byte.
    pub body: Vec<u8>,
}

/// What it means that an event leaves out a field of the row that it shows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blanks {
    /// Nothing: blank fields are shown as such.
    #[default]
    Shown,
    /// It is blank, or was not selected for the event (Salesforce outbound messages).
    LeftOut,
    /// These are blank, as the definition of the event tells, and everything else that is read of the object is shown.
    Known(Vec<String>),
}

/// One thing a webhook says to look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The platform's name of the object.
    pub object: String,
    /// External id of the row.
    pub id: String,
    /// What the event itself shows of the row: the whole row, some fields, or `None` (fetch it).
    pub look: Option<Look>,
    /// What it means that `look` leaves a field out.
    #[serde(default)]
    pub blanks: Blanks,
    /// Whether it tells that the row was made, and nothing that came after.
    #[serde(default)]
    pub created: bool,
    /// The vendor's name of the event, for logs and the ledger.
    pub kind: String,
}

/// A webhook that was verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Id that repeats when the vendor repeats the delivery; duplicates are dropped by it.
    pub id: String,
    /// What it says, possibly nothing (a test call).
    pub events: Vec<Event>,
}

/// Something that a vendor's messages about an object lack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// The platform's name of the object.
    pub object: String,
    /// What lacks, as people read it.
    pub what: String,
}

/// Whether a vendor sends webhooks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscribed {
    /// It does.
    Yes,
    /// It does not, and can be told to.
    No,
    /// It sends messages that are made for each object with the fields that are chosen, to an address with a secret. It can be told to.
    Chosen {
        /// What lacks; nothing when every object is told of whole.
        lacks: Vec<Lack>,
        /// Fields that every message must carry beside the mapped ones.
        carries: &'static [&'static str],
    },
    /// It can neither be asked nor told over its API.
    ByHand(ByHand),
}

/// What a person sets up so that a vendor sends webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByHand {
    /// What to do there, for each object and its mapped fields.
    pub steps: &'static str,
    /// Fields that every message must carry beside the mapped ones.
    pub carries: &'static [&'static str],
    /// What tells its messages from those of others.
    pub proof: Proof,
}

/// What tells a vendor's messages from those of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Nothing in them: the address holds a secret.
    Address,
    /// A signature under a secret that a person brings from the vendor.
    Signature {
        /// Whether that secret is known here.
        known: bool,
        /// Where it comes from.
        source: &'static str,
    },
}

/// The answer that the vendor takes for "received".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Content type.
    pub content_type: &'static str,
    /// Body.
    pub body: &'static str,
}

/// Why a webhook was refused. Nothing of it is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// Signature, secret path or organisation do not match.
    #[error("webhook refused: {reason}; {remedy}")]
    Unverified {
        /// What did not match.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Verified, but not readable.
    #[error("webhook not readable: {reason}; check that the sender's format is the one in the connector's documentation")]
    Malformed {
        /// What was wrong and where.
        reason: String,
    },
}
