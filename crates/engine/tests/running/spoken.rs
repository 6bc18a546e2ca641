//! What is said on tickets, as activities of the customer.

use entente_engine::Engine;
use entente_engine::automation::follow;
use entente_engine::privacy::ask::{ErasureRequest, ask};
use entente_engine::privacy::schedule::tick;
use entente_engine::records::undo::{UndoRequest, undo};
use entente_model::value::{Value, get};
use entente_store::{Changes, Record, RecordQuery, RecordState, Viewer};

use crate::house::{CRM, DESK, House, read_all, work_off};

struct Scene {
    house: House,
    engine: Engine,
    account: String,
    reply: String,
}

async fn go_on(house: &House, engine: &Engine) {
    for _ in 0..3 {
        read_all(engine).await;
        work_off(house, engine).await;
        while follow::step(engine, 500).await.unwrap() > 0 {}
        work_off(house, engine).await;
    }
}

/// A customer with a ticket, on which an agent has replied and left a note.
async fn scene(is_on: bool) -> Scene {
    let mut house = House::sqlite().await;
    house.options.ticket_activities = is_on;
    let account = house.customer("Acme");
    let contact = [("FirstName", "Ada"), ("LastName", "Lovelace"), ("Email", "ada@acme.example"), ("AccountId", &account)];
    house.crm.put("Contact", None, &contact);
    let engine = house.engine().await;
    go_on(&house, &engine).await;
    let (user, organization) = (house.desk.ids("user").remove(0), house.desk.ids("organization").remove(0));
    let about = [("requester_id", user.as_str()), ("organization_id", organization.as_str())];
    let ticket = house.desk.put("ticket", None, &[&[("subject", "The printer"), ("status", "open")], &about[..]].concat());
    let said = |kind: &str, body: &str| {
        let of_ticket = [("ticket.requester_id", user.as_str()), ("ticket.organization_id", organization.as_str())];
        let own = [("kind", kind), ("body", body), ("ticket_id", ticket.as_str()), ("ticket.subject", "The printer")];
        let rest = [("author.name", "Cora"), ("created_at", "2026-01-05T10:00:00Z")];
        house.desk.put("ticket_comment", None, &[&own[..], &of_ticket, &rest].concat())
    };
    let reply = said("reply", "Is it plugged in, Ada Lovelace?");
    said("note", "They always forget the plug");
    go_on(&house, &engine).await;
    Scene { house, engine, account, reply }
}

impl Scene {
    async fn activities(&self, state: RecordState) -> Vec<Record> {
        let query = RecordQuery { object: Some("activity".to_owned()), state: Some(state), ..RecordQuery::default() };
        self.house.store.read(move |tx| tx.list_records(&Viewer::system(), &query, 50)).await.unwrap().records
    }

    async fn said(&self, kind: &str) -> Record {
        let mut found = self.activities(RecordState::Active).await;
        found.retain(|record| shown(record, "kind") == kind);
        assert_eq!(found.len(), 1, "{kind}: {found:?}");
        found.remove(0)
    }

    fn context(&self) -> String {
        let organization = self.house.desk.ids("organization").remove(0);
        let row = self.house.desk.row("organization", &organization).unwrap();
        row.get("organization_fields.sales_context").and_then(|text| text.as_str()).unwrap_or_default().to_owned()
    }
}

fn shown(record: &Record, field: &str) -> String {
    get(&record.data, field).display()
}

#[tokio::test]
async fn a_reply_is_an_activity_of_its_contact_its_account_and_its_case_and_no_context_of_sales() {
    let scene = scene(true).await;
    let Scene { house, engine, account, reply } = &scene;
    let activity = scene.said("reply").await;
    let told = ["subject", "body", "owner_name", "done_on"].map(|field| shown(&activity, field));
    assert_eq!(told, ["The printer", "Is it plugged in, Ada Lovelace?", "Cora", "2026-01-05"]);
    let mut linked = Vec::new();
    for (field, name) in [("contact", "last_name"), ("account", "name"), ("case", "subject")] {
        let Value::Ref(id) = get(&activity.data, field).clone() else { panic!("{field}: {:?}", activity.data) };
        let record = house.store.read(move |tx| tx.record(&Viewer::system(), &id)).await.unwrap().unwrap();
        linked.push(shown(&record, name));
    }
    assert_eq!(linked, ["Lovelace", "Acme", "The printer"]);
    assert_eq!(shown(&scene.said("note").await, "body"), "They always forget the plug");

    // It is written nowhere: neither to the CRM, nor back to the desk as something that sales did.
    assert_eq!((house.crm.calls("write Activity"), house.desk.calls("write ticket_comment")), (0, 0));
    assert_eq!(scene.context(), "");
    let call = [("Kind", "Call"), ("Subject", "Check-in"), ("AccountId", account.as_str()), ("ActivityDate", "2026-01-04")];
    house.crm.put("Activity", None, &call);
    go_on(house, engine).await;
    assert_eq!(scene.context(), "2026-01-04 Call: Check-in");

    // What the desk says later counts, and nobody can take it back from here.
    house.desk.put("ticket_comment", Some(reply), &[("kind", "note-to-be"), ("body", "Is it on?")]);
    go_on(house, engine).await;
    assert_eq!(shown(&scene.said("note-to-be").await, "body"), "Is it on?");
    let request = UndoRequest { record: Some(activity.id.to_string()), ..UndoRequest::default() };
    let undone = undo(engine, &Viewer::new("olga", "admin"), &request, true, &|_| {}).await.unwrap();
    assert!(undone.restored == 0 && undone.items[0].impossible.iter().any(|one| one.reason.contains("only reads it")), "{undone:?}");
    assert_eq!(scene.context(), "2026-01-04 Call: Check-in", "{}", scene.context());
}

