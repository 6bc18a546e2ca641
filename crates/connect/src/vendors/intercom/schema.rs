//! Schema: what attributes there are, and making more of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use entente_model::clock::Timestamp;
use entente_model::mapping::remote::{RemoteField, RemoteKind, RemoteObject};
use serde_json::{Value, json};

use crate::connector::{NewField, Priority};
use crate::error::VendorError;
use crate::transport::call::Call;

use super::Intercom;
use super::conversation_attributes::conversation_type_of;
use super::fields::{attribute, attributes, documented};
use super::kind::{CUSTOM, Kind, TICKET, is_custom};
use super::map::{COMPANY_OF_TICKET, id_text};
use super::refusal::{misfit, of_no_row};
use super::wire::send;
use crate::vendors::attribute::{LINE, label};

/// How long a schema is believed before a missing attribute is looked up anew.
const BELIEF: Duration = Duration::from_secs(600);

/// A custom attribute as Intercom has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Custom {
    /// Name in rows and writes.
    pub name: String,
    /// Type, as others see it.
    pub kind: RemoteKind,
    ty: String,
    id: Option<String>,
    options: Vec<String>,
    writable: bool,
}

impl Custom {
    /// An attribute of a type of Intercom's.
    pub fn of(name: &str, ty: &str) -> Self {
        let kind = match ty {
            "integer" | "float" | "decimal" | "number" => RemoteKind::Number,
            "boolean" => RemoteKind::Boolean,
            "date" | "datetime" => RemoteKind::Datetime,
            _ => RemoteKind::Text,
        };
        Self { name: name.to_owned(), kind, ty: ty.to_owned(), id: None, options: Vec::new(), writable: true }
    }

    /// A value as Intercom takes it: numbers must not be texts, and instants are seconds.
    pub fn value(&self, value: &Value) -> Value {
        match (self.kind, value) {
            (_, Value::String(text)) if text.is_empty() => Value::Null,
            (RemoteKind::Datetime, Value::String(text)) => seconds(text).map_or_else(|| value.clone(), Value::from),
            (RemoteKind::Number, Value::String(text)) => number(text, self.is_whole()).unwrap_or_else(|| value.clone()),
            (RemoteKind::Number, Value::Number(given)) => number(&given.to_string(), self.is_whole()).unwrap_or_else(|| value.clone()),
            (RemoteKind::Text | RemoteKind::Picklist, Value::Number(_) | Value::Bool(_)) => Value::String(value.to_string()),
            (RemoteKind::Text, Value::Array(items)) => Value::String(items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")),
            _ => value.clone(),
        }
    }

    fn is_whole(&self) -> bool {
        self.ty == "integer"
    }

    /// Its id at Intercom.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether its type does for the wanted one.
    pub fn is_of(&self, wanted: &str) -> bool {
        let found = self.ty.as_str();
        found == wanted || (matches!(wanted, "float" | "decimal") && found == "integer") || (wanted == "date" && found == "datetime")
    }
}

/// An instant or a day as seconds since 1970; a day begins at midnight in UTC.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_second());
    }
    let day: jiff::civil::Date = text.parse().ok()?;
    day.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_second())
}

/// A number out of a text, without a point where there is no need for one.
pub(crate) fn number(text: &str, whole: bool) -> Option<Value> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return Some(Value::from(number));
    }
    let number: f64 = text.parse().ok()?;
    if number.abs() < 1e15 && (whole || number.fract() == 0.0) {
        return Some(Value::from(number.round() as i64));
    }
    serde_json::Number::from_f64(number).map(Value::Number)
}

/// Custom attributes by their name in mappings.
pub(crate) type Fields = BTreeMap<String, Custom>;

/// Custom attributes per object as they were last read.
#[derive(Debug, Default)]
pub(crate) struct Schemas {
    /// Held over the call, so that one caller asks.
    asking: tokio::sync::Mutex<()>,
    held: Mutex<BTreeMap<Kind, (Timestamp, Arc<Fields>)>>,
}

impl Schemas {
    /// What is known of an object, however old.
    pub fn known(&self, kind: Kind) -> Option<Arc<Fields>> {
        self.dated(kind).map(|(_, fields)| fields)
    }

    fn dated(&self, kind: Kind) -> Option<(Timestamp, Arc<Fields>)> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).get(&kind).cloned()
    }

    fn keep(&self, kind: Kind, at: Timestamp, fields: Arc<Fields>) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(kind, (at, fields));
    }

    fn forget(&self, kind: Kind) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&kind);
    }
}

impl Intercom {
    /// Forgets what was read of an object.
    pub(super) fn forget(&self, object: &str) {
        if let Ok(kind) = Kind::named(object) {
            self.schemas.forget(kind);
        }
    }

