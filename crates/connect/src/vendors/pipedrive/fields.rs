//! Field definitions. A custom field goes by a hash of its own in every account; a mapping names it by that hash (`custom.HASH`), or, if
//! Entente made it, by the name that it was made with (`entente_plan` for the field "Entente plan").

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use entente_model::clock::Timestamp;
use entente_model::mapping::remote::{RemoteField, RemoteKind, RemoteObject};
use serde_json::Value;

use super::Pipedrive;
use super::attributes::{attribute, attributes, documented};
use super::kind::Kind;
use super::refusal::{misfit, of_no_row};
use super::values::parts;
use super::wire::Next;
use crate::connector::Priority;
use crate::error::VendorError;
use crate::transport::call::Call;
use crate::vendors::attribute::{Attribute, LINE};

/// First part of the flattened names of custom fields.
pub(crate) const CUSTOM: &str = "custom.";
/// How the names of fields begin that Entente made.
pub(crate) const OURS: &str = "entente_";

/// How long definitions are believed. Reads and writes of a field that has vanished meanwhile notice it anyway, and so do reads of a choice
/// that is new.
const BELIEF: Duration = Duration::from_secs(3_600);
/// How long they are believed when a row holds a choice that they lack: one that was deleted stands in rows for good.
const BELIEF_IN_DOUBT: Duration = Duration::from_secs(60);
/// Definitions on a page, the most there may be.
const PAGE_ROWS: &str = "500";

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Definition {
    /// Its code in rows: a hash of 40 digits for custom fields.
    pub code: String,
    /// Name that people read.
    pub name: String,
    /// Type at Pipedrive.
    pub ty: String,
    /// Whether somebody made it.
    pub custom: bool,
    /// Choices: id and label.
    pub options: Vec<(i64, String)>,
}

impl Definition {
    /// Type, as others see it. A list of Yes and No is a boolean: Pipedrive has no other for custom fields.
    pub fn kind(&self) -> RemoteKind {
        match self.ty.as_str() {
            "text" => RemoteKind::LongText,
            "double" | "monetary" | "int" => RemoteKind::Number,
            "enum" if self.is_boolean() => RemoteKind::Boolean,
            "boolean" => RemoteKind::Boolean,
            "enum" | "status" | "visible_to" => RemoteKind::Picklist,
            "set" => RemoteKind::MultiPicklist,
            "date" | "daterange" => RemoteKind::Date,
            "phone" => RemoteKind::Phone,
            "user" | "org" | "people" | "deal" | "lead" => RemoteKind::Reference,
            "json" => RemoteKind::Json,
            _ => RemoteKind::Text,
        }
    }

    /// Whether its choices are Yes and No.
    pub fn is_boolean(&self) -> bool {
        let has = |word: &str| self.options.iter().any(|(_, label)| label.eq_ignore_ascii_case(word));
        self.ty == "enum" && self.options.len() == 2 && has("yes") && has("no")
    }

    /// The label of a choice.
    pub fn label(&self, id: i64) -> Option<&str> {
        self.options.iter().find(|(known, _)| *known == id).map(|(_, label)| label.as_str())
    }

    /// The id of a choice by its label, whatever its case.
    pub fn choice(&self, label: &str) -> Option<i64> {
        let wanted = label.trim().to_lowercase();
        self.options.iter().find(|(_, known)| known.trim().to_lowercase() == wanted).map(|(id, _)| *id)
    }

    fn of(definition: &Value) -> Option<Self> {
        let text = |name: &str| definition[name].as_str().unwrap_or_default().to_owned();
        let options = definition["options"].as_array().into_iter().flatten();
        Some(Self {
            code: definition["field_code"].as_str()?.to_owned(),
            name: text("field_name"),
            ty: text("field_type"),
            custom: definition["is_custom_field"] == true,
            options: options.filter_map(|option| Some((option["id"].as_i64()?, option["label"].as_str()?.to_owned()))).collect(),
        })
    }
}

/// A field of a mapping: the definition, and which part of its value (`currency`, `until`, …).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub definition: &'a Definition,
    /// Empty for the value itself.
    pub part: &'a str,
}

/// All fields of an object.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    by_code: BTreeMap<String, Definition>,
    /// Codes of the fields that Entente made, by the name they were made with. More than one is somebody's copy.
    ours: BTreeMap<String, Vec<String>>,
}

/// `Entente plan price` → `entente_plan_price`.
fn slug(name: &str) -> String {
    let lower = name.trim().to_lowercase();
    lower.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '_' }).collect()
}

impl Fields {
    fn new(definitions: Vec<Definition>) -> Self {
        let mut fields = Self::default();
        for definition in definitions {
            let name = slug(&definition.name);
            if definition.custom && name.starts_with(OURS) {
                fields.ours.entry(name).or_default().push(definition.code.clone());
            }
            fields.by_code.insert(definition.code.clone(), definition);
        }
        fields
    }

