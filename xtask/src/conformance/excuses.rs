//! Where a description is narrower than what the vendor documents or answers in fact.

use super::Violation;

/// What a description says that is not so.
struct Excuse {
    platform: &'static str,
    /// Method and path, as [`Violation::call`] has them.
    calls: &'static [&'static str],
    side: &'static str,
    says: &'static str,
    /// Fields, with `*` for places of lists.
    at: &'static [&'static str],
    /// Why it is none.
    _why: &'static str,
}

/// Every call of Intercom whose answer is a company.
const COMPANY: &[&str] = &["GET /companies/:id", "POST /companies", "PUT /companies/:id", "POST /contacts/:id/companies"];

/// Every call of Intercom whose answer is a contact.
const CONTACT: &[&str] = &["GET /contacts/:id", "GET /contacts/find_by_external_id/:id", "POST /contacts", "PUT /contacts/:id"];

const TYPES: &str = "custom attributes are of every type; the description has texts alone";
const PATHS: &str = "addresses of parts are paths without a host";
const NO_ADDRESS: &str = "a contact without an address has null there";
const NO_LABEL: &str = "an association without a label has null there";

const EXCUSES: &[Excuse] = &[
    Excuse {
        platform: "hubspot",
        calls: &["GET /crm/owners/2026-09", "GET /crm/v3/owners"],
        side: "response",
        says: "must be integer",
        at: &["/results/*/userId"],
        _why: "an owner who was archived has no user id any more",
    },
    Excuse {
        platform: "hubspot",
        calls: &[
            "POST /crm/associations/2026-09/:id/contacts/batch/read",
            "POST /crm/associations/2026-09/contacts/companies/batch/read",
            "POST /crm/associations/2026-09/deals/companies/batch/read",
            "POST /crm/associations/2026-09/notes/companies/batch/read",
            "POST /crm/associations/2026-09/tasks/companies/batch/read",
            "POST /crm/associations/2026-09/tasks/contacts/batch/read",
            "POST /crm/associations/2026-09/tickets/companies/batch/read",
            "POST /crm/associations/2026-09/tickets/contacts/batch/read",
            "POST /crm/v4/associations/contacts/companies/batch/read",
            "POST /crm/v4/associations/deals/companies/batch/read",
            "POST /crm/v4/associations/notes/companies/batch/read",
            "POST /crm/v4/associations/tasks/companies/batch/read",
            "POST /crm/v4/associations/tasks/contacts/batch/read",
        ],
        side: "response",
        says: "must be string",
        at: &["/results/*/to/*/associationTypes/*/label"],
        _why: NO_LABEL,
    },
    Excuse {
        platform: "hubspot",
        calls: &["GET /marketing/campaigns/2026-09"],
        side: "request",
        says: "no operation for GET /marketing/campaigns/2026-09",
        at: &[""],
        _why: "there is no description of campaigns",
    },
    Excuse {
        platform: "hubspot",
        calls: &["GET /marketing/v3/campaigns"],
        side: "request",
        says: "no operation for GET /marketing/v3/campaigns",
        at: &[""],
        _why: "there is no description of campaigns",
    },
    Excuse {
        platform: "intercom",
        calls: COMPANY,
        side: "response",
        says: "must be string",
        at: &[
            "/custom_attributes/support_escalations",
            "/custom_attributes/support_health_score",
            "/custom_attributes/support_last_ticket_at",
            "/custom_attributes/support_open_tickets",
        ],
        _why: TYPES,
    },
    Excuse {
        platform: "intercom",
        calls: &["GET /companies/scroll"],
        side: "response",
        says: "must be string",
        at: &[
            "/data/*/custom_attributes/support_escalations",
            "/data/*/custom_attributes/support_health_score",
            "/data/*/custom_attributes/support_last_ticket_at",
            "/data/*/custom_attributes/support_open_tickets",
        ],
        _why: TYPES,
    },
    Excuse {
        platform: "intercom",
        calls: &["POST /companies", "PUT /companies/:id"],
        side: "request",
        says: "must be string",
        at: &[
            "/requestBody/custom_attributes/support_escalations",
            "/requestBody/custom_attributes/support_health_score",
            "/requestBody/custom_attributes/support_last_ticket_at",
            "/requestBody/custom_attributes/support_open_tickets",
        ],
        _why: TYPES,
    },
    Excuse {
        platform: "intercom",
        calls: CONTACT,
        side: "response",
        says: "must match format \"uri\"",
        at: &["/companies/data/*/url", "/companies/url", "/notes/url", "/tags/url"],
        _why: PATHS,
    },
    Excuse {
        platform: "intercom",
        calls: &["POST /contacts/search"],
        side: "response",
        says: "must match format \"uri\"",
        at: &["/data/*/companies/data/*/url", "/data/*/companies/url", "/data/*/notes/url", "/data/*/tags/url"],
        _why: PATHS,
    },
    Excuse {
        platform: "intercom",
        calls: &["GET /contacts/:id", "GET /contacts/find_by_external_id/:id"],
        side: "response",
        says: "status 404 not documented",
        at: &[""],
        _why: "a contact that is not there is answered with 404, whatever asks for it",
    },
    Excuse {
        platform: "intercom",
        calls: &["GET /contacts"],
        side: "request",
        says: "must NOT have additional properties",
        at: &["/query"],
        _why: "lists are paged by `per_page` and `starting_after`",
    },
    Excuse { platform: "intercom", calls: CONTACT, side: "response", says: "must be string", at: &["/email"], _why: NO_ADDRESS },
    Excuse {
        platform: "intercom",
        calls: &["POST /contacts/search"],
        side: "response",
        says: "must be string",
        at: &["/data/*/email"],
        _why: NO_ADDRESS,
    },
    Excuse {
        platform: "intercom",
        calls: &["PUT /contacts/:id"],
        side: "request",
        says: "must be string",
        at: &["/requestBody/email"],
        _why: "null clears an address",
    },
    Excuse {
        platform: "intercom",
        calls: &["PUT /contacts/:id"],
        side: "request",
        says: "must match exactly one schema in oneOf",
        at: &["/requestBody"],
        _why: "the description's forms of a contact all have an address",
    },
    Excuse {
        platform: "intercom",
        calls: &["POST /ticket_types/:id/attributes"],
        side: "response",
        says: "must be object",
        at: &["/input_options"],
        _why: "an attribute that is no list has null there",
    },
    Excuse {
        platform: "pipedrive",
        calls: &["GET /api/v2/stages"],
        side: "response",
        says: "must be string",
        at: &["/data/*/update_time"],
        _why: "what was never changed has null there",
    },
];

/// Whether it is the description that is at fault.
pub(super) fn is_narrower(found: &Violation) -> bool {
    let same = |excuse: &&Excuse| excuse.platform == found.platform && excuse.side == found.side && excuse.says == found.says;
    EXCUSES.iter().filter(same).any(|excuse| excuse.calls.contains(&found.call.as_str()) && excuse.at.contains(&found.at.as_str()))
}
