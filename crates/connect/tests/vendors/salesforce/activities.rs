//! Tasks and events, read as one object.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use entente_connect::connector::{NewField, Priority};
use entente_connect::erase::{Erase, Manner};
use entente_connect::error::Class;
use entente_connect::look::{Existence, Find, Look, ReadSpec};
use entente_connect::settings::{ConnectionSettings, SalesforceApi, SalesforceSettings, Secret};
use entente_connect::webhook::{Blanks, Event, Incoming};
use entente_model::clock::Timestamp;
use entente_model::mapping::remote::Row;
use entente_model::mapping::remote::{RemoteField, RemoteKind};
use serde_json::{Value, json};

use super::live::{Live, settings, target};
use crate::stage::rows::{ids, map, read_on, spec, update};

const FIELDS: &[&str] =
    &["Kind", "Subject", "Description", "Status", "ActivityDate", "AccountId", "WhoId", "Owner.Name", "Location", "Entente_Id__c"];

fn activities() -> ReadSpec {
    spec("Activity", FIELDS)
}

fn rows(looks: &[Look]) -> BTreeMap<&str, Value> {
    looks.iter().map(|look| (look.id.as_str(), Value::Object(look.row.clone()))).collect()
}

fn present(looks: &[Look]) -> BTreeSet<&str> {
    looks.iter().filter(|look| look.existence == Existence::Present).map(|look| look.id.as_str()).collect()
}

/// A meeting of an hour on the fifth of January.
fn meeting(subject: &str, account: &str) -> Value {
    json!({"Subject": subject, "WhatId": account, "StartDateTime": "2026-01-05T14:00:00Z", "DurationInMinutes": 60, "Location": "Rome"})
}

#[tokio::test]
async fn both_are_shown_under_the_same_names() {
    let live = Live::open();
    let account = live.add("Account", json!({"Name": "Northwind"}));
    let call = json!({"Subject": "Renewal", "TaskSubtype": "Call", "Status": "Completed", "WhatId": account, "ActivityDate": "2026-01-04",
        "Description": "They stay."});
    let call = live.add("Task", call);
    let meeting = live.add("Event", meeting("Kick-off", &account));
    let (looks, _) = read_on(&*live.crm, &activities(), None).await;
    let owner = live.sim.get("User", &live.sim.users().sales[0]).unwrap()["Name"].clone();
    let shown = rows(&looks);
    assert_eq!(looks.len(), 2);
    assert_eq!(
        shown[call.as_str()],
        json!({"Kind": "Call", "Subject": "Renewal", "Description": "They stay.", "Status": "Completed", "ActivityDate": "2026-01-04",
               "AccountId": account, "WhoId": null, "Owner.Name": owner, "Location": null, "Entente_Id__c": null})
    );
    assert_eq!(
        shown[meeting.as_str()],
        json!({"Kind": "Meeting", "Subject": "Kick-off", "Description": null, "Status": null, "ActivityDate": "2026-01-05",
               "AccountId": account, "WhoId": null, "Owner.Name": owner, "Location": "Rome", "Entente_Id__c": null})
    );
    let fetched = live.crm.fetch(&activities(), &[meeting.clone(), call.clone()], Priority::Update).await.unwrap();
    assert_eq!(ids(&fetched), [meeting.as_str(), call.as_str()]);
    assert!(fetched.iter().all(|look| look.object == "Activity" && Value::Object(look.row.clone()) == shown[look.id.as_str()]));
}

