//! `[connection.salesforce]`: what only a Salesforce connection has.

use entente_connect::settings::{Changes, SalesforceSettings};
use entente_model::spelling::nearest;
use serde::{Deserialize, Serialize};
use toml::Spanned;
use utoipa::ToSchema;

use super::secret::Resolver;

/// Ways of learning of changes.
const CHANGES: &[(&str, Changes)] =
    &[("auto", Changes::Auto), ("outbound", Changes::Outbound), ("cdc", Changes::Cdc), ("poll", Changes::Poll)];

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
}

/// Checks the table; `platform` is the connection's.
pub fn check(table: &SalesforceTable, platform: &Spanned<String>, resolver: &mut Resolver<'_>) -> SalesforceSettings {
    if platform.get_ref() != "salesforce" {
        if table.changes.is_some() || table.pubsub_url.is_some() {
            let reason = format!("the connection is one to {}", platform.get_ref());
            resolver.flaw(platform.span(), "connection.salesforce", reason, "take the table out");
        }
        return SalesforceSettings::default();
    }
    let pubsub_url = table.pubsub_url.as_ref().and_then(|text| resolver.web_address(text, "connection.salesforce.pubsub_url"));
    let changes = match &table.changes {
        None => Changes::Auto,
        Some(text) => match CHANGES.iter().find(|(name, _)| *name == text.get_ref().as_str()) {
            Some((_, changes)) => *changes,
            None => {
                let names: Vec<&str> = CHANGES.iter().map(|(name, _)| *name).collect();
                let remedy = nearest(text.get_ref(), names.iter().copied())
                    .map_or_else(|| format!("use one of: {}", names.join(", ")), |near| format!("did you mean `{near}`?"));
                let reason = format!("there is no way `{}` of learning of changes", text.get_ref());
                resolver.flaw(text.span(), "connection.salesforce.changes", reason, remedy);
                Changes::Auto
            }
        },
    };
    SalesforceSettings { changes, pubsub_url }
}
