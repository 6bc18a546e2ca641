//! Reports and measures over the API.

use super::*;

#[tokio::test]
async fn a_report_is_there_in_every_form() {
    let server = server().await;
    let month = server.app.engine.now().strftime("%Y-%m").to_string();
    let path = format!("/api/v1/reports/{month}");
    let (status, report) = server.get(&path).await;
    assert_eq!((status, &report["month"], &report["complete"]), (StatusCode::OK, &json!(month), &json!(false)), "{report}");
    for (format, kind, beginning) in [
        ("text", "text/plain; charset=utf-8", "CRM SYNC MONTHLY REPORT — "),
        ("html", "text/html; charset=utf-8", "<!doctype html>"),
        ("pdf", "application/pdf", "%PDF-"),
        ("json", "application/json", "{"),
    ] {
        let request = http::Request::get(format!("{path}?format={format}")).header("host", LISTEN).body(Body::empty()).unwrap();
        let (status, headers, body) = server.send(request).await;
        assert_eq!((status, headers[header::CONTENT_TYPE].to_str().unwrap()), (StatusCode::OK, kind), "{format}");
        assert!(body.starts_with(beginning), "{format}: {}", body.chars().take(40).collect::<String>());
    }
    for (wrong, status, remedy) in
        [("2026-13", 400, "such as 2026-01"), ("2999-01", 400, "the present month"), ("next", 400, "such as 2026-01")]
    {
        let (refused, error) = server.get(&format!("/api/v1/reports/{wrong}")).await;
        assert_eq!(refused.as_u16(), status, "{error}");
        assert!(error["error"]["remedy"].as_str().unwrap().contains(remedy), "{error}");
    }
}

#[tokio::test]
async fn measures_are_told_by_hour_and_by_day() {
    let server = server().await;
    let now = server.app.engine.now();
    let store = server.app.engine.store();
    store
        .write(move |tx| {
            tx.count(now, &[("synced", "zendesk", 99), ("failed", "zendesk", 1)])?;
            tx.add_latencies(now, "live", &[1_000, 2_000, 20_000])
        })
        .await
        .unwrap();
    let (status, quality) = server.get("/api/v1/quality?hours=3&days=2").await;
    assert_eq!(status, StatusCode::OK, "{quality}");
    assert_eq!((quality["hours"].as_array().unwrap().len(), quality["days"].as_array().unwrap().len()), (3, 2));
    let hour = &quality["hours"][2];
    assert_eq!(
        (&hour["landed"], &hour["failed"], &hour["success_percent"], &hour["kept"]),
        (&json!(99), &json!(1), &json!(99.0), &json!(false)),
        "{hour}"
    );
    assert!(hour["p95_ms"].as_u64().unwrap() >= 20_000);
    assert_eq!(quality["days"][1]["landed"], 99);
    assert_eq!(server.get("/api/v1/quality?hours=0").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn levels_that_nobody_counted_are_not_known_rather_than_none() {
    let server = server().await;
    server.contact(ada()).await;
    let (_, quality) = server.get("/api/v1/quality").await;
    let now = &quality["now"];
    assert_eq!(
        (&now["records"], &now["in_agreement"], &now["drift"], &now["counted_at"]),
        (&Json::Null, &Json::Null, &Json::Null, &Json::Null)
    );
    entente_engine::reports::levels::count(&server.app.engine).await.unwrap();
    let (_, quality) = server.get("/api/v1/quality").await;
    let now = &quality["now"];
    assert_eq!((&now["records"], &now["orphans"]), (&json!(1), &Json::Null), "orphans are known from a reconciliation on: {quality}");
    assert!(now["counted_at"].is_string() && now["count_due_at"].is_string(), "{quality}");
}
