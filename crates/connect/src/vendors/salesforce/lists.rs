//! Parts of picklists: what rows of a record type, or of one value of a controlling picklist, may hold of a list.
//!
//! Dependent picklists are in the object's description. Which values a record type has is asked of the UI API, or of `describeLayout` over SOAP,
//! once an hour for each record type that is written. The org holds rows to them only where the list is restricted, and so do we, before anything is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::ListPart;
use serde::Deserialize;
use serde_json::Value;

use super::describe::{Described, RECORD_TYPE};
use super::wire::DescribeField;
use super::{Salesforce, soql};
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::Call;
use crate::write::{Write, WriteKind};

/// How long the values of a record type count: admins change them by the day at most.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// Parts of an object's lists by record type, and until when they count.
pub(super) type Kept = BTreeMap<(String, String), (Timestamp, Arc<Vec<ListPart>>)>;

/// `GET /ui-api/object-info/{X}/picklist-values/{recordTypeId}`, as far as it is used.
#[derive(Deserialize)]
struct PicklistValues {
    #[serde(rename = "picklistFieldValues")]
    fields: BTreeMap<String, FieldValues>,
}

#[derive(Deserialize)]
struct FieldValues {
    values: Vec<FieldValue>,
}

#[derive(Deserialize)]
struct FieldValue {
    value: String,
}

impl Salesforce {
    /// The parts of an object's lists for every record type that our user may use, as its schema shows them.
    pub(super) async fn all_lists(&self, object: &str, described: &Described) -> Vec<ListPart> {
        let mut lists = described.object.lists.clone();
        for name in described.record_types() {
            lists.extend(self.lists_of(object, described, name, false, Priority::Update).await.iter().cloned());
        }
        lists
    }

    /// The parts that some writes are held to.
    pub(super) async fn lists_for(
        &self,
        object: &str,
        described: &Described,
        writes: &[Write],
        fresh: bool,
        priority: Priority,
    ) -> Vec<ListPart> {
        let mut lists = described.object.lists.clone();
        let listed = |write: &&Write| write.row.keys().any(|field| is_closed(described, field));
        let types: BTreeSet<&str> = writes.iter().filter(listed).filter_map(|write| type_of(write, described)).collect();
        for name in types {
            lists.extend(self.lists_of(object, described, name, fresh, priority).await.iter().cloned());
        }
        lists
    }

    /// The parts of one record type. Rows are held to them by the org as well, so that an answer we do not get is logged and no more.
    async fn lists_of(&self, object: &str, described: &Described, name: &str, fresh: bool, priority: Priority) -> Arc<Vec<ListPart>> {
        let none = || Arc::new(Vec::new());
        let Some(id) = described.record_type(name) else { return none() };
        let now = self.client.now();
        let key = (object.to_owned(), id.to_owned());
        let kept = self.lists.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some((_, lists)) = kept.filter(|(until, _)| !fresh && now < *until) {
            return lists;
        }
        let lists = match self.ask_lists(object, name, id, priority).await {
            Ok(lists) => Arc::new(lists),
            Err(error) => {
                tracing::warn!(connection = %self.client.settings().name, object, record_type = name, %error, "which values a record type has could not be read: rows are held to the whole lists, and the org refuses what does not fit");
                none()
            }
        };
        let until = now.checked_add(FRESH).unwrap_or(Timestamp::MAX);
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).insert(key, (until, Arc::clone(&lists)));
        lists
    }

    async fn ask_lists(&self, object: &str, name: &str, id: &str, priority: Priority) -> Result<Vec<ListPart>, VendorError> {
        if let Some(soap) = &self.soap {
            return self.soap_lists(soap, (object, name, id), priority).await;
        }
        let path = format!("{}/ui-api/object-info/{}/picklist-values/{}", self.root, soql::name(object)?, soql::name_of_id(id)?);
        let answer: PicklistValues = self.client.call("picklists", priority, Call::get(path)).await?.json()?;
        let part = |(field, values): (String, FieldValues)| ListPart {
            when: RECORD_TYPE.to_owned(),
            is: name.to_owned(),
            field,
            values: values.values.into_iter().map(|value| value.value).collect(),
        };
        Ok(answer.fields.into_iter().map(part).collect())
    }
}

/// Whether a field is a list that takes its own values alone.
fn is_closed(described: &Described, field: &str) -> bool {
    described.object.field(field).is_some_and(|field| field.restricted && !field.values.is_empty())
}

/// The record type that a write makes or leaves a row with, as far as the write tells.
fn type_of<'a>(write: &'a Write, described: &'a Described) -> Option<&'a str> {
    match write.row.get(RECORD_TYPE) {
        Some(named) => named.as_str(),
        None if write.kind == WriteKind::Create => described.usual_type(),
        None => None,
    }
}

