//! From flattened values to the bodies of writes. Freshdesk refuses what it does not know, so nothing else is sent.

use entente_model::mapping::remote::{RemoteKind, Row};
use serde_json::{Map, Value, json};

use crate::error::VendorError;
use crate::html;

use super::fields::{attribute, is_write_only};
use super::kind::Kind;
use super::refusal::misfit;
use super::schema::{Fields, key, unknown};

/// Builds the body of a write; attributes that only Entente knows are left to the caller.
///
/// # Errors
/// `read_only_field` when the row sets what only Freshdesk sets, `unknown_field` for a custom field that is not there.
pub(crate) fn body(kind: Kind, row: &Row, fields: &Fields) -> Result<Map<String, Value>, VendorError> {
    let mut body = Map::new();
    for (name, value) in row.iter().filter(|(name, _)| !is_write_only(kind, name)) {
        if name.starts_with(kind.custom()) {
            let custom = fields.get(key(kind, name)).ok_or_else(|| unknown(kind, name))?;
            let inner = body.entry("custom_fields").or_insert_with(|| json!({}));
            inner[&custom.name] = custom.value(value);
            continue;
        }
        let known = attribute(kind, name).ok_or_else(|| unknown(kind, name))?;
        if !known.writable {
            return Err(misfit(
                "read_only_field",
                format!("Freshdesk's {} do not take a value for `{name}`", kind.plural()),
                "set the direction of this field's mapping to in",
            )
            .about(name));
        }
        body.insert(name.clone(), written(kind, name, known.kind, value));
    }
    Ok(body)
}

/// One attribute as Freshdesk takes it.
fn written(kind: Kind, name: &str, ty: RemoteKind, value: &Value) -> Value {
    match (ty, value) {
        (RemoteKind::LongText, Value::String(text)) if kind == Kind::Ticket => Value::String(html::of_text(text)),
        // Ids and codes are numbers there; types and tiers of the same kind are words.
        (RemoteKind::Reference | RemoteKind::Picklist, Value::String(text)) if name != "type" && kind != Kind::Company => {
            text.trim().parse::<u64>().map_or_else(|_| value.clone(), Value::from)
        }
        // Lists are cleared by an empty one.
        (RemoteKind::MultiPicklist, Value::Null) => json!([]),
        (RemoteKind::Email, Value::String(text)) => Value::String(text.trim().to_lowercase()),
        (RemoteKind::Boolean, Value::Null) => Value::Bool(false),
        (_, Value::String(text)) if text.is_empty() => Value::Null,
        (RemoteKind::Text | RemoteKind::Phone, Value::Number(number)) => Value::String(number.to_string()),
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(value: Value) -> Row {
        value.as_object().expect("object").clone()
    }

    #[test]
    fn ids_and_codes_become_numbers_and_texts_of_tickets_html() {
        let given = row(json!({"company_id": "43000000017", "status": "2", "type": "Incident", "description": "a\nb", "tags": null,
                               "internal": true, "requester_agent_email": "x@y.z"}));
        let made = body(Kind::Ticket, &given, &Fields::new()).expect("body");
        assert_eq!(
            Value::Object(made),
            json!({"company_id": 43_000_000_017_u64, "status": 2, "type": "Incident", "description": "<div>a<br>b</div>", "tags": []})
        );
    }

    #[test]
    fn what_cannot_be_written_is_named() {
        let refused = |name: &str| body(Kind::Contact, &row(json!({name: "x"})), &Fields::new()).expect_err("refused");
        assert_eq!(refused("created_at").code, "read_only_field");
        let unknown = refused("contact_fields.plan");
        assert_eq!((unknown.code.as_str(), unknown.field.as_deref()), ("unknown_field", Some("contact_fields.plan")));
    }
}
