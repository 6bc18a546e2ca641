//! Data attributes: custom fields of contacts and companies, which must be made before they are used; and those of conversations, which have a
//! resource of their own from version 2.16 on. Attributes of conversations that hold files or other rows are not simulated.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::{Kind, State};
use super::text::{escaped, id, seconds};

/// Longest text, in characters.
pub(crate) const TEXT_MAX: usize = 255;
/// Custom attributes of contacts at most.
const ATTRIBUTES_MAX: usize = 250;
/// Types that can be asked for, and the type that is shown then.
const TYPES: &[(&str, &str)] = &[
    ("string", "string"),
    ("integer", "integer"),
    ("float", "float"),
    ("boolean", "boolean"),
    ("date", "date"),
    ("datetime", "date"),
    ("options", "string"),
];
/// Types of attributes of conversations: as they are asked for and shown from 2.16 on, and as data attributes have them.
const CONVERSATION_TYPES: &[(&str, &str)] =
    &[("string", "string"), ("integer", "integer"), ("decimal", "float"), ("boolean", "boolean"), ("datetime", "date"), ("list", "string")];
/// The version from which on attributes of conversations have a resource of their own: 2.16.
const OWN_RESOURCE: u16 = 16;
/// Attributes of each model that are there by themselves.
const OWN: &[(&str, &str, &str)] = &[
    ("contact", "name", "string"),
    ("contact", "email", "string"),
    ("contact", "phone", "string"),
    ("contact", "external_id", "string"),
    ("contact", "role", "string"),
    ("contact", "owner_id", "integer"),
    ("contact", "updated_at", "date"),
    ("contact", "created_at", "date"),
    ("company", "name", "string"),
    ("company", "company_id", "string"),
    ("company", "plan", "string"),
    ("company", "size", "integer"),
    ("company", "website", "string"),
    ("company", "industry", "string"),
    ("company", "monthly_spend", "float"),
    ("company", "updated_at", "date"),
];

/// A custom attribute.
#[derive(Debug, Clone)]
pub(crate) struct Attribute {
    id: String,
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// As it is shown.
    ty: &'static str,
    options: Vec<String>,
    description: String,
    archived: bool,
    /// Who made it.
    admin: String,
    created_ms: i64,
    updated_ms: i64,
}

impl Attribute {
    fn shown(&self) -> Value {
        let mut shown = json!({
            "type": "data_attribute", "id": self.id.parse::<u64>().unwrap_or_default(), "model": self.kind.singular(), "name": self.name,
            "full_name": format!("custom_attributes.{}", self.name), "label": self.name, "description": self.description, "data_type": self.ty,
            "api_writable": true, "ui_writable": true, "messenger_writable": false, "custom": true, "archived": self.archived,
            "created_at": seconds(self.created_ms), "updated_at": seconds(self.updated_ms), "admin_id": self.admin,
        });
        if !self.options.is_empty() {
            shown["options"] = self.options.iter().map(|value| json!({"value": escaped(value)})).collect();
        }
        shown
    }

    /// As `/conversations/attributes` shows it.
    fn shown_of_conversations(&self) -> Value {
        let listed = !self.options.is_empty();
        let ty = CONVERSATION_TYPES.iter().find(|(name, held)| if listed { *name == "list" } else { *held == self.ty });
        let mut shown = json!({
            "type": "conversation_attribute", "id": self.id.parse::<u64>().unwrap_or_default(), "name": self.name,
            "description": self.description, "data_type": ty.map_or(self.ty, |(name, _)| *name), "required": false, "visible_to_team_ids": [],
            "archived": self.archived, "created_at": seconds(self.created_ms), "updated_at": seconds(self.updated_ms), "admin_id": self.admin,
        });
        if listed {
            let option = |(at, label): (usize, &String)| json!({"id": self.option_id(at), "label": escaped(label), "archived": false});
            shown["options"] = self.options.iter().enumerate().map(option).collect();
        } else if self.ty == "string" {
            shown["multiline"] = json!(false);
        }
        shown
    }

    /// Id of an option, made of the attribute's and its place.
    fn option_id(&self, at: usize) -> String {
        format!("00000000-0000-4000-8000-{:06}{at:06}", self.id.parse::<u64>().unwrap_or_default() % 1_000_000)
    }