#[tokio::test]
async fn every_row_of_both_is_read_once_whatever_stamps_they_have() {
    let live = Live::open();
    // 2,100 of each in one moment: pages of 2,000 end in the middle of equal stamps.
    let mut made = BTreeSet::new();
    for n in 0..2_100 {
        made.insert(live.add("Task", json!({"Subject": format!("Call {n}")})));
        made.insert(live.add("Event", meeting(&format!("Meeting {n}"), "")));
    }
    let read = spec("Activity", &["Kind", "Subject"]);
    let (looks, cursor) = read_on(&*live.crm, &read, None).await;
    assert_eq!(looks.len(), made.len());
    assert_eq!(looks.iter().map(|look| look.id.clone()).collect::<BTreeSet<_>>(), made);

    // Another process goes on in the middle of the second one.
    let mut page = live.crm.page(&read, None, Priority::Backfill).await.unwrap();
    for _ in 0..2 {
        page = live.crm.page(&read, Some(&page.next), Priority::Backfill).await.unwrap();
    }
    let (rest, _) = read_on(&*live.beside(), &read, Some(page.next)).await;
    assert_eq!((page.looks.len(), rest.len()), (2_000, 100));
    assert!(rest.iter().all(|look| look.row["Kind"] == "Meeting"));

    // A poll goes back by the overlap in both of them, and shows what changed meanwhile.
    live.hands.pass(Duration::from_secs(3_600));
    let new = [live.add("Task", json!({"Subject": "New"})), live.add("Event", meeting("New", ""))];
    let (changes, _) = read_on(&*live.crm, &read, Some(cursor)).await;
    assert!(new.iter().all(|id| present(&changes).contains(id.as_str())));
}

#[tokio::test]
async fn what_is_deleted_in_either_is_seen() {
    let live = Live::open();
    let (task, event) = (live.add("Task", json!({"Subject": "Call"})), live.add("Event", meeting("Kick-off", "")));
    let (_, cursor) = read_on(&*live.crm, &activities(), None).await;
    live.hands.pass(Duration::from_secs(3_600));
    let rep = live.sim.users().sales[0].clone();
    live.sim.delete("Task", &task, &rep).unwrap();
    live.sim.delete("Event", &event, &rep).unwrap();
    let (changes, _) = read_on(&*live.crm, &activities(), Some(cursor)).await;
    let gone: Vec<(&str, &Existence)> = changes.iter().map(|look| (look.id.as_str(), &look.existence)).collect();
    assert_eq!(gone, [(task.as_str(), &Existence::Deleted), (event.as_str(), &Existence::Deleted)]);
    let wanted = [event, task, "elsewhere".to_owned(), "003000000000001AAA".to_owned()];
    let fetched = live.crm.fetch(&activities(), &wanted, Priority::Update).await.unwrap();
    assert!(fetched.iter().zip(&wanted).all(|(look, id)| look.id == *id && look.existence == Existence::Deleted), "{fetched:?}");
}

#[tokio::test]
async fn a_poll_from_the_present_sees_only_what_comes() {
    let live = Live::open();
    live.add("Event", meeting("Old", ""));
    live.hands.pass(Duration::from_secs(3_600));
    let present = live.crm.present(&activities()).await.unwrap();
    live.hands.pass(Duration::from_secs(60));
    let new = live.add("Event", meeting("New", ""));
    let (looks, _) = read_on(&*live.crm, &activities(), Some(present)).await;
    assert_eq!(ids(&looks), [new.as_str()]);
}

#[tokio::test]
async fn one_meeting_is_one_row_however_many_take_part_and_what_is_private_is_none() {
    let live = Live::open();
    let group = |mut event: Value, fields: Value| {
        map(fields).into_iter().for_each(|(name, value)| event[name.as_str()] = value);
        live.add("Event", event)
    };
    let organiser = group(meeting("Review", ""), json!({"IsGroupEvent": true, "GroupEventType": "1"}));
    let copy = group(meeting("Review", ""), json!({"IsGroupEvent": true, "GroupEventType": "1", "IsChild": true}));
    let series = group(meeting("Weekly", ""), json!({"IsRecurrence": true}));
    let pattern = group(meeting("Weekly", ""), json!({"GroupEventType": "3"}));
    let occurrence = group(meeting("Weekly", ""), json!({"RecurrenceActivityId": series}));
    let dentist = group(meeting("Dentist", ""), json!({"IsPrivate": true}));
    let (looks, cursor) = read_on(&*live.crm, &activities(), None).await;
    assert_eq!(present(&looks), BTreeSet::from([organiser.as_str(), occurrence.as_str()]));
    assert!(looks.iter().filter(|look| look.existence != Existence::Present).all(|look| look.row.is_empty()), "nothing of them is told");
    let left_out = [copy, series, pattern, dentist];
    let fetched = live.crm.fetch(&activities(), &left_out, Priority::Update).await.unwrap();
    assert!(fetched.iter().all(|look| look.existence == Existence::Deleted && look.row.is_empty()));

    // One that becomes private is gone.
    live.hands.pass(Duration::from_secs(3_600));
    live.sim.update("Event", &organiser, &map(json!({"IsPrivate": true})), &live.sim.users().sales[0]).unwrap();
    let (looks, _) = read_on(&*live.crm, &activities(), Some(cursor)).await;
    let gone = looks.iter().find(|look| look.id == organiser).unwrap();
    assert_eq!(gone.existence, Existence::Deleted);
}

