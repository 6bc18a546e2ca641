//! Signing in at Entra ID: client credentials, the discovery document, and whose token a call carries.

use std::collections::HashMap;

use http::{HeaderMap, Method};
use ring::digest;
use serde_json::{Value, json};
use url::Url;

use super::moment::iso;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;
use crate::door;

/// Milliseconds that an access token lives.
const ACCESS_MS: i64 = 3_599 * 1000;

/// Tokens in use.
#[derive(Debug)]
pub(crate) struct Tokens {
    seed: u64,
    serial: u64,
    /// Access tokens with the host they are for and the end of their life.
    access: HashMap<String, (String, i64)>,
}

impl Tokens {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, serial: 0, access: HashMap::new() }
    }

    pub(crate) fn expire_all(&mut self, now_ms: i64) {
        self.access.values_mut().for_each(|(_, ends)| *ends = (*ends).min(now_ms));
    }
}

/// A form as JSON, so that routes read both alike.
pub(crate) fn form(bytes: &[u8]) -> Value {
    Value::Object(url::form_urlencoded::parse(bytes).map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect())
}

fn host_of(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

impl State {
    /// A token without the way through Entra.
    pub(crate) fn open_session(&mut self, host: &str) -> String {
        self.tokens.serial += 1;
        let digest = digest::digest(&digest::SHA256, format!("token {} {}", self.tokens.seed, self.tokens.serial).as_bytes());
        let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let token = format!("eyJ0eXAiOiJKV1QifQ.{hex}.sig");
        self.tokens.access.insert(token.clone(), (host.to_owned(), self.now_ms + ACCESS_MS));
        token
    }

    /// Ends the token of a call. Gives whether there was one to end.
    pub(crate) fn end_session(&mut self, headers: &HeaderMap) -> bool {
        let now = self.now_ms;
        let bearer = door::header(headers, "authorization").and_then(|text| text.strip_prefix("Bearer "));
        bearer.and_then(|token| self.tokens.access.get_mut(token.trim())).map(|(_, ends)| *ends = now).is_some()
    }

    /// Lets a call in.
    ///
    /// # Errors
    /// 401 without a token for this environment, 403 while the application is no user of it.
    pub(crate) fn admit(&self, headers: &HeaderMap, host: &str) -> Result<(), Refusal> {
        let bearer = door::header(headers, "authorization").and_then(|text| text.strip_prefix("Bearer ")).map(str::trim);
        let held = bearer.and_then(|token| self.tokens.access.get(token)).ok_or_else(Refusal::unauthorized)?;
        if held.1 <= self.now_ms || (held.0 != host && held.0 != self.options.host) {
            return Err(Refusal::unauthorized());
        }
        if self.options.is_member { Ok(()) } else { Err(Refusal::stranger()) }
    }

    /// `/{tenant}/…` of the sign-in host.
    pub(crate) fn sign_in_routes(&mut self, method: &Method, path: &[String], body: &Value, origin: &str, host: &str) -> Outcome {
        let tenant = path.first().cloned().unwrap_or_default();
        let rest: Vec<&str> = path.iter().skip(1).map(String::as_str).collect();
        let now = iso(self.now_ms);
        if tenant != self.options.tenant_id {
            let told = format!("Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID.");
            return Err(Refusal::grant(400, "invalid_request", 90_002, &told, &now));
        }
        let base = format!("{origin}/{tenant}");
        match (method, rest.as_slice()) {
            (&Method::GET, ["v2.0", ".well-known", "openid-configuration"]) => Ok(Answer::ok(json!({
                "token_endpoint": format!("{base}/oauth2/v2.0/token"), "issuer": format!("https://login.microsoftonline.com/{tenant}/v2.0"),
                "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"), "jwks_uri": format!("{base}/discovery/v2.0/keys"),
                "response_types_supported": ["code", "id_token"], "token_endpoint_auth_methods_supported": ["client_secret_post"],
            }))),
            (&Method::POST, ["oauth2", "v2.0", "token"]) => self.token(body, host, &now),
            _ => Err(Refusal::segment(rest.last().copied().unwrap_or_default())),
        }
    }

    fn token(&mut self, body: &Value, host: &str, now: &str) -> Outcome {
        let form = |name: &str| body[name].as_str().unwrap_or_default();
        if form("grant_type") != "client_credentials" {
            return Err(Refusal::grant(400, "unsupported_grant_type", 70_003, "The app requested an unsupported grant type.", now));
        }
        if form("client_id") != self.options.client_id {
            let told = format!("Application with identifier '{}' was not found in the directory 'Acme'.", form("client_id"));
            return Err(Refusal::grant(400, "unauthorized_client", 700_016, &told, now));
        }
        if form("client_secret") != self.options.client_secret {
            let told = "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.";
            return Err(Refusal::grant(401, "invalid_client", 7_000_215, told, now));
        }
        let wanted = form("scope").strip_suffix("/.default").and_then(host_of);
        match wanted.filter(|wanted| *wanted == host || *wanted == self.options.host) {
            Some(wanted) => {
                let token = self.open_session(&wanted);
                Ok(Answer::ok(
                    json!({"token_type": "Bearer", "expires_in": ACCESS_MS / 1000, "ext_expires_in": ACCESS_MS / 1000, "access_token": token}),
                ))
            }
            None => {
                let told = format!("The resource principal named {} was not found in the tenant named Acme.", form("scope"));
                Err(Refusal::grant(400, "invalid_resource", 500_011, &told, now))
            }
        }
    }
}
