//! Tickets.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::moment::{instant, iso, iso_or_null};
use super::refusal::{Answer, Flaw, Outcome, Refusal};
use super::state::{Kind, Record, State};

/// Types of tickets of a fresh account.
pub(crate) const TYPES: &[&str] = &["Question", "Incident", "Problem", "Feature Request", "Refund"];
/// Pages of the list at most.
const PAGES_MAX: usize = 300;
/// Days that the list goes back where no instant is asked for.
const LIST_DAYS: i64 = 30;
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// Milliseconds until due dates are worked out.
const DUE_AFTER_MS: i64 = 2_000;
/// Sources that a new ticket may have.
const SOURCES: &[u64] = &[1, 2, 3, 5, 6, 7, 9, 11];
/// Sources whose tickets keep an editable subject and description: by phone, and outbound e-mail.
const EDITABLE: &[u64] = &[3, 10];
/// Parameters of the list.
const LIST: &[&str] = &[
    "page",
    "per_page",
    "filter",
    "requester_id",
    "email",
    "unique_external_id",
    "company_id",
    "updated_since",
    "order_by",
    "order_type",
    "include",
];

const OPEN: u64 = 2;
const PENDING: u64 = 3;
const RESOLVED: u64 = 4;
const CLOSED: u64 = 5;

/// Text of HTML: breaks and blocks become lines, all other tags nothing.
pub(crate) fn plain(html: &str) -> String {
    let broken = html.replace("<br>", "\n").replace("<br/>", "\n").replace("<br />", "\n").replace("</p>", "\n").replace("</div>", "\n");
    let mut text = String::new();
    let mut inside = false;
    for letter in broken.chars() {
        match letter {
            '<' => inside = true,
            '>' if inside => inside = false,
            letter if !inside => text.push(letter),
            _ => {}
        }
    }
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&nbsp;", " ")
        .replace("&amp;", "&");
    text.trim().to_owned()
}

/// HTML as it is kept: plain text gets a block around it.
pub(crate) fn html(given: &str) -> String {
    if given.trim_start().starts_with('<') { given.to_owned() } else { format!("<div>{given}</div>") }
}

/// The label of a status or priority, as webhooks show it.
pub(crate) fn label(name: &str, code: u64) -> &'static str {
    match (name, code) {
        ("status", 2) => "Open",
        ("status", 3) => "Pending",
        ("status", 4) => "Resolved",
        ("status", 5) => "Closed",
        ("status", 6) => "Waiting on Customer",
        ("status", 7) => "Waiting on Third Party",
        ("priority", 2) => "Medium",
        ("priority", 3) => "High",
        ("priority", 4) => "Urgent",
        ("priority", _) => "Low",
        _ => "Custom",
    }
}

impl State {
    /// When a ticket should be solved or answered: as somebody said, else worked out a moment after it was made.
    pub(crate) fn due_ms(&self, record: &Record, values: &Map<String, Value>, name: &str) -> Option<i64> {
        let days = if name == "due_by" { 3 } else { 1 };
        let worked_out = (self.now_ms >= record.created_ms + DUE_AFTER_MS).then_some(record.created_ms + days * DAY_MS);
        values.get(name).and_then(Value::as_str).and_then(instant).or(worked_out)
    }

