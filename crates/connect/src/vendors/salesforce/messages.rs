//! Outbound messages that Entente makes: one for each object, with every field that is read and our address, and a record-triggered flow that
//! sends it. What is there stays: a message that an admin made keeps its name and its fields and gets those that it lacks.
//!
//! Sources: Tooling API, objects `WorkflowOutboundMessage` (POST and PATCH with `FullName` and `Metadata`; row by row, for `Metadata` is given
//! for one row alone), `Flow` (POST makes a version and, with the first, its `FlowDefinition`) and `FlowDefinition` (PATCH with the number of the
//! version in force). New workflow rules are not offered any more since the release of Winter '23, so a flow sends the message.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest;
use serde_json::{Value, json};

use super::wire::{QueryKind, text};
use super::{MARKS, Salesforce, soql};
use crate::connector::{Connector, Priority};
use crate::error::{Class, VendorError};
use crate::settings::Changes;
use crate::transport::call::Call;
use crate::webhook::{ByHand, Lack, Proof, Subscribed};

/// First version of the API whose flows may send outbound messages (Winter '22).
const FLOWS_SEND_SINCE: u32 = 53;

/// Messages of the org that are looked into, the latest changed first: each costs a call.
const DEFINITIONS_MAX: usize = 100;

/// Hexadecimal digits of the address in a name: two hubs at one org have messages of their own.
const PRINT_DIGITS: usize = 8;

/// What a person does where Entente may not.
const BY_HAND: &str = "in Setup, create an outbound message to this address for each object, with these fields, and a record-triggered flow \
                       (created or updated) that sends it; until then polls see every change";

/// What a person does where the org itself may tell of changes.
const BY_EVENTS: &str = "select these objects in Setup, Change Data Capture: then the org tells of its changes by itself. Without it, set \
                         `salesforce.changes` to `outbound`, and outbound messages are made here; until then polls see every change";

/// What a person does when making messages was refused.
const ADVICE: &str = "give our user the permissions `Customize Application` and `Manage Flow`, or create in Setup an outbound message to this \
                      address for each object, with these fields, and a record-triggered flow (created or updated) that sends it; until then \
                      polls see every change";

/// A message as it is in the org.
struct Message {
    id: String,
    full_name: String,
    metadata: Value,
}

/// A flow of ours as it is in the org.
struct Sender {
    definition: String,
    latest: u64,
    active: bool,
}

/// One object's message: what it should be and what there is.
struct Standing {
    object: String,
    /// Developer name of the message and of its flow, where Entente makes them.
    name: String,
    fields: Vec<String>,
    message: Option<Message>,
    sender: Option<Sender>,
}

impl Standing {
    fn full_name(&self) -> String {
        format!("{}.{}", self.object, self.name)
    }

    /// Whether the message bears our name: then its flow is ours too. Who made the message made what sends it.
    fn is_ours(&self) -> bool {
        self.message.as_ref().is_none_or(|message| message.full_name == self.full_name())
    }

    /// Fields that the message does not carry.
    fn missing(&self) -> Vec<&str> {
        let Some(message) = &self.message else { return Vec::new() };
        let carried: BTreeSet<String> = fields_of(&message.metadata).map(str::to_lowercase).collect();
        // The id is in every message, named or not.
        let is_chosen = |field: &&str| *field != "Id";
        self.fields.iter().map(String::as_str).filter(is_chosen).filter(|field| !carried.contains(&field.to_lowercase())).collect()
    }

    fn lacks(&self, url: &str) -> Vec<String> {
        let Some(message) = &self.message else { return vec!["no outbound message".to_owned()] };
        let mut lacks = Vec::new();
        let missing = self.missing();
        if !missing.is_empty() {
            lacks.push(format!("its outbound message lacks {}", missing.join(", ")));
        }
        if message.metadata["endpointUrl"] != url {
            lacks.push("its outbound message goes to another address".to_owned());
        }
        if self.is_ours() && !self.sender.as_ref().is_some_and(|sender| sender.active) {
            lacks.push("no active flow sends its outbound message".to_owned());
        }
        lacks
    }
}

