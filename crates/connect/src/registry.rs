//! Every platform there is. Whoever is in this list and says that it can do something is tested by the whole conformance suite.

use std::sync::Arc;

use crate::connector::Connector;
use crate::settings::ConnectionSettings;
use crate::spec::Spec;
use crate::transport::Surroundings;
use crate::vendors::{dynamics, freshdesk, hubspot, intercom, pipedrive, rest, salesforce, zendesk};

/// Why a connection cannot be set up. Says which setting and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("connection `{connection}`: {reason}; {remedy}")]
pub struct SetupError {
    /// Name of the connection.
    pub connection: String,
    /// What is wrong, naming the setting.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

/// Builds a connector from settings and what surrounds it.
type Build = fn(ConnectionSettings, Surroundings) -> Result<Arc<dyn Connector>, SetupError>;

/// One platform.
pub struct Platform {
    /// Its facts.
    pub spec: &'static Spec,
    /// Its constructor.
    pub build: Build,
}

/// All platforms.
pub static ALL: &[Platform] = &[
    Platform { spec: &salesforce::SPEC, build: salesforce::build },
    Platform { spec: &hubspot::SPEC, build: hubspot::build },
    Platform { spec: &pipedrive::SPEC, build: pipedrive::build },
    Platform { spec: &dynamics::SPEC, build: dynamics::build },
    Platform { spec: &zendesk::SPEC, build: zendesk::build },
    Platform { spec: &freshdesk::SPEC, build: freshdesk::build },
    Platform { spec: &intercom::SPEC, build: intercom::build },
    Platform { spec: &rest::SPEC, build: rest::build },
];

/// Builds the connector of a connection.
///
/// # Errors
/// When the platform is unknown or the settings do not fit it.
pub fn connect(settings: ConnectionSettings, surroundings: Surroundings) -> Result<Arc<dyn Connector>, SetupError> {
    let Some(platform) = ALL.iter().find(|platform| platform.spec.key == settings.platform) else {
        let known: Vec<&str> = ALL.iter().map(|platform| platform.spec.key).collect();
        return Err(SetupError {
            connection: settings.name.clone(),
            reason: format!("platform `{}` is not known", settings.platform),
            remedy: format!("use one of: {}", known.join(", ")),
        });
    };
    (platform.build)(settings, surroundings)
}
