//! Automation rules, as far as they send webhooks: when a ticket is made (type 1) and when it changes (type 4). Deliveries are not
//! signed; a rule's own headers go with them. Nothing tells of contacts and companies.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::moment::iso;
use super::refusal::{Answer, Flaw, Outcome, Refusal};
use super::state::{Kind, State};
use super::tickets::label;
use crate::mailroom::Delivery;

/// Name of this simulator in the mailroom.
pub(crate) const PLATFORM: &str = "freshdesk";
/// Name of the action that sends a webhook.
const WEBHOOK: &str = "trigger_webhook";

/// A rule.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    id: u64,
    /// 1 for new tickets, 3 hourly, 4 for changes.
    ty: u64,
    body: Map<String, Value>,
    created_ms: i64,
}

impl Rule {
    fn shown(&self) -> Value {
        let mut shown = Value::Object(self.body.clone());
        shown["id"] = json!(self.id);
        shown["created_at"] = json!(iso(self.created_ms));
        shown["updated_at"] = json!(iso(self.created_ms));
        shown
    }

    fn active(&self) -> bool {
        self.body.get("active").and_then(Value::as_bool).unwrap_or(true)
    }

    /// Whether one of the rule's events is this one: `{ticket_action:updated}`.
    fn wants(&self, event: &str) -> bool {
        let Some(events) = self.body.get("events").and_then(Value::as_array).filter(|_| self.ty == 4) else { return self.ty == 1 };
        let (name, _) = event.trim_matches(['{', '}']).split_once(':').unwrap_or_default();
        events.iter().filter_map(|wanted| wanted["field_name"].as_str()).any(|wanted| {
            // Fields of the ticket are changes of it.
            wanted == name || (name == "ticket_action" && event.contains("updated") && !["reply_sent", "note_type"].contains(&wanted))
        })
    }

    fn webhooks(&self) -> impl Iterator<Item = &Value> {
        let actions = self.body.get("actions").and_then(Value::as_array);
        actions.into_iter().flatten().filter(|action| action["field_name"].as_str() == Some(WEBHOOK))
    }
}

fn check(ty: u64, body: &Map<String, Value>) -> Result<(), Refusal> {
    const KNOWN: &[&str] = &["name", "description", "position", "active", "performer", "events", "conditions", "operator", "actions"];
    let mut flaws: Vec<Flaw> = body.keys().filter(|name| !KNOWN.contains(&name.as_str())).map(|name| Flaw::unknown(name)).collect();
    let filled = |name: &str| body.get(name).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    if body.get("name").and_then(Value::as_str).unwrap_or_default().is_empty() {
        flaws.push(Flaw::missing("name"));
    }
    if !filled("actions") {
        flaws.push(Flaw::missing("actions"));
    }
    if ty == 4 && !filled("events") {
        flaws.push(Flaw::missing("events"));
    }
    if ty == 4 && !body.get("performer").is_some_and(Value::is_object) {
        flaws.push(Flaw::missing("performer"));
    }
    for action in body.get("actions").and_then(Value::as_array).into_iter().flatten() {
        if action["field_name"].as_str() == Some(WEBHOOK) && !action["url"].as_str().is_some_and(|url| url.starts_with("http")) {
            flaws.push(Flaw::new("url", "invalid_value", "It should be a valid URL"));
        }
    }
    if flaws.is_empty() { Ok(()) } else { Err(Refusal::validation(&flaws)) }
}

impl State {
    /// Queues the webhooks of an event of a ticket.
    pub(crate) fn fire(&mut self, ty: u64, ticket: u64, event: &str) {
        let Some(record) = self.records[Kind::Ticket.index()].get(&ticket) else { return };
        let email = record.number("requester_id").and_then(|id| {
            let agent = self.agents.iter().find(|agent| agent.id == id).map(|agent| agent.email.clone());
            agent.or_else(|| self.records[Kind::Contact.index()].get(&id)?.text("email").map(str::to_owned))
        });
        let code = |name: &str| record.number(name).unwrap_or_default();
        let told = json!({"freshdesk_webhook": {
            "ticket_id": ticket, "ticket_subject": record.text("subject"), "ticket_status": label("status", code("status")),
            "ticket_priority": label("priority", code("priority")), "ticket_requester_email": email, "triggered_event": event,
            "ticket_url": format!("https://{}.freshdesk.com/helpdesk/tickets/{ticket}", self.options.domain),
        }});
        for rule in self.rules.iter().filter(|rule| rule.ty == ty && rule.active() && rule.wants(event)) {
            for action in rule.webhooks() {
                let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
                let own = action["custom_headers"].as_object().into_iter().flatten();
                headers.extend(own.filter_map(|(name, value)| Some((name.to_lowercase(), value.as_str()?.to_owned()))));
                self.letters.push(Delivery {
                    platform: PLATFORM,
                    method: http::Method::POST,
                    url: action["url"].as_str().unwrap_or_default().to_owned(),
                    headers,
                    body: told.to_string().into_bytes(),
                    attempt: 0,
                });
            }
        }
    }

    /// `/automations/{type}/rules/…`.
    pub(crate) fn automation_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        let [ty, "rules", rest @ ..] = rest else { return Err(Refusal::missing()) };
        let ty: u64 = ty.parse().ok().filter(|ty| [1, 3, 4].contains(ty)).ok_or_else(Refusal::missing)?;
        if !self.options.automations {
            return Err(Refusal::feature("Automations"));
        }
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                let rules: Vec<Value> = self.rules.iter().filter(|rule| rule.ty == ty).map(Rule::shown).collect();
                Ok(Answer::ok(json!({"meta": {"total_active_count": rules.len(), "total_count": rules.len()}, "rules": rules})))
            }
            ("POST", []) => {
                check(ty, &call.body)?;
                let rule = Rule { id: self.next_id(), ty, body: call.body.clone(), created_ms: self.now_ms };
                let shown = rule.shown();
                let location = format!("{}/{}", call.address, rule.id);
                self.rules.push(rule);
                Ok(Answer::created(shown, location))
            }
            ("GET" | "PUT" | "DELETE", [id]) => {
                let at = self.rules.iter().position(|rule| rule.ty == ty && rule.id.to_string() == *id).ok_or_else(Refusal::missing)?;
                match call.method.as_str() {
                    "DELETE" => {
                        self.rules.remove(at);
                        return Ok(Answer::nothing());
                    }
                    "PUT" => {
                        let mut body = self.rules[at].body.clone();
                        body.extend(call.body.clone());
                        check(ty, &body)?;
                        self.rules[at].body = body;
                    }
                    _ => {}
                }
                Ok(Answer::ok(self.rules[at].shown()))
            }
            (method, _) => Err(Refusal::method(method, "GET, POST")),
        }
    }
}
