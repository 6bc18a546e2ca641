//! Holds over the API.

use entente_store::{HeldRecord, HoldState, MassKey, Viewer};

use super::*;

impl Server {
    /// A hold of contacts that would lose their phone at the desk, with this record in it.
    async fn hold(&self, record: &str) -> i64 {
        let (record, now): (entente_model::id::RecordId, _) = (record.parse().unwrap(), self.app.engine.now());
        let preview = json!({ "fields": [{ "field": "phone", "before": { "text": "+1 222" }, "after": "null" }] });
        let key = MassKey { connection: "zendesk".into(), object: "contact".into(), kind: "blank".into() };
        let made = self.app.engine.store().write(move |tx| {
            let (hold, _) = tx.open_hold(&key, 90, 50, now)?;
            tx.put_held(&[HeldRecord { record: record.clone(), hold, preview: preview.clone(), since: now }])?;
            Ok(hold)
        });
        made.await.unwrap()
    }
}

#[tokio::test]
async fn a_hold_is_listed_shown_and_released() {
    let server = server().await;
    let id = server.contact(ada()).await;
    let hold = server.hold(&id).await;
    let (status, page) = server.get("/api/v1/holds").await;
    assert_eq!(status, StatusCode::OK, "{page}");
    let listed = &page["items"][0];
    assert_eq!((&listed["id"], &listed["records"], &listed["what"]), (&json!(hold.to_string()), &json!(1), &json!("would lose values")));
    let (_, dashboard) = server.get("/api/v1/dashboard").await;
    assert_eq!(dashboard["consistency"]["held"], 1, "{dashboard}");
    assert!(dashboard["alerts"].to_string().contains("1 record is held"), "{}", dashboard["alerts"]);
    let (_, shown) = server.get(&format!("/api/v1/holds/{hold}")).await;
    assert_eq!(shown["held"][0]["title"], "Ada Lovelace", "{shown}");
    assert_eq!(shown["held"][0]["changes"], json!([{ "field": "phone", "label": "Phone", "before": "+1 222", "after": null }]), "{shown}");

    let (status, released) = server.post(&format!("/api/v1/holds/{hold}/release"), json!({})).await;
    assert_eq!((status, &released["hold"]["state"], &released["records"]), (StatusCode::OK, &json!("released"), &json!(1)), "{released}");
    let hint = server.app.engine.store().read(move |tx| tx.hint_of(&id)).await.unwrap().unwrap();
    assert_eq!(hint.fetch.len(), 2, "both sides are read before anything is written");
    let (status, _) = server.post(&format!("/api/v1/holds/{hold}/drop"), json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT);
    let (_, page) = server.get("/api/v1/holds?state=released").await;
    assert!(page["items"][0]["closed_by"].is_string(), "{page}");
    let found = server.app.engine.store().read(move |tx| tx.hold_of(&Viewer::system(), hold)).await.unwrap().unwrap();
    assert_eq!(found.state, HoldState::Released);
}

#[tokio::test]
async fn a_hold_that_is_not_there_is_refused() {
    let server = server().await;
    for path in ["/api/v1/holds/7", "/api/v1/holds/7/release", "/api/v1/holds/7/drop"] {
        let (status, error) = if path.ends_with('7') { server.get(path).await } else { server.post(path, json!({})).await };
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}: {error}");
        assert!(error["error"]["remedy"].is_string(), "{path}: {error}");
    }
    assert_eq!(server.get("/api/v1/holds?state=shut").await.0, StatusCode::BAD_REQUEST);
}
