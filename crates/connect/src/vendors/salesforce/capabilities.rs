//! What Salesforce can do with its objects: all of them alike, but for activities, which are only read.

use super::activities::{ACTIVITY, HALVES};
use crate::capability::{Capabilities, Concurrency, DOTTED, Detection, EVERY, Key, Limit};

/// By object.
pub(super) static OBJECTS: &[Capabilities] = &[ACTIVITIES, REST];

/// Tasks and events together. Custom fields of both are made where they are defined.
const ACTIVITIES: Capabilities = Capabilities {
    object: ACTIVITY,
    parts: HALVES.len() as u32,
    key: None,
    concurrency: None,
    merges: Detection::NEVER,
    // What belongs to another record than the activity.
    fields: &[(DOTTED, Detection::RECONCILIATION)],
    never_blank: &[],
    ..REST
};

/// By object, over SOAP: updates have no precondition there, so stamps are looked at right before.
pub(super) static SOAP_OBJECTS: &[Capabilities] = &[ACTIVITIES, Capabilities { concurrency: Some(Concurrency::LookFirst), ..REST }];

const REST: Capabilities = Capabilities {
    object: EVERY,
    page_rows: 2_000,
    page_extra: 0,
    parts: 1,
    key: Some(Key::Upsert),
    // In whole seconds, and only where a few updates go at a time; collections have none.
    concurrency: Some(Concurrency::PreconditionBySecond),
    changes: Detection::FULL,
    // Outbound messages are sent for creations and updates alone.
    deletions: Detection::POLL,
    merges: Detection::POLL,
    restorations: Some(Detection::POLL),
    // What belongs to another record changes without this one's stamp.
    fields: &[
        (DOTTED, Detection::RECONCILIATION),
        // Campaigns count their members without an edit of their own.
        ("NumberOfLeads", Detection::RECONCILIATION),
        ("NumberOfContacts", Detection::RECONCILIATION),
        ("NumberOfResponses", Detection::RECONCILIATION),
    ],
    // Formulas and roll-ups change without a stamp and without an event.
    derived: Detection::RECONCILIATION,
    creates_fields: true,
    never_blank: &["OwnerId"],
    unique: &[],
};

/// As documented.
pub(super) static LIMITS: &[Limit] =
    &[Limit { what: "calls of an org of the Enterprise edition, a thousand more for each licence", amount: 100_000, seconds: 86_400 }];
