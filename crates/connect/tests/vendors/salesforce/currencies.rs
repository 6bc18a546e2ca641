//! Amounts in orgs with one currency and with several.

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use entente_connect::settings::{ConnectionSettings, SalesforceApi, SalesforceSettings};
use entente_sims::salesforce::FieldSpec;
use serde_json::{Value, json};

use super::live::{self, Live, target};
use crate::stage::rows::{create, read_on, spec, update};

/// An org whose corporate currency is the euro, and whose users enter pounds.
fn several() -> Live {
    let live = Live::open();
    with_key(&live);
    live.sim.activate_currencies(&[("EUR", 1.0), ("USD", 1.1), ("GBP", 0.85)], "GBP").unwrap();
    live
}

fn with_key(live: &Live) {
    for object in ["Opportunity", "Campaign"] {
        live.sim.add_field(object, FieldSpec::external_id("Entente_Id__c")).unwrap();
    }
}

fn deal(more: Value) -> Value {
    let mut deal = json!({"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": 100});
    deal.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    deal
}

async fn refused(live: &Live, row: Value) -> entente_connect::error::VendorError {
    live.crm.write(&target("Opportunity"), &[create("opp_9", row)], Priority::Update).await.unwrap().remove(0).unwrap_err()
}

#[tokio::test]
async fn an_amount_is_read_and_written_with_the_currency_of_its_row() {
    let live = several();
    let made = live.crm.write(&target("Opportunity"), &[create("opp_1", deal(json!({"CurrencyIsoCode": "USD"})))], Priority::Update).await;
    let id = made.unwrap().remove(0).unwrap().id;
    let read = spec("Opportunity", &["Amount", "CurrencyIsoCode"]);
    let (looks, _) = read_on(&*live.crm, &read, None).await;
    assert_eq!((&looks[0].row["Amount"], &looks[0].row["CurrencyIsoCode"]), (&json!(100.0), &json!("USD")));
    let change = [update(&id, json!({"Amount": 90, "CurrencyIsoCode": "EUR"}))];
    live.crm.write(&target("Opportunity"), &change, Priority::Update).await.unwrap().remove(0).unwrap();
    assert_eq!(live.sim.get("Opportunity", &id).unwrap()["CurrencyIsoCode"], "EUR");
}

#[tokio::test]
async fn an_amount_without_a_currency_is_in_the_corporate_one_and_not_in_the_user_s() {
    let live = several();
    let writes =
        [create("opp_1", deal(json!({}))), create("opp_2", json!({"Name": "N", "StageName": "Prospecting", "CloseDate": "2026-12-31"}))];
    let made = live.crm.write(&target("Opportunity"), &writes, Priority::Update).await.unwrap();
    let currency = |at: usize| live.sim.get("Opportunity", &made[at].as_ref().unwrap().id).unwrap()["CurrencyIsoCode"].clone();
    assert_eq!(currency(0), "EUR");
    // A row without an amount is left to the org.
    assert_eq!(currency(1), "GBP");
    // The org's currencies are asked for once.
    let queries = live.calls("query");
    live.crm.write(&target("Opportunity"), &[create("opp_3", deal(json!({})))], Priority::Update).await.unwrap().remove(0).unwrap();
    assert_eq!(live.calls("query"), queries);
}

#[tokio::test]
async fn a_currency_that_the_org_has_not_activated_is_refused_by_name_before_anything_is_sent() {
    let live = several();
    let error = refused(&live, deal(json!({"CurrencyIsoCode": "JPY"}))).await;
    assert_eq!((error.class, error.field.as_deref()), (Class::Data, Some("CurrencyIsoCode")));
    assert!(error.message.contains("EUR, USD, GBP") && error.advice.contains("Manage Currencies"), "{} {}", error.message, error.advice);
    assert_eq!(live.sim.count("Opportunity"), 0);
    // One that is taken out of use counts no more, and one that is there again does.
    live.sim.deactivate_currency("USD").unwrap();
    let rates = live.crm.rates().await.unwrap();
    assert!(rates.iter().any(|rate| rate.code == "USD" && !rate.active), "{rates:?}");
    live.hands.pass(std::time::Duration::from_secs(1));
    live.crm.describe("Opportunity").await.unwrap();
    assert_eq!(refused(&live, deal(json!({"CurrencyIsoCode": "USD"}))).await.code, "INVALID_CURRENCY_ISO");
}

