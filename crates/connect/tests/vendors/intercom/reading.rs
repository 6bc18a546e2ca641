//! What rows look like, and what becomes of them.

use entente_connect::look::Existence;
use entente_sims::intercom::Kind;
use serde_json::{Value, json};

use super::workspace::{Workspace, settings};
use crate::stage::rows::{ids, map, spec};

#[tokio::test]
async fn the_token_is_checked_and_the_workspace_named() {
    let workspace = Workspace::open();
    let me = workspace.desk.check().await.unwrap();
    assert_eq!(
        (me.user.as_str(), me.organization.as_str(), me.user_id),
        ("sync@acme.example", "abc12345", workspace.sim.admins()[0].id.clone())
    );
}

#[tokio::test]
async fn a_contact_comes_with_its_company_its_tags_and_its_name_as_typed() {
    let workspace = Workspace::open();
    let company = workspace.company("acc_1", "Acme");
    let id = workspace.plant(
        Kind::Contact,
        json!({"name": "Ann \"A\" Lee & Co", "email": "Ann@Acme.example", "custom_attributes": {"crm_id": "003<1>"}}),
    );
    workspace.sim.attach(&id, &company, true).unwrap();
    workspace.sim.tag(Kind::Contact, &id, "Key account", true).unwrap();
    let look = workspace.fetch(&spec("contact", &["name", "email", "role", "company_id", "tags", "custom_attributes.crm_id"]), &id).await;
    assert_eq!(
        Value::Object(look.row),
        json!({"name": "Ann \"A\" Lee & Co", "email": "ann@acme.example", "role": "user", "company_id": company, "tags": ["Key account"],
               "custom_attributes.crm_id": "003<1>"})
    );
    assert!(look.complete && look.mark.at.is_some());
}

#[tokio::test]
async fn a_conversation_and_a_ticket_come_out_alike_with_the_company_of_their_contact() {
    let workspace = Workspace::open();
    let company = workspace.company("acc_1", "Acme");
    let ann = workspace.contact("Ann", "ann@acme.example");
    workspace.sim.attach(&ann, &company, true).unwrap();
    let conversation = workspace.conversation(&ann, "The printer smokes\nHelp!");
    workspace.pass(600);
    let admin = workspace.sim.admins()[1].id.clone();
    workspace.sim.say(&conversation, "On my way", &admin, false).unwrap();
    workspace.manage(&conversation, json!({"message_type": "assignment", "assignee_id": admin}));
    workspace.pass(3_000);
    workspace.manage(&conversation, json!({"message_type": "close"}));
    workspace.sim.rate(&conversation, 5, "Quick").unwrap();
    let ty = workspace.sim.ticket_types()[0].0.clone();
    let ticket = json!({"ticket_type_id": ty, "contacts": [{"id": ann}], "ticket_attributes": {"_default_title_": "No ink", "_default_description_": "None"}});
    let ticket = workspace.plant(Kind::Ticket, ticket);
    let fields = [
        "form",
        "title",
        "description",
        "state",
        "contact_id",
        "company_id",
        "assignee.name",
        "rating",
        "first_response_minutes",
        "resolution_minutes",
        "internal",
    ];
    let first = workspace.fetch(&spec("conversation", &fields), &conversation).await;
    assert_eq!(
        Value::Object(first.row),
        json!({"form": "conversation", "title": "The printer smokes", "description": "The printer smokes\nHelp!", "state": "closed",
               "contact_id": ann, "company_id": company, "assignee.name": "Ada Admin", "rating": 5, "first_response_minutes": 10,
               "resolution_minutes": 60, "internal": false})
    );
    let second = workspace.fetch(&spec("conversation", &fields), &ticket).await;
    assert_eq!(
        Value::Object(second.row),
        json!({"form": "ticket", "title": "No ink", "description": "None", "state": "submitted", "contact_id": ann, "company_id": company,
               "assignee.name": null, "rating": null, "first_response_minutes": null, "resolution_minutes": null, "internal": false})
    );
    assert!(first.complete && second.complete);
}

#[tokio::test]
async fn every_version_is_read_alike() {
    for version in ["2.14", "2.15", "2.16"] {
        let mut settings = settings();
        settings.api_version = Some(version.to_owned());
        let workspace = Workspace::with(settings, |_| {});
        let company = workspace.company("acc_1", "Acme");
        let ann = workspace.contact("Ann", "ann@acme.example");
        workspace.sim.attach(&ann, &company, true).unwrap();
        let id = workspace.conversation(&ann, "Help");
        let look = workspace.fetch(&spec("conversation", &["company_id", "priority", "state"]), &id).await;
        let priority = if version == "2.16" { "none" } else { "not_priority" };
        assert_eq!(Value::Object(look.row), json!({"company_id": company, "priority": priority, "state": "open"}), "{version}");
    }
}

