//! The simulated platforms in a process of their own, and the surface that steers them.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Time that the simulators may take until they serve.
const START_MAX: Duration = Duration::from_secs(30);

/// Both simulators, without latency and quotas. They end with this value.
pub struct Platforms {
    /// Address of Salesforce.
    pub salesforce: String,
    /// Address of Zendesk.
    pub zendesk: String,
    client: reqwest::Client,
    _child: Child,
}

impl Platforms {
    /// Starts them with made-up customers, most of them known to both sides.
    pub async fn start(seed: u64, customers: usize) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_entente"));
        command.args(["sim", "salesforce", "zendesk", "--with-parent", "--profile", "instant"]);
        command.args(["--seed", &seed.to_string(), "--customers", &customers.to_string()]);
        command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(START_MAX, lines.next_line()).await.expect("the simulators do not serve").unwrap().unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let address = |platform: &str| ready[platform].as_str().unwrap().to_owned();
        Self { salesforce: address("salesforce"), zendesk: address("zendesk"), client: client(), _child: child }
    }

    /// Reads from their own surface.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(format!("{}/_sim{path}", self.salesforce)).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap()
    }

    /// Asks something of their own surface.
    pub async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.client.post(format!("{}/_sim{path}", self.salesforce)).json(body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Makes both send webhooks to these addresses, as their admins would set it up. Answers Salesforce's organisation and Zendesk's
    /// signing secret.
    pub async fn webhooks(&self, salesforce: &str, zendesk: &str) -> (String, String) {
        let mut fields = serde_json::Map::new();
        for mapping in entente_engine::catalog::shipped_mappings("salesforce").unwrap() {
            let lines = mapping.fields.iter().map(|line| line.remote.as_str());
            let wanted = lines
                .chain(["LastModifiedById", "LastModifiedDate", "SystemModstamp", &mapping.key])
                .chain(mapping.also_read.iter().map(String::as_str));
            let of_object = fields.entry(mapping.remote.clone()).or_insert_with(|| json!([])).as_array_mut().unwrap();
            for name in wanted.filter(|name| !name.contains('.')) {
                if !of_object.contains(&json!(name)) {
                    of_object.push(json!(name));
                }
            }
        }
        let wanted = json!({ "salesforce": { "url": salesforce, "fields": fields }, "zendesk": { "url": zendesk } });
        let answer = self.post("/world/webhooks", &wanted).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&answer["salesforce"]["organization"]), text(&answer["zendesk"]["signing_secret"]))
    }
}

/// An HTTP client for this machine.
pub fn client() -> reqwest::Client {
    // Whoever was faster has installed the same provider; an error says just that.
    let _already = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap()
}
