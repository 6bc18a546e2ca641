//! What becomes of rows, and by what it comes to be known.

use entente_connect::capability::{Capabilities, Detection, Happening};
use entente_connect::connector::{Connector, Priority};
use entente_connect::error::Class;
use entente_connect::look::{Existence, Look, ReadSpec};
use entente_connect::merge::{Merge, NO_MERGE};
use entente_connect::write::WriteTarget;
use serde_json::json;

use super::things::{About, Thing, about, all_things};
use super::trial::Trial;
use crate::stage::rows::{read_on, spec, update};

/// What comes to be known after something happened to a row: whether a webhook names it, and the last look of a poll.
async fn comes_to_be_known(
    trial: &Trial,
    listening: &dyn Connector,
    read: &ReadSpec,
    detection: Detection,
    id: &str,
    happen: impl FnOnce(),
) -> Option<Look> {
    trial.pass(600);
    drop(trial.arrived());
    let (_, cursor) = read_on(trial.connector.as_ref(), read, None).await;
    trial.pass(600);
    happen();
    let told = trial.told_of(listening, &read.object, id);
    assert_eq!(!told.is_empty(), detection.webhook, "{}: whether a webhook tells of it: {told:?}", read.object);
    trial.pass(detection.poll.map_or(7_200, |least| least.as_secs() + 600));
    let (poll, _) = read_on(trial.connector.as_ref(), read, Some(cursor)).await;
    let look = poll.into_iter().rfind(|look| look.id == id);
    assert_eq!(look.is_some(), detection.poll.is_some(), "{}: whether polls see it: {look:?}", read.object);
    look
}

pub async fn a_deletion_is_seen_as_the_capabilities_say(trial: Trial) {
    let detection = trial.capabilities().seen(Happening::Deleted);
    let listening = trial.listening().await;
    let id = trial.host.plant("Ada", "ada@gone.example");
    let read = trial.read(&[]);
    let look = comes_to_be_known(&trial, listening.as_ref(), &read, detection, &id, || trial.host.delete(&id)).await;
    assert!(look.is_none_or(|look| look.existence == Existence::Deleted));
    assert_eq!(trial.fetch(&[], &id).await.existence, Existence::Deleted, "whoever asks for the row is told");
    assert_eq!(trial.fetch(&[], "999999999999").await.existence, Existence::Deleted, "as of one that never was");
}

pub async fn a_merge_is_seen_as_the_capabilities_say(trial: Trial) {
    let detection = trial.capabilities().seen(Happening::Merged);
    if detection == Detection::NEVER {
        return;
    }
    let listening = trial.listening().await;
    let read = trial.read(&[]);
    let (_, cursor) = read_on(trial.connector.as_ref(), &read, None).await;
    trial.pass(600);
    drop(trial.arrived());
    let (loser, winner) = trial.host.merge("ann", "anna");
    a_merge_is_seen(&trial, listening.as_ref(), &read, cursor, detection, (&loser, &winner)).await;
}

/// Holds that a merge that has just happened is seen as is said, by messages, by polls since the cursor, and by whoever asks.
async fn a_merge_is_seen(
    trial: &Trial,
    listening: &dyn Connector,
    read: &ReadSpec,
    cursor: String,
    detection: Detection,
    (loser, winner): (&str, &str),
) {
    let object = &read.object;
    if detection.webhook {
        assert!(!trial.told_of(listening, object, loser).is_empty(), "{object}: a webhook tells of it");
    }
    trial.pass(7_200);
    let (poll, _) = read_on(trial.connector.as_ref(), read, Some(cursor)).await;
    let merged = Existence::MergedInto(winner.to_owned());
    let polled = poll.iter().rfind(|look| look.id == loser).map(|look| &look.existence);
    if detection.poll.is_some() {
        assert_eq!(polled, Some(&merged), "{object}");
    } else {
        assert_ne!(polled, Some(&merged), "{object}: polls see it, which is said of none");
    }
    // Whoever asks for the row is told at least that it is no more, and where it went if the platform knows.
    let fetched = trial.fetch_of(read, loser).await.existence;
    if detection.reconciliation {
        assert_eq!(fetched, merged, "{object}");
    } else {
        assert!(fetched == merged || fetched == Existence::Deleted, "{object}: {fetched:?}");
    }
    assert_eq!(trial.fetch_of(read, winner).await.existence, Existence::Present, "{object}");
}

pub async fn two_rows_are_merged_when_we_ask_or_it_is_said_that_they_cannot_be(trial: Trial) {
    let pair = trial.host.two_of_one();
    two_are_merged(&trial, &trial.read(&[]), "con_1", pair).await;
}

/// Holds that two rows are merged when we ask, or that we are told that they cannot be, and both stay.
async fn two_are_merged(trial: &Trial, read: &ReadSpec, key: &str, [goes, stays]: [String; 2]) {
    let object = read.object.clone();
    let merge = Merge { object: object.clone(), goes: goes.clone(), stays: stays.clone(), key: key.to_owned() };
    let merged = trial.connector.merge(&merge, Priority::Urgent).await;
    trial.pass(60);
    if !trial.connector.merges(&object) {
        assert_eq!(merged.unwrap_err().code, NO_MERGE, "{object}");
        for id in [goes, stays] {
            assert_eq!(trial.fetch_of(read, &id).await.existence, Existence::Present, "{object}");
        }
        return;
    }
    merged.unwrap_or_else(|error| panic!("{object}: {error:?}"));
    trial.pass(60);
    let gone = trial.fetch_of(read, &goes).await.existence;
    assert!(gone == Existence::MergedInto(stays.clone()) || gone == Existence::Deleted, "{object}: {gone:?}");
    assert_eq!(trial.fetch_of(read, &stays).await.existence, Existence::Present, "{object}");
    assert!(trial.connector.merge(&merge, Priority::Urgent).await.is_err(), "{object}: there are no two any more");
}

