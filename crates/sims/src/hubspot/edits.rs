//! The one place where records change: every write goes through here, is checked first, and is told to webhooks and listeners.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value, json};

use super::kinds::{COMPANIES, CONTACTS, DEALS, EMAILS, LEADS, TICKETS};
use super::record::{Hand, Record, Shadow};
use super::refusal::{Flaw, Refusal};
use super::state::State;
use super::values::{checked, text};
use super::{Action, WriteNotice};

/// Most addresses and ids that one record may go by.
const IDENTITIES_MAX: usize = 250;

/// Order of life-cycle stages: a record only moves on.
const STAGES: &[&str] =
    &["subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist", "other"];

/// Checked values of a write: text by property, empty to clear.
pub(crate) type Values = BTreeMap<String, String>;

impl State {
    /// Checks the properties of a write; `id` is the record it changes.
    ///
    /// # Errors
    /// The flaws of the properties, or the conflict with another record.
    pub(crate) fn check(&self, kind: usize, given: &Map<String, Value>, id: Option<u64>) -> Result<Values, Refusal> {
        let lenient = self.kinds[kind].lenient;
        let mut values = Values::new();
        let mut flaws = Vec::new();
        for (name, value) in given {
            let Some(value) = text(value) else { continue };
            let flaw = |code, message: String| Flaw { name: name.clone(), code, message };
            match self.property(kind, name) {
                None if lenient => {}
                None => flaws.push(flaw("PROPERTY_DOESNT_EXIST", format!("Property \"{name}\" does not exist"))),
                Some(property) if property.read_only || property.calculated => {
                    if !lenient {
                        flaws.push(flaw("READ_ONLY_VALUE", format!("\"{name}\" is a read only property; its value cannot be set.")));
                    }
                }
                Some(property) => match checked(property, &value) {
                    Ok(value) => {
                        values.insert(name.clone(), value);
                    }
                    Err(flaw) => flaws.push(flaw),
                },
            }
        }
        self.check_stage(kind, &values, id, &mut flaws);
        if let Some(owner) = values.get("hubspot_owner_id").filter(|owner| !owner.is_empty())
            && !self.owners.iter().any(|known| known.id == *owner && !known.archived)
        {
            let message = format!("Owner {owner} does not exist or is archived.");
            flaws.push(Flaw { name: "hubspot_owner_id".to_owned(), code: "INVALID_OWNER_ID", message });
        }
        if id.is_none() && flaws.is_empty() {
            match self.schemas.of(kind) {
                Some(schema) => flaws.extend(lacking(&schema.required, &values)),
                None => flaws.extend(missing(kind, &values)),
            }
        }
        if !flaws.is_empty() {
            return Err(Refusal::properties(&flaws, self.options.portal_id));
        }
        for (name, value) in values.iter().filter(|(name, value)| !value.is_empty() && self.is_unique(kind, name)) {
            let holder = self.unique.get(&(kind, name.clone())).and_then(|held| held.get(&value.to_lowercase()));
            if let Some(holder) = holder.filter(|holder| Some(**holder) != id) {
                let message = if name == "email" {
                    format!("Contact already exists. Existing ID: {holder}")
                } else {
                    format!("{} already has that value. Existing ID: {holder}. Property: {name}", holder)
                };
                return Err(Refusal::conflict(message));
            }
        }
        Ok(values)
    }

    /// A stage must be one of its pipeline.
    fn check_stage(&self, kind: usize, values: &Values, id: Option<u64>, flaws: &mut Vec<Flaw>) {
        let (pipeline, stage, usual) = match kind {
            DEALS => ("pipeline", "dealstage", "default"),
            TICKETS => ("hs_pipeline", "hs_pipeline_stage", "0"),
            LEADS => ("hs_pipeline", "hs_pipeline_stage", "lead-pipeline-id"),
            _ => return,
        };
        let Some(wanted) = values.get(stage).filter(|wanted| !wanted.is_empty()) else { return };
        let held = id.and_then(|id| self.live(kind, id)).and_then(|record| record.value(pipeline));
        let line = values.get(pipeline).map(String::as_str).filter(|line| !line.is_empty()).or(held).unwrap_or(usual);
        if self.stage(kind, line, wanted).is_none() {
            let message = format!("{wanted} was not one of the allowed options of pipeline {line}");
            flaws.push(Flaw { name: stage.to_owned(), code: "INVALID_OPTION", message });
        }
    }

