//! Writes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use entente_connect::connector::{Connector, Priority};
use entente_connect::error::{Class, VendorError};
use entente_connect::look::ReadSpec;
use entente_connect::write::{Write, WriteKind, WriteTarget, Written};
use entente_model::actor::Actor;
use entente_model::id::{RecordId, uuid_v7};
use entente_model::mapping::remote::Row;
use serde_json::{Value, json};

use super::desk::{START_MS, Said, Seen, desk, ok, said, user};

fn target(object: &str) -> WriteTarget {
    WriteTarget { object: object.to_owned(), key_field: "external_id".to_owned() }
}

fn row(value: Value) -> Row {
    value.as_object().cloned().unwrap()
}

fn create(key: &str, values: Value) -> Write {
    Write { kind: WriteKind::Create, key: key.to_owned(), id: None, row: row(values), expect: None }
}

fn update(id: &str, values: Value) -> Write {
    Write { kind: WriteKind::Update, key: format!("con_{id}"), id: Some(id.to_owned()), row: row(values), expect: None }
}

fn delete(id: &str) -> Write {
    Write { kind: WriteKind::Delete, key: format!("con_{id}"), id: Some(id.to_owned()), row: Row::new(), expect: None }
}

fn job(id: &str, status: &str, results: Value) -> Value {
    json!({"id": id, "job_type": "Bulk", "total": 1, "progress": null, "status": status, "message": null, "results": results})
}

fn landed(outcome: &Result<Written, VendorError>) -> (&str, Option<bool>) {
    let written = outcome.as_ref().unwrap();
    (written.id.as_str(), written.created)
}

#[tokio::test]
async fn one_new_user_is_written_at_once_and_shown() {
    let desk = desk(|call| {
        assert_eq!(call.route(), "POST users/create_or_update");
        assert_eq!(call.body, json!({"user": {"name": "Ada", "external_id": "con_1", "skip_verify_email": true}}));
        let mut made = user(26_155_588_908_179, "Ada");
        made["external_id"] = json!("con_1");
        said(201, json!({"user": made}))
    });
    let outcomes = desk.zendesk.write(&target("user"), &[create("con_1", json!({"name": "Ada"}))], Priority::Urgent).await.unwrap();
    let written = outcomes[0].as_ref().unwrap();
    assert_eq!((written.id.as_str(), written.created), ("26155588908179", Some(true)));
    let look = written.look.as_ref().unwrap();
    assert!(look.complete);
    assert_eq!((look.mark.by, &look.row["user_fields.plan_tier"]), (Actor::Us, &Value::Null));
}

#[tokio::test]
async fn a_user_that_existed_is_said_to_be_an_old_one() {
    let desk = desk(|_| ok(json!({"user": user(7, "Ada")})));
    let outcomes = desk.zendesk.write(&target("user"), &[create("con_1", json!({"name": "Ada"}))], Priority::Urgent).await.unwrap();
    assert_eq!(landed(&outcomes[0]), ("7", Some(false)));
}

#[tokio::test]
async fn a_job_with_shuffled_results_and_one_failure_is_sorted_out() {
    let mut polls = 0;
    let desk = desk(move |call| match call.route().as_str() {
        "POST users/create_or_update_many" => ok(json!({"job_status": job("V3-1", "queued", Value::Null)})),
        "GET job_statuses/show_many" => {
            assert_eq!(call.q("ids"), "V3-1");
            polls += 1;
            if polls < 3 {
                return ok(json!({"job_statuses": [job("V3-1", "working", Value::Null)]}));
            }
            let results = json!([
                {"index": 2, "id": 12, "status": "Created", "external_id": "con_c"},
                {"index": 1, "error": "UserCreateError", "details": "Email: b@example.com is already being used by another user"},
                {"id": 10, "status": "Updated", "external_id": "CON_A"},
            ]);
            ok(json!({"job_statuses": [job("V3-1", "completed", results)]}))
        }
        "GET users/show_many" => {
            assert_eq!(call.q("external_ids"), "con_c", "what was there is looked at anyhow");
            let mut made = user(12, "con_c");
            (made["external_id"], made["time_zone"]) = (json!("con_c"), json!("Berlin"));
            ok(json!({"users": [made]}))
        }
        other => panic!("{other}"),
    });
    let writes: Vec<Write> = ["con_a", "con_b", "con_c"].map(|key| create(key, json!({"name": key}))).into();
    let outcomes = desk.zendesk.write(&target("user"), &writes, Priority::Urgent).await.unwrap();
    assert_eq!(landed(&outcomes[0]), ("10", Some(false)));
    assert_eq!(outcomes[1].as_ref().unwrap_err().class, Class::LookAgain);
    assert_eq!(landed(&outcomes[2]), ("12", Some(true)));
    let made = outcomes[2].as_ref().unwrap().look.as_ref().expect("a user whom a job has made is shown");
    assert_eq!(made.row["time_zone"], "Berlin", "as Zendesk filled it in");
    let looked: Vec<i64> = desk.calls.lock().unwrap().iter().skip(1).map(|call| call.at_ms - START_MS).collect();
    assert_eq!(
        looked,
        [274, 774, 1_774, 1_774],
        "first after a quarter second and 8 ms a row, then after half a second, then after a second"
    );
}

