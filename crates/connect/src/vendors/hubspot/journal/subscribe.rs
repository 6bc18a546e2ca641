//! What the app asks the journal for: the mapped properties and associations of each object that is polled, asked for by itself.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::HubSpot;
use super::super::kind::{ASSOCIATION, told_by};
use super::super::wire::{Listed, id_text};
use super::Journal;
use super::reader::subscriptions;
use crate::connector::Priority;
use crate::error::VendorError;
use crate::look::ReadSpec;
use crate::transport::call::Call;

/// What happens to a row.
const ACTIONS: [&str; 5] = ["CREATE", "UPDATE", "DELETE", "MERGE", "RESTORE"];
/// What happens between two rows.
const BETWEEN: [&str; 2] = ["ASSOCIATION_ADDED", "ASSOCIATION_REMOVED"];

/// What happens between a row and a list.
const IN_LISTS: [&str; 2] = ["ADDED_TO_LIST", "REMOVED_FROM_LIST"];

const ADVICE: &str = "grant the app the scopes developer.webhooks_journal.read and developer.webhooks_journal.subscriptions.read and .write in \
                      its settings, or set `hubspot.changes` to `webhooks`";

/// A refusal with what to do about it: what may be missing is a scope of the app.
pub(super) fn refused(error: VendorError) -> VendorError {
    if matches!(error.status, 400 | 403) { VendorError { advice: ADVICE, ..error } } else { error }
}

fn texts(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn numbers(list: &Value) -> BTreeSet<u64> {
    list.as_array().into_iter().flatten().filter_map(|item| item.as_u64().or_else(|| item.as_str()?.parse().ok())).collect()
}

impl HubSpot {
    /// Makes sure that the journal tells who comes into the lists of an object and who leaves them. The subscription is one for all objects and
    /// names its lists, so lists that were made since are added as soon as they are known of. Where it is refused, a row's lists are seen with
    /// its next change, as by polls.
    pub(super) async fn subscribe_lists(&self, journal: &Journal, ty: &str, priority: Priority) -> Result<(), VendorError> {
        let wanted = self.list_ids(ty, priority).await?;
        let mut done = journal.lists.lock().await;
        if done.is_superset(&wanted) {
            return Ok(());
        }
        let portal = self.portal(journal, priority).await?;
        let call = Call::get(subscriptions());
        let listed: Listed = journal.client.call("journal_subscriptions", priority, call).await?.json()?;
        let ours =
            |known: &&Value| known["subscriptionType"] == "LIST_MEMBERSHIP" && id_text(&known["portalId"]) == Some(portal.to_string());
        let told: BTreeSet<u64> = listed.results.iter().filter(ours).flat_map(|known| numbers(&known["listIds"])).collect();
        if !told.is_superset(&wanted) {
            let all: BTreeSet<u64> = told.union(&wanted).copied().collect();
            let body = json!({"subscriptionType": "LIST_MEMBERSHIP", "portalId": portal, "actions": IN_LISTS, "listIds": all});
            let call = Call::post(subscriptions(), body).idempotent();
            match journal.client.call("journal_subscriptions", priority, call).await {
                Ok(_) => {}
                Err(error) if matches!(error.status, 400 | 403) => {
                    let name = &self.client.settings().name;
                    tracing::warn!(connection = %name, %error, "HubSpot's journal does not tell of lists: they are seen with a row's next change");
                }
                Err(error) => return Err(error),
            }
        }
        done.extend(wanted);
        Ok(())
    }

    /// Makes sure that the journal tells of what is read. What an earlier subscription asked for stays.
    pub(super) async fn subscribe_journal(&self, journal: &Journal, read: &ReadSpec, priority: Priority) -> Result<(), VendorError> {
        let wanted: BTreeSet<String> = read.fields.iter().cloned().collect();
        let mut done = journal.subscribed.lock().await;
        if done.get(&read.object).is_some_and(|known| known.is_superset(&wanted)) {
            return Ok(());
        }
        let portal = self.portal(journal, priority).await?;
        let ty = self.type_id(&read.object, priority).await?;
        let listed: Listed =
            journal.client.call("journal_subscriptions", priority, Call::get(subscriptions())).await.map_err(refused)?.json()?;
        let held = |kind: &str, of: &str| {
            let same = |known: &&Value| {
                known["subscriptionType"] == kind
                    && known["objectTypeId"].as_str().unwrap_or_default() == of
                    && id_text(&known["portalId"]) == Some(portal.to_string())
            };
            listed.results.iter().find(same).cloned().unwrap_or(Value::Null)
        };
        let mut asked: Vec<Value> = Vec::new();
        let properties: BTreeSet<String> = wanted.iter().filter_map(|name| told_by(name)).map(str::to_owned).collect();
        let known = held("OBJECT", &ty);
        let told = texts(&known["properties"]);
        // Without properties, every one is told of.
        let enough = !known.is_null() && (told.is_empty() || told.is_superset(&properties));
        if !enough || !ACTIONS.iter().all(|action| texts(&known["actions"]).contains(*action)) {
            let all: BTreeSet<&String> = told.union(&properties).collect();
            asked.push(json!({
                "subscriptionType": "OBJECT", "portalId": portal, "objectTypeId": ty, "actions": ACTIONS, "properties": all,
            }));
        }
        let mut others = BTreeSet::new();
        for to in wanted.iter().filter_map(|name| name.strip_prefix(ASSOCIATION)) {
            others.insert(self.type_id(to, priority).await?);
        }
        let known = held("ASSOCIATION", &ty);
        let told = texts(&known["associatedObjectTypeIds"]);
        if !others.is_empty() && (known.is_null() || !(told.is_empty() || told.is_superset(&others))) {
            let all: BTreeSet<&String> = told.union(&others).collect();
            asked.push(json!({
                "subscriptionType": "ASSOCIATION", "portalId": portal, "objectTypeId": ty, "actions": BETWEEN, "associatedObjectTypeIds": all,
            }));
        }
        if read.object == "contacts" && held("GDPR_PRIVACY_DELETION", &ty).is_null() {
            asked.push(json!({
                "subscriptionType": "GDPR_PRIVACY_DELETION", "portalId": portal, "objectTypeId": ty, "actions": ["GDPR_DELETE"],
            }));
        }
        for body in asked {
            let call = Call::post(subscriptions(), body).idempotent();
            journal.client.call("journal_subscriptions", priority, call).await.map_err(refused)?;
        }
        done.entry(read.object.clone()).or_default().extend(wanted);
        Ok(())
    }
}
