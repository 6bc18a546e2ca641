//! Undo and looking back, as programs ask for them.

use super::*;

impl Server {
    /// Somebody enters other values.
    async fn enters(&self, record: &str, who: &str, fields: Fields) {
        let (engine, record, who) = (self.app.engine.clone(), record.parse().unwrap(), who.to_owned());
        let (now, catalog) = (engine.now(), engine.catalog());
        let edit = Edit {
            record,
            fields,
            actor: Actor::Person,
            actor_name: who,
            cause: "user".into(),
            detail: "entered".into(),
            lane: 1,
            window_ms: 0,
        };
        engine.store().write(move |tx| edit::apply(tx, &catalog, &edit, now).map(drop)).await.unwrap();
    }

    async fn value(&self, record: &str, field: &str) -> Json {
        let (_, shown) = self.get(&format!("/api/v1/records/{record}")).await;
        shown["fields"].as_array().unwrap().iter().find(|one| one["key"] == field).unwrap()["value"].clone()
    }
}

fn one(field: &str, value: &str) -> Fields {
    Fields::from([(field.into(), Value::text(value))])
}

#[tokio::test]
async fn the_latest_change_of_a_record_or_field_is_planned_and_undone() {
    let server = server().await;
    let id = server.contact(ada()).await;
    server.enters(&id, "eve", one("last_name", "King")).await;
    server.enters(&id, "eve", one("email", "eve@example.com")).await;

    let request = json!({ "record": id, "fields": ["last_name"] });
    let (status, plan) = server.post("/api/v1/undo/plan", request.clone()).await;
    assert_eq!(status, StatusCode::OK, "{plan}");
    assert_eq!((&plan["applied"], &plan["restored"]), (&json!(false), &json!(1)), "{plan}");
    let field = &plan["items"][0]["fields"][0];
    assert_eq!((&field["now"], &field["then"], &field["label"]), (&json!("King"), &json!("Lovelace"), &json!("Last name")));
    assert_eq!(server.value(&id, "last_name").await, "King");

    let (_, done) = server.post("/api/v1/undo", request.clone()).await;
    assert_eq!((&done["applied"], &done["restored"]), (&json!(true), &json!(1)), "{done}");
    assert_eq!(server.value(&id, "last_name").await, "Lovelace");
    assert_eq!(server.value(&id, "email").await, "eve@example.com");
    let (_, history) = server.get(&format!("/api/v1/records/{id}/history")).await;
    let entry = &history["items"][0];
    assert_eq!((&entry["cause"], &entry["actor"], &entry["entry"]), (&json!("undo"), &json!("person"), &done["items"][0]["entry"]));

    // The latest change of the field is the undo now, which is taken back only by whoever says so.
    let (status, refused) = server.post("/api/v1/undo", request.clone()).await;
    assert_eq!((status, refused["error"]["field"].as_str()), (StatusCode::BAD_REQUEST, Some("record")), "{refused}");
    let undo = done["items"][0]["entry"].as_str().unwrap();
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.contains(&format!("is an undo itself: entry {undo}, undo of entry")), "{refused}");
    assert_eq!(server.value(&id, "last_name").await, "Lovelace");
    let mut again = request;
    again["again"] = json!(true);
    let (_, plan) = server.post("/api/v1/undo/plan", again.clone()).await;
    assert!(plan["what"].as_str().unwrap().starts_with(&format!("entry {undo}, itself an undo of entry")), "{plan}");
    assert_eq!(plan["items"][0]["fields"][0]["takes_back_undos"], json!([undo]), "{plan}");
    let (_, done) = server.post("/api/v1/undo", again).await;
    assert_eq!(done["restored"], 1, "{done}");
    assert_eq!(server.value(&id, "last_name").await, "King");
}

#[tokio::test]
async fn what_a_side_said_when_an_undo_looked_at_it_is_no_undo() {
    let server = server().await;
    let id = server.contact(ada()).await;
    let (engine, record) = (server.app.engine.clone(), id.parse().unwrap());
    let (now, catalog) = (engine.now(), engine.catalog());
    let taken = Edit {
        record,
        fields: one("last_name", "King"),
        actor: Actor::Unknown,
        actor_name: "zendesk".into(),
        cause: "undo".into(),
        detail: String::new(),
        lane: 1,
        window_ms: 0,
    };
    engine.store().write(move |tx| edit::apply(tx, &catalog, &taken, now).map(drop)).await.unwrap();
    let (status, plan) = server.post("/api/v1/undo/plan", json!({ "record": id })).await;
    assert_eq!((status, &plan["restored"]), (StatusCode::OK, &json!(1)), "{plan}");
    assert!(!plan["what"].as_str().unwrap().contains("itself an undo"), "{plan}");
}

