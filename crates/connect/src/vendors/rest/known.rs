//! What is known of an object's fields: those of the description with the choices that endpoints tell, and those that people made at the
//! platform, found there and treated alike.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use entente_model::clock::Timestamp;
use entente_model::mapping::remote::{RemoteField, RemoteKind, RemoteObject};
use serde_json::Value;

use super::Rest;
use super::ask::Gaps;
use super::description::fields::{Choice, CustomFields, CustomKind, Field, Kind};
use super::description::object::ObjectPart;
use super::description::path::Path;
use super::refusal::misfit;
use crate::connector::Priority;
use crate::error::VendorError;

/// How the names of fields begin that Entente made.
pub(crate) const OURS: &str = "entente_";

/// How long definitions are believed.
const BELIEF: Duration = Duration::from_secs(3_600);
/// How long they are believed when a row holds something that they lack.
const BELIEF_IN_DOUBT: Duration = Duration::from_secs(60);

/// A field with what an account says of it.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub field: Field,
    pub path: Path,
    /// Choices: what rows hold, and what people read.
    pub options: Vec<(String, String)>,
    /// What rows hold for true and for false, where they are choices.
    pub flags: Option<(String, String)>,
    /// Whether other values than the choices are taken.
    pub open: bool,
    /// Code of a custom field.
    pub code: Option<String>,
}

impl Known {
    /// The label of a choice.
    pub fn label(&self, id: &str) -> Option<&str> {
        self.options.iter().find(|(known, _)| known == id).map(|(_, label)| label.as_str())
    }

    /// The id of a choice by its label, whatever its case.
    pub fn choice(&self, label: &str) -> Option<&str> {
        let wanted = label.trim().to_lowercase();
        self.options.iter().find(|(_, known)| known.trim().to_lowercase() == wanted).map(|(id, _)| id.as_str())
    }

    /// Whether writes may carry it.
    pub fn is_writable(&self) -> bool {
        !self.field.read_only && self.field.value.is_none() && self.field.look_up.is_none()
    }

    fn described(&self, name: &str) -> RemoteField {
        let labels: Vec<String> = self.options.iter().map(|(_, label)| label.clone()).collect();
        let listed = matches!(self.field.kind, Kind::Picklist | Kind::MultiPicklist);
        RemoteField {
            writable: self.is_writable(),
            required: self.field.required,
            unique: self.field.unique,
            length: self.field.length,
            restricted: listed && !labels.is_empty() && !self.open,
            values: if listed { labels } else { Vec::new() },
            ..RemoteField::new(name, self.field.label.clone().unwrap_or_else(|| spaced(name)), self.field.kind.remote())
        }
    }
}

/// `org_id` → `Org id`.
fn spaced(name: &str) -> String {
    let spaced = name.replace(['_', '.'], " ");
    let mut letters = spaced.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `Entente plan price` → `entente_plan_price`.
fn slug(name: &str) -> String {
    name.trim().to_lowercase().chars().map(|letter| if letter.is_alphanumeric() { letter } else { '_' }).collect()
}

/// All fields of an object.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    by_name: BTreeMap<String, Known>,
    /// Custom fields that cannot be told apart by name.
    ambiguous: Vec<String>,
    /// For each text field, the one that is its last line.
    lines: BTreeMap<String, String>,
}

impl Fields {
    /// A field.
    ///
    /// # Errors
    /// `unknown_field`, or `ambiguous_field` when two were made under one name.
    pub fn named(&self, object: &str, name: &str) -> Result<&Known, VendorError> {
        if self.ambiguous.iter().any(|known| known == name) {
            return Err(misfit(
                "ambiguous_field",
                format!("{object} have several custom fields by the name of `{name}`"),
                "rename or delete all but one of them at the platform, or map the right one by its code",
            )
            .about(name));
        }
        self.by_name.get(name).ok_or_else(|| {
            misfit(
                "unknown_field",
                format!("{object} have no field `{name}`, or our user may not see it"),
                "run `entente provision`, describe the field, or take it out of the mapping",
            )
            .about(name)
        })
    }

    /// Every field by name.
    pub fn all(&self) -> impl Iterator<Item = (&String, &Known)> {
        self.by_name.iter()
    }

