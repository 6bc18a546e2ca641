//! One value on its way into or out of the database.

use entente_model::clock::Timestamp;
use serde::Serialize;

use super::rows::Rows;
use crate::error::{Result, StoreError};

/// A parameter or a cell. Instants are milliseconds since 1970, flags are 0 and 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Val {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
    /// A JSON document, printed: nothing here looks into it.
    Json(String),
    Texts(Vec<String>),
    Ints(Vec<i64>),
    /// Rows of a statement over many.
    Rows(Rows),
}

impl Val {
    /// Rows of a statement over many: the cells of each in the order of the names by which the statement takes them.
    pub(crate) fn rows<const N: usize>(names: &'static [&'static str; N], rows: Vec<[Self; N]>) -> Self {
        Self::Rows(Rows::new(names, rows.into_flattened()))
    }

    /// A JSON document. NUL characters are taken out: PostgreSQL cannot hold them, and both databases shall hold the same.
    pub(crate) fn json(document: &(impl Serialize + ?Sized)) -> Result<Self> {
        let wrong = |error: serde_json::Error| StoreError::Invalid(format!("not a JSON document: {error}"));
        let text = serde_json::to_string(document).map_err(wrong)?;
        // Printed, one looks like this, and so does a backslash before such a text.
        if !text.contains("\\u0000") {
            return Ok(Self::Json(text));
        }
        let mut document = serde_json::from_str(&text).map_err(wrong)?;
        drop_nul(&mut document);
        Ok(Self::Json(document.to_string()))
    }
}

fn drop_nul(json: &mut serde_json::Value) {
    use serde_json::Value;
    match json {
        Value::String(text) if text.contains('\0') => *text = text.replace('\0', ""),
        Value::Array(items) => items.iter_mut().for_each(drop_nul),
        Value::Object(members) => {
            if members.keys().any(|key| key.contains('\0')) {
                *members = std::mem::take(members).into_iter().map(|(key, value)| (key.replace('\0', ""), value)).collect();
            }
            members.values_mut().for_each(drop_nul);
        }
        _ => {}
    }
}

impl From<i64> for Val {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}
impl From<i32> for Val {
    fn from(number: i32) -> Self {
        Self::Int(i64::from(number))
    }
}
impl From<u64> for Val {
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}
impl From<i16> for Val {
    fn from(number: i16) -> Self {
        Self::Int(i64::from(number))
    }
}
impl From<u32> for Val {
    fn from(number: u32) -> Self {
        Self::Int(i64::from(number))
    }
}
impl From<f64> for Val {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}
impl From<usize> for Val {
    fn from(number: usize) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}
impl From<bool> for Val {
    fn from(flag: bool) -> Self {
        Self::Int(i64::from(flag))
    }
}
impl From<&str> for Val {
    fn from(text: &str) -> Self {
        Self::Text(if text.contains('\0') { text.replace('\0', "") } else { text.to_owned() })
    }
}
impl From<String> for Val {
    fn from(text: String) -> Self {
        Self::Text(if text.contains('\0') { text.replace('\0', "") } else { text })
    }
}
impl From<&String> for Val {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}
impl From<&entente_model::id::RecordId> for Val {
    fn from(id: &entente_model::id::RecordId) -> Self {
        id.as_str().into()
    }
}
impl From<Timestamp> for Val {
    fn from(at: Timestamp) -> Self {
        Self::Int(at.as_millisecond())
    }
}
impl From<Vec<u8>> for Val {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(bytes)
    }
}
impl From<&[u8]> for Val {
    fn from(bytes: &[u8]) -> Self {
        Self::Blob(bytes.to_vec())
    }
}
impl From<Vec<String>> for Val {
    fn from(texts: Vec<String>) -> Self {
        Self::Texts(texts)
    }
}
impl From<Vec<i64>> for Val {
    fn from(numbers: Vec<i64>) -> Self {
        Self::Ints(numbers)
    }
}
impl<T: Into<Self>> From<Option<T>> for Val {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Parameters of a statement.
macro_rules! vals {
    ($($value:expr),* $(,)?) => { &$crate::sql::cells![$($value),*][..] };
}
pub(crate) use vals;

/// One row of a statement over many.
macro_rules! cells {
    ($($value:expr),* $(,)?) => { [$($crate::sql::Val::from($value)),*] };
}
pub(crate) use cells;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_kept_without_nul_characters_and_with_everything_that_looks_like_one() {
        let json = |document: serde_json::Value| match Val::json(&document) {
            Ok(Val::Json(text)) => text,
            other => panic!("{other:?}"),
        };
        assert_eq!(json(serde_json::json!({ "a\0b": ["x\0", 1] })), r#"{"ab":["x",1]}"#);
        assert_eq!(json(serde_json::json!({ "path": "C:\\u0000" })), r#"{"path":"C:\\u0000"}"#);
    }
}
