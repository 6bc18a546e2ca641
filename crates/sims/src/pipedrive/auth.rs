//! Signing in: a user's own token, and OAuth with the client as HTTP Basic credentials.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method};
use ring::digest;
use serde_json::{Value, json};

use super::call::Call;
use super::moment::{DAY_MS, fine};
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;
use super::webhooks::PLATFORM;
use crate::door;
use crate::mailroom::Delivery;

/// Milliseconds that an access token lives.
const ACCESS_MS: i64 = 3_599 * 1000;
/// Milliseconds that a refresh token lives without being used.
const REFRESH_MS: i64 = 60 * DAY_MS;

/// Scopes of the app.
pub(crate) const SCOPES: &str = "base,deals:full,activities:full,contacts:full,leads:full,users:read,recents:read,search:read,admin,deal-fields:full,contact-fields:full";

/// Tokens in use.
#[derive(Debug)]
pub(crate) struct Tokens {
    seed: u64,
    serial: u64,
    /// Access tokens with the end of their life.
    access: HashMap<String, i64>,
    /// Refresh tokens with the end of theirs; the first one is the installation's.
    refresh: HashMap<String, i64>,
    codes: Vec<String>,
}

impl Tokens {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, serial: 0, access: HashMap::new(), refresh: HashMap::new(), codes: Vec::new() }
    }

    fn make(&mut self, prefix: &str) -> String {
        self.serial += 1;
        let digest = digest::digest(&digest::SHA256, format!("{prefix} {} {}", self.seed, self.serial).as_bytes());
        let hex: String = digest.as_ref().iter().take(20).map(|byte| format!("{byte:02x}")).collect();
        format!("{prefix}:{hex}")
    }

    /// Ends every access token; refresh tokens live on.
    pub(crate) fn expire_all(&mut self, now_ms: i64) {
        self.access.values_mut().for_each(|ends| *ends = (*ends).min(now_ms));
    }
}

/// Which limits a call falls under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// An OAuth app.
    App,
    /// A user's own token.
    Token,
}

impl State {
    /// Who calls.
    ///
    /// # Errors
    /// 401 without a valid credential, as the gateway says it.
    pub(crate) fn caller(&self, call: &Call, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let given = door::header(headers, "x-api-token").or_else(|| call.query("api_token"));
        if let Some(given) = given {
            return if given == self.options.api_token { Ok(Caller::Token) } else { Err(Refusal::unauthorized()) };
        }
        let bearer = door::header(headers, "authorization").and_then(|text| text.strip_prefix("Bearer ")).map(str::trim);
        match bearer.and_then(|token| self.tokens.access.get(token)) {
            Some(ends) if *ends > self.now_ms => Ok(Caller::App),
            _ => Err(Refusal::unauthorized()),
        }
    }

    /// Ends the access token of a call. Gives whether there was one to end.
    pub(crate) fn end_session(&mut self, headers: &HeaderMap) -> bool {
        let now = self.now_ms;
        let bearer = door::header(headers, "authorization").and_then(|text| text.strip_prefix("Bearer "));
        bearer.and_then(|token| self.tokens.access.get_mut(token.trim())).map(|ends| *ends = now).is_some()
    }

    /// `/oauth/…`.
    pub(crate) fn oauth_routes(&mut self, call: &Call, headers: &HeaderMap) -> Outcome {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        match (&call.method, path.as_slice()) {
            (&Method::GET, ["authorize"]) => {
                if call.query("client_id") != Some(&self.options.client_id) {
                    return Err(Refusal::grant(400, "invalid_client", "Client not found"));
                }
                let back = call.query("redirect_uri").ok_or_else(|| Refusal::grant(400, "invalid_request", "redirect_uri is required"))?;
                if self.callback_url.as_deref().is_some_and(|registered| registered != back) {
                    return Err(Refusal::grant(400, "invalid_request", "redirect_uri does not match the callback URL of the app"));
                }
                // The person in front of the browser agrees at once, unless the address says `deny=1`.
                let answer = match call.query("deny") {
                    Some(_) => "error=access_denied".to_owned(),
                    None => format!("code={}", self.authorize()),
                };
                let mut to = format!("{back}{}{answer}", if back.contains('?') { '&' } else { '?' });
                if let Some(state) = call.query("state") {
                    let state: String = url::form_urlencoded::byte_serialize(state.as_bytes()).collect();
                    to.push_str(&format!("&state={state}"));
                }
                Ok(Answer::redirect(to))
            }
            (&Method::POST, ["token"]) => {
                self.client(headers)?;
                self.token(call)
            }
            (&Method::POST, ["revoke"]) => {
                self.client(headers)?;
                let token = call.body["token"].as_str().unwrap_or_default();
                self.tokens.access.remove(token);
                let known = !token.is_empty() && (self.tokens.refresh.contains_key(token) || token == self.options.refresh_token);
                if known {
                    // The installation goes with it.
                    self.uninstall();
                }
                Ok(Answer::bare(json!({"success": true})))
            }
            _ => Err(Refusal::route()),
        }
    }

