//! Hints: "look at this record". One per subject; more of them coalesce into one. Claimed under a lease, one worker at a time.

mod settle;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use entente_model::clock::Timestamp;
use serde::Serialize;

use crate::dead_letters::Attempt;
use crate::error::Result;
use crate::sql::{Row, Val, cells, vals};
use crate::tx::{BATCH_ROWS, Tx};

pub use settle::{Outcome, Settled, Settlement};

/// Importance of a hint: smaller goes first. 0 is a person waiting or a new customer, 3 is a backfill.
pub type Lane = i16;

/// The most urgent lane. A hint in it does not wait out any pause.
pub const LANE_URGENT: Lane = 0;

/// The last lane.
pub const LANE_LAST: Lane = 3;

/// A hint to be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHint {
    /// The record's id, or `connection/object/external id` for a row that is not linked yet.
    pub subject: String,
    /// Our object.
    pub object: String,
    /// Importance.
    pub lane: Lane,
    /// When to look at the latest: until then more hints may join.
    pub due_at: Timestamp,
    /// Why.
    pub cause: String,
    /// Connections whose side must be fetched afresh.
    pub fetch: BTreeSet<String>,
    /// When the change happened that is to be brought over, for the latency counters.
    pub origin_at: Option<Timestamp>,
    /// Whether it tells of something that was not known when the subject was hinted at before: that may be what cures a failure.
    pub is_news: bool,
    /// Now.
    pub at: Timestamp,
}

/// A hint as a worker claimed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hint {
    /// The record's id, or `connection/object/external id`.
    pub subject: String,
    /// Our object.
    pub object: String,
    /// Importance.
    pub lane: Lane,
    /// When the coalescing ends.
    pub due_at: Timestamp,
    /// When the first of the coalesced hints was given.
    pub first_at: Timestamp,
    /// The earliest change that is to be brought over.
    pub origin_at: Option<Timestamp>,
    /// Why: the cause of the first of the coalesced hints.
    pub cause: String,
    /// Connections whose side must be fetched afresh.
    pub fetch: BTreeSet<String>,
    /// Whether a worker has held it and never said what became of it: what that one wrote may have landed.
    pub taken_over: bool,
    /// Failures so far.
    pub attempts: u32,
    /// Times so far that somebody else was faster at the platform: no failures.
    pub races: u32,
    /// The last failure.
    pub last_error: Option<String>,
    /// The failed attempts so far, the oldest first; of very many, the latest.
    pub failures: Vec<Attempt>,
    /// Goes up with each hint; a hint is settled only for the generation it was claimed at.
    pub generation: i64,
}

/// A worker's wish for hints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Name of the worker.
    pub owner: String,
    /// Now.
    pub now: Timestamp,
    /// Once a hint is due, those due within this many milliseconds come along.
    pub window_ms: i64,
    /// How long the lease lasts without a heartbeat, in milliseconds.
    pub lease_ms: i64,
    /// Most hints to take.
    pub limit: usize,
    /// With this many claimable there is no waiting for the first to be due.
    pub full: usize,
    /// Whether nothing less than `full` is worth a claim now, due or not.
    pub only_full: bool,
    /// Which lanes.
    pub lanes: RangeInclusive<Lane>,
    /// Whether only records are wanted of which nothing has to be fetched.
    pub shown: bool,
}

impl Hint {
    /// Whether nothing has been tried for it yet.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.attempts == 0 && self.races == 0
    }
}

impl Claim {
    /// Now, and the latest that a hint may be due to come along, in milliseconds.
    fn span(&self) -> (i64, i64) {
        let now = self.now.as_millisecond();
        (now, now.saturating_add(self.window_ms.max(0)))
    }

    /// What is asked of hints besides.
    fn wanted(&self) -> &'static str {
        if self.shown { SHOWN } else { "" }
    }
}

/// What waits in one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct LaneCount {
    /// To be looked at, now or when the coalescing ends.
    pub waiting: u64,
    /// Waiting for the next attempt after a failure.
    pub retrying: u64,
    /// Held by a worker.
    pub leased: u64,
    /// The oldest first hint of all of them.
    pub oldest: Option<Timestamp>,
}

/// Claimable at `$1` within `$2` (now, and now plus the window), besides what `ready_at` says roughly and by its index.
const CLAIMABLE: &str = "ready_at <= $2 and coalesce(lease_until, 0) <= $1 and not_before <= $1 and due_at <= $2";

/// What is to be fetched by whoever takes a hint: what was told meanwhile as well, and that it was taken over, if another worker's lease on it
/// had run out.
const TAKEN: &str = r#"case when lease_owner is null then JSON_UNION(to_fetch, to_fetch_next)
    else JSON_UNION(JSON_UNION(to_fetch, to_fetch_next), '{"*": 1}') end"#;

