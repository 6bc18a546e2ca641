//! Scrubbing: what was deleted leaves the database's files as well.
//!
//! SQLite overwrites a deleted row where it stood (`secure_delete`), but pages that became free, the gaps of pages that were filled anew
//! and the write-ahead log keep what was in them. So the index of words is built anew, the whole file is written anew without any of that
//! (`VACUUM`), and the log is copied into it and cut to nothing.
//!
//! PostgreSQL keeps old versions of rows until `VACUUM` has gone over their table, which is done here; it reuses their space without
//! blanking it, and only `VACUUM FULL`, which locks the table, or a dump and restore write it anew.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::error::{Result, StoreError};

/// How long to wait for readers that hold on to the write-ahead log. Reads are short.
const READERS_WAIT: Duration = Duration::from_secs(30);

/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Tables of PostgreSQL in which values of people were.
pub(crate) const TABLES: &[&str] = &[
    "records",
    "search",
    "match_keys",
    "links",
    "looks",
    "hints",
    "inbox",
    "conflicts",
    "reviews",
    "dead_letters",
    "sync_events",
    "notices",
    "held_records",
    "waits",
    "subject_keys",
    "erasures",
    "settings",
];

/// Scrubs the file behind the writer's connection. Nothing else is written meanwhile.
pub(crate) fn sqlite(conn: &Connection) -> Result<()> {
    conn.execute_batch("insert into search_index (search_index) values ('rebuild')")?;
    // The copy that is made on the way may be as large as the database: on the disk, not in memory.
    conn.execute_batch("pragma temp_store = file")?;
    let vacuumed = conn.execute_batch("vacuum");
    conn.execute_batch("pragma temp_store = memory")?;
    vacuumed?;
    let began = Instant::now();
    loop {
        let busy: i64 = conn.query_row("pragma wal_checkpoint(truncate)", [], |row| row.get(0))?;
        if busy == 0 {
            return Ok(());
        }
        if began.elapsed() > READERS_WAIT {
            return Err(StoreError::Busy("somebody has been reading for half a minute, so that the write-ahead log cannot be cut".into()));
        }
        std::thread::sleep(PAUSE);
    }
}
