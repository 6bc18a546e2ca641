//! Counting the dashboard from the store. One read transaction sees one state, so the numbers add up.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::clock::Timestamp;
use entente_model::mapping::Role;
use entente_store::{DeadLetterFilter, DeadLetterState, PAGE_ROWS_MAX, StoreError, SyncStatus, Tx, Viewer, WaitCount};

use super::agreement::{Agreement, Comparison};
use super::dashboard::{
    Alert, ConnectionStatus, Consistency, Dashboard, Failure, LastReconciliation, Onboarding, Overall, Rate, RecentMapping, SyncHealth,
    SyncVolume,
};
use super::mapped;
use super::meter::{CALLS, CALLS_MS, Condition, NETWORK_TRIPS, NETWORK_US, POLLS_FAILED, setting};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::Result;
use crate::reconcile::report::{Report, read_last};
use crate::sync::first_read::FIRST_READ;
use crate::sync::settle::{LIVE_LATENCY, ONBOARDING_LATENCY};

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Failures listed.
const FAILURES: usize = 50;

/// The promise for the 95th percentile, in milliseconds.
const LATENCY_MS: u64 = 10_000;

/// The promise for the success rate, in percent.
const SUCCESS_PERCENT: f64 = 99.5;

/// Items for people beyond which the queue is no longer under control.
const QUEUE_MAX: u64 = 5;

/// What one transaction reads.
struct Counted {
    counters: BTreeMap<&'static str, BTreeMap<String, i64>>,
    synced_24h: BTreeMap<String, i64>,
    peak: Option<(Timestamp, i64)>,
    live: entente_store::Latency,
    onboarding: entente_store::Latency,
    /// From won to the support profile, in milliseconds, of each customer won today; sorted.
    won_ms: Vec<u64>,
    events: Vec<entente_store::SyncEvent>,
    /// Subjects whose dead letter a person put away lately, and that have none open.
    discarded: BTreeSet<String>,
    /// Objects at connections with records that fail because the mapping does not fit the platform.
    misfits: BTreeSet<(String, String)>,
    event_counts: BTreeMap<(String, SyncStatus), u64>,
    this_week: u64,
    last_week: u64,
    agreement: Agreement,
    in_flight: u64,
    conflicts: u64,
    reviews: u64,
    dead: u64,
    waits: BTreeMap<String, WaitCount>,
    held: u64,
    links: BTreeMap<(String, String), u64>,
    conditions: BTreeMap<String, Condition>,
    recent: Vec<RecentMapping>,
    first_reads: BTreeMap<String, serde_json::Value>,
    last_live: Option<serde_json::Value>,
    reconciled: Option<Report>,
}

/// Counters of the day, by connection.
const TODAY: &[&str] = &[
    "synced",
    "created",
    "updated",
    "deleted",
    "activities",
    "health",
    "webhooks",
    "webhooks_failed",
    "webhooks_refused",
    "polls",
    POLLS_FAILED,
    NETWORK_US,
    NETWORK_TRIPS,
    "onboarding_new",
    "onboarding_checklists",
    "onboarding_health",
    "onboarding_notices",
    CALLS,
    CALLS_MS,
];

/// Counts everything.
pub(super) async fn count(engine: &Engine, viewer: &Viewer) -> Result<Dashboard> {
    let now = engine.now();
    let (catalog, viewer) = (engine.catalog(), viewer.clone());
    let names: Vec<String> = engine.connections().keys().cloned().collect();
    let mut counted = engine.store().read(move |tx| read(tx, &viewer, &catalog, &names, now)).await?;
    for (name, connection) in engine.connections() {
        // What this process sees itself is newer than what it last wrote.
        if connection.connector.counts().calls > 0 {
            counted.conditions.insert(name.clone(), Condition::of(connection, now));
        }
    }
    Ok(dashboard(engine, counted, now))
}

fn before(now: Timestamp, ms: i64) -> Timestamp {
    Timestamp::from_millisecond(now.as_millisecond() - ms).unwrap_or(now)
}

