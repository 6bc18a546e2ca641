//! Event webhooks: which events a committed change makes, and how their bodies look.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::changes::{Change, Name};
use super::moment::iso;
use super::record::{Kind, Record, object};
use super::state::{Action, State};
use super::users::User;

/// The account's number in event bodies and headers.
pub(crate) const ACCOUNT_ID: u64 = 18_525_119;
/// Version of the event schema.
const EVENT_VERSION: &str = "2022-11-06";
/// Characters of a long text that an event carries before it is cut.
const TEXT_MAX: usize = 2_000;

/// Event bodies: pretty-printed with three spaces, and a line end.
pub(crate) fn pretty(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"   ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
    if value.serialize(&mut serializer).is_err() {
        out = value.to_string().into_bytes();
    }
    out.push(b'\n');
    out
}

fn text_id(id: Option<u64>) -> Value {
    Value::String(id.unwrap_or_default().to_string())
}

fn text(record: &Record, name: &str) -> Value {
    json!(record.text(name).unwrap_or_default())
}

fn upper(value: &Value) -> Value {
    value.as_str().map_or(Value::Null, |text| Value::String(text.to_uppercase()))
}

/// Ids in events are text; absent ones `"0"`.
fn id_text(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.to_string()),
        Value::Array(items) => json!(items.iter().map(ToString::to_string).collect::<Vec<_>>()),
        _ => json!("0"),
    }
}

fn plain(value: &Value) -> Value {
    match value {
        Value::Null => json!(""),
        other => other.clone(),
    }
}

fn tags_event(kind: Kind, change: &Change) -> Value {
    let set =
        |value: &Value| -> Vec<String> { value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect() };
    let (now, before) = (set(&change.current), set(&change.previous));
    let added: Vec<&String> = now.iter().filter(|tag| !before.contains(tag)).collect();
    let removed: Vec<&String> = before.iter().filter(|tag| !now.contains(tag)).collect();
    match kind {
        Kind::Ticket => json!({"tags_added": added, "tags_removed": removed}),
        _ => json!({"added": {"tags": added}, "removed": {"tags": removed}}),
    }
}

fn field_event(change: &Change) -> Value {
    let Name::Field { id, key, title, ty, .. } = &change.name else { return json!({}) };
    json!({
        "current": change.current, "previous": change.previous,
        "field": {"id": id.to_string(), "key": key, "title": title, "type": ty},
    })
}

impl State {
    fn wanted(&self, ty: &str) -> bool {
        self.webhooks.iter().any(|webhook| webhook.wants(ty))
    }

    /// Sends one event to every webhook that subscribed to it.
    fn emit(&mut self, kind: Kind, id: u64, ty: &str, event: Value, detail: &Value) {
        let ty = format!("zen:event-type:{ty}");
        if !self.wanted(&ty) {
            return;
        }
        let body = json!({
            "account_id": ACCOUNT_ID,
            "detail": detail,
            "event": event,
            "id": self.uuid(),
            "subject": format!("zen:{}:{id}", kind.singular()),
            "time": iso(self.now()),
            "type": ty,
            "zendesk_event_version": EVENT_VERSION,
        });
        let bytes = pretty(&body);
        for at in 0..self.webhooks.len() {
            if self.webhooks[at].wants(&ty) {
                self.send(at, bytes.clone());
            }
        }
    }

    fn user_detail(user: &User) -> Value {
        let gone = user.rec.deleted.is_some();
        json!({
            "created_at": iso(user.rec.created),
            "default_group_id": text_id(user.rec.id_of("default_group_id")),
            "email": if gone { "" } else { user.email().unwrap_or_default() },
            "external_id": if gone { "" } else { user.rec.text("external_id").unwrap_or_default() },
            "id": user.rec.id.to_string(),
            "organization_id": text_id(user.rec.id_of("organization_id").filter(|_| !gone)),
            "role": user.role(),
            "updated_at": iso(user.rec.updated),
        })
    }

