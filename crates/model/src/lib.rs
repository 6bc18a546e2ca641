//! The pure domain of Entente: what a record is, what a mapping means, and how several copies of one customer agree.
//!
//! Nothing here does I/O, reads a clock or draws a random number: time and randomness are arguments. That is what lets
//! [`plan::plan`] be executed by the engine, shown by a dry run, and proven by thousands of generated cases alike.

pub mod actor;
pub mod clock;
pub mod email;
pub mod formula;
pub mod health;
pub mod id;
pub mod mapping;
pub mod matching;
pub mod normalise;
pub mod object;
pub mod plan;
pub mod spelling;
pub mod undo;
pub mod value;
