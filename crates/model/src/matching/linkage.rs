//! Finding the records of one customer among many, by weights that are learned from the records themselves.
//!
//! ```text
//! records ─▶ TableBuilder ─▶ Table ─┬─▶ Blocks: which pairs are compared
//!                                   ├─▶ learn ─▶ Model: m, u and λ
//!                                   └─▶ Judge: weight, probability, doubt, waterfall ─▶ clusters
//! ```
//!
//! [`super::counterpart`] judges the few candidates of one row with it while a sync runs. The sum of a start weight and one weight for each field is log2 of the odds that two
//! records are one customer:
//!
//! `log2(λ / (1 − λ)) + Σ log2(mᵢ / uᵢ)`
//!
//! Nothing here starts a thread or draws a random number: [`Blocks::pairs`] takes any range of blocks, so that a caller can share
//! the work among threads, and samples depend on a seed alone.

mod blocks;
mod clusters;
mod compare;
mod crowd;
mod explain;
mod field;
mod frequency;
mod judge;
mod key;
mod learn;
mod level;
mod mix;
mod model;
mod pattern;
mod shared_values;
mod table;
mod term;
mod weak;

pub use blocks::{Blocks, Effort};
pub use clusters::{Clusters, Edge, clusters};
pub use crowd::{Crowd, CrowdModel};
pub use explain::{Step, Waterfall};
pub use field::{Field, Kind, Topic};
pub use judge::{Judge, Verdict};
pub use learn::{Belief, Lesson, learn, learn_from};
pub use level::Level;
pub use model::{FieldModel, LevelOdds, Model, probability};
pub use pattern::FIELDS_MAX;
pub use shared_values::{Common, Known};
pub use table::{Row, Side, Table, TableBuilder, TableError};
pub use weak::Doubt;
pub(super) use weak::bounded;
