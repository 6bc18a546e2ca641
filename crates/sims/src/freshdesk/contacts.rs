//! Contacts: people outside the desk, known by addresses, numbers and an id of the account's own choice.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::check::lowered;
use super::moment::iso;
use super::refusal::{Answer, Flaw, Outcome, Refusal};
use super::state::{Kind, Record, State};

/// Addresses beside the first.
const OTHER_EMAILS_MAX: usize = 10;
/// Parameters of the list.
const LIST: &[&str] = &[
    "page",
    "per_page",
    "email",
    "mobile",
    "phone",
    "company_id",
    "unique_external_id",
    "state",
    "contact_type",
    "updated_since",
    "_updated_since",
];
/// Any of these makes a contact.
const IDENTITIES: [&str; 5] = ["email", "phone", "mobile", "twitter_id", "unique_external_id"];

fn filled(value: Option<&Value>) -> bool {
    value.is_some_and(|value| !value.is_null() && value.as_str() != Some(""))
}

/// Every address of a contact.
fn addresses(values: &Map<String, Value>) -> Vec<String> {
    let first = values.get("email").and_then(Value::as_str).map(str::to_lowercase);
    first.into_iter().chain(values.get("other_emails").map(lowered).unwrap_or_default()).collect()
}

impl State {
    /// A contact as single views show it, or as lists do, which leave much out.
    pub(crate) fn contact_shown(&self, record: &Record, list: bool) -> Value {
        let value = |name: &str| record.values.get(name).cloned().unwrap_or(Value::Null);
        let (first, last) =
            record.text("name").unwrap_or_default().split_once(' ').unwrap_or((record.text("name").unwrap_or_default(), ""));
        let mut shown = json!({
            "active": false, "address": value("address"), "company_id": value("company_id"),
            "view_all_tickets": record.values.get("view_all_tickets").and_then(Value::as_bool).unwrap_or(false),
            "description": value("description"), "email": value("email"), "id": record.id, "job_title": value("job_title"),
            "language": record.text("language").unwrap_or("en"), "mobile": value("mobile"), "name": value("name"), "phone": value("phone"),
            "time_zone": record.text("time_zone").unwrap_or("Eastern Time (US & Canada)"), "twitter_id": value("twitter_id"),
            "custom_fields": self.custom_shown(Kind::Contact, &record.custom), "facebook_id": null,
            "created_at": iso(record.created_ms), "updated_at": iso(record.updated_ms), "csat_rating": null, "preferred_source": null,
            "unique_external_id": value("unique_external_id"), "first_name": first, "last_name": last, "contact_type": "contact",
            "visitor_id": null, "org_contact_id": 1_700_000_000_000_000_000_u64 + record.id, "org_contact_id_str": null,
        });
        let others = record.values.get("other_companies").and_then(Value::as_array).cloned().unwrap_or_default();
        if list {
            shown["other_companies"] = others.iter().map(|other| other["company_id"].clone()).collect();
        } else {
            shown["other_companies"] = Value::Array(others);
            shown["tags"] = record.texts("tags").into();
            shown["other_emails"] = record.texts("other_emails").into();
            shown["other_phone_numbers"] = json!([]);
            shown["social_handler"] = json!([]);
            shown["avatar"] = Value::Null;
        }
        if record.deleted {
            shown["deleted"] = json!(true);
        }
        shown
    }

