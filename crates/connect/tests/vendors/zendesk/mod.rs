//! The Zendesk connector against scripted answers.

mod credentials;
mod desk;
mod finds;
mod pages;
mod schema;
mod webhooks;
mod writes;
