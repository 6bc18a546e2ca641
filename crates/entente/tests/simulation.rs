//! The whole engine against both simulators on a virtual clock: stories first, then seeded worlds under every fault, with a crash at
//! every step, and last the deliberate mistakes that those worlds must catch. `simulation_on_postgres` tells the same on PostgreSQL.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "a test stops where something is not as told")]

#[path = "simulation/activities.rs"]
mod activities;
#[path = "simulation/addresses.rs"]
mod addresses;
#[path = "simulation/ambient.rs"]
mod ambient;
#[path = "simulation/blanks.rs"]
mod blanks;
#[path = "simulation/campaigns.rs"]
mod campaigns;
#[path = "simulation/certified.rs"]
mod certified;
#[path = "simulation/certified_intercom.rs"]
mod certified_intercom;
#[path = "simulation/consenting.rs"]
mod consenting;
#[path = "simulation/database.rs"]
mod database;
#[path = "simulation/deciding.rs"]
mod deciding;
#[path = "simulation/departures.rs"]
mod departures;
#[path = "simulation/dynamics_leads.rs"]
mod dynamics_leads;
#[path = "simulation/flawed.rs"]
mod flawed;
#[path = "simulation/hub.rs"]
mod hub;
#[path = "simulation/hubspot_hands.rs"]
mod hubspot_hands;
#[path = "simulation/hubspot_leads.rs"]
mod hubspot_leads;
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
#[path = "simulation/leads.rs"]
mod leads;
#[path = "simulation/merging.rs"]
mod merging;
#[path = "simulation/misfortune.rs"]
mod misfortune;
#[path = "simulation/pairs/mod.rs"]
mod pairs;
#[path = "simulation/parting.rs"]
mod parting;
#[path = "simulation/people.rs"]
mod people;
#[path = "simulation/privacy.rs"]
mod privacy;
#[path = "simulation/recognised.rs"]
mod recognised;
#[path = "simulation/reconciling.rs"]
mod reconciling;
#[path = "simulation/replays.rs"]
mod replays;
#[path = "simulation/reporting.rs"]
mod reporting;
#[path = "simulation/reviews.rs"]
mod reviews;
#[path = "simulation/rows_in_any_order.rs"]
mod rows_in_any_order;
#[path = "simulation/ruling.rs"]
mod ruling;
#[path = "simulation/schemas.rs"]
mod schemas;
#[path = "simulation/second_desk.rs"]
mod second_desk;
#[path = "simulation/second_freshdesk.rs"]
mod second_freshdesk;
#[path = "simulation/second_intercom.rs"]
mod second_intercom;
#[path = "simulation/sharing.rs"]
mod sharing;
#[path = "simulation/steps.rs"]
mod steps;
#[path = "simulation/stories.rs"]
mod stories;
#[path = "simulation/taken.rs"]
mod taken;
#[path = "simulation/talking.rs"]
mod talking;
#[path = "simulation/three_systems.rs"]
mod three_systems;
#[path = "simulation/ticket_activities.rs"]
mod ticket_activities;
#[path = "simulation/undo.rs"]
mod undo;
#[path = "simulation/undoing.rs"]
mod undoing;
#[path = "simulation/unmerging.rs"]
mod unmerging;
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
const ON_POSTGRES: bool = false;
/// Worlds in the suite; `ENTENTE_SIM_SEEDS` asks for more.
const SEEDS: u64 = 200;
