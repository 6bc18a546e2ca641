//! What Pipedrive can do with its objects.

use std::time::Duration;

use crate::capability::{Capabilities, Concurrency, Detection, EVERY, Found, Happening, Key, Limit, Told};

/// Time between two sweeps for what was deleted.
const SWEEP: Duration = Duration::from_secs(3_600);

/// By the actions of messages. What comes back is made once more, as they put it.
const TOLD: [Told; 4] = [
    Told { what: Happening::Created, by: &["create"] },
    Told { what: Happening::Changed, by: &["change"] },
    Told { what: Happening::Deleted, by: &["delete"] },
    Told { what: Happening::Restored, by: &["create"] },
];

const ROW: Capabilities = Capabilities {
    object: EVERY,
    page_rows: 500,
    page_extra: 0,
    parts: 1,
    key: Some(Key::LookUp),
    concurrency: Some(Concurrency::LookFirst),
    told: &TOLD,
    changes: Found::POLL,
    deletions: Found::POLL.every(SWEEP),
    merges: Found::NEVER,
    restorations: Some(Found::POLL),
    exceptions: &[],
    notes: &[],
    // An owner's name and address belong to the owner.
    fields: &[("owner.*", Detection::RECONCILIATION)],
    derived: Detection::RECONCILIATION,
    creates_fields: true,
    never_blank: &["visible_to"],
    unique: &[],
};

/// Where rows are merged, the messages of both say so, and nothing else does: later, the one that went is only gone.
const MERGED: Capabilities =
    Capabilities { told: &[TOLD[0], TOLD[1], TOLD[2], TOLD[3], Told { what: Happening::Merged, by: &["delete", "change"] }], ..ROW };

/// By object.
pub(super) static OBJECTS: &[Capabilities] = &[
    Capabilities { object: "persons", ..MERGED },
    Capabilities { object: "organizations", ..MERGED },
    Capabilities { object: "deals", ..MERGED },
    Capabilities { object: "leads", page_rows: 100, deletions: Found::RECONCILIATION, ..ROW },
    Capabilities { object: "activities", creates_fields: false, ..ROW },
    Capabilities { object: "notes", creates_fields: false, ..ROW },
    ROW,
];

/// As documented.
pub(super) static LIMITS: &[Limit] = &[
    Limit { what: "calls of a user's token of the plan Growth; 20 to 120 by plan", amount: 40, seconds: 2 },
    Limit { what: "searches", amount: 10, seconds: 2 },
    Limit { what: "tokens of a company for each seat, times the plan's factor", amount: 30_000, seconds: 86_400 },
];
