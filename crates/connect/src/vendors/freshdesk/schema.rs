//! Schema: what fields there are, how Freshdesk calls them, and making more of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use entente_model::clock::Timestamp;
use entente_model::mapping::remote::{RemoteField, RemoteKind, RemoteObject};
use serde_json::{Value, json};

use crate::connector::{NewField, Priority};
use crate::error::VendorError;
use crate::transport::call::Call;

use super::Freshdesk;
use super::fields::{attribute, attributes};
use super::kind::Kind;
use super::map::id_text;
use super::refusal::{misfit, of_no_row};
use super::wire::send;
use crate::vendors::attribute::{Attribute, LINE, label};

/// How long a schema is believed before a missing field is looked up anew.
const BELIEF: Duration = Duration::from_secs(600);

/// A custom field as Freshdesk has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Custom {
    /// Name in rows and writes.
    pub name: String,
    /// Type, as others see it.
    pub kind: RemoteKind,
    /// Whether its numbers are whole ones.
    whole: bool,
    ty: String,
    id: Option<String>,
    label: String,
    choices: Vec<String>,
}

impl Custom {
    /// A value as Freshdesk takes it: numbers must not be texts.
    pub fn value(&self, value: &Value) -> Value {
        match (self.kind, value) {
            (_, Value::String(text)) if text.is_empty() => Value::Null,
            (RemoteKind::Number, Value::String(text)) => number(text).unwrap_or_else(|| value.clone()),
            (RemoteKind::Number, Value::Number(given)) if self.whole => number(&given.to_string()).unwrap_or_else(|| value.clone()),
            (RemoteKind::Text | RemoteKind::LongText, Value::Number(_) | Value::Bool(_)) => Value::String(value.to_string()),
            (RemoteKind::Text | RemoteKind::LongText, Value::Array(items)) => {
                Value::String(items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "))
            }
            _ => value.clone(),
        }
    }
}

fn number(text: &str) -> Option<Value> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return Some(Value::from(number));
    }
    let number: f64 = text.parse().ok()?;
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return Some(Value::from(number as i64));
    }
    serde_json::Number::from_f64(number).map(Value::Number)
}

/// Custom fields by their name in mappings, without the prefix that Freshdesk puts before some.
pub(crate) type Fields = BTreeMap<String, Custom>;

/// Custom fields per object as they were last read.
#[derive(Debug, Default)]
pub(crate) struct Schemas(tokio::sync::Mutex<BTreeMap<Kind, (Timestamp, Arc<Fields>)>>);

impl Freshdesk {
    /// The custom fields of an object, read anew unless they were a moment ago and hold all of `names`.
    pub(super) async fn fields_with(&self, kind: Kind, names: &BTreeSet<String>, priority: Priority) -> Result<Arc<Fields>, VendorError> {
        let mut held = self.schemas.0.lock().await;
        let now = self.client.now();
        if let Some((at, fields)) = held.get(&kind)
            && Duration::try_from(now.duration_since(*at)).is_ok_and(|age| age < BELIEF)
            && names.iter().all(|name| fields.contains_key(key(kind, name)))
        {
            return Ok(Arc::clone(fields));
        }
        let fields = Arc::new(self.read_fields(kind, priority).await?);
        held.insert(kind, (now, Arc::clone(&fields)));
        Ok(fields)
    }

    /// Makes sure that fields that came without a value exist at all: a field that was removed at Freshdesk must not be taken for one
    /// that somebody cleared.
    ///
    /// # Errors
    /// `unknown_field` when one does not exist.
    pub(super) async fn verify(&self, kind: Kind, names: &BTreeSet<String>, priority: Priority) -> Result<(), VendorError> {
        if names.is_empty() {
            return Ok(());
        }
        let custom: BTreeSet<String> = names.iter().filter(|name| name.starts_with(kind.custom())).cloned().collect();
        let fields = self.fields_with(kind, &custom, priority).await?;
        match names.iter().find(|name| !name.starts_with(kind.custom()) || !fields.contains_key(key(kind, name))) {
            None => Ok(()),
            Some(name) => Err(unknown(kind, name)),
        }
    }

    async fn read_fields(&self, kind: Kind, priority: Priority) -> Result<Fields, VendorError> {
        let read = send(&self.client, "fields", priority, Call::get(kind.definitions())).await.map_err(of_no_row)?;
        let mut fields = Fields::new();
        for definition in read.rows()?.iter().filter(|definition| definition["default"] != true) {
            if let Some(custom) = custom(definition) {
                // A field whose bare name is another one's keeps its whole name.
                let bare = custom.name.strip_prefix("cf_").unwrap_or(&custom.name).to_owned();
                let name = if fields.contains_key(&bare) { custom.name.clone() } else { bare };
                fields.insert(name, custom);
            }
        }
        Ok(fields)
    }

