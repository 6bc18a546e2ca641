//! Workers: which processes are at work, for people who ask and for what must not happen while some are.

use entente_model::clock::Timestamp;
use serde::Serialize;

use crate::error::Result;
use crate::sql::vals;
use crate::tx::Tx;

/// A process that works on hints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Worker {
    /// Its name: what its leases are held under.
    pub name: String,
    /// Where it runs, in words for people: host and process number.
    pub place: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it was last heard of.
    pub seen_at: Timestamp,
}

impl Tx<'_> {
    /// Notes that a worker is alive.
    ///
    /// # Errors
    /// As for any write.
    pub fn worker_seen(&mut self, name: &str, place: &str, started_at: Timestamp, now: Timestamp) -> Result<()> {
        self.exec(
            "insert into workers (name, place, started_at, seen_at) values ($1, $2, $3, $4)
             on conflict (name) do update set place = excluded.place, started_at = excluded.started_at, seen_at = excluded.seen_at",
            vals![name, place, started_at, now],
        )
        .map(drop)
    }

    /// Workers heard of since an instant.
    ///
    /// # Errors
    /// As for any read.
    pub fn workers(&mut self, since: Timestamp) -> Result<Vec<Worker>> {
        self.rows("workers", "select name, place, started_at, seen_at from workers where seen_at >= $1 order by name", vals![since])?
            .into_iter()
            .map(|mut row| Ok(Worker { name: row.text()?, place: row.text()?, started_at: row.time()?, seen_at: row.time()? }))
            .collect()
    }

    /// Forgets a worker that stopped.
    ///
    /// # Errors
    /// As for any write.
    pub fn worker_gone(&mut self, name: &str) -> Result<()> {
        self.exec("delete from workers where name = $1", vals![name]).map(drop)
    }
}
