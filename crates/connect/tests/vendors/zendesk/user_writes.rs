//! Writing users: one by one, as jobs, and in the crowd of a first sync.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use entente_connect::connector::{Connector, Priority};
use entente_connect::error::Class;
use entente_connect::write::Write;
use entente_model::actor::Actor;
use serde_json::{Value, json};

use super::desk::{START_MS, desk, ok, said, user};
use super::written::{create, delete, job, landed, row, target, update};

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
