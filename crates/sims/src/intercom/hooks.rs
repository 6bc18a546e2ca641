//! Webhooks: one address per app with a list of topics, set up by hand. They are signed with the app's client secret, and nothing says
//! whose doing a change was.

use ring::hmac;
use serde_json::{Value, json};

use super::state::{Kind, State};
use super::text::seconds;
use crate::mailroom::Delivery;

/// Name of this simulator in the mailroom.
pub(crate) const PLATFORM: &str = "intercom";

/// Where an app's webhooks go.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub(crate) url: String,
    /// None stands for all of them.
    pub(crate) topics: Option<Vec<String>>,
}

/// Something that a webhook tells.
#[derive(Debug)]
pub(crate) struct Told {
    topic: String,
    item: Value,
}

impl State {
    fn wants(&self, topic: &str) -> bool {
        self.subscription.as_ref().is_some_and(|held| held.topics.as_ref().is_none_or(|topics| topics.iter().any(|held| held == topic)))
    }

    /// Tells of a record, which the webhook shows as it is now.
    pub(crate) fn tell(&mut self, topic: &str, kind: Kind, id: &str) {
        if !self.wants(topic) {
            return;
        }
        let version = self.options.default_version;
        let Some(record) = self.get(kind, id) else { return };
        let item = match kind {
            Kind::Contact => self.contact_shown(record),
            Kind::Company => self.company_shown(record),
            // From 2.15 on the texts of parts are plain.
            Kind::Conversation => self.conversation_shown(record, version, true, version >= 15),
            Kind::Ticket => self.ticket_shown(record, version, true),
        };
        self.told.push(Told { topic: topic.to_owned(), item });
    }

    /// Tells of a record that is gone.
    pub(crate) fn tell_minimal(&mut self, topic: &str, item: Value) {
        if self.wants(topic) {
            self.told.push(Told { topic: topic.to_owned(), item });
        }
    }

    /// Tells of a merge: the item is the winner, beside whom stands the other's id.
    pub(crate) fn tell_merged(&mut self, loser: &str, winner: &str) {
        let Some(record) = self.get(Kind::Contact, winner) else { return };
        let mut item = self.contact_shown(record);
        item["merged_from"] = json!(loser);
        self.tell_minimal("contact.merged", item);
    }

    /// Tells of a tag of a contact.
    pub(crate) fn tell_tag(&mut self, role: &str, contact: &str, tag: &str, attached: bool) {
        let topic = format!("contact.{role}.tag.{}", if attached { "created" } else { "deleted" });
        let (Some(record), Some(tag)) = (self.get(Kind::Contact, contact), self.tags.iter().find(|known| known.id == tag)) else { return };
        let tag = json!({"type": "tag", "id": tag.id, "name": tag.name});
        let item = json!({"type": "contact_tag", "contact": self.contact_shown(record), "tag": tag, "created_at": seconds(self.now_ms)});
        self.tell_minimal(&topic, item);
    }

    /// Tells of a contact that joined or left a company.
    pub(crate) fn tell_membership(&mut self, contact: &str, company: &str, attached: bool) {
        let topic = if attached { "company.contact.attached" } else { "company.contact.detached" };
        let (Some(contact), Some(company)) = (self.get(Kind::Contact, contact), self.get(Kind::Company, company)) else { return };
        let item = json!({"type": "company_contact", "company": self.company_shown(company), "contact": self.contact_shown(contact)});
        self.tell_minimal(topic, item);
    }

    /// What the present operation told, as messages.
    pub(crate) fn letters(&mut self) -> Vec<Delivery> {
        let told = std::mem::take(&mut self.told);
        let Some(subscription) = self.subscription.clone() else { return Vec::new() };
        told.into_iter()
            .map(|told| {
                let id = format!("notif_{}", self.uuid());
                let at = seconds(self.now_ms);
                let body = json!({
                    "type": "notification_event", "app_id": self.options.app_id, "id": id, "topic": told.topic,
                    "data": {"type": "notification_event_data", "item": told.item}, "links": {}, "self": null, "created_at": at,
                    "delivery_attempts": 1, "delivery_status": "pending", "delivered_at": 0, "first_sent_at": at,
                });
                Delivery {
                    platform: PLATFORM,
                    method: http::Method::POST,
                    url: subscription.url.clone(),
                    headers: Vec::new(),
                    body: body.to_string().into_bytes(),
                    attempt: 0,
                }
            })
            .collect()
    }
}

/// Counts the attempt in a message that leaves, and signs it.
pub(crate) fn seal(delivery: &mut Delivery, client_secret: &str) {
    if delivery.attempt > 0
        && let Ok(mut body) = serde_json::from_slice::<Value>(&delivery.body)
    {
        body["delivery_attempts"] = json!(delivery.attempt + 1);
        delivery.body = body.to_string().into_bytes();
    }
    delivery.headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("user-agent".to_owned(), "intercom-parrot-service-client/1.0".to_owned()),
        ("x-hub-signature".to_owned(), signature(client_secret, &delivery.body)),
    ];
}

/// `sha1=` and the HMAC of the body.
fn signature(client_secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, client_secret.as_bytes());
    let hex: String = hmac::sign(&key, body).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_published_vector() {
        let body = br#"{"type":"notification_event","app_id":"abc12345","topic":"contact.user.updated","id":"notif_0001","created_at":1714985266}"#;
        assert_eq!(signature("intercom-client-secret", body), "sha1=ab3e92777799045a2f3ace73eeb4a854b299f23b");
        assert_eq!(signature("intercom-client-secret", b""), "sha1=c6e1dd8dc805b0f8c7e1f91152a5e85e0c17f9f8");
    }
}
