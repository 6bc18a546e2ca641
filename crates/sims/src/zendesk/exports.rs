//! Incremental exports: by cursor, by time, and the feeds of audits and metric events.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::call::Call;
use super::moment::iso;
use super::record::Kind;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;
use super::ticket_routes::seconds;
use super::tickets::Ticket;

/// Most records on a page of an export.
const PAGE_MAX: usize = 1_000;
/// A start younger than this is refused while the newest changes are withheld, in seconds.
const YOUNGEST_START: i64 = 60;

fn cursor_text(at: i64, tie: u64) -> String {
    STANDARD.encode(format!("{at}.0||{tie}|"))
}

fn read_cursor(text: &str) -> Option<(i64, u64)> {
    let plain = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    let (at, rest) = plain.split_once("||")?;
    Some((at.trim_end_matches(".0").parse().ok()?, rest.trim_end_matches('|').parse().ok()?))
}

impl State {
    /// First second that exports still withhold.
    fn horizon(&self) -> i64 {
        let lag = i64::try_from(self.options.profile.export_lag_ms).unwrap_or_default();
        if lag == 0 { i64::MAX } else { (self.now_ms - lag).div_euclid(1000) }
    }

    fn start(&self, call: &Call) -> Result<i64, Refusal> {
        let start = call
            .q("start_time")
            .and_then(seconds)
            .ok_or_else(|| Refusal::plain(400, "InvalidValue", "Parameter start_time is missing or no Unix time"))?;
        if self.options.profile.export_lag_ms > 0 && start > self.now() - YOUNGEST_START {
            return Err(Refusal::plain(400, "StartTimeTooRecent", "Too recent start_time. Use a start_time older than 60 seconds."));
        }
        Ok(start)
    }

    fn page_size(call: &Call) -> usize {
        let size = call.q("per_page").and_then(|text| text.parse().ok()).unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
        if call.half_page { (size / 2).max(1) } else { size }
    }

    fn exported(&self, kind: Kind, id: u64) -> Option<Value> {
        match kind {
            Kind::User => self.users.get(&id).map(|user| self.user_json(user)),
            Kind::Organization => self.organizations.get(&id).map(|held| self.organization_json(held)),
            Kind::Ticket => self.tickets.get(&id).map(|ticket| self.ticket_json(ticket)),
        }
    }

    fn is_deleted(&self, kind: Kind, id: u64) -> bool {
        match kind {
            Kind::User => self.users.get(&id).is_some_and(|user| user.rec.deleted.is_some()),
            Kind::Organization => false,
            Kind::Ticket => self.tickets.get(&id).is_some_and(|ticket| ticket.rec.deleted.is_some()),
        }
    }

    fn export_sideload(&self, call: &Call, kind: Kind, ids: &[u64], body: &mut Map<String, Value>) {
        match kind {
            Kind::Ticket => self.sideload(call, ids, body),
            Kind::User => {
                if call.includes("identities") {
                    let users = ids.iter().filter_map(|id| self.users.get(id));
                    let list: Vec<Value> = users
                        .flat_map(|user| {
                            user.identities.iter().map(|held| super::identities::shown(self, user.rec.id, held)).collect::<Vec<_>>()
                        })
                        .collect();
                    body.insert("identities".to_owned(), Value::Array(list));
                }
                if call.includes("organizations") {
                    let wanted: std::collections::BTreeSet<u64> =
                        ids.iter().filter_map(|id| self.users.get(id)?.rec.id_of("organization_id")).collect();
                    let list = wanted.iter().filter_map(|id| self.organizations.get(id)).map(|held| self.organization_json(held)).collect();
                    body.insert("organizations".to_owned(), Value::Array(list));
                }
                if call.includes("groups") {
                    body.insert("groups".to_owned(), Value::Array(self.groups_json()));
                }
            }
            Kind::Organization => {}
        }
    }

    /// Routes below `/incremental`.
    pub(crate) fn export_routes(&self, call: &Call) -> Outcome {
        if call.method != "GET" {
            return Err(Refusal::no_route());
        }
        if self.role(call.actor) != "admin" {
            return Err(Refusal::forbidden());
        }
        match call.path().as_slice() {
            ["incremental", name @ ("tickets" | "users"), "cursor"] => {
                self.cursor_export(call, Kind::named(name).ok_or_else(Refusal::no_route)?)
            }
            ["incremental", name @ ("tickets" | "users" | "organizations")] => {
                self.time_export(call, Kind::named(name).ok_or_else(Refusal::no_route)?, Self::page_size(call))
            }
            ["incremental", name @ ("tickets" | "users" | "organizations"), "sample"] => {
                self.time_export(call, Kind::named(name).ok_or_else(Refusal::no_route)?, 50)
            }
            ["incremental", "ticket_events"] => self.event_export(call),
            ["incremental", "ticket_metric_events"] => self.metric_export(call),
            _ => Err(Refusal::no_route()),
        }
    }

