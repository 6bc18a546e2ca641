//! Erasures, told to the whole engine between both platforms: from either side, over everything else that goes on, and for good.

use entente_engine::Options;
use entente_engine::flaws::Flaws;
use entente_engine::options::ErasePolicy;
use entente_engine::privacy::ask::{ErasureRequest, ask};
use entente_engine::privacy::certificate::{ErasureCertificate, PlaceName, certify};
use entente_engine::privacy::export::export;
use entente_engine::privacy::requests::{self, Confirmation, ErasureDetail, ErasureQuery};
use entente_engine::privacy::work::RowState;
use entente_engine::records::as_of::record_as_of;
use entente_engine::records::history::{HistoryQuery, history};
use entente_engine::records::undo::{UndoRequest, undo};
use entente_engine::sync::resync::{Scope, resync};
use entente_model::id::RecordId;
use entente_store::{NoticeState, RecordState, RemoteKey, Viewer};
use serde_json::{Map, Value, json};

use crate::hub::{Hub, SALESFORCE, ZENDESK, fields, seed_customer};

fn person() -> Viewer {
    Viewer::new("olga", "admin")
}

/// Ada and Grace of a company in sync, and a ticket of Ada's.
struct Scene {
    hub: Hub,
    account: String,
    ada: String,
    user: u64,
    ticket: u64,
    record: RecordId,
}

async fn scene(seed: u64, options: Option<Options>) -> Scene {
    let mut hub = Hub::new(seed, Flaws::none()).await;
    if let Some(options) = options {
        hub.options = options;
        hub.restart().await;
    }
    let people = [("Ada", "Lovelace", "ada.l@acme.example"), ("Grace", "Hopper", "grace@acme.example")];
    let (account, contacts) = seed_customer(&hub, "Acme", &people);
    hub.run_for(40).await;
    let ada = contacts[0].clone();
    let user = hub.salesforce.get("Contact", &ada).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
    let ticket = json!({ "subject": "Ada cannot print", "requester_id": user, "comment": { "body": "I am Ada Lovelace, call me" } });
    let ticket = hub.zendesk.create_ticket(&fields(ticket), user).unwrap();
    hub.run_for(20).await;
    let key = RemoteKey::new(SALESFORCE, "Contact", &ada);
    let asked = key.clone();
    let record = hub.store.read(move |tx| tx.links_at(std::slice::from_ref(&asked))).await.unwrap()[&key].record.clone();
    assert_eq!(tasks(&hub).iter().filter(|task| task["Subject"].as_str().unwrap().contains("Ada cannot print")).count(), 1);
    Scene { hub, account, ada, user, ticket, record }
}

fn tasks(hub: &Hub) -> Vec<Map<String, Value>> {
    let mut tasks = Vec::new();
    hub.salesforce.each("Task", &mut |_, task| tasks.push(task.clone()));
    tasks
}

fn contacts_of(hub: &Hub, email: &str) -> usize {
    let mut many = 0;
    hub.salesforce.each("Contact", &mut |_, contact| {
        many += usize::from(contact.get("Email").and_then(Value::as_str).is_some_and(|held| held.eq_ignore_ascii_case(email)))
    });
    many
}

async fn erasure(hub: &Hub) -> ErasureDetail {
    let page = requests::list(&hub.engine, &person(), ErasureQuery::default()).await.unwrap();
    assert_eq!(page.items.len(), 1, "{page:?}");
    requests::show(&hub.engine, &person(), &page.items[0].id).await.unwrap()
}

async fn told(hub: &Hub) -> Vec<String> {
    let notices = hub.store.read(|tx| tx.notices(NoticeState::Pending, 100, None)).await.unwrap();
    notices
        .into_iter()
        .map(|one| one.notice)
        .filter(|one| one.recipient == "compliance")
        .map(|one| format!("{}: {}", one.title, one.body))
        .collect()
}

async fn state(hub: &Hub, record: &RecordId) -> RecordState {
    let id = record.clone();
    hub.store.read(move |tx| tx.record(&Viewer::system(), &id)).await.unwrap().unwrap().state
}

