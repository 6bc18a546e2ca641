//! Quiet hours: alerts that can wait are told when they end.

use entente_model::clock::Timestamp;
use entente_store::Severity;
use jiff::civil::Time;
use jiff::tz::TimeZone;

/// A stretch of every day in which nobody is woken for what can wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietHours {
    /// When it begins, on the clock of the time zone.
    pub from: Time,
    /// When it ends; before `from` means the next day.
    pub until: Time,
    /// Where the clock hangs.
    pub zone: TimeZone,
    /// Whether critical alerts are told all the same.
    pub critical_passes: bool,
}

impl QuietHours {
    /// When a message may be sent that is taken up now; `None` when it may be sent at once.
    #[must_use]
    pub fn holds_until(&self, now: Timestamp, severity: Severity) -> Option<Timestamp> {
        if severity == Severity::Critical && self.critical_passes {
            return None;
        }
        let local = now.to_zoned(self.zone.clone());
        let clock = local.time();
        let over_midnight = self.from > self.until;
        let quiet = if over_midnight { clock >= self.from || clock < self.until } else { clock >= self.from && clock < self.until };
        if !quiet {
            return None;
        }
        let ends_tomorrow = over_midnight && clock >= self.from;
        let day = if ends_tomorrow { local.date().tomorrow().ok()? } else { local.date() };
        // An end that the clock skips in spring is an hour later; one that it shows twice is the first.
        let end = day.to_datetime(self.until).to_zoned(self.zone.clone()).ok()?.timestamp();
        (end > now).then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(zone: &str) -> QuietHours {
        let at = |hour| Time::new(hour, 0, 0, 0).unwrap();
        QuietHours { from: at(22), until: at(7), zone: TimeZone::get(zone).unwrap(), critical_passes: true }
    }

    fn held(hours: &QuietHours, now: &str, severity: Severity) -> Option<String> {
        hours.holds_until(now.parse().unwrap(), severity).map(|end| end.to_string())
    }

    #[test]
    fn what_can_wait_is_told_in_the_morning_of_the_time_zone() {
        let berlin = quiet("Europe/Berlin");
        assert_eq!(held(&berlin, "2026-01-15T20:59:00Z", Severity::Warning), None, "one minute to ten");
        assert_eq!(held(&berlin, "2026-01-15T21:00:00Z", Severity::Warning).as_deref(), Some("2026-01-16T06:00:00Z"));
        assert_eq!(held(&berlin, "2026-01-16T05:59:59Z", Severity::Warning).as_deref(), Some("2026-01-16T06:00:00Z"));
        assert_eq!(held(&berlin, "2026-01-16T06:00:00Z", Severity::Warning), None);
        assert_eq!(held(&berlin, "2026-07-15T21:00:00Z", Severity::Warning).as_deref(), Some("2026-07-16T05:00:00Z"), "in summer");
    }

    #[test]
    fn what_is_critical_is_told_at_once_unless_that_is_not_wanted() {
        let night = "2026-01-15T23:00:00Z";
        assert_eq!(held(&quiet("UTC"), night, Severity::Critical), None);
        let strict = QuietHours { critical_passes: false, ..quiet("UTC") };
        assert_eq!(held(&strict, night, Severity::Critical).as_deref(), Some("2026-01-16T07:00:00Z"));
    }

    #[test]
    fn hours_within_one_day_end_the_same_day() {
        let at = |hour| Time::new(hour, 0, 0, 0).unwrap();
        let noon = QuietHours { from: at(12), until: at(14), zone: TimeZone::UTC, critical_passes: true };
        assert_eq!(held(&noon, "2026-01-15T12:30:00Z", Severity::Warning).as_deref(), Some("2026-01-15T14:00:00Z"));
        assert_eq!(held(&noon, "2026-01-15T14:00:00Z", Severity::Warning), None);
        assert_eq!(held(&noon, "2026-01-15T03:00:00Z", Severity::Warning), None);
    }
}
