//! Settling: what landed becomes the new base, new counterparts are linked, failures get their fate, and the hints end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use entente_connect::error::{Class, VendorError};
use entente_connect::look::{Existence, Look};
use entente_connect::write::{WriteKind, Written};
use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::mapping::Role;
use entente_model::value::{Fields, Value, get};
use entente_store::{Link, LinkState, NewEntry, NewHint, PutRecord, Record, RecordState, RemoteKey, StoreError, Syncs, Tx, Viewer};

use super::decide::{Decision, PlannedWrite, id_field, shows_its_id};
use super::deliver::Delivered;
use super::edit::{self, Edit};
use super::fate::{Fate, end_hints, fate, fate_of_change, give_back};
use super::redirect::{Author, redirect};
use super::subject::RowKey;
use super::task::{LANE_ACTIVITY, LANE_BACKFILL, LANE_UPDATE, LANE_URGENT, Task};
use super::wake::wake;
use crate::alerts::burn::LATENCY_MS;
use crate::catalog::{Catalog, Mapped};
use crate::engine::Engine;
use crate::error::Result;
use crate::privacy::blocked::Blocked;
use crate::privacy::met::{Met, note};

/// Latency counter of live changes: from the change to its landing, in milliseconds.
pub const LIVE_LATENCY: &str = "live";
/// Counter of milliseconds of all live changes together, for their mean.
pub const LIVE_MS: &str = "live_ms";
/// Counter of live changes whose time to land is known.
pub const LIVE_TIMED: &str = "live_timed";
/// Counter of support profiles made for new customers.
pub const PROFILES: &str = "profiles";
/// Counter of milliseconds from won to the support profile, of all of them together.
pub const PROFILES_MS: &str = "profiles_ms";
/// Counter of satisfaction scores logged in the CRM.
pub const CSAT: &str = "csat";
/// Counter of records that turned out to be another one's twin and were merged into it.
pub const DUPLICATES_MERGED: &str = "duplicates_merged";
/// Counter of orphans (records or rows that were at one side alone) that found their counterpart by a decision or a reconciliation.
pub const ORPHANS_RESOLVED: &str = "orphans_resolved";
/// Latency counter of new customers: from won to the support id written back, in milliseconds.
pub const ONBOARDING_LATENCY: &str = "onboarding";

/// One decision with what became of its writes.
struct Ending {
    decision: usize,
    landed: Vec<(PlannedWrite, Written)>,
    /// Connections at which a write did not land. Of one that nobody answered for that is not known: what it wrote is ours if it shows.
    failed: BTreeSet<String>,
    fate: Fate,
    /// Connections to fetch at the next look.
    refetch: BTreeSet<String>,
}

/// Commits what a delivery came to. `decisions` are those that were committed before, all of them with writes.
pub(crate) async fn settle(
    engine: &Engine,
    catalog: &Arc<Catalog>,
    decisions: Arc<Vec<Decision>>,
    delivered: Vec<Delivered>,
) -> Result<()> {
    let now = engine.now();
    let mut by_decision: BTreeMap<usize, Vec<Delivered>> = BTreeMap::new();
    for one in delivered {
        by_decision.entry(one.record).or_default().push(one);
    }
    let endings: Vec<Arc<Ending>> = decisions
        .iter()
        .enumerate()
        .map(|(at, decision)| Arc::new(ending(engine, at, decision, by_decision.remove(&at).unwrap_or_default(), now)))
        .collect();
    let Err(error) = conclude(engine, catalog, &decisions, endings.clone(), now).await else { return Ok(()) };
    if endings.len() == 1 || error.is_total() {
        return Err(error.into());
    }
    // One record must not hold back the others: what they wrote has landed, and is known.
    for ending in endings {
        let hint = &decisions[ending.decision].task.hint;
        if let Err(error) = conclude(engine, catalog, &decisions, vec![Arc::clone(&ending)], now).await {
            if error.is_total() {
                return Err(error.into());
            }
            give_back(engine, hint, &error.into()).await?;
        }
    }
    Ok(())
}

