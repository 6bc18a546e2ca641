//! Webhooks: repeated, overtaken, forged.

use entente_connect::connector::Priority;
use entente_connect::look::Existence;
use entente_connect::webhook::{Incoming, WebhookError};

use super::trial::Trial;

/// What arrives after a contact was made and renamed twice; nothing where the platform does not tell of contacts.
async fn told(trial: &Trial) -> (std::sync::Arc<dyn entente_connect::connector::Connector>, String, Vec<Incoming>) {
    let listening = trial.listening().await;
    // What the fields are is known, as after a first read.
    listening.page(&trial.read(&[]), None, Priority::Backfill).await.unwrap();
    let id = trial.host.plant("Ada", "ada@hooks.example");
    for name in ["Ada Byron", "Ada King"] {
        trial.pass(5);
        trial.host.rename(&id, name);
    }
    let arrived = trial.arrived();
    assert_eq!(!arrived.is_empty(), trial.capabilities().changes.webhook, "whether webhooks tell of changes");
    (listening, id, arrived)
}

pub async fn a_repeated_delivery_is_known_and_the_order_does_not_matter(trial: Trial) {
    let (listening, id, arrived) = told(&trial).await;
    let mut newest = None;
    // The last one first, and each twice.
    for incoming in arrived.iter().rev() {
        let delivery = trial.open(listening.as_ref(), incoming).unwrap();
        let again = trial.open(listening.as_ref(), incoming).unwrap();
        assert_eq!((&again.id, again.events.len()), (&delivery.id, delivery.events.len()), "a repeat is known by its id");
        for event in delivery.events {
            assert_eq!((event.object.as_str(), &event.id), (trial.names().object, &id));
            // An event is a hint; what it shows beside has a stamp by which the newest is told.
            if let Some(look) = event.look {
                assert_eq!(look.existence, Existence::Present);
                if newest.as_ref().is_none_or(|(at, _)| look.mark.at > *at) {
                    newest = Some((look.mark.at, look.row));
                }
            }
        }
    }
    if let Some((at, row)) = newest {
        assert!(at.is_some());
        assert_eq!(row[trial.names().name], "Ada King");
    }
    assert_eq!(trial.fetch(&[], &id).await.row[trial.names().name], "Ada King");
}

pub async fn what_the_platform_did_not_send_is_refused(trial: Trial) {
    let (listening, _, arrived) = told(&trial).await;
    for incoming in arrived {
        // Without its headers and the secret of the address, nothing tells it from a stranger's.
        let bare = Incoming { headers: std::collections::BTreeMap::new(), ..incoming.clone() };
        let refused = listening.open(&bare, "a-guess", trial.now()).unwrap_err();
        assert!(matches!(refused, WebhookError::Unverified { .. }), "{refused}");
        let mut guessed = incoming.clone();
        for name in ["x-hubspot-signature", "x-hubspot-signature-v3", "x-zendesk-webhook-signature", "x-hub-signature", "authorization", "x-entente-token"] {
            if let Some(value) = guessed.headers.get_mut(name) {
                *value = value.chars().rev().collect();
            }
        }
        let refused = listening.open(&guessed, "a-guess", trial.now()).unwrap_err();
        assert!(matches!(refused, WebhookError::Unverified { .. }), "{refused}");
        assert!(!refused.to_string().contains("ada@hooks.example"), "{refused}");
    }
}
