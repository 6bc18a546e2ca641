//! Who is one customer and who is not, and what follows from people's decisions, as programs ask for it.

use entente_engine::reports::watch::watch;
use entente_engine::sync::provision::provision;
use entente_model::id::RecordId;
use entente_store::{ConflictSide, NewReview, NewSchemaChange, Rewrite, SchemaState};

use super::mappings::with_bare_platforms;
use super::*;

/// Two contacts that a person has found to be one: the one that stays, and the one that ended.
async fn merged(server: &Server) -> (String, String) {
    let stays = server.contact(ada()).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let gone =
        server.contact(Fields::from([("last_name".into(), Value::text("King")), ("job_title".into(), Value::text("Countess"))])).await;
    let (record, other, now) = (gone.parse::<RecordId>().unwrap(), stays.clone(), server.app.engine.now());
    let new = NewReview {
        kind: "match".into(),
        record,
        other,
        object: "contact".into(),
        score: 0.9,
        evidence: json!({ "why": "told" }),
        opened_at: now,
    };
    let review = server.app.engine.store().write(move |tx| tx.open_review(&new)).await.unwrap().id;
    let (status, accepted) = server.post(&format!("/api/v1/reviews/{review}/accept"), json!({})).await;
    assert_eq!(status, StatusCode::OK, "{accepted}");
    (stays, gone)
}

#[tokio::test]
async fn two_records_that_were_merged_are_planned_to_be_two_and_are() {
    let server = server().await;
    let (stays, gone) = merged(&server).await;
    let state = async |id: &str| server.get(&format!("/api/v1/records/{id}")).await.1["state"].clone();
    assert_eq!(state(&gone).await, "merged");
    let (status, plan) = server.get(&format!("/api/v1/records/{gone}/unmerge/plan")).await;
    assert_eq!((status, &plan["applied"], &plan["already"]), (StatusCode::OK, &json!(false), &json!(false)), "{plan}");
    assert_eq!((&plan["comes_back"]["record"], &plan["stays"]["record"]), (&json!(gone), &json!(stays)), "{plan}");
    assert!(
        plan["fields"].as_array().unwrap().iter().any(|field| field["record"] == stays.as_str() && field["now"] == "Countess"),
        "{plan}"
    );
    assert_eq!(state(&gone).await, "merged", "a plan writes nothing");
    let (status, done) = server.post(&format!("/api/v1/records/{gone}/unmerge"), json!({})).await;
    assert_eq!((status, &done["applied"]), (StatusCode::OK, &json!(true)), "{done}");
    assert_eq!((state(&gone).await, state(&stays).await), (json!("active"), json!("active")));
    let (_, again) = server.post(&format!("/api/v1/records/{gone}/unmerge"), json!({})).await;
    assert_eq!(again["already"], true, "{again}");
    let alone = server.contact(ada()).await;
    let (status, error) = server.post(&format!("/api/v1/records/{alone}/unmerge"), json!({})).await;
    assert!(status.is_client_error() && error["error"]["remedy"].is_string(), "{status} {error}");
}

#[tokio::test]
async fn decisions_alike_are_proposed_as_a_rule_that_is_adopted_declined_and_withdrawn() {
    let server = server().await;
    let contested = async |side: Option<&str>| {
        let (record, now) = (server.account("Acme").await.parse().unwrap(), server.app.engine.now());
        let of = |name: &str, value: &str, by: &str| ConflictSide {
            side: name.into(),
            value: Value::text(value),
            at: Some(now),
            by: by.into(),
            who: None,
        };
        let new = NewConflict {
            record,
            object: "account".into(),
            field: "status".into(),
            base: Value::text("active"),
            sides: vec![of("salesforce", "churned", "sales"), of("zendesk", "suspended", "support")],
            suggested: None,
            opened_at: now,
        };
        let opened = server.app.engine.store().write(move |tx| tx.open_conflicts(std::slice::from_ref(&new))).await.unwrap();
        if let Some(side) = side {
            let (status, decided) = server.post(&format!("/api/v1/conflicts/{}/resolve", opened[0].0), json!({ "side": side })).await;
            assert_eq!(status, StatusCode::OK, "{decided}");
        }
    };
    for _ in 0..5 {
        assert_eq!(server.get("/api/v1/conflicts/proposals").await.1, json!([]), "not yet");
        contested(Some("zendesk")).await;
    }
    contested(None).await;
    let (status, proposed) = server.get("/api/v1/conflicts/proposals").await;
    let rule = &proposed[0];
    assert_eq!((status, &rule["field"], &rule["winner"], &rule["alike"]), (StatusCode::OK, &json!("status"), &json!("zendesk"), &json!(5)));
    assert_eq!((&rule["tried"]["as_people"], &rule["tried"]["waiting"]), (&json!(5), &json!(1)), "{rule}");
    let id = rule["id"].as_str().unwrap();

    let (status, error) = server.post(&format!("/api/v1/conflicts/proposals/{id}/decline"), json!({})).await;
    assert_eq!((status, error["error"]["code"].as_str()), (StatusCode::BAD_REQUEST, Some("invalid")), "a reason is needed: {error}");
    let (status, adopted) = server.post(&format!("/api/v1/conflicts/proposals/{id}/adopt"), json!({})).await;
    assert_eq!((status, &adopted["decided"], &adopted["rule"]["state"]), (StatusCode::OK, &json!(1), &json!("adopted")), "{adopted}");
    assert_eq!(server.get("/api/v1/conflicts").await.1["items"], json!([]), "what waited is decided");
    let (_, rules) = server.get("/api/v1/conflicts/rules").await;
    assert_eq!((&rules[0]["id"], &rules[0]["state"]), (&json!(id), &json!("adopted")), "{rules}");
    let (_, found) = server.get("/api/v1/conflicts/statistics?days=1").await;
    assert_eq!((&found["conflicts"], &found["manual"], &found["automatic"]), (&json!(6), &json!(5), &json!(1)), "{found}");
    let (status, withdrawn) = server.post(&format!("/api/v1/conflicts/rules/{id}/withdraw"), json!({ "reason": "the desk guesses" })).await;
    assert_eq!((status, &withdrawn["state"]), (StatusCode::OK, &json!("withdrawn")), "{withdrawn}");
    let (status, error) = server.post("/api/v1/conflicts/proposals/rule_nobody/adopt", json!({})).await;
    assert_eq!((status, error["error"]["remedy"].is_string()), (StatusCode::NOT_FOUND, true), "{error}");
}

