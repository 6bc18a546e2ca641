//! Seconds since 1970 and the vendor's spelling of them.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

/// `2024-09-06T18:52:11Z`: second precision, UTC, as every Support family spells time.
pub(crate) fn iso(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// [`iso`] as a JSON value, null when absent.
pub(crate) fn iso_or_null(seconds: Option<i64>) -> Value {
    seconds.map_or(Value::Null, |at| Value::String(iso(at)))
}

/// `2023-09-18 23:34:42 +0000`, the spelling inside job messages.
pub(crate) fn job_stamp(seconds: i64) -> String {
    iso(seconds).replace('T', " ").replace('Z', " +0000")
}

/// Reads a full timestamp or a bare date (midnight UTC).
pub(crate) fn parse(text: &str) -> Option<i64> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_second());
    }
    let date: Date = text.parse().ok()?;
    date.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_second())
}

/// The calendar day of a date or timestamp, as `YYYY-MM-DD`.
pub(crate) fn day(text: &str) -> Option<String> {
    parse(text).map(|at| iso(at)[..10].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back_as_written() {
        assert_eq!(iso(1_725_648_731), "2024-09-06T18:52:11Z");
        assert_eq!(parse("2024-09-06T18:52:11Z"), Some(1_725_648_731));
        assert_eq!(day("2018-11-04T00:00:00+00:00").as_deref(), Some("2018-11-04"));
        assert_eq!(job_stamp(1_695_080_082), "2023-09-18 23:34:42 +0000");
        assert_eq!(parse("soon"), None);
    }
}
