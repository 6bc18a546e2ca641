//! The instance's own keys: one to sign certificates with, one that fingerprints are made with. Both come from the secret in the store.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::fingerprint::{Printer, hex};
use crate::engine::Engine;
use crate::error::{EngineError, Result};

/// Bytes of a public key's digest that name it.
const ID_BYTES: usize = 8;

/// The keys of an instance.
pub(crate) struct InstanceKey {
    pair: Ed25519KeyPair,
    /// Makes fingerprints.
    pub(crate) printer: Printer,
}

impl InstanceKey {
    /// The keys of this instance, made at first use.
    ///
    /// # Errors
    /// When the store fails, or the kept secret is no key.
    pub(crate) async fn of(engine: &Engine) -> Result<Self> {
        let secret = engine.store().write(|tx| tx.instance_key()).await?;
        let derive = |purpose: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), purpose);
        let pair = Ed25519KeyPair::from_seed_unchecked(derive(b"sign certificates").as_ref())
            .map_err(|error| EngineError::Corrupt { what: "the instance's key".to_owned(), reason: error.to_string() })?;
        Ok(Self { pair, printer: Printer::new(derive(b"make fingerprints").as_ref()) })
    }

    /// The public key, in base64.
    pub(crate) fn public(&self) -> String {
        STANDARD.encode(self.pair.public_key().as_ref())
    }

    /// Signs a text; the answer is in base64.
    pub(crate) fn sign(&self, text: &[u8]) -> String {
        STANDARD.encode(self.pair.sign(text).as_ref())
    }
}

/// The name of a public key, short enough to be compared by people.
pub(crate) fn key_id(public: &str) -> String {
    hex(&ring::digest::digest(&ring::digest::SHA256, public.as_bytes()).as_ref()[..ID_BYTES])
}
