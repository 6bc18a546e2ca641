//! Engagements: tasks, calls, notes, meetings, submissions of forms, e-mails, messages and postal mail as one object, since a mapping of activities
//! names one. A row's id says which of them it is: `notes-123`. They are read here; whoever writes one names its own object.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::mapping::remote::{RemoteField, RemoteKind, RemoteObject, Row};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::HubSpot;
use super::kind::{ASSOCIATION, OWNER};
use super::refusal::misfit;
use super::submissions::SUBMISSIONS;
use crate::connector::Priority;
use crate::erase::Erase;
use crate::error::VendorError;
use crate::look::{self, Cursor, Existence, Look, Page, ReadSpec};

/// Name of the object in mappings.
pub(crate) const ENGAGEMENTS: &str = "engagements";

/// Which of them a row is.
const KIND: &str = "kind";
/// The key of tasks that stand for tickets: notes, calls and meetings have none.
const KEY: &str = "entente_id";

/// Properties that all of them have under the same name.
const SHARED: &[(&str, RemoteKind)] = &[
    ("hs_object_id", RemoteKind::Reference),
    ("hs_timestamp", RemoteKind::Datetime),
    ("hs_createdate", RemoteKind::Datetime),
    ("hs_lastmodifieddate", RemoteKind::Datetime),
    ("hs_body_preview", RemoteKind::LongText),
    ("hubspot_owner_id", RemoteKind::Reference),
];

/// One of the objects, and its names for what each of them has.
pub(super) struct Part {
    object: &'static str,
    kind: &'static str,
    subject: Option<&'static str>,
    body: &'static str,
    status: Option<&'static str>,
}

/// What people sent with forms, which has nothing but a name and what was filled in.
const FORMS: Part = Part { object: SUBMISSIONS, kind: "Form submission", subject: Some("form.name"), body: "form.values", status: None };

/// What people wrote to each other. An account need not let anybody read it.
const MAILS: Part =
    Part { object: "emails", kind: "E-mail", subject: Some("hs_email_subject"), body: "hs_email_text", status: Some("hs_email_status") };

/// In the order in which they are read. Positions of polls go by place: new ones come last.
pub(super) const PARTS: &[Part] = &[
    Part { object: "tasks", kind: "Task", subject: Some("hs_task_subject"), body: "hs_task_body", status: Some("hs_task_status") },
    Part { object: "calls", kind: "Call", subject: Some("hs_call_title"), body: "hs_call_body", status: Some("hs_call_status") },
    // A note is nothing but its text.
    Part { object: "notes", kind: "Note", subject: None, body: "hs_note_body", status: None },
    Part {
        object: "meetings",
        kind: "Meeting",
        subject: Some("hs_meeting_title"),
        body: "hs_meeting_body",
        status: Some("hs_meeting_outcome"),
    },
    FORMS,
    MAILS,
    // Which of the channels it was stands where the others have how it ended.
    Part {
        object: "communications",
        kind: "Message",
        subject: None,
        body: "hs_communication_body",
        status: Some("hs_communication_channel_type"),
    },
    Part { object: "postal_mail", kind: "Postal mail", subject: None, body: "hs_postal_mail_body", status: None },
];

/// The erasure of an engagement as one of the object that it is: an engagement is never written to itself.
pub(super) fn own_erasure(erase: &Erase) -> Option<Erase> {
    let (object, id) = erase.id.split_once('-')?;
    let part = PARTS.iter().find(|part| part.object == object)?;
    let mut blank = Row::new();
    for (field, value) in &erase.blank {
        if let Ok(Source::Own(name)) = part.source(field) {
            blank.insert(name, value.clone());
        }
    }
    Some(Erase { object: object.to_owned(), id: id.to_owned(), manner: erase.manner, blank })
}

/// Where the value of a field comes from.
enum Source {
    /// A property or flattened name of the row itself.
    Own(String),
    /// What kind of row it is.
    Kind,
    /// Rows of this kind have nothing of the sort.
    Nothing,
}

