//! What a platform's own messages tell of, kind by kind: what is declared is told by the platform and read by the connector, and what is not
//! declared is not.

use entente_connect::capability::{Capabilities, Happening};
use entente_connect::connector::Connector;
use entente_connect::look::Existence;
use entente_connect::webhook::Event;

use super::things::{About, Thing, about, all_things};
use super::trial::Trial;

/// What messages said of a row that something happened to.
struct Told {
    what: Happening,
    events: Vec<Event>,
}

/// Holds that what messages said is what is declared of the object.
fn holds(called: &str, able: &Capabilities, told: &Told) {
    let Told { what, events } = told;
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    for kind in &kinds {
        let declared = Happening::ALL.iter().any(|what| able.is_told_by(*what, kind));
        assert!(declared, "{called}: `{kind}` came, which no declaration names");
    }
    let merged = events.iter().any(|event| event.look.as_ref().is_some_and(|look| matches!(look.existence, Existence::MergedInto(_))));
    if able.tells(*what) {
        let by = kinds.iter().any(|kind| able.is_told_by(*what, kind));
        assert!(by, "{called}: that a row was {what:?} is declared to be told, and what came was {kinds:?}");
    } else if *what == Happening::Merged {
        assert!(!merged, "{called}: it was told into which row one was merged, which is not declared");
    } else {
        assert!(kinds.is_empty(), "{called}: that a row was {what:?} is not declared to be told, and {kinds:?} came");
    }
}

/// What is told when this happens; `happen` gives the id of the row.
fn heard(trial: &Trial, listening: &dyn Connector, object: &str, what: Happening, happen: impl FnOnce() -> Option<String>) -> Option<Told> {
    trial.pass(60);
    drop(trial.mail.take_due());
    let id = happen()?;
    Some(Told { what, events: trial.told_of(listening, object, &id) })
}

pub async fn of_contacts_every_kind_of_message_is_told_that_is_declared_and_no_other(trial: Trial) {
    let (able, object) = (trial.capabilities(), trial.names().object);
    let listening = trial.listening().await;
    let host = &trial.host;
    let mut id = String::new();
    let mut all = Vec::new();
    all.extend(heard(&trial, listening.as_ref(), object, Happening::Created, || {
        id = host.plant("Ada", "ada@told.example");
        Some(id.clone())
    }));
    all.extend(heard(&trial, listening.as_ref(), object, Happening::Changed, || {
        host.rename(&id, "Ada King");
        Some(id.clone())
    }));
    if able.restorations.is_some() {
        let back = host.plant("Ben", "ben@told.example");
        trial.pass(60);
        host.set_aside(&back);
        all.extend(heard(&trial, listening.as_ref(), object, Happening::Restored, || {
            host.restore(&back);
            Some(back.clone())
        }));
    }
    all.extend(heard(&trial, listening.as_ref(), object, Happening::Deleted, || {
        host.delete(&id);
        Some(id.clone())
    }));
    all.extend(heard(&trial, listening.as_ref(), object, Happening::Merged, || Some(host.merge("ann", "anna").0)));
    for told in &all {
        holds(object, able, told);
    }
}

/// What is told of a row beside contacts, from its making to its end.
fn lived_through(trial: &Trial, listening: &dyn Connector, thing: &Thing, about: &About) -> Vec<Told> {
    let (host, called, object) = (&trial.host, thing.called, thing.object);
    let mut id = String::new();
    let mut all = Vec::new();
    all.extend(heard(trial, listening, object, Happening::Created, || {
        id = host.make(called, "The first title", about);
        Some(id.clone())
    }));
    all.extend(heard(trial, listening, object, Happening::Changed, || {
        host.retitle(called, &id, "Another title");
        Some(id.clone())
    }));
    all.extend(heard(trial, listening, object, Happening::Deleted, || {
        host.remove(called, &id);
        Some(id.clone())
    }));
    all.extend(heard(trial, listening, object, Happening::Restored, || host.bring_back(called, &id).then(|| id.clone())));
    let [loser, winner] = ["One of two", "The other"].map(|title| host.make(called, title, about));
    all.extend(heard(trial, listening, object, Happening::Merged, || host.join(called, &loser, &winner).map(|_| loser.clone())));
    all
}

pub async fn of_a_customer_s_other_rows_every_kind_of_message_is_told_that_is_declared_and_no_other(trial: Trial) {
    let about = about(&trial);
    for thing in &all_things(trial.connector.spec().key) {
        let able = trial.capabilities_of(thing.object);
        let listening = trial.listening_to(thing.object, thing.title).await;
        let otherwise = able.exceptions.iter().find(|rows| rows.rows == thing.called);
        for told in lived_through(&trial, listening.as_ref(), thing, &about) {
            match otherwise.filter(|_| told.what == Happening::Deleted) {
                Some(rows) => assert_eq!(!told.events.is_empty(), rows.deletions.webhook, "{}: {:?}", thing.called, told.events),
                None => holds(thing.called, able, &told),
            }
        }
    }
}
