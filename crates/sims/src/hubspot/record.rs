//! One record, and what is computed about it when it is read.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Map, Value, json};

use super::kinds::{COMPANIES, CONTACTS, DEALS, LEADS};
use super::moment::iso;
use super::state::State;
use super::values::digits;

/// Versions of a value that history keeps.
const HISTORY_MAX: usize = 20;

/// Whose hand a write is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hand {
    /// The API, on behalf of the app or key that called.
    Integration,
    /// A person in HubSpot's own pages, by user id.
    Person(u64),
    /// A workflow of the portal.
    Workflow,
    /// The customer themself, by a form of the portal.
    Visitor,
    /// Another app, by its id.
    App(u64),
}

impl Hand {
    /// As history and webhooks name it.
    pub(crate) fn source(self) -> &'static str {
        match self {
            Self::Integration | Self::App(_) => "INTEGRATION",
            Self::Person(_) => "CRM_UI",
            Self::Workflow => "AUTOMATION_PLATFORM",
            Self::Visitor => "FORM",
        }
    }
}

/// One former or present value.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    pub(crate) value: String,
    pub(crate) at_ms: i64,
    pub(crate) by: Hand,
}

/// What search saw of a record before its last changes.
#[derive(Debug, Clone)]
pub(crate) struct Shadow {
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) updated_ms: i64,
}

/// One record.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) kind: usize,
    pub(crate) id: u64,
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
    pub(crate) archived_ms: Option<i64>,
    pub(crate) created_by: Hand,
    /// The person who last changed it, if it was one.
    pub(crate) updated_by: Option<u64>,
    pub(crate) history: BTreeMap<String, VecDeque<Moment>>,
    /// Records merged into this one, with the instant.
    pub(crate) absorbed: Vec<(u64, i64)>,
    /// Replaced versions that search still shows, with the instant of their replacement; none before the record existed.
    pub(crate) shadows: VecDeque<(i64, Option<Shadow>)>,
}

impl Record {
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Sets a value and remembers it; an empty one clears.
    pub(crate) fn set(&mut self, name: &str, value: String, at_ms: i64, by: Hand) {
        let past = self.history.entry(name.to_owned()).or_default();
        past.push_front(Moment { value: value.clone(), at_ms, by });
        past.truncate(HISTORY_MAX);
        if value.is_empty() {
            self.values.remove(name);
        } else {
            self.values.insert(name.to_owned(), value);
        }
    }
}

/// A record's values as search or a reader sees them.
pub(crate) struct View<'a> {
    pub(crate) record: &'a Record,
    pub(crate) values: &'a BTreeMap<String, String>,
    pub(crate) updated_ms: i64,
}

impl<'a> View<'a> {
    /// The present.
    pub(crate) fn now(record: &'a Record) -> Self {
        Self { record, values: &record.values, updated_ms: record.updated_ms }
    }

    /// What an index that lags by `lag_ms` shows; nothing for a record that it does not know yet.
    pub(crate) fn indexed(record: &'a Record, now_ms: i64, lag_ms: i64) -> Option<Self> {
        match record.shadows.iter().find(|(replaced, _)| replaced + lag_ms > now_ms) {
            Some((_, None)) => None,
            Some((_, Some(shadow))) => Some(Self { record, values: &shadow.values, updated_ms: shadow.updated_ms }),
            None => Some(Self::now(record)),
        }
    }

    fn plain(&self, name: &str) -> Option<String> {
        self.values.get(name).cloned()
    }

    /// A property's value, computed ones included.
    pub(crate) fn value(&self, state: &State, name: &str) -> Option<String> {
        let record = self.record;
        match name {
            "hs_object_id" => Some(record.id.to_string()),
            "createdate" | "hs_createdate" => Some(iso(record.created_ms)),
            "lastmodifieddate" | "hs_lastmodifieddate" => Some(iso(self.updated_ms)),
            "hs_object_source" => Some(record.created_by.source().to_owned()),
            "hs_object_source_id" => match record.created_by {
                Hand::Integration => Some(state.options.app_id.to_string()),
                Hand::Person(user) => Some(format!("userId:{user}")),
                Hand::App(app) => Some(app.to_string()),
                Hand::Workflow | Hand::Visitor => None,
            },
            "hs_updated_by_user_id" => record.updated_by.map(|user| user.to_string()),
            "hs_created_by_user_id" => match record.created_by {
                Hand::Person(user) => Some(user.to_string()),
                _ => None,
            },
            "hs_merged_object_ids" => list(record.absorbed.iter().map(|(id, _)| id.to_string())),
            "hs_all_contact_vids" if record.kind == CONTACTS => {
                list(std::iter::once(record.id.to_string()).chain(record.absorbed.iter().map(|(id, _)| id.to_string())))
            }
            "hs_calculated_merged_vids" if record.kind == CONTACTS => list(record.absorbed.iter().map(|(id, at)| format!("{id}:{at}"))),
            "associatedcompanyid" if record.kind == CONTACTS => {
                state.links.primary(record.kind, record.id, COMPANIES).map(|id| id.to_string())
            }
            "hs_primary_contact_id" if record.kind == LEADS => state.links.primary(LEADS, record.id, CONTACTS).map(|id| id.to_string()),
            "hs_lead_associated_deals_count" if record.kind == LEADS => Some(state.links.of((LEADS, record.id), DEALS).len().to_string()),
            "hs_pipeline_stage_category_v2"
            | "hs_lead_is_new"
            | "hs_lead_is_in_progress"
            | "hs_lead_is_qualified"
            | "hs_lead_is_disqualified"
                if record.kind == LEADS =>
            {
                let category = state.stage(LEADS, &self.plain("hs_pipeline")?, &self.plain("hs_pipeline_stage")?)?.category();
                Some(match name {
                    "hs_lead_is_new" => (category == "NEW").to_string(),
                    "hs_lead_is_in_progress" => (category == "IN_PROGRESS").to_string(),
                    "hs_lead_is_qualified" => (category == "QUALIFIED").to_string(),
                    "hs_lead_is_disqualified" => (category == "UNQUALIFIED").to_string(),
                    _ => category.to_owned(),
                })
            }
            "hs_searchable_calculated_phone_number" => self.plain("phone").map(|phone| digits(&phone)).filter(|digits| !digits.is_empty()),
            "hs_is_closed" | "hs_is_closed_won" | "hs_is_closed_lost" | "hs_deal_stage_probability" if record.kind == DEALS => {
                let stage = state.stage(DEALS, &self.plain("pipeline")?, &self.plain("dealstage")?)?;
                let probability = stage.meta("probability").unwrap_or("0.0");
                let won: bool = probability.parse().is_ok_and(|p: f64| p >= 1.0);
                Some(match name {
                    "hs_is_closed" => stage.is_closed().to_string(),
                    "hs_is_closed_won" => (stage.is_closed() && won).to_string(),
                    "hs_is_closed_lost" => (stage.is_closed() && !won).to_string(),
                    _ => probability.to_owned(),
                })
            }
            "hs_body_preview" => ["hs_note_body", "hs_task_body", "hs_call_body", "hs_meeting_body", "hs_email_text"]
                .iter()
                .find_map(|body| self.plain(body)),
            _ => self.plain(name),
        }
    }
}

