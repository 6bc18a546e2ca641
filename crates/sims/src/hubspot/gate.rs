//! The way in: latency, faults, authentication, limits, dispatch.

use http::{HeaderMap, Method, Uri};
use serde_json::{Value, json};

use super::HubSpot;
use super::auth::{Caller, form};
use super::call::{Call, surface};
use super::kinds::{EMAILS, LEADS};
use super::limits::burst_spent;
use super::moment::iso;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;
use crate::clock::SimClock;
use crate::door::{self, House, Reply};
use crate::faults::{self, Fault, KnownBy, OF_SIGN_IN};
use crate::profile::Profile;

/// Longest address, in characters.
const ADDRESS_MAX: usize = 16_300;
/// Statuses of a vendor's edge in bad moments.
const EDGE: [u16; 4] = [502, 503, 504, 524];

fn reply(outcome: Outcome, correlation: &str) -> Reply {
    let mut headers = vec![("x-hubspot-correlation-id", correlation.to_owned())];
    let (status, body) = match outcome {
        Ok(Answer { status, body }) => (status, body),
        Err(Refusal { status, mut body, retry_after }) => {
            if body.is_object() {
                body["correlationId"] = json!(correlation);
            }
            headers.extend(retry_after.map(|seconds| ("retry-after", seconds.to_string())));
            (status, Some(body))
        }
    };
    Reply::of(status, headers, body)
}

fn address(uri: &Uri, headers: &HeaderMap) -> String {
    door::origin(uri, headers, "api.hubapi.com", "api.hubapi.com") + uri.path()
}

fn read_body(headers: &HeaderMap, bytes: &[u8]) -> Result<Value, Refusal> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let ty = door::header(headers, "content-type").unwrap_or_default();
    if ty.contains("x-www-form-urlencoded") {
        return Ok(form(bytes));
    }
    if !ty.contains("json") {
        return Err(Refusal::new(415, "VALIDATION_ERROR", "Unsupported media type"));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| Refusal::validation(format!("Invalid input JSON on line {}, column {}", error.line(), error.column())))
}

/// A path with its ids taken out, for counting.
fn route(path: &[String]) -> String {
    let is_id = |part: &String| part.bytes().all(|byte| byte.is_ascii_digit()) || part.contains('@');
    path.iter().map(|part| if is_id(part) { ":id" } else { part.as_str() }).collect::<Vec<_>>().join("/")
}

/// Whether a call only reads, whatever its verb.
fn reads(method: &Method, path: &[String]) -> bool {
    *method == Method::GET || path.last().is_some_and(|last| matches!(last.as_str(), "search" | "read" | "introspect"))
}

impl House for HubSpot {
    const BODY_MAX: usize = 10 * 1024 * 1024;

    fn profile(&self) -> &Profile {
        &self.0.profile
    }

    fn clock(&self) -> &SimClock {
        &self.0.clock
    }

    fn too_large(&self) -> Reply {
        reply(Err(Refusal::new(413, "VALIDATION_ERROR", "Request body too large")), "")
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
        let refused = |refusal: Refusal| reply(Err(refusal), correlation);
        if uri.to_string().len() > ADDRESS_MAX {
            return refused(Refusal::new(414, "VALIDATION_ERROR", "URI Too Long"));
        }
        let Some((path, version, dated)) = surface(uri.path()) else {
            return refused(Refusal::resource());
        };
        let body = match read_body(headers, bytes) {
            Ok(body) => body,
            Err(refusal) => return refused(refusal),
        };
        let oauth = path.first().is_some_and(|head| head == "oauth");
        let is_read = reads(method, &path);
        let allowed = if oauth { OF_SIGN_IN.to_vec() } else { faults::of(is_read, KnownBy::Session) };
        let fault = self.options.faults.draw_call(&allowed);
        self.calls.note(is_read, &format!("{method} {}", route(&path)), fault);
        let mut call = Call {
            method: method.clone(),
            path,
            query: url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
            body,
            dated,
            version,
            address: address(uri, headers),
            at: iso(self.now_ms),
            half_page: false,
        };
        let search = matches!(call.path.as_slice(), [head, .., last] if head == "objects" && last == "search");
        let reply = match fault {
            Some(Fault::TimeoutBefore) => reply(Ok(Answer::nothing()), correlation),
            _ => {
                let (outcome, caller) = self.outcome(&mut call, headers, fault, search);
                let mut reply = reply(outcome, correlation);
                if !oauth && !search {
                    reply.headers.extend(self.limit_headers(caller));
                }
                reply
            }
        };
        if matches!(fault, Some(Fault::TimeoutBefore | Fault::TimeoutAfter)) {
            return reply.hanging();
        }
        reply
    }

