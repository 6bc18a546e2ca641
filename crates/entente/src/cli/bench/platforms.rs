//! How each platform's connector reads, writes and notices, against its simulator with the platform's real latency and limits, on a clock
//! that passes by being slept through: seconds are the platform's, not this machine's.

mod crowd;
mod time;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

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
use serde_json::{Value, json};

use super::Setting;
use super::table::Row;
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
/// Time between polls, as by default.
const POLL: Duration = Duration::from_secs(15 * 60);
/// An hour: what was made before it is old for every index.
const HOUR: Duration = Duration::from_secs(3_600);
/// Refusals one after the other after which a platform counts as closed.
const PATIENCE: usize = 2_000;

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
        let key = RemoteField {
            name: crowd.key.to_owned(),
            label: "Entente id".to_owned(),
            kind: RemoteKind::Text,
            writable: true,
            required: false,
            unique: true,
            length: None,
            scale: None,
            values: Vec::new(),
            restricted: false,
        };
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

    /// Writes everything in the largest batches that the connector takes; ids of the rows.
    async fn write(&self, writes: Vec<Write>) -> Result<Vec<String>> {
        let target = WriteTarget { object: self.crowd.object.to_owned(), key_field: self.crowd.key.to_owned() };
        let mut ids = Vec::with_capacity(writes.len());
        let mut rest: Vec<Write> = writes;
        let mut refusals = 0;
        while !rest.is_empty() {
            let batch: Vec<Write> = rest.drain(..rest.len().min(self.connector.spec().write_max)).collect();
            match self.connector.write(&target, &batch, Priority::Backfill).await {
                Ok(outcomes) => {
                    let mut waits = None;
                    for (outcome, write) in outcomes.into_iter().zip(batch) {
                        match outcome {
                            Ok(written) => ids.push(written.id),
                            Err(error) if matches!(error.class, Class::Wait { .. }) => {
                                waits = Some(error);
                                rest.push(write);
                            }
                            Err(error) => return Err(told(&error)),
                        }
                    }
                    if let Some(error) = waits {
                        refusals += 1;
                        self.wait(&error).await?;
                    }
                }
                Err(error) => {
                    refusals += 1;
                    rest.extend(batch);
                    self.wait(&error).await?;
                }
            }
            if refusals > PATIENCE {
                return Err(Fault::new("the platform refuses for ever", "report this: it is a mistake in the benchmark"));
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
    seconds: f64,
    calls: u64,
    least: u64,
}

impl Took {
    fn shown(&self) -> String {
        format!("{:.0} s, {} calls ({:.2} × the least, {})", self.seconds, number(self.calls), self.ratio(), number(self.least))
    }

    fn ratio(&self) -> f64 {
        self.calls as f64 / self.least.max(1) as f64
    }

    fn json(&self) -> Value {
        json!({"seconds": self.seconds, "calls": self.calls, "least_calls": self.least, "ratio": self.ratio()})
    }
}

/// From an edit of a person to the hint that tells of it, in milliseconds; polls where no webhook does.
async fn delay(stage: &Stage, id: &str) -> Result<(&'static str, i64)> {
    let capabilities = stage.connector.spec().capabilities(stage.crowd.object);
    if !capabilities.is_some_and(|known| known.changes.webhook) {
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

async fn one(platform: &str, contacts: usize, seed: u64) -> Result<Option<Row>> {
    let Some(stage) = Stage::set(platform, seed).await? else { return Ok(None) };
    let spec = stage.connector.spec();
    let page_rows = spec.capabilities(stage.crowd.object).map_or(100, |known| u64::from(known.page_rows));
    let ids = stage.plant(0, contacts)?;
    stage.time.pass(HOUR);

    let (began, calls) = (stage.time.ms(), stage.calls());
    let (looks, cursor) = stage.read_on(None).await?;
    let seen: BTreeSet<&str> = looks.iter().map(|look| look.id.as_str()).collect();
    let missed = ids.iter().filter(|id| !seen.contains(id.as_str())).count();
    let read = Took {
        seconds: (stage.time.ms() - began) as f64 / 1_000.0,
        calls: stage.calls() - calls,
        least: (contacts as u64).div_ceil(page_rows),
    };

    // Changes on both sides of a poll: seen there, and written there.
    stage.time.pass(HOUR);
    for id in ids.iter().take(CHANGES) {
        (stage.crowd.rename)(id, "Renamed").map_err(|reason| Fault::new(reason, "report this: it is a mistake in the benchmark"))?;
    }
    stage.time.pass(POLL);
    let calls = stage.calls();
    let (polled, cursor) = stage.read_on(Some(cursor)).await?;
    let update = |id: &String| Write {
        kind: WriteKind::Update,
        key: String::new(),
        id: Some(id.clone()),
        row: json!({stage.crowd.name: "Written"}).as_object().cloned().unwrap_or_default(),
        expect: None,
    };
    let updates: Vec<Write> = ids.iter().rev().take(CHANGES).map(update).collect();
    let updated = updates.len();
    stage.write(updates).await?;
    let changes = (polled.len().min(CHANGES) + updated).max(1) as u64;
    let per_1000 = (stage.calls() - calls) * 1_000 / changes;

    let written = contacts / WRITTEN_PART;
    let creations = stage.creations(written);
    let (began, calls) = (stage.time.ms(), stage.calls());
    let made: BTreeSet<String> = stage.write(creations).await?.into_iter().collect();
    let write = Took {
        seconds: (stage.time.ms() - began) as f64 / 1_000.0,
        calls: stage.calls() - calls,
        least: (written as u64).div_ceil(stage.crowd.rows_per_write),
    };

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
    Ok(Some(Row {
        measure: format!("{}: {} contacts read, {} written", spec.label, number(contacts as u64), number(written as u64)),
        now: "not published".to_owned(),
        to_reach: "≤ 1.3 × the least calls; nobody missed, nobody twice".to_owned(),
        measured: format!(
            "read {}, {missed} missed; write {}, {} rows; {per_1000} calls per 1,000 synced changes; edit to hint {} by {how}; {} of one instant {}",
            read.shown(),
            write.shown(),
            number(made.len() as u64),
            if how == "poll" { "≤ 15 min".to_owned() } else { format!("{delay_ms} ms") },
            number(instant.len() as u64),
            if once { "read exactly once each" } else { "NOT read exactly once" },
        ),
        numbers: json!({
            "platform": platform, "read": read.json(), "missed": missed, "write": write.json(), "rows_written": made.len(),
            "calls_per_1000": per_1000, "hint": {"by": how, "ms": delay_ms}, "instant": {"rows": instant.len(), "looks": of_instant.len(), "once": once},
        }),
        explained: None,
    }))
}

/// Every platform of the registry that has a crowd here.
pub async fn platforms(setting: Setting) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for platform in registry::ALL {
        rows.extend(one(platform.spec.key, setting.memory_customers, setting.seed).await?);
    }
    Ok(rows)
}
