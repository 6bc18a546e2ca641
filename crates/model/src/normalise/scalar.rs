//! Numbers, money, days, instants and booleans.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use rust_decimal::{Decimal, RoundingStrategy};

use super::{Locale, NormaliseError, mismatch};
use crate::value::Value;

/// Most digits after the point that a decimal holds.
const SCALE_MAX: u32 = 28;

/// A decimal from its text: plain (`-12.50`), scientific (`1.2e3`) or with commas between thousands (`1,234.50`).
#[must_use]
pub fn parse_decimal(text: &str) -> Option<Decimal> {
    let text = text.trim();
    if text.contains('_') {
        return None;
    }
    if let Ok(number) = Decimal::from_str(text) {
        return Some(number);
    }
    if text.contains(['e', 'E']) {
        return Decimal::from_scientific(text).ok();
    }
    let whole = text.split('.').next()?;
    let mut groups = whole.trim_start_matches(['-', '+']).split(',');
    let first = groups.next()?;
    let grouped = (1..=3).contains(&first.len()) && groups.clone().count() > 0 && groups.all(|group| group.len() == 3);
    if grouped { Decimal::from_str(&text.replace(',', "")).ok() } else { None }
}

/// A decimal from a JSON number, by its shortest text, so that `0.1` is a tenth.
#[must_use]
pub fn decimal_of(number: &serde_json::Number) -> Option<Decimal> {
    match number.as_i64() {
        Some(whole) => Some(Decimal::from(whole)),
        None => parse_decimal(&number.to_string()),
    }
}

/// A day from `2026-03-31`, or from an instant at midnight as some platforms write days.
#[must_use]
pub fn parse_date(text: &str) -> Option<Date> {
    let text = text.trim();
    if text.len() == 10 {
        return text.parse().ok();
    }
    let (day, time) = text.split_at_checked(10)?;
    let digits: String = time.chars().take_while(|c| *c != 'Z' && *c != '+' && *c != '-').filter(char::is_ascii_digit).collect();
    let midnight = time.starts_with(['T', 't', ' ']) && digits.len() >= 4 && digits.bytes().all(|b| b == b'0');
    if midnight { day.parse().ok() } else { None }
}

/// An instant from ISO 8601 with any form of offset (`Z`, `+02:00`, `+0000`), cut to milliseconds.
#[must_use]
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse::<Timestamp>().ok().map(milliseconds)
}

/// Milliseconds are the finest that platforms keep; finer digits would differ on each side.
fn milliseconds(at: Timestamp) -> Timestamp {
    // Rounds down, before 1970 as well; a millisecond count taken from a timestamp is always in range.
    let ms = at.as_nanosecond().div_euclid(1_000_000);
    i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(at)
}

fn rounded(number: Decimal, scale: u32) -> Decimal {
    let number = number.round_dp_with_strategy(scale.min(SCALE_MAX), RoundingStrategy::MidpointAwayFromZero).normalize();
    if number.is_zero() { Decimal::ZERO } else { number }
}

fn decimal(value: &Value, expected: &'static str) -> Result<Option<Decimal>, NormaliseError> {
    match value {
        Value::Number(number) | Value::Money { amount: number, .. } => Ok(Some(*number)),
        Value::Bool(flag) => Ok(Some(Decimal::from(u8::from(*flag)))),
        Value::Text(text) if text.trim().is_empty() => Ok(None),
        Value::Text(text) => parse_decimal(text).map(Some).ok_or_else(|| mismatch(expected, value)),
        other => Err(mismatch(expected, other)),
    }
}

pub(super) fn number(value: Value, scale: u32) -> Result<Value, NormaliseError> {
    Ok(decimal(&value, "a number")?.map_or(Value::Null, |number| Value::Number(rounded(number, scale))))
}

pub(super) fn money(value: Value, currency: &str) -> Result<Value, NormaliseError> {
    let amount = decimal(&value, "an amount of money")?;
    let currency = match value {
        Value::Money { currency, .. } if !currency.trim().is_empty() => currency.trim().to_uppercase(),
        _ => currency.trim().to_uppercase(),
    };
    Ok(amount.map_or(Value::Null, |amount| Value::Money { amount: rounded(amount, SCALE_MAX), currency }))
}

pub(super) fn date(value: Value, locale: &Locale) -> Result<Value, NormaliseError> {
    const EXPECTED: &str = "a date such as 2026-03-31";
    match &value {
        Value::Date(date) => Ok(Value::Date(*date)),
        Value::DateTime(at) => midnight(*at, locale).map(Value::Date).ok_or_else(|| mismatch(EXPECTED, &value)),
        Value::Text(text) if text.trim().is_empty() => Ok(Value::Null),
        Value::Text(text) => parse_date(text)
            .or_else(|| parse_instant(text).and_then(|at| midnight(at, locale)))
            .map(Value::Date)
            .ok_or_else(|| mismatch(EXPECTED, &value)),
        other => Err(mismatch(EXPECTED, other)),
    }
}

/// The day that begins at this instant, in UTC or where the organisation is. Any other instant is no day: cutting its time off
/// would move it by a day for half of the world.
fn midnight(at: Timestamp, locale: &Locale) -> Option<Date> {
    let utc = at.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    let home = at.to_zoned(locale.timezone.clone()).datetime();
    [utc, home].into_iter().find(|day| day.time() == jiff::civil::Time::midnight()).map(|day| day.date())
}

pub(super) fn datetime(value: Value, locale: &Locale) -> Result<Value, NormaliseError> {
    const EXPECTED: &str = "an instant such as 2026-03-31T08:00:00Z";
    let home = |local: DateTime| local.to_zoned(locale.timezone.clone()).ok().map(|zoned| milliseconds(zoned.timestamp()));
    let at = match &value {
        Value::DateTime(at) => Some(milliseconds(*at)),
        Value::Date(date) => home(date.to_datetime(jiff::civil::Time::midnight())),
        Value::Text(text) if text.trim().is_empty() => return Ok(Value::Null),
        // Without an offset it is the organisation's own time.
        Value::Text(text) => parse_instant(text).or_else(|| text.trim().parse::<DateTime>().ok().and_then(home)),
        _ => None,
    };
    at.map(Value::DateTime).ok_or_else(|| mismatch(EXPECTED, &value))
}

pub(super) fn boolean(value: Value) -> Result<Value, NormaliseError> {
    let flag = match &value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) if number.is_zero() => Some(false),
        Value::Number(number) if *number == Decimal::ONE => Some(true),
        Value::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "" | "false" | "0" | "no" | "n" | "f" => Some(false),
            "true" | "1" | "yes" | "y" | "t" => Some(true),
            _ => None,
        },
        _ => None,
    };
    flag.map(Value::Bool).ok_or_else(|| mismatch("true or false", &value))
}
