//! Pipedrive's word that the app was removed: `DELETE` of the app's callback address, with the client as HTTP Basic credentials.
//!
//! Its body is documented nowhere in full. It is read for one thing alone, the company: an app has one callback address, whatever number of
//! companies it is installed in. A user is no reason to take it for another installation, since an admin may remove what somebody else let in.
//! What is wrongly taken for ours heals by itself: the next call after the rest shows that we are still let in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::Pipedrive;
use super::wire::id_text;
use crate::error::{Class, VendorError};
use crate::settings::{Auth, Secret};
use crate::webhook::{Incoming, WebhookError};

/// Code of the refusal that follows from it.
const REMOVED: &str = "app_removed";

fn unverified(reason: &str) -> WebhookError {
    let remedy = "the call must carry the client id and secret of this connection's app, and proxies must pass the Authorization header on";
    WebhookError::Unverified { reason: reason.to_owned(), remedy }
}

/// Verifies that the call carries the credentials of our app.
fn verify(call: &Incoming, auth: &Auth) -> Result<(), WebhookError> {
    let Auth::RefreshToken { client_id, client_secret, .. } = auth else {
        return Err(unverified("this connection is not one of an app"));
    };
    let given = call.headers.get("authorization").and_then(|text| text.split_once(' '));
    // The scheme's name is written as one likes (RFC 7235).
    let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic")).and_then(|(_, text)| STANDARD.decode(text.trim()).ok());
    let given = given.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    // Both together, so that no answer tells which of the two was wrong.
    let ours = Secret::new(format!("{client_id}:{}", client_secret.reveal()));
    let is_ours = !client_secret.is_empty() && ours.is(&given);
    if is_ours { Ok(()) } else { Err(unverified("the credentials are not those of our app")) }
}

/// The company that the call is about, where it tells.
fn company(call: &Incoming) -> Option<String> {
    let body: Value = serde_json::from_slice(&call.body).ok()?;
    id_text(&body["company_id"])
}

impl Pipedrive {
    /// See [`Connector::removed`](crate::connector::Connector::removed).
    pub(super) async fn app_removed(&self, call: &Incoming) -> Result<Option<VendorError>, WebhookError> {
        let settings = self.client.settings();
        verify(call, &settings.auth)?;
        let ours = settings.webhooks.organization.clone().or_else(|| self.known_me().map(|me| me.company)).filter(|id| !id.is_empty());
        if let (Some(told), Some(ours)) = (company(call), ours)
            && told != ours
        {
            return Ok(None);
        }
        if let Err(error) = self.client.let_go().await {
            // Pipedrive refuses what is left of it.
            tracing::warn!(connection = settings.name, %error, "the session of an app that was removed could not be let go of");
        }
        Ok(Some(VendorError::new(
            Class::Reauthenticate,
            REMOVED,
            "the app was removed at Pipedrive",
            "let it in again with `entente connect pipedrive` (and `--name` for a connection of another name), and start the server again",
        )))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn call(credentials: Option<&str>, body: &str) -> Incoming {
        let headers = credentials.map(|given| ("authorization".to_owned(), given.to_owned())).into_iter().collect::<BTreeMap<_, _>>();
        Incoming { headers, body: body.as_bytes().to_vec() }
    }

    fn app(secret: &str) -> Auth {
        Auth::RefreshToken { client_id: "app".to_owned(), client_secret: Secret::new(secret), refresh_token: Secret::new("refresh") }
    }

    fn basic(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn only_the_app_s_own_credentials_are_believed() {
        let good = |given: Option<&str>, auth: &Auth| verify(&call(given, ""), auth).is_ok();
        assert!(good(Some(&basic("app:secret")), &app("secret")));
        assert!(good(Some(&basic("app:secret").replace("Basic", "basic")), &app("secret")));
        for wrong in ["app:other", "other:secret", "app:", ":secret", "app", "", "app:secret2"] {
            assert!(!good(Some(&basic(wrong)), &app("secret")), "{wrong}");
        }
        for wrong in ["Basic", "Basic !!!", "Bearer app:secret", "app:secret"] {
            assert!(!good(Some(wrong), &app("secret")), "{wrong}");
        }
        assert!(!good(None, &app("secret")));
        assert!(!good(Some(&basic("app:")), &app("")), "an app without a secret can prove nothing");
        let personal = Auth::AccessToken { token: Secret::new("secret") };
        assert!(!good(Some(&basic("app:secret")), &personal));
    }

    #[test]
    fn the_company_is_read_in_whatever_form_it_is_told() {
        assert_eq!(company(&call(None, r#"{"company_id":7,"user_id":1}"#)).as_deref(), Some("7"));
        assert_eq!(company(&call(None, r#"{"company_id":"7"}"#)).as_deref(), Some("7"));
        for silent in ["", "{}", "client_id=app&company_id=7", "[]", r#"{"company_id":null}"#] {
            assert_eq!(company(&call(None, silent)), None, "{silent}");
        }
    }
}
