//! The simulated company at Pipedrive, called as a client calls it.
#![expect(clippy::unwrap_used, reason = "a story that cannot be set up shall stop at once")]

mod bin;
mod company;
mod limits;
mod messages;
