//! Two records that were merged are two again, with everything that was theirs.

use std::collections::BTreeSet;

use entente_engine::flaws::Flaws;
use entente_engine::records::reviews;
use entente_engine::records::reviews::{Review, ReviewQuery};
use entente_engine::records::unmerge::{UnmergeReport, unmerge};
use entente_store::{NewReview, RecordState, RemoteKey, Viewer};
use serde_json::{Map, Value, json};

use crate::hub::{Hub, SALESFORCE, ZENDESK, fields, seed_customer};
use crate::reviews::two_that_may_be_one;

fn petra() -> Viewer {
    Viewer::new("petra", "admin")
}

async fn part(hub: &Hub, record: &str, apply: bool) -> UnmergeReport {
    unmerge(&hub.engine, &petra(), record, apply).await.unwrap()
}

/// The record that a row belongs to.
pub async fn record_at(hub: &Hub, connection: &str, object: &str, id: &str) -> String {
    let key = RemoteKey::new(connection, object, id);
    let asked = key.clone();
    let links = hub.store.read(move |tx| tx.links_at(std::slice::from_ref(&asked))).await.unwrap();
    links[&key].record.to_string()
}

/// What people entered in a contact of the CRM and in a user of the desk.
fn entered(hub: &Hub, contact: &str, user: u64) -> (Map<String, Value>, Map<String, Value>) {
    let pick = |row: Map<String, Value>, names: &[&str]| -> Map<String, Value> {
        names.iter().map(|name| ((*name).to_owned(), row.get(*name).cloned().unwrap_or(Value::Null))).collect()
    };
    let here = pick(hub.salesforce.get("Contact", contact).unwrap(), &["FirstName", "LastName", "Email", "Phone", "Title", "AccountId"]);
    let mut there = hub.zendesk.user(user).unwrap();
    let title = there["user_fields"]["job_title"].clone();
    there.insert("job_title".to_owned(), title);
    (here, pick(there, &["name", "email", "phone", "organization_id", "job_title", "tags"]))
}

#[tokio::test]
async fn merged_and_parted_without_an_edit_both_sides_are_as_before() {
    let (mut hub, contact, user, review) = two_that_may_be_one(81).await;
    let before = entered(&hub, &contact, user);
    reviews::accept(&hub.engine, &petra(), &review.id).await.unwrap();
    hub.run_for(20).await;
    assert_ne!(entered(&hub, &contact, user), before, "merging writes to both");

    let plan = part(&hub, &review.second.record, false).await;
    assert!(!plan.applied && plan.since.is_empty() && plan.impossible.is_empty(), "{plan:?}");
    assert_eq!(plan.comes_back.record, review.second.record);
    let goes = |connection: &str| plan.links.iter().find(|link| link.connection == connection).map(|link| link.goes_to.clone());
    let (mine, theirs) = (review.first.record.clone(), review.second.record.clone());
    let (desk, crm) = if review.second.links[0].connection == ZENDESK { (theirs, mine) } else { (mine, theirs) };
    assert_eq!((goes(ZENDESK), goes(SALESFORCE)), (Some(desk.clone()), Some(crm.clone())));
    assert_ne!(entered(&hub, &contact, user), before, "a plan writes nothing");

    let done = part(&hub, &review.second.record, true).await;
    assert!(done.applied && done.entry.is_some());
    hub.run_for(40).await;
    assert_eq!(entered(&hub, &contact, user), before, "{}", hub.backlog().await);
    assert_eq!(record_at(&hub, ZENDESK, "user", &user.to_string()).await, desk);
    assert_eq!(record_at(&hub, SALESFORCE, "Contact", &contact).await, crm);
    assert_eq!(hub.zendesk.user(user).unwrap()["external_id"], json!(desk), "the row carries its own record's id");

    let again = part(&hub, &review.second.record, true).await;
    assert!(again.already && again.entry.is_none(), "done again, it finds done what is done");
    hub.run_for(60).await;
    let page = reviews::list(&hub.engine, &Viewer::system(), ReviewQuery::default()).await.unwrap();
    assert!(page.items.is_empty(), "nobody is asked again: {page:?}");
    assert_eq!(entered(&hub, &contact, user), before);
}

