//! What a report says, line by line, whatever it is put on.

use entente_engine::reports::monthly::{ApiMonth, MonthlyReport, Recommendation};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::chart::{self, Chart};
use super::words::{
    change_percent, change_points, change_time, day, many, minutes, moment, number, percent, percent_down, percent_rest, time,
};

/// Whether a line is good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// A promise that was kept.
    Good,
    /// A promise that was missed, or something to look at.
    Bad,
    /// Neither.
    Plain,
}

/// One line.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// What it is about.
    pub label: &'static str,
    /// The number.
    pub value: String,
    /// What else is to be said, in brackets.
    pub note: Option<String>,
    /// Whether it is good news.
    pub tone: Tone,
}

/// A part of the report.
#[derive(Debug, Clone, Serialize)]
pub struct Section {
    /// Its name.
    pub title: &'static str,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// A number for the top of the page.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// What it is.
    pub label: &'static str,
    /// The number.
    pub value: String,
    /// What it is measured against.
    pub note: String,
    /// Whether it is good news.
    pub tone: Tone,
}

/// The whole report.
#[derive(Debug, Clone, Serialize)]
pub struct Sheet {
    /// The title.
    pub title: String,
    /// What range it is about, and when it was made.
    pub about: String,
    /// The month, as people call it.
    pub month: String,
    /// When the report was made.
    pub made_at: Timestamp,
    /// Numbers for the top of the page.
    pub figures: Vec<Figure>,
    /// Syncs by day.
    pub chart: Chart,
    /// The parts.
    pub sections: Vec<Section>,
    /// What is recommended.
    pub recommendations: Vec<Recommendation>,
    /// What is said when nothing is.
    pub no_recommendation: &'static str,
}

/// What is said of a level that nobody counted: of a month that is over, and of one that goes on.
const NOT_COUNTED: &str = "not counted in this month";
const NOT_COUNTED_YET: &str = "not counted yet; a running server counts every 15 minutes";

fn line(label: &'static str, value: impl Into<String>, note: Option<String>) -> Line {
    Line { label, value: value.into(), note, tone: Tone::Plain }
}

fn toned(label: &'static str, value: impl Into<String>, note: Option<String>, good: bool) -> Line {
    Line { tone: if good { Tone::Good } else { Tone::Bad }, ..line(label, value, note) }
}

/// A promise that nothing has tried is neither kept nor missed.
fn promised(kept: bool, known: bool) -> Tone {
    match (known, kept) {
        (false, _) => Tone::Plain,
        (true, true) => Tone::Good,
        (true, false) => Tone::Bad,
    }
}

/// The sheet of a report.
pub fn of(report: &MonthlyReport) -> Sheet {
    let zone = TimeZone::get(&report.timezone).unwrap_or(TimeZone::UTC);
    let range = if report.complete {
        format!("{} to {}", moment(report.from, &zone), moment(report.to, &zone))
    } else {
        format!("So far: {} to {}, compared with the same part of {}", moment(report.from, &zone), moment(report.to, &zone), report.before)
    };
    Sheet {
        title: format!("CRM SYNC MONTHLY REPORT — {}", report.label),
        about: format!("{range}. Made {}.", moment(report.made_at, &zone)),
        month: report.label.clone(),
        made_at: report.made_at,
        figures: figures(report),
        chart: chart::of(&report.performance.days, &zone),
        sections: vec![
            performance(report),
            consistency(report, &zone),
            impact(report),
            mappings(report),
            Section { title: "API USE", lines: report.api.iter().flat_map(api).collect() },
            alerts(report, &zone),
        ],
        recommendations: report.recommendations.clone(),
        no_recommendation: "None: nothing in the numbers of this month asks for a change.",
    }
}

fn figures(report: &MonthlyReport) -> Vec<Figure> {
    let (of, consistency) = (&report.performance, &report.consistency);
    let figure = |label, value: String, note: String, tone| Figure { label, value, note, tone };
    let change = of.events_change_percent.map_or_else(|| "landed and failed".to_owned(), |change| change_percent(change, &report.before));
    vec![
        figure("Sync events", number(of.events), change, Tone::Plain),
        figure(
            "Success rate",
            of.success_percent.map_or_else(|| "—".to_owned(), percent_down),
            "promise: 99.5%".to_owned(),
            promised(of.success_kept, of.success_percent.is_some()),
        ),
        figure(
            "P95 latency",
            of.p95_ms.map_or_else(|| "—".to_owned(), time),
            "promise: below 10 seconds".to_owned(),
            promised(of.p95_kept, of.p95_ms.is_some()),
        ),
        figure(
            "In agreement",
            consistency.in_agreement_percent.map_or_else(|| "—".to_owned(), percent_down),
            consistency.records.map_or_else(
                || if report.complete { "not counted" } else { "not counted yet" }.to_owned(),
                |records| format!("of {}", many(records, "record", "records")),
            ),
            Tone::Plain,
        ),
    ]
}

