//! Our values to a remote row.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{Lens, Line, Put, ResolveExternal, evaluate, translate};
use crate::clock::Timestamp;
use crate::normalise;
use crate::value::{self, FieldKey, Fields, Value};

impl Lens {
    /// The remote values of every writable line that a changed field touches. Lines that share a remote field write it once. A
    /// reference whose target has no counterpart yet is pending and left out, and so is a value that cannot be converted.
    #[must_use]
    pub fn put(&self, fields: &Fields, changed: &BTreeSet<FieldKey>, resolve: ResolveExternal<'_>, now: Timestamp) -> Put {
        let mut put = Put::default();
        for line in self.lines.iter().filter(|line| line.writes() && line.is_touched(changed)) {
            if put.row.contains_key(&line.map.remote) {
                continue;
            }
            match self.write(line, fields, resolve, now) {
                Ok(Written::Json(json)) => match self.currency_of(line, fields) {
                    Ok(currency) => {
                        put.row.insert(line.map.remote.clone(), json);
                        put.row.extend(currency.map(|(name, code)| (name.clone(), Json::String(code))));
                    }
                    Err(reason) => put.faults.push((line.map.field.clone(), reason)),
                },
                Ok(Written::Pending(id)) => put.pending.push((line.map.field.clone(), id)),
                Err(reason) => put.faults.push((line.map.field.clone(), reason)),
            }
        }
        put
    }

    fn write(&self, line: &Line, fields: &Fields, resolve: ResolveExternal<'_>, now: Timestamp) -> Result<Written, String> {
        let value = match &line.put {
            Some(put) => evaluate(put, &self.record_env(fields, now))?,
            None => value::get(fields, &line.map.field).clone(),
        };
        let value = match value {
            Value::Ref(id) => match resolve(&id) {
                Some(external) => Value::Text(external),
                None => return Ok(Written::Pending(id)),
            },
            other => translate(other, &line.to_theirs),
        };
        // A box has no third state to write.
        let value = if line.tells_no && value == Value::Null { Value::Bool(false) } else { value };
        let json = match line.remote_kind {
            Some(kind) => normalise::to_remote(kind, &value, &self.locale).map_err(|error| error.to_string())?,
            None => normalise::to_json(&value),
        };
        Ok(Written::Json(json))
    }
}

enum Written {
    Json(Json),
    Pending(crate::id::RecordId),
}
