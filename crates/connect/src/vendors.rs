//! One folder per platform.

pub mod salesforce;
pub mod zendesk;
