//! The running engine: pollers, inbox, workers, automation and the ledger's sealer, each in a loop of its own, woken by the store.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use entente_model::clock::Timestamp;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::poll::{OnPage, Progress, poll};
use super::work::{claim, next_due, work};
use super::{inbox, poll};
use crate::automation::follow;
use crate::engine::Engine;
use crate::error::Result;

/// Longest sleep of a loop that is woken by the store: wake-ups may be lost.
const NAP: Duration = Duration::from_secs(1);
/// Wait after a failure of the store before a loop tries again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Entries sealed into one block at most.
const BLOCK_ENTRIES: usize = 5_000;
/// Time between seals.
const SEAL_EVERY: Duration = Duration::from_secs(2);
/// Entries that automation follows in one step.
const FOLLOW_ENTRIES: usize = 500;

/// Tells every loop to end, and lets them end.
pub type Shutdown = watch::Receiver<bool>;

/// Runs everything until `shutdown` says so. Work in hand is finished; leases that remain are given back.
///
/// # Errors
/// When the store fails at start. Later failures are logged and tried again.
pub async fn run(engine: Engine, shutdown: Shutdown, on_page: Progress) -> Result<()> {
    let owner = engine.owner().to_owned();
    let mut loops = JoinSet::new();
    loops.spawn(repeat("inbox", engine.clone(), shutdown.clone(), |engine| async move { Ok(inbox::take_up(&engine).await? > 0) }));
    loops.spawn(repeat("automation", engine.clone(), shutdown.clone(), |engine| async move {
        Ok(follow::step(&engine, FOLLOW_ENTRIES).await? > 0)
    }));
    loops.spawn(seal(engine.clone(), shutdown.clone()));
    loops.spawn(workers(engine.clone(), shutdown.clone()));
    for connection in engine.connections().keys() {
        loops.spawn(poller(engine.clone(), connection.clone(), shutdown.clone(), Arc::clone(&on_page)));
    }
    while loops.join_next().await.is_some() {}
    let now = engine.now();
    engine.store().write(move |tx| tx.release(&owner, now)).await?;
    Ok(())
}

