//! Starting a reconciliation and reading of it over the API.

use super::*;

#[tokio::test]
async fn a_reconciliation_is_asked_for_with_its_cost_and_read_afterwards() {
    let server = server().await;
    let (status, state) = server.get("/api/v1/reconciliation").await;
    assert_eq!(status, StatusCode::OK, "{state}");
    assert!(state["last"].is_null() && state["running"].is_null() && state["cost"]["calls"].as_u64().unwrap() >= 7, "{state}");
    assert_eq!(server.get("/api/v1/reconciliation/certificate").await.0, StatusCode::NOT_FOUND);
    let (status, refused) = server.post("/api/v1/reconciliation", json!({ "object": "unicorn" })).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{refused}");
    let (status, answer) = server.post("/api/v1/reconciliation", json!({ "object": "contact", "dry_run": true })).await;
    assert_eq!((status, answer["scope"].as_str()), (StatusCode::ACCEPTED, Some("every contact")), "{answer}");
    assert_eq!(answer["cost"]["lines"].as_array().unwrap().len(), 2, "{answer}");

    // Neither platform can be reached, which makes a report and not a failure.
    let engine = &server.app.engine;
    let scope = entente_engine::reconcile::Scope { object: Some("contact".into()), connection: None };
    let scan = entente_engine::reconcile::scan(engine, &scope, false, "ada", &|_, _, _| {}, &|| true).await.unwrap();
    entente_engine::reconcile::finish(engine, scan).await.unwrap();
    let (_, state) = server.get("/api/v1/reconciliation").await;
    assert_eq!((state["last"]["complete"].as_bool(), state["last"]["exceptions_total"].as_u64()), (Some(false), Some(2)), "{state}");
    let (status, certificate) = server.get("/api/v1/reconciliation/certificate").await;
    assert_eq!((status, certificate["statement"]["scope"].as_str()), (StatusCode::OK, Some("every contact")));
    let (_, dashboard) = server.get("/api/v1/dashboard").await;
    assert_eq!(dashboard["consistency"]["reconciliation"]["complete"], false);
    assert!(dashboard["alerts"].to_string().contains("The last reconciliation (every contact) could not read everything"));
    let page = crate::cli::dashboard_text(&serde_json::from_value(dashboard).unwrap());
    assert!(page.contains("Last reconciliation: ") && page.contains("2 exceptions; not everything could be read"), "{page}");
    let (_, metrics) = server.get("/metrics").await;
    let metrics = metrics.as_str().unwrap();
    assert!(metrics.contains("reconcile_complete{} 0") && metrics.contains("reconcile_exceptions{} 2"), "{metrics}");
}
