//! Pipelines and their stages.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};

use super::call::Call;
use super::kinds::{DEALS, LEADS, TICKETS};
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;

/// The stamp of everything that HubSpot made itself.
const BORN: &str = "1970-01-01T00:00:00Z";

/// One stage.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub(crate) id: String,
    label: String,
    /// Texts, numbers and truth values included.
    metadata: BTreeMap<String, String>,
    /// How far a lead in it has come; nothing for other records.
    category: &'static str,
}

impl Stage {
    pub(crate) fn meta(&self, name: &str) -> Option<&str> {
        self.metadata.get(name).map(String::as_str)
    }

    /// How far a lead in it has come.
    pub(crate) fn category(&self) -> &'static str {
        self.category
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.meta("isClosed") == Some("true") || self.meta("ticketState") == Some("CLOSED")
    }
}

/// One pipeline.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    pub(crate) id: String,
    label: String,
    pub(crate) stages: Vec<Stage>,
}

fn deal_stage(id: &str, label: &str, probability: &str, closed: bool) -> Stage {
    let metadata = [("isClosed", closed.to_string()), ("probability", probability.to_owned())];
    Stage {
        id: id.to_owned(),
        label: label.to_owned(),
        metadata: metadata.map(|(key, value)| (key.to_owned(), value)).into(),
        category: "",
    }
}

fn ticket_stage(id: &str, label: &str, state: &str) -> Stage {
    Stage { id: id.to_owned(), label: label.to_owned(), metadata: [("ticketState".to_owned(), state.to_owned())].into(), category: "" }
}

fn lead_stage(id: &str, label: &str, category: &'static str) -> Stage {
    let closed = matches!(category, "QUALIFIED" | "UNQUALIFIED");
    Stage { id: id.to_owned(), label: label.to_owned(), metadata: [("isClosed".to_owned(), closed.to_string())].into(), category }
}

/// The pipelines of a fresh portal.
pub(crate) fn of_a_fresh_portal() -> BTreeMap<usize, Vec<Pipeline>> {
    let deals = vec![
        deal_stage("appointmentscheduled", "Appointment Scheduled", "0.2", false),
        deal_stage("qualifiedtobuy", "Qualified To Buy", "0.4", false),
        deal_stage("presentationscheduled", "Presentation Scheduled", "0.6", false),
        deal_stage("decisionmakerboughtin", "Decision Maker Bought-In", "0.8", false),
        deal_stage("contractsent", "Contract Sent", "0.9", false),
        deal_stage("closedwon", "Closed Won", "1.0", true),
        deal_stage("closedlost", "Closed Lost", "0.0", true),
    ];
    let tickets = vec![
        ticket_stage("1", "New", "OPEN"),
        ticket_stage("2", "Waiting on contact", "OPEN"),
        ticket_stage("3", "Waiting on us", "OPEN"),
        ticket_stage("4", "Closed", "CLOSED"),
    ];
    let leads = vec![
        lead_stage("new-stage-id", "New", "NEW"),
        lead_stage("attempting-stage-id", "Attempting", "IN_PROGRESS"),
        lead_stage("connected-stage-id", "Connected", "IN_PROGRESS"),
        lead_stage("qualified-stage-id", "Qualified", "QUALIFIED"),
        lead_stage("unqualified-stage-id", "Disqualified", "UNQUALIFIED"),
    ];
    BTreeMap::from([
        (LEADS, vec![Pipeline { id: "lead-pipeline-id".to_owned(), label: "Lead pipeline".to_owned(), stages: leads }]),
        (DEALS, vec![Pipeline { id: "default".to_owned(), label: "Sales Pipeline".to_owned(), stages: deals }]),
        (TICKETS, vec![Pipeline { id: "0".to_owned(), label: "Support Pipeline".to_owned(), stages: tickets }]),
    ])
}

