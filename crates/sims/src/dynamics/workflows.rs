//! Classic workflows that are run on demand, and the jobs that the platform works off in the background: the row of a job says how it stands.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Hand;
use super::call::Call;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::{Record, State, link};

/// Milliseconds until a job has ended that nothing holds up.
const JOB_MS: i64 = 5_000;
/// The category of a classic workflow, and the type of one that is in force, as its row has it.
const CLASSIC: i64 = 0;
const DEFINITION: i64 = 1;
/// The type of a job that runs a workflow.
const WORKFLOW_JOB: i64 = 10;

/// State and status of jobs: waiting for resources, succeeded, failed, cancelled.
const WAITS: (i64, i64) = (0, 0);
const SUCCEEDED: (i64, i64) = (3, 30);
const FAILED: (i64, i64) = (3, 31);
const CANCELLED: (i64, i64) = (3, 32);

/// What a workflow does with a row that it is run for: the values that it changes, or the reason why it fails.
pub type WorkflowBody = Arc<dyn Fn(&Map<String, Value>) -> Result<Map<String, Value>, String> + Send + Sync>;

/// A workflow's steps.
#[derive(Clone)]
pub(crate) struct Workflow {
    pub(crate) table: String,
    pub(crate) run: WorkflowBody,
}

/// A job that has not ended.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    due_ms: i64,
    id: String,
    workflow: String,
    row: String,
}

impl State {
    /// Puts a workflow in force; its id.
    pub(crate) fn add_workflow(&mut self, name: &str, table: &str, on_demand: bool, run: WorkflowBody) -> String {
        let id = self.uuid();
        let values = json!({
            "name": name, "primaryentity": table, "category": CLASSIC, "type": DEFINITION, "ondemand": on_demand, "statecode": 1, "statuscode": 2,
        });
        self.furnish_row("workflow", &id, values);
        self.workflows.insert(id.clone(), Workflow { table: table.to_owned(), run });
        id
    }

    /// `POST workflows(id)/Microsoft.Dynamics.CRM.ExecuteWorkflow`: a job for one row, which is answered with and runs later.
    pub(crate) fn execute_workflow(&mut self, call: &Call, id: &str) -> Outcome {
        let held = self.row("workflow", id).cloned().ok_or_else(|| Refusal::absent("workflow", id))?;
        let refused = |message: &str| Refusal::new(400, "0x80045001", message);
        if held.get("statecode") != &json!(1) {
            return Err(refused("Workflow must be in Published state."));
        }
        if held.get("ondemand") != &json!(true) {
            return Err(refused("The workflow definition is not marked as OnDemand."));
        }
        let row = call.body["EntityId"].as_str().map(str::to_lowercase);
        let row = row.ok_or_else(|| Refusal::new(400, "0x80048d19", "'EntityId' names no row."))?;
        let Some(workflow) = self.workflows.get(id).cloned() else { return Err(Refusal::absent("workflow", id)) };
        if self.row(&workflow.table, &row).is_none() {
            return Err(Refusal::absent(&workflow.table, &row));
        }
        let job = self.uuid();
        let name = held.get("name").clone();
        self.furnish_row(
            "asyncoperation",
            &job,
            json!({
                "name": name, "operationtype": WORKFLOW_JOB, "statecode": WAITS.0, "statuscode": WAITS.1,
                "regardingobjectid": link(&workflow.table, &row),
            }),
        );
        self.jobs.push(Job { due_ms: self.now_ms + JOB_MS, id: job.clone(), workflow: id.to_owned(), row });
        let context = format!("{}$metadata#asyncoperations/$entity", call.root);
        Ok(Answer::ok(json!({
            "@odata.context": context, "asyncoperationid": job, "name": name, "operationtype": WORKFLOW_JOB, "statecode": WAITS.0, "statuscode": WAITS.1,
        })))
    }

    /// Works off the jobs that are due. One that somebody cancelled meanwhile is left alone.
    pub(crate) fn run_due_jobs(&mut self) {
        let now = self.now_ms;
        let (due, later): (Vec<Job>, Vec<Job>) = std::mem::take(&mut self.jobs).into_iter().partition(|job| job.due_ms <= now);
        self.jobs = later;
        for job in due {
            let waits = self.row("asyncoperation", &job.id).is_some_and(|held| held.get("statecode") == &json!(WAITS.0));
            if !waits {
                continue;
            }
            match self.work_off(&job) {
                Ok(()) => self.end_job(&job.id, SUCCEEDED, None),
                Err(reason) => self.end_job(&job.id, FAILED, Some(reason)),
            }
        }
    }

    fn work_off(&mut self, job: &Job) -> Result<(), String> {
        let gone = || format!("The row {} does not exist.", job.row);
        let workflow = self.workflows.get(&job.workflow).cloned().ok_or_else(gone)?;
        let values = self.row(&workflow.table, &job.row).map(|row| row.values.clone()).ok_or_else(gone)?;
        let changed = (workflow.run)(&values)?;
        // Whoever published the workflow is the hand of what it does.
        let by = self.people.first().map_or(Hand::Integration, |person| Hand::Person(person.clone()));
        let done = self.atomically(|state| state.update(&workflow.table, &job.row, &changed, &by));
        done.map_err(|refusal| refusal.body["error"]["message"].as_str().unwrap_or("The job failed.").to_owned())
    }

    fn end_job(&mut self, id: &str, (state, status): (i64, i64), message: Option<String>) {
        let (version, now) = (self.next_version(), self.now_ms);
        let Some(held) = self.row("asyncoperation", id).cloned() else { return };
        let mut ended = Record { version, modified_ms: now, ..held };
        ended.values.insert("statecode".to_owned(), json!(state));
        ended.values.insert("statuscode".to_owned(), json!(status));
        ended.values.insert("message".to_owned(), json!(message));
        self.put("asyncoperation", ended);
    }

    /// Cancels a job that has not ended.
    ///
    /// # Errors
    /// When there is none, or it has ended.
    pub(crate) fn cancel_job(&mut self, id: &str) -> Result<(), Refusal> {
        let held = self.row("asyncoperation", id).ok_or_else(|| Refusal::absent("asyncoperation", id))?;
        if held.get("statecode") != &json!(WAITS.0) {
            return Err(Refusal::new(400, "0x80040203", "The job has ended."));
        }
        self.end_job(id, CANCELLED, Some("Cancelled by an administrator.".to_owned()));
        Ok(())
    }
}
