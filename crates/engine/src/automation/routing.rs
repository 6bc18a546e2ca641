//! Tier routing: which group of agents serves which tier. The table names groups as people do; vendors take ids. Names are resolved once,
//! when the table is new, and accounts whose group the new table changes are moved.

use std::collections::BTreeMap;

use entente_connect::connector::Group;
use entente_connect::error::Class;
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::value::{Fields, Value, get};
use entente_store::{NewNotice, Record, StoreError, Tx, Viewer};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::engine::{Connection, Engine};
use crate::error::{EngineError, Result};

/// Name of the setting that holds the table in force.
const IN_FORCE: &str = "routing/in_force";
/// Name of the setting that says why a new table cannot be put in force.
const TROUBLE: &str = "routing/trouble";
/// Pause before a table that could not be resolved is tried again.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(1);
/// Accounts looked at in one transaction while a new table is applied.
const PAGE: usize = 200;
/// Our field that holds the group.
pub(super) const FIELD: &str = "support_group";

/// A table as it is in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Routes {
    /// The table as the configuration has it: tier to name or id.
    names: BTreeMap<String, String>,
    /// The same with ids of the desk.
    ids: BTreeMap<String, String>,
    /// Whether every account was looked at under this table.
    applied: bool,
    /// The account looked at last, until then.
    after: Option<RecordId>,
}

