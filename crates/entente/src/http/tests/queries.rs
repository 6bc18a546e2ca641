//! A mistyped parameter would narrow nothing, and its answer would look like one that was narrowed.

use super::*;

#[tokio::test]
async fn a_parameter_that_there_is_not_is_refused_by_name_wherever_there_are_any() {
    let server = server().await;
    let described = serde_json::to_value(<openapi::Description as utoipa::OpenApi>::openapi()).unwrap();
    let mut asked = 0;
    for (path, item) in described["paths"].as_object().unwrap() {
        let parameters = item["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let of_query: Vec<&Json> = parameters.iter().filter(|parameter| parameter["in"] == "query").collect();
        // A vendor may add what it likes to the address that it sends people back to.
        if of_query.is_empty() || path == "/api/v1/events" || path == "/callback/{connection}" {
            continue;
        }
        let required = of_query.iter().filter(|parameter| parameter["required"] == true);
        let given: Vec<String> =
            required.map(|parameter| format!("{}=2026-01-01T00:00:00Z", parameter["name"].as_str().unwrap())).collect();
        let filled = path.replace(['{', '}'], "");
        let (status, error) = server.get(&format!("{filled}?{}", [given, vec!["colour=red".to_owned()]].concat().join("&"))).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}: {error}");
        assert!(error["error"]["message"].as_str().unwrap().contains("unknown field `colour`"), "{path}: {error}");
        asked += 1;
    }
    assert!(asked >= 15, "only {asked} paths take parameters");
}

#[tokio::test]
async fn a_list_is_no_object_and_asks_for_nothing() {
    let server = server().await;
    // An empty list would be read as an object that names nothing, and so ask for everything.
    for body in [json!([]), json!(["contact"])] {
        let (status, error) = server.post("/api/v1/resync", body.clone()).await;
        assert_eq!((status, error["error"]["field"].as_str()), (StatusCode::BAD_REQUEST, Some("body")), "{body}: {error}");
    }
    let (status, error) = server.post("/api/v1/resync", json!({ "objct": "contact" })).await;
    assert_eq!((status, error["error"]["field"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some("objct")), "{error}");
    let (status, error) = server.get("/api/v1/records?limit=many").await;
    assert_eq!((status, &error["error"]["message"]), (StatusCode::BAD_REQUEST, &json!("`limit`: it is no whole number, 0 or more")));
}

#[tokio::test]
async fn what_is_yet_to_come_what_is_missing_and_what_is_no_place_in_a_list_are_told_by_name() {
    let server = server().await;
    let id = server.contact(ada()).await;
    for (path, field, reason) in [
        (format!("/api/v1/records/{id}/as-of?at=2999-01-01T00:00:00Z"), "at", "2999-01-01T00:00:00Z is yet to come"),
        (format!("/api/v1/records/{id}/as-of?at=tomorrow"), "at", "`at`: it is no instant, such as 2026-03-31T18:00:00Z"),
        (format!("/api/v1/records/{id}/as-of"), "at", "`at` is missing"),
        ("/api/v1/records?after=xyz".to_owned(), "after", "`xyz` is no place in this list"),
    ] {
        let (status, error) = server.get(&path).await;
        let told = &error["error"];
        assert_eq!(
            (status, told["field"].as_str(), told["message"].as_str()),
            (StatusCode::BAD_REQUEST, Some(field), Some(reason)),
            "{path}"
        );
        assert!(told["remedy"].is_string(), "{path}: {error}");
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_told_as_such() {
    let server = server().await;
    let request = http::Request::delete("/api/v1/records").header("host", LISTEN).body(Body::empty()).unwrap();
    let (status, _, body) = server.send(request).await;
    let error: Json = serde_json::from_str(&body).unwrap();
    assert_eq!((status, error["error"]["code"].as_str()), (StatusCode::METHOD_NOT_ALLOWED, Some("method_not_allowed")), "{error}");
}

#[tokio::test]
async fn no_record_is_meant_where_none_is_named() {
    let server = server().await;
    let only = server.contact(ada()).await;
    for path in ["/api/v1/privacy/export?who=", "/api/v1/privacy/export?who=%20"] {
        let (status, error) = server.get(path).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}: {error}");
    }
    let (status, error) = server.post("/api/v1/privacy/erasures", json!({ "who": " " })).await;
    assert_eq!((status, &error["error"]["message"]), (StatusCode::BAD_REQUEST, &json!("no record is named")), "{error}");
    let (_, record) = server.get(&format!("/api/v1/records/{only}")).await;
    assert_eq!(record["state"], "active", "the only person that there is was not erased");
}

#[tokio::test]
async fn a_number_that_two_objects_of_a_platform_have_is_asked_about() {
    let server = server().await;
    let person = server.contact(ada()).await;
    let ticket = server.record("case", "cas", Fields::from([("subject".into(), Value::text("Slow"))])).await;
    server.link(&person, "zendesk", "user", "7").await;
    server.link(&ticket, "zendesk", "ticket", "7").await;
    let (status, error) = server.get("/api/v1/privacy/export?who=zendesk/7").await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{error}");
    assert_eq!(error["error"]["message"], "more than one record fits `zendesk/7`: zendesk/ticket/7, zendesk/user/7");
    let (status, held) = server.get("/api/v1/privacy/export?who=zendesk/user/7").await;
    assert_eq!((status, held["person"].as_str()), (StatusCode::OK, Some(person.as_str())), "{held}");
}