    /// A ticket as lists or single views show it.
    pub(crate) fn ticket_shown(&self, record: &Record, includes: &[&str], list: bool) -> Value {
        let value = |name: &str| record.values.get(name).cloned().unwrap_or(Value::Null);
        let mut shown = json!({
            "cc_emails": record.texts("cc_emails"), "fwd_emails": [], "reply_cc_emails": [], "ticket_cc_emails": [], "fr_escalated": false,
            "spam": record.spam, "email_config_id": null, "group_id": value("group_id"), "priority": value("priority"),
            "requester_id": value("requester_id"), "responder_id": value("responder_id"), "source": value("source"),
            "company_id": value("company_id"), "status": value("status"), "subject": value("subject"), "association_type": null,
            "support_email": null, "to_emails": null, "product_id": null, "id": record.id, "type": value("type"), "due_by": iso_or_null(self.due_ms(record, &record.values, "due_by")),
            "fr_due_by": iso_or_null(self.due_ms(record, &record.values, "fr_due_by")), "is_escalated": false, "custom_fields": self.custom_shown(Kind::Ticket, &record.custom),
            "created_at": iso(record.created_ms), "updated_at": iso(record.updated_ms), "tags": record.texts("tags"),
            "associated_tickets_count": null, "nr_due_by": null, "nr_escalated": false,
        });
        if !list || includes.contains(&"description") {
            shown["description"] = value("description");
            shown["description_text"] = json!(plain(record.text("description").unwrap_or_default()));
            shown["structured_description"] = Value::Null;
        }
        if !list {
            shown["attachments"] = json!([]);
            shown["source_additional_info"] = Value::Null;
        }
        if record.deleted {
            shown["deleted"] = json!(true);
        }
        if includes.contains(&"stats") {
            let stats = &record.stats;
            shown["stats"] = json!({
                "agent_responded_at": iso_or_null(stats.agent_responded_ms), "requester_responded_at": iso_or_null(stats.requester_responded_ms),
                "first_responded_at": iso_or_null(stats.first_responded_ms), "status_updated_at": iso_or_null(stats.status_updated_ms),
                "reopened_at": iso_or_null(stats.reopened_ms), "resolved_at": iso_or_null(stats.resolved_ms),
                "closed_at": iso_or_null(stats.closed_ms), "pending_since": iso_or_null(stats.pending_ms),
            });
        }
        if includes.contains(&"requester") {
            shown["requester"] = self.person_shown(record.number("requester_id").unwrap_or_default());
        }
        if includes.contains(&"company") {
            let company = record.number("company_id").and_then(|id| self.records[Kind::Company.index()].get(&id));
            shown["company"] = company.map_or_else(|| json!({}), |company| json!({"id": company.id, "name": company.text("name")}));
        }
        if includes.contains(&"conversations") {
            shown["conversations"] = record.conversations.iter().take(10).map(|each| each.shown(record.id)).collect();
        }
        shown
    }

    /// The person behind an id of the space that agents and contacts share.
    pub(crate) fn person_shown(&self, id: u64) -> Value {
        if let Some(agent) = self.agents.iter().find(|agent| agent.id == id) {
            return json!({"id": id, "name": agent.name, "email": agent.email, "mobile": null, "phone": null});
        }
        let Some(contact) = self.records[Kind::Contact.index()].get(&id) else { return Value::Null };
        let value = |name: &str| contact.values.get(name).cloned().unwrap_or(Value::Null);
        json!({"id": id, "name": value("name"), "email": value("email"), "mobile": value("mobile"), "phone": value("phone")})
    }

    fn check_ticket(&self, body: &Map<String, Value>, id: Option<u64>) -> Result<super::check::Checked, Refusal> {
        let checked = self.check(Kind::Ticket, body, id.is_none())?;
        let mut flaws = Vec::new();
        let code = |name: &str| checked.values.get(name).and_then(Value::as_u64);
        let outside = |name: &str, allowed: &[u64]| {
            let listed = allowed.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
            Flaw::new(name, "invalid_value", format!("It should be one of these values: '{listed}'"))
        };
        if let Some(status) = code("status").filter(|status| !(2..=7).contains(status)) {
            tracing::debug!(status, "no such status");
            flaws.push(outside("status", &[2, 3, 4, 5, 6, 7]));
        }
        if code("priority").is_some_and(|priority| !(1..=4).contains(&priority)) {
            flaws.push(outside("priority", &[1, 2, 3, 4]));
        }
        if code("source").is_some_and(|source| !SOURCES.contains(&source)) {
            flaws.push(outside("source", SOURCES));
        }
        if let Some(ty) = checked.values.get("type").and_then(Value::as_str).filter(|ty| !TYPES.contains(ty)) {
            flaws.push(Flaw::new("type", "invalid_value", format!("{ty}: It should be one of these values: '{}'", TYPES.join(","))));
        }
        if code("responder_id").is_some_and(|id| !self.agents.iter().any(|agent| agent.id == id)) {
            flaws.push(Flaw::new("responder_id", "invalid_value", "There is no agent matching the given responder_id"));
        }
        if code("group_id").is_some_and(|id| !self.groups.iter().any(|group| group.id == id)) {
            flaws.push(Flaw::new("group_id", "invalid_value", "There is no group matching the given group_id"));
        }
        if code("company_id").is_some() && !self.options.multiple_companies {
            flaws.push(Flaw::new(
                "company_id",
                "inaccessible_field",
                "Require Multiple User Companies feature to have this field in the request",
            ));
        } else if code("company_id").is_some_and(|id| !self.records[Kind::Company.index()].contains_key(&id)) {
            flaws.push(Flaw::new("company_id", "invalid_value", "There is no company matching the given company_id"));
        }
        if checked.values.contains_key("due_by") != checked.values.contains_key("fr_due_by") {
            flaws.push(Flaw::missing(if checked.values.contains_key("due_by") { "fr_due_by" } else { "due_by" }));
        }
        match id {
            None => {
                let identified = ["requester_id", "email", "phone", "facebook_id", "twitter_id", "unique_external_id"];
                if !identified.iter().any(|name| checked.values.get(*name).is_some_and(|value| !value.is_null())) {
                    flaws.push(Flaw::new(
                        "requester_id",
                        "missing_field",
                        "One of the following is required: requester_id, phone, email, twitter_id, facebook_id, unique_external_id",
                    ));
                }
                for name in ["subject", "description", "status", "priority", "source"] {
                    if checked.values.get(name).is_none_or(|value| value.is_null() || value.as_str() == Some("")) {
                        flaws.push(Flaw::missing(name));
                    }
                }
            }
            Some(id) => {
                let source = self.record(Kind::Ticket, id)?.number("source").unwrap_or_default();
                for name in ["subject", "description"] {
                    if checked.values.contains_key(name) && !EDITABLE.contains(&source) {
                        flaws.push(Flaw::new(name, "incompatible_field", "Can be edited only for tickets of phone and outbound email"));
                    }
                }
            }
        }
        if flaws.is_empty() { Ok(checked) } else { Err(Refusal::validation(&flaws)) }
    }

