//! Following the ledger: each entry once, in order. What an entry gives rise to commits together with the cursor, so that nothing is
//! done twice and nothing is left out, whenever the process ends. What comes with time alone (see [`super::daily`]) and with a new
//! configuration (see [`super::routing`]) is done here too, a page at a time, after the entries.

use std::collections::BTreeSet;

use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::mapping::Role;
use entente_model::value::{Fields, Value, get};
use entente_store::{Change, Changes, Entry, EntryId, Lane, LinkState, Record, StoreError, Tx, Viewer};

use super::onboarding::Won;
use super::routing::Routes;
use super::{context, daily, health, notices, onboarding, routing};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::sync::edit::{self, Edit};
use crate::sync::task::{LANE_ACTIVITY, LANE_BACKFILL};

/// Name of the cursor.
const CURSOR: &str = "automation";
/// Records of one kind that one account is judged by at most, the latest changed.
const JUDGED: usize = 500;

/// Times that a step is tried again at once after a race with a worker, each with an eighth of the entries, down to one by one.
const RACES_MAX: u32 = 12;

/// Follows up to `limit` entries, and does a page of what is due. Returns how many entries and accounts there were. A record that a
/// worker changes at the same moment makes the step smaller, so that only its own entry is tried again.
///
/// # Errors
/// When the store fails; then nothing is done and the same entries come again.
pub async fn step(engine: &Engine, limit: usize) -> Result<usize> {
    let _turn = engine.following().lock().await;
    routing::prepare(engine).await?;
    let now = engine.now();
    let idle = engine.store().read(move |tx| {
        let after = tx.cursor::<EntryId>(CURSOR)?.unwrap_or(0);
        let routing = routing::in_force(tx)?.1;
        Ok(!routing && !daily::is_due(tx, now)? && tx.feed(after, 1)?.is_empty())
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
            let (routes, _) = routing::in_force(tx)?;
            let mut follower = Follower::new(&engine_, &catalog, routes, now);
            if let Some(last) = entries.last().map(|entry| entry.id) {
                tx.open_entries(&mut entries)?;
                follower.follow(tx, &entries)?;
                tx.put_cursor(CURSOR, &last, now)?;
            }
            Ok(entries.len() + follower.catch_up(tx)?)
        })
        .await?;
    Ok(followed)
}

struct Follower<'a> {
    engine: &'a Engine,
    catalog: &'a Catalog,
    routes: Routes,
    now: Timestamp,
    judge_health: BTreeSet<RecordId>,
    tell_context: BTreeSet<RecordId>,
    route: BTreeSet<RecordId>,
    /// Won deals.
    won: Vec<Won>,
}

impl<'a> Follower<'a> {
    fn new(engine: &'a Engine, catalog: &'a Catalog, routes: Routes, now: Timestamp) -> Self {
        Self {
            engine,
            catalog,
            routes,
            now,
            judge_health: BTreeSet::new(),
            tell_context: BTreeSet::new(),
            route: BTreeSet::new(),
            won: Vec::new(),
        }
    }

