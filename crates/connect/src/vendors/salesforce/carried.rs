//! Which fields the org's outbound messages carry. A message leaves blank fields out; only its definition, which the Tooling API shows, tells
//! whether a field that is missing is blank or was never selected. Where everything that is read is selected, the message shows a new row
//! whole, and no call is made to fetch it.
//!
//! Source of the definition's shape: Tooling API, object `WorkflowOutboundMessage` (API 32.0 and later; `Metadata` and `FullName` are only
//! given row by row), and the Metadata API's type of the same name (`endpointUrl`, `fields`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::Duration;

use entente_model::clock::Timestamp;
use entente_model::mapping::remote::{Row, reference_of};
use serde_json::Value;

use super::activities::{ACTIVITY, Half};
use super::{Salesforce, ids, soql};
use crate::connector::Priority;
use crate::error::VendorError;
use crate::transport::call::Call;

/// How long definitions count: admins change them by the month.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// Pause after definitions could not be read.
const AFTER_FAILURE: Duration = Duration::from_secs(60 * 60);

/// Definitions that are looked into, the latest changed first: each costs a call.
const DEFINITIONS_MAX: usize = 20;

/// Ids and entities of the org's messages.
const QUERY: &str = "SELECT Id FROM WorkflowOutboundMessage ORDER BY LastModifiedDate DESC";

/// What is known of the org's messages.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Whether a message has come: an org that sends none is not asked.
    comes: bool,
    /// When to read the definitions again.
    due: Option<Timestamp>,
    /// Fields that every message of an object to this connection carries.
    fields: BTreeMap<String, BTreeSet<String>>,
    /// Fields that were asked for last, by object.
    asked: BTreeMap<String, BTreeSet<String>>,
}

impl Salesforce {
    fn carried(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes which fields of an object count.
    pub(super) fn note_asked(&self, object: &str, fields: &[String]) {
        let mut kept = self.carried();
        if !kept.asked.get(object).is_some_and(|asked| asked.len() == fields.len() && fields.iter().all(|field| asked.contains(field))) {
            kept.asked.insert(object.to_owned(), fields.iter().cloned().collect());
        }
    }

    /// The fields of an object that were last asked for under its own name, if any were.
    pub(super) fn asked_of(&self, object: &str) -> Option<Vec<String>> {
        self.carried().asked.get(object).map(|fields| fields.iter().cloned().collect())
    }

    /// The fields of an object that count, as they were last asked for: under its own name, and as a part of what both tasks and events are.
    pub(super) fn asked(&self, object: &str) -> Vec<String> {
        let mut fields: BTreeSet<String> = self.asked_of(object).into_iter().flatten().collect();
        if let (Some(half), Some(activity)) = (Half::of(object), self.asked_of(ACTIVITY)) {
            fields.extend(half.fields(&activity, self.cached(object).as_deref()));
        }
        fields.into_iter().collect()
    }

    /// Forgets what messages carry, because it has changed.
    pub(super) fn forget_messages(&self) {
        self.carried().due = None;
    }

    /// Notes that the org sends messages.
    pub(super) fn note_message(&self) {
        self.carried().comes = true;
    }

    /// Reads the definitions of the messages to this connection, when messages come and the definitions are not known or were read long ago.
    /// Without them every new row that a message names is fetched, so a failure is logged and nothing more.
    pub(super) async fn know_messages(&self, priority: Priority) {
        let now = self.client.now();
        {
            let mut kept = self.carried();
            if !kept.comes || kept.due.is_some_and(|due| now < due) || self.soap.is_some() {
                return;
            }
            // Before the calls, so that rows fetched at the same time do not all ask.
            kept.due = now.checked_add(AFTER_FAILURE).ok();
        }
        match self.read_definitions(priority).await {
            Ok(fields) => {
                let mut kept = self.carried();
                kept.fields = fields;
                kept.due = now.checked_add(FRESH).ok();
            }
            Err(error) => {
                tracing::info!(connection = %self.client.settings().name, %error, "the definitions of outbound messages cannot be read: new rows that they name are fetched; the permission `View Setup and Configuration` spares these calls");
            }
        }
    }

    async fn read_definitions(&self, priority: Priority) -> Result<BTreeMap<String, BTreeSet<String>>, VendorError> {
        let secret = &self.client.settings().webhooks.path_secret;
        let call = Call::get(format!("{}/tooling/query", self.root)).query("q", QUERY);
        let listed: Value = self.client.call("tooling", priority, call).await?.json()?;
        let mut carried: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for record in listed["records"].as_array().into_iter().flatten().take(DEFINITIONS_MAX) {
            let Some(id) = record["Id"].as_str() else { continue };
            let path = format!("{}/tooling/sobjects/WorkflowOutboundMessage/{}", self.root, soql::name_of_id(id)?);
            let definition: Value = self.client.call("tooling", priority, Call::get(path)).await?.json()?;
            let to_us = definition["Metadata"]["endpointUrl"].as_str().is_some_and(|url| url.ends_with(&format!("/{}", secret.reveal())));
            let object = definition["FullName"].as_str().and_then(|name| name.split_once('.')).map(|(object, _)| object.to_owned());
            let Some(object) = object.filter(|_| to_us) else { continue };
            let fields = definition["Metadata"]["fields"].as_array().into_iter().flatten();
            let fields: BTreeSet<String> = fields.filter_map(Value::as_str).map(str::to_owned).collect();
            match carried.get_mut(&object) {
                // Of several messages each may be the one that came.
                Some(known) => known.retain(|field| fields.contains(field)),
                None => drop(carried.insert(object, fields)),
            }
        }
        Ok(carried)
    }

    /// What is blank in the row of a message that shows all that is asked for of its object, parents' names among it; `None` when something else
    /// may be in the row.
    pub(super) fn blank_in(&self, object: &str, asked: &[String], row: &mut Row) -> Option<Vec<String>> {
        let described = self.cached(object);
        // An org of one currency has no field for it, which no message can carry.
        let is_nowhere = |field: &str| described.as_ref().is_some_and(|described| described.stands_for_the_currency(field));
        let kept = self.carried();
        let carried = kept.fields.get(object)?;
        let mut blank = Vec::new();
        let mut parents = Vec::new();
        for field in asked.iter().filter(|field| !row.contains_key(*field)) {
            match field.split_once('.') {
                None if carried.contains(field) || is_nowhere(field) => blank.push(field.clone()),
                Some((parent, inner)) if carried.contains(&reference_of(parent)) => match row.get(&reference_of(parent)) {
                    None | Some(Value::Null) => blank.push(field.clone()),
                    Some(id) => parents.push((field.clone(), self.names.of(&ids::to_18(id.as_str()?), inner)?)),
                },
                _ => return None,
            }
        }
        row.extend(parents);
        Some(blank)
    }
}
