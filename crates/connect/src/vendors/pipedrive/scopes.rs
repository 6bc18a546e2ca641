//! What the app was granted: only the answer to a renewal says so. API tokens have the rights of their user.

use super::Pipedrive;
use crate::error::VendorError;
use crate::scopes::Granted;
use crate::settings::Auth;

impl Pipedrive {
    /// See [`Connector::granted`](crate::connector::Connector::granted).
    pub(super) async fn granted_scopes(&self) -> Result<Granted, VendorError> {
        if !matches!(self.client.settings().auth, Auth::RefreshToken { .. }) {
            return Ok(Granted::Unknown("Pipedrive's API tokens have the rights of their user"));
        }
        let session = self.client.session().await?;
        if self.client.granted().is_none() {
            // The session was kept by another process; what it may do is said with a new one.
            self.client.renew(session.generation).await?;
        }
        Ok(self.client.granted().map_or(Granted::Unknown("Pipedrive did not tell what the token may do"), Granted::Known))
    }
}
