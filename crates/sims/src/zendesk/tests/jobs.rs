use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn a_bulk_write_is_queued_works_and_completes_with_failures_inside() {
    let world = World::new(strict());
    world.made("users", user("Eve", "eve@x.example")).await;
    let items: Vec<Value> = (0..5).map(|turn| json!({"name": "Bulk", "external_id": format!("B{turn}"), "email": if turn == 3 { "eve@x.example".to_owned() } else { format!("b{turn}@x.example") }})).collect();
    let job = world.ask("POST", "users/create_many.json", json!({"users": items})).await;
    assert_eq!(job.body["job_status"]["status"], "queued");
    assert_eq!(job.body["job_status"]["results"], Value::Null);
    let path = format!("job_statuses/{}.json", job.body["job_status"]["id"].as_str().unwrap());
    world.clock.fetch_add(100, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(world.get(&path).await.body["job_status"]["status"], "working");
    world.pass(1);
    let done = world.get(&path).await.body["job_status"].clone();
    assert_eq!(done["status"], "completed");
    assert!(done["message"].as_str().unwrap().starts_with("Completed at 2026-01-05 10:00:00 +0000"));
    let mut results = done["results"].as_array().unwrap().clone();
    assert_eq!(results.len(), 5);
    results.sort_by_key(|item| item["index"].as_u64());
    assert_eq!((&results[0]["status"], &results[0]["external_id"]), (&json!("Created"), &json!("B0")));
    assert_eq!(results[3]["error"], "UserCreateError");
    assert!(results[3]["details"].as_str().unwrap().contains("already being used"));

    let upsert = json!({"users": [{"external_id": "b0", "name": "Renamed"}, {"external_id": "N", "name": "New"}]});
    let job = world.ask("POST", "users/create_or_update_many", upsert).await;
    world.pass(2);
    let path = format!("job_statuses/show_many?ids={}", job.body["job_status"]["id"].as_str().unwrap());
    let mut statuses: Vec<Value> = world.get(&path).await.body["job_statuses"][0]["results"].as_array().unwrap().clone();
    statuses.sort_by_key(|item| item["index"].as_u64());
    assert_eq!((&statuses[0]["status"], &statuses[1]["status"]), (&json!("Updated"), &json!("Created")));

    let patch = world.ask("PUT", "users/update_many?external_ids=B0,B1", json!({"user": {"notes": "both"}})).await;
    assert_eq!(patch.status, 200);
    let destroy = world.ask("DELETE", "users/destroy_many?external_ids=B2", Value::Null).await;
    assert_eq!(destroy.status, 200);
    world.pass(2);
    let all = world.get("users/show_many?external_ids=B0,B1,B2").await;
    assert_eq!(all.body["users"].as_array().unwrap().iter().filter(|user| user["notes"] == "both").count(), 2);
    assert_eq!(all.body["count"], 2);
}

#[tokio::test]
async fn the_queue_and_the_body_have_ends() {
    let world = World::new(strict());
    let items: Vec<Value> = (0..101).map(|turn| json!({"name": format!("n{turn}")})).collect();
    let many = world.ask("POST", "users/create_many", json!({"users": items})).await;
    assert_eq!((many.status, many.body["description"].as_str()), (400, Some("Maximum 100 users may be created per call")));
    for turn in 0..30 {
        let got = world.ask("POST", "organizations/create_many", json!({"organizations": [{"name": format!("o{turn}")}]})).await;
        assert_eq!(got.status, 200);
    }
    let full = world.ask("POST", "organizations/create_many", json!({"organizations": [{"name": "late"}]})).await;
    assert_eq!((full.status, full.body["error"].as_str(), full.header("retry-after")), (429, Some("TooManyJobs"), "1"));
    world.pass(1);
    assert_eq!(world.sim.count(super::super::Kind::Organization), 30);
    assert_eq!(world.ask("POST", "organizations/create_many", json!({"organizations": [{"name": "late"}]})).await.status, 200);
    let shut = World::with(Profile::instant(), |options| options.bulk_import = false);
    assert_eq!(shut.ask("POST", "users/create_or_update_many", json!({"users": []})).await.status, 403);
}

#[tokio::test]
async fn tickets_are_made_and_changed_in_bulk() {
    let world = World::new(Profile::instant());
    let eve = world.made("users", user("Eve", "eve@x.example")).await;
    let tickets: Vec<Value> =
        (0..3).map(|turn| json!({"subject": format!("t{turn}"), "comment": {"body": "b"}, "requester_id": eve})).collect();
    world.ask("POST", "tickets/create_many", json!({"tickets": tickets})).await;
    let change = json!({"ticket": {"additional_tags": ["bulk"], "status": "solved"}});
    world.ask("PUT", "tickets/update_many.json?ids=1,2", change).await;
    world.ask("DELETE", "tickets/destroy_many?ids=3", Value::Null).await;
    world.pass(1);
    let list = world.get("tickets").await;
    assert_eq!(ids(&list.body["tickets"]), [1, 2]);
    assert!(
        list.body["tickets"].as_array().unwrap().iter().all(|ticket| ticket["status"] == "solved" && ticket["tags"] == json!(["bulk"]))
    );
    let async_made = world.ask("POST", "tickets?async=true", json!({"ticket": {"comment": {"body": "later"}}})).await;
    assert_eq!(async_made.status, 202);
    let id = async_made.body["ticket"]["id"].as_u64().unwrap();
    assert_eq!(world.get(&format!("tickets/{id}")).await.status, 200);
}
