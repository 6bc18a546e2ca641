//! Every platform's connector: against its simulator, in-process and on virtual time, or against scripted answers.
#![expect(clippy::unwrap_used, reason = "a story that cannot be set up shall stop at once")]

mod conformance;
mod dynamics;
mod freshdesk;
mod hubspot;
mod intercom;
mod pipedrive;
mod rest;
mod salesforce;
mod stage;
mod zendesk;
