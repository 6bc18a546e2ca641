//! Support health: the score of an account from its cases, as fields of the account.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use entente_model::health::{CaseFacts, Priority, Rating, TREND_DAYS, support_health};
use entente_model::id::RecordId;
use entente_model::value::{Fields, Value, get};
use entente_store::{Changes, EntryFilter, EntryId, PAGE_ROWS_MAX, Record, StoreError, Tx, Viewer};
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

/// Tags by which desks mark an escalation.
const ESCALATED_TAGS: [&str; 2] = ["escalated", "escalation"];

/// The account's health fields from its cases, at `now`. The trend is against the score a week ago, as the ledger has it.
///
/// # Errors
/// As for any read.
pub fn judged(tx: &mut Tx<'_>, account: &Record, cases: &[Record], now: Timestamp) -> Result<Fields, StoreError> {
    let solved = solved_without_time(tx, cases)?;
    let facts: Vec<CaseFacts> = cases
        .iter()
        .filter(|case| !is(&case.data, "onboarding"))
        .filter_map(|case| facts(&case.data, solved.get(&case.id).copied()))
        .collect();
    let before = score_at(tx, account, now - SignedDuration::from_hours(24 * TREND_DAYS))?;
    let last_interaction = cases.iter().filter_map(|case| instant(&case.data, "last_comment_at")).max();
    Ok(fields(&facts, before, last_interaction, now))
}

/// The fields of a customer without any case.
#[must_use]
pub fn first(now: Timestamp) -> Fields {
    fields(&[], None, None, now)
}

fn fields(facts: &[CaseFacts], before: Option<u8>, last_interaction: Option<Timestamp>, now: Timestamp) -> Fields {
    let health = support_health(facts, before, now);
    let count = |number: u32| Value::Number(Decimal::from(number));
    let recurring = health.recurring.join(", ");
    let day = last_interaction.max(health.last_ticket_at).map(|at| at.to_zoned(TimeZone::UTC).date());
    Fields::from([
        ("health_score".to_owned(), count(u32::from(health.score))),
        ("health_trend".to_owned(), Value::text(health.trend.name())),
        ("risk_level".to_owned(), Value::text(health.risk.name())),
        ("open_tickets".to_owned(), count(health.open)),
        ("escalations".to_owned(), count(health.escalations)),
        ("last_ticket_at".to_owned(), health.last_ticket_at.map_or(Value::Null, Value::DateTime)),
        ("last_support_on".to_owned(), day.map_or(Value::Null, Value::Date)),
        ("at_risk".to_owned(), Value::Bool(health.at_risk)),
        ("recurring_issues".to_owned(), if recurring.is_empty() { Value::Null } else { Value::text(recurring) }),
    ])
}

/// What a case gets when its tags say for the first time that it was escalated, at the time the desk gave for that change. The desk has no
/// time of its own for it, and tags come and go.
#[must_use]
pub fn escalation(case: &Fields, at: Timestamp) -> Option<Fields> {
    let Value::Set(tags) = get(case, "tags") else { return None };
    let fresh = get(case, "escalated_at").is_blank() && ESCALATED_TAGS.iter().any(|tag| tags.contains(*tag));
    fresh.then(|| Fields::from([("escalated".to_owned(), Value::Bool(true)), ("escalated_at".to_owned(), Value::DateTime(at))]))
}

/// The score that stood at an instant; for an account that was first judged later, its first score.
fn score_at(tx: &mut Tx<'_>, account: &Record, then: Timestamp) -> Result<Option<u8>, StoreError> {
    let mut at_first: Option<Value> = None;
    let mut before: Option<EntryId> = None;
    loop {
        let filter = EntryFilter { record: Some(account.id.clone()), since: Some(then), before, ..EntryFilter::default() };
        let entries = tx.entries(&Viewer::system(), &filter, PAGE_ROWS_MAX)?;
        for entry in &entries {
            let Changes::Open(changes) = &entry.changes else { continue };
            if let Some(change) = changes.get("health_score") {
                at_first = Some(if change.before.is_blank() { change.after.clone() } else { change.before.clone() });
            }
        }
        before = entries.last().map(|entry| entry.id);
        if entries.len() < PAGE_ROWS_MAX {
            break;
        }
    }
    // Nothing moved since: the score of then is the one of now.
    let score = at_first.unwrap_or_else(|| get(&account.data, "health_score").clone());
    Ok(number(&score).and_then(|score| u8::try_from(score).ok()))
}

