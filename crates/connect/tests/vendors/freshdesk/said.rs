//! What is said on tickets, read as rows of its own.

use std::collections::BTreeMap;

use entente_connect::connector::Priority;
use entente_connect::erase::{Erase, Manner};
use entente_connect::error::Class;
use entente_connect::look::{Existence, Find, Look, ReadSpec};
use entente_model::actor::Actor;
use entente_sims::freshdesk::Kind;
use serde_json::{Value, json};

use super::account::{Account, target};
use crate::stage::rows::{create, map, spec};

const FIELDS: &[&str] =
    &["kind", "private", "body", "ticket_id", "author.name", "author.customer_id", "ticket.subject", "ticket.requester_id"];

fn said() -> ReadSpec {
    spec("conversation", FIELDS)
}

fn by_body(looks: &[Look]) -> BTreeMap<String, &Look> {
    looks.iter().map(|look| (look.row.get("body").and_then(Value::as_str).unwrap_or_default().to_owned(), look)).collect()
}

/// A ticket with its number and its requester.
fn ticket(account: &Account, subject: &str) -> (u64, u64) {
    let id = account.ticket(subject);
    (id.parse().unwrap(), account.row(Kind::Ticket, &id)["requester_id"].as_u64().unwrap())
}

/// Changed tickets are found by the list, and each costs a call.
fn calls(account: &Account) -> (u64, u64) {
    let of = |part: &str| account.sim.calls().by_route.iter().filter(|(route, _)| route.contains(part)).map(|(_, many)| *many).sum();
    (of("conversations"), account.sim.calls().total)
}

#[tokio::test]
async fn replies_and_notes_are_shown_with_their_ticket_and_their_author_and_only_changed_tickets_are_asked_for() {
    let account = Account::open();
    let agent = account.sim.agents()[1].clone();
    let ((one, asker), (other, _)) = (ticket(&account, "The printer"), ticket(&account, "The scanner"));
    account.pass(120);
    account.sim.reply(one, "Is it plugged in?", agent.id, false).unwrap();
    account.sim.reply(one, "They always forget the plug", agent.id, true).unwrap();
    account.sim.reply(one, "It is not", asker, false).unwrap();
    account.sim.reply(other, "We look into it", agent.id, false).unwrap();
    account.pass(120);
    let (looks, cursor) = account.read_on(&said(), None).await;
    let shown = by_body(&looks);
    assert_eq!(
        shown.keys().map(String::as_str).collect::<Vec<_>>(),
        ["Is it plugged in?", "It is not", "They always forget the plug", "We look into it"]
    );
    let asker_name = account.row(Kind::Contact, &asker.to_string())["name"].clone();
    assert_eq!(
        Value::Object(shown["It is not"].row.clone()),
        json!({"kind": "reply", "private": false, "body": "It is not", "ticket_id": one.to_string(), "author.name": asker_name,
               "author.customer_id": asker.to_string(), "ticket.subject": "The printer", "ticket.requester_id": asker.to_string()})
    );
    let note = shown["They always forget the plug"];
    assert_eq!((&note.row["kind"], &note.row["private"], &note.row["author.name"]), (&json!("note"), &json!(true), &json!(agent.name)));
    assert_eq!(note.row["author.customer_id"], Value::Null, "agents are nobody's customers");
    assert_eq!([shown["It is not"].mark.by, note.mark.by], [Actor::Customer, Actor::Support]);
    assert!(looks.iter().all(|look| look.complete && look.id.starts_with(&format!("{}-", look.row["ticket_id"].as_str().unwrap()))));

    account.pass(600);
    account.sim.reply(other, "It is on its way", agent.id, false).unwrap();
    account.pass(120);
    let (before, _) = calls(&account);
    let (news, _) = account.read_on(&said(), Some(cursor)).await;
    let of_the_other = json!(other.to_string());
    assert!(by_body(&news).contains_key("It is on its way") && news.iter().all(|look| look.row["ticket_id"] == of_the_other));
    assert_eq!(calls(&account).0 - before, 1, "a call for the ticket that changed");
}

