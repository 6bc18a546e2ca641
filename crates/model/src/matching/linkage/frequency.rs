//! How common a shared value is. `Smith` says less than `Featherstonehaugh`, and `info@acme.com` less than `ada@acme.com`.
//!
//! u is the chance that two customers share *some* value of a field; what counts for a pair is the chance of sharing *this* one
//! (Winkler 1989). It is estimated from the other customers that have the value, and drawn towards u where there are too few records
//! to tell. Seven copies of one customer do not make a name common: where few records share a value, the other fields tell how many
//! of them are strangers to each other.

use super::level::{LEVELS, Level};
use super::mix::{below, mix};
use super::model::{Model, Weights, probability, total};
use super::shared_values::Known;
use super::table::{Column, Row, Table};

/// Records as good as counted at the field's usual frequency.
const PSEUDO_RECORDS: f64 = 20.0;
/// Bits that a rare value may add: beyond, the sample says too little.
const RARE_MAX: f64 = 3.0;
/// Records with one value of which copies of one customer can be a good part.
const COPIES_MAX: usize = 50;
/// Pairs of records with one value that are asked whether they are strangers.
const ASKED: usize = 10;

/// The corrections for a table's values.
#[derive(Debug, Clone)]
pub(super) struct Frequencies<'a> {
    table: &'a Table,
    /// By field: corrections by term.
    corrections: Vec<Vec<f32>>,
}

impl<'a> Frequencies<'a> {
    pub(super) fn new(table: &'a Table, model: &Model) -> Self {
        let weights = model.weights();
        let records = table.rows() as f64;
        let corrections = table.columns.iter().zip(&model.fields).enumerate().map(|(field, (column, learned))| {
            let Some(exact) = learned.odds(Level::Exact) else { return Vec::new() };
            // The pair itself, or as many as are expected to be one customer.
            let own = 1.0 + f64::max(1.0, table.matches_each(model.prior) * exact.m);
            let correction = |others: f64| {
                let frequency = (others.max(0.0) + PSEUDO_RECORDS * exact.u) / (records + PSEUDO_RECORDS);
                (exact.u / frequency).log2().min(RARE_MAX) as f32
            };
            let mut corrections: Vec<f32> = column.terms.iter().map(|term| correction(f64::from(term.count) - own)).collect();
            let others = without(&weights, field);
            for rows in sharing(table, column) {
                let value = column.id(rows[0]) as usize;
                // The pair itself is left out.
                corrections[value] = correction((rows.len() as f64 - 2.0) * strangers(table, &others, &rows));
            }
            corrections
        });
        Self { table, corrections: corrections.collect() }
    }

    /// Corrections by what is known of a store that the table is a small part of.
    pub(super) fn known(table: &'a Table, model: &Model, known: &Known<'_>) -> Self {
        let corrections = table.columns.iter().zip(&model.fields).enumerate().map(|(field, (column, learned))| {
            let Some(exact) = learned.odds(Level::Exact) else { return Vec::new() };
            let correction = |others: f64| {
                let frequency = (others + PSEUDO_RECORDS * exact.u) / (known.records + PSEUDO_RECORDS);
                (exact.u / frequency).log2().min(RARE_MAX) as f32
            };
            let of_term = |term: &super::term::Term| known.others(field, column.kind, &term.text).map_or(0.0, correction);
            column.terms.iter().map(of_term).collect()
        });
        Self { table, corrections: corrections.collect() }
    }

    /// What the value that both records have adds to the weight of having the same one.
    pub(super) fn of_same(&self, field: usize, one: Row) -> f64 {
        self.of(field, one)
    }

    /// What values a slip apart add: nothing, or less than nothing where one is common, as more strangers are a slip from it.
    pub(super) fn of_near(&self, field: usize, one: Row, two: Row) -> f64 {
        self.of(field, one).min(self.of(field, two)).min(0.0)
    }

    fn of(&self, field: usize, row: Row) -> f64 {
        let value = self.table.columns[field].id(row) as usize;
        self.corrections[field].get(value).copied().map_or(0.0, f64::from)
    }
}

/// The weights of all fields but one.
fn without(weights: &Weights, field: usize) -> Weights {
    let mut others = weights.clone();
    others[field] = [0.0; LEVELS];
    others
}

/// The rows of every value that some records share, but not many.
fn sharing(table: &Table, column: &Column) -> impl Iterator<Item = Vec<Row>> {
    let shared = |row: &Row| column.term(*row).is_some_and(|term| (2..=COPIES_MAX).contains(&(term.count as usize)));
    let mut rows: Vec<Row> = table.numbers().filter(shared).collect();
    rows.sort_unstable_by_key(|row| (column.id(*row), *row));
    let ends: Vec<usize> = rows.chunk_by(|one, two| column.id(*one) == column.id(*two)).map(<[Row]>::len).collect();
    let mut rows = rows.into_iter();
    ends.into_iter().map(move |count| rows.by_ref().take(count).collect())
}

/// How likely two records with one value are two customers, by what the other fields say and nothing else.
fn strangers(table: &Table, weights: &Weights, rows: &[Row]) -> f64 {
    let all = rows.len() * (rows.len() - 1) / 2;
    let mut asked: Vec<(Row, Row)> = Vec::with_capacity(ASKED);
    if all <= ASKED {
        asked.extend(rows.iter().enumerate().flat_map(|(at, one)| rows[at + 1..].iter().map(move |two| (*one, *two))));
    } else {
        asked.extend((0..ASKED as u64).map(|counter| {
            let one = below(mix(u64::from(rows[0]), 2 * counter), rows.len());
            let step = 1 + below(mix(u64::from(rows[0]), 2 * counter + 1), rows.len() - 1);
            (rows[one], rows[(one + step) % rows.len()])
        }));
    }
    let strange: f64 = asked.iter().map(|(one, two)| 1.0 - probability(total(weights, table.compare(*one, *two)))).sum();
    strange / asked.len() as f64
}
