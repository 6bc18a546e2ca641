//! Paths: where in an answer something stands.
//!
//! `data.items` goes down by name, `items[0]` takes one of a list, `items[]` each of it, `emails[primary=true].value` the one whose
//! `primary` is `true`; `['a.b']` is a name with other characters, and an empty path is the whole.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    At(usize),
    Each,
    Where(String, String),
}

/// Where something stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Path {
    text: String,
    steps: Vec<Step>,
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let (step, behind) = bracket(inner).ok_or_else(|| format!("`{text}` has a `[` that is not closed"))?;
                steps.push(step.ok_or_else(|| format!("`{text}`: between `[` and `]` stands nothing, a number, NAME=VALUE or 'NAME'"))?);
                rest = behind;
            } else {
                let rest_of = rest.strip_prefix('.').unwrap_or(rest);
                let end = rest_of.find(['.', '[']).unwrap_or(rest_of.len());
                if end == 0 {
                    return Err(format!("`{text}` has a dot with no name behind it"));
                }
                steps.push(Step::Key(rest_of[..end].to_owned()));
                rest = &rest_of[end..];
            }
        }
        Ok(Self { text: text.to_owned(), steps })
    }

    /// A path of one name, whatever characters it has.
    pub fn name(name: &str) -> Self {
        Self { text: name.to_owned(), steps: vec![Step::Key(name.to_owned())] }
    }

    /// The path as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a write through it changes a part of a list, so that the rest of the list must be known.
    pub fn is_in_a_list(&self) -> bool {
        self.steps.iter().any(|step| !matches!(step, Step::Key(_)))
    }

    /// The first name.
    pub fn root(&self) -> Option<&str> {
        match self.steps.first() {
            Some(Step::Key(name)) => Some(name),
            _ => None,
        }
    }

    /// Everything that stands there.
    pub fn all<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![value];
        for step in &self.steps {
            found = found.into_iter().flat_map(|value| step.of(value)).collect();
        }
        found
    }

    /// What stands there first and is not null.
    pub fn first<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.all(value).into_iter().find(|value| !value.is_null())
    }

    /// Whether a row has the place where the value stands, but not the value, not even as null.
    pub fn lacks(&self, row: &Value) -> bool {
        let keys = self.steps.iter().take_while(|step| matches!(step, Step::Key(_)));
        let mut held = row;
        for (n, step) in keys.enumerate() {
            let (Step::Key(name), Some(inner)) = (step, held.as_object()) else { return false };
            match inner.get(name) {
                Some(value) => held = value,
                None => return n == 1,
            }
        }
        false
    }

    /// The text of a text or number that stands there.
    pub fn text_in(&self, value: &Value) -> Option<String> {
        self.first(value).and_then(id_text)
    }

    /// The rows of a list that stands there: its entries, or what `[]` shows one by one. Null is an empty list.
    pub fn rows<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        if self.steps.contains(&Step::Each) {
            return self.all(value);
        }
        self.first(value).and_then(Value::as_array).map(|rows| rows.iter().collect()).unwrap_or_default()
    }

    /// Puts a value there. Of lists on the way, `present` shows the other entries, which stay; `add` goes with an entry that is new.
    pub fn put(&self, body: &mut Value, present: &Value, value: Value, add: &Map<String, Value>) {
        put(&self.steps, body, present, value, add);
    }
}

/// What stands between brackets, and what follows them.
fn bracket(inner: &str) -> Option<(Option<Step>, &str)> {
    if let Some(quoted) = inner.strip_prefix('\'') {
        let (name, behind) = quoted.split_once("']")?;
        return Some((Some(Step::Key(name.to_owned())), behind));
    }
    let (inside, behind) = inner.split_once(']')?;
    let step = match inside.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Some(Step::Where(name.trim().to_owned(), value.trim().to_owned())),
        Some(_) => None,
        None if inside.is_empty() => Some(Step::Each),
        None => inside.parse().ok().map(Step::At),
    };
    Some((step, behind))
}

impl Step {
    fn of<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Self::Key(name), Value::Object(inner)) => inner.get(name).into_iter().collect(),
            (Self::At(at), Value::Array(items)) => items.get(*at).into_iter().collect(),
            (Self::Each, Value::Array(items)) => items.iter().collect(),
            (Self::Where(name, wanted), Value::Array(items)) => items.iter().filter(|item| is(item, name, wanted)).collect(),
            _ => Vec::new(),
        }
    }
}

