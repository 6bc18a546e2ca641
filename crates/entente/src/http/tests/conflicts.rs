//! Somebody works through the conflicts that wait, several at once.

use entente_store::Viewer;

use super::*;

impl Server {
    /// Two records, each with a conflict about its phone number and one about its job title. Answers the ids, phone numbers first.
    async fn with_conflicts(&self) -> Vec<String> {
        let records = [self.contact(ada()).await, self.contact(ada()).await];
        let now = self.app.engine.now();
        let conflict = move |record: &str, field: &str, ours: &str, theirs: &str| {
            let side = |side: &str, value: &str| ConflictSide {
                side: side.into(),
                value: Value::text(value),
                at: Some(now),
                by: String::new(),
                who: None,
            };
            NewConflict {
                record: record.parse().unwrap(),
                object: "contact".into(),
                field: field.into(),
                base: Value::Null,
                sides: vec![side("salesforce", ours), side("zendesk", theirs)],
                suggested: None,
                opened_at: now,
            }
        };
        let new: Vec<NewConflict> = [("phone", "+1 111", "+1 222"), ("job_title", "Analyst", "Countess")]
            .into_iter()
            .flat_map(|(field, ours, theirs)| records.iter().map(move |record| conflict(record, field, ours, theirs)).collect::<Vec<_>>())
            .collect();
        let opened = self.app.engine.store().write(move |tx| tx.open_conflicts(&new)).await.unwrap();
        opened.into_iter().map(|(id, _)| id.to_string()).collect()
    }

    async fn waiting(&self) -> usize {
        self.get("/api/v1/conflicts").await.1["items"].as_array().unwrap().len()
    }
}

#[tokio::test]
async fn several_conflicts_are_decided_for_one_side_and_what_cannot_be_is_named() {
    let server = server().await;
    let ids = server.with_conflicts().await;
    let named = json!({ "conflicts": [ids[0], ids[1], "4711"], "side": "zendesk" });
    let (status, done) = server.post("/api/v1/conflicts/resolve", named).await;
    assert_eq!((status, done["decided"].as_u64()), (StatusCode::OK, Some(2)), "{done}");
    assert_eq!(done["left"].as_array().unwrap().len(), 1, "{done}");
    assert_eq!(done["left"][0]["id"], "4711");
    assert_eq!(server.waiting().await, 2);
    let (_, decided) = server.get("/api/v1/conflicts?state=resolved").await;
    assert!(decided["items"].as_array().unwrap().iter().all(|one| one["resolved"]["value"] == "+1 222"), "{decided}");

    let (status, error) = server.post("/api/v1/conflicts/resolve", json!({ "all": true, "field": "shoe size", "side": "zendesk" })).await;
    assert_eq!((status, error["error"]["message"].as_str()), (StatusCode::NOT_FOUND, Some("there is no field `shoe size`")), "{error}");
    let (_, done) = server.post("/api/v1/conflicts/resolve", json!({ "all": true, "field": "plan", "side": "zendesk" })).await;
    assert_eq!(done, json!({ "decided": 0, "left": [] }));
    let (_, done) = server.post("/api/v1/conflicts/resolve", json!({ "all": true, "field": "job_title", "side": "hubspot" })).await;
    assert_eq!((done["decided"].as_u64(), done["left"].as_array().unwrap().len()), (Some(0), 2), "no side of that name: {done}");
    let (_, done) = server.post("/api/v1/conflicts/resolve", json!({ "all": true, "field": "job title", "side": "salesforce" })).await;
    assert_eq!(done, json!({ "decided": 2, "left": [] }));
    assert_eq!(server.waiting().await, 0);
}

