//! Every route that is described is there, and whoever asks for nonsense is told what was wrong and what to do.

use super::*;

/// Routes that answer other things than refusals of the API: a stream without an end, what supervisors and vendors ask, and a page for a person.
const APART: &[&str] =
    &["/api/v1/events", "/healthz", "/readyz", "/metrics", "/hooks/{connection}", "/hooks/{connection}/{secret}", "/callback/{connection}"];

#[tokio::test]
async fn each_route_is_there_and_refuses_nonsense_with_a_reason_and_a_remedy() {
    let server = server().await;
    let described = serde_json::to_value(<openapi::Description as utoipa::OpenApi>::openapi()).unwrap();
    let mut asked = 0;
    for (path, item) in described["paths"].as_object().unwrap() {
        if APART.contains(&path.as_str()) {
            continue;
        }
        let filled = path.split('/').map(|part| if part.starts_with('{') { "nothing-of-ours" } else { part }).collect::<Vec<_>>().join("/");
        for method in item.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let request = http::Request::builder().method(&method).uri(format!("{filled}?nonsense=1")).header("host", LISTEN);
            let request = request.header("content-type", "application/json").body(Body::from("{\"nonsense\": 1}")).unwrap();
            let (status, _, body) = server.send(request).await;
            asked += 1;
            if status.is_success() {
                continue;
            }
            let error: Json = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{method} {path}: {status} {body}"));
            let told = |part: &str| error["error"][part].as_str().is_some_and(|text| !text.is_empty());
            assert!(status.is_client_error() || status == StatusCode::BAD_GATEWAY, "{method} {path}: {status} {body}");
            assert_ne!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path} is described and not there");
            assert!(told("code") && told("message") && told("remedy"), "{method} {path}: {status} {body}");
            assert!(!error["error"]["message"].as_str().unwrap().contains("no such path"), "{method} {path}: {body}");
        }
    }
    assert!(asked >= 70, "only {asked} operations are described");
}

#[tokio::test]
async fn what_platforms_can_do_and_how_soon_a_change_is_seen_is_told() {
    let server = server().await;
    let (status, platforms) = server.get("/api/v1/platforms").await;
    let keys: Vec<&str> = platforms.as_array().unwrap().iter().map(|one| one["key"].as_str().unwrap()).collect();
    assert!(status == StatusCode::OK && keys.contains(&"salesforce") && keys.contains(&"intercom"), "{keys:?}");
    let (status, one) = server.get("/api/v1/platforms/zendesk").await;
    assert_eq!((status, &one["key"], &one["connections"][0]), (StatusCode::OK, &json!("zendesk"), &json!("zendesk")), "{one}");
    let (status, error) = server.get("/api/v1/platforms/zendex").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{error}");
    assert!(error["error"]["remedy"].as_str().unwrap().contains("did you mean `zendesk`?"), "{error}");

    let (status, bounds) = server.get("/api/v1/staleness?connection=zendesk").await;
    let bounds = bounds.as_array().unwrap();
    assert!(status == StatusCode::OK && bounds.len() > 20 && bounds.iter().all(|bound| bound["connection"] == "zendesk"), "{bounds:?}");
    let size = bounds.iter().find(|bound| bound["object"] == "account" && bound["field"] == "employees").unwrap();
    assert_eq!(size["label"], "Company size", "{size}");
    let (status, error) = server.get("/api/v1/staleness?connection=nowhere").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{error}");
}

#[tokio::test]
async fn a_dead_letter_is_discarded_with_its_reason_and_once() {
    let server = server().await;
    let id = server.contact(ada()).await;
    let letter = server.bury(&id, "zendesk", "data").await;
    let path = format!("/api/v1/dead-letters/{letter}/discard");
    let (status, error) = server.post(&path, json!("left the company")).await;
    assert_eq!((status, error["error"]["field"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some("body")), "{error}");
    let (status, refused) = server.post(&path, json!({ "reason": " " })).await;
    assert!(status.is_client_error() && refused.to_string().contains("a reason is needed"), "{status} {refused}");
    let (status, discarded) = server.post(&path, json!({ "reason": "left the company" })).await;
    assert_eq!((status, discarded["state"].as_str()), (StatusCode::OK, Some("discarded")), "{discarded}");
    assert!(discarded["reason"].as_str().unwrap().contains("left the company"), "{discarded}");
    let (status, error) = server.post(&path, json!({ "reason": "again" })).await;
    assert_eq!(status, StatusCode::CONFLICT, "{error}");
}
