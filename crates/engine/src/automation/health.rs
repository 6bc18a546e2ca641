//! Support health: the score of an account from its cases, as fields of the account.

use entente_model::clock::Timestamp;
use entente_model::health::{CaseFacts, Priority, Rating, support_health};
use entente_model::value::{Fields, Value, get};
use rust_decimal::Decimal;

/// The account's health fields from its cases' values. `account` gives the previous score.
#[must_use]
pub fn fields(account: &Fields, cases: &[Fields], now: Timestamp) -> Fields {
    let facts: Vec<CaseFacts> = cases.iter().filter(|case| !is(case, "onboarding")).filter_map(facts).collect();
    let previous = number(account, "health_score").and_then(|score| u8::try_from(score).ok());
    let health = support_health(&facts, previous, now);
    let count = |number: u32| Value::Number(Decimal::from(number));
    let recurring = health.recurring.join(", ");
    Fields::from([
        ("health_score".to_owned(), count(u32::from(health.score))),
        ("health_trend".to_owned(), Value::text(health.trend.name())),
        ("risk_level".to_owned(), Value::text(health.risk.name())),
        ("open_tickets".to_owned(), count(health.open)),
        ("escalations".to_owned(), count(health.escalations)),
        ("last_ticket_at".to_owned(), health.last_ticket_at.map_or(Value::Null, Value::DateTime)),
        ("at_risk".to_owned(), Value::Bool(health.at_risk)),
        ("recurring_issues".to_owned(), if recurring.is_empty() { Value::Null } else { Value::text(recurring) }),
    ])
}

fn is(fields: &Fields, key: &str) -> bool {
    *get(fields, key) == Value::Bool(true)
}

fn number(fields: &Fields, key: &str) -> Option<i64> {
    if let Value::Number(number) = get(fields, key) { i64::try_from(number.round()).ok() } else { None }
}

fn instant(fields: &Fields, key: &str) -> Option<Timestamp> {
    if let Value::DateTime(at) = get(fields, key) { Some(*at) } else { None }
}

/// What the score needs of a case; `None` for one whose opening is not known yet.
fn facts(case: &Fields) -> Option<CaseFacts> {
    let opened_at = instant(case, "opened_at")?;
    let text = |key: &str| get(case, key).as_text().unwrap_or_default().to_owned();
    let closed = matches!(text("status").as_str(), "solved" | "closed");
    let tags = if let Value::Set(tags) = get(case, "tags") { tags.clone() } else { Default::default() };
    let escalated = is(case, "escalated") || tags.contains("escalated") || tags.contains("escalation");
    let category = Some(text("category"))
        .filter(|name| !name.is_empty())
        .or_else(|| tags.iter().find_map(|tag| tag.strip_prefix("category_").map(str::to_owned)));
    Some(CaseFacts {
        opened_at,
        solved_at: instant(case, "solved_at").or(closed.then_some(opened_at)),
        priority: Priority::of(&text("priority")),
        category,
        escalated_at: escalated.then_some(opened_at),
        rating: Rating::of(&text("csat")),
        first_response_minutes: number(case, "first_response_minutes").and_then(|minutes| u32::try_from(minutes).ok()),
        response_target_minutes: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_without_cases_is_healthy_and_an_urgent_open_case_costs() {
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let calm = fields(&Fields::new(), &[], now);
        assert_eq!(*get(&calm, "health_score"), Value::Number(Decimal::from(100)));
        let case = Fields::from([
            ("opened_at".to_owned(), Value::DateTime("2026-02-20T00:00:00Z".parse().unwrap())),
            ("status".to_owned(), Value::text("open")),
            ("priority".to_owned(), Value::text("urgent")),
        ]);
        let hurt = fields(&calm, &[case], now);
        let (Value::Number(score), Value::Number(open)) = (get(&hurt, "health_score"), get(&hurt, "open_tickets")) else { panic!() };
        assert!(*score < Decimal::from(100));
        assert_eq!(*open, Decimal::from(1));
    }
}
