//! Signing in: the five OAuth grants, SOAP login, sessions and refresh tokens.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::cell::{Val, datetime};
use super::id::SfId;
use super::jwt::{self, JwtTrust};
use super::org::Org;
use super::wire::{Answer, Call};

/// Milliseconds that an authorization code is good for.
const CODE_MS: i64 = 15 * 60 * 1000;
/// Refresh tokens that one user keeps; a further one revokes the oldest.
const REFRESH_TOKENS_MAX: usize = 5;

struct Session {
    user: SfId,
    expires_ms: i64,
}

struct Code {
    user: SfId,
    redirect: String,
    challenge: Option<String>,
    refresh: bool,
    expires_ms: i64,
}

/// Credentials and tokens of the org.
pub(crate) struct Auth {
    pub username: String,
    pub password: String,
    pub client_id: String,
    pub client_secret: String,
    pub trust: JwtTrust,
    pub audiences: Vec<String>,
    pub session_ms: i64,
    pub rotate: bool,
    pub client_credentials: bool,
    /// Whether the user's password has expired: its session is good for changing it and nothing else.
    pub password_expired: bool,
    /// Wrong passwords in a row.
    pub wrong_passwords: u32,
    /// Scopes of the connected app.
    pub scopes: String,
    sessions: HashMap<String, Session>,
    refresh: Vec<(String, SfId)>,
    codes: HashMap<String, Code>,
    serial: u64,
    seed: u64,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").field("username", &self.username).field("sessions", &self.sessions.len()).finish_non_exhaustive()
    }
}

/// A refused sign-in: status, `error`, `error_description`.
type Refusal = (u16, &'static str, &'static str);

const INVALID_CLIENT_ID: Refusal = (400, "invalid_client_id", "client identifier invalid");
const INVALID_CLIENT: Refusal = (401, "invalid_client", "invalid client credentials");
const AUTHENTICATION: Refusal = (400, "invalid_grant", "authentication failure");

impl Auth {
    pub fn new(username: String, password: String, client_id: String, client_secret: String, seed: u64) -> Self {
        Self {
            username,
            password,
            client_id,
            client_secret,
            trust: JwtTrust::Any,
            audiences: Vec::new(),
            session_ms: 2 * 60 * 60 * 1000,
            rotate: false,
            scopes: "api refresh_token".to_owned(),
            client_credentials: true,
            password_expired: false,
            wrong_passwords: 0,
            sessions: HashMap::new(),
            refresh: Vec::new(),
            codes: HashMap::new(),
            serial: 0,
            seed,
        }
    }

    /// A token that nobody can guess from another org's: a hash of the seed and a counter.
    fn token(&mut self, prefix: &str) -> String {
        self.serial += 1;
        let digest = ring::digest::digest(&ring::digest::SHA256, format!("{prefix} {} {}", self.seed, self.serial).as_bytes());
        format!("{prefix}{}", URL_SAFE_NO_PAD.encode(digest.as_ref()).replace('-', "."))
    }

    /// Opens a session.
    pub fn open(&mut self, org: &Org, user: SfId) -> String {
        let now = org.clock.now_ms();
        self.sessions.retain(|_, session| session.expires_ms > now);
        let token = self.token(&format!("{}!AQEAQ", org.org_id.short()));
        self.sessions.insert(token.clone(), Session { user, expires_ms: now + self.session_ms });
        token
    }

    /// The user of a live session; use extends it.
    pub fn user_of(&mut self, token: &str, now: i64) -> Option<SfId> {
        let life = self.session_ms;
        let session = self.sessions.get_mut(token).filter(|session| session.expires_ms > now)?;
        session.expires_ms = session.expires_ms.max(now + life);
        Some(session.user)
    }

    pub fn close(&mut self, token: &str) {
        self.sessions.remove(token);
    }

    pub fn expire_all(&mut self) {
        self.sessions.clear();
    }

