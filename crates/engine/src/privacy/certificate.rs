//! The certificate of an erasure: what was asked for, what each system answered, what is left to people, and what was done when in each place
//! where Entente kept values of the person, also where it cannot reach; signed with the instance's key. It holds no value of the person.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use entente_store::{Erasure, ErasureState, Viewer};
use jiff::Timestamp;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::requests::{missing, number};
use super::work::{Flag, RowWork, ScrubWork, Sighting, Work};
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::reconcile::signing::{InstanceKey, key_id};

/// The form of certificates that this program writes and reads.
pub const VERSION: u32 = 2;

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
    /// Whether every system has answered, nothing is left to people, and the database's files were scrubbed after the last of it. What is the
    /// operator's is not part of it.
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
    /// What was done in each place where values of the person were kept. Certificates of form 1 do not tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<PlaceStatement>,
    /// When the database's files were scrubbed, if nothing has come in since; what that means is in `places`.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub scrubbed_at: Option<Timestamp>,
    /// When it was checked again.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub rechecked_at: Option<Timestamp>,
    /// Hash of the ledger's newest block, in hexadecimal: the ledger is whole, and what it holds of the person cannot be read.
    pub ledger: Option<String>,
}

/// A place where values of the person were, or may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlaceName {
    /// Records, their counterparts, and whatever waits or was noted about them.
    Records,
    /// The ledger.
    Ledger,
    /// The files of the database.
    DatabaseFiles,
    /// The statistics that PostgreSQL keeps for its planner.
    PlannerStatistics,
    /// The write-ahead log.
    WriteAheadLog,
    /// Replicas of the database.
    Replicas,
    /// Backups and other copies.
    Backups,
    /// Logs of the database server.
    ServerLogs,
}

/// Who sees to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Keeper {
    /// Entente.
    Entente,
    /// Whoever operates the database: Entente cannot reach it.
    Operator,
}

/// What was done in a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceStatement {
    /// The place.
    pub place: PlaceName,
    /// Who sees to it.
    pub by: Keeper,
    /// When it was done; none as long as it was not, or when Entente cannot know.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub done_at: Option<Timestamp>,
    /// What was done, or is left.
    pub what: String,
}

