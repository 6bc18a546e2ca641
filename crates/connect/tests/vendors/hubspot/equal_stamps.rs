//! A mass change gives thousands of rows one stamp, more than a search shows.

use std::collections::BTreeMap;

use serde_json::json;

use super::portal::{Portal, contacts, oauth, settings};

/// Rows with one stamp; a search shows 10,000.
const ROWS: usize = 12_000;

async fn read_exactly_once(version: &str) {
    let mut chosen = settings(oauth());
    chosen.api_version = Some(version.to_owned());
    let portal = Portal::with(chosen, |_| {});
    let read = contacts(&["firstname"]);
    let present = portal.crm.present(&read).await.unwrap();
    portal.pass(60);
    for n in 0..ROWS {
        portal.plant("contacts", json!({"email": format!("{n}@example.com"), "firstname": "Same"}));
    }
    // Older than what a poll looks back over.
    portal.pass(400);
    let before = portal.calls("POST objects/contacts/search");
    let (looks, cursor) = portal.read_on(&read, Some(present)).await;
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for look in &looks {
        *seen.entry(look.id.as_str()).or_default() += 1;
    }
    assert_eq!((seen.len(), seen.values().max()), (ROWS, Some(&1)), "{version}: each of them, and each once");
    assert_eq!(portal.calls("POST objects/contacts/search") - before, 60, "{version}: two hundred a page");
    portal.pass(900);
    let (again, _) = portal.read_on(&read, Some(cursor)).await;
    assert!(again.is_empty(), "{version}: the next poll does not begin with them: {}", again.len());
}

#[tokio::test]
async fn twelve_thousand_changes_of_one_instant_are_read_exactly_once_each_on_the_old_paths() {
    read_exactly_once("v3").await;
}

#[tokio::test]
async fn twelve_thousand_changes_of_one_instant_are_read_exactly_once_each_on_the_dated_paths() {
    read_exactly_once("2026-09").await;
}
