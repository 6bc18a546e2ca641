//! A simulated company at Pipedrive and the people who work in it.

use serde_json::{Value, json};

use crate::sims::Sims;

/// How the hub signs in.
pub fn auth(sims: &Sims) -> String {
    let of = |name| sims.credential("pipedrive", name);
    let (id, secret, token) = (of("client_id"), of("client_secret"), of("refresh_token"));
    format!(r#"kind = "refresh_token", client_id = "{id}", client_secret = "{secret}", refresh_token = "{token}""#)
}

/// A row made by a sales person; its id.
pub async fn create(sims: &Sims, kind: &str, fields: Value) -> String {
    let made = sims.steer("pipedrive", "create", &json!({"kind": kind, "fields": fields})).await;
    made["id"].as_str().unwrap().to_owned()
}

/// Somebody with an address, at a company.
pub async fn person(sims: &Sims, name: &str, email: &str, organization: &str) -> String {
    let emails = json!([{"value": email, "primary": true, "label": "work"}]);
    create(sims, "persons", json!({"name": name, "emails": emails, "org_id": number(organization)})).await
}

/// A row changed by a sales person.
pub async fn change(sims: &Sims, kind: &str, id: &str, fields: Value) {
    sims.steer("pipedrive", "update", &json!({"kind": kind, "id": id, "fields": fields})).await;
}

/// A row deleted by a sales person.
pub async fn delete(sims: &Sims, kind: &str, id: &str) {
    sims.steer("pipedrive", "delete", &json!({"kind": kind, "id": id})).await;
}

/// A row that goes into another.
pub async fn merge(sims: &Sims, kind: &str, id: &str, into: &str) {
    sims.steer("pipedrive", "merge", &json!({"kind": kind, "id": id, "into": into})).await;
}

/// Every row of an object.
pub async fn rows(sims: &Sims, kind: &str) -> Vec<Value> {
    sims.dump("pipedrive", &format!("kind={kind}")).await
}

/// An id as a number, as rows refer to each other.
pub fn number(id: &str) -> u64 {
    id.parse().unwrap()
}
