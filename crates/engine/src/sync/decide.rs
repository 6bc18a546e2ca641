//! Deciding: from what was gathered to a plan, and from the plan to what is committed and what is written.

mod writes;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use entente_connect::error::{Class, VendorError};
use entente_connect::look::Existence;
use entente_connect::write::{Write, WriteTarget};
use entente_model::actor::{Actor, ChangeMark};
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::mapping::{Owner, Role};
use entente_model::object::Object;
use entente_model::plan::cascade::Candidate;
use entente_model::plan::policy::FieldPolicy;
use entente_model::plan::{Held, Input, NATIVE, Plan, Side, plan};
use entente_model::value::{FieldKey, Fields, Value, get};
use entente_store::{Link, LinkState, NewNotice, NewReview, RecordState, RemoteKey, Rewrite};

use self::writes::{note_pending, plan_creations, plan_updates, propagate_deletion, put_right};
use super::gather::LinkIndex;
use super::task::{RowIndex, Sides, Task, merged};
use crate::catalog::Catalog;
use crate::engine::{Connection, Engine};
use crate::entry::{self, Changes, FieldEntry};
use crate::privacy::blocked::Blocked;
use crate::privacy::met::{Met, turns};
use crate::privacy::{REQUESTED, is_person};

/// A write that a plan asks for.
#[derive(Debug, Clone)]
pub(crate) struct PlannedWrite {
    /// Connection.
    pub(crate) connection: String,
    /// Where at the platform.
    pub(crate) target: WriteTarget,
    /// The write.
    pub(crate) write: Write,
    /// Our values that it carries: the base once it has landed.
    pub(crate) fields: Fields,
}

/// Something a record waits for before it can go on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wait {
    /// A remote row that no record stands for yet.
    Row(RemoteKey),
    /// Another record's counterpart at a connection.
    Counterpart(RecordId, String),
    /// The first complete read of a remote object at a connection.
    FirstRead(String, String),
}

impl Wait {
    /// The thing waited for and the connection, as the store keeps them.
    pub(crate) fn parts(&self) -> (String, &str) {
        match self {
            Self::Row(key) => (row_target(&key.object, &key.id), &key.connection),
            Self::Counterpart(record, connection) => (record.to_string(), connection),
            Self::FirstRead(connection, object) => (read_target(object), connection),
        }
    }
}

/// Name under which records wait for a row to be adopted.
pub(crate) fn row_target(object: &str, id: &str) -> String {
    format!("row {object}/{id}")
}

/// Name under which records wait for the first complete read of a remote object.
pub(crate) fn read_target(object: &str) -> String {
    format!("read {object}")
}

/// A task with its plan.
#[derive(Clone)]
pub(crate) struct Decision {
    pub(crate) task: Task,
    pub(crate) plan: Plan,
    /// The record's values afterwards.
    pub(crate) after: Fields,
    /// What the ledger entry says; no entry when empty and nothing was noted.
    pub(crate) changes: Changes,
    /// What happened beyond values (linked, deleted at, merged into).
    pub(crate) notes: Vec<String>,
    /// What becomes of the record.
    pub(crate) state: RecordState,
    /// The record that it was merged into.
    pub(crate) merged_into: Option<RecordId>,
    /// Links as they are afterwards.
    pub(crate) links: Vec<Link>,
    /// Looks that went into it.
    pub(crate) consumed: Vec<(RemoteKey, i64)>,
    pub(crate) waits: BTreeSet<Wait>,
    pub(crate) writes: Vec<PlannedWrite>,
    /// What it would do that may be a part of an unusual mass change; see [`super::guard`].
    pub(crate) dangers: super::guard::Dangers,
    /// Connections to look at again at once.
    pub(crate) look_again: BTreeSet<String>,
    /// Whether it is another record's customer: what a person is to be asked.
    pub(crate) asks: Vec<NewReview>,
    /// What the operators are to be told.
    pub(crate) notices: Vec<NewNotice>,
    /// Values that platforms made of what we wrote.
    pub(crate) rewrites: Vec<Rewrite>,
    /// Rows that show somebody who was erased: noted with the decision, which takes in nothing of them.
    pub(crate) met: Vec<(RemoteKey, Met)>,
    /// The connection that says that this person is to be erased. Then nothing else of the decision counts.
    pub(crate) erasure: Option<String>,
}

