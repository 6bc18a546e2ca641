//! Definitions of custom fields: endpoints, and changes made by hand.

use serde_json::{Map, Value, json};

use super::call::{Call, id};
use super::fields::{Choice, Field, FieldOption, FieldSpec, TYPES, marry};
use super::moment::iso;
use super::page::{Listing, listing};
use super::record::{Kind, Val, id_in};
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;

const SYSTEM: &[(&str, &str)] = &[
    ("subject", "Subject"),
    ("description", "Description"),
    ("status", "Status"),
    ("tickettype", "Type"),
    ("priority", "Priority"),
    ("group", "Group"),
    ("assignee", "Assignee"),
    ("custom_status", "Ticket status"),
];

impl State {
    pub(crate) fn seed_fields(&mut self) {
        for (ty, title) in SYSTEM {
            let spec = FieldSpec { key: (*ty).to_owned(), title: (*title).to_owned(), ty: (*ty).to_owned(), ..FieldSpec::default() };
            self.push_field(Kind::Ticket, spec, true);
        }
    }

    fn push_field(&mut self, kind: Kind, spec: FieldSpec, system: bool) -> u64 {
        let (id, now, position) = (self.next_id(), self.now(), self.fields[kind.index()].len());
        let choices =
            spec.options.into_iter().map(|option| Choice { id: self.next_id(), name: option.name, value: option.value }).collect();
        self.fields[kind.index()].push(Field {
            id,
            key: spec.key,
            ty: spec.ty,
            title: spec.title,
            description: String::new(),
            tag: spec.tag,
            regexp: None,
            active: true,
            required: false,
            system,
            position,
            created: now,
            updated: now,
            choices,
        });
        id
    }

    /// Adds a custom field.
    pub(crate) fn add_field(&mut self, kind: Kind, spec: FieldSpec) -> Result<u64, Refusal> {
        if !TYPES.contains(&spec.ty.as_str()) {
            return Err(Refusal::invalid("type", "Type: is not included in the list", "InvalidValue"));
        }
        if spec.title.is_empty() {
            return Err(Refusal::invalid("title", "Title: cannot be blank", "BlankValue"));
        }
        if kind != Kind::Ticket && spec.key.is_empty() {
            return Err(Refusal::invalid("key", "Key: cannot be blank", "BlankValue"));
        }
        if !spec.key.is_empty() && self.fields_of(kind).iter().any(|field| field.key == spec.key) {
            return Err(Refusal::invalid("key", &format!("Key: {} has already been taken", spec.key), "DuplicateValue"));
        }
        Ok(self.push_field(kind, spec, false))
    }

    fn field_place(&self, kind: Kind, id: u64) -> Result<usize, Refusal> {
        self.fields_of(kind).iter().position(|field| field.id == id).ok_or_else(Refusal::missing)
    }

    /// Records of a kind that have a value in a field.
    fn holders(&self, kind: Kind, field: u64) -> Vec<u64> {
        match kind {
            Kind::User => self.users.values().filter(|user| user.rec.field_ids().any(|id| id == field)).map(|user| user.rec.id).collect(),
            Kind::Organization => {
                self.organizations.values().filter(|held| held.field_ids().any(|id| id == field)).map(|held| held.id).collect()
            }
            Kind::Ticket => {
                self.tickets.values().filter(|held| held.rec.field_ids().any(|id| id == field)).map(|held| held.rec.id).collect()
            }
        }
    }

    /// Gives a field another title: its holders are exported again, though nobody changed them.
    pub(crate) fn rename_field(&mut self, kind: Kind, id: u64, title: &str) -> Result<(), Refusal> {
        let (at, now) = (self.field_place(kind, id)?, self.now());
        let field = &mut self.fields[kind.index()][at];
        (field.title, field.updated) = (title.to_owned(), now);
        for holder in self.holders(kind, id) {
            self.system_touch(kind, holder);
        }
        Ok(())
    }

