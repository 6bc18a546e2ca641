//! The three objects of this connector and their names at Zendesk.

use crate::capability::{Capabilities, Happening};
use crate::error::VendorError;

use super::errors::misfit;

/// An object of Zendesk Support.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// End users and agents; `role` tells them apart.
    User,
    /// Organizations.
    Organization,
    /// Tickets.
    Ticket,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::User, Self::Organization, Self::Ticket];

    /// The object of that name.
    ///
    /// # Errors
    /// `unknown_object` for every other name.
    pub fn named(name: &str) -> Result<Self, VendorError> {
        Self::ALL.into_iter().find(|kind| kind.singular() == name).ok_or_else(|| {
            misfit(
                "unknown_object",
                format!("Zendesk has no object `{name}`"),
                "use one of user, organization, ticket as the mapping's remote object",
            )
        })
    }

    /// Name in mappings, and the wrapper of single rows.
    #[must_use]
    pub fn singular(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Organization => "organization",
            Self::Ticket => "ticket",
        }
    }

    /// What Zendesk can do with it.
    #[must_use]
    pub fn capabilities(self) -> Option<&'static Capabilities> {
        super::SPEC.capabilities(self.singular())
    }

    /// Whether an event of this name, without the object's before it, tells of something.
    #[must_use]
    pub fn tells(self, what: Happening, event: &str) -> bool {
        self.capabilities().is_some_and(|known| known.is_told_by(what, event))
    }

    /// Name in paths, and the wrapper of lists.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::User => "users",
            Self::Organization => "organizations",
            Self::Ticket => "tickets",
        }
    }

    /// First part of flattened custom fields.
    #[must_use]
    pub fn custom(self) -> &'static str {
        match self {
            Self::User => "user_fields",
            Self::Organization => "organization_fields",
            Self::Ticket => "custom_fields",
        }
    }

    /// Path of the definitions of its fields, and the wrapper of their list.
    #[must_use]
    pub fn definitions(self) -> &'static str {
        match self {
            Self::User => "user_fields",
            Self::Organization => "organization_fields",
            Self::Ticket => "ticket_fields",
        }
    }

    /// Wrapper of one definition.
    #[must_use]
    pub fn definition(self) -> &'static str {
        match self {
            Self::User => "user_field",
            Self::Organization => "organization_field",
            Self::Ticket => "ticket_field",
        }
    }
}
