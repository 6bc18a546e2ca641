//! Endpoints of tickets, their comments, audits, metrics, ratings and uploads.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::attributes::TICKET;
use super::call::{Call, id};
use super::jobs::Task;
use super::moment::{iso, parse};
use super::page::{self, Listing, listing};
use super::record::{Kind, Val, id_in};
use super::refusal::{Answer, Outcome, Refusal, Warned};
use super::state::State;
use super::tickets::Ticket;
use super::user_routes::{bulk_items, named_items, sort_key};

/// How long the key of a creation is remembered: two hours.
const KEYED_MS: i64 = 2 * 60 * 60 * 1000;

/// Whether a creation was answered from memory.
const LOOKUP: &str = "x-idempotency-lookup";

impl State {
    fn ticket_answer(&self, id: u64) -> Result<Map<String, Value>, Refusal> {
        let ticket = self.live_ticket(id).ok_or_else(Refusal::missing)?;
        Ok(Map::from_iter([("ticket".to_owned(), self.ticket_json(ticket))]))
    }

    fn with_audit(&self, id: u64, audit: Option<u64>) -> Result<Map<String, Value>, Refusal> {
        let mut body = self.ticket_answer(id)?;
        let ticket = self.live_ticket(id).ok_or_else(Refusal::missing)?;
        if let Some(audit) = audit.and_then(|audit| ticket.audits.iter().find(|held| held.id == audit)) {
            body.insert("audit".to_owned(), self.audit_json(id, audit));
        }
        Ok(body)
    }

    /// Sibling arrays and per-ticket objects that `include=` asks for.
    pub(crate) fn sideload(&self, call: &Call, ids: &[u64], body: &mut Map<String, Value>) {
        let tickets: Vec<&Ticket> = ids.iter().filter_map(|id| self.tickets.get(id)).collect();
        let people = |names: &[&str]| -> BTreeSet<u64> {
            tickets.iter().flat_map(|ticket| names.iter().filter_map(|name| ticket.rec.id_of(name)).collect::<Vec<_>>()).collect()
        };
        if call.includes("users") {
            let ids = people(&["requester_id", "submitter_id", "assignee_id"]);
            body.insert("users".to_owned(), ids.iter().filter_map(|id| self.users.get(id)).map(|user| self.user_json(user)).collect());
        }
        if call.includes("organizations") {
            let ids = people(&["organization_id"]);
            let list = ids.iter().filter_map(|id| self.organizations.get(id)).map(|held| self.organization_json(held)).collect();
            body.insert("organizations".to_owned(), list);
        }
        if call.includes("groups") {
            body.insert("groups".to_owned(), Value::Array(self.groups_json()));
        }
        if call.includes("metric_sets") {
            let list = tickets.iter().map(|ticket| ticket.metrics.shown(self, ticket.rec.id)).collect();
            body.insert("metric_sets".to_owned(), list);
        }
        if call.includes("comment_count")
            && let Some(list) = body.get_mut("tickets").and_then(Value::as_array_mut)
        {
            for shown in list {
                let count = shown["id"].as_u64().and_then(|id| self.tickets.get(&id)).map_or(0, |ticket| ticket.comments.len());
                shown["comment_count"] = json!(count);
            }
        }
    }

    fn list_tickets(&self, call: &Call, keep: impl Fn(&Ticket) -> bool) -> Outcome {
        let sort = call.q("sort").or_else(|| call.q("sort_by")).unwrap_or("id");
        let descending = sort.starts_with('-') || call.q("sort_order") == Some("desc");
        let by = sort.trim_start_matches('-');
        let external = call.q("external_id").map(str::to_lowercase);
        let now = self.now();
        let keys = self
            .tickets
            .values()
            .filter(|ticket| ticket.rec.deleted.is_none() && !ticket.is_archived(now) && keep(ticket))
            .filter(|ticket| {
                external.as_ref().is_none_or(|wanted| ticket.rec.text("external_id").is_some_and(|held| held.to_lowercase() == *wanted))
            })
            .map(|ticket| (sort_key(by, ticket.rec.created, ticket.rec.updated), ticket.rec.id))
            .collect();
        let (ids, paging) = page::page(call, &Listing::ordered("tickets", keys, descending))?;
        let shown = ids.iter().filter_map(|id| self.tickets.get(id)).map(|ticket| self.ticket_json(ticket)).collect();
        let mut body = Map::from_iter([("tickets".to_owned(), Value::Array(shown))]);
        body.extend(paging);
        self.sideload(call, &ids, &mut body);
        Ok(Answer::ok(Value::Object(body)))
    }

