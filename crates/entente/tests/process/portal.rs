//! A simulated HubSpot portal and Zendesk desk in a process of their own, and the surface that steers them.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::caller::client;

/// Time that the simulators may take until they serve.
const START_MAX: Duration = Duration::from_secs(30);

/// Both simulators, without latency and quotas. They end with this value.
pub struct Portal {
    ready: Value,
    client: reqwest::Client,
    _child: Child,
}

impl Portal {
    /// Starts them, empty.
    pub async fn start(seed: u64) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_entente"));
        command.args(["sim", "hubspot", "zendesk", "--with-parent", "--profile", "instant", "--seed", &seed.to_string()]);
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
name = "hubspot"
platform = "hubspot"
base_url = {}
auth = {{ kind = "refresh_token", client_id = {}, client_secret = {}, refresh_token = {} }}

[[connection]]
name = "zendesk"
platform = "zendesk"
base_url = {}
auth = {{ kind = "client_credentials", client_id = {}, client_secret = {} }}
"#,
            self.ready["hubspot"],
            of("hubspot", "client_id"),
            of("hubspot", "client_secret"),
            of("hubspot", "refresh_token"),
            self.ready["zendesk"],
            of("zendesk", "client_id"),
            of("zendesk", "client_secret"),
        )
    }

    async fn ask(&self, call: reqwest::RequestBuilder) -> String {
        let answer = call.send().await.unwrap();
        let (url, status) = (answer.url().clone(), answer.status());
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{url}: {status} {text}");
        text
    }

    fn base(&self, platform: &str) -> &str {
        self.ready[platform].as_str().unwrap()
    }

    /// Asks something of the portal's own surface.
    pub async fn steer(&self, what: &str, body: Value) -> Value {
        let text = self.ask(self.client.post(format!("{}/_sim/{what}", self.base("hubspot"))).json(&body)).await;
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// A record made by a person in the portal; its id.
    pub async fn create(&self, object: &str, properties: Value) -> String {
        let made = self.steer("create", json!({"object": object, "properties": properties})).await;
        made["id"].as_str().unwrap().to_owned()
    }

    /// Sets the app's webhooks up as `entente provision` tells a person to.
    pub async fn subscribe(&self, address: &str, told: &Value) {
        let mut subscriptions = Vec::new();
        for object in told["objects"].as_array().unwrap() {
            let (subject, ty) = match object["object"].as_str().unwrap() {
                "contacts" => ("contact", ""),
                "companies" => ("company", ""),
                "deals" => ("deal", ""),
                "tasks" => ("object", ":0-27"),
                "engagements" => ("object", ":0-46"),
                other => panic!("no events are known of {other}"),
            };
            // Of tasks and notes, only what makes and ends them; their properties are left to polls.
            let events = ["creation", "deletion", "merge", "restore", "associationChange"];
            subscriptions.extend(events.map(|event| format!("{subject}.{event}{ty}")));
            if ty.is_empty() {
                let fields = object["fields"].as_array().unwrap().iter().filter_map(Value::as_str);
                subscriptions.extend(fields.map(|field| format!("{subject}.propertyChange:{field}")));
            }
        }
        self.steer("subscribe", json!({"url": address, "subscriptions": subscriptions})).await;
    }

    /// Every record of an object in the portal.
    pub async fn dump(&self, object: &str) -> Vec<Value> {
        let text = self.ask(self.client.get(format!("{}/_sim/dump?object={object}", self.base("hubspot")))).await;
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn agent(&self) -> (String, Option<String>) {
        let of = |name: &str| self.ready["credentials"]["zendesk"][name].as_str().unwrap().to_owned();
        (format!("{}/token", of("email")), Some(of("token")))
    }

    /// Rows of the desk, as its agent lists them.
    pub async fn desk(&self, list: &str) -> Vec<Value> {
        let (user, token) = self.agent();
        let text = self.ask(self.client.get(format!("{}/api/v2/{list}", self.base("zendesk"))).basic_auth(user, token)).await;
        let page: Value = serde_json::from_str(&text).unwrap();
        page[list].as_array().unwrap().clone()
    }

    /// A user changed by an agent of the desk.
    pub async fn edit_user(&self, id: &Value, user: Value) {
        let (name, token) = self.agent();
        let url = format!("{}/api/v2/users/{id}", self.base("zendesk"));
        self.ask(self.client.put(url).basic_auth(name, token).json(&json!({"user": user}))).await;
    }
}
