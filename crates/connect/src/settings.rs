//! Settings of one connection.

use std::collections::BTreeMap;
use std::fmt;

use entente_model::mapping::Role;
use ring::{digest, hmac};
use url::Url;

/// A text that must not be shown. `Debug` and `Display` print a mask.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: only for the place that sends or verifies it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `given` is the same text, in a time that does not depend on where the two differ.
    #[must_use]
    pub fn is(&self, given: &str) -> bool {
        // Verifying a MAC under a fixed key compares in constant time; the key need not be secret for that.
        let key = hmac::Key::new(hmac::HMAC_SHA256, digest::digest(&digest::SHA256, self.0.as_bytes()).as_ref());
        hmac::verify(&key, given.as_bytes(), hmac::sign(&key, self.0.as_bytes()).as_ref()).is_ok()
    }

    /// Whether nothing was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// How a connection proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// OAuth 2 client credentials.
    ClientCredentials {
        /// Client id.
        client_id: String,
        /// Client secret.
        client_secret: Secret,
    },
    /// OAuth 2 JWT bearer (Salesforce).
    JwtBearer {
        /// Client id, the `iss` of the assertion.
        client_id: String,
        /// User name, the `sub`.
        username: String,
        /// Login host, the `aud`.
        audience: String,
        /// RSA private key, PEM.
        private_key: Secret,
    },
    /// OAuth 2 refresh token, got once by authorization code.
    RefreshToken {
        /// Client id.
        client_id: String,
        /// Client secret.
        client_secret: Secret,
        /// The first refresh token; later ones are in the vault.
        refresh_token: Secret,
    },
    /// A user's e-mail and API token (Zendesk; ends on 2027-04-30).
    ApiToken {
        /// The user's e-mail.
        email: String,
        /// The token.
        token: Secret,
    },
    /// A user's name and password, with which one logs in for a session (Salesforce's SOAP login, for orgs without a connected app).
    Password {
        /// User name.
        username: String,
        /// Password.
        password: Secret,
        /// Security token, which goes behind the password; blank where the network is trusted.
        security_token: Secret,
    },
    /// A token that does not end by itself and goes out alone (HubSpot's service keys and private apps, API tokens of Pipedrive's users,
    /// Freshdesk's API keys, tokens of Intercom's apps).
    AccessToken {
        /// The token.
        token: Secret,
    },
}

/// How webhooks of a connection are verified.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookSettings {
    /// Signing secret (Zendesk; at HubSpot and Intercom the app's client secret; at Freshdesk the secret in a header of the rule, at
    /// Pipedrive the webhooks' password, at Dynamics 365 the header of the service endpoint).
    pub signing_secret: Secret,
    /// Address as the vendor calls it, where it signs the address too (HubSpot) and a proxy changes it on the way.
    pub address: Option<Url>,
    /// Organisation id that must stand in the message (Salesforce, HubSpot, Pipedrive, Dynamics 365).
    pub organization: Option<String>,
    /// Secret last part of the webhook's path, where the platform does not sign (Salesforce).
    pub path_secret: Secret,
}

/// How a connection learns of changes in a Salesforce org.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Changes {
    /// Change Data Capture where the org offers it and is spoken to directly, else polls; outbound messages are taken as they come.
    Auto,
    /// Outbound messages, and polls for what they do not tell.
    #[default]
    Outbound,
    /// Change Data Capture. That the org does not offer it is an error.
    Cdc,
    /// Polls alone.
    Poll,
}

/// The API by which a Salesforce org is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SalesforceApi {
    /// REST, with collections, composite calls and bulk jobs.
    #[default]
    Rest,
    /// The SOAP partner API, for old orgs and networks that let nothing else through.
    Soap,
}

/// What only a Salesforce connection has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SalesforceSettings {
    /// How changes are learnt of.
    pub changes: Changes,
    /// Where the Pub/Sub API answers, if not at the vendor's own address.
    pub pubsub_url: Option<Url>,
    /// By which API rows are read and written.
    pub api: SalesforceApi,
    /// Currency of amounts that name none; an org with one currency alone has this one. Blank: US dollars.
    pub home_currency: String,
}

/// How a connection learns of changes in a HubSpot account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HubSpotChanges {
    /// Webhooks as they come, and polls for what they do not tell.
    #[default]
    Webhooks,
    /// The webhooks journal, which we read by ourselves, and polls for what it does not tell. For hubs that no webhook can reach.
    Journal,
}

/// What only a HubSpot connection has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HubSpotSettings {
    /// How changes are learnt of.
    pub changes: HubSpotChanges,
}

/// One configured account on a platform.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    /// Name, unique in the instance (`salesforce`, `zendesk-eu`).
    pub name: String,
    /// Platform key.
    pub platform: String,
    /// The description of the platform, where it is `rest`.
    pub description: Option<std::sync::Arc<crate::vendors::rest::description::Description>>,
    /// The part it plays.
    pub role: Role,
    /// Base URL of the API: the vendor's host or a gateway in front of it.
    pub base_url: Url,
    /// Base URL for signing in, if it differs.
    pub login_url: Option<Url>,
    /// Whether the token answer's own data host replaces `base_url` (Salesforce's `instance_url`). Off behind a gateway.
    pub follow_instance_url: bool,
    /// API version, if the platform has several.
    pub api_version: Option<String>,
    /// Headers added to each call, for gateways.
    pub headers: BTreeMap<String, Secret>,
    /// Proxy for all calls.
    pub proxy: Option<Url>,
    /// Credentials.
    pub auth: Auth,
    /// Webhooks.
    pub webhooks: WebhookSettings,
    /// Vendor ids of users by actor kind, to tell who changed a row where the vendor only gives the user
    /// (`self_service`, `automation`, `integration` → ids).
    pub actors: BTreeMap<String, Vec<String>>,
    /// Calls per day that are ours to spend, if less than the vendor's quota.
    pub daily_calls: Option<u64>,
    /// What only Salesforce has.
    pub salesforce: SalesforceSettings,
    /// What only HubSpot has.
    pub hubspot: HubSpotSettings,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_compared_whole() {
        let secret = Secret::new("s3cret");
        assert!(secret.is("s3cret"));
        assert!(!secret.is("s3cre") && !secret.is("s3cret!") && !secret.is(""));
    }
}
