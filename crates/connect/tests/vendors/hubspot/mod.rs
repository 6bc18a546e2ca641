//! The HubSpot connector against the simulated portal, in-process and on virtual time.

mod associations;
mod custom_objects;
mod engagements;
mod equal_stamps;
mod erasing;
mod finding;
mod first_reads;
mod hands;
mod journal;
mod leads;
mod marketing;
mod polling;
mod portal;
mod provisioning;
mod reading;
mod trouble;
mod webhooks;
mod writing;
