//! Every way in which platforms sign in, page, refuse and write, each with the smallest description that has it.

use entente_connect::connector::{Connector, Priority};
use entente_connect::error::Class;
use entente_connect::settings::{Auth, ConnectionSettings, Secret, WebhookSettings};
use entente_connect::webhook::Incoming;
use entente_connect::write::WriteTarget;
use entente_model::clock::Clock;
use entente_model::mapping::Role;
use serde_json::{Value, json};

use super::small::{Answer, Got, Habit, connect, described, ok};
use crate::stage::rows::{create, ids, read_on, spec, update};

fn key() -> Auth {
    Auth::AccessToken { token: Secret::new("s3cret-key") }
}

fn people(numbers: impl Iterator<Item = usize>) -> Value {
    numbers.map(|n| json!({"id": n, "name": format!("Person {n}"), "at": "2026-01-05T10:00:00Z"})).collect()
}

/// The numbers of a page of ten among twenty-five.
fn ten(from: usize) -> std::ops::Range<usize> {
    from..(from + 10).min(25)
}

async fn all(connector: &dyn Connector) -> Vec<String> {
    let (looks, _) = read_on(connector, &spec("people", &["name"]), None).await;
    ids(&looks).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_list_goes_on_in_every_way_that_platforms_have() {
    let expected: Vec<String> = (0..25).map(|n| n.to_string()).collect();
    let number = |got: &Got, name: &str| got.asked(name).map_or(0, |text| text.parse::<usize>().unwrap());
    let ways: Vec<(Value, Habit)> = vec![
        (
            json!({"cursor": {"send": "after", "at": "meta.next"}}),
            Box::new(move |got| {
                let from = number(got, "after");
                ok(json!({"rows": people(ten(from)), "meta": {"next": (from + 10 < 25).then(|| (from + 10).to_string())}}))
            }),
        ),
        (
            json!({"page": {"send": "page"}, "size": {"send": "per_page", "rows": 10}}),
            Box::new(move |got| {
                assert_eq!(got.asked("per_page"), Some("10"));
                ok(json!({"rows": people(ten((number(got, "page") - 1) * 10))}))
            }),
        ),
        (
            json!({"offset": {"send": "start", "more": "more"}}),
            Box::new(move |got| {
                let from = number(got, "start");
                ok(json!({"rows": people(ten(from)), "more": from + 10 < 25}))
            }),
        ),
        (
            json!({"link": {"at": "next"}}),
            Box::new(move |got| {
                let from = number(got, "from");
                let next = (from + 10 < 25).then(|| format!("https://small.example/api/people?from={}", from + 10));
                ok(json!({"rows": people(ten(from)), "next": next}))
            }),
        ),
        (
            json!({"link": {"header": true}}),
            Box::new(move |got| {
                let from = number(got, "from");
                let link = format!("<https://small.example/api/people?from={}>; rel=\"next\"", from + 10);
                let headers = if from + 10 < 25 { vec![("link", link)] } else { Vec::new() };
                (200, headers, json!({"rows": people(ten(from))}))
            }),
        ),
    ];
    for (paging, habit) in ways {
        let description = described(|description| {
            description["paging"] = paging.clone();
            description["answers"] = json!({"rows": "rows"});
        });
        let (connector, small) = connect(description, key(), habit);
        assert_eq!(all(connector.as_ref()).await, expected, "{paging}");
        let calls = small.calls.lock().unwrap().len();
        assert_eq!(calls, 3, "{paging}");
    }
}

#[tokio::test]
async fn a_next_page_on_another_host_is_refused_and_gets_no_key() {
    let description = described(|description| {
        description["paging"] = json!({"link": {"at": "next"}});
        description["answers"] = json!({"rows": "rows"});
    });
    let (connector, small) =
        connect(description, key(), |_| ok(json!({"rows": people(0..1), "next": "https://evil.example/people?from=1"})));
    let read = spec("people", &["name"]);
    let page = connector.page(&read, None, Priority::Backfill).await.unwrap();
    let refused = connector.page(&read, Some(&page.next), Priority::Backfill).await.unwrap_err();
    assert_eq!(refused.code, "address");
    assert_eq!(small.calls.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_goes_out_where_the_platform_wants_it() {
    let basic = "Basic czNjcmV0LWtleTpY";
    let ways = [
        (json!({}), key(), "authorization", "Bearer s3cret-key"),
        (json!({"header": "x-api-key"}), key(), "x-api-key", "s3cret-key"),
        (json!({"header": "authorization", "prefix": "Token token="}), key(), "authorization", "Token token=s3cret-key"),
        (json!({"basic_password": "X"}), key(), "authorization", basic),
    ];
    for (place, auth, header, expected) in ways {
        let description = described(|description| description["auth"] = json!({"access_token": place}));
        let (connector, small) = connect(description, auth, |_| ok(json!({"id": 7, "mail": "me@small.example"})));
        assert_eq!(connector.check().await.unwrap().user, "me@small.example");
        let calls = small.calls.lock().unwrap();
        assert_eq!(calls[0].header(header), expected);
    }
    let description = described(|description| description["auth"] = json!({"access_token": {"query": "api_key"}}));
    let (connector, small) = connect(description, key(), |_| (403, Vec::new(), json!({"error": "s3cret-key is not allowed"})));
    let refused = connector.check().await.unwrap_err();
    let got = small.calls.lock().unwrap()[0].clone();
    assert_eq!((got.asked("api_key"), got.header("authorization")), (Some("s3cret-key"), ""));
    assert!(!format!("{refused:?}").contains("s3cret-key"), "{refused:?}");
    let description = described(|description| description["auth"] = json!({"api_token": {}}));
    let auth = Auth::ApiToken { email: "me".to_owned(), token: Secret::new("pass") };
    let (connector, small) = connect(description, auth, |_| ok(json!({"id": 7, "mail": "me@small.example"})));
    connector.check().await.unwrap();
    assert_eq!(small.calls.lock().unwrap()[0].header("authorization"), "Basic bWU6cGFzcw==");
}

#[tokio::test]
async fn client_credentials_ask_for_a_token_with_their_scope() {
    let description = described(|description| {
        description["auth"] =
            json!({"oauth": {"token": "/oauth/token", "encoding": "form_with_basic", "scope": "people.read people.write"}});
    });
    let auth = Auth::ClientCredentials { client_id: "app".to_owned(), client_secret: Secret::new("hush-hush") };
    let (connector, small) = connect(description, auth, |got| match got.path.as_str() {
        "/api/oauth/token" => ok(json!({"access_token": "fresh", "expires_in": 3600})),
        _ => ok(json!({"id": 7, "mail": "me"})),
    });
    connector.check().await.unwrap();
    let calls = small.calls.lock().unwrap();
    assert!(calls[0].text.contains("grant_type=client_credentials") && calls[0].text.contains("scope=people.read"), "{}", calls[0].text);
    assert!(calls[0].header("authorization").starts_with("Basic ") && !calls[0].text.contains("hush-hush"));
    assert_eq!(calls[1].header("authorization"), "Bearer fresh");
}

#[tokio::test]
async fn a_kind_of_credentials_that_is_not_described_is_refused_with_those_that_are() {
    let description = described(|_| {});
    let settings = entente_connect::settings::ConnectionSettings {
        description: Some(description),
        ..crate::stage::settings(
            "rest",
            entente_model::mapping::Role::Crm,
            "https://small.example",
            Auth::ApiToken { email: "me".to_owned(), token: Secret::new("pass") },
        )
    };
    let hands = crate::stage::time::Hands::at(0);
    let wire = crate::stage::line::Line::to(axum::Router::new());
    let refused = entente_connect::registry::connect(settings, crate::stage::surroundings(wire as _, &hands)).map(drop).unwrap_err();
    assert!(refused.remedy.contains("use access_token"), "{refused}");
}

#[tokio::test]
async fn a_refusal_is_what_the_rules_say_and_else_what_its_status_says() {
    let errors = json!({
        "code": "error.code", "message": ["error.text"], "field": {"at": "error.text", "before": " is "},
        "rules": [
            {"status": [200, 400], "code": ["RATE*"], "then": "wait", "after_header": "x-wait", "seconds": 9},
            {"says": ["expired"], "then": "sign_in", "advice": "make a new key under Settings"},
            {"status": [403], "json": false, "then": "retry"},
        ],
    });
    let description = described(|description| description["errors"] = errors);
    let refusals: [(Answer, &str, Option<&str>); 9] = [
        ((400, Vec::new(), json!({"error": {"code": "RATE_LIMIT", "text": "slow down"}})), "wait", None),
        ((400, vec![("x-wait", "4".to_owned())], json!({"error": {"code": "RATE_LIMIT"}})), "wait", None),
        ((403, Vec::new(), json!({"error": {"text": "Your key has Expired"}})), "reauthenticate", None),
        ((403, Vec::new(), json!("a page")), "retry", None),
        ((403, Vec::new(), json!({})), "configuration", None),
        ((422, Vec::new(), json!({"error": {"text": "name is too long"}})), "data", Some("name")),
        ((409, Vec::new(), json!({})), "look_again", None),
        ((429, vec![("retry-after", "7".to_owned())], json!({})), "wait", None),
        ((502, Vec::new(), json!({})), "retry", None),
    ];
    for (answer, class, field) in refusals {
        let shown = format!("{answer:?}");
        let (connector, _) = connect(std::sync::Arc::clone(&description), key(), move |_| answer.clone());
        let target = WriteTarget { object: "people".to_owned(), key_field: "entente_id".to_owned() };
        let refused =
            connector.write(&target, &[update("1", json!({"name": "Ada"}))], Priority::Update).await.unwrap().remove(0).unwrap_err();
        assert_eq!((refused.class.name(), refused.field.as_deref()), (class, field), "{shown}: {refused:?}");
        match refused.class {
            Class::Wait { until } => assert!((4..=9).contains(&(until.as_second() - 1_767_607_200)), "{shown}: {until}"),
            Class::Reauthenticate => assert_eq!(refused.advice, "make a new key under Settings"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn an_upsert_is_the_way_of_creations_where_there_is_one() {
    let description = described(|description| {
        description["objects"]["people"]["upsert"] =
            json!({"path": "/people/by-key/{key}", "wrap": "person", "with": {"source": "entente"}, "row": "person"});
    });
    let (connector, small) =
        connect(description, key(), |_| (201, Vec::new(), json!({"person": {"id": 5, "name": "Ada", "at": 1_767_607_200}})));
    let target = WriteTarget { object: "people".to_owned(), key_field: "entente_id".to_owned() };
    let made = connector.write(&target, &[create("con_1", json!({"name": "Ada"}))], Priority::Update).await.unwrap().remove(0).unwrap();
    assert_eq!((made.id.as_str(), made.created), ("5", Some(true)));
    let calls = small.calls.lock().unwrap();
    assert_eq!(calls.len(), 1);
    assert_eq!((calls[0].method.as_str(), calls[0].path.as_str()), ("PUT", "/api/people/by-key/con_1"));
    assert_eq!(calls[0].body, json!({"person": {"source": "entente", "name": "Ada", "entente_id": "con_1"}}));
}

#[tokio::test]
async fn what_is_not_described_is_refused_by_name() {
    let description = described(|_| {});
    let (connector, small) = connect(description, key(), |_| ok(json!([])));
    let target = WriteTarget { object: "people".to_owned(), key_field: "entente_id".to_owned() };
    let refused = connector.write(&target, &[crate::stage::rows::delete("1")], Priority::Update).await.unwrap().remove(0).unwrap_err();
    assert_eq!((refused.code.as_str(), refused.class), ("not_described", Class::Configuration));
    assert!(refused.message.contains("delete rows of people"), "{refused}");
    assert!(small.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn without_changes_every_poll_reads_everything_and_nothing_is_lost() {
    let description = described(|_| {});
    let (connector, _) = connect(description, key(), |_| ok(people(0..3)));
    let read = spec("people", &["name"]);
    let (first, cursor) = read_on(connector.as_ref(), &read, None).await;
    let (second, _) = read_on(connector.as_ref(), &read, Some(cursor)).await;
    assert_eq!((first.len(), second.len()), (3, 3));
}

#[tokio::test]
async fn a_signed_message_of_several_events_shows_its_rows() {
    let description = described(|description| {
        description["webhooks"] = json!({
            "proof": {"signature": {"header": "x-signature", "prefix": "sha256="}}, "id": "delivery", "events": "events", "object": "type",
            "objects": {"person": "people"}, "row_id": ["row.id", "gone.id"], "action": "what", "row": "row",
        });
    });
    let webhooks = WebhookSettings { signing_secret: Secret::new("a secret of theirs"), ..WebhookSettings::default() };
    let settings = ConnectionSettings {
        description: Some(description),
        webhooks,
        ..crate::stage::settings("rest", Role::Crm, "https://small.example/api", key())
    };
    let hands = crate::stage::time::Hands::at(1_767_607_200_000);
    let wire = crate::stage::line::Line::to(axum::Router::new());
    let connector = entente_connect::registry::connect(settings, crate::stage::surroundings(wire as _, &hands)).unwrap();
    connector.describe("people").await.unwrap();
    let body = json!({"delivery": "d-1", "events": [
        {"type": "person", "what": "changed", "row": {"id": 5, "name": "Ada", "at": "2026-01-05T10:00:00Z"}},
        {"type": "person", "what": "deleted", "gone": {"id": 6}},
        {"type": "invoice", "what": "changed", "row": {"id": 7}},
    ]});
    let signed = |body: &str| {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"a secret of theirs");
        let tag: String = ring::hmac::sign(&key, body.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        [("x-signature".to_owned(), format!("sha256={tag}"))].into()
    };
    let open = |headers, body: &str| connector.open(&Incoming { headers, body: body.as_bytes().to_vec() }, "", hands.now());
    let delivery = open(signed(&body.to_string()), &body.to_string()).unwrap();
    assert_eq!(delivery.id, "d-1");
    let told: Vec<(&str, &str, bool)> =
        delivery.events.iter().map(|event| (event.id.as_str(), event.kind.as_str(), event.look.is_some())).collect();
    assert_eq!(told, [("5", "changed", true), ("6", "deleted", false)], "what is not described is passed over");
    let look = delivery.events[0].look.as_ref().unwrap();
    assert_eq!((&look.row["name"], look.complete), (&json!("Ada"), false));
    assert!(open(signed("{}"), &body.to_string()).is_err(), "another body");
    assert!(open(std::collections::BTreeMap::new(), &body.to_string()).is_err(), "no signature");
}
