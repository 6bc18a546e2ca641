//! The simulator's own surface: ordering faults, editing as a person, looking in.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State as Extract};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Freshdesk;
use super::refusal::Refusal;
use super::state::Kind;
use crate::steering::{self, Lines};

/// An edit by hand.
#[derive(Deserialize)]
struct Edit {
    /// `contacts`, `companies` or `tickets`.
    kind: String,
    #[serde(default)]
    id: u64,
    #[serde(default)]
    fields: Map<String, Value>,
    /// Winner of a merge.
    #[serde(default)]
    into: u64,
    /// When it happens, in milliseconds since 1970; now without it. Of updates alone.
    #[serde(default)]
    at: Option<i64>,
}

/// What somebody says on a ticket.
#[derive(Deserialize)]
struct Said {
    ticket: u64,
    body: String,
    /// Agent or contact; without one the second agent.
    #[serde(default)]
    by: Option<u64>,
    #[serde(default)]
    private: bool,
}

fn told(edited: Result<u64, Refusal>) -> Response {
    steering::told(edited.map_err(|refusal| (refusal.status, refusal.body)))
}

impl Edit {
    fn kind(&self) -> Result<Kind, Refusal> {
        Kind::named(&self.kind).ok_or_else(Refusal::missing)
    }
}

async fn create(Extract(sim): Extract<Freshdesk>, Json(edit): Json<Edit>) -> Response {
    told(edit.kind().and_then(|kind| sim.create(kind, &edit.fields)))
}

async fn update(Extract(sim): Extract<Freshdesk>, Json(edit): Json<Edit>) -> Response {
    let change = |kind| match edit.at {
        Some(at) => sim.update_at(kind, edit.id, &edit.fields, at),
        None => sim.update(kind, edit.id, &edit.fields),
    };
    told(edit.kind().and_then(change).map(|()| edit.id))
}

async fn delete(Extract(sim): Extract<Freshdesk>, Json(edit): Json<Edit>) -> Response {
    told(edit.kind().and_then(|kind| sim.delete(kind, edit.id)).map(|()| edit.id))
}

async fn restore(Extract(sim): Extract<Freshdesk>, Json(edit): Json<Edit>) -> Response {
    told(edit.kind().and_then(|kind| sim.restore(kind, edit.id)).map(|()| edit.id))
}

async fn merge(Extract(sim): Extract<Freshdesk>, Json(edit): Json<Edit>) -> Response {
    told(sim.merge_contacts(edit.into, edit.id).map(|()| edit.into))
}

async fn say(Extract(sim): Extract<Freshdesk>, Json(said): Json<Said>) -> Response {
    let by = said.by.or_else(|| sim.agents().get(1).map(|agent| agent.id)).unwrap_or_default();
    told(sim.reply(said.ticket, &said.body, by, said.private))
}

async fn dump(Extract(sim): Extract<Freshdesk>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let Some(kind) = query.get("kind").and_then(|kind| Kind::named(kind)) else { return told(Err(Refusal::missing())) };
    let mut lines = Lines::default();
    sim.rows(kind).iter().for_each(|row| lines.push(row));
    lines.into_response()
}

impl Freshdesk {
    /// The simulator's own surface, to be mounted away from the vendor's paths: `POST /faults {calls, deliveries, order, clear}`,
    /// `GET /calls`, `POST /create {kind, fields}`, `/update {kind, id, fields, at?}`, `/delete {kind, id}`, `/restore`,
    /// `/merge {kind, id, into}`, `/say {ticket, body, by?, private?}`, `GET /dump?kind=contacts` (one JSON object a line).
    pub fn control_router(&self) -> axum::Router {
        steering::surface(Self::faults, Self::calls)
            .route("/create", post(create))
            .route("/update", post(update))
            .route("/delete", post(delete))
            .route("/restore", post(restore))
            .route("/merge", post(merge))
            .route("/say", post(say))
            .route("/dump", get(dump))
            .with_state(self.clone())
    }
}