/// The places of an erasure, on SQLite or on PostgreSQL.
fn places(erasure: &Erasure, work: &Work, is_postgres: bool) -> Vec<PlaceStatement> {
    let ours = |place, done_at, what: &str| PlaceStatement { place, by: Keeper::Entente, done_at, what: what.to_owned() };
    let theirs = |place, what: &str| PlaceStatement { place, by: Keeper::Operator, done_at: None, what: what.to_owned() };
    let mut places = vec![
        ours(
            PlaceName::Records,
            Some(erasure.asked_at),
            "the values, counterparts, keys, conflicts, notices and whatever else was kept of these records were deleted in the transaction that took \
             the request",
        ),
        ours(
            PlaceName::Ledger,
            Some(erasure.asked_at),
            "the keys that open the values of the person's entries were destroyed; the entries stay, and cannot be read",
        ),
    ];
    // What was done counts if nothing has come in or was deleted since.
    match work.scrub.as_ref().filter(|_| erasure.scrubbed_at.is_some()) {
        Some(ScrubWork::Sqlite) => {
            let file = "the file was written anew without what had been deleted (VACUUM), with its index of words and its statistics";
            places.push(ours(PlaceName::DatabaseFiles, erasure.scrubbed_at, file));
            places.push(ours(PlaceName::WriteAheadLog, erasure.scrubbed_at, "the log was copied into the file and cut to nothing"));
        }
        Some(ScrubWork::Postgresql { tables, statistics }) => {
            let files = format!(
                "{tables} tables, all but those of the ledger, were written anew with their indexes (VACUUM FULL), and the server counted no dead row \
                 version in any of them"
            );
            places.push(ours(PlaceName::DatabaseFiles, erasure.scrubbed_at, &files));
            places.push(if *statistics {
                let anew = "the samples of values were taken anew (ANALYZE), and their table was written anew (VACUUM FULL)";
                ours(PlaceName::PlannerStatistics, erasure.scrubbed_at, anew)
            } else {
                let left = "the samples of values were taken anew (ANALYZE); remains of the old ones are in pg_statistic until the owner of the database \
                            runs VACUUM FULL pg_catalog.pg_statistic";
                theirs(PlaceName::PlannerStatistics, left)
            });
        }
        None => {
            let waits = match (work.scrubbed_at, work.brought_in_at) {
                (Some(at), Some(again)) if again >= at => {
                    format!(
                        "scrubbed at {at}; a webhook brought in something of the person again at {again} and was emptied; to be scrubbed once more"
                    )
                }
                _ => "still to be scrubbed: what was deleted may be in the files".to_owned(),
            };
            places.push(ours(PlaceName::DatabaseFiles, None, &waits));
        }
    }
    if is_postgres {
        places.push(theirs(
            PlaceName::WriteAheadLog,
            "not reached: WAL, in its folder, archived or held by replication slots, until it is recycled or its retention ends",
        ));
        places.push(theirs(
            PlaceName::Replicas,
            "not reached: physical replicas follow once they have replayed what was done here; logical ones keep what they were given",
        ));
        places.push(theirs(PlaceName::ServerLogs, "not reached: statements with their parameters, if the server logs them"));
    }
    let backups = "not reached: base backups, dumps, snapshots and copies made before, until their retention ends";
    places.push(theirs(PlaceName::Backups, backups));
    places
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
    let places = places(&erasure, &work, engine.store().is_postgres());
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
        complete: erasure.state == ErasureState::Done && places.iter().all(|place| place.by == Keeper::Operator || place.done_at.is_some()),
        places,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn erasure(scrubbed_at: Option<Timestamp>) -> Erasure {
        Erasure {
            id: 1,
            state: ErasureState::Done,
            record: None,
            asked_at: at(0),
            asked_by: "ada".into(),
            source: "cli".into(),
            work: serde_json::Value::Null,
            due_at: None,
            ended_at: Some(at(5)),
            scrubbed_at,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn of(places: &[PlaceStatement], name: PlaceName) -> PlaceStatement {
        places.iter().find(|place| place.place == name).unwrap_or_else(|| panic!("{name:?}: {places:?}")).clone()
    }

    #[test]
    fn on_postgresql_what_is_the_operator_s_is_said_to_be() {
        let scrub = Some(ScrubWork::Postgresql { tables: 40, statistics: false });
        let places = places(&erasure(Some(at(9))), &Work { scrub, scrubbed_at: Some(at(9)), ..Work::default() }, true);
        assert_eq!(of(&places, PlaceName::DatabaseFiles).done_at, Some(at(9)));
        for name in [PlaceName::WriteAheadLog, PlaceName::Replicas, PlaceName::Backups, PlaceName::ServerLogs, PlaceName::PlannerStatistics]
        {
            let place = of(&places, name);
            assert!(place.by == Keeper::Operator && place.done_at.is_none(), "{place:?}");
        }
    }

    #[test]
    fn what_came_in_again_waits_for_another_scrub() {
        let work = Work { scrub: Some(ScrubWork::Sqlite), scrubbed_at: Some(at(9)), brought_in_at: Some(at(11)), ..Work::default() };
        let again = places(&erasure(None), &work, false);
        let files = of(&again, PlaceName::DatabaseFiles);
        assert!(files.done_at.is_none() && files.what.contains("once more"), "{files:?}");
        let scrubbed = places(&erasure(Some(at(12))), &Work { scrubbed_at: Some(at(12)), ..work }, false);
        assert_eq!(of(&scrubbed, PlaceName::DatabaseFiles).done_at, Some(at(12)));
        assert_eq!(of(&scrubbed, PlaceName::WriteAheadLog).by, Keeper::Entente, "SQLite's log is cut");
    }
}