    /// Routes below `/tickets`.
    pub(crate) fn ticket_routes(&mut self, call: &Call) -> Outcome {
        let path = call.path();
        if let ("POST", ["tickets", which, "satisfaction_rating"]) = (call.method.as_str(), path.as_slice()) {
            let given = call.object("satisfaction_rating")?;
            let text = |name: &str| given.get(name).and_then(Value::as_str);
            let made = self.rate_ticket(id(which)?, text("score").unwrap_or_default(), text("comment"), call.actor)?;
            let shown = self.ratings.get(&made).map(|rating| self.rating_json(rating));
            return Ok(Answer::ok(json!({"satisfaction_rating": shown})));
        }
        self.staff_only(call)?;
        match (call.method.as_str(), path.as_slice()) {
            ("GET", ["tickets"]) => self.list_tickets(call, |_| true),
            ("GET", ["organizations", which, "tickets"]) => {
                let which = id(which)?;
                self.list_tickets(call, |ticket| ticket.rec.id_of("organization_id") == Some(which))
            }
            ("GET", ["users", which, "tickets", role]) => {
                let which = id(which)?;
                let role = *role;
                self.list_tickets(call, |ticket| match role {
                    "requested" => ticket.rec.id_of("requester_id") == Some(which),
                    "assigned" => ticket.rec.id_of("assignee_id") == Some(which),
                    "ccd" => ticket.rec.ids_of("email_cc_ids").contains(&which),
                    _ => false,
                })
            }
            ("GET", ["tickets", "count"]) => {
                let now = self.now();
                let value = self.tickets.values().filter(|ticket| ticket.rec.deleted.is_none() && !ticket.is_archived(now)).count();
                Ok(Answer::ok(json!({"count": {"value": value, "refreshed_at": iso(now)}})))
            }
            ("GET", ["tickets", "show_many"]) => {
                let mut ids = self.named_records(call, Kind::Ticket)?;
                ids.retain(|id| self.live_ticket(*id).is_some());
                let list = ids.iter().filter_map(|id| self.live_ticket(*id)).map(|ticket| self.ticket_json(ticket)).collect();
                let mut answer = page::whole("tickets", list);
                if let Some(body) = answer.body.as_mut().and_then(Value::as_object_mut) {
                    self.sideload(call, &ids, body);
                }
                Ok(answer)
            }
            ("POST", ["tickets"]) => self.post_ticket(call),
            ("POST", ["tickets", "create_many"]) => self.enqueue(Task::Create(Kind::Ticket), call.items("tickets")?.clone(), call.actor),
            ("POST", ["imports", "tickets"]) => {
                if self.role(call.actor) != "admin" {
                    return Err(Refusal::forbidden());
                }
                let mut given = call.object("ticket")?.clone();
                if call.q("archive_immediately") == Some("true") {
                    given.insert("archive_immediately".to_owned(), json!(true));
                }
                let made = self.import_ticket(&given, call.actor)?;
                Ok(Answer::created(Value::Object(self.ticket_answer(made)?), call.at(&format!("tickets/{made}.json"))))
            }
            ("POST", ["imports", "tickets", "create_many"]) => self.enqueue(Task::ImportTicket, call.items("tickets")?.clone(), call.actor),
            ("PUT", ["tickets", "update_many"]) => {
                let items = bulk_items(call, Kind::Ticket)?;
                self.enqueue(Task::Update(Kind::Ticket), items, call.actor)
            }
            ("DELETE", ["tickets", "destroy_many"]) => {
                let items = named_items(call)?;
                self.enqueue(Task::Delete(Kind::Ticket), items, call.actor)
            }
            ("PUT", ["tickets", "mark_many_as_spam"]) => {
                let items = named_items(call)?;
                self.enqueue(Task::MarkSpam, items, call.actor)
            }
            ("GET", ["tickets", which]) => {
                let which = id(which)?;
                let mut body = self.ticket_answer(which)?;
                self.sideload(call, &[which], &mut body);
                Ok(Answer::ok(Value::Object(body)))
            }
            ("PUT", ["tickets", which]) => {
                let which = id(which)?;
                let mut warned = Warned::default();
                let audit = self.update_ticket(which, call.object("ticket")?, call.actor, &mut warned)?;
                Ok(Answer::ok(Value::Object(self.with_audit(which, audit)?)).warned(&warned, "tickets", "update"))
            }
            ("DELETE", ["tickets", which]) => {
                self.delete_ticket(id(which)?, call.actor)?;
                Ok(Answer::empty())
            }
            ("PUT", ["tickets", which, "mark_as_spam"]) => {
                self.mark_spam(id(which)?, call.actor)?;
                Ok(Answer { status: 200, body: None, headers: Vec::new() })
            }
            ("POST", ["tickets", target, "merge"]) => {
                let mut item = call.body.as_object().cloned().unwrap_or_default();
                item.insert("target".to_owned(), json!(id(target)?));
                self.enqueue(Task::MergeTickets, vec![Value::Object(item)], call.actor)
            }
            ("GET", ["tickets", which, "related"]) => {
                let ticket = self.live_ticket(id(which)?).ok_or_else(Refusal::missing)?;
                let followups = ticket.rec.ids_of("followup_ids");
                Ok(Answer::ok(json!({"ticket_related": {
                    "topic_id": null, "jira_issue_ids": [], "followup_source_ids": followups, "from_archive": ticket.is_archived(self.now()),
                    "incidents": 0, "twitter": {},
                }})))
            }
            ("GET", ["tickets", which, "metrics"]) => {
                let which = id(which)?;
                let ticket = self.live_ticket(which).ok_or_else(Refusal::missing)?;
                Ok(Answer::ok(json!({"ticket_metric": ticket.metrics.shown(self, which)})))
            }
            ("GET", ["tickets", which, "audits"]) => {
                let which = id(which)?;
                let ticket = self.live_ticket(which).ok_or_else(Refusal::missing)?;
                let keys = ticket.audits.iter().map(|audit| (audit.created, audit.id)).collect();
                let descending = call.q("sort").is_some_and(|sort| sort.starts_with('-')) || call.q("sort_order") == Some("desc");
                listing(call, Listing::ordered("audits", keys, descending), |id| {
                    ticket.audits.iter().find(|audit| audit.id == id).map(|audit| self.audit_json(which, audit))
                })
            }
            ("GET", ["tickets", which, "audits", audit]) => {
                let (which, audit) = (id(which)?, id(audit)?);
                let ticket = self.live_ticket(which).ok_or_else(Refusal::missing)?;
                let audit = ticket.audits.iter().find(|held| held.id == audit).ok_or_else(Refusal::missing)?;
                Ok(Answer::ok(json!({"audit": self.audit_json(which, audit)})))
            }
            (_, ["tickets", _, "comments", ..]) => self.comment_routes(call),
            _ => Err(Refusal::no_route()),
        }
    }

