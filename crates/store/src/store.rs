//! The store: opening a database, and running closures in transactions on it.

mod postgres;
mod sqlite;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use crate::error::{Result, StoreError};
use crate::master_key::MasterKey;
use crate::options::{StoreOptions, StoreUrl};
use crate::scrub::Scrubbed;
use crate::tx::Tx;

/// A moment of a write at which a test may let the process "die".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The closure has run; nothing is committed.
    BeforeCommit,
    /// The commit is durable; the caller does not know yet.
    AfterCommit,
}

/// Decides at every step whether the process lives on.
pub type StepHook = Arc<dyn Fn(Step) -> bool + Send + Sync>;

/// The one place where data is kept. Cheap to clone; all clones are the same store.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    backend: Backend,
    shared: Arc<Shared>,
    /// The folder of a temporary store, removed with the last clone. Declared after the backend, so the files are closed first.
    _folder: Option<tempfile::TempDir>,
}

enum Backend {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

/// What the transactions of one store have in common.
struct Shared {
    key: RwLock<Arc<MasterKey>>,
    hook: RwLock<Option<StepHook>>,
    /// Counts commits that brought work or entries, here or at another process; who sleeps on it looks again.
    woken: watch::Sender<u64>,
    /// Counts those of this process alone: what others are told of. One counter for both would echo for ever.
    committed: watch::Sender<u64>,
}

impl Shared {
    fn key(&self) -> Arc<MasterKey> {
        Arc::clone(&self.key.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the process lives on at this step.
    fn survives(&self, step: Step) -> bool {
        let hook = self.hook.read().unwrap_or_else(PoisonError::into_inner).clone();
        hook.is_none_or(|hook| hook(step))
    }

    fn wake(&self) {
        self.woken.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn committed(&self) {
        self.wake();
        self.committed.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// Holds the right to be the worker of an SQLite database; give it up by dropping it. The operating system takes it back when the
/// process dies, so nothing has to expire before a restart.
#[derive(Debug)]
pub struct WorkerSeat {
    _lock: Option<std::fs::File>,
}

impl Store {
    /// Opens the database, brings its schema up to date and checks that the master key is the one it was made with.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::NewerSchema`], [`StoreError::BadKey`], [`StoreError::BadUrl`], or what a migration
    /// runs into.
    pub async fn open(url: &StoreUrl, options: StoreOptions) -> Result<Self> {
        let key = options.key.clone();
        let shared = Arc::new(Shared {
            key: RwLock::new(Arc::new(key)),
            hook: RwLock::new(None),
            woken: watch::Sender::new(0),
            committed: watch::Sender::new(0),
        });
        let mut folder = None;
        let backend = match url {
            StoreUrl::Postgres(url) => Backend::Postgres(postgres::Postgres::open(url, &options, &shared).await?),
            StoreUrl::Sqlite(path) => Backend::Sqlite(sqlite::Sqlite::open(path.clone(), &options, &shared).await?),
            StoreUrl::Temporary => {
                let made = tempfile::Builder::new()
                    .prefix("entente-")
                    .tempdir()
                    .map_err(|source| StoreError::Io { what: "making a temporary folder".into(), source })?;
                let path = made.path().join("entente.db");
                folder = Some(made);
                Backend::Sqlite(sqlite::Sqlite::open(path, &options, &shared).await?)
            }
        };
        let store = Self(Arc::new(Inner { backend, shared, _folder: folder }));
        store.write(|tx| tx.claim_master_key()).await?;
        Ok(store)
    }

    /// Runs the closure in a transaction and commits it. Many closures share one commit on SQLite; each has a savepoint of its own,
    /// so one that fails takes nothing of the others with it.
    ///
    /// The closure does no I/O, and nothing but its answer leaves it: it may be run again from the start when the database asks for it.
    /// When the caller stops waiting, the transaction still runs to its end.
    ///
    /// # Errors
    /// What the closure returned, or what the commit ran into. Nothing is committed then, save for [`StoreError::Crashed`].
    pub async fn write<T, F>(&self, body: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.write(body).await,
            Backend::Postgres(postgres) => postgres.write(body).await,
        }
    }

    /// Runs the closure in a transaction that can only read. Reads never wait for writers.
    ///
    /// # Errors
    /// What the closure returned, or what the database ran into.
    pub async fn read<T, F>(&self, body: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.read(body).await,
            Backend::Postgres(postgres) => postgres.read(body).await,
        }
    }

    /// Lets a test decide at each step of each write whether the process dies there. Before the commit: nothing is committed. After it:
    /// everything is, but the caller gets [`StoreError::Crashed`] just the same.
    pub fn set_step_hook(&self, hook: Option<StepHook>) {
        *self.0.shared.hook.write().unwrap_or_else(PoisonError::into_inner) = hook;
    }

    /// Changes whenever hints or ledger entries were committed by this process, or on PostgreSQL by another one. Wake-ups may be lost
    /// with a connection, so look by the clock now and then as well.
    #[must_use]
    pub fn wakeups(&self) -> watch::Receiver<u64> {
        self.0.shared.woken.subscribe()
    }

    /// Takes the seat of a worker. PostgreSQL has room for any number.
    ///
    /// # Errors
    /// [`StoreError::SecondWorker`] when the SQLite database has one already.
    pub fn worker_seat(&self) -> Result<WorkerSeat> {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.worker_seat(),
            Backend::Postgres(_) => Ok(WorkerSeat { _lock: None }),
        }
    }

    /// Has what was deleted leave the database's files as well; see `scrub.rs`. Writers wait meanwhile, on PostgreSQL for the table that is
    /// written anew: about ten seconds for each gibibyte.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when readers hold on to what was deleted, or what the database runs into; then it can be tried again.
    pub async fn scrub(&self) -> Result<Scrubbed> {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.scrub().await,
            Backend::Postgres(postgres) => postgres.scrub().await,
        }
    }

    /// Bytes that a scrub would write anew, about.
    ///
    /// # Errors
    /// When the database cannot be asked, or the file cannot be looked at.
    pub async fn scrub_bytes(&self) -> Result<u64> {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => std::fs::metadata(sqlite.path())
                .map(|file| file.len())
                .map_err(|source| StoreError::Io { what: format!("looking at {}", sqlite.path().display()), source }),
            Backend::Postgres(postgres) => postgres.scrub_bytes().await,
        }
    }

    /// Whether this is PostgreSQL, for `entente doctor` and telemetry.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        matches!(self.0.backend, Backend::Postgres(_))
    }

    /// Path of the SQLite file, for backups and `entente doctor`.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => Some(sqlite.path().to_owned()),
            Backend::Postgres(_) => None,
        }
    }

    /// Wraps everything that hangs on the master key under a new one, in one transaction, and goes on with it. Other processes must
    /// be restarted with the new key: their next secret fails with [`StoreError::BadKey`].
    ///
    /// # Errors
    /// [`StoreError::BadKey`] when this store's present key is no longer the database's; then nothing has changed.
    pub async fn rotate_master_key(&self, new: MasterKey) -> Result<()> {
        let old = self.0.shared.key();
        let fresh = new.clone();
        self.write(move |tx| tx.rewrap(&old, &fresh)).await?;
        *self.0.shared.key.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        Ok(())
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_postgres() { "Store(PostgreSQL)" } else { "Store(SQLite)" })
    }
}
