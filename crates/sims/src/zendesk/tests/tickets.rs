use serde_json::{Value, json};

use super::*;
use crate::zendesk::{FieldSpec, Kind};

async fn opened(world: &World) -> (u64, u64) {
    let requester = world.made("users", user("Eve", "eve@x.example")).await;
    let ticket =
        json!({"ticket": {"subject": "Printer", "comment": {"body": "It is on fire"}, "requester_id": requester, "priority": "high"}});
    (requester, world.made("tickets", ticket).await)
}

#[tokio::test]
async fn a_ticket_is_answered_solved_and_rated() {
    let world = World::new(Profile::instant());
    let (requester, ticket) = opened(&world).await;
    let agent = world.person();
    world.pass(600);
    let reply =
        json!({"ticket": {"comment": {"body": "Water helps", "author_id": agent}, "assignee_id": agent, "metadata": {"sync_id": "7"}}});
    let reply = world.ask("PUT", &format!("tickets/{ticket}"), reply).await;
    assert_eq!(reply.body["ticket"]["status"], "open");
    assert_eq!(reply.body["audit"]["events"][0]["type"], "Comment");
    assert_eq!(reply.body["audit"]["metadata"]["custom"]["sync_id"], "7");
    let comment = reply.body["audit"]["events"][0]["id"].as_u64().unwrap();
    assert_eq!(ids(&world.get(&format!("tickets/{ticket}/comments.json")).await.body["comments"])[1], comment);
    world.pass(600);
    world.sim.solve(ticket, agent).unwrap();
    let metrics = world.get(&format!("tickets/{ticket}/metrics")).await.body["ticket_metric"].clone();
    assert_eq!(metrics["reply_time_in_minutes"]["calendar"], 10);
    assert_eq!(metrics["full_resolution_time_in_minutes"]["calendar"], 20);
    assert_eq!((&metrics["replies"], &metrics["reopens"]), (&json!(1), &json!(0)));

    let agents_view =
        world.ask("POST", &format!("tickets/{ticket}/satisfaction_rating"), json!({"satisfaction_rating": {"score": "good"}})).await;
    assert_eq!(agents_view.status, 403);
    world.sim.rate(ticket, "good", Some("Quick")).unwrap();
    assert_eq!(world.get(&format!("tickets/{ticket}")).await.body["ticket"]["satisfaction_rating"]["score"], "good");
    assert_eq!(world.get("satisfaction_ratings?score=good").await.body["satisfaction_ratings"][0]["requester_id"], requester);

    world.sim.add_comment(ticket, "It burns again", true, requester).unwrap();
    assert_eq!(world.sim.ticket(ticket).unwrap()["status"], "open");
    assert_eq!(world.sim.ticket_metrics(ticket).unwrap()["reopens"], 1);
    let audits = world.get(&format!("tickets/{ticket}/audits")).await;
    let last = audits.body["audits"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["author_id"], requester);
    let change = last["events"].as_array().unwrap().iter().find(|event| event["field_name"] == "status").unwrap().clone();
    assert_eq!((&change["previous_value"], &change["value"]), (&json!("solved"), &json!("open")));
}

#[tokio::test]
async fn a_key_makes_one_ticket_in_two_hours() {
    let world = World::new(Profile::instant());
    let post = async |subject: &str| {
        let ticket = json!({"ticket": {"subject": subject, "comment": {"body": "It is on fire"}}});
        world.ask_keyed(&world.authorization, "cas_1", "POST", "tickets", ticket).await
    };
    let lookup = |got: &Got| got.headers["x-idempotency-lookup"].to_str().unwrap().to_owned();
    let made = post("Printer").await;
    assert_eq!((made.status, lookup(&made).as_str()), (201, "miss"));
    let again = post("Printer").await;
    assert_eq!((again.status, lookup(&again).as_str(), &again.body), (201, "hit", &made.body));
    let other = post("Scanner").await;
    assert_eq!((other.status, &other.body["error"]), (400, &json!("IdempotentRequestError")));
    world.pass(2 * 60 * 60 + 1);
    let later = post("Printer").await;
    assert_eq!(lookup(&later), "miss");
    assert_ne!(later.body["ticket"]["id"], made.body["ticket"]["id"]);
}

