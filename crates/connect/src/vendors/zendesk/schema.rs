//! Schema: what fields there are, and creating more of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use entente_model::clock::Timestamp;
use entente_model::mapping::remote::{RemoteField, RemoteKind, RemoteObject, Row};
use serde_json::{Value, json};

use crate::connector::{NewField, Priority};
use crate::error::{Class, VendorError};
use crate::transport::call::Call;
use crate::transport::client::Client;

use super::errors::misfit;
use super::fields::{attribute, attributes};
use super::kind::Kind;
use super::map::id_text;
use super::wire::{seen, send};

/// Definitions per page, the most cursor pages hold.
const PAGE_ROWS: &str = "100";

/// Pages of definitions read at most: an account holds a few hundred.
const PAGES_MAX: usize = 50;

/// How long the known names are believed before a missing field is looked up anew.
const BELIEF: Duration = Duration::from_secs(600);

/// Choices of a field's list; `None` for fields that are no lists.
type Choices = Option<BTreeSet<String>>;

/// Custom fields of an object by name.
type Lists = BTreeMap<String, Choices>;

/// Custom fields per object as they were last read.
#[derive(Debug, Default)]
pub struct Known(tokio::sync::Mutex<BTreeMap<Kind, (Timestamp, Lists)>>);

/// The custom fields of an object, and what their lists hold.
async fn choices(client: &Client, kind: Kind, priority: Priority) -> Result<Lists, VendorError> {
    let fields = definitions(client, kind, priority).await?;
    Ok(lists(&fields.iter().filter_map(|field| described(kind, field)).collect::<Vec<_>>()))
}

fn lists(custom: &[RemoteField]) -> Lists {
    custom.iter().map(|field| (field.name.clone(), field.restricted.then(|| field.values.iter().cloned().collect()))).collect()
}

/// The first value of a row that a list does not hold.
fn stranger(known: &Lists, row: &Row) -> Option<String> {
    row.iter().find_map(|(name, value)| {
        let Some(Some(choices)) = known.get(name) else { return None };
        let mut texts = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter().filter_map(Value::as_str);
        texts.any(|text| !text.is_empty() && !choices.contains(text)).then(|| name.clone())
    })
}

/// What a list does not hold Zendesk drops without a word.
#[must_use]
pub fn dropped(name: &str) -> VendorError {
    VendorError::new(
        Class::Data,
        "list_value",
        format!("the list `{name}` at Zendesk does not hold this value"),
        "add the value to the field's choices at Zendesk, or translate it in the mapping",
    )
    .about(name)
}

impl Known {
    /// Makes sure that fields that came without a value exist at all: a field that was removed at Zendesk must not be taken for one
    /// that somebody cleared.
    ///
    /// # Errors
    /// `unknown_field` when one does not exist.
    pub async fn verify(&self, client: &Client, kind: Kind, names: &BTreeSet<String>, priority: Priority) -> Result<(), VendorError> {
        let strange: Vec<&String> = names.iter().filter(|name| attribute(kind, name).is_none()).collect();
        let Some(first) = strange.first() else { return Ok(()) };
        let mut known = self.0.lock().await;
        let now = client.now();
        let fresh = known.get(&kind).filter(|(at, _)| Duration::try_from(now.duration_since(*at)).is_ok_and(|age| age < BELIEF));
        let missing = match fresh {
            Some((_, names)) => strange.iter().find(|name| !names.contains_key(name.as_str())).copied(),
            None => {
                let names = choices(client, kind, priority).await?;
                let missing = strange.iter().find(|name| !names.contains_key(name.as_str())).copied();
                known.insert(kind, (now, names));
                missing
            }
        };
        match missing {
            None => Ok(()),
            Some(name) => Err(misfit(
                "unknown_field",
                format!("Zendesk's {} has no field `{name}` (first of those without a value: `{first}`)", kind.singular()),
                "the field was removed or deactivated at Zendesk: activate it there, or take it out of the mapping",
            )
            .about(name)),
        }
    }

    /// The list that a row's value is not in. Lists are read where a row has texts for custom fields, and again before one is blamed.
    ///
    /// # Errors
    /// What the vendor says.
    pub async fn refuses(&self, client: &Client, kind: Kind, row: &Row, priority: Priority) -> Result<Option<VendorError>, VendorError> {
        let has_text = row.iter().any(|(name, value)| name.starts_with(kind.custom()) && (value.is_string() || value.is_array()));
        if !has_text {
            return Ok(None);
        }
        let mut known = self.0.lock().await;
        if known.get(&kind).is_some_and(|(_, lists)| stranger(lists, row).is_none()) {
            return Ok(None);
        }
        let lists = choices(client, kind, priority).await?;
        let refused = stranger(&lists, row).map(|name| dropped(&name));
        known.insert(kind, (client.now(), lists));
        Ok(refused)
    }