fn read(tx: &mut Tx<'_>, viewer: &Viewer, catalog: &Catalog, names: &[String], now: Timestamp) -> std::result::Result<Counted, StoreError> {
    let day = before(now, now.as_millisecond().rem_euclid(DAY_MS));
    let mut counters = BTreeMap::new();
    for name in TODAY {
        counters.insert(*name, tx.counted_by_connection(name, day, now)?);
    }
    let mut conditions = BTreeMap::new();
    for name in names {
        if let Some(condition) = tx.setting::<Condition>(&setting(name))? {
            conditions.insert(name.clone(), condition);
        }
    }
    let stuck: BTreeSet<String> = conditions
        .iter()
        .filter(|(_, condition)| matches!(condition.state.as_str(), "paused" | "broken"))
        .map(|(name, _)| name.clone())
        .collect();
    let agreement = Comparison { viewer, catalog, connections: names, stuck: &stuck, won_since: day, now }.run(tx)?;
    let won_ms = won_ms(tx, viewer, &agreement)?;
    let by_hour = tx.counted_by_hour("synced", None, day, now)?;
    let total = |counts: BTreeMap<(String, SyncStatus), u64>| counts.values().sum::<u64>();
    Ok(Counted {
        counters,
        synced_24h: tx.counted_by_connection("synced", before(now, DAY_MS), now)?,
        peak: by_hour.into_iter().max_by_key(|(at, many)| (*many, std::cmp::Reverse(*at))).filter(|(_, many)| *many > 0),
        live: tx.latency(LIVE_LATENCY, day, now)?,
        onboarding: tx.latency(ONBOARDING_LATENCY, day, now)?,
        won_ms,
        events: tx.sync_events(viewer, before(now, DAY_MS), PAGE_ROWS_MAX)?,
        discarded: discarded(tx, viewer, before(now, DAY_MS))?,
        misfits: misfits(tx, viewer)?,
        event_counts: tx.sync_event_counts(viewer, before(now, DAY_MS), before(now, -1))?,
        this_week: total(tx.sync_event_counts(viewer, before(now, 7 * DAY_MS), before(now, -1))?),
        last_week: total(tx.sync_event_counts(viewer, before(now, 14 * DAY_MS), before(now, 7 * DAY_MS))?),
        agreement,
        in_flight: tx.hint_counts(now)?.values().map(|lane| lane.waiting + lane.retrying + lane.leased).sum(),
        conflicts: tx.conflict_counts()?.values().sum(),
        reviews: tx.review_counts()?.values().sum(),
        dead: tx.dead_letter_counts()?.values().sum(),
        waits: tx.wait_counts()?,
        held: tx.held_count()?,
        links: tx.link_counts()?,
        conditions,
        recent: mapped::recent(tx, catalog, now)?,
        first_reads: tx.settings(FIRST_READ)?,
        last_live: tx.setting("sync/last_live")?,
        reconciled: read_last(tx)?,
    })
}

/// Time from won to the support profile of each account.
fn won_ms(tx: &mut Tx<'_>, viewer: &Viewer, agreement: &Agreement) -> std::result::Result<Vec<u64>, StoreError> {
    let mut times = Vec::with_capacity(agreement.won.len());
    for (won, told) in &agreement.won {
        // A profile that was there before the opportunity was won took no time to make, and says nothing.
        if let Some(entry) = tx.entry(viewer, *told)?
            && let Ok(ms) = u64::try_from(entry.at.as_millisecond() - won.as_millisecond())
        {
            times.push(ms);
        }
    }
    times.sort_unstable();
    Ok(times)
}

fn discarded(tx: &mut Tx<'_>, viewer: &Viewer, since: Timestamp) -> std::result::Result<BTreeSet<String>, StoreError> {
    let filter = |state| DeadLetterFilter { state: Some(state), ..DeadLetterFilter::default() };
    let put_away = tx.dead_letters(viewer, &filter(DeadLetterState::Discarded), PAGE_ROWS_MAX)?;
    let open = tx.dead_letters(viewer, &filter(DeadLetterState::Open), PAGE_ROWS_MAX)?;
    let open: BTreeSet<&str> = open.iter().map(|letter| letter.letter.subject.as_str()).collect();
    let lately = put_away.into_iter().filter(|letter| letter.letter.died_at >= since).map(|letter| letter.letter.subject);
    Ok(lately.filter(|subject| !open.contains(subject.as_str())).collect())
}

