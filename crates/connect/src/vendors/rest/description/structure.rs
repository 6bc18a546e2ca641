//! What does not fit the form of a description: unknown, missing and doubled keys, and values of another kind. The form is the JSON Schema that
//! the types make, so that this tells what reading would refuse, and all of it at once.

use std::sync::LazyLock;

use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

use super::load::DescriptionFault;
use super::path::Path;
use super::reference::{json_schema, kind};
use super::text::{Expression, Template};
use super::tree::{Tree, at, place};

/// What to do about a value.
pub(super) const CORRECT: &str = "correct it here; docs/connectors.md explains every key";

const USE_KNOWN: &str = "use one of those; docs/connectors.md explains every key";
const ADD: &str = "add it; docs/connectors.md explains every key";
const KEEP_ONE: &str = "keep one of them";

static FORM: LazyLock<Value> = LazyLock::new(json_schema);

/// What was found.
pub(super) struct Found {
    pub faults: Vec<DescriptionFault>,
    /// Where the faults are, by keys from the top.
    pub mistaken: Vec<Vec<String>>,
    /// The description with something that fits in place of every mistake, so that the rest of it can be judged.
    pub mended: Value,
}

/// Looks through all of a description.
pub(super) fn look(tree: &Spanned<Tree>) -> Found {
    let mut look = Look { whole: tree, path: Vec::new(), faults: Vec::new(), mistaken: Vec::new() };
    let mended = look.fit(&FORM, tree);
    Found { faults: look.faults, mistaken: look.mistaken, mended }
}

struct Look<'a> {
    whole: &'a Spanned<Tree>,
    path: Vec<String>,
    faults: Vec<DescriptionFault>,
    mistaken: Vec<Vec<String>>,
}

/// The form that a node refers to.
fn form_of(node: &Value) -> &Value {
    let reference = node["$ref"].as_str().and_then(|text| text.rsplit('/').next());
    reference.map_or(node, |name| &FORM["$defs"][name])
}

fn has_type(node: &Value, name: &str) -> bool {
    node["type"] == name || node["type"].as_array().is_some_and(|names| names.iter().any(|held| held == name))
}

