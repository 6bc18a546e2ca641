//! Scrubbing: what was deleted leaves the database's files as well.
//!
//! SQLite overwrites a deleted row where it stood (`secure_delete`), but pages that became free, the gaps of pages that were filled anew
//! and the write-ahead log keep what was in them, and the planner's statistics quote values of indexes. So the statistics and the index of
//! words are built anew, the whole file is written anew without any of that (`VACUUM`), and the log is copied into it and cut to nothing.
//!
//! PostgreSQL keeps old versions of rows, and a plain `VACUUM` frees their space without blanking it. So every table but those of the ledger,
//! whose values are encrypted, is written anew (`VACUUM FULL`), and so are the planner's statistics. A table is locked meanwhile. The server
//! tells how many old versions it had to keep for transactions that still see them: while there are any, it is done again.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio_postgres::error::DbError;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Socket};

use crate::error::{Result, StoreError};

/// How long to wait for readers that hold on to the write-ahead log. Reads are short.
const READERS_WAIT: Duration = Duration::from_secs(30);

/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// How long to wait for whoever uses a table of PostgreSQL, or sees old versions of its rows.
const TABLE_WAIT: Duration = Duration::from_secs(5);

/// Pause before a table is written anew once more; it doubles each time. Others get at the table meanwhile.
const TABLE_PAUSE: Duration = Duration::from_millis(250);

/// What a scrub has done, as the database told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scrubbed {
    /// The SQLite file was written anew, and its log cut.
    File,
    /// Tables of PostgreSQL were written anew, and no old version of a row was left in them.
    Tables {
        /// How many.
        many: usize,
        /// Whether the planner's statistics were as well: only the owner of the database may.
        statistics: bool,
    },
}

/// Scrubs the file behind the writer's connection. Nothing else is written meanwhile.
pub(crate) fn sqlite(conn: &Connection) -> Result<Scrubbed> {
    conn.execute_batch("insert into search_index (search_index) values ('rebuild')")?;
    // The statistics hold samples of what is in the indexes, and come into being when the planner asks for them.
    let has_statistics: bool =
        conn.query_row("select count(*) > 0 from sqlite_schema where name = 'sqlite_stat1'", [], |row| row.get(0))?;
    if has_statistics {
        conn.execute_batch("analyze")?;
    }
    // The copy that is made on the way may be as large as the database: on the disk, not in memory.
    conn.execute_batch("pragma temp_store = file")?;
    let vacuumed = conn.execute_batch("vacuum");
    conn.execute_batch("pragma temp_store = memory")?;
    vacuumed?;
    let began = Instant::now();
    loop {
        let busy: i64 = conn.query_row("pragma wal_checkpoint(truncate)", [], |row| row.get(0))?;
        if busy == 0 {
            return Ok(Scrubbed::File);
        }
        if began.elapsed() > READERS_WAIT {
            return Err(StoreError::Busy("somebody has been reading for half a minute, so that the write-ahead log cannot be cut".into()));
        }
        std::thread::sleep(PAUSE);
    }
}

/// The tables that are written anew, as they are written in SQL. Entries of the ledger are encrypted, under keys that are in one of these.
pub(crate) const TABLES: &str =
    "select format('%I.%I', n.nspname, c.relname), c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = current_schema() and c.relkind = 'r' and c.relname not in ('entries', 'blocks') order by c.relname";

/// The statements that name the types of a table's columns anew, just as they are, where there are samples of them or of an index of theirs.
const SAMPLED: &str = "select format('alter table %s alter column %I type %s%s', $1::text, a.attname, format_type(a.atttypid, a.atttypmod),
            case when a.attcollation not in (0, t.typcollation) then format(' collate %I.%I', n.nspname, o.collname) else '' end)
     from pg_attribute a join pg_type t on t.oid = a.atttypid
        left join pg_collation o on o.oid = a.attcollation left join pg_namespace n on n.oid = o.collnamespace
     where a.attrelid = $1::text::regclass and a.attnum > 0 and not a.attisdropped
        and not exists (select 1 from pg_attribute g where g.attrelid = a.attrelid and g.attgenerated <> '')
     order by a.attnum";

/// The index of words has a column that is made of another, so that neither can be named anew: a row without words is sampled instead.
const WORDLESS: &str =
    "insert into search (id, words) values ('', '') on conflict do nothing; analyze search; delete from search where id = ''";

/// Where PostgreSQL keeps samples of values for its planner.
const STATISTICS: &str = "pg_catalog.pg_statistic";

