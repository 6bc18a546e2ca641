//! A job, and how it stands.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{Salesforce, soql};
use super::rule::pause;
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::Call;

/// Times that the question how a job stands may go unanswered before it is given up; jobs go on meanwhile.
const UNANSWERED_MAX: u32 = 3;

/// What kind of job, as its path says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Query,
    Ingest,
}

impl Kind {
    fn path(self) -> &'static str {
        match self {
            Self::Query => "jobs/query",
            Self::Ingest => "jobs/ingest",
        }
    }
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum State {
    Open,
    UploadComplete,
    InProgress,
    JobComplete,
    Failed,
    Aborted,
}

impl State {
    pub fn has_ended(self) -> bool {
        matches!(self, Self::JobComplete | Self::Failed | Self::Aborted)
    }
}

/// A job, as far as it is used.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Job {
    pub id: String,
    pub state: State,
    #[serde(default)]
    pub error_message: Option<String>,
    #[serde(default)]
    pub number_records_processed: Option<u64>,
    #[serde(default)]
    pub number_records_failed: Option<u64>,
}

impl Job {
    /// Why it did not end well. Many causes go without a message.
    pub fn failure(&self) -> VendorError {
        let message = self.error_message.as_deref().filter(|message| !message.is_empty());
        // What is wrong with the columns is a matter of names and permissions, and stays wrong.
        let names = message.is_some_and(|message| message.contains("Field name not found") || message.contains("INVALID_FIELD"));
        let (class, code) = if names { (Class::Configuration, "INVALID_FIELD") } else { (Class::Retry, "bulk_job") };
        let told = message.unwrap_or("Salesforce does not say why");
        VendorError::new(
            class,
            code,
            format!("bulk job {} ended as {:?}: {told}", self.id, self.state),
            if names {
                "the field was renamed, removed, or is hidden from our user: check the mapping and field-level security"
            } else {
                "nothing to do: the rows are tried again; if it stays, look at the job under Setup, Bulk Data Load Jobs"
            },
        )
    }
}

impl Salesforce {
    pub(super) fn job_path(&self, kind: Kind, id: &str) -> Result<String, VendorError> {
        Ok(format!("{}/{}/{}", self.root, kind.path(), soql::name_of_id(id)?))
    }

    pub(super) async fn make_job(&self, kind: Kind, what: Value, priority: Priority) -> Result<Job, VendorError> {
        self.client.call("bulk_job", priority, Call::post(format!("{}/{}", self.root, kind.path()), what)).await?.json()
    }

    /// How a job stands.
    pub(super) async fn job(&self, kind: Kind, id: &str, priority: Priority) -> Result<Job, VendorError> {
        self.client.call("bulk_state", priority, Call::get(self.job_path(kind, id)?)).await?.json()
    }

    /// Moves a job on, or ends it.
    pub(super) async fn set_state(&self, kind: Kind, id: &str, state: &str, priority: Priority) -> Result<Job, VendorError> {
        self.client.call("bulk_job", priority, Call::patch(self.job_path(kind, id)?, json!({"state": state}))).await?.json()
    }

    /// Asks how a job stands, ever more rarely, until it has ended or `times` questions were asked. `asked` counts the questions.
    pub(super) async fn watch(&self, kind: Kind, id: &str, asked: &mut u32, times: u32, priority: Priority) -> Result<Job, VendorError> {
        let mut unanswered = 0;
        let mut left = times;
        loop {
            self.client.sleep(pause(*asked)).await;
            *asked += 1;
            left = left.saturating_sub(1);
            match self.job(kind, id, priority).await {
                Ok(job) if job.state.has_ended() || left == 0 => return Ok(job),
                Ok(_) => unanswered = 0,
                // The job does not depend on our hearing of it.
                Err(error) if error.class == Class::Retry && unanswered < UNANSWERED_MAX => unanswered += 1,
                Err(error) => return Err(error),
            }
        }
    }
}
