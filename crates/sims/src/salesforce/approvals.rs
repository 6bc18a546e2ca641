//! Approvals of records: what is submitted is locked until somebody has decided on it.

use serde_json::{Map, Value, json};

use super::State;
use super::actions::Approval;
use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::org::{Actor, Org};
use super::wire::Call;

impl Org {
    /// Refuses a change of a record that somebody else decides on.
    pub fn refuse_locked(&self, id: SfId, actor: &Actor) -> Outcome<()> {
        match self.locks.get(&id) {
            Some(approver) if !actor.trusted && *approver != actor.user => {
                Err(Fail::bad("ENTITY_IS_LOCKED", "This record is locked. If you need to edit it, contact your admin."))
            }
            _ => Ok(()),
        }
    }

    /// A row of the platform's own books.
    fn book(&mut self, object: &str, fields: Value) -> Outcome<SfId> {
        let by = SfId::new(*b"005", self.pod, 0);
        let actor = Actor { user: by, allow_duplicates: true, trusted: true };
        self.insert_named(object, fields.as_object().unwrap_or(&Map::new()), &actor)
    }

    /// Writes an approval process into the books.
    pub fn define_process(&mut self, object: &str, name: &str) -> Outcome<SfId> {
        self.book("ProcessDefinition", json!({"Name": name, "DeveloperName": name, "TableEnumOrId": object, "State": "Active"}))
    }

    fn end_instance(&mut self, instance: SfId, item: SfId, status: &str) -> Outcome<()> {
        let actor = Actor { user: SfId::new(*b"005", self.pod, 0), allow_duplicates: true, trusted: true };
        let fields = Map::from_iter([("Status".to_owned(), Value::from(status))]);
        self.update_id(instance, &fields, &actor)?;
        if let Some(table) = self.table_of(item) {
            self.destroy(table, item, &actor)?;
        }
        Ok(())
    }
}

/// One request of `POST /process/approvals`.
pub(crate) fn decide(state: &mut State, call: &Call, request: &Value) -> Outcome<Value> {
    let context = request["contextId"].as_str().and_then(SfId::parse);
    let context = context.ok_or_else(|| Fail::on("MALFORMED_ID", "contextId", "contextId is no id"))?;
    match request["actionType"].as_str() {
        Some("Submit") => submit(state, call, context, request),
        Some(action @ ("Approve" | "Reject" | "Removed")) => {
            let unknown = || Fail::on("INVALID_CROSS_REFERENCE_KEY", "contextId", "there is no such work item");
            let approval = state.actions.pending.remove(&context).ok_or_else(unknown)?;
            let status = match action {
                "Approve" => "Approved",
                "Reject" => "Rejected",
                _ => "Removed",
            };
            state.org.end_instance(approval.instance, context, status)?;
            state.org.locks.remove(&approval.record);
            Ok(shown(&[], &approval, status, &[]))
        }
        _ => Err(Fail::bad("INVALID_OPERATION", "actionType must be Submit, Approve, Reject or Removed")),
    }
}

fn submit(state: &mut State, call: &Call, context: SfId, request: &Value) -> Outcome<Value> {
    let (table, ord) = state.org.locate(context).ok_or_else(|| Fail::bad("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"))?;
    if !state.org.tables[table].row(ord).is_some_and(super::table::Row::live) {
        return Err(Fail::deleted());
    }
    let object = state.org.tables[table].name.clone();
    let wanted = request["processDefinitionNameOrId"].as_str();
    let fits = |(of, name, id): &&(String, String, SfId)| *of == object && wanted.is_none_or(|w| w == name || w == id.as_str());
    let Some((_, _, process)) = state.actions.processes.iter().find(fits) else {
        return Err(Fail::bad("NO_APPLICABLE_PROCESS", "No applicable approval process was found."));
    };
    let process = *process;
    if state.actions.pending.values().any(|approval| approval.record == context) {
        return Err(Fail::bad("ALREADY_IN_PROCESS", "Cannot submit object already in process."));
    }
    let approver = request["nextApproverIds"][0].as_str().and_then(SfId::parse).unwrap_or(call.user);
    let org = &mut state.org;
    let instance = org.book(
        "ProcessInstance",
        json!({"ProcessDefinitionId": process.as_str(), "TargetObjectId": context.as_str(), "Status": "Pending", "SubmittedById": call.user.as_str()}),
    )?;
    let item = org.book(
        "ProcessInstanceWorkitem",
        json!({"ProcessInstanceId": instance.as_str(), "ActorId": approver.as_str(), "OriginalActorId": approver.as_str()}),
    )?;
    org.locks.insert(context, approver);
    let approval = Approval { instance, record: context };
    let answer = shown(&[approver], &approval, "Pending", &[item]);
    state.actions.pending.insert(item, approval);
    Ok(answer)
}

fn shown(actors: &[SfId], approval: &Approval, status: &str, items: &[SfId]) -> Value {
    let text = |ids: &[SfId]| ids.iter().map(|id| json!(id.as_str())).collect::<Vec<Value>>();
    json!({"actorIds": text(actors), "entityId": approval.record.as_str(), "errors": null, "instanceId": approval.instance.as_str(),
        "instanceStatus": status, "newWorkitemIds": text(items), "success": true})
}
