//! Every scenario of `entente demo --scenario`, played by the real program: what it tells holds by the platforms' own data, and its exit code
//! says so.

use std::process::Output;

use serde_json::Value;
use tokio::process::Command;

async fn demo(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_entente"));
    command.arg("demo").args(arguments).env_clear().kill_on_drop(true);
    command.output().await.unwrap()
}

/// Plays a scenario that has to hold; what it came to.
async fn holds(name: &str, further: &[&str]) -> Value {
    let output = demo(&[&["--scenario", name, "--output", "json"], further].concat()).await;
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let outcome: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{errors}"));
    assert!(output.status.success(), "{:#}\n{errors}", outcome["failed"]);
    assert_eq!((&outcome["scenario"], &outcome["holds"], outcome["failed"].as_array().unwrap().len()), (&name.into(), &true.into(), 0));
    outcome
}

/// Statements that were made.
fn statements(outcome: &Value) -> usize {
    outcome["steps"].as_array().unwrap().iter().map(|step| step["checks"].as_array().unwrap().len()).sum()
}

#[tokio::test]
async fn new_customers_go_first_while_a_campaign_and_an_empty_quota_hold_everything_up() {
    let outcome = holds("burst", &["--customers", "120", "--new-customers", "60", "--changes", "300"]).await;
    assert!(statements(&outcome) >= 24, "{outcome}");
    assert_eq!(outcome["figures"]["customers"], 180);
}

#[tokio::test]
async fn two_people_are_erased_and_do_not_come_back() {
    let outcome = holds("gdpr", &["--customers", "20"]).await;
    assert!(statements(&outcome) >= 45, "{outcome}");
}

#[tokio::test]
async fn what_an_admin_changes_in_the_schema_stands_still_alone() {
    let outcome = holds("schema", &["--customers", "30"]).await;
    assert!(statements(&outcome) >= 30, "{outcome}");
}

#[tokio::test]
async fn several_rows_of_one_customer_become_one_and_strangers_do_not() {
    let outcome = holds("duplicates", &["--customers", "20"]).await;
    assert!(statements(&outcome) >= 35, "{outcome}");
}

#[tokio::test]
async fn what_is_at_one_side_alone_is_found_put_right_or_listed() {
    let outcome = holds("orphans", &["--customers", "40"]).await;
    assert!(statements(&outcome) >= 35, "{outcome}");
}

#[tokio::test]
async fn everything_lands_once_though_a_platform_fails_and_the_process_is_killed() {
    let outcome = holds("outage", &["--customers", "30"]).await;
    assert!(statements(&outcome) >= 28, "{outcome}");
}

#[tokio::test]
async fn the_five_rules_decide_in_their_order() {
    let outcome = holds("conflicts", &["--customers", "35"]).await;
    assert!(statements(&outcome) >= 24, "{outcome}");
}

#[tokio::test]
async fn scenarios_are_listed_and_what_is_asked_for_in_vain_is_told_with_its_remedy() {
    let listed = demo(&["--list-scenarios", "--output", "json"]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let names: Vec<&str> = listed.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["burst", "conflicts", "duplicates", "gdpr", "orphans", "outage", "schema"]);
    let few = demo(&["--scenario", "conflicts", "--customers", "5"]).await;
    let said = String::from_utf8_lossy(&few.stderr).into_owned();
    assert!(!few.status.success() && said.contains("needs 5 companies") && said.contains("--customers 35"), "{said}");
    let instant = demo(&["--scenario", "burst", "--profile", "instant"]).await;
    let said = String::from_utf8_lossy(&instant.stderr).into_owned();
    assert!(!instant.status.success() && said.contains("about quotas"), "{said}");
}
