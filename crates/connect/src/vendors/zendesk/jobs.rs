//! Zendesk's background jobs: every `*_many` call answers with a job that is done seconds later.
//!
//! All jobs in flight of a connection are watched together with one call, by whichever of the waiting writers holds the watch; the
//! others find their results left for them. Without a task of its own, so it stops when its writers do and runs on any clock.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use entente_model::clock::Timestamp;
use serde_json::Value;

use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::Call;
use crate::transport::client::Client;

use super::wire::{Read, send};

/// When jobs are looked at.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    /// From submission to the first look, for a job of one row.
    pub first: Duration,
    /// Further time before the first look, for each row of the job: one of 100 rows takes about a second. The first guess; what the account
    /// really takes is learnt from its jobs.
    pub per_row: Duration,
    /// The same for jobs whose outcome nobody waits for: what they write has landed long before it is confirmed, and one look then
    /// confirms the jobs of several batches.
    pub relaxed: Duration,
    /// Looks at jobs of a backfill come at multiples of this: one look then shows the jobs of several batches.
    pub together: Duration,
    /// Between later looks, at most; the pause doubles up to this.
    pub longest: Duration,
    /// Time after which a job counts as lost.
    pub patience: Duration,
    /// Our jobs in flight at most: the account has 30 places, other integrations need some.
    pub places: usize,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(250),
            per_row: Duration::from_millis(8),
            relaxed: Duration::from_secs(2),
            together: Duration::from_millis(1_500),
            longest: Duration::from_secs(2),
            patience: Duration::from_secs(600),
            places: 25,
        }
    }
}

/// Pauses that are never gone below or beyond, whatever the latency target: less would be calls without an outcome, and more would keep
/// rows from being written again.
const RELAXED: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(4);

/// What the time of one row may be learnt to be.
const PER_ROW: RangeInclusive<Duration> = Duration::from_micros(50)..=Duration::from_millis(50);

/// Rows from which a job tells something of the time of one.
const TELLING_ROWS: usize = 20;

impl Watch {
    /// A watch that fits into the time that a change may take.
    #[must_use]
    pub fn within(target: Duration) -> Self {
        let plain = Self::default();
        let relaxed = (target * 2 / 3).clamp(*RELAXED.start(), *RELAXED.end());
        Self { first: plain.first.min(relaxed), relaxed, ..plain }
    }

    /// The first instant from `due` on at which jobs of a backfill are looked at.
    fn shared(&self, due: Timestamp) -> Timestamp {
        let every = i64::try_from(self.together.as_millis()).unwrap_or(i64::MAX).max(1);
        let ms = due.as_millisecond();
        Timestamp::from_millisecond(ms + (every - ms.rem_euclid(every)) % every).unwrap_or(due)
    }

    fn first_look(&self, rows: usize, per_row: Duration, priority: Priority) -> Duration {
        let expected = self.first + per_row * u32::try_from(rows).unwrap_or(u32::MAX);
        match priority {
            // A new customer's next step needs the ids that the job makes; a backfill waits for its place in the queue.
            Priority::Urgent | Priority::Backfill => expected,
            Priority::Update | Priority::Activity => expected.max(self.relaxed),
        }
    }
}

#[derive(Debug)]
struct Flight {
    rows: usize,
    submitted: Timestamp,
    due: Timestamp,
    pause: Duration,
    /// Whether its looks wait for those at others.
    together: bool,
}

#[derive(Debug)]
struct State {
    /// Time of one row, as learnt so far.
    per_row: Duration,
    flying: BTreeMap<String, Flight>,
    landed: BTreeMap<String, Result<Value, VendorError>>,
}

/// The jobs in flight of one connection.
#[derive(Debug)]
pub struct Jobs {
    watch: Watch,
    state: Mutex<State>,
    /// Held by the writer that looks for all.
    watching: tokio::sync::Mutex<()>,
    /// Tells the writer that looks that another job is in flight, which may be due sooner.
    sooner: tokio::sync::Notify,
    /// Tells the others that results were left for some of them.
    left: tokio::sync::Notify,
    places: tokio::sync::Semaphore,
}

