//! Support health: one number per account that sales understands without reading tickets.
//!
//! A customer starts at 100. Deductions, each with a ceiling so that one kind of trouble cannot hide another:
//!
//! | factor | points |
//! |---|---|
//! | open case | -3 each, at most -15 |
//! | open for more than 7 days | -4 each, at most -16 |
//! | open and high / urgent | -4 / -8 each, at most -24 |
//! | escalated within 90 days | -8 each, at most -24 |
//! | bad satisfaction rating within 90 days | -7 each, at most -21 |
//! | good satisfaction rating within 90 days | +2 each, at most +8 |
//! | first response over its target within 90 days | -3 each, at most -12 |
//! | category with three or more cases within 90 days | -4 each, at most -8 |
//!
//! The shape is that of published scores (a sum of capped deductions from 100, bands below 40 and from 70, as in Lyniro's "critical,
//! monitor, healthy"); the weights are our own and plain enough to be explained in a sentence each. The trend is the difference to the
//! score a week ago.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// How far back ratings, escalations, responses and recurring categories count: a quarter.
const WINDOW: SignedDuration = SignedDuration::from_hours(90 * 24);
/// From this age on an open case counts as old: a week.
const OLD: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Cases of one category within the window that make it a recurring issue.
const RECURRING_CASES: usize = 3;
/// Days back to the score that the trend compares with. A week holds one of each weekday, so that quiet weekends are no trend, and a
/// move of the score stays visible for as long; comparing with the judgement before would call every move stable with the next ticket.
pub const TREND_DAYS: i64 = 7;
/// Points by which the score must move to be a trend: one open case, the least that moves it.
const TREND_POINTS: u8 = 3;
/// Lowest green score.
const GREEN_MIN: u8 = 70;
/// Lowest yellow score.
const YELLOW_MIN: u8 = 40;
/// First response target in minutes for a case that has none of its own: one working day.
const RESPONSE_TARGET_MINUTES: u32 = 480;
/// Escalations within the window from which an account is at risk whatever its score.
const ESCALATIONS_AT_RISK: u32 = 3;

/// How urgent a case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Can wait.
    Low,
    /// The default.
    #[default]
    Normal,
    /// Before others.
    High,
    /// Now.
    Urgent,
}

impl Priority {
    /// Reads a priority by its name in any case; what is unknown is normal.
    #[must_use]
    pub fn of(name: &str) -> Self {
        match name.trim().to_lowercase().as_str() {
            "low" => Self::Low,
            "high" => Self::High,
            "urgent" | "critical" => Self::Urgent,
            _ => Self::Normal,
        }
    }
}

/// What the customer said of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rating {
    /// Satisfied.
    Good,
    /// Not satisfied.
    Bad,
}

impl Rating {
    /// Reads a rating: `good` and `bad` as Zendesk writes them (with or without a comment), or 1 to 5, of which 3 is neither.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        match text.trim().to_lowercase().as_str() {
            "good" | "good_with_comment" | "satisfied" | "4" | "5" => Some(Self::Good),
            "bad" | "bad_with_comment" | "unsatisfied" | "1" | "2" => Some(Self::Bad),
            _ => None,
        }
    }
}

/// What health needs to know of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseFacts {
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was solved or closed; `None` while it is open.
    pub solved_at: Option<Timestamp>,
    /// How urgent.
    pub priority: Priority,
    /// What it is about.
    pub category: Option<String>,
    /// When it was escalated; `None` when never.
    pub escalated_at: Option<Timestamp>,
    /// What the customer said of it.
    pub rating: Option<Rating>,
    /// Minutes until the first response; `None` while there was none.
    pub first_response_minutes: Option<u32>,
    /// Minutes promised for it; `None` takes one working day.
    pub response_target_minutes: Option<u32>,
}

impl CaseFacts {
    fn is_open(&self) -> bool {
        self.solved_at.is_none()
    }

    /// Rated cases count from their end on.
    fn ended_or_opened(&self) -> Timestamp {
        self.solved_at.unwrap_or(self.opened_at)
    }

    /// Whether the first response came after its target, or is overdue.
    fn is_late(&self, now: Timestamp) -> bool {
        let target = i64::from(self.response_target_minutes.unwrap_or(RESPONSE_TARGET_MINUTES));
        match self.first_response_minutes {
            Some(minutes) => i64::from(minutes) > target,
            None => self.is_open() && now.duration_since(self.opened_at) > SignedDuration::from_mins(target),
        }
    }
}

