//! Change Data Capture: polls that cost the org nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use entente_connect::connector::{Connector, Priority};
use entente_connect::error::Class;
use entente_connect::look::{Existence, Look, ReadSpec};
use entente_connect::registry;
use entente_connect::settings::{Changes, ConnectionSettings, SalesforceSettings};
use entente_model::actor::Actor;
use entente_model::clock::Clock;
use entente_sims::salesforce::{FieldSpec, FieldType, Gap};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::live::{self, Live, target};
use crate::stage::rows::{create, map, read_on, spec, update};
use crate::stage::surroundings;

/// Time between words of the simulated stream: the vendor's 270 seconds would be long for a story.
const WORD: Duration = Duration::from_millis(20);

/// Longest that a story waits for the stream, in turns of [`WORD`].
const TURNS: usize = 1_000;

struct Told {
    live: Live,
    crm: Arc<dyn Connector>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

fn told_settings(address: SocketAddr, changes: Changes) -> ConnectionSettings {
    let pubsub_url = Some(format!("http://{address}").parse().unwrap());
    ConnectionSettings { salesforce: SalesforceSettings { changes, pubsub_url, ..SalesforceSettings::default() }, ..live::settings() }
}

impl Told {
    async fn of(objects: &[&str]) -> Self {
        let live = Live::open();
        live.sim.select_changes(objects);
        let (address, server) = live.sim.serve_pubsub(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), WORD).await.unwrap();
        let crm = connect(&live, told_settings(address, Changes::Auto));
        Self { live, crm, address, server }
    }

    /// Reads everything, and polls until the stream has taken over.
    async fn settled(&self, read: &ReadSpec) -> String {
        let (_, mut cursor) = read_on(&*self.crm, read, None).await;
        for _ in 0..TURNS {
            (_, cursor) = read_on(&*self.crm, read, Some(cursor)).await;
            if cursor.contains("\"replay\"") {
                return cursor;
            }
            tokio::time::sleep(WORD).await;
        }
        panic!("the stream never took over: {cursor}");
    }

    /// Polls until that many looks have come.
    async fn await_looks(&self, read: &ReadSpec, cursor: String, many: usize) -> (Vec<Look>, String) {
        await_looks(&*self.crm, read, cursor, many).await
    }

    /// Polls until a look shows a contact of that last name.
    async fn await_contact(&self, last_name: &str, mut cursor: String) -> String {
        for _ in 0..TURNS {
            let (looks, next) = self.await_looks(&contacts(), cursor, 1).await;
            cursor = next;
            if looks.iter().any(|look| look.row.get("LastName").is_some_and(|value| value == last_name)) {
                return cursor;
            }
        }
        panic!("no look showed {last_name}");
    }

    fn queries(&self) -> u64 {
        let counts = self.crm.counts().by_kind;
        ["query", "query_more", "composite", "retrieve"].iter().filter_map(|kind| counts.get(kind)).sum()
    }
}

fn connect(live: &Live, settings: ConnectionSettings) -> Arc<dyn Connector> {
    registry::connect(settings, surroundings(Arc::clone(&live.line) as _, &live.hands)).map_err(|error| error.to_string()).unwrap()
}

async fn await_looks(crm: &dyn Connector, read: &ReadSpec, mut cursor: String, many: usize) -> (Vec<Look>, String) {
    let mut looks = Vec::new();
    for _ in 0..TURNS {
        let (found, next) = read_on(crm, read, Some(cursor)).await;
        looks.extend(found);
        cursor = next;
        if looks.len() >= many {
            return (looks, cursor);
        }
        tokio::time::sleep(WORD).await;
    }
    panic!("{} of {many} looks came", looks.len());
}

fn contacts() -> ReadSpec {
    spec("Contact", &["FirstName", "LastName", "Email", "Phone", "MailingCity", "Birthdate", "HasOptedOutOfEmail", "AccountId"])
}