/// Forgets a job when its writer goes away, however that happens.
struct Forget<'a>(&'a Jobs, String);

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.flying.remove(&self.1);
        state.landed.remove(&self.1);
    }
}

const ADVICE_LOST: &str = "nothing: the rows are looked at again; if this repeats, look at Zendesk's status page";

fn lost(code: &str, message: String) -> VendorError {
    VendorError::new(Class::Retry, code, message, ADVICE_LOST)
}

impl Jobs {
    /// No jobs yet.
    #[must_use]
    pub fn new(watch: Watch) -> Self {
        let places = tokio::sync::Semaphore::new(watch.places.max(1));
        Self {
            watch,
            state: Mutex::new(State { per_row: watch.per_row, flying: BTreeMap::new(), landed: BTreeMap::new() }),
            watching: tokio::sync::Mutex::new(()),
            sooner: tokio::sync::Notify::new(),
            left: tokio::sync::Notify::new(),
            places,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Submits a call that answers with a job of `rows` rows and waits for its results: a list of items, or one object for all.
    ///
    /// # Errors
    /// What the submission says; class `Retry` when the job failed, was killed, or did not end in time. Rows may have landed then.
    pub async fn run(
        &self,
        client: &Client,
        kind: &'static str,
        priority: Priority,
        rows: usize,
        call: Call,
    ) -> Result<Value, VendorError> {
        let Ok(_place) = self.places.acquire().await else {
            return Err(lost("job_queue", "the job queue is closed".to_owned()));
        };
        let read = send(client, kind, priority, call).await?;
        let job = &read.body["job_status"];
        let Some(id) = job["id"].as_str().map(str::to_owned) else {
            return Err(lost("job_status", "Zendesk took the call but named no job".to_owned()));
        };
        if let Some(result) = ended(job) {
            return result;
        }
        let now = client.now();
        let due = now.checked_add(self.watch.first_look(rows, self.state().per_row, priority)).unwrap_or(now);
        let together = priority == Priority::Backfill;
        let due = if together { self.watch.shared(due) } else { due };
        self.state().flying.insert(id.clone(), Flight { rows, submitted: now, due, pause: self.watch.first, together });
        self.sooner.notify_one();
        let _forget = Forget(self, id.clone());
        loop {
            // Listening begins before the look for a result, so that none is left in between.
            let mut left = pin!(self.left.notified());
            left.as_mut().enable();
            if let Some(result) = self.state().landed.remove(&id) {
                return result;
            }
            // Whose turn it is may sleep until another job is due: nobody whose result is there waits for that.
            tokio::select! {
                biased;
                () = &mut left => {}
                _turn = self.watching.lock() => self.look_unless_landed(client, &id).await,
            }
        }
    }

    /// Time until the first job is due; none when one is.
    fn until_due(&self, now: Timestamp) -> Option<Duration> {
        let due = self.state().flying.values().map(|flight| flight.due).min()?;
        Duration::try_from(due.duration_since(now)).ok().filter(|pause| !pause.is_zero())
    }

    async fn look_unless_landed(&self, client: &Client, id: &str) {
        if !self.state().landed.contains_key(id) {
            self.look(client).await;
        }
    }

    /// Sleeps until the first job is due, then looks at all of them. Always urgent: the work is under way, and its outcome decides about
    /// repeats that would cost more.
    async fn look(&self, client: &Client) {
        while let Some(pause) = self.until_due(client.now()) {
            tokio::select! {
                biased;
                () = self.sooner.notified() => {}
                () = client.sleep(pause) => {}
            }
        }
        let ids: Vec<String> = self.state().flying.keys().cloned().collect();
        let call = Call::get("/api/v2/job_statuses/show_many").query("ids", ids.join(","));
        let result = send(client, "job_statuses", Priority::Urgent, call).await;
        let now = client.now();
        self.take(&ids, result, now);
        self.left.notify_waiters();
    }

    /// Leaves the results of jobs that have ended, and says when the others are looked at again.
    fn take(&self, ids: &[String], result: Result<Read, VendorError>, now: Timestamp) {
        let mut state = self.state();
        match result {
            Ok(read) => {
                let jobs = read.body["job_statuses"].as_array().cloned().unwrap_or_default();
                for id in ids {
                    match jobs.iter().find(|job| job["id"].as_str() == Some(id)) {
                        Some(job) => match ended(job) {
                            Some(result) => {
                                state.learn_ended(id, now, self.watch);
                                state.land(id, result);
                            }
                            None => state.wait(id, now, self.watch),
                        },
                        // A job that was just submitted may not be listed yet.
                        None => state.wait(id, now, self.watch),
                    }
                }
            }
            Err(error) => {
                for id in ids {
                    match error.class {
                        Class::Wait { until } => state.wait_until(id, until, now, self.watch),
                        Class::Retry | Class::LookAgain => state.wait(id, now, self.watch),
                        // The jobs run on, but we cannot learn how they end.
                        Class::Reauthenticate | Class::Data | Class::Configuration => state.land(id, Err(error.clone())),
                    }
                }
            }
        }
    }
}

impl State {
    fn land(&mut self, id: &str, result: Result<Value, VendorError>) {
        // A writer that has gone away took its flight along; nobody waits for the result then.
        if self.flying.remove(id).is_some() {
            self.landed.insert(id.to_owned(), result);
        }
    }

    /// A job that had ended when it was looked at near the expected time may well have ended sooner.
    fn learn_ended(&mut self, id: &str, now: Timestamp, watch: Watch) {
        let Some(flight) = self.flying.get(id).filter(|flight| flight.rows >= TELLING_ROWS) else { return };
        let age = Duration::try_from(now.duration_since(flight.submitted)).unwrap_or_default();
        let rows = u32::try_from(flight.rows).unwrap_or(u32::MAX);
        if age <= watch.first + self.per_row * rows * 2 {
            self.per_row = (self.per_row * 3 / 4).clamp(*PER_ROW.start(), *PER_ROW.end());
        }
    }

    fn wait(&mut self, id: &str, now: Timestamp, watch: Watch) {
        // One that was looked at before its time keeps it.
        let Some(flight) = self.flying.get_mut(id).filter(|flight| flight.due <= now) else { return };
        if flight.rows >= TELLING_ROWS {
            self.per_row = (self.per_row * 3 / 2).clamp(*PER_ROW.start(), *PER_ROW.end());
        }
        flight.pause = (flight.pause * 2).min(watch.longest);
        let until = now.checked_add(flight.pause).unwrap_or(now);
        self.wait_until(id, until, now, watch);
    }

    fn wait_until(&mut self, id: &str, until: Timestamp, now: Timestamp, watch: Watch) {
        let Some(flight) = self.flying.get_mut(id) else { return };
        flight.due = if flight.together { watch.shared(until) } else { until };
        let age = Duration::try_from(now.duration_since(flight.submitted)).unwrap_or_default();
        if age > watch.patience {
            let seconds = age.as_secs();
            self.land(id, Err(lost("job_timeout", format!("Zendesk's job {id} did not end within {seconds} s"))));
        }
    }
}

/// The outcome of a job, if it has ended.
fn ended(job: &Value) -> Option<Result<Value, VendorError>> {
    let id = job["id"].as_str().unwrap_or("?");
    let message = job["message"].as_str().unwrap_or("no reason given");
    match job["status"].as_str() {
        Some("completed") => Some(Ok(job["results"].clone())),
        Some("failed") => Some(Err(lost("job_failed", format!("Zendesk's job {id} failed: {message}")))),
        Some("killed") => Some(Err(lost("job_killed", format!("Zendesk's job {id} was stopped: {message}")))),
        _ => None,
    }
}

/// What identifies one row of a job, to find its result by.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// Its id, for rows that have one.
    pub id: Option<String>,
    /// Its external id.
    pub external_id: Option<String>,
    /// Its e-mail address.
    pub email: Option<String>,
}

/// Finds each row's result. Results come in any order: by id where the row has one, else by index, else by external id or e-mail.
#[must_use]
pub fn sort<'a>(results: &'a Value, rows: &[Trace]) -> Vec<Option<&'a Value>> {
    let Some(items) = results.as_array() else {
        // `{"success": true}` speaks for all rows.
        return vec![results.is_object().then_some(results); rows.len()];
    };
    let mut sorted: Vec<Option<&Value>> = vec![None; rows.len()];
    let mut used = vec![false; items.len()];
    let rules: [fn(&Value, usize, &Trace) -> bool; 4] = [
        |item, _, row| row.id.is_some() && super::map::id_text(&item["id"]) == row.id,
        |item, at, row| {
            item["index"].as_u64() == u64::try_from(at).ok() && (row.id.is_none() || super::map::id_text(&item["id"]).is_none())
        },
        |item, _, row| same(&item["external_id"], row.external_id.as_deref()),
        |item, _, row| same(&item["email"], row.email.as_deref()),
    ];
    for rule in rules {
        for (at, row) in rows.iter().enumerate() {
            if sorted[at].is_some() {
                continue;
            }
            let found = items.iter().enumerate().find(|(number, item)| !used[*number] && rule(item, at, row));
            if let Some((number, item)) = found {
                used[number] = true;
                sorted[at] = Some(item);
            }
        }
    }
    sorted
}

