//! The judgement of one pair: its weight, and whether that is enough to merge without asking.

use serde::{Deserialize, Serialize};

use super::explain::{Step, Waterfall};
use super::field::Kind;
use super::frequency::Frequencies;
use super::level::{LEVELS, Level};
use super::model::{Model, Weights, crowded, probability};
use super::pattern::Pattern;
use super::shared_values::Known;
use super::table::{Row, Table};
use super::weak::{self, Doubt};
use crate::matching::AUTO_LINK;

/// Bits of evidence from which a field is a key of its own.
pub(super) const KEY_WEIGHT: f64 = 2.0;

/// Weight below which no crowd is asked: a match in a thousand such pairs.
const HOPELESS: f64 = -10.0;

/// How a pair was judged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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
    crowds: Vec<(f64, Weights)>,
    frequencies: Frequencies<'a>,
    threshold: f64,
}

impl<'a> Judge<'a> {
    /// A judge. The model's fields are those of the table.
    #[must_use]
    pub fn new(table: &'a Table, model: &'a Model) -> Self {
        Self::by(table, model, Frequencies::new(table, model), AUTO_LINK)
    }

    /// A judge of a small table, by what is known of the store that it comes from. From `threshold` on, a pair is merged without asking.
    #[must_use]
    pub fn knowing(table: &'a Table, model: &'a Model, known: &Known<'_>, threshold: f64) -> Self {
        Self::by(table, model, Frequencies::known(table, model, known), threshold)
    }

    fn by(table: &'a Table, model: &'a Model, frequencies: Frequencies<'a>, threshold: f64) -> Self {
        let (weights, prior, crowds) = (model.weights(), model.prior_weight(), model.crowd_weights());
        Self { table, model, weights, prior, crowds, frequencies, threshold }
    }

    /// What the frequency of the values adds to the weight of their level.
    fn frequency(&self, field: usize, level: Level, one: Row, two: Row) -> f64 {
        match level {
            Level::Exact => self.frequencies.of_same(field, one),
            Level::Near => self.frequencies.of_near(field, one, two),
            _ => 0.0,
        }
    }

    /// The weight of each field of a pair.
    fn each(&self, one: Row, two: Row, pattern: Pattern) -> impl Iterator<Item = (usize, Level, f64)> + '_ {
        self.weights.iter().enumerate().map(move |(field, weights)| {
            let level = pattern.level(field);
            (field, level, weights[pattern.number(field)] + self.frequency(field, level, one, two))
        })
    }

    /// What relatives, colleagues and neighbours take from the weight: how much likelier the pair is among them than by chance.
    fn crowds(&self, one: Row, two: Row, pattern: Pattern) -> f64 {
        let likeness = self.crowds.iter().zip(&self.model.crowds).map(|((prior, weights), crowd)| {
            let of_field = |(field, weights): (usize, &[f64; LEVELS])| {
                let level = pattern.level(field);
                let shares = crowd.crowd.shares(self.table.fields()[field].kind, level);
                weights[pattern.number(field)] + if shares { self.frequency(field, level, one, two) } else { 0.0 }
            };
            prior + weights.iter().enumerate().map(of_field).sum::<f64>()
        });
        crowded(likeness)
    }

    /// Judges a pair.
    #[must_use]
    pub fn verdict(&self, one: Row, two: Row) -> Verdict {
        let pattern = self.table.compare(one, two);
        let by_chance = self.prior + self.each(one, two, pattern).map(|(_, _, weight)| weight).sum::<f64>();
        // Crowds only take: what is hopeless without them needs no look at them.
        let weight = by_chance + if by_chance > HOPELESS { self.crowds(one, two, pattern) } else { 0.0 };
        let doubt = if probability(weight) >= self.threshold { self.doubt(one, two, pattern) } else { None };
        Verdict { weight, probability: weak::bounded(probability(weight), self.threshold, doubt), doubt }
    }

    fn doubt(&self, one: Row, two: Row, pattern: Pattern) -> Option<Doubt> {
        let evidence: Vec<weak::Piece> = self
            .each(one, two, pattern)
            .map(|(field, level, weight)| weak::Piece { kind: self.kind(field), level, weight, role: self.is_role(field, one) })
            .collect();
        weak::doubt(&evidence, self.table.of_people())
    }

    fn kind(&self, field: usize) -> Kind {
        self.table.fields()[field].kind
    }

    /// Whether a record's value is an address that many share by its nature.
    fn is_role(&self, field: usize, row: Row) -> bool {
        self.kind(field) == Kind::Email
            && self.table.columns[field].term(row).is_some_and(|term| crate::matching::mailbox::is_role(&term.text))
    }

    /// Explains a judgement, field by field.
    #[must_use]
    pub fn explain(&self, one: Row, two: Row) -> Waterfall {
        let pattern = self.table.compare(one, two);
        let verdict = self.verdict(one, two);
        let steps: Vec<Step> = self
            .each(one, two, pattern)
            .map(|(field, level, weight)| Step {
                field: self.model.fields[field].field.name.clone(),
                level,
                words: level.words(self.kind(field)).to_owned(),
                weight,
                frequency: self.frequency(field, level, one, two),
            })
            .collect();
        let crowds = verdict.weight - self.prior - steps.iter().map(|step| step.weight).sum::<f64>();
        Waterfall { start: self.prior, steps, crowds, verdict }
    }
}
