//! Looking before writing. What is found by a poll, a resync or a reconciliation was told of by nobody, so that its other side may have changed
//! untold as well. Most platforms refuse a write that would cross such a change. Some do not: they have no precondition, have none for many rows
//! at once, or know stamps in whole seconds, and a change within the second of our own last write has the stamp of that write. There the row is
//! looked at together with all others of the batch before it is written to, which costs a call for a hundred rows or more. Live changes do
//! without: webhooks tell of both sides within moments, and each would cost a call of its own.
//!
//! Some fields no webhook tells of (a user's phone number at Zendesk). A message about others shows the version that the change of such a field
//! made, and a write that goes by it would pass. So these are written only to a row that was seen whole since it was changed.

use std::collections::BTreeSet;

use entente_connect::capability::Concurrency;
use entente_connect::write::WriteKind;

use super::converge::decide_all;
use super::decide::{Decision, PlannedWrite};
use super::gather;
use super::hands::judge;
use super::ingest::Way;
use super::settle::settle_failed;
use super::task::Task;
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::Result;

/// Plans tasks. Those that would write over a row which nobody has looked at are planned once more with what it shows; one that cannot be
/// looked at is settled as failed.
pub(super) async fn decide_seeing(engine: &Engine, catalog: &Catalog, tasks: Vec<Task>) -> Result<Vec<Decision>> {
    let (blind, mut decisions): (Vec<Decision>, Vec<Decision>) = judge(engine, catalog, decide_all(engine, catalog, tasks).await?)
        .await?
        .into_iter()
        .partition(|decision| unseen(engine, decision).next().is_some());
    if blind.is_empty() {
        return Ok(decisions);
    }
    let mut tasks = Vec::with_capacity(blind.len());
    let mut asked = Vec::with_capacity(blind.len());
    for decision in blind {
        let unseen: BTreeSet<String> = unseen(engine, &decision).map(str::to_owned).collect();
        let mut task = decision.task;
        // What failed so far is found again, or is not there any more.
        task.failure = None;
        // And what was told of values may be of others than those that are there now.
        task.told.clear();
        task.unheard.clear();
        asked.push(std::mem::replace(&mut task.hint.fetch, unseen));
        tasks.push(task);
    }
    gather::fetch(engine, catalog, &mut tasks).await;
    tasks.iter_mut().zip(asked).for_each(|(task, asked)| task.hint.fetch.extend(asked));
    let (failed, tasks): (Vec<Task>, Vec<Task>) = tasks.into_iter().partition(|task| task.failure.is_some());
    settle_failed(engine, failed).await?;
    decisions.extend(judge(engine, catalog, decide_all(engine, catalog, tasks).await?).await?);
    Ok(decisions)
}

/// Connections whose row a decision would write over unseen.
fn unseen<'a>(engine: &'a Engine, decision: &'a Decision) -> impl Iterator<Item = &'a str> {
    let found_by_looking = [Way::Poll, Way::Resync, Way::Reconcile].iter().any(|way| way.cause() == decision.task.hint.cause);
    let untold = |planned: &PlannedWrite| {
        let known =
            engine.connection(&planned.connection).ok().and_then(|ready| ready.connector.spec().capabilities(&planned.target.object));
        let told = |field: &str| known.is_none_or(|known| known.fields.iter().all(|(name, how)| *name != field || how.webhook));
        !planned.write.row.keys().all(|field| told(field))
    };
    let is_whole = |connection: &str| {
        let seen = decision.task.seen.get(connection).is_some_and(|seen| seen.look.complete);
        seen || decision.links.iter().any(|link| link.connection == connection && link.is_whole && link.version.is_some())
    };
    let crosses = |connection: &str, remote: &str| {
        let known = engine.connection(connection).ok().and_then(|ready| ready.connector.spec().capabilities(remote));
        matches!(known.map(|known| known.concurrency), Some(None | Some(Concurrency::PreconditionBySecond)))
    };
    let updates = decision.writes.iter().filter(|planned| planned.write.kind == WriteKind::Update);
    let blind = updates.filter(move |planned| {
        let unlooked = found_by_looking && !decision.task.seen.contains_key(&planned.connection);
        unlooked && crosses(&planned.connection, &planned.target.object) || untold(planned) && !is_whole(&planned.connection)
    });
    blind.map(|planned| planned.connection.as_str())
}
