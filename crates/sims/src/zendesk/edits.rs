//! Changes that people of the account make themselves, past the API.

use serde_json::{Map, Value, json};

use super::attributes::ROLES;
use super::fields::{FieldOption, FieldSpec};
use super::record::Kind;
use super::refusal::{Refusal, Warned};
use super::{Agent, Zendesk};

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// A write by hand must not contain keys that the vendor would silently drop: that is a mistake of the caller.
fn strict(result: Result<u64, Refusal>, warned: &Warned) -> Result<u64, Refusal> {
    let id = result?;
    match warned.header("edits", "write") {
        None => Ok(id),
        Some(text) => Err(Refusal::plain(422, "UnknownAttribute", &text)),
    }
}

impl Zendesk {
    /// Creates a user from API attributes, as the person `by`.
    ///
    /// # Errors
    /// What the API would answer; `UnknownAttribute` (after the write) for keys that it would ignore.
    pub fn create_user(&self, fields: &Map<String, Value>, by: u64) -> Result<u64, Refusal> {
        let mut warned = Warned::default();
        strict(self.with(|state| state.save_user(None, fields, by, &mut warned)), &warned)
    }

    /// Changes a user, as the person `by`.
    ///
    /// # Errors
    /// As [`Zendesk::create_user`]; 404 when there is no such active user.
    pub fn update_user(&self, id: u64, fields: &Map<String, Value>, by: u64) -> Result<u64, Refusal> {
        let mut warned = Warned::default();
        strict(self.with(|state| state.save_user(Some(id), fields, by, &mut warned)), &warned)
    }

    /// Deletes a user softly.
    ///
    /// # Errors
    /// 422 while the user requests tickets that are not closed.
    pub fn delete_user(&self, id: u64, by: u64) -> Result<(), Refusal> {
        self.with(|state| state.delete_user(id, by))
    }

    /// Erases a deleted user for good.
    ///
    /// # Errors
    /// 404 unless the user was deleted before.
    pub fn erase_user(&self, id: u64, by: u64) -> Result<(), Refusal> {
        self.with(|state| state.erase_user(id, by))
    }

    /// Merges end user `loser` into end user `winner`.
    ///
    /// # Errors
    /// 422 unless both are different end users.
    pub fn merge_users(&self, loser: u64, winner: u64, by: u64) -> Result<(), Refusal> {
        self.with(|state| state.merge_users(loser, winner, by))
    }

    /// Makes an e-mail address the primary one of a user, adding it when it is new.
    ///
    /// # Errors
    /// 422 when the address is malformed or another user's.
    pub fn set_primary_email(&self, id: u64, email: &str, by: u64) -> Result<(), Refusal> {
        self.with(|state| {
            let mut user = state.live_user(id).cloned().ok_or_else(Refusal::missing)?;
            let email = email.trim().to_lowercase();
            let now = state.now();
            if !user.identities.iter().any(|identity| *identity.value == *email) {
                state.check_identity(&user, "email", &email)?;
                let made = state.next_id();
                user.add_identity(made, "email", &email, true, now);
            }
            if let Some(chosen) = user.identities.iter().find(|identity| *identity.value == *email).map(|identity| identity.id) {
                super::identities::promote(&mut user, chosen, now);
            }
            state.commit_user(user, super::state::Touch::Person, by);
            Ok(())
        })
    }

    /// Creates an organization, as the person `by`.
    ///
    /// # Errors
    /// What the API would answer.
    pub fn create_organization(&self, fields: &Map<String, Value>, by: u64) -> Result<u64, Refusal> {
        let mut warned = Warned::default();
        strict(self.with(|state| state.save_organization(None, fields, by, &mut warned)), &warned)
    }

    /// Changes an organization.
    ///
    /// # Errors
    /// What the API would answer.
    pub fn update_organization(&self, id: u64, fields: &Map<String, Value>, by: u64) -> Result<u64, Refusal> {
        let mut warned = Warned::default();
        strict(self.with(|state| state.save_organization(Some(id), fields, by, &mut warned)), &warned)
    }

