//! What Intercom can do with its objects.

use crate::capability::{Capabilities, Concurrency, Detection, EVERY, Key, Limit, Lookup, Unique};

const ROW: Capabilities = Capabilities {
    object: EVERY,
    page_rows: 150,
    page_extra: 0,
    key: Some(Key::Unique),
    concurrency: Some(Concurrency::LookFirst),
    changes: Detection::FULL,
    deletions: Detection::TOLD,
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
        merges: Detection::TOLD,
        restorations: Some(Detection::FULL),
        // Of users, unless the workspace is set to let several have one address.
        unique: &[Unique { field: "email", asked: Some(Lookup::Email) }],
        ..ROW
    },
    Capabilities { object: "company", page_rows: 100, ..ROW },
    Capabilities { object: "conversation", key: Some(Key::LookUp), ..ROW },
];

/// As documented.
pub(super) static LIMITS: &[Limit] = &[
    Limit { what: "calls of an app, in windows of ten seconds; small private apps have a tenth", amount: 10_000, seconds: 60 },
    Limit { what: "calls of a workspace", amount: 25_000, seconds: 60 },
];
