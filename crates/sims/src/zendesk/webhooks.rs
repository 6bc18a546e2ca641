//! Webhooks: their API, their deliveries, and the record of what became of those.

use std::collections::VecDeque;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::RngCore;
use serde_json::{Map, Value, json};

use super::call::Call;
use super::events::{ACCOUNT_ID, pretty};
use super::moment::iso;
use super::refusal::{Answer, Outcome, Refusal};
use super::signature::{TEST_SECRET, sign};
use super::state::State;
use crate::mailroom::Delivery;

/// Which simulator sends.
pub(crate) const PLATFORM: &str = "zendesk";
/// The header that names an invocation.
pub(crate) const INVOCATION: &str = "X-Zendesk-Webhook-Invocation-Id";
/// Invocations kept per webhook.
const INVOCATIONS_KEPT: usize = 1_000;
/// The subscription of webhooks fired by triggers.
const CONDITIONAL: &str = "conditional_ticket_events";
/// Body of a conditional webhook that no trigger gave a template.
const TEMPLATE: &str = r#"{"ticket":{"id":{{ticket.id}},"status":"{{ticket.status}}","external_id":"{{ticket.external_id}}","updated_at":"{{ticket.updated_at}}"}}"#;

/// One try at delivering.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    at: i64,
    status: Option<u16>,
    response: String,
}

/// One event on its way to one webhook.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    id: String,
    payload: Vec<u8>,
    headers: Vec<(String, String)>,
    attempts: Vec<Attempt>,
}

impl Invocation {
    fn outcome(&self) -> &'static str {
        match self.attempts.last().map(|attempt| attempt.status) {
            Some(Some(200..=299)) => "success",
            Some(Some(429)) => "throttled",
            Some(Some(400..=499)) => "client error",
            Some(Some(_)) => "server error",
            _ => "terminated",
        }
    }
}

/// A webhook.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) id: String,
    name: String,
    description: String,
    active: bool,
    endpoint: String,
    method: String,
    format: String,
    subscriptions: Vec<String>,
    authentication: Option<Value>,
    custom_headers: Map<String, Value>,
    pub(crate) secret: String,
    created: i64,
    created_by: u64,
    updated: i64,
    updated_by: u64,
    invocations: VecDeque<Invocation>,
}

impl Webhook {
    pub(crate) fn wants(&self, ty: &str) -> bool {
        self.active && self.subscriptions.iter().any(|held| held == ty)
    }
}

/// A trigger, as far as it fires webhooks.
#[derive(Debug, Clone)]
pub(crate) struct Trigger {
    id: u64,
    body: Map<String, Value>,
    created: i64,
    updated: i64,
}

impl Trigger {
    /// The template for a webhook, when this trigger fires it.
    fn template(&self, webhook: &str) -> Option<&str> {
        if self.body.get("active") == Some(&Value::Bool(false)) {
            return None;
        }
        self.body.get("actions")?.as_array()?.iter().find_map(|action| {
            let pair = action["value"].as_array()?;
            (action["field"] == "notification_webhook" && pair.first()?.as_str()? == webhook).then(|| pair.get(1)?.as_str())?
        })
    }

    fn shown(&self, state: &State) -> Value {
        let mut shown = json!({
            "url": state.url(&format!("triggers/{}", self.id)), "id": self.id, "title": "", "active": true,
            "created_at": iso(self.created), "updated_at": iso(self.updated), "default": false, "actions": [],
            "conditions": {"all": [], "any": []}, "description": null, "position": 0, "raw_title": "", "category_id": "1",
        });
        if let Some(map) = shown.as_object_mut() {
            for (key, value) in &self.body {
                map.insert(key.clone(), value.clone());
            }
        }
        shown
    }
}

fn refused(status: u16, code: &str, title: &str, pointer: &str) -> Refusal {
    Refusal::json(status, &json!({"errors": [{"code": code, "title": title, "detail": title, "source": {"pointer": pointer}}]}))
}

