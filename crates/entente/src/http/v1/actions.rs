//! Approvals and flows at a platform, and the currencies of its account.

use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Router};
use entente_connect::action::{Action, CurrencyRate, Waiting};
use entente_engine::platforms::{self, Acted, Offered, Wish};
use entente_engine::records;
use entente_model::clock::Timestamp;
use entente_store::Viewer;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::http::App;
use crate::http::error::{ApiError, ErrorBody};
use crate::http::extract::{Json, Query};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/api/v1/actions", get(offered).post(act))
        .route("/api/v1/actions/waiting", get(waiting))
        .route("/api/v1/actions/currencies", get(currencies))
}

/// Where to ask.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PlaceQuery {
    /// At this connection; without it at the CRM.
    #[param(nullable = false)]
    pub connection: Option<String>,
}

/// Whose approvals.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WaitingQuery {
    /// Record: its id, a connection and external id, or words that fit one record.
    pub record: String,
    /// At this connection; without it at the CRM that the record is at.
    #[param(nullable = false)]
    pub connection: Option<String>,
}

/// What a platform is to do. `record` is its id, a connection and external id, or words that fit one record; without `connection` it is the
/// CRM that the record is at. Comments and inputs go to the platform and are kept nowhere here.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum ActionRequest {
    /// Submit the record for approval: in this process, else the first that fits, to these approvers by user name, e-mail or id.
    Submit {
        record: String,
        connection: Option<String>,
        process: Option<String>,
        #[serde(default)]
        approvers: Vec<String>,
        #[serde(default)]
        comment: String,
    },
    /// Approve what waits, and say who is to approve next where the process asks for it.
    Approve {
        record: String,
        connection: Option<String>,
        #[serde(default)]
        approvers: Vec<String>,
        #[serde(default)]
        comment: String,
    },
    /// Reject what waits.
    Reject {
        record: String,
        connection: Option<String>,
        #[serde(default)]
        comment: String,
    },
    /// Take the record out of approval.
    Recall {
        record: String,
        connection: Option<String>,
        #[serde(default)]
        comment: String,
    },
    /// Run a flow by its API name, with the row of a record where it asks for one.
    Run {
        flow: String,
        record: Option<String>,
        connection: Option<String>,
        #[serde(default)]
        inputs: Map<String, Value>,
    },
}

impl ActionRequest {
    /// The record, the connection and what to do.
    fn parts(self) -> (Option<String>, Option<String>, Action) {
        match self {
            Self::Submit { record, connection, process, approvers, comment } => {
                (Some(record), connection, Action::Submit { process, approvers, comment })
            }
            Self::Approve { record, connection, approvers, comment } => (Some(record), connection, Action::Approve { approvers, comment }),
            Self::Reject { record, connection, comment } => (Some(record), connection, Action::Reject { comment }),
            Self::Recall { record, connection, comment } => (Some(record), connection, Action::Recall { comment }),
            Self::Run { flow, record, connection, inputs } => (record, connection, Action::Run { flow, inputs }),
        }
    }
}

/// An approval that waits for somebody.
#[derive(Debug, Serialize, ToSchema)]
pub struct WaitingApproval {
    /// The connection that it waits at.
    pub connection: String,
    /// The process.
    pub process: String,
    /// The platform's id of the user whom it waits for.
    pub user: String,
    /// Since when, if the platform says so.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
}

/// A currency of a platform's account.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountCurrency {
    /// ISO 4217 code.
    pub code: String,
    /// Units of it for one unit of the corporate currency, as the platform writes it.
    pub rate: String,
    /// Whether it is the corporate currency.
    pub corporate: bool,
    /// Whether new amounts may be in it.
    pub active: bool,
}

/// What can be asked for: the approval processes and flows of a connection, or of every CRM.
#[utoipa::path(get, operation_id = "list_actions", path = "/api/v1/actions", tag = "platforms", params(PlaceQuery), responses((status = 200, description = "What is offered", body = Vec<Offered>), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn offered(State(app): State<App>, Query(query): Query<PlaceQuery>) -> Result<axum::Json<Vec<Offered>>, ApiError> {
    Ok(axum::Json(platforms::offers(&app.engine, query.connection.as_deref()).await?))
}

/// Has a platform do something with a record, or run a flow. It is an entry of the record's history.
#[utoipa::path(post, operation_id = "act", path = "/api/v1/actions", tag = "platforms", request_body = ActionRequest, responses((status = 200, description = "What came of it", body = Acted), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn act(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Json(request): Json<ActionRequest>,
) -> Result<axum::Json<Acted>, ApiError> {
    let (record, connection, action) = request.parts();
    let record = match record {
        Some(text) => Some(records::find(&app.engine, &viewer, &text).await?),
        None => None,
    };
    Ok(axum::Json(platforms::act(&app.engine, &viewer, &Wish { record, connection, action }).await?))
}

/// Approvals of a record that wait, for whom and since when.
#[utoipa::path(get, operation_id = "list_waiting_approvals", path = "/api/v1/actions/waiting", tag = "platforms", params(WaitingQuery), responses((status = 200, description = "The approvals", body = Vec<WaitingApproval>), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn waiting(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Query(query): Query<WaitingQuery>,
) -> Result<axum::Json<Vec<WaitingApproval>>, ApiError> {
    let id = records::find(&app.engine, &viewer, &query.record).await?;
    let (connection, found) = platforms::waiting(&app.engine, &viewer, &id, query.connection.as_deref()).await?;
    let shown = |Waiting { process, user, since }| WaitingApproval { connection: connection.clone(), process, user, since };
    Ok(axum::Json(found.into_iter().map(shown).collect()))
}

/// The currencies of the account with their rates; none where it has one alone.
#[utoipa::path(get, operation_id = "list_currencies", path = "/api/v1/actions/currencies", tag = "platforms", params(PlaceQuery), responses((status = 200, description = "The currencies", body = Vec<AccountCurrency>), (status = "default", description = "Refused", body = ErrorBody)))]
pub async fn currencies(State(app): State<App>, Query(query): Query<PlaceQuery>) -> Result<axum::Json<Vec<AccountCurrency>>, ApiError> {
    let (_, rates) = platforms::rates(&app.engine, query.connection.as_deref()).await?;
    let shown = |CurrencyRate { code, rate, corporate, active }| AccountCurrency { code, rate, corporate, active };
    Ok(axum::Json(rates.into_iter().map(shown).collect()))
}
