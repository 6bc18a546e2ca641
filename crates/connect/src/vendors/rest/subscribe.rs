//! Making a described platform send webhooks.

use serde_json::Value;

use super::Rest;
use super::ask::Gaps;
use super::description::calls::Verb;
use super::description::platform::{SubscribePart, WebhookPart};
use super::refusal::{misfit, of_no_row};
use crate::connector::Priority;
use crate::error::VendorError;
use crate::settings::Secret;
use crate::vendors::pipedrive::{password, user_name};
use crate::webhook::{ByHand, Proof, Subscribed};

impl Rest {
    /// The secret of our webhooks: the configured one, or one that follows from the credentials and does not give them away.
    pub(super) fn webhook_secret(&self) -> Secret {
        password(self.client.settings())
    }

    /// The platform's word for an object in events.
    fn word<'a>(webhooks: &'a WebhookPart, object: &'a str) -> &'a str {
        webhooks.objects.iter().find(|(_, named)| *named == object).map_or(object, |(word, _)| word.as_str())
    }

    async fn hooks(&self, subscribe: &SubscribePart, url: &str) -> Result<Vec<Value>, VendorError> {
        let all = self.whole_list("webhooks", &subscribe.list, &Gaps::new(), Priority::Urgent).await?;
        Ok(all.into_iter().filter(|hook| subscribe.url.text_in(hook).as_deref() == Some(url)).collect())
    }

    fn is_sound(&self, webhooks: &WebhookPart, subscribe: &SubscribePart, hook: &Value) -> bool {
        let alive = subscribe.when.as_ref().is_none_or(|when| when.holds(hook, self.client.now()));
        let ours = user_name(&self.webhook_secret());
        let user = subscribe.user.as_ref().is_none_or(|path| path.text_in(hook).as_deref() == Some(ours.as_str()));
        alive && (user || !webhooks.proof.basic)
    }

    fn covers(webhooks: &WebhookPart, subscribe: &SubscribePart, hook: &Value, object: &str) -> bool {
        match subscribe.object.as_ref().filter(|_| subscribe.per_object) {
            Some(path) => path.text_in(hook).as_deref() == Some(Self::word(webhooks, object)),
            None => true,
        }
    }

    /// See [`Connector::subscribed`](crate::connector::Connector::subscribed).
    pub(super) async fn is_subscribed(&self, url: &str, objects: &[String]) -> Result<Subscribed, VendorError> {
        let Some(webhooks) = &self.description.webhooks else {
            return Ok(Subscribed::ByHand(ByHand {
                steps: "nothing to do: the description has no webhooks, so that polls bring every change",
                carries: &[],
                proof: Proof::Signature { known: true, source: "" },
            }));
        };
        let Some(subscribe) = &webhooks.subscribe else {
            let steps = "have the platform send an event for each of these objects to the address, in its settings of webhooks";
            let proof = if webhooks.proof.secret_in_path {
                Proof::Address
            } else {
                Proof::Signature {
                    known: !self.webhook_secret().is_empty(),
                    source: "set webhooks.signing_secret of the connection to the secret that the platform shows there",
                }
            };
            return Ok(Subscribed::ByHand(ByHand { steps, carries: &[], proof }));
        };
        let hooks = self.hooks(subscribe, url).await?;
        let all = objects.iter().all(|object| {
            hooks.iter().any(|hook| Self::covers(webhooks, subscribe, hook, object) && self.is_sound(webhooks, subscribe, hook))
        });
        Ok(if all { Subscribed::Yes } else { Subscribed::No })
    }

    /// See [`Connector::subscribe`](crate::connector::Connector::subscribe).
    pub(super) async fn make_subscriptions(&self, url: &str, objects: &[String]) -> Result<Option<Secret>, VendorError> {
        let described = self.description.webhooks.as_ref().and_then(|webhooks| Some((webhooks, webhooks.subscribe.as_ref()?)));
        let Some((webhooks, subscribe)) = described else {
            return Err(misfit(
                "by_hand",
                "the description does not say how webhooks are set up",
                "set them up at the platform as `entente provision` shows, or describe `webhooks.subscribe`",
            ));
        };
        let secret = self.webhook_secret();
        if secret.is_empty() && !webhooks.proof.secret_in_path {
            return Err(misfit(
                "no_secret",
                "there is no secret to prove webhooks with",
                "set webhooks.signing_secret of the connection to a long random text",
            ));
        }
        let mut hooks = self.hooks(subscribe, url).await?;
        if let Some(delete) = &subscribe.delete {
            for hook in hooks.iter().filter(|hook| !self.is_sound(webhooks, subscribe, hook)) {
                let Some(id) = subscribe.id.text_in(hook) else { continue };
                let call = self.write_call(delete, Verb::Delete, &Gaps::from([("id", id)]), None).idempotent().accept(&[404, 410]);
                self.ask("webhooks", Priority::Urgent, call).await?;
            }
        }
        hooks.retain(|hook| self.is_sound(webhooks, subscribe, hook));
        for object in objects {
            if hooks.iter().any(|hook| Self::covers(webhooks, subscribe, hook, object)) {
                continue;
            }
            let gaps = Gaps::from([
                ("url", url.to_owned()),
                ("object", Self::word(webhooks, object).to_owned()),
                ("user", user_name(&secret)),
                ("password", secret.reveal().to_owned()),
            ]);
            let call = self.write_call(&subscribe.create, Verb::Post, &gaps, Some(Value::Object(serde_json::Map::new())));
            self.ask("webhooks", Priority::Urgent, call).await.map_err(of_no_row)?;
            if !subscribe.per_object {
                break;
            }
        }
        Ok(Some(secret).filter(|secret| !secret.is_empty()))
    }
}
