//! What the platforms lack is made there, one thing at a time.

use entente_engine::sync::provision::provision;
use entente_model::mapping::remote::RemoteKind;
use entente_sims::zendesk::{FieldSpec, Kind};

use super::mappings::with_bare_platforms;
use super::*;

/// An agent of the simulated account, by e-mail and API token.
const AGENT: &str = "Basic c3luY0BhY21lLmV4YW1wbGUvdG9rZW46emVuZGVzay1hcGktdG9rZW4=";

#[tokio::test]
async fn lists_come_with_their_values_and_a_refusal_stops_nothing_else() {
    let (server, _, zendesk) = with_bare_platforms().await;
    // Somebody had a field of that key with another type, and switched it off.
    let id = zendesk.add_field(Kind::Organization, FieldSpec::new("account_tier", "integer")).unwrap();
    let off = http::Request::put(format!("/api/v2/organization_fields/{id}"))
        .header("authorization", AGENT)
        .header("content-type", "application/json")
        .body(Body::from(json!({ "organization_field": { "active": false } }).to_string()))
        .unwrap();
    assert_eq!(zendesk.router().oneshot(off).await.unwrap().status(), StatusCode::OK);

    let engine = &server.app.engine;
    let needs = provision(engine, true).await.unwrap();
    let refused: Vec<_> = needs.iter().filter(|need| need.state == "refused").collect();
    assert_eq!(refused.iter().map(|need| need.field.as_str()).collect::<Vec<_>>(), ["organization_fields.account_tier"], "{needs:?}");
    let note = refused[0].note.as_deref().unwrap();
    assert!(note.contains("of type integer") && note.contains("rename or remove the field at Zendesk"), "{note}");
    let last = needs.last().unwrap();
    assert_eq!((last.connection.as_str(), last.state.as_str()), ("zendesk", "created"), "what comes after it is made all the same");

    let accounts = engine.connection("salesforce").unwrap().connector.describe("Account").await.unwrap();
    let tier = accounts.field("Account_Tier__c").unwrap();
    assert_eq!((tier.kind, tier.restricted), (RemoteKind::Picklist, false));
    assert_eq!(tier.values, ["Free", "Pro", "Enterprise"]);
    let organizations = engine.connection("zendesk").unwrap().connector.describe("organization").await.unwrap();
    let status = organizations.field("organization_fields.account_status").unwrap();
    assert_eq!(status.kind, RemoteKind::Text, "Zendesk's lists would drop other values without a word");

    let again = provision(engine, true).await.unwrap();
    assert!(again.iter().all(|need| need.state != "created"), "nothing is made twice: {again:?}");
}
