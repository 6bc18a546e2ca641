//! What the account granted: asked of the token, in a body and never in an address.

use serde_json::{Value, json};

use super::HubSpot;
use crate::connector::Priority;
use crate::error::VendorError;
use crate::scopes::{Granted, introspection};
use crate::settings::Auth;
use crate::transport::call::Call;

/// Why a key's scopes are not known.
const KEY: &str = "HubSpot does not tell what a service key may do: its scopes are in the account's settings, under Keys";

fn scopes(told: &Value) -> Option<Vec<String>> {
    let list = told["scopes"].as_array()?;
    Some(list.iter().filter_map(|scope| scope.as_str().map(str::to_owned)).collect())
}

impl HubSpot {
    /// See [`Connector::granted`](crate::connector::Connector::granted).
    pub(super) async fn granted_scopes(&self) -> Result<Granted, VendorError> {
        let unknown = match &self.client.settings().auth {
            Auth::AccessToken { .. } => KEY,
            Auth::RefreshToken { .. } => "HubSpot did not tell what its token may do",
            _ => return Ok(Granted::Unknown("HubSpot tells it of its own tokens only")),
        };
        let Some(mut told) = self.token_info(Priority::Urgent).await?.as_ref().and_then(scopes) else {
            return Ok(Granted::Unknown(unknown));
        };
        if let Some(journal) = &self.journal {
            told.extend(journal.granted().await?);
        }
        Ok(Granted::Known(told))
    }

    /// What HubSpot tells of our token: its scopes, and the app that it is of. `None` where it tells nothing.
    pub(super) async fn token_info(&self, priority: Priority) -> Result<Option<Value>, VendorError> {
        let call = match &self.client.settings().auth {
            Auth::AccessToken { token } => Call::post("/oauth/v2/private-apps/get/access-token-info", json!({"tokenKey": token.reveal()})),
            Auth::RefreshToken { client_id, client_secret, .. } => {
                let session = self.client.session().await?;
                let form = introspection(&session.tokens.access, client_id, client_secret);
                Call { body: form, ..Call::new(http::Method::POST, self.paths.introspection()) }
            }
            _ => return Ok(None),
        };
        let answer = self.client.call("token_info", priority, call.idempotent().accept(&[400, 403, 404])).await?;
        if answer.status == 200 { answer.json().map(Some) } else { Ok(None) }
    }
}
