//! What a decision writes at each side: changes of rows, new rows, and deletions that are passed on.

use std::collections::BTreeSet;

use entente_connect::error::{Class, VendorError};
use entente_connect::write::{Write, WriteKind, WriteTarget};
use entente_model::id::RecordId;
use entente_model::mapping::{DeletePolicy, Role};
use entente_model::value::{FieldKey, Fields, Value, get};
use entente_store::LinkState;

use super::{Decision, Grounds, PlannedWrite, Wait};
use crate::catalog::Mapped;
use crate::engine::{Connection, Engine};
use crate::schema::leave_out_refused;
use crate::sync::task::Task;
use crate::sync::{creation, precheck};

/// The object whose records are tickets of a support desk.
const CASE: &str = "case";

pub(super) fn propagate_deletion(decision: &mut Decision, connection: &str, grounds: &Grounds<'_>) {
    let object = &decision.task.record.object;
    let propagates = grounds.catalog.mapped(connection, object).is_some_and(|mapped| mapped.mapping().on_delete == DeletePolicy::Propagate);
    if !propagates {
        return;
    }
    for link in decision.task.links.iter().filter(|link| link.connection != connection && link.state == LinkState::Present) {
        let Some(mapped) = grounds.catalog.mapped(&link.connection, object) else { continue };
        decision.writes.push(PlannedWrite {
            connection: link.connection.clone(),
            target: target(mapped),
            write: Write {
                kind: WriteKind::Delete,
                key: decision.task.record.id.to_string(),
                id: Some(link.external_id.clone()),
                row: serde_json::Map::new(),
                expect: None,
            },
            fields: Fields::new(),
        });
    }
}

fn target(mapped: &Mapped) -> WriteTarget {
    WriteTarget { object: mapped.mapping().remote.clone(), key_field: mapped.mapping().key.clone() }
}

/// Whether a platform can keep an update from overwriting a change of a row that it did not know of.
fn minds_versions(engine: &Engine, connection: &str, remote: &str) -> bool {
    let known = engine.connection(connection).ok().and_then(|ready| ready.connector.spec().capabilities(remote));
    known.is_some_and(|known| known.concurrency.is_some())
}

pub(super) fn plan_updates(decision: &mut Decision, grounds: &Grounds<'_>) {
    let written = decision.plan.sides.iter().filter(|(_, side)| !side.writes.is_empty()).map(|(name, _)| name.clone());
    let connections: BTreeSet<String> = written.chain(misnamed(&decision.task, true)).collect();
    update_at(decision, connections, grounds);
}

/// Nothing is written for a record that has ended in another one, but what a creation of somebody else's has written over is put back: the row that
/// is left of it would be taken for that one's.
pub(super) fn put_right(decision: &mut Decision, grounds: &Grounds<'_>) {
    let connections = misnamed(&decision.task, true).collect();
    update_at(decision, connections, grounds);
}

fn update_at(decision: &mut Decision, connections: BTreeSet<String>, grounds: &Grounds<'_>) {
    for connection in connections {
        let Some(mapped) = grounds.catalog.mapped(&connection, &decision.task.record.object) else { continue };
        let linked = decision.links.iter().any(|link| link.connection == connection && link.state == LinkState::Present);
        if linked && precheck::breaks_rules(decision, mapped, &connection, grounds.now) {
            continue;
        }
        let Some(link) = decision.links.iter().find(|link| link.connection == connection && link.state == LinkState::Present) else {
            continue;
        };
        let changed: BTreeSet<FieldKey> =
            decision.plan.sides.get(&connection).map(|side| side.writes.keys().cloned().collect()).unwrap_or_default();
        let link_id = link.external_id.clone();
        let expect = link.version.clone().filter(|_| minds_versions(grounds.engine, &connection, &mapped.mapping().remote));
        let (mut row, fields, pending) = rows_of(decision, mapped, &connection, &changed, grounds);
        decision.waits.extend(pending);
        if misnamed(&decision.task, true).any(|name| name == connection) {
            row.insert(mapped.lens.key().to_owned(), decision.task.record.id.as_str().into());
        }
        if row.is_empty() {
            continue;
        }
        carry_key(decision, mapped, &connection, &mut row);
        decision.writes.push(PlannedWrite {
            target: target(mapped),
            write: Write { kind: WriteKind::Update, key: decision.task.record.id.to_string(), id: Some(link_id), row, expect },
            connection,
            fields,
        });
    }
}

