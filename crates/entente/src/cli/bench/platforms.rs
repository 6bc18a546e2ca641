//! How each platform's connector reads, writes and notices, against its simulator with the platform's real latency and limits, on a clock
//! that passes by being slept through: seconds are the platform's, not this machine's.

mod crowd;
mod time;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use entente_connect::capability::Happening;
use entente_connect::connector::{Connector, NewField, Priority};
use entente_connect::error::{Class, VendorError};
use entente_connect::look::{Look, ReadSpec};
use entente_connect::registry;
use entente_connect::transport::Surroundings;
use entente_connect::transport::wire::Time;
use entente_connect::write::{Write, WriteKind, WriteTarget};
use entente_model::clock::Clock;
use entente_model::id::RecordId;
use entente_model::mapping::remote::{RemoteField, RemoteKind};
use entente_sims::clock::SimClock;
use futures::future::join_all;
use serde_json::{Value, json};

use super::Setting;
use super::table::Sheet;
use crate::cli::status_text::number;
use crate::fault::{Fault, Result};
use crowd::Crowd;
use time::{Paced, Passing, Pocket};

/// 2026-01-05T10:00:00Z.
const START_MS: i64 = 1_767_607_200_000;
/// What share of the contacts that are read are written.
const WRITTEN_PART: usize = 10;
/// Changes on each side by which calls per 1,000 are measured.
const CHANGES: usize = 500;
/// Changes of one instant.
const INSTANT: usize = 12_000;
/// Records that the engine takes up together in background work.
const TAKEN_UP: usize = 600;
/// Time between polls, as by default.
const POLL: Duration = Duration::from_secs(15 * 60);
/// An hour: what was made before it is old for every index.
const HOUR: Duration = Duration::from_secs(3_600);
/// Refusals one after the other after which a platform counts as closed.
const PATIENCE: usize = 2_000;

/// How the platforms are measured, as the page says it.
const SAID: &str = "Connector and simulator in one process, with the latency and the limits that the platform has for an ordinary account \
(`Profile` in `crates/sims`). Seconds are the platform's: time is slept through, so that they are those of its pace and not of this machine. The \
least calls are those that nobody can do without: whole pages, whole batches, and where writes are jobs a question for as many as run at once. To \
reach: at most 1.3 times as many. Changes are 500 seen by a poll and 500 written.";

/// A platform under measurement.
struct Stage {
    crowd: Crowd,
    connector: Arc<dyn Connector>,
    time: Arc<Passing>,
}

fn told(error: &VendorError) -> Fault {
    Fault::new(format!("the platform refused: {error}"), error.advice)
}

impl Stage {
    async fn set(platform: &str, seed: u64) -> Result<Option<Self>> {
        let time = Passing::from(START_MS);
        let Some(crowd) = crowd::start(platform, SimClock::virtual_at(time.hands()), seed)? else { return Ok(None) };
        let call = Duration::from_millis(crowd.profile.latency_ms + crowd.profile.network_ms);
        let wire = Arc::new(Paced { router: crowd.router.clone(), time: Arc::clone(&time), call });
        let surroundings =
            Surroundings { wire, time: Arc::clone(&time) as _, vault: Arc::new(Pocket::default()), latency_target: Duration::from_secs(3) };
        let connector = registry::connect(crowd.settings.clone(), surroundings).map_err(|error| Fault::of(&error))?;
        let key = RemoteField { writable: true, unique: true, ..RemoteField::new(crowd.key, "Entente id", RemoteKind::Text) };
        connector.create_field(&NewField { object: crowd.object.to_owned(), field: key }).await.map_err(|error| told(&error))?;
        Ok(Some(Self { crowd, connector, time }))
    }

    fn plant(&self, from: usize, many: usize) -> Result<Vec<String>> {
        let made: std::result::Result<Vec<String>, String> = (from..from + many).map(|n| (self.crowd.plant)(n)).collect();
        made.map_err(|reason| Fault::new(format!("a contact cannot be made up: {reason}"), "report this: it is a mistake in the benchmark"))
    }

