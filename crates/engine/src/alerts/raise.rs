//! Raising and ending alerts, with the notices that tell of it.

use entente_model::clock::Timestamp;
use entente_store::{Alert, NewAlert, NewNotice, Severity, StoreError, Tx};

use super::kind::AlertKind;

/// Kind of the notice that tells of an alert.
pub const ALERT: &str = "alert";

/// Kind of the notice that tells that it is over.
pub const RECOVERY: &str = "recovery";

/// Something that operators are to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signal {
    /// Kind.
    pub kind: AlertKind,
    /// What it is about within its kind: a connection, an object, a hold. One alert is open for each.
    pub subject: String,
    /// How bad it is.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// What is known, and what to do. Without personal values: it leaves the house.
    pub body: String,
}

impl Signal {
    /// Something that somebody should look at within a day.
    #[must_use]
    pub fn warning(kind: AlertKind, subject: impl Into<String>, title: impl Into<String>, body: impl Into<String>) -> Self {
        Self { kind, subject: subject.into(), severity: Severity::Warning, title: title.into(), body: body.into() }
    }
}

/// Raises an alert, within the transaction that finds it, and keeps its notice. Nothing is told while one of its kind and subject is
/// open. Answers its number when it is new.
///
/// # Errors
/// As for any write.
pub fn raise(tx: &mut Tx<'_>, signal: &Signal, now: Timestamp) -> Result<Option<i64>, StoreError> {
    let new = NewAlert {
        kind: signal.kind.as_str().to_owned(),
        subject: signal.subject.clone(),
        severity: signal.severity,
        title: signal.title.clone(),
        body: signal.body.clone(),
        since: now,
    };
    let (id, fresh) = tx.raise_alert(&new, now)?;
    if !fresh {
        return Ok(None);
    }
    tracing::warn!(kind = new.kind, subject = new.subject, severity = %new.severity, "{}", new.title);
    tx.notify_of_alert(id, &notice(signal.kind, ALERT, format!("⚠ {}", new.title), new.body, now))?;
    Ok(Some(id))
}

/// Ends the open alert of a kind and subject, if there is one, and keeps the notice that tells of it. Answers whether there was one.
///
/// # Errors
/// As for any write.
pub fn end(tx: &mut Tx<'_>, kind: AlertKind, subject: &str, now: Timestamp) -> Result<bool, StoreError> {
    match tx.open_alert(kind.as_str(), subject)? {
        Some(open) => over(tx, &open, now),
        None => Ok(false),
    }
}

/// Ends an alert that was found open.
pub(crate) fn over(tx: &mut Tx<'_>, open: &Alert, now: Timestamp) -> Result<bool, StoreError> {
    let Some(ended) = tx.end_alert(open.id, now)? else { return Ok(false) };
    let lasted = lasted_words(now.as_millisecond() - ended.alert.since.as_millisecond());
    tracing::info!(kind = ended.alert.kind, subject = ended.alert.subject, lasted, "over: {}", ended.alert.title);
    let kind = AlertKind::of(&ended.alert.kind).unwrap_or(AlertKind::Configuration);
    let title = format!("✅ Over: {}", ended.alert.title);
    tx.notify_of_alert(ended.id, &notice(kind, RECOVERY, title, format!("It lasted {lasted}."), now))?;
    Ok(true)
}

fn notice(kind: AlertKind, of: &str, title: String, body: String, at: Timestamp) -> NewNotice {
    NewNotice { at, kind: of.to_owned(), recipient: kind.audience().to_owned(), title, body, record: None }
}

/// A length of time as people say it.
pub(crate) fn lasted_words(ms: i64) -> String {
    let minutes = ms.max(0) / 60_000;
    match minutes {
        0 => "less than a minute".to_owned(),
        1 => "1 minute".to_owned(),
        2..=119 => format!("{minutes} minutes"),
        120..=2_879 => format!("{} hours", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_reads_well() {
        let words = [0, 61_000, 119 * 60_000, 130 * 60_000, 72 * 3_600_000].map(lasted_words);
        assert_eq!(words, ["less than a minute", "1 minute", "119 minutes", "2 hours", "3 days"]);
    }
}