    fn keep_refresh(&mut self, user: SfId) -> String {
        let token = self.token("5Aep861");
        self.refresh.push((token.clone(), user));
        let mine = self.refresh.iter().filter(|(_, owner)| *owner == user).count();
        if mine > REFRESH_TOKENS_MAX
            && let Some(oldest) = self.refresh.iter().position(|(_, owner)| *owner == user)
        {
            self.refresh.remove(oldest);
        }
        token
    }

    /// Whether a user name and password (security token appended or not) are right.
    pub fn password_fits(&self, username: &str, password: &str) -> bool {
        username.eq_ignore_ascii_case(&self.username) && password == self.password
    }
}

/// `POST /services/oauth2/token`.
pub(crate) fn token(org: &Org, auth: &mut Auth, call: &Call) -> Answer {
    match grant(org, auth, call) {
        Ok(body) => Answer::json(200, body).header("Cache-Control", "no-cache, no-store"),
        Err((status, error, description)) => Answer::json(status, json!({"error": error, "error_description": description})),
    }
}

fn grant(org: &Org, auth: &mut Auth, call: &Call) -> Result<Value, Refusal> {
    let form: HashMap<String, String> = url::form_urlencoded::parse(&call.body).into_owned().collect();
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let basic = basic_credentials(call);
    let (id, secret) = match &basic {
        Some((id, secret)) => (id.as_str(), secret.as_str()),
        None => (field("client_id"), field("client_secret")),
    };
    let client = |auth: &Auth| -> Result<(), Refusal> {
        if id != auth.client_id {
            return Err(INVALID_CLIENT_ID);
        }
        if secret == auth.client_secret { Ok(()) } else { Err(INVALID_CLIENT) }
    };
    let own = SfId::new(*b"005", org.pod, 0);
    match field("grant_type") {
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => {
            let claims = jwt::read(field("assertion"), &auth.trust, org.clock.now_ms()).map_err(|text| (400, "invalid_grant", text))?;
            if claims.issuer != auth.client_id {
                return Err(INVALID_CLIENT_ID);
            }
            let audience = claims.audience.trim_end_matches('/');
            let known = ["https://login.salesforce.com", "https://test.salesforce.com", &call.origin];
            if !known.contains(&audience) && !auth.audiences.iter().any(|a| a == audience) {
                return Err((400, "invalid_grant", "audience is invalid"));
            }
            let user = user_named(org, &claims.subject).ok_or((400, "invalid_grant", "user hasn't approved this consumer"))?;
            let mut body = answer(org, auth, call, user, None);
            if let Some(map) = body.as_object_mut() {
                map.remove("issued_at");
                map.remove("signature");
            }
            Ok(body)
        }
        "refresh_token" => {
            if id != auth.client_id {
                return Err(INVALID_CLIENT_ID);
            }
            if !secret.is_empty() && secret != auth.client_secret {
                return Err(INVALID_CLIENT);
            }
            let at = auth.refresh.iter().position(|(token, _)| token == field("refresh_token"));
            let at = at.ok_or((400, "invalid_grant", "expired access/refresh token"))?;
            let user = auth.refresh[at].1;
            let next = auth.rotate.then(|| {
                auth.refresh.remove(at);
                auth.keep_refresh(user)
            });
            Ok(answer(org, auth, call, user, next))
        }
        "client_credentials" => {
            client(auth)?;
            if ["://login.", "://test."].iter().any(|host| call.origin.contains(host)) {
                return Err((400, "invalid_grant", "request not supported on this domain"));
            }
            if !auth.client_credentials {
                return Err((400, "invalid_grant", "no client credentials user enabled"));
            }
            Ok(answer(org, auth, call, own, None))
        }
        "password" => {
            client(auth)?;
            if !auth.password_fits(field("username"), field("password")) {
                return Err(AUTHENTICATION);
            }
            Ok(answer(org, auth, call, own, None))
        }
        "authorization_code" => {
            if id != auth.client_id {
                return Err(INVALID_CLIENT_ID);
            }
            let code = auth.codes.remove(field("code")).ok_or((400, "invalid_grant", "invalid authorization code"))?;
            let proven = match &code.challenge {
                Some(challenge) => {
                    let digest = ring::digest::digest(&ring::digest::SHA256, field("code_verifier").as_bytes());
                    if URL_SAFE_NO_PAD.encode(digest.as_ref()) != challenge.trim_end_matches('=') {
                        return Err((400, "invalid_grant", "invalid code verifier"));
                    }
                    true
                }
                None => false,
            };
            if secret != auth.client_secret && !(secret.is_empty() && proven) {
                return Err(INVALID_CLIENT);
            }
            if code.redirect != field("redirect_uri") {
                return Err((400, "redirect_uri_mismatch", "redirect_uri must match configuration"));
            }
            if code.expires_ms <= org.clock.now_ms() {
                return Err((400, "invalid_grant", "expired authorization code"));
            }
            let refresh = code.refresh.then(|| auth.keep_refresh(code.user));
            Ok(answer(org, auth, call, code.user, refresh))
        }
        "" => Err((400, "invalid_request", "must supply grant_type")),
        _ => Err((400, "unsupported_grant_type", "grant type not supported")),
    }
}

