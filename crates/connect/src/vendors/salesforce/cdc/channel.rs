//! The way to the Pub/Sub API: one connection, with our session's marks on every call.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use apache_avro::Schema;
use entente_model::clock::Timestamp;
use http::uri::PathAndQuery;
use tokio::sync::Notify;
use tonic::client::Grpc;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status, Streaming};
use tonic_prost::ProstCodec;
use url::Url;

use super::super::Salesforce;
use super::avro;
use super::stream::Stream;
use super::wire::{FetchRequest, FetchResponse, SchemaInfo, SchemaRequest, TopicInfo, TopicRequest};
use crate::connector::Priority;
use crate::error::{Class, VendorError};

/// Time that making the connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time that an answer to a single question may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Time between signs of life of an idle connection, so that a firewall does not forget it. Of TCP: servers take HTTP/2 pings amiss.
const ALIVE_EVERY: Duration = Duration::from_secs(60);

const GET_TOPIC: &str = "/eventbus.v1.PubSub/GetTopic";
const GET_SCHEMA: &str = "/eventbus.v1.PubSub/GetSchema";
const SUBSCRIBE: &str = "/eventbus.v1.PubSub/Subscribe";

/// A stream by the object that mappings name and the one that the platform tells of; they differ where the one stands for several.
pub(super) type StreamKey = (String, String);

/// Streams of one connection.
pub(in crate::vendors::salesforce) struct PubSub {
    pub(super) line: Line,
    /// Whether an object without a stream is an error, rather than polled.
    pub(super) required: bool,
    pub(super) streams: Mutex<BTreeMap<StreamKey, Arc<Stream>>>,
    /// Objects that the org does not tell of, and when to ask again.
    pub(super) refused: Mutex<BTreeMap<String, Timestamp>>,
    schemas: Mutex<BTreeMap<String, Arc<Schema>>>,
    /// Rung whenever a stream has brought something.
    pub(super) bell: Arc<Notify>,
}

/// Our marks of a call.
#[derive(Clone)]
pub(super) struct Marks {
    token: MetadataValue<Ascii>,
    instance: MetadataValue<Ascii>,
    tenant: MetadataValue<Ascii>,
    /// Generation of the session, to renew it once.
    pub generation: u64,
}

impl Marks {
    fn on<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let marks = request.metadata_mut();
        marks.insert("accesstoken", self.token.clone());
        marks.insert("instanceurl", self.instance.clone());
        marks.insert("tenantid", self.tenant.clone());
        request
    }
}

impl PubSub {
    /// Prepares the connection; it is made at the first call.
    ///
    /// # Errors
    /// Says what is wrong with the address.
    pub(in crate::vendors::salesforce) fn new(address: &Url, required: bool) -> Result<Self, String> {
        let mut endpoint = Endpoint::from_shared(address.as_str().to_owned())
            .map_err(|error| error.to_string())?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_keepalive(Some(ALIVE_EVERY));
        if address.scheme() == "https" {
            endpoint = endpoint.tls_config(ClientTlsConfig::new().with_webpki_roots()).map_err(|error| error.to_string())?;
        }
        Ok(Self {
            line: Line(endpoint.connect_lazy()),
            required,
            streams: Mutex::default(),
            refused: Mutex::default(),
            schemas: Mutex::default(),
            bell: Arc::new(Notify::new()),
        })
    }

    fn known(&self, id: &str) -> Option<Arc<Schema>> {
        self.schemas.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }
}

/// The connection itself. Cloning shares it.
#[derive(Clone)]
pub(super) struct Line(Channel);

