//! Custom fields: definitions, the values they accept, and their marriage with tags.

use serde_json::{Map, Value, json};

use super::moment;
use super::record::{Kind, Record, Val, whole};
use super::refusal::{Problems, Warned};

/// One choice of a dropdown or multi-select field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldOption {
    /// What people see.
    pub name: String,
    /// What is stored and written as a tag.
    pub value: String,
}

/// A custom field to add.
#[derive(Debug, Clone, Default)]
pub struct FieldSpec {
    /// Key in `user_fields` and `organization_fields`; tickets address fields by number.
    pub key: String,
    /// What people see.
    pub title: String,
    /// `text`, `textarea`, `checkbox`, `date`, `integer`, `decimal`, `regexp`, `tagger`, `multiselect`, `lookup`.
    pub ty: String,
    /// Choices of a `tagger` or `multiselect`.
    pub options: Vec<FieldOption>,
    /// Tag of a ticked `checkbox`.
    pub tag: Option<String>,
}

impl FieldSpec {
    /// A field of that type whose title is its key.
    #[must_use]
    pub fn new(key: &str, ty: &str) -> Self {
        Self { key: key.to_owned(), title: key.to_owned(), ty: ty.to_owned(), ..Self::default() }
    }

    /// The same field with choices whose names equal their values.
    #[must_use]
    pub fn with_options(mut self, values: &[&str]) -> Self {
        self.options = values.iter().map(|value| FieldOption { name: (*value).to_owned(), value: (*value).to_owned() }).collect();
        self
    }
}

/// A stored choice.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// A stored field.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) id: u64,
    pub(crate) key: String,
    pub(crate) ty: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) tag: Option<String>,
    pub(crate) regexp: Option<String>,
    pub(crate) active: bool,
    pub(crate) required: bool,
    /// Built in: not removable, and not among `custom_fields`.
    pub(crate) system: bool,
    pub(crate) position: usize,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) choices: Vec<Choice>,
}

/// Types that a custom field can have.
pub(crate) const TYPES: &[&str] = &[
    "text",
    "textarea",
    "checkbox",
    "date",
    "integer",
    "decimal",
    "regexp",
    "partialcreditcard",
    "multiselect",
    "tagger",
    "dropdown",
    "lookup",
];

impl Field {
    pub(crate) fn has_choices(&self) -> bool {
        matches!(self.ty.as_str(), "tagger" | "dropdown" | "multiselect")
    }

    fn knows(&self, value: &str) -> bool {
        self.choices.iter().any(|choice| choice.value == value)
    }

    /// The tags that a value stands for.
    fn tags_of<'a>(&'a self, value: &'a Val) -> Vec<&'a str> {
        match (self.ty.as_str(), value) {
            ("tagger" | "dropdown", Val::Text(text)) => vec![text],
            ("multiselect", Val::Json(list)) => list.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
            ("checkbox", Val::Bool(true)) => self.tag.as_deref().into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// A stored value as the API shows it.
    pub(crate) fn shown(&self, kind: Kind, value: &Val) -> Value {
        match (self.ty.as_str(), value) {
            ("checkbox", Val::Null) => Value::Bool(false),
            ("multiselect", Val::Null) if kind != Kind::Ticket => json!([]),
            ("date", Val::Text(day)) if kind != Kind::Ticket => Value::String(format!("{day}T00:00:00+00:00")),
            ("decimal", Val::Text(text)) if kind != Kind::Ticket => {
                text.parse::<f64>().map_or_else(|_| value.json(), |number| json!(number))
            }
            _ => value.json(),
        }
    }

    /// Reads a written value. `Ok(None)`: silently dropped.
    fn read(&self, kind: Kind, value: &Value) -> Result<Option<Val>, String> {
        let fail = |what: &str| Err(format!("{}: {what}", self.title));
        if value.is_null() || value.as_str().is_some_and(str::is_empty) {
            return Ok(Some(Val::Null));
        }
        let read = match self.ty.as_str() {
            "checkbox" => match value {
                Value::Bool(bit) => Val::Bool(*bit),
                Value::String(text) => Val::Bool(matches!(text.as_str(), "true" | "1" | "yes")),
                Value::Number(number) => Val::Bool(number.as_i64() == Some(1)),
                _ => return fail("is invalid"),
            },
            "integer" => match whole(value) {
                Some(number) => Val::Int(number),
                None => return fail("is not a valid number"),
            },
            "decimal" => match value {
                Value::Number(number) => Val::text(&number.to_string()),
                Value::String(text) if text.trim().parse::<f64>().is_ok_and(f64::is_finite) => Val::text(text.trim()),
                _ => return fail("is not a valid decimal"),
            },
            "date" => match value.as_str().and_then(moment::day) {
                Some(day) => Val::text(&day),
                None => return fail("is not a valid date"),
            },
            "tagger" | "dropdown" => match value.as_str() {
                Some(text) if self.knows(text) => Val::text(text),
                _ if kind == Kind::Ticket => return fail("is not a valid option"),
                _ => return Ok(None),
            },
            "multiselect" => {
                let given: Vec<&str> = match value {
                    Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
                    Value::String(text) => vec![text.as_str()],
                    _ => return fail("is invalid"),
                };
                if kind == Kind::Ticket && !given.iter().all(|item| self.knows(item)) {
                    return fail("is not a valid option");
                }
                let kept: Vec<&str> = given.into_iter().filter(|item| self.knows(item)).collect();
                if kept.is_empty() { Val::Null } else { Val::Json(Box::new(json!(kept))) }
            }
            "lookup" => match whole(value) {
                Some(number) => Val::text(&number.to_string()),
                None => return fail("is invalid"),
            },
            _ => match value {
                Value::String(text) => Val::text(text),
                Value::Number(number) => Val::text(&number.to_string()),
                Value::Bool(bit) => Val::text(&bit.to_string()),
                _ => return fail("is invalid"),
            },
        };
        Ok(Some(read))
    }
}

/// Applies `user_fields` / `organization_fields` (a map by key). Unknown keys are warned about, unknown choices dropped.
pub(crate) fn apply_map(
    fields: &[Field],
    kind: Kind,
    record: &mut Record,
    values: &Map<String, Value>,
    problems: &mut Problems,
    warned: &mut Warned,
) {
    for (key, value) in values {
        match fields.iter().find(|field| field.key == *key && field.active) {
            Some(field) => apply(field, kind, record, value, problems),
            None => warned.key(&format!("{}.{}_fields", kind.singular(), kind.singular()), key),
        }
    }
}

/// Applies `custom_fields`: a list of `{id, value}`, or a map by id.
pub(crate) fn apply_list(fields: &[Field], record: &mut Record, values: &Value, problems: &mut Problems, warned: &mut Warned) {
    let pairs: Vec<(Option<u64>, &Value)> = match values {
        Value::Array(items) => items.iter().map(|item| (super::record::id_in(&item["id"]), &item["value"])).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.parse().ok(), value)).collect(),
        _ => return,
    };
    for (id, value) in pairs {
        match fields.iter().find(|field| Some(field.id) == id && !field.system) {
            Some(field) => apply(field, Kind::Ticket, record, value, problems),
            None => warned.key("ticket.custom_fields", &id.unwrap_or_default().to_string()),
        }
    }
}

