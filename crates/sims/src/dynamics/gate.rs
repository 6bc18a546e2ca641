//! The way in: faults, sign-in, limits, dispatch.

use http::{HeaderMap, Method, Uri};
use serde_json::{Value, json};

use super::Dynamics;
use super::auth::form;
use super::batch;
use super::call::{Call, Key, address_of, segments};
use super::limits::too_many_at_once;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;
use crate::clock::SimClock;
use crate::door::{self, House, Reply};
use crate::faults::{self, Fault, KnownBy, OF_SIGN_IN};
use crate::profile::Profile;

/// Splits a `Prefer` header at commas that stand in no quotes.
pub(crate) fn preferences(text: &str) -> Vec<String> {
    let (mut parts, mut quoted) = (vec![String::new()], false);
    for letter in text.chars() {
        quoted ^= letter == '"';
        match parts.last_mut() {
            _ if letter == ',' && !quoted => parts.push(String::new()),
            Some(last) => last.push(letter),
            None => {}
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// A path with its keys taken out, for counting.
fn route(path: &[String]) -> String {
    let bare = |part: &String| {
        part.split_once('(').map_or_else(|| part.clone(), |(name, rest)| if rest == ")" { name.to_owned() } else { format!("{name}()") })
    };
    path.iter().map(bare).collect::<Vec<_>>().join("/")
}

fn host(uri: &Uri, headers: &HeaderMap, usual: &str) -> String {
    door::header(headers, "host").or_else(|| uri.authority().map(|held| held.as_str())).unwrap_or(usual).to_owned()
}

impl House for Dynamics {
    const BODY_MAX: usize = 128 * 1024 * 1024;

    fn profile(&self) -> &Profile {
        &self.0.profile
    }

    fn clock(&self) -> &SimClock {
        &self.0.clock
    }

    fn too_large(&self) -> Reply {
        Reply::of(413, Vec::new(), Some(json!({"error": {"code": "0x80072325", "message": "The request is too large."}})))
    }

    fn handle(&self, method: &Method, uri: &Uri, headers: &HeaderMap, bytes: &[u8]) -> Reply {
        self.with(|state| {
            let request = state.uuid();
            let mut reply = state.answered(method, uri, headers, bytes);
            reply.headers.push(("date", door::http_date(state.now_ms)));
            reply.headers.push(("x-ms-service-request-id", request));
            state.calls.limited += u64::from(reply.status == 429);
            reply
        })
    }
}

impl State {
    fn reply(&self, outcome: Outcome, counted: bool) -> Reply {
        let mut headers = vec![("odata-version", "4.0".to_owned())];
        if counted {
            headers.extend(self.limit_headers());
        }
        let (status, body, text) = match outcome {
            Ok(Answer { status, headers: own, body, text }) => {
                headers.extend(own);
                (status, body, text)
            }
            Err(refusal) => {
                if refusal.challenge {
                    let tenant = &self.options.tenant_id;
                    let told = format!(
                        "Bearer authorization_uri=https://login.microsoftonline.com/{tenant}/oauth2/authorize, resource_id=https://{}/",
                        self.options.host
                    );
                    headers.push(("www-authenticate", told));
                }
                headers.extend(refusal.retry_after_s.map(|after| ("retry-after", after.to_string())));
                (refusal.status, Some(refusal.body).filter(|body| !body.is_null()), None)
            }
        };
        let bytes = match (body, text) {
            (Some(body), _) => {
                headers.push(("content-type", "application/json; odata.metadata=minimal".to_owned()));
                body.to_string().into_bytes()
            }
            (None, Some((ty, text))) => {
                headers.push(("content-type", ty));
                text.into_bytes()
            }
            (None, None) => Vec::new(),
        };
        Reply::new(status, headers, bytes)
    }

    fn answered(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap, bytes: &[u8]) -> Reply {
        let host = host(uri, headers, &self.options.host);
        let origin = door::origin(uri, headers, &self.options.host, ".dynamics.com");
        let path = segments(uri.path());
        let view: Vec<&str> = path.iter().map(String::as_str).collect();
        let ["api", "data", version, ..] = view.as_slice() else {
            return self.signing_in(method, &path, bytes, &origin, &host);
        };
        let root = format!("{origin}/api/data/{version}/");
        let rest: Vec<String> = path.iter().skip(3).cloned().collect();
        let reads = method == Method::GET;
        let fault = self.options.faults.draw_call(&faults::of(reads, KnownBy::Session));
        self.calls.note(reads, &format!("{method} {}", route(&rest)), fault);
        if fault == Some(Fault::TimeoutBefore) {
            return self.reply(Ok(Answer::nothing()), false).hanging();
        }
        let none = |text: Option<&str>| text.filter(|text| *text != "null").map(str::to_owned);
        let call = Call {
            method: method.clone(),
            path: rest,
            query: url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
            body: Value::Object(serde_json::Map::new()),
            root,
            prefer: door::header(headers, "prefer").map(preferences).unwrap_or_default(),
            if_match: none(door::header(headers, "if-match")),
            if_none_match: none(door::header(headers, "if-none-match")),
            half_page: fault == Some(Fault::HalfPage),
        };
        let operations = if call.path.first().is_some_and(|segment| segment == "$batch") {
            batch::operations(&String::from_utf8_lossy(bytes))
        } else {
            call_size(bytes)
        };
        let lasts = self.lasts(&call.path, operations);
        let (outcome, counted) = self.outcome(call, headers, bytes, (&host, operations), fault);
        // Whom the limits turn away does not wait for rows.
        let lasts = if matches!(&outcome, Err(refusal) if refusal.status == 429) { 0 } else { lasts };
        let reply = self.reply(outcome, counted).lasting(lasts);
        if fault == Some(Fault::TimeoutAfter) { reply.hanging() } else { reply }
    }

    fn signing_in(&mut self, method: &Method, path: &[String], bytes: &[u8], origin: &str, host: &str) -> Reply {
        let fault = self.options.faults.draw_call(OF_SIGN_IN);
        let tail: Vec<String> = path.iter().skip(1).cloned().collect();
        self.calls.note(method == Method::GET, &format!("{method} {}", route(&tail)), fault);
        match fault {
            Some(Fault::TimeoutBefore) => return self.reply(Ok(Answer::nothing()), false).hanging(),
            Some(Fault::ServerError) => return self.reply(Err(Refusal::server(500)), false),
            Some(Fault::Unavailable) => return self.reply(Err(Refusal::server(503)), false),
            _ => {}
        }
        let outcome = self.sign_in_routes(method, path, &form(bytes), origin, host);
        let reply = self.reply(outcome, false);
        if fault == Some(Fault::TimeoutAfter) { reply.hanging() } else { reply }
    }

    /// The outcome, and whether its headers tell of limits.
    fn outcome(
        &mut self,
        mut call: Call,
        headers: &HeaderMap,
        bytes: &[u8],
        (host, operations): (&str, usize),
        fault: Option<Fault>,
    ) -> (Outcome, bool) {
        match fault {
            Some(Fault::ServerError) => return (Err(Refusal::server(500)), false),
            Some(Fault::Unavailable) => return (Err(Refusal::server(503)), false),
            Some(Fault::Collision) => return (Err(Refusal::new(500, "0x80044150", "Generic SQL error: deadlock.")), false),
            Some(Fault::TooMany) => return (Err(too_many_at_once()), false),
            Some(Fault::ExpiredSession) if self.end_session(headers) => return (Err(Refusal::unauthorized()), false),
            Some(Fault::QuotaExhausted) => self.exhaust(),
            _ => {}
        }
        if let Err(refusal) = self.admit(headers, host) {
            return (Err(refusal), false);
        }
        if let Err(refusal) = self.count_call(operations) {
            return (Err(refusal), true);
        }
        if call.path.first().is_some_and(|segment| segment == "$batch") {
            let text = String::from_utf8_lossy(bytes);
            let ty = door::header(headers, "content-type").unwrap_or_default();
            return (self.batch(&call, &text, ty), true);
        }
        if !bytes.is_empty() {
            match serde_json::from_slice(bytes) {
                Ok(body) => call.body = body,
                Err(_) => return (Err(Refusal::new(400, "0x0", "An error occurred while reading the body: it is not JSON.")), true),
            }
        }
        self.tag = call.query("tag").map(str::to_owned);
        (self.route(&call), true)
    }

    /// Carries a call out.
    pub(crate) fn route(&mut self, call: &Call) -> Outcome {
        let view: Vec<&str> = call.path.iter().map(String::as_str).collect();
        let Some((first, rest)) = view.split_first() else { return Err(Refusal::segment("")) };
        let address = address_of(first);
        match (&call.method, address.set.as_str()) {
            (&Method::GET, "WhoAmI") => {
                let context = format!("{}$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse", call.root);
                let of = &self.options;
                return Ok(Answer::ok(json!({
                    "@odata.context": context, "BusinessUnitId": of.business_unit_id, "UserId": of.user_id, "OrganizationId": of.organization_id,
                })));
            }
            (&Method::GET, "systemusers")
                if rest.first().is_some_and(|part| part.starts_with("Microsoft.Dynamics.CRM.RetrieveUserPrivileges")) =>
            {
                let context = format!("{}$metadata#Microsoft.Dynamics.CRM.RetrieveUserPrivilegesResponse", call.root);
                let of = &self.options;
                let held = of
                    .privileges
                    .iter()
                    .map(|name| json!({"Depth": "Global", "PrivilegeName": name, "BusinessUnitId": of.business_unit_id}));
                return Ok(Answer::ok(json!({"@odata.context": context, "RolePrivileges": held.collect::<Vec<_>>()})));
            }
            (&Method::GET, "$metadata") => return Ok(self.csdl()),
            (_, "EntityDefinitions") => return self.metadata_routes(call, address.key.as_ref(), rest),
            (&Method::POST, message) if rest.is_empty() => {
                if let Some(outcome) = self.action_routes(call, message) {
                    return outcome;
                }
            }
            _ => {}
        }
        let table = self.table_of_set(&address.set)?.clone();
        match (&call.method, address.key, rest) {
            (&Method::GET, None, []) => self.list(call, &table, false),
            (&Method::GET, None, ["$count"]) => self.list(call, &table, true),
            (&Method::POST, None, []) => self.post_row(call, &table),
            (&Method::POST, None, [message]) => self.bulk_routes(call, &table, message.trim_start_matches("Microsoft.Dynamics.CRM.")),
            (_, Some(key), []) => self.row_routes(call, &table, &key),
            (&Method::POST, Some(key), ["Microsoft.Dynamics.CRM.QualifyLead"]) if table.name == "lead" => {
                let id = match key {
                    Key::Id(id) => id,
                    key @ Key::Values(_) => self.resolve(&table, &key)?,
                };
                self.qualify(call, &id)
            }
            (&Method::POST, Some(Key::Id(id)), ["Microsoft.Dynamics.CRM.ExecuteWorkflow"]) if table.name == "workflow" => {
                self.execute_workflow(call, &id)
            }
            (_, Some(key), rest) => self.property_routes(call, &table, &key, rest),
            _ => Err(Refusal::new(405, "0x80060888", "The requested resource does not support this http method.")),
        }
    }
}

/// Rows that a body changes, as far as it is a bulk message.
fn call_size(bytes: &[u8]) -> usize {
    let needle = b"\"@odata.type\"";
    bytes.windows(needle.len()).filter(|window| window == needle).count().max(1)
}
