//! Organizations: validation, merging, endpoints.

use serde_json::{Map, Value, json};

use super::attributes::{ORGANIZATION, TICKET};
use super::call::{Call, id};
use super::fields;
use super::jobs::Task;
use super::moment::iso;
use super::page::{self, Listing, listing};
use super::record::{Kind, Record, Shape, Val, attribute, coerce, id_in};
use super::refusal::{Answer, Outcome, Problems, Refusal, Warned};
use super::state::{Action, State, Touch};
use super::user_routes::{bulk_items, named_items, sort_key};

/// A merge of two organizations, done in the background.
#[derive(Debug, Clone)]
pub(crate) struct OrganizationMerge {
    id: String,
    loser: u64,
    winner: u64,
    due_ms: i64,
    by: u64,
    done: bool,
}

/// The e-mail domains of an organization, in lower case.
pub(crate) fn domains(organization: &Record) -> Vec<String> {
    match organization.get("domain_names") {
        Val::Json(value) => value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_lowercase).collect(),
        _ => Vec::new(),
    }
}

impl State {
    pub(crate) fn organization_json(&self, record: &Record) -> Value {
        let mut shown = Map::with_capacity(ORGANIZATION.len());
        for attr in ORGANIZATION {
            let value = match attr.name {
                "url" => json!(self.url(&format!("organizations/{}", record.id))),
                "id" => json!(record.id),
                "created_at" => json!(iso(record.created)),
                "updated_at" => json!(iso(record.updated)),
                "tags" => record.tags_json(),
                "organization_fields" => self.field_map(Kind::Organization, record),
                _ => record.shown(attr),
            };
            shown.insert(attr.name.to_owned(), value);
        }
        Value::Object(shown)
    }

    /// The organization of that name, made when there is none.
    pub(crate) fn organization_named(&mut self, name: &str, by: u64) -> Result<u64, Refusal> {
        if let Some(id) = self.organization_by_name.get(name.to_lowercase().as_str()) {
            return Ok(*id);
        }
        let given = Map::from_iter([("name".to_owned(), json!(name))]);
        self.save_organization(None, &given, by, &mut Warned::default())
    }

    pub(crate) fn save_organization(
        &mut self,
        id: Option<u64>,
        given: &Map<String, Value>,
        by: u64,
        warned: &mut Warned,
    ) -> Result<u64, Refusal> {
        let fresh = id.is_none();
        let mut record = match id {
            Some(id) => self.organizations.get(&id).cloned().ok_or_else(Refusal::missing)?,
            None => Record::new(self.next_id(), self.now()),
        };
        let id = record.id;
        let mut problems = Problems::default();
        if let Some(tags) = given.get("tags") {
            record.tags = fields::parse_tags(tags);
            fields::follow_tags(self.fields_of(Kind::Organization), &mut record);
        }
        for (key, value) in given {
            match key.as_str() {
                "tags" => {}
                "organization_fields" => {
                    if let Some(map) = value.as_object() {
                        fields::apply_map(self.fields_of(Kind::Organization), Kind::Organization, &mut record, map, &mut problems, warned);
                    }
                }
                "external_id" => match coerce(Shape::Text, value) {
                    Ok(text) => {
                        let other = text.as_str().and_then(|text| self.by_external(Kind::Organization, text));
                        if other.is_some_and(|other| other != id) {
                            let sentence = format!("External: {} has already been taken", text.as_str().unwrap_or_default());
                            problems.add("external_id", &sentence, "DuplicateValue");
                        } else {
                            record.put(ORGANIZATION, "external_id", text);
                        }
                    }
                    Err(reason) => problems.add("external_id", &format!("External: {reason}"), "InvalidValue"),
                },
                "name" => {
                    let name = value.as_str().map(str::trim).unwrap_or_default();
                    let other = self.organization_by_name.get(name.to_lowercase().as_str());
                    if other.is_some_and(|other| *other != id) {
                        problems.add("name", &format!("Name: {name} has already been taken"), "DuplicateValue");
                    }
                    record.put(ORGANIZATION, "name", if name.is_empty() { Val::Null } else { Val::text(name) });
                }
                _ => match attribute(ORGANIZATION, key).filter(|attr| attr.write) {
                    Some(attr) => match coerce(attr.shape, value) {
                        Ok(value) => record.set(attr, value),
                        Err(reason) => problems.add(key, &format!("{}: {reason}", super::users::title(key)), "InvalidValue"),
                    },
                    None if key == "id" && !fresh => {}
                    None => warned.key("organization", key),
                },
            }
        }
        if record.text("name").is_none() {
            problems.add("name", "Name: cannot be blank", "BlankValue");
        }
        problems.check()?;
        let known = self.organizations.get(&id).map(domains).unwrap_or_default();
        let added: Vec<String> = domains(&record).into_iter().filter(|domain| !known.contains(domain)).collect();
        self.commit_organization(record, Touch::Person, by);
        for domain in added {
            self.adopt_domain(id, &domain);
        }
        Ok(id)
    }

