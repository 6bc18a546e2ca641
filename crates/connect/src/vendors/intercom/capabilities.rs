//! What Intercom can do with its objects.

use crate::capability::{Capabilities, Concurrency, Detection, EVERY, Key, Limit, Lookup, Unique};

const ROW: Capabilities = Capabilities {
    object: EVERY,
    page_rows: 150,
    page_extra: 0,
    parts: 1,
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

const CONTACT: Capabilities = Capabilities {
    object: "contact",
    merges: Detection::TOLD,
    restorations: Some(Detection::FULL),
    // Of users, unless the workspace is set to let several have one address.
    unique: &[Unique { field: "email", asked: Some(Lookup::Email) }],
    ..ROW
};

const COMPANY: Capabilities = Capabilities { object: "company", page_rows: 100, ..ROW };

const CONVERSATION: Capabilities = Capabilities {
    object: "conversation",
    key: Some(Key::LookUp),
    // Of conversations. Deleted tickets are in no list and told of by nothing: the reconciliation finds them.
    deletions: Detection::FULL,
    fields: &[
        // A new ticket takes it, and no answer shows it.
        ("requester_agent_email", Detection::NEVER),
        // Names and addresses of colleagues belong to those.
        ("assignee.*", Detection::RECONCILIATION),
        ("team.*", Detection::RECONCILIATION),
        // Where none is named it is the contact's first one, which moves without the conversation's stamp.
        ("company_id", Detection::RECONCILIATION),
    ],
    ..ROW
};

/// By object, in version 2.16.
pub(super) static OBJECTS: &[Capabilities] = &[CONTACT, COMPANY, CONVERSATION];

/// By object, in the versions before: a contact who is asked for says that it is no more, not into whom it went, and nothing lists deleted
/// conversations.
pub(super) static OLDER_OBJECTS: &[Capabilities] =
    &[Capabilities { merges: Detection::ONLY_TOLD, ..CONTACT }, COMPANY, Capabilities { deletions: Detection::TOLD, ..CONVERSATION }];

/// As documented.
pub(super) static LIMITS: &[Limit] = &[
    Limit { what: "calls of an app, in windows of ten seconds; small private apps have a tenth", amount: 10_000, seconds: 60 },
    Limit { what: "calls of a workspace", amount: 25_000, seconds: 60 },
];
