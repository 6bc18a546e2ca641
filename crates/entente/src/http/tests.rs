//! Stories told to the real router over a real store.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use entente_connect::settings::{Auth, ConnectionSettings, Secret, WebhookSettings};
use entente_engine::reports::meter::Meter;
use entente_engine::sync::edit::{self, Edit};
use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use entente_model::mapping::Role;
use entente_model::value::{Fields, Value};
use entente_store::{ConflictSide, MasterKey, NewConflict, NewDeadLetter, PutRecord, Record, RecordState, Store, StoreOptions, StoreUrl};
use http::{Method, header};
use http_body_util::BodyExt;
use serde_json::{Value as Json, json};
use tower::ServiceExt;

mod alerts;
mod conflicts;
mod dashboard;
mod dead_letters;
mod every_route;
mod holds;
mod identity;
mod mappings;
mod privacy;
mod provisioning;
mod queries;
mod reconciliation;
mod reports;
mod reviews;
mod schema;
mod undo;

use super::*;
use crate::config::{Config, KeySource, NotifySettings, tables};
use crate::{assemble, tokens};

const LISTEN: &str = "127.0.0.1:7171";

struct Server {
    app: App,
    router: Router,
}

fn connection(name: &str, platform: &str, role: Role) -> ConnectionSettings {
    ConnectionSettings {
        name: name.to_owned(),
        platform: platform.to_owned(),
        description: None,
        role,
        base_url: Url::parse("http://127.0.0.1:9").unwrap(),
        login_url: None,
        follow_instance_url: false,
        api_version: None,
        headers: BTreeMap::new(),
        proxy: None,
        auth: Auth::ClientCredentials { client_id: "id".into(), client_secret: Secret::new("secret") },
        webhooks: WebhookSettings {
            signing_secret: Secret::new("signing"),
            organization: Some("00D000000000001".into()),
            path_secret: Secret::new("s3cretpath"),
            ..WebhookSettings::default()
        },
        actors: BTreeMap::new(),
        daily_calls: None,
        salesforce: entente_connect::settings::SalesforceSettings::default(),
        hubspot: entente_connect::settings::HubSpotSettings::default(),
    }
}

async fn server() -> Server {
    server_at(LISTEN, None).await
}

async fn server_at(listen: &str, public_url: Option<&str>) -> Server {
    let connections = vec![connection("salesforce", "salesforce", Role::Crm), connection("zendesk", "zendesk", Role::Support)];
    server_with(listen, public_url, connections).await
}

async fn server_with(listen: &str, public_url: Option<&str>, connections: Vec<ConnectionSettings>) -> Server {
    let key = MasterKey::generate().unwrap();
    let store = Store::open(&StoreUrl::Temporary, StoreOptions::new(key.clone())).await.unwrap();
    let config = Config {
        file: "entente.toml".into(),
        listen: listen.parse().unwrap(),
        public_url: public_url.map(|url| Url::parse(url).unwrap()),
        store: StoreUrl::Temporary,
        key: KeySource::Given(key),
        durability: tables::Durability::Full,
        postgres_ca: None,
        sync: entente_engine::Options::default(),
        connections,
        notify: NotifySettings::default(),
    };
    let engine = assemble::engine(&config, store).await.unwrap();
    let app = App::new(engine, config.listen, config.public_url);
    Server { router: router(app.clone()), app }
}

impl Server {
    async fn send(&self, request: http::Request<Body>) -> (StatusCode, http::HeaderMap, String) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn get(&self, path: &str) -> (StatusCode, Json) {
        let request = http::Request::get(path).header("host", LISTEN).body(Body::empty()).unwrap();
        let (status, _, body) = self.send(request).await;
        (status, serde_json::from_str(&body).unwrap_or(Json::String(body)))
    }

    async fn post(&self, path: &str, body: Json) -> (StatusCode, Json) {
        let request = http::Request::post(path)
            .header("host", LISTEN)
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let (status, _, body) = self.send(request).await;
        (status, serde_json::from_str(&body).unwrap_or(Json::String(body)))
    }

    /// A contact, set by a person.
    async fn contact(&self, fields: Fields) -> String {
        self.record("contact", "con", fields).await
    }

