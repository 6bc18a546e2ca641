//! A creation whose answer was lost, or whose worker was, may have landed all the same. Before it is tried again its row is looked for by the id that it carries:
//! whatever somebody has entered there since would be written over, and where nothing tells of the row it would be made twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use entente_connect::connector::Priority;
use entente_connect::look::{Existence, Find, Look, ReadSpec};
use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::value::{Fields, Value, get};
use entente_store::{Changes, Lane, Link, NewEntry, Record, RemoteKey, StoreError, Tx, Viewer};
use futures::future::join_all;

use super::converge::take_up;
use super::decide::row_target;
use super::fetch::read_fields;
use super::look::{link_to, stored};
use super::settle::is_checklist;
use super::task::{Task, priority};
use super::wake::{Arrived, wake_all};
use crate::catalog::{Catalog, Mapped};
use crate::engine::Engine;
use crate::error::Result;

/// Questions of one call.
const QUESTIONS_MAX: usize = 100;

/// Entries of a record that are asked for what it has held: one whose creation is not heard of is young.
const ENTRIES_MAX: usize = 200;

/// A row that was found.
struct Found {
    record: RecordId,
    cause: String,
    lane: Lane,
    row: RemoteKey,
    look: Look,
}

/// Links the records of tasks to rows that a creation of theirs may have made, as far as such rows are found; the others go on as they are.
/// Where a platform does not answer, the task fails, and is tried again later.
///
/// # Errors
/// When the store fails.
pub(crate) async fn find(engine: &Engine, catalog: &Arc<Catalog>, mut tasks: Vec<Task>) -> Result<Vec<Task>> {
    let mut asked: BTreeMap<(String, String), (Priority, Vec<usize>)> = BTreeMap::new();
    for (at, task) in tasks.iter().enumerate().filter(|(_, task)| task.failure.is_none()) {
        let everywhere = engine.connections().keys().filter(|_| task.hint.taken_over);
        let in_doubt: BTreeSet<&String> = task.hint.fetch.iter().chain(everywhere).collect();
        for connection in in_doubt.into_iter().filter(|connection| task.link(connection).is_none()) {
            let Some(mapped) = catalog.mapped(connection, &task.record.object) else { continue };
            let urgency = priority(task.hint.lane);
            let group = asked.entry((connection.clone(), mapped.mapping().remote.clone()));
            let (most_urgent, of) = group.or_insert_with(|| (urgency, Vec::new()));
            *most_urgent = (*most_urgent).min(urgency);
            of.push(at);
        }
    }
    let mut calls = Vec::new();
    for ((connection, remote), (urgency, of)) in asked {
        let Ok(ready) = engine.connection(&connection) else { continue };
        let read = ReadSpec { object: remote.clone(), fields: read_fields(catalog, &connection, &remote) };
        for chunk in of.chunks(QUESTIONS_MAX) {
            let questions: Vec<Find> = chunk.iter().map(|at| Find::Key(tasks[*at].record.id.to_string())).collect();
            let mapped = catalog.mapped(&connection, &tasks[chunk[0]].record.object);
            let key = mapped.map(|mapped| mapped.mapping().key.clone()).unwrap_or_default();
            let (connector, connection, read, chunk) = (Arc::clone(&ready.connector), connection.clone(), read.clone(), chunk.to_vec());
            calls.push(async move { (connection, chunk, connector.find(&read, &questions, &key, urgency).await) });
        }
    }
    let mut found: Vec<Found> = Vec::new();
    for (connection, of, answer) in join_all(calls).await {
        match answer {
            Ok(answers) => {
                for (at, looks) in of.into_iter().zip(answers) {
                    let Task { record, hint, .. } = &tasks[at];
                    let Some(look) = looks.into_iter().find(|look| look.existence == Existence::Present) else { continue };
                    let row = RemoteKey::new(&connection, &look.object, &look.id);
                    found.push(Found { record: record.id.clone(), cause: hint.cause.clone(), lane: hint.lane, row, look });
                }
            }
            Err(error) => of.into_iter().for_each(|at| {
                tasks[at].failure.get_or_insert_with(|| (connection.clone(), error.clone()));
            }),
        }
    }
    if found.is_empty() {
        return Ok(tasks);
    }
    let (now, found, deciding) = (engine.now(), Arc::new(found), Arc::clone(catalog));
    let linked = engine.store().write(move |tx| link(tx, &deciding, &found, now)).await?;
    let (again, mut others): (Vec<Task>, Vec<Task>) = tasks.into_iter().partition(|task| linked.contains(&task.record.id));
    others.extend(take_up(engine, again.into_iter().map(|task| task.hint).collect()).await?);
    Ok(others)
}

