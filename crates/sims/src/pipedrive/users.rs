//! The people of a company.

use serde_json::{Value, json};

use super::call::Call;
use super::moment::old;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Id.
    pub id: u64,
    /// Name.
    pub name: String,
    /// E-mail.
    pub email: String,
    /// Whether the person still works here.
    pub active: bool,
}

/// The user of the integration, three sales people, and one who has left.
pub(crate) fn of_a_fresh_company(ours: u64) -> Vec<User> {
    let people = [
        ("Integration", "integration", true),
        ("Dana Fields", "dana", true),
        ("Eli Moreno", "eli", true),
        ("Fay Okafor", "fay", true),
        ("Gus Lindgren", "gus", false),
    ];
    let of = |(at, (name, mailbox, active)): (usize, &(&str, &str, bool))| User {
        id: ours + at as u64 * 11,
        name: (*name).to_owned(),
        email: format!("{mailbox}@acme.example"),
        active: *active,
    };
    people.iter().enumerate().map(of).collect()
}

impl State {
    fn shown_user(&self, user: &User, you: u64) -> Value {
        let created = old(self.options.founded_ms);
        json!({
            "id": user.id, "name": user.name, "email": user.email, "lang": 1, "locale": "en_US", "timezone_name": "Europe/Berlin",
            "timezone_offset": "+01:00", "default_currency": "USD", "icon_url": null, "active_flag": user.active, "is_deleted": false,
            "is_admin": u8::from(user.id == self.options.user_id), "role_id": 1, "created": created, "has_created_company": false,
            "is_you": user.id == you, "access": [{"app": "global", "admin": user.id == self.options.user_id, "permission_set_id": "62cc4d7f"}],
            "phone": null, "modified": created, "last_login": created, "activated": true,
        })
    }

    /// `/v1/users/…`.
    pub(crate) fn user_routes(&self, call: &Call, rest: &[&str]) -> Outcome {
        let beside = json!({"company_id": self.options.company_id});
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                let all: Vec<Value> = self.users.iter().map(|user| self.shown_user(user, call.user)).collect();
                Ok(Answer::list(Value::from(all), beside))
            }
            ("GET", ["me"]) => {
                let user = self.users.iter().find(|user| user.id == call.user).ok_or_else(|| Refusal::missing("user"))?;
                let mut shown = self.shown_user(user, call.user);
                shown["company_id"] = json!(self.options.company_id);
                shown["company_name"] = json!("Acme");
                shown["company_domain"] = json!(self.options.company_domain);
                shown["company_country"] = json!("DE");
                shown["company_industry"] = json!("Software");
                shown["language"] = json!({"language_code": "en", "country_code": "US"});
                Ok(Answer::data(shown))
            }
            ("GET", ["find"]) => {
                let term = call.query("term").unwrap_or_default().to_lowercase();
                let by_mail = call.query("search_by_email") == Some("1");
                let fits =
                    |user: &&User| if by_mail { user.email.to_lowercase() == term } else { user.name.to_lowercase().contains(&term) };
                let found: Vec<Value> = self.users.iter().filter(fits).map(|user| self.shown_user(user, call.user)).collect();
                Ok(Answer::list(Value::from(found), beside))
            }
            ("GET", [id]) => {
                let user = self.users.iter().find(|user| user.id.to_string() == *id).ok_or_else(|| Refusal::missing("user"))?;
                Ok(Answer::data(self.shown_user(user, call.user)))
            }
            _ => Err(Refusal::route()),
        }
    }
}