#[tokio::test]
async fn what_each_side_said_since_is_its_own_and_so_are_its_tickets() {
    let (mut hub, contact, user, review) = two_that_may_be_one(82).await;
    reviews::accept(&hub.engine, &petra(), &review.id).await.unwrap();
    hub.run_for(20).await;
    hub.salesforce.update("Contact", &contact, &fields(json!({ "Title": "Programmer" })), &hub.rep()).unwrap();
    hub.run_for(2).await;
    hub.zendesk.update_user(user, &fields(json!({ "name": "Augusta King" })), hub.agent()).unwrap();
    let ticket = json!({ "subject": "It does not compute", "requester_id": user, "comment": { "body": "Help" } });
    let ticket = hub.zendesk.create_ticket(&fields(ticket), user).unwrap();
    hub.run_for(20).await;
    assert_eq!(hub.salesforce.get("Contact", &contact).unwrap()["LastName"], "King", "while they are one, it flows");
    let case = record_at(&hub, ZENDESK, "ticket", &ticket.to_string()).await;

    let plan = part(&hub, &review.second.record, false).await;
    let desk = plan.links.iter().find(|link| link.connection == ZENDESK).unwrap().goes_to.clone();
    let told = |field: &str| plan.since.iter().find(|since| since.field == field).map(|since| (since.by.clone(), since.goes_to == desk));
    assert_eq!(told("last_name"), Some((ZENDESK.to_owned(), true)), "{plan:?}");
    assert_eq!(told("job_title"), Some((SALESFORCE.to_owned(), false)));
    let points = plan.references.iter().find(|reference| reference.record == case);
    assert_eq!(points.map(|points| (points.since, plan.comes_back.record == desk)), Some((true, true)), "{plan:?}");

    part(&hub, &review.second.record, true).await;
    hub.run_for(40).await;
    let (here, there) = entered(&hub, &contact, user);
    assert_eq!((&here["FirstName"], &here["LastName"], &here["Title"]), (&json!("Ada"), &json!("Lovelace"), &json!("Programmer")));
    assert_eq!((&there["name"], &there["email"]), (&json!("Augusta King"), &json!("ada@private.example")));
    assert_eq!(hub.zendesk.ticket(ticket).unwrap()["requester_id"], json!(user));
    let id = case.parse().unwrap();
    let record = hub.store.read(move |tx| tx.record(&Viewer::system(), &id)).await.unwrap().unwrap();
    assert_eq!(record.data["contact"], entente_model::value::Value::Ref(desk.parse().unwrap()));
}

#[tokio::test]
async fn a_merge_at_the_crm_is_taken_back_with_a_row_of_its_own_and_everything_that_cannot_be_is_named() {
    let mut hub = Hub::new(83, Flaws::none()).await;
    let people = [("Ada", "Lovelace", "ada@acme.example"), ("Grace", "Hopper", "grace@acme.example")];
    let (_, contacts) = seed_customer(&hub, "Acme", &people);
    hub.run_for(40).await;
    let (ada, grace) =
        (record_at(&hub, SALESFORCE, "Contact", &contacts[0]).await, record_at(&hub, SALESFORCE, "Contact", &contacts[1]).await);
    let user: u64 = hub.salesforce.get("Contact", &contacts[1]).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
    hub.salesforce.merge("Contact", &contacts[0], &[&contacts[1]], &hub.rep()).unwrap();
    hub.run_for(20).await;
    let id = grace.parse().unwrap();
    let merged = hub.store.read(move |tx| tx.record(&Viewer::system(), &id)).await.unwrap().unwrap();
    assert_eq!((merged.state, merged.merged_into.map(|into| into.to_string())), (RecordState::Merged, Some(ada.clone())));

    let plan = part(&hub, &grace, false).await;
    assert_eq!(plan.creates_at, [SALESFORCE]);
    assert!(plan.impossible.iter().any(|no| no.reason.contains(&contacts[1]) && no.remedy.contains("a new row is made")), "{plan:?}");
    part(&hub, &grace, true).await;
    hub.run_for(40).await;
    let links = {
        let id = grace.parse().unwrap();
        hub.store.read(move |tx| tx.links_of(&[id])).await.unwrap()
    };
    let anew = links.iter().find(|link| link.connection == SALESFORCE).expect("a row of her own").external_id.clone();
    assert!(!contacts.contains(&anew), "the old row is gone for good");
    let row = hub.salesforce.get("Contact", &anew).unwrap();
    assert_eq!(
        (&row["FirstName"], &row["Email"], &row["Support_Id__c"]),
        (&json!("Grace"), &json!("grace@acme.example"), &json!(user.to_string()))
    );
    assert_eq!(hub.salesforce.get("Contact", &contacts[0]).unwrap()["FirstName"], "Ada");
    assert_eq!(hub.zendesk.user(user).unwrap()["external_id"], json!(grace));
    // What she edits from now on is hers alone.
    hub.zendesk.update_user(user, &fields(json!({ "name": "Grace Murray" })), hub.agent()).unwrap();
    hub.run_for(5).await;
    assert_eq!(hub.salesforce.get("Contact", &anew).unwrap()["LastName"], "Murray");
    assert_eq!(hub.salesforce.get("Contact", &contacts[0]).unwrap()["LastName"], "Lovelace");
}

