//! Who is linked without asking, who is shown to a person, and who is nobody's twin.

use entente_engine::flaws::Flaws;
use entente_engine::records::reviews::{self, Review, ReviewQuery};
use entente_store::{DeadLetterFilter, DeadLetterState, Viewer};
use serde_json::{Value, json};

use crate::hub::{Hub, fields, seed_customer};

async fn waiting(hub: &Hub) -> Vec<Review> {
    reviews::list(&hub.engine, &Viewer::system(), ReviewQuery::default()).await.unwrap().items
}

fn contact(hub: &Hub, account: &str, name: (&str, &str), email: &str, phone: &str) -> String {
    let row = json!({ "FirstName": name.0, "LastName": name.1, "Email": email, "Phone": phone, "AccountId": account });
    hub.salesforce.insert("Contact", &fields(row), &hub.rep()).unwrap()
}

fn user(hub: &Hub, name: &str, email: &str, phone: &str) -> u64 {
    let row = json!({ "name": name, "email": email, "phone": phone, "role": "end-user" });
    hub.zendesk.create_user(&fields(row), hub.agent()).unwrap()
}

fn support_id(hub: &Hub, contact: &str) -> Option<String> {
    hub.salesforce.get("Contact", contact).unwrap().get("Support_Id__c").and_then(Value::as_str).map(str::to_owned)
}

fn users_called(hub: &Hub, family: &str) -> usize {
    let mut count = 0;
    hub.zendesk.each_user(&mut |_, user| {
        count += usize::from(user["active"] == true && user["name"].as_str().is_some_and(|name| name.contains(family)))
    });
    count
}

#[tokio::test]
async fn forms_of_one_name_with_one_address_are_linked_without_asking() {
    let mut hub = Hub::new(31, Flaws::none()).await;
    let (account, _) = seed_customer(&hub, "Acme", &[]);
    let robert = contact(&hub, &account, ("Robert", "Smith"), "bob@acme.example", "");
    let bob = user(&hub, "Bob Smith", "bob@acme.example", "");
    hub.run_for(40).await;
    assert_eq!(support_id(&hub, &robert), Some(bob.to_string()), "{}", hub.backlog().await);
    assert!(waiting(&hub).await.is_empty());
    assert_eq!(hub.salesforce.count("Contact"), 1);
    let id = hub.zendesk.user(bob).unwrap()["external_id"].as_str().unwrap().parse().unwrap();
    let ledger = hub.store.read(move |tx| tx.history(&Viewer::system(), &id, 50, None)).await.unwrap();
    let told: Vec<&str> = ledger.iter().map(|entry| entry.detail.as_str()).filter(|detail| detail.starts_with("linked to")).collect();
    assert!(
        told.iter().any(|detail| detail.contains("email the same") && detail.contains("forms of one name") && detail.contains('%')),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_shared_mailbox_is_shown_to_a_person_with_everything_that_was_weighed_and_links_nobody() {
    let mut hub = Hub::new(32, Flaws::none()).await;
    let (account, _) = seed_customer(&hub, "Acme", &[]);
    let grace = contact(&hub, &account, ("Grace", "Hopper"), "info@acme.example", "+14155550123");
    let ada = user(&hub, "Ada Lovelace", "info@acme.example", "+14155550123");
    hub.run_for(40).await;
    assert_eq!(support_id(&hub, &grace), None, "nobody is linked by info@ and a switchboard");
    assert_eq!(hub.zendesk.user(ada).unwrap()["name"], "Ada Lovelace");
    let open = waiting(&hub).await;
    assert_eq!(open.len(), 1, "{open:?}");
    let waterfall = open[0].waterfall.as_ref().unwrap();
    let steps: Vec<(&str, &str)> = waterfall.steps.iter().map(|step| (step.label.as_str(), step.level.as_str())).collect();
    assert_eq!(steps, [("E-mail", "exact"), ("Phone", "exact"), ("First name", "different"), ("Last name", "different")]);
    assert!(waterfall.probability < 0.95 && waterfall.doubt.as_deref().is_some_and(|doubt| doubt.contains("contradict")), "{waterfall:?}");
    let sum = waterfall.start + waterfall.crowds + waterfall.steps.iter().map(|step| step.weight).sum::<f64>();
    assert!((sum - waterfall.weight).abs() < 1e-6, "{waterfall:?}");
}

#[tokio::test]
async fn colleagues_with_one_switchboard_are_two_customers_and_nobody_is_asked() {
    let mut hub = Hub::new(33, Flaws::none()).await;
    let (account, _) = seed_customer(&hub, "Acme", &[]);
    let grace = contact(&hub, &account, ("Grace", "Hopper"), "grace@acme.example", "+14155550123");
    let ada = user(&hub, "Ada Lovelace", "lovelace@acme.example", "+14155550123");
    hub.run_for(40).await;
    assert!(waiting(&hub).await.is_empty(), "{:?}", waiting(&hub).await);
    assert!(support_id(&hub, &grace).is_some_and(|id| id != ada.to_string()), "{}", hub.backlog().await);
    assert_eq!(users_called(&hub, "Hopper"), 1);
}

#[tokio::test]
async fn of_two_rows_of_one_platform_the_second_is_shown_and_makes_no_twin_at_the_other() {
    let mut hub = Hub::new(34, Flaws::none()).await;
    let (account, contacts) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example")]);
    hub.run_for(40).await;
    let first = support_id(&hub, &contacts[0]).unwrap();
    let again = contact(&hub, &account, ("Ada", "Lovelace"), "ada.lovelace@acme.example", "");
    hub.run_for(20).await;
    let open = waiting(&hub).await;
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!((open[0].kind.as_str(), open[0].object.as_str()), ("duplicate", "contact"));
    assert_eq!(open[0].obstacle, None, "the CRM would merge them: {open:?}");
    assert!(open[0].waterfall.as_ref().is_some_and(|found| found.doubt.is_some()), "a name at a company is not certain: {open:?}");
    assert_eq!((support_id(&hub, &again), users_called(&hub, "Lovelace")), (None, 1));
    // Who was there before is not held up by it.
    hub.salesforce.update("Contact", &contacts[0], &fields(json!({ "Title": "Countess" })), &hub.rep()).unwrap();
    hub.run_for(20).await;
    assert_eq!(hub.zendesk.user(first.parse().unwrap()).unwrap()["user_fields"]["job_title"], "Countess");
    reviews::reject(&hub.engine, &Viewer::new("ada", "admin"), &open[0].id).await.unwrap();
    hub.run_for(40).await;
    assert!(support_id(&hub, &again).is_some_and(|id| id != first), "two after all: {}", hub.backlog().await);
}

#[tokio::test]
async fn an_address_that_another_customer_has_is_asked_about_before_a_creation_would_merge_them() {
    let mut hub = Hub::new(35, Flaws::none()).await;
    let (_, contacts) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "us@home.example")]);
    hub.run_for(40).await;
    let first = support_id(&hub, &contacts[0]).unwrap();
    let (other, _) = seed_customer(&hub, "Zenith", &[]);
    let grace = contact(&hub, &other, ("Grace", "Hopper"), "us@home.example", "");
    hub.run_for(40).await;
    let open = waiting(&hub).await;
    assert_eq!(open.len(), 1, "{open:?}; {}", hub.backlog().await);
    assert!(open[0].score < 0.5, "it is not likely, only impossible to have twice: {open:?}");
    assert_eq!((support_id(&hub, &grace), users_called(&hub, "Hopper")), (None, 0));
    reviews::reject(&hub.engine, &Viewer::new("ada", "admin"), &open[0].id).await.unwrap();
    hub.run_for(40).await;
    assert_eq!(support_id(&hub, &contacts[0]), Some(first), "Ada keeps her user");
    assert_eq!((support_id(&hub, &grace), users_called(&hub, "Hopper")), (None, 0));
    let filter = DeadLetterFilter { state: Some(DeadLetterState::Open), ..DeadLetterFilter::default() };
    let letters = hub.store.read(move |tx| tx.dead_letters(&Viewer::system(), &filter, 10)).await.unwrap();
    assert_eq!(letters.iter().map(|letter| letter.letter.error_code.as_str()).collect::<Vec<_>>(), ["address_taken"]);
    assert!(letters[0].letter.advice.contains("another address"), "{letters:?}");
    // With an address of her own, she is created.
    hub.salesforce.update("Contact", &grace, &fields(json!({ "Email": "grace@zenith.example" })), &hub.rep()).unwrap();
    hub.run_for(40).await;
    assert_eq!(users_called(&hub, "Hopper"), 1, "{}", hub.backlog().await);
}

