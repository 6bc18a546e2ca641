//! Polls: what changed since the last one, once each, whatever happens meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use entente_connect::connector::Priority;
use entente_connect::look::Existence;
use entente_sims::faults::Fault;
use entente_sims::intercom::Kind;
use serde_json::json;

use super::workspace::{Workspace, settings};
use crate::stage::rows::{ids, spec};

#[tokio::test]
async fn a_poll_on_the_same_day_sees_the_change_and_ends_where_nothing_is_new() {
    let workspace = Workspace::open();
    let all: Vec<String> = (0..400).map(|at| workspace.contact("Ann", &format!("ann{at}@acme.example"))).collect();
    let read = spec("contact", &["name"]);
    workspace.pass(3_600);
    let (_, cursor) = workspace.read_on(&read, None).await;
    workspace.pass(3_600);
    workspace.edit(Kind::Contact, &all[7], json!({"name": "Anna"}));
    let before = workspace.calls("POST contacts/search");
    let (looks, cursor) = workspace.read_on(&read, Some(cursor)).await;
    // Of the day's 400 rows, only what is younger than the poll before, by its overlap, comes out, and one page is enough to know.
    assert_eq!(ids(&looks), [all[7].as_str()]);
    assert_eq!(workspace.calls("POST contacts/search") - before, 1);
    workspace.pass(3_600);
    let (looks, cursor) = workspace.read_on(&read, Some(cursor)).await;
    assert_eq!(ids(&looks), [all[7].as_str()], "it is within the overlap of the poll that saw it");
    workspace.pass(3_600);
    let (looks, _) = workspace.read_on(&read, Some(cursor)).await;
    assert!(looks.is_empty());
}

#[tokio::test]
async fn a_poll_from_the_present_sees_only_what_comes_after() {
    let workspace = Workspace::open();
    workspace.contact("Ann", "ann@acme.example");
    workspace.pass(60);
    let read = spec("contact", &["name"]);
    let cursor = workspace.desk.present(&read).await.unwrap();
    let ben = workspace.contact("Ben", "ben@acme.example");
    let (looks, _) = workspace.read_on(&read, Some(cursor)).await;
    assert_eq!(ids(&looks), [ben.as_str()]);
}

#[tokio::test]
async fn what_the_index_shows_minutes_later_is_seen_by_a_later_poll() {
    let workspace = Workspace::with(settings(), |options| options.profile.index_lag_ms = 120_000);
    let read = spec("contact", &["name"]);
    let (_, cursor) = workspace.read_on(&read, None).await;
    workspace.pass(10);
    let ann = workspace.contact("Ann", "ann@acme.example");
    workspace.pass(30);
    let (looks, cursor) = workspace.read_on(&read, Some(cursor)).await;
    assert!(looks.is_empty(), "the index does not have it yet");
    workspace.pass(120);
    let (looks, _) = workspace.read_on(&read, Some(cursor)).await;
    assert_eq!(ids(&looks), [ann.as_str()]);
}

#[tokio::test]
async fn what_the_index_shows_is_dated_back_by_its_lag_and_what_is_listed_or_read_by_id_is_not() {
    let workspace = Workspace::with(settings(), |options| options.profile.index_lag_ms = 60_000);
    let read = spec("contact", &["name"]);
    let ann = workspace.contact("First", "ann@acme.example");
    let (listed, cursor) = workspace.read_on(&read, None).await;
    assert_eq!(listed[0].seen_at, workspace.time(), "the list is never behind");
    workspace.pass(600);
    workspace.edit(Kind::Contact, &ann, json!({"name": "Second"}));
    workspace.pass(120);
    let edited = workspace.time();
    workspace.edit(Kind::Contact, &ann, json!({"name": "Third"}));
    workspace.pass(10);

    let (behind, cursor) = workspace.read_on(&read, Some(cursor)).await;
    assert_eq!((&behind[0].row["name"], behind[0].complete), (&json!("Second"), true));
    assert!(behind[0].seen_at < edited, "it was not read after the edit: {}", behind[0].seen_at);
    let fetched = workspace.fetch(&read, &ann).await;
    assert_eq!((&fetched.row["name"], fetched.seen_at), (&json!("Third"), workspace.time()));

    workspace.pass(60);
    let (caught_up, _) = workspace.read_on(&read, Some(cursor)).await;
    assert_eq!((&caught_up[0].row["name"], caught_up[0].seen_at), (&json!("Third"), edited), "it is as new as the change that it shows");
}

