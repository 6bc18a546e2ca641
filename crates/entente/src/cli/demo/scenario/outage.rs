//! A platform fails in every way that platforms do, and the process dies in the middle of it: each change lands, and lands once.

use std::time::Duration;

use serde_json::{Value, json};

use super::Size;
use super::cast::{Customer, customers, held};
use super::opening::{agrees, closing, opening};
use super::platforms::{support_id, text};
use super::script::{AWAITED_MAX, Played, Script};
use super::stage::Stage;
use crate::cli::demo::sims::Speed;

/// Four calls that fail one after the other are an outage: of the ten of the default, a small company's polls take a minute.
const SYNC: &str = "latency_target_ms = 500\npoll_interval_ms = 10000\nbreaker_failures = 4\nretry_after_ms = [500, 1000, 2000]";

/// Time that a message may take: a rest of a broken circuit, a look for alerts, a look for notices.
const TOLD_MAX: Duration = Duration::from_secs(180);

/// How long the platform is watched while it is left alone.
const WATCHED: Duration = Duration::from_secs(8);

/// Calls that may come within that time: one that shows whether the rest is over, and what was in flight.
const CALLS_AT_REST_MAX: u64 = 3;

/// Customers whose titles change during the outage.
const CHANGED: usize = 4;

/// Plays it.
pub async fn play(script: &mut Script, size: &Size) -> Played {
    let mut stage = opening(script, &size.setting(50, Speed::Instant, SYNC)).await?;
    let cast = customers(&stage, CHANGED).await?;
    sessions_end(script, &stage, &cast[0]).await?;
    an_answer_is_lost(script, &mut stage).await?;
    the_desk_fails(script, &mut stage, &cast[..CHANGED]).await?;
    let account = while_it_is_gone(script, &stage, &cast[..CHANGED]).await?;
    killed(script, &mut stage).await?;
    back_again(script, &stage, &cast[..CHANGED], &account).await?;
    script.step("The end");
    agrees(script, &stage, &[]).await?;
    closing(script, &mut stage).await
}

async fn title_lands(script: &mut Script, what: &str, stage: &Stage, customer: &Customer, title: &str) -> Played {
    script
        .awaits(what, AWAITED_MAX, async || {
            let pair = held(stage, customer, "Title", "user_fields.job_title").await?;
            Ok(if pair.0 == title && pair.1 == title { Ok(()) } else { Err(format!("{pair:?}")) })
        })
        .await
}

async fn sessions_end(script: &mut Script, stage: &Stage, customer: &Customer) -> Played {
    script.step("Both platforms end every session");
    stage.crm.expire_sessions().await?;
    stage.desk.expire_sessions().await?;
    stage.crm.update("Contact", &customer.contact, json!({ "Title": "Head of Sessions" }), "sales").await?;
    script.platforms(format!("sales gives {} a new title", customer.name));
    title_lands(script, "Entente signs in again, and the title lands", stage, customer, "Head of Sessions").await
}

async fn an_answer_is_lost(script: &mut Script, stage: &mut Stage) -> Played {
    script.step("A creation lands, its answer does not, and the process is killed while it waits for it");
    stage.desk.faults(json!({ "order_of_writes": ["timeout_after", "timeout_after"] })).await?;
    let account = win(stage, "Unheard").await?;
    script.platforms("a deal with a new company is won; the desk does what it is asked and answers nothing");
    script
        .awaits("its organization is at the desk, though Entente has not heard so", AWAITED_MAX, async || {
            let many = named(stage, "organization", "name", "Unheard Ltd").await?;
            Ok(if many > 0 { Ok(()) } else { Err("no organization".to_owned()) })
        })
        .await?;
    stage.kill().await?;
    script.operator("kill -9, while the call hangs");
    stage.desk.faults(json!({ "clear": true })).await?;
    let known = stage.crm.row("Account", &account).await?.and_then(|row| support_id(&row));
    script.same("the CRM knows nothing of it yet", &known, &None);
    stage.serve().await?;
    script.operator("entente serve");
    profile_is_there_once(script, stage, &account, "Unheard").await
}

/// A deal with a new company is won in the CRM; its account.
async fn win(stage: &Stage, name: &str) -> Played<String> {
    let web = format!("https://www.{}.example", name.to_lowercase());
    let account =
        stage.crm.insert("Account", json!({ "Name": format!("{name} Ltd"), "Website": web, "Type": "Prospect" }), "sales").await?;
    let email = format!("petra@{}.example", name.to_lowercase());
    let person = json!({ "AccountId": account, "FirstName": "Petra", "LastName": name, "Email": email });
    stage.crm.insert("Contact", person, "sales").await?;
    let deal = json!({ "Name": format!("{name}: first contract"), "AccountId": account, "StageName": "Closed Won", "CloseDate": "2026-01-31", "Amount": 12_000 });
    stage.crm.insert("Opportunity", deal, "sales").await?;
    Ok(account)
}

/// Rows of the desk with this value.
async fn named(stage: &Stage, kind: &str, field: &str, value: &str) -> Played<usize> {
    let rows = stage.desk.rows(kind).await?;
    Ok(rows.iter().filter(|row| row["active"] != false && text(&row[field]) == value).count())
}

