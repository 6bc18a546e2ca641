//! The Freshdesk connector against the simulated account, in-process and on virtual time.

mod account;
mod erasing;
mod finding;
mod polling;
mod provisioning;
mod reading;
mod said;
mod trouble;
mod webhooks;
mod writing;
