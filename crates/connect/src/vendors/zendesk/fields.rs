//! What Zendesk documents of its built-in attributes: kind, whether they can be written, lengths and choices.

use entente_model::mapping::remote::{RemoteField, RemoteKind};

use super::kind::Kind;

/// One built-in attribute.
#[derive(Debug, Clone, Copy)]
pub struct Attribute {
    /// Flattened name.
    pub name: &'static str,
    kind: RemoteKind,
    /// Whether writes may carry it.
    pub writable: bool,
    required: bool,
    unique: bool,
    length: Option<u32>,
    values: &'static [&'static str],
}

const fn shown(name: &'static str, kind: RemoteKind) -> Attribute {
    Attribute { name, kind, writable: false, required: false, unique: false, length: None, values: &[] }
}

const fn open(name: &'static str, kind: RemoteKind) -> Attribute {
    Attribute { name, kind, writable: true, required: false, unique: false, length: None, values: &[] }
}

impl Attribute {
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    const fn length(mut self, characters: u32) -> Self {
        self.length = Some(characters);
        self
    }

    const fn values(mut self, values: &'static [&'static str]) -> Self {
        self.values = values;
        self
    }

    /// The attribute as `describe` tells of it.
    #[must_use]
    pub fn described(&self) -> RemoteField {
        RemoteField {
            writable: self.writable,
            required: self.required,
            unique: self.unique,
            length: self.length,
            values: self.values.iter().map(|value| (*value).to_owned()).collect(),
            restricted: !self.values.is_empty(),
            of_owner: self.name.starts_with("assignee"),
            ..RemoteField::new(self.name, label(self.name), self.kind)
        }
    }
}

