//! A company at Pipedrive, seen through the description that is shipped as an example.

use std::sync::Arc;

use entente_connect::settings::ConnectionSettings;

use crate::conformance::host::Given;
use crate::rest::described::description;
use crate::stage::time::Hands;

pub fn start(hands: &Arc<Hands>) -> Given {
    let given = super::pipedrive::start(hands);
    let (name, platform) = ("rest".to_owned(), "rest".to_owned());
    Given { settings: ConnectionSettings { name, platform, description: Some(description()), ..given.settings }, ..given }
}
