//! What the platform itself does on a save: values it derives, and reasons to refuse.

use serde_json::{Value, json};

use super::catalog::STAGES;
use super::cell::{Cell, Val, day_of};
use super::fail::{Fail, Outcome};
use super::id::SfId;
use super::org::{Actor, DuplicateRule, Org};
use super::schema::{FieldType, Source};
use super::table::Row;

impl Org {
    /// Sets the values that the platform computes on save.
    pub fn derive(&mut self, table: usize, old: Option<&Row>, new: &mut Row) {
        match self.tables[table].name.as_str() {
            "Contact" | "Lead" | "User" => self.derive_person_name(table, new),
            "Opportunity" => self.derive_opportunity(table, old, new),
            "Case" => self.derive_case(table, old, new),
            "Task" => self.derive_task(table, old, new),
            "Event" => self.derive_event(table, new),
            "CampaignMember" => self.derive_member(table, new),
            _ => {}
        }
    }

    fn derive_person_name(&self, table: usize, new: &mut Row) {
        let t = &self.tables[table];
        let (Some(first), Some(last), Some(name)) = (t.slot("FirstName"), t.slot("LastName"), t.slot("Name")) else { return };
        let text = |value: Val<'_>| if let Val::Text(text) = value { text.to_owned() } else { String::new() };
        let whole = format!("{} {}", text(new.cell(first)), text(new.cell(last)));
        new.set(name, Some(Cell::text(whole.trim())));
    }

    fn derive_opportunity(&self, table: usize, old: Option<&Row>, new: &mut Row) {
        let t = &self.tables[table];
        let slot = |name: &str| t.slot(name).unwrap_or(u16::MAX);
        let (stage, probability) = (slot("StageName"), slot("Probability"));
        let staged = old.is_none_or(|row| row.cell(stage) != new.cell(stage));
        let given = old.map_or(!new.cell(probability).is_null(), |row| row.cell(probability) != new.cell(probability));
        if staged {
            let known = STAGES.iter().find(|s| new.cell(stage) == Val::Text(s.0));
            let (chance, closed, won, forecast) = known.map_or((0, false, false, "Pipeline"), |s| (s.1, s.2, s.3, s.4));
            if !given {
                new.set(probability, Some(Cell::Num(f64::from(chance))));
            }
            new.set(slot("IsClosed"), Some(Cell::Bool(closed)));
            new.set(slot("IsWon"), Some(Cell::Bool(won)));
            new.set(slot("ForecastCategoryName"), Some(Cell::text(forecast)));
        }
        let expected = match (new.cell(slot("Amount")), new.cell(probability)) {
            (Val::Num(amount), Val::Num(chance)) => Some(Cell::Num((amount * chance).round() / 100.0)),
            _ => None,
        };
        new.set(slot("ExpectedRevenue"), expected);
    }

    fn derive_case(&mut self, table: usize, old: Option<&Row>, new: &mut Row) {
        if old.is_none() {
            let t = &mut self.tables[table];
            t.numbered += 1;
            let number = format!("{:08}", t.numbered);
            if let Some(slot) = t.slot("CaseNumber") {
                new.set(slot, Some(Cell::text(&number)));
            }
        }
        let t = &self.tables[table];
        let slot = |name: &str| t.slot(name).unwrap_or(u16::MAX);
        let (status, contact, account) = (slot("Status"), slot("ContactId"), slot("AccountId"));
        let closed = matches!(new.cell(status), Val::Text(text) if text.starts_with("Closed"));
        let was_closed = old.is_some_and(|row| row.cell(slot("IsClosed")) == Val::Bool(true));
        new.set(slot("IsClosed"), Some(Cell::Bool(closed)));
        if closed != was_closed {
            new.set(slot("ClosedDate"), closed.then_some(Cell::Ms(new.stamp_ms)));
        }
        let parent = new.cell(contact).id().and_then(|id| self.locate(id));
        let contact_changed = old.is_none_or(|row| row.cell(contact) != new.cell(contact));
        let account_given = old.map_or(!new.cell(account).is_null(), |row| row.cell(account) != new.cell(account));
        if !contact_changed {
            return;
        }
        let of_contact = |name: &str| {
            let (at, ord) = parent?;
            let people = &self.tables[at];
            let cell_slot = people.slot(name)?;
            match people.value(people.row(ord)?, cell_slot) {
                Val::Text(text) => Some(Cell::text(text)),
                Val::Id(id) => Some(Cell::Id(id)),
                _ => None,
            }
        };
        let (email, phone, company) = (of_contact("Email"), of_contact("Phone"), of_contact("AccountId"));
        new.set(slot("ContactEmail"), email);
        new.set(slot("ContactPhone"), phone);
        if !account_given && company.is_some() {
            new.set(account, company);
        }
    }