impl Decision {
    /// The decision without what only deciding and keeping it asks for: a batch waits for its platforms for seconds, and what it holds meanwhile
    /// is most of the memory of a first sync.
    pub(crate) fn lightened(mut self) -> Self {
        let task = &mut self.task;
        (task.seen, task.noticed, task.told) = Default::default();
        (task.frozen, task.apart, task.astray, task.misnamed, task.rewritten) = Default::default();
        (self.plan, self.changes, self.notes, self.links, self.consumed) = Default::default();
        (self.waits, self.dangers, self.asks, self.notices, self.rewrites) = Default::default();
        self
    }
}

/// What decisions are made against, besides the task itself.
pub(crate) struct Grounds<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) catalog: &'a Catalog,
    pub(crate) rows: &'a RowIndex,
    pub(crate) counterparts: &'a LinkIndex,
    /// Remote objects read completely at least once, as `connection/object`.
    pub(crate) first_reads: &'a BTreeSet<String>,
    /// Marks of held values, by record; only those a conflict needs.
    pub(crate) marks: &'a BTreeMap<RecordId, BTreeMap<FieldKey, ChangeMark>>,
    /// Who was erased and is not taken in.
    pub(crate) blocked: &'a Blocked,
    pub(crate) now: Timestamp,
}

/// A task with the plan that follows from its sides alone.
pub(crate) struct Weighed {
    pub(crate) task: Task,
    pub(crate) sides: Sides,
    /// The external ids that the record carries as fields, where they have changed.
    ids: Changes,
    pub(crate) plan: Plan,
}

/// Plans a task.
pub(crate) fn weigh(task: Task, grounds: &Grounds<'_>) -> Weighed {
    let sides = task.sides(grounds.engine, grounds.catalog, grounds.rows, grounds.blocked);
    let ids = own_ids(&task, grounds.catalog.object(&task.record.object), grounds);
    let plan = plan_of(&task, &sides, &ids, BTreeMap::new(), grounds);
    Weighed { task, sides, ids, plan }
}

/// The plan of a task, where these are the marks of the values that its record holds.
fn plan_of(task: &Task, sides: &Sides, ids: &Changes, marks: BTreeMap<FieldKey, ChangeMark>, grounds: &Grounds<'_>) -> Plan {
    let mut held = Held { values: task.record.data.clone(), marks };
    held.values.extend(ids.iter().map(|(field, entry)| (field.clone(), entry.after.clone())));
    let policy = weighed_fields(task, grounds);
    let input = Input { held: &held, sides: &sides.present, policy: &policy, frozen: &task.frozen };
    if grounds.engine.flaws().last_write_wins_record { super::flawed::whole_record(input) } else { plan(input) }
}

/// The fields that are weighed: all of them, but for those of which is not known yet whose hand it was.
fn weighed_fields<'a>(task: &Task, grounds: &Grounds<'a>) -> Cow<'a, [FieldPolicy]> {
    let policy = grounds.catalog.policy(&task.record.object);
    if task.unheard.is_empty() {
        return Cow::Borrowed(policy);
    }
    policy.iter().filter(|policy| !task.unheard.contains_key(&policy.field)).cloned().collect()
}

