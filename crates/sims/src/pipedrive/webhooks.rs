//! Webhooks of both versions: subscriptions, messages of changes, and what becomes of a subscription whose receiver fails.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Map, Value, json};

use super::Hand;
use super::call::Call;
use super::fields::Field;
use super::kinds::Kind;
use super::moment::{DAY_MS, fine, old};
use super::record::Record;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;
use crate::mailroom::Delivery;

/// Name of this simulator in the mailroom.
pub(crate) const PLATFORM: &str = "pipedrive";
/// Subscriptions of one user.
const HOOKS_MAX: usize = 40;
/// First tries in a row that may fail before a subscription rests.
const FAILURES_MAX: u32 = 10;
/// Milliseconds that it rests; what happens meanwhile is not told later.
const REST_MS: i64 = 30 * 60 * 1000;
/// Milliseconds without any success after which it is removed.
const GIVE_UP_MS: i64 = 3 * DAY_MS;
/// Objects that can be watched.
const OBJECTS: &[&str] = &["deal", "person", "organization", "activity", "lead", "note", "product", "pipeline", "stage", "user", "*"];

/// One subscription.
#[derive(Debug, Clone)]
pub(crate) struct Hook {
    pub(crate) id: u64,
    action: String,
    object: String,
    url: String,
    user: Option<String>,
    password: Option<String>,
    version: String,
    name: String,
    owner: u64,
    added_ms: i64,
    /// First tries that failed since the last success.
    failures: u32,
    resting_until_ms: i64,
    /// Since when nothing has arrived.
    failing_since_ms: Option<i64>,
    last: Option<(i64, u16)>,
}

impl Hook {
    fn wants(&self, object: &str, action: &str, now_ms: i64) -> bool {
        (self.object == "*" || self.object == object) && (self.action == "*" || self.action == action) && self.resting_until_ms <= now_ms
    }

    fn shown(&self, company: u64) -> Value {
        json!({
            "id": self.id, "company_id": company, "owner_id": self.owner, "user_id": self.owner, "event_action": self.action,
            "event_object": self.object, "subscription_url": self.url, "version": self.version, "is_active": 1, "add_time": old(self.added_ms),
            "remove_time": null, "type": "general", "http_auth_user": self.user, "http_auth_password": self.password, "remove_reason": null,
            "last_delivery_time": self.last.map(|(at, _)| old(at)), "last_http_status": self.last.map(|(_, status)| status), "admin_id": self.owner,
            "name": self.name,
        })
    }
}

/// A custom value as messages have it, which is not how the API has it.
fn told(field: &Field, value: &Value) -> Value {
    let ty = field.ty.as_str();
    match (ty, value) {
        (_, Value::Null) => Value::Null,
        ("monetary", value) => json!({"type": ty, "value": value["value"], "currency": value["currency"]}),
        ("enum" | "user" | "org" | "people", id) => json!({"type": ty, "id": id}),
        ("set", Value::Array(ids)) => json!({"type": ty, "values": ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>()}),
        ("daterange", value) => json!({"type": ty, "from": value["value"], "until": value["until"]}),
        ("timerange", value) => json!({"type": ty, "from": value["value"], "until": value["until"], "timezone_id": value["timezone_name"]}),
        ("time", value) => json!({"type": ty, "value": value["value"], "timezone_id": value["timezone_name"]}),
        ("address", Value::Object(parts)) => {
            let mut all = parts.clone();
            all.insert("type".to_owned(), json!(ty));
            Value::Object(all)
        }
        (_, value) => json!({"type": ty, "value": value}),
    }
}

impl State {
    /// A row as messages show it.
    fn told_row(&self, record: &Record) -> Value {
        let mut row = if record.kind.is_new() { self.shown(record) } else { self.shown_old(record) };
        if record.kind.is_new() {
            row["visible_to"] = record.get("visible_to").as_u64().map_or(Value::Null, |level| json!(level.to_string()));
        }
        if record.kind == Kind::Activity {
            row["active_flag"] = json!(record.deleted_ms.is_none());
            row["busy_flag"] = record.get("busy").clone();
            for name in ["due_time", "duration"] {
                row[name] = record.get(name).as_str().map_or(Value::Null, |text| json!({"value": text, "timezone_id": null}));
            }
        }
        if record.kind.schema().is_some() && record.kind.is_new() {
            let custom: Map<String, Value> = self
                .custom_fields(record.kind)
                .map(|field| (field.code.clone(), told(field, record.custom.get(&field.code).unwrap_or(&Value::Null))))
                .collect();
            row["custom_fields"] = Value::Object(custom);
        }
        row
    }

