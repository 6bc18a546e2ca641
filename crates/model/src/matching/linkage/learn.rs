//! Learning without labels.
//!
//! Fellegi and Sunter (1969) weigh a pair by how much likelier its levels are among matches (m) than among others (u). Neither needs
//! examples: nearly all random pairs are no match, so u is counted there; m and the share of matches λ follow by expectation and
//! maximisation (Dempster, Laird and Rubin 1977; for record linkage, Winkler 1988): weigh every pair by the probability of its being
//! a match, count the levels under these weights, and begin again until nothing moves.
//!
//! Only pairs that share a key are looked at, but λ is of all pairs: the pairs that share nothing are taken for no match, which is
//! what leaving them out means. In small tables random pairs hold matches too; u is counted under the weights of no match.

use std::collections::HashMap;

use super::blocks::Blocks;
use super::crowd::{CROWDS_FIRST, Crowd, CrowdModel};
use super::field::{Field, Kind};
use super::level::{LEVELS, Level};
use super::model::{FieldModel, LevelOdds, Model, Weights, total};
use super::pattern::{Pattern, Tally};
use super::table::Table;

/// Bounds on learning.
#[derive(Debug, Clone, Copy)]
pub struct Lesson {
    /// Seed of the samples: the same seed learns the same from the same table.
    pub seed: u64,
    /// Random pairs that u is counted in.
    pub random_pairs: u64,
    /// Pairs with a shared key that m is counted in, about.
    pub shared_pairs: f64,
    /// Rounds at most.
    pub rounds_max: usize,
}

impl Default for Lesson {
    fn default() -> Self {
        Self { seed: 1, random_pairs: 400_000, shared_pairs: 600_000.0, rounds_max: 200 }
    }
}

/// Matches for each record that the first round believes in.
const MATCHES_FIRST: f64 = 0.5;
/// Share of equal values among matches that the first round believes in; the other levels share the rest, better ones more.
const EXACT_FIRST: f64 = 0.8;
/// Pairs as good as counted before the first was seen, so that no level is impossible.
const PSEUDO_PAIRS: f64 = 1.0;
/// Matches that a belief counts for which no table changes.
const FIXED_PAIRS: f64 = 1e15;
/// Change of every probability from which learning goes on.
const SETTLED: f64 = 1e-4;
/// Least λ: one match among a million million pairs.
const PRIOR_MIN: f64 = 1e-12;
/// Greatest λ; beyond it, non-matches would be the exception that the method looks for.
const PRIOR_MAX: f64 = 0.5;

/// What was believed before a table was seen. A table with few matches in it says little about how matches look; what was believed
/// stands then, and gives way with every match that is found.
#[derive(Debug, Clone, Copy)]
pub struct Belief<'a> {
    /// The model that was believed; its fields are those of the table, and its crowds are the ones looked for.
    pub model: &'a Model,
    /// Matches that it counts for.
    pub pairs: f64,
}

/// Learns a model from a table.
#[must_use]
pub fn learn(table: &Table, blocks: &Blocks, lesson: Lesson) -> Model {
    maximise(table.fields(), &evidence(table, blocks, lesson), lesson.rounds_max, None)
}

/// Learns a model from a table, beginning with what was believed before. Where what is taken for matches does not pass for customers, as
/// happens when a table holds hardly any, what was believed of matches stands, and only the others are learned.
#[must_use]
pub fn learn_from(belief: Belief<'_>, table: &Table, blocks: &Blocks, lesson: Lesson, passes: impl Fn(&Model) -> bool) -> Model {
    let evidence = evidence(table, blocks, lesson);
    let learned = maximise(table.fields(), &evidence, lesson.rounds_max, Some(belief));
    if passes(&learned) {
        return learned;
    }
    let fixed = Belief { pairs: FIXED_PAIRS, ..belief };
    maximise(table.fields(), &evidence, lesson.rounds_max, Some(fixed))
}

fn evidence(table: &Table, blocks: &Blocks, lesson: Lesson) -> Evidence {
    let mut counts: HashMap<Pattern, u64> = HashMap::new();
    for counter in 0..lesson.random_pairs {
        if let Some((one, two)) = table.random_pair(lesson.seed, counter) {
            *counts.entry(table.compare(one, two)).or_default() += 1;
        }
    }
    let random = Tally::of(counts, 1.0);
    let share = (lesson.shared_pairs / blocks.pairs_at_most().max(1.0)).min(1.0);
    let mut counts: HashMap<Pattern, u64> = HashMap::new();
    blocks.sample(table, lesson.seed, share, |one, two| *counts.entry(table.compare(one, two)).or_default() += 1);
    let shared = Tally::of(counts, 1.0 / share);
    Evidence { random, shared, pairs: table.pairs(), rows: table.rows() }
}

