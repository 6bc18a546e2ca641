//! Users: validation, identities, deletion, merging.

use serde_json::{Map, Value, json};

use super::attributes::{USER, USER_EXTRA};
use super::fields;
use super::moment::iso;
use super::record::{Kind, Record, Val, attribute, coerce, id_in};
use super::refusal::{Problems, Refusal, Warned};
use super::state::{State, Touch};

/// Longest external id, in characters.
const EXTERNAL_ID_MAX: usize = 255;

/// A way to reach a user.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Identity {
    pub(crate) id: u64,
    pub(crate) ty: Box<str>,
    /// E-mails are stored in lower case.
    pub(crate) value: Box<str>,
    pub(crate) verified: bool,
    pub(crate) primary: bool,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct User {
    pub(crate) rec: Record,
    pub(crate) identities: Vec<Identity>,
    pub(crate) merged_into: Option<u64>,
}

impl User {
    pub(crate) fn new(id: u64, now: i64) -> Self {
        Self { rec: Record::new(id, now), ..Self::default() }
    }

    /// The primary e-mail.
    pub(crate) fn email(&self) -> Option<&str> {
        self.identities.iter().find(|identity| &*identity.ty == "email" && identity.primary).map(|identity| &*identity.value)
    }

    pub(crate) fn role(&self) -> &str {
        self.rec.text("role").unwrap_or("end-user")
    }

    pub(crate) fn is_staff(&self) -> bool {
        self.role() != "end-user"
    }

    /// Adds an identity; the first of its type is primary.
    pub(crate) fn add_identity(&mut self, id: u64, ty: &str, value: &str, verified: bool, now: i64) {
        let value = if ty == "email" { value.to_lowercase() } else { value.to_owned() };
        let primary = !self.identities.iter().any(|identity| &*identity.ty == ty && identity.primary);
        self.identities.push(Identity { id, ty: ty.into(), value: value.into(), verified, primary, created: now, updated: now });
    }
}

/// Whether text looks like an e-mail address to the vendor.
pub(crate) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let plain = |part: &str| !part.is_empty() && !part.chars().any(|letter| letter.is_whitespace() || letter == '@' || letter == ',');
    plain(local) && plain(domain) && domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.')
}

fn iana(zone: &str) -> &'static str {
    match zone {
        "Eastern Time (US & Canada)" => "America/New_York",
        "Central Time (US & Canada)" => "America/Chicago",
        "Mountain Time (US & Canada)" => "America/Denver",
        "Pacific Time (US & Canada)" => "America/Los_Angeles",
        "London" => "Europe/London",
        "Berlin" => "Europe/Berlin",
        "Paris" => "Europe/Paris",
        "Tokyo" => "Asia/Tokyo",
        _ => "Etc/UTC",
    }
}

impl State {
    /// A user as the API shows it.
    pub(crate) fn user_json(&self, user: &User) -> Value {
        let mut shown = Map::with_capacity(USER.len());
        let rec = &user.rec;
        for attr in USER {
            let value = match attr.name {
                "id" => json!(rec.id),
                "url" => json!(self.url(&format!("users/{}", rec.id))),
                "email" => json!(user.email()),
                "created_at" => json!(iso(rec.created)),
                "updated_at" => json!(iso(rec.updated)),
                "iana_time_zone" => json!(iana(rec.text("time_zone").unwrap_or("Eastern Time (US & Canada)"))),
                "shared_phone_number" => match rec.text("phone") {
                    Some(phone) => json!(!user.identities.iter().any(|held| &*held.ty == "phone_number" && *held.value == *phone)),
                    None => Value::Null,
                },
                "tags" => rec.tags_json(),
                "active" => json!(rec.deleted.is_none()),
                "user_fields" => self.field_map(Kind::User, rec),
                _ => rec.shown(attr),
            };
            shown.insert(attr.name.to_owned(), value);
        }
        Value::Object(shown)
    }

