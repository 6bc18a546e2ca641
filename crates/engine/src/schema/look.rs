//! Looking at the schema of a remote object: what has changed goes into the journal, what it breaks is not used, and what is whole again
//! comes back.

use std::collections::BTreeSet;
use std::sync::Arc;

use entente_model::mapping::remote::RemoteObject;
use entente_model::mapping::schema::{ChangeKind, Difference, differences};
use entente_store::{NewSchemaChange, SchemaChange, SchemaState, StoreError, Tx};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::alerts::{digest, tell};
use super::breaks::{Saved, hits, over};
use super::detail::Detail;
use super::{evidence, propose, returning};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::metadata::{refresh, touch};

/// Who brings changes on by itself.
pub(super) const US: &str = "entente";

/// Changes of a field that this table names are found in the journal by these kinds.
pub(super) const KINDS: &[ChangeKind] =
    &[ChangeKind::Added, ChangeKind::Removed, ChangeKind::Renamed, ChangeKind::Retyped, ChangeKind::Values, ChangeKind::Required];

/// What one look came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct Looked {
    /// Remote objects that were described.
    pub objects: usize,
    /// Changes found.
    pub found: usize,
    /// Of these, changes that break lines of mappings.
    pub broken: usize,
    /// Changes that break nothing any more.
    pub returned: usize,
}

impl Looked {
    fn add(&mut self, other: &Self) {
        self.objects += other.objects;
        self.found += other.found;
        self.broken += other.broken;
        self.returned += other.returned;
    }
}

/// Describes every mapped remote object now, of one connection if named.
///
/// # Errors
/// When the connection does not exist, its platform cannot be asked, or the store fails.
pub async fn check(engine: &Engine, connection: Option<&str>) -> Result<Looked> {
    if let Some(name) = connection {
        engine.connection(name)?;
    }
    let mut all = Looked::default();
    for name in engine.connections().keys().filter(|name| connection.is_none_or(|wanted| wanted == *name)) {
        for object in objects(engine, name) {
            all.add(&look(engine, name, &object).await?);
        }
        super::schedule::note_checked(engine, name).await?;
    }
    returning::carry_on(engine).await?;
    Ok(all)
}

/// Mapped remote objects of a connection.
pub(super) fn objects(engine: &Engine, connection: &str) -> Vec<String> {
    let catalog = engine.catalog();
    let objects: BTreeSet<String> = catalog.mappings(connection).iter().map(|mapped| mapped.saved.remote.clone()).collect();
    objects.into_iter().collect()
}

/// The saved mappings of a remote object.
pub(super) fn saved<'a>(catalog: &'a Catalog, connection: &str, remote: &str) -> Vec<Saved<'a>> {
    let mapped = catalog.mappings(connection).iter().filter(|mapped| mapped.saved.remote == remote);
    mapped.filter_map(|mapped| Some(Saved { mapping: &mapped.saved, object: catalog.object(&mapped.saved.object)? })).collect()
}

/// The difference that a change in the journal is about.
pub(super) fn difference(change: &SchemaChange, detail: &Detail) -> Option<Difference> {
    let kind = KINDS.iter().copied().find(|kind| kind.name() == change.change.kind)?;
    Some(Difference { field: change.change.field.clone(), kind, before: detail.before.clone(), after: detail.after.clone() })
}

/// Describes one remote object and takes in what has changed. The first look only remembers.
pub(super) async fn look(engine: &Engine, connection: &str, remote: &str) -> Result<Looked> {
    let ready = engine.connection(connection)?;
    let now = ready.connector.describe(remote).await.map_err(|error| EngineError::vendor(connection, error))?;
    let mut looked = take_in(engine, connection, remote, Some(now)).await?;
    looked.objects = 1;
    Ok(looked)
}

/// Takes in that mappings of a remote object were saved: what they no longer need breaks nothing. No call is made.
pub(crate) async fn reconsider(engine: &Engine, connection: &str, remote: &str) -> Result<()> {
    take_in(engine, connection, remote, None).await?;
    returning::carry_on(engine).await
}

