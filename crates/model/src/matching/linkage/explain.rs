//! Why a pair was judged so: a waterfall from the start weight to the end weight.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::judge::Verdict;
use super::level::Level;

/// What one field adds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The field.
    pub field: String,
    /// How the values compare.
    pub level: Level,
    /// The level in words.
    pub words: String,
    /// What it adds, in bits; below zero it speaks against a match.
    pub weight: f64,
    /// The part of it that comes from how common the shared value is: below zero for common ones.
    pub frequency: f64,
}

/// The steps from what is believed of any two records to the verdict on these two.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waterfall {
    /// log2 of the odds before anything was compared.
    pub start: f64,
    /// Field by field, in the table's order.
    pub steps: Vec<Step>,
    /// What strangers who have much in common (relatives, colleagues, neighbours) take from it; zero or less.
    pub crowds: f64,
    /// The end: weight, probability and doubt.
    pub verdict: Verdict,
}

impl fmt::Display for Waterfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>8.2}  any two records", self.start)?;
        for step in self.steps.iter().filter(|step| step.level != Level::Missing) {
            write!(f, "{:>+8.2}  {}: {}", step.weight, step.field, step.words)?;
            match step.frequency {
                common if common <= -0.5 => writeln!(f, ", a common value ({common:+.2})")?,
                rare if rare >= 0.5 => writeln!(f, ", a rare value ({rare:+.2})")?,
                _ => writeln!(f)?,
            }
        }
        if self.crowds <= -0.5 {
            writeln!(f, "{:>+8.2}  as much is shared by relatives, colleagues or neighbours", self.crowds)?;
        }
        write!(f, "{:>8.2}  probability {:.4}", self.verdict.weight, self.verdict.probability)?;
        match self.verdict.doubt {
            Some(doubt) => write!(f, ": {doubt}"),
            None => Ok(()),
        }
    }
}
