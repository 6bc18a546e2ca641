//! The way in: latency, faults, authentication, limits, dispatch.

use std::time::Duration;

use http::{HeaderMap, Method, Uri};
use serde_json::{Map, Value, json};

use super::Zendesk;
use super::auth::Caller;
use super::call::{Call, decode_segment, query_pairs};
use super::record::Kind;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;
use crate::clock::SimClock;
use crate::door::{self, House, Reply};
use crate::faults::{self, Fault, KnownBy};
use crate::profile::Profile;

/// Longest query string, in characters.
const QUERY_MAX: usize = 16 * 1024;

/// Losing the answer to a refresh would end the connection for good, so that fault is spared.
const OAUTH_FAULTS: &[Fault] = &[Fault::TimeoutBefore, Fault::ServerError, Fault::Unavailable];

fn reply(outcome: Outcome) -> Reply {
    let json = "application/json; charset=utf-8";
    match outcome {
        Ok(Answer { status, body, mut headers }) => {
            headers.extend(body.is_some().then(|| ("content-type", json.to_owned())));
            Reply::new(status, headers, body.map(|body| body.to_string().into_bytes()).unwrap_or_default())
        }
        Err(Refusal { status, body, html, retry_after }) => {
            let mut headers = vec![("content-type", if html { "text/html; charset=utf-8" } else { json }.to_owned())];
            headers.extend(retry_after.map(|seconds| ("retry-after", seconds.to_string())));
            Reply::new(status, headers, body.into_bytes())
        }
    }
}

fn read_body(path: &str, headers: &HeaderMap, bytes: &[u8]) -> Result<Value, Refusal> {
    if path.starts_with("/api/v2/uploads") {
        return Ok(json!({"raw_size": bytes.len()}));
    }
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let form = door::header(headers, "content-type").is_some_and(|ty| ty.contains("x-www-form-urlencoded"));
    if form {
        let pairs = query_pairs(&String::from_utf8_lossy(bytes));
        return Ok(Value::Object(pairs.into_iter().map(|(key, value)| (key, Value::String(value))).collect::<Map<_, _>>()));
    }
    serde_json::from_slice(bytes).map_err(|_| Refusal::plain(400, "InvalidJSON", "The body is not JSON"))
}

fn split(path: &str) -> Vec<String> {
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".json").unwrap_or(path);
    path.split('/').filter(|part| !part.is_empty()).map(decode_segment).collect()
}

/// A path with its ids taken out, for counting and for `Zendesk-Route`.
fn route_name(segments: &[String]) -> String {
    let parts: Vec<&str> = segments
        .iter()
        .map(|part| {
            let is_id = part.chars().all(|letter| letter.is_ascii_digit()) || part.len() == 26 || part.starts_with("V3-");
            if is_id { ":id" } else { part.as_str() }
        })
        .collect();
    parts.join("/")
}

impl House for Zendesk {
    // Uploads allow that much.
    const BODY_MAX: usize = 50 * 1024 * 1024;

    fn profile(&self) -> &Profile {
        &self.0.profile
    }

    fn clock(&self) -> &SimClock {
        &self.0.clock
    }

    fn too_large(&self) -> Reply {
        reply(Err(Refusal::plain(413, "RequestEntityTooLarge", "The body is too large")))
    }

    fn handle(&self, method: &Method, uri: &Uri, headers: &HeaderMap, bytes: &[u8]) -> Reply {
        let jobs_before = self.waiting_jobs();
        let mut reply = self.answer(method, uri, headers, bytes);
        reply.headers.push(("date", door::http_date(self.0.clock.now_ms())));
        if !self.0.clock.is_virtual() && self.waiting_jobs() > jobs_before {
            // On a virtual clock the next call carries jobs out; here somebody has to when the time comes.
            let later = self.clone();
            tokio::spawn(async move {
                while let Some(due) = later.next_job_ms() {
                    let wait = u64::try_from(due - later.0.clock.now_ms()).unwrap_or(0);
                    tokio::time::sleep(Duration::from_millis(wait + 1)).await;
                    later.settle();
                }
            });
        }
        reply
    }
}