    /// Queues a message for each subscription that wants it.
    pub(crate) fn tell(&mut self, record: &Record, action: &str, before: Option<&Record>, by: Hand, more: &[(&str, u64)]) {
        let (now, object) = (self.now_ms, record.kind.singular());
        self.hooks.retain(|hook| hook.failing_since_ms.is_none_or(|since| since + GIVE_UP_MS > now));
        let wanted: Vec<Hook> = self.hooks.iter().filter(|hook| hook.wants(object, action, now)).cloned().collect();
        if wanted.is_empty() {
            return;
        }
        let shown = self.told_row(record);
        let past = before.map(|before| self.told_row(before));
        let previous = match (action, &past) {
            ("change", Some(past)) => changed(past, &shown),
            ("delete", Some(past)) => past.clone(),
            _ => Value::Null,
        };
        for hook in wanted {
            let user = self.user_of(by);
            let source = if matches!(by, Hand::Person(_)) { "app" } else { "api" };
            let body = if hook.version == "1.0" {
                self.old_message(record, action, &hook, user, source)
            } else {
                let mut meta = json!({
                    "action": action, "entity": object, "entity_id": record.id_text(), "company_id": self.options.company_id.to_string(),
                    "user_id": user.to_string(), "id": self.uuid(), "correlation_id": self.uuid(), "webhook_id": hook.id.to_string(),
                    "webhook_owner_id": hook.owner.to_string(), "timestamp": fine(now), "type": "general", "version": "2.0",
                    "change_source": source, "attempt": 1, "host": format!("{}.pipedrive.com", self.options.company_domain),
                    "is_bulk_edit": false, "permitted_user_ids": [self.options.user_id.to_string()],
                });
                for (name, id) in more {
                    meta[*name] = json!(id.to_string());
                }
                json!({"meta": meta, "data": if action == "delete" { Value::Null } else { shown.clone() }, "previous": previous})
            };
            let mut headers = vec![
                ("content-type".to_owned(), "application/json".to_owned()),
                ("user-agent".to_owned(), "Pipedrive Webhooks".to_owned()),
            ];
            if let (Some(user), Some(password)) = (&hook.user, &hook.password) {
                headers.push(("authorization".to_owned(), format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))));
            }
            self.letters.push(Delivery {
                platform: PLATFORM,
                method: Method::POST,
                url: hook.url.clone(),
                headers,
                body: body.to_string().into_bytes(),
                attempt: 0,
            });
        }
    }

    fn old_message(&self, record: &Record, action: &str, hook: &Hook, user: u64, source: &str) -> Value {
        let word = match action {
            "create" => "added",
            "delete" => "deleted",
            _ => "updated",
        };
        let object = record.kind.singular();
        let current = if action == "delete" { Value::Null } else { self.shown_old(record) };
        json!({
            "v": 1, "matches_filters": {"current": []}, "event": format!("{word}.{object}"), "retry": 0, "current": current, "previous": null,
            "meta": {
                "v": 1, "action": word, "object": object, "id": record.id(), "company_id": self.options.company_id, "user_id": user,
                "host": format!("{}.pipedrive.com", self.options.company_domain), "timestamp": self.now_ms / 1000, "timestamp_micro": self.now_ms * 1000,
                "permitted_user_ids": [self.options.user_id], "trans_pending": false, "is_bulk_update": false, "change_source": source,
                "webhook_id": hook.id.to_string(),
            },
        })
    }

    /// `/v1/webhooks/…`.
    pub(crate) fn hook_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        let company = self.options.company_id;
        match (&call.method, rest) {
            (&Method::GET, []) => Ok(Answer::data(self.hooks.iter().map(|hook| hook.shown(company)).collect())),
            (&Method::POST, []) => {
                let made = self.subscribe(&call.body)?;
                Ok(Answer::created(made.shown(company)))
            }
            (&Method::DELETE, [id]) => {
                let at = self.hooks.iter().position(|hook| hook.id.to_string() == *id).ok_or_else(|| Refusal::missing("webhook"))?;
                self.hooks.remove(at);
                Ok(Answer::data(Value::Null))
            }
            _ => Err(Refusal::route()),
        }
    }

    /// Makes a subscription.
    ///
    /// # Errors
    /// When something is missing or unknown, or the user has too many.
    pub(crate) fn subscribe(&mut self, body: &Value) -> Result<Hook, Refusal> {
        let text = |name: &str| body[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let invalid = |name: &str, reason: &str| {
            let mut refusal = Refusal::new(400, "Bad request");
            refusal.body["errors"] = json!({name: [reason]});
            refusal
        };
        let url = text("subscription_url")
            .filter(|url| url.starts_with("http"))
            .ok_or_else(|| invalid("subscription_url", "must be a valid url"))?;
        let action = text("event_action").filter(|action| matches!(action.as_str(), "create" | "change" | "delete" | "*"));
        let object = text("event_object").filter(|object| OBJECTS.contains(&object.as_str()));
        let (action, object) = (
            action.ok_or_else(|| invalid("event_action", "is not valid"))?,
            object.ok_or_else(|| invalid("event_object", "is not valid"))?,
        );
        let name = text("name").ok_or_else(|| invalid("name", "is required"))?;
        if self.hooks.len() >= HOOKS_MAX {
            return Err(Refusal::new(422, "Webhook limit reached: a user can have 40 webhooks"));
        }
        let id = self.next_hook;
        self.next_hook += 1;
        let hook = Hook {
            id,
            action,
            object,
            url,
            user: text("http_auth_user"),
            password: text("http_auth_password"),
            version: text("version").unwrap_or_else(|| "2.0".to_owned()),
            name,
            owner: self.options.user_id,
            added_ms: self.now_ms,
            failures: 0,
            resting_until_ms: 0,
            failing_since_ms: None,
            last: None,
        };
        self.hooks.push(hook.clone());
        Ok(hook)
    }

    /// Takes in how a message was answered: ten first tries in a row that fail lay a subscription to rest.
    pub(crate) fn answered_hook(&mut self, delivery: &Delivery, status: u16, good: bool) {
        let now = self.now_ms;
        let body: Value = serde_json::from_slice(&delivery.body).unwrap_or_default();
        let id = body["meta"]["webhook_id"].as_str().unwrap_or_default().to_owned();
        let Some(hook) = self.hooks.iter_mut().find(|hook| hook.id.to_string() == id) else { return };
        hook.last = Some((now, status));
        if good {
            hook.failures = 0;
            hook.failing_since_ms = None;
            return;
        }
        hook.failing_since_ms.get_or_insert(now);
        if delivery.attempt == 0 {
            hook.failures += 1;
            if hook.failures >= FAILURES_MAX {
                hook.failures = 0;
                hook.resting_until_ms = now + REST_MS;
            }
        }
    }
}

/// The attributes of a row that differ, as they were.
fn changed(past: &Value, present: &Value) -> Value {
    let mut differs = Map::new();
    for (name, value) in past.as_object().into_iter().flatten() {
        if name != "custom_fields" && present[name] != *value {
            differs.insert(name.clone(), value.clone());
        }
    }
    let custom = past["custom_fields"].as_object().into_iter().flatten();
    let custom: Map<String, Value> = custom
        .filter(|(code, value)| present["custom_fields"][code.as_str()] != **value)
        .map(|(code, value)| (code.clone(), value.clone()))
        .collect();
    differs.insert("custom_fields".to_owned(), Value::Object(custom));
    Value::Object(differs)
}

/// Makes a message ready to leave: it says how often it was tried.
pub(crate) fn ready(delivery: &mut Delivery) {
    if delivery.attempt == 0 || delivery.method != Method::POST {
        return;
    }
    let Ok(mut body) = serde_json::from_slice::<Value>(&delivery.body) else { return };
    if body["v"] == 1 {
        body["retry"] = json!(delivery.attempt)
    } else {
        body["meta"]["attempt"] = json!(delivery.attempt + 1)
    }
    delivery.body = body.to_string().into_bytes();
}
