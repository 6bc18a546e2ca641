//! The bytes that are hashed: the same on every machine and in every version, so they are written by hand.

use super::Entry;
use crate::crypto::{self, Hash};
use crate::error::Result;

/// Prefixes that keep leaves, nodes and blocks apart, after RFC 6962 §2.1, so that none can be passed off as another.
const LEAF: &[u8] = &[0];
const NODE: &[u8] = &[1];
const BLOCK: &[u8] = &[2];

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Everything of an entry that is not encrypted: each part with its length before it, so that no two entries share their bytes.
pub(super) fn header(entry: &Entry) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(&entry.id.to_be_bytes());
    out.extend_from_slice(&entry.at.as_millisecond().to_be_bytes());
    put(&mut out, entry.record.as_str().as_bytes());
    put(&mut out, entry.object.as_bytes());
    put(&mut out, entry.subject.as_bytes());
    put(&mut out, crate::actor_name(entry.actor)?.as_bytes());
    put(&mut out, entry.actor_name.as_bytes());
    put(&mut out, entry.cause.as_bytes());
    put(&mut out, entry.detail.as_bytes());
    match &entry.connection {
        None => out.push(0),
        Some(connection) => {
            out.push(1);
            put(&mut out, connection.as_bytes());
        }
    }
    Ok(out)
}

/// Hash of an entry, which is its leaf in the Merkle tree.
pub(super) fn leaf(header: &[u8], sealed: &[u8]) -> Hash {
    let length = u64::try_from(header.len()).unwrap_or(u64::MAX).to_be_bytes();
    crypto::sha256(&[LEAF, &length, header, sealed])
}

/// Root of the Merkle tree over the leaves, after RFC 6962 §2.1: the left part is the largest power of two below the number.
pub(super) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => crypto::sha256(&[]),
        [one] => *one,
        more => {
            let split = more.len().next_power_of_two() / 2;
            crypto::sha256(&[NODE, &root(&more[..split]), &root(&more[split..])])
        }
    }
}

/// Hash of a block: what the next block is chained to.
pub(super) fn block(block: &super::Block) -> Hash {
    crypto::sha256(&[
        BLOCK,
        &block.no.to_be_bytes(),
        &block.first.to_be_bytes(),
        &block.last.to_be_bytes(),
        &block.count.to_be_bytes(),
        &block.root,
        &block.previous,
        &block.sealed_at.as_millisecond().to_be_bytes(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_of_three_leans_left() {
        let [a, b, c] = [[1; 32], [2; 32], [3; 32]];
        let left = crypto::sha256(&[NODE, &a, &b]);
        assert_eq!(root(&[a, b, c]), crypto::sha256(&[NODE, &left, &c]));
        assert_eq!(root(&[a]), a);
    }

    #[test]
    fn every_leaf_and_its_place_counts() {
        let leaves: Vec<Hash> = (0..7).map(|byte| [byte; 32]).collect();
        let whole = root(&leaves);
        for at in 0..leaves.len() {
            let mut changed = leaves.clone();
            changed[at][31] ^= 1;
            assert_ne!(root(&changed), whole);
        }
        let mut swapped = leaves.clone();
        swapped.swap(0, 1);
        assert_ne!(root(&swapped), whole);
        assert_ne!(root(&leaves[..6]), whole);
    }
}
