//! Flows that start when they are asked for (autolaunched ones), over the actions of the REST API.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::wire::ErrorItem;
use super::{Salesforce, refusal, soql};
use crate::action::{Acted, Offer, Target};
use crate::connector::Priority;
use crate::error::{Class, VendorError};
use crate::transport::call::Call;

/// Name of the input that a row's id goes into, where the flow has one of this name.
const ROW: &str = "recordId";

/// One result of a run.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    is_success: bool,
    errors: Option<Vec<ErrorItem>>,
    output_values: Option<Map<String, Value>>,
}

impl Salesforce {
    /// The flows that can be started.
    pub(super) async fn flows(&self, priority: Priority) -> Result<Vec<Offer>, VendorError> {
        let answer: Value = self.client.call("flows", priority, Call::get(format!("{}/actions/custom/flow", self.root))).await?.json()?;
        let flows = answer["actions"].as_array().into_iter().flatten();
        Ok(flows
            .filter_map(|flow| {
                let name = flow["name"].as_str()?.to_owned();
                Some(Offer { kind: "flow", object: None, label: flow["label"].as_str().unwrap_or(&name).to_owned(), name })
            })
            .collect())
    }

    /// Runs a flow; the row goes in as `recordId` where the flow asks for it.
    pub(super) async fn run_flow(
        &self,
        target: Option<&Target>,
        flow: &str,
        inputs: &Map<String, Value>,
        priority: Priority,
    ) -> Result<Acted, VendorError> {
        let path = format!("{}/actions/custom/flow/{}", self.root, soql::name(flow)?);
        let mut inputs = inputs.clone();
        if let Some(target) = target.filter(|_| !inputs.contains_key(ROW)) {
            let known: Value =
                self.client.call("flows", priority, Call::get(path.clone())).await.map_err(|error| missing(flow, error))?.json()?;
            if known["inputs"].as_array().into_iter().flatten().any(|input| input["name"] == ROW) {
                inputs.insert(ROW.to_owned(), Value::from(target.id.as_str()));
            }
        }
        let call = Call::post(path, json!({"inputs": [inputs]})).accept(&[400]);
        let answer = self.client.call("flows", priority, call).await.map_err(|error| missing(flow, error))?;
        let Ok(outcomes) = serde_json::from_slice::<Vec<Outcome>>(&answer.body) else {
            return Err(refusal::whole_call(&answer, self.client.now()));
        };
        let Some(outcome) = outcomes.into_iter().next() else {
            return Err(VendorError::new(
                Class::Retry,
                "unreadable",
                format!("Salesforce did not say what became of the flow `{flow}`"),
                "look at what the flow was to do before it is run again",
            ));
        };
        if !outcome.is_success {
            let said = refusal::row(&outcome.errors.unwrap_or_default(), &answer, self.client.now());
            // Whatever the flow stumbled over: it was started by a person, who decides whether to start it again.
            return Err(VendorError {
                class: Class::Data,
                message: format!("flow `{flow}`: {}", said.message),
                advice: "show the message to the flow's admin (Setup, Flows; failed runs are under Paused and Failed Flow Interviews)",
                ..said
            });
        }
        let mut outputs = outcome.output_values.unwrap_or_default();
        let status = outputs.remove("Flow__InterviewStatus").and_then(|status| status.as_str().map(str::to_owned)).unwrap_or_default();
        outputs.remove("Flow__InterviewGuid");
        Ok(Acted { status, outputs, ..Acted::default() })
    }
}

fn missing(flow: &str, error: VendorError) -> VendorError {
    if error.code != "NOT_FOUND" {
        return error;
    }
    VendorError {
        class: Class::Data,
        message: format!("there is no active autolaunched flow `{flow}`"),
        advice: "name it by its API name; `entente actions list` shows those there are",
        ..error
    }
}
