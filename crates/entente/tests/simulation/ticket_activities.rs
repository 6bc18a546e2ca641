//! What is said on tickets, as activities of the customer: kept where the setting says so, read and never written, no context of sales, and forgotten
//! with the person.

use std::collections::BTreeMap;

use entente_engine::flaws::Flaws;
use entente_engine::privacy::ask::{ErasureRequest, ask};
use entente_engine::reconcile::{Scope, finish, scan};
use entente_engine::records::undo::{UndoRequest, undo};
use entente_engine::sync::resync::{self, resync};
use entente_model::value::{Value, get};
use entente_store::{Changes, Record, RecordQuery, RecordState, Viewer};
use serde_json::json;

use crate::hub::{Hub, ZENDESK, fields, seed_customer};

fn person() -> Viewer {
    Viewer::new("olga", "admin")
}

async fn activities(hub: &Hub, state: RecordState) -> Vec<Record> {
    let query = RecordQuery { object: Some("activity".to_owned()), state: Some(state), ..RecordQuery::default() };
    hub.store.read(move |tx| tx.list_records(&Viewer::system(), &query, 50)).await.unwrap().records
}

/// Activities by what is said in them.
async fn said(hub: &Hub) -> BTreeMap<String, Record> {
    activities(hub, RecordState::Active).await.into_iter().map(|record| (get(&record.data, "body").display(), record)).collect()
}

fn shown(record: &Record, field: &str) -> String {
    get(&record.data, field).display()
}

/// A customer, and a ticket on which they, an agent and a colleague of the agent have said something.
struct Scene {
    hub: Hub,
    account: String,
    user: u64,
    ticket: u64,
}

async fn scene(seed: u64, is_on: bool) -> Scene {
    let mut hub = Hub::new(seed, Flaws::none()).await;
    hub.options.ticket_activities = is_on;
    hub.restart().await;
    let (account, contacts) = seed_customer(&hub, "Initech", &[("Grace", "Hopper", "grace@initech.example")]);
    hub.run_for(40).await;
    let user = hub.salesforce.get("Contact", &contacts[0]).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
    let ticket = json!({ "subject": "The printer", "requester_id": user, "comment": { "body": "It does not print, says Grace Hopper" } });
    let ticket = hub.zendesk.create_ticket(&fields(ticket), user).unwrap();
    let agent = hub.agent();
    hub.zendesk.add_comment(ticket, "Is it plugged in?", true, agent).unwrap();
    hub.zendesk.add_comment(ticket, "They always forget the plug", false, agent).unwrap();
    let call = json!({ "from": "+14155550100", "to": "+14155550101", "started_at": "2026-01-05T09:30:00Z", "call_duration": 40,
        "transcription_text": "Grace found the plug", "author_id": agent });
    hub.zendesk.add_call(ticket, call, agent).unwrap();
    hub.run_for(40).await;
    Scene { hub, account, user, ticket }
}