#[tokio::test]
async fn a_safe_update_refuses_an_older_version_and_closed_tickets_refuse_all() {
    let world = World::new(Profile::instant());
    let (_, ticket) = opened(&world).await;
    let stamp = world.get(&format!("tickets/{ticket}")).await.body["ticket"]["updated_at"].clone();
    world.pass(5);
    world.ask("PUT", &format!("tickets/{ticket}"), json!({"ticket": {"priority": "low"}})).await;
    let late = json!({"ticket": {"priority": "urgent", "safe_update": true, "updated_stamp": stamp}});
    let late = world.ask("PUT", &format!("tickets/{ticket}"), late).await;
    assert_eq!((late.status, late.body["error"].as_str()), (409, Some("UpdateConflict")));
    let now = world.get(&format!("tickets/{ticket}")).await.body["ticket"]["updated_at"].clone();
    let fresh = json!({"ticket": {"priority": "urgent", "safe_update": true, "updated_stamp": now}});
    assert_eq!(world.ask("PUT", &format!("tickets/{ticket}"), fresh).await.status, 200);
    world.sim.solve(ticket, world.person()).unwrap();
    world.pass(29 * 86_400);
    assert_eq!(world.get(&format!("tickets/{ticket}")).await.body["ticket"]["status"], "closed");
    let closed = world.ask("PUT", &format!("tickets/{ticket}"), json!({"ticket": {"priority": "low"}})).await;
    assert_eq!(closed.body["details"]["status"][0]["description"], "Status: closed prevents ticket update");
    let follow = json!({"ticket": {"comment": {"body": "Again"}, "via_followup_source_id": ticket}});
    let follow = world.made("tickets", follow).await;
    assert_eq!(world.get(&format!("tickets/{ticket}")).await.body["ticket"]["followup_ids"], json!([follow]));
    world.pass(121 * 86_400);
    assert_eq!(ids(&world.get("tickets").await.body["tickets"]), [follow]);
    assert_eq!(world.get(&format!("tickets/{ticket}")).await.status, 200);
}

#[tokio::test]
async fn fields_and_tags_are_one_thing() {
    let world = World::new(Profile::instant());
    let plan = world.sim.add_field(Kind::Ticket, FieldSpec::new("plan", "tagger").with_options(&["gold", "silver"])).unwrap();
    let box_field = FieldSpec { tag: Some("urgent_box".to_owned()), ..FieldSpec::new("box", "checkbox") };
    let tick = world.sim.add_field(Kind::Ticket, box_field).unwrap();
    let amount = world.sim.add_field(Kind::Ticket, FieldSpec::new("amount", "decimal")).unwrap();
    let (_, ticket) = opened(&world).await;
    let wrong = world.ask("PUT", &format!("tickets/{ticket}"), json!({"ticket": {"custom_fields": [{"id": plan, "value": "iron"}]}})).await;
    assert_eq!(wrong.status, 422);
    let set = json!({"ticket": {"custom_fields": [{"id": plan, "value": "gold"}, {"id": tick, "value": true}, {"id": amount, "value": "12.50"}]}});
    let set = world.ask("PUT", &format!("tickets/{ticket}"), set).await;
    assert_eq!(set.body["ticket"]["tags"], json!(["gold", "urgent_box"]));
    assert_eq!(
        set.body["ticket"]["custom_fields"],
        json!([{"id": plan, "value": "gold"}, {"id": tick, "value": true}, {"id": amount, "value": "12.50"}])
    );
    let tags = world.ask("DELETE", &format!("tickets/{ticket}/tags"), json!({"tags": ["gold", "urgent_box"]})).await;
    assert_eq!(tags.body["tags"], json!([]));
    world.ask("PUT", &format!("tickets/{ticket}/tags"), json!({"tags": ["silver"]})).await;
    let shown = world.sim.ticket(ticket).unwrap();
    assert_eq!(shown["custom_fields"][0]["value"], "silver");
    assert_eq!(shown["custom_fields"][1]["value"], false);
    let option = world
        .ask("POST", &format!("ticket_fields/{plan}/options"), json!({"custom_field_option": {"name": "Iron", "value": "iron"}}))
        .await;
    assert_eq!(option.status, 201);
    let kept = json!({"ticket_field": {"custom_field_options": [{"name": "Iron", "value": "iron"}]}});
    assert_eq!(world.ask("PUT", &format!("ticket_fields/{plan}"), kept).await.status, 200);
    assert_eq!(world.sim.ticket(ticket).unwrap()["custom_fields"][0]["value"], Value::Null);
    assert_eq!(world.sim.ticket(ticket).unwrap()["tags"], json!([]));
    assert_eq!(world.ask("DELETE", &format!("ticket_fields/{plan}"), Value::Null).await.status, 204);
    let field = world.ask("POST", "user_fields", json!({"user_field": {"key": "born", "title": "Born", "type": "date"}})).await;
    assert_eq!((field.status, field.body["user_field"]["key"].as_str()), (201, Some("born")));
}

