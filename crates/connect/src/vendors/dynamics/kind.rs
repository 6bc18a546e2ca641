//! The objects of this connector, and the tables of Dataverse behind them.

use super::refusal::misfit;
use crate::error::VendorError;

/// A table of Dataverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// Companies.
    Account,
    /// People.
    Contact,
    /// People and companies that may become customers.
    Lead,
    /// Deals.
    Opportunity,
    /// Cases.
    Incident,
    /// Marketing campaigns.
    Campaign,
    /// Tasks.
    Task,
    /// Phone calls.
    PhoneCall,
    /// E-mails.
    Email,
    /// Appointments.
    Appointment,
    /// Notes.
    Note,
}

/// What the object `activities` is made of. Dataverse has one table for each.
const ACTIVITIES: [Kind; 5] = [Kind::Task, Kind::PhoneCall, Kind::Email, Kind::Appointment, Kind::Note];

impl Kind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Account,
        Self::Contact,
        Self::Lead,
        Self::Opportunity,
        Self::Incident,
        Self::Campaign,
        Self::Task,
        Self::PhoneCall,
        Self::Email,
        Self::Appointment,
        Self::Note,
    ];

    /// The table's logical name.
    pub fn table(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Contact => "contact",
            Self::Lead => "lead",
            Self::Opportunity => "opportunity",
            Self::Incident => "incident",
            Self::Campaign => "campaign",
            Self::Task => "task",
            Self::PhoneCall => "phonecall",
            Self::Email => "email",
            Self::Appointment => "appointment",
            Self::Note => "annotation",
        }
    }

    /// Name in paths and in mappings.
    pub fn set(self) -> &'static str {
        match self {
            Self::Account => "accounts",
            Self::Contact => "contacts",
            Self::Lead => "leads",
            Self::Opportunity => "opportunities",
            Self::Incident => "incidents",
            Self::Campaign => "campaigns",
            Self::Task => "tasks",
            Self::PhoneCall => "phonecalls",
            Self::Email => "emails",
            Self::Appointment => "appointments",
            Self::Note => "annotations",
        }
    }

    /// The column of its id.
    pub fn id_column(self) -> &'static str {
        match self {
            Self::Account => "accountid",
            Self::Contact => "contactid",
            Self::Lead => "leadid",
            Self::Opportunity => "opportunityid",
            Self::Incident => "incidentid",
            Self::Campaign => "campaignid",
            Self::Note => "annotationid",
            Self::Task | Self::PhoneCall | Self::Email | Self::Appointment => "activityid",
        }
    }

    /// The table of a logical name.
    pub fn of_table(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.table() == name)
    }

    /// Whether rows of it are merged into each other.
    pub fn merges(self) -> bool {
        matches!(self, Self::Account | Self::Contact | Self::Lead | Self::Incident)
    }

    /// Whether it is one of the tables behind `activities`.
    pub fn is_activity(self) -> bool {
        ACTIVITIES.contains(&self)
    }

    /// What people call one of its rows, for activities.
    pub fn word(self) -> &'static str {
        match self {
            Self::Task => "Task",
            Self::PhoneCall => "Phone call",
            Self::Email => "E-mail",
            Self::Appointment => "Appointment",
            Self::Note => "Note",
            Self::Account | Self::Contact | Self::Lead | Self::Opportunity | Self::Incident | Self::Campaign => "",
        }
    }
}

/// An object of mappings: one table, or the five of `activities`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Object {
    /// One table.
    Table(Kind),
    /// Tasks, phone calls, e-mails, appointments and notes together; ids begin with the table's name.
    Activities,
}

impl Object {
    /// The object of that name.
    ///
    /// # Errors
    /// `unknown_object` for every other name.
    pub fn named(name: &str) -> Result<Self, VendorError> {
        if name == "activities" {
            return Ok(Self::Activities);
        }
        Kind::ALL.into_iter().find(|kind| kind.set() == name).map(Self::Table).ok_or_else(|| {
            misfit(
                "unknown_object",
                format!("this connector reads no object `{name}` of Dynamics 365"),
                "use one of accounts, contacts, leads, opportunities, incidents, campaigns, tasks, phonecalls, emails, appointments, annotations, activities as the mapping's remote object",
            )
        })
    }

    /// Name in mappings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Table(kind) => kind.set(),
            Self::Activities => "activities",
        }
    }

    /// Its tables, in the order that polls go.
    pub fn kinds(self) -> Vec<Kind> {
        match self {
            Self::Table(kind) => vec![kind],
            Self::Activities => ACTIVITIES.to_vec(),
        }
    }

    /// The id that a row of a table has among those of the object.
    pub fn id(self, kind: Kind, id: &str) -> String {
        match self {
            Self::Table(_) => id.to_owned(),
            Self::Activities => format!("{}-{id}", kind.table()),
        }
    }

    /// The table and own id of a row by its id among those of the object; nothing for what is no id.
    pub fn row(self, id: &str) -> Option<(Kind, &str)> {
        let (kind, own) = match self {
            Self::Table(kind) => (kind, id),
            Self::Activities => {
                let (table, own) = id.split_once('-')?;
                (Kind::of_table(table).filter(|kind| kind.is_activity())?, own)
            }
        };
        is_id(own).then_some((kind, own))
    }
}

/// Whether a text has the form of an id.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "5e3a1c02-0a9d-ef11-8a6a-000d3a2f1b01";

    #[test]
    fn an_activity_s_id_tells_its_table() {
        let shown = Object::Activities.id(Kind::PhoneCall, ID);
        assert_eq!(Object::Activities.row(&shown), Some((Kind::PhoneCall, ID)));
        assert_eq!(Object::Activities.row(ID), None);
        assert_eq!(Object::Activities.row(&format!("account-{ID}")), None);
        assert_eq!(Object::Table(Kind::Account).row(ID), Some((Kind::Account, ID)));
        assert_eq!(Object::Table(Kind::Account).row("a)/name"), None);
    }
}
