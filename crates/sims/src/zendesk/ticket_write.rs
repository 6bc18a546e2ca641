//! Writing tickets: creation, updates, imports, deletion, merging, ratings.

use serde_json::{Map, Value, json};

use super::attributes::{TICKET, TICKET_EXTRA};
use super::changes::{Change, Name};
use super::fields;
use super::metrics::Spoke;
use super::moment;
use super::record::{Kind, Record, Val, attribute, coerce, id_in};
use super::refusal::{Problems, Refusal, Warned};
use super::state::{State, Touch};
use super::tickets::{
    Audit, CLOSE_AFTER_SECONDS, Comment, MetricEvent, Metrics, Ticket, custom_status, set_status, status_of, text_of_html, via,
};

/// A comment about to be written.
#[derive(Debug)]
pub(crate) struct NewComment {
    pub(crate) author: u64,
    pub(crate) body: String,
    pub(crate) public: bool,
    pub(crate) attachments: Vec<Value>,
    /// What is known of the call, in a comment about one.
    pub(crate) call: Option<Box<Value>>,
}

const MISSING_COMMENT: &str = "Description: cannot be blank";

/// A value as audits spell it: text, or a list of texts.
fn audit_text(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::String(_) => value.clone(),
        Value::Array(items) => Value::Array(items.iter().map(audit_text).collect()),
        other => Value::String(other.to_string()),
    }
}

impl State {
    fn audit_events(&mut self, changes: &[Change], fresh: bool) -> Vec<Value> {
        changes
            .iter()
            .map(|change| {
                let name = match &change.name {
                    Name::Attribute(name) => (*name).to_owned(),
                    Name::Field { id, .. } => id.to_string(),
                };
                let mut event = json!({
                    "id": self.next_id(), "type": if fresh { "Create" } else { "Change" }, "field_name": name, "value": audit_text(&change.current),
                });
                if !fresh {
                    event["previous_value"] = audit_text(&change.previous);
                }
                event
            })
            .collect()
    }

    /// Commits a ticket with its audit. Returns the audit's id, none when nothing changed.
    pub(crate) fn commit_audited(&mut self, after: Record, comment: Option<NewComment>, by: u64, custom: Option<&Value>) -> Option<u64> {
        let (id, now) = (after.id, self.now());
        let stored = self.tickets.get(&id)?;
        let fresh = stored.rec.generated == 0;
        let before = (!fresh).then(|| stored.rec.clone());
        let first = stored.comments.is_empty();
        let requester = after.id_of("requester_id");
        let changes = self.ticket_changes(before.as_ref(), &after);
        if changes.is_empty() && comment.is_none() && custom.is_none() && !fresh {
            return None;
        }
        let mut events = self.audit_events(&changes, fresh);
        let audit = self.next_id();
        let author = comment.as_ref().map_or(by, |comment| comment.author);
        let spoke = comment.as_ref().map(|comment| Spoke {
            staff: self.role(comment.author) != "end-user",
            requester: requester == Some(comment.author),
            public: comment.public,
            first,
        });
        let mut spoken = None;
        if let Some(comment) = comment {
            let made = self.next_id();
            let kind = if comment.call.is_some() { "VoiceComment" } else { "Comment" };
            events.insert(
                0,
                json!({
                    "id": made, "type": kind, "author_id": comment.author, "body": comment.body, "html_body": super::tickets::html(&comment.body),
                    "plain_body": comment.body, "public": comment.public, "attachments": comment.attachments, "audit_id": audit,
                }),
            );
            self.comment_home.insert(made, id);
            spoken = Some((made, comment.author, comment.body.clone(), comment.public));
            let kept = Comment {
                id: made,
                author: comment.author,
                body: comment.body.into(),
                public: comment.public,
                created: now,
                audit,
                attachments: comment.attachments,
                call: comment.call,
            };
            if let Some(ticket) = self.tickets.get_mut(&id) {
                ticket.comments.push(kept);
            }
        }
        let status = after.text("status").unwrap_or("new").to_owned();
        let was = before.as_ref().map(|old| old.text("status").unwrap_or("new").to_owned());
        let mut steps = Vec::new();
        if let Some(ticket) = self.tickets.get_mut(&id) {
            ticket.audits.push(Audit { id: audit, created: now, author, custom: custom.cloned().map(Box::new), events });
            steps = ticket.metrics.advance(before.as_ref(), &after, spoke, now);
            match status.as_str() {
                "closed" => drop(ticket.closed.get_or_insert(now)),
                _ => ticket.closed = None,
            }
        }
        if status == "solved" && was.as_deref() != Some("solved") {
            self.closing.insert((now + CLOSE_AFTER_SECONDS, id));
        }
        self.audit_feed.insert((now, audit), id);
        for (metric, ty) in steps {
            let step = MetricEvent { id: self.next_id(), ticket: id, metric, ty, time: now };
            self.metric_feed.insert((now, step.id), step);
        }
        self.commit_ticket(after, if spoken.is_some() { Touch::Comment } else { Touch::Person }, by);
        if let Some((made, author, body, public)) = spoken {
            self.comment_event(id, made, author, &body, public, by);
        }
        self.fire_triggers(id);
        Some(audit)
    }

