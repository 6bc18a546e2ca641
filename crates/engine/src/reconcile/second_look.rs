//! The second look: once the sync has worked off what was handed to it, the rows of every record that differed are fetched as they are now.
//! What still differs could not be put right.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::id::RecordId;
use entente_store::{LinkState, RemoteKey, Tx, Viewer};

use super::cause::Cause;
use super::classify::Finding;
use super::object_read::Trouble;
use super::scan::{Scan, gaps_of, grounds};
use crate::engine::Engine;
use crate::error::Result;

/// Looks again at everything that differed. Answers what still does.
pub(crate) async fn second_look(engine: &Engine, scan: &mut Scan) -> Result<Vec<Finding>> {
    let wanted = rows(engine, &scan.found).await?;
    let grounds = grounds(engine, &scan.key).await?;
    let mut left = Vec::new();
    for read in &mut scan.reads {
        let here = (read.place.connection.clone(), read.place.object.clone());
        let Some(ids) = wanted.get(&here).filter(|ids| !ids.is_empty()) else { continue };
        let ids: Vec<String> = ids.iter().cloned().collect();
        match read.look_again(engine, &grounds, &ids).await {
            Ok(found) => left.extend(found),
            Err(Trouble::Store(error)) => return Err(error),
            Err(Trouble::Vendor(why)) => {
                let unseen = scan.found.iter().filter(|finding| finding.connection == here.0 && finding.remote_object == here.1);
                let unseen = unseen.filter(|finding| finding.external_id.is_some() && !is_gap(finding.cause));
                left.extend(
                    unseen.map(|finding| Finding { detail: Some(format!("it could not be looked at again: {why}")), ..finding.clone() }),
                );
            }
        }
    }
    left.extend(gaps_of(engine, &grounds, &scan.reads, false).await?);
    Ok(left)
}

/// Whether a finding is told from the store alone.
fn is_gap(cause: Cause) -> bool {
    matches!(cause, Cause::Orphan | Cause::OrphanHere | Cause::NotRead)
}

/// Rows to look at again, by connection and object: every counterpart of a record that differed, for putting one side right changes the
/// other, and rows that have no record yet.
async fn rows(engine: &Engine, found: &[Finding]) -> Result<BTreeMap<(String, String), BTreeSet<String>>> {
    let strangers = strangers(found);
    let differing: Vec<Finding> = found.iter().filter(|finding| !is_gap(finding.cause)).cloned().collect();
    let mut wanted: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for key in &strangers {
        wanted.entry((key.connection.clone(), key.object.clone())).or_default().insert(key.id.clone());
    }
    let links = engine
        .store()
        .read(move |tx| {
            let records = records_of(tx, &differing)?;
            tx.links_of(&records.into_iter().collect::<Vec<_>>())
        })
        .await?;
    for link in links.into_iter().filter(|link| link.state == LinkState::Present) {
        wanted.entry((link.connection, link.remote_object)).or_default().insert(link.external_id);
    }
    Ok(wanted)
}

/// Rows that had no record when they were found.
fn strangers(found: &[Finding]) -> Vec<RemoteKey> {
    found
        .iter()
        .filter(|finding| finding.record.is_none())
        .filter_map(|finding| Some(RemoteKey::new(&finding.connection, &finding.remote_object, finding.external_id.clone()?)))
        .collect()
}

/// Records that findings are about by now: a row that was nobody's may have become one's, and a record may have become part of another.
pub(crate) fn records_of(tx: &mut Tx<'_>, found: &[Finding]) -> entente_store::Result<BTreeSet<RecordId>> {
    let mut records: BTreeSet<RecordId> = found.iter().filter_map(|finding| finding.record.clone()).collect();
    records.extend(tx.links_at(&strangers(found))?.into_values().map(|link| link.record));
    let successors: Vec<RecordId> = tx
        .records(&Viewer::system(), &records.iter().cloned().collect::<Vec<_>>())?
        .into_values()
        .filter_map(|record| record.merged_into)
        .collect();
    records.extend(successors);
    Ok(records)
}
