//! Notices to people: the new customer success manager of an account, and AE and CSM when a customer's health changes.

use entente_model::id::RecordId;
use entente_model::value::{Fields, Value, get};
use entente_store::{Changes, Entry, NewNotice};
use rust_decimal::Decimal;

use super::daily;

/// Kind of the notice that tells a customer success manager of a new customer.
pub const NEW_CUSTOMER: &str = "new_customer";

/// Notices that an entry of an account gives rise to. `points` is the move of the health score that is worth telling.
#[must_use]
pub fn of_account(entry: &Entry, account: &Fields, points: u8) -> Vec<NewNotice> {
    let Changes::Open(changes) = &entry.changes else { return Vec::new() };
    let name = get(account, "name").display();
    let mut notices = Vec::new();
    if let Some(change) = changes.get("csm_email")
        && !change.after.is_blank()
        && daily::is_customer(account)
        && !told_at_the_win(entry, account)
    {
        notices.push(notice(entry, "csm_assigned", &change.after, format!("{name} is yours now"), handover(account)));
    }
    let risk = changes.get("risk_level").filter(|change| !change.before.is_blank());
    let moved = changes.get("health_score").and_then(|change| Some((number(&change.before)?, number(&change.after)?)));
    let worth = moved.is_some_and(|(before, after)| (before - after).abs() >= Decimal::from(points));
    if risk.is_some() || (worth && moved.is_some()) {
        let title = match moved {
            Some((before, after)) => format!("Support health of {name}: {before} → {after}"),
            None => format!("Support risk of {name} changed"),
        };
        for person in ["ae_email", "csm_email"] {
            let to = get(account, person);
            if !to.is_blank() {
                notices.push(notice(entry, "health_changed", to, title.clone(), health_lines(account)));
            }
        }
    }
    if let Some(change) = changes.get("tier")
        && !change.before.is_blank()
        && !get(account, "csm_email").is_blank()
    {
        let title = format!("{name} moved from {} to {}", change.before.display(), change.after.display());
        notices.push(notice(entry, "tier_changed", get(account, "csm_email"), title, handover(account)));
    }
    notices
}

/// Whether the notice of the new customer went to this manager: they were there before the deal was won.
fn told_at_the_win(entry: &Entry, account: &Fields) -> bool {
    matches!(get(account, "won_at"), Value::DateTime(won) if entry.at <= *won)
}

/// The notice to the customer success manager that a customer bought more, if there is one.
#[must_use]
pub fn expansion(record: &RecordId, account: &Fields, deal: &Fields, at: entente_model::clock::Timestamp) -> Option<NewNotice> {
    let to = get(account, "csm_email");
    (!to.is_blank()).then(|| NewNotice {
        at,
        kind: "expansion".to_owned(),
        recipient: to.display(),
        title: format!("{} bought more: {}", get(account, "name").display(), get(deal, "name").display()),
        body: handover(account),
        record: Some(record.clone()),
    })
}

/// The notice to the customer success manager of a new customer, if there is one.
#[must_use]
pub fn new_customer(record: &RecordId, account: &Fields, at: entente_model::clock::Timestamp) -> Option<NewNotice> {
    let to = get(account, "csm_email");
    (!to.is_blank()).then(|| NewNotice {
        at,
        kind: NEW_CUSTOMER.to_owned(),
        recipient: to.display(),
        title: format!("New customer: {}", get(account, "name").display()),
        body: handover(account),
        record: Some(record.clone()),
    })
}

fn notice(entry: &Entry, kind: &str, to: &Value, title: String, body: String) -> NewNotice {
    NewNotice { at: entry.at, kind: kind.to_owned(), recipient: to.display(), title, body, record: Some(entry.record.clone()) }
}

fn number(value: &Value) -> Option<Decimal> {
    if let Value::Number(number) = value { Some(*number) } else { None }
}

fn lines(account: &Fields, wanted: &[(&str, &str)]) -> String {
    let lines = wanted.iter().filter(|(_, field)| !get(account, field).is_blank());
    lines.map(|(label, field)| format!("{label}: {}", get(account, field).display())).collect::<Vec<_>>().join("\n")
}

fn handover(account: &Fields) -> String {
    lines(
        account,
        &[
            ("Tier", "tier"),
            ("Plan", "plan"),
            ("ARR", "arr"),
            ("Renewal", "renewal_date"),
            ("Account executive", "ae_name"),
            ("Support health", "health_score"),
        ],
    )
}

fn health_lines(account: &Fields) -> String {
    lines(
        account,
        &[
            ("Risk", "risk_level"),
            ("Trend", "health_trend"),
            ("Open tickets", "open_tickets"),
            ("Escalations", "escalations"),
            ("Recurring issues", "recurring_issues"),
            ("Renewal", "renewal_date"),
        ],
    )
}
