//! What Intercom can do with its objects.

use crate::capability::{
    Capabilities, Concurrency, DOTTED, Detection, EVERY, Exception, Found, Happening, Key, Limit, Lookup, Told, Unique,
};

use super::parts;

const ROW: Capabilities = Capabilities {
    object: EVERY,
    page_rows: 150,
    page_extra: 0,
    parts: 1,
    key: Some(Key::Unique),
    concurrency: Some(Concurrency::LookFirst),
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

const CONTACT: Capabilities = Capabilities {
    object: "contact",
    told: &[
        Told { what: Happening::Created, by: &["contact.user.created", "contact.lead.created"] },
        Told {
            what: Happening::Changed,
            by: &[
                "contact.user.updated",
                "contact.lead.updated",
                "contact.lead.added_email",
                "contact.lead.signed_up",
                "contact.email.updated",
                "contact.subscribed",
                "contact.unsubscribed",
                "contact.user.tag.created",
                "contact.user.tag.deleted",
                "contact.lead.tag.created",
                "contact.lead.tag.deleted",
                "company.contact.attached",
                "company.contact.detached",
            ],
        },
        Told { what: Happening::Deleted, by: &["contact.deleted", "contact.archived"] },
        Told { what: Happening::Merged, by: &["contact.merged"] },
        // Both spellings are in use.
        Told { what: Happening::Restored, by: &["contact.unarchive", "contact.unarchived"] },
    ],
    merges: Found::RECONCILIATION,
    restorations: Some(Found::POLL),
    // Of users, unless the workspace is set to let several have one address.
    unique: &[Unique { field: "email", asked: Some(Lookup::Email) }],
    ..ROW
};

const COMPANY: Capabilities = Capabilities {
    object: "company",
    page_rows: 100,
    told: &[
        Told { what: Happening::Created, by: &["company.created"] },
        Told { what: Happening::Changed, by: &["company.updated"] },
        Told { what: Happening::Deleted, by: &["company.deleted"] },
    ],
    ..ROW
};

const CONVERSATION: Capabilities = Capabilities {
    object: "conversation",
    key: Some(Key::LookUp),
    told: &[
        Told { what: Happening::Created, by: &["conversation.user.created", "conversation.admin.single.created", "ticket.created"] },
        Told {
            what: Happening::Changed,
            by: &[
                "conversation.user.replied",
                "conversation.admin.replied",
                "conversation.admin.noted",
                "conversation.admin.assigned",
                "conversation.admin.open.assigned",
                "conversation.admin.closed",
                "conversation.admin.opened",
                "conversation.admin.snoozed",
                "conversation.admin.unsnoozed",
                "conversation.contact.attached",
                "conversation.contact.detached",
                "conversation.rating.added",
                "conversation.priority.updated",
                "conversation.read",
                "conversation_part.tag.created",
                "conversation_part.redacted",
                "ticket.state.updated",
                "ticket.attribute.updated",
                "ticket.closed",
                "ticket.admin.assigned",
                "ticket.admin.replied",
                "ticket.team.assigned",
                "ticket.contact.attached",
                "ticket.contact.detached",
                "ticket.contact.replied",
                "ticket.note.created",
                "ticket.rating.provided",
            ],
        },
        Told { what: Happening::Deleted, by: &["conversation.deleted"] },
    ],
    deletions: Found::POLL,
    notes: &[
        "whoever deletes a ticket leaves no trace in a list or a message: until a reconciliation, the record goes on as if it were there",
    ],
    // They are in no list of what was deleted, and told of by nothing.
    exceptions: &[Exception { rows: "tickets", deletions: Detection::RECONCILIATION }],
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

const PART: Capabilities = Capabilities {
    object: parts::PART,
    // A call brings what is said in one conversation, which is a few.
    page_rows: 5,
    key: None,
    concurrency: None,
    // Title, contact and company are the conversation's, and the name is the author's.
    fields: &[(DOTTED, Detection::RECONCILIATION)],
    creates_fields: false,
    ..ROW
};

/// By object, in version 2.16.
pub(super) static OBJECTS: &[Capabilities] = &[CONTACT, COMPANY, CONVERSATION, PART];

/// By object, in the versions before: a contact who is asked for says that it is no more, not into whom it went, and nothing lists deleted
/// conversations.
pub(super) static OLDER_OBJECTS: &[Capabilities] =
    &[Capabilities { merges: Found::NEVER, ..CONTACT }, COMPANY, Capabilities { deletions: Found::RECONCILIATION, ..CONVERSATION }, PART];

/// As documented.
pub(super) static LIMITS: &[Limit] = &[
    Limit { what: "calls of an app, in windows of ten seconds; small private apps have a tenth", amount: 10_000, seconds: 60 },
    Limit { what: "calls of a workspace", amount: 25_000, seconds: 60 },
];