#[tokio::test]
async fn where_the_setting_is_off_nobody_reads_what_is_said() {
    let Scene { mut house, engine, .. } = scene(false).await;
    assert!(engine.catalog().mapped(DESK, "activity").is_none() && engine.catalog().mapped(CRM, "activity").is_some());
    assert_eq!(house.desk.calls("page ticket_comment"), 0);
    house.options.ticket_activities = true;
    assert!(house.engine().await.catalog().mapped(DESK, "activity").is_some());
    house.options.ticket_activities = false;
    assert!(house.engine().await.catalog().mapped(DESK, "activity").is_none(), "the shipped mapping goes with the setting");
}

#[tokio::test]
async fn whoever_is_erased_is_forgotten_in_what_was_said_as_well_and_it_does_not_come_back() {
    let scene = scene(true).await;
    let Scene { house, engine, reply, .. } = &scene;
    assert_eq!(scene.activities(RecordState::Active).await.len(), 2);
    ask(engine, &Viewer::system(), &ErasureRequest { who: "ada@acme.example".to_owned() }, "test").await.unwrap();
    for _ in 0..3 {
        tick(engine, &|| false).await.unwrap();
        go_on(house, engine).await;
    }
    assert!(scene.activities(RecordState::Active).await.is_empty());
    let erased = scene.activities(RecordState::Erased).await;
    assert!(erased.len() == 2 && erased.iter().all(|record| record.data.is_empty()), "{erased:?}");
    let row = house.desk.row("ticket_comment", reply).unwrap();
    assert!(!format!("{row:?}").contains("Ada"), "{row:?}");

    // The row is shown again, with what an agent wrote there since.
    house.desk.put("ticket_comment", Some(reply), &[("body", "Ada Lovelace again")]);
    go_on(house, engine).await;
    assert!(scene.activities(RecordState::Active).await.is_empty());
}

#[tokio::test]
async fn what_somebody_wrote_on_the_ticket_of_somebody_else_goes_with_its_writer_alone() {
    let scene = scene(true).await;
    let Scene { house, engine, .. } = &scene;
    let other = house.customer("Globex");
    let contact = [("FirstName", "Grace"), ("LastName", "Hopper"), ("Email", "grace@globex.example"), ("AccountId", &other)];
    house.crm.put("Contact", None, &contact);
    go_on(house, engine).await;
    let carries = |id: &String| house.desk.row("user", id).unwrap()["email"] == "grace@globex.example";
    let (asker, grace) = (house.desk.ids("user").remove(0), house.desk.ids("user").into_iter().find(carries).unwrap());
    let ticket = house.desk.ids("ticket").remove(0);
    let said = |body: &str, author: &str| {
        let own = [("kind", "reply"), ("body", body), ("ticket_id", ticket.as_str()), ("ticket.subject", "The printer")];
        let rest = [("ticket.requester_id", asker.as_str()), ("author.customer_id", author), ("created_at", "2026-01-05T11:00:00Z")];
        house.desk.put("ticket_comment", None, &[&own[..], &rest].concat())
    };
    let (hers, late) = (said("Mine neither, says Grace", &grace), said("Nor the scanner", &asker));
    go_on(house, engine).await;
    let before = scene.activities(RecordState::Active).await;
    let written = before.iter().find(|record| shown(record, "body").contains("says Grace")).unwrap().clone();
    assert_eq!((before.len(), written.subject.as_str()), (4, written.id.as_str()), "it has a key of its own");

    ask(engine, &Viewer::system(), &ErasureRequest { who: "grace@globex.example".to_owned() }, "test").await.unwrap();
    // Written before, and told of afterwards.
    let told_late = said("It is Grace again", &grace);
    for _ in 0..3 {
        tick(engine, &|| false).await.unwrap();
        go_on(house, engine).await;
    }
    for row in [&hers, &told_late] {
        let row = house.desk.row("ticket_comment", row).unwrap();
        assert!(!format!("{row:?}").contains("Grace"), "{row:?}");
    }
    assert_eq!(house.desk.row("ticket_comment", &late).unwrap()["body"], "Nor the scanner");
    let left: Vec<String> = scene.activities(RecordState::Active).await.iter().map(|record| shown(record, "body")).collect();
    assert!(left.len() == 3 && left.iter().all(|body| !body.contains("Grace")), "{left:?}");
    let erased = scene.activities(RecordState::Erased).await;
    assert!(erased.len() == 1 && erased[0].id == written.id && erased[0].data.is_empty(), "{erased:?}");
    let history = house.store.read(move |tx| tx.history(&Viewer::system(), &written.id, 20, None)).await.unwrap();
    let readable = history.iter().any(|entry| matches!(&entry.changes, Changes::Open(changes) if changes.contains_key("body")));
    assert!(!readable, "the ledger still tells of it: {history:?}");
}