    /// A creation with a key that was used lately is answered as it was then, with other parameters it is refused
    /// (<https://developer.zendesk.com/api-reference/ticketing/introduction/#idempotency>).
    fn post_ticket(&mut self, call: &Call) -> Outcome {
        let Some(key) = &call.idempotency_key else { return self.post_new_ticket(call) };
        let now = self.now_ms;
        self.keyed.retain(|_, (at, _, _)| now - *at < KEYED_MS);
        if let Some((_, parameters, answer)) = self.keyed.get(key) {
            if *parameters != call.body {
                return Err(Refusal::plain(400, "IdempotentRequestError", "Request parameters don't match the given idempotency key"));
            }
            return Ok(answer.clone().header(LOOKUP, "hit".to_owned()));
        }
        let answer = self.post_new_ticket(call)?;
        self.keyed.insert(key.clone(), (now, call.body.clone(), answer.clone()));
        Ok(answer.header(LOOKUP, "miss".to_owned()))
    }

    fn post_new_ticket(&mut self, call: &Call) -> Outcome {
        let given = call.object("ticket")?;
        if call.q("async") == Some("true") {
            let reserved = self.next_ticket();
            let at = self.enqueue_job(Task::Create(Kind::Ticket), vec![Value::Object(given.clone())], call.actor)?;
            self.jobs[at].reserved = Some(reserved);
            return Ok(Answer::ok(json!({"ticket": {"id": reserved}, "job_status": self.job_json(at)})).status(202));
        }
        let mut warned = Warned::default();
        let made = self.create_ticket(given, call.actor, &mut warned, None)?;
        let audit = self.tickets.get(&made).and_then(|ticket| ticket.audits.first()).map(|audit| audit.id);
        let mut body = self.with_audit(made, audit)?;
        // Recorded: the answer to a creation shows no generated timestamp yet.
        if let Some(ticket) = body.get_mut("ticket") {
            ticket["generated_timestamp"] = json!(0);
        }
        Ok(Answer::created(Value::Object(body), call.at(&format!("tickets/{made}.json"))).warned(&warned, "tickets", "create"))
    }

