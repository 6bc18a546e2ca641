//! Polls: every row once or more, never none, past every wall.

use std::collections::BTreeSet;

use entente_connect::connector::Priority;
use entente_connect::look::Existence;
use entente_sims::faults::Fault;
use entente_sims::freshdesk::Kind;
use serde_json::json;

use super::account::{Account, settings};
use crate::stage::rows::{ids, spec};

#[tokio::test]
async fn tickets_older_than_a_month_are_read_and_the_wall_of_pages_is_never_met() {
    let account = Account::open();
    let mut made = vec![account.ticket("Old")];
    account.pass(40 * 86_400);
    for n in 0..450 {
        made.push(account.ticket(&format!("T {n}")));
        if n % 50 == 0 {
            account.pass(1);
        }
    }
    let (looks, _) = account.read_on(&spec("ticket", &["subject"]), None).await;
    let seen: BTreeSet<&str> = ids(&looks).into_iter().collect();
    assert_eq!((seen.len(), looks.len()), (451, 451), "each once");
    assert!(made.iter().all(|id| seen.contains(id.as_str())));
    let sent = account.line.sent.lock().unwrap();
    assert!(sent.iter().all(|(call, _)| !call.contains("page=300")));
}

#[tokio::test]
async fn more_tickets_of_one_second_than_a_page_holds_are_paged_by_number() {
    let account = Account::open();
    for n in 0..250 {
        account.ticket(&format!("T {n}"));
    }
    account.pass(5);
    account.ticket("Later");
    account.pass(100);
    let (looks, cursor) = account.read_on(&spec("ticket", &["subject"]), None).await;
    assert_eq!(ids(&looks).into_iter().collect::<BTreeSet<_>>().len(), 251);
    account.pass(600);
    let (none, _) = account.read_on(&spec("ticket", &["subject"]), Some(cursor)).await;
    assert!(none.is_empty(), "{}", none.len());
}

#[tokio::test]
async fn tickets_that_change_while_a_walk_goes_on_hide_none() {
    let account = Account::open();
    let made: Vec<String> = (0..300)
        .map(|n| {
            account.pass(1);
            account.ticket(&format!("T {n}"))
        })
        .collect();
    let read = spec("ticket", &["subject", "priority"]);
    // The vendor's clock is known from here on: the fault meets the list.
    account.desk.present(&read).await.unwrap();
    account.faults.order([Fault::HalfPage]);
    let first = account.desk.page(&read, None, Priority::Backfill).await.unwrap();
    assert_eq!((first.looks.len(), first.more), (50, true), "a short page is not the last one");
    account.pass(5);
    for id in &made[..40] {
        account.edit(Kind::Ticket, id, json!({"priority": 3}));
    }
    let (rest, _) = account.read_on(&read, Some(first.next)).await;
    let seen: BTreeSet<&str> = ids(&first.looks).into_iter().chain(ids(&rest)).collect();
    assert!(made.iter().all(|id| seen.contains(id.as_str())));
    assert_eq!(rest.iter().filter(|look| look.row["priority"] == "3").count(), 40);
}

#[tokio::test]
async fn contacts_that_vanish_while_pages_are_read_do_not_hide_others() {
    let account = Account::open();
    let made: Vec<String> = (0..250).map(|n| account.contact(&format!("C {n:03}"), &format!("c{n}@customer.example"))).collect();
    let read = spec("contact", &["name"]);
    account.pass(100);
    let first = account.desk.page(&read, None, Priority::Backfill).await.unwrap();
    account.pass(1);
    // Every later one moves forward by ten places, over the edge of the page.
    for id in &made[..10] {
        account.sim.delete(Kind::Contact, id.parse().unwrap()).unwrap();
    }
    let (rest, _) = account.read_on(&read, Some(first.next)).await;
    let seen: BTreeSet<&str> = ids(&first.looks).into_iter().chain(ids(&rest)).collect();
    assert!(made.iter().all(|id| seen.contains(id.as_str())), "{}", seen.len());
}

#[tokio::test]
async fn polls_see_what_changed_and_what_was_set_aside() {
    let account = Account::open();
    let (kept, gone, junk) = (account.ticket("Kept"), account.ticket("Gone"), account.ticket("Junk"));
    let read = spec("ticket", &["subject", "status"]);
    let (_, cursor) = account.read_on(&read, None).await;
    account.pass(600);
    account.edit(Kind::Ticket, &kept, json!({"status": 4}));
    account.sim.delete(Kind::Ticket, gone.parse().unwrap()).unwrap();
    account.sim.mark_spam(junk.parse().unwrap()).unwrap();
    account.pass(100);
    let (looks, cursor) = account.read_on(&read, Some(cursor)).await;
    assert_eq!(ids(&looks), [kept.as_str(), &gone, &junk]);
    assert_eq!(looks[0].row["status"], "4");
    assert!(looks[1..].iter().all(|look| look.existence == Existence::Deleted));
    account.pass(600);
    assert!(account.read_on(&read, Some(cursor)).await.0.is_empty());
}