    /// Reads the schema of an object, which is what is known from then on.
    ///
    /// # Errors
    /// What the vendor says; reading definitions needs an agent's rights.
    pub async fn describe(&self, client: &Client, kind: Kind) -> Result<RemoteObject, VendorError> {
        self.forget(kind).await;
        let definitions = definitions(client, kind, Priority::Urgent).await?;
        let custom: Vec<RemoteField> = definitions.iter().filter_map(|definition| described(kind, definition)).collect();
        self.0.lock().await.insert(kind, (client.now(), lists(&custom)));
        let mut fields: Vec<RemoteField> = attributes(kind).iter().map(super::fields::Attribute::described).collect();
        fields.extend(custom);
        Ok(RemoteObject { name: kind.singular().to_owned(), fields, lists: Vec::new() })
    }

    /// Forgets what was read, because it has changed.
    pub async fn forget(&self, kind: Kind) {
        self.0.lock().await.remove(&kind);
    }
}

/// Reads the definitions of an object's custom fields; for tickets also of the built-in ones.
async fn definitions(client: &Client, kind: Kind, priority: Priority) -> Result<Vec<Value>, VendorError> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let mut call = Call::get(format!("/api/v2/{}", kind.definitions())).query("page[size]", PAGE_ROWS);
        if let Some(after) = &after {
            call = call.query("page[after]", after);
        }
        let mut body = send(client, "fields", priority, call).await?.body;
        if let Value::Array(items) = body[kind.definitions()].take() {
            found.extend(items);
        }
        match (body["meta"]["has_more"].as_bool(), body["meta"]["after_cursor"].as_str()) {
            (Some(true), Some(next)) => after = Some(next.to_owned()),
            _ => break,
        }
    }
    Ok(found)
}

/// Types of ticket fields that are built in and stand among the custom ones.
const BUILT_IN: &[&str] =
    &["subject", "description", "status", "tickettype", "basic_priority", "priority", "group", "assignee", "custom_status", "summary"];

/// The flattened name of a custom field; `None` for inactive and built-in ones.
fn flat_name(kind: Kind, definition: &Value) -> Option<String> {
    if definition["active"].as_bool() == Some(false) {
        return None;
    }
    match kind {
        Kind::Ticket => {
            let built_in = definition["type"].as_str().is_some_and(|ty| BUILT_IN.contains(&ty));
            id_text(&definition["id"]).filter(|_| !built_in).map(|id| format!("custom_fields.{id}"))
        }
        _ if definition["system"].as_bool() == Some(true) => None,
        _ => definition["key"].as_str().map(|key| format!("{}.{key}", kind.custom())),
    }
}

/// A custom field as `describe` tells of it.
fn described(kind: Kind, definition: &Value) -> Option<RemoteField> {
    let name = flat_name(kind, definition)?;
    let ty = definition["type"].as_str().unwrap_or("text");
    let remote = match ty {
        "textarea" => RemoteKind::LongText,
        "checkbox" => RemoteKind::Boolean,
        "date" => RemoteKind::Date,
        "integer" | "decimal" => RemoteKind::Number,
        "tagger" | "dropdown" => RemoteKind::Picklist,
        "multiselect" => RemoteKind::MultiPicklist,
        "lookup" => RemoteKind::Reference,
        _ => RemoteKind::Text,
    };
    let values: Vec<String> = definition["custom_field_options"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|option| option["value"].as_str())
        .map(str::to_owned)
        .collect();
    Some(RemoteField {
        label: definition["title"].as_str().unwrap_or(&name).to_owned(),
        kind: remote,
        writable: true,
        // `required` at Zendesk binds agents who solve a ticket, not the API.
        required: false,
        unique: false,
        length: None,
        scale: (ty == "integer").then_some(0),
        restricted: matches!(remote, RemoteKind::Picklist | RemoteKind::MultiPicklist),
        derived: false,
        of_owner: false,
        values,
        name,
    })
}

