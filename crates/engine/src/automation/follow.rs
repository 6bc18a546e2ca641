//! Following the ledger: each entry once, in order. What an entry gives rise to commits together with the cursor, so that nothing is
//! done twice and nothing is left out, whenever the process ends.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::value::{Fields, Value, get};
use entente_store::{Changes, Entry, EntryId, Record, RecordQuery, StoreError, Tx, Viewer};

use super::{context, health, notices, onboarding};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::sync::edit::{self, Edit};
use crate::sync::task::LANE_ACTIVITY;

/// Name of the cursor.
const CURSOR: &str = "automation";
/// Records of one kind that one account is judged by at most, the latest changed.
const JUDGED: usize = 500;

/// Times that a step is tried again at once after a race with a worker, each with an eighth of the entries, down to one by one.
const RACES_MAX: u32 = 12;

/// Follows up to `limit` entries. Returns how many there were. A record that a worker changes at the same moment makes the step smaller,
/// so that only its own entry is tried again.
///
/// # Errors
/// When the store fails; then nothing is done and the same entries come again.
pub async fn step(engine: &Engine, limit: usize) -> Result<usize> {
    let idle = engine.store().read(move |tx| {
        let after = tx.cursor::<EntryId>(CURSOR)?.unwrap_or(0);
        Ok(tx.feed(after, 1)?.is_empty())
    });
    if idle.await? {
        return Ok(0);
    }
    let mut many = limit.max(1);
    let mut races = 0;
    loop {
        match follow(engine, many).await {
            Err(EngineError::Store(StoreError::Conflict { what })) if races < RACES_MAX => {
                tracing::debug!(what, entries = many, "automation lost a race and tries fewer entries");
                races += 1;
                many = (many / 8).max(1);
            }
            followed => return followed,
        }
    }
}

async fn follow(engine: &Engine, limit: usize) -> Result<usize> {
    let (engine_, catalog) = (engine.clone(), engine.catalog());
    let followed = engine
        .store()
        .write(move |tx| {
            let now = engine_.now();
            // Held to the end: a second follower waits here, and goes on where this one ends.
            let after = tx.cursor_for_update::<EntryId>(CURSOR)?.unwrap_or(0);
            let mut entries = tx.feed(after, limit)?;
            let Some(last) = entries.last().map(|entry| entry.id) else { return Ok(0) };
            tx.open_entries(&mut entries)?;
            Follower::new(&engine_, &catalog, now).follow(tx, &entries)?;
            tx.put_cursor(CURSOR, &last, now)?;
            Ok(entries.len())
        })
        .await?;
    Ok(followed)
}

struct Follower<'a> {
    engine: &'a Engine,
    catalog: &'a Catalog,
    now: Timestamp,
    judge_health: BTreeSet<RecordId>,
    tell_context: BTreeSet<RecordId>,
    route: BTreeSet<RecordId>,
    won: Vec<(RecordId, Timestamp)>,
}

impl<'a> Follower<'a> {
    fn new(engine: &'a Engine, catalog: &'a Catalog, now: Timestamp) -> Self {
        Self { engine, catalog, now, judge_health: BTreeSet::new(), tell_context: BTreeSet::new(), route: BTreeSet::new(), won: Vec::new() }
    }

    fn follow(&mut self, tx: &mut Tx<'_>, entries: &[Entry]) -> Result<(), StoreError> {
        let ids: Vec<RecordId> = entries.iter().map(|entry| entry.record.clone()).collect();
        let records = tx.records(&Viewer::system(), &ids)?;
        for entry in entries {
            let Some(record) = records.get(&entry.record) else { continue };
            self.sort(tx, entry, record)?;
        }
        for (account, won_at) in std::mem::take(&mut self.won) {
            onboarding::start(tx, self.engine, self.catalog, &account, won_at, self.now)?;
        }
        for account in std::mem::take(&mut self.judge_health) {
            let cases = self.values_of(tx, "case", &account)?;
            self.set(tx, &account, "support health", |account, now| health::fields(account, &cases, now))?;
        }
        for account in std::mem::take(&mut self.tell_context) {
            let activities = self.values_of(tx, "activity", &account)?;
            let deals = self.values_of(tx, "opportunity", &account)?;
            self.set(tx, &account, "sales context", |_, _| context::fields(&activities, &deals))?;
        }
        let groups = self.engine.options().tier_groups.clone();
        for account in std::mem::take(&mut self.route) {
            self.set(tx, &account, "tier routing", |account, _| routing(account, &groups))?;
        }
        Ok(())
    }

    /// What an entry gives rise to.
    fn sort(&mut self, tx: &mut Tx<'_>, entry: &Entry, record: &Record) -> Result<(), StoreError> {
        let account = if let Value::Ref(account) = get(&record.data, "account") { Some(account.clone()) } else { None };
        let Changes::Open(changes) = &entry.changes else { return Ok(()) };
        match record.object.as_str() {
            "case" => self.judge_health.extend(account),
            "activity" => self.tell_context.extend(account),
            "opportunity" => {
                // The deal may be seen before its account is: whichever comes last makes the customer.
                let news = changes.contains_key("is_won") || changes.contains_key("account");
                let won = news && *get(&record.data, "is_won") == Value::Bool(true);
                if let Some(account) = account {
                    // What was won before the first sync is no news.
                    if won && entry.cause != "import" {
                        self.won.push((account.clone(), entry.at));
                    }
                    self.tell_context.insert(account);
                }
            }
            "account" => {
                if changes.contains_key("tier") && !self.engine.options().tier_groups.is_empty() {
                    self.route.insert(record.id.clone());
                }
                if entry.cause != "import" {
                    let told = notices::of_account(entry, &record.data, self.engine.options().health_notice_points);
                    let kinds: Vec<(&str, &str, i64)> = told.iter().map(|_| ("notices", "", 1)).collect();
                    for notice in &told {
                        tx.notify(notice)?;
                    }
                    tx.count(self.now, &kinds)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn values_of(&self, tx: &mut Tx<'_>, object: &str, account: &RecordId) -> Result<Vec<Fields>, StoreError> {
        let query = RecordQuery {
            object: Some(object.to_owned()),
            equal: vec![("account".to_owned(), Value::Ref(account.clone()))],
            ..RecordQuery::default()
        };
        Ok(tx.list_records(&Viewer::system(), &query, JUDGED)?.records.into_iter().map(|record| record.data).collect())
    }

    fn set(
        &self,
        tx: &mut Tx<'_>,
        account: &RecordId,
        flow: &str,
        fields: impl Fn(&Fields, Timestamp) -> Fields,
    ) -> Result<(), StoreError> {
        let Some(record) = tx.record(&Viewer::system(), account)? else { return Ok(()) };
        let edit = Edit {
            record: account.clone(),
            fields: fields(&record.data, self.now),
            actor: Actor::Us,
            actor_name: flow.to_owned(),
            cause: "flow".to_owned(),
            detail: flow.to_owned(),
            lane: LANE_ACTIVITY,
            window_ms: i64::try_from(self.engine.options().window().as_millis()).unwrap_or(0),
        };
        edit::apply(tx, self.catalog, &edit, self.now).map(drop)
    }
}

/// The group that serves the account's tier.
fn routing(account: &Fields, groups: &BTreeMap<String, String>) -> Fields {
    let group = get(account, "tier").as_text().and_then(|tier| groups.get(tier));
    Fields::from([("support_group".to_owned(), group.map_or(Value::Null, Value::text))])
}
