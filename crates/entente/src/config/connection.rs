//! `[[connection]]`: one account on a platform.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use entente_connect::registry;
use entente_connect::settings::{Auth, ConnectionSettings, Secret, WebhookSettings};
use entente_model::mapping::Role;
use entente_model::spelling::nearest;
use serde::{Deserialize, Serialize};
use toml::Spanned;
use utoipa::ToSchema;

use super::description;
use super::hubspot::{self, HubSpotTable};
use super::salesforce::{self, SalesforceTable};
use super::secret::{Resolver, SecretSource};

/// Longest name of a connection, in characters: it is part of keys, paths and metric labels.
const NAME_CHARS: usize = 64;

/// Kinds of hands that users can be marked as.
const ACTORS: &[&str] = &["self_service", "sales", "support", "automation", "integration"];

/// Kinds of credentials.
const KINDS: &[&str] = &["client_credentials", "jwt_bearer", "refresh_token", "api_token", "access_token", "password"];

/// One account on a platform. The order does not matter.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionTable {
    /// Name, unique in this file: letters, digits, `-`, `_` and `.`, at most 64. It is part of webhook addresses, so do not change it later.
    #[schema(value_type = String)]
    pub name: Spanned<String>,
    /// Platform: `salesforce`, `hubspot`, `pipedrive`, `dynamics`, `zendesk`, `freshdesk`, `intercom`, or `rest` for one that a YAML file describes.
    #[schema(value_type = String)]
    pub platform: Spanned<String>,
    /// The YAML file that describes the platform, where it is `rest` (docs/connectors.md).
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub description: Option<Spanned<String>>,
    /// The part it plays: `crm` or `support`. Without it, what the platform usually is.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub role: Option<Role>,
    /// Address of the account: the vendor's host, or a gateway in front of it. A description may name a usual one; every other platform
    /// needs it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub base_url: Option<Spanned<String>>,
    /// Address for signing in, where it differs (Salesforce: `https://login.salesforce.com` or the My Domain; Pipedrive's is known;
    /// Dynamics 365: `https://login.microsoftonline.com/TENANT`, behind a gateway with `?resource=https://ORG.crm.dynamics.com`).
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub login_url: Option<Spanned<String>>,
    /// Whether the data host that the vendor names at sign-in replaces `base_url`. Turn it off behind a gateway.
    #[serde(default = "yes")]
    #[schema(value_type = bool)]
    pub follow_instance_url: bool,
    /// API version, where the platform has several (Salesforce: `67.0`; HubSpot: `v3` or `2026-09`; Intercom: `2.16`, `2.15` or `2.14`). Without it the version the connector was made for.
    #[serde(default)]
    pub api_version: Option<String>,
    /// Headers added to each call, for gateways. Values may be secret.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub headers: BTreeMap<String, Spanned<SecretSource>>,
    /// Proxy for all calls of this connection (`http://proxy:3128`).
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub proxy: Option<Spanned<String>>,
    /// Credentials, a table of its own.
    #[schema(value_type = Object)]
    pub auth: Spanned<AuthTable>,
    /// How webhooks are verified, a table of its own.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub webhooks: WebhooksTable,
    /// The vendor's user ids by kind of hand, to tell who changed a row: `self_service` (the customers' own portal), `sales` and `support`
    /// (people of either trade, where the platform takes them for another: Salesforce's agents and admins count as sales unless they are
    /// listed), `automation` and `integration` (other programs), each a list. What is listed here comes before what the platform says.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub actors: BTreeMap<String, Vec<String>>,
    /// Calls per day that Entente may spend, if less than the vendor's quota.
    #[serde(default)]
    pub daily_calls: Option<u64>,
    /// What only Salesforce has, a table of its own.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub salesforce: SalesforceTable,
    /// What only HubSpot has, a table of its own.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub hubspot: HubSpotTable,
}

fn yes() -> bool {
    true
}

