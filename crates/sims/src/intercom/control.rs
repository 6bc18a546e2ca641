//! The simulator's own surface: ordering faults, editing as a person, setting webhooks up, looking in.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State as Extract};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Intercom;
use super::refusal::Refusal;
use super::state::Kind;
use crate::steering::{self, Lines};

/// An edit by hand.
#[derive(Deserialize)]
struct Edit {
    /// `contacts`, `companies`, `conversations` or `tickets`.
    #[serde(default)]
    kind: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    fields: Map<String, Value>,
    /// Winner of a merge, or the company of an attachment.
    #[serde(default)]
    into: String,
    /// Whether something is undone: taken out of the archive, detached, untagged.
    #[serde(default)]
    undo: bool,
}

/// What somebody says in a conversation or ticket.
#[derive(Deserialize)]
struct Said {
    id: String,
    body: String,
    /// Admin or contact; without one the second admin.
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    note: bool,
}

/// A customer's opinion.
#[derive(Deserialize)]
struct Rated {
    id: String,
    rating: u64,
    #[serde(default)]
    remark: String,
}

/// Where webhooks go.
#[derive(Deserialize)]
struct Webhook {
    url: String,
    #[serde(default)]
    topics: Option<Vec<String>>,
}

fn told(edited: Result<String, Refusal>) -> Response {
    steering::told(edited.map_err(|refusal| (refusal.status, refusal.body(""))))
}

impl Edit {
    fn kind(&self) -> Result<Kind, Refusal> {
        Kind::named(&self.kind).ok_or_else(Refusal::nothing)
    }
}

async fn create(Extract(sim): Extract<Intercom>, Json(edit): Json<Edit>) -> Response {
    told(edit.kind().and_then(|kind| sim.create(kind, &edit.fields)))
}

async fn update(Extract(sim): Extract<Intercom>, Json(edit): Json<Edit>) -> Response {
    told(edit.kind().and_then(|kind| sim.update(kind, &edit.id, &edit.fields)).map(|()| edit.id))
}

async fn delete(Extract(sim): Extract<Intercom>, Json(edit): Json<Edit>) -> Response {
    told(edit.kind().and_then(|kind| sim.delete(kind, &edit.id)).map(|()| edit.id))
}

async fn archive(Extract(sim): Extract<Intercom>, Json(edit): Json<Edit>) -> Response {
    told(sim.archive(&edit.id, !edit.undo).map(|()| edit.id))
}

async fn merge(Extract(sim): Extract<Intercom>, Json(edit): Json<Edit>) -> Response {
    told(sim.merge_contacts(&edit.id, &edit.into).map(|()| edit.into))
}

async fn attach(Extract(sim): Extract<Intercom>, Json(edit): Json<Edit>) -> Response {
    told(sim.attach(&edit.id, &edit.into, !edit.undo).map(|()| edit.id))
}

async fn say(Extract(sim): Extract<Intercom>, Json(said): Json<Said>) -> Response {
    let by = said.by.or_else(|| sim.admins().get(1).map(|admin| admin.id.clone())).unwrap_or_default();
    told(sim.say(&said.id, &said.body, &by, said.note).map(|()| said.id))
}

async fn manage(Extract(sim): Extract<Intercom>, Json(edit): Json<Edit>) -> Response {
    told(sim.manage(&edit.id, edit.fields).map(|()| edit.id))
}

async fn rate(Extract(sim): Extract<Intercom>, Json(rated): Json<Rated>) -> Response {
    told(sim.rate(&rated.id, rated.rating, &rated.remark).map(|()| rated.id))
}

/// Intercom asks an address with HEAD before it takes it.
async fn webhook(Extract(sim): Extract<Intercom>, Json(webhook): Json<Webhook>) -> Response {
    let client = reqwest::Client::new();
    match client.head(&webhook.url).send().await {
        Ok(answer) if answer.status().is_success() => {
            sim.subscribe(&webhook.url, webhook.topics);
            StatusCode::NO_CONTENT.into_response()
        }
        Ok(answer) => {
            let message = format!("the address answered HEAD with status {}", answer.status().as_u16());
            told(Err(Refusal::new(422, "parameter_invalid", message)))
        }
        Err(error) => told(Err(Refusal::new(422, "parameter_invalid", format!("the address does not answer: {error}")))),
    }
}

async fn people(Extract(sim): Extract<Intercom>) -> Json<Value> {
    let admins: Vec<Value> = sim.admins().iter().map(|admin| json!({"id": admin.id, "name": admin.name, "email": admin.email})).collect();
    let teams: Vec<Value> = sim.teams().iter().map(|team| json!({"id": team.id, "name": team.name})).collect();
    let types: Vec<Value> = sim.ticket_types().into_iter().map(|(id, name)| json!({"id": id, "name": name})).collect();
    Json(json!({"admins": admins, "teams": teams, "ticket_types": types}))
}

async fn dump(Extract(sim): Extract<Intercom>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let Some(kind) = query.get("kind").and_then(|kind| Kind::named(kind)) else { return told(Err(Refusal::nothing())) };
    let mut lines = Lines::default();
    sim.rows(kind).iter().for_each(|row| lines.push(row));
    lines.into_response()
}

impl Intercom {
    /// The simulator's own surface, to be mounted away from the vendor's paths: `POST /faults {calls, deliveries, order, clear}`,
    /// `GET /calls`, `POST /create {kind, fields}`, `/update {kind, id, fields}`, `/delete {kind, id}`, `/archive {id, undo?}`,
    /// `/merge {id, into}`, `/attach {id, into, undo?}`, `/say {id, body, by?, note?}`, `/manage {id, fields}`,
    /// `/rate {id, rating, remark?}`, `/webhook {url, topics?}`, `GET /people`, `GET /dump?kind=contacts` (one JSON object a line).
    pub fn control_router(&self) -> axum::Router {
        steering::surface(Self::faults, Self::calls)
            .route("/create", post(create))
            .route("/update", post(update))
            .route("/delete", post(delete))
            .route("/archive", post(archive))
            .route("/merge", post(merge))
            .route("/attach", post(attach))
            .route("/say", post(say))
            .route("/manage", post(manage))
            .route("/rate", post(rate))
            .route("/webhook", post(webhook))
            .route("/people", get(people))
            .route("/dump", get(dump))
            .with_state(self.clone())
    }
}
