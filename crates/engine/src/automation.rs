//! Automation: follows the ledger with a cursor of its own; nothing calls it. What it does is again an entry of the ledger, with
//! the cause `flow`, and the hints that the entry makes carry it to the vendors.

pub mod context;
mod daily;
pub mod follow;
pub mod health;
pub mod notices;
pub mod onboarding;
pub mod routing;
