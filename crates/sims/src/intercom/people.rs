//! Admins, their teams, the app that the token belongs to, and how it is got.

use serde_json::{Value, json};

use super::call::Call;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;
use super::text::{escaped, seconds};

/// A colleague with a seat in the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Id: decimal digits.
    pub id: String,
    /// Name.
    pub name: String,
    /// E-mail.
    pub email: String,
    teams: Vec<u64>,
}

impl Admin {
    pub(crate) fn shown(&self) -> Value {
        json!({
            "type": "admin", "id": self.id, "name": escaped(&self.name), "email": self.email, "away_mode_enabled": false,
            "away_mode_reassign": false, "has_inbox_seat": true, "team_ids": self.teams, "team_priority_level": {},
        })
    }
}

/// A team, which is given conversations together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    /// Id: decimal digits.
    pub id: String,
    /// Name.
    pub name: String,
    admins: Vec<u64>,
}

impl Team {
    fn shown(&self) -> Value {
        json!({"type": "team", "id": self.id, "name": escaped(&self.name), "admin_ids": self.admins, "admin_priority_level": {}})
    }
}

/// The owner of the token and three colleagues, and the teams of the tiers.
pub(crate) fn of_a_fresh_workspace(state: &mut State) {
    for (name, email) in [
        ("Sync", "sync@acme.example"),
        ("Ada Admin", "ada@acme.example"),
        ("Ben Admin", "ben@acme.example"),
        ("Cleo Admin", "cleo@acme.example"),
    ] {
        let id = state.small_id();
        state.admins.push(Admin { id, name: name.to_owned(), email: email.to_owned(), teams: Vec::new() });
    }
    for (at, name) in ["Support", "Enterprise Support", "Pro Support"].into_iter().enumerate() {
        let id = state.small_id();
        let number = |id: &str| id.parse::<u64>().unwrap_or_default();
        let admin = &mut state.admins[at + 1];
        admin.teams.push(number(&id));
        state.teams.push(Team { admins: vec![number(&admin.id)], id, name: name.to_owned() });
    }
}

impl State {
    /// Id of the admin whom the token belongs to.
    pub(crate) fn us(&self) -> String {
        self.admins.first().map(|admin| admin.id.clone()).unwrap_or_default()
    }

    /// The admin that a request names.
    pub(crate) fn admin_of(&self, id: Option<String>) -> Result<String, Refusal> {
        let id = id.ok_or_else(|| Refusal::absent("admin_id"))?;
        if self.admins.iter().any(|admin| admin.id == id) { Ok(id) } else { Err(Refusal::new(404, "admin_not_found", "Admin not found")) }
    }

    /// `GET /me`.
    pub(crate) fn me(&self) -> Answer {
        let mut me = self.admins.first().map(Admin::shown).unwrap_or_default();
        me["email_verified"] = json!(true);
        me["avatar"] = json!({"type": "avatar", "image_url": null});
        me["app"] = json!({
            "type": "app", "id_code": self.options.app_id, "name": self.options.workspace, "created_at": seconds(self.options.created_ms),
            "secure": false, "identity_verification": false, "timezone": self.options.timezone, "region": self.options.region,
        });
        Answer::ok(me)
    }

    /// `/admins/…`.
    pub(crate) fn admin_routes(&self, call: &Call, rest: &[&str]) -> Outcome {
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                Ok(Answer::ok(json!({"type": "admin.list", "admins": self.admins.iter().map(Admin::shown).collect::<Vec<_>>()})))
            }
            ("GET", [id]) => {
                let found = self.admins.iter().find(|admin| admin.id == *id);
                Ok(Answer::ok(found.ok_or_else(|| Refusal::new(404, "admin_not_found", "Admin not found"))?.shown()))
            }
            _ => Err(Refusal::nothing()),
        }
    }

    /// `/teams/…`.
    pub(crate) fn team_routes(&self, call: &Call, rest: &[&str]) -> Outcome {
        match (call.method.as_str(), rest) {
            ("GET", []) => Ok(Answer::ok(json!({"type": "team.list", "teams": self.teams.iter().map(Team::shown).collect::<Vec<_>>()}))),
            ("GET", [id]) => Ok(Answer::ok(self.teams.iter().find(|team| team.id == *id).ok_or_else(Refusal::nothing)?.shown())),
            _ => Err(Refusal::nothing()),
        }
    }

    /// `POST /auth/eagle/token`: a code for a token, which does not end.
    pub(crate) fn exchange(&self, call: &Call) -> Outcome {
        let known =
            call.text("client_id") == Some(&self.options.client_id) && call.text("client_secret") == Some(&self.options.client_secret);
        if !known || call.text("code") != Some(&self.options.code) {
            return Err(Refusal::new(401, "unauthorized", "Code, client id or client secret is invalid"));
        }
        Ok(Answer::ok(json!({"token_type": "Bearer", "token": self.options.token, "access_token": self.options.token})))
    }
}
