//! A platform and a connector that is signed in there.

use std::sync::Arc;
use std::time::Duration;

use entente_connect::capability::Capabilities;
use entente_connect::connector::{Connector, NewField, Priority};
use entente_connect::error::{Class, VendorError};
use entente_connect::look::{Look, ReadSpec};
use entente_connect::registry;
use entente_connect::settings::{Auth, ConnectionSettings};
use entente_connect::transport::wire::Wire;
use entente_connect::webhook::{Delivery, Event, Incoming, WebhookError};
use entente_connect::write::{Write, WriteOutcome, WriteTarget};
use entente_model::clock::{Clock, Timestamp};
use entente_model::mapping::remote::{RemoteField, RemoteKind};
use entente_sims::faults::Faults;
use entente_sims::mailroom::{self, Mailroom};
use serde_json::{Value, json};

use super::host::{Host, Names, Start};
use super::hosts::START_MS;
use crate::stage::line::Line;
use crate::stage::rows::{create, spec, update};
use crate::stage::surroundings_with;
use crate::stage::time::Hands;
use crate::stage::vault::Pocket;

pub struct Trial {
    pub connector: Arc<dyn Connector>,
    pub host: Arc<dyn Host>,
    pub line: Arc<Line>,
    /// The platform's HTTP surface.
    pub router: axum::Router,
    pub hands: Arc<Hands>,
    pub mail: Mailroom,
    pub faults: Faults,
    settings: ConnectionSettings,
    vault: Arc<Pocket>,
}

/// Starts a platform and signs in. The field of the key is there, as after provisioning.
pub async fn begin(start: Start) -> Trial {
    let hands = Hands::at(START_MS);
    let given = start(&hands);
    let line = Line::to(given.router.clone());
    let vault = Arc::new(Pocket::default());
    let connector = registry::connect(given.settings.clone(), surroundings_with(Arc::clone(&line) as _, &hands, &vault)).unwrap();
    let trial = Trial {
        connector,
        host: given.host,
        line,
        router: given.router,
        hands,
        mail: given.mail,
        faults: given.faults,
        settings: given.settings,
        vault,
    };
    let key = field(trial.names().key, RemoteKind::Text);
    trial.make(RemoteField { unique: true, ..key }).await.unwrap();
    trial.connector.check().await.unwrap();
    trial
}

/// A field as a mapping asks for it.
pub fn field(name: &str, kind: RemoteKind) -> RemoteField {
    RemoteField { writable: true, ..RemoteField::new(name, "Of the suite", kind) }
}

impl Trial {
    pub fn names(&self) -> Names {
        self.host.names()
    }

