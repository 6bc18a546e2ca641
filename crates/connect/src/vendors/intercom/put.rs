//! From flattened values to the bodies of writes.

use entente_model::mapping::remote::{RemoteKind, Row};
use serde_json::{Map, Value, json};

use crate::error::VendorError;

use super::fields::{attribute, is_write_only};
use super::kind::{CUSTOM, Kind, TICKET, is_custom};
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

/// What a write to a conversation or ticket changes: its own attributes, and those of the ticket.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct CaseBody {
    /// `title` and `custom_attributes` of a conversation.
    pub conversation: Map<String, Value>,
    /// `ticket_attributes` of a ticket.
    pub ticket: Map<String, Value>,
}

/// Builds the body of a write to a conversation or ticket, for whichever of the two the row turns out to be.
///
/// # Errors
/// As [`body`].
pub(crate) fn case_body(row: &Row, fields: &Fields) -> Result<CaseBody, VendorError> {
    let kind = Kind::Conversation;
    let mut made = CaseBody::default();
    for (name, value) in row.iter().filter(|(name, _)| !is_write_only(kind, name)) {
        if is_custom(kind, name) {
            let custom = fields.get(name).ok_or_else(|| unknown(kind, name))?;
            match name.strip_prefix(TICKET) {
                Some(key) => drop(made.ticket.insert(key.to_owned(), custom.value(value))),
                None => made.conversation.entry("custom_attributes").or_insert_with(|| json!({}))[&custom.name] = custom.value(value),
            }
            continue;
        }
        let known = attribute(kind, name).ok_or_else(|| unknown(kind, name))?;
        match name.as_str() {
            "title" => {
                made.conversation.insert("title".to_owned(), value.clone());
                made.ticket.insert("_default_title_".to_owned(), value.clone());
            }
            "description" => drop(made.ticket.insert("_default_description_".to_owned(), value.clone())),
            // Only a creation takes these.
            "contact_id" | "company_id" | "internal" => {}
            _ if known.writable => {}
            _ => return Err(read_only(kind, name)),
        }
    }
    Ok(made)
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
        assert_eq!(case_body(&row(json!({"state": "closed"})), &Fields::new()).expect_err("refused").code, "read_only_field");
    }
}
