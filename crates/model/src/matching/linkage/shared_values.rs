//! How common values are in a store, kept after its records were read once: a judge of a few candidates cannot count them itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::field::Kind;
use super::mix::hash;
use super::table::Table;

/// Records from which a value is common. Fewer may be copies of one customer.
pub const COMMON_FROM: u32 = 5;

/// The common values of every field. What is kept is a hash of the value and a count, so that nobody is named in it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Common {
    /// Records that were counted.
    pub records: f64,
    /// By field, in the order of the table's: records by the hash of their value.
    pub values: Vec<BTreeMap<u32, u32>>,
}

impl Common {
    /// Counts a table's values.
    #[must_use]
    pub fn of(table: &Table) -> Self {
        let of_column = |column: &super::table::Column| {
            let common = column.terms.iter().filter(|term| !term.text.is_empty() && term.count >= COMMON_FROM);
            common.map(|term| (hash(&term.text), term.count)).collect()
        };
        Self { records: table.rows() as f64, values: table.columns.iter().map(of_column).collect() }
    }

    /// Records that have a value, in its one form; zero when it is not common.
    #[must_use]
    pub fn count(&self, field: usize, text: &str) -> u32 {
        self.values.get(field).and_then(|values| values.get(&hash(text))).copied().unwrap_or_default()
    }
}

/// What is known of the values of a table from elsewhere.
pub struct Known<'a> {
    /// Records that were counted.
    pub records: f64,
    /// Whether values that are not common are known to be rare.
    pub rare: bool,
    /// Records that have a value of a field, in its one form; zero when it is not common.
    pub count: &'a dyn Fn(usize, &str) -> u32,
}

impl Known<'_> {
    /// Other records that have the value, beside the pair's own; `None` when nothing is known of it.
    pub(super) fn others(&self, field: usize, kind: Kind, text: &str) -> Option<f64> {
        match (self.count)(field, text) {
            count if count >= COMMON_FROM => Some(f64::from(count) - 1.0),
            // That a name is rare says something. Addresses and numbers are all rare, which their weight knows already.
            _ if self.rare && matches!(kind, Kind::GivenName | Kind::FamilyName) => Some(0.0),
            _ => None,
        }
    }
}
