//! The stories of the simulation, and some of its worlds, on PostgreSQL: the same code on the other database. `ENTENTE_TEST_POSTGRES` holds
//! the URL of a server whose administrator may make databases; without it, this runs on SQLite once more and says so. Stories that live through
//! whole months are told on SQLite alone: what reports count is counted by the store, whose own suite runs on both.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "a test stops where something is not as told")]

#[path = "simulation/ambient.rs"]
mod ambient;
#[path = "simulation/certified.rs"]
mod certified;
#[path = "simulation/certified_intercom.rs"]
mod certified_intercom;
#[path = "simulation/database.rs"]
mod database;
#[path = "simulation/deciding.rs"]
mod deciding;
#[path = "simulation/departures.rs"]
mod departures;
#[path = "simulation/hub.rs"]
mod hub;
#[path = "simulation/judge_clocks.rs"]
mod judge_clocks;
#[path = "simulation/judge_departed.rs"]
mod judge_departed;
#[path = "simulation/judge_fields.rs"]
mod judge_fields;
#[path = "simulation/judge_flows.rs"]
mod judge_flows;
#[path = "simulation/judge_kept.rs"]
mod judge_kept;
#[path = "simulation/judge_losses.rs"]
mod judge_losses;
#[path = "simulation/judge_rest.rs"]
mod judge_rest;
#[path = "simulation/judge_second.rs"]
mod judge_second;
#[path = "simulation/misfortune.rs"]
mod misfortune;
#[path = "simulation/parting.rs"]
mod parting;
#[path = "simulation/people.rs"]
mod people;
#[path = "simulation/rows_in_any_order.rs"]
mod rows_in_any_order;
#[path = "simulation/schemas.rs"]
mod schemas;
#[path = "simulation/second_desk.rs"]
mod second_desk;
#[path = "simulation/second_freshdesk.rs"]
mod second_freshdesk;
#[path = "simulation/second_intercom.rs"]
mod second_intercom;
#[path = "simulation/stories.rs"]
mod stories;
#[path = "simulation/talking.rs"]
mod talking;
#[path = "simulation/undo.rs"]
mod undo;
#[path = "simulation/undoing.rs"]
mod undoing;
#[path = "simulation/untold.rs"]
mod untold;
#[path = "simulation/window.rs"]
mod window;
#[path = "simulation/witness.rs"]
mod witness;
#[path = "simulation/world.rs"]
mod world;
#[path = "simulation/worlds.rs"]
mod worlds;

/// Whether the hub keeps its records there.
const ON_POSTGRES: bool = true;
/// Worlds in the suite; a seed is the same world on both databases.
const SEEDS: u64 = 12;