#[tokio::test]
async fn every_ticket_is_walked_whatever_stamps_they_have() {
    let account = Account::open();
    let agent = account.sim.agents()[1].id;
    for n in 0..45 {
        let (ticket, _) = ticket(&account, &format!("T {n}"));
        account.sim.reply(ticket, &format!("R {n}"), agent, false).unwrap();
    }
    account.pass(120);
    let (looks, _) = account.read_on(&said(), None).await;
    assert_eq!((looks.len(), by_body(&looks).len()), (45, 45), "each once");
}

#[tokio::test]
async fn what_is_gone_is_told_by_a_fetch_and_a_ticket_that_is_set_aside_takes_it_along() {
    let account = Account::open();
    let agent = account.sim.agents()[1].id;
    let (one, _) = ticket(&account, "The printer");
    let (other, _) = ticket(&account, "The scanner");
    account.pass(120);
    let kept = format!("{one}-{}", account.sim.reply(one, "Stays", agent, false).unwrap());
    let gone = format!("{other}-{}", account.sim.reply(other, "Goes", agent, false).unwrap());
    account.sim.delete(Kind::Ticket, other).unwrap();
    let wanted = [gone.clone(), "nonsense".to_owned(), kept.clone(), format!("{one}-1")];
    let looks = account.desk.fetch(&said(), &wanted, Priority::Update).await.unwrap();
    let told: Vec<(&str, bool)> = looks.iter().map(|look| (look.id.as_str(), look.existence == Existence::Present)).collect();
    let last = format!("{one}-1");
    assert_eq!(told, [(gone.as_str(), false), ("nonsense", false), (kept.as_str(), true), (last.as_str(), false)]);
}

#[tokio::test]
async fn it_is_only_read_and_the_note_that_hides_a_checklist_is_nobody_s_word() {
    let account = Account::open();
    let error =
        account.desk.write(&target("conversation"), &[create("act_1", json!({"body": "Hello"}))], Priority::Update).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::Configuration, "read_only"));
    let found = account.desk.find(&said(), &[Find::Name("The printer".to_owned())], "id", Priority::Update).await.unwrap();
    assert_eq!(found, [Vec::new()]);
    let described = account.desk.describe("conversation").await.unwrap();
    assert!(described.fields.iter().all(|field| !field.writable) && FIELDS.iter().all(|name| described.field(name).is_some()));
    let error = account.desk.page(&spec("conversation", &["subject"]), None, Priority::Backfill).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.field.as_deref()), ("unknown_field", Some("subject")));

    let checklist = map(json!({"subject": "Onboarding", "description": "[ ] Welcome call", "internal": true}));
    account.write("ticket", &[create("cas_1", Value::Object(checklist))]).await[0].as_ref().unwrap();
    account.pass(120);
    let (looks, _) = account.read_on(&said(), None).await;
    assert!(looks.iter().all(|look| look.existence == Existence::Deleted), "{looks:?}");
}

#[tokio::test]
async fn what_is_erased_is_deleted() {
    let account = Account::open();
    let agent = account.sim.agents()[1].id;
    let (ticket, _) = ticket(&account, "The printer");
    let said = account.sim.reply(ticket, "Ada found the plug", agent, true).unwrap();
    account.sim.reply(ticket, "Glad to hear", agent, false).unwrap();
    let erase =
        Erase { object: "conversation".to_owned(), id: format!("{ticket}-{said}"), manner: Manner::Anonymise, blank: map(json!({})) };
    let told = [account.desk.erase(&erase, Priority::Urgent).await, account.desk.erase(&erase, Priority::Urgent).await];
    assert_eq!(told.map(|erased| erased.unwrap().done), ["deleted", "was deleted already"]);
    assert_eq!(account.sim.said(ticket), [("Glad to hear".to_owned(), false)]);
}