fn basic_credentials(call: &Call) -> Option<(String, String)> {
    let value = call.header("authorization")?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let plain = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
    Some((plain(id), plain(secret)))
}

fn user_named(org: &Org, username: &str) -> Option<SfId> {
    let t = &org.tables[org.table("User")?];
    let ord = *t.lookup(t.slot("Username")?, Val::Text(username)).first()?;
    let row = t.row(ord)?;
    (row.live() && t.value(row, t.slot("IsActive")?) == Val::Bool(true)).then_some(row.id)
}

fn answer(org: &Org, auth: &mut Auth, call: &Call, user: SfId, refresh: Option<String>) -> Value {
    let token = auth.open(org, user);
    let issued = org.clock.now_ms().to_string();
    let id = format!("{}/id/{}/{user}", call.origin, org.org_id);
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, auth.client_secret.as_bytes());
    let signature = STANDARD.encode(ring::hmac::sign(&key, format!("{id}{issued}").as_bytes()).as_ref());
    let mut body = json!({"access_token": token, "instance_url": call.origin, "id": id, "token_type": "Bearer", "scope": auth.scopes,
        "issued_at": issued, "signature": signature});
    if let Some(refresh) = refresh {
        body["refresh_token"] = json!(refresh);
    }
    body
}

/// `GET /services/oauth2/authorize`: the person has already agreed, so it redirects with a code at once, unless the address
/// says `deny=1`.
pub(crate) fn authorize(org: &Org, auth: &mut Auth, call: &Call) -> Answer {
    if call.param("client_id") != Some(auth.client_id.as_str()) || call.param("response_type") != Some("code") {
        return Answer::json(400, json!({"error": INVALID_CLIENT_ID.1, "error_description": INVALID_CLIENT_ID.2}));
    }
    let Some(mut target) = call.param("redirect_uri").and_then(|uri| url::Url::parse(uri).ok()) else {
        return Answer::json(400, json!({"error": "redirect_uri_missing", "error_description": "missing required redirect_uri"}));
    };
    if call.param("deny").is_some() {
        target.query_pairs_mut().append_pair("error", "access_denied").append_pair("error_description", "end-user denied authorization");
        if let Some(state) = call.param("state") {
            target.query_pairs_mut().append_pair("state", state);
        }
        return Answer::empty(302).header("Location", target.as_str());
    }
    let code = auth.token("aPrx");
    let scope = call.param("scope").unwrap_or_default();
    let kept = Code {
        user: SfId::new(*b"005", org.pod, 0),
        redirect: call.param("redirect_uri").unwrap_or_default().to_owned(),
        challenge: call.param("code_challenge").map(str::to_owned),
        refresh: scope.split([' ', '+']).any(|s| matches!(s, "refresh_token" | "offline_access" | "full")),
        expires_ms: org.clock.now_ms() + CODE_MS,
    };
    auth.codes.insert(code.clone(), kept);
    target.query_pairs_mut().append_pair("code", &code);
    if let Some(state) = call.param("state") {
        target.query_pairs_mut().append_pair("state", state);
    }
    Answer::empty(302).header("Location", target.as_str())
}