#[tokio::test]
async fn the_rates_are_told_with_the_corporate_currency_first() {
    let rates = several().crm.rates().await.unwrap();
    let told: Vec<(&str, bool, &str)> = rates.iter().map(|rate| (rate.code.as_str(), rate.corporate, rate.rate.as_str())).collect();
    assert_eq!(told, [("EUR", true, "1.0"), ("GBP", false, "0.85"), ("USD", false, "1.1")]);
    assert!(Live::open().crm.rates().await.unwrap().is_empty(), "an org with one currency has no rates");
}

#[tokio::test]
async fn an_org_with_one_currency_takes_no_other_and_is_asked_for_none() {
    let live = Live::with(ConnectionSettings {
        salesforce: SalesforceSettings { home_currency: "CHF".to_owned(), ..SalesforceSettings::default() },
        ..live::settings()
    });
    with_key(&live);
    let field = live.crm.describe("Opportunity").await.unwrap();
    assert!(field.field("CurrencyIsoCode").is_some(), "a mapping may name it in every org");
    let made = [create("opp_1", deal(json!({"CurrencyIsoCode": "CHF"})))];
    let id = live.crm.write(&target("Opportunity"), &made, Priority::Update).await.unwrap().remove(0).unwrap().id;
    let read = spec("Opportunity", &["Amount", "CurrencyIsoCode"]);
    let look = live.crm.fetch(&read, &[id], Priority::Update).await.unwrap().remove(0);
    assert_eq!((&look.row["Amount"], &look.row["CurrencyIsoCode"]), (&json!(100.0), &Value::Null));
    let (looks, _) = read_on(&*live.crm, &read, None).await;
    assert_eq!(looks.len(), 1);
    let error = refused(&live, deal(json!({"CurrencyIsoCode": "EUR"}))).await;
    assert_eq!((error.class, error.field.as_deref()), (Class::Data, Some("CurrencyIsoCode")));
    assert!(error.message.contains("one currency") && error.message.contains("CHF"), "{}", error.message);
}

#[tokio::test]
async fn soap_keeps_currencies_too() {
    let settings = ConnectionSettings {
        salesforce: SalesforceSettings { api: SalesforceApi::Soap, ..SalesforceSettings::default() },
        ..live::settings()
    };
    let live = Live::with(settings);
    with_key(&live);
    live.sim.activate_currencies(&[("EUR", 1.0), ("USD", 1.1)], "USD").unwrap();
    let made =
        live.crm.write(&target("Campaign"), &[create("cam_1", json!({"Name": "Fair", "BudgetedCost": 500}))], Priority::Update).await;
    let id = made.unwrap().remove(0).unwrap().id;
    let look = live.crm.fetch(&spec("Campaign", &["BudgetedCost", "CurrencyIsoCode"]), &[id], Priority::Update).await.unwrap().remove(0);
    assert_eq!((&look.row["BudgetedCost"], &look.row["CurrencyIsoCode"]), (&json!(500.0), &json!("EUR")));
}

#[tokio::test]
async fn a_campaign_tells_how_many_people_are_in_it() {
    let live = Live::open();
    with_key(&live);
    let campaign = live.add("Campaign", json!({"Name": "Fair", "BudgetedCost": 1000, "StartDate": "2026-03-01", "Status": "In Progress"}));
    let (contact, lead) = (live.add("Contact", json!({"LastName": "A"})), live.add("Lead", json!({"LastName": "B", "Company": "C"})));
    let member = live.add("CampaignMember", json!({"CampaignId": campaign, "ContactId": contact, "Status": "Responded"}));
    live.add("CampaignMember", json!({"CampaignId": campaign, "LeadId": lead}));
    let read = spec("Campaign", &["Name", "NumberOfContacts", "NumberOfLeads", "NumberOfResponses", "StartDate"]);
    let (looks, _) = read_on(&*live.crm, &read, None).await;
    let counts = ["NumberOfContacts", "NumberOfLeads", "NumberOfResponses"].map(|name| looks[0].row[name].as_f64());
    assert_eq!(counts, [Some(1.0), Some(1.0), Some(1.0)]);
    live.sim.delete("CampaignMember", &member, &live.sim.users().sales[0]).unwrap();
    let look = live.crm.fetch(&read, &[campaign], Priority::Update).await.unwrap().remove(0);
    assert_eq!(look.row["NumberOfContacts"].as_f64(), Some(0.0));
}
