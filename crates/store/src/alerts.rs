//! Alerts: what operators are told of, once when it begins and once when it is over. At most one is open per kind and subject, whatever
//! process raises it and however often.

use entente_model::clock::Timestamp;
use serde::Serialize;

use crate::error::Result;
use crate::named::named;
use crate::sql::{Row, vals};
use crate::tx::{Tx, page};

named! {
    /// How bad it is.
    pub enum Severity {
        /// Somebody should look at it within a day.
        Warning = "warning",
        /// Somebody should look at it now.
        Critical = "critical",
    }
}

/// An alert to be raised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewAlert {
    /// Kind, such as `rate_limit`.
    pub kind: String,
    /// What it is about within its kind.
    pub subject: String,
    /// How bad it is.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// What is known, and what to do.
    pub body: String,
    /// When it began, as far as is known.
    pub since: Timestamp,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// Number.
    pub id: i64,
    /// What is told.
    #[serde(flatten)]
    pub alert: NewAlert,
    /// When it was last found to be so.
    pub seen_at: Timestamp,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, kind, subject, severity, title, body, since, seen_at, ended_at";

fn alert(mut row: Row) -> Result<Alert> {
    Ok(Alert {
        id: row.int()?,
        alert: NewAlert {
            kind: row.text()?,
            subject: row.text()?,
            severity: row.parse()?,
            title: row.text()?,
            body: row.text()?,
            since: row.time()?,
        },
        seen_at: row.time()?,
        ended_at: row.opt_time()?,
    })
}

impl Tx<'_> {
    /// Raises an alert, or brings the open one of its kind and subject up to date. Answers its number and whether it is new.
    ///
    /// # Errors
    /// As for any write.
    pub fn raise_alert(&mut self, new: &NewAlert, now: Timestamp) -> Result<(i64, bool)> {
        let known = self.row(
            "alerts",
            "update alerts set seen_at = $3, body = $4 where kind = $1 and subject = $2 and ended_at is null returning id",
            vals![&new.kind, &new.subject, now, &new.body],
        )?;
        if let Some(mut row) = known {
            return Ok((row.int()?, false));
        }
        let made = self.row(
            "alerts",
            "insert into alerts (kind, subject, severity, title, body, since, seen_at) values ($1, $2, $3, $4, $5, $6, $7)
             on conflict (kind, subject) where ended_at is null do nothing returning id",
            vals![&new.kind, &new.subject, new.severity.as_str(), &new.title, &new.body, new.since, now],
        )?;
        if let Some(mut row) = made {
            return Ok((row.int()?, true));
        }
        // Another transaction was faster by a moment.
        let sql = "select id from alerts where kind = $1 and subject = $2 and ended_at is null";
        Ok((self.the_row("alerts", sql, vals![&new.kind, &new.subject])?.int()?, false))
    }

    /// Ends an open alert. `None` when it is not open: then somebody else has ended it, and told of it.
    ///
    /// # Errors
    /// As for any write.
    pub fn end_alert(&mut self, id: i64, now: Timestamp) -> Result<Option<Alert>> {
        let sql = format!("update alerts set ended_at = $2 where id = $1 and ended_at is null returning {COLUMNS}");
        self.row("alerts", &sql, vals![id, now])?.map(alert).transpose()
    }

    /// The open alert of a kind and subject.
    ///
    /// # Errors
    /// As for any read.
    pub fn open_alert(&mut self, kind: &str, subject: &str) -> Result<Option<Alert>> {
        let sql = format!("select {COLUMNS} from alerts where kind = $1 and subject = $2 and ended_at is null");
        self.row("alerts", &sql, vals![kind, subject])?.map(alert).transpose()
    }

    /// Alerts that are open, and those that ended since an instant; the oldest first.
    ///
    /// # Errors
    /// As for any read.
    pub fn alerts_since(&mut self, ended: Timestamp) -> Result<Vec<Alert>> {
        let sql = format!("select {COLUMNS} from alerts where ended_at is null or ended_at >= $1 order by id");
        self.rows("alerts", &sql, vals![ended])?.into_iter().map(alert).collect()
    }

    /// Alerts, newest first: the open ones alone, or all. `before` is the number of the last one of the page before.
    ///
    /// # Errors
    /// As for any read.
    pub fn alerts(&mut self, open: bool, limit: usize, before: Option<i64>) -> Result<Vec<Alert>> {
        let which = if open { "ended_at is null and" } else { "" };
        let sql = format!("select {COLUMNS} from alerts where {which} id < $1 order by id desc limit $2");
        self.rows("alerts", &sql, &[before.unwrap_or(i64::MAX).into(), page(limit)])?.into_iter().map(alert).collect()
    }

    /// One alert.
    ///
    /// # Errors
    /// As for any read.
    pub fn alert(&mut self, id: i64) -> Result<Option<Alert>> {
        let sql = format!("select {COLUMNS} from alerts where id = $1");
        self.row("alerts", &sql, vals![id])?.map(alert).transpose()
    }

    /// Alerts that began within a range, by kind: how many, and how many milliseconds they lasted together up to `to`.
    ///
    /// # Errors
    /// As for any read.
    pub fn alert_sums(&mut self, from: Timestamp, to: Timestamp) -> Result<Vec<(String, u64, u64)>> {
        let sql = "select kind, count(*), cast(sum(LEAST(coalesce(ended_at, $2), $2) - since) as bigint) from alerts
             where since >= $1 and since < $2 group by kind order by kind";
        self.rows("alerts", sql, vals![from, to])?.into_iter().map(|mut row| Ok((row.text()?, row.num()?, row.num()?))).collect()
    }

    /// Removes alerts that were over before an instant, at most `limit` of them. Answers how many are gone.
    ///
    /// # Errors
    /// As for any write.
    pub fn prune_alerts(&mut self, before: Timestamp, limit: usize) -> Result<u64> {
        self.exec(
            "delete from alerts where id in (select id from alerts where ended_at < $1 order by ended_at limit $2)",
            vals![before, limit],
        )
    }
}
