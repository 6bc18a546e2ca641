//! Adopting: a remote row that no record stands for yet is linked to the record of the same customer, or gets a record of its own.
//!
//! All of it happens in one transaction, so that two rows of one customer that come in at the same time end in one record.

mod candidates;
mod shown;
mod unwritten;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use entente_model::actor::Actor;
use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_model::matching::counterpart::{DUPLICATE_FROM, Judgement};
use entente_model::matching::{self, KeyKind, Profile};
use entente_model::value::{Fields, Value, get};
use entente_store::{
    Hint, MatchKey, NewEntry, NewHint, NewReview, Outcome, PutRecord, Record, RecordState, RemoteKey, Settled, StoreError, Tx, Viewer,
};

use candidates::Candidates;
use shown::{RowShown, Shown};
use unwritten::Unwritten;

use super::decide::row_target;
use super::fetch::Fetched;
use super::first_read;
use super::look::link_to;
use super::lost_creation::made_with;
use super::matchers::{self, Matchers};
use super::settle::is_checklist;
use super::subject::{RowKey, Subject};
use super::unseen::{self, Asked};
use super::wake::Arrived;
use crate::catalog::{Catalog, Mapped};
use crate::engine::Engine;
use crate::error::Result;
use crate::privacy::blocked::Blocked;
use crate::privacy::met::{meets, note};

/// Kind of a review of two records that have a counterpart at one connection each.
pub(crate) const DUPLICATE: &str = "duplicate";
/// Kind of a review of a record and the counterpart that it may have.
pub(crate) const MATCH: &str = "match";

/// Records with one key beyond which it finds no candidates: a switchboard, a placeholder. Who shares another key with the row is found
/// by that.
pub(crate) const CROWDED: usize = 50;

/// Adopts the rows of hints that this worker holds, with what was fetched of them. Answers the records that they belong to, which are
/// hinted at.
///
/// # Errors
/// When the store fails.
pub(crate) async fn adopt(engine: &Engine, hints: Vec<Hint>, fetched: &Fetched, asked: &Asked) -> Result<Vec<String>> {
    let hints = unseen::take(engine, hints, fetched).await?;
    if hints.is_empty() {
        return Ok(Vec::new());
    }
    let engine_ = engine.clone();
    let catalog = engine.catalog();
    let matchers = matchers::current(engine).await?;
    let hints = Arc::new(hints);
    // What can be read of the rows before the transaction is: everybody who writes waits for its end.
    let shown: Shown =
        asked.seen().map(|(key, look)| (key.clone(), Arc::new(RowShown::of(&catalog, look.clone(), engine.now())))).collect();
    let adopted = engine
        .store()
        .write(move |tx| {
            let now = engine_.now();
            let mut adoption = Adoption::new(&engine_, &catalog, &matchers, now);
            adoption.run(tx, &hints, &shown)?;
            let settled: Vec<Settled> = hints
                .iter()
                .map(|hint| Settled { subject: hint.subject.clone(), generation: hint.generation, outcome: Outcome::Done })
                .collect();
            tx.settle(engine_.owner(), now, &settled)?;
            end_first_reads(tx, &hints, now)?;
            Ok(adoption.hinted)
        })
        .await?;
    Ok(adopted)
}

/// The rows that were adopted may have been the last ones of a first read, also those that an event has made urgent meanwhile.
fn end_first_reads(tx: &mut Tx<'_>, hints: &[Hint], now: Timestamp) -> Result<(), StoreError> {
    let read = hints.iter().filter_map(|hint| match Subject::parse(&hint.subject) {
        Some(Subject::Row(row)) => Some((row.connection, row.object)),
        _ => None,
    });
    for (connection, object) in read.collect::<BTreeSet<_>>() {
        first_read::end_if_adopted(tx, &connection, &object, now)?;
    }
    Ok(())
}

/// Adopts the rows of hints within the caller's transaction; for looks ahead, which are never committed.
pub(crate) fn adopt_within(tx: &mut Tx<'_>, engine: &Engine, catalog: &Catalog, hints: &[Hint]) -> Result<(), StoreError> {
    let matchers = engine.matchers();
    let mut adoption = Adoption::new(engine, catalog, &matchers, engine.now());
    adoption.run(tx, hints, &Shown::new())
}