fn fields_of(metadata: &Value) -> impl Iterator<Item = &str> {
    metadata["fields"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// The secret last part of an address of ours, `…/hooks/CONNECTION/SECRET`.
fn secret_of(url: &str) -> Option<&str> {
    let mut parts = url.rsplit('/');
    let (secret, _, hooks) = (parts.next()?, parts.next()?, parts.next()?);
    (hooks == "hooks").then_some(secret)
}

/// Developer name of an object's message and flow: letters, digits and single underscores.
fn developer_name(object: &str, url: &str) -> String {
    let print = digest::digest(&digest::SHA256, secret_of(url).unwrap_or(url).as_bytes());
    let print: String = print.as_ref().iter().take(PRINT_DIGITS / 2).map(|byte| format!("{byte:02x}")).collect();
    format!("Entente_{}_{print}", object.replace("__", "_"))
}

/// A refusal may repeat the address that it is about.
fn without_secret(error: VendorError, url: &str) -> VendorError {
    let Some(secret) = secret_of(url) else { return error };
    let hide = |text: &str| text.replace(secret, "<path secret>");
    VendorError { message: hide(&error.message), answer: error.answer.as_deref().map(hide), ..error }
}

impl Salesforce {
    /// See [`Connector::subscribed`].
    pub(super) async fn messages_there(&self, url: &str, objects: &[String]) -> Result<Subscribed, VendorError> {
        let by_hand = |steps| Subscribed::ByHand(ByHand { steps, carries: MARKS, proof: Proof::Address });
        if self.pubsub.is_some() {
            return Ok(by_hand(BY_EVENTS));
        }
        if !self.makes_messages() {
            return Ok(by_hand(BY_HAND));
        }
        let found = match self.standings(url, objects).await {
            Ok(found) => found,
            // Our user may not look at definitions, or the org's edition has none.
            Err(error) if matches!(error.class, Class::Configuration | Class::Data | Class::LookAgain) => {
                tracing::info!(connection = %self.client.settings().name, %error, "outbound messages cannot be looked at: a person sets them up");
                return Ok(by_hand(BY_HAND));
            }
            Err(error) => return Err(error),
        };
        let lacks = found.iter().flat_map(|standing| {
            let object = &standing.object;
            standing.lacks(url).into_iter().map(move |what| Lack { object: object.clone(), what })
        });
        Ok(Subscribed::Chosen { lacks: lacks.collect(), carries: MARKS })
    }

    /// Makes what lacks. An object that is refused says nothing about the next; the first refusal is the answer.
    pub(super) async fn make_messages(&self, url: &str, objects: &[String]) -> Result<(), VendorError> {
        if self.pubsub.is_some() || !self.makes_messages() {
            return Err(VendorError::new(
                Class::Configuration,
                "outbound_message",
                format!(
                    "outbound messages for {} are not made by Entente at this connection: they need `salesforce.changes = \"outbound\"`, the REST \
                     API and `api_version` {FLOWS_SEND_SINCE}.0 or later",
                    objects.join(", ")
                ),
                BY_HAND,
            ));
        }
        let found = self.standings(url, objects).await?;
        let mut refusal = None;
        for standing in &found {
            if let Err(error) = self.make_message(url, standing).await {
                let message = format!("{}: {}", standing.object, error.message);
                refusal.get_or_insert(without_secret(VendorError { message, advice: ADVICE, ..error }, url));
            }
        }
        self.forget_messages();
        refusal.map_or(Ok(()), Err)
    }

    /// Whether this connection's org can be made to send messages over the API.
    fn makes_messages(&self) -> bool {
        let version = self.version().split('.').next().and_then(|major| major.parse::<u32>().ok());
        self.soap.is_none()
            && self.client.settings().salesforce.changes != Changes::Poll
            && version.is_some_and(|major| major >= FLOWS_SEND_SINCE)
    }

    fn version(&self) -> &str {
        self.root.rsplit_once("/v").map_or("", |(_, version)| version)
    }

    async fn standings(&self, url: &str, objects: &[String]) -> Result<Vec<Standing>, VendorError> {
        let mut messages = self.messages_to(url).await?;
        let mut found = Vec::new();
        for object in objects {
            let name = developer_name(soql::name(object)?, url);
            let mut fields: BTreeSet<String> = MARKS.iter().map(|mark| (*mark).to_owned()).collect();
            let there = self.fields_there(object).await?;
            let is_there = |field: &String| there.as_ref().is_none_or(|there| there.contains(&field.to_lowercase()));
            fields.extend(self.asked(object).iter().filter_map(|field| self.told_by(field)).filter(is_there));
            let full = format!("{object}.{name}");
            let at = messages.iter().position(|message| message.full_name == full);
            let other = || messages.iter().position(|message| message.full_name.split_once('.').is_some_and(|(of, _)| of == object));
            let message = at.or_else(other).map(|at| messages.remove(at));
            found.push(Standing { object: object.clone(), name, fields: fields.into_iter().collect(), message, sender: None });
        }
        let names: Vec<&str> = found.iter().map(|standing| standing.name.as_str()).collect();
        let mut senders = self.senders(&names).await?;
        for standing in &mut found {
            standing.sender = senders.remove(&standing.name);
        }
        Ok(found)
    }

    /// Names of an object's fields, in lower case: what is read where the org has it (a row's currency) is in no message where it has not. `None`
    /// for an object that our user cannot see: its message is refused by name.
    async fn fields_there(&self, object: &str) -> Result<Option<BTreeSet<String>>, VendorError> {
        match self.describe_now(object, Priority::Update).await {
            Ok(described) => {
                let names = described.object.fields.iter().map(|field| field.name.as_str());
                Ok(Some(names.filter(|name| !described.stands_for_the_currency(name)).map(str::to_lowercase).collect()))
            }
            Err(error) if error.class == Class::Configuration => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The messages that go to us, wherever this server was before: those to our address, and those whose address ends with our secret.
    async fn messages_to(&self, url: &str) -> Result<Vec<Message>, VendorError> {
        let query = "SELECT Id FROM WorkflowOutboundMessage ORDER BY LastModifiedDate DESC";
        let call = Call::get(format!("{}/tooling/query", self.root)).query("q", query);
        let listed: Value = self.client.call("tooling", Priority::Update, call).await?.json()?;
        let mut found = Vec::new();
        for record in listed["records"].as_array().into_iter().flatten().take(DEFINITIONS_MAX) {
            let Some(id) = record["Id"].as_str() else { continue };
            let path = format!("{}/tooling/sobjects/WorkflowOutboundMessage/{}", self.root, soql::name_of_id(id)?);
            let definition: Value = self.client.call("tooling", Priority::Update, Call::get(path)).await?.json()?;
            let to = definition["Metadata"]["endpointUrl"].as_str().unwrap_or_default();
            let to_us = to == url || secret_of(url).is_some_and(|secret| secret_of(to) == Some(secret));
            if let (true, Some(full_name)) = (to_us, definition["FullName"].as_str()) {
                found.push(Message { id: id.to_owned(), full_name: full_name.to_owned(), metadata: definition["Metadata"].clone() });
            }
        }
        Ok(found)
    }

    /// Flows of these names.
    async fn senders(&self, names: &[&str]) -> Result<BTreeMap<String, Sender>, VendorError> {
        let query = format!(
            "SELECT DefinitionId, Definition.DeveloperName, VersionNumber, Status FROM Flow WHERE Definition.DeveloperName IN {} \
             ORDER BY VersionNumber",
            soql::list(names)
        );
        let call = Call::get(format!("{}/tooling/query", self.root)).query("q", &query);
        let listed: Value = self.client.call("tooling", Priority::Update, call).await?.json()?;
        let mut found: BTreeMap<String, Sender> = BTreeMap::new();
        for version in listed["records"].as_array().into_iter().flatten() {
            let (Some(definition), Some(name), Some(latest)) =
                (version["DefinitionId"].as_str(), version["Definition"]["DeveloperName"].as_str(), version["VersionNumber"].as_u64())
            else {
                continue;
            };
            let active = version["Status"] == "Active" || found.get(name).is_some_and(|known| known.active);
            found.insert(name.to_owned(), Sender { definition: definition.to_owned(), latest, active });
        }
        Ok(found)
    }

    async fn make_message(&self, url: &str, standing: &Standing) -> Result<(), VendorError> {
        match &standing.message {
            None => {
                let body = json!({"FullName": standing.full_name(), "Metadata": self.message_metadata(url, standing).await?});
                let call = Call::post(format!("{}/tooling/sobjects/WorkflowOutboundMessage", self.root), body);
                self.client.call("tooling", Priority::Update, call).await?;
            }
            Some(message) if !standing.missing().is_empty() || message.metadata["endpointUrl"] != url => {
                let mut metadata = message.metadata.clone();
                let all: Vec<&str> = fields_of(&message.metadata).chain(standing.missing()).collect();
                metadata["fields"] = json!(all);
                metadata["endpointUrl"] = json!(url);
                let path = format!("{}/tooling/sobjects/WorkflowOutboundMessage/{}", self.root, soql::name_of_id(&message.id)?);
                self.client.call("tooling", Priority::Update, Call::patch(path, json!({"Metadata": metadata}))).await?;
            }
            Some(_) => {}
        }
        if !standing.is_ours() {
            return Ok(());
        }
        match &standing.sender {
            Some(sender) if sender.active => Ok(()),
            Some(sender) => self.put_in_force(sender).await,
            None => {
                let body = json!({"FullName": standing.name, "Metadata": self.flow_metadata(standing)});
                let call = Call::post(format!("{}/tooling/sobjects/Flow", self.root), body);
                self.client.call("tooling", Priority::Update, call).await?;
                match self.senders(&[&standing.name]).await?.remove(&standing.name) {
                    Some(sender) => self.put_in_force(&sender).await,
                    None => Err(VendorError::new(
                        Class::Configuration,
                        "flow",
                        format!("the flow `{}` was made and cannot be seen, so that it is not active", standing.name),
                        ADVICE,
                    )),
                }
            }
        }
    }

    /// Activates the latest version. A flow is made as a draft: activation by its definition holds in production orgs as well.
    async fn put_in_force(&self, sender: &Sender) -> Result<(), VendorError> {
        let path = format!("{}/tooling/sobjects/FlowDefinition/{}", self.root, soql::name_of_id(&sender.definition)?);
        let body = json!({"Metadata": {"activeVersionNumber": sender.latest}});
        self.client.call("tooling", Priority::Update, Call::patch(path, body)).await.map(|_| ())
    }

    async fn message_metadata(&self, url: &str, standing: &Standing) -> Result<Value, VendorError> {
        let user = &self.identity(Priority::Update).await?.user_id;
        let query = format!("SELECT Username FROM User WHERE Id = {}", soql::literal(user));
        let users = self.query(QueryKind::Live, &query, Priority::Update).await?;
        let Some(username) = users.first().and_then(|row| text(row, "Username")) else {
            return Err(VendorError::new(
                Class::Configuration,
                "identity",
                "Salesforce does not say who our user is, in whose name a message is sent",
                "give the connected app the scope `id`",
            ));
        };
        Ok(json!({
            "apiVersion": self.version_number(),
            "description": "Tells Entente of created and changed records. Made by `entente provision`.",
            "endpointUrl": url,
            "fields": standing.fields,
            "includeSessionId": false,
            "integrationUser": username,
            "name": format!("Entente: {}", standing.object),
            "protected": false,
            "useDeadLetterQueue": false,
        }))
    }

    fn version_number(&self) -> f64 {
        self.version().parse().unwrap_or_else(|_| f64::from(FLOWS_SEND_SINCE))
    }

    fn flow_metadata(&self, standing: &Standing) -> Value {
        json!({
            "apiVersion": self.version_number(),
            "label": format!("Entente: {}", standing.object),
            "description": "Sends Entente's outbound message when a record is created or changed. Made by `entente provision`.",
            "interviewLabel": format!("Entente: {} {{!$Flow.CurrentDateTime}}", standing.object),
            "environments": "Default",
            "processType": "AutoLaunchedFlow",
            "status": "Draft",
            "start": {
                "locationX": 50,
                "locationY": 0,
                "object": standing.object,
                "triggerType": "RecordAfterSave",
                "recordTriggerType": "CreateAndUpdate",
                "connector": {"targetReference": "Send"},
            },
            "actionCalls": [{
                "name": "Send",
                "label": "Send the message",
                "locationX": 176,
                "locationY": 158,
                "actionName": standing.full_name(),
                "actionType": "outboundMessage",
                // A save that is rolled back sends nothing.
                "flowTransactionModel": "CurrentTransaction",
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_salesforce_takes_and_another_hub_has_another() {
        let name = developer_name("Loan__c", "https://hub.example/hooks/salesforce/secret");
        assert!(name.starts_with("Entente_Loan_c_") && !name.contains("__") && !name.contains("secret"), "{name}");
        assert_eq!(name, developer_name("Loan__c", "https://moved.example/hooks/salesforce/secret"));
        assert_ne!(name, developer_name("Loan__c", "https://hub.example/hooks/salesforce/another"));
    }

    #[test]
    fn a_refusal_that_repeats_the_address_does_not_tell_its_secret() {
        let url = "https://hub.example/hooks/salesforce/top-secret";
        let mut error = VendorError::new(Class::Data, "INVALID", format!("Invalid endpoint {url}"), ADVICE);
        error.answer = Some(format!("[{url}]"));
        let told = without_secret(error, url);
        assert_eq!(told.message, "Invalid endpoint https://hub.example/hooks/salesforce/<path secret>");
        assert!(!told.answer.unwrap_or_default().contains("top-secret"));
    }

    #[test]
    fn an_address_without_a_secret_has_none() {
        assert_eq!(secret_of("https://hub.example/hooks/salesforce/secret"), Some("secret"));
        assert_eq!(secret_of("https://hub.example/hooks/salesforce"), None);
    }
}
