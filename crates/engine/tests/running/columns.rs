//! New fields of a mapping: from a file to both sides, by reading their columns alone.

use entente_engine::Engine;
use entente_engine::files::{self, FileText};
use entente_engine::metadata::column;
use entente_store::Viewer;

use crate::house::{CRM, House, read_all, work_off};

const CUSTOMERS: usize = 5;

/// Customers in agreement; the CRM knows a nickname of each, which nothing is mapped to.
async fn house() -> (House, Engine, Vec<String>) {
    let house = House::sqlite().await;
    let rows: Vec<String> = (0..CUSTOMERS).map(|number| house.customer(&format!("Customer {number:02}"))).collect();
    for (number, row) in rows.iter().enumerate() {
        house.crm.put("Account", Some(row), &[("Nickname__c", &format!("Nick {number}"))]);
    }
    house.describe_accounts(&["Nickname__c"], &["organization_fields.nickname"]);
    let engine = house.engine().await;
    read_all(&engine).await;
    work_off(&house, &engine).await;
    assert_eq!(house.desk.ids("organization").len(), CUSTOMERS);
    (house, engine, rows)
}

fn person() -> Viewer {
    Viewer::new("olga", "admin")
}

/// The files in force, with a custom field of accounts and a line for it in both mappings.
async fn with_nickname(engine: &Engine) -> Vec<FileText> {
    let mut files = files::export(engine).await.unwrap();
    for (path, remote) in [("mappings/crm/account.yaml", "Nickname__c"), ("mappings/desk/account.yaml", "organization_fields.nickname")] {
        let file = files.iter_mut().find(|file| file.path == path).unwrap();
        file.text.push_str(&format!("- field: nickname\n  remote: {remote}\n  owner: crm\n"));
    }
    let field = "object: account\nfields:\n- key: nickname\n  label: Nickname\n  type: text\n  custom: true\n";
    files.push(FileText { path: "objects/account.yaml".to_owned(), text: field.to_owned() });
    files
}

fn nicknames(house: &House) -> Vec<String> {
    let rows = house.desk.ids("organization").into_iter().filter_map(|id| house.desk.row("organization", &id));
    rows.map(|row| row.get("organization_fields.nickname").and_then(|value| value.as_str()).unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_new_custom_field_syncs_within_minutes_and_its_column_alone_is_read() {
    let (house, engine, rows) = house().await;
    let files = with_nickname(&engine).await;
    let plan = files::plan(&engine, &files).await.unwrap();
    assert_eq!((plan.faults.as_slice(), plan.steps.len()), (&[][..], 3), "{plan:?}");
    let (fetched, pages, began) = (house.crm.calls("fetch Account"), house.crm.columns("Account").len(), house.watch.now_ms());
    let applied = files::apply(&engine, &person(), &files, &plan.digest, "sales asked for it", false).await.unwrap();
    assert_eq!(applied.records, 2 * CUSTOMERS as u64, "of both mappings");
    // The judgement tries the laws on rows that are linked, in one call that no poll's budget pays; what follows is the column.
    let judged = house.crm.columns("Account").len();
    assert_eq!((judged, house.crm.calls("fetch Account")), (pages, fetched + 1));
    // Somebody edits while the column is being read: the row as a whole is news of its own.
    house.crm.put("Account", Some(&rows[0]), &[("Nickname__c", "Newest")]);
    column::carry_on(&engine, &|| false).await.unwrap();
    work_off(&house, &engine).await;
    let read = house.crm.columns("Account").split_off(judged);
    assert_eq!(read, vec![vec!["Nickname__c".to_owned()]; CUSTOMERS.div_ceil(2)], "pages of the column, and of nothing else");
    assert_eq!(house.crm.calls("fetch Account"), fetched + 1, "no row is fetched as a whole for it");
    assert_eq!(nicknames(&house), ["Newest", "Nick 1", "Nick 2", "Nick 3", "Nick 4"]);
    // What the platforms may have kept back at first is asked for once more, when they do no longer, and never again.
    let asked = house.crm.columns("Account").len();
    column::carry_on(&engine, &|| false).await.unwrap();
    assert_eq!(house.crm.columns("Account").len(), asked);
    house.watch.pass(70_000);
    column::carry_on(&engine, &|| false).await.unwrap();
    assert_eq!(house.crm.columns("Account").len(), asked + 1);
    work_off(&house, &engine).await;
    assert!(house.watch.now_ms() - began < 5 * 60_000);

    // It is a field like any other from now on, and what was read is not read again.
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let calls = house.crm.calls("");
    column::carry_on(&engine, &|| false).await.unwrap();
    assert_eq!(house.crm.calls(""), calls);
    house.crm.put("Account", Some(&rows[1]), &[("Nickname__c", "Ace")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    assert_eq!(nicknames(&house)[1], "Ace");
}

#[tokio::test]
async fn what_a_platform_keeps_back_at_first_gets_its_value_all_the_same() {
    let (house, engine, _) = house().await;
    let kept_back = house.desk.ids("organization").remove(3);
    house.desk.hide(&kept_back);
    let files = with_nickname(&engine).await;
    let plan = files::plan(&engine, &files).await.unwrap();
    files::apply(&engine, &person(), &files, &plan.digest, "", false).await.unwrap();
    column::carry_on(&engine, &|| false).await.unwrap();
    work_off(&house, &engine).await;
    assert_eq!(nicknames(&house), ["Nick 0", "Nick 1", "Nick 2", "", "Nick 4"], "of what was not seen nothing is written");
    // Indexed by now, as a row that was changed when the column was read.
    let same: String = house.desk.row("organization", &kept_back).unwrap()["name"].as_str().unwrap().to_owned();
    house.desk.put("organization", Some(&kept_back), &[("name", &same)]);
    house.watch.pass(70_000);
    column::carry_on(&engine, &|| false).await.unwrap();
    work_off(&house, &engine).await;
    assert_eq!(nicknames(&house)[3], "Nick 3");
}

#[tokio::test]
async fn a_line_that_is_put_away_leaves_its_values_and_comes_back_with_them() {
    let (house, engine, rows) = house().await;
    let files = with_nickname(&engine).await;
    let apply = async |files: &[FileText]| {
        let plan = files::plan(&engine, files).await.unwrap();
        assert_eq!(plan.faults, []);
        files::apply(&engine, &person(), files, &plan.digest, "", false).await.unwrap();
        column::carry_on(&engine, &|| false).await.unwrap();
        work_off(&house, &engine).await;
    };
    apply(&files).await;
    let mut away = files.clone();
    away[0].text.push_str("  archived: true\n");
    assert_eq!(away[0].path, format!("mappings/{CRM}/account.yaml"));
    apply(&away).await;
    house.crm.put("Account", Some(&rows[2]), &[("Nickname__c", "Unseen"), ("Industry", "Mining")]);
    read_all(&engine).await;
    work_off(&house, &engine).await;
    let industry = house.desk.row("organization", &house.desk.ids("organization")[2]).unwrap()["organization_fields.industry"].clone();
    assert_eq!((nicknames(&house)[2].as_str(), industry.as_str()), ("Nick 2", Some("Mining")), "the others go on, and nothing is blanked");
    apply(&files).await;
    assert_eq!(nicknames(&house)[2], "Unseen", "what was edited meanwhile is caught up with");
}
