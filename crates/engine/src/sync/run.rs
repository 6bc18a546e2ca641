//! The running engine: pollers, inbox, workers, automation and the ledger's sealer, each in a loop of its own, woken by the store.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use entente_model::clock::Timestamp;
use tokio::sync::{Semaphore, watch as watch_channel};
use tokio::task::JoinSet;

use super::poll::{self, OnPage, Progress, Stop, poll, poll_told};
use super::resting_objects::Asked;
use super::work::{claim, next_due, work};
use super::{clocks, inbox, lead, learn, presence, resync, retention};
use crate::automation::follow;
use crate::engine::Engine;
use crate::error::Result;
use crate::metadata::column;
use crate::privacy::schedule as erasures;
use crate::reconcile::schedule;
use crate::records::reviews::certain;
use crate::reports::{levels, watch};
use crate::schema;

/// Longest sleep of a loop that is woken by the store: wake-ups may be lost.
const NAP: Duration = Duration::from_secs(1);
/// Time between looks of a process that does not lead whether it does now.
const FOLLOWER_NAP: Duration = Duration::from_millis(500);
/// Wait after a failure of the store before a loop tries again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Time between two polls of what a platform has told of.
const STIRRED_NAP: Duration = Duration::from_millis(500);
/// Wait before a first read that failed goes on, in milliseconds: it holds back every creation.
const FIRST_READ_AGAIN_MS: u64 = 5_000;
/// Entries sealed into one block at most; the store takes no more.
const BLOCK_ENTRIES: usize = 4_096;
/// Time between seals.
const SEAL_EVERY: Duration = Duration::from_secs(2);
/// Entries that automation follows in one step.
const FOLLOW_ENTRIES: usize = 500;
/// Time between looks for things that operators should be told of.
const WATCH_EVERY: Duration = Duration::from_secs(15);
/// Time between looks whether levels are to be counted.
const LEVELS_EVERY: Duration = Duration::from_secs(60);
/// Time between looks whether a day has passed since old things were removed.
const RETENTION_EVERY: Duration = Duration::from_secs(60 * 60);

/// Time between looks whether weights are due to be learned anew.
const LEARN_EVERY: Duration = Duration::from_secs(60 * 60);

/// Tells every loop to end, and lets them end.
pub type Shutdown = watch_channel::Receiver<bool>;

/// Runs everything until `shutdown` says so. Work in hand is finished; leases that remain are given back. Of several processes on one
/// database, one leads: it polls, follows the ledger, seals it, watches and removes what is old.
///
/// # Errors
/// When the store fails at start. Later failures are logged and tried again.
pub async fn run(engine: Engine, shutdown: Shutdown, on_page: Progress) -> Result<()> {
    let owner = engine.owner().to_owned();
    lead::beat(&engine).await?;
    presence::inherit(&engine).await?;
    // In a set, so that it ends with this future, however that ends: a process that does nothing must not lead.
    let mut leading = JoinSet::new();
    leading.spawn(lead::keep(engine.clone()));
    let mut loops = JoinSet::new();
    loops.spawn(repeat("inbox", engine.clone(), shutdown.clone(), |engine| async move { Ok(inbox::take_up(&engine).await? > 0) }));
    loops.spawn(repeat("automation", engine.clone(), shutdown.clone(), |engine| async move {
        Ok(engine.leads() && follow::step(&engine, FOLLOW_ENTRIES).await? > 0)
    }));
    loops.spawn(seal(engine.clone(), shutdown.clone()));
    loops.spawn(workers(engine.clone(), shutdown.clone()));
    loops.spawn(while_leading("watching the sync", WATCH_EVERY, engine.clone(), shutdown.clone(), |engine, _| async move {
        watch::watch(&engine).await
    }));
    loops.spawn(while_leading("counting levels", LEVELS_EVERY, engine.clone(), shutdown.clone(), |engine, _| async move {
        levels::due(&engine).await.map(drop)
    }));
    loops.spawn(while_leading("removing what is old", RETENTION_EVERY, engine.clone(), shutdown.clone(), |engine, shutdown| async move {
        retention::daily(&engine, &|| *shutdown.borrow() || !engine.leads()).await.map(drop)
    }));
    loops.spawn(while_leading(
        "learning how customers are recognised",
        LEARN_EVERY,
        engine.clone(),
        shutdown.clone(),
        |engine, shutdown| async move { learn::due(&engine, &|| *shutdown.borrow() || !engine.leads()).await.map(drop) },
    ));
    loops.spawn(while_leading("reconciling", schedule::EVERY, engine.clone(), shutdown.clone(), |engine, shutdown| async move {
        schedule::tick(&engine, &|| *shutdown.borrow() || !engine.leads()).await.map(drop)
    }));
    loops.spawn(while_leading("erasing people", erasures::EVERY, engine.clone(), shutdown.clone(), |engine, shutdown| async move {
        erasures::tick(&engine, &|| *shutdown.borrow() || !engine.leads()).await.map(drop)
    }));
    loops.spawn(while_leading("reading new columns", column::EVERY, engine.clone(), shutdown.clone(), |engine, shutdown| async move {
        column::carry_on(&engine, &|| *shutdown.borrow() || !engine.leads()).await.map(drop)
    }));
    loops.spawn(while_leading("keeping how far clocks are off", clocks::EVERY, engine.clone(), shutdown.clone(), |engine, _| async move {
        clocks::keep(&engine).await
    }));
    loops.spawn(while_leading("watching schemas", schema::EVERY, engine.clone(), shutdown.clone(), |engine, _| async move {
        schema::tick(&engine).await
    }));
    loops.spawn(while_leading("merging duplicates", certain::EVERY, engine.clone(), shutdown.clone(), |engine, shutdown| async move {
        certain::merge_certain(&engine, &|| *shutdown.borrow() || !engine.leads()).await.map(drop)
    }));
    if engine.store().is_postgres() {
        let inherit = |engine: Engine, _: Shutdown| async move { presence::inherit(&engine).await };
        loops.spawn(while_leading("giving back what dead processes hold", presence::BEAT, engine.clone(), shutdown.clone(), inherit));
    }
    for connection in engine.connections().keys() {
        loops.spawn(poller(engine.clone(), connection.clone(), shutdown.clone(), Arc::clone(&on_page)));
    }
    while loops.join_next().await.is_some() {}
    leading.shutdown().await;
    lead::resign(&engine).await?;
    let now = engine.now();
    engine.store().write(move |tx| tx.release(&owner, now)).await?;
    Ok(())
}