    /// Removes a field with its values and their tags.
    pub(crate) fn remove_field(&mut self, kind: Kind, id: u64) -> Result<(), Refusal> {
        let at = self.field_place(kind, id)?;
        if self.fields[kind.index()][at].system {
            return Err(Refusal::invalid("base", "System fields cannot be removed", "InvalidRecord"));
        }
        let holders = self.holders(kind, id);
        let field = self.fields[kind.index()].remove(at);
        for holder in holders {
            self.clear_value(kind, holder, &field, |_| true);
        }
        Ok(())
    }

    fn clear_value(&mut self, kind: Kind, holder: u64, field: &Field, gone: impl Fn(&Val) -> bool) {
        let mut record = match kind {
            Kind::User => self.users.get(&holder).map(|user| user.rec.clone()),
            Kind::Organization => self.organizations.get(&holder).cloned(),
            Kind::Ticket => self.tickets.get(&holder).map(|ticket| ticket.rec.clone()),
        };
        if let Some(record) = record.as_mut().filter(|record| gone(record.field(field.id))) {
            marry(field, record, Val::Null);
            let record = record.clone();
            match kind {
                Kind::User => {
                    if let Some(mut user) = self.users.get(&holder).cloned() {
                        user.rec = record;
                        self.commit_user(user, super::state::Touch::System, 0);
                    }
                }
                Kind::Organization => self.commit_organization(record, super::state::Touch::System, 0),
                Kind::Ticket => drop(self.commit_ticket(record, super::state::Touch::System, 0)),
            }
        }
    }

    /// Replaces the choices of a field: values of dropped choices are cleared.
    pub(crate) fn set_field_options(&mut self, kind: Kind, id: u64, options: Vec<FieldOption>) -> Result<(), Refusal> {
        let (at, now) = (self.field_place(kind, id)?, self.now());
        let before = self.fields[kind.index()][at].clone();
        if !before.has_choices() {
            return Err(Refusal::invalid("custom_field_options", "Field has no options", "InvalidValue"));
        }
        let choices: Vec<Choice> = options
            .into_iter()
            .map(|option| {
                let known = before.choices.iter().find(|choice| choice.value == option.value).map(|choice| choice.id);
                Choice { id: known.unwrap_or_else(|| self.next_id()), name: option.name, value: option.value }
            })
            .collect();
        let dropped: Vec<String> = before
            .choices
            .iter()
            .filter(|choice| !choices.iter().any(|kept| kept.value == choice.value))
            .map(|choice| choice.value.clone())
            .collect();
        let field = &mut self.fields[kind.index()][at];
        (field.choices, field.updated) = (choices, now);
        if !dropped.is_empty() {
            for holder in self.holders(kind, id) {
                self.clear_value(kind, holder, &before, |value| match value {
                    Val::Text(text) => dropped.iter().any(|gone| **gone == **text),
                    Val::Json(list) => list.as_array().into_iter().flatten().any(|item| dropped.iter().any(|gone| item == gone.as_str())),
                    _ => false,
                });
            }
        }
        Ok(())
    }

    fn field_json(&self, kind: Kind, field: &Field) -> Value {
        let family = format!("{}_fields", kind.singular());
        let mut shown = json!({
            "url": self.url(&format!("{family}/{}", field.id)), "id": field.id, "type": field.ty, "key": field.key, "title": field.title,
            "raw_title": field.title, "description": field.description, "raw_description": field.description, "position": field.position,
            "active": field.active, "regexp_for_validation": field.regexp, "tag": field.tag, "created_at": iso(field.created),
            "updated_at": iso(field.updated),
        });
        if kind == Kind::Ticket {
            for (name, value) in [
                ("required", json!(field.required)),
                ("collapsed_for_agents", json!(false)),
                ("title_in_portal", json!(field.title)),
                ("raw_title_in_portal", json!(field.title)),
                ("visible_in_portal", json!(false)),
                ("editable_in_portal", json!(false)),
                ("required_in_portal", json!(false)),
                ("agent_description", Value::Null),
                ("removable", json!(!field.system)),
            ] {
                shown[name] = value;
            }
            if field.key.is_empty() {
                shown["key"] = Value::Null;
            }
        } else {
            shown["system"] = json!(field.system);
        }
        if field.has_choices() {
            shown["custom_field_options"] = field.choices.iter().map(choice_json).collect();
        }
        if field.system && matches!(field.ty.as_str(), "priority" | "tickettype" | "status") {
            let values: &[&str] = match field.ty.as_str() {
                "priority" => &["low", "normal", "high", "urgent"],
                "tickettype" => &["question", "incident", "problem", "task"],
                _ => super::attributes::STATUSES,
            };
            shown["system_field_options"] =
                values.iter().map(|value| json!({"name": super::users::title(value), "value": value})).collect();
        }
        shown
    }

