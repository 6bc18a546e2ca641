//! Pipelines, stages, and other short lists. What was never changed has no stamp of a change.

use serde_json::{Value, json};

use super::call::{Call, cursor_text};
use super::moment::{fine, iso, old};
use super::refusal::{Answer, Outcome, Refusal};
use super::state::State;

/// A pipeline.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) added_ms: i64,
    pub(crate) updated_ms: Option<i64>,
}

/// A stage of a pipeline.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) pipeline: u64,
    pub(crate) order: u64,
    pub(crate) added_ms: i64,
    pub(crate) updated_ms: Option<i64>,
}

/// Labels of leads: id, name, colour.
const LEAD_LABELS: &[(&str, &str, &str)] = &[
    ("f08b42a0-4e75-11ea-9643-03698ef1cfd6", "Hot", "red"),
    ("f08b42a1-4e75-11ea-9643-03698ef1cfd6", "Warm", "yellow"),
    ("f08b69b0-4e75-11ea-9643-03698ef1cfd6", "Cold", "blue"),
];

/// Types of activities: key and name.
const ACTIVITY_TYPES: &[(&str, &str)] =
    &[("call", "Call"), ("meeting", "Meeting"), ("task", "Task"), ("deadline", "Deadline"), ("email", "Email"), ("lunch", "Lunch")];

/// One pipeline with its stages.
pub(crate) fn of_a_fresh_company(now_ms: i64) -> (Vec<Pipeline>, Vec<Stage>) {
    let names = ["Qualified", "Contact Made", "Prospect Qualified", "Needs Defined", "Proposal Made", "Negotiations Started"];
    let stage = |(at, name): (usize, &&str)| Stage {
        id: at as u64 + 1,
        name: (*name).to_owned(),
        pipeline: 1,
        order: at as u64 + 1,
        added_ms: now_ms,
        updated_ms: None,
    };
    let pipeline = Pipeline { id: 1, name: "Pipeline".to_owned(), added_ms: now_ms, updated_ms: None };
    (vec![pipeline], names.iter().enumerate().map(stage).collect())
}

fn page(call: &Call, all: &[Value]) -> Outcome {
    let (from, limit) = (call.cursor()?, call.limit(100, 500)?);
    let rows: Vec<Value> = all.iter().skip(from).take(limit).cloned().collect();
    let next = (from + rows.len() < all.len()).then(|| cursor_text(from + rows.len()));
    Ok(Answer::list(Value::from(rows), json!({"next_cursor": next})))
}

impl State {
    fn shown_pipeline(pipeline: &Pipeline) -> Value {
        json!({
            "id": pipeline.id, "name": pipeline.name, "order_nr": pipeline.id, "is_deleted": false, "is_deal_probability_enabled": false,
            "add_time": iso(pipeline.added_ms), "update_time": pipeline.updated_ms.map(iso),
        })
    }

    fn shown_stage(stage: &Stage) -> Value {
        json!({
            "id": stage.id, "order_nr": stage.order, "name": stage.name, "is_deleted": false, "deal_probability": 100, "pipeline_id": stage.pipeline,
            "is_deal_rot_enabled": false, "days_to_rotten": null, "add_time": iso(stage.added_ms), "update_time": stage.updated_ms.map(iso),
        })
    }