#[tokio::test]
async fn fields_go_by_what_people_call_them() {
    let server = server().await;
    let id = server.contact(ada()).await;
    server.enters(&id, "eve", one("last_name", "King")).await;
    server.enters(&id, "eve", one("email", "eve@example.com")).await;
    let (status, plan) = server.post("/api/v1/undo/plan", json!({ "record": id, "fields": ["Last name"] })).await;
    assert_eq!((status, &plan["items"][0]["fields"][0]["field"]), (StatusCode::OK, &json!("last_name")), "{plan}");
    let (_, plan) = server.post("/api/v1/undo/plan", json!({ "since": "2026-01-01T00:00:00Z", "fields": ["last NAME"] })).await;
    assert!(plan["what"].as_str().unwrap().ends_with(", only last NAME"), "{plan}");
    let (status, blame) = server.get(&format!("/api/v1/records/{id}/blame/Last%20name")).await;
    assert_eq!((status, &blame["field"], &blame["value"]), (StatusCode::OK, &json!("last_name"), &json!("King")), "{blame}");
    let (_, history) = server.get(&format!("/api/v1/records/{id}/history?field=Last%20name")).await;
    let told: Vec<usize> = history["items"].as_array().unwrap().iter().map(|entry| entry["changes"].as_array().unwrap().len()).collect();
    assert_eq!(told, [1, 1], "the change and what was entered first, each with this field alone: {history}");
    let (_, page) = server.get(&format!("/api/v1/records/{id}/history?field=last_name&limit=1")).await;
    assert_eq!(page["items"][0]["changes"][0]["after"], "King", "{page}");
    let (_, next) =
        server.get(&format!("/api/v1/records/{id}/history?field=last_name&limit=1&before={}", page["next"].as_str().unwrap())).await;
    assert_eq!(next["items"][0]["changes"][0]["after"], "Lovelace", "{next}");
    let (status, error) = server.get(&format!("/api/v1/records/{id}/history?field=lastname")).await;
    assert_eq!((status, error["error"]["field"].as_str()), (StatusCode::BAD_REQUEST, Some("field")), "{error}");
}

