//! A simulated Freshdesk and the agents who work in it.

use serde_json::{Value, json};

use crate::sims::Sims;

/// How the hub signs in.
pub fn auth(sims: &Sims) -> String {
    format!(r#"kind = "access_token", token = "{}""#, sims.credential("freshdesk", "token"))
}

/// A row that an agent makes, as the desk shows it.
pub async fn create(sims: &Sims, kind: &str, fields: Value) -> Value {
    sims.steer("freshdesk", "create", &json!({"kind": kind, "fields": fields})).await
}

/// A row that an agent changes.
pub async fn change(sims: &Sims, kind: &str, id: &Value, fields: Value) {
    sims.steer("freshdesk", "update", &json!({"kind": kind, "id": id, "fields": fields})).await;
}

/// Every row of a kind: `contacts`, `companies` or `tickets`.
pub async fn rows(sims: &Sims, kind: &str) -> Vec<Value> {
    sims.dump("freshdesk", &format!("kind={kind}")).await
}
