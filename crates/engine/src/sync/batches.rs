//! Scheduled batches: what a connection falls back to while a burst is more than its quota allows within the latency target. Changes of
//! ordinary priority then wait for the next slot and travel together in full calls; new customers and whatever else is urgent go at once, as
//! always. The mode begins and ends by itself.
//!
//! Work that waits is kept with its hints, in the store, and so is the mode: a process that starts goes on where another one ended.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use entente_connect::connector::Priority;
use entente_connect::error::{Class, VendorError};
use entente_model::clock::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::engine::Engine;
use crate::error::Result;
use crate::options::Options;

/// Milliseconds over which changes are counted that the quota has put off: the shortest window of a vendor's quota.
const BURST_MS: i64 = 60_000;

/// Slots in a row that the quota must not have cut short before the mode ends: one may just have met a fresh window of the quota.
const CALM_SLOTS: i64 = 2;

/// Milliseconds after which a slot ends in which nothing more has left: calls of one batch follow each other faster.
const IDLE_MS: i64 = 5_000;

/// Prefix of the settings that keep the mode of each connection.
const SETTING: &str = "batches/";

/// A connection in the mode of scheduled batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Scheduled {
    /// Since when.
    #[schema(value_type = String)]
    pub since: Timestamp,
    /// When the next slot begins, or the present one began.
    #[schema(value_type = String)]
    pub slot: Timestamp,
    /// When the mode ends, unless the quota cuts another slot short.
    #[schema(value_type = String)]
    pub ends: Timestamp,
}

/// What the store keeps of a connection: the mode, if it is in force, and when this was so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    mode: Option<Scheduled>,
    at: Timestamp,
}

/// The mode of one connection. Shared by all workers of the process.
pub struct Batches {
    /// Changes put off within a minute beyond which the mode begins; 0 never.
    above: u64,
    /// Milliseconds from slot to slot.
    interval: i64,
    /// Milliseconds that a change may take; what waits longer for the quota is put off.
    target: i64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    mode: Option<Scheduled>,
    /// When work last left in the present slot.
    left: Option<Timestamp>,
    /// Whether work waits for the slot.
    waits: bool,
    /// Changes put off lately: when, and how many.
    put_off: VecDeque<(Timestamp, u64)>,
    /// When the mode was last changed here, until the store knows of it.
    unsaved: Option<Timestamp>,
    /// What the store was last seen to hold, as of then.
    known: Option<Timestamp>,
}

fn after(at: Timestamp, ms: i64) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond().saturating_add(ms)).unwrap_or(at)
}

/// Whether work of this priority waits for slots. Backfill leaves most of a quota to others anyway.
fn is_ordinary(priority: Priority) -> bool {
    matches!(priority, Priority::Update | Priority::Activity)
}

impl Batches {
    /// Not in force.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let ms = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        Self {
            above: options.batch_mode_above,
            interval: ms(options.batch_mode_interval_ms).max(1),
            target: ms(options.latency_target_ms),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mode, if it is in force at `now`. What has been calm for long enough ends with this.
    #[must_use]
    pub fn mode(&self, now: Timestamp) -> Option<Scheduled> {
        let mut state = self.state();
        self.end_if_calm(&mut state, now);
        state.mode
    }

    fn end_if_calm(&self, state: &mut State, now: Timestamp) {
        if state.mode.is_some_and(|mode| now >= mode.ends) {
            state.mode = None;
            state.put_off.clear();
            state.unsaved = Some(now);
        }
    }

    /// Whether work of a priority may leave now; if not, the refusal that has it wait for the slot without spending an attempt.
    pub(crate) fn admit(&self, priority: Priority, now: Timestamp) -> std::result::Result<(), VendorError> {
        if !is_ordinary(priority) {
            return Ok(());
        }
        let mut state = self.state();
        self.end_if_calm(&mut state, now);
        let Some(mode) = state.mode else { return Ok(()) };
        let slot = self.slot_at(mode, &state, now);
        if slot != mode.slot {
            state.mode = Some(Scheduled { slot, ..mode });
            state.unsaved = Some(now);
        }
        if slot > now {
            state.waits = true;
            return Err(refusal(slot));
        }
        state.left = Some(now);
        state.waits = false;
        Ok(())
    }

    /// The slot that is open at `now`, or the next one. A slot is open from its beginning until its work is done: until nothing more has left for
    /// a while, and what waited for it has begun to leave, however busy the workers were.
    fn slot_at(&self, mode: Scheduled, state: &State, now: Timestamp) -> Timestamp {
        if now < mode.slot || state.waits {
            return mode.slot;
        }
        let idle = IDLE_MS.min(self.interval / 2);
        if now <= after(state.left.filter(|left| *left >= mode.slot).unwrap_or(mode.slot), idle) {
            return mode.slot;
        }
        let gone = now.as_millisecond() - mode.slot.as_millisecond();
        let latest = after(mode.slot, gone / self.interval * self.interval);
        if latest > mode.slot && now <= after(latest, idle) { latest } else { after(latest, self.interval) }
    }

