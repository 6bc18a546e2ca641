//! Object types that a portal defines itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::kinds::{Kind, association, kind};
use super::moment::iso;
use super::properties::built_in;
use super::refusal::Refusal;
use super::state::State;

/// Object types of its own that an account may have.
const DEFINITIONS_MAX: usize = 20;
/// First number of a type id behind `2-`.
const FIRST_TYPE: u64 = 3_465_401;
/// First type id of associations with objects of the portal's own.
const FIRST_ASSOCIATION: u32 = 101;
/// Kinds that every object of a portal's own goes together with.
const ALWAYS: &[&str] = &["tasks", "notes", "meetings", "calls"];

/// What an account pays for. Only the dearest tier has object types of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Free and Starter.
    Starter,
    /// Professional.
    Professional,
    /// Enterprise, and developers' test accounts.
    Enterprise,
}

/// One way in which two kinds go together.
#[derive(Debug, Clone)]
pub(crate) struct Together {
    pub(crate) id: u32,
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) name: String,
}

/// One object type.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    pub(crate) kind: usize,
    /// Number of the definition.
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) singular: String,
    pub(crate) plural: String,
    pub(crate) description: String,
    pub(crate) required: Vec<String>,
    pub(crate) searchable: Vec<String>,
    pub(crate) primary: String,
    pub(crate) secondary: Vec<String>,
    pub(crate) archived: bool,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Schemas {
    pub(crate) list: Vec<Schema>,
    pub(crate) together: Vec<Together>,
}

impl Schemas {
    /// The definition of a kind, if it is the portal's own.
    pub(crate) fn of(&self, kind: usize) -> Option<&Schema> {
        self.list.iter().find(|schema| schema.kind == kind)
    }
}

/// A text that lives as long as the process: kinds are known by such names, and a portal has a few of its own.
fn interned(text: &str) -> &'static str {
    static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(held) = known.get(text) {
        return held;
    }
    let held: &'static str = Box::leak(text.to_owned().into_boxed_str());
    known.insert(held);
    held
}

/// The texts of a list.
pub(crate) fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

impl State {
    /// A kind by a name that callers outside use, the short one of the portal's own kinds included.
    pub(crate) fn named(&self, object: &str) -> Result<usize, Refusal> {
        let own = || self.schemas.list.iter().find(|schema| schema.name == object && !schema.archived).map(|schema| schema.kind);
        kind(&self.kinds, object).or_else(own).ok_or_else(|| Refusal::validation(format!("Unable to infer object type from: {object}")))
    }

    /// The association types from one kind to another: plain, and primary where there is one.
    pub(crate) fn association(&self, from: usize, to: usize) -> Option<(u32, Option<u32>)> {
        let own = || self.schemas.together.iter().find(|known| known.from == from && known.to == to).map(|known| (known.id, None));
        association(from, to).or_else(own)
    }