    /// An account of that name, set by a person.
    async fn account(&self, name: &str) -> String {
        self.record("account", "acc", Fields::from([("name".into(), Value::text(name))])).await
    }

    async fn record(&self, object: &str, prefix: &str, fields: Fields) -> String {
        let engine = self.app.engine.clone();
        let (now, id, catalog, object) = (engine.now(), engine.new_id(prefix), engine.catalog(), object.to_owned());
        let made = id.to_string();
        engine
            .store()
            .write(move |tx| {
                let record = Record {
                    id: id.clone(),
                    object: object.clone(),
                    subject: id.to_string(),
                    data: Fields::new(),
                    provenance: BTreeMap::new(),
                    created_at: now,
                    updated_at: now,
                    version: 0,
                    state: RecordState::Active,
                    merged_into: None,
                };
                tx.put_records(&[PutRecord { record, search_text: String::new() }])?;
                let edit = Edit {
                    record: id.clone(),
                    fields: fields.clone(),
                    actor: Actor::Person,
                    actor_name: "ada".into(),
                    cause: "user".into(),
                    detail: "entered".into(),
                    lane: 1,
                    window_ms: 0,
                };
                edit::apply(tx, &catalog, &edit, now).map(drop)
            })
            .await
            .unwrap();
        made
    }
}

fn ada() -> Fields {
    Fields::from([
        ("first_name".into(), Value::text("Ada")),
        ("last_name".into(), Value::text("Lovelace")),
        ("email".into(), Value::text("ada@example.com")),
    ])
}

#[tokio::test]
async fn a_record_is_listed_found_shown_and_explained() {
    let server = server().await;
    let id = server.contact(ada()).await;
    let (status, page) = server.get("/api/v1/records?object=contact&q=lovel").await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert_eq!(page["items"][0]["title"], "Ada Lovelace");
    assert_eq!(page["items"][0]["id"], id.as_str());
    let (_, none) = server.get("/api/v1/records?q=nobody").await;
    assert_eq!(none["items"], json!([]));
    let (status, record) = server.get(&format!("/api/v1/records/{id}")).await;
    assert_eq!(status, StatusCode::OK, "{record}");
    let email = record["fields"].as_array().unwrap().iter().find(|field| field["key"] == "email").unwrap();
    assert_eq!(email["value"], "ada@example.com");
    assert_eq!(email["raw"], json!({ "text": "ada@example.com" }));
    assert_eq!(email["owner"], "shared");
    assert_eq!(email["set_by"], "person");
    assert_eq!(record["in_flight"], true);
    let (_, history) = server.get(&format!("/api/v1/records/{id}/history")).await;
    assert_eq!(history["items"][0]["actor_name"], "ada");
    assert_eq!(history["items"][0]["changes"].as_array().unwrap().len(), 3);
    let (_, blame) = server.get(&format!("/api/v1/records/{id}/blame/email")).await;
    assert_eq!(blame["set_by"]["entry"], email["entry"]);
    let (status, error) = server.get(&format!("/api/v1/records/{id}/blame/colour")).await;
    assert_eq!((status, error["error"]["code"].as_str()), (StatusCode::NOT_FOUND, Some("not_found")));
}

#[tokio::test]
async fn what_is_not_there_is_refused_with_a_remedy() {
    let server = server().await;
    for path in ["/api/v1/records/con_01h455vb4pex5vsknk084sn02q", "/api/v1/dead-letters/7", "/api/v1/nothing"] {
        let (status, error) = server.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}: {error}");
        assert!(error["error"]["remedy"].is_string(), "{path}: {error}");
    }
    for path in ["/api/v1/records/nonsense", "/api/v1/records?limit=many", "/api/v1/conflicts?state=angry"] {
        let (status, error) = server.get(path).await;
        assert_eq!((status, error["error"]["code"].as_str()), (StatusCode::BAD_REQUEST, Some("invalid")), "{path}");
    }
}

