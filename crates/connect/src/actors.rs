//! Whose hand a vendor's user is.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use entente_model::actor::{Actor, ChangeMark, UserId};
use entente_model::clock::Timestamp;

/// Users whom ids were asked for that are kept, at most: when there are more, they are forgotten and asked for again as they turn up.
const MET_MAX: usize = 50_000;

/// Actors by the vendor's user id.
#[derive(Debug)]
pub(crate) struct Actors {
    /// Users that the settings list.
    listed: BTreeMap<String, Actor>,
    /// The account's own users, once they were read.
    people: RwLock<BTreeMap<String, Actor>>,
    /// Users beside them who were asked for by their ids, for an account may have more of them than can be listed.
    met: RwLock<BTreeMap<String, Actor>>,
    /// What people call users, as far as the account's own list tells.
    names: RwLock<BTreeMap<String, String>>,
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
        Self { listed, people: RwLock::default(), met: RwLock::default(), names: RwLock::default(), spelled }
    }

    /// Takes in who the account's users are. Who was met beside them is asked for anew: a user may have become another since.
    pub fn learn(&self, people: BTreeMap<String, Actor>) {
        *self.people.write().unwrap_or_else(PoisonError::into_inner) = people;
        self.met.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Takes in what people call users, by their ids: names, or addresses.
    pub fn call(&self, names: BTreeMap<String, String>) {
        let known = names.into_iter().filter(|(_, name)| !name.is_empty()).map(|(id, name)| ((self.spelled)(&id), name)).collect();
        *self.names.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// What people call a user, if it is known.
    pub fn name(&self, user: &str) -> Option<String> {
        self.names.read().unwrap_or_else(PoisonError::into_inner).get(&(self.spelled)(user)).cloned()
    }

    /// The mark of a change by a user. Of the customer and of ourselves the user says nothing beside the hand.
    pub fn mark(&self, at: Option<Timestamp>, user: Option<&str>, ours: &str) -> ChangeMark {
        let by = self.of(user, ours);
        let user = user.filter(|_| !matches!(by, Actor::Customer | Actor::Us));
        ChangeMark { at, by, who: user.and_then(|user| UserId::new(&(self.spelled)(user))) }
    }

    /// Takes in who users are that were asked for by their ids; of whom nothing was learnt stays unknown and is not asked for again.
    pub fn meet(&self, more: BTreeMap<String, Actor>) {
        let mut met = self.met.write().unwrap_or_else(PoisonError::into_inner);
        if met.len() + more.len() > MET_MAX {
            met.clear();
        }
        met.extend(more);
    }

    /// Whether a user is in no list and was not met, although the account's own users are known.
    pub fn is_stranger(&self, user: &str, ours: &str) -> bool {
        let user = (self.spelled)(user);
        if user.is_empty() || user == ours || self.listed.contains_key(&user) {
            return false;
        }
        let people = self.people.read().unwrap_or_else(PoisonError::into_inner);
        let met = self.met.read().unwrap_or_else(PoisonError::into_inner);
        !people.is_empty() && !people.contains_key(&user) && !met.contains_key(&user)
    }

    /// Who a user is: ourselves, of a listed kind, or what the account says of them; unknown where none of that tells.
    pub fn of(&self, user: Option<&str>, ours: &str) -> Actor {
        let Some(user) = user.filter(|user| !user.is_empty()) else { return Actor::Unknown };
        let user = (self.spelled)(user);
        if user == ours {
            return Actor::Us;
        }
        let learnt = |of: &RwLock<BTreeMap<String, Actor>>| of.read().unwrap_or_else(PoisonError::into_inner).get(&user).copied();
        self.listed.get(&user).copied().or_else(|| learnt(&self.people)).or_else(|| learnt(&self.met)).unwrap_or(Actor::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_names_users_but_neither_customers_nor_ourselves() {
        let listed = BTreeMap::from([("self_service".to_owned(), vec!["1".to_owned()])]);
        let actors = Actors::new(&listed, str::to_lowercase);
        actors.learn(BTreeMap::from([("a2".to_owned(), Actor::Sales)]));
        actors.call(BTreeMap::from([("A2".to_owned(), "Ada".to_owned()), ("a3".to_owned(), String::new())]));
        let who = |user: &str| actors.mark(None, Some(user), "0").who.map(|id| id.as_str().to_owned());
        assert_eq!(["0", "1", "A2", "a3", ""].map(who), [None, None, Some("a2".to_owned()), Some("a3".to_owned()), None]);
        assert_eq!((actors.name("A2").as_deref(), actors.name("a3")), (Some("Ada"), None));
    }

    #[test]
    fn who_is_in_no_list_is_asked_for_once() {
        let listed = BTreeMap::from([("self_service".to_owned(), vec!["1".to_owned()])]);
        let actors = Actors::new(&listed, str::to_owned);
        assert!(!actors.is_stranger("3", "0"), "the account's people are not known yet");
        actors.learn(BTreeMap::from([("2".to_owned(), Actor::Sales)]));
        let strangers = ["", "0", "1", "2", "3", "4"].map(|user| actors.is_stranger(user, "0"));
        assert_eq!(strangers, [false, false, false, false, true, true]);
        actors.meet(BTreeMap::from([("3".to_owned(), Actor::Customer), ("4".to_owned(), Actor::Unknown)]));
        assert_eq!((actors.of(Some("3"), "0"), actors.of(Some("4"), "0")), (Actor::Customer, Actor::Unknown));
        assert!(!actors.is_stranger("3", "0") && !actors.is_stranger("4", "0"));
        actors.learn(BTreeMap::from([("2".to_owned(), Actor::Sales)]));
        assert!(actors.is_stranger("3", "0"), "a day later");
    }
}
