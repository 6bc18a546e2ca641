//! The connector of described platforms: a described Pipedrive against the simulated company, and small platforms of every other habit.

pub mod described;
mod faults;
mod finding;
mod habits;
mod hooks;
mod polling;
mod small;
mod writing;