/// Connections at which the record's row carries another record's id, or another record's row carries its id.
fn misnamed(task: &Task, own: bool) -> impl Iterator<Item = String> + '_ {
    task.misnamed.iter().filter(move |(_, is_own)| *is_own == own).map(|(connection, _)| connection.clone())
}

/// A row that does not carry Entente's id yet gets it with the next write, so that the link could be found again without us. So does one
/// that carries another record's.
fn carry_key(decision: &Decision, mapped: &Mapped, connection: &str, row: &mut serde_json::Map<String, serde_json::Value>) {
    let key = mapped.lens.key();
    let known = decision.task.seen.get(connection).and_then(|seen| seen.look.row.get(key));
    if known.is_some_and(|value| value != decision.task.record.id.as_str()) {
        row.insert(key.to_owned(), decision.task.record.id.as_str().into());
    }
}

/// Remote values for changed fields, our values that they carry, and what has to be waited for. A value that cannot be written is the
/// task's failure; the others go on.
fn rows_of(
    decision: &mut Decision,
    mapped: &Mapped,
    connection: &str,
    changed: &BTreeSet<FieldKey>,
    grounds: &Grounds<'_>,
) -> (serde_json::Map<String, serde_json::Value>, Fields, BTreeSet<Wait>) {
    let resolve = |id: &RecordId| grounds.counterparts.get(&(id.clone(), connection.to_owned())).cloned();
    let mut put = mapped.lens.put(&decision.after, changed, &resolve, grounds.now);
    let mut left_out: BTreeSet<FieldKey> = put.pending.iter().map(|(field, _)| field.clone()).collect();
    left_out.extend(leave_out_refused(mapped, &mut put.row));
    let waits = put.pending.into_iter().map(|(_, target)| Wait::Counterpart(target, connection.to_owned())).collect();
    for (field, why) in put.faults {
        let error = VendorError::new(
            Class::Data,
            "unwritable_value",
            format!("{connection}, field {field}: {why}"),
            "Correct the value, or the `put` formula of the mapping.",
        );
        left_out.insert(field.clone());
        decision.task.failure.get_or_insert_with(|| (connection.to_owned(), error.about(field)));
    }
    let fields = changed
        .iter()
        .filter(|field| !left_out.contains(*field))
        .map(|field| (field.clone(), get(&decision.after, field).clone()))
        .collect();
    (put.row, fields, waits)
}

pub(super) fn plan_creations(decision: &mut Decision, grounds: &Grounds<'_>) {
    let object = decision.task.record.object.clone();
    for connection in grounds.engine.connections().values() {
        let Some(mapped) = grounds.catalog.mapped(&connection.name, &object) else { continue };
        let linked = decision.links.iter().any(|link| link.connection == connection.name);
        // While a row carries this record's id that is another's, a creation would find it.
        let taken = misnamed(&decision.task, false).any(|name| name == connection.name);
        if linked || taken || decision.task.in_review || !mapped.lens.creates(&decision.after, grounds.now) {
            continue;
        }
        if object == CASE && connection.role == Role::Support && is_another_desk_s(decision, connection, grounds) {
            continue;
        }
        if !mapped.lens.missing_required(&decision.after).is_empty() {
            continue;
        }
        let waits = creation_waits(decision, connection, mapped, grounds);
        if !waits.is_empty() {
            decision.waits.extend(waits);
            continue;
        }
        if precheck::breaks_rules(decision, mapped, &connection.name, grounds.now) {
            continue;
        }
        if !creation::address_allows(decision, connection, mapped, grounds) {
            continue;
        }
        plan_creation(decision, connection, mapped, grounds);
    }
}