/// Does something now and then, while this process leads.
async fn while_leading<F, S>(name: &'static str, every: Duration, engine: Engine, mut shutdown: Shutdown, step: F)
where
    F: Fn(Engine, Shutdown) -> S + Send,
    S: Future<Output = Result<()>> + Send,
{
    while !*shutdown.borrow() {
        let mut pause = FOLLOWER_NAP;
        if engine.leads() {
            pause = every;
            if let Err(error) = step(engine.clone(), shutdown.clone()).await {
                tracing::error!(%error, "{name} failed; trying again");
            }
        }
        rest(pause, &mut shutdown).await;
    }
}

/// Sleeps, unless everything is to end.
async fn rest(pause: Duration, shutdown: &mut Shutdown) {
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        _ = shutdown.changed() => {}
    }
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

async fn nap(wakeups: &mut watch_channel::Receiver<u64>, shutdown: &mut Shutdown, longest: Duration) {
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

/// Keeps the leases of subjects alive while work on them goes on. A lease that was lost meanwhile is not taken back; what is to be
/// committed for its record is refused then.
async fn under_lease<T>(engine: &Engine, mut subjects: Vec<String>, work: impl Future<Output = T>) -> T {
    let every = Duration::from_millis(engine.options().lease_ms / 3);
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(every) => {
                let until = later(engine.now(), engine.options().lease_ms);
                let (owner, of) = (engine.owner().to_owned(), subjects.clone());
                match engine.store().write(move |tx| tx.heartbeat(&owner, &of, until)).await {
                    // What is missing has ended in the meantime, or was lost to another worker.
                    Ok(held) => subjects = held,
                    Err(error) => tracing::warn!(%error, "could not prolong leases"),
                }
            }
        }
    }
}

fn later(now: Timestamp, ms: u64) -> Timestamp {
    Timestamp::from_millisecond(now.as_millisecond().saturating_add(i64::try_from(ms).unwrap_or(i64::MAX))).unwrap_or(now)
}

