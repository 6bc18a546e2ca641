//! Rows as stories write them, and reading to the end.

use entente_connect::connector::{Connector, Priority};
use entente_connect::look::{Look, ReadSpec};
use entente_connect::write::{Write, WriteKind};
use entente_model::mapping::remote::Row;
use serde_json::{Map, Value};

pub fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

pub fn spec(object: &str, fields: &[&str]) -> ReadSpec {
    ReadSpec { object: object.to_owned(), fields: fields.iter().map(|field| (*field).to_owned()).collect() }
}

pub fn create(key: &str, row: Value) -> Write {
    Write { kind: WriteKind::Create, key: key.to_owned(), id: None, row: map(row), expect: None }
}

pub fn update(id: &str, row: Value) -> Write {
    Write { kind: WriteKind::Update, key: String::new(), id: Some(id.to_owned()), row: map(row), expect: None }
}

pub fn delete(id: &str) -> Write {
    Write { kind: WriteKind::Delete, key: String::new(), id: Some(id.to_owned()), row: Row::new(), expect: None }
}

pub fn ids(looks: &[Look]) -> Vec<&str> {
    looks.iter().map(|look| look.id.as_str()).collect()
}

/// Reads on from a cursor until there is no more; the looks, and where to go on.
pub async fn read_on(connector: &dyn Connector, read: &ReadSpec, cursor: Option<String>) -> (Vec<Look>, String) {
    let mut cursor = cursor;
    let mut looks = Vec::new();
    loop {
        let page = connector.page(read, cursor.as_ref(), Priority::Backfill).await.unwrap();
        looks.extend(page.looks);
        cursor = Some(page.next);
        if !page.more {
            return (looks, cursor.unwrap());
        }
    }
}
