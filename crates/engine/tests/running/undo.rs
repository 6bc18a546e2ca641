//! What was done is undone at both sides, however much of it there is.

use entente_engine::Engine;
use entente_engine::catalog::share_of;
use entente_engine::metadata::mappings::{self, Proposal};
use entente_engine::metadata::rollout::{self, Advance};
use entente_engine::records::undo::{UndoReport, UndoRequest, undo};
use entente_engine::sync::resync::{Scope, resync};
use entente_model::actor::Actor;
use entente_model::clock::{Clock, Timestamp};
use entente_model::mapping::{Mapping, Rule};
use entente_model::value::get;
use entente_store::{EntryFilter, Viewer};

use crate::house::{CRM, DESK, House, read_all, work_off};

fn person() -> Viewer {
    Viewer::new("olga", "admin")
}

fn since(at: Timestamp) -> UndoRequest {
    UndoRequest { since: Some(at), ..UndoRequest::default() }
}

async fn take_back(engine: &Engine, request: &UndoRequest) -> UndoReport {
    undo(engine, &person(), request, true, &|_| {}).await.unwrap()
}

fn industries(house: &House) -> (Vec<String>, Vec<String>) {
    let of = |platform: &crate::platform::Platform, object: &str, field: &str| {
        let rows = platform.ids(object).into_iter().filter_map(|id| platform.row(object, &id));
        rows.map(|row| row[field].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    (of(&house.crm, "Account", "Industry"), of(&house.desk, "organization", "organization_fields.industry"))
}

#[tokio::test]
async fn a_mass_change_is_undone_in_batches_at_both_sides() {
    let house = House::sqlite().await;
    let rows: Vec<String> = (0..230).map(|number| house.customer(&format!("Customer {number:03}"))).collect();
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.watch.pass(60_000);
    let start = house.watch.now();
    for row in &rows {
        house.crm.put("Account", Some(row), &[("Industry", "Steel")]);
    }
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let (crm, desk) = industries(&house);
    assert!(crm.iter().chain(&desk).all(|industry| industry == "Steel"));
    house.watch.pass(60_000);
    let end = house.watch.now();
    // One of them is somebody's own decision by now.
    house.crm.put("Account", Some(&rows[7]), &[("Industry", "Wood")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;

    let request = UndoRequest { until: Some(end), ..since(start) };
    let plan = undo(&engine, &person(), &request, false, &|_| {}).await.unwrap();
    assert_eq!((plan.records, plan.restored, plan.kept, plan.applied), (230, 229, 1, false));
    assert_eq!((plan.items.len(), plan.left_out), (200, 30));
    work_off(&house, &engine).await;
    assert!(industries(&house).0.iter().all(|industry| industry == "Steel" || industry == "Wood"), "a plan changes nothing");

    let done = take_back(&engine, &request).await;
    assert_eq!((done.restored, done.kept), (229, 1));
    work_off(&house, &engine).await;
    let (crm, desk) = industries(&house);
    for side in [&crm, &desk] {
        assert_eq!(side.iter().filter(|industry| *industry == "Software").count(), 229);
        assert_eq!(side.iter().filter(|industry| *industry == "Wood").count(), 1);
    }
    let again = take_back(&engine, &request).await;
    assert_eq!(again.restored, 0, "asked for again, nothing is left to do");

    // What was undone is a change like any other.
    let filter = EntryFilter { cause: Some("undo".to_owned()), ..EntryFilter::default() };
    let entries = house.store.read(move |tx| tx.entries(&Viewer::system(), &filter, 500)).await.unwrap();
    assert_eq!(entries.len(), 229);
    assert!(entries.iter().all(|entry| entry.actor == Actor::Person && entry.actor_name == "olga"));
    let request = UndoRequest { run: Some(entries[100].id.to_string()), ..UndoRequest::default() };
    assert_eq!(take_back(&engine, &request).await.restored, 229);
    work_off(&house, &engine).await;
    let (crm, desk) = industries(&house);
    assert!(crm.iter().chain(&desk).all(|industry| industry == "Steel" || industry == "Wood"), "undone in turn");
}

#[tokio::test]
async fn what_is_undone_stands_until_the_owner_speaks_again() {
    let house = House::sqlite().await;
    let row = house.customer("Acme");
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.crm.put("Account", Some(&row), &[("Industry", "Steel")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;

    // The CRM cannot be written to when the undo is asked for. It lands when it can.
    house.crm.refuse(|call| call.starts_with("write").then(|| crate::platform::failing(entente_connect::error::Class::Retry, "E1")));
    let request = UndoRequest { record: Some("Acme".to_owned()), fields: vec!["industry".to_owned()], ..UndoRequest::default() };
    assert_eq!(take_back(&engine, &request).await.restored, 1);
    work_off(&house, &engine).await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let record = house.accounts().await.remove("Acme").unwrap();
    assert_eq!(get(&record.data, "industry").display(), "Software", "the CRM's old value does not come back");
    house.crm.relent();
    house.watch.pass(90_000);
    work_off(&house, &engine).await;
    assert_eq!(house.crm.row("Account", &row).unwrap()["Industry"], "Software");
    assert_eq!(house.link(&record, CRM).await.base["industry"].display(), "Software");
    assert_eq!(house.link(&record, CRM).await.taken, None);

    // A resync finds nothing to do, and the owner's next word counts.
    resync(&engine, &Scope::Record(record.id.clone())).await.unwrap();
    work_off(&house, &engine).await;
    assert_eq!(house.crm.row("Account", &row).unwrap()["Industry"], "Software");
    house.crm.put("Account", Some(&row), &[("Industry", "Wood")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let desk_row = house.desk.ids("organization").remove(0);
    assert_eq!(house.desk.row("organization", &desk_row).unwrap()["organization_fields.industry"], "Wood");
    assert_eq!(house.link(&record, DESK).await.base["industry"].display(), "Wood");
}

/// Twelve customers whose status came from the CRM, until a new line of the desk's mapping reads it from a column that nobody keeps. Answers the
/// version that has the line; it decides that share of the records, or all.
async fn wrong_statuses(percent: Option<u64>) -> (House, Engine, i64) {
    let house = House::sqlite().await;
    house.describe_accounts(&[], &["organization_fields.sector"]);
    for number in 0..12 {
        let name = format!("Customer {number:02}");
        house.crm.put("Account", None, &[("Name", &name), ("Type", "Customer"), ("Status__c", "Active")]);
    }
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    for row in house.desk.ids("organization") {
        house.desk.put("organization", Some(&row), &[("organization_fields.sector", "Wrong")]);
    }
    let mut mapping = mappings::list(&engine, Some(DESK), Some("account")).await.unwrap().remove(0).mapping;
    let mut line = mapping.fields.iter().find(|line| line.field == "status").unwrap().clone();
    mapping.fields.retain(|line| line.field != "status");
    let proposal =
        |mapping: &Mapping| Proposal { mapping: mapping.clone(), note: "status".to_owned(), accept_loss: true, new_fields: Vec::new() };
    mappings::save(&engine, &person(), DESK, proposal(&mapping)).await.unwrap();
    work_off(&house, &engine).await;
    (line.remote, line.get, line.put) = ("organization_fields.sector".to_owned(), None, None);
    mapping.fields.push(line);
    let version = rollout::draft(&engine, &person(), DESK, proposal(&mapping)).await.unwrap().saved.version;
    match percent {
        Some(_) => drop(rollout::advance(&engine, &person(), DESK, "account", Advance { version, percent }).await.unwrap()),
        None => drop(mappings::activate(&engine, &person(), DESK, "account", version).await.unwrap()),
    }
    for _ in 0..2 {
        read_all(&engine).await;
        work_off(&house, &engine).await;
    }
    (house, engine, version)
}

fn of_version(version: i64) -> UndoRequest {
    UndoRequest { mapping: Some(format!("{DESK}/account")), version: Some(version), ..UndoRequest::default() }
}

/// Records with the wrong status, and how many rows of the CRM show it.
async fn wrong(house: &House) -> (Vec<String>, usize) {
    let accounts = house.accounts().await.into_values().filter(|record| get(&record.data, "status").display() == "Wrong");
    let mut records: Vec<String> = accounts.map(|record| record.id.to_string()).collect();
    records.sort();
    let shown = house.crm.ids("Account").into_iter().filter(|id| house.crm.row("Account", id).unwrap()["Status__c"] == "Wrong");
    (records, shown.count())
}

#[tokio::test]
async fn what_a_version_of_a_mapping_did_is_undone_and_what_others_did_meanwhile_is_not() {
    let (house, engine, version) = wrong_statuses(None).await;
    assert_eq!((version, wrong(&house).await.0.len(), wrong(&house).await.1), (3, 12, 12));
    // While it is in force, an agent enters something by a line that the version before had as well, and sales sets one status right.
    let desk_row = house.desk.ids("organization").remove(0);
    house.desk.put("organization", Some(&desk_row), &[("organization_fields.adoption_gaps", "SSO")]);
    let right = house.crm.ids("Account").remove(3);
    house.crm.put("Account", Some(&right), &[("Status__c", "Suspended")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    // The version before is in force again. It does not map the status, so nothing puts it right by itself.
    mappings::activate(&engine, &person(), DESK, "account", 2).await.unwrap();
    work_off(&house, &engine).await;
    assert_eq!(wrong(&house).await.1, 11);

    let told = undo(&engine, &person(), &of_version(version), false, &|_| {}).await.unwrap();
    assert_eq!((told.restored, told.kept, told.impossible), (11, 1, 0), "{told:?}");
    assert_eq!(told.what, "what version 3 of the mapping of account at desk did by the lines that are its own (status)");
    assert_eq!(take_back(&engine, &of_version(version)).await.restored, 11);
    work_off(&house, &engine).await;
    assert_eq!(wrong(&house).await, (vec![], 0));
    let rows = house.crm.ids("Account").into_iter().map(|id| house.crm.row("Account", &id).unwrap()["Status__c"].clone());
    let statuses: Vec<String> = rows.map(|status| status.as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(statuses.iter().filter(|status| *status == "Active").count(), 11, "{statuses:?}");
    assert!(statuses.contains(&"Suspended".to_owned()), "it was set since: {statuses:?}");
    let gaps = house.accounts().await.into_values().filter(|record| get(&record.data, "adoption_gaps").display() == "SSO").count();
    assert_eq!(gaps, 1, "the version before would have taken it as well");
    let refused = undo(&engine, &person(), &of_version(2), false, &|_| {}).await.unwrap_err().to_string();
    assert!(refused.contains("it has no line that version 1 did not have"), "{refused}");
}

#[tokio::test]
async fn what_a_version_wrote_over_at_its_platform_is_told_with_the_value() {
    let house = House::sqlite().await;
    house.describe_accounts(&[], &["organization_fields.sector"]);
    house.customer("Acme");
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let row = house.desk.ids("organization").remove(0);
    house.desk.put("organization", Some(&row), &[("organization_fields.sector", "Printers")]);
    let mut mapping = mappings::list(&engine, Some(DESK), Some("account")).await.unwrap().remove(0).mapping;
    let line = mapping.fields.iter_mut().find(|line| line.field == "industry").unwrap();
    line.remote = "organization_fields.sector".to_owned();
    let proposal = Proposal { mapping, note: "sector".to_owned(), accept_loss: true, new_fields: Vec::new() };
    mappings::save(&engine, &person(), DESK, proposal).await.unwrap();
    for _ in 0..2 {
        read_all(&engine).await;
        work_off(&house, &engine).await;
    }
    assert_eq!(house.desk.row("organization", &row).unwrap()["organization_fields.sector"], "Software", "the CRM owns it");
    let told = undo(&engine, &person(), &of_version(2), false, &|_| {}).await.unwrap();
    let impossible: Vec<&str> = told.items.iter().flat_map(|item| &item.impossible).map(|one| one.reason.as_str()).collect();
    assert!(impossible.iter().any(|reason| reason.starts_with("it wrote over `Printers` at desk")), "{told:?}");
}

#[tokio::test]
async fn of_a_version_for_a_share_only_its_records_are_undone() {
    let (house, engine, version) = wrong_statuses(Some(50)).await;
    let (mine, shown) = wrong(&house).await;
    assert!(mine.iter().all(|id| share_of(id) < 50) && !mine.is_empty() && mine.len() == shown, "{mine:?}");
    rollout::back(&engine, &person(), DESK, "account").await.unwrap();
    work_off(&house, &engine).await;
    let done = take_back(&engine, &of_version(version)).await;
    assert_eq!((done.restored, done.records), (mine.len() as u64, mine.len() as u64), "the others are not even looked at: {done:?}");
    work_off(&house, &engine).await;
    assert_eq!(wrong(&house).await, (vec![], 0));
}

#[tokio::test]
async fn a_version_that_never_decided_anything_has_nothing_to_undo() {
    let house = House::sqlite().await;
    house.describe_accounts(&[], &["organization_fields.sector"]);
    let engine = house.engine().await;
    let refusal = async |request: UndoRequest| undo(&engine, &person(), &request, false, &|_| {}).await.unwrap_err().to_string();
    let mapping = mappings::list(&engine, Some(DESK), Some("account")).await.unwrap().remove(0).mapping;
    let proposal = Proposal { mapping, note: String::new(), accept_loss: true, new_fields: Vec::new() };
    rollout::draft(&engine, &person(), DESK, proposal).await.unwrap();
    let told = refusal(of_version(2)).await;
    assert!(told.contains("time in which version 2 of the mapping of account at desk is known to have been in force"), "{told}");
    assert!(told.contains("--since, --until, --connection desk, --object account"), "{told}");
    for (request, wanted) in [
        (of_version(9), "there are: 2, 1"),
        (UndoRequest { mapping: Some("desk".to_owned()), version: Some(1), ..UndoRequest::default() }, "CONNECTION/OBJECT"),
        (UndoRequest { mapping: Some("desk/account".to_owned()), ..UndoRequest::default() }, "entente mapping versions --connection desk"),
        (UndoRequest { version: Some(1), ..UndoRequest::default() }, "give `mapping` as well"),
        (UndoRequest { object: Some("account".to_owned()), ..of_version(1) }, "leave out `connection` and `object`"),
        (UndoRequest { run: Some("1".to_owned()), ..of_version(1) }, "give one of them"),
    ] {
        let told = refusal(request).await;
        assert!(told.contains(wanted), "{told}");
    }
}

#[tokio::test]
async fn a_value_that_breaks_a_rule_by_now_is_put_back_nowhere() {
    let house = House::sqlite().await;
    house.describe_accounts(&[], &[]);
    let row = house.customer("Acme");
    house.crm.put("Account", Some(&row), &[("Industry", "Arms")]);
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    house.crm.put("Account", Some(&row), &[("Industry", "Retail")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let mut mapping = mappings::list(&engine, Some(DESK), Some("account")).await.unwrap().remove(0).mapping;
    mapping.rules = vec![Rule { must: "industry <> \"Arms\"".to_owned(), message: "support serves no arms".to_owned() }];
    let proposal = Proposal { mapping, note: String::new(), accept_loss: true, new_fields: Vec::new() };
    mappings::save(&engine, &person(), DESK, proposal).await.unwrap();
    work_off(&house, &engine).await;
    let request = UndoRequest { record: Some("Acme".to_owned()), fields: vec!["industry".to_owned()], ..UndoRequest::default() };
    let told = take_back(&engine, &request).await;
    let no = &told.items[0].impossible[0];
    assert_eq!((told.restored, no.field.as_deref()), (0, Some("industry")));
    assert_eq!(no.reason, "as it was, the record breaks a rule of its mapping at desk: support serves no arms");
    work_off(&house, &engine).await;
    assert_eq!(industries(&house), (vec!["Retail".to_owned()], vec!["Retail".to_owned()]), "both sides are as they were");
}
