use serde_json::json;

use super::*;
use crate::zendesk::Kind;

fn place(url: &serde_json::Value) -> String {
    url.as_str().unwrap().split_once("/api/v2/").unwrap().1.to_owned()
}

#[tokio::test]
async fn the_cursor_export_withholds_the_newest_minute_and_misses_nothing() {
    let world = World::new(strict());
    let old = START_MS / 1000 - 600;
    world.pass(120);
    let young = world.get(&format!("incremental/users/cursor?start_time={}", START_MS / 1000 + 100)).await;
    assert_eq!((young.status, young.body["error"].as_str()), (400, Some("StartTimeTooRecent")));
    let eve = world.sim.create_user(&fields(json!({"name": "Eve"})), world.person()).unwrap();
    let first = world.get(&format!("incremental/users/cursor?start_time={old}&per_page=3")).await;
    assert_eq!((ids(&first.body["users"]).len(), first.body["end_of_stream"].as_bool()), (3, Some(false)));
    let second = world.get(&place(&first.body["after_url"])).await;
    assert_eq!((ids(&second.body["users"]).len(), second.body["end_of_stream"].as_bool()), (1, Some(true)));
    let empty = world.get(&place(&second.body["after_url"])).await;
    assert_eq!(empty.body["users"], json!([]));
    world.pass(61);
    let later = world.get(&place(&empty.body["after_url"])).await;
    assert_eq!(ids(&later.body["users"]), [eve]);
    let cursor = String::from_utf8(STANDARD.decode(later.body["after_cursor"].as_str().unwrap()).unwrap()).unwrap();
    assert_eq!(cursor, format!("{}.0||{eve}|", START_MS / 1000 + 120));

    // A touch by the system shows the user again, unchanged.
    let before = later.body["users"][0]["updated_at"].clone();
    assert_eq!(world.sim.system_update(Kind::User, &[eve]), 1);
    world.pass(61);
    let touched = world.get(&place(&later.body["after_url"])).await;
    assert_eq!((ids(&touched.body["users"]), &touched.body["users"][0]["updated_at"]), (vec![eve], &before));
    world.sim.delete_user(eve, world.person()).unwrap();
    world.pass(61);
    let gone = world.get(&place(&touched.body["after_url"])).await;
    assert_eq!(gone.body["users"][0]["active"], false);
}

#[tokio::test]
async fn writes_within_one_second_are_never_missed_without_a_lag() {
    let world = World::new(Profile::instant());
    let make = |name: &str| world.sim.create_user(&fields(json!({"name": name})), world.person()).unwrap();
    let (first, second) = (make("A"), make("B"));
    let page = world.get("incremental/users/cursor?start_time=0").await;
    world.sim.update_user(first, &fields(json!({"notes": "n"})), world.person()).unwrap();
    let next = world.get(&place(&page.body["after_url"])).await;
    assert_eq!(ids(&next.body["users"]), [first]);
    world.sim.update_user(second, &fields(json!({"notes": "n"})), world.person()).unwrap();
    let last = world.get(&place(&next.body["after_url"])).await;
    assert_eq!(ids(&last.body["users"]), [second]);
}

#[tokio::test]
async fn the_time_export_repeats_its_boundary_and_can_stand_still() {
    let world = World::new(Profile::instant());
    let by = world.person();
    let start = START_MS / 1000;
    for turn in 0..3 {
        world.sim.create_organization(&fields(json!({"name": format!("O{turn}")})), by).unwrap();
    }
    let same = world.get(&format!("incremental/organizations.json?start_time={start}&per_page=2")).await;
    assert_eq!(
        (same.body["count"].as_u64(), same.body["end_time"].as_i64(), same.body["end_of_stream"].as_bool()),
        (Some(2), Some(start), Some(false))
    );
    assert_eq!(place(&same.body["next_page"]), format!("incremental/organizations.json?per_page=2&start_time={start}"));
    world.pass(10);
    let late = world.sim.create_organization(&fields(json!({"name": "Late"})), by).unwrap();
    let end = world.get(&format!("incremental/organizations?start_time={}", start + 5)).await;
    assert_eq!((ids(&end.body["organizations"]), end.body["end_time"].as_i64()), (vec![late], Some(start + 10)));
    let boundary = world.get(&place(&end.body["next_page"])).await;
    assert_eq!(ids(&boundary.body["organizations"]), [late]);
    world.sim.delete_organization(late, by).unwrap();
    let gone = world.get(&place(&end.body["next_page"])).await;
    assert_eq!((gone.body["organizations"].clone(), gone.body["end_of_stream"].as_bool()), (json!([]), Some(true)));
}