#[tokio::test]
async fn who_says_that_two_are_two_whom_a_platform_has_merged_parts_them() {
    let mut hub = Hub::new(84, Flaws::none()).await;
    let people = [("Ada", "Lovelace", "ada@acme.example"), ("Grace", "Hopper", "grace@acme.example")];
    let (_, contacts) = seed_customer(&hub, "Acme", &people);
    hub.run_for(40).await;
    let grace = record_at(&hub, SALESFORCE, "Contact", &contacts[1]).await;
    let user: u64 = hub.salesforce.get("Contact", &contacts[1]).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
    hub.salesforce.merge("Contact", &contacts[0], &[&contacts[1]], &hub.rep()).unwrap();
    hub.run_for(20).await;
    let asked = waiting(&hub).await;
    assert_eq!(asked.iter().map(|review| review.kind.as_str()).collect::<Vec<_>>(), ["merge"]);
    reviews::reject(&hub.engine, &petra(), &asked[0].id).await.unwrap();
    hub.run_for(40).await;
    assert!(waiting(&hub).await.is_empty(), "it is not asked again");
    let id = grace.parse().unwrap();
    let record = hub.store.read(move |tx| tx.record(&Viewer::system(), &id)).await.unwrap().unwrap();
    assert_eq!(record.state, RecordState::Active);
    // Her user at the desk is somebody's again: what is edited there reaches the row that she got in the CRM.
    hub.zendesk.update_user(user, &fields(json!({ "name": "Grace Murray" })), hub.agent()).unwrap();
    hub.run_for(5).await;
    let links = {
        let id = grace.parse().unwrap();
        hub.store.read(move |tx| tx.links_of(&[id])).await.unwrap()
    };
    let row = links.iter().find(|link| link.connection == SALESFORCE).expect("a row of her own").external_id.clone();
    assert_eq!(hub.salesforce.get("Contact", &row).unwrap()["LastName"], "Murray");
    assert_eq!(hub.salesforce.get("Contact", &contacts[0]).unwrap()["LastName"], "Lovelace");
}