/// Stands among the connections to fetch for a hint that was taken over. No connection has this name.
const TAKEN_OVER: &str = "*";

/// Records of which nothing has to be fetched: subjects of rows have slashes.
const SHOWN: &str = " and to_fetch = '{}' and to_fetch_next = '{}' and subject not like '%/%'";

fn keys(object: BTreeMap<String, serde_json::Value>) -> BTreeSet<String> {
    object.into_keys().collect()
}

fn hint(mut row: Row) -> Result<Hint> {
    let mut hint = Hint {
        subject: row.text()?,
        object: row.text()?,
        lane: row.num()?,
        due_at: row.time()?,
        first_at: row.time()?,
        origin_at: row.opt_time()?,
        cause: row.text()?,
        fetch: keys(row.json()?),
        taken_over: false,
        attempts: row.num()?,
        races: row.num()?,
        last_error: row.opt_text()?,
        failures: row.json()?,
        generation: row.int()?,
    };
    hint.taken_over = hint.fetch.remove(TAKEN_OVER);
    Ok(hint)
}

/// The hint rests until another instant, be it after a failure or since it is not its turn.
const PAUSED: &str = "hints.lease_until is null and hints.not_before > excluded.hinted_at";

/// It rests after a failure.
const FAILED: &str = "hints.lease_until is null and hints.failed_until > excluded.hinted_at and hints.not_before = hints.failed_until";

/// News may still give back an attempt.
const FORGIVING: &str = "hints.forgiven < 10";

/// Stands in `not_before` of a hint that tells of news, until it is claimed, and where such a hint joins one that a worker holds: should that
/// one fail, there is no pause.
const NEWS: i64 = -1;

const COLUMNS: &str =
    "subject, object, lane, due_at, first_at, origin_at, cause, to_fetch, attempts, races, last_error, failures, generation";

/// Puts hints of the same subject together, in the order of subjects.
fn coalesce(hints: &[NewHint]) -> Vec<NewHint> {
    let mut unique: BTreeMap<&str, NewHint> = BTreeMap::new();
    for hint in hints {
        match unique.get_mut(hint.subject.as_str()) {
            None => drop(unique.insert(&hint.subject, hint.clone())),
            Some(known) => {
                known.lane = known.lane.min(hint.lane);
                known.due_at = known.due_at.min(hint.due_at);
                known.fetch.extend(hint.fetch.iter().cloned());
                known.is_news |= hint.is_news;
                known.origin_at = [known.origin_at, hint.origin_at].into_iter().flatten().min();
                known.at = known.at.max(hint.at);
            }
        }
    }
    unique.into_values().collect()
}

