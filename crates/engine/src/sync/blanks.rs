//! Blanks that an admin may have made. A field that gets another type, or is taken away and made again, is empty in every row from then on, and a row
//! shows of it what it would show if somebody had cleared it. Stamps do not tell the two apart: whoever changes something else in the row gives it a
//! new one. So before a blank is taken from a side, the schema there is looked at, unless that was done since the row was seen: one call for all rows
//! of a batch. Where it has changed, what was decided is decided anew, without what does not fit any more. Many blanks at once cost no more than
//! that either: the guard holds them.

use std::collections::{BTreeMap, BTreeSet};

use entente_connect::error::{Class, VendorError};
use entente_model::clock::Timestamp;

use super::decide::Decision;
use super::settle::settle_failed;
use super::task::Task;
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::schema::look_since;

/// A connection and a remote object there.
type Object = (String, String);

/// Answers the decisions that can be believed as far as blanks are concerned. The others are settled, to be made anew.
///
/// # Errors
/// When the store fails.
pub(super) async fn believe(engine: &Engine, catalog: &Catalog, decisions: Vec<Decision>) -> Result<Vec<Decision>> {
    let mut seen: BTreeMap<Object, Timestamp> = BTreeMap::new();
    for (object, at) in decisions.iter().flat_map(|decision| emptied(engine, decision)) {
        let latest = seen.entry(object).or_insert(at);
        *latest = (*latest).max(at);
    }
    let mut unknown: BTreeMap<Object, VendorError> = BTreeMap::new();
    for ((connection, remote), at) in &seen {
        match look_since(engine, connection, remote, *at).await {
            Ok(()) => {}
            Err(EngineError::Vendor { source, .. })
                if matches!(source.class, Class::Retry | Class::Wait { .. } | Class::Reauthenticate) =>
            {
                unknown.insert((connection.clone(), remote.clone()), *source);
            }
            Err(error @ EngineError::Store(_)) => return Err(error),
            // It never tells, so that waiting for it would be for good.
            Err(error) => {
                tracing::warn!(connection, remote, %error, "whether a changed schema has emptied a field could not be seen; it counts as cleared");
            }
        }
    }
    let has_changed = !seen.is_empty() && engine.catalog().stamp() != catalog.stamp();
    if unknown.is_empty() && !has_changed {
        return Ok(decisions);
    }
    let (mut believed, mut doubted): (Vec<Decision>, Vec<Task>) = (Vec::new(), Vec::new());
    for decision in decisions {
        let objects: BTreeSet<Object> = emptied(engine, &decision).map(|(object, _)| object).collect();
        let why = objects.iter().find_map(|object| Some((object.0.clone(), unknown.get(object)?.clone())));
        match why.or_else(|| objects.into_iter().next().filter(|_| has_changed).map(|(connection, remote)| changed(connection, &remote))) {
            Some(why) => {
                let mut task = decision.task;
                task.failure = Some(why);
                doubted.push(task);
            }
            None => believed.push(decision),
        }
    }
    settle_failed(engine, doubted).await?;
    Ok(believed)
}

/// Where a decision takes a blank from, and when the row there was seen at the latest: what an index shows is dated back by as much as it may be behind.
fn emptied<'a>(engine: &'a Engine, decision: &'a Decision) -> impl Iterator<Item = (Object, Timestamp)> + 'a {
    let blanked = decision.plan.changes.iter().filter(|change| change.after.is_blank() && !change.before.is_blank());
    blanked.filter_map(|change| {
        let (seen, link) = (decision.task.seen.get(&change.from)?, decision.task.link(&change.from)?);
        let behind = engine.connection(&change.from).ok()?.connector.spec().overlap;
        let seen_at = seen.look.seen_at.checked_add(behind).unwrap_or(seen.look.seen_at).min(engine.now());
        Some(((change.from.clone(), link.remote_object.clone()), seen_at))
    })
}

fn changed(connection: String, remote: &str) -> (String, VendorError) {
    let error = VendorError::new(
        Class::LookAgain,
        "schema_changed",
        format!("the schema of {remote} at {connection} has changed, which may have emptied a field"),
        "nothing to do: the record is looked at again without what no longer fits",
    );
    (connection, error)
}