#[tokio::test]
async fn what_zendesk_fills_in_in_the_crowd_of_a_first_sync_is_asked_for_once() {
    let jobs: Arc<Mutex<BTreeMap<String, Value>>> = Arc::default();
    let desk = desk(move |call| match call.route().as_str() {
        "POST users/create_or_update_many" => {
            let users = call.body["users"].as_array().unwrap();
            let made = |(at, user): (usize, &Value)| {
                let number: u64 = user["external_id"].as_str().unwrap().trim_start_matches("con_").parse().unwrap();
                json!({"index": at, "id": number, "status": "Created", "external_id": user["external_id"]})
            };
            let results: Vec<Value> = users.iter().enumerate().map(made).collect();
            let mut jobs = jobs.lock().unwrap();
            let id = format!("V3-{}", jobs.len());
            jobs.insert(id.clone(), json!(results));
            ok(json!({"job_status": job(&id, "queued", Value::Null)}))
        }
        "GET job_statuses/show_many" => {
            let jobs = jobs.lock().unwrap();
            let done: Vec<Value> = call.q("ids").split(',').map(|id| job(id, "completed", jobs[id].clone())).collect();
            ok(json!({"job_statuses": done}))
        }
        "GET users/show_many" => {
            let shown = |key: &str| {
                let mut made = user(key.trim_start_matches("con_").parse().unwrap(), key);
                (made["external_id"], made["time_zone"], made["iana_time_zone"]) = (json!(key), json!("Berlin"), json!("Europe/Berlin"));
                (made["locale"], made["locale_id"]) = (json!("de"), json!(8));
                made
            };
            ok(json!({"users": call.q("external_ids").split(',').map(shown).collect::<Vec<_>>()}))
        }
        other => panic!("{other}"),
    });
    let crowd = |from: usize, own: Value| -> Vec<Write> {
        (from..from + 25)
            .map(|n| {
                let mut values = row(json!({"name": format!("N{n}")}));
                values.extend(row(own.clone()));
                create(&format!("con_{n}"), Value::Object(values))
            })
            .collect()
    };
    let to = target("user");
    let first = desk.zendesk.write(&to, &crowd(100, json!({})), Priority::Backfill).await.unwrap();
    assert!(first[0].as_ref().unwrap().look.as_ref().unwrap().complete, "the first are looked at");
    let second = desk.zendesk.write(&to, &crowd(200, json!({"time_zone": "Tokyo"})), Priority::Backfill).await.unwrap();
    assert_eq!(desk.count("GET users/show_many"), 1, "the next are like them");
    let told = second[3].as_ref().unwrap().look.as_ref().unwrap();
    assert!(!told.complete && told.id == "203");
    assert_eq!((told.row.get("locale"), told.row.get("time_zone")), (Some(&json!("de")), None), "what was written is the user's own");
    desk.zendesk.write(&to, &crowd(300, json!({})), Priority::Urgent).await.unwrap();
    assert_eq!(desk.count("GET users/show_many"), 2, "a new customer is looked at");
}

