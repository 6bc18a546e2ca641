//! Field definitions: Pipedrive's own, and custom ones under random codes of forty hexadecimal digits.

use http::Method;
use serde_json::{Value, json};

use super::call::Call;
use super::kinds::Kind;
use super::moment::iso;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;

/// Types that a custom field can have.
const CREATABLE: &[&str] = &[
    "varchar",
    "varchar_auto",
    "text",
    "double",
    "monetary",
    "date",
    "daterange",
    "time",
    "timerange",
    "set",
    "enum",
    "phone",
    "address",
    "user",
    "org",
    "people",
];

/// A choice of a list.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) id: u64,
    pub(crate) label: String,
}

/// One field.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) ty: String,
    pub(crate) choices: Vec<Choice>,
    pub(crate) custom: bool,
    added_ms: i64,
}

impl Field {
    pub(crate) fn has(&self, choice: u64) -> bool {
        self.choices.iter().any(|known| known.id == choice)
    }

    fn shown(&self) -> Value {
        let listed = matches!(self.ty.as_str(), "enum" | "set" | "status" | "visible_to" | "varchar_options");
        let choices: Vec<Value> =
            self.choices.iter().map(|choice| json!({"id": choice.id, "label": choice.label, "add_time": iso(self.added_ms)})).collect();
        let part = |code: &str, ty: &str| json!({"field_code": code, "field_name": code, "field_type": ty});
        let parts = match self.ty.as_str() {
            "monetary" => json!([part("currency", "varchar")]),
            "daterange" => json!([part("until", "date")]),
            "time" => json!([part("timezone_name", "varchar")]),
            "timerange" => json!([part("until", "time"), part("timezone_name", "varchar")]),
            _ => Value::Null,
        };
        json!({
            "field_name": self.name, "field_code": self.code, "field_type": self.ty, "options": if listed { json!(choices) } else { Value::Null },
            "subfields": parts, "is_custom_field": self.custom, "is_optional_response_field": false,
        })
    }
}

/// Pipedrive's own fields of an object.
pub(crate) fn built_in(kind: Kind, now_ms: i64) -> Vec<Field> {
    let of = |code: &str, name: &str, ty: &str, labels: &[(u64, &str)]| Field {
        code: code.to_owned(),
        name: name.to_owned(),
        ty: ty.to_owned(),
        choices: labels.iter().map(|(id, label)| Choice { id: *id, label: (*label).to_owned() }).collect(),
        custom: false,
        added_ms: now_ms,
    };
    let levels: &[(u64, &str)] = &[(1, "Owner only"), (3, "All users"), (5, "Owner's visibility group"), (7, "Group and sub-groups")];
    let common = |first: Field, labels: &[(u64, &str)]| {
        vec![
            of("id", "ID", "int", &[]),
            first,
            of("owner_id", "Owner", "user", &[]),
            of("label_ids", "Labels", "set", labels),
            of("visible_to", "Visible to", "visible_to", levels),
            of("add_time", "Created", "date", &[]),
            of("update_time", "Updated", "date", &[]),
        ]
    };
    let warmth: &[(u64, &str)] = &[(5, "Customer"), (6, "Hot lead"), (7, "Warm lead"), (8, "Cold lead")];
    match kind {
        Kind::Person => {
            let mut all = common(of("name", "Name", "varchar", &[]), warmth);
            all.extend([
                of("emails", "Email", "varchar", &[]),
                of("phones", "Phone", "phone", &[]),
                of("org_id", "Organization", "org", &[]),
            ]);
            all
        }
        Kind::Organization => {
            let mut all = common(of("name", "Name", "varchar", &[]), warmth);
            all.extend([
                of("address", "Address", "address", &[]),
                of("website", "Website", "varchar", &[]),
                of("industry", "Industry", "enum", &[(21, "Software"), (22, "Manufacturing"), (23, "Retail")]),
                of("annual_revenue", "Annual revenue", "double", &[]),
                of("employee_count", "Number of employees", "double", &[]),
            ]);
            all
        }
        Kind::Deal => {
            let mut all = common(of("title", "Title", "varchar", &[]), &[(11, "Hot"), (12, "Cold")]);
            all.extend([
                of("value", "Value", "monetary", &[]),
                of("status", "Status", "status", &[(1, "Open"), (2, "Won"), (3, "Lost")]),
                of("stage_id", "Stage", "stage", &[]),
                of("person_id", "Contact person", "people", &[]),
                of("org_id", "Organization", "org", &[]),
                of("expected_close_date", "Expected close date", "date", &[]),
            ]);
            all
        }
        Kind::Activity => {
            vec![of("subject", "Subject", "varchar", &[]), of("due_date", "Due date", "date", &[]), of("done", "Done", "boolean", &[])]
        }
        Kind::Lead | Kind::Note => Vec::new(),
    }
}

impl State {
    /// The custom fields of an object; leads have those of deals.
    pub(crate) fn custom_fields(&self, kind: Kind) -> impl Iterator<Item = &Field> {
        let of = kind.schema().and_then(|kind| self.fields.get(&kind));
        of.into_iter().flatten().filter(|field| field.custom)
    }

    /// A field of an object by its code.
    pub(crate) fn field(&self, kind: Kind, code: &str) -> Option<&Field> {
        kind.schema().and_then(|kind| self.fields.get(&kind)).into_iter().flatten().find(|field| field.code == code)
    }

