//! The door of a simulated API: how long an answer is under way, and the call that never hears one.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use jiff::Timestamp;
use serde_json::Value;

use crate::clock::SimClock;
use crate::profile::Profile;

/// How long a hanging call is held before it is given up.
const HANG: Duration = Duration::from_secs(30);
/// Status that marks a hanging call: no client ever sees it in time.
const HANG_STATUS: u16 = 599;
/// Says on a virtual clock, where nobody waits, how many milliseconds a call takes beyond what every call does.
const MORE_MARK: &str = "x-sim-more-ms";
/// Says on a virtual clock, where nobody waits, that a call hangs.
const HANG_MARK: &str = "x-sim-hang";

/// What goes back to the client.
pub(crate) struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    hang: bool,
    more_ms: u64,
}

impl Reply {
    /// An answer of which the vendor says what its body is with `content-type` among the headers.
    pub(crate) fn new(status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8>) -> Self {
        Self { status, headers, body, hang: false, more_ms: 0 }
    }

    /// An answer of JSON; a text is a page of HTML, as a vendor's edge sends them.
    pub(crate) fn of(status: u16, mut headers: Vec<(&'static str, String)>, body: Option<Value>) -> Self {
        let mut typed = |ty: &str| headers.push(("content-type", format!("{ty}; charset=utf-8")));
        let body = match body {
            None => Vec::new(),
            Some(Value::String(page)) => {
                typed("text/html");
                page.into_bytes()
            }
            Some(body) => {
                typed("application/json");
                body.to_string().into_bytes()
            }
        };
        Self::new(status, headers, body)
    }

    /// The same call, of which the client hears nothing.
    #[must_use]
    pub(crate) fn hanging(self) -> Self {
        Self { status: HANG_STATUS, body: Vec::new(), hang: true, ..self }
    }

    /// The same call, which takes so many milliseconds more than every call does.
    #[must_use]
    pub(crate) fn lasting(self, more_ms: u64) -> Self {
        Self { more_ms, ..self }
    }

    fn response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut builder = Response::builder().status(status);
        for (name, value) in self.headers {
            builder = builder.header(name, value);
        }
        builder.body(Body::from(self.body)).unwrap_or_default()
    }
}

/// A platform behind its door.
pub(crate) trait House: Clone + Send + Sync + 'static {
    /// Largest request body, in bytes.
    const BODY_MAX: usize;

    /// How fast it is.
    fn profile(&self) -> &Profile;

    /// Its time.
    fn clock(&self) -> &SimClock;

    /// What a body above the limit hears.
    fn too_large(&self) -> Reply;

    /// Carries a call out.
    fn handle(&self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Reply;
}

/// Answers one request.
pub(crate) async fn serve<H: House>(State(house): State<H>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, H::BODY_MAX).await else {
        return house.too_large().response();
    };
    let (latency, network) = (house.profile().latency_ms, house.profile().network_ms);
    let wall = !house.clock().is_virtual();
    if wall {
        pause(latency + network / 2).await;
    }
    let mut reply = house.handle(&parts.method, &parts.uri, &parts.headers, &body);
    if wall {
        pause(reply.more_ms).await;
    } else if reply.more_ms > 0 {
        reply.headers.push((MORE_MARK, reply.more_ms.to_string()));
    }
    if reply.hang {
        if wall {
            tokio::time::sleep(HANG).await;
        } else {
            reply.headers.push((HANG_MARK, "1".to_owned()));
        }
        return reply.response();
    }
    if wall {
        pause(network - network / 2).await;
    }
    reply.response()
}

async fn pause(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

/// A header as text, where it is text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Scheme and host by which a client reached this platform; `vendor` is the host (or, with a leading dot, the end of the hosts)
/// that the vendor serves on TLS.
pub(crate) fn origin(uri: &Uri, headers: &HeaderMap, fallback: &str, vendor: &str) -> String {
    let host = header(headers, "host").or_else(|| uri.authority().map(|held| held.as_str())).unwrap_or(fallback);
    let secure = if vendor.starts_with('.') { host.ends_with(vendor) } else { host == vendor };
    let scheme = header(headers, "x-forwarded-proto").or(uri.scheme_str()).unwrap_or(if secure { "https" } else { "http" });
    format!("{scheme}://{host}")
}

/// Writes an HTTP date.
pub(crate) fn http_date(ms: i64) -> String {
    let at = Timestamp::from_second(ms.div_euclid(1000)).unwrap_or(Timestamp::UNIX_EPOCH);
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap_or_default()
}
