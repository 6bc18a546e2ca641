//! Provisioning: the custom fields and the webhooks that mappings need at each platform, shown first and made on request.

pub mod subscriptions;

use std::collections::BTreeMap;

use entente_connect::connector::{NO_OBJECT, NewField, NewObject};
use entente_connect::error::VendorError;
use entente_model::mapping::remote::{RemoteField, RemoteKind, RemoteObject};
use entente_model::mapping::{Direction, FieldMap, Mapping};
use entente_model::object::{FieldType, Object};
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::{Connection, Engine};
use crate::error::{EngineError, Result};

/// Longest text of a created text field.
const TEXT_CHARS: u32 = 255;
/// Longest text of a created long text field: what Salesforce allows.
const LONG_TEXT_CHARS: u32 = 32_768;

/// A remote field that a mapping needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Need {
    /// Connection.
    pub connection: String,
    /// Remote object.
    pub object: String,
    /// Remote field.
    pub field: String,
    /// Type it will have.
    pub kind: String,
    /// `present`, `missing`, `read_only`, `created` or `refused`.
    pub state: String,
    /// What to do, when Entente cannot create it.
    pub note: Option<String>,
}

/// Compares what mappings need with what each platform has; with `apply`, creates what is missing. Asking twice creates nothing twice.
/// What a platform refuses is told in the answer, field by field, and the others go on.
///
/// # Errors
/// When a platform cannot be read at all.
pub async fn provision(engine: &Engine, apply: bool) -> Result<Vec<Need>> {
    let mut needs = Vec::new();
    for connection in engine.connections().values() {
        needs.extend(provision_connection(engine, connection, apply).await?);
    }
    Ok(needs)
}

/// What the mappings of one connection need, as [`provision`] tells of all.
///
/// # Errors
/// As there.
pub async fn provision_one(engine: &Engine, connection: &Connection, apply: bool) -> Result<Vec<Need>> {
    provision_connection(engine, connection, apply).await
}

async fn provision_connection(engine: &Engine, connection: &Connection, apply: bool) -> Result<Vec<Need>> {
    let catalog = engine.catalog();
    let mut wanted: BTreeMap<String, BTreeMap<String, Wanted>> = BTreeMap::new();
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    for mapped in catalog.mappings(&connection.name) {
        let ours = &mapped.mapping().object;
        let label = catalog.object(ours).map_or_else(|| ours.clone(), |object| object.label.clone());
        labels.entry(mapped.mapping().remote.clone()).or_insert(label);
        let fields = fields_of(catalog.object(ours), mapped.mapping());
        wanted.entry(mapped.mapping().remote.clone()).or_default().extend(fields);
    }
    let mut needs = Vec::new();
    for (object, fields) in wanted {
        let described = match connection.connector.describe(&object).await {
            Err(error) if error.code == NO_OBJECT => {
                let label = labels.remove(&object).unwrap_or_else(|| object.clone());
                match make_object(connection, &object, label, &fields, apply, &error).await {
                    Ok(()) => connection.connector.describe(&object).await,
                    Err((state, note)) => {
                        needs.extend(fields.iter().map(|(name, wanted)| Need {
                            connection: connection.name.clone(),
                            object: object.clone(),
                            field: name.clone(),
                            kind: kind_words(&wanted.field),
                            state: state.to_owned(),
                            note: Some(note.clone()),
                        }));
                        continue;
                    }
                }
            }
            described => described,
        };
        let present = described.map_err(|source| EngineError::vendor(&connection.name, source))?;
        for (name, wanted) in fields {
            // Dotted parents of Salesforce (`Owner.Name`) and attributes of sideloads are read, never made.
            let derived = present.field(&name).is_none() && !can_be_made(&name);
            if derived {
                continue;
            }
            let mut need = Need {
                connection: connection.name.clone(),
                object: object.clone(),
                field: name.clone(),
                kind: kind_words(&wanted.field),
                state: "present".to_owned(),
                note: None,
            };
            match present.field(&name) {
                Some(field) if wanted.written && !field.writable => {
                    need.state = "read_only".to_owned();
                    need.note = Some("our user may not write this field; grant it in the platform's permissions".to_owned());
                }
                Some(_) => {}
                None if apply => create(connection, &object, wanted.field, &mut need).await,
                None => need.state = "missing".to_owned(),
            }
            needs.push(need);
        }
    }
    Ok(needs)
}

