//! A simulated portal with a signed-in client.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::{Body, to_bytes};
use entente_sims::clock::SimClock;
use entente_sims::faults::Faults;
use entente_sims::hubspot::{Hand, HubSpot, HubSpotOptions};
use entente_sims::mailroom::Mailroom;
use entente_sims::profile::Profile;
use http::{HeaderMap, Request};
use serde_json::{Map, Value, json};
use tower::ServiceExt;

/// 2026-01-05T10:00:00.250Z.
pub const START_MS: i64 = 1_767_607_200_250;

pub struct Portal {
    pub sim: HubSpot,
    pub token: String,
    pub now: Arc<AtomicI64>,
    pub mail: Mailroom,
    pub faults: Faults,
}

pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The answer to a call that shall work.
    pub fn ok(&self) -> Value {
        assert!(self.status < 300, "{} {}", self.status, self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }
}

impl Portal {
    pub fn open() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut HubSpotOptions)) -> Self {
        let now = Arc::new(AtomicI64::new(START_MS));
        let mut options = HubSpotOptions::new(SimClock::virtual_at(Arc::clone(&now)), Profile::instant(), 7);
        change(&mut options);
        let (mail, faults) = (options.mailroom.clone(), options.faults.clone());
        let sim = HubSpot::new(options);
        let key = json!({"name": "entente_id", "label": "Entente id", "type": "string", "fieldType": "text", "hasUniqueValue": true});
        for (object, group) in [("contacts", "contactinformation"), ("companies", "companyinformation"), ("tasks", "taskinformation")] {
            let mut definition = key.clone();
            definition["groupName"] = json!(group);
            sim.add_property(object, &definition).unwrap();
        }
        let token = sim.session();
        Self { sim, token, now, mail, faults }
    }

    pub fn pass(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.sim.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Reply { status: parts.status.as_u16(), headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub async fn call_as(&self, token: &str, method: &str, path: &str, body: Value) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "api.sim")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    pub async fn call(&self, method: &str, path: &str, body: Value) -> Reply {
        self.call_as(&self.token, method, path, body).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, Value::Null).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.call("POST", path, body).await
    }

    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::builder().method("POST").uri(path).header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// A record made through the API; its id.
    pub async fn make(&self, object: &str, properties: Value) -> String {
        let made = self.post(&format!("/crm/v3/objects/{object}"), json!({"properties": properties})).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.json()["id"].as_str().unwrap().to_owned()
    }

    /// A record made by a person in the portal itself.
    pub fn plant(&self, object: &str, properties: Value) -> String {
        self.sim.create(object, &map(properties), self.person()).unwrap()
    }

    pub fn person(&self) -> Hand {
        Hand::Person(self.sim.owners()[0].user_id)
    }
}

pub fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// Ids of a list of results.
pub fn ids(body: &Value) -> Vec<String> {
    body["results"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}
