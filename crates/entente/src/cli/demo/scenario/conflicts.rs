//! Both sides change the same field before either change has travelled: the five rules in order, one conflict each, told apart by what the
//! platforms hold afterwards.

use std::time::Duration;

use serde_json::{Value, json};

use super::Size;
use super::cast::{Customer, customers, held, held_by_company};
use super::opening::{agrees, closing, opening};
use super::script::{AWAITED_MAX, Played, Script};
use super::stage::Stage;
use crate::cli::demo::sims::Speed;

/// Changes wait up to eleven seconds for others to share a call with, so that both sides can change a field within that time.
const SYNC: &str = "latency_target_ms = 15000\npoll_interval_ms = 10000";

/// Time between the first and the second change of a field: more than the five seconds within which nobody is later.
const APART: Duration = Duration::from_millis(6_200);

/// The customers of the five conflicts.
struct Cast {
    self_service: Customer,
    sales: Customer,
    status: Customer,
    latest: Customer,
    person: Customer,
}

/// Plays it.
pub async fn play(script: &mut Script, size: &Size) -> Played {
    let mut stage = opening(script, &size.setting(40, Speed::Instant, SYNC)).await?;
    let mut found = customers(&stage, 5).await?.into_iter();
    let (Some(self_service), Some(sales), Some(status), Some(latest), Some(person)) =
        (found.next(), found.next(), found.next(), found.next(), found.next())
    else {
        return Ok(());
    };
    let cast = Cast { self_service, sales, status, latest, person };
    // Whatever still waits for others would take the changes of its record along before the other side has changed anything.
    script.check("nothing is on its way", stage.rests(AWAITED_MAX).await?, || stage.last_words());
    let before = month(&stage).await?;
    edits(script, &stage, &cast).await?;
    rules(script, &stage, &cast).await?;
    let conflict = waits(script, &stage, &cast).await?;
    decision(script, &stage, &cast, &conflict).await?;
    statistics(script, &stage, &before).await?;
    script.step("The end");
    stage.rests(AWAITED_MAX).await?;
    agrees(script, &stage, &[]).await?;
    closing(script, &mut stage).await
}

async fn edits(script: &mut Script, stage: &Stage, cast: &Cast) -> Played {
    script.step("People at both sides change the same fields");
    let (crm, desk) = (&stage.crm, &stage.desk);
    let renamed = |customer: &Customer, family: &str| json!({ "name": format!("{} {family}", customer.first) });
    crm.update("Contact", &cast.self_service.contact, json!({ "LastName": "Customerson" }), "site").await?;
    script.platforms(format!("{} corrects the family name in the customers' portal of the CRM", cast.self_service.name));
    crm.update("Contact", &cast.sales.contact, json!({ "LastName": "Salesworth" }), "sales").await?;
    script.platforms(format!("sales corrects the family name of {} in the CRM", cast.sales.name));
    desk.update("organization", cast.status.organization, json!({ "organization_fields": { "account_status": "Suspended" } }), None)
        .await?;
    script.platforms(format!("an agent suspends the company of {}", cast.status.name));
    crm.update("Contact", &cast.latest.contact, json!({ "LastName": "Importson" }), "automation").await?;
    script.platforms(format!("an import changes the family name of {} in the CRM", cast.latest.name));
    crm.update("Contact", &cast.person.contact, json!({ "LastName": "Importfield" }), "automation").await?;
    desk.update("user", cast.person.user, renamed(&cast.person, "Agentson"), None).await?;
    script.platforms(format!("an import and an agent give {} different names within a second", cast.person.name));
    tokio::time::sleep(APART).await;
    desk.update("user", cast.self_service.user, renamed(&cast.self_service, "Latecomer"), None).await?;
    desk.update("user", cast.sales.user, renamed(&cast.sales, "Latedesk"), None).await?;
    crm.update("Account", &cast.status.account, json!({ "Status__c": "Churned" }), "sales").await?;
    desk.update("user", cast.latest.user, renamed(&cast.latest, "Laterman"), None).await?;
    script.platforms(format!("{:.0} seconds later the other side changes each of the first four otherwise", APART.as_secs_f64()));
    Ok(())
}

/// Waits until both sides hold this.
async fn both(
    script: &mut Script,
    what: String,
    stage: &Stage,
    customer: &Customer,
    fields: (&str, &str),
    expected: (&str, &str),
) -> Played {
    script
        .awaits(what, AWAITED_MAX, async || {
            let pair = if fields.0 == "Status__c" {
                held_by_company(stage, customer, fields.0, fields.1).await?
            } else {
                held(stage, customer, fields.0, fields.1).await?
            };
            Ok(if (pair.0.as_str(), pair.1.as_str()) == expected { Ok(()) } else { Err(format!("{pair:?}")) })
        })
        .await
}

/// Waits until both sides call a customer by this family name.
async fn named(script: &mut Script, what: String, stage: &Stage, customer: &Customer, family: &str) -> Played {
    both(script, what, stage, customer, ("LastName", "name"), (family, &format!("{} {family}", customer.first))).await
}

