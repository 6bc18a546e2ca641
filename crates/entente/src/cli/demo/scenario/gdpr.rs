//! Two people ask to be erased: one of them at the desk, while a conflict about her waits, the other by command. Nothing of them is left
//! anywhere, and nothing brings them back.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::Size;
use super::opening::{agrees, closing, ledger_is_whole, opening};
use super::platforms::{support_id, text};
use super::script::{AWAITED_MAX, Played, Script};
use super::stage::Stage;
use crate::cli::demo::sims::Speed;

/// Changes wait two and a half seconds for others, so that two people can change a field at once.
const SYNC: &str = "latency_target_ms = 4000\npoll_interval_ms = 10000";

/// Time that nothing may happen in, after somebody has turned up again: a poll, and what it would cause.
const WATCHED: Duration = Duration::from_secs(14);

/// Somebody with a name and an address that nobody else has.
struct Person {
    first: &'static str,
    last: &'static str,
    email: &'static str,
    phone: &'static str,
    /// What only this person's data holds, in lower case.
    traces: &'static [&'static str],
}

const HER: Person = Person {
    first: "Quintessa",
    last: "Vanterpool",
    email: "quintessa@vanterpool.example",
    phone: "(415) 555-0147",
    traces: &["quintessa", "vanterpool", "4155550147", "415) 555-0147", "4155550149"],
};

const HIM: Person = Person {
    first: "Evander",
    last: "Ashgrove",
    email: "evander@ashgrove.example",
    phone: "(415) 555-0148",
    traces: &["evander", "ashgrove", "4155550148", "415) 555-0148"],
};

/// A person as both platforms know them.
struct Known {
    contact: String,
    user: u64,
    ticket: u64,
}

/// Plays it.
pub async fn play(script: &mut Script, size: &Size) -> Played {
    let mut stage = opening(script, &size.setting(30, Speed::Instant, SYNC)).await?;
    let (her, him) = they_are_customers(script, &stage).await?;
    a_conflict_waits(script, &stage, &her).await?;
    let erasures = both_ask(script, &stage, &her).await?;
    nothing_is_left(script, &stage, &her, &him).await?;
    compliance_is_told(script, &stage, &erasures).await?;
    they_come_back(script, &stage, &erasures).await?;
    certificates(script, &stage, &erasures).await?;
    script.step("The end");
    ledger_is_whole(script, &stage).await?;
    agrees(script, &stage, &[]).await?;
    closing(script, &mut stage).await?;
    let left = files_with_traces(stage.folder())?;
    script.same("nor is anything of them in what the stop wrote", &left, &Vec::new());
    Ok(())
}

async fn become_customer(script: &mut Script, stage: &Stage, account: &str, person: &Person) -> Played<Known> {
    let row = json!({
        "AccountId": account, "FirstName": person.first, "LastName": person.last, "Email": person.email, "Phone": person.phone, "Title": "CFO",
    });
    let contact = stage.crm.insert("Contact", row, "sales").await?;
    let user = script
        .awaits(format!("{} {} is at the desk", person.first, person.last), AWAITED_MAX, async || {
            let row = stage.crm.row("Contact", &contact).await?.unwrap_or_default();
            Ok(support_id(&row).ok_or_else(|| row.to_string()))
        })
        .await?;
    let subject = format!("{} cannot log in", person.first);
    let words = format!("This is {} {}, call me at {}", person.first, person.last, person.phone);
    let ticket = json!({ "subject": subject, "requester_id": user, "comment": { "body": words } });
    let ticket = stage.desk.create("ticket", ticket, Some(user)).await?;
    script
        .awaits(format!("ticket {ticket} is an activity of the CRM"), AWAITED_MAX, async || {
            let tasks = stage.crm.rows("Task").await?;
            let there = tasks.iter().any(|task| text(&task["Subject"]).contains(&subject));
            Ok(if there { Ok(()) } else { Err(format!("{} activities", tasks.len())) })
        })
        .await?;
    Ok(Known { contact, user, ticket })
}