/// Repeats a step while it finds something to do, and naps until the store wakes it otherwise.
async fn repeat<F, S>(name: &'static str, engine: Engine, mut shutdown: Shutdown, step: F)
where
    F: Fn(Engine) -> S + Send,
    S: Future<Output = Result<bool>> + Send,
{
    let mut wakeups = engine.store().wakeups();
    while !*shutdown.borrow() {
        wakeups.mark_unchanged();
        match step(engine.clone()).await {
            Ok(true) => {}
            Ok(false) => nap(&mut wakeups, &mut shutdown, NAP).await,
            Err(error) => {
                tracing::error!(%error, "{name} failed; trying again");
                nap(&mut wakeups, &mut shutdown, AFTER_FAILURE).await;
            }
        }
    }
}

async fn nap(wakeups: &mut watch::Receiver<u64>, shutdown: &mut Shutdown, longest: Duration) {
    tokio::select! {
        _ = wakeups.changed() => {}
        _ = shutdown.changed() => {}
        () = tokio::time::sleep(longest) => {}
    }
}

/// Hands claimed batches to as many workers as are allowed.
async fn workers(engine: Engine, mut shutdown: Shutdown) {
    let slots = Arc::new(Semaphore::new(engine.options().workers));
    let mut wakeups = engine.store().wakeups();
    let mut batches = JoinSet::new();
    while !*shutdown.borrow() {
        while batches.try_join_next().is_some() {}
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
        wakeups.mark_unchanged();
        match claim(&engine).await {
            Ok(hints) if hints.is_empty() => {
                drop(slot);
                let wait = until_due(&engine).await;
                nap(&mut wakeups, &mut shutdown, wait).await;
            }
            Ok(hints) => {
                let engine = engine.clone();
                batches.spawn(async move {
                    let subjects: Vec<String> = hints.iter().map(|hint| hint.subject.clone()).collect();
                    if let Err(error) = under_lease(&engine, subjects, work(&engine, hints)).await {
                        // The leases run out and another look heals what this one left.
                        tracing::error!(%error, "a batch failed; its records are looked at again");
                    }
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::error!(%error, "claiming work failed; trying again");
                nap(&mut wakeups, &mut shutdown, AFTER_FAILURE).await;
            }
        }
    }
    while batches.join_next().await.is_some() {}
}

/// Time until the next hint is due, bounded by the nap.
async fn until_due(engine: &Engine) -> Duration {
    match next_due(engine).await {
        Ok(Some(due)) => {
            let ms = due.as_millisecond() - engine.now().as_millisecond();
            Duration::from_millis(u64::try_from(ms).unwrap_or(0)).clamp(Duration::from_millis(1), NAP)
        }
        _ => NAP,
    }
}

/// Keeps the leases of subjects alive while work on them goes on.
async fn under_lease<T>(engine: &Engine, subjects: Vec<String>, work: impl Future<Output = T>) -> T {
    let every = Duration::from_millis(engine.options().lease_ms / 3);
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(every) => {
                let until = later(engine.now(), engine.options().lease_ms);
                let (owner, subjects) = (engine.owner().to_owned(), subjects.clone());
                if let Err(error) = engine.store().write(move |tx| tx.heartbeat(&owner, &subjects, until)).await {
                    tracing::warn!(%error, "could not prolong leases");
                }
            }
        }
    }
}

fn later(now: Timestamp, ms: u64) -> Timestamp {
    Timestamp::from_millisecond(now.as_millisecond().saturating_add(i64::try_from(ms).unwrap_or(i64::MAX))).unwrap_or(now)
}

/// Polls every object of a connection on the schedule; the first round at once.
async fn poller(engine: Engine, connection: String, mut shutdown: Shutdown, on_page: Progress) {
    while !*shutdown.borrow() {
        let next = later(engine.now(), engine.options().poll_interval_ms);
        poll_round(&engine, &connection, &shutdown, &*on_page).await;
        while engine.now() < next && !*shutdown.borrow() && !super::resync::asked(&engine, &connection).await {
            tokio::select! {
                () = tokio::time::sleep(NAP) => {}
                _ = shutdown.changed() => {}
            }
        }
    }
}

async fn poll_round(engine: &Engine, connection: &str, shutdown: &Shutdown, on_page: OnPage<'_>) {
    super::resync::answered(engine, connection).await;
    for (object, _) in engine.catalog().reads(connection) {
        while !*shutdown.borrow() {
            match poll(engine, connection, &object, on_page).await {
                Ok(polled) => match polled.wait_until {
                    Some(until) => wait_until(engine, until, shutdown.clone()).await,
                    None => break,
                },
                Err(error) => {
                    tracing::warn!(connection, object, %error, "a poll failed; the next one goes on where it was");
                    crate::reports::meter::note_failed_poll(engine, connection).await;
                    if poll::first_read_is_done(engine, connection, &object).await {
                        break;
                    }
                    // A first read that does not end holds back every creation: go on soon.
                    wait_until(engine, later(engine.now(), 5_000), shutdown.clone()).await;
                }
            }
        }
    }
}

async fn wait_until(engine: &Engine, until: Timestamp, mut shutdown: Shutdown) {
    let ms = until.as_millisecond() - engine.now().as_millisecond();
    let wait = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        _ = shutdown.changed() => {}
    }
}

/// Seals new entries into blocks.
async fn seal(engine: Engine, mut shutdown: Shutdown) {
    loop {
        let now = engine.now();
        let sealed = engine.store().write(move |tx| tx.seal(now, BLOCK_ENTRIES)).await;
        match sealed {
            Ok(Some(block)) if usize::try_from(block.count).is_ok_and(|count| count >= BLOCK_ENTRIES) => continue,
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "sealing the ledger failed; trying again"),
        }
        if *shutdown.borrow() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(SEAL_EVERY) => {}
            _ = shutdown.changed() => {}
        }
    }
}
