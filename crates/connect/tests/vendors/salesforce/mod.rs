//! The Salesforce connector and the transport below it, against scripted answers.

mod org;
mod provisioning;
mod reading;
mod signing;
mod webhooks;
mod writing;
