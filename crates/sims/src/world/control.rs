//! The world's surface for other processes.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Agreement, CallCosts, Seeded, TrafficOptions, TrafficReport, World, WorldOptions};
use crate::salesforce::OutboundRule;

/// The world's own surface: `POST /seed` ([`WorldOptions`]), `POST /traffic/start` ([`TrafficOptions`]), `POST /traffic/stop`,
/// `GET /report` ([`TrafficReport`]), `GET /agreement` ([`Agreement`]), `GET /calls` ([`CallCosts`]), `GET /quiet`
/// (`{mail, jobs}`: whether webhooks or background jobs wait), and `POST /webhooks` (`{salesforce: {url, fields: {Object: [field]},
/// except_integration}, zendesk: {url, events}}`, answers `{zendesk: {id, signing_secret}, salesforce: {organization}}`).
pub fn control_router(world: World) -> Router {
    Router::new()
        .route("/seed", post(seed))
        .route("/traffic/start", post(start))
        .route("/traffic/stop", post(stop))
        .route("/report", get(report))
        .route("/agreement", get(agreement))
        .route("/calls", get(calls))
        .route("/quiet", get(quiet))
        .route("/webhooks", post(webhooks))
        .with_state(world)
}

/// An answer, or what was wrong.
type Reply<T> = Result<Json<T>, (StatusCode, Json<Value>)>;

fn refused(message: impl std::fmt::Display) -> (StatusCode, Json<Value>) {
    (StatusCode::BAD_REQUEST, Json(json!({"message": message.to_string()})))
}

/// Work that takes a while goes to a thread of its own, so that the simulators answer meanwhile.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, (StatusCode, Json<Value>)> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({"message": error.to_string()}))))
}

async fn seed(State(world): State<World>, Json(options): Json<WorldOptions>) -> Reply<Seeded> {
    aside(move || world.seed(&options)).await?.map(Json).map_err(refused)
}

async fn start(State(world): State<World>, Json(options): Json<TrafficOptions>) -> Reply<Value> {
    if !(options.rate.is_finite() && options.rate > 0.0) {
        return Err(refused("rate must be above 0 edits a second"));
    }
    world.start_traffic(options);
    Ok(Json(json!({"ok": true})))
}

async fn stop(State(world): State<World>) -> Reply<TrafficReport> {
    world.stop_traffic();
    Ok(Json(world.report()))
}

async fn report(State(world): State<World>) -> Json<TrafficReport> {
    Json(world.report())
}

async fn agreement(State(world): State<World>) -> Reply<Agreement> {
    aside(move || world.agreement()).await.map(Json)
}

async fn calls(State(world): State<World>) -> Json<CallCosts> {
    Json(world.calls())
}

async fn quiet(State(world): State<World>) -> Json<Value> {
    Json(json!({"mail": world.has_mail(), "jobs": world.has_jobs()}))
}

/// Which webhooks go where.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhooks {
    #[serde(default)]
    salesforce: Option<CrmWebhooks>,
    #[serde(default)]
    zendesk: Option<DeskWebhooks>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CrmWebhooks {
    url: String,
    /// Fields of each object's message.
    fields: BTreeMap<String, Vec<String>>,
    /// Whether writes of the integration user send nothing, as admins set it against echoes.
    #[serde(default)]
    except_integration: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeskWebhooks {
    url: String,
    /// Event types such as `zen:event-type:user.name_changed`; every one of users, organizations and tickets without.
    #[serde(default)]
    events: Vec<String>,
}

async fn webhooks(State(world): State<World>, Json(wanted): Json<Webhooks>) -> Reply<Value> {
    let mut answer = json!({});
    if let Some(crm) = wanted.salesforce {
        let salesforce = &world.0.salesforce;
        for (object, fields) in &crm.fields {
            let names: Vec<&str> = fields.iter().map(String::as_str).collect();
            let mut rule = OutboundRule::new(object, &crm.url, &names);
            if crm.except_integration {
                rule.except.push(salesforce.users().integration);
            }
            salesforce.add_outbound(rule);
        }
        answer["salesforce"] = json!({"organization": salesforce.org_id()});
    }
    if let Some(desk) = wanted.zendesk {
        let events: Vec<String> =
            if desk.events.is_empty() { EVENTS.iter().map(|ty| format!("zen:event-type:{ty}")).collect() } else { desk.events };
        let names: Vec<&str> = events.iter().map(String::as_str).collect();
        let (id, secret) = world.0.zendesk.subscribe(&desk.url, &names).map_err(refused)?;
        answer["zendesk"] = json!({"id": id, "signing_secret": secret});
    }
    Ok(Json(answer))
}

/// Events of users, organizations and tickets.
const EVENTS: &[&str] = &[
    "user.created",
    "user.deleted",
    "user.merged",
    "user.active_changed",
    "user.alias_changed",
    "user.custom_field_changed",
    "user.details_changed",
    "user.external_id_changed",
    "user.identity_changed",
    "user.identity_created",
    "user.identity_deleted",
    "user.name_changed",
    "user.notes_changed",
    "user.organization_membership_created",
    "user.organization_membership_deleted",
    "user.role_changed",
    "user.suspended_changed",
    "user.tags_changed",
    "user.time_zone_changed",
    "organization.created",
    "organization.deleted",
    "organization.custom_field_changed",
    "organization.external_id_changed",
    "organization.name_changed",
    "organization.tags_changed",
    "ticket.created",
    "ticket.agent_assignment_changed",
    "ticket.comment_added",
    "ticket.custom_field_changed",
    "ticket.custom_status_changed",
    "ticket.external_id_changed",
    "ticket.group_assignment_changed",
    "ticket.merged",
    "ticket.organization_changed",
    "ticket.permanently_deleted",
    "ticket.priority_changed",
    "ticket.requester_changed",
    "ticket.soft_deleted",
    "ticket.status_changed",
    "ticket.subject_changed",
    "ticket.tags_changed",
    "ticket.type_changed",
    "ticket.undeleted",
];
