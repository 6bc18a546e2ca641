//! How far a vendor's clock is from ours, as the `Date` headers of its answers prove.
//!
//! A `Date` header has whole seconds and an answer takes time, so one answer only bounds the offset: the vendor read its clock
//! somewhere between our sending and our receiving, and the full second it wrote hides up to one more. The estimate is the middle
//! of what recent answers agree on, and zero as long as zero is possible: nothing is corrected without proof.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use entente_model::clock::Timestamp;

/// Answers remembered. Enough for the quantiles to shrug off a few cached or rewritten headers, few enough to follow drift.
const SAMPLES: usize = 33;

/// Milliseconds that a header in whole seconds hides.
const RESOLUTION_MS: i64 = 1_000;

/// The measured offset of one vendor's clock.
#[derive(Debug, Default)]
pub struct Offset {
    /// Bounds that recent answers set, in milliseconds.
    samples: Mutex<VecDeque<(i64, i64)>>,
    /// As it was measured before this process began.
    recalled: Mutex<Option<i64>>,
}

impl Offset {
    /// Takes in one answer: its `Date` header, and when its call was sent and answered by our clock. Unreadable dates are passed over.
    pub fn observe(&self, date: &str, sent: Timestamp, received: Timestamp) {
        let Some(date) = http_date(date) else { return };
        let date = date.as_millisecond();
        let bounds = (date - received.as_millisecond(), date + RESOLUTION_MS - sent.as_millisecond());
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() == SAMPLES {
            samples.pop_front();
        }
        samples.push_back(bounds);
    }

    /// What was measured before this process began: it holds until the first answer. A message may come before that, and times of both
    /// clocks are compared with it.
    pub fn recall(&self, ms: i64) {
        *self.recalled.lock().unwrap_or_else(PoisonError::into_inner) = Some(ms);
    }

    /// The vendor's clock minus ours in milliseconds; `None` before the first answer, unless it is known from before.
    #[must_use]
    pub fn ms(&self) -> Option<i64> {
        self.measured().or_else(|| *self.recalled.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same, as the answers to this process prove it.
    #[must_use]
    pub fn measured(&self) -> Option<i64> {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.is_empty() {
            return None;
        }
        let mut lows: Vec<i64> = samples.iter().map(|(low, _)| *low).collect();
        let mut highs: Vec<i64> = samples.iter().map(|(_, high)| *high).collect();
        lows.sort_unstable();
        highs.sort_unstable();
        let low = lows[lows.len() * 3 / 4];
        let high = highs[highs.len() / 4];
        if low <= 0 && 0 <= high { Some(0) } else { Some(low.midpoint(high)) }
    }

    /// An instant of the vendor's clock, by ours.
    #[must_use]
    pub fn correct(&self, vendor: Timestamp) -> Timestamp {
        let ms = self.ms().unwrap_or(0);
        vendor.checked_sub(jiff::SignedDuration::from_millis(ms)).unwrap_or(vendor)
    }

    /// Our present, by the vendor's clock.
    #[must_use]
    pub fn theirs(&self, ours: Timestamp) -> Timestamp {
        let ms = self.ms().unwrap_or(0);
        ours.checked_add(jiff::SignedDuration::from_millis(ms)).unwrap_or(ours)
    }
}

/// Reads an HTTP date (RFC 9110 §5.6.7).
#[must_use]
pub fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

/// Writes an HTTP date; fractions of a second are cut off.
#[must_use]
pub fn to_http_date(at: Timestamp) -> String {
    at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("timestamp")
    }

    #[test]
    fn a_clock_that_may_be_right_is_not_corrected() {
        let offset = Offset::default();
        assert_eq!(offset.ms(), None);
        offset.observe("Fri, 02 Jan 2026 10:00:00 GMT", at("2026-01-02T10:00:00.700Z"), at("2026-01-02T10:00:00.900Z"));
        assert_eq!(offset.ms(), Some(0));
    }

    #[test]
    fn what_was_measured_before_holds_until_the_first_answer() {
        let offset = Offset::default();
        offset.recall(-60_000);
        assert_eq!((offset.ms(), offset.measured()), (Some(-60_000), None));
        assert_eq!(offset.correct(at("2026-01-02T10:00:00Z")), at("2026-01-02T10:01:00Z"));
        offset.observe("Fri, 02 Jan 2026 10:00:00 GMT", at("2026-01-02T10:00:00.700Z"), at("2026-01-02T10:00:00.900Z"));
        assert_eq!(offset.ms(), Some(0), "it was put right meanwhile");
    }

    #[test]
    fn a_clock_that_is_ahead_is_measured_in_spite_of_a_few_lies() {
        let offset = Offset::default();
        for second in 0..30 {
            let sent = at("2026-01-02T10:00:00.400Z") + jiff::SignedDuration::from_secs(second);
            let date = to_http_date(sent + jiff::SignedDuration::from_secs(90));
            offset.observe(&date, sent, sent + jiff::SignedDuration::from_millis(200));
        }
        offset.observe("Fri, 02 Jan 2025 10:00:00 GMT", at("2026-01-02T10:00:31Z"), at("2026-01-02T10:00:31Z"));
        offset.observe("nonsense", at("2026-01-02T10:00:31Z"), at("2026-01-02T10:00:31Z"));
        let ms = offset.ms().expect("measured");
        assert!((89_300..=90_700).contains(&ms), "{ms}");
        let corrected = offset.correct(at("2026-01-02T10:01:30Z"));
        assert!(corrected < at("2026-01-02T10:00:01Z"), "{corrected}");
    }

    #[test]
    fn http_dates_survive_their_text() {
        let instant = at("2026-02-28T23:59:59Z");
        assert_eq!(to_http_date(instant), "Sat, 28 Feb 2026 23:59:59 GMT");
        assert_eq!(http_date(&to_http_date(instant)), Some(instant));
    }
}
