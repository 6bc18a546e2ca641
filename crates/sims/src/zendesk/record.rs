//! What is stored of one user, organization or ticket: only what differs from the vendor's defaults, so that a hundred thousand
//! records stay small.

use serde_json::{Map, Value, json};

/// The three kinds of records that carry custom fields, webhooks and exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// End users and agents.
    User,
    /// Organizations.
    Organization,
    /// Tickets.
    Ticket,
}

impl Kind {
    /// `user`, `organization`, `ticket`.
    #[must_use]
    pub fn singular(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Organization => "organization",
            Self::Ticket => "ticket",
        }
    }

    /// `users`, `organizations`, `tickets`.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::User => "users",
            Self::Organization => "organizations",
            Self::Ticket => "tickets",
        }
    }

    /// Reads either form.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::User, Self::Organization, Self::Ticket].into_iter().find(|kind| kind.singular() == name || kind.plural() == name)
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

/// A small JSON value.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Val {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    Text(Box<str>),
    Json(Box<Value>),
}

impl Val {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(bit) => Value::Bool(*bit),
            Self::Int(number) => json!(number),
            Self::Text(text) => Value::String(text.to_string()),
            Self::Json(value) => (**value).clone(),
        }
    }

    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(bit) => Self::Bool(*bit),
            Value::Number(number) => number.as_i64().map_or_else(|| Self::Json(Box::new(value.clone())), Self::Int),
            Value::String(text) => Self::text(text),
            other => Self::Json(Box::new(other.clone())),
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_id(&self) -> Option<u64> {
        match self {
            Self::Int(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    pub(crate) fn id(id: Option<u64>) -> Self {
        id.and_then(|id| i64::try_from(id).ok()).map_or(Self::Null, Self::Int)
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

/// What an attribute holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    /// Text; an empty one is stored as null.
    Text,
    /// Text; an empty one is kept.
    Note,
    Bool,
    Int,
    OneOf(&'static [&'static str]),
    Ids,
    Texts,
    Time,
    Any,
    /// Rendered from elsewhere; never stored in the bag.
    Computed,
}

/// What an attribute shows when nobody set it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Blank {
    Null,
    Bool(bool),
    Int(i64),
    Text(&'static str),
    List,
}

impl Blank {
    fn val(self) -> Val {
        match self {
            Self::Null => Val::Null,
            Self::Bool(bit) => Val::Bool(bit),
            Self::Int(number) => Val::Int(number),
            Self::Text(text) => Val::text(text),
            Self::List => Val::Json(Box::new(Value::Array(Vec::new()))),
        }
    }

    fn json(self) -> Value {
        match self {
            Self::List => Value::Array(Vec::new()),
            other => other.val().json(),
        }
    }
}

/// One attribute of a kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attr {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) blank: Blank,
    pub(crate) write: bool,
}

/// Stored part of a record.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Record {
    pub(crate) id: u64,
    /// Seconds since 1970.
    pub(crate) created: i64,
    /// `updated_at`, seconds.
    pub(crate) updated: i64,
    /// `generated_timestamp`, seconds: also raised by changes that nobody made.
    pub(crate) generated: i64,
    /// Breaks ties between records of one second in exports.
    pub(crate) tie: u64,
    /// When it was (softly) deleted.
    pub(crate) deleted: Option<i64>,
    bag: Vec<(&'static str, Val)>,
    /// Sorted, unique.
    pub(crate) tags: Vec<Box<str>>,
    fields: Vec<(u64, Val)>,
}

static NULL: Val = Val::Null;

impl Record {
    pub(crate) fn new(id: u64, now: i64) -> Self {
        Self { id, created: now, updated: now, generated: now, ..Self::default() }
    }

    /// A record that was never committed yet.
    pub(crate) fn unborn(id: u64, now: i64) -> Self {
        Self { generated: 0, ..Self::new(id, now) }
    }

    /// Forgets every attribute, tag and field; identity and times stay.
    pub(crate) fn scrub(&mut self) {
        self.bag.clear();
        self.tags.clear();
        self.fields.clear();
    }

    /// The stored value; null when it has its default.
    pub(crate) fn get(&self, name: &str) -> &Val {
        self.bag.iter().find(|(key, _)| *key == name).map_or(&NULL, |(_, value)| value)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).as_str()
    }

    pub(crate) fn id_of(&self, name: &str) -> Option<u64> {
        self.get(name).as_id()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Val::Bool(true))
    }

    /// Ids in a list attribute.
    pub(crate) fn ids_of(&self, name: &str) -> Vec<u64> {
        match self.get(name) {
            Val::Json(value) => value.as_array().map(|ids| ids.iter().filter_map(Value::as_u64).collect()).unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    /// The effective value, default included.
    pub(crate) fn shown(&self, attr: &Attr) -> Value {
        self.bag.iter().find(|(key, _)| *key == attr.name).map_or_else(|| attr.blank.json(), |(_, value)| value.json())
    }

    pub(crate) fn set(&mut self, attr: &Attr, value: Val) {
        let default = value == attr.blank.val();
        match (self.bag.iter().position(|(key, _)| *key == attr.name), default) {
            (Some(at), true) => drop(self.bag.swap_remove(at)),
            (Some(at), false) => self.bag[at].1 = value,
            (None, true) => {}
            (None, false) => self.bag.push((attr.name, value)),
        }
    }

    /// Sets an attribute by name; the table must have it.
    pub(crate) fn put(&mut self, table: &'static [Attr], name: &str, value: Val) {
        if let Some(attr) = attribute(table, name) {
            self.set(attr, value);
        }
    }

    pub(crate) fn field(&self, id: u64) -> &Val {
        self.fields.iter().find(|(key, _)| *key == id).map_or(&NULL, |(_, value)| value)
    }

    pub(crate) fn set_field(&mut self, id: u64, value: Val) {
        match (self.fields.iter().position(|(key, _)| *key == id), value.is_null()) {
            (Some(at), true) => drop(self.fields.swap_remove(at)),
            (Some(at), false) => self.fields[at].1 = value,
            (None, true) => {}
            (None, false) => self.fields.push((id, value)),
        }
    }

    /// Ids of custom fields that have a value.
    pub(crate) fn field_ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.fields.iter().map(|(id, _)| *id)
    }

    pub(crate) fn has_tag(&self, tag: &str) -> bool {
        self.tags.binary_search_by(|held| (**held).cmp(tag)).is_ok()
    }

    pub(crate) fn add_tag(&mut self, tag: &str) {
        if let Err(at) = self.tags.binary_search_by(|held| (**held).cmp(tag)) {
            self.tags.insert(at, tag.into());
        }
    }

    pub(crate) fn drop_tag(&mut self, tag: &str) {
        if let Ok(at) = self.tags.binary_search_by(|held| (**held).cmp(tag)) {
            self.tags.remove(at);
        }
    }

    pub(crate) fn tags_json(&self) -> Value {
        Value::Array(self.tags.iter().map(|tag| Value::String(tag.to_string())).collect())
    }
}

