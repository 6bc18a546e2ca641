//! The Zendesk connector against scripted answers.

mod credentials;
mod desk;
mod erasing;
mod finds;
mod pages;
mod schema;
mod webhooks;
mod writes;
