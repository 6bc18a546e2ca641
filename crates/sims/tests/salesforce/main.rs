//! Stories told to the Salesforce simulator over its HTTP surface, on a virtual clock.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bulk;
mod desk;
mod faults;
mod many;
mod pushes;
mod queries;
mod records;
mod schema;
mod sign_in;
mod soap;
mod speed;
