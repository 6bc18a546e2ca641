//! One folder per platform.

mod attribute;
pub mod dynamics;
pub mod freshdesk;
pub mod hubspot;
pub mod intercom;
pub mod pipedrive;
pub mod rest;
pub mod salesforce;
pub mod zendesk;