#[tokio::test]
async fn what_was_archived_is_still_there_by_its_id() {
    let live = Live::open();
    let rep = live.sim.users().sales[0].clone();
    let old: Vec<String> = (0..600).map(|n| live.add("Event", meeting(&format!("Meeting {n}"), ""))).collect();
    for id in &old {
        live.sim.update("Event", id, &map(json!({"IsArchived": true})), &rep).unwrap();
    }
    let read = spec("Activity", &["Subject"]);
    let (looks, _) = read_on(&*live.crm, &read, None).await;
    assert!(looks.is_empty(), "a first read leaves out what the org has put away");
    let fetched = live.crm.fetch(&read, &old, Priority::Update).await.unwrap();
    assert_eq!(present(&fetched).len(), old.len(), "put away is not deleted");
}

#[tokio::test]
async fn whoever_may_see_one_of_them_alone_reads_that_one() {
    for hidden in ["Event", "Task"] {
        let live = Live::open();
        let (task, event) = (live.add("Task", json!({"Subject": "Call"})), live.add("Event", meeting("Kick-off", "")));
        let (seen, unseen) = if hidden == "Event" { (task, event) } else { (event, task) };
        live.sim.hide_object(hidden, true);
        let described = live.crm.describe("Activity").await.unwrap();
        assert!(described.field("Subject").is_some() && described.field(if hidden == "Event" { "Location" } else { "Status" }).is_none());
        let (looks, cursor) = read_on(&*live.crm, &spec("Activity", &["Kind", "Subject"]), None).await;
        assert_eq!(ids(&looks), [seen.as_str()]);
        let error = live.crm.fetch(&spec("Activity", &["Subject"]), std::slice::from_ref(&unseen), Priority::Update).await.unwrap_err();
        assert_eq!(error.class, Class::Configuration, "what we may not see is not taken for deleted");

        // Once it may be seen, everything of it is read.
        live.sim.hide_object(hidden, false);
        live.hands.pass(Duration::from_secs(3_600));
        let (looks, _) = read_on(&*live.crm, &spec("Activity", &["Kind", "Subject"]), Some(cursor)).await;
        assert!(present(&looks).contains(unseen.as_str()));
    }
    let live = Live::open();
    live.sim.hide_object("Event", true);
    live.sim.hide_object("Task", true);
    let error = live.crm.page(&spec("Activity", &["Subject"]), None, Priority::Backfill).await.unwrap_err();
    assert_eq!(error.class, Class::Configuration);
    assert!(live.crm.describe("Activity").await.is_err());
}

#[tokio::test]
async fn an_object_that_is_refused_is_not_asked_for_again_at_once() {
    let live = Live::open();
    live.sim.hide_object("Event", true);
    let read = spec("Activity", &["Kind", "Subject"]);
    let (_, cursor) = read_on(&*live.crm, &read, None).await;
    let before = live.calls("describe");
    let (_, cursor) = read_on(&*live.crm, &read, Some(cursor)).await;
    assert_eq!(live.calls("describe"), before);
    live.hands.pass(Duration::from_secs(301));
    read_on(&*live.crm, &read, Some(cursor)).await;
    assert_eq!(live.calls("describe"), before + 1);
}

