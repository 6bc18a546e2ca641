//! Campaigns, which people at the platform make and plan.

use entente_connect::look::Existence;
use serde_json::json;

use super::company::Company;
use crate::stage::rows::spec;

#[tokio::test]
async fn a_campaign_is_read_with_its_state_in_a_word_and_its_amounts_in_its_currency() {
    let company = Company::open();
    let mut euro = String::new();
    company.sim.each("transactioncurrencies", &mut |row| {
        if row["isocurrencycode"] == "EUR" {
            euro = row["transactioncurrencyid"].as_str().unwrap().to_owned();
        }
    });
    let body = json!({
        "name": "Spring fair", "typecode": 3, "statuscode": 1, "proposedstart": "2026-02-28T23:00:00Z", "budgetedcost": 5000,
        "transactioncurrencyid@odata.bind": format!("/transactioncurrencies({euro})"),
    });
    let id = company.plant("campaigns", body);
    let fields = ["name", "typecode", "status", "statuscode.code", "proposedstart", "budgetedcost", "currency", "ownerid.name"];
    let (looks, cursor) = company.read_on(&spec("campaigns", &fields), None).await;
    let row = &looks[0].row;
    assert_eq!((looks.len(), &looks[0].id, &row["name"], &row["typecode"]), (1, &id, &json!("Spring fair"), &json!("Event")));
    assert_eq!((&row["status"], &row["statuscode.code"], &row["currency"]), (&json!("ready"), &json!(1), &json!("EUR")));
    assert_eq!((row["budgetedcost"].as_f64(), &row["proposedstart"]), (Some(5000.0), &json!("2026-02-28T23:00:00Z")));

    // It is launched, and ends.
    company.edit("campaigns", &id, json!({"statuscode": 2}));
    let (looks, cursor) = company.read_on(&spec("campaigns", &fields), Some(cursor)).await;
    assert_eq!((looks.len(), &looks[0].row["status"]), (1, &json!("launched")));
    company.sim.delete("campaigns", &id, &company.person()).unwrap();
    let (looks, _) = company.read_on(&spec("campaigns", &fields), Some(cursor)).await;
    assert_eq!((looks.len(), &looks[0].existence), (1, &Existence::Deleted));
}
