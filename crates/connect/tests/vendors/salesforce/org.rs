//! An org whose answers are scripted by the test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entente_connect::connector::Connector;
use entente_connect::look::ReadSpec;
use entente_connect::registry;
use entente_connect::settings::{Auth, ConnectionSettings, Secret, WebhookSettings};
use entente_connect::transport::Surroundings;
use entente_connect::transport::offset::to_http_date;
use entente_connect::transport::wire::{TokenVault, Tokens, Wire, WireError};
use entente_model::clock::Clock;
use entente_model::mapping::Role;
use serde_json::{Value, json};

use crate::stage::rows::spec;
use crate::stage::time::Hands;
use crate::stage::{self, surroundings};

pub const OURS: &str = "005000000000001AAA";

/// A call as the org saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub host: String,
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Seen {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    pub fn soql(&self) -> &str {
        self.query.get("q").map_or("", String::as_str)
    }

    pub fn form(&self) -> BTreeMap<String, String> {
        url::form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }

    pub fn is(&self, method: &str, end: &str) -> bool {
        self.method == method && self.path.ends_with(end)
    }
}

/// What the org answers.
pub struct Said {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

pub fn said(status: u16, body: Value) -> Option<Result<Said, WireError>> {
    Some(Ok(Said { status, headers: Vec::new(), body: body.to_string() }))
}

pub fn refused(status: u16, code: &str, message: &str) -> Option<Result<Said, WireError>> {
    said(status, json!([{"errorCode": code, "message": message}]))
}

type Script = Box<dyn FnMut(&Seen) -> Option<Result<Said, WireError>> + Send>;

/// A vault that can refuse to keep tokens.
#[derive(Default)]
pub struct Vault {
    pub kept: Mutex<BTreeMap<String, Tokens>>,
    pub broken: Mutex<bool>,
    /// Times that others run before what is saved is kept.
    pub slow: Mutex<u32>,
    held: Mutex<bool>,
}

#[async_trait]
impl TokenVault for Vault {
    async fn load(&self, connection: &str) -> Result<Option<Tokens>, String> {
        Ok(self.kept.lock().unwrap().get(connection).cloned())
    }

    async fn save(&self, connection: &str, tokens: &Tokens) -> Result<(), String> {
        if *self.broken.lock().unwrap() {
            return Err("disk full".to_owned());
        }
        let slow = *self.slow.lock().unwrap();
        for _ in 0..slow {
            tokio::task::yield_now().await;
        }
        self.kept.lock().unwrap().insert(connection.to_owned(), tokens.clone());
        Ok(())
    }

    async fn hold(&self, _: &str, _: Duration) -> Result<bool, String> {
        Ok(!std::mem::replace(&mut *self.held.lock().unwrap(), true))
    }

    async fn let_go(&self, _: &str) -> Result<(), String> {
        *self.held.lock().unwrap() = false;
        Ok(())
    }
}

/// The scripted org. Sign-in, userinfo and describe answer by themselves unless the script does.
pub struct Org {
    calls: Mutex<Vec<Seen>>,
    script: Mutex<Script>,
    hands: Arc<Hands>,
    tokens: Mutex<u32>,
}

#[async_trait]
impl Wire for Org {
    async fn send(&self, request: http::Request<Bytes>, _timeout: Duration) -> Result<http::Response<Bytes>, WireError> {
        let url = url::Url::parse(&request.uri().to_string()).unwrap();
        let seen = Seen {
            method: request.method().to_string(),
            host: url.host_str().unwrap().to_owned(),
            path: url.path().to_owned(),
            query: url.query_pairs().into_owned().collect(),
            headers: request.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect(),
            body: String::from_utf8(request.body().to_vec()).unwrap(),
        };
        tokio::task::yield_now().await;
        if url.query_pairs().any(|(_, value)| value.contains("UserType")) {
            // Who works in the org: pages bring the question along, and no story is about it.
            let people = json!({"totalSize": 1, "done": true, "records": [
                {"Id": "005000000000007AAA", "UserType": "Standard", "Profile": {"Name": "Standard User"}}
            ]});
            let response = http::Response::builder().status(200).header("date", to_http_date(self.hands.now()));
            return Ok(response.body(Bytes::from(people.to_string())).unwrap());
        }
        self.calls.lock().unwrap().push(seen.clone());
        let scripted = (self.script.lock().unwrap())(&seen);
        let said = scripted.unwrap_or_else(|| Ok(self.usual(&seen)))?;
        let mut response = http::Response::builder().status(said.status).header("date", to_http_date(self.hands.now()));
        for (name, value) in said.headers {
            response = response.header(name, value);
        }
        Ok(response.body(Bytes::from(said.body)).unwrap())
    }
}

impl Org {
    fn usual(&self, seen: &Seen) -> Said {
        let body = match seen.path.trim_start_matches("/crm") {
            "/services/oauth2/token" => {
                let mut tokens = self.tokens.lock().unwrap();
                *tokens += 1;
                json!({"access_token": format!("access-token-{tokens}"), "instance_url": "https://data.example.com", "token_type": "Bearer"})
            }
            "/services/oauth2/userinfo" => {
                json!({"user_id": OURS, "organization_id": "00D000000000001EAA", "preferred_username": "us@example.com"})
            }
            "/services/data" => json!([]),
            path if path.ends_with("/describe") => contact(),
            _ => panic!("nobody scripted {} {}", seen.method, seen.path),
        };
        Said { status: 200, headers: Vec::new(), body: body.to_string() }
    }
}

pub fn contact() -> Value {
    json!({"name": "Contact", "fields": [
        {"name": "Id", "type": "id", "label": "Contact ID"},
        {"name": "SystemModstamp", "type": "datetime"},
        {"name": "LastModifiedDate", "type": "datetime"},
        {"name": "LastModifiedById", "type": "reference", "relationshipName": "LastModifiedBy", "referenceTo": ["User"]},
        {"name": "IsDeleted", "type": "boolean"},
        {"name": "MasterRecordId", "type": "reference"},
        {"name": "LastName", "type": "string", "label": "Last name", "createable": true, "updateable": true, "length": 80},
        {"name": "Name", "type": "string", "nameField": true, "length": 121, "nillable": false},
        {"name": "Email", "type": "email", "createable": true, "updateable": true, "nillable": true, "length": 80},
        {"name": "Entente_Id__c", "type": "string", "createable": true, "updateable": true, "nillable": true, "unique": true},
        {"name": "HasOptedOutOfEmail", "type": "boolean", "createable": true, "updateable": true, "defaultedOnCreate": true},
        {"name": "AccountId", "type": "reference", "createable": true, "updateable": true, "nillable": true,
         "relationshipName": "Account", "referenceTo": ["Account"], "label": "Account"}
    ]})
}

/// A connector and the org it speaks to.
pub struct Scene {
    pub crm: Arc<dyn Connector>,
    pub org: Arc<Org>,
    pub hands: Arc<Hands>,
    pub vault: Arc<Vault>,
}

impl Scene {
    /// The same connection in another process, which shares the vault.
    pub fn beside(&self, settings: ConnectionSettings) -> Arc<dyn Connector> {
        let surroundings = Surroundings { vault: Arc::clone(&self.vault) as _, ..surroundings(Arc::clone(&self.org) as _, &self.hands) };
        registry::connect(settings, surroundings).map_err(|error| error.to_string()).unwrap()
    }

