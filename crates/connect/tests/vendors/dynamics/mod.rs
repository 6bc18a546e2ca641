//! The Dynamics 365 connector against the simulated environment.

mod campaigns;
mod company;
mod erasing;
mod polling;
mod provisioning;
mod sign_in;
mod thousands;
mod trouble;
mod webhooks;
mod writing;
