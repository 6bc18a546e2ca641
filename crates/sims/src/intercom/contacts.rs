//! Contacts: users and leads. A user is the only one with an id of the account's own choice, and with an address; leads are made anew
//! each time. Archived ones are in no list and keep what makes them unique.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::known_by::present;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::{Kind, Record, State};
use super::text::{escaped, id, seconds, seconds_or_null, shown_map};

/// Attributes that writes may carry; others are ignored without a word.
const WRITABLE: &[&str] = &[
    "role",
    "external_id",
    "email",
    "phone",
    "name",
    "avatar",
    "signed_up_at",
    "last_seen_at",
    "owner_id",
    "unsubscribed_from_emails",
    "language_override",
    "custom_attributes",
];
/// Items of a nested list at most.
const NESTED_MAX: usize = 10;
/// Attributes that are shown and that nothing here ever sets.
const BLANK: &[&str] = &[
    "last_email_opened_at",
    "last_email_clicked_at",
    "browser",
    "browser_version",
    "browser_language",
    "os",
    "android_app_name",
    "android_app_version",
    "android_device",
    "android_os_version",
    "android_sdk_version",
    "android_last_seen_at",
    "ios_app_name",
    "ios_app_version",
    "ios_device",
    "ios_os_version",
    "ios_sdk_version",
    "ios_last_seen_at",
    "utm_campaign",
    "utm_content",
    "utm_medium",
    "utm_source",
    "utm_term",
    "referrer",
];

fn nested(id: &str, name: &str, rows: Vec<Value>) -> Value {
    let count = rows.len();
    let rows: Vec<Value> = rows.into_iter().take(NESTED_MAX).collect();
    json!({"type": "list", "data": rows, "url": format!("/contacts/{id}/{name}"), "total_count": count, "has_more": count > NESTED_MAX})
}

/// The attributes of a write, checked by type.
fn attributes(body: &Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    let mut values = Map::new();
    for (name, value) in body.iter().filter(|(name, _)| WRITABLE.contains(&name.as_str()) && *name != "custom_attributes") {
        let value = match (name.as_str(), value) {
            (_, Value::Null) => Value::Null,
            ("signed_up_at" | "last_seen_at", Value::Number(_)) | ("unsubscribed_from_emails", Value::Bool(_)) => value.clone(),
            ("owner_id", _) => id(Some(value)).map_or(Value::Null, Value::String),
            ("role", Value::String(role)) if role == "user" || role == "lead" => value.clone(),
            ("role", _) => return Err(Refusal::parameter("role", "role must be user or lead")),
            ("email", Value::String(email)) if email.is_empty() => Value::Null,
            ("email", Value::String(email)) if email.contains('@') => json!(email.trim().to_lowercase()),
            ("email", _) => return Err(Refusal::parameter("email", "email is invalid")),
            ("signed_up_at" | "last_seen_at" | "unsubscribed_from_emails", _) => {
                return Err(Refusal::parameter(name, format!("{name} is invalid")));
            }
            (_, Value::String(text)) if text.is_empty() => Value::Null,
            (_, Value::String(_)) => value.clone(),
            (_, Value::Number(number)) => json!(number.to_string()),
            _ => return Err(Refusal::parameter(name, format!("{name} is invalid"))),
        };
        values.insert(name.clone(), value);
    }
    Ok(values)
}

