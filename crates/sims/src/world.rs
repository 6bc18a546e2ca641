//! A made-up company's customers in both simulators: the same people and firms as the CRM and as the support desk know them, live
//! edits on both sides, and an independent judgement of whether the two agree.
//!
//! Nothing here knows how a sync works. What it knows are the two simulators' records and the customers' own mapping of fields, so
//! that it can say from outside whether a sync did its work, how fast, and at what cost in API calls.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::JoinHandle;

use crate::mailroom::Mailroom;
use crate::salesforce::{Salesforce, SimError};
use crate::zendesk::{Refusal, Zendesk};

mod agreement;
mod backdate;
mod call_costs;
mod choice;
mod control;
mod correspondence;
mod crm_edits;
mod fields;
mod landing;
mod people;
mod report;
mod seeding;
mod support_edits;
mod traffic;

pub use agreement::{Agreement, agreement};
pub use call_costs::CallCosts;
pub use choice::Kind;
pub use control::control_router;
pub use report::{Latency, NewCustomers, TrafficReport};
pub use seeding::{Seeded, WorldOptions, seed};
pub use traffic::{FaultPhases, Traffic, TrafficOptions};

/// Why a world could not be made or changed: what a simulator refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldError(String);

impl WorldError {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl std::fmt::Display for WorldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; fill fresh simulators, one world each", self.0)
    }
}

impl std::error::Error for WorldError {}

impl From<SimError> for WorldError {
    fn from(error: SimError) -> Self {
        Self(format!("the simulated Salesforce refused a record with {}: {}", error.code, error.message))
    }
}

impl From<Refusal> for WorldError {
    fn from(refusal: Refusal) -> Self {
        Self(format!("the simulated Zendesk {refusal}"))
    }
}

/// Both simulators with whatever lives in them. Cloning shares it.
#[derive(Clone)]
pub struct World(Arc<Inner>);

struct Inner {
    salesforce: Salesforce,
    zendesk: Zendesk,
    mailrooms: Vec<Mailroom>,
    landing: landing::Landing,
    running: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

impl World {
    /// A world over two simulators; `mailrooms` are theirs, to tell whether webhooks are still on their way.
    #[must_use]
    pub fn new(salesforce: Salesforce, zendesk: Zendesk, mailrooms: Vec<Mailroom>) -> Self {
        let landing = landing::Landing::new(salesforce.clock().clone());
        Self(Arc::new(Inner { salesforce, zendesk, mailrooms, landing, running: Mutex::new(None) }))
    }

    fn running(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills both simulators; see [`seed`].
    ///
    /// # Errors
    /// When a simulator refuses a record, as it does in a world that is filled twice from one seed.
    pub fn seed(&self, options: &WorldOptions) -> Result<Seeded, WorldError> {
        seed(options, &self.0.salesforce, &self.0.zendesk)
    }

    /// Compares both simulators as they are now; see [`agreement()`].
    #[must_use]
    pub fn agreement(&self) -> Agreement {
        agreement(&self.0.salesforce, &self.0.zendesk)
    }

    /// Prepares edits without starting them: each [`Traffic::step`] makes one. What was measured before is forgotten.
    #[must_use]
    pub fn traffic(&self, options: TrafficOptions) -> Traffic {
        Traffic::new(&self.0.salesforce, &self.0.zendesk, &self.0.landing, options)
    }

    /// Starts live edits in the background, in place of those that run.
    pub fn start_traffic(&self, options: TrafficOptions) {
        self.stop_traffic();
        let traffic = self.traffic(options);
        *self.running() = Some(tokio::spawn(traffic.run()));
    }

    /// Ends live edits and faults. What was edited may land later still, and is measured.
    pub fn stop_traffic(&self) {
        if let Some(task) = self.running().take() {
            task.abort();
        }
        self.0.salesforce.faults().clear();
        self.0.zendesk.faults().clear();
        self.0.landing.ended();
    }

    /// What became of the edits so far.
    #[must_use]
    pub fn report(&self) -> TrafficReport {
        let running = self.running().as_ref().is_some_and(|task| !task.is_finished());
        self.0.landing.report(running, self.calls())
    }

    /// API calls to both simulators since they started.
    #[must_use]
    pub fn calls(&self) -> CallCosts {
        CallCosts { salesforce: self.0.salesforce.calls().total, zendesk: self.0.zendesk.calls().total }
    }

    /// Webhooks that wait to be posted.
    #[must_use]
    pub fn has_mail(&self) -> bool {
        self.0.mailrooms.iter().any(|mailroom| mailroom.next_due_ms().is_some())
    }

    /// Whether a background job of Zendesk waits to run.
    #[must_use]
    pub fn has_jobs(&self) -> bool {
        self.0.zendesk.next_job_ms().is_some()
    }
}

#[cfg(test)]
mod tests;