/// Nothing of Ada is anywhere but in what cannot be read.
async fn is_forgotten(scene: &Scene) {
    let Scene { hub, ada, user, ticket, record, .. } = scene;
    assert!(hub.salesforce.get("Contact", ada).is_none(), "the CRM's policy is to delete");
    let bin = hub.salesforce.get_deleted("Contact", ada).unwrap();
    assert_eq!((bin.get("FirstName"), bin.get("LastName"), bin.get("Email")), (None, Some(&json!("Erased person")), None), "{bin:?}");
    let desk = hub.zendesk.user(*user).unwrap();
    assert_eq!((&desk["name"], &desk["email"], &desk["phone"]), (&json!("Erased person"), &Value::Null, &Value::Null), "{desk:?}");
    let words = format!("{:?} {:?}", hub.zendesk.ticket(*ticket), hub.zendesk.comments(*ticket));
    assert!(!words.contains("Ada") && !words.contains("Lovelace"), "{words}");
    assert!(!format!("{:?}", tasks(hub)).contains("Ada"), "{:?}", tasks(hub));
    assert_eq!(state(hub, record).await, RecordState::Erased);
    let looks = record_as_of(&hub.engine, &person(), record.as_str(), hub.engine.now()).await.unwrap();
    assert_eq!((looks.state.as_str(), looks.fields.len()), ("erased", 0));
}

#[tokio::test]
async fn whoever_is_marked_in_the_crm_is_erased_everywhere_and_everybody_is_told() {
    let mut scene = scene(81, None).await;
    let hub = &mut scene.hub;
    let rep = hub.rep();
    // Other things go on with the record: a conflict at one instant, and an edit that is on its way.
    hub.salesforce.update("Contact", &scene.ada, &fields(json!({ "Phone": "(415) 555-7001" })), &rep).unwrap();
    hub.zendesk.update_user(scene.user, &fields(json!({ "phone": "+1 415 555 7002" })), hub.agent()).unwrap();
    hub.salesforce.update("Contact", &scene.ada, &fields(json!({ "Erasure_Requested__c": true })), &rep).unwrap();
    hub.run_for(5).await;
    is_forgotten(&scene).await;
    let hub = &mut scene.hub;
    let found = erasure(hub).await;
    assert_eq!((found.erasure.state.as_str(), found.erasure.source.as_str()), ("done", SALESFORCE), "{found:?}");
    assert!(found.erasure.scrubbed_at.is_some() && found.answers.iter().all(|row| row.state == RowState::Erased), "{found:?}");
    let systems: Vec<(&str, &str)> = found.answers.iter().map(|row| (row.connection.as_str(), row.object.as_str())).collect();
    for system in [(SALESFORCE, "Contact"), (SALESFORCE, "Task"), (ZENDESK, "user"), (ZENDESK, "ticket")] {
        assert!(systems.contains(&system), "{systems:?}");
    }
    let told = told(hub).await;
    assert!(
        told.iter().any(|text| text.starts_with("⚠ Erasure ") && text.contains("salesforce: 2 rows are being deleted"))
            && told.iter().any(|text| text.starts_with("✅ Over: Erasure ")),
        "{told:?}"
    );
    assert!(told.iter().all(|text| !text.contains("ada.l@") && !text.contains("Lovelace")), "notices name nobody: {told:?}");
    assert!(hub.store.read(|tx| tx.dead_letter_counts()).await.unwrap().is_empty(), "{}", hub.backlog().await);

    // What the ledger says of her is that she was erased; the chain holds.
    let past = history(&hub.engine, &person(), scene.record.as_str(), HistoryQuery::default()).await.unwrap();
    assert!(past.items[0].detail.as_deref().unwrap().contains("erased on request") && past.items[1..].iter().any(|entry| entry.erased));
    assert!(matches!(hub.store.verify(|_| {}).await.unwrap(), entente_store::Verdict::Intact(_)));
    let request = UndoRequest {
        record: Some(scene.record.to_string()),
        since: Some(entente_model::clock::Timestamp::UNIX_EPOCH),
        ..UndoRequest::default()
    };
    let undone = undo(&hub.engine, &person(), &request, true, &|_| {}).await.unwrap();
    assert!(undone.restored == 0 && undone.items[0].impossible[0].reason.contains("erased"), "{undone:?}");

    // Her colleague and her company go on.
    hub.salesforce.update("Account", &scene.account, &fields(json!({ "Plan__c": "Enterprise" })), &rep).unwrap();
    hub.run_for(5).await;
    assert_eq!(contacts_of(hub, "grace@acme.example"), 1);
}

