//! From flattened values to the bodies of writes.

use entente_model::mapping::remote::{RemoteKind, Row};
use serde_json::{Map, Value, json};

use crate::error::{Class, VendorError};

use super::fields::attribute;
use super::kind::{CUSTOM, Kind, TICKET, is_custom};
use super::map::{COMPANY_OF_TICKET, id_text, is_ticket};
use super::refusal::misfit;
use super::schema::{Fields, number, seconds, unknown};

/// Builds the body of a write to a contact or company; the company of a contact is left to the caller, who attaches it.
///
/// # Errors
/// `read_only_field` when the row sets what only Intercom sets, `unknown_field` for an attribute that is not there.
pub(crate) fn body(kind: Kind, row: &Row, fields: &Fields) -> Result<Map<String, Value>, VendorError> {
    let mut body = Map::new();
    for (name, value) in row {
        if let Some(key) = name.strip_prefix(CUSTOM) {
            let custom = fields.get(name).ok_or_else(|| unknown(kind, name))?;
            body.entry("custom_attributes").or_insert_with(|| json!({}))[key] = custom.value(value);
            continue;
        }
        let known = attribute(kind, name).ok_or_else(|| unknown(kind, name))?;
        if !known.writable {
            return Err(read_only(kind, name));
        }
        if kind == Kind::Company && name == "company_id" {
            // A key goes out with a creation, and never changes.
            return Err(read_only(kind, name));
        }
        if kind == Kind::Contact && name == "company_id" {
            continue;
        }
        body.insert(name.clone(), written(known.kind, value));
    }
    Ok(body)
}

/// What an update of a conversation or ticket comes to.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct CaseBody {
    /// What is sent.
    pub body: Map<String, Value>,
    /// What cannot be sent, by its field: refused, unless the row has that value already.
    pub refusals: Vec<VendorError>,
}

/// Builds the body of an update of a conversation or ticket, for whichever of the two the row is.
///
/// # Errors
/// As [`body`].
pub(crate) fn case_body(shown: &Value, row: &Row, fields: &Fields) -> Result<CaseBody, VendorError> {
    let (kind, ticket) = (Kind::Conversation, is_ticket(shown));
    let mut made = CaseBody::default();
    for (name, value) in row {
        if is_custom(kind, name) {
            let custom = fields.get(name).ok_or_else(|| unknown(kind, name))?;
            match (name.strip_prefix(TICKET), ticket) {
                (Some(key), true) if takes(shown, key) => set(&mut made.body, "ticket_attributes", key, custom.value(value)),
                (None, false) => set(&mut made.body, "custom_attributes", &custom.name, custom.value(value)),
                (Some(_), _) => made.refusals.push(placeless(name, if ticket { "tickets of its type" } else { "conversations" })),
                (None, true) => made.refusals.push(placeless(name, "tickets")),
            }
            continue;
        }
        let known = attribute(kind, name).ok_or_else(|| unknown(kind, name))?;
        match (name.as_str(), ticket) {
            ("title", false) => drop(made.body.insert(name.clone(), value.clone())),
            ("title", true) => set(&mut made.body, "ticket_attributes", "_default_title_", value.clone()),
            ("description", true) => set(&mut made.body, "ticket_attributes", "_default_description_", value.clone()),
            ("company_id", _) => {
                let company = id_text(value).map_or(Value::Null, Value::String);
                if ticket && takes(shown, COMPANY_OF_TICKET) {
                    set(&mut made.body, "ticket_attributes", COMPANY_OF_TICKET, company.clone());
                }
                made.body.insert(name.clone(), company);
            }
            _ if known.writable => made.refusals.push(immutable(name, if ticket { "tickets" } else { "conversations" })),
            _ => return Err(read_only(kind, name)),
        }
    }
    Ok(made)
}

/// The attributes of a new ticket. Whom and which company it is about, and whether it is for colleagues, is left to the caller.
///
/// # Errors
/// As [`body`], and when the row sets what tickets do not have.
pub(crate) fn new_ticket(row: &Row, fields: &Fields) -> Result<Map<String, Value>, VendorError> {
    let kind = Kind::Conversation;
    let mut made = Map::new();
    for (name, value) in row.iter().filter(|(_, value)| !is_blank(value)) {
        if is_custom(kind, name) {
            let custom = fields.get(name).ok_or_else(|| unknown(kind, name))?;
            let key = name.strip_prefix(TICKET).ok_or_else(|| placeless(name, "tickets"))?;
            made.insert(key.to_owned(), custom.value(value));
            continue;
        }
        let known = attribute(kind, name).ok_or_else(|| unknown(kind, name))?;
        match name.as_str() {
            "title" => drop(made.insert("_default_title_".to_owned(), value.clone())),
            "description" => drop(made.insert("_default_description_".to_owned(), value.clone())),
            _ if known.writable => {}
            _ => return Err(read_only(kind, name)),
        }
    }
    Ok(made)
}

