//! Instants and days as HubSpot writes and reads them.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Milliseconds of one day.
const DAY_MS: i64 = 86_400_000;

/// `2026-03-12T10:04:17.969Z`: always three digits of milliseconds.
pub(crate) fn iso(ms: i64) -> String {
    let at = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{at:.3}")
}

/// Reads an instant in ISO 8601 or as milliseconds since 1970.
pub(crate) fn instant(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(ms) = text.parse::<i64>() {
        return Some(ms);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_millisecond());
    }
    let day: Date = text.parse().ok()?;
    day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_millisecond())
}

/// Reads a day: `YYYY-MM-DD`, or milliseconds that fall on midnight UTC.
pub(crate) fn day(text: &str) -> Option<String> {
    let text = text.trim();
    if let Ok(ms) = text.parse::<i64>() {
        return (ms.rem_euclid(DAY_MS) == 0).then(|| iso(ms)[..10].to_owned());
    }
    let day: Date = text.parse().ok()?;
    (text.len() == 10).then(|| day.to_string())
}

/// The next midnight of a place `offset_ms` ahead of UTC.
pub(crate) fn midnight_after(now_ms: i64, offset_ms: i64) -> i64 {
    ((now_ms + offset_ms).div_euclid(DAY_MS) + 1) * DAY_MS - offset_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read_and_one_is_written() {
        assert_eq!(iso(1_773_309_857_960), "2026-03-12T10:04:17.960Z");
        assert_eq!(instant("2026-03-12T10:04:17.960Z"), Some(1_773_309_857_960));
        assert_eq!(instant("1773309857960"), Some(1_773_309_857_960));
        assert_eq!(day("2026-03-12").as_deref(), Some("2026-03-12"));
        assert_eq!(day("1773273600000").as_deref(), Some("2026-03-12"));
        assert_eq!(day("1773273600001"), None, "not midnight");
        assert_eq!(midnight_after(1_773_309_857_960, 3_600_000), 1_773_356_400_000);
    }
}
