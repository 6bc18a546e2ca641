//! Two customers whom a desk takes for one, because one of its rows has the addresses of both, are told apart by a person.

use entente_engine::flaws::Flaws;
use entente_engine::records::unmerge::unmerge;
use entente_sims::faults::Fault;
use entente_store::{DeadLetterFilter, DeadLetterState, RecordQuery, RecordState, Viewer};
use serde_json::{Value, json};

use crate::hub::{Hub, SALESFORCE, fields, seed_customer};
use crate::unmerging::record_at;

/// Ada and Grace of the CRM, each with a record; the desk has merged Grace's user into Ada's, and a person has parted the two again. The user
/// has both addresses, as no desk takes one back.
struct Two {
    hub: Hub,
    ada: String,
    grace: String,
    user: u64,
}

async fn parted(seed: u64) -> Two {
    let mut hub = Hub::new(seed, Flaws::none()).await;
    let people = [("Ada", "Lovelace", "ada@initech.example"), ("Grace", "Hopper", "grace@initech.example")];
    let (_, contacts) = seed_customer(&hub, "Initech", &people);
    hub.run_for(40).await;
    let [ada, grace] = [contacts[0].clone(), contacts[1].clone()];
    let users = [&ada, &grace].map(|contact| support_id(&hub, contact).unwrap());
    hub.zendesk.merge_users(users[1], users[0], hub.agent()).unwrap();
    hub.run_for(20).await;
    let record = record_at(&hub, SALESFORCE, "Contact", &grace).await;
    unmerge(&hub.engine, &Viewer::new("petra", "admin"), &record, true).await.unwrap();
    hub.run_for(20).await;
    Two { hub, ada, grace, user: users[0] }
}

fn support_id(hub: &Hub, contact: &str) -> Option<u64> {
    hub.salesforce.get("Contact", contact).unwrap().get("Support_Id__c").and_then(Value::as_str).and_then(|id| id.parse().ok())
}

/// Live users of the desk: id, name, address, and the contact that each names as its counterpart.
fn users(hub: &Hub) -> Vec<(u64, String, String, String)> {
    let mut users = Vec::new();
    hub.zendesk.each_user(&mut |id, user| {
        if user["role"] == "end-user" && user["active"] == true {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            users.push((id, text(&user["name"]), text(&user["email"]), text(&user["user_fields"]["crm_id"])));
        }
    });
    users
}

async fn open_letters(hub: &Hub) -> Vec<String> {
    let filter = DeadLetterFilter { state: Some(DeadLetterState::Open), ..DeadLetterFilter::default() };
    let letters = hub.store.read(move |tx| tx.dead_letters(&Viewer::system(), &filter, 10)).await.unwrap();
    letters.into_iter().map(|letter| letter.letter.error_code).collect()
}

fn title(hub: &Hub, contact: &str, title: &str) {
    hub.salesforce.update("Contact", contact, &fields(json!({ "Title": title })), &hub.rep()).unwrap();
}

#[tokio::test]
async fn whoever_shares_an_address_is_listed_and_leaves_the_other_alone_whatever_is_edited() {
    let Two { mut hub, ada, grace, user } = parted(91).await;
    assert_eq!(open_letters(&hub).await, ["address_taken"], "{}", hub.backlog().await);
    title(&hub, &ada, "Countess");
    hub.run_for(5).await;
    title(&hub, &grace, "Admiral");
    hub.run_for(40).await;
    let ada_alone = (user, "Ada Lovelace".to_owned(), "ada@initech.example".to_owned(), ada.clone());
    assert_eq!(users(&hub), [ada_alone], "{}", hub.backlog().await);
    let shown = hub.zendesk.user(user).unwrap();
    assert_eq!(shown["external_id"], json!(record_at(&hub, SALESFORCE, "Contact", &ada).await), "the row carries its own record's id");
    assert_eq!(shown["user_fields"]["job_title"], "Countess");
    assert_eq!(open_letters(&hub).await, ["address_taken"], "it is told as long as it is so");
}

#[tokio::test]
async fn with_an_address_of_her_own_she_gets_a_row_of_her_own_and_nobody_has_two() {
    let Two { mut hub, ada, grace, user } = parted(92).await;
    title(&hub, &ada, "Countess");
    hub.run_for(5).await;
    let edit = json!({ "Email": "hopper@navy.example", "Title": "Admiral" });
    hub.salesforce.update("Contact", &grace, &fields(edit), &hub.rep()).unwrap();
    hub.run_for(40).await;
    let anew = support_id(&hub, &grace).unwrap();
    let mut there = users(&hub);
    there.sort();
    let mut wanted = [
        (user, "Ada Lovelace".to_owned(), "ada@initech.example".to_owned(), ada.clone()),
        (anew, "Grace Hopper".to_owned(), "hopper@navy.example".to_owned(), grace.clone()),
    ];
    wanted.sort();
    assert_eq!(there, wanted, "{}", hub.backlog().await);
    assert_eq!(support_id(&hub, &ada), Some(user));
    assert!(open_letters(&hub).await.is_empty(), "{}", hub.backlog().await);
}

