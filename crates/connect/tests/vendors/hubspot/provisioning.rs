//! Properties that mappings need.

use entente_connect::connector::NewField;
use entente_connect::error::Class;
use entente_model::mapping::remote::{RemoteField, RemoteKind};
use serde_json::json;

use super::portal::Portal;

fn field(name: &str, kind: RemoteKind, values: &[&str]) -> NewField {
    let field = RemoteField {
        writable: true,
        unique: name == "key",
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        restricted: !values.is_empty(),
        ..RemoteField::new(name, name, kind)
    };
    NewField { object: "companies".to_owned(), field }
}

#[tokio::test]
async fn asking_twice_makes_nothing_twice() {
    let portal = Portal::open();
    let kinds = [
        ("key", RemoteKind::Text),
        ("notes_long", RemoteKind::LongText),
        ("score", RemoteKind::Number),
        ("renewal", RemoteKind::Date),
        ("last_ticket", RemoteKind::Datetime),
        ("vip", RemoteKind::Boolean),
        ("tier", RemoteKind::Picklist),
        ("tags", RemoteKind::MultiPicklist),
    ];
    for _ in 0..2 {
        for (name, kind) in kinds {
            let values: &[&str] = if matches!(kind, RemoteKind::Picklist | RemoteKind::MultiPicklist) { &["a", "b"] } else { &[] };
            portal.crm.create_field(&field(name, kind, values)).await.unwrap();
        }
    }
    let object = portal.crm.describe("companies").await.unwrap();
    for (name, kind) in kinds {
        assert_eq!(object.field(name).unwrap().kind, kind, "{name}");
    }
    assert!(object.field("key").unwrap().unique);
    assert_eq!(object.field("tier").unwrap().values, ["a", "b"]);
    assert_eq!((portal.calls("POST properties/companies"), portal.sim.calls().limited), (8, 0));
    assert!(!object.field("hs_lastmodifieddate").unwrap().writable);
    assert!(object.field("owner.email").is_some_and(|field| !field.writable));
}

#[tokio::test]
async fn choices_are_added_to_those_that_are_there() {
    let portal = Portal::open();
    portal.crm.create_field(&field("tier", RemoteKind::Picklist, &["Free"])).await.unwrap();
    portal.crm.create_field(&field("tier", RemoteKind::Picklist, &["Pro", "Free"])).await.unwrap();
    let object = portal.crm.describe("companies").await.unwrap();
    assert_eq!(object.field("tier").unwrap().values, ["Free", "Pro"]);
}

#[tokio::test]
async fn a_list_that_is_open_to_other_values_is_a_text() {
    let portal = Portal::open();
    let mut open = field("tier", RemoteKind::Picklist, &["Free", "Pro"]);
    open.field.restricted = false;
    portal.crm.create_field(&open).await.unwrap();
    assert_eq!(portal.crm.describe("companies").await.unwrap().field("tier").unwrap().kind, RemoteKind::Text);
}

#[tokio::test]
async fn a_property_that_will_not_do_is_told_with_what_to_do() {
    let portal = Portal::open();
    let plain = json!({"name": "key", "label": "Key", "type": "string", "fieldType": "text", "groupName": "companyinformation"});
    portal.sim.add_property("companies", &plain).unwrap();
    for (wanted, code) in [
        (field("key", RemoteKind::Text, &[]), "field_unique"),
        (field("numberofemployees", RemoteKind::Date, &[]), "field_type"),
        (field("Not A Name", RemoteKind::Text, &[]), "field_name"),
    ] {
        let error = portal.crm.create_field(&wanted).await.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (Class::Configuration, code));
    }
    portal.crm.create_field(&field("associations.contacts", RemoteKind::Reference, &[])).await.unwrap();
}