fn misfits(tx: &mut Tx<'_>, viewer: &Viewer) -> std::result::Result<BTreeSet<(String, String)>, StoreError> {
    let filter = DeadLetterFilter {
        state: Some(DeadLetterState::Open),
        error_class: Some("configuration".to_owned()),
        ..DeadLetterFilter::default()
    };
    let letters = tx.dead_letters(viewer, &filter, PAGE_ROWS_MAX)?;
    Ok(letters.into_iter().filter_map(|letter| Some((letter.letter.connection?, letter.letter.object))).collect())
}

impl Counted {
    fn today(&self, name: &str) -> u64 {
        self.counters.get(name).map_or(0, |by| by.values().map(|many| u64::try_from(*many).unwrap_or(0)).sum())
    }

    fn today_at(&self, name: &str, connection: &str) -> u64 {
        self.counters.get(name).and_then(|by| by.get(connection)).map_or(0, |many| u64::try_from(*many).unwrap_or(0))
    }

    fn failures(&self, pick: impl Fn(&str, SyncStatus) -> bool) -> u64 {
        self.event_counts.iter().filter(|((direction, status), _)| pick(direction, *status)).map(|(_, many)| many).sum()
    }
}

fn dashboard(engine: &Engine, counted: Counted, now: Timestamp) -> Dashboard {
    let connections: Vec<ConnectionStatus> =
        engine.connections().values().map(|connection| connection_status(engine, connection, &counted)).collect();
    let health = health(engine, &counted, &connections);
    let mut broken = counted.misfits.clone();
    for connection in connections.iter().filter(|connection| connection.state == "paused") {
        let objects = engine.catalog().mappings(&connection.name).to_vec();
        broken.extend(objects.iter().map(|mapped| (connection.name.clone(), mapped.mapping().object.clone())));
    }
    for connection in &connections {
        let refused = |remote: &str| connection.resting.iter().any(|resting| resting.object == remote);
        let objects = engine.catalog().mappings(&connection.name).to_vec();
        let refused = objects.iter().filter(|mapped| refused(&mapped.mapping().remote));
        broken.extend(refused.map(|mapped| (connection.name.clone(), mapped.mapping().object.clone())));
    }
    let mut mappings = mapped::count(engine, &broken);
    mappings.recent.clone_from(&counted.recent);
    let samples = counted.live.samples > 0;
    let volume = SyncVolume {
        created: counted.today("created"),
        updated: counted.today("updated"),
        activities: counted.today("activities"),
        health_scores: counted.today("health"),
        peak_hour: counted.peak.map(|(at, _)| hour_of_day(at)),
        peak_hour_syncs: counted.peak.map_or(0, |(_, many)| u64::try_from(many).unwrap_or(0)),
        p50_ms: samples.then_some(counted.live.p50_ms),
        p95_ms: samples.then_some(counted.live.p95_ms),
    };
    let consistency = Consistency {
        records: counted.agreement.records,
        linked: counted.agreement.linked,
        in_agreement: counted.agreement.in_agreement,
        in_flight: counted.in_flight,
        drift: counted.agreement.drift.clone(),
        reconciliation: counted.reconciled.as_ref().map(last_reconciliation),
        waiting_conflicts: counted.conflicts,
        waiting_dead_letters: counted.dead,
        waiting_reviews: counted.reviews,
        held: counted.held,
        waiting_counterparts: counted.waits.values().map(|waits| waits.records).sum(),
        waiting_counterparts_since: counted.waits.values().map(|waits| waits.oldest).min(),
    };
    let onboarding = Onboarding {
        new_customers: counted.today("onboarding_new"),
        mean_ms: counted.won_ms.iter().sum::<u64>().checked_div(counted.won_ms.len() as u64),
        median_ms: counted.won_ms.get(counted.won_ms.len() / 2).copied(),
        written_back_ms: (counted.onboarding.samples > 0).then_some(counted.onboarding.p50_ms),
        checklists: counted.today("onboarding_checklists"),
        health_scores: counted.today("onboarding_health"),
        notices: counted.today("onboarding_notices"),
    };
    Dashboard {
        at: now,
        alerts: alerts(&health, &volume, &consistency, &connections),
        failures: counted.events.iter().take(FAILURES).map(|event| failure(event, &counted.discarded)).collect(),
        failure_trend_percent: trend(counted.this_week, counted.last_week),
        health,
        volume,
        consistency,
        mappings,
        onboarding,
        connections,
    }
}

