//! The HubSpot connector against the simulated portal, in-process and on virtual time.

mod associations;
mod engagements;
mod finding;
mod polling;
mod portal;
mod provisioning;
mod reading;
mod trouble;
mod webhooks;
mod writing;
