//! Counterparts in bulk: what a comparison of whole platforms needs of many rows at once, and no more than that.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::value::Fields;

use crate::error::Result;
use crate::links::LinkState;
use crate::records::RecordState;
use crate::sql::vals;
use crate::tx::{BATCH_ROWS, Tx, page};

/// A remote row with the record it is linked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counterpart {
    /// External id.
    pub external_id: String,
    /// What the link says of the row.
    pub link: LinkState,
    /// The record.
    pub record: RecordId,
    /// Our object.
    pub object: String,
    /// What has become of the record.
    pub state: RecordState,
    /// The record's values.
    pub data: Fields,
}

/// A counterpart that is gone, of a record that is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedLink {
    /// External id.
    pub external_id: String,
    /// What became of the row.
    pub link: LinkState,
    /// The record.
    pub record: RecordId,
    /// Our object.
    pub object: String,
    /// When that was seen.
    pub seen_at: Option<Timestamp>,
    /// Whether the record has a counterpart elsewhere that is present.
    pub lives_elsewhere: bool,
}

impl Tx<'_> {
    /// Remote rows with their records. Rows that are not linked are left out.
    ///
    /// # Errors
    /// As for any read.
    pub fn counterparts(&mut self, connection: &str, remote_object: &str, ids: &[String]) -> Result<Vec<Counterpart>> {
        let sql = "select links.external_id, links.state, records.id, records.object, records.state, records.data
             from links join records on records.id = links.record
             where links.connection = $1 and links.remote_object = $2 and links.external_id IN_LIST($3)";
        let mut found = Vec::with_capacity(ids.len());
        for batch in ids.chunks(BATCH_ROWS) {
            for mut row in self.rows("links", sql, vals![connection, remote_object, batch.to_vec()])? {
                found.push(Counterpart {
                    external_id: row.text()?,
                    link: row.parse()?,
                    record: row.parse()?,
                    object: row.text()?,
                    state: row.parse()?,
                    data: row.json()?,
                });
            }
        }
        Ok(found)
    }

    /// Which records remote rows are linked to, whatever has become of either.
    ///
    /// # Errors
    /// As for any read.
    pub fn records_behind(&mut self, connection: &str, remote_object: &str, ids: &[String]) -> Result<Vec<(String, RecordId)>> {
        let sql = "select external_id, record from links where connection = $1 and remote_object = $2 and external_id IN_LIST($3)";
        let mut found = Vec::with_capacity(ids.len());
        for batch in ids.chunks(BATCH_ROWS) {
            for mut row in self.rows("links", sql, vals![connection, remote_object, batch.to_vec()])? {
                found.push((row.text()?, row.parse()?));
            }
        }
        Ok(found)
    }

    /// Which records are meant by references to remote rows: those that they are linked to, whatever has become of the row. A row that was merged away
    /// at its platform means the record that its own has ended in: platforms go on naming it, for instance as the author of a comment.
    ///
    /// # Errors
    /// As for any read.
    pub fn records_meant(&mut self, connection: &str, remote_object: &str, ids: &[String]) -> Result<Vec<(String, RecordId)>> {
        let sql = "select external_id, record, state from links where connection = $1 and remote_object = $2 and external_id IN_LIST($3)";
        let (mut found, mut gone) = (Vec::with_capacity(ids.len()), BTreeSet::new());
        for batch in ids.chunks(BATCH_ROWS) {
            for mut row in self.rows("links", sql, vals![connection, remote_object, batch.to_vec()])? {
                let (id, record): (String, RecordId) = (row.text()?, row.parse()?);
                if row.parse::<LinkState>()? == LinkState::Merged {
                    gone.insert(record.clone());
                }
                found.push((id, record));
            }
        }
        let (mut asked, mut into) = (gone.clone(), BTreeMap::new());
        while !asked.is_empty() {
            let ended = self.merged_into(&asked)?;
            asked = ended.values().filter(|next| !into.contains_key(*next) && !ended.contains_key(*next)).cloned().collect();
            into.extend(ended);
        }
        for (_, record) in found.iter_mut().filter(|(_, record)| gone.contains(record)) {
            // However they were merged, nobody is passed twice.
            for _ in 0..into.len() {
                let Some(next) = into.get(record) else { break };
                record.clone_from(next);
            }
        }
        Ok(found)
    }

    /// What records were merged into, of those that were.
    fn merged_into(&mut self, records: &BTreeSet<RecordId>) -> Result<BTreeMap<RecordId, RecordId>> {
        let names: Vec<String> = records.iter().map(ToString::to_string).collect();
        let mut found = BTreeMap::new();
        for batch in names.chunks(BATCH_ROWS) {
            let sql = "select id, merged_into from records where id IN_LIST($1) and state = 'merged' and merged_into is not null";
            for mut row in self.rows("records", sql, vals![batch.to_vec()])? {
                found.insert(row.parse()?, row.parse()?);
            }
        }
        Ok(found)
    }

    /// Pages through the active records of an object that never had a counterpart at a connection, in order of their ids.
    ///
    /// # Errors
    /// As for any read.
    pub fn records_without_link(
        &mut self,
        object: &str,
        connection: &str,
        after: Option<&RecordId>,
        limit: usize,
    ) -> Result<Vec<(RecordId, Fields)>> {
        let sql = "select id, data from records where object = $1 and state = 'active' and id > $3
               and not exists (select 1 from links where links.record = records.id and links.connection = $2)
             order by id limit $4";
        let after = after.map_or("", RecordId::as_str);
        self.rows("records", sql, &[object.into(), connection.into(), after.into(), page(limit)])?
            .into_iter()
            .map(|mut row| Ok((row.parse()?, row.json()?)))
            .collect()
    }

    /// Pages through the counterparts of an object that are gone while their record is in use, in order of their external ids. `after`
    /// is the last external id of the page before.
    ///
    /// # Errors
    /// As for any read.
    pub fn ended_links(&mut self, connection: &str, remote_object: &str, after: &str, limit: usize) -> Result<Vec<EndedLink>> {
        let sql = "select links.external_id, links.state, records.id, records.object, links.seen_at,
                    (select count(*) from links as others where others.record = links.record and others.state = 'present')
             from links join records on records.id = links.record
             where links.connection = $1 and links.remote_object = $2 and links.state <> 'present' and links.external_id > $3
               and records.state = 'active'
             order by links.external_id limit $4";
        self.rows("links", sql, &[connection.into(), remote_object.into(), after.into(), page(limit)])?
            .into_iter()
            .map(|mut row| {
                Ok(EndedLink {
                    external_id: row.text()?,
                    link: row.parse()?,
                    record: row.parse()?,
                    object: row.text()?,
                    seen_at: row.opt_time()?,
                    lives_elsewhere: row.int()? > 0,
                })
            })
            .collect()
    }
}
