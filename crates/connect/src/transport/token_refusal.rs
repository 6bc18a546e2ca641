//! What a token endpoint's refusals mean (RFC 6749 §5.2, and the sentences that vendors put into them).

use std::time::Duration;

use entente_model::clock::Timestamp;
use serde::Deserialize;

use super::call::Answer;
use super::dialect::retry_after;
use crate::error::{Class, VendorError};

#[derive(Deserialize)]
struct TokenRefusal {
    /// HubSpot's older endpoint has its machine word in `status`.
    #[serde(alias = "status")]
    error: String,
    #[serde(default, alias = "message")]
    error_description: String,
}

/// Turns a refusal into an error.
pub(crate) fn meaning(answer: &Answer, now: Timestamp) -> VendorError {
    let parsed: Option<TokenRefusal> = serde_json::from_slice(&answer.body).ok();
    let (code, message) = match parsed {
        Some(refusal) => (refusal.error, refusal.error_description),
        None => (format!("http_{}", answer.status), format!("the token endpoint answered {} without saying why", answer.status)),
    };
    let said = message.to_ascii_lowercase();
    let (class, advice) = match code.as_str() {
        _ if said.contains("already being processed") => (Class::Retry, "nothing to do: another refresh of the same token is under way"),
        _ if answer.status == 429 || code == "rate_limit_exceeded" => (
            Class::Wait { until: retry_after(answer, now, Duration::from_secs(60)) },
            "nothing to do: signing in goes on once the vendor's login limit allows it",
        ),
        _ if answer.status >= 500 || answer.status == 420 => (Class::Retry, "nothing to do: signing in is tried again"),
        _ if said.contains("no client credentials user enabled") => {
            (Class::Configuration, "name a run-as user in the client credentials flow of the connected app")
        }
        _ if said.contains("audience") => (Class::Configuration, "set `audience` to the login host: login, test, or the My Domain host"),
        _ if said.contains("approved this consumer") => {
            (Class::Reauthenticate, "pre-authorise the connected app for this user (permitted users, permission set)")
        }
        _ if said.contains("ip restricted") => (Class::Configuration, "allow this server's address in the connected app's IP policy"),
        _ if said.contains("invalid assertion") => (
            Class::Reauthenticate,
            "check that the connected app holds the certificate of `private_key`, and that this machine's clock is right",
        ),
        "invalid_client" | "invalid_client_id" | "invalid_client_credentials" | "unauthorized_client" => {
            (Class::Reauthenticate, "check `client_id` and `client_secret` of this connection")
        }
        "BAD_CLIENT_ID" | "BAD_CLIENT_SECRET" => (Class::Reauthenticate, "check `client_id` and `client_secret` of this connection"),
        "invalid_grant" | "BAD_REFRESH_TOKEN" | "BAD_AUTH_CODE" | "EXPIRED_AUTH_CODE" | "inactive_user" | "inactive_org"
        | "invalid_token" | "access_denied" => {
            (Class::Reauthenticate, "sign in again with `entente connect`: the grant was revoked or has ended, or the user is inactive")
        }
        "unsupported_grant_type" | "invalid_request" | "invalid_scope" | "redirect_uri_mismatch" => {
            (Class::Configuration, "allow this OAuth flow in the app at the vendor, with the scopes the documentation names")
        }
        _ if answer.status == 401 => (Class::Reauthenticate, "check the credentials of this connection"),
        _ if answer.status == 404 => (Class::Configuration, "check `login_url`: there is no token endpoint at this address"),
        _ => (Class::Configuration, "check the credentials and `login_url` of this connection"),
    };
    let message = if message.is_empty() { "the vendor refused to sign us in".to_owned() } else { message };
    VendorError::new(class, code, message, advice).with_status(answer.status)
}
