//! Writing organizations and tickets, and what is true of every write.

use std::time::Duration;

use entente_connect::connector::{Connector, Priority};
use entente_connect::error::Class;
use entente_connect::write::{Write, WriteTarget};
use entente_model::id::{RecordId, uuid_v7};
use serde_json::{Value, json};

use super::desk::{START_MS, desk, ok, said};
use super::written::{create, delete, job, landed, target, update};

#[tokio::test]
async fn many_new_organizations_are_looked_up_before_they_are_created() {
    let desk = desk(|call| match call.route().as_str() {
        "GET organizations/show_many" => {
            assert_eq!(call.q("external_ids"), "acc_1,acc_2,acc_3,acc_4");
            ok(json!({"organizations": [{"id": 52, "name": "Two", "external_id": "ACC_2", "updated_at": "2026-01-01T00:00:00Z"}]}))
        }
        "POST organizations/create_many" => {
            assert_eq!(call.body["organizations"].as_array().unwrap().len(), 3);
            let results = json!([
                {"index": 1, "error": "OrganizationCreateError", "details": "Name: Three has already been taken"},
                {"index": 0, "id": 51, "status": "Created"},
                {"index": 2, "id": 54, "status": "Created"},
            ]);
            ok(json!({"job_status": job("V3-1", "completed", results)}))
        }
        "PUT organizations/52" => {
            ok(json!({"organization": {"id": 52, "name": "Two", "updated_at": "2026-01-02T10:00:00Z", "organization_fields": {}}}))
        }
        other => panic!("{other}"),
    });
    let writes: Vec<Write> = ["One", "Two", "Three", "Four"]
        .iter()
        .enumerate()
        .map(|(at, name)| create(&format!("acc_{}", at + 1), json!({"name": name})))
        .collect();
    let outcomes = desk.zendesk.write(&target("organization"), &writes, Priority::Urgent).await.unwrap();
    assert_eq!(landed(&outcomes[0]), ("51", Some(true)));
    assert_eq!(landed(&outcomes[1]), ("52", Some(false)));
    let clash = outcomes[2].as_ref().unwrap_err();
    assert_eq!((clash.class, clash.field.as_deref()), (Class::LookAgain, Some("name")));
    assert!(clash.advice.contains("link it"), "{}", clash.advice);
    assert_eq!(landed(&outcomes[3]), ("54", Some(true)));
}

/// A record made so many minutes before the desk's present.
fn made_ago(minutes: u64) -> String {
    let ms = u64::try_from(START_MS).unwrap() - minutes * 60_000;
    RecordId::new("cas", uuid_v7(ms, 1)).to_string()
}

#[tokio::test]
async fn a_ticket_of_a_young_record_is_created_by_its_key_without_a_look() {
    let young = made_ago(90);
    let key = young.clone();
    let desk = desk(move |call| match call.route().as_str() {
        "POST tickets" => {
            assert_eq!(call.idempotency_key, key);
            said(201, json!({"ticket": {"id": 35, "status": "new", "updated_at": "2026-01-02T10:00:00Z"}, "audit": {}}))
        }
        "GET tickets" => ok(json!({"tickets": []})),
        other => panic!("{other}"),
    });
    let write = |key: &str| [create(key, json!({"subject": "Broken"}))];
    let outcomes = desk.zendesk.write(&target("ticket"), &write(&young), Priority::Urgent).await.unwrap();
    assert_eq!(landed(&outcomes[0]), ("35", Some(true)));
    assert_eq!(desk.routes(), ["POST tickets"]);
    // Earlier attempts for an older one may be forgotten.
    desk.hands.pass(Duration::from_secs(20 * 60));
    desk.zendesk.write(&target("ticket"), &write(&young), Priority::Urgent).await.unwrap();
    assert_eq!(desk.routes()[1..], ["GET tickets", "POST tickets"]);
}

