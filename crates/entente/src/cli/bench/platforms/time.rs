//! Time that passes by being slept through, so that an hour at a platform's real pace takes seconds; and the way to a platform on it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entente_connect::transport::wire::{Time, TokenVault, Tokens, Wire, WireError};
use entente_model::clock::{Clock, Timestamp};
use tower::ServiceExt;

/// Turns that everybody else gets before time moves: more than the steps between an answer and the next call.
const TURNS: usize = 64;

/// Bytes of an answer at most: far beyond any page.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// The time of one measure. Whoever sleeps wakes in the order of the instants they sleep to, once nobody has anything left to do.
pub struct Passing {
    /// Milliseconds since 1970, as the simulator reads it too.
    now: Arc<AtomicI64>,
    sleepers: Mutex<BTreeSet<(i64, u64)>>,
    serial: AtomicU64,
}

impl Passing {
    pub fn from(start_ms: i64) -> Arc<Self> {
        Arc::new(Self { now: Arc::new(AtomicI64::new(start_ms)), sleepers: Mutex::default(), serial: AtomicU64::new(0) })
    }

    pub fn hands(&self) -> Arc<AtomicI64> {
        Arc::clone(&self.now)
    }

    pub fn ms(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    pub fn pass(&self, duration: Duration) {
        self.now.fetch_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// The first millisecond at which so much has passed: whoever asks for part of one would else be woken before the time, and again, for
    /// ever.
    fn after(&self, duration: Duration) -> i64 {
        let ms = duration.as_nanos().div_ceil(1_000_000);
        self.ms().saturating_add(i64::try_from(ms).unwrap_or(i64::MAX))
    }

    fn forget(&self, sleeper: (i64, u64)) {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner).remove(&sleeper);
    }

    fn first(&self) -> Option<(i64, u64)> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner).first().copied()
    }
}

impl Clock for Passing {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.ms()).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// Somebody asleep. Whoever gives up waiting holds nobody back.
struct Asleep<'a>(&'a Passing, (i64, u64));

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        self.0.forget(self.1);
    }
}

#[async_trait]
impl Time for Passing {
    async fn sleep(&self, duration: Duration) {
        let until = self.after(duration);
        let mine = (until, self.serial.fetch_add(1, Ordering::SeqCst));
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner).insert(mine);
        let _asleep = Asleep(self, mine);
        loop {
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
            if self.first() == Some(mine) {
                self.now.fetch_max(until, Ordering::SeqCst);
                return;
            }
        }
    }
}

/// A wire to a simulator in this process that takes the time of a call.
pub struct Paced {
    pub router: axum::Router,
    pub time: Arc<Passing>,
    /// Time of a call, there and back.
    pub call: Duration,
}

#[async_trait]
impl Wire for Paced {
    async fn send(&self, request: http::Request<Bytes>, timeout: Duration) -> Result<http::Response<Bytes>, WireError> {
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let (mut parts, body) = request.into_parts();
        let broken = |reason: String| WireError::Broken { host: host.clone(), reason };
        parts.headers.insert(http::header::HOST, host.parse().map_err(|_| broken("the host is no header".to_owned()))?);
        let Ok(answer) = self.router.clone().oneshot(http::Request::from_parts(parts, axum::body::Body::from(body))).await;
        // What a platform takes for the rows of a bulk call, its simulator tells.
        let more = answer.headers().get("x-sim-more-ms").and_then(|value| value.to_str().ok()?.parse().ok());
        self.time.sleep(self.call + Duration::from_millis(more.unwrap_or(0))).await;
        if answer.headers().contains_key("x-sim-hang") {
            return Err(WireError::TimedOut { host, seconds: timeout.as_secs() });
        }
        let (parts, body) = answer.into_parts();
        let bytes = axum::body::to_bytes(body, ANSWER_BYTES_MAX).await.map_err(|error| broken(error.to_string()))?;
        Ok(http::Response::from_parts(parts, bytes))
    }
}

/// Tokens of one measure.
#[derive(Default)]
pub struct Pocket(Mutex<Option<Tokens>>);

#[async_trait]
impl TokenVault for Pocket {
    async fn load(&self, _: &str) -> Result<Option<Tokens>, String> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    async fn save(&self, _: &str, tokens: &Tokens) -> Result<(), String> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(tokens.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_sleeps_for_part_of_a_millisecond_wakes_after_it() {
        let time = Passing::from(1_000);
        assert_eq!(time.after(Duration::from_micros(400)), 1_001);
        assert_eq!(time.after(Duration::from_millis(3)), 1_003);
        assert_eq!(time.after(Duration::MAX), i64::MAX);
    }

    #[tokio::test]
    async fn sleepers_wake_in_the_order_of_their_instants() {
        let time = Passing::from(0);
        let woken = Mutex::new(Vec::new());
        let sleep = |ms| {
            let (time, woken) = (&time, &woken);
            async move {
                time.sleep(Duration::from_millis(ms)).await;
                woken.lock().expect("woken").push((ms, time.ms()));
            }
        };
        tokio::join!(sleep(30), sleep(10), sleep(20));
        assert_eq!(*woken.lock().expect("woken"), [(10, 10), (20, 20), (30, 30)]);
    }
}
