//! The real process between simulators in another one: pairs of platforms that come to agree, bad input, and being killed.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "a test stops where something is not as told")]

mod caller;
mod described;
mod hub;
mod pair;
mod people;
mod platforms;
mod relay;
mod sims;

mod actions;
mod alerts;
mod bad_input;
mod cases;
mod connecting;
mod dynamics_zendesk;
mod files;
mod forgotten;
mod hubspot_journal;
mod hubspot_zendesk;
mod identity;
mod kill;
mod own_objects;
mod pipedrive_zendesk;
mod removed_app;
mod rights;
mod salesforce_freshdesk;
mod salesforce_intercom;
mod scenarios;