#[tokio::test]
async fn of_two_rows_that_were_there_from_the_start_one_goes_on_and_one_waits() {
    let mut hub = Hub::new(36, Flaws::none()).await;
    let (_, contacts) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example"), ("Ada", "Lovelace", "al@acme.example")]);
    hub.run_for(40).await;
    assert_eq!(waiting(&hub).await.len(), 1, "{:?}", waiting(&hub).await);
    let created = contacts.iter().filter(|contact| support_id(&hub, contact).is_some()).count();
    assert_eq!((created, users_called(&hub, "Lovelace")), (1, 1), "{}", hub.backlog().await);
}

#[tokio::test]
async fn two_rows_that_a_person_merges_at_their_platform_are_asked_about_no_more() {
    let mut hub = Hub::new(37, Flaws::none()).await;
    let (account, contacts) = seed_customer(&hub, "Acme", &[("Ada", "Lovelace", "ada@acme.example")]);
    hub.run_for(40).await;
    let again = contact(&hub, &account, ("Ada", "Lovelace"), "ada.lovelace@acme.example", "");
    hub.run_for(20).await;
    let asked = waiting(&hub).await;
    assert_eq!(asked.len(), 1, "{asked:?}");
    hub.salesforce.merge("Contact", &contacts[0], &[&again], &hub.rep()).unwrap();
    hub.run_for(40).await;
    assert!(waiting(&hub).await.is_empty(), "{:?}", waiting(&hub).await);
    let review = reviews::show(&hub.engine, &Viewer::system(), &asked[0].id).await.unwrap();
    assert_eq!((review.state.as_str(), review.decided.unwrap().by.as_deref()), ("accepted", Some("merged at salesforce")));
    assert_eq!(users_called(&hub, "Lovelace"), 1);
}
