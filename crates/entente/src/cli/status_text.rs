//! The dashboard as text, in the layout that support and sales operations know. A line whose number is not known yet says so.

use std::fmt::Write;

use entente_engine::reports::dashboard::{Alert, ConnectionStatus, Dashboard, Overall, Rate};
use jiff::Timestamp;

use super::output::fold;
use super::status_failures;

/// Writes one section of the page.
type Section<'a> = &'a dyn Fn(&Dashboard, &mut String);

/// The whole page, for a terminal of so many columns if it is for one.
pub fn render(dashboard: &Dashboard, columns: Option<usize>) -> String {
    let title = format!("CRM BIDIRECTIONAL SYNC DASHBOARD — {}", dashboard.at.strftime("%B %Y"));
    let mut page = format!("{title}\n{}\n", "=".repeat(title.chars().count()));
    let failures = |dashboard: &Dashboard, page: &mut String| failures(dashboard, columns, page);
    let sections: [Section<'_>; 8] = [&health, &volume, &consistency, &failures, &mappings, &onboarding, &integration, &alerts];
    for section in sections {
        page.push('\n');
        section(dashboard, &mut page);
    }
    match columns {
        Some(columns) => fold(&page, columns),
        None => page,
    }
}

/// Adds a line. Writing to a text cannot fail.
macro_rules! line {
    ($page:expr, $($text:tt)*) => {{
        let _infallible = writeln!($page, $($text)*);
    }};
}

fn health(dashboard: &Dashboard, page: &mut String) {
    let health = &dashboard.health;
    let overall = match health.overall {
        Overall::Operational => "✅ OPERATIONAL",
        Overall::Degraded => "⚠ DEGRADED",
        Overall::Down => "❌ DOWN",
        Overall::Starting => "⏳ STARTING (first full sync under way)",
    };
    line!(page, "SYNC HEALTH:");
    line!(page, "  Overall status: {overall}");
    match (health.last_full_sync_at, health.last_full_sync_ms) {
        (Some(at), Some(ms)) => line!(page, "  Last full sync: {} (completed in {})", minute(at), span(ms.unsigned_abs())),
        (Some(at), None) => line!(page, "  Last full sync: {}", minute(at)),
        _ => line!(page, "  Last full sync: none yet"),
    }
    match (health.last_live_sync_at, health.last_live_sync_ms) {
        (Some(at), Some(ms)) => line!(page, "  Last real-time sync: {} ({})", super::output::moment(at), span(ms.unsigned_abs())),
        (Some(at), None) => line!(page, "  Last real-time sync: {}", super::output::moment(at)),
        _ => line!(page, "  Last real-time sync: none yet"),
    }
    line!(page, "");
    line!(page, "  Success rates (last 24 hours):");
    line!(page, "    CRM → Support: {}", rate(health.crm_to_support));
    line!(page, "    Support → CRM: {}", rate(health.support_to_crm));
    let total = health.crm_to_support.total + health.support_to_crm.total;
    line!(page, "    Failed syncs: {}{}", number(health.failed), share(health.failed, total));
    line!(page, "    Auto-recovered: {}{}", number(health.recovered), share(health.recovered, health.failed));
    if health.fixed > 0 {
        line!(page, "    Fixed by a person: {}{}", number(health.fixed), share(health.fixed, health.failed));
    }
    let done = health.recovered + health.fixed + health.manual + health.discarded;
    if health.failed > done {
        line!(page, "    Still being retried: {}{}", number(health.failed - done), share(health.failed - done, health.failed));
    }
    line!(page, "    Manual intervention needed: {}{}", number(health.manual), share(health.manual, health.failed));
    if health.discarded > 0 {
        line!(page, "    Discarded by a person: {}{}", number(health.discarded), share(health.discarded, health.failed));
    }
}

fn volume(dashboard: &Dashboard, page: &mut String) {
    let volume = &dashboard.volume;
    line!(page, "SYNC VOLUME:");
    line!(page, "  Records created today: {} (new at a connection)", number(volume.created));
    line!(page, "  Records updated today: {} (two-way)", number(volume.updated));
    line!(page, "  Activities logged today: {} (support → CRM)", number(volume.activities));
    line!(page, "  Health scores updated: {} (support → CRM)", number(volume.health_scores));
    line!(page, "");
    match volume.peak_hour {
        Some(hour) => {
            line!(page, "  Peak sync hour: {hour:02}:00-{:02}:00 UTC ({} syncs)", (hour + 1) % 24, number(volume.peak_hour_syncs))
        }
        None => line!(page, "  Peak sync hour: no syncs yet today"),
    }
    match (volume.p50_ms, volume.p95_ms) {
        (Some(p50), Some(p95)) => line!(page, "  Average sync latency: {} (P50), {} (P95)", span(p50), span(p95)),
        _ => line!(page, "  Average sync latency: none measured yet today"),
    }
}

fn consistency(dashboard: &Dashboard, page: &mut String) {
    let consistency = &dashboard.consistency;
    let drifting: u64 = consistency.linked.saturating_sub(consistency.in_agreement);
    line!(page, "DATA CONSISTENCY:");
    line!(
        page,
        "  Records linked everywhere they belong: {} of {}{}",
        number(consistency.linked),
        number(consistency.records),
        share(consistency.linked, consistency.records)
    );
    line!(
        page,
        "  Records fully synchronized: {} of {}{}",
        number(consistency.in_agreement),
        number(consistency.records),
        share(consistency.in_agreement, consistency.records)
    );
    line!(page, "  Records linked but not in agreement: {}{}", number(drifting), share(drifting, consistency.records));
    if !consistency.drift.is_empty() {
        line!(page, "    Drift breakdown:");
        for drift in &consistency.drift {
            let records = if drift.records == 1 { "record" } else { "records" };
            line!(page, "      {}: {} {records} ({})", drift.label, number(drift.records), drift.cause);
        }
    }
    match &consistency.reconciliation {
        Some(last) => {
            line!(
                page,
                "  Last reconciliation: {} ({}: {} rows compared in {}, {} of {} differences resolved, {} exceptions{})",
                minute(last.at),
                last.scope,
                number(last.compared),
                span(last.ms.unsigned_abs()),
                number(last.resolved),
                number(last.differences),
                number(last.exceptions),
                if last.complete { "" } else { "; not everything could be read" }
            );
        }
        None => line!(page, "  Last reconciliation: none yet"),
    }
    line!(page, "  Records in flight: {}", number(consistency.in_flight));
    line!(page, "  Conflicts waiting for a person: {}", number(consistency.waiting_conflicts));
    line!(page, "  Possible matches waiting for review: {}", number(consistency.waiting_reviews));
    if consistency.held > 0 {
        line!(page, "  Held as part of an unusual mass change: {}", number(consistency.held));
    }
}

fn failures(dashboard: &Dashboard, columns: Option<usize>, page: &mut String) {
    line!(page, "SYNC FAILURES (Last 24 Hours):");
    if dashboard.failures.is_empty() {
        line!(page, "  None");
    } else {
        for text in status_failures::lines(&dashboard.failures, columns) {
            line!(page, "  {text}");
        }
    }
    line!(page, "");
    match dashboard.failure_trend_percent {
        Some(percent) if percent < 0.0 => line!(page, "  Failure trend: ↓ {:.0}% from last week (improving)", -percent),
        Some(percent) if percent > 0.0 => line!(page, "  Failure trend: ↑ {percent:.0}% from last week (worsening)"),
        Some(_) => line!(page, "  Failure trend: the same as last week"),
        None => line!(page, "  Failure trend: no failures in the week before to compare with"),
    }
}

fn mappings(dashboard: &Dashboard, page: &mut String) {
    let mappings = &dashboard.mappings;
    line!(page, "FIELD MAPPING STATUS:");
    line!(page, "  Active field mappings: {}", number(mappings.active));
    line!(page, "    (a shared field flows both ways, one that only one side has neither way)");
    let fields = |many: u64, operational: u64| match many.saturating_sub(operational) {
        0 => format!("{} fields (all operational)", number(many)),
        broken => format!("{} fields ({} operational, {} not)", number(many), number(operational), number(broken)),
    };
    line!(page, "  CRM → Support: {}", fields(mappings.crm_to_support, mappings.crm_to_support_operational));
    line!(page, "  Support → CRM: {}", fields(mappings.support_to_crm, mappings.support_to_crm_operational));
    line!(
        page,
        "  Custom fields: {} mapped ({} CRM → Support, {} Support → CRM)",
        number(mappings.custom),
        number(mappings.custom_crm_to_support),
        number(mappings.custom_support_to_crm)
    );
    if !mappings.recent.is_empty() {
        line!(page, "");
        line!(page, "  Recently added fields:");
        for recent in &mappings.recent {
            line!(
                page,
                "    ✅ \"{}\" at {} — added {} by {}, syncing {} records",
                recent.label,
                recent.connection,
                recent.at.strftime("%Y-%m-%d"),
                recent.by,
                number(recent.records)
            );
        }
    }
}

fn onboarding(dashboard: &Dashboard, page: &mut String) {
    let onboarding = &dashboard.onboarding;
    let of = |many: u64| {
        if onboarding.new_customers == 0 {
            number(many)
        } else {
            format!("{}/{}{}", number(many), number(onboarding.new_customers), share(many, onboarding.new_customers))
        }
    };
    line!(page, "CUSTOMER ONBOARDING SYNC:");
    line!(page, "  New customers synced today: {}", number(onboarding.new_customers));
    match (onboarding.mean_ms, onboarding.median_ms) {
        (Some(mean), Some(median)) => {
            line!(page, "  Average time from CRM won → support profile: {} (median {})", span(mean), span(median))
        }
        _ => line!(page, "  Average time from CRM won → support profile: none measured yet today"),
    }
    if let Some(ms) = onboarding.written_back_ms {
        line!(page, "  Median time from CRM won → support id written back: {}", span(ms));
    }
    line!(page, "  Onboarding checklist auto-created: {}", of(onboarding.checklists));
    line!(page, "  Initial health score set: {}", of(onboarding.health_scores));
    line!(page, "  CSM notification sent: {}", of(onboarding.notices));
}

fn integration(dashboard: &Dashboard, page: &mut String) {
    line!(page, "INTEGRATION METRICS:");
    for connection in &dashboard.connections {
        let calls = match connection.daily_limit {
            Some(limit) if limit > 0 => {
                format!(
                    "{} (of {} daily limit — {})",
                    number(connection.calls_today),
                    number(limit),
                    percent(connection.calls_today, limit)
                )
            }
            _ => number(connection.calls_today),
        };
        line!(page, "  {} API calls today: {calls}", system(connection));
    }
    let sum = |of: fn(&ConnectionStatus) -> u64| dashboard.connections.iter().map(of).sum::<u64>();
    let (webhooks, failed) = (sum(|connection| connection.webhooks), sum(|connection| connection.webhooks_failed));
    if webhooks > 0 {
        line!(page, "  Webhook deliveries: {} (success rate: {})", number(webhooks), percent(webhooks.saturating_sub(failed), webhooks));
    } else {
        line!(page, "  Webhook deliveries: none yet today");
    }
    let refused = sum(|connection| connection.webhooks_refused);
    if refused > 0 {
        line!(page, "  Webhook requests refused: {} (not verified, so no deliveries)", number(refused));
    }
    let (polls, failed) = (sum(|connection| connection.polls), sum(|connection| connection.polls_failed));
    let ended = match (polls, failed) {
        (0, 0) => "none yet".to_owned(),
        (_, 0) => "all completed".to_owned(),
        _ => format!("{} completed, {} failed", number(polls), number(failed)),
    };
    line!(page, "  Batch sync jobs: {} today ({ended})", number(polls + failed));
    let dead = dashboard.consistency.waiting_dead_letters;
    line!(page, "  Dead letter queue items: {}{}", number(dead), if dead > 0 { " (pending manual review)" } else { "" });
    for connection in &dashboard.connections {
        if let Some(per_thousand) = connection.calls_per_1000 {
            line!(page, "  {} API calls per 1,000 synced changes: {per_thousand:.0}", system(connection));
        }
    }
    line!(page, "");
    for connection in &dashboard.connections {
        match connection.response_ms {
            Some(ms) => line!(page, "  {} system response time: {}ms avg", system(connection), number(ms)),
            None => line!(page, "  {} system response time: not measured yet today", system(connection)),
        }
    }
    for connection in &dashboard.connections {
        if let Some(ms) = connection.clock_offset_ms.filter(|ms| *ms != 0) {
            line!(page, "  {} clock: {:+.1} s against ours, taken out of its times", system(connection), ms as f64 / 1_000.0);
        }
        match connection.network_ms {
            Some(ms) => line!(page, "  Network latency ({}): {ms:.1}ms avg", connection.name),
            None => line!(page, "  Network latency ({}): not measured yet today", connection.name),
        }
    }
    // A process that has called nobody yet, such as a command beside a server, has nothing to say about that.
    for connection in dashboard.connections.iter().filter(|connection| !["ok", "unchecked"].contains(&connection.state.as_str())) {
        line!(
            page,
            "  {}: {}{}",
            connection.name,
            connection.state,
            connection.note.as_ref().map(|note| format!(" — {note}")).unwrap_or_default()
        );
    }
    for connection in &dashboard.connections {
        for resting in &connection.resting {
            line!(page, "  {}: {}; asked again at {}", connection.name, resting.line(), resting.until.strftime("%H:%M:%S UTC"));
        }
    }
    for connection in &dashboard.connections {
        if let Some(mode) = &connection.scheduled {
            line!(
                page,
                "  {}: changes travel in scheduled batches since {}, the next one at {}; new customers go at once",
                connection.name,
                mode.since.strftime("%H:%M:%S UTC"),
                mode.slot.strftime("%H:%M:%S UTC")
            );
        }
    }
}

fn alerts(dashboard: &Dashboard, page: &mut String) {
    line!(page, "ALERTS:");
    for Alert { level, text } in &dashboard.alerts {
        let mark = match level.as_str() {
            "ok" => "✅",
            "critical" => "❌",
            _ => "⚠",
        };
        line!(page, "  {mark} {text}");
    }
}

fn system(connection: &ConnectionStatus) -> String {
    let role = if connection.role == "crm" { "CRM" } else { "Support" };
    format!("{role} ({})", connection.name)
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn rate(rate: Rate) -> String {
    if rate.total == 0 {
        "no records yet".to_owned()
    } else {
        format!("{} ({}/{} record syncs)", percent(rate.ok, rate.total), number(rate.ok), number(rate.total))
    }
}

/// A share that is not whole never shows as 100 %, and one that is not nothing never as 0 %.
fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "—".to_owned();
    }
    let exact = part as f64 * 100.0 / whole as f64;
    let shown = if part < whole { exact.min(99.9) } else { exact };
    format!("{:.1}%", if part > 0 { shown.max(0.1) } else { shown })
}

fn share(part: u64, whole: u64) -> String {
    if whole == 0 { String::new() } else { format!(" ({})", percent(part, whole)) }
}

/// A whole number with its thousands apart.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn span(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{:.1} seconds", ms as f64 / 1_000.0),
        120_000..7_200_000 => format!("{:.1} minutes", ms as f64 / 60_000.0),
        _ => format!("{:.1} hours", ms as f64 / 3_600_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!([0, 999, 1_000, 24_100, 1_234_567].map(number), ["0", "999", "1,000", "24,100", "1,234,567"]);
        assert_eq!([3_100, 252_000, 80].map(span), ["3.1 seconds", "4.2 minutes", "80 ms"]);
    }

    #[test]
    fn a_share_never_rounds_a_failure_away() {
        assert_eq!(percent(99_999, 100_000), "99.9%");
        assert_eq!(percent(1, 100_000), "0.1%");
        assert_eq!(percent(100, 100), "100.0%");
        assert_eq!(percent(0, 0), "—");
    }
}