fn stage_json(stage: &Stage, order: usize) -> Value {
    json!({
        "id": stage.id, "label": stage.label, "displayOrder": order, "metadata": stage.metadata, "createdAt": BORN, "updatedAt": BORN,
        "archived": false, "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
    })
}

fn pipeline_json(pipeline: &Pipeline, order: usize) -> Value {
    let stages: Vec<Value> = pipeline.stages.iter().enumerate().map(|(at, stage)| stage_json(stage, at)).collect();
    json!({
        "id": pipeline.id, "label": pipeline.label, "displayOrder": order, "stages": stages, "createdAt": BORN, "updatedAt": BORN,
        "archived": false,
    })
}

impl State {
    /// A stage of a pipeline of deals, tickets or leads.
    pub(crate) fn stage(&self, kind: usize, pipeline: &str, stage: &str) -> Option<&Stage> {
        let line = self.pipelines.get(&kind)?.iter().find(|line| line.id == pipeline)?;
        line.stages.iter().find(|known| known.id == stage)
    }

    /// `/pipelines/{type}/…`.
    pub(crate) fn pipeline_routes(&mut self, call: &Call, kind: usize, rest: &[&str]) -> Outcome {
        if call.method == Method::POST && rest.is_empty() {
            return self.add_pipeline(call, kind);
        }
        if call.method != Method::GET {
            return Err(Refusal::resource());
        }
        let lines = self.pipelines.get(&kind).map(Vec::as_slice).unwrap_or_default();
        let line = |id: &str| lines.iter().enumerate().find(|(_, line)| line.id == id).ok_or_else(Refusal::resource);
        match rest {
            [] => {
                Ok(Answer::ok(json!({"results": lines.iter().enumerate().map(|(at, line)| pipeline_json(line, at)).collect::<Vec<_>>()})))
            }
            [id] => line(id).map(|(at, line)| Answer::ok(pipeline_json(line, at))),
            [id, "stages"] => {
                let (_, line) = line(id)?;
                Ok(Answer::ok(
                    json!({"results": line.stages.iter().enumerate().map(|(at, stage)| stage_json(stage, at)).collect::<Vec<_>>()}),
                ))
            }
            [id, "stages", stage] => {
                let (_, line) = line(id)?;
                let found = line.stages.iter().enumerate().find(|(_, known)| known.id == *stage).ok_or_else(Refusal::resource)?;
                Ok(Answer::ok(stage_json(found.1, found.0)))
            }
            _ => Err(Refusal::resource()),
        }
    }

    fn add_pipeline(&mut self, call: &Call, kind: usize) -> Outcome {
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let label = text(&call.body["label"]).ok_or_else(|| Refusal::validation("label is required"))?;
        let wanted =
            call.body["stages"].as_array().filter(|list| !list.is_empty()).ok_or_else(|| Refusal::validation("stages are required"))?;
        let mut stages = Vec::new();
        for stage in wanted {
            let label = text(&stage["label"]).ok_or_else(|| Refusal::validation("every stage needs a label"))?;
            let metadata: BTreeMap<String, String> = stage["metadata"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, value)| (key.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
                .collect();
            let id = text(&stage["stageId"]).unwrap_or_else(|| self.next_id().to_string());
            // Whoever adds a stage of leads says how far they have come in it.
            let category = match metadata.get("category").map(String::as_str) {
                Some("QUALIFIED") => "QUALIFIED",
                Some("UNQUALIFIED") => "UNQUALIFIED",
                Some("NEW") => "NEW",
                _ => "IN_PROGRESS",
            };
            stages.push(Stage { id, label, metadata, category });
        }
        let id = text(&call.body["pipelineId"]).unwrap_or_else(|| self.next_id().to_string());
        let pipeline = Pipeline { id, label, stages };
        let lines = self.pipelines.entry(kind).or_default();
        lines.push(pipeline.clone());
        Ok(Answer::created(pipeline_json(&pipeline, lines.len() - 1)))
    }
}
