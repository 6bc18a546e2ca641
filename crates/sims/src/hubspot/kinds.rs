//! Object types: their names, ids and habits.

/// One object type.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    /// Plural name, as in paths.
    pub(crate) name: &'static str,
    pub(crate) singular: &'static str,
    pub(crate) type_id: &'static str,
    /// Properties of an answer that asked for none.
    pub(crate) defaults: &'static [&'static str],
    /// Property that tells when a record last changed.
    pub(crate) cursor: &'static str,
    /// Unknown and read-only properties of a write are passed over instead of refused.
    pub(crate) lenient: bool,
    /// Two records can be made one.
    pub(crate) merges: bool,
    /// Prefix of its event types, if it has any beside `object.*`.
    pub(crate) events: Option<&'static str>,
}

const fn engagement(name: &'static str, singular: &'static str, type_id: &'static str, defaults: &'static [&'static str]) -> Kind {
    Kind { name, singular, type_id, defaults, cursor: "hs_lastmodifieddate", lenient: true, merges: false, events: None }
}

/// The object types of every portal. A record's kind is its place here; the portal's own ones stand behind them.
pub(crate) static KINDS: &[Kind] = &[
    Kind {
        name: "contacts",
        singular: "contact",
        type_id: "0-1",
        defaults: &["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"],
        cursor: "lastmodifieddate",
        lenient: false,
        merges: true,
        events: Some("contact"),
    },
    Kind {
        name: "companies",
        singular: "company",
        type_id: "0-2",
        defaults: &["createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"],
        cursor: "hs_lastmodifieddate",
        lenient: false,
        merges: true,
        events: Some("company"),
    },
    Kind {
        name: "deals",
        singular: "deal",
        type_id: "0-3",
        defaults: &["amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate", "hs_object_id", "pipeline"],
        cursor: "hs_lastmodifieddate",
        lenient: false,
        merges: true,
        events: Some("deal"),
    },
    Kind {
        name: "tickets",
        singular: "ticket",
        type_id: "0-5",
        defaults: &[
            "content",
            "createdate",
            "hs_lastmodifieddate",
            "hs_object_id",
            "hs_pipeline",
            "hs_pipeline_stage",
            "hs_ticket_category",
            "hs_ticket_priority",
            "subject",
        ],
        cursor: "hs_lastmodifieddate",
        lenient: false,
        merges: true,
        events: Some("ticket"),
    },
    engagement("tasks", "task", "0-27", &["hs_createdate", "hs_lastmodifieddate", "hs_object_id"]),
    engagement("notes", "note", "0-46", &["hs_createdate", "hs_lastmodifieddate", "hs_object_id"]),
    engagement("meetings", "meeting", "0-47", &["hs_createdate", "hs_lastmodifieddate", "hs_object_id"]),
    engagement("calls", "call", "0-48", &["hs_createdate", "hs_lastmodifieddate", "hs_object_id"]),
    Kind {
        name: "leads",
        singular: "lead",
        type_id: "0-136",
        defaults: &["hs_createdate", "hs_lastmodifieddate", "hs_lead_name", "hs_object_id", "hs_pipeline", "hs_pipeline_stage"],
        cursor: "hs_lastmodifieddate",
        lenient: false,
        merges: false,
        events: None,
    },
    engagement("emails", "email", "0-49", &["hs_createdate", "hs_lastmodifieddate", "hs_object_id"]),
    engagement("communications", "communication", "0-18", &["hs_createdate", "hs_lastmodifieddate", "hs_object_id"]),
    engagement("postal_mail", "postal_mail", "0-116", &["hs_createdate", "hs_lastmodifieddate", "hs_object_id"]),
];

/// Place of contacts in [`KINDS`].
pub(crate) const CONTACTS: usize = 0;
/// Place of companies.
pub(crate) const COMPANIES: usize = 1;
/// Place of deals.
pub(crate) const DEALS: usize = 2;
/// Place of tickets.
pub(crate) const TICKETS: usize = 3;
/// Place of leads.
pub(crate) const LEADS: usize = 8;
/// Place of e-mails.
pub(crate) const EMAILS: usize = 9;

/// A kind by plural, singular or type id.
pub(crate) fn kind(kinds: &[Kind], name: &str) -> Option<usize> {
    kinds.iter().position(|kind| kind.name == name || kind.singular == name || kind.type_id == name)
}

/// (from, to, id of the plain association, id of the primary one).
const PAIRS: &[(&str, &str, u32, Option<u32>)] = &[
    ("contact", "company", 279, Some(1)),
    ("company", "contact", 280, Some(2)),
    ("deal", "contact", 3, None),
    ("contact", "deal", 4, None),
    ("deal", "company", 341, Some(5)),
    ("company", "deal", 342, Some(6)),
    ("contact", "ticket", 15, None),
    ("ticket", "contact", 16, None),
    ("company", "ticket", 340, Some(25)),
    ("ticket", "company", 339, Some(26)),
    ("deal", "ticket", 27, None),
    ("ticket", "deal", 28, None),
    ("contact", "contact", 449, None),
    ("company", "company", 450, None),
    ("deal", "deal", 451, None),
    ("ticket", "ticket", 452, None),
    ("call", "contact", 194, None),
    ("call", "company", 182, None),
    ("call", "deal", 206, None),
    ("call", "ticket", 220, None),
    ("meeting", "contact", 200, None),
    ("meeting", "company", 188, None),
    ("meeting", "deal", 212, None),
    ("meeting", "ticket", 226, None),
    ("note", "contact", 202, None),
    ("note", "company", 190, None),
    ("note", "deal", 214, None),
    ("note", "ticket", 228, None),
    ("task", "contact", 204, None),
    ("task", "company", 192, None),
    ("task", "deal", 216, None),
    ("task", "ticket", 230, None),
    ("email", "contact", 198, None),
    ("email", "company", 186, None),
    ("email", "deal", 210, None),
    ("email", "ticket", 224, None),
    ("communication", "contact", 81, None),
    ("communication", "company", 87, None),
    ("communication", "deal", 85, None),
    ("communication", "ticket", 83, None),
    ("contact", "communication", 82, None),
    ("company", "communication", 88, None),
    ("deal", "communication", 86, None),
    ("ticket", "communication", 84, None),
    ("postal_mail", "contact", 453, None),
    ("postal_mail", "company", 459, None),
    ("postal_mail", "deal", 457, None),
    ("postal_mail", "ticket", 455, None),
    ("contact", "postal_mail", 454, None),
    ("company", "postal_mail", 460, None),
    ("deal", "postal_mail", 458, None),
    ("ticket", "postal_mail", 456, None),
    ("lead", "contact", 608, Some(578)),
    ("lead", "company", 610, None),
    // The one there is has the label of a primary one.
    ("lead", "deal", 582, Some(582)),
];

/// The association types from one of HubSpot's own kinds to another: plain, and primary where there is one.
pub(crate) fn association(from: usize, to: usize) -> Option<(u32, Option<u32>)> {
    let (from, to) = (KINDS.get(from)?.singular, KINDS.get(to)?.singular);
    if let Some((_, _, plain, primary)) = PAIRS.iter().find(|pair| (pair.0, pair.1) == (from, to)) {
        return Some((*plain, *primary));
    }
    // Towards engagements, the id is one below; towards leads, where it is not documented, the same is assumed.
    PAIRS.iter().find(|pair| (pair.0, pair.1) == (to, from)).map(|pair| (pair.2 - 1, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn associations_have_the_vendors_numbers() {
        let ids = |from: &str, to: &str| association(kind(KINDS, from).unwrap(), kind(KINDS, to).unwrap());
        assert_eq!(ids("contacts", "companies"), Some((279, Some(1))));
        assert_eq!(ids("notes", "0-1"), Some((202, None)));
        assert_eq!(ids("contact", "notes"), Some((201, None)));
        assert_eq!(ids("notes", "tasks"), None);
        assert_eq!((ids("leads", "contacts"), ids("contacts", "leads")), (Some((608, Some(578))), Some((607, None))));
        assert_eq!((KINDS[LEADS].name, KINDS[EMAILS].name), ("leads", "emails"));
    }
}