    /// Creates or updates by id or external id, never by name.
    pub(crate) fn upsert_organization(&mut self, given: &Map<String, Value>, by: u64, warned: &mut Warned) -> Result<(u64, bool), Refusal> {
        let found = match given.get("id").and_then(id_in) {
            Some(id) if self.organizations.contains_key(&id) => Some(id),
            Some(_) => return Err(Refusal::missing()),
            None => given.get("external_id").and_then(Value::as_str).and_then(|text| self.by_external(Kind::Organization, text)),
        };
        let id = self.save_organization(found, given, by, warned)?;
        Ok((id, found.is_none()))
    }

    /// Deletes: gone at once from lists and exports; its users and tickets lose it without an author.
    pub(crate) fn delete_organization(&mut self, id: u64, by: u64) -> Result<(), Refusal> {
        self.organizations.get(&id).ok_or_else(Refusal::missing)?;
        self.leave_organization(id, None);
        self.remove_organization(id, Action::Deleted, by);
        Ok(())
    }

    fn leave_organization(&mut self, id: u64, into: Option<u64>) {
        self.dissolve(id, into);
        let tickets: Vec<Record> = self
            .tickets
            .values()
            .filter(|ticket| ticket.rec.id_of("organization_id") == Some(id))
            .map(|ticket| ticket.rec.clone())
            .collect();
        for mut record in tickets {
            record.put(TICKET, "organization_id", Val::id(into));
            self.commit_ticket(record, Touch::System, 0);
        }
    }

    /// Starts a merge; it is carried out when due.
    pub(crate) fn start_organization_merge(&mut self, loser: u64, winner: u64, by: u64) -> Result<String, Refusal> {
        self.organizations.get(&loser).ok_or_else(Refusal::missing)?;
        if !self.organizations.contains_key(&winner) || loser == winner {
            return Err(Refusal::invalid("winner_id", "Winner: is invalid", "InvalidValue"));
        }
        let id = self.ulid();
        let due_ms = self.now_ms + i64::try_from(self.options.profile.job_ms).unwrap_or_default();
        self.organization_merges.insert(id.clone(), OrganizationMerge { id: id.clone(), loser, winner, due_ms, by, done: false });
        Ok(id)
    }

    pub(crate) fn run_due_merges(&mut self) {
        let now = self.now_ms;
        let due: Vec<OrganizationMerge> =
            self.organization_merges.values().filter(|merge| !merge.done && merge.due_ms <= now).cloned().collect();
        for merge in due {
            self.now_ms = merge.due_ms;
            self.merge_organizations_now(merge.loser, merge.winner, merge.by);
            if let Some(merge) = self.organization_merges.get_mut(&merge.id) {
                merge.done = true;
            }
        }
        self.now_ms = now;
    }

    fn merge_organizations_now(&mut self, loser: u64, winner: u64, by: u64) {
        let (Some(lost), Some(mut kept)) = (self.organizations.get(&loser).cloned(), self.organizations.get(&winner).cloned()) else {
            return;
        };
        let mut names = domains(&kept);
        names.extend(domains(&lost));
        names.dedup();
        for tag in &lost.tags {
            kept.add_tag(tag);
        }
        kept.put(ORGANIZATION, "domain_names", Val::Json(Box::new(json!(names))));
        self.leave_organization(loser, Some(winner));
        self.remove_organization(loser, Action::Merged, by);
        self.commit_organization(kept, Touch::Person, by);
    }

    fn merge_json(&self, merge: &OrganizationMerge) -> Value {
        json!({
            "id": merge.id, "loser_id": merge.loser, "winner_id": merge.winner, "status": if merge.done { "complete" } else { "new" },
            "url": self.url(&format!("organization_merges/{}", merge.id)),
        })
    }

    fn organization_answer(&self, id: u64) -> Result<Value, Refusal> {
        let record = self.organizations.get(&id).ok_or_else(Refusal::missing)?;
        Ok(json!({"organization": self.organization_json(record)}))
    }

