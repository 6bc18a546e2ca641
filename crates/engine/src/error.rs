//! What can go wrong in a use-case. Says where, why, and what to do.

use entente_connect::error::VendorError;
use entente_store::StoreError;

use crate::catalog::CatalogError;

/// Failure of a use-case.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A mapping or object does not fit.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A vendor refused or was silent.
    #[error("{connection}: {source}; {}", source.advice)]
    Vendor {
        /// Connection.
        connection: String,
        /// What it said.
        source: Box<VendorError>,
    },
    /// No connection of that name.
    #[error("there is no connection `{name}`; {remedy}")]
    UnknownConnection {
        /// The name asked for.
        name: String,
        /// Names there are, and the nearest.
        remedy: String,
    },
    /// No record, field or other thing of that name.
    #[error("there is no {what} `{name}`; {remedy}")]
    Unknown {
        /// What kind of thing.
        what: &'static str,
        /// The name asked for.
        name: String,
        /// What to do.
        remedy: String,
    },
    /// Nothing is there that a name would be of.
    #[error("there is no {what}; {remedy}")]
    Missing {
        /// What there is none of, in words.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// An input that cannot be used.
    #[error("{field}: {reason}; {remedy}")]
    Invalid {
        /// The input's name.
        field: String,
        /// Why not.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// A webhook that was refused.
    #[error(transparent)]
    Webhook(#[from] entente_connect::webhook::WebhookError),
    /// Data of ours that cannot be read.
    #[error("{what} cannot be read: {reason}; run `entente doctor`")]
    Corrupt {
        /// Which data.
        what: String,
        /// Why.
        reason: String,
    },
}

/// Result of a use-case.
pub type Result<T, E = EngineError> = std::result::Result<T, E>;

impl EngineError {
    /// A vendor's refusal, at a connection.
    #[must_use]
    pub fn vendor(connection: impl Into<String>, source: VendorError) -> Self {
        Self::Vendor { connection: connection.into(), source: Box::new(source) }
    }
}
