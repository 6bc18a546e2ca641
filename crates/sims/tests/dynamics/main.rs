//! The simulated environment of Dynamics 365, called as a client calls it.
#![expect(clippy::unwrap_used, reason = "a story that cannot be set up shall stop at once")]

mod batches;
mod company;
mod jobs;
mod limits;
mod links;
