//! What was learned: how likely each level is among matches and among others.

use serde::{Deserialize, Serialize};

use super::crowd::{Crowd, CrowdModel};
use super::field::Field;
use super::level::{LEVELS, Level};
use super::pattern::Pattern;

/// How likely a level is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LevelOdds {
    /// The level.
    pub level: Level,
    /// Probability of the level, both values given, when two records are one customer.
    pub m: f64,
    /// Probability of the level, both values given, when they are two.
    pub u: f64,
}

impl LevelOdds {
    /// The evidence of the level in bits, log2(m / u) (Fellegi and Sunter 1969): plus one doubles the odds of a match.
    #[must_use]
    pub fn weight(&self) -> f64 {
        (self.m / self.u).log2()
    }
}

/// What was learned of a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldModel {
    /// The field.
    pub field: Field,
    /// Its levels, the best first.
    pub levels: Vec<LevelOdds>,
}

impl FieldModel {
    /// What was learned of a level; `None` for a missing value and for levels the field's kind does not have.
    #[must_use]
    pub fn odds(&self, level: Level) -> Option<&LevelOdds> {
        self.levels.iter().find(|odds| odds.level == level)
    }
}

/// All that was learned from one table; good for every table of the same fields and origin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Probability that two records taken at random are one customer (λ).
    pub prior: f64,
    /// The fields, in the table's order.
    pub fields: Vec<FieldModel>,
    /// Strangers who have more in common than chance gives them.
    pub crowds: Vec<CrowdModel>,
    /// Rounds of learning.
    pub rounds: usize,
    /// Pairs that it was learned from.
    pub pairs: f64,
}

/// Weights by field and level number, for the many pairs.
pub(super) type Weights = Vec<[f64; LEVELS]>;

impl Model {
    /// A model that is believed rather than learned, with crowds that share as much as is usual. `crowd` is the probability that two
    /// records taken at random are of two members of one.
    #[must_use]
    pub fn believed(prior: f64, fields: Vec<FieldModel>, crowds: &[Crowd], crowd: f64) -> Self {
        let crowds = crowds.iter().filter_map(|kind| CrowdModel::first(*kind, &fields, crowd)).collect();
        Self { prior, fields, crowds, rounds: 0, pairs: 0.0 }
    }

    pub(super) fn weights(&self) -> Weights {
        let of_field = |field: &FieldModel| {
            let mut weights = [0.0; LEVELS];
            for odds in &field.levels {
                weights[odds.level as usize] = odds.weight();
            }
            weights
        };
        self.fields.iter().map(of_field).collect()
    }

    /// Weights of the crowds: how much likelier a pattern is among members than among those who agree by chance.
    pub(super) fn crowd_weights(&self) -> Vec<(f64, Weights)> {
        let of_crowd = |crowd: &CrowdModel| {
            let of_field = |(field, levels): (&FieldModel, &Vec<f64>)| {
                let mut weights = [0.0; LEVELS];
                for (odds, k) in field.levels.iter().zip(levels) {
                    weights[odds.level as usize] = (k / odds.u).log2();
                }
                weights
            };
            (crowd.prior.log2(), self.fields.iter().zip(&crowd.levels).map(of_field).collect())
        };
        self.crowds.iter().map(of_crowd).collect()
    }

    /// log2 of the odds that two records taken at random are one customer.
    #[must_use]
    pub fn prior_weight(&self) -> f64 {
        (self.prior / (1.0 - self.prior)).log2()
    }
}

/// The sum of a pattern's weights.
pub(super) fn total(weights: &Weights, pattern: Pattern) -> f64 {
    weights.iter().enumerate().map(|(field, weights)| weights[pattern.number(field)]).sum()
}

/// The probability that odds of `2^weight` mean.
#[must_use]
pub fn probability(weight: f64) -> f64 {
    1.0 / (1.0 + (-weight).exp2())
}

/// What the crowds take from a pair's weight: its likeness among strangers is the sum of chance and of every crowd's.
pub(super) fn crowded(crowds: impl Iterator<Item = f64>) -> f64 {
    -(1.0 + crowds.map(f64::exp2).sum::<f64>()).log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_odds_in_bits() {
        for (weight, expected) in [(0.0, 0.5), (2.0, 0.8), (3.0, 8.0 / 9.0), (4.0, 16.0 / 17.0), (7.0, 128.0 / 129.0), (9.48, 0.998_6)] {
            assert!((probability(weight) - expected).abs() < 1e-4, "{weight}");
        }
        assert!(probability(-2_000.0) >= 0.0 && probability(2_000.0) <= 1.0, "no overflow");
    }
}
