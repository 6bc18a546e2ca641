//! The gRPC server.

use std::net::SocketAddr;
use std::time::Duration;

use apache_avro::Schema;
use futures::stream::{BoxStream, StreamExt as _, unfold};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::server::Grpc;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use super::super::id::SfId;
use super::super::{Salesforce, State};
use super::encode::payload;
use super::log::{EventLog, Replay};
use super::message::{Event, FetchRequest, FetchResponse, Received, SchemaInfo, SchemaRequest, TopicInfo, TopicRequest};
use super::schema::{Carried, avro, carried};

/// Events that a client may have asked for and not got.
const CREDITS_MAX: i32 = 100;

/// Hexadecimal digits of a schema's id.
const SCHEMA_ID_BYTES: usize = 11;

type Responses = BoxStream<'static, Result<FetchResponse, Status>>;

/// Serves the API until the task is aborted.
pub(super) async fn serve(sf: Salesforce, addr: SocketAddr, keepalive: Duration) -> std::io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind(addr).await?;
    let bound = listener.local_addr()?;
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let sf = sf.clone();
        async move { Ok::<_, std::convert::Infallible>(answer(sf, keepalive, request).await) }
    });
    let task = tokio::spawn(async move {
        if let Err(error) = Server::builder().serve_with_incoming(service, TcpIncoming::from(listener)).await {
            tracing::error!(%error, "the simulated Pub/Sub API stopped serving");
        }
    });
    Ok((bound, task))
}

async fn answer(sf: Salesforce, keepalive: Duration, request: http::Request<Body>) -> http::Response<Body> {
    match request.uri().path() {
        "/eventbus.v1.PubSub/GetTopic" => {
            let topic = tower::service_fn(|request: Request<TopicRequest>| {
                let answer = sf.with(|state| topic(state, &request));
                async move { answer.map(Response::new) }
            });
            Grpc::new(ProstCodec::<TopicInfo, TopicRequest>::default()).unary(topic, request).await
        }
        "/eventbus.v1.PubSub/GetSchema" => {
            let schema = tower::service_fn(|request: Request<SchemaRequest>| {
                let answer = sf.with(|state| schema(state, &request));
                async move { answer.map(Response::new) }
            });
            Grpc::new(ProstCodec::<SchemaInfo, SchemaRequest>::default()).unary(schema, request).await
        }
        "/eventbus.v1.PubSub/Subscribe" => {
            let subscribe = tower::service_fn(|request: Request<Streaming<FetchRequest>>| {
                let sf = sf.clone();
                let user = sf.with(|state| user(state, request.metadata()));
                async move { user.map(|user| Response::new(stream(sf, user, keepalive, request.into_inner()))) }
            });
            Grpc::new(ProstCodec::<FetchResponse, FetchRequest>::default()).streaming(subscribe, request).await
        }
        other => Status::unimplemented(format!("there is no {other}")).into_http(),
    }
}

fn told(code: Code, message: impl Into<String>, error: &'static str) -> Status {
    let mut trailers = MetadataMap::new();
    trailers.insert("error-code", MetadataValue::from_static(error));
    Status::with_metadata(code, message, trailers)
}

/// Who calls. Each call carries the session, the org's address and its id.
fn user(state: &mut State, marks: &MetadataMap) -> Result<SfId, Status> {
    let refused = |what: &str| told(Code::Unauthenticated, what, "sfdc.platform.eventbus.grpc.service.auth.error");
    let of = |name: &str| marks.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    if of("instanceurl").is_empty() {
        return Err(refused("instanceurl is missing"));
    }
    if SfId::parse(&of("tenantid")) != Some(state.org.org_id) {
        return Err(refused("tenantid is not the org's"));
    }
    let now = state.org.clock.now_ms();
    state.auth.user_of(&of("accesstoken"), now).ok_or_else(|| refused("the session has expired or is invalid"))
}

