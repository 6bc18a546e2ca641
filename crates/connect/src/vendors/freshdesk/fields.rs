//! What Freshdesk documents of its own attributes, and what this connector adds to tickets.

use entente_model::mapping::remote::RemoteKind;

use super::kind::Kind;
use crate::vendors::attribute::{Attribute, key, needed, open, shown};

use RemoteKind::{Boolean, Date, Datetime, Email, LongText, MultiPicklist, Number, Phone, Picklist, Reference, Text};

const CONTACT: &[Attribute] = &[
    shown("id", Reference),
    needed("name", Text),
    shown("first_name", Text),
    shown("last_name", Text),
    key("email", Email),
    open("other_emails", MultiPicklist),
    open("phone", Phone),
    open("mobile", Phone),
    key("twitter_id", Text),
    key("unique_external_id", Text),
    open("company_id", Reference),
    open("view_all_tickets", Boolean),
    open("address", Text),
    open("description", LongText),
    open("job_title", Text),
    open("language", Text),
    open("time_zone", Text),
    open("tags", MultiPicklist),
    shown("active", Boolean),
    shown("created_at", Datetime),
    shown("updated_at", Datetime),
];

const COMPANY: &[Attribute] = &[
    shown("id", Reference),
    Attribute { unique: true, ..needed("name", Text) },
    open("description", LongText),
    open("note", LongText),
    open("domains", MultiPicklist),
    open("health_score", Picklist),
    open("account_tier", Picklist),
    open("renewal_date", Date),
    open("industry", Picklist),
    shown("created_at", Datetime),
    shown("updated_at", Datetime),
];

/// Attributes that a new ticket takes and that no answer ever shows.
pub(crate) const WRITE_ONLY: &[&str] = &["internal", "requester_agent_email"];

const TICKET: &[Attribute] = &[
    shown("id", Reference),
    needed("subject", Text),
    needed("description", LongText),
    // Freshdesk wants these three of a new ticket; where no mapping has a value, the connector brings one.
    open("status", Picklist),
    open("priority", Picklist),
    open("source", Picklist),
    open("type", Picklist),
    open("tags", MultiPicklist),
    open("cc_emails", MultiPicklist),
    open("requester_id", Reference),
    open("responder_id", Reference).of_owner(),
    open("group_id", Reference),
    open("company_id", Reference),
    open("product_id", Reference),
    open("internal", Boolean),
    open("requester_agent_email", Email),
    shown("spam", Boolean),
    shown("due_by", Datetime),
    shown("fr_due_by", Datetime),
    shown("is_escalated", Boolean),
    shown("fr_escalated", Boolean),
    shown("created_at", Datetime),
    shown("updated_at", Datetime),
    shown("requester.name", Text),
    shown("requester.email", Email),
    shown("requester.phone", Phone),
    shown("company.name", Text),
    shown("responder.name", Text).of_owner(),
    shown("responder.email", Email).of_owner(),
    shown("group.name", Text),
    shown("stats.agent_responded_at", Datetime),
    shown("stats.requester_responded_at", Datetime),
    shown("stats.first_responded_at", Datetime),
    shown("stats.status_updated_at", Datetime),
    shown("stats.reopened_at", Datetime),
    shown("stats.resolved_at", Datetime),
    shown("stats.closed_at", Datetime),
    shown("stats.pending_since", Datetime),
    shown("stats.last_reply_at", Datetime),
    shown("stats.first_response_minutes", Number),
    shown("stats.resolution_minutes", Number),
];

/// The attributes of an object.
pub(crate) fn attributes(kind: Kind) -> &'static [Attribute] {
    match kind {
        Kind::Contact => CONTACT,
        Kind::Company => COMPANY,
        Kind::Ticket => TICKET,
    }
}

/// One attribute by its flattened name.
pub(crate) fn attribute(kind: Kind, name: &str) -> Option<&'static Attribute> {
    attributes(kind).iter().find(|attribute| attribute.name == name)
}

/// Whether an attribute can be written and never read.
pub(crate) fn is_write_only(kind: Kind, name: &str) -> bool {
    kind == Kind::Ticket && WRITE_ONLY.contains(&name)
}

/// Whether lists leave an attribute out, so that each row must be read by itself.
pub(crate) fn is_only_in_views(kind: Kind, name: &str) -> bool {
    kind == Kind::Contact && matches!(name, "tags" | "other_emails")
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
