//! First reads of many rows by search: nothing is missed that comes, changes, goes, or is not in the index yet, and others get their searches.

use std::collections::{BTreeMap, BTreeSet};

use entente_connect::connector::Priority;
use entente_connect::look::{Existence, Look, ReadSpec};
use entente_sims::faults::Fault;
use serde_json::json;

use super::portal::{Portal, contacts, oauth, settings};
use crate::stage::rows::spec;

/// Path of a search of contacts, and of their list.
const SEARCH: &str = "POST objects/contacts/search";
const LIST: &str = "GET objects/contacts";

/// Contacts of one instant.
fn crowd(portal: &Portal, many: usize) -> Vec<String> {
    (0..many).map(|n| portal.plant("contacts", json!({"email": format!("{n}@example.com")}))).collect()
}

/// Everything that a first read shows, and where polls go on.
async fn first_read(portal: &Portal, read: &ReadSpec) -> (Vec<Look>, String) {
    portal.read_on(read, portal.crm.first_read_from(read)).await
}

fn times(looks: &[Look]) -> BTreeMap<&str, usize> {
    let mut times = BTreeMap::new();
    looks.iter().for_each(|look| *times.entry(look.id.as_str()).or_default() += 1);
    times
}

#[tokio::test]
async fn twelve_thousand_rows_of_one_instant_are_read_once_each_by_the_fewest_searches() {
    let portal = Portal::with(settings(oauth()), |options| options.profile.limits = true);
    let ids = crowd(&portal, 12_000);
    let acme = portal.plant("companies", json!({"name": "Acme"}));
    for id in ids.iter().step_by(1_000) {
        portal.sim.associate(("contacts", id), ("companies", &acme), true, portal.person()).unwrap();
    }
    portal.pass(3_600);
    let read = contacts(&["email", "associations.companies"]);
    portal.crm.describe("contacts").await.unwrap();
    let began = portal.time();
    let (looks, _) = first_read(&portal, &read).await;
    let times = times(&looks);
    assert_eq!((times.len(), times.values().max()), (12_000, Some(&1)));
    assert_eq!((portal.calls(SEARCH), portal.calls(LIST)), (60, 0));
    assert_eq!(portal.calls("POST associations/contacts/companies/batch/read"), 12, "the companies of a thousand rows at a time");
    let at_acme = looks.iter().filter(|look| look.row["associations.companies"] == json!(acme)).count();
    assert_eq!(at_acme, 12);
    let seconds = portal.time().duration_since(began).as_secs();
    assert!((19..=21).contains(&seconds), "three searches a second: {seconds} s");
    assert_eq!(portal.sim.calls().limited, 0);
}

#[tokio::test]
async fn a_small_account_is_read_from_the_list_which_is_never_behind() {
    let portal = Portal::with(settings(oauth()), |options| options.profile.index_lag_ms = 8_000);
    crowd(&portal, 150);
    // None of them is in the index.
    let (looks, _) = first_read(&portal, &contacts(&["email"])).await;
    assert_eq!((looks.len(), portal.calls(SEARCH), portal.calls(LIST)), (150, 1, 2));
}

#[tokio::test]
async fn what_comes_changes_or_goes_meanwhile_is_seen() {
    let portal = Portal::open();
    let ids = crowd(&portal, 3_000);
    portal.pass(3_600);
    let read = contacts(&["email", "firstname"]);
    let start = portal.crm.first_read_from(&read);
    portal.faults.order([Fault::HalfPage]);
    let first = portal.crm.page(&read, start.as_ref(), Priority::Backfill).await.unwrap();
    assert!(first.more && first.total == Some(3_000), "{:?}", first.total);
    portal.pass(1);
    let newcomer = portal.plant("contacts", json!({"email": "late@example.com"}));
    portal.edit("contacts", &ids[0], json!({"firstname": "Changed"}));
    portal.sim.archive("contacts", &ids[1], portal.person()).unwrap();
    portal.sim.archive("contacts", &ids[2_999], portal.person()).unwrap();
    portal.sim.merge("contacts", &ids[2_000], &ids[5], portal.person()).unwrap();
    let (rest, cursor) = portal.read_on(&read, Some(first.next)).await;
    let looks: Vec<Look> = first.looks.into_iter().chain(rest).collect();
    let seen = times(&looks);
    assert!(ids[..2_999].iter().chain([&newcomer]).all(|id| seen.contains_key(id.as_str())), "each row, the newcomer too");
    assert!(!seen.contains_key(ids[2_999].as_str()) && portal.calls(LIST) == 0);

    portal.pass(60);
    let (poll, _) = portal.read_on(&read, Some(cursor)).await;
    let state = |id: &str| poll.iter().find(|look| look.id == id).map(|look| look.existence.clone());
    assert_eq!(poll.iter().find(|look| look.id == ids[0]).unwrap().row["firstname"], "Changed");
    assert_eq!((state(&ids[1]), state(&ids[2_999])), (Some(Existence::Deleted), Some(Existence::Deleted)));
    assert_eq!(state(&ids[5]), Some(Existence::MergedInto(ids[2_000].clone())));
}

