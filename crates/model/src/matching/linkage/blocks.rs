//! Which pairs are compared: those that share a key of one blocking rule at least. Comparing everybody with everybody is for small
//! tables; a million records have half a trillion pairs.

use std::ops::Range;

use super::key::{self, Rule};
use super::mix::mix;
use super::table::{Row, Table};

/// Bounds on the work.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Pairs that a table may have for everybody to be compared with everybody.
    pub all_pairs_max: f64,
    /// Pairs of all rules together, for each record.
    pub pairs_per_row: f64,
    /// Records that share a key at most. A key that more share (a switchboard, a common name) tells too little.
    pub block_max: usize,
}

impl Default for Effort {
    /// A few seconds for a hundred thousand records.
    fn default() -> Self {
        Self { all_pairs_max: 5_000_000.0, pairs_per_row: 60.0, block_max: 120 }
    }
}

/// Share of all pairs that one rule may take: several different rules find more than one broad one.
const RULE_SHARE: f64 = 0.25;
/// Rules at most: each costs a key for each record, in memory and whenever two records meet.
const RULES_MAX: usize = 32;

/// Records grouped by what they share.
#[derive(Debug, Clone)]
pub struct Blocks {
    /// Keys of each record, one for each rule; zero for none.
    keys: Vec<u32>,
    rules: usize,
    /// Rows of the blocks, one after the other.
    rows: Vec<Row>,
    /// The blocks: rule, and where its rows are.
    blocks: Vec<(u32, Range<usize>)>,
    left_out: usize,
}

impl Blocks {
    /// Groups the records of a table. Rules are taken in their order until the effort is used up.
    #[must_use]
    pub fn of(table: &Table, effort: Effort) -> Self {
        let candidates = if table.pairs() <= effort.all_pairs_max { vec![Rule::All] } else { key::rules(table) };
        let block_max = if candidates == [Rule::All] { usize::MAX } else { effort.block_max };
        let budget = f64::max(effort.all_pairs_max, effort.pairs_per_row * table.rows() as f64);
        let (mut left, mut taken) = (budget, Vec::new());
        let mut made = Self { keys: Vec::new(), rules: 0, rows: Vec::new(), blocks: Vec::new(), left_out: 0 };
        for rule in &candidates {
            if taken.len() == RULES_MAX {
                break;
            }
            let mut keyed = keyed(table, rule);
            let runs: Vec<Range<usize>> = runs(&keyed).collect();
            let cost: f64 = runs.iter().filter(|run| run.len() <= block_max).map(|run| pairs_of(run.len())).sum();
            if cost > left || (cost > budget * RULE_SHARE && candidates.len() > 1) {
                continue;
            }
            left -= cost;
            let number = u32::try_from(taken.len()).unwrap_or_default();
            for run in runs {
                if run.len() > block_max {
                    // Without a key the pairs are left to other rules.
                    keyed[run].iter_mut().for_each(|(key, _)| *key = 0);
                    made.left_out += 1;
                } else {
                    let start = made.rows.len();
                    made.rows.extend(keyed[run].iter().map(|(_, row)| *row));
                    made.blocks.push((number, start..made.rows.len()));
                }
            }
            taken.push(keyed);
        }
        made.rules = taken.len();
        made.keys = vec![0; table.rows() * taken.len()];
        for (number, keyed) in taken.into_iter().enumerate() {
            for (key, row) in keyed {
                made.keys[row as usize * made.rules + number] = key;
            }
        }
        made
    }

    /// Number of blocks. [`Blocks::pairs`] takes any range of them, so that threads can share the work.
    #[must_use]
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether no two records share a key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Blocks that were left out because too many records share the key.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Number of pairs in the blocks, those in several blocks counted as often.
    #[must_use]
    pub fn pairs_at_most(&self) -> f64 {
        self.blocks.iter().map(|(_, rows)| pairs_of(rows.len())).sum()
    }

    /// Visits the pairs of some blocks; over all blocks, each pair once.
    pub fn pairs(&self, table: &Table, blocks: Range<usize>, mut visit: impl FnMut(Row, Row)) {
        for (rule, rows) in self.blocks.get(blocks).unwrap_or_default() {
            let rows = &self.rows[rows.clone()];
            for (at, one) in rows.iter().enumerate() {
                for two in &rows[at + 1..] {
                    if table.may_pair(*one, *two) && !self.met_before(*one, *two, *rule as usize) {
                        visit(*one, *two);
                    }
                }
            }
        }
    }

    /// A sample of the pairs, the same under the same seed; `share` of them.
    pub(super) fn sample(&self, table: &Table, seed: u64, share: f64, mut visit: impl FnMut(Row, Row)) {
        // `as` saturates: a share of one takes all.
        let limit = (share * u64::MAX as f64) as u64;
        self.pairs(table, 0..self.len(), |one, two| {
            if mix(seed, u64::from(one.min(two)) << 32 | u64::from(one.max(two))) <= limit {
                visit(one, two);
            }
        });
    }

    fn met_before(&self, one: Row, two: Row, rule: usize) -> bool {
        let keys = |row: Row| &self.keys[row as usize * self.rules..row as usize * self.rules + rule];
        keys(one).iter().zip(keys(two)).any(|(one, two)| one == two && *one != 0)
    }
}

/// Rows with their keys under a rule, sorted by key; rows without one left out.
fn keyed(table: &Table, rule: &Rule) -> Vec<(u32, Row)> {
    let mut keyed: Vec<(u32, Row)> = table.numbers().map(|row| (rule.key(table, row), row)).filter(|(key, _)| *key != 0).collect();
    keyed.sort_unstable();
    keyed
}

/// Where two rows or more share a key.
fn runs(keyed: &[(u32, Row)]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    keyed.chunk_by(|one, two| one.0 == two.0).filter_map(move |run| {
        let range = start..start + run.len();
        start = range.end;
        (range.len() > 1).then_some(range)
    })
}

fn pairs_of(rows: usize) -> f64 {
    rows as f64 * (rows as f64 - 1.0) / 2.0
}
