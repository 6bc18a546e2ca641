//! A platform that rewrites what we write is left alone after the second time, for that field of that record; a patch to the mapping has the
//! field flow again. People who edit back and forth are no such platform.

use entente_engine::alerts::AlertKind;
use entente_engine::schema;
use entente_model::value::{Value, get};
use entente_store::Viewer;

use crate::house::{House, read_all, work_off};

const PLAN: &str = "organization_fields.plan";

/// A customer at both sides; its plan has two spaces, and the desk collapses them.
async fn collapsing(plan: &str) -> (House, entente_engine::Engine, String, String) {
    let house = House::sqlite().await;
    house.describe_accounts(&[], &[]);
    house.desk.rewrites(PLAN, |text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    let engine = house.engine().await;
    let account = house.customer("Acme");
    house.crm.put("Account", Some(&account), &[("Plan__c", plan)]);
    settle(&house, &engine).await;
    let organization = house.desk.ids("organization").remove(0);
    (house, engine, account, organization)
}

/// Reads and works until nothing new comes of it.
async fn settle(house: &House, engine: &entente_engine::Engine) {
    for _ in 0..6 {
        read_all(engine).await;
        work_off(house, engine).await;
    }
}

fn text(row: &entente_model::mapping::remote::Row, name: &str) -> String {
    row.get(name).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn after_two_bounces_the_field_is_left_alone_and_a_patch_lets_it_flow_again() {
    let (house, engine, account, organization) = collapsing("Pro  Annual").await;
    let written = house.desk.calls("write organization");
    settle(&house, &engine).await;
    assert_eq!(house.desk.calls("write organization"), written, "it is not written again and again");
    let record = house.accounts().await.remove("Acme").unwrap();
    assert_eq!(get(&record.data, "plan"), &Value::text("Pro  Annual"), "nothing of ours is changed");

    // The rest of the record flows.
    house.crm.put("Account", Some(&account), &[("Industry", "Steel")]);
    settle(&house, &engine).await;
    assert_eq!(text(&house.desk.row("organization", &organization).unwrap(), "organization_fields.industry"), "Steel");

    // It is told once, as an alert, with a patch.
    let signals = house.store.read(|tx| tx.rewritten_fields(2)).await.unwrap();
    assert_eq!(signals.into_iter().collect::<Vec<_>>(), [(("desk".to_owned(), "account".to_owned(), "plan".to_owned()), 1)]);
    entente_engine::reports::watch::watch(&engine).await.unwrap();
    let open = house.store.read(|tx| tx.alerts(true, 50, None)).await.unwrap();
    let told: Vec<&str> =
        open.iter().map(|alert| alert.alert.kind.as_str()).filter(|kind| *kind == AlertKind::Rewritten.as_str()).collect();
    assert_eq!(told.len(), 1, "{open:?}");
    let viewer = Viewer::new("olga", "admin");
    let page = schema::list(&engine, &viewer, schema::ChangeQuery::default()).await.unwrap();
    let change = page.items.iter().find(|change| change.kind == "rewritten").expect("a proposed patch");
    assert_eq!((change.field.as_str(), change.patches.len()), (PLAN, 1));
    schema::apply(&engine, &viewer, &change.id, schema::Apply { accept_loss: true }).await.unwrap();
    assert!(house.store.read(|tx| tx.rewritten_fields(1)).await.unwrap().is_empty());
    house.crm.put("Account", Some(&account), &[("Plan__c", "Max   Plan")]);
    settle(&house, &engine).await;
    assert_eq!(text(&house.desk.row("organization", &organization).unwrap(), PLAN), "Max Plan");
    let written = house.desk.calls("write organization");
    settle(&house, &engine).await;
    assert_eq!(house.desk.calls("write organization"), written);
    assert_eq!(get(&house.accounts().await.remove("Acme").unwrap().data, "plan"), &Value::text("Max   Plan"));
    assert_eq!(text(&house.crm.row("Account", &account).unwrap(), "Plan__c"), "Max   Plan");
    entente_engine::reports::watch::watch(&engine).await.unwrap();
    let open = house.store.read(|tx| tx.alerts(true, 50, None)).await.unwrap();
    assert!(open.iter().all(|alert| alert.alert.kind != AlertKind::Rewritten.as_str()), "it is over: {open:?}");
}

#[tokio::test]
async fn another_value_of_ours_is_written_as_ever() {
    let (house, engine, account, organization) = collapsing("Pro  Annual").await;
    house.crm.put("Account", Some(&account), &[("Plan__c", "Free")]);
    settle(&house, &engine).await;
    assert_eq!(text(&house.desk.row("organization", &organization).unwrap(), PLAN), "Free");
}

#[tokio::test]
async fn people_who_edit_back_and_forth_are_put_right_every_time() {
    let (house, engine, _, organization) = collapsing("Pro").await;
    for round in 0..5 {
        house.desk.put("organization", Some(&organization), &[(PLAN, "pro")]);
        settle(&house, &engine).await;
        assert_eq!(text(&house.desk.row("organization", &organization).unwrap(), PLAN), "Pro", "round {round}");
    }
    assert!(house.store.read(|tx| tx.rewritten_fields(1)).await.unwrap().is_empty());
}
