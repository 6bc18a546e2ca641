//! A small platform that answers as a story says, and the connector of its description.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entente_connect::connector::Connector;
use entente_connect::registry;
use entente_connect::settings::{Auth, ConnectionSettings};
use entente_connect::transport::wire::{Wire, WireError};
use entente_connect::vendors::rest::description::Description;
use entente_model::mapping::Role;
use serde_json::{Value, json};

use crate::stage;
use crate::stage::time::Hands;

/// A call as the platform got it.
#[derive(Debug, Clone)]
pub struct Got {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: http::HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Got {
    pub fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// An answer: status, headers, body.
pub type Answer = (u16, Vec<(&'static str, String)>, Value);

pub fn ok(body: Value) -> Answer {
    (200, Vec::new(), body)
}

/// How a platform answers.
pub type Habit = Box<dyn Fn(&Got) -> Answer + Send + Sync>;

/// The platform.
pub struct Small {
    habit: Habit,
    pub calls: Mutex<Vec<Got>>,
}

#[async_trait]
impl Wire for Small {
    async fn send(&self, request: http::Request<Bytes>, _: Duration) -> Result<http::Response<Bytes>, WireError> {
        let (parts, body) = request.into_parts();
        let query = parts.uri.query().unwrap_or_default();
        let got = Got {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: parts.headers,
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
            text: String::from_utf8(body.to_vec()).unwrap(),
        };
        self.calls.lock().unwrap().push(got.clone());
        let (status, headers, body) = (self.habit)(&got);
        let mut response = http::Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        Ok(response.body(Bytes::from(body.to_string())).unwrap())
    }
}

/// The description of people at a small platform, changed as a story needs it.
pub fn described(change: impl FnOnce(&mut Value)) -> Arc<Description> {
    let mut description = json!({
        "label": "Small", "role": "crm", "auth": {"access_token": {}},
        "check": {"call": {"path": "/me"}, "user_id": "id", "user": "mail"},
        "paging": {"none": true},
        "objects": {"people": {
            "list": {"path": "/people"}, "get": {"path": "/people/{id}"}, "create": {"path": "/people"}, "update": {"path": "/people/{id}"},
            "row": {"id": "id", "changed_at": "at"},
            "fields": {"name": {"type": "text"}, "entente_id": {"type": "text"}},
        }},
    });
    change(&mut description);
    Arc::new(serde_json::from_value(description).unwrap())
}

/// A connection to it.
pub fn connect(
    description: Arc<Description>,
    auth: Auth,
    habit: impl Fn(&Got) -> Answer + Send + Sync + 'static,
) -> (Arc<dyn Connector>, Arc<Small>) {
    let small = Arc::new(Small { habit: Box::new(habit), calls: Mutex::default() });
    let settings =
        ConnectionSettings { description: Some(description), ..stage::settings("rest", Role::Crm, "https://small.example/api", auth) };
    let hands = Hands::at(1_767_607_200_000);
    let connector = registry::connect(settings, stage::surroundings(Arc::clone(&small) as _, &hands)).unwrap();
    (connector, small)
}
