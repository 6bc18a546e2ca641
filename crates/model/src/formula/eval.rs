//! The tree walk: computes a formula under its fuel.

use std::cmp::Ordering;
use std::ops::Range;

use rust_decimal::Decimal;

use super::ast::{Expr, Node, Op};
use super::environment::Env;
use super::error::Fault;
use super::fuel::Fuel;
use super::function::Func;
use super::{calendar, number, text};
use crate::value::Value;

pub(super) type Evaluated<T = Value> = Result<T, Box<Fault>>;

pub(super) fn eval(expr: &Expr, env: &dyn Env, fuel: &mut Fuel) -> Evaluated {
    fuel.spend(1, &expr.span)?;
    let value = match &expr.node {
        Node::Literal(value) => value.clone(),
        Node::Field(name) => plain(env.get(name)),
        Node::Prior(name) => plain(env.prior(name)),
        Node::Not(inner) => Value::Bool(!condition(inner, env, fuel)?),
        Node::Minus(inner) => match to_number(&eval(inner, env, fuel)?, &inner.span)? {
            Some(number) => Value::Number(-number),
            None => Value::Null,
        },
        Node::Binary(op, left, right) => return binary(*op, left, right, &expr.span, env, fuel),
        Node::Call(func, args) => return call(*func, args, &expr.span, env, fuel),
    };
    if let Value::Text(text) = &value {
        fuel.text(text.len(), &expr.span)?;
    }
    Ok(value)
}

/// Values as formulas see them: an amount is its number, a JSON scalar is the scalar, a list of texts a set.
fn plain(value: Value) -> Value {
    use serde_json::Value as Json;
    match value {
        Value::Money { amount, .. } => Value::Number(amount),
        Value::Json(json) => match json {
            Json::Null => Value::Null,
            Json::Bool(flag) => Value::Bool(flag),
            Json::String(text) => Value::Text(text),
            Json::Number(number) => crate::normalise::decimal_of(&number).map_or(Value::Json(Json::Number(number)), Value::Number),
            Json::Array(items) if items.iter().all(Json::is_string) => {
                Value::Set(items.into_iter().filter_map(|item| item.as_str().map(str::to_owned)).collect())
            }
            other => Value::Json(other),
        },
        other => other,
    }
}

fn condition(expr: &Expr, env: &dyn Env, fuel: &mut Fuel) -> Evaluated<bool> {
    to_bool(&eval(expr, env, fuel)?, &expr.span)
}

fn binary(op: Op, left: &Expr, right: &Expr, span: &Range<usize>, env: &dyn Env, fuel: &mut Fuel) -> Evaluated {
    if matches!(op, Op::And | Op::Or) {
        let first = condition(left, env, fuel)?;
        return Ok(Value::Bool(if first == (op == Op::Or) { first } else { condition(right, env, fuel)? }));
    }
    let (one, two) = (eval(left, env, fuel)?, eval(right, env, fuel)?);
    Ok(match op {
        Op::Eq => Value::Bool(equal(&one, &two)),
        Op::Ne => Value::Bool(!equal(&one, &two)),
        Op::Lt => Value::Bool(order(&one, &two, span)?.is_some_and(Ordering::is_lt)),
        Op::Le => Value::Bool(order(&one, &two, span)?.is_some_and(Ordering::is_le)),
        Op::Gt => Value::Bool(order(&one, &two, span)?.is_some_and(Ordering::is_gt)),
        Op::Ge => Value::Bool(order(&one, &two, span)?.is_some_and(Ordering::is_ge)),
        Op::Join => {
            let (one, two) = (to_text(&one, &left.span)?, to_text(&two, &right.span)?);
            fuel.text(one.len() + two.len(), span)?;
            Value::Text(one + &two)
        }
        Op::Add | Op::Sub if calendar::is_day(&one) || calendar::is_day(&two) => calendar::sum(op, &one, &two, span)?,
        Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Pow => {
            let (one, two) = (to_number(&one, &left.span)?, to_number(&two, &right.span)?);
            match (one, two) {
                (Some(one), Some(two)) => Value::Number(number::compute(op, one, two, span)?),
                _ => Value::Null,
            }
        }
        Op::And | Op::Or => Value::Null,
    })
}

