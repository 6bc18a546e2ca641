//! Fields that drift, lack values, or are seen at one side alone.

use std::collections::{BTreeMap, BTreeSet};

use entente_model::mapping::{Direction, Role};
use entente_store::{StoreError, Tx};

use super::{Found, Grounds};
use crate::reports::monthly::changes::in_force;
use crate::reports::{levels, mapped};

/// Records that drift from which a field is worth a word.
const DRIFT_MIN: u64 = 10;

/// Share of records without a required value from which it is worth a word, in percent.
const LACKING_PERCENT: u64 = 1;

/// Records below which a share of them means nothing.
const RECORDS_MIN: u64 = 20;

/// Share of records with a value from which others may want to see it, in percent.
const FILLED_PERCENT: u64 = 50;

/// Objects whose fields people of both sides look at.
const SHARED_OBJECTS: &[&str] = &["account", "contact"];

fn label(grounds: &Grounds<'_>, name: &str) -> String {
    let (object, field) = name.split_once('.').unwrap_or((name, ""));
    mapped::label(&grounds.engine.catalog(), object, field)
}

/// The field that drifted most.
pub(super) fn drift(grounds: &Grounds<'_>, tx: &mut Tx<'_>) -> Result<Option<Found>, StoreError> {
    let peaks = levels::drift_by_field(tx, grounds.engine, grounds.range.from, grounds.range.to)?;
    let Some((name, many)) = peaks.into_iter().max_by_key(|(name, many)| (*many, std::cmp::Reverse(name.clone()))) else { return Ok(None) };
    if many < DRIFT_MIN {
        return Ok(None);
    }
    let label = label(grounds, &name);
    Ok(Some(Found::new(
        "drift",
        50,
        format!("Find out what changes \"{label}\" behind the sync"),
        format!("it differed on up to {many} records at a time, more than any other field; `entente reconcile` names the cause of each"),
    )))
}

/// The required field that most records lack.
pub(super) fn lacking(grounds: &Grounds<'_>, tx: &mut Tx<'_>) -> Result<Option<Found>, StoreError> {
    let Some(filled) = levels::filled(tx, grounds.month)? else { return Ok(None) };
    let Some((name, many)) = filled.lacking.iter().max_by_key(|(name, many)| (**many, std::cmp::Reverse((*name).clone()))) else {
        return Ok(None);
    };
    let records = name.split_once('.').and_then(|(object, _)| filled.records.get(object)).copied().unwrap_or(0);
    if records < RECORDS_MIN || many * 100 < records * LACKING_PERCENT {
        return Ok(None);
    }
    let label = label(grounds, name);
    Ok(Some(Found::new(
        "completeness",
        45,
        format!("Fill in \"{label}\" where it is blank"),
        format!(
            "{many} of {records} records lacked it when the month was counted last, and none of them gets a counterpart at a platform that needs it"
        ),
    )))
}

/// The field that is filled in most and seen at one side alone.
pub(super) fn unshared(grounds: &Grounds<'_>, tx: &mut Tx<'_>) -> Result<Option<Found>, StoreError> {
    let Some(filled) = levels::filled(tx, grounds.month)? else { return Ok(None) };
    let mut sides: BTreeMap<(&str, String), (BTreeSet<String>, bool)> = BTreeMap::new();
    let mut mapped_at: BTreeMap<(&str, Role), BTreeSet<String>> = BTreeMap::new();
    for (name, mapping) in in_force(grounds.histories, grounds.range.to) {
        let Some(connection) = grounds.engine.connections().get(name) else { continue };
        let Some(object) = SHARED_OBJECTS.iter().find(|object| **object == mapping.object) else { continue };
        for line in mapping.fields.iter().filter(|line| !line.archived) {
            mapped_at.entry((object, connection.role)).or_default().insert(line.field.clone());
            let (at, read) = sides.entry((object, line.field.clone())).or_default();
            at.insert(name.to_owned());
            *read |= line.direction != Direction::Out;
        }
    }
    let mut best: Option<(u64, String, String, Role)> = None;
    for ((object, field), (at, _)) in sides.into_iter().filter(|(_, (_, read))| *read) {
        let has = |role: Role| mapped_at.get(&(object, role)).is_some_and(|fields| fields.contains(&field));
        let lacks = match (has(Role::Crm), has(Role::Support)) {
            (true, false) => Role::Support,
            (false, true) => Role::Crm,
            _ => continue,
        };
        // A side without any mapping of the object shows none of its fields.
        if !mapped_at.contains_key(&(object, lacks)) {
            continue;
        }
        let records = filled.records.get(object).copied().unwrap_or(0);
        let name = format!("{object}.{field}");
        let many = filled.filled.get(&name).copied().unwrap_or(0);
        if records < RECORDS_MIN || many * 100 < records * FILLED_PERCENT {
            continue;
        }
        let share = many * 100 / records;
        if best.as_ref().is_none_or(|(known, ..)| share > *known) {
            best = Some((share, name, at.into_iter().collect::<Vec<_>>().join(" and "), lacks));
        }
    }
    let Some((share, name, at, lacks)) = best else { return Ok(None) };
    let (label, there) = (label(grounds, &name), if lacks == Role::Crm { "CRM" } else { "support desk" });
    Ok(Some(Found::new(
        "unshared_field",
        25,
        format!("Show \"{label}\" in the {there} as well: add it to the mapping"),
        format!("{share}% of the records had a value when the month was counted last, and it was mapped at {at} alone"),
    )))
}
