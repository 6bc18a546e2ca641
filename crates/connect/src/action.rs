//! What a platform can be asked to do with a row beside writing it: approvals, and flows that its admins have made.

use entente_model::clock::Timestamp;
use serde_json::{Map, Value};

use crate::error::{Class, VendorError};
use crate::spec::Spec;

/// A row at a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The platform's name of the object.
    pub object: String,
    /// External id.
    pub id: String,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Submit the row for approval.
    Submit {
        /// The process; without it the first that fits the row.
        process: Option<String>,
        /// Who is to approve, where the process lets the submitter choose: ids, user names or addresses of e-mail.
        approvers: Vec<String>,
        /// For those who approve.
        comment: String,
    },
    /// Approve what waits.
    Approve {
        /// Who is to approve next, where the process asks for it.
        approvers: Vec<String>,
        /// For the history.
        comment: String,
    },
    /// Reject what waits.
    Reject {
        /// For the history.
        comment: String,
    },
    /// Take the row out of approval.
    Recall {
        /// For the history.
        comment: String,
    },
    /// Run a flow.
    Run {
        /// Its name.
        flow: String,
        /// Values of its inputs.
        inputs: Map<String, Value>,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Acted {
    /// How it stands now, in the platform's word (`Pending`, `Approved`, `Finished`).
    pub status: String,
    /// Ids of the users that it waits for.
    pub waits_for: Vec<String>,
    /// What a flow gave back.
    pub outputs: Map<String, Value>,
}

/// An approval that waits for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The process.
    pub process: String,
    /// Id of the user whom it waits for.
    pub user: String,
    /// Since when.
    pub since: Option<Timestamp>,
}

/// Something that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// `approval` or `flow`.
    pub kind: &'static str,
    /// The object whose rows it is for; `None` where any will do.
    pub object: Option<String>,
    /// Name to ask for it by.
    pub name: String,
    /// Name that people read.
    pub label: String,
}

/// A currency of a platform's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrencyRate {
    /// ISO 4217 code.
    pub code: String,
    /// Whether it is the organisation's own, in which all rates are.
    pub corporate: bool,
    /// Whether rows may be in it.
    pub active: bool,
    /// How much of it one unit of the corporate currency is, as a decimal.
    pub rate: String,
}

/// What is said where a platform has nothing of this kind.
pub(crate) fn none(spec: &Spec) -> VendorError {
    VendorError::new(
        Class::Configuration,
        "no_actions",
        format!("{} has no approvals or flows that could be asked for from here", spec.label),
        "do it at the platform, or name a connection to one that has them",
    )
}