#[tokio::test]
async fn merged_archived_and_deleted_rows_are_told_apart() {
    let workspace = Workspace::open();
    let lead = workspace.plant(Kind::Contact, json!({"role": "lead", "email": "ann@acme.example"}));
    let user = workspace.contact("Ann", "ann@acme.example");
    let gone = workspace.contact("Ben", "ben@acme.example");
    let archived = workspace.contact("Cleo", "cleo@acme.example");
    workspace.sim.merge_contacts(&lead, &user).unwrap();
    workspace.sim.delete(Kind::Contact, &gone).unwrap();
    workspace.sim.archive(&archived, true).unwrap();
    let read = spec("contact", &["name"]);
    assert_eq!(workspace.fetch(&read, &lead).await.existence, Existence::MergedInto(user.clone()));
    for id in [&gone, &archived, &"no such id".to_owned()] {
        assert_eq!(workspace.fetch(&read, id).await.existence, Existence::Deleted, "{id}");
    }
    assert_eq!(workspace.fetch(&read, &user).await.existence, Existence::Present);
    // The version before cannot say into whom.
    let mut old = settings();
    old.api_version = Some("2.15".to_owned());
    let workspace = Workspace::with(old, |_| {});
    let lead = workspace.plant(Kind::Contact, json!({"role": "lead"}));
    let user = workspace.contact("Ann", "ann@acme.example");
    workspace.sim.merge_contacts(&lead, &user).unwrap();
    assert_eq!(workspace.fetch(&read, &lead).await.existence, Existence::Deleted);
}

#[tokio::test]
async fn an_attribute_that_was_removed_is_not_taken_for_one_that_was_cleared() {
    let workspace = Workspace::open();
    let id = workspace.company("acc_1", "Acme");
    let read = spec("company", &["name", "custom_attributes.tier"]);
    assert_eq!(workspace.fetch(&read, &id).await.row["custom_attributes.tier"], Value::Null);
    workspace.sim.archive_attribute(Kind::Company, "tier").unwrap();
    workspace.pass(601);
    let error = workspace.desk.fetch(&read, &[id], entente_connect::connector::Priority::Update).await.unwrap_err();
    assert_eq!((error.class.name(), error.field.as_deref()), ("configuration", Some("custom_attributes.tier")));
}

#[tokio::test]
async fn conversations_of_many_contacts_cost_one_further_call() {
    let mut old = settings();
    // From 2.16 on conversations name their company themselves.
    old.api_version = Some("2.14".to_owned());
    let workspace = Workspace::with(old, |_| {});
    let company = workspace.company("acc_1", "Acme");
    for at in 0..30 {
        let contact = workspace.contact("Ann", &format!("ann{at}@acme.example"));
        workspace.sim.attach(&contact, &company, true).unwrap();
        workspace.conversation(&contact, "Help");
    }
    let (looks, _) = workspace.read_on(&spec("conversation", &["title", "company_id"]), None).await;
    assert_eq!(looks.len(), 30);
    assert!(looks.iter().all(|look| look.row["company_id"] == json!(company)));
    assert_eq!((workspace.calls("POST contacts/search"), workspace.calls("GET contacts/:id")), (1, 0));
}

#[tokio::test]
async fn a_schema_shows_what_can_be_written_and_how() {
    let workspace = Workspace::open();
    workspace
        .sim
        .add_attribute(
            Kind::Contact,
            &map(json!({"name": "mood", "data_type": "string", "options": [{"value": "good"}, {"value": "bad"}]})),
        )
        .unwrap();
    let contact = workspace.desk.describe("contact").await.unwrap();
    let mood = contact.field("custom_attributes.mood").unwrap();
    assert!(mood.restricted && mood.values == ["good", "bad"]);
    assert!(contact.field("external_id").unwrap().unique && !contact.field("tags").unwrap().writable);
    let company = workspace.desk.describe("company").await.unwrap();
    assert_eq!(company.field("custom_attributes.tier").unwrap().length, Some(255));
    assert!(workspace.desk.describe("opportunity").await.unwrap_err().advice.contains("conversation"));
    let groups = workspace.desk.groups(false).await.unwrap();
    assert_eq!(groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["Support", "Enterprise Support", "Pro Support"]);
}

#[tokio::test]
async fn all_rows_are_read_page_by_page() {
    let workspace = Workspace::open();
    let contacts: Vec<String> = (0..310).map(|at| workspace.contact("Ann", &format!("ann{at}@acme.example"))).collect();
    let companies: Vec<String> = (0..230).map(|at| workspace.company(&format!("acc_{at}"), "Acme")).collect();
    let (looks, _) = workspace.read_on(&spec("contact", &["name"]), None).await;
    let mut read = ids(&looks);
    read.sort_unstable();
    assert_eq!(read, contacts);
    assert_eq!(workspace.calls("GET contacts"), 3);
    let (looks, _) = workspace.read_on(&spec("company", &["name"]), None).await;
    assert_eq!(ids(&looks), companies);
    assert_eq!(workspace.calls("GET companies/scroll"), 4, "three pages and the empty one that ends it");
}
