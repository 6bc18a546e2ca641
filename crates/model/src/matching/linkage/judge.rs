//! The judgement of one pair: its weight, and whether that is enough to merge without asking.

use super::explain::{Step, Waterfall};
use super::field::Topic;
use super::frequency::Frequencies;
use super::level::Level;
use super::model::{Model, Weights, probability};
use super::pattern::Pattern;
use super::table::{Row, Table};
use super::weak::{self, Doubt};
use crate::matching::AUTO_LINK;

/// Bits of evidence from which a field is a key of its own.
pub(super) const KEY_WEIGHT: f64 = 2.0;

/// How a pair was judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// log2 of the odds of a match: start weight and all fields.
    pub weight: f64,
    /// Probability of a match; below the automatic threshold where there is a doubt.
    pub probability: f64,
    /// Why the pair is not certain however much it weighs.
    pub doubt: Option<Doubt>,
}

/// Judges pairs of a table by a model.
#[derive(Debug, Clone)]
pub struct Judge<'a> {
    table: &'a Table,
    model: &'a Model,
    weights: Weights,
    prior: f64,
    frequencies: Frequencies<'a>,
}

impl<'a> Judge<'a> {
    /// A judge. The model's fields are those of the table.
    #[must_use]
    pub fn new(table: &'a Table, model: &'a Model) -> Self {
        Self { table, model, weights: model.weights(), prior: model.prior_weight(), frequencies: Frequencies::new(table, model) }
    }

    /// The weight of each field of a pair.
    fn each(&self, one: Row, two: Row, pattern: Pattern) -> impl Iterator<Item = (usize, Level, f64)> + '_ {
        self.weights.iter().enumerate().map(move |(field, weights)| {
            let level = pattern.level(field);
            let usual = weights[pattern.number(field)];
            let frequency = match level {
                Level::Exact => self.frequencies.of_same(field, one),
                Level::Near => self.frequencies.of_near(field, one, two),
                _ => 0.0,
            };
            (field, level, usual + frequency)
        })
    }

    /// Judges a pair.
    #[must_use]
    pub fn verdict(&self, one: Row, two: Row) -> Verdict {
        let pattern = self.table.compare(one, two);
        let weight = self.prior + self.each(one, two, pattern).map(|(_, _, weight)| weight).sum::<f64>();
        let doubt = if probability(weight) >= AUTO_LINK { self.doubt(one, two, pattern) } else { None };
        Verdict { weight, probability: weak::bounded(probability(weight), doubt), doubt }
    }

    fn doubt(&self, one: Row, two: Row, pattern: Pattern) -> Option<Doubt> {
        let evidence: Vec<weak::Piece> = self
            .each(one, two, pattern)
            .map(|(field, level, weight)| weak::Piece { topic: self.topic(field), level, weight, role: self.is_role(field, one) })
            .collect();
        weak::doubt(&evidence)
    }

    fn topic(&self, field: usize) -> Topic {
        self.table.fields()[field].kind.topic()
    }

    /// Whether a record's value is an address that many share by its nature.
    fn is_role(&self, field: usize, row: Row) -> bool {
        self.topic(field) == Topic::Email
            && self.table.columns[field].term(row).is_some_and(|term| crate::matching::mailbox::is_role(&term.text))
    }

    /// Explains a judgement, field by field.
    #[must_use]
    pub fn explain(&self, one: Row, two: Row) -> Waterfall {
        let pattern = self.table.compare(one, two);
        let verdict = self.verdict(one, two);
        let steps = self.each(one, two, pattern).map(|(field, level, weight)| {
            let Self { model, weights, .. } = self;
            let kind = model.fields[field].field.kind;
            let frequency = weight - weights[field][level as usize];
            Step { field: model.fields[field].field.name.clone(), level, words: level.words(kind).to_owned(), weight, frequency }
        });
        Waterfall { start: self.prior, steps: steps.collect(), verdict }
    }
}