    /// Routes below `/user_fields`, `/organization_fields` and `/ticket_fields`.
    pub(crate) fn field_routes(&mut self, call: &Call, kind: Kind) -> Outcome {
        self.staff_only(call)?;
        if call.method != "GET" && self.role(call.actor) != "admin" {
            return Err(Refusal::forbidden());
        }
        let (one, many): (&str, &'static str) = match kind {
            Kind::User => ("user_field", "user_fields"),
            Kind::Organization => ("organization_field", "organization_fields"),
            Kind::Ticket => ("ticket_field", "ticket_fields"),
        };
        let path = call.path();
        let answer = |state: &Self, id: u64| -> Result<Value, Refusal> {
            let at = state.field_place(kind, id)?;
            Ok(Value::Object(Map::from_iter([(one.to_owned(), state.field_json(kind, &state.fields_of(kind)[at]))])))
        };
        // Fields of users and organizations answer to their key as well.
        let place = |state: &Self, text: &str| -> Result<u64, Refusal> {
            let by_key = state.fields_of(kind).iter().find(|field| kind != Kind::Ticket && field.key == text).map(|field| field.id);
            by_key.map_or_else(|| id(text), Ok)
        };
        match (call.method.as_str(), &path[1..]) {
            ("GET", []) => {
                let ids = self.fields_of(kind).iter().map(|field| field.id).collect();
                listing(call, Listing::as_is(many, ids), |id| {
                    self.fields_of(kind).iter().find(|field| field.id == id).map(|field| self.field_json(kind, field))
                })
            }
            ("GET", ["count"]) => Ok(Answer::ok(json!({"count": {"value": self.fields_of(kind).len(), "refreshed_at": iso(self.now())}}))),
            ("POST", []) => {
                let spec = spec_of(call.object(one)?);
                let made = self.add_field(kind, spec)?;
                self.edit_field(kind, made, call.object(one)?)?;
                Ok(Answer::created(answer(self, made)?, call.at(&format!("{many}/{made}.json"))))
            }
            ("GET", [which]) => Ok(Answer::ok(answer(self, place(self, which)?)?)),
            ("PUT", [which]) => {
                let which = place(self, which)?;
                self.edit_field(kind, which, call.object(one)?)?;
                Ok(Answer::ok(answer(self, which)?))
            }
            ("DELETE", [which]) => {
                let which = place(self, which)?;
                self.remove_field(kind, which)?;
                Ok(Answer::empty())
            }
            ("GET", [which, "options"]) => {
                let which = place(self, which)?;
                let at = self.field_place(kind, which)?;
                let choices = self.fields_of(kind)[at].choices.clone();
                let ids = choices.iter().map(|choice| choice.id).collect();
                listing(call, Listing::as_is("custom_field_options", ids), |id| {
                    choices.iter().find(|choice| choice.id == id).map(choice_json)
                })
            }
            ("POST", [which, "options"]) => self.upsert_option(call, kind, place(self, which)?),
            ("GET", [which, "options", option]) => {
                let (at, option) = (self.field_place(kind, place(self, which)?)?, id(option)?);
                let choice = self.fields_of(kind)[at].choices.iter().find(|choice| choice.id == option).ok_or_else(Refusal::missing)?;
                Ok(Answer::ok(json!({"custom_field_option": choice_json(choice)})))
            }
            ("DELETE", [which, "options", option]) => {
                let (which, option) = (place(self, which)?, id(option)?);
                let at = self.field_place(kind, which)?;
                let choices = &self.fields_of(kind)[at].choices;
                if !choices.iter().any(|choice| choice.id == option) {
                    return Err(Refusal::missing());
                }
                let kept = choices
                    .iter()
                    .filter(|choice| choice.id != option)
                    .map(|choice| FieldOption { name: choice.name.clone(), value: choice.value.clone() })
                    .collect();
                self.set_field_options(kind, which, kept)?;
                Ok(Answer::empty())
            }
            _ => Err(Refusal::no_route()),
        }
    }

