//! Steering the simulator from another process.

use axum::Router;
use axum::extract::{Json, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{FieldSpec, OutboundRule, Salesforce, SimError};
use crate::faults::FaultOrder;

pub(crate) fn router(sf: Salesforce) -> Router {
    Router::new()
        .route("/faults", post(faults).delete(clear_faults))
        .route("/calls", get(calls))
        .route("/users", get(users))
        .route("/insert", post(insert))
        .route("/update", post(update))
        .route("/delete", post(delete))
        .route("/undelete", post(undelete))
        .route("/merge", post(merge))
        .route("/add_field", post(add_field))
        .route("/rename_field", post(rename_field))
        .route("/remove_field", post(remove_field))
        .route("/set_picklist", post(set_picklist))
        .route("/add_approval_process", post(add_approval_process))
        .route("/activate_currencies", post(activate_currencies))
        .route("/subscribe", post(subscribe))
        .route("/dump", get(dump))
        .route("/expire_sessions", post(expire_sessions))
        .route("/rotate_refresh_tokens", post(rotate))
        .route("/grant", post(grant))
        .with_state(sf)
}

/// An answer, or what was wrong.
type Reply = Result<Json<Value>, (StatusCode, Json<Value>)>;

fn refused(error: SimError) -> (StatusCode, Json<Value>) {
    (StatusCode::BAD_REQUEST, Json(json!({"code": error.code, "message": error.message})))
}

fn done() -> Reply {
    Ok(Json(json!({"ok": true})))
}

async fn faults(State(sf): State<Salesforce>, Json(order): Json<FaultOrder>) -> Reply {
    order.carry_out(sf.faults());
    done()
}

async fn clear_faults(State(sf): State<Salesforce>) -> Reply {
    sf.faults().clear();
    done()
}

async fn calls(State(sf): State<Salesforce>) -> Reply {
    let counts = sf.calls();
    Ok(Json(json!({"total": counts.total, "by_kind": counts.by_kind})))
}

async fn users(State(sf): State<Salesforce>) -> Reply {
    let users = sf.users();
    Ok(Json(json!({"integration": users.integration, "sales": users.sales, "site": users.site, "automation": users.automation})))
}

/// A direct edit. `by` is a user id or one of `integration`, `sales`, `site`, `automation`; without it, `automation`.
#[derive(Deserialize)]
struct Edit {
    object: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    fields: Map<String, Value>,
    #[serde(default)]
    by: String,
    /// When it happens, in milliseconds since 1970; now without it. Of updates alone.
    #[serde(default)]
    at: Option<i64>,
}

fn person(sf: &Salesforce, by: &str) -> String {
    let users = sf.users();
    match by {
        "" | "automation" => users.automation,
        "integration" => users.integration,
        "site" | "customer" => users.site,
        "sales" => users.sales.into_iter().next().unwrap_or_default(),
        id => id.to_owned(),
    }
}

async fn insert(State(sf): State<Salesforce>, Json(edit): Json<Edit>) -> Reply {
    let id = sf.insert(&edit.object, &edit.fields, &person(&sf, &edit.by)).map_err(refused)?;
    Ok(Json(json!({"id": id})))
}

async fn update(State(sf): State<Salesforce>, Json(edit): Json<Edit>) -> Reply {
    let by = person(&sf, &edit.by);
    match edit.at {
        Some(at) => sf.update_at(&edit.object, &edit.id, &edit.fields, &by, at).map_err(refused)?,
        None => sf.update(&edit.object, &edit.id, &edit.fields, &by).map_err(refused)?,
    }
    done()
}

async fn delete(State(sf): State<Salesforce>, Json(edit): Json<Edit>) -> Reply {
    sf.delete(&edit.object, &edit.id, &person(&sf, &edit.by)).map_err(refused)?;
    done()
}

async fn undelete(State(sf): State<Salesforce>, Json(edit): Json<Edit>) -> Reply {
    sf.undelete(&edit.object, &edit.id, &person(&sf, &edit.by)).map_err(refused)?;
    done()
}

#[derive(Deserialize)]
struct Merge {
    object: String,
    winner: String,
    losers: Vec<String>,
    #[serde(default)]
    by: String,
}

async fn merge(State(sf): State<Salesforce>, Json(merge): Json<Merge>) -> Reply {
    let losers: Vec<&str> = merge.losers.iter().map(String::as_str).collect();
    sf.merge(&merge.object, &merge.winner, &losers, &person(&sf, &merge.by)).map_err(refused)?;
    done()
}

#[derive(Deserialize)]
struct AddField {
    object: String,
    field: Map<String, Value>,
}

async fn add_field(State(sf): State<Salesforce>, Json(wanted): Json<AddField>) -> Reply {
    let bad = |message: String| refused(SimError { code: "BAD_FIELD".to_owned(), message });
    let spec = FieldSpec::read(&wanted.field).map_err(bad)?;
    sf.add_field(&wanted.object, spec).map_err(refused)?;
    done()
}

#[derive(Deserialize)]
struct FieldChange {
    object: String,
    field: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    values: Vec<String>,
    #[serde(default)]
    restricted: bool,
}

async fn rename_field(State(sf): State<Salesforce>, Json(change): Json<FieldChange>) -> Reply {
    sf.rename_field(&change.object, &change.field, &change.to).map_err(refused)?;
    done()
}

async fn remove_field(State(sf): State<Salesforce>, Json(change): Json<FieldChange>) -> Reply {
    sf.remove_field(&change.object, &change.field).map_err(refused)?;
    done()
}

async fn set_picklist(State(sf): State<Salesforce>, Json(change): Json<FieldChange>) -> Reply {
    let values: Vec<&str> = change.values.iter().map(String::as_str).collect();
    sf.set_picklist(&change.object, &change.field, &values, change.restricted).map_err(refused)?;
    done()
}

#[derive(Deserialize)]
struct Process {
    object: String,
    name: String,
}

async fn add_approval_process(State(sf): State<Salesforce>, Json(wanted): Json<Process>) -> Reply {
    sf.add_approval_process(&wanted.object, &wanted.name);
    done()
}

/// Codes and their rates, the corporate currency first, and the one of users.
#[derive(Deserialize)]
struct Currencies {
    rates: Vec<(String, f64)>,
    of_users: String,
}

async fn activate_currencies(State(sf): State<Salesforce>, Json(wanted): Json<Currencies>) -> Reply {
    let rates: Vec<(&str, f64)> = wanted.rates.iter().map(|(code, rate)| (code.as_str(), *rate)).collect();
    sf.activate_currencies(&rates, &wanted.of_users).map_err(refused)?;
    done()
}

#[derive(Deserialize)]
struct Subscription {
    object: String,
    url: String,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    #[serde(default)]
    when_changed: Vec<String>,
}

async fn subscribe(State(sf): State<Salesforce>, Json(wanted): Json<Subscription>) -> Reply {
    let fields: Vec<&str> = wanted.fields.iter().map(String::as_str).collect();
    let mut rule = OutboundRule::new(&wanted.object, &wanted.url, &fields);
    rule.except = wanted.except.iter().map(|by| person(&sf, by)).collect();
    rule.when_changed = wanted.when_changed;
    sf.add_outbound(rule);
    done()
}

#[derive(Deserialize)]
struct Dump {
    object: String,
    #[serde(default)]
    fields: String,
}

/// Every live record, one JSON object a line.
async fn dump(State(sf): State<Salesforce>, Query(wanted): Query<Dump>) -> Response {
    let names: Vec<&str> = wanted.fields.split(',').map(str::trim).filter(|f| !f.is_empty()).collect();
    let mut lines = String::new();
    sf.each(&wanted.object, &mut |_, record| {
        let line = if names.is_empty() {
            Value::Object(record.clone())
        } else {
            Value::Object(names.iter().map(|name| ((*name).to_owned(), record.get(*name).cloned().unwrap_or(Value::Null))).collect())
        };
        lines.push_str(&line.to_string());
        lines.push('\n');
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response()
}

async fn expire_sessions(State(sf): State<Salesforce>) -> Reply {
    sf.expire_sessions();
    done()
}

#[derive(Deserialize)]
struct Rotation {
    on: bool,
}

async fn grant(State(sf): State<Salesforce>, Json(scopes): Json<Vec<String>>) -> Reply {
    sf.grant(&scopes.join(" "));
    done()
}

async fn rotate(State(sf): State<Salesforce>, Json(wanted): Json<Rotation>) -> Reply {
    sf.rotate_refresh_tokens(wanted.on);
    done()
}
