//! The webhooks journal: polls that cost the account nothing.

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::look::{Existence, Look, ReadSpec};
use entente_connect::scopes::Granted;
use entente_connect::settings::{ConnectionSettings, HubSpotChanges, HubSpotSettings};
use entente_sims::faults::Fault;
use serde_json::json;

use super::portal::{Portal, contacts, key, oauth, settings};
use crate::stage::rows::spec;

/// A day, in seconds.
const DAY: u64 = 24 * 3_600;

fn reading() -> ConnectionSettings {
    ConnectionSettings { hubspot: HubSpotSettings { changes: HubSpotChanges::Journal }, ..settings(oauth()) }
}

fn open() -> Portal {
    Portal::with(reading(), |_| {})
}

/// Calls that draw on the account's quota.
fn spent(portal: &Portal) -> u64 {
    portal
        .sim
        .calls()
        .by_route
        .iter()
        .filter(|(route, _)| !route.contains("journal") && !route.contains("oauth"))
        .map(|(_, calls)| calls)
        .sum()
}

fn searches(portal: &Portal) -> u64 {
    portal.calls("POST objects/contacts/search")
}

/// Something happens that the journal writes down, and everything settles: from here on it alone is read.
async fn settled(portal: &Portal, read: &ReadSpec) -> String {
    let (_, cursor) = portal.read_on(read, None).await;
    portal.plant("contacts", json!({"email": "first@example.com"}));
    portal.pass(2);
    let (_, cursor) = portal.read_on(read, Some(cursor)).await;
    portal.pass(301);
    let (_, cursor) = portal.read_on(read, Some(cursor)).await;
    let (_, cursor) = portal.read_on(read, Some(cursor)).await;
    cursor
}

fn values<'a>(looks: &'a [Look], field: &str) -> Vec<(&'a str, &'a str)> {
    looks.iter().map(|look| (look.id.as_str(), look.row[field].as_str().unwrap_or_default())).collect()
}

#[tokio::test]
async fn a_poll_without_news_costs_the_account_nothing_and_a_change_one_call() {
    let portal = open();
    let read = contacts(&["email", "firstname"]);
    let mut cursor = settled(&portal, &read).await;
    let (before, searched) = (spent(&portal), searches(&portal));
    for _ in 0..4 {
        portal.pass(60);
        (_, cursor) = portal.read_on(&read, Some(cursor)).await;
    }
    assert_eq!(spent(&portal), before, "four polls");
    let id = portal.plant("contacts", json!({"email": "new@example.com", "firstname": "New"}));
    portal.edit("contacts", &id, json!({"firstname": "Newer"}));
    portal.pass(2);
    let (looks, _) = portal.read_on(&read, Some(cursor)).await;
    assert_eq!(values(&looks, "firstname"), [(id.as_str(), "Newer")], "both changes are one look");
    assert_eq!((spent(&portal) - before, searches(&portal) - searched), (1, 0), "its row is fetched, and nothing is searched");
}

#[tokio::test]
async fn everything_that_can_happen_to_a_row_is_told() {
    let portal = open();
    let read = contacts(&["email", "associations.companies"]);
    let cursor = settled(&portal, &read).await;
    let company = portal.plant("companies", json!({"name": "One"}));
    let [kept, lost, gone, erased] =
        ["kept", "lost", "gone", "erased"].map(|name| portal.plant("contacts", json!({"email": format!("{name}@example.com")})));
    portal.pass(2);
    let (_, cursor) = portal.read_on(&read, Some(cursor)).await;
    portal.sim.associate(("contacts", &kept), ("companies", &company), true, portal.person()).unwrap();
    portal.sim.merge("contacts", &kept, &lost, portal.person()).unwrap();
    portal.sim.archive("contacts", &gone, portal.person()).unwrap();
    portal.sim.erase(&erased, portal.person()).unwrap();
    portal.pass(2);
    let (looks, cursor) = portal.read_on(&read, Some(cursor)).await;
    let of = |id: &str| looks.iter().find(|look| look.id == id).unwrap_or_else(|| panic!("{id} in {looks:?}"));
    assert_eq!(of(&kept).row["associations.companies"], json!(company));
    assert_eq!(of(&lost).existence, Existence::MergedInto(kept.clone()));
    assert_eq!((&of(&gone).existence, &of(&erased).existence), (&Existence::Deleted, &Existence::Erased));
    portal.sim.restore("contacts", &gone, portal.person()).unwrap();
    portal.pass(2);
    let (looks, _) = portal.read_on(&read, Some(cursor)).await;
    assert_eq!((looks.len(), &looks[0].existence), (1, &Existence::Present));
}

