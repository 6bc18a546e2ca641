//! Owners: `hubspot_owner_id` is neither a user id nor a name, so that names and addresses are looked up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use serde_json::Value;

use super::HubSpot;
use super::kind::OWNER;
use super::wire::{Listed, id_text};
use crate::connector::Priority;
use crate::error::VendorError;
use crate::transport::call::Call;

/// Owners on a page, the most there may be.
const PAGE_ROWS: &str = "500";
/// How long the list is believed.
const BELIEF: Duration = Duration::from_secs(3_600);
/// How long it is believed when it lacks an owner.
const BELIEF_IN_DOUBT: Duration = Duration::from_secs(60);

/// One owner.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owner {
    name: String,
    email: String,
    /// The user who the owner is, if it is a person: a queue owns, but changes nothing.
    user: Option<String>,
}

/// Owners by id.
#[derive(Debug, Default)]
pub(crate) struct Known(BTreeMap<String, Owner>);

impl Known {
    /// An attribute of an owner by its flattened name.
    pub fn value(&self, owner: Option<&str>, field: &str) -> Value {
        let Some(owner) = owner.and_then(|id| self.0.get(id)) else { return Value::Null };
        match field.strip_prefix(OWNER) {
            Some("name") => Value::from(owner.name.as_str()),
            Some("email") => Value::from(owner.email.as_str()),
            _ => Value::Null,
        }
    }

    /// Everybody who owns, by user id: those are sales people.
    pub fn people(&self) -> BTreeMap<String, Actor> {
        self.0.values().filter_map(|owner| Some((owner.user.clone()?, Actor::Sales))).collect()
    }
}

impl Known {
    /// What people call everybody who owns, by user id: by name, else by address.
    pub fn names(&self) -> BTreeMap<String, String> {
        let called = |owner: &Owner| if owner.name.is_empty() { owner.email.clone() } else { owner.name.clone() };
        self.0.values().filter_map(|owner| Some((owner.user.clone()?, called(owner)))).collect()
    }
}

/// The list as it was last read.
#[derive(Debug, Default)]
pub(crate) struct Owners(tokio::sync::Mutex<Option<(Timestamp, Arc<Known>)>>);

impl Owners {
    /// The next read that shows one asks for them anew.
    pub async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

impl HubSpot {
    /// Owners, with all of `wanted` among them unless HubSpot does not know them.
    pub(super) async fn known_owners(&self, wanted: &[&str], priority: Priority) -> Result<Arc<Known>, VendorError> {
        let mut held = self.owners.0.lock().await;
        if let Some((at, known)) = &*held {
            let age = Duration::try_from(self.client.now().duration_since(*at)).unwrap_or(Duration::ZERO);
            let whole = wanted.iter().all(|id| known.0.contains_key(*id));
            if age < if whole { BELIEF } else { BELIEF_IN_DOUBT } {
                return Ok(Arc::clone(known));
            }
        }
        let mut owners = BTreeMap::new();
        // Records of people who have left still name them.
        for archived in ["false", "true"] {
            let mut after: Option<String> = None;
            loop {
                let mut call = Call::get(self.paths.owners()).query("limit", PAGE_ROWS).query("archived", archived);
                if let Some(after) = &after {
                    call = call.query("after", after);
                }
                let page: Listed = self.client.call("owners", priority, call).await?.json()?;
                for owner in &page.results {
                    let text = |name: &str| owner[name].as_str().unwrap_or_default().trim();
                    let name = format!("{} {}", text("firstName"), text("lastName")).trim().to_owned();
                    let user = id_text(&owner["userId"]).or_else(|| id_text(&owner["userIdIncludingInactive"]));
                    let user = user.filter(|_| text("type") != "QUEUE");
                    if let Some(id) = id_text(&owner["id"]) {
                        owners.entry(id).or_insert_with(|| Owner { name, email: text("email").to_owned(), user });
                    }
                }
                match page.paging.and_then(|paging| paging.next) {
                    Some(next) if after.as_deref() != Some(next.after.as_str()) => after = Some(next.after),
                    _ => break,
                }
            }
        }
        let known = Arc::new(Known(owners));
        *held = Some((self.client.now(), Arc::clone(&known)));
        Ok(known)
    }
}
