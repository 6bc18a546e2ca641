//! First reads, and rows by id.

use std::collections::BTreeSet;

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::look::Existence;
use entente_model::actor::Actor;
use serde_json::{Value, json};

use super::portal::{Portal, contacts, key, oauth, settings};
use crate::stage::rows::spec;

#[tokio::test]
async fn a_first_read_misses_nothing_that_comes_or_changes_meanwhile() {
    for version in ["v3", "2026-09"] {
        let mut settings = settings(oauth());
        settings.api_version = Some(version.to_owned());
        let portal = Portal::with(settings, |_| {});
        let mut ids: Vec<String> = (0..250).map(|n| portal.plant("contacts", json!({"email": format!("{n}@example.com")}))).collect();
        let read = contacts(&["email", "firstname"]);
        let first = portal.crm.page(&read, None, Priority::Backfill).await.unwrap();
        assert_eq!((first.looks.len(), first.more), (100, true));
        portal.pass(1);
        ids.push(portal.plant("contacts", json!({"email": "late@example.com"})));
        portal.edit("contacts", &ids[0], json!({"firstname": "Changed"}));
        let (rest, cursor) = portal.read_on(&read, Some(first.next)).await;
        let seen: BTreeSet<&str> = first.looks.iter().chain(&rest).map(|look| look.id.as_str()).collect();
        assert_eq!((seen.len(), rest.len()), (251, 151), "each row once, the newcomer too");
        let (poll, _) = portal.read_on(&read, Some(cursor)).await;
        let changed = poll.iter().find(|look| look.id == ids[0]).unwrap();
        assert_eq!(changed.row["firstname"], "Changed", "what changed behind the read is in the poll after it");
        assert!(portal.line.sent.lock().unwrap().iter().any(|(call, _)| call.contains(version)), "on the paths of {version}");
    }
}

#[tokio::test]
async fn texts_become_values_and_users_become_hands() {
    let portal = Portal::open();
    let owner = portal.sim.owners()[1].clone();
    let given = json!({"dealname": "Big", "dealstage": "closedwon", "amount": "5000.00", "closedate": "2026-03-31T00:00:00Z", "hubspot_owner_id": owner.id});
    let id = portal.plant("deals", given);
    let read = spec("deals", &["amount", "closedate", "hs_is_closed_won", "description", "owner.name", "owner.email"]);
    let (looks, _) = portal.read_on(&read, None).await;
    let look = &looks[0];
    assert_eq!(
        Value::Object(look.row.clone()),
        json!({
            "amount": "5000.00", "closedate": "2026-03-31T00:00:00Z", "hs_is_closed_won": true, "description": null,
            "owner.name": "Eli Moreno", "owner.email": "eli@acme.example",
        })
    );
    assert_eq!((look.id.as_str(), look.mark.by, look.version.as_deref()), (id.as_str(), Actor::Sales, Some("2026-01-05T10:00:00Z")));
}

#[tokio::test]
async fn a_key_says_whose_it_is_so_that_our_own_writes_are_known() {
    let portal = Portal::with(settings(key()), |_| {});
    let identity = portal.crm.check().await.unwrap();
    assert_eq!((identity.organization.as_str(), identity.user_id.as_str()), ("62515", "9586500"));
    portal
        .sim
        .create("contacts", &crate::stage::rows::map(json!({"email": "a@example.com"})), entente_sims::hubspot::Hand::Integration)
        .unwrap();
    let (looks, _) = portal.read_on(&contacts(&["email"]), None).await;
    assert_eq!(looks[0].mark.by, Actor::Us);
    assert_eq!(portal.calls("POST oauth/token"), 0);
}

#[tokio::test]
async fn a_token_that_ends_between_two_pages_is_renewed() {
    let portal = Portal::open();
    for n in 0..150 {
        portal.plant("contacts", json!({"email": format!("{n}@example.com")}));
    }
    let read = contacts(&["email"]);
    let first = portal.crm.page(&read, None, Priority::Backfill).await.unwrap();
    portal.sim.expire_sessions();
    let (rest, _) = portal.read_on(&read, Some(first.next)).await;
    assert_eq!((rest.len(), portal.calls("POST oauth/token")), (50, 2));
    portal.pass(29 * 60 + 30);
    portal.read_on(&read, None).await;
    assert_eq!(portal.calls("POST oauth/token"), 3, "near its end it is renewed without a refusal");
}

