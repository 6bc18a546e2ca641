//! Arithmetic on decimals: exact where decimals are, an error where a result does not fit.

use std::ops::Range;

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use super::ast::Op;
use super::error::Fault;
use super::eval::{Evaluated, Given};
use super::function::Func;
use crate::value::Value;

/// Largest power: beyond it every base but 0, 1 and -1 overflows or vanishes.
const POWER_MAX: i64 = 1_000;
/// Most digits after the point that a decimal holds.
const SCALE_MAX: i64 = 28;

pub(super) fn compute(op: Op, one: Decimal, two: Decimal, span: &Range<usize>) -> Evaluated<Decimal> {
    let result = match op {
        Op::Add => one.checked_add(two),
        Op::Sub => one.checked_sub(two),
        Op::Mul => one.checked_mul(two),
        Op::Div if two.is_zero() => return Err(by_zero(span)),
        Op::Div => one.checked_div(two),
        Op::Pow => return power(one, two, span),
        _ => None,
    };
    result.ok_or_else(|| overflow(span))
}

fn by_zero(span: &Range<usize>) -> Box<Fault> {
    Fault::new(span, "division by zero", "catch it with IF(divisor = 0, NULL, ...)")
}

fn overflow(span: &Range<usize>) -> Box<Fault> {
    Fault::new(span, "the result is too large for a number", "numbers hold 28 digits at most")
}

fn power(base: Decimal, exponent: Decimal, span: &Range<usize>) -> Evaluated<Decimal> {
    let whole = exponent.is_integer().then(|| exponent.to_i64()).flatten().filter(|n| n.abs() <= POWER_MAX);
    let Some(whole) = whole else {
        return Err(Fault::new(span, "the power must be a whole number", format!("use one from -{POWER_MAX} to {POWER_MAX}")));
    };
    if whole < 0 && base.is_zero() {
        return Err(by_zero(span));
    }
    let mut result = Decimal::ONE;
    for _ in 0..whole.unsigned_abs() {
        result = result.checked_mul(base).ok_or_else(|| overflow(span))?;
    }
    if whole < 0 {
        // A base so small that its power vanished has an inverse that does not fit.
        result = Decimal::ONE.checked_div(result).ok_or_else(|| overflow(span))?;
    }
    Ok(result)
}

/// Rounds to digits after the point (negative: before it), halves away from zero.
fn round(number: Decimal, digits: i64, span: &Range<usize>) -> Evaluated<Decimal> {
    let halves = RoundingStrategy::MidpointAwayFromZero;
    if digits >= 0 {
        return Ok(number.round_dp_with_strategy(digits.min(SCALE_MAX) as u32, halves));
    }
    if digits < -SCALE_MAX {
        return Ok(Decimal::ZERO);
    }
    let unit = power(Decimal::TEN, Decimal::from(-digits), span)?;
    (number / unit).round_dp_with_strategy(0, halves).checked_mul(unit).ok_or_else(|| overflow(span))
}

pub(super) fn call(given: &Given<'_>) -> Evaluated<Option<Value>> {
    if !matches!(given.func, Func::Round | Func::Floor | Func::Ceiling | Func::Abs | Func::Mod) {
        return Ok(None);
    }
    let Some(number) = given.number(0)? else { return Ok(Some(Value::Null)) };
    let result = match given.func {
        Func::Floor => number.floor(),
        Func::Ceiling => number.ceil(),
        Func::Abs => number.abs(),
        Func::Round => {
            let digits = given.number(1)?.and_then(|digits| digits.to_i64()).unwrap_or(0);
            round(number, digits, given.span)?
        }
        _ => {
            let Some(divisor) = given.number(1)? else { return Ok(Some(Value::Null)) };
            if divisor.is_zero() {
                return Err(by_zero(given.span));
            }
            let rest = number.checked_rem(divisor).ok_or_else(|| overflow(given.span))?;
            if !rest.is_zero() && rest.is_sign_negative() != divisor.is_sign_negative() { rest + divisor } else { rest }
        }
    };
    Ok(Some(Value::Number(result)))
}
