//! The three objects of this connector and their names at Freshdesk.

use crate::error::VendorError;

use super::refusal::misfit;

/// An object of Freshdesk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// People outside the desk.
    Contact,
    /// Their companies.
    Company,
    /// Tickets.
    Ticket,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Contact, Self::Company, Self::Ticket];

    /// The object of that name.
    ///
    /// # Errors
    /// `unknown_object` for every other name.
    pub fn named(name: &str) -> Result<Self, VendorError> {
        Self::ALL.into_iter().find(|kind| kind.singular() == name).ok_or_else(|| {
            misfit(
                "unknown_object",
                format!("this connector reads no object `{name}` of Freshdesk"),
                "use one of contact, company, ticket as the mapping's remote object",
            )
        })
    }

    /// Name in mappings.
    pub fn singular(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Company => "company",
            Self::Ticket => "ticket",
        }
    }

    /// Name in paths.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Contact => "contacts",
            Self::Company => "companies",
            Self::Ticket => "tickets",
        }
    }

    /// First part of flattened custom fields.
    pub fn custom(self) -> &'static str {
        match self {
            Self::Contact => "contact_fields.",
            Self::Company => "company_fields.",
            Self::Ticket => "ticket_fields.",
        }
    }

    /// Path that lists the definitions of its fields.
    pub fn definitions(self) -> &'static str {
        match self {
            Self::Contact => "/api/v2/contact_fields",
            Self::Company => "/api/v2/company_fields",
            Self::Ticket => "/api/v2/ticket_fields",
        }
    }

    /// Path that takes new definitions.
    pub fn new_definitions(self) -> &'static str {
        match self {
            Self::Ticket => "/api/v2/admin/ticket_fields",
            Self::Contact | Self::Company => self.definitions(),
        }
    }
}

/// Whether a text is an id of Freshdesk's.
pub(crate) fn is_number(id: &str) -> bool {
    !id.is_empty() && id.len() <= 20 && id.bytes().all(|byte| byte.is_ascii_digit())
}
