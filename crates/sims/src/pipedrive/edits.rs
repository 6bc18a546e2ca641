//! The one place where rows change: every write goes through here and is told to webhooks and listeners.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::check::Values;
use super::kinds::Kind;
use super::moment::{instant, iso};
use super::record::Record;
use super::refusal::Refusal;
use super::state::State;
use super::{Action, Hand, WriteNotice};

impl State {
    /// Makes a row of checked values; its number.
    ///
    /// # Errors
    /// When something is missing, or two values do not go together.
    pub(crate) fn create(&mut self, kind: Kind, mut values: Values, by: Hand) -> Result<u64, Refusal> {
        let plain = &mut values.plain;
        let blank =
            |plain: &Map<String, Value>, name: &str| plain.get(name).and_then(Value::as_str).is_none_or(|text| text.trim().is_empty());
        let needed = match kind {
            Kind::Person | Kind::Organization => Some("name"),
            Kind::Deal | Kind::Lead => Some("title"),
            Kind::Note => Some("content"),
            Kind::Activity => None,
        };
        if let Some(name) = needed.filter(|name| blank(plain, name)) {
            return Err(Refusal::flaw(name, "is required"));
        }
        match kind {
            Kind::Lead if plain.get("person_id").is_none_or(Value::is_null) && plain.get("organization_id").is_none_or(Value::is_null) => {
                return Err(Refusal::new(400, "A lead must be linked to a person or an organization"));
            }
            Kind::Note
                if !["lead_id", "deal_id", "person_id", "org_id"].iter().any(|name| plain.get(*name).is_some_and(|id| !id.is_null())) =>
            {
                return Err(Refusal::new(400, "One of lead_id, deal_id, person_id, org_id must be given"));
            }
            _ => {}
        }
        let user = self.user_of(by);
        let owner = if kind == Kind::Note { "user_id" } else { "owner_id" };
        plain.entry(owner).or_insert_with(|| json!(user));
        if matches!(kind, Kind::Person | Kind::Organization | Kind::Deal) {
            plain.entry("visible_to").or_insert_with(|| json!(3));
            plain.entry("label_ids").or_insert_with(|| json!([]));
        }
        match kind {
            Kind::Person => {
                plain.entry("emails").or_insert_with(|| json!([]));
                plain.entry("phones").or_insert_with(|| json!([]));
                plain.entry("marketing_status").or_insert_with(|| json!("no_consent"));
            }
            Kind::Deal => {
                for (name, usual) in
                    [("value", json!(0)), ("currency", json!("USD")), ("status", json!("open")), ("is_archived", json!(false))]
                {
                    plain.entry(name).or_insert(usual);
                }
            }
            Kind::Activity => {
                plain.entry("type").or_insert_with(|| json!("call"));
                plain.entry("done").or_insert_with(|| json!(false));
                plain.entry("busy").or_insert_with(|| json!(false));
                plain.entry("subject").or_insert_with(|| json!("Call"));
            }
            _ => {}
        }
        self.check_type(plain)?;
        let number = self.next_number(kind);
        let uuid = if kind == Kind::Lead { self.uuid() } else { String::new() };
        let added = plain.remove("add_time").as_ref().and_then(Value::as_str).and_then(instant).unwrap_or(self.now_ms);
        let mut record = Record {
            kind,
            number,
            uuid: uuid.clone(),
            values: Map::new(),
            custom: BTreeMap::new(),
            added_ms: added,
            updated_ms: self.now_ms,
            deleted_ms: None,
            merged_into: None,
            creator: user,
        };
        self.place(&mut values)?;
        record.values = values.plain.clone();
        record.custom = values.custom.clone().into_iter().filter(|(_, value)| !value.is_null()).collect();
        self.copy_from_deal(&mut record);
        self.stamp(&mut record, &json!(null));
        if kind == Kind::Lead {
            self.leads.insert(uuid, number);
        }
        self.records.entry(kind).or_default().insert(number, record.clone());
        self.recalculate(&record);
        self.tell(&record, "create", None, by, &[]);
        self.note(&record, Action::Created, by);
        Ok(number)
    }

