//! Webhooks: repeated, told twice, overtaken, forged.

use std::collections::BTreeSet;
use std::sync::Arc;

use entente_connect::connector::{Connector, Priority};
use entente_connect::look::{Existence, Look};
use entente_connect::webhook::{Delivery, Incoming, WebhookError};
use entente_sims::mailroom;

use super::things::{about, all_things};
use super::trial::{Trial, incoming};
use crate::stage::rows::spec;

/// Seconds after which every platform has sent a message again that was not answered, and within which its signature holds.
const AGAIN_SECONDS: u64 = 70;

/// What is sent after a contact was made and renamed twice; nothing where the platform does not tell of contacts.
async fn told(trial: &Trial) -> (Arc<dyn Connector>, String, Vec<mailroom::Delivery>) {
    let listening = trial.listening().await;
    // What the fields are is known, as after a first read.
    listening.page(&trial.read(&[]), None, Priority::Backfill).await.unwrap();
    let id = trial.host.plant("Ada", "ada@hooks.example");
    for name in ["Ada Byron", "Ada King"] {
        trial.pass(5);
        trial.host.rename(&id, name);
    }
    let letters = trial.mail.take_due();
    assert_eq!(!letters.is_empty(), !trial.capabilities().told.is_empty(), "whether webhooks tell of contacts");
    (listening, id, letters)
}

/// What somebody learns who takes in deliveries as they come: those that are known by their id bring nothing, the others name rows, and of what
/// they show the newest counts.
#[derive(Default)]
struct Inbox {
    known: BTreeSet<String>,
    hints: BTreeSet<(String, String)>,
    newest: Option<Look>,
}

impl Inbox {
    fn take(&mut self, delivery: Delivery) {
        if !self.known.insert(delivery.id) {
            return;
        }
        let named: Vec<(String, String)> = delivery.events.iter().map(|event| (event.object.clone(), event.id.clone())).collect();
        self.hints.extend(named);
        for look in delivery.events.into_iter().filter_map(|event| event.look) {
            assert_eq!(look.existence, Existence::Present);
            if self.newest.as_ref().is_none_or(|known| look.mark.at > known.mark.at) {
                self.newest = Some(look);
            }
        }
    }
}

pub async fn a_repeated_delivery_is_known_and_the_order_does_not_matter(trial: Trial) {
    let (listening, id, letters) = told(&trial).await;
    let mut inbox = Inbox::default();
    // The last one first, and each twice.
    for letter in letters.iter().rev() {
        let delivery = trial.open(listening.as_ref(), &incoming(letter)).unwrap();
        let again = trial.open(listening.as_ref(), &incoming(letter)).unwrap();
        assert_eq!((&again.id, again.events.len()), (&delivery.id, delivery.events.len()), "a repeat is known by its id");
        inbox.take(delivery);
    }
    one_hint(&trial, &id, &inbox);
    assert_eq!(trial.fetch(&[], &id).await.row[trial.names().name], "Ada King");
}

/// Holds that what came in names one row, and shows its last name if it shows any.
fn one_hint(trial: &Trial, id: &str, inbox: &Inbox) {
    let told = !trial.capabilities().told.is_empty();
    let expected = BTreeSet::from([(trial.names().object.to_owned(), id.to_owned())]);
    assert_eq!(inbox.hints, if told { expected } else { BTreeSet::new() }, "one row is to be looked at");
    if let Some(look) = &inbox.newest {
        assert!(look.mark.at.is_some());
        assert_eq!(look.row[trial.names().name], "Ada King");
    }
}

