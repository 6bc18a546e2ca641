//! Dead letters that a person corrects, and many that are retried together.

use super::*;

impl Server {
    pub(super) async fn bury(&self, record: &str, connection: &str, class: &str) -> i64 {
        let (subject, connection, class, now) = (record.to_owned(), connection.to_owned(), class.to_owned(), self.app.engine.now());
        let letter = NewDeadLetter {
            record: subject.parse().ok(),
            subject,
            connection: Some(connection),
            object: "contact".into(),
            error_class: class,
            error_code: "RecordInvalid".into(),
            message: "Email is taken".into(),
            vendor_answer: "{\"error\":\"RecordInvalid\"}".into(),
            attempts: vec![entente_store::Attempt { at: now, error: "RecordInvalid: Email is taken".into() }],
            advice: "correct the e-mail".into(),
            first_at: now,
            died_at: now,
        };
        self.app.engine.store().write(move |tx| tx.bury(&letter)).await.unwrap()
    }

    async fn hints(&self, record: &str) -> bool {
        let record = record.to_owned();
        self.app.engine.store().read(move |tx| tx.hint_of(&record)).await.unwrap().is_some_and(|hint| hint.fetch.len() == 2)
    }

    async fn open_letters(&self, query: &str) -> Vec<String> {
        let (_, page) = self.get(&format!("/api/v1/dead-letters{query}")).await;
        page["items"].as_array().unwrap().iter().map(|letter| letter["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn the_record_of_a_dead_letter_is_corrected_and_tried_again() {
    let server = server().await;
    let id = server.contact(ada()).await;
    let letter = server.bury(&id, "zendesk", "data").await;
    let (_, shown) = server.get(&format!("/api/v1/dead-letters/{letter}")).await;
    assert_eq!((&shown["class"], &shown["advice"]), (&json!("data"), &json!("correct the e-mail")), "{shown}");
    assert_eq!((&shown["answer"], shown["tries"].as_array().unwrap().len()), (&json!("{\"error\":\"RecordInvalid\"}"), 1));

    let path = format!("/api/v1/dead-letters/{letter}/edit");
    for (fields, field) in [
        (json!({}), "fields"),
        (json!({ "colour": "red" }), "colour"),
        (json!({ "support_id": "42" }), "support_id"),
        (json!({ "account": "nobody" }), "account"),
        // The CRM has nobody without one.
        (json!({ "last_name": "" }), "last_name"),
        (json!({ "last_name": null }), "last_name"),
    ] {
        let (status, error) = server.post(&path, json!({ "fields": fields })).await;
        assert_eq!((status, error["error"]["field"].as_str()), (StatusCode::BAD_REQUEST, Some(field)), "{error}");
    }
    assert_eq!(server.open_letters("").await, [letter.to_string()], "a refused correction leaves everything as it was");

    let (status, corrected) = server.post(&path, json!({ "fields": { "email": "countess@example.com" } })).await;
    assert_eq!((status, corrected["state"].as_str()), (StatusCode::OK, Some("retried")), "{corrected}");
    assert!(corrected["reason"].as_str().unwrap().starts_with("corrected and retried by"), "{corrected}");
    let (_, record) = server.get(&format!("/api/v1/records/{id}")).await;
    let email = record["fields"].as_array().unwrap().iter().find(|field| field["key"] == "email").unwrap();
    assert_eq!((&email["value"], &email["set_by"]), (&json!("countess@example.com"), &json!("person")));
    assert!(server.hints(&id).await, "both sides are read before the next attempt");
    let (status, _) = server.post(&path, json!({ "fields": { "email": "late@example.com" } })).await;
    assert_eq!(status, StatusCode::CONFLICT, "it is closed by now");
}

#[tokio::test]
async fn a_row_without_a_record_is_corrected_at_its_platform() {
    let server = server().await;
    let letter = server.bury("zendesk/user/42", "zendesk", "data").await;
    let (status, error) =
        server.post(&format!("/api/v1/dead-letters/{letter}/edit"), json!({ "fields": { "email": "a@b.example" } })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(error["error"]["remedy"], "correct the row at zendesk, then retry", "{error}");
}

#[tokio::test]
async fn many_are_listed_and_retried_by_class_and_connection() {
    let server = server().await;
    let mut letters = BTreeMap::new();
    for (connection, class) in [("zendesk", "data"), ("salesforce", "data"), ("zendesk", "retry"), ("zendesk", "configuration")] {
        let record = server.contact(ada()).await;
        letters.insert((connection, class), (server.bury(&record, connection, class).await.to_string(), record));
    }
    let of = |connection, class| letters[&(connection, class)].0.clone();
    assert_eq!(server.open_letters("?class=data").await, [of("salesforce", "data"), of("zendesk", "data")]);
    assert_eq!(server.open_letters("?class=data&connection=zendesk").await, [of("zendesk", "data")]);
    let (status, answer) = server.post("/api/v1/dead-letters/retry", json!({ "class": "data" })).await;
    assert_eq!((status, answer), (StatusCode::OK, json!({ "retried": 2 })));
    assert_eq!(server.open_letters("").await.len(), 2);
    assert!(server.hints(&letters[&("salesforce", "data")].1).await);
    let (status, _) = server.post("/api/v1/dead-letters/retry", json!({ "connection": "pipedrive" })).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (_, answer) = server.post("/api/v1/dead-letters/retry", json!({})).await;
    assert_eq!(answer, json!({ "retried": 2 }));
    let (_, put_away) = server.get("/api/v1/dead-letters?state=retried").await;
    assert_eq!(put_away["items"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_word_that_is_no_class_or_connection_is_refused_and_never_taken_for_none_found() {
    let server = server().await;
    let record = server.contact(ada()).await;
    server.bury(&record, "zendesk", "data").await;
    let (status, error) = server.get("/api/v1/dead-letters?class=datta").await;
    assert_eq!((status, error["error"]["field"].as_str()), (StatusCode::BAD_REQUEST, Some("class")), "{error}");
    assert_eq!(error["error"]["remedy"], "did you mean `data`? There are: data, configuration, reauthenticate, retry, look_again");
    let (status, error) = server.post("/api/v1/dead-letters/retry", json!({ "class": "datta" })).await;
    assert_eq!((status, error["error"]["field"].as_str()), (StatusCode::BAD_REQUEST, Some("class")), "{error}");
    for (status, error) in [
        server.get("/api/v1/dead-letters?connection=zendex").await,
        server.post("/api/v1/dead-letters/retry", json!({ "connection": "zendex" })).await,
    ] {
        assert_eq!(
            (status, &error["error"]["remedy"]),
            (StatusCode::NOT_FOUND, &json!("did you mean `zendesk`? There are: salesforce, zendesk"))
        );
    }
    assert_eq!(server.open_letters("?class=retry").await, [""; 0], "a class of which there is none is no mistake");
    let gone = server.bury("pipedrive/person/7", "pipedrive", "data").await;
    assert_eq!(
        server.open_letters("?connection=pipedrive").await,
        [gone.to_string()],
        "what is kept of a connection that is gone is found"
    );
}

#[tokio::test]
async fn a_correction_names_fields_as_people_do() {
    let server = server().await;
    let id = server.contact(ada()).await;
    let letter = server.bury(&id, "zendesk", "data").await;
    let path = format!("/api/v1/dead-letters/{letter}/edit");
    let (status, error) = server.post(&path, json!({ "fields": { "Job title": "Countess", "job_title": "Poet" } })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{error}");
    let (status, corrected) = server.post(&path, json!({ "fields": { "Job title": "Countess" } })).await;
    assert_eq!(status, StatusCode::OK, "{corrected}");
    let (_, record) = server.get(&format!("/api/v1/records/{id}")).await;
    let title = record["fields"].as_array().unwrap().iter().find(|field| field["key"] == "job_title").unwrap();
    assert_eq!(title["value"], "Countess");
}