async fn they_are_customers(script: &mut Script, stage: &Stage) -> Played<(Known, Known)> {
    script.step("Two people are customers, and both systems know them");
    let account = json!({ "Name": "Northwind Harbour", "Website": "https://www.northwind-harbour.example", "Type": "Customer - Direct", "Account_Tier__c": "Pro" });
    let account = stage.crm.insert("Account", account, "sales").await?;
    let her = become_customer(script, stage, &account, &HER).await?;
    let him = become_customer(script, stage, &account, &HIM).await?;
    let held = stage.said(&["privacy", "export", HIM.email]).await?;
    script.operator(format!("entente privacy export {}", HIM.email));
    let kinds: Vec<String> = held["records"].as_array().into_iter().flatten().map(|record| text(&record["object"])).collect();
    script.check(
        "the export has the person and the ticket, each value with its source and history",
        kinds.iter().any(|kind| kind == "contact") && kinds.iter().any(|kind| kind == "case") && held.to_string().contains("history"),
        || format!("{kinds:?}"),
    );
    let files = files_with_traces(stage.folder())?;
    script.check("the search for traces finds them in the database now", !files.is_empty(), || "it finds nothing".to_owned());
    Ok((her, him))
}

async fn a_conflict_waits(script: &mut Script, stage: &Stage, her: &Known) -> Played {
    script.step("A conflict about her waits for a person");
    stage.crm.update("Contact", &her.contact, json!({ "LastName": "Vanterpool-Import" }), "automation").await?;
    stage.desk.update("user", her.user, json!({ "name": "Quintessa Vanterpool-Agent" }), None).await?;
    script.platforms("an import and an agent change her name within a second");
    script
        .awaits("the conflict waits", AWAITED_MAX, async || {
            let page = stage.get("/api/v1/conflicts?state=waiting").await?;
            let many = page["items"].as_array().map_or(0, Vec::len);
            Ok(if many == 1 { Ok(()) } else { Err(page.to_string()) })
        })
        .await
}

/// Both ask; the ids of the erasures, hers first.
async fn both_ask(script: &mut Script, stage: &Stage, her: &Known) -> Played<[String; 2]> {
    script.step("Both ask to be erased");
    stage.desk.update("user", her.user, json!({ "user_fields": { "erasure_requested": true } }), None).await?;
    script.platforms("an agent ticks `Asks to be erased` at the desk, for her");
    script
        .awaits("her erasure is done", AWAITED_MAX, async || {
            let page = stage.get("/api/v1/privacy/erasures").await?;
            let done = page["items"].as_array().and_then(|items| items.first()).filter(|one| finished(one)).cloned();
            Ok(done.map(drop).ok_or_else(|| page.to_string()))
        })
        .await?;
    let said = stage.run(&["privacy", "erase", HIM.email, "--yes"]).await?;
    script.operator(format!("entente privacy erase {} --yes", HIM.email));
    script.check("his erasure is done when the command ends", said.code == 0, || said.text.clone());
    let page = stage.get("/api/v1/privacy/erasures").await?;
    let items = page["items"].as_array().cloned().unwrap_or_default();
    let sources: Vec<String> = items.iter().map(|one| text(&one["source"])).collect();
    script.same("the requests and where they came from are on record", &sources, &vec!["cli".to_owned(), "zendesk".to_owned()]);
    let waiting = stage.get("/api/v1/conflicts?state=waiting").await?;
    script.same("the erasure has gone before the conflict: nothing waits", &waiting["items"], &json!([]));
    let of = |place: usize| items.get(place).map(|one| text(&one["id"])).unwrap_or_default();
    Ok([of(1), of(0)])
}

fn finished(erasure: &Value) -> bool {
    erasure["state"] == "done" && !erasure["scrubbed_at"].is_null()
}

