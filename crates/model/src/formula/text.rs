//! Functions over texts and sets. Positions and counts are in characters, counted from 1.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::eval::{Evaluated, Given};
use super::fuel::Fuel;
use super::function::Func;
use super::person_name;
use crate::normalise::html;
use crate::value::Value;

/// Items of a value: a set's own, or the one text.
fn items(given: &Given<'_>, place: usize) -> Evaluated<BTreeSet<String>> {
    match given.value(place) {
        Value::Set(items) => Ok(items.clone()),
        value if value.is_blank() => Ok(BTreeSet::new()),
        _ => Ok(BTreeSet::from([given.text(place)?])),
    }
}

/// A count of characters: blank and negative count as none, fractions are cut off.
fn count(given: &Given<'_>, place: usize) -> Evaluated<usize> {
    Ok(given.number(place)?.map_or(0, |number| number.trunc().to_usize().unwrap_or(if number.is_sign_negative() { 0 } else { usize::MAX })))
}

fn proper(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_alphanumeric() || (inside && matches!(c, '\'' | '’'));
    }
    out
}

fn substitute(given: &Given<'_>, fuel: &mut Fuel) -> Evaluated {
    let (text, old, new) = (given.text(0)?, given.text(1)?, given.text(2)?);
    if old.is_empty() {
        return Ok(Value::Text(text));
    }
    let hits = text.matches(old.as_str()).count();
    fuel.text(text.len() - hits * old.len() + hits.saturating_mul(new.len()), given.span)?;
    Ok(Value::Text(text.replace(old.as_str(), &new)))
}

fn find(given: &Given<'_>) -> Evaluated {
    let (part, text) = (given.text(0)?, given.text(1)?);
    let skip = if given.values.len() > 2 { count(given, 2)?.max(1) - 1 } else { 0 };
    let from = text.char_indices().nth(skip).map_or(text.len(), |(at, _)| at);
    let found = if part.is_empty() { None } else { text[from..].find(part.as_str()) };
    Ok(Value::Number(found.map_or(Decimal::ZERO, |at| Decimal::from(text[..from + at].chars().count() + 1))))
}

/// Computes a function over texts; `None` when it is of another kind.
pub(super) fn call(given: &Given<'_>, fuel: &mut Fuel) -> Evaluated<Option<Value>> {
    // Texts were paid for when they were computed; sets, and what is built here, are paid for here.
    for value in &given.values {
        if let Value::Set(items) = value {
            fuel.text(items.iter().map(|item| item.len() + 1).sum(), given.span)?;
        }
    }
    let bytes: usize = given.values.iter().filter_map(Value::as_text).map(str::len).sum();
    fuel.text(bytes, given.span)?;
    let done = match given.func {
        Func::IsPickVal => Value::Bool(given.text(0)? == given.text(1)?),
        Func::Includes => Value::Bool(items(given, 0)?.contains(&given.text(1)?)),
        Func::Contains => Value::Bool(given.text(0)?.contains(&given.text(1)?)),
        Func::Begins => Value::Bool(given.text(0)?.starts_with(&given.text(1)?)),
        Func::Ends => Value::Bool(given.text(0)?.ends_with(&given.text(1)?)),
        Func::Left => Value::Text(given.text(0)?.chars().take(count(given, 1)?).collect()),
        Func::Right => {
            let text = given.text(0)?;
            let skip = text.chars().count().saturating_sub(count(given, 1)?);
            Value::Text(text.chars().skip(skip).collect())
        }
        Func::Mid => Value::Text(given.text(0)?.chars().skip(count(given, 1)?.max(1) - 1).take(count(given, 2)?).collect()),
        Func::Len => Value::Number(Decimal::from(given.text(0)?.chars().count())),
        Func::Lower => Value::Text(given.text(0)?.to_lowercase()),
        Func::Upper => Value::Text(given.text(0)?.to_uppercase()),
        Func::Proper => Value::Text(proper(&given.text(0)?)),
        Func::Trim => Value::Text(person_name::collapse(&given.text(0)?)),
        Func::Substitute => substitute(given, fuel)?,
        Func::Find => find(given)?,
        Func::Text => Value::Text(given.text(0)?),
        Func::Value => given.number(0)?.map_or(Value::Null, Value::Number),
        Func::HtmlEncode => {
            let text = html::encode(&given.text(0)?);
            fuel.text(text.len(), given.span)?;
            Value::Text(text)
        }
        Func::HtmlDecode => Value::Text(html::decode(&given.text(0)?).into_owned()),
        Func::Concat => {
            let mut out = String::new();
            for place in 0..given.values.len() {
                out.push_str(&given.text(place)?);
            }
            fuel.text(out.len(), given.span)?;
            Value::Text(out)
        }
        Func::Split => {
            let (text, separator) = (given.text(0)?, given.text(1)?);
            let parts: Vec<&str> = if separator.is_empty() { vec![text.as_str()] } else { text.split(separator.as_str()).collect() };
            fuel.spend(parts.len() as u64, given.span)?;
            Value::Set(parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect())
        }
        Func::JoinSet => {
            let (items, separator) = (items(given, 0)?, given.text(1)?);
            let bytes: usize = items.iter().map(|item| item.len() + separator.len()).sum();
            fuel.text(bytes, given.span)?;
            Value::Text(items.into_iter().collect::<Vec<_>>().join(&separator))
        }
        Func::Union => {
            let mut all = BTreeSet::new();
            for place in 0..given.values.len() {
                all.append(&mut items(given, place)?);
            }
            fuel.spend(all.len() as u64, given.span)?;
            Value::Set(all)
        }
        Func::FirstWords => Value::Text(person_name::first_words(&given.text(0)?)),
        Func::LastWord => Value::Text(person_name::last_word(&given.text(0)?)),
        Func::NameGiven => Value::Text(person_name::split(&given.text(0)?, &given.text(1)?, &given.text(2)?).0),
        Func::NameFamily => Value::Text(person_name::split(&given.text(0)?, &given.text(1)?, &given.text(2)?).1),
        _ => return Ok(None),
    };
    Ok(Some(done))
}
