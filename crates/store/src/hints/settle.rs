//! Settling claimed hints: how each of them ends.

use std::collections::{BTreeMap, HashSet};

use entente_model::clock::Timestamp;

use super::{FORGIVING, NEWS};
use crate::dead_letters::Attempt;
use crate::error::Result;
use crate::sql::{Row, Val, cells, vals};
use crate::tx::{BATCH_ROWS, Tx};

/// Failed attempts kept with a hint: the promised retries several times over, also when a person asks for more in between.
const FAILURES_MAX: usize = 20;

/// Gives claimed hints back as of `$2`; which is to follow. What became of them is not known, as with those that are [taken over](super::TAKEN).
const RELEASE: &str = r#"update hints set lease_until = null, lease_owner = null, ready_at = GREATEST(GREATEST(due_at, not_before), $2),
        to_fetch = JSON_UNION(JSON_UNION(to_fetch, to_fetch_next), '{"*": 1}'), to_fetch_next = '{}'"#;

/// How a converge ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Converged, or waiting for a person: nothing is left to do.
    Done,
    /// Failed for now: looked at again from then on, and counted as an attempt.
    Retry {
        /// Not before this instant.
        at: Timestamp,
        /// Why, for people.
        error: String,
    },
    /// Somebody else was faster at the platform: looked at again from then on, counted as a race and not as an attempt.
    Raced {
        /// Not before this instant.
        at: Timestamp,
    },
    /// Not its turn yet (a budget is spent, a counterpart is missing): looked at again from then on, and no attempt.
    Later {
        /// Not before this instant.
        at: Timestamp,
    },
    /// Failed for good. The caller keeps a dead letter in the same transaction.
    Dead,
}

/// A claimed hint with its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Subject of the hint.
    pub subject: String,
    /// Generation it was claimed at.
    pub generation: i64,
    /// How it ended.
    pub outcome: Outcome,
}

/// What settling came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settlement {
    /// Hints that are gone.
    pub gone: u64,
    /// Subjects that were hinted at while they were held: they are looked at again at once. Also those that ended as dead: there
    /// is news that may have cured them.
    pub again: Vec<String>,
    /// Subjects whose lease this worker had lost. Nothing was changed; another one looks at them.
    pub lost: Vec<String>,
}