impl Part {
    fn source(&self, field: &str) -> Result<Source, VendorError> {
        let own = |name: Option<&str>| Ok(name.map_or(Source::Nothing, |name| Source::Own(name.to_owned())));
        match field {
            KIND => Ok(Source::Kind),
            "subject" => own(self.subject),
            "body" => own(Some(self.body)),
            "status" => own(self.status),
            KEY => own(Some(KEY).filter(|_| self.object == PARTS[0].object)),
            _ if SHARED.iter().any(|(name, _)| *name == field) => own(Some(field)),
            _ if field.starts_with(ASSOCIATION) || field.starts_with(OWNER) => own(Some(field)),
            _ => Err(misfit(
                "unknown_field",
                format!("HubSpot's tasks, calls, notes, meetings, e-mails, messages and postal mail have no `{field}` in common"),
                "take it out of the mapping, or map one of these objects by itself",
            )
            .about(field)),
        }
    }

    /// The same read of this object alone.
    fn read(&self, read: &ReadSpec) -> Result<ReadSpec, VendorError> {
        let mut fields = BTreeSet::new();
        for field in &read.fields {
            if let Source::Own(name) = self.source(field)? {
                fields.insert(name);
            }
        }
        Ok(ReadSpec { object: self.object.to_owned(), fields: fields.into_iter().collect() })
    }

    /// The id of one of its rows among all engagements.
    fn id(&self, id: &str) -> String {
        format!("{}-{id}", self.object)
    }

    /// A look at one of its rows as one at an engagement.
    fn look(&self, look: Look, read: &ReadSpec) -> Result<Look, VendorError> {
        let mut row = Row::new();
        if look.existence == Existence::Present {
            for field in &read.fields {
                let value = match self.source(field)? {
                    Source::Own(name) => look.row.get(&name).cloned().unwrap_or(Value::Null),
                    Source::Kind => Value::from(self.kind),
                    Source::Nothing => Value::Null,
                };
                row.insert(field.clone(), value);
            }
        }
        let existence = match look.existence {
            Existence::MergedInto(survivor) => Existence::MergedInto(self.id(&survivor)),
            other => other,
        };
        Ok(Look { object: ENGAGEMENTS.to_owned(), id: self.id(&look.id), existence, row, ..look })
    }

    fn looks(&self, looks: Vec<Look>, read: &ReadSpec) -> Result<Vec<Look>, VendorError> {
        looks.into_iter().map(|look| self.look(look, read)).collect()
    }
}

/// What is read of each object that HubSpot tells of by itself; submissions of forms are none.
pub(super) fn own_reads(fields: &[String]) -> Vec<ReadSpec> {
    let read = ReadSpec { object: ENGAGEMENTS.to_owned(), fields: fields.to_vec() };
    PARTS.iter().filter(|part| part.object != SUBMISSIONS).filter_map(|part| part.read(&read).ok()).collect()
}

/// The id that a row of an object has among engagements, if it is one.
pub(crate) fn engagement(object: &str, id: &str) -> Option<String> {
    PARTS.iter().find(|part| part.object == object).map(|part| part.id(id))
}

/// The same row at another object: an engagement is a row of the object that its id names.
pub(super) fn same_row(from: &str, to: &str, id: &str) -> Option<String> {
    if to == ENGAGEMENTS {
        return engagement(from, id);
    }
    let (object, own) = id.split_once('-')?;
    (from == ENGAGEMENTS && object == to && engagement(to, own).is_some()).then(|| own.to_owned())
}

/// Where a poll of all of them stands.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    /// The one that is being read.
    part: usize,
    /// Where each of them stands.
    cursors: Vec<Option<Cursor>>,
}

impl Place {
    fn of(cursor: Option<&Cursor>) -> Result<Self, VendorError> {
        let mut place = cursor.map_or(Ok(Self { part: 0, cursors: Vec::new() }), |cursor| look::position(cursor))?;
        place.cursors.resize(PARTS.len(), None);
        place.part = place.part.min(PARTS.len() - 1);
        Ok(place)
    }

