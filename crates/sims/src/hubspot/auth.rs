//! Signing in: OAuth's refresh and authorization code, and the service key.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use ring::digest;
use serde_json::{Value, json};

use super::call::Call;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;

/// Milliseconds that an access token lives.
const TOKEN_MS: i64 = 30 * 60 * 1000;

/// Scopes that an account grants the app.
pub(crate) const SCOPES: &[&str] = &[
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.objects.leads.read",
    "crm.objects.leads.write",
    "crm.objects.owners.read",
    "crm.schemas.contacts.write",
    "crm.schemas.companies.write",
    "crm.schemas.deals.write",
    "crm.objects.custom.read",
    "crm.objects.custom.write",
    "crm.schemas.custom.read",
    "crm.schemas.custom.write",
    "crm.lists.read",
    "crm.lists.write",
    "marketing.campaigns.read",
    "marketing.campaigns.write",
    "sales-email-read",
    "communication_preferences.read_write",
    "communication_preferences.statuses.batch.read",
    "content",
    "forms",
    "tickets",
    "oauth",
];

/// Scopes that the app has for itself.
pub(crate) const APP_SCOPES: &[&str] = &[
    "developer.webhooks_journal.read",
    "developer.webhooks_journal.subscriptions.read",
    "developer.webhooks_journal.subscriptions.write",
    "developer.webhooks_journal.snapshots.read",
    "developer.webhooks_journal.snapshots.write",
];

/// Tokens in use.
#[derive(Debug)]
pub(crate) struct Tokens {
    seed: u64,
    serial: u64,
    /// Access tokens with the end of their life; those that ended stay known for a while, as expired ones.
    access: HashMap<String, i64>,
    /// The app's own tokens, which no account gave.
    own: HashMap<String, i64>,
    codes: Vec<String>,
}

impl Tokens {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, serial: 0, access: HashMap::new(), own: HashMap::new(), codes: Vec::new() }
    }

    fn make(&mut self, prefix: &str) -> String {
        self.serial += 1;
        let digest = digest::digest(&digest::SHA256, format!("{prefix} {} {}", self.seed, self.serial).as_bytes());
        format!("{prefix}{}", URL_SAFE_NO_PAD.encode(digest.as_ref()))
    }

    /// Ends every access token; refresh tokens live on.
    pub(crate) fn expire_all(&mut self, now_ms: i64) {
        self.access.values_mut().chain(self.own.values_mut()).for_each(|ends| *ends = (*ends).min(now_ms));
    }
}

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// An OAuth app.
    App,
    /// A service key, or the token of a private app.
    Key,
    /// The app by itself, on behalf of no account.
    Itself,
    /// The app's developer, with a key in the query.
    Developer,
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get("authorization").and_then(|value| value.to_str().ok())?.strip_prefix("Bearer ").map(str::trim)
}

impl State {
    /// Who calls.
    ///
    /// # Errors
    /// 401 without a valid credential.
    pub(crate) fn caller(&self, call: &Call, headers: &HeaderMap) -> Result<Caller, Refusal> {
        if call.query("hapikey") == Some(&self.options.developer_key) {
            return Ok(Caller::Developer);
        }
        let token = bearer(headers).ok_or_else(|| Refusal::unauthenticated(false))?;
        if token == self.options.service_key {
            return Ok(Caller::Key);
        }
        if self.tokens.own.get(token).is_some_and(|ends| *ends > self.now_ms) {
            return Ok(Caller::Itself);
        }
        match self.tokens.access.get(token).or_else(|| self.tokens.own.get(token)) {
            Some(ends) if *ends > self.now_ms => Ok(Caller::App),
            Some(_) => Err(Refusal::unauthenticated(true)),
            None => Err(Refusal::unauthenticated(false)),
        }
    }

    /// Ends the access token of a call. Gives whether there was one to end.
    pub(crate) fn end_session(&mut self, headers: &HeaderMap) -> bool {
        let now = self.now_ms;
        bearer(headers).and_then(|token| self.tokens.access.get_mut(token)).map(|ends| *ends = now).is_some()
    }

    /// An access token without the way through OAuth.
    pub(crate) fn open_session(&mut self) -> String {
        let token = self.tokens.make("CPbx");
        self.tokens.access.insert(token.clone(), self.now_ms + TOKEN_MS);
        token
    }

