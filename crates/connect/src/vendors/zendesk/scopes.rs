//! What the OAuth client was granted; API tokens have the rights of their agent.

use serde_json::Value;

use super::Zendesk;
use crate::connector::Priority;
use crate::error::VendorError;
use crate::scopes::{Granted, listed};
use crate::settings::Auth;
use crate::transport::call::Call;

impl Zendesk {
    /// See [`Connector::granted`](crate::connector::Connector::granted).
    pub(super) async fn granted_scopes(&self) -> Result<Granted, VendorError> {
        if matches!(self.client.settings().auth, Auth::ApiToken { .. }) {
            return Ok(Granted::Unknown("Zendesk's API tokens have the rights of their agent"));
        }
        let call = Call::get("/api/v2/oauth/tokens/current.json").accept(&[403, 404]);
        let answer = self.client.call("token_info", Priority::Urgent, call).await?;
        if answer.status == 200 {
            let told: Value = answer.json()?;
            let scopes = &told["token"]["scopes"];
            if let Some(list) = scopes.as_array() {
                return Ok(Granted::Known(list.iter().filter_map(|scope| scope.as_str().map(str::to_owned)).collect()));
            }
            if let Some(text) = scopes.as_str() {
                return Ok(Granted::Known(listed(text)));
            }
        }
        // A token without the right to read may not even ask about itself; the answer to signing in said it.
        Ok(self.client.granted().map_or(Granted::Unknown("Zendesk did not tell what the token may do"), Granted::Known))
    }
}