/// Credentials. Which keys are needed depends on `kind`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthTable {
    /// `client_credentials` (client_id, client_secret), `jwt_bearer` (client_id, username, private_key, audience), `refresh_token`
    /// (client_id, client_secret, refresh_token), `api_token` (email, token), `access_token` (token; HubSpot's service keys, API tokens of
    /// Pipedrive's users, Freshdesk's API keys, access tokens of Intercom's apps) or `password` (username, password, security_token; Salesforce's
    /// SOAP login, for orgs without a connected app).
    #[schema(value_type = String)]
    pub kind: Spanned<String>,
    /// OAuth client id.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub client_id: Option<Spanned<SecretSource>>,
    /// OAuth client secret. Secret.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub client_secret: Option<Spanned<SecretSource>>,
    /// User name on whose behalf we act (Salesforce JWT, SOAP login).
    #[serde(default)]
    pub username: Option<String>,
    /// Audience of the assertion (Salesforce JWT). Without it `https://login.salesforce.com`; sandboxes use `https://test.salesforce.com`.
    #[serde(default)]
    pub audience: Option<String>,
    /// RSA private key, PEM. Secret; usually `{ file = "salesforce.pem" }`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub private_key: Option<Spanned<SecretSource>>,
    /// Password of that user (Salesforce SOAP login). Secret.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub password: Option<Spanned<SecretSource>>,
    /// Security token that goes behind the password (Salesforce SOAP login); without it none, which trusted networks allow. Secret.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub security_token: Option<Spanned<SecretSource>>,
    /// The refresh token, got once by signing in. Later ones are kept, encrypted, in the database. Secret.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub refresh_token: Option<Spanned<SecretSource>>,
    /// E-mail of the user the API token belongs to (Zendesk).
    #[serde(default)]
    pub email: Option<String>,
    /// Whether the secrets of these credentials are in the database, encrypted, where `entente connect` put them.
    #[serde(default)]
    pub stored: bool,
    /// API token (Zendesk; the vendor ends these on 2027-04-30), access token (HubSpot, Intercom), API token of a user (Pipedrive) or API key
    /// (Freshdesk). Secret.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub token: Option<Spanned<SecretSource>>,
}

/// How webhooks of a connection are verified.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebhooksTable {
    /// Signing secret (Zendesk; at HubSpot and Intercom the app's client secret; at Freshdesk the secret that the automation rules send, at
    /// Pipedrive the webhooks' password, at Dynamics 365 the header that the service endpoint sends). Without it the one that
    /// `entente provision --apply` read or made and keeps encrypted, or at HubSpot the one in `auth`. Secret.
    #[schema(value_type = Option<String>)]
    pub signing_secret: Option<Spanned<SecretSource>>,
    /// Organisation id that must stand in every message (Salesforce, Dynamics 365; at HubSpot the account id, at Pipedrive the company id, at
    /// Intercom the workspace's id).
    pub organization: Option<String>,
    /// Address as the vendor calls it, where it signs the address too (HubSpot) and a proxy changes it on the way.
    #[schema(value_type = Option<String>)]
    pub address: Option<Spanned<String>>,
    /// Secret last part of the webhook's address, where the platform does not sign (Salesforce): `/hooks/<name>/<path_secret>`. Without it
    /// the one that `entente provision --apply` made and keeps encrypted. Secret.
    #[schema(value_type = Option<String>)]
    pub path_secret: Option<Spanned<SecretSource>>,
}

/// Checks all connections and looks their secrets up. Those with flaws are left out; the flaws are with the resolver.
pub fn check(tables: Vec<Spanned<ConnectionTable>>, resolver: &mut Resolver<'_>) -> Vec<ConnectionSettings> {
    let mut names = BTreeSet::new();
    let mut connections = Vec::new();
    for table in tables {
        let table = table.into_inner();
        if !names.insert(table.name.get_ref().clone()) {
            resolver.flaw(
                table.name.span(),
                "connection.name",
                format!("there are two connections named `{}`", table.name.get_ref()),
                "give each a name of its own",
            );
        }
        connections.extend(check_one(table, resolver));
    }
    connections
}