    /// Changes a row that is there. What does not differ changes nothing, not even its stamp.
    ///
    /// # Errors
    /// When two values do not go together.
    pub(crate) fn update(&mut self, kind: Kind, number: u64, mut values: Values, by: Hand) -> Result<(), Refusal> {
        if kind != Kind::Activity
            && values
                .plain
                .get("name")
                .or(values.plain.get("title"))
                .is_some_and(|name| name.as_str().is_none_or(|text| text.trim().is_empty()))
        {
            return Err(Refusal::flaw(
                if matches!(kind, Kind::Deal | Kind::Lead) { "title" } else { "name" },
                "must NOT have fewer than 1 characters",
            ));
        }
        self.check_type(&values.plain)?;
        self.place(&mut values)?;
        values.plain.remove("add_time");
        let Some(before) = self.records[&kind].get(&number).cloned() else { return Err(Refusal::missing(kind.singular())) };
        if let Some(reason) = values.plain.get("lost_reason").filter(|reason| !reason.is_null()) {
            let status = values.plain.get("status").unwrap_or(before.get("status"));
            if status != "lost" {
                return Err(Refusal::flaw(
                    "lost_reason",
                    format!("\"{}\" goes with status lost alone", reason.as_str().unwrap_or_default()),
                ));
            }
        }
        let mut after = before.clone();
        for (name, value) in values.plain {
            after.values.insert(name, value);
        }
        for (code, value) in values.custom {
            if value.is_null() { drop(after.custom.remove(&code)) } else { drop(after.custom.insert(code, value)) }
        }
        let same = before.values.iter().all(|(name, value)| after.get(name) == value) && before.custom == after.custom;
        let grown = after.values.iter().any(|(name, value)| !value.is_null() && before.get(name) != value);
        if same && !grown {
            return Ok(());
        }
        self.stamp(&mut after, before.get("status"));
        after.updated_ms = self.now_ms;
        self.records.entry(kind).or_default().insert(number, after.clone());
        self.recalculate(&after);
        self.tell(&after, "change", Some(&before), by, &[]);
        self.note(&after, Action::Updated, by);
        Ok(())
    }

    /// Deletes a row; it stays readable by its id, but for leads. Whether it was there.
    pub(crate) fn delete(&mut self, kind: Kind, number: u64, by: Hand) -> bool {
        let now = self.now_ms;
        let Some(record) = self.records.get_mut(&kind).and_then(|rows| rows.get_mut(&number)).filter(|record| record.deleted_ms.is_none())
        else {
            return false;
        };
        record.deleted_ms = Some(now);
        // Nobody says whether a deletion moves the stamp; here it does for deals alone, so that nothing may lean on it.
        if kind == Kind::Deal {
            record.updated_ms = now;
        }
        let record = record.clone();
        self.tell(&record, "delete", Some(&record), by, &[]);
        self.note(&record, Action::Deleted, by);
        true
    }

    /// Takes a row out of the bin, as a person can for thirty days.
    ///
    /// # Errors
    /// When it is not in there.
    pub(crate) fn restore(&mut self, kind: Kind, number: u64, by: Hand) -> Result<(), Refusal> {
        let now = self.now_ms;
        let record = self.records.get_mut(&kind).and_then(|rows| rows.get_mut(&number));
        let record = record
            .filter(|record| record.deleted_ms.is_some() && record.merged_into.is_none())
            .ok_or_else(|| Refusal::missing(kind.singular()))?;
        record.deleted_ms = None;
        record.updated_ms = now;
        let record = record.clone();
        self.tell(&record, "create", None, by, &[]);
        self.note(&record, Action::Restored, by);
        Ok(())
    }

    /// Merges `loser` into `winner`, which wins where both have a value.
    ///
    /// # Errors
    /// When one is not there, or both are the same.
    pub(crate) fn merge(&mut self, kind: Kind, loser: u64, winner: u64, by: Hand) -> Result<(), Refusal> {
        if !matches!(kind, Kind::Person | Kind::Organization | Kind::Deal) {
            return Err(Refusal::route());
        }
        let missing = || Refusal::missing(kind.singular());
        let (lost, before) = (self.live(kind, loser).cloned().ok_or_else(missing)?, self.live(kind, winner).cloned().ok_or_else(missing)?);
        if loser == winner {
            return Err(Refusal::new(400, "A record cannot be merged with itself"));
        }
        let mut after = before.clone();
        for (name, value) in &lost.values {
            match name.as_str() {
                "emails" | "phones" => after.values.insert(name.clone(), joined(before.get(name), value)),
                _ if after.get(name).is_null() => after.values.insert(name.clone(), value.clone()),
                _ => None,
            };
        }
        for (code, value) in &lost.custom {
            after.custom.entry(code.clone()).or_insert_with(|| value.clone());
        }
        let now = self.now_ms;
        after.updated_ms = now;
        self.records.entry(kind).or_default().insert(winner, after.clone());
        if let Some(gone) = self.records.get_mut(&kind).and_then(|rows| rows.get_mut(&loser)) {
            gone.deleted_ms = Some(now);
            gone.merged_into = Some(winner);
        }
        self.rehome(kind, loser, winner);
        self.tell(&lost, "delete", Some(&lost), by, &[("merged_to_id", winner)]);
        self.tell(&after, "change", Some(&before), by, &[("merged_from_id", loser)]);
        self.note(&lost, Action::Merged, by);
        self.note(&after, Action::Updated, by);
        Ok(())
    }

    /// What belonged to the row that went belongs to the one that stays.
    fn rehome(&mut self, kind: Kind, loser: u64, winner: u64) {
        let name = match kind {
            Kind::Person => "person_id",
            Kind::Organization => "org_id",
            _ => "deal_id",
        };
        for record in self.records.values_mut().flat_map(BTreeMap::values_mut) {
            for key in [name, if kind == Kind::Organization { "organization_id" } else { name }] {
                if record.refers(key) == Some(loser) {
                    record.values.insert(key.to_owned(), json!(winner));
                    record.updated_ms = self.now_ms;
                }
            }
            if kind == Kind::Person
                && let Some(people) = record.values.get_mut("participants").and_then(Value::as_array_mut)
            {
                people.iter_mut().filter(|each| each["person_id"] == loser).for_each(|each| each["person_id"] = json!(winner));
            }
        }
    }