/// Whether a value says nothing: blank texts and nulls are the same at Intercom.
pub(crate) fn is_blank(value: &Value) -> bool {
    value.is_null() || *value == ""
}

/// Whether a ticket's type has an attribute. An answer that does not list them leaves it to Intercom.
pub(crate) fn takes(ticket: &Value, key: &str) -> bool {
    let listed = ticket["ticket_type"]["ticket_type_attributes"]["data"].as_array();
    listed.is_none_or(|listed| listed.iter().any(|known| known["name"] == key && known["archived"] != true))
}

fn set(body: &mut Map<String, Value>, list: &str, key: &str, value: Value) {
    body.entry(list).or_insert_with(|| json!({}))[key] = value;
}

/// The error of what only a new row takes.
fn immutable(name: &str, rows: &str) -> VendorError {
    VendorError::new(
        Class::Data,
        "immutable_field",
        format!("Intercom's {rows} do not take a value for `{name}` once they are there"),
        "set the direction of this field's mapping to in, or map it from a field that does not change",
    )
    .about(name)
}

/// The error of what a row of this form does not have.
fn placeless(name: &str, rows: &str) -> VendorError {
    VendorError::new(
        Class::Data,
        "other_form",
        format!("Intercom's {rows} do not have `{name}`"),
        "map the field so that only rows which have it get a value, or set the direction of its mapping to in",
    )
    .about(name)
}

fn read_only(kind: Kind, name: &str) -> VendorError {
    misfit(
        "read_only_field",
        format!("Intercom's {} do not take a value for `{name}`", kind.plural()),
        "set the direction of this field's mapping to in",
    )
    .about(name)
}

/// One attribute as Intercom takes it.
fn written(kind: RemoteKind, value: &Value) -> Value {
    match (kind, value) {
        (_, Value::String(text)) if text.is_empty() => Value::Null,
        (RemoteKind::Datetime, Value::String(text)) => seconds(text).map_or_else(|| value.clone(), Value::from),
        (RemoteKind::Email, Value::String(text)) => Value::String(text.trim().to_lowercase()),
        (RemoteKind::Number, Value::String(text)) => number(text, true).unwrap_or_else(|| value.clone()),
        (RemoteKind::Number, Value::Number(given)) => number(&given.to_string(), true).unwrap_or_else(|| value.clone()),
        (RemoteKind::Boolean, Value::Null) => Value::Bool(false),
        (RemoteKind::Text | RemoteKind::Phone | RemoteKind::Reference, Value::Number(given)) => Value::String(given.to_string()),
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema::Custom;
    use super::*;

    fn row(value: Value) -> Row {
        value.as_object().expect("object").clone()
    }

    #[test]
    fn a_contact_and_a_company_are_written_as_intercom_takes_them() {
        let fields: Fields = [("custom_attributes.renewal".to_owned(), Custom::of("renewal", "date"))].into();
        let given = row(json!({"email": " Ann@X.example ", "signed_up_at": "2026-01-01T10:00:00Z", "company_id": "c1", "phone": "",
                               "custom_attributes.renewal": "2026-12-31", "unsubscribed_from_emails": null}));
        assert_eq!(
            Value::Object(body(Kind::Contact, &given, &fields).expect("body")),
            json!({"email": "ann@x.example", "signed_up_at": 1_767_261_600, "phone": null, "custom_attributes": {"renewal": 1_798_675_200},
                   "unsubscribed_from_emails": false})
        );
        let given = row(json!({"size": "250.00", "plan": "Pro", "website": "acme.example"}));
        assert_eq!(
            Value::Object(body(Kind::Company, &given, &fields).expect("body")),
            json!({"size": 250, "plan": "Pro", "website": "acme.example"})
        );
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let refused = |kind, name: &str| body(kind, &row(json!({name: "x"})), &Fields::new()).expect_err("refused");
        assert_eq!(refused(Kind::Contact, "created_at").code, "read_only_field");
        assert_eq!(refused(Kind::Company, "company_id").code, "read_only_field");
        let unknown = refused(Kind::Company, "custom_attributes.plan");
        assert_eq!((unknown.code.as_str(), unknown.field.as_deref()), ("unknown_field", Some("custom_attributes.plan")));
        let closed = row(json!({"state": "closed"}));
        assert_eq!(case_body(&json!({"type": "ticket"}), &closed, &Fields::new()).expect_err("refused").code, "read_only_field");
        assert_eq!(new_ticket(&closed, &Fields::new()).expect_err("refused").code, "read_only_field");
    }
}
