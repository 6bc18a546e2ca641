//! What Pipedrive documents of its own attributes, flattened, and what this connector adds to them.

use entente_model::mapping::remote::{RemoteField, RemoteKind};

use super::kind::Kind;
use crate::vendors::attribute::{Attribute, needed, open, shown};

use RemoteKind::{Boolean, Date, Datetime, Email, LongText, MultiPicklist, Number, Phone, Picklist, Reference, Text, Url};

/// The attribute of activities and notes that carries Entente's record id: a line of its own at the end of their text.
pub(crate) const KEY_LINE: &str = "entente_id";

/// As `describe` tells of an attribute. `values` are those of a list.
pub(crate) fn documented(attribute: &Attribute, values: Vec<String>) -> RemoteField {
    RemoteField { restricted: !values.is_empty(), values, ..attribute.described() }
}

/// What rows of most kinds have.
const COMMON: &[Attribute] = &[
    shown("id", Reference),
    open("owner_id", Reference).of_owner(),
    shown("owner.name", Text).of_owner(),
    shown("owner.email", Email).of_owner(),
    shown("add_time", Datetime),
    shown("update_time", Datetime),
];

const PERSON: &[Attribute] = &[
    needed("name", Text),
    shown("first_name", Text),
    shown("last_name", Text),
    open("email", Email),
    shown("emails", MultiPicklist),
    open("phone", Phone),
    shown("phones", MultiPicklist),
    open("org_id", Reference),
    open("labels", MultiPicklist),
    open("visible_to", Picklist),
    open("marketing_status", Picklist),
    // Only with the contact sync, else Pipedrive refuses them.
    open("job_title", Text),
    open("birthday", Date),
];

const ORGANIZATION: &[Attribute] = &[
    needed("name", Text),
    open("address", Text),
    open("website", Url),
    open("linkedin", Url),
    open("industry", Picklist),
    open("annual_revenue", Number),
    open("employee_count", Number),
    open("labels", MultiPicklist),
    open("visible_to", Picklist),
];

const DEAL: &[Attribute] = &[
    needed("title", Text),
    open("value", Number),
    open("currency", Text),
    open("person_id", Reference),
    open("org_id", Reference),
    open("pipeline_id", Reference),
    open("stage_id", Reference),
    shown("stage", Text),
    shown("pipeline", Text),
    open("status", Picklist),
    shown("is_won", Boolean),
    shown("is_closed", Boolean),
    open("probability", Number),
    open("lost_reason", Text),
    open("expected_close_date", Date),
    open("won_time", Datetime),
    open("lost_time", Datetime),
    open("close_time", Datetime),
    shown("stage_change_time", Datetime),
    open("is_archived", Boolean),
    open("labels", MultiPicklist),
    open("visible_to", Picklist),
];

const LEAD: &[Attribute] = &[
    needed("title", Text),
    open("person_id", Reference),
    open("org_id", Reference),
    open("value", Number),
    open("currency", Text),
    open("expected_close_date", Date),
    open("is_archived", Boolean),
    open("was_seen", Boolean),
    open("labels", MultiPicklist),
    open("visible_to", Picklist),
    shown("source_name", Text),
];

/// What activities and notes have in common under the same name: notes are read among activities.
const TEXTUAL: &[Attribute] = &[
    open("note", LongText),
    open("deal_id", Reference),
    open("lead_id", Reference),
    open("org_id", Reference),
    open("person_id", Reference),
    Attribute { unique: true, ..open(KEY_LINE, Text) },
];

const ACTIVITY: &[Attribute] = &[
    open("subject", Text),
    open("type", Text),
    // `Call`, `Meeting`, …, and `Note`.
    shown("kind", Text),
    open("done", Boolean),
    open("due_date", Date),
    open("due_time", Text),
    open("duration", Text),
    open("busy", Boolean),
    open("priority", Number),
    open("location", Text),
    open("public_description", Text),
    shown("marked_as_done_time", Datetime),
];

/// The attributes of an object.
pub(crate) fn attributes(kind: Kind) -> impl Iterator<Item = &'static Attribute> {
    let (own, textual): (&[Attribute], &[Attribute]) = match kind {
        Kind::Person => (PERSON, &[]),
        Kind::Organization => (ORGANIZATION, &[]),
        Kind::Deal => (DEAL, &[]),
        Kind::Lead => (LEAD, &[]),
        Kind::Activity => (ACTIVITY, TEXTUAL),
        Kind::Note => (&[], TEXTUAL),
    };
    COMMON.iter().chain(own).chain(textual)
}

/// One attribute by its flattened name.
pub(crate) fn attribute(kind: Kind, name: &str) -> Option<&'static Attribute> {
    attributes(kind).find(|attribute| attribute.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_is_listed_once() {
        for kind in Kind::ALL {
            let mut names: Vec<&str> = attributes(kind).map(|attribute| attribute.name).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{kind:?}");
        }
    }
}
