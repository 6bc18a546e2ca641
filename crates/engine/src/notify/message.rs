//! A notice in the form that a destination takes.

use entente_connect::notify::Message;
use entente_model::value::get;
use entente_store::{Alert, NewNotice, Notice, StoreError, Tx, Viewer};
use serde_json::{Value, json};

use super::Destination;
use crate::alerts::AlertKind;
use crate::alerts::raise::{ALERT, RECOVERY};

/// The message of a notice.
pub(super) fn of(notice: &Notice, alert: Option<&Alert>, link_base: Option<&str>, to: &Destination) -> Message {
    let of = &notice.notice;
    let path = match (&of.record, alert) {
        (Some(record), _) => Some(format!("records/{record}")),
        (None, Some(_)) => Some("alerts".to_owned()),
        (None, None) => None,
    };
    // In a channel it is not clear whom a notice to a person is for.
    let in_channel = matches!(to, Destination::Slack | Destination::SlackChannel(_) | Destination::Teams) && of.recipient.contains('@');
    let text = if in_channel { format!("For {}\n{}", of.recipient, of.body) } else { of.body.clone() };
    Message { title: of.title.clone(), text, link: link_base.zip(path).map(|(base, path)| format!("{base}/{path}")), facts: facts(alert) }
}

fn facts(alert: Option<&Alert>) -> Vec<(String, String)> {
    let Some(alert) = alert else { return Vec::new() };
    let moment = |at: jiff::Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
    let label = AlertKind::of(&alert.alert.kind).map_or_else(|| alert.alert.kind.clone(), |kind| kind.label().to_owned());
    let mut facts = vec![
        ("Kind".to_owned(), label),
        ("Severity".to_owned(), alert.alert.severity.to_string()),
        ("Since".to_owned(), moment(alert.alert.since)),
    ];
    facts.extend(alert.ended_at.map(|at| ("Until".to_owned(), moment(at))));
    facts
}

/// The message as plain text, for mail.
pub(super) fn text(message: &Message) -> String {
    let mut text = message.text.clone();
    if !message.facts.is_empty() {
        text.push('\n');
        text.extend(message.facts.iter().map(|(name, value)| format!("\n{name}: {value}")));
    }
    if let Some(link) = &message.link {
        text.push_str(&format!("\n\n{link}"));
    }
    text
}

/// The id of a notice's event: the same for every attempt, so that a receiver drops what it has.
pub(super) fn id(notice: &Notice) -> String {
    format!("notice_{}_{}", notice.id, notice.notice.at.as_millisecond())
}

/// The event of a notice for webhooks.
pub(super) fn event(notice: &Notice, alert: Option<&Alert>, message: &Message) -> Value {
    let of = &notice.notice;
    let kind = match of.kind.as_str() {
        ALERT => "alert.raised".to_owned(),
        RECOVERY => "alert.over".to_owned(),
        other => format!("notice.{other}"),
    };
    let about = alert.map(|alert| {
        json!({
            "id": alert.id.to_string(),
            "kind": alert.alert.kind,
            "subject": alert.alert.subject,
            "severity": alert.alert.severity,
            "title": alert.alert.title,
            "since": alert.alert.since,
            // What is told is its beginning, even when it is over by now.
            "ended_at": alert.ended_at.filter(|_| of.kind == RECOVERY),
        })
    });
    json!({
        "type": kind,
        "timestamp": of.at,
        "data": {
            "title": of.title,
            "text": of.body,
            "recipient": of.recipient,
            "record": of.record,
            "link": message.link,
            "alert": about,
        },
    })
}

/// Whether a notice is to the customer success manager of the account that it is about.
pub(super) fn is_to_csm(tx: &mut Tx<'_>, notice: &NewNotice) -> Result<bool, StoreError> {
    let Some(record) = &notice.record else { return Ok(false) };
    let account = tx.record(&Viewer::system(), record)?;
    Ok(account.is_some_and(|account| get(&account.data, "csm_email").display() == notice.recipient))
}