#[tokio::test]
async fn what_people_change_is_shown_by_the_event_alone() {
    let told = Told::of(&["Contact"]).await;
    let ada = told
        .live
        .add("Contact", json!({"FirstName": "Ada", "LastName": "King", "Email": "ada@example.com", "Phone": "1", "MailingCity": "Rome"}));
    let cursor = told.settled(&contacts()).await;
    let before = told.queries();

    told.live.hands.pass(Duration::from_secs(60));
    let change =
        json!({"LastName": "Lovelace", "Phone": null, "MailingCity": "London", "Birthdate": "1815-12-10", "HasOptedOutOfEmail": true});
    let rita = told.live.sim.users().sales[1].clone();
    told.live.sim.update("Contact", &ada, &map(change.clone()), &rita).unwrap();
    let (looks, cursor) = told.await_looks(&contacts(), cursor, 1).await;
    assert_eq!(Value::Object(looks[0].row.clone()), change, "the changed fields, and no others");
    assert_eq!((looks[0].complete, looks[0].mark.by, looks[0].id.as_str()), (false, Actor::Sales, ada.as_str()));
    let version =
        told.live.sim.get("Contact", &ada).unwrap()["SystemModstamp"].as_str().unwrap().parse::<entente_model::clock::Timestamp>().unwrap();
    assert_eq!(looks[0].version.as_deref(), Some(version.to_string().as_str()), "the next write is made on it");

    // A newcomer is shown whole.
    let bob = told.live.add("Contact", json!({"LastName": "Bob", "Email": "bob@example.com"}));
    let (looks, cursor) = told.await_looks(&contacts(), cursor, 1).await;
    let fetched = told.crm.fetch(&contacts(), std::slice::from_ref(&bob), Priority::Update).await.unwrap();
    assert!(looks[0].complete);
    assert_eq!(Value::Object(looks[0].row.clone()), Value::Object(fetched[0].row.clone()));
    assert_eq!(told.queries(), before + 1, "the one that this story asked itself");

    // What nobody reads here is no news.
    told.live.sim.update("Contact", &bob, &map(json!({"Title": "CEO"})), &rita).unwrap();
    told.live.sim.update("Contact", &bob, &map(json!({"Email": "robert@example.com"})), &rita).unwrap();
    let (looks, _) = told.await_looks(&contacts(), cursor, 1).await;
    assert_eq!((looks.len(), looks[0].row.len()), (1, 1));
}

#[tokio::test]
async fn what_is_told_late_shows_its_row_as_it_was_when_it_was_committed() {
    let told = Told::of(&["Contact", "Task"]).await;
    let task = told.live.add("Task", json!({"Subject": "Call"}));
    let tasks = spec("Task", &["Subject"]);
    let (cursor, tasks_cursor) = (told.settled(&contacts()).await, told.settled(&tasks).await);
    told.live.hands.pass(Duration::from_secs(60));
    let committed = told.live.hands.now();
    let rita = told.live.sim.users().sales[1].clone();
    let ada = told.live.add("Contact", json!({"LastName": "King"}));
    told.live.sim.delete("Task", &task, &rita).unwrap();
    told.live.hands.pass(Duration::from_secs(600));
    // Nothing was polled meanwhile, as after an interruption.
    let (looks, _) = told.await_looks(&contacts(), cursor, 1).await;
    assert_eq!((looks[0].id.as_str(), looks[0].complete, looks[0].seen_at), (ada.as_str(), true, committed));
    let (gone, _) = told.await_looks(&tasks, tasks_cursor, 1).await;
    assert_eq!((gone[0].id.as_str(), &gone[0].existence, gone[0].seen_at), (task.as_str(), &Existence::Deleted, committed));
}

#[tokio::test]
async fn our_own_changes_are_known_as_ours() {
    let told = Told::of(&["Contact"]).await;
    let cursor = told.settled(&contacts()).await;
    told.crm.write(&target("Contact"), &[create("con_1", json!({"LastName": "Ours"}))], Priority::Update).await.unwrap();
    let (looks, _) = told.await_looks(&contacts(), cursor, 1).await;
    assert_eq!((looks[0].mark.by, looks[0].row["LastName"].as_str()), (Actor::Us, Some("Ours")));
}

