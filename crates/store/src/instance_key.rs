//! The instance's own key: 32 random bytes, made at first use and kept among the secrets. What this instance signs hangs on it.

use crate::crypto;
use crate::error::{Result, StoreError};
use crate::tx::Tx;

/// Name of the secret.
const NAME: &str = "instance/key";

/// Bytes of the key.
pub const INSTANCE_KEY_BYTES: usize = 32;

impl Tx<'_> {
    /// The instance's key; made now if there is none yet. It outlives changes of the master key.
    ///
    /// # Errors
    /// [`StoreError::BadKey`] when it does not open, or the system has no randomness to give.
    pub fn instance_key(&mut self) -> Result<[u8; INSTANCE_KEY_BYTES]> {
        if let Some(known) = self.secret(NAME)? {
            return known.try_into().map_err(|_| StoreError::corrupt("the instance's key has a wrong length"));
        }
        let fresh: [u8; INSTANCE_KEY_BYTES] = crypto::random()?;
        self.put_secret(NAME, &fresh)?;
        Ok(fresh)
    }
}