    fn comment_routes(&mut self, call: &Call) -> Outcome {
        let path = call.path();
        let which = id(path.get(1).copied().unwrap_or_default())?;
        let ticket = self.live_ticket(which).ok_or_else(Refusal::missing)?;
        match (call.method.as_str(), &path[3..]) {
            ("GET", []) => {
                let keys = ticket.comments.iter().map(|comment| (comment.created, comment.id)).collect();
                let descending = call.q("sort").is_some_and(|sort| sort.starts_with('-')) || call.q("sort_order") == Some("desc");
                listing(call, Listing::ordered("comments", keys, descending), |id| {
                    ticket.comments.iter().find(|comment| comment.id == id).map(|comment| self.comment_json(comment))
                })
            }
            ("GET", ["count"]) => Ok(Answer::ok(json!({"count": {"value": ticket.comments.len(), "refreshed_at": iso(self.now())}}))),
            ("PUT", [comment, "make_private"]) => {
                self.hide_comment(which, id(comment)?, call.actor)?;
                Ok(Answer { status: 200, body: None, headers: Vec::new() })
            }
            ("PUT", [comment, "redact"]) => {
                let (comment, record) = (id(comment)?, ticket.rec.clone());
                let text = call.body["text"].as_str().ok_or_else(|| Refusal::parameter("text"))?;
                let held = self.tickets.get_mut(&which).and_then(|ticket| ticket.comments.iter_mut().find(|held| held.id == comment));
                let held = held.ok_or_else(Refusal::missing)?;
                held.body = held.body.replace(text, &"▇".repeat(text.chars().count())).into();
                let shown = held.clone();
                self.audit_of_comment(which, comment, "CommentRedactionEvent", call.actor);
                self.commit_ticket(record, super::state::Touch::Comment, call.actor);
                let event = Map::from_iter([("comment".to_owned(), json!({"id": comment.to_string()}))]);
                self.ticket_event(which, "ticket.comment_redacted", event, call.actor);
                Ok(Answer::ok(json!({"comment": self.comment_json(&shown)})))
            }
            _ => Err(Refusal::no_route()),
        }
    }

    /// Makes a comment an internal note.
    pub(crate) fn hide_comment(&mut self, which: u64, comment: u64, by: u64) -> Result<(), Refusal> {
        let record = self.live_ticket(which).ok_or_else(Refusal::missing)?.rec.clone();
        let held = self.tickets.get_mut(&which).and_then(|ticket| ticket.comments.iter_mut().find(|held| held.id == comment));
        held.ok_or_else(Refusal::missing)?.public = false;
        self.audit_of_comment(which, comment, "CommentPrivacyChange", by);
        self.commit_ticket(record, super::state::Touch::Comment, by);
        let event = Map::from_iter([("comment".to_owned(), json!({"id": comment.to_string()}))]);
        self.ticket_event(which, "ticket.comment_made_private", event, by);
        Ok(())
    }