impl Routes {
    /// The group of an account; `None` when routing does not concern it. Without any table, groups are left as they are.
    pub(super) fn of(&self, account: &Fields) -> Option<Fields> {
        if self.ids.is_empty() {
            return None;
        }
        let group = get(account, "tier").as_text().and_then(|tier| self.ids.get(tier));
        // A group that Entente never gave is not taken away either.
        (group.is_some() || account.contains_key(FIELD)).then(|| Fields::from([(FIELD.to_owned(), group.map_or(Value::Null, Value::text))]))
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Trouble {
    at: Timestamp,
    text: String,
}

/// The table in force, and whether accounts have still to be looked at under it.
///
/// # Errors
/// As for any read.
pub(super) fn in_force(tx: &mut Tx<'_>) -> std::result::Result<(Routes, bool), StoreError> {
    let routes = tx.setting::<Routes>(IN_FORCE)?.unwrap_or(Routes { applied: true, ..Routes::default() });
    let going = !routes.applied;
    Ok((routes, going))
}

/// The next accounts to look at under a new table; the place moves on with the caller's transaction.
///
/// # Errors
/// As for any write.
pub(super) fn next(tx: &mut Tx<'_>) -> std::result::Result<Vec<Record>, StoreError> {
    let Some(mut routes) = tx.setting::<Routes>(IN_FORCE)?.filter(|routes| !routes.applied) else { return Ok(Vec::new()) };
    let accounts = tx.records_after(&Viewer::system(), "account", routes.after.as_ref(), PAGE)?;
    routes.applied = accounts.len() < PAGE;
    routes.after = accounts.last().map(|account| account.id.clone()).filter(|_| !routes.applied);
    tx.put_setting(IN_FORCE, &routes)?;
    Ok(accounts)
}

/// Puts the configured table in force if it is not. While the desk cannot be asked or a group does not exist, the old table stays, the
/// operators are told once, and it is tried again.
///
/// # Errors
/// When the store fails.
pub(super) async fn prepare(engine: &Engine) -> Result<()> {
    let names = engine.options().tier_groups.clone();
    let (old, trouble) = engine.store().read(|tx| Ok((tx.setting::<Routes>(IN_FORCE)?, tx.setting::<Trouble>(TROUBLE)?))).await?;
    let now = engine.now();
    let same = old.as_ref().map_or(names.is_empty(), |old| old.names == names);
    if same || trouble.as_ref().is_some_and(|trouble| now.duration_since(trouble.at) < AGAIN_AFTER) {
        return Ok(());
    }
    match resolve(engine).await {
        Ok(ids) => {
            let unchanged = old.is_some_and(|old| old.applied && old.ids == ids);
            let routes = Routes { applied: unchanged || ids.is_empty(), names, ids, after: None };
            let write = engine.store().write(move |tx| {
                tx.put_setting(IN_FORCE, &routes)?;
                tx.delete_setting(TROUBLE).map(drop)
            });
            write.await?;
        }
        Err(error) => {
            let text = error.to_string();
            let told = trouble.is_some_and(|trouble| trouble.text == text);
            // A desk that is away for a moment is nobody's business.
            let theirs = matches!(&error, EngineError::Vendor { source, .. } if !matches!(source.class, Class::Configuration));
            tracing::error!(%error, "tier routing keeps the old table");
            let write = engine.store().write(move |tx| {
                if !told && !theirs {
                    tx.notify(&NewNotice {
                        at: now,
                        kind: "configuration".to_owned(),
                        recipient: "ops".to_owned(),
                        title: "Tier routing cannot use its table".to_owned(),
                        body: text.clone(),
                        record: None,
                    })?;
                }
                tx.put_setting(TROUBLE, &Trouble { at: now, text: text.clone() })
            });
            write.await?;
        }
    }
    Ok(())
}

/// Checks the configured table against the groups that there are.
///
/// # Errors
/// [`EngineError::Invalid`] names the tier, the group and the groups there are; otherwise as the vendor refuses.
pub async fn check(engine: &Engine) -> Result<()> {
    resolve(engine).await.map(drop)
}

/// The desk at which accounts are routed.
fn desk(engine: &Engine) -> Option<&Connection> {
    let catalog = engine.catalog();
    let routes =
        |connection: &&Connection| catalog.mapped(&connection.name, "account").is_some_and(|mapped| mapped.writable.contains(FIELD));
    engine.connections().values().find(routes)
}

/// The configured table with ids.
async fn resolve(engine: &Engine) -> Result<BTreeMap<String, String>> {
    let names = &engine.options().tier_groups;
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let Some(desk) = desk(engine) else {
        return Err(EngineError::Invalid {
            field: "sync.tier_groups".to_owned(),
            reason: format!("no connection has a mapping that writes account.{FIELD}"),
            remedy: format!("map account.{FIELD} at the support desk, or take the table out"),
        });
    };
    let refused = |source| EngineError::vendor(&desk.name, source);
    let mut groups = desk.connector.groups(false).await.map_err(refused)?;
    if names.values().any(|name| find(&groups, name).is_none()) {
        groups = desk.connector.groups(true).await.map_err(refused)?;
    }
    let mut ids = BTreeMap::new();
    for (tier, name) in names {
        let Some(group) = find(&groups, name) else {
            let known: Vec<String> = groups.iter().map(|group| format!("{} ({})", group.name, group.id)).collect();
            return Err(EngineError::Invalid {
                field: format!("sync.tier_groups.{tier}"),
                reason: format!("{} has no group `{name}`; there are: {}", desk.name, known.join(", ")),
                remedy: "write the name or the id of one of them, or create the group there".to_owned(),
            });
        };
        ids.insert(tier.clone(), group.id.clone());
    }
    Ok(ids)
}

/// The group of a name, in any case, or of an id.
fn find<'a>(groups: &'a [Group], wanted: &str) -> Option<&'a Group> {
    let wanted = wanted.trim();
    groups.iter().find(|group| group.id == wanted || group.name.trim().to_lowercase() == wanted.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(tier: &str, group: Option<&str>) -> Fields {
        let mut fields = Fields::from([("tier".to_owned(), Value::text(tier))]);
        fields.extend(group.map(|group| (FIELD.to_owned(), Value::text(group))));
        fields
    }

    #[test]
    fn a_tier_outside_the_table_loses_only_a_group_that_we_gave() {
        let ids = BTreeMap::from([("Enterprise".to_owned(), "77".to_owned())]);
        let routes = Routes { ids, ..Routes::default() };
        let group = |account: &Fields| routes.of(account).map(|fields| get(&fields, FIELD).clone());
        assert_eq!(group(&account("Enterprise", None)), Some(Value::text("77")));
        assert_eq!(group(&account("Free", Some("77"))), Some(Value::Null));
        assert_eq!(group(&account("Free", None)), None);
        assert_eq!(Routes::default().of(&account("Free", Some("77"))), None, "without a table nothing is routed");
    }

    #[test]
    fn groups_are_found_by_name_and_by_id() {
        let groups = [Group { id: "77".to_owned(), name: "Enterprise support".to_owned() }];
        assert!(find(&groups, "enterprise Support ").is_some() && find(&groups, "77").is_some());
        assert!(find(&groups, "Enterprise").is_none());
    }
}
