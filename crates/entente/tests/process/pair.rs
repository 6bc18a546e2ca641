//! A simulated Salesforce and a simulated Zendesk in a process of their own, looked into and edited row by row.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::caller::client;

/// Time that the simulators may take until they serve.
const START_MAX: Duration = Duration::from_secs(30);

/// Both simulators, without latency and quotas. They end with this value.
pub struct Pair {
    ready: Value,
    _child: Child,
}

impl Pair {
    /// Starts them with made-up customers, most of them known to both sides.
    pub async fn start(seed: u64, customers: usize) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_entente"));
        command.args(["sim", "salesforce", "zendesk", "--with-parent", "--profile", "instant"]);
        command.args(["--seed", &seed.to_string(), "--customers", &customers.to_string()]);
        command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(START_MAX, lines.next_line()).await.expect("the simulators do not serve").unwrap().unwrap();
        Self { ready: serde_json::from_str(&line).unwrap(), _child: child }
    }

    /// Address of a platform.
    pub fn address(&self, platform: &str) -> &str {
        self.ready[platform].as_str().unwrap()
    }

    /// Asks something of a platform's own surface.
    pub async fn steer(&self, platform: &str, what: &str, body: Value) -> Value {
        let url = format!("{}/_sim/{what}", self.address(platform));
        let answer = client().post(url).json(&body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{what}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Every row of an object of the CRM.
    pub async fn crm(&self, object: &str) -> Vec<Value> {
        self.dump("salesforce", &format!("object={object}")).await
    }

    /// Every row of a kind at the desk.
    pub async fn desk(&self, kind: &str) -> Vec<Value> {
        self.dump("zendesk", &format!("kind={kind}")).await
    }

    async fn dump(&self, platform: &str, query: &str) -> Vec<Value> {
        let url = format!("{}/_sim/dump?{query}", self.address(platform));
        let text = client().get(url).send().await.unwrap().text().await.unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