fn performance(report: &MonthlyReport) -> Section {
    let (of, before) = (&report.performance, report.before.as_str());
    let success = of.success_percent;
    let mut lines = vec![
        line("Total sync events", number(of.events), of.events_change_percent.map(|change| change_percent(change, before))),
        Line {
            tone: promised(of.success_kept, success.is_some()),
            ..line(
                "Success rate",
                success.map_or_else(|| "no syncs".to_owned(), percent_down),
                of.success_change_points.map(|change| change_points(change, before)),
            )
        },
        line(
            "Average latency",
            of.average_ms.map_or_else(|| "no live change".to_owned(), time),
            of.average_change_ms.map(|change| change_time(change, before)),
        ),
        Line {
            tone: promised(of.p95_kept, of.p95_ms.is_some()),
            ..line(
                "P95 latency",
                of.p95_ms.map_or_else(|| "no live change".to_owned(), time),
                of.p95_ms.map(|_| if of.p95_kept { "within SLA of 10s" } else { "above SLA of 10s" }.to_owned()),
            )
        },
        line("Failed syncs", number(of.failed), success.map(percent_rest)),
        line("Auto-recovered", number(of.recovered), of.recovered_percent.map(percent)),
        line("Manual resolution", number(of.manual), of.manual_percent.map(percent)),
    ];
    if of.retrying > 0 {
        lines.push(line("Still being retried", number(of.retrying), None));
    }
    lines.push(toned(
        "Hours below 99.5%",
        number(of.hours_below),
        Some(format!("of {} with syncs", many(of.hours, "hour", "hours"))),
        of.hours_below == 0,
    ));
    Section { title: "SYNC PERFORMANCE", lines }
}

fn consistency(report: &MonthlyReport, zone: &TimeZone) -> Section {
    let of = &report.consistency;
    let not_counted = if report.complete { NOT_COUNTED } else { NOT_COUNTED_YET };
    let or_none = |value: Option<String>| value.unwrap_or_else(|| not_counted.to_owned());
    let agreement = of.records.zip(of.in_agreement).map(|(records, agree)| match records {
        0 => "no records were held".to_owned(),
        _ => format!("{} of {}", number(agree), number(records)),
    });
    let end = if report.complete { "Field-level drift (at month end)" } else { "Field-level drift (as last counted)" };
    let peak = match &of.peak_drift {
        None if of.drift.is_some() => ("0 records".to_owned(), None),
        None => (not_counted.to_owned(), None),
        Some(peak) => {
            let resolved = match peak.resolved_hours {
                Some(hours) => format!("resolved within {}", many(hours, "hour", "hours")),
                None => "not resolved within the month".to_owned(),
            };
            (many(peak.records, "record", "records"), Some(format!("{}, {resolved}", day(peak.at, zone))))
        }
    };
    let left = of.orphans_left.map(|left| format!("{} left at the last reconciliation", number(left)));
    let share = of.in_agreement_percent.map(percent_down);
    let as_of = of.counted_at.map(|at| format!("as of {}", moment(at, zone)));
    let parts: Vec<String> = share.into_iter().chain(as_of).collect();
    let mut lines = vec![
        line("Records fully synchronized", or_none(agreement), (!parts.is_empty()).then(|| parts.join(", "))),
        Line {
            tone: if of.drift == Some(0) { Tone::Good } else { Tone::Plain },
            ..line(end, or_none(of.drift.map(number)), of.drift.filter(|drift| *drift == 0).map(|_| "clean state".to_owned()))
        },
        line("Peak drift during month", peak.0, peak.1),
        line("Records with all required fields", or_none(of.complete_percent.map(percent_down)), None),
        line(
            "Duplicate records detected and merged",
            number(of.duplicates_merged),
            of.duplicates_waiting.filter(|waiting| *waiting > 0).map(|waiting| format!("{} wait for a person", number(waiting))),
        ),
        line("Orphaned records resolved", number(of.orphans_resolved), left),
    ];
    if of.compared > 0 {
        let resolved = format!("{} differed, {} put right", number(of.differences), number(of.differences_resolved));
        lines.push(line("Rows compared by reconciliations", number(of.compared), Some(resolved)));
    }
    let conflicts = &of.conflicts;
    let mean = conflicts.mean_hours.map(|hours| format!("{} decided, in {hours:.1} hours on average", number(conflicts.decided)));
    lines.push(line("Conflicts for people", number(conflicts.opened), mean));
    lines.push(toned("Conflicts that waited longer than 24 hours", number(conflicts.late), None, conflicts.late == 0));
    Section { title: "DATA CONSISTENCY", lines }
}

