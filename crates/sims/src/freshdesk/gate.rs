//! The way in: latency, faults, authentication, limits, dispatch.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::Freshdesk;
use super::call::Call;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::{Kind, State};
use crate::clock::SimClock;
use crate::door::{self, House, Reply, header};
use crate::faults::{self, Fault, KnownBy};
use crate::profile::Profile;

/// Seconds that a 429 asks to wait where a fault made it.
const PAUSE_S: u64 = 34;

fn reply(outcome: Outcome) -> Reply {
    let (status, body, headers) = match outcome {
        Ok(Answer { status, body, link, location }) => {
            let link = link.map(|link| ("link", link));
            (status, body, link.into_iter().chain(location.map(|location| ("location", location))).collect())
        }
        Err(Refusal { status, body, retry_after }) => {
            let headers = retry_after.map(|seconds| ("retry-after", seconds.to_string())).into_iter().collect();
            // A refusal without words is an empty page.
            (status, Some(if body.is_null() { Value::String(String::new()) } else { body }), headers)
        }
    };
    Reply::of(status, headers, body)
}

fn address(uri: &Uri, headers: &HeaderMap) -> String {
    door::origin(uri, headers, "acme.freshdesk.com", ".freshdesk.com") + uri.path()
}

fn read_body(method: &Method, headers: &HeaderMap, bytes: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    if *method == Method::GET || *method == Method::DELETE {
        return Err(Refusal::no_content_required());
    }
    if !header(headers, "content-type").unwrap_or_default().contains("json") {
        return Err(Refusal::media());
    }
    serde_json::from_slice(bytes).map_err(|_| Refusal::json())
}

/// A path with its ids taken out, for counting.
fn route(path: &[String]) -> String {
    let is_number = |part: &String| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_id = |at: usize, part: &String| is_number(part) || at > 0 && path[at - 1] == "jobs";
    path.iter().enumerate().map(|(at, part)| if is_id(at, part) { ":id" } else { part.as_str() }).collect::<Vec<_>>().join("/")
}

impl House for Freshdesk {
    const BODY_MAX: usize = 20 * 1024 * 1024;

    fn profile(&self) -> &Profile {
        &self.0.profile
    }

    fn clock(&self) -> &SimClock {
        &self.0.clock
    }

    fn too_large(&self) -> Reply {
        reply(Err(Refusal { status: 413, body: Value::Null, retry_after: None }))
    }

    fn handle(&self, method: &Method, uri: &Uri, headers: &HeaderMap, bytes: &[u8]) -> Reply {
        self.with(|state| {
            let mut reply = state.answered(method, uri, headers, bytes);
            let status = StatusCode::from_u16(reply.status).ok();
            let reason = status.and_then(|status| status.canonical_reason()).unwrap_or_default();
            let id = state.uuid();
            reply.headers.extend([
                ("date", door::http_date(state.now_ms)),
                ("x-freshdesk-api-version", "latest=v2; requested=v2".to_owned()),
                ("x-request-id", id),
                ("status", format!("{} {reason}", reply.status)),
            ]);
            state.calls.limited += u64::from(reply.status == 429);
            reply
        })
    }
}

impl State {
    fn answered(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap, bytes: &[u8]) -> Reply {
        let Some(rest) = uri.path().strip_prefix("/api/v2/") else {
            return reply(Err(Refusal::missing()));
        };
        let parts = rest.split('/').filter(|part| !part.is_empty());
        let path: Vec<String> = parts.map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect();
        if header(headers, "accept").is_some_and(|accept| !accept.contains("*/*") && !accept.contains("application/json")) {
            return reply(Err(Refusal::accept()));
        }
        let body = read_body(method, headers, bytes);
        let reads = *method == Method::GET;
        let fault = self.options.faults.draw_call(&faults::of(reads, KnownBy::Key));
        self.calls.note(reads, &format!("{method} {}", route(&path)), fault);
        let call = Call {
            method: method.clone(),
            path,
            query: url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
            body: body.as_ref().cloned().unwrap_or_default(),
            address: address(uri, headers),
            half_page: fault == Some(Fault::HalfPage),
        };
        let reply = match fault {
            Some(Fault::TimeoutBefore) => reply(Ok(Answer::nothing())),
            _ => {
                let outcome = self.outcome(&call, headers, fault, body.err());
                let mut reply = reply(outcome);
                reply.headers.extend(self.limit_headers());
                reply
            }
        };
        if matches!(fault, Some(Fault::TimeoutBefore | Fault::TimeoutAfter)) {
            return reply.hanging();
        }
        reply
    }

    fn outcome(&mut self, call: &Call, headers: &HeaderMap, fault: Option<Fault>, unread: Option<Refusal>) -> Outcome {
        match fault {
            Some(Fault::ServerError) => return Err(Refusal::server(500)),
            Some(Fault::Unavailable) => return Err(Refusal::server(503)),
            Some(Fault::TooMany) => return Err(Refusal::too_many(PAUSE_S)),
            Some(Fault::Collision) => return Err(Refusal::inconsistent()),
            Some(Fault::QuotaExhausted) => self.exhaust(),
            _ => {}
        }
        // Refused calls count as well.
        self.count_call(call)?;
        self.signed_in(headers)?;
        match unread {
            Some(refusal) => Err(refusal),
            None => self.dispatch(call),
        }
    }

    /// `Basic key:anything`.
    fn signed_in(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let basic = header(headers, "authorization").and_then(|text| text.strip_prefix("Basic "));
        let given = basic.and_then(|text| STANDARD.decode(text.trim()).ok()).and_then(|bytes| String::from_utf8(bytes).ok());
        let key = given.as_deref().and_then(|given| given.split(':').next()).unwrap_or_default();
        if key == self.options.api_key { Ok(()) } else { Err(Refusal::credentials()) }
    }

    fn dispatch(&mut self, call: &Call) -> Outcome {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["contacts", rest @ ..] => self.contact_routes(call, rest),
            ["companies", rest @ ..] => self.company_routes(call, rest),
            ["tickets", rest @ ..] => self.ticket_routes(call, rest),
            ["search", kind] if call.method == Method::GET => self.search(call, Kind::named(kind).ok_or_else(Refusal::missing)?),
            ["jobs", id] if call.method == Method::GET => self.job(id),
            ["conversations", id] => self.spoken_routes(call, id),
            ["settings", "helpdesk"] if call.method == Method::GET => Ok(Self::settings()),
            ["agents", rest @ ..] => self.agent_routes(call, rest),
            ["groups", rest @ ..] => self.group_routes(call, rest),
            ["account"] if call.method == Method::GET => Ok(self.account()),
            ["contact_fields", rest @ ..] => self.admin(call, Kind::Contact, rest),
            ["company_fields", rest @ ..] => self.admin(call, Kind::Company, rest),
            ["ticket_fields"] if call.method == Method::GET => self.field_routes(call, Kind::Ticket, &[]),
            ["admin", "ticket_fields", rest @ ..] => self.admin(call, Kind::Ticket, rest),
            ["automations", rest @ ..] => {
                if !self.options.admin {
                    return Err(Refusal::denied());
                }
                self.automation_routes(call, rest)
            }
            _ => Err(Refusal::missing()),
        }
    }

    fn admin(&mut self, call: &Call, kind: Kind, rest: &[&str]) -> Outcome {
        if !self.options.admin && call.method != Method::GET {
            return Err(Refusal::denied());
        }
        self.field_routes(call, kind, rest)
    }
}
