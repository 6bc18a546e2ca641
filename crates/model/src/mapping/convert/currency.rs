//! Amounts and the currency of their row: platforms keep one currency for all amounts of a row, in a field of its own.

use serde_json::Value as Json;

use super::{Lens, Line};
use crate::mapping::remote::Row;
use crate::value::{self, Fields, Value};

/// Letters of an ISO 4217 code.
const CODE_LETTERS: usize = 3;

/// A currency code as a platform writes it; `None` when there is none.
fn code(json: &Json) -> Option<String> {
    let text = json.as_str()?.trim().to_uppercase();
    (text.len() == CODE_LETTERS && text.bytes().all(|letter| letter.is_ascii_uppercase())).then_some(text)
}

impl Lens {
    /// The value of a line in the currency of its row. A row that does not show its currency is in the one that was known of it.
    pub(super) fn in_currency(line: &Line, value: Value, row: &Row, prior: &Fields) -> Value {
        let (Some(name), Value::Money { amount, .. }) = (&line.map.currency, &value) else { return value };
        let told = match row.get(name) {
            Some(json) => code(json),
            None => match value::get(prior, &line.map.field) {
                Value::Money { currency, .. } => Some(currency.clone()),
                _ => None,
            },
        };
        match told {
            Some(currency) => Value::Money { amount: *amount, currency },
            None => value,
        }
    }

    /// The amount that is known, in the currency that a row shows alone: its amount has not changed.
    pub(super) fn recounted(line: &Line, row: &Row, prior: &Fields) -> Option<Value> {
        let currency = code(row.get(line.map.currency.as_ref()?)?)?;
        match value::get(prior, &line.map.field) {
            Value::Money { amount, .. } => Some(Value::Money { amount: *amount, currency }),
            _ => None,
        }
    }

    /// The currency field to write with a line, and its code. Nothing for lines whose value is a formula's: a number has no currency.
    ///
    /// # Errors
    /// When another amount that this row would hold is in another currency: the row has one for all.
    pub(super) fn currency_of<'a>(&self, line: &'a Line, fields: &Fields) -> Result<Option<(&'a String, String)>, String> {
        let Some(name) = line.map.currency.as_ref().filter(|_| line.put.is_none()) else { return Ok(None) };
        let Value::Money { currency, .. } = value::get(fields, &line.map.field) else { return Ok(None) };
        let beside = self.lines.iter().filter(|other| other.writes() && other.put.is_none() && other.map.currency.as_ref() == Some(name));
        for other in beside {
            if let Value::Money { currency: theirs, .. } = value::get(fields, &other.map.field)
                && theirs != currency
            {
                return Err(format!(
                    "it is in {currency} and `{}` in {theirs}, and `{name}` has one currency for all amounts of a row; bring both into one",
                    other.map.field
                ));
            }
        }
        Ok(Some((name, currency.clone())))
    }
}
