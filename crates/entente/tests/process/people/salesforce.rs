//! A simulated Salesforce and the people who work in it.

use serde_json::{Value, json};

use crate::sims::Sims;

/// How the hub signs in.
pub fn auth(sims: &Sims) -> String {
    let of = |name| sims.credential("salesforce", name);
    format!(r#"kind = "client_credentials", client_id = "{}", client_secret = "{}""#, of("client_id"), of("client_secret"))
}

/// A row that a sales person makes; its id.
pub async fn sell(sims: &Sims, object: &str, fields: Value) -> String {
    let made = sims.steer("salesforce", "insert", &json!({"object": object, "fields": fields, "by": "sales"})).await;
    made["id"].as_str().unwrap().to_owned()
}

/// A row that a sales person changes.
pub async fn change(sims: &Sims, object: &str, id: &str, fields: Value) {
    sims.steer("salesforce", "update", &json!({"object": object, "id": id, "fields": fields, "by": "sales"})).await;
}

/// Every row of an object.
pub async fn rows(sims: &Sims, object: &str) -> Vec<Value> {
    sims.dump("salesforce", &format!("object={object}")).await
}
