//! Tickets that Entente opens: for colleagues, once each, whatever the index knows.

use entente_connect::connector::{NewField, Priority};
use entente_connect::look::Find;
use entente_model::mapping::remote::{RemoteField, RemoteKind};
use entente_sims::intercom::Kind;
use serde_json::{Value, json};

use super::workspace::{Workspace, settings, target};
use crate::stage::rows::{create, ids, spec, update};

pub async fn provisioned(index_lag_ms: u64) -> Workspace {
    let workspace = Workspace::with(settings(), |options| options.profile.index_lag_ms = index_lag_ms);
    let field = RemoteField {
        writable: true,
        unique: true,
        length: Some(64),
        ..RemoteField::new(target("conversation").key_field, "Entente id", RemoteKind::Text)
    };
    workspace.desk.create_field(&NewField { object: "conversation".to_owned(), field }).await.unwrap();
    workspace
}

pub fn checklist(company: &str) -> Value {
    json!({"title": "Onboarding: Smith & Sons", "description": "[ ] one\n[ ] two", "internal": true, "company_id": company,
           "requester_agent_email": "Ben@acme.example"})
}

#[tokio::test]
async fn a_checklist_is_a_ticket_of_the_back_office_that_no_customer_takes_part_in() {
    let workspace = provisioned(0).await;
    let company = workspace.company("acc_1", "Smith & Sons");
    let written = workspace.write("conversation", &[create(&workspace.key("cas", 1), checklist(&company))]).await.remove(0).unwrap();
    let ticket = workspace.row(Kind::Ticket, &written.id);
    assert_eq!((&ticket["category"], &ticket["ticket_type"]["name"]), (&json!("Back-office"), &json!("Entente")));
    assert_eq!(ticket["admin_assignee_id"].to_string(), workspace.sim.admins()[2].id);
    let contacts = ticket["contacts"]["contacts"].as_array().unwrap();
    let stand_in = workspace.row(Kind::Contact, contacts[0]["id"].as_str().unwrap());
    assert!(contacts.len() == 1 && stand_in["email"].is_null() && stand_in["external_id"] == "entente-checklists", "{stand_in}");
    let fields = ["title", "description", "internal", "company_id", "contact_id", "state", "assignee.name"];
    let look = workspace.fetch(&spec("conversation", &fields), &written.id).await;
    assert_eq!(
        Value::Object(look.row),
        json!({"title": "Onboarding: Smith & Sons", "description": "[ ] one\n[ ] two", "internal": true, "company_id": company,
               "contact_id": null, "state": "submitted", "assignee.name": "Ben Admin"})
    );
    // Nobody is to be told of the one who stands in.
    let (looks, _) = workspace.read_on(&spec("contact", &["name"]), None).await;
    assert!(looks.is_empty(), "{looks:?}");
    let second = workspace.write("conversation", &[create(&workspace.key("cas", 2), checklist(&company))]).await.remove(0).unwrap();
    assert!(second.id != written.id && workspace.sim.rows(Kind::Contact).len() == 1);
}

#[tokio::test]
async fn a_ticket_whose_creation_was_not_answered_waits_for_the_index_and_is_found() {
    let workspace = provisioned(120_000).await;
    let company = workspace.company("acc_1", "Acme");
    // What is needed beside is there already, so that the fault strikes the ticket.
    workspace.write("conversation", &[create(&workspace.key("cas", 1), checklist(&company))]).await.remove(0).unwrap();
    let writes = [create(&workspace.key("cas", 2), checklist(&company))];
    workspace.line.lose("POST /tickets");
    assert_eq!(workspace.write("conversation", &writes).await.remove(0).unwrap_err().class.name(), "retry");
    assert_eq!(workspace.sim.rows(Kind::Ticket).len(), 2, "it landed");
    let waits = workspace.write("conversation", &writes).await.remove(0).unwrap_err();
    assert_eq!((waits.class.name(), waits.code.as_str()), ("wait", "index_behind"));
    workspace.pass(300);
    let found = workspace.write("conversation", &writes).await.remove(0).unwrap();
    assert_eq!((found.created, workspace.sim.rows(Kind::Ticket).len()), (Some(false), 2));
}

#[tokio::test]
async fn what_an_earlier_process_may_have_made_is_looked_for_once_the_index_knows_it() {
    let workspace = provisioned(120_000).await;
    let company = workspace.company("acc_1", "Acme");
    let old = entente_model::id::RecordId::new("cas", 0x019b_8000_0000_7000_8000_0000_0000_0001).to_string();
    let writes = [create(&old, checklist(&company))];
    let waits = workspace.write("conversation", &writes).await.remove(0).unwrap_err();
    assert_eq!((waits.class.name(), waits.code.as_str()), ("wait", "index_behind"));
    workspace.pass(300);
    let made = workspace.write("conversation", &writes).await.remove(0).unwrap();
    assert_eq!((made.created, workspace.sim.rows(Kind::Ticket).len()), (Some(true), 1));
    workspace.pass(121);
    let read = spec("conversation", &["title"]);
    let found = workspace.desk.find(&read, &[Find::Key(old)], &target("conversation").key_field, Priority::Update).await.unwrap();
    assert_eq!(ids(&found[0]), [made.id.as_str()]);
    assert!(found[0][0].seen_at < workspace.time(), "the index may be behind");
}

#[tokio::test]
async fn titles_are_changed_where_each_form_has_them() {
    let workspace = provisioned(0).await;
    let company = workspace.company("acc_1", "Acme");
    let ticket = workspace.write("conversation", &[create(&workspace.key("cas", 1), checklist(&company))]).await.remove(0).unwrap().id;
    let ann = workspace.contact("Ann", "ann@acme.example");
    let conversation = workspace.conversation(&ann, "Help");
    for id in [&ticket, &conversation] {
        workspace.write("conversation", &[update(id, json!({"title": "Another"}))]).await.remove(0).unwrap();
        assert_eq!(workspace.fetch(&spec("conversation", &["title"]), id).await.row["title"], "Another");
    }
}