fn last_reconciliation(report: &Report) -> LastReconciliation {
    LastReconciliation {
        at: report.ended_at,
        ms: report.ended_at.as_millisecond() - report.began_at.as_millisecond(),
        scope: report.scope.clone(),
        complete: report.complete,
        compared: report.compared,
        differing: report.differing,
        differences: report.differences,
        resolved: report.resolved,
        exceptions: report.exceptions_total,
    }
}

fn hour_of_day(at: Timestamp) -> u8 {
    u8::try_from(at.as_millisecond().rem_euclid(DAY_MS) / 3_600_000).unwrap_or(0)
}

fn trend(this_week: u64, last_week: u64) -> Option<f64> {
    (last_week > 0).then(|| (this_week as f64 - last_week as f64) * 100.0 / last_week as f64)
}

fn health(engine: &Engine, counted: &Counted, connections: &[ConnectionStatus]) -> SyncHealth {
    let synced_to = |role: Role| -> u64 {
        let of_role =
            counted.synced_24h.iter().filter(|(name, _)| engine.connections().get(*name).is_some_and(|connection| connection.role == role));
        of_role.map(|(_, many)| u64::try_from(*many).unwrap_or(0)).sum()
    };
    let open =
        |direction: &str| counted.failures(|of, status| of == direction && matches!(status, SyncStatus::Failing | SyncStatus::Manual));
    let rate = |role: Role, direction: &str| {
        let ok = synced_to(role);
        Rate { ok, total: ok + open(direction) }
    };
    let crm_to_support = rate(Role::Support, crate::sync::fate::direction(Role::Support));
    let support_to_crm = rate(Role::Crm, crate::sync::fate::direction(Role::Crm));
    let (last_full, first_reads_done) = full_sync(engine, counted);
    let of_live = |key: &str| counted.last_live.as_ref().map(|live| live[key].clone());
    let put_away = counted.events.iter().filter(|event| event.event.status == SyncStatus::Manual);
    let discarded = put_away.filter(|event| counted.discarded.contains(&event.event.subject)).count() as u64;
    let manual = counted.failures(|_, status| status == SyncStatus::Manual).saturating_sub(discarded);
    let overall = if connections.iter().any(|connection| connection.state == "paused") {
        Overall::Down
    } else if !first_reads_done {
        Overall::Starting
    } else {
        let late = counted.live.samples > 0 && counted.live.p95_ms >= LATENCY_MS;
        let failing = [crm_to_support, support_to_crm].iter().any(|rate| percent(*rate).is_some_and(|percent| percent < SUCCESS_PERCENT));
        let limited = connections
            .iter()
            .any(|connection| matches!(connection.state.as_str(), "limited" | "broken") || !connection.resting.is_empty());
        if late || failing || limited { Overall::Degraded } else { Overall::Operational }
    };
    SyncHealth {
        overall,
        last_full_sync_at: last_full.filter(|_| first_reads_done).map(|(_, end)| end),
        last_full_sync_ms: last_full
            .filter(|_| first_reads_done)
            .and_then(|(start, end)| Some(end.as_millisecond() - start?.as_millisecond())),
        last_live_sync_at: of_live("at").and_then(|at| serde_json::from_value(at).ok()),
        last_live_sync_ms: of_live("ms").and_then(|ms| ms.as_i64()),
        crm_to_support,
        support_to_crm,
        failed: counted.failures(|_, _| true),
        recovered: counted.failures(|_, status| status == SyncStatus::Recovered),
        fixed: counted.failures(|_, status| status == SyncStatus::Fixed),
        manual,
        discarded,
    }
}

/// Reads of one round begin at most this long after the end of the one before, in milliseconds: objects are read one after the other.
const SAME_ROUND_MS: i64 = 60_000;

