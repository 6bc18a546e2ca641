//! Fields: Freshdesk's own, and those that an admin adds. Their names are made from their labels, and only read.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::moment::{day, iso};
use super::refusal::{Answer, Flaw, Outcome, Refusal};
use super::state::{Kind, State};

/// Characters of a line of text.
const LINE_MAX: usize = 255;

/// Types of custom fields that can be made here.
const TYPES: &[&str] = &[
    "custom_text",
    "custom_paragraph",
    "custom_checkbox",
    "custom_number",
    "custom_decimal",
    "custom_dropdown",
    "custom_date",
    "custom_url",
    "custom_phone_number",
];

/// A custom field.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) id: u64,
    pub(crate) name: String,
    label: String,
    pub(crate) ty: String,
    pub(crate) choices: Vec<String>,
    /// Whether agents, and writes over the API, must give it a value.
    pub(crate) required: bool,
    position: usize,
    created_ms: i64,
}

impl Field {
    fn shown(&self, kind: Kind) -> Value {
        let at = iso(self.created_ms);
        let mut shown = json!({
            "id": self.id, "name": self.name, "label": self.label, "label_for_customers": self.label, "type": self.ty, "default": false,
            "position": self.position, "required_for_agents": self.required, "required_for_customers": false, "customers_can_edit": false,
            "created_at": at, "updated_at": at,
        });
        if kind == Kind::Ticket {
            shown["description"] = Value::Null;
            shown["required_for_closure"] = json!(false);
            shown["displayed_to_customers"] = json!(false);
        } else {
            shown["displayed_for_agents"] = json!(true);
            shown["displayed_for_customers"] = json!(false);
            shown["quick_add_for_agent"] = json!(false);
            shown["unique"] = json!(false);
        }
        if self.ty == "custom_dropdown" {
            shown["choices"] = json!(self.choices);
        }
        shown
    }

    /// Checks a value; gives it as it is kept.
    ///
    /// # Errors
    /// The flaw of the value.
    pub(crate) fn checked(&self, value: &Value) -> Result<Value, Flaw> {
        let flaw = |wanted: &str| Flaw::of_type(&self.name, value, wanted);
        match (self.ty.as_str(), value) {
            (_, Value::Null) => Ok(Value::Null),
            ("custom_checkbox", Value::Bool(_)) => Ok(value.clone()),
            ("custom_checkbox", _) => Err(flaw("Boolean")),
            ("custom_number", Value::Number(number)) if number.is_i64() => Ok(value.clone()),
            ("custom_number", _) => Err(flaw("Integer")),
            ("custom_decimal", Value::Number(_)) => Ok(value.clone()),
            ("custom_decimal", _) => Err(flaw("Number")),
            ("custom_date", Value::String(text)) => {
                let wrong = || Flaw::new(&self.name, "invalid_value", "It should be in the 'YYYY-MM-DD' format");
                day(text).map(Value::String).ok_or_else(wrong)
            }
            ("custom_dropdown", Value::String(text)) if !self.choices.contains(text) => {
                Err(Flaw::new(&self.name, "invalid_value", format!("It should be one of these values: '{}'", self.choices.join(","))))
            }
            ("custom_text" | "custom_url" | "custom_phone_number", Value::String(text)) if text.chars().count() > LINE_MAX => {
                Err(Flaw::new(
                    &self.name,
                    "invalid_value",
                    format!("Has {} characters, it can have maximum of {LINE_MAX} characters", text.chars().count()),
                ))
            }
            (_, Value::String(text)) => Ok(if text.is_empty() { Value::Null } else { value.clone() }),
            _ => Err(flaw("String")),
        }
    }
}

/// Fields that every account has: name and type.
fn built_in(kind: Kind) -> &'static [(&'static str, &'static str)] {
    match kind {
        Kind::Contact => &[
            ("name", "default_name"),
            ("job_title", "default_job_title"),
            ("email", "default_email"),
            ("phone", "default_phone"),
            ("mobile", "default_mobile"),
            ("unique_external_id", "default_unique_external_id"),
            ("twitter_id", "default_twitter_id"),
            ("company_name", "default_company_name"),
            ("address", "default_address"),
            ("time_zone", "default_time_zone"),
            ("language", "default_language"),
            ("tag_names", "default_tag_names"),
            ("description", "default_description"),
        ],
        Kind::Company => &[
            ("name", "default_name"),
            ("description", "default_description"),
            ("note", "default_note"),
            ("domains", "default_domains"),
            ("health_score", "default_health_score"),
            ("account_tier", "default_account_tier"),
            ("renewal_date", "default_renewal_date"),
            ("industry", "default_industry"),
        ],
        Kind::Ticket => &[
            ("requester", "default_requester"),
            ("subject", "default_subject"),
            ("ticket_type", "default_ticket_type"),
            ("source", "default_source"),
            ("status", "default_status"),
            ("priority", "default_priority"),
            ("group", "default_group"),
            ("agent", "default_agent"),
            ("description", "default_description"),
            ("company", "default_company"),
        ],
    }
}

