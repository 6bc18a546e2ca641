//! What Zendesk can do with its objects.

use crate::capability::{Capabilities, Concurrency, Detection, EVERY, Key, Limit, Lookup, Unique};

const ORGANIZATION: Capabilities = Capabilities {
    object: EVERY,
    page_rows: 1_000,
    page_extra: 1,
    parts: 1,
    key: Some(Key::Upsert),
    concurrency: None,
    changes: Detection::FULL,
    // They are in no export once they are gone.
    deletions: Detection::TOLD,
    // The one that was merged is deleted; nothing in it says into which.
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
        object: "user",
        // Without one of their own, people have the account's.
        never_blank: &["time_zone", "locale", "locale_id", "role"],
        // Further addresses included. A phone number that another user has is taken all the same, and shared from then on.
        unique: &[Unique { field: "email", asked: Some(Lookup::Email) }],
        deletions: Detection::FULL,
        merges: Detection::ONLY_TOLD,
        // No event tells of them; the organization's name belongs to the organization.
        fields: &[("phone", Detection::POLL), ("organization_id", Detection::POLL), ("organization.*", Detection::RECONCILIATION)],
        ..ORGANIZATION
    },
    Capabilities {
        object: "ticket",
        // Somebody has asked, and be it an agent.
        never_blank: &["status", "requester_id"],
        key: Some(Key::LookUp),
        concurrency: Some(Concurrency::PreconditionBySecond),
        deletions: Detection::FULL,
        restorations: Some(Detection::FULL),
        fields: &[
            // A new ticket takes them, and no answer shows them.
            ("comment.public", Detection::NEVER),
            ("requester_agent_email", Detection::NEVER),
            // Names and addresses of other rows belong to those.
            ("requester.*", Detection::RECONCILIATION),
            ("submitter.*", Detection::RECONCILIATION),
            ("assignee.*", Detection::RECONCILIATION),
            ("organization.*", Detection::RECONCILIATION),
            ("group.*", Detection::RECONCILIATION),
        ],
        ..ORGANIZATION
    },
    // Whatever its case.
    Capabilities { object: "organization", unique: &[Unique { field: "name", asked: Some(Lookup::Name) }], ..ORGANIZATION },
];

/// As documented.
pub(super) static LIMITS: &[Limit] = &[
    Limit { what: "calls of the plan Enterprise; 200 to 2,500 by plan", amount: 700, seconds: 60 },
    Limit { what: "pages of exports with a cursor", amount: 20, seconds: 60 },
    Limit { what: "updates of one ticket", amount: 30, seconds: 600 },
];