#[tokio::test]
async fn doubles_and_disorder_change_nothing() {
    let portal = open();
    let read = contacts(&["firstname"]);
    let cursor = settled(&portal, &read).await;
    portal.sim.untidy_journal(true);
    let id = portal.plant("contacts", json!({"email": "a@example.com", "firstname": "First"}));
    for name in ["Second", "Third"] {
        portal.edit("contacts", &id, json!({"firstname": name}));
    }
    let gone = portal.plant("contacts", json!({"email": "b@example.com"}));
    portal.sim.archive("contacts", &gone, portal.person()).unwrap();
    portal.pass(2);
    let (looks, _) = portal.read_on(&read, Some(cursor)).await;
    let shown: Vec<(&str, &Existence)> = looks.iter().map(|look| (look.id.as_str(), &look.existence)).collect();
    assert_eq!(shown, [(id.as_str(), &Existence::Present), (gone.as_str(), &Existence::Deleted)], "one look at each row, as it is now");
    assert_eq!(looks[0].row["firstname"], "Third");
}

#[tokio::test]
async fn what_was_handed_out_comes_again_until_it_is_kept() {
    let portal = open();
    let read = contacts(&["firstname"]);
    let cursor = settled(&portal, &read).await;
    let id = portal.plant("contacts", json!({"email": "a@example.com", "firstname": "Ada"}));
    portal.pass(2);
    for _ in 0..2 {
        let (looks, _) = portal.read_on(&read, Some(cursor.clone())).await;
        assert_eq!(values(&looks, "firstname"), [(id.as_str(), "Ada")]);
    }
}

#[tokio::test]
async fn an_offset_that_has_expired_is_made_good_by_a_search_and_a_look_at_the_archive() {
    let portal = open();
    let read = contacts(&["firstname"]);
    let cursor = settled(&portal, &read).await;
    let doomed = portal.plant("contacts", json!({"email": "doomed@example.com"}));
    portal.pass(2);
    let (_, cursor) = portal.read_on(&read, Some(cursor)).await;
    // Nobody is there for four days; the journal remembers three.
    let id = portal.plant("contacts", json!({"email": "missed@example.com", "firstname": "Missed"}));
    portal.sim.archive("contacts", &doomed, portal.person()).unwrap();
    portal.pass(2);
    let other = portal.crm.page(&spec("companies", &["name"]), None, Priority::Backfill).await.unwrap();
    assert!(other.looks.is_empty(), "somebody else's poll lets the journal move on");
    portal.pass(4 * DAY);
    portal.plant("contacts", json!({"email": "late@example.com", "firstname": "Late"}));
    portal.pass(2);
    let before = searches(&portal);
    let (looks, cursor) = portal.read_on(&read, Some(cursor)).await;
    assert!(searches(&portal) > before, "a search fills the gap");
    let of = |wanted: &str| looks.iter().find(|look| look.id == wanted).map(|look| &look.existence);
    assert_eq!((of(&id), of(&doomed)), (Some(&Existence::Present), Some(&Existence::Deleted)), "{looks:?}");
    // From here on the journal tells again.
    portal.pass(301);
    let (_, cursor) = portal.read_on(&read, Some(cursor)).await;
    let before = searches(&portal);
    portal.edit("contacts", &id, json!({"firstname": "Found"}));
    portal.pass(2);
    let (looks, _) = portal.read_on(&read, Some(cursor)).await;
    assert_eq!((values(&looks, "firstname"), searches(&portal)), (vec![(id.as_str(), "Found")], before));
}

