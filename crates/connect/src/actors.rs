//! Whose hand a vendor's user is.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use entente_model::actor::Actor;

/// Actors by the vendor's user id.
#[derive(Debug)]
pub(crate) struct Actors {
    /// Users that the settings list.
    listed: BTreeMap<String, Actor>,
    /// The account's own users, once they were read.
    people: RwLock<BTreeMap<String, Actor>>,
    /// The one spelling of an id.
    spelled: fn(&str) -> String,
}

impl Actors {
    /// Reads the setting `actors`: vendor ids of users by kind.
    pub fn new(setting: &BTreeMap<String, Vec<String>>, spelled: fn(&str) -> String) -> Self {
        let mut listed = BTreeMap::new();
        for (kind, ids) in setting {
            let actor = match kind.as_str() {
                "self_service" | "customer" => Actor::Customer,
                "automation" | "integration" => Actor::Automation,
                "us" => Actor::Us,
                "support" => Actor::Support,
                "sales" => Actor::Sales,
                _ => Actor::Unknown,
            };
            listed.extend(ids.iter().map(|id| (spelled(id), actor)));
        }
        Self { listed, people: RwLock::default(), spelled }
    }

    /// Takes in who the account's users are.
    pub fn learn(&self, people: BTreeMap<String, Actor>) {
        *self.people.write().unwrap_or_else(PoisonError::into_inner) = people;
    }

    /// Who a user is: ourselves, of a listed kind, or what the account says of them; unknown where none of that tells.
    pub fn of(&self, user: Option<&str>, ours: &str) -> Actor {
        let Some(user) = user.filter(|user| !user.is_empty()) else { return Actor::Unknown };
        let user = (self.spelled)(user);
        if user == ours {
            return Actor::Us;
        }
        let learnt = || self.people.read().unwrap_or_else(PoisonError::into_inner).get(&user).copied();
        self.listed.get(&user).copied().or_else(learnt).unwrap_or(Actor::Unknown)
    }
}
