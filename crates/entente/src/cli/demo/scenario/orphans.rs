//! Rows that are at one side alone, links to nowhere, values changed behind the back: reconciliation finds what differs, puts right what it
//! may, lists the rest, and certifies; and a read that breaks off takes nobody for deleted.

use serde_json::{Value, json};

use super::Size;
use super::cast::{Customer, customers, held, held_by_company};
use super::opening::{agrees, closing, opening};
use super::platforms::{support_id, text};
use super::script::{AWAITED_MAX, Played, Script, Stop};
use super::stage::Stage;
use crate::cli::demo::sims::Speed;
use crate::cli::output::counted;

/// As quick as edits are; and a platform that is gone is known to be gone within seconds instead of three quarters of a minute, object by
/// object.
const SYNC: &str = "latency_target_ms = 500\npoll_interval_ms = 10000\nreconcile_again_ms = [200, 500, 1000]";

/// Customers that something happens to.
const LEAST: usize = 6;

/// What happened behind the back.
struct Mess {
    plan: Customer,
    title: Customer,
    lost_link: Customer,
    gone_at_desk: Customer,
    gone_in_crm: Customer,
    /// A contact of the CRM that no webhook told of.
    newcomer: String,
}

/// Plays it.
pub async fn play(script: &mut Script, size: &Size) -> Played {
    let mut stage = opening(script, &size.setting(60, Speed::Instant, SYNC)).await?;
    let cast = customers(&stage, LEAST).await?;
    certified(script, &stage, "before.json").await?;
    let mess = behind_the_back(script, &mut stage, &cast).await?;
    broken(script, &stage, &mess).await?;
    half_reads(script, &stage).await?;
    put_right(script, &stage, &mess).await?;
    script.step("Entente runs again");
    stage.desk.faults(json!({ "clear": true })).await?;
    stage.crm.faults(json!({ "clear": true })).await?;
    stage.serve().await?;
    script.operator("entente serve");
    stage.crm.delete("Contact", &mess.gone_at_desk.contact).await?;
    stage.desk.delete("user", mess.gone_in_crm.user).await?;
    script.platforms("people go through the list, and delete at the other side too what was meant to be deleted");
    stage.rests(AWAITED_MAX).await?;
    agrees(script, &stage, &[]).await?;
    one_value_more(script, &mut stage, &mess).await?;
    script.step("The end");
    stage.desk.faults(json!({ "clear": true })).await?;
    stage.serve().await?;
    stage.rests(AWAITED_MAX).await?;
    agrees(script, &stage, &[]).await?;
    closing(script, &mut stage).await
}

async fn reconcile(stage: &Stage, further: &[&str]) -> Played<Value> {
    Ok(stage.said(&[&["reconcile"], further].concat()).await?["report"].clone())
}

async fn certified(script: &mut Script, stage: &Stage, file: &str) -> Played {
    script.step("Both sides are certified");
    let report = reconcile(stage, &["--out", file]).await?;
    script.operator(format!("entente reconcile --out {file}"));
    let many = |key: &str, one: &str| counted(report[key].as_u64().unwrap_or(0), one);
    script.entente(format!("compared {} of both sides, {}", many("compared", "row"), many("fields", "field")));
    script.check("every row was read, and nothing differs", report["complete"] == true && report["exceptions_total"] == 0, || {
        report.to_string()
    });
    let verified = stage.said(&["reconcile", "--verify", file]).await?;
    script.operator(format!("entente reconcile --verify {file}"));
    script.same("the certificate holds", &verified["verdict"], &json!("holds"));
    Ok(())
}