#[tokio::test]
async fn a_change_that_search_did_not_show_yet_when_the_offset_was_taken_is_not_lost() {
    let portal = Portal::with(reading(), |options| options.profile.index_lag_ms = 20_000);
    let read = contacts(&["firstname"]);
    let (_, cursor) = portal.read_on(&read, None).await;
    let id = portal.plant("contacts", json!({"email": "a@example.com", "firstname": "Hidden"}));
    // Written down in the journal, and in no index: the offset that is taken over now lies behind it.
    portal.pass(2);
    let (looks, cursor) = portal.read_on(&read, Some(cursor)).await;
    assert!(looks.is_empty(), "{looks:?}");
    portal.pass(60);
    let (looks, cursor) = portal.read_on(&read, Some(cursor)).await;
    assert!(looks.is_empty(), "the journal told of it before: {looks:?}");
    portal.pass(301);
    let (looks, _) = portal.read_on(&read, Some(cursor)).await;
    assert_eq!(values(&looks, "firstname"), [(id.as_str(), "Hidden")], "search has caught up and is asked once more");
}

#[tokio::test]
async fn polls_see_to_changes_while_the_journal_cannot_be_read() {
    let portal = open();
    let read = contacts(&["firstname"]);
    let cursor = settled(&portal, &read).await;
    let id = portal.plant("contacts", json!({"email": "a@example.com", "firstname": "Ada"}));
    portal.pass(2);
    portal.faults.order([Fault::Unavailable]);
    let (looks, cursor) = portal.read_on(&read, Some(cursor)).await;
    assert!(values(&looks, "firstname").contains(&(id.as_str(), "Ada")), "{looks:?}");
    portal.edit("contacts", &id, json!({"firstname": "Eve"}));
    portal.pass(2);
    let before = searches(&portal);
    let (looks, _) = portal.read_on(&read, Some(cursor)).await;
    assert_eq!((values(&looks, "firstname"), searches(&portal)), (vec![(id.as_str(), "Eve")], before), "it goes on where it was");
}

#[tokio::test]
async fn objects_of_the_portal_s_own_and_engagements_are_told_of_too() {
    let portal = open();
    let ty = portal
        .sim
        .define(&json!({
            "name": "car", "labels": {"singular": "Car", "plural": "Cars"}, "requiredProperties": [], "associatedObjects": ["CONTACT"],
            "properties": [{"name": "model_name", "label": "Model", "type": "string", "fieldType": "text"}],
        }))
        .unwrap();
    for (object, read, made) in [
        ("car", spec("car", &["model_name"]), json!({"model_name": "Beetle"})),
        ("notes", spec("engagements", &["body"]), json!({"hs_note_body": "Hello", "hs_timestamp": "2026-01-05T09:00:00Z"})),
    ] {
        let (_, cursor) = portal.read_on(&read, None).await;
        portal.plant(object, made.clone());
        portal.pass(2);
        let (_, cursor) = portal.read_on(&read, Some(cursor)).await;
        portal.pass(301);
        let (_, cursor) = portal.read_on(&read, Some(cursor)).await;
        let before = portal.sim.calls().by_route.iter().filter(|(route, _)| route.contains("search")).map(|(_, calls)| calls).sum::<u64>();
        let id = portal.plant(object, made);
        portal.pass(2);
        let (looks, _) = portal.read_on(&read, Some(cursor)).await;
        assert_eq!((looks.len(), looks[0].id.ends_with(&id)), (1, true), "{object}: {looks:?}");
        let after = portal.sim.calls().by_route.iter().filter(|(route, _)| route.contains("search")).map(|(_, calls)| calls).sum::<u64>();
        assert_eq!(after, before, "{object} of {ty}");
    }
}

#[tokio::test]
async fn whoever_waits_is_woken_by_what_the_journal_has() {
    let portal = open();
    let read = contacts(&["firstname"]);
    settled(&portal, &read).await;
    assert!(portal.crm.stirred().is_empty());
    portal.plant("contacts", json!({"email": "a@example.com"}));
    portal.pass(6);
    portal.crm.stir().await;
    assert!(portal.crm.stirred().contains(&"contacts".to_owned()));
}