/// Choices of Freshdesk's own ticket fields, each in the shape that field has.
fn choices(name: &str) -> Option<Value> {
    match name {
        "ticket_type" => Some(json!(super::tickets::TYPES)),
        "status" => Some(json!({
            "2": ["Open", "Being Processed"], "3": ["Pending", "Awaiting your Reply"], "4": ["Resolved", "This ticket has been Resolved"],
            "5": ["Closed", "This ticket has been Closed"], "6": ["Waiting on Customer", "Awaiting your Reply"],
            "7": ["Waiting on Third Party", "Being Processed"],
        })),
        "priority" => Some(json!({"Low": 1, "Medium": 2, "High": 3, "Urgent": 4})),
        "source" => Some(json!({"Email": 1, "Portal": 2, "Phone": 3, "Chat": 7, "Feedback Widget": 9, "Outbound Email": 10})),
        _ => None,
    }
}

/// `Support health (score)` → `support_health_score`.
fn name_of(kind: Kind, label: &str) -> String {
    let spaced: String = label.to_lowercase().chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { ' ' }).collect();
    let name = spaced.split_whitespace().collect::<Vec<_>>().join("_");
    if kind == Kind::Ticket { format!("cf_{name}") } else { name }
}

impl State {
    /// Adds a custom field: `label`, `type`, and `choices` for a list.
    ///
    /// # Errors
    /// As Freshdesk refuses it.
    pub(crate) fn add_field(&mut self, kind: Kind, definition: &Map<String, Value>) -> Result<Value, Refusal> {
        let text = |name: &str| definition.get(name).and_then(Value::as_str).unwrap_or_default();
        let (label, ty) = (text("label"), text("type"));
        if label.is_empty() {
            return Err(Refusal::flaw(Flaw::missing("label")));
        }
        if !TYPES.contains(&ty) {
            let message = format!("It should be one of these values: '{}'", TYPES.join(","));
            return Err(Refusal::flaw(Flaw::new("type", "invalid_value", message)));
        }
        let name = name_of(kind, label);
        let default = built_in(kind).iter().any(|(known, _)| *known == name);
        if default || self.fields[kind.index()].iter().any(|field| field.name == name) {
            return Err(Refusal::flaw(Flaw::taken("label", None)));
        }
        let listed = definition.get("choices").and_then(Value::as_array);
        let choice = |item: &Value| item.as_str().or_else(|| item["value"].as_str()).map(str::to_owned);
        let field = Field {
            id: self.next_id(),
            name,
            label: label.to_owned(),
            ty: ty.to_owned(),
            choices: listed.into_iter().flatten().filter_map(choice).collect(),
            required: definition.get("required_for_agents").and_then(Value::as_bool).unwrap_or(false),
            position: built_in(kind).len() + self.fields[kind.index()].len() + 1,
            created_ms: self.now_ms,
        };
        let shown = field.shown(kind);
        self.fields[kind.index()].push(field);
        Ok(shown)
    }

    /// Removes a custom field with all its values.
    ///
    /// # Errors
    /// When there is none of that name.
    pub(crate) fn drop_field(&mut self, kind: Kind, name: &str) -> Result<(), Refusal> {
        let at = self.fields[kind.index()].iter().position(|field| field.name == name).ok_or_else(Refusal::missing)?;
        self.fields[kind.index()].remove(at);
        for record in self.records[kind.index()].values_mut() {
            record.custom.remove(name);
        }
        Ok(())
    }

    /// `/{object}_fields/…` and `/admin/ticket_fields/…`.
    pub(crate) fn field_routes(&mut self, call: &Call, kind: Kind, rest: &[&str]) -> Outcome {
        let collection = call.path.join("/");
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                let own = built_in(kind).iter().enumerate().map(|(at, (name, ty))| {
                    let mut shown = json!({"id": at + 1, "name": name, "label": name, "type": ty, "default": true, "position": at + 1});
                    if let Some(choices) = choices(name).filter(|_| kind == Kind::Ticket) {
                        shown["choices"] = choices;
                    }
                    shown
                });
                let custom = self.fields[kind.index()].iter().map(|field| field.shown(kind));
                let asked = |field: &Value| call.query("type").is_none_or(|ty| field["type"] == ty);
                Ok(Answer::ok(Value::Array(own.chain(custom).filter(asked).collect())))
            }
            ("POST", []) => {
                let made = self.add_field(kind, &call.body)?;
                let location = format!("{}/{}", call.address, made["id"]);
                Ok(Answer::created(made, location))
            }
            ("GET" | "PUT" | "DELETE", [id]) => {
                let found = self.fields[kind.index()].iter().position(|field| field.id.to_string() == *id).ok_or_else(Refusal::missing)?;
                match call.method.as_str() {
                    "DELETE" => {
                        let name = self.fields[kind.index()][found].name.clone();
                        self.drop_field(kind, &name)?;
                        return Ok(Answer::nothing());
                    }
                    "PUT" => {
                        let field = &mut self.fields[kind.index()][found];
                        let listed = call.body.get("choices").and_then(Value::as_array);
                        let choice = |item: &Value| item.as_str().or_else(|| item["value"].as_str()).map(str::to_owned);
                        if let Some(listed) = listed {
                            field.choices = listed.iter().filter_map(choice).collect();
                        }
                        if let Some(label) = call.body.get("label").and_then(Value::as_str) {
                            label.clone_into(&mut field.label);
                        }
                    }
                    _ => {}
                }
                Ok(Answer::ok(self.fields[kind.index()][found].shown(kind)))
            }
            _ => Err(Refusal::method(call.method.as_str(), if collection.contains("ticket") { "GET" } else { "GET, POST" })),
        }
    }
}
