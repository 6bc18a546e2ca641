//! A world of Salesforce and Zendesk, and the surface that steers it.

use serde_json::{Value, json};

use crate::sims::Sims;

/// Salesforce and Zendesk, without latency and quotas. They end with this value.
pub struct Platforms {
    /// Address of Salesforce.
    pub salesforce: String,
    /// Address of Zendesk.
    pub zendesk: String,
    sims: Sims,
}

impl Platforms {
    /// Starts them with made-up customers, most of them known to both sides.
    pub async fn start(seed: u64, customers: usize) -> Self {
        let world = ["--seed", &seed.to_string(), "--customers", &customers.to_string()];
        let sims = Sims::start(&["salesforce", "zendesk"], &world).await;
        Self { salesforce: sims.base("salesforce").to_owned(), zendesk: sims.base("zendesk").to_owned(), sims }
    }

    /// Reads from their own surface.
    pub async fn get(&self, path: &str) -> Value {
        let call = self.sims.client.get(format!("{}/_sim/{path}", self.salesforce));
        serde_json::from_str(&self.sims.ask(call).await).unwrap()
    }

    /// Asks something of their own surface.
    pub async fn post(&self, path: &str, body: &Value) -> Value {
        self.sims.steer("salesforce", path, body).await
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
        let answer = self.post("world/webhooks", &wanted).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&answer["salesforce"]["organization"]), text(&answer["zendesk"]["signing_secret"]))
    }
}
