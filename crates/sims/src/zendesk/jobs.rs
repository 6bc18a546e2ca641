//! Background jobs: queued, working, completed, with results in no particular order.

use rand::seq::SliceRandom;
use serde_json::{Map, Value, json};

use super::call::{Call, MANY_MAX};
use super::moment::job_stamp;
use super::record::{Kind, id_in};
use super::refusal::{Answer, Outcome, Refusal, Warned};
use super::state::State;

/// Jobs queued and running at once.
const QUEUE_MAX: usize = 30;
/// Milliseconds that a finished job can still be asked about: a day.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;

/// What a job does to each of its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Create(Kind),
    /// Create, or update what matches by external id or e-mail.
    Upsert(Kind),
    /// Items carry `id` or `external_id`.
    Update(Kind),
    Delete(Kind),
    ImportTicket,
    /// One item: target and sources.
    MergeTickets,
    EraseTicket,
    MarkSpam,
    Link,
    Unlink,
}

/// A job.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    id: String,
    task: Task,
    actor: u64,
    items: Vec<Value>,
    total: usize,
    created_ms: i64,
    due_ms: i64,
    results: Option<Value>,
    /// The id given to a ticket that is created asynchronously.
    pub(crate) reserved: Option<u64>,
}

impl Job {
    fn shown(&self, state: &State) -> Value {
        let (status, progress, message, results) = if let Some(results) = &self.results {
            let message = format!("Completed at {}", job_stamp(self.due_ms.div_euclid(1000)));
            ("completed", json!(self.total), json!(message), results.clone())
        } else if state.now_ms >= self.created_ms + (self.due_ms - self.created_ms) / 4 && state.now_ms > self.created_ms {
            ("working", json!(self.total / 2), Value::Null, Value::Null)
        } else {
            ("queued", Value::Null, Value::Null, Value::Null)
        };
        json!({
            "id": self.id, "job_type": self.title(), "url": state.url(&format!("job_statuses/{}", self.id)), "total": self.total,
            "progress": progress, "status": status, "message": message, "results": results,
        })
    }

    fn title(&self) -> String {
        match self.task {
            Task::Create(kind) => format!("Bulk Create {}", capital(kind)),
            Task::Upsert(kind) => format!("Bulk Create Or Update {}", capital(kind)),
            Task::Update(kind) => format!("Bulk Update {}", capital(kind)),
            Task::Delete(kind) => format!("Bulk Delete {}", capital(kind)),
            Task::ImportTicket => "Bulk Import Ticket".to_owned(),
            Task::MergeTickets => "Merge Tickets".to_owned(),
            Task::EraseTicket => "Permanently Delete Tickets".to_owned(),
            Task::MarkSpam => "Mark As Spam".to_owned(),
            Task::Link => "Bulk Create Organization Membership".to_owned(),
            Task::Unlink => "Bulk Delete Organization Membership".to_owned(),
        }
    }
}

fn capital(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "User",
        Kind::Organization => "Organization",
        Kind::Ticket => "Ticket",
    }
}

impl State {
    /// Queues a job and answers with its status.
    pub(crate) fn enqueue(&mut self, task: Task, items: Vec<Value>, actor: u64) -> Outcome {
        let at = self.enqueue_job(task, items, actor)?;
        Ok(Answer::ok(json!({"job_status": self.jobs[at].shown(self)})))
    }

    pub(crate) fn enqueue_job(&mut self, task: Task, items: Vec<Value>, actor: u64) -> Result<usize, Refusal> {
        if items.len() > MANY_MAX {
            return Err(Refusal::too_many_values());
        }
        if self.options.profile.limits && self.waiting_jobs() >= QUEUE_MAX {
            let mut refusal = Refusal::plain(429, "TooManyJobs", "There are currently too many background jobs for your account");
            refusal.retry_after = Some(1);
            return Err(refusal);
        }
        let now = self.now_ms;
        self.jobs.retain(|job| job.results.is_none() || job.due_ms > now - KEPT_MS);
        let delay = i64::try_from(self.options.profile.job_of(items.len())).unwrap_or_default();
        let job = Job {
            id: format!("V3-{}", self.hex(32)),
            task,
            actor,
            total: items.len(),
            items,
            created_ms: now,
            due_ms: now + delay,
            results: None,
            reserved: None,
        };
        self.jobs.push(job);
        Ok(self.jobs.len() - 1)
    }

