//! The master key: 32 bytes that the operator keeps, under which secrets and the subjects' keys are wrapped.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use crate::crypto;
use crate::error::{Result, StoreError};

/// Bytes of an AES-256 key.
pub(crate) const KEY_BYTES: usize = 32;

/// The key everything secret in the store hangs on. It is given by the operator and never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey([u8; KEY_BYTES]);

impl MasterKey {
    /// Reads a key from text: 64 hexadecimal digits, or 32 bytes in base64 (either alphabet, padding optional). Space around it,
    /// such as the line end of a key file, does not matter.
    ///
    /// # Errors
    /// [`StoreError::BadKey`] without any part of the text in it.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.len() == KEY_BYTES * 2
            && let Some(bytes) = crypto::from_hex(text)
        {
            return Self::from_bytes(&bytes);
        }
        [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD]
            .into_iter()
            .find_map(|alphabet| alphabet.decode(text).ok())
            .ok_or_else(|| {
                StoreError::BadKey(
                    "expected 32 bytes as 64 hexadecimal digits or as base64; make one with `openssl rand -base64 32`".into(),
                )
            })
            .and_then(|bytes| Self::from_bytes(&bytes))
    }

    /// Takes exactly 32 bytes.
    ///
    /// # Errors
    /// [`StoreError::BadKey`] for any other length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let key = bytes.try_into().map_err(|_| StoreError::BadKey(format!("expected {KEY_BYTES} bytes, found {}", bytes.len())))?;
        Ok(Self(key))
    }

    /// Draws a new key from the system's secure generator.
    ///
    /// # Errors
    /// [`StoreError::BadKey`] when the system has no randomness to give.
    pub fn generate() -> Result<Self> {
        Ok(Self(crypto::random()?))
    }

    /// The key as base64, for the one moment it is handed to the operator.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// Names the key without giving it away: the start of a hash of it.
    #[must_use]
    pub fn id(&self) -> String {
        crypto::hex(&crypto::sha256(&[b"entente master key", &self.0])[..8])
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_from_hex_and_from_base64() {
        let key = MasterKey::from_bytes(&[7; 32]).unwrap();
        assert_eq!(MasterKey::parse(&format!(" {}\n", "07".repeat(32))).unwrap(), key);
        assert_eq!(MasterKey::parse(&key.to_base64()).unwrap(), key);
        assert_eq!(MasterKey::parse(key.to_base64().trim_end_matches('=')).unwrap(), key);
    }

    #[test]
    fn a_bad_key_is_refused_without_being_quoted() {
        for text in ["", "hunter2hunter2", "07"] {
            let error = MasterKey::parse(text).unwrap_err().to_string();
            assert!(text.is_empty() || !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn debug_hides_the_key() {
        let key = MasterKey::from_bytes(&[7; 32]).unwrap();
        assert!(!format!("{key:?}").contains("0707"));
        assert!(!format!("{key:?}").contains(&key.to_base64()[..8]));
    }
}
