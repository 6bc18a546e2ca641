//! Sales context: what support should know of a customer's dealings with sales, as text on the account: its deals with the stages they
//! went through, and the calls and notes of the sales team.

use entente_model::clock::Timestamp;
use entente_model::value::{Fields, Value, get};
use entente_store::{Changes, PAGE_ROWS_MAX, Record, StoreError, Tx, Viewer};
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Activities shown, newest first.
pub(crate) const SHOWN: usize = 10;
/// Deals shown, open ones first, then the latest.
const DEALS: usize = 10;
/// Stages of one deal shown, the latest ones.
const STAGES: usize = 6;
/// Longest line, in characters, so that the text fits a vendor's field.
const LINE_CHARS: usize = 240;

/// A deal and the stages it went through, with the day on which it came to each, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Deal {
    /// Values of the opportunity.
    pub fields: Fields,
    /// Stages.
    pub stages: Vec<(Date, String)>,
}

/// Deals with the history of their stages, as the ledger has it.
///
/// # Errors
/// As for any read.
pub fn deals(tx: &mut Tx<'_>, opportunities: Vec<Record>) -> Result<Vec<Deal>, StoreError> {
    let mut deals = Vec::with_capacity(opportunities.len());
    for record in opportunities {
        let mut stages = Vec::new();
        let entries = tx.history(&Viewer::system(), &record.id, PAGE_ROWS_MAX, None)?;
        for entry in entries.iter().rev() {
            let Changes::Open(changes) = &entry.changes else { continue };
            let Some(change) = changes.get("stage").filter(|change| !change.after.agrees(&change.before)) else { continue };
            stages.push((day_of_instant(change.mark.at.unwrap_or(entry.at)), change.after.display()));
        }
        deals.push(Deal { fields: record.data, stages });
    }
    Ok(deals)
}

/// The account's fields that come from its activities and deals.
#[must_use]
pub fn fields(activities: &[Fields], deals: &[Deal]) -> Fields {
    let mut activities: Vec<&Fields> = activities.iter().collect();
    activities.sort_by_key(|activity| std::cmp::Reverse(day(activity)));
    let mut sorted: Vec<&Deal> = deals.iter().collect();
    sorted.sort_by_key(|deal| std::cmp::Reverse(recency(deal)));
    let mut lines: Vec<String> = sorted.iter().take(DEALS).flat_map(|deal| deal_lines(deal)).collect();
    lines.extend(activities.iter().take(SHOWN).map(|activity| activity_line(activity)));
    let text = lines.join("\n");
    let last = activities.first().and_then(|activity| day(activity)).and_then(|day| {
        let zoned = day.at(0, 0, 0, 0).to_zoned(TimeZone::UTC).ok()?;
        Some(zoned.timestamp())
    });
    Fields::from([
        ("sales_context".to_owned(), if text.is_empty() { Value::Null } else { Value::text(text) }),
        ("deal_stage".to_owned(), sorted.first().map(|deal| get(&deal.fields, "stage").clone()).unwrap_or_default()),
        ("last_sales_activity_at".to_owned(), last.map_or(Value::Null, |at: Timestamp| Value::DateTime(at))),
    ])
}

/// What is open comes before what is closed, and the later before the earlier.
fn recency(deal: &Deal) -> (bool, Option<Date>, Option<Date>) {
    (!is(&deal.fields, "is_closed"), day_of(&deal.fields, "close_date"), deal.stages.last().map(|(day, _)| *day))
}

fn is(fields: &Fields, key: &str) -> bool {
    *get(fields, key) == Value::Bool(true)
}

fn day(activity: &Fields) -> Option<Date> {
    day_of(activity, "done_on")
}

fn day_of(fields: &Fields, key: &str) -> Option<Date> {
    if let Value::Date(date) = get(fields, key) { Some(*date) } else { None }
}