    /// `/oauth/…`: `version` is `v1`, `v3` or a date.
    pub(crate) fn oauth_routes(&mut self, call: &Call, version: &str, rest: &[&str]) -> Outcome {
        let form = |name: &str| call.body[name].as_str().unwrap_or_default();
        match (call.method.as_str(), rest) {
            ("POST", ["token"]) => self.token(call, version),
            ("POST", ["token", "introspect"]) => {
                self.client(form("client_id"), form("client_secret"))?;
                self.introspect(form("token"))
            }
            ("POST", ["token", "revoke"]) => {
                self.client(form("client_id"), form("client_secret"))?;
                self.tokens.access.remove(form("token"));
                Ok(Answer::ok(json!({})))
            }
            ("GET", ["access-tokens", token]) => self.introspect(token),
            ("GET", ["refresh-tokens", token]) if *token == self.options.refresh_token => Ok(Answer::ok(json!({
                "token": token, "client_id": self.options.client_id, "user": "admin@acme.example", "hub_id": self.options.portal_id,
                "user_id": self.options.user_id, "scopes": self.options.scopes, "token_type": "refresh",
            }))),
            ("POST", ["private-apps", "get", "access-token-info"]) if form("tokenKey") == self.options.service_key => {
                Ok(Answer::ok(json!({
                    "userId": self.options.user_id, "hubId": self.options.portal_id, "appId": self.options.app_id, "scopes": self.options.scopes,
                })))
            }
            _ => Err(Refusal::resource()),
        }
    }

    fn client(&self, id: &str, secret: &str) -> Result<(), Refusal> {
        if id != self.options.client_id {
            return Err(coded("BAD_CLIENT_ID", "missing or unknown client id"));
        }
        if secret != self.options.client_secret {
            return Err(coded("BAD_CLIENT_SECRET", "missing or invalid client secret"));
        }
        Ok(())
    }

    fn introspect(&self, token: &str) -> Outcome {
        let Some(ends) = self.tokens.access.get(token).filter(|ends| **ends > self.now_ms) else { return Err(Refusal::resource()) };
        Ok(Answer::ok(json!({
            "token": token, "active": true, "user": "admin@acme.example", "hub_domain": "acme.example", "scopes": self.options.scopes,
            "hub_id": self.options.portal_id, "app_id": self.options.app_id, "expires_in": (ends - self.now_ms) / 1000,
            "user_id": self.options.user_id, "token_type": "access",
        })))
    }

    fn token(&mut self, call: &Call, version: &str) -> Outcome {
        let form = |name: &str| call.body[name].as_str().unwrap_or_default();
        self.client(form("client_id"), form("client_secret"))?;
        match form("grant_type") {
            "refresh_token" if form("refresh_token") == self.options.refresh_token => {}
            "refresh_token" => return Err(coded("BAD_REFRESH_TOKEN", "missing or invalid refresh token")),
            "authorization_code" => {
                let at = self.tokens.codes.iter().position(|code| code == form("code"));
                self.tokens.codes.remove(at.ok_or_else(|| coded("BAD_AUTH_CODE", "missing or unknown auth code"))?);
            }
            "client_credentials" => {
                let scopes: Vec<&str> = form("scope").split_whitespace().collect();
                if let Some(strange) = scopes.iter().find(|scope| !self.options.app_scopes.iter().any(|held| held == *scope)) {
                    return Err(coded("BAD_SCOPES", &format!("the app may not ask for {strange}")));
                }
                let access = self.tokens.make("CJmQ");
                self.tokens.own.insert(access.clone(), self.now_ms + TOKEN_MS);
                return Ok(Answer::ok(json!({
                    "token_type": "bearer", "access_token": access, "expires_in": TOKEN_MS / 1000, "token_use": "client_credentials",
                    "scopes": scopes,
                })));
            }
            _ => return Err(coded("BAD_GRANT_TYPE", "missing or unknown grant type")),
        }
        let access = self.open_session();
        let mut body = json!({
            "token_type": "bearer", "access_token": access, "refresh_token": self.options.refresh_token, "expires_in": TOKEN_MS / 1000,
        });
        if version != "v1" {
            body["token_use"] = json!("access_token");
            body["hub_id"] = json!(self.options.portal_id);
            body["user_id"] = json!(self.options.user_id);
            body["scopes"] = json!(self.options.scopes);
        }
        Ok(Answer::ok(body))
    }

    /// A code as the browser brings it back.
    pub(crate) fn authorize(&mut self) -> String {
        let code = self.tokens.make("na1-");
        self.tokens.codes.push(code.clone());
        code
    }
}

/// A refusal of the token endpoint: its machine word is the status.
fn coded(code: &str, message: &str) -> Refusal {
    Refusal { status: 400, body: json!({"status": code, "message": message}), retry_after: None }
}

/// A form as JSON, so that routes read both alike.
pub(crate) fn form(bytes: &[u8]) -> Value {
    Value::Object(url::form_urlencoded::parse(bytes).map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect())
}
