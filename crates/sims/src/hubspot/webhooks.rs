//! Webhooks: subscriptions of the app, events of changes, and deliveries of up to a hundred of them.

use http::Method;
use serde_json::{Map, Value, json};

use super::call::Call;
use super::kinds::Kind;
use super::moment::iso;
use super::record::Hand;
use super::refusal::{Answer, Outcome, Refusal};
use super::signature;
use super::state::State;
use crate::mailroom::Delivery;

/// Events in one delivery: fewer than a hundred.
const EVENTS_MAX: usize = 99;
/// Most subscriptions of an app.
const SUBSCRIPTIONS_MAX: usize = 1_000;
/// Name of this simulator in the mailroom.
pub(crate) const PLATFORM: &str = "hubspot";

/// One subscription of the app.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    pub(crate) id: u64,
    pub(crate) event_type: String,
    pub(crate) property: Option<String>,
    pub(crate) object_type: Option<String>,
    pub(crate) active: bool,
    created_ms: i64,
}

impl Subscription {
    fn shown(&self) -> Value {
        let mut shown = json!({
            "id": self.id.to_string(), "eventType": self.event_type, "active": self.active, "createdAt": iso(self.created_ms),
            "updatedAt": iso(self.created_ms),
        });
        if let Some(property) = &self.property {
            shown["propertyName"] = json!(property);
        }
        if let Some(ty) = &self.object_type {
            shown["objectTypeId"] = json!(ty);
        }
        shown
    }
}

impl State {
    /// Queues an event for each subscription that wants it.
    pub(crate) fn tell(&mut self, kind: usize, id: u64, what: &str, by: Hand, more: Value) {
        let wanted: Vec<(u64, String)> = self
            .subscriptions
            .iter()
            .filter(|subscription| subscription.active && subscription.property.is_none())
            .filter(|subscription| concerns(subscription, &self.kinds[kind], what))
            .map(|subscription| (subscription.id, subscription.event_type.clone()))
            .collect();
        for (subscription, ty) in wanted {
            let event = self.event(subscription, &ty, kind, id, by, &more);
            self.events.push(event);
        }
    }

    /// Queues the event of one changed property.
    pub(crate) fn tell_property(&mut self, kind: usize, id: u64, name: &str, value: &str, by: Hand) {
        let wanted: Vec<(u64, String)> = self
            .subscriptions
            .iter()
            .filter(|subscription| subscription.active && subscription.property.as_deref() == Some(name))
            .filter(|subscription| concerns(subscription, &self.kinds[kind], "propertyChange"))
            .map(|subscription| (subscription.id, subscription.event_type.clone()))
            .collect();
        for (subscription, ty) in wanted {
            let more = json!({"propertyName": name, "propertyValue": value});
            let event = self.event(subscription, &ty, kind, id, by, &more);
            self.events.push(event);
        }
    }

    /// Queues the events of an association, one for each direction.
    pub(crate) fn tell_association(&mut self, from: (usize, u64), to: (usize, u64), primary: bool, removed: bool, by: Hand) {
        for (from, to) in [(from, to), (to, from)] {
            let name = format!("{}_TO_{}", self.kinds[from.0].singular, self.kinds[to.0].singular).to_uppercase();
            let more = json!({
                "associationType": name, "fromObjectId": from.1, "toObjectId": to.1, "associationRemoved": removed, "isPrimaryAssociation": primary,
            });
            self.tell(from.0, from.1, "associationChange", by, more);
            self.journal_association(from, to, primary, removed);
        }
    }

    fn event(&mut self, subscription: u64, ty: &str, kind: usize, id: u64, by: Hand, more: &Value) -> Value {
        let event_id = self.next_id();
        let mut event = json!({
            "eventId": event_id, "subscriptionId": subscription, "portalId": self.options.portal_id, "appId": self.options.app_id,
            "occurredAt": self.now_ms, "subscriptionType": ty, "attemptNumber": 0,
            "changeSource": if matches!(by, Hand::Integration | Hand::App(_)) { "INTEGRATION" } else { "CRM" },
        });
        // Associations name their ends, merges theirs.
        if !ty.ends_with("associationChange") {
            event["objectId"] = json!(id);
        }
        if ty.starts_with("object.") {
            event["objectTypeId"] = json!(self.kinds[kind].type_id);
            event["isSensitive"] = json!(false);
        }
        if let (Some(event), Some(more)) = (event.as_object_mut(), more.as_object()) {
            event.extend(more.clone());
        }
        event
    }

    /// The deliveries of the events queued so far; their signatures are made when they leave.
    pub(crate) fn letters(&mut self) -> Vec<Delivery> {
        let events = std::mem::take(&mut self.events);
        if self.target_url.is_empty() {
            return Vec::new();
        }
        events
            .chunks(EVENTS_MAX)
            .map(|events| Delivery {
                platform: PLATFORM,
                method: Method::POST,
                url: self.target_url.clone(),
                headers: Vec::new(),
                body: Value::from(events.to_vec()).to_string().into_bytes(),
                attempt: 0,
            })
            .collect()
    }

