//! Checks bodies of writes: attributes that are known, of the right type, and custom fields.

use serde_json::{Map, Value};

use super::moment::{day, instant};
use super::refusal::{Flaw, Refusal};
use super::state::{Kind, State};

/// Longest one-line text, in characters.
const LINE_MAX: usize = 255;

/// Type of an attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ty {
    Line,
    Long,
    Id,
    Flag,
    Texts,
    Ids,
    Objects,
    Day,
    Instant,
}

use Ty::{Day, Flag, Id, Ids, Instant, Line, Long, Objects, Texts};

const CONTACT: &[(&str, Ty)] = &[
    ("name", Line),
    ("email", Line),
    ("phone", Line),
    ("mobile", Line),
    ("twitter_id", Line),
    ("unique_external_id", Line),
    ("other_emails", Texts),
    ("company_id", Id),
    ("view_all_tickets", Flag),
    ("other_companies", Objects),
    ("address", Line),
    ("description", Long),
    ("job_title", Line),
    ("language", Line),
    ("tags", Texts),
    ("time_zone", Line),
];

const COMPANY: &[(&str, Ty)] = &[
    ("name", Line),
    ("description", Long),
    ("note", Long),
    ("domains", Texts),
    ("health_score", Line),
    ("account_tier", Line),
    ("renewal_date", Day),
    ("industry", Line),
];

const TICKET: &[(&str, Ty)] = &[
    ("name", Line),
    ("requester_id", Id),
    ("email", Line),
    ("phone", Line),
    ("facebook_id", Line),
    ("twitter_id", Line),
    ("unique_external_id", Line),
    ("subject", Line),
    ("type", Line),
    ("status", Id),
    ("priority", Id),
    ("description", Long),
    ("responder_id", Id),
    ("cc_emails", Texts),
    ("due_by", Instant),
    ("fr_due_by", Instant),
    ("email_config_id", Id),
    ("group_id", Id),
    ("parent_id", Id),
    ("related_ticket_ids", Ids),
    ("product_id", Id),
    ("source", Id),
    ("tags", Texts),
    ("company_id", Id),
];

fn known(kind: Kind) -> &'static [(&'static str, Ty)] {
    match kind {
        Kind::Contact => CONTACT,
        Kind::Company => COMPANY,
        Kind::Ticket => TICKET,
    }
}

fn fits(field: &str, value: &Value, ty: Ty) -> Result<(), Flaw> {
    let all_texts = |list: &[Value]| list.iter().all(Value::is_string);
    let wanted = match (ty, value) {
        (_, Value::Null) | (Long, Value::String(_)) | (Flag, Value::Bool(_)) => return Ok(()),
        (Line, Value::String(text)) => {
            let count = text.chars().count();
            if count <= LINE_MAX {
                return Ok(());
            }
            let message = format!("Has {count} characters, it can have maximum of {LINE_MAX} characters");
            return Err(Flaw::new(field, "invalid_value", message));
        }
        (Id, Value::Number(number)) if number.is_u64() => return Ok(()),
        (Texts, Value::Array(list)) if all_texts(list) => return Ok(()),
        (Ids, Value::Array(list)) if list.iter().all(Value::is_u64) => return Ok(()),
        (Objects, Value::Array(list)) if list.iter().all(Value::is_object) => return Ok(()),
        (Day | Instant, Value::String(text)) => {
            let readable = if matches!(ty, Day) { day(text).is_some() || instant(text).is_some() } else { instant(text).is_some() };
            let wrong = || Flaw::new(field, "invalid_value", "It should be in the 'combined date and time ISO8601' format");
            return if readable { Ok(()) } else { Err(wrong()) };
        }
        (Line | Long | Day | Instant, _) => "String",
        (Id, _) => "Positive Integer",
        (Flag, _) => "Boolean",
        (Texts | Ids | Objects, _) => "Array",
    };
    Err(Flaw::of_type(field, value, wanted))
}

/// Checked attributes and custom fields of a write.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) values: Map<String, Value>,
    pub(crate) custom: Map<String, Value>,
}

impl State {
    /// Checks a body. What no attribute is called is refused, and so are required custom fields without a value.
    ///
    /// # Errors
    /// Every flaw at once.
    pub(crate) fn check(&self, kind: Kind, body: &Map<String, Value>, new: bool) -> Result<Checked, Refusal> {
        let mut flaws = Vec::new();
        let mut checked = Checked::default();
        for (name, value) in body {
            if name == "custom_fields" {
                self.check_custom(kind, value, &mut checked.custom, &mut flaws);
                continue;
            }
            match known(kind).iter().find(|(known, _)| known == name) {
                None => flaws.push(Flaw::unknown(name)),
                Some((_, ty)) => match fits(name, value, *ty) {
                    Ok(()) => drop(checked.values.insert(name.clone(), value.clone())),
                    Err(flaw) => flaws.push(flaw),
                },
            }
        }
        for field in self.fields[kind.index()].iter().filter(|field| field.required) {
            let given = checked.custom.get(&field.name);
            if given.is_some_and(Value::is_null) || (new && given.is_none()) {
                flaws.push(Flaw::missing(&field.name));
            }
        }
        if flaws.is_empty() { Ok(checked) } else { Err(Refusal::validation(&flaws)) }
    }

    fn check_custom(&self, kind: Kind, given: &Value, into: &mut Map<String, Value>, flaws: &mut Vec<Flaw>) {
        let Some(given) = given.as_object() else {
            flaws.push(Flaw::of_type("custom_fields", given, "key/value pair"));
            return;
        };
        for (name, value) in given {
            match self.fields[kind.index()].iter().find(|field| field.name == *name) {
                None => flaws.push(Flaw::unknown(name)),
                Some(field) => match field.checked(value) {
                    Ok(value) => drop(into.insert(name.clone(), value)),
                    Err(flaw) => flaws.push(flaw),
                },
            }
        }
    }

    /// Every custom field of a kind with its value, null where it has none.
    pub(crate) fn custom_shown(&self, kind: Kind, custom: &Map<String, Value>) -> Value {
        let shown =
            self.fields[kind.index()].iter().map(|field| (field.name.clone(), custom.get(&field.name).cloned().unwrap_or(Value::Null)));
        Value::Object(shown.collect())
    }
}

/// A list of texts in lower case.
pub(crate) fn lowered(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(|text| text.trim().to_lowercase()).collect()
}
