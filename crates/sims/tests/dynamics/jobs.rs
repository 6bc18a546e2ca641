//! Workflows on demand: what is asked for is a job, whose row says how it stands.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::company::{Company, Reply};

const ROOT: &str = "/api/data/v9.2";

/// A workflow that marks an account as looked at, and fails for one that has a credit hold.
fn company() -> (Company, String, String) {
    let company = Company::with(|_| {});
    let run = |row: &Map<String, Value>| match row.get("creditonhold") {
        Some(Value::Bool(true)) => Err("The account is on hold.".to_owned()),
        _ => Ok(Map::from_iter([("telephone1".to_owned(), json!("+46 8 123"))])),
    };
    let workflow = company.sim.add_workflow("Look at it", "account", true, Arc::new(run));
    let account = company.account("Acme");
    (company, workflow, account)
}

async fn run(company: &Company, workflow: &str, account: &str) -> Reply {
    let path = format!("{ROOT}/workflows({workflow})/Microsoft.Dynamics.CRM.ExecuteWorkflow");
    company.send("POST", &path, &[("content-type", "application/json")], &json!({"EntityId": account}).to_string()).await
}

async fn state_of(company: &Company, job: &str) -> (Value, Value, Value) {
    let path = format!("{ROOT}/asyncoperations({job})?$select=statecode,statuscode,message");
    let row = company.get(&path, "").await.body;
    (row["statecode"].clone(), row["statuscode"].clone(), row["message"].clone())
}

#[tokio::test]
async fn a_workflow_is_found_asked_for_and_worked_off_later() {
    let (company, workflow, account) = company();
    company.sim.add_workflow("By itself", "account", false, Arc::new(|_| Ok(Map::new())));
    let found = company
        .get(
            &format!(
                "{ROOT}/workflows?$filter=category%20eq%200%20and%20statecode%20eq%201%20and%20type%20eq%201%20and%20ondemand%20eq%20true"
            ),
            "",
        )
        .await;
    assert_eq!(found.rows().iter().map(|row| &row["workflowid"]).collect::<Vec<_>>(), [&json!(workflow)], "{}", found.text);
    let asked = run(&company, &workflow, &account).await;
    assert_eq!((asked.status, &asked.body["statecode"]), (200, &json!(0)), "{}", asked.text);
    let job = asked.body["asyncoperationid"].as_str().unwrap().to_owned();
    assert_eq!(state_of(&company, &job).await, (json!(0), json!(0), Value::Null));
    assert!(company.sim.get("accounts", &account).unwrap()["telephone1"].is_null(), "nothing has been done yet");
    company.pass(6);
    assert_eq!(state_of(&company, &job).await, (json!(3), json!(30), Value::Null));
    assert_eq!(company.sim.get("accounts", &account).unwrap()["telephone1"], "+46 8 123");
}

#[tokio::test]
async fn a_job_fails_with_its_reason_and_one_that_is_cancelled_does_nothing() {
    let (company, workflow, account) = company();
    company
        .send("PATCH", &format!("{ROOT}/accounts({account})"), &[("content-type", "application/json")], r#"{"creditonhold":true}"#)
        .await;
    let job = run(&company, &workflow, &account).await.body["asyncoperationid"].as_str().unwrap().to_owned();
    company.pass(6);
    assert_eq!(state_of(&company, &job).await, (json!(3), json!(31), json!("The account is on hold.")));
    let other = company.account("Other");
    let job = run(&company, &workflow, &other).await.body["asyncoperationid"].as_str().unwrap().to_owned();
    company.sim.cancel_job(&job).unwrap();
    company.pass(6);
    assert_eq!(state_of(&company, &job).await.1, json!(32));
    assert!(company.sim.get("accounts", &other).unwrap()["telephone1"].is_null());
    assert!(company.sim.cancel_job(&job).is_err(), "it has ended");
    // The row may be gone by the time.
    let job = run(&company, &workflow, &other).await.body["asyncoperationid"].as_str().unwrap().to_owned();
    company.send("DELETE", &format!("{ROOT}/accounts({other})"), &[], "").await;
    company.pass(6);
    assert_eq!(state_of(&company, &job).await.1, json!(31));
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_at_once() {
    let (company, workflow, account) = company();
    let by_itself = company.sim.add_workflow("By itself", "account", false, Arc::new(|_| Ok(Map::new())));
    let refused = run(&company, &by_itself, &account).await;
    assert_eq!((refused.status, &refused.body["error"]["message"]), (400, &json!("The workflow definition is not marked as OnDemand.")));
    assert_eq!(run(&company, &workflow, "5e3a1c02-0a9d-ef11-8a6a-000d3a2f1bff").await.status, 404);
    assert_eq!(run(&company, "5e3a1c02-0a9d-ef11-8a6a-000d3a2f1bff", &account).await.status, 404);
}
