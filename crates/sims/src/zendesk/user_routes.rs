//! Endpoints of users.

use serde_json::{Map, Value, json};

use super::call::{Call, id};
use super::identities;
use super::jobs::Task;
use super::moment::iso;
use super::page::{self, Listing, listing};
use super::record::{Kind, id_in};
use super::refusal::{Answer, Outcome, Refusal, Warned};
use super::state::State;
use super::users::User;

impl State {
    fn user_answer(&self, id: u64) -> Result<Value, Refusal> {
        let user = self.users.get(&id).ok_or_else(Refusal::missing)?;
        Ok(json!({"user": self.user_json(user)}))
    }

    /// Only staff may read or write other people's records.
    pub(crate) fn staff_only(&self, call: &Call) -> Result<(), Refusal> {
        if self.role(call.actor) == "end-user" { Err(Refusal::forbidden()) } else { Ok(()) }
    }

    /// Routes below `/users`.
    pub(crate) fn user_routes(&mut self, call: &Call) -> Outcome {
        let path = call.path();
        if let ("GET", ["users", "me"]) = (call.method.as_str(), path.as_slice()) {
            return self.me(call);
        }
        self.staff_only(call)?;
        match (call.method.as_str(), path.as_slice()) {
            ("GET", ["users"]) => self.list_users(call, |_| true),
            ("GET", ["organizations", organization, "users"]) => {
                let organization = id(organization)?;
                let members: Vec<u64> = self
                    .memberships_by_organization
                    .get(&organization)
                    .into_iter()
                    .flatten()
                    .filter_map(|held| self.memberships.get(held).map(|membership| membership.user))
                    .collect();
                self.list_users(call, |user| members.contains(&user.rec.id))
            }
            ("GET", ["groups", _, "users"]) => self.list_users(call, User::is_staff),
            ("GET", ["users", "count"]) => {
                let value = self.users.values().filter(|user| user.rec.deleted.is_none()).count();
                Ok(Answer::ok(json!({"count": {"value": value, "refreshed_at": iso(self.now())}})))
            }
            ("GET", ["users", "show_many"]) => {
                let ids = self.named_records(call, Kind::User)?;
                Ok(page::whole("users", ids.iter().filter_map(|id| self.users.get(id)).map(|user| self.user_json(user)).collect()))
            }
            ("GET", ["users", "search"]) => self.search_users(call),
            ("GET" | "POST", ["users", "autocomplete"]) => self.autocomplete(call, Kind::User),
            ("POST", ["users"]) => {
                let mut warned = Warned::default();
                let made = self.save_user(None, call.object("user")?, call.actor, &mut warned)?;
                self.take_user(made)?;
                Ok(Answer::created(self.user_answer(made)?, call.at(&format!("users/{made}.json"))).warned(&warned, "users", "create"))
            }
            ("POST", ["users", "create_or_update"]) => {
                let mut warned = Warned::default();
                let given = call.object("user")?;
                if let Some(known) = self.upsert_target(given) {
                    self.take_user(known)?;
                }
                let (made, fresh) = self.upsert_user(given, call.actor, &mut warned)?;
                if fresh {
                    self.take_user(made)?;
                }
                let answer = Answer::created(self.user_answer(made)?, call.at(&format!("users/{made}.json")));
                Ok(answer.status(if fresh { 201 } else { 200 }).warned(&warned, "users", "create_or_update"))
            }
            ("POST", ["users", "create_many"]) => self.enqueue(Task::Create(Kind::User), call.items("users")?.clone(), call.actor),
            ("POST", ["users", "create_or_update_many"]) => {
                if !self.options.bulk_import {
                    return Err(Refusal::forbidden());
                }
                self.enqueue(Task::Upsert(Kind::User), call.items("users")?.clone(), call.actor)
            }
            ("PUT", ["users", "update_many"]) => {
                let items = bulk_items(call, Kind::User)?;
                self.enqueue(Task::Update(Kind::User), items, call.actor)
            }
            ("DELETE", ["users", "destroy_many"]) => {
                let items = named_items(call)?;
                self.enqueue(Task::Delete(Kind::User), items, call.actor)
            }
            ("GET", ["users", which]) => Ok(Answer::ok(self.user_answer(id(which)?)?)),
            ("PUT", ["users", which]) => {
                let which = id(which)?;
                self.live_user(which).ok_or_else(Refusal::missing)?;
                self.take_user(which)?;
                let mut warned = Warned::default();
                self.save_user(Some(which), call.object("user")?, call.actor, &mut warned)?;
                Ok(Answer::ok(self.user_answer(which)?).warned(&warned, "users", "update"))
            }
            ("DELETE", ["users", which]) => {
                let which = id(which)?;
                self.delete_user(which, call.actor)?;
                Ok(Answer::ok(self.user_answer(which)?))
            }
            ("PUT", ["users", loser, "merge"]) => {
                let (loser, body) = (id(loser)?, call.object("user")?);
                let winner = match body.get("id").and_then(id_in) {
                    Some(winner) => winner,
                    None => self.upsert_target(body).ok_or_else(Refusal::missing)?,
                };
                self.merge_users(loser, winner, call.actor)?;
                Ok(Answer::ok(self.user_answer(winner)?))
            }
            ("GET", ["users", which, "related"]) => self.user_related(id(which)?),
            ("GET", ["users", which, "groups"]) => {
                let user = self.live_user(id(which)?).ok_or_else(Refusal::missing)?;
                let groups = if user.is_staff() { self.groups_json() } else { Vec::new() };
                Ok(page::whole("groups", groups))
            }
            ("GET", ["users", which, "compliance_deletion_statuses"]) => self.compliance(id(which)?),
            (_, ["users", _, "identities", ..]) => identities::routes(self, call),
            _ => Err(Refusal::no_route()),
        }
    }

