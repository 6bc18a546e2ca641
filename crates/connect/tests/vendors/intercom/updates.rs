//! Updates of conversations and tickets: what has a place in the row is sent, and nothing else is said to have landed.

use entente_connect::error::VendorError;
use entente_sims::intercom::Kind;
use serde_json::{Value, json};

use super::tickets::{checklist, provisioned};
use super::workspace::{Workspace, settings};
use crate::stage::rows::{create, map, spec, update};

/// A ticket for colleagues and a conversation, both of one company.
struct Cases {
    workspace: Workspace,
    company: String,
    other: String,
    ann: String,
    ticket: String,
    conversation: String,
}

async fn cases() -> Cases {
    let workspace = provisioned(0).await;
    let (company, other) = (workspace.company("acc_1", "Acme"), workspace.company("acc_2", "Bolt"));
    let ticket = workspace.write("conversation", &[create(&workspace.key("cas", 1), checklist(&company))]).await.remove(0).unwrap().id;
    let ann = workspace.contact("Ann", "ann@acme.example");
    workspace.sim.attach(&ann, &company, true).unwrap();
    let conversation = workspace.conversation(&ann, "Help");
    Cases { workspace, company, other, ann, ticket, conversation }
}

impl Cases {
    async fn refused(&self, id: &str, row: Value) -> VendorError {
        self.workspace.write("conversation", &[update(id, row)]).await.remove(0).unwrap_err()
    }

    async fn lands(&self, id: &str, row: Value) {
        self.workspace.write("conversation", &[update(id, row)]).await.remove(0).unwrap();
    }

    async fn shows(&self, id: &str, field: &str) -> Value {
        self.workspace.fetch(&spec("conversation", &[field]), id).await.row[field].clone()
    }

    fn changes(&self) -> u64 {
        self.workspace.calls("PUT conversations/:id") + self.workspace.calls("PUT tickets/:id")
    }
}

fn is_refused(refused: &VendorError, code: &str, field: &str) {
    assert_eq!((refused.class.name(), refused.code.as_str(), refused.field.as_deref()), ("data", code, Some(field)), "{refused}");
}

#[tokio::test]
async fn the_contact_of_neither_form_changes() {
    let cases = cases().await;
    let ben = cases.workspace.contact("Ben", "ben@acme.example");
    let before = cases.changes();
    for id in [&cases.conversation, &cases.ticket] {
        is_refused(&cases.refused(id, json!({"contact_id": ben, "title": "Another"})).await, "immutable_field", "contact_id");
    }
    // What the rows show already is no change.
    cases.lands(&cases.conversation, json!({"contact_id": cases.ann})).await;
    cases.lands(&cases.ticket, json!({"contact_id": null})).await;
    assert_eq!(cases.changes(), before, "nothing was sent, and nothing had to be");
}

#[tokio::test]
async fn neither_form_becomes_internal_or_ceases_to_be() {
    let cases = cases().await;
    let before = cases.changes();
    is_refused(&cases.refused(&cases.conversation, json!({"internal": true})).await, "immutable_field", "internal");
    is_refused(&cases.refused(&cases.ticket, json!({"internal": false})).await, "immutable_field", "internal");
    cases.lands(&cases.conversation, json!({"internal": null})).await;
    cases.lands(&cases.ticket, json!({"internal": true})).await;
    assert_eq!(cases.changes(), before);
}

#[tokio::test]
async fn whom_a_new_ticket_is_given_to_is_no_value_of_a_row() {
    let cases = cases().await;
    for id in [&cases.conversation, &cases.ticket] {
        let refused = cases.refused(id, json!({"requester_agent_email": "ben@acme.example"})).await;
        is_refused(&refused, "immutable_field", "requester_agent_email");
    }
}

