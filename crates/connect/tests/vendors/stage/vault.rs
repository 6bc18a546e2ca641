//! Tokens kept in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use entente_connect::transport::wire::{TokenVault, Tokens};

#[derive(Default)]
pub struct Pocket {
    kept: Mutex<BTreeMap<String, Tokens>>,
    held: Mutex<bool>,
}

#[async_trait]
impl TokenVault for Pocket {
    async fn load(&self, connection: &str) -> Result<Option<Tokens>, String> {
        Ok(self.kept.lock().unwrap().get(connection).cloned())
    }

    async fn save(&self, connection: &str, tokens: &Tokens) -> Result<(), String> {
        self.kept.lock().unwrap().insert(connection.to_owned(), tokens.clone());
        Ok(())
    }

    async fn hold(&self, _: &str, _: Duration) -> Result<bool, String> {
        Ok(!std::mem::replace(&mut *self.held.lock().unwrap(), true))
    }

    async fn let_go(&self, _: &str) -> Result<(), String> {
        *self.held.lock().unwrap() = false;
        Ok(())
    }
}