    /// The custom attributes of an object, read anew unless they were a moment ago and hold all of `names`.
    pub(super) async fn fields_with(&self, kind: Kind, names: &BTreeSet<String>, priority: Priority) -> Result<Arc<Fields>, VendorError> {
        let _asking = self.schemas.asking.lock().await;
        let now = self.client.now();
        if let Some((at, fields)) = self.schemas.dated(kind)
            && Duration::try_from(now.duration_since(at)).is_ok_and(|age| age < BELIEF)
            && names.iter().all(|name| fields.contains_key(name))
        {
            return Ok(fields);
        }
        let fields = Arc::new(self.read_fields(kind, priority).await?);
        self.schemas.keep(kind, now, Arc::clone(&fields));
        Ok(fields)
    }

    /// The custom attributes that these fields need; all of them must be there, because Intercom leaves out what has no value, and an
    /// attribute that was removed must not be taken for one that somebody cleared.
    ///
    /// # Errors
    /// `unknown_field` when one does not exist.
    pub(super) async fn fields_for(&self, kind: Kind, names: &[String], priority: Priority) -> Result<Arc<Fields>, VendorError> {
        let custom: BTreeSet<String> = names.iter().filter(|name| is_custom(kind, name)).cloned().collect();
        if custom.is_empty() {
            return Ok(Arc::default());
        }
        let fields = self.fields_with(kind, &custom, priority).await?;
        match custom.iter().find(|name| !fields.contains_key(*name)) {
            None => Ok(fields),
            Some(name) => Err(unknown(kind, name)),
        }
    }

    async fn read_fields(&self, kind: Kind, priority: Priority) -> Result<Fields, VendorError> {
        let definitions = match kind {
            Kind::Conversation => self.conversation_attributes(priority).await?,
            Kind::Contact | Kind::Company => {
                let call = Call::get("/data_attributes").query("model", kind.singular());
                send(&self.client, "attributes", priority, call).await.map_err(of_no_row)?.rows()?.clone()
            }
        };
        // Those of conversations do not say that they are custom: all are.
        let custom = definitions.iter().filter(|definition| definition["custom"] != false && definition["archived"] != true);
        let mut fields: Fields = custom.filter_map(defined).map(|custom| (format!("{CUSTOM}{}", custom.name), custom)).collect();
        if kind == Kind::Conversation {
            for ty in self.ticket_types(priority).await? {
                let attributes = ty.attributes.iter().map(|(name, (id, ty))| Custom { id: Some(id.clone()), ..Custom::of(name, ty) });
                fields.extend(attributes.map(|custom| (format!("{TICKET}{}", custom.name), custom)));
            }
        }
        Ok(fields)
    }

    /// Reads the schema of an object.
    pub(super) async fn read_schema(&self, kind: Kind, priority: Priority) -> Result<RemoteObject, VendorError> {
        self.schemas.forget(kind);
        let custom = self.fields_with(kind, &BTreeSet::new(), priority).await?;
        let mut fields: Vec<RemoteField> = attributes(kind).iter().map(documented).collect();
        fields.extend(custom.iter().map(|(name, custom)| described(name, custom)));
        Ok(RemoteObject { name: kind.singular().to_owned(), fields, lists: Vec::new() })
    }

    /// Creates an attribute, or adds the options that an existing one lacks.
    ///
    /// # Errors
    /// `field_type` when an attribute of that name has another type, `field_name` when there can be none; else what Intercom says.
    pub(super) async fn make_field(&self, new: &NewField) -> Result<(), VendorError> {
        let kind = Kind::named(&new.object)?;
        let field = &new.field;
        if attribute(kind, &field.name).is_some() {
            return Ok(());
        }
        if kind == Kind::Conversation
            && let Some(name) = field.name.strip_prefix(TICKET)
        {
            return self.make_ticket_attribute(name, field).await;
        }
        let Some(name) = field.name.strip_prefix(CUSTOM).filter(|name| !name.is_empty() && !name.contains(['.', '$'])) else {
            return Err(misfit(
                "field_name",
                format!("`{}` cannot be an attribute of Intercom's {}", field.name, kind.plural()),
                "name custom attributes custom_attributes.NAME (of tickets ticket_attributes.NAME), with names without . and $",
            )
            .about(&field.name));
        };
        self.schemas.forget(kind);
        let held = self.fields_with(kind, &BTreeSet::new(), Priority::Urgent).await?;
        match (kind, held.get(&field.name)) {
            (Kind::Conversation, Some(custom)) => self.extend_conversation_attribute(custom, field).await?,
            (Kind::Conversation, None) => self.make_conversation_attribute(name, field).await?,
            (Kind::Contact | Kind::Company, Some(custom)) => self.extend(custom, field).await?,
            (Kind::Contact | Kind::Company, None) => {
                let mut body = json!({"name": name, "model": kind.singular(), "data_type": type_of(field), "description": field.label});
                if is_list(field) {
                    body["options"] = options(&field.values);
                }
                send(&self.client, "attributes", Priority::Urgent, Call::post("/data_attributes", body)).await.map_err(of_no_row)?;
            }
        }
        self.schemas.forget(kind);
        Ok(())
    }