/// The choices of a form that has nothing but choices.
fn choices(node: &Value) -> Vec<&str> {
    let listed = node["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    listed.chain(node["oneOf"].as_array().into_iter().flatten().filter_map(|one| one["const"].as_str())).collect()
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// A text as YAML takes one where a text is expected: numbers and truths are as they are written.
fn as_text(leaf: &Value) -> Option<String> {
    match leaf {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn as_truth(leaf: &Value) -> Option<bool> {
    match leaf {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Some(true),
            "false" | "no" | "off" | "n" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn as_number(leaf: &Value) -> Option<Number> {
    match leaf {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// What a text that is read further does not say.
fn unreadable<T: DeserializeOwned>(text: &str) -> Option<String> {
    serde_json::from_value::<T>(Value::from(text)).err().map(|error| error.to_string())
}

/// Something that fits a form.
fn something(node: &Value) -> Value {
    let node = form_of(node);
    let variants = node["anyOf"].as_array();
    if has_type(node, "null") || variants.is_some_and(|all| all.iter().any(|one| has_type(one, "null"))) {
        return Value::Null;
    }
    if let Some(first) = variants.and_then(|all| all.first()) {
        return something(first);
    }
    if let Some(first) = choices(node).first() {
        return Value::from(*first);
    }
    match node["type"].as_str() {
        Some("object") => {
            let required = node["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            required.map(|name| (name.to_owned(), something(&node["properties"][name]))).collect()
        }
        Some("array") => Value::Array(Vec::new()),
        Some("boolean") => Value::Bool(false),
        Some("integer" | "number") => Value::from(1),
        Some(_) if node["format"] == "template" => Value::from("/x"),
        Some(_) => Value::from("x"),
        None => Value::Null,
    }
}

impl Look<'_> {
    fn wrong(&mut self, (line, column): (u64, u64), further: Option<&str>, reason: String, remedy: &str) {
        let mut mistaken = self.path.clone();
        let field = self.path.join(".");
        mistaken.extend(further.map(str::to_owned));
        self.mistaken.push(mistaken);
        self.faults.push(DescriptionFault { line, column, field, reason, remedy: remedy.to_owned() });
    }

    /// A value of another kind.
    fn other(&mut self, node: &Value, tree: &Spanned<Tree>) -> Value {
        let found = match &tree.value {
            Tree::Map(_) => "a table",
            Tree::List(_) => "a list",
            Tree::Leaf(Value::Null) => "nothing",
            Tree::Leaf(_) => "a single value",
        };
        self.wrong(at(tree), None, format!("{found} stands here, and not: {}", kind(node)), CORRECT);
        something(node)
    }

    /// Compares what stands somewhere with its form; what fits it.
    fn fit(&mut self, node: &Value, tree: &Spanned<Tree>) -> Value {
        let node = form_of(node);
        if let Some(variants) = node["anyOf"].as_array() {
            return self.fit_any(node, variants, tree);
        }
        if matches!(tree.value, Tree::Leaf(Value::Null)) && has_type(node, "null") {
            return Value::Null;
        }
        let known = choices(node);
        if !known.is_empty() {
            return self.fit_choice(node, &known, tree);
        }
        match &tree.value {
            _ if node["type"].is_null() => tree.value.plain(),
            Tree::Map(entries) if has_type(node, "object") => self.fit_table(node, entries),
            Tree::List(entries) if has_type(node, "array") => {
                if node["items"].is_object() {
                    self.fit_list(&node["items"], entries)
                } else {
                    tree.value.plain()
                }
            }
            Tree::Leaf(leaf) => self.fit_leaf(node, leaf, tree),
            _ => self.other(node, tree),
        }
    }

    /// One of several forms: the one that has the shape of what stands there.
    fn fit_any(&mut self, node: &Value, variants: &[Value], tree: &Spanned<Tree>) -> Value {
        let none = |variant: &Value| has_type(variant, "null");
        if matches!(tree.value, Tree::Leaf(Value::Null)) && variants.iter().any(none) {
            return Value::Null;
        }
        let real: Vec<&Value> = variants.iter().filter(|variant| !none(variant)).collect();
        let is_table = matches!(tree.value, Tree::Map(_));
        let alike = real.iter().find(|variant| has_type(form_of(variant), "object") == is_table);
        match alike.or_else(|| real.first().filter(|_| real.len() == 1)) {
            Some(variant) => self.fit(variant, tree),
            None => {
                let forms: Vec<String> = real.iter().map(|variant| kind(form_of(variant))).collect();
                self.wrong(at(tree), None, format!("what stands here is none of: {}", forms.join(", ")), CORRECT);
                something(node)
            }
        }
    }

    fn fit_choice(&mut self, node: &Value, known: &[&str], tree: &Spanned<Tree>) -> Value {
        let Tree::Leaf(leaf) = &tree.value else { return self.other(node, tree) };
        let Some(text) = as_text(leaf) else { return self.other(node, tree) };
        if known.contains(&text.as_str()) {
            return Value::from(text);
        }
        self.wrong(at(tree), None, format!("`{text}` is unknown here, expected one of {}", list(known)), USE_KNOWN);
        something(node)
    }

    fn fit_list(&mut self, node: &Value, entries: &[Spanned<Tree>]) -> Value {
        let mut fitting = Vec::with_capacity(entries.len());
        for (n, entry) in entries.iter().enumerate() {
            self.path.push(n.to_string());
            fitting.push(self.fit(node, entry));
            self.path.pop();
        }
        Value::Array(fitting)
    }

    fn fit_table(&mut self, node: &Value, entries: &[(Spanned<String>, Spanned<Tree>)]) -> Value {
        let none = Map::new();
        let properties = node["properties"].as_object().unwrap_or(&none);
        let others = &node["additionalProperties"];
        let mut fitting = Map::new();
        for (key, entry) in entries {
            let name = key.value.as_str();
            self.path.push(name.to_owned());
            if fitting.contains_key(name) {
                self.wrong(at(key), None, format!("the key `{name}` stands here a second time"), KEEP_ONE);
            } else if let Some(form) = properties.get(name) {
                let value = self.fit(form, entry);
                fitting.insert(name.to_owned(), value);
            } else if others.is_object() {
                let value = self.fit(others, entry);
                fitting.insert(name.to_owned(), value);
            } else if *others == Value::Bool(false) {
                let names: Vec<&str> = properties.keys().map(String::as_str).collect();
                self.wrong(at(key), None, format!("unknown field `{name}`, expected one of {}", list(&names)), USE_KNOWN);
            } else if properties.is_empty() {
                fitting.insert(name.to_owned(), entry.value.plain());
            }
            self.path.pop();
        }
        for name in node["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fitting.contains_key(name) {
                let here = place(self.whole, &self.path);
                self.wrong(here, Some(name), format!("missing field `{name}`"), ADD);
                fitting.insert(name.to_owned(), something(&properties[name]));
            }
        }
        Value::Object(fitting)
    }

    fn fit_leaf(&mut self, node: &Value, leaf: &Value, tree: &Spanned<Tree>) -> Value {
        let fitting = if has_type(node, "string") {
            as_text(leaf).map(Value::from)
        } else if has_type(node, "boolean") {
            as_truth(leaf).map(Value::Bool)
        } else if has_type(node, "integer") {
            as_number(leaf).filter(|number| number.is_u64() || number.is_i64()).map(Value::Number)
        } else if has_type(node, "number") {
            as_number(leaf).map(Value::Number)
        } else {
            None
        };
        let Some(fitting) = fitting else { return self.other(node, tree) };
        let text = fitting.as_str().unwrap_or_default();
        let unreadable = match node["format"].as_str() {
            Some("path") => unreadable::<Path>(text),
            Some("template") => unreadable::<Template>(text),
            Some("formula") => unreadable::<Expression>(text),
            _ => None,
        };
        match unreadable {
            Some(reason) => {
                self.wrong(at(tree), None, reason, CORRECT);
                something(node)
            }
            None => fitting,
        }
    }
}