impl State {
    /// Makes a webhook; returns its place.
    pub(crate) fn add_webhook(&mut self, fields: &Map<String, Value>, by: u64) -> Result<usize, Refusal> {
        let mut webhook = Webhook {
            id: self.ulid(),
            name: String::new(),
            description: String::new(),
            active: true,
            endpoint: String::new(),
            method: "POST".to_owned(),
            format: "json".to_owned(),
            subscriptions: Vec::new(),
            authentication: None,
            custom_headers: Map::new(),
            secret: self.new_secret(),
            created: self.now(),
            created_by: by,
            updated: self.now(),
            updated_by: by,
            invocations: VecDeque::new(),
        };
        fill(&mut webhook, fields)?;
        if webhook.name.is_empty() {
            return Err(refused(400, "MissingParameter", "name is required", "/webhook/name"));
        }
        self.webhooks.push(webhook);
        Ok(self.webhooks.len() - 1)
    }

    fn new_secret(&mut self) -> String {
        let mut bytes = [0_u8; 32];
        self.rng.fill_bytes(&mut bytes);
        STANDARD.encode(bytes)
    }

    fn webhook_at(&self, id: &str) -> Result<usize, Refusal> {
        self.webhooks
            .iter()
            .position(|webhook| webhook.id == id)
            .ok_or_else(|| Refusal::json(404, &json!({"errors": [{"code": "WebhookNotFound", "title": "Webhook not found"}]})))
    }