    /// An activity's type must be one of the company's.
    fn check_type(&self, plain: &Map<String, Value>) -> Result<(), Refusal> {
        match plain.get("type").and_then(Value::as_str) {
            Some(key) if !Self::is_activity_type(key) => Err(Refusal::flaw("type", "activity type not found")),
            _ => Ok(()),
        }
    }

    /// The stage decides the pipeline; without both, a deal begins at the first stage of the first pipeline.
    fn place(&self, values: &mut Values) -> Result<(), Refusal> {
        let plain = &mut values.plain;
        let stage = plain.get("stage_id").and_then(Value::as_u64);
        let pipeline = plain.get("pipeline_id").and_then(Value::as_u64);
        let found = match (stage, pipeline) {
            (Some(stage), _) => self.stages.iter().find(|known| known.id == stage),
            (None, Some(pipeline)) => self.stages.iter().filter(|known| known.pipeline == pipeline).min_by_key(|known| known.order),
            (None, None)
                if plain.contains_key("title")
                    && plain.contains_key("status")
                    && plain.contains_key("currency")
                    && !plain.contains_key("stage_id") =>
            {
                self.stages.iter().min_by_key(|known| (known.pipeline, known.order))
            }
            (None, None) => return Ok(()),
        };
        let found = found.ok_or_else(|| Refusal::flaw("stage_id", "stage not found"))?;
        plain.insert("stage_id".to_owned(), json!(found.id));
        plain.insert("pipeline_id".to_owned(), json!(found.pipeline));
        Ok(())
    }

    /// A note that is added to a deal belongs to the deal's person and company as well.
    fn copy_from_deal(&self, record: &mut Record) {
        let Some(deal) = record.refers("deal_id").and_then(|deal| self.live(Kind::Deal, deal)).filter(|_| record.kind == Kind::Note) else {
            return;
        };
        for name in ["person_id", "org_id"] {
            if record.get(name).is_null() {
                record.values.insert(name.to_owned(), deal.get(name).clone());
            }
        }
    }

    /// Moments that follow from what was set.
    fn stamp(&self, record: &mut Record, before: &Value) {
        let now = json!(iso(self.now_ms));
        match record.kind {
            Kind::Deal => {
                let status = record.get("status").clone();
                if status == *before {
                    return;
                }
                let (won, lost) = (status == "won", status == "lost");
                let set = |record: &mut Record, name: &str, on: bool| {
                    let given = record.get(name).clone();
                    let value = if on { if given.is_null() { now.clone() } else { given } } else { Value::Null };
                    record.values.insert(name.to_owned(), value);
                };
                set(record, "won_time", won);
                set(record, "lost_time", lost);
                set(record, "close_time", won || lost);
                if !lost {
                    record.values.insert("lost_reason".to_owned(), Value::Null);
                }
            }
            Kind::Activity => {
                let done = record.get("done") == true;
                if done && record.get("marked_as_done_time").is_null() {
                    record.values.insert("marked_as_done_time".to_owned(), now);
                } else if !done {
                    record.values.insert("marked_as_done_time".to_owned(), Value::Null);
                }
            }
            _ => {}
        }
    }

    /// An activity moves the stamps of those it is about: their next activity is worked out anew.
    fn recalculate(&mut self, record: &Record) {
        if record.kind != Kind::Activity {
            return;
        }
        let people = record.get("participants").as_array().into_iter().flatten().filter_map(|each| each["person_id"].as_u64());
        let mut touched: Vec<(Kind, u64)> = people.map(|id| (Kind::Person, id)).collect();
        touched.extend(record.refers("org_id").map(|id| (Kind::Organization, id)));
        touched.extend(record.refers("deal_id").map(|id| (Kind::Deal, id)));
        let now = self.now_ms;
        for (kind, number) in touched {
            if let Some(row) = self.records.get_mut(&kind).and_then(|rows| rows.get_mut(&number)) {
                row.updated_ms = now;
            }
        }
    }

    /// The user behind a hand.
    pub(crate) fn user_of(&self, by: Hand) -> u64 {
        match by {
            Hand::Person(user) => user,
            Hand::Integration => self.options.user_id,
        }
    }

    fn note(&mut self, record: &Record, action: Action, by: Hand) {
        if self.listening {
            self.notices.push(WriteNotice { kind: record.kind, id: record.id_text(), action, by, at_ms: self.now_ms });
        }
    }
}

/// Addresses of two rows, those of the one that stays first.
fn joined(kept: &Value, added: &Value) -> Value {
    let mut all: Vec<Value> = kept.as_array().cloned().unwrap_or_default();
    for entry in added.as_array().into_iter().flatten() {
        let same = |known: &Value| known["value"].as_str().map(str::to_lowercase) == entry["value"].as_str().map(str::to_lowercase);
        if !all.iter().any(same) {
            let mut entry = entry.clone();
            entry["primary"] = json!(all.is_empty());
            all.push(entry);
        }
    }
    Value::from(all)
}