#[tokio::test]
async fn tickets_are_exported_with_their_company_and_events() {
    let world = World::new(Profile::instant());
    let eve = world.made("users", user("Eve", "eve@x.example")).await;
    let ticket = world.made("tickets", json!({"ticket": {"subject": "s", "comment": {"body": "b"}, "requester_id": eve}})).await;
    world.pass(1);
    world.sim.add_comment(ticket, "answer", true, world.person()).unwrap();
    world.sim.update_ticket(ticket, &fields(json!({"status": "pending"})), world.person()).unwrap();
    let page = world.get("incremental/tickets/cursor?start_time=0&include=users,metric_sets").await;
    assert_eq!(page.body["metric_sets"][0]["ticket_id"], ticket);
    assert!(ids(&page.body["users"]).contains(&eve));
    assert!(page.body["tickets"][0]["generated_timestamp"].as_i64().unwrap() > START_MS / 1000);
    let events = world.get("incremental/ticket_events?start_time=0&include=comment_events").await;
    let list = events.body["ticket_events"].as_array().unwrap();
    assert_eq!(list.len(), 3);
    assert_eq!(list[1]["child_events"][0]["body"], "answer");
    assert_eq!((&list[2]["child_events"][0]["status"], list[2]["updater_id"].as_u64()), (&json!("pending"), Some(world.person())));
    let metrics = world.get("incremental/ticket_metric_events?start_time=0").await;
    assert!(
        metrics.body["ticket_metric_events"]
            .as_array()
            .unwrap()
            .iter()
            .any(|step| step["metric"] == "reply_time" && step["type"] == "fulfill")
    );
}

#[tokio::test]
async fn search_lags_behind_and_ends_at_a_thousand() {
    let world = World::new(Profile { index_lag_ms: 60_000, ..Profile::instant() });
    world.pass(120);
    let by = world.person();
    let eve = world
        .sim
        .create_user(&fields(json!({"name": "Eve Stone", "email": "eve@x.example", "external_id": "E 1", "tags": ["vip"]})), by)
        .unwrap();
    assert_eq!(world.get("search?query=type:user%20tags:vip").await.body["count"], 0);
    world.pass(61);
    let found = world.get("search.json?query=type:user%20tags:vip").await;
    assert_eq!((ids(&found.body["results"]), &found.body["results"][0]["result_type"]), (vec![eve], &json!("user")));
    world.sim.update_user(eve, &fields(json!({"name": "Ann Stone", "external_id": "E 2"})), by).unwrap();
    assert_eq!(world.get("search?query=type:user%20ann").await.body["count"], 0);
    assert_eq!(world.get("users/search?external_id=e%201").await.body["users"][0]["name"], "Eve Stone");
    world.pass(61);
    assert_eq!(world.get("search/count?query=type:user%20name:ann%20-tags:old%20created%3E2026-01-01").await.body["count"], 1);
    assert_eq!(world.get("users/search?query=external_id:%22E%202%22").await.body["count"], 1);
    assert_eq!(ids(&world.get("users/autocomplete?name=sto").await.body["users"]), [eve]);

    for turn in 0..1_101 {
        world.sim.create_user(&fields(json!({"name": format!("Crowd {turn}")})), by).unwrap();
    }
    world.pass(61);
    let page = world.get("search?query=type:user%20crowd&page=10").await;
    assert_eq!((page.status, page.body["count"].as_u64()), (200, Some(1_101)));
    assert!(page.body["next_page"].is_string());
    let wall = world.get("search?query=type:user%20crowd&page=11").await;
    assert_eq!((wall.status, wall.body["error"].as_str()), (422, Some("invalid")));
    let export = world.get("search/export?query=crowd&filter[type]=user&page[size]=1000").await;
    assert_eq!((ids(&export.body["results"]).len(), export.body["meta"]["has_more"].as_bool()), (1_000, Some(true)));
    let rest = world.get(&place(&export.body["links"]["next"])).await;
    assert_eq!((ids(&rest.body["results"]).len(), rest.body["meta"]["has_more"].as_bool()), (101, Some(false)));
    assert_eq!(world.get("search/export?query=type:user&filter[type]=user").await.status, 422);
}