/// Commits endings together.
async fn conclude(
    engine: &Engine,
    catalog: &Arc<Catalog>,
    decisions: &Arc<Vec<Decision>>,
    endings: Vec<Arc<Ending>>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (engine_, catalog, decisions) = (engine.clone(), Arc::clone(catalog), Arc::clone(decisions));
    engine
        .store()
        .write(move |tx| {
            let mut tally = Tally::default();
            let subjects: Vec<String> = endings.iter().map(|ending| decisions[ending.decision].task.hint.subject.clone()).collect();
            let held = tx.held(engine_.owner(), &subjects)?;
            let (ours, lost): (Vec<&Arc<Ending>>, Vec<&Arc<Ending>>) =
                endings.iter().partition(|ending| held.contains(&decisions[ending.decision].task.hint.subject));
            let blocked = Blocked::of(tx, &engine_)?;
            for ending in lost {
                let decision = &decisions[ending.decision];
                if let Some(erasure) = blocked.record(&decision.task.record.id) {
                    // Erased while this was on its way: what landed is erased as well, and nothing is looked at again.
                    landed_late(tx, &engine_, decision, &ending.landed, erasure, now)?;
                    continue;
                }
                // Another worker looks at the record by now. What landed here shows in the row itself: it is fetched, as after a crash.
                let sides: BTreeSet<String> = decision.writes.iter().map(|planned| planned.connection.clone()).collect();
                tx.hint(&[hint(&decision.task, sides, now)])?;
            }
            land_updates(tx, &decisions, &ours, now)?;
            for ending in &ours {
                let decision = &decisions[ending.decision];
                land(tx, &engine_, &catalog, decision, &ending.landed, &mut tally, now)?;
                for connection in &ending.failed {
                    tx.end_pending(&decision.task.record.id, connection)?;
                }
                // What is given up is not looked at again by itself: a hint of ours would bring it up anew, for ever.
                if !ending.refetch.is_empty() && !ending.fate.is_dead() {
                    tx.hint(&[hint(&decision.task, ending.refetch.clone(), now)])?;
                }
            }
            tally.keep(tx, now)?;
            let fates: Vec<&Fate> = ours.iter().map(|ending| &ending.fate).collect();
            let settlement = end_hints(tx, engine_.owner(), &fates, [], now)?;
            lost_since(&settlement.lost)
        })
        .await
}

/// Rows that were created for somebody who was erased meanwhile.
fn landed_late(
    tx: &mut Tx<'_>,
    engine: &Engine,
    decision: &Decision,
    landed: &[(PlannedWrite, Written)],
    erasure: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    for (planned, written) in landed.iter().filter(|(planned, _)| planned.write.kind == WriteKind::Create) {
        let key = RemoteKey::new(&planned.connection, &planned.target.object, &written.id);
        let met = Met::Key { erasure, kind: decision.task.record.object.clone() };
        note(tx, engine, &met, &key, &Existence::Present, now)?;
    }
    Ok(())
}

/// A lease that was held when the transaction began and is not at its end: nothing of the transaction may stay.
pub(crate) fn lost_since(lost: &[String]) -> Result<(), StoreError> {
    match lost.first() {
        None => Ok(()),
        Some(subject) => Err(StoreError::Conflict { what: format!("the lease of {subject}") }),
    }
}

fn ending(engine: &Engine, at: usize, decision: &Decision, delivered: Vec<Delivered>, now: Timestamp) -> Ending {
    let mut landed = Vec::new();
    let mut failure: Option<(String, VendorError)> = decision.task.failure.clone();
    let mut refetch = BTreeSet::new();
    let mut failed = BTreeSet::new();
    let mut by_change = false;
    for one in delivered {
        match one.outcome {
            Ok(written) => landed.push((one.planned, written)),
            Err(error) => {
                if error.class != Class::Retry {
                    failed.insert(one.planned.connection.clone());
                }
                if matches!(error.class, Class::LookAgain | Class::Retry) {
                    // Whether it landed is unknown, or the row has moved on: the next look must be a fresh one.
                    refetch.insert(one.planned.connection.clone());
                }
                // What waits to be judged is asked about again; a refusal that ends the record's tries is met again then.
                let ends = matches!(error.class, Class::Data | Class::Configuration) && !decision.task.unheard.is_empty();
                if !ends && failure.as_ref().is_none_or(|(_, known)| severity(known.class) < severity(error.class)) {
                    by_change = one.planned.write.kind == WriteKind::Update;
                    failure = Some((one.planned.connection.clone(), error));
                }
            }
        }
    }
    let decide = if by_change { fate_of_change } else { fate };
    let fate = decide(engine, &decision.task.hint, failure.as_ref(), now);
    Ending { decision: at, landed, failed, fate, refetch }
}