    /// The reduced shape of deleted users.
    pub(crate) fn deleted_user_json(&self, user: &User) -> Value {
        const KEPT: &[&str] = &[
            "id",
            "url",
            "name",
            "email",
            "created_at",
            "updated_at",
            "active",
            "role",
            "locale",
            "locale_id",
            "organization_id",
            "phone",
            "photo",
            "shared_phone_number",
            "time_zone",
        ];
        let full = self.user_json(user);
        Value::Object(KEPT.iter().map(|key| ((*key).to_owned(), full[*key].clone())).collect())
    }

    /// Custom fields as a map by key.
    pub(crate) fn field_map(&self, kind: Kind, record: &Record) -> Value {
        Value::Object(
            self.fields_of(kind)
                .iter()
                .filter(|field| field.active)
                .map(|field| (field.key.clone(), field.shown(kind, record.field(field.id))))
                .collect(),
        )
    }

    /// Creates a user (`id` absent) or changes one.
    pub(crate) fn save_user(&mut self, id: Option<u64>, given: &Map<String, Value>, by: u64, warned: &mut Warned) -> Result<u64, Refusal> {
        let now = self.now();
        let fresh = id.is_none();
        let mut user = match id {
            Some(id) => self.live_user(id).cloned().ok_or_else(Refusal::missing)?,
            None => User::new(self.next_id(), now),
        };
        let id = user.rec.id;
        let mut problems = Problems::default();
        if let Some(tags) = given.get("tags") {
            user.rec.tags = fields::parse_tags(tags);
            fields::follow_tags(self.fields_of(Kind::User), &mut user.rec);
        }
        let mut organization = None;
        for (key, value) in given {
            match key.as_str() {
                "email" => self.write_email(&mut user, value, given, &mut problems),
                "identities" => self.write_identities(&mut user, value, &mut problems),
                "user_fields" => {
                    if let Some(map) = value.as_object() {
                        fields::apply_map(self.fields_of(Kind::User), Kind::User, &mut user.rec, map, &mut problems, warned);
                    }
                }
                "organization_id" => match id_in(value) {
                    Some(wanted) if self.organizations.contains_key(&wanted) => organization = Some(Some(wanted)),
                    None if value.is_null() || value == "" => organization = Some(None),
                    _ => problems.add("organization", "Organization: is invalid", "InvalidValue"),
                },
                "organization" => {
                    if let Some(name) = value.get("name").and_then(Value::as_str) {
                        organization = Some(Some(self.organization_named(name, by)?));
                    }
                }
                "external_id" => match coerce(super::record::Shape::Text, value) {
                    Ok(text) => {
                        let taken = text.as_str().and_then(|text| self.by_external(Kind::User, text)).is_some_and(|other| other != id);
                        if taken {
                            let sentence = format!("External: {} has already been taken", text.as_str().unwrap_or_default());
                            problems.add("external_id", &sentence, "DuplicateValue");
                        } else if text.as_str().is_some_and(|text| text.chars().count() > EXTERNAL_ID_MAX) {
                            problems.add("external_id", "External:  is too long (maximum is 255 characters)", "TooLong");
                        } else {
                            user.rec.put(USER, "external_id", text);
                        }
                    }
                    Err(reason) => problems.add("external_id", &format!("External: {reason}"), "InvalidValue"),
                },
                _ => match attribute(USER, key).filter(|attr| attr.write) {
                    Some(attr) => match coerce(attr.shape, value) {
                        Ok(value) => user.rec.set(attr, value),
                        Err(reason) => problems.add(key, &format!("{}: {reason}", title(key)), "InvalidValue"),
                    },
                    None if USER_EXTRA.contains(&key.as_str()) => {}
                    // The id that a bulk item carries is an address, not an attribute.
                    None if key == "id" && !fresh => {}
                    None => warned.key("user", key),
                },
            }
        }
        if user.rec.text("name").is_none_or(|name| name.trim().is_empty()) {
            problems.add("name", "Name:  is too short (minimum one character)", "BlankValue");
        }
        problems.check()?;
        if user.rec.flag("verified")
            && let Some(primary) = user.identities.iter_mut().find(|identity| identity.primary && !identity.verified)
        {
            primary.verified = true;
            primary.updated = now;
        }
        if fresh {
            if user.is_staff() {
                user.rec.put(USER, "default_group_id", Val::id(Some(self.group)));
                user.rec.put(USER, "ticket_restriction", Val::Null);
                user.rec.put(USER, "restricted_agent", Val::Bool(false));
            }
            if organization.is_none() {
                let domain = user.email().and_then(|email| email.split_once('@')).map(|(_, domain)| domain);
                organization = domain.and_then(|domain| self.organization_by_domain.get(domain).copied()).map(Some);
            }
        }
        if let Some(wanted) = organization {
            user.rec.put(USER, "organization_id", Val::id(wanted));
        }
        self.commit_user(user, Touch::Person, by);
        if let Some(wanted) = organization {
            self.replace_default_membership(id, wanted);
        }
        Ok(id)
    }