    fn edit_field(&mut self, kind: Kind, id: u64, given: &Map<String, Value>) -> Result<(), Refusal> {
        let (at, now) = (self.field_place(kind, id)?, self.now());
        let text = |name: &str| given.get(name).and_then(Value::as_str).map(str::to_owned);
        let title = text("title").filter(|title| *title != self.fields[kind.index()][at].title);
        let field = &mut self.fields[kind.index()][at];
        if let Some(description) = text("description") {
            field.description = description;
        }
        if let Some(active) = given.get("active").and_then(Value::as_bool) {
            field.active = active;
        }
        if let Some(required) = given.get("required").and_then(Value::as_bool) {
            field.required = required;
        }
        if given.contains_key("regexp_for_validation") {
            field.regexp = text("regexp_for_validation");
        }
        field.updated = now;
        if let Some(title) = title {
            self.rename_field(kind, id, &title)?;
        }
        if given.contains_key("custom_field_options") {
            self.set_field_options(kind, id, options_of(given))?;
        }
        Ok(())
    }

    fn upsert_option(&mut self, call: &Call, kind: Kind, which: u64) -> Outcome {
        let given = call.object("custom_field_option")?;
        let text = |name: &str| given.get(name).and_then(Value::as_str).map(str::to_owned);
        let at = self.field_place(kind, which)?;
        let known = given.get("id").and_then(id_in);
        let (name, value) = (text("name").unwrap_or_default(), text("value").unwrap_or_default());
        if value.is_empty() || name.is_empty() {
            return Err(Refusal::invalid("value", "Value: cannot be blank", "BlankValue"));
        }
        let choices = &self.fields[kind.index()][at].choices;
        if choices.iter().any(|choice| choice.value == value && Some(choice.id) != known) {
            return Err(Refusal::invalid("value", &format!("Value: {value} has already been taken"), "DuplicateValue"));
        }
        let fresh = self.next_id();
        let choices = &mut self.fields[kind.index()][at].choices;
        let (status, choice) = match known {
            Some(known) => {
                let held = choices.iter_mut().find(|choice| choice.id == known).ok_or_else(Refusal::missing)?;
                (held.name, held.value) = (name, value);
                (200, held.clone())
            }
            None => {
                let made = Choice { id: fresh, name, value };
                choices.push(made.clone());
                (201, made)
            }
        };
        let location = call.at(&format!("{}_fields/{which}/options/{}.json", kind.singular(), choice.id));
        Ok(Answer::created(json!({"custom_field_option": choice_json(&choice)}), location).status(status))
    }
}

fn choice_json(choice: &Choice) -> Value {
    json!({"id": choice.id, "name": choice.name, "raw_name": choice.name, "value": choice.value, "default": false})
}

fn options_of(given: &Map<String, Value>) -> Vec<FieldOption> {
    given
        .get("custom_field_options")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|option| Some(FieldOption { name: option["name"].as_str()?.to_owned(), value: option["value"].as_str()?.to_owned() }))
        .collect()
}

/// A field as the API's body describes it.
pub(crate) fn spec_of(given: &Map<String, Value>) -> FieldSpec {
    let text = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    FieldSpec {
        key: text("key"),
        title: text("title"),
        ty: text("type"),
        options: options_of(given),
        tag: given.get("tag").and_then(Value::as_str).map(str::to_owned),
    }
}
