//! The simulated Freshdesk account, told over its API.
#![expect(clippy::unwrap_used, reason = "a story that cannot be set up shall stop at once")]

mod account;
mod companies;
mod contacts;
mod gate;
mod searches;
mod tickets;
mod webhooks;
