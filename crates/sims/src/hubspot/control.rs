//! The simulator's own surface: ordering faults, editing as a person, looking in.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State as Extract};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::{Hand, HubSpot};
use crate::steering::{self, Lines};

/// An edit by hand; without `by` and `hand`, the first owner does it.
#[derive(Deserialize)]
struct Edit {
    object: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    properties: Map<String, Value>,
    /// Winner of a merge, or the other end of an association: `object` and `id`.
    #[serde(default)]
    into: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    primary: bool,
    #[serde(default)]
    by: Option<u64>,
    /// Whose hand it is where no user's: `form`, `workflow` or `app`; `by` is the app then.
    #[serde(default)]
    hand: String,
}

#[derive(Deserialize)]
struct Wanted {
    url: String,
    /// `contact.creation`, `contact.propertyChange:email`, `object.creation:0-27`.
    subscriptions: Vec<String>,
}

#[derive(Deserialize)]
struct Patience {
    /// Seconds of `Retry-After` on 429; nothing for none.
    retry_after: Option<u64>,
    /// Seconds for which the portal is moving (477).
    #[serde(default)]
    moving: u64,
}

fn told(edited: Result<String, Refusal>) -> Response {
    steering::told(edited.map_err(|refusal| (refusal.status, refusal.body)))
}

impl Edit {
    fn hand(&self, sim: &HubSpot) -> Hand {
        match self.hand.as_str() {
            "form" => Hand::Visitor,
            "workflow" => Hand::Workflow,
            "app" => Hand::App(self.by.unwrap_or_default()),
            _ => Hand::Person(self.by.or_else(|| sim.owners().first().map(|owner| owner.user_id)).unwrap_or_default()),
        }
    }
}

async fn create(Extract(sim): Extract<HubSpot>, Json(edit): Json<Edit>) -> Response {
    told(sim.create(&edit.object, &edit.properties, edit.hand(&sim)))
}

async fn update(Extract(sim): Extract<HubSpot>, Json(edit): Json<Edit>) -> Response {
    told(sim.update(&edit.object, &edit.id, &edit.properties, edit.hand(&sim)).map(|()| edit.id.clone()))
}

async fn archive(Extract(sim): Extract<HubSpot>, Json(edit): Json<Edit>) -> Response {
    told(sim.archive(&edit.object, &edit.id, edit.hand(&sim)).map(|()| edit.id.clone()))
}

async fn restore(Extract(sim): Extract<HubSpot>, Json(edit): Json<Edit>) -> Response {
    told(sim.restore(&edit.object, &edit.id, edit.hand(&sim)).map(|()| edit.id.clone()))
}

async fn merge(Extract(sim): Extract<HubSpot>, Json(edit): Json<Edit>) -> Response {
    told(sim.merge(&edit.object, &edit.into, &edit.id, edit.hand(&sim)))
}

async fn associate(Extract(sim): Extract<HubSpot>, Json(edit): Json<Edit>) -> Response {
    let done = sim.associate((&edit.object, &edit.id), (&edit.to, &edit.into), edit.primary, edit.hand(&sim));
    told(done.map(|()| edit.id.clone()))
}

async fn subscribe(Extract(sim): Extract<HubSpot>, Json(wanted): Json<Wanted>) -> Response {
    let names: Vec<&str> = wanted.subscriptions.iter().map(String::as_str).collect();
    match sim.subscribe(&wanted.url, &names) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => told(Err(refusal)),
    }
}

async fn schema(Extract(sim): Extract<HubSpot>, Json(definition): Json<Value>) -> Response {
    told(sim.define(&definition))
}

/// Something that people do in marketing: `make_list`, `members`, `make_campaign`, `book`, `make_form`, `submit` or `opt_out`.
#[derive(Deserialize)]
struct Deed {
    what: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    body: Value,
}

async fn marketing(Extract(sim): Extract<HubSpot>, Json(deed): Json<Deed>) -> Response {
    let Deed { what, id, body } = deed;
    let texts = |list: &Value| super::schemas::texts(list);
    let amount = |name: &str| body[name].as_f64().unwrap_or(0.0);
    let properties = body.as_object().cloned().unwrap_or_default();
    told(match what.as_str() {
        "make_list" => sim.make_list(&body).map(|id| id.to_string()),
        "members" => {
            let done = sim.change_members(id.parse().unwrap_or(0), &texts(&body["add"]), &texts(&body["remove"]));
            done.map(|()| id)
        }
        "make_campaign" => sim.make_campaign(&properties),
        "change_campaign" => sim.change_campaign(&id, &properties).map(|()| id),
        "book" => {
            sim.book(&id, amount("budget"), amount("spent"), amount("revenue"));
            Ok(id)
        }
        "make_form" => sim.make_form(&properties),
        "submit" => sim.submit(&id, &body).map(|()| id),
        "opt_out" => sim.opt_out(&id).map(|()| id),
        _ => Err(Refusal::validation(format!("nobody can {what}"))),
    })
}

async fn grant(Extract(sim): Extract<HubSpot>, Json(scopes): Json<Vec<String>>) -> StatusCode {
    sim.grant(&scopes.iter().map(String::as_str).collect::<Vec<_>>());
    StatusCode::NO_CONTENT
}

async fn grant_app(Extract(sim): Extract<HubSpot>, Json(scopes): Json<Vec<String>>) -> StatusCode {
    sim.grant_app(&scopes.iter().map(String::as_str).collect::<Vec<_>>());
    StatusCode::NO_CONTENT
}

async fn patience(Extract(sim): Extract<HubSpot>, Json(wanted): Json<Patience>) -> StatusCode {
    sim.say_retry_after(wanted.retry_after);
    sim.move_away(wanted.moving);
    StatusCode::NO_CONTENT
}

async fn dump(Extract(sim): Extract<HubSpot>, Query(query): Query<BTreeMap<String, String>>) -> Lines {
    let mut lines = Lines::default();
    let object = query.get("object").map_or("", String::as_str);
    sim.each(object, &mut |_, shown| lines.push(&Value::Object(shown.clone())));
    lines
}

impl HubSpot {
    /// The simulator's own surface, to be mounted away from the vendor's paths: `POST /faults {calls, deliveries, order, clear}`,
    /// `GET /calls`, `POST /create {object, properties, by?, hand?}`, `/update {object, id, properties}`, `/archive {object, id}`, `/restore`,
    /// `/merge {object, id, into}`, `/associate {object, id, to, into, primary}`, `/subscribe {url, subscriptions}`,
    /// `/schema` with the definition of an object type, `/grant` with a list of scopes, `/marketing {what, id, body}`, `/patience {retry_after, moving}`, `GET /dump?object=contacts` (one JSON object a line), `POST /expire_sessions`.
    pub fn control_router(&self) -> axum::Router {
        steering::surface(Self::faults, Self::calls)
            .route("/expire_sessions", steering::does(Self::expire_sessions))
            .route("/create", post(create))
            .route("/update", post(update))
            .route("/archive", post(archive))
            .route("/restore", post(restore))
            .route("/merge", post(merge))
            .route("/associate", post(associate))
            .route("/subscribe", post(subscribe))
            .route("/schema", post(schema))
            .route("/grant", post(grant))
            .route("/grant_app", post(grant_app))
            .route("/marketing", post(marketing))
            .route("/patience", post(patience))
            .route("/dump", get(dump))
            .with_state(self.clone())
    }
}