/// What is learned from.
pub(super) struct Evidence {
    /// Patterns of random pairs.
    pub random: Tally,
    /// Patterns of pairs that share a key.
    pub shared: Tally,
    /// Number of all pairs.
    pub pairs: f64,
    /// Number of records.
    pub rows: usize,
}

impl Evidence {
    /// Levels among random pairs under a weight, and the share of pairs that the weights make.
    fn among_random(&self, fields: usize, weight: impl Fn(Pattern) -> f64) -> (f64, Vec<[f64; LEVELS]>) {
        let all: f64 = self.random.iter().map(|(_, count)| count).sum();
        let found: f64 = self.random.iter().map(|(pattern, count)| count * weight(pattern)).sum();
        (found / all.max(1.0), count(fields, &self.random, weight))
    }
}

/// Turns counts into a model.
pub(super) fn maximise(fields: &[Field], evidence: &Evidence, rounds_max: usize, before: Option<Belief<'_>>) -> Model {
    let pairs = evidence.pairs.max(1.0);
    let prior = (MATCHES_FIRST * evidence.rows as f64 / pairs).clamp(PRIOR_MIN, PRIOR_MAX);
    let mut model = Model {
        prior,
        fields: before.map_or_else(|| fields.iter().map(first).collect(), |before| before.model.fields.clone()),
        crowds: Vec::new(),
        rounds: 0,
        pairs: evidence.shared.iter().map(|(_, count)| count).sum(),
    };
    let others = count(fields.len(), &evidence.random, |_| 1.0);
    for (field, counts) in model.fields.iter_mut().zip(&others) {
        settle(field, counts, None, |odds| &mut odds.u);
    }
    keep_order(&mut model);
    let crowds =
        Crowd::ALL.iter().filter(|crowd| before.is_none_or(|before| before.model.crowds.iter().any(|known| known.crowd == **crowd)));
    model.crowds = crowds.filter_map(|crowd| CrowdModel::first(*crowd, &model.fields, prior * CROWDS_FIRST)).collect();
    while model.rounds < rounds_max {
        model.rounds += 1;
        let last = model.clone();
        let beliefs = Beliefs::of(&model);
        let shared: Vec<(Pattern, f64, Share)> =
            evidence.shared.iter().map(|(pattern, count)| (pattern, count, beliefs.of_pattern(pattern))).collect();
        let weighed = |weight: &dyn Fn(&Share) -> f64| {
            let mut counts = vec![[0.0; LEVELS]; fields.len()];
            let mut found = 0.0;
            for (pattern, count, belief) in &shared {
                let pairs = count * weight(belief);
                found += pairs;
                add(&mut counts, *pattern, pairs);
            }
            (found, counts)
        };
        let (found, matches) = weighed(&|belief| belief.is_match);
        let others = count(fields.len(), &evidence.random, |pattern| beliefs.of_pattern(pattern).is_chance);
        let crowds: Vec<_> = (0..model.crowds.len())
            .map(|crowd| {
                let of_crowd = |share: &Share| share.of_crowds[crowd];
                if model.crowds[crowd].crowd.is_everywhere() {
                    let (found, counts) = evidence.among_random(fields.len(), |pattern| of_crowd(&beliefs.of_pattern(pattern)));
                    (found * pairs, counts)
                } else {
                    weighed(&of_crowd)
                }
            })
            .collect();
        model.prior = (found / pairs).clamp(PRIOR_MIN, PRIOR_MAX);
        for (at, field) in model.fields.iter_mut().enumerate() {
            let believed = before.and_then(|before| Some((before.model.fields.get(at)?, before.pairs)));
            settle(field, &matches[at], believed, |odds| &mut odds.m);
            settle(field, &others[at], None, |odds| &mut odds.u);
        }
        keep_order(&mut model);
        for (crowd, (found, counts)) in model.crowds.iter_mut().zip(crowds) {
            crowd.prior = (found / pairs).clamp(PRIOR_MIN, PRIOR_MAX);
            crowd.settle(&model.fields, &counts, PSEUDO_PAIRS);
        }
        if moved(&last, &model) < SETTLED {
            break;
        }
    }
    model
}

/// What a round believes of a pair.
struct Share {
    is_match: f64,
    of_crowds: [f64; Crowd::ALL.len()],
    is_chance: f64,
}

