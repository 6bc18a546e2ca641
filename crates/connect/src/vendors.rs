//! One folder per platform.

pub mod hubspot;
pub mod salesforce;
pub mod zendesk;
