//! What an open alert explains is not told again beside it: while a platform cannot be used, and for a while after, its queue is old, its
//! cursor stale, its failures many and its changes late, all for one reason that operators know. That goes for beginnings alone: what was told
//! before ends when it is over.

use entente_model::clock::Timestamp;
use entente_store::Alert;

use super::kind::AlertKind;
use super::raise::Signal;

/// How long after an outage what it caused may still show, in milliseconds: what waited is caught up with within the hour.
const AFTER_MS: i64 = 60 * 60 * 1000;

/// Alerts that are open or ended lately, and what was found just now.
pub(super) struct Known<'a> {
    pub(super) alerts: &'a [Alert],
    pub(super) found: &'a [Signal],
    pub(super) now: Timestamp,
}

impl Known<'_> {
    /// Whether a connection cannot be used, or could not a short while ago; within `window_ms` at the least.
    pub(super) fn outage(&self, connection: Option<&str>, window_ms: i64) -> bool {
        let of = |subject: &str| connection.is_none_or(|connection| connection == subject);
        self.found.iter().any(|signal| signal.kind.is_outage() && of(&signal.subject))
            || self.alerts.iter().any(|alert| {
                AlertKind::of(&alert.alert.kind).is_some_and(AlertKind::is_outage)
                    && of(&alert.alert.subject)
                    && self.is_recent(alert, window_ms.max(AFTER_MS))
            })
    }

    /// Whether an alert of this kind and subject is on, or was a short while ago.
    pub(super) fn told(&self, kind: AlertKind, subject: &str) -> bool {
        self.found.iter().any(|signal| signal.kind == kind && signal.subject == subject)
            || self
                .alerts
                .iter()
                .any(|alert| alert.alert.kind == kind.as_str() && alert.alert.subject == subject && self.is_recent(alert, AFTER_MS))
    }

    /// Whether an alert of this kind and subject is open.
    pub(super) fn is_open(&self, kind: AlertKind, subject: &str) -> bool {
        self.alerts.iter().any(|alert| alert.alert.kind == kind.as_str() && alert.alert.subject == subject && alert.ended_at.is_none())
    }

    fn is_recent(&self, alert: &Alert, within_ms: i64) -> bool {
        alert.ended_at.is_none_or(|ended| self.now.as_millisecond() - ended.as_millisecond() <= within_ms)
    }
}
