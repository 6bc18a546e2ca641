//! Tickets: what a new one needs, walls of its list, conversations and what becomes of times.

use serde_json::{Value, json};

use crate::account::{Account, ids, ticket};

#[tokio::test]
async fn a_new_ticket_names_what_it_lacks_and_makes_its_requester() {
    let account = Account::open();
    let refused = account.post("tickets", json!({"subject": "Hi"})).await;
    let fields: Vec<String> =
        refused.json()["errors"].as_array().unwrap().iter().map(|flaw| flaw["field"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        (refused.status, fields),
        (400, ["requester_id", "description", "status", "priority", "source"].map(str::to_owned).to_vec())
    );
    let id = account.ticket("Printer").await;
    assert_eq!(id, 1, "small numbers");
    let made = account.get("tickets/1?include=requester").await.ok();
    assert_eq!((&made["description"], &made["description_text"]), (&json!("<div>Help</div>"), &json!("Help")));
    assert_eq!(made["requester"]["email"], "ann@customer.example");
    assert!(made["due_by"].is_null(), "worked out later");
    account.pass(3_000);
    assert!(account.get("tickets/1").await.ok()["due_by"].is_string());
}

#[tokio::test]
async fn the_list_goes_back_thirty_days_unless_asked_and_ends_at_page_300() {
    let account = Account::open();
    let old = account.ticket("Old").await;
    account.pass(31 * 86_400_000);
    let new = account.ticket("New").await;
    assert_eq!(ids(&account.get("tickets").await.ok()), [new]);
    let walk = "tickets?updated_since=2000-01-01&order_by=updated_at&order_type=asc";
    let rows = account.get(walk).await.ok();
    assert_eq!(ids(&rows), [old, new]);
    assert!(rows[0].get("description").is_none() && rows[0].get("stats").is_none());
    let whole = account.get(&format!("{walk}&include=stats,description")).await;
    assert_eq!(whole.header("x-ratelimit-used-currentrequest"), "5", "what comes embedded costs");
    assert!(whole.ok()[0]["stats"]["resolved_at"].is_null());
    let wall = account.get(&format!("{walk}&page=301")).await;
    assert_eq!(wall.flaw(), (400, "page".to_owned(), "invalid_value".to_owned()));
    let first = account.get(&format!("{walk}&per_page=1")).await;
    assert!(
        first.header("link").contains("page=2&per_page=1") && first.header("link").ends_with("rel=\"next\""),
        "{}",
        first.header("link")
    );
    assert_eq!(account.get(&format!("{walk}&per_page=1&page=2")).await.header("link"), "");
    assert_eq!(account.get("tickets?per_page=101").await.flaw().1, "per_page");
}

#[tokio::test]
async fn times_follow_replies_and_statuses() {
    let account = Account::open();
    let id = account.ticket("Printer").await;
    account.pass(60_000);
    let note = account.post(&format!("tickets/{id}/notes"), json!({"body": "For us"})).await.ok();
    assert!(note["private"] == true && note["body_text"] == "For us");
    account.pass(60_000);
    account.post(&format!("tickets/{id}/reply"), json!({"body": "Hello"})).await.ok();
    account.pass(60_000);
    account.put(&format!("tickets/{id}"), json!({"status": 4})).await.ok();
    let stats = account.get(&format!("tickets/{id}?include=stats")).await.ok()["stats"].clone();
    assert_eq!((&stats["first_responded_at"], &stats["resolved_at"]), (&json!("2026-01-05T10:02:00Z"), &json!("2026-01-05T10:03:00Z")));
    account.put(&format!("tickets/{id}"), json!({"status": 2})).await.ok();
    let stats = account.get(&format!("tickets/{id}?include=stats")).await.ok()["stats"].clone();
    assert!(stats["resolved_at"].is_null() && stats["reopened_at"].is_string());
    assert_eq!(account.get(&format!("tickets/{id}/conversations")).await.ok().as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn deleted_tickets_and_spam_are_lists_of_their_own_and_take_no_writes() {
    let account = Account::open();
    let (deleted, spam) = (account.ticket("Deleted").await, account.ticket("Spam").await);
    assert_eq!(account.delete(&format!("tickets/{deleted}")).await.status, 204);
    account.sim.mark_spam(spam).unwrap();
    assert!(ids(&account.get("tickets").await.ok()).is_empty());
    assert_eq!(ids(&account.get("tickets?filter=deleted").await.ok()), [deleted]);
    assert_eq!(ids(&account.get("tickets?filter=spam").await.ok()), [spam]);
    for id in [deleted, spam] {
        assert_eq!(account.put(&format!("tickets/{id}"), json!({"priority": 2})).await.status, 405);
    }
    assert_eq!(account.put(&format!("tickets/{deleted}/restore"), Value::Null).await.status, 204);
    assert_eq!(ids(&account.get("tickets").await.ok()), [deleted]);
}

#[tokio::test]
async fn closed_long_ago_is_in_the_archive_alone() {
    let account = Account::open();
    let id = account.ticket("Ancient").await;
    account.sim.archive_ticket(id).unwrap();
    assert_eq!(account.get(&format!("tickets/{id}")).await.status, 404);
    assert_eq!(account.get(&format!("tickets/archived/{id}")).await.ok()["archived"], true);
}

#[tokio::test]
async fn subject_and_company_are_not_everybody_s_to_set() {
    let account = Account::with(|options| options.multiple_companies = false);
    let id = account.ticket("Printer").await;
    assert_eq!(account.put(&format!("tickets/{id}"), json!({"subject": "Other"})).await.flaw().2, "incompatible_field");
    let company = account.make("companies", json!({"name": "Acme"})).await;
    let mut wanted = ticket("Second");
    wanted["company_id"] = json!(company);
    assert_eq!(account.post("tickets", wanted).await.flaw(), (400, "company_id".to_owned(), "inaccessible_field".to_owned()));
}

#[tokio::test]
async fn notes_are_edited_replies_are_not_and_both_may_go() {
    let account = Account::open();
    let id = account.ticket("Printer").await;
    let reply = account.post(&format!("tickets/{id}/reply"), json!({"body": "Hello", "cc_emails": ["Boss@customer.example"]})).await.ok();
    assert_eq!(reply["replied_to"], json!(["ann@customer.example", "boss@customer.example"]));
    let asker = account.get(&format!("tickets/{id}")).await.ok()["requester_id"].clone();
    let imported = json!({"body": "From the old desk", "private": false, "incoming": true});
    let note = account.post(&format!("tickets/{id}/notes"), imported).await.ok();
    assert!(note["incoming"] == true && note["user_id"] != asker && note.get("replied_to").is_none());
    account.pass(60_000);
    let path = format!("conversations/{}", note["id"]);
    let edited = account.put(&path, json!({"body": "Better words"})).await.ok();
    assert_eq!((&edited["body_text"], &edited["last_edited_at"]), (&json!("Better words"), &json!("2026-01-05T10:01:00Z")));
    assert_eq!(edited["updated_at"], edited["last_edited_at"]);
    assert_eq!(account.put(&path, json!({"private": true})).await.flaw(), (400, "private".to_owned(), "invalid_field".to_owned()));
    assert_eq!(account.put(&path, json!({"body": ""})).await.flaw().2, "missing_field");
    let sent = format!("conversations/{}", reply["id"]);
    assert_eq!(account.put(&sent, json!({"body": "Never said"})).await.status, 405, "what went out by e-mail stays");
    assert_eq!(account.get(&format!("tickets/{id}")).await.ok()["updated_at"], "2026-01-05T10:00:00Z", "an edit moves no stamp");
    for path in [&path, &sent] {
        assert_eq!(account.delete(path).await.status, 204);
        assert_eq!(account.delete(path).await.status, 404);
    }
    assert!(ids(&account.get(&format!("tickets/{id}/conversations")).await.ok()).is_empty());
}

#[tokio::test]
async fn lists_hold_what_they_are_called_after() {
    let account = Account::open();
    let us = account.get("agents/me").await.ok()["id"].clone();
    let other = account.get("agents?email=ada@acme.example").await.ok()[0]["id"].clone();
    account.make("contacts", json!({"name": "Cem", "email": "cem@customer.example", "unique_external_id": "con_1"})).await;
    let (new, theirs, solved) = (account.ticket("New").await, account.ticket("Theirs").await, account.ticket("Solved").await);
    let mut of_cem = ticket("Ours");
    of_cem["responder_id"] = us;
    of_cem["email"] = json!("cem@customer.example");
    let ours = account.make("tickets", of_cem).await;
    account.put(&format!("tickets/{theirs}"), json!({"responder_id": other})).await.ok();
    account.put(&format!("tickets/{solved}"), json!({"status": 4})).await.ok();
    let listed = async |query: &str| ids(&account.get(&format!("tickets?{query}")).await.ok());
    assert_eq!(listed("filter=new_and_my_open&order_type=asc").await, [new, ours]);
    assert!(listed("filter=watching").await.is_empty());
    assert_eq!(listed("unique_external_id=con_1").await, [ours]);
    assert!(listed("unique_external_id=con_2").await.is_empty());
}

#[tokio::test]
async fn what_is_due_when_is_said_or_worked_out_and_found() {
    let account = Account::open();
    let (usual, late) = (account.ticket("Usual").await, account.ticket("Late").await);
    let due = json!({"due_by": "2026-02-01T12:00:00Z", "fr_due_by": "2026-01-20T12:00:00Z"});
    assert_eq!(account.put(&format!("tickets/{late}"), json!({"due_by": "2026-02-01T12:00:00Z"})).await.flaw().1, "fr_due_by");
    let told = account.put(&format!("tickets/{late}"), due).await.ok();
    assert_eq!((&told["due_by"], &told["fr_due_by"]), (&json!("2026-02-01T12:00:00Z"), &json!("2026-01-20T12:00:00Z")));
    account.pass(3_000);
    assert_eq!(ids(&account.get("tickets?order_by=due_by").await.ok()), [late, usual]);
    let found = async |query: &str| ids(&account.get(&format!("search/tickets?query=%22{query}%22")).await.ok()["results"]);
    assert_eq!(found("due_by:%3E'2026-01-15'").await, [late]);
    assert_eq!(found("due_by:'2026-01-08'").await, [usual]);
    assert_eq!(found("fr_due_by:%3C'2026-01-10'").await, [usual]);
}

#[tokio::test]
async fn many_tickets_are_changed_answered_and_deleted_by_jobs() {
    let account = Account::open();
    let (first, second) = (account.ticket("One").await, account.ticket("Two").await);
    let action = json!({"bulk_action": {"ids": [first, second, 999], "properties": {"priority": 4}, "reply": {"body": "We are on it"}}});
    let taken = account.post("tickets/bulk_update", action).await;
    assert_eq!(taken.status, 202);
    let job = taken.json()["job_id"].as_str().unwrap().to_owned();
    assert!(taken.json()["href"].as_str().unwrap().ends_with(&format!("/api/v2/jobs/{job}")), "{}", taken.json());
    assert_eq!(account.get(&format!("jobs/{job}")).await.ok()["status"], "IN PROGRESS");
    account.pass(2_000);
    let done = account.get(&format!("jobs/{job}")).await.ok();
    assert_eq!((&done["status"], &done["progress"]), (&json!("COMPLETED"), &json!(100)));
    for id in [first, second] {
        let seen = account.get(&format!("tickets/{id}?include=conversations")).await.ok();
        assert_eq!((&seen["priority"], seen["conversations"].as_array().map(Vec::len)), (&json!(4), Some(1)), "{seen}");
    }
    let nothing = account.post("tickets/bulk_update", json!({"bulk_action": {"ids": [first]}})).await;
    assert_eq!(nothing.flaw().1, "properties");
    account.post("tickets/bulk_delete", json!({"bulk_action": {"ids": [second]}})).await;
    assert_eq!(account.get(&format!("tickets/{second}")).await.ok()["deleted"], true);
    assert_eq!(account.get("jobs/none").await.status, 404);
}