#[tokio::test]
async fn a_merged_contact_is_told_with_who_has_its_address() {
    let account = Account::open();
    let (ann, lee, bob) = (
        account.contact("Ann", "ann@customer.example"),
        account.contact("Lee", "lee@customer.example"),
        account.contact("Bob", "bob@customer.example"),
    );
    let read = spec("contact", &["name"]);
    let (_, cursor) = account.read_on(&read, None).await;
    account.pass(600);
    account.sim.merge_contacts(ann.parse().unwrap(), lee.parse().unwrap()).unwrap();
    account.sim.delete(Kind::Contact, bob.parse().unwrap()).unwrap();
    let (looks, _) = account.read_on(&read, Some(cursor)).await;
    let fate = |id: &str| looks.iter().find(|look| look.id == id).map(|look| look.existence.clone());
    assert_eq!(fate(&lee), Some(Existence::MergedInto(ann.clone())));
    assert_eq!((fate(&bob), fate(&ann)), (Some(Existence::Deleted), Some(Existence::Present)));
    let fetched = account.desk.fetch(&read, &[lee, bob], Priority::Update).await.unwrap();
    assert_eq!([&fetched[0].existence, &fetched[1].existence], [&Existence::MergedInto(ann), &Existence::Deleted]);
}

#[tokio::test]
async fn the_present_hides_what_came_before() {
    let account = Account::open();
    account.contact("Old", "old@customer.example");
    account.pass(2);
    let read = spec("contact", &["name"]);
    let present = account.desk.present(&read).await.unwrap();
    let id = account.contact("New", "new@customer.example");
    let (looks, _) = account.read_on(&read, Some(present)).await;
    assert_eq!(ids(&looks), [id.as_str()]);
}

#[tokio::test]
async fn an_account_that_knows_the_old_filter_alone_is_asked_for_it_once() {
    let account = Account::with(settings(), |options| options.old_contact_filter = true);
    let read = spec("contact", &["name"]);
    let (_, mut cursor) = account.read_on(&read, None).await;
    for n in 0..3 {
        account.pass(600);
        account.contact(&format!("C {n}"), &format!("c{n}@customer.example"));
        account.pass(100);
        let (looks, next) = account.read_on(&read, Some(cursor)).await;
        assert_eq!(looks.len(), 1);
        cursor = next;
    }
    let refused =
        account.line.sent.lock().unwrap().iter().filter(|(call, _)| call.contains("?") && call.contains("&updated_since=")).count();
    assert_eq!(refused, 1);
}

#[tokio::test]
async fn a_clock_that_is_off_moves_nothing() {
    let account = Account::with(settings(), |options| options.clock = options.clock.with_offset(-90_000));
    let read = spec("company", &["name"]);
    let (_, cursor) = account.read_on(&read, None).await;
    account.pass(120);
    let id = account.plant(Kind::Company, json!({"name": "Acme"}));
    account.pass(1);
    let (looks, _) = account.read_on(&read, Some(cursor)).await;
    assert_eq!(ids(&looks), [id.as_str()]);
    let told = looks[0].mark.at.unwrap();
    assert!(told.duration_since(account.time()).abs() < jiff_span(5), "{told}");
}

fn jiff_span(seconds: i64) -> jiff::SignedDuration {
    jiff::SignedDuration::from_secs(seconds)
}

#[tokio::test]
async fn whom_somebody_blocked_is_in_no_list_and_is_shown_to_whoever_asks() {
    let account = Account::open();
    let read = spec("contact", &["name", "job_title"]);
    let (blocked, other) = (account.contact("B", "b@customer.example"), account.contact("O", "o@customer.example"));
    account.pass(100);
    let (_, cursor) = account.read_on(&read, None).await;
    account.pass(600);
    account.sim.block_contact(blocked.parse().unwrap()).unwrap();
    account.pass(600);
    let (changed, cursor) = account.read_on(&read, Some(cursor)).await;
    assert!(!ids(&changed).contains(&blocked.as_str()), "{changed:?}");
    let (all, _) = account.read_on(&read, None).await;
    assert_eq!(ids(&all), [other.as_str()], "nor in a complete read");
    let look = account.desk.fetch(&read, std::slice::from_ref(&blocked), Priority::Update).await.unwrap().remove(0);
    assert_eq!((look.existence, &look.row["name"]), (Existence::Present, &json!("B")), "nobody takes it for deleted");
    // Unblocked, it is in the lists again.
    account.sim.unblock_contact(blocked.parse().unwrap()).unwrap();
    account.pass(600);
    let (changed, _) = account.read_on(&read, Some(cursor)).await;
    assert!(ids(&changed).contains(&blocked.as_str()));
    let notes = account.desk.spec().capabilities("contact").unwrap().notes;
    assert!(notes.iter().any(|note| note.contains("blocked contacts are in no list")), "{notes:?}");
}