#[tokio::test]
async fn whom_two_platforms_merge_the_other_way_round_is_one_and_comes_apart_again() {
    for (seed, minutes_between) in [(90, 20), (91, 0)] {
        let mut hub = Hub::new(seed, Flaws::none()).await;
        let people = [("Ada", "Lovelace", "ada@initech.example"), ("Grace", "Hopper", "grace@initech.example")];
        let (_, contacts) = seed_customer(&hub, "Initech", &people);
        hub.run_for(40).await;
        let [ada, grace] =
            [record_at(&hub, SALESFORCE, "Contact", &contacts[0]).await, record_at(&hub, SALESFORCE, "Contact", &contacts[1]).await];
        let [adas, graces]: [u64; 2] =
            [0, 1].map(|at| hub.salesforce.get("Contact", &contacts[at]).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap());
        hub.salesforce.merge("Contact", &contacts[0], &[&contacts[1]], &hub.rep()).unwrap();
        hub.run_for(minutes_between).await;
        hub.zendesk.merge_users(adas, graces, hub.agent()).unwrap();
        hub.run_for(40).await;
        let state = async |hub: &Hub, record: &str| {
            let id = record.parse().unwrap();
            hub.store.read(move |tx| tx.record(&Viewer::system(), &id)).await.unwrap().unwrap().state
        };
        let states = [state(&hub, &ada).await, state(&hub, &grace).await];
        assert_eq!(states.iter().filter(|state| **state == RecordState::Active).count(), 1, "{states:?}; {}", hub.backlog().await);
        let (stays, goes) = if states[0] == RecordState::Active { (&ada, &grace) } else { (&grace, &ada) };
        let rows =
            [record_at(&hub, SALESFORCE, "Contact", &contacts[0]).await, record_at(&hub, ZENDESK, "user", &graces.to_string()).await];
        assert_eq!(rows, [stays.clone(), stays.clone()], "both rows that are left are one customer's; {}", hub.backlog().await);
        assert!(waiting(&hub).await.is_empty(), "nothing is left to be merged");
        hub.salesforce.update("Contact", &contacts[0], &fields(json!({ "Title": "Programmer" })), &hub.rep()).unwrap();
        hub.run_for(5).await;
        assert_eq!(hub.zendesk.user(graces).unwrap()["user_fields"]["job_title"], "Programmer", "{}", hub.backlog().await);

        let plan = part(&hub, goes, false).await;
        assert!(!plan.impossible.is_empty(), "neither platform takes its merge back: {plan:?}");
        assert!(part(&hub, goes, true).await.applied);
        hub.run_for(60).await;
        assert_eq!([state(&hub, &ada).await, state(&hub, &grace).await], [RecordState::Active, RecordState::Active]);
        let rows =
            [record_at(&hub, SALESFORCE, "Contact", &contacts[0]).await, record_at(&hub, ZENDESK, "user", &graces.to_string()).await];
        assert!(rows.contains(stays) && rows.contains(goes), "each has one of the rows that are left: {rows:?}; {}", hub.backlog().await);
        assert!(waiting(&hub).await.is_empty(), "it is not asked again");
    }
}

#[tokio::test]
async fn a_crash_at_any_step_of_parting_leaves_two_customers_or_one_and_never_half_of_it() {
    for step in 1..9 {
        let (mut hub, contact, user, review) = two_that_may_be_one(84).await;
        let before = entered(&hub, &contact, user);
        reviews::accept(&hub.engine, &petra(), &review.id).await.unwrap();
        hub.run_for(20).await;
        hub.fuse.set(step);
        let (engine, fuse, viewer) = (hub.engine.clone(), std::sync::Arc::clone(&hub.fuse), petra());
        tokio::select! {
            _done = unmerge(&engine, &viewer, &review.second.record, true) => {}
            () = fuse.blows() => {}
        }
        if hub.fuse.is_blown() {
            hub.die().await;
        }
        hub.run_for(40).await;
        hub.fuse.set(0);
        // Whoever saw no answer asks again.
        part(&hub, &review.second.record, true).await;
        hub.run_for(60).await;
        assert_eq!(entered(&hub, &contact, user), before, "crash at step {step}: {}", hub.backlog().await);
    }
}

async fn waiting(hub: &Hub) -> Vec<Review> {
    reviews::list(&hub.engine, &Viewer::system(), ReviewQuery::default()).await.unwrap().items
}

#[tokio::test]
async fn what_was_asked_about_a_row_that_was_merged_is_asked_about_the_one_that_stays() {
    let mut hub = Hub::new(38, Flaws::none()).await;
    let people =
        [("Ada", "Lovelace", "ada@acme.example"), ("Grace", "Hopper", "grace@acme.example"), ("Mary", "Somerville", "mary@acme.example")];
    let (_, contacts) = seed_customer(&hub, "Acme", &people);
    hub.run_for(40).await;
    let mut records = Vec::new();
    for contact in &contacts {
        records.push(record_at(&hub, SALESFORCE, "Contact", contact).await);
    }
    let [ada, grace, mary]: [String; 3] = records.try_into().unwrap();
    let new = NewReview {
        kind: "match".to_owned(),
        record: mary.parse().unwrap(),
        other: grace.clone(),
        object: "contact".to_owned(),
        score: 0.8,
        evidence: json!({ "why": "told" }),
        opened_at: hub.engine.now(),
    };
    let asked = hub.store.write(move |tx| tx.open_review(&new)).await.unwrap().id.to_string();
    hub.salesforce.merge("Contact", &contacts[0], &[&contacts[1]], &hub.rep()).unwrap();
    hub.run_for(40).await;
    let closed = reviews::show(&hub.engine, &Viewer::system(), &asked).await.unwrap();
    assert_eq!((closed.state.as_str(), closed.decided.unwrap().by), ("rejected", Some(format!("merged into {ada}"))));
    let about = |pair: &[&str]| {
        let pair: BTreeSet<String> = pair.iter().map(|id| (*id).to_owned()).collect();
        move |review: &&Review| BTreeSet::from([review.first.record.clone(), review.second.record.clone()]) == pair
    };
    let open = waiting(&hub).await;
    let carried = open.iter().find(about(&[&ada, &mary])).expect("Mary is asked about with Ada now");
    assert_eq!((carried.kind.as_str(), carried.evidence.as_str()), ("match", "told"));

    // Parted, what was asked is asked as before.
    part(&hub, &grace, true).await;
    let open = waiting(&hub).await;
    assert!(open.iter().any(|review| review.id == asked) && !open.iter().any(|review| about(&[&ada, &mary])(&review)), "{open:?}");
}

