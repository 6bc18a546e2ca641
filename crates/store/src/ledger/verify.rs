//! Proving the ledger: every hash, every root and the chain are worked out again and compared.

use super::seal::{BLOCK_COLUMNS, block};
use super::{Block, COLUMNS, Changes, Entry, EntryId, canonical, entry};
use crate::crypto::{self, HASH_BYTES, Hash};
use crate::error::Result;
use crate::sql::vals;
use crate::store::Store;
use crate::tx::Tx;

/// Entries read at a time; each may carry some KiB of changes.
const STEP_ENTRIES: usize = 500;

/// How far a verification has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Entries checked.
    pub entries: u64,
    /// Blocks checked.
    pub blocks: u64,
}

/// A ledger that proved whole.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Verified {
    /// Entries in blocks.
    pub entries: u64,
    /// Blocks.
    pub blocks: u64,
    /// Entries that are not in a block yet. Their own hashes are right; nothing vouches for their number.
    pub unsealed: u64,
    /// Hash of the newest block, in hexadecimal; zeros when there is none.
    pub chain: String,
}

/// The first place at which the ledger is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Broken {
    /// The block.
    pub block: Option<i64>,
    /// The entry.
    pub entry: Option<EntryId>,
    /// What does not hold.
    pub what: String,
}

/// Outcome of a verification.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Whole.
    Intact(Verified),
    /// Changed after the fact.
    Broken(Broken),
}

fn broken(block: Option<i64>, entry: Option<EntryId>, what: impl Into<String>) -> Verdict {
    Verdict::Broken(Broken { block, entry, what: what.into() })
}

impl Store {
    /// Checks the whole ledger, block by block, without holding anything up: each step is a short read of its own.
    ///
    /// # Errors
    /// As for any read. A ledger that does not hold is not an error but a [`Verdict::Broken`].
    pub async fn verify(&self, mut progress: impl FnMut(Progress) + Send) -> Result<Verdict> {
        let (mut entries, mut blocks, mut chain, mut last) = (0_u64, 0_u64, [0; HASH_BYTES], 0);
        loop {
            let no = i64::try_from(blocks).unwrap_or(i64::MAX) + 1;
            let Some(block) = self.read(move |tx| tx.block_from(no)).await? else { break };
            if block.no != no {
                return Ok(broken(Some(no), None, format!("block {no} is missing")));
            }
            if block.previous != chain {
                return Ok(broken(Some(no), None, format!("block {no} is not chained to the block before it")));
            }
            if canonical::block(&block) != block.hash {
                return Ok(broken(Some(no), None, format!("block {no} was changed: its hash does not fit")));
            }
            if let Some(verdict) = self.verify_block(&block, last, &mut entries).await? {
                return Ok(verdict);
            }
            blocks += 1;
            (chain, last) = (block.hash, block.last);
            progress(Progress { entries, blocks });
        }
        let mut unsealed = 0;
        loop {
            let found = self.read(move |tx| tx.entries_between(last, i64::MAX)).await?;
            for entry in &found {
                if let Err(verdict) = check(entry, None)? {
                    return Ok(verdict);
                }
                last = entry.id;
                unsealed += 1;
            }
            if found.len() < STEP_ENTRIES {
                break;
            }
        }
        Ok(Verdict::Intact(Verified { entries, blocks, unsealed, chain: crypto::hex(&chain) }))
    }

    async fn verify_block(&self, block: &Block, mut after: EntryId, entries: &mut u64) -> Result<Option<Verdict>> {
        let (no, last) = (block.no, block.last);
        let mut leaves: Vec<Hash> = Vec::new();
        let mut first = None;
        loop {
            let found = self.read(move |tx| tx.entries_between(after, last)).await?;
            for entry in &found {
                if let Err(verdict) = check(entry, Some(no))? {
                    return Ok(Some(verdict));
                }
                after = entry.id;
                first = first.or(Some(entry.id));
                leaves.push(entry.hash);
                *entries += 1;
            }
            if found.len() < STEP_ENTRIES {
                break;
            }
        }
        let count = i64::try_from(leaves.len()).unwrap_or(i64::MAX);
        if count != block.count {
            return Ok(Some(broken(Some(no), None, format!("block {no} sealed {} entries, {count} are there", block.count))));
        }
        if first != Some(block.first) || after != block.last {
            return Ok(Some(broken(Some(no), first, format!("block {no} does not begin and end with the entries it sealed"))));
        }
        if canonical::root(&leaves) != block.root {
            return Ok(Some(broken(Some(no), None, format!("block {no}: an entry was replaced after it was sealed"))));
        }
        Ok(None)
    }
}

/// Whether the entry is what its hash says.
fn check(entry: &Entry, block: Option<i64>) -> Result<Result<(), Verdict>> {
    let sealed = if let Changes::Sealed(bytes) = &entry.changes { bytes.as_slice() } else { &[] };
    if canonical::leaf(&canonical::header(entry)?, sealed) == entry.hash {
        return Ok(Ok(()));
    }
    Ok(Err(broken(block, Some(entry.id), format!("entry {} of record {} was changed: its hash does not fit", entry.id, entry.record))))
}

impl Tx<'_> {
    fn block_from(&mut self, no: i64) -> Result<Option<Block>> {
        self.row("blocks", &format!("select {BLOCK_COLUMNS} from blocks where no >= $1 order by no limit 1"), vals![no])?
            .map(block)
            .transpose()
    }

    fn entries_between(&mut self, after: EntryId, last: EntryId) -> Result<Vec<Entry>> {
        let sql = format!("select {COLUMNS} from entries where id > $1 and id <= $2 order by id limit $3");
        self.rows("entries", &sql, vals![after, last, STEP_ENTRIES])?.into_iter().map(entry).collect()
    }
}
