//! Repairing: what was found is handed to the sync as looks and hints. Converge decides by the owner rules and writes; nothing here does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use entente_connect::look::Look;
use entente_connect::webhook::Blanks;
use entente_store::{NewHint, RemoteKey};

use super::cause::Cause;
use super::classify::Finding;
use super::place::Place;
use crate::engine::Engine;
use crate::error::Result;
use crate::sync::ingest::{Arrival, Sifted, Way, ingest};
use crate::sync::task::LANE_BACKFILL;

/// Takes in rows that tell something new, and hints at records whose values were not written. A row that was read is its own look: no call
/// is spent on it again.
pub(crate) async fn hand_over(engine: &Engine, place: &Place, looks: &Arc<Vec<Look>>, news: &[usize], findings: &[Finding]) -> Result<()> {
    let arrivals: Arc<Vec<Arrival>> = Arc::new(
        news.iter()
            .filter_map(|at| looks.get(*at))
            .map(|look| Arrival {
                key: RemoteKey::new(&place.connection, &look.object, &look.id),
                origin_at: look.mark.at,
                look: Some(look.clone()),
                blanks: Blanks::Shown,
                created: false,
            })
            .collect(),
    );
    let unwritten: Vec<Finding> =
        findings.iter().filter(|finding| matches!(finding.cause, Cause::NotWritten | Cause::Formatting)).cloned().collect();
    let hints = Arc::new(hints(engine, &unwritten));
    if arrivals.is_empty() && hints.is_empty() {
        return Ok(());
    }
    let (engine_, catalog) = (engine.clone(), engine.catalog());
    engine
        .store()
        .write(move |tx| {
            ingest(tx, &engine_, &catalog, &arrivals.iter().collect::<Vec<_>>(), &Sifted::default(), Way::Reconcile)?;
            tx.hint(&hints)
        })
        .await?;
    Ok(())
}

/// Hints at the records of findings.
pub(crate) async fn hint(engine: &Engine, findings: &[Finding]) -> Result<()> {
    let hints = Arc::new(hints(engine, findings));
    if !hints.is_empty() {
        engine.store().write(move |tx| tx.hint(&hints)).await?;
    }
    Ok(())
}

fn hints(engine: &Engine, findings: &[Finding]) -> Vec<NewHint> {
    let now = engine.now();
    let records: BTreeMap<String, String> =
        findings.iter().filter_map(|finding| Some((finding.record.as_ref()?.to_string(), finding.object.clone()))).collect();
    records
        .into_iter()
        .map(|(subject, object)| NewHint {
            subject,
            object,
            lane: LANE_BACKFILL,
            due_at: now,
            cause: Way::Reconcile.cause().to_owned(),
            fetch: BTreeSet::new(),
            origin_at: None,
            is_news: false,
            at: now,
        })
        .collect()
}