    fn read(&self) -> ReadSpec {
        ReadSpec { object: self.crowd.object.to_owned(), fields: vec![self.crowd.name.to_owned(), self.crowd.email.to_owned()] }
    }

    /// Waits as a refusal says; whoever refuses for ever ends the measure.
    async fn wait(&self, error: &VendorError) -> Result<()> {
        match error.class {
            Class::Wait { until } => {
                let pause = Duration::try_from(until.duration_since(self.time.now())).unwrap_or_default();
                self.time.sleep(pause.max(Duration::from_millis(1))).await;
                Ok(())
            }
            _ => Err(told(error)),
        }
    }

    async fn read_on(&self, cursor: Option<String>) -> Result<(Vec<Look>, String)> {
        // A first read begins as the engine's do.
        let cursor = cursor.or_else(|| self.connector.first_read_from(&self.read()));
        let (mut cursor, mut looks, mut refusals) = (cursor, Vec::new(), 0);
        loop {
            match self.connector.page(&self.read(), cursor.as_ref(), Priority::Backfill).await {
                Ok(page) => {
                    refusals = 0;
                    looks.extend(page.looks);
                    if !page.more {
                        return Ok((looks, page.next));
                    }
                    cursor = Some(page.next);
                }
                Err(error) if refusals < PATIENCE => {
                    refusals += 1;
                    self.wait(&error).await?;
                }
                Err(error) => return Err(told(&error)),
            }
        }
    }

    /// Rows of one call, as the engine decides it: a job where the platform has them and the rows are worth one, else what a call takes.
    fn rows_of_a_call(&self, rows: usize, priority: Priority) -> usize {
        match self.connector.bulk_rows() {
            Some(job) if priority == Priority::Backfill && rows >= job.div_ceil(2) => job,
            _ => self.connector.spec().write_max,
        }
    }

    /// Writes everything as the engine does: so many rows at a time as it takes up together, in calls side by side. Ids of the rows.
    async fn write(&self, writes: Vec<Write>, priority: Priority) -> Result<Vec<String>> {
        let target = WriteTarget { object: self.crowd.object.to_owned(), key_field: self.crowd.key.to_owned() };
        let mut ids = Vec::with_capacity(writes.len());
        let mut rest: Vec<Write> = writes;
        let mut refusals = 0;
        while !rest.is_empty() {
            let of_a_call = self.rows_of_a_call(rest.len(), priority);
            let group: Vec<Write> = rest.drain(..rest.len().min(TAKEN_UP.max(of_a_call))).collect();
            let calls = group.chunks(of_a_call).map(|rows| self.connector.write(&target, rows, priority));
            let mut waits = None;
            for (rows, answer) in group.chunks(of_a_call).zip(join_all(calls).await) {
                let outcomes = answer.unwrap_or_else(|error| vec![Err(error); rows.len()]);
                for (write, outcome) in rows.iter().zip(outcomes) {
                    match outcome {
                        Ok(written) => ids.push(written.id),
                        Err(error) if matches!(error.class, Class::Wait { .. }) => {
                            waits = Some(error);
                            rest.push(write.clone());
                        }
                        Err(error) => return Err(told(&error)),
                    }
                }
            }
            if let Some(error) = waits {
                refusals += 1;
                if refusals > PATIENCE {
                    return Err(Fault::new("the platform refuses for ever", "report this: it is a mistake in the benchmark"));
                }
                self.wait(&error).await?;
            }
        }
        Ok(ids)
    }

    fn creations(&self, many: usize) -> Vec<Write> {
        let ms = u128::try_from(self.time.ms()).unwrap_or_default();
        let key = |n: usize| RecordId::new("con", (ms << 80) | (7 << 76) | n as u128).to_string();
        let row = |n: usize| {
            let row = json!({self.crowd.name: format!("New {n}"), self.crowd.email: format!("n{n}@crowd.example")});
            row.as_object().cloned().unwrap_or_default()
        };
        (0..many).map(|n| Write { kind: WriteKind::Create, key: key(n), id: None, row: row(n), expect: None }).collect()
    }

