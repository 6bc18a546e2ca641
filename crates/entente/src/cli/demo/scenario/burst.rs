//! The burst of a successful campaign: hundreds of new customers at once, while a mass change is in the queue and another program has used
//! up the desk's calls. Who was won goes first, batches get smaller, nobody knocks in vain, and everything is caught up with.

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::json;

use super::Size;
use super::opening::{agrees, closing, opening_but_for};
use super::platforms::{support_id, text};
use super::script::{AWAITED_MAX, Played, Script};
use super::stage::Stage;
use crate::cli::demo::control::http_client;
use crate::cli::demo::sims::Speed;
use crate::cli::status_text::number;
use crate::fault::{Fault, Result};

/// A campaign that everybody knows of is nothing unusual, so no mass change is held. A rate limit is over after ten seconds instead of a
/// quarter of an hour, and scheduled batches follow each other every ten seconds instead of every minute, so that their end can be watched.
const SYNC: &str = "latency_target_ms = 3000\npoll_interval_ms = 20000\nhold_percent = 0\nhold_overwrite_percent = 0\n\
                    alert_limit_calm_ms = 10000\nbatch_mode_above = 50\nbatch_mode_interval_ms = 10000";

/// Time until scheduled batches are over once everything has landed: two of them must have fitted into the quota of the minute, and it is
/// looked at every 15 seconds what operators are to be told of.
const BATCHES_END_MAX: Duration = Duration::from_secs(150);

/// What the desk fills in for new users, and withholds from polls for a minute.
const FILLED_IN: &[&str] = &["Contact.Time_Zone__c", "Contact.Language__c"];

/// Contacts in the CRM at the beginning.
const CUSTOMERS: usize = 600;

/// Calls at once of those who edit.
const HANDS: usize = 24;

/// Seconds of a minute after which the next one is waited for: what happens has to begin within one minute of the desk's quota.
const LATEST_S: u64 = 8;

/// Calls of the minute that the other program leaves: too few for updates, which leave a twentieth of the 700 to new customers.
const LEFT_OVER: u64 = 33;

/// Rows of a write under pressure.
const UNDER_PRESSURE: u64 = 50;

/// Writes in a row, from the first small one on, whose size is looked at. After ten calm calls batches grow again, and a
/// job that takes its time is asked after more than once.
const WRITES_LOOKED_AT: usize = 2;

/// Writes that are shown.
const WRITES_SHOWN: usize = 60;

/// How far new customers have to be ahead of the campaign at some time, as shares of each.
const AHEAD_LEAST: f64 = 0.2;

/// Calls at once of the other program.
const OTHER_HANDS: usize = 60;

/// Calls that may be refused: each says when to come again, and nobody comes before.
const REFUSED_MAX: u64 = 40;

/// The promise: caught up within two hours.
const CAUGHT_UP_MAX: Duration = Duration::from_secs(2 * 60 * 60);

/// Time between two looks at how far both are.
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// Plays it.
pub async fn play(script: &mut Script, size: &Size) -> Played {
    if size.speed == Some(Speed::Instant) {
        let what = "the burst is about quotas, and the profile `instant` has none";
        return Err(Fault::new(what, "leave --profile out").into());
    }
    let mut stage = opening_but_for(script, &size.setting(CUSTOMERS, Speed::Real, SYNC), FILLED_IN).await?;
    let before = Before::of(&stage).await?;
    script.step("The desk's calls are used up, and everything happens at once");
    next_minute().await;
    let minute = this_minute();
    let spent = another_program(&stage).await?;
    script.platforms(format!("another program makes {spent} calls to the desk, and leaves a handful of the minute's 700"));
    one_edit(script, &stage).await?;
    let began = Instant::now();
    let titles = campaign(script, &stage, size.changes).await?;
    let won = deals(script, &stage, size.new_customers).await?;
    let mut squeezed = before;
    if this_minute() != minute {
        // A large campaign takes longer to be made than the minute lasts.
        next_minute().await;
        squeezed = Before::of(&stage).await?;
        let spent = another_program(&stage).await?;
        script.platforms(format!("by now it is another minute: the program makes {spent} calls once more"));
    }
    let course = watched(script, &stage, &titles, &won, began).await?;
    order_of_work(script, &course);
    pressure(script, &stage, &squeezed).await?;
    fallback(script, &stage, &course).await?;
    everybody_once(script, &stage, &won).await?;
    told(script, &stage).await?;
    costs(script, &stage, &before, size.changes + size.new_customers, course.ended).await?;
    script.step("The end");
    agrees(script, &stage, &[]).await?;
    closing(script, &mut stage).await
}

/// Counts before something happens.
#[derive(Clone, Copy)]
struct Before {
    limited: u64,
    desk: u64,
    crm: u64,
    at: jiff::Timestamp,
}

