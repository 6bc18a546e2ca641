//! Learning how the customers of this store are recognised: once a day the leader learns the weights of every field from the records
//! there are, counts which values many of them share, and goes by both through all records for those that are likely one customer. They
//! are shown to a person: rows that were adopted long ago, and those that share no key.
//!
//! Of a store with more records than one look holds, a part is learned from and compared with everybody: first who is new since the last
//! look, then, from the newest down, those whose turn it is. Everybody's turn comes, and what is held at once does not grow with the store.

use std::collections::BTreeSet;
use std::sync::Arc;

use entente_model::id::RecordId;
use entente_model::matching::Profile;
use entente_model::matching::counterpart::{Judgement, Matcher, learn, values};
use entente_model::matching::linkage::TableError;
use entente_model::value::{Value, get};
use entente_store::{LinkState, NewReview, PAGE_ROWS_MAX, Record, RecordState, StoreError, Tx, Viewer};
use serde::{Deserialize, Serialize};

use super::adopt::{DUPLICATE, MATCH, evidence, for_matching};
use super::first_read::over_key;
use super::matchers::{LEARNED, Lesson, OBJECTS};
use crate::engine::Engine;
use crate::error::{EngineError, Result};

/// Settings under this prefix hold where the look for an object's duplicates stands (`duplicates/contact`).
const LOOKED: &str = "duplicates/";

/// One hour, in milliseconds.
const HOUR_MS: i64 = 60 * 60 * 1000;

/// What one look holds and shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Records that weights are learned from, and that are compared with all others: twice as many are held at once. More teach nothing
    /// new, and take memory.
    pub records: usize,
    /// Pairs that a person is shown: more would not be looked at.
    pub shown: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { records: 50_000, shown: 100 }
    }
}

/// Records with the values that are compared.
#[derive(Debug, Default)]
struct Slice {
    ids: Vec<RecordId>,
    values: Vec<Vec<String>>,
}

/// Where the look for duplicates stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Round {
    /// The newest record that there was.
    newest: Option<RecordId>,
    /// The last one whose turn it was; older ones are next. None once everybody had one.
    below: Option<RecordId>,
}

/// Two records that are likely one customer.
type Found = (RecordId, RecordId, Judgement);

/// Pairs that were asked about, the one that came first first.
type Asked = BTreeSet<(RecordId, RecordId)>;

/// Learns the weights of every object that they are due for, and asks about its likely duplicates. Answers the objects that had enough
/// records to learn from.
///
/// # Errors
/// When the store fails; what was learned before stays in force.
pub async fn due(engine: &Engine, stop: &(dyn Fn() -> bool + Send + Sync)) -> Result<Vec<String>> {
    due_within(engine, Bounds::default(), stop).await
}

/// The same within other bounds.
///
/// # Errors
/// As for [`due`].
pub async fn due_within(engine: &Engine, bounds: Bounds, stop: &(dyn Fn() -> bool + Send + Sync)) -> Result<Vec<String>> {
    let hours = i64::try_from(engine.options().learn_matching_hours).unwrap_or(i64::MAX);
    let mut done = Vec::new();
    if hours == 0 {
        return Ok(done);
    }
    for object in OBJECTS {
        let (key, round_key, now) = (format!("{LEARNED}{object}"), format!("{LOOKED}{object}"), engine.now());
        let names = (key.clone(), round_key.clone());
        let read = engine.store().read(move |tx| Ok((tx.setting::<Lesson>(&names.0)?, tx.setting::<Round>(&names.1)?)));
        let (last, round) = read.await?;
        let fresh = last.is_some_and(|last| now.as_millisecond() - last.at.as_millisecond() < hours.saturating_mul(HOUR_MS));
        if fresh || stop() || !is_read(engine, object).await? {
            continue;
        }
        let (turn, round) = turn(engine, object, bounds.records, round.unwrap_or_default(), stop).await?;
        if turn.ids.is_empty() || stop() {
            continue;
        }
        let turn = Arc::new(turn);
        let (records, threshold) = (Arc::clone(&turn), engine.options().auto_link());
        // Seconds of work, which must not hold up what answers webhooks.
        let learned = aside(move || learn(object, records.values.iter().map(Vec::as_slice))).await?;
        let matcher = Matcher::new(object, learned.clone(), threshold);
        let Some(found) = search(engine, object, bounds, turn.clone(), matcher, stop).await? else { continue };
        if learned.is_some() {
            done.push((*object).to_owned());
        }
        let records = turn.ids.len();
        let lesson = Lesson { at: now, records, learned };
        let keep = engine.store().write(move |tx| {
            tx.put_setting(&key, &lesson)?;
            tx.put_setting(&round_key, &round)
        });
        keep.await?;
        let asked = ask(engine, object, found).await?;
        tracing::info!(object, records, asked, "the weights by which customers are recognised were learned");
    }
    Ok(done)
}

