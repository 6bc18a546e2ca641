//! Sales context: what support should know of a customer's dealings with sales, as text on the account.

use entente_model::clock::Timestamp;
use entente_model::value::{Fields, Value, get};

/// Activities shown, newest first.
const SHOWN: usize = 10;
/// Longest line, in characters, so that the text fits a vendor's field.
const LINE_CHARS: usize = 240;

/// The account's fields that come from its activities and opportunities. `activities` and `opportunities` are the values of the
/// account's records of those objects.
#[must_use]
pub fn fields(activities: &[Fields], opportunities: &[Fields]) -> Fields {
    let mut activities: Vec<&Fields> = activities.iter().collect();
    activities.sort_by_key(|activity| std::cmp::Reverse(day(activity)));
    let mut lines: Vec<String> = opportunities.iter().filter(|deal| !is(deal, "is_closed")).map(deal_line).collect();
    lines.extend(activities.iter().take(SHOWN).map(|activity| activity_line(activity)));
    let text = lines.join("\n");
    let latest_deal = opportunities.iter().max_by_key(|deal| (!is(deal, "is_closed"), day_of(deal, "close_date")));
    let last = activities.first().and_then(|activity| day(activity)).and_then(|day| {
        let zoned = day.at(0, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(zoned.timestamp())
    });
    Fields::from([
        ("sales_context".to_owned(), if text.is_empty() { Value::Null } else { Value::text(text) }),
        ("deal_stage".to_owned(), latest_deal.map(|deal| get(deal, "stage").clone()).unwrap_or_default()),
        ("last_sales_activity_at".to_owned(), last.map_or(Value::Null, |at: Timestamp| Value::DateTime(at))),
    ])
}

fn is(fields: &Fields, key: &str) -> bool {
    *get(fields, key) == Value::Bool(true)
}

fn day(activity: &Fields) -> Option<jiff::civil::Date> {
    day_of(activity, "done_on")
}

fn day_of(fields: &Fields, key: &str) -> Option<jiff::civil::Date> {
    if let Value::Date(date) = get(fields, key) { Some(*date) } else { None }
}

fn deal_line(deal: &Fields) -> String {
    let mut line = format!("Deal: {} · {}", get(deal, "name").display(), get(deal, "stage").display());
    if !get(deal, "amount").is_blank() {
        line.push_str(&format!(" · {}", get(deal, "amount").display()));
    }
    if let Some(date) = day_of(deal, "close_date") {
        line.push_str(&format!(" · closes {date}"));
    }
    cut(&line)
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
    let notes = get(activity, "body").display().replace('\n', " ");
    if !notes.is_empty() {
        line.push_str(&format!(" — {notes}"));
    }
    cut(&line)
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

    #[test]
    fn newest_activities_come_first_and_an_open_deal_leads() {
        let deal = Fields::from([
            ("name".to_owned(), Value::text("Expansion")),
            ("stage".to_owned(), Value::text("Negotiation")),
            ("is_closed".to_owned(), Value::Bool(false)),
        ]);
        let context = fields(&[activity("2026-01-02", "Kick-off"), activity("2026-03-04", "Quarterly review")], &[deal]);
        let text = get(&context, "sales_context").as_text().unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines, ["Deal: Expansion · Negotiation", "2026-03-04 Call: Quarterly review", "2026-01-02 Call: Kick-off"]);
        assert_eq!(*get(&context, "deal_stage"), Value::text("Negotiation"));
    }

    #[test]
    fn without_sales_there_is_no_context() {
        assert!(get(&fields(&[], &[]), "sales_context").is_blank());
    }
}