    /// The field that is the last line of a text.
    pub fn line_of(&self, text: &str) -> Option<&str> {
        self.lines.get(text).map(String::as_str)
    }

    /// The text whose last line a field is.
    pub fn text_of(&self, line: &str) -> Option<&str> {
        self.by_name.get(line)?.field.last_line_of.as_deref()
    }
}

/// Fields per object as they were last read.
#[derive(Debug, Default)]
pub(crate) struct Schemas(tokio::sync::Mutex<BTreeMap<String, (Timestamp, Arc<Fields>)>>);

impl Rest {
    /// The fields of an object, read anew unless they were a moment ago; all of `names` are among them.
    ///
    /// # Errors
    /// `unknown_field` when one is not: it must not be taken for one that somebody cleared.
    pub(super) async fn fields(&self, object: &str, names: &[String], priority: Priority) -> Result<Arc<Fields>, VendorError> {
        let part = self.object(object)?;
        let mut held = self.schemas.0.lock().await;
        let now = self.client.now();
        let missing = |fields: &Fields| names.iter().find_map(|name| fields.named(object, name).err());
        if let Some((at, fields)) = held.get(object)
            && Duration::try_from(now.duration_since(*at)).is_ok_and(|age| age < BELIEF)
            && missing(fields).is_none()
        {
            return Ok(Arc::clone(fields));
        }
        let fields = Arc::new(self.read_fields(part, priority).await?);
        held.insert(object.to_owned(), (now, Arc::clone(&fields)));
        match missing(&fields) {
            None => Ok(fields),
            Some(error) => Err(error),
        }
    }

    /// The fields of an object as they were last read, if they were, and nobody is reading them now.
    pub(super) fn known_fields(&self, object: &str) -> Option<Arc<Fields>> {
        let held = self.schemas.0.try_lock().ok()?;
        held.get(object).map(|(_, fields)| Arc::clone(fields))
    }

    /// Forgets an object's fields, because they have changed.
    pub(super) async fn forget(&self, object: &str) {
        self.schemas.0.lock().await.remove(object);
    }

    /// Forgets an object's fields if they were not read just now. Whether they were.
    pub(super) async fn doubt(&self, object: &str) -> bool {
        let now = self.client.now();
        let mut held = self.schemas.0.lock().await;
        let old =
            held.get(object).is_some_and(|(at, _)| !Duration::try_from(now.duration_since(*at)).is_ok_and(|age| age < BELIEF_IN_DOUBT));
        if old {
            held.remove(object);
        }
        old
    }

    async fn read_fields(&self, part: &ObjectPart, priority: Priority) -> Result<Fields, VendorError> {
        let mut fields = Fields::default();
        for (name, field) in &part.fields {
            let mut known = Known {
                path: field.path.clone().unwrap_or_else(|| Path::name(name)),
                options: Vec::new(),
                flags: None,
                open: true,
                code: None,
                field: field.clone(),
            };
            if let Some(options) = &field.options {
                known.open = options.open;
                known.options = options
                    .literal
                    .iter()
                    .map(|choice| match choice {
                        Choice::Plain(text) => (text.clone(), text.clone()),
                        Choice::Named { id, label } => (id.text().to_owned(), label.clone()),
                    })
                    .collect();
                if let (Some(call), Some(id), Some(label)) = (&options.from, &options.id, &options.label) {
                    let listed = self.whole_list("options", call, &Gaps::new(), priority).await?;
                    known.options.extend(listed.iter().filter_map(|entry| Some((id.text_in(entry)?, label.text_in(entry)?))));
                }
            }
            if let Some(text) = &field.last_line_of {
                fields.lines.insert(text.clone(), name.clone());
            }
            fields.by_name.insert(name.clone(), known);
        }
        if let Some(custom) = &part.custom_fields {
            let listed = self.whole_list("fields", &custom.list, &Gaps::new(), priority).await?;
            let now = self.client.now();
            let made = listed.iter().filter(|definition| custom.when.as_ref().is_none_or(|when| when.holds(definition, now)));
            for (name, known) in made.filter_map(|definition| custom_field(custom, definition)) {
                if fields.by_name.contains_key(&name) && name.starts_with(OURS) {
                    fields.ambiguous.push(name);
                } else {
                    fields.by_name.entry(name).or_insert(known);
                }
            }
        }
        Ok(fields)
    }

