//! Reviews: two records that may be one customer, not surely enough to be linked without a person. While a review waits, neither record
//! gets a counterpart made; the decision ends that, whichever way it goes.

pub mod certain;
mod consent;
mod linking;
mod merge;
mod platforms;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use entente_model::actor::Actor;
use entente_model::id::RecordId;
use entente_model::matching::linkage::{Level, Waterfall};
use entente_model::value::{Value, get};
use entente_store::{LANE_URGENT, Link, LinkState, NewEntry, NewHint, Record, RecordState, ReviewState, StoreError, Tx, Viewer};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::list::RecordLink;
use super::unmerge::unmerge;
use super::{Display, PAGE, titles};
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::error::{EngineError, Result};
use crate::sync::adopt::DUPLICATE;
use crate::sync::circle::has_ended_in;
use crate::sync::merged::MERGE;
use crate::sync::settle::{DUPLICATES_MERGED, ORPHANS_RESOLVED};

/// Which reviews to list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReviewQuery {
    /// `waiting`, `accepted` or `rejected`; waiting ones without it.
    #[param(nullable = false)]
    pub state: Option<String>,
    /// Go on where the last page ended: its `next`.
    #[param(nullable = false)]
    pub before: Option<String>,
    /// Reviews per page, 1 to 1,000; 50 without it.
    #[param(nullable = false)]
    pub limit: Option<usize>,
}

/// One of the two records of a review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReviewSide {
    /// Record id.
    pub record: String,
    /// What people call it.
    pub title: String,
    /// `active`, `deleted` or `merged`.
    pub state: String,
    /// When Entente first saw it.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Counterparts that are present.
    pub links: Vec<RecordLink>,
}

/// A field with what both records say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReviewField {
    /// Field.
    pub field: String,
    /// What people call it.
    pub label: String,
    /// The value of the first record, as people read it; none for no value.
    pub first: Option<String>,
    /// The value of the second record.
    pub second: Option<String>,
    /// Whether they are the same.
    pub same: bool,
}

/// What one field says about a pair.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ReviewStep {
    /// Field.
    pub field: String,
    /// What people call it.
    pub label: String,
    /// How the two values compare: `exact`, `near`, `nickname`, `different`, ...
    pub level: String,
    /// The same in words.
    pub words: String,
    /// What it adds, in bits: plus one doubles the odds that they are one customer; below zero it speaks against that.
    pub weight: f64,
    /// The part of it that comes from how many records have the value: below zero for common ones.
    pub frequency: f64,
}

/// How sureness came about, from what is believed of any two records to the verdict on these.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ReviewWaterfall {
    /// What is believed of any two records, in bits.
    pub start: f64,
    /// Field by field, surest first; those that are blank on one side are left out.
    pub steps: Vec<ReviewStep>,
    /// What is taken from it because relatives, colleagues and neighbours share as much; zero or less.
    pub crowds: f64,
    /// The sum, in bits.
    pub weight: f64,
    /// The probability that it means.
    pub probability: f64,
    /// Why it is not certain however much it weighs.
    pub doubt: Option<String>,
}

/// How a review was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReviewDecision {
    /// Who decided.
    pub by: Option<String>,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
}

/// Two records that may be one.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Review {
    /// Review id.
    pub id: String,
    /// `match` for a counterpart, `duplicate` for two records.
    pub kind: String,
    /// Object.
    pub object: String,
    /// `waiting`, `accepted` or `rejected`.
    pub state: String,
    /// How likely they are the same, from 0 to 1.
    pub score: f64,
    /// What speaks for it.
    pub evidence: String,
    /// How sureness came about; none for reviews that do not come from comparing.
    pub waterfall: Option<ReviewWaterfall>,
    /// When it was found.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// The one that stays when they are merged: that of the latest change, or the one known longer (`sync.merge_keeps_oldest`).
    pub first: ReviewSide,
    /// The other one.
    pub second: ReviewSide,
    /// Every field that either has a value for.
    pub fields: Vec<ReviewField>,
    /// Why they cannot be merged as they are, and what to do.
    pub obstacle: Option<String>,
    /// Why it waits although it is certain, where such pairs are linked, or merged, without asking (`sync.auto_merge`).
    pub held_up: Option<String>,
    /// How it was decided.
    pub decided: Option<ReviewDecision>,
}