/// Makes an object that the platform does not have; where it is not made, the state of its fields and what is said of it.
async fn make_object(
    connection: &Connection,
    object: &str,
    label: String,
    fields: &BTreeMap<String, Wanted>,
    apply: bool,
    lack: &VendorError,
) -> std::result::Result<(), (&'static str, String)> {
    if !apply {
        return Err(("missing", format!("the object itself is missing: {}", lack.message)));
    }
    let fields = fields.values().map(|wanted| wanted.field.clone()).collect();
    let made = connection.connector.create_object(&NewObject { object: object.to_owned(), label, fields }).await;
    made.map_err(|error| ("refused", format!("{error}; {}", error.advice)))
}

/// Creates a field. One that is refused keeps the vendor's reason; it says nothing about the next.
async fn create(connection: &Connection, object: &str, field: RemoteField, need: &mut Need) {
    match connection.connector.create_field(&NewField { object: object.to_owned(), field }).await {
        Ok(()) => "created".clone_into(&mut need.state),
        Err(error) => {
            "refused".clone_into(&mut need.state);
            need.note = Some(format!("{error}; {}", error.advice));
        }
    }
}

fn kind_words(field: &RemoteField) -> String {
    let kind = format!("{:?}", field.kind).to_lowercase();
    if field.values.is_empty() { kind } else { format!("{kind} ({})", field.values.join(", ")) }
}

struct Wanted {
    field: RemoteField,
    written: bool,
}

