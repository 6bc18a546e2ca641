//! A month of the calendar.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::error::EngineError;

/// Names of the months.
const NAMES: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/// A month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(Date);

impl Month {
    /// The month that an instant lies in.
    #[must_use]
    pub fn of(at: Timestamp, zone: &TimeZone) -> Self {
        Self(at.to_zoned(zone.clone()).date().first_of_month())
    }

    /// The month before.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.yesterday().map_or(self.0, Date::first_of_month))
    }

    /// Its first instant, and that of the month after.
    ///
    /// # Errors
    /// When it lies outside of what a calendar can hold.
    pub fn bounds(self, zone: &TimeZone) -> Result<(Timestamp, Timestamp), EngineError> {
        let start = |date: Date| date.to_zoned(zone.clone()).map(|zoned| zoned.timestamp());
        let next = self.0.last_of_month().tomorrow();
        match (start(self.0), next.and_then(start)) {
            (Ok(from), Ok(to)) => Ok((from, to)),
            _ => Err(invalid(&self.to_string(), "lies outside of the calendar")),
        }
    }

    /// Refuses a month of which nothing has happened yet.
    pub(super) fn must_have_begun(self, from: Timestamp, now: Timestamp) -> Result<(), EngineError> {
        if from <= now {
            return Ok(());
        }
        let remedy = "ask for the present month, which is counted so far, or for one that is over".to_owned();
        Err(EngineError::Invalid { field: "month".to_owned(), reason: format!("`{self}` has not begun yet"), remedy })
    }

    /// Its name (`January`).
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.get(usize::try_from(self.0.month()).unwrap_or(1).saturating_sub(1)).copied().unwrap_or_default()
    }

    /// Its name and year (`January 2026`).
    #[must_use]
    pub fn label(self) -> String {
        format!("{} {}", self.name(), self.0.year())
    }
}

fn invalid(text: &str, reason: &str) -> EngineError {
    EngineError::Invalid {
        field: "month".to_owned(),
        reason: format!("`{text}` {reason}"),
        remedy: "write a year and a month, such as 2026-01".to_owned(),
    }
}

impl FromStr for Month {
    type Err = EngineError;

    fn from_str(text: &str) -> Result<Self, EngineError> {
        let wrong = || invalid(text, "is no month");
        let (year, month) = text.split_once('-').ok_or_else(wrong)?;
        if year.len() != 4 || month.len() != 2 || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
            return Err(wrong());
        }
        let (year, month) = (year.parse().map_err(|_| wrong())?, month.parse().map_err(|_| wrong())?);
        Date::new(year, month, 1).map(Self).map_err(|_| wrong())
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0.year(), self.0.month())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_that_of_the_time_zone() {
        let january: Month = "2026-01".parse().unwrap();
        assert_eq!((january.label().as_str(), january.previous().to_string().as_str()), ("January 2026", "2025-12"));
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let (from, to) = january.bounds(&berlin).unwrap();
        assert_eq!((from.to_string().as_str(), to.to_string().as_str()), ("2025-12-31T23:00:00Z", "2026-01-31T23:00:00Z"));
        let march: Month = "2026-03".parse().unwrap();
        let (from, to) = march.bounds(&berlin).unwrap();
        assert_eq!((to.as_millisecond() - from.as_millisecond()) / 3_600_000, 31 * 24 - 1, "the hour that summer takes");
        assert_eq!(Month::of("2025-12-31T23:30:00Z".parse().unwrap(), &berlin), january);
    }

    #[test]
    fn what_is_no_month_is_refused_with_an_example() {
        for text in ["January", "2026-13", "2026-1", "26-01", "2026-01-01", "", "2026-00", "+026-01"] {
            let error = text.parse::<Month>().unwrap_err().to_string();
            assert!(error.starts_with("month: ") && error.ends_with("such as 2026-01"), "{error}");
        }
    }
}