async fn nothing_is_left(script: &mut Script, stage: &Stage, her: &Known, him: &Known) -> Played {
    script.step("Nothing of them is left");
    for (who, known) in [("she", her), ("he", him)] {
        let gone = stage.crm.row("Contact", &known.contact).await?.is_none();
        script.check(format!("{who} is deleted from the CRM, as its policy says"), gone, || "the contact is there".to_owned());
        let user = stage.desk.row("user", known.user).await?.unwrap_or_default();
        script.check(format!("{who} is anonymised at the desk, as its policy says"), user["name"] == "Erased person", || user.to_string());
        let ticket = stage.desk.row("ticket", known.ticket).await?.unwrap_or_default();
        script
            .check(format!("the desk keeps ticket {}, without a word", known.ticket), ticket["subject"] == "Erased", || ticket.to_string());
    }
    let rows = rows_with_traces(stage).await?;
    script.same("no row of either platform holds a trace of them", &rows, &Vec::new());
    let files = files_with_traces(stage.folder())?;
    script.same("no byte of the database's files and the log does", &files, &Vec::new());
    ledger_is_whole(script, stage).await
}

async fn compliance_is_told(script: &mut Script, stage: &Stage, erasures: &[String; 2]) -> Played {
    script.step("Legal and compliance are told");
    let told = || -> Vec<Value> { stage.told.events().into_iter().filter(|event| event["data"]["recipient"] == "compliance").collect() };
    for erasure in erasures {
        let (begun, done) = (format!("⚠ Erasure {erasure}: "), format!("✅ Over: Erasure {erasure}: "));
        let counted = script
            .awaits(format!("of erasure {erasure}, and that it is done"), AWAITED_MAX, async || {
                let titles: Vec<String> = told().iter().map(|event| text(&event["data"]["title"])).collect();
                let of = |start: &str| titles.iter().filter(|title| title.starts_with(start)).count();
                let counted = (of(&begun), of(&done));
                Ok(if counted.0 > 0 && counted.1 > 0 { Ok(counted) } else { Err(format!("{titles:?}")) })
            })
            .await?;
        script.same("once each", &counted, &(1, 1));
    }
    let named: Vec<String> = told().iter().map(ToString::to_string).filter(|event| has_traces(event.as_bytes())).collect();
    script.same("no message names either", &named, &Vec::new());
    Ok(())
}

async fn they_come_back(script: &mut Script, stage: &Stage, erasures: &[String; 2]) -> Played {
    script.step("Both turn up again, by every way there is");
    let caller = stage.desk.create("user", json!({ "name": "Q Vanterpool", "email": HER.email }), None).await?;
    script.platforms("by webhook: she calls, and an agent makes her a user");
    stage.crm.faults(json!({ "deliveries": { "lost": 1_000 } })).await?;
    let row = json!({ "FirstName": "E", "LastName": "Ashgrove", "Email": HIM.email.to_uppercase() });
    let back = stage.crm.insert("Contact", row, "sales").await?;
    script.platforms("by poll: sales enters him in the CRM, and no webhook tells of it");
    for (erasure, row, way) in [(&erasures[0], caller.to_string(), "webhook"), (&erasures[1], back.clone(), "poll")] {
        script
            .awaits(format!("what came by {way} was seen, and is on record"), AWAITED_MAX, async || {
                let found = stage.get(&format!("/api/v1/privacy/erasures/{erasure}")).await?;
                let seen = found["seen_again"].to_string();
                Ok(if seen.contains(&row) { Ok(()) } else { Err(seen) })
            })
            .await?;
    }
    stage.crm.faults(json!({ "clear": true })).await?;
    let said = stage.run(&["resync"]).await?;
    script.operator("entente resync, which reads everything again as an import does");
    script.check("everything is read again", said.code == 0, || said.text.clone());
    tokio::time::sleep(WATCHED).await;
    stage.rests(AWAITED_MAX).await?;
    let users = stage
        .desk
        .users(|user| text(&user["email"]).eq_ignore_ascii_case(HER.email) || text(&user["email"]).eq_ignore_ascii_case(HIM.email))
        .await?;
    script.check(
        "the desk has the one user that the agent made, and none of ours",
        users.len() == 1 && users[0]["external_id"].is_null(),
        || format!("{users:?}"),
    );
    let contacts = stage.crm.rows("Contact").await?;
    let of = |email: &str| contacts.iter().filter(|contact| text(&contact["Email"]).eq_ignore_ascii_case(email)).count();
    script.same("the CRM has the one contact that sales made, and none of ours", &(of(HER.email), of(HIM.email)), &(0, 1));
    let listed = stage.get("/api/v1/records?q=vanterpool").await?;
    script.same("no record of Entente is theirs", &listed["items"], &json!([]));
    let files = files_with_traces(stage.folder())?;
    script.same("and still no byte of the database's files is", &files, &Vec::new());
    // The rows that others made are theirs to remove; without them, everybody else is compared.
    stage.crm.delete("Contact", &back).await?;
    stage.desk.delete("user", caller).await?;
    Ok(())
}