/// Where the score is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// At least three points up.
    Improving,
    /// Within three points of the score a week ago, or without one.
    Stable,
    /// At least three points down.
    Declining,
}

impl Trend {
    /// Name as the field holds it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Improving => "improving",
            Self::Stable => "stable",
            Self::Declining => "declining",
        }
    }
}

/// The score as a traffic light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// 70 and above.
    Green,
    /// 40 to 69.
    Yellow,
    /// Below 40.
    Red,
}

impl Risk {
    /// Name as the field holds it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Red => "red",
        }
    }
}

/// The support health of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// 0 to 100.
    pub score: u8,
    /// Against the score a week ago.
    pub trend: Trend,
    /// Traffic light.
    pub risk: Risk,
    /// Open cases.
    pub open: u32,
    /// Cases escalated within 90 days.
    pub escalations: u32,
    /// When the latest case was opened.
    pub last_ticket_at: Option<Timestamp>,
    /// Whether someone should call: red, or yellow and declining, or three escalations within 90 days.
    pub at_risk: bool,
    /// Categories with three or more cases within 90 days, most frequent first.
    pub recurring: Vec<String>,
    /// What moved the score, in points, for the explanation beside it; factors of no effect are left out.
    pub factors: Vec<(String, i32)>,
}

/// Computes the support health of an account from all of its cases. `previous` is the score [`TREND_DAYS`] ago, if there was one.
#[must_use]
pub fn support_health(cases: &[CaseFacts], previous: Option<u8>, now: Timestamp) -> Health {
    let recent = |at: Timestamp| now.duration_since(at) <= WINDOW;
    let count = |test: &dyn Fn(&CaseFacts) -> bool| i32::try_from(cases.iter().filter(|case| test(case)).count()).unwrap_or(i32::MAX);
    let open_of = |priority: Priority| count(&|case| case.is_open() && case.priority == priority);
    let rated = |rating: Rating| count(&|case| case.rating == Some(rating) && recent(case.ended_or_opened()));

    let open = count(&CaseFacts::is_open);
    let escalations = count(&|case| case.escalated_at.is_some_and(recent));
    let recurring = recurring(cases, &recent);
    let kinds = i32::try_from(recurring.len()).unwrap_or(i32::MAX);
    let urgency = points(open_of(Priority::High), -4, -24).saturating_add(points(open_of(Priority::Urgent), -8, -24)).max(-24);

    let factors: Vec<(String, i32)> = [
        ("open cases", points(open, -3, -15)),
        ("cases open for more than 7 days", points(count(&|case| case.is_open() && now.duration_since(case.opened_at) > OLD), -4, -16)),
        ("open high and urgent cases", urgency),
        ("escalations in 90 days", points(escalations, -8, -24)),
        ("bad ratings in 90 days", points(rated(Rating::Bad), -7, -21)),
        ("good ratings in 90 days", points(rated(Rating::Good), 2, 8)),
        ("late first responses in 90 days", points(count(&|case| recent(case.opened_at) && case.is_late(now)), -3, -12)),
        ("recurring issues", points(kinds, -4, -8)),
    ]
    .into_iter()
    .filter(|(_, points)| *points != 0)
    .map(|(name, points)| (name.to_owned(), points))
    .collect();

    let total = 100 + factors.iter().map(|(_, points)| points).sum::<i32>();
    let score = u8::try_from(total.clamp(0, 100)).unwrap_or(100);
    let trend = match previous {
        Some(previous) if score >= previous.saturating_add(TREND_POINTS) => Trend::Improving,
        Some(previous) if score.saturating_add(TREND_POINTS) <= previous => Trend::Declining,
        _ => Trend::Stable,
    };
    let risk = match score {
        GREEN_MIN.. => Risk::Green,
        YELLOW_MIN.. => Risk::Yellow,
        _ => Risk::Red,
    };
    let escalations = u32::try_from(escalations).unwrap_or_default();
    let at_risk = risk == Risk::Red || (risk == Risk::Yellow && trend == Trend::Declining) || escalations >= ESCALATIONS_AT_RISK;
    Health {
        score,
        trend,
        risk,
        open: u32::try_from(open).unwrap_or_default(),
        escalations,
        last_ticket_at: cases.iter().map(|case| case.opened_at).max(),
        at_risk,
        recurring,
        factors,
    }
}