/// Works where it holds up nobody.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> std::result::Result<T, TableError> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
}

fn failed(error: &dyn std::fmt::Display) -> EngineError {
    EngineError::Store(StoreError::Invalid(format!("how customers are recognised could not be learned: {error}")))
}

/// Asks a person about pairs of records, unless that was asked before. Those that have a counterpart at one connection each are
/// duplicates there; others may be each other's counterparts. Answers how many were asked about.
async fn ask(engine: &Engine, object: &'static str, pairs: Vec<Found>) -> Result<usize> {
    // Ids tell the order in which records were made; the one that came later is asked about.
    let later_first = |(one, two, judgement): Found| if one > two { (one, two, judgement) } else { (two, one, judgement) };
    let pairs: Vec<Found> = pairs.into_iter().map(later_first).collect();
    let now = engine.now();
    let asked = engine.store().write(move |tx| {
        let mut asked = 0;
        for (record, other, judgement) in &pairs {
            let pair = [record.clone(), other.clone()];
            let known = tx.reviews_of(&[record.to_string()])?;
            let before = known.iter().any(|review| review.review.other == other.as_str() || review.review.record == *other);
            let records = tx.records(&Viewer::system(), &pair)?;
            let active = pair.iter().all(|id| records.get(id).is_some_and(|record| record.state == RecordState::Active));
            if before || !active {
                continue;
            }
            let links = tx.links_of(&pair)?;
            let at = |id: &RecordId| -> BTreeSet<&str> {
                let present = links.iter().filter(|link| link.record == *id && link.state == LinkState::Present);
                present.map(|link| link.connection.as_str()).collect()
            };
            let kind = if at(record).is_disjoint(&at(other)) { MATCH } else { DUPLICATE };
            tx.open_review(&NewReview {
                kind: kind.to_owned(),
                record: record.clone(),
                other: other.to_string(),
                object: object.to_owned(),
                score: judgement.probability(),
                evidence: evidence(judgement)?,
                opened_at: now,
            })?;
            asked += 1;
        }
        Ok(asked)
    });
    Ok(asked.await?)
}

/// Whether every connection has shown all rows of an object once: half a store would teach the wrong shares.
async fn is_read(engine: &Engine, object: &str) -> Result<bool> {
    let catalog = engine.catalog();
    let keys = engine.connections().keys().filter_map(|connection| {
        let mapped = catalog.mapped(connection, object)?;
        Some(over_key(connection, &mapped.mapping().remote))
    });
    let keys: Vec<String> = keys.collect();
    let over = engine.store().read(move |tx| {
        let mut over = !keys.is_empty();
        for key in &keys {
            over &= tx.setting::<serde_json::Value>(key)?.is_some();
        }
        Ok(over)
    });
    Ok(over.await?)
}

/// The records whose turn it is, `most` at most, and where the look stands after them. Fewer than `most` are all there are.
async fn turn(
    engine: &Engine,
    object: &'static str,
    most: usize,
    mut round: Round,
    stop: &(dyn Fn() -> bool + Send + Sync),
) -> Result<(Slice, Round)> {
    let (mut turn, mut taken) = (Slice::default(), BTreeSet::new());
    let (newest, below) = (round.newest.take(), round.below.clone());
    // Down to who was there before; then on from where the last look stopped; and from the top again once that has come to the end. Where
    // either is not known, one of the ways goes down all the way.
    let ways = [(None, newest.clone(), newest.is_some()), (below.clone(), None, true), (None, below.clone(), below.is_some())];
    'ways: for (number, (mut from, until, there_is)) in ways.into_iter().enumerate() {
        let mut goes_on = there_is;
        while goes_on && !stop() {
            let before = from.clone();
            let rows =
                rows(engine, object, move |tx, size| tx.records_before(&Viewer::system(), object, before.as_ref(), size), most).await?;
            goes_on = rows.is_whole;
            for (id, values) in rows.rows {
                // Whom the last look has seen as the newest is not new; where it stopped is the end of the way round.
                if until.as_ref().is_some_and(|until| id < *until || (number == 0 && id == *until)) {
                    goes_on = false;
                    break;
                }
                if turn.ids.len() == most {
                    break 'ways;
                }
                from = Some(id.clone());
                // Who is new has no turn of their own: the round goes on where it stood.
                if number > 0 {
                    round.below = Some(id.clone());
                }
                if taken.insert(id.clone()) {
                    turn.ids.push(id);
                    turn.values.push(values);
                }
            }
        }
    }
    if turn.ids.len() < most {
        round.below = None;
    }
    round.newest = turn.ids.iter().max().cloned().max(newest);
    Ok((turn, round))
}