    /// Reads the schema of an object.
    pub(super) async fn read_schema(&self, kind: Kind, priority: Priority) -> Result<RemoteObject, VendorError> {
        self.forget(kind).await;
        let custom = self.fields_with(kind, &BTreeSet::new(), priority).await?;
        let mut fields: Vec<RemoteField> = attributes(kind).iter().map(Attribute::described).collect();
        fields.extend(custom.iter().map(|(name, custom)| described(kind, name, custom)));
        Ok(RemoteObject { name: kind.singular().to_owned(), fields, lists: Vec::new() })
    }

    async fn forget(&self, kind: Kind) {
        self.schemas.0.lock().await.remove(&kind);
    }

    /// Creates a field, or adds the choices that an existing one lacks.
    ///
    /// # Errors
    /// `field_type` when a field of that name has another type, `field_name` when Freshdesk calls it otherwise; else what it says.
    pub(super) async fn make_field(&self, new: &NewField) -> Result<(), VendorError> {
        let kind = Kind::named(&new.object)?;
        let field = &new.field;
        if attribute(kind, &field.name).is_some() {
            return Ok(());
        }
        let Some(name) = field.name.strip_prefix(kind.custom()).filter(|name| is_name(name)) else {
            return Err(misfit(
                "field_name",
                format!("`{}` cannot be a field of Freshdesk's {}", field.name, kind.plural()),
                "name custom fields contact_fields.KEY, company_fields.KEY or ticket_fields.KEY, with keys of a-z, 0-9 and _",
            )
            .about(&field.name));
        };
        self.forget(kind).await;
        let held = self.fields_with(kind, &BTreeSet::new(), Priority::Urgent).await?;
        let wanted = type_of(field);
        if let Some(custom) = held.get(name) {
            return self.extend(kind, custom, field, wanted).await;
        }
        // Freshdesk makes the name from the label, so the label is made from the name.
        let label = label(name);
        let mut body = json!({"label": label, "label_for_customers": label, "type": wanted});
        if kind == Kind::Ticket {
            body["displayed_to_customers"] = json!(false);
        }
        if wanted == "custom_dropdown" {
            body["choices"] = choices(kind, &field.values);
        }
        let made = send(&self.client, "fields", Priority::Urgent, Call::post(kind.new_definitions(), body)).await.map_err(of_no_row)?;
        self.forget(kind).await;
        let called = made.body["name"].as_str().unwrap_or_default();
        if called.strip_prefix("cf_").unwrap_or(called) == name {
            return Ok(());
        }
        Err(misfit(
            "field_name",
            format!("Freshdesk made the field `{name}` and calls it `{called}`"),
            "map that name instead, or remove the field at Freshdesk and choose another label",
        )
        .about(&field.name))
    }

    async fn extend(&self, kind: Kind, custom: &Custom, field: &RemoteField, wanted: &str) -> Result<(), VendorError> {
        if !fits(&custom.ty, wanted) {
            return Err(misfit(
                "field_type",
                format!("Freshdesk has a field `{}` of type {}, but {wanted} is needed", custom.name, custom.ty),
                "rename or remove the field at Freshdesk, or map another one",
            )
            .about(&field.name));
        }
        let lacking: Vec<&String> = field.values.iter().filter(|value| !custom.choices.contains(value)).collect();
        let Some(id) = custom.id.as_ref().filter(|_| custom.ty == "custom_dropdown" && !lacking.is_empty()) else { return Ok(()) };
        let all: Vec<String> = custom.choices.iter().chain(lacking).cloned().collect();
        let body = json!({"label": custom.label, "choices": choices(kind, &all)});
        let call = Call::put(format!("{}/{id}", kind.new_definitions()), body).idempotent();
        send(&self.client, "fields", Priority::Urgent, call).await.map_err(of_no_row)?;
        self.forget(kind).await;
        Ok(())
    }
}

/// The key of a custom field in a flattened name; without the prefix that the vendor may put before it.
pub(crate) fn key(kind: Kind, name: &str) -> &str {
    let key = name.strip_prefix(kind.custom()).unwrap_or(name);
    key.strip_prefix("cf_").unwrap_or(key)
}

