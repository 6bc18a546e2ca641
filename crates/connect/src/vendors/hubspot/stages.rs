//! Stages of pipelines. A record holds the id of its stage, which people of the account have given a name that differs from account to
//! account; so the name is looked up. Of leads, how far they have come is told as well, by whatever the account's leads say of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use entente_model::clock::Timestamp;
use serde_json::Value;

use super::HubSpot;
use super::refusal::misfit;
use super::wire::{Listed, Record, id_text};
use crate::connector::Priority;
use crate::error::VendorError;
use crate::transport::call::Call;

/// Prefix of the flattened names of what is known of a stage.
pub(crate) const PREFIX: &str = "stage.";
/// The name of a record's stage.
pub(crate) const NAME: &str = "stage.name";
/// How far a lead has come: one of [`STATES`].
pub(crate) const STATE: &str = "stage.state";
/// Every word of [`STATE`].
pub(crate) const STATES: [&str; 4] = ["NEW", "IN_PROGRESS", "QUALIFIED", "DISQUALIFIED"];

/// Objects that go through stages, with the property that holds the stage's id.
const STAGED: &[(&str, &str)] = &[("deals", "dealstage"), ("tickets", "hs_pipeline_stage"), ("leads", "hs_pipeline_stage")];

/// What tells of a lead how far it has come. The documentation names none of them, and accounts differ in which they have, so all are asked
/// for: HubSpot passes over what it does not know.
const CATEGORIES: [&str; 2] = ["hs_pipeline_stage_category_v2", "hs_pipeline_stage_category"];
/// Truth values that tell the same, with the word that each stands for.
const MARKS: [(&str, &str); 4] = [
    ("hs_lead_is_disqualified", "DISQUALIFIED"),
    ("hs_lead_is_qualified", "QUALIFIED"),
    ("hs_lead_is_in_progress", "IN_PROGRESS"),
    ("hs_lead_is_new", "NEW"),
];
/// The stages that every account's leads begin with; stages that people add have numbers.
const USUAL: [(&str, &str); 5] = [
    ("new-stage-id", "NEW"),
    ("attempting-stage-id", "IN_PROGRESS"),
    ("connected-stage-id", "IN_PROGRESS"),
    ("qualified-stage-id", "QUALIFIED"),
    ("unqualified-stage-id", "DISQUALIFIED"),
];

/// How long names are believed.
const BELIEF: Duration = Duration::from_secs(3_600);
/// How long they are believed when one is missing: somebody may have added the stage just now.
const BELIEF_IN_DOUBT: Duration = Duration::from_secs(60);

/// Names of stages by id.
pub(crate) type Names = BTreeMap<String, String>;

/// Names as they were last read, by object.
#[derive(Debug, Default)]
pub(crate) struct Stages(tokio::sync::Mutex<BTreeMap<String, (Timestamp, Arc<Names>)>>);

impl Stages {
    /// The next read that shows one asks for them anew.
    pub async fn forget(&self) {
        self.0.lock().await.clear();
    }
}

/// The property that holds the id of the stage of an object's rows, where they have one.
pub(crate) fn property(object: &str) -> Option<&'static str> {
    STAGED.iter().find(|(name, _)| *name == object).map(|(_, property)| *property)
}

/// Whether there is such a field of an object.
///
/// # Errors
/// `unknown_field` when there is none.
pub(crate) fn knows(object: &str, name: &str) -> Result<(), VendorError> {
    if name == NAME && property(object).is_some() || name == STATE && object == "leads" {
        return Ok(());
    }
    let message =
        format!("HubSpot's {object} have no `{name}`: deals, tickets and leads have `{NAME}`, and leads have `{STATE}` beside it");
    Err(misfit("unknown_field", message, "correct the line of the mapping").about(name))
}

/// Properties that a read of these fields needs.
pub(crate) fn needs(object: &str, fields: &[String]) -> Vec<&'static str> {
    let asked = |field: &str| fields.iter().any(|name| name == field);
    let mut names: Vec<&'static str> = property(object).into_iter().filter(|_| asked(NAME) || asked(STATE)).collect();
    if asked(STATE) {
        names.extend(CATEGORIES);
        names.extend(MARKS.map(|(name, _)| name));
    }
    names
}