/// Which of several failures decides.
fn severity(class: Class) -> u8 {
    match class {
        Class::Wait { .. } => 0,
        Class::LookAgain => 1,
        Class::Retry => 2,
        Class::Reauthenticate => 3,
        Class::Configuration => 4,
        Class::Data => 5,
    }
}

fn hint(task: &Task, fetch: BTreeSet<String>, now: Timestamp) -> NewHint {
    NewHint {
        subject: task.record.id.to_string(),
        object: task.record.object.clone(),
        lane: task.hint.lane,
        due_at: now,
        cause: task.hint.cause.clone(),
        fetch,
        origin_at: None,
        is_news: false,
        at: now,
    }
}

/// Counters gathered over a batch.
#[derive(Default)]
struct Tally {
    counts: BTreeMap<(&'static str, String), i64>,
    latencies: BTreeMap<&'static str, Vec<u64>>,
    landed_at: Option<i64>,
}

impl Tally {
    fn add(&mut self, name: &'static str, connection: &str) {
        self.add_many(name, connection, 1);
    }

    fn add_many(&mut self, name: &'static str, connection: &str, many: i64) {
        *self.counts.entry((name, connection.to_owned())).or_default() += many;
    }

    /// The same for rates over minutes: what landed by connection, and how many live changes were slow.
    fn syncs(&self) -> BTreeMap<String, Syncs> {
        let mut syncs: BTreeMap<String, Syncs> = BTreeMap::new();
        for ((_, connection), many) in self.counts.iter().filter(|((name, _), _)| *name == "synced") {
            syncs.entry(connection.clone()).or_default().landed += u64::try_from(*many).unwrap_or(0);
        }
        if let Some(live) = self.latencies.get(LIVE_LATENCY) {
            let all = syncs.entry(String::new()).or_default();
            all.timed = live.len() as u64;
            all.slow = live.iter().filter(|ms| **ms > LATENCY_MS).count() as u64;
        }
        syncs
    }