/// Polls every object of a connection on the schedule, while this process leads; the first round at once. A resync that is asked for
/// goes in between.
async fn poller(engine: Engine, connection: String, mut shutdown: Shutdown, on_page: Progress) {
    let stop = {
        let (engine, shutdown) = (engine.clone(), shutdown.clone());
        move || *shutdown.borrow() || !engine.leads()
    };
    while !*shutdown.borrow() {
        if !engine.leads() {
            rest(FOLLOWER_NAP, &mut shutdown).await;
            continue;
        }
        let next = later(engine.now(), engine.options().poll_interval_ms);
        let all: Vec<String> = engine.catalog().reads(&connection).into_iter().map(|(object, _)| object).collect();
        poll_round(&engine, &connection, all, Why::Due, &shutdown, &*on_page, &stop).await;
        while engine.now() < next && !stop() {
            match resync::asked(&engine, &connection).await {
                Ok(asked) if asked.is_empty() => {}
                Ok(asked) => {
                    // A person wants to see, also what is left alone.
                    if let Ok(ready) = engine.connection(&connection) {
                        asked.iter().for_each(|object| ready.objects.try_now(object, engine.now()));
                    }
                    poll_round(&engine, &connection, asked, Why::Due, &shutdown, &*on_page, &stop).await;
                    continue;
                }
                Err(error) => tracing::error!(connection, %error, "whether a resync was asked for cannot be read; trying again"),
            }
            let rested = rested(&engine, &connection);
            if !rested.is_empty() {
                poll_round(&engine, &connection, rested, Why::Due, &shutdown, &*on_page, &stop).await;
                continue;
            }
            let stirred = stirred(&engine, &connection);
            if !stirred.is_empty() {
                poll_round(&engine, &connection, stirred, Why::Told, &shutdown, &*on_page, &stop).await;
                // What follows at once comes along, and a poll that fails is not made over and over.
                rest(STIRRED_NAP, &mut shutdown).await;
                continue;
            }
            let left = u64::try_from(next.as_millisecond() - engine.now().as_millisecond()).unwrap_or(0);
            tokio::select! {
                () = rest(NAP.min(Duration::from_millis(left.max(1))), &mut shutdown) => {}
                () = stir(&engine, &connection) => {}
            }
        }
    }
}

/// Objects that are read here and of which the platform has told that something changed, but for those that are left alone.
fn stirred(engine: &Engine, connection: &str) -> Vec<String> {
    let Ok(ready) = engine.connection(connection) else { return Vec::new() };
    let mut told = mapped(engine, connection, ready.connector.stirred());
    told.retain(|object| !ready.objects.rests(Asked::Read, object, engine.now()));
    told
}

/// Objects that are read here and were left alone until now.
fn rested(engine: &Engine, connection: &str) -> Vec<String> {
    let due = engine.connection(connection).map(|ready| ready.objects.due(engine.now())).unwrap_or_default();
    mapped(engine, connection, due)
}

/// Those of the objects that are read here.
fn mapped(engine: &Engine, connection: &str, objects: Vec<String>) -> Vec<String> {
    if objects.is_empty() {
        return objects;
    }
    let read = engine.catalog().reads(connection).into_iter().map(|(object, _)| object);
    read.filter(|object| objects.contains(object)).collect()
}

/// Waits until the platform tells that something changed.
async fn stir(engine: &Engine, connection: &str) {
    match engine.connection(connection) {
        Ok(ready) => ready.connector.stir().await,
        Err(_) => std::future::pending().await,
    }
}

/// Why objects are polled.
#[derive(Clone, Copy)]
enum Why {
    /// It is time, or somebody asked for it.
    Due,
    /// The platform has told of a change.
    Told,
}

async fn poll_round(
    engine: &Engine,
    connection: &str,
    objects: Vec<String>,
    why: Why,
    shutdown: &Shutdown,
    on_page: OnPage<'_>,
    stop: Stop<'_>,
) {
    for object in objects {
        while !stop() {
            let polled = match why {
                Why::Due => poll(engine, connection, &object, on_page, stop).await,
                Why::Told => poll_told(engine, connection, &object, on_page, stop).await,
            };
            match polled {
                Ok(polled) if polled.stopped || polled.rests => break,
                Ok(polled) => match polled.wait_until {
                    Some(until) => wait_until(engine, until, shutdown.clone()).await,
                    None => break,
                },
                Err(error) => {
                    tracing::warn!(connection, object, %error, "a poll failed; the next one goes on where it was");
                    crate::reports::meter::note_failed_poll(engine, connection).await;
                    // What is refused of this object holds up no other one; it is asked for again when its rest is over.
                    if engine.connection(connection).is_ok_and(|ready| ready.objects.rests(Asked::Read, &object, engine.now())) {
                        break;
                    }
                    match poll::first_read_is_done(engine, connection, &object).await {
                        Ok(true) => break,
                        Ok(false) => {}
                        Err(error) => tracing::error!(connection, object, %error, "whether the first read has ended cannot be read"),
                    }
                    // A first read that does not end holds back every creation: go on soon.
                    wait_until(engine, later(engine.now(), FIRST_READ_AGAIN_MS), shutdown.clone()).await;
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

/// Seals new entries into blocks, while this process leads.
async fn seal(engine: Engine, mut shutdown: Shutdown) {
    loop {
        let last = *shutdown.borrow();
        if !engine.leads() {
            if last {
                return;
            }
            rest(FOLLOWER_NAP, &mut shutdown).await;
            continue;
        }
        let now = engine.now();
        let sealed = engine.store().write(move |tx| tx.seal(now, BLOCK_ENTRIES)).await;
        match sealed {
            Ok(Some(block)) if usize::try_from(block.count).is_ok_and(|count| count >= BLOCK_ENTRIES) => continue,
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "sealing the ledger failed; trying again"),
        }
        if last {
            return;
        }
        rest(SEAL_EVERY, &mut shutdown).await;
    }
}
