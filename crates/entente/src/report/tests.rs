//! The report on paper.

use entente_engine::reports::monthly::{
    AlertMonth, ApiMonth, ConflictMonth, ConsistencyMonth, Deprecated, ImpactMonth, MappingMonth, MonthlyReport, PeakDrift,
    PerformanceMonth, Recommendation,
};
use entente_engine::reports::quality::Slice;
use jiff::Timestamp;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A month that has something to say on every line.
fn january() -> MonthlyReport {
    let day = |number: u64| Slice {
        from: at("2026-01-01T00:00:00Z") + jiff::SignedDuration::from_hours(24 * i64::try_from(number).unwrap()),
        landed: 20_000 + (number * 7_919) % 9_000,
        failed: (number * 37) % 160,
        success_percent: Some(99.7),
        p50_ms: Some(4_700),
        p95_ms: Some(8_200),
        calls: 28_000,
        kept: true,
    };
    MonthlyReport {
        month: "2026-01".to_owned(),
        label: "January 2026".to_owned(),
        before: "December".to_owned(),
        timezone: "UTC".to_owned(),
        from: at("2026-01-01T00:00:00Z"),
        to: at("2026-02-01T00:00:00Z"),
        complete: true,
        made_at: at("2026-02-01T06:00:00Z"),
        performance: PerformanceMonth {
            events: 814_530,
            events_change_percent: Some(12.0),
            landed: 812_087,
            success_percent: Some(99.70007),
            success_change_points: Some(0.1),
            success_kept: true,
            average_ms: Some(4_700),
            average_change_ms: Some(-800),
            p50_ms: Some(4_100),
            p95_ms: Some(8_200),
            p95_change_ms: Some(-300),
            p95_kept: true,
            failed: 2_443,
            failed_percent: Some(0.29993),
            recovered: 2_267,
            recovered_percent: Some(92.8),
            manual: 176,
            manual_percent: Some(7.2),
            retrying: 0,
            hours: 744,
            hours_below: 3,
            days: (0..31).map(day).collect(),
        },
        consistency: ConsistencyMonth {
            counted_at: None,
            records: Some(24_100),
            in_agreement: Some(24_100),
            in_agreement_percent: Some(100.0),
            drift: Some(0),
            peak_drift: Some(PeakDrift { records: 253, at: at("2026-01-03T10:00:00Z"), resolved_hours: Some(6) }),
            complete_percent: Some(99.2),
            duplicates_merged: 12,
            duplicates_waiting: Some(2),
            orphans_resolved: 8,
            orphans_left: Some(1),
            compared: 744_000,
            differences: 310,
            differences_resolved: 309,
            conflicts: ConflictMonth { opened: 62, decided: 60, mean_hours: Some(4.2), late: 2 },
        },
        impact: ImpactMonth {
            new_customers: 1_240,
            profiles: 1_240,
            profile_ms: Some(18_000),
            health_scores: 56_700,
            health_scores_per_day: 1_829,
            days: 31,
            csat_scores: 8_930,
            activities: 72_600,
            csm_notices: 430,
        },
        mappings: MappingMonth {
            active: 34,
            crm_to_support: 22,
            support_to_crm: 12,
            added: vec!["Account: Renewal date".to_owned(), "Account: Technical contact".to_owned(), "Account: Risk level".to_owned()],
            deprecated: vec![Deprecated { label: "Legacy Tier".to_owned(), replaced_by: Some("Current Tier".to_owned()) }],
            changes: 5,
            changed: vec!["owner".to_owned(), "transform".to_owned()],
        },
        api: vec![ApiMonth {
            connection: "salesforce".to_owned(),
            calls: 882_260,
            failed: 120,
            limited: 14,
            response_ms: Some(230),
            peak_day: 41_200,
            daily_limit: Some(100_000),
            peak_percent: Some(41.2),
            calls_per_1000: Some(1_086.4),
            polls: 17_856,
            webhooks: 485_770,
        }],
        alerts: vec![AlertMonth { kind: "rate_limit".to_owned(), label: "Rate limit reached".to_owned(), many: 2, minutes: 95 }],
        alerts_kept_since: None,
        recommendations: vec![
            Recommendation {
                rule: "conflict_owner".to_owned(),
                title: "Let the CRM own \"Contact: Phone\"".to_owned(),
                evidence: "14 of 15 conflicts about it were decided for the CRM's value; as its owner it needs no person to decide"
                    .to_owned(),
            },
            Recommendation {
                rule: "reconcile_hour".to_owned(),
                title: "Move the daily reconciliation from 3:00 to 5:00 (sync.reconcile_hour)".to_owned(),
                evidence: "<b>1,204</b> syncs a day fall into its hour, and 210 into the calmest one".to_owned(),
            },
        ],
    }
}