/// Goes through all records for those that are likely one customer with any of those whose turn it is, a slice at a time. Answers the
/// likeliest that nobody was asked about; none when it was stopped.
async fn search(
    engine: &Engine,
    object: &'static str,
    bounds: Bounds,
    turn: Arc<Slice>,
    matcher: Matcher,
    stop: &(dyn Fn() -> bool + Send + Sync),
) -> Result<Option<Vec<Found>>> {
    // Who was asked about already takes nobody's place.
    let asked = Arc::new(engine.store().read(move |tx| asked(tx, object)).await?);
    let matcher = Arc::new(matcher);
    let mut found = compare(&matcher, &turn, Slice::default(), &asked, bounds.shown).await?;
    let mut others = Slice::default();
    let in_turn: BTreeSet<&RecordId> = turn.ids.iter().collect();
    let mut after: Option<RecordId> = None;
    // Fewer than there is room for are all there are, and have been compared.
    let mut goes_on = turn.ids.len() == bounds.records;
    while goes_on {
        if stop() {
            return Ok(None);
        }
        let from = after.clone();
        let read = move |tx: &mut Tx<'_>, size| tx.records_after(&Viewer::system(), object, from.as_ref(), size);
        let rows = rows(engine, object, read, bounds.records).await?;
        goes_on = rows.is_whole;
        after = rows.rows.last().map(|(id, _)| id.clone()).or(after);
        for (id, values) in rows.rows.into_iter().filter(|(id, _)| !in_turn.contains(id)) {
            others.ids.push(id);
            others.values.push(values);
        }
        if !others.ids.is_empty() && (!goes_on || others.ids.len() >= bounds.records) {
            found.extend(compare(&matcher, &turn, std::mem::take(&mut others), &asked, bounds.shown).await?);
            found.sort_by(|a, b| b.2.probability().total_cmp(&a.2.probability()));
            found.truncate(bounds.shown);
        }
    }
    Ok(Some(found))
}

/// Likely pairs of those whose turn it is with others, or, without others, among themselves.
async fn compare(matcher: &Arc<Matcher>, turn: &Arc<Slice>, others: Slice, asked: &Arc<Asked>, most: usize) -> Result<Vec<Found>> {
    let (matcher, turn, asked) = (Arc::clone(matcher), Arc::clone(turn), Arc::clone(asked));
    let work = move || {
        let id = |at: usize| turn.ids.get(at).or_else(|| others.ids.get(at - turn.ids.len()));
        let known = |one: usize, two: usize| match id(one).zip(id(two)) {
            Some((one, two)) => asked.contains(&ordered(one.clone(), two.clone())),
            None => false,
        };
        let found = matcher.duplicates(&turn.values, &others.values, most, known)?;
        let named = found.into_iter().filter_map(|(one, two, judgement)| Some((id(one)?.clone(), id(two)?.clone(), judgement)));
        Ok(named.collect())
    };
    aside(work).await
}

fn ordered(one: RecordId, two: RecordId) -> (RecordId, RecordId) {
    if one < two { (one, two) } else { (two, one) }
}

fn asked(tx: &mut Tx<'_>, object: &str) -> std::result::Result<Asked, StoreError> {
    let pairs = tx.reviewed_pairs(object)?.into_iter();
    Ok(pairs.filter_map(|(record, other)| Some(ordered(record, other.parse().ok()?))).collect())
}

/// Rows of a page.
struct Rows {
    rows: Vec<(RecordId, Vec<String>)>,
    /// Whether the page was full: there may be more.
    is_whole: bool,
}

/// A page of an object's records with the values that are compared.
async fn rows<R>(engine: &Engine, object: &'static str, read: R, most: usize) -> Result<Rows>
where
    R: Fn(&mut Tx<'_>, usize) -> std::result::Result<Vec<Record>, StoreError> + Send + Sync + 'static,
{
    let size = PAGE_ROWS_MAX.min(most).max(1);
    let page = engine.store().read(move |tx| {
        let records = read(tx, size)?;
        let account = |record: &Record| match get(&record.data, "account") {
            Value::Ref(account) if object != "account" => Some(account.clone()),
            _ => None,
        };
        let accounts: BTreeSet<RecordId> = records.iter().filter_map(account).collect();
        let accounts = tx.records(&Viewer::system(), &accounts.into_iter().collect::<Vec<_>>())?;
        let rows = records.iter().map(|record| {
            let fields = for_matching(object, &record.data);
            let company = account(record).and_then(|account| accounts.get(&account)).map(|account| get(&account.data, "name").display());
            let profile = Profile { fields: &fields, company: company.as_deref() };
            (record.id.clone(), values(object, &profile, None))
        });
        Ok(Rows { is_whole: records.len() == size, rows: rows.collect() })
    });
    Ok(page.await?)
}
