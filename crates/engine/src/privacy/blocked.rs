//! What is blocked: keyed hashes of the addresses, numbers, rows and records that erased people were known by. Nobody can tell from a hash
//! whose it is, but whoever shows up with what it was made of is recognised.
//!
//! A copy is kept in memory and compared by its stamp in every transaction that takes something in, so that what one process blocks is
//! blocked in all of them at once. Rows that no record stands for are looked at, and of the others what is new in them; none while nobody was
//! ever erased.

use std::collections::HashMap;
use std::sync::Arc;

use entente_model::id::RecordId;
use entente_model::matching::{self, KeyKind, MatchKey};
use entente_model::value::Fields;
use entente_store::{BLOCK_HASH_BYTES, RemoteKey, StoreError, Tx};
use ring::hmac;

use crate::engine::Engine;

/// What the instance's key is derived for here.
const PURPOSE: &[u8] = b"block identifiers";

/// A keyed hash of something that a person is known by.
pub(crate) type Print = [u8; BLOCK_HASH_BYTES];

/// Makes the hashes.
#[derive(Debug, Clone)]
pub(crate) struct Hasher(hmac::Key);

impl Hasher {
    /// With the instance's key, made at first use within a transaction that can write.
    pub(crate) fn of(tx: &mut Tx<'_>) -> Result<Self, StoreError> {
        let secret = tx.instance_key()?;
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), PURPOSE);
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())))
    }

    fn print(&self, kind: &str, parts: &[&str]) -> Print {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [kind].iter().chain(parts) {
            context.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut print = [0; BLOCK_HASH_BYTES];
        print.copy_from_slice(context.sign().as_ref());
        print
    }

    pub(crate) fn email(&self, address: &str) -> Print {
        self.print("email", &[&address.trim().to_lowercase()])
    }

    pub(crate) fn phone(&self, number: &str) -> Print {
        self.print("phone", &[number.trim()])
    }

    pub(crate) fn row(&self, key: &RemoteKey) -> Print {
        self.print("row", &[&key.connection, &key.object, &key.id])
    }

    /// A row of somebody else's that has come to show the person.
    pub(crate) fn turned(&self, key: &RemoteKey) -> Print {
        self.print("turned", &[&key.connection, &key.object, &key.id])
    }

    pub(crate) fn record(&self, id: &RecordId) -> Print {
        self.print("record", &[id.as_str()])
    }
}

/// Everything that is blocked, as of a stamp.
#[derive(Debug, Default)]
pub(crate) struct Blocked {
    stamp: i64,
    hasher: Option<Hasher>,
    prints: HashMap<Print, i64>,
}

impl Blocked {
    /// What is blocked now, as this transaction sees it.
    pub(crate) fn of(tx: &mut Tx<'_>, engine: &Engine) -> Result<Arc<Self>, StoreError> {
        let stamp = tx.blocked_stamp()?;
        let known = engine.blocked();
        if known.stamp == stamp {
            return Ok(known);
        }
        let fresh = Arc::new(Self { stamp, hasher: Some(Hasher::of(tx)?), prints: tx.blocked()? });
        engine.put_blocked(Arc::clone(&fresh));
        Ok(fresh)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.prints.is_empty()
    }

    fn find(&self, print: impl Fn(&Hasher) -> Print) -> Option<i64> {
        let hasher = self.hasher.as_ref().filter(|_| !self.prints.is_empty())?;
        self.prints.get(&print(hasher)).copied()
    }

    /// The erasure that a remote row belongs to.
    pub(crate) fn row(&self, key: &RemoteKey) -> Option<i64> {
        self.find(|hasher| hasher.row(key))
    }

    /// Whether a row that stands for somebody else has come to show a person who was erased. It may not show them any more.
    pub(crate) fn has_turned(&self, key: &RemoteKey) -> bool {
        self.find(|hasher| hasher.turned(key)).is_some()
    }

    /// The erasure of a person who had this address.
    pub(crate) fn address(&self, address: &str) -> Option<i64> {
        self.find(|hasher| hasher.email(address))
    }

    /// The erasure of a record.
    pub(crate) fn record(&self, id: &RecordId) -> Option<i64> {
        self.find(|hasher| hasher.record(id))
    }

    /// The erasure of a person who is known by what these values show. A number tells only where there is no address: colleagues share
    /// numbers.
    pub(crate) fn person(&self, fields: &Fields) -> Option<i64> {
        self.newcomer(fields, &[])
    }

    /// The same, by what these values show and none of the others does: addresses and numbers that were known before are somebody else's too.
    pub(crate) fn newcomer(&self, fields: &Fields, known: &[&Fields]) -> Option<i64> {
        if self.prints.is_empty() {
            return None;
        }
        let keys = matching::keys(super::PERSON, fields);
        let told_by = if keys.iter().any(|key| key.kind == KeyKind::Email) { KeyKind::Email } else { KeyKind::Phone };
        let before: Vec<MatchKey> = known.iter().flat_map(|fields| matching::keys(super::PERSON, fields)).collect();
        let mut fresh = keys.iter().filter(|key| key.kind == told_by && !before.contains(key));
        fresh
            .find_map(|key| self.find(|hasher| if told_by == KeyKind::Email { hasher.email(&key.value) } else { hasher.phone(&key.value) }))
    }
}