impl State {
    /// A contact as every view and list shows it.
    pub(crate) fn contact_shown(&self, record: &Record) -> Value {
        let text = |name: &str| record.text(name).map_or(Value::Null, |text| Value::String(escaped(text)));
        let number = |name: &str| record.values.get(name).cloned().unwrap_or(Value::Null);
        let item =
            |kind: &str, id: &str| json!({"id": id, "type": kind, "url": format!("/{}/{id}", if kind == "tag" { "tags" } else { kind })});
        let tags = record.tags.iter().map(|(tag, ..)| item("tag", tag)).collect();
        let notes =
            self.notes.iter().filter(|note| note.of == (Kind::Contact, record.id.clone())).map(|note| item("note", &note.id)).collect();
        let companies =
            record.companies.iter().map(|company| json!({"id": company, "type": "company", "url": format!("/companies/{company}")}));
        let mut shown = json!({
            "type": "contact", "id": record.id, "workspace_id": self.options.app_id, "external_id": text("external_id"),
            "role": record.text("role"), "email": text("email"), "phone": text("phone"), "name": text("name"),
            "avatar": record.text("avatar").map(|url| json!({"type": "avatar", "image_url": url})),
            "owner_id": record.text("owner_id").and_then(|id| id.parse::<u64>().ok()),
            "social_profiles": {"type": "list", "data": []}, "has_hard_bounced": false, "marked_email_as_spam": false,
            "unsubscribed_from_emails": record.values.get("unsubscribed_from_emails").and_then(Value::as_bool).unwrap_or(false),
            "created_at": seconds(record.created_ms), "updated_at": seconds(record.updated_ms), "signed_up_at": number("signed_up_at"),
            "last_seen_at": number("last_seen_at"), "last_replied_at": seconds_or_null(record.stats.last_contact_reply),
            "last_contacted_at": seconds_or_null(record.stats.last_admin_reply), "language_override": text("language_override"),
            "location": {"type": "location", "country": null, "region": null, "city": null, "country_code": null, "continent_code": null},
            "custom_attributes": shown_map(&record.custom), "tags": nested(&record.id, "tags", tags),
            "notes": nested(&record.id, "notes", notes), "companies": nested(&record.id, "companies", companies.collect()),
            "opted_out_subscription_types": nested(&record.id, "subscriptions", Vec::new()),
            "opted_in_subscription_types": nested(&record.id, "subscriptions", Vec::new()),
            "sms_consent": false, "unsubscribed_from_sms": false,
        });
        for name in BLANK {
            shown[*name] = Value::Null;
        }
        shown
    }

    /// The user that has an id or an address already, and whether they are in the archive.
    fn holder(&self, values: &Map<String, Value>, but: Option<&str>) -> Option<(String, bool)> {
        let user = |record: &&Record| record.text("role") == Some("user") && Some(record.id.as_str()) != but;
        let found = self.sharing(values).into_iter().find(user)?;
        Some((found.id.clone(), found.archived))
    }

    /// Makes a contact.
    pub(crate) fn create_contact(&mut self, body: &Map<String, Value>) -> Result<String, Refusal> {
        let mut values = attributes(body)?;
        let filled = |name: &str| values.get(name).is_some_and(|value| !value.is_null());
        if !["email", "external_id", "role"].iter().any(|name| filled(name)) {
            return Err(Refusal::absent("email, external_id or role"));
        }
        if !filled("role") {
            values.insert("role".to_owned(), json!("user"));
        }
        let custom = self.custom_checked(Kind::Contact, body.get("custom_attributes"))?;
        if values["role"] == "user"
            && let Some((holder, archived)) = self.holder(&values, None)
        {
            return Err(Refusal::conflict(&holder, archived));
        }
        let lead = values["role"] == "lead";
        let id = self.mongo_id();
        self.insert(Kind::Contact, &id, values, custom);
        self.tell(if lead { "contact.lead.created" } else { "contact.user.created" }, Kind::Contact, &id);
        Ok(id)
    }

    /// Changes a contact. What does not differ changes nothing, not even the stamp.
    pub(crate) fn update_contact(&mut self, id: &str, body: &Map<String, Value>) -> Result<(), Refusal> {
        let held = self.contact(id, 0)?;
        let (was_lead, held_values) = (held.text("role") == Some("lead"), held.values.clone());
        let values = attributes(body)?;
        let custom = self.custom_checked(Kind::Contact, body.get("custom_attributes"))?;
        let mut wanted = held_values;
        wanted.extend(values.clone());
        if wanted.get("role").is_some_and(|role| role == "user")
            && let Some((holder, archived)) = self.holder(&values_that_identify(&values, was_lead, &wanted), Some(id))
        {
            return Err(Refusal::conflict(&holder, archived));
        }
        if self.change(Kind::Contact, id, values, custom) {
            let topic = if was_lead { "contact.lead.updated" } else { "contact.user.updated" };
            self.tell(topic, Kind::Contact, id);
        }
        Ok(())
    }

