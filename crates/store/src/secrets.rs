//! Secrets of connections: tokens, passwords, webhook keys. Encrypted under the master key, never listed with their values.

use crate::crypto;
use crate::error::{Result, StoreError};
use crate::master_key::MasterKey;
use crate::sql::vals;
use crate::tx::Tx;

fn context(name: &str) -> Vec<u8> {
    format!("secret {name}").into_bytes()
}

fn open(key: &MasterKey, name: &str, sealed: &[u8]) -> Result<Vec<u8>> {
    crypto::open(key.bytes(), &context(name), sealed)?.ok_or_else(|| {
        StoreError::BadKey(format!("secret `{name}` does not open; was the master key changed? Restart with the present one"))
    })
}

impl Tx<'_> {
    /// Keeps a secret under a name, in place of what was there.
    ///
    /// # Errors
    /// [`StoreError::BadKey`] when the master key was rotated by another process.
    pub fn put_secret(&mut self, name: &str, secret: &[u8]) -> Result<()> {
        let key = self.current_master_key()?;
        let sealed = crypto::seal(key.bytes(), &context(name), secret)?;
        self.exec(
            "insert into secrets (name, ciphertext, key_id) values ($1, $2, $3)
             on conflict (name) do update set ciphertext = excluded.ciphertext, key_id = excluded.key_id",
            vals![name, sealed, key.id()],
        )?;
        Ok(())
    }

    /// A secret, decrypted.
    ///
    /// # Errors
    /// [`StoreError::BadKey`] when it does not open.
    pub fn secret(&mut self, name: &str) -> Result<Option<Vec<u8>>> {
        let key = self.master_key();
        let found = self.row("secrets", "select ciphertext from secrets where name = $1", vals![name])?;
        found.map(|mut row| open(&key, name, &row.blob()?)).transpose()
    }

    /// Names of the secrets kept.
    ///
    /// # Errors
    /// As for any read.
    pub fn secret_names(&mut self) -> Result<Vec<String>> {
        self.rows("secrets", "select name from secrets order by name", &[])?.iter_mut().map(|row| row.text()).collect()
    }

    pub(crate) fn rewrap_secrets(&mut self, old: &MasterKey, new: &MasterKey) -> Result<()> {
        // Connections are tens, so all of them fit in memory at once.
        for mut row in self.rows("secrets", "select name, ciphertext from secrets", &[])? {
            let name = row.text()?;
            let sealed = crypto::seal(new.bytes(), &context(&name), &open(old, &name, &row.blob()?)?)?;
            self.exec("update secrets set ciphertext = $1, key_id = $2 where name = $3", vals![sealed, new.id(), &name])?;
        }
        Ok(())
    }
}
