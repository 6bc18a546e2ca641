//! Companies, known by an id of the account's own choice that never changes. Absent attributes are left out of answers.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::refusal::{Answer, Outcome, Refusal};
use super::state::{Kind, Record, State};
use super::text::{escaped, id, seconds, shown_map};

/// Attributes that writes may carry; others are refused.
const WRITABLE: &[&str] = &[
    "company_id",
    "name",
    "plan",
    "size",
    "website",
    "industry",
    "monthly_spend",
    "remote_created_at",
    "update_last_request_at",
    "custom_attributes",
];
/// Companies that the list gives out at most.
const LIST_MAX: usize = 10_000;

fn attributes(body: &Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    let mut values = Map::new();
    for (name, value) in body {
        if !WRITABLE.contains(&name.as_str()) {
            return Err(Refusal::bad(name));
        }
        let value = match (name.as_str(), value) {
            ("custom_attributes" | "update_last_request_at" | "company_id", _) => continue,
            (_, Value::Null) => Value::Null,
            ("size" | "monthly_spend", Value::Number(number)) => json!(number.as_f64().unwrap_or_default().trunc() as i64),
            ("remote_created_at", Value::Number(_)) => value.clone(),
            ("size" | "monthly_spend" | "remote_created_at", _) => {
                return Err(Refusal::parameter(name, format!("{name} must be a number")));
            }
            (_, Value::String(text)) if text.is_empty() => Value::Null,
            (_, Value::String(text)) if text.chars().count() > super::attributes::TEXT_MAX => {
                return Err(Refusal::parameter(
                    name,
                    format!("{name} is too long (maximum is {} characters)", super::attributes::TEXT_MAX),
                ));
            }
            (_, Value::String(_)) => value.clone(),
            _ => return Err(Refusal::parameter(name, format!("{name} must be a string"))),
        };
        values.insert(name.clone(), value);
    }
    Ok(values)
}

impl State {
    /// A company as views and lists show it.
    pub(crate) fn company_shown(&self, record: &Record) -> Value {
        let contacts = self.members(&record.id).count();
        let plan = record.text("plan").map_or_else(|| json!({}), |plan| json!({"type": "plan", "id": "1", "name": escaped(plan)}));
        let mut shown = json!({
            "type": "company", "company_id": record.text("company_id").map(escaped), "id": record.id, "app_id": self.options.app_id,
            "name": record.text("name").map(escaped), "created_at": seconds(record.created_ms), "updated_at": seconds(record.updated_ms),
            "monthly_spend": record.values.get("monthly_spend").and_then(Value::as_i64).unwrap_or(0), "session_count": 0,
            "user_count": contacts, "tags": {"type": "tag.list", "tags": self.tags_shown(record)},
            "segments": {"type": "segment.list", "segments": []}, "plan": plan, "custom_attributes": shown_map(&record.custom),
        });
        for name in ["remote_created_at", "size"] {
            if let Some(value) = record.values.get(name).filter(|value| !value.is_null()) {
                shown[name] = value.clone();
            }
        }
        for name in ["website", "industry"] {
            if let Some(text) = record.text(name) {
                shown[name] = json!(escaped(text));
            }
        }
        shown
    }

    /// Contacts of a company that are not in the archive.
    pub(crate) fn members<'a>(&'a self, company: &'a str) -> impl Iterator<Item = &'a Record> {
        self.records[Kind::Contact.index()]
            .values()
            .filter(move |contact| !contact.archived && contact.companies.iter().any(|held| held == company))
    }

    /// Makes a company, or changes the one of that id.
    pub(crate) fn upsert_company(&mut self, body: &Map<String, Value>) -> Result<String, Refusal> {
        let values = attributes(body)?;
        let mut custom = self.custom_checked(Kind::Company, body.get("custom_attributes"))?;
        let key = id(body.get("company_id"));
        let held = key.as_ref().and_then(|key| {
            let mut companies = self.records[Kind::Company.index()].values();
            companies.find(|record| record.text("company_id") == Some(key)).map(|record| record.id.clone())
        });
        if let Some(id) = held {
            if self.change(Kind::Company, &id, values, custom) {
                self.tell("company.updated", Kind::Company, &id);
            }
            return Ok(id);
        }
        let Some(key) = key else { return Err(Refusal::absent("company_id")) };
        let id = self.mongo_id();
        let mut values = values;
        values.insert("company_id".to_owned(), json!(key));
        custom.insert("creation_source".to_owned(), json!("api"));
        self.insert(Kind::Company, &id, values, custom);
        self.tell("company.created", Kind::Company, &id);
        Ok(id)
    }

    /// Changes a company.
    pub(crate) fn update_company(&mut self, id: &str, body: &Map<String, Value>) -> Result<(), Refusal> {
        self.record(Kind::Company, id)?;
        let values = attributes(body)?;
        let custom = self.custom_checked(Kind::Company, body.get("custom_attributes"))?;
        if self.change(Kind::Company, id, values, custom) {
            self.tell("company.updated", Kind::Company, id);
        }
        Ok(())
    }

