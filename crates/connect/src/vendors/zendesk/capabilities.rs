//! What Zendesk can do with its objects.

use crate::capability::{Capabilities, Concurrency, DOTTED, Detection, EVERY, Found, Happening, Key, Limit, Lookup, Told, Unique};

use super::comments::COMMENT;

const ORGANIZATION: Capabilities = Capabilities {
    object: EVERY,
    page_rows: 1_000,
    page_extra: 1,
    parts: 1,
    key: Some(Key::Upsert),
    concurrency: None,
    told: &[
        Told { what: Happening::Created, by: &["created"] },
        Told { what: Happening::Changed, by: &["custom_field_changed", "external_id_changed", "name_changed", "tags_changed"] },
        Told { what: Happening::Deleted, by: &["deleted"] },
    ],
    changes: Found::POLL,
    // They are in no export once they are gone.
    deletions: Found::RECONCILIATION,
    // The one that was merged is deleted; nothing in it says into which.
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
        object: "user",
        // Without one of their own, people have the account's.
        never_blank: &["time_zone", "locale", "locale_id", "role"],
        // Further addresses included. A phone number that another user has is taken all the same, and shared from then on.
        unique: &[Unique { field: "email", asked: Some(Lookup::Email) }],
        told: &[
            Told { what: Happening::Created, by: &["created"] },
            Told {
                what: Happening::Changed,
                by: &[
                    "active_changed",
                    "alias_changed",
                    "custom_field_changed",
                    "default_group_changed",
                    "details_changed",
                    "external_id_changed",
                    "identity_changed",
                    "identity_created",
                    "identity_deleted",
                    "name_changed",
                    "notes_changed",
                    "only_private_comments_changed",
                    "organization_membership_created",
                    "organization_membership_deleted",
                    "role_changed",
                    "suspended_changed",
                    "tags_changed",
                    "time_zone_changed",
                ],
            },
            Told { what: Happening::Deleted, by: &["deleted"] },
            Told { what: Happening::Merged, by: &["merged"] },
        ],
        deletions: Found::POLL,
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
        told: &[
            Told { what: Happening::Created, by: &["created"] },
            Told {
                what: Happening::Changed,
                by: &[
                    "agent_assignment_changed",
                    "comment_added",
                    "custom_field_changed",
                    "custom_status_changed",
                    "external_id_changed",
                    "group_assignment_changed",
                    // The ticket that goes into another is closed, and stays.
                    "merged",
                    "organization_changed",
                    "priority_changed",
                    "requester_changed",
                    "status_changed",
                    "subject_changed",
                    "tags_changed",
                    "task_due_at_changed",
                    "type_changed",
                ],
            },
            Told { what: Happening::Deleted, by: &["soft_deleted", "permanently_deleted", "marked_as_spam"] },
            Told { what: Happening::Restored, by: &["undeleted"] },
        ],
        deletions: Found::POLL,
        restorations: Some(Found::POLL),
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
    Capabilities {
        object: COMMENT,
        key: None,
        told: &[],
        changes: Found::POLL,
        // They go with their ticket, of which no event of a comment tells.
        deletions: Found::RECONCILIATION,
        restorations: Some(Found::RECONCILIATION),
        // Subject, requester and organization are the ticket's, and the name is the author's.
        fields: &[(DOTTED, Detection::RECONCILIATION)],
        creates_fields: false,
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