/// States that a company that was won has come to the desk, and everything of it once.
async fn profile_is_there_once(script: &mut Script, stage: &Stage, account: &str, name: &str) -> Played {
    script
        .awaits("the company that was won has its support profile", AWAITED_MAX, async || {
            let row = stage.crm.row("Account", account).await?.unwrap_or_default();
            Ok(support_id(&row).ok_or_else(|| row.to_string()))
        })
        .await?;
    let checklist = format!("Onboarding: {name} Ltd");
    script
        .awaits("and its onboarding checklist", AWAITED_MAX, async || {
            let many = named(stage, "ticket", "subject", &checklist).await?;
            Ok(if many > 0 { Ok(()) } else { Err("no checklist".to_owned()) })
        })
        .await?;
    stage.rests(AWAITED_MAX).await?;
    script.same("it is at the desk once", &named(stage, "organization", "name", &format!("{name} Ltd")).await?, &1);
    let email = format!("petra@{}.example", name.to_lowercase());
    script.same("its person is at the desk once", &named(stage, "user", "email", &email).await?, &1);
    script.same("it has one checklist", &named(stage, "ticket", "subject", &checklist).await?, &1);
    Ok(())
}

async fn the_desk_fails(script: &mut Script, stage: &mut Stage, cast: &[Customer]) -> Played {
    script.step("The support desk is gone");
    stage.desk.faults(json!({ "calls": { "unavailable": 800, "server_error": 200 } })).await?;
    script.platforms("every call to the desk is answered with 500 or 503");
    for (number, customer) in cast.iter().enumerate() {
        stage.crm.update("Contact", &customer.contact, json!({ "Title": format!("Head of Outage {number}") }), "sales").await?;
    }
    script.platforms(format!("sales gives {} people new titles", cast.len()));
    script
        .awaits("Entente stops calling the desk and tells the operators", TOLD_MAX, async || {
            let told = stage.alerts("circuit_open");
            Ok(if told.0 > 0 { Ok(()) } else { Err(format!("told so far: {:?}", stage.titles())) })
        })
        .await?;
    let status = stage.get("/api/v1/dashboard").await?;
    let desk =
        status["connections"].as_array().and_then(|all| all.iter().find(|one| one["name"] == "zendesk")).cloned().unwrap_or_default();
    script.entente(format!("zendesk is {}: {}", text(&desk["state"]), text(&desk["note"])));
    Ok(())
}

/// What happens in the CRM meanwhile; the account that is won.
async fn while_it_is_gone(script: &mut Script, stage: &Stage, cast: &[Customer]) -> Played<String> {
    script.step("Work goes on in the CRM meanwhile");
    let before = stage.desk.calls().await?["total"].as_u64().unwrap_or(0);
    let account = win(stage, "Outlast").await?;
    script.platforms("a deal with a new company is won");
    stage.crm.update("Contact", &cast[0].contact, json!({ "Phone": "+1 415 555 7777" }), "sales").await?;
    script.platforms(format!("sales gives {} a new number", cast[0].name));
    tokio::time::sleep(WATCHED).await;
    let calls = stage.desk.calls().await?["total"].as_u64().unwrap_or(0) - before;
    script.check(
        format!("the desk is left alone: at most {CALLS_AT_REST_MAX} calls in {} seconds", WATCHED.as_secs()),
        calls <= CALLS_AT_REST_MAX,
        || format!("{calls} calls"),
    );
    Ok(account)
}

async fn killed(script: &mut Script, stage: &mut Stage) -> Played {
    script.step("The process is killed in the middle of the outage");
    stage.kill().await?;
    stage.serve().await?;
    script.operator("kill -9, and entente serve");
    tokio::time::sleep(WATCHED).await;
    script.same("the outage is still told of once", &stage.alerts("circuit_open"), &(1, 0));
    Ok(())
}

async fn back_again(script: &mut Script, stage: &Stage, cast: &[Customer], account: &str) -> Played {
    script.step("The support desk is back");
    stage.desk.faults(json!({ "clear": true })).await?;
    script.platforms("the desk answers again");
    script
        .awaits("the operators are told that it is over", TOLD_MAX, async || {
            let told = stage.alerts("circuit_open");
            Ok(if told.1 > 0 { Ok(()) } else { Err(format!("told so far: {:?}", stage.titles())) })
        })
        .await?;
    for (number, customer) in cast.iter().enumerate() {
        let what = format!("the title that {} got during the outage is at both sides", customer.name);
        title_lands(script, &what, stage, customer, &format!("Head of Outage {number}")).await?;
    }
    profile_is_there_once(script, stage, account, "Outlast").await?;
    script.same("the outage was told of once, and its end once", &stage.alerts("circuit_open"), &(1, 1));
    script.operator("entente dead-letters list");
    let letters = stage.said(&["dead-letters", "list"]).await?;
    script.same("nothing has failed for good", &letters["items"], &Value::Array(Vec::new()));
    Ok(())
}