/// Match keys of a record.
pub(crate) fn match_keys(object: &str, fields: &Fields) -> BTreeSet<MatchKey> {
    let fields = for_matching(object, fields);
    matching::keys(object, &fields).into_iter().map(|key| MatchKey::new(kind_name(key.kind), key.value)).collect()
}

/// The name of a kind of match key in the store.
pub(crate) fn kind_name(kind: KeyKind) -> String {
    format!("{kind:?}").to_lowercase()
}

/// Whether records of an object are recognised by match keys.
pub(crate) fn has_match_keys(object: &str) -> bool {
    matches!(object, "account" | "contact")
}

/// The values that matching goes by: a desk knows a company by its e-mail domains where the CRM has its web site.
pub(crate) fn for_matching(object: &str, fields: &Fields) -> Fields {
    let mut fields = fields.clone();
    if object == "account"
        && get(&fields, "domain").is_blank()
        && let Value::Set(domains) = get(&fields, "email_domains")
        && let Some(domain) = domains.iter().next().cloned()
    {
        fields.insert("domain".to_owned(), Value::Text(domain));
    }
    fields
}

struct Adoption<'a> {
    engine: &'a Engine,
    catalog: &'a Catalog,
    matchers: &'a Matchers,
    now: Timestamp,
    /// Records made or linked in this batch, by object and match key.
    added: BTreeMap<(String, MatchKey), BTreeSet<RecordId>>,
    /// Names of accounts, by record.
    companies: BTreeMap<RecordId, String>,
    /// Records that were hinted at.
    hinted: Vec<String>,
    /// What the rows so far came to.
    unwritten: Unwritten,
}

/// A row on its way to a record.
struct Row<'a> {
    hint: &'a Hint,
    key: RowKey,
    mapped: Arc<Mapped>,
    shown: Arc<RowShown>,
    fields: Fields,
    /// Match keys.
    keys: BTreeSet<MatchKey>,
    company: Option<String>,
}

impl<'a> Adoption<'a> {
    fn new(engine: &'a Engine, catalog: &'a Catalog, matchers: &'a Matchers, now: Timestamp) -> Self {
        Self {
            engine,
            catalog,
            matchers,
            now,
            added: BTreeMap::new(),
            companies: BTreeMap::new(),
            hinted: Vec::new(),
            unwritten: Unwritten::default(),
        }
    }

    /// Adopts the rows of hints. `shown` are looks at them that were read before; one that has changed since is read again.
    fn run(&mut self, tx: &mut Tx<'_>, hints: &[Hint], shown: &Shown) -> Result<(), StoreError> {
        let keys: Vec<(&Hint, RowKey)> = hints
            .iter()
            .filter_map(|hint| match Subject::parse(&hint.subject) {
                Some(Subject::Row(row)) => Some((hint, row)),
                _ => None,
            })
            .collect();
        let remote: Vec<RemoteKey> = keys.iter().map(|(_, row)| RemoteKey::new(&row.connection, &row.object, &row.id)).collect();
        let mut looks = self.looks(tx, &remote, shown)?;
        let linked = tx.records_at(&remote)?;
        let blocked = Blocked::of(tx, self.engine)?;
        let mut rows = Vec::new();
        let mut dropped = Vec::new();
        for ((hint, key), remote) in keys.into_iter().zip(remote) {
            if let Some(record) = linked.get(&remote) {
                // What told of the row came before it was known to be this record's, and was not kept unless it was the whole row.
                let told = looks.get(&remote).is_some_and(|shown| shown.look.complete);
                let fetch = if told { BTreeSet::new() } else { BTreeSet::from([remote.connection.clone()]) };
                self.hint(hint, record, fetch);
                continue;
            }
            // A look that is gone by now was consumed by whoever linked the row.
            let Some(shown) = looks.remove(&remote) else { continue };
            if let Some(met) = meets(&blocked, self.catalog, &remote, Some(&shown.look), self.now) {
                // The person was erased after the row came in.
                note(tx, self.engine, &met, &remote, &shown.look.existence, self.now)?;
                dropped.push((remote, shown.stamp));
                continue;
            }
            match &shown.mapped {
                Some(mapped) => {
                    let mapped = Arc::clone(mapped);
                    rows.push(Row { hint, key, mapped, shown, fields: Fields::new(), keys: BTreeSet::new(), company: None });
                }
                None => dropped.push((remote, shown.stamp)),
            }
        }
        tx.consume_looks(&dropped)?;
        // Parents first, so that children find them in the same batch.
        rows.sort_by_key(|row| crate::catalog::rank(&row.mapped.mapping().object));
        while !rows.is_empty() {
            let rank = |row: &Row<'_>| crate::catalog::rank(&row.mapped.mapping().object);
            let first = rank(&rows[0]);
            let later = rows.split_off(rows.partition_point(|row| rank(row) == first));
            self.read_fields(tx, &mut rows)?;
            let mut found = self.candidates(tx, &rows)?;
            for row in std::mem::replace(&mut rows, later) {
                self.adopt(tx, row, &mut found)?;
            }
            self.unwritten.write(tx, self.now)?;
        }
        self.unwritten.write(tx, self.now)
    }

