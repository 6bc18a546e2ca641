//! Version 1 of the API, one file per resource.

pub mod actions;
pub mod alerts;
pub mod conflict_rules;
pub mod conflicts;
pub mod dashboard;
pub mod dead_letters;
pub mod events;
pub mod holds;
pub mod mappings;
pub mod plan;
pub mod platforms;
pub mod privacy;
pub mod reconciliation;
pub mod records;
pub mod reports;
pub mod resync;
pub mod reviews;
pub mod rollouts;
pub mod schema;
pub mod session;
pub mod undo;
pub mod unmerge;

use axum::Router;

use super::App;

/// All routes that need a viewer.
pub fn routes() -> Router<App> {
    Router::new()
        .merge(dashboard::routes())
        .merge(records::routes())
        .merge(undo::routes())
        .merge(unmerge::routes())
        .merge(conflicts::routes())
        .merge(conflict_rules::routes())
        .merge(reviews::routes())
        .merge(dead_letters::routes())
        .merge(holds::routes())
        .merge(alerts::routes())
        .merge(reports::routes())
        .merge(mappings::routes())
        .merge(rollouts::routes())
        .merge(schema::routes())
        .merge(resync::routes())
        .merge(plan::routes())
        .merge(platforms::routes())
        .merge(actions::routes())
        .merge(reconciliation::routes())
        .merge(privacy::routes())
        .merge(events::routes())
}