#[tokio::test]
async fn words_that_fit_several_records_are_answered_with_the_candidates() {
    let server = server().await;
    let (one, other) = (server.contact(ada()).await, server.contact(ada()).await);
    let (status, error) = server.post("/api/v1/undo/plan", json!({ "record": "lovelace" })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{error}");
    let message = error["error"]["message"].as_str().unwrap();
    for id in [one, other] {
        assert!(message.contains(&format!("Ada Lovelace (contact, {id})")), "{error}");
    }
}

#[tokio::test]
async fn an_entry_is_undone_as_far_as_nobody_has_touched_its_fields_since() {
    let server = server().await;
    let id = server.contact(ada()).await;
    let both = Fields::from([("last_name".into(), Value::text("King")), ("job_title".into(), Value::text("Countess"))]);
    server.enters(&id, "eve", both).await;
    let (_, history) = server.get(&format!("/api/v1/records/{id}/history")).await;
    let entry = history["items"][0]["entry"].as_str().unwrap().to_owned();
    server.enters(&id, "bob", one("job_title", "Poet")).await;
    let (_, report) = server.post("/api/v1/undo", json!({ "entry": entry })).await;
    assert_eq!((&report["restored"], &report["kept"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(report["items"][0]["kept"][0]["field"], "job_title");
    assert_eq!(report["items"][0]["kept"][0]["edited_by"].as_array().unwrap().len(), 1);
    assert_eq!(server.value(&id, "last_name").await, "Lovelace");
    assert_eq!(server.value(&id, "job_title").await, "Poet");

    // The entry that made the record is not undone.
    let first = history["items"].as_array().unwrap().last().unwrap()["entry"].clone();
    let (_, report) = server.post("/api/v1/undo", json!({ "entry": first })).await;
    assert_eq!((&report["restored"], &report["impossible"]), (&json!(0), &json!(1)), "{report}");
    let (_, shown) = server.get(&format!("/api/v1/records/{id}")).await;
    assert_eq!(shown["title"], "Ada Lovelace");
}

#[tokio::test]
async fn a_field_whose_conflict_waits_is_not_undone() {
    let server = server().await;
    let id = server.contact(ada()).await;
    server.enters(&id, "eve", one("last_name", "King")).await;
    let (record, now) = (id.parse().unwrap(), server.app.engine.now());
    let new = entente_store::NewConflict {
        record,
        object: "contact".into(),
        field: "last_name".into(),
        base: Value::text("King"),
        sides: Vec::new(),
        suggested: None,
        opened_at: now,
    };
    server.app.engine.store().write(move |tx| tx.open_conflicts(std::slice::from_ref(&new)).map(drop)).await.unwrap();
    let (_, report) = server.post("/api/v1/undo", json!({ "record": id })).await;
    assert_eq!((&report["restored"], &report["impossible"]), (&json!(0), &json!(1)), "{report}");
    assert!(report["items"][0]["impossible"][0]["reason"].as_str().unwrap().contains("conflict"), "{report}");
    assert_eq!(server.value(&id, "last_name").await, "King");
}

#[tokio::test]
async fn a_request_that_names_nothing_or_too_much_is_refused() {
    let server = server().await;
    let id = server.contact(ada()).await;
    for (request, status, field) in [
        (json!({}), StatusCode::BAD_REQUEST, Some("record")),
        (json!({ "entry": "1", "run": "1" }), StatusCode::BAD_REQUEST, Some("entry")),
        (json!({ "entry": "one" }), StatusCode::BAD_REQUEST, Some("entry")),
        (json!({ "entry": "4711" }), StatusCode::NOT_FOUND, None),
        (json!({ "record": id, "until": "2026-01-01T00:00:00Z" }), StatusCode::BAD_REQUEST, Some("until")),
        (json!({ "since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z" }), StatusCode::BAD_REQUEST, Some("until")),
        (json!({ "since": "2026-01-02T00:00:00Z", "connection": "pipedrive" }), StatusCode::NOT_FOUND, None),
        (json!({ "since": "2026-01-02T00:00:00Z", "object": "unicorn" }), StatusCode::NOT_FOUND, None),
        (json!({ "record": id, "fields": ["job_title"] }), StatusCode::BAD_REQUEST, Some("record")),
        (json!({ "record": id, "fields": ["lastname"] }), StatusCode::BAD_REQUEST, Some("fields")),
        (json!({ "since": "2026-01-02T00:00:00Z", "fields": ["colour"] }), StatusCode::BAD_REQUEST, Some("fields")),
        (json!({ "since": "2026-01-02T00:00:00Z", "cause": "webhok" }), StatusCode::BAD_REQUEST, Some("cause")),
        (json!({ "entry": "1", "again": true }), StatusCode::BAD_REQUEST, Some("again")),
    ] {
        let (found, error) = server.post("/api/v1/undo", request.clone()).await;
        assert_eq!((found, error["error"]["field"].as_str()), (status, field), "{request}: {error}");
        assert!(error["error"]["remedy"].is_string(), "{request}: {error}");
    }
    let (_, error) = server.post("/api/v1/undo", json!({ "since": "2026-01-02T00:00:00Z", "cause": "webhok" })).await;
    assert_eq!(error["error"]["message"], "`webhok` is no cause of an entry");
    let remedy = error["error"]["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("did you mean `webhook`? There are: webhook, poll, "), "{error}");
}

#[tokio::test]
async fn a_record_is_read_as_of_an_instant() {
    let server = server().await;
    let id = server.contact(ada()).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let then = server.app.engine.now();
    tokio::time::sleep(Duration::from_millis(5)).await;
    server.enters(&id, "eve", one("last_name", "King")).await;
    let (status, shown) = server.get(&format!("/api/v1/records/{id}/as-of?at={then}")).await;
    assert_eq!(status, StatusCode::OK, "{shown}");
    assert_eq!((&shown["title"], &shown["state"]), (&json!("Ada Lovelace"), &json!("active")));
    let field = shown["fields"].as_array().unwrap().iter().find(|field| field["field"] == "last_name").unwrap();
    assert_eq!((&field["value"], &field["now"]), (&json!("Lovelace"), &json!("King")));
    assert!(field["changed_by"].is_string());
    let (_, early) = server.get(&format!("/api/v1/records/{id}/as-of?at=2020-01-01T00:00:00Z")).await;
    assert_eq!(early["state"], "unknown", "{early}");

    let subject = id.clone();
    server.app.engine.store().write(move |tx| tx.shred(&subject, then)).await.unwrap();
    let (status, erased) = server.get(&format!("/api/v1/records/{id}/as-of?at={then}")).await;
    assert_eq!((status, &erased["state"], &erased["fields"]), (StatusCode::OK, &json!("erased"), &json!([])), "{erased}");
}

#[tokio::test]
async fn whoever_asks_for_a_field_is_not_told_of_entries_about_others() {
    let server = server().await;
    let id = server.contact(ada()).await;
    server.account("Acme").await;
    server.enters(&id, "eve", one("last_name", "King")).await;
    let (_, plan) = server.post("/api/v1/undo/plan", json!({ "since": "2026-01-01T00:00:00Z", "fields": ["email"] })).await;
    assert_eq!(plan["items"].as_array().unwrap().len(), 1, "the account has no address: {plan}");
    assert_eq!((&plan["restored"], &plan["impossible"]), (&json!(0), &json!(1)), "it came into being with the address: {plan}");
}