#[tokio::test]
async fn whoever_waits_is_woken_by_the_first_file_that_there_ever_is() {
    let portal = open();
    let read = contacts(&["firstname"]);
    let (_, cursor) = portal.read_on(&read, None).await;
    let id = portal.plant("contacts", json!({"email": "a@example.com", "firstname": "First"}));
    portal.pass(6);
    portal.crm.stir().await;
    assert_eq!(portal.crm.stirred(), ["contacts"]);
    let (looks, cursor) = portal.read_on(&read, Some(cursor)).await;
    assert_eq!((values(&looks, "firstname"), portal.crm.stirred().len()), (vec![(id.as_str(), "First")], 0));
    // From here on it is behind this file, without a poll in between.
    portal.edit("contacts", &id, json!({"firstname": "Second"}));
    portal.pass(6);
    portal.crm.stir().await;
    assert!(portal.crm.stirred().contains(&"contacts".to_owned()));
    let before = searches(&portal);
    let (looks, _) = portal.read_on(&read, Some(cursor)).await;
    assert_eq!((values(&looks, "firstname"), searches(&portal)), (vec![(id.as_str(), "Second")], before));
}

#[tokio::test]
async fn what_the_journal_needs_is_said() {
    let keyed = ConnectionSettings { auth: key(), ..reading() };
    let refused = Portal::connect(keyed, |_| {}).err().unwrap();
    assert!(refused.contains("OAuth app") && refused.contains("refresh_token"), "{refused}");
    let portal = Portal::with(reading(), |options| options.app_scopes.clear());
    let error = portal.crm.page(&contacts(&["email"]), None, Priority::Backfill).await.unwrap_err();
    assert_ne!(error.class, Class::Data);
    assert!(!error.message.contains("hubspot-secret"), "{error}");
}

#[tokio::test]
async fn the_journal_s_scopes_are_the_app_s_and_are_told_with_the_account_s() {
    let of_journal = async |portal: &Portal| {
        let Granted::Known(granted) = portal.crm.granted().await.unwrap() else { panic!("an app's scopes are known") };
        assert!(granted.iter().any(|scope| scope == "crm.objects.contacts.read"), "{granted:?}");
        granted.into_iter().filter(|scope| scope.starts_with("developer.webhooks_journal")).count()
    };
    assert_eq!(of_journal(&open()).await, 3);
    assert_eq!(of_journal(&Portal::with(reading(), |options| options.app_scopes.clear())).await, 0);
    assert_eq!(of_journal(&Portal::with(settings(oauth()), |_| {})).await, 0, "nobody reads it");
}

#[tokio::test]
async fn whoever_comes_into_a_list_or_leaves_it_is_told_of() {
    let portal = open();
    let manual = |name: &str| json!({"name": name, "objectTypeId": "0-1", "processingType": "MANUAL"});
    let partners = portal.sim.make_list(&manual("Partners")).unwrap();
    let read = contacts(&["email", "lists.names"]);
    let cursor = settled(&portal, &read).await;
    let ada = portal.plant("contacts", json!({"email": "ada@example.com"}));
    portal.pass(2);
    let (_, cursor) = portal.read_on(&read, Some(cursor)).await;
    let searched = searches(&portal);
    portal.sim.change_members(partners, std::slice::from_ref(&ada), &[]).unwrap();
    portal.pass(2);
    let (looks, cursor) = portal.read_on(&read, Some(cursor)).await;
    let shown = |looks: &[Look]| looks.iter().map(|look| (look.id.clone(), look.row["lists.names"].clone())).collect::<Vec<_>>();
    assert_eq!(shown(&looks), [(ada.clone(), json!(["Partners"]))], "a contact's stamp does not move for it, and no search would show it");
    portal.sim.change_members(partners, &[], std::slice::from_ref(&ada)).unwrap();
    portal.pass(2);
    let (looks, cursor) = portal.read_on(&read, Some(cursor)).await;
    assert_eq!(shown(&looks), [(ada.clone(), json!([]))]);

    // A list that was made later is subscribed to as soon as the names are read again.
    let press = portal.sim.make_list(&manual("Press")).unwrap();
    portal.pass(601);
    let (looks, cursor) = portal.read_on(&read, Some(cursor)).await;
    assert!(looks.is_empty(), "{looks:?}");
    portal.sim.change_members(press, std::slice::from_ref(&ada), &[]).unwrap();
    portal.pass(2);
    let (looks, _) = portal.read_on(&read, Some(cursor)).await;
    assert_eq!((shown(&looks), searches(&portal)), (vec![(ada, json!(["Press"]))], searched));
}
