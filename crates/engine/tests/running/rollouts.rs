//! A version of a mapping on its way into force: tried, in the shadow, for a share, for all, and back.

use entente_engine::Engine;
use entente_engine::catalog::share_of;
use entente_engine::metadata::mappings::{self, Proposal};
use entente_engine::metadata::rollout::{self, Advance};
use entente_engine::metadata::trial;
use entente_model::mapping::{Mapping, Rule};
use entente_store::{DeadLetterFilter, Viewer};

use crate::house::{DESK, House, read_all, work_off};

const CUSTOMERS: usize = 12;

fn person() -> Viewer {
    Viewer::new("olga", "admin")
}

async fn house() -> (House, Engine) {
    let house = House::sqlite().await;
    (0..CUSTOMERS).for_each(|number| drop(house.customer(&format!("Customer {number:02}"))));
    house.describe_accounts(&[], &["organization_fields.sector"]);
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    (house, engine)
}

async fn in_force(engine: &Engine) -> Mapping {
    mappings::list(engine, Some(DESK), Some("account")).await.unwrap().remove(0).mapping
}

/// The mapping of accounts at the desk, with the industry in another field.
async fn sectors(engine: &Engine) -> Mapping {
    let mut mapping = in_force(engine).await;
    mapping.fields.iter_mut().find(|line| line.field == "industry").unwrap().remote = "organization_fields.sector".to_owned();
    mapping
}

async fn draft(engine: &Engine, mapping: Mapping) -> i64 {
    let proposal = Proposal { mapping, note: "sectors".to_owned(), accept_loss: true, new_fields: Vec::new() };
    rollout::draft(engine, &person(), DESK, proposal).await.unwrap().saved.version
}

/// Records whose organization has a sector.
async fn with_sector(house: &House) -> Vec<String> {
    let mut found = Vec::new();
    for record in house.accounts().await.into_values() {
        let row = house.desk.row("organization", &house.link(&record, DESK).await.external_id).unwrap();
        if row.get("organization_fields.sector").is_some_and(|value| value == "Software") {
            found.push(record.id.to_string());
        }
    }
    found
}

#[tokio::test]
async fn a_draft_is_tried_on_records_and_changes_nothing() {
    let (house, engine) = house().await;
    let version = draft(&engine, sectors(&engine).await).await;
    let writes = house.desk.calls("write");
    let trial = trial::try_version(&engine, DESK, "account", version, 5).await.unwrap();
    assert_eq!((version, trial.records, trial.differing.len()), (2, 5, 5), "{trial:?}");
    let one = &trial.differing[0].differences[0];
    assert_eq!(
        (one.place.as_str(), one.field.as_str(), &one.now, one.then.as_deref()),
        (DESK, "organization_fields.sector", &None, Some("Software"))
    );
    assert_eq!((trial.cost.records, trial.cost.write_calls, trial.cost.read_calls), (CUSTOMERS as u64, 1, 1), "{:?}", trial.cost);
    work_off(&house, &engine).await;
    assert_eq!((house.desk.calls("write"), with_sector(&house).await), (writes, vec![]));
    assert_eq!(mappings::list(&engine, Some(DESK), Some("account")).await.unwrap()[0].version, 1);
}

