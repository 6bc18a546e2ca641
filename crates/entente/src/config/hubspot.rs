//! `[connection.hubspot]`: what only a HubSpot connection has.

use entente_connect::settings::{HubSpotChanges, HubSpotSettings};
use serde::{Deserialize, Serialize};
use toml::Spanned;
use utoipa::ToSchema;

use super::secret::Resolver;
use entente_model::spelling::nearest;

/// Ways of learning of changes.
const CHANGES: &[(&str, HubSpotChanges)] = &[("webhooks", HubSpotChanges::Webhooks), ("journal", HubSpotChanges::Journal)];

/// What only a HubSpot connection has.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HubSpotTable {
    /// How changes in the account are learnt of: `webhooks` (webhooks as they come, and polls for what they do not tell) or `journal` (the
    /// webhooks journal, which Entente reads by itself: for hubs that no webhook can reach; needs an OAuth app). Without it `webhooks`.
    #[schema(value_type = Option<String>)]
    pub changes: Option<Spanned<String>>,
}

/// Checks the table; `platform` is the connection's.
pub fn check(table: &HubSpotTable, platform: &Spanned<String>, resolver: &mut Resolver<'_>) -> HubSpotSettings {
    let Some(text) = &table.changes else { return HubSpotSettings::default() };
    if platform.get_ref() != "hubspot" {
        let reason = format!("the connection is one to {}", platform.get_ref());
        resolver.flaw(platform.span(), "connection.hubspot", reason, "take the table out");
        return HubSpotSettings::default();
    }
    match CHANGES.iter().find(|(name, _)| *name == text.get_ref().as_str()) {
        Some((_, changes)) => HubSpotSettings { changes: *changes },
        None => {
            let names: Vec<&str> = CHANGES.iter().map(|(name, _)| *name).collect();
            let remedy = nearest(text.get_ref(), names.iter().copied())
                .map_or_else(|| format!("use one of: {}", names.join(", ")), |near| format!("did you mean `{near}`?"));
            let reason = format!("there is no way `{}` of learning of changes", text.get_ref());
            resolver.flaw(text.span(), "connection.hubspot.changes", reason, remedy);
            HubSpotSettings::default()
        }
    }
}