    /// Deletes a company; its contacts stay, without it.
    pub(crate) fn delete_company(&mut self, id: &str) -> Result<Value, Refusal> {
        let key = self.record(Kind::Company, id)?.text("company_id").map(str::to_owned);
        self.records[Kind::Company.index()].remove(id);
        for contact in self.records[Kind::Contact.index()].values_mut() {
            contact.companies.retain(|held| held != id);
        }
        self.tell_minimal("company.deleted", json!({"type": "company", "id": id, "company_id": key}));
        Ok(json!({"id": id, "object": "company", "deleted": true}))
    }

    /// Puts a contact into a company, or takes it out.
    pub(crate) fn attach(&mut self, contact: &str, company: &str, attached: bool) -> Result<(), Refusal> {
        let held = self.contact(contact, 0)?.companies.iter().any(|held| held == company);
        self.record(Kind::Company, company)?;
        if held == attached {
            return Ok(());
        }
        if let Some(record) = self.touch(Kind::Contact, contact) {
            if attached {
                record.companies.push(company.to_owned());
            } else {
                record.companies.retain(|held| held != company);
            }
        }
        self.tell_membership(contact, company, attached);
        Ok(())
    }

    /// `/companies/…`.
    pub(crate) fn company_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        let shown = |state: &Self, id: &str| Ok(Answer::ok(state.company_shown(state.record(Kind::Company, id)?)));
        match (call.method.as_str(), rest) {
            ("POST", []) => {
                let id = self.upsert_company(&call.body)?;
                shown(self, &id)
            }
            ("GET", []) => {
                for name in ["company_id", "name"] {
                    if let Some(wanted) = call.query(name) {
                        let mut found = self.records[Kind::Company.index()].values();
                        let found =
                            found.find(|record| record.text(name) == Some(wanted)).ok_or_else(|| Refusal::missing(Kind::Company))?;
                        return Ok(Answer::ok(self.company_shown(found)));
                    }
                }
                let tag = call.query("tag_id");
                self.listed(call, |record| tag.is_none_or(|tag| record.tags.iter().any(|(held, ..)| held == tag)))
            }
            ("POST", ["list"]) => self.listed(call, |_| true),
            ("GET", ["scroll"]) => self.scroll_companies(call),
            ("GET", [id]) => shown(self, id),
            ("PUT", [id]) => {
                self.update_company(id, &call.body)?;
                shown(self, id)
            }
            ("DELETE", [id]) => self.delete_company(id).map(Answer::ok),
            ("GET", [id, "contacts"]) => {
                self.record(Kind::Company, id)?;
                let rows: Vec<Value> = self.members(id).map(|contact| self.contact_shown(contact)).collect();
                let total = rows.len();
                let (rows, pages) = call.numbered(rows, 50, 150)?;
                Ok(Answer::ok(json!({"type": "list", "data": rows, "total_count": total, "pages": pages})))
            }
            ("GET", [id, "segments"]) => {
                self.record(Kind::Company, id)?;
                super::call::list(Vec::new())
            }
            (_, [id, "notes"]) => self.note_routes(call, Kind::Company, id),
            _ => Err(Refusal::nothing()),
        }
    }

    /// A page of companies that have contacts. Those without are counted all the same.
    fn listed(&self, call: &Call, wanted: impl Fn(&Record) -> bool) -> Outcome {
        let (size, page) = (call.size(15, 60)?, call.number("page", 1)?.max(1));
        if page.saturating_mul(size) > LIST_MAX + size {
            return Err(Refusal::parameter("page", "Please use the scroll API to read more than 10,000 companies"));
        }
        let all: Vec<&Record> = self.records[Kind::Company.index()].values().rev().filter(|record| wanted(record)).collect();
        let total = all.len();
        let rows: Vec<&Record> = all.into_iter().filter(|record| self.members(&record.id).next().is_some()).collect();
        let pages = rows.len().div_ceil(size);
        let next =
            if page < pages { json!(format!("{}/companies/list?per_page={size}&page={}", call.origin, page + 1)) } else { Value::Null };
        let rows: Vec<Value> = rows.into_iter().skip((page - 1) * size).take(size).map(|record| self.company_shown(record)).collect();
        Ok(Answer::ok(json!({
            "type": "list", "data": rows, "total_count": total,
            "pages": {"type": "pages", "next": next, "page": page, "per_page": size, "total_pages": pages},
        })))
    }

    /// `/contacts/{id}/companies/…`.
    pub(crate) fn membership_routes(&mut self, call: &Call, contact: &str, rest: &[&str]) -> Outcome {
        self.contact(contact, call.version)?;
        let shown = |state: &Self, id: &str| Ok(Answer::ok(state.company_shown(state.record(Kind::Company, id)?)));
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                let held = &self.contact(contact, call.version)?.companies;
                let rows: Vec<Value> =
                    held.iter().filter_map(|id| self.get(Kind::Company, id)).map(|record| self.company_shown(record)).collect();
                let total = rows.len();
                let (rows, pages) = call.numbered(rows, 50, 150)?;
                Ok(Answer::ok(json!({"type": "list", "data": rows, "total_count": total, "pages": pages})))
            }
            ("POST", []) => {
                let company = call.id("id").ok_or_else(|| Refusal::absent("id"))?;
                self.attach(contact, &company, true)?;
                shown(self, &company)
            }
            ("DELETE", [company]) => {
                self.attach(contact, company, false)?;
                shown(self, company)
            }
            _ => Err(Refusal::nothing()),
        }
    }
}