    fn follow(&mut self, tx: &mut Tx<'_>, entries: &[Entry]) -> Result<(), StoreError> {
        let ids: Vec<RecordId> = entries.iter().map(|entry| entry.record.clone()).collect();
        let records = tx.records(&Viewer::system(), &ids)?;
        for entry in entries {
            let Some(record) = records.get(&entry.record) else { continue };
            self.sort(tx, entry, record)?;
        }
        for won in std::mem::take(&mut self.won) {
            let deals = tx.records_of_account("opportunity", &won.account, JUDGED)?;
            let cases = tx.records_of_account("case", &won.account, JUDGED)?;
            onboarding::won(tx, self.engine, self.catalog, &won, &deals, &cases, self.now)?;
        }
        for account in std::mem::take(&mut self.judge_health) {
            let Some(record) = tx.record(&Viewer::system(), &account)? else { continue };
            self.judge(tx, &record, LANE_ACTIVITY)?;
        }
        for account in std::mem::take(&mut self.tell_context) {
            let activities: Vec<Fields> = self.sales_activities_of(tx, &account)?.into_iter().map(|record| record.data).collect();
            let deals = tx.records_of_account("opportunity", &account, JUDGED)?;
            let fields = context::fields(&activities, &context::deals(tx, deals)?);
            self.set(tx, &account, "sales context", LANE_ACTIVITY, fields)?;
        }
        for account in std::mem::take(&mut self.route) {
            let Some(record) = tx.record(&Viewer::system(), &account)? else { continue };
            if let Some(fields) = self.routes.of(&record.data) {
                self.set(tx, &account, "tier routing", LANE_ACTIVITY, fields)?;
            }
        }
        Ok(())
    }

    /// A page of accounts under a new routing table, and a page of the daily judgement.
    fn catch_up(&self, tx: &mut Tx<'_>) -> Result<usize, StoreError> {
        let routed = routing::next(tx)?;
        for account in &routed {
            if let Some(fields) = self.routes.of(&account.data) {
                self.set(tx, &account.id, "tier routing", LANE_BACKFILL, fields)?;
            }
        }
        let judged = daily::next(tx, self.now)?;
        for account in &judged {
            self.judge(tx, account, LANE_BACKFILL)?;
        }
        Ok(routed.len() + judged.len())
    }

