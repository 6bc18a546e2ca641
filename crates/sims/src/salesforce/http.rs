//! From a request to an answer: faults, latency, session, quota, and which endpoint it is.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Map, Value, json};

use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::wire::{Answer, Call, Content};
use super::{
    Salesforce, State, actions, auth, bulk_ingest, bulk_query, collections, composite, describe, lists, queries, quota, records,
    replication, soap, tooling,
};
use crate::door;
use crate::faults::{self, Fault, KnownBy, OF_SIGN_IN};

/// Longest URL, in bytes; the vendor answers 414 above it.
const URL_BYTES_MAX: usize = 16_384;
/// Largest body, in bytes: the vendor's limit of a bulk upload.
const BODY_BYTES_MAX: usize = 150 * 1024 * 1024;
/// How long a call hangs that shall hear nothing, on the machine's clock.
const HANG: Duration = Duration::from_secs(30);
/// Oldest version that still answers.
const OLDEST_VERSION: u32 = 31;

pub(crate) fn router(sf: Salesforce) -> Router {
    Router::new().fallback(serve).with_state(sf)
}

/// What a path asks for, before any work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Surface {
    Versions,
    OAuth,
    Identity,
    Data,
    Soap,
    Nothing,
}

async fn serve(Shared(sf): Shared<Salesforce>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or_else(|| parts.uri.path().to_owned(), |pq| pq.as_str().to_owned());
    if target.len() > URL_BYTES_MAX {
        return write(
            Answer::text(414, "text/html;charset=utf-8", "<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>".to_owned()),
            &sf,
        );
    }
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        let fail = Fail::new(413, "REQUEST_ENTITY_TOO_LARGE", "The request body is larger than the limit, or was cut off");
        return write(Answer::refusal(&fail), &sf);
    };
    let (segments, query) = split(&target);
    let surface = surface(&segments);
    let mut call = Call {
        method: overridden(&parts.method, &query),
        segments,
        query,
        origin: sf.0.instance_url.clone().unwrap_or_else(|| origin(&parts.headers)),
        headers: parts.headers,
        body,
        version: String::new(),
        user: SfId::new(*b"005", *b"000", 0),
        fault: None,
        luck: sf.0.faults.below(1 << 32),
    };
    let kind = kind(surface, &mut call);
    let fault = sf.0.faults.draw_call(&allowed(surface, kind));
    let wall = !sf.0.clock.is_virtual();
    let network = sf.0.profile.network_ms;
    if wall {
        pause(sf.0.profile.latency_ms + network / 2).await;
    }
    if fault == Some(Fault::TimeoutBefore) {
        return hang(&sf, wall).await;
    }
    let early = fault.and_then(|fault| refused(fault, surface, &call));
    let answer = match early {
        Some(answer) => {
            let info = sf.state().quota.info();
            answer.header("Sforce-Limit-Info", info)
        }
        None => {
            call.fault = fault;
            sf.with(|state| handle(state, surface, kind, &mut call))
        }
    };
    if fault == Some(Fault::TimeoutAfter) {
        return hang(&sf, wall).await;
    }
    if wall {
        pause(network - network / 2).await;
    }
    write(answer, &sf)
}