    fn checked(&self, value: &Value) -> Result<Value, Refusal> {
        let wrong = |wanted: &str| Refusal::parameter(&self.name, format!("Custom attribute '{}' must be {wanted}", self.name));
        match (self.ty, value) {
            (_, Value::Null) | ("boolean", Value::Bool(_)) | ("float", Value::Number(_)) => Ok(value.clone()),
            ("integer" | "date", Value::Number(number)) if number.is_i64() => Ok(value.clone()),
            ("integer", _) => Err(wrong("an integer")),
            ("float", _) => Err(wrong("a float")),
            ("boolean", _) => Err(wrong("a boolean")),
            ("date", _) => Err(wrong("a date in seconds since 1970")),
            (_, Value::String(text)) if text.is_empty() => Ok(Value::Null),
            (_, Value::String(text)) if !self.options.is_empty() && !self.options.contains(text) => Err(wrong("one of its options")),
            (_, Value::String(text)) if text.chars().count() > TEXT_MAX => {
                let message = format!("Custom attribute '{}' is too long (maximum is {TEXT_MAX} characters)", self.name);
                Err(Refusal { status: 422, ..Refusal::parameter(&self.name, message) })
            }
            (_, Value::String(_)) => Ok(value.clone()),
            (_, Value::Number(_) | Value::Bool(_)) => Ok(Value::String(value.to_string())),
            _ => Err(wrong("a string")),
        }
    }
}

/// `[{"value": "a"}]`, `[{"label": "a"}]`, `["a"]`.
fn options(body: &Map<String, Value>) -> Vec<String> {
    let listed = body.get("options").and_then(Value::as_array).into_iter().flatten();
    listed
        .filter_map(|item| item.as_str().or_else(|| item["value"].as_str()).or_else(|| item["label"].as_str()))
        .map(str::to_owned)
        .collect()
}

impl State {
    /// Checks custom attributes of a write: every one must have been made, and be of its type.
    pub(crate) fn custom_checked(&self, kind: Kind, given: Option<&Value>) -> Result<Map<String, Value>, Refusal> {
        let mut checked = Map::new();
        let given = match given {
            None | Some(Value::Null) => return Ok(checked),
            Some(Value::Object(given)) => given,
            Some(_) => return Err(Refusal::parameter("custom_attributes", "custom_attributes must be an object")),
        };
        for (name, value) in given {
            let known = self.attributes.iter().find(|known| known.kind == kind && known.name == *name && !known.archived);
            let known = known.ok_or_else(|| Refusal::parameter(name, format!("Custom attribute '{name}' does not exist")))?;
            checked.insert(name.clone(), known.checked(value)?);
        }
        Ok(checked)
    }

    /// Adds an attribute: `name`, `data_type`, `options`, `description`.
    pub(crate) fn add_attribute(&mut self, kind: Kind, body: &Map<String, Value>) -> Result<Value, Refusal> {
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let name = text("name");
        if name.is_empty() {
            return Err(Refusal::absent("name"));
        }
        if name.contains(['.', '$']) {
            return Err(Refusal::parameter("name", "Your name for this attribute can't contain '.' or '$'"));
        }
        let ty = if kind == Kind::Conversation {
            let wanted = text("data_type");
            let ty = CONVERSATION_TYPES.iter().find(|(asked, _)| *asked == wanted).map(|(_, ty)| *ty);
            ty.ok_or_else(|| Refusal::new(422, "parameter_invalid", format!("data_type '{wanted}' is not valid.")))?
        } else {
            let wanted = if options(body).is_empty() { text("data_type") } else { "options" };
            let ty = TYPES.iter().find(|(asked, _)| *asked == wanted).map(|(_, ty)| *ty);
            ty.ok_or_else(|| Refusal::parameter("data_type", "data_type is not supported"))?
        };
        if self.attributes.iter().any(|known| known.kind == kind && known.name.eq_ignore_ascii_case(name)) {
            return Err(Refusal::parameter("name", format!("You already have '{name}' in your {} data.", kind.singular())));
        }
        if kind == Kind::Contact && self.attributes.iter().filter(|known| known.kind == kind).count() >= ATTRIBUTES_MAX {
            return Err(Refusal::parameter("name", "You have reached the limit of 250 attributes"));
        }
        let attribute = Attribute {
            id: self.small_id(),
            kind,
            name: name.to_owned(),
            ty,
            options: options(body),
            description: text("description").to_owned(),
            archived: false,
            admin: self.us(),
            created_ms: self.now_ms,
            updated_ms: self.now_ms,
        };
        let shown = attribute.shown();
        self.attributes.push(attribute);
        Ok(shown)
    }

    /// Archives an attribute; its values are shown no more.
    pub(crate) fn archive_attribute(&mut self, kind: Kind, name: &str) -> Result<(), Refusal> {
        let known = self.attributes.iter_mut().find(|known| known.kind == kind && known.name == name).ok_or_else(Refusal::nothing)?;
        known.archived = true;
        for record in self.records[kind.index()].values_mut() {
            record.custom.remove(name);
        }
        Ok(())
    }