/// `organization_id` → `Organization id`.
fn label(name: &str) -> String {
    let spaced = name.replace(['_', '.'], " ");
    let mut letters = spaced.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

use RemoteKind::{Boolean, Datetime, Email, Json, LongText, MultiPicklist, Number, Phone, Picklist, Reference, Text};

/// Longest text in a one-line attribute.
const LINE: u32 = 255;

const USER: &[Attribute] = &[
    shown("id", Reference),
    shown("url", RemoteKind::Url),
    open("name", Text).required().length(LINE),
    open("email", Email).unique(),
    shown("created_at", Datetime),
    shown("updated_at", Datetime),
    open("time_zone", Text),
    shown("iana_time_zone", Text),
    open("phone", Phone),
    shown("shared_phone_number", Boolean),
    shown("photo", Json),
    open("locale_id", Text),
    open("locale", Text),
    open("organization_id", Reference),
    shown("organization.name", Text),
    open("role", Picklist).values(&["end-user", "agent", "admin"]),
    open("verified", Boolean),
    open("external_id", Text).unique().length(LINE),
    open("tags", MultiPicklist),
    open("alias", Text).length(LINE),
    shown("active", Boolean),
    shown("shared", Boolean),
    shown("shared_agent", Boolean),
    shown("last_login_at", Datetime),
    shown("two_factor_auth_enabled", Boolean),
    open("signature", LongText),
    open("details", LongText),
    open("notes", LongText),
    shown("role_type", Number),
    open("custom_role_id", Reference),
    shown("is_billing_admin", Boolean),
    open("moderator", Boolean),
    open("ticket_restriction", Picklist).values(&["organization", "groups", "assigned", "requested"]),
    open("only_private_comments", Boolean),
    open("restricted_agent", Boolean),
    open("suspended", Boolean),
    open("default_group_id", Reference),
    shown("report_csv", Boolean),
];

const ORGANIZATION: &[Attribute] = &[
    shown("id", Reference),
    shown("url", RemoteKind::Url),
    open("name", Text).required().unique().length(LINE),
    open("shared_tickets", Boolean),
    open("shared_comments", Boolean),
    open("external_id", Text).unique().length(LINE),
    shown("created_at", Datetime),
    shown("updated_at", Datetime),
    open("domain_names", MultiPicklist),
    open("details", LongText),
    open("notes", LongText),
    open("group_id", Reference),
    open("tags", MultiPicklist),
];

/// Attributes that a new ticket takes and that no answer ever shows.
pub const WRITE_ONLY: &[&str] = &["comment.public", "requester_agent_email"];

const TICKET: &[Attribute] = &[
    open("comment.public", Boolean),
    open("requester_agent_email", Email),
    shown("id", Reference),
    shown("url", RemoteKind::Url),
    open("external_id", Text).length(LINE),
    shown("via.channel", Text),
    shown("created_at", Datetime),
    shown("updated_at", Datetime),
    shown("generated_timestamp", Number),
    open("type", Picklist).values(&["problem", "incident", "question", "task"]),
    open("subject", Text),
    shown("raw_subject", Text),
    open("description", LongText).required(),
    open("priority", Picklist).values(&["urgent", "high", "normal", "low"]),
    open("status", Picklist).values(&["new", "open", "pending", "hold", "solved", "closed"]),
    shown("recipient", Email),
    open("requester_id", Reference),
    open("requester.name", Text),
    open("requester.email", Email),
    open("submitter_id", Reference),
    shown("submitter.name", Text),
    shown("submitter.email", Email),
    open("assignee_id", Reference),
    shown("assignee.name", Text),
    shown("assignee.email", Email),
    open("organization_id", Reference),
    shown("organization.name", Text),
    open("group_id", Reference),
    shown("group.name", Text),
    open("collaborator_ids", MultiPicklist),
    open("follower_ids", MultiPicklist),
    open("email_cc_ids", MultiPicklist),
    shown("forum_topic_id", Reference),
    open("problem_id", Reference),
    shown("has_incidents", Boolean),
    shown("is_public", Boolean),
    open("due_at", Datetime),
    open("tags", MultiPicklist),
    shown("satisfaction_rating.score", Picklist),
    shown("satisfaction_rating.comment", LongText),
    shown("satisfaction_rating.reason", Text),
    shown("sharing_agreement_ids", MultiPicklist),
    open("custom_status_id", Reference),
    shown("encoded_id", Text),
    shown("followup_ids", MultiPicklist),
    open("ticket_form_id", Reference),
    open("brand_id", Reference),
    shown("allow_channelback", Boolean),
    shown("allow_attachments", Boolean),
    shown("from_messaging_channel", Boolean),
    shown("support_type", Text),
    shown("metric_set.reply_time_in_minutes", Number),
    shown("metric_set.first_resolution_time_in_minutes", Number),
    shown("metric_set.full_resolution_time_in_minutes", Number),
    shown("metric_set.agent_wait_time_in_minutes", Number),
    shown("metric_set.requester_wait_time_in_minutes", Number),
    shown("metric_set.on_hold_time_in_minutes", Number),
    shown("metric_set.replies", Number),
    shown("metric_set.reopens", Number),
    shown("metric_set.solved_at", Datetime),
    shown("metric_set.initially_assigned_at", Datetime),
    shown("metric_set.assigned_at", Datetime),
    shown("metric_set.latest_comment_added_at", Datetime),
];

/// The built-in attributes of an object.
#[must_use]
pub fn attributes(kind: Kind) -> &'static [Attribute] {
    match kind {
        Kind::User => USER,
        Kind::Organization => ORGANIZATION,
        Kind::Ticket => TICKET,
    }
}

/// Whether an attribute can be written and never read.
#[must_use]
pub fn is_write_only(kind: Kind, name: &str) -> bool {
    kind == Kind::Ticket && WRITE_ONLY.contains(&name)
}

/// One built-in attribute by its flattened name.
#[must_use]
pub fn attribute(kind: Kind, name: &str) -> Option<&'static Attribute> {
    attributes(kind).iter().find(|attribute| attribute.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_is_listed_once() {
        for kind in Kind::ALL {
            let mut names: Vec<&str> = attributes(kind).iter().map(|attribute| attribute.name).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{kind:?}");
        }
    }

    #[test]
    fn labels_read_like_words() {
        assert_eq!(label("organization_id"), "Organization id");
        assert_eq!(label("assignee.name"), "Assignee name");
    }
}
