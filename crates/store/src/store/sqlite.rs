//! SQLite: one writer thread that commits in groups, and a few read-only connections.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{Shared, Step, WorkerSeat};
use crate::error::{Result, StoreError};
use crate::migrate;
use crate::options::{Durability, StoreOptions};
use crate::scrub::{self, Scrubbed};
use crate::sql::sqlite::SqliteConn;
use crate::tx::Tx;

/// Closures that share one commit. More add latency for the first of them and save little: at 64 the disk's flush is spread thin.
const GROUP_MAX: usize = 64;

/// Closures that may wait for the writer before callers are held back.
const QUEUE_MAX: usize = 1_024;

/// How long to wait for another process that writes, such as the command line beside a running server.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Page cache of the writer, in KiB (negative by SQLite's convention).
const WRITER_CACHE_KIB: i64 = -16_384;

/// Page cache of each reader, in KiB.
const READER_CACHE_KIB: i64 = -2_048;

/// Pages of the write-ahead log after which it is copied into the database: 16 MiB. A page that changes often is then copied once
/// instead of each time, and the disk is waited for less often; after a crash a log of that size is read in a moment.
const CHECKPOINT_PAGES: i64 = 4_096;

/// Prepared statements kept per connection; the hot paths have fewer than a hundred.
const STATEMENTS: usize = 128;

/// The write-ahead log is cut back to this size once it is checkpointed, in bytes.
const LOG_BYTES_MAX: i64 = 64 << 20;

/// One closure on its way through the writer.
trait Job: Send {
    /// Runs inside the group's transaction; whether its work is to be kept. May run again, when another one of the group has failed; one
    /// that has crashed stays so.
    fn run(&mut self, conn: &Connection, shared: &Shared) -> bool;
    /// Tells the caller, once the group is committed or lost.
    fn finish(self: Box<Self>, lost: Option<&rusqlite::Error>, shared: &Shared);
}

struct Task<T, F> {
    body: F,
    answer: Option<Result<(T, bool)>>,
    /// Gets the closure back as well: what it holds is given up by the caller, while the writer goes on.
    caller: oneshot::Sender<(Result<T>, F)>,
}

