//! What Dynamics 365 can do with its objects.

use crate::capability::{Capabilities, Concurrency, Detection, EVERY, Key, Limit};

const ROW: Capabilities = Capabilities {
    object: EVERY,
    page_rows: 5_000,
    // The look back at what changed during the walk.
    page_extra: 1,
    key: Some(Key::Upsert),
    concurrency: Some(Concurrency::Precondition),
    changes: Detection::FULL,
    deletions: Detection::FULL,
    // The row stays behind and says where it went.
    merges: Detection::FULL,
    // What is deleted is gone.
    restorations: None,
    // Names and addresses of other rows belong to those.
    fields: &[
        ("ownerid.*", Detection::RECONCILIATION),
        ("parentaccountid.name", Detection::RECONCILIATION),
        ("parentcustomerid.name", Detection::RECONCILIATION),
        ("primarycontactid.name", Detection::RECONCILIATION),
        ("customerid.name", Detection::RECONCILIATION),
        ("regardingobjectid.name", Detection::RECONCILIATION),
    ],
    creates_fields: true,
};

/// By object.
pub(super) static OBJECTS: &[Capabilities] = &[
    // Five tables, each walked by itself. None says which one a new row belongs to.
    Capabilities { object: "activities", page_extra: 9, key: None, merges: Detection::NEVER, creates_fields: false, ..ROW },
    Capabilities { object: "opportunities", merges: Detection::NEVER, ..ROW },
    Capabilities { object: "tasks", merges: Detection::NEVER, ..ROW },
    Capabilities { object: "phonecalls", merges: Detection::NEVER, ..ROW },
    Capabilities { object: "emails", merges: Detection::NEVER, ..ROW },
    Capabilities { object: "appointments", merges: Detection::NEVER, ..ROW },
    Capabilities { object: "annotations", merges: Detection::NEVER, ..ROW },
    ROW,
];

/// As documented.
pub(super) static LIMITS: &[Limit] = &[
    Limit { what: "requests of a user, on each web server", amount: 6_000, seconds: 300 },
    Limit { what: "seconds of execution of a user's requests, on each web server", amount: 1_200, seconds: 300 },
];