    /// Deletes an organization: it vanishes from lists and exports at once.
    ///
    /// # Errors
    /// 404 when there is none.
    pub fn delete_organization(&self, id: u64, by: u64) -> Result<(), Refusal> {
        self.with(|state| state.delete_organization(id, by))
    }

    /// Starts merging an organization into another; done after the profile's job time.
    ///
    /// # Errors
    /// 404 or 422 unless both exist and differ.
    pub fn merge_organizations(&self, loser: u64, winner: u64, by: u64) -> Result<(), Refusal> {
        self.with(|state| {
            state.start_organization_merge(loser, winner, by)?;
            state.run_due_merges();
            Ok(())
        })
    }

    /// Creates a ticket.
    ///
    /// # Errors
    /// What the API would answer.
    pub fn create_ticket(&self, fields: &Map<String, Value>, by: u64) -> Result<u64, Refusal> {
        let mut warned = Warned::default();
        strict(self.with(|state| state.create_ticket(fields, by, &mut warned, None)), &warned)
    }

    /// Changes a ticket.
    ///
    /// # Errors
    /// What the API would answer.
    pub fn update_ticket(&self, id: u64, fields: &Map<String, Value>, by: u64) -> Result<u64, Refusal> {
        let mut warned = Warned::default();
        strict(self.with(|state| state.update_ticket(id, fields, by, &mut warned).map(|_| id)), &warned)
    }

    /// Comments on a ticket, as its author; returns the comment's id.
    ///
    /// # Errors
    /// What the API would answer.
    pub fn add_comment(&self, ticket: u64, body: &str, public: bool, by: u64) -> Result<u64, Refusal> {
        let fields = map(json!({"comment": {"body": body, "public": public}}));
        self.with(|state| {
            state.update_ticket(ticket, &fields, by, &mut Warned::default())?;
            let comment = state.tickets.get(&ticket).and_then(|ticket| ticket.comments.last()).map(|comment| comment.id);
            comment.ok_or_else(|| Refusal::parameter("comment"))
        })
    }

    /// Puts a call on a ticket, as a telephone system does; returns the comment's id.
    ///
    /// # Errors
    /// What the API would answer.
    pub fn add_call(&self, ticket: u64, call: Value, by: u64) -> Result<u64, Refusal> {
        let fields = map(json!({"voice_comment": call}));
        self.with(|state| {
            state.update_ticket(ticket, &fields, by, &mut Warned::default())?;
            let comment = state.tickets.get(&ticket).and_then(|ticket| ticket.comments.last()).map(|comment| comment.id);
            comment.ok_or_else(|| Refusal::parameter("voice_comment"))
        })
    }

    /// Makes a comment an internal note.
    ///
    /// # Errors
    /// 404 when there is none.
    pub fn hide_comment(&self, ticket: u64, comment: u64, by: u64) -> Result<(), Refusal> {
        self.with(|state| state.hide_comment(ticket, comment, by))
    }

    /// Solves a ticket.
    ///
    /// # Errors
    /// What the API would answer.
    pub fn solve(&self, ticket: u64, by: u64) -> Result<(), Refusal> {
        self.update_ticket(ticket, &map(json!({"status": "solved"})), by).map(drop)
    }

    /// The requester's verdict (`good` or `bad`) on a solved ticket; returns the rating's id.
    ///
    /// # Errors
    /// 422 unless solved; 404 when there is no such ticket.
    pub fn rate(&self, ticket: u64, score: &str, comment: Option<&str>) -> Result<u64, Refusal> {
        self.with(|state| {
            let requester = state.live_ticket(ticket).and_then(|ticket| ticket.rec.id_of("requester_id")).ok_or_else(Refusal::missing)?;
            state.rate_ticket(ticket, score, comment, requester)
        })
    }