async fn pause(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

/// The client hears nothing: on the machine's clock the connection is held and then closed.
async fn hang(sf: &Salesforce, wall: bool) -> Response {
    let mut answer = Answer::empty(599);
    if wall {
        tokio::time::sleep(HANG).await;
        answer = answer.header("Connection", "close");
    } else {
        answer = answer.header("x-sim-hang", "1");
    }
    write(answer, sf)
}

fn write(answer: Answer, sf: &Salesforce) -> Response {
    let mut response = Response::builder().status(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    response = response.header("Date", door::http_date(sf.0.clock.now_ms()));
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    let built = match answer.content {
        Content::Empty => response.body(Body::empty()),
        Content::Json(value) => response.header("Content-Type", "application/json;charset=UTF-8").body(Body::from(value.to_string())),
        Content::Text(mime, text) => response.header("Content-Type", mime).body(Body::from(text)),
    };
    built.unwrap_or_else(|_| Response::new(Body::empty()))
}

/// Splits a path with its query; each part is decoded by itself.
pub(crate) fn split(target: &str) -> (Vec<String>, Vec<(String, String)>) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let decode = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
    let mut segments: Vec<String> = path.trim_start_matches('/').split('/').map(decode).collect();
    while segments.last().is_some_and(String::is_empty) {
        segments.pop();
    }
    (segments, url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
}

fn overridden(method: &Method, query: &[(String, String)]) -> Method {
    let asked = query.iter().find(|(key, _)| key == "_HttpMethod").and_then(|(_, value)| Method::from_bytes(value.as_bytes()).ok());
    match asked {
        Some(other) if *method == Method::POST => other,
        _ => method.clone(),
    }
}

fn origin(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    format!("{}://{}", text("x-forwarded-proto").unwrap_or("http"), text("host").unwrap_or("localhost"))
}

fn surface(segments: &[String]) -> Surface {
    match segments.iter().map(String::as_str).collect::<Vec<&str>>().as_slice() {
        ["services", "data"] => Surface::Versions,
        ["services", "data", ..] => Surface::Data,
        ["services", "oauth2", ..] => Surface::OAuth,
        ["services", "Soap", ..] => Surface::Soap,
        ["id", _, _] => Surface::Identity,
        _ => Surface::Nothing,
    }
}

/// The kind under which a call is counted; a data call loses the parts of its path up to the version.
fn kind(surface: Surface, call: &mut Call) -> &'static str {
    match surface {
        Surface::OAuth => return "token",
        Surface::Soap => return "soap",
        Surface::Data => {}
        _ => return "other",
    }
    call.version = call.segments.get(2).map(|v| v.trim_start_matches(['v', 'V']).to_owned()).unwrap_or_default();
    call.segments.drain(..3.min(call.segments.len()));
    let read = matches!(call.method, Method::GET | Method::HEAD);
    match call.segments.iter().map(String::as_str).collect::<Vec<&str>>().as_slice() {
        ["query" | "queryAll"] => "query",
        ["query" | "queryAll", _] => "query_more",
        ["composite", "sobjects", ..] => "collections",
        ["composite", ..] => "composite",
        ["jobs", ..] => "bulk",
        ["tooling", ..] => "tooling",
        ["limits"] => "limits",
        ["actions" | "process", ..] => "action",
        ["sobjects", _, "updated" | "deleted"] => "replication",
        ["sobjects", _, "describe"] | ["sobjects"] => "describe",
        ["sobjects", _] if read => "describe",
        ["sobjects", ..] if read => "record_read",
        ["sobjects", ..] => "record_write",
        _ => "other",
    }
}

/// Faults that make sense for a call.
fn allowed(surface: Surface, kind: &str) -> Vec<Fault> {
    match (surface, kind) {
        (Surface::OAuth, _) => OF_SIGN_IN.to_vec(),
        (Surface::Data, "query" | "query_more") => faults::of_reads(KnownBy::Session),
        (Surface::Data, "record_write" | "collections" | "composite" | "bulk") | (Surface::Soap, _) => faults::of_writes(KnownBy::Session),
        (Surface::Data, _) => faults::of_lone_writes(KnownBy::Session),
        _ => Vec::new(),
    }
}

/// The answer to a call that a fault stops before any work.
fn refused(fault: Fault, surface: Surface, call: &Call) -> Option<Answer> {
    let fail = match fault {
        Fault::TooMany => quota::concurrent_exceeded(),
        Fault::QuotaExhausted => quota::total_exceeded(),
        Fault::ServerError => {
            let text = format!("An unexpected error occurred. Please include this ErrorId if you contact support: {}", call.luck);
            Fail::new(500, "UNKNOWN_EXCEPTION", text)
        }
        Fault::Unavailable => Fail::new(503, "SERVER_UNAVAILABLE", "The server is temporarily unavailable. Please try again."),
        _ => return None,
    };
    if surface == Surface::Soap {
        return Some(soap::fault(&fail));
    }
    if fault == Fault::Unavailable && call.luck.is_multiple_of(2) {
        // During maintenance the vendor's edge answers in HTML.
        let page = "<html><head><title>Salesforce is temporarily unavailable</title></head><body></body></html>";
        return Some(Answer::text(503, "text/html;charset=utf-8", page.to_owned()));
    }
    Some(Answer::refusal(&fail))
}

fn handle(state: &mut State, surface: Surface, kind: &'static str, call: &mut Call) -> Answer {
    if surface == Surface::Data {
        state.org.origin = format!("com/salesforce/api/rest/{}", call.version);
        if let Some(client) = call.option("sforce-call-options", "client") {
            state.org.origin.push_str(&format!(";client={client}"));
        }
    }
    match surface {
        Surface::Versions => versions(state),
        Surface::OAuth => {
            state.quota.note(kind);
            oauth(state, call)
        }
        Surface::Identity => match bearer(state, call) {
            Ok(user) => auth::identity(&state.org, call, user),
            Err(fail) => Answer::text(403, "text/html;charset=UTF-8", format!("Bad_OAuth_Token: {}", fail.message)),
        },
        Surface::Data => {
            let answer: Answer = authorised(state, kind, call).into();
            let info = state.quota.info();
            answer.header("Sforce-Limit-Info", info)
        }
        Surface::Soap => soap::serve(state, call),
        Surface::Nothing => Answer::refusal(&Fail::not_found()),
    }
}

fn oauth(state: &mut State, call: &mut Call) -> Answer {
    let State { org, auth, .. } = state;
    match (call.method.as_str(), call.segments[2..].iter().map(String::as_str).collect::<Vec<&str>>().as_slice()) {
        ("POST", ["token"]) => auth::token(org, auth, call),
        ("POST" | "GET", ["revoke"]) => auth::revoke(auth, call),
        ("POST", ["introspect"]) => auth::introspect(org, auth, call),
        ("GET", ["authorize"]) => auth::authorize(org, auth, call),
        ("GET" | "POST", ["userinfo"]) => match bearer(state, call) {
            Ok(user) => auth::identity(&state.org, call, user),
            Err(_) => Answer::text(403, "text/html;charset=UTF-8", "Bad_OAuth_Token".to_owned()),
        },
        _ => Answer::refusal(&Fail::not_found()),
    }
}

fn versions(state: &State) -> Answer {
    let newest = major(&state.newest).unwrap_or(OLDEST_VERSION);
    let list: Vec<Value> = (OLDEST_VERSION..=newest)
        .map(|v| {
            let (season, year) = match v % 3 {
                2 => ("Winter", (v + 13) / 3),
                0 => ("Spring", (v + 12) / 3),
                _ => ("Summer", (v + 11) / 3),
            };
            json!({"label": format!("{season} '{year}"), "url": format!("/services/data/v{v}.0"), "version": format!("{v}.0")})
        })
        .collect();
    Answer::json(200, Value::Array(list))
}

fn major(version: &str) -> Option<u32> {
    version.split_once('.').filter(|(_, minor)| *minor == "0").and_then(|(major, _)| major.parse().ok())
}

fn bearer(state: &mut State, call: &Call) -> Outcome<SfId> {
    let expired = || Fail::new(401, "INVALID_SESSION_ID", "Session expired or invalid");
    let header = call.header("authorization").unwrap_or_default();
    let token = header.strip_prefix("Bearer ").or_else(|| header.strip_prefix("OAuth ")).ok_or_else(expired)?.trim();
    if call.fault == Some(Fault::ExpiredSession) {
        state.auth.close(token);
    }
    let now = state.org.clock.now_ms();
    state.auth.user_of(token, now).ok_or_else(expired)
}

fn authorised(state: &mut State, kind: &'static str, call: &mut Call) -> Outcome<Answer> {
    match (major(&call.version), major(&state.newest)) {
        (Some(version), _) if version < OLDEST_VERSION => {
            return Err(Fail::new(410, "UNSUPPORTED_API_VERSION", format!("Version {} is no longer supported", call.version)));
        }
        (Some(version), Some(newest)) if version <= newest => {}
        _ => return Err(Fail::not_found()),
    }
    call.user = bearer(state, call)?;
    let now = state.org.clock.now_ms();
    state.quota.spend(kind, now)?;
    route(state, call)
}

/// Serves a data call, whole or as a part of a composite.
pub(crate) fn route(state: &mut State, call: &Call) -> Outcome<Answer> {
    let parts: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    match (call.method.as_str(), parts.as_slice()) {
        ("GET", []) => Ok(resources(state, call)),
        ("GET", ["limits"]) => Ok(limits(state)),
        ("GET", ["sobjects"]) => describe::global(state, call),
        ("GET", ["sobjects", object]) => describe::short(state, call, object),
        ("GET", ["sobjects", object, "describe"]) => describe::whole(state, call, object),
        ("GET", ["sobjects", object, "updated"]) => replication::updated(state, call, object),
        ("GET", ["sobjects", object, "deleted"]) => replication::deleted(state, call, object),
        ("POST", ["sobjects", object] | ["sobjects", object, "Id"]) => records::create(state, call, object),
        (_, ["sobjects", object, id]) => records::one(state, call, object, id),
        (_, ["sobjects", object, key, value]) => records::keyed(state, call, object, key, value),
        ("GET", ["query"]) => queries::first(state, call, false),
        ("GET", ["queryAll"]) => queries::first(state, call, true),
        ("GET", ["query" | "queryAll", locator]) => queries::more(state, call, locator),
        (_, ["composite", "sobjects", rest @ ..]) => collections::serve(state, call, rest),
        ("POST", ["composite"]) => composite::requests(state, call),
        ("POST", ["composite", "batch"]) => composite::batch(state, call),
        ("POST", ["composite", "tree", object]) => composite::tree(state, call, object),
        (_, ["jobs", "ingest", rest @ ..]) => bulk_ingest::serve(state, call, rest),
        (_, ["jobs", "query", rest @ ..]) => bulk_query::serve(state, call, rest),
        (_, ["tooling", rest @ ..]) => tooling::serve(state, call, rest),
        ("GET", ["ui-api", "object-info", object, "picklist-values", kind]) => lists::picklist_values(state, call, object, kind),
        (_, ["actions", rest @ ..]) => actions::actions(state, call, rest),
        (_, ["process", rest @ ..]) => actions::process(state, call, rest),
        ("PUT" | "POST" | "PATCH" | "DELETE", ["query" | "queryAll" | "limits", ..]) => Err(Fail::method()),
        _ => Err(Fail::not_found()),
    }
}

fn resources(state: &State, call: &Call) -> Answer {
    let names = ["tooling", "query", "queryAll", "sobjects", "limits", "composite", "jobs", "actions", "process"];
    let mut map: Map<String, Value> = names.into_iter().map(|name| (name.to_owned(), json!(format!("{}/{name}", call.base())))).collect();
    map.insert("identity".to_owned(), json!(format!("{}/id/{}/{}", call.origin, state.org.org_id, call.user)));
    Answer::json(200, Value::Object(map))
}

fn limits(state: &State) -> Answer {
    let pair = |max: u64, remaining: u64| json!({"Max": max, "Remaining": remaining});
    Answer::json(
        200,
        json!({
            "DailyApiRequests": pair(state.quota.max(), state.quota.remaining()),
            "DailyBulkApiBatches": pair(15_000, 15_000),
            "DailyBulkV2QueryJobs": pair(10_000, 10_000_u64.saturating_sub(state.jobs.count("V2Query"))),
            "DailyBulkV2QueryFileStorageMB": pair(976_562, 976_562),
            "DailyDeliveredPlatformEvents": pair(10_000, 10_000),
            "DailyAsyncApexExecutions": pair(250_000, 250_000),
            "DailyWorkflowEmails": pair(100_000, 100_000),
            "DataStorageMB": pair(10_240, 10_000),
            "FileStorageMB": pair(10_240, 10_240),
            "HourlyODataCallout": pair(1_000, 1_000),
            "SingleEmail": pair(5_000, 5_000)
        }),
    )
}