impl Zendesk {
    fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap, bytes: &[u8]) -> Reply {
        let path = uri.path();
        let query = uri.query().unwrap_or_default();
        if query.len() > QUERY_MAX {
            return reply(Err(Refusal::plain(414, "URITooLong", "The address is too long")));
        }
        let body = match read_body(path, headers, bytes) {
            Ok(body) => body,
            Err(refusal) => return reply(Err(refusal)),
        };
        let (api, tail) = match (path.strip_prefix("/api/v2/"), path.strip_prefix("/oauth/")) {
            (Some(tail), _) => (true, tail),
            (None, Some(tail)) => (false, tail),
            _ => return reply(Err(Refusal::no_route())),
        };
        let mut call = Call {
            method: method.clone(),
            segments: split(tail),
            path: path.to_owned(),
            query: query_pairs(query),
            body,
            origin: door::origin(uri, headers, "acme.zendesk.com", ".zendesk.com"),
            actor: 0,
            idempotency_key: door::header(headers, "idempotency-key").map(str::to_owned),
            half_page: false,
        };
        let allowed = if api { faults::of(call.is(&Method::GET), KnownBy::Session) } else { OAUTH_FAULTS.to_vec() };
        let fault = self.faults().draw_call(&allowed);
        self.with(|state| {
            let route = route_name(&call.segments);
            state.calls.note(call.is(&Method::GET), &format!("{method} {route}"), fault);
            let mut reply = if api { state.api(&mut call, headers, fault) } else { state.oauth_call(&call, fault) };
            if matches!(fault, Some(Fault::TimeoutBefore | Fault::TimeoutAfter)) {
                return reply.hanging();
            }
            if reply.status == 429 {
                state.calls.limited += 1;
            }
            if api {
                reply.headers.extend(state.limit_headers());
                reply.headers.append(&mut state.limits.headers);
                reply.headers.push(("x-zendesk-api-version", "v2".to_owned()));
                reply.headers.push(("x-request-id", state.uuid()));
                reply.headers.push(("zendesk-route", format!("/api/v2/{route}")));
                reply.headers.push(("zendesk-service", "classic".to_owned()));
            }
            reply
        })
    }
}

impl State {
    fn oauth_call(&mut self, call: &Call, fault: Option<Fault>) -> Reply {
        match fault {
            Some(Fault::TimeoutBefore) => reply(Ok(Answer::empty())),
            Some(Fault::ServerError) => reply(Err(server_error())),
            Some(Fault::Unavailable) => reply(Err(unavailable())),
            _ => reply(self.oauth(call)),
        }
    }

    fn api(&mut self, call: &mut Call, headers: &HeaderMap, fault: Option<Fault>) -> Reply {
        self.limits.headers.clear();
        let refused = match fault {
            Some(Fault::TimeoutBefore) => return reply(Ok(Answer::empty())),
            Some(Fault::ServerError) => Some(server_error()),
            Some(Fault::Unavailable) => Some(unavailable()),
            Some(Fault::TooMany) => {
                let wait = 1 + self.options.faults.below(5);
                Some(Refusal::too_many("Number of allowed API requests per minute exceeded", wait))
            }
            Some(Fault::Collision) => Some(Refusal::plain(409, "DatabaseConflict", "Database collision")),
            Some(Fault::QuotaExhausted) => {
                self.limits.exhaust(self.now_ms);
                None
            }
            Some(Fault::ExpiredSession) => {
                if let Ok(Caller { token: Some(token), .. }) = self.caller(headers) {
                    self.kill_token(&token);
                }
                Some(Refusal::unauthenticated())
            }
            Some(Fault::HalfPage) => {
                call.half_page = true;
                None
            }
            Some(Fault::TimeoutAfter) | None => None,
        };
        if let Some(refusal) = refused {
            return reply(Err(refusal));
        }
        reply(self.answer(call, headers))
    }

    fn answer(&mut self, call: &mut Call, headers: &HeaderMap) -> Outcome {
        let caller = self.caller(headers)?;
        call.actor = caller.user;
        self.count_call()?;
        let anonymous = caller.user == 0 && call.path() != ["users", "me"];
        if anonymous {
            return Err(Refusal::unauthenticated());
        }
        caller.check(call)?;
        self.take_route(call)?;
        self.dispatch(call, &caller)
    }