    /// A definition by its code.
    pub fn code(&self, code: &str) -> Option<&Definition> {
        self.by_code.get(code)
    }

    /// The labels of rows: the field goes by one of two codes.
    pub fn labels(&self) -> Option<&Definition> {
        self.by_code.get("label_ids").or_else(|| self.by_code.get("label"))
    }

    /// The custom field that a flattened name stands for.
    ///
    /// # Errors
    /// `ambiguous_field` when two fields of that name were made.
    pub fn named<'a>(&'a self, name: &'a str) -> Result<Option<Named<'a>>, VendorError> {
        if let Some(rest) = name.strip_prefix(CUSTOM) {
            let (code, part) = rest.split_once('.').unwrap_or((rest, ""));
            let found = self.by_code.get(code).filter(|definition| definition.custom);
            return Ok(found
                .filter(|definition| part.is_empty() || parts(&definition.ty).contains(&part))
                .map(|definition| Named { definition, part }));
        }
        match self.ours.get(name).map(Vec::as_slice) {
            None | Some([]) => Ok(None),
            Some([code]) => Ok(self.by_code.get(code).map(|definition| Named { definition, part: "" })),
            Some([first, ..]) => Err(misfit(
                "ambiguous_field",
                format!("Pipedrive has several custom fields by the name of `{name}`"),
                "rename or delete all but one of them, or map the right one by its hash (custom.HASH)",
            )
            .about(format!("{CUSTOM}{first}"))),
        }
    }

    /// The first of some names that stands for nothing.
    fn stranger<'a>(&self, kind: Kind, names: &'a [String]) -> Result<Option<&'a String>, VendorError> {
        for name in names.iter().filter(|name| attribute(kind, name).is_none()) {
            if self.named(name)?.is_none() {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// The name that a custom field goes by in mappings.
    fn mapped_name(&self, definition: &Definition) -> String {
        let name = slug(&definition.name);
        if self.ours.get(&name).is_some_and(|codes| codes.len() == 1) { name } else { format!("{CUSTOM}{}", definition.code) }
    }

    /// Every custom field with the name that it goes by in mappings.
    pub fn custom(&self) -> impl Iterator<Item = (String, &Definition)> {
        self.by_code.values().filter(|definition| definition.custom).map(|definition| (self.mapped_name(definition), definition))
    }
}

/// Fields per object as they were last read.
#[derive(Debug, Default)]
pub(crate) struct Schemas(tokio::sync::Mutex<BTreeMap<Kind, (Timestamp, Arc<Fields>)>>);

impl Pipedrive {
    /// The fields of an object, read anew unless they were a moment ago; all of `names` are among them.
    ///
    /// # Errors
    /// `unknown_field` when one is not: it must not be taken for one that somebody cleared.
    pub(super) async fn fields(&self, kind: Kind, names: &[String], priority: Priority) -> Result<Arc<Fields>, VendorError> {
        let mut held = self.schemas.0.lock().await;
        let now = self.client.now();
        if let Some((at, fields)) = held.get(&kind)
            && Duration::try_from(now.duration_since(*at)).is_ok_and(|age| age < BELIEF)
            && fields.stranger(kind, names)?.is_none()
        {
            return Ok(Arc::clone(fields));
        }
        let fields = Arc::new(self.read_fields(kind, priority).await?);
        held.insert(kind, (now, Arc::clone(&fields)));
        match fields.stranger(kind, names)? {
            None => Ok(fields),
            Some(name) => Err(unknown(kind, name)),
        }
    }

    /// Forgets an object's fields, because they have changed.
    pub(super) async fn forget(&self, kind: Kind) {
        let mut held = self.schemas.0.lock().await;
        let same = |other: &Kind| other.definitions().is_some() && other.definitions() == kind.definitions();
        held.retain(|other, _| *other != kind && !same(other));
    }

    /// Forgets an object's fields if they were not read just now, because a row holds a choice that they lack.
    pub(super) async fn doubt(&self, kind: Kind) {
        let now = self.client.now();
        let mut held = self.schemas.0.lock().await;
        held.retain(|other, (at, _)| *other != kind || Duration::try_from(now.duration_since(*at)).is_ok_and(|age| age < BELIEF_IN_DOUBT));
    }

    async fn read_fields(&self, kind: Kind, priority: Priority) -> Result<Fields, VendorError> {
        let Some(path) = kind.definitions() else { return Ok(Fields::default()) };
        let mut definitions = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut call = Call::get(path).query("limit", PAGE_ROWS);
            if let Some(cursor) = &cursor {
                call = call.query("cursor", cursor);
            }
            let read = self.send("fields", priority, call).await.map_err(of_no_row)?;
            definitions.extend(read.rows().iter().filter_map(Definition::of));
            match read.next {
                Some(Next::Cursor(next)) if cursor.as_ref() != Some(&next) => cursor = Some(next),
                _ => return Ok(Fields::new(definitions)),
            }
        }
    }

    /// Reads the schema of an object.
    pub(super) async fn read_schema(&self, kind: Kind, priority: Priority) -> Result<RemoteObject, VendorError> {
        self.forget(kind).await;
        let fields = self.fields(kind, &[], priority).await?;
        let listed = |attribute: &Attribute| {
            let definition = match attribute.name {
                "labels" if kind != Kind::Lead => fields.labels(),
                "industry" => fields.code("industry"),
                _ => None,
            };
            definition.map(|definition| definition.options.iter().map(|(_, label)| label.clone()).collect()).unwrap_or_default()
        };
        let mut all: Vec<RemoteField> = attributes(kind).map(|attribute| documented(attribute, listed(attribute))).collect();
        for (name, definition) in fields.custom() {
            all.push(described(name.clone(), definition));
            for part in parts(&definition.ty) {
                let label = format!("{} ({part})", definition.name);
                let kind = if *part == "until" && definition.ty == "daterange" { RemoteKind::Date } else { RemoteKind::Text };
                let field = described(format!("{CUSTOM}{}.{part}", definition.code), definition);
                all.push(RemoteField { label, kind, length: Some(LINE), values: Vec::new(), restricted: false, ..field });
            }
        }
        Ok(RemoteObject { name: kind.plural().to_owned(), fields: all, lists: Vec::new() })
    }
}

