//! How fast tickets were answered and solved.

use serde_json::{Value, json};

use super::moment::{iso, iso_or_null};
use super::record::Record;
use super::state::State;

/// Times of one ticket. Waits are seconds by status; a schedule around the clock is assumed, so business time is calendar time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    pub(crate) id: u64,
    pub(crate) created: i64,
    updated: i64,
    group_stations: u32,
    assignee_stations: u32,
    reopens: u32,
    pub(crate) replies: u32,
    assignee_updated: Option<i64>,
    requester_updated: Option<i64>,
    status_updated: i64,
    initially_assigned: Option<i64>,
    assigned: Option<i64>,
    pub(crate) solved: Option<i64>,
    latest_comment: Option<i64>,
    reply: Option<i64>,
    first_resolution: Option<i64>,
    full_resolution: Option<i64>,
    agent_wait: i64,
    requester_wait: i64,
    on_hold: i64,
}

/// One step of one metric.
#[derive(Debug, Clone)]
pub(crate) struct MetricEvent {
    pub(crate) id: u64,
    pub(crate) ticket: u64,
    pub(crate) metric: &'static str,
    pub(crate) ty: &'static str,
    pub(crate) time: i64,
}

impl MetricEvent {
    pub(crate) fn shown(&self) -> Value {
        json!({
            "id": self.id, "ticket_id": self.ticket, "metric": self.metric, "instance_id": 1, "type": self.ty, "time": iso(self.time),
        })
    }
}

/// Who commented, as far as metrics care.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spoke {
    pub(crate) staff: bool,
    pub(crate) requester: bool,
    pub(crate) public: bool,
    /// The comment that opened the ticket.
    pub(crate) first: bool,
}

fn span(seconds: Option<i64>) -> Value {
    let minutes = seconds.map(|seconds| seconds / 60);
    json!({"calendar": minutes, "business": minutes})
}

impl Metrics {
    pub(crate) fn new(id: u64, now: i64) -> Self {
        Self { id, created: now, updated: now, status_updated: now, ..Self::default() }
    }

    /// Takes a change in. Returns the metric steps it made.
    pub(crate) fn advance(
        &mut self,
        before: Option<&Record>,
        after: &Record,
        spoke: Option<Spoke>,
        now: i64,
    ) -> Vec<(&'static str, &'static str)> {
        let mut steps = Vec::new();
        self.updated = now;
        let status = |record: &Record| record.text("status").unwrap_or("new").to_owned();
        let (old, new) = (before.map(status), status(after));
        if before.is_none() {
            for metric in ["reply_time", "agent_work_time", "requester_wait_time", "resolution_time"] {
                steps.push((metric, "activate"));
            }
        }
        let done = |status: &str| matches!(status, "solved" | "closed");
        if let Some(old) = old.as_deref().filter(|old| *old != new) {
            let waited = (now - self.status_updated).max(0);
            match old {
                "pending" => self.agent_wait += waited,
                "hold" => {
                    self.on_hold += waited;
                    self.requester_wait += waited;
                }
                "new" | "open" => self.requester_wait += waited,
                _ => {}
            }
            self.status_updated = now;
            if done(old) && !done(&new) {
                self.reopens += 1;
                (self.solved, self.full_resolution) = (None, None);
                steps.push(("resolution_time", "activate"));
            }
            steps.push(("resolution_time", "update_status"));
        }
        if done(&new) && self.solved.is_none() {
            self.solved = Some(now);
            self.first_resolution.get_or_insert(now - self.created);
            self.full_resolution = Some(now - self.created);
            steps.push(("resolution_time", "fulfill"));
            steps.push(("requester_wait_time", "fulfill"));
            steps.push(("agent_work_time", "fulfill"));
        }
        let moved = |name: &str| after.id_of(name).filter(|new| before.and_then(|old| old.id_of(name)) != Some(*new)).is_some();
        if moved("assignee_id") {
            self.assignee_stations += 1;
            self.assigned = Some(now);
            self.initially_assigned.get_or_insert(now);
        }
        if moved("group_id") {
            self.group_stations += 1;
        }
        if let Some(spoke) = spoke {
            self.latest_comment = Some(now);
            if spoke.requester {
                self.requester_updated = Some(now);
            }
            if spoke.staff {
                self.assignee_updated = Some(now);
            }
            if spoke.staff && spoke.public && !spoke.first {
                self.replies += 1;
                if self.reply.is_none() {
                    self.reply = Some(now - self.created);
                    steps.push(("reply_time", "fulfill"));
                }
            }
        }
        steps
    }

    /// Puts another moment, or another number of minutes, in place of one. Answers the one before; `None` when there is none of that name.
    pub(crate) fn put(&mut self, name: &str, to: &Value) -> Option<Value> {
        let moment = |held: &mut Option<i64>| {
            let before = iso_or_null(*held);
            *held = to.as_str().and_then(super::moment::parse);
            before
        };
        let minutes = |held: &mut Option<i64>| {
            let before = held.map(|seconds| seconds / 60);
            *held = to.as_i64().map(|minutes| minutes * 60);
            json!(before)
        };
        match name {
            "solved_at" => Some(moment(&mut self.solved)),
            "latest_comment_added_at" => Some(moment(&mut self.latest_comment)),
            "reply_time_in_minutes" => Some(minutes(&mut self.reply)),
            "full_resolution_time_in_minutes" => Some(minutes(&mut self.full_resolution)),
            _ => None,
        }
    }

    pub(crate) fn shown(&self, state: &State, ticket: u64) -> Value {
        let wait = |seconds: i64| if self.status_updated > self.created || seconds > 0 { Some(seconds) } else { None };
        json!({
            "url": state.url(&format!("ticket_metrics/{}", self.id)), "id": self.id, "ticket_id": ticket,
            "created_at": iso(self.created), "updated_at": iso(self.updated),
            "group_stations": self.group_stations, "assignee_stations": self.assignee_stations,
            "reopens": self.reopens, "replies": self.replies,
            "assignee_updated_at": iso_or_null(self.assignee_updated), "requester_updated_at": iso_or_null(self.requester_updated),
            "status_updated_at": iso(self.status_updated), "initially_assigned_at": iso_or_null(self.initially_assigned),
            "assigned_at": iso_or_null(self.assigned), "solved_at": iso_or_null(self.solved),
            "latest_comment_added_at": iso_or_null(self.latest_comment),
            "reply_time_in_minutes": span(self.reply),
            "first_resolution_time_in_minutes": span(self.first_resolution),
            "full_resolution_time_in_minutes": span(self.full_resolution),
            "agent_wait_time_in_minutes": span(wait(self.agent_wait)),
            "requester_wait_time_in_minutes": span(wait(self.requester_wait)),
            "on_hold_time_in_minutes": span(wait(self.on_hold)),
            "reply_time_in_seconds": {"calendar": self.reply},
            "custom_status_updated_at": iso(self.status_updated),
        })
    }
}
