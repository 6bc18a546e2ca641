//! The simulated platforms as the people and programs who work in them use them, and as whoever judges looks into them: past Entente.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use super::super::control::http_client;
use crate::fault::{Fault, Result};

/// Time that an answer may take.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The surface of one simulator.
#[derive(Debug, Clone)]
struct Surface {
    client: reqwest::Client,
    base: String,
}

impl Surface {
    fn new(simulator: &Url) -> Result<Self> {
        Ok(Self { client: http_client(TIMEOUT)?, base: format!("{}/_sim", simulator.as_str().trim_end_matches('/')) })
    }

    async fn text(&self, request: reqwest::RequestBuilder) -> Result<String> {
        let failed = |error: &reqwest::Error| {
            Fault::new(format!("a simulator does not answer: {error}"), "look whether its process was ended, and start the scenario again")
        };
        let answer = request.send().await.map_err(|error| failed(&error))?;
        let (status, path) = (answer.status(), answer.url().path().to_owned());
        let text = answer.text().await.map_err(|error| failed(&error))?;
        if !status.is_success() {
            return Err(Fault::new(format!("a simulator refuses {path} with {status}: {text}"), "report this; it is a defect"));
        }
        Ok(text)
    }

    async fn post(&self, what: &str, body: &Value) -> Result<Value> {
        let text = self.text(self.client.post(format!("{}/{what}", self.base)).json(body)).await?;
        Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
    }

    async fn get<T: DeserializeOwned>(&self, what: &str) -> Result<T> {
        Ok(serde_json::from_str(&self.text(self.client.get(format!("{}/{what}", self.base))).await?)?)
    }

    async fn rows(&self, query: &str) -> Result<Vec<Value>> {
        let text = self.text(self.client.get(format!("{}/dump?{query}", self.base))).await?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}

/// The CRM.
#[derive(Debug, Clone)]
pub struct Crm(Surface);

impl Crm {
    /// The one at this address.
    pub fn new(simulator: &Url) -> Result<Self> {
        Surface::new(simulator).map(Self)
    }

    /// A row made by a person or program: `sales`, `site` (the customers' own portal), `automation`, or a user id. Its id.
    pub async fn insert(&self, object: &str, fields: Value, by: &str) -> Result<String> {
        let made = self.0.post("insert", &json!({ "object": object, "fields": fields, "by": by })).await?;
        Ok(text(&made["id"]))
    }

    /// A row changed.
    pub async fn update(&self, object: &str, id: &str, fields: Value, by: &str) -> Result<()> {
        self.0.post("update", &json!({ "object": object, "id": id, "fields": fields, "by": by })).await.map(drop)
    }

    /// A row deleted by a sales person.
    pub async fn delete(&self, object: &str, id: &str) -> Result<()> {
        self.0.post("delete", &json!({ "object": object, "id": id, "by": "sales" })).await.map(drop)
    }

    /// Rows merged into one by a sales person.
    pub async fn merge(&self, object: &str, winner: &str, losers: &[&str]) -> Result<()> {
        self.0.post("merge", &json!({ "object": object, "winner": winner, "losers": losers, "by": "sales" })).await.map(drop)
    }

    /// Something that the CRM's admin does to its schema: `add_field`, `rename_field`, `remove_field`, `set_picklist`.
    pub async fn alter(&self, what: &str, body: Value) -> Result<()> {
        self.0.post(what, &body).await.map(drop)
    }

    /// Every live row of an object.
    pub async fn rows(&self, object: &str) -> Result<Vec<Value>> {
        self.0.rows(&format!("object={object}")).await
    }

    /// One row, if it lives.
    pub async fn row(&self, object: &str, id: &str) -> Result<Option<Value>> {
        Ok(self.rows(object).await?.into_iter().find(|row| row["Id"] == id))
    }

    /// Orders what goes wrong with calls and webhooks.
    pub async fn faults(&self, order: Value) -> Result<()> {
        self.0.post("faults", &order).await.map(drop)
    }

    /// Ends every session.
    pub async fn expire_sessions(&self) -> Result<()> {
        self.0.post("expire_sessions", &json!({})).await.map(drop)
    }
}

/// The support desk.
#[derive(Debug, Clone)]
pub struct Desk(Surface);

impl Desk {
    /// The one at this address.
    pub fn new(simulator: &Url) -> Result<Self> {
        Surface::new(simulator).map(Self)
    }

    /// A row (`user`, `organization`, `ticket`) made by an agent, or by the user named. Its id.
    pub async fn create(&self, kind: &str, fields: Value, by: Option<u64>) -> Result<u64> {
        let made = self.0.post("create", &json!({ "kind": kind, "fields": fields, "by": by })).await?;
        made["id"].as_u64().ok_or_else(|| Fault::new(format!("the desk made a {kind} without an id"), "report this; it is a defect"))
    }

    /// A row changed by an agent, or by the user named.
    pub async fn update(&self, kind: &str, id: u64, fields: Value, by: Option<u64>) -> Result<()> {
        self.0.post("update", &json!({ "kind": kind, "id": id, "fields": fields, "by": by })).await.map(drop)
    }

    /// A row deleted by an agent.
    pub async fn delete(&self, kind: &str, id: u64) -> Result<()> {
        self.0.post("delete", &json!({ "kind": kind, "id": id })).await.map(drop)
    }

    /// A row merged into another by an agent.
    pub async fn merge(&self, kind: &str, loser: u64, winner: u64) -> Result<()> {
        self.0.post("merge", &json!({ "kind": kind, "id": loser, "into": winner })).await.map(drop)
    }

    /// A custom field that the desk's admin makes, for rows of a kind.
    pub async fn add_field(&self, kind: &str, field: Value) -> Result<()> {
        self.0.post("add_field", &json!({ "kind": kind, "fields": field })).await.map(drop)
    }

    /// Every row of a kind.
    pub async fn rows(&self, kind: &str) -> Result<Vec<Value>> {
        self.0.rows(&format!("kind={kind}")).await
    }

    /// How many rows each background job was given that was handed over from an instant on, the oldest first.
    pub async fn jobs(&self, since: jiff::Timestamp) -> Result<Vec<u64>> {
        let text = self.0.text(self.0.client.get(format!("{}/jobs?since={}", self.0.base, since.as_millisecond()))).await?;
        Ok(serde_json::from_str(&text)?)
    }

    /// One row, if there is one.
    pub async fn row(&self, kind: &str, id: u64) -> Result<Option<Value>> {
        Ok(self.rows(kind).await?.into_iter().find(|row| row["id"] == id))
    }

    /// Users who are there, by what they hold.
    pub async fn users(&self, fits: impl Fn(&Value) -> bool) -> Result<Vec<Value>> {
        Ok(self.rows("user").await?.into_iter().filter(|user| user["active"] != false && fits(user)).collect())
    }

    /// Orders what goes wrong with calls and webhooks.
    pub async fn faults(&self, order: Value) -> Result<()> {
        self.0.post("faults", &order).await.map(drop)
    }

    /// Ends every session.
    pub async fn expire_sessions(&self) -> Result<()> {
        self.0.post("expire_sessions", &json!({})).await.map(drop)
    }

    /// Calls so far: `total`, `limited`, `by_route`.
    pub async fn calls(&self) -> Result<Value> {
        self.0.get("calls").await
    }
}

/// Text of a value, empty for none.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The desk's id that a row of the CRM names as its counterpart.
pub fn support_id(row: &Value) -> Option<u64> {
    text(&row["Support_Id__c"]).parse().ok()
}