/// Start (if known) and end of the last full sync: the complete reads that ended last, as far back as they follow each other. And
/// whether every mapped object was read once.
fn full_sync(engine: &Engine, counted: &Counted) -> (Option<(Option<Timestamp>, Timestamp)>, bool) {
    let catalog = engine.catalog();
    let instant = |read: &serde_json::Value, key: &str| serde_json::from_value::<Timestamp>(read[key].clone()).ok();
    let (mut reads, mut done): (Vec<(Option<Timestamp>, Timestamp)>, bool) = (Vec::new(), true);
    for name in engine.connections().keys() {
        for (object, _) in catalog.reads(name) {
            match counted.first_reads.get(&format!("{FIRST_READ}{name}/{object}")) {
                // What the platform refuses is told for itself, and holds up nothing.
                None if counted.conditions.get(name).is_some_and(|condition| condition.does_not_read(&object)) => {}
                Some(read) => reads.extend(instant(read, "at").map(|end| (instant(read, "started_at"), end))),
                None => done = false,
            }
        }
    }
    reads.sort_by_key(|(_, end)| std::cmp::Reverse(*end));
    let Some((mut start, end)) = reads.first().copied() else { return (None, done) };
    for (earlier, its_end) in reads {
        let Some(known) = start else { break };
        if known.as_millisecond() - its_end.as_millisecond() > SAME_ROUND_MS {
            break;
        }
        start = Some(earlier.map_or(known, |earlier| earlier.min(known)));
    }
    (Some((start, end)), done)
}

fn mean(sum: u64, many: u64) -> Option<f64> {
    (many > 0).then(|| sum as f64 / many as f64)
}

fn percent(rate: Rate) -> Option<f64> {
    (rate.total > 0).then(|| rate.ok as f64 * 100.0 / rate.total as f64)
}

fn failure(event: &entente_store::SyncEvent, discarded: &BTreeSet<String>) -> Failure {
    let of = &event.event;
    Failure {
        at: of.at,
        direction: of.direction.clone(),
        record: of.record.as_ref().map_or_else(|| of.subject.clone(), ToString::to_string),
        error: of.error.clone(),
        status: match of.status {
            SyncStatus::Failing => "retrying",
            SyncStatus::Recovered => "recovered",
            SyncStatus::Fixed => "fixed",
            SyncStatus::Manual if discarded.contains(&of.subject) => "discarded",
            SyncStatus::Manual => "manual",
        }
        .to_owned(),
    }
}

fn connection_status(engine: &Engine, connection: &crate::engine::Connection, counted: &Counted) -> ConnectionStatus {
    let name = connection.name.as_str();
    let condition = counted.conditions.get(name);
    let calls = counted.today_at(CALLS, name);
    let synced = counted.today_at("synced", name);
    let catalog = engine.catalog();
    let mut links: BTreeMap<String, u64> = BTreeMap::new();
    for ((_, remote), many) in counted.links.iter().filter(|((of, _), _)| of == name) {
        let object = catalog
            .mappings(name)
            .iter()
            .find(|mapped| mapped.mapping().remote == *remote)
            .map_or(remote.as_str(), |mapped| mapped.mapping().object.as_str());
        *links.entry(object.to_owned()).or_default() += many;
    }
    ConnectionStatus {
        name: name.to_owned(),
        platform: connection.settings.platform.clone(),
        role: match connection.role {
            Role::Crm => "crm",
            Role::Support => "support",
        }
        .to_owned(),
        state: condition.map_or("unchecked", |condition| condition.state.as_str()).to_owned(),
        note: condition.and_then(|condition| condition.note.clone()),
        scheduled: condition.and_then(|condition| condition.scheduled),
        resting: condition.map(|condition| condition.resting.clone()).unwrap_or_default(),
        calls_today: calls,
        daily_limit: condition.and_then(|condition| condition.daily_limit).or(connection.settings.daily_calls),
        response_ms: counted.today_at(CALLS_MS, name).checked_div(calls),
        network_ms: mean(counted.today_at(NETWORK_US, name), counted.today_at(NETWORK_TRIPS, name)).map(|us| (us / 100.0).round() / 10.0),
        clock_offset_ms: condition.and_then(|condition| condition.clock_offset_ms),
        webhooks: counted.today_at("webhooks", name),
        webhooks_failed: counted.today_at("webhooks_failed", name),
        webhooks_refused: counted.today_at("webhooks_refused", name),
        polls: counted.today_at("polls", name),
        polls_failed: counted.today_at(POLLS_FAILED, name),
        calls_by_kind: connection.connector.counts().by_kind.into_iter().map(|(kind, many)| (kind.to_owned(), many)).collect(),
        links,
        calls_per_1000: (synced > 0).then(|| calls as f64 * 1_000.0 / synced as f64),
    }
}

