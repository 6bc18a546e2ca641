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

/// One thing a webhook says to look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The platform's name of the object.
    pub object: String,
    /// External id of the row.
    pub id: String,
    /// What the event itself shows of the row: the whole row, some fields, or `None` (fetch it).
    pub look: Option<Look>,
    /// Whether the platform leaves blank fields out of `look` (Salesforce outbound messages): a selected field that is missing
    /// there is blank now.
    pub omits_blanks: bool,
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
