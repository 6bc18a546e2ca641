//! Making Freshdesk send webhooks: two automation rules, one for new tickets and one for changed ones. Rules know tickets alone;
//! contacts and companies are left to polls.

use serde_json::{Value, json};

use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::settings::Secret;
use crate::transport::call::Call;
use crate::transport::client::Client;

use super::kind::Kind;
use super::map::id_text;
use super::refusal::of_no_row;
use super::webhook::HEADER;
use super::wire::send;

/// Kinds of rules: those for new tickets, and those for changed ones.
const TYPES: [(u64, &str); 2] = [(1, "Entente: new tickets"), (4, "Entente: changed tickets")];

/// Name of the action that sends a webhook.
const ACTION: &str = "trigger_webhook";

/// What happens to a ticket and is worth a look.
const EVENTS: [&str; 8] = ["ticket_action", "status", "priority", "ticket_type", "group_id", "responder_id", "reply_sent", "note_type"];

/// What a person does where the API does not let us.
pub(crate) const BY_HAND: &str = "in Freshdesk's admin settings, under automations, add a rule for ticket creation and one for ticket updates \
                                  (performed by agent or requester, on any event), each with the action Trigger webhook: method POST, this address, \
                                  encoding JSON, simple content with the ticket's id; until then, and for contacts and companies always, polls see \
                                  every change";

fn rule(ty: u64, name: &str, url: &str, secret: &Secret) -> Value {
    let mut rule = json!({
        "name": name, "active": true,
        "actions": [{
            "field_name": ACTION, "url": url, "request_type": "POST", "content": {"content_layout": "1", "content_type": "JSON"},
            "custom_headers": {HEADER: secret.reveal()},
        }],
        "conditions": [],
    });
    if ty == 4 {
        // Three stands for agents and requesters alike.
        rule["performer"] = json!({"type": 3});
        rule["events"] = EVENTS.iter().map(|name| json!({"field_name": name})).collect();
    }
    rule
}

async fn rules(client: &Client, ty: u64) -> Result<Vec<Value>, VendorError> {
    let read = send(client, "rules", Priority::Urgent, Call::get(format!("/api/v2/automations/{ty}/rules"))).await?;
    let listed = read.body["rules"].as_array().or_else(|| read.body.as_array());
    Ok(listed.cloned().unwrap_or_default())
}

/// The action of a rule that sends to `url`.
fn action<'a>(rule: &'a Value, url: &str) -> Option<&'a Value> {
    rule["actions"].as_array().into_iter().flatten().find(|action| action["url"].as_str() == Some(url))
}

/// Whether a rule's webhook carries our secret, whatever the case of the header's name.
fn carries(action: &Value, secret: &Secret) -> bool {
    let mut headers = action["custom_headers"].as_object().into_iter().flatten();
    headers.any(|(name, value)| name.eq_ignore_ascii_case(HEADER) && value.as_str().is_some_and(|value| secret.is(value)))
}

/// Whether the account lets nobody see its rules over the API: its plan, the agent's role, or an older API.
pub(crate) fn is_closed(error: &VendorError) -> bool {
    error.class == Class::LookAgain || matches!(error.status, 403..=405)
}

/// Whether active rules send to `url` whatever happens to tickets. `None` when the account does not tell.
///
/// # Errors
/// What the vendor says otherwise.
pub(crate) async fn there(client: &Client, url: &str, objects: &[String], secret: &Secret) -> Result<Option<bool>, VendorError> {
    if !objects.iter().any(|object| object == Kind::Ticket.singular()) {
        return Ok(Some(true));
    }
    for (ty, _) in TYPES {
        let found = match rules(client, ty).await {
            Ok(rules) => {
                rules.iter().any(|rule| rule["active"] != false && action(rule, url).is_some_and(|action| carries(action, secret)))
            }
            Err(error) if is_closed(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        if !found {
            return Ok(Some(false));
        }
    }
    Ok(Some(true))
}

/// Makes the rules, or mends those that send to `url` already.
///
/// # Errors
/// What the vendor says.
pub(crate) async fn make(client: &Client, url: &str, objects: &[String], secret: &Secret) -> Result<(), VendorError> {
    if !objects.iter().any(|object| object == Kind::Ticket.singular()) {
        return Ok(());
    }
    for (ty, name) in TYPES {
        let path = format!("/api/v2/automations/{ty}/rules");
        let wanted = rule(ty, name, url, secret);
        let found = rules(client, ty).await.map_err(of_no_row)?;
        let known = found.iter().find(|rule| action(rule, url).is_some() || rule["name"].as_str() == Some(name));
        let call = match known.and_then(|rule| id_text(&rule["id"])) {
            Some(_)
                if known.is_some_and(|rule| rule["active"] != false && action(rule, url).is_some_and(|action| carries(action, secret))) =>
            {
                continue;
            }
            Some(id) => Call::put(format!("{path}/{id}"), wanted).idempotent(),
            None => Call::post(path, wanted),
        };
        send(client, "rules", Priority::Urgent, call).await.map_err(of_no_row)?;
    }
    Ok(())
}