    fn keep(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<(), StoreError> {
        let adds: Vec<(&str, &str, i64)> =
            self.counts.iter().map(|((name, connection), delta)| (*name, connection.as_str(), *delta)).collect();
        tx.count(now, &adds)?;
        tx.add_syncs(now, &self.syncs())?;
        for (name, samples) in &self.latencies {
            tx.add_latencies(now, name, samples)?;
        }
        if let Some(ms) = self.landed_at {
            tx.put_setting("sync/last_live", &serde_json::json!({ "at": now, "ms": ms }))?;
        }
        Ok(())
    }
}

/// The links whose fields were written, all of them at once: there are thousands of them, and one is as quick as the other. New counterparts
/// come after them, and find the links as they are then.
fn land_updates(tx: &mut Tx<'_>, decisions: &[Decision], endings: &[&Arc<Ending>], now: Timestamp) -> Result<(), StoreError> {
    let updates: BTreeMap<(&RecordId, &str), &(PlannedWrite, Written)> = endings
        .iter()
        .flat_map(|ending| ending.landed.iter().map(|landed| (&decisions[ending.decision].task.record.id, landed)))
        .filter(|(_, (planned, _))| planned.write.kind == WriteKind::Update)
        .map(|(record, landed)| ((record, landed.0.connection.as_str()), landed))
        .collect();
    let records: BTreeSet<&RecordId> = updates.keys().map(|(record, _)| *record).collect();
    let stored = tx.links_of(&records.into_iter().cloned().collect::<Vec<_>>())?;
    let landed = stored.iter().filter_map(|link| {
        let (planned, written) = updates.get(&(&link.record, link.connection.as_str()))?;
        Some(updated(link, planned, written, now))
    });
    tx.put_links(&landed.collect::<Vec<_>>())
}

fn land(
    tx: &mut Tx<'_>,
    engine: &Engine,
    catalog: &Catalog,
    decision: &Decision,
    landed: &[(PlannedWrite, Written)],
    tally: &mut Tally,
    now: Timestamp,
) -> Result<(), StoreError> {
    if landed.is_empty() {
        return Ok(());
    }
    let record = &decision.task.record;
    for (planned, written) in landed {
        let Ok(connection) = engine.connection(&planned.connection) else { continue };
        tally.add("synced", &planned.connection);
        match planned.write.kind {
            WriteKind::Create => {
                tally.add("created", &planned.connection);
                if record.object == "case" && connection.role == Role::Crm {
                    tally.add("activities", &planned.connection);
                }
                if record.object == "account"
                    && connection.role == Role::Support
                    && let Value::DateTime(won) = get(&decision.after, "won_at")
                {
                    tally.add(PROFILES, "");
                    tally.add_many(PROFILES_MS, "", (now.as_millisecond() - won.as_millisecond()).max(0));
                }
                if is_checklist(&decision.after) && connection.role == Role::Support {
                    tally.add("onboarding_checklists", "");
                }
                adopt_created(tx, engine, catalog, decision, planned, written, now)?;
            }
            WriteKind::Update => {
                tally.add("updated", &planned.connection);
                super::parted::renamed(tx, planned, &written.id, now)?;
            }
            WriteKind::Delete => {
                tally.add("deleted", &planned.connection);
                tx.end_link(&record.id, &planned.connection, LinkState::Deleted, now)?;
            }
        }
        if planned.fields.contains_key("health_score") {
            tally.add("health", &planned.connection);
        }
        if connection.role == Role::Crm && planned.fields.get("csat").is_some_and(is_rated) {
            tally.add(CSAT, &planned.connection);
        }
        note_onboarding(decision, planned, connection.role, tally, now);
    }
    note_latency(decision, tally, now);
    Ok(())
}

/// Whether a customer has said how content they are: Zendesk has words for tickets of which nobody has, too.
fn is_rated(csat: &Value) -> bool {
    const NOT_RATED: &[&str] = &["unoffered", "offered"];
    !csat.is_blank() && !NOT_RATED.contains(&csat.display().as_str())
}

/// The link after its fields were written: they are the base now.
fn updated(link: &Link, planned: &PlannedWrite, written: &Written, now: Timestamp) -> Link {
    let mut link = link.clone();
    for apart in [&mut link.seen, &mut link.taken] {
        if let Some(fields) = apart {
            fields.retain(|field, _| !planned.fields.contains_key(field));
        }
        *apart = apart.take().filter(|fields| !fields.is_empty());
    }
    link.waiting.retain(|field, _| !planned.fields.contains_key(field));
    link.written = planned.fields.keys().cloned().collect();
    link.pending = None;
    link.base.extend(planned.fields.clone());
    link.external_id.clone_from(&written.id);
    // Nobody else has changed the row if the write went by a version that was known.
    link.is_whole &= planned.write.expect.is_some() && written.version.is_some();
    // Without a version in the answer the old one is known to be wrong: no precondition is better than a false one.
    link.version.clone_from(&written.version);
    link.seen_at = Some(now);
    link.changed_at = Some(now);
    link.changed_by = Actor::Us;
    link
}

/// A creation that landed: a new counterpart, or one that was there already and belonged to nobody, or to another record.
fn adopt_created(
    tx: &mut Tx<'_>,
    engine: &Engine,
    catalog: &Catalog,
    decision: &Decision,
    planned: &PlannedWrite,
    written: &Written,
    now: Timestamp,
) -> Result<(), StoreError> {
    let record = &decision.task.record;
    let key = RemoteKey::new(&planned.connection, &planned.target.object, &written.id);
    let owner = tx.links_at(std::slice::from_ref(&key))?.remove(&key);
    let existed = written.created == Some(false);
    let mut refetch = existed;
    if let Some(other) = owner.filter(|link| link.record != record.id) {
        if super::parted::are_two(tx, &record.id, &other.record)? {
            return super::parted::hit_another(tx, engine, catalog, decision, planned, other, now);
        }
        absorb(tx, catalog, &other.record, record, &planned.connection, now)?;
        refetch = true;
    }
    give_back_found(tx, decision, planned, written, now)?;
    // What we did not write is blank in a row that is new; in one that was there, it is not known yet.
    let mut base: Fields = planned.fields.clone();
    let mut filled_in = None;
    if !existed && !refetch {
        let mapped = catalog.mapped(&planned.connection, &record.object);
        let lines = mapped.map(|mapped| mapped.mapping().fields.as_slice()).unwrap_or_default();
        for line in lines {
            base.entry(line.field.clone()).or_insert(Value::Null);
        }
        filled_in = mapped.zip(written.look.as_ref()).and_then(|(mapped, look)| filled(mapped, &decision.after, look, &base, now));
    }
    tx.put_links(&[Link {
        record: record.id.clone(),
        connection: planned.connection.clone(),
        remote_object: planned.target.object.clone(),
        external_id: written.id.clone(),
        base,
        seen: filled_in.clone(),
        taken: None,
        written: planned.fields.keys().cloned().collect(),
        pending: None,
        is_whole: !refetch,
        version: written.version.clone(),
        seen_at: Some(now),
        changed_at: Some(now),
        changed_by: Actor::Us,
        told_at: None,
        waiting: BTreeMap::new(),
        state: LinkState::Present,
        created_at: now,
    }])?;
    let Ok(connection) = engine.connection(&planned.connection) else { return Ok(()) };
    let field = id_field(connection.role);
    let links = tx.links_of(std::slice::from_ref(&record.id))?;
    let shown = catalog.object(&record.object).is_some_and(|object| object.field(field).is_some());
    if shown && shows_its_id(engine, &links, connection) {
        let detail = if existed { "an existing counterpart was found" } else { "counterpart created" };
        // A customer's id goes back at once; that of a person or a case travels with what else is written there.
        let lane = decision.task.hint.lane;
        let (lane, window) = match record.object.as_str() {
            "account" => (lane, Duration::ZERO),
            _ if lane == LANE_URGENT => (LANE_UPDATE, engine.options().window()),
            _ => (lane, Duration::ZERO),
        };
        let edit = Edit {
            record: record.id.clone(),
            fields: Fields::from([(field.to_owned(), Value::text(&written.id))]),
            actor: Actor::Us,
            actor_name: planned.connection.clone(),
            cause: decision.task.hint.cause.clone(),
            detail: format!("{detail} at {}", planned.connection),
            lane,
            window_ms: i64::try_from(window.as_millis()).unwrap_or(0),
        };
        edit::apply(tx, catalog, &edit, now)?;
    }
    if refetch {
        tx.hint(&[hint(&decision.task, BTreeSet::from([planned.connection.clone()]), now)])?;
    } else if filled_in.is_some() {
        // It travels with what else changes; nobody entered it.
        let lane = decision.task.hint.lane.max(LANE_UPDATE);
        let wait = if lane == LANE_BACKFILL { 0 } else { i64::try_from(engine.options().window().as_millis()).unwrap_or(0) };
        let due_at = Timestamp::from_millisecond(now.as_millisecond() + wait).unwrap_or(now);
        tx.hint(&[NewHint { lane, due_at, ..hint(&decision.task, BTreeSet::new(), now) }])?;
    }
    wake(tx, record.id.as_str(), &planned.connection, decision.task.hint.lane, now)
}

/// What the platform has filled in a row that we made, as its answer shows: values that are not those we know of.
fn filled(mapped: &Mapped, record: &Fields, look: &Look, base: &Fields, now: Timestamp) -> Option<Fields> {
    // References were written by us, or lead to rows of their own, which are not looked up for this.
    let shown = mapped.lens.get(&look.row, record, &|_, _| None, now).fields;
    let news: Fields = shown.into_iter().filter(|(field, value)| !get(base, field).agrees(value)).collect();
    (!news.is_empty()).then_some(news)
}

/// A row that an adoption has found for the record while its counterpart was being created is nobody's again. It is looked at anew: there
/// are two rows of one customer now, and they are dealt with as such.
fn give_back_found(
    tx: &mut Tx<'_>,
    decision: &Decision,
    planned: &PlannedWrite,
    written: &Written,
    now: Timestamp,
) -> Result<(), StoreError> {
    let record = &decision.task.record;
    let links = tx.links_of(std::slice::from_ref(&record.id))?;
    let other = |link: &&Link| link.connection == planned.connection && link.external_id != written.id && link.state == LinkState::Present;
    let Some(found) = links.iter().find(other) else { return Ok(()) };
    let row = RowKey { connection: found.connection.clone(), object: found.remote_object.clone(), id: found.external_id.clone() };
    tx.hint(&[NewHint { subject: row.to_string(), ..hint(&decision.task, BTreeSet::new(), now) }])
}

/// Another record turns out to be the same: its counterpart goes to the survivor, what points to it points there, and it ends as merged.
fn absorb(
    tx: &mut Tx<'_>,
    catalog: &Catalog,
    other: &RecordId,
    survivor: &Record,
    connection: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let after = tx.last_entry()?;
    let row = tx.links_of(std::slice::from_ref(other))?.into_iter().find(|link| link.connection == connection).map(|link| link.key());
    tx.delete_link(other, connection)?;
    let Some(mut absorbed) = tx.record(&Viewer::system(), other)? else { return Ok(()) };
    let left = tx.links_of(std::slice::from_ref(other))?;
    if left.iter().any(|link| link.state == LinkState::Present) {
        return super::merged::ask(tx, &absorbed, &survivor.id, connection, now);
    }
    tx.count(now, &[(DUPLICATES_MERGED, connection, 1)])?;
    super::merged::answer(tx, other, &survivor.id, connection, now)?;
    let reviews = super::merged::carry_reviews(tx, other, &survivor.id, now)?;
    if let Some(row) = row {
        super::merged::keep_one_row(tx, &absorbed, &survivor.id, row, after, reviews, now)?;
    }
    absorbed.state = RecordState::Merged;
    absorbed.merged_into = Some(survivor.id.clone());
    absorbed.updated_at = now;
    tx.append(&[NewEntry {
        record: absorbed.id.clone(),
        object: absorbed.object.clone(),
        subject: absorbed.subject.clone(),
        at: now,
        actor: Actor::Us,
        actor_name: connection.to_owned(),
        cause: "event".to_owned(),
        detail: format!("merged into {}: both stand for one row at {connection}", survivor.id),
        connection: Some(connection.to_owned()),
        changes: BTreeMap::new(),
    }])?;
    let search_text = edit::search_text(catalog, &absorbed);
    tx.put_match_keys(&[(other.clone(), absorbed.object.clone(), BTreeSet::new())])?;
    let (object, ended) = (absorbed.object.clone(), absorbed.clone());
    tx.put_records(&[PutRecord { record: absorbed, search_text }])?;
    // What points to it would wait for its counterparts for good.
    let why = format!("both stand for one row at {connection}");
    let author = Author { actor: Actor::Us, name: connection, cause: "event", why: &why };
    super::merged::tell_sales(tx, catalog, survivor, &ended, connection, now)?;
    redirect(tx, catalog, &object, other, &survivor.id, &author, now)
}

/// Whether a case is the onboarding checklist of a new customer.
pub(crate) fn is_checklist(case: &Fields) -> bool {
    *get(case, "onboarding") == Value::Bool(true)
}

fn note_onboarding(decision: &Decision, planned: &PlannedWrite, role: Role, tally: &mut Tally, now: Timestamp) {
    let first_health = || decision.task.link(&planned.connection).is_none_or(|link| get(&link.base, "health_score").is_blank());
    if decision.task.record.object == "account"
        && role == Role::Crm
        && planned.fields.contains_key("health_score")
        && !get(&decision.after, "won_at").is_blank()
        && first_health()
    {
        tally.add("onboarding_health", "");
    }
    if decision.task.record.object == "account"
        && role == Role::Crm
        && planned.fields.contains_key("support_id")
        && let Value::DateTime(won) = get(&decision.after, "won_at")
    {
        let ms = u64::try_from(now.as_millisecond() - won.as_millisecond()).unwrap_or(0);
        tally.latencies.entry(ONBOARDING_LATENCY).or_default().push(ms);
        tally.add("onboarded", &planned.connection);
    }
}

fn note_latency(decision: &Decision, tally: &mut Tally, now: Timestamp) {
    let hint = &decision.task.hint;
    if hint.lane < LANE_BACKFILL
        && let Some(origin) = hint.origin_at
    {
        let ms = (now.as_millisecond() - origin.as_millisecond()).max(0);
        if hint.lane < LANE_ACTIVITY {
            tally.latencies.entry(LIVE_LATENCY).or_default().push(u64::try_from(ms).unwrap_or(0));
            tally.add(LIVE_TIMED, "");
            tally.add_many(LIVE_MS, "", ms);
        }
        tally.landed_at = Some(ms);
    }
}

/// Ends hints whose task failed before it could be planned.
pub(crate) async fn settle_failed(engine: &Engine, tasks: Vec<Task>) -> Result<()> {
    if tasks.is_empty() {
        return Ok(());
    }
    let now = engine.now();
    let fates: Arc<Vec<Fate>> = Arc::new(tasks.iter().map(|task| fate(engine, &task.hint, task.failure.as_ref(), now)).collect());
    let owner = engine.owner().to_owned();
    let going_on = tasks.iter().zip(fates.iter()).filter(|(task, fate)| !task.hint.fetch.is_empty() && !fate.is_dead());
    let refetch: Vec<NewHint> = going_on.map(|(task, _)| hint(task, task.hint.fetch.clone(), now)).collect();
    engine
        .store()
        .write(move |tx| {
            tx.hint(&refetch)?;
            end_hints(tx, &owner, &fates.iter().collect::<Vec<_>>(), [], now)
        })
        .await?;
    Ok(())
}