/// Decides a task that was weighed.
pub(crate) fn decide(weighed: Weighed, grounds: &Grounds<'_>) -> Decision {
    let Weighed { task, sides, ids, mut plan } = weighed;
    if let Some(marks) = grounds.marks.get(&task.record.id) {
        let mut marks = marks.clone();
        super::hands::correct(&task.told, &task.record, &sides.present, &mut marks);
        plan = plan_of(&task, &sides, &ids, marks, grounds);
    }
    let policy = grounds.catalog.policy(&task.record.object);
    hold_back_shared_remotes(&task, &mut plan, grounds);
    // What is written over a row that shows somebody who was erased would only hide by what they are recognised.
    plan.sides.iter_mut().filter(|(connection, _)| sides.met.contains_key(*connection)).for_each(|(_, side)| side.writes.clear());
    let mut changes = entry::of_plan(&plan);
    changes.extend(ids);
    note_superseded(&task, &sides, &mut changes, grounds);
    let lasting = super::lasting::notes(&plan, &sides.present);
    let mut after = merged(&task.record, &plan);
    after.extend(changes.iter().map(|(field, entry)| (field.clone(), entry.after.clone())));
    let mut decision = Decision {
        consumed: consumed(&task),
        erasure: asks_for_erasure(&task, &sides),
        met: met(&task, &sides),
        rewrites: sides.rewrites.clone(),
        links: task.links.clone(),
        state: task.record.state,
        merged_into: task.record.merged_into.clone(),
        task,
        plan,
        after,
        changes,
        notes: lasting,
        waits: BTreeSet::new(),
        writes: Vec::new(),
        dangers: super::guard::Dangers::new(),
        look_again: BTreeSet::new(),
        asks: Vec::new(),
        notices: Vec::new(),
    };
    follow_gone(&mut decision, &sides, grounds);
    update_links(&mut decision, &sides, grounds);
    note_taken(&mut decision, &sides, policy);
    note_waits_and_faults(&mut decision, &sides);
    if decision.state == RecordState::Active {
        plan_updates(&mut decision, grounds);
        plan_creations(&mut decision, grounds);
    } else if decision.state == RecordState::Merged {
        put_right(&mut decision, grounds);
    }
    note_pending(&mut decision);
    decision
}

/// The rows that show somebody who was erased, and how.
fn met(task: &Task, sides: &Sides) -> Vec<(RemoteKey, Met)> {
    let turned = sides.met.iter().filter_map(|(connection, met)| Some((task.link(connection)?.key(), met.clone())));
    let winners = sides.gone.iter().filter_map(|(connection, winner)| {
        let (link, met) = (task.link(connection)?, task.into_erased.get(connection)?);
        Some((RemoteKey::new(connection, &link.remote_object, winner.as_ref()?), met.clone()))
    });
    turned.chain(winners).collect()
}

/// The connection at which a person asks to be erased, or was erased by its own means.
fn asks_for_erasure(task: &Task, sides: &Sides) -> Option<String> {
    if !is_person(&task.record.object) {
        return None;
    }
    let erased = task.seen.iter().find(|(_, seen)| seen.look.existence == Existence::Erased).map(|(connection, _)| connection.clone());
    let asks = |side: &&Side| *get(&side.values, REQUESTED) == Value::Bool(true);
    erased.or_else(|| sides.present.iter().find(asks).map(|side| side.name.clone()))
}

/// Values that a webhook showed and that are gone from the platform: somebody entered them, and a later write replaced them before they
/// could be taken. They are kept in the ledger.
fn note_superseded(task: &Task, sides: &Sides, changes: &mut Changes, grounds: &Grounds<'_>) {
    for (connection, look) in &task.noticed {
        let (Some(link), Some(side)) = (task.link(connection), sides.present.iter().find(|side| side.name == *connection)) else {
            continue;
        };
        let Some(mapped) = grounds.catalog.mapped(connection, &task.record.object) else { continue };
        let known = Task::believed(link);
        let got = mapped.lens.get(&look.row, &task.record.data, &|_, _| None, grounds.now);
        let turned = turns(grounds.blocked, &task.record.object, link, &task.record.data, &got.fields).is_some();
        if turned || sides.met.contains_key(connection) {
            // Nobody's history tells of somebody who was erased.
            continue;
        }
        for (field, value) in got.fields {
            let held = get(&task.record.data, &field);
            let current = get(&side.values, &field);
            if value.is_blank() || [current, get(&known, &field), held].iter().any(|other| value.agrees(other)) {
                continue;
            }
            let entry = changes.entry(field).or_insert_with(|| FieldEntry {
                before: held.clone(),
                after: held.clone(),
                reason: "superseded".to_owned(),
                from: connection.clone(),
                mark: look.mark,
                lost: Vec::new(),
            });
            entry.lost.push(Candidate { side: connection.clone(), role: Some(side.role), value, mark: look.mark });
        }
    }
}

fn consumed(task: &Task) -> Vec<(RemoteKey, i64)> {
    let stamped = task.links.iter().filter_map(|link| {
        let stamp = task.seen.get(&link.connection)?.stamp?;
        Some((link.key(), stamp))
    });
    stamped.collect()
}

