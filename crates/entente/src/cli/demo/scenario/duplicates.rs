//! One customer, several rows: who is linked without asking, who is shown to a person, who must not be merged, and what becomes of tickets
//! and activities when two rows turn out to be one.

use serde_json::{Value, json};

use super::Size;
use super::opening::{agrees, closing, opening};
use super::platforms::{support_id, text};
use super::script::{AWAITED_MAX, Played, Script};
use super::stage::Stage;
use crate::cli::demo::sims::Speed;

/// Quick, and with enough time for two creations to cross.
const SYNC: &str = "latency_target_ms = 2000\npoll_interval_ms = 10000";

/// Plays it.
pub async fn play(script: &mut Script, size: &Size) -> Played {
    let mut stage = opening(script, &size.setting(30, Speed::Instant, SYNC)).await?;
    let account = json!({ "Name": "Twin Peaks Timber", "Website": "https://www.twin-peaks-timber.example", "Type": "Customer - Direct", "Account_Tier__c": "Pro" });
    let account = stage.crm.insert("Account", account, "sales").await?;
    race(script, &stage, &account).await?;
    a_typing_error(script, &stage, &account).await?;
    a_shared_mailbox(script, &stage, &account).await?;
    twins_in_the_crm(script, &stage, &account).await?;
    merged(script, &stage, &account).await?;
    script.step("The end");
    stage.rests(AWAITED_MAX).await?;
    agrees(script, &stage, &[]).await?;
    closing(script, &mut stage).await
}

/// A contact that sales makes.
async fn contact(stage: &Stage, account: &str, name: (&str, &str), email: &str, phone: &str) -> Played<String> {
    let row = json!({ "AccountId": account, "FirstName": name.0, "LastName": name.1, "Email": email, "Phone": phone });
    Ok(stage.crm.insert("Contact", row, "sales").await?)
}

/// A user that an agent makes.
async fn user(stage: &Stage, name: &str, email: &str, phone: &str) -> Played<u64> {
    Ok(stage.desk.create("user", json!({ "name": name, "email": email, "phone": phone, "role": "end-user" }), None).await?)
}

/// Reviews that wait and are about somebody.
async fn reviews(stage: &Stage, about: &str) -> Played<Vec<Value>> {
    let page = stage.get("/api/v1/reviews?state=waiting").await?;
    let items = page["items"].as_array().cloned().unwrap_or_default();
    Ok(items.into_iter().filter(|review| review.to_string().contains(about)).collect())
}

async fn asks(script: &mut Script, what: &str, stage: &Stage, about: &str) -> Played<Value> {
    let review = script
        .awaits(what, AWAITED_MAX, async || {
            let found = reviews(stage, about).await?;
            Ok(match found.as_slice() {
                [one] => Ok(one.clone()),
                _ => Err(format!("{} reviews", found.len())),
            })
        })
        .await?;
    script.entente(format!(
        "{}: {:.0} % likely the same, because of {}",
        text(&review["kind"]),
        review["score"].as_f64().unwrap_or(0.0) * 100.0,
        text(&review["evidence"])
    ));
    Ok(review)
}

async fn linked_to(stage: &Stage, contact: &str) -> Played<Option<u64>> {
    Ok(stage.crm.row("Contact", contact).await?.as_ref().and_then(support_id))
}

async fn users_called(stage: &Stage, family: &str) -> Played<usize> {
    Ok(stage.desk.users(|user| text(&user["name"]).contains(family)).await?.len())
}

async fn contacts_called(stage: &Stage, family: &str) -> Played<usize> {
    Ok(stage.crm.rows("Contact").await?.iter().filter(|row| text(&row["LastName"]).contains(family)).count())
}

async fn race(script: &mut Script, stage: &Stage, account: &str) -> Played {
    script.step("Sales and an agent create the same person at the same moment");
    let (robert, bob) = tokio::join!(
        contact(stage, account, ("Robert", "Truman"), "truman@twin-peaks-timber.example", "+1 415 555 3001"),
        user(stage, "Bob Truman", "truman@twin-peaks-timber.example", "+14155553001"),
    );
    let (robert, bob) = (robert?, bob?);
    script.platforms("Robert Truman in the CRM, Bob Truman at the desk, with one address and one number");
    script
        .awaits("they are linked without asking", AWAITED_MAX, async || {
            let linked = linked_to(stage, &robert).await?;
            Ok(if linked == Some(bob) { Ok(()) } else { Err(format!("{linked:?}")) })
        })
        .await?;
    stage.rests(AWAITED_MAX).await?;
    script.same(
        "the CRM has one of them, and the desk one",
        &(contacts_called(stage, "Truman").await?, users_called(stage, "Truman").await?),
        &(1, 1),
    );
    Ok(())
}