#[tokio::test]
async fn tickets_that_a_first_read_has_to_search_for_are_dated_back_too() {
    let workspace = Workspace::with(settings(), |options| options.profile.index_lag_ms = 60_000);
    let ann = workspace.contact("Ann", "ann@acme.example");
    let ty = workspace.sim.ticket_types()[0].0.clone();
    let ticket = workspace.plant(Kind::Ticket, json!({"ticket_type_id": ty, "contacts": [{"id": ann}]}));
    workspace.pass(600);
    let conversation = workspace.conversation(&ann, "Help");
    let (looks, _) = workspace.read_on(&spec("conversation", &["form"]), None).await;
    let seen = |id: &str| looks.iter().find(|look| look.id == id).unwrap().seen_at;
    assert_eq!(seen(&conversation), workspace.time(), "listed");
    let surely = workspace.time().checked_sub(Duration::from_secs(300)).unwrap();
    assert_eq!(seen(&ticket), surely, "searched for");
}

#[tokio::test]
async fn rows_that_change_under_the_walk_are_seen_and_none_is_lost() {
    let workspace = Workspace::open();
    let read = spec("contact", &["name"]);
    let (_, cursor) = workspace.read_on(&read, None).await;
    workspace.pass(600);
    let all: Vec<String> = (0..320).map(|at| workspace.contact("Ann", &format!("ann{at}@acme.example"))).collect();
    let mut seen = BTreeSet::new();
    let mut cursor = Some(cursor);
    for moved in &all {
        let page = workspace.desk.page(&read, cursor.as_ref(), Priority::Backfill).await.unwrap();
        seen.extend(page.looks.iter().map(|look| look.id.clone()));
        cursor = Some(page.next);
        if !page.more {
            break;
        }
        // Rows that were not reached yet move to the front, out of the walk's way.
        workspace.pass(1);
        workspace.edit(Kind::Contact, moved, json!({"name": "Moved"}));
    }
    let (looks, _) = workspace.read_on(&read, cursor).await;
    seen.extend(looks.into_iter().map(|look| look.id));
    assert_eq!(seen, all.into_iter().collect());
}

#[tokio::test]
async fn conversations_tickets_and_what_was_deleted_come_in_one_poll() {
    let workspace = Workspace::open();
    let ann = workspace.contact("Ann", "ann@acme.example");
    let (old, doomed, converted) =
        (workspace.conversation(&ann, "Old"), workspace.conversation(&ann, "Doomed"), workspace.conversation(&ann, "Converted"));
    let read = spec("conversation", &["form", "title"]);
    let (looks, cursor) = workspace.read_on(&read, None).await;
    assert_eq!(looks.len(), 3);
    workspace.pass(3_600);
    let ty = workspace.sim.ticket_types()[0].0.clone();
    let ticket = workspace.plant(Kind::Ticket, json!({"ticket_type_id": ty, "contacts": [{"id": ann}]}));
    workspace.sim.convert(&converted, &ty).unwrap();
    workspace.sim.say(&old, "More", &ann, false).unwrap();
    workspace.sim.delete(Kind::Conversation, &doomed).unwrap();
    workspace.pass(600);
    let (looks, cursor) = workspace.read_on(&read, Some(cursor)).await;
    let told = |id: &str| looks.iter().filter(|look| look.id == id).collect::<Vec<_>>();
    assert_eq!(looks.len(), 4, "{:?}", ids(&looks));
    assert_eq!(told(&old)[0].row["form"], "conversation");
    assert_eq!((told(&ticket)[0].row["form"].clone(), told(&converted)[0].row["form"].clone()), (json!("ticket"), json!("ticket")));
    assert_eq!(told(&doomed)[0].existence, Existence::Deleted);
    workspace.pass(3_600);
    let (looks, _) = workspace.read_on(&read, Some(cursor)).await;
    assert!(looks.is_empty(), "{:?}", ids(&looks));
}

