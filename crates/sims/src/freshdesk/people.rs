//! Agents, their groups, and the account itself.

use serde_json::{Value, json};

use super::call::Call;
use super::moment::iso;
use super::refusal::{Answer, Flaw, Outcome, Refusal};
use super::state::{Kind, State};

/// An agent of the desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// User id, of the space that contacts share.
    pub id: u64,
    /// Name.
    pub name: String,
    /// E-mail.
    pub email: String,
    created_ms: i64,
}

impl Agent {
    fn shown(&self) -> Value {
        let at = iso(self.created_ms);
        json!({
            "available": true, "occasional": false, "id": self.id, "ticket_scope": 1, "signature": null, "group_ids": [], "role_ids": [],
            "created_at": at, "updated_at": at, "available_since": null, "type": "support_agent",
            "contact": {"active": true, "email": self.email, "job_title": null, "language": "en", "last_login_at": null, "mobile": null,
                        "name": self.name, "phone": null, "time_zone": "Berlin", "created_at": at, "updated_at": at},
        })
    }
}

/// A group of agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Id.
    pub id: u64,
    /// Name.
    pub name: String,
    created_ms: i64,
}

impl Group {
    fn shown(&self) -> Value {
        let at = iso(self.created_ms);
        json!({"id": self.id, "name": self.name, "description": null, "escalate_to": null, "unassigned_for": null, "agent_ids": [],
               "created_at": at, "updated_at": at})
    }
}

/// The owner of the key and three colleagues, and the groups of the tiers.
pub(crate) fn of_a_fresh_account(state: &mut State) {
    let now = state.now_ms;
    for (name, email) in [
        ("Sync", "sync@acme.example"),
        ("Ada Agent", "ada@acme.example"),
        ("Ben Agent", "ben@acme.example"),
        ("Cleo Agent", "cleo@acme.example"),
    ] {
        let id = state.next_id();
        state.agents.push(Agent { id, name: name.to_owned(), email: email.to_owned(), created_ms: now });
    }
    for name in ["Support", "Enterprise Support", "Pro Support"] {
        let id = state.next_id();
        state.groups.push(Group { id, name: name.to_owned(), created_ms: now });
    }
}

impl State {
    /// `/agents/…`.
    pub(crate) fn agent_routes(&self, call: &Call, rest: &[&str]) -> Outcome {
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                call.only(&["page", "per_page", "email", "mobile", "phone", "state"])?;
                let email = call.query("email").map(str::to_lowercase);
                // Nobody here is an occasional agent, and nobody has a number.
                let nobody = call.query("state") == Some("occasional") || call.query("mobile").or(call.query("phone")).is_some();
                let found = self.agents.iter().filter(|agent| !nobody && email.as_ref().is_none_or(|email| agent.email == *email));
                call.page(found, usize::MAX, Agent::shown)
            }
            ("GET", ["me"]) => Ok(Answer::ok(self.agents.first().map(Agent::shown).unwrap_or_default())),
            ("GET", [id]) => {
                let found = self.agents.iter().find(|agent| agent.id.to_string() == *id).ok_or_else(Refusal::missing)?;
                Ok(Answer::ok(found.shown()))
            }
            (method, _) => Err(Refusal::method(method, "GET")),
        }
    }

    /// `/groups/…`.
    pub(crate) fn group_routes(&self, call: &Call, rest: &[&str]) -> Outcome {
        match (call.method.as_str(), rest) {
            ("GET", []) => call.page(&self.groups, usize::MAX, Group::shown),
            ("GET", [id]) => {
                let found = self.groups.iter().find(|group| group.id.to_string() == *id).ok_or_else(Refusal::missing)?;
                Ok(Answer::ok(found.shown()))
            }
            (method, _) => Err(Refusal::method(method, "GET")),
        }
    }

    /// `GET /settings/helpdesk`.
    pub(crate) fn settings() -> Answer {
        Answer::ok(json!({"primary_language": "en", "supported_languages": [], "portal_languages": []}))
    }

    /// Makes an agent of a contact: the id stays, and so do the tickets they asked.
    pub(crate) fn make_agent(&mut self, id: u64) -> Outcome {
        let contact = self.record(Kind::Contact, id)?;
        if contact.deleted || contact.blocked {
            return Err(Refusal::method("PUT", "GET"));
        }
        let mut shown = self.contact_shown(contact, false);
        let name = contact.text("name").unwrap_or_default().to_owned();
        let email = contact.text("email").ok_or_else(|| Refusal::flaw(Flaw::missing("email")))?.to_owned();
        self.forget_contact(id);
        let agent = Agent { id, name, email, created_ms: self.now_ms };
        shown["agent"] = agent.shown();
        self.agents.push(agent);
        Ok(Answer::ok(shown))
    }

    /// `GET /account`.
    pub(crate) fn account(&self) -> Answer {
        Answer::ok(json!({
            "account_id": 1_234_567, "account_name": self.options.domain, "account_domain": format!("{}.freshdesk.com", self.options.domain),
            "tier_type": "Omni", "data_center": "EU", "timezone": "Berlin", "bundle_type": "Support 360",
            "total_agents": {"full_time": self.agents.len(), "occasional": 0, "field_service": 0, "collaborators": 0},
        }))
    }
}