    /// Signs a body and hands it to the mailroom.
    pub(crate) fn send(&mut self, at: usize, body: Vec<u8>) {
        let (invocation, timestamp) = (self.ulid(), iso(self.now()));
        let network = i64::try_from(self.options.profile.network_ms).unwrap_or_default();
        let webhook = &mut self.webhooks[at];
        let mut headers = vec![
            ("X-Zendesk-Webhook-Signature".to_owned(), sign(&webhook.secret, &timestamp, &body)),
            ("X-Zendesk-Webhook-Signature-Timestamp".to_owned(), timestamp),
            ("Content-Type".to_owned(), "application/json; charset=utf-8".to_owned()),
            ("User-Agent".to_owned(), "Zendesk Webhook".to_owned()),
            ("X-Zendesk-Account-Id".to_owned(), ACCOUNT_ID.to_string()),
            ("X-Zendesk-Webhook-Id".to_owned(), webhook.id.clone()),
            (INVOCATION.to_owned(), invocation.clone()),
        ];
        headers.extend(webhook.custom_headers.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))));
        headers.extend(webhook.authentication.as_ref().and_then(credentials));
        webhook.invocations.push_back(Invocation { id: invocation, payload: body.clone(), headers: headers.clone(), attempts: Vec::new() });
        if webhook.invocations.len() > INVOCATIONS_KEPT {
            webhook.invocations.pop_front();
        }
        let delivery =
            Delivery { platform: PLATFORM, method: http::Method::POST, url: webhook.endpoint.clone(), headers, body, attempt: 0 };
        self.options.mailroom.post(delivery, network);
    }

    /// Fires conditional webhooks for a created or updated ticket.
    pub(crate) fn fire_triggers(&mut self, ticket: u64) {
        let conditional = |webhook: &Webhook| webhook.active && webhook.subscriptions.iter().any(|held| held == CONDITIONAL);
        for at in 0..self.webhooks.len() {
            if !conditional(&self.webhooks[at]) {
                continue;
            }
            let id = &self.webhooks[at].id;
            let mut templates: Vec<String> = self.triggers.iter().filter_map(|trigger| trigger.template(id)).map(str::to_owned).collect();
            if templates.is_empty() {
                templates.push(TEMPLATE.to_owned());
            }
            let Some(shown) = self.tickets.get(&ticket).map(|stored| self.ticket_json(stored)) else { return };
            for template in templates {
                self.send(at, render(&template, &shown).into_bytes());
            }
        }
    }

    /// Notes what a receiver answered; `None` when it did not answer in time.
    pub(crate) fn note_attempt(&mut self, invocation: &str, status: Option<u16>, response: &str) -> bool {
        let at = self.now();
        // The newest first: answers come soon after.
        let found = self.webhooks.iter_mut().flat_map(|webhook| webhook.invocations.iter_mut().rev()).find(|held| held.id == invocation);
        let Some(held) = found else { return false };
        held.attempts.push(Attempt { at, status, response: response.chars().take(1_000).collect() });
        true
    }

    fn webhook_json(&self, webhook: &Webhook) -> Value {
        let mut shown = json!({
            "created_at": iso(webhook.created), "created_by": webhook.created_by.to_string(),
            "description": webhook.description, "endpoint": webhook.endpoint, "http_method": webhook.method, "id": webhook.id,
            "name": webhook.name, "request_format": webhook.format, "status": if webhook.active { "active" } else { "inactive" },
            "subscriptions": webhook.subscriptions, "updated_at": iso(webhook.updated), "updated_by": webhook.updated_by.to_string(),
        });
        if let Some(authentication) = &webhook.authentication {
            let mut kept = authentication.clone();
            if let Some(data) = kept.get_mut("data").and_then(Value::as_object_mut) {
                data.retain(|key, _| key == "username" || key == "name");
            }
            shown["authentication"] = kept;
        }
        if !webhook.custom_headers.is_empty() {
            shown["custom_headers"] = json!(webhook.custom_headers);
        }
        shown
    }

    /// Routes below `/webhooks`.
    pub(crate) fn webhook_routes(&mut self, call: &Call) -> Outcome {
        if self.role(call.actor) != "admin" {
            return Err(Refusal::forbidden());
        }
        match (call.method.as_str(), call.path().as_slice()) {
            ("GET", ["webhooks"]) => {
                let wanted = call.q("filter[name_contains]").unwrap_or_default();
                let list: Vec<Value> = self
                    .webhooks
                    .iter()
                    .filter(|webhook| webhook.name.contains(wanted))
                    .map(|webhook| self.webhook_json(webhook))
                    .collect();
                Ok(Answer::ok(json!({"meta": {"has_more": false}, "webhooks": list})))
            }
            ("POST", ["webhooks"]) => {
                let mut fields = Map::new();
                if let Some(id) = call.q("clone_webhook_id") {
                    let at = self.webhook_at(id)?;
                    if let Value::Object(map) = self.webhook_json(&self.webhooks[at]) {
                        fields = map;
                    }
                }
                if let Ok(given) = call.object("webhook") {
                    fields.extend(given.clone());
                } else if fields.is_empty() {
                    return Err(refused(400, "InvalidWebhook", "webhook is required", "/webhook"));
                }
                let at = self.add_webhook(&fields, call.actor)?;
                let mut shown = self.webhook_json(&self.webhooks[at]);
                // Recorded: creation shows nanoseconds, later reads show seconds.
                shown["created_at"] = json!(iso(self.webhooks[at].created).replace('Z', ".906338593Z"));
                let location = call.at(&format!("webhooks/{}", self.webhooks[at].id));
                Ok(Answer::created(json!({"webhook": shown}), location))
            }
            ("POST", ["webhooks", "test"]) => self.test_webhook(call),
            ("GET", ["webhooks", id]) => {
                let at = self.webhook_at(id)?;
                Ok(Answer::ok(json!({"webhook": self.webhook_json(&self.webhooks[at])})))
            }
            ("PUT" | "PATCH", ["webhooks", id]) => {
                let at = self.webhook_at(id)?;
                let mut changed = self.webhooks[at].clone();
                fill(&mut changed, call.object("webhook")?)?;
                if changed.subscriptions != self.webhooks[at].subscriptions {
                    let conditional = |webhook: &Webhook| webhook.subscriptions.iter().any(|held| held == CONDITIONAL);
                    if conditional(&changed) != conditional(&self.webhooks[at]) {
                        return Err(refused(400, "InvalidWebhook", "The kind of subscription cannot be changed", "/webhook/subscriptions"));
                    }
                }
                (changed.updated, changed.updated_by) = (self.now(), call.actor);
                self.webhooks[at] = changed;
                Ok(Answer::empty())
            }
            ("DELETE", ["webhooks", id]) => {
                let at = self.webhook_at(id)?;
                self.webhooks.remove(at);
                Ok(Answer::empty())
            }
            (verb @ ("GET" | "POST"), ["webhooks", id, "signing_secret"]) => {
                let at = self.webhook_at(id)?;
                if verb == "POST" {
                    self.webhooks[at].secret = self.new_secret();
                }
                let body = json!({"signing_secret": {"secret": self.webhooks[at].secret, "algorithm": "SHA256"}});
                Ok(Answer::ok(body).status(if verb == "POST" { 201 } else { 200 }))
            }
            ("GET", ["webhooks", id, "invocations"]) => {
                let at = self.webhook_at(id)?;
                let wanted = call.q("filter[status]").unwrap_or_default();
                let list: Vec<Value> = self.webhooks[at]
                    .invocations
                    .iter()
                    .rev()
                    .filter(|held| wanted.is_empty() || held.outcome() == wanted)
                    .take(100)
                    .map(|held| {
                        let last = held.attempts.last();
                        json!({
                            "id": held.id, "status": held.outcome(), "status_code": last.and_then(|attempt| attempt.status),
                            "latest_completed_at": super::moment::iso_or_null(last.map(|attempt| attempt.at)),
                        })
                    })
                    .collect();
                Ok(Answer::ok(json!({"invocations": list, "meta": {"has_more": false}, "links": {}})))
            }
            ("GET", ["webhooks", id, "invocations", which, "attempts"]) => {
                let at = self.webhook_at(id)?;
                let held = self.webhooks[at].invocations.iter().find(|held| held.id == *which).ok_or_else(Refusal::missing)?;
                let headers: Vec<Value> = held.headers.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
                let list: Vec<Value> = held
                    .attempts
                    .iter()
                    .enumerate()
                    .map(|(number, attempt)| {
                        json!({
                            "id": format!("{}-{number}", held.id), "invocation_id": held.id, "completed_at": iso(attempt.at),
                            "status_code": attempt.status, "status": held.outcome(),
                            "request": {"headers": headers, "payload": String::from_utf8_lossy(&held.payload)},
                            "response": {"headers": [], "payload": attempt.response},
                        })
                    })
                    .collect();
                Ok(Answer::ok(json!({"attempts": list})))
            }
            _ => Err(Refusal::no_route()),
        }
    }

    fn test_webhook(&mut self, call: &Call) -> Outcome {
        let request = call.object("request").cloned().unwrap_or_default();
        let at = match call.q("webhook_id") {
            Some(id) => Some(self.webhook_at(id)?),
            None => None,
        };
        let payload = request.get("payload").map_or_else(
            || pretty(&json!({"message": "test"})),
            |payload| match payload {
                Value::String(text) => text.clone().into_bytes(),
                other => other.to_string().into_bytes(),
            },
        );
        match at {
            Some(at) => self.send(at, payload),
            None => {
                let endpoint = request.get("endpoint").and_then(Value::as_str).ok_or_else(|| Refusal::parameter("endpoint"))?.to_owned();
                let mut fields = Map::new();
                fields.insert("name".to_owned(), json!("test"));
                fields.insert("endpoint".to_owned(), json!(endpoint));
                let at = self.add_webhook(&fields, call.actor)?;
                self.webhooks[at].secret = TEST_SECRET.to_owned();
                self.send(at, payload);
                self.webhooks.remove(at);
            }
        }
        Ok(Answer::ok(json!({"response": {"status": 200, "headers": [], "payload": ""}})))
    }

    /// Routes below `/triggers`.
    pub(crate) fn trigger_routes(&mut self, call: &Call) -> Outcome {
        if self.role(call.actor) != "admin" {
            return Err(Refusal::forbidden());
        }
        let place =
            |state: &Self, id: &str| state.triggers.iter().position(|trigger| trigger.id.to_string() == id).ok_or_else(Refusal::missing);
        match (call.method.as_str(), call.path().as_slice()) {
            ("GET", ["triggers"] | ["triggers", "active"]) => {
                let list: Vec<Value> = self.triggers.iter().map(|trigger| trigger.shown(self)).collect();
                let count = list.len();
                Ok(Answer::ok(json!({"triggers": list, "next_page": null, "previous_page": null, "count": count})))
            }
            ("POST", ["triggers"]) => {
                let body = call.object("trigger")?.clone();
                let trigger = Trigger { id: self.next_id(), body, created: self.now(), updated: self.now() };
                let shown = trigger.shown(self);
                let location = call.at(&format!("triggers/{}.json", trigger.id));
                self.triggers.push(trigger);
                Ok(Answer::created(json!({"trigger": shown}), location))
            }
            ("GET", ["triggers", id]) => Ok(Answer::ok(json!({"trigger": self.triggers[place(self, id)?].shown(self)}))),
            ("PUT", ["triggers", id]) => {
                let at = place(self, id)?;
                let now = self.now();
                self.triggers[at].body.extend(call.object("trigger")?.clone());
                self.triggers[at].updated = now;
                Ok(Answer::ok(json!({"trigger": self.triggers[at].shown(self)})))
            }
            ("DELETE", ["triggers", id]) => {
                let at = place(self, id)?;
                self.triggers.remove(at);
                Ok(Answer::empty())
            }
            _ => Err(Refusal::no_route()),
        }
    }
}