fn text(report: &MonthlyReport) -> String {
    String::from_utf8(render(report, Format::Text).unwrap()).unwrap()
}

#[test]
fn every_line_that_people_know_is_there() {
    let page = text(&january());
    for line in [
        "CRM SYNC MONTHLY REPORT — January 2026\n======================================",
        "SYNC PERFORMANCE:\n  Total sync events: 814,530 (↑ 12% from December)\n  Success rate: 99.7% (↑ 0.1% from December)",
        "  Average latency: 4.7 seconds (↓ 0.8s — improving)\n  P95 latency: 8.2 seconds (within SLA of 10s)",
        "  Failed syncs: 2,443 (0.3%)\n  Auto-recovered: 2,267 (92.8%)\n  Manual resolution: 176 (7.2%)",
        "DATA CONSISTENCY:\n  Records fully synchronized: 24,100 of 24,100 (100.0%)",
        "  Field-level drift (at month end): 0 (clean state)\n  Peak drift during month: 253 records (Jan 3, resolved within 6 hours)",
        "  Duplicate records detected and merged: 12",
        "  Orphaned records resolved: 8",
        "BUSINESS IMPACT:\n  New customers synced CRM → Support: 1,240\n  Average time to support profile creation: 18.0 seconds",
        "  Support health scores pushed to CRM: 56,700 (1,829 a day × 31 days)\n  CSAT scores logged in CRM: 8,930",
        "  Support activities created in CRM: 72,600\n  CSM notifications triggered by support data: 430",
        "FIELD MAPPING MAINTENANCE:\n  Active mappings: 34 fields (22 CRM → Support, 12 Support → CRM)\n  New fields added this month: 3 (",
        "  Fields deprecated: 1 (\"Legacy Tier\" → replaced by \"Current Tier\")\n  Mapping changes: 5 (owner, transform)",
        "RECOMMENDATIONS:\n  1. Let the CRM own \"Contact: Phone\" (14 of 15 conflicts",
    ] {
        assert!(page.contains(line), "`{line}` is missing in\n{page}");
    }
}

#[test]
fn a_month_of_which_nothing_is_known_says_so_and_recommends_nothing() {
    let mut report = january();
    report.performance = PerformanceMonth {
        events: 0,
        events_change_percent: None,
        landed: 0,
        success_percent: None,
        success_change_points: None,
        average_ms: None,
        average_change_ms: None,
        p50_ms: None,
        p95_ms: None,
        p95_change_ms: None,
        failed: 0,
        failed_percent: None,
        recovered: 0,
        recovered_percent: None,
        manual: 0,
        manual_percent: None,
        hours: 0,
        hours_below: 0,
        days: Vec::new(),
        ..report.performance
    };
    report.consistency = ConsistencyMonth {
        records: None,
        in_agreement: None,
        in_agreement_percent: None,
        drift: None,
        peak_drift: None,
        complete_percent: None,
        ..report.consistency
    };
    report.recommendations.clear();
    let page = text(&report);
    for line in
        ["Success rate: no syncs", "P95 latency: no live change", "Records fully synchronized: not counted in this month", "None: nothing"]
    {
        assert!(page.contains(line), "`{line}` is missing in\n{page}");
    }
    assert!(render(&report, Format::Html).is_ok() && render(&report, Format::Pdf).is_ok());
    report.complete = false;
    assert!(text(&report).contains("Records fully synchronized: not counted yet; a running server counts every 15 minutes"));
    report.consistency.records = Some(0);
    report.consistency.in_agreement = Some(0);
    assert!(text(&report).contains("Records fully synchronized: no records were held"));
}