/// Points for a count, held at a limit in the same direction.
fn points(count: i32, each: i32, limit: i32) -> i32 {
    let total = count.saturating_mul(each);
    if each < 0 { total.max(limit) } else { total.min(limit) }
}

fn recurring(cases: &[CaseFacts], recent: &dyn Fn(Timestamp) -> bool) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for case in cases.iter().filter(|case| recent(case.opened_at)) {
        if let Some(category) = case.category.as_deref().map(str::trim).filter(|category| !category.is_empty()) {
            *counts.entry(category).or_default() += 1;
        }
    }
    let mut recurring: Vec<_> = counts.into_iter().filter(|(_, count)| *count >= RECURRING_CASES).collect();
    recurring.sort_by_key(|(category, count)| (std::cmp::Reverse(*count), *category));
    recurring.into_iter().map(|(category, _)| category.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-31T12:00:00Z".parse().unwrap()
    }

    fn days_ago(days: i64) -> Timestamp {
        now().checked_sub(SignedDuration::from_hours(24 * days)).unwrap()
    }

    fn open_case() -> CaseFacts {
        CaseFacts {
            opened_at: days_ago(1),
            solved_at: None,
            priority: Priority::Normal,
            category: None,
            escalated_at: None,
            rating: None,
            first_response_minutes: Some(30),
            response_target_minutes: None,
        }
    }

    fn solved_case() -> CaseFacts {
        CaseFacts { solved_at: Some(now()), ..open_case() }
    }

    #[test]
    fn a_new_customer_is_in_perfect_health() {
        let health = support_health(&[], None, now());
        assert_eq!((health.score, health.trend, health.risk), (100, Trend::Stable, Risk::Green));
        assert!(!health.at_risk && health.factors.is_empty() && health.last_ticket_at.is_none());
    }

    #[test]
    fn old_urgent_and_escalated_cases_turn_an_account_red() {
        let bad = CaseFacts {
            opened_at: days_ago(20),
            priority: Priority::Urgent,
            escalated_at: Some(days_ago(3)),
            first_response_minutes: None,
            ..open_case()
        };
        let health = support_health(&[bad.clone(), bad.clone(), bad], Some(90), now());
        assert_eq!(health.score, 100 - 9 - 12 - 24 - 24 - 9);
        assert_eq!((health.risk, health.trend, health.open, health.escalations), (Risk::Red, Trend::Declining, 3, 3));
        assert!(health.at_risk);
        assert_eq!(100 + health.factors.iter().map(|(_, points)| points).sum::<i32>(), 22);
    }

    #[test]
    fn good_ratings_make_up_for_open_cases_and_never_exceed_a_hundred() {
        let good = CaseFacts { rating: Some(Rating::Good), ..solved_case() };
        assert_eq!(support_health(&[good.clone(), open_case()], None, now()).score, 99);
        assert_eq!(support_health(&[good], None, now()).score, 100);
    }

    #[test]
    fn what_is_long_past_no_longer_counts() {
        let old = CaseFacts {
            opened_at: days_ago(200),
            solved_at: Some(days_ago(190)),
            escalated_at: Some(days_ago(195)),
            rating: Some(Rating::Bad),
            ..solved_case()
        };
        let health = support_health(&[old], Some(98), now());
        assert_eq!((health.score, health.escalations, health.trend), (100, 0, Trend::Stable));
        assert_eq!(health.last_ticket_at, Some(days_ago(200)));
    }

    #[test]
    fn three_cases_of_a_category_are_a_recurring_issue() {
        let login = CaseFacts { category: Some("login".into()), ..solved_case() };
        let billing = CaseFacts { category: Some("billing".into()), ..solved_case() };
        let health = support_health(&[login.clone(), billing.clone(), login.clone(), billing, login], None, now());
        assert_eq!(health.recurring, ["login"]);
        assert_eq!(health.factors, [("recurring issues".to_owned(), -4)]);
    }

    #[test]
    fn the_trend_needs_three_points() {
        let cases = [open_case()];
        for (previous, trend) in [(99, Trend::Stable), (100, Trend::Declining), (94, Trend::Improving), (95, Trend::Stable)] {
            assert_eq!(support_health(&cases, Some(previous), now()).trend, trend, "{previous}");
        }
    }
}