    /// `/api/v2/pipelines/…`.
    pub(crate) fn pipeline_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        let name = call.body["name"].as_str().map(str::to_owned);
        match (call.method.as_str(), rest) {
            ("GET", []) => page(call, &self.pipelines.iter().map(Self::shown_pipeline).collect::<Vec<_>>()),
            ("POST", []) => {
                let name = name.ok_or_else(|| Refusal::flaw("name", "is required"))?;
                let id = self.pipelines.iter().map(|pipeline| pipeline.id).max().unwrap_or(0) + 1;
                let made = Pipeline { id, name, added_ms: self.now_ms, updated_ms: None };
                self.pipelines.push(made.clone());
                Ok(Answer::data(Self::shown_pipeline(&made)))
            }
            (verb, [id]) => {
                let now = self.now_ms;
                let found = self
                    .pipelines
                    .iter_mut()
                    .find(|pipeline| pipeline.id.to_string() == *id)
                    .ok_or_else(|| Refusal::missing("pipeline"))?;
                if verb == "PATCH" {
                    found.name = name.unwrap_or_else(|| found.name.clone());
                    found.updated_ms = Some(now);
                } else if verb != "GET" {
                    return Err(Refusal::route());
                }
                Ok(Answer::data(Self::shown_pipeline(found)))
            }
            _ => Err(Refusal::route()),
        }
    }

    /// `/api/v2/stages/…`.
    pub(crate) fn stage_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        let name = call.body["name"].as_str().map(str::to_owned);
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                let pipeline = call.number("pipeline_id")?;
                let fitting = self.stages.iter().filter(|stage| pipeline.is_none_or(|pipeline| stage.pipeline == pipeline));
                page(call, &fitting.map(Self::shown_stage).collect::<Vec<_>>())
            }
            ("POST", []) => {
                let name = name.ok_or_else(|| Refusal::flaw("name", "is required"))?;
                let pipeline = call.body["pipeline_id"].as_u64().filter(|id| self.pipelines.iter().any(|known| known.id == *id));
                let pipeline = pipeline.ok_or_else(|| Refusal::flaw("pipeline_id", "pipeline not found"))?;
                let id = self.stages.iter().map(|stage| stage.id).max().unwrap_or(0) + 1;
                let order = self.stages.iter().filter(|stage| stage.pipeline == pipeline).count() as u64 + 1;
                let made = Stage { id, name, pipeline, order, added_ms: self.now_ms, updated_ms: None };
                self.stages.push(made.clone());
                Ok(Answer::data(Self::shown_stage(&made)))
            }
            (verb, [id]) => {
                let now = self.now_ms;
                let at = self.stages.iter().position(|stage| stage.id.to_string() == *id).ok_or_else(|| Refusal::missing("stage"))?;
                if verb == "PATCH" {
                    let pipeline = self.stages[at].pipeline;
                    if let Some(name) = name {
                        self.stages[at].name = name;
                    }
                    // Its siblings share the stamp.
                    self.stages.iter_mut().filter(|stage| stage.pipeline == pipeline).for_each(|stage| stage.updated_ms = Some(now));
                } else if verb != "GET" {
                    return Err(Refusal::route());
                }
                Ok(Answer::data(Self::shown_stage(&self.stages[at])))
            }
            _ => Err(Refusal::route()),
        }
    }

    /// `/v1/leadLabels`.
    pub(crate) fn lead_labels(&self) -> Outcome {
        let at = fine(self.options.founded_ms);
        let shown =
            |(id, name, color): &(&str, &str, &str)| json!({"id": id, "name": name, "color": color, "add_time": at, "update_time": at});
        Ok(Answer::data(LEAD_LABELS.iter().map(shown).collect()))
    }

    /// `/v1/activityTypes`.
    pub(crate) fn activity_types(&self) -> Outcome {
        let at = old(self.options.founded_ms);
        let shown = |(order, (key, name)): (usize, &(&str, &str))| {
            json!({"id": order + 1, "name": name, "icon_key": key, "color": "FFFFFF", "order_nr": order + 1, "key_string": key, "active_flag": true,
                   "is_custom_flag": false, "add_time": at, "update_time": at})
        };
        Ok(Answer::data(ACTIVITY_TYPES.iter().enumerate().map(shown).collect()))
    }

    /// Whether an activity can be of that type.
    pub(crate) fn is_activity_type(key: &str) -> bool {
        ACTIVITY_TYPES.iter().any(|(known, _)| *known == key)
    }
}
