//! The org's users: by the kind of hand they are (sales people, integrations, the platform's own processes), for Salesforce marks a change with
//! a user id alone; and by name, for an outbound message shows of an owner no more than the id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use entente_model::actor::Actor;
use entente_model::mapping::remote::{Row, reference_of};
use serde_json::Value;

use super::wire::{QueryKind, Record, member, text};
use super::{Salesforce, ids, soql};
use crate::connector::Priority;

/// How long the list counts: users are added to an org by the day.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// Pause after the list could not be read.
const AFTER_FAILURE: Duration = Duration::from_secs(15 * 60);

/// Most users that one call asks for by their ids; of a page with more of them, the others stay unknown until they turn up again.
const STRANGERS_MAX: usize = 200;

/// Users inside the company, and those that stand for no person. Portal users can be millions: they are asked for as they turn up.
const QUERY: &str =
    "SELECT Id,Name,Email,UserType,Profile.Name FROM User WHERE UserType IN ('Standard','AutomatedProcess','CloudIntegrationUser','Guest')";

/// Key prefix of users' ids.
const USER_PREFIX: &str = "005";

/// Values of users by their id and the name of the field.
#[derive(Debug, Default)]
pub(super) struct Names(RwLock<BTreeMap<(String, String), Value>>);

impl Names {
    /// Takes in a user's record.
    fn learn(&self, user: &Record) {
        let Some(id) = text(user, "Id") else { return };
        for field in ["Name", "Email"] {
            if let Some(value) = member(user, field) {
                self.put(&id, field, value);
            }
        }
    }

    /// Takes in what a whole row shows of the users whom it refers to: it is newer than the list.
    pub fn learn_from(&self, row: &Row) {
        for (field, value) in row {
            let Some((parent, inner)) = field.split_once('.') else { continue };
            if let Some(id) = row.get(&reference_of(parent)).and_then(Value::as_str).filter(|id| id.starts_with(USER_PREFIX)) {
                self.put(id, inner, value);
            }
        }
    }

    fn put(&self, id: &str, field: &str, value: &Value) {
        let key = (ids::to_18(id), field.to_owned());
        if self.0.read().unwrap_or_else(PoisonError::into_inner).get(&key) != Some(value) {
            self.0.write().unwrap_or_else(PoisonError::into_inner).insert(key, value.clone());
        }
    }

    /// A field of a user, if it is known.
    pub fn of(&self, id: &str, field: &str) -> Option<Value> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&(id.to_owned(), field.to_owned())).cloned()
    }
}

impl Salesforce {
    /// Reads the org's users when they are not known or were read long ago. Nothing that is synced depends on them, so a failure is logged
    /// and unlisted users stay unknown.
    pub(super) async fn know_people(&self, priority: Priority) {
        let now = self.client.now();
        {
            let mut due = self.people_due.lock().unwrap_or_else(PoisonError::into_inner);
            if due.is_some_and(|due| now < due) {
                return;
            }
            // Before the call, so that pages read at the same time do not all ask.
            *due = now.checked_add(AFTER_FAILURE).ok();
        }
        match self.query(QueryKind::Live, QUERY, priority).await {
            Ok(users) => {
                let people: BTreeMap<String, Actor> =
                    users.iter().filter_map(|user| Some((ids::to_18(&text(user, "Id")?), hand(user)))).collect();
                self.actors.learn(people);
                users.iter().for_each(|user| self.names.learn(user));
                *self.people_due.lock().unwrap_or_else(PoisonError::into_inner) = now.checked_add(FRESH).ok();
            }
            Err(error) => {
                tracing::warn!(connection = %self.client.settings().name, %error, "the org's users could not be read: who changed a value stays unknown; list them under `actors`, or let Entente's user see users");
            }
        }
    }
}

