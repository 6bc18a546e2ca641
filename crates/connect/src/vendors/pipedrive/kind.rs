//! The objects of this connector and their names at Pipedrive.

use super::refusal::misfit;
use crate::error::VendorError;

/// First part of the ids that notes have among activities.
pub(crate) const NOTE: &str = "note-";

/// An object of Pipedrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// People.
    Person,
    /// Companies.
    Organization,
    /// Deals.
    Deal,
    /// Leads: what may become a deal.
    Lead,
    /// Calls, meetings, tasks, deadlines, e-mails and lunches.
    Activity,
    /// Notes.
    Note,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Person, Self::Organization, Self::Deal, Self::Lead, Self::Activity, Self::Note];

    /// The object of that name.
    ///
    /// # Errors
    /// `unknown_object` for every other name.
    pub fn named(name: &str) -> Result<Self, VendorError> {
        Self::ALL.into_iter().find(|kind| kind.plural() == name).ok_or_else(|| {
            misfit(
                "unknown_object",
                format!("this connector reads no object `{name}` of Pipedrive"),
                "use one of persons, organizations, deals, leads, activities, notes as the mapping's remote object",
            )
        })
    }

    /// Name in mappings and in paths.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Person => "persons",
            Self::Organization => "organizations",
            Self::Deal => "deals",
            Self::Lead => "leads",
            Self::Activity => "activities",
            Self::Note => "notes",
        }
    }

    /// Name in webhooks and in lists of recent changes.
    pub fn singular(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Organization => "organization",
            Self::Deal => "deal",
            Self::Lead => "lead",
            Self::Activity => "activity",
            Self::Note => "note",
        }
    }

    /// Whether only the older version of the API knows it.
    pub fn is_old(self) -> bool {
        matches!(self, Self::Lead | Self::Note)
    }

    /// Path of its rows.
    pub fn path(self) -> String {
        if self.is_old() { format!("/v1/{}", self.plural()) } else { format!("/api/v2/{}", self.plural()) }
    }

    /// Path of its field definitions, where it has custom fields. Leads have those of deals.
    pub fn definitions(self) -> Option<&'static str> {
        match self {
            Self::Person => Some("/api/v2/personFields"),
            Self::Organization => Some("/api/v2/organizationFields"),
            Self::Deal | Self::Lead => Some("/api/v2/dealFields"),
            Self::Activity | Self::Note => None,
        }
    }

    /// Whether a text has the form of its ids.
    pub fn is_id(self, text: &str) -> bool {
        let number = |text: &str| !text.is_empty() && text.len() <= 19 && text.bytes().all(|byte| byte.is_ascii_digit());
        match self {
            Self::Lead => text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'),
            _ => number(text),
        }
    }
}

/// A row among those of an object: the kind it really is, and its own id. Notes stand among activities under ids of their own.
pub(crate) fn row_of(kind: Kind, id: &str) -> (Kind, &str) {
    match (kind, id.strip_prefix(NOTE)) {
        (Kind::Activity, Some(note)) => (Kind::Note, note),
        _ => (kind, id),
    }
}

/// The id that a row of a kind has among those of an object.
pub(crate) fn id_among(object: Kind, kind: Kind, id: &str) -> String {
    if object == Kind::Activity && kind == Kind::Note { format!("{NOTE}{id}") } else { id.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_among_activities_keep_their_own_ids() {
        let shown = id_among(Kind::Activity, Kind::Note, "5");
        assert_eq!(row_of(Kind::Activity, &shown), (Kind::Note, "5"));
        assert_eq!(row_of(Kind::Activity, "5"), (Kind::Activity, "5"));
        assert_eq!(id_among(Kind::Note, Kind::Note, "5"), "5");
    }

    #[test]
    fn an_id_is_a_number_and_a_lead_s_a_uuid() {
        assert!(Kind::Person.is_id("12") && !Kind::Person.is_id("1/merge") && !Kind::Person.is_id(""));
        assert!(Kind::Lead.is_id("f3c1a0e0-1b2c-11ee-be56-0242ac120002") && !Kind::Lead.is_id("12"));
    }
}
