//! Admins, teams, tags and types of tickets: few, rarely changed, and needed by name, so they are read once and kept for a while.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use entente_model::clock::Timestamp;
use serde_json::{Value, json};

use crate::connector::{Group, Priority};
use crate::error::VendorError;
use crate::transport::call::Call;

use super::Intercom;
use super::map::id_text;
use super::refusal::of_no_row;
use super::wire::{Read, send};

/// Name of the type of tickets that ours are of.
pub(crate) const OWN_TYPE: &str = "Entente";

/// How long lists count: people join and leave a desk by the day.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);
/// How long they count for reads in bulk: what a reconciliation compares are the names of now. It lets go of them when it begins, and a read of many
/// pages asks once a minute.
const FRESH_IN_BULK: Duration = Duration::from_secs(60);
/// Pause after a list could not be read, or lacked a name, so that it does not cost a call with every page.
const AFTER_FAILURE: Duration = Duration::from_secs(15 * 60);

/// An admin's name and address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Person {
    pub name: String,
    pub email: String,
}

/// Names by id; none while they could not be read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    pub admins: Option<BTreeMap<String, Person>>,
    pub teams: Option<BTreeMap<String, String>>,
    pub tags: Option<BTreeMap<String, String>>,
}

/// A type of tickets, as far as this connector needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TicketType {
    pub id: String,
    pub name: String,
    /// Attributes with id and type, the two that every type has left out.
    pub attributes: BTreeMap<String, (String, String)>,
}

/// What is known of the workspace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Our own admin.
    us: Option<String>,
    names: Names,
    /// When people were listed last, and whether that could be done.
    people_listed: Option<(Timestamp, bool)>,
    /// When to list tags again.
    tags_due: Option<Timestamp>,
}

/// What is known of the workspace, shared.
#[derive(Debug, Default)]
pub(crate) struct Directory(Mutex<Arc<Known>>);

impl Directory {
    pub fn known(&self) -> Arc<Known> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn learn(&self, change: impl FnOnce(&mut Known)) {
        change(Arc::make_mut(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)));
    }
}

impl Known {
    /// Names as they were last listed.
    pub fn names(&self) -> &Names {
        &self.names
    }
}

impl Intercom {
    /// The next read that shows a name lists them anew, unless that could not be done a moment ago.
    pub(super) fn forget_people_and_tags(&self) {
        self.directory.learn(|known| {
            known.people_listed = known.people_listed.filter(|(_, whole)| !whole);
            if known.names.tags.take().is_some() {
                known.tags_due = None;
            }
        });
    }

    /// Asks who the token belongs to.
    pub(super) async fn ask_me(&self, priority: Priority) -> Result<Read, VendorError> {
        let read = send(&self.client, "me", priority, Call::get("/me")).await.map_err(of_no_row)?;
        if let Some(id) = id_text(&read.body["id"]) {
            self.directory.learn(|known| known.us = Some(id));
        }
        Ok(read)
    }

    /// Our own admin's id.
    pub(super) async fn our_id(&self, priority: Priority) -> Result<Option<String>, VendorError> {
        match &self.directory.known().us {
            Some(id) => Ok(Some(id.clone())),
            None => Ok(id_text(&self.ask_me(priority).await?.body["id"])),
        }
    }

    /// Names that these fields of these rows need. A list that cannot be read is logged, and its names stay unknown.
    pub(super) async fn names_for(&self, fields: &[String], rows: &[Value], priority: Priority) -> Names {
        if fields.iter().any(|name| name.starts_with("assignee.") || name.starts_with("team.")) {
            self.list_people(priority).await;
        }
        if fields.iter().any(|name| name == "tags") {
            self.list_tags(rows, priority).await;
        }
        self.directory.known().names.clone()
    }

    fn later(&self, pause: Duration) -> Option<Timestamp> {
        self.client.now().checked_add(pause).ok()
    }

    fn is_due(&self, due: Option<Timestamp>) -> bool {
        due.is_none_or(|due| self.client.now() >= due)
    }

    async fn list_people(&self, priority: Priority) {
        let now = self.client.now();
        let counts = |whole: bool| match (whole, priority) {
            (false, _) => AFTER_FAILURE,
            (true, Priority::Backfill) => FRESH_IN_BULK,
            (true, _) => FRESH,
        };
        if self.directory.known().people_listed.is_some_and(|(at, whole)| now < at + counts(whole)) {
            return;
        }
        // Before the calls, so that pages read at the same time do not all ask.
        self.directory.learn(|known| known.people_listed = Some((now, false)));
        let admins = self.list_all("/admins", "admins", priority).await;
        let teams = self.list_all("/teams", "teams", priority).await;
        let connection = &self.client.settings().name;
        let mut whole = true;
        let mut told = |what: &str, error: &VendorError| {
            whole = false;
            tracing::warn!(%connection, %error, "the workspace's {what} could not be listed: their names stay as they are");
        };
        let admins = admins.inspect_err(|error| told("admins", error)).ok();
        let teams = teams.inspect_err(|error| told("teams", error)).ok();
        self.directory.learn(|known| {
            if let Some(rows) = admins {
                known.names.admins = Some(rows.iter().filter_map(person).collect());
            }
            if let Some(rows) = teams {
                known.names.teams = Some(rows.iter().filter_map(named).collect());
            }
            known.people_listed = Some((now, whole));
        });
    }

