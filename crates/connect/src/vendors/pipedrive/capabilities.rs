//! What Pipedrive can do with its objects.

use std::time::Duration;

use crate::capability::{Capabilities, Concurrency, Detection, EVERY, Key, Limit};

/// Time between two sweeps for what was deleted.
const SWEEP: Duration = Duration::from_secs(3_600);

const ROW: Capabilities = Capabilities {
    object: EVERY,
    page_rows: 500,
    page_extra: 0,
    parts: 1,
    key: Some(Key::LookUp),
    concurrency: Some(Concurrency::LookFirst),
    changes: Detection::FULL,
    deletions: Detection::FULL.every(SWEEP),
    // Later, the row is only gone.
    merges: Detection::ONLY_TOLD,
    restorations: Some(Detection::FULL),
    // An owner's name and address belong to the owner.
    fields: &[("owner.*", Detection::RECONCILIATION)],
    derived: Detection::RECONCILIATION,
    creates_fields: true,
    never_blank: &["visible_to"],
    unique: &[],
};

/// By object.
pub(super) static OBJECTS: &[Capabilities] = &[
    Capabilities { object: "leads", page_rows: 100, deletions: Detection::TOLD, ..ROW },
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