    /// Sets what differs; whether anything did.
    pub(crate) fn change(&mut self, kind: Kind, id: &str, values: Map<String, Value>, custom: Map<String, Value>) -> bool {
        let Some(held) = self.get(kind, id) else { return false };
        let differs = |held: &Map<String, Value>, (name, value): &(String, Value)| held.get(name).unwrap_or(&Value::Null) != value;
        let values: Vec<(String, Value)> = values.into_iter().filter(|pair| differs(&held.values, pair)).collect();
        let custom: Vec<(String, Value)> = custom.into_iter().filter(|pair| differs(&held.custom, pair)).collect();
        if values.is_empty() && custom.is_empty() {
            return false;
        }
        if let Some(record) = self.touch(kind, id) {
            record.values.extend(values);
            record.custom.extend(custom);
        }
        if kind == Kind::Contact {
            self.remember(id);
        }
        true
    }

    /// A contact that is there; from 2.16 on a merged one says into whom.
    pub(crate) fn contact(&self, id: &str, version: u16) -> Result<&Record, Refusal> {
        match (self.get(Kind::Contact, id), self.merged.get(id)) {
            (Some(record), _) => Ok(record),
            (None, Some((winner, ..))) if version >= 16 => Err(Refusal::merged(winner)),
            _ => Err(Refusal::missing(Kind::Contact)),
        }
    }

    /// Archives a contact, or brings it back.
    pub(crate) fn archive_contact(&mut self, id: &str, archived: bool) -> Result<Value, Refusal> {
        if self.contact(id, 0)?.archived != archived {
            if let Some(record) = self.touch(Kind::Contact, id) {
                record.archived = archived;
            }
            self.tell(if archived { "contact.archived" } else { "contact.unarchive" }, Kind::Contact, id);
        }
        let external = self.contact(id, 0)?.text("external_id").map(escaped);
        Ok(json!({"type": "contact", "id": id, "external_id": external, "archived": archived}))
    }

    /// Deletes a contact for good. Conversations keep their texts.
    pub(crate) fn delete_contact(&mut self, id: &str) -> Result<Value, Refusal> {
        let external = self.contact(id, 0)?.text("external_id").map(escaped);
        self.records[Kind::Contact.index()].remove(id);
        self.notes.retain(|note| note.of != (Kind::Contact, id.to_owned()));
        self.tell_minimal("contact.deleted", json!({"type": "contact", "id": id, "external_id": external}));
        Ok(json!({"type": "contact", "id": id, "external_id": external, "deleted": true}))
    }

    /// Merges a lead into a user. The lead is gone; what is the user's own stays.
    pub(crate) fn merge_contacts(&mut self, from: &str, into: &str, skip: bool, version: u16) -> Result<(), Refusal> {
        let (loser, winner) = (self.contact(from, version)?.clone(), self.contact(into, version)?.clone());
        let invalid = |message: &str| Refusal::new(400, "invalid_merge", message);
        if loser.text("role") != Some("lead") || winner.text("role") != Some("user") {
            return Err(invalid("A lead can only be merged into a user"));
        }
        let shared = |name: &str| loser.text(name).is_some() && loser.text(name) == winner.text(name);
        if version >= 16 && !skip && !shared("email") && !shared("phone") {
            return Err(invalid("The contacts share neither email nor phone"));
        }
        self.records[Kind::Contact.index()].remove(from);
        for kind in [Kind::Conversation, Kind::Ticket] {
            for record in self.records[kind.index()].values_mut() {
                record.contacts.iter_mut().filter(|contact| *contact == from).for_each(|contact| into.clone_into(contact));
            }
        }
        for note in self.notes.iter_mut().filter(|note| note.of == (Kind::Contact, from.to_owned())) {
            note.of.1 = into.to_owned();
        }
        if let Some(record) = self.touch(Kind::Contact, into) {
            for (name, value) in loser.values.iter().filter(|(name, value)| *name != "role" && !value.is_null()) {
                let held = record.values.entry(name.clone()).or_insert(Value::Null);
                if held.is_null() {
                    *held = value.clone();
                }
            }
            let tags = loser.tags.iter().filter(|(tag, ..)| winner.tags.iter().all(|(held, ..)| held != tag));
            record.tags.extend(tags.cloned());
            record.companies.extend(loser.companies.iter().filter(|company| !winner.companies.contains(company)).cloned());
        }
        self.remember(into);
        self.merged.insert(from.to_owned(), (into.to_owned(), "lead".to_owned(), self.now_ms));
        for (winner, ..) in self.merged.values_mut().filter(|(winner, ..)| winner == from) {
            into.clone_into(winner);
        }
        self.tell_merged(from, into);
        Ok(())
    }