#[tokio::test]
async fn tickets_of_young_records_are_created_one_by_one_and_those_of_old_ones_after_a_look() {
    let (first, second, old) = (made_ago(1), made_ago(2), made_ago(200));
    let keys = [first.clone(), second.clone()];
    let desk = desk(move |call| match call.route().as_str() {
        "POST tickets" if call.idempotency_key == keys[1] => {
            said(400, json!({"error": "IdempotentRequestError", "description": "Request parameters don't match the given idempotency key"}))
        }
        "POST tickets" => {
            assert_eq!(call.idempotency_key, keys[0]);
            said(201, json!({"ticket": {"id": 35, "status": "new", "updated_at": "2026-01-02T10:00:00Z"}, "audit": {}}))
        }
        "GET tickets" => {
            ok(json!({"tickets": [{"id": if call.q("external_id") == keys[1] { 36 } else { 37 }, "external_id": call.q("external_id")}]}))
        }
        "PUT tickets/update_many" => {
            let results = json!([{"action": "update", "id": 36, "success": true}, {"action": "update", "id": 37, "success": true}]);
            ok(json!({"job_status": job("V3-1", "completed", results)}))
        }
        other => panic!("{other}"),
    });
    let writes: Vec<Write> = [&first, &second, &old].map(|key| create(key, json!({"subject": "Set up"}))).into();
    let outcomes = desk.zendesk.write(&target("ticket"), &writes, Priority::Urgent).await.unwrap();
    assert_eq!(outcomes.iter().map(landed).collect::<Vec<_>>(), [("35", Some(true)), ("36", Some(false)), ("37", Some(false))]);
    assert_eq!((desk.count("POST tickets"), desk.count("GET tickets")), (2, 2), "the first one needs no look");
}

#[tokio::test]
async fn a_ticket_that_was_created_by_its_key_with_other_values_is_updated() {
    let desk = desk(|call| match call.route().as_str() {
        "POST tickets" => {
            said(400, json!({"error": "IdempotentRequestError", "description": "Request parameters don't match the given idempotency key"}))
        }
        "GET tickets" => ok(json!({"tickets": [{"id": 33, "external_id": call.q("external_id")}]})),
        "PUT tickets/33" => {
            ok(json!({"ticket": {"id": 33, "status": "open", "subject": "Broken", "updated_at": "2026-01-02T10:00:00Z"}, "audit": {}}))
        }
        other => panic!("{other}"),
    });
    let writes = [create(&made_ago(1), json!({"subject": "Broken"}))];
    let outcomes = desk.zendesk.write(&target("ticket"), &writes, Priority::Urgent).await.unwrap();
    assert_eq!(landed(&outcomes[0]), ("33", Some(false)));
}

#[tokio::test]
async fn a_ticket_that_was_created_by_a_lost_call_is_not_created_again() {
    let desk = desk(|call| match call.route().as_str() {
        "GET tickets" => ok(json!({"tickets": [{"id": 33, "external_id": call.q("external_id")}]})),
        "PUT tickets/33" => {
            assert_eq!(call.body, json!({"ticket": {"subject": "Broken", "external_id": "cas_1"}}), "the first comment is there already");
            ok(json!({"ticket": {"id": 33, "status": "open", "subject": "Broken", "updated_at": "2026-01-02T10:00:00Z"}, "audit": {}}))
        }
        other => panic!("{other}"),
    });
    let writes = [create("cas_1", json!({"subject": "Broken", "description": "It is"}))];
    let outcomes = desk.zendesk.write(&target("ticket"), &writes, Priority::Urgent).await.unwrap();
    assert_eq!(landed(&outcomes[0]), ("33", Some(false)));
    let look = outcomes[0].as_ref().unwrap().look.as_ref().unwrap();
    assert!(!look.complete, "metrics are not in the answer");
}

#[tokio::test]
async fn a_ticket_that_moved_on_refuses_the_write() {
    let desk = desk(|call| {
        assert_eq!(call.body, json!({"ticket": {"priority": "high", "safe_update": true, "updated_stamp": "2026-01-01T09:00:00Z"}}));
        said(409, json!({"error": "UpdateConflict", "description": "Safe Update prevented the update"}))
    });
    let write = Write { expect: Some("2026-01-01T09:00:00Z".to_owned()), ..update("33", json!({"priority": "high"})) };
    let outcomes = desk.zendesk.write(&target("ticket"), &[write], Priority::Update).await.unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap_err().class, Class::LookAgain);
}

