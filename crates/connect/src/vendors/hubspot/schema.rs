//! What an object is made of: its properties, and what Entente adds to them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use entente_model::clock::Timestamp;
use entente_model::mapping::remote::{RemoteField, RemoteKind, RemoteObject};
use serde_json::Value;

use super::engagements::engagement;
use super::kind::{ASSOCIATION, OWNER, is_property, shown, targets};
use super::refusal::misfit;
use super::wire::Listed;
use super::{HubSpot, lists, stages, subscriptions};
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::Call;

/// How long a schema is believed. Reads of a property that has vanished meanwhile notice it anyway.
const BELIEF: Duration = Duration::from_secs(600);

/// Schemas as they were last read.
#[derive(Debug, Default)]
pub(crate) struct Schemas(Mutex<BTreeMap<String, (Timestamp, Arc<Schema>)>>);

impl Schemas {
    /// Forgets an object's schema, because it has changed.
    pub fn forget(&self, object: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(object);
    }

    fn known(&self, object: &str, now: Timestamp) -> Option<Arc<Schema>> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, schema) = held.get(object)?;
        let fresh = Duration::try_from(now.duration_since(*at)).is_ok_and(|age| age < BELIEF);
        fresh.then(|| Arc::clone(schema))
    }
}

/// One object's schema.
#[derive(Debug)]
pub(crate) struct Schema {
    /// As others see it.
    pub object: RemoteObject,
    kinds: BTreeMap<String, RemoteKind>,
}

impl Schema {
    /// The kind of a property.
    pub fn kind(&self, name: &str) -> Option<RemoteKind> {
        self.kinds.get(name).copied()
    }

    /// The first of some names that is no property.
    fn stranger<'a>(&self, names: &'a [String]) -> Option<&'a String> {
        names.iter().find(|name| is_property(name) && !self.kinds.contains_key(*name))
    }
}

impl HubSpot {
    /// The schema of an object, in which all of `fields` must be.
    ///
    /// # Errors
    /// `unknown_field` when one is not: HubSpot passes it over in silence, and it must not be taken for one that somebody cleared.
    pub(super) async fn schema(&self, object: &str, fields: &[String], priority: Priority) -> Result<Arc<Schema>, VendorError> {
        for name in fields {
            if name.starts_with(lists::PREFIX) {
                lists::knows(name)?;
            } else if name.starts_with(subscriptions::PREFIX) {
                subscriptions::knows(object, name)?;
            } else if name.starts_with(stages::PREFIX) {
                stages::knows(object, name)?;
            }
        }
        if let Some(schema) = self.schemas.known(object, self.client.now())
            && schema.stranger(fields).is_none()
        {
            return Ok(schema);
        }
        let schema = self.read_schema(object, priority).await?;
        match schema.stranger(fields) {
            None => Ok(schema),
            Some(name) => Err(misfit(
                "unknown_field",
                format!("HubSpot's {object} have no property `{name}`, or our user may not see it"),
                "run `entente provision`, or take the property out of the mapping",
            )
            .about(name)),
        }
    }

    /// Reads the schema of an object anew.
    pub(super) async fn read_schema(&self, object: &str, priority: Priority) -> Result<Arc<Schema>, VendorError> {
        let path = self.paths.properties(&self.place(object, priority).await?, "");
        let answer = self.client.call("properties", priority, Call::get(path)).await.map_err(|error| match error.class {
            // Of a row this would mean "look again"; of a whole object it is a matter of names or permissions.
            Class::LookAgain => VendorError { class: Class::Configuration, advice: "correct the object's name in the mapping", ..error },
            _ => error,
        })?;
        let listed: Listed = answer.json()?;
        let mut fields: Vec<RemoteField> = listed.results.iter().filter_map(described).collect();
        let kinds = fields.iter().map(|field| (field.name.clone(), field.kind)).collect();
        fields.extend(added(object));
        let schema = Arc::new(Schema { object: RemoteObject { name: object.to_owned(), fields, lists: Vec::new() }, kinds });
        let entry = (self.client.now(), Arc::clone(&schema));
        self.schemas.0.lock().unwrap_or_else(PoisonError::into_inner).insert(object.to_owned(), entry);
        Ok(schema)
    }
}

