//! The whole engine against both simulators on a virtual clock: stories first, then seeded worlds under every fault, with a crash at
//! every step, and last the deliberate mistakes that those worlds must catch.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test stops where something is not as told")]

#[path = "simulation/ambient.rs"]
mod ambient;
#[path = "simulation/hub.rs"]
mod hub;
#[path = "simulation/reviews.rs"]
mod reviews;
#[path = "simulation/stories.rs"]
mod stories;
#[path = "simulation/worlds.rs"]
mod worlds;
