//! Proposals: a mapping is judged before it is saved, against our objects, the platform's live schema, samples of both sides, and the
//! mappings of the other connections. Judging changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use entente_connect::connector::{NO_OBJECT, Priority};
use entente_connect::error::Class;
use entente_connect::look::{Existence, ReadSpec};
use entente_model::mapping::convert::{Lens, MappingError};
use entente_model::mapping::laws;
use entente_model::mapping::remote::{RemoteObject, Row};
use entente_model::mapping::{Direction, FieldMap, Mapping, Owner};
use entente_model::object::Object;
use entente_model::value::Fields;
use entente_store::{LinkState, RecordQuery, Viewer};
use serde::Serialize;
use utoipa::ToSchema;

use super::contradictions::contradictions;
use crate::catalog::Catalog;
use crate::engine::{Connection, Engine};
use crate::error::{EngineError, Result};
use crate::records::detail::owner_name;
use crate::sync::provision::to_be_made;

/// Rows and records that the laws are tried on, of each at most: what one page of the platform shows.
const SAMPLES: usize = 200;

/// Ids that a platform reads at once, at the least, for samples to be read by id: where it reads fewer, each row may be a call of its own.
const BY_ID: usize = 100;

/// Seed of the generated values: the same mapping is judged the same, every time.
const SEED: u64 = 1;

/// Something that must be put right before a mapping can be saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Finding {
    /// The line, counted from 1; none when it is the mapping as a whole.
    pub line: Option<usize>,
    /// The field of that line.
    pub field: Option<String>,
    /// What is wrong. A formula is quoted with a mark under the place.
    pub reason: String,
    /// What to do.
    pub remedy: String,
    /// Whether the line is as it was in the mapping in force: then it is nothing new, and stops no other change.
    pub known: bool,
}

/// A line that loses something on the way there and back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Loss {
    /// Field.
    pub field: String,
    /// What is lost, with an example, and what to do.
    pub text: String,
    /// Whether the line is as it was in the mapping in force: then the loss is nothing new.
    pub known: bool,
}

/// What a judgement found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Judgement {
    /// Connection.
    pub connection: String,
    /// Object.
    pub object: String,
    /// What must be put right.
    pub errors: Vec<Finding>,
    /// What would be lost; a new loss must be accepted when the mapping is saved.
    pub losses: Vec<Loss>,
    /// Fields that the mapping in force does not have.
    pub added: Vec<String>,
    /// Fields that are mapped otherwise than in the mapping in force.
    pub changed: Vec<String>,
    /// Fields that the mapping in force has and this one has not.
    pub removed: Vec<String>,
    /// Rows of the platform that it was tried on.
    pub rows: usize,
    /// Records of ours that it was tried on.
    pub records: usize,
    /// Fields of the platform that are not there and that `entente provision --apply` makes: until then, the object is not read.
    pub to_provision: Vec<String>,
}

impl Judgement {
    /// Whether nothing stands against saving it.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.new_errors().next().is_none() && self.new_losses().next().is_none()
    }

    /// What must be put right before it is saved.
    pub fn new_errors(&self) -> impl Iterator<Item = &Finding> {
        self.errors.iter().filter(|error| !error.known)
    }

    /// Losses that the mapping in force does not have.
    pub fn new_losses(&self) -> impl Iterator<Item = &Loss> {
        self.losses.iter().filter(|loss| !loss.known)
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.line, &self.field) {
            (Some(line), Some(field)) => write!(f, "line {line} (`{field}`): {}; {}", self.reason, self.remedy),
            (_, Some(field)) => write!(f, "`{field}`: {}; {}", self.reason, self.remedy),
            _ => write!(f, "{}; {}", self.reason, self.remedy),
        }
    }
}

/// Judges a proposed mapping for a connection.
///
/// # Errors
/// When the connection does not exist, its platform cannot be asked, or the store fails. What is wrong with the mapping is in the answer.
pub async fn judge(engine: &Engine, connection: &str, mapping: &Mapping) -> Result<Judgement> {
    judge_among(engine, connection, mapping, &Among::default()).await
}

/// What is proposed together with a mapping: it takes the place of what is saved.
#[derive(Debug, Clone, Default)]
pub(crate) struct Among {
    /// Objects with new fields.
    pub(crate) objects: Vec<Object>,
    /// Mappings with their connection.
    pub(crate) mappings: Vec<(String, Mapping)>,
}

impl Among {
    fn line(&self, connection: &str, object: &str, field: &str) -> Option<Option<&FieldMap>> {
        let (_, mapping) = self.mappings.iter().find(|(name, mapping)| name == connection && mapping.object == object)?;
        Some(mapping.fields.iter().find(|line| line.field == field && !line.archived))
    }
}

