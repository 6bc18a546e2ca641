//! Verifying a certificate: the rows that it vouches for are read again, all of them, those of one range, or those of one record, and their
//! fingerprints compared. A row that differs has either changed since by way of Entente, which then knows of it, or behind its back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use entente_model::clock::Timestamp;
use entente_model::id::RecordId;
use entente_store::{LinkState, PAGE_ROWS_MAX, RemoteKey, Viewer};
use serde::Serialize;

use super::certificate::{Certificate, Side, Statement, refuse};
use super::classify::Finding;
use super::compare::{Grounds, Knowledge, LastChange};
use super::cost::made;
use super::fingerprint::{Leaf, NAME_BYTES, leaves_of, name_of, range_of};
use super::object_read::{ObjectRead, Trouble};
use super::place::{Place, Scope, places};
use super::scan::{forget_names, grounds};
use super::signing::InstanceKey;
use super::{OnPage, Stop};
use crate::engine::Engine;
use crate::error::{EngineError, Result};

/// What of a certificate to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Everything: both sides are read in bulk again.
    Everything,
    /// The rows of one range, of 256.
    Range(u8),
    /// The rows of one record.
    Record(RecordId),
}

impl Part {
    fn has(&self, range: u8) -> bool {
        match self {
            Self::Everything => true,
            Self::Range(wanted) => *wanted == range,
            Self::Record(record) => range_of(record.as_str()) == range,
        }
    }
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every row is as it was certified.
    Holds,
    /// Rows have changed since, and Entente knows of each.
    MovedOn,
    /// The same, but of some rows it knows a part alone: whether anything else was changed in them cannot be told until they are read.
    Unread,
    /// Rows have changed behind Entente's back, or what was certified could not be read.
    Broken,
}

/// The answer to a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// What it came to.
    pub verdict: Verdict,
    /// When reading for the certificate began.
    pub certified_at: Timestamp,
    /// When it was checked.
    pub checked_at: Timestamp,
    /// Rows that were read again.
    pub rows: u64,
    /// Ranges that were compared, of all objects together.
    pub ranges: u64,
    /// API calls that it took.
    pub calls: u64,
    /// Ranges that differ.
    pub differing: Vec<RangeDifference>,
    /// What could not be checked, and why.
    pub unread: Vec<String>,
}

/// A range that is not as it was certified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RangeDifference {
    /// Connection.
    pub connection: String,
    /// The platform's name of the object.
    pub object: String,
    /// Number of the range.
    pub range: u8,
    /// The rows that differ.
    pub rows: Vec<RowDifference>,
}

/// What has become of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It holds something else.
    Changed,
    /// It is not there any more, or belongs to another record.
    Gone,
    /// It was not there, or belonged to another record.
    New,
}

/// A row that is not as it was certified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowDifference {
    /// What has become of it.
    pub change: Change,
    /// Its record, if it has one.
    pub record: Option<String>,
    /// Its external id, if it is known.
    pub external_id: Option<String>,
    /// Whether Entente has taken the row in since, as it stands now, so that its history tells of it.
    pub known: bool,
    /// Whether it has taken in a part of the row as it stands now, and not the rest: a message showed that part, or Entente wrote it. What
    /// else was changed in the row before nobody can tell until it is read.
    pub unread: bool,
    /// Fields in which the row is not what its record holds.
    pub fields: Vec<String>,
}