#[tokio::test]
async fn jobs_of_many_writers_are_watched_with_one_call() {
    let jobs: Arc<Mutex<BTreeMap<String, Vec<u64>>>> = Arc::default();
    let desk = desk(move |call| match call.route().as_str() {
        "PUT users/update_many" => {
            let ids: Vec<u64> = call.body["users"].as_array().unwrap().iter().map(|user| user["id"].as_u64().unwrap()).collect();
            let mut jobs = jobs.lock().unwrap();
            let id = format!("V3-{}", jobs.len());
            jobs.insert(id.clone(), ids);
            ok(json!({"job_status": job(&id, "queued", Value::Null)}))
        }
        "GET job_statuses/show_many" => {
            let jobs = jobs.lock().unwrap();
            let done = |id: &str| {
                let results: Vec<Value> =
                    jobs[id].iter().rev().map(|id| json!({"action": "update", "id": id, "status": "Updated", "success": true})).collect();
                job(id, "completed", json!(results))
            };
            ok(json!({"job_statuses": call.q("ids").split(',').map(done).collect::<Vec<_>>()}))
        }
        other => panic!("{other}"),
    });
    let pair = |first: u64| [update(&first.to_string(), json!({"name": "A"})), update(&(first + 1).to_string(), json!({"name": "B"}))];
    let to = target("user");
    let batches: Vec<[Write; 2]> = (0..5).map(|batch| pair(batch * 2 + 1)).collect();
    let writing = batches.iter().map(|batch| desk.zendesk.write(&to, batch, Priority::Update));
    for (outcomes, batch) in futures::future::join_all(writing).await.into_iter().zip(&batches) {
        let outcomes = outcomes.unwrap();
        assert_eq!(landed(&outcomes[0]).0, batch[0].id.as_deref().unwrap());
        assert_eq!(landed(&outcomes[1]).0, batch[1].id.as_deref().unwrap());
    }
    assert_eq!(desk.count("PUT users/update_many"), 5);
    assert_eq!(desk.count("GET job_statuses/show_many"), 1);
    let looked = desk.calls.lock().unwrap().last().unwrap().at_ms - START_MS;
    assert_eq!(looked, 2_000, "nobody waits for the outcome of updates: one look confirms several batches");
}

#[tokio::test]
async fn a_job_that_never_ends_is_given_up() {
    let desk = desk(|call| match call.route().as_str() {
        "DELETE users/destroy_many" => ok(json!({"job_status": job("V3-1", "queued", Value::Null)})),
        _ => said(500, Value::Null),
    });
    let error = desk.zendesk.write(&target("user"), &[delete("1"), delete("2")], Priority::Update).await.unwrap_err();
    assert_eq!((error.class, error.code.as_str()), (Class::Retry, "job_timeout"));
}

#[tokio::test]
async fn a_full_job_queue_is_waited_for() {
    let desk = desk(|_| said(429, json!({"error": "TooManyJobs", "description": "full"})).header("retry-after", "3"));
    let writes = [update("1", json!({"name": "A"})), update("2", json!({"name": "B"}))];
    let error = desk.zendesk.write(&target("user"), &writes, Priority::Update).await.unwrap_err();
    assert_eq!(error.class, Class::Wait { until: desk.now() + jiff::SignedDuration::from_secs(3) });
    assert_eq!(desk.zendesk.budget().blocked_until, None, "other calls go on");
}

#[tokio::test]
async fn an_account_without_bulk_import_creates_its_users_one_by_one() {
    let mut next = 0;
    let desk = desk(move |call| match call.route().as_str() {
        "POST users/create_or_update_many" => {
            said(403, json!({"error": {"title": "Forbidden", "message": "You do not have access to this page."}}))
        }
        "POST users/create_or_update" => {
            next += 1;
            said(201, json!({"user": user(next, call.body["user"]["name"].as_str().unwrap())}))
        }
        other => panic!("{other}"),
    });
    let writes = ["A", "B", "C"].map(|name| create(&format!("con_{name}"), json!({"name": name})));
    for _ in 0..2 {
        let outcomes = desk.zendesk.write(&target("user"), &writes, Priority::Urgent).await.unwrap();
        for (outcome, write) in outcomes.iter().zip(&writes) {
            assert_eq!(outcome.as_ref().unwrap().look.as_ref().unwrap().row["name"], write.row["name"]);
        }
    }
    assert_eq!(desk.count("POST users/create_or_update_many"), 1, "it is remembered");
}

