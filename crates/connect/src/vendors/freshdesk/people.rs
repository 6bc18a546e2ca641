//! Agents and groups: few, rarely changed, and needed by name, so they are read once and kept for a while.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use entente_model::clock::Timestamp;
use serde_json::Value;

use crate::connector::{Group, Priority};
use crate::error::VendorError;
use crate::transport::call::Call;

use super::Freshdesk;
use super::map::{Names, id_text};
use super::refusal::of_no_row;
use super::wire::{Read, send};

/// How long lists count: people join and leave a desk by the day.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);
/// How long they count for reads in bulk: what a reconciliation compares are the names of now. It lets go of them when it begins, and a read of many
/// pages asks once a minute.
const FRESH_IN_BULK: Duration = Duration::from_secs(60);
/// Pause after a list could not be read, so that a missing permission does not cost a call with every page.
const AFTER_FAILURE: Duration = Duration::from_secs(15 * 60);
/// Pages of agents or groups read at most: 10,000 of them, more than any account has.
const PAGES_MAX: u32 = 100;

/// An agent's name and address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Person {
    pub name: String,
    pub email: String,
}

/// What is known of the desk's people.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Our own agent.
    us: Option<String>,
    /// Names as they were last listed.
    names: Names,
    /// When they were listed last, and whether that could be done.
    listed: Option<(Timestamp, bool)>,
}

/// The desk's people, shared.
#[derive(Debug, Default)]
pub(crate) struct People(Mutex<Arc<Known>>);

impl Freshdesk {
    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.people.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn learn(&self, change: impl FnOnce(&mut Known)) {
        change(Arc::make_mut(&mut self.people.0.lock().unwrap_or_else(PoisonError::into_inner)));
    }

    /// The next read that shows a name lists them anew, unless that could not be done a moment ago.
    pub(super) fn forget_people(&self) {
        self.learn(|known| known.listed = known.listed.filter(|(_, whole)| !whole));
    }

    /// Asks who the key belongs to.
    pub(super) async fn ask_me(&self, priority: Priority) -> Result<Read, VendorError> {
        let read = send(&self.client, "me", priority, Call::get("/api/v2/agents/me")).await.map_err(of_no_row)?;
        if let Some(id) = id_text(&read.body["id"]) {
            self.learn(|known| known.us = Some(id));
        }
        Ok(read)
    }

    /// Our own agent's id.
    pub(super) async fn our_id(&self, priority: Priority) -> Result<Option<String>, VendorError> {
        match &self.known().us {
            Some(id) => Ok(Some(id.clone())),
            None => Ok(id_text(&self.ask_me(priority).await?.body["id"])),
        }
    }

    /// Names of agents and groups, where these fields need them. A list that cannot be read is logged and its names stay unknown.
    pub(super) async fn names_for(&self, fields: &[String], priority: Priority) -> Names {
        if !fields.iter().any(|name| name.starts_with("responder.") || name.starts_with("group.")) {
            return Names::default();
        }
        self.agents_and_groups(priority).await
    }

    /// Names of agents and groups.
    pub(super) async fn agents_and_groups(&self, priority: Priority) -> Names {
        let (known, now) = (self.known(), self.client.now());
        let counts = |whole: bool| match (whole, priority) {
            (false, _) => AFTER_FAILURE,
            (true, Priority::Backfill) => FRESH_IN_BULK,
            (true, _) => FRESH,
        };
        if known.listed.is_some_and(|(at, whole)| now < at + counts(whole)) {
            return known.names.clone();
        }
        // Before the calls, so that pages read at the same time do not all ask.
        self.learn(|known| known.listed = Some((now, false)));
        let agents = self.list_all("/api/v2/agents", "agents", priority).await;
        let groups = self.list_all("/api/v2/groups", "groups", priority).await;
        let mut whole = true;
        let mut names = known.names.clone();
        match agents {
            Ok(rows) => names.agents = Some(rows.iter().filter_map(person).collect()),
            Err(error) => {
                whole = false;
                tracing::warn!(connection = %self.client.settings().name, %error, "the desk's agents could not be listed: their names stay as they are");
            }
        }
        match groups {
            Ok(rows) => names.groups = Some(rows.iter().filter_map(group).map(|group| (group.id, group.name)).collect()),
            Err(error) => {
                whole = false;
                tracing::warn!(connection = %self.client.settings().name, %error, "the desk's groups could not be listed: their names stay as they are");
            }
        }
        self.learn(|known| {
            known.names = names.clone();
            known.listed = Some((now, whole));
        });
        names
    }

    /// The agent with an address.
    pub(super) async fn agent_of(&self, email: &str, priority: Priority) -> Option<String> {
        let wanted = email.trim().to_lowercase();
        let agents = self.agents_and_groups(priority).await.agents?;
        agents.into_iter().find(|(_, person)| person.email == wanted).map(|(id, _)| id)
    }

    /// The account's groups; `fresh` asks Freshdesk even when they are known.
    pub(super) async fn list_groups(&self, fresh: bool, priority: Priority) -> Result<Vec<Group>, VendorError> {
        let mut held = self.groups.lock().await;
        if let Some(groups) = held.as_ref().filter(|_| !fresh) {
            return Ok(groups.clone());
        }
        let groups: Vec<Group> = self.list_all("/api/v2/groups", "groups", priority).await?.iter().filter_map(group).collect();
        *held = Some(groups.clone());
        Ok(groups)
    }

    /// Every row of a short list.
    async fn list_all(&self, path: &str, kind: &'static str, priority: Priority) -> Result<Vec<Value>, VendorError> {
        let mut rows = Vec::new();
        let (mut page, mut size) = (1, 100);
        while page <= PAGES_MAX {
            let call = Call::get(path).query("page", page.to_string()).query("per_page", size.to_string());
            let read = send(&self.client, kind, priority, call).await.map_err(of_no_row)?;
            rows.extend(read.rows()?.iter().cloned());
            let Some(next) = read.next else { break };
            (page, size) = (next.page, next.size);
        }
        Ok(rows)
    }
}

fn person(row: &Value) -> Option<(String, Person)> {
    let text = |name: &str| row["contact"][name].as_str().unwrap_or_default().to_owned();
    Some((id_text(&row["id"])?, Person { name: text("name"), email: text("email").to_lowercase() }))
}

fn group(row: &Value) -> Option<Group> {
    Some(Group { id: id_text(&row["id"])?, name: row["name"].as_str().unwrap_or_default().to_owned() })
}
