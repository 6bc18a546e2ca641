//! Who works at the simulated platforms, and how the hub signs in at each.

pub mod freshdesk;
pub mod hubspot;
pub mod salesforce;
pub mod zendesk;
