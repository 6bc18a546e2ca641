//! What the connected app was granted: the answer to signing in says so; a session that somebody else opened is asked about.

use serde::Deserialize;
use serde_json::Value;

use super::Salesforce;
use crate::connector::Priority;
use crate::error::VendorError;
use crate::scopes::{Granted, introspection, listed};
use crate::settings::Auth;
use crate::transport::call::Call;

#[derive(Deserialize)]
struct Introspected {
    scope: Option<Value>,
}

impl Salesforce {
    /// See [`Connector::granted`](crate::connector::Connector::granted).
    pub(super) async fn granted_scopes(&self) -> Result<Granted, VendorError> {
        let session = self.client.session().await?;
        if let Some(scopes) = self.client.granted() {
            return Ok(Granted::Known(scopes));
        }
        let (Auth::RefreshToken { client_id, client_secret, .. } | Auth::ClientCredentials { client_id, client_secret }) =
            &self.client.settings().auth
        else {
            return Ok(Granted::Unknown("Salesforce's answer to signing in named no scopes"));
        };
        let form = introspection(&session.tokens.access, client_id, client_secret);
        let call = Call { body: form, ..Call::new(http::Method::POST, "/services/oauth2/introspect").idempotent() };
        let answer = self.client.call("introspect", Priority::Urgent, call.accept(&[400, 401, 403, 404])).await?;
        let told: Option<Introspected> = if answer.status == 200 { Some(answer.json()?) } else { None };
        match told.and_then(|told| told.scope) {
            Some(Value::String(scopes)) => Ok(Granted::Known(listed(&scopes))),
            _ => Ok(Granted::Unknown("Salesforce lets this app not ask what its token may do")),
        }
    }
}
