//! A stream of one object's events: read in the background, as far ahead as there is room, and handed out from a replay id on.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use entente_model::clock::Timestamp;
use futures::stream::unfold;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tonic::{Code, Status};

use super::super::Salesforce;
use super::channel::{Line, Marks, PubSub, refusal};
use super::wire::{FetchRequest, FetchResponse, ReplayPreset, TopicInfo};
use crate::error::{Class, VendorError};

/// Events asked for at once; the vendor allows no more.
const CREDITS: i32 = 100;

/// Events held that nobody has taken yet; beyond, none are asked for.
const HELD_MAX: usize = 1_000;

/// Time without a word after which a stream is dead: the vendor promises one every 270 seconds.
const SILENCE_MAX: Duration = Duration::from_secs(330);

/// First pause before a stream that broke is opened again; each further one is twice as long.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Longest pause between such tries.
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(60);

/// Tries in a row that fail before polls see to changes meanwhile.
const TRIES: u32 = 3;

/// An event that came in.
#[derive(Debug, Clone)]
pub(super) struct Got {
    pub replay: Vec<u8>,
    pub schema: String,
    pub payload: Vec<u8>,
}

/// How a stream ended for good.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// Its replay id is no longer known there.
    Expired,
    /// The org does not tell of the object.
    Refused(VendorError),
}

#[derive(Default)]
struct State {
    /// Where what is held begins; none before the first word.
    base: Option<Vec<u8>>,
    held: VecDeque<Got>,
    /// How far the stream has come, and when it said so.
    tip: Option<(Vec<u8>, Timestamp)>,
    end: Option<End>,
    failures: u32,
}

/// What a stream has for whoever stands at a replay id.
pub(super) enum Supply {
    /// Events behind it, and how far the stream has come when there are no more than these.
    Events {
        events: Vec<Got>,
        more: bool,
        tip: Option<(Vec<u8>, Timestamp)>,
    },
    /// It stands elsewhere.
    Elsewhere,
    /// It cannot be heard just now.
    Down,
    Ended(End),
}