    /// Routes below `/deleted_tickets`.
    pub(crate) fn deleted_ticket_routes(&mut self, call: &Call) -> Outcome {
        self.staff_only(call)?;
        let ids_of = |call: &Call| -> Result<Vec<u64>, Refusal> {
            Ok(call.list("ids")?.ok_or_else(|| Refusal::parameter("ids"))?.iter().filter_map(|id| id.parse().ok()).collect())
        };
        match (call.method.as_str(), call.path().as_slice()) {
            ("GET", ["deleted_tickets"]) => {
                let keys = self
                    .tickets
                    .values()
                    .filter(|ticket| !ticket.erased)
                    .filter_map(|ticket| Some((ticket.rec.deleted?, ticket.rec.id)))
                    .collect();
                listing(call, Listing::ordered("deleted_tickets", keys, true), |id| {
                    let ticket = self.tickets.get(&id)?;
                    let name = self.users.get(&ticket.deleted_by).and_then(|user| user.rec.text("name"));
                    Some(json!({
                        "id": id, "subject": ticket.rec.text("subject"), "actor": {"id": ticket.deleted_by, "name": name},
                        "deleted_at": iso(ticket.rec.deleted?), "previous_state": ticket.status(),
                    }))
                })
            }
            ("PUT", ["deleted_tickets", "restore_many"]) => {
                for id in ids_of(call)? {
                    self.restore_ticket(id, call.actor)?;
                }
                Ok(Answer::ok(json!({})))
            }
            ("PUT", ["deleted_tickets", which, "restore"]) => {
                self.restore_ticket(id(which)?, call.actor)?;
                Ok(Answer::ok(json!({})))
            }
            ("DELETE", ["deleted_tickets", "destroy_many"]) => {
                let items = ids_of(call)?.into_iter().map(|id| json!({"id": id})).collect();
                self.enqueue(Task::EraseTicket, items, call.actor)
            }
            ("DELETE", ["deleted_tickets", which]) => {
                let which = id(which)?;
                self.tickets.get(&which).filter(|ticket| ticket.rec.deleted.is_some() && !ticket.erased).ok_or_else(Refusal::missing)?;
                let mut answer = self.enqueue(Task::EraseTicket, vec![json!({"id": which})], call.actor)?;
                if let Some(status) = answer.body.as_mut().and_then(|body| body.get_mut("job_status")) {
                    (status["total"], status["progress"]) = (Value::Null, Value::Null);
                }
                Ok(answer)
            }
            _ => Err(Refusal::no_route()),
        }
    }