    /// Takes in that the quota has put `rows` changes of a priority off until an instant. So many within a minute that they are a burst begin
    /// the mode; in the mode, they end the slot.
    pub(crate) fn put_off(&self, priority: Priority, rows: usize, until: Timestamp, now: Timestamp) {
        if !is_ordinary(priority) || self.above == 0 || until.as_millisecond() - now.as_millisecond() <= self.target {
            return;
        }
        let mut state = self.state();
        state.waits = true;
        if let Some(mode) = &mut state.mode {
            let next = if mode.slot > now { mode.slot } else { after(mode.slot, self.interval) };
            mode.slot = next.max(until);
            mode.ends = after(mode.slot, CALM_SLOTS * self.interval);
            state.unsaved = Some(now);
            return;
        }
        state.put_off.push_back((now, rows as u64));
        while state.put_off.front().is_some_and(|(at, _)| *at < after(now, -BURST_MS)) {
            state.put_off.pop_front();
        }
        if state.put_off.iter().map(|(_, rows)| rows).sum::<u64>() > self.above {
            state.mode = Some(Scheduled { since: now, slot: until, ends: after(until, CALM_SLOTS * self.interval) });
            state.put_off.clear();
            state.unsaved = Some(now);
        }
    }

    /// What the store is to keep, if it does not know it yet.
    fn news(&self) -> Option<Kept> {
        let state = self.state();
        state.unsaved.map(|at| Kept { mode: state.mode, at })
    }

    /// The store keeps what was so at an instant; later news are still to be kept.
    fn saved(&self, at: Timestamp) {
        let mut state = self.state();
        state.known = Some(at);
        if state.unsaved == Some(at) {
            state.unsaved = None;
        }
    }

    /// Takes over what another process, or one before this, has kept later than what is known here.
    fn take_over(&self, kept: Kept) {
        let mut state = self.state();
        if state.unsaved.is_none() && state.known.is_none_or(|known| known < kept.at) {
            state.mode = kept.mode;
            state.known = Some(kept.at);
            // Somebody else may have had it wait.
            state.waits = true;
        }
    }
}

fn refusal(slot: Timestamp) -> VendorError {
    VendorError::new(
        Class::Wait { until: slot },
        "scheduled",
        format!("changes of ordinary priority wait for the batch at {slot}: they are more than the quota allows one by one"),
        "nothing to do: they travel together then, and the mode ends by itself once the quota suffices",
    )
}

fn setting(connection: &str) -> String {
    format!("{SETTING}{connection}")
}

/// Keeps what has changed here, if anything has. A batch that waits for the quota ends long after it has begun the mode.
///
/// # Errors
/// When the store fails.
pub(crate) async fn keep(engine: &Engine) -> Result<()> {
    let has_news = engine.connections().values().any(|connection| connection.batches.news().is_some());
    if has_news { exchange(engine).await } else { Ok(()) }
}

