//! The real process, killed twenty times under load. A crash may delay agreement, and nothing else.

use std::time::Duration;

use entente_store::{DeliveryState, MasterKey, Store, StoreOptions, StoreUrl};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use crate::hub::{Folder, stop};
use crate::platforms::Platforms;
use crate::relay::Relay;

/// Seed of the moments at which the process dies.
const SEED: u64 = 20;
/// Contacts in the CRM, most of them known to the desk already.
const CUSTOMERS: usize = 200;
/// Deaths during the first full sync, and under live edits.
const DEATHS: (usize, usize) = (6, 14);
/// Edits a second, both sides together.
const RATE: f64 = 25.0;
/// Edits that never enter a value twice: one that goes and comes back while the hub is dead is never written, so nobody sees it land.
const KINDS: &[&str] = &[
    "contact_name",
    "contact_email",
    "contact_title",
    "contact_phone",
    "account_plan",
    "account_csm",
    "account_renewal",
    "account_arr",
    "closed_won",
    "sales_call",
    "user_name",
    "ticket_created",
    "ticket_updated",
    "ticket_solved",
    "ticket_rated",
    "conflict",
    "burst",
];
/// Time that anything awaited may take.
const AWAITED_MAX: Duration = Duration::from_secs(45);
/// Time between two looks at something that is awaited.
const LOOK_EVERY: Duration = Duration::from_millis(150);
/// Looks in a row that must find nothing to do: between two steps of a long way, nothing is on its way for a moment.
const STILL_LOOKS: u32 = 5;

fn configuration(platforms: &Platforms, organization: &str, signing_secret: &str) -> String {
    format!(
        r#"
[server]
listen = "{{listen}}"

[store]
url = "sqlite:entente.db"

[sync]
latency_target_ms = 500
poll_interval_ms = 10000
retry_after_ms = [300, 1000, 3000]

[[connection]]
name = "salesforce"
platform = "salesforce"
base_url = "{}"
auth = {{ kind = "client_credentials", client_id = "sim-client", client_secret = "sim-secret" }}
webhooks = {{ organization = "{organization}", path_secret = "a-secret-path" }}

[[connection]]
name = "zendesk"
platform = "zendesk"
base_url = "{}"
auth = {{ kind = "client_credentials", client_id = "entente", client_secret = "zendesk-client-secret" }}
webhooks = {{ signing_secret = "{signing_secret}" }}
"#,
        platforms.salesforce, platforms.zendesk
    )
}

/// Looks until a condition holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < AWAITED_MAX, "{what}: not within {} seconds", AWAITED_MAX.as_secs());
        sleep(LOOK_EVERY).await;
    }
}

/// Starts the server and kills it a moment later: while it starts, as soon as it serves, or in the middle of its work.
async fn live_and_die(folder: &Folder, dice: &mut ChaCha8Rng) {
    let mut child = folder.serve();
    if dice.random_range(0..5) == 0 {
        sleep(Duration::from_millis(dice.random_range(0..250))).await;
    } else {
        folder.serves(&mut child).await;
        sleep(Duration::from_millis(dice.random_range(0..900))).await;
    }
    // SIGKILL: nothing of the process gets a word in.
    child.kill().await.unwrap();
}

/// Waits until no edit is outstanding and nothing is on its way, at the platforms and in the hub. What waits for a person is decided
/// meanwhile: an edit of a field in dispute lands only then.
async fn come_to_rest(platforms: &Platforms, folder: &Folder, store: &Store) {
    let mut still = 0;
    let mut last = Value::Null;
    let began = Instant::now();
    while still < STILL_LOOKS {
        decide_conflicts(folder).await;
        let (report, quiet) = (platforms.get("world/report").await, platforms.get("world/quiet").await);
        let (hints, fresh) = left(store).await;
        last =
            json!({ "outstanding": report["outstanding"], "waiting": report["waiting"], "quiet": quiet, "hints": hints, "inbox": fresh });
        let at_rest = report["outstanding"] == 0 && quiet["mail"] == false && quiet["jobs"] == false && hints == 0 && fresh == 0;
        still = if at_rest { still + 1 } else { 0 };
        assert!(began.elapsed() < AWAITED_MAX, "no rest: {last}\n{}", folder.last_words());
        sleep(LOOK_EVERY).await;
    }
    println!("at rest after {:.1} s: {last}", began.elapsed().as_secs_f64());
}

/// Hints that have not ended, and webhooks that were not read.
async fn left(store: &Store) -> (u64, u64) {
    let now = entente_model::clock::Timestamp::now();
    let counted = store.read(move |tx| {
        let hints = tx.hint_counts(now)?.values().map(|lane| lane.waiting + lane.retrying + lane.leased).sum();
        let fresh = tx.inbox_counts()?.iter().filter(|((_, state), _)| *state == DeliveryState::New).map(|(_, count)| count).sum();
        Ok((hints, fresh))
    });
    counted.await.unwrap()
}

/// Webhooks that were ever kept.
async fn kept(store: &Store) -> u64 {
    store.read(|tx| Ok(tx.inbox_counts()?.values().sum())).await.unwrap()
}