fn impact(report: &MonthlyReport) -> Section {
    let of = &report.impact;
    let days = many(of.days, "day", "days");
    let daily = match of.health_scores_per_day {
        // Fewer than one a day are not a rate.
        0 => format!("in {days}"),
        per_day => format!("{} a day × {days}", number(per_day)),
    };
    let lines = vec![
        line("New customers synced CRM → Support", number(of.new_customers), None),
        line("Average time to support profile creation", of.profile_ms.map_or_else(|| "no new profile".to_owned(), time), None),
        line("Support health scores pushed to CRM", number(of.health_scores), Some(daily)),
        line("CSAT scores logged in CRM", number(of.csat_scores), None),
        line("Support activities created in CRM", number(of.activities), None),
        line("CSM notifications triggered by support data", number(of.csm_notices), None),
    ];
    Section { title: "BUSINESS IMPACT", lines }
}

fn mappings(report: &MonthlyReport) -> Section {
    let of = &report.mappings;
    let gone: Vec<String> = of
        .deprecated
        .iter()
        .map(|field| match &field.replaced_by {
            Some(heir) => format!("\"{}\" → replaced by \"{heir}\"", field.label),
            None => format!("\"{}\"", field.label),
        })
        .collect();
    let listed = |names: &[String]| (!names.is_empty()).then(|| names.join(", "));
    let active = format!("{} CRM → Support, {} Support → CRM", number(of.crm_to_support), number(of.support_to_crm));
    let lines = vec![
        line("Active mappings", many(of.active, "field", "fields"), Some(active)),
        line("New fields added this month", number(of.added.len() as u64), listed(&of.added)),
        line("Fields deprecated", number(of.deprecated.len() as u64), listed(&gone)),
        line("Mapping changes", number(of.changes), listed(&of.changed)),
    ];
    Section { title: "FIELD MAPPING MAINTENANCE", lines }
}

fn api(of: &ApiMonth) -> Vec<Line> {
    let peak = match (of.daily_limit, of.peak_percent) {
        (Some(limit), Some(share)) => format!("busiest day {} of {} ({})", number(of.peak_day), number(limit), percent(share)),
        _ => format!("busiest day {}", number(of.peak_day)),
    };
    let per_thousand = of.calls_per_1000.map(|calls| format!(", {calls:.0} per 1,000 syncs")).unwrap_or_default();
    let limited = if of.limited > 0 { format!(", {} refused for pace", number(of.limited)) } else { String::new() };
    vec![Line {
        tone: if of.limited > 0 { Tone::Bad } else { Tone::Plain },
        ..line("Calls", format!("{} at {}", number(of.calls), of.connection), Some(format!("{peak}{per_thousand}{limited}")))
    }]
}

fn alerts(report: &MonthlyReport, zone: &TimeZone) -> Section {
    let of = |alert: &entente_engine::reports::monthly::AlertMonth| {
        toned("Alert", format!("{}: {}", alert.label, number(alert.many)), Some(format!("{} in all", minutes(alert.minutes))), false)
    };
    let mut lines: Vec<Line> = report.alerts.iter().map(of).collect();
    match report.alerts_kept_since {
        Some(since) if since >= report.to => lines.push(line("Alerts", "not kept any more", Some(removed(since, zone)))),
        Some(since) => lines.push(line("Alerts of the first days", "not kept any more", Some(removed(since, zone)))),
        None if lines.is_empty() => lines.push(toned("Alerts", "none", None, true)),
        None => {}
    }
    Section { title: "ALERTS", lines }
}

/// Why alerts are missing. `sync.keep_sync_events_days` says how long they are kept.
fn removed(since: Timestamp, zone: &TimeZone) -> String {
    format!("those that were over before {} were removed", moment(since, zone))
}
