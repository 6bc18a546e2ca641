//! Sync events: failures as the dashboard lists them, with what became of each.

use std::collections::BTreeMap;

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use serde::Serialize;

use crate::error::Result;
use crate::minutes::Syncs;
use crate::named::named;
use crate::sql::{Row, vals};
use crate::tx::{Tx, page};
use crate::viewer::Viewer;

/// Counter of failures, by the hour they came up in and the connection that failed.
pub const FAILED: &str = "failed";

/// Counter of failures that went through by themselves, by the hour they had come up in.
pub const FAILED_RECOVERED: &str = "failed_recovered";

/// Counter of failures that a person cured, by the hour they had come up in.
pub const FAILED_FIXED: &str = "failed_fixed";

named! {
    /// Where a failure stands.
    pub enum SyncStatus {
        /// It failed and is being tried again.
        Failing = "failing",
        /// It went through by itself.
        Recovered = "recovered",
        /// A person cured it.
        Fixed = "fixed",
        /// It waits for a person.
        Manual = "manual",
    }
}

/// A failure to be listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewSyncEvent {
    /// When.
    pub at: Timestamp,
    /// From where to where, in words: `crm → desk`.
    pub direction: String,
    /// Subject of the hint.
    pub subject: String,
    /// The record, when there is one yet.
    pub record: Option<RecordId>,
    /// Our object.
    pub object: String,
    /// The connection that failed.
    pub connection: Option<String>,
    /// What people call the remote row: its external id or number.
    pub external_id: Option<String>,
    /// What went wrong, without personal values.
    pub error: String,
    /// Where it stands.
    pub status: SyncStatus,
}

/// A failure of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SyncEvent {
    /// Number.
    pub id: i64,
    /// What happened.
    #[serde(flatten)]
    pub event: NewSyncEvent,
    /// When its status last changed.
    pub updated_at: Timestamp,
}

const COLUMNS: &str = "id, at, direction, subject, record, object, connection, external_id, error, status, updated_at";

fn event(mut row: Row) -> Result<SyncEvent> {
    Ok(SyncEvent {
        id: row.int()?,
        event: NewSyncEvent {
            at: row.time()?,
            direction: row.text()?,
            subject: row.text()?,
            record: row.opt_parse()?,
            object: row.text()?,
            connection: row.opt_text()?,
            external_id: row.opt_text()?,
            error: row.text()?,
            status: row.parse()?,
        },
        updated_at: row.time()?,
    })
}

impl Tx<'_> {
    /// Lists a failure and counts it. A failure of the same subject and connection that is still open is brought up to date instead.
    ///
    /// # Errors
    /// As for any write.
    pub fn sync_failed(&mut self, new: &NewSyncEvent) -> Result<()> {
        let known = self.exec(
            "update sync_events set error = $3, status = $4, updated_at = $5
             where subject = $1 and coalesce(connection, '') = coalesce(cast($2 as text), '') and status in ('failing', 'manual')",
            vals![&new.subject, new.connection.as_ref(), &new.error, new.status.as_str(), new.at],
        )?;
        if known == 0 {
            self.exec(
                "insert into sync_events (at, direction, subject, record, object, connection, external_id, error, status, updated_at)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $1)",
                vals![
                    new.at,
                    &new.direction,
                    &new.subject,
                    new.record.as_ref(),
                    &new.object,
                    new.connection.as_ref(),
                    new.external_id.as_ref(),
                    &new.error,
                    new.status.as_str(),
                ],
            )?;
            let connection = new.connection.clone().unwrap_or_default();
            self.count(new.at, &[(FAILED, &connection, 1)])?;
            self.add_syncs(new.at, &BTreeMap::from([(connection, Syncs { failed: 1, ..Syncs::default() })]))?;
        }
        Ok(())
    }

    /// Closes the open failures of subjects: what failed by itself recovered, what waited for a person was fixed. Answers how many.
    ///
    /// # Errors
    /// As for any write.
    pub fn sync_succeeded(&mut self, subjects: &[String], now: Timestamp) -> Result<u64> {
        let closed = self.rows(
            "sync_events",
            "update sync_events set status = case when status = 'manual' then 'fixed' else 'recovered' end, updated_at = $2
             where subject IN_LIST($1) and status in ('failing', 'manual') returning at, coalesce(connection, ''), status",
            vals![subjects.to_vec(), now],
        )?;
        let mut many = 0;
        for mut row in closed {
            let (at, connection, status) = (row.time()?, row.text()?, row.parse::<SyncStatus>()?);
            let counter = if status == SyncStatus::Fixed { FAILED_FIXED } else { FAILED_RECOVERED };
            self.count(at, &[(counter, &connection, 1)])?;
            many += 1;
        }
        Ok(many)
    }

    /// Failures from an instant on, newest first. The dashboard asks for the last 24 hours.
    ///
    /// # Errors
    /// As for any read.
    pub fn sync_events(&mut self, viewer: &Viewer, since: Timestamp, limit: usize) -> Result<Vec<SyncEvent>> {
        let sql = format!("select {COLUMNS} from sync_events where at >= $1 and {} order by at desc, id desc limit $2", viewer.clause());
        self.rows("sync_events", &sql, &[since.into(), page(limit)])?.into_iter().map(event).collect()
    }

    /// How many failures came up from an instant on and before another one, by direction and status.
    ///
    /// # Errors
    /// As for any read.
    pub fn sync_event_counts(&mut self, viewer: &Viewer, from: Timestamp, to: Timestamp) -> Result<BTreeMap<(String, SyncStatus), u64>> {
        let sql = format!(
            "select direction, status, count(*) from sync_events where at >= $1 and at < $2 and {} group by direction, status",
            viewer.clause()
        );
        self.rows("sync_events", &sql, vals![from, to])?.into_iter().map(|mut row| Ok(((row.text()?, row.parse()?), row.num()?))).collect()
    }

    /// Removes closed failures older than the instant, at most `limit` of them. Answers how many are gone.
    ///
    /// # Errors
    /// As for any write.
    pub fn prune_sync_events(&mut self, before: Timestamp, limit: usize) -> Result<u64> {
        self.exec(
            "delete from sync_events where id in
             (select id from sync_events where at < $1 and status in ('recovered', 'fixed') order by at limit $2)",
            vals![before, limit],
        )
    }
}
