//! The Zendesk connector against scripted answers.

#![expect(clippy::unwrap_used, reason = "a story that cannot be set up shall stop at once")]

mod credentials;
mod desk;
mod erasing;
mod finds;
mod pages;
mod schema;
mod webhooks;
mod writes;
