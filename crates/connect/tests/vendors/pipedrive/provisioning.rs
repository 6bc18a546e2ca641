//! Making custom fields, once.

use entente_connect::connector::NewField;
use entente_connect::error::Class;
use entente_model::mapping::remote::{RemoteField, RemoteKind};
use entente_sims::pipedrive::Kind;
use serde_json::json;

use crate::pipedrive::company::{Company, settings, token};
use crate::stage::rows::{spec, update};

fn field(object: &str, name: &str, kind: RemoteKind, values: &[&str], restricted: bool) -> NewField {
    let field = RemoteField {
        writable: true,
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        restricted,
        ..RemoteField::new(name, "Label", kind)
    };
    NewField { object: object.to_owned(), field }
}

#[tokio::test]
async fn fields_are_made_once_and_hold_what_is_written_to_them() {
    let company = Company::open();
    let wanted = [
        field("organizations", "entente_tier", RemoteKind::Picklist, &["Free", "Pro"], true),
        field("organizations", "entente_support_vip", RemoteKind::Boolean, &[], false),
        field("organizations", "entente_renewal_date", RemoteKind::Date, &[], false),
        field("organizations", "entente_notes", RemoteKind::LongText, &[], false),
        field("organizations", "entente_last_ticket", RemoteKind::Datetime, &[], false),
    ];
    for _ in 0..2 {
        for new in &wanted {
            company.crm.create_field(new).await.unwrap();
        }
    }
    assert_eq!(company.calls("POST organizationFields"), 5);
    assert!(company.sim.code(Kind::Organization, "Entente support vip").is_some(), "people see a name, not a hash");
    let described = company.crm.describe("organizations").await.unwrap();
    assert_eq!(described.field("entente_support_vip").unwrap().kind, RemoteKind::Boolean);
    let acme = company.plant(Kind::Organization, json!({"name": "Acme"}));
    let row = json!({"entente_tier": "Pro", "entente_support_vip": true, "entente_renewal_date": "2026-12-31", "entente_notes": "a\nb", "entente_last_ticket": "2026-01-05T10:00:00Z"});
    company.write("organizations", &[update(&acme, row.clone())]).await.remove(0).unwrap();
    let names: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
    let look = company.fetch(&spec("organizations", &names), &acme).await;
    assert_eq!(serde_json::Value::Object(look.row), row);
    // A list gets the choices that it lacks.
    company
        .crm
        .create_field(&field("organizations", "entente_tier", RemoteKind::Picklist, &["Free", "Pro", "Enterprise"], true))
        .await
        .unwrap();
    company.write("organizations", &[update(&acme, json!({"entente_tier": "Enterprise"}))]).await.remove(0).unwrap();
}

#[tokio::test]
async fn what_cannot_be_made_says_why() {
    let company = Company::with(settings(token()), |options| options.custom_fields_max = 4);
    let refused = async |new: NewField| company.crm.create_field(&new).await.unwrap_err();
    let error = refused(field("organizations", "entente_plan", RemoteKind::Number, &[], false)).await;
    assert_eq!((error.code.as_str(), error.class), ("field_type", Class::Configuration));
    let error = refused(field("activities", "entente_csat", RemoteKind::Text, &[], false)).await;
    assert!(error.code == "unknown_field" && error.advice.contains("no custom fields"), "{error:?}");
    let error = refused(field("persons", "custom.abc", RemoteKind::Text, &[], false)).await;
    assert_eq!(error.code, "field_name");
    company.crm.create_field(&field("organizations", "entente_one", RemoteKind::Text, &[], false)).await.unwrap();
    let error = refused(field("organizations", "entente_two", RemoteKind::Text, &[], false)).await;
    assert_eq!((error.code.as_str(), error.class), ("feature_capping_custom_fields_limit", Class::Configuration));
    company.crm.create_field(&field("activities", "entente_id", RemoteKind::Text, &[], false)).await.unwrap();
}

#[tokio::test]
async fn a_copy_of_our_field_is_pointed_out() {
    let company = Company::open();
    let acme = company.plant(Kind::Organization, json!({"name": "Acme"}));
    company.sim.add_field(Kind::Organization, &json!({"field_name": "entente plan", "field_type": "varchar"})).unwrap();
    let error = company
        .crm
        .write(
            &crate::pipedrive::company::target("organizations"),
            &[update(&acme, json!({"entente_plan": "Pro"}))],
            entente_connect::connector::Priority::Update,
        )
        .await
        .unwrap_err();
    assert_eq!((error.code.as_str(), error.class), ("ambiguous_field", Class::Configuration));
}
