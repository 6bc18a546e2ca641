//! Asking for an erasure: from the command line, over the API, or from a platform. What Entente holds is gone when the answer comes.

use std::collections::BTreeSet;
use std::sync::Arc;

use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::value::Fields;
use entente_store::{LinkState, NewEntry, NewErasure, PutRecord, RecordState, StoreError, Traces, Tx, Viewer};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::CAUSE;
use super::blocked::Hasher;
use super::person::{Person, Who, find, gather, keys, policy_at};
use super::requests::{ErasureDetail, show};
use super::work::{RowWork, Work};
use crate::alerts::raise::raise;
use crate::alerts::{AlertKind, Signal};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::Result;
use crate::options::ErasePolicy;
use crate::sync::commit::is_said_at_a_desk;
use crate::sync::decide::row_target;

/// Times that a request is tried again when somebody changes one of the records at the same moment.
const RACES_MAX: u32 = 8;

/// Counter of requests, by the connection that they came from.
pub(crate) const ASKED: &str = "erasures";

/// Who asks to be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasureRequest {
    /// The person: a record's id, a connection and external id such as `zendesk/123`, the whole name, or an e-mail address or phone
    /// number, also one that nobody here has.
    pub who: String,
}

/// What the work at platforms has to know of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Errand {
    pub(crate) emails: Vec<String>,
    pub(crate) phones: Vec<String>,
}

/// Erases a person here and takes up the work at the platforms. Asked for again, it answers what is under way.
///
/// # Errors
/// When nobody or more than one person is meant, or the store fails.
pub async fn ask(engine: &Engine, viewer: &Viewer, request: &ErasureRequest, source: &str) -> Result<ErasureDetail> {
    let who = find(engine, viewer, &request.who).await?;
    let id = ask_for(engine, who, &viewer.name, source).await?;
    show(engine, viewer, &id.to_string()).await
}

/// Erases a person on somebody's behalf and answers the number of the request.
pub(crate) async fn ask_for(engine: &Engine, who: Who, by: &str, source: &str) -> Result<i64> {
    let who = Arc::new(who);
    let mut races = 0;
    loop {
        let (catalog, wanted) = (engine.catalog(), Arc::clone(&who));
        let person = engine.store().read(move |tx| gather(tx, &catalog, &wanted)).await?;
        let (engine_, catalog, person) = (engine.clone(), engine.catalog(), Arc::new(person));
        let (by, source) = (by.to_owned(), source.to_owned());
        let done = engine.store().write(move |tx| erase(tx, &engine_, &catalog, &person, &by, &source)).await;
        match done {
            Err(StoreError::Conflict { .. }) if races < RACES_MAX => races += 1,
            done => return Ok(done?),
        }
    }
}

/// Everything that happens here, in one transaction.
fn erase(
    tx: &mut Tx<'_>,
    engine: &Engine,
    catalog: &Catalog,
    person: &Person,
    by: &str,
    source: &str,
) -> std::result::Result<i64, StoreError> {
    let now = engine.now();
    if let Some(record) = &person.record
        && person.records.iter().any(|known| known.id == *record && known.state == RecordState::Erased)
        && let Some(known) = tx.erasure_of(record)?
    {
        return Ok(known.id);
    }
    let work = work_of(engine, person);
    let errand = Errand { emails: person.own_emails(), phones: person.own_phones() };
    let errand = serde_json::to_vec(&errand).map_err(|error| StoreError::Invalid(error.to_string()))?;
    let id = tx.open_erasure(&NewErasure {
        record: person.record.clone(),
        asked_at: now,
        asked_by: by.to_owned(),
        source: source.to_owned(),
        work: work.document()?,
        errand,
    })?;
    empty_records(tx, person, id, now)?;
    let rows = keys(person);
    let waited_for = rows.iter().map(|row| (row_target(&row.object, &row.id), row.connection.clone()));
    tx.end_waits(&waited_for.collect::<Vec<_>>())?;
    let words = person.own_emails().into_iter().chain(person.own_phones()).chain(person.names.iter().cloned()).collect();
    let records: Vec<RecordId> = person.records.iter().map(|record| record.id.clone()).collect();
    tx.forget(&Traces { records: records.clone(), rows: rows.clone(), words })?;
    let hasher = Hasher::of(tx)?;
    let mut prints: BTreeSet<_> = rows.iter().map(|row| hasher.row(row)).collect();
    prints.extend(records.iter().map(|record| hasher.record(record)));
    prints.extend(person.own_emails().iter().map(|email| hasher.email(email)));
    prints.extend(person.own_phones().iter().map(|phone| hasher.phone(phone)));
    tx.block(id, &prints.into_iter().collect::<Vec<_>>())?;
    raise(tx, &asked(engine, catalog, person, &work, id, by, source), now)?;
    let connection = if engine.connections().contains_key(source) { source } else { "" };
    tx.count(now, &[(ASKED, connection, 1)])?;
    Ok(id)
}

