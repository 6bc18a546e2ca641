//! How long a change of a mapped field may go unseen: what the platform can do, and how often we look.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use entente_connect::capability::{Heed, Source, Staleness};
use entente_connect::registry;
use entente_connect::spec::Spec;
use entente_model::mapping::Mapping;
use entente_model::mapping::remote::RemoteObject;
use entente_model::object::Object;
use serde::Serialize;
use utoipa::ToSchema;

use super::unknown;
use crate::catalog::{shipped_mappings, shipped_objects};
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::options::Options;

/// Days within which a webhook must have come for a connection to count as one that is told.
const TOLD_DAYS: u64 = 7;

/// A day, the time between two reconciliations.
const DAY: Duration = Duration::from_secs(86_400);

/// How long a change of one field may go unseen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldBound {
    /// Connection; the platform where none is configured.
    pub connection: String,
    /// Our object.
    pub object: String,
    /// The platform's name of it.
    pub remote_object: String,
    /// Our field.
    pub field: String,
    /// What people call it.
    pub label: String,
    /// The platform's name of it.
    pub remote_field: String,
    /// How long.
    #[serde(flatten)]
    pub bound: Bound,
}

/// How long a change may go unseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Bound {
    /// What sees it first when everything arrives: `webhook`, `poll`, `reconciliation` or `never`.
    #[schema(value_type = String)]
    pub seen_by: Source,
    /// How long that takes, in seconds; null is for ever.
    pub usual_seconds: Option<u64>,
    /// How long it takes if a webhook is lost, in seconds; null is for ever.
    pub at_most_seconds: Option<u64>,
}

impl From<Staleness> for Bound {
    fn from(staleness: Staleness) -> Self {
        Self {
            seen_by: staleness.source,
            usual_seconds: staleness.usual.map(|usual| usual.as_secs()),
            at_most_seconds: staleness.at_most.map(|most| most.as_secs()),
        }
    }
}

fn heed(options: &Options, webhooks: bool) -> Heed {
    Heed {
        webhooks,
        webhook_delay: Duration::from_millis(options.latency_target_ms),
        poll_interval: Duration::from_millis(options.poll_interval_ms),
        reconciliation: options.reconcile_daily.then_some(DAY),
    }
}

/// The fields of a mapping: those that are only written are compared as well. Which of them the platform computes, its own description says,
/// once there was one.
fn of_mapping(
    connection: &str,
    spec: &Spec,
    mapping: &Mapping,
    object: Option<&Object>,
    described: Option<&RemoteObject>,
    heed: &Heed,
) -> Vec<FieldBound> {
    let Some(known) = spec.capabilities(&mapping.remote) else { return Vec::new() };
    let derived = |field: &str| described.and_then(|described| described.field(field)).is_some_and(|field| field.derived);
    let lines = mapping.fields.iter();
    lines
        .map(|line| FieldBound {
            connection: connection.to_owned(),
            object: mapping.object.clone(),
            remote_object: mapping.remote.clone(),
            field: line.field.clone(),
            label: object.and_then(|object| object.field(&line.field)).map_or_else(|| line.field.clone(), |field| field.label.clone()),
            remote_field: line.remote.clone(),
            bound: known.of_field(&line.remote, derived(&line.remote)).staleness(heed).into(),
        })
        .collect()
}

/// The bounds of every mapped field, of one connection or platform if named.
///
/// # Errors
/// When there is no such connection, or the store fails.
pub async fn bounds(engine: &Engine, connection: Option<&str>, platform: Option<&str>) -> Result<Vec<FieldBound>> {
    if let Some(name) = connection {
        engine.connection(name)?;
    }
    let since = engine.now() - Duration::from_secs(TOLD_DAYS * 86_400);
    let now = engine.now();
    let (counted, schemas) =
        engine.store().read(move |tx| Ok((tx.counted_by_connection("webhooks", since, now)?, tx.remote_schemas()?))).await?;
    let schemas: BTreeMap<(&str, &str), &RemoteObject> =
        schemas.iter().map(|(connection, object)| ((connection.as_str(), object.name.as_str()), object)).collect();
    let told: BTreeSet<&String> = counted.iter().filter(|(_, webhooks)| **webhooks > 0).map(|(name, _)| name).collect();
    let catalog = engine.catalog();
    let wanted = engine
        .connections()
        .values()
        .filter(|known| connection.is_none_or(|name| name == known.name) && platform.is_none_or(|key| key == known.settings.platform));
    Ok(wanted
        .flat_map(|known| {
            let heed = heed(engine.options(), told.contains(&known.name));
            let (catalog, mappings) = (&catalog, catalog.mappings(&known.name).iter());
            let of = |mapping: &Mapping| {
                let described = schemas.get(&(known.name.as_str(), mapping.remote.as_str())).copied();
                of_mapping(&known.name, known.connector.spec(), mapping, catalog.object(&mapping.object), described, &heed)
            };
            mappings.flat_map(|mapped| of(mapped.mapping())).collect::<Vec<_>>()
        })
        .collect())
}

/// What the bounds of a platform would be with its shipped mapping, the default settings and webhooks set up.
///
/// # Errors
/// When there is no such platform.
pub fn usual_bounds(platform: &str) -> Result<Vec<FieldBound>> {
    let known = registry::ALL.iter().find(|known| known.spec.key == platform).ok_or_else(|| unknown(platform))?;
    let mappings = shipped_mappings(platform).map_err(EngineError::from)?;
    let objects = shipped_objects().map_err(EngineError::from)?;
    let heed = heed(&Options::default(), true);
    let object = |mapping: &Mapping| objects.iter().find(|object| object.key == mapping.object);
    Ok(mappings.iter().flat_map(|mapping| of_mapping(platform, known.spec, mapping, object(mapping), None, &heed)).collect())
}

#[cfg(test)]
mod tests {
    use entente_model::mapping::remote::{RemoteField, RemoteKind};

    use super::*;

    #[test]
    fn what_the_platform_computes_is_seen_by_reconciliations_alone() {
        let known = registry::ALL.iter().find(|known| known.spec.key == "salesforce").unwrap();
        let mappings = shipped_mappings("salesforce").unwrap();
        let mapping = mappings.iter().find(|mapping| mapping.remote == "Contact").unwrap();
        let name = &mapping.fields.iter().find(|line| !line.remote.contains('.')).unwrap().remote;
        let formula = RemoteField { derived: true, ..RemoteField::new(name.clone(), name.clone(), RemoteKind::Text) };
        let described = RemoteObject { name: "Contact".to_owned(), fields: vec![formula], lists: Vec::new() };
        let heed = heed(&Options::default(), true);
        let seen_by = |described: Option<&RemoteObject>| {
            let bounds = of_mapping("crm", known.spec, mapping, None, described, &heed);
            bounds.into_iter().find(|bound| bound.remote_field == *name).unwrap().bound.seen_by
        };
        assert_eq!(seen_by(None), Source::Webhook);
        assert_eq!(seen_by(Some(&described)), Source::Reconciliation);
    }
}