    /// Who asks: a known person, or a new contact of that address.
    fn requester(&mut self, values: &mut Map<String, Value>) -> Result<u64, Refusal> {
        let none = |field: &str| Refusal::flaw(Flaw::new(field, "invalid_value", "There is no contact matching the given value"));
        let text = |values: &mut Map<String, Value>, name: &str| values.remove(name).and_then(|value| value.as_str().map(str::to_owned));
        let (email, phone, external, name) =
            (text(values, "email"), text(values, "phone"), text(values, "unique_external_id"), text(values, "name"));
        if let Some(id) = values.get("requester_id").and_then(Value::as_u64) {
            let known =
                self.agents.iter().any(|agent| agent.id == id) || self.record(Kind::Contact, id).is_ok_and(|record| !record.deleted);
            return if known { Ok(id) } else { Err(none("requester_id")) };
        }
        if let Some(external) = external {
            return self.by_external.get(&external).copied().ok_or_else(|| none("unique_external_id"));
        }
        if let Some(email) = email.map(|email| email.to_lowercase()) {
            let agent = self.agents.iter().find(|agent| agent.email == email).map(|agent| agent.id);
            if let Some(id) = self.by_email.get(&email).copied().or(agent) {
                return Ok(id);
            }
            let called = name.unwrap_or_else(|| email.split('@').next().unwrap_or_default().to_owned());
            return self.create_contact(&[("name".to_owned(), json!(called)), ("email".to_owned(), json!(email))].into_iter().collect());
        }
        let phone = phone.ok_or_else(|| none("requester_id"))?;
        let found =
            self.records[Kind::Contact.index()].values().find(|record| record.text("phone") == Some(&phone)).map(|record| record.id);
        match (found, name) {
            (Some(id), _) => Ok(id),
            (None, Some(name)) => {
                self.create_contact(&[("name".to_owned(), json!(name)), ("phone".to_owned(), json!(phone))].into_iter().collect())
            }
            (None, None) => Err(Refusal::flaw(Flaw::missing("name"))),
        }
    }

    /// Makes a ticket.
    pub(crate) fn create_ticket(&mut self, body: &Map<String, Value>) -> Result<u64, Refusal> {
        let mut checked = self.check_ticket(body, None)?;
        let requester = self.requester(&mut checked.values)?;
        checked.values.insert("requester_id".to_owned(), json!(requester));
        if checked.values.get("company_id").is_none_or(Value::is_null)
            && let Some(company) = self.records[Kind::Contact.index()].get(&requester).and_then(|record| record.number("company_id"))
        {
            checked.values.insert("company_id".to_owned(), json!(company));
        }
        let text = checked.values.get("description").and_then(Value::as_str).map(html).unwrap_or_default();
        checked.values.insert("description".to_owned(), json!(text));
        let status = checked.values.get("status").and_then(Value::as_u64).unwrap_or(OPEN);
        let id = self.next_ticket();
        self.insert(Kind::Ticket, id, checked.values, checked.custom);
        self.mark_status(id, status, None);
        self.fire(1, id, "{ticket_action:created}");
        Ok(id)
    }