impl Before {
    async fn of(stage: &Stage) -> Result<Self> {
        let calls = stage.sims.control.calls().await?;
        let limited = stage.desk.calls().await?["limited"].as_u64().unwrap_or(0);
        Ok(Self { limited, desk: calls.zendesk, crm: calls.salesforce, at: jiff::Timestamp::now() })
    }
}

/// The minute of the desk's quota.
fn this_minute() -> i64 {
    jiff::Timestamp::now().as_second().div_euclid(60)
}

/// Waits for the next minute, unless this one has just begun.
async fn next_minute() {
    let second = jiff::Timestamp::now().as_second().rem_euclid(60).unsigned_abs();
    if second > LATEST_S {
        tokio::time::sleep(Duration::from_secs(61 - second)).await;
    }
}

/// A program of somebody else that uses the desk's API, until few calls of the minute are left. Answers how many it made.
async fn another_program(stage: &Stage) -> Result<u64> {
    let client = http_client(AWAITED_MAX)?;
    let url = format!("{}/api/v2/users/me.json", stage.sims.zendesk.as_str().trim_end_matches('/'));
    let (email, token) = &stage.sims.zendesk_token;
    let one = async || -> Result<u64> {
        let call = client.get(&url).basic_auth(format!("{email}/token"), Some(token));
        let answer =
            call.send().await.map_err(|error| Fault::new(format!("the desk does not answer: {error}"), "start the scenario again"))?;
        let left = answer.headers().get("x-rate-limit-remaining").and_then(|left| left.to_str().ok()?.parse().ok());
        Ok(left.unwrap_or(0))
    };
    let mut made = 1;
    let mut left = one().await?;
    while left > LEFT_OVER {
        let many = (left - LEFT_OVER).min(OTHER_HANDS as u64);
        let answers: Vec<u64> = stream::iter(0..many).map(|_| one()).buffer_unordered(OTHER_HANDS).try_collect().await?;
        made += many;
        left = answers.into_iter().min().unwrap_or(0);
    }
    Ok(made)
}

/// An edit as on any day, whose write shows Entente how few calls are left.
async fn one_edit(script: &mut Script, stage: &Stage) -> Played {
    let row = stage.crm.rows("Account").await?.into_iter().find(|row| support_id(row).is_some()).unwrap_or_default();
    let organization = support_id(&row).unwrap_or_default();
    stage.crm.update("Account", &text(&row["Id"]), json!({ "Plan__c": "Pro Burst" }), "sales").await?;
    script
        .awaits("an edit of the CRM lands meanwhile, and shows Entente how few calls are left", AWAITED_MAX, async || {
            let held = stage.desk.row("organization", organization).await?.unwrap_or_default();
            let plan = text(&held["organization_fields"]["plan"]);
            Ok(if plan == "Pro Burst" { Ok(()) } else { Err(plan) })
        })
        .await
}

/// Every contact gets a new title, again and again until there were so many changes; the last titles by user.
async fn campaign(script: &mut Script, stage: &Stage, changes: usize) -> Played<Vec<(u64, String)>> {
    let mut contacts: Vec<(String, u64)> =
        stage.crm.rows("Contact").await?.iter().filter_map(|row| Some((text(&row["Id"]), support_id(row)?))).collect();
    contacts.sort();
    let rounds = changes.div_ceil(contacts.len().max(1));
    let mut left = changes;
    let mut titles = Vec::new();
    for round in 1..=rounds {
        let of_round = &contacts[..left.min(contacts.len())];
        left -= of_round.len();
        let title = format!("Campaign {round}");
        stream::iter(of_round)
            .map(|(contact, _)| stage.crm.update("Contact", contact, json!({ "Title": title }), "automation"))
            .buffer_unordered(HANDS)
            .try_collect::<()>()
            .await?;
        let later: std::collections::HashSet<u64> = of_round.iter().map(|(_, user)| *user).collect();
        titles.retain(|(user, _)| !later.contains(user));
        titles.extend(of_round.iter().map(|(_, user)| (*user, title.clone())));
    }
    script.platforms(format!(
        "a campaign changes {} titles of {} contacts in the CRM",
        number(changes as u64),
        number(titles.len() as u64)
    ));
    Ok(titles)
}

