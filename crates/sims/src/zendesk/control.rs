//! The simulator's own surface: ordering faults, editing as a person, looking in.

use axum::Json;
use axum::extract::{Query, State as Extract};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

use super::Zendesk;
use super::field_routes::spec_of;
use super::record::{Kind, id_in};
use super::refusal::Refusal;
use crate::steering::{self, Lines};

#[derive(Deserialize)]
struct Edit {
    kind: String,
    #[serde(default)]
    id: Value,
    #[serde(default)]
    fields: Map<String, Value>,
    /// Winner of a merge.
    #[serde(default)]
    into: Value,
    #[serde(default)]
    by: Option<u64>,
}

#[derive(Deserialize)]
struct Subscription {
    url: String,
    subscriptions: Vec<String>,
}

/// A refusal as the surface answers with it.
fn theirs(refusal: Refusal) -> (u16, Value) {
    (refusal.status, serde_json::from_str(&refusal.body).unwrap_or(Value::String(refusal.body)))
}

fn told<T: Into<Value>>(edited: Result<T, Refusal>) -> Response {
    steering::told(edited.map(T::into).map_err(theirs))
}

impl Edit {
    fn kind(&self) -> Result<Kind, Refusal> {
        Kind::named(&self.kind).ok_or_else(|| Refusal::parameter("kind"))
    }

    fn id(&self) -> Result<u64, Refusal> {
        id_in(&self.id).ok_or_else(|| Refusal::parameter("id"))
    }

    /// Who does it: the first agent who is not the API's own.
    fn by(&self, sim: &Zendesk) -> u64 {
        self.by.or_else(|| sim.agents().get(1).map(|agent| agent.id)).unwrap_or_default()
    }
}

async fn create(Extract(sim): Extract<Zendesk>, Json(edit): Json<Edit>) -> Response {
    let by = edit.by(&sim);
    told(edit.kind().and_then(|kind| match kind {
        Kind::User => sim.create_user(&edit.fields, by),
        Kind::Organization => sim.create_organization(&edit.fields, by),
        Kind::Ticket => sim.create_ticket(&edit.fields, by),
    }))
}

async fn update(Extract(sim): Extract<Zendesk>, Json(edit): Json<Edit>) -> Response {
    let by = edit.by(&sim);
    told(edit.kind().and_then(|kind| match kind {
        Kind::User => sim.update_user(edit.id()?, &edit.fields, by),
        Kind::Organization => sim.update_organization(edit.id()?, &edit.fields, by),
        Kind::Ticket => sim.update_ticket(edit.id()?, &edit.fields, by),
    }))
}

async fn delete(Extract(sim): Extract<Zendesk>, Json(edit): Json<Edit>) -> Response {
    let by = edit.by(&sim);
    let gone = edit.kind().and_then(|kind| {
        let id = edit.id()?;
        match kind {
            Kind::User => sim.delete_user(id, by)?,
            Kind::Organization => sim.delete_organization(id, by)?,
            Kind::Ticket => sim.delete_ticket(id, by)?,
        }
        Ok(id)
    });
    told(gone)
}

async fn merge(Extract(sim): Extract<Zendesk>, Json(edit): Json<Edit>) -> Response {
    let by = edit.by(&sim);
    let merged = edit.kind().and_then(|kind| {
        let (loser, winner) = (edit.id()?, id_in(&edit.into).ok_or_else(|| Refusal::parameter("into"))?);
        match kind {
            Kind::User => sim.merge_users(loser, winner, by)?,
            Kind::Organization => sim.merge_organizations(loser, winner, by)?,
            Kind::Ticket => sim.merge_tickets(winner, &[loser], by)?,
        }
        Ok(winner)
    });
    told(merged)
}

async fn add_field(Extract(sim): Extract<Zendesk>, Json(edit): Json<Edit>) -> Response {
    let mut spec = spec_of(&edit.fields);
    if spec.title.is_empty() {
        spec.title = spec.key.clone();
    }
    told(edit.kind().and_then(|kind| sim.add_field(kind, spec)))
}

async fn subscribe(Extract(sim): Extract<Zendesk>, Json(wanted): Json<Subscription>) -> Response {
    let names: Vec<&str> = wanted.subscriptions.iter().map(String::as_str).collect();
    match sim.subscribe(&wanted.url, &names) {
        Ok((id, secret)) => Json(json!({"id": id, "secret": secret})).into_response(),
        Err(refusal) => steering::refused(theirs(refusal)),
    }
}

async fn dump(Extract(sim): Extract<Zendesk>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let Some(kind) = query.get("kind").and_then(|name| Kind::named(name)) else {
        return steering::refused(theirs(Refusal::parameter("kind")));
    };
    let mut lines = Lines::default();
    let mut take = |_: u64, shown: &Map<String, Value>| lines.push(&Value::Object(shown.clone()));
    match kind {
        Kind::User => sim.each_user(&mut take),
        Kind::Organization => sim.each_organization(&mut take),
        Kind::Ticket => sim.each_ticket(&mut take),
    }
    lines.into_response()
}

/// From when on, in milliseconds since 1970.
#[derive(serde::Deserialize)]
struct Since {
    #[serde(default)]
    since: i64,
}

async fn jobs(Extract(sim): Extract<Zendesk>, Query(Since { since }): Query<Since>) -> Json<Vec<usize>> {
    Json(sim.job_sizes(since))
}

async fn grant(Extract(sim): Extract<Zendesk>, Json(scopes): Json<Vec<String>>) -> StatusCode {
    sim.grant(&scopes.join(" "));
    StatusCode::NO_CONTENT
}

impl Zendesk {
    /// The simulator's own surface, to be mounted away from the vendor's paths: `POST /faults {calls, deliveries, order, clear}`,
    /// `GET /calls`, `POST /create {kind, fields, by?}`, `POST /update {kind, id, fields, by?}`, `POST /delete {kind, id, by?}`,
    /// `POST /merge {kind, id, into, by?}`, `POST /add_field {kind, fields}`, `POST /subscribe {url, subscriptions}`,
    /// `GET /dump?kind=users` (one JSON object a line), `GET /jobs?since=MS` (rows of each background job since then, the oldest first), `POST /expire_sessions`.
    pub fn control_router(&self) -> axum::Router {
        steering::surface(Self::faults, Self::calls)
            .route("/expire_sessions", steering::does(Self::expire_sessions))
            .route("/create", post(create))
            .route("/update", post(update))
            .route("/delete", post(delete))
            .route("/merge", post(merge))
            .route("/add_field", post(add_field))
            .route("/subscribe", post(subscribe))
            .route("/dump", get(dump))
            .route("/jobs", get(jobs))
            .route("/grant", post(grant))
            .with_state(self.clone())
    }
}