/// A page of reviews, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ReviewPage {
    /// The reviews.
    pub items: Vec<Review>,
    /// Where the next page begins; none on the last.
    pub next: Option<String>,
}

fn parse_number(id: &str) -> Result<i64> {
    id.parse().map_err(|_| EngineError::Invalid {
        field: "id".to_owned(),
        reason: format!("`{id}` is not the id of a review"),
        remedy: "take it from the list of reviews".to_owned(),
    })
}

fn unknown(id: &str) -> EngineError {
    EngineError::Unknown { what: "review", name: id.to_owned(), remedy: "take its id from the list of reviews".to_owned() }
}

/// A page of reviews.
///
/// # Errors
/// When the state is none, or the store fails.
pub async fn list(engine: &Engine, viewer: &Viewer, query: ReviewQuery) -> Result<ReviewPage> {
    let state = match query.state.as_deref().filter(|state| !state.is_empty()) {
        None => ReviewState::Waiting,
        Some(text) => text.parse().map_err(|reason| EngineError::Invalid {
            field: "state".to_owned(),
            reason,
            remedy: "use waiting, accepted or rejected".to_owned(),
        })?,
    };
    let before = query.before.as_deref().filter(|before| !before.is_empty()).map(parse_number).transpose()?;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, entente_store::PAGE_ROWS_MAX);
    let (seer, engine_) = (viewer.clone(), engine.clone());
    let page = engine.store().read(move |tx| {
        let found = tx.reviews(&seer, state, limit, before)?;
        let next = found.last().filter(|_| found.len() == limit).map(|last| last.id.to_string());
        Ok(ReviewPage { items: shown(tx, &seer, &engine_, found)?, next })
    });
    Ok(page.await?)
}

/// One review.
///
/// # Errors
/// When there is none, or the store fails.
pub async fn show(engine: &Engine, viewer: &Viewer, id: &str) -> Result<Review> {
    let number = parse_number(id)?;
    let (seer, engine_) = (viewer.clone(), engine.clone());
    let found = engine.store().read(move |tx| {
        let found = tx.review(&seer, number)?.into_iter().collect();
        shown(tx, &seer, &engine_, found)
    });
    found.await?.pop().ok_or_else(|| unknown(id))
}

/// Decides that both are one: the first takes over the counterparts of the other, which ends as merged. Where both have a row at one platform,
/// that platform merges them. Their values are compared anew with the next look, by the same rules as ever; what loses is in the ledger, and whoever
/// looks after the customer is told.
///
/// # Errors
/// When there is no such review, it is decided already, the records cannot be one as they are, a platform refuses to merge their rows, or the store
/// fails. What a platform has merged by then is followed.
pub async fn accept(engine: &Engine, viewer: &Viewer, id: &str) -> Result<Review> {
    make_one(engine, viewer, id, Asker::Person).await
}

/// Who has two records made one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asker {
    /// A person.
    Person,
    /// Nobody: they are certainly one, and platforms merge their rows.
    NobodyMerges,
    /// Nobody: they are certainly one, and each other's counterparts. No platform merges anything.
    NobodyLinks,
}