async fn certificates(script: &mut Script, stage: &Stage, erasures: &[String; 2]) -> Played {
    script.step("Each erasure has a signed certificate");
    stage.rests(AWAITED_MAX).await?;
    for (number, erasure) in erasures.iter().enumerate() {
        script
            .awaits(format!("what webhooks brought in since of erasure {erasure} has left the files"), AWAITED_MAX, async || {
                let found = stage.get(&format!("/api/v1/privacy/erasures/{erasure}")).await?;
                Ok(if finished(&found) { Ok(()) } else { Err(found.to_string()) })
            })
            .await?;
        let file = format!("certificate-{number}.json");
        stage.run(&["privacy", "certificate", erasure, "--out", &file]).await?;
        let verified = stage.run(&["privacy", "verify", &file]).await?;
        script.operator(format!("entente privacy certificate {erasure} --out {file} && entente privacy verify {file}"));
        script.check("its signature fits, and it is complete", verified.code == 0 && verified.text.contains(", complete,"), || {
            verified.text.clone()
        });
        let path = stage.folder().join(&file);
        let certificate = std::fs::read_to_string(&path)?;
        let read: Value = serde_json::from_str(&certificate).map_err(crate::fault::Fault::from)?;
        let systems = ["salesforce", "zendesk"].map(|system| answered(&read, system));
        script.check("it has the answer of each system", systems.iter().all(|many| *many > 0), || certificate.clone());
        std::fs::write(&path, certificate.replacen("\"erased\"", "\"refused\"", 1))?;
        let altered = stage.run(&["privacy", "verify", &file]).await?;
        script.check("a single word altered in it is refused", altered.code != 0, || altered.text.clone());
    }
    Ok(())
}

/// Rows of a system that a certificate says are erased.
fn answered(certificate: &Value, system: &str) -> usize {
    let answers = certificate["statement"]["answers"].as_array();
    answers.into_iter().flatten().filter(|answer| answer["connection"] == system && answer["state"] == "erased").count()
}

fn has_traces(bytes: &[u8]) -> bool {
    let lower = bytes.to_ascii_lowercase();
    let traces = HER.traces.iter().chain(HIM.traces);
    traces.map(|trace| trace.as_bytes()).any(|trace| lower.windows(trace.len()).any(|window| window == trace))
}

/// Files of the folder that hold a trace of either.
fn files_with_traces(folder: &Path) -> Played<Vec<String>> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder)? {
        let path = file?.path();
        if path.is_file() && has_traces(&std::fs::read(&path)?) {
            found.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    Ok(found)
}

/// Rows of both platforms that hold a trace of either.
async fn rows_with_traces(stage: &Stage) -> Played<Vec<String>> {
    let mut rows = Vec::new();
    for object in ["Account", "Contact", "Task", "Opportunity"] {
        rows.extend(stage.crm.rows(object).await?);
    }
    for kind in ["user", "organization", "ticket"] {
        rows.extend(stage.desk.rows(kind).await?);
    }
    Ok(rows.iter().map(ToString::to_string).filter(|row| has_traces(row.as_bytes())).collect())
}
