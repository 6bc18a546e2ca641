//! Writes as the stories make them, and what becomes of one.

use entente_connect::error::VendorError;
use entente_connect::write::{Write, WriteKind, WriteTarget, Written};
use entente_model::mapping::remote::Row;
use serde_json::{Value, json};

pub fn target(object: &str) -> WriteTarget {
    WriteTarget { object: object.to_owned(), key_field: "external_id".to_owned() }
}

pub fn row(value: Value) -> Row {
    value.as_object().cloned().unwrap()
}

pub fn create(key: &str, values: Value) -> Write {
    Write { kind: WriteKind::Create, key: key.to_owned(), id: None, row: row(values), expect: None }
}

pub fn update(id: &str, values: Value) -> Write {
    Write { kind: WriteKind::Update, key: format!("con_{id}"), id: Some(id.to_owned()), row: row(values), expect: None }
}

pub fn delete(id: &str) -> Write {
    Write { kind: WriteKind::Delete, key: format!("con_{id}"), id: Some(id.to_owned()), row: Row::new(), expect: None }
}

pub fn job(id: &str, status: &str, results: Value) -> Value {
    json!({"id": id, "job_type": "Bulk", "total": 1, "progress": null, "status": status, "message": null, "results": results})
}

pub fn landed(outcome: &Result<Written, VendorError>) -> (&str, Option<bool>) {
    let written = outcome.as_ref().unwrap();
    (written.id.as_str(), written.created)
}