    /// Who defined the associations between two kinds.
    pub(crate) fn category(&self, from: usize, to: usize) -> &'static str {
        if association(from, to).is_some() { "HUBSPOT_DEFINED" } else { "USER_DEFINED" }
    }

    /// Defines an object type.
    ///
    /// # Errors
    /// As HubSpot refuses it: below the tier, without what a definition needs, or under a name that is taken.
    pub(crate) fn define(&mut self, body: &Value) -> Result<usize, Refusal> {
        self.may_define("crm.schemas.custom.write")?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        for name in ["name", "labels", "properties", "requiredProperties", "associatedObjects"] {
            if body[name].is_null() {
                return Err(Refusal::validation(format!("Invalid input JSON: {name} is required")));
            }
        }
        let name = text(&body["name"]);
        let plain = name.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if !plain {
            return Err(Refusal::validation(format!(
                "{name} is not a valid name: letters, digits and underscores, beginning with a letter"
            )));
        }
        if self.named(&name).is_ok() || self.schemas.list.iter().any(|schema| schema.name == name) {
            let message = format!("An object type definition named '{name}' already exists.");
            return Err(Refusal::new(409, "OBJECT_ALREADY_EXISTS", message));
        }
        if self.schemas.list.iter().filter(|schema| !schema.archived).count() >= DEFINITIONS_MAX {
            return Err(Refusal::validation(format!("This account may have at most {DEFINITIONS_MAX} object type definitions")));
        }
        let given = body["properties"].as_array().cloned().unwrap_or_default();
        let known = |name: &String| given.iter().any(|property| property["name"] == name.as_str());
        let required = texts(&body["requiredProperties"]);
        let searchable = texts(&body["searchableProperties"]);
        let primary = text(&body["primaryDisplayProperty"]);
        let named = required.iter().chain(&searchable).chain(Some(&primary).filter(|primary| !primary.is_empty()));
        if let Some(strange) = named.into_iter().find(|name| !known(name)) {
            return Err(Refusal::validation(format!("{strange} is not one of the object's properties")));
        }
        let partners = texts(&body["associatedObjects"]).iter().map(|name| self.partner(name)).collect::<Result<Vec<_>, _>>()?;
        let kind = self.add_kind(&name, &primary);
        for property in &given {
            let mut whole = property.clone();
            if whole["groupName"].is_null() {
                whole["groupName"] = json!(self.groups[kind][0].0);
            }
            if let Err(refusal) = self.add_property(kind, &whole) {
                self.forget_kind(kind);
                return Err(refusal);
            }
        }
        let id = FIRST_TYPE + self.schemas.list.len() as u64;
        self.schemas.list.push(Schema {
            kind,
            id,
            name: name.clone(),
            singular: text(&body["labels"]["singular"]),
            plural: text(&body["labels"]["plural"]),
            description: text(&body["description"]),
            required,
            searchable,
            primary,
            secondary: texts(&body["secondaryDisplayProperties"]),
            archived: false,
            created_ms: self.now_ms,
            updated_ms: self.now_ms,
        });
        let always: Vec<usize> = ALWAYS.iter().filter_map(|name| self.kind(name).ok()).collect();
        for other in always.into_iter().chain(partners) {
            self.go_together(kind, other, None);
        }
        Ok(kind)
    }

    /// Whether the account may define object types.
    ///
    /// # Errors
    /// What an account below the tier is told.
    pub(crate) fn may_define(&self, scope: &str) -> Result<(), Refusal> {
        if self.options.tier == Tier::Enterprise { Ok(()) } else { Err(Refusal::scope(scope)) }
    }

    /// A kind by what `associatedObjects` may say: `CONTACT`, a type id, or a name.
    pub(crate) fn partner(&self, name: &str) -> Result<usize, Refusal> {
        self.named(name).or_else(|_| self.named(&name.to_lowercase()))
    }

    /// Lets two kinds go together, in both directions. Gives the type id of the first.
    pub(crate) fn go_together(&mut self, from: usize, to: usize, name: Option<&str>) -> u32 {
        if let Some((held, _)) = self.association(from, to) {
            return held;
        }
        let id = FIRST_ASSOCIATION + u32::try_from(self.schemas.together.len()).unwrap_or(u32::MAX / 2);
        let usual = format!("{}_to_{}", self.kinds[from].singular, self.kinds[to].singular);
        let name = name.map_or(usual, str::to_owned);
        self.schemas.together.push(Together { id, from, to, name: name.clone() });
        if from != to {
            self.schemas.together.push(Together { id: id + 1, from: to, to: from, name });
        }
        id
    }

    fn add_kind(&mut self, name: &str, primary: &str) -> usize {
        let number = FIRST_TYPE + self.schemas.list.len() as u64;
        let full = interned(&format!("p{}_{name}", self.options.portal_id));
        let defaults: Vec<&'static str> = ["hs_createdate", "hs_lastmodifieddate", "hs_object_id", primary]
            .iter()
            .filter(|name| !name.is_empty())
            .map(|name| interned(name))
            .collect();
        self.kinds.push(Kind {
            name: full,
            singular: full,
            type_id: interned(&format!("2-{number}")),
            // A kind's habits live as long as its name.
            defaults: Box::leak(defaults.into_boxed_slice()),
            cursor: "hs_lastmodifieddate",
            lenient: false,
            merges: true,
            events: None,
        });
        self.records.push(BTreeMap::new());
        let group = format!("{name}_information");
        let mut properties = built_in("", self.options.lead_progress, self.now_ms);
        properties.iter_mut().for_each(|property| property.group.clone_from(&group));
        self.properties.push(properties);
        self.groups.push(vec![(group, format!("{name} information"))]);
        self.kinds.len() - 1
    }

    /// Takes a kind's names away: its place stays, and nothing leads there any more.
    pub(crate) fn forget_kind(&mut self, kind: usize) {
        let held = &mut self.kinds[kind];
        (held.name, held.singular, held.type_id) = ("", "", "");
    }

    /// A definition as the API shows it.
    pub(crate) fn schema_shown(&self, schema: &Schema) -> Value {
        let kind = &self.kinds[schema.kind];
        let ends = |known: &&Together| known.from == schema.kind || known.to == schema.kind;
        let associations: Vec<Value> = self.schemas.together.iter().filter(ends).map(|known| self.together_shown(known)).collect();
        let properties: Vec<Value> =
            self.properties[schema.kind].iter().filter(|property| !property.archived).map(super::properties::Property::shown).collect();
        json!({
            "id": schema.id.to_string(), "objectTypeId": format!("2-{}", schema.id), "name": schema.name,
            "fullyQualifiedName": format!("p{}_{}", self.options.portal_id, schema.name), "labels": {"singular": schema.singular, "plural": schema.plural},
            "description": schema.description, "requiredProperties": schema.required, "searchableProperties": schema.searchable,
            "primaryDisplayProperty": schema.primary, "secondaryDisplayProperties": schema.secondary, "properties": properties,
            "associations": associations, "archived": schema.archived || kind.name.is_empty(), "createdAt": iso(schema.created_ms),
            "updatedAt": iso(schema.updated_ms),
        })
    }

    pub(crate) fn together_shown(&self, known: &Together) -> Value {
        let at = iso(self.now_ms);
        json!({
            "id": known.id.to_string(), "fromObjectTypeId": self.kinds[known.from].type_id, "toObjectTypeId": self.kinds[known.to].type_id,
            "name": known.name, "createdAt": at, "updatedAt": at,
        })
    }
}
