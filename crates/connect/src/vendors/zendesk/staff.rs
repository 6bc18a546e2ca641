//! The people who work at the desk, and we ourselves among them: who changed something is told by a user id alone, and a checklist for
//! a colleague must find that colleague.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use serde_json::Value;

use crate::connector::Priority;
use crate::error::VendorError;
use crate::transport::call::Call;

use super::Zendesk;
use super::map::id_text;
use super::wire::{Read, send};

/// How long a list of agents counts: people join and leave a desk by the day.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// Pause after a list could not be read, so that a missing permission does not cost a call with every page.
const AFTER_FAILURE: Duration = Duration::from_secs(15 * 60);

/// Agents and administrators as they were last listed.
#[derive(Debug, Clone, Default)]
pub(super) struct Staff {
    /// Our own user.
    pub(super) us: Option<String>,
    /// Ids by e-mail address in lower case.
    by_email: BTreeMap<String, String>,
    /// When to list them again.
    due: Option<Timestamp>,
}

impl Staff {
    /// Ids of everybody who works at the desk.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.by_email.values().map(String::as_str)
    }

    /// The address of somebody who works at the desk.
    pub(super) fn address(&self, id: &str) -> Option<&str> {
        self.by_email.iter().find(|(_, known)| *known == id).map(|(address, _)| address.as_str())
    }

    /// The agent with an address.
    pub(super) fn agent(&self, email: &str) -> Option<&str> {
        self.by_email.get(&email.trim().to_lowercase()).map(String::as_str)
    }
}

impl Zendesk {
    /// The staff as they are known now; makes no call.
    pub(super) fn staff(&self) -> Arc<Staff> {
        Arc::clone(&self.staff.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks who the credentials belong to.
    pub(super) async fn ask_me(&self, priority: Priority) -> Result<Read, VendorError> {
        let read = send(&self.client, "me", priority, Call::get("/api/v2/users/me")).await?;
        if let Some(id) = id_text(&read.body["user"]["id"]) {
            self.change_staff(|staff| staff.us = Some(id));
        }
        Ok(read)
    }

    fn change_staff(&self, change: impl FnOnce(&mut Staff)) {
        let mut known = self.staff.lock().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut known));
    }

    /// The staff, listed anew when they are not known or were listed long ago. Nothing that is synced depends on them, so a failure is
    /// logged and what is known counts.
    pub(super) async fn staff_now(&self, priority: Priority) -> Arc<Staff> {
        let (known, now) = (self.staff(), self.client.now());
        if known.due.is_some_and(|due| now < due) {
            return known;
        }
        let later = |wait: Duration| now.checked_add(wait).ok();
        // Before the call, so that pages read at the same time do not all ask.
        self.change_staff(|staff| staff.due = later(AFTER_FAILURE));
        match self.list_staff(known.us.is_none(), priority).await {
            Ok(by_email) => self.change_staff(|staff| {
                staff.by_email = by_email;
                staff.due = later(FRESH);
            }),
            Err(error) => {
                tracing::warn!(connection = %self.client.settings().name, %error, "the desk's agents could not be listed: who changed a value stays unknown");
            }
        }
        self.staff()
    }

    async fn list_staff(&self, ask_me: bool, priority: Priority) -> Result<BTreeMap<String, String>, VendorError> {
        let rows = self.list_all("/api/v2/users", "users", &[("role[]", "agent"), ("role[]", "admin")], priority).await?;
        if ask_me {
            self.ask_me(priority).await?;
        }
        let named = |row: &Value| Some((row["email"].as_str()?.to_lowercase(), id_text(&row["id"])?));
        Ok(rows.iter().filter_map(named).collect())
    }

    /// Whose hand a user id is, where settings or the list of staff tell.
    pub(super) fn actors<'a>(&'a self, staff: &'a Staff) -> BTreeMap<&'a str, Actor> {
        let mut actors: BTreeMap<&str, Actor> = staff.ids().map(|id| (id, Actor::Support)).collect();
        for (kind, ids) in &self.client.settings().actors {
            let actor = match kind.as_str() {
                "self_service" => Actor::Customer,
                "automation" | "integration" => Actor::Automation,
                "support" => Actor::Support,
                _ => continue,
            };
            actors.extend(ids.iter().map(|id| (id.as_str(), actor)));
        }
        actors.extend(staff.us.as_deref().map(|id| (id, Actor::Us)));
        actors
    }
}