    pub(crate) fn user_events(&mut self, before: Option<&User>, after: &User, changes: &[Change], action: Action) {
        if self.webhooks.is_empty() {
            return;
        }
        let (id, detail) = (after.rec.id, Self::user_detail(after));
        match action {
            Action::Created => return self.emit(Kind::User, id, "user.created", json!({}), &detail),
            Action::Deleted => return self.emit(Kind::User, id, "user.deleted", json!({}), &detail),
            Action::Merged => {
                let event = json!({"user": {"id": text_id(after.merged_into)}});
                return self.emit(Kind::User, id, "user.merged", event, &detail);
            }
            Action::Updated => {}
        }
        for change in changes {
            let (ty, event) = match &change.name {
                Name::Field { .. } => ("user.custom_field_changed", field_event(change)),
                Name::Attribute("tags") => ("user.tags_changed", tags_event(Kind::User, change)),
                Name::Attribute(name) => {
                    let ty = match *name {
                        "name" => "user.name_changed",
                        "alias" => "user.alias_changed",
                        "details" => "user.details_changed",
                        "notes" => "user.notes_changed",
                        "external_id" => "user.external_id_changed",
                        "role" => "user.role_changed",
                        "suspended" => "user.suspended_changed",
                        "time_zone" => "user.time_zone_changed",
                        "default_group_id" => "user.default_group_changed",
                        "last_login_at" => "user.last_login_changed",
                        "only_private_comments" => "user.only_private_comments_changed",
                        "photo" => "user.photo_changed",
                        "active" => "user.active_changed",
                        // E-mails have events of their own; phone and default organization have none.
                        _ => continue,
                    };
                    let shown: fn(&Value) -> Value = if *name == "default_group_id" { id_text } else { plain };
                    (ty, json!({"current": shown(&change.current), "previous": shown(&change.previous)}))
                }
            };
            self.emit(Kind::User, id, ty, event, &detail);
        }
        self.identity_events(before, after, &detail);
    }

    fn identity_events(&mut self, before: Option<&User>, after: &User, detail: &Value) {
        let Some(before) = before else { return };
        if before.identities == after.identities {
            return;
        }
        let shown = |identity: &super::users::Identity| {
            json!({"identity": {
                "id": identity.id.to_string(), "type": identity.ty, "value": identity.value,
                "primary": identity.primary, "verified": identity.verified,
            }})
        };
        for identity in &after.identities {
            match before.identities.iter().find(|old| old.id == identity.id) {
                None => self.emit(Kind::User, after.rec.id, "user.identity_created", shown(identity), detail),
                Some(old) if old != identity => {
                    self.emit(Kind::User, after.rec.id, "user.identity_changed", shown(identity), detail);
                }
                Some(_) => {}
            }
        }
        for old in before.identities.iter().filter(|old| !after.identities.iter().any(|identity| identity.id == old.id)) {
            self.emit(Kind::User, after.rec.id, "user.identity_deleted", shown(old), detail);
        }
    }

    /// A membership came or went.
    pub(crate) fn membership_event(&mut self, user: u64, organization: u64, made: bool) {
        if self.webhooks.is_empty() {
            return;
        }
        let Some(detail) = self.users.get(&user).map(Self::user_detail) else { return };
        let ty = if made { "user.organization_membership_created" } else { "user.organization_membership_deleted" };
        self.emit(Kind::User, user, ty, json!({"organization": {"id": organization.to_string()}}), &detail);
    }

    pub(crate) fn organization_events(&mut self, after: &Record, changes: &[Change], action: Action) {
        if self.webhooks.is_empty() {
            return;
        }
        let detail = json!({
            "created_at": iso(after.created),
            "external_id": text(after, "external_id"),
            "group_id": text_id(after.id_of("group_id")),
            "id": after.id.to_string(),
            "name": text(after, "name"),
            "shared_comments": after.flag("shared_comments"),
            "shared_tickets": after.flag("shared_tickets"),
            "updated_at": iso(after.updated),
        });
        match action {
            Action::Created => return self.emit(Kind::Organization, after.id, "organization.created", json!({}), &detail),
            Action::Deleted | Action::Merged => {
                return self.emit(Kind::Organization, after.id, "organization.deleted", json!({}), &detail);
            }
            Action::Updated => {}
        }
        for change in changes {
            let (ty, event) = match &change.name {
                Name::Field { .. } => ("organization.custom_field_changed", field_event(change)),
                Name::Attribute("tags") => ("organization.tags_changed", tags_event(Kind::Organization, change)),
                Name::Attribute("name") => {
                    ("organization.name_changed", json!({"current": plain(&change.current), "previous": plain(&change.previous)}))
                }
                Name::Attribute("external_id") => {
                    ("organization.external_id_changed", json!({"current": plain(&change.current), "previous": plain(&change.previous)}))
                }
                Name::Attribute(_) => continue,
            };
            self.emit(Kind::Organization, after.id, ty, event, &detail);
        }
    }

    fn ticket_detail(&self, ticket: &Record, by: u64) -> Value {
        let via = self.tickets.get(&ticket.id).map_or(json!("api"), |stored| stored.via["channel"].clone());
        json!({
            "actor_id": by.to_string(),
            "assignee_id": text_id(ticket.id_of("assignee_id")),
            "brand_id": text_id(ticket.id_of("brand_id")),
            "created_at": iso(ticket.created),
            "custom_status": text_id(ticket.id_of("custom_status_id")),
            "description": cut(ticket.text("description").unwrap_or_default()),
            "external_id": text(ticket, "external_id"),
            "form_id": text_id(ticket.id_of("ticket_form_id")),
            "group_id": text_id(ticket.id_of("group_id")),
            "id": ticket.id.to_string(),
            "is_public": !matches!(ticket.get("is_public"), super::record::Val::Bool(false)),
            "organization_id": text_id(ticket.id_of("organization_id")),
            "priority": ticket.text("priority").unwrap_or_default().to_uppercase(),
            "requester_id": text_id(ticket.id_of("requester_id")),
            "status": ticket.text("status").unwrap_or("new").to_uppercase(),
            "subject": text(ticket, "subject"),
            "submitter_id": text_id(ticket.id_of("submitter_id")),
            "tags": ticket.tags_json(),
            "type": ticket.text("type").unwrap_or_default().to_uppercase(),
            "updated_at": iso(ticket.updated),
            "via": {"channel": via},
        })
    }

