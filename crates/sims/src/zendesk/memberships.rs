//! Who belongs to which organization.

use serde_json::{Map, Value, json};

use super::attributes::USER;
use super::call::{Call, id};
use super::jobs::Task;
use super::moment::iso;
use super::page::{Listing, listing};
use super::record::{Val, id_in};
use super::refusal::{Answer, Outcome, Refusal};
use super::state::{State, Touch};

/// A user in an organization.
#[derive(Debug, Clone)]
pub(crate) struct Membership {
    pub(crate) id: u64,
    pub(crate) user: u64,
    pub(crate) organization: u64,
    pub(crate) default: bool,
    created: i64,
    updated: i64,
}

impl State {
    pub(crate) fn membership_json(&self, membership: &Membership) -> Value {
        let name = self.organizations.get(&membership.organization).and_then(|organization| organization.text("name"));
        json!({
            "url": self.url(&format!("organization_memberships/{}", membership.id)), "id": membership.id, "user_id": membership.user,
            "organization_id": membership.organization, "default": membership.default, "created_at": iso(membership.created),
            "organization_name": name, "updated_at": iso(membership.updated), "view_tickets": false,
        })
    }

    fn link(&mut self, user: u64, organization: u64, default: bool) -> u64 {
        let (id, now) = (self.next_id(), self.now());
        self.memberships.insert(id, Membership { id, user, organization, default, created: now, updated: now });
        self.memberships_by_user.entry(user).or_default().push(id);
        self.memberships_by_organization.entry(organization).or_default().insert(id);
        self.membership_event(user, organization, true);
        id
    }

    fn unlink(&mut self, id: u64) -> Option<Membership> {
        let gone = self.memberships.remove(&id)?;
        if let Some(ids) = self.memberships_by_user.get_mut(&gone.user) {
            ids.retain(|held| *held != id);
        }
        if let Some(ids) = self.memberships_by_organization.get_mut(&gone.organization) {
            ids.remove(&id);
        }
        self.membership_event(gone.user, gone.organization, false);
        Some(gone)
    }

    fn held(&self, user: u64) -> Vec<u64> {
        self.memberships_by_user.get(&user).cloned().unwrap_or_default()
    }

    /// After a user's default organization was written: its default membership moves there.
    pub(crate) fn replace_default_membership(&mut self, user: u64, organization: Option<u64>) {
        let held = self.held(user);
        let now = self.now();
        let existing = held.iter().copied().find(|id| self.memberships.get(id).map(|held| held.organization) == organization);
        for id in &held {
            let Some(membership) = self.memberships.get_mut(id) else { continue };
            if Some(*id) == existing {
                if !membership.default {
                    (membership.default, membership.updated) = (true, now);
                }
            } else if membership.default {
                if existing.is_some() {
                    (membership.default, membership.updated) = (false, now);
                } else {
                    self.unlink(*id);
                }
            }
        }
        if let (Some(organization), None) = (organization, existing) {
            self.link(user, organization, true);
        }
    }

    /// Silently forgets the memberships of a user that goes.
    pub(crate) fn drop_memberships(&mut self, user: u64) {
        for id in self.memberships_by_user.remove(&user).unwrap_or_default() {
            if let Some(gone) = self.memberships.remove(&id)
                && let Some(ids) = self.memberships_by_organization.get_mut(&gone.organization)
            {
                ids.remove(&id);
            }
        }
    }

    /// Moves memberships to the winner of a merge; returns the loser's default organization.
    pub(crate) fn move_memberships(&mut self, loser: u64, winner: u64) -> Option<u64> {
        let mut default = None;
        let mut has_default = self.held(winner).iter().any(|id| self.memberships.get(id).is_some_and(|held| held.default));
        for id in self.held(loser) {
            let Some(gone) = self.unlink(id) else { continue };
            if gone.default {
                default = Some(gone.organization);
            }
            let known =
                self.held(winner).iter().any(|id| self.memberships.get(id).is_some_and(|held| held.organization == gone.organization));
            if !known {
                let first = gone.default && !has_default;
                self.link(winner, gone.organization, first);
                has_default |= first;
            }
        }
        default
    }

    /// Ends every membership of an organization that goes; its users lose it as their default without an author.
    pub(crate) fn dissolve(&mut self, organization: u64, into: Option<u64>) {
        let ids: Vec<u64> = self.memberships_by_organization.get(&organization).into_iter().flatten().copied().collect();
        for id in ids {
            let Some(gone) = self.unlink(id) else { continue };
            let now = self.now();
            let known = self.held(gone.user).into_iter().find(|id| self.memberships.get(id).map(|held| held.organization) == into);
            match (into, known.and_then(|id| self.memberships.get_mut(&id))) {
                (Some(into), None) => drop(self.link(gone.user, into, gone.default)),
                (Some(_), Some(held)) if gone.default => (held.default, held.updated) = (true, now),
                _ => {}
            }
            if gone.default
                && let Some(mut user) = self.users.get(&gone.user).cloned()
            {
                user.rec.put(USER, "organization_id", Val::id(into));
                self.commit_user(user, Touch::System, 0);
            }
        }
        self.memberships_by_organization.remove(&organization);
    }

