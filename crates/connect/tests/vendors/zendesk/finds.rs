//! Finding rows.

use entente_connect::connector::{Connector, Priority};
use entente_connect::look::{Find, ReadSpec};
use serde_json::{Value, json};

use super::desk::{desk, ok, texts, user};

fn users() -> ReadSpec {
    ReadSpec { object: "user".to_owned(), fields: texts(&["name", "email"]) }
}

fn keyed(id: u64, key: &str) -> Value {
    let mut row = user(id, "Ada");
    row["external_id"] = json!(key);
    row
}

#[tokio::test]
async fn questions_are_answered_in_their_order() {
    let desk = desk(|call| match (call.route().as_str(), call.q("query")) {
        ("GET users/show_many", _) => {
            assert_eq!(call.q("external_ids"), "con_1,con_2");
            ok(json!({"users": [keyed(2, "CON_2")]}))
        }
        ("GET users/search", "email:\"ada@example.com\"") => {
            ok(json!({"users": [user(7, "Ada"), user(8, "Bob"), user(9, "Cy")], "count": 3, "next_page": null}))
        }
        // Bob knows the address as a second one, Cy's is only alike.
        ("GET users/8/identities", _) => {
            ok(json!({"identities": [{"id": 1, "type": "email", "value": "ada@example.com", "primary": false, "verified": true}]}))
        }
        ("GET users/9/identities", _) => {
            ok(json!({"identities": [{"id": 2, "type": "email", "value": "cy@example.com", "primary": true, "verified": true}]}))
        }
        ("GET users/search", "phone:\"+49301234567\"") => {
            let mut row = user(5, "Dee");
            row["phone"] = json!("+49 30 1234567");
            ok(json!({"users": [row, user(6, "Eve")]}))
        }
        other => panic!("{other:?}"),
    });
    let questions = [
        Find::Key("con_1".to_owned()),
        Find::Email("ada@example.com".to_owned()),
        Find::Key("con_2".to_owned()),
        Find::Phone("+49301234567".to_owned()),
    ];
    let answers = desk.zendesk.find(&users(), &questions, "external_id", Priority::Urgent).await.unwrap();
    let ids: Vec<Vec<&str>> = answers.iter().map(|looks| looks.iter().map(|look| look.id.as_str()).collect()).collect();
    assert_eq!(ids, [vec![], vec!["7", "8"], vec!["2"], vec!["5"]]);
    assert_eq!(desk.count("GET users/show_many"), 1, "keys go together");
    assert_eq!(desk.count("GET users/7/identities"), 0, "a primary address needs no second look");
}

#[tokio::test]
async fn organizations_are_found_by_their_exact_name() {
    let desk = desk(|call| {
        assert_eq!((call.route().as_str(), call.q("name")), ("GET organizations/search", "Acme"));
        ok(
            json!({"organizations": [{"id": 1, "name": "ACME", "updated_at": "2026-01-01T00:00:00Z"}, {"id": 2, "name": "Acme Ltd", "updated_at": "2026-01-01T00:00:00Z"}]}),
        )
    });
    let read = ReadSpec { object: "organization".to_owned(), fields: texts(&["name"]) };
    let answers = desk.zendesk.find(&read, &[Find::Name("Acme".to_owned())], "external_id", Priority::Urgent).await.unwrap();
    assert_eq!(answers[0].len(), 1);
    assert_eq!(answers[0][0].id, "1");
}