#[test]
fn a_month_that_goes_on_says_as_of_when_its_records_were_counted() {
    let mut report = MonthlyReport { complete: false, made_at: at("2026-01-20T10:14:00Z"), ..january() };
    report.consistency.counted_at = Some(at("2026-01-20T10:02:00Z"));
    let page = text(&report);
    assert!(page.contains("Records fully synchronized: 24,100 of 24,100 (100.0%, as of 20 January 2026, 10:02 UTC)"), "{page}");
    assert!(page.contains("Field-level drift (as last counted): 0"), "{page}");
}

#[test]
fn alerts_that_are_not_kept_are_no_month_without_alerts() {
    let mut report = MonthlyReport { alerts: Vec::new(), ..january() };
    assert!(text(&report).contains("Alerts: none"));
    report.alerts_kept_since = Some(at("2026-02-20T00:00:00Z"));
    let page = text(&report);
    assert!(page.contains("Alerts: not kept any more (those that were over before 20 February 2026, 00:00 UTC were removed)"), "{page}");
    report.alerts_kept_since = Some(at("2026-01-09T00:00:00Z"));
    let page = text(&report);
    assert!(page.contains("Alerts of the first days: not kept any more") && !page.contains("none\n"), "{page}");
}

#[test]
fn the_page_needs_nothing_else_and_nothing_in_it_is_taken_for_markup() {
    let page = String::from_utf8(render(&january(), Format::Html).unwrap()).unwrap();
    // An empty icon of its own keeps browsers from asking the server for one.
    let page = page.replace(r#"<link rel="icon" href="data:,">"#, "");
    for foreign in ["<script", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("&lt;b&gt;1,204&lt;&#x2f;b&gt;") || page.contains("&lt;b&gt;1,204&lt;/b&gt;"), "what comes from data is escaped");
    assert_eq!(page.matches("<title>").count(), 32, "a title, and one for each day");
    for part in ["SYNC PERFORMANCE", "DATA CONSISTENCY", "BUSINESS IMPACT", "FIELD MAPPING MAINTENANCE", "API USE", "ALERTS"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn the_pdf_has_pages_with_its_fonts_in_it() {
    let pdf = render(&january(), Format::Pdf).unwrap();
    assert!(pdf.starts_with(b"%PDF-1.") && pdf.len() > 10_000, "{} bytes", pdf.len());
    let has = |wanted: &[u8]| pdf.windows(wanted.len()).any(|part| part == wanted);
    assert!(has(b"/FontFile2") || has(b"/FontFile3"), "the fonts are embedded");
    assert!(has(b"pdfaid:part") && has(b"/OutputIntent"), "it claims PDF/A");
    let long = MonthlyReport { recommendations: vec![january().recommendations[0].clone(); 60], ..january() };
    let pages = |pdf: &[u8]| pdf.windows(11).filter(|part| *part == b"/Type /Page" || *part == b"/Type/Page ").count();
    assert!(render(&long, Format::Pdf).unwrap().len() > pdf.len() && pages(&pdf) < 20);
}

/// Writes the report of a month to files, to be looked at: `ENTENTE_REPORT_FOLDER=/tmp/report cargo nextest run report_to_look_at`.
#[test]
#[ignore = "writes files for people to look at"]
fn a_report_to_look_at() {
    let folder = crate::config::Environment::of_process().get("ENTENTE_REPORT_FOLDER").unwrap();
    for format in [Format::Text, Format::Html, Format::Pdf, Format::Json] {
        std::fs::write(format!("{folder}/january.{}", format.ending()), render(&january(), format).unwrap()).unwrap();
    }
}