fn day_of_instant(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// The deal as it stands, the stages before, and what sales noted about it.
fn deal_lines(deal: &Deal) -> Vec<String> {
    let fields = &deal.fields;
    let closed = is(fields, "is_closed");
    let outcome = match (closed, is(fields, "is_won")) {
        (false, _) => "Deal",
        (true, true) => "Won",
        (true, false) => "Lost",
    };
    let mut line = format!("{outcome}: {} · {}", get(fields, "name").display(), get(fields, "stage").display());
    if !get(fields, "amount").is_blank() {
        line.push_str(&format!(" · {}", get(fields, "amount").display()));
    }
    if let Some(date) = day_of(fields, "close_date") {
        line.push_str(&format!(" · {} {date}", if closed { "closed" } else { "closes" }));
    }
    let mut lines = vec![cut(&line)];
    if deal.stages.len() > 1 {
        let from = deal.stages.len().saturating_sub(STAGES);
        let stages: Vec<String> = deal.stages[from..].iter().map(|(day, stage)| format!("{day} {stage}")).collect();
        lines.push(cut(&format!("  stages: {}", stages.join(" → "))));
    }
    for (label, key) in [("next step", "next_step"), ("notes", "notes")] {
        let text = flat(&get(fields, key).display());
        if !text.is_empty() {
            lines.push(cut(&format!("  {label}: {text}")));
        }
    }
    lines
}

fn activity_line(activity: &Fields) -> String {
    let mut line = day(activity).map_or_else(String::new, |date| format!("{date} "));
    let kind = get(activity, "kind").display();
    if !kind.is_empty() {
        line.push_str(&format!("{kind}: "));
    }
    line.push_str(&get(activity, "subject").display());
    let owner = get(activity, "owner_name").display();
    if !owner.is_empty() {
        line.push_str(&format!(" ({owner})"));
    }
    let notes = flat(&get(activity, "body").display());
    if !notes.is_empty() {
        line.push_str(&format!(" — {notes}"));
    }
    cut(&line)
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cut(line: &str) -> String {
    if line.chars().count() <= LINE_CHARS {
        return line.to_owned();
    }
    let mut short: String = line.chars().take(LINE_CHARS - 1).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity(day: &str, subject: &str) -> Fields {
        Fields::from([
            ("done_on".to_owned(), Value::Date(day.parse().unwrap())),
            ("subject".to_owned(), Value::text(subject)),
            ("kind".to_owned(), Value::text("Call")),
        ])
    }

    fn deal(name: &str, stage: &str, closed: bool, won: bool) -> Deal {
        let fields = Fields::from([
            ("name".to_owned(), Value::text(name)),
            ("stage".to_owned(), Value::text(stage)),
            ("is_closed".to_owned(), Value::Bool(closed)),
            ("is_won".to_owned(), Value::Bool(won)),
        ]);
        Deal { fields, stages: Vec::new() }
    }

    #[test]
    fn newest_activities_come_first_and_an_open_deal_leads() {
        let deals = [deal("Start", "Closed Won", true, true), deal("Expansion", "Negotiation", false, false)];
        let context = fields(&[activity("2026-01-02", "Kick-off"), activity("2026-03-04", "Quarterly review")], &deals);
        let text = get(&context, "sales_context").as_text().unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            ["Deal: Expansion · Negotiation", "Won: Start · Closed Won", "2026-03-04 Call: Quarterly review", "2026-01-02 Call: Kick-off"]
        );
        assert_eq!(*get(&context, "deal_stage"), Value::text("Negotiation"));
    }

    #[test]
    fn a_deal_tells_its_stages_its_outcome_and_what_sales_noted() {
        let mut lost = deal("Add-on", "Closed Lost", true, false);
        lost.fields.insert("close_date".to_owned(), Value::Date("2026-03-09".parse().unwrap()));
        lost.fields.insert("notes".to_owned(), Value::text("Too dear\nfor now"));
        for (day, stage) in [("2026-02-01", "Prospecting"), ("2026-03-09", "Closed Lost")] {
            lost.stages.push((day.parse().unwrap(), stage.to_owned()));
        }
        let context = fields(&[], &[lost]);
        let lines: Vec<&str> = get(&context, "sales_context").as_text().unwrap().lines().collect();
        assert_eq!(
            lines,
            [
                "Lost: Add-on · Closed Lost · closed 2026-03-09",
                "  stages: 2026-02-01 Prospecting → 2026-03-09 Closed Lost",
                "  notes: Too dear for now"
            ]
        );
    }

    #[test]
    fn without_sales_there_is_no_context() {
        assert!(get(&fields(&[], &[]), "sales_context").is_blank());
    }
}
