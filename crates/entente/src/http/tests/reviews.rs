//! A person decides whether two records are one customer.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::id::RecordId;
use entente_store::{Link, LinkState, NewReview, RemoteKey, Viewer};

use super::*;

impl Server {
    /// A counterpart of a record.
    pub(super) async fn link(&self, record: &str, connection: &str, object: &str, id: &str) {
        let now = self.app.engine.now();
        let link = Link {
            record: record.parse().unwrap(),
            connection: connection.into(),
            remote_object: object.into(),
            external_id: id.into(),
            base: Fields::from([("email".into(), Value::text("ada@example.com"))]),
            seen: None,
            taken: None,
            written: BTreeSet::new(),
            pending: None,
            is_whole: false,
            version: Some("7".into()),
            seen_at: Some(now),
            changed_at: Some(now),
            changed_by: Actor::Customer,
            told_at: None,
            waiting: BTreeMap::new(),
            state: LinkState::Present,
            created_at: now,
        };
        self.app.engine.store().write(move |tx| tx.put_links(std::slice::from_ref(&link))).await.unwrap();
    }

    async fn review(&self, record: &str, other: &str) -> i64 {
        let (record, other, now) = (record.parse::<RecordId>().unwrap(), other.to_owned(), self.app.engine.now());
        let new = NewReview {
            kind: "match".into(),
            record,
            other,
            object: "contact".into(),
            score: 0.82,
            evidence: json!({ "why": "name equal (0.82)", "waterfall": {
                "start": -13.0, "crowds": -0.25,
                "steps": [
                    { "field": "email", "level": "near", "words": "one slip apart", "weight": 11.5, "frequency": 0.0 },
                    { "field": "phone", "level": "missing", "words": "missing on one side", "weight": 0.0, "frequency": 0.0 },
                    { "field": "company", "level": "exact", "words": "the same", "weight": 4.0, "frequency": -4.5 },
                ],
                "verdict": { "weight": 2.25, "probability": 0.82, "doubt": "one_weak_key" },
            } }),
            opened_at: now,
        };
        self.app.engine.store().write(move |tx| tx.open_review(&new)).await.unwrap().id
    }

    async fn fetches_of(&self, record: &str) -> Option<BTreeSet<String>> {
        let record = record.to_owned();
        self.app.engine.store().read(move |tx| tx.hint_of(&record)).await.unwrap().map(|hint| hint.fetch)
    }
}

/// Ada as the CRM knows her, and as the support desk does, with a review of the two; and an onboarding case of the latter.
async fn two_adas() -> (Server, String, String, i64) {
    let server = server().await;
    let known = server.contact(ada()).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let mut other = ada();
    other.insert("email".into(), Value::text("lovelace@example.com"));
    other.insert("job_title".into(), Value::text("Countess"));
    let late = server.contact(other).await;
    server.link(&late, "zendesk", "user", "42").await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    // Whoever was changed last stays.
    server.link(&known, "salesforce", "Contact", "003A").await;
    let review = server.review(&late, &known).await;
    (server, known, late, review)
}

#[tokio::test]
async fn a_review_shows_both_records_side_by_side_with_what_speaks_for_it() {
    let (server, known, late, id) = two_adas().await;
    let (status, page) = server.get("/api/v1/reviews").await;
    assert_eq!(status, StatusCode::OK, "{page}");
    let review = &page["items"][0];
    assert_eq!((review["id"].as_str(), review["state"].as_str()), (Some(id.to_string().as_str()), Some("waiting")));
    assert_eq!((review["first"]["record"].as_str(), review["second"]["record"].as_str()), (Some(known.as_str()), Some(late.as_str())));
    assert_eq!(review["first"]["links"][0]["connection"], "salesforce");
    assert_eq!(review["evidence"], "name equal (0.82)");
    assert_eq!(review["obstacle"], Json::Null);
    let waterfall = &review["waterfall"];
    assert_eq!(
        (waterfall["start"].as_f64(), waterfall["weight"].as_f64(), waterfall["crowds"].as_f64()),
        (Some(-13.0), Some(2.25), Some(-0.25))
    );
    assert_eq!(waterfall["doubt"], "only one thing agrees, and others may share it; a person decides");
    assert_eq!(
        waterfall["steps"],
        json!([
            { "field": "email", "label": "E-mail", "level": "near", "words": "one slip apart", "weight": 11.5, "frequency": 0.0 },
            { "field": "company", "label": "Company", "level": "exact", "words": "the same", "weight": 4.0, "frequency": -4.5 },
        ]),
        "what is missing on one side says nothing"
    );
    let email = review["fields"].as_array().unwrap().iter().find(|field| field["field"] == "email").unwrap();
    assert_eq!(
        email,
        &json!({ "field": "email", "label": "E-mail", "first": "ada@example.com", "second": "lovelace@example.com", "same": false })
    );
}