/// Judges a mapping that is proposed together with others.
pub(crate) async fn judge_among(engine: &Engine, connection: &str, mapping: &Mapping, among: &Among) -> Result<Judgement> {
    let ready = engine.connection(connection)?;
    let catalog = engine.catalog();
    let mut judgement = Judgement {
        connection: connection.to_owned(),
        object: mapping.object.clone(),
        errors: Vec::new(),
        losses: Vec::new(),
        added: Vec::new(),
        changed: Vec::new(),
        removed: Vec::new(),
        rows: 0,
        records: 0,
        to_provision: Vec::new(),
    };
    compare(&catalog, connection, mapping, &mut judgement);
    judgement.errors.extend(owners(engine, &catalog, connection, mapping, among));
    judgement.errors.extend(contradictions(engine, &catalog, connection, mapping, among));
    let proposed = among.objects.iter().find(|object| object.key == mapping.object);
    let Some(object) = proposed.or_else(|| catalog.object(&mapping.object)) else {
        let known = catalog.objects().map(|object| object.key.as_str()).collect::<Vec<_>>().join(", ");
        judgement.errors.push(Finding {
            line: None,
            field: None,
            reason: format!("there is no object `{}`", mapping.object),
            remedy: format!("use one of: {known}"),
            known: false,
        });
        return Ok(judgement);
    };
    let remote = match ready.connector.describe(&mapping.remote).await {
        Ok(mut remote) => {
            // What provisioning makes is judged as it will be: nothing of ours is in it yet that could contradict.
            let lacking = to_be_made(ready, object, &mapping.in_use(&standing(&catalog, connection, mapping)), &remote);
            judgement.to_provision = lacking.iter().map(|field| field.name.clone()).collect();
            remote.fields.extend(lacking);
            Some(remote)
        }
        // What is about to be provisioned has nothing yet that could contradict.
        Err(error) if error.code == NO_OBJECT && error.class == Class::Configuration => None,
        Err(source) => return Err(EngineError::vendor(connection, source)),
    };
    let before = unmoved(&catalog, connection, mapping);
    let compiled = match compile(engine, mapping, object, remote.as_ref()) {
        Ok(lens) => Some(lens),
        Err(errors) => {
            judgement.errors.extend(errors.into_iter().map(|error| finding(error, mapping, &before)));
            // What does not fit the platform in lines that stay as they are keeps nobody from trying the others.
            let tried = mapping.in_use(&standing(&catalog, connection, mapping));
            judgement.errors.iter().all(|error| error.known).then(|| compile(engine, &tried, object, None).ok()).flatten()
        }
    };
    if let Some(lens) = compiled {
        let rows = if remote.is_some() && judgement.to_provision.is_empty() {
            sample_rows(engine, ready, &catalog, &lens).await?
        } else {
            Vec::new()
        };
        try_out(engine, ready, &lens, rows, &mut judgement).await?;
    }
    Ok(judgement)
}

fn compile(
    engine: &Engine,
    mapping: &Mapping,
    object: &Object,
    remote: Option<&RemoteObject>,
) -> std::result::Result<Lens, Vec<MappingError>> {
    Lens::compile(mapping.clone(), object, remote, engine.options().locale.clone())
}

fn finding(error: MappingError, mapping: &Mapping, before: &BTreeMap<&str, &FieldMap>) -> Finding {
    let line = error.line.and_then(|line| mapping.fields.get(line.saturating_sub(1)));
    let known = line.is_some_and(|line| before.get(line.field.as_str()) == Some(&line));
    Finding { line: error.line, field: error.field, reason: error.reason, remedy: error.remedy, known }
}

/// Fields whose line stands still because the platform's schema has changed, and stays as it is: they cannot be read there.
fn standing(catalog: &Catalog, connection: &str, mapping: &Mapping) -> BTreeSet<String> {
    let Some(mapped) = catalog.mapped(connection, &mapping.object) else { return BTreeSet::new() };
    let unchanged = mapping.fields.iter().filter(|line| mapped.saved.fields.contains(line));
    unchanged.map(|line| line.field.clone()).filter(|field| mapped.still.fields.contains(field)).collect()
}

/// The mapping in force of the same object, line by line.
fn in_force<'a>(catalog: &'a Catalog, connection: &str, object: &str) -> BTreeMap<&'a str, &'a FieldMap> {
    let lines = catalog.mapped(connection, object).map(|mapped| mapped.saved.fields.as_slice()).unwrap_or_default();
    lines.iter().map(|line| (line.field.as_str(), line)).collect()
}

/// The lines in force that a mapping may leave as they are: none where it moves to another of the platform's objects, to which nothing was held yet.
fn unmoved<'a>(catalog: &'a Catalog, connection: &str, mapping: &Mapping) -> BTreeMap<&'a str, &'a FieldMap> {
    let stays = catalog.mapped(connection, &mapping.object).is_some_and(|mapped| mapped.saved.remote == mapping.remote);
    if stays { in_force(catalog, connection, &mapping.object) } else { BTreeMap::new() }
}

