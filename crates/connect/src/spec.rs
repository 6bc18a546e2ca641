//! What is plain data about a platform.

use std::time::Duration;

use entente_model::mapping::Role;

use crate::capability::{Capabilities, EVERY, Limit};

/// Facts about a platform that need no code.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Name (`salesforce`).
    pub key: &'static str,
    /// Name that people read.
    pub label: &'static str,
    /// The part it usually plays.
    pub role: Role,
    /// Rows of one object that one write takes at most, whatever the object; the connector makes as many calls of it as the platform needs.
    pub write_max: usize,
    /// Rows of one object that one fetch takes at most, likewise.
    pub fetch_max: usize,
    /// Calls that may be in flight at once.
    pub concurrency: usize,
    /// Time a call may take before it counts as timed out.
    pub timeout: Duration,
    /// Whether calls for several objects that are asked for at the same moment travel as one.
    pub shares_calls: bool,
    /// How far a poll goes back behind its cursor, because late commits carry early stamps.
    pub overlap: Duration,
    /// Whether access ends by itself and is renewed, with some of the credentials it takes. Otherwise a person replaces a key that ended.
    pub renews_access: bool,
    /// What it can do, by object; the last one is that of every object which is not named.
    pub objects: &'static [Capabilities],
    /// How much may be asked of it, as it documents; the live headers say what really holds.
    pub limits: &'static [Limit],
}

impl Spec {
    /// What the platform can do with an object; `None` for one that it does not have.
    #[must_use]
    pub fn capabilities(&self, object: &str) -> Option<&'static Capabilities> {
        self.objects.iter().find(|known| known.object == object).or_else(|| self.objects.iter().find(|known| known.object == EVERY))
    }
}
