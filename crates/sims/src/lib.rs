//! Simulators of the platforms, with faults: a second, independent reading of the vendors' documentation.
//!
//! They share no type with the connectors, on purpose: a simulator that used the connector's wire structs would repeat its
//! mistakes. Every simulator is an [`axum::Router`] over a state in memory, so that it runs in-process on a virtual clock, behind
//! a socket as `entente sim`, and under the vendors' own clients, all with the same code.

pub mod calls;
pub mod clock;
mod consent;
mod door;
pub mod dynamics;
pub mod faults;
pub mod freshdesk;
pub mod hubspot;
pub mod intercom;
pub mod mailroom;
pub mod pipedrive;
pub mod profile;
pub mod receivers;
pub mod salesforce;
pub mod serve;
mod steering;
pub mod world;
pub mod zendesk;
