//! Reading a row, cell by cell in the order of the select list. A cell that is not what it must be is damage, and says where.

use std::fmt::Display;
use std::str::FromStr;

use entente_model::clock::Timestamp;
use serde::de::DeserializeOwned;

use super::Val;
use crate::error::{Result, StoreError};

/// One row of an answer.
pub(crate) struct Row {
    table: &'static str,
    cells: std::vec::IntoIter<Val>,
    read: usize,
}

impl Row {
    pub(crate) fn new(table: &'static str, cells: Vec<Val>) -> Self {
        Self { table, cells: cells.into_iter(), read: 0 }
    }

    fn damaged(&self, wanted: impl Display) -> StoreError {
        StoreError::corrupt(format!("table {}, column {} of the answer: {wanted}", self.table, self.read))
    }

    fn next(&mut self) -> Result<Val> {
        self.read += 1;
        self.cells.next().ok_or_else(|| self.damaged("missing"))
    }

    pub(crate) fn opt_int(&mut self) -> Result<Option<i64>> {
        match self.next()? {
            Val::Null => Ok(None),
            Val::Int(number) => Ok(Some(number)),
            _ => Err(self.damaged("expected a whole number")),
        }
    }

    pub(crate) fn int(&mut self) -> Result<i64> {
        self.opt_int()?.ok_or_else(|| self.damaged("expected a whole number, found null"))
    }

    /// A whole number of a narrower type.
    pub(crate) fn num<T: TryFrom<i64>>(&mut self) -> Result<T> {
        let number = self.int()?;
        T::try_from(number).map_err(|_| self.damaged("number out of range"))
    }

    pub(crate) fn flag(&mut self) -> Result<bool> {
        Ok(self.int()? != 0)
    }

    pub(crate) fn real(&mut self) -> Result<f64> {
        match self.next()? {
            Val::Real(number) => Ok(number),
            Val::Int(number) => f64::from_str(&number.to_string()).map_err(|_| self.damaged("expected a number")),
            _ => Err(self.damaged("expected a number")),
        }
    }

    pub(crate) fn opt_text(&mut self) -> Result<Option<String>> {
        match self.next()? {
            Val::Null => Ok(None),
            Val::Text(text) => Ok(Some(text)),
            _ => Err(self.damaged("expected text")),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String> {
        self.opt_text()?.ok_or_else(|| self.damaged("expected text, found null"))
    }

    /// Text with a meaning: an id, or the name of a state.
    pub(crate) fn parse<T: FromStr<Err: Display>>(&mut self) -> Result<T> {
        let text = self.text()?;
        text.parse().map_err(|error| self.damaged(error))
    }

    pub(crate) fn opt_parse<T: FromStr<Err: Display>>(&mut self) -> Result<Option<T>> {
        self.opt_text()?.map(|text| text.parse().map_err(|error| self.damaged(error))).transpose()
    }

    pub(crate) fn opt_blob(&mut self) -> Result<Option<Vec<u8>>> {
        match self.next()? {
            Val::Null => Ok(None),
            Val::Blob(bytes) => Ok(Some(bytes)),
            _ => Err(self.damaged("expected bytes")),
        }
    }

    pub(crate) fn blob(&mut self) -> Result<Vec<u8>> {
        self.opt_blob()?.ok_or_else(|| self.damaged("expected bytes, found null"))
    }

    pub(crate) fn hash(&mut self) -> Result<crate::crypto::Hash> {
        let bytes = self.blob()?;
        bytes.try_into().map_err(|_| self.damaged("expected 32 bytes"))
    }

    pub(crate) fn opt_json<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        let parsed = match self.next()? {
            Val::Null => return Ok(None),
            Val::Json(text) | Val::Text(text) => serde_json::from_str(&text),
            _ => return Err(self.damaged("expected a JSON document")),
        };
        // The parser's message may quote the document, which may be personal; its place and kind are enough.
        parsed.map(Some).map_err(|error| self.damaged(format_args!("not the expected JSON ({:?} error)", error.classify())))
    }

    pub(crate) fn json<T: DeserializeOwned>(&mut self) -> Result<T> {
        self.opt_json()?.ok_or_else(|| self.damaged("expected a JSON document, found null"))
    }

    pub(crate) fn opt_time(&mut self) -> Result<Option<Timestamp>> {
        self.opt_int()?.map(|ms| Timestamp::from_millisecond(ms).map_err(|_| self.damaged("not an instant"))).transpose()
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp> {
        self.opt_time()?.ok_or_else(|| self.damaged("expected an instant, found null"))
    }
}
