//! The Pub/Sub API: change events of the selected objects, over gRPC, kept for 72 hours.
//!
//! Only change events, and only reading them: no platform events, no publishing, no managed subscriptions.

mod encode;
mod log;
mod message;
mod schema;
mod server;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinHandle;

pub(crate) use self::log::EventLog;
use super::Salesforce;

/// Time between words of a stream that has nothing to tell; the vendor's.
pub const KEEPALIVE: Duration = Duration::from_secs(270);

/// What becomes of changes instead of events that tell them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// The record changed, and the event does not say how.
    Update,
    /// The record was made, and the event does not show it.
    Create,
    /// The record was deleted.
    Delete,
    /// So much happened that the event names no records.
    Overflow,
}

impl Salesforce {
    /// Selects objects for Change Data Capture: what changes from now on is told.
    pub fn select_changes(&self, objects: &[&str]) {
        self.with(|state| {
            state.org.watched = true;
            state.events.select(objects);
        });
    }

    /// Serves the Pub/Sub API at `addr` (port 0 picks a free one) until the task is aborted; answers the address in use. Streams that have
    /// nothing to tell say so every `keepalive`.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn serve_pubsub(&self, addr: SocketAddr, keepalive: Duration) -> std::io::Result<(SocketAddr, JoinHandle<()>)> {
        server::serve(self.clone(), addr, keepalive).await
    }

    /// Tells of a change by an event that does not say what it was.
    pub fn tell_gap(&self, object: &str, id: &str, gap: Gap) {
        self.with(|state| state.events.gap(object, id, gap, state.org.clock.now_ms()));
    }

    /// Forgets the events there are, as the vendor does after 72 hours.
    pub fn forget_events(&self) {
        self.with(|state| state.events.forget());
    }

    /// Breaks every stream off.
    pub fn break_streams(&self) {
        self.state().events.break_streams();
    }
}