#[tokio::test]
async fn a_conflict_cannot_be_decided_for_no_value_where_a_platform_needs_one() {
    let server = server().await;
    let record = server.contact(ada()).await;
    let (now, id) = (server.app.engine.now(), record.clone());
    let side = move |side: &str, value: &str| ConflictSide {
        side: side.into(),
        value: Value::text(value),
        at: Some(now),
        by: String::new(),
        who: None,
    };
    let new = NewConflict {
        record: record.parse().unwrap(),
        object: "contact".into(),
        field: "last_name".into(),
        base: Value::text("Lovelace"),
        sides: vec![side("salesforce", "Byron"), side("zendesk", "King")],
        suggested: None,
        opened_at: now,
    };
    let opened = server.app.engine.store().write(move |tx| tx.open_conflicts(std::slice::from_ref(&new))).await.unwrap();
    let path = format!("/api/v1/conflicts/{}/resolve", opened[0].0);
    for nothing in [json!(""), json!(" "), json!({ "text": "" })] {
        let (status, error) = server.post(&path, json!({ "value": nothing })).await;
        assert_eq!((status, error["error"]["field"].as_str()), (StatusCode::BAD_REQUEST, Some("value")), "{error}");
        assert_eq!(error["error"]["message"], "Last name must have a value at salesforce");
    }
    let (_, dashboard) = server.get("/api/v1/dashboard").await;
    assert_eq!((server.waiting().await, &dashboard["consistency"]["waiting_conflicts"]), (1, &json!(1)), "nothing was decided");
    let (status, decided) = server.post(&path, json!({ "value": "King-Noel" })).await;
    assert_eq!((status, &decided["resolved"]["value"]), (StatusCode::OK, &json!("King-Noel")), "{decided}");
    let (_, history) = server.get(&format!("/api/v1/records/{id}/history")).await;
    let detail = history["items"][0]["detail"].as_str().unwrap();
    assert!(detail.ends_with("about Last name was decided by a person"), "{detail}");
}

#[tokio::test]
async fn a_decision_about_nothing_or_about_everything_by_mistake_is_refused() {
    let server = server().await;
    let ids = server.with_conflicts().await;
    for (wrong, field) in [
        (json!({ "side": "zendesk" }), "conflicts"),
        (json!({ "conflicts": ids, "all": true, "side": "zendesk" }), "conflicts"),
        (json!({ "conflicts": ids, "field": "phone", "side": "zendesk" }), "field"),
        (json!({ "conflicts": ids }), "side"),
        (json!({ "conflicts": vec!["1"; 1_001], "side": "zendesk" }), "conflicts"),
    ] {
        let (status, error) = server.post("/api/v1/conflicts/resolve", wrong.clone()).await;
        assert_eq!((status, error["error"]["field"].as_str()), (StatusCode::BAD_REQUEST, Some(field)), "{wrong}: {error}");
        assert!(error["error"]["remedy"].is_string());
    }
    assert_eq!(server.waiting().await, 4);
}