#[tokio::test]
async fn nobody_who_was_erased_comes_back_by_webhook_poll_import_or_merge() {
    let mut scene = scene(82, None).await;
    ask(&scene.hub.engine, &person(), &ErasureRequest { who: "ada.l@acme.example".into() }, "api").await.unwrap();
    scene.hub.run_for(5).await;
    is_forgotten(&scene).await;
    let before = scene.hub.store.read(|tx| tx.record_counts(&Viewer::system())).await.unwrap();
    let hub = &mut scene.hub;
    let (rep, agent) = (hub.rep(), hub.agent());
    let back = json!({ "FirstName": "Ada", "LastName": "King", "Email": "ADA.L@acme.example", "AccountId": scene.account });
    let back = hub.salesforce.insert("Contact", &fields(back), &rep).unwrap();
    let caller = json!({ "name": "Ada Again", "email": "ada.l@acme.example" });
    let caller = hub.zendesk.create_user(&fields(caller), agent).unwrap();
    let ticket = json!({ "subject": "It is Ada once more", "requester_id": caller, "comment": { "body": "Hello" } });
    hub.run_for(20).await;
    hub.zendesk.create_ticket(&fields(ticket), caller).unwrap();
    // Everything is read again, as an import would.
    resync(&hub.engine, &Scope::Everything).await.unwrap();
    hub.run_for(40).await;
    assert_eq!(contacts_of(hub, "ada.l@acme.example"), 1, "hers, made by a person at the CRM, and none of ours");
    assert!(hub.zendesk.user(caller).unwrap()["external_id"].is_null(), "nobody linked it");
    let after = hub.store.read(|tx| tx.record_counts(&Viewer::system())).await.unwrap();
    assert_eq!(before.get("contact"), after.get("contact"), "{after:?}");
    assert_eq!(before.get("case"), after.get("case"), "{after:?}");
    let found = erasure(hub).await;
    assert!(
        found.seen_again.iter().any(|seen| seen.id == back) && found.seen_again.iter().any(|seen| seen.id == caller.to_string()),
        "{found:?}"
    );
    assert!(told(hub).await.iter().any(|text| text.contains("turned up at zendesk")));

    // A merge into her row is not followed either: her colleague's record does not become hers.
    let mut colleague = None;
    hub.salesforce.each("Contact", &mut |id, contact| {
        if contact.get("Email") == Some(&json!("grace@acme.example")) {
            colleague = Some(id.to_owned())
        }
    });
    hub.salesforce.merge("Contact", &back, &[&colleague.unwrap()], &rep).unwrap();
    hub.run_for(40).await;
    let hits =
        hub.store.read(|tx| tx.match_records("contact", &[entente_store::MatchKey::new("email", "ada.l@acme.example")])).await.unwrap();
    assert!(hits.is_empty(), "{hits:?}");

    // She has become a customer again, of her own will: a person lets her in.
    requests::unblock(&hub.engine, &person(), &found.erasure.id).await.unwrap();
    hub.salesforce.update("Contact", &back, &fields(json!({ "Title": "Countess" })), &rep).unwrap();
    hub.run_for(40).await;
    let hits =
        hub.store.read(|tx| tx.match_records("contact", &[entente_store::MatchKey::new("email", "ada.l@acme.example")])).await.unwrap();
    assert_eq!(hits.len(), 1, "{}", hub.backlog().await);
}

#[tokio::test]
async fn whoever_the_desk_erased_by_its_own_means_is_erased_in_the_crm_and_not_renamed_there() {
    let mut scene = scene(83, None).await;
    let agent = scene.hub.agent();
    scene.hub.zendesk.delete_ticket(scene.ticket, agent).unwrap();
    scene.hub.zendesk.delete_user(scene.user, agent).unwrap();
    scene.hub.zendesk.erase_user(scene.user, agent).unwrap();
    scene.hub.run_for(40).await;
    assert!(scene.hub.salesforce.get("Contact", &scene.ada).is_none(), "{}", scene.hub.backlog().await);
    let bin = scene.hub.salesforce.get_deleted("Contact", &scene.ada).unwrap();
    assert_eq!(bin["LastName"], "Erased person", "not `Permanently Deleted User`: {bin:?}");
    assert_eq!(erasure(&scene.hub).await.erasure.source, ZENDESK);
    assert_eq!(state(&scene.hub, &scene.record).await, RecordState::Erased);
}