#[tokio::test]
async fn accepting_makes_one_record_with_both_counterparts_and_everything_that_pointed_to_the_other() {
    let (server, known, late, id) = two_adas().await;
    let pointing = {
        let engine = server.app.engine.clone();
        let (case, target, now) = (engine.new_id("cas"), late.parse::<RecordId>().unwrap(), engine.now());
        let made = case.clone();
        let data = Fields::from([("contact".into(), Value::Ref(target.clone()))]);
        let base = data.clone();
        engine
            .store()
            .write(move |tx| {
                let record = Record {
                    id: case.clone(),
                    object: "case".into(),
                    subject: case.to_string(),
                    data: data.clone(),
                    provenance: BTreeMap::new(),
                    created_at: now,
                    updated_at: now,
                    version: 0,
                    state: RecordState::Active,
                    merged_into: None,
                };
                tx.put_records(&[PutRecord { record, search_text: String::new() }])?;
                tx.wait_for(&case, &target, "salesforce", now)
            })
            .await
            .unwrap();
        server.link(made.as_str(), "zendesk", "ticket", "9").await;
        let (case, linked) = (made.clone(), base);
        engine
            .store()
            .write(move |tx| {
                let mut links = tx.links_of(std::slice::from_ref(&case))?;
                links[0].base = linked.clone();
                tx.put_links(&links)
            })
            .await
            .unwrap();
        made
    };
    let (status, review) = server.post(&format!("/api/v1/reviews/{id}/accept"), json!({})).await;
    assert_eq!((status, review["state"].as_str()), (StatusCode::OK, Some("accepted")), "{review}");
    assert_eq!(review["decided"]["by"], "local");

    let (_, one) = server.get(&format!("/api/v1/records/{known}")).await;
    let links: Vec<&str> = one["links"].as_array().unwrap().iter().filter_map(|link| link["connection"].as_str()).collect();
    assert_eq!(links, ["salesforce", "zendesk"]);
    let title = one["fields"].as_array().unwrap().iter().find(|field| field["key"] == "job_title").unwrap();
    assert_eq!(title["value"], "Countess", "what only the other record knew is not lost");
    let (_, history) = server.get(&format!("/api/v1/records/{known}/history")).await;
    let entry = &history["items"][0];
    assert!(entry["detail"].as_str().unwrap().starts_with(&format!("merged with {late}, with its counterpart at zendesk")), "{entry}");
    let email = entry["changes"].as_array().unwrap().iter().find(|change| change["field"] == "email").unwrap();
    assert_eq!(email["lost"][0]["value"], "lovelace@example.com");

    let (_, gone) = server.get(&format!("/api/v1/records/{late}")).await;
    assert_eq!((gone["state"].as_str(), gone["merged_into"].as_str()), (Some("merged"), Some(known.as_str())));

    // The other's row is compared anew: nothing was ever agreed between it and the record that stays.
    let key = RemoteKey::new("zendesk", "user", "42");
    let (wanted, case) = (key.clone(), pointing.clone());
    let (link, case_link, case) = server
        .app
        .engine
        .store()
        .read(move |tx| {
            let link = tx.links_at(std::slice::from_ref(&wanted))?.remove(&wanted);
            Ok((link, tx.links_of(std::slice::from_ref(&case))?.pop(), tx.record(&Viewer::system(), &case)?))
        })
        .await
        .unwrap();
    let link = link.unwrap();
    assert_eq!((link.record.to_string(), link.base.is_empty(), link.version), (known.clone(), true, None));
    assert_eq!(server.fetches_of(&known).await, Some(BTreeSet::from(["salesforce".to_owned(), "zendesk".to_owned()])));

    // Who pointed to it points to the one that stays, on our side and in what was agreed, and no longer waits.
    let stays = Value::Ref(known.parse().unwrap());
    assert_eq!(case.unwrap().data["contact"], stays);
    assert_eq!(case_link.unwrap().base["contact"], stays);
    assert!(server.fetches_of(pointing.as_str()).await.is_some(), "the case is looked at again");

    let (status, _) = server.post(&format!("/api/v1/reviews/{id}/reject"), json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT, "a decision is made once");
    assert_eq!(server.get("/api/v1/reviews").await.1["items"], json!([]));
}

