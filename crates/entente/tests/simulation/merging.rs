//! Two rows of one platform that are one customer are merged by that platform, because a person has said so, or because it is certain and nobody
//! needs to be asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use entente_engine::flaws::Flaws;
use entente_engine::records::reviews::certain::merge_certain;
use entente_engine::records::reviews::{self, Review, ReviewQuery};
use entente_engine::records::unmerge::unmerge;
use entente_sims::faults::Fault;
use entente_store::{NewReview, NoticeState, RecordState, Viewer};
use serde_json::{Value, json};

use crate::hub::{Hub, SALESFORCE, ZENDESK, fields, seed_customer};
use crate::unmerging::record_at;

fn petra() -> Viewer {
    Viewer::new("petra", "admin")
}

async fn waiting(hub: &Hub) -> Vec<Review> {
    reviews::list(&hub.engine, &Viewer::system(), ReviewQuery::default()).await.unwrap().items
}

fn support_id(hub: &Hub, contact: &str) -> Option<u64> {
    hub.salesforce.get("Contact", contact)?.get("Support_Id__c").and_then(Value::as_str).and_then(|id| id.parse().ok())
}

fn active_users(hub: &Hub, family: &str) -> Vec<u64> {
    let mut found = Vec::new();
    hub.zendesk.each_user(&mut |id, user| {
        if user["active"] == true && user["name"].as_str().is_some_and(|name| name.contains(family)) {
            found.push(id);
        }
    });
    found
}

async fn state(hub: &Hub, record: &str) -> RecordState {
    let id = record.parse().unwrap();
    hub.store.read(move |tx| tx.record(&Viewer::system(), &id)).await.unwrap().unwrap().state
}

/// Who was told that a customer had been there twice.
async fn told(hub: &Hub) -> Vec<String> {
    let notices = hub.store.read(|tx| tx.notices(NoticeState::Pending, 100, None)).await.unwrap();
    notices.into_iter().filter(|one| one.notice.kind == "duplicates_merged").map(|one| one.notice.recipient).collect()
}

/// Ada with a user at the desk and a ticket, and the same Ada once more in the CRM, a little later and under another address.
async fn ada_twice(seed: u64, again: &str) -> (Hub, String, String, u64) {
    let mut hub = Hub::new(seed, Flaws::none()).await;
    let (account, contacts) = seed_customer(&hub, "Initech", &[("Ada", "Lovelace", "ada@initech.example")]);
    hub.run_for(40).await;
    let user = support_id(&hub, &contacts[0]).unwrap();
    let ticket = json!({ "subject": "It does not compute", "requester_id": user, "comment": { "body": "Help" } });
    hub.zendesk.create_ticket(&fields(ticket), user).unwrap();
    hub.run_for(20).await;
    let twin = json!({ "FirstName": "Ada", "LastName": "Lovelace", "Email": again, "Title": "Countess", "AccountId": account });
    let twin = hub.salesforce.insert("Contact", &fields(twin), &hub.rep()).unwrap();
    hub.run_for(20).await;
    (hub, contacts[0].clone(), twin, user)
}

#[tokio::test]
async fn the_crm_merges_its_two_rows_the_later_one_stays_with_the_other_s_user_and_ticket_and_sales_is_told() {
    let (mut hub, early, late, user) = ada_twice(86, "ada.lovelace@initech.example").await;
    let open = waiting(&hub).await;
    assert_eq!((open.len(), open[0].kind.as_str(), open[0].obstacle.as_deref()), (1, "duplicate", None), "{open:?}");
    let stays = record_at(&hub, SALESFORCE, "Contact", &late).await;
    assert_eq!(open[0].first.record, stays, "whoever was changed last stays");

    let goes = open[0].second.record.clone();
    reviews::accept(&hub.engine, &petra(), &open[0].id).await.unwrap();
    assert!(hub.salesforce.get("Contact", &early).is_none(), "the CRM itself has merged the rows");
    hub.run_for(40).await;
    assert_eq!((state(&hub, &goes).await, waiting(&hub).await.len()), (RecordState::Merged, 0), "{}", hub.backlog().await);
    assert_eq!((support_id(&hub, &late), active_users(&hub, "Lovelace")), (Some(user), vec![user]), "{}", hub.backlog().await);
    assert_eq!(hub.zendesk.user(user).unwrap()["user_fields"]["job_title"], "Countess", "the two agree from now on");
    let query = entente_store::RecordQuery { object: Some("case".to_owned()), ..entente_store::RecordQuery::default() };
    let cases = hub.store.read(move |tx| tx.list_records(&Viewer::system(), &query, 10)).await.unwrap().records;
    assert_eq!(cases[0].data["contact"], entente_model::value::Value::Ref(stays.parse().unwrap()), "her tickets go over");
    assert_eq!(told(&hub).await, ["sam.seller@acme.example", "cora@vendor.example"], "whoever looks after the customer");

    // Taken back, each is a customer of its own again, as far as the CRM lets it.
    let plan = unmerge(&hub.engine, &petra(), &goes, false).await.unwrap();
    assert_eq!(plan.creates_at, [SALESFORCE]);
    unmerge(&hub.engine, &petra(), &goes, true).await.unwrap();
    hub.run_for(40).await;
    assert_eq!(record_at(&hub, ZENDESK, "user", &user.to_string()).await, goes, "{}", hub.backlog().await);
    assert_eq!(hub.salesforce.count("Contact"), 2);
}