#[tokio::test]
async fn deleted_tickets_can_come_back_or_be_scrubbed() {
    let world = World::new(Profile::instant());
    let (_, ticket) = opened(&world).await;
    assert_eq!(world.ask("DELETE", &format!("tickets/{ticket}"), Value::Null).await.status, 204);
    assert_eq!(world.get(&format!("tickets/{ticket}")).await.status, 404);
    assert_eq!(world.get(&format!("tickets/{ticket}/metrics")).await.status, 404);
    let export = world.get("incremental/tickets/cursor?start_time=0").await;
    assert_eq!(export.body["tickets"][0]["status"], "deleted");
    assert_eq!(world.get("deleted_tickets").await.body["deleted_tickets"][0]["previous_state"], "new");
    assert_eq!(world.ask("PUT", &format!("deleted_tickets/{ticket}/restore"), Value::Null).await.text, "{}");
    assert_eq!(world.get(&format!("tickets/{ticket}")).await.body["ticket"]["status"], "new");
    world.ask("DELETE", &format!("tickets/{ticket}"), Value::Null).await;
    let job = world.ask("DELETE", &format!("deleted_tickets/{ticket}"), Value::Null).await;
    assert_eq!(job.status, 200);
    let done = world.get(&format!("job_statuses/{}", job.body["job_status"]["id"].as_str().unwrap())).await;
    assert_eq!(done.body["job_status"]["results"], json!({"success": true}));
    let export = world.get("incremental/tickets/cursor?start_time=0").await;
    assert_eq!(export.body["tickets"][0]["subject"], "SCRUBBED");
}

#[tokio::test]
async fn merging_closes_the_source_and_imports_keep_their_times() {
    let world = World::new(Profile::instant());
    let (requester, source) = opened(&world).await;
    let target = world.made("tickets", json!({"ticket": {"subject": "Same", "comment": {"body": "b"}, "requester_id": requester}})).await;
    let job = world
        .ask("POST", &format!("tickets/{target}/merge"), json!({"ids": [source], "target_comment": "Both", "source_comment": "See other"}))
        .await;
    assert_eq!(job.body["job_status"]["status"], "queued");
    world.pass(1);
    let merged = world.get(&format!("tickets/{source}")).await.body["ticket"].clone();
    assert_eq!(
        (&merged["status"], &merged["tags"], &merged["via"]["source"]["rel"]),
        (&json!("closed"), &json!(["closed_by_merge"]), &json!("merge"))
    );
    assert_eq!(world.sim.comments(target)[1]["public"], false);
    let old = json!({"ticket": {"subject": "Old", "requester_id": requester, "status": "closed", "created_at": "2020-01-01T00:00:00Z",
        "updated_at": "2020-02-01T00:00:00Z", "solved_at": "2020-01-15T00:00:00Z",
        "comments": [{"author_id": requester, "value": "first", "created_at": "2020-01-01T00:00:00Z"}, {"author_id": world.person(), "value": "second", "public": false}]}});
    let old = world.made("imports/tickets", old).await;
    let shown = world.sim.ticket(old).unwrap();
    assert_eq!(
        (&shown["created_at"], &shown["updated_at"], &shown["description"]),
        (&json!("2020-01-01T00:00:00Z"), &json!("2020-02-01T00:00:00Z"), &json!("first"))
    );
    assert!(world.get("tickets/999").await.status == 404 && world.get("nothing/here").await.body["error"] == "InvalidEndpoint");
    let sideload = world.get(&format!("tickets/show_many?ids={source},{target}&include=users,metric_sets")).await;
    assert_eq!((sideload.body["metric_sets"].as_array().unwrap().len(), sideload.body["count"].as_u64()), (2, Some(2)));
}
