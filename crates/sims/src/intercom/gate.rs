//! The way in: faults, version, authentication, limits, dispatch.

use http::{HeaderMap, Method, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::Intercom;
use super::call::{self, Call};
use super::refusal::{Answer, Outcome, Refusal};
use super::state::{Kind, State};
use crate::clock::SimClock;
use crate::door::{self, House, Reply, header};
use crate::faults::{self, Fault, KnownBy};
use crate::profile::Profile;

/// What Intercom shows as its own build, which is no version of the API.
const BUILD: &str = "6fb9a8f1f5f0dd7e2b63e8e0a4ff6d1df8f1f3f5";

fn reply(outcome: Outcome, request_id: &str) -> Reply {
    match outcome {
        Ok(Answer { status, body }) => Reply::of(status, Vec::new(), body),
        Err(refusal) => {
            let headers = refusal.link.iter().map(|link| ("link", link.clone())).collect();
            Reply::of(refusal.status, headers, Some(refusal.body(request_id)))
        }
    }
}

fn read_body(method: &Method, headers: &HeaderMap, bytes: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if bytes.is_empty() || *method == Method::GET {
        return Ok(Map::new());
    }
    if !header(headers, "content-type").unwrap_or_default().contains("json") {
        return Err(Refusal::new(415, "media_type_not_acceptable", "The Content-Type must be application/json"));
    }
    serde_json::from_slice(bytes).map_err(|_| Refusal::json())
}

/// A path with its ids taken out, for counting.
fn route(path: &[String]) -> String {
    let is_id = |part: &String| part.bytes().any(|byte| byte.is_ascii_digit());
    let parts = path.iter().enumerate().map(|(at, part)| {
        let external = at > 0 && path[at - 1] == "find_by_external_id";
        if external || is_id(part) { ":id" } else { part.as_str() }
    });
    parts.collect::<Vec<_>>().join("/")
}

impl House for Intercom {
    const BODY_MAX: usize = 10 * 1024 * 1024;

    fn profile(&self) -> &Profile {
        &self.0.profile
    }

    fn clock(&self) -> &SimClock {
        &self.0.clock
    }

    fn too_large(&self) -> Reply {
        reply(Err(Refusal::new(413, "client_error", "The request is too large")), "")
    }

    fn handle(&self, method: &Method, uri: &Uri, headers: &HeaderMap, bytes: &[u8]) -> Reply {
        self.with(|state| {
            let id = state.uuid();
            let mut reply = state.answered(method, uri, headers, bytes, &id);
            let status = StatusCode::from_u16(reply.status).ok();
            let reason = status.and_then(|status| status.canonical_reason()).unwrap_or_default();
            reply.headers.extend([
                ("date", door::http_date(state.now_ms)),
                ("x-request-id", id),
                ("x-intercom-version", BUILD.to_owned()),
                ("status", format!("{} {reason}", reply.status)),
            ]);
            state.calls.limited += u64::from(reply.status == 429);
            reply
        })
    }
}

impl State {
    fn answered(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap, bytes: &[u8], request_id: &str) -> Reply {
        let parts = uri.path().split('/').filter(|part| !part.is_empty());
        let path: Vec<String> = parts.map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect();
        let reads = *method == Method::GET || matches!(path.last().map(String::as_str), Some("search" | "list"));
        let fault = self.options.faults.draw_call(&faults::of(reads, KnownBy::Key));
        self.calls.note(reads, &format!("{method} {}", route(&path)), fault);
        let asked = header(headers, "intercom-version").map(str::trim).filter(|asked| !asked.is_empty());
        let version = match asked {
            None => Ok(self.options.default_version),
            Some(text) => call::version(text).ok_or_else(|| Refusal::version(text)),
        };
        let body = version.clone().and_then(|_| read_body(method, headers, bytes));
        let call = Call {
            method: method.clone(),
            path,
            query: url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
            body: body.as_ref().cloned().unwrap_or_default(),
            origin: door::origin(uri, headers, "api.intercom.io", ".intercom.io"),
            version: version.unwrap_or(self.options.default_version),
            half_page: fault == Some(Fault::HalfPage),
        };
        if fault == Some(Fault::TimeoutBefore) {
            return reply(Ok(Answer::ok(Value::Null)), request_id).hanging();
        }
        let token_call = call.path.first().is_some_and(|first| first == "auth");
        let signed_in = token_call || self.signed_in(headers);
        let outcome = if signed_in { self.outcome(&call, fault, body.err()) } else { Err(Refusal::token()) };
        let mut reply = reply(outcome, request_id);
        if signed_in && !token_call {
            reply.headers.extend(self.limit_headers());
        }
        reply.headers.push(("intercom-version", format!("2.{}", call.version)));
        if fault == Some(Fault::TimeoutAfter) { reply.hanging() } else { reply }
    }

    fn outcome(&mut self, call: &Call, fault: Option<Fault>, unread: Option<Refusal>) -> Outcome {
        let scrolls = call.path.iter().any(|part| part == "scroll");
        match fault {
            Some(Fault::ServerError) if scrolls => {
                self.scroll = None;
                let message = "Request failed due to an internal network error. Please restart the scroll operation.";
                return Err(Refusal::new(500, "server_error", message));
            }
            Some(Fault::ServerError) => return Err(Refusal::server(500)),
            Some(Fault::Unavailable) => return Err(Refusal::server(503)),
            Some(Fault::Collision) => return Err(Refusal::collision()),
            Some(Fault::TooMany | Fault::QuotaExhausted) => self.exhaust(),
            _ => {}
        }
        self.count_call()?;
        if self.options.suspended {
            return Err(Refusal::plan());
        }
        if call.path.first().is_some_and(|first| self.options.denied.contains(first)) {
            return Err(Refusal::scope());
        }
        match unread {
            Some(refusal) => Err(refusal),
            None => self.dispatch(call),
        }
    }

    fn signed_in(&self, headers: &HeaderMap) -> bool {
        header(headers, "authorization")
            .and_then(|text| text.strip_prefix("Bearer "))
            .is_some_and(|token| token.trim() == self.options.token)
    }

    fn dispatch(&mut self, call: &Call) -> Outcome {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        let get = call.method == Method::GET;
        match path.as_slice() {
            ["me"] if get => Ok(self.me()),
            ["auth", "eagle", "token"] if call.method == Method::POST => self.exchange(call),
            ["contacts", rest @ ..] => self.contact_routes(call, rest),
            ["companies", rest @ ..] => self.company_routes(call, rest),
            ["conversations", rest @ ..] => self.conversation_routes(call, rest),
            ["messages"] if call.method == Method::POST => self.message(call),
            ["tickets", rest @ ..] => self.ticket_routes(call, rest),
            ["ticket_types", rest @ ..] => self.ticket_type_routes(call, rest),
            ["ticket_states"] if get => self.ticket_states(),
            ["jobs", "status", id] if get => self.job(id),
            ["tags", rest @ ..] => self.tag_routes(call, rest),
            ["notes", id] if get => self.note(id),
            ["data_attributes", rest @ ..] => self.attribute_routes(call, rest),
            ["admins", rest @ ..] => self.admin_routes(call, rest),
            ["teams", rest @ ..] => self.team_routes(call, rest),
            ["segments"] if get => Ok(Answer::ok(serde_json::json!({"type": "segment.list", "segments": []}))),
            _ => Err(Refusal::nothing()),
        }
    }

    /// The kind of a record by its id.
    pub(crate) fn kind_of(&self, id: &str) -> Option<Kind> {
        [Kind::Contact, Kind::Company, Kind::Conversation, Kind::Ticket].into_iter().find(|kind| self.get(*kind, id).is_some())
    }
}