    /// Deletes a ticket softly.
    ///
    /// # Errors
    /// 404 when there is none.
    pub fn delete_ticket(&self, id: u64, by: u64) -> Result<(), Refusal> {
        self.with(|state| state.delete_ticket(id, by))
    }

    /// Brings a deleted ticket back.
    ///
    /// # Errors
    /// 404 when none of that number is in the bin.
    pub fn restore_ticket(&self, id: u64, by: u64) -> Result<(), Refusal> {
        self.with(|state| state.restore_ticket(id, by))
    }

    /// Merges tickets into `target`.
    ///
    /// # Errors
    /// 404 or 422 unless all exist, differ and are not closed.
    pub fn merge_tickets(&self, target: u64, sources: &[u64], by: u64) -> Result<(), Refusal> {
        let fields = map(json!({"target": target, "ids": sources}));
        self.with(|state| state.merge_tickets(&fields, by))
    }

    /// A user as the API would show it, deleted ones included.
    #[must_use]
    pub fn user(&self, id: u64) -> Option<Map<String, Value>> {
        self.with(|state| state.users.get(&id).map(|user| map(state.user_json(user))))
    }

    /// An organization as the API would show it.
    #[must_use]
    pub fn organization(&self, id: u64) -> Option<Map<String, Value>> {
        self.with(|state| state.organizations.get(&id).map(|held| map(state.organization_json(held))))
    }

    /// A ticket as the API would show it, deleted ones included.
    #[must_use]
    pub fn ticket(&self, id: u64) -> Option<Map<String, Value>> {
        self.with(|state| state.tickets.get(&id).map(|ticket| map(state.ticket_json(ticket))))
    }

    /// Metrics of a ticket as the API would show them.
    #[must_use]
    pub fn ticket_metrics(&self, id: u64) -> Option<Map<String, Value>> {
        self.with(|state| state.tickets.get(&id).map(|ticket| map(ticket.metrics.shown(state, id))))
    }

    /// Comments of a ticket as the API would show them, oldest first.
    #[must_use]
    pub fn comments(&self, ticket: u64) -> Vec<Map<String, Value>> {
        self.with(|state| {
            let comments = state.tickets.get(&ticket).map(|ticket| ticket.comments.as_slice()).unwrap_or_default();
            comments.iter().map(|comment| map(state.comment_json(comment))).collect()
        })
    }

    /// Audits of a ticket as the API would show them, oldest first.
    #[must_use]
    pub fn audits(&self, ticket: u64) -> Vec<Map<String, Value>> {
        self.with(|state| {
            let audits = state.tickets.get(&ticket).map(|ticket| ticket.audits.as_slice()).unwrap_or_default();
            audits.iter().map(|audit| map(state.audit_json(ticket, audit))).collect()
        })
    }

    /// Visits every user in order of ids, staff and deleted ones included. The account stands still meanwhile.
    pub fn each_user(&self, visit: &mut dyn FnMut(u64, &Map<String, Value>)) {
        self.with(|state| state.users.values().for_each(|user| visit(user.rec.id, &map(state.user_json(user)))));
    }

    /// Visits every organization in order of ids.
    pub fn each_organization(&self, visit: &mut dyn FnMut(u64, &Map<String, Value>)) {
        self.with(|state| state.organizations.values().for_each(|held| visit(held.id, &map(state.organization_json(held)))));
    }

    /// Visits every ticket in order of ids, deleted ones included.
    pub fn each_ticket(&self, visit: &mut dyn FnMut(u64, &Map<String, Value>)) {
        self.with(|state| state.tickets.values().for_each(|ticket| visit(ticket.rec.id, &map(state.ticket_json(ticket)))));
    }

