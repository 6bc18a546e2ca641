//! How common a shared value is. `Smith` says less than `Featherstonehaugh`, and `info@acme.com` less than `ada@acme.com`.
//!
//! u is the chance that two customers share *some* value of a field; what counts for a pair is the chance of sharing *this* one
//! (Winkler 1989). It is estimated from the other records that have the value, the pair and its expected duplicates left out, and
//! drawn towards u where there are too few records to tell.

use super::level::Level;
use super::model::Model;
use super::table::{Row, Table};

/// Records as good as counted at the field's usual frequency.
const PSEUDO_RECORDS: f64 = 20.0;
/// Bits that a rare value may add: beyond, the sample says too little.
const RARE_MAX: f64 = 3.0;

/// The corrections for a table's values.
#[derive(Debug, Clone)]
pub(super) struct Frequencies<'a> {
    table: &'a Table,
    /// By field: corrections by term.
    corrections: Vec<Vec<f32>>,
}

impl<'a> Frequencies<'a> {
    pub(super) fn new(table: &'a Table, model: &Model) -> Self {
        let rows = table.rows() as f64;
        let corrections = table.columns.iter().zip(&model.fields).map(|(column, field)| {
            let Some(exact) = field.odds(Level::Exact) else { return Vec::new() };
            // The pair itself, or as many as are expected to be one customer.
            let own = 1.0 + f64::max(1.0, table.matches_each(model.prior) * exact.m);
            let correction = |count: u32| {
                let others = (f64::from(count) - own).max(0.0);
                let frequency = (others + PSEUDO_RECORDS * exact.u) / (rows + PSEUDO_RECORDS);
                (exact.u / frequency).log2().min(RARE_MAX)
            };
            column.terms.iter().map(|term| correction(term.count) as f32).collect()
        });
        Self { table, corrections: corrections.collect() }
    }

    /// What the value that both records have adds to the weight of having the same one.
    pub(super) fn correction(&self, field: usize, one: Row, two: Row) -> f64 {
        let column = &self.table.columns[field];
        debug_assert_eq!(column.id(one), column.id(two), "the records share the value");
        self.corrections[field].get(column.id(one) as usize).copied().map_or(0.0, f64::from)
    }
}