impl Tx<'_> {
    /// Gives hints. A hint for a subject that has one already joins it: the more urgent lane, the earlier moment, all connections. A subject that
    /// rests after a failure does not wait for the end of its pause if the hint is urgent or tells of news.
    ///
    /// # Errors
    /// As for any write.
    pub fn hint(&mut self, hints: &[NewHint]) -> Result<()> {
        let unique = coalesce(hints);
        for batch in unique.chunks(BATCH_ROWS) {
            let mut rows = Vec::with_capacity(batch.len());
            for hint in batch {
                let fetch: BTreeMap<&str, u8> = hint.fetch.iter().map(|name| (name.as_str(), 1)).collect();
                let fetch = Val::json(&fetch)?;
                let not_before = if hint.is_news { NEWS } else { 0 };
                rows.push(cells![
                    &hint.subject,
                    &hint.object,
                    hint.lane,
                    hint.due_at,
                    not_before,
                    hint.at,
                    hint.origin_at,
                    &hint.cause,
                    fetch
                ]);
            }
            // While a worker holds the hint, what is new waits beside it: `to_fetch_next`, and `ready_at` is the lease's.
            let (tells, failed) = (format!("excluded.not_before = {NEWS}"), format!("{FAILED} and {FORGIVING}"));
            // The attempt that news brings forward is one more, not one of those that the retries were promised.
            let sql = format!(
                "insert into hints (subject, object, lane, due_at, not_before, ready_at, first_at, hinted_at, origin_at, cause, to_fetch,
                        to_fetch_next, attempts, last_error, generation, lease_until, lease_owner)
                 select x.value->>'subject', x.value->>'object', cast(x.value->>'lane' as smallint),
                        cast(x.value->>'due_at' as bigint), cast(x.value->>'not_before' as bigint), cast(x.value->>'due_at' as bigint), cast(x.value->>'at' as bigint),
                        cast(x.value->>'at' as bigint), cast(x.value->>'origin_at' as bigint), x.value->>'cause', x.value->'fetch', '{{}}',
                        0, null, 1, null, null
                 from EACH($1) where true
                 on conflict (subject) do update set
                    lane = LEAST(hints.lane, excluded.lane),
                    due_at = case when hints.lease_until is not null then hints.due_at
                        when {failed} and {tells} and excluded.lane > 0 then excluded.due_at
                        else LEAST(hints.due_at, excluded.due_at) end,
                    attempts = case when {PAUSED} and hints.attempts > 0 and (excluded.lane = 0 or {failed} and {tells})
                        then hints.attempts - 1 else hints.attempts end,
                    forgiven = case when {failed} and {tells} then hints.forgiven + 1 else hints.forgiven end,
                    races = case when {PAUSED} and hints.attempts = 0 and hints.races > 0 and excluded.lane = 0
                        then hints.races - 1 else hints.races end,
                    not_before = case when hints.lease_until is not null then case when {tells} then {NEWS} else hints.not_before end
                        when excluded.lane = 0 or {failed} and {tells} then 0
                        else hints.not_before end,
                    ready_at = case
                        when hints.lease_until is not null then hints.ready_at
                        when excluded.lane = 0 then LEAST(hints.due_at, excluded.due_at)
                        when {failed} and {tells} then excluded.due_at
                        else GREATEST(LEAST(hints.due_at, excluded.due_at), hints.not_before) end,
                    hinted_at = excluded.hinted_at,
                    origin_at = case when hints.lease_until is not null then hints.origin_at
                        else LEAST(coalesce(hints.origin_at, excluded.origin_at), coalesce(excluded.origin_at, hints.origin_at)) end,
                    to_fetch = case when hints.lease_until is null then JSON_UNION(hints.to_fetch, excluded.to_fetch)
                        else hints.to_fetch end,
                    to_fetch_next = case when hints.lease_until is null then hints.to_fetch_next
                        else JSON_UNION(hints.to_fetch_next, excluded.to_fetch) end,
                    generation = hints.generation + 1"
            );
            self.exec(
                &sql,
                &[Val::rows(&["subject", "object", "lane", "due_at", "not_before", "at", "origin_at", "cause", "fetch"], rows)],
            )?;
        }
        if !hints.is_empty() {
            self.wake();
        }
        Ok(())
    }

    /// Whether a claim would take anything: one of its hints is due, or enough have come together.
    ///
    /// # Errors
    /// As for any read.
    pub fn has_claim(&mut self, claim: &Claim) -> Result<bool> {
        let (now, horizon) = claim.span();
        let wanted = claim.wanted();
        let sql = format!(
            "select count(*), min(due_at) from (select due_at from hints where {CLAIMABLE}{wanted} and lane between $3 and $4
             order by ready_at limit $5) ready"
        );
        let full = claim.full.max(1);
        let mut row = self.the_row("hints", &sql, vals![now, horizon, *claim.lanes.start(), *claim.lanes.end(), full])?;
        let (many, due): (usize, Option<i64>) = (row.num()?, row.opt_int()?);
        Ok(many >= full || (!claim.only_full && due.is_some_and(|due| due <= now)))
    }

    /// Takes hints under a lease, the most urgent first: nothing until one of them is due or enough have come together, then all that
    /// are due within the window. Every hint goes to one worker only; one whose lease ran out goes to the next.
    ///
    /// # Errors
    /// As for any write.
    pub fn claim(&mut self, claim: &Claim) -> Result<Vec<Hint>> {
        if !self.has_claim(claim)? {
            return Ok(Vec::new());
        }
        let (now, horizon) = claim.span();
        let (low, high) = (*claim.lanes.start(), *claim.lanes.end());
        let wanted = claim.wanted();
        let lease = now.saturating_add(claim.lease_ms);
        let sql = format!(
            "update hints set lease_until = $5, lease_owner = $6, ready_at = $5, not_before = 0, to_fetch = {TAKEN},
                    to_fetch_next = '{{}}'
             where subject in (select subject from hints where lane = $3 and {CLAIMABLE}{wanted} order by ready_at limit $4 SKIP_LOCKED)
             returning {COLUMNS}"
        );
        let mut taken = Vec::new();
        for lane in low..=high {
            let room = claim.limit - taken.len();
            if room == 0 {
                break;
            }
            for row in self.rows("hints", &sql, vals![now, horizon, lane, room, lease, claim.owner.as_str()])? {
                taken.push(hint(row)?);
            }
        }
        taken.sort_by(|a, b| (a.lane, a.due_at, &a.subject).cmp(&(b.lane, b.due_at, &b.subject)));
        Ok(taken)
    }

    /// Takes hints of certain subjects under a lease, due or not: those that nobody holds and that do not rest after a failure.
    ///
    /// # Errors
    /// As for any write.
    pub fn claim_these(&mut self, owner: &str, now: Timestamp, lease_ms: i64, subjects: &[String]) -> Result<Vec<Hint>> {
        let sql = format!(
            "update hints set lease_until = $3, lease_owner = $4, ready_at = $3, not_before = 0, to_fetch = {TAKEN},
                    to_fetch_next = '{{}}'
             where subject in (select subject from hints where subject IN_LIST($1) and coalesce(lease_until, 0) <= $2
                and not_before <= $2 SKIP_LOCKED)
             returning {COLUMNS}"
        );
        let lease = now.as_millisecond().saturating_add(lease_ms);
        let mut taken = Vec::new();
        for batch in subjects.chunks(BATCH_ROWS) {
            for row in self.rows("hints", &sql, vals![batch.to_vec(), now, lease, owner])? {
                taken.push(hint(row)?);
            }
        }
        Ok(taken)
    }

    /// When the next hint of a lane can be claimed, if nothing else happens. An instant that has passed means now.
    ///
    /// # Errors
    /// As for any read.
    pub fn next_due_of(&mut self, lane: Lane) -> Result<Option<Timestamp>> {
        self.the_row("hints", "select min(ready_at) from hints where lane = $1", vals![lane])?.opt_time()
    }

    /// When the next hint can be claimed, if nothing else happens: the end of a coalescing, a pause or a lease. An instant that has
    /// passed means now.
    ///
    /// # Errors
    /// As for any read.
    pub fn next_due(&mut self) -> Result<Option<Timestamp>> {
        self.the_row("hints", "select min(ready_at) from hints", &[])?.opt_time()
    }

    /// A hint as it stands, for people who ask what is going on with a record.
    ///
    /// # Errors
    /// As for any read.
    pub fn hint_of(&mut self, subject: &str) -> Result<Option<Hint>> {
        self.row("hints", &format!("select {COLUMNS} from hints where subject = $1"), vals![subject])?.map(hint).transpose()
    }

    /// Which of these subjects a worker holds now. A lease that ran out and that nobody took over is still held. It may be lost before
    /// the transaction ends: what must not happen then ends with [`Tx::settle`] or [`Tx::heartbeat`], which tell.
    ///
    /// # Errors
    /// As for any read.
    pub fn held(&mut self, owner: &str, subjects: &[String]) -> Result<BTreeSet<String>> {
        let mut held = BTreeSet::new();
        for batch in subjects.chunks(BATCH_ROWS) {
            let sql = "select subject from hints where lease_owner = $1 and subject IN_LIST($2)";
            for mut row in self.rows("hints", sql, vals![owner, batch.to_vec()])? {
                held.insert(row.text()?);
            }
        }
        Ok(held)
    }

    /// Which of these subjects any worker holds under a lease that has not run out.
    ///
    /// # Errors
    /// As for any read.
    pub fn leased(&mut self, subjects: &[String], now: Timestamp) -> Result<BTreeSet<String>> {
        let mut leased = BTreeSet::new();
        for batch in subjects.chunks(BATCH_ROWS) {
            let sql = "select subject from hints where lease_until > $1 and subject IN_LIST($2)";
            for mut row in self.rows("hints", sql, vals![now, batch.to_vec()])? {
                leased.insert(row.text()?);
            }
        }
        Ok(leased)
    }

    /// Which of these subjects have a hint, claimed or not.
    ///
    /// # Errors
    /// As for any read.
    pub fn hinted(&mut self, subjects: &[String]) -> Result<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        for batch in subjects.chunks(BATCH_ROWS) {
            for mut row in self.rows("hints", "select subject from hints where subject IN_LIST($1)", vals![batch.to_vec()])? {
                found.insert(row.text()?);
            }
        }
        Ok(found)
    }

    /// Whether any subject that begins like this has a hint, claimed or not.
    ///
    /// # Errors
    /// As for any read.
    pub fn hinted_below(&mut self, prefix: &str) -> Result<bool> {
        Ok(self.row("hints", "select 1 from hints where substr(subject, 1, length($1)) = $1 limit 1", vals![prefix])?.is_some())
    }

    /// What waits, by lane.
    ///
    /// # Errors
    /// As for any read.
    pub fn hint_counts(&mut self, now: Timestamp) -> Result<BTreeMap<Lane, LaneCount>> {
        let sql = "select lane,
                sum(case when coalesce(lease_until, 0) <= $1 and not_before <= $1 then 1 else 0 end),
                sum(case when coalesce(lease_until, 0) <= $1 and not_before > $1 then 1 else 0 end),
                sum(case when coalesce(lease_until, 0) > $1 then 1 else 0 end), min(first_at)
             from hints group by lane";
        self.rows("hints", sql, vals![now])?
            .into_iter()
            .map(|mut row| {
                Ok((row.num()?, LaneCount { waiting: row.num()?, retrying: row.num()?, leased: row.num()?, oldest: row.opt_time()? }))
            })
            .collect()
    }
}
