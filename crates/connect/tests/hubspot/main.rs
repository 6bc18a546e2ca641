//! The HubSpot connector against the simulated portal, in-process and on virtual time.
#![expect(clippy::unwrap_used, reason = "a story that cannot be set up shall stop at once")]

mod associations;
mod engagements;
mod erasing;
mod finding;
mod polling;
mod portal;
mod provisioning;
mod reading;
mod trouble;
mod webhooks;
mod writing;