fn check_one(table: ConnectionTable, resolver: &mut Resolver<'_>) -> Option<ConnectionSettings> {
    let name = table.name.get_ref().clone();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > NAME_CHARS || !name.chars().all(plain) {
        let remedy = format!("use letters, digits, `-`, `_` and `.`, at most {NAME_CHARS}");
        resolver.flaw(table.name.span(), "connection.name", format!("`{name}` cannot be a name"), remedy);
    }
    let platform = registry::ALL.iter().find(|platform| platform.spec.key == table.platform.get_ref().as_str());
    if platform.is_none() {
        let known = || registry::ALL.iter().map(|platform| platform.spec.key);
        let remedy = nearest(table.platform.get_ref(), known())
            .map_or_else(|| format!("use one of: {}", known().collect::<Vec<_>>().join(", ")), |near| format!("did you mean `{near}`?"));
        resolver.flaw(table.platform.span(), "connection.platform", format!("there is no platform `{}`", table.platform.get_ref()), remedy);
    }
    let description = description::of(&table, resolver);
    let base_url = match (&table.base_url, description.as_ref().and_then(|description| description.base_url.clone())) {
        (Some(address), _) => resolver.web_address(address, "connection.base_url"),
        (None, Some(usual)) => resolver.web_address(&Spanned::new(table.name.span(), usual), "connection.base_url"),
        (None, None) => {
            let remedy = "add the address of the account, such as https://example.my.salesforce.com";
            resolver.flaw(table.name.span(), "connection.base_url", "the key `base_url` is missing", remedy);
            None
        }
    };
    let described = table.platform.get_ref() == "rest";
    if described && description.is_none() {
        return None;
    }
    let login_url = table.login_url.as_ref().and_then(|text| resolver.web_address(text, "connection.login_url"));
    let address = table.webhooks.address.as_ref().and_then(|text| resolver.web_address(text, "connection.webhooks.address"));
    let proxy = table.proxy.as_ref().and_then(|text| proxy_address(text, resolver));
    check_actors(&table, resolver);
    let salesforce = salesforce::check(&table.salesforce, &table.platform, resolver);
    let hubspot = hubspot::check(&table.hubspot, &table.platform, resolver);
    if table.daily_calls == Some(0) {
        let reason = "0 would forbid every call".to_owned();
        resolver.flaw(table.name.span(), "connection.daily_calls", reason, "take the connection out, or name a number of calls");
    }
    let headers = table.headers.iter().filter_map(|(name, source)| Some((name.clone(), header(name, source, resolver)?))).collect();
    let span = table.auth.span();
    let auth = check_auth(table.auth.into_inner(), span, resolver);
    let mut optional = |source: &Option<Spanned<SecretSource>>, key: &str| {
        source.as_ref().and_then(|source| resolver.secret(source, key)).unwrap_or_default()
    };
    let webhooks = WebhookSettings {
        address,
        signing_secret: optional(&table.webhooks.signing_secret, "connection.webhooks.signing_secret"),
        path_secret: optional(&table.webhooks.path_secret, "connection.webhooks.path_secret"),
        organization: table.webhooks.organization,
    };
    if webhooks.path_secret.reveal().contains('/') {
        resolver.flaw(
            table.name.span(),
            "connection.webhooks.path_secret",
            "it holds a slash and so cannot be one part of an address",
            "use letters and digits only",
        );
    }
    Some(ConnectionSettings {
        name,
        platform: table.platform.into_inner(),
        role: table.role.or(description.as_ref().map(|description| description.role)).or(platform.map(|platform| platform.spec.role))?,
        description,
        base_url: base_url?,
        login_url,
        follow_instance_url: table.follow_instance_url,
        api_version: table.api_version,
        headers,
        proxy,
        auth: auth?,
        webhooks,
        actors: table.actors,
        daily_calls: table.daily_calls,
        salesforce,
        hubspot,
    })
}

/// The value of a header. It may be secret, so it is never quoted.
fn header(name: &str, source: &Spanned<SecretSource>, resolver: &mut Resolver<'_>) -> Option<Secret> {
    let key = format!("connection.headers.{name}");
    if http::HeaderName::try_from(name).is_err() {
        let remedy = "use letters, digits and `-`, such as X-Gateway-Key";
        resolver.flaw(source.span(), key.as_str(), format!("`{name}` cannot be the name of a header"), remedy);
    }
    let value = resolver.secret(source, &key)?;
    if http::HeaderValue::try_from(value.reveal()).is_err() {
        let remedy = "take line breaks and invisible characters out of it";
        resolver.flaw(source.span(), key, "the value holds characters that cannot be sent", remedy);
    }
    Some(value)
}

