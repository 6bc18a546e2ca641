//! What ids stand for: users, teams and currencies. Few, rarely changed, so they are read whole, once they are needed, and kept for a while.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use serde_json::Value;

use super::Dynamics;
use super::refusal::of_no_row;
use super::special::Special;
use super::wire::{PAGE_ROWS, ROOT};
use crate::connector::Priority;
use crate::error::VendorError;
use crate::transport::call::Call;

/// How long the lists are believed.
const BELIEF: Duration = Duration::from_secs(3_600);

/// Our own user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Me {
    pub id: String,
    pub organization: String,
}

/// Names by id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// Addresses of users and teams.
    pub emails: BTreeMap<String, String>,
    /// ISO codes of currencies.
    pub currencies: BTreeMap<String, String>,
}

impl Names {
    /// The currency of a code.
    pub fn currency(&self, code: &str) -> Option<&str> {
        let wanted = code.trim();
        self.currencies.iter().find(|(_, held)| held.eq_ignore_ascii_case(wanted)).map(|(id, _)| id.as_str())
    }
}

/// Which lists are needed beside that of the users, who are always asked for: they tell people from programs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Needed {
    /// Teams: an owner's address is read.
    pub teams: bool,
    /// Currencies: a currency's code is read or written.
    pub currencies: bool,
}

impl Needed {
    /// What these fields need.
    pub fn by(fields: &[String]) -> Self {
        let has = |special: Special| fields.iter().any(|name| name == special.name());
        Self { teams: has(Special::OwnerEmail), currencies: has(Special::Currency) }
    }
}

/// The lists as they were last read.
#[derive(Debug, Default)]
pub(crate) struct Lists(tokio::sync::Mutex<Option<Held>>);

impl Lists {
    /// The next read that shows a name asks for its list anew.
    pub async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

#[derive(Debug)]
struct Held {
    at: Timestamp,
    names: Arc<Names>,
    known: Needed,
}

fn text(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap_or_default().to_owned()
}

impl Dynamics {
    /// Asks who we are.
    pub(super) async fn ask_me(&self, priority: Priority) -> Result<Me, VendorError> {
        let said = self.ask("who_am_i", priority, Call::get(format!("{ROOT}/WhoAmI"))).await.map_err(of_no_row)?;
        let me = Me { id: text(&said, "UserId").to_lowercase(), organization: text(&said, "OrganizationId") };
        *self.me.write().unwrap_or_else(PoisonError::into_inner) = Some(me.clone());
        Ok(me)
    }

    /// Our own user, asked for once.
    pub(super) async fn me(&self, priority: Priority) -> Result<Me, VendorError> {
        match self.known_me() {
            Some(me) => Ok(me),
            None => self.ask_me(priority).await,
        }
    }

    /// Our own user, if it was asked for.
    pub(super) fn known_me(&self) -> Option<Me> {
        self.me.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Users, and of teams and currencies what is needed. Tells the actors who is a person.
    pub(super) async fn names(&self, needed: Needed, priority: Priority) -> Result<Arc<Names>, VendorError> {
        let mut held = self.lists.0.lock().await;
        let now = self.client.now();
        let fresh = held.take().filter(|held| Duration::try_from(now.duration_since(held.at)).is_ok_and(|age| age < BELIEF));
        let mut kept = match fresh {
            Some(kept) => kept,
            None => Held { at: now, names: Arc::new(self.users(priority).await?), known: Needed::default() },
        };
        if needed.teams && !kept.known.teams {
            for row in self.rows_of("teams", "emailaddress", priority).await? {
                Arc::make_mut(&mut kept.names).emails.insert(text(&row, "teamid").to_lowercase(), text(&row, "emailaddress"));
            }
            kept.known.teams = true;
        }
        if needed.currencies && !kept.known.currencies {
            for row in self.rows_of("transactioncurrencies", "isocurrencycode", priority).await? {
                let id = text(&row, "transactioncurrencyid").to_lowercase();
                Arc::make_mut(&mut kept.names).currencies.insert(id, text(&row, "isocurrencycode"));
            }
            kept.known.currencies = true;
        }
        let names = Arc::clone(&kept.names);
        *held = Some(kept);
        Ok(names)
    }

    async fn users(&self, priority: Priority) -> Result<Names, VendorError> {
        let mut names = Names::default();
        let mut people = BTreeMap::new();
        for row in self.rows_of("systemusers", "internalemailaddress,applicationid", priority).await? {
            let id = text(&row, "systemuserid").to_lowercase();
            let by = if row["applicationid"].is_string() { Actor::Automation } else { Actor::Sales };
            people.insert(id.clone(), by);
            names.emails.insert(id, text(&row, "internalemailaddress"));
        }
        self.actors.learn(people);
        self.actors.call(names.emails.clone());
        Ok(names)
    }

    async fn rows_of(&self, set: &str, select: &str, priority: Priority) -> Result<Vec<Value>, VendorError> {
        let call = Call::get(format!("{ROOT}/{set}")).query("$select", select).header("prefer", PAGE_ROWS);
        self.all_of(if set == "systemusers" { "users" } else { "names" }, priority, call).await.map_err(of_no_row)
    }
}