    pub(crate) fn ticket_events(&mut self, before: Option<&Record>, after: &Record, changes: &[Change], action: Action, by: u64) {
        if self.webhooks.is_empty() {
            return;
        }
        let mut events: Vec<(&str, Value)> = Vec::new();
        match action {
            Action::Created => events.push(("ticket.created", json!({}))),
            Action::Deleted | Action::Merged => events.push(("ticket.soft_deleted", json!({}))),
            Action::Updated if before.is_some_and(|old| old.deleted.is_some()) && after.deleted.is_none() => {
                events.push(("ticket.undeleted", json!({})));
            }
            Action::Updated => events.extend(changes.iter().filter_map(ticket_event)),
        }
        let detail = self.ticket_detail(after, by);
        let (sequence, total) = (self.hex(32).to_uppercase(), events.len());
        for (position, (ty, mut event)) in events.into_iter().enumerate() {
            event["meta"] = json!({"sequence": {"id": sequence, "position": position + 1, "total": total}});
            self.emit(Kind::Ticket, after.id, ty, event, &detail);
        }
    }

    /// An event about a ticket that no attribute shows: comments, merges, privacy.
    pub(crate) fn ticket_event(&mut self, id: u64, ty: &str, event: Map<String, Value>, by: u64) {
        if self.webhooks.is_empty() {
            return;
        }
        let Some(record) = self.tickets.get(&id).map(|ticket| ticket.rec.clone()) else { return };
        let detail = self.ticket_detail(&record, by);
        let mut event = Value::Object(event);
        event["meta"] = json!({"sequence": {"id": self.hex(32).to_uppercase(), "position": 1, "total": 1}});
        self.emit(Kind::Ticket, id, ty, event, &detail);
    }

    /// `ticket.comment_added`.
    pub(crate) fn comment_event(&mut self, ticket: u64, comment: u64, author: u64, body: &str, public: bool, by: u64) {
        let staff = self.role(author) != "end-user";
        let name = self.users.get(&author).and_then(|user| user.rec.text("name")).unwrap_or_default().to_owned();
        let mut event = object();
        let mut shown = json!({
            "id": comment.to_string(), "body": cut(body), "is_public": public,
            "author": {"id": author.to_string(), "is_staff": staff, "name": name},
        });
        if body.chars().count() > TEXT_MAX {
            shown["is_truncated"] = json!(true);
        }
        event.insert("comment".to_owned(), shown);
        self.ticket_event(ticket, "ticket.comment_added", event, by);
    }
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}

fn ticket_event(change: &Change) -> Option<(&'static str, Value)> {
    let name = match &change.name {
        Name::Field { .. } => return Some(("ticket.custom_field_changed", field_event(change))),
        Name::Attribute("tags") => return Some(("ticket.tags_changed", tags_event(Kind::Ticket, change))),
        Name::Attribute(name) => *name,
    };
    let (ty, shown): (&str, fn(&Value) -> Value) = match name {
        "status" => ("ticket.status_changed", upper),
        "priority" => ("ticket.priority_changed", upper),
        "type" => ("ticket.type_changed", upper),
        "subject" => ("ticket.subject_changed", plain),
        "description" => ("ticket.description_changed", plain),
        "external_id" => ("ticket.external_id_changed", plain),
        "due_at" => ("ticket.task_due_at_changed", plain),
        "custom_status_id" => ("ticket.custom_status_changed", id_text),
        "assignee_id" => ("ticket.agent_assignment_changed", id_text),
        "group_id" => ("ticket.group_assignment_changed", id_text),
        "organization_id" => ("ticket.organization_changed", id_text),
        "requester_id" => ("ticket.requester_changed", id_text),
        "submitter_id" => ("ticket.submitter_changed", id_text),
        "brand_id" => ("ticket.brand_changed", id_text),
        "ticket_form_id" => ("ticket.form_changed", id_text),
        "problem_id" => ("ticket.problem_link_changed", id_text),
        "email_cc_ids" => ("ticket.email_ccs_changed", id_text),
        "follower_ids" => ("ticket.followers_changed", id_text),
        _ => return None,
    };
    Some((ty, json!({"current": shown(&change.current), "previous": shown(&change.previous)})))
}
