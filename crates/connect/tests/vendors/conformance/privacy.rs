//! What must never be said.

use std::sync::{Arc, Mutex};

use entente_connect::connector::Priority;
use entente_connect::error::VendorError;
use entente_connect::look::Find;
use entente_sims::faults::Fault;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::trial::Trial;
use crate::stage::rows::{delete, read_on};

/// Everything that is logged, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{}={value:?}\n", field.name()));
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("entente_connect")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Line(&mut self.0.lock().unwrap()));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Line(&mut self.0.lock().unwrap()));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Line(&mut self.0.lock().unwrap()));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

pub async fn nobody_s_data_is_in_a_log_or_an_error(trial: Trial) {
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let mut said = Vec::new();
    let mut note = |error: VendorError| said.push(format!("{error:?} {error}"));
    let id = trial.host.plant("Ottobre", "countess@ottobre.example");
    let made = trial.write(&[trial.newcomer("con_0000000000000", "Ottobre", "ada@ottobre.example")]).await.remove(0).unwrap();
    let writes = [
        trial.newcomer("con_0000000000001", "Ottobre", "countess at ottobre"),
        trial.newcomer("con_0000000000002", "Ottobre", "countess@ottobre.example"),
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
    if let Err(error) = trial.write(&[delete(&id)]).await.remove(0) {
        note(error);
    }
    drop(guard);
    assert!(!said.is_empty());
    let logged = log.0.lock().unwrap().clone();
    for text in said.iter().chain([&logged]) {
        for secret in ["ottobre", "Ottobre", "countess", "12345678", "-secret", "-refresh", "api-key", "intercom-token"] {
            assert!(!text.contains(secret), "`{secret}` in: {text}");
        }
    }
}