/// Kinds of hands are a closed list, and a list without ids marks nobody.
fn check_actors(table: &ConnectionTable, resolver: &mut Resolver<'_>) {
    for (kind, ids) in &table.actors {
        let key = format!("connection.actors.{kind}");
        if !ACTORS.contains(&kind.as_str()) {
            let remedy = nearest(kind, ACTORS.iter().copied())
                .map_or_else(|| format!("use one of: {}", ACTORS.join(", ")), |near| format!("did you mean `{near}`?"));
            resolver.flaw(table.name.span(), key, format!("there is no kind of hand `{kind}`"), remedy);
        } else if ids.is_empty() || ids.iter().any(|id| id.trim().is_empty()) {
            resolver.flaw(
                table.name.span(),
                key,
                "a user without an id cannot be recognised",
                "list the vendor's user ids, or take the key out",
            );
        }
    }
}

/// A proxy's address may hold a password, so it is never quoted.
fn proxy_address(text: &Spanned<String>, resolver: &mut Resolver<'_>) -> Option<url::Url> {
    match url::Url::parse(text.get_ref()) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.host_str().is_some() => Some(url),
        _ => {
            resolver.flaw(
                text.span(),
                "connection.proxy",
                "this is not the address of a proxy",
                "write it like http://proxy.example.com:3128",
            );
            None
        }
    }
}

fn check_auth(table: AuthTable, span: Range<usize>, resolver: &mut Resolver<'_>) -> Option<Auth> {
    let kind = table.kind.get_ref().as_str();
    let mut secret = |source: &Option<Spanned<SecretSource>>, key: &str| -> Option<Secret> {
        let full = format!("connection.auth.{key}");
        if let Some(source) = source {
            resolver.secret(source, &full)
        } else if table.stored && key != "client_id" {
            // What is kept goes in when the database is open.
            Some(Secret::default())
        } else {
            resolver.flaw(span.clone(), full, format!("credentials of kind {kind} need `{key}`"), "add it to `auth`");
            None
        }
    };
    match kind {
        "client_credentials" => {
            let (id, client_secret) = (secret(&table.client_id, "client_id"), secret(&table.client_secret, "client_secret"));
            Some(Auth::ClientCredentials { client_id: id?.reveal().to_owned(), client_secret: client_secret? })
        }
        "jwt_bearer" => {
            let (id, private_key) = (secret(&table.client_id, "client_id"), secret(&table.private_key, "private_key"));
            let username = needed(table.username, "username", kind, &span, resolver);
            let audience = table.audience.unwrap_or_else(|| "https://login.salesforce.com".to_owned());
            Some(Auth::JwtBearer { client_id: id?.reveal().to_owned(), username: username?, audience, private_key: private_key? })
        }
        "refresh_token" => {
            let id = secret(&table.client_id, "client_id");
            let (client_secret, refresh_token) =
                (secret(&table.client_secret, "client_secret"), secret(&table.refresh_token, "refresh_token"));
            Some(Auth::RefreshToken { client_id: id?.reveal().to_owned(), client_secret: client_secret?, refresh_token: refresh_token? })
        }
        "api_token" => {
            let token = secret(&table.token, "token");
            let email = needed(table.email, "email", kind, &span, resolver);
            if email.as_deref().is_some_and(|email| !email.contains('@')) {
                let remedy = "use the address of the user whom the token belongs to";
                resolver.flaw(span.clone(), "connection.auth.email", "this is not an e-mail address", remedy);
            }
            Some(Auth::ApiToken { email: email?, token: token? })
        }
        "password" => {
            let password = secret(&table.password, "password");
            let security_token = table.security_token.as_ref().map(|_| secret(&table.security_token, "security_token"));
            let username = needed(table.username, "username", kind, &span, resolver);
            Some(Auth::Password {
                username: username?,
                password: password?,
                security_token: security_token.unwrap_or(Some(Secret::default()))?,
            })
        }
        "access_token" => Some(Auth::AccessToken { token: secret(&table.token, "token")? }),
        other => {
            let remedy = nearest(other, KINDS.iter().copied())
                .map_or_else(|| format!("use one of: {}", KINDS.join(", ")), |near| format!("did you mean `{near}`?"));
            resolver.flaw(table.kind.span(), "connection.auth.kind", format!("there is no kind of credentials `{other}`"), remedy);
            None
        }
    }
}

fn needed(value: Option<String>, key: &str, kind: &str, span: &Range<usize>, resolver: &mut Resolver<'_>) -> Option<String> {
    if value.is_none() {
        resolver.flaw(
            span.clone(),
            format!("connection.auth.{key}"),
            format!("credentials of kind {kind} need `{key}`"),
            "add it to `auth`",
        );
    }
    value
}
