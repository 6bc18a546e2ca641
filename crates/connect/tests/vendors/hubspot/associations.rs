//! Associations, as mappings see them.

use entente_connect::connector::Priority;
use entente_connect::error::Class;
use serde_json::{Value, json};

use super::portal::{Portal, contacts};
use crate::stage::rows::{create, spec, update};

#[tokio::test]
async fn a_contact_shows_its_primary_company() {
    let portal = Portal::open();
    let [one, two] = ["One", "Two"].map(|name| portal.plant("companies", json!({"name": name})));
    let ids: Vec<String> = (0..3).map(|n| portal.plant("contacts", json!({"email": format!("{n}@example.com")}))).collect();
    let associate = |contact: &str, company: &str, primary: bool| {
        portal.sim.associate(("contacts", contact), ("companies", company), primary, portal.person()).unwrap();
    };
    associate(&ids[0], &one, false);
    associate(&ids[1], &one, false);
    associate(&ids[1], &two, true);
    let read = contacts(&["associations.companies"]);
    let (looks, _) = portal.read_on(&read, None).await;
    let companies: Vec<&Value> = looks.iter().map(|look| &look.row["associations.companies"]).collect();
    assert_eq!(companies, [&json!(one), &json!(two), &Value::Null]);
    assert_eq!(portal.calls("POST associations/contacts/companies/batch/read"), 1, "only where the list is not clear");
    associate(&ids[2], &two, true);
    let fetched = portal.crm.fetch(&read, std::slice::from_ref(&ids[2]), Priority::Update).await.unwrap();
    assert_eq!(fetched[0].row["associations.companies"], json!(two));
}

#[tokio::test]
async fn a_new_contact_joins_its_company_and_changes_it() {
    let portal = Portal::open();
    let [one, two] = ["One", "Two"].map(|name| portal.plant("companies", json!({"name": name})));
    let outcomes = portal.write("contacts", &[create("con_1", json!({"email": "a@example.com", "associations.companies": one}))]).await;
    let id = outcomes[0].as_ref().unwrap().id.clone();
    let read = contacts(&["associations.companies"]);
    let company = async || {
        portal.crm.fetch(&read, std::slice::from_ref(&id), Priority::Update).await.unwrap()[0].row["associations.companies"].clone()
    };
    assert_eq!(company().await, json!(one));
    portal.write("contacts", &[update(&id, json!({"associations.companies": two}))]).await.remove(0).unwrap();
    assert_eq!(company().await, json!(two));
    portal.write("contacts", &[update(&id, json!({"associations.companies": null}))]).await.remove(0).unwrap();
    assert_eq!(company().await, Value::Null);
}

#[tokio::test]
async fn a_task_has_one_contact_at_a_time() {
    let portal = Portal::open();
    let [a, b] = ["a", "b"].map(|name| portal.plant("contacts", json!({"email": format!("{name}@example.com")})));
    let company = portal.plant("companies", json!({"name": "One"}));
    let row = json!({"hs_task_subject": "Call", "hs_timestamp": "2026-01-05T10:00:00Z", "associations.contacts": a, "associations.companies": company});
    let id = portal.write("tasks", &[create("cas_1", row)]).await.remove(0).unwrap().id;
    portal.write("tasks", &[update(&id, json!({"associations.contacts": b}))]).await.remove(0).unwrap();
    assert_eq!(portal.sim.associated("tasks", &id, "contacts"), [b.as_str()]);
    let looks =
        portal.crm.fetch(&spec("tasks", &["associations.contacts", "associations.companies"]), &[id], Priority::Update).await.unwrap();
    assert_eq!(Value::Object(looks[0].row.clone()), json!({"associations.contacts": b, "associations.companies": company}));
}

#[tokio::test]
async fn an_end_that_is_missing_fails_its_own_row_only() {
    let portal = Portal::open();
    let company = portal.plant("companies", json!({"name": "One"}));
    let writes = [
        create("con_1", json!({"email": "a@example.com", "associations.companies": company})),
        create("con_2", json!({"email": "b@example.com", "associations.companies": "404404"})),
        create("con_3", json!({"email": "c@example.com"})),
    ];
    let outcomes = portal.write("contacts", &writes).await;
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
    assert_eq!(outcomes[1].as_ref().unwrap_err().class, Class::LookAgain);
}
