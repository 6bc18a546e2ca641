//! The HTTP server: the public API, webhooks in, health and metrics, and the web app. No handler has a meaning of its own: each calls
//! one use-case of the engine.

pub mod access;
pub mod callback;
pub mod error;
pub mod extract;
pub mod guard;
pub mod health;
pub mod hooks;
pub mod metrics;
pub mod openapi;
pub mod v1;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use entente_engine::Engine;
use http::StatusCode;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;
use url::Url;

use crate::ui;
use error::ApiError;

/// Bytes of an API request's body at most: the largest is a conflict's resolution.
const BODY_MAX: usize = 256 * 1024;

/// Time that an API request may take; a plan that asks vendors is the longest.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of an answer from which compression pays.
const COMPRESS_FROM: u64 = 1_024;

/// What every handler works with.
#[derive(Clone)]
pub struct App {
    /// The engine.
    pub engine: Engine,
    /// Address under which this server is reached.
    pub public_url: Option<Arc<Url>>,
    /// Whether it listens on this machine only.
    pub loopback: bool,
    /// Whether requests of this machine need no token while there is none.
    pub open_access: bool,
    /// Headline numbers that all event streams share.
    pub headline: Arc<v1::events::Shared>,
    /// The last count of the dashboard.
    pub dashboard: Arc<v1::dashboard::LastCount>,
    /// Channels, for test messages.
    pub notifier: entente_engine::notify::Notifier,
    /// Outcome of the last readiness check.
    pub readiness: Arc<health::Readiness>,
}

impl App {
    /// For a server that listens at this address.
    pub fn new(engine: Engine, listen: SocketAddr, public_url: Option<Url>) -> Self {
        let loopback = listen.ip().is_loopback();
        let public_is_local = public_url.as_ref().is_none_or(|url| match url.host() {
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            None => false,
        });
        Self {
            engine,
            public_url: public_url.map(Arc::new),
            loopback,
            open_access: loopback && public_is_local,
            headline: Arc::default(),
            dashboard: Arc::default(),
            notifier: entente_engine::notify::Notifier::default(),
            readiness: Arc::default(),
        }
    }

    /// The same, with channels.
    #[must_use]
    pub fn with_notifier(self, notifier: entente_engine::notify::Notifier) -> Self {
        Self { notifier, ..self }
    }
}

/// The whole server.
pub fn router(app: App) -> Router {
    let protected = v1::routes().route("/metrics", get(metrics::metrics)).layer(from_fn_with_state(app.clone(), access::authorize));
    let limited = Router::new()
        .merge(protected)
        .merge(v1::session::routes())
        .route("/api/openapi.json", get(openapi::document))
        .route("/api/{*rest}", axum::routing::any(no_such_path))
        .layer(from_fn(time_out))
        .layer(DefaultBodyLimit::max(BODY_MAX));
    // An event stream compressed by blocks would reach its reader late.
    let compressed = SizeAbove::new(COMPRESS_FROM).and(NotForContentType::const_new("text/event-stream")).and(NotForContentType::IMAGES);
    Router::new()
        .merge(limited)
        .route("/hooks/{connection}", post(hooks::receive).head(hooks::answer))
        .route("/hooks/{connection}/{secret}", post(hooks::receive_at_secret_path).head(hooks::answer_at_secret_path))
        .route("/callback/{connection}", get(callback::pass_on).delete(callback::take_removal))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .fallback(get(ui::serve))
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn_with_state(app.clone(), guard::check))
        .layer(CompressionLayer::new().compress_when(compressed))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .with_state(app)
}

/// A span that names the route, never the path: paths of webhooks hold secrets, and queries hold what people search for.
fn span(request: &Request) -> tracing::Span {
    let route = request.extensions().get::<MatchedPath>().map_or("(web app)", MatchedPath::as_str);
    let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::debug_span!("http", method = %request.method(), route, id)
}

async fn time_out(request: Request, next: axum::middleware::Next) -> Response {
    match tokio::time::timeout(TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(
            StatusCode::GATEWAY_TIMEOUT,
            "timeout",
            "the request took longer than a minute",
            "ask for less at once, or look at `entente doctor`",
        )
        .into_response(),
    }
}

async fn no_such_path() -> ApiError {
    ApiError::not_found("there is no such path in the API", "see /api/openapi.json")
}

async fn no_such_method() -> ApiError {
    let remedy = "see /api/openapi.json for what can be done with this path";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path does not take that method", remedy)
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text =
        panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(panic = %text, "a request handler panicked");
    ApiError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "an unexpected failure",
        "try again; if it stays, report it with the request id",
    )
    .into_response()
}

#[cfg(test)]
mod tests;
