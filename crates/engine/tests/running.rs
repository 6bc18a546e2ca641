//! The running engine, told as stories: two platforms in memory whose calls can be counted, held up and refused. The platforms are
//! no reading of any vendor; that the vendors' own behaviour is met is what the simulation tells.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "running/acting.rs"]
mod acting;
#[path = "running/alerting.rs"]
mod alerting;
#[path = "running/batches.rs"]
mod batches;
#[path = "running/bulk.rs"]
mod bulk;
#[path = "running/columns.rs"]
mod columns;
#[path = "running/erasing.rs"]
mod erasing;
#[path = "running/failures.rs"]
mod failures;
#[path = "running/hands.rs"]
mod hands;
#[path = "running/holds.rs"]
mod holds;
#[path = "running/house.rs"]
mod house;
#[path = "running/learning.rs"]
mod learning;
#[path = "running/leases.rs"]
mod leases;
#[path = "running/marks.rs"]
mod marks;
#[path = "running/months.rs"]
mod months;
#[path = "running/platform.rs"]
mod platform;
#[path = "running/processes.rs"]
mod processes;
#[path = "running/proposing.rs"]
mod proposing;
#[path = "running/reading.rs"]
mod reading;
#[path = "running/recommending.rs"]
mod recommending;
#[path = "running/reconciling.rs"]
mod reconciling;
#[path = "running/refused_objects.rs"]
mod refused_objects;
#[path = "running/rewriting.rs"]
mod rewriting;
#[path = "running/rollouts.rs"]
mod rollouts;
#[path = "running/spoken.rs"]
mod spoken;
#[path = "running/told.rs"]
mod told;
#[path = "running/two_desks.rs"]
mod two_desks;
#[path = "running/undo.rs"]
mod undo;
#[path = "running/undo_taken.rs"]
mod undo_taken;
#[path = "running/unmerging.rs"]
mod unmerging;
#[path = "running/webhooks.rs"]
mod webhooks;