async fn a_typing_error(script: &mut Script, stage: &Stage, account: &str) -> Played {
    script.step("A slip of the pen, and no address at one side");
    let katherine = contact(stage, account, ("Katherine", "Palmerston"), "", "+1 415 555 3002").await?;
    let catherine = user(stage, "Kathrin Palmerston", "kp@private.example", "+14155553002").await?;
    script.platforms("Katherine Palmerston in the CRM, Kathrin Palmerston at the desk, with one number");
    script
        .awaits("they end as one, or a person is asked, and no twin is made", AWAITED_MAX, async || {
            let (linked, asked) = (linked_to(stage, &katherine).await?, reviews(stage, "Palmerston").await?);
            Ok(if linked == Some(catherine) || asked.len() == 1 {
                Ok(())
            } else {
                Err(format!("linked to {linked:?}, {} asked", asked.len()))
            })
        })
        .await?;
    if let [review] = reviews(stage, "Palmerston").await?.as_slice() {
        let id = text(&review["id"]);
        script.entente(format!("asks: {:.0} % likely the same", review["score"].as_f64().unwrap_or(0.0) * 100.0));
        script.same(
            "nobody was created meanwhile",
            &(contacts_called(stage, "Palmerston").await?, users_called(stage, "Palmerston").await?),
            &(1, 1),
        );
        let said = stage.run(&["reviews", "accept", &id]).await?;
        script.operator(format!("entente reviews accept {id}"));
        script.check("a person says that they are one", said.code == 0, || said.text.clone());
    }
    script
        .awaits("they are one customer", AWAITED_MAX, async || {
            let linked = linked_to(stage, &katherine).await?;
            Ok(if linked == Some(catherine) { Ok(()) } else { Err(format!("{linked:?}")) })
        })
        .await?;
    stage.rests(AWAITED_MAX).await?;
    script.same(
        "the CRM has one of them, and the desk one",
        &(contacts_called(stage, "Palmerston").await?, users_called(stage, "Palmerston").await?),
        &(1, 1),
    );
    let row = stage.crm.row("Contact", &katherine).await?.unwrap_or_default();
    script.same("and the CRM has learnt the address", &text(&row["Email"]), &"kp@private.example".to_owned());
    Ok(())
}

async fn a_shared_mailbox(script: &mut Script, stage: &Stage, account: &str) -> Played {
    script.step("Two people share a mailbox and a switchboard");
    let grace = contact(stage, account, ("Grace", "Horne"), "info@twin-peaks-timber.example", "+1 415 555 3003").await?;
    let audrey = user(stage, "Audrey Packard", "info@twin-peaks-timber.example", "+14155553003").await?;
    script.platforms("Grace Horne in the CRM and Audrey Packard at the desk, both at info@");
    let review = asks(script, "a person is asked, and sees everything that was weighed", stage, "Packard").await?;
    script.same("they are not linked", &linked_to(stage, &grace).await?, &None);
    let name = stage.desk.row("user", audrey).await?.map(|user| text(&user["name"])).unwrap_or_default();
    script.same("and Audrey Packard is who she was", &name, &"Audrey Packard".to_owned());
    let id = text(&review["id"]);
    let said = stage.run(&["reviews", "reject", &id]).await?;
    script.operator(format!("entente reviews reject {id}"));
    script.check("a person says that they are two", said.code == 0, || said.text.clone());
    stage.crm.update("Contact", &grace, json!({ "Email": "grace.horne@twin-peaks-timber.example" }), "sales").await?;
    script.platforms("sales gives Grace Horne an address of her own");
    script
        .awaits("each has a counterpart of her own", AWAITED_MAX, async || {
            let linked = linked_to(stage, &grace).await?;
            Ok(if linked.is_some_and(|user| user != audrey) { Ok(()) } else { Err(format!("{linked:?}")) })
        })
        .await?;
    stage.rests(AWAITED_MAX).await?;
    script.same("Grace Horne is at the desk once", &users_called(stage, "Horne").await?, &1);
    script.same("nobody is asked again", &reviews(stage, "Packard").await?.len(), &0);
    Ok(())
}

