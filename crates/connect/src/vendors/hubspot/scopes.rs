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
        let (call, unknown) = match &self.client.settings().auth {
            Auth::AccessToken { token } => {
                (Call::post("/oauth/v2/private-apps/get/access-token-info", json!({"tokenKey": token.reveal()})), KEY)
            }
            Auth::RefreshToken { client_id, client_secret, .. } => {
                let session = self.client.session().await?;
                let form = introspection(&session.tokens.access, client_id, client_secret);
                let call = Call { body: form, ..Call::new(http::Method::POST, self.paths.introspection()) };
                (call, "HubSpot did not tell what its token may do")
            }
            _ => return Ok(Granted::Unknown("HubSpot tells it of its own tokens only")),
        };
        let answer = self.client.call("token_info", Priority::Urgent, call.idempotent().accept(&[400, 403, 404])).await?;
        let told: Option<Vec<String>> = if answer.status == 200 { scopes(&answer.json()?) } else { None };
        let Some(mut told) = told else { return Ok(Granted::Unknown(unknown)) };
        if let Some(journal) = &self.journal {
            told.extend(journal.granted().await?);
        }
        Ok(Granted::Known(told))
    }
}