    fn calls(&self) -> u64 {
        self.connector.counts().calls
    }
}

/// Seconds and calls that something took.
struct Took {
    ms: i64,
    calls: u64,
    least: u64,
}

impl Took {
    fn shown(&self) -> String {
        let seconds = (self.ms + 500).div_euclid(1_000).unsigned_abs();
        format!("{} s; {} calls, {} at the least: {:.2} ×", number(seconds), number(self.calls), number(self.least), self.ratio())
    }

    fn ratio(&self) -> f64 {
        self.calls as f64 / self.least.max(1) as f64
    }

    fn json(&self) -> Value {
        json!({"seconds": self.ms as f64 / 1_000.0, "calls": self.calls, "least_calls": self.least, "ratio": self.ratio()})
    }
}

/// What was measured of one platform: a text for each column, and the numbers.
type Line = (Vec<String>, Value);

/// From an edit of a person to the hint that tells of it, in milliseconds; polls where no webhook does.
async fn delay(stage: &Stage, id: &str) -> Result<(&'static str, i64)> {
    let capabilities = stage.connector.spec().capabilities(stage.crowd.object);
    if !capabilities.is_some_and(|known| known.tells(Happening::Changed)) {
        return Ok(("poll", i64::try_from(POLL.as_millis()).unwrap_or(i64::MAX)));
    }
    let url = format!("https://hub.example/hooks/{}", stage.crowd.settings.name);
    match stage.connector.subscribe(&url, &[stage.crowd.object.to_owned()]).await {
        Ok(_) => {}
        Err(error) if error.class == Class::Configuration => (stage.crowd.listen)(&url),
        Err(error) => return Err(told(&error)),
    }
    drop(stage.crowd.mail.take_due());
    let edited = stage.time.ms();
    (stage.crowd.rename)(id, "Of the delay").map_err(|reason| Fault::new(reason, "report this: it is a mistake in the benchmark"))?;
    let due = stage.crowd.mail.next_due_ms().unwrap_or(i64::MAX);
    Ok(("webhook", due - edited))
}

