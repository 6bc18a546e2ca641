//! Campaigns come in from the CRM, their amounts in the currency that each has there.

use entente_engine::flaws::Flaws;
use entente_model::value::Value;
use entente_store::{RecordQuery, Viewer};
use serde_json::json;

use crate::hub::{Hub, fields};

#[tokio::test]
async fn a_campaign_is_kept_with_its_amounts_in_its_own_currency() {
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

    let dearer = json!({ "BudgetedCost": 6000, "CurrencyIsoCode": "USD", "Status": "In Progress" });
    hub.salesforce.update("Campaign", &id, &fields(dearer), &rep).unwrap();
    hub.run_for(30).await;
    let (id, viewer) = (campaign.id.clone(), Viewer::system());
    let campaign = hub.store.read(move |tx| tx.record(&viewer, &id)).await.unwrap().unwrap();
    assert_eq!((campaign.data["budget"].display().as_str(), &campaign.data["status"]), ("6000 USD", &Value::text("In Progress")));
}
