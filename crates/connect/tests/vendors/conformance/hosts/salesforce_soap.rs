//! An org of Salesforce that is spoken to in SOAP.

use std::sync::Arc;

use entente_connect::settings::{Auth, ConnectionSettings, SalesforceApi, SalesforceSettings, Secret};

use super::salesforce;
use crate::conformance::host::Given;
use crate::stage::time::Hands;

pub fn start(hands: &Arc<Hands>) -> Given {
    let auth = Auth::Password {
        username: "integration@acme.example".to_owned(),
        password: Secret::new("sim-pass"),
        security_token: Secret::new("word"),
    };
    let given = salesforce::with(hands, auth);
    let api = SalesforceSettings { api: SalesforceApi::Soap, ..SalesforceSettings::default() };
    Given { settings: ConnectionSettings { salesforce: api, ..given.settings }, ..given }
}
