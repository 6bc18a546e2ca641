//! What is said in conversations and on tickets, read as rows of its own.

use std::collections::BTreeMap;

use entente_connect::connector::Priority;
use entente_connect::erase::{Erase, Manner};
use entente_connect::error::Class;
use entente_connect::look::{Existence, Find, Look, ReadSpec};
use entente_model::actor::Actor;
use entente_sims::intercom::Kind;
use serde_json::{Value, json};

use super::workspace::{Workspace, target};
use crate::stage::rows::{create, map, spec};

const FIELDS: &[&str] = &["kind", "body", "conversation_id", "author.type", "author.name", "author.customer_id", "conversation.contact_id"];

fn parts() -> ReadSpec {
    spec("conversation_part", FIELDS)
}

fn by_body(looks: &[Look]) -> BTreeMap<String, &Look> {
    let present = looks.iter().filter(|look| look.existence == Existence::Present);
    present.map(|look| (look.row["body"].as_str().unwrap().to_owned(), look)).collect()
}

fn views(workspace: &Workspace) -> u64 {
    let of = |(route, many): (&String, &u64)| if route.starts_with("GET conversations/") { *many } else { 0 };
    workspace.sim.calls().by_route.iter().map(of).sum()
}

#[tokio::test]
async fn what_people_say_is_shown_and_what_only_happens_is_not() {
    let workspace = Workspace::open();
    let ann = workspace.contact("Ann Lee", "ann@acme.example");
    let admin = workspace.sim.admins()[1].clone();
    let conversation = workspace.conversation(&ann, "It does not print");
    workspace.pass(60);
    workspace.sim.say(&conversation, "Is it plugged in?", &admin.id, false).unwrap();
    workspace.sim.say(&conversation, "They always forget the plug", &admin.id, true).unwrap();
    workspace.sim.say(&conversation, "It is not", &ann, false).unwrap();
    workspace.manage(&conversation, json!({"message_type": "close", "type": "admin"}));
    workspace.pass(600);
    let (looks, cursor) = workspace.read_on(&parts(), None).await;
    let shown = by_body(&looks);
    assert_eq!(shown.keys().map(String::as_str).collect::<Vec<_>>(), ["Is it plugged in?", "It is not", "They always forget the plug"]);
    assert_eq!(
        Value::Object(shown["It is not"].row.clone()),
        json!({"kind": "reply", "body": "It is not", "conversation_id": conversation, "author.type": "user", "author.name": "Ann Lee",
               "author.customer_id": ann, "conversation.contact_id": ann})
    );
    let note = shown["They always forget the plug"];
    assert_eq!((&note.row["kind"], &note.row["author.name"]), (&json!("note"), &json!(admin.name)));
    assert_eq!(note.row["author.customer_id"], Value::Null, "admins are nobody's customers");
    assert_eq!([shown["It is not"].mark.by, note.mark.by], [Actor::Customer, Actor::Support]);
    assert!(looks.iter().all(|look| look.complete && look.id.starts_with(&format!("{conversation}-"))));

    let other = workspace.conversation(&ann, "And another thing");
    workspace.sim.say(&other, "Yes?", &admin.id, false).unwrap();
    workspace.pass(3_600);
    let before = views(&workspace);
    let (news, _) = workspace.read_on(&parts(), Some(cursor)).await;
    assert_eq!(by_body(&news).keys().map(String::as_str).collect::<Vec<_>>(), ["Yes?"]);
    assert_eq!(views(&workspace) - before, 1, "a call for the conversation that changed");
}

#[tokio::test]
async fn tickets_are_read_as_well_and_every_conversation_is_walked_once() {
    let workspace = Workspace::open();
    let ann = workspace.contact("Ann Lee", "ann@acme.example");
    let admin = workspace.sim.admins()[1].id.clone();
    for n in 0..45 {
        let conversation = workspace.conversation(&ann, "Hello");
        workspace.sim.say(&conversation, &format!("Reply {n}"), &admin, false).unwrap();
    }
    let ticket = workspace.conversation(&ann, "It burns");
    let (of_customers, _) = workspace.sim.ticket_types().into_iter().next().unwrap();
    workspace.sim.convert(&ticket, &of_customers).unwrap();
    workspace.sim.say(&ticket, "On the ticket", &admin, false).unwrap();
    workspace.pass(600);
    let (looks, _) = workspace.read_on(&parts(), None).await;
    let said = by_body(&looks);
    assert_eq!(said.len(), 46, "{:?}", said.keys());
    assert_eq!(said["On the ticket"].row["conversation.contact_id"], json!(ann));
}

#[tokio::test]
async fn they_are_only_read() {
    let workspace = Workspace::open();
    let made = workspace.desk.write(&target("conversation_part"), &[create("act_1", json!({"body": "Hello"}))], Priority::Update).await;
    let error = made.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::Configuration, "read_only"));
    let found = workspace.desk.find(&parts(), &[Find::Name("Ann".to_owned())], "id", Priority::Update).await.unwrap();
    assert_eq!(found, [Vec::new()]);
    let described = workspace.desk.describe("conversation_part").await.unwrap();
    assert!(described.fields.iter().all(|field| !field.writable) && FIELDS.iter().all(|name| described.field(name).is_some()));
    let error = workspace.desk.page(&spec("conversation_part", &["title"]), None, Priority::Backfill).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.field.as_deref()), ("unknown_field", Some("title")));
}

#[tokio::test]
async fn what_is_erased_is_redacted_and_what_is_gone_is_told_by_a_fetch() {
    let workspace = Workspace::open();
    let ann = workspace.contact("Ann Lee", "ann@acme.example");
    let admin = workspace.sim.admins()[1].id.clone();
    let (one, other) = (workspace.conversation(&ann, "Hello"), workspace.conversation(&ann, "Hello again"));
    for conversation in [&one, &other] {
        workspace.sim.say(conversation, "Ann found the plug", &admin, true).unwrap();
        workspace.sim.say(conversation, "Glad to hear", &admin, false).unwrap();
    }
    workspace.pass(600);
    let (looks, _) = workspace.read_on(&parts(), None).await;
    let id = |conversation: &str, body: &str| {
        let look = looks.iter().find(|look| look.row["conversation_id"] == conversation && look.row["body"] == body);
        look.unwrap().id.clone()
    };
    let gone = id(&other, "Glad to hear");
    let (named, kept) = (id(&one, "Ann found the plug"), id(&one, "Glad to hear"));
    let erase =
        |id: &str| Erase { object: "conversation_part".to_owned(), id: id.to_owned(), manner: Manner::Anonymise, blank: map(json!({})) };
    assert_eq!(workspace.desk.erase(&erase(&named), Priority::Urgent).await.unwrap().done, "redacted");
    workspace.sim.delete(Kind::Conversation, &other).unwrap();
    assert!(workspace.desk.erase(&erase(&gone), Priority::Urgent).await.unwrap().done.contains("deleted with its conversation"));
    let wanted = [gone.clone(), "nonsense".to_owned(), named.clone(), kept.clone()];
    let looks = workspace.desk.fetch(&parts(), &wanted, Priority::Update).await.unwrap();
    let told: Vec<(&str, bool)> = looks.iter().map(|look| (look.id.as_str(), look.existence == Existence::Present)).collect();
    assert_eq!(told, [(gone.as_str(), false), ("nonsense", false), (named.as_str(), false), (kept.as_str(), true)]);
}
