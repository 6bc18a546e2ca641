//! What is plain data about a platform.

use std::time::Duration;

use entente_model::mapping::Role;

/// Facts about a platform that need no code.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Name (`salesforce`).
    pub key: &'static str,
    /// Name that people read.
    pub label: &'static str,
    /// The part it usually plays.
    pub role: Role,
    /// Rows per write call at most.
    pub write_max: usize,
    /// Rows per fetch call at most.
    pub fetch_max: usize,
    /// Calls that may be in flight at once.
    pub concurrency: usize,
    /// Time a call may take before it counts as timed out.
    pub timeout: Duration,
    /// Whether calls for several objects that are asked for at the same moment travel as one.
    pub shares_calls: bool,
    /// How far a poll goes back behind its cursor, because late commits carry early stamps.
    pub overlap: Duration,
    /// Changes that no webhook tells of (object, field): only polls see them.
    pub silent: &'static [(&'static str, &'static str)],
}
