//! Making columns and the key, and what the metadata say.

use entente_connect::connector::NewField;
use entente_connect::error::Class;
use entente_model::mapping::remote::{RemoteField, RemoteKind};
use serde_json::json;

use crate::dynamics::company::{Company, settings};
use crate::stage::rows::create;

fn field(name: &str, kind: RemoteKind, unique: bool) -> NewField {
    let field = RemoteField { writable: true, unique, ..RemoteField::new(name, name, kind) };
    NewField { object: "accounts".to_owned(), field }
}

#[tokio::test]
async fn columns_and_the_key_are_made_and_the_key_is_waited_for() {
    let company = Company::with(settings("dynamics-secret"), |options| options.profile.index_lag_ms = 20_000).unwrap();
    assert!(company.crm.describe("accounts").await.unwrap().field("entente_id").is_none());
    let began = company.hands.now_ms();
    let id = field("entente_id", RemoteKind::Text, true);
    company.crm.create_field(&id).await.unwrap();
    assert!(company.hands.now_ms() - began >= 20_000, "the index takes its time");
    company.crm.create_field(&id).await.unwrap();
    for (name, kind) in [
        ("entente_arr", RemoteKind::Number),
        ("entente_renewal_date", RemoteKind::Date),
        ("entente_last_ticket", RemoteKind::Datetime),
        ("entente_support_vip", RemoteKind::Boolean),
        ("entente_support_notes", RemoteKind::LongText),
    ] {
        company.crm.create_field(&field(name, kind, false)).await.unwrap();
        assert_eq!(company.crm.describe("accounts").await.unwrap().field(name).unwrap().kind, kind, "{name}");
    }
    let described = company.crm.describe("accounts").await.unwrap();
    assert!(described.field("entente_id").unwrap().unique && described.field("name").unwrap().required);
    let row = json!({"name": "Acme", "entente_arr": "12.5", "entente_renewal_date": "2026-05-01", "entente_last_ticket": "2026-05-01T10:00:00.5Z", "entente_support_vip": true});
    let made = company.write("accounts", &[create("acc_1", row)]).await.remove(0).unwrap();
    let stored = company.row("accounts", &made.id);
    assert_eq!((&stored["entente_arr"], &stored["entente_last_ticket"]), (&json!(12.5), &json!("2026-05-01T10:00:00Z")));
}

#[tokio::test]
async fn a_column_without_its_key_is_mended_and_what_does_not_fit_is_refused_with_its_remedy() {
    let company = Company::with(settings("dynamics-secret"), |_| {}).unwrap();
    company.sim.add_column("accounts", &crate::dynamics::company::text_column("entente_Id")).unwrap();
    assert!(company.crm.describe("accounts").await.unwrap().field("entente_id").is_none(), "it cannot carry a key yet");
    company.crm.create_field(&field("entente_id", RemoteKind::Text, true)).await.unwrap();
    assert!(company.crm.describe("accounts").await.unwrap().field("entente_id").unwrap().unique);
    let refused = company.crm.create_field(&field("entente_id", RemoteKind::Number, false)).await.unwrap_err();
    assert_eq!((refused.code.as_str(), refused.class), ("field_type", Class::Configuration));
    let foreign = company.crm.create_field(&field("color", RemoteKind::Text, false)).await.unwrap_err();
    assert_eq!((foreign.code.as_str(), foreign.field.as_deref()), ("field_name", Some("color")));
}

#[tokio::test]
async fn choices_are_told_in_words_with_their_numbers_beside_them() {
    let company = Company::open();
    let incidents = company.crm.describe("incidents").await.unwrap();
    let status = incidents.field("statuscode").unwrap();
    assert!(status.restricted && status.values.contains(&"Waiting for Details".to_owned()));
    assert_eq!(incidents.field("prioritycode.code").unwrap().kind, RemoteKind::Number);
    assert!(incidents.field("customerid.account").unwrap().writable && !incidents.field("customerid.name").unwrap().writable);
    let activities = company.crm.describe("activities").await.unwrap();
    assert!(activities.field("phonenumber").is_some() && activities.field("location").is_some() && activities.field("id").unwrap().unique);
}