async fn make_one(engine: &Engine, viewer: &Viewer, id: &str, asker: Asker) -> Result<Review> {
    let review = waiting(engine, viewer, id).await?;
    if let Some(obstacle) = &review.obstacle {
        let (reason, remedy) = obstacle.rsplit_once("; ").unwrap_or((obstacle, "reject the review"));
        return Err(EngineError::Invalid { field: "review".to_owned(), reason: reason.to_owned(), remedy: remedy.to_owned() });
    }
    let pair = (super::parse_id(&review.first.record)?, super::parse_id(&review.second.record)?);
    let merged_at = if asker == Asker::NobodyLinks { BTreeSet::new() } else { platforms::merge_rows(engine, &review).await? };
    let (catalog, seer, now, number) = (engine.catalog(), viewer.clone(), engine.now(), parse_number(id)?);
    let engine_ = engine.clone();
    let connections: BTreeSet<String> = engine.connections().keys().cloned().collect();
    let why = match asker {
        Asker::Person => format!("review {number}"),
        Asker::NobodyMerges | Asker::NobodyLinks => format!("review {number}, without asking: {}", review.evidence),
    };
    // Two records of one system were twins; one of each system were orphans that belong together.
    let merged = if review.kind == DUPLICATE { DUPLICATES_MERGED } else { ORPHANS_RESOLVED };
    let done = engine.store().write(move |tx| {
        // A platform's own merge may have been followed meanwhile, which has answered the review.
        let followed = has_ended_in(tx, &pair.1, &pair.0)?;
        let decided = tx.decide_review(number, ReviewState::Accepted, &seer.name, now)?;
        if decided.is_none() && !followed {
            return Err(self::decided(number));
        }
        let merging = merge::Merging {
            engine: &engine_,
            catalog: &catalog,
            viewer: &seer,
            connections: &connections,
            merged_at: &merged_at,
            why: why.clone(),
            by: if asker == Asker::Person { Actor::Person } else { Actor::Us },
            now,
        };
        merging.merge(tx, &pair.0, &pair.1)?;
        if followed { Ok(()) } else { tx.count(now, &[(merged, "", 1)]) }
    });
    done.await?;
    show(engine, viewer, id).await
}

/// Decides that they are two. It is not asked again, and each gets the counterparts it lacks with the next look. What a platform has merged is
/// parted again: else the rows that the one which ended has elsewhere would be nobody's.
///
/// # Errors
/// When there is no such review, it is decided already, or the store fails.
pub async fn reject(engine: &Engine, viewer: &Viewer, id: &str) -> Result<Review> {
    let mut review = waiting(engine, viewer, id).await?;
    let ended = [&review.first, &review.second].into_iter().find(|side| side.state == RecordState::Merged.as_str());
    if let Some(ended) = ended.filter(|_| review.kind == MERGE) {
        match unmerge(engine, viewer, &ended.record, true).await {
            // There may be nothing to part any more.
            Ok(_) | Err(EngineError::Invalid { .. }) => {}
            Err(error) => return Err(error),
        }
        review = show(engine, viewer, id).await?;
        if review.state != ReviewState::Waiting.as_str() {
            return Ok(review);
        }
    }
    let pair = [(&review.first, &review.second), (&review.second, &review.first)];
    let pair: Vec<(RecordId, String)> =
        pair.into_iter().filter_map(|(one, other)| Some((one.record.parse().ok()?, other.record.clone()))).collect();
    let (seer, now, number) = (viewer.clone(), engine.now(), parse_number(id)?);
    engine
        .store()
        .write(move |tx| {
            decide(tx, number, ReviewState::Rejected, &seer, now)?;
            let ids: Vec<RecordId> = pair.iter().map(|(id, _)| id.clone()).collect();
            let records = tx.records(&Viewer::system(), &ids)?;
            for (id, other) in &pair {
                let Some(record) = records.get(id).filter(|record| record.state == RecordState::Active) else { continue };
                tx.append(&[entry(record, &seer, format!("not the same as {other}: review {number} was rejected"), now)])?;
                tx.hint(&[hint(record, BTreeSet::new(), now)])?;
            }
            Ok(())
        })
        .await?;
    show(engine, viewer, id).await
}

