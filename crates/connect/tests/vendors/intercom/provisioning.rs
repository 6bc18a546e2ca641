//! Making attributes, once.

use entente_connect::connector::NewField;
use entente_model::mapping::remote::{RemoteField, RemoteKind};
use entente_sims::intercom::Kind;
use serde_json::json;

use super::workspace::{Workspace, settings};

fn field(object: &str, name: &str, kind: RemoteKind, values: &[&str]) -> NewField {
    let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
    let field = RemoteField {
        writable: true,
        scale: (kind == RemoteKind::Number).then_some(2),
        restricted: !values.is_empty(),
        values,
        ..RemoteField::new(name, "Made by a test", kind)
    };
    NewField { object: object.to_owned(), field }
}

#[tokio::test]
async fn attributes_are_made_once_with_their_types() {
    let workspace = Workspace::open();
    for _ in 0..2 {
        for new in [
            field("company", "custom_attributes.plan_price", RemoteKind::Number, &[]),
            field("company", "custom_attributes.contract_end", RemoteKind::Date, &[]),
            field("company", "custom_attributes.at_risk", RemoteKind::Boolean, &[]),
            field("contact", "custom_attributes.mood", RemoteKind::Picklist, &["good", "bad"]),
            field("contact", "custom_attributes.job_title", RemoteKind::LongText, &[]),
            field("conversation", "ticket_attributes.entente_id", RemoteKind::Text, &[]),
            field("contact", "email", RemoteKind::Email, &[]),
        ] {
            workspace.desk.create_field(&new).await.unwrap();
        }
    }
    let company = workspace.desk.describe("company").await.unwrap();
    let kind = |name: &str| company.field(name).map(|field| field.kind);
    assert_eq!(kind("custom_attributes.plan_price"), Some(RemoteKind::Number));
    assert_eq!(kind("custom_attributes.contract_end"), Some(RemoteKind::Datetime));
    assert_eq!(kind("custom_attributes.at_risk"), Some(RemoteKind::Boolean));
    let contact = workspace.desk.describe("contact").await.unwrap();
    assert_eq!(contact.field("custom_attributes.mood").unwrap().values, ["good", "bad"]);
    let conversation = workspace.desk.describe("conversation").await.unwrap();
    assert!(
        conversation.field("ticket_attributes.entente_id").is_some() && conversation.field("ticket_attributes.entente_company").is_some()
    );
    assert_eq!(workspace.sim.ticket_types().iter().filter(|(_, name)| name == "Entente").count(), 1);
    assert_eq!(workspace.calls("POST data_attributes"), 5);
    assert_eq!(workspace.calls("POST ticket_types/:id/attributes"), 2);
}

#[tokio::test]
async fn a_list_gets_the_options_it_lacks_and_no_other_type() {
    let workspace = Workspace::open();
    workspace.desk.create_field(&field("contact", "custom_attributes.mood", RemoteKind::Picklist, &["good"])).await.unwrap();
    workspace.desk.create_field(&field("contact", "custom_attributes.mood", RemoteKind::Picklist, &["good", "bad"])).await.unwrap();
    let contact = workspace.desk.describe("contact").await.unwrap();
    assert_eq!(contact.field("custom_attributes.mood").unwrap().values, ["good", "bad"]);
    let clash = workspace.desk.create_field(&field("company", "custom_attributes.tier", RemoteKind::Number, &[])).await.unwrap_err();
    assert_eq!((clash.class.name(), clash.code.as_str()), ("configuration", "field_type"));
    let name = workspace.desk.create_field(&field("company", "custom_attributes.a.b", RemoteKind::Text, &[])).await.unwrap_err();
    assert_eq!(name.code, "field_name");
}

#[tokio::test]
async fn dates_survive_the_way_there_and_back() {
    let workspace = Workspace::open();
    let acme = workspace.company("acc_1", "Acme");
    let read = crate::stage::rows::spec("company", &["custom_attributes.renewal"]);
    for (written, shown) in [("2026-12-31", "2026-12-31T00:00:00Z"), ("2026-03-31T08:15:30Z", "2026-03-31T08:15:30Z")] {
        let write = crate::stage::rows::update(&acme, json!({"custom_attributes.renewal": written}));
        workspace.write("company", &[write]).await.remove(0).unwrap();
        assert_eq!(workspace.fetch(&read, &acme).await.row["custom_attributes.renewal"], shown);
    }
    assert_eq!(workspace.row(Kind::Company, &acme)["custom_attributes"]["renewal"], json!(1_774_944_930));
}

#[tokio::test]
async fn attributes_of_conversations_are_made_where_they_have_a_resource_of_their_own() {
    let workspace = Workspace::open();
    for mood in [&["good"][..], &["good", "bad"], &["good", "bad"]] {
        for new in [
            field("conversation", "custom_attributes.mood", RemoteKind::Picklist, mood),
            field("conversation", "custom_attributes.paid", RemoteKind::Number, &[]),
            field("conversation", "custom_attributes.due", RemoteKind::Datetime, &[]),
        ] {
            workspace.desk.create_field(&new).await.unwrap();
        }
    }
    let conversation = workspace.desk.describe("conversation").await.unwrap();
    let mood = conversation.field("custom_attributes.mood").unwrap();
    assert_eq!((mood.kind, mood.values.as_slice()), (RemoteKind::Picklist, &["good".to_owned(), "bad".to_owned()][..]));
    let kind = |name: &str| conversation.field(name).map(|field| field.kind);
    assert_eq!(kind("custom_attributes.paid"), Some(RemoteKind::Number));
    assert_eq!(kind("custom_attributes.due"), Some(RemoteKind::Datetime));
    assert_eq!(workspace.calls("POST conversations/attributes"), 3, "each once");
    assert_eq!(workspace.calls("POST conversations/attributes/:id/options"), 1, "the one that lacked");
    let clash = workspace.desk.create_field(&field("conversation", "custom_attributes.paid", RemoteKind::Boolean, &[])).await.unwrap_err();
    assert_eq!(clash.code, "field_type");
}

#[tokio::test]
async fn an_older_version_shows_attributes_of_conversations_and_says_that_it_cannot_make_them() {
    let mut old = settings();
    old.api_version = Some("2.14".to_owned());
    let workspace = Workspace::with(old, |_| {});
    let made = json!({"name": "mood", "data_type": "list", "options": [{"label": "good"}]});
    workspace.sim.add_attribute(Kind::Conversation, made.as_object().unwrap()).unwrap();
    let conversation = workspace.desk.describe("conversation").await.unwrap();
    assert_eq!(conversation.field("custom_attributes.mood").unwrap().values, ["good"]);
    workspace.desk.create_field(&field("conversation", "custom_attributes.mood", RemoteKind::Picklist, &["good"])).await.unwrap();
    for (name, values) in [("custom_attributes.mood", &["good", "bad"]), ("custom_attributes.other", &["a", "b"])] {
        let refused = workspace.desk.create_field(&field("conversation", name, RemoteKind::Picklist, values)).await.unwrap_err();
        assert_eq!((refused.code.as_str(), refused.field.as_deref()), ("api_version", Some(name)));
        assert!(refused.advice.contains("2.16"), "{}", refused.advice);
    }
    assert_eq!(workspace.calls("POST conversations/attributes") + workspace.calls("POST data_attributes"), 0, "nothing is tried");
}
