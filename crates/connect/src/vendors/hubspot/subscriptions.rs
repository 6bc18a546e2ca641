//! What people agreed to be written: whether they take e-mails at all, and one by one what they are subscribed to.
//!
//! - `subscriptions.email` follows the property that HubSpot keeps of everybody who does without every e-mail: it is seen by polls and costs
//!   nothing. Writing `false` ends every subscription. Nobody can be subscribed again by a program: only the person can.
//! - `subscriptions.<id>` is one subscription type, and costs a call for each row.

use std::collections::BTreeMap;

use entente_model::mapping::remote::Row;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::HubSpot;
use super::refusal::misfit;
use super::wire::{Listed, Record, id_text};
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::Call;

/// Beginning of the names of what is told about subscriptions.
pub(super) const PREFIX: &str = "subscriptions.";
/// Whether somebody takes e-mails at all.
pub(super) const EMAIL: &str = "subscriptions.email";
/// The property that says who does not.
pub(super) const OPTED_OUT: &str = "hs_email_optout";

/// Number of a subscription type behind the prefix.
fn number(field: &str) -> Option<u64> {
    field.strip_prefix(PREFIX)?.parse().ok()
}

/// What is said of a field of this kind that there is not.
pub(super) fn knows(object: &str, name: &str) -> Result<(), VendorError> {
    if object == "contacts" && (name == EMAIL || number(name).is_some()) {
        return Ok(());
    }
    let message =
        format!("there is no `{name}`: of contacts, Entente reads `{EMAIL}` and `{PREFIX}` with the number of a subscription type");
    Err(misfit("unknown_field", message, "correct the line of the mapping").about(name))
}

/// Properties that a read of these fields needs.
pub(super) fn needs(fields: &[String]) -> impl Iterator<Item = &'static str> + use<> {
    let any = fields.iter().any(|name| name.starts_with(PREFIX));
    [OPTED_OUT, "email"].into_iter().filter(move |_| any)
}

fn path(email: &str, tail: &str) -> String {
    format!("/communication-preferences/v4/statuses/{}{tail}", utf8_percent_encode(email, NON_ALPHANUMERIC))
}

/// Statuses by the number of the subscription type.
fn statuses(listed: &Listed) -> BTreeMap<u64, Value> {
    let read = |status: &Value| {
        let id = id_text(&status["subscriptionId"])?.parse().ok()?;
        let said = match status["status"].as_str()? {
            "SUBSCRIBED" => Value::Bool(true),
            "UNSUBSCRIBED" => Value::Bool(false),
            _ => Value::Null,
        };
        Some((id, said))
    };
    listed.results.iter().filter_map(read).collect()
}

impl HubSpot {
    /// What one record says of these fields.
    pub(super) async fn subscriptions(
        &self,
        record: &Record,
        fields: &[String],
        priority: Priority,
    ) -> Result<BTreeMap<String, Value>, VendorError> {
        let mut told = BTreeMap::new();
        if fields.iter().any(|name| name == EMAIL) {
            let out = record.text(OPTED_OUT) == Some("true");
            told.insert(EMAIL.to_owned(), if record.text("email").is_none() { Value::Null } else { Value::Bool(!out) });
        }
        let single: Vec<&String> = fields.iter().filter(|name| number(name).is_some()).collect();
        if single.is_empty() {
            return Ok(told);
        }
        let known = match record.text("email") {
            Some(email) => {
                let call = Call::get(path(email, "")).query("channel", "EMAIL").accept(&[404]);
                let answer = self.client.call("subscriptions", priority, call).await?;
                if answer.status == 404 { BTreeMap::new() } else { statuses(&answer.json()?) }
            }
            None => BTreeMap::new(),
        };
        let said = |name: &String| number(name).and_then(|id| known.get(&id)).cloned().unwrap_or(Value::Null);
        told.extend(single.into_iter().map(|name| (name.clone(), said(name))));
        Ok(told)
    }

    /// Writes what a row says of subscriptions, of the contact that has an id.
    pub(super) async fn subscribe_contact(&self, id: &str, row: &Row, priority: Priority) -> Result<(), VendorError> {
        let asked: Vec<(&String, bool)> =
            row.iter().filter(|(name, _)| name.starts_with(PREFIX)).filter_map(|(name, value)| Some((name, value.as_bool()?))).collect();
        if asked.is_empty() {
            return Ok(());
        }
        let fields: Vec<String> = asked.iter().map(|(name, _)| (*name).clone()).collect();
        let read = crate::look::ReadSpec { object: "contacts".to_owned(), fields: fields.clone() };
        let batch = self.batch_read(&read, &[id], None, priority).await?;
        let Some(record) = batch.results.first() else { return Ok(()) };
        let Some(email) = record.text("email") else {
            let message = "the contact has no address that could be subscribed or not";
            return Err(VendorError::new(Class::Data, "no_email", message, "give the contact an address").about(fields[0].clone()));
        };
        let present = self.subscriptions(record, &fields, priority).await?;
        for (name, wanted) in asked {
            if present.get(name) == Some(&Value::Bool(wanted)) {
                continue;
            }
            match (number(name), wanted) {
                (None, false) => {
                    let call = Call::post(path(email, "/unsubscribe-all"), json!({})).query("channel", "EMAIL").idempotent();
                    self.client.call("subscriptions", priority, call).await?;
                }
                (Some(subscription), wanted) if wanted || present.get(name) != Some(&Value::Bool(false)) => {
                    let state = if wanted { "SUBSCRIBED" } else { "UNSUBSCRIBED" };
                    let body = json!({"channel": "EMAIL", "subscriptionId": subscription, "statusState": state});
                    self.client
                        .call("subscriptions", priority, Call::post(path(email, ""), body).idempotent())
                        .await
                        .map_err(|error| only_they(name, error))?;
                }
                (None, true) => return Err(only_they(name, VendorError::new(Class::Configuration, "opted_out", "", ""))),
                (Some(_), _) => {}
            }
        }
        Ok(())
    }
}

/// Whoever unsubscribed is subscribed again by nobody but themselves.
fn only_they(name: &str, error: VendorError) -> VendorError {
    if !matches!(error.class, Class::Configuration | Class::Data) || error.status == 403 {
        return error;
    }
    VendorError {
        class: Class::Data,
        code: "opted_out".to_owned(),
        message: "the person has unsubscribed at HubSpot, and only they can subscribe again".to_owned(),
        advice: "ask the person to subscribe, or set the consent in the record back",
        ..error
    }
    .about(name)
}