    /// Creates or updates by external id, else by e-mail. The flag tells whether it is new.
    pub(crate) fn upsert_user(&mut self, given: &Map<String, Value>, by: u64, warned: &mut Warned) -> Result<(u64, bool), Refusal> {
        let found = self.upsert_target(given);
        let id = self.save_user(found, given, by, warned)?;
        Ok((id, found.is_none()))
    }

    /// The user whom a create-or-update means.
    pub(crate) fn upsert_target(&self, given: &Map<String, Value>) -> Option<u64> {
        let external = given.get("external_id").and_then(Value::as_str).and_then(|text| self.by_external(Kind::User, text));
        let email = given.get("email").and_then(Value::as_str).map(str::to_lowercase);
        external.or_else(|| email.and_then(|email| self.user_by_email.get(email.as_str()).copied()))
    }

    fn write_email(&mut self, user: &mut User, value: &Value, given: &Map<String, Value>, problems: &mut Problems) {
        let Some(email) = value.as_str().map(|text| text.trim().to_lowercase()).filter(|text| !text.is_empty()) else {
            // An e-mail cannot be cleared by a write; its identity has to be deleted.
            return;
        };
        if !is_email(&email) {
            problems.add("email", &format!("Email: {email} is not properly formatted"), "InvalidFormat");
            return;
        }
        match self.user_by_email.get(email.as_str()) {
            Some(other) if *other != user.rec.id => {
                problems.add("email", &format!("Email: {email} is already being used by another user"), "DuplicateValue");
                return;
            }
            Some(_) => return,
            None => {}
        }
        let verified = given.get("verified") == Some(&Value::Bool(true));
        let now = self.now();
        if user.is_staff() {
            // Agents have their primary address replaced; end users get a further one.
            if let Some(primary) = user.identities.iter_mut().find(|identity| &*identity.ty == "email" && identity.primary) {
                primary.value = email.into();
                primary.updated = now;
                return;
            }
        }
        let id = self.next_id();
        user.add_identity(id, "email", &email, verified, now);
    }

    fn write_identities(&mut self, user: &mut User, value: &Value, problems: &mut Problems) {
        for item in value.as_array().into_iter().flatten() {
            let (Some(ty), Some(text)) = (item["type"].as_str(), item["value"].as_str()) else { continue };
            if let Err(refusal) = self.check_identity(user, ty, text) {
                problems.add("email", &refusal.sentences(), "DuplicateValue");
                continue;
            }
            let id = self.next_id();
            user.add_identity(id, ty, text, item["verified"] == Value::Bool(true), self.now());
        }
    }