async fn behind_the_back(script: &mut Script, stage: &mut Stage, cast: &[Customer]) -> Played<Mess> {
    let [plan, title, lost_link, gone_at_desk, gone_in_crm, host, ..] = cast else { return Err(Stop::Unmet) };
    script.step("Entente is down, webhooks are lost, and people work on");
    stage.stop().await?;
    script.operator("the server is stopped");
    let lost = json!({ "deliveries": { "lost": 1_000 } });
    stage.crm.faults(lost.clone()).await?;
    stage.desk.faults(lost).await?;
    let (crm, desk) = (&stage.crm, &stage.desk);
    desk.update("organization", plan.organization, json!({ "organization_fields": { "plan": "Free forever" } }), None).await?;
    script.platforms(format!("an agent changes the plan of {}'s company, which the CRM owns", plan.name));
    crm.update("Contact", &title.contact, json!({ "Title": "Head of Orphans" }), "sales").await?;
    script.platforms(format!("sales gives {} a new title", title.name));
    crm.update("Contact", &lost_link.contact, json!({ "Support_Id__c": "999999999" }), "automation").await?;
    script.platforms(format!("an import points the support id of {} at nowhere", lost_link.name));
    desk.delete("user", gone_at_desk.user).await?;
    script.platforms(format!("an agent deletes {} at the desk", gone_at_desk.name));
    crm.delete("Contact", &gone_in_crm.contact).await?;
    script.platforms(format!("sales deletes {} in the CRM", gone_in_crm.name));
    let newcomer =
        json!({ "AccountId": host.account, "FirstName": "Nora", "LastName": "Newcomer", "Email": "nora.newcomer@elsewhere.example" });
    let newcomer = crm.insert("Contact", newcomer, "sales").await?;
    script.platforms("sales enters Nora Newcomer, whom the desk does not know");
    let stranger =
        json!({ "name": "Stan Stranger", "email": "stan@stranger.example", "role": "end-user", "organization_id": host.organization });
    desk.create("user", stranger, None).await?;
    script.platforms(format!("an agent enters Stan Stranger at {}'s company, and the CRM does not know him", host.name));
    let own = |customer: &Customer| customer.clone();
    Ok(Mess {
        plan: own(plan),
        title: own(title),
        lost_link: own(lost_link),
        gone_at_desk: own(gone_at_desk),
        gone_in_crm: own(gone_in_crm),
        newcomer,
    })
}

async fn broken(script: &mut Script, stage: &Stage, mess: &Mess) -> Played {
    script.step("The certificate does not hold any more, and says where");
    let verified = stage.said(&["reconcile", "--verify", "before.json"]).await?;
    script.operator("entente reconcile --verify before.json");
    script.same("it is broken", &verified["verdict"], &json!("broken"));
    let rows = differing(&verified);
    let expected = [
        ("salesforce", mess.title.contact.clone()),
        ("salesforce", mess.lost_link.contact.clone()),
        ("salesforce", mess.gone_in_crm.contact.clone()),
        ("zendesk", mess.plan.organization.to_string()),
        ("zendesk", mess.gone_at_desk.user.to_string()),
    ];
    for (connection, row) in &expected {
        let named = rows.iter().any(|(at, id)| at == connection && id == row);
        script.check(format!("it names {connection} {row} and its range"), named, || format!("{rows:?}"));
    }
    Ok(())
}

