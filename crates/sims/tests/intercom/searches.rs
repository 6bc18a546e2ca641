//! Searches: by day for contacts, by second for the rest, and always a little behind.

use entente_sims::intercom::Kind;
use serde_json::{Value, json};

use super::workspace::{START_MS, Workspace, ids, map};

async fn found(workspace: &Workspace, path: &str, list: &str, query: Value) -> Vec<String> {
    ids(&workspace.post(path, json!({"query": query})).await.ok()[list])
}

#[tokio::test]
async fn contacts_dates_are_compared_by_day_where_the_workspace_is() {
    // Ten in the morning in UTC is two in the morning in Los Angeles, and seven in the evening in Tokyo.
    for (zone, midnight_s) in [("America/Los_Angeles", START_MS / 1000 - 2 * 3_600), ("Asia/Tokyo", START_MS / 1000 - 19 * 3_600)] {
        let workspace = Workspace::with(|options| options.timezone = zone.to_owned());
        let ann = workspace.contact("ann@acme.example").await;
        let by = async |operator: &str, value: i64| {
            found(&workspace, "/contacts/search", "data", json!({"field": "updated_at", "operator": operator, "value": value})).await
        };
        assert_eq!(by("=", midnight_s).await, [ann.as_str()], "{zone}");
        assert!(by("=", midnight_s - 1).await.is_empty());
        assert!(by(">", midnight_s).await.is_empty(), "a second before the change, and yet after the end of the day");
        assert_eq!(by(">", midnight_s - 1).await, [ann.as_str()]);
        assert!(by("<", START_MS / 1000 + 60).await.is_empty());
        let refused = workspace.post("/contacts/search", json!({"query": {"field": "updated_at", "operator": ">=", "value": 1}})).await;
        assert_eq!(refused.status, 400);
    }
}

#[tokio::test]
async fn the_index_shows_a_row_as_it_was_a_while_ago() {
    let workspace = Workspace::with(|options| options.profile.index_lag_ms = 60_000);
    let ann = workspace.contact("ann@acme.example").await;
    let by_name =
        async |name: &str| found(&workspace, "/contacts/search", "data", json!({"field": "name", "operator": "=", "value": name})).await;
    let by_mail = json!({"field": "email", "operator": "=", "value": "ann@acme.example"});
    assert!(found(&workspace, "/contacts/search", "data", by_mail.clone()).await.is_empty());
    assert_eq!(workspace.get("/contacts").await.ok()["total_count"], 1, "lists are never behind");
    workspace.pass(60_000);
    assert_eq!(found(&workspace, "/contacts/search", "data", by_mail).await, [ann.as_str()]);
    workspace.put(&format!("/contacts/{ann}"), json!({"name": "Ann"})).await.ok();
    assert!(by_name("Ann").await.is_empty());
    workspace.pass(60_000);
    assert_eq!(by_name("ann").await, [ann]);
}

#[tokio::test]
async fn filters_nest_and_pages_go_on_where_the_last_row_was() {
    let workspace = Workspace::open();
    for at in 0..7 {
        workspace.pass(1_000);
        workspace.contact(&format!("a{at}@acme.example")).await;
    }
    workspace.contact("other@bolt.example").await;
    let query = json!({"operator": "AND", "value": [
        {"field": "email_domain", "operator": "=", "value": "acme.example"},
        {"operator": "OR", "value": [{"field": "role", "operator": "=", "value": "user"}, {"field": "role", "operator": "=", "value": "lead"}]},
    ]});
    let mut seen = Vec::new();
    let mut after = Value::Null;
    loop {
        let pagination = if after.is_null() { json!({"per_page": 3}) } else { json!({"per_page": 3, "starting_after": after}) };
        let body = json!({"query": query, "sort": {"field": "updated_at", "order": "ascending"}, "pagination": pagination});
        let page = workspace.post("/contacts/search", body).await.ok();
        assert_eq!(page["total_count"], 7);
        seen.extend(page["data"].as_array().unwrap().iter().map(|row| row["email"].as_str().unwrap().to_owned()));
        match page["pages"].get("next") {
            Some(next) => after = next["starting_after"].clone(),
            None => break,
        }
        // A row that changes meanwhile moves to the end, and none is skipped.
        workspace.pass(1_000);
    }
    assert_eq!(seen, (0..7).map(|at| format!("a{at}@acme.example")).collect::<Vec<_>>());
    for wrong in [
        json!({"field": "shoe_size", "operator": "=", "value": 1}),
        json!({"field": "email", "operator": "between", "value": 1}),
        json!({"operator": "XOR", "value": []}),
        json!({"operator": "AND", "value": vec![json!({"field": "id", "operator": "=", "value": "1"}); 16]}),
    ] {
        assert_eq!(workspace.post("/contacts/search", json!({"query": wrong})).await.status, 400);
    }
}

#[tokio::test]
async fn conversations_and_tickets_are_searched_by_the_second() {
    let workspace = Workspace::open();
    let ann = workspace.contact("ann@acme.example").await;
    let conversation = workspace.conversation(&ann, "The printer smokes").await;
    let ty = workspace.sim.ticket_types()[0].0.clone();
    let ticket = workspace.sim.create(Kind::Ticket, &map(json!({"ticket_type_id": ty, "contacts": [{"id": ann}]}))).unwrap();
    let now = START_MS / 1000;
    let by = |operator: &str, value: i64| json!({"field": "updated_at", "operator": operator, "value": value});
    assert_eq!(found(&workspace, "/conversations/search", "conversations", by(">", now)).await, [conversation.as_str()], "or equal");
    assert!(found(&workspace, "/conversations/search", "conversations", by(">", now + 1)).await.is_empty());
    assert_eq!(found(&workspace, "/tickets/search", "tickets", by(">", now)).await, [ticket]);
    let word = |value: &str| json!({"field": "source.body", "operator": "~", "value": value});
    assert_eq!(found(&workspace, "/conversations/search", "conversations", word("printer")).await, [conversation]);
    assert!(found(&workspace, "/conversations/search", "conversations", word("print")).await.is_empty(), "whole words");
}
