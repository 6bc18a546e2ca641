//! What Salesforce can do with its objects: all of them alike, but that some are merged, and that activities are only read.

use super::activities::{ACTIVITY, HALVES};
use crate::capability::{Capabilities, Concurrency, DOTTED, Detection, EVERY, Found, Happening, Key, Limit, Told};

/// Outbound messages have no name; this is ours.
pub(super) const MESSAGE: &str = "outbound_message";

/// By object.
pub(super) static OBJECTS: &[Capabilities] = &[ACTIVITIES, ACCOUNT, CONTACT, LEAD, CASE, REST];

/// Tasks and events together. Custom fields of both are made where they are defined.
const ACTIVITIES: Capabilities = Capabilities {
    object: ACTIVITY,
    parts: HALVES.len() as u32,
    key: None,
    concurrency: None,
    // What belongs to another record than the activity.
    fields: &[(DOTTED, Detection::RECONCILIATION)],
    never_blank: &[],
    ..REST
};

/// By object, over SOAP: updates have no precondition there, so stamps are looked at right before.
pub(super) static SOAP_OBJECTS: &[Capabilities] = &[ACTIVITIES, soap(ACCOUNT), soap(CONTACT), soap(LEAD), soap(CASE), soap(REST)];

const fn soap(known: Capabilities) -> Capabilities {
    Capabilities { concurrency: Some(Concurrency::LookFirst), ..known }
}

/// Records that are merged stay in the recycle bin, and say into which one.
const ACCOUNT: Capabilities = Capabilities { object: "Account", merges: Found::POLL, ..REST };
const CONTACT: Capabilities = Capabilities { object: "Contact", ..ACCOUNT };
const LEAD: Capabilities = Capabilities { object: "Lead", ..ACCOUNT };
const CASE: Capabilities = Capabilities { object: "Case", ..ACCOUNT };

const REST: Capabilities = Capabilities {
    object: EVERY,
    page_rows: 2_000,
    page_extra: 0,
    parts: 1,
    key: Some(Key::Upsert),
    // In whole seconds, and only where a few updates go at a time; collections have none.
    concurrency: Some(Concurrency::PreconditionBySecond),
    // Outbound messages are sent for creations and updates alone, and do not say which.
    told: &[Told { what: Happening::Created, by: &[MESSAGE] }, Told { what: Happening::Changed, by: &[MESSAGE] }],
    changes: Found::POLL,
    deletions: Found::POLL,
    merges: Found::NEVER,
    restorations: Some(Found::POLL),
    exceptions: &[],
    notes: &[],
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
