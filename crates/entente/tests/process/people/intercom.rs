//! A simulated Intercom workspace and the people who work in it.

use serde_json::{Value, json};

use crate::sims::Sims;

/// How the hub signs in.
pub fn auth(sims: &Sims) -> String {
    format!(r#"kind = "access_token", token = "{}""#, sims.credential("intercom", "token"))
}

/// How the hub knows the workspace's webhooks, to stand after its connection.
pub fn webhooks(sims: &Sims) -> String {
    format!("webhooks = {{ signing_secret = \"{}\" }}\n", sims.credential("intercom", "client_secret"))
}

/// Sets the app's webhooks up, as a person does in the Developer Hub.
pub async fn subscribe(sims: &Sims, address: &str) {
    sims.steer("intercom", "webhook", &json!({"url": address})).await;
}

/// A row that somebody makes; its id.
pub async fn create(sims: &Sims, kind: &str, fields: Value) -> String {
    let made = sims.steer("intercom", "create", &json!({"kind": kind, "fields": fields})).await;
    made["id"].as_str().unwrap().to_owned()
}

/// A row that an admin changes.
pub async fn change(sims: &Sims, kind: &str, id: &Value, fields: Value) {
    sims.steer("intercom", "update", &json!({"kind": kind, "id": id, "fields": fields})).await;
}

/// Every row of a kind: `contacts`, `companies`, `conversations` or `tickets`.
pub async fn rows(sims: &Sims, kind: &str) -> Vec<Value> {
    sims.dump("intercom", &format!("kind={kind}")).await
}