#[tokio::test]
async fn what_was_handed_out_comes_again_until_it_is_kept() {
    let told = Told::of(&["Contact"]).await;
    let cursor = told.settled(&contacts()).await;
    for n in 0..3 {
        told.live.add("Contact", json!({"LastName": format!("Nr {n}")}));
    }
    let (first, next) = told.await_looks(&contacts(), cursor.clone(), 3).await;
    // The transaction that was to keep them came to nothing.
    let (again, _) = told.await_looks(&contacts(), cursor.clone(), 3).await;
    assert_eq!(first.iter().map(|look| &look.id).collect::<Vec<_>>(), again.iter().map(|look| &look.id).collect::<Vec<_>>());
    // Neither does a restart lose any, nor does one that was kept come again.
    let restarted = connect(&told.live, told_settings(told.address, Changes::Auto));
    let (after_restart, _) = await_looks(&*restarted, &contacts(), cursor, 3).await;
    assert_eq!(after_restart.len(), 3);
    told.live.add("Contact", json!({"LastName": "Nr 3"}));
    let restarted = connect(&told.live, told_settings(told.address, Changes::Auto));
    let (rest, _) = await_looks(&*restarted, &contacts(), next, 1).await;
    assert_eq!(rest.iter().map(|look| look.row["LastName"].as_str().unwrap()).collect::<Vec<_>>(), ["Nr 3"]);
}

