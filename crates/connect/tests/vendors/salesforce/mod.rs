//! The Salesforce connector and the transport below it, against scripted answers.

mod actions;
mod activities;
mod bulk_reading;
mod bulk_writing;
mod carried;
mod changes;
mod currencies;
mod erasing;
mod hands;
mod lists;
mod live;
mod messages;
mod org;
mod provisioning;
mod reading;
mod record_types;
mod signing;
mod soap;
mod webhooks;
mod writing;
