//! The only crate that calls vendors: the contract every connector keeps, the transport below it, and the vendors themselves.
//!
//! A vendor is data plus a little code: one folder under `vendors/`, one line in [`registry`], one simulator.

pub mod action;
mod actors;
pub mod capability;
pub mod connector;
pub mod erase;
pub mod error;
mod html;
pub mod look;
pub mod merge;
pub mod notify;
mod phone;
pub mod registry;
pub mod scopes;
pub mod settings;
pub mod spec;
pub mod transport;
pub mod vendors;
pub mod webhook;
pub mod write;