/// The external ids that the record carries as fields (`crm_id`, `support_id`), where they have changed.
fn own_ids(task: &Task, object: Option<&Object>, grounds: &Grounds<'_>) -> Changes {
    let mut changes = Changes::new();
    for link in task.links.iter().filter(|link| link.state == LinkState::Present) {
        let Ok(connection) = grounds.engine.connection(&link.connection) else { continue };
        let field = id_field(connection.role);
        if object.is_none_or(|object| object.field(field).is_none()) || !shows_its_id(grounds.engine, &task.links, connection) {
            continue;
        }
        let after = Value::text(&link.external_id);
        let before = get(&task.record.data, field).clone();
        if !before.agrees(&after) {
            changes.insert(
                field.to_owned(),
                FieldEntry {
                    before,
                    after,
                    reason: "linked".to_owned(),
                    from: NATIVE.to_owned(),
                    mark: ChangeMark { at: Some(grounds.now), by: Actor::Us, who: None },
                    lost: Vec::new(),
                },
            );
        }
    }
    changes
}

/// Whether the record shows the id of its counterpart at a connection: of several connections that play one part, the first by name is the
/// one whose id is shown. Two would take turns, and each turn would be written to every other side.
pub(crate) fn shows_its_id(engine: &Engine, links: &[Link], connection: &Connection) -> bool {
    let before = |link: &&Link| link.state == LinkState::Present && link.connection < connection.name;
    let plays = |link: &Link| engine.connection(&link.connection).is_ok_and(|other| other.role == connection.role);
    !links.iter().filter(before).any(plays)
}

/// The field that holds the external id of a role's counterpart.
pub(crate) fn id_field(role: Role) -> &'static str {
    match role {
        Role::Crm => "crm_id",
        Role::Support => "support_id",
    }
}

/// A remote field that several of our fields make (a full name) is not written while one of them is frozen: the write would carry
/// the contested value along.
fn hold_back_shared_remotes(task: &Task, plan: &mut Plan, grounds: &Grounds<'_>) {
    let waiting: BTreeSet<&FieldKey> = task
        .frozen
        .iter()
        .chain(task.unheard.keys())
        .chain(plan.conflicts.iter().filter(|conflict| conflict.resolved.is_none()).map(|conflict| &conflict.field))
        .collect();
    if waiting.is_empty() {
        return;
    }
    for (connection, side) in &mut plan.sides {
        let Some(mapped) = grounds.catalog.mapped(connection, &task.record.object) else { continue };
        let lines = &mapped.mapping().fields;
        let held: BTreeSet<&str> = lines.iter().filter(|line| waiting.contains(&line.field)).map(|line| line.remote.as_str()).collect();
        side.writes.retain(|field, _| !lines.iter().any(|line| line.field == *field && held.contains(line.remote.as_str())));
    }
}

/// What the ledger says of a record whose row was merged into another one, with which it goes on.
pub(crate) fn follows_row(connection: &str) -> String {
    format!("merged at {connection}; the surviving row is the counterpart now")
}

/// Rows that were deleted or merged at their platform.
fn follow_gone(decision: &mut Decision, sides: &Sides, grounds: &Grounds<'_>) {
    for (connection, winner) in &sides.gone {
        let Some(link) = decision.links.iter_mut().find(|link| link.connection == *connection) else { continue };
        link.seen_at = Some(grounds.now);
        match winner {
            None => {
                link.state = LinkState::Deleted;
                decision.notes.push(format!("deleted at {connection}"));
                propagate_deletion(decision, connection, grounds);
            }
            Some(winner)
                if decision.task.into_erased.contains_key(connection)
                    || grounds.blocked.row(&RemoteKey::new(connection, &link.remote_object, winner)).is_some() =>
            {
                // Nobody becomes somebody who was erased: the row is left to people.
                link.state = LinkState::Merged;
                decision.notes.push(format!("merged at {connection} into a row of somebody who was erased; the row is not followed"));
            }
            Some(winner) => {
                let row = (connection.clone(), link.remote_object.clone(), winner.clone());
                match grounds.rows.get(&row) {
                    Some(survivor) if *survivor != decision.task.record.id => {
                        link.state = LinkState::Merged;
                        // Whatever has ended in another one stays a part of that one.
                        if decision.state != RecordState::Merged {
                            decision.state = RecordState::Merged;
                            decision.merged_into = Some(survivor.clone());
                        }
                        decision.notes.push(format!("merged at {connection} into {survivor}"));
                    }
                    _ => {
                        link.external_id.clone_from(winner);
                        link.seen = None;
                        link.taken = None;
                        link.waiting.clear();
                        decision.notes.push(follows_row(connection));
                        decision.look_again.insert(connection.clone());
                    }
                }
            }
        }
    }
    let gone = decision.links.iter().all(|link| link.state != LinkState::Present);
    if !sides.gone.is_empty() && gone && decision.state == RecordState::Active {
        decision.state = RecordState::Deleted;
    }
}