async fn waiting(engine: &Engine, viewer: &Viewer, id: &str) -> Result<Review> {
    let review = show(engine, viewer, id).await?;
    if review.state == ReviewState::Waiting.as_str() { Ok(review) } else { Err(decided(id).into()) }
}

fn decided(id: impl std::fmt::Display) -> StoreError {
    StoreError::Conflict { what: format!("review {id} is decided already") }
}

fn decide(tx: &mut Tx<'_>, number: i64, state: ReviewState, viewer: &Viewer, now: Timestamp) -> entente_store::Result<()> {
    tx.decide_review(number, state, &viewer.name, now)?.map(drop).ok_or_else(|| decided(number))
}

/// What decisions about records that nobody was asked about are caused by: what was seen of them.
const BY_ITSELF: &str = "event";

/// The ledger entry of a person's decision about a record, without changes of values.
fn entry(record: &Record, viewer: &Viewer, detail: String, now: Timestamp) -> NewEntry {
    NewEntry {
        record: record.id.clone(),
        object: record.object.clone(),
        subject: record.subject.clone(),
        at: now,
        actor: Actor::Person,
        actor_name: viewer.name.clone(),
        cause: "user".to_owned(),
        detail,
        connection: None,
        changes: BTreeMap::new(),
    }
}

fn hint(record: &Record, fetch: BTreeSet<String>, now: Timestamp) -> NewHint {
    NewHint {
        subject: record.id.to_string(),
        object: record.object.clone(),
        lane: LANE_URGENT,
        due_at: now,
        cause: "user".to_owned(),
        fetch,
        origin_at: None,
        is_news: true,
        at: now,
    }
}

fn shown(tx: &mut Tx<'_>, viewer: &Viewer, engine: &Engine, found: Vec<entente_store::Review>) -> entente_store::Result<Vec<Review>> {
    let catalog = engine.catalog();
    let catalog = &*catalog;
    let pairs: Vec<(entente_store::Review, RecordId)> =
        found.into_iter().filter_map(|found| found.review.other.parse().ok().map(|other| (found, other))).collect();
    let ids: Vec<RecordId> = pairs.iter().flat_map(|(found, other)| [found.review.record.clone(), other.clone()]).collect();
    let records = tx.records(viewer, &ids)?;
    let titles = titles(catalog, &records);
    let display = Display::of(tx, viewer, catalog, records.values().flat_map(|record| record.data.values()))?;
    let mut links: BTreeMap<RecordId, Vec<Link>> = BTreeMap::new();
    for link in tx.links_of(&ids)?.into_iter().filter(|link| link.state == LinkState::Present) {
        links.entry(link.record.clone()).or_default().push(link);
    }
    let held_up = certain::held_up(tx)?;
    let mut reviews = Vec::with_capacity(pairs.len());
    for (found, other) in pairs {
        // A record that the viewer may not see is not shown, and so is no pair with it.
        let Some((one, two)) = records.get(&found.review.record).zip(records.get(&other)) else { continue };
        let rank = |record: &Record| {
            let changes = links.get(&record.id).into_iter().flatten().filter(|link| link.changed_by != Actor::Us);
            let changed_at = changes.filter_map(|link| link.changed_at).max();
            let recent = (!engine.options().merge_keeps_oldest).then_some(Reverse(changed_at));
            (record.state == RecordState::Merged, recent, record.created_at, record.id.clone())
        };
        let (first, second) = if rank(one) <= rank(two) { (one, two) } else { (two, one) };
        let side = |record: &Record| ReviewSide {
            record: record.id.to_string(),
            title: titles.get(&record.id).cloned().unwrap_or_else(|| record.id.to_string()),
            state: record.state.to_string(),
            created_at: record.created_at,
            links: links
                .get(&record.id)
                .into_iter()
                .flatten()
                .map(|link| RecordLink { connection: link.connection.clone(), external_id: link.external_id.clone() })
                .collect(),
        };
        let (first_side, second_side) = (side(first), side(second));
        let waits = found.state == ReviewState::Waiting;
        reviews.push(Review {
            waterfall: waterfall(catalog, &found.review)?,
            id: found.id.to_string(),
            state: found.state.to_string(),
            score: found.review.score,
            evidence: found.review.evidence["why"].as_str().unwrap_or_default().to_owned(),
            since: found.review.opened_at,
            fields: fields(catalog, first, second, &display),
            held_up: held_up.of(engine, found.id, &found.review.kind).filter(|_| waits),
            obstacle: waits.then(|| obstacle(engine, catalog, &found.review, &first_side, &second_side)).flatten(),
            first: first_side,
            second: second_side,
            decided: (!waits).then_some(ReviewDecision { by: found.decided_by, at: found.decided_at }),
            kind: found.review.kind,
            object: found.review.object,
        });
    }
    Ok(reviews)
}

