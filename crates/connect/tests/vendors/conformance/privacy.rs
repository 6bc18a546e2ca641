//! What must never be said: not in a log of ours or of a library below us, at whatever level, and not in the text of an error.

use std::sync::{Arc, Mutex, Once};

use entente_connect::connector::{Connector, Priority};
use entente_connect::error::VendorError;
use entente_connect::look::Find;
use entente_connect::webhook::Incoming;
use entente_sims::faults::Fault;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::trial::{Trial, incoming};
use crate::stage::network::Network;
use crate::stage::rows::{delete, read_on, update};

/// What every target of `log` says: libraries that do not trace write there. One for the process, as `log` has it.
static LOGGED: Mutex<String> = Mutex::new(String::new());
static LISTEN: Once = Once::new();

struct Library;

impl log::Log for Library {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LOGGED.lock().unwrap().push_str(&format!("{}: {}\n", record.target(), record.args()));
    }

    fn flush(&self) {}
}

/// Everything that is traced, by every target at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{}={value:?}\n", field.name()));
    }
}

impl Log {
    fn note(&self, metadata: &Metadata<'_>, record: impl FnOnce(&mut Line<'_>)) {
        let mut text = self.0.lock().unwrap();
        text.push_str(&format!("{}: {}: ", metadata.target(), metadata.name()));
        record(&mut Line(&mut text));
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.note(span.metadata(), |line| span.record(line));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Line(&mut self.0.lock().unwrap()));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.note(event.metadata(), |line| event.record(line));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// What is told of an error wherever one is told: its words, its parts, and what it came from.
fn texts(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(" {error} {error:?}"));
        source = error.source();
    }
    text
}

pub async fn nobody_s_data_is_in_a_log_or_an_error(mut trial: Trial) {
    LISTEN.call_once(|| {
        log::set_max_level(log::LevelFilter::Trace);
        log::set_logger(&Library).unwrap();
    });
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    // Over sockets: what carries requests in production has logs of its own.
    let network = Network::to(trial.router.clone()).await;
    trial.connector = trial.over(network);
    let mut said = Vec::new();
    let mut note = |error: VendorError| said.push(texts(&error));
    let listening = trial.listening().await;
    listening.page(&trial.read(&[]), None, Priority::Backfill).await.unwrap();
    let id = trial.host.plant("Ottobre", "countess@ottobre.example");
    let made = trial.write(&[trial.newcomer("con_0000000000000", "Ottobre", "ada@ottobre.example")]).await.remove(0).unwrap();
    let writes = [
        trial.newcomer("con_0000000000001", "Ottobre", "countess at ottobre"),
        trial.newcomer("con_0000000000002", "Ottobre", "countess@ottobre.example"),
        update(&made.id, serde_json::json!({trial.names().email: "countess at ottobre"})),
        update(&made.id, serde_json::json!({"ottobre_has_no_such_field": "countess at ottobre"})),
    ];
    for write in writes {
        if let Err(error) = trial.write(&[write]).await.remove(0) {
            note(error);
        }
    }
    for fault in [Fault::TimeoutAfter, Fault::ServerError, Fault::TooMany, Fault::QuotaExhausted] {
        trial.faults.order([fault]);
        if let Err(error) = trial.write(&[trial.rename(&made.id, "Ottobre of Ottobre")]).await.remove(0) {
            note(error);
        }
        trial.pass(25 * 3_600);
    }
    let questions =
        [Find::Email("countess@ottobre.example".to_owned()), Find::Name("Ottobre".to_owned()), Find::Phone("+46812345678".to_owned())];
    for question in questions {
        if let Err(error) = trial.connector.find(&trial.read(&[]), &[question], trial.names().key, Priority::Update).await {
            note(error);
        }
    }
    read_on(trial.connector.as_ref(), &trial.read(&[]), None).await;
    trial.host.rename(&id, "Ottobre of Ottobre");
    said.extend(refused_messages(&trial, listening.as_ref()));
    let mut note = |error: VendorError| said.push(texts(&error));
    if let Err(error) = trial.write(&[delete(&id)]).await.remove(0) {
        note(error);
    }
    if let Err(error) = trial.write(&[trial.rename(&id, "Ottobre of Ottobre")]).await.remove(0) {
        note(error);
    }
    drop(guard);
    assert!(!said.is_empty());
    let (traced, logged) = (log.0.lock().unwrap().clone(), LOGGED.lock().unwrap().clone());
    assert!(traced.contains("hyper_util") || logged.contains("reqwest"), "nobody listens to what carries requests");
    for text in said.iter().chain([&traced, &logged]) {
        for secret in
            ["ottobre.example", "ottobre of", "Ottobre", "countess", "12345678", "-secret", "-refresh", "api-key", "intercom-token"]
        {
            let told = text.lines().find(|line| line.contains(secret));
            assert!(told.is_none(), "`{secret}` in: {told:?}");
        }
    }
}

/// What is said of messages that were cut short, or that nobody can believe.
fn refused_messages(trial: &Trial, listening: &dyn Connector) -> Vec<String> {
    let mut said = Vec::new();
    for letter in trial.mail.take_due() {
        let whole = incoming(&letter);
        let half = Incoming { body: whole.body[..whole.body.len() / 2].to_vec(), ..whole.clone() };
        let torn = Incoming { body: String::from_utf8_lossy(&whole.body).replace([':', '>'], " ").into_bytes(), ..whole.clone() };
        let refused = [half, torn].into_iter().filter_map(|incoming| trial.open(listening, &incoming).err());
        said.extend(refused.map(|error| texts(&error)));
        said.extend(listening.open(&whole, "a-guess", trial.now()).err().map(|error| texts(&error)));
    }
    said
}
