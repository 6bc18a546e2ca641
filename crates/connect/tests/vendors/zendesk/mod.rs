//! The Zendesk connector against scripted answers.

mod addresses;
mod comments;
mod credentials;
mod desk;
mod erasing;
mod finds;
mod pages;
mod schema;
mod user_writes;
mod webhooks;
mod writes;
mod written;