    /// What an entry gives rise to.
    fn sort(&mut self, tx: &mut Tx<'_>, entry: &Entry, record: &Record) -> Result<(), StoreError> {
        let account = reference(get(&record.data, "account"));
        let Changes::Open(changes) = &entry.changes else { return Ok(()) };
        // Where the record was before matters as much as where it is now.
        let left = changes.get("account").and_then(|change| reference(&change.before));
        match record.object.as_str() {
            "case" => {
                self.date_escalation(tx, entry, record, changes.get("tags"))?;
                self.judge_health.extend(account.into_iter().chain(left));
            }
            "activity" => {
                let linked = tx.linked_connections(std::slice::from_ref(&record.id))?;
                if !self.is_of_desk(record, linked.get(&record.id)) {
                    self.tell_context.extend(account.into_iter().chain(left));
                }
            }
            "opportunity" => {
                // The deal may be seen before its account is: whichever comes last makes the customer.
                let news = changes.contains_key("is_won") || changes.contains_key("account");
                let won = news && *get(&record.data, "is_won") == Value::Bool(true);
                let moved = !changes.contains_key("is_won") && left.is_some();
                self.tell_context.extend(left);
                if let Some(account) = account {
                    // What was won before the first sync is no news.
                    if won && entry.cause != "import" {
                        self.won.push(Won { account: account.clone(), deal: record.id.clone(), at: entry.at, moved });
                    }
                    self.tell_context.insert(account);
                }
            }
            "account" => {
                if changes.get("name").is_some_and(|name| name.before.is_blank()) && get(&record.data, "won_at").is_blank() {
                    self.won_before(tx, entry, record)?;
                }
                if changes.contains_key("tier") {
                    self.route.insert(record.id.clone());
                }
                if entry.cause != "import" {
                    for notice in notices::of_account(entry, &record.data, self.engine.options().health_notice_points) {
                        tx.notify(&notice)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Deals that were followed while their account had no values yet: nothing could be made of them then.
    fn won_before(&mut self, tx: &mut Tx<'_>, entry: &Entry, account: &Record) -> Result<(), StoreError> {
        for deal in tx.records_of_account("opportunity", &account.id, JUDGED)? {
            let known = self.won.iter().any(|won| won.deal == deal.id);
            let number = deal.provenance.get("is_won").filter(|number| **number < entry.id);
            let (Some(number), true, false) = (number, *get(&deal.data, "is_won") == Value::Bool(true), known) else { continue };
            if tx.entry(&Viewer::system(), *number)?.is_some_and(|won| won.cause != "import") {
                self.won.push(Won { account: account.id.clone(), deal: deal.id.clone(), at: entry.at, moved: false });
            }
        }
        Ok(())
    }

    fn date_escalation(&self, tx: &mut Tx<'_>, entry: &Entry, case: &Record, tags: Option<&Change>) -> Result<(), StoreError> {
        let Some(tags) = tags else { return Ok(()) };
        match health::escalation(&case.data, tags.mark.at.unwrap_or(entry.at)) {
            Some(fields) => self.set(tx, &case.id, "escalation", LANE_ACTIVITY, fields),
            None => Ok(()),
        }
    }

    fn judge(&self, tx: &mut Tx<'_>, account: &Record, lane: Lane) -> Result<(), StoreError> {
        let cases = self.cases_of(tx, &account.id)?;
        if !daily::counts(&account.data, !cases.is_empty()) {
            return Ok(());
        }
        let fields = health::judged(tx, account, &cases, self.now)?;
        self.set(tx, &account.id, "support health", lane, fields)
    }

    /// The cases of an account, without those that were deleted or merged away at the support desk: they are no trouble any more.
    fn cases_of(&self, tx: &mut Tx<'_>, account: &RecordId) -> Result<Vec<Record>, StoreError> {
        let mut cases = tx.records_of_account("case", account, JUDGED)?;
        let ids: Vec<RecordId> = cases.iter().map(|case| case.id.clone()).collect();
        let is_support = |name: &str| self.engine.connection(name).is_ok_and(|connection| connection.role == Role::Support);
        let links = tx.links_of(&ids)?;
        let gone = links.into_iter().filter(|link| link.state != LinkState::Present && is_support(&link.connection));
        let gone: BTreeSet<RecordId> = gone.map(|link| link.record).collect();
        cases.retain(|case| !gone.contains(&case.id));
        Ok(cases)
    }

    /// What sales did for an account, the latest as many as are shown. What was said at a desk is no sales context: who reads it there has said it. Of
    /// what no connection has that is configured, that it is about a case tells that it was said at one.
    fn sales_activities_of(&self, tx: &mut Tx<'_>, account: &RecordId) -> Result<Vec<Record>, StoreError> {
        let of = |role: Role| -> Vec<String> {
            let connections = self.engine.connections().values().filter(|connection| connection.role == role);
            connections.map(|connection| connection.name.clone()).collect()
        };
        tx.sales_activities(account, &of(Role::Crm), &of(Role::Support), context::SHOWN)
    }

    /// Whether an activity is something that was said at a support desk. Of one whose connections are not configured any more, that it is about a
    /// case tells.
    fn is_of_desk(&self, activity: &Record, connections: Option<&BTreeSet<String>>) -> bool {
        let roles = connections.into_iter().flatten().filter_map(|name| Some(self.engine.connection(name).ok()?.role));
        let roles: BTreeSet<Role> = roles.collect();
        !roles.contains(&Role::Crm) && (roles.contains(&Role::Support) || !get(&activity.data, "case").is_blank())
    }

    fn set(&self, tx: &mut Tx<'_>, record: &RecordId, flow: &str, lane: Lane, fields: Fields) -> Result<(), StoreError> {
        let edit = Edit {
            record: record.clone(),
            fields,
            actor: Actor::Us,
            actor_name: flow.to_owned(),
            cause: "flow".to_owned(),
            detail: flow.to_owned(),
            lane,
            window_ms: i64::try_from(self.engine.options().window().as_millis()).unwrap_or(0),
        };
        edit::apply(tx, self.catalog, &edit, self.now).map(drop)
    }
}

fn reference(value: &Value) -> Option<RecordId> {
    if let Value::Ref(id) = value { Some(id.clone()) } else { None }
}