    /// Makes a record of checked values.
    pub(crate) fn create(&mut self, kind: usize, mut values: Values, by: Hand) -> u64 {
        let id = self.next_id();
        match kind {
            CONTACTS => drop(values.entry("lifecyclestage".to_owned()).or_insert_with(|| "lead".to_owned())),
            COMPANIES => {
                if let Some(domain) = values.get("domain").cloned() {
                    values.entry("website".to_owned()).or_insert(domain);
                }
            }
            DEALS => drop(values.entry("pipeline".to_owned()).or_insert_with(|| "default".to_owned())),
            TICKETS => drop(values.entry("hs_pipeline".to_owned()).or_insert_with(|| "0".to_owned())),
            LEADS => {
                values.entry("hs_pipeline".to_owned()).or_insert_with(|| "lead-pipeline-id".to_owned());
                values.entry("hs_pipeline_stage".to_owned()).or_insert_with(|| "new-stage-id".to_owned());
            }
            _ => {}
        }
        let now = self.now_ms;
        let mut record = Record {
            kind,
            id,
            values: BTreeMap::new(),
            created_ms: now,
            updated_ms: now,
            archived_ms: None,
            created_by: by,
            updated_by: self.user_of(by),
            history: BTreeMap::new(),
            absorbed: Vec::new(),
            shadows: VecDeque::from([(now, None)]),
        };
        for (name, value) in values.iter().filter(|(_, value)| !value.is_empty()) {
            record.set(name, value.clone(), now, by);
        }
        self.claim(kind, id, &record.values.clone());
        self.records[kind].insert(id, record);
        self.tell(kind, id, "creation", by, json!({"changeFlag": "CREATED"}));
        for (name, value) in values.iter().filter(|(_, value)| !value.is_empty()) {
            self.tell_property(kind, id, name, value, by);
        }
        self.note(kind, id, Action::Created, values, by);
        self.journal_fitting(kind, id, &BTreeSet::new());
        id
    }

    /// Changes a live record. What does not differ changes nothing, not even the record's stamp.
    pub(crate) fn update(&mut self, kind: usize, id: u64, values: Values, by: Hand) {
        let (now, user) = (self.now_ms, self.user_of(by));
        let fitted = self.fitted(kind, id);
        let Some(record) = self.records[kind].get_mut(&id) else { return };
        let mut changed: Values = values.into_iter().filter(|(name, value)| record.value(name).unwrap_or_default() != value).collect();
        let rank = |stage: &str| STAGES.iter().position(|known| *known == stage);
        if let Some(next) = changed.get("lifecyclestage")
            && rank(next).is_some()
            && rank(next) < record.value("lifecyclestage").and_then(rank)
        {
            changed.remove("lifecyclestage");
        }
        if changed.is_empty() {
            return;
        }
        record.shadows.push_back((now, Some(Shadow { values: record.values.clone(), updated_ms: record.updated_ms })));
        let lag = i64::try_from(self.options.profile.index_lag_ms).unwrap_or(i64::MAX);
        record.shadows.retain(|(replaced, _)| replaced.saturating_add(lag) > now);
        let before = record.values.clone();
        for (name, value) in &changed {
            record.set(name, value.clone(), now, by);
        }
        record.updated_ms = now;
        record.updated_by = user.or(record.updated_by);
        let after = record.values.clone();
        self.release(kind, id, &before);
        self.claim(kind, id, &after);
        for (name, value) in &changed {
            self.tell_property(kind, id, name, value, by);
        }
        self.note(kind, id, Action::Updated, changed, by);
        self.journal_fitting(kind, id, &fitted);
    }

