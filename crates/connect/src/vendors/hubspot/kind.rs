//! What is particular about HubSpot's objects.

use super::refusal::misfit;
use super::{lists, stages, subscriptions};
use crate::error::VendorError;

/// Prefix of the flattened names of associations: `associations.companies` is the id of the associated company.
pub(crate) const ASSOCIATION: &str = "associations.";

/// Prefix of the flattened names of an owner's attributes: `owner.name`, `owner.email`.
pub(crate) const OWNER: &str = "owner.";

/// One object.
#[derive(Debug)]
pub(crate) struct Kind {
    /// Name in paths and mappings.
    pub name: &'static str,
    /// Type id in events of `object.*`.
    pub type_id: &'static str,
    /// First part of event types, and part of association names.
    pub singular: &'static str,
    /// Property that tells of changes: contacts have their own.
    pub cursor: &'static str,
    /// Properties that make up the name.
    pub names: &'static [&'static str],
    /// Properties that hold phone numbers.
    pub phones: &'static [&'static str],
    /// Fields without which HubSpot makes no row, as far as its definitions do not show it. An association among them has to be in the
    /// creation itself.
    pub needs: &'static [&'static str],
}

const CURSOR: &str = "hs_lastmodifieddate";

static KINDS: &[Kind] = &[
    Kind {
        name: "contacts",
        type_id: "0-1",
        singular: "contact",
        cursor: "lastmodifieddate",
        names: &["firstname", "lastname"],
        phones: &["phone", "mobilephone"],
        needs: &[],
    },
    Kind { name: "companies", type_id: "0-2", singular: "company", cursor: CURSOR, names: &["name"], phones: &["phone"], needs: &[] },
    Kind { name: "deals", type_id: "0-3", singular: "deal", cursor: CURSOR, names: &["dealname"], phones: &[], needs: &[] },
    Kind { name: "tickets", type_id: "0-5", singular: "ticket", cursor: CURSOR, names: &["subject"], phones: &[], needs: &[] },
    Kind { name: "tasks", type_id: "0-27", singular: "task", cursor: CURSOR, names: &["hs_task_subject"], phones: &[], needs: &[] },
    Kind { name: "notes", type_id: "0-46", singular: "note", cursor: CURSOR, names: &[], phones: &[], needs: &[] },
    Kind { name: "meetings", type_id: "0-47", singular: "meeting", cursor: CURSOR, names: &["hs_meeting_title"], phones: &[], needs: &[] },
    Kind { name: "calls", type_id: "0-48", singular: "call", cursor: CURSOR, names: &["hs_call_title"], phones: &[], needs: &[] },
    Kind { name: "emails", type_id: "0-49", singular: "email", cursor: CURSOR, names: &["hs_email_subject"], phones: &[], needs: &[] },
    // WhatsApp, LinkedIn and text messages that somebody logged.
    Kind { name: "communications", type_id: "0-18", singular: "communication", cursor: CURSOR, names: &[], phones: &[], needs: &[] },
    Kind { name: "postal_mail", type_id: "0-116", singular: "postal_mail", cursor: CURSOR, names: &[], phones: &[], needs: &[] },
    Kind {
        name: "leads",
        type_id: "0-136",
        singular: "lead",
        cursor: CURSOR,
        names: &["hs_lead_name"],
        phones: &[],
        needs: &["hs_lead_name", "associations.contacts"],
    },
];

/// Type ids of associations, as HubSpot defines them: from, to, id, and whether it marks the primary one.
const TYPES: &[(&str, &str, u32, bool)] = &[
    ("contacts", "companies", 1, true),
    ("deals", "companies", 5, true),
    ("tickets", "companies", 26, true),
    ("deals", "contacts", 3, false),
    ("tickets", "contacts", 16, false),
    ("contacts", "deals", 4, false),
    ("contacts", "tickets", 15, false),
    ("calls", "contacts", 194, false),
    ("calls", "companies", 182, false),
    ("calls", "deals", 206, false),
    ("calls", "tickets", 220, false),
    ("meetings", "contacts", 200, false),
    ("meetings", "companies", 188, false),
    ("meetings", "deals", 212, false),
    ("meetings", "tickets", 226, false),
    ("notes", "contacts", 202, false),
    ("notes", "companies", 190, false),
    ("notes", "deals", 214, false),
    ("notes", "tickets", 228, false),
    ("tasks", "contacts", 204, false),
    ("tasks", "companies", 192, false),
    ("tasks", "deals", 216, false),
    ("tasks", "tickets", 230, false),
    ("emails", "contacts", 198, false),
    ("emails", "companies", 186, false),
    ("emails", "deals", 210, false),
    ("emails", "tickets", 224, false),
    ("communications", "contacts", 81, false),
    ("communications", "companies", 87, false),
    ("communications", "deals", 85, false),
    ("communications", "tickets", 83, false),
    ("postal_mail", "contacts", 453, false),
    ("postal_mail", "companies", 459, false),
    ("postal_mail", "deals", 457, false),
    ("postal_mail", "tickets", 455, false),
    ("leads", "contacts", 578, true),
    ("leads", "companies", 610, false),
];