impl Tx<'_> {
    /// Ends claimed hints. What was hinted at meanwhile is looked at again, whatever the outcome.
    ///
    /// # Errors
    /// As for any write.
    pub fn settle(&mut self, owner: &str, now: Timestamp, settled: &[Settled]) -> Result<Settlement> {
        let mut sum = Settlement::default();
        let mut sorted: Vec<&Settled> = settled.iter().collect();
        sorted.sort_by(|a, b| a.subject.cmp(&b.subject));
        for batch in sorted.chunks(BATCH_ROWS) {
            self.settle_batch(owner, now, batch, &mut sum)?;
        }
        if !sum.again.is_empty() {
            self.wake();
        }
        Ok(sum)
    }

    fn settle_batch(&mut self, owner: &str, now: Timestamp, batch: &[&Settled], sum: &mut Settlement) -> Result<()> {
        let (mut ends, mut pauses) = (Vec::new(), Vec::new());
        let mut failures = self.failures_of(batch)?;
        for one in batch {
            match &one.outcome {
                Outcome::Done | Outcome::Dead => ends.push(cells![&one.subject, one.generation]),
                Outcome::Retry { at, error } => {
                    let mut known = failures.remove(&one.subject).unwrap_or_default();
                    known.push(Attempt { at: now, error: error.clone() });
                    let kept = known.split_off(known.len().saturating_sub(FAILURES_MAX));
                    pauses.push(cells![&one.subject, *at, error, 1, 0, Val::json(&kept)?]);
                }
                Outcome::Later { at } => {
                    pauses.push(cells![&one.subject, *at, Val::Null, 0, 0, Val::Null]);
                }
                Outcome::Raced { at } => {
                    pauses.push(cells![&one.subject, *at, Val::Null, 0, 1, Val::Null]);
                }
            }
        }
        let mut kept: HashSet<String> = HashSet::new();
        let mut keep = |rows: Vec<Row>| -> Result<Vec<String>> {
            let subjects = rows.into_iter().map(|mut row| row.text()).collect::<Result<Vec<_>>>()?;
            kept.extend(subjects.iter().cloned());
            Ok(subjects)
        };
        if !ends.is_empty() {
            let many = ends.len() as u64;
            let ends = Val::rows(&["subject", "generation"], ends);
            let gone = self.rows(
                "hints",
                "delete from hints using EACH($1) where hints.lease_owner = $2 and hints.subject = x.value->>'subject'
                    and hints.generation = cast(x.value->>'generation' as bigint) returning subject",
                &[ends.clone(), owner.into()],
            )?;
            let gone = keep(gone)?.len() as u64;
            sum.gone += gone;
            if gone < many {
                let again = self.rows(
                    "hints",
                    "update hints set lease_until = null, lease_owner = null, due_at = $3, ready_at = $3, not_before = 0, attempts = 0,
                            races = 0, failed_until = 0, forgiven = 0, last_error = null, failures = '[]', first_at = hinted_at, origin_at = hinted_at, to_fetch = to_fetch_next,
                            to_fetch_next = '{}'
                     where lease_owner = $2 and subject in (select x.value->>'subject' from EACH($1)) returning subject",
                    &[ends, owner.into(), now.into()],
                )?;
                sum.again.extend(keep(again)?);
            }
        }
        if !pauses.is_empty() {
            // A failure is followed by no pause where news came in meanwhile, and the attempt is none of those that the retries were promised:
            // some times, and not for ever.
            let cured = format!("(hints.not_before = {NEWS} and {FORGIVING} and cast(x.value->>'attempt' as bigint) = 1)");
            let sql = format!(
                "update hints set lease_until = null, lease_owner = null,
                        not_before = case when {cured} then 0 else cast(x.value->>'at' as bigint) end,
                        ready_at = case when {cured} then due_at else GREATEST(due_at, cast(x.value->>'at' as bigint)) end,
                        failed_until = case when {cured} or cast(x.value->>'attempt' as bigint) = 0 then 0
                            else cast(x.value->>'at' as bigint) end,
                        forgiven = forgiven + case when {cured} then 1 else 0 end,
                        attempts = attempts + case when {cured} then 0 else cast(x.value->>'attempt' as bigint) end,
                        races = races + cast(x.value->>'race' as bigint), last_error = coalesce(x.value->>'error', last_error),
                        failures = coalesce(x.value->'failures', failures),
                        to_fetch = JSON_UNION(to_fetch, to_fetch_next), to_fetch_next = '{{}}'
                 from EACH($1) where hints.lease_owner = $2 and hints.subject = x.value->>'subject' returning subject"
            );
            let pauses = Val::rows(&["subject", "at", "error", "attempt", "race", "failures"], pauses);
            let paused = self.rows("hints", &sql, &[pauses, owner.into()])?;
            keep(paused)?;
        }
        sum.lost.extend(batch.iter().filter(|one| !kept.contains(&one.subject)).map(|one| one.subject.clone()));
        Ok(())
    }

    /// The failed attempts so far of those that fail now.
    fn failures_of(&mut self, batch: &[&Settled]) -> Result<BTreeMap<String, Vec<Attempt>>> {
        let failing = batch.iter().filter(|one| matches!(one.outcome, Outcome::Retry { .. }));
        let failing: Vec<String> = failing.map(|one| one.subject.clone()).collect();
        if failing.is_empty() {
            return Ok(BTreeMap::new());
        }
        self.rows("hints", "select subject, failures from hints where subject IN_LIST($1)", vals![failing])?
            .into_iter()
            .map(|mut row| Ok((row.text()?, row.json()?)))
            .collect()
    }

    /// Prolongs the leases of a worker. Answers the subjects it still holds; what is missing was lost to another one.
    ///
    /// # Errors
    /// As for any write.
    pub fn heartbeat(&mut self, owner: &str, subjects: &[String], until: Timestamp) -> Result<Vec<String>> {
        let mut held = Vec::new();
        for batch in subjects.chunks(BATCH_ROWS) {
            let sql = "update hints set lease_until = $3, ready_at = $3 where lease_owner = $1 and subject IN_LIST($2) returning subject";
            for mut row in self.rows("hints", sql, vals![owner, batch.to_vec(), until])? {
                held.push(row.text()?);
            }
        }
        Ok(held)
    }

    /// Gives back whatever a worker holds, when it shuts down or starts again under the same name. Answers how many.
    ///
    /// # Errors
    /// As for any write.
    pub fn release(&mut self, owner: &str, now: Timestamp) -> Result<u64> {
        self.exec(&format!("{RELEASE} where lease_owner = $1"), vals![owner, now])
    }

    /// Ends the leases of everybody but this worker at an instant, if they last longer: where there is one worker at a time, the others are dead.
    /// Answers how many.
    ///
    /// # Errors
    /// As for any write.
    pub fn end_leases_of_others(&mut self, owner: &str, at: Timestamp) -> Result<u64> {
        let ended =
            self.exec("update hints set lease_until = $2, ready_at = $2 where lease_owner <> $1 and lease_until > $2", vals![owner, at])?;
        if ended > 0 {
            self.wake();
        }
        Ok(ended)
    }

    /// Gives back whatever those workers hold who were last heard of before an instant. Answers how many.
    ///
    /// # Errors
    /// As for any write.
    pub fn release_silent(&mut self, heard_before: Timestamp, now: Timestamp) -> Result<u64> {
        let silent = format!("{RELEASE} where lease_owner in (select name from workers where seen_at < $1)");
        let released = self.exec(&silent, vals![heard_before, now])?;
        if released > 0 {
            self.wake();
        }
        Ok(released)
    }
}