    /// The looks that wait for rows: as they were read before, or, where they were not or are others by now, as they are.
    fn looks(&self, tx: &mut Tx<'_>, rows: &[RemoteKey], shown: &Shown) -> Result<Shown, StoreError> {
        let stamps = tx.look_stamps(rows)?;
        let mut looks = Shown::new();
        let mut others = Vec::new();
        for (key, stamp) in stamps {
            match shown.get(&key).filter(|shown| shown.stamp == stamp) {
                Some(shown) => drop(looks.insert(key, Arc::clone(shown))),
                None => others.push(key),
            }
        }
        for (key, look) in tx.looks_for(&others)? {
            looks.insert(key, Arc::new(RowShown::of(self.catalog, look, self.now)));
        }
        Ok(looks)
    }

    fn read_fields(&mut self, tx: &mut Tx<'_>, rows: &mut [Row<'_>]) -> Result<(), StoreError> {
        let target = |row: &Row<'_>, object: &str, id: &str| {
            let mapped = self.catalog.mapped(&row.key.connection, object)?;
            Some(RemoteKey::new(&row.key.connection, &mapped.mapping().remote, id))
        };
        let wanted: BTreeSet<RemoteKey> =
            rows.iter().flat_map(|row| row.shown.references.iter().filter_map(|(_, object, id)| target(row, object, id))).collect();
        let parents = tx.records_meant_by(&wanted.into_iter().collect::<Vec<_>>())?;
        for row in rows.iter_mut() {
            let resolved = row.shown.references.iter().filter_map(|(field, object, id)| {
                let record = parents.get(&target(row, object, id)?)?;
                Some((field.clone(), Value::Ref(record.clone())))
            });
            let resolved: Vec<(String, Value)> = resolved.collect();
            row.fields.clone_from(&row.shown.fields);
            row.keys = if resolved.is_empty() {
                row.shown.keys.clone()
            } else {
                row.fields.extend(resolved);
                match_keys(&row.mapped.mapping().object, &row.fields)
            };
        }
        let accounts = parents.into_values().filter(|record| !self.companies.contains_key(record));
        let accounts: BTreeSet<RecordId> = accounts.collect();
        for (id, record) in tx.records(&Viewer::system(), &accounts.into_iter().collect::<Vec<_>>())? {
            if record.object == "account" {
                self.companies.insert(id, get(&record.data, "name").display());
            }
        }
        for row in rows.iter_mut() {
            if let Value::Ref(account) = get(&row.fields, "account") {
                row.company = self.companies.get(account).cloned().filter(|name| !name.is_empty());
            }
        }
        Ok(())
    }

    /// Stored records that share a match key with any row, with their links.
    fn candidates(&mut self, tx: &mut Tx<'_>, rows: &[Row<'_>]) -> Result<Candidates, StoreError> {
        let mut candidates = Candidates::default();
        let mut by_object: BTreeMap<String, BTreeSet<MatchKey>> = BTreeMap::new();
        for row in rows {
            by_object.entry(row.mapped.mapping().object.clone()).or_default().extend(row.keys.iter().cloned());
        }
        for (object, keys) in by_object {
            for hit in tx.match_records(&object, &keys.into_iter().collect::<Vec<_>>())? {
                candidates.by_key.entry((object.clone(), hit.key)).or_default().insert(hit.record);
            }
        }
        let telling = candidates.by_key.values().filter(|records| records.len() <= CROWDED);
        let mut ids: BTreeSet<RecordId> = telling.flatten().cloned().collect();
        ids.extend(rows.iter().filter_map(row_key_value));
        candidates.load(tx, self.catalog, ids, self.now)?;
        self.name_companies(tx, &candidates)?;
        Ok(candidates)
    }

    /// Names of the accounts that candidates refer to, where they are not known from the rows.
    fn name_companies(&mut self, tx: &mut Tx<'_>, found: &Candidates) -> Result<(), StoreError> {
        let accounts = found.fields.values().filter_map(|fields| match get(fields, "account") {
            Value::Ref(account) if !self.companies.contains_key(account) => Some(account.clone()),
            _ => None,
        });
        let missing: BTreeSet<RecordId> = accounts.collect();
        if missing.is_empty() {
            return Ok(());
        }
        for (id, record) in tx.records(&Viewer::system(), &missing.into_iter().collect::<Vec<_>>())? {
            self.companies.insert(id, get(&record.data, "name").display());
        }
        Ok(())
    }

    fn adopt(&mut self, tx: &mut Tx<'_>, row: Row<'_>, found: &mut Candidates) -> Result<(), StoreError> {
        let object = row.mapped.mapping().object.clone();
        // The row carries our own id: it is ours, whatever its values are now.
        if let Some(id) = row_key_value(&row)
            && found.free(&id, &row.key.connection).is_some_and(|record| record.object == object)
        {
            let record = found.records.get(&id).cloned();
            self.link(&row, &id, "it carries the record's id", found);
            // A creation of the record's has made it.
            if let (Some(record), Some(link)) = (record, self.unwritten.links.last_mut()) {
                link.base = made_with(tx, &row.mapped, &record, &row.shown.look, self.now)?;
            }
            return Ok(());
        }
        let (free, taken): (Vec<Judged>, Vec<Judged>) =
            self.judged(&row, &object, found)?.into_iter().partition(|judged| found.free(&judged.record, &row.key.connection).is_some());
        if let Some(at) = surest(&free) {
            let chosen = &free[at];
            self.link(&row, &chosen.record, &chosen.judgement.in_words(), found);
            // Others that are as certain are the same customer too: they are two records of one.
            for other in free.iter().filter(|other| other.judgement.certain && other.record != chosen.record) {
                self.ask(tx, DUPLICATE, &object, &other.record, &chosen.record, &other.judgement)?;
            }
            return Ok(());
        }
        let likeliest = |judged: &[Judged], worth: &dyn Fn(&Judgement) -> bool| {
            let worth = judged.iter().filter(|judged| worth(&judged.judgement));
            worth.max_by(|a, b| a.judgement.probability().total_cmp(&b.judgement.probability())).cloned()
        };
        let counterpart = likeliest(&free, &Judgement::is_worth_a_look);
        let twin = likeliest(&taken, &|judgement| judgement.probability() >= DUPLICATE_FROM);
        let id = self.create(&row, &object, found);
        if let Some(other) = counterpart {
            self.ask(tx, MATCH, &object, &id, &other.record, &other.judgement)?;
        }
        if let Some(other) = twin {
            self.ask(tx, DUPLICATE, &object, &id, &other.record, &other.judgement)?;
        }
        Ok(())
    }

    /// Asks a person whether two records are one customer, with all that was weighed. A pair is asked about once.
    fn ask(
        &mut self,
        tx: &mut Tx<'_>,
        kind: &str,
        object: &str,
        record: &RecordId,
        other: &RecordId,
        judgement: &Judgement,
    ) -> Result<(), StoreError> {
        self.unwritten.write(tx, self.now)?;
        let known = tx.reviews_of(&[record.to_string()])?;
        if known.iter().any(|review| review.review.other == other.as_str() || review.review.record == *other) {
            return Ok(());
        }
        tx.open_review(&NewReview {
            kind: kind.to_owned(),
            record: record.clone(),
            other: other.to_string(),
            object: object.to_owned(),
            score: judgement.probability(),
            evidence: evidence(judgement)?,
            opened_at: self.now,
        })
        .map(drop)
    }

    /// Records that share a match key with the row and are in use, judged; those that have a counterpart at its connection as well.
    fn judged(&self, row: &Row<'_>, object: &str, found: &Candidates) -> Result<Vec<Judged>, StoreError> {
        let mut ids: BTreeSet<&RecordId> = BTreeSet::new();
        for key in &row.keys {
            let key = (object.to_owned(), key.clone());
            let (known, added) = (found.by_key.get(&key), self.added.get(&key));
            if known.map_or(0, BTreeSet::len) + added.map_or(0, BTreeSet::len) <= CROWDED {
                ids.extend(known.into_iter().chain(added).flatten());
            }
        }
        let active =
            |id: &&RecordId| found.records.get(id).is_some_and(|record| record.state == RecordState::Active && record.object == object);
        let ids: Vec<&RecordId> = ids.into_iter().filter(active).filter(|id| found.fields.contains_key(id)).collect();
        let Some(matcher) = self.matchers.of(object).filter(|_| !ids.is_empty()) else { return Ok(Vec::new()) };
        let mine = for_matching(object, &row.fields);
        let theirs: Vec<(Fields, Option<&str>)> = ids
            .iter()
            .filter_map(|id| found.fields.get(id))
            .map(|fields| {
                let company = if let Value::Ref(account) = get(fields, "account") { self.companies.get(account) } else { None };
                (for_matching(object, fields), company.map(String::as_str))
            })
            .collect();
        let profiles: Vec<Profile<'_>> = theirs.iter().map(|(fields, company)| Profile { fields, company: *company }).collect();
        let count = |kind: KeyKind, value: &str| {
            let key = (object.to_owned(), MatchKey::new(kind_name(kind), value));
            let many = found.by_key.get(&key).map_or(0, BTreeSet::len) + self.added.get(&key).map_or(0, BTreeSet::len);
            u32::try_from(many).unwrap_or(u32::MAX)
        };
        let row = Profile { fields: &mine, company: row.company.as_deref() };
        let judged = matcher.judge(&row, &profiles, &count).map_err(|error| StoreError::Invalid(error.to_string()))?;
        Ok(ids.into_iter().zip(judged).map(|(id, judgement)| Judged { record: id.clone(), judgement }).collect())
    }

    fn link(&mut self, row: &Row<'_>, id: &RecordId, why: &str, found: &mut Candidates) {
        self.put_link(row, id);
        found.take(id, &row.key.connection);
        let Some(record) = found.records.get(id) else { return };
        if record.object == "case" && is_checklist(&record.data) {
            // The answer to its creation was lost: it landed all the same.
            self.unwritten.checklists += 1;
        }
        self.unwritten.entries.push(NewEntry {
            record: id.clone(),
            object: record.object.clone(),
            subject: record.subject.clone(),
            at: self.now,
            actor: Actor::Us,
            actor_name: row.key.connection.clone(),
            cause: row.hint.cause.clone(),
            detail: format!("linked to {}: {why}", row.key),
            connection: Some(row.key.connection.clone()),
            changes: BTreeMap::new(),
        });
        self.remember(row, id);
        let mut keys = match_keys(&record.object, &record.data);
        keys.extend(row.keys.iter().cloned());
        self.unwritten.keys.entry(id.clone()).or_insert_with(|| (record.object.clone(), BTreeSet::new())).1.extend(keys);
        self.hint(row.hint, id, BTreeSet::new());
        self.wake_waiting(row, id);
    }

    fn create(&mut self, row: &Row<'_>, object: &str, found: &mut Candidates) -> RecordId {
        let prefix = self.catalog.object(object).map_or("rec", |object| object.prefix.as_str());
        let id = self.engine.new_id(prefix);
        let subject = match get(&row.fields, "contact") {
            Value::Ref(contact) if !super::commit::is_said_at_a_desk(self.engine, object, &row.key.connection) => contact.to_string(),
            _ => id.to_string(),
        };
        let record = Record {
            id: id.clone(),
            object: object.to_owned(),
            subject,
            data: Fields::new(),
            provenance: BTreeMap::new(),
            created_at: self.now,
            updated_at: self.now,
            version: 0,
            state: RecordState::Active,
            merged_into: None,
        };
        self.unwritten.records.push(PutRecord { record: record.clone(), search_text: String::new() });
        self.put_link(row, &id);
        self.unwritten.keys.insert(id.clone(), (object.to_owned(), row.keys.clone()));
        found.records.insert(id.clone(), record);
        found.fields.insert(id.clone(), row.fields.clone());
        found.take(&id, &row.key.connection);
        self.remember(row, &id);
        self.hint(row.hint, &id, BTreeSet::new());
        self.wake_waiting(row, &id);
        id
    }

    /// Wakes what waited for the row, and what waited for its record to have a counterpart: a creation whose answer was lost is found
    /// here, by the id that the row carries.
    fn wake_waiting(&mut self, row: &Row<'_>, id: &RecordId) {
        let arrived = |target: String, is_row| Arrived { target, connection: row.key.connection.clone(), lane: row.hint.lane, is_row };
        self.unwritten.arrived.push(arrived(row_target(&row.key.object, &row.key.id), true));
        self.unwritten.arrived.push(arrived(id.to_string(), false));
    }

    fn put_link(&mut self, row: &Row<'_>, id: &RecordId) {
        let key = RemoteKey::new(&row.key.connection, &row.key.object, &row.key.id);
        self.unwritten.links.push(link_to(id, key, &row.shown.look, self.now));
    }

    fn remember(&mut self, row: &Row<'_>, id: &RecordId) {
        let object = &row.mapped.mapping().object;
        if object == "account" {
            self.companies.insert(id.clone(), get(&row.fields, "name").display());
        }
        for key in &row.keys {
            self.added.entry((object.clone(), key.clone())).or_default().insert(id.clone());
        }
    }

    fn hint(&mut self, from: &Hint, id: &RecordId, fetch: BTreeSet<String>) {
        self.hinted.push(id.to_string());
        self.unwritten.hints.push(NewHint {
            subject: id.to_string(),
            object: from.object.clone(),
            lane: from.lane,
            due_at: self.now,
            cause: from.cause.clone(),
            fetch,
            origin_at: from.origin_at,
            is_news: true,
            at: self.now,
        });
    }
}