impl<T, F> Job for Task<T, F>
where
    T: Send,
    F: Fn(&mut Tx<'_>) -> Result<T> + Send,
{
    fn run(&mut self, conn: &Connection, shared: &Shared) -> bool {
        if matches!(self.answer, Some(Err(StoreError::Crashed))) {
            return false;
        }
        let mut conn = SqliteConn(conn);
        let mut answer = Tx::new(&mut conn, shared.key()).run(&self.body);
        if answer.is_ok() && !shared.survives(Step::BeforeCommit) {
            answer = Err(StoreError::Crashed);
        }
        let keep = answer.is_ok();
        self.answer = Some(answer);
        keep
    }

    fn finish(self: Box<Self>, lost: Option<&rusqlite::Error>, shared: &Shared) {
        let answer = match (self.answer, lost) {
            (Some(Err(error)), _) => Err(error),
            (_, Some(error)) => Err(StoreError::of_commit(error)),
            (None, None) => Err(StoreError::Closed),
            (Some(Ok((answer, woke))), None) => {
                if woke {
                    shared.committed();
                }
                if shared.survives(Step::AfterCommit) { Ok(answer) } else { Err(StoreError::Crashed) }
            }
        };
        // A caller that stopped waiting wants no answer.
        drop(self.caller.send((answer, self.body)));
    }
}

/// What the writer is asked to do.
enum Order {
    /// A closure in a transaction.
    Write(Box<dyn Job>),
    /// Scrub the file, outside of any transaction.
    Scrub(oneshot::Sender<Result<Scrubbed>>),
}

pub(super) struct Sqlite {
    path: PathBuf,
    writer: Writer,
    readers: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
    shared: Arc<Shared>,
}

/// Who writes.
enum Writer {
    /// A thread of its own, which commits in groups.
    Thread(mpsc::Sender<Order>),
    /// Whoever asks for it, each on its own.
    InStep(Mutex<Connection>),
}

impl Sqlite {
    pub(super) async fn open(path: PathBuf, options: &StoreOptions, shared: &Arc<Shared>) -> Result<Self> {
        let durability = options.durability;
        let file = path.clone();
        let conn = tokio::task::spawn_blocking(move || {
            let conn = open_writer(&file, durability)?;
            migrate::sqlite(&conn)?;
            Ok::<_, StoreError>(conn)
        })
        .await
        .map_err(|error| StoreError::Panicked(error.to_string()))??;
        let writer = if options.in_step { Writer::InStep(Mutex::new(conn)) } else { Writer::Thread(start(conn, shared)?) };
        Ok(Self {
            path,
            writer,
            readers: Arc::default(),
            permits: Arc::new(Semaphore::new(options.readers.max(1))),
            shared: Arc::clone(shared),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) async fn write<T, F>(&self, body: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        let task = Task { body, answer: None, caller };
        self.order(Order::Write(Box::new(task))).await?;
        answer.await.map_err(|_| StoreError::Closed)?.0
    }

    pub(super) async fn scrub(&self) -> Result<Scrubbed> {
        let (caller, answer) = oneshot::channel();
        self.order(Order::Scrub(caller)).await?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Has the writer do something; in step, it is done by the time that this answers.
    async fn order(&self, order: Order) -> Result<()> {
        match &self.writer {
            Writer::Thread(queue) => queue.send(order).await.map_err(|_| StoreError::Closed),
            Writer::InStep(conn) => {
                let conn = conn.lock().unwrap_or_else(PoisonError::into_inner);
                match order {
                    Order::Write(job) => carry_out(&conn, vec![job], &self.shared),
                    // A caller that stopped waiting wants no answer.
                    Order::Scrub(caller) => drop(caller.send(scrub::sqlite(&conn))),
                }
                Ok(())
            }
        }
    }

    pub(super) async fn read<T, F>(&self, body: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let (readers, path, shared) = (Arc::clone(&self.readers), self.path.clone(), Arc::clone(&self.shared));
        let read = move || {
            let _permit = permit;
            let idle = readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let conn = idle.map_or_else(|| open_reader(&path), Ok)?;
            conn.execute_batch("begin deferred")?;
            let answer = Tx::new(&mut SqliteConn(&conn), shared.key()).run(body);
            // A connection that cannot end its transaction is not put back.
            conn.execute_batch("rollback")?;
            readers.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
            Ok(answer?.0)
        };
        if matches!(self.writer, Writer::InStep(_)) {
            return read();
        }
        tokio::task::spawn_blocking(read).await.map_err(|error| StoreError::Panicked(error.to_string()))?
    }

    pub(super) fn worker_seat(&self) -> Result<WorkerSeat> {
        let mut name = self.path.clone().into_os_string();
        name.push(".worker");
        let file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&name)
            .map_err(|source| StoreError::Io { what: format!("opening {}", Path::new(&name).display()), source })?;
        match file.try_lock() {
            Ok(()) => Ok(WorkerSeat { _lock: Some(file) }),
            Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::SecondWorker),
            Err(std::fs::TryLockError::Error(source)) => {
                Err(StoreError::Io { what: format!("locking {}", Path::new(&name).display()), source })
            }
        }
    }
}

fn open_writer(path: &Path, durability: Durability) -> Result<Connection> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|source| StoreError::Io { what: format!("making {}", folder.display()), source })?;
    }
    let conn = Connection::open(path)?;
    conn.busy_timeout(BUSY_WAIT)?;
    conn.pragma_update(None, "journal_mode", "wal")?;
    conn.pragma_update(None, "synchronous", if durability == Durability::Full { "full" } else { "normal" })?;
    conn.pragma_update(None, "cache_size", WRITER_CACHE_KIB)?;
    conn.pragma_update(None, "journal_size_limit", LOG_BYTES_MAX)?;
    conn.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    // Destroyed keys are overwritten in their page, which is written anyhow, and not merely unlinked.
    conn.pragma_update(None, "secure_delete", "fast")?;
    settle_in(&conn)?;
    Ok(conn)
}

