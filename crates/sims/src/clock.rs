//! The simulators' time: the machine's, or a virtual one that tests move by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

/// Time as a simulator sees it. Cloning shares the clock.
#[derive(Debug, Clone)]
pub struct SimClock {
    virtual_ms: Option<Arc<AtomicI64>>,
    offset_ms: Arc<AtomicI64>,
}

impl SimClock {
    /// The machine's clock.
    #[must_use]
    pub fn wall() -> Self {
        Self { virtual_ms: None, offset_ms: Arc::new(AtomicI64::new(0)) }
    }

    /// A clock that stands still until `ms` (milliseconds since 1970) is changed by its holder.
    #[must_use]
    pub fn virtual_at(ms: Arc<AtomicI64>) -> Self {
        Self { virtual_ms: Some(ms), offset_ms: Arc::new(AtomicI64::new(0)) }
    }

    /// The same time source with an offset of its own: a vendor whose clock runs ahead (positive) or behind.
    #[must_use]
    pub fn with_offset(&self, offset_ms: i64) -> Self {
        Self { virtual_ms: self.virtual_ms.clone(), offset_ms: Arc::new(AtomicI64::new(offset_ms)) }
    }

    /// Moves this clock, and every clone of it, by so many milliseconds: a world is filled with records of the past that way.
    pub fn shift(&self, by_ms: i64) {
        self.offset_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// Whether moving one moves the other.
    #[must_use]
    pub fn moves_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.offset_ms, &other.offset_ms)
    }

    /// Whether time only moves by hand: then nothing may sleep, and hanging calls answer at once with a mark.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        self.virtual_ms.is_some()
    }

    /// Milliseconds since 1970, offset included.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        let base = match &self.virtual_ms {
            Some(ms) => ms.load(Ordering::SeqCst),
            None => Timestamp::now().as_millisecond(),
        };
        base + self.offset_ms.load(Ordering::SeqCst)
    }

    /// The present instant, offset included.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now_ms()).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}
