//! Time that moves by hand, or by sleeping.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use entente_connect::transport::wire::Time;
use entente_model::clock::{Clock, Timestamp};
use entente_sims::clock::SimClock;

pub struct Hands(Arc<AtomicI64>);

impl Hands {
    pub fn at(start_ms: i64) -> Arc<Self> {
        Arc::new(Self(Arc::new(AtomicI64::new(start_ms))))
    }

    pub fn pass(&self, duration: Duration) {
        self.0.fetch_add(i64::try_from(duration.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    /// The same time, as a simulator reads it.
    pub fn clock(&self) -> SimClock {
        SimClock::virtual_at(Arc::clone(&self.0))
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now_ms()).unwrap()
    }
}

#[async_trait]
impl Time for Hands {
    async fn sleep(&self, duration: Duration) {
        self.pass(duration);
        tokio::task::yield_now().await;
    }
}