    fn check_contact(&self, body: &Map<String, Value>, id: Option<u64>) -> Result<super::check::Checked, Refusal> {
        let mut checked = self.check(Kind::Contact, body, id.is_none())?;
        let mut flaws = Vec::new();
        if id.is_none() {
            if !filled(checked.values.get("name")) {
                flaws.push(Flaw::missing("name"));
            }
            if !IDENTITIES.iter().any(|name| filled(checked.values.get(*name))) {
                flaws.push(Flaw::new(
                    "email",
                    "missing_field",
                    "Please fill at least 1 of email, mobile, phone, twitter_id, unique_external_id fields",
                ));
            }
        } else if checked.values.contains_key("name") && !filled(checked.values.get("name")) {
            flaws.push(Flaw::new("name", "invalid_value", "It should not be blank as this is a mandatory field"));
        }
        for name in ["email", "unique_external_id", "phone", "mobile", "twitter_id"] {
            if checked.values.get(name).and_then(Value::as_str) == Some("") {
                checked.values.insert(name.to_owned(), Value::Null);
            }
        }
        if let Some(email) = checked.values.get("email").and_then(Value::as_str) {
            let lower = email.trim().to_lowercase();
            if !lower.contains('@') {
                flaws.push(Flaw::new("email", "invalid_value", "It should be in the 'valid email address' format"));
            }
            checked.values.insert("email".to_owned(), json!(lower));
        }
        if let Some(others) = checked.values.get("other_emails").map(lowered) {
            if others.len() > OTHER_EMAILS_MAX {
                flaws.push(Flaw::new(
                    "other_emails",
                    "invalid_value",
                    format!("Has {} elements, it can have maximum of {OTHER_EMAILS_MAX} elements", others.len()),
                ));
            }
            checked.values.insert("other_emails".to_owned(), json!(others));
        }
        if let Some(company) = checked.values.get("company_id").and_then(Value::as_u64)
            && !self.records[Kind::Company.index()].contains_key(&company)
        {
            flaws.push(Flaw::new("company_id", "invalid_value", "There is no company matching the given company_id"));
        }
        if !flaws.is_empty() {
            return Err(Refusal::validation(&flaws));
        }
        for address in addresses(&checked.values) {
            let field = if checked.values.get("email").and_then(Value::as_str) == Some(&address) { "email" } else { "other_emails" };
            let agent = self.agents.iter().find(|agent| agent.email == address).map(|agent| agent.id);
            if let Some(holder) = self.by_email.get(&address).copied().or(agent).filter(|holder| Some(*holder) != id) {
                flaws.push(Flaw::taken(field, Some(holder)));
            }
        }
        if let Some(external) = checked.values.get("unique_external_id").and_then(Value::as_str)
            && let Some(holder) = self.by_external.get(external).filter(|holder| Some(**holder) != id)
        {
            flaws.push(Flaw::taken("unique_external_id", Some(*holder)));
        }
        if flaws.is_empty() { Ok(checked) } else { Err(Refusal::validation(&flaws)) }
    }

    /// Takes note of what a contact is found and listed by.
    fn claim(&mut self, id: u64) {
        let Some(record) = self.records[Kind::Contact.index()].get(&id) else { return };
        for address in addresses(&record.values) {
            self.by_email.insert(address, id);
        }
        if let Some(external) = record.values.get("unique_external_id").and_then(Value::as_str) {
            self.by_external.insert(external.to_owned(), id);
        }
    }

    /// Forgets what a contact is found by, before that changes.
    fn release(&mut self, id: u64) {
        let Some(record) = self.records[Kind::Contact.index()].get(&id) else { return };
        let (held, external) = (addresses(&record.values), record.text("unique_external_id").map(str::to_owned));
        for address in held.iter().filter(|address| self.by_email.get(*address) == Some(&id)).cloned().collect::<Vec<_>>() {
            self.by_email.remove(&address);
        }
        if let Some(external) = external.filter(|external| self.by_external.get(external) == Some(&id)) {
            self.by_external.remove(&external);
        }
    }

    /// Puts a contact in its place in lists, or takes it out of there, before its name changes.
    fn file(&mut self, id: u64, filed: bool) {
        let Some(record) = self.records[Kind::Contact.index()].get(&id) else { return };
        let place = (record.text("name").unwrap_or_default().to_lowercase(), id);
        if filed {
            self.by_name.insert(place);
        } else {
            self.by_name.remove(&place);
        }
    }

    /// Makes a contact. Without a company, the domain of its address decides.
    pub(crate) fn create_contact(&mut self, body: &Map<String, Value>) -> Result<u64, Refusal> {
        let mut checked = self.check_contact(body, None)?;
        if !checked.values.contains_key("company_id")
            && let Some((_, domain)) = checked.values.get("email").and_then(Value::as_str).and_then(|email| email.split_once('@'))
            && let Some(company) = self.company_by_domain.get(domain)
        {
            checked.values.insert("company_id".to_owned(), json!(company));
        }
        let id = self.next_id();
        self.insert(Kind::Contact, id, checked.values, checked.custom);
        self.claim(id);
        self.file(id, true);
        Ok(id)
    }