    /// Routes of `/ticket_metrics`, `/satisfaction_ratings`, `/comment_redactions` and `/uploads`.
    pub(crate) fn side_routes(&mut self, call: &Call) -> Outcome {
        self.staff_only(call)?;
        match (call.method.as_str(), call.path().as_slice()) {
            ("GET", ["ticket_metrics"]) => {
                let now = self.now();
                let alive = self.tickets.values().filter(|ticket| ticket.rec.deleted.is_none() && !ticket.is_archived(now));
                let keys = alive.map(|ticket| (ticket.rec.created, ticket.rec.id)).collect();
                listing(call, Listing::ordered("ticket_metrics", keys, true), |id| {
                    self.tickets.get(&id).map(|ticket| ticket.metrics.shown(self, id))
                })
            }
            ("GET", ["ticket_metrics", which]) => {
                let which = id(which)?;
                let ticket = self.tickets.values().find(|ticket| ticket.rec.deleted.is_none() && ticket.metrics.id == which);
                let ticket = ticket.ok_or_else(Refusal::missing)?;
                // The answer by metric id is a list of one, unlike the one by ticket.
                Ok(Answer::ok(json!({"ticket_metric": [ticket.metrics.shown(self, ticket.rec.id)]})))
            }
            ("GET", ["satisfaction_ratings"]) => {
                let number = |name: &str| call.q(name).and_then(|text| text.parse::<i64>().ok());
                let (from, to) = (number("start_time").unwrap_or(i64::MIN), number("end_time").unwrap_or(i64::MAX));
                let score = call.q("score");
                let keys = self
                    .ratings
                    .values()
                    .filter(|rating| (from..=to).contains(&rating.updated) && score.is_none_or(|wanted| rating.score.starts_with(wanted)))
                    .map(|rating| (rating.created, rating.id))
                    .collect();
                listing(call, Listing::ascending("satisfaction_ratings", keys), |id| {
                    self.ratings.get(&id).map(|rating| self.rating_json(rating))
                })
            }
            ("GET", ["satisfaction_ratings", which]) => {
                let rating = self.ratings.get(&id(which)?).ok_or_else(Refusal::missing)?;
                Ok(Answer::ok(json!({"satisfaction_rating": [self.rating_json(rating)]})))
            }
            ("PUT", ["comment_redactions", which]) => self.redact_comment(call, id(which)?),
            ("POST", ["uploads"]) => {
                let (token, made) = (self.hex(24), self.next_id());
                let name = call.q("filename").unwrap_or("file");
                let size = call.body["raw_size"].as_u64().unwrap_or_default();
                let attachment = json!({
                    "url": self.url(&format!("attachments/{made}")), "id": made, "file_name": name,
                    "content_url": call.at(&format!("attachments/{made}")), "mapped_content_url": call.at(&format!("attachments/{made}")),
                    "content_type": "application/octet-stream", "size": size, "width": null, "height": null, "inline": false,
                    "deleted": false, "malware_access_override": false, "malware_scan_result": "malware_not_found", "thumbnails": [],
                });
                self.uploads.insert(token.clone(), attachment.clone());
                let expires = iso(self.now() + 3 * 86_400);
                let body =
                    json!({"upload": {"token": token, "expires_at": expires, "attachment": attachment, "attachments": [attachment]}});
                Ok(Answer::created(body, call.at("uploads")))
            }
            _ => Err(Refusal::no_route()),
        }
    }

    fn redact_comment(&mut self, call: &Call, comment: u64) -> Outcome {
        let ticket = call.body.get("ticket_id").and_then(id_in).ok_or_else(|| Refusal::parameter("ticket_id"))?;
        let html = call.body["html_body"].as_str().unwrap_or_default();
        let mut record = self.live_ticket(ticket).ok_or_else(Refusal::missing)?.rec.clone();
        let is_first = self.tickets.get(&ticket).and_then(|ticket| ticket.comments.first()).is_some_and(|first| first.id == comment);
        let held = self.tickets.get_mut(&ticket).and_then(|ticket| ticket.comments.iter_mut().find(|held| held.id == comment));
        let held = held.ok_or_else(Refusal::missing)?;
        let mut rest = html;
        let mut body = held.body.to_string();
        while let Some((_, tail)) = rest.split_once("<redact>") {
            let Some((secret, tail)) = tail.split_once("</redact>") else { break };
            body = body.replace(secret, &"▇".repeat(secret.chars().count()));
            rest = tail;
        }
        if is_first {
            // The description is the first comment, as the reference of tickets has it.
            record.put(TICKET, "description", Val::text(body.as_str()));
        }
        held.body = body.into();
        let shown = held.clone();
        self.audit_of_comment(ticket, comment, "CommentRedactionEvent", call.actor);
        self.commit_ticket(record, super::state::Touch::Comment, call.actor);
        let event = Map::from_iter([("comment".to_owned(), json!({"id": comment.to_string()}))]);
        self.ticket_event(ticket, "ticket.comment_redacted", event, call.actor);
        Ok(Answer::ok(json!({"comment": self.comment_json(&shown)})))
    }

    /// The account's groups.
    pub(crate) fn groups_json(&self) -> Vec<Value> {
        self.groups
            .iter()
            .map(|(id, (name, at))| {
                json!({
                    "url": self.url(&format!("groups/{id}")), "id": id, "is_public": true, "name": name, "description": "",
                    "default": *id == self.group, "deleted": false, "created_at": iso(*at), "updated_at": iso(*at),
                })
            })
            .collect()
    }
}

/// Seconds in a query parameter: a number, or a timestamp.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    text.parse::<f64>().ok().map(|number| number as i64).or_else(|| parse(text))
}
