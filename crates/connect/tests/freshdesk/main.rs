//! The Freshdesk connector against the simulated account, in-process and on virtual time.
#![expect(clippy::unwrap_used, reason = "a story that cannot be set up shall stop at once")]

mod account;
mod erasing;
mod finding;
mod polling;
mod provisioning;
mod reading;
mod trouble;
mod webhooks;
mod writing;