impl Salesforce {
    /// Of the users who changed something, those of whom nothing is known although the org's people are: nobody's while the org does not answer
    /// such questions.
    pub(super) fn strangers(&self, users: impl Iterator<Item = String>) -> Vec<String> {
        let Some(ours) = self.identity.get().map(|identity| identity.user_id.as_str()) else { return Vec::new() };
        let resting = self.strangers_due.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|due| self.client.now() < due);
        if resting {
            return Vec::new();
        }
        let users = users.map(|user| ids::to_18(&user)).filter(|user| ids::is_id(user) && user.starts_with(USER_PREFIX));
        let strangers: BTreeSet<String> = users.filter(|user| self.actors.is_stranger(user, ours)).collect();
        strangers.into_iter().take(STRANGERS_MAX).collect()
    }

    /// Gets to know who changed these records, in one call, and in none where everybody is known.
    pub(super) async fn know_hands(&self, records: &[Record], priority: Priority) {
        let strangers = self.strangers(records.iter().filter_map(|record| text(record, "LastModifiedById")));
        self.meet(strangers, priority).await;
    }

    /// Asks for users by their ids. Like the list of people, it fails softly.
    pub(super) async fn meet(&self, strangers: Vec<String>, priority: Priority) {
        if strangers.is_empty() {
            return;
        }
        let ids: Vec<&str> = strangers.iter().map(String::as_str).collect();
        let query = format!("SELECT Id,Name,Email,UserType,Profile.Name FROM User WHERE Id IN {}", soql::list(&ids));
        match self.query(QueryKind::Live, &query, priority).await {
            Ok(users) => {
                let mut met: BTreeMap<String, Actor> = strangers.iter().map(|id| (id.clone(), Actor::Unknown)).collect();
                met.extend(users.iter().filter_map(|user| Some((ids::to_18(&text(user, "Id")?), hand(user)))));
                self.actors.meet(met);
                users.iter().filter(|user| hand(user) != Actor::Customer).for_each(|user| self.names.learn(user));
            }
            Err(error) => {
                *self.strangers_due.lock().unwrap_or_else(PoisonError::into_inner) = self.client.now().checked_add(AFTER_FAILURE).ok();
                tracing::warn!(connection = %self.client.settings().name, %error, "users of the org could not be asked for: whether they are customers stays unknown; list them under `actors`, or let Entente's user see users");
            }
        }
    }
}

/// What a user's type and profile say. Partners sell for the company and are none of it: no rule is about them. Salesforce's own profiles for integrations, and those that admins clone from them, carry the word.
fn hand(user: &Record) -> Actor {
    let kind = text(user, "UserType").unwrap_or_default();
    let profile = member(user, "Profile").and_then(Value::as_object).and_then(|profile| text(profile, "Name")).unwrap_or_default();
    match kind.as_str() {
        "AutomatedProcess" | "CloudIntegrationUser" => Actor::Automation,
        // Visitors of a site, and users of a portal for customers by any of its licences.
        "Guest" | "CspLitePortal" | "CustomerSuccess" | "PowerCustomerSuccess" | "SelfService" => Actor::Customer,
        "Standard" if profile.to_lowercase().contains("integration") => Actor::Automation,
        "Standard" => Actor::Sales,
        _ => Actor::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_integration_is_no_sales_person() {
        let hand_of = |user: Value| hand(user.as_object().expect("user"));
        assert_eq!(hand_of(json!({"UserType": "Standard", "Profile": {"Name": "Standard User"}})), Actor::Sales);
        assert_eq!(
            hand_of(json!({"UserType": "Standard", "Profile": {"Name": "Salesforce API Only System Integrations"}})),
            Actor::Automation
        );
        assert_eq!(hand_of(json!({"UserType": "CloudIntegrationUser", "Profile": null})), Actor::Automation);
        for kind in ["Guest", "CspLitePortal", "CustomerSuccess", "PowerCustomerSuccess"] {
            assert_eq!(
                hand_of(json!({"UserType": kind, "Profile": {"Name": "Customer Community Integration"}})),
                Actor::Customer,
                "{kind}"
            );
        }
        assert_eq!(hand_of(json!({"UserType": "PowerPartner"})), Actor::Unknown);
    }
}