#[tokio::test]
async fn a_hundred_rows_are_fetched_in_one_call_and_missing_ones_told() {
    let portal = Portal::open();
    let mut ids: Vec<String> = (0..98).map(|n| portal.plant("contacts", json!({"email": format!("{n}@example.com")}))).collect();
    portal.sim.archive("contacts", &ids[3], portal.person()).unwrap();
    portal.sim.merge("contacts", &ids[0], &ids[1], portal.person()).unwrap();
    ids.extend(["77".to_owned(), "no id".to_owned()]);
    let looks = portal.crm.fetch(&contacts(&["email"]), &ids, Priority::Update).await.unwrap();
    assert_eq!(looks.len(), 100);
    assert_eq!(looks[1].existence, Existence::MergedInto(ids[0].clone()));
    for gone in [3, 98, 99] {
        assert_eq!(looks[gone].existence, Existence::Deleted, "{gone}");
    }
    assert_eq!(looks[97].row["email"], "97@example.com");
    assert_eq!(portal.calls("POST objects/contacts/batch/read"), 1);
}

#[tokio::test]
async fn after_a_merge_with_a_new_id_both_old_ids_lead_there() {
    let portal = Portal::with(settings(oauth()), |options| options.merge_makes_new_id = true);
    let [a, b] = ["a", "b"].map(|name| portal.plant("companies", json!({"name": name})));
    let read = spec("companies", &["name"]);
    let (_, cursor) = portal.read_on(&read, None).await;
    portal.pass(60);
    let survivor = portal.sim.merge("companies", &a, &b, portal.person()).unwrap();
    let looks = portal.crm.fetch(&read, &[a.clone(), b.clone()], Priority::Update).await.unwrap();
    assert!(looks.iter().all(|look| look.existence == Existence::MergedInto(survivor.clone())));
    let (poll, _) = portal.read_on(&read, Some(cursor)).await;
    let told: Vec<(&str, &Existence)> = poll.iter().map(|look| (look.id.as_str(), &look.existence)).collect();
    let merged = Existence::MergedInto(survivor.clone());
    for expected in [(survivor.as_str(), &Existence::Present), (a.as_str(), &merged), (b.as_str(), &merged)] {
        assert!(told.contains(&expected), "{told:?}");
    }
}

#[tokio::test]
async fn a_property_that_vanished_is_an_admins_matter_and_not_a_cleared_value() {
    let portal = Portal::open();
    let tier = json!({"name": "tier", "label": "Tier", "type": "string", "fieldType": "text", "groupName": "contactinformation"});
    portal.sim.add_property("contacts", &tier).unwrap();
    let id = portal.plant("contacts", json!({"email": "a@example.com", "tier": "Pro"}));
    let read = contacts(&["tier"]);
    portal.read_on(&read, None).await;
    portal.sim.drop_property("contacts", "tier").unwrap();
    let error = portal.crm.fetch(&read, &[id], Priority::Update).await.unwrap_err();
    assert_eq!((error.class, error.field.as_deref()), (Class::Configuration, Some("tier")));
}

#[tokio::test]
async fn more_properties_than_an_address_holds_are_read_all_the_same() {
    let portal = Portal::open();
    let names: Vec<String> = (0..200).map(|n| format!("a_rather_long_name_of_a_custom_property_{n}")).collect();
    for name in &names {
        let definition = json!({"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": "contactinformation"});
        portal.sim.add_property("contacts", &definition).unwrap();
    }
    let id = portal.plant("contacts", json!({"email": "a@example.com", names[199].as_str(): "here"}));
    let read = contacts(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let (first, cursor) = portal.read_on(&read, None).await;
    portal.pass(60);
    portal.edit("contacts", &id, json!({names[0].as_str(): "too"}));
    let (poll, cursor) = portal.read_on(&read, Some(cursor)).await;
    assert_eq!((&first[0].row[&names[199]], &poll[0].row[&names[0]]), (&json!("here"), &json!("too")));
    portal.pass(60);
    let (poll, _) = portal.read_on(&read, Some(cursor)).await;
    assert_eq!(poll[0].seen_at, portal.time(), "read by id, and not from the index");
}