fn is(item: &Value, name: &str, wanted: &str) -> bool {
    match &item[name] {
        Value::String(text) => text == wanted,
        Value::Bool(flag) => wanted == if *flag { "true" } else { "false" },
        Value::Number(number) => number.to_string().as_str() == wanted,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

fn object(value: &mut Value) -> Option<&mut Map<String, Value>> {
    if !value.is_object() {
        *value = json!({});
    }
    value.as_object_mut()
}

fn put(steps: &[Step], body: &mut Value, present: &Value, value: Value, add: &Map<String, Value>) {
    match steps.split_first() {
        None => *body = value,
        Some((Step::Key(name), rest)) => {
            let below = present.get(name).unwrap_or(&Value::Null);
            if let Some(inner) = object(body) {
                put(rest, inner.entry(name.clone()).or_insert(Value::Null), below, value, add);
            }
        }
        Some((step, rest)) => {
            let mut items = body.as_array().or_else(|| present.as_array()).cloned().unwrap_or_default();
            put_in_list(step, rest, &mut items, value, add);
            *body = Value::Array(items);
        }
    }
}

/// Changes the entry that a step means; without a value it goes. What stands in another entry already becomes the one that is meant.
fn put_in_list(step: &Step, rest: &[Step], items: &mut Vec<Value>, value: Value, add: &Map<String, Value>) {
    let tail = Path { text: String::new(), steps: rest.to_vec() };
    items.retain(|item| tail.first(item).is_some_and(|held| held.as_str().is_none_or(|text| !text.trim().is_empty())));
    let meant = match step {
        Step::At(at) => (*at < items.len()).then_some(*at),
        Step::Where(name, wanted) => items.iter().position(|item| is(item, name, wanted)).or((!items.is_empty()).then_some(0)),
        Step::Each | Step::Key(_) => (!items.is_empty()).then_some(0),
    };
    if value.is_null() {
        if let Some(at) = meant {
            items.remove(at);
        }
    } else {
        let same = |item: &Value| match (tail.first(item), &value) {
            (Some(Value::String(held)), Value::String(wanted)) => held.trim().eq_ignore_ascii_case(wanted),
            (Some(held), wanted) => held == wanted,
            (None, _) => false,
        };
        let at = items.iter().position(same).or(meant).unwrap_or_else(|| {
            items.push(Value::Object(add.clone()));
            items.len() - 1
        });
        put(rest, &mut items[at], &Value::Null, value, add);
        if let Step::Where(name, wanted) = step {
            mark(items, at, name, wanted);
        }
    }
    if let Step::Where(name, wanted) = step
        && !items.is_empty()
        && !items.iter().any(|item| is(item, name, wanted))
    {
        mark(items, 0, name, wanted);
    }
}

/// Gives one entry the mark that a path looks for; of those that are true or false, the others lose it.
fn mark(items: &mut [Value], at: usize, name: &str, wanted: &str) {
    let of_text = serde_json::from_str::<Value>(wanted).ok().filter(|value| value.is_boolean() || value.is_number());
    let flag = of_text.as_ref().and_then(Value::as_bool);
    for (n, item) in items.iter_mut().enumerate() {
        if n == at {
            item[name] = of_text.clone().unwrap_or_else(|| Value::from(wanted));
        } else if let Some(flag) = flag {
            item[name] = Value::from(!flag);
        }
    }
}

/// An id as text: a text or a number.
pub(crate) fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        _ => None,
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl Serialize for Path {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Path {
        Path::parse(text).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_path_finds_what_it_says() {
        let answer = json!({"data": {"items": [{"id": 1, "tags": ["a", "b"]}, {"id": 2, "tags": []}]}, "a.b": 5,
            "emails": [{"value": "old@x.example", "primary": false}, {"value": "new@x.example", "primary": true}]});
        assert_eq!(path("data.items[1].id").text_in(&answer).as_deref(), Some("2"));
        assert_eq!(path("emails[primary=true].value").text_in(&answer).as_deref(), Some("new@x.example"));
        assert_eq!(path("data.items[].tags[]").all(&answer), [&json!("a"), &json!("b")]);
        assert_eq!(path("data.items").rows(&answer).len(), 2);
        assert_eq!(path("['a.b']").text_in(&answer).as_deref(), Some("5"));
        assert_eq!(path("").first(&answer), Some(&answer));
        assert!(path("data.nothing").rows(&answer).is_empty());
    }

    #[test]
    fn a_path_that_is_none_says_why() {
        for (text, why) in [("a..b", "dot"), ("a[", "closed"), ("a[x]", "between"), ("a[=1]", "between"), ("a.", "dot")] {
            let error = Path::parse(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn one_entry_changes_and_the_others_stay() {
        let there =
            json!({"emails": [{"value": "a@x.example", "primary": true, "label": "home"}, {"value": "b@x.example", "primary": false}]});
        let add = json!({"label": "work"});
        let made = |value: Value, present: &Value| {
            let mut body = json!({});
            path("emails[primary=true].value").put(&mut body, present, value, add.as_object().expect("object"));
            body["emails"].clone()
        };
        assert_eq!(
            made(json!("c@x.example"), &there),
            json!([{"value": "c@x.example", "primary": true, "label": "home"}, {"value": "b@x.example", "primary": false}])
        );
        assert_eq!(made(json!("B@x.example"), &there)[1], json!({"value": "B@x.example", "primary": true}), "it stood there already");
        assert_eq!(made(Value::Null, &there), json!([{"value": "b@x.example", "primary": true}]));
        assert_eq!(made(json!("d@x.example"), &Value::Null), json!([{"label": "work", "value": "d@x.example", "primary": true}]));
    }
}