fn call(func: Func, args: &[Expr], span: &Range<usize>, env: &dyn Env, fuel: &mut Fuel) -> Evaluated {
    match func {
        // These look at their arguments one after the other and skip what does not matter.
        Func::If => {
            let taken = if condition(&args[0], env, fuel)? { args.get(1) } else { args.get(2) };
            taken.map_or(Ok(Value::Null), |arg| eval(arg, env, fuel))
        }
        Func::And | Func::Or => {
            for arg in args {
                if condition(arg, env, fuel)? == (func == Func::Or) {
                    return Ok(Value::Bool(func == Func::Or));
                }
            }
            Ok(Value::Bool(func == Func::And))
        }
        Func::BlankValue => {
            let value = eval(&args[0], env, fuel)?;
            if value.is_blank() { eval(&args[1], env, fuel) } else { Ok(value) }
        }
        Func::Case => {
            let value = eval(&args[0], env, fuel)?;
            let mut rest = args[1..].chunks_exact(2);
            for pair in rest.by_ref() {
                if equal(&value, &eval(&pair[0], env, fuel)?) {
                    return eval(&pair[1], env, fuel);
                }
            }
            rest.remainder().first().map_or(Ok(Value::Null), |other| eval(other, env, fuel))
        }
        Func::IsBlank => Ok(Value::Bool(eval(&args[0], env, fuel)?.is_blank())),
        Func::Min | Func::Max => {
            let mut best = Value::Null;
            for arg in args {
                let value = eval(arg, env, fuel)?;
                let wanted = if func == Func::Min { Ordering::Less } else { Ordering::Greater };
                let better = best.is_blank() || order(&value, &best, &arg.span)? == Some(wanted);
                if !value.is_blank() && better {
                    best = value;
                }
            }
            Ok(best)
        }
        Func::Today => Ok(Value::Date(env.now().to_zoned(env.zone()).date())),
        Func::Now => Ok(Value::DateTime(env.now())),
        _ => {
            let values = args.iter().map(|arg| eval(arg, env, fuel)).collect::<Evaluated<Vec<_>>>()?;
            let given = Given { func, values, args, span, env };
            if let Some(done) = text::call(&given, fuel)? {
                return Ok(done);
            }
            if let Some(done) = number::call(&given)? {
                return Ok(done);
            }
            calendar::call(&given)
        }
    }
}

/// A function with its arguments computed.
pub(super) struct Given<'a> {
    pub(super) func: Func,
    pub(super) values: Vec<Value>,
    pub(super) args: &'a [Expr],
    pub(super) span: &'a Range<usize>,
    pub(super) env: &'a dyn Env,
}

impl Given<'_> {
    pub(super) fn value(&self, place: usize) -> &Value {
        self.values.get(place).unwrap_or(&Value::Null)
    }

    pub(super) fn at(&self, place: usize) -> &Range<usize> {
        self.args.get(place).map_or(self.span, |arg| &arg.span)
    }

    pub(super) fn text(&self, place: usize) -> Evaluated<String> {
        to_text(self.value(place), self.at(place))
    }

    pub(super) fn number(&self, place: usize) -> Evaluated<Option<Decimal>> {
        to_number(self.value(place), self.at(place))
    }
}

