//! The client: one call from a connector to an answer or an error, with everything in between done the same for every platform.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue, Request, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use entente_model::clock::Timestamp;
use url::Url;

use super::Surroundings;
use super::address::{add_gateway_headers, form, header_value, instance, join, uri};
use super::call::{Answer, Body, Call};
use super::count::{Counts, Ended};
use super::dialect::Dialect;
use super::gate::{Gate, Place};
use super::offset::Offset;
use super::pace::Pace;
use super::sign_in::{Session, SignIn};
use super::wire::WireError;
use crate::connector::{Budget, CallCounts, Priority};
use crate::error::{ANSWER_CHARS, Class, VendorError};
use crate::registry::SetupError;
use crate::settings::{Auth, ConnectionSettings};
use crate::spec::Spec;

/// The longest pause for budget that is slept through in place; longer ones go back to the caller.
const SHORT_WAIT: Duration = Duration::from_secs(2);

/// Speaks HTTP to one account of one platform.
pub struct Client {
    settings: Arc<ConnectionSettings>,
    surroundings: Surroundings,
    spec: &'static Spec,
    dialect: Arc<dyn Dialect>,
    standing: HeaderMap,
    sign_in: SignIn,
    pace: Pace,
    gate: Gate,
    /// Turns of pairs of calls that belong together.
    turns: Gate,
    counts: Arc<Counts>,
    offset: Arc<Offset>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("connection", &self.settings.name)
            .field("base_url", &self.settings.base_url.as_str())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Builds a client; makes no call.
    ///
    /// # Errors
    /// When a gateway header is not sendable, the base URL cannot carry paths, or a private key cannot sign.
    pub fn new(
        settings: ConnectionSettings,
        surroundings: Surroundings,
        spec: &'static Spec,
        dialect: Arc<dyn Dialect>,
    ) -> Result<Self, SetupError> {
        let wrong = |reason: String, remedy: &str| SetupError { connection: settings.name.clone(), reason, remedy: remedy.to_owned() };
        for url in [Some(&settings.base_url), settings.login_url.as_ref()].into_iter().flatten() {
            if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
                return Err(wrong(format!("`{url}` is not a web address"), "use an address that begins with https://"));
            }
        }
        for (name, value) in &settings.headers {
            if HeaderName::try_from(name.as_str()).is_err() || HeaderValue::try_from(value.reveal()).is_err() {
                return Err(wrong(format!("header `{name}` cannot be sent"), "header names and values must be plain ASCII on one line"));
            }
        }
        let mut standing = HeaderMap::new();
        standing.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        standing.insert(header::USER_AGENT, HeaderValue::from_static(concat!("entente/", env!("CARGO_PKG_VERSION"))));
        standing.extend(dialect.headers());
        let settings = Arc::new(settings);
        let counts = Arc::new(Counts::default());
        let offset = Arc::new(Offset::default());
        let sign_in = SignIn::new(
            Arc::clone(&settings),
            surroundings.clone(),
            Arc::clone(&counts),
            Arc::clone(&offset),
            dialect.token_endpoint(),
            spec.timeout,
        )?
        .scoped(dialect.scope())
        .by(Arc::clone(&dialect));
        let pace = Pace::new(dialect.budgets(), settings.daily_calls);
        Ok(Self {
            settings,
            surroundings,
            spec,
            dialect,
            standing,
            sign_in,
            pace,
            gate: Gate::new(spec.concurrency),
            turns: Gate::new(spec.concurrency),
            counts,
            offset,
        })
    }

    /// The connection's settings.
    #[must_use]
    pub fn settings(&self) -> &ConnectionSettings {
        &self.settings
    }

    /// Our present.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.surroundings.time.now()
    }

    /// Lets time pass.
    pub async fn sleep(&self, duration: Duration) {
        self.surroundings.time.sleep(duration).await;
    }

    /// The vendor's clock.
    #[must_use]
    pub fn offset(&self) -> &Offset {
        &self.offset
    }

    /// What is left of the quota.
    #[must_use]
    pub fn budget(&self) -> Budget {
        self.pace.budget(self.now())
    }

    /// Whether a call out of a named budget could leave at once and `besides` others after it, as far as that budget is known.
    #[must_use]
    pub fn has_room(&self, priority: Priority, bucket: &'static str, besides: u64) -> bool {
        self.pace.has_room(priority, Some(bucket), besides, self.now())
    }

    /// Waits for the turn of a look and the write that goes by it, held until both are made: as many pairs are under way as calls may be. If all
    /// looks of a batch left before its writes, they would spend the quota, and be too old once there is one again.
    pub async fn turn(&self, priority: Priority) -> Place {
        self.turns.enter(priority).await
    }

    /// Calls so far.
    #[must_use]
    pub fn counts(&self) -> CallCounts {
        self.counts.snapshot()
    }

    /// The session to call with, for what does not go through [`Client::call`]. Signs in if need be.
    ///
    /// # Errors
    /// What the vendor, the wire or the vault say.
    pub async fn session(&self) -> Result<Session, VendorError> {
        self.sign_in.session().await
    }

    /// Scopes as the last answer of the token endpoint named them, if this process has asked it.
    #[must_use]
    pub fn granted(&self) -> Option<Vec<String>> {
        self.sign_in.granted().map(|text| crate::scopes::listed(&text))
    }

    /// A session newer than one that the vendor called expired.
    ///
    /// # Errors
    /// What the vendor, the wire or the vault say.
    pub async fn renew(&self, stale: u64) -> Result<Session, VendorError> {
        self.sign_in.renew(stale).await
    }

    /// Lets go of the session, which the vendor says has ended.
    ///
    /// # Errors
    /// When the vault fails.
    pub async fn let_go(&self) -> Result<(), VendorError> {
        self.sign_in.let_go().await
    }

    /// Makes one call. Signs in, waits for a place and for budget, and renews an expired session once. `kind` names the endpoint in the counts.
    ///
    /// # Errors
    /// [`Class::Wait`] with code `budget` when the budget has no room for `priority` soon; `unreachable`, `timeout` or `broken` when
    /// there was no whole answer; else what the dialect makes of the vendor's refusal.
    pub async fn call(&self, kind: &'static str, priority: Priority, call: Call) -> Result<Answer, VendorError> {
        let mut renewed = false;
        let mut resent = false;
        let mut session = self.sign_in.session().await?;
        loop {
            self.await_budget(priority, call.bucket).await?;
            let request = self.request(&call, &session)?;
            let place = self.gate.enter(priority).await;
            let sent = self.now();
            let result = self.surroundings.wire.send(request, self.spec.timeout).await;
            let received = self.now();
            let entered = place.leave();
            let ms = millis(sent, received);
            let answer = match result {
                Ok(response) => answer(response),
                Err(error) => {
                    self.counts.add(kind, Ended::Badly, ms);
                    tracing::debug!(connection = %self.settings.name, kind, ms, %error, "no answer");
                    if matches!(error, WireError::TimedOut { .. }) {
                        self.gate.pressed(entered);
                    }
                    // A kept-alive connection that the vendor closed meanwhile breaks on its next use: one repeat is all it takes.
                    if call.idempotent && !resent && matches!(error, WireError::Broken { .. }) {
                        resent = true;
                        continue;
                    }
                    return Err(self.redact(wire_error(&error), &session));
                }
            };
            if let Some(date) = answer.header("date") {
                self.offset.observe(date, sent, received);
            }
            self.pace.learn(&self.dialect.said(&answer, call.bucket), received);
            tracing::debug!(connection = %self.settings.name, kind, status = answer.status, ms, "called");
            if (200..300).contains(&answer.status) || call.accept.contains(&answer.status) {
                self.counts.add(kind, Ended::Well, ms);
                self.gate.calm();
                return Ok(answer);
            }
            if !renewed && self.sign_in.renewable() && self.dialect.expired(&answer) {
                self.counts.add(kind, Ended::Badly, ms);
                renewed = true;
                session = self.sign_in.renew(session.generation).await?;
                continue;
            }
            let error = self.dialect.refuse(&answer, received);
            let limited = answer.status == 429 || matches!(error.class, Class::Wait { .. });
            self.counts.add(kind, if limited { Ended::Limited } else { Ended::Badly }, ms);
            if limited {
                self.gate.pressed(entered);
            }
            if let Some(block) = self.dialect.block(&answer, &error, call.bucket) {
                self.pace.block(block);
            }
            let said = answer.text();
            let error = if said.trim().is_empty() { error } else { VendorError { answer: Some(said), ..error } };
            return Err(self.redact(error, &session));
        }
    }

    /// Takes one call out of the budget, sleeping through short pauses.
    async fn await_budget(&self, priority: Priority, bucket: Option<&'static str>) -> Result<(), VendorError> {
        let start = self.now();
        loop {
            let now = self.now();
            let Err(until) = self.pace.acquire(priority, bucket, now) else { return Ok(()) };
            let pause = Duration::try_from(until.duration_since(now)).unwrap_or_default();
            let waited = Duration::try_from(now.duration_since(start)).unwrap_or_default();
            if waited + pause > SHORT_WAIT {
                let what = bucket
                    .map_or_else(|| "the connection's calls".to_owned(), |bucket| format!("the connection's calls, or `{bucket}` calls,"));
                return Err(VendorError::new(
                    Class::Wait { until },
                    "budget",
                    format!("the budget for {what} has no room for this priority until {until}"),
                    "nothing to do: work goes on by itself; raise the vendor's quota or `daily_calls` if this happens every day",
                ));
            }
            self.surroundings.time.sleep(pause.max(Duration::from_millis(1))).await;
        }
    }

    /// The URL of a call: under the vendor's data host if it named one and we follow it, else under the base URL.
    fn url(&self, call: &Call, session: &Session) -> Result<Url, VendorError> {
        let named = session.tokens.instance_url.as_deref().filter(|_| self.settings.follow_instance_url);
        let base = match named {
            Some(text) => instance(text, &self.settings.base_url)?,
            None => self.settings.base_url.clone(),
        };
        let mut url = join(&base, &call.path)?;
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        Ok(url)
    }

    fn request(&self, call: &Call, session: &Session) -> Result<Request<Bytes>, VendorError> {
        let mut url = self.url(call, session)?;
        let token = session.tokens.access.reveal();
        let in_query = self.dialect.credential_parameter();
        if let Some(name) = in_query {
            url.query_pairs_mut().append_pair(name, token);
        }
        let (content_type, body) = match &call.body {
            Body::Empty => (None, Bytes::new()),
            Body::Json(json) => (Some("application/json"), Bytes::from(json.to_string())),
            Body::Form(fields) => (Some("application/x-www-form-urlencoded"), Bytes::from(form(fields))),
            Body::Session { content_type, head, tail } => {
                (Some(*content_type), Bytes::from(format!("{head}{}{tail}", quick_xml::escape::escape(token))))
            }
            Body::Text { content_type, text } => (Some(*content_type), Bytes::from(text.clone())),
        };
        let mut request = Request::new(body);
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = uri(&url)?;
        let headers = request.headers_mut();
        headers.extend(self.standing.clone());
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        for (name, value) in &call.headers {
            headers.insert(HeaderName::from_static(name), header_value(name, value)?);
        }
        let (name, credential) = match &self.settings.auth {
            Auth::ApiToken { email, .. } => {
                let user = format!("{email}{}:{token}", self.dialect.basic_suffix());
                (header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(user)))
            }
            _ => self.dialect.credential(token),
        };
        if in_query.is_none() && !matches!(call.body, Body::Session { .. }) {
            let mut credential = header_value(name.as_str(), &credential)?;
            credential.set_sensitive(true);
            headers.insert(name, credential);
        }
        add_gateway_headers(&self.settings, &url, headers)?;
        Ok(request)
    }

    /// Takes every secret out of an error's texts: some vendors repeat what they were sent.
    fn redact(&self, mut error: VendorError, session: &Session) -> VendorError {
        let mut secrets = vec![session.tokens.access.reveal()];
        secrets.extend(session.tokens.refresh.as_ref().map(super::super::settings::Secret::reveal));
        secrets.extend(self.settings.headers.values().map(super::super::settings::Secret::reveal));
        match &self.settings.auth {
            Auth::ClientCredentials { client_secret, .. } => secrets.push(client_secret.reveal()),
            Auth::RefreshToken { client_secret, refresh_token, .. } => secrets.extend([client_secret.reveal(), refresh_token.reveal()]),
            Auth::JwtBearer { private_key, .. } => secrets.push(private_key.reveal()),
            Auth::ApiToken { token, .. } | Auth::AccessToken { token } => secrets.push(token.reveal()),
            Auth::Password { password, security_token, .. } => secrets.extend([password.reveal(), security_token.reveal()]),
        }
        for secret in secrets {
            error.message = mask(&error.message, secret);
            error.answer = error.answer.map(|answer| mask(&answer, secret));
        }
        // Cut only now: half of a secret would not be recognised.
        error.answer = error.answer.map(|answer| answer.chars().take(ANSWER_CHARS).collect());
        error
    }
}

/// Shortest text that is masked as a secret: a gateway header such as `1` must not blot out every digit.
const MASKED_CHARS: usize = 6;

/// Replaces a secret in a text.
pub(crate) fn mask(text: &str, secret: &str) -> String {
    if secret.len() < MASKED_CHARS { text.to_owned() } else { text.replace(secret, "[secret]") }
}

pub(crate) fn answer(response: ::http::Response<Bytes>) -> Answer {
    let (parts, body) = response.into_parts();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

pub(crate) fn millis(sent: Timestamp, received: Timestamp) -> u64 {
    u64::try_from(received.as_millisecond() - sent.as_millisecond()).unwrap_or(0)
}

pub(crate) fn wire_error(error: &WireError) -> VendorError {
    let (code, advice) = match error {
        WireError::Unreachable { .. } => ("unreachable", "nothing to do if it passes; else check the network, the proxy and `base_url`"),
        WireError::TimedOut { .. } => ("timeout", "nothing to do: the row is looked at again before anything is repeated"),
        WireError::Broken { .. } => ("broken", "nothing to do: the row is looked at again before anything is repeated"),
    };
    VendorError::new(Class::Retry, code, error.to_string(), advice)
}