    /// Puts a live record into the recycle bin. Its stamp stays, and its unique values become free. Of an e-mail, nothing is kept.
    pub(crate) fn archive(&mut self, kind: usize, id: u64, by: Hand) {
        let now = self.now_ms;
        let Some(record) = self.records[kind].get_mut(&id).filter(|record| record.archived_ms.is_none()) else { return };
        record.archived_ms = Some(now);
        let values = record.values.clone();
        self.release(kind, id, &values);
        if kind == EMAILS {
            self.records[kind].remove(&id);
            self.links.forget(kind, id);
        }
        self.tell(kind, id, "deletion", by, json!({"changeFlag": "DELETED"}));
        self.note(kind, id, Action::Archived, Values::new(), by);
    }

    /// Takes a record out of the recycle bin.
    pub(crate) fn restore(&mut self, kind: usize, id: u64, by: Hand) {
        let Some(record) = self.records[kind].get_mut(&id).filter(|record| record.archived_ms.is_some()) else { return };
        record.archived_ms = None;
        let values = record.values.clone();
        self.claim(kind, id, &values);
        self.tell(kind, id, "restore", by, json!({"changeFlag": "RESTORED"}));
        self.note(kind, id, Action::Restored, Values::new(), by);
    }

    /// Merges one record into another; both ids lead to the survivor, which has a new id where the portal merges that way.
    ///
    /// # Errors
    /// When a record is missing or would go by too many identities.
    pub(crate) fn merge(&mut self, kind: usize, primary: u64, loser: u64, by: Hand) -> Result<u64, Refusal> {
        if !self.kinds[kind].merges {
            return Err(Refusal::validation(format!("{} cannot be merged", self.kinds[kind].name)));
        }
        let (Some(first), Some(second)) = (self.live(kind, primary).cloned(), self.live(kind, loser).cloned()) else {
            return Err(Refusal::missing(&[primary.to_string(), loser.to_string()]));
        };
        if primary == loser {
            return Err(Refusal::validation("Cannot merge a record into itself"));
        }
        if first.absorbed.len() + second.absorbed.len() + 2 > IDENTITIES_MAX {
            return Err(Refusal::new(414, "VALIDATION_ERROR", "Cannot have more than 250 identities on a profile"));
        }
        let now = self.now_ms;
        let survivor = if self.options.merge_makes_new_id { self.next_id() } else { primary };
        self.release(kind, primary, &first.values);
        self.release(kind, loser, &second.values);
        let mut merged = first.clone();
        merged.id = survivor;
        merged.shadows = VecDeque::from([(now, Some(Shadow { values: first.values.clone(), updated_ms: first.updated_ms }))]);
        let mut moved = 0;
        for (name, value) in &second.values {
            if !merged.values.contains_key(name) && !self.is_unique(kind, name) {
                merged.set(name, value.clone(), now, by);
                moved += 1;
            }
        }
        if kind == CONTACTS
            && let Some(address) = second.value("email")
        {
            let mut further: Vec<String> =
                merged.value("hs_additional_emails").map(|list| list.split(';').map(str::to_owned).collect()).unwrap_or_default();
            further.push(address.to_owned());
            merged.set("hs_additional_emails", further.join(";"), now, by);
        }
        merged.absorbed.extend(second.absorbed.iter().copied());
        merged.absorbed.extend([primary, loser].into_iter().filter(|id| *id != survivor).map(|id| (id, now)));
        merged.updated_ms = now;
        merged.updated_by = self.user_of(by).or(merged.updated_by);
        for old in [primary, loser].into_iter().filter(|id| *id != survivor) {
            self.records[kind].remove(&old);
            self.redirects.insert((kind, old), survivor);
            self.links.rehome(kind, old, survivor);
        }
        let values = merged.values.clone();
        self.records[kind].insert(survivor, merged);
        self.claim(kind, survivor, &values);
        let told = json!({
            "primaryObjectId": primary, "mergedObjectIds": [loser], "newObjectId": survivor, "numberOfPropertiesMoved": moved,
        });
        self.journal(kind, primary, Action::Merged, &Values::new(), &told);
        self.tell(kind, primary, "merge", by, told);
        self.note(kind, loser, Action::Merged, Values::new(), by);
        Ok(survivor)
    }

