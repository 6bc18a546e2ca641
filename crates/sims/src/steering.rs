//! What the own surface of every simulator has: faults that are ordered, calls that were counted, and the answers to what somebody does there by hand.

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use crate::calls::CallCounts;
use crate::faults::{FaultOrder, Faults};

/// `POST /faults {calls, deliveries, order, clear}` and `GET /calls`, of a simulator that tells where its faults and calls are.
pub(crate) fn surface<S: Clone + Send + Sync + 'static>(faults: fn(&S) -> &Faults, calls: fn(&S) -> CallCounts) -> Router<S> {
    let order = move |State(sim): State<S>, Json(order): Json<FaultOrder>| async move {
        order.carry_out(faults(&sim));
        StatusCode::NO_CONTENT
    };
    let counted = move |State(sim): State<S>| async move { Json(calls(&sim)) };
    Router::new().route("/faults", post(order)).route("/calls", get(counted))
}

/// A route that does one thing, such as ending every session.
pub(crate) fn does<S: Clone + Send + Sync + 'static>(what: fn(&S)) -> MethodRouter<S> {
    post(move |State(sim): State<S>| async move {
        what(&sim);
        StatusCode::NO_CONTENT
    })
}

/// What is answered to somebody who may not do something: the status and body that the API itself would answer with.
pub(crate) fn refused((status, body): (u16, Value)) -> Response {
    (StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), Json(body)).into_response()
}

/// What is answered to an edit: the id of its row.
pub(crate) fn told(edited: Result<impl Serialize, (u16, Value)>) -> Response {
    match edited {
        Ok(id) => Json(json!({"id": id})).into_response(),
        Err(refusal) => refused(refusal),
    }
}

/// Rows as somebody looks at them: one JSON object a line.
#[derive(Default)]
pub(crate) struct Lines(String);

impl Lines {
    /// Adds a row.
    pub(crate) fn push(&mut self, row: &Value) {
        self.0.push_str(&row.to_string());
        self.0.push('\n');
    }
}

impl IntoResponse for Lines {
    fn into_response(self) -> Response {
        ([("content-type", "application/x-ndjson")], Body::from(self.0)).into_response()
    }
}
