//! What becomes of rows, and by what it comes to be known.

use entente_connect::capability::Detection;
use entente_connect::connector::Priority;
use entente_connect::look::{Existence, Look};
use entente_connect::merge::{Merge, NO_MERGE};

use super::trial::Trial;
use crate::stage::rows::read_on;

/// What comes to be known after something happened to a row: whether a webhook names it, and the last look of a poll.
async fn comes_to_be_known(trial: &Trial, detection: Detection, id: &str, happen: impl FnOnce()) -> Option<Look> {
    let listening = trial.listening().await;
    trial.pass(600);
    drop(trial.arrived());
    let read = trial.read(&[]);
    let (_, cursor) = read_on(trial.connector.as_ref(), &read, None).await;
    trial.pass(600);
    happen();
    let told = trial.told_of(listening.as_ref(), id);
    if detection.webhook {
        assert!(told, "a webhook tells of it");
    }
    trial.pass(detection.poll.map_or(7_200, |least| least.as_secs() + 600));
    let (poll, _) = read_on(trial.connector.as_ref(), &read, Some(cursor)).await;
    let look = poll.into_iter().rfind(|look| look.id == id);
    assert_eq!(look.is_some(), detection.poll.is_some(), "whether polls see it: {look:?}");
    look
}

pub async fn a_deletion_is_seen_as_the_capabilities_say(trial: Trial) {
    let detection = trial.capabilities().deletions;
    let id = trial.host.plant("Ada", "ada@gone.example");
    let look = comes_to_be_known(&trial, detection, &id, || trial.host.delete(&id)).await;
    assert!(look.is_none_or(|look| look.existence == Existence::Deleted));
    assert_eq!(trial.fetch(&[], &id).await.existence, Existence::Deleted, "whoever asks for the row is told");
    assert_eq!(trial.fetch(&[], "999999999999").await.existence, Existence::Deleted, "as of one that never was");
}

pub async fn a_merge_is_seen_as_the_capabilities_say(trial: Trial) {
    let detection = trial.capabilities().merges;
    if detection == Detection::NEVER {
        return;
    }
    let listening = trial.listening().await;
    let read = trial.read(&[]);
    let (_, cursor) = read_on(trial.connector.as_ref(), &read, None).await;
    trial.pass(600);
    drop(trial.arrived());
    let (loser, winner) = trial.host.merge("ann", "anna");
    if detection.webhook {
        assert!(trial.told_of(listening.as_ref(), &loser), "a webhook tells of it");
    }
    trial.pass(7_200);
    let (poll, _) = read_on(trial.connector.as_ref(), &read, Some(cursor)).await;
    let merged = Existence::MergedInto(winner.clone());
    let polled = poll.iter().rfind(|look| look.id == loser).map(|look| &look.existence);
    if detection.poll.is_some() {
        assert_eq!(polled, Some(&merged));
    }
    // Whoever asks for the row is told at least that it is no more, and where it went if the platform knows.
    let fetched = trial.fetch(&[], &loser).await.existence;
    if detection.reconciliation {
        assert_eq!(fetched, merged);
    } else {
        assert!(fetched == merged || fetched == Existence::Deleted, "{fetched:?}");
    }
    assert_eq!(trial.fetch(&[], &winner).await.existence, Existence::Present);
}

pub async fn two_rows_are_merged_when_we_ask_or_it_is_said_that_they_cannot_be(trial: Trial) {
    let [goes, stays] = trial.host.two_of_one();
    let object = trial.names().object;
    let merge = Merge { object: object.to_owned(), goes: goes.clone(), stays: stays.clone(), key: "con_1".to_owned() };
    let merged = trial.connector.merge(&merge, Priority::Urgent).await;
    if !trial.connector.merges(object) {
        assert_eq!(merged.unwrap_err().code, NO_MERGE);
        return;
    }
    merged.unwrap();
    trial.pass(60);
    let gone = trial.fetch(&[], &goes).await.existence;
    assert!(gone == Existence::MergedInto(stays.clone()) || gone == Existence::Deleted, "{gone:?}");
    assert_eq!(trial.fetch(&[], &stays).await.existence, Existence::Present);
    assert!(trial.connector.merge(&merge, Priority::Urgent).await.is_err(), "there are no two any more");
}

pub async fn what_comes_back_is_seen_as_the_capabilities_say(trial: Trial) {
    let Some(detection) = trial.capabilities().restorations else { return };
    let id = trial.host.plant("Ada", "ada@back.example");
    trial.host.set_aside(&id);
    trial.pass(60);
    assert_eq!(trial.fetch(&[], &id).await.existence, Existence::Deleted);
    let look = comes_to_be_known(&trial, detection, &id, || trial.host.restore(&id)).await;
    assert!(look.is_none_or(|look| look.existence == Existence::Present));
    let back = trial.fetch(&[], &id).await;
    assert_eq!((back.existence, &back.row[trial.names().name]), (Existence::Present, &serde_json::json!("Ada")));
}