#[tokio::test]
async fn changes_between_the_first_read_and_the_first_word_are_not_lost() {
    let told = Told::of(&["Contact"]).await;
    let (_, mut cursor) = read_on(&*told.crm, &contacts(), None).await;
    let mut seen = std::collections::BTreeSet::new();
    for n in 0..40 {
        told.live.hands.pass(Duration::from_secs(120));
        told.live.add("Contact", json!({"LastName": format!("Nr {n}")}));
        let (looks, next) = read_on(&*told.crm, &contacts(), Some(cursor)).await;
        seen.extend(looks.into_iter().map(|look| look.id));
        cursor = next;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for _ in 0..TURNS {
        if seen.len() == 40 {
            return;
        }
        let (looks, next) = read_on(&*told.crm, &contacts(), Some(cursor)).await;
        seen.extend(looks.into_iter().map(|look| look.id));
        cursor = next;
        tokio::time::sleep(WORD).await;
    }
    panic!("{} of 40 were seen", seen.len());
}

#[tokio::test]
async fn rows_that_went_are_asked_about_for_they_may_be_merged() {
    let told = Told::of(&["Contact", "Task"]).await;
    let (winner, loser) = (told.live.add("Contact", json!({"LastName": "A"})), told.live.add("Contact", json!({"LastName": "B"})));
    let gone = told.live.add("Contact", json!({"LastName": "C"}));
    let cursor = told.settled(&contacts()).await;
    told.live.sim.merge("Contact", &winner, &[&loser], "").unwrap();
    told.live.sim.delete("Contact", &gone, "").unwrap();
    let (looks, cursor) = told.await_looks(&contacts(), cursor, 2).await;
    let of = |id: &str| looks.iter().find(|look| look.id == id).map(|look| look.existence.clone());
    assert_eq!((of(&loser), of(&gone)), (Some(Existence::MergedInto(winner.clone())), Some(Existence::Deleted)));
    told.live.sim.undelete("Contact", &gone, "").unwrap();
    let (looks, _) = told.await_looks(&contacts(), cursor, 1).await;
    assert_eq!(
        (looks[0].id.as_str(), &looks[0].existence, looks[0].row["LastName"].as_str()),
        (gone.as_str(), &Existence::Present, Some("C"))
    );

    // Tasks cannot be merged: the event is enough.
    let tasks = spec("Task", &["Subject"]);
    let task = told.live.add("Task", json!({"Subject": "Call"}));
    let cursor = told.settled(&tasks).await;
    let before = told.queries();
    told.live.sim.delete("Task", &task, &told.live.sim.users().sales[0]).unwrap();
    let (looks, _) = told.await_looks(&tasks, cursor, 1).await;
    assert_eq!((looks[0].id.as_str(), &looks[0].existence, looks[0].mark.by), (task.as_str(), &Existence::Deleted, Actor::Sales));
    assert_eq!(told.queries(), before);
}

#[tokio::test]
async fn fields_that_events_do_not_carry_are_fetched_for_all_rows_at_once() {
    let told = Told::of(&["Contact"]).await;
    let account = told.live.add("Account", json!({"Name": "Acme"}));
    let people: Vec<String> = (0..30).map(|n| told.live.add("Contact", json!({"LastName": format!("Nr {n}")}))).collect();
    let read = spec("Contact", &["LastName", "AccountId", "Account.Name", "Description"]);
    let cursor = told.settled(&read).await;
    let before = told.queries();
    for id in &people {
        told.live.sim.update("Contact", id, &map(json!({"AccountId": account})), "").unwrap();
    }
    let (looks, cursor) = told.await_looks(&read, cursor, 30).await;
    assert!(looks.iter().all(|look| look.complete && look.row["Account.Name"] == "Acme"));
    assert!(told.queries() - before <= 6, "{} calls for 30 rows", told.queries() - before);
    // A change that leaves the parent alone needs no look at it.
    let before = told.queries();
    told.live.sim.update("Contact", &people[0], &map(json!({"LastName": "New"})), "").unwrap();
    let (looks, cursor) = told.await_looks(&read, cursor, 1).await;
    assert_eq!((looks[0].complete, told.queries()), (false, before));
    // A long text comes as a difference to what was there.
    let long = "x".repeat(2_000);
    told.live.sim.update("Contact", &people[0], &map(json!({"Description": long})), "").unwrap();
    let (looks, _) = told.await_looks(&read, cursor, 1).await;
    assert_eq!(looks[0].row["Description"], long);
}

#[tokio::test]
async fn gaps_are_filled_by_the_rows_themselves() {
    let told = Told::of(&["Contact"]).await;
    let ada = told.live.add("Contact", json!({"LastName": "Ada"}));
    let cursor = told.settled(&contacts()).await;
    told.live.sim.tell_gap("Contact", &ada, Gap::Update);
    let (looks, cursor) = told.await_looks(&contacts(), cursor, 1).await;
    assert_eq!((looks[0].complete, looks[0].row["LastName"].as_str()), (true, Some("Ada")));
    // So much happened that no rows are named: everything since is read.
    told.live.hands.pass(Duration::from_secs(3_600));
    told.live.sim.tell_gap("Contact", &ada, Gap::Overflow);
    let bob = told.live.add("Contact", json!({"LastName": "Bob"}));
    let (looks, cursor) = told.await_looks(&contacts(), cursor, 1).await;
    assert!(looks.iter().any(|look| look.id == bob));
    assert!(cursor.contains("\"replay\""), "the stream goes on: {cursor}");
}

#[tokio::test]
async fn a_place_that_has_aged_out_is_made_good_by_a_poll() {
    let told = Told::of(&["Contact"]).await;
    let cursor = told.settled(&contacts()).await;
    let cursor_of_before = cursor.clone();
    told.live.hands.pass(Duration::from_secs(4 * 24 * 3_600));
    let missed = told.live.add("Contact", json!({"LastName": "Missed"}));
    told.live.sim.forget_events();
    let restarted = connect(&told.live, told_settings(told.address, Changes::Cdc));
    let (looks, _) = await_looks(&*restarted, &contacts(), cursor_of_before, 1).await;
    assert_eq!(looks[0].id, missed);
}

#[tokio::test]
async fn a_stream_that_breaks_off_goes_on_where_it_was() {
    let told = Told::of(&["Contact"]).await;
    let mut cursor = told.settled(&contacts()).await;
    let before = told.queries();
    for n in 0..5 {
        told.live.sim.break_streams();
        if n == 2 {
            told.live.sim.expire_sessions();
        }
        told.live.add("Contact", json!({"LastName": format!("Nr {n}")}));
        // A poll that helps out while the stream is down overlaps, and may show the earlier ones again.
        cursor = told.await_contact(&format!("Nr {n}"), cursor).await;
    }
    assert!(told.queries() - before <= 5, "polls may have helped out while the stream was down");
}

#[tokio::test]
async fn while_the_stream_cannot_be_heard_polls_see_every_change() {
    let told = Told::of(&["Contact"]).await;
    let cursor = told.settled(&contacts()).await;
    told.server.abort();
    told.live.sim.break_streams();
    told.live.hands.pass(Duration::from_secs(60));
    let bob = told.live.add("Contact", json!({"LastName": "Bob"}));
    let (looks, _) = told.await_looks(&contacts(), cursor, 1).await;
    assert!(looks.iter().any(|look| look.id == bob));
}

#[tokio::test]
async fn an_object_that_is_not_selected_is_polled_or_an_error_as_the_connection_says() {
    let told = Told::of(&["Account"]).await;
    let (_, cursor) = read_on(&*told.crm, &contacts(), None).await;
    told.live.hands.pass(Duration::from_secs(60));
    let bob = told.live.add("Contact", json!({"LastName": "Bob"}));
    let (looks, cursor) = told.await_looks(&contacts(), cursor, 1).await;
    assert_eq!(looks[0].id, bob);
    let strict = connect(&told.live, told_settings(told.address, Changes::Cdc));
    let mut error = None;
    for _ in 0..TURNS {
        // Before the stream has said a word, a poll does without it.
        error = strict.page(&contacts(), Some(&cursor), Priority::Backfill).await.err();
        if error.is_some() {
            break;
        }
        tokio::time::sleep(WORD).await;
    }
    let error = error.unwrap();
    assert_eq!(error.class, Class::Configuration);
    assert!(error.advice.contains("Change Data Capture"), "{}", error.advice);
}

#[tokio::test]
async fn the_stream_says_at_once_that_there_is_something_to_read() {
    let told = Told::of(&["Contact"]).await;
    let cursor = told.settled(&contacts()).await;
    assert_eq!(told.crm.stirred(), Vec::<String>::new());
    let id = told.live.add("Contact", json!({"LastName": "Bob"}));
    tokio::time::timeout(Duration::from_secs(30), async {
        while told.crm.stirred().is_empty() {
            told.crm.stir().await;
        }
    })
    .await
    .unwrap();
    assert_eq!(told.crm.stirred(), ["Contact"]);
    let (_, cursor) = told.await_looks(&contacts(), cursor, 1).await;
    let change = update(&id, json!({"LastName": "Robert"}));
    told.crm.write(&target("Contact"), &[change], Priority::Update).await.unwrap();
    let (looks, _) = told.await_looks(&contacts(), cursor, 1).await;
    assert_eq!(looks[0].row["LastName"], "Robert");
}

#[tokio::test]
async fn a_connection_that_is_given_up_stops_listening() {
    let told = Told::of(&["Contact"]).await;
    told.settled(&contacts()).await;
    let left = Arc::downgrade(&told.crm);
    drop(told.crm);
    for _ in 0..TURNS {
        if left.strong_count() == 0 {
            return;
        }
        tokio::time::sleep(WORD).await;
    }
    panic!("somebody holds on to it");
}

#[tokio::test]
async fn custom_objects_and_fields_are_told_as_well() {
    let live = Live::open();
    live.sim.add_object("Car__c", "Car").unwrap();
    for (name, kind) in [
        ("Price__c", FieldType::Currency),
        ("Seats__c", FieldType::Int),
        ("Sold__c", FieldType::Datetime),
        ("Colours__c", FieldType::MultiPicklist),
    ] {
        live.sim.add_field("Car__c", FieldSpec::new(name, kind)).unwrap();
    }
    live.sim.select_changes(&["Car__c"]);
    let (address, server) = live.sim.serve_pubsub(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), WORD).await.unwrap();
    let crm = connect(&live, told_settings(address, Changes::Cdc));
    let told = Told { live, crm, address, server };
    let read = spec("Car__c", &["Name", "Price__c", "Seats__c", "Sold__c", "Colours__c"]);
    let cursor = told.settled(&read).await;
    let car = told.live.add(
        "Car__c",
        json!({"Name": "Beetle", "Price__c": 12.5, "Seats__c": 4, "Sold__c": "2026-01-02T03:04:05Z", "Colours__c": "red;blue"}),
    );
    let (looks, _) = told.await_looks(&read, cursor, 1).await;
    let fetched = told.crm.fetch(&read, &[car], Priority::Update).await.unwrap();
    assert_eq!(Value::Object(looks[0].row.clone()), Value::Object(fetched[0].row.clone()));
}