    fn cursor_export(&self, call: &Call, kind: Kind) -> Outcome {
        let (from, inclusive) = match call.q("cursor") {
            Some(text) => (read_cursor(text).ok_or_else(|| Refusal::parameter("cursor"))?, false),
            None => ((self.start(call)?, 0), true),
        };
        let (size, horizon) = (Self::page_size(call), self.horizon());
        let skip_deleted = call.q("exclude_deleted") == Some("true");
        let mut rows = self.feeds[kind.index()]
            .range(from..)
            .filter(|(key, _)| inclusive || **key != from)
            .take_while(|(key, _)| key.0 < horizon)
            .filter(|(_, id)| !skip_deleted || !self.is_deleted(kind, **id));
        let page: Vec<((i64, u64), u64)> = rows.by_ref().take(size).map(|(key, id)| (*key, *id)).collect();
        let more = rows.next().is_some();
        let ids: Vec<u64> = page.iter().map(|(_, id)| *id).collect();
        let end = page.last().map_or(from, |(key, _)| *key);
        let after = cursor_text(end.0, end.1);
        let mut body = Map::new();
        body.insert(kind.plural().to_owned(), ids.iter().filter_map(|id| self.exported(kind, *id)).collect());
        body.insert("after_url".to_owned(), json!(call.link(&[("start_time", None), ("cursor", Some(after.clone()))])));
        body.insert("before_url".to_owned(), Value::Null);
        body.insert("after_cursor".to_owned(), json!(after));
        body.insert("before_cursor".to_owned(), Value::Null);
        body.insert("end_of_stream".to_owned(), json!(!more));
        self.export_sideload(call, kind, &ids, &mut body);
        Ok(Answer::ok(Value::Object(body)))
    }

    fn time_export(&self, call: &Call, kind: Kind, size: usize) -> Outcome {
        let (start, horizon) = (self.start(call)?, self.horizon());
        let mut rows = self.feeds[kind.index()].range((start, 0)..).take_while(|(key, _)| key.0 < horizon);
        let page: Vec<(i64, u64)> = rows.by_ref().take(size).map(|(key, id)| (key.0, *id)).collect();
        let more = rows.next().is_some();
        let ids: Vec<u64> = page.iter().map(|(_, id)| *id).collect();
        let list = ids.iter().filter_map(|id| self.exported(kind, *id)).collect();
        let mut body = Self::time_body(call, kind.plural(), list, page.last().map(|(at, _)| *at), more);
        self.export_sideload(call, kind, &ids, &mut body);
        Ok(Answer::ok(Value::Object(body)))
    }

    /// Pages overlap at the boundary second, and a second that fills a page repeats for ever, as with the vendor.
    fn time_body(call: &Call, name: &str, list: Vec<Value>, end: Option<i64>, more: bool) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("count".to_owned(), json!(list.len()));
        body.insert(name.to_owned(), Value::Array(list));
        body.insert("next_page".to_owned(), json!(end.map(|end| call.link(&[("start_time", Some(end.to_string()))]))));
        body.insert("end_time".to_owned(), json!(end));
        body.insert("end_of_stream".to_owned(), json!(!more));
        body
    }

    fn event_export(&self, call: &Call) -> Outcome {
        let (start, horizon, size) = (self.start(call)?, self.horizon(), Self::page_size(call));
        let with_comments = call.includes("comment_events");
        let mut rows = self.audit_feed.range((start, 0)..).take_while(|(key, _)| key.0 < horizon);
        let page: Vec<(i64, u64, u64)> = rows.by_ref().take(size).map(|(key, ticket)| (key.0, key.1, *ticket)).collect();
        let more = rows.next().is_some();
        let list = page
            .iter()
            .filter_map(|(at, audit, ticket)| {
                let of = self.tickets.get(ticket)?;
                let held = of.audits.iter().find(|held| held.id == *audit)?;
                let children: Vec<Value> = held.events.iter().map(|event| self.child(of, event, with_comments)).collect();
                Some(json!({
                    "id": held.id, "ticket_id": ticket, "timestamp": at, "created_at": iso(*at), "updater_id": held.author, "via": "Web service",
                    "system": {"client": "", "location": "", "latitude": null, "longitude": null, "ip_address": "127.0.0.1"},
                    "metadata": held.custom.as_deref().unwrap_or(&json!({})), "event_type": "Audit", "child_events": children,
                }))
            })
            .collect();
        Ok(Answer::ok(Value::Object(Self::time_body(call, "ticket_events", list, page.last().map(|row| row.0), more))))
    }

    fn metric_export(&self, call: &Call) -> Outcome {
        let (start, horizon, size) = (self.start(call)?, self.horizon(), Self::page_size(call));
        let mut rows = self.metric_feed.range((start, 0)..).take_while(|(key, _)| key.0 < horizon);
        let page: Vec<(i64, Value)> = rows.by_ref().take(size).map(|(key, step)| (key.0, step.shown())).collect();
        let more = rows.next().is_some();
        let end = page.last().map(|(at, _)| *at);
        let list = page.into_iter().map(|(_, shown)| shown).collect();
        Ok(Answer::ok(Value::Object(Self::time_body(call, "ticket_metric_events", list, end, more))))
    }

    /// An audit's event in the shape of the export: the changed field is itself the key. Comments are shown as they are now: what was redacted is
    /// nowhere.
    fn child(&self, ticket: &Ticket, event: &Value, with_comments: bool) -> Value {
        let mut shown = json!({"id": event["id"], "via": "Web service", "via_reference_id": null, "event_type": event["type"]});
        if let Some(name) = event["field_name"].as_str() {
            shown[name] = event["value"].clone();
            if event["type"] == "Change" {
                shown["previous_value"] = event["previous_value"].clone();
            }
        }
        if let Some(comment) = event.get("comment_id") {
            shown["comment_id"] = comment.clone();
        }
        let comment = event["id"].as_u64().and_then(|id| ticket.comments.iter().find(|comment| comment.id == id));
        if let Some(comment) = comment {
            shown["comment_present"] = json!(true);
            shown["comment_public"] = json!(comment.public);
            if with_comments {
                let whole = self.comment_json(comment);
                for key in ["body", "html_body", "plain_body", "author_id", "public", "attachments", "audit_id"] {
                    shown[key] = whole[key].clone();
                }
            }
        }
        shown
    }
}