async fn rules(script: &mut Script, stage: &Stage, cast: &Cast) -> Played {
    script.step("Four of the five rules decide without anybody");
    let what = "1. the customer's own correction wins, although the agent was later: both sides hold it".to_owned();
    named(script, what, stage, &cast.self_service, "Customerson").await?;
    let what = "2. what sales corrected wins, although the agent was later: both sides hold it".to_owned();
    named(script, what, stage, &cast.sales, "Salesworth").await?;
    let what = "3. the desk's suspension wins, although sales was later: both sides hold it".to_owned();
    both(script, what, stage, &cast.status, ("Status__c", "organization_fields.account_status"), ("Suspended", "Suspended")).await?;
    let what = "4. of an import and an agent the later wins: both sides hold it".to_owned();
    named(script, what, stage, &cast.latest, "Laterman").await?;
    for (rule, customer, field, lost) in [
        ("self_service", &cast.self_service, "last_name", "Latecomer"),
        ("sales_contact", &cast.sales, "last_name", "Latedesk"),
        ("latest", &cast.latest, "last_name", "Importson"),
    ] {
        explained(script, stage, &format!("salesforce/{}", customer.contact), field, rule, lost).await?;
    }
    explained(script, stage, &format!("salesforce/{}", cast.status.account), "status", "support_status", "Churned").await
}

/// States that the ledger tells which rule decided, and keeps the value that lost.
async fn explained(script: &mut Script, stage: &Stage, record: &str, field: &str, rule: &str, lost: &str) -> Played {
    script.operator(format!("entente blame {record} {field}"));
    let blame = stage.said(&["blame", record, field]).await?;
    let set = &blame["set_by"];
    let change = set["changes"].as_array().and_then(|changes| changes.iter().find(|change| change["field"] == field));
    let change = change.cloned().unwrap_or_default();
    let kept = change["lost"].to_string();
    script.check(
        format!("the ledger names the rule ({rule}) and keeps the value that lost ({lost})"),
        change["reason"] == rule && kept.contains(lost),
        || set.to_string(),
    );
    Ok(())
}

/// The fifth conflict, which waits; its id.
async fn waits(script: &mut Script, stage: &Stage, cast: &Cast) -> Played<String> {
    script.step("The fifth waits for a person, and its field alone stands still");
    script.operator("entente conflicts list --state waiting");
    let waiting = script
        .awaits("one conflict waits, and no other", AWAITED_MAX, async || {
            let page = stage.said(&["conflicts", "list", "--state", "waiting"]).await?;
            let items = page["items"].as_array().cloned().unwrap_or_default();
            Ok(match items.as_slice() {
                [one] if one["field"] == "last_name" => Ok(one.clone()),
                _ => Err(page.to_string()),
            })
        })
        .await?;
    let sides = waiting["sides"].as_array().cloned().unwrap_or_default();
    let shown = |part: &str| sides.iter().any(|side| side["value"].to_string().contains(part));
    script.check(
        "the queue shows both values, the one before, and when each was set",
        shown("Importfield") && shown("Agentson") && sides.iter().all(|side| !side["at"].is_null()) && !waiting["base"].is_null(),
        || waiting.to_string(),
    );
    stage.crm.update("Contact", &cast.person.contact, json!({ "Title": "Head of Patience" }), "sales").await?;
    script.platforms(format!("sales gives {} a new title meanwhile", cast.person.name));
    let what = "the title reaches the desk while the name waits".to_owned();
    both(script, what, stage, &cast.person, ("Title", "user_fields.job_title"), ("Head of Patience", "Head of Patience")).await?;
    let names = held(stage, &cast.person, "LastName", "name").await?;
    script.same("each side still holds its own name", &names, &("Importfield".to_owned(), format!("{} Agentson", cast.person.first)));
    Ok(super::platforms::text(&waiting["id"]))
}

async fn decision(script: &mut Script, stage: &Stage, cast: &Cast, conflict: &str) -> Played {
    script.step("A person decides");
    let said = stage.run(&["conflicts", "resolve", conflict, "--side", "zendesk"]).await?;
    script.operator(format!("entente conflicts resolve {conflict} --side zendesk"));
    script.check("the decision is taken", said.code == 0, || said.text.clone());
    named(script, "both sides hold the name that was decided for".to_owned(), stage, &cast.person, "Agentson").await?;
    let history = stage.said(&["history", &format!("salesforce/{}", cast.person.contact)]).await?;
    let decided = history["items"]
        .as_array()
        .is_some_and(|items| items.iter().any(|entry| entry["cause"] == "user" && entry["changes"].to_string().contains("Agentson")));
    script.check("the decision is in the ledger, with who made it", decided, || history.to_string());
    let listed = stage.said(&["conflicts", "list", "--state", "waiting"]).await?;
    script.same("nothing waits any more", &listed["items"], &Value::Array(Vec::new()));
    Ok(())
}

/// What this month's report says of conflicts.
async fn month(stage: &Stage) -> Played<Value> {
    let month = jiff::Timestamp::now().to_string().chars().take(7).collect::<String>();
    Ok(stage.said(&["report", "--month", &month]).await?["consistency"]["conflicts"].clone())
}

async fn statistics(script: &mut Script, stage: &Stage, before: &Value) -> Played {
    script.step("The month's statistics know of it");
    let after = month(stage).await?;
    script.operator("entente report");
    let more = |name: &str| after[name].as_u64().unwrap_or(0) - before[name].as_u64().unwrap_or(0);
    script.entente(format!("conflicts for people: {} more, {} of them decided", more("opened"), more("decided")));
    script.check(
        "they count the conflicts, each of them decided, and none of them late",
        more("opened") >= 1 && more("opened") == more("decided") && after["late"] == 0,
        || format!("{before} and then {after}"),
    );
    Ok(())
}
