//! Campaigns come in from the CRM, their amounts in the currency that each has there.

use std::collections::BTreeMap;

use entente_engine::flaws::Flaws;
use entente_model::value::{self, Value};
use entente_store::{Record, RecordQuery, RecordState, Viewer};
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

/// Members of campaigns by name.
async fn members(hub: &Hub) -> BTreeMap<String, Record> {
    members_in(hub, RecordState::Active).await
}

/// Those whose records are in this state.
async fn members_in(hub: &Hub, state: RecordState) -> BTreeMap<String, Record> {
    let query = RecordQuery { object: Some("campaign_member".to_owned()), state: Some(state), ..RecordQuery::default() };
    let page = hub.store.read(move |tx| tx.list_records(&Viewer::system(), &query, 10)).await.unwrap();
    page.records.into_iter().map(|record| (record.data["name"].display(), record)).collect()
}

#[tokio::test]
async fn who_is_in_a_campaign_is_kept_with_what_came_of_it() {
    let mut hub = Hub::new(12, Flaws::none()).await;
    let rep = hub.rep();
    let add = |hub: &Hub, object: &str, row: serde_json::Value| hub.salesforce.insert(object, &fields(row), &rep).unwrap();
    let campaign = add(&hub, "Campaign", json!({ "Name": "Spring fair" }));
    let account = add(&hub, "Account", json!({ "Name": "Acme", "Type": "Customer" }));
    let ann = json!({ "FirstName": "Ann", "LastName": "Lee", "Email": "ann@acme.example", "AccountId": account });
    let contact = add(&hub, "Contact", ann);
    let lead = add(&hub, "Lead", json!({ "FirstName": "Bo", "LastName": "Ray", "Company": "Globex" }));
    // The member comes before anybody has seen the campaign or the person.
    let member = add(&hub, "CampaignMember", json!({ "CampaignId": campaign, "ContactId": contact, "Status": "Sent" }));
    add(&hub, "CampaignMember", json!({ "CampaignId": campaign, "LeadId": lead, "Status": "Sent" }));
    hub.run_for(60).await;
    let known = members(&hub).await;
    assert_eq!(known.keys().collect::<Vec<_>>(), ["Ann Lee", "Bo Ray"]);
    let (of_ann, of_bo) = (&known["Ann Lee"].data, &known["Bo Ray"].data);
    assert!(
        matches!((&of_ann["campaign"], &of_ann["contact"]), (Value::Ref(campaign), Value::Ref(contact))
        if campaign.as_str().starts_with("cam_") && contact.as_str().starts_with("con_")),
        "{of_ann:?}"
    );
    assert_eq!((of_bo["lead_id"].display(), value::get(of_bo, "contact").is_blank()), (lead, true));
    assert_eq!((value::get(of_ann, "status"), value::get(of_ann, "responded").is_blank()), (&Value::text("Sent"), true));

    hub.salesforce.update("CampaignMember", &member, &fields(json!({ "Status": "Responded" })), &rep).unwrap();
    hub.run_for(30).await;
    let known = members(&hub).await;
    let of_ann = &known["Ann Lee"].data;
    assert_eq!((&of_ann["status"], &of_ann["responded"]), (&Value::text("Responded"), &Value::Bool(true)));
    assert!(!value::get(of_ann, "responded_on").is_blank(), "{of_ann:?}");
}

#[tokio::test]
async fn whoever_leaves_a_campaign_is_removed_here_and_stays_a_customer() {
    let mut hub = Hub::new(13, Flaws::none()).await;
    let rep = hub.rep();
    let add = |hub: &Hub, object: &str, row: serde_json::Value| hub.salesforce.insert(object, &fields(row), &rep).unwrap();
    let campaign = add(&hub, "Campaign", json!({ "Name": "Spring fair" }));
    let account = add(&hub, "Account", json!({ "Name": "Acme", "Type": "Customer" }));
    let person = |hub: &Hub, name: &str| {
        let email = format!("{}@acme.example", name.to_lowercase());
        let row = json!({ "FirstName": name, "LastName": "Lee", "Email": email, "AccountId": account });
        let contact = add(hub, "Contact", row);
        (add(hub, "CampaignMember", json!({ "CampaignId": campaign, "ContactId": contact, "Status": "Sent" })), contact)
    };
    let ((of_ann, ann), _) = (person(&hub, "Ann"), person(&hub, "Ben"));
    hub.run_for(60).await;
    assert_eq!(members(&hub).await.keys().collect::<Vec<_>>(), ["Ann Lee", "Ben Lee"]);

    // Sales takes Ann out of the campaign: she is no member here any more, and everything else of hers stands.
    hub.salesforce.delete("CampaignMember", &of_ann, &rep).unwrap();
    hub.run_for(30).await;
    assert_eq!(members(&hub).await.keys().collect::<Vec<_>>(), ["Ben Lee"]);
    assert_eq!(members_in(&hub, RecordState::Deleted).await.keys().collect::<Vec<_>>(), ["Ann Lee"], "what was known is kept");
    let query = RecordQuery { object: Some("contact".to_owned()), ..RecordQuery::default() };
    let contacts = hub.store.read(move |tx| tx.list_records(&Viewer::system(), &query, 10)).await.unwrap().records;
    assert_eq!(contacts.len(), 2, "{contacts:?}");
    assert!(hub.salesforce.get("Contact", &ann).is_some());

    // With the campaign all its members go.
    hub.salesforce.delete("Campaign", &campaign, &rep).unwrap();
    hub.run_for(30).await;
    assert_eq!(members(&hub).await.len(), 0);
}
