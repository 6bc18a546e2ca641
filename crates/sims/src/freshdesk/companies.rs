//! Companies. They are deleted for good, and have no id of the account's own choice.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::check::{Checked, lowered};
use super::moment::{instant, iso, iso_of_company};
use super::refusal::{Answer, Flaw, Outcome, Refusal};
use super::state::{Kind, Record, State};

impl State {
    /// A company as views and lists show it.
    pub(crate) fn company_shown(&self, record: &Record) -> Value {
        let value = |name: &str| record.values.get(name).cloned().unwrap_or(Value::Null);
        let renewal = record.text("renewal_date").and_then(instant).map(iso);
        json!({
            "id": record.id, "name": value("name"), "description": value("description"), "note": value("note"),
            "domains": record.texts("domains"), "created_at": iso_of_company(record.created_ms),
            "updated_at": iso_of_company(record.updated_ms), "custom_fields": self.custom_shown(Kind::Company, &record.custom),
            "health_score": value("health_score"), "account_tier": value("account_tier"), "renewal_date": renewal,
            "industry": value("industry"), "org_company_id": 1_800_000_000_000_000_000_u64 + record.id,
        })
    }

    fn check_company(&self, body: &Map<String, Value>, id: Option<u64>) -> Result<Checked, Refusal> {
        let mut checked = self.check(Kind::Company, body, id.is_none())?;
        let name = checked.values.get("name").and_then(Value::as_str).map(str::trim).unwrap_or_default().to_lowercase();
        let mut flaws = Vec::new();
        if name.is_empty() && (id.is_none() || checked.values.contains_key("name")) {
            flaws.push(Flaw::missing("name"));
        }
        if self.company_by_name.get(&name).is_some_and(|holder| Some(*holder) != id) {
            flaws.push(Flaw::taken("name", None));
        }
        if let Some(domains) = checked.values.get("domains").map(lowered) {
            if domains.iter().any(|domain| self.company_by_domain.get(domain).is_some_and(|holder| Some(*holder) != id)) {
                flaws.push(Flaw::taken("domains", None));
            }
            checked.values.insert("domains".to_owned(), json!(domains));
        }
        if flaws.is_empty() { Ok(checked) } else { Err(Refusal::validation(&flaws)) }
    }

    fn index_company(&mut self, id: u64) {
        self.company_by_name.retain(|_, holder| *holder != id);
        self.company_by_domain.retain(|_, holder| *holder != id);
        let Some(record) = self.records[Kind::Company.index()].get(&id) else { return };
        self.company_by_name.insert(record.text("name").unwrap_or_default().trim().to_lowercase(), id);
        for domain in record.texts("domains") {
            self.company_by_domain.insert(domain, id);
        }
    }

    /// Makes a company.
    pub(crate) fn create_company(&mut self, body: &Map<String, Value>) -> Result<u64, Refusal> {
        let checked = self.check_company(body, None)?;
        let id = self.next_id();
        self.insert(Kind::Company, id, checked.values, checked.custom);
        self.index_company(id);
        Ok(id)
    }

    /// Changes a company.
    pub(crate) fn update_company(&mut self, id: u64, body: &Map<String, Value>) -> Result<(), Refusal> {
        self.record(Kind::Company, id)?;
        let checked = self.check_company(body, Some(id))?;
        self.change(Kind::Company, id, checked);
        self.index_company(id);
        Ok(())
    }

    /// Deletes a company for good; its contacts stay, without it.
    pub(crate) fn delete_company(&mut self, id: u64) -> Result<(), Refusal> {
        self.record(Kind::Company, id)?;
        self.records[Kind::Company.index()].remove(&id);
        self.index_company(id);
        for kind in [Kind::Contact, Kind::Ticket] {
            for record in self.records[kind.index()].values_mut().filter(|record| record.number("company_id") == Some(id)) {
                record.values.insert("company_id".to_owned(), Value::Null);
            }
        }
        Ok(())
    }

    /// Sets what differs; what does not differ changes nothing, not even the stamp.
    pub(crate) fn change(&mut self, kind: Kind, id: u64, checked: Checked) -> bool {
        let Some(held) = self.records[kind.index()].get(&id) else { return false };
        let differs = |held: &Map<String, Value>, (name, value): &(String, Value)| held.get(name).unwrap_or(&Value::Null) != value;
        let values: Vec<(String, Value)> = checked.values.into_iter().filter(|pair| differs(&held.values, pair)).collect();
        let custom: Vec<(String, Value)> = checked.custom.into_iter().filter(|pair| differs(&held.custom, pair)).collect();
        if values.is_empty() && custom.is_empty() {
            return false;
        }
        if let Some(record) = self.touch(kind, id) {
            record.values.extend(values);
            record.custom.extend(custom);
        }
        true
    }

    /// `/companies/…`.
    pub(crate) fn company_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        let number = |text: &str| text.parse::<u64>().map_err(|_| Refusal::missing());
        match (call.method.as_str(), rest) {
            ("GET", []) => {
                call.only(&["page", "per_page", "updated_since", "_updated_since"])?;
                let since = call.instant("updated_since")?.or(call.instant("_updated_since")?);
                let mut rows: Vec<&Record> = self.records[Kind::Company.index()]
                    .values()
                    .filter(|record| since.is_none_or(|since| record.updated_ms.div_euclid(1000) >= since.div_euclid(1000)))
                    .collect();
                rows.sort_by_key(|record| (record.text("name").unwrap_or_default().to_lowercase(), record.id));
                call.page(rows, usize::MAX, |record| self.company_shown(record))
            }
            ("POST", []) => {
                let id = self.create_company(&call.body)?;
                Ok(Answer::created(self.company_shown(self.record(Kind::Company, id)?), format!("{}/{id}", call.address)))
            }
            ("GET", ["autocomplete"]) => {
                let term = call.query("name").unwrap_or_default().to_lowercase();
                let begins = |record: &&Record| record.text("name").unwrap_or_default().to_lowercase().starts_with(&term);
                let found = self.records[Kind::Company.index()].values().filter(begins);
                let found: Vec<Value> = found.map(|record| json!({"id": record.id, "name": record.text("name")})).collect();
                Ok(Answer::ok(json!({"companies": found})))
            }
            ("GET", [id]) => Ok(Answer::ok(self.company_shown(self.record(Kind::Company, number(id)?)?))),
            ("PUT", [id]) => {
                let id = number(id)?;
                self.update_company(id, &call.body)?;
                Ok(Answer::ok(self.company_shown(self.record(Kind::Company, id)?)))
            }
            ("DELETE", [id]) => self.delete_company(number(id)?).map(|()| Answer::nothing()),
            (method, [] | [_]) => Err(Refusal::method(method, if rest.is_empty() { "GET, POST" } else { "GET, PUT, DELETE" })),
            _ => Err(Refusal::missing()),
        }
    }
}