/// `POST /services/oauth2/revoke`: of an access or a refresh token.
pub(crate) fn revoke(auth: &mut Auth, call: &Call) -> Answer {
    let form: HashMap<String, String> = url::form_urlencoded::parse(&call.body).into_owned().collect();
    let token = form.get("token").map(String::as_str).or_else(|| call.param("token")).unwrap_or_default();
    let known = auth.sessions.remove(token).is_some();
    let before = auth.refresh.len();
    auth.refresh.retain(|(refresh, _)| refresh != token);
    if known || auth.refresh.len() < before {
        return Answer::empty(200);
    }
    Answer::json(400, json!({"error": "unsupported_token_type", "error_description": "this token is not supported"}))
}

/// `POST /services/oauth2/introspect`.
pub(crate) fn introspect(org: &Org, auth: &mut Auth, call: &Call) -> Answer {
    let form: HashMap<String, String> = url::form_urlencoded::parse(&call.body).into_owned().collect();
    let token = form.get("token").map(String::as_str).unwrap_or_default();
    let now = org.clock.now_ms();
    match auth.sessions.get(token).filter(|session| session.expires_ms > now) {
        Some(session) => Answer::json(
            200,
            json!({"active": true, "scope": auth.scopes, "client_id": auth.client_id, "username": auth.username,
                "sub": format!("{}/id/{}/{}", call.origin, org.org_id, session.user), "token_type": "access_token", "exp": session.expires_ms / 1000}),
        ),
        None => Answer::json(200, json!({"active": false})),
    }
}

/// `GET /services/oauth2/userinfo` and `GET /id/{org}/{user}`.
pub(crate) fn identity(org: &Org, call: &Call, user: SfId) -> Answer {
    let Some((at, ord)) = org.locate(user) else { return Answer::empty(404) };
    let t = &org.tables[at];
    let Some(row) = t.row(ord) else { return Answer::empty(404) };
    let text = |name: &str| t.slot(name).map_or(Value::Null, |slot| t.value(row, slot).json(super::schema::FieldType::String));
    let id = format!("{}/id/{}/{user}", call.origin, org.org_id);
    let urls = json!({
        "enterprise": format!("{}/services/Soap/c/{{version}}/{}", call.origin, org.org_id.short()),
        "partner": format!("{}/services/Soap/u/{{version}}/{}", call.origin, org.org_id.short()),
        "rest": format!("{}/services/data/v{{version}}/", call.origin),
        "sobjects": format!("{}/services/data/v{{version}}/sobjects/", call.origin),
        "query": format!("{}/services/data/v{{version}}/query/", call.origin),
        "profile": format!("{}/{user}", call.origin),
    });
    Answer::json(
        200,
        json!({"id": id, "sub": id, "asserted_user": true, "user_id": user.as_str(), "organization_id": org.org_id.as_str(),
            "username": text("Username"), "preferred_username": text("Username"), "nick_name": text("Alias"), "nickname": text("Alias"),
            "display_name": text("Name"), "name": text("Name"), "email": text("Email"), "email_verified": true,
            "first_name": text("FirstName"), "given_name": text("FirstName"), "last_name": text("LastName"), "family_name": text("LastName"),
            "timezone": text("TimeZoneSidKey"), "zoneinfo": text("TimeZoneSidKey"), "active": true, "user_type": "STANDARD", "language": "en_US",
            "locale": "en_US", "urls": urls, "last_modified_date": datetime(row.modified_ms), "is_app_installed": true}),
    )
}