    /// The account of a task or an event: the one it is about, the one of the deal or case it is about, or the one of the person it is with.
    fn derive_activity_account(&self, table: usize, new: &mut Row) {
        let t = &self.tables[table];
        let slot = |name: &str| t.slot(name).unwrap_or(u16::MAX);
        let account_of = |id: SfId| -> Option<SfId> {
            let (at, ord) = self.locate(id)?;
            let target = &self.tables[at];
            if id.prefix() == *b"001" {
                return Some(id);
            }
            target.value(target.row(ord)?, target.slot("AccountId")?).id()
        };
        let about = new.cell(slot("WhatId")).id().and_then(account_of);
        let account = about.or_else(|| new.cell(slot("WhoId")).id().and_then(account_of));
        new.set(slot("AccountId"), account.map(Cell::Id));
    }

    fn derive_task(&self, table: usize, old: Option<&Row>, new: &mut Row) {
        self.derive_activity_account(table, new);
        let t = &self.tables[table];
        let slot = |name: &str| t.slot(name).unwrap_or(u16::MAX);
        let done = new.cell(slot("Status")) == Val::Text("Completed");
        let was_done = old.is_some_and(|row| row.cell(slot("IsClosed")) == Val::Bool(true));
        new.set(slot("IsClosed"), Some(Cell::Bool(done)));
        if done != was_done {
            new.set(slot("CompletedDateTime"), done.then_some(Cell::Ms(new.stamp_ms)));
        }
        let high = new.cell(slot("Priority")) == Val::Text("High");
        new.set(slot("IsHighPriority"), Some(Cell::Bool(high)));
        if new.cell(slot("TaskSubtype")).is_null() {
            new.set(slot("TaskSubtype"), Some(Cell::text("Task")));
        }
    }

    fn derive_event(&self, table: usize, new: &mut Row) {
        self.derive_activity_account(table, new);
        let t = &self.tables[table];
        let slot = |name: &str| t.slot(name).unwrap_or(u16::MAX);
        for (name, usual) in [("EventSubtype", "Event"), ("GroupEventType", "0")] {
            if new.cell(slot(name)).is_null() {
                new.set(slot(name), Some(Cell::text(usual)));
            }
        }
        let (start, end, minutes) = (slot("StartDateTime"), slot("EndDateTime"), slot("DurationInMinutes"));
        let begin = match (new.cell(start), new.cell(slot("ActivityDateTime"))) {
            (Val::Ms(ms), _) | (Val::Null, Val::Ms(ms)) => ms,
            _ => return,
        };
        new.set(start, Some(Cell::Ms(begin)));
        new.set(slot("ActivityDateTime"), Some(Cell::Ms(begin)));
        new.set(slot("ActivityDate"), Some(Cell::text(&day_of(begin))));
        match (new.cell(end), new.cell(minutes)) {
            (Val::Ms(ms), _) => new.set(minutes, Some(Cell::Num(((ms - begin) / 60_000) as f64))),
            (_, Val::Num(n)) => new.set(end, Some(Cell::Ms(begin + (n * 60_000.0) as i64))),
            _ => {}
        }
    }

    fn derive_member(&self, table: usize, new: &mut Row) {
        let t = &self.tables[table];
        let slot = |name: &str| t.slot(name).unwrap_or(u16::MAX);
        let responded = new.cell(slot("Status")) == Val::Text("Responded");
        new.set(slot("HasResponded"), Some(Cell::Bool(responded)));
        if responded && new.cell(slot("FirstRespondedDate")).is_null() {
            new.set(slot("FirstRespondedDate"), Some(Cell::text(&day_of(new.stamp_ms))));
        }
    }

    /// Everything that can forbid a save.
    pub fn check(&self, table: usize, old: Option<&Row>, new: &Row, actor: &Actor) -> Outcome<()> {
        let t = &self.tables[table];
        let mut missing = Vec::new();
        for (slot, field) in t.fields() {
            let emptied = old.is_none_or(|row| !row.cell(slot).is_null());
            if field.spec.required
                && field.source == Source::Cell
                && field.spec.kind != FieldType::Boolean
                && emptied
                && new.cell(slot).is_null()
            {
                missing.push(field.spec.name.clone());
            }
        }
        if !missing.is_empty() {
            let mut fail = Fail::bad("REQUIRED_FIELD_MISSING", format!("Required fields are missing: [{}]", missing.join(", ")));
            fail.fields = missing;
            return Err(fail);
        }
        self.check_unique(table, new)?;
        self.check_hierarchy(table, new)?;
        self.check_record_type(table, old, new)?;
        for (object, flow, minds) in &self.flow_guards {
            if object.eq_ignore_ascii_case(&t.name)
                && let Some((message, _)) = minds(&self.map(table, new))
            {
                return Err(Fail::bad(
                    "CANNOT_EXECUTE_FLOW_TRIGGER",
                    format!(
                        "We can't save this record because the \u{201c}{flow}\u{201d} process failed. Give your Salesforce admin these details. {message}"
                    ),
                ));
            }
        }
        for (object, rule) in &self.validations {
            if object.eq_ignore_ascii_case(&t.name)
                && let Some((message, field)) = rule(&self.map(table, new))
            {
                let mut fail = Fail::bad("FIELD_CUSTOM_VALIDATION_EXCEPTION", message);
                fail.fields.extend(field);
                return Err(fail);
            }
        }
        for rule in &self.duplicate_rules {
            if rule.object.eq_ignore_ascii_case(&t.name) && !(rule.allow_save && actor.allow_duplicates) {
                self.check_duplicates(table, rule, old, new)?;
            }
        }
        Ok(())
    }