#[tokio::test]
async fn rejecting_is_remembered_and_lets_both_records_go_on() {
    let (server, known, late, id) = two_adas().await;
    let drop_hints = server.app.engine.store().write(|tx| tx.raw("delete from hints"));
    drop_hints.await.unwrap();
    let (status, review) = server.post(&format!("/api/v1/reviews/{id}/reject"), json!({})).await;
    assert_eq!((status, review["state"].as_str()), (StatusCode::OK, Some("rejected")), "{review}");
    for record in [&known, &late] {
        assert!(server.fetches_of(record).await.is_some(), "{record} is looked at again");
        let (_, history) = server.get(&format!("/api/v1/records/{record}/history")).await;
        assert!(history["items"][0]["detail"].as_str().unwrap().starts_with("not the same as"), "{history}");
    }
    // The same pair is never asked about again, however often it is found.
    assert_eq!(server.review(&late, &known).await, id);
    assert_eq!(server.get("/api/v1/reviews").await.1["items"], json!([]));
    assert_eq!(server.get("/api/v1/reviews?state=rejected").await.1["items"][0]["id"], id.to_string());
}

#[tokio::test]
async fn two_records_with_counterparts_at_one_platform_are_not_one_before_it_has_merged_these() {
    let (server, known, late, id) = two_adas().await;
    server.link(&known, "zendesk", "user", "41").await;
    let (_, page) = server.get("/api/v1/reviews").await;
    assert_eq!(page["items"][0]["obstacle"], Json::Null, "the desk merges users");
    // Nobody listens where this desk is said to be.
    let (status, error) = server.post(&format!("/api/v1/reviews/{id}/accept"), json!({})).await;
    assert!(!status.is_success() && error["error"]["message"].to_string().contains("zendesk"), "{status} {error}");
    assert_eq!(server.get("/api/v1/reviews").await.1["items"][0]["id"], id.to_string(), "it waits as before");
    assert_eq!(server.fetches_of(&late).await, Some(BTreeSet::from(["zendesk".to_owned()])), "what may have landed is looked for");
    let (_, other) = server.get(&format!("/api/v1/records/{late}")).await;
    assert_eq!(other["state"], "active", "nothing has changed");
}

#[tokio::test]
async fn another_review_of_the_absorbed_record_asks_about_the_one_that_stays() {
    let (server, known, late, id) = two_adas().await;
    let third = server.contact(ada()).await;
    server.review(&third, &late).await;
    server.post(&format!("/api/v1/reviews/{id}/accept"), json!({})).await;
    let (_, page) = server.get("/api/v1/reviews").await;
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
    let pair =
        BTreeSet::from([page["items"][0]["first"]["record"].as_str().unwrap(), page["items"][0]["second"]["record"].as_str().unwrap()]);
    assert_eq!(pair, BTreeSet::from([known.as_str(), third.as_str()]));
}

#[tokio::test]
async fn an_unknown_review_and_an_unknown_state_are_refused() {
    let server = server().await;
    let (status, error) = server.post("/api/v1/reviews/7/accept", json!({})).await;
    assert_eq!((status, error["error"]["remedy"].as_str()), (StatusCode::NOT_FOUND, Some("take its id from the list of reviews")));
    assert_eq!(server.get("/api/v1/reviews?state=perhaps").await.0, StatusCode::BAD_REQUEST);
}