    /// Makes a custom field; its code.
    ///
    /// # Errors
    /// As Pipedrive refuses it.
    pub(crate) fn add_field(&mut self, kind: Kind, body: &Value) -> Result<String, Refusal> {
        let name =
            body["field_name"].as_str().filter(|name| !name.trim().is_empty()).ok_or_else(|| Refusal::flaw("field_name", "is required"))?;
        let ty = body["field_type"].as_str().unwrap_or_default();
        if !CREATABLE.contains(&ty) {
            return Err(Refusal::flaw("field_type", format!("must be one of {}", CREATABLE.join(", "))));
        }
        let known = ["field_name", "field_type", "options", "ui_visibility", "important_fields", "required_fields", "description"];
        if let Some(stranger) = body.as_object().into_iter().flatten().map(|(name, _)| name).find(|name| !known.contains(&name.as_str())) {
            return Err(Refusal::flaw(stranger, "is not allowed"));
        }
        let labels: Vec<String> =
            body["options"].as_array().into_iter().flatten().filter_map(|option| option["label"].as_str().map(str::to_owned)).collect();
        if matches!(ty, "enum" | "set") && labels.is_empty() {
            return Err(Refusal::flaw("options", "is required for this type"));
        }
        if self.custom_fields(kind).count() >= self.options.custom_fields_max {
            return Err(
                Refusal::new(403, "The number of custom fields of the plan is reached").coded("feature_capping_custom_fields_limit")
            );
        }
        let code = self.hex(40);
        let choices = labels.into_iter().map(|label| Choice { id: self.next_choice(), label }).collect();
        let field = Field { code: code.clone(), name: name.to_owned(), ty: ty.to_owned(), choices, custom: true, added_ms: self.now_ms };
        self.fields.entry(kind).or_default().push(field);
        Ok(code)
    }

    /// Removes a custom field, and its values from every row.
    ///
    /// # Errors
    /// When there is none of that code.
    pub(crate) fn drop_field(&mut self, kind: Kind, code: &str) -> Result<(), Refusal> {
        let fields = self.fields.entry(kind).or_default();
        let at = fields.iter().position(|field| field.custom && field.code == code).ok_or_else(|| Refusal::missing("field"))?;
        fields.remove(at);
        for kind in Kind::ALL.into_iter().filter(|other| other.schema() == Some(kind)) {
            for record in self.records.get_mut(&kind).into_iter().flat_map(|rows| rows.values_mut()) {
                record.custom.remove(code);
            }
        }
        Ok(())
    }

    /// `/api/v2/{object}Fields/…`.
    pub(crate) fn field_routes(&mut self, call: &Call, kind: Kind, rest: &[&str]) -> Outcome {
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                let all: Vec<Value> = self.fields.get(&kind).into_iter().flatten().map(Field::shown).collect();
                let from = call.cursor()?;
                let limit = call.limit(100, 500)?;
                let page: Vec<Value> = all.iter().skip(from).take(limit).cloned().collect();
                let next = (from + page.len() < all.len()).then(|| super::call::cursor_text(from + page.len()));
                Ok(Answer::list(Value::from(page), json!({"next_cursor": next})))
            }
            ("GET", [code]) => self
                .fields
                .get(&kind)
                .into_iter()
                .flatten()
                .find(|field| field.code == *code)
                .map(|field| Answer::data(field.shown()))
                .ok_or_else(|| Refusal::missing("field")),
            _ if kind == Kind::Activity => Err(Refusal::new(405, "Method not allowed")),
            ("POST", []) => {
                let code = self.add_field(kind, &call.body)?;
                let made = self.fields.get(&kind).into_iter().flatten().find(|field| field.code == code).map(Field::shown);
                Ok(Answer::data(made.unwrap_or_default()))
            }
            ("PATCH", [code]) => {
                let name = call.body["field_name"].as_str().map(str::to_owned);
                let field = self.custom_mut(kind, code)?;
                if let Some(name) = name {
                    field.name = name;
                }
                Ok(Answer::data(field.shown()))
            }
            ("DELETE", [code]) => {
                self.drop_field(kind, code)?;
                Ok(Answer::data(json!({"field_code": code})))
            }
            (_, [code, "options"]) => self.choice_routes(call, kind, code),
            _ => Err(Refusal::route()),
        }
    }

    fn custom_mut(&mut self, kind: Kind, code: &str) -> Result<&mut Field, Refusal> {
        let fields = self.fields.entry(kind).or_default();
        fields.iter_mut().find(|field| field.custom && field.code == code).ok_or_else(|| Refusal::missing("field"))
    }

    fn choice_routes(&mut self, call: &Call, kind: Kind, code: &str) -> Outcome {
        let items = call.body.as_array().cloned().ok_or_else(|| Refusal::flaw("body", "must be an array"))?;
        let mut fresh: Vec<u64> = items.iter().map(|_| self.next_choice()).collect();
        let field = self.custom_mut(kind, code)?;
        for item in &items {
            let label = item["label"].as_str().map(str::to_owned);
            let at = item["id"].as_u64().and_then(|id| field.choices.iter().position(|choice| choice.id == id));
            match (&call.method, label, at) {
                (&Method::POST, Some(label), _) => field.choices.push(Choice { id: fresh.pop().unwrap_or_default(), label }),
                (&Method::PATCH, Some(label), Some(at)) => field.choices[at].label = label,
                (&Method::DELETE, _, Some(at)) => drop(field.choices.remove(at)),
                _ => return Err(Refusal::flaw("options", "is not valid")),
            }
        }
        Ok(Answer::data(field.shown()["options"].clone()))
    }
}