    /// Removes the app: every token of the installation ends, and the app's callback URL is told with `DELETE`.
    pub(crate) fn uninstall(&mut self) {
        self.tokens.access.clear();
        self.tokens.refresh.clear();
        self.tokens.codes.clear();
        self.options.refresh_token = String::new();
        let Some(url) = self.callback_url.clone() else { return };
        let client = STANDARD.encode(format!("{}:{}", self.options.client_id, self.options.client_secret));
        let body = json!({
            "client_id": self.options.client_id, "company_id": self.options.company_id, "user_id": self.options.user_id,
            "timestamp": fine(self.now_ms),
        });
        self.letters.push(Delivery {
            platform: PLATFORM,
            method: Method::DELETE,
            url,
            headers: vec![
                ("content-type".to_owned(), "application/json".to_owned()),
                ("authorization".to_owned(), format!("Basic {client}")),
            ],
            body: body.to_string().into_bytes(),
            attempt: 0,
        });
    }

    fn client(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let given = door::header(headers, "authorization").and_then(|text| text.strip_prefix("Basic "));
        let decoded = given.and_then(|text| STANDARD.decode(text.trim()).ok()).and_then(|bytes| String::from_utf8(bytes).ok());
        if decoded == Some(format!("{}:{}", self.options.client_id, self.options.client_secret)) {
            return Ok(());
        }
        Err(Refusal::grant(401, "invalid_client", "Client authentication failed"))
    }

    fn token(&mut self, call: &Call) -> Outcome {
        let form = |name: &str| call.body[name].as_str().unwrap_or_default().to_owned();
        let invalid = || Refusal::grant(400, "invalid_grant", "Invalid grant: refresh token is invalid");
        match form("grant_type").as_str() {
            "refresh_token" => {
                let given = form("refresh_token");
                let first = !given.is_empty() && given == self.options.refresh_token;
                let alive = self.tokens.refresh.get(&given).map_or(first, |ends| *ends > self.now_ms);
                if !alive {
                    return Err(invalid());
                }
            }
            "authorization_code" => {
                let code = form("code");
                let at = self.tokens.codes.iter().position(|known| *known == code);
                self.tokens
                    .codes
                    .remove(at.ok_or_else(|| Refusal::grant(400, "invalid_grant", "Invalid grant: authorization code is invalid"))?);
            }
            _ => return Err(Refusal::grant(400, "unsupported_grant_type", "Unsupported grant type")),
        }
        let (access, ends) = (self.open_session(), self.now_ms + REFRESH_MS);
        let refresh = self.tokens.make("refresh");
        self.tokens.refresh.insert(refresh.clone(), ends);
        // The one that was used slides on as well.
        let used = form("refresh_token");
        if !used.is_empty() {
            self.tokens.refresh.insert(used, ends);
        }
        Ok(Answer::bare(json!({
            "access_token": access, "token_type": "Bearer", "refresh_token": refresh, "scope": self.options.scopes, "expires_in": ACCESS_MS / 1000,
            "api_domain": call.origin,
        })))
    }

    /// An access token without the way through OAuth.
    pub(crate) fn open_session(&mut self) -> String {
        let token = self.tokens.make("access");
        self.tokens.access.insert(token.clone(), self.now_ms + ACCESS_MS);
        token
    }

    /// A code as the browser brings it back.
    pub(crate) fn authorize(&mut self) -> String {
        let code = self.tokens.make("code").replace(':', "");
        self.tokens.codes.push(code.clone());
        code
    }
}

/// A form as JSON, so that routes read both alike.
pub(crate) fn form(bytes: &[u8]) -> Value {
    Value::Object(url::form_urlencoded::parse(bytes).map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect())
}
