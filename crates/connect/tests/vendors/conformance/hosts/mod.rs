//! The platforms' stages.

pub mod dynamics;
pub mod freshdesk;
pub mod hubspot;
pub mod intercom;
pub mod intercom_older;
pub mod pipedrive;
pub mod rest;
pub mod salesforce;
pub mod salesforce_soap;
pub mod zendesk;

/// 2026-01-05T10:00:00Z: when the stories begin.
pub const START_MS: i64 = 1_767_607_200_000;