    /// Changes a contact.
    pub(crate) fn update_contact(&mut self, id: u64, body: &Map<String, Value>) -> Result<(), Refusal> {
        let held = self.record(Kind::Contact, id)?;
        if held.deleted || held.blocked {
            return Err(Refusal::method("PUT", "GET"));
        }
        let checked = self.check_contact(body, Some(id))?;
        self.release(id);
        self.file(id, false);
        self.change(Kind::Contact, id, checked);
        self.claim(id);
        self.file(id, true);
        Ok(())
    }

    /// Deletes a contact softly, or brings it back.
    pub(crate) fn delete_contact(&mut self, id: u64, deleted: bool) -> Result<(), Refusal> {
        if self.record(Kind::Contact, id)?.deleted == deleted {
            return Err(if deleted { Refusal::method("DELETE", "GET") } else { Refusal::missing() });
        }
        if let Some(record) = self.touch(Kind::Contact, id) {
            record.deleted = deleted;
        }
        Ok(())
    }

    /// Takes a contact out of everything but what belongs to it.
    pub(crate) fn forget_contact(&mut self, id: u64) {
        self.release(id);
        self.file(id, false);
        self.records[Kind::Contact.index()].remove(&id);
    }

    /// Erases a contact and every ticket of theirs.
    pub(crate) fn erase_contact(&mut self, id: u64, force: bool) -> Result<(), Refusal> {
        if !self.record(Kind::Contact, id)?.deleted && !force {
            return Err(Refusal { status: 400, body: Value::Null, retry_after: None });
        }
        self.forget_contact(id);
        self.records[Kind::Ticket.index()].retain(|_, ticket| ticket.number("requester_id") != Some(id));
        Ok(())
    }

    /// Merges contacts: the losers are deleted, keep their looks, and point nowhere; their addresses and tickets go over.
    pub(crate) fn merge_contacts(&mut self, primary: u64, losers: &[u64], given: &Map<String, Value>) -> Result<(), Refusal> {
        let missing = |field: &str| Refusal::flaw(Flaw::new(field, "invalid_value", "There is no contact matching the given id"));
        if !self.record(Kind::Contact, primary).is_ok_and(|record| !record.deleted) {
            return Err(missing("primary_contact_id"));
        }
        let mut moved = Vec::new();
        let mut externals = Vec::new();
        for id in losers {
            let Ok(loser) = self.record(Kind::Contact, *id) else { return Err(missing("secondary_contact_ids")) };
            if loser.deleted || *id == primary {
                return Err(missing("secondary_contact_ids"));
            }
            moved.extend(addresses(&loser.values));
            externals.extend(loser.text("unique_external_id").map(str::to_owned));
        }
        let own = self.record(Kind::Contact, primary)?.text("unique_external_id").map(str::to_owned);
        if own.iter().chain(&externals).count() > 1 && !given.contains_key("unique_external_id") {
            return Err(Refusal::flaw(Flaw::missing("unique_external_id")));
        }
        for id in losers {
            self.release(*id);
            if let Some(record) = self.touch(Kind::Contact, *id) {
                record.deleted = true;
                record.values.remove("unique_external_id");
            }
        }
        for ticket in self.records[Kind::Ticket.index()].values_mut() {
            if ticket.number("requester_id").is_some_and(|requester| losers.contains(&requester)) {
                ticket.values.insert("requester_id".to_owned(), json!(primary));
            }
        }
        self.release(primary);
        self.file(primary, false);
        if let Some(record) = self.touch(Kind::Contact, primary) {
            let mut others = record.texts("other_emails");
            others.extend(moved);
            if record.text("email").is_none() && !others.is_empty() {
                record.values.insert("email".to_owned(), json!(others.remove(0)));
            }
            record.values.insert("other_emails".to_owned(), json!(others));
            if let Some(external) = externals.first().filter(|_| own.is_none()) {
                record.values.insert("unique_external_id".to_owned(), json!(external));
            }
            record.values.extend(given.clone());
        }
        self.claim(primary);
        self.file(primary, true);
        Ok(())
    }

