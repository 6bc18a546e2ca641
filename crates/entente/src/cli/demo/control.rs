//! Steering the simulated world from here.

use std::collections::BTreeMap;
use std::time::Duration;

use entente_sims::world::{Agreement, CallCosts, Seeded, TrafficOptions, TrafficReport, WorldOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use crate::fault::{Fault, Result};

/// Time that an answer may take: making 100,000 customers is the longest.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The world's surface.
#[derive(Debug, Clone)]
pub struct Control {
    client: reqwest::Client,
    base: String,
}

impl Control {
    /// The surface behind a simulator's address.
    pub fn new(simulator: &Url) -> Result<Self> {
        Ok(Self { client: http_client(TIMEOUT)?, base: format!("{}/_sim", simulator.as_str().trim_end_matches('/')) })
    }

    async fn ask<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T> {
        let answer = request.send().await.map_err(|error| failed(&error))?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|error| failed(&error))?;
        if !status.is_success() {
            let text = String::from_utf8_lossy(&body);
            return Err(Fault::new(format!("the simulators refuse with {status}: {text}"), "report this; it is a defect"));
        }
        Ok(serde_json::from_slice(&body)?)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.ask(self.client.get(format!("{}{path}", self.base))).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &(impl Serialize + ?Sized)) -> Result<T> {
        self.ask(self.client.post(format!("{}{path}", self.base)).json(body)).await
    }

    /// Makes the customers.
    pub async fn seed(&self, options: &WorldOptions) -> Result<Seeded> {
        self.post("/world/seed", options).await
    }

    /// Starts live edits.
    pub async fn start_traffic(&self, options: &TrafficOptions) -> Result<()> {
        self.post::<Value>("/world/traffic/start", options).await.map(drop)
    }

    /// Ends live edits.
    pub async fn stop_traffic(&self) -> Result<TrafficReport> {
        self.post("/world/traffic/stop", &json!({})).await
    }

    /// What became of live edits so far.
    pub async fn report(&self) -> Result<TrafficReport> {
        self.get("/world/report").await
    }

    /// How well the two sides agree.
    pub async fn agreement(&self) -> Result<Agreement> {
        self.get("/world/agreement").await
    }

    /// API calls so far.
    pub async fn calls(&self) -> Result<CallCosts> {
        self.get("/world/calls").await
    }

    /// Whether no webhook waits to be sent and no job to run.
    pub async fn is_quiet(&self) -> Result<bool> {
        let waiting: Value = self.get("/world/quiet").await?;
        Ok(waiting["mail"] == false && waiting["jobs"] == false)
    }

    /// Makes both platforms send webhooks here. Answers Salesforce's organisation id and Zendesk's signing secret.
    pub async fn webhooks(&self, salesforce: &Url, fields: &BTreeMap<String, Vec<String>>, zendesk: &Url) -> Result<(String, String)> {
        let wanted = json!({ "salesforce": { "url": salesforce.as_str(), "fields": fields }, "zendesk": { "url": zendesk.as_str() } });
        let answer: Value = self.post("/world/webhooks", &wanted).await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok((text(&answer["salesforce"]["organization"]), text(&answer["zendesk"]["signing_secret"])))
    }

    /// Users of Salesforce who are no sales people, by kind.
    pub async fn actors(&self) -> Result<BTreeMap<String, Vec<String>>> {
        let users: Value = self.get("/users").await?;
        let one = |kind: &str, name: &str| users[name].as_str().map(|id| (kind.to_owned(), vec![id.to_owned()]));
        Ok([one("self_service", "site"), one("automation", "automation")].into_iter().flatten().collect())
    }
}

/// A client for this machine.
pub fn http_client(timeout: Duration) -> Result<reqwest::Client> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Whoever was faster has installed the same provider; an error says just that.
        let _already = rustls::crypto::ring::default_provider().install_default().is_err();
    }
    reqwest::Client::builder().no_proxy().timeout(timeout).build().map_err(|error| failed(&error))
}

fn failed(error: &reqwest::Error) -> Fault {
    Fault::new(format!("the simulators do not answer: {error}"), "look whether their process was ended; `entente demo` starts a new one")
}
