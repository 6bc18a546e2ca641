//! Metrics for Prometheus. They are counted from the store when they are asked for, so that every process tells the same and a restart
//! loses nothing; what only this process knows (calls by kind) comes from its connectors.

use std::sync::atomic::AtomicU64;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use entente_engine::alerts::burn;
use entente_engine::reconcile::report::{Report, read_last};
use entente_engine::reconcile::{COMPARED, FOUND, RESOLVED};
use entente_engine::reports::levels;
use entente_engine::reports::meter::{CALLS, CALLS_FAILED, CALLS_LIMITED, CALLS_MS, Condition};
use entente_engine::sync::settle::LIVE_LATENCY;
use entente_model::clock::Timestamp;
use http::header;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::App;
use super::error::{ApiError, ErrorBody};

/// Labels of one sample.
type Labels = Vec<(&'static str, String)>;

/// A whole number that goes up and down.
type Whole = Family<Labels, Gauge>;

/// A number with a fraction.
type Fraction = Family<Labels, Gauge<f64, AtomicU64>>;

/// Milliseconds of the window that latency quantiles are taken over: the last hour and the one before.
const LATENCY_WINDOW_MS: i64 = 3_600_000;

/// A counter as it is published: its stored name, its metric, its help, its labels.
type Published = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Counters of the store with the metric each one is, its help, and its fixed labels.
const COUNTERS: &[Published] = &[
    ("webhooks", "sync_events_ingested", "Events taken in, by way", &[("source", "webhook")]),
    ("polls", "sync_polls", "Complete polls", &[]),
    ("webhooks_refused", "sync_webhooks_refused", "Webhooks that were not verified or not readable", &[]),
    ("webhooks_repeated", "sync_webhooks_repeated", "Webhooks that were kept before and dropped", &[]),
    ("failed", "sync_failures", "Syncs that failed, whatever became of them", &[]),
    ("created", "sync_writes", "Rows written, by kind", &[("op", "create")]),
    ("updated", "sync_writes", "Rows written, by kind", &[("op", "update")]),
    ("deleted", "sync_writes", "Rows written, by kind", &[("op", "delete")]),
    (COMPARED, "reconcile_rows_compared", "Rows compared with their record by reconciliations", &[]),
    (FOUND, "reconcile_differences", "Differences that reconciliations found", &[]),
    (RESOLVED, "reconcile_resolved", "Differences that were gone at the second look of a reconciliation", &[]),
    (CALLS, "vendor_api_requests", "Calls to vendors", &[]),
    (CALLS_FAILED, "vendor_api_failures", "Calls to vendors that failed", &[]),
    (CALLS_LIMITED, "vendor_api_limited", "Calls that vendors refused for pace", &[]),
    (CALLS_MS, "vendor_api_milliseconds", "Time spent in calls to vendors", &[]),
];

/// What the store tells.
struct Read {
    counters: Vec<(usize, String, u64)>,
    lag: entente_store::Latency,
    lanes: Vec<(i16, &'static str, u64)>,
    oldest_ms: Option<i64>,
    conflicts: Vec<(String, u64)>,
    dead: Vec<(String, u64)>,
    reviews: Vec<(String, u64)>,
    records: Vec<(String, u64)>,
    links: Vec<((String, String), u64)>,
    cursors: Vec<(String, Timestamp)>,
    reconciled: Option<Report>,
    alerts: std::collections::BTreeMap<(String, String), u64>,
    burn: Vec<(i64, std::collections::BTreeMap<String, entente_store::Syncs>)>,
    levels: Vec<(&'static str, u64)>,
    conflict_since: Option<Timestamp>,
}

/// Metrics in the text format of OpenMetrics.
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text"), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn metrics(State(app): State<App>) -> Result<Response, ApiError> {
    let now = app.engine.now();
    let read = app.engine.store().read(move |tx| read(tx, now)).await?;
    let mut registry = Registry::default();
    register_counters(&mut registry, &read);
    register_queues(&mut registry, &read, now);
    register_connections(&mut registry, &app, now);
    register_quality(&mut registry, &read, now);
    if let Some(report) = &read.reconciled {
        register_reconciliation(&mut registry, report);
    }
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| {
        ApiError::new(
            http::StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            format!("metrics cannot be written: {error}"),
            "report this; it is a defect",
        )
    })?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response())
}