/// A stream. It ends when it is dropped.
pub(super) struct Stream {
    state: Arc<Mutex<State>>,
    room: Arc<Notify>,
    word: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stream {
    /// Opens a stream behind a replay id, or at the present.
    pub fn open(pubsub: &PubSub, salesforce: Weak<Salesforce>, object: &str, from: Option<Vec<u8>>) -> Arc<Self> {
        let state = Arc::new(Mutex::new(State { base: from, ..State::default() }));
        let (room, word) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let reader = Reader {
            salesforce,
            line: pubsub.line.clone(),
            bell: Arc::clone(&pubsub.bell),
            topic: topic(object),
            state: Arc::clone(&state),
            room: Arc::clone(&room),
            word: Arc::clone(&word),
        };
        Arc::new(Self { state, room, word, task: tokio::spawn(reader.run()) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// How far the stream has come; `None` before its first word. What is held up to there is forgotten: whoever begins here has read it
    /// otherwise.
    pub fn anchor(&self) -> Option<Vec<u8>> {
        let mut state = self.state();
        let (tip, _) = state.tip.clone()?;
        state.held.clear();
        state.base = Some(tip.clone());
        drop(state);
        self.room.notify_one();
        Some(tip)
    }

    /// Whether anything waits to be taken, the stream has ended, or it can be begun with.
    pub fn has_news(&self) -> bool {
        let state = self.state();
        !state.held.is_empty() || state.end.is_some() || (state.base.is_none() && state.tip.is_some())
    }

    /// At most `many` events behind a replay id. What was handed out before stays until somebody asks from behind it: only then is it known
    /// to be kept.
    pub fn behind(&self, replay: &[u8], many: usize) -> Supply {
        let mut state = self.state();
        if let Some(end) = &state.end {
            return Supply::Ended(end.clone());
        }
        if state.base.as_deref() != Some(replay) {
            if let Some(at) = state.held.iter().position(|got| got.replay == replay) {
                state.held.drain(..=at);
            } else if state.held.is_empty() && state.tip.as_ref().is_some_and(|(tip, _)| tip == replay) {
                // What it said when it had nothing to tell.
            } else {
                return Supply::Elsewhere;
            }
            state.base = Some(replay.to_vec());
            self.room.notify_one();
        }
        if state.held.is_empty() && state.failures >= TRIES {
            return Supply::Down;
        }
        let events: Vec<Got> = state.held.iter().take(many).cloned().collect();
        let more = state.held.len() > events.len();
        let tip = state.tip.clone().filter(|_| !more);
        Supply::Events { events, more, tip }
    }

    /// Waits for the first word of a stream that was just opened, at most so long.
    pub async fn await_word(&self, salesforce: &Salesforce, longest: Duration) {
        let mut word = pin!(self.word.notified());
        // What is said between the question and the wait must not be missed.
        word.as_mut().enable();
        if !self.has_spoken() {
            tokio::select! {
                () = word => {}
                () = salesforce.client.sleep(longest) => {}
            }
        }
    }

    fn has_spoken(&self) -> bool {
        let state = self.state();
        !state.held.is_empty() || state.tip.is_some() || state.end.is_some() || state.failures > 0
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether our user may read a topic.
pub(super) fn may_subscribe(info: &TopicInfo) -> Result<(), Status> {
    if info.can_subscribe {
        return Ok(());
    }
    Err(Status::permission_denied(format!("our user may not subscribe to {}", info.topic_name)))
}

/// The topic of an object's events.
pub(super) fn topic(object: &str) -> String {
    match object.strip_suffix("__c") {
        Some(custom) => format!("/data/{custom}__ChangeEvent"),
        None => format!("/data/{object}ChangeEvent"),
    }
}

/// Reads a stream in the background. It holds the connector only while it asks it something, so that the two can end.
struct Reader {
    salesforce: Weak<Salesforce>,
    line: Line,
    bell: Arc<Notify>,
    topic: String,
    state: Arc<Mutex<State>>,
    room: Arc<Notify>,
    word: Arc<Notify>,
}

impl Reader {
    async fn run(self) {
        loop {
            let end = match self.listen().await {
                Ok(()) => None,
                Err(error) if error.code == EXPIRED => Some(End::Expired),
                Err(error) if error.class == Class::Configuration => Some(End::Refused(error)),
                Err(error) => {
                    tracing::info!(topic = self.topic, %error, "the stream of changes broke off");
                    None
                }
            };
            let failures = {
                let mut state = lock(&self.state);
                state.end.clone_from(&end);
                state.failures = state.failures.saturating_add(1);
                state.failures
            };
            self.tell();
            let Some(salesforce) = self.salesforce.upgrade().filter(|_| end.is_none()) else { return };
            let pause = AGAIN_AFTER.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(16))).min(AGAIN_AFTER_MAX);
            salesforce.client.sleep(pause).await;
        }
    }

    fn tell(&self) {
        self.word.notify_waiters();
        self.bell.notify_one();
    }

    /// Opens the stream and reads it until it ends.
    async fn listen(&self) -> Result<(), VendorError> {
        let Some(salesforce) = self.salesforce.upgrade() else { return Ok(()) };
        let marks = salesforce.marks().await?;
        drop(salesforce);
        match self.read(&marks).await {
            Ok(()) => Ok(()),
            Err(status) if status.code() == Code::Unauthenticated => match self.salesforce.upgrade() {
                Some(salesforce) => salesforce.client.renew(marks.generation).await.map(drop),
                None => Ok(()),
            },
            Err(status) if is_expired(&status) => {
                Err(VendorError::new(Class::Configuration, EXPIRED, status.message(), "nothing to do: polls fill the gap"))
            }
            Err(status) => Err(refusal(&status)),
        }
    }

    async fn read(&self, marks: &Marks) -> Result<(), Status> {
        let info = self.line.topic(marks, &self.topic).await?;
        may_subscribe(&info)?;
        let (credits, credit) = mpsc::unbounded_channel();
        // The receiver lives as long as the stream it feeds.
        drop(credits.send(self.first_request()));
        let requests = unfold(credit, |mut credit| async move { credit.recv().await.map(|request| (request, credit)) });
        let mut events = self.line.subscribe(marks, requests).await?;
        loop {
            let silence = || Status::deadline_exceeded("the stream of changes fell silent");
            let Some(response) = tokio::time::timeout(SILENCE_MAX, events.message()).await.map_err(|_| silence())?? else {
                return Ok(());
            };
            let spent = response.pending_num_requested <= 0;
            let Some(salesforce) = self.salesforce.upgrade() else { return Ok(()) };
            self.take(response, salesforce.client.offset().theirs(salesforce.client.now()));
            drop(salesforce);
            self.tell();
            if spent {
                self.await_room().await;
                let more = FetchRequest { topic_name: self.topic.clone(), num_requested: CREDITS, ..FetchRequest::default() };
                if credits.send(more).is_err() {
                    return Ok(());
                }
            }
        }
    }

    /// From where what is held ends.
    fn first_request(&self) -> FetchRequest {
        let state = lock(&self.state);
        let from = state.tip.as_ref().map(|(tip, _)| tip.clone()).or_else(|| state.base.clone());
        let preset = if from.is_some() { ReplayPreset::Custom } else { ReplayPreset::Latest };
        FetchRequest {
            topic_name: self.topic.clone(),
            replay_preset: preset.into(),
            replay_id: from.unwrap_or_default(),
            num_requested: CREDITS,
        }
    }

    fn take(&self, response: FetchResponse, now: Timestamp) {
        let mut state = lock(&self.state);
        state.failures = 0;
        if response.events.is_empty() && !response.latest_replay_id.is_empty() {
            state.tip = Some((response.latest_replay_id, now));
        }
        for event in response.events {
            let Some(body) = event.event else { continue };
            state.tip = Some((event.replay_id.clone(), now));
            state.held.push_back(Got { replay: event.replay_id, schema: body.schema_id, payload: body.payload });
        }
    }

    async fn await_room(&self) {
        loop {
            let room = self.room.notified();
            if lock(&self.state).held.len() < HELD_MAX {
                return;
            }
            room.await;
        }
    }
}

/// Code of an error that says that a replay id is not known any more.
const EXPIRED: &str = "replay_expired";

/// Whether a refusal says that the replay id is too old, or not one of theirs.
fn is_expired(status: &Status) -> bool {
    let told = status.metadata().get("error-code").and_then(|code| code.to_str().ok()).unwrap_or_default();
    told.contains("replayid") || (status.code() == Code::InvalidArgument && status.message().to_ascii_lowercase().contains("replay"))
}