#[tokio::test]
async fn what_the_index_does_not_show_yet_comes_with_the_poll_behind_the_read() {
    let portal = Portal::with(settings(oauth()), |options| options.profile.index_lag_ms = 120_000);
    let ids = crowd(&portal, 2_500);
    portal.pass(3_600);
    let fresh = portal.plant("contacts", json!({"email": "fresh@example.com"}));
    portal.edit("contacts", &ids[7], json!({"firstname": "Fresh"}));
    let edited = portal.time();
    portal.pass(1);
    let read = contacts(&["email", "firstname"]);
    let (looks, cursor) = first_read(&portal, &read).await;
    assert_eq!(looks.len(), 2_500, "the newest is not in the index");
    let changed = looks.iter().find(|look| look.id == ids[7]).unwrap();
    assert!(changed.row["firstname"].is_null(), "and what it shows of a changed row is old");
    assert!(changed.seen_at < edited, "and not of a moment after the change");

    portal.pass(15 * 60);
    let (poll, _) = portal.read_on(&read, Some(cursor)).await;
    let ids_of: BTreeSet<&str> = poll.iter().map(|look| look.id.as_str()).collect();
    assert_eq!(ids_of, BTreeSet::from([fresh.as_str(), ids[7].as_str()]));
    let now = poll.iter().find(|look| look.id == ids[7]).unwrap();
    assert_eq!(now.row["firstname"], "Fresh");
    assert!(now.version > changed.version, "what is newer is known as newer");
}

#[tokio::test]
async fn an_index_that_loses_rows_is_not_believed() {
    let portal = Portal::open();
    let ids = crowd(&portal, 3_000);
    portal.pass(3_600);
    let read = contacts(&["email"]);
    let first = portal.crm.page(&read, portal.crm.first_read_from(&read).as_ref(), Priority::Backfill).await.unwrap();
    // Five hundred are gone at once: archived, or no longer in the index.
    for id in &ids[2_000..2_500] {
        portal.sim.archive("contacts", id, portal.person()).unwrap();
    }
    let (rest, _) = portal.read_on(&read, Some(first.next)).await;
    let seen: BTreeSet<&str> = rest.iter().map(|look| look.id.as_str()).collect();
    assert_eq!((seen.len(), portal.calls(LIST)), (2_500, 25), "the list is gone through from its beginning");
}

#[tokio::test]
async fn whoever_else_searches_goes_first() {
    let portal = Portal::with(settings(oauth()), |options| options.profile.limits = true);
    crowd(&portal, 4_000);
    portal.pass(3_600);
    let (read, companies) = (contacts(&["email"]), spec("companies", &["name"]));
    let (_, mut cursor) = portal.read_on(&companies, None).await;
    let reading = async { first_read(&portal, &read).await.0.len() };
    let polling = async {
        for _ in 0..10 {
            cursor = portal.read_on(&companies, Some(cursor.clone())).await.1;
        }
    };
    let (rows, ()) = tokio::join!(reading, polling);
    assert_eq!((rows, portal.sim.calls().limited), (4_000, 0));
}

#[tokio::test]
async fn whoever_has_more_fields_than_a_search_takes_reads_the_list() {
    let portal = Portal::open();
    let names: Vec<String> = (0..80).map(|n| format!("a_rather_long_name_of_a_custom_property_{n}")).collect();
    let read = contacts(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(portal.crm.first_read_from(&read), None);
    assert!(portal.crm.first_read_from(&contacts(&["email"])).is_some());
    assert_eq!(portal.crm.first_read_from(&spec("engagements", &["subject"])), None);
}
