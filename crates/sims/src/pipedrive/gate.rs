//! The way in: faults, authentication, limits, dispatch.

use http::{HeaderMap, Method, Uri};
use serde_json::Value;

use super::Pipedrive;
use super::auth::form;
use super::call::{Call, Version, surface};
use super::limits::is_search;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;
use crate::clock::SimClock;
use crate::door::{self, House, Reply};
use crate::faults::{self, Fault, KnownBy, OF_SIGN_IN};
use crate::profile::Profile;

fn reply(outcome: Outcome, correlation: &str) -> Reply {
    let mut headers = vec![("x-correlation-id", correlation.to_owned())];
    let (status, body) = match outcome {
        Ok(Answer { status, body, location }) => {
            headers.extend(location.map(|to| ("location", to)));
            (status, body)
        }
        Err(Refusal { status, body, by_gateway }) => {
            if by_gateway {
                headers.push(("x-401-by-gw", "1".to_owned()));
            }
            (status, body)
        }
    };
    Reply::of(status, headers, Some(body))
}

fn read_body(headers: &HeaderMap, bytes: &[u8]) -> Result<Value, Refusal> {
    if bytes.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let ty = door::header(headers, "content-type").unwrap_or_default();
    if ty.contains("x-www-form-urlencoded") {
        return Ok(form(bytes));
    }
    if !ty.contains("json") {
        return Err(Refusal::new(415, "Unsupported media type"));
    }
    serde_json::from_slice(bytes).map_err(|_| Refusal::new(400, "Invalid JSON"))
}

/// A path with its ids taken out, for counting.
fn route(path: &[String]) -> String {
    let is_id = |part: &String| {
        part.bytes().all(|byte| byte.is_ascii_digit())
            || (part.len() >= 36 && part.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'))
    };
    path.iter().map(|part| if is_id(part) { ":id" } else { part.as_str() }).collect::<Vec<_>>().join("/")
}

impl House for Pipedrive {
    const BODY_MAX: usize = 10 * 1024 * 1024;

    fn profile(&self) -> &Profile {
        &self.0.profile
    }

    fn clock(&self) -> &SimClock {
        &self.0.clock
    }

    fn too_large(&self) -> Reply {
        reply(Err(Refusal::new(413, "Payload too large")), "")
    }

    fn handle(&self, method: &Method, uri: &Uri, headers: &HeaderMap, bytes: &[u8]) -> Reply {
        self.with(|state| {
            let correlation = state.uuid();
            let mut reply = state.answered(method, uri, headers, bytes, &correlation);
            reply.headers.push(("date", door::http_date(state.now_ms)));
            state.calls.limited += u64::from(reply.status == 429);
            reply
        })
    }
}

impl State {
    fn answered(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap, bytes: &[u8], correlation: &str) -> Reply {
        let Some((version, path)) = surface(uri.path()) else { return reply(Err(Refusal::route()), correlation) };
        let body = match read_body(headers, bytes) {
            Ok(body) => body,
            Err(refusal) => return reply(Err(refusal), correlation),
        };
        let allowed = match (version, method == Method::GET) {
            (Version::SignIn, _) => OF_SIGN_IN.to_vec(),
            (_, true) => faults::of_reads(KnownBy::Session),
            (_, false) => faults::of_lone_writes(KnownBy::Session),
        };
        let fault = self.options.faults.draw_call(&allowed);
        self.calls.note(method == Method::GET, &format!("{method} {}", route(&path)), fault);
        let mut call = Call {
            method: method.clone(),
            version,
            path,
            query: url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
            body,
            origin: door::origin(uri, headers, "api.pipedrive.com", ".pipedrive.com"),
            user: self.options.user_id,
            half_page: fault == Some(Fault::HalfPage),
        };
        if fault == Some(Fault::TimeoutBefore) {
            return reply(Ok(Answer::data(Value::Null)), correlation).hanging();
        }
        let (outcome, counted) = self.outcome(&mut call, headers, fault);
        let mut reply = reply(outcome, correlation);
        if counted {
            reply.headers.extend(self.limit_headers(is_search(&call)));
        }
        if fault == Some(Fault::TimeoutAfter) { reply.hanging() } else { reply }
    }

    /// The outcome, and whether its headers tell of limits.
    fn outcome(&mut self, call: &mut Call, headers: &HeaderMap, fault: Option<Fault>) -> (Outcome, bool) {
        match fault {
            Some(Fault::ServerError) => return (Err(Refusal::server(500)), false),
            Some(Fault::Unavailable) => return (Err(Refusal::server(503)), false),
            Some(Fault::TooMany) => return (Err(Refusal::too_many()), false),
            // A user's own token does not expire; a fault that ended it would end the connection for good.
            Some(Fault::ExpiredSession) if self.end_session(headers) => return (Err(Refusal::unauthorized()), false),
            Some(Fault::QuotaExhausted) => self.exhaust(),
            _ => {}
        }
        if self.shut_until_ms > self.now_ms {
            return (Err(Refusal::shut_out()), false);
        }
        if call.version == Version::SignIn {
            return (self.oauth_routes(call, headers), false);
        }
        if let Err(refusal) = self.caller(call, headers) {
            return (Err(refusal), false);
        }
        if self.closed {
            return (
                Err(Refusal::new(402, "Company account is not open (possible reason: trial expired, payment details not entered)")),
                false,
            );
        }
        if let Err(refusal) = self.count_call(call) {
            return (Err(refusal), true);
        }
        let outcome = if call.version == Version::New { self.new_routes(call) } else { self.old_routes(call) };
        (outcome, true)
    }
}