    /// Tags are made all the time: a list that lacks one is read again, but not with every page.
    async fn list_tags(&self, rows: &[Value], priority: Priority) {
        let known = self.directory.known();
        let held = |id: &str| known.names.tags.as_ref().is_some_and(|tags| tags.contains_key(id));
        let nameless = |tag: &Value| !tag["name"].is_string() && id_text(&tag["id"]).is_some_and(|id| !held(&id));
        let lacking = rows.iter().any(|row| row["tags"]["data"].as_array().into_iter().flatten().any(nameless));
        if !lacking || !self.is_due(known.tags_due) {
            return;
        }
        let soon = self.later(AFTER_FAILURE);
        self.directory.learn(|known| known.tags_due = soon);
        match self.list_all("/tags", "tags", priority).await {
            Ok(rows) => self.directory.learn(|known| known.names.tags = Some(rows.iter().filter_map(named).collect())),
            Err(error) => {
                tracing::warn!(connection = %self.client.settings().name, %error, "the workspace's tags could not be listed: their names stay as they are");
            }
        }
    }

    /// The admin with an address.
    pub(super) async fn admin_of(&self, email: &str, priority: Priority) -> Option<String> {
        self.list_people(priority).await;
        let wanted = email.trim().to_lowercase();
        let known = self.directory.known();
        known.names.admins.as_ref()?.iter().find(|(_, person)| person.email == wanted).map(|(id, _)| id.clone())
    }

    /// The workspace's teams; `fresh` asks Intercom even when they are known.
    pub(super) async fn list_groups(&self, fresh: bool, priority: Priority) -> Result<Vec<Group>, VendorError> {
        let mut held = self.groups.lock().await;
        if let Some(groups) = held.as_ref().filter(|_| !fresh) {
            return Ok(groups.clone());
        }
        let rows = self.list_all("/teams", "teams", priority).await?;
        let groups: Vec<Group> = rows.iter().filter_map(named).map(|(id, name)| Group { id, name }).collect();
        *held = Some(groups.clone());
        Ok(groups)
    }

    /// Types of tickets that are in use.
    pub(super) async fn ticket_types(&self, priority: Priority) -> Result<Vec<TicketType>, VendorError> {
        let rows = self.list_all("/ticket_types", "ticket_types", priority).await?;
        Ok(rows.iter().filter(|row| row["archived"] != true).filter_map(ticket_type).collect())
    }

    /// The type of tickets that ours are of, made if need be.
    pub(super) async fn own_type(&self, make: bool, priority: Priority) -> Result<Option<TicketType>, VendorError> {
        let found = self.ticket_types(priority).await?.into_iter().find(|ty| ty.name == OWN_TYPE);
        if found.is_some() || !make {
            return Ok(found);
        }
        let body = json!({"name": OWN_TYPE, "category": "Back-office", "description": "What Entente opens for colleagues"});
        let made = send(&self.client, "ticket_types", priority, Call::post("/ticket_types", body)).await.map_err(of_no_row)?;
        Ok(ticket_type(&made.body))
    }

    /// Every row of a list without pages.
    pub(super) async fn list_all(&self, path: &str, kind: &'static str, priority: Priority) -> Result<Vec<Value>, VendorError> {
        let read = send(&self.client, kind, priority, Call::get(path)).await.map_err(of_no_row)?;
        Ok(read.rows()?.clone())
    }
}

fn person(row: &Value) -> Option<(String, Person)> {
    let text = |name: &str| entente_model::normalise::html::decode(row[name].as_str().unwrap_or_default()).into_owned();
    Some((id_text(&row["id"])?, Person { name: text("name"), email: text("email").to_lowercase() }))
}

fn named(row: &Value) -> Option<(String, String)> {
    let name = row["name"].as_str().unwrap_or_default();
    Some((id_text(&row["id"])?, entente_model::normalise::html::decode(name).into_owned()))
}

fn ticket_type(row: &Value) -> Option<TicketType> {
    let listed = row["ticket_type_attributes"]["data"].as_array().into_iter().flatten();
    let attributes = listed.filter(|attribute| attribute["default"] != true && attribute["archived"] != true).filter_map(|attribute| {
        let ty = attribute["data_type"].as_str().unwrap_or_default().to_owned();
        Some((attribute["name"].as_str()?.to_owned(), (id_text(&attribute["id"])?, ty)))
    });
    let name = entente_model::normalise::html::decode(row["name"].as_str()?).into_owned();
    Some(TicketType { id: id_text(&row["id"])?, name, attributes: attributes.collect() })
}