/// What is agreed of a row that a creation of a record's made, as far as is known: the values that the record holds or has held since, for the
/// creation wrote one of them. A value that it never had, somebody has entered there.
///
/// # Errors
/// As for any read.
pub(crate) fn made_with(
    tx: &mut Tx<'_>,
    mapped: &Mapped,
    record: &Record,
    look: &Look,
    now: Timestamp,
) -> std::result::Result<Fields, StoreError> {
    let mut shown = mapped.lens.get(&look.row, &record.data, &|_, _| None, now).fields;
    let history = tx.history(&Viewer::system(), &record.id, ENTRIES_MAX, None)?;
    let held = |field: &str, value: &Value| {
        let changes =
            history.iter().filter_map(|entry| if let Changes::Open(changes) = &entry.changes { changes.get(field) } else { None });
        // What was cleared meanwhile comes back: not every platform can hold nothing there.
        let present = get(&record.data, field);
        value.is_blank()
            || value.agrees(present)
            || !present.is_blank() && changes.into_iter().any(|change| value.agrees(&change.before) || value.agrees(&change.after))
    };
    shown.retain(|field, value| held(field, value));
    Ok(shown)
}

/// Links rows that nobody has, and keeps what they show. Answers whose they are.
fn link(tx: &mut Tx<'_>, catalog: &Catalog, found: &[Found], now: Timestamp) -> std::result::Result<Vec<RecordId>, StoreError> {
    let owned = tx.records_at(&found.iter().map(|found| found.row.clone()).collect::<Vec<_>>())?;
    let records: Vec<RecordId> = found.iter().map(|found| found.record.clone()).collect();
    let (known, connected) = (tx.records(&Viewer::system(), &records)?, tx.linked_connections(&records)?);
    let (mut links, mut looks, mut entries, mut arrived) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut checklists = 0;
    for Found { record: id, cause, lane, row, look } in found {
        let connection = &row.connection;
        // An adoption was quicker.
        let is_linked = owned.contains_key(row) || connected.get(id).is_some_and(|connections| connections.contains(connection));
        let Some(record) = known.get(id).filter(|_| !is_linked) else { continue };
        let base = match catalog.mapped(connection, &record.object) {
            Some(mapped) => made_with(tx, mapped, record, look, now)?,
            None => continue,
        };
        links.push(Link { base, ..link_to(id, row.clone(), look, now) });
        checklists += i64::from(record.object == "case" && is_checklist(&record.data));
        let woken = |target: String, is_row| Arrived { target, connection: connection.clone(), lane: *lane, is_row };
        arrived.extend([woken(row_target(&look.object, &look.id), true), woken(id.to_string(), false)]);
        looks.push(stored(connection, look));
        entries.push(NewEntry {
            record: id.clone(),
            object: record.object.clone(),
            subject: record.subject.clone(),
            at: now,
            actor: Actor::Us,
            actor_name: connection.clone(),
            cause: cause.clone(),
            detail: format!("linked to {connection}/{}/{}: its creation had landed although no answer came", row.object, row.id),
            connection: Some(connection.clone()),
            changes: BTreeMap::new(),
        });
    }
    tx.put_links(&links)?;
    tx.put_looks(&looks)?;
    tx.append(&entries)?;
    if checklists > 0 {
        tx.count(now, &[("onboarding_checklists", "", checklists)])?;
    }
    wake_all(tx, &arrived, now)?;
    Ok(links.into_iter().map(|link: Link| link.record).collect())
}