async fn one(platform: &str, contacts: usize, seed: u64) -> Result<Option<Line>> {
    let Some(stage) = Stage::set(platform, seed).await? else { return Ok(None) };
    let spec = stage.connector.spec();
    let ids = stage.plant(0, contacts)?;
    stage.time.pass(HOUR);

    let (began, calls) = (stage.time.ms(), stage.calls());
    let (looks, cursor) = stage.read_on(None).await?;
    let seen: BTreeSet<&str> = looks.iter().map(|look| look.id.as_str()).collect();
    let missed = ids.iter().filter(|id| !seen.contains(id.as_str())).count();
    let read = Took { ms: stage.time.ms() - began, calls: stage.calls() - calls, least: stage.crowd.least_reads(contacts as u64) };

    // Changes on both sides of a poll: seen there, and written there.
    stage.time.pass(HOUR);
    for id in ids.iter().take(CHANGES) {
        (stage.crowd.rename)(id, "Renamed").map_err(|reason| Fault::new(reason, "report this: it is a mistake in the benchmark"))?;
    }
    stage.time.pass(POLL);
    let calls = stage.calls();
    let (polled, cursor) = stage.read_on(Some(cursor)).await?;
    let versions: BTreeMap<&str, &String> = looks.iter().filter_map(|look| Some((look.id.as_str(), look.version.as_ref()?))).collect();
    let is_guarded = spec.capabilities(stage.crowd.object).is_some_and(|known| known.concurrency.is_some());
    let update = |id: &String| Write {
        kind: WriteKind::Update,
        key: String::new(),
        id: Some(id.clone()),
        row: json!({stage.crowd.name: "Written"}).as_object().cloned().unwrap_or_default(),
        // On the version that was read, as the sync writes: where the platform has no precondition, that costs a look, or is not possible.
        expect: versions.get(id.as_str()).map(|version| (*version).clone()).filter(|_| is_guarded),
    };
    let updates: Vec<Write> = ids.iter().rev().take(CHANGES).map(update).collect();
    let updated = updates.len();
    stage.write(updates, Priority::Update).await?;
    let changes = (polled.len().min(CHANGES) + updated).max(1) as u64;
    let per_1000 = (stage.calls() - calls) * 1_000 / changes;

    let written = contacts / WRITTEN_PART;
    let creations = stage.creations(written);
    let (began, calls) = (stage.time.ms(), stage.calls());
    let made: BTreeSet<String> = stage.write(creations, Priority::Backfill).await?.into_iter().collect();
    let write = Took { ms: stage.time.ms() - began, calls: stage.calls() - calls, least: stage.crowd.least_writes(written as u64) };

    // Everything of one instant, in one window.
    stage.time.pass(HOUR);
    let (_, cursor) = stage.read_on(Some(cursor)).await?;
    stage.time.pass(HOUR);
    let instant: BTreeSet<String> = stage.plant(contacts, INSTANT.min(contacts))?.into_iter().collect();
    stage.time.pass(HOUR);
    let (window, _) = stage.read_on(Some(cursor)).await?;
    let of_instant: Vec<&str> = window.iter().map(|look| look.id.as_str()).filter(|id| instant.contains(*id)).collect();
    let once = of_instant.iter().collect::<BTreeSet<_>>().len() == instant.len() && of_instant.len() == instant.len();

    let (how, delay_ms) = delay(&stage, ids.first().map_or("", String::as_str)).await?;
    let all = |whole: bool, what: String| if whole { what } else { format!("NOT ALL: {what}") };
    let hint =
        if how == "poll" { "a poll, within 15 minutes".to_owned() } else { format!("{} ms, a {how}", number(delay_ms.unsigned_abs())) };
    let instants = format!("{} looks at {} rows", number(of_instant.len() as u64), number(instant.len() as u64));
    let cells = vec![
        spec.label.to_owned(),
        all(missed == 0, read.shown()),
        all(made.len() == written, write.shown()),
        number(per_1000),
        hint,
        all(once, instants),
    ];
    let numbers = json!({
        "platform": platform, "contacts": contacts, "read": read.json(), "missed": missed, "write": write.json(), "rows_written": made.len(),
        "calls_per_1000": per_1000, "hint": {"by": how, "ms": delay_ms}, "instant": {"rows": instant.len(), "looks": of_instant.len(), "once": once},
    });
    Ok(Some((cells, numbers)))
}

/// Every platform of the registry that has a crowd here, or the one that is named.
pub async fn platforms(setting: Setting, only: Option<&str>) -> Result<Sheet> {
    let contacts = setting.memory_customers;
    let (mut lines, mut numbers) = (Vec::new(), Vec::new());
    for platform in registry::ALL.iter().filter(|platform| only.is_none_or(|only| only == platform.spec.key)) {
        if let Some((cells, told)) = one(platform.spec.key, contacts, setting.seed).await? {
            lines.push(cells);
            numbers.push(told);
        }
    }
    if let Some(only) = only.filter(|_| lines.is_empty()) {
        let known: Vec<&str> = registry::ALL.iter().map(|platform| platform.spec.key).collect();
        return Err(Fault::new(format!("`{only}` is no platform that is measured by itself"), format!("name one of {}", known.join(", "))));
    }
    let heads = [
        "platform".to_owned(),
        format!("first read of {} contacts", number(contacts as u64)),
        format!("first write of {}", number((contacts / WRITTEN_PART) as u64)),
        "calls per 1,000 synced changes".to_owned(),
        "edit to hint".to_owned(),
        "changes of one instant".to_owned(),
    ];
    Ok(Sheet { title: "Each platform by itself", said: SAID.to_owned(), heads: heads.to_vec(), lines, numbers })
}
