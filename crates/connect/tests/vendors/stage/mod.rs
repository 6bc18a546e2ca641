//! What every story of a connector stands on: time that moves by hand, a wire, a vault, settings.

pub mod line;
pub mod network;
pub mod rows;
pub mod time;
pub mod vault;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use entente_connect::settings::{Auth, ConnectionSettings, WebhookSettings};
use entente_connect::transport::Surroundings;
use entente_connect::transport::wire::Wire;
use entente_model::mapping::Role;
use time::Hands;
use vault::Pocket;

/// Settings of a connection that is named like its platform, without anything that is optional.
pub fn settings(platform: &str, role: Role, base_url: &str, auth: Auth) -> ConnectionSettings {
    ConnectionSettings {
        name: platform.to_owned(),
        platform: platform.to_owned(),
        description: None,
        role,
        base_url: base_url.parse().unwrap(),
        login_url: None,
        follow_instance_url: false,
        api_version: None,
        headers: BTreeMap::new(),
        proxy: None,
        auth,
        webhooks: WebhookSettings::default(),
        actors: BTreeMap::new(),
        daily_calls: None,
        salesforce: entente_connect::settings::SalesforceSettings::default(),
        hubspot: entente_connect::settings::HubSpotSettings::default(),
    }
}

/// Surroundings with an empty vault.
pub fn surroundings(wire: Arc<dyn Wire>, hands: &Arc<Hands>) -> Surroundings {
    surroundings_with(wire, hands, &Arc::default())
}

/// Surroundings with a vault that others have as well.
pub fn surroundings_with(wire: Arc<dyn Wire>, hands: &Arc<Hands>, vault: &Arc<Pocket>) -> Surroundings {
    Surroundings { wire, time: Arc::clone(hands) as _, vault: Arc::clone(vault) as _, latency_target: Duration::from_secs(3) }
}