/// Deals with companies that nobody at the desk knows are won, behind the campaign; the accounts.
async fn deals(script: &mut Script, stage: &Stage, many: usize) -> Played<Vec<String>> {
    let one = async |place: usize| -> Result<String> {
        let (name, domain) = (format!("Burst {place} Ltd"), format!("burst-{place}.example"));
        let account = json!({ "Name": name, "Website": format!("https://www.{domain}"), "Type": "Prospect", "Account_Tier__c": "Pro" });
        let account = stage.crm.insert("Account", account, "sales").await?;
        let person =
            json!({ "AccountId": account, "FirstName": "Pat", "LastName": format!("Burst{place}"), "Email": format!("pat@{domain}") });
        stage.crm.insert("Contact", person, "sales").await?;
        let deal = json!({ "Name": format!("{name}: first contract"), "AccountId": account, "StageName": "Closed Won", "CloseDate": "2026-01-31", "Amount": 9_000 });
        stage.crm.insert("Opportunity", deal, "sales").await?;
        Ok(account)
    };
    let accounts: Vec<String> = stream::iter(0..many).map(one).buffer_unordered(HANDS).try_collect().await?;
    script.platforms(format!("{} deals with new companies are won, behind the campaign", number(many as u64)));
    Ok(accounts)
}

/// What `entente status` says of a desk in the mode of scheduled batches.
const SCHEDULED: &str = "zendesk: changes travel in scheduled batches";

/// What the metrics say of it: 1 in the mode, 0 otherwise. They are read anew at each look, where the dashboard's count is kept for a while.
const SCHEDULED_METRIC: &str = "sync_scheduled_batches";

/// How far both were, look by look.
struct Course {
    /// Shares of the new customers and of the campaign that had landed.
    looks: Vec<(f64, f64)>,
    /// What the terminal and the metrics said of the desk when they were first seen to speak of scheduled batches.
    batches: Option<(String, String)>,
    ended: Duration,
}