/// Decides what waits for a person, for what was entered last.
async fn decide_conflicts(folder: &Folder) {
    let page = folder.get("/api/v1/conflicts").await;
    let waiting = page["items"].as_array().unwrap();
    for conflict in waiting {
        // The traffic counts its edits and puts the number into their values. Of two fields that were edited between two looks at their row
        // only the later time is known.
        let entered = |side: &Value| (number_of(&side["value"].to_string()), side["at"].as_str().map(str::to_owned));
        let latest = conflict["sides"].as_array().unwrap().iter().max_by_key(|side| entered(side)).unwrap();
        let side = latest["side"].as_str().unwrap();
        let done = folder.run(&["conflicts", "resolve", conflict["id"].as_str().unwrap(), "--side", side]).await;
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

/// The number of the edit that a value was entered by, as the traffic writes it: `k0005c`.
fn number_of(value: &str) -> String {
    let mut numbers = value.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| word.len() == 6 && word.starts_with("k0"));
    numbers.next_back().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promise_holds_after_twenty_kills_under_load() {
    let began = Instant::now();
    let platforms = Platforms::start(SEED, CUSTOMERS).await;
    let (relay, address) = Relay::start().await;
    let hooks = platforms.webhooks(&format!("{address}/hooks/salesforce/a-secret-path"), &format!("{address}/hooks/zendesk")).await;
    let folder = Folder::new(&configuration(&platforms, &hooks.0, &hooks.1));
    relay.to(&folder.url);
    let mut dice = ChaCha8Rng::seed_from_u64(SEED);

    // The first full sync, interrupted again and again.
    let mut child = folder.serve();
    folder.serves(&mut child).await;
    until("the first sync is under way", async || platforms.get("world/agreement").await["linked"].as_u64().unwrap() > 0).await;
    child.kill().await.unwrap();
    for _ in 1..DEATHS.0 {
        live_and_die(&folder, &mut dice).await;
    }

    // Live edits, from the moment that some customers are linked.
    let mut child = folder.serve();
    folder.serves(&mut child).await;
    until("customers are linked", async || platforms.get("world/agreement").await["linked"].as_u64().unwrap() > 50).await;
    let traffic = json!({ "rate": RATE, "seed": SEED, "kinds": KINDS });
    platforms.post("world/traffic/start", &traffic).await;
    until("edits land", async || platforms.get("world/report").await["landed"].as_u64().unwrap() > 0).await;
    child.kill().await.unwrap();
    for _ in 1..DEATHS.1 {
        live_and_die(&folder, &mut dice).await;
    }
    let report = platforms.post("world/traffic/stop", &json!({})).await;
    println!("{} edits, {} landed while the hub died, after {:.1} s", report["edits"], report["landed"], began.elapsed().as_secs_f64());

    // Nobody dies any more.
    let mut child = folder.serve();
    folder.serves(&mut child).await;
    let key = MasterKey::parse(&std::fs::read_to_string(folder.path().join("entente.key")).unwrap()).unwrap();
    let store = Store::open(&StoreUrl::Sqlite(folder.path().join("entente.db")), StoreOptions::new(key)).await.unwrap();
    come_to_rest(&platforms, &folder, &store).await;

    // A row of which nobody waits to hear, and whose webhook met a dead hub, is found by the next poll.
    until("every customer agrees", async || {
        let agreement = platforms.get("world/agreement").await;
        agreement["in_agreement"] == agreement["customers"]
    })
    .await;
    come_to_rest(&platforms, &folder, &store).await;
    let agreement = platforms.get("world/agreement").await;
    assert!(agreement["customers"].as_u64().unwrap() >= CUSTOMERS as u64, "{agreement}");
    assert_eq!(agreement["in_agreement"], agreement["customers"], "{agreement:#}");
    assert_eq!(agreement["twins"], 0, "{agreement:#}");
    let report = platforms.get("world/report").await;
    assert!(report["landed"].as_u64().unwrap() > 50, "there was load: {report:#}");
    assert_eq!(report["outstanding"], 0, "{report:#}");
    let letters = folder.get("/api/v1/dead-letters").await;
    assert_eq!(letters["items"], json!([]), "{letters:#}");

    // A webhook that was answered for is there: the same again is a repetition, and no new one.
    let (answered, unanswered) = relay.counts();
    let before = kept(&store).await;
    assert!(answered.len() > 50 && unanswered > 0, "{} answered, {unanswered} unanswered", answered.len());
    for letter in &answered {
        let (status, _) = relay.send(letter).await.expect("the hub serves");
        assert!(status.is_success(), "{status}");
    }
    assert_eq!(kept(&store).await, before, "a webhook that was answered with 2xx had been lost");
    drop(store);

    timeout(AWAITED_MAX, stop(child)).await.unwrap();
    let verdict = folder.run(&["ledger", "verify", "--output", "json"]).await;
    let verdict: Value = serde_json::from_slice(&verdict.stdout).unwrap();
    assert_eq!(verdict["whole"], true, "{verdict}");
    assert!(verdict["entries"].as_u64().unwrap() > CUSTOMERS as u64, "{verdict}");
    println!(
        "{} entries, {} webhooks answered, {unanswered} not, {:.1} s in all",
        verdict["entries"],
        answered.len(),
        began.elapsed().as_secs_f64()
    );
}
