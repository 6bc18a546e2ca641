//! One suite, two databases: every story runs on a temporary SQLite file, and on PostgreSQL when `ENTENTE_TEST_POSTGRES` holds an
//! administrator's URL.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "suite/attention.rs"]
mod attention;
#[path = "suite/counterparts.rs"]
mod counterparts;
#[path = "suite/counters.rs"]
mod counters;
#[path = "suite/hints.rs"]
mod hints;
#[path = "suite/holds.rs"]
mod holds;
#[path = "suite/house.rs"]
mod house;
#[path = "suite/inbox.rs"]
mod inbox;
#[path = "suite/leaders.rs"]
mod leaders;
#[path = "suite/ledger.rs"]
mod ledger;
#[path = "suite/metadata.rs"]
mod metadata;
#[path = "suite/opening.rs"]
mod opening;
#[path = "suite/privacy.rs"]
mod privacy;
#[path = "suite/records.rs"]
mod records;
#[path = "suite/reigns.rs"]
mod reigns;
#[path = "suite/rollouts.rs"]
mod rollouts;
#[path = "suite/schema.rs"]
mod schema;
#[path = "suite/speed.rs"]
mod speed;
#[path = "suite/transactions.rs"]
mod transactions;
#[path = "suite/window.rs"]
mod window;
