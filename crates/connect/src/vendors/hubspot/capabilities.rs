//! What HubSpot can do with its objects.

use std::time::Duration;

use super::engagements::{ENGAGEMENTS, PARTS};
use crate::capability::{Capabilities, Detection, EVERY, Found, Happening, Key, Limit, Lookup, Told, Unique};

/// Time between two looks at the list of archived rows, at least; it grows with the pages that one takes.
const ARCHIVED: Duration = Duration::from_secs(300);

/// What associates two rows changes without a stamp of theirs.
const ASSOCIATIONS: (&str, Detection) = ("associations.*", Detection::RECONCILIATION);
/// Being in a list is none of the record.
const LISTS: (&str, Detection) = ("lists.*", Detection::RECONCILIATION);
/// An owner's name and address belong to the owner.
const OWNER: (&str, Detection) = ("owner.*", Detection::RECONCILIATION);

const UNTOLD: Capabilities = Capabilities {
    object: EVERY,
    page_rows: 100,
    page_extra: 0,
    parts: 1,
    key: Some(Key::Upsert),
    concurrency: None,
    told: &[],
    changes: Found::POLL,
    deletions: Found::POLL.every(ARCHIVED),
    merges: Found::NEVER,
    // Whoever is out of the bin again has the stamp of before.
    restorations: Some(Found::RECONCILIATION),
    exceptions: &[],
    notes: &[],
    fields: &[ASSOCIATIONS, OWNER, LISTS],
    // Computing a property anew moves the record's stamp; that webhooks tell of every such property is not documented.
    derived: Detection::POLL,
    creates_fields: true,
    never_blank: &[],
    unique: &[],
};

/// By subscription, under the name of the object or as `object.*`.
const MESSAGES: [Told; 4] = [
    Told { what: Happening::Created, by: &["creation"] },
    Told { what: Happening::Changed, by: &["propertyChange", "associationChange"] },
    Told { what: Happening::Deleted, by: &["deletion", "privacyDeletion"] },
    Told { what: Happening::Restored, by: &["restore"] },
];

const TOLD: Capabilities = Capabilities {
    told: &[MESSAGES[0], MESSAGES[1], MESSAGES[2], MESSAGES[3], Told { what: Happening::Merged, by: &["merge"] }],
    merges: Found::POLL,
    fields: &[("associations.*", Detection::TOLD), OWNER, LISTS],
    ..UNTOLD
};

/// Objects whose records HubSpot does not merge.
const UNMERGED: Capabilities = Capabilities { told: &MESSAGES, merges: Found::NEVER, ..TOLD };

/// A stage's name belongs to the pipeline; which stage a row is in is a property of the row.
const STAGES: (&str, Detection) = ("stage.*", Detection::RECONCILIATION);

/// By object: there are subscriptions under their own name for the first four.
pub(super) static OBJECTS: &[Capabilities] = &[
    // Further addresses included.
    Capabilities { object: "contacts", unique: &[Unique { field: "email", asked: Some(Lookup::Email) }], ..TOLD },
    // Companies made over the API may share a domain.
    Capabilities { object: "companies", ..TOLD },
    Capabilities { object: "deals", fields: STAGED, ..TOLD },
    Capabilities { object: "tickets", fields: STAGED, ..TOLD },
    // They are told of as `object.*`. An upsert takes no association, and no lead is made without its contact: the key is looked for, and
    // its uniqueness keeps a second creation out. HubSpot merges none.
    Capabilities { object: "leads", key: Some(Key::Unique), fields: STAGED, ..UNMERGED },
    // Each of them is told of as `object.*`; submissions of forms are not, and are few. Deleted e-mails are in no bin: of those that no
    // webhook tells of, the reconciliation learns.
    Capabilities {
        object: ENGAGEMENTS,
        parts: PARTS.len() as u32,
        key: None,
        creates_fields: false,
        fields: &[("associations.*", Detection::TOLD), OWNER],
        ..UNMERGED
    },
    Capabilities { object: "tasks", ..UNMERGED },
    Capabilities { object: "calls", ..UNMERGED },
    Capabilities { object: "meetings", ..UNMERGED },
    Capabilities { object: "notes", ..UNMERGED },
    Capabilities { object: "emails", ..UNMERGED },
    Capabilities { object: "campaigns", ..MARKETING },
    Capabilities { object: "forms", page_rows: 50, ..MARKETING },
    Capabilities { object: "marketing_emails", ..MARKETING },
    // Objects of the portal's own, like all that have no subscriptions under their own name, are told of as `object.*`.
    Capabilities { object: EVERY, ..TOLD },
];

/// Fields of what goes through stages.
const STAGED: &[(&str, Detection)] = &[("associations.*", Detection::TOLD), OWNER, LISTS, STAGES];

/// What marketing works with is gone through by each poll, and nothing tells of what is gone.
const MARKETING: Capabilities =
    Capabilities { key: None, deletions: Found::RECONCILIATION, restorations: None, fields: &[], creates_fields: false, ..UNTOLD };

/// As documented.
pub(super) static LIMITS: &[Limit] = &[
    Limit { what: "calls of an OAuth app in one account", amount: 110, seconds: 10 },
    Limit { what: "searches of an account", amount: 5, seconds: 1 },
    Limit { what: "calls of private apps in an account, by its tier", amount: 250_000, seconds: 86_400 },
];
