//! Creating fields.

use entente_connect::connector::NewField;
use entente_model::mapping::remote::{RemoteField, RemoteKind};
use serde_json::json;

use super::org::{direct, said};

fn field(name: &str) -> NewField {
    NewField {
        object: "Contact".to_owned(),
        field: RemoteField { writable: true, scale: Some(1), ..RemoteField::new(name, "Health", RemoteKind::Number) },
    }
}

#[tokio::test]
async fn a_new_field_is_created_and_shown_to_our_user() {
    let scene = direct();
    scene.script(|seen| match seen.path.as_str() {
        path if path.ends_with("/query") => said(200, json!({"totalSize": 0, "done": true, "records": []})),
        path if path.contains("/sobjects/") && seen.method == "POST" => {
            said(201, json!({"id": "0PS000000000001AAA", "success": true, "errors": []}))
        }
        _ => None,
    });
    scene.crm.create_field(&field("Health__c")).await.unwrap();
    let created = scene.calls("POST", "/tooling/sobjects/CustomField");
    assert_eq!(
        created[0].json(),
        json!({"FullName": "Contact.Health__c", "Metadata": {"label": "Health", "precision": 18, "scale": 1, "type": "Number"}})
    );
    assert_eq!(scene.calls("POST", "/sobjects/PermissionSet").len(), 1);
    assert_eq!(scene.calls("POST", "/sobjects/PermissionSetAssignment").len(), 1);
    let shown = scene.calls("POST", "/sobjects/FieldPermissions")[0].json();
    assert_eq!((shown["Field"].as_str(), shown["PermissionsEdit"].as_bool()), (Some("Contact.Health__c"), Some(true)));
}

#[tokio::test]
async fn a_field_that_is_there_is_left_alone() {
    let scene = direct();
    let mut key = field("Entente_Id__c");
    let clash = scene.crm.create_field(&key).await.unwrap_err();
    assert_eq!(clash.code, "field_type", "a text is no number");
    key.field.kind = RemoteKind::Text;
    scene.crm.create_field(&key).await.unwrap();
    assert!(scene.calls("POST", "/tooling/sobjects/CustomField").is_empty());
    let error = scene.crm.create_field(&field("Health")).await.unwrap_err();
    assert_eq!(error.code, "field_name");
}
