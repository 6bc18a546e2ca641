//! Who calls: API tokens, OAuth tokens and the dance that grants them.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::call::Call;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;

/// Seconds that an authorization code lives.
const CODE_SECONDS: i64 = 120;
/// Seconds that an access token lives when the client asks for nothing else.
const ACCESS_SECONDS: i64 = 1_800;
/// Longest life of an access token: two days.
const ACCESS_SECONDS_MAX: i64 = 172_800;
/// Seconds that a refresh token lives when the client asks for nothing else.
const REFRESH_SECONDS: i64 = 604_800;
/// Longest life of a refresh token: ninety days.
const REFRESH_SECONDS_MAX: i64 = 7_776_000;

#[derive(Debug, Clone)]
struct Grant {
    id: u64,
    user: u64,
    scope: String,
    expires_ms: i64,
    refresh: Option<String>,
}

#[derive(Debug, Clone)]
struct Refresh {
    access: String,
    user: u64,
    scope: String,
    expires_ms: i64,
}

#[derive(Debug, Clone)]
struct Code {
    user: u64,
    scope: String,
    redirect: String,
    challenge: Option<(String, String)>,
    expires_ms: i64,
}

/// Tokens and codes in use.
#[derive(Default)]
pub(crate) struct Tokens {
    access: HashMap<String, Grant>,
    refresh: HashMap<String, Refresh>,
    codes: HashMap<String, Code>,
}

/// Who calls, with what rights.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// 0 when nobody said who they are.
    pub(crate) user: u64,
    /// Scopes of an OAuth token; `None` for API tokens, which may do all that their user may.
    pub(crate) scope: Option<String>,
    /// The access token that was used.
    pub(crate) token: Option<String>,
}

impl Caller {
    /// Whether an OAuth scope allows the call.
    pub(crate) fn check(&self, call: &Call) -> Result<(), Refusal> {
        let Some(scope) = &self.scope else { return Ok(()) };
        let verb = if call.is(&Method::GET) { "read" } else { "write" };
        let family = call.segments.first().map_or("", String::as_str);
        let family = if family == "incremental" { call.segments.get(1).map_or("", String::as_str) } else { family };
        let narrow = format!("{family}:{verb}");
        let held = scope.split_whitespace().any(|held| held == verb || held == narrow);
        if held { Ok(()) } else { Err(Refusal::missing_scope(verb)) }
    }
}

