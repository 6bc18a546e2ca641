//! Whose hand a vendor's user is.

use std::collections::BTreeMap;

use entente_model::actor::Actor;

/// Actors by the vendor's user id, as the setting `actors` tells.
#[derive(Debug, Clone)]
pub(crate) struct Actors {
    users: BTreeMap<String, Actor>,
    /// The one spelling of an id.
    spelled: fn(&str) -> String,
}

impl Actors {
    /// Reads the setting: ids of users by kind.
    pub fn new(setting: &BTreeMap<String, Vec<String>>, spelled: fn(&str) -> String) -> Self {
        let mut users = BTreeMap::new();
        for (kind, ids) in setting {
            let actor = match kind.as_str() {
                "self_service" | "customer" => Actor::Customer,
                "automation" => Actor::Automation,
                "integration" | "us" => Actor::Us,
                "support" => Actor::Support,
                "sales" => Actor::Sales,
                _ => Actor::Unknown,
            };
            users.extend(ids.iter().map(|id| (spelled(id), actor)));
        }
        Self { users, spelled }
    }

    /// Who a user of a CRM is: a listed kind, ourselves, or a sales person.
    pub fn of(&self, user: Option<&str>, ours: &str) -> Actor {
        let Some(user) = user.filter(|user| !user.is_empty()) else { return Actor::Unknown };
        let user = (self.spelled)(user);
        match self.users.get(&user) {
            Some(actor) => *actor,
            None if user == ours => Actor::Us,
            None => Actor::Sales,
        }
    }
}
