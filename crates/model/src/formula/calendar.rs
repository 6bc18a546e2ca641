//! Days and instants: conversion, parts, and sums.

use std::ops::Range;

use jiff::civil::Date;
use jiff::{SignedDuration, Span, Timestamp};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::ast::Op;
use super::error::Fault;
use super::eval::{Evaluated, Given, mismatch, to_number};
use super::function::Func;
use crate::normalise::{parse_date, parse_instant};
use crate::value::Value;

const MS_PER_DAY: i64 = 86_400_000;

pub(super) fn is_day(value: &Value) -> bool {
    matches!(value, Value::Date(_) | Value::DateTime(_))
}

fn out_of_range(span: &Range<usize>) -> Box<Fault> {
    Fault::new(span, "the date is out of range", "dates lie between the years -9999 and 9999")
}

/// `date + days`, `days + date`, `date - days`, `date - date`.
pub(super) fn sum(op: Op, one: &Value, two: &Value, span: &Range<usize>) -> Evaluated {
    let minus = op == Op::Sub;
    match (one, two) {
        (a, b) if a.is_blank() || b.is_blank() => Ok(Value::Null),
        (Value::Date(a), Value::Date(b)) if minus => Ok(Value::Number(days_between(*b, *a))),
        (Value::DateTime(a), Value::DateTime(b)) if minus => Ok(Value::Number(fraction_between(*b, *a))),
        (Value::Date(day), Value::Text(text)) if minus && parse_date(text).is_some() => {
            Ok(parse_date(text).map_or(Value::Null, |other| Value::Number(days_between(other, *day))))
        }
        (a, b) if is_day(a) && is_day(b) => {
            Err(Fault::new(span, "these two do not go together", "subtract a date from a date; turn instants into dates with DATEVALUE"))
        }
        (day, days) if is_day(day) => shift(day, days, minus, span),
        (_, day) if minus => Err(mismatch("a number", day, span)),
        (days, day) => shift(day, days, false, span),
    }
}

fn shift(day: &Value, days: &Value, back: bool, span: &Range<usize>) -> Evaluated {
    let Some(days) = to_number(days, span)? else { return Ok(Value::Null) };
    let days = if back { -days } else { days };
    match day {
        Value::Date(date) => {
            let whole = days.trunc().to_i64().ok_or_else(|| out_of_range(span))?;
            let step = Span::new().try_days(whole).map_err(|_| out_of_range(span))?;
            date.checked_add(step).map(Value::Date).map_err(|_| out_of_range(span))
        }
        Value::DateTime(at) => {
            let ms = days.checked_mul(Decimal::from(MS_PER_DAY)).and_then(|ms| ms.round().to_i64()).ok_or_else(|| out_of_range(span))?;
            at.checked_add(SignedDuration::from_millis(ms)).map(Value::DateTime).map_err(|_| out_of_range(span))
        }
        _ => Ok(Value::Null),
    }
}

fn days_between(from: Date, to: Date) -> Decimal {
    Decimal::from(from.duration_until(to).as_secs() / 86_400)
}

fn fraction_between(from: Timestamp, to: Timestamp) -> Decimal {
    Decimal::from(to.as_millisecond() - from.as_millisecond()) / Decimal::from(MS_PER_DAY)
}

/// The day of a value: a day, the day of an instant in the environment's zone, or a text in ISO form.
fn day(given: &Given<'_>, place: usize) -> Evaluated<Option<Date>> {
    let value = given.value(place);
    match value {
        value if value.is_blank() => Ok(None),
        Value::Date(date) => Ok(Some(*date)),
        Value::DateTime(at) => Ok(Some(at.to_zoned(given.env.zone()).date())),
        Value::Text(text) => match parse_date(text) {
            Some(date) => Ok(Some(date)),
            None => match parse_instant(text) {
                Some(at) => Ok(Some(at.to_zoned(given.env.zone()).date())),
                None => Err(mismatch("a date such as 2026-03-31", value, given.at(place))),
            },
        },
        other => Err(mismatch("a date", other, given.at(place))),
    }
}

fn instant(given: &Given<'_>, place: usize) -> Evaluated<Option<Timestamp>> {
    let value = given.value(place);
    let midnight =
        |date: Date| date.to_zoned(given.env.zone()).map(|zoned| Some(zoned.timestamp())).map_err(|_| out_of_range(given.at(place)));
    match value {
        value if value.is_blank() => Ok(None),
        Value::DateTime(at) => Ok(Some(*at)),
        Value::Date(date) => midnight(*date),
        Value::Text(text) => match (parse_instant(text), parse_date(text)) {
            (Some(at), _) => Ok(Some(at)),
            (None, Some(date)) => midnight(date),
            (None, None) => Err(mismatch("an instant such as 2026-03-31T08:00:00Z", value, given.at(place))),
        },
        other => Err(mismatch("a date with time", other, given.at(place))),
    }
}

pub(super) fn call(given: &Given<'_>) -> Evaluated {
    let number = |number: Option<i64>| number.map_or(Value::Null, |number| Value::Number(Decimal::from(number)));
    Ok(match given.func {
        Func::Year => number(day(given, 0)?.map(|date| i64::from(date.year()))),
        Func::Month => number(day(given, 0)?.map(|date| i64::from(date.month()))),
        Func::Day => number(day(given, 0)?.map(|date| i64::from(date.day()))),
        Func::DateValue => day(given, 0)?.map_or(Value::Null, Value::Date),
        Func::DatetimeValue => instant(given, 0)?.map_or(Value::Null, Value::DateTime),
        Func::Date => build(given)?,
        Func::AddMonths => match (day(given, 0)?, given.number(1)?) {
            (Some(date), Some(months)) => {
                let whole = months.trunc().to_i64().ok_or_else(|| out_of_range(given.span))?;
                let step = Span::new().try_months(whole).map_err(|_| out_of_range(given.span))?;
                Value::Date(date.checked_add(step).map_err(|_| out_of_range(given.span))?)
            }
            _ => Value::Null,
        },
        Func::DaysBetween => match (given.value(0), given.value(1)) {
            (Value::DateTime(from), Value::DateTime(to)) => Value::Number(fraction_between(*from, *to)),
            _ => match (day(given, 0)?, day(given, 1)?) {
                (Some(from), Some(to)) => Value::Number(days_between(from, to)),
                _ => Value::Null,
            },
        },
        _ => return Err(Fault::new(given.span, "this function has no meaning", "use another function")),
    })
}

fn build(given: &Given<'_>) -> Evaluated {
    let (Some(year), Some(month), Some(day)) = (given.number(0)?, given.number(1)?, given.number(2)?) else { return Ok(Value::Null) };
    let date = match (year.to_i16(), month.to_i8(), day.to_i8()) {
        (Some(year), Some(month), Some(day)) => Date::new(year, month, day).ok(),
        _ => None,
    };
    date.map(Value::Date).ok_or_else(|| Fault::new(given.span, "there is no such day", "check the month (1 to 12) and the day"))
}