fn described(name: String, definition: &Definition) -> RemoteField {
    let kind = definition.kind();
    let listed = matches!(kind, RemoteKind::Picklist | RemoteKind::MultiPicklist);
    RemoteField {
        writable: true,
        length: matches!(kind, RemoteKind::Text | RemoteKind::Phone).then_some(LINE),
        values: if listed { definition.options.iter().map(|(_, label)| label.clone()).collect() } else { Vec::new() },
        restricted: listed && !definition.options.is_empty(),
        of_owner: definition.ty == "user",
        ..RemoteField::new(name, definition.name.clone(), kind)
    }
}

/// The error of a field that is not there.
pub(crate) fn unknown(kind: Kind, name: &str) -> VendorError {
    let advice = if kind.definitions().is_some() {
        "run `entente provision`, or take the field out of the mapping; custom fields are named custom.HASH, fields of Entente entente_NAME"
    } else {
        "take the field out of the mapping: activities and notes have no custom fields"
    };
    misfit("unknown_field", format!("Pipedrive's {} have no field `{name}`, or our user may not see it", kind.plural()), advice).about(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(code: &str, name: &str, ty: &str, options: &Value) -> Definition {
        let shape = json!({"field_code": code, "field_name": name, "field_type": ty, "is_custom_field": true, "options": options});
        Definition::of(&shape).expect("definition")
    }

    #[test]
    fn a_field_goes_by_its_hash_and_one_of_ours_by_its_name() {
        let money = field("bb", "Budget", "monetary", &Value::Null);
        let fields = Fields::new(vec![field("aa", "Entente plan price", "double", &Value::Null), money]);
        let code = |name: &str| fields.named(name).expect("clear").map(|named| (named.definition.code.clone(), named.part.to_owned()));
        assert_eq!(code("entente_plan_price"), Some(("aa".to_owned(), String::new())));
        assert_eq!(code("custom.aa"), code("entente_plan_price"));
        assert_eq!(code("custom.bb.currency"), Some(("bb".to_owned(), "currency".to_owned())));
        assert_eq!((code("custom.bb.until"), code("Budget"), code("entente_arr")), (None, None, None));
    }

    #[test]
    fn two_fields_of_one_name_are_told_apart_by_a_person() {
        let fields =
            Fields::new(vec![field("aa", "Entente plan", "varchar", &Value::Null), field("bb", "entente_plan", "text", &Value::Null)]);
        assert_eq!(fields.named("entente_plan").expect_err("unclear").code, "ambiguous_field");
        assert!(fields.named("custom.bb").expect("clear").is_some());
        assert!(fields.custom().all(|(name, _)| name.starts_with(CUSTOM)));
    }

    #[test]
    fn a_list_of_yes_and_no_is_a_boolean() {
        let options = json!([{"id": 1, "label": "Yes"}, {"id": 2, "label": "No"}]);
        assert_eq!(field("aa", "VIP", "enum", &options).kind(), RemoteKind::Boolean);
        let options = json!([{"id": 1, "label": "Yes"}, {"id": 2, "label": "No"}, {"id": 3, "label": "Perhaps"}]);
        assert_eq!(field("aa", "VIP", "enum", &options).kind(), RemoteKind::Picklist);
    }
}