/// Base and last seen values of each link, as they are known now.
fn update_links(decision: &mut Decision, sides: &Sides, grounds: &Grounds<'_>) {
    for side in &sides.present {
        let Some(link) = decision.links.iter_mut().find(|link| link.connection == side.name) else { continue };
        if let Some(agreed) = decision.plan.sides.get(&side.name).map(|plan| &plan.agreed) {
            link.base.extend(agreed.iter().map(|(field, value)| (field.clone(), value.clone())));
        }
        let apart: Fields = side
            .values
            .iter()
            .filter(|(field, value)| !get(&link.base, field).agrees(value) || !link.base.contains_key(*field))
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect();
        link.seen = if apart.is_empty() { None } else { Some(apart) };
        link.changed_at = side.mark.at;
        link.changed_by = side.mark.by;
        if let Some(seen) = decision.task.seen.get(&side.name) {
            link.seen_at = Some(seen.look.seen_at);
            if seen.look.version.is_some() {
                link.is_whole = seen.look.complete || (link.is_whole && link.version == seen.look.version);
                link.version.clone_from(&seen.look.version);
            } else if seen.look.complete {
                // Rows without versions are known as a whole once all of them was read.
                link.is_whole = true;
            }
        } else if link.seen_at.is_none() {
            link.seen_at = Some(grounds.now);
        }
    }
}

/// What this decision saw and weighed at each side: no news to the next one, whether or not what it writes lands. What waits for a person
/// was not weighed, nor what stands in a field of our own that has no value yet.
fn note_taken(decision: &mut Decision, sides: &Sides, policy: &[FieldPolicy]) {
    let plan = &decision.plan;
    let mut waiting = &decision.task.frozen - &plan.thawed;
    waiting.extend(plan.conflicts.iter().filter(|conflict| conflict.resolved.is_none()).map(|conflict| conflict.field.clone()));
    waiting.extend(decision.task.unheard.keys().cloned());
    let ours = |policy: &&FieldPolicy| policy.owner != Owner::Native || decision.task.record.data.contains_key(&policy.field);
    let weighed: BTreeSet<&FieldKey> =
        policy.iter().filter(ours).map(|policy| &policy.field).filter(|field| !waiting.contains(*field)).collect();
    for side in &sides.present {
        let Some(link) = decision.links.iter_mut().find(|link| link.connection == side.name) else { continue };
        let mut taken = side.taken.clone();
        let news = side.values.iter().filter(|(field, _)| weighed.contains(field));
        taken.extend(news.map(|(field, value)| (field.clone(), value.clone())));
        // Measured against the base, it comes to the same.
        taken.retain(|field, value| link.base.get(field).is_none_or(|base| !base.agrees(value)));
        link.taken = (!taken.is_empty()).then_some(taken);
        // Beside a conflict that waits for a person, what its platform has not told of yet is asked for again: it is not known.
        let unheard = |field: &FieldKey| decision.task.unheard.get(field).is_some_and(|asked| asked.contains(&side.name));
        let is_known = |field: &FieldKey| !(decision.task.frozen.contains(field) && unheard(field));
        let waits = link.seen.iter().flat_map(Fields::keys).filter(|field| waiting.contains(*field) && is_known(field));
        link.waiting = waits.map(|field| (field.clone(), side.mark_of(field))).collect();
    }
}

fn note_waits_and_faults(decision: &mut Decision, sides: &Sides) {
    for (connection, object, id) in &sides.waiting_rows {
        decision.waits.insert(Wait::Row(RemoteKey::new(connection, object, id)));
    }
    if let Some((connection, field, why)) = sides.faults.first() {
        let error = VendorError::new(
            Class::Data,
            "unreadable_value",
            format!("{connection}, field {field}: {why}"),
            "Correct the value at the platform, or map the field through a formula.",
        );
        decision.task.failure.get_or_insert_with(|| (connection.clone(), error.about(field)));
    }
}