    /// Changes a ticket.
    pub(crate) fn update_ticket(&mut self, id: u64, body: &Map<String, Value>) -> Result<(), Refusal> {
        let held = self.record(Kind::Ticket, id)?;
        if held.deleted || held.spam {
            return Err(Refusal::method("PUT", "DELETE"));
        }
        let before = held.number("status");
        let mut checked = self.check_ticket(body, Some(id))?;
        if ["requester_id", "email", "unique_external_id"].iter().any(|name| checked.values.contains_key(*name)) {
            let requester = self.requester(&mut checked.values)?;
            checked.values.insert("requester_id".to_owned(), json!(requester));
        }
        if let Some(text) = checked.values.get("description").and_then(Value::as_str).map(html) {
            checked.values.insert("description".to_owned(), json!(text));
        }
        let status = checked.values.get("status").and_then(Value::as_u64);
        if self.change(Kind::Ticket, id, checked) {
            if let Some(status) = status.filter(|status| Some(*status) != before) {
                self.mark_status(id, status, before);
            }
            self.fire(4, id, "{ticket_action:updated}");
        }
        Ok(())
    }

    fn mark_status(&mut self, id: u64, status: u64, before: Option<u64>) {
        let now = self.now_ms;
        let Some(record) = self.records[Kind::Ticket.index()].get_mut(&id) else { return };
        let stats = &mut record.stats;
        stats.status_updated_ms = Some(now);
        let done = |status: u64| matches!(status, RESOLVED | CLOSED);
        if done(status) {
            stats.resolved_ms = stats.resolved_ms.or(Some(now));
            stats.closed_ms = if status == CLOSED { Some(now) } else { None };
        } else if before.is_some_and(done) {
            (stats.reopened_ms, stats.resolved_ms, stats.closed_ms) = (Some(now), None, None);
        }
        stats.pending_ms = if status == PENDING { Some(now) } else { None };
    }

    /// Deletes a ticket, marks it as spam, or brings it back.
    pub(crate) fn set_aside(&mut self, id: u64, deleted: bool, spam: bool) -> Result<(), Refusal> {
        let held = self.record(Kind::Ticket, id)?;
        if (held.deleted, held.spam) == (deleted, spam) {
            return Err(if deleted { Refusal::method("DELETE", "GET") } else { Refusal::missing() });
        }
        if let Some(record) = self.touch(Kind::Ticket, id) {
            (record.deleted, record.spam) = (deleted, spam);
        }
        self.fire(4, id, if deleted { "{ticket_action:delete}" } else { "{ticket_action:updated}" });
        Ok(())
    }

    fn list_tickets(&self, call: &Call) -> Outcome {
        call.only(LIST)?;
        let since = call.instant("updated_since")?;
        let filter = call.query("filter");
        if let Some(filter) = filter.filter(|filter| !["new_and_my_open", "watching", "spam", "deleted"].contains(filter)) {
            return Err(Refusal::flaw(Flaw::new("filter", "invalid_value", format!("{filter} is not a filter of tickets"))));
        }
        let by_email = call.query("email").map(|email| self.by_email.get(&email.to_lowercase()).copied().unwrap_or_default());
        let by_external = call.query("unique_external_id").map(|id| self.by_external.get(id).copied().unwrap_or_default());
        let us = self.agents.first().map(|agent| agent.id);
        let number = |record: &Record, name: &str| {
            call.query(name).is_none_or(|wanted| record.number(name).map(|held| held.to_string()).as_deref() == Some(wanted))
        };
        let mut rows: Vec<&Record> = self.records[Kind::Ticket.index()]
            .values()
            .filter(|record| match filter {
                Some("deleted") => record.deleted,
                Some("spam") => record.spam && !record.deleted,
                Some("new_and_my_open") => {
                    let ours = matches!(record.number("responder_id"), agent if agent.is_none() || agent == us);
                    ours && record.number("status") == Some(OPEN) && !record.deleted && !record.spam
                }
                // Nobody watches anything here.
                Some("watching") => false,
                _ => !record.deleted && !record.spam,
            })
            .filter(|record| !record.archived)
            .filter(|record| match since {
                Some(since) => record.updated_ms.div_euclid(1000) >= since.div_euclid(1000),
                None => record.created_ms >= self.now_ms - LIST_DAYS * DAY_MS,
            })
            .filter(|record| by_email.is_none_or(|id| record.number("requester_id") == Some(id)))
            .filter(|record| by_external.is_none_or(|id| record.number("requester_id") == Some(id)))
            .filter(|record| number(record, "requester_id") && number(record, "company_id"))
            .collect();
        let by = call.query("order_by").unwrap_or("created_at");
        let at = |record: &Record| match by {
            "updated_at" => record.updated_ms.div_euclid(1000),
            "due_by" => self.due_ms(record, &record.values, "due_by").unwrap_or(i64::MAX),
            "status" => i64::try_from(record.number("status").unwrap_or_default()).unwrap_or_default(),
            _ => record.created_ms.div_euclid(1000),
        };
        if !["created_at", "due_by", "updated_at", "status"].contains(&by) {
            return Err(Refusal::flaw(Flaw::new(
                "order_by",
                "invalid_value",
                "It should be one of these values: 'due_by,created_at,updated_at,status'",
            )));
        }
        rows.sort_by_key(|record| (at(record), record.id));
        if call.query("order_type").unwrap_or("desc") == "desc" {
            rows.reverse();
        }
        let includes = call.includes();
        call.page(rows, PAGES_MAX, |record| self.ticket_shown(record, &includes, true))
    }

