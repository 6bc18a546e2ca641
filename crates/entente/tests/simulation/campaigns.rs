//! Campaigns come in from the CRM, in the currency that the org has them in, and what a person sets here goes there.

use entente_engine::flaws::Flaws;
use entente_engine::sync::edit::{Edit, apply};
use entente_model::actor::Actor;
use entente_model::value::Value;
use entente_store::{RecordQuery, Viewer};
use serde_json::json;

use crate::hub::{Hub, fields};

#[tokio::test]
async fn a_campaign_is_kept_with_its_currency_and_edited_from_here() {
    let mut hub = Hub::new(11, Flaws::none()).await;
    hub.salesforce.activate_currencies(&[("EUR", 1.0), ("USD", 1.1)], "USD").unwrap();
    let rep = hub.rep();
    let row = json!({ "Name": "Spring fair", "Type": "Trade Show", "Status": "Planned", "StartDate": "2026-03-01", "BudgetedCost": 5000, "CurrencyIsoCode": "EUR" });
    let id = hub.salesforce.insert("Campaign", &fields(row), &rep).unwrap();
    hub.run_for(30).await;
    let query = RecordQuery { object: Some("campaign".to_owned()), ..RecordQuery::default() };
    let found = hub.store.read(move |tx| tx.list_records(&Viewer::system(), &query, 10)).await.unwrap();
    let campaign = found.records.first().expect("the campaign is there");
    assert_eq!(campaign.data["name"], Value::text("Spring fair"));
    assert_eq!(campaign.data["budget"].display(), "5000 EUR");

    let euros = |amount: i64| Value::Money { amount: amount.into(), currency: "EUR".to_owned() };
    let edit = Edit {
        record: campaign.id.clone(),
        fields: [("budget".to_owned(), euros(6000)), ("status".to_owned(), Value::text("In Progress"))].into(),
        actor: Actor::Sales,
        actor_name: "olga".to_owned(),
        cause: "user".to_owned(),
        detail: String::new(),
        lane: 1,
        window_ms: 0,
    };
    let (catalog, now) = (hub.engine.catalog(), hub.engine.now());
    hub.store.write(move |tx| apply(tx, &catalog, &edit, now)).await.unwrap();
    hub.run_for(5).await;
    let row = hub.salesforce.get("Campaign", &id).unwrap();
    assert_eq!((&row["BudgetedCost"], &row["Status"], &row["CurrencyIsoCode"]), (&json!(6000.0), &json!("In Progress"), &json!("EUR")));
}