impl State {
    /// Finds out who calls. A wrong credential is refused; none at all makes an anonymous caller.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let Some(value) = headers.get(http::header::AUTHORIZATION) else {
            return Ok(Caller { user: 0, scope: None, token: None });
        };
        let value = value.to_str().map_err(|_| Refusal::unauthenticated())?;
        let caller = if let Some(token) = value.strip_prefix("Bearer ") {
            let grant =
                self.tokens.access.get(token.trim()).filter(|grant| grant.expires_ms > self.now_ms).ok_or_else(Refusal::unauthenticated)?;
            Caller { user: grant.user, scope: Some(grant.scope.clone()), token: Some(token.trim().to_owned()) }
        } else if let Some(pair) = value.strip_prefix("Basic ") {
            let text = STANDARD.decode(pair.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let text = text.ok_or_else(Refusal::unauthenticated)?;
            // A password in place of `/token:` is refused: password access was removed for APIs.
            let (email, token) = text.split_once("/token:").ok_or_else(Refusal::unauthenticated)?;
            let user = self.user_by_email.get(email.to_lowercase().as_str()).copied();
            match user {
                Some(user) if token == self.options.api_token => Caller { user, scope: None, token: None },
                _ => return Err(Refusal::unauthenticated()),
            }
        } else {
            return Err(Refusal::unauthenticated());
        };
        if self.live_user(caller.user).is_none_or(|user| user.rec.flag("suspended")) {
            return Err(Refusal::unauthenticated());
        }
        self.impersonated(caller, headers)
    }

    fn impersonated(&self, caller: Caller, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let Some(email) = headers.get("x-on-behalf-of").and_then(|value| value.to_str().ok()) else { return Ok(caller) };
        let allowed = match &caller.scope {
            Some(scope) => scope.split_whitespace().any(|held| held == "impersonate"),
            None => self.role(caller.user) == "admin",
        };
        if !allowed {
            return Err(Refusal::missing_scope("impersonate"));
        }
        let user = self.user_by_email.get(email.to_lowercase().as_str()).copied().ok_or_else(Refusal::unauthenticated)?;
        Ok(Caller { user, ..caller })
    }

    /// `end-user`, `agent` or `admin`; end user for anybody unknown.
    pub(crate) fn role(&self, user: u64) -> &str {
        self.live_user(user).map_or("end-user", |user| user.role())
    }

    /// Ends one access token.
    pub(crate) fn kill_token(&mut self, token: &str) {
        self.tokens.access.remove(token);
    }

    /// Ends every access token; refresh tokens live on.
    pub(crate) fn kill_all_tokens(&mut self) {
        self.tokens.access.clear();
    }

    /// Routes below `/oauth`.
    pub(crate) fn oauth(&mut self, call: &Call) -> Outcome {
        match (call.method.as_str(), call.path().as_slice()) {
            ("GET", ["authorizations", "new"]) => self.authorize(call),
            ("POST", ["tokens"]) => self.token(call),
            _ => Err(Refusal::no_route()),
        }
    }

    /// The person in front of the browser agrees at once, unless the address says `deny=1`.
    fn authorize(&mut self, call: &Call) -> Outcome {
        let redirect = call.q("redirect_uri").ok_or_else(|| oauth_error(400, "invalid_request", "redirect_uri is missing"))?.to_owned();
        let sign = if redirect.contains('?') { '&' } else { '?' };
        let state = call
            .q("state")
            .map(|state| format!("&state={}", percent_encoding::utf8_percent_encode(state, percent_encoding::NON_ALPHANUMERIC)));
        let state = state.unwrap_or_default();
        let away = |tail: &str| Answer { status: 302, body: None, headers: vec![("location", format!("{redirect}{sign}{tail}{state}"))] };
        if call.q("client_id") != Some(self.options.client_id.as_str()) {
            return Err(oauth_error(400, "invalid_client", "No such client"));
        }
        if call.q("response_type") != Some("code") {
            return Ok(away("error=unsupported_response_type&error_description=Only+code+is+supported"));
        }
        if call.q("deny").is_some() {
            return Ok(away("error=access_denied&error_description=The+end-user+or+authorization+server+denied+the+request"));
        }
        let code = self.hex(64);
        let challenge =
            call.q("code_challenge").map(|text| (text.to_owned(), call.q("code_challenge_method").unwrap_or("plain").to_owned()));
        let grant = Code {
            user: self.admin,
            scope: call.q("scope").unwrap_or("read").to_owned(),
            redirect: redirect.clone(),
            challenge,
            expires_ms: self.now_ms + CODE_SECONDS * 1000,
        };
        self.tokens.codes.insert(code.clone(), grant);
        Ok(away(&format!("code={code}")))
    }

    fn token(&mut self, call: &Call) -> Outcome {
        let text = |name: &str| call.body.get(name).and_then(Value::as_str);
        if text("client_id") != Some(self.options.client_id.as_str()) || text("client_secret") != Some(self.options.client_secret.as_str())
        {
            // A public client proves itself by the verifier alone.
            let public = text("client_id") == Some(self.options.client_id.as_str())
                && text("client_secret").is_none()
                && text("grant_type") == Some("authorization_code")
                && text("code_verifier").is_some();
            if !public {
                return Err(oauth_error(401, "invalid_client", "Client authentication failed due to an unknown client or wrong secret"));
            }
        }
        let now = self.now_ms;
        match text("grant_type") {
            Some("authorization_code") => {
                let bad =
                    || oauth_error(400, "invalid_grant", "The authorization code is invalid, expired, revoked or was issued elsewhere");
                let code = text("code").and_then(|code| self.tokens.codes.remove(code)).ok_or_else(bad)?;
                if code.expires_ms <= now || text("redirect_uri") != Some(code.redirect.as_str()) {
                    return Err(bad());
                }
                if let Some((challenge, method)) = &code.challenge {
                    let verifier = text("code_verifier").ok_or_else(bad)?;
                    let proof = if method == "S256" {
                        URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes()))
                    } else {
                        verifier.to_owned()
                    };
                    if proof != *challenge {
                        return Err(bad());
                    }
                }
                self.grant(call, code.user, code.scope, true)
            }
            Some("refresh_token") => {
                let bad = || oauth_error(400, "invalid_grant", "The refresh token is invalid, expired or was already used");
                let refresh = text("refresh_token").and_then(|token| self.tokens.refresh.remove(token)).ok_or_else(bad)?;
                if refresh.expires_ms <= now {
                    return Err(bad());
                }
                self.tokens.access.remove(&refresh.access);
                let scope = text("scope").map_or(refresh.scope, str::to_owned);
                self.grant(call, refresh.user, scope, true)
            }
            Some("client_credentials") => {
                let held: Vec<&str> = self.options.client_scopes.split_whitespace().collect();
                let wanted = text("scope").unwrap_or("read write").split_whitespace();
                let scope = wanted.filter(|scope| held.contains(scope) || scope.contains(':')).collect::<Vec<_>>().join(" ");
                self.grant(call, self.admin, scope, false)
            }
            _ => Err(oauth_error(400, "unsupported_grant_type", "The grant type is not supported")),
        }
    }

    fn grant(&mut self, call: &Call, user: u64, scope: String, renewable: bool) -> Outcome {
        let seconds = |name: &str, usual: i64, most: i64| call.body.get(name).and_then(Value::as_i64).unwrap_or(usual).clamp(1, most);
        let access_seconds = seconds("expires_in", ACCESS_SECONDS, ACCESS_SECONDS_MAX);
        let refresh_seconds = seconds("refresh_token_expires_in", REFRESH_SECONDS, REFRESH_SECONDS_MAX);
        let (access, id) = (self.hex(64), self.next_id());
        let refresh = renewable.then(|| self.hex(64));
        let grant = Grant { id, user, scope: scope.clone(), expires_ms: self.now_ms + access_seconds * 1000, refresh: refresh.clone() };
        self.tokens.access.insert(access.clone(), grant);
        let mut body = json!({"access_token": access, "token_type": "bearer", "scope": scope, "expires_in": access_seconds});
        if let Some(refresh) = refresh {
            body["refresh_token"] = json!(refresh);
            body["refresh_token_expires_in"] = json!(refresh_seconds);
            let kept = Refresh { access, user, scope, expires_ms: self.now_ms + refresh_seconds * 1000 };
            self.tokens.refresh.insert(refresh, kept);
        }
        Ok(Answer::ok(body))
    }

    /// `/oauth/tokens` of the API.
    pub(crate) fn token_routes(&mut self, call: &Call, token: Option<&str>) -> Outcome {
        let shown = |grant: &Grant, now: i64| {
            json!({
                "id": grant.id, "user_id": grant.user, "scopes": grant.scope.split_whitespace().collect::<Vec<_>>(),
                "expires_at": super::moment::iso(grant.expires_ms / 1000), "used_at": super::moment::iso(now),
            })
        };
        let now = self.now();
        match (call.method.as_str(), call.path().as_slice()) {
            ("GET", ["oauth", "tokens", "current"]) => {
                let grant = token.and_then(|token| self.tokens.access.get(token)).ok_or_else(Refusal::missing)?;
                Ok(Answer::ok(json!({"token": shown(grant, now)})))
            }
            ("GET", ["oauth", "tokens"]) => {
                let list: Vec<Value> = self.tokens.access.values().map(|grant| shown(grant, now)).collect();
                Ok(Answer::ok(json!({"tokens": list})))
            }
            ("DELETE", ["oauth", "tokens", which]) => {
                let name = if *which == "current" {
                    token.map(str::to_owned)
                } else {
                    self.tokens.access.iter().find(|(_, grant)| grant.id.to_string() == *which).map(|(name, _)| name.clone())
                };
                let grant = name.and_then(|name| self.tokens.access.remove(&name)).ok_or_else(Refusal::missing)?;
                if let Some(refresh) = grant.refresh {
                    self.tokens.refresh.remove(&refresh);
                }
                Ok(Answer::empty())
            }
            _ => Err(Refusal::no_route()),
        }
    }
}

fn oauth_error(status: u16, error: &str, description: &str) -> Refusal {
    Refusal::json(status, &json!({"error": error, "error_description": description}))
}