/// The object behind a topic's name, if it is selected.
fn object(state: &State, topic: &str) -> Result<(String, usize), Status> {
    let unknown = || {
        let message = format!("the topic {topic} was not found");
        told(Code::NotFound, message, "sfdc.platform.eventbus.grpc.topic.not.found")
    };
    let name = topic.strip_prefix("/data/").and_then(|rest| rest.strip_suffix("ChangeEvent")).ok_or_else(unknown)?;
    let name = name.strip_suffix("__").map_or_else(|| name.to_owned(), |custom| format!("{custom}__c"));
    let table = state.org.reachable(&name).filter(|_| state.events.is_selected(&name)).ok_or_else(unknown)?;
    Ok((name, table))
}

/// The schema of an object's events as a user sees them, with its id.
fn schema_of(state: &mut State, object: &str, table: usize, user: SfId) -> (Vec<Carried>, String, String) {
    let fields = carried(&mut state.org, table, user);
    let json = avro(object, &fields).to_string();
    let digest = ring::digest::digest(&ring::digest::SHA256, json.as_bytes());
    let id: String = digest.as_ref().iter().take(SCHEMA_ID_BYTES).map(|byte| format!("{byte:02x}")).collect();
    state.schemas.insert(id.clone(), json.clone());
    (fields, id, json)
}

fn topic(state: &mut State, request: &Request<TopicRequest>) -> Result<TopicInfo, Status> {
    let user = user(state, request.metadata())?;
    let name = &request.get_ref().topic_name;
    let (object, table) = object(state, name)?;
    let (_, schema_id, _) = schema_of(state, &object, table, user);
    let tenant_guid = format!("core/prod/{}", state.org.org_id);
    Ok(TopicInfo { topic_name: name.clone(), tenant_guid, can_publish: false, can_subscribe: true, schema_id, rpc_id: "sim".to_owned() })
}

fn schema(state: &mut State, request: &Request<SchemaRequest>) -> Result<SchemaInfo, Status> {
    user(state, request.metadata())?;
    let id = &request.get_ref().schema_id;
    let missing = || told(Code::NotFound, format!("the schema {id} was not found"), "sfdc.platform.eventbus.grpc.schema.not.found");
    let schema_json = state.schemas.get(id).cloned().ok_or_else(missing)?;
    Ok(SchemaInfo { schema_json, schema_id: id.clone(), rpc_id: "sim".to_owned() })
}

/// One subscription.
struct Subscription {
    sf: Salesforce,
    user: SfId,
    topic: String,
    place: u64,
    pending: i32,
}

fn stream(sf: Salesforce, user: SfId, keepalive: Duration, requests: Streaming<FetchRequest>) -> Responses {
    let (out, responses) = mpsc::channel::<Result<FetchResponse, Status>>(1);
    tokio::spawn(async move {
        let ended = run(sf, user, keepalive, requests, &out).await;
        if let Err(status) = ended {
            // A client that has gone hears nothing.
            drop(out.send(Err(status)).await);
        }
    });
    unfold(responses, |mut responses| async move { responses.recv().await.map(|response| (response, responses)) }).boxed()
}

