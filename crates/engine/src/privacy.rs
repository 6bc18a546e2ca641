//! Privacy: a person is erased here and at every platform, does not come back, and gets everything that is held about them.
//!
//! What is held here goes in the transaction that takes the request: values, counterparts, hints, conflicts, everything that waits. The keys
//! that open the person's ledger entries are destroyed, and whatever the person was known by is blocked by its keyed hash. So nothing that
//! happens at a platform afterwards can be in conflict with it. The platforms follow, each by the policy of its connection, from an errand
//! that is encrypted under a key of its own and destroyed when it is done.

pub mod ask;
pub(crate) mod blocked;
pub mod certificate;
pub mod export;
pub(crate) mod met;
pub(crate) mod person;
mod platforms;
pub(crate) mod recheck;
pub mod requests;
pub mod schedule;
pub mod work;

use entente_model::clock::Timestamp;
use entente_store::NewNotice;

/// The object whose records are people.
pub(crate) const PERSON: &str = "contact";

/// The object whose records are people whom the CRM does not count among its customers yet.
pub(crate) const LEAD: &str = "lead";

/// The field by which something that was said names the person who said it.
pub(crate) const AUTHOR: &str = "author";

/// Objects whose rows tell of one person each.
pub(crate) const PEOPLE: &[&str] = &[PERSON, LEAD];

/// Whether the records of an object are people.
pub(crate) fn is_person(object: &str) -> bool {
    PEOPLE.contains(&object)
}

/// The field by which a platform says that its person asks to be erased.
pub(crate) const REQUESTED: &str = "erasure_requested";

/// Audience of everything about erasures: the people of legal and compliance.
pub const AUDIENCE: &str = "compliance";

/// Kind of the notices.
pub const NOTICE: &str = "erasure";

/// Cause of the ledger entries.
pub(crate) const CAUSE: &str = "erasure";

/// A notice to legal and compliance. It names no person.
pub(crate) fn notice(at: Timestamp, title: impl Into<String>, body: impl Into<String>) -> NewNotice {
    NewNotice { at, kind: NOTICE.to_owned(), recipient: AUDIENCE.to_owned(), title: title.into(), body: body.into(), record: None }
}
