//! A simulated Zendesk and the agents who work in it.

use serde_json::{Value, json};

use crate::sims::Sims;

/// How the hub signs in.
pub fn auth(sims: &Sims) -> String {
    let of = |name| sims.credential("zendesk", name);
    format!(r#"kind = "client_credentials", client_id = "{}", client_secret = "{}""#, of("client_id"), of("client_secret"))
}

fn agent(sims: &Sims, call: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
    let of = |name| sims.credential("zendesk", name);
    call.basic_auth(format!("{}/token", of("email")), Some(of("token")))
}

/// Rows as an agent lists them: `users`, `organizations` or `tickets`.
pub async fn rows(sims: &Sims, list: &str) -> Vec<Value> {
    let call = sims.client.get(format!("{}/api/v2/{list}", sims.base("zendesk")));
    let page: Value = serde_json::from_str(&sims.ask(agent(sims, call)).await).unwrap();
    page[list].as_array().unwrap().clone()
}

/// A user changed by an agent.
pub async fn edit_user(sims: &Sims, id: &Value, user: Value) {
    let call = sims.client.put(format!("{}/api/v2/users/{id}", sims.base("zendesk")));
    sims.ask(agent(sims, call).json(&json!({"user": user}))).await;
}
