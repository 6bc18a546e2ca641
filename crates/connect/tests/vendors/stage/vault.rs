//! Tokens kept in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use entente_connect::transport::wire::{TokenVault, Tokens};

#[derive(Default)]
pub struct Pocket(Mutex<BTreeMap<String, Tokens>>);

#[async_trait]
impl TokenVault for Pocket {
    async fn load(&self, connection: &str) -> Result<Option<Tokens>, String> {
        Ok(self.0.lock().unwrap().get(connection).cloned())
    }

    async fn save(&self, connection: &str, tokens: &Tokens) -> Result<(), String> {
        self.0.lock().unwrap().insert(connection.to_owned(), tokens.clone());
        Ok(())
    }
}
