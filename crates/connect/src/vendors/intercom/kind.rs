//! The three objects of this connector and their names at Intercom.

use crate::error::VendorError;

use super::refusal::misfit;

/// An object of Intercom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// Users and leads.
    Contact,
    /// Their companies.
    Company,
    /// Conversations and tickets, whose ids are of one space.
    Conversation,
}

/// First part of flattened custom attributes.
pub(crate) const CUSTOM: &str = "custom_attributes.";
/// First part of flattened attributes of tickets.
pub(crate) const TICKET: &str = "ticket_attributes.";

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Contact, Self::Company, Self::Conversation];

    /// The object of that name.
    ///
    /// # Errors
    /// `unknown_object` for every other name.
    pub fn named(name: &str) -> Result<Self, VendorError> {
        Self::ALL.into_iter().find(|kind| kind.singular() == name).ok_or_else(|| {
            misfit(
                "unknown_object",
                format!("this connector reads no object `{name}` of Intercom"),
                "use one of contact, company, conversation as the mapping's remote object",
            )
        })
    }

    /// Name in mappings.
    pub fn singular(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Company => "company",
            Self::Conversation => "conversation",
        }
    }

    /// Name in paths.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Contact => "contacts",
            Self::Company => "companies",
            Self::Conversation => "conversations",
        }
    }
}

/// Whether a name is that of an attribute that an admin made.
pub(crate) fn is_custom(kind: Kind, name: &str) -> bool {
    name.starts_with(CUSTOM) || (kind == Kind::Conversation && name.starts_with(TICKET))
}

/// Whether a text can be an id of Intercom's: letters, digits and hyphens.
pub(crate) fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