    /// `/data_attributes/…`
    pub(crate) fn attribute_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        let of_conversations = call.version < OWN_RESOURCE && call.method == http::Method::GET;
        let kind = match call.query("model").or_else(|| call.text("model")) {
            None => None,
            Some("contact") => Some(Kind::Contact),
            Some("company") => Some(Kind::Company),
            Some("conversation") if of_conversations => Some(Kind::Conversation),
            Some("conversation") => {
                let message = "model=conversation is no longer supported. Use GET /conversations/attributes instead";
                return Err(Refusal::new(422, "parameter_invalid", message));
            }
            Some(_) => return Err(Refusal::new(422, "parameter_invalid", "model must be contact or company")),
        };
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                let all = call.query("include_archived") == Some("true");
                let model = kind.map(Kind::singular);
                let own = OWN.iter().filter(|(of, ..)| model.is_none_or(|model| model == *of)).map(|(of, name, ty)| {
                    json!({"type": "data_attribute", "model": of, "name": name, "full_name": name, "label": name, "description": "",
                           "data_type": ty, "api_writable": true, "ui_writable": true, "messenger_writable": false, "custom": false, "archived": false})
                });
                let shown =
                    |known: &&Attribute| kind.map_or(of_conversations || known.kind != Kind::Conversation, |kind| known.kind == kind);
                let custom = self.attributes.iter().filter(shown).filter(|known| all || !known.archived);
                super::call::list(own.chain(custom.map(Attribute::shown)).collect())
            }
            ("POST", []) => {
                let kind = kind.ok_or_else(|| Refusal::absent("model"))?;
                self.add_attribute(kind, &call.body).map(Answer::ok)
            }
            ("PUT", [wanted]) => {
                self.changed_attribute(wanted, |kind| kind != Kind::Conversation, &call.body).map(|known| Answer::ok(known.shown()))
            }
            _ => Err(Refusal::nothing()),
        }
    }

    /// `/conversations/attributes/…`, from 2.16 on; before, there is no conversation of that id.
    pub(crate) fn conversation_attribute_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        if call.version < OWN_RESOURCE {
            return Err(Refusal::nothing());
        }
        let of_conversations = |kind: Kind| kind == Kind::Conversation;
        let told = |known: &Attribute| Answer::ok(known.shown_of_conversations());
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                let all = call.query("include_archived") == Some("true");
                let known = self.attributes.iter().filter(|known| of_conversations(known.kind) && (all || !known.archived));
                super::call::list(known.map(Attribute::shown_of_conversations).collect())
            }
            ("POST", []) => {
                self.add_attribute(Kind::Conversation, &call.body)?;
                self.attributes.last().map(told).ok_or_else(Refusal::nothing)
            }
            ("GET", [wanted]) => self.attribute_of(wanted, of_conversations).map(|known| told(known)),
            ("PUT", [wanted]) => self.changed_attribute(wanted, of_conversations, &call.body).map(told),
            ("DELETE", [wanted]) => {
                let name = self.attribute_of(wanted, of_conversations)?.name.clone();
                self.archive_attribute(Kind::Conversation, &name)?;
                self.attribute_of(wanted, of_conversations).map(|known| told(known))
            }
            ("POST", [wanted, "options"]) => {
                let label = call.text("label").ok_or_else(|| Refusal::absent("label"))?.to_owned();
                let now = self.now_ms;
                let known = self.attribute_of(wanted, of_conversations)?;
                if known.options.contains(&label) {
                    return Err(Refusal::parameter("label", format!("There is an option '{label}' already")));
                }
                known.options.push(label);
                known.updated_ms = now;
                Ok(told(known))
            }
            ("PUT", [wanted, "options", option]) => {
                let label = call.text("label").ok_or_else(|| Refusal::absent("label"))?.to_owned();
                let known = self.attribute_of(wanted, of_conversations)?;
                let at = (0..known.options.len()).find(|at| known.option_id(*at) == *option).ok_or_else(Refusal::nothing)?;
                let before = std::mem::replace(&mut known.options[at], label.clone());
                let name = known.name.clone();
                let shown = told(known);
                for record in self.records[Kind::Conversation.index()].values_mut() {
                    if record.custom.get(&name).is_some_and(|value| *value == json!(before)) {
                        record.custom.insert(name.clone(), json!(label));
                    }
                }
                Ok(shown)
            }
            _ => Err(Refusal::nothing()),
        }
    }

    fn attribute_of(&mut self, wanted: &str, of: impl Fn(Kind) -> bool) -> Result<&mut Attribute, Refusal> {
        let found = self.attributes.iter_mut().find(|known| of(known.kind) && id(Some(&json!(known.id))).as_deref() == Some(wanted));
        found.ok_or_else(Refusal::nothing)
    }

    fn changed_attribute(&mut self, wanted: &str, of: impl Fn(Kind) -> bool, body: &Map<String, Value>) -> Result<&Attribute, Refusal> {
        let now = self.now_ms;
        let known = self.attribute_of(wanted, of)?;
        if let Some(archived) = body.get("archived").and_then(Value::as_bool) {
            known.archived = archived;
        }
        if let Some(description) = body.get("description").and_then(Value::as_str) {
            description.clone_into(&mut known.description);
        }
        if body.contains_key("options") {
            known.options = options(body);
        }
        known.updated_ms = now;
        Ok(known)
    }
}