    /// Status of a job by its place.
    pub(crate) fn job_json(&self, at: usize) -> Value {
        self.jobs[at].shown(self)
    }

    /// When the next job is due, if one waits.
    pub(crate) fn next_job_ms(&self) -> Option<i64> {
        self.jobs.iter().filter(|job| job.results.is_none()).map(|job| job.due_ms).min()
    }

    /// Rows of each job that was handed over from an instant on.
    pub(crate) fn job_sizes(&self, since_ms: i64) -> Vec<usize> {
        self.jobs.iter().filter(|job| job.created_ms >= since_ms).map(|job| job.total).collect()
    }

    /// Jobs queued or working.
    pub(crate) fn waiting_jobs(&self) -> usize {
        self.jobs.iter().filter(|job| job.results.is_none()).count()
    }

    /// Runs every job whose time has come, as of that time.
    pub(crate) fn run_due_jobs(&mut self) {
        let now = self.now_ms;
        loop {
            let next = (0..self.jobs.len())
                .filter(|at| self.jobs[*at].results.is_none() && self.jobs[*at].due_ms <= now)
                .min_by_key(|at| self.jobs[*at].due_ms);
            let Some(at) = next else { break };
            self.now_ms = self.jobs[at].due_ms;
            let (task, actor, reserved) = (self.jobs[at].task, self.jobs[at].actor, self.jobs[at].reserved);
            let items = std::mem::take(&mut self.jobs[at].items);
            let mut results: Vec<Value> =
                items.iter().enumerate().map(|(index, item)| self.run_item(task, item, index, actor, reserved)).collect();
            results.shuffle(&mut self.rng);
            let single = matches!(task, Task::EraseTicket | Task::MergeTickets | Task::MarkSpam) && results.len() == 1;
            self.jobs[at].results = Some(if single { results.remove(0) } else { Value::Array(results) });
        }
        self.now_ms = now;
    }

    fn run_item(&mut self, task: Task, item: &Value, index: usize, actor: u64, reserved: Option<u64>) -> Value {
        let empty = Map::new();
        let fields = item.as_object().unwrap_or(&empty);
        let id = id_in(&item["id"]);
        let mut warned = Warned::default();
        let done = |result: Result<Value, Refusal>, error: &str| match result {
            Ok(value) => value,
            Err(refusal) => {
                let code = refusal.code();
                let error = if code == "UpdateConflict" || code == "PermissionDenied" { code } else { error.to_owned() };
                let details = refusal.sentences();
                let mut shown = json!({"index": index, "error": error, "details": details, "success": false});
                if let Some(id) = id {
                    shown["id"] = json!(id);
                }
                for key in ["external_id", "email"] {
                    if let Some(value) = item.get(key) {
                        shown[key] = value.clone();
                    }
                }
                shown
            }
        };
        match task {
            Task::Create(Kind::Ticket) => {
                let made = self.create_ticket(fields, actor, &mut warned, reserved);
                done(made.map(|id| json!({"index": index, "id": id, "account_id": super::events::ACCOUNT_ID})), "TicketCreateFailed")
            }
            Task::ImportTicket => {
                let made = self.import_ticket(fields, actor);
                done(made.map(|id| json!({"index": index, "id": id, "account_id": super::events::ACCOUNT_ID})), "TicketCreateFailed")
            }
            Task::Create(kind) => {
                let made = match kind {
                    Kind::User => self.save_user(None, fields, actor, &mut warned),
                    _ => self.save_organization(None, fields, actor, &mut warned),
                };
                done(made.map(|id| made_result(item, id, index, "Created")), create_error(kind))
            }
            Task::Upsert(kind) => {
                let made = match kind {
                    Kind::User => self.upsert_user(fields, actor, &mut warned),
                    _ => self.upsert_organization(fields, actor, &mut warned),
                };
                let made = made.map(|(id, fresh)| made_result(item, id, index, if fresh { "Created" } else { "Updated" }));
                done(made, create_error(kind))
            }
            Task::Update(kind) => {
                let target = id.or_else(|| item["external_id"].as_str().and_then(|text| self.by_external(kind, text)));
                let changed = match target {
                    None => Err(Refusal::missing()),
                    Some(id) => match kind {
                        Kind::User => self.save_user(Some(id), fields, actor, &mut warned),
                        Kind::Organization => self.save_organization(Some(id), fields, actor, &mut warned),
                        Kind::Ticket => self.update_ticket(id, fields, actor, &mut warned).map(|_| id),
                    },
                };
                let error = match kind {
                    Kind::User => "UserUpdateError",
                    Kind::Organization => "OrganizationUpdateFailed",
                    Kind::Ticket => "TicketUpdateFailed",
                };
                let shown = |id| json!({"index": index, "action": "update", "id": id, "status": "Updated", "success": true});
                done(changed.map(shown), error)
            }
            Task::Delete(kind) => {
                let target = id.or_else(|| item["external_id"].as_str().and_then(|text| self.by_external(kind, text)));
                let gone = target.ok_or_else(Refusal::missing).and_then(|id| {
                    match kind {
                        Kind::User => self.delete_user(id, actor)?,
                        Kind::Organization => self.delete_organization(id, actor)?,
                        Kind::Ticket => self.delete_ticket(id, actor)?,
                    }
                    Ok(json!({"index": index, "action": "delete", "id": id, "status": "Deleted", "success": true}))
                });
                done(gone, "DeleteFailed")
            }
            Task::MergeTickets => done(self.merge_tickets(fields, actor).map(|()| json!({"success": true})), "TicketMergeFailed"),
            Task::EraseTicket => {
                let gone = id.ok_or_else(Refusal::missing).and_then(|id| self.erase_ticket(id, actor));
                done(gone.map(|()| json!({"success": true})), "TicketDeleteFailed")
            }
            Task::MarkSpam => {
                let gone = id.ok_or_else(Refusal::missing).and_then(|id| self.mark_spam(id, actor));
                done(gone.map(|()| json!({"id": id, "success": true, "index": index})), "TicketUpdateFailed")
            }
            Task::Link => {
                let made = self.create_membership(fields, actor);
                done(made.map(|id| json!({"index": index, "id": id, "status": "Created"})), "OrganizationMembershipCreateError")
            }
            Task::Unlink => {
                let gone = id.ok_or_else(Refusal::missing).and_then(|id| self.delete_membership(id, actor));
                done(gone.map(|()| json!({"index": index, "id": id, "status": "Deleted", "success": true})), "DeleteFailed")
            }
        }
    }