    pub(crate) fn create_membership(&mut self, given: &Map<String, Value>, by: u64) -> Result<u64, Refusal> {
        let user = given.get("user_id").and_then(id_in).filter(|id| self.live_user(*id).is_some());
        let organization = given.get("organization_id").and_then(id_in).filter(|id| self.organizations.contains_key(id));
        let user = user.ok_or_else(|| Refusal::invalid("user", "User: cannot be blank", "BlankValue"))?;
        let organization = organization.ok_or_else(|| Refusal::invalid("organization", "Organization: cannot be blank", "BlankValue"))?;
        let held = self.held(user);
        if held.iter().any(|id| self.memberships.get(id).is_some_and(|held| held.organization == organization)) {
            return Err(Refusal::invalid("user_id", "User: has already been taken", "DuplicateValue"));
        }
        let default = held.is_empty() || given.get("default") == Some(&Value::Bool(true));
        let id = self.link(user, organization, default);
        if default {
            self.make_default(id, by)?;
        }
        Ok(id)
    }

    fn make_default(&mut self, id: u64, by: u64) -> Result<(), Refusal> {
        let chosen = self.memberships.get(&id).cloned().ok_or_else(Refusal::missing)?;
        let now = self.now();
        for held in self.held(chosen.user) {
            if let Some(membership) = self.memberships.get_mut(&held) {
                let default = held == id;
                if membership.default != default {
                    (membership.default, membership.updated) = (default, now);
                }
            }
        }
        if let Some(mut user) = self.users.get(&chosen.user).cloned() {
            user.rec.put(USER, "organization_id", Val::id(Some(chosen.organization)));
            self.commit_user(user, Touch::Person, by);
        }
        Ok(())
    }

    pub(crate) fn delete_membership(&mut self, id: u64, by: u64) -> Result<(), Refusal> {
        let gone = self.unlink(id).ok_or_else(Refusal::missing)?;
        if gone.default {
            match self.held(gone.user).first().copied() {
                Some(next) => self.make_default(next, by)?,
                None => {
                    if let Some(mut user) = self.users.get(&gone.user).cloned() {
                        user.rec.put(USER, "organization_id", Val::Null);
                        self.commit_user(user, Touch::Person, by);
                    }
                }
            }
        }
        Ok(())
    }

    fn membership_list(&self, call: &Call, ids: impl Iterator<Item = u64>) -> Outcome {
        let keys = ids.map(|id| (0, id)).collect();
        listing(call, Listing::ascending("organization_memberships", keys), |id| {
            self.memberships.get(&id).map(|membership| self.membership_json(membership))
        })
    }

    /// Routes of memberships: account-wide, per user and per organization.
    pub(crate) fn membership_routes(&mut self, call: &Call) -> Outcome {
        let shown = |state: &Self, id: u64| {
            let membership = state.memberships.get(&id).ok_or_else(Refusal::missing)?;
            Ok(json!({"organization_membership": state.membership_json(membership)}))
        };
        match (call.method.as_str(), call.path().as_slice()) {
            ("GET", ["organization_memberships"]) => self.membership_list(call, self.memberships.keys().copied()),
            ("GET", ["users", user, "organization_memberships"]) => {
                let user = id(user)?;
                self.live_user(user).ok_or_else(Refusal::missing)?;
                self.membership_list(call, self.held(user).into_iter())
            }
            ("GET", ["organizations", organization, "organization_memberships"]) => {
                let organization = id(organization)?;
                self.organizations.get(&organization).ok_or_else(Refusal::missing)?;
                let ids = self.memberships_by_organization.get(&organization).into_iter().flatten().copied();
                self.membership_list(call, ids)
            }
            ("POST", ["organization_memberships"] | ["users", _, "organization_memberships"]) => {
                let mut given = call.object("organization_membership")?.clone();
                if let ["users", user, _] = call.path().as_slice() {
                    given.insert("user_id".to_owned(), json!(id(user)?));
                }
                let made = self.create_membership(&given, call.actor)?;
                let location = call.at(&format!("organization_memberships/{made}.json"));
                Ok(Answer::created(shown(self, made)?, location))
            }
            ("POST", ["organization_memberships", "create_many"]) => {
                self.enqueue(Task::Link, call.items("organization_memberships")?.clone(), call.actor)
            }
            ("DELETE", ["organization_memberships", "destroy_many"]) => {
                let ids = call.list("ids")?.ok_or_else(|| Refusal::parameter("ids"))?;
                self.enqueue(Task::Unlink, ids.iter().map(|id| json!({"id": id})).collect(), call.actor)
            }
            ("GET", ["organization_memberships", which] | ["users", _, "organization_memberships", which]) => {
                Ok(Answer::ok(shown(self, id(which)?)?))
            }
            ("DELETE", ["organization_memberships", which] | ["users", _, "organization_memberships", which]) => {
                self.delete_membership(id(which)?, call.actor)?;
                Ok(Answer::empty())
            }
            ("PUT", ["users", user, "organization_memberships", which, "make_default"]) => {
                let (user, which) = (id(user)?, id(which)?);
                self.memberships.get(&which).filter(|held| held.user == user).ok_or_else(Refusal::missing)?;
                self.make_default(which, call.actor)?;
                self.membership_list(call, self.held(user).into_iter())
            }
            _ => Err(Refusal::no_route()),
        }
    }

    /// A new e-mail domain of an organization takes in the users of that domain who have none.
    pub(crate) fn adopt_domain(&mut self, organization: u64, domain: &str) {
        let ids: Vec<u64> = self.users_by_domain.get(domain).into_iter().flatten().copied().collect();
        for id in ids {
            let Some(mut user) = self.live_user(id).filter(|user| !user.is_staff()).cloned() else { continue };
            if user.rec.id_of("organization_id").is_none() {
                user.rec.put(USER, "organization_id", Val::id(Some(organization)));
                self.commit_user(user, Touch::System, 0);
                self.replace_default_membership(id, Some(organization));
            }
        }
    }
}
