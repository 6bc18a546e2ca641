//! Tickets. Their `id` is of the space of conversations; `ticket_id` is the number that people read.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::known_by::present;
use super::parts::{Author, Part};
use super::refusal::{Answer, Outcome, Refusal};
use super::state::{Kind, Record, State};
use super::text::{id, seconds, shown_map};
use super::ticket_types::{STATES, state_shown};

impl State {
    /// A ticket as views and lists show it.
    pub(crate) fn ticket_shown(&self, record: &Record, version: u16, parts: bool) -> Value {
        let ty = self.ticket_types.iter().find(|ty| Some(ty.id.as_str()) == record.text("ticket_type_id"));
        // Before 2.16 these ids are texts; zero stands for nobody.
        let number = |name: &str| {
            let id = record.text(name).unwrap_or("0");
            if version >= 16 { json!(id.parse::<u64>().unwrap_or_default()) } else { json!(id) }
        };
        let state = record.text("ticket_state").unwrap_or("submitted");
        let shown_state = state_shown(state);
        let mut shown = json!({
            "type": "ticket", "id": record.id, "ticket_id": record.text("ticket_id"), "category": ty.map(|ty| ty.category.clone()),
            "ticket_attributes": shown_map(&record.custom), "ticket_type": ty.map(super::ticket_types::TicketType::shown),
            "contacts": {"type": "contact.list", "contacts": self.contacts_shown(record)},
            "admin_assignee_id": number("admin_assignee_id"), "team_assignee_id": number("team_assignee_id"),
            "created_at": seconds(record.created_ms), "updated_at": seconds(record.updated_ms),
            "open": record.values.get("open").and_then(Value::as_bool).unwrap_or(true),
            "linked_objects": {"type": "list", "data": [], "total_count": 0, "has_more": false},
            "is_shared": record.values.get("is_shared").and_then(Value::as_bool).unwrap_or(false),
            "previous_ticket_state_id": record.values.get("previous_ticket_state_id").cloned().unwrap_or(Value::Null),
        });
        if let Some(until) = record.values.get("snoozed_until").filter(|until| !until.is_null()) {
            shown["snoozed_until"] = until.clone();
        }
        if version <= 11 {
            // Old versions show the state as a text with labels beside it.
            shown["ticket_state"] = json!(state);
            shown["ticket_state_internal_label"] = shown_state["internal_label"].clone();
            shown["ticket_state_external_label"] = shown_state["external_label"].clone();
        } else {
            shown["ticket_state"] = shown_state;
        }
        if parts {
            shown["ticket_parts"] = self.parts_shown(Kind::Ticket, &record.parts, false);
        }
        shown
    }

    /// Attributes of a ticket, checked against its type.
    fn ticket_attributes(&self, ty: &str, given: Option<&Value>) -> Result<Map<String, Value>, Refusal> {
        let Some(given) = given.filter(|given| !given.is_null()) else { return Ok(Map::new()) };
        let given = given.as_object().ok_or_else(|| Refusal::parameter("ticket_attributes", "ticket_attributes must be an object"))?;
        let ty = self.ticket_types.iter().find(|known| known.id == ty);
        for name in given.keys() {
            if !ty.is_some_and(|ty| ty.attributes.iter().any(|known| known.name == *name)) {
                return Err(Refusal::parameter(name, format!("Ticket attribute '{name}' does not exist for this ticket type")));
            }
        }
        Ok(given.clone())
    }

