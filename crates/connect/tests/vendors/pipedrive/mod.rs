//! The Pipedrive connector against the simulated company.

mod activities;
pub mod company;
mod finding;
mod leads;
mod polling;
mod provisioning;
mod reading;
mod sign_in;
mod trouble;
mod webhooks;
mod writing;
