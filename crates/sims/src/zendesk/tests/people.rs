use serde_json::{Value, json};

use super::*;
use crate::zendesk::{FieldSpec, Kind};

#[tokio::test]
async fn a_user_is_created_read_changed_and_deleted() {
    let world = World::new(Profile::instant());
    world.sim.add_field(Kind::User, FieldSpec::new("plan", "tagger").with_options(&["gold", "silver"])).unwrap();
    let body = json!({"user": {"name": "Eve", "email": "Eve@X.example", "external_id": "C-1", "tags": ["VIP"], "wrong": 1, "user_fields": {"plan": "gold"}}});
    let made = world.ask("POST", "users.json", body.clone()).await;
    assert_eq!(made.status, 201);
    let shown = &made.body["user"];
    let id = shown["id"].as_u64().unwrap();
    assert_eq!(made.header("location"), format!("http://127.0.0.1:4321/api/v2/users/{id}.json"));
    assert!(made.header("x-zendesk-api-warn").contains(":unpermitted_keys=>[\"user.wrong\"]"));
    assert_eq!(shown["email"], "eve@x.example");
    assert_eq!(shown["tags"], json!(["gold", "vip"]));
    assert_eq!(shown["url"], format!("https://acme.zendesk.com/api/v2/users/{id}.json"));
    assert!(shown.as_object().unwrap().contains_key("photo") && shown["phone"].is_null());

    let twice = world.ask("POST", "users", body).await;
    assert_eq!(twice.status, 422);
    assert_eq!(twice.body["details"]["email"][0]["error"], "DuplicateValue");
    assert!(twice.body["details"]["external_id"].is_array());

    let same = world.ask("POST", "users/create_or_update", json!({"user": {"name": "Eva", "external_id": "c-1"}})).await;
    assert_eq!((same.status, same.body["user"]["id"].as_u64()), (200, Some(id)));
    assert_eq!(same.body["user"]["external_id"], "c-1");

    // A second address does not replace the first one.
    world.ask("PUT", &format!("users/{id}"), json!({"user": {"email": "eve2@x.example"}})).await;
    assert_eq!(world.get(&format!("users/{id}")).await.body["user"]["email"], "eve@x.example");
    let identities = world.get(&format!("users/{id}/identities.json")).await;
    let second = identities.body["identities"][1]["id"].as_u64().unwrap();
    let order = world.ask("PUT", &format!("users/{id}/identities/{second}/make_primary"), Value::Null).await;
    assert_eq!(order.body["identities"][0]["value"], "eve2@x.example");
    assert_eq!(world.get(&format!("users/{id}")).await.body["user"]["email"], "eve2@x.example");
    assert_eq!(world.ask("POST", "users", user("Other", "eve@x.example")).await.status, 422);

    // Removing the tag clears the dropdown; an unknown choice is dropped without a word.
    let untagged = world.ask("PUT", &format!("users/{id}"), json!({"user": {"tags": ["vip"]}})).await;
    assert_eq!(untagged.body["user"]["user_fields"]["plan"], Value::Null);
    let unknown = world.ask("PUT", &format!("users/{id}"), json!({"user": {"user_fields": {"plan": "iron"}}})).await;
    assert_eq!((unknown.status, &unknown.body["user"]["user_fields"]["plan"]), (200, &Value::Null));

    let gone = world.ask("DELETE", &format!("users/{id}"), Value::Null).await;
    assert_eq!((gone.status, &gone.body["user"]["active"]), (200, &json!(false)));
    assert_eq!(ids(&world.get("deleted_users").await.body["deleted_users"]), [id]);
    assert_eq!(world.get(&format!("users/{id}/compliance_deletion_statuses")).await.status, 404);
    assert_eq!(world.ask("DELETE", &format!("deleted_users/{id}"), Value::Null).await.status, 200);
    let erased = world.get(&format!("users/{id}")).await;
    assert_eq!((&erased.body["user"]["name"], &erased.body["user"]["email"]), (&json!("Permanently Deleted User"), &Value::Null));
    assert_eq!(world.get(&format!("users/{id}/compliance_deletion_statuses")).await.status, 200);
    assert_eq!(world.ask("POST", "users", user("Other", "eve@x.example")).await.status, 201);
}