    /// An attribute of our own type of tickets, with the one that names the company.
    async fn make_ticket_attribute(&self, name: &str, field: &RemoteField) -> Result<(), VendorError> {
        let lost = || misfit("ticket_type", "Intercom did not say what it made", "run `entente provision --apply` again");
        let ty = self.own_type(true, Priority::Urgent).await?.ok_or_else(lost)?;
        for (name, wanted) in [(name, conversation_type_of(field)), (COMPANY_OF_TICKET, "string")] {
            if ty.attributes.contains_key(name) {
                continue;
            }
            let body = json!({"name": name, "description": label(name), "data_type": wanted, "visible_to_contacts": false});
            let call = Call::post(format!("/ticket_types/{}/attributes", ty.id), body);
            send(&self.client, "ticket_types", Priority::Urgent, call).await.map_err(of_no_row)?;
        }
        self.schemas.forget(Kind::Conversation);
        Ok(())
    }

    async fn extend(&self, custom: &Custom, field: &RemoteField) -> Result<(), VendorError> {
        let wanted = type_of(field);
        if !custom.is_of(wanted) {
            return Err(wrong_type(custom, wanted, field));
        }
        let lacking = lacking(custom, field);
        let Some(id) = custom.id().filter(|_| !lacking.is_empty()) else { return Ok(()) };
        let all: Vec<String> = custom.options.iter().chain(lacking).cloned().collect();
        let call = Call::put(format!("/data_attributes/{id}"), json!({"options": options(&all)})).idempotent();
        send(&self.client, "attributes", Priority::Urgent, call).await.map_err(of_no_row)?;
        Ok(())
    }
}

/// The options that are wanted of an attribute with options, and that it has not.
pub(super) fn lacking<'a>(held: &Custom, field: &'a RemoteField) -> Vec<&'a String> {
    let has_options = !held.options.is_empty();
    field.values.iter().filter(|value| has_options && !held.options.contains(value)).collect()
}

/// The error of an attribute whose type is another than what is to be in it.
pub(super) fn wrong_type(held: &Custom, wanted: &str, field: &RemoteField) -> VendorError {
    misfit(
        "field_type",
        format!("Intercom has an attribute `{}` of type {}, but {wanted} is needed", held.name, held.ty),
        "archive the attribute at Intercom and choose another name, or map another one: types cannot be changed",
    )
    .about(&field.name)
}

/// The error of an attribute that is not there.
pub(crate) fn unknown(kind: Kind, name: &str) -> VendorError {
    misfit(
        "unknown_field",
        format!("Intercom's {} have no attribute `{name}`", kind.plural()),
        "run `entente provision`, or take the attribute out of the mapping",
    )
    .about(name)
}

fn options(values: &[String]) -> Value {
    values.iter().map(|value| json!({"value": value})).collect()
}

fn defined(definition: &Value) -> Option<Custom> {
    let text = |value: &Value| value.as_str().map(|text| entente_model::normalise::html::decode(text).into_owned());
    let listed = definition["options"].as_array().into_iter().flatten().filter(|item| item["archived"] != true);
    let options: Vec<String> =
        listed.filter_map(|item| ["value", "label"].iter().find_map(|key| text(&item[key])).or_else(|| text(item))).collect();
    let mut custom = Custom::of(definition["name"].as_str()?, definition["data_type"].as_str().unwrap_or_default());
    if !options.is_empty() {
        custom.kind = RemoteKind::Picklist;
    }
    Some(Custom { id: id_text(&definition["id"]), options, writable: definition["api_writable"] != false, ..custom })
}

fn described(name: &str, custom: &Custom) -> RemoteField {
    RemoteField {
        writable: custom.writable,
        length: matches!(custom.kind, RemoteKind::Text).then_some(LINE),
        scale: custom.is_whole().then_some(0),
        values: custom.options.clone(),
        restricted: custom.kind == RemoteKind::Picklist,
        ..RemoteField::new(name, label(&custom.name), custom.kind)
    }
}

/// Whether an attribute is a list: one that is open to other values is a text, because a list refuses what is not in it.
pub(super) fn is_list(field: &RemoteField) -> bool {
    field.kind == RemoteKind::Picklist && field.restricted && !field.values.is_empty()
}

/// The type of an attribute at Intercom.
pub(super) fn type_of(field: &RemoteField) -> &'static str {
    match field.kind {
        RemoteKind::Boolean => "boolean",
        RemoteKind::Date | RemoteKind::Datetime => "date",
        RemoteKind::Number if field.scale == Some(0) => "integer",
        RemoteKind::Number => "float",
        _ => "string",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_get_the_type_that_their_attribute_has() {
        let of = |ty: &str, value: Value| Custom::of("x", ty).value(&value);
        assert_eq!(of("float", json!("5000.50")), json!(5000.5));
        assert_eq!(of("integer", json!("12.00")), json!(12));
        assert_eq!(of("string", json!(3)), json!("3"));
        assert_eq!(of("string", json!(["a", "b"])), json!("a, b"));
        assert_eq!(of("date", json!("2026-12-31")), json!(1_798_675_200));
        assert_eq!(of("date", json!("2026-12-31T10:00:00.250Z")), json!(1_798_711_200));
        assert_eq!(of("boolean", json!("")), Value::Null);
        assert_eq!(of("integer", json!("soon")), json!("soon"), "Intercom's own refusal says it best");
    }
}
