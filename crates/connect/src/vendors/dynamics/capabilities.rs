//! What Dynamics 365 can do with its objects.

use crate::capability::{Capabilities, Concurrency, Detection, EVERY, Found, Happening, Key, Limit, Told};

const OWNER: (&str, Detection) = ("ownerid.name", Detection::RECONCILIATION);
const OWNERS_EMAIL: (&str, Detection) = ("ownerid.email", Detection::RECONCILIATION);

/// By the names of Dataverse's messages, for each of which a table needs a step of its own.
const TOLD: [Told; 3] = [
    Told { what: Happening::Created, by: &["Create"] },
    Told { what: Happening::Changed, by: &["Update"] },
    Told { what: Happening::Deleted, by: &["Delete"] },
];

const ROW: Capabilities = Capabilities {
    object: EVERY,
    page_rows: 5_000,
    // The look back at what changed during the walk.
    page_extra: 1,
    parts: 1,
    key: Some(Key::Upsert),
    concurrency: Some(Concurrency::Precondition),
    told: &TOLD,
    changes: Found::POLL,
    deletions: Found::POLL,
    merges: Found::NEVER,
    // What is deleted is gone.
    restorations: None,
    exceptions: &[],
    notes: &[],
    // Names and addresses of other rows belong to those.
    fields: &[OWNER, OWNERS_EMAIL, ("regardingobjectid.name", Detection::RECONCILIATION)],
    derived: Detection::RECONCILIATION,
    creates_fields: true,
    never_blank: &["status"],
    unique: &[],
};

/// A row that is merged away stays behind and says where it went.
const MERGED: Capabilities = Capabilities {
    told: &[TOLD[0], TOLD[1], TOLD[2], Told { what: Happening::Merged, by: &["Merge"] }],
    merges: Found::POLL,
    fields: &[OWNER, OWNERS_EMAIL],
    ..ROW
};

/// By object.
pub(super) static OBJECTS: &[Capabilities] = &[
    Capabilities {
        object: "accounts",
        fields: &[
            OWNER,
            OWNERS_EMAIL,
            ("parentaccountid.name", Detection::RECONCILIATION),
            ("primarycontactid.name", Detection::RECONCILIATION),
        ],
        ..MERGED
    },
    Capabilities { object: "contacts", fields: &[OWNER, OWNERS_EMAIL, ("parentcustomerid.name", Detection::RECONCILIATION)], ..MERGED },
    Capabilities { object: "leads", ..MERGED },
    Capabilities {
        object: "incidents",
        fields: &[
            OWNER,
            OWNERS_EMAIL,
            ("customerid.name", Detection::RECONCILIATION),
            ("primarycontactid.name", Detection::RECONCILIATION),
        ],
        ..MERGED
    },
    // Five tables, each walked by itself. None says which one a new row belongs to.
    Capabilities { object: "activities", page_extra: 9, key: None, creates_fields: false, ..ROW },
    ROW,
];

/// As documented.
pub(super) static LIMITS: &[Limit] = &[
    Limit { what: "requests of a user, on each web server", amount: 6_000, seconds: 300 },
    Limit { what: "seconds of execution of a user's requests, on each web server", amount: 1_200, seconds: 300 },
];