    fn me(&self, call: &Call) -> Outcome {
        match self.users.get(&call.actor) {
            Some(user) => {
                let mut shown = self.user_json(user);
                shown["authenticity_token"] = Value::Null;
                Ok(Answer::ok(json!({"user": shown})))
            }
            None => {
                let mut shown = self.user_json(&User::default());
                shown["id"] = Value::Null;
                shown["url"] = Value::Null;
                shown["name"] = json!("Anonymous user");
                shown["email"] = json!("invalid@example.com");
                Ok(Answer::ok(json!({"user": shown})))
            }
        }
    }

    fn list_users(&self, call: &Call, keep: impl Fn(&User) -> bool) -> Outcome {
        let roles: Vec<&str> =
            call.query.iter().filter(|(key, _)| key == "role" || key == "role[]").map(|(_, value)| value.as_str()).collect();
        let external = call.q("external_id").map(str::to_lowercase);
        let sort = call.q("sort").unwrap_or("id");
        let by = sort.trim_start_matches('-');
        let keys = self
            .users
            .values()
            .filter(|user| user.rec.deleted.is_none() && keep(user))
            .filter(|user| roles.is_empty() || roles.contains(&user.role()))
            .filter(|user| {
                external.as_ref().is_none_or(|wanted| user.rec.text("external_id").is_some_and(|held| held.to_lowercase() == *wanted))
            })
            .map(|user| (sort_key(by, user.rec.created, user.rec.updated), user.rec.id))
            .collect();
        listing(call, Listing::ordered("users", keys, sort.starts_with('-')), |id| self.users.get(&id).map(|user| self.user_json(user)))
    }

    fn user_related(&self, user: u64) -> Outcome {
        self.users.get(&user).ok_or_else(Refusal::missing)?;
        let requested = self.tickets_by_requester.get(&user).map_or(0, std::collections::BTreeSet::len);
        let alive = || self.tickets.values().filter(|ticket| ticket.rec.deleted.is_none());
        let assigned = alive().filter(|ticket| ticket.rec.id_of("assignee_id") == Some(user)).count();
        let copied = alive().filter(|ticket| ticket.rec.ids_of("email_cc_ids").contains(&user)).count();
        let organizations = self.memberships_by_user.get(&user).map_or(0, Vec::len);
        Ok(Answer::ok(json!({"user_related": {
            "assigned_tickets": assigned, "requested_tickets": requested, "ccd_tickets": copied, "organization_subscriptions": organizations,
        }})))
    }