    /// Routes below `/organizations` and `/organization_merges`.
    pub(crate) fn organization_routes(&mut self, call: &Call) -> Outcome {
        self.staff_only(call)?;
        match (call.method.as_str(), call.path().as_slice()) {
            ("GET", ["organizations"]) => {
                let sort = call.q("sort").unwrap_or("id");
                let by = sort.trim_start_matches('-');
                let keys = self.organizations.values().map(|held| (sort_key(by, held.created, held.updated), held.id)).collect();
                listing(call, Listing::ordered("organizations", keys, sort.starts_with('-')), |id| {
                    self.organizations.get(&id).map(|held| self.organization_json(held))
                })
            }
            ("GET", ["users", user, "organizations"]) => {
                let user = id(user)?;
                let ids = self.memberships_by_user.get(&user).into_iter().flatten();
                let ids = ids.filter_map(|id| self.memberships.get(id).map(|held| held.organization)).collect();
                listing(call, Listing::as_is("organizations", ids), |id| {
                    self.organizations.get(&id).map(|held| self.organization_json(held))
                })
            }
            ("GET", ["organizations", "count"]) => {
                Ok(Answer::ok(json!({"count": {"value": self.organizations.len(), "refreshed_at": iso(self.now())}})))
            }
            ("GET", ["organizations", "show_many"]) => {
                let ids = self.named_records(call, Kind::Organization)?;
                let list = ids.iter().filter_map(|id| self.organizations.get(id)).map(|held| self.organization_json(held)).collect();
                Ok(page::whole("organizations", list))
            }
            ("GET", ["organizations", "search"]) => self.search_organizations(call),
            ("GET" | "POST", ["organizations", "autocomplete"]) => self.autocomplete(call, Kind::Organization),
            ("POST", ["organizations"]) => {
                let mut warned = Warned::default();
                let made = self.save_organization(None, call.object("organization")?, call.actor, &mut warned)?;
                let location = call.at(&format!("organizations/{made}.json"));
                Ok(Answer::created(self.organization_answer(made)?, location).warned(&warned, "organizations", "create"))
            }
            ("POST", ["organizations", "create_or_update"]) => {
                let mut warned = Warned::default();
                let (made, fresh) = self.upsert_organization(call.object("organization")?, call.actor, &mut warned)?;
                let answer = Answer::created(self.organization_answer(made)?, call.at(&format!("organizations/{made}.json")));
                Ok(answer.status(if fresh { 201 } else { 200 }).warned(&warned, "organizations", "create_or_update"))
            }
            ("POST", ["organizations", "create_many"]) => {
                self.enqueue(Task::Create(Kind::Organization), call.items("organizations")?.clone(), call.actor)
            }
            ("PUT", ["organizations", "update_many"]) => {
                let items = bulk_items(call, Kind::Organization)?;
                self.enqueue(Task::Update(Kind::Organization), items, call.actor)
            }
            ("DELETE", ["organizations", "destroy_many"]) => {
                let items = named_items(call)?;
                self.enqueue(Task::Delete(Kind::Organization), items, call.actor)
            }
            ("GET", ["organizations", which]) => Ok(Answer::ok(self.organization_answer(id(which)?)?)),
            ("PUT", ["organizations", which]) => {
                let which = id(which)?;
                let mut warned = Warned::default();
                self.save_organization(Some(which), call.object("organization")?, call.actor, &mut warned)?;
                Ok(Answer::ok(self.organization_answer(which)?).warned(&warned, "organizations", "update"))
            }
            ("DELETE", ["organizations", which]) => {
                self.delete_organization(id(which)?, call.actor)?;
                Ok(Answer::empty())
            }
            ("GET", ["organizations", which, "related"]) => {
                let which = id(which)?;
                self.organizations.get(&which).ok_or_else(Refusal::missing)?;
                let users = self.memberships_by_organization.get(&which).map_or(0, std::collections::BTreeSet::len);
                let tickets = self.tickets.values().filter(|ticket| ticket.rec.id_of("organization_id") == Some(which)).count();
                Ok(Answer::ok(json!({"organization_related": {"users_count": users, "tickets_count": tickets}})))
            }
            ("PUT", ["organizations", loser, "merge"]) => {
                let winner = call.object("organization_merge")?.get("winner_id").and_then(id_in).unwrap_or_default();
                let merge = self.start_organization_merge(id(loser)?, winner, call.actor)?;
                let shown = self.organization_merges.get(&merge).map(|merge| self.merge_json(merge));
                Ok(Answer::created(json!({"organization_merge": shown}), call.at(&format!("organization_merges/{merge}.json"))))
            }
            ("GET", ["organizations", which, "merges"]) => {
                let which = id(which)?;
                let list = self.organization_merges.values().filter(|merge| merge.winner == which || merge.loser == which);
                Ok(page::whole("organization_merges", list.map(|merge| self.merge_json(merge)).collect()))
            }
            ("GET", ["organization_merges", which]) => {
                let merge = self.organization_merges.get(*which).ok_or_else(Refusal::missing)?;
                Ok(Answer::ok(json!({"organization_merge": self.merge_json(merge)})))
            }
            _ => Err(Refusal::no_route()),
        }
    }
}