    fn to_text(&self) -> Cursor {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl HubSpot {
    /// What is read of one of them. Where tasks have no key, because tickets are no tasks there, none of them stands for a ticket; that is asked
    /// anew each time, for the key may come to be.
    async fn read_of(&self, part: &Part, read: &ReadSpec, priority: Priority) -> Result<ReadSpec, VendorError> {
        let mut own = part.read(read)?;
        if own.fields.iter().any(|field| field == KEY) {
            match self.schema(part.object, &[KEY.to_owned()], priority).await {
                Err(error) if error.code == "unknown_field" => own.fields.retain(|field| field != KEY),
                known => drop(known?),
            }
        }
        Ok(own)
    }

    /// One page of one of them after the other.
    pub(super) async fn engagement_page(&self, read: &ReadSpec, cursor: Option<&Cursor>, priority: Priority) -> Result<Page, VendorError> {
        let mut place = Place::of(cursor)?;
        let part = &PARTS[place.part];
        let own = self.read_of(part, read, priority).await?;
        let cursor = place.cursors[place.part].as_ref();
        let last = place.part + 1 == PARTS.len();
        let page = match part.object {
            SUBMISSIONS => self.submission_page(&own, cursor, priority).await?,
            _ => match self.read_page(&own, cursor, priority).await {
                // Where nobody lets us read e-mails, there are none for us, and the others are read all the same.
                Err(error) if part.object == MAILS.object && error.status == 403 && error.is_of_object() => {
                    tracing::info!(connection = %self.client.settings().name, "e-mails are not read: grant the scope `sales-email-read` to have them as activities");
                    place.part = if last { 0 } else { place.part + 1 };
                    return Ok(Page { looks: Vec::new(), next: place.to_text(), more: !last, total: None });
                }
                other => other?,
            },
        };
        place.cursors[place.part] = Some(page.next);
        if !page.more {
            place.part = if last { 0 } else { place.part + 1 };
        }
        Ok(Page { looks: part.looks(page.looks, read)?, next: place.to_text(), more: page.more || !last, total: None })
    }

    /// Rows by id, each from its own object.
    pub(super) async fn fetch_engagements(&self, read: &ReadSpec, ids: &[String], priority: Priority) -> Result<Vec<Look>, VendorError> {
        let mut found: BTreeMap<String, Look> = BTreeMap::new();
        for part in PARTS {
            let own: Vec<String> = ids
                .iter()
                .filter_map(|id| id.split_once('-'))
                .filter(|(object, _)| *object == part.object)
                .map(|(_, id)| id.to_owned())
                .collect();
            if own.is_empty() {
                continue;
            }
            let looks = match part.object {
                SUBMISSIONS => self.fetch_submissions(&part.read(read)?, &own, priority).await?,
                _ => self.fetch_rows(&self.read_of(part, read, priority).await?, &own, priority).await?,
            };
            found.extend(part.looks(looks, read)?.into_iter().map(|look| (look.id.clone(), look)));
        }
        let schema = self.schema(PARTS[0].object, &[], priority).await?;
        let gone = |id: &String| self.seeing(ENGAGEMENTS, &schema).gone(id, Existence::Deleted);
        Ok(ids.iter().map(|id| found.remove(id).unwrap_or_else(|| gone(id))).collect())
    }

    /// What they have in common.
    pub(super) async fn describe_engagements(&self, priority: Priority) -> Result<RemoteObject, VendorError> {
        let tasks = self.read_schema(PARTS[0].object, priority).await?;
        let field = |name: &str, label: &str, kind: RemoteKind| RemoteField {
            unique: name == "hs_object_id",
            ..RemoteField::new(name, label, kind)
        };
        let mut fields: Vec<RemoteField> = SHARED.iter().map(|(name, kind)| field(name, name, *kind)).collect();
        fields.extend([
            field(KIND, "Kind", RemoteKind::Text),
            field("subject", "Subject", RemoteKind::Text),
            field("body", "Text", RemoteKind::LongText),
            field("status", "Status", RemoteKind::Text),
        ]);
        let common = |name: &str| name == KEY || name.starts_with(ASSOCIATION) || name.starts_with(OWNER);
        fields.extend(
            tasks.object.fields.iter().filter(|known| common(&known.name)).map(|known| RemoteField { writable: false, ..known.clone() }),
        );
        Ok(RemoteObject { name: ENGAGEMENTS.to_owned(), fields, lists: Vec::new() })
    }
}

/// The position at which all of them stand at the present.
pub(super) fn from_present(present: &Cursor) -> Cursor {
    Place { part: 0, cursors: vec![Some(present.clone()); PARTS.len()] }.to_text()
}

/// What is said to whoever would write an engagement.
pub(super) fn only_read() -> VendorError {
    misfit(
        "read_only",
        "`engagements` shows HubSpot's tasks, calls, notes, meetings, e-mails, messages and postal mail together, and is only read",
        "map tasks, calls, notes, meetings or emails by themselves to write them",
    )
}