/// What a round believes of all pairs.
struct Beliefs {
    prior: f64,
    weights: Weights,
    crowds: Vec<(f64, Weights)>,
}

impl Beliefs {
    fn of(model: &Model) -> Self {
        Self { prior: model.prior_weight(), weights: model.weights(), crowds: model.crowd_weights() }
    }

    fn of_pattern(&self, pattern: Pattern) -> Share {
        let is_match = (self.prior + total(&self.weights, pattern)).exp2();
        let mut of_crowds = [0.0; Crowd::ALL.len()];
        for (likeness, (prior, weights)) in of_crowds.iter_mut().zip(&self.crowds) {
            *likeness = (prior + total(weights, pattern)).exp2();
        }
        let all = 1.0 + is_match + of_crowds.iter().sum::<f64>();
        Share { is_match: is_match / all, of_crowds: of_crowds.map(|likeness| likeness / all), is_chance: 1.0 / all }
    }
}

/// What the first round believes of a field.
fn first(field: &Field) -> FieldModel {
    let levels = field.kind.levels();
    let rest: f64 = (1..levels.len()).map(|place| 1.0 / place as f64).sum();
    let odds = levels.iter().enumerate().map(|(place, level)| LevelOdds {
        level: *level,
        m: if place == 0 { EXACT_FIRST } else { (1.0 - EXACT_FIRST) / place as f64 / rest },
        u: 1.0 / levels.len() as f64,
    });
    FieldModel { field: field.clone(), levels: odds.collect() }
}

/// Counts levels by field, each pattern under a weight.
fn count(fields: usize, tally: &Tally, weight: impl Fn(Pattern) -> f64) -> Vec<[f64; LEVELS]> {
    let mut counts = vec![[0.0; LEVELS]; fields];
    for (pattern, pairs) in tally.iter() {
        add(&mut counts, pattern, pairs * weight(pattern));
    }
    counts
}

fn add(counts: &mut [[f64; LEVELS]], pattern: Pattern, pairs: f64) {
    for (field, counts) in counts.iter_mut().enumerate() {
        counts[pattern.number(field)] += pairs;
    }
}

/// Sets one probability of every level from counts, and from what was believed of matches before. A missing value is no level.
fn settle(
    field: &mut FieldModel,
    counts: &[f64; LEVELS],
    believed: Option<(&FieldModel, f64)>,
    which: impl Fn(&mut LevelOdds) -> &mut f64,
) {
    let even = PSEUDO_PAIRS / field.levels.len() as f64;
    let before = |level: Level| match believed {
        Some((known, pairs)) => known.odds(level).map_or(0.0, |odds| odds.m * pairs),
        None => even,
    };
    let sum: f64 = field.levels.iter().map(|odds| counts[odds.level as usize] + before(odds.level)).sum();
    for odds in &mut field.levels {
        let share = (counts[odds.level as usize] + before(odds.level)) / sum;
        *which(odds) = share;
    }
}

/// Names in each other's place are no better evidence than the same names in theirs.
fn keep_order(model: &mut Model) {
    let exact = |kind: Kind| {
        let field = model.fields.iter().find(|field| field.field.kind == kind)?;
        field.odds(Level::Exact).map(LevelOdds::weight)
    };
    let Some(both) = exact(Kind::GivenName).zip(exact(Kind::FamilyName)).map(|(given, family)| given + family) else { return };
    for odds in model.fields.iter_mut().flat_map(|field| &mut field.levels).filter(|odds| odds.level == Level::Swapped) {
        odds.u = odds.u.max(odds.m / both.exp2());
    }
}

fn moved(before: &Model, after: &Model) -> f64 {
    let levels = |model: &Model| model.fields.iter().flat_map(|field| field.levels.iter().map(|odds| (odds.m, odds.u))).collect::<Vec<_>>();
    let probabilities =
        levels(before).into_iter().zip(levels(after)).map(|(one, two)| f64::max((one.0 - two.0).abs(), (one.1 - two.1).abs()));
    let prior = (before.prior - after.prior).abs() / after.prior;
    probabilities.fold(prior, f64::max)
}

#[cfg(test)]
mod tests {
    use super::super::mix::mix;
    use super::*;

    /// A level, and how likely it is among matches and among others.
    type Planted = (Level, f64, f64);