    /// Reads the schema of an object.
    pub(super) async fn read_schema(&self, object: &str) -> Result<RemoteObject, VendorError> {
        self.forget(object).await;
        let fields = self.fields(object, &[], Priority::Update).await?;
        let mut all: Vec<RemoteField> = fields.all().map(|(name, known)| known.described(name)).collect();
        if fields.named(object, "id").is_err() {
            all.push(RemoteField { unique: true, ..RemoteField::new("id", "Id", RemoteKind::Reference) });
        }
        Ok(RemoteObject { name: object.to_owned(), fields: all, lists: Vec::new() })
    }
}

/// A custom field by the name that mappings use. Nothing for one of a type that the description does not know.
fn custom_field(custom: &CustomFields, definition: &Value) -> Option<(String, Known)> {
    let code = custom.code.text_in(definition)?;
    let label = custom.name.text_in(definition).unwrap_or_else(|| code.clone());
    let (mut kind, part, read_only, number, length) = match custom.types.get(&custom.kind.text_in(definition)?)? {
        CustomKind::Plain(kind) => (*kind, None, false, false, None),
        CustomKind::Part { kind, part, read_only, number, length } => (*kind, part.as_ref(), *read_only, *number, *length),
    };
    let mut options: Vec<(String, String)> = Vec::new();
    let mut flags = None;
    if let Some(choices) = &custom.options {
        let listed = choices.at.rows(definition);
        options = listed.into_iter().filter_map(|entry| Some((choices.id.text_in(entry)?, choices.label.text_in(entry)?))).collect();
        let of = |wanted: &str| options.iter().find(|(_, label)| label.eq_ignore_ascii_case(wanted)).map(|(id, _)| id.clone());
        if let Some((yes, no)) = &choices.boolean
            && kind == Kind::Picklist
            && options.len() == 2
            && let (Some(yes), Some(no)) = (of(yes), of(no))
        {
            kind = Kind::Boolean;
            flags = Some((yes, no));
        }
    }
    let gaps = Gaps::from([("code", code.clone())]);
    let mut path = custom.value.filled(&gaps);
    if let Some(part) = part {
        path.push('.');
        path.push_str(part.text());
    }
    let name = slug(&label);
    let name = if name.starts_with(OURS) { name } else { custom.named.filled(&gaps) };
    let field = Field { label: Some(label), read_only, number, length, ..serde_json::from_value(serde_json::json!({"type": kind})).ok()? };
    Some((name, Known { field, path: Path::parse(&path).ok()?, options, flags, open: false, code: Some(code) }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_custom_field_goes_by_its_code_and_one_of_ours_by_its_name() {
        let custom: CustomFields = serde_json::from_value(json!({
            "list": {"path": "/fields"}, "code": "key", "name": "label", "type": "kind", "value": "custom.{code}", "named": "custom.{code}",
            "options": {"at": "choices", "id": "id", "label": "name", "boolean": ["Yes", "No"]},
            "types": {"text": "text", "list": {"type": "picklist", "number": true}, "money": {"type": "number", "part": "value", "read_only": true}},
        }))
        .expect("description");
        let made = |definition: Value| custom_field(&custom, &definition);
        let (name, known) = made(json!({"key": "a1", "label": "Entente plan", "kind": "text"})).expect("field");
        assert_eq!((name.as_str(), known.path.text()), ("entente_plan", "custom.a1"));
        let (name, known) = made(json!({"key": "b2", "label": "Budget", "kind": "money"})).expect("field");
        assert_eq!((name.as_str(), known.path.text(), known.is_writable()), ("custom.b2", "custom.b2.value", false));
        let choices = json!([{"id": 1, "name": "Yes"}, {"id": 2, "name": "No"}]);
        let (_, known) = made(json!({"key": "c3", "label": "VIP", "kind": "list", "choices": choices})).expect("field");
        assert_eq!((known.field.kind, known.flags), (Kind::Boolean, Some(("1".to_owned(), "2".to_owned()))));
        assert!(made(json!({"key": "d4", "label": "Map", "kind": "polygon"})).is_none(), "a type that is not described");
    }
}