fn same(value: &Value, text: Option<&str>) -> bool {
    matches!((value.as_str(), text), (Some(value), Some(text)) if !value.is_empty() && value.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn trace(id: Option<&str>, external_id: Option<&str>, email: Option<&str>) -> Trace {
        Trace { id: id.map(str::to_owned), external_id: external_id.map(str::to_owned), email: email.map(str::to_owned) }
    }

    #[test]
    fn results_find_their_rows_in_any_order() {
        let results = json!([
            {"index": 2, "error": "UserCreateError", "details": "Email: invalid"},
            {"id": 11, "status": "Created", "external_id": "CON_A"},
            {"id": 12, "status": "Created", "email": "b@example.com"},
        ]);
        let rows = [trace(None, Some("con_a"), None), trace(None, Some("con_b"), Some("B@example.com")), trace(None, Some("con_c"), None)];
        let sorted = sort(&results, &rows);
        assert_eq!(sorted[0].expect("a")["id"], 11);
        assert_eq!(sorted[1].expect("b")["id"], 12);
        assert_eq!(sorted[2].expect("c")["error"], "UserCreateError");
    }

    #[test]
    fn updates_are_matched_by_id_before_index() {
        let results = json!([{"index": 0, "id": 9, "success": true}, {"index": 1, "id": 8, "error": "UpdateConflict"}]);
        let sorted = sort(&results, &[trace(Some("8"), None, None), trace(Some("9"), None, None), trace(Some("7"), None, None)]);
        assert_eq!(sorted[0].expect("8")["error"], "UpdateConflict");
        assert_eq!(sorted[1].expect("9")["success"], true);
        assert_eq!(sorted[2], None, "another row's result is not taken for this one's");
    }

    #[test]
    fn one_object_speaks_for_all_rows() {
        let results = json!({"success": true});
        assert_eq!(sort(&results, &[Trace::default(), Trace::default()]).iter().flatten().count(), 2);
        assert_eq!(sort(&Value::Null, &[Trace::default()]), [None]);
    }

    #[test]
    fn looks_at_jobs_of_a_backfill_come_together() {
        let watch = Watch { together: Duration::from_millis(1_500), ..Watch::default() };
        let shared = |ms| watch.shared(Timestamp::from_millisecond(ms).unwrap()).as_millisecond();
        assert_eq!([1, 1_499, 1_500, 1_501].map(shared), [1_500, 1_500, 1_500, 3_000]);
    }

    #[test]
    fn a_job_that_failed_is_tried_again() {
        assert!(ended(&json!({"id": "V3-1", "status": "working", "results": null})).is_none());
        let failed = ended(&json!({"id": "V3-1", "status": "failed", "message": "boom"})).expect("ended").expect_err("failed");
        assert_eq!(failed.class, Class::Retry);
    }
}