    /// `/contacts/…`.
    pub(crate) fn contact_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        let shown = |state: &Self, id: &str| Ok(Answer::ok(state.contact_shown(state.contact(id, call.version)?)));
        match (call.method.as_str(), rest) {
            ("GET", []) => self.list(call, Kind::Contact),
            ("POST", []) => {
                let id = self.create_contact(&call.body)?;
                shown(self, &id)
            }
            ("POST", ["search"]) => self.search(call, Kind::Contact),
            ("POST", ["merge"]) => {
                let side = |name: &str| call.id(name).ok_or_else(|| Refusal::absent(name));
                let (from, into) = (side("from")?, side("into")?);
                let skip = call.body.get("skip_duplicate_validation").and_then(Value::as_bool).unwrap_or(false);
                self.merge_contacts(&from, &into, skip, call.version)?;
                shown(self, &into)
            }
            ("GET", ["find_by_external_id", external]) if call.version >= 14 => {
                let found = present(self.known_by("external_id", external));
                Ok(Answer::ok(self.contact_shown(found.ok_or_else(|| Refusal::missing(Kind::Contact))?)))
            }
            ("GET", ["find_by_external_id", _]) => Err(Refusal::too_new()),
            ("GET", [id]) => {
                // Only lists and searches hide the archive; a view says that its row is in it.
                let record = self.contact(id, call.version)?;
                let mut shown = self.contact_shown(record);
                if record.archived {
                    shown["archived"] = json!(true);
                }
                Ok(Answer::ok(shown))
            }
            ("PUT", [id]) => {
                self.contact(id, call.version)?;
                self.update_contact(id, &call.body)?;
                shown(self, id)
            }
            ("DELETE", [id]) => self.delete_contact(id).map(Answer::ok),
            ("POST", [id, "archive"]) => self.archive_contact(id, true).map(Answer::ok),
            ("POST", [id, "unarchive"]) => self.archive_contact(id, false).map(Answer::ok),
            ("POST", [id, "block"]) => {
                let lead = self.contact(id, 0)?.text("role") == Some("lead");
                let external = self.contact(id, 0)?.text("external_id").map(escaped);
                if let Some(record) = self.touch(Kind::Contact, id) {
                    record.blocked = true;
                    record.archived |= lead;
                }
                Ok(Answer::ok(json!({"type": "contact", "id": id, "external_id": external, "blocked": true})))
            }
            ("GET", [id, "merge_history"]) if call.version >= 16 => {
                self.contact(id, call.version)?;
                let merged = self.merged.iter().filter(|(_, (winner, ..))| winner == id);
                let rows: Vec<Value> = merged
                    .map(|(loser, (_, role, at))| {
                        json!({"type": "merge_history", "source_contact_id": loser, "source_contact_role": role, "merged_at": seconds(*at)})
                    })
                    .collect();
                Ok(Answer::ok(json!({"type": "list", "data": rows, "next_cursor": null, "has_more": false})))
            }
            (_, [_, "merge_history"]) => Err(Refusal::too_new()),
            (_, [id, "tags", rest @ ..]) => self.tagged_routes(call, Kind::Contact, id, rest),
            (_, [id, "notes"]) => self.note_routes(call, Kind::Contact, id),
            (_, [id, "companies", rest @ ..]) => self.membership_routes(call, id, rest),
            ("GET", [id, "segments" | "subscriptions"]) => {
                self.contact(id, call.version)?;
                super::call::list(Vec::new())
            }
            _ => Err(Refusal::nothing()),
        }
    }
}

/// What must be the user's own after a write: what the write sets, or everything once a lead becomes a user.
fn values_that_identify(given: &Map<String, Value>, was_lead: bool, whole: &Map<String, Value>) -> Map<String, Value> {
    let source = if was_lead { whole } else { given };
    source
        .iter()
        .filter(|(name, _)| matches!(name.as_str(), "external_id" | "email"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