/// The type of a field at Zendesk. Instants and references are kept as text: Zendesk has no such custom fields, or wants a target.
fn type_of(kind: Kind, field: &RemoteField) -> &'static str {
    match field.kind {
        RemoteKind::LongText | RemoteKind::Json => "textarea",
        RemoteKind::Boolean => "checkbox",
        RemoteKind::Date => "date",
        RemoteKind::Number if field.scale == Some(0) => "integer",
        RemoteKind::Number => "decimal",
        // A list at Zendesk drops what is not in it without a word, so one that is open to other values is a text there.
        RemoteKind::Picklist if field.values.is_empty() || !field.restricted => "text",
        RemoteKind::Picklist if kind == Kind::Ticket => "tagger",
        RemoteKind::Picklist => "dropdown",
        RemoteKind::MultiPicklist if field.values.is_empty() => "text",
        RemoteKind::MultiPicklist => "multiselect",
        RemoteKind::Text | RemoteKind::Email | RemoteKind::Phone | RemoteKind::Url | RemoteKind::Datetime | RemoteKind::Reference => "text",
    }
}

/// Whether an existing type does for the wanted one.
fn fits(found: &str, wanted: &str) -> bool {
    let same = |ty| match ty {
        "tagger" => "dropdown",
        other => other,
    };
    same(found) == same(wanted) || (wanted == "text" && matches!(found, "textarea" | "regexp")) || (wanted == "textarea" && found == "text")
}

fn option(value: &str) -> Value {
    json!({"name": value, "value": value})
}

/// Creates a field, or adds the choices that an existing one lacks.
///
/// # Errors
/// `field_type` when a field of that name has another type; else what the vendor says.
pub async fn create_field(client: &Client, known: &Known, new: &NewField) -> Result<(), VendorError> {
    let kind = Kind::named(&new.object)?;
    let field = &new.field;
    if attribute(kind, &field.name).is_some() {
        return Ok(());
    }
    let Some(key) = field.name.strip_prefix(kind.custom()).and_then(|rest| rest.strip_prefix('.')) else {
        return Err(misfit(
            "field_name",
            format!("`{}` cannot be a field of Zendesk's {}", field.name, kind.singular()),
            "name custom fields user_fields.KEY, organization_fields.KEY or custom_fields.ID",
        )
        .about(&field.name));
    };
    let wanted = type_of(kind, field);
    let existing = definitions(client, kind, Priority::Urgent).await?;
    // Tickets' fields have numbers instead of keys, which nobody can choose: there the title is the name.
    let found = existing.iter().find(|definition| match kind {
        Kind::Ticket => id_text(&definition["id"]).as_deref() == Some(key) || definition["title"].as_str() == Some(&field.label),
        _ => definition["key"].as_str() == Some(key),
    });
    known.forget(kind).await;
    match found {
        Some(definition) => extend(client, kind, definition, field, wanted).await,
        None => {
            let mut body = json!({"type": wanted, "title": field.label, "active": true});
            if kind != Kind::Ticket {
                body["key"] = json!(key);
            }
            if matches!(wanted, "dropdown" | "tagger" | "multiselect") {
                body["custom_field_options"] = field.values.iter().map(|value| option(value)).collect();
            }
            let call = Call::post(format!("/api/v2/{}", kind.definitions()), json!({kind.definition(): body}));
            send(client, "fields", Priority::Urgent, call).await.map(drop)
        }
    }
}

/// Brings an existing field in line: active, and with every wanted choice. Choices that are there stay.
async fn extend(client: &Client, kind: Kind, definition: &Value, field: &RemoteField, wanted: &str) -> Result<(), VendorError> {
    let ty = definition["type"].as_str().unwrap_or_default();
    if !fits(ty, wanted) {
        return Err(misfit(
            "field_type",
            format!("Zendesk has a field `{}` of type {ty}, but {wanted} is needed", field.name),
            "rename or remove the field at Zendesk, or map another one",
        )
        .about(&field.name));
    }
    let mut options: Vec<Value> = definition["custom_field_options"].as_array().cloned().unwrap_or_default();
    let before = options.len();
    if matches!(ty, "dropdown" | "tagger" | "multiselect") {
        for value in &field.values {
            if !options.iter().any(|choice| choice["value"].as_str() == Some(value)) {
                options.push(option(value));
            }
        }
    }
    let mut body = serde_json::Map::new();
    if options.len() > before {
        body.insert("custom_field_options".to_owned(), Value::Array(options));
    }
    if definition["active"].as_bool() == Some(false) {
        body.insert("active".to_owned(), Value::Bool(true));
    }
    let Some(id) = id_text(&definition["id"]).filter(|_| !body.is_empty()) else { return Ok(()) };
    let call = Call::put(format!("/api/v2/{}/{id}", kind.definitions()), json!({kind.definition(): body}));
    send(client, "fields", Priority::Urgent, call).await?;
    tracing::info!(connection = %client.settings().name, field = %field.name, at = %seen(client).at, "extended a field at Zendesk");
    Ok(())
}