    pub fn check_unique(&self, table: usize, new: &Row) -> Outcome<()> {
        let t = &self.tables[table];
        for (slot, field) in t.fields() {
            if !field.spec.unique || new.cell(slot).is_null() {
                continue;
            }
            let twin = t
                .lookup(slot, new.cell(slot))
                .into_iter()
                .filter_map(|ord| t.row(ord))
                .find(|row| row.live() && row.id != new.id && (!field.spec.case_sensitive || row.cell(slot) == new.cell(slot)));
            if let Some(twin) = twin {
                let message = format!("duplicate value found: {} duplicates value on record with id: {}", field.spec.name, twin.id);
                return Err(Fail::bad("DUPLICATE_VALUE", message));
            }
        }
        Ok(())
    }

    /// An account may not be its own ancestor.
    fn check_hierarchy(&self, table: usize, new: &Row) -> Outcome<()> {
        let t = &self.tables[table];
        let Some(slot) = t.slot("ParentId").filter(|_| t.name == "Account" || t.name == "Case") else { return Ok(()) };
        let mut above = new.cell(slot).id();
        // The vendor allows hierarchies of any depth; no honest one is deeper than this.
        for _ in 0..500 {
            let Some(id) = above else { return Ok(()) };
            if id == new.id {
                return Err(Fail::on("CIRCULAR_DEPENDENCY", "ParentId", "attempt to create a circular dependency in the hierarchy"));
            }
            above = t.find(id).and_then(|ord| t.row(ord)).and_then(|row| row.cell(slot).id());
        }
        Ok(())
    }

    fn check_duplicates(&self, table: usize, rule: &DuplicateRule, old: Option<&Row>, new: &Row) -> Outcome<()> {
        let t = &self.tables[table];
        let slots: Vec<u16> = rule.fields.iter().filter_map(|name| t.slot(name)).collect();
        let unset = slots.is_empty() || slots.iter().any(|slot| new.cell(*slot).is_null());
        let untouched = old.is_some_and(|row| slots.iter().all(|slot| row.cell(*slot) == new.cell(*slot)));
        if unset || untouched {
            return Ok(());
        }
        let same = |row: &Row| row.live() && row.id != new.id && slots.iter().all(|slot| alike(row.cell(*slot), new.cell(*slot)));
        let matches: Vec<&Row> = match slots.iter().find(|slot| t.is_indexed(**slot)) {
            Some(slot) => t.lookup(*slot, new.cell(*slot)).into_iter().filter_map(|ord| t.row(ord)).filter(|row| same(row)).collect(),
            None => t.rows().map(|(_, row)| row).filter(|row| same(row)).collect(),
        };
        if matches.is_empty() {
            return Ok(());
        }
        let records: Vec<Value> = matches
            .iter()
            .map(|row| {
                json!({"additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0,
                    "record": {"attributes": {"type": t.name, "url": format!("/services/data/v62.0/sobjects/{}/{}", t.name, row.id)}, "Id": row.id.as_str()}})
            })
            .collect();
        let text = "Use one of these records?";
        let mut fail = Fail::bad("DUPLICATES_DETECTED", text);
        // The vendor's own misspelling.
        let result = json!({"allowSave": rule.allow_save, "duplicateRule": rule.name, "duplicateRuleEntityType": t.name, "errorMessage": text,
            "matchResults": [{"entityType": t.name, "errors": [], "matchEngine": "ExactMatchEngine", "rule": format!("{}_Match", rule.name),
                "size": records.len(), "success": true, "matchRecords": records}]});
        fail.extra = Some(Box::new(("duplicateResut", result)));
        Err(fail)
    }
}

fn alike(a: Val<'_>, b: Val<'_>) -> bool {
    match (a, b) {
        (Val::Text(a), Val::Text(b)) => a.to_lowercase() == b.to_lowercase(),
        _ => a == b,
    }
}