    /// The contact that a ticket is made for: by id, by external id, or by an address, which makes one if there is none.
    fn ticket_contact(&mut self, given: &Value) -> Result<String, Refusal> {
        if let Some(id) = id(given.get("id")) {
            return self.contact(&id, 0).map(|contact| contact.id.clone());
        }
        let named = |name: &str| given[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let (external, email) = (named("external_id"), named("email").map(|email| email.to_lowercase()));
        let wanted = [("external_id", &external), ("email", &email)].into_iter();
        let wanted: Map<String, Value> = wanted.filter_map(|(name, text)| Some((name.to_owned(), json!(text.as_ref()?)))).collect();
        let found = present(self.sharing(&wanted));
        match (found, email) {
            (Some(contact), _) => Ok(contact.id.clone()),
            (None, Some(email)) => self.create_contact(&Map::from_iter([("email".to_owned(), json!(email))])),
            (None, None) => Err(Refusal::missing(Kind::Contact)),
        }
    }

    /// Makes a ticket.
    pub(crate) fn create_ticket(&mut self, body: &Map<String, Value>) -> Result<String, Refusal> {
        let ty = id(body.get("ticket_type_id")).ok_or_else(|| Refusal::absent("ticket_type_id"))?;
        if !self.ticket_types.iter().any(|known| known.id == ty) {
            return Err(Refusal::new(404, "not_found", "Ticket type not found"));
        }
        let given =
            body.get("contacts").and_then(Value::as_array).filter(|list| !list.is_empty()).ok_or_else(|| Refusal::absent("contacts"))?;
        let custom = self.ticket_attributes(&ty, body.get("ticket_attributes"))?;
        if let Some(company) = id(body.get("company_id")) {
            self.record(Kind::Company, &company)?;
        }
        let contacts = given.iter().map(|contact| self.ticket_contact(contact)).collect::<Result<Vec<_>, _>>()?;
        let id = self.conversation_id();
        self.put_ticket(&id, &ty, custom, contacts, body);
        self.tell("ticket.created", Kind::Ticket, &id);
        Ok(id)
    }

    fn put_ticket(&mut self, id: &str, ty: &str, custom: Map<String, Value>, contacts: Vec<String>, body: &Map<String, Value>) {
        let number = self.ticket_number();
        let mut values = Map::from_iter([
            ("ticket_type_id".to_owned(), json!(ty)),
            ("ticket_id".to_owned(), json!(number)),
            ("ticket_state".to_owned(), json!("submitted")),
            ("open".to_owned(), json!(true)),
        ]);
        let company = super::text::id(body.get("company_id"));
        values.extend(company.map(|company| ("company_id".to_owned(), json!(company))));
        let assignee = body.get("assignment").and_then(|assignment| super::text::id(assignment.get("admin_assignee_id")));
        values.extend(assignee.map(|admin| ("admin_assignee_id".to_owned(), json!(admin))));
        let (part, us, now) = (self.small_id(), self.us(), self.now_ms);
        self.insert(Kind::Ticket, id, values, custom);
        if let Some(record) = self.records[Kind::Ticket.index()].get_mut(id) {
            record.contacts = contacts;
            record.created_ms = body.get("created_at").and_then(Value::as_i64).map_or(record.created_ms, |at| at * 1000);
            let author = Author { ty: "admin", id: us };
            record.parts.push(Part::new(part, "ticket_state_updated_by_admin", None, author, now).moved("submitted", "submitted"));
        }
    }

    /// Makes a conversation a ticket, under the same id.
    pub(crate) fn convert(&mut self, of: &str, body: &Map<String, Value>) -> Result<String, Refusal> {
        let contacts = self.record(Kind::Conversation, of)?.contacts.clone();
        let ty = id(body.get("ticket_type_id")).ok_or_else(|| Refusal::absent("ticket_type_id"))?;
        let custom = self.ticket_attributes(&ty, body.get("attributes").or(body.get("ticket_attributes")))?;
        self.put_ticket(of, &ty, custom, contacts, &Map::new());
        self.touch(Kind::Conversation, of);
        self.tell("ticket.created", Kind::Ticket, of);
        Ok(of.to_owned())
    }

    /// Changes a ticket: attributes, state, assignee.
    pub(crate) fn update_ticket(&mut self, of: &str, body: &Map<String, Value>) -> Result<(), Refusal> {
        let held = self.record(Kind::Ticket, of)?;
        let (ty, was) =
            (held.text("ticket_type_id").unwrap_or_default().to_owned(), held.text("ticket_state").unwrap_or_default().to_owned());
        let custom = self.ticket_attributes(&ty, body.get("ticket_attributes"))?;
        let mut values = Map::new();
        for name in ["open", "is_shared", "snoozed_until"] {
            values.extend(body.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        values.extend(self.company_given(body)?);
        let state = match id(body.get("ticket_state_id")) {
            None => None,
            Some(wanted) => {
                let known = STATES.iter().find(|(id, ..)| *id == wanted);
                let (_, category, _) = known.ok_or_else(|| Refusal::new(400, "ticket_state_id_invalid", "Ticket state is not valid"))?;
                Some(*category).filter(|category| *category != was)
            }
        };
        if let Some(assignee) = id(body.get("assignee_id")) {
            let team = self.teams.iter().any(|team| team.id == assignee);
            if !team && assignee != "0" && !self.admins.iter().any(|admin| admin.id == assignee) {
                return Err(Refusal::new(404, "assignee_not_found", "Assignee not found"));
            }
            values.insert(if team { "team_assignee_id" } else { "admin_assignee_id" }.to_owned(), json!(assignee));
        }
        let attributes_change = !custom.is_empty();
        let changed = self.change(Kind::Ticket, of, values, custom);
        if let Some(state) = state {
            let (part, us, now) = (self.small_id(), self.us(), self.now_ms);
            let part = Part::new(part, "ticket_state_updated_by_admin", None, Author { ty: "admin", id: us }, now).moved(&was, state);
            self.add_part(Kind::Ticket, of, part);
            if let Some(record) = self.records[Kind::Ticket.index()].get_mut(of) {
                let before = STATES.iter().find(|(_, category, _)| *category == was).map(|(id, ..)| json!(id));
                record.values.insert("ticket_state".to_owned(), json!(state));
                record.values.insert("previous_ticket_state_id".to_owned(), before.unwrap_or_default());
                record.values.insert("open".to_owned(), json!(state != "resolved"));
            }
            self.tell(if state == "resolved" { "ticket.closed" } else { "ticket.state.updated" }, Kind::Ticket, of);
        } else if changed && attributes_change {
            self.tell("ticket.attribute.updated", Kind::Ticket, of);
        } else if changed {
            self.tell("ticket.admin.assigned", Kind::Ticket, of);
        }
        Ok(())
    }

    /// Deletes a ticket.
    pub(crate) fn delete_ticket(&mut self, of: &str) -> Result<Value, Refusal> {
        self.record(Kind::Ticket, of)?;
        self.records[Kind::Ticket.index()].remove(of);
        Ok(json!({"id": of, "object": "ticket", "deleted": true}))
    }

    /// `/tickets/…`.
    pub(crate) fn ticket_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        let shown = |state: &Self, id: &str| Ok(Answer::ok(state.ticket_shown(state.record(Kind::Ticket, id)?, call.version, true)));
        match (call.method.as_str(), rest) {
            ("POST", []) => {
                let id = self.create_ticket(&call.body)?;
                shown(self, &id)
            }
            ("POST", ["search"]) => self.search(call, Kind::Ticket),
            ("POST", ["enqueue"]) => {
                let made = self.create_ticket(&call.body);
                let id = self.small_id();
                let mut job = json!({
                    "type": "job", "id": id, "status": if made.is_ok() { "success" } else { "failed" }, "url": format!("{}/jobs/status/{id}", call.origin),
                    "resource_type": "ticket",
                });
                if let Ok(ticket) = made {
                    job["resource_id"] = json!(ticket);
                    job["resource_url"] = json!(format!("{}/tickets/{ticket}", call.origin));
                }
                self.jobs.insert(id, job.clone());
                job["status"] = json!("pending");
                Ok(Answer::ok(job))
            }
            ("GET", [id]) => shown(self, id),
            ("PUT", [id]) => {
                self.update_ticket(id, &call.body)?;
                shown(self, id)
            }
            ("DELETE", [id]) => self.delete_ticket(id).map(Answer::ok),
            ("POST", [id, "reply"]) => {
                self.record(Kind::Ticket, id)?;
                let part = self.reply(Kind::Ticket, id, &call.body)?;
                let record = self.record(Kind::Ticket, id)?;
                let part = record.parts.iter().find(|held| held.id == part).ok_or_else(Refusal::nothing)?;
                Ok(Answer::ok(self.part_shown(Kind::Ticket, part, false)))
            }
            (_, [id, "tags", rest @ ..]) => self.tagged_routes(call, Kind::Ticket, id, rest),
            _ => Err(Refusal::nothing()),
        }
    }

    /// `GET /jobs/status/{id}`.
    pub(crate) fn job(&self, id: &str) -> Outcome {
        self.jobs.get(id).cloned().map(Answer::ok).ok_or_else(|| Refusal::new(404, "job_not_found", "Job not found"))
    }
}
