//! Links: a record's counterparts at connections, each with the base last agreed.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::value::{FieldKey, Fields};
use serde::{Deserialize, Serialize};

use crate::error::{Result, StoreError};
use crate::named::named;
use crate::sql::{Row, Val, cells, vals};
use crate::tx::{BATCH_ROWS, Tx, page};

named! {
    /// What has become of a counterpart.
    pub enum LinkState {
        /// It is there.
        Present = "present",
        /// It was deleted at the platform.
        Deleted = "deleted",
        /// It was merged into another row at the platform.
        Merged = "merged",
    }
}

/// Names a remote row: connection, remote object, external id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RemoteKey {
    /// Name of the connection.
    pub connection: String,
    /// The platform's name of the object.
    pub object: String,
    /// External id.
    pub id: String,
}

impl RemoteKey {
    /// Puts the three together.
    pub fn new(connection: impl Into<String>, object: impl Into<String>, id: impl Into<String>) -> Self {
        Self { connection: connection.into(), object: object.into(), id: id.into() }
    }
}

/// A record's counterpart at a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The record.
    pub record: RecordId,
    /// Name of the connection.
    pub connection: String,
    /// The platform's name of the object.
    pub remote_object: String,
    /// External id.
    pub external_id: String,
    /// The mapped values last agreed.
    pub base: Fields,
    /// The values last seen, where they differ from the base.
    pub seen: Option<Fields>,
    /// The values that the last decision weighed, where they differ from the base: what a change is measured against. A value that
    /// waits for a person is seen and not weighed.
    pub taken: Option<Fields>,
    /// Fields that our last write there carried: what the platform has made of any other one's value was not made of ours.
    pub written: BTreeSet<FieldKey>,
    /// Values that are being written there now: what comes back with them is our own echo, and what comes back otherwise is news.
    pub pending: Option<Fields>,
    /// Whether everything of the row was known when it had the version last seen. A message may show a version, and not all that it changed.
    pub is_whole: bool,
    /// The remote version last seen.
    pub version: Option<String>,
    /// When it was last seen.
    pub seen_at: Option<Timestamp>,
    /// When it was last changed, as the vendor says.
    pub changed_at: Option<Timestamp>,
    /// By whom, as the vendor says.
    pub changed_by: Actor,
    /// The latest time of change that was told of it without telling anything new. [Kept](Tx::note_versions) beside all else, and not
    /// written with the link.
    pub told_at: Option<Timestamp>,
    /// When and by whom values that wait for a person were changed, as it was when they were seen first: what else happens to the row
    /// moves on its time and its hand, not theirs.
    pub waiting: BTreeMap<FieldKey, ChangeMark>,
    /// What has become of it.
    pub state: LinkState,
    /// Since when the record has it.
    pub created_at: Timestamp,
}

impl Link {
    /// The remote row it points to.
    #[must_use]
    pub fn key(&self) -> RemoteKey {
        RemoteKey::new(&self.connection, &self.remote_object, &self.external_id)
    }
}

/// The version of a row that was seen, with nothing new in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenVersion {
    /// The record.
    pub record: RecordId,
    /// Connection.
    pub connection: String,
    /// Version, as the vendor gave it; none of rows that have none.
    pub version: Option<String>,
    /// Whether the whole row was seen.
    pub is_whole: bool,
    /// When it was last changed, as the vendor says.
    pub changed_at: Option<Timestamp>,
    /// When it was seen.
    pub seen_at: Timestamp,
}

/// A row that a record is linked to, without what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedRow {
    /// The record.
    pub record: RecordId,
    /// The row.
    pub key: RemoteKey,
    /// What has become of it.
    pub state: LinkState,
}

/// A remote row that a record is linked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PresentRow {
    /// External id.
    pub id: String,
    /// The record.
    pub record: RecordId,
    /// Our object.
    pub object: String,
}

/// Names of the cells of a link that is written.
const LINK_ROW: &[&str; 17] = &[
    "record",
    "connection",
    "remote_object",
    "external_id",
    "base",
    "seen",
    "taken",
    "written",
    "pending",
    "is_whole",
    "version",
    "seen_at",
    "changed_at",
    "changed_by",
    "waiting",
    "state",
    "created_at",
];

const COLUMNS: &str = "record, connection, remote_object, external_id, base, seen, taken, written, pending, is_whole, version, seen_at, changed_at, changed_by, waiting, state, created_at, told_at";

