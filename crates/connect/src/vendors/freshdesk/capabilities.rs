//! What Freshdesk can do with its objects.

use crate::capability::{Capabilities, Concurrency, DOTTED, Detection, EVERY, Found, Happening, Key, Limit, Lookup, Told, Unique};

use super::conversations::CONVERSATION;

const ROW: Capabilities = Capabilities {
    object: EVERY,
    page_rows: 100,
    page_extra: 0,
    parts: 1,
    key: Some(Key::LookUp),
    concurrency: Some(Concurrency::LookFirst),
    // Automation rules, which send webhooks, know tickets alone.
    told: &[],
    changes: Found::POLL,
    deletions: Found::RECONCILIATION,
    merges: Found::NEVER,
    restorations: None,
    exceptions: &[],
    notes: &[],
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
        notes: &[
            "blocked contacts are in no list that is read, neither that of changes nor the complete one, until somebody unblocks them: \
             whoever asks for one by its id is shown it, so that a reconciliation finds it there",
            "a blocked contact takes no writes: `set_aside` says so, and the change waits for a person to unblock the contact or discard it",
            "a deleted contact takes no writes: it is looked at again, and keeps its addresses, so that nobody else can have them",
        ],
        deletions: Found::POLL,
        merges: Found::POLL,
        restorations: Some(Found::POLL),
        ..ROW
    },
    Capabilities { object: "company", unique: &[Unique { field: "name", asked: Some(Lookup::Name) }], ..ROW },
    Capabilities {
        object: "ticket",
        // Messages of changes say which field went from what to what.
        told: &[
            Told { what: Happening::Created, by: &["ticket_action:created"] },
            Told { what: Happening::Changed, by: &[EVERY] },
            Told { what: Happening::Deleted, by: &["ticket_action:delete"] },
            Told { what: Happening::Restored, by: &["ticket_action:updated"] },
        ],
        notes: &[
            "spam counts as deleted and is listed by itself; a ticket that is deleted or spam takes no writes: it is looked at again, and \
             what waits for it lands once a person has brought it back",
            "archived tickets take no writes either, and are in no list: `set_aside` says so, and a person decides",
        ],
        deletions: Found::POLL,
        restorations: Some(Found::POLL),
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
    Capabilities {
        object: CONVERSATION,
        // A call brings what is said on one ticket, which is a few.
        page_rows: 5,
        key: None,
        concurrency: None,
        restorations: Some(Found::RECONCILIATION),
        // Nothing moves when a note is edited; subject, requester and company are the ticket's, and the name is the author's.
        fields: &[("body", Detection::RECONCILIATION), (DOTTED, Detection::RECONCILIATION)],
        creates_fields: false,
        ..ROW
    },
];

/// As documented.
pub(super) static LIMITS: &[Limit] =
    &[Limit { what: "calls of the plan Pro; 200 to 700 by plan, fewer in trials", amount: 400, seconds: 60 }];