    /// The record with that external id, compared without case.
    pub(crate) fn by_external(&self, kind: Kind, external: &str) -> Option<u64> {
        let key = external.to_lowercase();
        match kind {
            Kind::User => self.user_by_external.get(key.as_str()).copied(),
            Kind::Organization => self.organization_by_external.get(key.as_str()).copied(),
            Kind::Ticket => self.tickets_by_external.get(key.as_str()).and_then(|ids| ids.first().copied()),
        }
    }

    /// Routes below `/job_statuses`.
    pub(crate) fn job_routes(&mut self, call: &Call) -> Outcome {
        match (call.method.as_str(), call.path().as_slice()) {
            ("GET", ["job_statuses"]) => {
                let list: Vec<Value> = self.jobs.iter().rev().take(MANY_MAX).map(|job| job.shown(self)).collect();
                let count = list.len();
                Ok(Answer::ok(json!({"job_statuses": list, "count": count, "next_page": null, "previous_page": null})))
            }
            ("GET", ["job_statuses", "show_many"]) => {
                let ids = call.list("ids")?.ok_or_else(|| Refusal::parameter("ids"))?;
                let list: Vec<Value> = self.jobs.iter().filter(|job| ids.contains(&job.id)).map(|job| job.shown(self)).collect();
                let count = list.len();
                Ok(Answer::ok(json!({"job_statuses": list, "count": count, "next_page": null, "previous_page": null})))
            }
            ("GET", ["job_statuses", id]) => {
                let job = self.jobs.iter().find(|job| job.id == *id).ok_or_else(Refusal::missing)?;
                Ok(Answer::ok(json!({"job_status": job.shown(self)})))
            }
            _ => Err(Refusal::no_route()),
        }
    }
}

fn create_error(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "UserCreateError",
        Kind::Organization => "OrganizationCreateError",
        Kind::Ticket => "TicketCreateFailed",
    }
}

fn made_result(item: &Value, id: u64, index: usize, status: &str) -> Value {
    let mut shown = json!({"index": index, "id": id, "status": status});
    for key in ["email", "external_id"] {
        if let Some(value) = item.get(key).filter(|value| !value.is_null()) {
            shown[key] = value.clone();
        }
    }
    shown
}
