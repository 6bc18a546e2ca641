//! What objects and fields there are, as the signed-in user sees them.

use serde_json::{Map, Value, json};

use super::State;
use super::cell::read_http_date;
use super::fail::{Fail, Outcome};
use super::org::Org;
use super::records::{object, stub};
use super::schema::{FieldSpec, FieldType, Source};
use super::table::Table;
use super::wire::{Answer, Call};
use crate::door::http_date;

/// Whether the client's `If-Modified-Since` is as new as `changed_ms`.
fn unchanged(call: &Call, changed_ms: i64) -> Outcome<bool> {
    let Some(text) = call.header("if-modified-since") else { return Ok(false) };
    let since =
        read_http_date(text).ok_or_else(|| Fail::bad("INVALID_HEADER", format!("Invalid value for header If-Modified-Since: {text}")))?;
    Ok(changed_ms.div_euclid(1000) <= since)
}

/// When what `user` sees of a table last changed: its fields, or the permissions on them.
fn changed_ms(org: &Org, table: usize) -> i64 {
    let mut latest = org.tables[table].schema_ms;
    for name in ["FieldPermissions", "PermissionSetAssignment"] {
        if let Some(at) = org.table(name) {
            let t = &org.tables[at];
            latest = t.stamped(latest, i64::MAX).next_back().and_then(|ord| t.row(ord)).map_or(latest, |row| row.stamp_ms);
        }
    }
    latest
}

