//! Who works at the simulated platforms, and how the hub signs in at each.

pub mod dynamics;
pub mod freshdesk;
pub mod hubspot;
pub mod intercom;
pub mod pipedrive;
pub mod salesforce;
pub mod zendesk;