/// The waterfall that was kept with a review.
fn waterfall(catalog: &Catalog, review: &entente_store::NewReview) -> entente_store::Result<Option<ReviewWaterfall>> {
    let Some(kept) = review.evidence.get("waterfall") else { return Ok(None) };
    let kept = Waterfall::deserialize(kept)
        .map_err(|error| StoreError::Invalid(format!("what was weighed for a review of {} cannot be read: {error}", review.record)))?;
    let object = catalog.object(&review.object);
    let steps = kept.steps.into_iter().filter(|step| step.level != Level::Missing).map(|step| ReviewStep {
        label: match object.and_then(|object| object.field(&step.field)) {
            Some(field) => field.label.clone(),
            // A person's company is the account's name.
            None => capitalised(&step.field),
        },
        level: step.level.name().to_owned(),
        field: step.field,
        words: step.words,
        weight: step.weight,
        frequency: step.frequency,
    });
    Ok(Some(ReviewWaterfall {
        start: kept.start,
        steps: steps.collect(),
        crowds: kept.crowds,
        weight: kept.verdict.weight,
        probability: kept.verdict.probability,
        doubt: kept.verdict.doubt.map(|doubt| doubt.to_string()),
    }))
}

fn capitalised(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Why two records cannot be merged as they are: `reason; remedy`.
fn obstacle(
    engine: &Engine,
    catalog: &Catalog,
    review: &entente_store::NewReview,
    first: &ReviewSide,
    second: &ReviewSide,
) -> Option<String> {
    // Of two that one platform has merged, one has ended by its nature: the rest is merged as well.
    let merged = |side: &ReviewSide| review.kind == MERGE && side.record == second.record && side.state == RecordState::Merged.as_str();
    if let Some(gone) = [first, second].into_iter().find(|side| side.state != RecordState::Active.as_str() && !merged(side)) {
        return Some(format!("{} is {} by now; reject the review", gone.title, gone.state));
    }
    let refused = platforms::twice(first, second).find(|(link, _)| !platforms::merges(engine, catalog, &link.connection, &review.object));
    refused.map(|(link, other)| {
        format!(
            "both have a counterpart at {} ({} and {}), which merges no such rows for programs; merge these two at {}, Entente follows",
            link.connection, link.external_id, other.external_id, link.connection
        )
    })
}

fn fields(catalog: &Catalog, first: &Record, second: &Record, display: &Display) -> Vec<ReviewField> {
    let Some(object) = catalog.object(&first.object) else { return Vec::new() };
    let fields = object.fields.iter().filter_map(|field| {
        let (one, two): (&Value, &Value) = (get(&first.data, &field.key), get(&second.data, &field.key));
        (!one.is_blank() || !two.is_blank()).then(|| ReviewField {
            field: field.key.clone(),
            label: field.label.clone(),
            first: display.show(one),
            second: display.show(two),
            same: one.agrees(two),
        })
    });
    fields.collect()
}
