//! The ambient things of a simulated world: virtual time, a wire into the simulators, a vault in memory, and a fuse that "crashes" the
//! process at a chosen step.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entente_connect::transport::wire::{Time, TokenVault, Tokens, Wire, WireError};
use entente_model::clock::{Clock, Timestamp};
use tokio::sync::Notify;
use tower::ServiceExt;

/// Time that moves only by hand, or by sleeping.
#[derive(Clone)]
pub struct VirtualTime(pub Arc<AtomicI64>);

impl Clock for VirtualTime {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

#[async_trait]
impl Time for VirtualTime {
    async fn sleep(&self, duration: Duration) {
        self.0.fetch_add(i64::try_from(duration.as_millis()).unwrap(), Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
}

/// Ends the process at a step: a call about to leave, an answer just in, a commit before or after it is durable.
#[derive(Default)]
pub struct Fuse {
    steps: AtomicI64,
    blown: AtomicBool,
    noise: Notify,
}

impl Fuse {
    /// The process dies at the `steps`-th step from now; 0 means never.
    pub fn set(&self, steps: i64) {
        self.steps.store(steps, Ordering::SeqCst);
        self.blown.store(false, Ordering::SeqCst);
    }

    /// One step. Returns whether the process lives on.
    pub fn step(&self) -> bool {
        if self.blown.load(Ordering::SeqCst) {
            return false;
        }
        if self.steps.load(Ordering::SeqCst) > 0 && self.steps.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.blown.store(true, Ordering::SeqCst);
            self.noise.notify_waiters();
            self.noise.notify_one();
            return false;
        }
        true
    }

    pub fn is_blown(&self) -> bool {
        self.blown.load(Ordering::SeqCst)
    }

    /// Completes when the fuse blows.
    pub async fn blows(&self) {
        while !self.is_blown() {
            self.noise.notified().await;
        }
    }
}

/// A wire that ends in a simulator in the same process.
pub struct InProcess {
    pub router: axum::Router,
    pub fuse: Arc<Fuse>,
}

impl InProcess {
    /// A dead process neither sends nor hears anything.
    async fn alive(&self) {
        if !self.fuse.step() {
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl Wire for InProcess {
    async fn send(&self, request: http::Request<Bytes>, timeout: Duration) -> Result<http::Response<Bytes>, WireError> {
        self.alive().await;
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let (mut parts, body) = request.into_parts();
        parts.headers.entry(http::header::HOST).or_insert_with(|| host.parse().unwrap());
        let answer = self.router.clone().oneshot(http::Request::from_parts(parts, axum::body::Body::from(body))).await.unwrap();
        self.alive().await;
        if answer.headers().contains_key("x-sim-hang") {
            return Err(WireError::TimedOut { host, seconds: timeout.as_secs() });
        }
        let (parts, body) = answer.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Ok(http::Response::from_parts(parts, bytes))
    }
}

/// Tokens in memory; they survive the engine, as a disk would.
#[derive(Default)]
pub struct MemoryVault(Mutex<BTreeMap<String, Tokens>>);

#[async_trait]
impl TokenVault for MemoryVault {
    async fn load(&self, connection: &str) -> Result<Option<Tokens>, String> {
        Ok(self.0.lock().unwrap().get(connection).cloned())
    }

    async fn save(&self, connection: &str, tokens: &Tokens) -> Result<(), String> {
        self.0.lock().unwrap().insert(connection.to_owned(), tokens.clone());
        Ok(())
    }
}