fn read(tx: &mut entente_store::Tx<'_>, now: Timestamp) -> entente_store::Result<Read> {
    let mut counters = Vec::new();
    for (index, (name, ..)) in COUNTERS.iter().enumerate() {
        for (connection, many) in tx.counted_by_connection(name, Timestamp::UNIX_EPOCH, now)? {
            counters.push((index, connection, u64::try_from(many).unwrap_or(0)));
        }
    }
    let hour_ago = Timestamp::from_millisecond(now.as_millisecond() - LATENCY_WINDOW_MS).unwrap_or(now);
    let by_lane = tx.hint_counts(now)?;
    let lanes = by_lane.iter().flat_map(|(lane, count)| {
        [(*lane, "waiting", count.waiting), (*lane, "retrying", count.retrying), (*lane, "leased", count.leased)]
    });
    Ok(Read {
        counters,
        lag: tx.latency(LIVE_LATENCY, hour_ago, now)?,
        lanes: lanes.collect(),
        oldest_ms: by_lane.values().filter_map(|count| count.oldest).min().map(Timestamp::as_millisecond),
        conflicts: tx.conflict_counts()?.into_iter().collect(),
        dead: tx.dead_letter_counts()?.into_iter().collect(),
        reviews: tx.review_counts()?.into_iter().collect(),
        records: tx.record_counts(&entente_store::Viewer::system())?.into_iter().collect(),
        links: tx.link_counts()?.into_iter().collect(),
        cursors: tx.cursors("poll/")?.into_iter().map(|(name, (_, at))| (name, at)).collect(),
        reconciled: read_last(tx)?,
        alerts: open_alerts(tx)?,
        burn: burn_windows(tx, now)?,
        levels: levels(tx, now)?,
        conflict_since: tx.conflict_ages(now)?.0,
    })
}

fn open_alerts(tx: &mut entente_store::Tx<'_>) -> entente_store::Result<std::collections::BTreeMap<(String, String), u64>> {
    let mut counts = std::collections::BTreeMap::new();
    for alert in tx.alerts(true, entente_store::PAGE_ROWS_MAX, None)? {
        *counts.entry((alert.alert.kind, alert.alert.severity.to_string())).or_default() += 1;
    }
    Ok(counts)
}

/// What the windows of the burn rates show, by their minutes.
fn burn_windows(
    tx: &mut entente_store::Tx<'_>,
    now: Timestamp,
) -> entente_store::Result<Vec<(i64, std::collections::BTreeMap<String, entente_store::Syncs>)>> {
    let minutes: std::collections::BTreeSet<i64> = burn::RULES.iter().flat_map(|rule| [rule.long, rule.short]).collect();
    let mut windows = Vec::new();
    for minutes in minutes {
        let from = Timestamp::from_millisecond(now.as_millisecond() - minutes * 60_000).unwrap_or(now);
        windows.push((minutes, tx.syncs_since(from)?));
    }
    Ok(windows)
}

/// The last levels of records, as they are counted a few times an hour.
fn levels(tx: &mut entente_store::Tx<'_>, now: Timestamp) -> entente_store::Result<Vec<(&'static str, u64)>> {
    let day_ago = Timestamp::from_millisecond(now.as_millisecond() - 24 * LATENCY_WINDOW_MS).unwrap_or(now);
    let mut found = Vec::new();
    for name in [levels::RECORDS, levels::IN_AGREEMENT, levels::DRIFT, levels::COMPLETE, levels::DUPLICATES] {
        found.extend(tx.levels(name, day_ago, now)?.last().map(|level| (name, level.last)));
    }
    Ok(found)
}

