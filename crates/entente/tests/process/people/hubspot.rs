//! A simulated HubSpot portal and the people who work in it.

use serde_json::{Value, json};

use crate::sims::Sims;

/// How the hub signs in.
pub fn auth(sims: &Sims) -> String {
    let of = |name| sims.credential("hubspot", name);
    let (id, secret, token) = (of("client_id"), of("client_secret"), of("refresh_token"));
    format!(r#"kind = "refresh_token", client_id = "{id}", client_secret = "{secret}", refresh_token = "{token}""#)
}

/// A record made by a person; its id.
pub async fn create(sims: &Sims, object: &str, properties: Value) -> String {
    let made = sims.steer("hubspot", "create", &json!({"object": object, "properties": properties})).await;
    made["id"].as_str().unwrap().to_owned()
}

/// A record changed by a person.
pub async fn change(sims: &Sims, object: &str, id: &str, properties: Value) {
    sims.steer("hubspot", "update", &json!({"object": object, "id": id, "properties": properties})).await;
}

/// A record that a person joins with a company; `primary` says whether it is the one that counts.
pub async fn associate(sims: &Sims, object: &str, id: &str, company: &str, primary: bool) {
    let joined = json!({"object": object, "id": id, "to": "companies", "into": company, "primary": primary});
    sims.steer("hubspot", "associate", &joined).await;
}

/// Sets the app's webhooks up as `entente provision` tells a person to.
pub async fn subscribe(sims: &Sims, address: &str, told: &Value) {
    let mut subscriptions = Vec::new();
    for object in told["objects"].as_array().unwrap() {
        let (subject, ty) = match object["object"].as_str().unwrap() {
            "contacts" => ("contact", ""),
            "companies" => ("company", ""),
            "deals" => ("deal", ""),
            "tickets" => ("ticket", ""),
            "tasks" => ("object", ":0-27"),
            "notes" => ("object", ":0-46"),
            "meetings" => ("object", ":0-47"),
            "calls" => ("object", ":0-48"),
            "emails" => ("object", ":0-49"),
            "communications" => ("object", ":0-18"),
            "postal_mail" => ("object", ":0-116"),
            other => panic!("no events are known of {other}"),
        };
        let events = ["creation", "deletion", "merge", "restore", "associationChange"];
        subscriptions.extend(events.map(|event| format!("{subject}.{event}{ty}")));
        let fields = object["fields"].as_array().unwrap().iter().filter_map(Value::as_str);
        subscriptions.extend(fields.map(|field| format!("{subject}.propertyChange{ty}:{field}")));
    }
    sims.steer("hubspot", "subscribe", &json!({"url": address, "subscriptions": subscriptions})).await;
}

/// Every record of an object.
pub async fn rows(sims: &Sims, object: &str) -> Vec<Value> {
    sims.dump("hubspot", &format!("object={object}")).await
}
