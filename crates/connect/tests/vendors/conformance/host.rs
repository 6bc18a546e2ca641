//! What a platform gives so that the suite can be told of it: a simulator with its people, and settings that fit it. One small file for each
//! under `hosts/`. The stories are about whatever the platform has for contacts.

use std::sync::Arc;

use entente_connect::settings::ConnectionSettings;
use entente_sims::faults::Faults;
use entente_sims::mailroom::{Delivery, Mailroom};
use serde_json::Value;

use super::things::About;
use crate::stage::time::Hands;

/// A platform that was just started on this clock.
pub struct Given {
    /// Settings with credentials that end by themselves, where the platform has such.
    pub settings: ConnectionSettings,
    /// The simulator's HTTP surface.
    pub router: axum::Router,
    /// Its webhooks.
    pub mail: Mailroom,
    /// What goes wrong there.
    pub faults: Faults,
    /// Its people.
    pub host: Arc<dyn Host>,
}

/// Starts a platform without latency, limits or lag.
pub type Start = fn(&Arc<Hands>) -> Given;

/// What the object and its fields are called.
#[derive(Debug, Clone, Copy)]
pub struct Names {
    /// The object that has the contacts.
    pub object: &'static str,
    /// The field that carries Entente's id.
    pub key: &'static str,
    /// The field that holds the (family) name.
    pub name: &'static str,
    /// The field that holds the e-mail address.
    pub email: &'static str,
    /// What comes before and after the name of a custom field.
    pub custom: (&'static str, &'static str),
}

/// The people of a platform, who work there without us.
pub trait Host: Send + Sync {
    /// Names of the object and its fields.
    fn names(&self) -> Names;

    /// Somebody makes a contact; its id.
    fn plant(&self, name: &str, email: &str) -> String;

    /// Somebody renames it.
    fn rename(&self, id: &str, name: &str);

    /// Everything that the platform holds of a contact, as JSON.
    fn shown(&self, id: &str) -> Value;

    /// How many contacts there are, the ones that are there from the beginning included.
    fn count(&self) -> usize;

    /// Somebody deletes a contact.
    fn delete(&self, id: &str);

    /// Somebody deletes a contact in a way that can be undone.
    fn set_aside(&self, id: &str) {
        self.delete(id);
    }

    /// Brings back what was set aside. Not called where the capabilities say that nothing comes back.
    fn restore(&self, _id: &str) {}

    /// Makes two contacts of these names and merges the first into the second; their ids. Not called where the capabilities say that nothing
    /// tells of it.
    fn merge(&self, loser: &str, winner: &str) -> (String, String);

    /// Two contacts that the platform merges when it is asked to: the one that goes, and the one that stays.
    fn two_of_one(&self) -> [String; 2] {
        ["ann", "anna"].map(|name| self.plant(name, &format!("{name}@one.example")))
    }

    /// Somebody makes a row beside contacts, of this title, about these; its id.
    fn make(&self, called: &str, title: &str, about: &About) -> String;

    /// Somebody gives such a row another title, or where titles stay changes something else of it.
    fn retitle(&self, called: &str, id: &str, title: &str);

    /// Somebody deletes such a row.
    fn remove(&self, called: &str, id: &str);

    /// Somebody brings such a row back that was deleted; whether that is possible at the platform.
    fn bring_back(&self, _called: &str, _id: &str) -> bool {
        false
    }

    /// Somebody merges one such row into another, and the first one ends; the id of the one that is there afterwards. `None` where nobody can.
    fn join(&self, _called: &str, _loser: &str, _winner: &str) -> Option<String> {
        None
    }

    /// How the platform sends a message once more. Beside its repeat, a platform may tell the same thing in another message.
    fn sent_again(&self, letter: &Delivery) -> Again {
        Again { repeat: Delivery { attempt: letter.attempt + 1, ..letter.clone() }, others: Vec::new() }
    }

    /// Whether messages have an id, or a content of their own, that their repeats have as well.
    fn knows_repeats(&self) -> bool {
        true
    }

    /// Ends every access token. Not called where the platform's facts say that access does not end by itself.
    fn end_sessions(&self) {}

    /// Sets up webhooks about an object as a person does, with changes of this field. Not called where the connector can.
    fn listen(&self, _url: &str, _object: &str, _field: &str) {}
}

/// A message that is sent once more.
pub struct Again {
    /// Its repeat: another attempt, signed anew.
    pub repeat: Delivery,
    /// Other messages that tell the same.
    pub others: Vec<Delivery>,
}

/// A message with another body, which is signed when it leaves.
pub fn told_otherwise(letter: &Delivery, change: impl FnOnce(&mut Value)) -> Delivery {
    let mut body: Value = serde_json::from_slice(&letter.body).unwrap();
    change(&mut body);
    Delivery { body: body.to_string().into_bytes(), ..letter.clone() }
}