fn list(items: impl Iterator<Item = String>) -> Option<String> {
    let joined = items.collect::<Vec<_>>().join(";");
    (!joined.is_empty()).then_some(joined)
}

/// What a reader asked to see of records.
#[derive(Debug, Default, Clone)]
pub(crate) struct Wanted {
    pub(crate) properties: Vec<String>,
    pub(crate) history: Vec<String>,
    pub(crate) associations: Vec<String>,
}

impl State {
    /// A record as reads show it: asked-for properties that are not set are null, those that do not exist are left out.
    pub(crate) fn shown(&self, view: &View<'_>, wanted: &Wanted) -> Value {
        let kind = view.record.kind;
        let mut names: Vec<&str> = vec!["hs_object_id", self.kinds[kind].cursor, "hs_createdate", "createdate"];
        if wanted.properties.is_empty() {
            names.extend(self.kinds[kind].defaults);
        } else {
            names.extend(wanted.properties.iter().map(String::as_str));
        }
        names.sort_unstable();
        names.dedup();
        let mut properties = Map::new();
        for name in names.into_iter().filter(|name| self.property(kind, name).is_some()) {
            properties.insert(name.to_owned(), view.value(self, name).map_or(Value::Null, Value::String));
        }
        let mut shown = self.frame(view, properties);
        if !wanted.history.is_empty() {
            let past: Map<String, Value> = wanted
                .history
                .iter()
                .filter_map(|name| Some((name.clone(), view.record.history.get(name)?)))
                .map(|(name, moments)| (name, moments.iter().map(|moment| self.moment(moment)).collect()))
                .collect();
            shown["propertiesWithHistory"] = Value::Object(past);
        }
        if !wanted.associations.is_empty() {
            let inline = self.inline_associations(kind, view.record.id, &wanted.associations);
            if !inline.is_empty() {
                shown["associations"] = Value::Object(inline);
            }
        }
        shown
    }

    /// A record as writes answer it: what was sent, and what HubSpot adds; nothing is null.
    pub(crate) fn echoed(&self, record: &Record, sent: &[String]) -> Value {
        let view = View::now(record);
        let added = [
            "hs_object_id",
            "hs_object_source",
            "hs_object_source_id",
            "createdate",
            "hs_createdate",
            "lastmodifieddate",
            "hs_lastmodifieddate",
        ];
        let mut properties = Map::new();
        for name in sent.iter().map(String::as_str).chain(added).chain(["lifecyclestage", "pipeline", "hs_pipeline", "website"]) {
            if self.property(record.kind, name).is_some()
                && let Some(value) = view.value(self, name)
            {
                properties.insert(name.to_owned(), Value::String(value));
            }
        }
        self.frame(&view, properties)
    }

    fn frame(&self, view: &View<'_>, properties: Map<String, Value>) -> Value {
        let record = view.record;
        let mut shown = json!({
            "id": record.id.to_string(), "properties": properties, "createdAt": iso(record.created_ms), "updatedAt": iso(view.updated_ms),
            "archived": record.archived_ms.is_some(),
            "url": format!("https://app.hubspot.com/contacts/{}/record/{}/{}", self.options.portal_id, self.kinds[record.kind].type_id, record.id),
        });
        if let Some(at) = record.archived_ms {
            shown["archivedAt"] = json!(iso(at));
        }
        shown
    }

    fn moment(&self, moment: &Moment) -> Value {
        let mut shown = json!({"value": moment.value, "timestamp": iso(moment.at_ms), "sourceType": moment.by.source()});
        match moment.by {
            Hand::Integration => shown["sourceId"] = json!(self.options.app_id.to_string()),
            Hand::Person(user) => {
                shown["sourceId"] = json!(format!("userId:{user}"));
                shown["updatedByUserId"] = json!(user);
            }
            Hand::App(app) => shown["sourceId"] = json!(app.to_string()),
            Hand::Workflow | Hand::Visitor => {}
        }
        shown
    }
}
