//! Instants as Dataverse writes and reads them: whole seconds in UTC, and days.

use jiff::Timestamp;
use jiff::civil::Date;

/// Milliseconds of one day.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// `2026-05-15T09:55:02Z`.
pub(crate) fn iso(ms: i64) -> String {
    Timestamp::from_second(ms.div_euclid(1000)).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

/// Reads an instant; one without a zone is in UTC.
pub(crate) fn instant(text: &str) -> Option<i64> {
    let at: Option<Timestamp> = text.parse().ok().or_else(|| format!("{text}Z").parse().ok());
    at.map(|at| at.as_millisecond())
}

/// Whether a text is a day.
pub(crate) fn is_day(text: &str) -> bool {
    text.len() == 10 && text.parse::<Date>().is_ok()
}

/// The stamp in a delta token: `08/22/2017 08:10:44`.
pub(crate) fn american(ms: i64) -> String {
    let iso = iso(ms);
    format!("{}/{}/{} {}", &iso[5..7], &iso[8..10], &iso[..4], &iso[11..19])
}

/// Reads it back.
pub(crate) fn from_american(text: &str) -> Option<i64> {
    let (day, clock) = text.split_once(' ')?;
    let mut parts = day.split('/');
    let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
    instant(&format!("{year}-{month}-{day}T{clock}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_of_a_token_reads_back() {
        let ms = 1_778_838_902_000;
        assert_eq!(american(ms), "05/15/2026 09:55:02");
        assert_eq!(from_american(&american(ms)), Some(ms));
        assert_eq!(instant("2026-05-15T09:55:02"), Some(ms));
    }
}
