//! Sign-in: getting, keeping and renewing access tokens. One caller at a time asks for a token and the others wait for it, because
//! vendors refuse two refreshes of one token at once, and rotation makes the second one fatal.

mod log_in;

use std::sync::Arc;
use std::time::Duration;

use ::http::{Method, Request, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use entente_model::clock::Timestamp;
use ring::digest;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use super::assertion::{Claims, Signer};
use super::call::Answer;
use super::count::{Counts, Ended};
use super::dialect::{Dialect, TokenEncoding, TokenEndpoint};
use super::offset::Offset;
use super::wire::Tokens;
use super::{Surroundings, address, client, token_refusal};
use crate::error::{Class, VendorError};
use crate::registry::SetupError;
use crate::settings::{Auth, ConnectionSettings, Secret};

/// A token is renewed this long before its end, so that it does not end under way.
const EXPIRY_MARGIN: Duration = Duration::from_secs(60);

/// How long a refusal of the credentials is repeated without asking again: logins have their own, low limits.
const REFUSAL_MEMORY: Duration = Duration::from_secs(30);

/// How often one looks again whether another process has renewed the token.
const ANOTHER_RENEWS: Duration = Duration::from_millis(200);

/// Bytes of the digest that tell one set of credentials from another in the vault.
const FINGERPRINT_BYTES: usize = 6;

/// An access token in use.
#[derive(Debug, Clone)]
pub struct Session {
    /// The tokens.
    pub tokens: Tokens,
    /// Counts renewals, so that only the first of many callers that saw an expired token renews it.
    pub generation: u64,
}

#[derive(Default)]
struct State {
    session: Option<Session>,
    /// Tokens that the vendor rotated but the vault has not taken yet. The old refresh token is void, so they must not get lost.
    unsaved: Option<Tokens>,
    generation: u64,
    refused: Option<(VendorError, Timestamp)>,
}

/// Signs one connection in.
pub struct SignIn {
    settings: Arc<ConnectionSettings>,
    surroundings: Surroundings,
    counts: Arc<Counts>,
    offset: Arc<Offset>,
    endpoint: TokenEndpoint,
    /// What tokens are asked for, where the platform wants it said.
    scope: Option<String>,
    /// The platform's ways, where it is logged in to with a password.
    dialect: Option<Arc<dyn Dialect>>,
    timeout: Duration,
    signer: Option<Signer>,
    vault_key: String,
    state: Mutex<State>,
    /// Scopes as the last answer of the token endpoint named them.
    granted: std::sync::Mutex<Option<String>>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    refresh_token: Option<String>,
    /// Pipedrive calls it the API's domain.
    #[serde(alias = "api_domain")]
    instance_url: Option<String>,
    expires_in: Option<Value>,
    scope: Option<Value>,
}

impl SignIn {
    /// Prepares signing in; makes no call.
    ///
    /// # Errors
    /// When the private key of a JWT bearer connection cannot sign.
    pub fn new(
        settings: Arc<ConnectionSettings>,
        surroundings: Surroundings,
        counts: Arc<Counts>,
        offset: Arc<Offset>,
        endpoint: TokenEndpoint,
        timeout: Duration,
    ) -> Result<Self, SetupError> {
        let signer = match &settings.auth {
            Auth::JwtBearer { private_key, .. } => Some(Signer::from_pem(private_key).map_err(|error| SetupError {
                connection: settings.name.clone(),
                reason: error.to_string(),
                remedy: "set `private_key` to the PEM text of the RSA key whose certificate the connected app holds".to_owned(),
            })?),
            _ => None,
        };
        let vault_key = format!("{}:{}", settings.name, fingerprint(&settings));
        Ok(Self {
            settings,
            surroundings,
            counts,
            offset,
            endpoint,
            scope: None,
            dialect: None,
            timeout,
            signer,
            vault_key,
            state: Mutex::new(State::default()),
            granted: std::sync::Mutex::default(),
        })
    }

    /// The same, asking for tokens of a scope.
    #[must_use]
    pub fn scoped(mut self, scope: Option<String>) -> Self {
        self.scope = scope;
        self
    }

    /// The same, logging in as the platform does it.
    #[must_use]
    pub fn by(mut self, dialect: Arc<dyn Dialect>) -> Self {
        self.dialect = Some(dialect);
        self
    }

    /// Scopes as the last answer of the token endpoint named them, if this process has asked it.
    #[must_use]
    pub fn granted(&self) -> Option<String> {
        self.granted.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Whether a token can be renewed at all: one that was made by hand cannot.
    #[must_use]
    pub fn renewable(&self) -> bool {
        !matches!(self.settings.auth, Auth::ApiToken { .. } | Auth::AccessToken { .. })
    }

    /// The session to call with, signing in if there is none or it ends soon.
    ///
    /// # Errors
    /// What the vendor, the wire or the vault say.
    pub async fn session(&self) -> Result<Session, VendorError> {
        let mut state = self.state.lock().await;
        let now = self.surroundings.time.now();
        if state.session.is_none() && matches!(self.settings.auth, Auth::RefreshToken { .. }) {
            let kept = self.load().await?;
            if let Some(kept) = kept.filter(|kept| !kept.access.is_empty()) {
                state.generation += 1;
                state.session = Some(Session { tokens: kept, generation: state.generation });
            }
        }
        if let Some(session) = &state.session
            && state.unsaved.is_none()
            && session
                .tokens
                .expires_at
                .is_none_or(|ends| ends.duration_since(now) > jiff::SignedDuration::try_from(EXPIRY_MARGIN).unwrap_or_default())
        {
            return Ok(session.clone());
        }
        self.sign_in(&mut state).await
    }

    /// A session newer than `stale`, which the vendor called expired.
    ///
    /// # Errors
    /// What the vendor, the wire or the vault say.
    pub async fn renew(&self, stale: u64) -> Result<Session, VendorError> {
        let mut state = self.state.lock().await;
        if let Some(session) = &state.session
            && session.generation > stale
            && state.unsaved.is_none()
        {
            return Ok(session.clone());
        }
        self.sign_in(&mut state).await
    }

    /// Lets go of the session, which the vendor says has ended: what is asked for next asks for a token first.
    ///
    /// # Errors
    /// When the vault fails; the session of this process is gone then as well.
    pub async fn let_go(&self) -> Result<(), VendorError> {
        let mut state = self.state.lock().await;
        state.session = None;
        let Some(kept) = self.load().await? else { return Ok(()) };
        let ended = Tokens { access: Secret::default(), expires_at: None, ..kept };
        self.surroundings.vault.save(&self.vault_key, &ended).await.map_err(|reason| vault_error("kept", &reason))
    }

    async fn load(&self) -> Result<Option<Tokens>, VendorError> {
        self.surroundings.vault.load(&self.vault_key).await.map_err(|reason| vault_error("read", &reason))
    }

    async fn keep(&self, state: &mut State, tokens: Tokens) -> Result<Session, VendorError> {
        if tokens.refresh.is_some() {
            state.unsaved = Some(tokens.clone());
            self.surroundings.vault.save(&self.vault_key, &tokens).await.map_err(|reason| vault_error("kept", &reason))?;
            state.unsaved = None;
        }
        state.generation += 1;
        let session = Session { tokens, generation: state.generation };
        state.session = Some(session.clone());
        Ok(session)
    }

    async fn sign_in(&self, state: &mut State) -> Result<Session, VendorError> {
        if let Some(tokens) = state.unsaved.clone() {
            return self.keep(state, tokens).await;
        }
        let now = self.surroundings.time.now();
        if let Some((error, until)) = &state.refused {
            if now < *until {
                return Err(error.clone());
            }
            state.refused = None;
        }
        let answer = match &self.settings.auth {
            Auth::RefreshToken { client_id, client_secret, refresh_token } => {
                return self.refresh(state, client_id, client_secret, refresh_token).await;
            }
            Auth::ClientCredentials { client_id, client_secret } => {
                let fields = [("client_id", client_id.as_str()), ("client_secret", client_secret.reveal())];
                self.ask("client_credentials", &fields).await
            }
            Auth::JwtBearer { client_id, username, audience, .. } => match self.assert(client_id, username, audience) {
                Ok(assertion) => self.ask("urn:ietf:params:oauth:grant-type:jwt-bearer", &[("assertion", assertion.reveal())]).await,
                Err(error) => Err(error),
            },
            Auth::Password { username, password, security_token } => self.log_in(username, password, security_token).await,
            Auth::ApiToken { token, .. } | Auth::AccessToken { token } => {
                Ok(Tokens { access: token.clone(), refresh: None, instance_url: None, expires_at: None })
            }
        };
        match answer {
            Ok(tokens) => self.keep(state, tokens).await,
            Err(error) => Err(self.remember(state, error)),
        }
    }

    /// Uses the newest refresh token there is, one process at a time: rotation makes a second use fatal. Whoever comes second takes
    /// over what the first one saved.
    async fn refresh(&self, state: &mut State, client_id: &str, client_secret: &Secret, first: &Secret) -> Result<Session, VendorError> {
        let held = state.session.take();
        // A call and its saving fit in twice a call's time; a process that died meanwhile holds the others up no longer.
        let lasting = self.timeout * 2;
        let start = self.surroundings.time.now();
        loop {
            if self.surroundings.vault.hold(&self.vault_key, lasting).await.map_err(|reason| vault_error("claimed", &reason))? {
                let renewed = self.refresh_alone(state, held, client_id, client_secret, first).await;
                if let Err(reason) = self.surroundings.vault.let_go(&self.vault_key).await {
                    tracing::warn!(connection = %self.settings.name, reason, "the right to renew the token could not be given back; it ends by itself");
                }
                return renewed;
            }
            let waited = Duration::try_from(self.surroundings.time.now().duration_since(start)).unwrap_or_default();
            if waited > lasting {
                return Err(vault_error("claimed", "another process has been renewing them for too long"));
            }
            self.surroundings.time.sleep(ANOTHER_RENEWS).await;
        }
    }

    async fn refresh_alone(
        &self,
        state: &mut State,
        held: Option<Session>,
        client_id: &str,
        client_secret: &Secret,
        first: &Secret,
    ) -> Result<Session, VendorError> {
        let kept = self.load().await?;
        if let Some(kept) = &kept
            && held.is_none_or(|held| kept.access != held.tokens.access)
            && !kept.access.is_empty()
        {
            state.generation += 1;
            let session = Session { tokens: kept.clone(), generation: state.generation };
            state.session = Some(session.clone());
            return Ok(session);
        }
        let token = kept.as_ref().and_then(|kept| kept.refresh.clone()).unwrap_or_else(|| first.clone());
        let mut fields = vec![("client_id", client_id), ("refresh_token", token.reveal())];
        if !client_secret.is_empty() {
            fields.push(("client_secret", client_secret.reveal()));
        }
        match self.ask("refresh_token", &fields).await {
            Ok(mut tokens) => {
                tokens.refresh = tokens.refresh.or_else(|| Some(token.clone()));
                self.keep(state, tokens).await
            }
            Err(error) if error.class == Class::Reauthenticate => {
                let newer = self.load().await?.filter(|newer| newer.refresh.as_ref().is_some_and(|newer| *newer != token));
                match newer {
                    Some(newer) => {
                        state.generation += 1;
                        let session = Session { tokens: newer, generation: state.generation };
                        state.session = Some(session.clone());
                        Ok(session)
                    }
                    None => Err(self.remember(state, error)),
                }
            }
            Err(error) => Err(error),
        }
    }

    fn remember(&self, state: &mut State, error: VendorError) -> VendorError {
        state.session = None;
        if matches!(error.class, Class::Reauthenticate | Class::Configuration) {
            // A password that is refused again and again locks its user out.
            let memory = if matches!(self.settings.auth, Auth::Password { .. }) { log_in::REFUSAL_MEMORY } else { REFUSAL_MEMORY };
            let until = self.surroundings.time.now().checked_add(memory).unwrap_or(Timestamp::MAX);
            state.refused = Some((error.clone(), until));
        }
        error
    }

    fn assert(&self, client_id: &str, username: &str, audience: &str) -> Result<Secret, VendorError> {
        let failed = |reason: String| VendorError::new(Class::Configuration, "assertion", reason, "check `private_key` of this connection");
        let signer = self.signer.as_ref().ok_or_else(|| failed("no private key was set".to_owned()))?;
        let now = self.offset.theirs(self.surroundings.time.now());
        signer.sign(Claims { issuer: client_id, subject: username, audience }, now).map_err(|error| failed(error.to_string()))
    }

    fn token_url(&self) -> Result<Url, VendorError> {
        let base = self.settings.login_url.as_ref().unwrap_or(&self.settings.base_url);
        address::join(base, self.endpoint.path)
    }

    /// Asks the token endpoint.
    async fn ask(&self, grant: &str, fields: &[(&str, &str)]) -> Result<Tokens, VendorError> {
        let mut all: Vec<(&str, &str)> = vec![("grant_type", grant)];
        all.extend_from_slice(fields);
        all.extend(self.endpoint.extra.iter().filter(|(of, _, _)| *of == grant).map(|(_, name, value)| (*name, *value)));
        all.extend(self.scope.as_deref().map(|scope| ("scope", scope)));
        let mut basic = None;
        if self.endpoint.encoding == TokenEncoding::FormWithBasic {
            let of = |wanted: &str| fields.iter().find(|(name, _)| *name == wanted).map_or("", |(_, value)| *value);
            basic = Some(format!("Basic {}", STANDARD.encode(format!("{}:{}", of("client_id"), of("client_secret")))));
            all.retain(|(name, _)| !matches!(*name, "client_id" | "client_secret"));
        }
        let (content_type, body) = match self.endpoint.encoding {
            TokenEncoding::Form | TokenEncoding::FormWithBasic => ("application/x-www-form-urlencoded", address::form(&all)),
            TokenEncoding::Json => {
                let object: serde_json::Map<String, Value> =
                    all.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
                ("application/json", Value::Object(object).to_string())
            }
        };
        let url = self.token_url()?;
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = address::uri(&url)?;
        request.headers_mut().insert(header::CONTENT_TYPE, ::http::HeaderValue::from_static(content_type));
        request.headers_mut().insert(header::ACCEPT, ::http::HeaderValue::from_static("application/json"));
        if let Some(basic) = basic {
            let mut value = address::header_value("authorization", &basic)?;
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        address::add_gateway_headers(&self.settings, &url, request.headers_mut())?;

        let (answer, received, ms) = self.send(request).await?;
        if !(200..300).contains(&answer.status) {
            let error = token_refusal::meaning(&answer, received);
            let ended = if matches!(error.class, Class::Wait { .. }) { Ended::Limited } else { Ended::Badly };
            self.counts.add("token", ended, ms);
            let mut error = error;
            for (_, value) in fields {
                error.message = client::mask(&error.message, value);
            }
            return Err(error);
        }
        self.counts.add("token", Ended::Well, ms);
        let tokens: TokenAnswer = serde_json::from_slice(&answer.body).map_err(|_| {
            // The body is not shown: half of a token may be in it.
            VendorError::new(
                Class::Configuration,
                "token_unreadable",
                "the token endpoint answered, but not with a token",
                "check `login_url`: it must be the vendor's login host",
            )
            .with_status(answer.status)
        })?;
        if let Some(scope) = tokens.scope.as_ref().and_then(Value::as_str) {
            *self.granted.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(scope.to_owned());
        }
        let seconds = tokens.expires_in.as_ref().and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
        Ok(Tokens {
            access: Secret::new(tokens.access_token),
            refresh: tokens.refresh_token.filter(|token| !token.is_empty()).map(Secret::new),
            instance_url: tokens.instance_url,
            expires_at: seconds.and_then(|seconds| received.checked_add(Duration::from_secs(seconds)).ok()),
        })
    }
}

impl SignIn {
    /// Sends what asks for access; the answer, when it came, and how many milliseconds it took.
    async fn send(&self, request: Request<Bytes>) -> Result<(Answer, Timestamp, u64), VendorError> {
        let sent = self.surroundings.time.now();
        let result = self.surroundings.wire.send(request, self.timeout).await;
        let received = self.surroundings.time.now();
        let ms = client::millis(sent, received);
        match result {
            Ok(response) => {
                let answer = client::answer(response);
                if let Some(date) = answer.header("date") {
                    self.offset.observe(date, sent, received);
                }
                Ok((answer, received, ms))
            }
            Err(error) => {
                self.counts.add("token", Ended::Badly, ms);
                Err(client::wire_error(&error))
            }
        }
    }
}

fn vault_error(verb: &str, reason: &str) -> VendorError {
    VendorError::new(
        Class::Retry,
        "vault",
        format!("the tokens could not be {verb}: {reason}"),
        "check the database of this instance; nothing is called with tokens that are not kept",
    )
}

/// Tells one set of credentials from another, so that tokens of an old app or organisation are never used after a change.
fn fingerprint(settings: &ConnectionSettings) -> String {
    let login = settings.login_url.as_ref().unwrap_or(&settings.base_url).as_str();
    let (client, secret) = match &settings.auth {
        Auth::ClientCredentials { client_id, .. } => (client_id.as_str(), ""),
        Auth::JwtBearer { client_id, username, .. } => (client_id.as_str(), username.as_str()),
        Auth::RefreshToken { client_id, refresh_token, .. } => (client_id.as_str(), refresh_token.reveal()),
        Auth::ApiToken { email, .. } => (email.as_str(), ""),
        Auth::AccessToken { token } => ("", token.reveal()),
        Auth::Password { username, .. } => (username.as_str(), ""),
    };
    let digest = digest::digest(&digest::SHA256, format!("{login}\n{client}\n{secret}").as_bytes());
    digest.as_ref().iter().take(FINGERPRINT_BYTES).map(|byte| format!("{byte:02x}")).collect()
}