    fn list_contacts(&self, call: &Call) -> Outcome {
        call.only(LIST)?;
        if self.options.old_contact_filter && call.query("updated_since").is_some() {
            return Err(Refusal::flaw(Flaw::unknown("updated_since")));
        }
        let since = call.instant("updated_since")?.or(call.instant("_updated_since")?);
        let state = call.query("state");
        if let Some(state) = state.filter(|state| !["blocked", "deleted", "unverified", "verified"].contains(state)) {
            return Err(Refusal::flaw(Flaw::new("state", "invalid_value", format!("{state} is not a state of contacts"))));
        }
        let by_email = call.query("email").map(|email| self.by_email.get(&email.to_lowercase()).copied());
        let (company, since) = (call.query("company_id"), since.map(|since| since.div_euclid(1000)));
        let texts: Vec<(&str, &str)> =
            ["mobile", "phone", "unique_external_id"].into_iter().filter_map(|name| Some((name, call.query(name)?))).collect();
        let rows = self
            .by_name
            .iter()
            .filter_map(|(_, id)| self.records[Kind::Contact.index()].get(id))
            .filter(|record| match state {
                Some("deleted") => record.deleted,
                Some("blocked") => record.blocked && !record.deleted,
                // Nobody here ever answered the mail that asks for it.
                Some("verified") => false,
                _ => !record.deleted && !record.blocked,
            })
            // Nobody here came by the chat of the website.
            .filter(|_| call.query("contact_type").is_none_or(|wanted| wanted == "contact"))
            .filter(|record| by_email.is_none_or(|holder| holder == Some(record.id)))
            .filter(|record| texts.iter().all(|(name, wanted)| record.text(name) == Some(wanted)))
            .filter(|record| company.is_none_or(|id| record.number("company_id").map(|held| held.to_string()).as_deref() == Some(id)))
            .filter(|record| since.is_none_or(|since| record.updated_ms.div_euclid(1000) >= since));
        call.page(rows, usize::MAX, |record| self.contact_shown(record, true))
    }

    /// `/contacts/…`.
    pub(crate) fn contact_routes(&mut self, call: &Call, rest: &[&str]) -> Outcome {
        let number = |text: &str| text.parse::<u64>().map_err(|_| Refusal::missing());
        match (call.method.as_str(), rest) {
            ("GET", []) => self.list_contacts(call),
            ("POST", []) => {
                let id = self.create_contact(&call.body)?;
                let mut shown = self.contact_shown(self.record(Kind::Contact, id)?, false);
                shown["deleted"] = json!(false);
                Ok(Answer::created(shown, format!("{}/{id}", call.address)))
            }
            ("GET", ["autocomplete"]) => {
                let term = call.query("term").unwrap_or_default().to_lowercase();
                let begins = |record: &&Record| {
                    record.text("name").unwrap_or_default().to_lowercase().split_whitespace().any(|word| word.starts_with(&term))
                        || record.text("name").unwrap_or_default().to_lowercase().starts_with(&term)
                };
                let live = self.records[Kind::Contact.index()].values().filter(|record| !record.deleted && !record.blocked);
                Ok(Answer::ok(live.filter(begins).map(|record| json!({"id": record.id, "name": record.text("name")})).collect()))
            }
            ("POST", ["merge"]) => {
                let ids: Vec<u64> = call
                    .body
                    .get("secondary_contact_ids")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_u64)
                    .collect();
                let Some(primary) = call.body.get("primary_contact_id").and_then(Value::as_u64) else {
                    return Err(Refusal::flaw(Flaw::missing("primary_contact_id")));
                };
                let given = call.body.get("contact").and_then(Value::as_object).cloned().unwrap_or_default();
                self.merge_contacts(primary, &ids, &given)?;
                Ok(Answer::nothing())
            }
            ("GET", [id]) => Ok(Answer::ok(self.contact_shown(self.record(Kind::Contact, number(id)?)?, false))),
            ("PUT", [id]) => {
                let id = number(id)?;
                self.update_contact(id, &call.body)?;
                Ok(Answer::ok(self.contact_shown(self.record(Kind::Contact, id)?, false)))
            }
            ("DELETE", [id]) => self.delete_contact(number(id)?, true).map(|()| Answer::nothing()),
            ("PUT", [id, "restore"]) => self.delete_contact(number(id)?, false).map(|()| Answer::nothing()),
            ("PUT", [id, "make_agent"]) => self.make_agent(number(id)?),
            ("DELETE", [id, "hard_delete"]) => {
                self.erase_contact(number(id)?, call.query("force") == Some("true")).map(|()| Answer::nothing())
            }
            (method, [] | [_]) => Err(Refusal::method(method, if rest.is_empty() { "GET, POST" } else { "GET, PUT, DELETE" })),
            _ => Err(Refusal::missing()),
        }
    }
}
