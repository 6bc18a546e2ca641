//! What differs between vendors below their endpoints: token requests, limit headers, expired sessions, error bodies.

use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue};
use entente_model::clock::Timestamp;

use super::call::Answer;
use super::pace::{BudgetRule, Reading};
use super::wire::Tokens;
use crate::error::{Class, VendorError};

/// How a token endpoint wants its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenEncoding {
    /// `application/x-www-form-urlencoded` (RFC 6749).
    Form,
    /// JSON (Zendesk's own samples).
    Json,
    /// A form without the client's id and secret, which go out as HTTP Basic credentials (RFC 6749 §2.3.1; Pipedrive).
    FormWithBasic,
}

/// The token endpoint of a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenEndpoint {
    /// Path under the login URL.
    pub path: &'static str,
    /// Encoding of the parameters.
    pub encoding: TokenEncoding,
    /// Further parameters by grant type: (`client_credentials`, `scope`, `read write`).
    pub extra: &'static [(&'static str, &'static str, &'static str)],
}

/// A login with a user's name and password, as it goes out.
#[derive(Clone)]
pub struct LogIn {
    /// Path under the login URL.
    pub path: String,
    /// Further headers: name in lower case, value.
    pub headers: Vec<(&'static str, String)>,
    /// Media type of the body.
    pub content_type: &'static str,
    /// Body; the password is in it.
    pub body: String,
}

/// A pause the vendor demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// The named budget that is exhausted; `None` stops the whole connection.
    pub bucket: Option<&'static str>,
    /// When calls are possible again.
    pub until: Timestamp,
}

/// The vendor-specific parts of a [`Client`](super::client::Client).
pub trait Dialect: Send + Sync + 'static {
    /// Where and how tokens are asked for.
    fn token_endpoint(&self) -> TokenEndpoint;

    /// How a user's name and password go out, at platforms that let people log in with them. `password` is followed by the security token.
    fn log_in(&self, _username: &str, _password: &str) -> Option<LogIn> {
        None
    }

    /// The session that a login was answered with. `received` is when.
    ///
    /// # Errors
    /// The refusal, or that the answer is none of a login.
    fn logged_in(&self, answer: &Answer, received: Timestamp) -> Result<Tokens, VendorError> {
        Err(self.refuse(answer, received))
    }

    /// The scope that tokens are asked for, where it hangs on the connection (Dynamics 365: the environment's own address).
    fn scope(&self) -> Option<String> {
        None
    }

    /// The `Authorization` header that a token goes out in, where it goes out alone.
    fn authorization(&self, token: &str) -> String {
        format!("Bearer {token}")
    }

    /// The header that a token goes out in, where it goes out alone.
    fn credential(&self, token: &str) -> (HeaderName, String) {
        (::http::header::AUTHORIZATION, self.authorization(token))
    }

    /// The query parameter that a token goes out in instead of a header, at platforms that know nothing better.
    fn credential_parameter(&self) -> Option<&str> {
        None
    }

    /// What follows the user's e-mail in HTTP Basic credentials with an API token.
    fn basic_suffix(&self) -> &str {
        "/token"
    }

    /// Headers of every call.
    fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        Vec::new()
    }

    /// The budgets known before the vendor's headers say better.
    fn budgets(&self) -> Vec<BudgetRule>;

    /// What the headers of an answer say about budgets. `bucket` is the one the call named.
    fn readings(&self, headers: &HeaderMap, bucket: Option<&'static str>) -> Vec<Reading>;

    /// What a whole answer says about budgets: its headers, unless the platform writes it elsewhere.
    fn said(&self, answer: &Answer, bucket: Option<&'static str>) -> Vec<Reading> {
        self.readings(&answer.headers, bucket)
    }

    /// Whether a failed answer means that the access token has ended and a new one will help.
    fn expired(&self, answer: &Answer) -> bool {
        answer.status == 401
    }

    /// Turns a failed answer into an error. `now` is for the instants in [`Class::Wait`].
    fn refuse(&self, answer: &Answer, now: Timestamp) -> VendorError;

    /// What a refusal stops beside its own call. The default stops the call's bucket (or the connection) after a 429.
    fn block(&self, answer: &Answer, error: &VendorError, bucket: Option<&'static str>) -> Option<Block> {
        match error.class {
            Class::Wait { until } if answer.status == 429 => Some(Block { bucket, until }),
            _ => None,
        }
    }
}

/// The pause a `Retry-After` header asks for, in seconds or as a date (RFC 9110 §10.2.3), or `default` without one. At least one
/// second, so that a vendor's `0` does not make us spin; at most a day, so that a broken header does not stop us for good.
#[must_use]
pub fn retry_after(answer: &Answer, now: Timestamp, default: Duration) -> Timestamp {
    let pause = answer.header("retry-after").and_then(|text| {
        let text = text.trim();
        if let Ok(seconds) = text.parse::<f64>() {
            return (seconds.is_finite() && seconds >= 0.0).then(|| Duration::from_secs_f64(seconds.min(86_400.0)));
        }
        let at = super::offset::http_date(text)?;
        Duration::try_from(at.duration_since(now)).ok()
    });
    let pause = pause.unwrap_or(default).clamp(Duration::from_secs(1), Duration::from_secs(86_400));
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}