#[tokio::test]
async fn a_ticket_s_description_changes_and_what_a_conversation_began_with_does_not() {
    let cases = cases().await;
    cases.lands(&cases.ticket, json!({"description": "[x] one"})).await;
    assert_eq!(cases.shows(&cases.ticket, "description").await, "[x] one");
    let before = cases.changes();
    is_refused(&cases.refused(&cases.conversation, json!({"description": "Hurry"})).await, "immutable_field", "description");
    cases.lands(&cases.conversation, json!({"description": "Help"})).await;
    assert_eq!(cases.changes(), before);
}

#[tokio::test]
async fn the_company_of_both_forms_changes() {
    let cases = cases().await;
    assert_eq!(cases.shows(&cases.conversation, "company_id").await, json!(cases.company), "the contact's");
    for id in [&cases.conversation, &cases.ticket] {
        cases.lands(id, json!({"company_id": cases.other})).await;
        assert_eq!(cases.shows(id, "company_id").await, json!(cases.other));
    }
}

#[tokio::test]
async fn attributes_of_tickets_are_refused_by_conversations() {
    let cases = cases().await;
    let before = cases.changes();
    let refused = cases.refused(&cases.conversation, json!({"ticket_attributes.entente_company": "7"})).await;
    is_refused(&refused, "other_form", "ticket_attributes.entente_company");
    assert_eq!(cases.changes(), before);
    cases.lands(&cases.ticket, json!({"ticket_attributes.entente_company": cases.other})).await;
    assert_eq!(cases.workspace.row(Kind::Ticket, &cases.ticket)["ticket_attributes"]["entente_company"], json!(cases.other));
    // The key alone is left out where nothing could carry it.
    cases.lands(&cases.conversation, json!({"title": "Another", "ticket_attributes.entente_id": "cas_1"})).await;
    assert_eq!(cases.shows(&cases.conversation, "title").await, "Another");
}

#[tokio::test]
async fn attributes_of_conversations_are_refused_by_tickets() {
    let cases = cases().await;
    let attribute = json!({"name": "topic", "data_type": "string"});
    cases.workspace.sim.add_attribute(Kind::Conversation, &map(attribute)).unwrap();
    cases.lands(&cases.conversation, json!({"custom_attributes.topic": "billing"})).await;
    assert_eq!(cases.workspace.row(Kind::Conversation, &cases.conversation)["custom_attributes"]["topic"], "billing");
    let refused = cases.refused(&cases.ticket, json!({"custom_attributes.topic": "billing"})).await;
    is_refused(&refused, "other_form", "custom_attributes.topic");
    // Neither does a new one have them.
    let mut row = checklist(&cases.company);
    row["custom_attributes.topic"] = json!("billing");
    let refused = cases.workspace.write("conversation", &[create(&cases.workspace.key("cas", 2), row)]).await.remove(0).unwrap_err();
    is_refused(&refused, "other_form", "custom_attributes.topic");
}

#[tokio::test]
async fn no_customer_takes_part_in_a_new_ticket_for_colleagues() {
    let cases = cases().await;
    let mut row = checklist(&cases.company);
    row["contact_id"] = json!(cases.ann);
    let refused = cases.workspace.write("conversation", &[create(&cases.workspace.key("cas", 2), row)]).await.remove(0).unwrap_err();
    is_refused(&refused, "no_customer", "contact_id");
    assert_eq!(cases.workspace.sim.rows(Kind::Ticket).len(), 1);
}

#[tokio::test]
async fn capabilities_are_those_of_the_version() {
    for (version, merges, deletions) in [("2.16", true, true), ("2.15", false, false), ("2.14", false, false)] {
        let mut settings = settings();
        settings.api_version = Some(version.to_owned());
        let workspace = Workspace::with(settings, |_| {});
        let known = |object: &str| *workspace.desk.spec().capabilities(object).unwrap();
        assert_eq!(known("contact").merges.reconciliation, merges, "{version}");
        assert_eq!(known("conversation").deletions.poll.is_some(), deletions, "{version}");
        for field in ["company_id", "assignee.name", "team.name"] {
            let detection = known("conversation").of_field(field, false);
            assert!(detection.reconciliation && detection.poll.is_none() && !detection.webhook, "{version}: {field}");
        }
    }
}