    /// Whether that user may have that identity.
    pub(crate) fn check_identity(&self, user: &User, ty: &str, value: &str) -> Result<(), Refusal> {
        if ty != "email" {
            return Ok(());
        }
        let email = value.trim().to_lowercase();
        if !is_email(&email) {
            return Err(Refusal::invalid("value", &format!("Email: {email} is not properly formatted"), "InvalidFormat"));
        }
        let own = user.identities.iter().any(|identity| *identity.value == *email);
        if own || self.user_by_email.contains_key(email.as_str()) {
            return Err(Refusal::invalid("value", &format!("Email: {email} is already being used by another user"), "DuplicateValue"));
        }
        Ok(())
    }

    /// Deletes softly: the user stays readable, inactive, and its addresses become free.
    pub(crate) fn delete_user(&mut self, id: u64, by: u64) -> Result<(), Refusal> {
        let mut user = self.live_user(id).cloned().ok_or_else(Refusal::missing)?;
        let open = self
            .tickets_by_requester
            .get(&id)
            .into_iter()
            .flatten()
            .any(|ticket| self.tickets.get(ticket).is_some_and(|ticket| ticket.rec.deleted.is_none() && ticket.status() != "closed"));
        if open {
            let name = user.rec.text("name").unwrap_or_default();
            let sentence = format!("{name} cannot be deleted because they are the requester of tickets that are not closed");
            return Err(Refusal::invalid("base", &sentence, "InvalidRecord"));
        }
        if id == by || id == self.admin {
            return Err(Refusal::invalid("base", "You cannot delete yourself or the account owner", "InvalidRecord"));
        }
        user.rec.deleted = Some(self.now());
        self.drop_memberships(id);
        self.commit_user(user, Touch::Person, by);
        Ok(())
    }

    /// Erases a deleted user for good.
    pub(crate) fn erase_user(&mut self, id: u64, by: u64) -> Result<(), Refusal> {
        let mut user = self.users.get(&id).filter(|user| user.rec.deleted.is_some()).cloned().ok_or_else(Refusal::missing)?;
        if self.erased.contains_key(&id) {
            return Err(Refusal::missing());
        }
        user.rec.scrub();
        user.rec.put(USER, "name", Val::text("Permanently Deleted User"));
        user.identities.clear();
        self.erased.insert(id, (self.now(), by));
        self.commit_user(user, Touch::Person, by);
        Ok(())
    }

    /// Merges `loser` into `winner`: identities, tickets and memberships move, the loser's own attributes are lost.
    pub(crate) fn merge_users(&mut self, loser: u64, winner: u64, by: u64) -> Result<(), Refusal> {
        let mut lost = self.live_user(loser).cloned().ok_or_else(Refusal::missing)?;
        let mut kept = self.live_user(winner).cloned().ok_or_else(Refusal::missing)?;
        if loser == winner || lost.is_staff() || kept.is_staff() {
            return Err(Refusal::invalid("base", "Only two different end users can be merged", "InvalidRecord"));
        }
        let now = self.now();
        for mut identity in std::mem::take(&mut lost.identities) {
            identity.primary = !kept.identities.iter().any(|held| held.ty == identity.ty && held.primary);
            identity.updated = now;
            kept.identities.push(identity);
        }
        lost.rec.deleted = Some(now);
        lost.merged_into = Some(winner);
        let organization = self.move_memberships(loser, winner);
        if kept.rec.id_of("organization_id").is_none() {
            kept.rec.put(USER, "organization_id", Val::id(organization));
        }
        self.commit_user(lost, Touch::Person, by);
        self.commit_user(kept, Touch::Person, by);
        let moved: Vec<u64> = self.tickets_by_requester.get(&loser).into_iter().flatten().copied().collect();
        for ticket in moved {
            if let Some(mut rec) = self.tickets.get(&ticket).map(|stored| stored.rec.clone()) {
                rec.put(super::attributes::TICKET, "requester_id", Val::id(Some(winner)));
                self.commit_ticket(rec, Touch::System, by);
            }
        }
        Ok(())
    }
}

/// An attribute's name as error sentences show it.
pub(crate) fn title(key: &str) -> String {
    let words = key.strip_suffix("_id").unwrap_or(key).replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
}
