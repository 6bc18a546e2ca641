//! Simulated platforms in a process of their own, and the surface that steers each of them.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::caller::client;

/// Time that the simulators may take until they serve.
const START_MAX: Duration = Duration::from_secs(30);

/// Simulators without latency and quotas. They end with this value.
pub struct Sims {
    ready: Value,
    /// Whoever works at a platform by hand.
    pub client: reqwest::Client,
    _child: Child,
}

impl Sims {
    /// Starts `entente sim` for these platforms; `further` are options of that command.
    pub async fn start(platforms: &[&str], further: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_entente"));
        command.arg("sim").args(platforms).args(["--with-parent", "--profile", "instant"]).args(further);
        // A webhook that nobody takes is no news here: a test kills who would take it.
        command.env_clear().env("ENTENTE_LOG", "error").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(START_MAX, lines.next_line()).await.expect("the simulators do not serve").unwrap().unwrap();
        Self { ready: serde_json::from_str(&line).unwrap(), client: client(), _child: child }
    }

    /// Address of a platform.
    pub fn base(&self, platform: &str) -> &str {
        self.ready[platform].as_str().unwrap()
    }

    /// What a platform's admin would hand out.
    pub fn credential(&self, platform: &str, name: &str) -> &str {
        self.ready["credentials"][platform][name].as_str().unwrap()
    }

    /// Sends a call that has to succeed; the answer's text.
    pub async fn ask(&self, call: reqwest::RequestBuilder) -> String {
        let answer = call.send().await.unwrap();
        let (url, status) = (answer.url().clone(), answer.status());
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{url}: {status} {text}");
        text
    }

    /// Asks something of a platform's own surface.
    pub async fn steer(&self, platform: &str, what: &str, body: &Value) -> Value {
        let url = format!("{}/_sim/{what}", self.base(platform));
        serde_json::from_str(&self.ask(self.client.post(url).json(body)).await).unwrap_or(Value::Null)
    }

    /// Rows of a platform as its own surface shows them; `query` says which.
    pub async fn dump(&self, platform: &str, query: &str) -> Vec<Value> {
        let text = self.ask(self.client.get(format!("{}/_sim/dump?{query}", self.base(platform)))).await;
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