    const FIELDS: [(Kind, &[Planted]); 4] = [
        (Kind::Email, &[(Level::Exact, 0.7, 0.0001), (Level::Near, 0.2, 0.0005), (Level::Different, 0.1, 0.9994)]),
        (Kind::Date, &[(Level::Exact, 0.85, 0.001), (Level::Far, 0.1, 0.04), (Level::Different, 0.05, 0.959)]),
        (Kind::Place, &[(Level::Exact, 0.8, 0.1), (Level::Similar, 0.15, 0.02), (Level::Different, 0.05, 0.88)]),
        (Kind::Category, &[(Level::Exact, 0.95, 0.5), (Level::Different, 0.05, 0.5)]),
    ];
    const PAIRS: u64 = 400_000;
    /// Share of values that are missing, on any side.
    const MISSING: f64 = 0.2;

    fn unit(counter: u64) -> f64 {
        mix(5, counter) as f64 / u64::MAX as f64
    }

    /// Pairs that follow the planted probabilities, a share of them matches.
    fn planted(prior: f64) -> Evidence {
        let mut counts: HashMap<Pattern, u64> = HashMap::new();
        for pair in 0..PAIRS {
            let is_match = unit(pair * 16) < prior;
            let mut pattern = Pattern::default();
            for (field, (_, levels)) in FIELDS.iter().enumerate() {
                let draw = pair * 16 + 2 * field as u64;
                let mut left = unit(draw + 1);
                let drawn = levels.iter().find(|(_, m, u)| {
                    left -= if is_match { m } else { u };
                    left <= 0.0
                });
                if unit(draw + 2) >= MISSING {
                    pattern.set(field, drawn.map_or(Level::Different, |(level, _, _)| *level));
                }
            }
            *counts.entry(pattern).or_default() += 1;
        }
        let tally = Tally::of(counts, 1.0);
        Evidence { random: tally.clone(), shared: tally, pairs: PAIRS as f64, rows: 1_000 }
    }

    fn learned(prior: f64) -> Model {
        let fields: Vec<Field> = FIELDS.iter().map(|(kind, _)| Field::new(format!("{kind:?}"), *kind)).collect();
        maximise(&fields, &planted(prior), Lesson::default().rounds_max, None)
    }

    #[test]
    fn what_was_planted_is_found_without_a_label() {
        for prior in [0.05, 0.01] {
            let model = learned(prior);
            assert!((model.prior / prior - 1.0).abs() < 0.1, "{} for {prior}", model.prior);
            for (field, (kind, levels)) in model.fields.iter().zip(FIELDS) {
                for (level, m, u) in levels {
                    let odds = field.odds(*level).unwrap();
                    assert!((odds.m - m).abs() < 0.03, "{kind:?} {level:?}: m {} for {m}", odds.m);
                    assert!((odds.u - u).abs() < 0.003, "{kind:?} {level:?}: u {} for {u}", odds.u);
                }
            }
        }
    }

    #[test]
    fn matches_among_random_pairs_do_not_spoil_what_is_rare_among_others() {
        let exact = learned(0.05).fields[0].odds(Level::Exact).cloned().unwrap();
        assert!(exact.u < 0.001, "a twentieth of the pairs share an address as they are one customer; u is {}", exact.u);
    }

    #[test]
    fn the_levels_of_a_field_are_all_there_is() {
        for field in learned(0.01).fields {
            let sums = field.levels.iter().fold((0.0, 0.0), |sums, odds| (sums.0 + odds.m, sums.1 + odds.u));
            assert!((sums.0 - 1.0).abs() < 1e-9 && (sums.1 - 1.0).abs() < 1e-9, "{field:?}");
        }
    }

    #[test]
    fn what_was_believed_stands_until_matches_say_otherwise() {
        let fields: Vec<Field> = FIELDS.iter().map(|(kind, _)| Field::new(format!("{kind:?}"), *kind)).collect();
        let mut believed = learned(0.01);
        for odds in &mut believed.fields[3].levels {
            odds.m = 0.5;
        }
        let after = |pairs: f64| {
            let belief = Belief { model: &believed, pairs };
            let model = maximise(&fields, &planted(0.01), Lesson::default().rounds_max, Some(belief));
            model.fields[3].odds(Level::Exact).unwrap().m
        };
        assert!((after(1.0) - 0.95).abs() < 0.03, "four thousand matches outweigh one: {}", after(1.0));
        assert!(after(1e7) < 0.51, "and not ten million: {}", after(1e7));
    }

    #[test]
    fn nothing_to_learn_from_is_no_accident() {
        let nothing = Evidence { random: Tally::default(), shared: Tally::default(), pairs: 0.0, rows: 0 };
        let model = maximise(&[Field::new("email", Kind::Email)], &nothing, 5, None);
        assert!(model.prior > 0.0 && model.fields[0].levels.iter().all(|odds| odds.weight().is_finite()));
    }
}
