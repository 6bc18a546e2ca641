//! The simulator's own surface: ordering faults, editing as a person, looking in.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State as Extract};
use axum::response::Response;
use axum::routing::{get, post};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::refusal::Refusal;
use super::{Dynamics, Hand};
use crate::steering::{self, Lines};

/// An edit by hand; without `by`, the first sales person does it.
#[derive(Deserialize)]
struct Edit {
    /// Set of the row.
    kind: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    fields: Value,
    /// The row that stays, of a merge.
    #[serde(default)]
    into: String,
    /// State and status of a closing.
    #[serde(default)]
    state: i64,
    #[serde(default)]
    status: i64,
    #[serde(default)]
    by: Option<String>,
}

#[derive(Deserialize)]
struct Doors {
    /// Whether the application is a user of the environment.
    member: Option<bool>,
    /// Whether delta links expire now.
    #[serde(default)]
    expire_links: bool,
}

fn told(edited: Result<String, Refusal>) -> Response {
    steering::told(edited.map_err(|refusal| (refusal.status, refusal.body)))
}

impl Edit {
    fn hand(&self, sim: &Dynamics) -> Hand {
        Hand::Person(self.by.clone().unwrap_or_else(|| sim.sales_person()))
    }
}

async fn create(Extract(sim): Extract<Dynamics>, Json(edit): Json<Edit>) -> Response {
    told(sim.create(&edit.kind, &edit.fields, &edit.hand(&sim)))
}

async fn update(Extract(sim): Extract<Dynamics>, Json(edit): Json<Edit>) -> Response {
    told(sim.update(&edit.kind, &edit.id, &edit.fields, &edit.hand(&sim)).map(|()| edit.id))
}

async fn close(Extract(sim): Extract<Dynamics>, Json(edit): Json<Edit>) -> Response {
    told(sim.close(&edit.kind, &edit.id, edit.state, edit.status, &edit.hand(&sim)).map(|()| edit.id))
}

async fn delete(Extract(sim): Extract<Dynamics>, Json(edit): Json<Edit>) -> Response {
    told(sim.delete(&edit.kind, &edit.id, &edit.hand(&sim)).map(|()| edit.id))
}

async fn merge(Extract(sim): Extract<Dynamics>, Json(edit): Json<Edit>) -> Response {
    told(sim.merge(&edit.kind, &edit.id, &edit.into, &edit.hand(&sim)).map(|()| edit.into))
}

async fn doors(Extract(sim): Extract<Dynamics>, Json(doors): Json<Doors>) -> StatusCode {
    if let Some(member) = doors.member {
        sim.admit(member);
    }
    if doors.expire_links {
        sim.expire_links();
    }
    StatusCode::NO_CONTENT
}

async fn dump(Extract(sim): Extract<Dynamics>, Query(query): Query<BTreeMap<String, String>>) -> Lines {
    let mut lines = Lines::default();
    if let Some(set) = query.get("kind") {
        sim.each(set, &mut |row| lines.push(row));
    }
    lines
}

impl Dynamics {
    /// The simulator's own surface, to be mounted away from the vendor's paths: `POST /faults {calls, deliveries, order, clear}`,
    /// `GET /calls`, `POST /create {kind, fields, by?}` (`kind` is the set), `/update {kind, id, fields}`, `/close {kind, id, state,
    /// status}`, `/delete {kind, id}`, `/merge {kind, id, into}`, `/doors {member, expire_links}`, `GET /dump?kind=accounts` (one JSON
    /// object a line), `POST /expire_sessions`.
    pub fn control_router(&self) -> axum::Router {
        steering::surface(Self::faults, Self::calls)
            .route("/expire_sessions", steering::does(Self::expire_sessions))
            .route("/create", post(create))
            .route("/update", post(update))
            .route("/close", post(close))
            .route("/delete", post(delete))
            .route("/merge", post(merge))
            .route("/doors", post(doors))
            .route("/dump", get(dump))
            .with_state(self.clone())
    }
}
