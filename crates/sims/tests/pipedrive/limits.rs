//! What calls cost, and what happens when there is nothing left.

use entente_sims::pipedrive::Kind;
use serde_json::json;

use crate::company::Company;

#[tokio::test]
async fn every_kind_of_call_has_its_price() {
    let company = Company::open();
    let acme = company.plant(Kind::Organization, json!({"name": "Acme"}));
    let note = company.plant(Kind::Note, json!({"content": "x", "org_id": acme.parse::<u64>().unwrap()}));
    let person = || Some(json!({"name": "Ada"}));
    let calls = [
        ("GET", "/api/v2/organizations/1".to_owned(), None, 1),
        ("GET", "/api/v2/organizations".to_owned(), None, 10),
        ("GET", "/api/v2/stages".to_owned(), None, 5),
        ("GET", "/api/v2/deals/archived".to_owned(), None, 20),
        ("POST", "/api/v2/persons".to_owned(), person(), 5),
        ("PATCH", "/api/v2/persons/1".to_owned(), person(), 5),
        ("GET", "/api/v2/persons/search?term=ada".to_owned(), None, 20),
        ("DELETE", "/api/v2/persons/1".to_owned(), None, 3),
        ("GET", "/v1/notes".to_owned(), None, 20),
        ("GET", format!("/v1/notes/{note}"), None, 2),
        ("PUT", format!("/v1/notes/{note}"), Some(json!({"content": "y"})), 10),
        ("DELETE", format!("/v1/notes/{note}"), None, 6),
    ];
    for (method, path, body, price) in calls {
        let before = company.sim.tokens_spent();
        let reply = company.send(method, &path, body).await;
        assert!(reply.status < 300, "{method} {path}: {}", reply.body);
        assert_eq!(company.sim.tokens_spent() - before, price, "{method} {path}");
    }
}

#[tokio::test]
async fn the_burst_and_the_day_are_refused_apart() {
    let company = Company::with(|options| {
        options.profile.quota = 3;
        options.profile.limits = true;
        options.daily_tokens = 8;
    });
    for left in ["2", "1", "0"] {
        assert_eq!(company.get("/api/v2/persons/1").await.header("x-ratelimit-remaining"), left);
    }
    let burst = company.get("/api/v2/persons/1").await;
    assert_eq!((burst.status, burst.header("x-ratelimit-remaining"), burst.header("x-daily-ratelimit-token-remaining")), (429, "0", "5"));
    company.pass(2);
    let day = company.get("/api/v2/persons").await;
    assert_eq!((day.status, day.header("x-daily-ratelimit-token-remaining")), (429, "0"));
    assert_ne!(day.header("x-ratelimit-remaining"), "0");
    company.pass(14 * 3_600);
    assert_eq!(company.get("/api/v2/persons/1").await.status, 404, "midnight brings new tokens");
}