    /// Erases a contact for good.
    pub(crate) fn erase(&mut self, kind: usize, id: u64, by: Hand) {
        let Some(record) = self.records[kind].remove(&id) else { return };
        self.release(kind, id, &record.values);
        self.links.forget(kind, id);
        self.tell(kind, id, "privacyDeletion", by, json!({}));
        self.tell(kind, id, "deletion", by, json!({"changeFlag": "DELETED"}));
        self.note(kind, id, Action::Erased, Values::new(), by);
    }

    /// The identities in a record's values: unique ones, and secondary addresses of contacts.
    fn identities(&self, kind: usize, values: &BTreeMap<String, String>) -> Vec<(String, String)> {
        let mut held: Vec<(String, String)> = self.properties[kind]
            .iter()
            .filter(|property| property.unique)
            .filter_map(|property| Some((property.name.clone(), values.get(&property.name)?.to_lowercase())))
            .collect();
        if kind == CONTACTS
            && let Some(further) = values.get("hs_additional_emails")
        {
            held.extend(
                further.split(';').filter(|address| !address.is_empty()).map(|address| ("email".to_owned(), address.to_lowercase())),
            );
        }
        held
    }

    fn claim(&mut self, kind: usize, id: u64, values: &BTreeMap<String, String>) {
        for (name, value) in self.identities(kind, values) {
            self.unique.entry((kind, name)).or_default().entry(value).or_insert(id);
        }
    }

    fn release(&mut self, kind: usize, id: u64, values: &BTreeMap<String, String>) {
        for (name, value) in self.identities(kind, values) {
            if let Some(held) = self.unique.get_mut(&(kind, name))
                && held.get(&value) == Some(&id)
            {
                held.remove(&value);
            }
        }
    }

    /// The user whom a record names as the last to have changed it: what no user did leaves the one before.
    fn user_of(&self, by: Hand) -> Option<u64> {
        match by {
            Hand::Person(user) => Some(user),
            Hand::Integration => Some(self.options.user_id),
            Hand::Workflow | Hand::Visitor | Hand::App(_) => None,
        }
    }

    fn note(&mut self, kind: usize, id: u64, action: Action, changed: Values, by: Hand) {
        if action != Action::Merged {
            self.journal(kind, id, action, &changed, &Value::Null);
        }
        if !self.listening {
            return;
        }
        let changed = changed.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
        self.notices.push(WriteNotice { object: self.kinds[kind].name, id: id.to_string(), action, changed, by, at_ms: self.now_ms });
    }
}

fn lacks(name: &str) -> Flaw {
    Flaw { name: name.to_owned(), code: "MISSING_REQUIRED_PROPERTY", message: format!("Required property \"{name}\" is missing") }
}

/// Which of the properties that a record must have have no value.
fn lacking(names: &[String], values: &Values) -> Vec<Flaw> {
    names.iter().filter(|name| values.get(*name).is_none_or(String::is_empty)).map(|name| lacks(name)).collect()
}

/// What a new record lacks.
fn missing(kind: usize, values: &Values) -> Vec<Flaw> {
    let has = |name: &str| values.get(name).is_some_and(|value| !value.is_empty());
    let any = |names: &[&str]| names.iter().any(|name| has(name));
    let all = |names: &[&str]| lacking(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), values);
    match kind {
        CONTACTS if !any(&["email", "firstname", "lastname"]) => vec![lacks("email")],
        COMPANIES if !any(&["name", "domain"]) => vec![lacks("name")],
        DEALS => all(&["dealname", "dealstage"]),
        TICKETS => all(&["subject", "hs_pipeline_stage"]),
        LEADS => all(&["hs_lead_name"]),
        CONTACTS | COMPANIES => Vec::new(),
        _ => all(&["hs_timestamp"]),
    }
}