    fn outcome(&mut self, call: &mut Call, headers: &HeaderMap, fault: Option<Fault>, search: bool) -> (Outcome, Option<Caller>) {
        let patience = self.retry_after;
        let patient = |mut refusal: Refusal| {
            refusal.retry_after = refusal.retry_after.or(patience);
            refusal
        };
        let stopped = match fault {
            Some(Fault::ServerError) => Some(Refusal::server(500)),
            Some(Fault::Unavailable) => Some(Refusal::server(EDGE[self.options.faults.below(EDGE.len() as u64) as usize])),
            Some(Fault::TooMany) if search => Some(patient(Refusal::too_many("SECONDLY", "You have reached your secondly limit."))),
            Some(Fault::TooMany) => Some(patient(burst_spent())),
            Some(Fault::Collision) => Some(Refusal::locked()),
            // A key does not expire; a fault that ended it would end the connection for good.
            Some(Fault::ExpiredSession) if self.end_session(headers) => Some(Refusal::unauthenticated(true)),
            Some(Fault::QuotaExhausted) => {
                self.exhaust();
                None
            }
            Some(Fault::HalfPage) => {
                call.half_page = true;
                None
            }
            _ => None,
        };
        if let Some(refusal) = stopped {
            return (Err(refusal), None);
        }
        if self.moving_until_ms > self.now_ms {
            let seconds = u64::try_from((self.moving_until_ms - self.now_ms + 999) / 1000).unwrap_or(1);
            return (Err(Refusal::moving(seconds)), None);
        }
        if call.path.first().is_some_and(|head| head == "oauth") {
            let (path, version) = (call.path.clone(), call.version.clone());
            let rest: Vec<&str> = path.iter().skip(1).map(String::as_str).collect();
            return (self.oauth_routes(call, &version, &rest), None);
        }
        if let [head, offset] = call.path.as_slice()
            && head == "journal-files"
        {
            return (self.journal_file(call, offset), None);
        }
        // Forms are sent by anybody.
        if let [head, form] = call.path.as_slice()
            && head == "submit"
        {
            let (form, body) = (form.clone(), call.body.clone());
            let done = self.submit(&form, &body).map(|()| Answer::ok(json!({"inlineMessage": "Thanks for submitting the form."})));
            return (done, None);
        }
        let caller = match self.caller(call, headers) {
            Ok(caller) => caller,
            Err(refusal) => return (Err(refusal), None),
        };
        // The journal is the app's, not the account's: it has limits of its own.
        if caller != Caller::Itself
            && let Err(refusal) = self.count_call(caller, search)
        {
            return (Err(patient(refusal)), Some(caller));
        }
        (self.dispatch(call, caller), Some(caller))
    }

    fn dispatch(&mut self, call: &Call, caller: Caller) -> Outcome {
        let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
        let types = if path.first().is_some_and(|head| head.ends_with("associations")) { 2 } else { 1 };
        for kind in path.iter().skip(1).take(types).filter_map(|ty| self.kind(ty).ok()) {
            match (kind, reads(&call.method, &call.path)) {
                (LEADS, true) => self.scoped("crm.objects.leads.read")?,
                (LEADS, false) => self.scoped("crm.objects.leads.write")?,
                (EMAILS, true) => self.scoped("sales-email-read")?,
                _ => {}
            }
        }
        match path.as_slice() {
            ["webhooks", rest @ ..] if caller == Caller::Developer => self.webhook_routes(call, rest),
            _ if caller == Caller::Developer => Err(Refusal::scope("oauth")),
            [head @ ("journal" | "journal-subscriptions" | "journal-snapshots"), rest @ ..] if caller == Caller::Itself => {
                self.journal_routes(call, head, rest)
            }
            ["journal" | "journal-subscriptions" | "journal-snapshots", ..] => Err(Refusal::scope("developer.webhooks_journal.read")),
            _ if caller == Caller::Itself => Err(Refusal::unauthenticated(false)),
            ["objects", ty, id, "associations", rest @ ..] => {
                let kind = self.kind(ty)?;
                self.record_association_routes(call, kind, id, rest)
            }
            ["objects", ty, "batch", verb] => {
                let kind = self.kind(ty)?;
                self.batch_routes(call, kind, verb)
            }
            ["objects", ty, "search"] if call.method == Method::POST => {
                let kind = self.kind(ty)?;
                self.search(call, kind)
            }
            ["objects", ty, rest @ ..] => {
                let kind = self.kind(ty)?;
                self.record_routes(call, kind, rest)
            }
            ["associations", from, to, "batch", rest @ ..] if call.method == Method::POST => {
                let (from, to) = (self.kind(from)?, self.kind(to)?);
                self.association_batch(call, from, to, rest)
            }
            ["associations", from, to, "labels"] => self.association_labels(call, self.kind(from)?, self.kind(to)?),
            ["old-associations", from, to, "batch", verb] if call.method == Method::POST => {
                let (from, to) = (self.kind(from)?, self.kind(to)?);
                self.old_association_batch(call, from, to, verb)
            }
            ["properties", ty, rest @ ..] => {
                let kind = self.kind(ty)?;
                self.property_routes(call, kind, rest)
            }
            ["lists", rest @ ..] => self.list_routes(call, rest),
            ["campaigns", rest @ ..] => self.campaign_routes(call, rest),
            ["forms", rest @ ..] => self.form_routes(call, rest),
            ["submissions", form] => self.submissions(call, form),
            ["mails", rest @ ..] => self.mail_routes(call, rest),
            ["preferences", rest @ ..] => self.preference_routes(call, rest),
            ["schemas", rest @ ..] => self.schema_routes(call, rest),
            ["owners", rest @ ..] => self.owner_routes(call, rest),
            ["pipelines", ty, rest @ ..] => {
                let kind = self.kind(ty)?;
                self.pipeline_routes(call, kind, rest)
            }
            ["account-info", "details"] if call.method == Method::GET => Ok(Answer::ok(json!({
                "portalId": self.options.portal_id, "accountType": "STANDARD", "timeZone": "Europe/Berlin", "companyCurrency": "USD",
                "additionalCurrencies": [], "utcOffset": "+01:00", "utcOffsetMilliseconds": self.options.utc_offset_ms,
                "uiDomain": "app.hubspot.com", "dataHostingLocation": "na1",
            }))),
            _ => Err(Refusal::resource()),
        }
    }
}