fn link(mut row: Row) -> Result<Link> {
    Ok(Link {
        record: row.parse()?,
        connection: row.text()?,
        remote_object: row.text()?,
        external_id: row.text()?,
        base: row.json()?,
        seen: row.opt_json()?,
        taken: row.opt_json()?,
        written: row.json()?,
        pending: row.opt_json()?,
        is_whole: row.flag()?,
        version: row.opt_text()?,
        seen_at: row.opt_time()?,
        changed_at: row.opt_time()?,
        changed_by: crate::actor_from(&row.text()?)?,
        waiting: row.json()?,
        state: row.parse()?,
        created_at: row.time()?,
        told_at: row.opt_time()?,
    })
}

/// External ids by connection and remote object.
pub(crate) fn by_object<'a>(keys: impl IntoIterator<Item = &'a RemoteKey>) -> BTreeMap<(&'a str, &'a str), Vec<String>> {
    let mut groups: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for key in keys {
        groups.entry((&key.connection, &key.object)).or_default().push(key.id.clone());
    }
    groups
}

impl Tx<'_> {
    /// The links of records, whatever their state, ordered by record and connection.
    ///
    /// # Errors
    /// As for any read.
    pub fn links_of(&mut self, records: &[RecordId]) -> Result<Vec<Link>> {
        let mut found = Vec::new();
        let sql = format!("select {COLUMNS} from links where record IN_LIST($1) order by record, connection");
        for batch in records.chunks(BATCH_ROWS) {
            let names: Vec<String> = batch.iter().map(ToString::to_string).collect();
            for row in self.rows("links", &sql, vals![names])? {
                found.push(link(row)?);
            }
        }
        Ok(found)
    }

    /// The connections at which records have a counterpart, or had one.
    ///
    /// # Errors
    /// As for any read.
    pub fn linked_connections(&mut self, records: &[RecordId]) -> Result<BTreeMap<RecordId, BTreeSet<String>>> {
        let mut found: BTreeMap<RecordId, BTreeSet<String>> = BTreeMap::new();
        for batch in records.chunks(BATCH_ROWS) {
            let names: Vec<String> = batch.iter().map(ToString::to_string).collect();
            for mut row in self.rows("links", "select record, connection from links where record IN_LIST($1)", vals![names])? {
                found.entry(row.parse()?).or_default().insert(row.text()?);
            }
        }
        Ok(found)
    }

    /// The links of remote rows, by their key. Rows that are not linked are left out.
    ///
    /// # Errors
    /// As for any read.
    pub fn links_at(&mut self, keys: &[RemoteKey]) -> Result<BTreeMap<RemoteKey, Link>> {
        let mut found = BTreeMap::new();
        let sql = format!("select {COLUMNS} from links where connection = $1 and remote_object = $2 and external_id IN_LIST($3)");
        for ((connection, object), ids) in by_object(keys) {
            for batch in ids.chunks(BATCH_ROWS) {
                for row in self.rows("links", &sql, vals![connection, object, batch.to_vec()])? {
                    let link = link(row)?;
                    found.insert(link.key(), link);
                }
            }
        }
        Ok(found)
    }

    /// The records that remote rows stand for, by their key. Rows that are not linked are left out.
    ///
    /// # Errors
    /// As for any read.
    pub fn records_at(&mut self, keys: &[RemoteKey]) -> Result<BTreeMap<RemoteKey, RecordId>> {
        let mut found = BTreeMap::new();
        for ((connection, object), ids) in by_object(keys) {
            let behind = self.records_behind(connection, object, &ids)?;
            found.extend(behind.into_iter().map(|(id, record)| (RemoteKey::new(connection, object, id), record)));
        }
        Ok(found)
    }

    /// The records that references to remote rows mean, by the rows' keys; see [`Tx::records_meant`]. Rows that are not linked are left out.
    ///
    /// # Errors
    /// As for any read.
    pub fn records_meant_by(&mut self, keys: &[RemoteKey]) -> Result<BTreeMap<RemoteKey, RecordId>> {
        let mut found = BTreeMap::new();
        for ((connection, object), ids) in by_object(keys) {
            let meant = self.records_meant(connection, object, &ids)?;
            found.extend(meant.into_iter().map(|(id, record)| (RemoteKey::new(connection, object, id), record)));
        }
        Ok(found)
    }

    /// The rows that records are linked to, whatever has become of them, ordered by record and connection.
    ///
    /// # Errors
    /// As for any read.
    pub fn rows_of(&mut self, records: &[RecordId]) -> Result<Vec<LinkedRow>> {
        let mut found = Vec::new();
        let sql =
            "select record, connection, remote_object, external_id, state from links where record IN_LIST($1) order by record, connection";
        for batch in records.chunks(BATCH_ROWS) {
            let names: Vec<String> = batch.iter().map(ToString::to_string).collect();
            for mut row in self.rows("links", sql, vals![names])? {
                found.push(LinkedRow {
                    record: row.parse()?,
                    key: RemoteKey { connection: row.text()?, object: row.text()?, id: row.text()? },
                    state: row.parse()?,
                });
            }
        }
        Ok(found)
    }

    /// Writes links: new ones, or in place of the record's link at the same connection.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the remote row is another record's counterpart.
    pub fn put_links(&mut self, links: &[Link]) -> Result<()> {
        // The last one wins, and the order of locks is the same in every transaction.
        let unique: BTreeMap<(&RecordId, &str), &Link> =
            links.iter().map(|link| ((&link.record, link.connection.as_str()), link)).collect();
        let unique: Vec<&Link> = unique.into_values().collect();
        for batch in unique.chunks(BATCH_ROWS) {
            let mut rows = Vec::with_capacity(batch.len());
            for link in batch {
                let document = |fields: &Option<Fields>| fields.as_ref().map(Val::json).transpose();
                rows.push(cells![
                    &link.record,
                    &link.connection,
                    &link.remote_object,
                    &link.external_id,
                    Val::json(&link.base)?,
                    document(&link.seen)?,
                    document(&link.taken)?,
                    Val::json(&link.written)?,
                    document(&link.pending)?,
                    link.is_whole,
                    link.version.as_ref(),
                    link.seen_at,
                    link.changed_at,
                    crate::actor_name(link.changed_by)?,
                    Val::json(&link.waiting)?,
                    link.state.as_str(),
                    link.created_at,
                ]);
            }
            self.exec(
                "insert into links (record, connection, remote_object, external_id, base, seen, taken, written, pending, is_whole, version, seen_at,
                        changed_at, changed_by, waiting, state, created_at)
                 select x.value->>'record', x.value->>'connection', x.value->>'remote_object', x.value->>'external_id', x.value->'base',
                        x.value->'seen', x.value->'taken', x.value->'written', x.value->'pending', cast(x.value->>'is_whole' as smallint),
                        x.value->>'version', cast(x.value->>'seen_at' as bigint),
                        cast(x.value->>'changed_at' as bigint), x.value->>'changed_by', x.value->'waiting', x.value->>'state',
                        cast(x.value->>'created_at' as bigint)
                 from EACH($1) where true
                 on conflict (record, connection) do update set remote_object = excluded.remote_object,
                        external_id = excluded.external_id, base = excluded.base, seen = excluded.seen, taken = excluded.taken,
                        written = excluded.written, pending = excluded.pending, is_whole = excluded.is_whole, version = excluded.version,
                        seen_at = excluded.seen_at, changed_at = excluded.changed_at, changed_by = excluded.changed_by,
                        waiting = excluded.waiting, state = excluded.state, created_at = excluded.created_at",
                &[Val::rows(LINK_ROW, rows)],
            )?;
        }
        Ok(())
    }

    /// Notes versions of rows that were seen and told nothing else.
    ///
    /// # Errors
    /// As for any write.
    pub fn note_versions(&mut self, seen: &[SeenVersion]) -> Result<()> {
        // The last one wins, but for the latest change that any of them tells of, and the order of locks is the same in every transaction.
        let mut unique: BTreeMap<(&RecordId, &str), SeenVersion> = BTreeMap::new();
        for one in seen {
            let place = (&one.record, one.connection.as_str());
            let known = unique.get(&place).and_then(|known| known.changed_at);
            unique.insert(place, SeenVersion { changed_at: one.changed_at.max(known), ..one.clone() });
        }
        let unique: Vec<SeenVersion> = unique.into_values().collect();
        for batch in unique.chunks(BATCH_ROWS) {
            let rows = batch
                .iter()
                .map(|seen| cells![&seen.record, &seen.connection, seen.version.as_ref(), seen.is_whole, seen.seen_at, seen.changed_at])
                .collect();
            self.exec(
                "update links set version = x.value->>'version', is_whole = cast(x.value->>'is_whole' as smallint),
                        seen_at = cast(x.value->>'seen_at' as bigint),
                        told_at = coalesce(GREATEST(links.told_at, cast(x.value->>'changed_at' as bigint)), links.told_at,
                            cast(x.value->>'changed_at' as bigint))
                 from EACH($1) where links.record = x.value->>'record' and links.connection = x.value->>'connection'",
                &[Val::rows(&["record", "connection", "version", "is_whole", "seen_at", "changed_at"], rows)],
            )?;
        }
        Ok(())
    }

    /// Gives a counterpart to another record, as a merge does. Base and versions go with it; what was weighed
    /// does not, for that was another record's decision.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the record has no link there, [`StoreError::Conflict`] when the other one has one already.
    pub fn move_link(&mut self, record: &RecordId, connection: &str, to: &RecordId) -> Result<()> {
        let moved =
            self.exec("update links set record = $3, taken = null where record = $1 and connection = $2", vals![record, connection, to])?;
        if moved == 1 { Ok(()) } else { Err(StoreError::Missing(format!("the link of {record} at {connection}"))) }
    }

    /// Notes that nothing is being written to a counterpart any more.
    ///
    /// # Errors
    /// As for any write.
    pub fn end_pending(&mut self, record: &RecordId, connection: &str) -> Result<()> {
        self.exec("update links set pending = null where record = $1 and connection = $2", vals![record, connection]).map(drop)
    }

    /// Notes that a counterpart is gone. Answers whether there was one that was present.
    ///
    /// # Errors
    /// As for any write.
    pub fn end_link(&mut self, record: &RecordId, connection: &str, state: LinkState, now: Timestamp) -> Result<bool> {
        let ended = self.exec(
            "update links set state = $3, seen_at = $4 where record = $1 and connection = $2 and state = 'present'",
            vals![record, connection, state.as_str(), now],
        )?;
        Ok(ended > 0)
    }

    /// Forgets a link altogether, as an unlink by a person or an erasure does. Answers whether there was one.
    ///
    /// # Errors
    /// As for any write.
    pub fn delete_link(&mut self, record: &RecordId, connection: &str) -> Result<bool> {
        Ok(self.exec("delete from links where record = $1 and connection = $2", vals![record, connection])? > 0)
    }

    /// Pages through the rows of a remote object that records of one of our objects are linked to, whatever has become of them, in order of their
    /// external ids. `after` is the last external id of the page before.
    ///
    /// # Errors
    /// As for any read.
    pub fn rows_linked(
        &mut self,
        connection: &str,
        remote_object: &str,
        object: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<LinkedRow>> {
        let sql = "select links.record, links.external_id, links.state from links join records on records.id = links.record
             where links.connection = $1 and links.remote_object = $2 and records.object = $3 and links.external_id > $4
             order by links.external_id limit $5";
        let rows = self.rows("links", sql, &[connection.into(), remote_object.into(), object.into(), after.into(), page(limit)])?;
        let linked = rows.into_iter().map(|mut row| {
            let record = row.parse()?;
            Ok(LinkedRow { record, key: RemoteKey::new(connection, remote_object, row.text()?), state: row.parse()? })
        });
        linked.collect()
    }

    /// Gives the counterparts of records another name: the rows are the same, and so is everything that is known of them.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when one is another record's counterpart under that name.
    pub fn rename_links(&mut self, renamed: &[(RecordId, RemoteKey)]) -> Result<()> {
        for batch in renamed.chunks(BATCH_ROWS) {
            let rows = batch.iter().map(|(record, key)| cells![record, &key.connection, &key.object, &key.id]).collect();
            self.exec(
                "update links set remote_object = x.value->>'remote_object', external_id = x.value->>'external_id'
                 from EACH($1) where links.record = x.value->>'record' and links.connection = x.value->>'connection'",
                &[Val::rows(&["record", "connection", "remote_object", "external_id"], rows)],
            )?;
        }
        Ok(())
    }

    /// Present links by connection and remote object.
    ///
    /// # Errors
    /// As for any read.
    pub fn link_counts(&mut self) -> Result<BTreeMap<(String, String), u64>> {
        let sql = "select connection, remote_object, count(*) from links where state = 'present' group by connection, remote_object";
        self.rows("links", sql, &[])?.into_iter().map(|mut row| Ok(((row.text()?, row.text()?), row.num()?))).collect()
    }

    /// Pages through the remote rows of an object that records are linked to and that are present, in order of their external ids:
    /// what a complete read must show. Links made from `before` on are left out. `after` is the last external id of the page before.
    ///
    /// # Errors
    /// As for any read.
    pub fn present_rows(
        &mut self,
        connection: &str,
        remote_object: &str,
        before: Timestamp,
        after: &str,
        limit: usize,
    ) -> Result<Vec<PresentRow>> {
        let sql = "select links.external_id, links.record, records.object from links join records on records.id = links.record
             where links.connection = $1 and links.remote_object = $2 and links.state = 'present' and links.created_at < $3
               and links.external_id > $4
             order by links.external_id limit $5";
        self.rows("links", sql, &[connection.into(), remote_object.into(), before.into(), after.into(), page(limit)])?
            .into_iter()
            .map(|mut row| Ok(PresentRow { id: row.text()?, record: row.parse()?, object: row.text()? }))
            .collect()
    }
}
