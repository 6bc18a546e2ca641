//! Instants and days as Freshdesk writes and reads them: whole seconds, and missing zones are UTC.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use serde_json::Value;

/// Minutes by which companies' stamps are ahead of UTC, as the vendor's samples show them.
const COMPANY_OFFSET_S: i32 = 330 * 60;

/// `2026-01-05T10:00:00Z`.
pub(crate) fn iso(ms: i64) -> String {
    Timestamp::from_second(ms.div_euclid(1000)).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// [`iso`] as JSON, null when absent.
pub(crate) fn iso_or_null(ms: Option<i64>) -> Value {
    ms.map_or(Value::Null, |ms| Value::String(iso(ms)))
}

/// `2026-01-05T15:30:00+05:30`, as companies show it.
pub(crate) fn iso_of_company(ms: i64) -> String {
    let at = Timestamp::from_second(ms.div_euclid(1000)).unwrap_or(Timestamp::UNIX_EPOCH);
    let zone = TimeZone::fixed(Offset::from_seconds(COMPANY_OFFSET_S).unwrap_or(Offset::UTC));
    at.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// Reads an instant or a day, in milliseconds since 1970.
pub(crate) fn instant(text: &str) -> Option<i64> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_millisecond());
    }
    if let Ok(day) = text.parse::<Date>()
        && text.len() == 10
    {
        return day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_millisecond());
    }
    let plain: DateTime = text.parse().ok()?;
    plain.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_millisecond())
}

/// Reads a day.
pub(crate) fn day(text: &str) -> Option<String> {
    let day: Date = text.parse().ok()?;
    (text.len() == 10).then(|| day.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_accepted_spelling_is_read_and_two_are_written() {
        assert_eq!(iso(1_767_607_200_250), "2026-01-05T10:00:00Z");
        assert_eq!(iso_of_company(1_767_607_200_250), "2026-01-05T15:30:00+05:30");
        assert_eq!(instant("2026-01-05T15:30:00+05:30"), Some(1_767_607_200_000));
        assert_eq!(instant("2026-01-05T10:00:00"), Some(1_767_607_200_000));
        assert_eq!(instant("2026-01-05"), Some(1_767_571_200_000));
        assert_eq!((instant("soon"), day("2026-01-05T00:00:00Z")), (None, None));
    }
}