    fn compliance(&self, user: u64) -> Outcome {
        let (at, by) = self.erased.get(&user).ok_or_else(Refusal::missing)?;
        let step = |action: &str, application: &str| {
            json!({
                "action": action, "application": application, "account_subdomain": self.options.subdomain, "executer_id": by,
                "user_id": user, "created_at": iso(*at),
            })
        };
        let steps = vec![step("request_deletion", "all"), step("started", "support"), step("complete", "support")];
        Ok(Answer::ok(json!({"compliance_deletion_statuses": steps})))
    }

    /// Routes below `/deleted_users`.
    pub(crate) fn deleted_user_routes(&mut self, call: &Call) -> Outcome {
        self.staff_only(call)?;
        let gone =
            |state: &Self, id: u64| state.users.get(&id).filter(|user| user.rec.deleted.is_some()).cloned().ok_or_else(Refusal::missing);
        match (call.method.as_str(), call.path().as_slice()) {
            ("GET", ["deleted_users"]) => {
                let keys = self.users.values().filter(|user| user.rec.deleted.is_some()).map(|user| (0, user.rec.id)).collect();
                listing(call, Listing::ascending("deleted_users", keys), |id| self.users.get(&id).map(|user| self.deleted_user_json(user)))
            }
            ("GET", ["deleted_users", "count"]) => {
                let value = self.users.values().filter(|user| user.rec.deleted.is_some()).count();
                Ok(Answer::ok(json!({"count": {"value": value, "refreshed_at": iso(self.now())}})))
            }
            ("GET", ["deleted_users", which]) => {
                let user = gone(self, id(which)?)?;
                Ok(Answer::ok(json!({"deleted_user": self.deleted_user_json(&user)})))
            }
            ("DELETE", ["deleted_users", which]) => {
                if self.role(call.actor) != "admin" {
                    return Err(Refusal::forbidden());
                }
                let which = id(which)?;
                let shown = self.deleted_user_json(&gone(self, which)?);
                self.erase_user(which, call.actor)?;
                Ok(Answer::ok(json!({"deleted_user": shown})))
            }
            _ => Err(Refusal::no_route()),
        }
    }

    /// The records that `ids=` or `external_ids=` name, in that order, unknown ones left out.
    pub(crate) fn named_records(&self, call: &Call, kind: Kind) -> Result<Vec<u64>, Refusal> {
        if let Some(ids) = call.list("ids")? {
            return Ok(ids.iter().filter_map(|text| text.parse().ok()).collect());
        }
        let external = call.list("external_ids")?.ok_or_else(|| Refusal::parameter("ids"))?;
        Ok(external.iter().filter_map(|text| self.by_external(kind, text)).collect())
    }
}

/// Sort keys of record lists; an unknown word sorts by id.
pub(crate) fn sort_key(by: &str, created: i64, updated: i64) -> i64 {
    match by {
        "updated_at" => updated,
        "created_at" => created,
        _ => 0,
    }
}

/// Items that name records by `ids=` or `external_ids=`.
pub(crate) fn named_items(call: &Call) -> Result<Vec<Value>, Refusal> {
    if let Some(ids) = call.list("ids")? {
        return Ok(ids.into_iter().map(|id| json!({"id": id})).collect());
    }
    let external = call.list("external_ids")?.ok_or_else(|| Refusal::parameter("ids"))?;
    Ok(external.into_iter().map(|external| json!({"external_id": external})).collect())
}

/// Both forms of `update_many`: one patch for many ids, or many patches.
pub(crate) fn bulk_items(call: &Call, kind: Kind) -> Result<Vec<Value>, Refusal> {
    let Ok(patch) = call.object(kind.singular()) else { return call.items(kind.plural()).cloned() };
    let named = named_items(call)?;
    // A patch that is applied to records named by external id must not carry that name on as a change.
    Ok(named
        .into_iter()
        .map(|name| {
            let mut item: Map<String, Value> = patch.clone();
            if let Value::Object(name) = name {
                item.extend(name);
            }
            Value::Object(item)
        })
        .collect())
}