#[tokio::test]
async fn a_thousand_changes_of_a_day_cost_less_than_polls() {
    const CHANGES: usize = 1_000;
    const BETWEEN: Duration = Duration::from_secs(86);
    // A poll after ten changes is one every quarter of an hour, as by default.
    const A_POLL: usize = 10;
    let told = Told::of(&["Contact"]).await;
    let polling = connect(&told.live, live::settings());
    let people: Vec<String> = (0..200).map(|n| told.live.add("Contact", json!({"LastName": format!("Nr {n}")}))).collect();
    let mut heard = told.settled(&contacts()).await;
    let (_, mut polled) = read_on(&*polling, &contacts(), None).await;
    let (before_told, before_polled) = (told.crm.counts().calls, polling.counts().calls);
    let mut latest = std::collections::BTreeMap::new();
    let mut looks = 0;
    for n in 0..CHANGES {
        told.live.hands.pass(BETWEEN);
        let (id, phone) = (&people[n % people.len()], n.to_string());
        told.live.sim.update("Contact", id, &map(json!({"Phone": phone})), "").unwrap();
        if n % A_POLL == A_POLL - 1 {
            (_, polled) = read_on(&*polling, &contacts(), Some(polled)).await;
            let (found, next) = told.await_looks(&contacts(), heard, A_POLL).await;
            looks += found.len();
            latest.extend(found.into_iter().map(|look| (look.id, look.row["Phone"].clone())));
            heard = next;
        }
    }
    assert_eq!(looks, CHANGES, "each change is told once");
    let is_now = |(id, phone): (&String, &Value)| told.live.sim.get("Contact", id).unwrap()["Phone"] == *phone;
    assert!(latest.len() == people.len() && latest.iter().all(is_now));
    let (told, polled) = (told.crm.counts().calls - before_told, polling.counts().calls - before_polled);
    println!("{told} calls of the quota per {CHANGES} changes told, {polled} polled");
    assert!(told * 10 <= polled * 6, "{told} calls told, {polled} polled");
}

