//! Sealing: committed entries are put into blocks, chained one to the next. Writers know nothing of it and never wait for it.

use entente_model::clock::Timestamp;

use super::{EntryId, canonical};
use crate::crypto::{HASH_BYTES, Hash};
use crate::error::Result;
use crate::sql::{Row, vals};
use crate::tx::Tx;

/// Most entries in one block: their hashes are held in memory while it is checked (32 bytes each).
const BLOCK_ENTRIES_MAX: usize = 4_096;

/// Advisory lock that one sealer holds at a time ("seal" in ASCII).
const LOCK: i64 = 0x73_65_61_6c;

/// A sealed run of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Number, counting from 1 without gaps.
    pub no: i64,
    /// Number of its first entry.
    pub first: EntryId,
    /// Number of its last entry. The next block begins after it.
    pub last: EntryId,
    /// Entries in it.
    pub count: i64,
    /// Root of the Merkle tree over the entries' hashes.
    pub root: [u8; 32],
    /// Hash of the block before; zeros for the first.
    pub previous: [u8; 32],
    /// Hash of this block.
    pub hash: [u8; 32],
    /// When it was sealed.
    pub sealed_at: Timestamp,
}

pub(super) const BLOCK_COLUMNS: &str = "no, first, last, count, root, previous, hash, sealed_at";

pub(super) fn block(mut row: Row) -> Result<Block> {
    Ok(Block {
        no: row.int()?,
        first: row.int()?,
        last: row.int()?,
        count: row.int()?,
        root: row.hash()?,
        previous: row.hash()?,
        hash: row.hash()?,
        sealed_at: row.time()?,
    })
}

impl Tx<'_> {
    /// Seals committed entries that are in no block yet, at most `max` of them, as one block. `None` when there is nothing to seal.
    ///
    /// # Errors
    /// As for any write.
    pub fn seal(&mut self, now: Timestamp, max: usize) -> Result<Option<Block>> {
        if self.is_postgres() {
            self.rows("blocks", "select pg_advisory_xact_lock($1)", vals![LOCK])?;
        }
        let before = self.last_block()?;
        let (no, after, previous) = before.map_or((1, 0, [0; HASH_BYTES]), |block| (block.no + 1, block.last, block.hash));
        let horizon = self.entry_horizon()?;
        let mut leaves: Vec<Hash> = Vec::new();
        let (mut first, mut last) = (None, after);
        let sql = "select id, hash from entries where id > $1 and id <= $2 order by id limit $3";
        for mut row in self.rows("entries", sql, vals![after, horizon, max.clamp(1, BLOCK_ENTRIES_MAX)])? {
            last = row.int()?;
            first = first.or(Some(last));
            leaves.push(row.hash()?);
        }
        let Some(first) = first else { return Ok(None) };
        let count = i64::try_from(leaves.len()).unwrap_or(i64::MAX);
        // To the millisecond, as it will be read back.
        let sealed_at = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        let mut made = Block { no, first, last, count, root: canonical::root(&leaves), previous, hash: [0; HASH_BYTES], sealed_at };
        made.hash = canonical::block(&made);
        self.exec(
            "insert into blocks (no, first, last, count, root, previous, hash, sealed_at) values ($1, $2, $3, $4, $5, $6, $7, $8)",
            vals![no, first, last, count, &made.root[..], &previous[..], &made.hash[..], sealed_at],
        )?;
        Ok(Some(made))
    }

    /// The newest block: its hash vouches for all entries before it. Keep it elsewhere to notice a ledger that was cut short.
    ///
    /// # Errors
    /// As for any read.
    pub fn last_block(&mut self) -> Result<Option<Block>> {
        self.row("blocks", &format!("select {BLOCK_COLUMNS} from blocks order by no desc limit 1"), &[])?.map(block).transpose()
    }
}