async fn run(
    sf: Salesforce,
    user: SfId,
    keepalive: Duration,
    mut requests: Streaming<FetchRequest>,
    out: &mpsc::Sender<Result<FetchResponse, Status>>,
) -> Result<(), Status> {
    let (mut news, mut breaks) = {
        let state = sf.state();
        (state.events.news.subscribe(), state.events.breaks.subscribe())
    };
    let Some(first) = requests.message().await? else { return Ok(()) };
    let mut subscription = begin(&sf, user, &first)?;
    loop {
        news.mark_unchanged();
        let response = subscription.next()?;
        if !response.events.is_empty() {
            if out.send(Ok(response)).await.is_err() {
                return Ok(());
            }
            continue;
        }
        tokio::select! {
            _ = news.changed(), if subscription.pending > 0 => {}
            _ = breaks.changed() => return Err(Status::unavailable("the server is going away")),
            request = requests.message() => match request? {
                Some(request) => subscription.credit(&request)?,
                None => return Ok(()),
            },
            () = tokio::time::sleep(keepalive) => {
                if out.send(Ok(subscription.idle())).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

fn begin(sf: &Salesforce, user: SfId, first: &FetchRequest) -> Result<Subscription, Status> {
    let place = {
        let state = sf.state();
        object(&state, &first.topic_name)?;
        match first.replay_preset {
            0 => state.events.newest(),
            1 => state.events.earliest(),
            _ => match state.events.place_of(&first.replay_id) {
                Replay::Behind(place) => place,
                Replay::Stale => {
                    let error = "sfdc.platform.eventbus.grpc.subscription.fetch.replayid.validation.failed";
                    return Err(told(Code::InvalidArgument, "The Replay ID validation failed. Ensure that the Replay ID is valid.", error));
                }
                Replay::Corrupted => {
                    let error = "sfdc.platform.eventbus.grpc.subscription.fetch.replayid.corrupted";
                    return Err(told(Code::InvalidArgument, "The Replay ID is corrupted.", error));
                }
            },
        }
    };
    let mut subscription = Subscription { sf: sf.clone(), user, topic: first.topic_name.clone(), place, pending: 0 };
    subscription.credit(first)?;
    Ok(subscription)
}

impl Subscription {
    fn credit(&mut self, request: &FetchRequest) -> Result<(), Status> {
        if !request.topic_name.is_empty() && request.topic_name != self.topic {
            return Err(Status::invalid_argument("the topic of a stream cannot change"));
        }
        if request.num_requested <= 0 {
            return Err(Status::invalid_argument("num_requested must be positive"));
        }
        self.pending = (self.pending + request.num_requested).min(CREDITS_MAX);
        Ok(())
    }

    /// The events that the client may have now.
    fn next(&mut self) -> Result<FetchResponse, Status> {
        let many = usize::try_from(self.pending).unwrap_or(0);
        let (topic, user, place) = (self.topic.clone(), self.user, self.place);
        let events = self.sf.with(|state| {
            let (object, table) = object(state, &topic)?;
            let logged = state.events.behind(&object, place, many);
            if logged.is_empty() {
                return Ok(Vec::new());
            }
            let (fields, schema_id, json) = schema_of(state, &object, table, user);
            let broken = |error: String| Status::internal(error);
            let schema = Schema::parse_str(&json).map_err(|error| broken(error.to_string()))?;
            let mut events = Vec::with_capacity(logged.len());
            for logged in &logged {
                let payload = payload(&schema, &fields, logged).map_err(broken)?;
                let event = Event { id: format!("sim-{}", logged.place), schema_id: schema_id.clone(), payload, headers: Vec::new() };
                events.push((logged.place, Received { event: Some(event), replay_id: EventLog::replay_id(logged.place) }));
            }
            Ok::<_, Status>(events)
        })?;
        if let Some((place, _)) = events.last() {
            self.place = *place;
        }
        let events: Vec<Received> = events.into_iter().map(|(_, event)| event).collect();
        self.pending -= i32::try_from(events.len()).unwrap_or(i32::MAX);
        Ok(self.response(events))
    }

    /// A word of a stream that has nothing to tell.
    fn idle(&mut self) -> FetchResponse {
        // Events of other objects move the stream on as well, but none of this one may be passed over.
        let newest = {
            let state = self.sf.state();
            let name = object(&state, &self.topic).map(|(name, _)| name).unwrap_or_default();
            let waiting = !state.events.behind(&name, self.place, 1).is_empty();
            if waiting { self.place } else { state.events.newest() }
        };
        self.place = newest;
        self.response(Vec::new())
    }

    fn response(&self, events: Vec<Received>) -> FetchResponse {
        FetchResponse {
            events,
            latest_replay_id: EventLog::replay_id(self.place),
            rpc_id: "sim".to_owned(),
            pending_num_requested: self.pending,
        }
    }
}