#[tokio::test]
async fn companies_are_scrolled_through_again_when_it_is_due_and_only_changes_come_out() {
    let workspace = Workspace::open();
    let acme = workspace.company("acc_1", "Acme");
    workspace.company("acc_2", "Bolt");
    workspace.pass(3_600);
    let read = spec("company", &["name"]);
    let (looks, cursor) = workspace.read_on(&read, None).await;
    assert_eq!(looks.len(), 2);
    let scrolls = workspace.calls("GET companies/scroll");
    workspace.pass(5);
    let (looks, cursor) = workspace.read_on(&read, Some(cursor)).await;
    assert!(looks.is_empty() && workspace.calls("GET companies/scroll") == scrolls, "it is not due yet");
    workspace.pass(3_600);
    workspace.edit(Kind::Company, &acme, json!({"name": "Acme Ltd"}));
    let (looks, _) = workspace.read_on(&read, Some(cursor)).await;
    assert_eq!((ids(&looks), looks[0].row["name"].clone()), (vec![acme.as_str()], json!("Acme Ltd")));
}

#[tokio::test]
async fn a_scroll_that_ended_or_broke_begins_anew_and_another_one_is_waited_for() {
    let workspace = Workspace::open();
    for at in 0..250 {
        workspace.company(&format!("acc_{at}"), "Acme");
    }
    let read = spec("company", &["name"]);
    let first = workspace.desk.page(&read, None, Priority::Backfill).await.unwrap();
    // It was not used for a minute.
    workspace.pass(61);
    let (looks, _) = workspace.read_on(&read, Some(first.next)).await;
    assert_eq!(looks.len(), 250);
    workspace.faults.order([Fault::ServerError]);
    let (looks, _) = workspace.read_on(&read, None).await;
    assert_eq!(looks.len(), 250);
    // Another program of the same app reads the companies.
    let other = workspace.desk.page(&read, None, Priority::Backfill).await.unwrap();
    assert!(other.more);
    let busy = workspace.desk.page(&read, None, Priority::Backfill).await.unwrap_err();
    assert_eq!((busy.class.name(), busy.code.as_str()), ("wait", "scroll_exists"));
    workspace.pass(61);
    let (looks, _) = workspace.read_on(&read, None).await;
    assert_eq!(looks.len(), 250);
}

#[tokio::test]
async fn polls_under_every_fault_lose_no_row() {
    let workspace = Workspace::open();
    for fault in [
        Fault::TimeoutBefore,
        Fault::TimeoutAfter,
        Fault::TooMany,
        Fault::QuotaExhausted,
        Fault::ServerError,
        Fault::Unavailable,
        Fault::HalfPage,
    ] {
        workspace.faults.set_calls(fault, 60);
    }
    let mut cursors = [None, None, None];
    let mut seen = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
    let mut made = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
    for round in 0..8 {
        for at in 0..40 {
            let contact = workspace.contact("Ann", &format!("ann{round}.{at}@acme.example"));
            made[1].insert(workspace.company(&format!("acc_{round}_{at}"), "Acme"));
            made[2].insert(workspace.conversation(&contact, "Help"));
            made[0].insert(contact);
        }
        for (at, object) in ["contact", "company", "conversation"].into_iter().enumerate() {
            let read = spec(object, &["id"]);
            loop {
                match workspace.desk.page(&read, cursors[at].as_ref(), Priority::Backfill).await {
                    Ok(page) => {
                        seen[at].extend(page.looks.into_iter().map(|look| look.id));
                        cursors[at] = Some(page.next);
                        if !page.more {
                            break;
                        }
                    }
                    Err(error) => {
                        assert!(matches!(error.class.name(), "wait" | "retry"), "{object}: {error}");
                        workspace.pass(11);
                    }
                }
            }
        }
        workspace.pass(400);
    }
    // One more poll, undisturbed, past the pause between scrolls.
    workspace.faults.clear();
    workspace.pass(400);
    for (at, object) in ["contact", "company", "conversation"].into_iter().enumerate() {
        let (looks, _) = workspace.read_on(&spec(object, &["id"]), cursors[at].take()).await;
        seen[at].extend(looks.into_iter().map(|look| look.id));
    }
    assert_eq!(seen, made);
}
