//! Approvals: rows are submitted, and what waits is approved, rejected or recalled. A row is locked meanwhile.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::map::parse_instant;
use super::wire::{ErrorItem, QueryKind, Record, member, text};
use super::{Salesforce, ids, refusal, soql};
use crate::action::{Acted, Action, Offer, Target, Waiting};
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::Call;

/// `POST /process/approvals`, one for each request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    success: bool,
    instance_status: Option<String>,
    actor_ids: Option<Vec<String>>,
    errors: Option<Vec<ErrorItem>>,
}

/// What waits for somebody: the work item, and whose it is.
const ITEMS: &str = "SELECT Id,ActorId,CreatedDate,ProcessInstance.ProcessDefinition.Name FROM ProcessInstanceWorkitem \
                     WHERE ProcessInstance.Status = 'Pending' AND ProcessInstance.TargetObjectId = ";

impl Salesforce {
    /// The approval processes there are.
    pub(super) async fn approval_processes(&self, priority: Priority) -> Result<Vec<Offer>, VendorError> {
        let answer: Value = self.client.call("approvals", priority, Call::get(format!("{}/process/approvals", self.root))).await?.json()?;
        let mut offers = Vec::new();
        for (object, processes) in answer["approvals"].as_object().into_iter().flatten() {
            for process in processes.as_array().into_iter().flatten() {
                let Some(name) = process["name"].as_str() else { continue };
                let label = process["description"].as_str().unwrap_or(name).to_owned();
                offers.push(Offer { kind: "approval", object: Some(object.clone()), name: name.to_owned(), label });
            }
        }
        Ok(offers)
    }

    async fn items(&self, id: &str, priority: Priority) -> Result<Vec<Record>, VendorError> {
        let id = soql::name_of_id(id)?;
        self.query(QueryKind::Live, &format!("{ITEMS}{}", soql::literal(id)), priority).await
    }

    /// See [`Connector::waiting`](crate::connector::Connector::waiting).
    pub(super) async fn waiting_approvals(&self, target: &Target, priority: Priority) -> Result<Vec<Waiting>, VendorError> {
        let of = |item: &Record| Waiting {
            process: process_name(item).unwrap_or_default(),
            user: text(item, "ActorId").map(|id| ids::to_18(&id)).unwrap_or_default(),
            since: text(item, "CreatedDate").as_deref().and_then(parse_instant),
        };
        Ok(self.items(&target.id, priority).await?.iter().map(of).collect())
    }

    /// Submits a row, or decides what waits for a decision on it.
    pub(super) async fn decide_approval(&self, target: &Target, action: &Action, priority: Priority) -> Result<Acted, VendorError> {
        let row = soql::name_of_id(&target.id)?;
        let mut request = match action {
            Action::Submit { process, comment, .. } => {
                let mut request = json!({"actionType": "Submit", "contextId": row, "comments": comment});
                if let Some(process) = process {
                    request["processDefinitionNameOrId"] = json!(process);
                }
                request
            }
            Action::Approve { comment, .. } => json!({"actionType": "Approve", "comments": comment}),
            Action::Reject { comment } => json!({"actionType": "Reject", "comments": comment}),
            // The word of the vendor's other APIs; its documentation of REST does not list it.
            Action::Recall { comment } => json!({"actionType": "Removed", "comments": comment}),
            Action::Run { .. } => return Err(nothing_waits()),
        };
        if !matches!(action, Action::Submit { .. }) {
            let items = self.items(row, priority).await?;
            let item = items.iter().find_map(|item| text(item, "Id")).ok_or_else(nothing_waits)?;
            request["contextId"] = json!(item);
        }
        if let Action::Submit { approvers, .. } | Action::Approve { approvers, .. } = action
            && !approvers.is_empty()
        {
            request["nextApproverIds"] = json!(self.users(approvers, priority).await?);
        }
        let call = Call::post(format!("{}/process/approvals", self.root), json!({"requests": [request]}));
        let answer = self.client.call("approvals", priority, call).await?;
        let outcomes: Vec<Outcome> = answer.json()?;
        let Some(outcome) = outcomes.into_iter().next() else { return Err(unanswered()) };
        if !outcome.success {
            return Err(refusal::row(&outcome.errors.unwrap_or_default(), &answer, self.client.now()));
        }
        Ok(Acted {
            status: outcome.instance_status.unwrap_or_default(),
            waits_for: outcome.actor_ids.unwrap_or_default().iter().map(|id| ids::to_18(id)).collect(),
            ..Acted::default()
        })
    }