#[tokio::test]
async fn merging_moves_addresses_tickets_and_memberships() {
    let world = World::new(Profile::instant());
    let acme = world.made("organizations", json!({"organization": {"name": "Acme"}})).await;
    let loser = world.made("users", json!({"user": {"name": "Eve", "email": "eve@x.example", "organization_id": acme}})).await;
    let winner = world.made("users", user("Eva", "eva@x.example")).await;
    let ticket = world.made("tickets", json!({"ticket": {"subject": "s", "comment": {"body": "b"}, "requester_id": loser}})).await;
    let blocked = world.ask("DELETE", &format!("users/{loser}"), Value::Null).await;
    assert_eq!(blocked.status, 422);
    let merged = world.ask("PUT", &format!("users/{loser}/merge"), json!({"user": {"id": winner}})).await;
    assert_eq!((merged.status, merged.body["user"]["id"].as_u64()), (200, Some(winner)));
    assert_eq!(world.get(&format!("users/{loser}")).await.body["user"]["active"], false);
    let values: Vec<Value> = world.get(&format!("users/{winner}/identities")).await.body["identities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|held| held["value"].clone())
        .collect();
    assert_eq!(values, ["eva@x.example", "eve@x.example"]);
    assert_eq!(world.get(&format!("tickets/{ticket}")).await.body["ticket"]["requester_id"], winner);
    assert_eq!(world.get(&format!("users/{winner}")).await.body["user"]["organization_id"], acme);
    let related = world.get(&format!("users/{winner}/related")).await;
    assert_eq!(
        (&related.body["user_related"]["requested_tickets"], &related.body["user_related"]["organization_subscriptions"]),
        (&json!(1), &json!(1))
    );
    let found = world.get("users/search?query=email:eve@x.example").await;
    assert_eq!(ids(&found.body["users"]), [winner]);
}

#[tokio::test]
async fn organizations_have_unique_names_and_vanish_when_deleted() {
    let world = World::new(Profile { job_ms: 1_000, ..Profile::instant() });
    let acme =
        world.made("organizations", json!({"organization": {"name": "Acme", "external_id": "A-1", "domain_names": ["acme.test"]}})).await;
    let clash = world.ask("POST", "organizations", json!({"organization": {"name": "ACME"}})).await;
    assert_eq!(clash.body["details"]["name"][0]["description"], "Name: ACME has already been taken");
    let by_name = world.ask("POST", "organizations/create_or_update", json!({"organization": {"name": "Acme"}})).await;
    assert_eq!(by_name.status, 422);
    let by_key =
        world.ask("POST", "organizations/create_or_update", json!({"organization": {"external_id": "a-1", "name": "Acme Ltd"}})).await;
    assert_eq!((by_key.status, by_key.body["organization"]["id"].as_u64()), (200, Some(acme)));
    let member = world.made("users", user("Eve", "eve@acme.test")).await;
    assert_eq!(world.get(&format!("users/{member}")).await.body["user"]["organization_id"], acme);
    assert_eq!(world.get("organizations/autocomplete?name=a").await.status, 400);
    assert_eq!(ids(&world.get("organizations/search?name=acme%20ltd").await.body["organizations"]), [acme]);

    let other = world.made("organizations", json!({"organization": {"name": "Other"}})).await;
    let linked =
        world.made("organization_memberships", json!({"organization_membership": {"user_id": member, "organization_id": other}})).await;
    let again = world
        .ask("POST", "organization_memberships", json!({"organization_membership": {"user_id": member, "organization_id": other}}))
        .await;
    assert_eq!(again.status, 422);
    world.ask("PUT", &format!("users/{member}/organization_memberships/{linked}/make_default"), Value::Null).await;
    assert_eq!(world.get(&format!("users/{member}")).await.body["user"]["organization_id"], other);

    let merge = world.ask("PUT", &format!("organizations/{other}/merge"), json!({"organization_merge": {"winner_id": acme}})).await;
    assert_eq!(merge.body["organization_merge"]["status"], "new");
    let merge = merge.body["organization_merge"]["id"].as_str().unwrap().to_owned();
    assert_eq!(merge.len(), 26);
    world.pass(1);
    assert_eq!(world.get(&format!("organization_merges/{merge}")).await.body["organization_merge"]["status"], "complete");
    assert_eq!(world.get(&format!("organizations/{other}")).await.status, 404);
    assert_eq!(world.get(&format!("users/{member}")).await.body["user"]["organization_id"], acme);
    assert_eq!(world.ask("DELETE", &format!("organizations/{acme}"), Value::Null).await.status, 204);
    assert_eq!(world.get(&format!("users/{member}")).await.body["user"]["organization_id"], Value::Null);
}

#[tokio::test]
async fn lists_page_by_cursor_and_by_offset() {
    let world = World::new(Profile::instant());
    for turn in 0..5 {
        world.made("users", user("Eve", &format!("eve{turn}@x.example"))).await;
    }
    let mut path = "users.json?role=end-user&page[size]=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let got = world.get(&path).await;
        seen.extend(ids(&got.body["users"]));
        let next = got.body["links"]["next"].as_str().unwrap().to_owned();
        assert!(next.starts_with("http://127.0.0.1:4321/api/v2/users.json?role=end"), "{next}");
        path = next.split_once("/api/v2/").unwrap().1.to_owned();
        if got.body["meta"]["has_more"] == false {
            break;
        }
    }
    assert_eq!(seen.len(), 5);
    let back = world
        .get(&format!("users?role=end-user&page[size]=2&page[before]={}", {
            let got = world.get("users?role=end-user&page[size]=4").await;
            got.body["meta"]["after_cursor"].as_str().unwrap().replace('=', "%3D").replace('+', "%2B")
        }))
        .await;
    assert_eq!(ids(&back.body["users"]), seen[1..3]);
    let offset = world.get("users?role=end-user&per_page=2&page=3").await;
    assert_eq!((offset.body["count"].as_u64(), ids(&offset.body["users"]).len()), (Some(5), 1));
    assert_eq!(offset.body["next_page"], Value::Null);
    assert_eq!(world.get("users?per_page=100&page=101").await.status, 400);
    assert_eq!(world.get("users?page[size]=101").await.status, 400);
    let many = world.get(&format!("users/show_many.json?ids={},{}", seen[3], seen[0])).await;
    assert_eq!(ids(&many.body["users"]), [seen[3], seen[0]]);
    assert!(many.body["next_page"].is_null() && many.body["count"] == 2);
}