#[tokio::test]
async fn deleting_what_is_gone_already_is_done() {
    let desk = desk(|call| match call.route().as_str() {
        "DELETE organizations/1" => said(404, json!({"error": "RecordNotFound", "description": "Not found"})),
        "DELETE users/destroy_many" => {
            assert_eq!(call.q("ids"), "2,3");
            let results = json!([{"index": 1, "id": 3, "error": "DeleteFailed", "details": "Not found"}, {"index": 0, "id": 2, "action": "delete", "status": "Deleted", "success": true}]);
            ok(json!({"job_status": job("V3-1", "completed", results)}))
        }
        other => panic!("{other}"),
    });
    let one = desk.zendesk.write(&target("organization"), &[delete("1")], Priority::Update).await.unwrap();
    assert_eq!(landed(&one[0]).0, "1");
    let two = desk.zendesk.write(&target("user"), &[delete("2"), delete("3")], Priority::Update).await.unwrap();
    assert_eq!((landed(&two[0]).0, landed(&two[1]).0), ("2", "3"));
}

#[tokio::test]
async fn another_key_than_external_id_is_refused() {
    let desk = desk(|call| panic!("{}", call.route()));
    let to = WriteTarget { object: "user".to_owned(), key_field: "user_fields.entente_id".to_owned() };
    let error = desk.zendesk.write(&to, &[create("con_1", json!({"name": "Ada"}))], Priority::Update).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::Configuration, "key_field"));
}

#[tokio::test]
async fn an_internal_ticket_of_a_colleague_is_hidden_from_the_customer() {
    let desk = desk(|call| match call.route().as_str() {
        "GET tickets" => ok(json!({"tickets": []})),
        "POST tickets" => said(201, json!({"ticket": {"id": 35, "status": "new", "updated_at": "2026-01-02T10:00:00Z"}, "audit": {}})),
        other => panic!("{other}"),
    });
    let checklist = |key: &str, manager: &str| {
        let row = json!({
            "subject": "Onboarding", "description": "[ ] call", "comment.public": false, "requester_agent_email": manager,
            "organization_id": "7",
        });
        create(key, row)
    };
    // Somebody who is no agent is not invited: the ticket is then of our own user.
    for (key, manager) in [("cas_1", "Cora@Acme.example"), ("cas_2", "nobody@customer.example")] {
        desk.zendesk.write(&target("ticket"), &[checklist(key, manager)], Priority::Urgent).await.unwrap()[0].as_ref().unwrap();
    }
    let calls = desk.calls.lock().unwrap();
    let tickets: Vec<&Value> = calls.iter().filter(|call| call.method == "POST").map(|call| &call.body["ticket"]).collect();
    assert_eq!(tickets[0]["comment"], json!({"body": "[ ] call", "public": false}));
    assert_eq!((&tickets[0]["requester_id"], &tickets[0]["organization_id"]), (&json!(901), &json!(7)));
    assert_eq!((&tickets[1]["requester_id"], &tickets[1]["comment"]["public"]), (&Value::Null, &json!(false)));
    assert!(tickets.iter().all(|ticket| ticket.get("requester_agent_email").is_none()), "Zendesk has no such attribute");
}

#[tokio::test]
async fn what_only_a_new_ticket_takes_is_refused_later() {
    let desk = desk(|call| panic!("{}", call.route()));
    let outcomes = desk.zendesk.write(&target("ticket"), &[update("35", json!({"comment.public": true}))], Priority::Update).await.unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap_err().code, "immutable_field");
}

#[tokio::test]
async fn groups_are_read_once_and_anew_when_asked() {
    let desk = desk(|call| match (call.route().as_str(), call.q("page[after]")) {
        ("GET groups", "") => ok(json!({"groups": [{"id": 77, "name": "Enterprise support", "deleted": false}],
            "meta": {"has_more": true, "after_cursor": "x"}})),
        ("GET groups", "x") => {
            ok(json!({"groups": [{"id": 78, "name": "Old", "deleted": true}, {"id": 79, "name": "Rest", "deleted": false}],
            "meta": {"has_more": false, "after_cursor": "y"}}))
        }
        (other, _) => panic!("{other}"),
    });
    for fresh in [false, false] {
        let groups = desk.zendesk.groups(fresh).await.unwrap();
        assert_eq!(
            groups.iter().map(|group| (group.id.as_str(), group.name.as_str())).collect::<Vec<_>>(),
            [("77", "Enterprise support"), ("79", "Rest")]
        );
    }
    assert_eq!(desk.count("GET groups"), 2);
    desk.zendesk.groups(true).await.unwrap();
    assert_eq!(desk.count("GET groups"), 4);
}
