//! A simulated org with a signed-in client.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::{Body, to_bytes};
use entente_sims::clock::SimClock;
use entente_sims::faults::Faults;
use entente_sims::mailroom::Mailroom;
use entente_sims::profile::Profile;
use entente_sims::salesforce::{FieldSpec, Salesforce, SalesforceOptions};
use http::{HeaderMap, Request};
use serde_json::{Map, Value};
use tower::ServiceExt;

/// 2026-01-05T10:00:00.250Z.
pub const START_MS: i64 = 1_767_607_200_250;
pub const V: &str = "/services/data/v62.0";

pub struct Desk {
    pub sf: Salesforce,
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
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

impl Desk {
    pub fn open() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut SalesforceOptions)) -> Self {
        let now = Arc::new(AtomicI64::new(START_MS));
        let clock = SimClock::virtual_at(Arc::clone(&now));
        let faults = Faults::none(7);
        let mail = Mailroom::new(clock.clone(), faults.clone());
        let mut options = SalesforceOptions::new(clock, Profile::instant(), 7, faults.clone(), mail.clone());
        change(&mut options);
        let sf = Salesforce::new(options);
        for object in ["Account", "Contact", "Case"] {
            sf.add_field(object, FieldSpec::external_id("Entente_Id__c")).unwrap();
        }
        let token = sf.session_for(&sf.users().integration).unwrap();
        Self { sf, token, now, mail, faults }
    }

    pub fn pass(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.sf.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Reply { status: parts.status.as_u16(), headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub async fn call_with(&self, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Reply {
        let path = if path.starts_with("/services") { path.to_owned() } else { format!("{V}{path}") };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("Host", "acme.sim")
            .header("Authorization", format!("Bearer {}", self.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub async fn call(&self, method: &str, path: &str, body: Value) -> Reply {
        self.call_with(method, path, &body.to_string(), &[]).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call_with("GET", path, "", &[]).await
    }

    pub async fn soql(&self, query: &str) -> Reply {
        self.get(&format!("/query?q={}", encoded(query))).await
    }

    /// A record made by the client; its id.
    pub async fn make(&self, object: &str, fields: Value) -> String {
        let reply = self.call("POST", &format!("/sobjects/{object}"), fields).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        reply.json()["id"].as_str().unwrap().to_owned()
    }

    /// A record made by a sales person in the org itself.
    pub fn plant(&self, object: &str, fields: Value) -> String {
        self.sf.insert(object, &map(fields), &self.sf.users().sales[0]).unwrap()
    }
}

pub fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

pub fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