/// When cases that are over and carry no time of it were seen to end: when their status became what it is, as the ledger has it.
fn solved_without_time(tx: &mut Tx<'_>, cases: &[Record]) -> Result<BTreeMap<RecordId, Timestamp>, StoreError> {
    let mut times = BTreeMap::new();
    for case in cases.iter().filter(|case| is_over(&case.data) && instant(&case.data, "solved_at").is_none()) {
        let Some(number) = case.provenance.get("status") else { continue };
        let Some(entry) = tx.entry(&Viewer::system(), *number)? else { continue };
        let marked = match &entry.changes {
            Changes::Open(changes) => changes.get("status").and_then(|change| change.mark.at),
            _ => None,
        };
        times.insert(case.id.clone(), marked.unwrap_or(entry.at));
    }
    Ok(times)
}

fn is_over(case: &Fields) -> bool {
    matches!(get(case, "status").as_text(), Some("solved" | "closed"))
}

fn is(fields: &Fields, key: &str) -> bool {
    *get(fields, key) == Value::Bool(true)
}

fn number(value: &Value) -> Option<i64> {
    if let Value::Number(number) = value { i64::try_from(number.round()).ok() } else { None }
}

fn instant(fields: &Fields, key: &str) -> Option<Timestamp> {
    if let Value::DateTime(at) = get(fields, key) { Some(*at) } else { None }
}

/// What the score needs of a case; `None` for one whose opening is not known yet.
fn facts(case: &Fields, ended: Option<Timestamp>) -> Option<CaseFacts> {
    let opened_at = instant(case, "opened_at")?;
    let text = |key: &str| get(case, key).as_text().unwrap_or_default().to_owned();
    Some(CaseFacts {
        opened_at,
        // A case that was solved and opened again keeps the time of its first end at some desks.
        solved_at: if is_over(case) { instant(case, "solved_at").or(ended).or(Some(opened_at)) } else { None },
        priority: Priority::of(&text("priority")),
        category: Some(text("category")).filter(|name| !name.is_empty()),
        escalated_at: instant(case, "escalated_at"),
        rating: Rating::of(&text("csat")),
        first_response_minutes: number(get(case, "first_response_minutes")).and_then(|minutes| u32::try_from(minutes).ok()),
        response_target_minutes: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn case(status: &str) -> Fields {
        Fields::from([
            ("opened_at".to_owned(), Value::DateTime(at("2026-02-20T00:00:00Z"))),
            ("status".to_owned(), Value::text(status)),
            ("priority".to_owned(), Value::text("urgent")),
        ])
    }

    #[test]
    fn a_customer_without_cases_is_healthy_and_an_urgent_open_case_costs() {
        let now = at("2026-03-01T00:00:00Z");
        assert_eq!(*get(&first(now), "health_score"), Value::Number(Decimal::from(100)));
        let hurt = fields(&[facts(&case("open"), None).unwrap()], Some(100), None, now);
        let (Value::Number(score), Value::Number(open)) = (get(&hurt, "health_score"), get(&hurt, "open_tickets")) else { panic!() };
        assert!(*score < Decimal::from(100));
        assert_eq!(*open, Decimal::from(1));
        assert_eq!(*get(&hurt, "health_trend"), Value::text("declining"));
    }

    #[test]
    fn a_case_ends_when_the_desk_says_so_or_when_its_status_was_seen_to_change() {
        let mut solved = case("solved");
        assert_eq!(facts(&solved, Some(at("2026-02-25T00:00:00Z"))).unwrap().solved_at, Some(at("2026-02-25T00:00:00Z")));
        solved.insert("solved_at".to_owned(), Value::DateTime(at("2026-02-23T00:00:00Z")));
        assert_eq!(facts(&solved, Some(at("2026-02-25T00:00:00Z"))).unwrap().solved_at, Some(at("2026-02-23T00:00:00Z")));
        solved.insert("status".to_owned(), Value::text("open"));
        assert_eq!(facts(&solved, None).unwrap().solved_at, None, "a case that was opened again is open");
    }

    #[test]
    fn an_escalation_is_dated_once() {
        let mut case = case("open");
        assert_eq!(escalation(&case, at("2026-02-21T00:00:00Z")), None);
        case.insert("tags".to_owned(), Value::Set(["escalated".to_owned()].into()));
        let escalated = escalation(&case, at("2026-02-21T00:00:00Z")).unwrap();
        case.extend(escalated);
        assert_eq!(facts(&case, None).unwrap().escalated_at, Some(at("2026-02-21T00:00:00Z")));
        assert_eq!(escalation(&case, at("2026-02-28T00:00:00Z")), None);
    }
}