#[tokio::test]
async fn activities_are_only_read_and_unknown_fields_are_named() {
    let live = Live::open();
    let described = live.crm.describe("Activity").await.unwrap();
    let shown = |name: &&&str| described.field(name).is_some_and(|field| !field.writable && !field.required);
    assert!(FIELDS.iter().filter(|name| !shown(name)).count() == 0, "{described:?}");
    let task = live.add("Task", json!({"Subject": "Call"}));
    let write = update(&task, json!({"Subject": "x"}));
    let refused = live.crm.write(&target("Activity"), &[write], Priority::Update).await.unwrap_err();
    assert_eq!((refused.class, refused.code.as_str()), (Class::Configuration, "read_only"));
    assert!(refused.advice.contains("`Task` or `Event`"));
    let unknown = live.crm.page(&spec("Activity", &["Mood__c"]), None, Priority::Backfill).await.unwrap_err();
    assert_eq!((unknown.code.as_str(), unknown.field.as_deref(), unknown.class), ("INVALID_FIELD", Some("Mood__c"), Class::Configuration));
    let found = live.crm.find(&activities(), &[Find::Key("act_1".to_owned())], "Entente_Id__c", Priority::Update).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].is_empty());
}

#[tokio::test]
async fn a_field_of_activities_is_made_where_it_is_defined_and_seen_at_both() {
    let live = Live::open();
    let field = RemoteField { writable: true, length: Some(40), ..RemoteField::new("Mood__c", "Mood", RemoteKind::Text) };
    live.crm.create_field(&NewField { object: "Activity".to_owned(), field: field.clone() }).await.unwrap();
    let sent: Vec<String> =
        live.line.sent.lock().unwrap().iter().filter_map(|(_, body)| body["FullName"].as_str().map(str::to_owned)).collect();
    assert_eq!(sent, ["Activity.Mood__c"]);
    let rep = live.sim.users().sales[0].clone();
    let (task, event) = (live.add("Task", json!({"Subject": "Call"})), live.add("Event", meeting("Kick-off", "")));
    live.sim.update("Event", &event, &map(json!({"Mood__c": "good"})), &rep).unwrap();
    let (looks, _) = read_on(&*live.crm, &spec("Activity", &["Mood__c"]), None).await;
    assert_eq!(rows(&looks), BTreeMap::from([(task.as_str(), json!({"Mood__c": null})), (event.as_str(), json!({"Mood__c": "good"}))]));

    // One of tasks is made in the same place.
    let other = RemoteField { name: "Ticket__c".to_owned(), ..field };
    live.crm.create_field(&NewField { object: "Task".to_owned(), field: other }).await.unwrap();
    assert!(live.crm.describe("Task").await.unwrap().field("Ticket__c").is_some());
}

#[tokio::test]
async fn an_erasure_reaches_the_object_that_the_activity_is() {
    let live = Live::open();
    let event = live
        .add("Event", json!({"Subject": "Ada", "Description": "Ada's", "StartDateTime": "2026-01-05T14:00:00Z", "DurationInMinutes": 5}));
    let blank = map(json!({"Subject": null, "Description": null, "Kind": null, "Status": null}));
    let erase = |manner, blank: Row| Erase { object: "Activity".to_owned(), id: event.clone(), manner, blank };
    live.crm.erase(&erase(Manner::Anonymise, blank.clone()), Priority::Update).await.unwrap();
    let kept = live.sim.get("Event", &event).unwrap();
    assert!(!kept.contains_key("Subject") && !kept.contains_key("Description"), "{kept:?}");
    live.crm.erase(&erase(Manner::Delete, blank), Priority::Update).await.unwrap();
    assert!(live.sim.get("Event", &event).is_none());
}

#[tokio::test]
async fn soap_reads_both_and_what_the_bin_has_no_more() {
    let soap = SalesforceSettings { api: SalesforceApi::Soap, ..SalesforceSettings::default() };
    let live = Live::with(ConnectionSettings { salesforce: soap, ..settings() });
    let (task, event) = (live.add("Task", json!({"Subject": "Call"})), live.add("Event", meeting("Kick-off", "")));
    let (looks, cursor) = read_on(&*live.crm, &activities(), None).await;
    assert_eq!(rows(&looks)[event.as_str()]["Kind"], "Meeting");
    assert_eq!(present(&looks), BTreeSet::from([task.as_str(), event.as_str()]));
    live.hands.pass(Duration::from_secs(3_600));
    live.sim.destroy("Event", &event, &live.sim.users().sales[0]).unwrap();
    live.hands.pass(Duration::from_secs(300));
    let (looks, _) = read_on(&*live.crm, &activities(), Some(cursor)).await;
    assert!(looks.iter().any(|look| look.id == event && look.existence == Existence::Deleted), "{looks:?}");
}

