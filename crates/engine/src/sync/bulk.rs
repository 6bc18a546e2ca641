//! Mass creations: where a platform takes thousands of rows as one job, a batch of background work is as large as that job.

use std::collections::BTreeSet;

use entente_model::id::RecordId;
use entente_store::Hint;

use super::subject::Subject;
use crate::engine::Engine;
use crate::error::Result;

/// Share of a batch, in percent, that must be creations at one platform before more of them are claimed.
const CREATIONS_PERCENT: usize = 90;

/// How many hints more to claim after a full batch of background work; 0 unless nearly all of it are records without a counterpart at a
/// platform that has jobs.
///
/// # Errors
/// When the store fails.
pub(crate) async fn further(engine: &Engine, hints: &[Hint]) -> Result<usize> {
    let with_jobs = engine.connections().iter().filter_map(|(name, ready)| Some((name.clone(), ready.connector.bulk_rows()?)));
    let jobs: Vec<(String, usize)> = with_jobs.filter(|(_, rows)| *rows > hints.len()).collect();
    if jobs.is_empty() {
        return Ok(0);
    }
    let records: Vec<RecordId> = hints
        .iter()
        .filter_map(|hint| match Subject::parse(&hint.subject)? {
            Subject::Record(id) => Some(id),
            Subject::Row(_) => None,
        })
        .collect();
    let needed = (hints.len() * CREATIONS_PERCENT).div_ceil(100);
    if records.len() < needed {
        return Ok(0);
    }
    let (asked, total) = (records.clone(), records.len());
    let links = engine.store().read(move |tx| tx.links_of(&asked)).await?;
    let lacking = |connection: &str| {
        let linked: BTreeSet<&RecordId> = links.iter().filter(|link| link.connection == connection).map(|link| &link.record).collect();
        total - linked.len()
    };
    let most = jobs.iter().filter(|(connection, _)| lacking(connection) >= needed).map(|(_, rows)| *rows - hints.len()).max();
    Ok(most.unwrap_or(0))
}