#[tokio::test]
async fn one_or_two_users_are_created_without_a_job() {
    let desk = desk(|call| ok(json!({"user": user(7, call.body["user"]["name"].as_str().unwrap())})));
    let writes = [create("con_a", json!({"name": "A"})), create("con_b", json!({"name": "B"}))];
    desk.zendesk.write(&target("user"), &writes, Priority::Urgent).await.unwrap();
    assert_eq!(desk.routes(), ["POST users/create_or_update", "POST users/create_or_update"]);
}

#[tokio::test]
async fn a_batch_that_is_refused_as_a_whole_fails_only_for_the_culprit() {
    let desk = desk(|call| match call.route().as_str() {
        "PUT users/update_many" => said(
            422,
            json!({"error": "RecordInvalid", "details": {"role": [{"description": "Role: is invalid", "error": "InvalidValue"}]}}),
        ),
        "PUT users/1" => ok(json!({"user": user(1, "Ada")})),
        "PUT users/2" => said(
            422,
            json!({"error": "RecordInvalid", "details": {"role": [{"description": "Role: is invalid", "error": "InvalidValue"}]}}),
        ),
        other => panic!("{other}"),
    });
    let writes = [update("1", json!({"name": "Ada"})), update("2", json!({"role": "king"}))];
    let outcomes = desk.zendesk.write(&target("user"), &writes, Priority::Update).await.unwrap();
    assert_eq!(landed(&outcomes[0]), ("1", None));
    let error = outcomes[1].as_ref().unwrap_err();
    assert_eq!((error.class, error.field.as_deref()), (Class::Data, Some("role")));
}

/// A user with one primary address, whose identities can be added to and promoted.
fn post_office(call: &Seen, identities: &mut Vec<Value>) -> Option<Said> {
    let promote = |identities: &mut Vec<Value>, id: u64| {
        for identity in identities.iter_mut() {
            identity["primary"] = json!(identity["id"] == id);
        }
    };
    match call.route().as_str() {
        "GET users/7/identities" => Some(ok(json!({"identities": identities}))),
        "POST users/7/identities" => {
            let given = &call.body["identity"];
            assert_eq!((&given["verified"], &given["primary"]), (&json!(true), &json!(true)));
            if identities.iter().any(|identity| identity["value"] == given["value"]) {
                let taken = json!({"value": [{"description": "Email: is already being used by another user", "error": "DuplicateValue"}]});
                return Some(said(422, json!({"error": "RecordInvalid", "details": taken})));
            }
            identities.push(json!({"id": 71, "type": "email", "value": given["value"], "primary": true, "verified": true}));
            promote(identities, 71);
            Some(ok(json!({"identity": identities.last()})))
        }
        "PUT users/7/identities/69/make_primary" => {
            promote(identities, 69);
            Some(ok(json!({"identities": identities})))
        }
        _ => None,
    }
}

#[tokio::test]
async fn a_new_address_becomes_the_primary_one_and_the_old_one_stays() {
    let mut identities = vec![json!({"id": 70, "type": "email", "value": "old@example.com", "primary": true, "verified": true})];
    let desk = desk(move |call| {
        if let Some(said) = post_office(call, &mut identities) {
            return said;
        }
        assert_eq!(call.route(), "PUT users/7");
        assert_eq!(call.body, json!({"user": {"name": "Ada"}}), "the address is not in the write, which would only add a secondary one");
        let mut row = user(7, "Ada");
        row["email"] = identities.iter().find(|identity| identity["primary"] == true).unwrap()["value"].clone();
        ok(json!({"user": row}))
    });
    let writes = [update("7", json!({"name": "Ada", "email": "new@example.com"}))];
    let outcomes = desk.zendesk.write(&target("user"), &writes, Priority::Update).await.unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap().look.as_ref().unwrap().row["email"], "new@example.com");
    assert_eq!(desk.calls.lock().unwrap().len(), 2, "one call for the address, one for the rest");
    // The same write again finds the address in place.
    desk.zendesk.write(&target("user"), &writes, Priority::Update).await.unwrap()[0].as_ref().unwrap();
    assert_eq!(desk.count("GET users/7/identities"), 1);
}

