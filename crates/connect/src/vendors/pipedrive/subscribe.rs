//! Making Pipedrive send webhooks: one subscription for each object. There is no way to change one, so that a wrong one is replaced.

use serde_json::{Value, json};

use super::Pipedrive;
use super::kind::Kind;
use super::refusal::of_no_row;
use super::webhook::{password, user_name};
use super::wire::id_text;
use crate::connector::Priority;
use crate::error::VendorError;
use crate::settings::Secret;
use crate::transport::call::Call;

/// The version of messages that is read.
const VERSION: &str = "2.0";

/// The events that these objects need: notes come along with activities.
fn watched(objects: &[String]) -> Result<Vec<Kind>, VendorError> {
    let mut kinds = Vec::new();
    for object in objects {
        let kind = Kind::named(object)?;
        let own = std::iter::once(kind).chain((kind == Kind::Activity).then_some(Kind::Note));
        for kind in own.collect::<Vec<_>>() {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
    }
    Ok(kinds)
}

/// Whether a subscription tells of all that happens to an object, in the version we read.
fn covers(hook: &Value, kind: Kind) -> bool {
    let object = hook["event_object"].as_str().unwrap_or_default();
    hook["event_action"] == "*"
        && (object == kind.singular() || object == "*")
        && hook["version"].as_str().is_none_or(|version| version == VERSION)
}

/// Whether a subscription is alive and sends our credentials. A list that hides the password shows the name that goes with it.
fn is_sound(hook: &Value, password: &Secret) -> bool {
    let alive = hook["is_active"] == 1 || hook["is_active"] == true || hook["is_active"].is_null();
    let shown = hook["http_auth_password"].as_str().filter(|text| !text.is_empty() && !text.bytes().all(|byte| byte == b'*'));
    alive && hook["http_auth_user"] == user_name(password).as_str() && shown.is_none_or(|shown| password.is(shown))
}

impl Pipedrive {
    /// The subscriptions that send to an address.
    async fn hooks(&self, url: &str) -> Result<Vec<Value>, VendorError> {
        let read = self.send("webhooks", Priority::Urgent, Call::get("/v1/webhooks")).await.map_err(of_no_row)?;
        Ok(read.rows().iter().filter(|hook| hook["subscription_url"].as_str() == Some(url)).cloned().collect())
    }

    /// See [`Connector::subscribed`](crate::connector::Connector::subscribed).
    pub(super) async fn is_subscribed(&self, url: &str, objects: &[String]) -> Result<bool, VendorError> {
        let held = password(self.client.settings());
        let hooks = self.hooks(url).await?;
        Ok(watched(objects)?.into_iter().all(|kind| hooks.iter().any(|hook| covers(hook, kind) && is_sound(hook, &held))))
    }

    /// See [`Connector::subscribe`](crate::connector::Connector::subscribe).
    pub(super) async fn make_subscriptions(&self, url: &str, objects: &[String]) -> Result<Secret, VendorError> {
        let held = password(self.client.settings());
        let hooks = self.hooks(url).await?;
        for hook in hooks.iter().filter(|hook| !is_sound(hook, &held)) {
            let Some(id) = id_text(&hook["id"]) else { continue };
            let call = Call::delete(format!("/v1/webhooks/{id}")).idempotent().accept(&[404, 410]);
            self.send("webhooks", Priority::Urgent, call).await?;
        }
        for kind in watched(objects)? {
            if hooks.iter().any(|hook| covers(hook, kind) && is_sound(hook, &held)) {
                continue;
            }
            let body = json!({
                "subscription_url": url, "event_action": "*", "event_object": kind.singular(), "version": VERSION,
                "name": format!("Entente: {}", kind.plural()), "http_auth_user": user_name(&held), "http_auth_password": held.reveal(),
            });
            self.send("webhooks", Priority::Urgent, Call::post("/v1/webhooks", body)).await.map_err(of_no_row)?;
        }
        Ok(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activities_are_watched_with_their_notes() {
        let kinds = watched(&["persons".to_owned(), "activities".to_owned(), "notes".to_owned()]).expect("kinds");
        assert_eq!(kinds, [Kind::Person, Kind::Activity, Kind::Note]);
    }

    #[test]
    fn a_subscription_must_be_alive_and_ours() {
        let held = Secret::new("long and secret");
        let hook =
            |active: u8, user: &str, password: Value| json!({"is_active": active, "http_auth_user": user, "http_auth_password": password});
        let name = user_name(&held);
        assert!(is_sound(&hook(1, &name, json!("long and secret")), &held) && is_sound(&hook(1, &name, json!("****")), &held));
        assert!(!is_sound(&hook(0, &name, Value::Null), &held) && !is_sound(&hook(1, &name, json!("another")), &held));
        assert!(!is_sound(&hook(1, "entente-12345678", Value::Null), &held));
    }
}
