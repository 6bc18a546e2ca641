//! `[connection.salesforce]`: what only a Salesforce connection has.

use entente_connect::settings::{Changes, SalesforceApi, SalesforceSettings};
use entente_model::spelling::nearest;
use serde::{Deserialize, Serialize};
use toml::Spanned;
use utoipa::ToSchema;

use super::secret::Resolver;

/// Ways of learning of changes.
const CHANGES: &[(&str, Changes)] =
    &[("auto", Changes::Auto), ("outbound", Changes::Outbound), ("cdc", Changes::Cdc), ("poll", Changes::Poll)];

/// APIs of an org.
const APIS: &[(&str, SalesforceApi)] = &[("rest", SalesforceApi::Rest), ("soap", SalesforceApi::Soap)];

/// What only a Salesforce connection has.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SalesforceTable {
    /// How changes in the org are learnt of: `auto` (Change Data Capture where the org offers it and `base_url` is the vendor's own host, else
    /// polls; outbound messages are taken as they come), `outbound` (outbound messages and polls), `cdc` (Change Data Capture; that the org
    /// does not offer it is an error) or `poll`. Without it `auto`.
    #[schema(value_type = Option<String>)]
    pub changes: Option<Spanned<String>>,
    /// Address of the Pub/Sub API, where it is not `https://api.pubsub.salesforce.com:7443` (`https://api.deu.pubsub.salesforce.com:7443` for
    /// data that stays in the EU).
    #[schema(value_type = Option<String>)]
    pub pubsub_url: Option<Spanned<String>>,
    /// By which API rows are read and written: `rest`, or `soap` (the SOAP partner API, for old orgs and networks that let nothing else
    /// through). Without it `rest`.
    #[schema(value_type = Option<String>)]
    pub api: Option<Spanned<String>>,
}

/// Checks the table; `platform` is the connection's.
pub fn check(table: &SalesforceTable, platform: &Spanned<String>, resolver: &mut Resolver<'_>) -> SalesforceSettings {
    if platform.get_ref() != "salesforce" {
        if table.changes.is_some() || table.pubsub_url.is_some() || table.api.is_some() {
            let reason = format!("the connection is one to {}", platform.get_ref());
            resolver.flaw(platform.span(), "connection.salesforce", reason, "take the table out");
        }
        return SalesforceSettings::default();
    }
    let pubsub_url = table.pubsub_url.as_ref().and_then(|text| resolver.web_address(text, "connection.salesforce.pubsub_url"));
    let changes = table.changes.as_ref().and_then(|text| {
        let reason = format!("there is no way `{}` of learning of changes", text.get_ref());
        chosen(text, CHANGES, "connection.salesforce.changes", reason, resolver)
    });
    let api = table.api.as_ref().and_then(|text| {
        let reason = format!("there is no API `{}`", text.get_ref());
        chosen(text, APIS, "connection.salesforce.api", reason, resolver)
    });
    SalesforceSettings {
        changes: changes.unwrap_or(Changes::Auto),
        pubsub_url,
        api: api.unwrap_or_default(),
        ..SalesforceSettings::default()
    }
}

/// The one that a word stands for; another word is a flaw with its remedy.
fn chosen<T: Copy>(
    text: &Spanned<String>,
    known: &[(&'static str, T)],
    key: &str,
    reason: String,
    resolver: &mut Resolver<'_>,
) -> Option<T> {
    let found = known.iter().find(|(name, _)| *name == text.get_ref().as_str()).map(|(_, one)| *one);
    if found.is_none() {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let remedy = nearest(text.get_ref(), names.iter().copied())
            .map_or_else(|| format!("use one of: {}", names.join(", ")), |near| format!("did you mean `{near}`?"));
        resolver.flaw(text.span(), key, reason, remedy);
    }
    found
}