/// The record id that a row carries in its key field.
fn row_key_value(row: &Row<'_>) -> Option<RecordId> {
    row.shown.look.row.get(row.mapped.lens.key())?.as_str()?.parse().ok()
}

/// A candidate with the judgement on it.
#[derive(Debug, Clone)]
struct Judged {
    record: RecordId,
    judgement: Judgement,
}

/// How sure the key is that a pair shares: the lower, the surer.
pub(crate) fn rank(judgement: &Judgement) -> (bool, Option<KeyKind>) {
    /// After every kind of key.
    const NO_KEY: (bool, Option<KeyKind>) = (true, None);
    judgement.key.map_or(NO_KEY, |key| (false, Some(key)))
}

/// The candidate to link without asking: of those that are certain the one that shares the surest key. None when two are equals in that.
fn surest(judged: &[Judged]) -> Option<usize> {
    let rank = |judged: &Judged| rank(&judged.judgement);
    let certain: Vec<usize> = (0..judged.len()).filter(|at| judged[*at].judgement.certain).collect();
    let best = certain.iter().map(|at| rank(&judged[*at])).min()?;
    let mut surest = certain.into_iter().filter(|at| rank(&judged[*at]) == best);
    surest.next().filter(|_| surest.next().is_none())
}

/// What a review shows of a judgement.
pub(crate) fn evidence(judgement: &Judgement) -> Result<serde_json::Value, StoreError> {
    let waterfall = serde_json::to_value(&judgement.waterfall).map_err(|error| StoreError::Invalid(error.to_string()))?;
    Ok(serde_json::json!({ "why": judgement.in_words(), "waterfall": waterfall }))
}
