//! The only crate with SQL. One concrete [`Store`] on SQLite or PostgreSQL: closures run in transactions, and the use-cases are
//! methods on [`Tx`], in one file per subject.
//!
//! Whatever belongs together commits together: a ledger entry, the record it changes and the hints it causes are written by one
//! closure. No transaction is ever held across a call to a vendor; leases and heartbeats are there for that.

mod alerts;
mod conflict_rules;
mod conflicts;
mod counterparts;
mod counters;
mod crypto;
mod cursors;
mod dead_letters;
mod erasures;
mod error;
mod flagged;
mod forget;
mod hints;
mod holds;
mod inbox;
mod instance_key;
mod latency;
mod leaders;
mod ledger;
mod levels;
mod links;
mod looks;
mod master_key;
mod match_keys;
mod merges;
mod metadata;
mod migrate;
mod minutes;
mod named;
mod notices;
mod options;
mod records;
mod reigns;
mod reviews;
mod rewrites;
mod rollouts;
mod schema;
mod scrub;
mod search;
mod secrets;
mod settings;
mod sql;
mod store;
mod subject_keys;
mod sync_events;
mod tx;
mod viewer;
mod waits;
mod workers;

use entente_model::actor::Actor;

pub use alerts::{Alert, NewAlert, Severity};
pub use conflict_rules::{ConflictRule, RuleState};
pub use conflicts::{Conflict, ConflictSide, ConflictState, NewConflict, Resolution};
pub use counterparts::{Counterpart, EndedLink};
pub use dead_letters::{Attempt, DeadLetter, DeadLetterCause, DeadLetterFilter, DeadLetterState, NewDeadLetter};
pub use erasures::{BLOCK_HASH_BYTES, Erasure, ErasureState, NewErasure};
pub use error::{Result, StoreError};
pub use forget::Traces;
pub use hints::{Claim, Hint, LANE_LAST, LANE_URGENT, Lane, LaneCount, NewHint, Outcome, Settled, Settlement};
pub use holds::{HeldRecord, Hold, HoldState, MassKey};
pub use inbox::{Delivery, DeliveryState, NewDelivery};
pub use instance_key::INSTANCE_KEY_BYTES;
pub use latency::Latency;
pub use ledger::{Block, Broken, Change, Changes, Entry, EntryFilter, EntryId, NewEntry, Progress, Touch, Verdict, Verified, Window};
pub use levels::Level;
pub use links::{Link, LinkState, LinkedRow, PresentRow, RemoteKey, SeenVersion};
pub use looks::{EarlierValues, Existence, FieldMarks, StoredLook, marks_still_true};
pub use master_key::MasterKey;
pub use match_keys::{MatchHit, MatchKey};
pub use merges::{Merge, MergeWay, Moved, NewMerge};
pub use metadata::StoredMapping;
pub use minutes::Syncs;
pub use notices::{NewNotice, Notice, NoticeState};
pub use options::{Durability, StoreOptions, StoreUrl};
pub use records::{PageCursor, PutRecord, Record, RecordPage, RecordQuery, RecordState};
pub use reigns::{InForce, Reign};
pub use reviews::{NewReview, Review, ReviewState};
pub use rewrites::Rewrite;
pub use rollouts::{Rollout, ShadowFinding, Stage};
pub use schema::{NewSchemaChange, SchemaChange, SchemaFilter, SchemaState};
pub use scrub::Scrubbed;
pub use store::{Step, StepHook, Store, WorkerSeat};
pub use sync_events::{FAILED, FAILED_FIXED, FAILED_RECOVERED, NewSyncEvent, SyncEvent, SyncStatus};
pub use tx::{PAGE_ROWS_MAX, Tx};
pub use viewer::Viewer;
pub use waits::{EndedWait, WaitCount};
pub use workers::Worker;

/// An actor as it is stored.
fn actor_name(actor: Actor) -> Result<String> {
    match serde_json::to_value(actor) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        _ => Err(StoreError::Invalid("an actor without a name".into())),
    }
}

/// An actor as it was stored.
fn actor_from(name: &str) -> Result<Actor> {
    serde_json::from_value(name.into()).map_err(|_| StoreError::corrupt(format!("`{name}` is not an actor")))
}
