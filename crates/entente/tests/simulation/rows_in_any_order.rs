//! Rows come in any order: what refers to a row that nobody has seen yet waits for it, and goes on as soon as it is there.

use entente_engine::flaws::Flaws;
use serde_json::{Value, json};

use crate::hub::{Hub, fields};

#[tokio::test]
async fn a_deal_that_comes_in_won_makes_its_customer_at_once() {
    let mut hub = Hub::new(5, Flaws::none()).await;
    hub.run_for(20).await;
    let rep = hub.rep();
    let insert = |object: &str, row: Value| hub.salesforce.insert(object, &fields(row), &rep).unwrap();
    let account = insert("Account", json!({ "Name": "Newcomer", "Type": "Prospect" }));
    insert("Contact", json!({ "FirstName": "Nell", "LastName": "Newby", "Email": "nell@newcomer.example", "AccountId": account }));
    insert("Opportunity", json!({ "Name": "Deal", "AccountId": account, "StageName": "Closed Won", "CloseDate": "2026-02-01" }));
    // Deals go first, so this one is looked at before its account is: long before the next poll it has its customer all the same.
    hub.run_for(2).await;
    let won = hub.salesforce.get("Account", &account).unwrap();
    assert!(won.contains_key("Support_Id__c"), "{won:?}; {}", hub.backlog().await);
    let mut subjects = Vec::new();
    hub.zendesk.each_ticket(&mut |_, ticket| subjects.push(ticket["subject"].clone()));
    assert_eq!(subjects, [json!("Onboarding: Newcomer")]);
}
