//! Outgoing webhooks of all simulators: queued with a due time, bent by delivery faults, handed out in order of that time.
//!
//! Behind a socket a background task posts them; on a virtual clock the test drains them by hand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use http::Method;

use crate::clock::SimClock;
use crate::faults::{DeliveryFault, Faults};

/// One webhook on its way.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Which simulator sent it (`salesforce`, `zendesk`, ...).
    pub platform: &'static str,
    /// What it is sent with: `POST`, but for the word that an app was removed.
    pub method: Method,
    /// Where to, as configured at the simulator.
    pub url: String,
    /// Headers, in order.
    pub headers: Vec<(String, String)>,
    /// Body, byte for byte as signed.
    pub body: Vec<u8>,
    /// How many times it was tried.
    pub attempt: u32,
}

/// Makes a delivery ready at the moment it leaves: signatures that hold only minutes are made then.
type Leaving = Box<dyn Fn(&mut Delivery) + Send + Sync>;

/// How a delivery was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The status; none without an answer.
    pub status: Option<u16>,
    /// The body, where the platform keeps it.
    pub body: String,
    /// Whether it needs no more tries.
    pub settled: bool,
}

/// Hears how a delivery was answered.
type Answered = Box<dyn Fn(&Delivery, &Heard) + Send + Sync>;

/// The queue. Cloning shares it.
#[derive(Clone)]
pub struct Mailroom {
    clock: SimClock,
    faults: Faults,
    queue: Arc<Mutex<Queue>>,
    leaving: Arc<RwLock<BTreeMap<&'static str, Leaving>>>,
    answered: Arc<RwLock<BTreeMap<&'static str, Answered>>>,
    woken: Arc<tokio::sync::Notify>,
}

impl std::fmt::Debug for Mailroom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailroom").field("queue", &self.queue).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Queue {
    by_due: BTreeMap<(i64, u64), Delivery>,
    next: u64,
    sent: u64,
}

/// Milliseconds by which a late webhook comes late, at most.
const LATE_MS_MAX: u64 = 8 * 60 * 1000;
/// Milliseconds within which reordered webhooks overtake each other.
const REORDER_MS_MAX: u64 = 3_000;

impl Mailroom {
    /// An empty queue on `clock`, bent by `faults`.
    #[must_use]
    pub fn new(clock: SimClock, faults: Faults) -> Self {
        Self { clock, faults, queue: Arc::default(), leaving: Arc::default(), answered: Arc::default(), woken: Arc::default() }
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `ready` finish every delivery of a platform when it leaves, retries included.
    pub fn on_leave(&self, platform: &'static str, ready: impl Fn(&mut Delivery) + Send + Sync + 'static) {
        self.leaving.write().unwrap_or_else(PoisonError::into_inner).insert(platform, Box::new(ready));
    }

    /// Has `hear` told how every delivery of a platform was answered.
    pub fn on_answer(&self, platform: &'static str, hear: impl Fn(&Delivery, &Heard) + Send + Sync + 'static) {
        self.answered.write().unwrap_or_else(PoisonError::into_inner).insert(platform, Box::new(hear));
    }

    /// Tells how a delivery was answered.
    pub(crate) fn tell_answer(&self, delivery: &Delivery, heard: &Heard) {
        if let Some(hear) = self.answered.read().unwrap_or_else(PoisonError::into_inner).get(delivery.platform) {
            hear(delivery, heard);
        }
    }

    /// Queues a webhook to leave after `delay_ms`, subject to faults.
    pub fn post(&self, delivery: Delivery, delay_ms: i64) {
        let mut due = self.clock.now_ms() + delay_ms;
        let mut copies = 1;
        match self.faults.draw_delivery() {
            Some(DeliveryFault::Lost) => return,
            Some(DeliveryFault::Doubled) => copies = 2,
            Some(DeliveryFault::Late) => due += self.faults.below(LATE_MS_MAX) as i64,
            Some(DeliveryFault::Reordered) => due += self.faults.below(REORDER_MS_MAX) as i64,
            None => {}
        }
        for _ in 0..copies {
            self.put(delivery.clone(), due);
        }
        self.woken.notify_one();
    }

    /// Queues a retry at an exact time, without drawing faults again.
    pub fn retry(&self, delivery: Delivery, delay_ms: i64) {
        let due = self.clock.now_ms() + delay_ms;
        self.put(delivery, due);
        self.woken.notify_one();
    }

    fn put(&self, delivery: Delivery, due: i64) {
        let mut queue = self.queue();
        let serial = queue.next;
        queue.next += 1;
        queue.by_due.insert((due, serial), delivery);
    }

    /// Takes every webhook that is due.
    #[must_use]
    pub fn take_due(&self) -> Vec<Delivery> {
        let now = self.clock.now_ms();
        let mut queue = self.queue();
        let later = queue.by_due.split_off(&(now + 1, 0));
        let mut due: Vec<Delivery> = std::mem::replace(&mut queue.by_due, later).into_values().collect();
        queue.sent += due.len() as u64;
        drop(queue);
        let leaving = self.leaving.read().unwrap_or_else(PoisonError::into_inner);
        for delivery in &mut due {
            if let Some(ready) = leaving.get(delivery.platform) {
                ready(delivery);
            }
        }
        due
    }

    /// When the next webhook is due, in milliseconds since 1970.
    #[must_use]
    pub fn next_due_ms(&self) -> Option<i64> {
        self.queue().by_due.keys().next().map(|(due, _)| *due)
    }

    /// Milliseconds until the next webhook is due; 0 when it is, `None` when none waits.
    #[must_use]
    pub fn wait_ms(&self) -> Option<u64> {
        self.next_due_ms().map(|due| u64::try_from(due - self.clock.now_ms()).unwrap_or(0))
    }

    /// How many webhooks left so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.queue().sent
    }

    /// Completes when a webhook was queued since the last wait.
    pub async fn posted(&self) {
        self.woken.notified().await;
    }
}
