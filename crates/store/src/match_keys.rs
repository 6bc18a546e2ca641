//! Match keys: normalised values by which a record is recognised, such as e-mail, phone, company name and domain.

use std::collections::BTreeSet;

use entente_model::id::RecordId;

use crate::error::Result;
use crate::sql::{Val, cells, vals};
use crate::tx::{BATCH_ROWS, Tx};

/// One value a record is recognised by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct MatchKey {
    /// `email`, `phone`, `name`, `domain` or whatever the matching rules use.
    pub kind: String,
    /// The normalised value.
    pub value: String,
}

impl MatchKey {
    /// Puts the two together.
    pub fn new(kind: impl Into<String>, value: impl Into<String>) -> Self {
        Self { kind: kind.into(), value: value.into() }
    }
}

/// A record that has one of the keys looked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MatchHit {
    /// The key.
    pub key: MatchKey,
    /// The record's object.
    pub object: String,
    /// The record.
    pub record: RecordId,
}

impl Tx<'_> {
    /// Sets the keys of records, in place of those they had. No keys: the record is not recognised any more.
    ///
    /// # Errors
    /// As for any write.
    pub fn put_match_keys(&mut self, records: &[(RecordId, String, BTreeSet<MatchKey>)]) -> Result<()> {
        for batch in records.chunks(BATCH_ROWS) {
            let ids: BTreeSet<String> = batch.iter().map(|(record, ..)| record.to_string()).collect();
            let rows: BTreeSet<(&str, &str, &str, &str)> = batch
                .iter()
                .flat_map(|(record, object, keys)| {
                    keys.iter().map(move |key| (record.as_str(), key.kind.as_str(), key.value.as_str(), object.as_str()))
                })
                .collect();
            let rows = rows.into_iter().map(|(record, kind, value, object)| cells![record, kind, value, object]).collect();
            self.exec("delete from match_keys where record IN_LIST($1)", vals![ids.into_iter().collect::<Vec<_>>()])?;
            self.exec(
                "insert into match_keys (kind, value, object, record)
                 select x.value->>'kind', x.value->>'value', x.value->>'object', x.value->>'record' from EACH($1) where true
                 on conflict (record, kind, value) do nothing",
                &[Val::rows(&["record", "kind", "value", "object"], rows)],
            )?;
        }
        Ok(())
    }

    /// Records of an object that have any of the keys.
    ///
    /// # Errors
    /// As for any read.
    pub fn match_records(&mut self, object: &str, keys: &[MatchKey]) -> Result<Vec<MatchHit>> {
        let mut hits = Vec::new();
        for batch in keys.chunks(BATCH_ROWS) {
            let found = self.rows(
                "match_keys",
                "select kind, value, object, record from match_keys where object = $2 and (kind, value) in
                 (select x.value->>'kind', x.value->>'value' from EACH($1)) order by kind, value, record",
                &[Val::json(batch)?, object.into()],
            )?;
            for mut row in found {
                hits.push(MatchHit { key: MatchKey { kind: row.text()?, value: row.text()? }, object: row.text()?, record: row.parse()? });
            }
        }
        Ok(hits)
    }
}