#[tokio::test]
async fn where_both_platforms_have_both_each_merges_its_own_and_nothing_is_asked_any_more() {
    let mut hub = Hub::new(87, Flaws::none()).await;
    let people = [("Ada", "Lovelace", "ada@initech.example"), ("Augusta", "King", "augusta@initech.example")];
    let (_, contacts) = seed_customer(&hub, "Initech", &people);
    hub.run_for(40).await;
    let users = [support_id(&hub, &contacts[0]).unwrap(), support_id(&hub, &contacts[1]).unwrap()];
    hub.salesforce.update("Contact", &contacts[0], &fields(json!({ "Title": "Countess" })), &hub.rep()).unwrap();
    hub.run_for(5).await;
    let (ada, king) =
        (record_at(&hub, SALESFORCE, "Contact", &contacts[0]).await, record_at(&hub, SALESFORCE, "Contact", &contacts[1]).await);
    let new = NewReview {
        kind: "match".to_owned(),
        record: ada.parse().unwrap(),
        other: king.clone(),
        object: "contact".to_owned(),
        score: 0.8,
        evidence: json!({ "why": "told" }),
        opened_at: hub.engine.now(),
    };
    let review = hub.store.write(move |tx| tx.open_review(&new)).await.unwrap().id.to_string();
    let shown = reviews::accept(&hub.engine, &petra(), &review).await.unwrap();
    assert_eq!((shown.first.record, shown.second.record), (ada.clone(), king.clone()));
    hub.run_for(40).await;
    assert!(hub.salesforce.get("Contact", &contacts[1]).is_none());
    assert_eq!((active_users(&hub, "Lovelace"), active_users(&hub, "King")), (vec![users[0]], vec![]), "{}", hub.backlog().await);
    assert_eq!((state(&hub, &ada).await, state(&hub, &king).await), (RecordState::Active, RecordState::Merged));
    assert!(waiting(&hub).await.is_empty(), "nothing is left to be merged by hand");
    hub.zendesk.update_user(users[0], &fields(json!({ "name": "Ada Byron" })), hub.agent()).unwrap();
    hub.run_for(5).await;
    assert_eq!(hub.salesforce.get("Contact", &contacts[0]).unwrap()["LastName"], "Byron");
    assert!(hub.store.read(|tx| tx.dead_letter_counts()).await.unwrap().is_empty(), "{}", hub.backlog().await);
}

#[tokio::test]
async fn a_merge_whose_answer_is_lost_is_followed_all_the_same() {
    let (mut hub, early, late, user) = ada_twice(88, "ada.lovelace@initech.example").await;
    let review = waiting(&hub).await.remove(0);
    hub.salesforce.faults().set_calls(Fault::TimeoutAfter, 1_000);
    let refused = reviews::accept(&hub.engine, &petra(), &review.id).await.unwrap_err().to_string();
    assert!(refused.contains(SALESFORCE), "{refused}");
    hub.salesforce.faults().clear();
    assert!(hub.salesforce.get("Contact", &early).is_none(), "it has landed");
    hub.run_for(40).await;
    // What is left of her at the desk is one decision away.
    for open in waiting(&hub).await {
        reviews::accept(&hub.engine, &petra(), &open.id).await.unwrap();
    }
    hub.run_for(40).await;
    assert_eq!((support_id(&hub, &late), active_users(&hub, "Lovelace")), (Some(user), vec![user]), "{}", hub.backlog().await);
    assert!(waiting(&hub).await.is_empty());
}

#[tokio::test]
async fn what_is_certain_is_merged_without_asking_where_that_is_switched_on_and_what_is_not_waits() {
    for (again, switched_on, merged) in
        [("ada@initech.example", true, 1), ("ada@initech.example", false, 0), ("ada.lovelace@initech.example", true, 0)]
    {
        let (mut hub, early, late, user) = ada_twice(89, again).await;
        hub.options.auto_merge = switched_on;
        hub.restart().await;
        assert_eq!(waiting(&hub).await.len(), 1, "{again}: {}", hub.backlog().await);
        assert_eq!(merge_certain(&hub.engine, &|| false).await.unwrap(), merged, "{again}, {switched_on}");
        hub.run_for(40).await;
        let gone = hub.salesforce.get("Contact", &early).is_none();
        assert_eq!((gone, waiting(&hub).await.len()), (merged == 1, 1 - merged), "{again}, {switched_on}");
        if merged == 1 {
            assert_eq!(support_id(&hub, &late), Some(user), "{}", hub.backlog().await);
        }
        assert_eq!(merge_certain(&hub.engine, &|| false).await.unwrap(), 0, "nobody is looked at twice");
    }
}

