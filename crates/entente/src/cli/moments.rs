//! Instants as people give them on the command line.

use entente_engine::EngineError;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::fault::Result;

/// Reads an instant: with its offset (2026-03-31T18:00:00Z), without one (UTC is meant), a day (its first moment), or how long ago (2h).
pub fn instant(option: &str, text: &str, now: Timestamp) -> Result<Timestamp> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let civil = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(|day| day.at(0, 0, 0, 0)));
    if let Some(at) = civil.ok().and_then(|civil| civil.to_zoned(TimeZone::UTC).ok()) {
        return Ok(at.timestamp());
    }
    if let Some(at) = text.parse::<SignedDuration>().ok().and_then(|ago| now.checked_sub(ago).ok()) {
        return Ok(at);
    }
    Err(EngineError::Invalid {
        field: option.to_owned(),
        reason: format!("`{text}` is no instant"),
        remedy: "write 2026-03-31T18:00:00Z, 2026-03-31, or how long ago, such as 2h or 30m".to_owned(),
    }
    .into())
}

/// Reads an instant that is over or now: of what is yet to come nothing is known.
pub fn past_instant(option: &str, text: &str, now: Timestamp) -> Result<Timestamp> {
    let at = instant(option, text, now)?;
    if at <= now {
        return Ok(at);
    }
    let (field, reason) = (option.to_owned(), format!("`{}` is yet to come", text.trim()));
    Err(EngineError::Invalid { field, reason, remedy: "name an instant that is over".to_owned() }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_days_and_how_long_ago_are_understood() {
        let now: Timestamp = "2026-03-31T18:00:00Z".parse().unwrap();
        let read = |text: &str| instant("--since", text, now).map(|at| at.to_string());
        assert_eq!(read("2026-03-31T17:00:00+02:00").unwrap(), "2026-03-31T15:00:00Z");
        assert_eq!(read("2026-03-31 17:00").unwrap(), "2026-03-31T17:00:00Z");
        assert_eq!(read("2026-03-30").unwrap(), "2026-03-30T00:00:00Z");
        assert_eq!(read("90m").unwrap(), "2026-03-31T16:30:00Z");
        assert!(read("yesterday").unwrap_err().to_string().contains("`yesterday` is no instant"));
        assert!(past_instant("--as-of", "2026-03-31T18:00:00Z", now).is_ok());
        let ahead = past_instant("--as-of", "2026-03-31T18:00:01Z", now).unwrap_err();
        assert!(ahead.to_string().contains("--as-of: `2026-03-31T18:00:01Z` is yet to come"), "{ahead}");
    }
}
