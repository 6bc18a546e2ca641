//! One value on its way into or out of the database.

use entente_model::clock::Timestamp;
use serde::Serialize;

use crate::error::{Result, StoreError};

/// A parameter or a cell. Instants are milliseconds since 1970, flags are 0 and 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Val {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
    Json(serde_json::Value),
    Texts(Vec<String>),
    Ints(Vec<i64>),
}

impl Val {
    /// Rows of a statement over many. Without what PostgreSQL cannot store, as all text.
    pub(crate) fn rows(mut rows: Vec<serde_json::Value>) -> Self {
        rows.iter_mut().for_each(drop_nul);
        Self::Json(serde_json::Value::Array(rows))
    }

    /// A JSON document. NUL characters are taken out: PostgreSQL cannot hold them, and both databases shall hold the same.
    pub(crate) fn json(document: &(impl Serialize + ?Sized)) -> Result<Self> {
        let mut document = serde_json::to_value(document).map_err(|error| StoreError::Invalid(format!("not a JSON document: {error}")))?;
        drop_nul(&mut document);
        Ok(Self::Json(document))
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
    ($($value:expr),* $(,)?) => { &[$($crate::sql::Val::from($value)),*][..] };
}
pub(crate) use vals;
