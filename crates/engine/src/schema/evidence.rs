//! What has become of a field, or of a value of a list, by the values themselves: rows are looked at whose value was agreed before, and
//! whatever holds these values now is what the field, or the value, has become. Names prove nothing, so they are not asked.

use std::collections::{BTreeMap, BTreeSet};

use entente_connect::connector::Priority;
use entente_connect::look::{Existence, ReadSpec};
use entente_model::id::RecordId;
use entente_model::mapping::FieldMap;
use entente_model::mapping::convert::Lens;
use entente_model::mapping::patch::renamed;
use entente_model::mapping::remote::{RemoteObject, Row};
use entente_model::mapping::schema::Difference;
use entente_model::value::{Fields, Value};
use entente_store::{LinkState, Viewer};

use super::breaks::{Saved, lines, misfits, ours, writes};
use super::detail::Detail;
use crate::engine::Engine;
use crate::error::{EngineError, Result};

/// Rows that are looked at: what one call of every platform fetches.
const ROWS: usize = 100;

/// Rows below which values prove nothing.
const ROWS_MIN: usize = 3;

/// Share of the rows that must hold the value, in percent: some were edited since.
const SHARE_PERCENT: usize = 90;

/// The same where the values are different ones: nothing else holds several of them by chance, so that more may have been edited since.
const SHARE_OF_DISTINCT_PERCENT: usize = 60;

/// Records looked through for rows with a value, a page at a time.
const RECORDS: usize = 2_000;

/// Candidates looked at for one field: what fits one read beside the standing fields of any platform.
const CANDIDATES: usize = 40;

/// Values that were agreed of a field, by external id.
type Agreed = BTreeMap<String, Value>;

/// Whether so many rows of so many prove it, with so many different values among them.
fn is_enough(matches: usize, distinct: usize, of: usize) -> bool {
    let share = if distinct >= ROWS_MIN { SHARE_OF_DISTINCT_PERCENT } else { SHARE_PERCENT };
    matches >= ROWS_MIN && matches * 100 >= of * share
}

/// Rows at a connection with the value that was agreed of a field of ours, if it is one that `counts`.
async fn agreed(engine: &Engine, connection: &str, object: &str, field: &str, counts: impl Fn(&Value) -> bool + Sync) -> Result<Agreed> {
    let (mut found, mut after, mut seen): (Agreed, Option<RecordId>, usize) = (Agreed::new(), None, 0);
    while found.len() < ROWS && seen < RECORDS {
        let (wanted, last, at) = (object.to_owned(), after.clone(), connection.to_owned());
        let (ids, links) = engine
            .store()
            .read(move |tx| {
                let records = tx.records_after(&Viewer::system(), &wanted, last.as_ref(), ROWS * 2)?;
                let ids: Vec<RecordId> = records.into_iter().map(|record| record.id).collect();
                let mut links = tx.links_of(&ids)?;
                links.retain(|link| link.connection == at && link.state == LinkState::Present);
                Ok((ids, links))
            })
            .await?;
        for link in links {
            let Some(value) = link.base.get(field).filter(|value| !value.is_blank() && counts(value)) else { continue };
            if found.len() < ROWS {
                found.insert(link.external_id, value.clone());
            }
        }
        seen += ids.len();
        after = ids.last().cloned();
        if after.is_none() {
            break;
        }
    }
    Ok(found)
}

async fn rows(engine: &Engine, connection: &str, remote: &str, fields: Vec<String>, ids: Vec<String>) -> Result<BTreeMap<String, Row>> {
    let ready = engine.connection(connection)?;
    let read = ReadSpec { object: remote.to_owned(), fields };
    let mut rows = BTreeMap::new();
    for chunk in ids.chunks(ready.connector.spec().fetch_max.max(1)) {
        let looks = ready.connector.fetch(&read, chunk, Priority::Update).await.map_err(|error| EngineError::vendor(connection, error))?;
        rows.extend(looks.into_iter().filter(|look| look.existence == Existence::Present).map(|look| (look.id, look.row)));
    }
    Ok(rows)
}

