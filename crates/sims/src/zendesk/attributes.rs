//! The attributes of users, organizations and tickets, in the order in which recorded answers show them.

use super::record::{Attr, Blank, Shape};

const fn shown(name: &'static str) -> Attr {
    Attr { name, shape: Shape::Computed, blank: Blank::Null, write: false }
}

const fn fixed(name: &'static str, shape: Shape, blank: Blank) -> Attr {
    Attr { name, shape, blank, write: false }
}

const fn open(name: &'static str, shape: Shape, blank: Blank) -> Attr {
    Attr { name, shape, blank, write: true }
}

/// Values of a user's `role`.
pub(crate) const ROLES: &[&str] = &["end-user", "agent", "admin"];
const RESTRICTIONS: &[&str] = &["organization", "groups", "assigned", "requested"];
/// Values of a ticket's `status` that can be written.
pub(crate) const STATUSES: &[&str] = &["new", "open", "pending", "hold", "solved", "closed"];
const PRIORITIES: &[&str] = &["urgent", "high", "normal", "low"];
const TYPES: &[&str] = &["problem", "incident", "question", "task"];

/// Users.
pub(crate) const USER: &[Attr] = &[
    shown("id"),
    shown("url"),
    open("name", Shape::Text, Blank::Null),
    shown("email"),
    shown("created_at"),
    shown("updated_at"),
    open("time_zone", Shape::Text, Blank::Text("Eastern Time (US & Canada)")),
    shown("iana_time_zone"),
    open("phone", Shape::Text, Blank::Null),
    shown("shared_phone_number"),
    fixed("photo", Shape::Any, Blank::Null),
    open("locale_id", Shape::Int, Blank::Int(1)),
    open("locale", Shape::Text, Blank::Text("en-US")),
    open("organization_id", Shape::Int, Blank::Null),
    open("role", Shape::OneOf(ROLES), Blank::Text("end-user")),
    open("verified", Shape::Bool, Blank::Bool(false)),
    open("external_id", Shape::Text, Blank::Null),
    shown("tags"),
    open("alias", Shape::Text, Blank::Null),
    shown("active"),
    fixed("shared", Shape::Bool, Blank::Bool(false)),
    fixed("shared_agent", Shape::Bool, Blank::Bool(false)),
    fixed("last_login_at", Shape::Time, Blank::Null),
    fixed("two_factor_auth_enabled", Shape::Any, Blank::Null),
    open("signature", Shape::Text, Blank::Null),
    open("details", Shape::Note, Blank::Null),
    open("notes", Shape::Note, Blank::Null),
    fixed("role_type", Shape::Int, Blank::Null),
    open("custom_role_id", Shape::Int, Blank::Null),
    fixed("is_billing_admin", Shape::Bool, Blank::Bool(false)),
    open("moderator", Shape::Bool, Blank::Bool(false)),
    open("ticket_restriction", Shape::OneOf(RESTRICTIONS), Blank::Text("requested")),
    open("only_private_comments", Shape::Bool, Blank::Bool(false)),
    open("restricted_agent", Shape::Bool, Blank::Bool(true)),
    open("suspended", Shape::Bool, Blank::Bool(false)),
    open("default_group_id", Shape::Int, Blank::Null),
    fixed("report_csv", Shape::Bool, Blank::Bool(false)),
    shown("user_fields"),
];

/// Keys of a user write that are understood without being attributes.
pub(crate) const USER_EXTRA: &[&str] =
    &["skip_verify_email", "identities", "organization", "password", "remote_photo_url", "agent_brand_ids", "email", "tags", "user_fields"];

/// Organizations.
pub(crate) const ORGANIZATION: &[Attr] = &[
    shown("url"),
    shown("id"),
    open("name", Shape::Text, Blank::Null),
    open("shared_tickets", Shape::Bool, Blank::Bool(false)),
    open("shared_comments", Shape::Bool, Blank::Bool(false)),
    open("external_id", Shape::Text, Blank::Null),
    shown("created_at"),
    shown("updated_at"),
    open("domain_names", Shape::Texts, Blank::List),
    open("details", Shape::Note, Blank::Null),
    open("notes", Shape::Note, Blank::Null),
    open("group_id", Shape::Int, Blank::Null),
    shown("tags"),
    shown("organization_fields"),
];

/// Tickets.
pub(crate) const TICKET: &[Attr] = &[
    shown("url"),
    shown("id"),
    open("external_id", Shape::Text, Blank::Null),
    shown("via"),
    shown("created_at"),
    shown("updated_at"),
    shown("generated_timestamp"),
    open("type", Shape::OneOf(TYPES), Blank::Null),
    open("subject", Shape::Text, Blank::Null),
    shown("raw_subject"),
    fixed("description", Shape::Text, Blank::Null),
    open("priority", Shape::OneOf(PRIORITIES), Blank::Null),
    open("status", Shape::OneOf(STATUSES), Blank::Text("new")),
    open("recipient", Shape::Text, Blank::Null),
    open("requester_id", Shape::Int, Blank::Null),
    open("submitter_id", Shape::Int, Blank::Null),
    open("assignee_id", Shape::Int, Blank::Null),
    open("organization_id", Shape::Int, Blank::Null),
    open("group_id", Shape::Int, Blank::Null),
    open("collaborator_ids", Shape::Ids, Blank::List),
    open("follower_ids", Shape::Ids, Blank::List),
    open("email_cc_ids", Shape::Ids, Blank::List),
    open("forum_topic_id", Shape::Int, Blank::Null),
    open("problem_id", Shape::Int, Blank::Null),
    shown("has_incidents"),
    fixed("is_public", Shape::Bool, Blank::Bool(true)),
    open("due_at", Shape::Time, Blank::Null),
    shown("tags"),
    shown("custom_fields"),
    shown("satisfaction_rating"),
    fixed("sharing_agreement_ids", Shape::Ids, Blank::List),
    open("custom_status_id", Shape::Int, Blank::Null),
    shown("encoded_id"),
    shown("fields"),
    fixed("followup_ids", Shape::Ids, Blank::List),
    open("ticket_form_id", Shape::Int, Blank::Null),
    open("brand_id", Shape::Int, Blank::Null),
    fixed("allow_channelback", Shape::Bool, Blank::Bool(false)),
    fixed("allow_attachments", Shape::Bool, Blank::Bool(true)),
    fixed("from_messaging_channel", Shape::Bool, Blank::Bool(false)),
    fixed("support_type", Shape::Text, Blank::Text("agent")),
];

/// Keys of a ticket write that are understood without being attributes.
pub(crate) const TICKET_EXTRA: &[&str] = &[
    "comment",
    "voice_comment",
    "comments",
    "description",
    "requester",
    "tags",
    "additional_tags",
    "remove_tags",
    "custom_fields",
    "fields",
    "safe_update",
    "updated_stamp",
    "metadata",
    "via_followup_source_id",
    "collaborators",
    "additional_collaborators",
    "email_ccs",
    "followers",
    "macro_ids",
    "macro_id",
    "is_public",
    "via",
    "created_at",
    "updated_at",
    "solved_at",
    "assignee_email",
];