#[tokio::test]
async fn the_dashboard_of_a_fresh_instance_is_starting_and_counts_its_records() {
    let server = server().await;
    server.contact(ada()).await;
    let (status, dashboard) = server.get("/api/v1/dashboard").await;
    assert_eq!(status, StatusCode::OK, "{dashboard}");
    assert_eq!(dashboard["health"]["overall"], "starting");
    assert_eq!(dashboard["consistency"]["records"], 1);
    assert_eq!(dashboard["consistency"]["in_flight"], 1);
    assert_eq!(dashboard["connections"][0]["state"], "unchecked");
    assert!(dashboard["mappings"]["active"].as_u64().unwrap() > 30);
}

#[tokio::test]
async fn a_conflict_is_decided_once_and_the_record_follows() {
    let server = server().await;
    let id = server.contact(ada()).await;
    let engine = &server.app.engine;
    let (now, record) = (engine.now(), id.clone());
    let side = move |side: &str, value: &str| ConflictSide {
        side: side.into(),
        value: Value::text(value),
        at: Some(now),
        by: "sales".into(),
        who: None,
    };
    let conflict = engine
        .store()
        .write(move |tx| {
            tx.open_conflicts(&[NewConflict {
                record: record.parse().unwrap(),
                object: "contact".into(),
                field: "phone".into(),
                base: Value::Null,
                sides: vec![side("salesforce", "+1 111"), side("zendesk", "+1 222")],
                suggested: None,
                opened_at: now,
            }])
        })
        .await
        .unwrap()[0]
        .0;
    let (_, page) = server.get("/api/v1/conflicts").await;
    assert_eq!(page["items"][0]["title"], "Ada Lovelace");
    assert_eq!(page["items"][0]["sides"][1]["value"], "+1 222");
    let path = format!("/api/v1/conflicts/{conflict}/resolve");
    let (status, error) = server.post(&path, json!({ "side": "hubspot" })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(error["error"]["remedy"], "use one of: salesforce, zendesk");
    let (status, decided) = server.post(&path, json!({ "side": "zendesk" })).await;
    assert_eq!(status, StatusCode::OK, "{decided}");
    assert_eq!(decided["resolved"]["value"], "+1 222");
    let (_, shown) = server.get(&format!("/api/v1/records/{id}")).await;
    let phone = shown["fields"].as_array().unwrap().iter().find(|field| field["key"] == "phone").unwrap();
    assert_eq!((phone["value"].as_str(), phone["set_by"].as_str()), (Some("+1 222"), Some("person")));
    let (status, _) = server.post(&path, json!({ "side": "zendesk" })).await;
    assert_eq!(status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_dead_letter_is_retried_and_leaves_the_list() {
    let server = server().await;
    let id = server.contact(ada()).await;
    let (now, subject) = (server.app.engine.now(), id.clone());
    let letter = server
        .app
        .engine
        .store()
        .write(move |tx| {
            tx.bury(&NewDeadLetter {
                subject: subject.clone(),
                record: subject.parse().ok(),
                connection: Some("zendesk".into()),
                object: "contact".into(),
                error_class: "data".into(),
                error_code: "RecordInvalid".into(),
                message: "Email is taken".into(),
                vendor_answer: "422".into(),
                attempts: Vec::new(),
                advice: "correct the e-mail".into(),
                first_at: now,
                died_at: now,
            })
        })
        .await
        .unwrap();
    let (_, page) = server.get("/api/v1/dead-letters").await;
    assert_eq!(page["items"][0]["error"], "RecordInvalid: Email is taken");
    assert_eq!(page["items"][0]["title"], "Ada Lovelace");
    let (status, retried) = server.post(&format!("/api/v1/dead-letters/{letter}/retry"), json!({})).await;
    assert_eq!((status, retried["state"].as_str()), (StatusCode::OK, Some("retried")), "{retried}");
    let hint = server.app.engine.store().read(move |tx| tx.hint_of(&id)).await.unwrap().unwrap();
    assert_eq!(hint.lane, 0);
    let (_, page) = server.get("/api/v1/dead-letters").await;
    assert_eq!(page["items"], json!([]));
}

#[tokio::test]
async fn a_resync_is_taken_up_and_a_scope_too_many_is_refused() {
    let server = server().await;
    let (status, answer) = server.post("/api/v1/resync", json!({ "object": "contact" })).await;
    assert_eq!((status, answer["scope"].as_str()), (StatusCode::ACCEPTED, Some("every contact")), "{answer}");
    let (status, _) = server.post("/api/v1/resync", json!({ "object": "contact", "connection": "zendesk" })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, _) = server.post("/api/v1/resync", json!({ "object": "unicorn" })).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_forged_webhook_is_refused_and_leaves_nothing_behind_but_a_count() {
    let server = server().await;
    let forged = |path: &str| {
        http::Request::post(path.to_owned())
            .header("host", "tunnel.example")
            .header("x-zendesk-webhook-signature", "bm9wZQ==")
            .header("x-zendesk-webhook-signature-timestamp", "2026-01-15T14:00:00Z")
            .body(Body::from("{\"type\":\"zen:event-type:user.created\"}"))
            .unwrap()
    };
    let (status, _, body) = server.send(forged("/hooks/zendesk")).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{body}");
    let (status, _, _) = server.send(forged("/hooks/salesforce/wrong")).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (status, _, _) = server.send(forged("/hooks/hubspot")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let engine = &server.app.engine;
    let now = engine.now();
    let later = Timestamp::from_millisecond(now.as_millisecond() + 1).unwrap();
    let left = async || {
        let counted = engine
            .store()
            .read(move |tx| Ok((tx.inbox_counts()?.len(), tx.hint_counts(now)?.len(), tx.counted("webhooks_refused", None, now, later)?)));
        counted.await.unwrap()
    };
    assert_eq!(left().await, (0, 0, 0), "a forged webhook costs no write");
    Meter::default().write(engine).await.unwrap();
    assert_eq!(left().await, (0, 0, 2), "and is counted with the calls");
}

#[tokio::test]
async fn an_address_for_webhooks_answers_the_vendor_who_asks_whether_it_is_there() {
    let server = server().await;
    for (path, expected) in
        [("/hooks/zendesk", StatusCode::OK), ("/hooks/salesforce/any", StatusCode::OK), ("/hooks/intercom", StatusCode::NOT_FOUND)]
    {
        let (status, _, _) = server.send(http::Request::head(path).body(Body::empty()).unwrap()).await;
        assert_eq!(status, expected, "{path}");
    }
}

#[tokio::test]
async fn a_webhook_larger_than_two_megabytes_is_refused() {
    let server = server().await;
    let request = http::Request::post("/hooks/zendesk").body(Body::from(vec![b'x'; 2 * 1024 * 1024 + 1])).unwrap();
    assert_eq!(server.send(request).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn once_there_is_a_token_every_request_needs_one() {
    let server = server().await;
    assert_eq!(server.get("/api/v1/records").await.0, StatusCode::OK);
    let token = tokens::create(server.app.engine.store(), "laptop", server.app.engine.now()).await.unwrap();
    assert_eq!(server.get("/api/v1/records").await.0, StatusCode::UNAUTHORIZED);
    let with = |name: &'static str, value: String| {
        http::Request::get("/api/v1/records").header("host", LISTEN).header(name, value).body(Body::empty()).unwrap()
    };
    assert_eq!(server.send(with("authorization", format!("Bearer {token}"))).await.0, StatusCode::OK);
    assert_eq!(server.send(with("authorization", "Bearer ent_guess".into())).await.0, StatusCode::UNAUTHORIZED);
    let sign_in = http::Request::post("/api/v1/session")
        .header("host", LISTEN)
        .header("content-type", "application/json")
        .body(Body::from(json!({ "token": token }).to_string()))
        .unwrap();
    let (status, headers, _) = server.send(sign_in).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let cookie = headers[header::SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    assert_eq!(server.send(with("cookie", cookie.split(';').next().unwrap().to_owned())).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_request_through_a_proxy_is_not_this_machines_own() {
    let server = server().await;
    let request =
        http::Request::get("/api/v1/records").header("host", LISTEN).header("x-forwarded-for", "203.0.113.7").body(Body::empty()).unwrap();
    assert_eq!(server.send(request).await.0, StatusCode::UNAUTHORIZED);
    assert!(!server_at(LISTEN, Some("https://sync.example.com")).await.app.open_access);
    assert!(!server_at("0.0.0.0:7171", None).await.app.open_access);
}

#[tokio::test]
async fn another_host_name_and_another_sites_page_are_refused() {
    let server = server().await;
    let rebound = http::Request::get("/api/v1/records").header("host", "evil.example").body(Body::empty()).unwrap();
    assert_eq!(server.send(rebound).await.0, StatusCode::FORBIDDEN);
    let forged = http::Request::post("/api/v1/resync")
        .header("host", LISTEN)
        .header("origin", "http://evil.example")
        .header("content-type", "application/json")
        .body(Body::from("{}"))
        .unwrap();
    assert_eq!(server.send(forged).await.0, StatusCode::FORBIDDEN);
    let form =
        http::Request::post("/api/v1/resync").header("host", LISTEN).header("content-type", "text/plain").body(Body::from("{}")).unwrap();
    assert_eq!(server.send(form).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn health_metrics_and_the_description_answer() {
    let server = server().await;
    server.contact(ada()).await;
    assert_eq!(server.get("/healthz").await, (StatusCode::OK, json!("ok\n")));
    assert_eq!(server.get("/readyz").await, (StatusCode::OK, json!("ready\n")));
    let (_, metrics) = server.get("/metrics").await;
    let metrics = metrics.as_str().unwrap();
    assert!(metrics.contains("sync_records{object=\"contact\"} 1"), "{metrics}");
    assert!(metrics.contains("sync_backlog{lane=\"1\",state=\"waiting\"} 1"), "{metrics}");
    let (status, description) = server.get("/api/openapi.json").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(description["openapi"], "3.1.0");
}

#[tokio::test]
async fn every_answer_is_strict_about_what_a_page_may_load() {
    let server = server().await;
    let request = http::Request::get("/").header("host", LISTEN).body(Body::empty()).unwrap();
    let (status, headers, _) = server.send(request).await;
    assert_eq!(status, StatusCode::OK);
    assert!(headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("frame-ancestors 'none'"));
    assert!(headers.contains_key("x-request-id"));
}

#[tokio::test]
async fn the_event_stream_tells_of_an_entry_and_resumes_after_the_last_one() {
    let server = server().await;
    let first = server.contact(ada()).await;
    let request = http::Request::get("/api/v1/events").header("host", LISTEN).header("last-event-id", "0").body(Body::empty()).unwrap();
    let response = server.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut body = response.into_body();
    let mut text = String::new();
    let wanted: BTreeSet<&str> = ["event: entry", "event: tick"].into();
    while !wanted.iter().all(|event| text.contains(event)) {
        let frame = tokio::time::timeout(Duration::from_secs(10), body.frame()).await.unwrap().unwrap().unwrap();
        text.push_str(&String::from_utf8_lossy(frame.data_ref().unwrap()));
    }
    assert!(text.contains(&first) && text.contains("\"title\":\"Ada Lovelace\""), "{text}");
    let second = server.contact(Fields::from([("last_name".into(), Value::text("Hopper"))])).await;
    while !text.contains(&second) {
        let frame = tokio::time::timeout(Duration::from_secs(10), body.frame()).await.unwrap().unwrap().unwrap();
        text.push_str(&String::from_utf8_lossy(frame.data_ref().unwrap()));
    }
}

#[tokio::test]
async fn a_plan_of_what_was_last_seen_needs_no_vendor() {
    let server = server().await;
    server.contact(ada()).await;
    let (status, plan) = server.get("/api/v1/plan?object=contact").await;
    assert_eq!(status, StatusCode::OK, "{plan}");
    assert_eq!(plan["looked_at"], 1);
}

#[tokio::test]
async fn an_unknown_method_changes_nothing() {
    let server = server().await;
    let request =
        http::Request::builder().method(Method::DELETE).uri("/api/v1/records").header("host", LISTEN).body(Body::empty()).unwrap();
    assert_eq!(server.send(request).await.0, StatusCode::METHOD_NOT_ALLOWED);
}
