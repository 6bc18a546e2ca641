//! The certificate: what both sides held in their mapped fields when they were read, everything that was not in agreement, and when; signed.
//!
//! Anybody can check the signature with the public key. What it vouches for can be checked again by the instance that made it, which knows
//! the key of the fingerprints; see [`super::verify`]. It holds no value of any customer.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use super::report::Exception;
use super::signing::{InstanceKey, key_id};
use crate::error::{EngineError, Result};

/// The form of certificates that this program writes. It reads the first as well, which did not say what is outside.
pub const VERSION: u32 = 2;

/// Most bytes of a certificate that is read: a hundred times what a company of 100,000 customers has.
pub const BYTES_MAX: usize = 1 << 30;

/// A statement and its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// What is certified.
    pub statement: Statement,
    /// Ed25519 over the statement as compact JSON, in base64.
    pub signature: String,
}

/// What is certified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Form.
    pub version: u32,
    /// Name of the instance's key.
    pub key: String,
    /// The instance's public key, Ed25519, in base64.
    pub public_key: String,
    /// When reading began.
    pub began_at: Timestamp,
    /// When the last row was looked at.
    pub ended_at: Timestamp,
    /// What was reconciled, in words.
    pub scope: String,
    /// Whether every object was read completely.
    pub complete: bool,
    /// What was read.
    pub sides: Vec<Side>,
    /// Everything that is not in agreement.
    pub exceptions: Vec<Exception>,
}

/// One object of one connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// Connection.
    pub connection: String,
    /// The platform's name of the object.
    pub object: String,
    /// The platform's fields that the fingerprints cover.
    pub fields: Vec<String>,
    /// Fields of the mapping that they do not cover, each with why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outside: BTreeMap<String, Outside>,
    /// Rows.
    pub rows: u64,
    /// Why it was not read completely, if it was not: then it vouches for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<String>,
    /// The rows by range, of 256: the range of a row is the first byte of the SHA-256 of its record's id.
    pub ranges: BTreeMap<u8, Range>,
}

/// Why a field of a mapping is outside of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outside {
    /// It carries Entente's own id.
    OwnId,
    /// The platform takes it with a new row and shows it to nobody.
    NeverShown,
}

/// The rows of one range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Rows.
    pub rows: u64,
    /// Fingerprint of all of them: HMAC-SHA-256 with the instance's key, in hexadecimal.
    pub fingerprint: String,
    /// The rows one by one, sorted: eight bytes that name the row and sixteen that hang on what it holds, in base64.
    pub leaves: String,
}

fn bytes_of(statement: &Statement) -> Result<Vec<u8>> {
    serde_json::to_vec(statement).map_err(|error| EngineError::Corrupt { what: "the certificate".to_owned(), reason: error.to_string() })
}

/// The refusal of a certificate.
pub(crate) fn refuse(reason: impl Into<String>, remedy: impl Into<String>) -> EngineError {
    EngineError::Invalid { field: "certificate".to_owned(), reason: reason.into(), remedy: remedy.into() }
}

impl Certificate {
    /// Signs a statement.
    pub(crate) fn sign(statement: Statement, key: &InstanceKey) -> Result<Self> {
        let signature = key.sign(&bytes_of(&statement)?);
        Ok(Self { statement, signature })
    }

    /// Reads a certificate and checks its signature.
    ///
    /// # Errors
    /// When it is none, is of a later form, or was changed after it was signed.
    pub fn read(text: &[u8]) -> Result<Self> {
        if text.len() > BYTES_MAX {
            return Err(refuse("the file is too large to be a certificate", "name the file that `entente reconcile --out` wrote"));
        }
        let version = serde_json::from_slice::<serde_json::Value>(text).ok().and_then(|json| json["statement"]["version"].as_u64());
        if let Some(later) = version.filter(|version| *version > u64::from(VERSION)) {
            return Err(refuse(format!("it is of form {later}, and this program reads form {VERSION}"), "use a later version of Entente"));
        }
        let read: Self = serde_json::from_slice(text).map_err(|error| {
            refuse(format!("it cannot be read: {error}"), "name the file that `entente reconcile --out` wrote, unchanged")
        })?;
        read.check_signature()?;
        Ok(read)
    }

    /// # Errors
    /// When the statement is not the one that was signed.
    pub fn check_signature(&self) -> Result<()> {
        let changed = || refuse("its signature does not fit: it was changed after it was signed", "take an unchanged copy");
        let key = STANDARD.decode(&self.statement.public_key).map_err(|_| changed())?;
        let signature = STANDARD.decode(&self.signature).map_err(|_| changed())?;
        UnparsedPublicKey::new(&ED25519, key).verify(&bytes_of(&self.statement)?, &signature).map_err(|_| changed())?;
        if key_id(&self.statement.public_key) == self.statement.key { Ok(()) } else { Err(changed()) }
    }

    /// # Errors
    /// When another instance made it.
    pub(crate) fn check_ours(&self, key: &InstanceKey) -> Result<()> {
        if self.statement.public_key == key.public() {
            return Ok(());
        }
        Err(refuse(
            format!("it was signed by the instance {}, and this one is {}", self.statement.key, key_id(&key.public())),
            "verify it with the instance that made it",
        ))
    }
}
