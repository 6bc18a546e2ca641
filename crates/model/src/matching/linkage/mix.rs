//! Numbers that look random and depend on nothing but their arguments, so that a run can be repeated, cut in parts and shared among
//! threads without a difference in the result.

/// Mixes a counter under a seed: the output function of SplitMix64 (Steele, Lea and Flood 2014), read at any place of its sequence.
pub(super) fn mix(seed: u64, counter: u64) -> u64 {
    let mut z = seed.wrapping_add(counter.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number below `limit` from a mixed one, every number as likely but for one part in 2⁶⁴ / `limit`.
pub(super) fn below(mixed: u64, limit: usize) -> usize {
    usize::try_from((u128::from(mixed) * limit as u128) >> 64).unwrap_or_default()
}

/// A short key of a text (FNV-1a, then mixed). Never zero, which stands for no key.
pub(super) fn hash(text: &str) -> u32 {
    let fnv = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    fold(mix(0, fnv))
}

/// The upper half of a mixed number as a key; never zero.
pub(super) fn fold(mixed: u64) -> u32 {
    u32::try_from(mixed >> 32).unwrap_or_default().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_spread_evenly_and_stay_below_the_limit() {
        let mut seen = [0_u32; 7];
        for counter in 0..70_000 {
            seen[below(mix(11, counter), 7)] += 1;
        }
        assert!(seen.iter().all(|count| (9_600..10_400).contains(count)), "{seen:?}");
    }
}