pub(super) fn to_bool(value: &Value, span: &Range<usize>) -> Evaluated<bool> {
    match value {
        Value::Bool(flag) => Ok(*flag),
        value if value.is_blank() => Ok(false),
        Value::Text(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Value::Text(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        other => Err(mismatch("true or false", other, span)),
    }
}

pub(super) fn to_number(value: &Value, span: &Range<usize>) -> Evaluated<Option<Decimal>> {
    match value {
        Value::Number(number) | Value::Money { amount: number, .. } => Ok(Some(*number)),
        value if value.is_blank() => Ok(None),
        Value::Text(text) => match crate::normalise::parse_decimal(text) {
            Some(number) => Ok(Some(number)),
            None => Err(mismatch("a number", value, span)),
        },
        other => Err(mismatch("a number", other, span)),
    }
}

/// A value as text; blank is the empty text, the items of a set are joined with semicolons.
pub(super) fn to_text(value: &Value, span: &Range<usize>) -> Evaluated<String> {
    match value {
        Value::Set(items) => Ok(items.iter().map(String::as_str).collect::<Vec<_>>().join(";")),
        Value::Money { amount, .. } => Ok(amount.normalize().to_string()),
        Value::Json(_) => Err(mismatch("a text", value, span)),
        other => Ok(other.display()),
    }
}

pub(super) fn mismatch(wanted: &str, value: &Value, span: &Range<usize>) -> Box<Fault> {
    // The value itself stays out of the message: it may be personal.
    let found = match value {
        Value::Null => "blank",
        Value::Text(_) => "a text that is something else",
        Value::Number(_) | Value::Money { .. } => "a number",
        Value::Bool(_) => "true or false",
        Value::Date(_) => "a date",
        Value::DateTime(_) => "a date with time",
        Value::Set(_) => "a set of texts",
        Value::Ref(_) => "a record",
        Value::Json(_) => "a list or a nested value",
    };
    Fault::new(span, format!("expected {wanted}, found {found}"), "correct the value, or catch it with IF(ISBLANK(...), ...)")
}

/// Equality as formulas mean it: blank equals blank and false equals blank; texts that read as the other side's type count.
fn equal(one: &Value, two: &Value) -> bool {
    match (one, two) {
        (Value::Bool(flag), other) | (other, Value::Bool(flag)) if other.is_blank() => !flag,
        _ if one.is_blank() || two.is_blank() => one.is_blank() && two.is_blank(),
        (Value::Bool(flag), Value::Text(text)) | (Value::Text(text), Value::Bool(flag)) => text.eq_ignore_ascii_case(&flag.to_string()),
        (Value::Ref(id), Value::Text(text)) | (Value::Text(text), Value::Ref(id)) => id.as_str() == text,
        _ if one == two => true,
        _ => matches!(loose_order(one, two), Some(Ordering::Equal)),
    }
}

/// Order of two values, `None` when one is blank.
fn order(one: &Value, two: &Value, span: &Range<usize>) -> Evaluated<Option<Ordering>> {
    if one.is_blank() || two.is_blank() {
        return Ok(None);
    }
    match loose_order(one, two) {
        Some(ordering) => Ok(Some(ordering)),
        None => Err(Fault::new(span, "these values have no common order", "convert them with VALUE, TEXT or DATEVALUE")),
    }
}

fn loose_order(one: &Value, two: &Value) -> Option<Ordering> {
    match (one, two) {
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => Some(a.cmp(b)),
        (Value::Date(a), Value::Date(b)) => Some(a.cmp(b)),
        (Value::DateTime(a), Value::DateTime(b)) => Some(a.cmp(b)),
        (Value::Text(a), Value::Number(b)) => crate::normalise::parse_decimal(a).map(|a| a.cmp(b)),
        (Value::Text(a), Value::Date(b)) => crate::normalise::parse_date(a).map(|a| a.cmp(b)),
        (Value::Text(a), Value::DateTime(b)) => crate::normalise::parse_instant(a).map(|a| a.cmp(b)),
        (Value::Number(_) | Value::Date(_) | Value::DateTime(_), Value::Text(_)) => loose_order(two, one).map(Ordering::reverse),
        _ => None,
    }
}