fn context(hub: &Hub, account: &str) -> String {
    let organization: u64 = hub.salesforce.get("Account", account).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
    let shown = hub.zendesk.organization(organization).unwrap()["organization_fields"].clone();
    shown["sales_context"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_reply_a_note_and_a_call_are_activities_of_their_customer_and_of_their_case() {
    let Scene { mut hub, account, ticket, .. } = scene(61, true).await;
    let said = said(&hub).await;
    let kinds: BTreeMap<&str, String> = said.iter().map(|(body, record)| (body.as_str(), shown(record, "kind"))).collect();
    let call = said.keys().find(|body| body.contains("Transcription: Grace found the plug")).unwrap_or_else(|| panic!("{kinds:?}"));
    assert_eq!(
        kinds,
        BTreeMap::from([
            ("It does not print, says Grace Hopper", "reply".to_owned()),
            ("Is it plugged in?", "reply".to_owned()),
            ("They always forget the plug", "note".to_owned()),
            (call.as_str(), "call".to_owned()),
        ])
    );
    let agent = hub.zendesk.agents().into_iter().find(|agent| agent.id == hub.agent()).unwrap().name;
    let reply = &said["Is it plugged in?"];
    assert_eq!(
        [shown(reply, "subject"), shown(reply, "owner_name"), shown(reply, "done_on")],
        ["The printer", agent.as_str(), "2026-01-05"]
    );
    let mut linked = Vec::new();
    for field in ["contact", "account", "case"] {
        let Value::Ref(id) = get(&reply.data, field).clone() else { panic!("{field}: {:?}", reply.data) };
        let record = hub.store.read(move |tx| tx.record(&Viewer::system(), &id)).await.unwrap().unwrap();
        linked.push(["last_name", "name", "number"].map(|name| shown(&record, name)).concat());
    }
    assert_eq!(linked, ["Hopper", "Initech", &ticket.to_string()]);

    // It is read and written nowhere: no activity at the CRM beside the ticket's own, and no sales context at the desk.
    let mut tasks = 0;
    hub.salesforce.each("Task", &mut |_, _| tasks += 1);
    assert_eq!((tasks, context(&hub, &account)), (1, String::new()));
    let call =
        json!({ "Subject": "Check-in", "TaskSubtype": "Call", "Status": "Completed", "WhatId": account, "ActivityDate": "2026-01-04" });
    hub.salesforce.insert("Task", &fields(call), &hub.rep()).unwrap();
    hub.run_for(40).await;
    let told = context(&hub, &account);
    assert!(told.contains("2026-01-04 Call: Check-in") && !told.contains("plug") && told.lines().count() == 1, "{told}");

    // Nothing of it can be changed from here.
    let request = UndoRequest { record: Some(reply.id.to_string()), ..UndoRequest::default() };
    let plan = undo(&hub.engine, &person(), &request, false, &|_| {}).await;
    assert!(plan.as_ref().map_or(true, |plan| plan.restored == 0), "{plan:?}");
    assert_eq!(hub.zendesk.comments(ticket).len(), 4);
}

#[tokio::test]
async fn a_reply_that_becomes_a_note_is_one_and_cannot_be_made_a_reply_from_here() {
    let Scene { mut hub, ticket, .. } = scene(62, true).await;
    let comment =
        hub.zendesk.comments(ticket).iter().find(|comment| comment["body"] == "Is it plugged in?").unwrap()["id"].as_u64().unwrap();
    hub.zendesk.hide_comment(ticket, comment, hub.agent()).unwrap();
    hub.run_for(40).await;
    let hidden = said(&hub).await["Is it plugged in?"].clone();
    assert_eq!(shown(&hidden, "kind"), "note");
    let request = UndoRequest { record: Some(hidden.id.to_string()), ..UndoRequest::default() };
    let undone = undo(&hub.engine, &person(), &request, true, &|_| {}).await.unwrap();
    assert!(undone.restored == 0 && undone.items[0].impossible[0].reason.contains("only reads it"), "{undone:?}");
    assert_eq!(shown(&said(&hub).await["Is it plugged in?"], "kind"), "note");
}

#[tokio::test]
async fn where_the_setting_is_off_nobody_reads_what_is_said() {
    let Scene { mut hub, .. } = scene(63, false).await;
    assert!(hub.engine.catalog().mapped(ZENDESK, "activity").is_none());
    assert!(activities(&hub, RecordState::Active).await.is_empty());
    let calls = |hub: &Hub| hub.zendesk.calls().by_route.keys().filter(|path| path.contains("ticket_events")).count();
    assert_eq!(calls(&hub), 0);
    hub.options.ticket_activities = true;
    hub.restart().await;
    hub.run_for(40).await;
    assert_eq!(activities(&hub, RecordState::Active).await.len(), 4, "what was said before is read as well: {}", hub.backlog().await);
    hub.options.ticket_activities = false;
    hub.restart().await;
    assert!(hub.engine.catalog().mapped(ZENDESK, "activity").is_none(), "the shipped mapping goes with the setting");
}

#[tokio::test]
async fn a_reconciliation_finds_them_equal_and_takes_what_no_poll_tells_of() {
    let Scene { mut hub, ticket, .. } = scene(64, true).await;
    let found = |scan: &entente_engine::reconcile::Scan| {
        scan.found().iter().map(|found| (found.object.clone(), found.field.clone())).collect::<Vec<_>>()
    };
    let scanned = scan(&hub.engine, &Scope::default(), true, "a test", &|_, _, _| {}, &|| false).await.unwrap();
    assert_eq!(found(&scanned), []);
    finish(&hub.engine, scanned).await.unwrap();
    hub.zendesk.update_ticket(ticket, &fields(json!({ "subject": "The plug" })), hub.agent()).unwrap();
    hub.run_for(40).await;
    assert_eq!(shown(&said(&hub).await["Is it plugged in?"], "subject"), "The printer", "the subject is the ticket's");
    let scanned = scan(&hub.engine, &Scope::default(), true, "a test", &|_, _, _| {}, &|| false).await.unwrap();
    assert_eq!(found(&scanned), vec![("activity".to_owned(), Some("subject".to_owned())); 4]);
    hub.run_for(3).await;
    finish(&hub.engine, scanned).await.unwrap();
    assert!(said(&hub).await.values().all(|record| shown(record, "subject") == "The plug"));

    hub.zendesk.delete_ticket(ticket, hub.agent()).unwrap();
    let scanned = scan(&hub.engine, &Scope::default(), true, "a test", &|_, _, _| {}, &|| false).await.unwrap();
    hub.run_for(3).await;
    finish(&hub.engine, scanned).await.unwrap();
    assert!(said(&hub).await.is_empty(), "what is said on a ticket goes with it: {}", hub.backlog().await);
}

#[tokio::test]
async fn whoever_is_erased_is_forgotten_in_what_was_said_as_well_and_it_does_not_come_back() {
    let Scene { mut hub, user, ticket, .. } = scene(65, true).await;
    assert_eq!(activities(&hub, RecordState::Active).await.len(), 4);
    ask(&hub.engine, &person(), &ErasureRequest { who: "grace@initech.example".to_owned() }, "cli").await.unwrap();
    hub.run_for(180).await;
    let told = hub.store.read(|tx| tx.erasures(&Viewer::system(), None, 10, None)).await.unwrap();
    assert!(format!("{told:?}").contains("a call keeps its numbers, recording and transcription"), "{told:?}");
    for round in ["erased", "polled", "read again"] {
        // What a call keeps beside its words is an admin's to delete: the answer says so.
        let mut comments = hub.zendesk.comments(ticket);
        comments.iter_mut().for_each(|comment| drop(comment.remove("data")));
        let words = format!("{comments:?} {:?}", hub.zendesk.user(user));
        assert!(!words.contains("Grace") && !words.contains("plug"), "{round}: {words}\n{told:?}");
        assert!(said(&hub).await.is_empty(), "{round}");
        let erased = activities(&hub, RecordState::Erased).await;
        assert!(erased.len() == 4 && erased.iter().all(|record| record.data.is_empty()), "{round}: {erased:?}");
        if round == "polled" {
            resync(&hub.engine, &resync::Scope::Everything).await.unwrap();
        }
        hub.run_for(40).await;
    }
    assert!(hub.store.read(|tx| tx.dead_letter_counts()).await.unwrap().is_empty(), "{}", hub.backlog().await);
}

/// Somebody of another customer, known everywhere, with the id at the desk.
async fn stranger(hub: &mut Hub) -> u64 {
    let (_, contacts) = seed_customer(hub, "Globex", &[("Ada", "Lovelace", "ada@globex.example")]);
    hub.run_for(40).await;
    hub.salesforce.get("Contact", &contacts[0]).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap()
}

/// What the last name of the customer is who wrote something; blank where an agent did.
async fn written_by(hub: &Hub, record: &Record) -> String {
    let Value::Ref(author) = get(&record.data, "author").clone() else { return String::new() };
    let author = hub.store.read(move |tx| tx.record(&Viewer::system(), &author)).await.unwrap().unwrap();
    shown(&author, "last_name")
}

async fn is_readable(hub: &Hub, record: &Record) -> bool {
    let id = record.id.clone();
    let history = hub.store.read(move |tx| tx.history(&Viewer::system(), &id, 50, None)).await.unwrap();
    history.iter().any(|entry| matches!(&entry.changes, Changes::Open(changes) if changes.contains_key("body")))
}

#[tokio::test]
async fn what_somebody_wrote_on_the_ticket_of_somebody_else_is_erased_with_them_and_the_rest_of_it_stays() {
    let Scene { mut hub, ticket, .. } = scene(66, true).await;
    let ada = stranger(&mut hub).await;
    hub.zendesk.add_comment(ticket, "Mine neither, says Ada Lovelace", true, ada).unwrap();
    hub.run_for(40).await;
    let before = said(&hub).await;
    let hers = before["Mine neither, says Ada Lovelace"].clone();
    let mut authors = BTreeMap::new();
    for (body, record) in before.iter().filter(|(body, _)| !body.contains("Transcription")) {
        authors.insert(body.as_str(), written_by(&hub, record).await);
    }
    assert_eq!(
        authors,
        BTreeMap::from([
            ("It does not print, says Grace Hopper", "Hopper".to_owned()),
            ("Is it plugged in?", String::new()),
            ("They always forget the plug", String::new()),
            ("Mine neither, says Ada Lovelace", "Lovelace".to_owned()),
        ])
    );
    assert!(is_readable(&hub, &hers).await);

    ask(&hub.engine, &person(), &ErasureRequest { who: "ada@globex.example".to_owned() }, "cli").await.unwrap();
    hub.run_for(180).await;
    for round in ["erased", "read again"] {
        let words = format!("{:?}", hub.zendesk.comments(ticket));
        assert!(!words.contains("Ada Lovelace") && words.contains("Grace Hopper"), "{round}: {words}");
        let left = said(&hub).await;
        assert_eq!(left.len(), 4, "{round}: {left:?}");
        let erased = activities(&hub, RecordState::Erased).await;
        assert!(erased.len() == 1 && erased[0].id == hers.id && erased[0].data.is_empty(), "{round}: {erased:?}");
        assert!(!is_readable(&hub, &hers).await, "{round}: the ledger still tells of it");
        assert!(is_readable(&hub, &left["It does not print, says Grace Hopper"]).await, "{round}");
        resync(&hub.engine, &resync::Scope::Everything).await.unwrap();
        hub.run_for(40).await;
    }
    // And whose ticket it is takes the rest along.
    ask(&hub.engine, &person(), &ErasureRequest { who: "grace@initech.example".to_owned() }, "cli").await.unwrap();
    hub.run_for(180).await;
    assert!(said(&hub).await.is_empty());
    assert!(hub.store.read(|tx| tx.dead_letter_counts()).await.unwrap().is_empty(), "{}", hub.backlog().await);
}

#[tokio::test]
async fn what_a_user_wrote_who_was_merged_away_is_the_one_s_who_stays() {
    let Scene { mut hub, ticket, .. } = scene(67, true).await;
    let ada = stranger(&mut hub).await;
    let agent = hub.agent();
    let other = json!({ "name": "Ada Byron", "email": "byron@elsewhere.example", "verified": true });
    let other = hub.zendesk.create_user(&fields(other), agent).unwrap();
    hub.run_for(40).await;
    hub.zendesk.add_comment(ticket, "Mine neither, says Ada", true, other).unwrap();
    hub.run_for(40).await;
    assert_eq!(written_by(&hub, &said(&hub).await["Mine neither, says Ada"]).await, "Byron");
    hub.zendesk.merge_users(other, ada, agent).unwrap();
    hub.run_for(40).await;
    let scanned = scan(&hub.engine, &Scope::default(), true, "a test", &|_, _, _| {}, &|| false).await.unwrap();
    let found = format!("{:?}", scanned.found());
    hub.run_for(3).await;
    finish(&hub.engine, scanned).await.unwrap();
    let theirs = said(&hub).await["Mine neither, says Ada"].clone();
    assert_eq!(written_by(&hub, &theirs).await, "Lovelace", "Zendesk goes on naming the user who is no more: {found}");

    ask(&hub.engine, &person(), &ErasureRequest { who: "ada@globex.example".to_owned() }, "cli").await.unwrap();
    hub.run_for(180).await;
    assert!(!format!("{:?}", hub.zendesk.comments(ticket)).contains("says Ada"));
    assert!(!is_readable(&hub, &theirs).await);
}
