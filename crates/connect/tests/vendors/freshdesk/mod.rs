//! The Freshdesk connector against the simulated account, in-process and on virtual time.

mod account;
mod finding;
mod polling;
mod provisioning;
mod reading;
mod trouble;
mod webhooks;
mod writing;