/// Why a write cannot be made that holds a value which its record type, or the value of a controlling list, does not have.
pub(super) fn off_list(write: &Write, described: &Described, lists: &[ListPart]) -> Option<VendorError> {
    let usual = type_of(write, described);
    let decides = |list: &&ListPart| {
        let given = if list.when == RECORD_TYPE { usual } else { write.row.get(&list.when).and_then(said) };
        given == Some(list.is.as_str())
    };
    for (field, value) in write.row.iter().filter(|(field, _)| is_closed(described, field)) {
        let held: Vec<&str> = match value {
            Value::String(text) => vec![text.as_str()],
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
            _ => continue,
        };
        for list in lists.iter().filter(|list| list.field == *field).filter(decides) {
            if held.iter().all(|held| list.values.iter().any(|known| known == held)) {
                continue;
            }
            let takes = if list.values.is_empty() { "none".to_owned() } else { list.values.join(", ") };
            // Neither value is repeated: the refusal names the fields to look at.
            let reason = format!("`{field}` does not have this value for rows of this `{}`; it has {takes}", list.when);
            let advice = "add the value to the record type or the dependency in Salesforce, or translate it in the mapping";
            return Some(VendorError::new(Class::Data, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", reason, advice).about(field));
        }
    }
    None
}

/// A controlling value; checkboxes control lists too.
fn said(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Bool(true) => Some("true"),
        Value::Bool(false) => Some("false"),
        _ => None,
    }
}

/// The parts of the dependent lists among an object's fields.
pub(super) fn dependent(fields: &[DescribeField]) -> Vec<ListPart> {
    let mut parts = Vec::new();
    for field in fields {
        let Some(controller) = field.controller_name.as_deref().and_then(|name| fields.iter().find(|field| field.name == name)) else {
            continue;
        };
        let deciding: Vec<&str> = match controller.picklist_values.as_deref() {
            Some(values) if !values.is_empty() => values.iter().map(|value| value.value.as_str()).collect(),
            _ => vec!["false", "true"],
        };
        for (at, is) in deciding.into_iter().enumerate() {
            let valid = field.picklist_values.iter().flatten().filter(|value| value.active && is_valid_for(value.valid_for.as_deref(), at));
            parts.push(ListPart {
                when: controller.name.clone(),
                is: is.to_owned(),
                field: field.name.clone(),
                values: valid.map(|value| value.value.clone()).collect(),
            });
        }
    }
    parts
}

/// Whether bit `at` of a bitmap in base64 is set, the most significant bit of a byte first.
fn is_valid_for(bitmap: Option<&str>, at: usize) -> bool {
    let bytes = bitmap.and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
    bytes.get(at / 8).is_some_and(|byte| byte & (0x80 >> (at % 8)) != 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bits_are_counted_from_the_most_significant_one() {
        // 0xA0 0x40: bits 0, 2 and 9.
        let set: Vec<usize> = (0..16).filter(|at| is_valid_for(Some("oEA="), *at)).collect();
        assert_eq!(set, [0, 2, 9]);
        assert!(!is_valid_for(None, 0) && !is_valid_for(Some("?"), 0));
    }

    #[test]
    fn a_dependent_list_has_a_part_for_each_controlling_value() {
        let fields: Vec<DescribeField> = serde_json::from_value(json!([
            {"name": "Country__c", "type": "picklist", "picklistValues": [{"value": "US"}, {"value": "CA"}]},
            {"name": "State__c", "type": "picklist", "controllerName": "Country__c", "picklistValues": [
                {"value": "Ohio", "validFor": "gA=="}, {"value": "Ontario", "validFor": "QA=="}, {"value": "Other", "validFor": "wA=="}
            ]},
            {"name": "Vip__c", "type": "boolean"},
            {"name": "Perk__c", "type": "picklist", "controllerName": "Vip__c", "picklistValues": [{"value": "Lounge", "validFor": "QA=="}]}
        ]))
        .expect("fields");
        let of = |is: &str, field: &str| {
            dependent(&fields).into_iter().find(|part| part.is == is && part.field == field).map(|part| part.values)
        };
        assert_eq!(of("US", "State__c"), Some(vec!["Ohio".to_owned(), "Other".to_owned()]));
        assert_eq!(of("CA", "State__c"), Some(vec!["Ontario".to_owned(), "Other".to_owned()]));
        assert_eq!((of("false", "Perk__c"), of("true", "Perk__c")), (Some(vec![]), Some(vec!["Lounge".to_owned()])));
    }
}
