//! What Intercom documents of its own attributes, and what this connector adds to them.

use entente_model::mapping::remote::{RemoteField, RemoteKind};

use super::kind::Kind;
use crate::vendors::attribute::{Attribute, key, open, shown};

use RemoteKind::{Boolean, Datetime, Email, LongText, MultiPicklist, Number, Phone, Picklist, Reference, Text, Url};

/// As `describe` tells of an attribute.
pub(crate) fn documented(attribute: &Attribute) -> RemoteField {
    let whole = attribute.name == "size" || attribute.name == "monthly_spend";
    RemoteField { scale: whole.then_some(0), ..attribute.described() }
}

const CONTACT: &[Attribute] = &[
    shown("id", Reference),
    open("role", Picklist),
    key("external_id", Text),
    key("email", Email),
    open("phone", Phone),
    open("name", Text),
    open("owner_id", Reference).of_owner(),
    // Worked out: the first company of the contact's list. A write puts another one first.
    open("company_id", Reference),
    open("unsubscribed_from_emails", Boolean),
    open("signed_up_at", Datetime),
    open("last_seen_at", Datetime),
    shown("language_override", Text),
    shown("browser_language", Text),
    shown("location.country", Text),
    shown("location.region", Text),
    shown("location.city", Text),
    shown("has_hard_bounced", Boolean),
    shown("marked_email_as_spam", Boolean),
    // Worked out: names in place of ids.
    shown("tags", MultiPicklist),
    shown("last_replied_at", Datetime),
    shown("last_contacted_at", Datetime),
    shown("created_at", Datetime),
    shown("updated_at", Datetime),
];

const COMPANY: &[Attribute] = &[
    shown("id", Reference),
    key("company_id", Text),
    open("name", Text),
    open("plan", Text),
    open("size", Number),
    open("website", Url),
    open("industry", Text),
    open("monthly_spend", Number),
    shown("user_count", Number),
    shown("session_count", Number),
    shown("tags", MultiPicklist),
    shown("last_request_at", Datetime),
    open("remote_created_at", Datetime),
    shown("created_at", Datetime),
    shown("updated_at", Datetime),
];

/// Attributes that only a creation takes, and that no answer shows.
pub(crate) const WRITE_ONLY: &[&str] = &["requester_agent_email"];

const CONVERSATION: &[Attribute] = &[
    shown("id", Reference),
    // `conversation` or `ticket`.
    shown("form", Picklist),
    // The number that people read: of tickets their own, of conversations the id.
    shown("number", Text),
    open("title", Text),
    open("description", LongText),
    // open, snoozed, closed of conversations; submitted, in_progress, waiting_on_customer, resolved of tickets.
    shown("state", Picklist),
    shown("open", Boolean),
    shown("priority", Picklist),
    shown("category", Picklist),
    shown("ticket_type", Text),
    shown("tags", MultiPicklist),
    open("contact_id", Reference),
    open("company_id", Reference),
    // Whether the customer sees nothing of it: tickets of the back office.
    open("internal", Boolean),
    open("requester_agent_email", Email),
    shown("admin_assignee_id", Reference).of_owner(),
    shown("team_assignee_id", Reference),
    shown("assignee.name", Text).of_owner(),
    shown("assignee.email", Email).of_owner(),
    shown("team.name", Text),
    shown("rating", Number),
    shown("rating_remark", LongText),
    shown("snoozed_until", Datetime),
    shown("waiting_since", Datetime),
    shown("first_response_minutes", Number),
    shown("resolution_minutes", Number),
    shown("solved_at", Datetime),
    shown("last_reply_at", Datetime),
    shown("created_at", Datetime),
    shown("updated_at", Datetime),
];

/// The attributes of an object.
pub(crate) fn attributes(kind: Kind) -> &'static [Attribute] {
    match kind {
        Kind::Contact => CONTACT,
        Kind::Company => COMPANY,
        Kind::Conversation => CONVERSATION,
    }
}

/// One attribute by its flattened name.
pub(crate) fn attribute(kind: Kind, name: &str) -> Option<&'static Attribute> {
    attributes(kind).iter().find(|attribute| attribute.name == name)
}

/// Whether an attribute can be written and never read.
pub(crate) fn is_write_only(kind: Kind, name: &str) -> bool {
    kind == Kind::Conversation && WRITE_ONLY.contains(&name)
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
}