/// The field that holds the values of one that is gone, and how that is known. `None` when no field does, or several do.
pub(super) async fn successor(
    engine: &Engine,
    connection: &str,
    of: &Difference,
    detail: &Detail,
    saved: &[Saved<'_>],
    now: &RemoteObject,
) -> Result<Option<(String, String)>> {
    let locale = engine.options().locale.clone();
    for one in saved {
        for line in lines(one.mapping, &of.field).into_iter().filter(|line| line.remote == of.field) {
            let trial = |candidate: &str| {
                let mut mapping = one.mapping.clone();
                mapping.fields = vec![FieldMap { archived: false, ..renamed(line, &of.field, candidate) }];
                mapping
            };
            let fits = |candidate: &&String| {
                let mapping = trial(candidate);
                !misfits(&Saved { mapping: &mapping, object: one.object }, now, &locale).contains(&line.field)
            };
            let candidates: Vec<String> =
                detail.candidates.iter().filter(|name| now.field(name).is_some()).filter(fits).take(CANDIDATES).cloned().collect();
            if candidates.is_empty() {
                continue;
            }
            let agreed = agreed(engine, connection, &one.mapping.object, &line.field, |_| true).await?;
            let mut wanted: BTreeSet<String> = candidates.iter().cloned().collect();
            for candidate in &candidates {
                let lens = Lens::compile(trial(candidate), one.object, None, locale.clone());
                wanted.extend(lens.iter().flat_map(Lens::reads).filter(|name| *name != one.mapping.key));
            }
            let rows = rows(engine, connection, &now.name, wanted.into_iter().collect(), agreed.keys().cloned().collect()).await?;
            let mut proven = Vec::new();
            for candidate in candidates {
                let Ok(lens) = Lens::compile(trial(&candidate), one.object, None, locale.clone()) else { continue };
                let mut distinct = BTreeSet::new();
                let mut matches = 0;
                for (id, row) in &rows {
                    let value = &agreed[id];
                    let got = lens.get(row, &Fields::new(), &|_, _| None, engine.now());
                    if got.fields.get(&line.field).is_some_and(|found| found.agrees(value)) {
                        matches += 1;
                        distinct.insert(value.display());
                    }
                }
                if is_enough(matches, distinct.len(), rows.len()) {
                    proven.push((matches, candidate));
                }
            }
            // Two fields that hold the same values leave it open which of them it is.
            if let [(matches, candidate)] = proven.as_slice() {
                let how = format!("{matches} of {} rows hold in `{candidate}` what `{}` held", rows.len(), of.field);
                return Ok(Some((candidate.clone(), how)));
            }
        }
    }
    Ok(None)
}

/// What values that left a list have become: pairs of the new remote value and ours, and how that is known.
pub(super) async fn successors_of_values(
    engine: &Engine,
    connection: &str,
    of: &Difference,
    saved: &[Saved<'_>],
    now: &RemoteObject,
) -> Result<Option<(BTreeMap<String, String>, String)>> {
    let fresh = of.values_new();
    let (mut pairs, mut how) = (BTreeMap::new(), Vec::new());
    for one in saved {
        for line in lines(one.mapping, &of.field).into_iter().filter(|line| writes(line) && line.remote == of.field) {
            for gone in of.values_gone() {
                let own = ours(line, &gone).to_owned();
                let counts = |value: &Value| value.as_text() == Some(own.as_str());
                let agreed = agreed(engine, connection, &one.mapping.object, &line.field, counts).await?;
                if agreed.len() < ROWS_MIN || fresh.is_empty() {
                    continue;
                }
                let rows = rows(engine, connection, &now.name, vec![of.field.clone()], agreed.into_keys().collect()).await?;
                for value in &fresh {
                    let matches = rows.values().filter(|row| row.get(&of.field).and_then(|held| held.as_str()) == Some(value)).count();
                    if is_enough(matches, 1, rows.len()) {
                        how.push(format!("{matches} of {} rows with `{gone}` hold `{value}` now", rows.len()));
                        pairs.insert(value.clone(), own.clone());
                    }
                }
            }
        }
    }
    Ok((!pairs.is_empty()).then(|| (pairs, how.join("; "))))
}
