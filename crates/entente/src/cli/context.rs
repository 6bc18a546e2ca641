//! What every command works with: where the configuration is, and how to answer.

use std::path::PathBuf;

use entente_engine::Engine;
use entente_store::{Store, Viewer};

use super::output::Output;
use crate::assemble;
use crate::config::{Config, Environment, locate};
use crate::fault::Result;

/// Surroundings of a command.
pub struct Context {
    /// The process's environment.
    pub environment: Environment,
    /// The configuration file that was named.
    pub file: Option<PathBuf>,
    /// How to answer.
    pub output: Output,
}

impl Context {
    /// Path of the configuration file.
    pub fn file(&self) -> PathBuf {
        locate(self.file.as_deref(), &self.environment)
    }

    /// Reads the configuration.
    pub fn config(&self) -> Result<Config> {
        Ok(Config::load(&self.file(), &self.environment)?)
    }

    /// Opens the store.
    pub async fn store(&self) -> Result<Store> {
        assemble::store(&self.config()?).await
    }

    /// Opens the store and builds the engine on it. Makes no call.
    pub async fn engine(&self) -> Result<Engine> {
        let config = self.config()?;
        assemble::engine(&config, assemble::store(&config).await?).await
    }

    /// On whose behalf commands look and decide: the operator of this machine, by the name they are signed in with.
    pub fn viewer(&self) -> Viewer {
        let name = self.environment.get("USER").map_or_else(|| "command line".to_owned(), |user| format!("{user} (command line)"));
        Viewer::new(name, "admin")
    }
}
