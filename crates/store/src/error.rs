//! What can go wrong in the store, and what to do about it.

/// Short form used all over the crate.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why the store could not do what it was asked. Texts never carry values of records, parameters or secrets.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The row was changed by somebody else since it was read, or a unique value is taken.
    #[error("{what}: changed or taken meanwhile; read it again and decide anew")]
    Conflict {
        /// Which row or constraint.
        what: String,
    },
    /// The database is locked by another process, or the transaction lost a race more often than it is retried.
    #[error("the database is busy ({0}); try again in a moment")]
    Busy(String),
    /// The database cannot be reached.
    #[error("the database cannot be reached ({0}); check that it runs and that the URL, network and pool size fit")]
    Unavailable(String),
    /// The disk is full, read-only or broken.
    #[error("the disk takes nothing ({0}); free space on it or make it writable: what waits goes on by itself then")]
    Disk(String),
    /// Stored bytes do not mean what they must.
    #[error("stored data is damaged: {what}; restore from a backup or run `entente doctor`")]
    Corrupt {
        /// Table, column or entry.
        what: String,
    },
    /// The step hook simulated the death of the process. The write may or may not have been committed.
    #[error("the process was made to die during a write; look at the store again before acting")]
    Crashed,
    /// The database was written by a later version of Entente.
    #[error("the database has schema {found}, this program knows up to {known}; start the newer version of Entente")]
    NewerSchema {
        /// Number of the newest migration applied.
        found: i64,
        /// Number of the newest migration built in.
        known: i64,
    },
    /// A second worker on SQLite.
    #[error("another worker already serves this SQLite database; stop it, or move to PostgreSQL to run several")]
    SecondWorker,
    /// The subject's key was destroyed by an erasure.
    #[error("subject {subject} was erased; nothing more can be written about it, use a new record")]
    Erased {
        /// The subject.
        subject: String,
    },
    /// The master key does not parse or does not fit this database.
    #[error("master key: {0}")]
    BadKey(String),
    /// The database URL or TLS options do not parse.
    #[error("database URL: {0}")]
    BadUrl(String),
    /// An argument breaks a limit or a rule of the store.
    #[error("refused: {0}")]
    Invalid(String),
    /// There is no such row.
    #[error("{0} does not exist; it may have been removed meanwhile")]
    Missing(String),
    /// The closure panicked. Nothing of it was committed.
    #[error("a transaction panicked: {0}; this is a defect, please report it")]
    Panicked(String),
    /// The store is shutting down.
    #[error("the store is closed; restart the process")]
    Closed,
    /// The caller's own reason to give up. Nothing was committed.
    #[error(transparent)]
    Abort(Box<dyn std::error::Error + Send + Sync>),
    /// Any other failure of the database.
    #[error("the database refused a statement: {0}")]
    Database(String),
    /// A file could not be opened or locked.
    #[error("{what}: {source}")]
    Io {
        /// Path and purpose.
        what: String,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl StoreError {
    /// Wraps a reason of the caller's own, to leave a transaction without committing.
    pub fn abort(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Abort(reason.into())
    }

    /// Whether the same call may well succeed when it is repeated.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Unavailable(_) | Self::Conflict { .. })
    }

    /// Whether the store as a whole has failed, not what it was asked: any other call would fail as well.
    #[must_use]
    pub fn is_total(&self) -> bool {
        matches!(
            self,
            Self::Crashed
                | Self::Unavailable(_)
                | Self::Disk(_)
                | Self::Closed
                | Self::Io { .. }
                | Self::NewerSchema { .. }
                | Self::SecondWorker
                | Self::BadKey(_)
                | Self::BadUrl(_)
        )
    }

    /// Why a group of transactions could not be committed: nothing of it was kept.
    pub(crate) fn of_commit(error: &rusqlite::Error) -> Self {
        let text = format!("the commit failed: {error}");
        if is_of_disk(error) { Self::Disk(text) } else { Self::Busy(text) }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let code = error.sqlite_error_code();
        // Messages of SQLite name tables and columns, never values.
        let text = error.to_string();
        match code {
            _ if is_of_disk(&error) => Self::Disk(text),
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => Self::Busy(text),
            Some(Code::ConstraintViolation) => Self::Conflict { what: text },
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => Self::Corrupt { what: text },
            Some(Code::CannotOpen) => Self::Unavailable(text),
            _ => Self::Database(text),
        }
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            return if error.is_closed() || std::error::Error::source(&error).is_some_and(|cause| cause.is::<std::io::Error>()) {
                Self::Unavailable(error.to_string())
            } else {
                Self::Database(describe(&error))
            };
        };
        // `detail` of PostgreSQL quotes values, so it is left out.
        let text = format!("{} ({})", db.message(), db.code().code());
        match db.code().code() {
            "40001" | "40P01" | "55P03" => Self::Busy(text),
            code if code.starts_with("23") => Self::Conflict { what: db.constraint().map_or(text.clone(), ToOwned::to_owned) },
            code if code.starts_with("08") || code.starts_with("57P") || code.starts_with("53") => Self::Unavailable(text),
            "XX001" | "XX002" => Self::Corrupt { what: text },
            _ => Self::Database(text),
        }
    }
}

/// Whether the disk is what fails: it is full, takes no writes, or is broken.
fn is_of_disk(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode as Code;
    matches!(error.sqlite_error_code(), Some(Code::DiskFull | Code::ReadOnly | Code::SystemIoFailure))
}

/// The driver's errors say only "error serializing parameter 0"; the cause behind it tells why.
fn describe(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

impl From<deadpool_postgres::PoolError> for StoreError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(inner) => match Self::from(inner) {
                Self::Database(text) => Self::Unavailable(text),
                other => other,
            },
            other => Self::Unavailable(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_no_record_s_fault() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection.execute_batch("PRAGMA max_page_count = 4; CREATE TABLE t (b BLOB)").unwrap();
        let full = connection.execute("INSERT INTO t VALUES (zeroblob(1000000))", []).unwrap_err();
        let error = StoreError::from(full);
        assert!(matches!(error, StoreError::Disk(_)) && error.is_total(), "{error:?}");
        assert!(error.to_string().contains("free space"), "{error}");
        let lost = connection.execute("INSERT INTO t VALUES (zeroblob(1000000))", []).unwrap_err();
        assert!(StoreError::of_commit(&lost).is_total());
    }

    #[test]
    fn a_database_that_cannot_be_written_is_no_record_s_fault() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (b BLOB); PRAGMA query_only = 1").unwrap();
        let refused = StoreError::from(connection.execute("INSERT INTO t VALUES (1)", []).unwrap_err());
        assert!(matches!(refused, StoreError::Disk(_)) && refused.is_total(), "{refused:?}");
    }
}