impl Line {
    async fn ask<Q, A>(&self, path: &'static str, marks: &Marks, question: Q) -> Result<A, Status>
    where
        Q: prost::Message + 'static,
        A: prost::Message + Default + 'static,
    {
        let mut grpc = Grpc::new(self.0.clone());
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let mut request = marks.on(question);
        request.set_timeout(ANSWER_TIMEOUT);
        let answer = grpc.unary(request, PathAndQuery::from_static(path), ProstCodec::<Q, A>::default()).await?;
        Ok(answer.into_inner())
    }

    /// What a topic is.
    pub(super) async fn topic(&self, marks: &Marks, name: &str) -> Result<TopicInfo, Status> {
        self.ask(GET_TOPIC, marks, TopicRequest { topic_name: name.to_owned() }).await
    }

    /// Opens a stream of events; `requests` says from where on, and lets them come.
    pub(super) async fn subscribe(
        &self,
        marks: &Marks,
        requests: impl futures::Stream<Item = FetchRequest> + Send + 'static,
    ) -> Result<Streaming<FetchResponse>, Status> {
        let mut grpc = Grpc::new(self.0.clone());
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let codec = ProstCodec::<FetchRequest, FetchResponse>::default();
        let answer = grpc.streaming(marks.on(requests), PathAndQuery::from_static(SUBSCRIBE), codec).await?;
        Ok(answer.into_inner())
    }
}

impl Salesforce {
    /// Our marks, signing in if need be.
    pub(super) async fn marks(&self) -> Result<Marks, VendorError> {
        let organization = self.identity(Priority::Backfill).await?.organization.clone();
        let session = self.client.session().await?;
        let instance = session
            .tokens
            .instance_url
            .clone()
            .unwrap_or_else(|| self.client.settings().base_url.as_str().trim_end_matches('/').to_owned());
        let mut token = mark("accesstoken", session.tokens.access.reveal())?;
        token.set_sensitive(true);
        Ok(Marks {
            token,
            instance: mark("instanceurl", &instance)?,
            tenant: mark("tenantid", &organization)?,
            generation: session.generation,
        })
    }

    /// The schema of an event; it never changes and is asked for once.
    pub(super) async fn event_schema(&self, pubsub: &PubSub, id: &str) -> Result<Arc<Schema>, VendorError> {
        if let Some(schema) = pubsub.known(id) {
            return Ok(schema);
        }
        let mut marks = self.marks().await?;
        let question = SchemaRequest { schema_id: id.to_owned() };
        let answer: Result<SchemaInfo, Status> = pubsub.line.ask(GET_SCHEMA, &marks, question.clone()).await;
        let info = match answer {
            Err(status) if status.code() == Code::Unauthenticated => {
                self.client.renew(marks.generation).await?;
                marks = self.marks().await?;
                pubsub.line.ask(GET_SCHEMA, &marks, question).await
            }
            answer => answer,
        };
        let info: SchemaInfo = info.map_err(|status| refusal(&status))?;
        let schema = Arc::new(avro::schema(&info.schema_json)?);
        pubsub.schemas.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), Arc::clone(&schema));
        Ok(schema)
    }
}

fn mark(name: &str, text: &str) -> Result<MetadataValue<Ascii>, VendorError> {
    MetadataValue::from_str(text).map_err(|_| {
        // The text is not shown: it may be a token.
        VendorError::new(Class::Configuration, "metadata", format!("`{name}` cannot be sent to the Pub/Sub API"), "sign in again")
    })
}

/// What a refusal of the Pub/Sub API means.
pub(super) fn refusal(status: &Status) -> VendorError {
    let (class, advice) = match status.code() {
        Code::Unauthenticated => (Class::Reauthenticate, "check the credentials of this connection"),
        Code::NotFound | Code::InvalidArgument | Code::Unimplemented => (
            Class::Configuration,
            "select the object under Setup, Change Data Capture (Enterprise, Performance, Unlimited and Developer editions have it) and let our \
             user read it; or set `salesforce.changes` to `auto` or `poll`",
        ),
        Code::PermissionDenied => (
            Class::Configuration,
            "let our user see all rows of the object (View All in its permission set); or set `salesforce.changes` to `auto` or `poll`",
        ),
        _ => (Class::Retry, "nothing to do: it is tried again, and polls see every change meanwhile"),
    };
    VendorError::new(class, format!("pubsub_{:?}", status.code()), status.message(), advice)
}
