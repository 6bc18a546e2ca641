//! A simulated environment of Dynamics 365 and the people who work in it.

use serde_json::{Value, json};

use crate::sims::Sims;

/// How the hub signs in.
pub fn auth(sims: &Sims) -> String {
    let of = |name| sims.credential("dynamics", name);
    format!(r#"kind = "client_credentials", client_id = "{}", client_secret = "{}""#, of("client_id"), of("client_secret"))
}

/// Where the hub signs in, to stand after its connection.
pub fn login(sims: &Sims) -> String {
    format!("login_url = \"{}/{}\"\n", sims.base("dynamics"), sims.credential("dynamics", "tenant_id"))
}

/// A row made by a sales person; its id.
pub async fn create(sims: &Sims, set: &str, fields: Value) -> String {
    let made = sims.steer("dynamics", "create", &json!({"kind": set, "fields": fields})).await;
    made["id"].as_str().unwrap().to_owned()
}

/// Somebody with an address, of a company.
pub async fn person(sims: &Sims, first: &str, last: &str, email: &str, account: &str) -> String {
    let bind = format!("/accounts({account})");
    let fields = json!({"firstname": first, "lastname": last, "emailaddress1": email, "parentcustomerid_account@odata.bind": bind});
    create(sims, "contacts", fields).await
}

/// A row changed by a sales person.
pub async fn change(sims: &Sims, set: &str, id: &str, fields: Value) {
    sims.steer("dynamics", "update", &json!({"kind": set, "id": id, "fields": fields})).await;
}

/// A deal that a sales person wins.
pub async fn win(sims: &Sims, id: &str) {
    sims.steer("dynamics", "close", &json!({"kind": "opportunities", "id": id, "state": 1, "status": 3})).await;
}

/// A row deleted by a sales person.
pub async fn delete(sims: &Sims, set: &str, id: &str) {
    sims.steer("dynamics", "delete", &json!({"kind": set, "id": id})).await;
}

/// A row that goes into another.
pub async fn merge(sims: &Sims, set: &str, id: &str, into: &str) {
    sims.steer("dynamics", "merge", &json!({"kind": set, "id": id, "into": into})).await;
}

/// Every row of a set.
pub async fn rows(sims: &Sims, set: &str) -> Vec<Value> {
    sims.dump("dynamics", &format!("kind={set}")).await
}