/// The attribute of that name.
pub(crate) fn attribute(table: &'static [Attr], name: &str) -> Option<&'static Attr> {
    table.iter().find(|attr| attr.name == name)
}

/// Reads a written value. `Err` carries the reason, to be put behind the attribute's title.
pub(crate) fn coerce(shape: Shape, value: &Value) -> Result<Val, &'static str> {
    if value.is_null() {
        return Ok(Val::Null);
    }
    match shape {
        Shape::Text | Shape::Note => match value {
            Value::String(text) if text.is_empty() && shape == Shape::Text => Ok(Val::Null),
            Value::String(text) => Ok(Val::text(text)),
            Value::Number(number) => Ok(Val::text(&number.to_string())),
            Value::Bool(bit) => Ok(Val::text(if *bit { "true" } else { "false" })),
            _ => Err("is invalid"),
        },
        Shape::Bool => match value {
            Value::Bool(bit) => Ok(Val::Bool(*bit)),
            Value::String(text) if text == "true" => Ok(Val::Bool(true)),
            Value::String(text) if text == "false" => Ok(Val::Bool(false)),
            _ => Err("is invalid"),
        },
        Shape::Int => match value {
            Value::String(text) if text.is_empty() => Ok(Val::Null),
            _ => whole(value).map(Val::Int).ok_or("is not a number"),
        },
        Shape::OneOf(allowed) => match value.as_str() {
            Some(text) if allowed.contains(&text) => Ok(Val::text(text)),
            Some("") => Ok(Val::Null),
            _ => Err("is not included in the list"),
        },
        Shape::Ids => match value {
            Value::Array(items) => {
                let ids: Option<Vec<i64>> = items.iter().map(whole).collect();
                Ok(Val::Json(Box::new(json!(ids.ok_or("is invalid")?))))
            }
            _ => Err("is invalid"),
        },
        Shape::Texts => match value {
            Value::Array(items) => Ok(Val::Json(Box::new(Value::Array(items.iter().filter(|item| item.is_string()).cloned().collect())))),
            Value::String(text) => {
                Ok(Val::Json(Box::new(Value::Array(text.split_whitespace().map(|word| Value::String(word.to_owned())).collect()))))
            }
            _ => Err("is invalid"),
        },
        Shape::Time => match value.as_str().and_then(super::moment::parse) {
            Some(at) => Ok(Val::text(&super::moment::iso(at))),
            None => Err("is not a valid date"),
        },
        Shape::Any => Ok(Val::of(value)),
        Shape::Computed => Err("cannot be set"),
    }
}

/// A whole number given as a number or as digits.
pub(crate) fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// An id given as a number or as digits.
pub(crate) fn id_in(value: &Value) -> Option<u64> {
    whole(value).and_then(|number| u64::try_from(number).ok())
}

/// An empty object.
pub(crate) fn object() -> Map<String, Value> {
    Map::new()
}
