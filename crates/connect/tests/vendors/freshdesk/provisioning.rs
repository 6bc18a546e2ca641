//! Making fields, and describing what there is.

use entente_connect::connector::NewField;
use entente_model::mapping::remote::{RemoteField, RemoteKind};
use entente_sims::freshdesk::Kind;

use super::account::Account;

fn field(name: &str, kind: RemoteKind) -> RemoteField {
    RemoteField { writable: true, ..RemoteField::new(name, "Some label", kind) }
}

fn new(object: &str, name: &str, kind: RemoteKind) -> NewField {
    NewField { object: object.to_owned(), field: field(name, kind) }
}

#[tokio::test]
async fn fields_get_the_name_that_the_mapping_uses_and_are_made_once() {
    let account = Account::open();
    for (object, name, kind) in [
        ("company", "company_fields.support_vip", RemoteKind::Boolean),
        ("company", "company_fields.contract_start", RemoteKind::Date),
        ("contact", "contact_fields.entente_score", RemoteKind::Number),
        ("ticket", "ticket_fields.sales_context", RemoteKind::LongText),
    ] {
        for _ in 0..2 {
            account.desk.create_field(&new(object, name, kind)).await.unwrap();
        }
        let described = account.desk.describe(object).await.unwrap();
        assert_eq!(described.field(name).unwrap().kind, kind, "{name}");
    }
    assert_eq!(account.calls("POST company_fields"), 2);
}

#[tokio::test]
async fn a_list_gets_the_values_that_it_lacks() {
    let account = Account::open();
    let mut wanted = new("company", "company_fields.tier", RemoteKind::Picklist);
    wanted.field.restricted = true;
    for values in [vec!["Free", "Pro"], vec!["Pro", "Enterprise"]] {
        wanted.field.values = values.into_iter().map(str::to_owned).collect();
        account.desk.create_field(&wanted).await.unwrap();
    }
    let described = account.desk.describe("company").await.unwrap();
    assert_eq!(described.field("company_fields.tier").unwrap().values, ["Free", "Pro", "Enterprise"]);
}

#[tokio::test]
async fn what_does_not_fit_is_named() {
    let account = Account::open();
    let refused = async |object: &str, name: &str, kind| account.desk.create_field(&new(object, name, kind)).await.unwrap_err();
    assert_eq!(refused("company", "company_fields.plan", RemoteKind::Date).await.code, "field_type");
    assert_eq!(refused("company", "company_fields.Some Name", RemoteKind::Text).await.code, "field_name");
    assert_eq!(refused("company", "plan", RemoteKind::Text).await.code, "field_name");
    assert_eq!(refused("lead", "lead_fields.x", RemoteKind::Text).await.code, "unknown_object");
    account.desk.create_field(&new("company", "domains", RemoteKind::Text)).await.unwrap();
    let agent = Account::with(super::account::settings(), |options| options.admin = false);
    let error = agent.desk.create_field(&new("company", "company_fields.x", RemoteKind::Text)).await.unwrap_err();
    assert!(error.class.name() == "configuration" && error.advice.contains("Administrator"), "{error}");
}

#[tokio::test]
async fn groups_are_listed_and_asked_for_once() {
    let account = Account::open();
    for fresh in [false, false, true] {
        let groups = account.desk.groups(fresh).await.unwrap();
        assert_eq!(groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["Support", "Enterprise Support", "Pro Support"]);
    }
    assert_eq!(account.calls("GET groups"), 2);
    assert_eq!(account.sim.rows(Kind::Company).len(), 0);
}
