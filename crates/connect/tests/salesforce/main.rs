//! The Salesforce connector and the transport below it, against scripted answers.
#![expect(clippy::unwrap_used, reason = "tests")]

mod org;
mod provisioning;
mod reading;
mod signing;
mod webhooks;
mod writing;