pub async fn a_message_that_is_sent_again_or_told_otherwise_makes_one_hint(trial: Trial) {
    let (listening, id, letters) = told(&trial).await;
    let mut inbox = Inbox::default();
    for letter in &letters {
        inbox.take(trial.open(listening.as_ref(), &incoming(letter)).unwrap());
    }
    let first = inbox.known.len();
    trial.pass(AGAIN_SECONDS);
    // Nobody heard that they arrived. They leave anew, with the attempt and the time of now, and the oldest one comes last.
    for letter in letters.iter().rev() {
        let again = trial.host.sent_again(letter);
        let known = trial.open(listening.as_ref(), &incoming(letter));
        trial.mail.retry(again.repeat, 0);
        for repeat in trial.mail.take_due() {
            let repeat = trial.open(listening.as_ref(), &incoming(&repeat)).unwrap();
            // Where what was sent is still believed, it is known to be the same.
            if let (Ok(known), true) = (&known, trial.host.knows_repeats()) {
                assert_eq!(repeat.id, known.id, "a repeat has the id of what it repeats");
            }
            inbox.take(repeat);
        }
        if trial.host.knows_repeats() {
            assert_eq!(inbox.known.len(), first, "a repeat is taken for news");
        }
    }
    let mut told_otherwise = 0;
    for letter in &letters {
        for other in trial.host.sent_again(letter).others {
            trial.mail.retry(other, 0);
            for other in trial.mail.take_due() {
                inbox.take(trial.open(listening.as_ref(), &incoming(&other)).unwrap());
                told_otherwise += 1;
            }
        }
    }
    assert!(told_otherwise == 0 || inbox.known.len() > first, "what tells the same in another message has an id of its own");
    one_hint(&trial, &id, &inbox);
}

pub async fn what_is_told_of_a_customer_s_other_rows_is_told_once_however_it_arrives(trial: Trial) {
    let about = about(&trial);
    for thing in &all_things(trial.connector.spec().key) {
        let listening = trial.listening_to(thing.object, thing.title).await;
        listening.page(&spec(thing.object, &[thing.title]), None, Priority::Backfill).await.unwrap();
        drop(trial.mail.take_due());
        let id = trial.host.make(thing.called, "The first title", &about);
        trial.pass(5);
        trial.host.retitle(thing.called, &id, "Another title");
        let letters = trial.mail.take_due();
        let tells = !trial.capabilities_of(thing.object).told.is_empty();
        assert_eq!(!letters.is_empty(), tells, "{}: whether webhooks tell of them", thing.called);
        let mut hints = BTreeSet::new();
        let mut known = BTreeSet::new();
        trial.pass(AGAIN_SECONDS);
        for letter in letters.iter().rev() {
            let again = trial.host.sent_again(letter);
            for sent in [again.repeat.clone(), again.repeat].into_iter().chain(again.others) {
                trial.mail.retry(sent, 0);
                for letter in trial.mail.take_due() {
                    let delivery = trial.open(listening.as_ref(), &incoming(&letter)).unwrap();
                    known.insert(delivery.id);
                    hints.extend(delivery.events.into_iter().filter(|event| event.object == thing.object).map(|event| event.id));
                }
            }
        }
        let expected = if tells { BTreeSet::from([id]) } else { BTreeSet::new() };
        assert_eq!(hints, expected, "{}: one row is to be looked at", thing.called);
    }
}

pub async fn what_the_platform_did_not_send_is_refused(trial: Trial) {
    let (listening, _, letters) = told(&trial).await;
    for incoming in letters.iter().map(incoming) {
        // Without its headers and the secret of the address, nothing tells it from a stranger's.
        let bare = Incoming { headers: std::collections::BTreeMap::new(), ..incoming.clone() };
        let refused = listening.open(&bare, "a-guess", trial.now()).unwrap_err();
        assert!(matches!(refused, WebhookError::Unverified { .. }), "{refused}");
        let mut guessed = incoming.clone();
        for name in [
            "x-hubspot-signature",
            "x-hubspot-signature-v3",
            "x-zendesk-webhook-signature",
            "x-hub-signature",
            "authorization",
            "x-entente-token",
        ] {
            if let Some(value) = guessed.headers.get_mut(name) {
                *value = value.chars().rev().collect();
            }
        }
        let refused = listening.open(&guessed, "a-guess", trial.now()).unwrap_err();
        assert!(matches!(refused, WebhookError::Unverified { .. }), "{refused}");
        assert!(!refused.to_string().contains("ada@hooks.example"), "{refused}");
    }
}