    pub fn capabilities(&self) -> &'static Capabilities {
        self.capabilities_of(self.names().object)
    }

    pub fn pass(&self, seconds: u64) {
        self.hands.pass(Duration::from_secs(seconds));
    }

    pub fn now(&self) -> Timestamp {
        self.hands.now()
    }

    /// The same connection in another process, which shares the vault and nothing else.
    pub fn beside(&self) -> Arc<dyn Connector> {
        self.with(self.settings.clone())
    }

    /// The same connection over another wire.
    pub fn over(&self, wire: Arc<dyn Wire>) -> Arc<dyn Connector> {
        registry::connect(self.settings.clone(), surroundings_with(wire, &self.hands, &self.vault)).unwrap()
    }

    fn with(&self, settings: ConnectionSettings) -> Arc<dyn Connector> {
        registry::connect(settings, surroundings_with(Arc::clone(&self.line) as _, &self.hands, &self.vault)).unwrap()
    }

    /// Name of a custom field.
    pub fn custom(&self, name: &str) -> String {
        let (before, after) = self.names().custom;
        format!("{before}{name}{after}")
    }

    /// What to read: name, address and these.
    pub fn read(&self, fields: &[&str]) -> ReadSpec {
        let names = self.names();
        spec(names.object, &[&[names.name, names.email], fields].concat())
    }

    pub fn target(&self) -> WriteTarget {
        WriteTarget { object: self.names().object.to_owned(), key_field: self.names().key.to_owned() }
    }

    pub fn newcomer(&self, key: &str, name: &str, email: &str) -> Write {
        create(key, json!({self.names().name: name, self.names().email: email}))
    }

    pub fn rename(&self, id: &str, name: &str) -> Write {
        update(id, json!({self.names().name: name}))
    }

    pub async fn fetch_of(&self, read: &ReadSpec, id: &str) -> Look {
        self.connector.fetch(read, &[id.to_owned()], Priority::Update).await.unwrap().remove(0)
    }

    /// Makes a field as provisioning does.
    pub async fn make(&self, field: RemoteField) -> Result<(), VendorError> {
        self.connector.create_field(&NewField { object: self.names().object.to_owned(), field }).await
    }

    /// Writes; a call that fails as a whole fails for each row.
    pub async fn write(&self, writes: &[Write]) -> Vec<WriteOutcome> {
        match self.connector.write(&self.target(), writes, Priority::Update).await {
            Ok(outcomes) => {
                assert_eq!(outcomes.len(), writes.len());
                outcomes
            }
            Err(error) => writes.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    pub async fn try_fetch(&self, fields: &[&str], id: &str) -> Result<Look, VendorError> {
        Ok(self.connector.fetch(&self.read(fields), &[id.to_owned()], Priority::Update).await?.remove(0))
    }

    pub async fn fetch(&self, fields: &[&str], id: &str) -> Look {
        self.try_fetch(fields, id).await.unwrap()
    }

    /// Sets custom field `name` and reads it back; or the refusal.
    pub async fn keep(&self, id: &str, name: &str, value: Value) -> Result<Value, VendorError> {
        let name = self.custom(name);
        self.write(&[update(id, json!({name.as_str(): value}))]).await.remove(0)?;
        let look = self.fetch(&[name.as_str()], id).await;
        assert!(look.row.contains_key(&name), "a field that was asked for is there, blank or not: {:?}", look.row);
        Ok(look.row[&name].clone())
    }

    /// Where webhooks go.
    fn url(&self) -> String {
        format!("https://hub.example/hooks/{}", self.settings.name)
    }

    /// Whether a renewal of access uses up what it is renewed with.
    pub fn rotates(&self) -> bool {
        matches!(self.settings.auth, Auth::RefreshToken { .. })
    }

    /// A connector that hears of the platform's webhooks about contacts, set up by itself or by a person.
    pub async fn listening(&self) -> Arc<dyn Connector> {
        self.listening_to(self.names().object, self.names().name).await
    }

    /// The same about an object of which a field is read.
    pub async fn listening_to(&self, object: &str, field: &str) -> Arc<dyn Connector> {
        let objects = [object.to_owned()];
        self.connector.reads(object, &[field.to_owned()]);
        match self.connector.subscribe(&self.url(), &objects).await {
            Ok(Some(secret)) => {
                let mut settings = self.settings.clone();
                settings.webhooks.signing_secret = secret;
                self.with(settings)
            }
            Ok(None) => self.beside(),
            Err(error) => {
                assert_eq!(error.class, Class::Configuration, "{error}");
                self.host.listen(&self.url(), object, field);
                self.beside()
            }
        }
    }

    /// What a platform can do with an object.
    pub fn capabilities_of(&self, object: &str) -> &'static Capabilities {
        let spec = self.connector.spec();
        spec.capabilities(object).unwrap_or_else(|| panic!("{}: nothing is said of {object}", spec.key))
    }

    /// Webhooks that are due, as they arrive behind a proxy that ends TLS.
    pub fn arrived(&self) -> Vec<Incoming> {
        self.mail.take_due().iter().map(incoming).collect()
    }

    pub fn open(&self, connector: &dyn Connector, incoming: &Incoming) -> Result<Delivery, WebhookError> {
        connector.open(incoming, self.settings.webhooks.path_secret.reveal(), self.now())
    }

    /// What webhooks that are due say of this row.
    pub fn told_of(&self, connector: &dyn Connector, object: &str, id: &str) -> Vec<Event> {
        let deliveries = self.arrived().into_iter().map(|incoming| self.open(connector, &incoming).unwrap());
        deliveries.flat_map(|delivery| delivery.events).filter(|event| event.id == id && event.object == object).collect()
    }
}

/// A message as it arrives behind a proxy that ends TLS.
pub fn incoming(letter: &mailroom::Delivery) -> Incoming {
    let mut headers: std::collections::BTreeMap<String, String> =
        letter.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
    headers.insert("host".to_owned(), "127.0.0.1:8080".to_owned());
    headers.insert("x-forwarded-host".to_owned(), "hub.example".to_owned());
    headers.insert("x-forwarded-proto".to_owned(), "https".to_owned());
    Incoming { headers, body: letter.body.clone() }
}