/// Associations that are read and not written. HubSpot makes that of a lead with its deal, and keeps it at the lead alone: asked from the
/// deal's side, it tells nothing.
const SHOWN: &[(&str, &str)] = &[("leads", "deals")];

/// Every object that HubSpot has by itself, with its type id. The portal's own ones have ids that begin with `2-`.
const STANDARD: &[(&str, &str)] = &[
    ("contacts", "0-1"),
    ("companies", "0-2"),
    ("deals", "0-3"),
    ("tickets", "0-5"),
    ("products", "0-7"),
    ("line_items", "0-8"),
    ("quotes", "0-14"),
    ("communications", "0-18"),
    ("feedback_submissions", "0-19"),
    ("tasks", "0-27"),
    ("notes", "0-46"),
    ("meetings", "0-47"),
    ("calls", "0-48"),
    ("emails", "0-49"),
    ("invoices", "0-53"),
    ("subscriptions", "0-69"),
    ("goal_targets", "0-74"),
    ("payments", "0-101"),
    ("users", "0-115"),
    ("postal_mail", "0-116"),
    ("orders", "0-123"),
    ("leads", "0-136"),
    ("carts", "0-142"),
    ("services", "0-162"),
    ("courses", "0-410"),
    ("listings", "0-420"),
    ("appointments", "0-421"),
    ("projects", "0-970"),
];

/// Whether an object is one that HubSpot has by itself.
pub(crate) fn is_standard(object: &str) -> bool {
    object.starts_with("0-") || STANDARD.iter().any(|(name, _)| *name == object)
}

/// Whether a name is a type id, which paths take as it is.
pub(crate) fn is_type_id(name: &str) -> bool {
    let number = name.strip_prefix("2-").or_else(|| name.strip_prefix("0-"));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The type id of one of HubSpot's own objects.
pub(crate) fn type_id(object: &str) -> Option<&str> {
    if object.starts_with("0-") {
        return Some(object);
    }
    STANDARD.iter().find(|(name, _)| *name == object).map(|(_, id)| *id)
}

/// The name of one of HubSpot's own objects by its type id.
pub(crate) fn named(type_id: &str) -> Option<&'static str> {
    STANDARD.iter().find(|(_, id)| *id == type_id).map(|(name, _)| *name)
}

/// What is known of an object; `None` for custom objects, which have no particulars.
pub(crate) fn kind(object: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == object)
}

/// An object by a name that events use: `contact`, `CONTACT`, or `0-1`.
pub(crate) fn named_in_events(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.singular.eq_ignore_ascii_case(name) || kind.type_id == name)
}

/// The property that tells of an object's changes.
pub(crate) fn cursor(object: &str) -> &'static str {
    kind(object).map_or(CURSOR, |kind| kind.cursor)
}

/// Objects that an object's rows can point at.
pub(crate) fn targets(object: &str) -> impl Iterator<Item = &'static str> {
    TYPES.iter().filter(move |ty| ty.0 == object).map(|ty| ty.1)
}

/// Objects that an object's rows are shown to point at, and nobody but HubSpot lets them.
pub(crate) fn shown(object: &str) -> impl Iterator<Item = &'static str> {
    SHOWN.iter().filter(move |pair| pair.0 == object).map(|pair| pair.1)
}

/// The object that a new row has to be associated with in its creation.
pub(crate) fn born_with(object: &str) -> Option<&'static str> {
    kind(object)?.needs.iter().find_map(|field| field.strip_prefix(ASSOCIATION))
}

/// The type id to associate by, and whether it marks the primary one.
///
/// # Errors
/// When the two objects do not go together.
pub(crate) fn association(from: &str, to: &str) -> Result<(u32, bool), VendorError> {
    TYPES.iter().find(|ty| ty.0 == from && ty.1 == to).map(|ty| (ty.2, ty.3)).ok_or_else(|| {
        misfit(
            "association",
            format!("HubSpot's {from} have no association with `{to}` that Entente writes"),
            "use one of contacts, companies, deals and tickets behind `associations.` in the mapping",
        )
        .about(format!("{ASSOCIATION}{to}"))
    })
}

/// An object's name, checked before it goes into a path.
///
/// # Errors
/// `object` when the name cannot be one.
pub(crate) fn object_name(object: &str) -> Result<&str, VendorError> {
    let plain = !object.is_empty() && object.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if plain {
        return Ok(object);
    }
    Err(misfit("object", format!("`{object}` is not the name of a HubSpot object"), "use names like contacts, companies, deals or 2-1234"))
}

/// Whether a text has the form of a record's id.
pub(crate) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The property whose change tells of a field: itself, or of an owner's name and address that of who the owner is. Stages are told of by the
/// property that they are mapped with.
pub(crate) fn told_by(field: &str) -> Option<&str> {
    if field.starts_with(OWNER) { Some("hubspot_owner_id") } else { Some(field).filter(|name| is_property(name)) }
}

/// Whether a flattened name is a property, and not something that Entente adds.
pub(crate) fn is_property(name: &str) -> bool {
    ![ASSOCIATION, OWNER, lists::PREFIX, subscriptions::PREFIX, stages::PREFIX].iter().any(|prefix| name.starts_with(prefix))
}