fn register_counters(registry: &mut Registry, read: &Read) {
    let mut families: std::collections::BTreeMap<&str, (&str, Family<Labels, Counter>)> = std::collections::BTreeMap::new();
    for (index, connection, many) in &read.counters {
        let (_, metric, help, fixed) = COUNTERS[*index];
        let (_, family) = families.entry(metric).or_insert_with(|| (help, Family::default()));
        let mut labels: Labels = vec![("connector", connection.clone())];
        labels.extend(fixed.iter().map(|(name, value)| (*name, (*value).to_owned())));
        family.get_or_create(&labels).inc_by(*many);
    }
    for (metric, (help, family)) in families {
        registry.register(metric, help, family);
    }
}

fn whole(registry: &mut Registry, name: &str, help: &str, samples: impl IntoIterator<Item = (Labels, u64)>) {
    let family = Whole::default();
    for (labels, many) in samples {
        family.get_or_create(&labels).set(i64::try_from(many).unwrap_or(i64::MAX));
    }
    registry.register(name, help, family);
}

fn fraction(registry: &mut Registry, name: &str, help: &str, samples: impl IntoIterator<Item = (Labels, f64)>) {
    let family = Fraction::default();
    for (labels, value) in samples {
        family.get_or_create(&labels).set(value);
    }
    registry.register(name, help, family);
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

fn register_queues(registry: &mut Registry, read: &Read, now: Timestamp) {
    let of = |label: &'static str| move |(name, many): &(String, u64)| (vec![(label, name.clone())], *many);
    whole(registry, "sync_dlq_depth", "Dead letters that wait for a person, by kind of error", read.dead.iter().map(of("class")));
    whole(registry, "sync_conflicts_waiting", "Conflicts that wait for a person, by object", read.conflicts.iter().map(of("object")));
    whole(registry, "sync_reviews_waiting", "Matches that wait for a person, by object", read.reviews.iter().map(of("object")));
    whole(registry, "sync_records", "Records held, by object", read.records.iter().map(of("object")));
    let links =
        read.links.iter().map(|((connection, object), many)| (vec![("connector", connection.clone()), ("object", object.clone())], *many));
    whole(registry, "sync_links", "Counterparts that are present", links);
    let lanes = read.lanes.iter().map(|(lane, state, many)| (vec![("lane", lane.to_string()), ("state", (*state).to_owned())], *many));
    whole(registry, "sync_backlog", "Records waiting or under way, by lane", lanes);
    let oldest = read.oldest_ms.map(|at| (Vec::new(), seconds((now.as_millisecond() - at).max(0))));
    fraction(registry, "sync_backlog_oldest_seconds", "Age of the oldest record that waits", oldest);
    let quantiles = [("0.5", read.lag.p50_ms), ("0.95", read.lag.p95_ms), ("1", read.lag.max_ms)];
    let lag = quantiles
        .into_iter()
        .filter(|_| read.lag.samples > 0)
        .map(|(quantile, ms)| (vec![("quantile", quantile.to_owned())], ms as f64 / 1_000.0));
    fraction(registry, "sync_lag_seconds", "From an edit to its landing, over the last hour", lag);
    let ages = read.cursors.iter().map(|(name, at)| {
        let mut parts = name.splitn(3, '/').skip(1);
        let labels =
            vec![("connector", parts.next().unwrap_or_default().to_owned()), ("object", parts.next().unwrap_or_default().to_owned())];
        (labels, seconds((now.as_millisecond() - at.as_millisecond()).max(0)))
    });
    fraction(registry, "sync_watermark_age_seconds", "Time since a poll last moved on", ages);
}

fn register_reconciliation(registry: &mut Registry, report: &Report) {
    let at = [(Vec::new(), seconds(report.ended_at.as_millisecond()))];
    fraction(registry, "reconcile_last_timestamp_seconds", "When the last reconciliation ended, in seconds since 1970", at);
    let took = [(Vec::new(), seconds(report.ended_at.as_millisecond() - report.began_at.as_millisecond()))];
    fraction(registry, "reconcile_duration_seconds", "How long the last reconciliation took", took);
    whole(registry, "reconcile_complete", "Whether the last reconciliation read everything", [(Vec::new(), u64::from(report.complete))]);
    let drift = report.drift.iter().map(|line| {
        let cause = serde_json::to_value(line.cause).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
        (vec![("connector", line.connection.clone()), ("field", line.field.clone()), ("cause", cause)], line.records)
    });
    whole(registry, "sync_drift_records", "Records that the last reconciliation found to differ, by field and cause", drift);
    let left = [(Vec::new(), report.exceptions_total)];
    whole(registry, "reconcile_exceptions", "What was not in agreement at the end of the last reconciliation", left);
}

fn register_quality(registry: &mut Registry, read: &Read, now: Timestamp) {
    let alerts = read.alerts.iter().map(|((kind, severity), many)| (vec![("kind", kind.clone()), ("severity", severity.clone())], *many));
    whole(registry, "sync_alerts_open", "Alerts that are open, by kind", alerts);
    let levels = read.levels.iter().map(|(name, many)| (vec![("level", (*name).to_owned())], *many));
    whole(registry, "sync_level", "Records in agreement, drifting, complete; counted a few times an hour", levels);
    let age = read.conflict_since.map(|at| (Vec::new(), seconds((now.as_millisecond() - at.as_millisecond()).max(0))));
    fraction(registry, "sync_conflict_oldest_seconds", "Age of the oldest conflict that waits for a person", age);
    let rates = read.burn.iter().flat_map(|(minutes, window)| {
        window.iter().map(move |(connection, syncs)| {
            let (promise, of) =
                if connection.is_empty() { ("latency", burn::Promise::Latency) } else { ("success", burn::Promise::Success) };
            let labels = vec![("promise", promise.to_owned()), ("connector", connection.clone()), ("window", format!("{minutes}m"))];
            (labels, burn::rate(of, *syncs))
        })
    });
    fraction(registry, "sync_slo_burn_rate", "How many times faster than over a month an error budget burns", rates);
}

fn register_connections(registry: &mut Registry, app: &App, now: Timestamp) {
    let conditions: Vec<(String, Condition)> =
        app.engine.connections().iter().map(|(name, connection)| (name.clone(), Condition::of(connection, now))).collect();
    let of = |name: &String| vec![("connector", name.clone())];
    let remaining = conditions.iter().filter_map(|(name, condition)| Some((of(name), condition.remaining?)));
    whole(registry, "vendor_api_budget_remaining", "Calls left in the vendor's window", remaining);
    let limit = conditions.iter().filter_map(|(name, condition)| Some((of(name), condition.limit?)));
    whole(registry, "vendor_api_budget_limit", "Calls allowed in the vendor's window", limit);
    let usable = conditions.iter().map(|(name, condition)| (of(name), u64::from(!matches!(condition.state.as_str(), "paused" | "broken"))));
    whole(
        registry,
        "sync_connection_usable",
        "Whether a connection can be used: 1, or 0 while a person must act or the platform fails",
        usable,
    );
    let scheduled = conditions.iter().map(|(name, condition)| (of(name), u64::from(condition.scheduled.is_some())));
    whole(
        registry,
        "sync_scheduled_batches",
        "Whether changes wait for scheduled batches because a burst is more than the quota allows: 1, or 0",
        scheduled,
    );
    let offset = conditions.iter().filter_map(|(name, condition)| Some((of(name), seconds(condition.clock_offset_ms?))));
    fraction(registry, "vendor_clock_offset_seconds", "The vendor's clock minus ours", offset);
    let kinds = app.engine.connections().iter().flat_map(|(name, connection)| {
        connection
            .connector
            .counts()
            .by_kind
            .into_iter()
            .map(move |(kind, many)| (vec![("connector", name.clone()), ("kind", kind.to_owned())], many))
    });
    whole(registry, "vendor_api_requests_by_kind", "Calls of this process since its start, by kind of endpoint", kinds);
}