/// Keeps what has changed here, and takes over what other processes have kept.
///
/// # Errors
/// When the store fails.
pub(crate) async fn exchange(engine: &Engine) -> Result<()> {
    let now = engine.now();
    // Reading it ends what is over.
    let modes = engine.connections().values().filter(|connection| connection.batches.mode(now).is_some()).count();
    let news: Vec<(String, Kept)> =
        engine.connections().values().filter_map(|connection| Some((connection.name.clone(), connection.batches.news()?))).collect();
    if !news.is_empty() {
        tracing::info!(in_force = modes, "scheduled batches have begun, ended or moved on");
        let keep = news.clone();
        engine.store().write(move |tx| keep.iter().try_for_each(|(connection, kept)| tx.put_setting(&setting(connection), kept))).await?;
        for (connection, kept) in news {
            engine.connection(&connection)?.batches.saved(kept.at);
        }
    }
    let found = engine.store().read(|tx| tx.settings(SETTING)).await?;
    for (name, kept) in found {
        let connection = name.strip_prefix(SETTING).and_then(|name| engine.connections().get(name));
        if let (Some(connection), Ok(kept)) = (connection, serde_json::from_value(kept)) {
            connection.batches.take_over(kept);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The interval of these tests, in milliseconds.
    const MINUTE: i64 = 60_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
    }

    fn batches() -> Batches {
        Batches::new(&Options { batch_mode_above: 100, batch_mode_interval_ms: 60_000, ..Options::default() })
    }

    /// In the mode since 0, with the first slot after a minute.
    fn in_force() -> Batches {
        let batches = batches();
        batches.put_off(Priority::Update, 101, at(MINUTE), at(0));
        assert!(batches.mode(at(0)).is_some());
        batches
    }

    fn waits_until(batches: &Batches, ms: i64) -> Option<i64> {
        match batches.admit(Priority::Update, at(ms)).err()?.class {
            Class::Wait { until } => Some(until.as_millisecond() - at(0).as_millisecond()),
            other => panic!("{other:?} would cost an attempt"),
        }
    }

    #[test]
    fn a_burst_begins_it_and_a_few_changes_or_a_short_wait_do_not() {
        let batches = batches();
        batches.put_off(Priority::Update, 100, at(MINUTE), at(0));
        batches.put_off(Priority::Update, 1_000, at(2_000), at(1));
        batches.put_off(Priority::Backfill, 1_000, at(MINUTE), at(2));
        batches.put_off(Priority::Urgent, 1_000, at(MINUTE), at(3));
        batches.put_off(Priority::Activity, 100, at(3 * MINUTE), at(MINUTE + 1));
        assert_eq!(batches.mode(at(MINUTE + 1)), None, "none of that is a burst, and a minute later the first is forgotten");
        assert_eq!(waits_until(&batches, MINUTE + 1), None);
        batches.put_off(Priority::Update, 1, at(3 * MINUTE), at(MINUTE + 2));
        let mode = batches.mode(at(MINUTE + 2)).unwrap();
        assert_eq!((mode.since, mode.slot), (at(MINUTE + 2), at(3 * MINUTE)));
    }

    #[test]
    fn ordinary_work_waits_for_the_slot_and_urgent_work_never_does() {
        let batches = in_force();
        assert_eq!(waits_until(&batches, 10_000), Some(MINUTE));
        assert!(batches.admit(Priority::Urgent, at(10_000)).is_ok() && batches.admit(Priority::Backfill, at(10_000)).is_ok());
        assert_eq!(waits_until(&batches, MINUTE), None, "the slot is open");
        assert_eq!(waits_until(&batches, MINUTE + 4_000), None, "while its work goes on");
        assert_eq!(waits_until(&batches, MINUTE + 8_000), None);
        assert_eq!(waits_until(&batches, MINUTE + 14_000), Some(2 * MINUTE), "what comes after it waits for the next one");
        assert_eq!(waits_until(&batches, 2 * MINUTE + 30_000), None, "what waited for it leaves, however busy the workers were");
    }

    #[test]
    fn a_slot_that_the_quota_cuts_short_ends_and_the_mode_lasts() {
        let batches = in_force();
        assert_eq!(waits_until(&batches, MINUTE), None);
        batches.put_off(Priority::Update, 50, at(MINUTE + 30_000), at(MINUTE + 500));
        assert_eq!(waits_until(&batches, MINUTE + 1_000), Some(2 * MINUTE));
        batches.put_off(Priority::Update, 50, at(5 * MINUTE), at(MINUTE + 1_500));
        assert_eq!(waits_until(&batches, MINUTE + 2_000), Some(5 * MINUTE), "no earlier than the quota allows");
        assert!(batches.mode(at(5 * MINUTE)).is_some(), "it does not end before a slot has shown that the quota suffices");
    }

    #[test]
    fn it_ends_after_two_slots_that_the_quota_did_not_cut_short() {
        let batches = in_force();
        assert_eq!(waits_until(&batches, MINUTE), None);
        assert_eq!(waits_until(&batches, 2 * MINUTE), None, "the interval has passed, and the next slot is there");
        assert!(batches.mode(at(2 * MINUTE + 30_000)).is_some());
        assert_eq!(batches.mode(at(3 * MINUTE)), None);
        assert_eq!(waits_until(&batches, 3 * MINUTE + 10_000), None, "everything leaves at once again");
        batches.put_off(Priority::Update, 50, at(5 * MINUTE), at(4 * MINUTE));
        assert_eq!(batches.mode(at(4 * MINUTE)), None, "and it takes another burst to begin it anew");
    }

    #[test]
    fn it_ends_by_itself_though_nothing_comes_any_more() {
        let batches = in_force();
        assert!(batches.mode(at(2 * MINUTE)).is_some());
        assert_eq!(batches.mode(at(4 * MINUTE)), None);
    }

    #[test]
    fn a_process_goes_on_where_another_one_ended() {
        let first = in_force();
        let kept = first.news().unwrap();
        first.saved(kept.at);
        assert_eq!(first.news(), None);
        let second = batches();
        second.take_over(kept);
        assert_eq!(waits_until(&second, 10_000), Some(MINUTE));
        second.take_over(Kept { mode: None, at: at(-1) });
        assert!(second.mode(at(10_000)).is_some(), "what is older is no news");
    }
}
