//! Stories told to the HubSpot simulator over its HTTP surface, on a virtual clock.
#![expect(clippy::unwrap_used, reason = "tests")]

mod associations;
mod batches;
mod faults;
mod journal;
mod leads;
mod portal;
mod pushes;
mod records;
mod schema;
mod schemas;
mod searches;
mod sign_in;