/// The events that the messages which came in tell of.
fn told(live: &Live) -> Vec<Event> {
    let now = Timestamp::from_millisecond(live.hands.now_ms()).unwrap();
    let open = |body| live.crm.open(&Incoming { headers: BTreeMap::new(), body }, "path-secret", now).unwrap();
    live.mail.take_due().into_iter().flat_map(|letter| open(letter.body).events).collect()
}

#[tokio::test]
async fn a_message_of_either_tells_of_the_activity() {
    let mut settings = settings();
    settings.webhooks.path_secret = Secret::new("path-secret");
    let live = Live::with(settings);
    let fields = ["Kind", "Subject", "Status", "Owner.Name"].map(str::to_owned);
    let tellers = live.crm.told_as("Activity", &fields);
    assert_eq!(
        tellers,
        [
            ("Task".to_owned(), ["OwnerId", "Status", "Subject", "TaskSubtype"].map(str::to_owned).to_vec()),
            (
                "Event".to_owned(),
                ["GroupEventType", "IsChild", "IsPrivate", "IsRecurrence", "OwnerId", "Subject"].map(str::to_owned).to_vec()
            )
        ]
    );
    let read = spec("Activity", &["Kind", "Subject", "Status", "Owner.Name"]);
    live.crm.page(&read, None, Priority::Backfill).await.unwrap();
    live.crm.reads("Activity", &fields);
    let url = "https://hub.example/hooks/salesforce/path-secret";
    live.crm.subscribe(url, &["Task", "Event"].map(str::to_owned)).await.unwrap();

    let event = live.add("Event", meeting("Kick-off", ""));
    live.crm.fetch(&read, std::slice::from_ref(&event), Priority::Update).await.unwrap();
    told(&live);
    live.hands.pass(Duration::from_secs(60));
    live.sim.update("Event", &event, &map(json!({"Subject": "Kick-off in Rome"})), &live.sim.users().sales[0]).unwrap();
    let events = told(&live);
    assert_eq!(events.iter().map(|event| event.object.as_str()).collect::<Vec<_>>(), ["Event", "Activity"]);
    let look = events[1].look.as_ref().unwrap();
    assert_eq!(
        (look.object.as_str(), &look.row["Subject"], &look.row["Kind"]),
        ("Activity", &json!("Kick-off in Rome"), &json!("Meeting"))
    );
    assert!(!look.row.contains_key("IsChild"), "what tells whether it counts is none of it");

    // Once messages came and their definitions are known, a new row is shown whole; an event has no status.
    live.crm.fetch(&read, std::slice::from_ref(&event), Priority::Update).await.unwrap();
    let task = live.add("Task", json!({"Subject": "Call", "TaskSubtype": "Call"}));
    let events = told(&live);
    let activity = events.iter().find(|event| event.object == "Activity").unwrap();
    assert_eq!((activity.id.as_str(), &activity.look.as_ref().unwrap().row["Kind"]), (task.as_str(), &json!("Call")));
    assert!(matches!(&activity.blanks, Blanks::Known(_)), "{activity:?}");
    live.add("Event", meeting("Lunch", ""));
    let events = told(&live);
    let activity = events.iter().find(|event| event.object == "Activity").unwrap();
    assert!(matches!(&activity.blanks, Blanks::Known(blank) if blank.contains(&"Status".to_owned())), "{activity:?}");

    // An invitee's copy is told of as gone, which nobody knows anything of.
    let mut copy = meeting("Lunch", "");
    copy["IsChild"] = json!(true);
    live.add("Event", copy);
    let activity = told(&live).into_iter().find(|event| event.object == "Activity").unwrap();
    assert_eq!(activity.look.unwrap().existence, Existence::Deleted);
}

#[test]
fn a_row_is_the_same_as_an_activity_and_by_itself() {
    let live = Live::open();
    let (task, event) = ("00T000000000001AAA", "00U000000000001AAA");
    assert_eq!(live.crm.same_row("Task", "Activity", task).as_deref(), Some(task));
    assert_eq!(live.crm.same_row("Activity", "Task", event), None);
    assert_eq!(live.crm.same_row("Contact", "Account", "003000000000001AAA"), None);
}
