//! A CRM and a desk with the configuration that joins them, and waiting for what they shall come to.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::hub::Folder;
use crate::sims::Sims;

/// Time that anything awaited may take.
const AWAITED_MAX: Duration = Duration::from_secs(150);
/// Time between two looks at something that is awaited.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// A configuration of connections named like their platforms, of `auth` as the file says it; `{listen}` in it stands for the
/// server's own address.
pub fn configuration(sims: &Sims, connections: &[(&str, String)], poll_interval_ms: u64) -> String {
    let mut text = format!(
        r#"
[server]
listen = "{{listen}}"
public_url = "http://{{listen}}"

[sync]
latency_target_ms = 500
poll_interval_ms = {poll_interval_ms}
"#
    );
    for (platform, auth) in connections {
        let base = sims.api(platform);
        text.push_str(&format!(
            "\n[[connection]]\nname = \"{platform}\"\nplatform = \"{platform}\"\nbase_url = \"{base}\"\nauth = {{ {auth} }}\n"
        ));
        if base != sims.base(platform) {
            // Whoever reads along reads everything.
            text.push_str("follow_instance_url = false\n");
        }
    }
    text
}

/// Asks until there is an answer.
pub async fn arrives<T>(what: &str, folder: &Folder, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        if began.elapsed() >= AWAITED_MAX {
            let letters = folder.get("/api/v1/dead-letters").await;
            panic!("{what}: not within {} seconds; dead letters: {letters}; the log ends:\n{}", AWAITED_MAX.as_secs(), folder.last_words());
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Waits until everything that both sides had was read.
pub async fn first_sync(folder: &Folder) {
    arrives("the first sync", folder, async || {
        let status = folder.get("/api/v1/dashboard").await;
        (status["health"]["overall"] == "operational").then_some(())
    })
    .await;
}

/// Has everything made that the mappings need on both sides; what was said.
pub async fn provision(folder: &Folder) -> Value {
    let output = folder.run(&["provision", "--apply", "--output", "json"]).await;
    let said: Value = serde_json::from_slice(&output.stdout).expect("an answer in JSON");
    assert!(output.status.success(), "{said}");
    said
}

/// Has everything made at a platform whose webhooks can be made over its API, twice: the second time finds all of it. How many fields were made.
pub async fn provisioned_once(folder: &Folder, platform: &str) -> usize {
    let webhooks = |said: &Value| said["webhooks"].as_array().unwrap().iter().find(|each| each["connection"] == platform).unwrap().clone();
    let said = provision(folder).await;
    let fields = said["fields"].as_array().unwrap();
    assert!(fields.iter().all(|field| field["state"] != "refused"), "{said}");
    assert!(webhooks(&said)["state"] == "created" && webhooks(&said)["verified"] == true, "{said}");
    let again = provision(folder).await;
    assert_eq!(webhooks(&again)["state"], "present", "{again}");
    assert!(again["fields"].as_array().unwrap().iter().all(|field| field["state"] == "present"), "{again}");
    fields.iter().filter(|field| field["connection"] == platform && field["state"] == "created").count()
}

/// Waits until every record agrees; nothing has failed on the way, and the platform's webhooks were all taken.
pub async fn in_agreement(folder: &Folder, platform: &str) {
    let status = arrives("agreement", folder, async || {
        let status = folder.get("/api/v1/dashboard").await;
        (status["consistency"]["in_flight"] == 0).then_some(status)
    })
    .await;
    assert_eq!(folder.get("/api/v1/dead-letters").await["items"].as_array().map(Vec::len), Some(0), "{status}");
    let connection = status["connections"].as_array().unwrap().iter().find(|connection| connection["name"] == platform).unwrap();
    assert!(connection["webhooks"].as_u64().unwrap() > 0 && connection["webhooks_refused"] == 0, "{connection}");
}

/// Has somebody forgotten, and waits until every platform has answered; the request as the API shows it.
pub async fn forget(folder: &Folder, who: &str) -> Value {
    let output = folder.run(&["privacy", "erase", who, "--yes", "--output", "json"]).await;
    // 2 says that something is left to people.
    assert!(matches!(output.status.code(), Some(0 | 2)), "{}", String::from_utf8_lossy(&output.stderr));
    arrives("the end of the erasure", folder, async || {
        let list = folder.get("/api/v1/privacy/erasures").await;
        let one = folder.get(&format!("/api/v1/privacy/erasures/{}", list["items"][0]["id"].as_str()?)).await;
        (one["state"] == "done" || one["state"] == "people").then_some(one)
    })
    .await
}