#[tokio::test]
async fn flagged_values_are_listed_acknowledged_and_one_is_taken_after_all() {
    let server = server().await;
    let ids = server.with_conflicts().await;
    // The latest change decided three of them; the last one another rule.
    let numbers: Vec<i64> = ids.iter().map(|id| id.parse().unwrap()).collect();
    let now = server.app.engine.now();
    let decided = server.app.engine.store().write(move |tx| {
        for (at, number) in numbers.iter().enumerate() {
            let found = tx.conflict(&Viewer::system(), *number)?.unwrap();
            let value = found.conflict.sides[1].value.clone();
            let mut record = tx.record(&Viewer::system(), &found.conflict.record)?.unwrap();
            record.data.insert(found.conflict.field.clone(), value.clone());
            tx.put_records(&[PutRecord { record, search_text: String::new() }])?;
            let by = if at == 3 { "rule self_service" } else { "rule latest" };
            tx.resolve_conflict(*number, &entente_store::Resolution { value, by: by.to_owned(), at: now, entry: None })?;
        }
        Ok(())
    });
    decided.await.unwrap();
    let flagged = async || server.get("/api/v1/conflicts?state=flagged").await.1["items"].as_array().unwrap().clone();
    let listed = flagged().await;
    assert_eq!(listed.iter().map(|one| one["id"].as_str().unwrap()).collect::<Vec<_>>(), [&ids[2], &ids[1], &ids[0]]);
    let one = &listed[2];
    assert_eq!(
        (&one["flagged"], &one["resolved"]["side"], &one["resolved"]["by"]),
        (&json!(true), &json!("zendesk"), &json!("rule latest"))
    );
    assert_eq!((&one["sides"][0]["value"], &one["sides"][1]["value"]), (&json!("+1 111"), &json!("+1 222")), "both values: {one}");
    assert!(one["sides"][0]["at"].is_string() && one["reason"].as_str().unwrap().contains("the older one is flagged"), "{one}");

    for (wrong, field) in [
        (json!({}), "conflicts"),
        (json!({ "conflicts": ids, "all": true }), "conflicts"),
        (json!({ "conflicts": ids, "field": "phone" }), "field"),
    ] {
        let (status, error) = server.post("/api/v1/conflicts/acknowledge", wrong.clone()).await;
        assert_eq!((status, error["error"]["field"].as_str()), (StatusCode::BAD_REQUEST, Some(field)), "{wrong}: {error}");
    }
    let (status, _) = server.post("/api/v1/conflicts/acknowledge", json!({ "all": true, "field": "shoe size" })).await;
    assert_eq!((status, flagged().await.len()), (StatusCode::NOT_FOUND, 3), "nothing was acknowledged");

    // The older value after all: it is in the record, by a person's entry.
    let (status, overruled) = server.post(&format!("/api/v1/conflicts/{}/resolve", ids[0]), json!({ "side": "salesforce" })).await;
    assert_eq!(
        (status, &overruled["reviewed"]["overruled"], &overruled["flagged"]),
        (StatusCode::OK, &json!(true), &json!(false)),
        "{overruled}"
    );
    let record = overruled["record"].as_str().unwrap();
    let (_, history) = server.get(&format!("/api/v1/records/{record}/history")).await;
    assert!(history["items"][0]["detail"].as_str().unwrap().ends_with("a person took another value than the latest"), "{history}");
    let (_, shown) = server.get(&format!("/api/v1/records/{record}")).await;
    assert!(shown.to_string().contains("+1 111"), "{shown}");
    let (status, error) = server.post(&format!("/api/v1/conflicts/{}/resolve", ids[0]), json!({ "side": "salesforce" })).await;
    assert_eq!(status, StatusCode::CONFLICT, "once: {error}");

    // Somebody has changed the other field since: taking the older value would undo that.
    let id: entente_model::id::RecordId = listed[1]["record"].as_str().unwrap().parse().unwrap();
    let moved_on = server.app.engine.store().write(move |tx| {
        let mut record = tx.record(&Viewer::system(), &id)?.unwrap();
        record.data.insert("phone".to_owned(), Value::text("+1 333"));
        tx.put_records(&[PutRecord { record, search_text: String::new() }])
    });
    moved_on.await.unwrap();
    let (status, error) = server.post(&format!("/api/v1/conflicts/{}/resolve", ids[1]), json!({ "side": "salesforce" })).await;
    assert_eq!(status, StatusCode::CONFLICT, "{error}");
    assert!(error["error"]["message"].as_str().unwrap().contains("has changed since"), "{error}");

    let (_, done) = server.post("/api/v1/conflicts/acknowledge", json!({ "conflicts": [ids[1], ids[3], ids[0], "x"] })).await;
    assert_eq!((done["acknowledged"].as_u64(), done["left"].as_array().unwrap().len()), (Some(1), 3), "{done}");
    let (_, done) = server.post("/api/v1/conflicts/acknowledge", json!({ "all": true, "field": "job title" })).await;
    assert_eq!(done, json!({ "acknowledged": 1, "left": [] }));
    assert!(flagged().await.is_empty());
    let (_, statistics) = server.get("/api/v1/conflicts/statistics").await;
    assert_eq!(statistics["flagged"], json!(0), "{statistics}");
}