fn work_of(engine: &Engine, person: &Person) -> Work {
    let mut work = Work { records: person.records.iter().map(|record| record.id.to_string()).collect(), ..Work::default() };
    for link in person.rows().filter(|link| engine.connections().contains_key(&link.connection)) {
        let kind = person.records.iter().find(|record| record.id == link.record).map(|record| record.object.clone()).unwrap_or_default();
        let policy = match link.state {
            // What lies in a bin already can only go for good.
            LinkState::Deleted => ErasePolicy::Delete,
            // What was said stays as a row without words where a platform deletes none: seen again, it is not back.
            _ if is_said_at_a_desk(engine, &kind, &link.connection) => ErasePolicy::Anonymise,
            _ => policy_at(engine, &link.connection),
        };
        work.add(RowWork::open(&link.connection, &link.remote_object, &link.external_id, &kind, policy));
    }
    for what in &person.elsewhere {
        work.flag(None, format!("{what}; only a person can rewrite that, at the platform that owns it"));
    }
    if !person.shared.is_empty() {
        work.flag(None, "an address or number of the person is that of somebody else too: it blocks nobody, and is not searched for");
    }
    work
}

/// Empties the records, tells of it in their histories, and destroys the keys that open what was told before.
fn empty_records(tx: &mut Tx<'_>, person: &Person, id: i64, now: Timestamp) -> std::result::Result<(), StoreError> {
    let mut puts = Vec::with_capacity(person.records.len());
    let mut entries = Vec::with_capacity(person.records.len());
    let ids: BTreeSet<&str> = person.records.iter().map(|record| record.id.as_str()).collect();
    let mut subjects: BTreeSet<String> = BTreeSet::new();
    for record in &person.records {
        subjects.insert(record.id.to_string());
        // A record that was about somebody else once has that one's key for what happened then; it stays theirs.
        subjects.extend(ids.contains(record.subject.as_str()).then(|| record.subject.clone()));
        entries.push(NewEntry {
            record: record.id.clone(),
            object: record.object.clone(),
            subject: record.subject.clone(),
            at: now,
            actor: Actor::Us,
            actor_name: "privacy".to_owned(),
            cause: CAUSE.to_owned(),
            detail: format!("erased on request {id}"),
            connection: None,
            changes: Default::default(),
        });
        let mut record = record.clone();
        record.data = Fields::new();
        record.provenance.clear();
        record.state = RecordState::Erased;
        record.updated_at = now;
        puts.push(PutRecord { record, search_text: String::new() });
    }
    tx.put_records(&puts)?;
    tx.append(&entries)?;
    for subject in &subjects {
        tx.shred(subject, now)?;
    }
    tx.part_from_subjects(&subjects.into_iter().collect::<Vec<_>>(), now).map(drop)
}

/// The alert that stands while an erasure is under way, or waits for people.
fn asked(engine: &Engine, catalog: &Catalog, person: &Person, work: &Work, id: i64, by: &str, source: &str) -> Signal {
    let who = person.record.as_ref().map_or_else(|| "a person without a record here".to_owned(), ToString::to_string);
    let mut lines =
        vec![format!("{who} is erased on request {id}, asked for by {by} ({source}). Entente holds no value of the person any more.")];
    for connection in engine.connections().keys() {
        let rows = work.rows.iter().filter(|row| row.connection == *connection).count();
        let verb = match policy_at(engine, connection) {
            ErasePolicy::Delete => "deleted",
            ErasePolicy::Anonymise => "anonymised",
        };
        let people =
            if catalog.mapped(connection, super::PERSON).is_some() { ", and whoever else has the person's addresses there" } else { "" };
        lines.push(format!("{connection}: {rows} rows are being {verb}{people}."));
    }
    lines.extend(work.flags.iter().map(|flag| format!("For a person: {}.", flag.what)));
    lines.push(format!("`entente privacy show {id}` tells how far it is, `entente privacy certificate {id}` certifies it."));
    Signal::warning(AlertKind::Erasure, id.to_string(), format!("Erasure {id}: {who}"), lines.join("\n"))
}