/// What is written of one look.
struct Findings {
    fresh: Vec<(NewSchemaChange, Detail)>,
    /// Changes of before that are there again while records still catch up.
    again: Vec<(i64, Detail)>,
    ended: Vec<(i64, &'static str)>,
    updated: Vec<(i64, Detail)>,
    /// Fields that mappings name: that one of them is there now is no news, as after `entente provision`.
    named: BTreeSet<String>,
}

async fn take_in(engine: &Engine, connection: &str, remote: &str, described: Option<RemoteObject>) -> Result<Looked> {
    refresh(engine).await?;
    let (name, object) = (connection.to_owned(), remote.to_owned());
    let (known, open) = engine
        .store()
        .read(move |tx| {
            let mut open = tx.open_schema_changes()?;
            open.retain(|change| change.change.connection == name && change.change.remote_object == object);
            Ok((tx.remote_schema(&name, &object)?, open))
        })
        .await?;
    let Some(after) = described.clone().or_else(|| known.as_ref().map(|(known, _)| known.clone())) else { return Ok(Looked::default()) };
    let before = known.as_ref().map_or(&after, |(known, _)| known);
    let findings = find(engine, connection, before, &after, &open)?;
    let mut looked = Looked { returned: findings.ended.len(), found: findings.fresh.len() + findings.again.len(), ..Looked::default() };
    looked.broken = findings.fresh.iter().filter(|(change, _)| change.state == SchemaState::Open).count() + findings.again.len();
    let quiet = looked.found == 0 && findings.ended.is_empty() && findings.updated.is_empty();
    if quiet && described.as_ref().is_none_or(|now| known.as_ref().is_some_and(|(known, _)| known == now)) {
        return Ok(looked);
    }
    if !keep(engine, connection, described, known.map(|(_, at)| at), findings).await? {
        // Another process looked at the same moment, and has taken it in.
        refresh(engine).await?;
        return Ok(Looked::default());
    }
    refresh(engine).await?;
    if looked.broken > 0 {
        // It rests because of what is no longer asked of it.
        let ready = engine.connection(connection)?;
        ready.pressure.calm();
        ready.objects.try_now(remote, engine.now());
    }
    Ok(looked)
}

fn find(engine: &Engine, connection: &str, before: &RemoteObject, after: &RemoteObject, open: &[SchemaChange]) -> Result<Findings> {
    let catalog = engine.catalog();
    let saved = saved(&catalog, connection, &after.name);
    let locale = &engine.options().locale;
    let differences = differences(before, after);
    let added: Vec<String> = differences.iter().filter(|one| one.kind == ChangeKind::Added).map(|one| one.field.clone()).collect();
    let named = saved
        .iter()
        .map(|saved| saved.mapping)
        .flat_map(|mapping| mapping.fields.iter().map(|line| &line.remote).chain([&mapping.key]))
        .cloned()
        .collect();
    let mut findings = Findings { fresh: Vec::new(), again: Vec::new(), ended: Vec::new(), updated: Vec::new(), named };
    for change in open.iter().filter(|change| change.change.state == SchemaState::Open) {
        let mut detail = Detail::of(change)?;
        let Some(of) = difference(change, &detail) else { continue };
        if let Some(why) = over(&of, &detail, &saved, after, locale) {
            findings.ended.push((change.id, why));
            continue;
        }
        let listed = after.field(&of.field).map(|field| field.values.clone()).filter(|_| detail.allowed.is_some());
        let newcomers = of.kind == ChangeKind::Removed && !added.is_empty();
        if newcomers || (listed.is_some() && listed != detail.allowed) {
            detail.candidates.extend(added.iter().filter(|_| newcomers).cloned());
            detail.searched &= !newcomers;
            detail.catch_up |=
                listed.as_ref().zip(detail.allowed.as_ref()).is_some_and(|(now, known)| now.iter().any(|value| !known.contains(value)));
            detail.allowed = listed.or(detail.allowed);
            findings.updated.push((change.id, detail));
        }
    }
    for of in differences {
        let known = open.iter().find(|change| change.change.field == of.field && change.change.kind == of.kind.name());
        if known.is_some_and(|change| change.change.state == SchemaState::Open) {
            continue;
        }
        let hits = hits(&of, &saved, before, after, locale);
        let state = if hits.is_empty() { SchemaState::Noted } else { SchemaState::Open };
        let is_removed = of.kind == ChangeKind::Removed;
        let detail = Detail {
            allowed: (of.kind == ChangeKind::Values && state == SchemaState::Open)
                .then(|| of.after.as_ref().map(|after| after.values.clone()).unwrap_or_default()),
            candidates: if is_removed { added.clone() } else { Vec::new() },
            searched: state == SchemaState::Noted || !(is_removed || of.kind == ChangeKind::Values),
            catch_up: false,
            evidence: None,
            patches: propose::without_evidence(&of, &hits, &saved, after, locale),
            hits,
            before: of.before,
            after: of.after,
        };
        if let Some(change) = known {
            if state == SchemaState::Open {
                findings.again.push((change.id, detail));
            }
            continue;
        }
        let new = NewSchemaChange {
            at: engine.now(),
            connection: connection.to_owned(),
            remote_object: after.name.clone(),
            field: of.field,
            kind: of.kind.name().to_owned(),
            state,
            detail: detail.to_json()?,
        };
        findings.fresh.push((new, detail));
    }
    Ok(findings)
}

/// Keeps what was found in one transaction. Answers whether it is kept: nothing is when the description was another one meanwhile.
async fn keep(
    engine: &Engine,
    connection: &str,
    described: Option<RemoteObject>,
    known_at: Option<Timestamp>,
    findings: Findings,
) -> Result<bool> {
    let (connection, now) = (connection.to_owned(), engine.now());
    let findings = Arc::new(findings);
    let kept = engine
        .store()
        .write(move |tx| {
            if let Some(described) = &described {
                if tx.remote_schema(&connection, &described.name)?.map(|(_, at)| at) != known_at {
                    return Ok(false);
                }
                tx.put_remote_schema(&connection, described, now)?;
            }
            let moves = write_down(tx, &findings, now)?;
            // What a new row needs is known from the description.
            if moves || described.is_some() {
                touch(tx)?;
            }
            Ok(true)
        })
        .await?;
    Ok(kept)
}

/// Answers whether mappings are used otherwise than before.
fn write_down(tx: &mut Tx<'_>, findings: &Findings, now: Timestamp) -> Result<bool, StoreError> {
    let mut moves = false;
    for (id, why) in &findings.ended {
        moves |= tx.move_schema_change(*id, SchemaState::Open, SchemaState::Returning, why, US, now)?;
    }
    for (id, detail) in &findings.again {
        tx.put_schema_detail(*id, None, &detail.to_json()?)?;
        moves |= tx.move_schema_change(*id, SchemaState::Returning, SchemaState::Open, "", US, now)?;
    }
    for (id, detail) in &findings.updated {
        tx.put_schema_detail(*id, None, &detail.to_json()?)?;
        moves = true;
    }
    let mut harmless = Vec::new();
    for fresh in &findings.fresh {
        let (change, detail) = fresh;
        let Some(id) = tx.note_schema_change(change)? else { continue };
        tx.count(now, &[("schema_changes", &change.connection, 1)])?;
        moves |= change.state == SchemaState::Open;
        let is_expected = change.kind == ChangeKind::Added.name() && findings.named.contains(&change.field);
        if tell(tx, id, change, detail)? && !is_expected {
            harmless.push(fresh);
        }
    }
    digest(tx, &harmless)?;
    Ok(moves)
}

/// Looks for what has become of fields and values that are gone, once for each, and proposes what follows from it.
pub(super) async fn search(engine: &Engine, changes: &[SchemaChange]) -> Result<()> {
    for change in changes.iter().filter(|change| change.change.state == SchemaState::Open) {
        let mut detail = Detail::of(change)?;
        let (connection, remote) = (change.change.connection.clone(), change.change.remote_object.clone());
        if detail.searched || !engine.connections().contains_key(&connection) {
            continue;
        }
        let Some(of) = difference(change, &detail) else { continue };
        let (at, object) = (connection.clone(), remote.clone());
        let Some((now, _)) = engine.store().read(move |tx| tx.remote_schema(&at, &object)).await? else { continue };
        let catalog = engine.catalog();
        let saved = saved(&catalog, &connection, &remote);
        let mut kind = None;
        match of.kind {
            ChangeKind::Removed => {
                if let Some((to, how)) = evidence::successor(engine, &connection, &of, &detail, &saved, &now).await? {
                    detail.patches = propose::to_field(&of, &to, &detail.hits, &saved);
                    detail.after = now.field(&to).cloned();
                    detail.evidence = Some(how);
                    kind = Some(ChangeKind::Renamed.name());
                }
            }
            ChangeKind::Values => {
                if let Some((pairs, how)) = evidence::successors_of_values(engine, &connection, &of, &saved, &now).await? {
                    detail.patches = propose::to_values(&of, &pairs, &detail.hits, &saved);
                    detail.evidence = Some(how);
                }
            }
            _ => {}
        }
        detail.searched = true;
        let (id, detail) = (change.id, detail.to_json()?);
        engine.store().write(move |tx| tx.put_schema_detail(id, kind, &detail)).await?;
    }
    Ok(())
}