fn fill(webhook: &mut Webhook, fields: &Map<String, Value>) -> Result<(), Refusal> {
    for (key, value) in fields {
        let text = value.as_str().unwrap_or_default();
        match key.as_str() {
            "name" => webhook.name = text.to_owned(),
            "description" => webhook.description = text.to_owned(),
            "status" => webhook.active = text == "active",
            "endpoint" => webhook.endpoint = text.to_owned(),
            "http_method" => webhook.method = text.to_owned(),
            "request_format" => webhook.format = text.to_owned(),
            "authentication" => webhook.authentication = Some(value.clone()).filter(|value| !value.is_null()),
            "custom_headers" => webhook.custom_headers = value.as_object().cloned().unwrap_or_default(),
            "subscriptions" => {
                webhook.subscriptions = value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
            }
            _ => {}
        }
    }
    if url::Url::parse(&webhook.endpoint).is_err() {
        return Err(refused(400, "InvalidEndpoint", "endpoint must be an address", "/webhook/endpoint"));
    }
    let events = webhook.subscriptions.iter().filter(|held| held.starts_with("zen:event-type:")).count();
    let conditional = webhook.subscriptions.iter().filter(|held| *held == CONDITIONAL).count();
    if events + conditional != webhook.subscriptions.len() || (events > 0 && conditional > 0) {
        return Err(refused(400, "InvalidSubscription", "subscriptions are unknown or cannot be mixed", "/webhook/subscriptions"));
    }
    if events > 0 && (webhook.method != "POST" || webhook.format != "json") {
        return Err(refused(400, "InvalidWebhook", "Event subscriptions need POST and json", "/webhook/http_method"));
    }
    Ok(())
}

fn credentials(authentication: &Value) -> Option<(String, String)> {
    let data = &authentication["data"];
    match authentication["type"].as_str()? {
        "basic_auth" => {
            let pair = format!("{}:{}", data["username"].as_str()?, data["password"].as_str()?);
            Some(("Authorization".to_owned(), format!("Basic {}", STANDARD.encode(pair))))
        }
        "bearer_token" => Some(("Authorization".to_owned(), format!("Bearer {}", data["token"].as_str()?))),
        "api_key" => Some((data["name"].as_str()?.to_owned(), data["value"].as_str()?.to_owned())),
        _ => None,
    }
}

/// Replaces `{{ticket.x}}` by the ticket's values.
fn render(template: &str, ticket: &Value) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((name, tail)) = after.split_once("}}") else {
            rest = after;
            break;
        };
        if let Some(key) = name.trim().strip_prefix("ticket.") {
            match &ticket[if key == "title" { "subject" } else { key }] {
                Value::Null => {}
                Value::String(text) => {
                    let quoted = Value::String(text.clone()).to_string();
                    out.push_str(&quoted[1..quoted.len() - 1]);
                }
                other => out.push_str(&other.to_string()),
            }
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}
