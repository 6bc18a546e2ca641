//! What our user may do: privileges that come with its security roles (`RetrieveUserPrivileges`, by names such as `prvReadAccount`).

use serde_json::Value;

use super::Dynamics;
use super::wire::ROOT;
use crate::connector::{Connector, Priority};
use crate::error::VendorError;
use crate::scopes::Granted;
use crate::transport::call::Call;

const UNKNOWN: &str = "this environment does not tell which privileges our user has: look at its security roles";

impl Dynamics {
    /// See [`Connector::granted`](crate::connector::Connector::granted).
    pub(super) async fn granted_privileges(&self) -> Result<Granted, VendorError> {
        let user = self.check().await?.user_id;
        let path = format!("{ROOT}/systemusers({user})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()");
        let answer = self.client.call("privileges", Priority::Urgent, Call::get(path).accept(&[400, 403, 404, 501])).await?;
        if answer.status != 200 {
            return Ok(Granted::Unknown(UNKNOWN));
        }
        let told: Value = answer.json()?;
        let named: Vec<String> = told["RolePrivileges"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|privilege| privilege["PrivilegeName"].as_str().map(str::to_owned))
            .collect();
        // Older environments give numbers and no names.
        Ok(if named.is_empty() { Granted::Unknown(UNKNOWN) } else { Granted::Known(named) })
    }
}