/// Rows that are not as they were certified, by connection.
fn differing(verified: &Value) -> Vec<(String, String)> {
    let ranges = verified["differing"].as_array().into_iter().flatten();
    ranges
        .flat_map(|range| {
            let connection = text(&range["connection"]);
            range["rows"]
                .as_array()
                .into_iter()
                .flatten()
                .map(move |row| (connection.clone(), text(&row["external_id"])))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// What a reconciliation found, without what cannot be the same twice.
fn findings(report: &Value) -> Vec<String> {
    let mut found: Vec<String> = report["drift"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|drift| {
            format!(
                "{} at {}: {} ({})",
                text(&drift["label"]),
                text(&drift["connection"]),
                text(&drift["words"]),
                counted(drift["records"].as_u64().unwrap_or_default(), "record")
            )
        })
        .collect();
    found.sort();
    found
}

async fn half_reads(script: &mut Script, stage: &Stage) -> Played {
    script.step("A look that changes nothing, over short pages and a read that breaks off");
    let whole = reconcile(stage, &["--dry-run"]).await?;
    script.operator("entente reconcile --dry-run");
    for finding in findings(&whole) {
        script.entente(finding);
    }
    script.check("it finds more than one kind of difference", findings(&whole).len() > 3, || whole.to_string());
    stage.crm.faults(json!({ "order": ["half_page", "half_page"] })).await?;
    stage.desk.faults(json!({ "order": ["half_page", "half_page"] })).await?;
    script.platforms("both platforms answer with half pages");
    let halved = reconcile(stage, &["--dry-run"]).await?;
    script.same("half pages change nothing of what is found", &findings(&halved), &findings(&whole));
    stage.desk.faults(json!({ "calls": { "unavailable": 1_000 } })).await?;
    script.platforms("the desk is gone in the middle of a read");
    let cut = reconcile(stage, &["--dry-run"]).await?;
    stage.desk.faults(json!({ "clear": true, "deliveries": { "lost": 1_000 } })).await?;
    script.check("the report says that it is incomplete, and what was not read", cut["complete"] == false, || cut.to_string());
    let taken: Vec<&Value> = cut["drift"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|drift| drift["connection"] == "zendesk" && drift["cause"] == "row_gone")
        .collect();
    script.check("nobody whom it did not see is taken for deleted", taken.is_empty(), || format!("{taken:?}"));
    Ok(())
}

async fn put_right(script: &mut Script, stage: &Stage, mess: &Mess) -> Played {
    script.step("Reconciliation puts right what it may, by the owner of each field");
    let report = reconcile(stage, &["--out", "after.json"]).await?;
    script.operator("entente reconcile --out after.json");
    script.entente(format!(
        "{} differences, {} gone at the second look; what does not agree then is listed:",
        report["differences"], report["resolved"]
    ));
    for exception in report["exceptions"].as_array().into_iter().flatten() {
        script.entente(format!(
            "  {} {} {} {}: {}",
            text(&exception["connection"]),
            text(&exception["object"]),
            text(&exception["external_id"]),
            exception["field"].as_str().unwrap_or("as a whole"),
            text(&exception["words"])
        ));
    }
    let (crm, desk) = held_by_company(stage, &mess.plan, "Plan__c", "organization_fields.plan").await?;
    script.check("the plan at the desk is the CRM's again", crm == desk && desk != "Free forever", || format!("{crm} and {desk}"));
    let title = held(stage, &mess.title, "Title", "user_fields.job_title").await?;
    script.same("the title that sales gave is at the desk", &title.1, &"Head of Orphans".to_owned());
    let row = stage.crm.row("Contact", &mess.lost_link.contact).await?.unwrap_or_default();
    script.same("the support id points where it belongs", &support_id(&row), &Some(mess.lost_link.user));
    let nora = stage.crm.row("Contact", &mess.newcomer).await?.unwrap_or_default();
    let users = stage.desk.users(|user| user["email"] == "nora.newcomer@elsewhere.example").await?;
    script.check(
        "Nora Newcomer is at the desk, once, and linked",
        users.len() == 1 && support_id(&nora) == users[0]["id"].as_u64(),
        || format!("{nora} {users:?}"),
    );
    let stan = stage.crm.rows("Contact").await?.into_iter().filter(|row| row["Email"] == "stan@stranger.example").count();
    script.same("Stan Stranger is in the CRM, once", &stan, &1);
    let gone = stage.crm.row("Contact", &mess.gone_at_desk.contact).await?;
    let at_desk = stage.desk.row("user", mess.gone_in_crm.user).await?.unwrap_or_default();
    script.check(
        "whoever one side deleted is still at the other: nothing is thrown away without a person",
        gone.is_some() && at_desk["active"] != false,
        || format!("{gone:?} {at_desk}"),
    );
    for (row, side) in [(mess.gone_at_desk.user.to_string(), "desk"), (mess.gone_in_crm.contact.clone(), "CRM")] {
        let listed = report["exceptions"].as_array().into_iter().flatten().any(|one| one["external_id"] == row && one["cause"] == "orphan");
        script
            .check(format!("the row that is gone from the {side} is on the list for people"), listed, || report["exceptions"].to_string());
    }
    let verified = stage.said(&["reconcile", "--verify", "after.json"]).await?;
    script.operator("entente reconcile --verify after.json");
    script.check("the new certificate holds", verified["verdict"] == "holds", || verified.to_string());
    Ok(())
}

async fn one_value_more(script: &mut Script, stage: &mut Stage, mess: &Mess) -> Played {
    script.step("One value changed behind the back is found, whichever it is");
    reconcile(stage, &["--out", "last.json"]).await?;
    let before = stage.said(&["reconcile", "--verify", "last.json"]).await?;
    script.operator("entente reconcile --out last.json && entente reconcile --verify last.json");
    script.check("the certificate holds", before["verdict"] == "holds", || before.to_string());
    stage.stop().await?;
    stage.desk.faults(json!({ "deliveries": { "lost": 1_000 } })).await?;
    stage.desk.update("user", mess.title.user, json!({ "phone": "+14155557654" }), None).await?;
    script.platforms(format!("the server is stopped; an agent changes the number of {} by one digit", mess.title.name));
    let after = stage.said(&["reconcile", "--verify", "last.json"]).await?;
    script.operator("entente reconcile --verify last.json");
    script.same("it is broken", &after["verdict"], &json!("broken"));
    script.same("it names that row, and no other", &differing(&after), &vec![("zendesk".to_owned(), mess.title.user.to_string())]);
    if let Some(range) = after["differing"][0]["range"].as_u64() {
        let part = stage.said(&["reconcile", "--verify", "last.json", "--range", &range.to_string()]).await?;
        script.operator(format!("entente reconcile --verify last.json --range {range}"));
        script.same("the range that it names is broken by itself", &part["verdict"], &json!("broken"));
        let other = (range + 1) % 256;
        let part = stage.said(&["reconcile", "--verify", "last.json", "--range", &other.to_string()]).await?;
        script.same("and the next one holds", &part["verdict"], &json!("holds"));
    }
    Ok(())
}