/// How far a lead has come; null where nothing tells.
pub(crate) fn state(record: &Record) -> Value {
    let category = CATEGORIES.iter().find_map(|name| record.text(name)).map(|text| match text.trim().to_uppercase().as_str() {
        "UNQUALIFIED" => "DISQUALIFIED".to_owned(),
        other => other.replace([' ', '-'], "_"),
    });
    let marked = || MARKS.iter().find(|(name, _)| record.text(name) == Some("true")).map(|(_, state)| *state);
    let usual = || {
        let id = property("leads").and_then(|name| record.text(name))?;
        USUAL.iter().find(|(known, _)| *known == id).map(|(_, state)| *state)
    };
    let known = category.and_then(|category| STATES.into_iter().find(|state| *state == category));
    known.or_else(marked).or_else(usual).map_or(Value::Null, Value::from)
}

impl HubSpot {
    /// Names of an object's stages, those of `wanted` among them unless HubSpot does not know them.
    pub(super) async fn stage_names(&self, object: &str, wanted: &[&str], priority: Priority) -> Result<Arc<Names>, VendorError> {
        let mut held = self.stages.0.lock().await;
        if let Some((at, known)) = held.get(object) {
            let age = Duration::try_from(self.client.now().duration_since(*at)).unwrap_or(Duration::ZERO);
            let whole = wanted.iter().all(|id| known.contains_key(*id));
            if age < if whole { BELIEF } else { BELIEF_IN_DOUBT } {
                return Ok(Arc::clone(known));
            }
        }
        let listed: Listed = self.client.call("pipelines", priority, Call::get(self.paths.pipelines(object))).await?.json()?;
        let stages = listed.results.iter().flat_map(|pipeline| pipeline["stages"].as_array().into_iter().flatten());
        let names = stages.filter_map(|stage| Some((id_text(&stage["id"])?, stage["label"].as_str()?.trim().to_owned())));
        let known: Arc<Names> = Arc::new(names.collect());
        held.insert(object.to_owned(), (self.client.now(), Arc::clone(&known)));
        Ok(known)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(properties: Value) -> Value {
        state(&serde_json::from_value(json!({"id": "1", "properties": properties})).expect("record"))
    }

    #[test]
    fn whatever_an_account_says_of_its_leads_is_understood() {
        assert_eq!(told(json!({"hs_pipeline_stage_category_v2": "QUALIFIED", "hs_pipeline_stage": "17"})), "QUALIFIED");
        assert_eq!(told(json!({"hs_pipeline_stage_category": "unqualified"})), "DISQUALIFIED");
        assert_eq!(told(json!({"hs_pipeline_stage_category": "In progress"})), "IN_PROGRESS");
        assert_eq!(told(json!({"hs_lead_is_qualified": "true", "hs_lead_is_disqualified": "false"})), "QUALIFIED");
        assert_eq!(told(json!({"hs_pipeline_stage": "unqualified-stage-id"})), "DISQUALIFIED");
        assert_eq!(told(json!({"hs_pipeline_stage_category": "SOMETHING_NEW", "hs_lead_is_new": "true"})), "NEW");
        assert_eq!(told(json!({"hs_pipeline_stage": "1213103916"})), Value::Null, "a stage of which nothing tells is not guessed at");
    }

    #[test]
    fn only_what_goes_through_stages_has_one() {
        assert!(knows("deals", NAME).is_ok() && knows("leads", STATE).is_ok());
        assert!(knows("deals", STATE).is_err() && knows("contacts", NAME).is_err() && knows("leads", "stage.colour").is_err());
        assert!(needs("contacts", &[NAME.to_owned()]).is_empty());
        assert_eq!(needs("deals", &[NAME.to_owned()]), ["dealstage"]);
        assert!(needs("leads", &["hs_lead_name".to_owned()]).is_empty(), "nothing is asked for in vain");
    }
}