#[tokio::test]
async fn of_two_merges_with_a_third_between_people_are_asked_about_both_and_what_is_left_of_who_ended_is_no_other_s() {
    let mut hub = Hub::new(92, Flaws::none()).await;
    let people = [
        ("Ada", "Lovelace", "ada@initech.example"),
        ("Grace", "Hopper", "grace@initech.example"),
        ("Mary", "Somerville", "mary@initech.example"),
    ];
    let (_, contacts) = seed_customer(&hub, "Initech", &people);
    hub.run_for(40).await;
    let (mut records, mut users): (Vec<String>, Vec<u64>) = (Vec::new(), Vec::new());
    for contact in &contacts {
        records.push(record_at(&hub, SALESFORCE, "Contact", contact).await);
        users.push(hub.salesforce.get("Contact", contact).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap());
    }
    let [ada, grace, mary]: [String; 3] = records.try_into().unwrap();
    // The desk makes one of Ada and Grace, and gives Ada's address to Grace's user; the CRM makes one of Grace and Mary, who has left the desk.
    hub.zendesk.delete_user(users[2], hub.agent()).unwrap();
    hub.run_for(20).await;
    hub.zendesk.merge_users(users[0], users[1], hub.agent()).unwrap();
    hub.run_for(20).await;
    hub.salesforce.merge("Contact", &contacts[2], &[&contacts[1]], &hub.rep()).unwrap();
    hub.run_for(40).await;
    let open = waiting(&hub).await;
    let about = |one: &str, other: &str| {
        let pair = BTreeSet::from([one.to_owned(), other.to_owned()]);
        let found = open.iter().find(|review| BTreeSet::from([review.first.record.clone(), review.second.record.clone()]) == pair);
        found.map(|review| review.id.clone()).unwrap_or_else(|| panic!("nobody is asked about {one} and {other}: {open:?}"))
    };
    let (with_ada, with_grace) = (about(&mary, &ada), about(&mary, &grace));
    assert_eq!(open.len(), 2, "{open:?}");

    // Ada is somebody else: her user is to be made, and the desk knows Grace's by her address.
    reviews::reject(&hub.engine, &petra(), &with_ada).await.unwrap();
    hub.run_for(20).await;
    let user = hub.zendesk.user(users[1]).unwrap();
    assert_eq!((&user["name"], &user["external_id"]), (&json!("Grace Hopper"), &json!(grace)), "{}", hub.backlog().await);
    let letters = hub.store.read(|tx| tx.dead_letters(&Viewer::system(), &Default::default(), 10)).await.unwrap();
    let told: Vec<(&str, &str)> = letters.iter().map(|one| (one.letter.subject.as_str(), one.letter.error_code.as_str())).collect();
    assert_eq!(told, [(ada.as_str(), "address_taken")]);

    // Grace is nobody else either; and Ada gets a user once she has an address of her own.
    reviews::reject(&hub.engine, &petra(), &with_grace).await.unwrap();
    hub.salesforce.update("Contact", &contacts[0], &fields(json!({ "Email": "ada@home.example" })), &hub.rep()).unwrap();
    hub.run_for(40).await;
    assert_eq!(record_at(&hub, ZENDESK, "user", &users[1].to_string()).await, grace);
    let own = hub.salesforce.get("Contact", &contacts[0]).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
    assert_eq!(hub.zendesk.user(own).unwrap()["external_id"], json!(ada), "{}", hub.backlog().await);
    assert!(!users.contains(&own), "{own} of {users:?}; {}", hub.backlog().await);
    assert!(waiting(&hub).await.is_empty());
}