#[tokio::test]
async fn streams_of_tasks_and_events_tell_of_activities_and_leave_those_of_tasks_alone() {
    let told = Told::of(&["Task", "Event"]).await;
    let activities = spec("Activity", &["Kind", "Subject", "Status", "ActivityDate"]);
    let tasks = spec("Task", &["Subject", "Status"]);
    let meeting = |subject: &str| json!({"Subject": subject, "StartDateTime": "2026-01-05T14:00:00Z", "DurationInMinutes": 60});
    let (mut cursor, mut own) = (None, None);
    // Both of its streams, and the one of tasks by themselves, take over.
    for _ in 0..TURNS {
        cursor = Some(read_on(&*told.crm, &activities, cursor).await.1);
        own = Some(read_on(&*told.crm, &tasks, own).await.1);
        let replays = cursor.iter().flat_map(|cursor| cursor.matches("replay")).count();
        if replays == 2 && own.as_ref().is_some_and(|own| own.contains("replay")) {
            break;
        }
        tokio::time::sleep(WORD).await;
    }
    let before = told.queries();
    let task = told.live.add("Task", json!({"Subject": "Call", "TaskSubtype": "Call"}));
    let event = told.live.add("Event", meeting("Kick-off"));
    let (looks, cursor) = told.await_looks(&activities, cursor.unwrap(), 2).await;
    let shown = |id: &str| looks.iter().find(|look| look.id == id).map(|look| (look.complete, Value::Object(look.row.clone()))).unwrap();
    assert_eq!(shown(&task), (true, json!({"Kind": "Call", "Subject": "Call", "Status": "Not Started", "ActivityDate": null})));
    assert_eq!(shown(&event), (true, json!({"Kind": "Meeting", "Subject": "Kick-off", "Status": null, "ActivityDate": "2026-01-05"})));
    let (looks, _) = told.await_looks(&tasks, own.unwrap(), 1).await;
    assert_eq!((looks[0].object.as_str(), looks[0].id.as_str()), ("Task", task.as_str()));
    assert_eq!(told.queries(), before, "events told it all");

    // An invitee's copy is none; what is deleted is gone.
    let mut copy = meeting("Kick-off");
    copy["IsChild"] = json!(true);
    told.live.add("Event", copy);
    told.live.sim.delete("Event", &event, &told.live.sim.users().sales[0]).unwrap();
    let (looks, _) = told.await_looks(&activities, cursor, 2).await;
    assert!(looks.iter().all(|look| look.existence == Existence::Deleted && look.object == "Activity"), "{looks:?}");

    let tried = told.crm.try_streams(&["Activity".to_owned(), "Task".to_owned()]).await;
    let streams: Vec<&str> = tried.iter().map(|tried| tried.stream.as_str()).collect();
    assert_eq!(streams, ["the stream of changes of Event", "the stream of changes of Task"]);
    assert!(tried.iter().all(|tried| tried.outcome.is_ok()));
}