/// The error of a field that is not there.
pub(crate) fn unknown(kind: Kind, name: &str) -> VendorError {
    misfit(
        "unknown_field",
        format!("Freshdesk's {} have no field `{name}`", kind.plural()),
        "run `entente provision`, or take the field out of the mapping",
    )
    .about(name)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn choices(kind: Kind, values: &[String]) -> Value {
    let listed = values.iter().enumerate();
    match kind {
        Kind::Ticket => listed.map(|(at, value)| json!({"value": value, "position": at + 1})).collect(),
        Kind::Contact | Kind::Company => listed.map(|(at, value)| json!({"label": value, "value": value, "position": at + 1})).collect(),
    }
}

fn custom(definition: &Value) -> Option<Custom> {
    let ty = definition["type"].as_str().unwrap_or_default();
    let kind = match ty {
        "custom_paragraph" => RemoteKind::LongText,
        "custom_checkbox" => RemoteKind::Boolean,
        "custom_number" | "custom_decimal" => RemoteKind::Number,
        "custom_date" => RemoteKind::Date,
        "custom_dropdown" | "nested_field" => RemoteKind::Picklist,
        "custom_multi_select_dropdown" => RemoteKind::MultiPicklist,
        "custom_url" => RemoteKind::Url,
        "custom_phone_number" => RemoteKind::Phone,
        "custom_lookup" => RemoteKind::Reference,
        _ => RemoteKind::Text,
    };
    let listed: Vec<String> = match &definition["choices"] {
        Value::Array(items) => {
            items.iter().filter_map(|item| item.as_str().or_else(|| item["value"].as_str())).map(str::to_owned).collect()
        }
        Value::Object(tree) => tree.keys().cloned().collect(),
        _ => Vec::new(),
    };
    Some(Custom {
        name: definition["name"].as_str()?.to_owned(),
        kind,
        whole: ty == "custom_number",
        ty: ty.to_owned(),
        id: id_text(&definition["id"]),
        label: definition["label"].as_str().unwrap_or_default().to_owned(),
        choices: listed,
    })
}

fn described(kind: Kind, name: &str, custom: &Custom) -> RemoteField {
    RemoteField {
        name: format!("{}{name}", kind.custom()),
        label: if custom.label.is_empty() { label(name) } else { custom.label.clone() },
        kind: custom.kind,
        writable: true,
        // What forms require depends on the form and on who fills it in; a refusal names the field.
        required: false,
        unique: false,
        length: matches!(custom.kind, RemoteKind::Text | RemoteKind::Url | RemoteKind::Phone).then_some(LINE),
        scale: custom.whole.then_some(0),
        restricted: matches!(custom.kind, RemoteKind::Picklist | RemoteKind::MultiPicklist),
        derived: false,
        of_owner: false,
        values: custom.choices.clone(),
    }
}

/// The type of a field at Freshdesk. Instants are kept as text: there are no such custom fields. A list refuses what is not in it, so
/// one that is open to other values is a text.
fn type_of(field: &RemoteField) -> &'static str {
    match field.kind {
        RemoteKind::LongText | RemoteKind::Json | RemoteKind::MultiPicklist => "custom_paragraph",
        RemoteKind::Boolean => "custom_checkbox",
        RemoteKind::Date => "custom_date",
        RemoteKind::Number if field.scale == Some(0) => "custom_number",
        RemoteKind::Number => "custom_decimal",
        RemoteKind::Picklist if field.restricted && !field.values.is_empty() => "custom_dropdown",
        _ => "custom_text",
    }
}

/// Whether an existing type does for the wanted one.
fn fits(found: &str, wanted: &str) -> bool {
    let texts = ["custom_text", "custom_paragraph", "custom_url", "custom_phone_number"];
    found == wanted
        || (texts.contains(&wanted) && texts.contains(&found))
        || (wanted == "custom_text" && found == "custom_dropdown")
        || (wanted == "custom_decimal" && found == "custom_number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_get_the_type_that_their_field_has() {
        let field = |ty: &str| custom(&json!({"name": "x", "type": ty})).expect("field");
        assert_eq!(field("custom_decimal").value(&json!("5000.50")), json!(5000.5));
        assert_eq!(field("custom_number").value(&json!("12.00")), json!(12));
        assert_eq!(field("custom_number").value(&json!(12.0)), json!(12));
        assert_eq!(field("custom_text").value(&json!(3)), json!("3"));
        assert_eq!(field("custom_paragraph").value(&json!(["a", "b"])), json!("a, b"));
        assert_eq!(field("custom_date").value(&json!("")), Value::Null);
        assert_eq!(field("custom_number").value(&json!("soon")), json!("soon"), "Freshdesk's own refusal says it best");
    }

    #[test]
    fn names_are_bare_in_mappings() {
        assert_eq!(key(Kind::Ticket, "ticket_fields.cf_entente_id"), "entente_id");
        assert_eq!(key(Kind::Company, "company_fields.entente_id"), "entente_id");
        assert_eq!(label("support_vip"), "Support vip");
        assert!(is_name("support_vip") && !is_name("Support") && !is_name("") && !is_name("2nd"));
    }
}