async fn watched(script: &mut Script, stage: &Stage, titles: &[(u64, String)], won: &[String], began: Instant) -> Played<Course> {
    script.step("Entente works it off");
    let mut looks = Vec::new();
    let mut told = 0;
    let mut batches = None;
    loop {
        let is_told = batches.as_ref().is_some_and(|(status, _): &(String, String)| status.contains(SCHEDULED));
        let metric = stage.metric(SCHEDULED_METRIC, "zendesk").await?;
        if !is_told && metric.ends_with(" 1") {
            if batches.is_none() {
                script.entente("the desk goes over to scheduled batches");
            }
            // The terminal reads the store, which learns of it a moment later.
            batches = Some((stage.run(&["status"]).await?.text, metric));
        }
        let look = (share(new_ones(stage, won).await?, won.len()), share(changed(stage, titles).await?, titles.len()));
        looks.push(look);
        let quarter = (look.0 * 4.0) as usize + (look.1 * 4.0) as usize;
        if quarter > told {
            told = quarter;
            script.entente(format!(
                "after {:.0} s: {:.0} % of the new customers are at the desk, {:.0} % of the campaign",
                began.elapsed().as_secs_f64(),
                look.0 * 100.0,
                look.1 * 100.0
            ));
        }
        let ended = began.elapsed();
        if look == (1.0, 1.0) {
            script
                .check("everything is caught up with, within the two hours of the promise", ended < CAUGHT_UP_MAX, || format!("{ended:?}"));
            return Ok(Course { looks, batches, ended });
        }
        if ended >= CAUGHT_UP_MAX {
            script.check("everything is caught up with, within the two hours of the promise", false, || format!("{look:?}"));
            return Ok(Course { looks, batches, ended });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What was more than the quota allowed one by one travelled in scheduled batches, and that is over by itself.
async fn fallback(script: &mut Script, stage: &Stage, course: &Course) -> Played {
    script.step("What is more than the quota allows travels in scheduled batches, until it suffices");
    let (status, metric) = course.batches.clone().unwrap_or_default();
    script.check("the desk went over to them by itself, as the metrics show", metric.ends_with(" 1"), || format!("{:?}", stage.titles()));
    script.check("`entente status` says so", status.contains(SCHEDULED), || status.clone());
    script
        .awaits("it is over by itself, and operators were told of both", BATCHES_END_MAX, async || {
            let (metric, told) = (stage.metric(SCHEDULED_METRIC, "zendesk").await?, stage.alerts("scheduled_batches"));
            Ok(if metric.ends_with(" 0") && told == (1, 1) { Ok(()) } else { Err(format!("{metric}, {told:?}")) })
        })
        .await
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// How many new customers the CRM has the desk's id of.
async fn new_ones(stage: &Stage, won: &[String]) -> Result<usize> {
    let accounts = stage.crm.rows("Account").await?;
    let there: std::collections::HashSet<String> =
        accounts.iter().filter(|row| support_id(row).is_some()).map(|row| text(&row["Id"])).collect();
    Ok(won.iter().filter(|account| there.contains(*account)).count())
}

/// How many users of the desk have the title that the campaign gave them last.
async fn changed(stage: &Stage, titles: &[(u64, String)]) -> Result<usize> {
    let users = stage.desk.rows("user").await?;
    let held: std::collections::HashMap<u64, String> =
        users.iter().filter_map(|user| Some((user["id"].as_u64()?, text(&user["user_fields"]["job_title"])))).collect();
    Ok(titles.iter().filter(|(user, title)| held.get(user) == Some(title)).count())
}

fn order_of_work(script: &mut Script, course: &Course) {
    script.step("New customers go first, though the campaign was in the queue before them");
    // The campaign is under way when the deals are won.
    let landed = course.looks.first().map_or(0.0, |look| look.1);
    let new = course.looks.iter().position(|look| look.0 >= 0.5);
    let campaign = course.looks.iter().position(|look| look.1 >= landed + (1.0 - landed) / 2.0);
    script.check(
        "half of the new customers were there no later than half of what was left of the campaign",
        matches!((new, campaign), (Some(new), Some(campaign)) if new <= campaign),
        || format!("look {new:?} and look {campaign:?}"),
    );
    let ahead = course.looks.iter().map(|look| look.0 - look.1).fold(0.0, f64::max);
    script.check("and were clearly ahead at some time", ahead >= AHEAD_LEAST, || format!("{:.0} % ahead at most", ahead * 100.0));
    script.figure("new customers ahead of the campaign by at most, percent", (ahead * 100.0).round());
}

async fn pressure(script: &mut Script, stage: &Stage, before: &Before) -> Played {
    script.step("Batches are small under pressure, and nobody knocks in vain");
    let new: Vec<u64> = stage.desk.jobs(before.at).await?;
    let shown = &new[..new.len().min(WRITES_SHOWN)];
    script.entente(format!("rows of its first writes to the desk, in order: {shown:?}"));
    let first: Vec<u64> = new.iter().copied().skip_while(|rows| *rows != UNDER_PRESSURE).take(WRITES_LOOKED_AT).collect();
    script.check(
        format!("once the calls are used up, the next writes carry {UNDER_PRESSURE} rows, and none more"),
        !first.is_empty() && first.iter().all(|rows| *rows <= UNDER_PRESSURE),
        || format!("{shown:?}"),
    );
    let limited = stage.desk.calls().await?["limited"].as_u64().unwrap_or(0) - before.limited;
    script.check(format!("the desk refused {REFUSED_MAX} calls at most, of everybody"), limited <= REFUSED_MAX, || limited.to_string());
    script.figure("calls refused for pace", limited);
    Ok(())
}

async fn everybody_once(script: &mut Script, stage: &Stage, won: &[String]) -> Played {
    script.step("Nothing is lost and nothing is doubled");
    script.check("everything has come to rest", stage.rests(AWAITED_MAX * 4).await?, || stage.last_words());
    let of = async |kind: &str, field: &str, start: &str| -> Result<(usize, usize)> {
        let rows = stage.desk.rows(kind).await?;
        let names: Vec<String> = rows.iter().map(|row| text(&row[field])).filter(|name| name.starts_with(start)).collect();
        let single: std::collections::BTreeSet<&String> = names.iter().collect();
        Ok((names.len(), single.len()))
    };
    let expected = (won.len(), won.len());
    script.same("each new company is at the desk once", &of("organization", "name", "Burst ").await?, &expected);
    script.same("each of their people is", &of("user", "email", "pat@burst-").await?, &expected);
    script.same("each has one onboarding checklist", &of("ticket", "subject", "Onboarding: Burst ").await?, &expected);
    let letters = stage.said(&["dead-letters", "list"]).await?;
    script.same("nothing has failed for good", &letters["items"], &json!([]));
    Ok(())
}

async fn told(script: &mut Script, stage: &Stage) -> Played {
    script.step("Operators are told once, and of the end once");
    script
        .awaits("that the rate limit was reached, and that it is over", AWAITED_MAX, async || {
            let told = stage.alerts("rate_limit");
            Ok(if told.0 > 0 && told.1 > 0 { Ok(()) } else { Err(format!("{:?}", stage.titles())) })
        })
        .await?;
    script.same("once each", &stage.alerts("rate_limit"), &(1, 1));
    Ok(())
}

async fn costs(script: &mut Script, stage: &Stage, before: &Before, changes: usize, ended: Duration) -> Played {
    script.step("What it cost");
    let calls = stage.sims.control.calls().await?;
    let (desk, crm) = (calls.zendesk - before.desk, calls.salesforce - before.crm);
    script.entente(format!(
        "caught up after {:.0} s, with {} calls to the desk, the other program's among them, and {} to the CRM",
        ended.as_secs_f64(),
        number(desk),
        number(crm)
    ));
    script.check(
        format!("the CRM was called far less often than there were changes ({})", number(changes as u64)),
        crm * 4 < changes as u64,
        || crm.to_string(),
    );
    script.figure("caught up after, seconds", (ended.as_secs_f64() * 10.0).round() / 10.0);
    script.figure("calls to the desk, of everybody", desk);
    script.figure("calls to the CRM, of 100,000 a day", crm);
    script.figure("changes", changes as u64);
    Ok(())
}
