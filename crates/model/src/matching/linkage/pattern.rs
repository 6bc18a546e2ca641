//! The levels of all fields of a pair in one number: pairs that compare alike are counted together, which is what makes learning
//! from millions of pairs a matter of a few thousand patterns.

use std::collections::HashMap;

use super::level::Level;

/// Fields that are compared at most: four bits each.
pub const FIELDS_MAX: usize = 16;

/// Bits of one level.
const BITS: usize = 4;

/// The levels of a pair, field by field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(super) struct Pattern(u64);

impl Pattern {
    pub(super) fn set(&mut self, field: usize, level: Level) {
        self.0 &= !(0xf << (field * BITS));
        self.0 |= (level as u64) << (field * BITS);
    }

    pub(super) fn number(self, field: usize) -> usize {
        usize::try_from((self.0 >> (field * BITS)) & 0xf).unwrap_or_default()
    }

    pub(super) fn level(self, field: usize) -> Level {
        Level::of_number(self.number(field).try_into().unwrap_or_default())
    }
}

/// How many pairs show each pattern, in the order of patterns so that sums do not depend on the order of counting.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally(Vec<(Pattern, f64)>);

impl Tally {
    /// Counts patterns; each stands for `weight` pairs.
    pub(super) fn of(counts: HashMap<Pattern, u64>, weight: f64) -> Self {
        let mut counted: Vec<(Pattern, f64)> = counts.into_iter().map(|(pattern, count)| (pattern, count as f64 * weight)).collect();
        counted.sort_by_key(|(pattern, _)| *pattern);
        Self(counted)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Pattern, f64)> + '_ {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_keeps_its_own_level() {
        let mut pattern = Pattern::default();
        for field in 0..FIELDS_MAX {
            pattern.set(field, Level::Different);
            pattern.set(field, if field % 2 == 0 { Level::Exact } else { Level::Far });
        }
        for field in 0..FIELDS_MAX {
            assert_eq!(pattern.level(field), if field % 2 == 0 { Level::Exact } else { Level::Far });
        }
    }
}
