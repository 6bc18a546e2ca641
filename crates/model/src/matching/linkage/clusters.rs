//! From pairs to customers: records that belong together, without chaining strangers through one weak link.

use std::collections::HashMap;

use super::table::Row;

/// A pair that was judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// One record.
    pub one: Row,
    /// The other.
    pub two: Row,
    /// Probability that they are one customer.
    pub probability: f64,
}

/// Records grouped by customer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clusters {
    /// Groups of two records or more, each in the order of rows.
    pub groups: Vec<Vec<Row>>,
    /// Links that were strong enough by themselves, and would have joined groups that otherwise have little in common.
    pub refused: Vec<(Row, Row)>,
}

/// Share of the pairs between two groups that must be likelier a match than not for the groups to become one.
const AGREEING_MIN: f64 = 0.5;
/// Pairs between two groups that are looked at.
const PAIRS_MAX: usize = 400;

/// Joins records by the edges from `threshold` on, the most certain first. Two groups become one only when at least half of the
/// pairs between them are likelier a match than not: A = B, C = D and one edge between B and C do not make A and D one customer.
///
/// `probability` judges any pair.
#[must_use]
pub fn clusters(edges: &[Edge], threshold: f64, probability: impl Fn(Row, Row) -> f64) -> Clusters {
    let mut strong: Vec<&Edge> = edges.iter().filter(|edge| edge.probability >= threshold).collect();
    strong.sort_by(|a, b| b.probability.total_cmp(&a.probability).then((a.one, a.two).cmp(&(b.one, b.two))));
    // By member: the number of its group; by number: the members.
    let mut group_of: HashMap<Row, usize> = HashMap::new();
    let mut groups: Vec<Vec<Row>> = Vec::new();
    let mut refused = Vec::new();
    for edge in strong {
        let mut number = |row: Row| {
            *group_of.entry(row).or_insert_with(|| {
                groups.push(vec![row]);
                groups.len() - 1
            })
        };
        let (one, two) = (number(edge.one), number(edge.two));
        if one == two {
            continue;
        }
        if !belong_together(&groups[one], &groups[two], &probability) {
            refused.push((edge.one, edge.two));
            continue;
        }
        // The smaller group moves, so that a record moves a few times at most.
        let (into, from) = if groups[one].len() >= groups[two].len() { (one, two) } else { (two, one) };
        for row in std::mem::take(&mut groups[from]) {
            group_of.insert(row, into);
            groups[into].push(row);
        }
    }
    // A link that was refused early may have been joined later by another way.
    refused.retain(|(one, two)| group_of.get(one) != group_of.get(two));
    groups.retain(|group| group.len() > 1);
    groups.iter_mut().for_each(|group| group.sort_unstable());
    groups.sort_unstable();
    Clusters { groups, refused }
}

fn belong_together(one: &[Row], two: &[Row], probability: &impl Fn(Row, Row) -> f64) -> bool {
    if one.len() == 1 && two.len() == 1 {
        return true;
    }
    let pairs = one.iter().flat_map(|one| two.iter().map(move |two| (*one, *two)));
    let (mut agreeing, mut seen) = (0_usize, 0_usize);
    for (one, two) in pairs.take(PAIRS_MAX) {
        seen += 1;
        agreeing += usize::from(probability(one, two) >= 0.5);
    }
    agreeing as f64 >= AGREEING_MIN * seen as f64
}