/// Checks a certificate.
///
/// # Errors
/// When it was changed after it was signed, was made by another instance, or the store fails.
pub async fn verify(engine: &Engine, certificate: &Certificate, part: &Part, on_page: OnPage<'_>, stop: Stop<'_>) -> Result<Verification> {
    certificate.check_signature()?;
    let key = InstanceKey::of(engine).await?;
    certificate.check_ours(&key)?;
    let statement = &certificate.statement;
    let grounds = grounds(engine, &key).await?;
    let mut answer = Verification {
        verdict: Verdict::Holds,
        certified_at: statement.began_at,
        checked_at: engine.now(),
        rows: 0,
        ranges: 0,
        calls: 0,
        differing: Vec::new(),
        unread: Vec::new(),
    };
    forget_names(engine, statement.sides.iter().map(|side| &side.connection).collect::<BTreeSet<_>>().into_iter()).await;
    for side in &statement.sides {
        let name = format!("{} at {}", side.object, side.connection);
        if let Some(why) = &side.incomplete {
            answer.unread.push(format!("{name} was not read completely when it was certified: {why}"));
            continue;
        }
        let strangers = strangers(statement, side);
        let check = Check { engine, grounds: &grounds, side, strangers: &strangers, part, certified_at: statement.began_at };
        match check.run(on_page, stop, &mut answer).await {
            Ok(()) => {}
            Err(Trouble::Vendor(why)) => answer.unread.push(format!("{name} could not be read: {why}")),
            Err(Trouble::Store(error)) => return Err(error),
        }
    }
    if let Part::Record(record) = part
        && answer.rows == 0
        && answer.differing.is_empty()
        && answer.unread.is_empty()
    {
        return Err(EngineError::Unknown {
            what: "record in this certificate",
            name: record.to_string(),
            remedy: "nothing of it was certified: it is not there, or came later; reconcile anew to certify it".to_owned(),
        });
    }
    answer.verdict = verdict(&answer);
    Ok(answer)
}

/// The worst of what was found.
fn verdict(answer: &Verification) -> Verdict {
    let rows = || answer.differing.iter().flat_map(|range| &range.rows);
    if !answer.unread.is_empty() || rows().any(|row| !row.known && !row.unread) {
        Verdict::Broken
    } else if rows().any(|row| row.unread) {
        Verdict::Unread
    } else if answer.differing.is_empty() {
        Verdict::Holds
    } else {
        Verdict::MovedOn
    }
}

/// Rows that no record stood for when it was certified.
fn strangers(statement: &Statement, side: &Side) -> Vec<(String, u8)> {
    let here = statement.exceptions.iter().filter(|exception| exception.connection == side.connection && exception.object == side.object);
    here.filter(|exception| exception.record.is_none())
        .filter_map(|exception| Some((exception.external_id.clone()?, exception.range?)))
        .collect()
}

/// The check of one object.
struct Check<'a> {
    engine: &'a Engine,
    grounds: &'a Arc<Grounds>,
    side: &'a Side,
    /// Rows that no record stood for: external id and range.
    strangers: &'a [(String, u8)],
    part: &'a Part,
    certified_at: Timestamp,
}

/// A row that is linked, or was found without a record: external id and record.
type Known = BTreeMap<[u8; NAME_BYTES], (String, Option<RecordId>)>;

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Self {
        Self::Store(error)
    }
}