/// Whether a remote name is one that an admin adds: Salesforce's `__c`, the desks' keyed fields, Entente's own at HubSpot, Pipedrive and
/// Dynamics 365. Provisioning makes these, and no others.
#[must_use]
pub fn can_be_made(name: &str) -> bool {
    const PREFIXES: [&str; 8] = [
        "user_fields.",
        "organization_fields.",
        "entente_",
        "contact_fields.",
        "company_fields.",
        "ticket_fields.",
        "custom_attributes.",
        "ticket_attributes.",
    ];
    (name.ends_with("__c") && !name.contains('.')) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a remote name reads through a reference to another row (`Owner.Name`, `metric_set.solved_at`): schemas do not list those. Zendesk
/// numbers the fields of tickets by itself: its schema lists them, although nobody can make one of a given name.
#[must_use]
pub fn follows_a_reference(name: &str) -> bool {
    const NUMBERED: &str = "custom_fields.";
    name.contains('.') && !can_be_made(name) && !name.starts_with(NUMBERED)
}

/// The fields that provisioning makes for the lines in use of a mapping where the platform, as it was described, lacks them. None where it takes no new
/// fields over its API.
pub(crate) fn to_be_made(connection: &Connection, object: &Object, mapping: &Mapping, remote: &RemoteObject) -> Vec<RemoteField> {
    let takes_fields = connection.connector.spec().capabilities(&mapping.remote).is_some_and(|known| known.creates_fields);
    if !takes_fields {
        return Vec::new();
    }
    // A name that is there in other letters is a slip of the pen, and no platform makes a second field of it.
    let is_there = |name: &str| remote.fields.iter().any(|field| field.name.eq_ignore_ascii_case(name));
    let lacking = fields_of(Some(object), mapping).into_iter().filter(|(name, _)| can_be_made(name) && !is_there(name));
    lacking.map(|(_, wanted)| wanted.field).collect()
}

fn fields_of(object: Option<&Object>, mapping: &Mapping) -> BTreeMap<String, Wanted> {
    let mut fields = BTreeMap::new();
    fields.insert(
        mapping.key.clone(),
        Wanted {
            field: key_field(&mapping.key),
            // A key goes out with a creation, and with nothing else.
            written: mapping.create.when.is_some(),
        },
    );
    for line in &mapping.fields {
        let ours = object.and_then(|object| object.field(&line.field));
        let label = ours.map_or(line.field.as_str(), |field| field.label.as_str());
        let (kind, length) = match ours {
            Some(field) if line.put.is_none() => kind_of(&field.kind),
            _ => (RemoteKind::Text, Some(TEXT_CHARS)),
        };
        let mut field = remote_field(&line.remote, label, kind, length, false);
        field.values = ours.filter(|_| kind == RemoteKind::Picklist).map(|ours| choices(&ours.kind, line)).unwrap_or_default();
        fields.insert(line.remote.clone(), Wanted { field, written: line.direction != Direction::In });
    }
    fields
}

/// The field that carries a record's id.
fn key_field(name: &str) -> RemoteField {
    remote_field(name, "Entente id", RemoteKind::Text, Some(64), true)
}

/// The values of a list as the platform shall hold them: ours, through the mapping's own table.
fn choices(kind: &FieldType, line: &FieldMap) -> Vec<String> {
    let FieldType::Picklist { values } = kind else { return Vec::new() };
    let theirs = |own: &String| line.values.iter().find(|(_, ours)| ours == own).map_or_else(|| own.clone(), |(theirs, _)| theirs.clone());
    values.iter().map(theirs).collect()
}

fn remote_field(name: &str, label: &str, kind: RemoteKind, length: Option<u32>, unique: bool) -> RemoteField {
    RemoteField {
        name: name.to_owned(),
        label: label.to_owned(),
        kind,
        writable: true,
        required: false,
        unique,
        length,
        scale: (kind == RemoteKind::Number).then_some(2),
        values: Vec::new(),
        // Other values may come in at any time, and must not be refused.
        restricted: false,
        derived: false,
        of_owner: false,
    }
}

fn kind_of(kind: &FieldType) -> (RemoteKind, Option<u32>) {
    match kind {
        FieldType::Picklist { values } if !values.is_empty() => (RemoteKind::Picklist, None),
        FieldType::Text | FieldType::Picklist { .. } | FieldType::Reference { .. } => (RemoteKind::Text, Some(TEXT_CHARS)),
        FieldType::LongText | FieldType::MultiPicklist { .. } | FieldType::Json => (RemoteKind::LongText, Some(LONG_TEXT_CHARS)),
        FieldType::Email => (RemoteKind::Email, None),
        FieldType::Phone => (RemoteKind::Phone, None),
        FieldType::Url => (RemoteKind::Url, None),
        FieldType::Number { .. } | FieldType::Money { .. } => (RemoteKind::Number, None),
        FieldType::Date => (RemoteKind::Date, None),
        FieldType::Datetime => (RemoteKind::Datetime, None),
        FieldType::Boolean => (RemoteKind::Boolean, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_admins_add_is_told_from_what_is_read_through_a_reference() {
        let made = ["Tier__c", "user_fields.plan", "company_fields.plan", "ticket_fields.cf_plan", "custom_attributes.plan", "entente_id"];
        assert!(made.iter().all(|name| can_be_made(name) && !follows_a_reference(name)));
        let read = ["Owner.Name", "Account.Tier__c", "metric_set.solved_at", "stats.resolved_at", "associations.companies"];
        assert!(read.iter().all(|name| !can_be_made(name) && follows_a_reference(name)));
        assert!(!can_be_made("custom_fields.42") && !follows_a_reference("custom_fields.42"), "listed, but not to be named by anybody");
        assert!(!can_be_made("name") && !follows_a_reference("name"));
    }
}
