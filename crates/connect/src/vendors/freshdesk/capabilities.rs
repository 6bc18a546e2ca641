//! What Freshdesk can do with its objects.

use crate::capability::{Capabilities, Concurrency, Detection, EVERY, Key, Limit, Lookup, Unique};

const ROW: Capabilities = Capabilities {
    object: EVERY,
    page_rows: 100,
    page_extra: 0,
    parts: 1,
    key: Some(Key::LookUp),
    concurrency: Some(Concurrency::LookFirst),
    // Automation rules, which send webhooks, know tickets alone.
    changes: Detection::POLL,
    deletions: Detection::RECONCILIATION,
    merges: Detection::NEVER,
    restorations: None,
    fields: &[],
    derived: Detection::RECONCILIATION,
    creates_fields: true,
    never_blank: &[],
    unique: &[],
};

/// By object.
pub(super) static OBJECTS: &[Capabilities] = &[
    Capabilities {
        object: "contact",
        // Without one of their own, people have the account's.
        never_blank: &["time_zone", "language"],
        // Further addresses included; phone numbers may be several people's.
        unique: &[Unique { field: "email", asked: Some(Lookup::Email) }],
        key: Some(Key::Unique),
        deletions: Detection::POLL,
        merges: Detection::POLL,
        restorations: Some(Detection::POLL),
        ..ROW
    },
    Capabilities { object: "company", unique: &[Unique { field: "name", asked: Some(Lookup::Name) }], ..ROW },
    Capabilities {
        object: "ticket",
        changes: Detection::FULL,
        deletions: Detection::POLL,
        restorations: Some(Detection::POLL),
        never_blank: &["status", "priority", "source"],
        fields: &[
            // A new ticket takes them, and no answer shows them.
            ("internal", Detection::NEVER),
            ("requester_agent_email", Detection::NEVER),
            // Names, addresses and numbers of other rows belong to those.
            ("requester.*", Detection::RECONCILIATION),
            ("company.*", Detection::RECONCILIATION),
            ("responder.*", Detection::RECONCILIATION),
            ("group.*", Detection::RECONCILIATION),
        ],
        ..ROW
    },
];

/// As documented.
pub(super) static LIMITS: &[Limit] =
    &[Limit { what: "calls of the plan Pro; 200 to 700 by plan, fewer in trials", amount: 400, seconds: 60 }];