fn open_reader(path: &Path) -> Result<Connection> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(BUSY_WAIT)?;
    conn.pragma_update(None, "cache_size", READER_CACHE_KIB)?;
    settle_in(&conn)?;
    Ok(conn)
}

fn settle_in(conn: &Connection) -> Result<()> {
    conn.pragma_update(None, "foreign_keys", "on")?;
    conn.pragma_update(None, "mmap_size", 0)?;
    // Sorting in memory would count against the process; batches are small, so it is never much.
    conn.pragma_update(None, "temp_store", "memory")?;
    // Plans do not depend on values: otherwise a statement with a limit is prepared anew for every other limit.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// Starts the writer thread.
fn start(conn: Connection, shared: &Arc<Shared>) -> Result<mpsc::Sender<Order>> {
    let (writer, queue) = mpsc::channel(QUEUE_MAX);
    let shared = Arc::clone(shared);
    std::thread::Builder::new()
        .name("store-writer".into())
        .spawn(move || serve(&conn, queue, &shared))
        .map_err(|source| StoreError::Io { what: "starting the writer thread".into(), source })?;
    Ok(writer)
}

/// The writer thread: takes what is waiting, commits it as a group, and ends when the last store is dropped.
fn serve(conn: &Connection, mut queue: mpsc::Receiver<Order>, shared: &Shared) {
    let mut put_by = None;
    while let Some(first) = put_by.take().or_else(|| queue.blocking_recv()) {
        let mut group = match first {
            Order::Write(job) => vec![job],
            Order::Scrub(caller) => {
                // A caller that stopped waiting wants no answer.
                drop(caller.send(scrub::sqlite(conn)));
                continue;
            }
        };
        while group.len() < GROUP_MAX
            && let Ok(next) = queue.try_recv()
        {
            match next {
                Order::Write(job) => group.push(job),
                scrub @ Order::Scrub(_) => {
                    put_by = Some(scrub);
                    break;
                }
            }
        }
        carry_out(conn, group, shared);
    }
    if let Err(error) = conn.execute_batch("pragma optimize") {
        tracing::debug!(%error, "the statistics of the database were not refreshed");
    }
}

/// Commits a group and tells the callers.
fn carry_out(conn: &Connection, mut group: Vec<Box<dyn Job>>, shared: &Shared) {
    let lost = commit(conn, &mut group, shared).err();
    for job in group {
        job.finish(lost.as_ref(), shared);
    }
}

/// Commits a group. First all of it plainly: a savepoint around each closure would have SQLite copy every page that a closure touches.
/// Only when one of them fails are they run again, each in a savepoint of its own.
fn commit(conn: &Connection, group: &mut [Box<dyn Job>], shared: &Shared) -> rusqlite::Result<()> {
    let all_well = within(conn, || {
        let all_well = group.iter_mut().all(|job| job.run(conn, shared));
        conn.execute_batch(if all_well { "commit" } else { "rollback" })?;
        Ok(all_well)
    })?;
    if all_well || group.len() == 1 {
        return Ok(());
    }
    within(conn, || {
        for job in group {
            conn.execute_batch("savepoint one")?;
            let keep = job.run(conn, shared);
            // After some failures (disk full, I/O) SQLite has rolled everything back by itself; the next line fails then, and with
            // it the whole group, which is what happened.
            conn.execute_batch(if keep { "release one" } else { "rollback to one; release one" })?;
        }
        conn.execute_batch("commit")
    })
}

/// Runs a body within a transaction that it ends itself, unless it fails.
fn within<T>(conn: &Connection, body: impl FnOnce() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    conn.execute_batch("begin immediate")?;
    let done = body();
    if done.is_err()
        && !conn.is_autocommit()
        && let Err(error) = conn.execute_batch("rollback")
    {
        tracing::error!(%error, "the writer could not roll back");
    }
    done
}