#[tokio::test]
async fn what_was_deleted_and_is_out_of_the_bin_again_is_found_a_month_later_and_erased_again() {
    let options = Options { erase_recheck_days: 1, ..Options::default() };
    let mut scene = scene(84, Some(options)).await;
    ask(&scene.hub.engine, &person(), &ErasureRequest { who: scene.record.to_string() }, "cli").await.unwrap();
    scene.hub.run_for(5).await;
    is_forgotten(&scene).await;
    assert!(erasure(&scene.hub).await.erasure.rechecked_at.is_none());
    let rep = scene.hub.rep();
    scene.hub.salesforce.undelete("Contact", &scene.ada, &rep).unwrap();
    scene.hub.run_for(25 * 60).await;
    is_forgotten(&scene).await;
    let found = erasure(&scene.hub).await;
    assert!(found.erasure.rechecked_at.is_some() && found.erasure.state == "done", "{found:?}");
    assert!(found.seen_again.iter().any(|seen| seen.what.contains("is back")), "{found:?}");
}

#[tokio::test]
async fn the_policy_of_each_connection_holds_and_what_only_people_can_do_waits_for_them() {
    let erase = [(SALESFORCE.to_owned(), ErasePolicy::Anonymise), (ZENDESK.to_owned(), ErasePolicy::Delete)].into();
    let options = Options { erase, ..Options::default() };
    let mut scene = scene(85, Some(options)).await;
    let rep = scene.hub.rep();
    // Somebody has written her name into the company's record.
    scene
        .hub
        .salesforce
        .update("Account", &scene.account, &fields(json!({ "Billing_Contact__c": "Ada Lovelace, 2nd floor" })), &rep)
        .unwrap();
    scene.hub.run_for(5).await;
    let exported = export(&scene.hub.engine, &person(), "ada.l@acme.example").await.unwrap();
    let values: Vec<&str> = exported.records[0].values.iter().map(|value| value.text.as_str()).collect();
    assert!(values.contains(&"ada.l@acme.example") && exported.records.iter().any(|record| record.object == "case"), "{exported:?}");
    assert!(exported.records[0].counterparts.len() == 2 && !exported.records[0].history.is_empty());

    let asked = ask(&scene.hub.engine, &person(), &ErasureRequest { who: format!("salesforce/{}", scene.ada) }, "cli").await.unwrap();
    assert!(asked.flags[0].what.contains("Billing contact"), "{asked:?}");
    scene.hub.run_for(5).await;
    let crm = scene.hub.salesforce.get("Contact", &scene.ada).unwrap();
    assert_eq!((crm.get("LastName"), crm.get("FirstName"), crm.get("Email")), (Some(&json!("Erased person")), None, None), "{crm:?}");
    let desk = scene.hub.zendesk.user(scene.user).unwrap();
    assert_eq!((&desk["name"], &desk["active"]), (&json!("Permanently Deleted User"), &json!(false)), "{desk:?}");
    let found = erasure(&scene.hub).await;
    assert_eq!(found.erasure.state, "people", "{found:?}");
    let certificate = certify(&scene.hub.engine, &person(), &found.erasure.id).await.unwrap();
    assert!(!certificate.statement.complete);
    let confirmed = requests::confirm(&scene.hub.engine, &person(), &found.erasure.id, &Confirmation { flag: 1 }).await.unwrap();
    assert_eq!(confirmed.erasure.state, "done");
    let certificate = certify(&scene.hub.engine, &person(), &found.erasure.id).await.unwrap();
    let statement = &certificate.statement;
    let files = statement.places.iter().find(|place| place.place == PlaceName::DatabaseFiles).unwrap();
    assert!(statement.complete && files.done_at.is_some() && files.done_at == statement.scrubbed_at, "{statement:?}");
    let text = serde_json::to_vec(&certificate).unwrap();
    assert!(ErasureCertificate::read(&text).unwrap().statement.complete);
    assert!(!String::from_utf8(text.clone()).unwrap().contains("Ada"));
    let forged = String::from_utf8(text).unwrap().replace("\"complete\":true", "\"complete\":false");
    assert!(ErasureCertificate::read(forged.as_bytes()).unwrap_err().to_string().contains("changed after it was signed"));
    assert!(export(&scene.hub.engine, &person(), scene.record.as_str()).await.is_err(), "there is nothing to give");
}