    /// The calls to paths that end so, in order.
    pub fn calls(&self, method: &str, end: &str) -> Vec<Seen> {
        self.org.calls.lock().unwrap().iter().filter(|seen| seen.is(method, end)).cloned().collect()
    }

    pub fn script(&self, script: impl FnMut(&Seen) -> Option<Result<Said, WireError>> + Send + 'static) {
        *self.org.script.lock().unwrap() = Box::new(script);
    }
}

pub fn settings() -> ConnectionSettings {
    let auth = Auth::ClientCredentials { client_id: "app".to_owned(), client_secret: Secret::new("client-secret") };
    ConnectionSettings {
        headers: BTreeMap::from([("x-gateway-key".to_owned(), Secret::new("gateway-secret"))]),
        webhooks: WebhookSettings {
            organization: Some("00D000000000001".to_owned()),
            path_secret: Secret::new("path-secret"),
            ..WebhookSettings::default()
        },
        actors: BTreeMap::from([("self_service".to_owned(), vec!["005000000000009AAA".to_owned()])]),
        ..stage::settings("salesforce", Role::Crm, "https://gateway.example.com/crm", auth)
    }
}

pub fn scene(settings: ConnectionSettings) -> Scene {
    let hands = Hands::at(1_767_268_800_000);
    let vault = Arc::new(Vault::default());
    let org =
        Arc::new(Org { calls: Mutex::default(), script: Mutex::new(Box::new(|_| None)), hands: Arc::clone(&hands), tokens: Mutex::new(0) });
    let surroundings = Surroundings { vault: Arc::clone(&vault) as _, ..surroundings(Arc::clone(&org) as _, &hands) };
    let crm = registry::connect(settings, surroundings).map_err(|error| error.to_string()).unwrap();
    Scene { crm, org, hands, vault }
}

/// What is said of settings that do not fit.
pub fn misfit(settings: ConnectionSettings) -> String {
    let hands = Hands::at(1_767_268_800_000);
    let org =
        Arc::new(Org { calls: Mutex::default(), script: Mutex::new(Box::new(|_| None)), hands: Arc::clone(&hands), tokens: Mutex::new(0) });
    registry::connect(settings, surroundings(org as _, &hands)).map(drop).unwrap_err().to_string()
}

/// A scene at the org's own address, without a gateway's path.
pub fn direct() -> Scene {
    scene(ConnectionSettings { base_url: "https://acme.my.salesforce.com".parse().unwrap(), ..settings() })
}

pub fn contacts(fields: &[&str]) -> ReadSpec {
    spec("Contact", fields)
}

/// The id of contact `n`.
pub fn id(n: u32) -> String {
    format!("003000000000{n:03}AAA")
}

/// Contact `n`, last changed at second `second` of noon.
pub fn row(n: u32, second: u32) -> Value {
    let stamp = format!("2026-01-01T12:00:{second:02}.000+0000");
    json!({
        "attributes": {"type": "Contact"}, "Id": id(n), "SystemModstamp": stamp, "LastModifiedDate": stamp,
        "LastModifiedById": "005000000000007AAA", "IsDeleted": false, "MasterRecordId": null, "Email": format!("{n}@example.com")
    })
}