#[tokio::test]
async fn in_the_shadow_a_version_decides_along_and_nothing_of_it_is_written() {
    let (house, engine) = house().await;
    let version = draft(&engine, sectors(&engine).await).await;
    rollout::advance(&engine, &person(), DESK, "account", Advance { version, percent: None }).await.unwrap();
    let row = house.crm.ids("Account").remove(3);
    house.crm.put("Account", Some(&row), &[("Industry", "Mining")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let state = rollout::list(&engine).await.unwrap().remove(0);
    assert_eq!((state.stage.as_str(), state.compared > 0, state.findings.len()), ("shadow", true, 1), "{state:?}");
    let told: Vec<(&str, Option<&str>, Option<&str>)> = state.findings[0]
        .differences
        .iter()
        .filter(|one| one.place == DESK)
        .map(|one| (one.field.as_str(), one.now.as_deref(), one.then.as_deref()))
        .collect();
    assert_eq!(told, [("organization_fields.industry", Some("Mining"), None), ("organization_fields.sector", None, Some("Mining"))]);
    assert_eq!(with_sector(&house).await, Vec::<String>::new());
    let back = rollout::back(&engine, &person(), DESK, "account").await.unwrap();
    assert_eq!((back.version, back.from, back.records), (1, 2, 0));
    assert_eq!(rollout::list(&engine).await.unwrap(), []);
}

#[tokio::test]
async fn a_version_decides_a_share_then_all_and_one_step_goes_back() {
    let (house, engine) = house().await;
    let version = draft(&engine, sectors(&engine).await).await;
    let share = |percent| Advance { version, percent: Some(percent) };
    rollout::advance(&engine, &person(), DESK, "account", share(40)).await.unwrap();
    work_off(&house, &engine).await;
    let mut wanted: Vec<String> =
        house.accounts().await.into_values().map(|record| record.id.to_string()).filter(|id| share_of(id) < 40).collect();
    wanted.sort();
    let mut got = with_sector(&house).await;
    got.sort();
    assert_eq!(got, wanted, "a share, by the ids of the records");
    assert!(!got.is_empty() && got.len() < CUSTOMERS, "{got:?}");
    // An edit of anybody is decided by the version of its record, whatever woke it.
    for row in house.crm.ids("Account") {
        house.crm.put("Account", Some(&row), &[("BillingCity", "Graz")]);
    }
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let mut again = with_sector(&house).await;
    again.sort();
    assert_eq!(again, wanted);

    rollout::advance(&engine, &person(), DESK, "account", share(80)).await.unwrap();
    work_off(&house, &engine).await;
    let more = with_sector(&house).await;
    assert!(wanted.iter().all(|id| more.contains(id)) && more.len() >= wanted.len(), "a larger share has the smaller one in it");

    mappings::activate(&engine, &person(), DESK, "account", version).await.unwrap();
    work_off(&house, &engine).await;
    assert_eq!(with_sector(&house).await.len(), CUSTOMERS);
    let state = rollout::list(&engine).await.unwrap().remove(0);
    assert_eq!((state.stage.as_str(), state.version, state.previous), ("all", 2, 1));
    let back = rollout::back(&engine, &person(), DESK, "account").await.unwrap();
    assert_eq!((back.version, back.from, back.records), (1, 2, CUSTOMERS as u64));
    let row = house.crm.ids("Account").remove(0);
    house.crm.put("Account", Some(&row), &[("Industry", "Mining")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let industries: Vec<String> = house
        .desk
        .ids("organization")
        .iter()
        .map(|id| house.desk.row("organization", id).unwrap()["organization_fields.industry"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert!(industries.contains(&"Mining".to_owned()), "the field of before is written again: {industries:?}");

    mappings::activate(&engine, &person(), DESK, "account", version).await.unwrap();
    let verified = rollout::verify(&engine, DESK, "account").await.unwrap();
    assert_eq!(verified.version, 2);
    let error = rollout::back(&engine, &person(), DESK, "account").await.unwrap_err();
    assert!(error.to_string().contains("entente mapping versions"), "{error}");
}

async fn dead(house: &House) -> Vec<String> {
    let letters = house.store.read(|tx| tx.dead_letters(&Viewer::system(), &DeadLetterFilter::default(), 50)).await.unwrap();
    letters.into_iter().map(|letter| letter.letter.message).collect()
}

#[tokio::test]
async fn what_breaks_a_rule_of_the_mapping_is_not_sent() {
    let (house, engine) = house().await;
    let mut mapping = in_force(&engine).await;
    let must = "industry <> \"Arms\"".to_owned();
    mapping.rules = vec![Rule { must, message: "customers of this industry are not served by support".to_owned() }];
    let proposal = Proposal { mapping, note: String::new(), accept_loss: true, new_fields: Vec::new() };
    mappings::save(&engine, &person(), DESK, proposal).await.unwrap();
    work_off(&house, &engine).await;
    assert_eq!(dead(&house).await, Vec::<String>::new());
    let writes = house.desk.calls("write");
    let row = house.crm.ids("Account").remove(0);
    house.crm.put("Account", Some(&row), &[("Industry", "Arms")]);
    house.crm.put("Account", None, &[("Name", "Newcomer"), ("Type", "Customer"), ("Industry", "Arms")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    assert_eq!(house.desk.calls("write"), writes, "no call is spent on it");
    let told = dead(&house).await;
    assert_eq!(told, vec!["desk: customers of this industry are not served by support"; 2]);
    house.crm.put("Account", Some(&row), &[("Industry", "Retail")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    assert_eq!(house.desk.calls("write"), writes + 1, "a record that meets it goes on");
}

#[tokio::test]
async fn a_new_row_without_what_its_platform_requires_is_not_sent() {
    let (house, engine) = house().await;
    house.desk.requires("organization", "organization_fields.sector");
    entente_engine::schema::check(&engine, Some(DESK)).await.unwrap_err();
    let writes = house.desk.calls("write");
    house.customer("Newcomer");
    read_all(&engine).await;
    work_off(&house, &engine).await;
    assert_eq!(house.desk.calls("write"), writes);
    let told = dead(&house).await;
    assert_eq!(told, ["desk: a new organization needs `organization_fields.sector`, and no line of the mapping writes it"]);
}
