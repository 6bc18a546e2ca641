//! Companies and custom fields.

use serde_json::json;

use crate::account::{Account, ids};

#[tokio::test]
async fn names_and_domains_are_unique_and_deleting_is_for_good() {
    let account = Account::open();
    let id = account.make("companies", json!({"name": "Acme", "domains": ["acme.example"]})).await;
    assert_eq!(account.post("companies", json!({"name": "ACME"})).await.flaw(), (409, "name".to_owned(), "duplicate_value".to_owned()));
    assert_eq!(account.post("companies", json!({"name": "Other", "domains": ["acme.example"]})).await.flaw().1, "domains");
    let contact = account.make("contacts", json!({"name": "Ann", "email": "ann@acme.example"})).await;
    assert_eq!(account.get(&format!("contacts/{contact}")).await.ok()["company_id"], json!(id), "by the domain of the address");
    assert_eq!(account.delete(&format!("companies/{id}")).await.status, 204);
    assert_eq!(account.get(&format!("companies/{id}")).await.status, 404);
    assert_eq!(account.get(&format!("contacts/{contact}")).await.ok()["company_id"], json!(null));
}

#[tokio::test]
async fn stamps_have_an_offset_and_writes_without_a_difference_leave_them() {
    let account = Account::open();
    let id = account.make("companies", json!({"name": "Acme", "custom_fields": {"entente_id": "acc_1"}})).await;
    account.pass(5_000);
    let same = account.put(&format!("companies/{id}"), json!({"name": "Acme"})).await.ok();
    assert_eq!(same["updated_at"], "2026-01-05T15:30:00+05:30");
    let other = account.put(&format!("companies/{id}"), json!({"note": "hm"})).await.ok();
    assert_eq!((&other["updated_at"], &other["custom_fields"]["entente_id"]), (&json!("2026-01-05T15:30:05+05:30"), &json!("acc_1")));
    assert_eq!(ids(&account.get("companies?updated_since=2026-01-05T10:00:05Z").await.ok()), [id]);
    let found = account.get("companies/autocomplete?name=ac").await.ok();
    assert_eq!(found, json!({"companies": [{"id": id, "name": "Acme"}]}));
}

#[tokio::test]
async fn a_field_is_named_after_its_label_and_keeps_its_type() {
    let account = Account::open();
    let made = account.post("company_fields", json!({"label": "Seats in use", "type": "custom_number"})).await.ok();
    assert_eq!(made["name"], "seats_in_use");
    let of_tickets = account.post("admin/ticket_fields", json!({"label": "Seats in use", "type": "custom_number"})).await.ok();
    assert_eq!(of_tickets["name"], "cf_seats_in_use");
    assert_eq!(account.post("company_fields", json!({"label": "Seats in use", "type": "custom_text"})).await.flaw().2, "duplicate_value");
    let refused = account.post("companies", json!({"name": "Acme", "custom_fields": {"seats_in_use": "4"}})).await;
    assert_eq!(refused.flaw(), (400, "seats_in_use".to_owned(), "datatype_mismatch".to_owned()));
    let id = account.make("companies", json!({"name": "Acme", "custom_fields": {"seats_in_use": 4}})).await;
    assert_eq!(account.delete(&format!("company_fields/{}", made["id"])).await.status, 204);
    assert!(account.get(&format!("companies/{id}")).await.ok()["custom_fields"].get("seats_in_use").is_none());
    let agent = Account::with(|options| options.admin = false);
    assert_eq!(agent.post("company_fields", json!({"label": "X", "type": "custom_text"})).await.status, 403);
}
