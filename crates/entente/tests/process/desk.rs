//! A simulated Salesforce and a simulated Freshdesk in a process of their own, and the surfaces that steer them.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::caller::client;

/// Time that the simulators may take until they serve.
const START_MAX: Duration = Duration::from_secs(30);

/// Both simulators, without latency and quotas. They end with this value.
pub struct Desk {
    ready: Value,
    client: reqwest::Client,
    _child: Child,
}

impl Desk {
    /// Starts them, empty.
    pub async fn start(seed: u64) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_entente"));
        command.args(["sim", "salesforce", "freshdesk", "--with-parent", "--profile", "instant", "--seed", &seed.to_string()]);
        command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(START_MAX, lines.next_line()).await.expect("the simulators do not serve").unwrap().unwrap();
        Self { ready: serde_json::from_str(&line).unwrap(), client: client(), _child: child }
    }

    /// A configuration of both; `{listen}` in it stands for the server's own address.
    pub fn configuration(&self, poll_interval_ms: u64) -> String {
        let of = |platform: &str, name: &str| self.ready["credentials"][platform][name].clone();
        format!(
            r#"
[server]
listen = "{{listen}}"
public_url = "http://{{listen}}"

[sync]
latency_target_ms = 500
poll_interval_ms = {poll_interval_ms}

[[connection]]
name = "salesforce"
platform = "salesforce"
base_url = {}
auth = {{ kind = "client_credentials", client_id = {}, client_secret = {} }}

[[connection]]
name = "freshdesk"
platform = "freshdesk"
base_url = {}
auth = {{ kind = "access_token", token = {} }}
"#,
            self.ready["salesforce"],
            of("salesforce", "client_id"),
            of("salesforce", "client_secret"),
            self.ready["freshdesk"],
            of("freshdesk", "token"),
        )
    }

    async fn ask(&self, call: reqwest::RequestBuilder) -> String {
        let answer = call.send().await.unwrap();
        let (url, status) = (answer.url().clone(), answer.status());
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{url}: {status} {text}");
        text
    }

    /// Asks something of a platform's own surface.
    pub async fn steer(&self, platform: &str, what: &str, body: Value) -> Value {
        let url = format!("{}/_sim/{what}", self.ready[platform].as_str().unwrap());
        serde_json::from_str(&self.ask(self.client.post(url).json(&body)).await).unwrap_or(Value::Null)
    }

    /// A row that a sales person makes in the CRM; its id.
    pub async fn sell(&self, object: &str, fields: Value) -> String {
        let made = self.steer("salesforce", "insert", json!({"object": object, "fields": fields, "by": "sales"})).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// Every row of an object in the CRM.
    pub async fn crm(&self, object: &str) -> Vec<Value> {
        self.dump("salesforce", &format!("object={object}")).await
    }

    /// Every row of a kind at the desk: `contacts`, `companies` or `tickets`.
    pub async fn rows(&self, kind: &str) -> Vec<Value> {
        self.dump("freshdesk", &format!("kind={kind}")).await
    }

    async fn dump(&self, platform: &str, query: &str) -> Vec<Value> {
        let text = self.ask(self.client.get(format!("{}/_sim/dump?{query}", self.ready[platform].as_str().unwrap()))).await;
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
