//! Who changed which property: what history tells beside the record.

use entente_connect::connector::Priority;
use entente_connect::look::Entered;
use entente_model::actor::Actor;
use entente_sims::hubspot::Hand;
use serde_json::json;

use super::portal::{Portal, contacts, key, settings};
use crate::stage::rows::{map, spec};

/// The hands behind the values that a field had, newest first.
fn hands(past: &[Entered]) -> Vec<(Option<serde_json::Value>, Actor, Option<String>)> {
    past.iter().map(|one| (one.value.clone(), one.mark.by, one.mark.who.map(|who| who.as_str().to_owned()))).collect()
}

#[tokio::test]
async fn history_tells_of_each_property_whose_hand_it_was_and_when() {
    let portal = Portal::with(settings(key()), |_| {});
    portal.crm.check().await.unwrap();
    let id = portal.plant("contacts", json!({"email": "ada@example.com", "phone": "1"}));
    let change = |row: serde_json::Value, by: Hand| portal.sim.update("contacts", &id, &map(row), by).unwrap();
    portal.pass(60);
    let form = portal.sim.make_form(&map(json!({"name": "Call me"}))).unwrap();
    let sent = json!({"fields": [{"name": "email", "value": "ada@example.com"}, {"name": "phone", "value": "2"}]});
    portal.sim.submit(&form, &sent).unwrap();
    portal.pass(60);
    change(json!({"city": "London"}), Hand::App(7));
    change(json!({"firstname": "Ada"}), Hand::Integration);
    let owner = portal.sim.owners()[1].clone();
    change(json!({"lastname": "King"}), Hand::Person(owner.user_id));

    let read = contacts(&["phone", "city", "firstname", "lastname", "jobtitle", "associations.companies"]);
    let told = portal.crm.histories(&read, &[id.clone(), "404".to_owned()], Priority::Update).await.unwrap();
    let of = &told[&id];
    let seller = Hand::Person(portal.sim.owners()[0].user_id);
    let Hand::Person(seller) = seller else { panic!("a person") };
    let phone = vec![(Some(json!("2")), Actor::Customer, None), (Some(json!("1")), Actor::Sales, Some(seller.to_string()))];
    assert_eq!(hands(&of["phone"]), phone);
    let seconds: Vec<i64> = of["phone"].iter().map(|one| one.mark.at.unwrap().as_second() - super::portal::START_MS / 1_000).collect();
    assert_eq!(seconds, [60, 0]);
    assert_eq!(hands(&of["city"]), [(Some(json!("London")), Actor::Automation, None)]);
    assert_eq!(hands(&of["firstname"]), [(Some(json!("Ada")), Actor::Us, None)]);
    assert_eq!(hands(&of["lastname"]), [(Some(json!("King")), Actor::Sales, Some(owner.user_id.to_string()))]);
    assert_eq!(portal.crm.user_name(&owner.user_id.to_string()).as_deref(), Some("Eli Moreno"));
    assert!(!of.contains_key("jobtitle") && !of.contains_key("associations.companies") && !told.contains_key("404"), "{told:?}");
    assert!(portal.crm.tells_hands("contacts") && !portal.crm.tells_hands("engagements"));
}

#[tokio::test]
async fn fifty_rows_go_into_one_call_with_history() {
    let portal = Portal::open();
    let ids: Vec<String> = (0..60).map(|n| portal.plant("deals", json!({"dealname": n.to_string(), "dealstage": "closedwon"}))).collect();
    let told = portal.crm.histories(&spec("deals", &["stage.name", "dealname"]), &ids, Priority::Update).await.unwrap();
    assert_eq!((told.len(), portal.calls("POST objects/deals/batch/read")), (60, 2));
    assert_eq!(told[&ids[0]]["stage.name"].iter().map(|one| one.value.clone()).collect::<Vec<_>>(), [None], "the name is looked up");
}
