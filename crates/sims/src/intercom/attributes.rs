//! Data attributes: custom fields of contacts and companies, which must be made before they are used; and those of conversations.

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

/// `[{"value": "a"}]`, `["a"]`.
fn options(body: &Map<String, Value>) -> Vec<String> {
    let listed = body.get("options").and_then(Value::as_array).into_iter().flatten();
    listed.filter_map(|item| item.as_str().or_else(|| item["value"].as_str())).map(str::to_owned).collect()
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
        let wanted = if options(body).is_empty() { text("data_type") } else { "options" };
        let Some((_, ty)) = TYPES.iter().find(|(asked, _)| *asked == wanted) else {
            return Err(Refusal::parameter("data_type", "data_type is not supported"));
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

    /// `/data_attributes/…` and `/conversations/attributes/…`.
    pub(crate) fn attribute_routes(&mut self, call: &Call, conversations: bool, rest: &[&str]) -> Outcome {
        let model = if conversations { Some("conversation") } else { call.query("model").or_else(|| call.text("model")) };
        let kind = match model {
            None => None,
            Some("contact") => Some(Kind::Contact),
            Some("company") => Some(Kind::Company),
            Some("conversation") if conversations => Some(Kind::Conversation),
            Some(_) => return Err(Refusal::new(422, "parameter_invalid", "model must be contact or company")),
        };
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                let all = call.query("include_archived") == Some("true");
                let model = kind.map(Kind::singular);
                let own = OWN.iter().filter(|(of, ..)| !conversations && model.is_none_or(|model| model == *of)).map(|(of, name, ty)| {
                    json!({"type": "data_attribute", "model": of, "name": name, "full_name": name, "label": name, "description": "",
                           "data_type": ty, "api_writable": true, "ui_writable": true, "messenger_writable": false, "custom": false, "archived": false})
                });
                let custom = self
                    .attributes
                    .iter()
                    .filter(|known| kind.map_or(known.kind != Kind::Conversation, |kind| known.kind == kind) && (all || !known.archived));
                super::call::list(own.chain(custom.map(Attribute::shown)).collect())
            }
            ("POST", []) => {
                let kind = kind.ok_or_else(|| Refusal::absent("model"))?;
                self.add_attribute(kind, &call.body).map(Answer::ok)
            }
            ("PUT", [wanted]) => {
                let now = self.now_ms;
                let found = self.attributes.iter_mut().find(|known| id(Some(&json!(known.id))).as_deref() == Some(*wanted));
                let known = found.ok_or_else(Refusal::nothing)?;
                if let Some(archived) = call.body.get("archived").and_then(Value::as_bool) {
                    known.archived = archived;
                }
                if let Some(description) = call.body.get("description").and_then(Value::as_str) {
                    description.clone_into(&mut known.description);
                }
                if call.body.contains_key("options") {
                    known.options = options(&call.body);
                }
                known.updated_ms = now;
                Ok(Answer::ok(known.shown()))
            }
            _ => Err(Refusal::nothing()),
        }
    }
}
