//! What became of each row of a write.

use serde_json::{Value, json};

use super::xml::Element;
use crate::vendors::salesforce::wire::{ErrorItem, RowResult};

/// The results of a response, in the order of what was sent.
pub(super) fn of(response: &Element) -> Vec<RowResult> {
    response.all("result").map(result).collect()
}

fn result(element: &Element) -> RowResult {
    RowResult {
        id: element.text_of("id").map(str::to_owned),
        success: element.flag("success"),
        created: element.child("created").filter(|created| !created.nil).map(|_| element.flag("created")),
        errors: element.all("errors").map(error).collect(),
    }
}

fn error(element: &Element) -> ErrorItem {
    let fields: Vec<String> = element.all("fields").filter(|field| !field.nil).map(|field| field.text.clone()).collect();
    ErrorItem {
        code: element.text_of("statusCode").unwrap_or_default().to_owned(),
        message: element.text_of("message").unwrap_or_default().to_owned(),
        fields: (!fields.is_empty()).then_some(fields),
        duplicate_result: element.child("duplicateResult").map(matches),
        ..ErrorItem::default()
    }
}

/// The matches of a duplicate rule, in the shape that REST has.
fn matches(result: &Element) -> Value {
    let records = |matched: &Element| -> Vec<Value> {
        let of = matched.all("matchRecords").filter_map(|record| record.child("record")?.text_of("Id"));
        of.map(|id| json!({"record": {"Id": id}})).collect()
    };
    let results: Vec<Value> = result.all("matchResults").map(|matched| json!({"matchRecords": records(matched)})).collect();
    json!({"matchResults": results})
}

#[cfg(test)]
mod tests {
    use super::super::xml;
    use super::*;

    #[test]
    fn every_row_has_its_own_result() {
        let response = xml::read(
            br#"<upsertResponse xmlns:xsi="i"><result><created>false</created><id>003000000000001AAA</id><success>true</success></result><result><errors><duplicateResult><matchResults><matchRecords><record><Id>003000000000009AAA</Id></record></matchRecords></matchResults></duplicateResult><fields>LastName</fields><message>no name</message><statusCode>REQUIRED_FIELD_MISSING</statusCode></errors><id xsi:nil="true"/><success>false</success></result></upsertResponse>"#,
        )
        .expect("xml");
        let results = of(&response);
        assert_eq!((results[0].success, results[0].created, results[0].id.as_deref()), (true, Some(false), Some("003000000000001AAA")));
        assert!(!results[1].success && results[1].id.is_none());
        let error = &results[1].errors[0];
        assert_eq!((error.code.as_str(), error.fields.as_deref()), ("REQUIRED_FIELD_MISSING", Some(&["LastName".to_owned()][..])));
        assert_eq!(crate::vendors::salesforce::refusal::duplicates(error), ["003000000000009AAA"]);
    }
}