/// Scrubs a database of PostgreSQL, over a connection of its own: what the server tells on the way is heeded.
pub(crate) async fn postgres<T>(config: &tokio_postgres::Config, tls: T) -> Result<Scrubbed>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, mut connection) = config.connect(tls).await?;
    let (tell, told) = tokio::sync::mpsc::unbounded_channel();
    let driver = tokio::spawn(async move {
        while let Some(Ok(message)) = futures::future::poll_fn(|context| connection.poll_message(context)).await {
            // Whoever listens is gone when the scrub was given up: nothing is to be told then.
            if let AsyncMessage::Notice(notice) = message
                && tell.send(notice).is_err()
            {
                return;
            }
        }
    });
    let scrubbed = Rewriter { client, told }.all().await;
    driver.abort();
    scrubbed
}

/// Writes tables anew, and hears what the server says of it.
struct Rewriter {
    client: Client,
    told: tokio::sync::mpsc::UnboundedReceiver<DbError>,
}

impl Rewriter {
    async fn all(mut self) -> Result<Scrubbed> {
        // Whoever waits for a lock like this one holds up everybody who comes after: not for long.
        self.client.batch_execute("set lock_timeout = '2s'; set statement_timeout = 0; set client_min_messages = 'notice'").await?;
        let rows = self.client.query(TABLES, &[]).await?;
        let tables: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<std::result::Result<_, _>>()?;
        for table in &tables {
            // What was sampled is forgotten first: to be sampled anew, an empty table may need a row for a moment.
            self.client.batch_execute(&format!("analyze {table}")).await?;
            self.forget_samples(table).await?;
            if !self.rewrite(table).await? {
                return Err(StoreError::Database(format!("the server does not let this role write {table} anew: let it own the table")));
            }
        }
        let statistics = self.rewrite(STATISTICS).await?;
        Ok(Scrubbed::Tables { many: tables.len(), statistics })
    }

    /// Takes away the samples of a table that is empty by now, which `ANALYZE` leaves as they are: those of a column go when its type is named
    /// anew, and those of an index with it.
    async fn forget_samples(&self, table: &str) -> Result<()> {
        if self.client.query_opt(&format!("select 1 from {table} limit 1"), &[]).await?.is_some() {
            return Ok(());
        }
        let statements = self.client.query(SAMPLED, &[&table]).await?;
        if statements.is_empty() && table.ends_with(".search") {
            for statement in WORDLESS.split("; ") {
                self.client.batch_execute(statement).await?;
            }
        }
        for row in statements {
            let sql: String = row.try_get(0)?;
            self.client.batch_execute(&sql).await?;
        }
        Ok(())
    }

    /// Writes a table anew until no old version is left in it. Answers whether this role may.
    async fn rewrite(&mut self, table: &str) -> Result<bool> {
        let (began, mut pause) = (Instant::now(), TABLE_PAUSE);
        loop {
            while self.told.try_recv().is_ok() {}
            let why = match self.client.batch_execute(&format!("vacuum (full, verbose) {table}")).await.map_err(StoreError::from) {
                Ok(()) => match self.kept() {
                    None => return Ok(false),
                    Some(0) => return Ok(true),
                    Some(kept) => format!("{kept} old versions of rows of {table} are still seen by transactions that began earlier"),
                },
                Err(StoreError::Busy(why)) => format!("{table} is in use: {why}"),
                Err(error) => return Err(error),
            };
            if began.elapsed() > TABLE_WAIT {
                return Err(StoreError::Busy(why));
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    /// Old versions of rows that the server kept, as it told of the last table: the first number of the detail, in whatever language. Nothing
    /// when it wrote no table.
    fn kept(&mut self) -> Option<u64> {
        let mut kept = None;
        while let Ok(notice) = self.told.try_recv() {
            kept = notice.detail().and_then(first_number).map_or(kept, |many| Some(kept.unwrap_or(0) + many));
        }
        kept
    }
}

fn first_number(text: &str) -> Option<u64> {
    let digits: String = text.chars().skip_while(|char| !char.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::first_number;

    #[test]
    fn what_the_server_kept_is_read_in_every_language() {
        assert_eq!(first_number("12 dead row versions cannot be removed yet.\nCPU: user: 0.00 s"), Some(12));
        assert_eq!(first_number("0 tote Zeilenversionen können noch nicht entfernt werden."), Some(0));
        assert_eq!(first_number("nothing"), None);
    }
}