#[tokio::test]
async fn no_certificate_is_complete_before_the_files_are_scrubbed() {
    let mut scene = scene(88, None).await;
    let engine = scene.hub.engine.clone();
    let asked = ask(&engine, &person(), &ErasureRequest { who: scene.record.to_string() }, "cli").await.unwrap();
    let id = asked.erasure.id;
    // Every system answers, and webhooks of before are still to be read: they would bring values in again.
    scene.hub.run_for(5).await;
    let delivery = |delivery_id: &str, received_at| entente_store::NewDelivery {
        connection: ZENDESK.to_owned(),
        delivery_id: delivery_id.to_owned(),
        received_at,
        body: br#"{"email":"ada.l@acme.example"}"#.to_vec(),
        headers: Default::default(),
        events: json!([]),
    };
    let complete = async || certify(&engine, &person(), &id).await.unwrap().statement;
    assert!(complete().await.complete, "{:?}", complete().await);
    let late = delivery("late", engine.now());
    scene.hub.store.write(move |tx| tx.deliver(&late)).await.unwrap();
    entente_engine::sync::inbox::take_up(&engine).await.unwrap();
    let again = complete().await;
    assert!(!again.complete && again.scrubbed_at.is_none(), "what came in again is in the files: {again:?}");
    scene.hub.run_for(2).await;
    let again = complete().await;
    assert!(again.complete && again.scrubbed_at.is_some(), "{again:?}");

    let other = ask(&engine, &person(), &ErasureRequest { who: "grace@acme.example".into() }, "cli").await.unwrap();
    let early = delivery("early", engine.now());
    scene.hub.store.write(move |tx| tx.deliver(&early)).await.unwrap();
    let scrub = entente_engine::privacy::schedule::scrub(&engine, true).await.unwrap();
    assert_eq!((scrub.done, scrub.waiting), (0, 1), "a webhook that came in before is to be read first");
    assert!(!certify(&engine, &person(), &other.erasure.id).await.unwrap().statement.complete);
}

#[tokio::test]
async fn a_crash_at_any_moment_of_an_erasure_leaves_nobody_half_erased() {
    for steps in [1, 2, 3, 4, 6, 8, 10, 13, 17, 22, 28] {
        let mut scene = scene(86, None).await;
        let rep = scene.hub.rep();
        scene.hub.salesforce.update("Contact", &scene.ada, &fields(json!({ "Erasure_Requested__c": true })), &rep).unwrap();
        scene.hub.fuse.set(steps);
        scene.hub.run_for(10).await;
        scene.hub.fuse.set(0);
        scene.hub.run_for(10).await;
        is_forgotten(&scene).await;
        assert_eq!(erasure(&scene.hub).await.erasure.state, "done", "after a crash at step {steps}");
    }
}

#[tokio::test]
async fn very_many_marks_at_once_wait_for_a_person() {
    let options = Options { hold_above: 1, ..Options::default() };
    let mut scene = scene(87, Some(options)).await;
    let rep = scene.hub.rep();
    let mut all = Vec::new();
    scene.hub.salesforce.each("Contact", &mut |id, _| all.push(id.to_owned()));
    for contact in &all {
        scene.hub.salesforce.update("Contact", contact, &fields(json!({ "Erasure_Requested__c": true })), &rep).unwrap();
    }
    scene.hub.run_for(5).await;
    let left = all.iter().filter(|id| scene.hub.salesforce.get("Contact", id).is_some()).count();
    assert_eq!(left, 1, "one passes, the other waits");
    let letters = scene.hub.store.read(|tx| tx.dead_letters(&Viewer::system(), &Default::default(), 10)).await.unwrap();
    assert!(letters.iter().any(|letter| letter.letter.error_code == "many_erasures"), "{letters:?}");
}