fn apply(field: &Field, kind: Kind, record: &mut Record, value: &Value, problems: &mut Problems) {
    match field.read(kind, value) {
        Ok(Some(read)) => marry(field, record, read),
        Ok(None) => marry(field, record, Val::Null),
        Err(sentence) => problems.add("base", &sentence, "InvalidValue"),
    }
}

/// Stores a value and moves the tags it stands for.
pub(crate) fn marry(field: &Field, record: &mut Record, value: Val) {
    let before = record.field(field.id).clone();
    for tag in field.tags_of(&before) {
        record.drop_tag(tag);
    }
    for tag in field.tags_of(&value) {
        record.add_tag(tag);
    }
    record.set_field(field.id, value);
}

/// Brings fields in line with tags that were just written: a removed tag clears its field, an added one sets it.
pub(crate) fn follow_tags(fields: &[Field], record: &mut Record) {
    for field in fields.iter().filter(|field| field.active) {
        match field.ty.as_str() {
            "tagger" | "dropdown" => {
                let held = record.field(field.id).as_str().is_some_and(|value| record.has_tag(value));
                if !held {
                    let next = field.choices.iter().find(|choice| record.has_tag(&choice.value));
                    record.set_field(field.id, next.map_or(Val::Null, |choice| Val::text(&choice.value)));
                }
            }
            "multiselect" => {
                let held: Vec<&str> =
                    field.choices.iter().map(|choice| choice.value.as_str()).filter(|value| record.has_tag(value)).collect();
                let before = field.tags_of(record.field(field.id)).len();
                if before != held.len() || !held.iter().all(|value| field.tags_of(record.field(field.id)).contains(value)) {
                    let next = if held.is_empty() { Val::Null } else { Val::Json(Box::new(json!(held))) };
                    record.set_field(field.id, next);
                }
            }
            "checkbox" => {
                if let Some(tag) = &field.tag {
                    let ticked = record.has_tag(tag);
                    let before = *record.field(field.id) == Val::Bool(true);
                    if ticked != before {
                        record.set_field(field.id, Val::Bool(ticked));
                    }
                }
            }
            _ => {}
        }
    }
}

/// The set of tags in a written value: lower case, split on white space, odd characters turned into `_`.
pub(crate) fn parse_tags(value: &Value) -> Vec<Box<str>> {
    let texts: Vec<&str> = match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        Value::String(text) => vec![text.as_str()],
        _ => Vec::new(),
    };
    let mut tags: Vec<Box<str>> = texts
        .iter()
        .flat_map(|text| text.split(|letter: char| letter.is_whitespace() || letter == ','))
        .filter(|word| !word.is_empty())
        .map(|word| {
            let clean: String = word
                .chars()
                .flat_map(char::to_lowercase)
                .map(|letter| if letter.is_alphanumeric() || matches!(letter, '_' | '-' | '/' | ':' | '.') { letter } else { '_' })
                .collect();
            clean.into_boxed_str()
        })
        .collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_a_lower_case_set() {
        let tags = parse_tags(&json!(["VIP gold", "vip", "a&b"]));
        assert_eq!(tags.iter().map(|tag| &**tag).collect::<Vec<_>>(), ["a_b", "gold", "vip"]);
    }
}
