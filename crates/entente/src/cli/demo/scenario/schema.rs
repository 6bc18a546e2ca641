//! An admin changes the CRM's schema while everybody works: what is broken stands still, alone, and the rest flows.

use entente_sims::world::TrafficOptions;
use serde_json::{Value, json};

use super::Size;
use super::cast::{Customer, customers, held_by_company};
use super::opening::{agrees, closing, opening};
use super::platforms::text;
use super::script::{AWAITED_MAX, Played, Script};
use super::stage::Stage;
use crate::cli::demo::sims::Speed;

/// As quick as edits are, so that the whole day of an admin takes a minute. A few companies change hands over and over in it, which is no
/// mass change here.
const SYNC: &str =
    "latency_target_ms = 500\npoll_interval_ms = 10000\nretry_after_ms = [500, 1000, 2000]\nhold_percent = 0\nhold_overwrite_percent = 0";

/// Live edits a second.
const RATE: f64 = 6.0;

/// What people do meanwhile: nothing of it is in the fields that change.
const KINDS: &str =
    r#"["contact_name", "contact_title", "account_plan", "account_csm", "account_arr", "user_name", "ticket_created", "sales_call"]"#;

/// Edits that have to land while fields stand still, to show that the rest flows.
const LANDED_LEAST: u64 = 10;

/// Fields of the CRM that are not any more what the judge of the platforms knows them as.
const CHANGED: &[&str] = &["Account.Technical_Contact__c", "Account.Billing_Method__c"];

/// Plays it.
pub async fn play(script: &mut Script, size: &Size) -> Played {
    let mut stage = opening(script, &size.setting(40, Speed::Instant, SYNC)).await?;
    let cast = customers(&stage, 4).await?;
    let traffic: TrafficOptions = serde_json::from_value(
        json!({ "rate": RATE, "seed": size.seed, "kinds": serde_json::from_str::<Value>(KINDS).unwrap_or_default() }),
    )
    .map_err(crate::fault::Fault::from)?;
    stage.sims.control.start_traffic(&traffic).await?;
    renamed(script, &stage, &cast[0]).await?;
    retyped(script, &stage, &cast[1]).await?;
    removed(script, &stage, &cast[2]).await?;
    a_value_more(script, &stage, &cast[3]).await?;
    the_rest_flowed(script, &stage).await?;
    script.step("The end");
    stage.rests(AWAITED_MAX).await?;
    agrees(script, &stage, CHANGED).await?;
    closing(script, &mut stage).await
}

/// Waits for an open change of a field; the change.
async fn opens(script: &mut Script, stage: &Stage, kind: &str, field: &str, ours: &str) -> Played<Value> {
    script.operator("entente schema list --state open");
    let change = script
        .awaits(format!("the change is found: {field} is {kind}"), AWAITED_MAX, async || {
            let page = stage.get("/api/v1/schema/changes?state=open").await?;
            let items = page["items"].as_array().cloned().unwrap_or_default();
            let found = items.iter().find(|one| one["kind"] == kind && one["field"] == field).cloned();
            Ok(found.ok_or_else(|| page.to_string()))
        })
        .await?;
    let hits: Vec<String> =
        change["hits"].as_array().into_iter().flatten().map(|hit| format!("{}: {}", text(&hit["object"]), hit["fields"])).collect();
    script.same(
        format!("the mapping that it hits is named, and nothing but {ours} stands still"),
        &hits,
        &vec![format!("account: [\"{ours}\"]")],
    );
    for line in
        change["patches"].as_array().into_iter().flatten().flat_map(|patch| patch["patch"]["lines"].as_array().cloned().unwrap_or_default())
    {
        script.entente(format!("proposes for {}: {}", text(&line["after"]["field"]), patched(&line["after"])));
    }
    let many = stage.titles().len();
    script
        .awaits("operators are told", AWAITED_MAX, async || {
            let told = stage
                .told
                .events()
                .iter()
                .any(|event| event["type"] == "alert.raised" && event["data"]["alert"]["kind"] == "schema_change");
            Ok(if told { Ok(()) } else { Err(format!("{many} messages")) })
        })
        .await?;
    Ok(change)
}

fn patched(line: &Value) -> String {
    if line["archived"] == true {
        return "the line is put away".to_owned();
    }
    let formula = text(&line["put"]);
    format!("{}{}", text(&line["remote"]), if formula.is_empty() { String::new() } else { format!(" = {formula}") })
}

async fn desk_holds(script: &mut Script, what: &str, stage: &Stage, customer: &Customer, field: &str, expected: &str) -> Played {
    let path = format!("organization_fields.{field}");
    script
        .awaits(what, AWAITED_MAX, async || {
            let (_, held) = held_by_company(stage, customer, "Id", &path).await?;
            Ok(if held == expected { Ok(()) } else { Err(held) })
        })
        .await
}

async fn closed(script: &mut Script, stage: &Stage, change: &Value) -> Played {
    let id = text(&change["id"]);
    script
        .awaits("the change is over", AWAITED_MAX, async || {
            let found = stage.get(&format!("/api/v1/schema/changes/{id}")).await?;
            Ok(if found["state"] == "closed" { Ok(()) } else { Err(text(&found["state"])) })
        })
        .await
}

