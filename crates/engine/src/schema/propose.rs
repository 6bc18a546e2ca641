//! What would put a mapping right: lines that take the place of those that a change breaks.

use std::collections::BTreeMap;

use entente_model::mapping::patch::{LinePatch, Patch, renamed};
use entente_model::mapping::remote::RemoteObject;
use entente_model::mapping::schema::{ChangeKind, Difference};
use entente_model::mapping::{Direction, FieldMap};
use entente_model::normalise::Locale;

use super::breaks::{Saved, lines, misfits};
use super::detail::{Hit, ObjectPatch};

/// Conversions that are tried where a field is of another type: its name goes in the place of `{}`.
const CONVERSIONS: &[&str] = &["TEXT({})", "VALUE({})", "DATEVALUE({})"];

/// Patches of the mappings that a change hits, without knowing what has become of the field: a line that can be converted is, and what
/// cannot be synced any more is archived.
pub(super) fn without_evidence(
    of: &Difference,
    hits: &[Hit],
    saved: &[Saved<'_>],
    now: &RemoteObject,
    locale: &Locale,
) -> Vec<ObjectPatch> {
    patches(of, hits, saved, |one, line| match of.kind {
        ChangeKind::Retyped => Some(converted(line, one, now, locale).unwrap_or_else(|| archived(line))),
        ChangeKind::Removed => Some(archived(line)),
        // A list that refuses a value says nothing of what takes its place.
        _ => None,
    })
}

/// Patches that let lines use another remote field.
pub(super) fn to_field(of: &Difference, to: &str, hits: &[Hit], saved: &[Saved<'_>]) -> Vec<ObjectPatch> {
    patches(of, hits, saved, |_, line| Some(renamed(line, &of.field, to)))
}

/// Patches that translate remote values: the new one, and ours.
pub(super) fn to_values(of: &Difference, pairs: &BTreeMap<String, String>, hits: &[Hit], saved: &[Saved<'_>]) -> Vec<ObjectPatch> {
    patches(of, hits, saved, |_, line| {
        let mut line = line.clone();
        line.values.retain(|(_, ours)| !pairs.values().any(|known| known == ours.trim()));
        line.values.extend(pairs.iter().map(|(theirs, ours)| (theirs.clone(), ours.clone())));
        Some(line)
    })
}

fn patches(
    of: &Difference,
    hits: &[Hit],
    saved: &[Saved<'_>],
    after: impl Fn(&Saved<'_>, &FieldMap) -> Option<FieldMap>,
) -> Vec<ObjectPatch> {
    let mut found = Vec::new();
    for one in saved {
        let Some(hit) = hits.iter().find(|hit| hit.object == one.mapping.object && !hit.whole) else { continue };
        let broken = lines(one.mapping, &of.field).into_iter().filter(|line| hit.fields.contains(&line.field));
        let patched: Vec<LinePatch> =
            broken.filter_map(|line| Some(LinePatch { before: Some(line.clone()), after: after(one, line)? })).collect();
        if !patched.is_empty() {
            found.push(ObjectPatch { object: hit.object.clone(), patch: Patch { lines: patched } });
        }
    }
    found
}

fn archived(line: &FieldMap) -> FieldMap {
    FieldMap { archived: true, ..line.clone() }
}

/// The line with the first conversion that fits the field as it is now: as it was, by formulas, or read only.
fn converted(line: &FieldMap, one: &Saved<'_>, now: &RemoteObject, locale: &Locale) -> Option<FieldMap> {
    let formulas = |name: &str, present: &Option<String>| {
        let mut list = vec![present.clone()];
        if present.is_none() {
            list.extend(CONVERSIONS.iter().map(|form| Some(form.replace("{}", name))));
        }
        list
    };
    let directions = if line.direction == Direction::In { vec![Direction::In] } else { vec![line.direction, Direction::In] };
    for direction in directions {
        for get in formulas(&line.remote, &line.get) {
            for put in formulas(&line.field, &line.put) {
                let put = if direction == Direction::In { None } else { put };
                let trial = FieldMap { get: get.clone(), put, direction, ..line.clone() };
                let mut mapping = one.mapping.clone();
                mapping.fields = vec![trial.clone()];
                if !misfits(&Saved { mapping: &mapping, object: one.object }, now, locale).contains(&line.field) {
                    return Some(trial);
                }
            }
        }
    }
    None
}
