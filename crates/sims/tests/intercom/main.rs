//! The simulated Intercom workspace, told over its API.
#![expect(clippy::unwrap_used, reason = "a story that cannot be set up shall stop at once")]

mod companies;
mod contacts;
mod conversations;
mod gate;
mod searches;
mod tickets;
mod webhooks;
mod workspace;