/// `GET /sobjects`.
pub(crate) fn global(state: &mut State, call: &Call) -> Outcome<Answer> {
    let changed = (0..state.org.tables.len()).map(|table| changed_ms(&state.org, table)).max().unwrap_or(0);
    if unchanged(call, changed)? {
        return Ok(Answer::empty(304));
    }
    let mut tables: Vec<&Table> = state.org.tables.iter().filter(|t| t.open).collect();
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    let list: Vec<Value> = tables.into_iter().map(|t| Value::Object(entity(t, &call.version))).collect();
    Ok(Answer::json(200, json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": list})).header("Last-Modified", http_date(changed)))
}

/// `GET /sobjects/{X}`.
pub(crate) fn short(state: &mut State, call: &Call, name: &str) -> Outcome<Answer> {
    let table = object(state, name)?;
    let t = &state.org.tables[table];
    let recent = t.rows().filter(|(_, row)| row.live()).map(|(_, row)| Value::Object(stub(state, table, row, &call.version))).take(5);
    let body = json!({"objectDescribe": entity(t, &call.version), "recentItems": recent.collect::<Vec<Value>>()});
    Ok(Answer::json(200, body))
}

/// `GET /sobjects/{X}/describe`.
pub(crate) fn whole(state: &mut State, call: &Call, name: &str) -> Outcome<Answer> {
    let table = object(state, name)?;
    let changed = changed_ms(&state.org, table);
    if unchanged(call, changed)? {
        return Ok(Answer::empty(304));
    }
    let hidden = state.org.hidden(call.user, table);
    let mut fields = Vec::new();
    let described: Vec<_> =
        state.org.tables[table].fields().filter(|(slot, _)| !hidden.contains(slot)).map(|(_, field)| field.clone()).collect();
    for found in described {
        let editable = state.org.permits(call.user, table, &found, true);
        let mut described = field(&found.spec, found.source, editable);
        state.org.describe_dependency(&state.org.tables[table].name, &mut described);
        fields.push(described);
    }
    let t = &state.org.tables[table];
    let mut body = entity(t, &call.version);
    body.insert("actionOverrides".to_owned(), json!([]));
    body.insert("childRelationships".to_owned(), Value::Array(children(&state.org, &t.name)));
    for key in ["compactLayoutable", "lookupLayoutable", "searchLayoutable", "listviewable"] {
        body.insert(key.to_owned(), json!(true));
    }
    body.insert("fields".to_owned(), Value::Array(fields));
    body.insert("namedLayoutInfos".to_owned(), json!([]));
    body.insert("networkScopeFieldName".to_owned(), Value::Null);
    body.insert("recordTypeInfos".to_owned(), Value::Array(record_types(&state.org, &t.name, &call.version)));
    body.insert("sobjectDescribeOption".to_owned(), json!("FULL"));
    body.insert("supportedScopes".to_owned(), json!([{"label": format!("All {}", t.plural), "name": "everything"}]));
    Ok(Answer::json(200, Value::Object(body)).header("Last-Modified", http_date(changed)))
}

fn entity(t: &Table, version: &str) -> Map<String, Value> {
    let custom = t.name.ends_with("__c");
    let base = format!("/services/data/v{version}/sobjects/{}", t.name);
    let body = json!({
        "activateable": false, "associateEntityType": null, "associateParentEntity": null, "createable": t.open, "custom": custom,
        "customSetting": false, "deepCloneable": false, "deletable": t.open, "deprecatedAndHidden": false, "feedEnabled": t.mergeable,
        "hasSubtypes": false, "isInterface": false, "isSubtype": false, "keyPrefix": String::from_utf8_lossy(&t.prefix),
        "label": t.label, "labelPlural": t.plural, "layoutable": t.open, "mergeable": t.mergeable, "mruEnabled": t.open, "name": t.name,
        "queryable": true, "replicateable": t.open, "retrieveable": true, "searchable": t.open, "triggerable": t.open, "undeletable": t.open,
        "updateable": t.open,
        "urls": {"sobject": base, "describe": format!("{base}/describe"), "rowTemplate": format!("{base}/{{ID}}")}
    });
    match body {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn children(org: &Org, parent: &str) -> Vec<Value> {
    let mut list = Vec::new();
    for t in org.tables.iter().filter(|t| t.open) {
        for (_, field) in t.fields().filter(|(_, f)| f.spec.reference_to.iter().any(|to| to == parent)) {
            list.push(json!({"cascadeDelete": field.spec.cascade, "childSObject": t.name, "deprecatedAndHidden": false, "field": field.spec.name,
                "junctionIdListNames": [], "junctionReferenceTo": [], "relationshipName": field.spec.child_relationship, "restrictedDelete": false}));
        }
    }
    list
}

pub(crate) fn record_types(org: &Org, name: &str, version: &str) -> Vec<Value> {
    let url = |id: &str| json!({"layout": format!("/services/data/v{version}/sobjects/{name}/describe/layouts/{id}")});
    let mut list = Vec::new();
    org.each_live("RecordType", |t, row| {
        let text = |field: &str| t.slot(field).map_or(Value::Null, |slot| t.value(row, slot).json(FieldType::String));
        if text("SobjectType") == name {
            let usual = org.usual_record_type == Some(row.id);
            list.push(json!({"active": text("IsActive"), "available": true, "defaultRecordTypeMapping": usual, "developerName": text("DeveloperName"),
                "master": false, "name": text("Name"), "recordTypeId": row.id.as_str(), "urls": url(row.id.as_str())}));
        }
    });
    list.push(
        json!({"active": true, "available": true, "defaultRecordTypeMapping": !list.iter().any(|kind| kind["defaultRecordTypeMapping"] == true), "developerName": "Master", "master": true,
        "name": "Master", "recordTypeId": "012000000000000AAA", "urls": url("012000000000000AAA")}),
    );
    list
}

fn field(spec: &FieldSpec, source: Source, editable: bool) -> Value {
    let kind = spec.kind;
    let boolean = kind == FieldType::Boolean;
    let values: Vec<Value> = spec
        .values
        .iter()
        .map(|value| {
            let default = spec.default.as_ref().and_then(Value::as_str) == Some(value);
            json!({"active": true, "defaultValue": default, "label": value, "validFor": null, "value": value})
        })
        .collect();
    let number = kind.is_number();
    let auto = spec.name == "CaseNumber";
    let name_field = matches!(spec.name.as_str(), "Name" | "CaseNumber");
    let mut body = json!({
        "aggregatable": kind != FieldType::Boolean, "aiPredictionField": false, "autoNumber": auto,
        "byteLength": spec.length * 3, "calculated": spec.calculated, "calculatedFormula": null, "cascadeDelete": spec.cascade,
        "caseSensitive": spec.case_sensitive, "compoundFieldName": compound(&spec.name), "controllerName": null,
        "createable": spec.createable && editable, "custom": spec.is_custom(), "defaultValue": if boolean { json!(false) } else { spec.default.clone().unwrap_or(Value::Null) },
        "defaultValueFormula": null,
        "defaultedOnCreate": spec.default.is_some() || boolean || spec.name == "OwnerId" || auto || source != Source::Cell,
        "dependentPicklist": false, "deprecatedAndHidden": false, "digits": if kind == FieldType::Int { spec.precision } else { 0 },
        "displayLocationInDecimal": false, "encrypted": false, "externalId": spec.external_id, "extraTypeInfo": null,
        "filterable": spec.filterable(), "filteredLookupInfo": null, "formulaTreatNullNumberAsZero": false
    });
    let rest = json!({
        "groupable": spec.filterable() && !number, "highScaleNumber": false, "htmlFormatted": false,
        "idLookup": spec.id_lookup || spec.external_id || source == Source::Id, "inlineHelpText": null, "label": spec.label,
        "length": if number || boolean { 0 } else { spec.length }, "mask": null, "maskType": null, "name": spec.name, "nameField": name_field,
        "namePointing": spec.reference_to.len() > 1, "nillable": !spec.required && !boolean && spec.name != "OwnerId" && source == Source::Cell || source == Source::Address,
        "permissionable": spec.is_custom(), "picklistValues": values, "polymorphicForeignKey": spec.reference_to.len() > 1,
        "precision": if number && kind != FieldType::Int { spec.precision } else { 0 }, "queryByDistance": false, "referenceTargetField": null,
        "referenceTo": spec.reference_to, "relationshipName": spec.relationship, "relationshipOrder": null, "restrictedDelete": false,
        "restrictedPicklist": spec.restricted, "scale": if number { spec.scale } else { 0 }, "searchPrefilterable": kind == FieldType::Reference,
        "soapType": kind.soap(), "sortable": spec.filterable(), "type": kind.name(), "unique": spec.unique, "updateable": spec.updateable && editable,
        "writeRequiresMasterRead": false
    });
    if let (Value::Object(all), Value::Object(rest)) = (&mut body, rest) {
        all.extend(rest);
    }
    body
}

/// The compound that a part of a name or address belongs to.
fn compound(name: &str) -> Option<String> {
    if matches!(name, "FirstName" | "LastName" | "Salutation") {
        return Some("Name".to_owned());
    }
    let stem = ["Street", "City", "State", "PostalCode", "Country"].into_iter().find_map(|part| name.strip_suffix(part))?;
    matches!(stem, "" | "Mailing" | "Other" | "Billing" | "Shipping").then(|| format!("{stem}Address"))
}