#[tokio::test]
async fn what_is_certain_is_tried_again_until_the_platform_answers_and_says_meanwhile_why_it_waits() {
    let (mut hub, early, late, user) = ada_twice(90, "ada@initech.example").await;
    hub.options.auto_merge = true;
    hub.restart().await;
    hub.salesforce.faults().set_calls(Fault::Unavailable, 1_000);
    assert_eq!(merge_certain(&hub.engine, &|| false).await.unwrap(), 0);
    let told = waiting(&hub).await.remove(0).held_up.unwrap();
    assert!(told.starts_with("certain, and could not be merged without asking, tried once: salesforce"), "{told}");
    assert!(told.contains("tried again at 20"), "{told}");
    assert_eq!(merge_certain(&hub.engine, &|| false).await.unwrap(), 0, "not at once");
    hub.clock.fetch_add(61_000, Ordering::SeqCst);
    assert_eq!(merge_certain(&hub.engine, &|| false).await.unwrap(), 0);
    let told = waiting(&hub).await.remove(0).held_up.unwrap();
    assert!(told.contains("tried 2 times"), "{told}");

    hub.salesforce.faults().clear();
    hub.run_for(5).await;
    assert_eq!(merge_certain(&hub.engine, &|| false).await.unwrap(), 1);
    hub.run_for(40).await;
    assert!(hub.salesforce.get("Contact", &early).is_none());
    assert_eq!((waiting(&hub).await.len(), support_id(&hub, &late)), (0, Some(user)), "{}", hub.backlog().await);
    assert_eq!(merge_certain(&hub.engine, &|| false).await.unwrap(), 0);
}

#[tokio::test]
async fn what_a_platform_refuses_is_left_to_people_with_its_reason() {
    let (mut hub, early, late, _) = ada_twice(91, "ada@initech.example").await;
    hub.options.auto_merge = true;
    hub.restart().await;
    let review = waiting(&hub).await.remove(0);
    // An admin has made a rule that stands in the way.
    let strict = Arc::new(AtomicBool::new(true));
    let of_rule = Arc::clone(&strict);
    let rule = move |_: &serde_json::Map<String, Value>| of_rule.load(Ordering::SeqCst).then(|| ("Ask legal first".to_owned(), None));
    hub.salesforce.add_validation("Contact", Box::new(rule));
    assert_eq!(merge_certain(&hub.engine, &|| false).await.unwrap(), 0);
    let told = waiting(&hub).await.remove(0).held_up.unwrap();
    assert!(told.ends_with("; a person decides"), "{told}");
    strict.store(false, Ordering::SeqCst);
    hub.run_for(120).await;
    assert_eq!(merge_certain(&hub.engine, &|| false).await.unwrap(), 0, "nobody goes over a refusal but a person");
    assert!(hub.salesforce.get("Contact", &early).is_some());
    reviews::accept(&hub.engine, &petra(), &review.id).await.unwrap();
    hub.run_for(40).await;
    assert!(hub.salesforce.get("Contact", &early).is_none() && hub.salesforce.get("Contact", &late).is_some());
}

#[tokio::test]
async fn whoever_has_ended_is_counted_once_however_often_she_is_looked_at() {
    let (mut hub, early, late, _) = ada_twice(92, "ada.lovelace@initech.example").await;
    let counted = async |hub: &Hub| {
        let now = hub.engine.now();
        let count = hub.store.read(move |tx| {
            tx.counted(entente_engine::sync::settle::DUPLICATES_MERGED, None, entente_model::clock::Timestamp::UNIX_EPOCH, now)
        });
        count.await.unwrap()
    };
    let gone = record_at(&hub, SALESFORCE, "Contact", &early).await;
    // People merge the two in the CRM itself.
    hub.salesforce.merge("Contact", &late, &[&early], &hub.rep()).unwrap();
    hub.run_for(40).await;
    for open in waiting(&hub).await {
        reviews::accept(&hub.engine, &petra(), &open.id).await.unwrap();
    }
    hub.run_for(40).await;
    assert_eq!((state(&hub, &gone).await, counted(&hub).await), (RecordState::Merged, 1), "{}", hub.backlog().await);
    for _ in 0..3 {
        entente_engine::sync::resync::resync(&hub.engine, &entente_engine::sync::resync::Scope::Record(gone.parse().unwrap()))
            .await
            .unwrap();
        hub.run_for(20).await;
    }
    assert_eq!(counted(&hub).await, 1, "{}", hub.backlog().await);
}
