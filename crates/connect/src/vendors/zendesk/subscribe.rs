//! Making Zendesk send webhooks: one webhook per address, subscribed to the events of the objects we read.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::connector::Priority;
use crate::error::VendorError;
use crate::settings::Secret;
use crate::transport::call::Call;
use crate::transport::client::Client;

use super::comments::COMMENT;
use super::errors::misfit;
use super::kind::Kind;
use super::map::id_text;
use super::wire::{WEBHOOKS, send};

/// Pages of webhooks read at most.
const PAGES_MAX: usize = 20;

/// Name of our webhook in Zendesk's admin pages.
const NAME: &str = "Entente";

/// The event types to subscribe to for these objects.
fn wanted(objects: &[String]) -> Result<BTreeSet<String>, VendorError> {
    let mut types = BTreeSet::new();
    // Events of comments come with those of their tickets, and polls alone read comments.
    for object in objects.iter().filter(|object| *object != COMMENT) {
        let kind = Kind::named(object)?;
        let names = kind.capabilities().into_iter().flat_map(|known| known.told).flat_map(|told| told.by);
        types.extend(names.map(|name| format!("zen:event-type:{}.{name}", kind.singular())));
    }
    Ok(types)
}

/// Makes Zendesk send the events of these objects to `url`, and reads the signing secret.
///
/// # Errors
/// `webhook_mode` when the address is taken by a webhook of the other mode; else what the vendor says.
pub async fn subscribe(client: &Client, url: &str, objects: &[String]) -> Result<Option<Secret>, VendorError> {
    let types = wanted(objects)?;
    let id = match existing(client, url).await? {
        Some(webhook) => {
            let id = id_of(&webhook)?;
            update(client, &id, &webhook, types).await?;
            id
        }
        None => {
            let body = json!({"webhook": {
                "name": NAME, "status": "active", "endpoint": url, "http_method": "POST", "request_format": "json", "subscriptions": types,
            }});
            let read = send(client, "webhooks", Priority::Urgent, Call::post("/api/v2/webhooks", body).bucket(WEBHOOKS)).await?;
            id_of(&read.body["webhook"])?
        }
    };
    let call = Call::get(format!("/api/v2/webhooks/{id}/signing_secret")).bucket(WEBHOOKS);
    let read = send(client, "webhooks", Priority::Urgent, call).await?;
    Ok(read.body["signing_secret"]["secret"].as_str().map(Secret::new))
}

/// Whether an active webhook sends the events of these objects to `url`.
///
/// # Errors
/// What the vendor says.
pub async fn subscribed(client: &Client, url: &str, objects: &[String]) -> Result<bool, VendorError> {
    let types = wanted(objects)?;
    let found = existing(client, url).await?;
    Ok(found.is_some_and(|webhook| webhook["status"].as_str() == Some("active") && types.is_subset(&subscriptions(&webhook))))
}

/// Event types that a webhook is subscribed to.
fn subscriptions(webhook: &Value) -> BTreeSet<String> {
    webhook["subscriptions"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn id_of(webhook: &Value) -> Result<String, VendorError> {
    id_text(&webhook["id"])
        .ok_or_else(|| misfit("webhook", "Zendesk showed a webhook without an id", "create the webhook in Zendesk's Admin Center by hand"))
}

/// The webhook that sends to `url` already: a second one would double every delivery.
async fn existing(client: &Client, url: &str) -> Result<Option<Value>, VendorError> {
    let mut after: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let mut call = Call::get("/api/v2/webhooks").query("page[size]", "100").bucket(WEBHOOKS);
        if let Some(after) = &after {
            call = call.query("page[after]", after);
        }
        let body = send(client, "webhooks", Priority::Urgent, call).await?.body;
        let found = body["webhooks"].as_array().into_iter().flatten().find(|webhook| webhook["endpoint"].as_str() == Some(url));
        if let Some(webhook) = found {
            return Ok(Some(webhook.clone()));
        }
        match (body["meta"]["has_more"].as_bool(), body["meta"]["after_cursor"].as_str()) {
            (Some(true), Some(next)) => after = Some(next.to_owned()),
            _ => break,
        }
    }
    Ok(None)
}

/// Adds the events that an existing webhook lacks, and switches it on.
async fn update(client: &Client, id: &str, webhook: &Value, mut types: BTreeSet<String>) -> Result<(), VendorError> {
    let have = subscriptions(webhook);
    if have.contains("conditional_ticket_events") {
        return Err(misfit(
            "webhook_mode",
            "a webhook for triggers already sends to this address, and Zendesk does not let one webhook serve triggers and events",
            "delete that webhook in Zendesk's Admin Center, or give it another address, then subscribe again",
        ));
    }
    let active = webhook["status"].as_str() == Some("active");
    if active && types.is_subset(&have) {
        return Ok(());
    }
    types.extend(have);
    let call = Call::patch(format!("/api/v2/webhooks/{id}"), json!({"webhook": {"status": "active", "subscriptions": types}}));
    send(client, "webhooks", Priority::Urgent, call.idempotent().bucket(WEBHOOKS)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_events_of_the_objects_are_wanted() {
        let types = wanted(&["organization".to_owned()]).expect("types");
        assert!(
            types.iter().all(|name| name.starts_with("zen:event-type:organization."))
                && types.contains("zen:event-type:organization.deleted")
        );
        let both = wanted(&["organization".to_owned(), "ticket".to_owned()]).expect("types");
        assert!(types.is_subset(&both) && both.contains("zen:event-type:ticket.undeleted"));
        assert!(wanted(&["lead".to_owned()]).is_err());
    }
}