#[tokio::test]
async fn a_field_that_a_platform_keeps_rewriting_is_told_with_a_patch_and_let_go_by_it() {
    let (server, ..) = with_bare_platforms().await;
    let engine = &server.app.engine;
    provision(engine, true).await.unwrap();
    let (record, now) = (server.account("Acme").await, engine.now());
    let bounce = Rewrite {
        record: record.parse().unwrap(),
        connection: "zendesk".into(),
        object: "account".into(),
        field: "plan".into(),
        written: Value::text("Pro  Annual"),
        shown: Value::text("Pro Annual"),
        times: 0,
    };
    for _ in 0..2 {
        let bounce = bounce.clone();
        engine.store().write(move |tx| tx.note_rewrite(&bounce, now).map(drop)).await.unwrap();
    }
    watch(engine).await.unwrap();
    let (_, alerts) = server.get("/api/v1/alerts").await;
    let told = alerts["items"].as_array().unwrap().iter().find(|alert| alert["kind"] == "rewritten").expect("it is told");
    assert!(told["subject"].as_str().unwrap().contains("zendesk"), "{told}");
    // The sync proposes the patch with the second bounce.
    let (_, mapping) = server.get("/api/v1/mappings?connection=zendesk&object=account").await;
    let before = mapping[0]["mapping"]["fields"].as_array().unwrap().iter().find(|line| line["field"] == "plan").unwrap().clone();
    let mut after = before.clone();
    after["put"] = json!("TRIM(plan)");
    after["get"] = json!("IF(TRIM(PRIORVALUE(plan)) = organization_fields.plan, PRIORVALUE(plan), organization_fields.plan)");
    let proposed = NewSchemaChange {
        at: now,
        connection: "zendesk".into(),
        remote_object: "organization".into(),
        field: "organization_fields.plan".into(),
        kind: "rewritten".into(),
        state: SchemaState::Noted,
        detail: json!({
            "hits": [{ "object": "account", "fields": ["plan"], "whole": false }],
            "evidence": "white space is trimmed, in 1 of 1 values",
            "patches": [{ "object": "account", "patch": { "lines": [{ "before": before, "after": after }] } }],
        }),
    };
    engine.store().write(move |tx| tx.note_schema_change(&proposed).map(drop)).await.unwrap();
    let (_, page) = server.get("/api/v1/schema/changes?connection=zendesk").await;
    let change = page["items"].as_array().unwrap().iter().find(|change| change["kind"] == "rewritten").expect("a proposal");
    assert_eq!((&change["field"], change["patches"].as_array().unwrap().len()), (&json!("organization_fields.plan"), 1), "{change}");
    let (status, applied) =
        server.post(&format!("/api/v1/schema/changes/{}/apply", change["id"].as_str().unwrap()), json!({ "accept_loss": true })).await;
    assert_eq!(status, StatusCode::OK, "{applied}");
    let (_, mapping) = server.get("/api/v1/mappings?connection=zendesk&object=account").await;
    let line = mapping[0]["mapping"]["fields"].as_array().unwrap().iter().find(|line| line["field"] == "plan").unwrap().clone();
    assert_eq!(line["put"], "TRIM(plan)", "{line}");
    assert!(engine.store().read(|tx| tx.rewritten_fields(1)).await.unwrap().is_empty(), "the guard has let go");
    watch(engine).await.unwrap();
    let (_, alerts) = server.get("/api/v1/alerts").await;
    assert!(!alerts["items"].as_array().unwrap().iter().any(|alert| alert["kind"] == "rewritten"), "{alerts}");
}

#[tokio::test]
async fn a_platform_s_clock_that_jumped_is_an_alert_until_it_is_back() {
    let (server, ..) = with_bare_platforms().await;
    let engine = &server.app.engine;
    // Its clock is measured with its answers: it is ours.
    provision(engine, false).await.unwrap();
    let known = async |offset_ms: i64| {
        let clocks = json!({ "salesforce": { "offset_ms": offset_ms, "jumped": null } });
        engine.store().write(move |tx| tx.put_setting("watch/clocks", &clocks)).await.unwrap();
        watch(engine).await.unwrap();
        let (_, alerts) = server.get("/api/v1/alerts").await;
        alerts["items"].as_array().unwrap().iter().find(|alert| alert["kind"] == "clock").cloned()
    };
    let told = known(-240_000).await.expect("four minutes are a jump");
    assert_eq!((&told["subject"], &told["severity"]), (&json!("salesforce"), &json!("warning")), "{told}");
    let title = told["title"].as_str().unwrap();
    assert!(title.starts_with("salesforce: its clock has jumped by 2"), "{told}");
    assert_eq!(known(0).await, None, "it is where it was");
}