    /// Ids of users by id, user name or address of e-mail.
    async fn users(&self, named: &[String], priority: Priority) -> Result<Vec<String>, VendorError> {
        let unknown: Vec<&String> = named.iter().filter(|name| !ids::is_id(name)).collect();
        let mut found: BTreeMap<String, String> = BTreeMap::new();
        if !unknown.is_empty() {
            let list = soql::list(&unknown);
            let query = format!("SELECT Id,Username,Email FROM User WHERE IsActive = true AND (Username IN {list} OR Email IN {list})");
            for user in self.query(QueryKind::Live, &query, priority).await? {
                for field in ["Email", "Username"] {
                    if let (Some(name), Some(id)) = (text(&user, field), text(&user, "Id")) {
                        found.insert(name.to_lowercase(), ids::to_18(&id));
                    }
                }
            }
        }
        let of = |name: &String| {
            if ids::is_id(name) {
                return Ok(ids::to_18(name));
            }
            found.get(&name.to_lowercase()).cloned().ok_or_else(|| {
                VendorError::new(
                    Class::Data,
                    "unknown_approver",
                    format!("no active user of the org is called `{name}`"),
                    "name an approver by user name, address of e-mail or id",
                )
            })
        };
        named.iter().map(of).collect()
    }

    /// Says of locked rows why they are: which approval they are in, and since when. An answer that does not come leaves the refusal as it is.
    pub(super) async fn explain_locks(&self, locked: &[String], priority: Priority) -> BTreeMap<String, String> {
        let query = format!(
            "SELECT TargetObjectId,CreatedDate,ProcessDefinition.Name FROM ProcessInstance WHERE Status = 'Pending' AND TargetObjectId IN {}",
            soql::list(locked)
        );
        match self.query(QueryKind::Live, &query, priority).await {
            Ok(instances) => instances
                .iter()
                .filter_map(|instance| {
                    let process = member(instance, "ProcessDefinition").and_then(Value::as_object).and_then(|found| text(found, "Name"));
                    let process = process.map(|name| format!(" \u{201c}{name}\u{201d}")).unwrap_or_default();
                    let since = text(instance, "CreatedDate").as_deref().and_then(parse_instant).map(|at| format!(" since {at}"));
                    let why = format!("it is in approval{process}{}", since.unwrap_or_default());
                    Some((ids::to_18(&text(instance, "TargetObjectId")?), why))
                })
                .collect(),
            Err(error) => {
                tracing::debug!(connection = %self.client.settings().name, %error, "why rows are locked could not be read");
                BTreeMap::new()
            }
        }
    }
}

fn process_name(item: &Record) -> Option<String> {
    let instance = member(item, "ProcessInstance")?.as_object()?;
    text(member(instance, "ProcessDefinition")?.as_object()?, "Name")
}

fn nothing_waits() -> VendorError {
    VendorError::new(
        Class::Data,
        "nothing_waits",
        "no approval of this row waits for anybody",
        "submit it first, or look at its approval history in Salesforce",
    )
}

fn unanswered() -> VendorError {
    VendorError::new(
        Class::Retry,
        "unreadable",
        "Salesforce did not say what became of the approval",
        "look at the row's approval history before it is asked for again",
    )
}
