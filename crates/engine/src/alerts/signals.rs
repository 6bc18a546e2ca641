//! Everything that is so now and that operators are to be told of.

use entente_model::clock::Timestamp;
use entente_store::{Alert, StoreError, Tx};

use super::AlertKind;
use super::explained::Known;
use super::raise::Signal;
use super::{clocks, connections, queues, rates};
use crate::engine::Engine;
use crate::sync::rewrite::STOP_AT;

/// How far back alerts that are over may explain something, in milliseconds: as long as the longest short window of the burn rates.
pub(crate) const LATELY_MS: i64 = 6 * 60 * 60 * 1000;

/// Looks at everything. `alerts` are those that are open or ended lately.
pub(crate) fn gather(engine: &Engine, tx: &mut Tx<'_>, alerts: &[Alert], now: Timestamp) -> Result<Vec<Signal>, StoreError> {
    let outages = connections::outages(engine, alerts, now);
    let known = Known { alerts, found: &outages, now };
    let mut signals = connections::limits(engine, tx, now)?;
    signals.extend(connections::scheduled(engine, now));
    signals.extend(connections::quotas(engine, tx, now)?);
    signals.extend(connections::stale(engine, tx, &known)?);
    signals.extend(rates::rates(engine, tx, &known)?);
    signals.extend(queues::queues(engine, tx, &known)?);
    signals.extend(outages);
    signals.extend(connections::refused_objects(engine, alerts, now));
    signals.extend(clocks::clocks(engine, tx, now)?);
    signals.extend(rewritten(tx)?);
    let schema = crate::schema::alerts(tx)?.into_iter();
    signals.extend(schema.map(|(subject, (title, text))| Signal::warning(AlertKind::SchemaChange, subject, title, text)));
    Ok(signals)
}

/// Fields that platforms rewrite, one signal each, until the mapping takes the two for one.
fn rewritten(tx: &mut Tx<'_>) -> Result<Vec<Signal>, StoreError> {
    let signals = tx.rewritten_fields(STOP_AT)?.into_iter().map(|((connection, object, field), records)| {
        let title = format!("{connection} rewrites {object}.{field}");
        let body = format!(
            "{records} records: {connection} showed another value twice in a row after ours was written. There the field is left as it shows \
             it; everything else goes on. `entente schema list` has the proposed patch."
        );
        Signal::warning(AlertKind::Rewritten, format!("{connection}/{object}/{field}"), title, body)
    });
    Ok(signals.collect())
}
