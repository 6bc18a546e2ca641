//! Where the data lives and how carefully it is written.

use std::fmt;
use std::path::PathBuf;

use crate::error::{Result, StoreError};
use crate::master_key::MasterKey;

/// Read connections to an SQLite file. Reads are short; four keep two cores busy and cost little memory.
const READERS: usize = 4;

/// Connections to PostgreSQL per process. A default server takes 100 in all.
const POOL_SIZE: usize = 16;

/// When a commit counts as done on SQLite. PostgreSQL decides by its own `synchronous_commit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// On the disk: survives a power cut.
    #[default]
    Full,
    /// Handed to the operating system: survives a crash of Entente; a power cut may lose the last moments, never consistency.
    Normal,
}

/// How to open a store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The master key.
    pub key: MasterKey,
    /// SQLite: when a commit counts.
    pub durability: Durability,
    /// SQLite: read connections, opened as they are needed.
    pub readers: usize,
    /// SQLite: the thread of whoever reads or writes does nothing else until that is done. What shares one thread then happens in one order,
    /// whatever the disk's speed: for simulations, which must be the same every time.
    pub in_step: bool,
    /// PostgreSQL: connections of this process.
    pub pool_size: usize,
    /// PostgreSQL: certificates (PEM) of the authorities that may vouch for the server. Needed for TLS.
    pub postgres_ca: Option<String>,
}

impl StoreOptions {
    /// Usual options with this key.
    #[must_use]
    pub fn new(key: MasterKey) -> Self {
        Self { key, durability: Durability::default(), readers: READERS, in_step: false, pool_size: POOL_SIZE, postgres_ca: None }
    }
}

/// Which database to use.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// An SQLite file; made if it is missing.
    Sqlite(PathBuf),
    /// An SQLite file in a temporary folder that goes with the store.
    Temporary,
    /// A PostgreSQL server.
    Postgres(String),
}

impl StoreUrl {
    /// Reads `sqlite:<path>`, `sqlite::memory:` (a temporary file) or `postgres://user:password@host/database`.
    ///
    /// # Errors
    /// [`StoreError::BadUrl`], which never quotes the text since it may hold a password.
    pub fn parse(text: &str) -> Result<Self> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        match text.strip_prefix("sqlite:") {
            Some(":memory:") => Ok(Self::Temporary),
            Some(path) if !path.trim_start_matches("//").is_empty() => {
                Ok(Self::Sqlite(PathBuf::from(path.strip_prefix("//").unwrap_or(path))))
            }
            _ => Err(StoreError::BadUrl("expected sqlite:<path>, sqlite::memory: or postgres://user@host/database".into())),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Temporary => f.write_str("sqlite::memory:"),
            Self::Postgres(_) => f.write_str("postgres://…"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_database() {
        assert_eq!(StoreUrl::parse("sqlite:data/entente.db").unwrap(), StoreUrl::Sqlite("data/entente.db".into()));
        assert_eq!(StoreUrl::parse("sqlite:///var/lib/e.db").unwrap(), StoreUrl::Sqlite("/var/lib/e.db".into()));
        assert_eq!(StoreUrl::parse("sqlite::memory:").unwrap(), StoreUrl::Temporary);
        assert!(matches!(StoreUrl::parse("postgres://a:b@c/d").unwrap(), StoreUrl::Postgres(_)));
        assert!(StoreUrl::parse("sqlite:").is_err());
        assert!(!StoreUrl::parse("mysql://a:secret@c/d").unwrap_err().to_string().contains("secret"));
        assert!(!format!("{:?}", StoreUrl::parse("postgres://a:secret@c/d").unwrap()).contains("secret"));
    }
}