    /// How many records of a kind there are, without deleted ones; users without staff.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        self.with(|state| match kind {
            Kind::User => state.users.values().filter(|user| user.rec.deleted.is_none() && !user.is_staff()).count(),
            Kind::Organization => state.organizations.len(),
            Kind::Ticket => state.tickets.values().filter(|ticket| ticket.rec.deleted.is_none()).count(),
        })
    }

    /// How many rows each background job was given that was handed over from an instant on (milliseconds since 1970), the oldest first.
    #[must_use]
    pub fn job_sizes(&self, since_ms: i64) -> Vec<usize> {
        self.with(|state| state.job_sizes(since_ms))
    }

    /// The account's staff, the API's own administrator first.
    #[must_use]
    pub fn agents(&self) -> Vec<Agent> {
        self.with(|state| {
            let staff = state.users.values().filter(|user| user.rec.deleted.is_none() && user.is_staff());
            staff
                .map(|user| Agent {
                    id: user.rec.id,
                    name: user.rec.text("name").unwrap_or_default().to_owned(),
                    email: user.email().unwrap_or_default().to_owned(),
                    role: ROLES.iter().find(|role| **role == user.role()).copied().unwrap_or("agent").to_owned(),
                })
                .collect()
        })
    }

    /// The account's groups of agents by name, the default one included.
    #[must_use]
    pub fn groups(&self) -> Vec<(String, u64)> {
        self.with(|state| state.groups.iter().map(|(id, (name, _))| (name.clone(), *id)).collect())
    }

    /// Adds a group of agents; returns its id.
    pub fn add_group(&self, name: &str) -> u64 {
        self.with(|state| {
            let (id, now) = (state.next_id(), state.now());
            state.groups.insert(id, (name.to_owned(), now));
            id
        })
    }

    /// Adds a custom field; returns its id.
    ///
    /// # Errors
    /// 422 for an unknown type or a key that is taken.
    pub fn add_field(&self, kind: Kind, spec: FieldSpec) -> Result<u64, Refusal> {
        self.with(|state| state.add_field(kind, spec))
    }

    /// Gives a custom field another title.
    ///
    /// # Errors
    /// 404 when there is none.
    pub fn rename_field(&self, kind: Kind, id: u64, title: &str) -> Result<(), Refusal> {
        self.with(|state| state.rename_field(kind, id, title))
    }

    /// Removes a custom field with all its values.
    ///
    /// # Errors
    /// 404 when there is none, 422 for a built-in one.
    pub fn remove_field(&self, kind: Kind, id: u64) -> Result<(), Refusal> {
        self.with(|state| state.remove_field(kind, id))
    }

    /// Replaces the choices of a custom field.
    ///
    /// # Errors
    /// 404 when there is none, 422 when it has no choices.
    pub fn set_field_options(&self, kind: Kind, id: u64, options: Vec<FieldOption>) -> Result<(), Refusal> {
        self.with(|state| state.set_field_options(kind, id, options))
    }

    /// Subscribes an address to events; returns the webhook's id and its signing secret.
    ///
    /// # Errors
    /// 400 for an address or a subscription that the vendor would refuse.
    pub fn subscribe(&self, url: &str, subscriptions: &[&str]) -> Result<(String, String), Refusal> {
        let fields = map(json!({"name": "Subscription", "endpoint": url, "subscriptions": subscriptions}));
        self.with(|state| {
            let admin = state.admin;
            let at = state.add_webhook(&fields, admin)?;
            Ok((state.webhooks[at].id.clone(), state.webhooks[at].secret.clone()))
        })
    }

    /// Notes what a receiver answered to a delivery, for `/webhooks/{id}/invocations`; `None` when it did not answer in time. The
    /// invocation is named by the header `X-Zendesk-Webhook-Invocation-Id`. False when it is not known any more.
    pub fn note_attempt(&self, invocation: &str, status: Option<u16>, response: &str) -> bool {
        self.with(|state| state.note_attempt(invocation, status, response))
    }

    /// Raises `generated_timestamp` of records without changing them, as the vendor's own background updates do. Returns how many.
    pub fn system_update(&self, kind: Kind, ids: &[u64]) -> usize {
        self.with(|state| ids.iter().filter(|id| state.system_touch(kind, **id)).count())
    }
}