#[tokio::test]
async fn a_creation_that_hit_another_s_row_unheard_is_nobody_s_edit_there() {
    let mut hub = Hub::new(93, Flaws::none()).await;
    let (account, contacts) = seed_customer(&hub, "Initech", &[("Ada", "Lovelace", "ada@initech.example")]);
    hub.run_for(40).await;
    let (ada, user) = (contacts[0].clone(), support_id(&hub, &contacts[0]).unwrap());
    // The desk keeps an address that somebody had before.
    hub.zendesk.set_primary_email(user, "lovelace@initech.example", hub.agent()).unwrap();
    let grace = json!({ "FirstName": "Grace", "LastName": "Hopper", "AccountId": account });
    let grace = hub.salesforce.insert("Contact", &fields(grace), &hub.rep()).unwrap();
    hub.run_for(20).await;
    let pair = [record_at(&hub, SALESFORCE, "Contact", &ada).await, record_at(&hub, SALESFORCE, "Contact", &grace).await];
    let (one, other) = (pair[0].parse().unwrap(), pair[1].parse().unwrap());
    let now = hub.engine.now();
    hub.store.write(move |tx| tx.remember_apart(&one, &other, "contact", "petra", now)).await.unwrap();

    hub.desk_faults.order_of_writes([Fault::TimeoutAfter]);
    hub.salesforce.update("Contact", &grace, &fields(json!({ "Email": "ada@initech.example" })), &hub.rep()).unwrap();
    hub.run_for(60).await;
    let row = hub.salesforce.get("Contact", &ada).unwrap();
    assert_eq!(
        (&row["FirstName"], &row["LastName"], &row["Email"]),
        (&json!("Ada"), &json!("Lovelace"), &json!("lovelace@initech.example"))
    );
    assert_eq!(users(&hub), [(user, "Ada Lovelace".to_owned(), "lovelace@initech.example".to_owned(), ada)], "{}", hub.backlog().await);
    assert_eq!(hub.zendesk.user(user).unwrap()["external_id"], json!(pair[0]));
    assert_eq!((support_id(&hub, &grace), open_letters(&hub).await), (None, vec!["address_taken".to_owned()]));
    let id = pair[0].parse().unwrap();
    let told = hub.store.read(move |tx| tx.history(&Viewer::system(), &id, 50, None)).await.unwrap();
    assert!(!format!("{told:?}").contains("Hopper"), "nobody has ever called Ada so: {told:?}");
}

#[tokio::test]
async fn a_row_that_goes_back_to_its_record_names_nobody_else_s_contact() {
    let mut hub = Hub::new(94, Flaws::none()).await;
    // The desk knows her by another address and keeps the one that the CRM has: its row is taken for the contact's, and it is not.
    let user = json!({ "name": "Grace Hopper", "email": "grace@globex.example", "phone": "+1 415 555 0100" });
    let user = hub.zendesk.create_user(&fields(user), hub.agent()).unwrap();
    hub.zendesk.set_primary_email(user, "hopper@navy.example", hub.agent()).unwrap();
    let (_, contacts) = seed_customer(&hub, "Globex", &[("Grace", "Hopper", "grace@globex.example")]);
    hub.run_for(40).await;
    assert_eq!(hub.zendesk.user(user).unwrap()["user_fields"]["crm_id"], json!(contacts[0]), "{}", hub.backlog().await);
    let merged = RecordQuery { state: Some(RecordState::Merged), ..RecordQuery::default() };
    let merged = hub.store.read(move |tx| tx.list_records(&Viewer::system(), &merged, 10)).await.unwrap().records;
    assert_eq!(merged.len(), 1, "{}", hub.backlog().await);
    unmerge(&hub.engine, &Viewer::new("petra", "admin"), merged[0].id.as_str(), true).await.unwrap();
    hub.run_for(40).await;

    let row = hub.zendesk.user(user).unwrap();
    assert_eq!((&row["external_id"], &row["user_fields"]["crm_id"]), (&json!(merged[0].id), &Value::Null), "{}", hub.backlog().await);
    let edit = json!({ "Email": "grace@hopper.example" });
    hub.salesforce.update("Contact", &contacts[0], &fields(edit), &hub.rep()).unwrap();
    hub.run_for(40).await;
    let named: Vec<(u64, String)> = users(&hub).into_iter().filter(|one| !one.3.is_empty()).map(|one| (one.0, one.3)).collect();
    assert_eq!(named, [(support_id(&hub, &contacts[0]).unwrap(), contacts[0].clone())], "one user names her, and the CRM names that one");
    assert_ne!(named[0].0, user);
}