#[tokio::test]
async fn a_secondary_address_of_the_user_is_made_the_primary_one() {
    let mut identities = vec![
        json!({"id": 69, "type": "email", "value": "second@example.com", "primary": false, "verified": true}),
        json!({"id": 70, "type": "email", "value": "old@example.com", "primary": true, "verified": true}),
    ];
    let desk = desk(move |call| post_office(call, &mut identities).unwrap_or_else(|| panic!("{}", call.route())));
    let writes = [update("7", json!({"email": "second@example.com"}))];
    desk.zendesk.write(&target("user"), &writes, Priority::Update).await.unwrap()[0].as_ref().unwrap();
    assert_eq!(desk.count("PUT users/7/identities/69/make_primary"), 1);
}

#[tokio::test]
async fn a_secondary_address_that_an_export_has_shown_is_made_the_primary_one_without_asking() {
    let desk = desk(|call| match call.route().as_str() {
        "GET users/count" => ok(json!({"count": {"value": 1, "refreshed_at": "2026-01-02T00:00:00Z"}})),
        "GET incremental/users/cursor" => {
            assert_eq!(call.q("include"), "identities");
            let identities = json!([
                {"id": 69, "user_id": 7, "type": "email", "value": "second@example.com", "primary": false, "verified": true},
                {"id": 70, "user_id": 7, "type": "email", "value": "ada@example.com", "primary": true, "verified": true},
            ]);
            ok(json!({"users": [user(7, "Ada")], "identities": identities, "after_cursor": "A", "end_of_stream": true}))
        }
        "PUT users/7/identities/69/make_primary" => ok(json!({"identities": []})),
        other => panic!("{other}"),
    });
    let read = ReadSpec { object: "user".to_owned(), fields: vec!["name".to_owned(), "email".to_owned()] };
    desk.zendesk.page(&read, None, Priority::Backfill).await.unwrap();
    let writes = [update("7", json!({"email": "Second@example.com"}))];
    desk.zendesk.write(&target("user"), &writes, Priority::Backfill).await.unwrap()[0].as_ref().unwrap();
    assert_eq!(desk.count("PUT users/7/identities/69/make_primary"), 1);
}

#[tokio::test]
async fn a_secondary_address_that_has_vanished_since_is_added_anew() {
    let mut identities = vec![json!({"id": 70, "type": "email", "value": "old@example.com", "primary": true, "verified": true})];
    let desk = desk(move |call| match call.route().as_str() {
        "GET users/count" => ok(json!({"count": {"value": 1, "refreshed_at": "2026-01-02T00:00:00Z"}})),
        "GET incremental/users/cursor" => {
            let gone =
                json!([{"id": 68, "user_id": 7, "type": "email", "value": "second@example.com", "primary": false, "verified": true}]);
            ok(json!({"users": [user(7, "Ada")], "identities": gone, "after_cursor": "A", "end_of_stream": true}))
        }
        "PUT users/7/identities/68/make_primary" => said(404, json!({"error": "RecordNotFound", "description": "Not found"})),
        other => post_office(call, &mut identities).unwrap_or_else(|| panic!("{other}")),
    });
    let read = ReadSpec { object: "user".to_owned(), fields: vec!["email".to_owned()] };
    desk.zendesk.page(&read, None, Priority::Backfill).await.unwrap();
    let writes = [update("7", json!({"email": "second@example.com"}))];
    desk.zendesk.write(&target("user"), &writes, Priority::Backfill).await.unwrap()[0].as_ref().unwrap();
    assert_eq!((desk.count("POST users/7/identities"), desk.count("GET users/7/identities")), (1, 0));
}

#[tokio::test]
async fn an_address_of_somebody_else_is_a_reason_to_look_again() {
    let desk = desk(|call| match call.route().as_str() {
        "GET users/7/identities" => ok(json!({"identities": []})),
        "POST users/7/identities" => said(
            422,
            json!({"error": "RecordInvalid", "details": {"value": [{"description": "Email: x@y.z is already being used by another user", "error": "DuplicateValue"}]}}),
        ),
        "PUT users/8" => ok(json!({"user": user(8, "Bob")})),
        other => panic!("{other}"),
    });
    let writes = [update("7", json!({"email": "x@y.z"})), update("8", json!({"name": "Bob"}))];
    let outcomes = desk.zendesk.write(&target("user"), &writes, Priority::Update).await.unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap_err().class, Class::LookAgain);
    assert_eq!(landed(&outcomes[1]).0, "8");
}

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
