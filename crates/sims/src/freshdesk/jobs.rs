//! Jobs: one change to many tickets, or their deletion, taken at once and asked for later. What could not be changed is not told ticket by ticket,
//! which is why the connector writes tickets one by one.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::conversations::Saying;
use super::moment::iso;
use super::refusal::{Answer, Flaw, Outcome, Refusal};
use super::state::State;

/// Milliseconds that a job takes, and that each of its tickets takes beside.
const JOB_MS: i64 = 1_000;
const TICKET_MS: i64 = 20;

/// A job that was taken.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    id: String,
    created_ms: i64,
    done_ms: i64,
}

impl Job {
    fn shown(&self, now_ms: i64) -> Value {
        let done = now_ms >= self.done_ms;
        let all = (self.done_ms - self.created_ms).max(1);
        let progress = if done { 100 } else { (now_ms - self.created_ms) * 100 / all };
        let changed = iso(if done { self.done_ms } else { self.created_ms });
        json!({
            "id": self.id, "status": if done { "COMPLETED" } else { "IN PROGRESS" }, "progress": progress,
            "created_at": iso(self.created_ms), "updated_at": changed, "status_updated_at": changed,
        })
    }
}

impl State {
    /// `POST /tickets/bulk_update` and `/tickets/bulk_delete`.
    pub(crate) fn bulk_tickets(&mut self, call: &Call, deletes: bool) -> Outcome {
        let action = call.body.get("bulk_action").and_then(Value::as_object).ok_or_else(|| Refusal::flaw(Flaw::missing("bulk_action")))?;
        let ids: Vec<u64> = action.get("ids").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64).collect();
        if ids.is_empty() {
            return Err(Refusal::flaw(Flaw::missing("ids")));
        }
        let object = |name: &str| action.get(name).and_then(Value::as_object).filter(|given| !given.is_empty());
        let (properties, reply) = (object("properties"), object("reply"));
        if !deletes && properties.is_none() && reply.is_none() {
            return Err(Refusal::flaw(Flaw::missing("properties")));
        }
        // A ticket that is not there, or that the change does not fit, stays as it is; the others are changed.
        for id in &ids {
            if deletes {
                drop(self.set_aside(*id, true, false));
                continue;
            }
            if let Some(properties) = properties {
                drop(self.update_ticket(*id, properties));
            }
            if let Some(reply) = reply {
                drop(self.answer_ticket(*id, reply));
            }
        }
        let spent = JOB_MS + TICKET_MS * i64::try_from(ids.len()).unwrap_or(i64::MAX / TICKET_MS);
        let job = Job { id: self.uuid().replace('-', ""), created_ms: self.now_ms, done_ms: self.now_ms.saturating_add(spent) };
        let root = call.address.split("/tickets/").next().unwrap_or_default();
        let taken = json!({"job_id": job.id, "href": format!("{root}/jobs/{}", job.id)});
        self.jobs.push(job);
        Ok(Answer { status: 202, ..Answer::ok(taken) })
    }

    fn answer_ticket(&mut self, id: u64, reply: &Map<String, Value>) -> Result<(), Refusal> {
        let by = self.agents.first().map(|agent| agent.id).unwrap_or_default();
        let body = reply.get("body").and_then(Value::as_str).unwrap_or_default();
        self.say(id, Saying { body, by, private: false, note: false, incoming: None, cc_emails: Vec::new() }).map(drop)
    }

    /// `GET /jobs/{id}`.
    pub(crate) fn job(&self, id: &str) -> Outcome {
        let job = self.jobs.iter().find(|job| job.id == id).ok_or_else(Refusal::missing)?;
        Ok(Answer::ok(job.shown(self.now_ms)))
    }
}
