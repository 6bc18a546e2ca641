//! A person decides whether two rows are one customer, and both platforms follow.

use entente_engine::flaws::Flaws;
use entente_engine::records::reviews::{self, Review, ReviewQuery};
use entente_store::Viewer;
use serde_json::{Value, json};

use crate::hub::{Hub, fields, seed_customer};

/// A contact that the CRM holds without an e-mail address, and a user of the same phone number and another first name at the desk.
pub async fn two_that_may_be_one(seed: u64) -> (Hub, String, u64, Review) {
    let mut hub = Hub::new(seed, Flaws::none()).await;
    // What the CRM knew first stays.
    hub.options.merge_keeps_oldest = true;
    hub.restart().await;
    let (account, _) = seed_customer(&hub, "Acme", &[("Grace", "Hopper", "grace@acme.example")]);
    hub.run_for(40).await;
    let ada = json!({ "FirstName": "Ada", "LastName": "Lovelace", "Phone": "+14155552671", "Title": "Countess", "AccountId": account });
    let contact = hub.salesforce.insert("Contact", &fields(ada), &hub.rep()).unwrap();
    hub.run_for(20).await;
    let organization: u64 = hub.salesforce.get("Account", &account).unwrap()["Support_Id__c"].as_str().unwrap().parse().unwrap();
    let augusta = json!({
        "name": "Augusta Lovelace", "phone": "+14155552671", "email": "ada@private.example",
        "organization_id": organization, "role": "end-user",
    });
    let user = hub.zendesk.create_user(&fields(augusta), hub.agent()).unwrap();
    hub.run_for(20).await;
    let page = reviews::list(&hub.engine, &Viewer::system(), ReviewQuery::default()).await.unwrap();
    assert_eq!(page.items.len(), 1, "{page:?}; {}", hub.backlog().await);
    assert_eq!(contacts(&hub), 2, "no counterpart is made while a person is asked");
    let review = page.items[0].clone();
    (hub, contact, user, review)
}

fn contacts(hub: &Hub) -> usize {
    hub.salesforce.count("Contact")
}

#[tokio::test]
async fn accepting_links_both_rows_to_one_record_and_makes_no_twin() {
    let (mut hub, contact, user, review) = two_that_may_be_one(11).await;
    reviews::accept(&hub.engine, &Viewer::new("ada", "admin"), &review.id).await.unwrap();
    hub.run_for(20).await;
    let (there, here) = (hub.zendesk.user(user).unwrap(), hub.salesforce.get("Contact", &contact).unwrap());
    assert_eq!(here["Email"], "ada@private.example", "{}", hub.backlog().await);
    assert_eq!(here["Support_Id__c"], json!(user.to_string()));
    assert_eq!(there["user_fields"]["job_title"], "Countess");
    assert_eq!(there["external_id"], json!(review.first.record));
    assert_eq!(contacts(&hub), 2, "the row that was there is the counterpart");
    // Later edits flow between the two.
    hub.salesforce.update("Contact", &contact, &fields(json!({ "Title": "Programmer" })), &hub.rep()).unwrap();
    hub.run_for(2).await;
    assert_eq!(hub.zendesk.user(user).unwrap()["user_fields"]["job_title"], "Programmer");
}

#[tokio::test]
async fn rejecting_lets_each_get_the_counterpart_it_lacks_and_is_not_asked_again() {
    let (mut hub, contact, user, review) = two_that_may_be_one(12).await;
    reviews::reject(&hub.engine, &Viewer::new("ada", "admin"), &review.id).await.unwrap();
    hub.run_for(40).await;
    assert_eq!(contacts(&hub), 3, "the user has a counterpart of its own now; {}", hub.backlog().await);
    assert_eq!(hub.zendesk.user(user).unwrap()["name"], "Augusta Lovelace");
    assert_eq!(hub.salesforce.get("Contact", &contact).unwrap().get("Email").cloned().unwrap_or_default(), Value::Null);
    let page = reviews::list(&hub.engine, &Viewer::system(), ReviewQuery::default()).await.unwrap();
    assert!(page.items.is_empty(), "{page:?}");
}
