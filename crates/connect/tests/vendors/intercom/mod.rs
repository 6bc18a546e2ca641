//! The Intercom connector against the simulated workspace, in-process and on virtual time.

mod finding;
mod parts;
mod polling;
mod provisioning;
mod reading;
mod tickets;
mod trouble;
mod updates;
mod webhooks;
mod workspace;
mod writing;