fn alerts(health: &SyncHealth, volume: &SyncVolume, consistency: &Consistency, connections: &[ConnectionStatus]) -> Vec<Alert> {
    let alert = |level: &str, text: String| Alert { level: level.to_owned(), text };
    let mut alerts = Vec::new();
    let queue = consistency.waiting_conflicts + consistency.waiting_dead_letters + consistency.waiting_reviews;
    let level = match queue {
        0 => "ok",
        1..QUEUE_MAX => "warning",
        _ => "critical",
    };
    let items = if queue == 1 { "item" } else { "items" };
    alerts.push(alert(level, format!("{queue} {items} in manual review queue (target: <{QUEUE_MAX})")));
    match consistency.held {
        0 => {}
        1 => alerts.push(alert("critical", "1 record is held as part of an unusual mass change; see `entente holds list`".to_owned())),
        many => {
            alerts.push(alert("critical", format!("{many} records are held as part of an unusual mass change; see `entente holds list`")))
        }
    }
    let stuck: Vec<&ConnectionStatus> =
        connections.iter().filter(|connection| matches!(connection.state.as_str(), "paused" | "broken" | "limited")).collect();
    if stuck.is_empty() {
        alerts.push(alert("ok", "All connections can be used".to_owned()));
    }
    for connection in stuck {
        let level = if connection.state == "paused" { "critical" } else { "warning" };
        alerts.push(alert(level, format!("{}: {}", connection.name, connection.note.as_deref().unwrap_or(&connection.state))));
    }
    for connection in connections {
        let resting = connection.resting.iter().map(|resting| format!("{}: {}", connection.name, resting.line()));
        alerts.extend(resting.map(|text| alert("warning", text)));
    }
    match health.manual {
        0 => alerts.push(alert("ok", "No critical failures in last 24 hours".to_owned())),
        1 => alerts.push(alert("critical", "1 failure of the last 24 hours needs a person; see the dead letters".to_owned())),
        many => alerts.push(alert("critical", format!("{many} failures of the last 24 hours need a person; see the dead letters"))),
    }
    match volume.p95_ms {
        Some(ms) if ms < LATENCY_MS => alerts.push(alert("ok", "Sync latency within SLA (<10s P95)".to_owned())),
        Some(ms) => alerts.push(alert("warning", format!("Sync latency above SLA: {:.1}s P95 (target: <10s)", ms as f64 / 1_000.0))),
        None => {}
    }
    for (words, rate) in [("CRM → Support", health.crm_to_support), ("Support → CRM", health.support_to_crm)] {
        match percent(rate) {
            Some(percent) if percent >= SUCCESS_PERCENT => {
                alerts.push(alert("ok", format!("{words}: success rate above threshold ({SUCCESS_PERCENT}%)")))
            }
            Some(percent) => {
                // Rounded down, so that it never reads as the threshold that it misses.
                let shown = (percent * 10.0).floor() / 10.0;
                alerts.push(alert("warning", format!("{words}: success rate {shown:.1}% is below threshold ({SUCCESS_PERCENT}%)")))
            }
            None => {}
        }
    }
    if let Some(last) = consistency.reconciliation.as_ref().filter(|last| !last.complete) {
        let text = format!("The last reconciliation ({}) could not read everything; see `entente reconcile --last`", last.scope);
        alerts.push(alert("warning", text));
    }
    if health.overall == Overall::Starting {
        alerts.push(alert("warning", "The first full sync is under way; numbers grow until it ends".to_owned()));
    }
    alerts
}
