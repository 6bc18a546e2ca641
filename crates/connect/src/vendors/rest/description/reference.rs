//! What editors and people are told of a description: its JSON Schema, and a table of every key, both made from the types.

use std::fmt::Write;

use serde_json::Value;

use super::Description;

/// The JSON Schema of a description.
#[must_use]
pub fn json_schema() -> Value {
    schemars::schema_for!(Description).to_value()
}

fn definition<'a>(schema: &'a Value, node: &'a Value) -> &'a Value {
    let reference = node["$ref"].as_str().and_then(|text| text.rsplit('/').next());
    reference.map_or(node, |name| &schema["$defs"][name])
}

/// The part of the documentation that a node leads to, and how it is held (`list of`, `by name`).
fn leads_to<'a>(node: &'a Value) -> Option<(&'static str, &'a str)> {
    let named = |node: &'a Value| node["$ref"].as_str().and_then(|text| text.rsplit('/').next());
    if let Some(name) = named(node) {
        return Some(("", name));
    }
    let any = node["anyOf"].as_array().into_iter().flatten();
    if let Some(name) = any.clone().find_map(named) {
        return Some(("", name));
    }
    if let Some(name) = named(&node["items"]) {
        return Some(("list of ", name));
    }
    named(&node["additionalProperties"]).map(|name| ("by name: ", name))
}

/// What kind of value a node of the schema is, in words.
pub(super) fn kind(node: &Value) -> String {
    let word = |name: &str| match name {
        "string" => "text",
        "integer" => "whole number",
        "number" => "number",
        "boolean" => "true or false",
        "array" => "list",
        "object" => "table",
        _ => "",
    };
    let words: Vec<&str> = match &node["type"] {
        Value::String(name) => vec![word(name)],
        Value::Array(names) => names.iter().filter_map(Value::as_str).map(word).filter(|name| !name.is_empty()).collect(),
        _ => vec!["anything"],
    };
    words.join(" or ")
}

fn choices(definition: &Value) -> Option<String> {
    let listed: Vec<&str> = match (&definition["enum"], &definition["oneOf"]) {
        (Value::Array(all), _) => all.iter().filter_map(Value::as_str).collect(),
        (_, Value::Array(all)) => all.iter().filter_map(|one| one["const"].as_str()).collect(),
        _ => return None,
    };
    (!listed.is_empty()).then(|| listed.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", "))
}

fn anchor(name: &str) -> String {
    name.to_lowercase()
}

/// Tables of every key of a description, as docs/connectors.md shows them.
#[must_use]
pub fn markdown() -> String {
    let schema = json_schema();
    let mut page = String::new();
    let mut parts: Vec<(String, &Value)> = vec![("Description".to_owned(), &schema)];
    let mut seen: Vec<String> = Vec::new();
    let mut at = 0;
    while at < parts.len() {
        let (name, part) = parts[at].clone();
        at += 1;
        if seen.contains(&name) {
            continue;
        }
        seen.push(name.clone());
        let Some(properties) = part["properties"].as_object() else { continue };
        let about = part["description"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        let _infallible = write!(page, "\n#### {name}\n\n{about}\n\n| key | what it is | meaning |\n|---|---|---|\n");
        let required: Vec<&str> = part["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (key, node) in properties {
            let what = match leads_to(node) {
                // Mappings have a page of their own.
                Some((how, "Mapping")) => format!("{how}[mapping](mappings.md)"),
                Some((how, target)) => {
                    let held = &schema["$defs"][target];
                    let of_choices = choices(held);
                    if of_choices.is_none() && held["properties"].is_object() {
                        parts.push((target.to_owned(), held));
                        format!("{how}[{target}](#{})", anchor(target))
                    } else {
                        let variants = held["anyOf"].as_array().into_iter().flatten().filter(|one| one["properties"].is_object());
                        let keys: Vec<&str> = variants
                            .flat_map(|one| one["properties"].as_object().into_iter().flat_map(|all| all.keys()))
                            .map(String::as_str)
                            .collect();
                        match of_choices {
                            Some(listed) => format!("{how}{listed}"),
                            None if keys.is_empty() => format!("{how}{}", kind(definition(&schema, held))),
                            None => format!(
                                "{how}text, or a table of {}",
                                keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
                            ),
                        }
                    }
                }
                None => kind(node),
            };
            let needed = if required.contains(&key.as_str()) { ", *required*" } else { "" };
            let meaning = node["description"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
            let _infallible = writeln!(page, "| `{key}` | {}{needed} | {} |", what.replace('|', "\\|"), meaning.replace('|', "\\|"));
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_the_table_that_the_types_make() {
        let page = include_str!("../../../../../../docs/connectors.md");
        let (_, behind) = page.split_once("<!-- keys: made by `entente rest keys` -->\n").expect("the beginning of the table");
        let (held, _) = behind.split_once("<!-- end of keys -->").expect("its end");
        assert_eq!(held.trim(), markdown().trim(), "write it anew with `entente rest keys`");
    }

    #[test]
    fn every_key_says_what_it_means() {
        let empty: Vec<String> =
            markdown().lines().filter(|line| line.starts_with("| `") && line.trim_end().ends_with("|  |")).map(str::to_owned).collect();
        assert!(empty.is_empty(), "{empty:?}");
    }
}