    fn dispatch(&mut self, call: &Call, caller: &Caller) -> Outcome {
        let path = call.path();
        match path.as_slice() {
            ["users" | "organizations" | "tickets", _, "tags"] => self.tag_routes(call),
            ["users", _, "organization_memberships", ..]
            | ["organizations", _, "organization_memberships"]
            | ["organization_memberships", ..] => {
                self.staff_only(call)?;
                self.membership_routes(call)
            }
            ["users", _, "tickets", ..] | ["organizations", _, "tickets"] | ["tickets", ..] | ["imports", ..] => self.ticket_routes(call),
            ["users", _, "organizations"] | ["organization_merges", ..] => self.organization_routes(call),
            ["organizations", _, "users"] | ["groups", _, "users"] | ["users", ..] => self.user_routes(call),
            ["organizations", ..] => self.organization_routes(call),
            ["deleted_users", ..] => self.deleted_user_routes(call),
            ["deleted_tickets", ..] => self.deleted_ticket_routes(call),
            ["ticket_metrics" | "satisfaction_ratings" | "comment_redactions" | "uploads", ..] => self.side_routes(call),
            ["user_fields", ..] => self.field_routes(call, Kind::User),
            ["organization_fields", ..] => self.field_routes(call, Kind::Organization),
            ["ticket_fields", ..] => self.field_routes(call, Kind::Ticket),
            ["job_statuses", ..] => self.job_routes(call),
            ["search", ..] => self.search_routes(call),
            ["incremental", ..] => self.export_routes(call),
            ["webhooks", ..] => self.webhook_routes(call),
            ["triggers", ..] => self.trigger_routes(call),
            ["oauth", "tokens", ..] => self.token_routes(call, caller.token.as_deref()),
            _ if call.is(&Method::GET) => self.account_routes(call),
            _ => Err(Refusal::no_route()),
        }
    }

    /// Small lists of the account that never change.
    fn account_routes(&self, call: &Call) -> Outcome {
        use super::moment::iso;
        use super::page::whole;
        let made = iso(self.groups.values().next().map_or(0, |(_, at)| *at));
        match call.path().as_slice() {
            ["tags"] => self.top_tags(),
            ["groups"] => Ok(whole("groups", self.groups_json())),
            ["groups", which] => {
                let which = super::call::id(which)?;
                let group = self.groups_json().into_iter().find(|group| group["id"] == which).ok_or_else(Refusal::missing)?;
                Ok(Answer::ok(json!({"group": group})))
            }
            ["brands"] => Ok(whole(
                "brands",
                vec![json!({
                    "url": self.url(&format!("brands/{}", self.brand)), "id": self.brand, "name": "Acme", "subdomain": self.options.subdomain,
                    "active": true, "default": true, "has_help_center": false, "created_at": made, "updated_at": made,
                })],
            )),
            ["ticket_forms"] => Ok(whole(
                "ticket_forms",
                vec![json!({
                    "url": self.url(&format!("ticket_forms/{}", self.form)), "id": self.form, "name": "Default Ticket Form", "active": true,
                    "default": true, "created_at": made, "updated_at": made,
                    "ticket_field_ids": self.fields_of(Kind::Ticket).iter().map(|field| field.id).collect::<Vec<_>>(),
                })],
            )),
            ["custom_statuses"] => Ok(whole("custom_statuses", super::tickets::custom_statuses(self))),
            ["satisfaction_reasons"] => Ok(whole("reasons", Vec::new())),
            ["account"] => Ok(Answer::ok(json!({"account": {
                "name": "Acme", "subdomain": self.options.subdomain, "url": format!("https://{}.zendesk.com", self.options.subdomain),
                "time_format": 24, "sandbox": false, "multiple_organizations": true,
            }}))),
            _ => Err(Refusal::no_route()),
        }
    }
}

fn server_error() -> Refusal {
    Refusal { status: 500, body: "<html><body>Internal Server Error</body></html>".to_owned(), html: true, retry_after: None }
}

fn unavailable() -> Refusal {
    Refusal { status: 503, body: "<html><body>Service Unavailable</body></html>".to_owned(), html: true, retry_after: Some(1) }
}
