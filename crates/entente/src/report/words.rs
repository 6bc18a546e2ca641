//! Numbers, times and changes as people read them in a report.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A whole number with commas.
pub fn number(many: u64) -> String {
    let digits = many.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// One of a thing, or several.
pub fn many(many: u64, one: &str, more: &str) -> String {
    format!("{} {}", number(many), if many == 1 { one } else { more })
}

/// A share in percent, with one digit, rounded down: it never reads as a promise that it misses.
pub fn percent_down(percent: f64) -> String {
    format!("{:.1}%", (percent * 10.0 + 1e-9).floor() / 10.0)
}

/// What is left of a hundred percent beside a share that is rounded down.
pub fn percent_rest(percent: f64) -> String {
    format!("{:.1}%", 100.0 - (percent * 10.0 + 1e-9).floor() / 10.0)
}

/// A share in percent, with one digit.
pub fn percent(percent: f64) -> String {
    format!("{percent:.1}%")
}

/// A time in milliseconds.
pub fn time(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{:.1} seconds", ms as f64 / 1_000.0),
        120_000..7_200_000 => format!("{:.1} minutes", ms as f64 / 60_000.0),
        _ => format!("{:.1} hours", ms as f64 / 3_600_000.0),
    }
}

/// A time in minutes.
pub fn minutes(minutes: u64) -> String {
    match minutes {
        0..120 => many(minutes, "minute", "minutes"),
        120..2_880 => format!("{:.1} hours", minutes as f64 / 60.0),
        _ => format!("{:.1} days", minutes as f64 / 1_440.0),
    }
}

/// Which way a number went.
fn arrow(change: f64) -> &'static str {
    if change > 0.0 { "↑" } else { "↓" }
}

/// A change in percent against the month before.
pub fn change_percent(change: f64, before: &str) -> String {
    let rounded = change.round();
    if rounded == 0.0 { format!("as in {before}") } else { format!("{} {:.0}% from {before}", arrow(change), rounded.abs()) }
}

/// A change of a share in points against the month before.
pub fn change_points(change: f64, before: &str) -> String {
    let rounded = (change * 10.0).round() / 10.0;
    if rounded == 0.0 { format!("as in {before}") } else { format!("{} {:.1}% from {before}", arrow(change), rounded.abs()) }
}

/// A change of a time that is better the shorter it is.
pub fn change_time(change_ms: i64, before: &str) -> String {
    let seconds = (change_ms as f64 / 100.0).round() / 10.0;
    if seconds == 0.0 {
        return format!("as in {before}");
    }
    format!("{} {:.1}s — {}", arrow(seconds), seconds.abs(), if seconds < 0.0 { "improving" } else { "slower" })
}

/// A day, as in a sentence.
pub fn day(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%b %-d").to_string()
}

/// A day and an hour with its zone.
pub fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%-d %B %Y, %H:%M %Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0, 999, 1_000, 814_530, 1_234_567].map(number), ["0", "999", "1,000", "814,530", "1,234,567"]);
        assert_eq!([870, 4_700, 130_000, 9_000_000].map(time), ["870 ms", "4.7 seconds", "2.2 minutes", "2.5 hours"]);
    }

    #[test]
    fn a_share_never_reads_as_the_promise_that_it_misses() {
        assert_eq!((percent_down(99.49), percent_rest(99.49)), ("99.4%".to_owned(), "0.6%".to_owned()));
        assert_eq!((percent_down(99.97), percent_rest(99.97)), ("99.9%".to_owned(), "0.1%".to_owned()));
        assert_eq!(percent_down(99.5), "99.5%");
    }

    #[test]
    fn changes_say_which_way() {
        assert_eq!(change_percent(12.3, "December"), "↑ 12% from December");
        assert_eq!(change_points(-0.14, "December"), "↓ 0.1% from December");
        assert_eq!(change_time(-800, "December"), "↓ 0.8s — improving");
        assert_eq!(change_time(1_200, "December"), "↑ 1.2s — slower");
        assert_eq!(change_time(20, "December"), "as in December");
    }
}
