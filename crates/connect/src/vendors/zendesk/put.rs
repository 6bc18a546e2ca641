//! From flattened values to the bodies of writes.

use entente_model::mapping::remote::Row;
use serde_json::{Map, Value, json};

use crate::error::{Class, VendorError};

use super::errors::misfit;
use super::fields::{attribute, is_write_only};
use super::kind::Kind;
use super::map::is_id;

/// What a body is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A new row.
    Create,
    /// A change of a row.
    Update,
}

/// Builds the object of a write.
///
/// # Errors
/// `read_only_field` when the row sets what only Zendesk sets, `immutable_field` when it changes what can only be set once.
pub fn body(kind: Kind, row: &Row, purpose: Purpose) -> Result<Map<String, Value>, VendorError> {
    let mut body = Map::new();
    for (name, value) in row {
        if attribute(kind, name).is_some_and(|known| !known.writable) || is_joined(kind, name) {
            return Err(read_only(kind, name));
        }
        match name.split_once('.') {
            None if kind == Kind::Ticket && name == "description" => describe(&mut body, value, purpose)?,
            _ if is_write_only(kind, name) && purpose == Purpose::Update => return Err(immutable(name)),
            None => drop(body.insert(name.clone(), plain(name, value))),
            Some(("custom_fields", id)) if kind == Kind::Ticket => {
                let Ok(id) = id.parse::<u64>() else { return Err(read_only(kind, name)) };
                let list = body.entry("custom_fields").or_insert_with(|| json!([]));
                if let Some(list) = list.as_array_mut() {
                    list.push(json!({"id": id, "value": value}));
                }
            }
            Some((outer, inner)) => {
                let object = body.entry(outer).or_insert_with(|| json!({}));
                object[inner] = value.clone();
            }
        }
    }
    if kind == Kind::Ticket && purpose == Purpose::Create {
        // A ticket begins with a comment; without a description its subject is all there is to say.
        let text = body.get("subject").and_then(Value::as_str).filter(|text| !text.is_empty()).unwrap_or("-").to_owned();
        let comment = body.entry("comment").or_insert_with(|| json!({}));
        if comment["body"].is_null() {
            comment["body"] = json!(text);
        }
    }
    Ok(body)
}

/// Values that come from other rows.
fn is_joined(kind: Kind, name: &str) -> bool {
    let Some((first, _)) = name.split_once('.') else { return false };
    match kind {
        Kind::Ticket => matches!(
            first,
            "metric_set"
                | "satisfaction_rating"
                | "via"
                | "assignee"
                | "group"
                | "submitter"
                | "organization"
                | "user_fields"
                | "organization_fields"
        ),
        Kind::User => first != "user_fields",
        Kind::Organization => first != "organization_fields",
    }
}

fn read_only(kind: Kind, name: &str) -> VendorError {
    misfit(
        "read_only_field",
        format!("Zendesk's {} does not take a value for `{name}`", kind.singular()),
        "set the direction of this field's mapping to in",
    )
    .about(name)
}

/// What only the first comment of a ticket, or its creation, can carry.
fn immutable(name: &str) -> VendorError {
    VendorError::new(
        Class::Data,
        "immutable_field",
        format!("Zendesk takes `{name}` only for a new ticket"),
        "map it from a field that does not change once the ticket is there",
    )
    .about(name)
}

/// A ticket's description is its first comment, and comments never change.
fn describe(body: &mut Map<String, Value>, value: &Value, purpose: Purpose) -> Result<(), VendorError> {
    if purpose == Purpose::Update {
        return Err(VendorError::new(
            Class::Data,
            "immutable_field",
            "a ticket's description is its first comment, which cannot be changed",
            "set the direction of this field's mapping to in, or add a comment at Zendesk",
        )
        .about("description"));
    }
    if let Some(text) = value.as_str().filter(|text| !text.is_empty()) {
        let comment = body.entry("comment").or_insert_with(|| json!({}));
        comment["body"] = json!(text);
    }
    Ok(())
}

/// Ids become numbers again, as Zendesk shows them.
fn plain(name: &str, value: &Value) -> Value {
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<u64>().ok()).map_or_else(|| value.clone(), |id| json!(id));
    match value {
        Value::String(text) if is_id(name) && text.is_empty() => Value::Null,
        Value::String(_) if is_id(name) => number(value),
        Value::Array(items) if name.ends_with("_ids") => items.iter().map(number).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(value: Value) -> Row {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn flattened_values_go_back_where_they_came_from() {
        let user = row(
            json!({"name": "Ada", "organization_id": "9007199254740993", "user_fields.plan_tier": "gold", "user_fields.since": null, "tags": ["vip"]}),
        );
        assert_eq!(
            Value::Object(body(Kind::User, &user, Purpose::Update).expect("body")),
            json!({"name": "Ada", "organization_id": 9_007_199_254_740_993_u64, "user_fields": {"plan_tier": "gold", "since": null}, "tags": ["vip"]})
        );
        let ticket = row(
            json!({"subject": "Broken", "description": "It is", "requester.email": "a@b.c", "custom_fields.26155630658963": "x", "requester.name": "Ada"}),
        );
        assert_eq!(
            Value::Object(body(Kind::Ticket, &ticket, Purpose::Create).expect("body")),
            json!({
                "subject": "Broken", "comment": {"body": "It is"}, "requester": {"email": "a@b.c", "name": "Ada"},
                "custom_fields": [{"id": 26_155_630_658_963_u64, "value": "x"}],
            })
        );
    }

    #[test]
    fn what_only_zendesk_sets_is_refused_before_the_call() {
        for (kind, name) in [
            (Kind::Ticket, "metric_set.solved_at"),
            (Kind::Ticket, "assignee.name"),
            (Kind::User, "created_at"),
            (Kind::User, "organization_fields.x"),
        ] {
            let error = body(kind, &row(json!({name: "x"})), Purpose::Update).expect_err("refused");
            assert_eq!((error.class, error.field.as_deref()), (Class::Configuration, Some(name)));
        }
        let error = body(Kind::Ticket, &row(json!({"description": "other"})), Purpose::Update).expect_err("refused");
        assert_eq!(error.class, Class::Data);
    }

    #[test]
    fn a_ticket_without_words_still_has_a_first_comment() {
        let created = body(Kind::Ticket, &row(json!({"subject": "Broken"})), Purpose::Create).expect("body");
        assert_eq!(created["comment"], json!({"body": "Broken"}));
    }
}
