//! Strangers who have much in common: relatives, colleagues, neighbours.
//!
//! Fellegi and Sunter take the fields of two strangers to agree independently of each other. Those of relatives do not: who shares a
//! street shares the postal code, and often the family name. Taken for chance, that much agreement can only be a match. So strangers
//! are a mixture: most agree by chance, and some belong to a crowd that shares certain fields, as often as is learned, and agrees by
//! chance in all others. What makes a person (given name, date of birth, numbers, own mailbox) no crowd shares.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::field::Kind;
use super::level::{LEVELS, Level};
use super::model::FieldModel;

/// Kinds of crowds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Crowd {
    /// Family name, home and phone.
    Relatives,
    /// Company, its domain, office and switchboard.
    Colleagues,
    /// The area they live in.
    Neighbours,
}

impl Crowd {
    pub(super) const ALL: [Self; 3] = [Self::Relatives, Self::Colleagues, Self::Neighbours];

    /// Whether random pairs hold enough of the crowd to learn from; most of its pairs share no key.
    pub(super) fn is_everywhere(self) -> bool {
        self == Self::Neighbours
    }

    /// Whether members of the crowd share values at a level more often than by chance.
    pub(super) fn shares(self, kind: Kind, level: Level) -> bool {
        let agrees = !matches!(level, Level::Missing | Level::Different | Level::Far | Level::Swapped);
        let shared = match self {
            Self::Relatives => matches!(kind, Kind::FamilyName | Kind::Phone | Kind::Text | Kind::Postcode | Kind::Place | Kind::Category),
            Self::Colleagues => match kind {
                Kind::Email => level == Level::Domain,
                _ => {
                    matches!(kind, Kind::Company | Kind::Domain | Kind::Phone | Kind::Text | Kind::Postcode | Kind::Place | Kind::Category)
                }
            },
            Self::Neighbours => matches!(kind, Kind::Postcode | Kind::Place | Kind::Category),
        };
        agrees && shared
    }
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Relatives => "relatives",
            Self::Colleagues => "colleagues",
            Self::Neighbours => "neighbours",
        })
    }
}

/// What was learned of a crowd.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CrowdModel {
    /// Whose.
    pub crowd: Crowd,
    /// Probability that two records taken at random are of two members of one crowd.
    pub prior: f64,
    /// By field, in the model's order: the probability of each of its levels between members.
    pub levels: Vec<Vec<f64>>,
}

/// Share of members that the first round believes to agree where their crowd shares a field.
const SHARED_FIRST: f64 = 0.6;
/// Share of members with their names in each other's place, at most.
const SWAPPED_MAX: f64 = 0.5;
/// Pairs of a crowd for each pair of a match that the first round believes in.
pub(super) const CROWDS_FIRST: f64 = 1.0;

impl CrowdModel {
    /// What the first round believes of a crowd; `None` when it shares none of the fields.
    pub(super) fn first(crowd: Crowd, fields: &[FieldModel], prior: f64) -> Option<Self> {
        let known = fields.iter().any(|field| field.levels.iter().any(|odds| crowd.shares(field.field.kind, odds.level)));
        let mut first = Self { crowd, prior, levels: Vec::new() };
        let mut counts = vec![[0.0; LEVELS]; fields.len()];
        for (counts, field) in counts.iter_mut().zip(fields) {
            let shared = field.levels.iter().filter(|odds| crowd.shares(field.field.kind, odds.level)).count().max(1);
            for odds in &field.levels {
                let shares = crowd.shares(field.field.kind, odds.level);
                counts[odds.level as usize] = if shares { SHARED_FIRST / shared as f64 } else { (1.0 - SHARED_FIRST) * odds.u };
            }
        }
        first.settle(fields, &counts, 0.0);
        known.then_some(first)
    }

    /// Sets the probabilities from counts: of shared levels as counted, of all others by chance in what is left.
    pub(super) fn settle(&mut self, fields: &[FieldModel], counts: &[[f64; LEVELS]], before: f64) {
        let settle = |(field, counts): (&FieldModel, &[f64; LEVELS])| {
            let shared = |level: Level| self.crowd.shares(field.field.kind, level);
            let sum: f64 = field.levels.iter().map(|odds| counts[odds.level as usize] + before * odds.u).sum();
            let count = |level: Level, u: f64| (counts[level as usize] + before * u) / sum;
            let taken: f64 = field.levels.iter().filter(|odds| shared(odds.level)).map(|odds| count(odds.level, odds.u)).sum();
            let chance: f64 = field.levels.iter().filter(|odds| !shared(odds.level)).map(|odds| odds.u).sum();
            let of_level = |odds: &super::model::LevelOdds| {
                if shared(odds.level) { count(odds.level, odds.u) } else { (1.0 - taken) * odds.u / chance }
            };
            field.levels.iter().map(of_level).collect()
        };
        self.levels = fields.iter().zip(counts).map(settle).collect();
        self.keep_order(fields);
    }

    /// Names in each other's place tell members apart no better than the same names in theirs: who shares a family name shares it also
    /// when it stands in the wrong place. What the level gains, the others of its field lose.
    fn keep_order(&mut self, fields: &[FieldModel]) {
        // How much likelier members show the same name than matches do.
        let exact = |kind: Kind| {
            let field = fields.iter().position(|field| field.field.kind == kind)?;
            let level = fields[field].levels.iter().position(|odds| odds.level == Level::Exact)?;
            Some(self.levels[field][level] / fields[field].levels[level].m)
        };
        let Some((given, family)) = exact(Kind::GivenName).zip(exact(Kind::FamilyName)) else { return };
        for (field, levels) in fields.iter().zip(&mut self.levels) {
            let Some(swapped) = field.levels.iter().position(|odds| odds.level == Level::Swapped) else { continue };
            // At the family name, one of the two names is not known.
            let both = if field.field.kind == Kind::GivenName { given * family } else { family };
            let (before, after) = (levels[swapped], levels[swapped].max((field.levels[swapped].m * both).min(SWAPPED_MAX)));
            levels.iter_mut().for_each(|share| *share *= (1.0 - after) / (1.0 - before));
            levels[swapped] = after;
        }
    }
}