    /// Refuses an update that was made against an older version.
    pub(crate) fn safe_update(&self, record: &Record, given: Option<&Map<String, Value>>) -> Result<(), Refusal> {
        let Some(given) = given.filter(|given| given.get("safe_update").is_some_and(|flag| *flag == true || *flag == "true")) else {
            return Ok(());
        };
        let stamp = given.get("updated_stamp").and_then(Value::as_str).and_then(moment::parse);
        if stamp == Some(record.updated) {
            return Ok(());
        }
        Err(Refusal::plain(
            409,
            "UpdateConflict",
            "Safe Update prevented the update due to outdated ticket data. Please fetch the latest ticket data and try again.",
        ))
    }

    fn read_comment(&self, value: &Value, by: u64) -> Option<NewComment> {
        let (body, public, author, uploads) = match value {
            Value::String(text) => (text.clone(), true, None, None),
            Value::Object(map) => {
                let html = map.get("html_body").and_then(Value::as_str).map(text_of_html);
                let body = html.or_else(|| map.get("body").or_else(|| map.get("value")).and_then(Value::as_str).map(str::to_owned));
                let public = map.get("public").and_then(Value::as_bool).unwrap_or(true);
                (body.unwrap_or_default(), public, map.get("author_id").and_then(id_in), map.get("uploads"))
            }
            _ => return None,
        };
        let attachments: Vec<Value> = uploads
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|token| self.uploads.get(token.as_str()?).cloned())
            .collect();
        if body.is_empty() && attachments.is_empty() {
            return None;
        }
        Some(NewComment { author: author.unwrap_or(by), body, public, attachments, call: None })
    }

    /// The comment of a write: what somebody wrote, or a call
    /// (<https://developer.zendesk.com/documentation/ticketing/managing-tickets/adding-voice-comments-to-tickets/>).
    fn said(&self, given: &Map<String, Value>, opening: &str, by: u64) -> Option<NewComment> {
        let written = given.get("comment").or_else(|| given.get(opening)).and_then(|value| self.read_comment(value, by));
        written.or_else(|| {
            let call = given.get("voice_comment")?.as_object()?;
            let text = |name: &str| call.get(name).and_then(Value::as_str).unwrap_or_default();
            let mut body = format!("Call from: {}\nTime of call: {}", text("from"), text("started_at"));
            if !text("transcription_text").is_empty() {
                body.push_str(&format!("\nTranscription: {}", text("transcription_text")));
            }
            let author = call.get("author_id").and_then(id_in).unwrap_or(by);
            let public = call.get("public").and_then(Value::as_bool).unwrap_or(true);
            Some(NewComment { author, body, public, attachments: Vec::new(), call: Some(Box::new(Value::Object(call.clone()))) })
        })
    }

    /// What became of a comment later, as an audit of its own: made private, or redacted.
    pub(crate) fn audit_of_comment(&mut self, ticket: u64, comment: u64, kind: &str, by: u64) {
        let (now, audit) = (self.now(), self.next_id());
        let event = json!({"id": self.next_id(), "type": kind, "comment_id": comment});
        if let Some(held) = self.tickets.get_mut(&ticket) {
            held.audits.push(Audit { id: audit, created: now, author: by, custom: None, events: vec![event] });
            self.audit_feed.insert((now, audit), ticket);
        }
    }

    /// The user whom an inline requester means, made when unknown.
    fn inline_user(&mut self, value: &Value, by: u64) -> Result<u64, Refusal> {
        let mut given = value.as_object().cloned().unwrap_or_default();
        if let Some(known) = self.upsert_target(&given) {
            return Ok(known);
        }
        if !given.contains_key("name") {
            let name = given.get("email").cloned().unwrap_or_default();
            given.insert("name".to_owned(), name);
        }
        self.save_user(None, &given, by, &mut Warned::default())
    }

    fn fill_ticket(
        &mut self,
        record: &mut Record,
        given: &Map<String, Value>,
        by: u64,
        problems: &mut Problems,
        warned: &mut Warned,
    ) -> Result<(), Refusal> {
        if let Some(tags) = given.get("tags") {
            record.tags = fields::parse_tags(tags);
        }
        for (key, value) in given {
            match key.as_str() {
                "requester" => {
                    let user = self.inline_user(value, by)?;
                    record.put(TICKET, "requester_id", Val::id(Some(user)));
                }
                "additional_tags" => fields::parse_tags(value).iter().for_each(|tag| record.add_tag(tag)),
                "remove_tags" => fields::parse_tags(value).iter().for_each(|tag| record.drop_tag(tag)),
                "email_ccs" => self.write_people(record, "email_cc_ids", value, by)?,
                "followers" => self.write_people(record, "follower_ids", value, by)?,
                "collaborators" => self.write_people(record, "collaborator_ids", value, by)?,
                "assignee_email" => {
                    let user = value.as_str().and_then(|text| self.user_by_email.get(text.to_lowercase().as_str()).copied());
                    record.put(TICKET, "assignee_id", Val::id(user));
                }
                "status" if value == "closed" || value.as_str().is_some_and(|text| custom_status(text).is_some()) => {
                    set_status(record, value.as_str().unwrap_or("new"));
                }
                "custom_status_id" => match id_in(value).and_then(status_of) {
                    Some(status) => set_status(record, status),
                    None if value.is_null() => {}
                    None => problems.add("custom_status_id", "Custom status: is invalid", "InvalidValue"),
                },
                _ => match attribute(TICKET, key).filter(|attr| attr.write) {
                    Some(attr) => match coerce(attr.shape, value) {
                        Ok(value) => record.set(attr, value),
                        Err(reason) => problems.add(key, &format!("{}: {reason}", super::users::title(key)), "InvalidValue"),
                    },
                    None if TICKET_EXTRA.contains(&key.as_str()) => {}
                    None => warned.key("ticket", key),
                },
            }
        }
        if ["tags", "additional_tags", "remove_tags"].iter().any(|key| given.contains_key(*key)) {
            fields::follow_tags(self.fields_of(Kind::Ticket), record);
        }
        if let Some(values) = given.get("custom_fields").or_else(|| given.get("fields")) {
            fields::apply_list(self.fields_of(Kind::Ticket), record, values, problems, warned);
        }
        self.check_people(record, problems);
        Ok(())
    }

    fn write_people(&mut self, record: &mut Record, attr: &str, value: &Value, by: u64) -> Result<(), Refusal> {
        let mut ids = record.ids_of(attr);
        for item in value.as_array().into_iter().flatten() {
            let person = match item {
                Value::Number(_) => id_in(item),
                Value::String(email) => Some(self.inline_user(&json!({"email": email}), by)?),
                Value::Object(map) => match map.get("user_id").and_then(id_in) {
                    Some(id) => Some(id),
                    None => match map.get("user_email").or_else(|| map.get("email")) {
                        Some(email) => {
                            let name = map.get("user_name").or_else(|| map.get("name")).unwrap_or(email);
                            Some(self.inline_user(&json!({"email": email, "name": name}), by)?)
                        }
                        None => None,
                    },
                },
                _ => None,
            };
            let Some(person) = person else { continue };
            if item["action"] == "delete" {
                ids.retain(|held| *held != person);
            } else if !ids.contains(&person) {
                ids.push(person);
            }
        }
        let stored = if ids.is_empty() { json!([]) } else { json!(ids) };
        record.put(TICKET, attr, Val::Json(Box::new(stored)));
        Ok(())
    }

    fn check_people(&self, record: &Record, problems: &mut Problems) {
        if let Some(requester) = record.id_of("requester_id") {
            match self.live_user(requester) {
                None => problems.add("requester", "Requester: is invalid", "InvalidValue"),
                Some(user) if user.rec.flag("suspended") => {
                    let sentence = format!("Requester: {} is suspended.", user.rec.text("name").unwrap_or_default());
                    problems.add("requester", &sentence, "InvalidValue");
                }
                Some(_) => {}
            }
        }
        if record.id_of("assignee_id").is_some_and(|id| self.role(id) == "end-user") {
            problems.add("assignee", "Assignee: is invalid", "InvalidValue");
        }
        if record.id_of("organization_id").is_some_and(|id| !self.organizations.contains_key(&id)) {
            problems.add("organization", "Organization: is invalid", "InvalidValue");
        }
        if record.id_of("group_id").is_some_and(|id| !self.groups.contains_key(&id)) {
            problems.add("group", "Group: is invalid", "InvalidValue");
        }
    }

    fn place_ticket(&mut self, id: u64, created: i64, via: Value) {
        let metrics = Metrics::new(self.next_id(), created);
        let ticket = Ticket {
            rec: Record::unborn(id, created),
            via,
            comments: Vec::new(),
            audits: Vec::new(),
            metrics,
            rating: None,
            deleted_by: 0,
            erased: false,
            closed: None,
            archived: false,
        };
        self.tickets.insert(id, ticket);
    }

    /// Creates a ticket; `reserved` is the id that an asynchronous creation already promised.
    pub(crate) fn create_ticket(
        &mut self,
        given: &Map<String, Value>,
        by: u64,
        warned: &mut Warned,
        reserved: Option<u64>,
    ) -> Result<u64, Refusal> {
        let now = self.now();
        let mut record = Record::new(0, now);
        let mut problems = Problems::default();
        self.fill_ticket(&mut record, given, by, &mut problems, warned)?;
        if record.id_of("requester_id").is_none() {
            record.put(TICKET, "requester_id", Val::id(Some(by)));
        }
        let requester = record.id_of("requester_id").unwrap_or(by);
        if record.id_of("submitter_id").is_none() {
            let submitter = if self.role(by) == "end-user" { by } else { requester };
            let submitter = if given.contains_key("requester_id") || given.contains_key("requester") { by } else { submitter };
            record.put(TICKET, "submitter_id", Val::id(Some(submitter)));
        }
        let Some(comment) = self.said(given, "description", requester) else {
            problems.add("base", MISSING_COMMENT, "BlankValue");
            return Err(problems.refusal());
        };
        problems.check()?;
        let follow_up = match given.get("via_followup_source_id").and_then(id_in) {
            Some(source) => {
                let stored = self.live_ticket(source).ok_or_else(Refusal::missing)?;
                if stored.status() != "closed" {
                    return Err(Refusal::invalid("via_followup_source_id", "Via followup source: is not closed", "InvalidValue"));
                }
                Some((source, stored.rec.text("subject").unwrap_or_default().to_owned()))
            }
            None => None,
        };
        let (person_tags, organization) =
            self.users.get(&requester).map(|user| (user.rec.tags.clone(), user.rec.id_of("organization_id"))).unwrap_or_default();
        if record.id_of("organization_id").is_none() && !given.contains_key("organization_id") {
            record.put(TICKET, "organization_id", Val::id(organization));
        }
        let organization_tags =
            record.id_of("organization_id").and_then(|id| self.organizations.get(&id)).map(|held| held.tags.clone()).unwrap_or_default();
        person_tags.iter().chain(&organization_tags).for_each(|tag| record.add_tag(tag));
        if record.text("status").is_none_or(|status| status == "new") {
            let status = if record.id_of("assignee_id").is_some() { "open" } else { "new" };
            set_status(&mut record, status);
        }
        self.assign_defaults(&mut record, by);
        if record.id_of("brand_id").is_none() {
            record.put(TICKET, "brand_id", Val::id(Some(self.brand)));
        }
        if record.id_of("ticket_form_id").is_none() {
            record.put(TICKET, "ticket_form_id", Val::id(Some(self.form)));
        }
        record.put(TICKET, "description", Val::text(&comment.body));
        record.put(TICKET, "is_public", Val::Bool(comment.public));
        if record.text("subject").is_none() {
            let line: String = comment.body.lines().next().unwrap_or_default().chars().take(150).collect();
            record.put(TICKET, "subject", Val::text(&line));
        }
        let id = reserved.unwrap_or_else(|| self.next_ticket());
        record.id = id;
        let origin = match &follow_up {
            Some((source, subject)) => via("web", json!({"ticket_id": source, "subject": subject, "channel": "api"}), Some("follow_up")),
            None => match given.get("via").and_then(|value| value["channel"].as_str()) {
                Some(channel) => via(channel, json!({}), None),
                None => via("api", json!({}), None),
            },
        };
        self.place_ticket(id, now, origin);
        self.commit_audited(record, Some(comment), by, given.get("metadata"));
        if let Some((source, _)) = follow_up
            && let Some(mut rec) = self.tickets.get(&source).map(|stored| stored.rec.clone())
        {
            let mut ids = rec.ids_of("followup_ids");
            ids.push(id);
            rec.put(TICKET, "followup_ids", Val::Json(Box::new(json!(ids))));
            self.commit_ticket(rec, Touch::System, by);
        }
        Ok(id)
    }

    fn assign_defaults(&self, record: &mut Record, by: u64) {
        let done = matches!(record.text("status"), Some("solved" | "closed"));
        if done && record.id_of("assignee_id").is_none() && self.role(by) != "end-user" {
            record.put(TICKET, "assignee_id", Val::id(Some(by)));
        }
        if record.id_of("group_id").is_none() && record.id_of("assignee_id").is_some() {
            record.put(TICKET, "group_id", Val::id(Some(self.group)));
        }
    }

    /// Changes a ticket. Returns the audit, none when nothing changed.
    pub(crate) fn update_ticket(
        &mut self,
        id: u64,
        given: &Map<String, Value>,
        by: u64,
        warned: &mut Warned,
    ) -> Result<Option<u64>, Refusal> {
        let stored = self.live_ticket(id).ok_or_else(Refusal::missing)?;
        if stored.status() == "closed" {
            return Err(Refusal::invalid("status", "Status: closed prevents ticket update", "InvalidValue"));
        }
        let before = stored.rec.clone();
        self.safe_update(&before, Some(given))?;
        let mut record = before.clone();
        let mut problems = Problems::default();
        let mut given = given.clone();
        // The id that a bulk item carries is an address, not an attribute.
        if given.get("id").and_then(id_in) == Some(id) {
            given.remove("id");
        }
        self.fill_ticket(&mut record, &given, by, &mut problems, warned)?;
        problems.check()?;
        let comment = self.said(&given, "comment", by);
        if !given.contains_key("status") && !given.contains_key("custom_status_id") {
            let status = record.text("status").unwrap_or("new").to_owned();
            let heard = comment.as_ref().is_some_and(|comment| comment.public && self.role(comment.author) == "end-user");
            let taken = status == "new" && record.id_of("assignee_id").is_some();
            if taken || (heard && matches!(status.as_str(), "pending" | "solved" | "hold")) {
                set_status(&mut record, "open");
            }
        }
        self.assign_defaults(&mut record, by);
        Ok(self.commit_audited(record, comment, by, given.get("metadata")))
    }

    /// Imports a ticket with its history: no triggers, no metrics.
    pub(crate) fn import_ticket(&mut self, given: &Map<String, Value>, by: u64) -> Result<u64, Refusal> {
        let now = self.now();
        let at = |name: &str| given.get(name).and_then(Value::as_str).and_then(moment::parse);
        let (created, updated) = (at("created_at").unwrap_or(now), at("updated_at").unwrap_or(now));
        let mut record = Record::new(0, created);
        let (mut problems, mut warned) = (Problems::default(), Warned::default());
        self.fill_ticket(&mut record, given, by, &mut problems, &mut warned)?;
        problems.check()?;
        let requester = record.id_of("requester_id").unwrap_or(by);
        record.put(TICKET, "requester_id", Val::id(Some(requester)));
        if record.id_of("submitter_id").is_none() {
            record.put(TICKET, "submitter_id", Val::id(Some(by)));
        }
        if record.text("status").is_none() {
            set_status(&mut record, "new");
        }
        let listed = given.get("comments").and_then(Value::as_array).cloned().unwrap_or_default();
        let opening = given.get("comment").or_else(|| given.get("description")).cloned();
        let id = self.next_ticket();
        record.id = id;
        self.place_ticket(id, created, via("api", json!({}), None));
        let mut said = Vec::new();
        for value in opening.iter().chain(&listed) {
            let Some(comment) = self.read_comment(value, requester) else { continue };
            let when = value.get("created_at").and_then(Value::as_str).and_then(moment::parse).unwrap_or(created);
            let (made, audit) = (self.next_id(), self.next_id());
            self.comment_home.insert(made, id);
            self.audit_feed.insert((when, audit), id);
            said.push((
                Comment {
                    id: made,
                    author: comment.author,
                    body: comment.body.into(),
                    public: comment.public,
                    created: when,
                    audit,
                    attachments: comment.attachments,
                    call: comment.call,
                },
                Audit {
                    id: audit,
                    created: when,
                    author: comment.author,
                    custom: None,
                    events: vec![json!({"id": made, "type": "Comment", "author_id": comment.author, "public": comment.public})],
                },
            ));
        }
        if let Some((first, _)) = said.first() {
            record.put(TICKET, "description", Val::text(&first.body));
        }
        let solved = at("solved_at");
        let closed = record.text("status") == Some("closed");
        if let Some(ticket) = self.tickets.get_mut(&id) {
            for (comment, audit) in said {
                ticket.comments.push(comment);
                ticket.audits.push(audit);
            }
            ticket.metrics.solved = solved;
            ticket.archived = closed && given.get("archive_immediately") == Some(&Value::Bool(true));
            ticket.closed = closed.then_some(updated);
        }
        record.updated = updated;
        // An import keeps the times it was given: only the export clock moves.
        self.commit_ticket(record, Touch::System, by);
        Ok(id)
    }
}