fn compare(catalog: &Catalog, connection: &str, mapping: &Mapping, judgement: &mut Judgement) {
    let before = in_force(catalog, connection, &mapping.object);
    for line in &mapping.fields {
        match before.get(line.field.as_str()) {
            None => judgement.added.push(line.field.clone()),
            Some(known) if *known != line => judgement.changed.push(line.field.clone()),
            Some(_) => {}
        }
    }
    let gone = before.keys().filter(|field| !mapping.fields.iter().any(|line| line.field == **field));
    judgement.removed = gone.map(|field| (*field).to_owned()).collect();
}

/// Lines whose owner is another than at the other connections: a field has one source of truth, unless everybody only reads it.
fn owners(engine: &Engine, catalog: &Catalog, connection: &str, mapping: &Mapping, among: &Among) -> Vec<Finding> {
    let mut findings = Vec::new();
    for other in engine.connections().keys().filter(|name| *name != connection) {
        let theirs = in_force(catalog, other, &mapping.object);
        for (at, line) in mapping.fields.iter().enumerate().filter(|(_, line)| !line.archived) {
            let saved = theirs.get(line.field.as_str()).copied().filter(|known| !known.archived);
            let known = among.line(other, &mapping.object, &line.field).unwrap_or(saved);
            let is_read_only = |line: &FieldMap| line.direction == Direction::In;
            let is_contradiction = |known: &&FieldMap| known.owner != line.owner && !(is_read_only(known) && is_read_only(line));
            let Some(known) = known.filter(is_contradiction).map(|known| known.owner) else { continue };
            let name = |owner: Owner| owner_name(owner);
            findings.push(Finding {
                line: Some(at + 1),
                field: Some(line.field.clone()),
                reason: format!("its owner is `{}` here and `{}` in the mapping of {other}", name(line.owner), name(known)),
                remedy: "let both name the same owner: change this line, or save the other mapping without the field first".to_owned(),
                known: false,
            });
        }
    }
    findings
}

/// Tries the laws on what both sides hold now, and on generated values.
async fn try_out(engine: &Engine, ready: &Connection, lens: &Lens, rows: Vec<Row>, judgement: &mut Judgement) -> Result<()> {
    let query = RecordQuery { object: Some(lens.mapping().object.clone()), ..RecordQuery::default() };
    let page = engine.store().read(move |tx| tx.list_records(&Viewer::system(), &query, SAMPLES)).await?;
    let records: Vec<Fields> = page.records.into_iter().map(|record| record.data).collect();
    let catalog = engine.catalog();
    let before = unmoved(&catalog, &ready.name, lens.mapping());
    (judgement.rows, judgement.records) = (rows.len(), records.len());
    for violation in laws::check(lens, &rows, &records, SEED) {
        let line = lens.mapping().fields.iter().find(|line| line.field == violation.field);
        let known = line.is_some_and(|line| before.get(line.field.as_str()) == Some(&line));
        judgement.losses.push(Loss { field: violation.field.clone(), text: violation.to_string(), known });
    }
    Ok(())
}

/// Rows of the platform to try the laws on. A person waits for them, so they go first; those that are linked are asked for by id, because a page
/// may come out of a budget that polls need (Zendesk's exports have ten a minute).
async fn sample_rows(engine: &Engine, ready: &Connection, catalog: &Catalog, lens: &Lens) -> Result<Vec<Row>> {
    let read = ReadSpec { object: lens.mapping().remote.clone(), fields: lens.reads() };
    let linked = linked_rows(engine, ready, catalog, lens).await?;
    let looks = if linked.is_empty() {
        ready.connector.page(&read, None, Priority::Urgent).await.map(|page| page.looks)
    } else {
        ready.connector.fetch(&read, &linked, Priority::Urgent).await
    };
    let looks = looks.map_err(|source| EngineError::vendor(&ready.name, source))?;
    let rows = looks.into_iter().filter(|look| look.existence == Existence::Present && lens.accepts(&look.row)).map(|look| look.row);
    Ok(rows.take(SAMPLES).collect())
}

/// Rows of the records last changed, as many as one call reads; none where calls read few, or the platform's object was another one so far.
async fn linked_rows(engine: &Engine, ready: &Connection, catalog: &Catalog, lens: &Lens) -> Result<Vec<String>> {
    let mapping = lens.mapping();
    let many = ready.connector.spec().fetch_max.min(SAMPLES);
    let known = catalog.mapped(&ready.name, &mapping.object).is_some_and(|mapped| mapped.saved.remote == mapping.remote);
    if many < BY_ID || !known {
        return Ok(Vec::new());
    }
    let (name, query) = (ready.name.clone(), RecordQuery { object: Some(mapping.object.clone()), ..RecordQuery::default() });
    let links = engine
        .store()
        .read(move |tx| {
            let page = tx.list_records(&Viewer::system(), &query, SAMPLES)?;
            tx.links_of(&page.records.into_iter().map(|record| record.id).collect::<Vec<_>>())
        })
        .await?;
    let standing = links.into_iter().filter(|link| link.connection == name && link.state == LinkState::Present);
    Ok(standing.map(|link| link.external_id).take(many).collect())
}