    /// `/webhooks/{app}/…`, with the developer's key.
    pub(crate) fn webhook_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        match (call.method.as_str(), rest) {
            ("GET", ["settings"]) => Ok(Answer::ok(self.webhook_settings())),
            ("PUT", ["settings"]) => {
                let url = call.body["targetUrl"].as_str().ok_or_else(|| Refusal::validation("targetUrl is required"))?;
                url.clone_into(&mut self.target_url);
                Ok(Answer::ok(self.webhook_settings()))
            }
            ("DELETE", ["settings"]) => {
                self.target_url.clear();
                Ok(Answer::nothing())
            }
            ("GET", ["subscriptions"]) => {
                Ok(Answer::ok(json!({"results": self.subscriptions.iter().map(Subscription::shown).collect::<Vec<_>>()})))
            }
            ("POST", ["subscriptions"]) => {
                let text = |name: &str| call.body[name].as_str().map(str::to_owned);
                let ty = text("eventType").ok_or_else(|| Refusal::validation("eventType is required"))?;
                let added =
                    self.subscribe(&ty, text("propertyName"), text("objectTypeId"), call.body["active"].as_bool().unwrap_or(false))?;
                Ok(Answer::created(added.shown()))
            }
            (_, ["subscriptions", "batch", "update"]) if call.method == Method::POST => {
                let mut results = Vec::new();
                for input in call.inputs(SUBSCRIPTIONS_MAX)? {
                    let id = input["id"].as_u64().or_else(|| input["id"].as_str()?.parse().ok());
                    let Some(held) = self.subscriptions.iter_mut().find(|held| Some(held.id) == id) else {
                        return Err(Refusal::resource());
                    };
                    held.active = input["active"].as_bool().unwrap_or(held.active);
                    results.push(held.shown());
                }
                Ok(call.batch(200, results, Vec::new()))
            }
            ("GET" | "PATCH" | "DELETE", ["subscriptions", id]) => {
                let at = self.subscriptions.iter().position(|held| held.id.to_string() == *id).ok_or_else(Refusal::resource)?;
                if call.method == Method::DELETE {
                    self.subscriptions.remove(at);
                    return Ok(Answer::nothing());
                }
                if let Some(active) = call.body["active"].as_bool() {
                    self.subscriptions[at].active = active;
                }
                Ok(Answer::ok(self.subscriptions[at].shown()))
            }
            _ => Err(Refusal::resource()),
        }
    }

    fn webhook_settings(&self) -> Value {
        let now = iso(self.now_ms);
        json!({"targetUrl": self.target_url, "throttling": {"maxConcurrentRequests": 10, "period": "SECONDLY"}, "createdAt": now, "updatedAt": now})
    }

    /// Adds a subscription.
    ///
    /// # Errors
    /// When its type is unknown, a property change names no property, or there are too many.
    pub(crate) fn subscribe(
        &mut self,
        ty: &str,
        property: Option<String>,
        object_type: Option<String>,
        active: bool,
    ) -> Result<Subscription, Refusal> {
        const WHATS: &[&str] = &["creation", "deletion", "merge", "restore", "propertyChange", "associationChange", "privacyDeletion"];
        let known = ty.split_once('.').is_some_and(|(what, event)| {
            WHATS.contains(&event) && (what == "object" || self.kinds.iter().any(|kind| kind.events == Some(what)))
        });
        if !known {
            return Err(Refusal::validation(format!("{ty} is not a valid subscription type")));
        }
        if ty.ends_with(".propertyChange") && property.is_none() {
            return Err(Refusal::validation("propertyName is required for property change subscriptions"));
        }
        if ty.starts_with("object.") && object_type.is_none() {
            return Err(Refusal::validation("objectTypeId is required for object subscriptions"));
        }
        if self.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            return Err(Refusal::validation(format!("An app may have at most {SUBSCRIPTIONS_MAX} subscriptions")));
        }
        let id = self.next_id();
        let added = Subscription { id, event_type: ty.to_owned(), property, object_type, active, created_ms: self.now_ms };
        self.subscriptions.push(added.clone());
        Ok(added)
    }
}

fn concerns(subscription: &Subscription, kind: &Kind, what: &str) -> bool {
    let Some((subject, event)) = subscription.event_type.split_once('.') else { return false };
    let same = match &subscription.object_type {
        Some(ty) => subject == "object" && ty == kind.type_id,
        None => kind.events == Some(subject),
    };
    same && event == what
}

/// Makes a delivery ready to leave: counts its attempts, and signs it as of now.
pub(crate) fn sign(delivery: &mut Delivery, secret: &str, now_ms: i64) {
    if delivery.attempt > 0
        && let Ok(Value::Array(mut events)) = serde_json::from_slice::<Value>(&delivery.body)
    {
        for event in events.iter_mut().filter_map(Value::as_object_mut) {
            let event: &mut Map<String, Value> = event;
            event.insert("attemptNumber".to_owned(), json!(delivery.attempt));
        }
        delivery.body = Value::Array(events).to_string().into_bytes();
    }
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("user-agent", "HubSpot Connect 2.0 (http://dev.hubspot.com/) (namespace: webhooks-nio-http-client)".to_owned()),
        ("x-hubspot-signature-version", "v1".to_owned()),
        ("x-hubspot-signature", signature::v1(secret, &delivery.body)),
        ("x-hubspot-request-timestamp", now_ms.to_string()),
        ("x-hubspot-signature-v3", signature::v3(secret, "POST", &delivery.url, &delivery.body, now_ms)),
    ];
    delivery.headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
}