/// The kind of a property, by its type and the form it is filled in with.
pub(crate) fn kind_of(definition: &Value) -> RemoteKind {
    let text = |name: &str| definition[name].as_str().unwrap_or_default();
    match (text("type"), text("fieldType"), text("name")) {
        _ if refers_to_owner(definition) => RemoteKind::Reference,
        ("bool", ..) | ("enumeration", "booleancheckbox", _) => RemoteKind::Boolean,
        ("date", ..) => RemoteKind::Date,
        ("datetime", ..) => RemoteKind::Datetime,
        ("enumeration", "checkbox", _) => RemoteKind::MultiPicklist,
        ("enumeration", ..) => RemoteKind::Picklist,
        (_, _, "hs_object_id") => RemoteKind::Reference,
        ("number", ..) => RemoteKind::Number,
        ("phone_number", ..) | (_, "phonenumber", _) => RemoteKind::Phone,
        (_, "textarea" | "html", _) => RemoteKind::LongText,
        (_, _, "email") => RemoteKind::Email,
        _ => RemoteKind::Text,
    }
}

/// Whether a property holds the id of one of the portal's users.
fn refers_to_owner(definition: &Value) -> bool {
    definition["referencedObjectType"].as_str() == Some("OWNER")
}

fn described(definition: &Value) -> Option<RemoteField> {
    let name = definition["name"].as_str()?;
    let kind = kind_of(definition);
    let calculated = definition["calculated"].as_bool() == Some(true);
    let read_only = calculated || definition["modificationMetadata"]["readOnlyValue"].as_bool() == Some(true);
    let values: Vec<String> = definition["options"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|option| option["hidden"].as_bool() != Some(true))
        .filter_map(|option| option["value"].as_str().map(str::to_owned))
        .collect();
    Some(RemoteField {
        name: name.to_owned(),
        label: definition["label"].as_str().unwrap_or(name).to_owned(),
        kind,
        writable: !read_only,
        // What a record needs is a matter of rules that the definitions do not show.
        required: false,
        unique: definition["hasUniqueValue"].as_bool() == Some(true) || name == "email" || name == "hs_object_id",
        length: None,
        scale: None,
        restricted: matches!(kind, RemoteKind::Picklist | RemoteKind::MultiPicklist) && !values.is_empty(),
        derived: calculated,
        of_owner: !read_only && refers_to_owner(definition),
        values,
    })
}

/// A field that Entente adds to an object's properties.
fn field(name: String, label: &str, kind: RemoteKind, writable: bool) -> RemoteField {
    RemoteField { writable, ..RemoteField::new(name, label, kind) }
}

/// The field that holds the associated row of an object.
fn associated(to: &str) -> RemoteField {
    field(format!("{ASSOCIATION}{to}"), &format!("Associated {to}"), RemoteKind::Reference, true)
}

/// Adds the objects of the portal's own that an object's rows can point at.
pub(super) fn add_partners(object: &mut RemoteObject, partners: Vec<String>) {
    for partner in partners {
        let field = associated(&partner);
        if object.field(&field.name).is_none() {
            object.fields.push(field);
        }
    }
}

/// What Entente adds to an object's properties: associations, the name of the stage, and the owner's name and address.
fn added(object: &str) -> Vec<RemoteField> {
    let mut fields: Vec<RemoteField> = targets(object).map(associated).collect();
    fields.extend(shown(object).map(|to| RemoteField { writable: false, ..associated(to) }));
    if stages::property(object).is_some() {
        fields.push(field(stages::NAME.to_owned(), "Stage's name", RemoteKind::Text, false));
    }
    if stages::knows(object, stages::STATE).is_ok() {
        let values = stages::STATES.map(str::to_owned).to_vec();
        fields.push(RemoteField { values, ..field(stages::STATE.to_owned(), "How far it has come", RemoteKind::Picklist, false) });
    }
    if engagement(object, "0").is_none() {
        fields.push(field(lists::NAMES.to_owned(), "Lists", RemoteKind::MultiPicklist, true));
    }
    if object == "contacts" {
        fields.push(field(subscriptions::EMAIL.to_owned(), "Takes e-mails", RemoteKind::Boolean, true));
    }
    for (part, label, kind) in [("name", "Owner's name", RemoteKind::Text), ("email", "Owner's e-mail", RemoteKind::Email)] {
        fields.push(RemoteField { of_owner: true, ..field(format!("{OWNER}{part}"), label, kind, false) });
    }
    fields
}
