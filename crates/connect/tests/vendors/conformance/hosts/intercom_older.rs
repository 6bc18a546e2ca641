//! A workspace of Intercom that is spoken to in an older version.

use std::sync::Arc;

use entente_connect::settings::ConnectionSettings;

use super::intercom;
use crate::conformance::host::Given;
use crate::stage::time::Hands;

pub fn start(hands: &Arc<Hands>) -> Given {
    let given = intercom::start(hands);
    Given { settings: ConnectionSettings { api_version: Some("2.14".to_owned()), ..given.settings }, ..given }
}