impl From<entente_store::StoreError> for Trouble {
    fn from(error: entente_store::StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl Check<'_> {
    async fn run(&self, on_page: OnPage<'_>, stop: Stop<'_>, answer: &mut Verification) -> std::result::Result<(), Trouble> {
        let certified = self.certified()?;
        let mut read = ObjectRead::new(self.place(&certified)?);
        let mut known = self.linked(&read.place).await?;
        let findings = if *self.part == Part::Everything {
            read.read(self.engine, self.grounds, false, self.engine.now(), true, on_page, stop).await?;
            if let Some(why) = read.incomplete.take() {
                return Err(Trouble::Vendor(why));
            }
            std::mem::take(&mut read.findings)
        } else {
            let ids = self.wanted(&known);
            let found = read.look_again(self.engine, self.grounds, &ids).await?;
            answer.rows += ids.len() as u64;
            found
        };
        if *self.part == Part::Everything {
            answer.rows += read.rows;
        }
        answer.calls += made(self.engine, &read);
        let unlinked = findings.iter().filter(|finding| finding.record.is_none()).filter_map(|finding| finding.external_id.as_ref());
        for id in unlinked.chain(self.strangers.iter().map(|(id, _)| id)) {
            known.entry(self.name(id)).or_insert_with(|| (id.clone(), None));
        }
        let found = read.leaves.sorted();
        let ranges: BTreeSet<u8> = certified.keys().chain(found.keys()).copied().filter(|range| self.part.has(*range)).collect();
        answer.ranges += ranges.len() as u64;
        for range in ranges {
            let nothing = Vec::new();
            let before = certified.get(&range).unwrap_or(&nothing);
            let now = found.get(&range).unwrap_or(&nothing);
            let differing = differences(before, now, |name| self.is_asked(&known, name));
            if !differing.is_empty() {
                let rows = self.explain(differing, &known, &findings, &read.marks).await?;
                answer.differing.push(RangeDifference {
                    connection: self.side.connection.clone(),
                    object: self.side.object.clone(),
                    range,
                    rows,
                });
            }
        }
        Ok(())
    }

    fn name(&self, id: &str) -> [u8; NAME_BYTES] {
        self.grounds.printer.name(&self.side.connection, &self.side.object, id)
    }

    /// Where to read, with the fields that were certified beside those that are mapped now.
    fn place(&self, certified: &BTreeMap<u8, Vec<Leaf>>) -> Result<Arc<Place>> {
        self.engine.connection(&self.side.connection)?;
        let scope = Scope { object: None, connection: Some(self.side.connection.clone()) };
        let mapped = places(self.engine, &scope).into_iter().find(|place| place.object == self.side.object);
        let Some(mapped) = mapped else {
            return Err(refuse(
                format!("{} at {} is not mapped any more", self.side.object, self.side.connection),
                "make a new certificate with `entente reconcile`",
            ));
        };
        let mut place = (*mapped).clone();
        let missing: Vec<String> = self.side.fields.iter().filter(|field| !place.fields.contains(field)).cloned().collect();
        place.fields.extend(missing);
        place.vouched.clone_from(&self.side.fields);
        place.certified = Some(Arc::new(certified.values().flatten().copied().collect()));
        Ok(Arc::new(place))
    }

    /// The rows of each range as they were certified.
    fn certified(&self) -> Result<BTreeMap<u8, Vec<Leaf>>> {
        let wanted = self.side.ranges.iter().filter(|(range, _)| self.part.has(**range));
        wanted
            .map(|(range, certified)| {
                let leaves = leaves_of(certified, &self.grounds.printer).ok_or_else(|| {
                    refuse(
                        format!("range {range} of {} at {} does not fit its fingerprint", self.side.object, self.side.connection),
                        "verify it with the instance that made it",
                    )
                })?;
                Ok((*range, leaves))
            })
            .collect()
    }

    /// Every row that is or was linked.
    async fn linked(&self, place: &Arc<Place>) -> Result<Known> {
        let mut known = Known::new();
        let far = Timestamp::MAX;
        for gone in [false, true] {
            let mut after = String::new();
            loop {
                let (of, from) = (Arc::clone(place), after.clone());
                let rows: Vec<(String, RecordId)> = self
                    .engine
                    .store()
                    .read(move |tx| {
                        Ok(if gone {
                            let ended = tx.ended_links(&of.connection, &of.object, &from, PAGE_ROWS_MAX)?;
                            ended.into_iter().map(|link| (link.external_id, link.record)).collect()
                        } else {
                            let present = tx.present_rows(&of.connection, &of.object, far, &from, PAGE_ROWS_MAX)?;
                            present.into_iter().map(|row| (row.id, row.record)).collect()
                        })
                    })
                    .await?;
                let Some((last, _)) = rows.last() else { break };
                after.clone_from(last);
                known.extend(rows.into_iter().map(|(id, record)| (self.name(&id), (id, Some(record)))));
            }
        }
        Ok(known)
    }

    /// Whether a row belongs to what is checked.
    fn is_asked(&self, known: &Known, name: &[u8; NAME_BYTES]) -> bool {
        match self.part {
            Part::Record(wanted) => known.get(name).is_some_and(|(_, record)| record.as_ref() == Some(wanted)),
            _ => true,
        }
    }

    /// Ids of the rows to look at for a range or a record.
    fn wanted(&self, known: &Known) -> Vec<String> {
        let of_range = |record: &RecordId| self.part.has(range_of(record.as_str()));
        let linked = known.iter().filter(|(name, (_, record))| record.as_ref().is_some_and(of_range) && self.is_asked(known, name));
        let mut ids: BTreeSet<String> = linked.map(|(_, (id, _))| id.clone()).collect();
        if let Part::Range(range) = self.part {
            ids.extend(self.strangers.iter().filter(|(_, of)| of == range).map(|(id, _)| id.clone()));
        }
        ids.into_iter().collect()
    }

    /// What has become of rows, and whether Entente knows.
    async fn explain(
        &self,
        differing: Vec<(Change, [u8; NAME_BYTES])>,
        known: &Known,
        findings: &[Finding],
        marks: &HashMap<[u8; NAME_BYTES], LastChange>,
    ) -> Result<Vec<RowDifference>> {
        let ids: Vec<String> = differing.iter().filter_map(|(_, name)| known.get(name)).map(|(id, _)| id.clone()).collect();
        let keys: Vec<RemoteKey> = ids.iter().map(|id| RemoteKey::new(&self.side.connection, &self.side.object, id)).collect();
        let (links, records) = self
            .engine
            .store()
            .read(move |tx| {
                let links = tx.links_at(&keys)?;
                let records: Vec<RecordId> = links.values().map(|link| link.record.clone()).collect();
                Ok((links, tx.records(&Viewer::system(), &records)?))
            })
            .await?;
        let since = |at: Option<Timestamp>| at.is_some_and(|at| at >= self.certified_at);
        let rows = differing.into_iter().map(|(change, name)| {
            let Some((id, record)) = known.get(&name) else {
                return RowDifference { change, record: None, external_id: None, known: false, unread: false, fields: Vec::new() };
            };
            let of_row: Vec<&Finding> = findings.iter().filter(|finding| finding.external_id.as_ref() == Some(id)).collect();
            let link = links.get(&RemoteKey::new(&self.side.connection, &self.side.object, id));
            let taken_in = link.map_or(Knowledge::None, |link| {
                if change == Change::Gone && link.state != LinkState::Present {
                    return Knowledge::Whole;
                }
                let seen = since(link.seen_at) || since(link.changed_at) || since(Some(link.created_at));
                let is_newer = seen || records.get(&link.record).is_some_and(|record| since(Some(record.updated_at)));
                // That something of a row was taken in since does not tell that all of it was.
                marks.get(&name).filter(|_| is_newer).map_or(Knowledge::None, |last| last.known(link))
            });
            RowDifference {
                change,
                record: record.as_ref().map(ToString::to_string),
                external_id: Some(id.clone()),
                known: taken_in == Knowledge::Whole && of_row.is_empty(),
                unread: taken_in == Knowledge::Part && of_row.is_empty(),
                fields: of_row.iter().filter_map(|finding| finding.field.clone()).collect(),
            }
        });
        Ok(rows.collect())
    }
}

/// Rows that are not the same in both, by name.
fn differences(before: &[Leaf], now: &[Leaf], is_asked: impl Fn(&[u8; NAME_BYTES]) -> bool) -> Vec<(Change, [u8; NAME_BYTES])> {
    let by_name = |leaves: &[Leaf]| leaves.iter().map(|leaf| (name_of(leaf), *leaf)).collect::<BTreeMap<_, _>>();
    let (before, now) = (by_name(before), by_name(now));
    let gone = before.keys().filter(|name| !now.contains_key(*name)).map(|name| (Change::Gone, *name));
    let other = now.iter().filter_map(|(name, leaf)| match before.get(name) {
        None => Some((Change::New, *name)),
        Some(known) if known != leaf => Some((Change::Changed, *name)),
        Some(_) => None,
    });
    gone.chain(other).filter(|(_, name)| is_asked(name)).collect()
}

/// Calls that a check is going to make, as far as the certificate tells: a record has one row at each connection.
#[must_use]
pub fn calls_to_verify(engine: &Engine, certificate: &Certificate, part: &Part) -> u64 {
    if matches!(part, Part::Record(_)) {
        return certificate.statement.sides.iter().map(|side| &side.connection).collect::<BTreeSet<_>>().len() as u64;
    }
    let of = |side: &Side| {
        if *part == Part::Everything {
            return super::cost::pages(engine, &side.connection, &side.object, side.rows);
        }
        let rows: u64 = side.ranges.iter().filter(|(range, _)| part.has(**range)).map(|(_, range)| range.rows).sum();
        let fetched = engine.connection(&side.connection).map_or(100, |ready| ready.connector.spec().fetch_max.max(1)) as u64;
        rows.div_ceil(fetched)
    };
    certificate.statement.sides.iter().map(of).sum()
}