    /// `/tickets/…`.
    pub(crate) fn ticket_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        let number = |text: &str| text.parse::<u64>().map_err(|_| Refusal::missing());
        match (call.method.as_str(), rest) {
            ("GET", []) => self.list_tickets(call),
            ("POST", []) => {
                let id = self.create_ticket(&call.body)?;
                Ok(Answer::created(self.ticket_shown(self.record(Kind::Ticket, id)?, &[], false), format!("{}/{id}", call.address)))
            }
            ("POST", [bulk @ ("bulk_update" | "bulk_delete")]) => self.bulk_tickets(call, *bulk == "bulk_delete"),
            ("PUT", ["merge"]) => self.merge_tickets(&call.body),
            ("GET", ["archived", id]) => {
                let record = self.record(Kind::Ticket, number(id)?).ok().filter(|record| record.archived).ok_or_else(Refusal::missing)?;
                let mut shown = self.ticket_shown(record, &["stats", "requester"], false);
                shown["archived"] = json!(true);
                Ok(Answer::ok(shown))
            }
            ("GET", [id]) => {
                let record = self.record(Kind::Ticket, number(id)?).ok().filter(|record| !record.archived).ok_or_else(Refusal::missing)?;
                Ok(Answer::ok(self.ticket_shown(record, &call.includes(), false)))
            }
            ("PUT", [id]) => {
                let id = number(id)?;
                self.update_ticket(id, &call.body)?;
                Ok(Answer::ok(self.ticket_shown(self.record(Kind::Ticket, id)?, &[], false)))
            }
            ("DELETE", [id]) => self.set_aside(number(id)?, true, false).map(|()| Answer::nothing()),
            ("PUT", [id, "restore"]) => self.set_aside(number(id)?, false, false).map(|()| Answer::nothing()),
            (_, [id, "conversations" | "reply" | "notes"]) => {
                let id = number(id)?;
                self.conversation_routes(call, id, rest[1])
            }
            (method, [] | [_]) => Err(Refusal::method(method, if rest.is_empty() { "GET, POST" } else { "GET, PUT, DELETE" })),
            _ => Err(Refusal::missing()),
        }
    }

    /// Closes tickets whose matter goes on in another one.
    fn merge_tickets(&mut self, body: &Map<String, Value>) -> Outcome {
        let id = body.get("primary_id").and_then(Value::as_u64).ok_or_else(|| Refusal::flaw(Flaw::missing("primary_id")))?;
        self.record(Kind::Ticket, id)?;
        let others: Vec<u64> = body.get("ticket_ids").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64).collect();
        for other in others {
            self.update_ticket(other, &[("status".to_owned(), json!(CLOSED))].into_iter().collect())?;
        }
        Ok(Answer::nothing())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_a_block_and_comes_back() {
        assert_eq!(html("hello"), "<div>hello</div>");
        assert_eq!(plain("<div>[ ] one<br>[ ] two &amp; three</div>"), "[ ] one\n[ ] two & three");
        assert_eq!(label("status", 6), "Waiting on Customer");
    }
}
