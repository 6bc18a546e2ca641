//! Instants as Pipedrive writes and reads them: whole seconds in UTC, in two spellings, and milliseconds for leads.

use jiff::Timestamp;
use jiff::civil::{Date, Time};

/// Milliseconds of one day.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// `2026-05-15T09:55:02Z`.
pub(crate) fn iso(ms: i64) -> String {
    Timestamp::from_second(ms.div_euclid(1000)).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// `2026-05-15T09:55:02.713Z`, as leads have it.
pub(crate) fn fine(ms: i64) -> String {
    format!("{:.3}", Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// `2026-05-15 09:55:02`, as the older version has it.
pub(crate) fn old(ms: i64) -> String {
    iso(ms).replacen('T', " ", 1).trim_end_matches('Z').to_owned()
}

/// Reads an instant in RFC 3339; fractions of a second are refused.
pub(crate) fn instant(text: &str) -> Option<i64> {
    let at: Timestamp = text.parse().ok()?;
    (at.subsec_nanosecond() == 0 && !text.contains('.')).then(|| at.as_millisecond())
}

/// Reads an instant of the older version.
pub(crate) fn old_instant(text: &str) -> Option<i64> {
    let at: Timestamp = format!("{}Z", text.trim().replacen(' ', "T", 1)).parse().ok()?;
    Some(at.as_millisecond())
}

/// Whether a text is a day.
pub(crate) fn is_day(text: &str) -> bool {
    text.len() == 10 && text.parse::<Date>().is_ok()
}

/// Whether a text is a time of day, or a duration of less than a day.
pub(crate) fn is_clock(text: &str) -> bool {
    let whole = if text.len() == 5 { format!("{text}:00") } else { text.to_owned() };
    whole.len() == 8 && whole.parse::<Time>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_reads_back_and_fractions_are_refused() {
        let ms = 1_778_838_902_713;
        assert_eq!(
            (iso(ms), old(ms), fine(ms)),
            ("2026-05-15T09:55:02Z".into(), "2026-05-15 09:55:02".into(), "2026-05-15T09:55:02.713Z".into())
        );
        assert_eq!((instant(&iso(ms)), old_instant(&old(ms))), (Some(ms - 713), Some(ms - 713)));
        assert_eq!(instant("2026-05-15T09:55:02.713Z"), None);
        assert!(is_clock("09:30") && is_clock("09:30:15") && !is_clock("9:30") && is_day("2026-05-15") && !is_day("2026-5-15"));
    }
}