async fn twins_in_the_crm(script: &mut Script, stage: &Stage, account: &str) -> Played {
    script.step("Sales enters somebody a second time");
    let first = contact(stage, account, ("Norma", "Jennings"), "norma@twin-peaks-timber.example", "+1 415 555 3004").await?;
    script
        .awaits("Norma Jennings is at the desk", AWAITED_MAX, async || {
            Ok(linked_to(stage, &first).await?.ok_or_else(|| "no user".to_owned()))
        })
        .await?;
    let again = contact(stage, account, ("Norma", "Jennings"), "norma.jennings@twin-peaks-timber.example", "").await?;
    script.platforms("Norma Jennings again, with another address");
    asks(script, "a person is shown both", stage, "Jennings").await?;
    script.same("the desk gets no twin meanwhile", &(linked_to(stage, &again).await?, users_called(stage, "Jennings").await?), &(None, 1));
    stage.crm.merge("Contact", &first, &[&again]).await?;
    script.platforms("sales merges the two in the CRM");
    script
        .awaits("nobody is asked any more", AWAITED_MAX, async || {
            let left = reviews(stage, "Jennings").await?;
            Ok(if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) })
        })
        .await?;
    stage.rests(AWAITED_MAX).await?;
    script.same(
        "the CRM has one of them, and the desk one",
        &(contacts_called(stage, "Jennings").await?, users_called(stage, "Jennings").await?),
        &(1, 1),
    );
    Ok(())
}

async fn merged(script: &mut Script, stage: &Stage, account: &str) -> Played {
    script.step("Two customers with tickets and activities turn out to be one");
    let stays = contact(stage, account, ("Nell", "Newby"), "nell@twin-peaks-timber.example", "+1 415 555 3005").await?;
    let goes = contact(stage, account, ("Eleanor", "Cooper"), "eleanor@cooper.example", "+1 415 555 3006").await?;
    let mut users = Vec::new();
    for (one, name) in [(&stays, "Nell Newby"), (&goes, "Eleanor Cooper")] {
        users.push(
            script
                .awaits(format!("{name} has a user"), AWAITED_MAX, async || {
                    Ok(linked_to(stage, one).await?.ok_or_else(|| "no user".to_owned()))
                })
                .await?,
        );
    }
    let [winner, loser] = users[..] else { return Ok(()) };
    let mut tickets = Vec::new();
    for (user, subject) in [(winner, "Nell asks about timber"), (loser, "Eleanor asks about saws")] {
        let ticket = json!({ "subject": subject, "requester_id": user, "comment": { "body": "Hello" } });
        tickets.push(stage.desk.create("ticket", ticket, Some(user)).await?);
        script
            .awaits(format!("`{subject}` is an activity of the CRM"), AWAITED_MAX, async || {
                let there = activity(stage, subject).await?.is_some();
                Ok(if there { Ok(()) } else { Err("it is not".to_owned()) })
            })
            .await?;
    }
    stage.crm.merge("Contact", &stays, &[&goes]).await?;
    script.platforms("Eleanor Cooper has married and is Nell Newby: sales merges the two in the CRM");
    script
        .awaits("operators are told that the desk still has two", AWAITED_MAX, async || {
            let told = stage.titles();
            Ok(if told.iter().any(|title| title.contains("merged")) { Ok(()) } else { Err(format!("{told:?}")) })
        })
        .await?;
    let left = stage.desk.row("user", loser).await?.is_some_and(|user| user["active"] != false);
    if left {
        stage.desk.merge("user", loser, winner).await?;
        script.platforms("an agent merges the two at the desk, as asked");
    }
    stage.rests(AWAITED_MAX).await?;
    script.same("the CRM has one of them", &(contacts_called(stage, "Newby").await?, contacts_called(stage, "Cooper").await?), &(1, 0));
    let users = stage.desk.users(|user| user["id"] == winner || user["id"] == loser).await?;
    script.same("and the desk one", &users.len(), &1);
    for ticket in &tickets {
        let row = stage.desk.row("ticket", *ticket).await?.unwrap_or_default();
        script.same(format!("ticket {ticket} belongs to who stays"), &row["requester_id"].as_u64(), &Some(winner));
    }
    for subject in ["Nell asks about timber", "Eleanor asks about saws"] {
        let who = activity(stage, subject).await?.map(|task| text(&task["WhoId"]));
        script.same(format!("the activity `{subject}` belongs to who stays"), &who, &Some(stays.clone()));
    }
    script.same("the two sides name each other", &linked_to(stage, &stays).await?, &Some(winner));
    stage.desk.update("user", winner, json!({ "time_zone": "London" }), None).await?;
    script.platforms("an agent sets the time zone of Nell Newby");
    script
        .awaits("edits flow between the two that stay", AWAITED_MAX, async || {
            let row = stage.crm.row("Contact", &stays).await?.unwrap_or_default();
            Ok(if row["Time_Zone__c"] == "Europe/London" { Ok(()) } else { Err(row.to_string()) })
        })
        .await
}

/// The activity of the CRM that holds this subject.
async fn activity(stage: &Stage, subject: &str) -> Played<Option<Value>> {
    Ok(stage.crm.rows("Task").await?.into_iter().find(|task| text(&task["Subject"]).contains(subject)))
}
