//! Erasures and exports over the API.

use super::*;

#[tokio::test]
async fn a_person_is_exported_erased_certified_and_let_in_again() {
    let server = server().await;
    let id = server.contact(ada()).await;
    let other =
        server.contact(Fields::from([("first_name".into(), Value::text("Bob")), ("email".into(), Value::text("bob@example.com"))])).await;
    let (status, export) = server.get(&format!("/api/v1/privacy/export?who={id}")).await;
    assert_eq!(status, StatusCode::OK, "{export}");
    let name = export["records"][0]["values"].as_array().unwrap().iter().find(|value| value["field"] == "last_name").unwrap();
    assert_eq!((&name["text"], &name["source"], name["entry"].is_string()), (&json!("Lovelace"), &json!("entente"), true), "{export}");
    assert_eq!(export["records"][0]["history"][0]["cause"], "user", "{export}");

    let (status, asked) = server.post("/api/v1/privacy/erasures", json!({ "who": id })).await;
    assert_eq!((status, &asked["record"], &asked["state"]), (StatusCode::ACCEPTED, &json!(id), &json!("working")), "{asked}");
    let erasure = asked["id"].as_str().unwrap().to_owned();
    let (_, again) = server.post("/api/v1/privacy/erasures", json!({ "who": id })).await;
    assert_eq!(again["id"], json!(erasure), "asked for again, it is the same one");
    let (_, record) = server.get(&format!("/api/v1/records/{id}")).await;
    assert_eq!((&record["state"], &record["title"]), (&json!("erased"), &json!(id)), "{record}");
    assert!(!record.to_string().contains("Lovelace"));
    let (status, refused) = server.get(&format!("/api/v1/privacy/export?who={id}")).await;
    assert_eq!((status, &refused["error"]["code"]), (StatusCode::GONE, &json!("erased")), "{refused}");
    let (_, page) = server.get("/api/v1/privacy/erasures?state=working").await;
    assert_eq!((page["items"].as_array().unwrap().len(), &page["items"][0]["source"]), (1, &json!("api")), "{page}");
    let (_, page) = server.get("/api/v1/privacy/erasures?state=done").await;
    assert_eq!(page["items"], json!([]));
    let (status, certificate) = server.get(&format!("/api/v1/privacy/erasures/{erasure}/certificate")).await;
    assert_eq!((status, &certificate["statement"]["complete"]), (StatusCode::OK, &json!(false)), "{certificate}");
    entente_engine::privacy::certificate::ErasureCertificate::read(certificate.to_string().as_bytes()).unwrap();
    let (status, freed) = server.post(&format!("/api/v1/privacy/erasures/{erasure}/unblock"), json!({})).await;
    assert!(status == StatusCode::OK && freed["hashes"].as_u64().unwrap() >= 2, "{freed}");
    let (_, record) = server.get(&format!("/api/v1/records/{other}")).await;
    assert_eq!(record["state"], "active", "a bystander stays");
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_with_its_remedy() {
    let server = server().await;
    let account = server.account("Acme").await;
    let id = server.contact(ada()).await;
    let wrong = [
        (account.as_str(), StatusCode::BAD_REQUEST),
        ("nobody at all", StatusCode::NOT_FOUND),
        // One person is called so in part: that is no name to erase somebody by.
        ("love", StatusCode::BAD_REQUEST),
        ("ada@", StatusCode::BAD_REQUEST),
    ];
    for (who, status) in wrong {
        let (found, error) = server.post("/api/v1/privacy/erasures", json!({ "who": who })).await;
        assert_eq!(found, status, "{error}");
        assert!(error["error"]["remedy"].is_string(), "{error}");
    }
    let (status, held) = server.get("/api/v1/privacy/export?who=ada%20lovelace").await;
    assert_eq!((status, &held["person"]), (StatusCode::OK, &json!(id)), "the whole name names her: {held}");
    // Somebody whom nobody here knows may be known at a platform.
    let (status, asked) = server.post("/api/v1/privacy/erasures", json!({ "who": "stranger@example.com" })).await;
    assert_eq!((status, &asked["record"]), (StatusCode::ACCEPTED, &json!(null)), "{asked}");
    assert_eq!(server.get("/api/v1/privacy/erasures/99").await.0, StatusCode::NOT_FOUND);
    assert_eq!(server.post("/api/v1/privacy/erasures/1/confirm", json!({ "flag": 9 })).await.0, StatusCode::NOT_FOUND);
    assert_eq!(server.get("/api/v1/privacy/erasures?state=odd").await.0, StatusCode::BAD_REQUEST);
}
