//! Records on their way: from JSON to sObjects and back.

use serde_json::Value;

use super::xml::{self, Element};
use crate::error::{Class, VendorError};
use crate::vendors::salesforce::describe::Described;
use crate::vendors::salesforce::soql;
use crate::vendors::salesforce::wire::Record;

/// A record as the element `name`, its members in the schema's order: type, fields to clear, id, fields.
///
/// # Errors
/// When a value has letters that XML cannot write; the error names the field.
pub(super) fn element(name: &str, object: &str, record: &Record, described: Option<&Described>) -> Result<String, VendorError> {
    let mut cleared = String::new();
    let mut id = String::new();
    let mut fields = String::new();
    for (field, value) in record {
        soql::name(field)?;
        match value {
            // An empty element would leave the field as it is.
            Value::Null => cleared.push_str(&xml::tag("sobj:fieldsToNull", field)),
            Value::String(text) if text.is_empty() => cleared.push_str(&xml::tag("sobj:fieldsToNull", field)),
            Value::Object(parent) => {
                let kind = described.and_then(|described| described.parent_object(field)).unwrap_or(field);
                let mut inner = xml::tag("sobj:type", kind);
                for (of_parent, value) in parent {
                    soql::name(of_parent)?;
                    inner.push_str(&xml::tag(&format!("sobj:{of_parent}"), &plain(field, value)?));
                }
                fields.push_str(&format!("<sobj:{field}>{inner}</sobj:{field}>"));
            }
            value if field.eq_ignore_ascii_case("id") => id = xml::tag("sobj:Id", &plain(field, value)?),
            value => fields.push_str(&xml::tag(&format!("sobj:{field}"), &plain(field, value)?)),
        }
    }
    Ok(format!("<urn:{name}>{}{cleared}{id}{fields}</urn:{name}>", xml::tag("sobj:type", object)))
}

/// A value as text.
fn plain(field: &str, value: &Value) -> Result<String, VendorError> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    if xml::can_carry(&text) {
        return Ok(text);
    }
    let error = VendorError::new(
        Class::Data,
        "control_character",
        format!("the value for `{field}` has a control character, which no XML can carry"),
        "take the character out of the value, or let the mapping do so",
    );
    Err(error.about(field))
}

/// A record out of its element. Every value is a text: partner answers name no types.
pub(super) fn record(element: &Element) -> Record {
    let mut record = Record::new();
    for child in element.children.iter().filter(|child| child.name != "type") {
        let value = if child.nil {
            Value::Null
        } else if !child.children.is_empty() {
            Value::Object(self::record(child))
        } else if child.text.is_empty() {
            Value::Null
        } else {
            Value::from(child.text.as_str())
        };
        // The id stands at the head of each record, and once more where it was asked for.
        if !value.is_null() || !record.contains_key(&child.name) {
            record.insert(child.name.clone(), value);
        }
    }
    record
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: Value) -> Record {
        value.as_object().cloned().expect("object")
    }

    #[test]
    fn a_record_goes_out_in_the_order_of_the_schema() {
        let out = element(
            "sObjects",
            "Contact",
            &of(
                json!({"LastName": "O<Hara", "Phone": null, "Fax": "", "Id": "003000000000001AAA", "Vip__c": true, "Account": {"Ext__c": "A-1"}}),
            ),
            None,
        );
        assert_eq!(
            out.expect("element"),
            "<urn:sObjects><sobj:type>Contact</sobj:type><sobj:fieldsToNull>Phone</sobj:fieldsToNull><sobj:fieldsToNull>Fax</sobj:fieldsToNull><sobj:Id>003000000000001AAA</sobj:Id>\
             <sobj:LastName>O&lt;Hara</sobj:LastName><sobj:Vip__c>true</sobj:Vip__c>\
             <sobj:Account><sobj:type>Account</sobj:type><sobj:Ext__c>A-1</sobj:Ext__c></sobj:Account></urn:sObjects>"
        );
    }

    #[test]
    fn what_xml_cannot_carry_is_named() {
        let error = element("sObjects", "Contact", &of(json!({"LastName": "a\u{7}"})), None).expect_err("refused");
        assert_eq!((error.class, error.field.as_deref()), (Class::Data, Some("LastName")));
        assert!(!error.message.contains('\u{7}'));
    }

    #[test]
    fn a_record_comes_back_with_its_parents_and_its_blanks() {
        let root = xml::read(
            br#"<records xmlns:sf="s" xmlns:xsi="i"><sf:type>Contact</sf:type><sf:Id>003000000000001AAA</sf:Id><sf:Id>003000000000001AAA</sf:Id><sf:Phone xsi:nil="true"/><sf:Owner><sf:type>User</sf:type><sf:Id xsi:nil="true"/><sf:Name>Ada</sf:Name></sf:Owner></records>"#,
        )
        .expect("xml");
        assert_eq!(Value::Object(record(&root)), json!({"Id": "003000000000001AAA", "Phone": null, "Owner": {"Id": null, "Name": "Ada"}}));
    }
}
