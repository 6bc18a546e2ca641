//! The certificate of an erasure: what was asked for, what each system answered, what is left to people, and since when nothing of the person
//! is in the database; signed with the instance's key. It holds no value of the person.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use entente_store::Viewer;
use jiff::Timestamp;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::requests::{missing, number};
use super::work::{Flag, RowWork, Sighting, Work};
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::reconcile::signing::{InstanceKey, key_id};

/// The form of certificates that this program writes and reads.
pub const VERSION: u32 = 1;

/// A statement and its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasureCertificate {
    /// What is certified.
    pub statement: ErasureStatement,
    /// Ed25519 over the statement as compact JSON, in base64.
    pub signature: String,
}

/// What is certified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasureStatement {
    /// Form.
    pub version: u32,
    /// Name of the instance's key.
    pub key: String,
    /// The instance's public key, Ed25519, in base64.
    pub public_key: String,
    /// When it was certified.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The request.
    pub erasure: String,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub asked_at: Timestamp,
    /// By whom.
    pub asked_by: String,
    /// Where it came from.
    pub source: String,
    /// Whether every system has answered and nothing is left to people.
    pub complete: bool,
    /// Records that were emptied in Entente, and whose keys in the ledger were destroyed, when it was asked for.
    pub records: Vec<String>,
    /// What each system answered, row by row.
    pub answers: Vec<RowWork>,
    /// Connections that were searched by the person's addresses.
    pub searched: Vec<String>,
    /// What only a person can do, and who did it.
    pub flags: Vec<Flag>,
    /// Who turned up again, and was not taken in.
    pub seen_again: Vec<Sighting>,
    /// Since when no value of the person is in the database's files.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub scrubbed_at: Option<Timestamp>,
    /// When it was checked again.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub rechecked_at: Option<Timestamp>,
    /// Hash of the ledger's newest block, in hexadecimal: the ledger is whole, and what it holds of the person cannot be read.
    pub ledger: Option<String>,
}

fn bytes_of(statement: &ErasureStatement) -> Result<Vec<u8>> {
    serde_json::to_vec(statement).map_err(|error| EngineError::Corrupt { what: "the certificate".to_owned(), reason: error.to_string() })
}

fn refuse(reason: impl Into<String>, remedy: &str) -> EngineError {
    EngineError::Invalid { field: "certificate".to_owned(), reason: reason.into(), remedy: remedy.to_owned() }
}

/// Certifies a request as it stands now.
///
/// # Errors
/// When there is none of this id, or the store fails.
pub async fn certify(engine: &Engine, viewer: &Viewer, id: &str) -> Result<ErasureCertificate> {
    let (id, seer) = (number(id)?, viewer.clone());
    let found = engine.store().read(move |tx| Ok((tx.erasure(&seer, id)?, tx.last_block()?)));
    let (erasure, block) = found.await?;
    let erasure = erasure.ok_or_else(|| missing(id))?;
    let work = Work::of(&erasure)?;
    let key = InstanceKey::of(engine).await?;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let statement = ErasureStatement {
        version: VERSION,
        key: key_id(&key.public()),
        public_key: key.public(),
        at: engine.now(),
        erasure: erasure.id.to_string(),
        asked_at: erasure.asked_at,
        asked_by: erasure.asked_by.clone(),
        source: erasure.source.clone(),
        complete: erasure.state == entente_store::ErasureState::Done,
        records: work.records,
        answers: work.rows,
        searched: work.searched.into_iter().collect(),
        flags: work.flags,
        seen_again: work.sightings,
        scrubbed_at: erasure.scrubbed_at,
        rechecked_at: work.rechecked_at,
        ledger: block.map(|block| hex(&block.hash)),
    };
    let signature = key.sign(&bytes_of(&statement)?);
    Ok(ErasureCertificate { statement, signature })
}

impl ErasureCertificate {
    /// Reads a certificate and checks its signature. Whose key it is, its reader has to know.
    ///
    /// # Errors
    /// When it is none, is of a later form, or was changed after it was signed.
    pub fn read(text: &[u8]) -> Result<Self> {
        const UNCHANGED: &str = "take an unchanged copy of what `entente privacy certificate --out` wrote";
        let version = serde_json::from_slice::<serde_json::Value>(text).ok().and_then(|json| json["statement"]["version"].as_u64());
        if let Some(later) = version.filter(|version| *version > u64::from(VERSION)) {
            return Err(refuse(format!("it is of form {later}, and this program reads form {VERSION}"), "use a later version of Entente"));
        }
        let read: Self = serde_json::from_slice(text).map_err(|error| refuse(format!("it cannot be read: {error}"), UNCHANGED))?;
        let changed = || refuse("its signature does not fit: it was changed after it was signed", UNCHANGED);
        let key = STANDARD.decode(&read.statement.public_key).map_err(|_| changed())?;
        let signature = STANDARD.decode(&read.signature).map_err(|_| changed())?;
        UnparsedPublicKey::new(&ED25519, key).verify(&bytes_of(&read.statement)?, &signature).map_err(|_| changed())?;
        if key_id(&read.statement.public_key) == read.statement.key { Ok(read) } else { Err(changed()) }
    }
}
