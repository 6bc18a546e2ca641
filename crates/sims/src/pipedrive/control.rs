//! The simulator's own surface: ordering faults, editing as a person, looking in.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State as Extract};
use axum::response::Response;
use axum::routing::{get, post};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::{Hand, Kind, Pipedrive};
use crate::steering::{self, Lines};

/// An edit by hand; without `by`, the first sales person does it.
#[derive(Deserialize)]
struct Edit {
    /// Plural name of the object.
    kind: String,
    #[serde(default)]
    id: Value,
    #[serde(default)]
    fields: Value,
    /// The row that stays, of a merge.
    #[serde(default)]
    into: Value,
    #[serde(default)]
    by: Option<u64>,
}

#[derive(Deserialize)]
struct Doors {
    /// Seconds for which the content delivery network refuses everybody.
    #[serde(default)]
    shut_out: u64,
    /// Whether the company's account is closed.
    #[serde(default)]
    closed: bool,
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn told(edited: Result<String, Refusal>) -> Response {
    steering::told(edited.map_err(|refusal| (refusal.status, refusal.body)))
}

impl Edit {
    fn hand(&self, sim: &Pipedrive) -> Hand {
        Hand::Person(self.by.unwrap_or_else(|| sim.sales_person()))
    }

    fn kind(&self) -> Result<Kind, Refusal> {
        Kind::named(&self.kind).ok_or_else(|| Refusal::flaw("kind", "is not an object"))
    }
}

async fn tokens(Extract(sim): Extract<Pipedrive>) -> Json<Value> {
    Json(json!({"spent": sim.tokens_spent()}))
}

async fn create(Extract(sim): Extract<Pipedrive>, Json(edit): Json<Edit>) -> Response {
    told(edit.kind().and_then(|kind| sim.create(kind, &edit.fields, edit.hand(&sim))))
}

async fn update(Extract(sim): Extract<Pipedrive>, Json(edit): Json<Edit>) -> Response {
    let id = text(&edit.id);
    told(edit.kind().and_then(|kind| sim.update(kind, &id, &edit.fields, edit.hand(&sim))).map(|()| id))
}

async fn delete(Extract(sim): Extract<Pipedrive>, Json(edit): Json<Edit>) -> Response {
    let id = text(&edit.id);
    told(edit.kind().and_then(|kind| sim.delete(kind, &id, edit.hand(&sim))).map(|()| id))
}

async fn restore(Extract(sim): Extract<Pipedrive>, Json(edit): Json<Edit>) -> Response {
    let id = text(&edit.id);
    told(edit.kind().and_then(|kind| sim.restore(kind, &id, edit.hand(&sim))).map(|()| id))
}

async fn merge(Extract(sim): Extract<Pipedrive>, Json(edit): Json<Edit>) -> Response {
    let (id, into) = (text(&edit.id), text(&edit.into));
    told(edit.kind().and_then(|kind| sim.merge(kind, &id, &into, edit.hand(&sim))).map(|()| into))
}

async fn doors(Extract(sim): Extract<Pipedrive>, Json(doors): Json<Doors>) -> StatusCode {
    sim.shut_out(doors.shut_out);
    sim.close(doors.closed);
    StatusCode::NO_CONTENT
}

async fn scopes(Extract(sim): Extract<Pipedrive>, Json(wanted): Json<Value>) -> StatusCode {
    sim.set_scopes(wanted["scopes"].as_str().unwrap_or_default());
    StatusCode::NO_CONTENT
}

async fn callback(Extract(sim): Extract<Pipedrive>, Json(wanted): Json<Value>) -> StatusCode {
    sim.register_callback(wanted["url"].as_str().unwrap_or_default());
    StatusCode::NO_CONTENT
}

async fn dump(Extract(sim): Extract<Pipedrive>, Query(query): Query<BTreeMap<String, String>>) -> Lines {
    let mut lines = Lines::default();
    if let Some(kind) = query.get("kind").and_then(|name| Kind::named(name)) {
        sim.each(kind, &mut |row| lines.push(row));
    }
    lines
}

impl Pipedrive {
    /// The simulator's own surface, to be mounted away from the vendor's paths: `POST /faults {calls, deliveries, order, clear}`,
    /// `GET /calls`, `GET /tokens` (tokens spent), `POST /create {kind, fields, by?}`, `/update {kind, id, fields}`, `/delete {kind, id}`,
    /// `/restore`, `/merge {kind, id, into}`, `/doors {shut_out, closed}`, `/scopes {scopes}` (those of the app), `GET /dump?kind=persons` (one JSON object a line),
    /// `POST /expire_sessions`, `/callback {url}` (the app's callback URL), `/uninstall` (the app).
    pub fn control_router(&self) -> axum::Router {
        steering::surface(Self::faults, Self::calls)
            .route("/expire_sessions", steering::does(Self::expire_sessions))
            .route("/scopes", post(scopes))
            .route("/callback", post(callback))
            .route("/uninstall", steering::does(Self::uninstall))
            .route("/tokens", get(tokens))
            .route("/create", post(create))
            .route("/update", post(update))
            .route("/delete", post(delete))
            .route("/restore", post(restore))
            .route("/merge", post(merge))
            .route("/doors", post(doors))
            .route("/dump", get(dump))
            .with_state(self.clone())
    }
}