async fn renamed(script: &mut Script, stage: &Stage, customer: &Customer) -> Played {
    script.step("A field is renamed");
    let before = held_by_company(stage, customer, "Technical_Contact__c", "organization_fields.technical_contact").await?.1;
    stage.crm.alter("rename_field", json!({ "object": "Account", "field": "Technical_Contact__c", "to": "IT_Contact__c" })).await?;
    script.platforms("the CRM's admin renames Technical_Contact__c to IT_Contact__c");
    stage.crm.update("Account", &customer.account, json!({ "IT_Contact__c": "nina@it.example", "Industry": "Mining" }), "sales").await?;
    script.platforms(format!("sales enters another one for the company of {}, and its industry", customer.name));
    let change = opens(script, stage, "renamed", "Technical_Contact__c", "technical_contact").await?;
    script.check("it was recognised by its values", text(&change["evidence"]).contains("IT_Contact__c"), || change.to_string());
    desk_holds(script, "the industry is at the desk: the rest of the record flows", stage, customer, "industry", "Mining").await?;
    desk_holds(script, "the field itself waits", stage, customer, "technical_contact", &before).await?;
    let said = stage.run(&["schema", "apply", &text(&change["id"])]).await?;
    script.operator(format!("entente schema apply {}", text(&change["id"])));
    script.check("the patch is applied", said.code == 0, || said.text.clone());
    desk_holds(script, "what was entered meanwhile is caught up with", stage, customer, "technical_contact", "nina@it.example").await?;
    closed(script, stage, &change).await
}

async fn retyped(script: &mut Script, stage: &Stage, customer: &Customer) -> Played {
    script.step("A field is given another type, and it back again");
    let (_, before) = held_by_company(stage, customer, "Id", "organization_fields.billing_contact").await?;
    let field = |ty: &str| json!({ "object": "Account", "field": { "name": "Billing_Contact__c", "type": ty } });
    stage.crm.alter("remove_field", json!({ "object": "Account", "field": "Billing_Contact__c" })).await?;
    stage.crm.alter("add_field", field("double")).await?;
    script.platforms("the CRM's admin makes a number of Billing_Contact__c; its texts are gone");
    // At once, and not only when a row shows the field blank.
    stage.post("/api/v1/schema/check", &json!({})).await?;
    script.entente("the schemas are looked at, as they are every day");
    let change = opens(script, stage, "retyped", "Billing_Contact__c", "billing_contact").await?;
    desk_holds(script, "no number, and no blank, takes the place of the contact at the desk", stage, customer, "billing_contact", &before)
        .await?;
    stage.crm.alter("remove_field", json!({ "object": "Account", "field": "Billing_Contact__c" })).await?;
    stage.crm.alter("add_field", field("string")).await?;
    script.platforms("the admin makes a text of it again, which is empty now");
    stage.run(&["schema", "check"]).await?;
    script.operator("entente schema check");
    closed(script, stage, &change).await?;
    script
        .awaits("what was known of it is put back in the CRM", AWAITED_MAX, async || {
            let (held, _) = held_by_company(stage, customer, "Billing_Contact__c", "name").await?;
            Ok(if held == before { Ok(()) } else { Err(held) })
        })
        .await?;
    desk_holds(script, "and nothing was blanked at the desk", stage, customer, "billing_contact", &before).await
}

async fn removed(script: &mut Script, stage: &Stage, customer: &Customer) -> Played {
    script.step("A field is removed for good");
    let (_, before) = held_by_company(stage, customer, "Id", "organization_fields.billing_method").await?;
    stage.crm.alter("remove_field", json!({ "object": "Account", "field": "Billing_Method__c" })).await?;
    script.platforms("the CRM's admin removes Billing_Method__c");
    let change = opens(script, stage, "removed", "Billing_Method__c", "billing_method").await?;
    let said = stage.run(&["schema", "apply", &text(&change["id"])]).await?;
    script.operator(format!("entente schema apply {}", text(&change["id"])));
    script.check("the patch is applied: the line is archived", said.code == 0, || said.text.clone());
    closed(script, stage, &change).await?;
    desk_holds(script, "what the desk knew of it stays", stage, customer, "billing_method", &before).await
}

async fn a_value_more(script: &mut Script, stage: &Stage, customer: &Customer) -> Played {
    script.step("A list of values gets one more");
    let values = json!({ "object": "Account", "field": "Account_Tier__c", "values": ["Free", "Pro", "Enterprise", "Strategic"], "restricted": true });
    stage.crm.alter("set_picklist", values).await?;
    script.platforms("the CRM's admin adds `Strategic` to the tiers");
    stage.crm.update("Account", &customer.account, json!({ "Account_Tier__c": "Strategic", "Industry": "Retail" }), "sales").await?;
    script.platforms(format!("sales makes the company of {} strategic, and corrects its industry", customer.name));
    desk_holds(script, "the industry is at the desk: the rest of the record flows", stage, customer, "industry", "Retail").await?;
    desk_holds(script, "the desk has the new tier", stage, customer, "account_tier", "Strategic").await
}

async fn the_rest_flowed(script: &mut Script, stage: &Stage) -> Played {
    script.step("Live edits went on all the time");
    let report = stage.sims.control.stop_traffic().await?;
    script.platforms(format!("{} edits of other fields on both sides", report.edits));
    let report = script
        .awaits("each has landed at the other side", AWAITED_MAX, async || {
            let report = stage.sims.control.report().await?;
            Ok(if report.outstanding == 0 { Ok(report) } else { Err(format!("{:?}", report.waiting)) })
        })
        .await?;
    script.check(format!("at least {LANDED_LEAST} of them"), report.landed >= LANDED_LEAST, || report.landed.to_string());
    script.figure("live edits", report.edits);
    script.figure("edit to landed, P95 ms", report.latency.p95_ms);
    Ok(())
}
