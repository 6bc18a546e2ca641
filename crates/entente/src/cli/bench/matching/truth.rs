//! Who is who, and how well that was found.

use std::collections::HashMap;

use entente_model::matching::linkage::{Clusters, Edge, Row};
use serde::Serialize;

/// What is known of pairs.
pub enum Truth {
    /// By record, its customer: all pairs are known.
    Customers { customers: Vec<u64>, matches: u64 },
    /// Some pairs, by the lower and the higher row. Where non-matches are among them, the others are unknown; else they are none.
    Pairs { pairs: HashMap<(Row, Row), bool>, complete: bool, matches: u64 },
}

impl Truth {
    pub fn of_labels<'a>(labels: impl Iterator<Item = &'a str>) -> Self {
        let mut known: HashMap<&str, u64> = HashMap::new();
        let customers = labels.map(|label| {
            let next = known.len() as u64;
            *known.entry(label).or_insert(next)
        });
        Self::of_customers(customers.collect())
    }

    pub fn of_customers(customers: Vec<u64>) -> Self {
        let mut sizes: HashMap<u64, u64> = HashMap::new();
        for customer in &customers {
            *sizes.entry(*customer).or_default() += 1;
        }
        Self::Customers { matches: sizes.values().map(|size| size * (size - 1) / 2).sum(), customers }
    }

    pub fn of_pairs(pairs: Vec<(Row, Row, bool)>) -> Self {
        let pairs: HashMap<(Row, Row), bool> =
            pairs.into_iter().map(|(one, two, matches)| ((one.min(two), one.max(two)), matches)).collect();
        let matches = pairs.values().filter(|matches| **matches).count() as u64;
        Self::Pairs { complete: matches == pairs.len() as u64, matches, pairs }
    }

    /// Number of pairs that are one customer.
    pub fn matches(&self) -> u64 {
        match self {
            Self::Customers { matches, .. } | Self::Pairs { matches, .. } => *matches,
        }
    }

    /// Whether two records are one customer; `None` where nobody knows.
    pub fn same(&self, one: Row, two: Row) -> Option<bool> {
        match self {
            Self::Customers { customers, .. } => Some(customers[one as usize] == customers[two as usize]),
            Self::Pairs { pairs, complete, .. } => pairs.get(&(one.min(two), one.max(two))).copied().or(complete.then_some(false)),
        }
    }
}

/// How well matches were found.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Score {
    /// Pairs that were found and are matches.
    pub right: u64,
    /// Pairs that were found and are none.
    pub wrong: u64,
    /// Share of the found pairs that are matches.
    pub precision: f64,
    /// Share of the matches that were found.
    pub recall: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
}

impl Score {
    fn new(right: u64, wrong: u64, matches: u64) -> Self {
        let share = |part: u64, whole: u64| if whole == 0 { 1.0 } else { part as f64 / whole as f64 };
        let (precision, recall) = (share(right, right + wrong), share(right, matches));
        Self { right, wrong, precision, recall, f1: share(2 * right, 2 * right + wrong + matches.saturating_sub(right)) }
    }

    /// Of the pairs from a probability on.
    pub fn from(edges: &[Edge], truth: &Truth, threshold: f64) -> Self {
        Self::of(edges.iter().filter(|edge| edge.probability >= threshold).map(|edge| (edge.one, edge.two)), truth)
    }

    /// Of the pairs that grouping records means, those that were not compared included.
    pub fn of_clusters(clusters: &Clusters, truth: &Truth) -> Self {
        let within = |group: &'_ Vec<Row>| {
            let group = group.clone();
            (0..group.len()).flat_map(move |at| group[at + 1..].iter().map(|two| (group[at], *two)).collect::<Vec<_>>())
        };
        Self::of(clusters.groups.iter().flat_map(within), truth)
    }

    fn of(pairs: impl Iterator<Item = (Row, Row)>, truth: &Truth) -> Self {
        let (mut right, mut wrong) = (0, 0);
        for (one, two) in pairs {
            match truth.same(one, two) {
                Some(true) => right += 1,
                Some(false) => wrong += 1,
                None => {}
            }
        }
        Self::new(right, wrong, truth.matches())
    }

    /// The probability from which F1 is greatest, and what it is there. Edges come the likeliest first.
    pub fn best(edges: &[Edge], truth: &Truth) -> (f64, Self) {
        let (mut right, mut wrong) = (0, 0);
        let mut best = (1.0, Self::new(0, 0, truth.matches()));
        for (at, edge) in edges.iter().enumerate() {
            match truth.same(edge.one, edge.two) {
                Some(true) => right += 1,
                Some(false) => wrong += 1,
                None => continue,
            }
            // Pairs of one probability are found together.
            let last = edges.get(at + 1).is_none_or(|next| next.probability < edge.probability);
            let here = Self::new(right, wrong, truth.matches());
            if last && here.f1 > best.1.f1 {
                best = (edge.probability, here);
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(one: Row, two: Row, probability: f64) -> Edge {
        Edge { one, two, probability }
    }

    #[test]
    fn precision_and_recall_are_shares_of_the_found_and_of_the_true() {
        let truth = Truth::of_labels(["a", "a", "a", "b"].into_iter());
        assert_eq!(truth.matches(), 3);
        let edges = [edge(0, 1, 0.99), edge(1, 2, 0.8), edge(2, 3, 0.7)];
        let auto = Score::from(&edges, &truth, 0.95);
        assert_eq!((auto.right, auto.wrong, auto.precision), (1, 0, 1.0));
        assert!((auto.recall - 1.0 / 3.0).abs() < 1e-12 && (auto.f1 - 0.5).abs() < 1e-12);
        let (at, best) = Score::best(&edges, &truth);
        assert!((at - 0.8).abs() < 1e-12 && (best.f1 - 0.8).abs() < 1e-12);
        let grouped = Score::of_clusters(&Clusters { groups: vec![vec![0, 1, 2]], refused: Vec::new() }, &truth);
        assert_eq!((grouped.right, grouped.wrong), (3, 0));
    }

    #[test]
    fn what_nobody_labelled_is_no_mistake() {
        let edges = [edge(0, 1, 0.99), edge(5, 6, 0.99)];
        let partial = Truth::of_pairs(vec![(1, 0, true), (2, 3, false)]);
        assert_eq!(Score::from(&edges, &partial, 0.5).wrong, 0);
        let complete = Truth::of_pairs(vec![(1, 0, true)]);
        assert_eq!(Score::from(&edges, &complete, 0.5).wrong, 1);
    }
}