pub async fn what_comes_back_is_seen_as_the_capabilities_say(trial: Trial) {
    let Some(found) = trial.capabilities().restorations else { return };
    let detection = found.and_told(trial.capabilities().tells(Happening::Restored));
    let listening = trial.listening().await;
    let id = trial.host.plant("Ada", "ada@back.example");
    trial.host.set_aside(&id);
    trial.pass(60);
    assert_eq!(trial.fetch(&[], &id).await.existence, Existence::Deleted);
    let read = trial.read(&[]);
    let look = comes_to_be_known(&trial, listening.as_ref(), &read, detection, &id, || trial.host.restore(&id)).await;
    assert!(look.is_none_or(|look| look.existence == Existence::Present));
    let back = trial.fetch(&[], &id).await;
    assert_eq!((back.existence, &back.row[trial.names().name]), (Existence::Present, &serde_json::json!("Ada")));
}

/// Rows beside contacts whose fates are looked at.
struct Fates<'a> {
    trial: &'a Trial,
    thing: &'a Thing,
    about: &'a About,
    able: &'static Capabilities,
    listening: &'a dyn Connector,
}

impl Fates<'_> {
    fn read(&self) -> ReadSpec {
        spec(self.thing.object, &[self.thing.title])
    }

    fn make(&self, title: &str) -> String {
        self.trial.host.make(self.thing.called, title, self.about)
    }

    async fn existence(&self, id: &str) -> Existence {
        self.trial.fetch_of(&self.read(), id).await.existence
    }

    async fn a_deletion(&self) {
        let thing = self.thing;
        let otherwise = self.able.exceptions.iter().find(|rows| rows.rows == thing.called);
        let detection = otherwise.map_or_else(|| self.able.seen(Happening::Deleted), |rows| rows.deletions);
        let id = self.make("Not for long");
        let happen = || self.trial.host.remove(thing.called, &id);
        let look = comes_to_be_known(self.trial, self.listening, &self.read(), detection, &id, happen).await;
        assert!(look.is_none_or(|look| look.existence == Existence::Deleted), "{}", thing.called);
        assert_eq!(self.existence(&id).await, Existence::Deleted, "{}", thing.called);
        // Whoever writes to it all the same is refused: nothing lands, and nobody is told that it did.
        let target = WriteTarget { object: thing.object.to_owned(), key_field: thing.key.to_owned() };
        let late = update(&id, json!({thing.title: "Too late"}));
        let refusal = match self.trial.connector.write(&target, &[late], Priority::Update).await {
            Ok(mut outcomes) => outcomes.remove(0).err(),
            Err(error) => Some(error),
        };
        let refusal = refusal.unwrap_or_else(|| panic!("{}: a write to a row that is gone is said to have landed", thing.called));
        assert!(matches!(refusal.class, Class::LookAgain | Class::Configuration), "{}: {refusal:?}", thing.called);
        assert_eq!(self.existence(&id).await, Existence::Deleted, "{}", thing.called);
    }

    async fn a_return(&self) {
        let thing = self.thing;
        let id = self.make("Back again");
        self.trial.pass(60);
        self.trial.host.remove(thing.called, &id);
        self.trial.pass(60);
        let Some(found) = self.able.restorations else {
            assert!(!self.trial.host.bring_back(thing.called, &id), "{}: it can come back, which is said of none", thing.called);
            assert_eq!(self.existence(&id).await, Existence::Deleted, "{}", thing.called);
            return;
        };
        let detection = found.and_told(self.able.tells(Happening::Restored));
        let happen = || assert!(self.trial.host.bring_back(thing.called, &id), "{}: nothing ever comes back", thing.called);
        let look = comes_to_be_known(self.trial, self.listening, &self.read(), detection, &id, happen).await;
        assert!(look.is_none_or(|look| look.existence == Existence::Present), "{}", thing.called);
        assert_eq!(self.existence(&id).await, Existence::Present, "{}", thing.called);
    }

    async fn a_merge(&self) {
        let thing = self.thing;
        let detection = self.able.seen(Happening::Merged);
        let [loser, winner] = ["One of two", "The other"].map(|title| self.make(title));
        self.trial.pass(600);
        drop(self.trial.arrived());
        let (_, cursor) = read_on(self.trial.connector.as_ref(), &self.read(), None).await;
        self.trial.pass(600);
        match self.trial.host.join(thing.called, &loser, &winner) {
            Some(stays) => a_merge_is_seen(self.trial, self.listening, &self.read(), cursor, detection, (&loser, &stays)).await,
            None => assert_eq!(detection, Detection::NEVER, "{}: nobody can merge these, and it is said how that is seen", thing.called),
        }
        // The same when we ask for it.
        let pair = ["Ours", "Ours as well"].map(|title| self.make(title));
        self.trial.pass(60);
        two_are_merged(self.trial, &self.read(), &format!("{}_1", thing.prefix), pair).await;
    }
}

pub async fn what_becomes_of_what_a_customer_has_beside_is_seen_as_the_capabilities_say(trial: Trial) {
    let about = about(&trial);
    for thing in &all_things(trial.connector.spec().key) {
        let listening = trial.listening_to(thing.object, thing.title).await;
        let able = trial.capabilities_of(thing.object);
        let fates = Fates { trial: &trial, thing, about: &about, able, listening: listening.as_ref() };
        fates.a_deletion().await;
        fates.a_return().await;
        fates.a_merge().await;
    }
}
