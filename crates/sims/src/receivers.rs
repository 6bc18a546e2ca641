//! Simulated receivers of notices: a Slack workspace, a Teams workflow, a mail server and a receiver of Standard Webhooks, each on a port of
//! this machine. They judge the format of what they get by the vendor's documentation, answer as the vendor does, and keep what they took.

mod mail;
mod slack;
mod standard;
mod teams;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use serde_json::Value;

pub use mail::{Letter, MailServer};
pub use slack::SlackWorkspace;
pub use standard::StandardReceiver;
pub use teams::TeamsWorkflow;

/// What a receiver has taken, what was wrong with it, and how it answers next. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Desk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    taken: Vec<Value>,
    wrong: Vec<String>,
    refusals: VecDeque<(u16, String)>,
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was taken so far.
    pub(crate) fn taken(&self) -> Vec<Value> {
        self.state().taken.clone()
    }

    /// What was wrong with what came, in words.
    pub(crate) fn wrong(&self) -> Vec<String> {
        self.state().wrong.clone()
    }

    /// Has the next message be answered with this status and body.
    pub(crate) fn refuse(&self, status: u16, body: &str) {
        self.state().refusals.push_back((status, body.to_owned()));
    }

    fn refusal(&self) -> Option<(u16, String)> {
        self.state().refusals.pop_front()
    }

    fn take(&self, message: Value) {
        self.state().taken.push(message);
    }

    /// Puts a message in the place of the one with this `ts`; whether there is one.
    fn replace(&self, ts: &Value, message: Value) -> bool {
        let mut state = self.state();
        let found = state.taken.iter_mut().find(|taken| taken["ts"] == *ts && !ts.is_null());
        found.map(|taken| *taken = message).is_some()
    }

    fn complain(&self, what: impl Into<String>) {
        self.state().wrong.push(what.into());
    }
}

/// Serves a router on a free port of this machine.
async fn listen(router: Router) -> std::io::Result<SocketAddr> {
    // The task ends with the runtime of the test.
    let (bound, _task) = crate::serve::serve(router, SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    Ok(bound)
}