/// Whether a ticket that Entente opens is another desk's: it is at one desk alone. Of several, the first by name whose mapping creates it
/// opens it, whichever has the customer first, so that a creation of which nobody has heard is never made elsewhere as well.
fn is_another_desk_s(decision: &Decision, connection: &Connection, grounds: &Grounds<'_>) -> bool {
    let mut desks = grounds.engine.connections().values().filter(|other| other.role == Role::Support && other.name != connection.name);
    desks.any(|other| {
        let mapped = grounds.catalog.mapped(&other.name, CASE);
        let opens = mapped.is_some_and(|mapped| mapped.lens.creates(&decision.after, grounds.now));
        decision.task.link(&other.name).is_some() || (opens && other.name < connection.name)
    })
}

/// What a creation has to wait for: the first complete read, so that no row is made that is there already, and its parents. Empty when
/// it can go ahead.
fn creation_waits(decision: &Decision, connection: &Connection, mapped: &Mapped, grounds: &Grounds<'_>) -> BTreeSet<Wait> {
    let remote = &mapped.mapping().remote;
    if !grounds.first_reads.contains(&format!("{}/{remote}", connection.name)) {
        return BTreeSet::from([Wait::FirstRead(connection.name.clone(), remote.clone())]);
    }
    let create = &mapped.mapping().create;
    let target = |field: &FieldKey| if let Value::Ref(id) = get(&decision.after, field) { Some(id.clone()) } else { None };
    let missing = |id: &RecordId| !grounds.counterparts.contains_key(&(id.clone(), connection.name.clone()));
    let wait = |id: RecordId| Wait::Counterpart(id, connection.name.clone());
    let Some(parent) = create.after.iter().filter_map(target).find(missing) else { return BTreeSet::new() };
    let others: Vec<RecordId> = create.or_after.iter().filter_map(target).collect();
    // Whichever comes first ends the wait.
    if others.iter().all(missing) { others.into_iter().chain([parent]).map(wait).collect() } else { BTreeSet::new() }
}

fn plan_creation(decision: &mut Decision, connection: &Connection, mapped: &Mapped, grounds: &Grounds<'_>) {
    // What waits, for a person or for an answer, is written nowhere, a new row included.
    let found = |field: &FieldKey| decision.plan.conflicts.iter().any(|conflict| conflict.resolved.is_none() && conflict.field == *field);
    let waits = |field: &FieldKey| decision.task.stands_still(field) || found(field);
    let changed: BTreeSet<FieldKey> =
        mapped.writable.iter().filter(|field| !get(&decision.after, field).is_blank() && !waits(field)).cloned().collect();
    // A row that cannot be without it is made once somebody has decided.
    if mapped.mapping().fields.iter().any(|line| waits(&line.field) && mapped.required.contains(&line.remote)) {
        return;
    }
    let (row, fields, pending) = rows_of(decision, mapped, &connection.name, &changed, grounds);
    if precheck::lacks_required(decision, mapped, &connection.name, &row) {
        return;
    }
    decision.waits.extend(pending);
    let key = if grounds.engine.flaws().create_without_key {
        grounds.engine.new_id("bad").to_string()
    } else {
        decision.task.record.id.to_string()
    };
    decision.writes.push(PlannedWrite {
        connection: connection.name.clone(),
        target: target(mapped),
        write: Write { kind: WriteKind::Create, key, id: None, row, expect: None },
        fields,
    });
}

/// What is about to be written, kept with the links before it is: an echo that comes back before the answer is known by it.
pub(super) fn note_pending(decision: &mut Decision) {
    for link in &mut decision.links {
        let planned =
            decision.writes.iter().find(|planned| planned.connection == link.connection && planned.write.kind == WriteKind::Update);
        link.pending = planned.map(|planned| planned.fields.clone());
    }
}
